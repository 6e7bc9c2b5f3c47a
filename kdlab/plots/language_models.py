"""Figures of lesson 12."""

import numpy as np

from kdlab.plots.base import (
    BLUE,
    DISTILLED,
    GRAY,
    GREEN,
    HARD,
    PINK,
    RED,
    SIZE,
    SKY,
    TEACHER,
    draw_arm,
    in_course_style,
    picture,
)

# What each arm learns from gives its colour.
TEXT, TARGETS, BARE, WRITTEN, BOTH = HARD, DISTILLED, SKY, GREEN, PINK


def _character(character):
    return {" ": "␣", "\n": "⏎"}.get(character, character)


@in_course_style
def next_characters(distributions, *, most=10):
    """Bars of the likeliest next characters, a plot for each {title: {character: probability}}."""
    figure, axes = picture(len(distributions), size=(SIZE[0], 2.5), sharey=True, squeeze=False)
    for ax, (title, shares) in zip(axes[0], distributions.items(), strict=True):
        ranked = sorted(shares.items(), key=lambda pair: -pair[1])[:most]
        ax.bar(range(len(ranked)), [p for _, p in ranked], color=TEACHER, width=0.75)
        ax.set_xticks(range(len(ranked)), [_character(c) for c, _ in ranked])
        ax.set_title(title, fontsize="small", family="monospace", fontweight="normal")
        ax.set(ylim=(0, 1.02))
        ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        ax.grid(axis="x", visible=False)
    return figure


@in_course_style
def transfer_arms(groups, *, teacher=None):
    """Bits per character of each arm, a plot for each {title: {arm: (colour name, values over seeds)}}.

    Colour names: "text", "targets", "bare", "written", "both". teacher: its own bits, a dotted line.
    """
    colors = {"text": TEXT, "targets": TARGETS, "bare": BARE, "written": WRITTEN, "both": BOTH}
    heights = [len(arms) for arms in groups.values()]
    figure, axes = picture(1, len(groups), size=(SIZE[0], 0.3 * sum(heights) + 0.62 * len(groups)), sharex=True,
                           height_ratios=heights, squeeze=False)  # fmt: skip
    for ax, (title, arms) in zip(axes[:, 0], groups.items(), strict=True):
        for place, (color, values) in enumerate(arms.values()):
            mean = np.mean(values)
            ax.barh(place, 0.012, left=mean - 0.006, height=0.72, color=colors[color])
            ax.plot(values, [place] * len(values), "o", color=colors[color], markersize=4, alpha=0.6)
            ax.annotate(f"{mean:.2f}", (max(values), place), (8, 0), textcoords="offset points", va="center",
                        fontsize="small")  # fmt: skip
        if teacher is not None:
            ax.axvline(teacher, color=TEACHER, linestyle=":")
        ax.set_yticks(range(len(arms)), list(arms), fontsize="small")
        ax.set(ylim=(len(arms) - 0.4, -0.6))
        ax.set_title(title, fontsize="small", loc="left")
        ax.grid(axis="y", visible=False)
    if teacher is not None:
        axes[0, 0].annotate("teacher", (teacher, -0.5), (3, 0), textcoords="offset points", fontsize="small",
                            color=GRAY, va="top")  # fmt: skip
    axes[-1, 0].set_xlabel("bits per character, test chapters (fewer is better)")
    axes[-1, 0].margins(x=0.1)
    figure.suptitle("recorded: benchmarks/language_models.py", fontsize="small", color=GRAY)
    return figure


@in_course_style
def divergence_measures(measures, references=()):
    """A plot for each {title: {divergence: values over seeds}}; references {title: (words, value)}: dotted lines."""
    figure, axes = picture(len(measures), size=(SIZE[0], 2.7), squeeze=False, sharey=True)
    for ax, (title, arms) in zip(axes[0], measures.items(), strict=True):
        for place, (values, color) in enumerate(zip(arms.values(), (BLUE, SKY, GREEN, PINK, RED), strict=False)):
            ax.plot(values, [place] * len(values), "o", color=color, markersize=4, alpha=0.6)
            ax.plot(np.mean(values), place, "|", color=color, markersize=16, markeredgewidth=2.5)
        if title in dict(references):
            words, value = dict(references)[title]
            ax.axvline(value, color=GRAY, linestyle=":")
            ax.annotate(words, (value, len(arms) - 0.75), (3, 0), textcoords="offset points", fontsize="x-small",
                        color=GRAY)  # fmt: skip
        ax.set_yticks(range(len(arms)), list(arms))
        ax.set_title(title, fontsize="small")
        ax.set(ylim=(len(arms) - 0.5, -0.6))
        ax.margins(x=0.15)
    figure.suptitle("recorded: benchmarks/language_models.py", fontsize="small", color=GRAY)
    return figure


