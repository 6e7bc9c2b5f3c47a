"""Figures of lesson 01."""

import numpy as np
from matplotlib.patches import Rectangle

from kdlab.plots.base import (
    BLUE,
    DPI,
    GRAY,
    GREEN,
    PINK,
    RED,
    RUNNER_UP,
    SIZE,
    Picture,
    draw_bars,
    draw_digit,
    in_course_style,
    picture,
)


@in_course_style
def logits_of_digit(image, logits):
    """An image beside its logits; the runner-up stands out."""
    logits = np.asarray(logits)
    figure, axes = picture(2, width_ratios=[0.4, 1])
    draw_digit(axes[0], image)
    draw_bars(axes[1], logits, title="logits", second=int(np.argsort(-logits)[1]))
    axes[1].axhline(0, color=GRAY, linewidth=0.8)
    return figure


@in_course_style
def two_distributions(first, second, first_title, second_title):
    """Two distributions over the same classes, side by side."""
    figure, axes = picture(2, sharey=True, size=(SIZE[0], 2.6))
    draw_bars(axes[0], first, title=first_title, percent=True)
    draw_bars(axes[1], second, title=second_title, percent=True)
    return figure


@in_course_style
def against_temperature(temperatures, curves, highlight=()):
    """Probability of each class (columns of `curves`) against temperature; the classes in `highlight` stand out."""
    curves, highlight = np.asarray(curves), [int(i) for i in highlight]
    figure, ax = picture()
    for c in range(curves.shape[1]):
        place = highlight.index(c) if c in highlight else None
        color, width = (GRAY, 0.9) if place is None else ((BLUE, RUNNER_UP)[place % 2], 2.4)
        ax.plot(temperatures, curves[:, c], color=color, linewidth=width, linestyle="--" if place == 1 else "-")
        if place is not None:
            at = int(np.argmax(curves[:, c] < 0.7)) if place == 0 else int(np.argmax(curves[:, c]))
            ax.annotate(f"class {c}", (temperatures[at], curves[at, c]), (0, 8), textcoords="offset points",
                        color=color, weight="bold")  # fmt: skip
    ax.axhline(1 / curves.shape[1], color=GRAY, linewidth=0.8, linestyle=":")
    ax.annotate("uniform", (temperatures[0], 1 / curves.shape[1]), (4, 4), textcoords="offset points", color=GRAY)
    ax.set(xscale="log", xlabel="temperature T", ylabel="probability", ylim=(0, 1.05), title="soft targets")
    return figure


@in_course_style
def entropy_curves(images, names, temperatures, curves):
    """Entropy against temperature, one curve for each named image (rows of `curves`), with the images beside.

    The scale on the right is e^H, the number of equally likely classes of that entropy.
    """
    curves = np.asarray(curves)
    figure = Picture(figsize=SIZE, dpi=DPI, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(len(images), 2, width_ratios=[0.14, 1])
    ax = figure.add_subplot(grid[:, 1])
    for row, (image, name, curve) in enumerate(zip(images, names, curves, strict=True)):
        color, style = (BLUE, GREEN, PINK)[row % 3], ("-", "--", "-.")[row % 3]
        small = figure.add_subplot(grid[row, 0])
        draw_digit(small, image)
        small.set_title(name, fontsize="small", color=color)
        ax.plot(temperatures, curve, color=color, linestyle=style, linewidth=2, label=name)
    ceiling = np.log(10)
    ax.axhline(ceiling, color=GRAY, linewidth=0.8, linestyle=":")
    ax.annotate("ln 10", (temperatures[0], ceiling), (4, -12), textcoords="offset points", color=GRAY)
    ax.set(xscale="log", xlabel="temperature T", ylabel="entropy (nats)", ylim=(-0.05, 2.45))
    ax.legend(loc="lower right")
    right = ax.secondary_yaxis("right", functions=(lambda h: h, lambda h: h))
    right.set_yticks(np.log([1, 2, 3, 5, 10]), ["1", "2", "3", "5", "10"])
    right.set_ylabel("classes in play, $e^H$")
    return figure


@in_course_style
def resemblance(mean_targets, title=""):
    """Rows: the true class; columns: the mean soft target without the diagonal; each row's largest is framed."""
    values = np.array(mean_targets, dtype=float)
    np.fill_diagonal(values, np.nan)
    figure, ax = picture(size=(6.2, 4.6))
    shown = ax.imshow(100 * values, cmap="Blues")
    for row, column in np.ndindex(values.shape):
        if row != column:
            dark = values[row, column] > 0.6 * np.nanmax(values)
            ax.text(column, row, f"{100 * values[row, column]:.1f}", ha="center", va="center",
                    color="white" if dark else "black", fontsize="small")  # fmt: skip
    for row, column in enumerate(np.nanargmax(values, axis=1)):
        ax.add_patch(Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, fill=False, edgecolor=RED, linewidth=2))
    classes = range(len(values))
    ax.set(xticks=classes, yticks=classes, xlabel="class", ylabel="true class", title=title)
    ax.grid(False)
    figure.colorbar(shown, label="percent", shrink=0.85)
    return figure


@in_course_style
def digits(images, titles):
    """A row of images, each with its title."""
    figure, axes = picture(len(images), size=(SIZE[0], 1.7))
    for ax, image, title in zip(np.atleast_1d(axes), images, titles, strict=True):
        draw_digit(ax, image)
        ax.set_title(title, fontsize="small")
    return figure
