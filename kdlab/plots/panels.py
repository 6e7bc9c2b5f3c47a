"""The panels as stills: what they show where no kernel answers."""

import itertools
import textwrap

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from kdlab.plots.base import (
    BLUE,
    DISTILLED,
    DPI,
    GRAY,
    GREEN,
    HARD,
    NEGATIVE,
    ORANGE,
    PINK,
    RED,
    SIZE,
    SKY,
    TEACHER,
    Picture,
    draw_bars,
    draw_digit,
    draw_distribution,
    draw_paired_bars,
    draw_push_bars,
    in_course_style,
    picture,
)

ARMS = {"teacher": (TEACHER, ":"), "distilled": (DISTILLED, "-"), "hard": (HARD, "--")}
WRITERS = {"teacher": "teacher", "distilled": "distilled", "hard": "hard labels"}


@in_course_style
def soft_targets(logits, probabilities, temperature, *, image=None, classes=None):
    """TemperaturePanel as a still: the image if there is one, logits, soft targets at this temperature."""
    order = np.argsort(-np.asarray(probabilities), kind="stable")
    ratios = [0.55, 1.4, 1.4] if image is not None else [1, 1]
    figure, axes = picture(len(ratios), width_ratios=ratios)
    if image is not None:
        draw_digit(axes[0], image)
    draw_bars(axes[-2], logits, classes=classes, title="logits z", second=order[1])
    title = f"soft targets softmax(z / T) at T = {temperature:.3g}"
    draw_bars(axes[-1], probabilities, classes=classes, title=title, percent=True, second=order[1])
    return figure


def _fold_below(ax, low, high):
    """What lies between 0 and `low` gets the lowest fifth of the y axis, as in the panel: a run begins there."""
    if low <= 0:
        ax.set_ylim(low, high)
        return
    stops, shares = [0, low, high], [0, 0.2, 1]
    ax.set_yscale("function", functions=(lambda y: np.interp(y, stops, shares), lambda s: np.interp(s, shares, stops)))
    ax.set_ylim(0, high)
    ax.set_yticks([0, *(tick for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high)])
    ax.axhspan(0, low, color=GRAY, alpha=0.08, linewidth=0)


