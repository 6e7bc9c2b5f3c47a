"""Figures of lesson 14, and its panels as stills."""

import textwrap

import numpy as np

from kdlab.plots.base import (
    CONTROL,
    DISTILLED,
    GRAY,
    GREEN,
    HARD,
    PINK,
    RED,
    SIZE,
    SKY,
    TEACHER,
    in_course_style,
    picture,
)

RECORDED = "recorded: benchmarks/own_steps.py"
STEPS = ((1, 0), (-1, 0), (0, 1), (0, -1))
COLORS = {"own": DISTILLED, "given": HARD, "teacher": TEACHER, "control": CONTROL, "start": GRAY, "long": GREEN, "short": PINK,
          "bare": SKY}  # fmt: skip


def _draw_walk(ax, prompt, walk, size, title=""):
    """One walk on its grid: wrong steps are dashed."""
    moves, wrong, there = walk
    x, y, goal_x, goal_y = prompt
    for move, astray in zip(moves, wrong, strict=True):
        dx, dy = STEPS[move]
        ax.plot(
            [x, x + dx], [y, y + dy], color=RED if astray else "black", linestyle=":" if astray else "-", linewidth=2
        )
        x, y = x + dx, y + dy
    ax.plot(goal_x, goal_y, "s", color=GREEN, markersize=9)
    ax.plot(*prompt[:2], "o", color="white", markeredgecolor="black", markersize=7)
    ax.plot(x, y, "o", color="black", markersize=4)
    low, high = min(0, x, y) - 0.6, max(size - 1, x, y) + 0.6
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    ax.set_xticks(np.arange(size + 1) - 0.5, [])
    ax.set_yticks(np.arange(size + 1) - 0.5, [])
    ax.tick_params(length=0)
    ax.set_title(title or ("arrived" if there else "lost"), fontsize="small", fontweight="normal")


@in_course_style
def grid_walks(prompts, walks, titles, *, size=8):
    """Walks from a ring to a square on grids; steps that lead away from the goal are dotted.

    prompts: [(column, row, goal's column, goal's row)]; walks: [(moves, which are wrong, whether it arrived)].
    """
    figure, axes = picture(len(walks), size=(SIZE[0], 2.5), squeeze=False)
    for ax, prompt, walk, title in zip(axes[0], prompts, walks, titles, strict=True):
        _draw_walk(ax, prompt, walk, size, title)
    return figure


@in_course_style
def next_moves(places):
    """What the exact teacher says after a few beginnings of walks: bars of the moves and END, a plot for each title."""
    names = ["right", "left", "up", "down", "END"]
    figure, axes = picture(len(places), size=(SIZE[0], 2.2), sharey=True, squeeze=False)
    for ax, (title, p) in zip(axes[0], places.items(), strict=True):
        ax.bar(range(5), p, color=TEACHER, width=0.7)
        ax.set_xticks(range(5), names, fontsize="small")
        ax.set_title(title, fontsize="small")
        ax.set_ylim(0, 1.05)
        ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        ax.grid(axis="x", visible=False)
    return figure


@in_course_style
def walk_panel(curves, prompts, walks, *, steps, size):
    """WalkPanel as a still: how many walks arrive, and the walks of both students from the same starts."""
    count = len(prompts)
    figure, axes = picture(count + 1, 2, size=(SIZE[0], 3.6), width_ratios=[2.2] + [1] * count)
    grid = axes[0, 0].get_gridspec()
    for ax in axes[:, 0]:
        ax.remove()
    ax = figure.add_subplot(grid[:, 0])
    for arm, dash in (("own", "-"), ("given", "--")):
        values = curves.get(arm, [])
        words = f"{arm} walks {100 * values[-1]:.0f} %" if values else f"{arm} walks"
        ax.plot(curves.get("steps", []), values, color=COLORS[arm], linestyle=dash, linewidth=2, label=words)
    ax.set(xlim=(0, steps), ylim=(0, 1), xlabel="step", title="walks that arrive")
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.legend(loc="lower right", fontsize="small")
    for row, arm in enumerate(("own", "given")):
        for ax, prompt, walk in zip(axes[row, 1:], prompts, walks[arm], strict=True):
            _draw_walk(ax, prompt, walk, size, f"{arm}: {'arrived' if walk[2] else 'lost'}")
    return figure


@in_course_style
def arms_side_by_side(measures, *, percent=False, script=RECORDED, limits=None):
    """A dot for each seed and a bar for the mean of each arm, a plot for each {title: {arm: (colour name, values)}}.

    Colour names are those of COLORS. limits: (low, high) of the axis, of all plots.
    """
    rows = len(next(iter(measures.values())))
    figure, axes = picture(len(measures), size=(SIZE[0], 0.9 + 0.29 * rows), sharey=True, squeeze=False)
    for ax, (title, arms) in zip(axes[0], measures.items(), strict=True):
        for place, (color, values) in enumerate(arms.values()):
            ax.plot(values, [place] * len(values), "o", color=COLORS[color], markersize=4, alpha=0.6)
            ax.plot(np.mean(values), place, "|", color=COLORS[color], markersize=15, markeredgewidth=2.5)
        ax.set_yticks(range(rows), list(arms), fontsize="small")
        ax.set_title(title, fontsize="small")
        ax.set_ylim(rows - 0.4, -0.6)
        if limits:
            ax.set_xlim(*limits)
        else:
            ax.margins(x=0.15)
        if percent:
            ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        ax.tick_params(axis="x", labelsize="small")
    figure.suptitle(script, fontsize="small", color=GRAY)
    return figure


