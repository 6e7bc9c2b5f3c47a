"""Figures of lesson 07: recorded experiments as points over seeds, with their means."""

import numpy as np

from kdlab.intervals import t_interval
from kdlab.plots.base import (
    BLUE,
    CONTROL,
    DISTILLED,
    DPI,
    GRAY,
    GREEN,
    HARD,
    PINK,
    RED,
    SIZE,
    SKY,
    TEACHER,
    Picture,
    draw_arm,
    draw_named,
    in_course_style,
    percent,
    picture,
    rows_of,
)
from kdlab.plots.dark_knowledge import LOOKS, source_of


@in_course_style
def patience(recorded):
    """Test errors against epochs for five ways to use a picture: labels or the teacher's answer, as it is or moved."""
    looks = {
        "labels": (HARD, "-", "o", "true labels"),
        "labels_moved": (HARD, "--", "s", "true labels, moved pictures"),
        "cached": (DISTILLED, "-", "o", "cached answers"),
        "stale": (CONTROL, "--", "^", "moved pictures, stale answers"),
        "same_view": (DISTILLED, "--", "s", "the same view: teacher asked anew"),
    }
    figure, ax = picture(size=(SIZE[0], 3.9))
    lengths = sorted({row["epochs"] for row in recorded["students"]})
    for arm, (*look, words) in looks.items():
        points = {n: [row["errors"][arm] for row in rows_of(recorded, "students", epochs=n)] for n in lengths}
        draw_named(ax, points, look, words)
    (taught,) = (row["errors"] for row in rows_of(recorded, "teachers", on="all"))
    ax.axhline(np.mean(taught), color=TEACHER, linestyle=":", linewidth=1.5, label="the teachers' mean")
    ax.set_xscale("log")
    ax.set_xticks(lengths, [f"{n} epochs" for n in lengths])
    ax.minorticks_off()
    ax.set(ylabel="test errors of 10 000", ylim=(0, None))
    ax.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5))
    words = f"recorded: {len(taught)} seeds, each arm at its own learning rate; {recorded['script']}"
    figure.suptitle(words, fontsize="small", color=GRAY)
    return figure


@in_course_style
def noise(recorded):
    """Errors and calibration error against the share of wrong labels, one line for each arm."""
    figure, axes = picture(2, size=(SIZE[0], 3.8))
    words = {"clean teacher, alpha 0.3": "clean teacher, and labels"}
    for name in ("hard labels", "label smoothing", "noisy teacher", "clean teacher, alpha 0.3"):
        mine = rows_of(recorded, "noise", arm=name)
        look = LOOKS["distilled" if name.startswith("clean") else name]
        for ax, (key, of) in zip(axes, (("test_errors", 10_000), ("ece", 1)), strict=True):
            draw_named(ax, {row["share"]: percent(row[key], of) for row in mine}, look, words.get(name, name))
    alone = {"clean teacher": (BLUE, "clean teacher, no labels"), "clean teacher's argmax": (GRAY, "its argmax")}
    for name, (color, label) in alone.items():
        (row,) = rows_of(recorded, "noise", arm=name)
        for ax, (key, of) in zip(axes, (("test_errors", 10_000), ("ece", 1)), strict=True):
            ax.axhline(np.mean(percent(row[key], of)), color=color, linestyle=":", linewidth=1.5, label=label)
    shares = sorted({row["share"] for row in recorded["noise"] if "share" in row})
    for ax, title in zip(axes, ("test errors", "expected calibration error"), strict=True):
        ax.set_xticks(shares, [f"{100 * share:.0f} %" for share in shares])
        ax.set(xlabel="wrong labels", title=title, ylim=(0, None))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    axes[0].legend(fontsize="small")
    source_of(figure, recorded)
    return figure