@in_course_style
def race(curves, changes, teacher_accuracy, soft, *, steps, temperature, accuracy_range, image):
    """RacePanel as a still: accuracy of both students against the teacher's, and one image's soft targets."""
    figure = Picture(figsize=(SIZE[0], 3.6), dpi=DPI, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(3, 3, width_ratios=[1.3, 0.3, 1])
    ax = figure.add_subplot(grid[:, 0])
    for arm in ("distilled", "hard"):
        color, dash = ARMS[arm]
        values = curves.get(arm, [])
        words = f"{arm} {100 * values[-1]:.1f} %" if values else arm
        ax.plot(curves.get("steps", []), values, color=color, linestyle=dash, linewidth=2, label=words)
    ax.axhline(
        teacher_accuracy, color=TEACHER, linestyle=":", linewidth=1.6, label=f"teacher {100 * teacher_accuracy:.1f} %"
    )
    for step, words in changes:
        ax.axvline(step, color=GRAY, linewidth=0.8)
        ax.annotate(words, (step, accuracy_range[0]), (3, 4), textcoords="offset points", rotation=90, fontsize="small")
    _fold_below(ax, *accuracy_range)
    ax.set(xlim=(0, steps), xlabel="step", title="validation accuracy")
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.legend(loc="lower right", fontsize="small")
    draw_digit(figure.add_subplot(grid[:, 1]), image)
    for row, (name, values) in enumerate(soft.items()):
        ax = figure.add_subplot(grid[row, 2])
        ax.bar(range(len(values)), values, color=ARMS[name][0], width=0.72)
        ax.set(ylim=(0, 1), yticks=[0, 1], yticklabels=["0", "1"], xticks=range(len(values)))
        ax.set_title(f"{name}, T = {temperature:.3g}", fontsize="small")
        ax.grid(axis="x", visible=False)
        if row < 2:
            ax.set_xticklabels([])
    return figure


@in_course_style
def drawing(image, answers):
    """DrawPanel as a still: what was drawn, and each model's answer."""
    figure, axes = picture(1 + len(answers), width_ratios=[0.6] + [1] * len(answers), size=(SIZE[0], 2.6))
    draw_digit(axes[0], image, "drawn")
    for ax, (name, values) in zip(axes[1:], answers.items(), strict=True):
        draw_bars(
            ax, values, title=f"{name}: {int(np.argmax(values))}", percent=True, second=int(np.argsort(values)[-2])
        )
    return figure


@in_course_style
def divergences(p, q, terms, *, classes):
    """DivergencePanel as a still: both distributions, then each class's share in KL(p||q), KL(q||p) and JS."""
    figure = Picture(figsize=(SIZE[0], 4.4), dpi=DPI, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(2, 6, height_ratios=[1.1, 1])
    draw_distribution(figure.add_subplot(grid[0, :3]), p, TEACHER, "p, the teacher", classes)
    draw_distribution(figure.add_subplot(grid[0, 3:]), q, DISTILLED, "q, the student", classes)
    names = {"forward": "KL(p‖q)", "reverse": "KL(q‖p)", "js": "JS(p, q)"}
    for column, (key, values) in enumerate(terms.items()):
        ax = figure.add_subplot(grid[1, 2 * column : 2 * column + 2])
        values = np.asarray(values, dtype=float)
        shown = np.clip(values, -0.4, 1)
        drawn = ax.bar(range(len(values)), shown, color=[NEGATIVE if v < 0 else GRAY for v in values], width=0.72)
        ax.bar_label(drawn, ["∞" if np.isinf(v) else f"{v:.2f}" for v in values], padding=2, fontsize="small")
        ax.axhline(0, color=GRAY, linewidth=0.8)
        ax.set_xticks(range(len(values)), classes, fontsize="small")
        sum_ = "∞" if np.isinf(values.sum()) else f"{values.sum():.3f}"
        ax.set(title=f"{names[key]} = {sum_} nats", ylim=(-0.5, 1.15))
        ax.grid(axis="x", visible=False)
    return figure


@in_course_style
def gaussian_fits(x, density, forward, reverse):
    """GaussianFitPanel as a still: target, start, some steps on the way and the end of both fits, (steps, 3) each."""
    x = np.asarray(x, dtype=float)
    figure, axes = picture(2, sharey=True)
    paths, names = (np.asarray(forward), np.asarray(reverse)), ("forward KL(p‖q)", "reverse KL(q‖p)")
    for ax, path, color, name in zip(axes, paths, (SKY, PINK), names, strict=True):
        ax.fill_between(x, density, color=GRAY, alpha=0.25, label="p, the target")
        steps = np.unique(np.geomspace(1, len(path), 7).astype(int) - 1)
        for step in steps:
            mean, sd, _ = path[step]
            curve = np.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
            end = step == steps[-1]
            ax.plot(x, curve, color=color, linewidth=2.2 if end else 0.9, alpha=1 if end else 0.45,
                    linestyle="-" if end else ":", label="q at the end" if end else None)  # fmt: skip
        ax.set(title=f"{name}: ends at {path[-1, 2]:.2f} nats", xlabel="x")
        ax.legend(loc="upper right", fontsize="small")
    axes[0].set_ylim(0, None)
    return figure


@in_course_style
def loss_panel(student, teacher, label, temperature, alpha, pushes, *, image=None, squared=True, classes=None):
    """LossPanel as a still: logits, soft targets at this temperature, and the push on each student logit."""
    figure = Picture(figsize=(SIZE[0], 4.6), dpi=DPI, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=[0.4, 1, 1], height_ratios=[1, 1.15])
    axes = [figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[0, 2]), figure.add_subplot(grid[1, :])]
    if image is not None:
        draw_digit(figure.add_subplot(grid[0, 0]), image, f"label {label if classes is None else classes[label]}")
    draw_paired_bars(axes[0], teacher, student, classes)
    axes[0].set_title("logits")
    axes[0].legend(fontsize="small")
    soft = [np.exp((np.asarray(z) - np.max(z)) / temperature) for z in (teacher, student)]
    draw_paired_bars(axes[1], *(p / p.sum() for p in soft), classes)
    axes[1].set(title=f"soft targets at T = {temperature:.3g}", ylim=(0, 1.05))
    draw_push_bars(axes[2], pushes["hard"], pushes["soft"], pushes["total"], classes)
    times = "with T²" if squared else "without T²"
    axes[2].set_title(f"push on each student logit: alpha = {alpha:.2g}, T = {temperature:.3g}, {times}")
    axes[2].legend(loc="upper right", fontsize="small")
    return figure


@in_course_style
def seeds_panel(arms, values, seeds, tally, curves, *, worse, paired, measure, most):
    """SeedsPanel as a still: one draw of seeds for two arms, and how often the worse one has won, against n.

    values (2, M); seeds: two lists of places in it; tally: [n, paired, draws, draws that the worse arm won, ties];
    curves: (2, most) exact shares with different and with the same seeds, or [] while they are hidden.
    """
    figure, (left, right) = picture(2, size=(SIZE[0], 3.4))
    swapped = arms[0] == "hard labels" or arms[1] == "distilled"  # these two keep the colours they have everywhere
    for arm, (color, marker) in enumerate(((RED, "s"), (BLUE, "o")) if swapped else ((BLUE, "o"), (RED, "s"))):
        drawn = [values[arm][seed] for seed in seeds[arm]]
        side = arm + (0.28 if arm else -0.28)
        left.scatter([side] * len(values[arm]), values[arm], marker="_", color=GRAY, alpha=0.5, linewidth=0.8)
        left.scatter(
            [arm] * len(drawn), drawn, marker=marker, facecolor="none" if color == RED else color, edgecolor=color
        )
        left.plot([arm - 0.12, arm + 0.12], [np.mean(drawn)] * 2, color=color, linewidth=3)
    if paired:
        for pair in zip(*seeds, strict=True):
            left.plot([0, 1], [values[arm][seed] for arm, seed in enumerate(pair)], color=GRAY, linewidth=0.7, zorder=0)
    left.set_xticks([0, 1], arms)
    left.set(xlim=(-0.5, 1.5), ylabel=measure, title=f"one draw, n = {len(seeds[0])} (gray: all runs)")
    left.grid(axis="x", visible=False)
    for same, marker, dash in ((False, "o", "--"), (True, "s", "-")):
        points = [(n, won / draws) for n, together, draws, won, _ in tally if together == same]
        name = "same seeds" if same else "different seeds"
        right.plot(*zip(*points, strict=True) if points else ([], []), marker, color="black",
                   fillstyle="full" if same else "none", label=name)  # fmt: skip
        if curves:
            right.plot(range(1, most + 1), curves[int(same)], dash, color=GREEN, label=f"exact, {name}")
    right.axhline(0.5, color=GRAY, linestyle=":", linewidth=1)
    right.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    right.set(xlim=(0.4, most + 0.6), ylim=(-0.02, 1.02), xlabel="n, seeds for each method")
    right.set_title(f"draws won by the worse method ({worse})")
    right.legend(fontsize="small")
    return figure


@in_course_style
def sweep_panel(cells, limits, rows, columns, *, chosen, step):
    """SweepPanel as a still: the map, and the seeds of the chosen cell beside the best one's.

    cells: {"mean", "sd", "alike": (rows, columns), "best", "values": (rows, columns, seeds)} or None before the first
    evaluation; rows and columns: (name, values).
    """
    figure, (left, right) = picture(2, width_ratios=[1.6, 1], size=(SIZE[0], 3.8))
    (row_name, row_values), (column_name, column_values) = rows, columns
    left.set_xticks(range(len(column_values)), [f"{v:g}" for v in column_values])
    left.set_yticks(range(len(row_values)), [f"{v:g}" for v in row_values])
    left.set(xlabel=column_name.replace("_", " "), ylabel=row_name.replace("_", " "))
    left.set(xlim=(-0.5, len(column_values) - 0.5), ylim=(len(row_values) - 0.5, -0.5))
    left.set_title(f"validation accuracy in %, after {step} steps")
    left.grid(False)
    if cells is None:
        right.set(xticks=[], yticks=[], title="not trained yet")
        return figure
    drawn = left.imshow(100 * cells["mean"], cmap="cividis", vmin=100 * limits[0], vmax=100 * limits[1], aspect="auto")
    figure.colorbar(drawn, ax=left, extend="min")
    digits = 2 if limits[1] - limits[0] <= 0.035 else 1  # as in the panel
    for place, mean in np.ndenumerate(cells["mean"]):
        red, green, blue, _ = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
                               for v in drawn.to_rgba(100 * mean))  # fmt: skip
        ink = "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "white"
        star = "★ " if place == cells["best"] else ""
        left.text(*place[::-1], f"{star}{100 * mean:.{digits}f}", color=ink, ha="center", va="center", fontsize="small")
        if cells["alike"][place]:
            corner = (place[1] - 0.46, place[0] - 0.46)
            left.add_patch(Rectangle(corner, 0.92, 0.92, fill=False, edgecolor=ink, linewidth=1.8))
    for place, color, marker, x in ((cells["best"], SKY, "o", 0), (tuple(chosen), PINK, "s", 1)):
        values = 100 * cells["values"][place]
        right.plot(np.full(len(values), x), values, marker, color=color, fillstyle="none" if x else "full")
        right.plot([x - 0.15, x + 0.15], [values.mean()] * 2, color=color, linewidth=3)
    titles = [f"{name}\n{row_values[r]:g}, {column_values[c]:g}" for name, (r, c) in
              (("best", cells["best"]), ("chosen", chosen))]  # fmt: skip
    right.set_xticks([0, 1], titles)
    right.set(xlim=(-0.5, 1.5), title="seeds of two cells")
    right.grid(axis="x", visible=False)
    return figure


