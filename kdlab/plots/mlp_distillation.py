"""Figures of lesson 04."""

import numpy as np

from kdlab.plots.base import BLUE, CONTROL, DISTILLED, GRAY, GREEN, HARD, RED, SIZE, TEACHER, in_course_style, picture


@in_course_style
def loss_curves(losses):
    """Loss against step for each named run, on a log scale; the line is the mean over 10 steps."""
    figure, ax = picture(size=(SIZE[0], 2.6))
    for (name, values), color, style in zip(losses.items(), (BLUE, RED, GREEN), ("-", "--", "-."), strict=False):
        smooth = np.convolve(values, np.ones(10) / 10, mode="valid")
        ax.plot(np.arange(len(smooth)) + 10, smooth, color=color, linestyle=style, linewidth=2, label=name)
    ax.set(yscale="log", xlabel="step", ylabel="loss", title="training loss")
    ax.legend()
    return figure


@in_course_style
def race_over_seeds(recorded):
    """Errors of every arm of benchmarks/race.py: a dot for each seed, a bar for the mean, on validation and test."""
    figure, axes = picture(2, sharey=True, size=(SIZE[0], 3.4))
    for ax, (title, pile) in zip(
        axes, {"validation": "validation", "test (chose nothing)": "test"}.items(), strict=True
    ):
        _bars_of_seeds(ax, {name: errors[pile] for name, errors in recorded["errors"].items()}, list(recorded["rates"]))
        ax.set(xlabel="errors of 10 000", title=title)
    axes[0].invert_yaxis()
    figure.suptitle(f"recorded: {len(recorded['seeds'])} seeds, {recorded['script']}", fontsize="small", color=GRAY)
    return figure


@in_course_style
def moved_digits(recorded, arms):
    """Errors of some arms of benchmarks/race.py on test images as they are, and moved by two pixels."""
    figure, axes = picture(2, sharey=True, size=(SIZE[0], 2.5))
    for ax, (title, pile) in zip(axes, {"as they are": "test", "moved by two pixels": "moved"}.items(), strict=True):
        _bars_of_seeds(ax, {name: errors[pile] for name, errors in recorded["errors"].items()}, arms)
        ax.set(xlabel="errors of 10 000 test images", title=title)
    axes[0].invert_yaxis()
    return figure


def _bars_of_seeds(ax, errors, arms):
    """A bar and dots for each arm, a dashed line for the teacher."""
    for row, name in enumerate(arms):
        color = DISTILLED if name.startswith("soft") else HARD if name == "hard labels" else CONTROL
        ax.barh(row, np.mean(errors[name]), color=color, alpha=0.35, height=0.7)
        ax.plot(errors[name], [row] * len(errors[name]), "o", color=color, markersize=4)
    teacher = np.mean(errors["teacher"])
    ax.axvline(teacher, color=TEACHER, linestyle="--")
    ax.annotate("teacher", (teacher, len(arms) - 0.45), (4, 0), textcoords="offset points", color=TEACHER,
                fontsize="small")  # fmt: skip
    ax.set_yticks(range(len(arms)), arms)
    ax.set_xlim(0, None)
    ax.grid(axis="y", visible=False)


@in_course_style
def hinton_section3(ours):
    """Test errors of the three arms of Hinton et al. (2015), section 3: the paper's figure, and a dot for each of our runs.

    `ours` maps "teacher", "hard" and "distilled" to errors, one for each seed.
    """
    paper = {"hard": 146, "distilled": 74, "teacher": 67}
    names = ("784-800-800-10\nhard labels", "784-800-800-10\nsoft targets, T = 20", "784-1200-1200-10\nthe teacher")
    colors = (HARD, DISTILLED, TEACHER)
    figure, ax = picture(size=(SIZE[0], 3.0))
    for row, (arm, color) in enumerate(zip(paper, colors, strict=True)):
        runs, words = ours[arm], {"va": "center", "textcoords": "offset points", "color": GRAY}
        ax.barh(row - 0.18, paper[arm], height=0.32, color=GRAY, alpha=0.5)
        ax.annotate(str(paper[arm]), (paper[arm], row - 0.18), (5, 0), **words)
        ax.barh(row + 0.18, np.mean(runs), height=0.32, color=color, alpha=0.5)
        ax.plot(runs, [row + 0.18] * len(runs), "o", color=color, markersize=4)
        ax.annotate(f"{np.mean(runs):.0f}", (max(runs), row + 0.18), (7, 0), **words)
    ax.set_yticks(range(len(paper)), names)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set(
        xlabel="test errors of 10 000", title=f"gray: the paper; coloured: ours, {len(ours['hard'])} seeds (recorded)"
    )
    return figure