@in_course_style
def nothing_gained(recorded):
    """Where distillation does nothing or harm: tiny students against temperature, and a poor teacher."""
    tiny, poor = recorded["tiny"], recorded["poor_teacher"]
    figure, axes = picture(2, size=(SIZE[0], 3.8), width_ratios=[1.15, 1])
    temperatures = sorted({row["temperature"] for row in tiny if "temperature" in row})
    for width, shade in zip(sorted({row["width"] for row in tiny}), (1.0, 0.7, 0.45), strict=True):
        (hard,) = (row for row in tiny if row["width"] == width and row["arm"] == "hard labels")
        soft = {row["temperature"]: row for row in tiny if row["width"] == width and "temperature" in row}
        values = [percent(soft[t]["test_errors"]) for t in temperatures]
        means = [np.mean(own) for own in values]
        axes[0].plot(range(len(means)), means, "o-", color=BLUE, alpha=shade, linewidth=2, markersize=5)
        for place, own in enumerate(values):
            axes[0].plot([place] * len(own), own, ".", color=BLUE, markersize=3, alpha=0.5)
        axes[0].axhline(np.mean(percent(hard["test_errors"])), color=RED, linestyle="--", alpha=shade)
        axes[0].annotate(f"{width} units", (len(means) - 1, means[-1]), (8, -4), textcoords="offset points", color=BLUE)
    axes[0].set_xticks(range(len(temperatures)), [f"{t:g}" for t in temperatures])
    axes[0].set(xlabel="temperature", title="50 000 labels, few units (dashed: hard)", xlim=(-0.3, len(temperatures)))

    names = {f"{row['arm']}, α = {row['alpha']:g}" if "alpha" in row else row["arm"]: row for row in poor}
    for place, (name, row) in enumerate(names.items()):
        color, values = {"h": RED, "g": BLUE, "p": GREEN}[name[0]], percent(row["test_errors"])
        axes[1].barh(place, np.mean(values), color=color, alpha=0.35, height=0.7)
        axes[1].plot(values, [place] * len(values), "o", color=color, markersize=4)
    itself = np.mean([percent(row["teacher_test_errors"]) for row in poor if row["arm"] == "poor teacher"])
    axes[1].axvline(itself, color=GRAY, linestyle=":")
    axes[1].annotate("the poor teacher", (itself, 0), (-5, -4), textcoords="offset points",
                     color=GRAY, fontsize="small", ha="right")  # fmt: skip
    axes[1].set_yticks(range(len(names)), names)
    axes[1].invert_yaxis()
    axes[1].grid(axis="y", visible=False)
    axes[1].set(title="10 000 labels and a teacher", xlim=(0, None), xticks=[0, 5, 10, 15])
    for axis in (axes[0].yaxis, axes[1].xaxis):
        axis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    source_of(figure, recorded)
    return figure


# --- the luck of labels ---------------------------------------------------------------------------

VOICES = {"hard": (HARD, "--", "labels"), "distilled": (DISTILLED, "-", "a teacher's probabilities")}


@in_course_style
def luck_panel(truth, teacher, margins, points, errors, outcomes, *, extent, least, counts, bias, stop):
    """LuckPanel as a still: the borders of students with drawn labels and with probabilities, and the errors of all runs."""
    figure, axes = picture(3, size=(SIZE[0], 3.4))
    steps = np.linspace(-extent, extent, len(truth))
    for ax, (who, (color, _, name)) in zip(axes, VOICES.items(), strict=False):
        ax.imshow(truth, cmap="gray_r", vmin=0, vmax=3, extent=(-extent, extent) * 2)
        for own in margins[who]:
            ax.contour(steps, -steps, own, [0], colors=[color], linewidths=0.9)
        ax.contour(steps, -steps, truth, [0.5], colors=["black"], linestyles=":", linewidths=2)
        if who == "distilled":
            ax.contour(steps, -steps, teacher, [0], colors=[TEACHER], linestyles="--", linewidths=2)
        x, y, label, p = np.transpose(points[:200])
        ax.scatter(
            x,
            y,
            s=9,
            c=label if who == "hard" else p,
            cmap="gray_r",
            vmin=0,
            vmax=1,
            edgecolors="black",
            linewidths=0.5,
        )
        mean = f"{100 * np.mean(errors[who]):.1f} % wrong" if errors else ""
        ax.set(title=name, xlabel=mean, xticks=[], yticks=[], xlim=(-extent, extent), ylim=(-extent, extent))
        ax.grid(False)
    axes[2].axhline(100 * least, color="black", linestyle=":", label="the best possible")
    for place, (who, (color, _, _)) in enumerate(VOICES.items()):
        rows = [row for row in outcomes if who == "hard" or row[1] == stop]
        axes[2].plot([row[0] for row in rows], [100 * row[2 + place] for row in rows], "o", color=color,
                     markerfacecolor="white" if who == "hard" else color)  # fmt: skip
    axes[2].set_xticks(range(len(counts)), counts)
    axes[2].set(title="how often wrong", xlabel="points", xlim=(-0.5, len(counts) - 0.5), ylim=(8, 32))
    axes[2].yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    axes[2].legend(fontsize="small")
    figure.suptitle(
        f"{len(points)} points, the teacher's bias {bias:g} nats (dashed: its border; dotted: the true one)",
        fontsize="medium",
    )
    return figure