@in_course_style
def words(text):
    """Text as a picture: what a panel without a figure of its own shows where no kernel answers."""
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, 104, subsequent_indent=" " * 6) or [""]]
    figure = Picture(figsize=(SIZE[0], 0.24 * len(lines) + 0.2), dpi=DPI, facecolor="white")
    figure.text(0.01, 0.98, "\n".join(lines), va="top", fontsize=9.5, linespacing=1.5)
    figure.sentence = " ".join(text.split())
    return figure


@in_course_style
def bias_panel(curves, bias, digit, plural, name):
    """BiasPanel as a still: errors against the bias, and what images of the digit are called at the present one."""
    figure, (left, right) = picture(2, width_ratios=[1.3, 1], size=(SIZE[0], 3.4))
    biases = np.asarray(curves["bias"])
    at = int(np.argmin(np.abs(biases - bias)))
    kinds = {"all": ("errors in all", "black", "-"), "digit": (f"on the {plural}", PINK, "--"),
             "others": ("on the other digits", SKY, ":")}  # fmt: skip
    for key, (words, color, dash) in kinds.items():
        left.plot(biases, curves[key], color=color, linestyle=dash, linewidth=2, label=f"{words}: {curves[key][at]}")
        left.plot(biases[at], curves[key][at], "o", color=color, markersize=5)
    left.axvline(biases[at], color=GRAY, linewidth=0.8)
    top = 1.3 * max(curves["all"][int(np.argmin(np.abs(biases)))], min(curves["all"]))
    left.set(ylim=(0, top), xlim=biases[[0, -1]], xlabel=f"bias on the logit of {digit}")
    left.set_title(f"validation errors, {name}")
    left.legend(fontsize="small", loc="upper center")
    called = curves["answers"][at]
    drawn = right.bar(range(10), called, color=[GREEN if c == digit else PINK for c in range(10)], width=0.72)
    right.bar_label(drawn, called, padding=2, fontsize="small")
    right.set_xticks(range(10))
    right.set(ylim=(0, 1.14 * sum(called)), xlabel="class")
    right.set_title(f"{called[digit]} of {sum(called)} {plural} are called {digit} (bias {biases[at]:+.1f})")
    right.grid(axis="x", visible=False)
    return figure


