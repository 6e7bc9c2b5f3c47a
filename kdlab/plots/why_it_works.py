"""Figures of lesson 07: recorded experiments as points over seeds, with their means."""

import numpy as np

from kdlab.plots.base import (
    BLUE,
    CONTROL,
    DISTILLED,
    GRAY,
    GREEN,
    HARD,
    ORANGE,
    PINK,
    RED,
    SIZE,
    TEACHER,
    draw_named,
    in_course_style,
    percent,
    picture,
    rows_of,
)
from kdlab.plots.dark_knowledge import LOOKS, source_of


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
        axes[0].annotate(f"{width} units", (len(means) - 1, means[-1]), (7, 5), textcoords="offset points", color=BLUE)
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


@in_course_style
def taken_apart(recorded, measured):
    """Test errors of students whose soft targets lack something, between hard labels and the real soft targets."""
    rows = {row["arm"]: row for row in [*measured["measures"], *recorded["taken_apart"]]}
    shown = {
        "hard labels": ("hard labels", RED),
        "label smoothing": ("label smoothing: no teacher", PINK),
        "permuted": ("permuted: how sure, no resemblance", GREEN),
        "class means": ("class means: nothing of this picture", ORANGE),
        "soft, T = 4": ("soft targets, T = 4", BLUE),
    }
    figure, ax = picture(size=(SIZE[0], 2.8))
    for place, (arm, (_, color)) in enumerate(shown.items()):
        values = percent(rows[arm]["test_errors"])
        ax.barh(place, np.mean(values), color=color, alpha=0.35, height=0.7)
        ax.plot(values, [place] * len(values), "o", color=color, markersize=4)
    ax.set_yticks(range(len(shown)), [label for label, _ in shown.values()])
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set(title="test errors, 10 000 labels and 128 units", xlim=(0, None))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
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