@in_course_style
def gradient_luck(variances):
    """How far one example's gradient strays from the mean gradient, with a drawn label and with the probabilities.

    variances: {step: {"points", "labels"}}, see `kdlab.luck.gradient_variance`.
    """
    figure, ax = picture(size=(SIZE[0] * 0.75, 3.2))
    steps = list(variances)
    points = np.array([own["points"] for own in variances.values()])
    labels = np.array([own["labels"] for own in variances.values()])
    at = range(len(steps))
    ax.plot(at, points + labels, "o--", color=HARD, linewidth=2, label="target: a label, drawn from p")
    ax.plot(at, points, "o-", color=DISTILLED, linewidth=2, label="target: p itself")
    ax.set_xticks(at, steps)
    ax.set(title="variance of one example's gradient", xlabel="steps of training", yscale="log")
    ax.legend(fontsize="small")
    return figure


@in_course_style
def luck_errors(recorded):
    """Errors against the number of points: labels, a teacher that knows the truth, and teachers that are wrong."""
    figure, ax = picture(size=(SIZE[0], 3.9))
    looks = {
        "labels": (HARD, "--", "s", "labels"),
        "labels, smoothed": (PINK, "-.", "D", "labels, smoothed"),
        "the teacher's decisions": (GRAY, "-.", "^", "the teacher's decisions"),
        "probabilities, bias 0": (DISTILLED, "-", "o", "its probabilities"),
        "probabilities, bias 0.5": (DISTILLED, (0, (6, 2)), "v", "..., bias 0.5 nats"),
        "probabilities, bias 1": (DISTILLED, (0, (3, 2)), "P", "..., bias 1"),
        "probabilities, bias 2": (DISTILLED, (0, (1, 2)), "X", "..., bias 2"),
    }
    rows = recorded["errors"]
    for place, (arm, (color, dash, marker, name)) in enumerate(looks.items()):
        intervals = [t_interval(percent(row["arms"][arm]["errors"], 1)) for row in rows]
        means, halves = zip(*intervals, strict=True)
        at = [k + 0.05 * (place - 3) for k in range(len(rows))]
        ax.errorbar(
            at, means, halves, color=color, linestyle=dash, marker=marker, markersize=5, linewidth=1.8, label=name
        )
    ax.axhline(100 * rows[0]["least"], color="black", linestyle=":", linewidth=1.2)
    ax.annotate("the best possible", (len(rows) - 1, 100 * rows[0]["least"]), (0, -11), textcoords="offset points",
                ha="right", fontsize="small")  # fmt: skip
    ax.set_xticks(range(len(rows)), [row["count"] for row in rows])
    ax.set(
        title="how often wrong (means of ten seeds, 95 % intervals)", xlabel="points to learn from", ylim=(11.2, 22.4)
    )
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    ax.legend(fontsize="small", ncols=2)
    source_of(figure, recorded)
    return figure


# --- a soft target taken apart --------------------------------------------------------------------

LADDER = {
    "hard labels": "the label",
    "label smoothing": "smoothed:\nno teacher",
    "permuted": "as sure,\nfalse\nresemblance",
    "as sure, nothing else": "as sure,\nnothing else",
    "as sure, another picture's resemblance": "as sure,\nanother's\nresemblance",
    "class means": "the class's\nmean",
    "as sure, the class's resemblance": "as sure,\nthe class's\nresemblance",
    "real": "the soft\ntarget\nitself",
}
FEW, USUAL, MANY = (SKY, ":", "v"), ("black", "-", "o"), (GREEN, "--", "s")  # students that both rows have look alike
CELLS = {
    "10 000 labels": (
        ((32, 10_000), "32 units", FEW),
        ((64, 10_000), "64 units", MANY),
        ((128, 10_000), "128 units", USUAL),
    ),
    "128 units": (
        ((128, 1000), "1000 labels", FEW),
        ((128, 10_000), "10 000 labels", USUAL),
        ((128, 50_000), "50 000 labels", MANY),
    ),
}