@in_course_style
def precision_and_diversity(arms, *, teacher, script=RECORDED):
    """What the teacher thinks of each arm's text against how varied it is: a mark for each seed, a line to the mean.

    arms {name: (colour name, marker, [(teacher's bits, distinct-4)])}; teacher: its own text's two figures.
    """
    figure, ax = picture(size=(SIZE[0], 3.4))
    for name, (color, marker, points) in arms.items():
        bits, variety = np.array(points).T
        ax.plot(bits, variety, marker, color=COLORS[color], markersize=7, alpha=0.75, label=name)
    ax.plot(*teacher, "*", color=TEACHER, markersize=14, label="the teacher itself")
    ax.set(xlabel="the teacher's bits per character of the text (fewer: it likes it better)", ylabel="distinct-4",
           title="precision against diversity")  # fmt: skip
    ax.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.01, 0.5))
    figure.suptitle(script, fontsize="small", color=GRAY)
    return figure


@in_course_style
def overlap(p, q, names):
    """Two distributions over the same characters; what they share, the smaller of both, is what gets accepted."""
    places = np.arange(len(names))
    figure, ax = picture(size=(SIZE[0], 2.6))
    ax.bar(
        places,
        np.minimum(p, q),
        0.8,
        color=GREEN,
        label=f"both: min(p, q), {np.minimum(p, q).sum():.2f} in what is shown",
    )
    ax.step(
        [*(places - 0.5), len(names) - 0.5], [*p, p[-1]], where="post", color=TEACHER, linewidth=2, label="teacher p"
    )
    ax.step([*(places - 0.5), len(names) - 0.5], [*q, q[-1]], where="post", color=DISTILLED, linewidth=2, linestyle="--",
            label="drafter q")  # fmt: skip
    ax.set_xticks(places, [{" ": "␣", "\n": "⏎"}.get(name, name) for name in names])
    ax.set_title("what the teacher accepts")
    ax.grid(axis="x", visible=False)
    ax.legend(fontsize="small")
    return figure


@in_course_style
def drafters(measures, passes, expected, *, script=RECORDED):
    """What the teacher accepts of each drafter, and its passes for each character against the characters drafted ahead.

    measures {title: {name: (colour name, values over seeds)}}; passes {name: (colour name, [ahead], [[passes of each seed] for
    each ahead])}; expected {name: values}: the passes by formula, gray dashes.
    """
    figure, axes = picture(len(measures) + 1, size=(SIZE[0], 2.9), width_ratios=[1] * len(measures) + [1.3])
    for ax, (title, arms) in zip(axes, measures.items(), strict=False):
        for place, (color, values) in enumerate(arms.values()):
            ax.plot(values, [place] * len(values), "o", color=COLORS[color], markersize=4, alpha=0.6)
            ax.plot(np.mean(values), place, "|", color=COLORS[color], markersize=15, markeredgewidth=2.5)
        ax.set_yticks(range(len(arms)), list(arms) if ax is axes[0] else [""] * len(arms), fontsize="small")
        ax.set_title(title, fontsize="small")
        ax.set_ylim(len(arms) - 0.4, -0.6)
        ax.margins(x=0.15)
        ax.tick_params(axis="x", labelsize="small")
    ax = axes[-1]
    for (name, (color, ahead, values)), dash in zip(passes.items(), ("-", "--", "-.", ":"), strict=False):
        ax.plot(
            ahead,
            [np.mean(v) for v in values],
            color=COLORS[color],
            linestyle=dash,
            marker="o",
            markersize=4,
            label=name,
        )
        ax.plot(ahead, expected[name], "_", color=GRAY, markersize=14)
    ax.axhline(1, color=TEACHER, linestyle=":")
    ax.set(xlabel="characters drafted ahead", ylim=(0, 1.05), xticks=ahead)
    ax.set_title("passes of the teacher a character", fontsize="small")
    ax.legend(fontsize="x-small", loc="lower left", ncols=2)
    figure.suptitle(script, fontsize="small", color=GRAY)
    return figure


@in_course_style
def draft_panel(prompt, rounds, name, ahead):
    """DraftPanel as a still: the text, in which what was kept, refused and added has a colour each."""
    figure, ax = picture(size=(SIZE[0], 2.6))
    pieces = [(prompt, GRAY)]
    for kept, refused, added in rounds:
        pieces += [(kept, DISTILLED), (refused, RED), (added, TEACHER)]
    wide, lines = 88, 9
    letters = [(letter, color) for text, color in pieces for letter in text.replace("\n", "↵")][: wide * lines]
    for place, (letter, color) in enumerate(letters):
        struck = color == RED
        ax.text(place % wide, -(place // wide), letter, color=color, family="monospace", fontsize=9, ha="center",
                va="center", fontweight="bold" if color == TEACHER else "normal", parse_math=False)  # fmt: skip
        if struck:
            ax.plot([place % wide - 0.45, place % wide + 0.45], [-(place // wide)] * 2, color=RED, linewidth=1)
    ax.set(xlim=(-1, wide), ylim=(-lines, 1))
    ax.axis("off")
    kept = sum(len(text) for text, _, _ in rounds)
    words = (
        f"{kept + len(rounds)} characters in {len(rounds)} passes of the teacher" if rounds else "nothing written yet"
    )
    title = f"drafter: {name}, {ahead} ahead; {words}. Blue: kept, red: refused, bold: the teacher's own"
    ax.set_title("\n".join(textwrap.wrap(title, 90)), fontsize="small")
    return figure