MARKERS = {"disc": "o", "ring": "o", "square": "s", "triangle": "^", "diamond": "D", "cross": "x"}
INKS = {
    "text": "black",
    "gray": GRAY,
    "blue": BLUE,
    "green": GREEN,
    "pink": PINK,
    "orange": ORANGE,
    "red": RED,
    "sky": SKY,
}


def _arm_style(arm):
    """What matplotlib calls colour, dash and marker of an arm {"color", "dash", "marker"}."""
    dash = (0, [float(length) / 2 for length in arm["dash"].split()]) if arm["dash"] else "-"
    color, face = INKS[arm["color"]], "white" if arm["marker"] == "ring" else INKS[arm["color"]]
    marker = {"marker": MARKERS[arm["marker"]], "markersize": 5, "markerfacecolor": face}
    return {"color": color, "linestyle": dash}, {"color": color, "linestyle": "", **marker}


@in_course_style
def experiment(arms, curves, outcomes, *, references, steps, stops, x_label, title, range, unit, log, settings=""):
    """ExperimentPanel as a still: the curves of its latest run, and the outcomes of all, each for one measure.

    arms: {name: style}; curves: {arm: (steps, values)}; outcomes: [{"stop", "faint", arm: value}]; references:
    {name: value}; a unit "%" shows shares in percent; settings: those of the curves, in words. Means of the same
    settings are joined from stop to stop.
    """
    figure, (left, right) = picture(2, size=(SIZE[0], 3.7))
    scale, unit_words = (100, " %") if unit == "%" else (1, f" {unit}" if unit else "")
    lanes = dict(zip(arms, np.linspace(-0.22, 0.22, len(arms)) if len(arms) > 1 else [0.0] * len(arms), strict=True))
    for name, arm in arms.items():
        line, point = _arm_style(arm)
        xs, ys = curves.get(name, ([], []))
        now = f" {scale * ys[-1]:.3g}{unit_words}" if len(ys) else ""
        left.plot(xs, ys, linewidth=2, **line)
        left.plot(xs[-1:], ys[-1:], clip_on=False, **point)
        left.plot([], [], **{**point, **line}, label=name + now)
        found = [(o["stop"], o["faint"], o[name]) for o in outcomes if o.get(name) is not None]
        means = {}
        for stop, faint, value in found:
            right.plot(stop + lanes[name], np.clip(value, *range), alpha=0.25 if faint else 1, clip_on=False, **point)
            if not faint:
                means.setdefault(stop, []).append(value)
        right.plot([s + lanes[name] for s in sorted(means)], [np.mean(means[s]) for s in sorted(means)],
                   linewidth=1.2, **line)  # fmt: skip
    for (name, value), dash in zip(references.items(), itertools.cycle([(0, (1, 2)), (0, (1, 5)), (0, (5, 2, 1, 2))])):  # noqa: B905
        for ax in (left, right):
            words = f"{name} {scale * value:.3g}{unit_words}" if ax is left else None
            color = TEACHER if "teacher" in name.split() else GRAY
            ax.axhline(value, color=color, linestyle=dash, linewidth=1.6, label=words)
    for ax in (left, right):
        ax.set(yscale="log" if log else "linear", ylim=range)
        ax.yaxis.set_major_formatter(lambda value, _: f"{scale * value:.3g}{' %' if unit == '%' else ''}")
    left.set(xlim=(0, steps or 100), xlabel="step", title=title)
    pale = " (pale: other settings)" if any(outcome["faint"] for outcome in outcomes) else ""
    right.set(xlim=(-0.5, len(stops) - 0.5), xlabel=x_label, title=f"Outcomes so far{pale}")
    if settings:
        figure.suptitle(settings, fontsize="medium")
    right.set_xticks(np.arange(len(stops)), stops)
    right.grid(axis="x", visible=False)
    if arms or references:
        figure.legend(loc="outside lower center", ncols=3, fontsize="small", frameon=False)
    return figure


