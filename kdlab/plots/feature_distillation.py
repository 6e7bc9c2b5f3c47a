"""Figures of lesson 08: where networks look, and what imitating a hidden layer is worth."""

import numpy as np

from kdlab.plots.base import BLUE, ORANGE, RED, SIZE, draw_digit, picture

STYLES = {"teacher": (ORANGE, ":"), "distilled": (BLUE, "-"), "hard": (RED, "--")}


def draw_look(ax, pixels, corner, shades=None, title=""):
    """A picture with its box, and a network's attention over it: (places,) from 0 to 1, row by row."""
    draw_digit(ax, pixels, title)
    if shades is not None:
        side = int(len(shades) ** 0.5)
        veil = np.zeros((side, side, 4))
        veil[..., :3] = [0.9, 0.62, 0.0]
        veil[..., 3] = 0.85 * np.reshape(shades, (side, side))
        ax.imshow(veil, extent=(-0.5, 27.5, 27.5, -0.5), interpolation="nearest")
    top, left, size = corner
    ax.plot(np.array([0, 1, 1, 0, 0]) * size + left - 0.5, np.array([0, 0, 1, 1, 0]) * size + top - 0.5,
            color=BLUE, linestyle="--", linewidth=1.4)  # fmt: skip
    ax.set(xlim=(-0.5, 27.5), ylim=(27.5, -0.5))


def look_panel(pixels, corner, maps, seen, curves, teacher, *, truth, imitate, weight, steps):
    """LookPanel as a still: the picture, three attention maps of it, and the curves of both students."""
    figure, axes = picture(4, 2, size=(SIZE[0], 4.9))
    for ax in axes[1]:
        ax.remove()
    names = {"teacher": "teacher", "distilled": "imitates", "hard": "labels alone"}
    draw_look(axes[0, 0], pixels, corner, title=f"a {truth}")
    for ax, (who, name) in zip(axes[0, 1:], names.items(), strict=True):
        answer, share = seen[who]
        draw_look(ax, pixels, corner, maps[who], name)
        ax.set_xlabel(f"says {answer} {'✓' if answer == truth else '✗'}, {100 * share:.0f} % inside", fontsize="small")
    grid = axes[1, 0].get_gridspec()
    for columns, name, title in (
        (slice(0, 2), "accuracy", "Right answers"),
        (slice(2, 4), "share", "Attention in the box"),
    ):
        ax = figure.add_subplot(grid[1, columns])
        ax.axhline(teacher[name], color=ORANGE, linestyle=":", linewidth=2, label="teacher")
        for who in ("distilled", "hard"):
            color, dash = STYLES[who]
            values = curves.get(name, {}).get(who, [])
            ax.plot(curves["steps"][: len(values)], values, color=color, linestyle=dash, linewidth=2, label=names[who])
        ax.set(title=title, xlim=(0, steps), ylim=(0, 1), xlabel="step")
        ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        ax.legend(fontsize="small", loc="upper left")
    figure.suptitle(f"labels, and the teacher's {imitate} with weight {weight:g}", fontsize="medium")
    return figure