@in_course_style
def taken_apart(recorded, targets):
    """A soft target with more and more of it left, and how many errors of the label's student each version saves.

    targets: {name of a version, as in the record: probabilities (classes,) of one picture}.
    """
    figure = Picture(figsize=(SIZE[0], 6.6), dpi=DPI, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(3, len(LADDER), height_ratios=[0.8, 1.5, 1.5])
    for column, (arm, words) in enumerate(LADDER.items()):
        ax = figure.add_subplot(grid[0, column])
        color = HARD if arm == "hard labels" else DISTILLED if arm == "real" else GRAY
        ax.bar(range(len(targets[arm])), targets[arm], color=color)
        ax.set_title(words, fontsize="small", fontweight="normal")
        ax.set(xticks=[], yticks=[], ylim=(0, 1))
        ax.grid(False)
    for row, (title, cells) in enumerate(CELLS.items(), 1):
        ax = figure.add_subplot(grid[row, :])
        for shift, ((width, count), name, (color, dash, marker)) in enumerate(cells):
            mine = {
                own["arm"]: own["test_errors"] for own in rows_of(recorded, "taken_apart", width=width, count=count)
            }
            hard, saved = mine["hard labels"], []
            for arm in LADDER:
                saved.append(t_interval([100 * (b - a) / np.mean(hard) for a, b in zip(mine[arm], hard, strict=True)]))
            means, halves = zip(*saved, strict=True)
            at = [k + 0.1 * (shift - 1) for k in range(len(LADDER))]
            ax.errorbar(at, means, halves, color=color, linestyle=dash, marker=marker, markersize=5, linewidth=1.8,
                        label=f"{name} ({np.mean(hard):.0f} errors with the label)")  # fmt: skip
        ax.axhline(0, color=HARD, linestyle="--", linewidth=1)
        ax.set(
            title=f"errors saved, in % of the label's: {title}",
            xlim=(-0.5, len(LADDER) - 0.5),
            xticks=range(len(LADDER)),
        )
        ax.set_xticklabels([])
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
        ax.legend(fontsize="small", loc="upper left")
    source_of(figure, recorded)
    return figure


# --- agreeing, and being right --------------------------------------------------------------------


@in_course_style
def fidelity(recorded):
    """Students built as their teacher: how far they agree with it, and their errors, against the size of the transfer set."""
    figure, (left, right) = picture(2, size=(SIZE[0], 3.9))
    rows = [row for row in recorded["fidelity"] if "near" not in row and "steps" not in row]
    counts = sorted({row["count"] for row in rows})
    at = {count: k for k, count in enumerate(counts)}.get
    for arm, (color, dash, words) in {"soft": VOICES["distilled"], "hard labels": VOICES["hard"]}.items():
        mine = {row["count"]: row for row in rows if row["arm"] == arm}
        words = words.replace("a teacher's", "its teacher's")
        for key, marker, filled in (("train_agreement", "^", False), ("agreement", "o", True)):
            points = {count: percent(row[key], 1) for count, row in sorted(mine.items())}
            draw_arm(left, points, (color, dash, marker), at=at, filled=filled)
        points = {count: percent(row["test_errors"]) for count, row in sorted(mine.items())}
        draw_arm(right, points, (color, dash, "o"), label=words, at=at)
    extra = {"near": ("D", "begun half-way to the teacher"), "steps": ("*", "three times the steps")}
    for place, (key, (marker, name)) in enumerate(extra.items()):
        beside = len(counts) - 0.7 + 0.3 * place
        for row in (row for row in recorded["fidelity"] if key in row):
            for ax, values, label in (
                (left, percent(row["agreement"], 1), None),
                (right, percent(row["test_errors"]), name),
            ):
                draw_arm(ax, {row["count"]: values}, (GREEN, "", marker), at=lambda _, x=beside: x, label=label)
    left.plot([], [], "^", color="black", markerfacecolor="white", label="on pictures learned from")
    left.plot([], [], "o", color="black", label="on test pictures")
    right.axhline(
        np.mean(percent(rows[0]["teacher_test_errors"])), color=TEACHER, linestyle=":", linewidth=2, label="the teacher"
    )
    for ax, title in ((left, "same answer as the teacher"), (right, "test errors")):
        ax.set_xticks(range(len(counts)), [f"{count:,}".replace(",", " ") for count in counts])
        ax.set(title=title, xlabel="pictures that both have seen", xlim=(-0.3, len(counts) - 0.1))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
        ax.legend(fontsize="small")
    right.set_ylim(0, None)
    source_of(figure, recorded)
    return figure


# --- good teachers --------------------------------------------------------------------------------


@in_course_style
def good_teachers(recorded):
    """Errors of kinds of teacher, and of their students, beside the student of labels alone."""
    kinds = recorded["teachers"]
    figure, axes = picture(2, size=(SIZE[0], 0.45 * len(kinds) + 1.4), sharey=True)
    hard = next(row for row in rows_of(recorded, "taken_apart", width=128, count=10_000) if row["arm"] == "hard labels")
    for ax, key, color in ((axes[0], "teacher_test_errors", TEACHER), (axes[1], "test_errors", DISTILLED)):
        for place, row in enumerate(kinds):
            values = percent(row[key])
            ax.barh(place, np.mean(values), color=color, alpha=0.35, height=0.7)
            ax.plot(values, [place] * len(values), "o", color=color, markersize=4)
        ax.grid(axis="y", visible=False)
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
        ax.set_xlim(0, None)
    axes[1].axvline(
        np.mean(percent(hard["test_errors"])), color=HARD, linestyle="--", label="the same student, labels alone"
    )
    axes[1].legend(fontsize="small", loc="lower left")
    axes[0].set_yticks(range(len(kinds)), [row["kind"] for row in kinds])
    axes[0].invert_yaxis()
    axes[0].set_title("test errors of the teachers")
    axes[1].set_title("test errors of their students")
    source_of(figure, recorded)
    return figure