@in_course_style
def reliability_panel(found, measures, model, temperature):
    """ReliabilityPanel as a still: accuracy and confidence of each bin (`metrics.reliability`), and its images."""
    figure, (left, right) = picture(2, size=(SIZE[0], 3.6))
    edges, count = np.asarray(found["edges"]), np.asarray(found["count"])
    width, middle = edges[1:] - edges[:-1], (edges[1:] + edges[:-1]) / 2
    left.plot([0, 1], [0, 1], color=GRAY, linestyle="--", linewidth=1.2)
    for x, w, right_, sure in zip(middle, width, found["accuracy"], found["confidence"], strict=True):
        if right_ is None:
            continue
        over = right_ < sure
        left.bar(x, right_, 0.9 * w, color=BLUE, alpha=0.7)
        left.bar(x, sure - right_, 0.9 * w, right_, color="none", edgecolor=RED if over else GREEN,
                 hatch="///" if over else "\\\\\\", linewidth=0)  # fmt: skip
        left.plot([x - 0.48 * w, x + 0.48 * w], [sure, sure], color="black", linewidth=2.5)
    left.plot([], [], color="black", linewidth=2.5, label="sure")
    left.fill_between([], [], color=BLUE, alpha=0.7, label="right")
    left.fill_between([], [], facecolor="none", edgecolor=RED, hatch="///", linewidth=0, label="too sure")
    left.fill_between([], [], facecolor="none", edgecolor=GREEN, hatch="\\\\\\", linewidth=0, label="not sure enough")
    left.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="confidence", ylabel="share that is right")
    left.set_title(f"{model}, T = {temperature:.3g}")
    left.legend(loc="upper left", fontsize="small")
    drawn = right.bar(middle, count / count.sum(), 0.9 * width, color=GRAY, alpha=0.6)
    right.bar_label(drawn, [str(n) if n else "" for n in count], padding=2, fontsize="small")
    right.axvline(measures["confidence"], color="black", linestyle="--", label="mean confidence")
    right.axvline(measures["accuracy"], color="black", label="accuracy")
    right.set(xlim=(0, 1), ylim=(0, 1.1), xlabel="confidence", ylabel="share of images")
    right.set_title(
        f"accuracy {100 * measures['accuracy']:.1f} %, ECE {measures['ece']:.3f}, NLL {measures['nll']:.3f}"
    )
    right.legend(loc="upper left", fontsize="small")
    for axis in (left.xaxis, left.yaxis, right.xaxis, right.yaxis):
        axis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    return figure