@in_course_style
def jump_at_the_ends(betas, divergence, forward, reverse):
    """The generalised JSD against beta, with the values that libraries give at the ends, and its two slopes."""
    betas, divergence = np.asarray(betas), np.asarray(divergence)
    figure, (left, right) = picture(2, size=(SIZE[0], 3.0))
    left.plot(betas, divergence, color=BLUE, linewidth=2)
    for x, y, words, side in ((0, forward, "forward KL", "left"), (1, reverse, "reverse KL", "right")):
        left.plot([x], [0], "o", color=BLUE, markerfacecolor="white")
        left.plot([x], [y], "o", color=RED)
        left.plot([x, x], [0, y], color=RED, linestyle=":")
        left.annotate(words, (x, y), (8 if side == "left" else -8, -3), textcoords="offset points", ha=side,
                      fontsize="small", color=RED)  # fmt: skip
    left.set(title="the formula, and what libraries\nput at its ends", xlabel="β", ylabel="nats")
    right.plot(betas, divergence / betas, color=BLUE, linewidth=2, label="JSD / β")
    right.plot(betas, divergence / (1 - betas), color=GREEN, linewidth=2, linestyle="--", label="JSD / (1 − β)")
    right.plot([0], [forward], "o", color=RED)
    right.plot([1], [reverse], "o", color=RED)
    right.set(
        title="divided by β or by 1 − β,\nit arrives without a jump", xlabel="β", ylim=(0, 1.25 * max(forward, reverse))
    )
    right.legend(fontsize="small")
    return figure


@in_course_style
def cache_curves(kinds, *, full):
    """Against bytes per character: what a student reaches, and how far the kept probabilities are off on average.

    kinds {name: {bytes: {"bits": values over seeds, "bias": values}}}; full: the bits with all probabilities kept.
    """
    looks = {
        "top k, renormalised": (RED, "--", "s"),
        "top k, both renormalised": (PINK, ":", "D"),
        "top k and a bucket": (GREEN, "-.", "^"),
        "draws": (BLUE, "-", "o"),
    }
    figure, axes = picture(2, size=(SIZE[0], 3.3))
    for name, points in kinds.items():
        for ax, measure in zip(axes, ("bits", "bias"), strict=True):
            values = {x: np.asarray(p[measure]) for x, p in sorted(points.items()) if measure in p}
            if values:
                draw_arm(ax, values, looks[name], label=name)
    axes[0].axhline(full, color=GRAY, linestyle=":")
    axes[0].annotate("all 39 probabilities, 78 bytes", (0.98, full), (0, -4), xycoords=("axes fraction", "data"),
                     textcoords="offset points", fontsize="x-small", color=GRAY, ha="right", va="top")  # fmt: skip
    axes[0].set(title="what the student reaches", ylabel="bits per character, test")
    axes[1].set(title="bias of the cache", ylabel="off on average over all places", ylim=(0, None))
    axes[1].yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes[0].set_ylim(full - 0.2, None)  # room for the words below the line
    for ax in axes:
        ax.set_xscale("log", base=2)
        ax.set_xlabel("bytes for each character")
        ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes[1].legend(*axes[0].get_legend_handles_labels(), fontsize="small")  # where there is room
    figure.suptitle("recorded: 3 seeds, benchmarks/language_models.py", fontsize="small", color=GRAY)
    return figure


@in_course_style
def kept_shares(characters, kinds):
    """What each kind of cache keeps of each character, on average, as a share of what the teacher gives it.

    kinds {name: shares}, in the order of the characters; 1 is right.
    """
    figure, ax = picture(size=(SIZE[0], 2.9))
    looks = {"top": (RED, "s"), "draws": (BLUE, "o")}
    for name, shares in kinds.items():
        color, marker = next(look for word, look in looks.items() if word in name)
        ax.plot(range(len(shares)), shares, marker, color=color, label=name, markersize=5)
    ax.axhline(1, color=GRAY, linestyle=":")
    ax.set_xticks(range(len(characters)), [_character(c) for c in characters], fontsize="small", family="monospace")
    ax.set(ylabel="kept / true, mean of all places", ylim=(0, None), xlabel="characters, the most frequent first")
    ax.legend(fontsize="small")
    ax.grid(axis="x", visible=False)
    return figure
