"""Figures of lesson 10: crowds of teachers, their doubt, and what they pass on."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from kdlab.plots.base import (
    BLUE,
    CONTROL,
    DISTILLED,
    GRAY,
    GREEN,
    HARD,
    PINK,
    SIZE,
    TEACHER,
    draw_digit,
    in_course_style,
    picture,
)

LOOKS = {
    "crowd": ("all so far", TEACHER, ":", "o"),
    "student": ("their student", DISTILLED, "-", "o"),
    "pooled": ("one with all labels", HARD, "--", "s"),
}
WAYS = {"probabilities": "mean of probabilities", "logits": "mean of logits", "votes": "vote"}


def _in_percent(ax):
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")


@in_course_style
def crowd_panel(curves, *, most, labels, own, together):
    """CrowdPanel as a still: right answers and agreement against the number of teachers."""
    figure, axes = picture(2, size=(SIZE[0], 3.2))
    xs = lambda values: range(1, len(values) + 1)  # noqa: E731
    ax = axes[0]
    ax.plot(xs(curves["single"]), curves["single"], "s", color=CONTROL, markersize=5, label="one teacher")
    for name, (label, color, dash, marker) in LOOKS.items():
        ax.plot(xs(curves[name]), curves[name], color=color, linestyle=dash, marker=marker, markersize=4, label=label)
    ax.set(title="Right answers, validation pictures", ylim=(0.2, 1))
    axes[1].plot(xs(curves["right"]), curves["right"], color=PINK, linestyle="-.", marker="o", label="of those, right")
    axes[1].plot(xs(curves["agree"]), curves["agree"], color=GREEN, marker="o", label="all say the same")
    axes[1].set(title="Do all say the same?", ylim=(0, 1.02))
    for ax in axes:
        ax.set(xlabel="teachers", xlim=(0.5, most + 0.5), xticks=range(1, most + 1))
        ax.legend(fontsize="small", loc="lower right")
        _in_percent(ax)
    figure.suptitle(
        f"{labels} labels {'of their own' if own else 'that all share'}, {WAYS[together]}", fontsize="medium"
    )
    return figure


@in_course_style
def doubt_panel(images, captions, opinions, found, *, chosen, place, count, classes, what, order, area):
    """DoubtPanel as a still: twelve pictures in order of doubt, what teachers say of one, and how fast errors are found."""
    figure, one = picture(size=(SIZE[0], 4.6))
    one.remove()
    above, below = figure.subfigures(2, 1, height_ratios=[1, 3.2])
    for i, (ax, image, (said, _, right)) in enumerate(
        zip(above.subplots(1, len(images)), images, captions, strict=True)
    ):
        draw_digit(ax, image)
        ax.set_title(f"{said[:6]} {'✓' if right else '✗'}", fontsize="small")
        if i == chosen:
            ax.spines[:].set_visible(True)
            ax.spines[:].set_color(BLUE)
    left, right = below.subplots(1, 2)
    left.imshow(opinions, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    left.set_xticks(range(len(classes)), [name[:5] for name in classes], fontsize="small")
    left.set_yticks(range(len(opinions)), [*(f"{k + 1}" for k in range(len(opinions) - 1)), "mean"])
    left.set(title=f"what each teacher says of the framed one: {captions[chosen][1]}")
    left.grid(False)
    right.plot(np.linspace(0, 1, len(found)), found, color=BLUE, linewidth=2)
    right.plot([0, 1], [0, 1], color=GRAY, linestyle="--", linewidth=1)
    right.axvline(place / count, color=TEACHER, linewidth=3, alpha=0.5)
    right.set(title=f"{what} found (area under ROC {area:.2f})", xlabel="pictures looked at", xlim=(0, 1), ylim=(0, 1))
    right.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    _in_percent(right)
    figure.suptitle(f"sorted by {order}, from picture {place + 1} of {count}", fontsize="medium")
    return figure


@in_course_style
def growing_crowd(groups):
    """Right answers against the number of teachers, {title: {arm: {teachers: values over seeds}}}, and one flat arm.

    An arm named "pooled" is a line: {0: values}. Bands reach from the worst seed to the best.
    """
    figure, axes = picture(len(groups), size=(SIZE[0], 3.1))
    looks = {"own labels": (TEACHER, "-", "o"), "the same labels": (GRAY, ":", "D"), "pooled": (HARD, "--", "")}
    for ax, (title, arms) in zip(np.atleast_1d(axes), groups.items(), strict=True):
        for name, points in arms.items():
            color, dash, marker = looks[name]
            if name == "pooled":
                ax.axhline(np.mean(points[0]), color=color, linestyle=dash, label="one with all the labels")
                continue
            xs, values = list(points), np.array(list(points.values()))
            ax.plot(xs, values.mean(1), color=color, linestyle=dash, marker=marker, linewidth=2, label=name)
            ax.fill_between(xs, values.min(1), values.max(1), color=color, alpha=0.15, linewidth=0)
        ax.set(title=title, xlabel="teachers", xticks=xs)
        ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        _in_percent(ax)
    handles, names = max((ax.get_legend_handles_labels() for ax in figure.axes), key=lambda pair: len(pair[0]))
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize="small", frameon=False)
    return figure


@in_course_style
def doubts(groups, names):
    """Area under the ROC curve of each score, {title: {score: values over seeds}}: a dot for each seed, a line at the mean."""
    figure, axes = picture(len(groups), size=(SIZE[0], 0.36 * len(names) + 1.2), sharey=True, squeeze=False)
    for ax, (title, scores) in zip(axes[0], groups.items(), strict=True):
        for row, name in enumerate(names):
            values = scores[name]
            color = DISTILLED if name.startswith("student") else TEACHER if name.startswith("crowd") else CONTROL
            marker = {"student": "o", "crowd,": "^"}.get(name.split()[0], "s")
            ax.plot(values, [row] * len(values), marker, color=color, markersize=5, alpha=0.65, markeredgewidth=0)
            ax.plot([np.mean(values)] * 2, [row - 0.3, row + 0.3], color=color, linewidth=2.4)
            ax.annotate(f"{np.mean(values):.2f}", (1.01, row), xycoords=("axes fraction", "data"), va="center",
                        fontsize="small")  # fmt: skip
        ax.set_yticks(range(len(names)), names)
        ax.grid(axis="y", visible=False)
        ax.set(title=title, xlim=(0.5, 1), xticks=[0.5, 0.75, 1])
    axes[0, 0].invert_yaxis()
    figure.supxlabel("area under the ROC curve (0.5: a coin)", fontsize="medium")
    return figure


@in_course_style
def differences(groups):
    """What each way gains over its own baseline, {title: {way: differences by seed, in points}}: mean and 95 % interval."""
    from kdlab.intervals import t_interval

    rows = [(title, name, values) for title, ways in groups.items() for name, values in ways.items()]
    figure, ax = picture(size=(SIZE[0], 0.36 * len(rows) + 1.0))
    for row, (_, _, values) in enumerate(rows):
        mean, half = t_interval(values)
        told = abs(mean) > half
        color = DISTILLED if told else GRAY
        ax.plot([mean - half, mean + half], [row, row], color=color, linewidth=2.2)
        ax.plot(mean, row, "o" if told else "s", color=color, markersize=7, markerfacecolor=color if told else "white")
        ax.annotate(f"{mean:+.1f} ± {half:.1f}".replace("-", "−"), (1.01, row), xycoords=("axes fraction", "data"),
                    va="center", fontsize="small")  # fmt: skip
    ax.axvline(0, color="black", linewidth=1)
    ax.set_yticks(range(len(rows)), [f"{title}: {name}" for title, name, _ in rows])
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set(xlabel="points of right answers gained (hollow: the interval holds zero)")
    return figure


@in_course_style
def seam(shifts, curves, *, share):
    """Two specialists side by side: right answers and answers of the first, for each constant added to its logits."""
    figure, ax = picture(size=(SIZE[0], 2.9))
    looks = {"right answers": (BLUE, "-"), "answers 0 to 4": (GRAY, "--")}
    for name, values in curves.items():
        color, dash = looks[name]
        ax.plot(list(shifts), values, color=color, linestyle=dash, linewidth=2, label=name)
    ax.axhline(share, color=GRAY, linewidth=0.8)
    ax.annotate("there are so many 0 to 4", (max(shifts), share), (0, 4), textcoords="offset points", ha="right",
                fontsize="small")  # fmt: skip
    ax.axvline(0, color="black", linewidth=0.8)
    ax.annotate("as training left it", (0, 0.06), (4, 0), textcoords="offset points", fontsize="small")
    ax.set(xlabel="constant added to the first one's logits", ylim=(0, 1.02))
    ax.legend(fontsize="small", loc="lower right")
    _in_percent(ax)
    return figure