@in_course_style
def dark_knowledge_panel(image, names, counts, soft, words, temperature):
    """DarkKnowledgePanel as a still: for each model the map of second choices, and one digit's soft targets."""
    figure = Picture(figsize=(SIZE[0], 4.9), dpi=DPI, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(2, len(names) + 1, width_ratios=[0.45] + [1] * len(names), height_ratios=[1.6, 1])
    draw_digit(figure.add_subplot(grid[1, 0]), image, "this digit")
    for column, name in enumerate(names, 1):
        ax = figure.add_subplot(grid[0, column])
        shares = np.asarray(counts[column - 1], dtype=float)
        shares /= np.maximum(shares.sum(1, keepdims=True), 1)
        ax.imshow(np.sqrt(shares), cmap="Greys", vmin=0, vmax=1)
        for (i, j), share in np.ndenumerate(shares):
            if share >= 0.095:
                ax.text(j, i, f"{100 * share:.0f}", ha="center", va="center", fontsize=6,
                        color="white" if share > 0.35 else "black")  # fmt: skip
        ax.set(xticks=range(len(shares)), yticks=range(len(shares)), xlabel="second choice")
        ax.set_title(f"{name}\n{words[column - 1]}", fontsize="small")
        ax.grid(False)
        if column == 1:
            ax.set_ylabel("teacher's first choice")
        low = figure.add_subplot(grid[1, column])
        color = {"teacher": TEACHER, "distilled": DISTILLED, "hard labels": HARD}.get(name, GRAY)
        low.bar(range(len(shares)), soft[column - 1], color=color, width=0.72)
        low.set(ylim=(0, 1.05), yticks=[0, 0.5, 1], yticklabels=["0 %", "50 %", "100 %"], xticks=range(len(shares)))
        low.set_title(f"soft targets at T = {temperature:.3g}", fontsize="small")
        low.grid(axis="x", visible=False)
    return figure


@in_course_style
def attention_panel(shown):
    """AttentionPanel as a still: for each (title, tokens, map (L, L), chosen row) the map and that row's weights."""
    figure = Picture(figsize=(SIZE[0], 6.2), dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.subplots(2, len(shown), height_ratios=[2.4, 1], squeeze=False)
    for column, (title, tokens, weights, row) in zip(axes.T, shown, strict=True):
        ax, low = column
        size = min(8.0, 200 / len(tokens))
        ax.imshow(np.sqrt(weights), cmap="Greys", vmin=0, vmax=1)
        ax.set_xticks(range(len(tokens)), tokens, rotation=90, fontsize=size)
        ax.set_yticks(range(len(tokens)), tokens, fontsize=size)
        ax.set_title(f"{title}: rows take from columns", fontsize="small")
        ax.grid(False)
        low.set(xticks=[], yticks=[])
        if row < 0:
            low.set_title("no token for this word", fontsize="small")
            continue
        ax.add_patch(Rectangle((-0.5, row - 0.5), len(tokens), 1, fill=False, edgecolor=PINK, linewidth=1.6))
        low.bar(range(len(tokens)), 100 * np.asarray(weights[row]), color=BLUE, width=0.8)
        low.set_xticks(range(len(tokens)), tokens, rotation=90, fontsize=size)
        low.yaxis.set_major_locator(MaxNLocator(4))
        low.set_title(f"what “{tokens[row]}” takes from each token, in %", fontsize="small")
        low.grid(axis="x", visible=False)
    return figure


@in_course_style
def sentence_panel(words, answers, styles, *, at, classes, temperature, missing):
    """SentencePanel as a still: each model's probability of the second class after every word, and at word `at`."""
    figure, (ax, bars) = picture(2, width_ratios=[2.2, 1], size=(SIZE[0], 3.6))
    shown = [style for style in styles if style["name"] in answers]
    for style in shown:
        values, (line, marker) = answers[style["name"]], _arm_style(style)
        ax.plot(range(len(values)), values, **{**marker, **line, "markersize": 4}, linewidth=1.8)
    ax.axhline(0.5, color=GRAY, linewidth=0.8)
    if words:
        ax.axvline(at, color="black", linewidth=0.8)
        names = ["(start)", *(word if len(word) < 16 else f"{word[:14]}…" for word in words)]
        ax.set_xticks(range(len(names)), names, rotation=50, ha="right", fontsize=min(9.0, 240 / len(names)),
                      parse_math=False)  # fmt: skip
    else:
        ax.set_xticks([])
    percent = {"yticks": [0, 0.5, 1], "yticklabels": ["0 %", "50 %", "100 %"]}
    ax.set(ylim=(-0.03, 1.03), title=f"probability of “{classes[1]}” after each word", **percent)
    names = [*(style["name"] for style in shown), *missing]
    for n, style in enumerate(shown):
        share = answers[style["name"]][at]
        bars.barh(n, share, color=INKS[style["color"]], height=0.6)
        bars.annotate(f" {100 * share:.0f} %", (min(share, 0.8), n), va="center", fontsize="small")
    for n in range(len(shown), len(names)):
        bars.text(0.02, n, "not here", va="center", color=GRAY, fontsize="small")
    bars.set(xlim=(0, 1), xticks=[0, 0.5, 1], xticklabels=["0 %", "50 %", "100 %"], yticks=range(len(names)))
    bars.set_yticklabels(names, fontsize="small")
    bars.set_ylim(max(len(names), 1) - 0.4, -0.6)
    bars.set_title(f"{classes[1]}, T = {temperature:.3g}", fontsize="small")
    return figure


@in_course_style
def writing_panel(curves, changes, teacher_bits, texts, expected, *, steps, bits_range, opening, before, true):
    """WritingPanel as a still: bits per character, the three texts, and what each model expects after `before`.

    texts: {name: prompt and text}; expected: {name: {character: probability}}; true: the character that came next.
    """
    figure = Picture(figsize=(SIZE[0], 5.4), dpi=DPI, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=[1.3, 1], width_ratios=[1, 1.15])
    ax, page = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
    for arm in ("distilled", "hard"):
        color, dash = ARMS[arm]
        values = curves.get(arm, [])
        words = f"{WRITERS[arm]} {values[-1]:.2f}" if values else WRITERS[arm]
        ax.plot(curves.get("steps", []), values, color=color, linestyle=dash, linewidth=2, label=words)
    ax.axhline(teacher_bits, color=TEACHER, linestyle=":", linewidth=1.6, label=f"teacher {teacher_bits:.2f}")
    for step, words in changes:
        ax.axvline(step, color=GRAY, linewidth=0.8)
        ax.annotate(words, (step, bits_range[1]), (3, -4), textcoords="offset points", rotation=90, fontsize="small",
                    va="top")  # fmt: skip
    ax.set(xlim=(0, steps), ylim=bits_range, xlabel="step", title="bits per character of held-out text")
    ax.legend(loc="upper right", fontsize="small")
    page.axis("off")
    page.set_title(f"what they write after “{_seen(opening)}”", parse_math=False)
    y = 1.0
    for name, text in texts.items():
        lines = textwrap.wrap(_seen(text), 58, drop_whitespace=False, break_on_hyphens=False)
        page.text(0, y, WRITERS[name], color=ARMS[name][0], fontsize="small", fontweight="bold", va="top",
                  transform=page.transAxes)  # fmt: skip
        page.text(0, y - 0.075, "\n".join(lines[:5]), fontsize=7, family="monospace", va="top", parse_math=False,
                  transform=page.transAxes)  # fmt: skip
        y -= 0.35
    ax = figure.add_subplot(grid[1, :])
    shown = sorted(expected["teacher"], key=expected["teacher"].get, reverse=True)[:8]
    if true not in shown:
        shown[-1] = true
    places = np.arange(len(shown) + 1)
    for n, (name, values) in enumerate(expected.items()):
        heights = [values[character] for character in shown]
        color, hollow = ARMS[name][0], name == "hard"
        ax.bar(places + 0.27 * (n - 1), [*heights, max(0.0, 1 - sum(heights))], 0.25, label=WRITERS[name],
               facecolor="white" if hollow else color, edgecolor=color, linewidth=1.4)  # fmt: skip
    ax.axvspan(shown.index(true) - 0.5, shown.index(true) + 0.5, color=GREEN, alpha=0.18, linewidth=0)
    ax.set_xticks(places, [*map(_seen, shown), "others"], parse_math=False)
    ax.set(ylim=(0, 1), yticks=[0, 0.5, 1], yticklabels=["0 %", "50 %", "100 %"])
    ax.set_title(f"next after “{_seen(before[-30:])}”: it was “{_seen(true)}”", parse_math=False)
    ax.grid(axis="x", visible=False)
    ax.legend(fontsize="small", loc="upper right")
    return figure


def _seen(text):
    """A text with signs for what cannot be seen alone."""
    return {" ": "␣", "\n": "↵"}.get(text) or text.replace("\n", "↵")


@in_course_style
def blind_panel(shown, verdict, score, *, of):
    """BlindTestPanel as a still: a pair without names (with them, once it is answered), or the score at the end."""
    if not shown:
        return _blind_score(score)
    texts = {
        side: [part for line in shown[side].split("\n") for part in textwrap.wrap(line, 68) or [""]]
        for side in ("left", "right")
    }
    most = min(max(map(len, texts.values())), 14)
    figure, axes = picture(2, size=(SIZE[0], 1.2 + 0.16 * most))
    prompt = textwrap.shorten(shown["prompt"], 220, placeholder=" …")
    title = f"Which text did the {shown['asked']} write?  (pair {shown['number'] + 1} of {of})"
    figure.suptitle("\n".join([title, *textwrap.wrap(prompt, 110)]), fontsize="medium", parse_math=False)
    for ax, (side, lines) in zip(axes, texts.items(), strict=True):
        words = "\n".join([*lines[:most], "…"] if len(lines) > most else lines)
        ax.text(0.01, 0.97, words, va="top", fontsize=8, parse_math=False)
        ax.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
        ax.grid(False)
        ax.set_title(f"{side}: {verdict[side]}" if verdict else side, parse_math=False)
    return figure


def _blind_score(score):
    figure, ax = picture(size=(SIZE[0], 1.7))
    words = f"{score['right']} of {score['of']} right, {score['cannot tell']} × “cannot tell”"
    if score["of"]:
        low, high = score["interval"]
        ax.plot([low, high], [0, 0], color=BLUE, linewidth=2.4, marker="|", markersize=12)
        ax.plot(score["share"], 0, "o", color=BLUE, markersize=8)
        words += f"; by guessing, that or more with probability {100 * score['chance']:.1f} %"
    ax.axvline(0.5, color="black", linestyle="--", linewidth=1)
    ax.set(xlim=(0, 1), ylim=(-1, 1), yticks=[], xlabel="share of right answers (95 % interval; dashed: guessing)")
    ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.set_title(words)
    return figure


@in_course_style
def squeeze_panel(point, trail, first, recorded, goal, flips, *, settings, count):
    """SqueezePanel as a still: errors against bytes, and pictures whose answer is not the first network's."""
    figure, one = picture(size=(SIZE[0], 3.8))
    one.remove()
    left, right = figure.subfigures(1, 2)
    ax = left.subplots()
    if goal:
        ax.fill_between([first["bytes"] / 500, goal["bytes"]], 1, goal["errors"], color=GREEN, alpha=0.18, linewidth=0)
    ax.plot([at[1] for at in recorded], [at[2] for at in recorded], "o", color=GRAY, markersize=4)
    ax.plot([at[0] for at in trail], [at[1] for at in trail], color=GRAY, linewidth=0.8)
    looks = {"": ("black", "black"), "soft answers": (DISTILLED, DISTILLED), "labels": ("white", HARD)}
    for size, kind, fill in [(at[0], at[1], at[2]) for at in trail]:
        ax.plot(size, kind, "o", markersize=4, markerfacecolor=looks[fill][0], markeredgecolor=looks[fill][1])
    ax.plot(first["bytes"], first["errors"], "D", color=TEACHER, markersize=7, label="D")
    face, edge = looks[point["how"]]
    ax.plot(point["bytes"], max(point["errors"], 1), "o", markersize=9, markerfacecolor=face, markeredgecolor=edge)
    ax.set(xscale="log", yscale="log", xlim=(first["bytes"] / 500, 1.5 * first["bytes"]), xlabel="bytes")
    ax.set(ylim=(max(1, first["errors"] / 2), count), title=f"Errors on {count} validation images")
    ax.legend(fontsize="small", loc="upper right")
    axes = right.subplots(3, 5).flatten()
    for ax, flip in itertools.zip_longest(axes, flips):
        ax.set_visible(flip is not None)
        if flip is not None:
            image, (old, now, truth) = flip
            draw_digit(ax, image, f"{old} → {now} {'✓' if now == truth else '✗'}")
            ax.title.set(fontsize="small", weight="normal")
    right.suptitle(f"{point['changed']} answers are not D's", fontsize="medium")
    zeros, rank, bits = settings
    figure.suptitle(
        f"zeros {zeros} %, rank {rank or 'full'}, {bits if isinstance(bits, str) else f'{bits} bits'}: "
        f"{point['errors']} errors, {point['bytes'] / 1000:.1f} kB", fontsize="medium",
    )  # fmt: skip
    return figure
