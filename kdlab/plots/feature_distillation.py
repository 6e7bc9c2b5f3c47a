"""Figures of lesson 08: where networks look, and what imitating a hidden layer is worth."""

import numpy as np

from kdlab.data import corner_of
from kdlab.intervals import t_interval
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

STYLES = {"teacher": (TEACHER, ":"), "distilled": (DISTILLED, "-"), "hard": (HARD, "--")}


def _draw_look(ax, pixels, corner, shades=None, title=""):
    """A picture with its box, and a network's attention over it: (places,) from 0 to 1, row by row."""
    draw_digit(ax, pixels, title)
    if shades is not None:
        side = int(len(shades) ** 0.5)
        veil = np.zeros((side, side, 4))
        veil[..., :3] = [0.9, 0.62, 0.0]
        veil[..., 3] = 0.85 * np.reshape(shades, (side, side))
        ax.imshow(veil, extent=(-0.5, 27.5, 27.5, -0.5), interpolation="nearest")
    ax.set(xlim=(-0.5, 27.5), ylim=(27.5, -0.5))
    if corner is None:
        return
    top, left, size = corner
    ax.plot(np.array([0, 1, 1, 0, 0]) * size + left - 0.5, np.array([0, 0, 1, 1, 0]) * size + top - 0.5,
            color=BLUE, linestyle="--", linewidth=1.4)  # fmt: skip


@in_course_style
def look_panel(pixels, corner, maps, seen, curves, teacher, *, truth, imitate, weight, steps):
    """LookPanel as a still: the picture, three attention maps of it, and the curves of both students."""
    figure, axes = picture(4, 2, size=(SIZE[0], 4.9))
    for ax in axes[1]:
        ax.remove()
    names = {"teacher": "teacher", "distilled": "imitates", "hard": "labels alone"}
    _draw_look(axes[0, 0], pixels, corner, title=f"a {truth}")
    for ax, (who, name) in zip(axes[0, 1:], names.items(), strict=True):
        answer, share = seen[who]
        _draw_look(ax, pixels, corner, maps[who], name)
        ax.set_xlabel(f"says {answer} {'✓' if answer == truth else '✗'}, {100 * share:.0f} % inside", fontsize="small")
    grid = axes[1, 0].get_gridspec()
    for columns, name, title in (
        (slice(0, 2), "accuracy", "Right answers"),
        (slice(2, 4), "share", "Attention in the box"),
    ):
        ax = figure.add_subplot(grid[1, columns])
        ax.axhline(teacher[name], color=TEACHER, linestyle=":", linewidth=2, label="teacher")
        for who in ("distilled", "hard"):
            color, dash = STYLES[who]
            values = curves.get(name, {}).get(who, [])
            ax.plot(curves["steps"][: len(values)], values, color=color, linestyle=dash, linewidth=2, label=names[who])
        ax.set(title=title, xlim=(0, steps), ylim=(0, 1), xlabel="step")
        ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        ax.legend(fontsize="small", loc="upper left")
    figure.suptitle(f"labels, and the teacher's {imitate} with weight {weight:g}", fontsize="medium")
    return figure


@in_course_style
def cluttered(pixels, boxes, labels, maps=None):
    """A row of pictures with their boxes (None for none), bool (pictures, 28, 28); under it one row of attention for each entry of maps.

    maps: {network: (pictures, places) attention, each picture's largest 1}.
    """
    maps = maps or {}
    corners = [None] * len(labels) if boxes is None else [corner_of(box) for box in boxes]
    rows = 1 + len(maps)
    figure, axes = picture(len(labels), rows, size=(SIZE[0], 1.15 * rows + 0.3), squeeze=False)
    for column, (image, corner, label) in enumerate(zip(pixels, corners, labels, strict=True)):
        _draw_look(axes[0, column], image, corner, title=str(label))
        for row, shades in enumerate(maps.values(), 1):
            _draw_look(axes[row, column], image, corner, shades[column])
    for row, name in enumerate(maps, 1):
        axes[row, 0].set_ylabel(name, fontsize="small")
    return figure


