"""Pictures of the whole: distillation from image to gradient, and a plane whose probabilities are known. Stills of panels."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from kdlab.plots.base import (
    DISTILLED,
    DPI,
    GRAY,
    HARD,
    SIZE,
    TEACHER,
    Picture,
    draw_digit,
    draw_distribution,
    in_course_style,
    picture,
)

WIDEST = 9  # points of an arrow that carries the whole gradient
FIELD = LinearSegmentedColormap.from_list("teacher", ["white", TEACHER])


@in_course_style
def diagram(image, label, soft, losses, *, temperature, alpha):
    """DiagramPanel as a still: image, answers of teacher and student, both losses, and the gradient into the student.

    soft: {"teacher", "student"} (classes,) at this temperature; losses: {"hard", "soft", "total"}, soft with its T².
    """
    figure = Picture(figsize=(SIZE[0], 4.1), dpi=DPI, facecolor="white", layout="none")
    draw_digit(figure.add_axes((0.01, 0.42, 0.13, 0.26)), image, "the picture")
    places = {"teacher": 0.67, "student": 0.16}
    for who, color in (("teacher", TEACHER), ("student", DISTILLED)):
        ax = figure.add_axes((0.29, places[who], 0.4, 0.25))
        classes = [str(i) for i in range(len(soft[who]))]
        draw_distribution(ax, soft[who], color, f"the {who} answers, at T = {temperature:.3g}", classes)
        ax.set_yticks([0, 0.5, 1], [])
        if who == "student":
            at = np.arange(len(classes))
            ax.hlines(soft["teacher"], at - 0.45, at + 0.45, color=TEACHER, linewidth=2)
    page = figure.add_axes((0, 0, 1, 1))
    page.set(xlim=(0, 1), ylim=(0, 1))
    page.axis("off")
    arrow = lambda a, b, **look: page.add_patch(  # noqa: E731
        FancyArrowPatch(a, b, **{"arrowstyle": "-|>", "mutation_scale": 11, "color": GRAY, "lw": 1.4, **look})
    )
    for y in (0.79, 0.28):
        arrow((0.145, 0.57 if y > 0.5 else 0.5), (0.275, y))
    for y, name, words, color in (
        (0.68, "soft", "teacher ↔ student", TEACHER),
        (0.24, "hard", f"label {label} ↔ student", HARD),
    ):
        page.add_patch(
            FancyBboxPatch((0.79, y - 0.09), 0.18, 0.18, "round,pad=0.01", facecolor="white", edgecolor=color, lw=1.8)
        )
        page.text(0.88, y + 0.03, f"{name} loss {losses[name]:.2f}", ha="center", fontweight="bold")
        page.text(0.88, y - 0.05, words, ha="center", fontsize="small")
    arrow((0.695, 0.74), (0.778, 0.72))
    arrow((0.695, 0.34), (0.79, 0.575))
    arrow((0.695, 0.26), (0.778, 0.25))
    for share, kind, y, tip, color in ((1 - alpha, "soft", 0.52, 0.43, TEACHER), (alpha, "hard", 0.055, 0.12, HARD)):
        width = 1 + (WIDEST - 1) * share
        start = 0.87 if kind == "hard" else 0.9
        page.plot([start, start, 0.24], [0.14 if kind == "hard" else 0.58, y, y], color=color, lw=width)
        arrow((0.24, y), (0.24, tip), color=color, lw=width, mutation_scale=12 + width)
        page.text(0.5, y + (0.026 if kind == "soft" else -0.045), f"{share:.3g} × the gradient of the {kind} loss",
                  ha="center", fontsize="small")  # fmt: skip
    page.plot([0.24, 0.24], [0.55, 0.65], color=GRAY, lw=1.4, linestyle=":")
    page.plot(0.24, 0.6, "x", color="black", markersize=8, markeredgewidth=2)
    page.text(0.225, 0.6, "none", ha="right", va="center", fontsize="small")
    return figure


@in_course_style
def plane_panel(plane, points, labels, field, students, *, temperature):
    """PlanePanel as a still: the teacher's soft border as a colour field, and under it that of each student.

    field (side, side): the teacher's probability of the filled class at this temperature, rows from the top;
    students: {"distilled", "hard"} of the same shape, at T = 1.
    """
    names = {"distilled": ("distilled student", DISTILLED, "-"), "hard": ("hard-label student", HARD, "--")}
    figure, axes = picture(2, size=(SIZE[0], 4.3), sharey=True)
    steps = np.linspace(-plane.extent, plane.extent, len(field))
    for ax, (name, values) in zip(axes, students.items(), strict=True):
        words, color, dash = names[name]
        ax.imshow(
            field, extent=[-plane.extent, plane.extent] * 2, cmap=FIELD, vmin=0, vmax=1.6, interpolation="bilinear"
        )
        ax.contour(steps, steps[::-1], values, levels=[0.1, 0.5, 0.9], colors=[color], linewidths=[1, 2.6, 1],
                   linestyles=dash)  # fmt: skip
        for which, face in ((1, "black"), (0, "white")):
            ax.plot(*points[labels == which].T, "o", markersize=6, markerfacecolor=face, markeredgecolor="black")
        ax.set(title=f"{words}, {len(points)} labels", xticks=[], yticks=[], aspect="equal")
        ax.grid(False)
    figure.supxlabel(f"field: the teacher at T = {temperature:.3g}; lines: where the student says 10, 50, 90 %",
                     fontsize="small")  # fmt: skip
    return figure
