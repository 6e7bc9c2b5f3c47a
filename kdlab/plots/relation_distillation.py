"""Figures of lesson 09: features that are turned, maps drawn from distances, and what spaces are good for."""

import numpy as np

from kdlab.palette import ink
from kdlab.plots.base import (
    BLUE,
    CONTROL,
    DISTILLED,
    GRAY,
    GREEN,
    HARD,
    SIZE,
    TEACHER,
    draw_digit,
    in_course_style,
    picture,
)

DIGIT_INKS = list(map(ink, "blue orange green red pink soft sky wine text gray".split()))  # as in MapPanel's view


@in_course_style
def turn_panel(student, teacher, labels, shares):
    """TurnPanel as a still: the features of student and teacher, and how much each loss notices."""
    figure, (left, right) = picture(2, size=(SIZE[0], 3.9), width_ratios=[1, 1.15])
    for who, places, look in (("distilled", student, {"style": "italic"}), ("teacher", teacher, {"weight": "bold"})):
        for (x, y), label in zip(places, labels, strict=True):
            left.text(x, y, str(label), color=ink(who), ha="center", va="center", clip_on=True, **look)
    left.set(xlim=(-1.7, 1.7), ylim=(-1.7, 1.7), xticks=[], yticks=[], aspect="equal")
    left.set_title("teacher (upright), student (slanted)")
    left.axhline(0, color=GRAY, linewidth=0.8)
    left.axvline(0, color=GRAY, linewidth=0.8)
    names = list(shares)
    values = [100 * min(1, shares[name]) for name in names]
    right.barh(range(len(names)), values, color=BLUE, height=0.6)
    for row, name in enumerate(names):
        words = "0: does not see it" if shares[name] == 0 else f"{100 * shares[name]:.0f} %"
        right.text(values[row] + 2, row, words, va="center", fontsize="small")
    right.set_yticks(range(len(names)), ["1 − CKA" if name == "CKA" else name for name in names])
    right.set(xlim=(0, 150), xticks=[0, 50, 100], title="loss, in % of mixed-up pictures'")
    right.grid(axis="y", visible=False)
    right.invert_yaxis()
    return figure


def _draw_map(ax, places, labels):
    if labels is None:
        ax.plot(*np.asarray(places).T, "o", color=BLUE, markersize=3.5, markeredgewidth=0)
    else:
        for (x, y), label in zip(places, labels, strict=True):
            ax.text(x, y, str(label), color=DIGIT_INKS[label], ha="center", va="center", fontsize=8, weight="bold")
    ax.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), xticks=[], yticks=[], aspect="equal")


@in_course_style
def map_panel(places, labels, shares, *, steps, space):
    """MapPanel as a still: where the student has put the pictures, and how often neighbours are of the same digit."""
    figure, (left, right) = picture(2, size=(SIZE[0], 4.0))
    _draw_map(left, places, labels)
    left.set_title("two numbers for each picture")
    if shares:
        xs, ys = np.array(shares, float).T
        right.plot(xs, 100 * ys, color=DISTILLED, linewidth=2.2)
        right.text(0.97, 0.95, f"{space}: {100 * ys[-1]:.0f} %", transform=right.transAxes, ha="right", weight="bold")
    right.axhline(10, color=GRAY, linestyle=":", linewidth=1.4)
    right.set(xlim=(0, steps), ylim=(0, 100), xlabel="step", ylabel="%", title="nearest picture is the same digit")
    return figure


@in_course_style
def neighbours_panel(image, name, rows, recall):
    """NeighboursPanel as a still: a picture, and its five nearest in each space.

    rows {space: [(image, class, same?), ...]}, recall {space: share of all pictures}.
    """
    figure, axes = picture(7, len(rows), size=(SIZE[0], 1.2 * len(rows) + 0.3), squeeze=False,
                           width_ratios=[1, 1.9, 1, 1, 1, 1, 1])  # fmt: skip
    draw_digit(axes[0, 0], image, str(name))
    for row in axes[1:]:
        row[0].set_visible(False)
    for row, (space, found) in zip(axes, rows.items(), strict=True):
        row[1].axis("off")
        row[1].text(
            0.5, 0.5, f"{space}\n{100 * recall[space]:.1f} % of all", ha="center", va="center", fontsize="small"
        )
        for ax, (near, label, same) in zip(row[2:], found, strict=True):
            draw_digit(ax, near, f"{label} {'✓' if same else '✗'}")
            ax.title.set(fontsize="small", weight="normal" if same else "bold")
            ax.spines[:].set_visible(True)
            ax.spines[:].set(color=GREEN if same else HARD, linestyle="-" if same else "--", linewidth=1.6)
    return figure


@in_course_style
def closeness(
    points, *, kinds, xlabel="likeness to the teacher (linear CKA)", ylabel="nearest of the same digit, in %"
):
    """Each arm's mean likeness to the teacher against what its space is good for.

    points {arm: (CKA values, measure values)} over seeds; kinds {arm: 0, 1 or 2} as for `arms`.
    """
    figure, ax = picture(size=(SIZE[0], 4.4))
    looks = [(HARD, "s"), (DISTILLED, "o"), (CONTROL, "D")]
    places = {arm: (np.mean(likeness), 100 * np.mean(values)) for arm, (likeness, values) in points.items()}
    xs, ys = np.array(list(places.values())).T
    width, height, written = 1.35 * np.ptp(xs), np.ptp(ys), []
    for arm, (x, y) in sorted(places.items(), key=lambda item: -item[1][1]):
        color, marker = looks[kinds.get(arm, 1)]
        ax.plot(x, y, marker, color=color, markersize=7)
        at = y
        for other_x, other in written:  # from the top downwards: each below those that it would cover
            if abs(other_x - x) < 0.25 * width and at > other - 0.06 * height:
                at = other - 0.06 * height
        written.append((x, at))
        ax.annotate(arm, (x, y), (x + 0.03 * width, at), va="center", fontsize="small",
                    arrowprops={"arrowstyle": "-", "color": GRAY, "linewidth": 0.7})  # fmt: skip
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(xs.min() - 0.05 * width, xs.min() + width))
    ax.margins(y=0.12)
    return figure


@in_course_style
def recorded_maps(rows, references):
    """How often the nearest picture on a map is of the same digit, for each space whose distances it was drawn from.

    rows {space: values over seeds}, references {name: value}.
    """
    figure, ax = picture(size=(SIZE[0], 0.42 * len(rows) + 1.2))
    for row, values in enumerate(100 * np.asarray(found, float) for found in rows.values()):
        color = DISTILLED if row == 0 else CONTROL
        ax.plot(values, [row] * len(values), "o" if row == 0 else "D", color=color, markersize=5, alpha=0.6)
        ax.plot([values.mean()] * 2, [row - 0.3, row + 0.3], color=color, linewidth=2.4)
        ax.annotate(f"{values.mean():.0f}", (1.01, row), xycoords=("axes fraction", "data"), va="center")
    for (name, value), dash in zip(references.items(), (":", "-.", (0, (1, 4))), strict=False):
        color = TEACHER if name.startswith("teacher") else CONTROL
        ax.axvline(100 * value, color=color, linestyle=dash, linewidth=1.8, label=f"{name} {100 * value:.0f}")
    ax.legend(fontsize="small", loc="best")
    ax.set_yticks(range(len(rows)), list(rows))
    ax.grid(axis="y", visible=False)
    ax.set(xlim=(0, 100), xlabel="nearest picture is the same digit, in %")
    ax.invert_yaxis()
    return figure