@in_course_style
def arms(groups, *, baseline, references=None, unit="right answers in %", kinds=None, size=None):
    """One column for each group, {title: {arm: values over seeds}}: a dot for each seed, a line at the mean.

    On the right of an arm stands its mean, and its difference from the baseline's with a paired 95 % interval.
    references {title: {name: value}} are dotted lines; kinds {arm: 0, 1 or 2} gives colour and marker: the baseline's
    kind, what is claimed, and controls.
    """
    names = list(next(iter(groups.values())))
    figure, axes = picture(len(groups), size=size or (SIZE[0], 0.4 * len(names) + 1.1), sharey=True, squeeze=False)
    looks = [(HARD, "s"), (DISTILLED, "o"), (CONTROL, "D")]
    for ax, (title, found) in zip(axes[0], groups.items(), strict=True):
        for row, name in enumerate(names):
            values = 100 * np.asarray(found[name], float)
            color, marker = looks[(kinds or {}).get(name, 1)]
            ax.plot(values, [row] * len(values), marker, color=color, markersize=4.5, alpha=0.6, markeredgewidth=0)
            ax.plot([values.mean()] * 2, [row - 0.3, row + 0.3], color=color, linewidth=2.4)
            words = f"{values.mean():.1f}"
            if name != baseline and len(values) == len(found[baseline]) > 1:
                gap, width = t_interval(values - 100 * np.asarray(found[baseline], float))
                words += f"  ({gap:+.1f} ± {width:.1f})".replace("-", "−")
            ax.annotate(words, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize="small")
        for (name, value), dash in zip(
            (references or {}).get(title, {}).items(), (":", (0, (1, 4)), "-."), strict=False
        ):
            color = CONTROL if name.startswith("pixels") else TEACHER
            ax.axvline(100 * value, color=color, linestyle=dash, linewidth=1.8, label=f"{name} {100 * value:.0f}")
        if (references or {}).get(title):
            ax.legend(fontsize="x-small", loc="best")
        ax.set_yticks(range(len(names)), names)
        ax.grid(axis="y", visible=False)
        ax.set(title=title, xlabel=unit)
    axes[0, 0].invert_yaxis()
    return figure


@in_course_style
def longer(short, long):
    """Validation accuracy on the way, {arm: [curve of each seed]}, for runs of two lengths side by side."""
    figure, axes = picture(2, size=(SIZE[0], 3.4), sharey=True)
    looks = {"labels": (HARD, "--"), "labels + attention": (GREEN, "-."), "labels + hint": (DISTILLED, "-"),
             "labels, pictures moved": (GRAY, ":"), "logits, pictures moved": (TEACHER, (0, (4, 2, 1, 2))),
             "labels + hint, pictures moved": (PINK, (0, (7, 1.5)))}  # fmt: skip
    for ax, found in zip(axes, (short, long), strict=True):
        for arm, (color, dash) in ((arm, looks[arm]) for arm in looks if arm in found):
            steps = np.array([step for step, _ in found[arm][0]])
            values = 100 * np.array([[value for _, value in curve] for curve in found[arm]])
            ax.plot(steps, values.mean(0), color=color, linestyle=dash, linewidth=2, label=arm)
            ax.fill_between(steps, values.min(0), values.max(0), color=color, alpha=0.12, linewidth=0)
        ax.set(xlabel="step", title=f"{steps[-1] + 1} steps", ylim=(0, 100))
    axes[0].set_ylabel("right answers in %")
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize="small", loc="outside lower center", ncols=3)
    return figure


@in_course_style
def over_weights(found, baseline):
    """Right answers over the weight of a hint, {targets: {weight: values over seeds}}, beside labels alone (values)."""
    figure, ax = picture(size=(7.0, 3.2))
    looks = [(DISTILLED, "-", "o"), (PINK, "--", "D"), (GREEN, "-.", "^")]
    for (name, by_weight), (color, dash, marker) in zip(found.items(), looks, strict=False):
        weights = sorted(by_weight)
        values = 100 * np.array([by_weight[weight] for weight in weights])
        ax.plot(weights, values.mean(1), color=color, linestyle=dash, marker=marker, linewidth=2, label=name)
        ax.fill_between(weights, values.min(1), values.max(1), color=color, alpha=0.12, linewidth=0)
    ax.axhline(100 * np.mean(baseline), color=HARD, linestyle="--", linewidth=1.8, label="labels alone")
    ax.set(xscale="log", xlabel="weight of the hint", ylabel="right answers in %")
    ax.set_xticks(weights, [f"{weight:g}" for weight in weights])
    ax.minorticks_off()
    ax.legend(fontsize="small", loc="lower left")
    return figure
