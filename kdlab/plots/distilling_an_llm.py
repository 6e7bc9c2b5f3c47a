"""Figures of lesson 13."""

import numpy as np

from kdlab.plots.base import BLUE, GRAY, GREEN, RED, SIZE, SKY, TEACHER, in_course_style, picture

# Colour and marker of each way of training, as in the panel of this lesson.
LOOKS = {"text only": (RED, "s"), "both": (GREEN, "^"), "probabilities": (BLUE, "o"), "teacher": (TEACHER, "*")}


@in_course_style
def next_tokens(before, pieces, columns):
    """A bar for each of the teacher's likeliest next tokens, a group of columns {name: probabilities} for each.

    before: the text up to there, shown above; pieces: the tokens, as they are written.
    """
    figure, ax = picture(size=(SIZE[0], 2.9))
    places, width = np.arange(len(pieces)), 0.82 / len(columns)
    for n, (name, values) in enumerate(columns.items()):
        color = TEACHER if name == "teacher" else (BLUE, SKY, GREEN)[(n - 1) % 3]
        drawn = ax.bar(places + (n - (len(columns) - 1) / 2) * width, values, width, label=name, color=color,
                       edgecolor=color)  # fmt: skip
        if len(columns) == 1:
            ax.bar_label(drawn, [f"{100 * v:.1f} %" for v in values], padding=2, fontsize="small")
    ax.set_xticks(places, [piece.replace(" ", "␣").replace("\n", "↵") for piece in pieces])
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.margins(y=0.15)
    ax.grid(axis="x", visible=False)
    ax.set_title("… " + before[-90:].replace("\n", " ") + " ▁", loc="left", fontweight="normal")
    if len(columns) > 1:
        ax.legend(fontsize="small")
    return figure


@in_course_style
def vocabulary_sizes(sizes, shares, chosen, *, teacher=49_152):
    """What is covered by the most frequent tokens: shares {what: [share for each size]} against the size."""
    figure, ax = picture(size=(SIZE[0], 3.1))
    looks = ((BLUE, "-"), (GREEN, "--"), (RED, ":"))
    for (name, values), (color, dash) in zip(shares.items(), looks, strict=False):
        ax.plot(sizes, values, color=color, linestyle=dash, linewidth=2, label=name)
    ax.axvline(chosen, color=GRAY, linewidth=1)
    ax.annotate(f"here: {chosen:,}".replace(",", " "), (chosen, 0.5), (-5, 0), textcoords="offset points", color=GRAY,
                fontsize="small", ha="right")  # fmt: skip
    ax.set(xlabel=f"size of the vocabulary (the teacher's own: {teacher:,})".replace(",", " "), ylim=(0, 1.02),
           xscale="log")  # fmt: skip
    ax.set_xticks([size for size in (100, 300, 1000, 3000, 10000) if sizes[0] <= size <= sizes[-1]])
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.legend(fontsize="small")
    return figure


@in_course_style
def left_out(counts, kept):
    """How many answers each filter took away, {why: number}, and how many are left."""
    figure, ax = picture(size=(SIZE[0], 0.42 * len(counts) + 0.9))
    for place, (why, count) in enumerate({**counts, "kept": kept}.items()):
        ax.barh(place, count, color=BLUE if why == "kept" else RED, height=0.62)
        ax.annotate(str(count), (count, place), (4, 0), textcoords="offset points", va="center", fontsize="small")
    ax.set_yticks(range(len(counts) + 1), [*counts, "kept"])
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set(xlim=(0, 1.1 * max(kept, *counts.values())), xlabel="answers")
    return figure


@in_course_style
def overlaps(groups, *, n=8):
    """Histograms of the share of each test answer's n-grams that were seen: groups {whose: shares}."""
    figure, axes = picture(len(groups), size=(SIZE[0], 2.6), sharey=True, squeeze=False)
    edges = np.linspace(0, 1, 21)
    for ax, (name, shares), color in zip(axes[0], groups.items(), (BLUE, RED, GREEN), strict=False):
        ax.hist(shares, edges, color=color)
        ax.set(title=name, xlabel=f"share of {n}-grams seen before", xlim=(0, 1))
        ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes[0][0].set_ylabel("test answers")
    return figure


@in_course_style
def three_ways(measures, curves=None, *, recorded="benchmarks/distilling_an_llm.py"):
    """A plot for each measure, {title: {way of training: values over seeds}}; dots are seeds, the bar is their mean.

    curves, if given, is (title, {way of training: [(step, value), ...]}): one more plot, of lines.
    """
    columns = len(measures) + (curves is not None)
    ratios = [1] * len(measures) + [1.4] * (curves is not None)
    figure, axes = picture(columns, size=(SIZE[0], 2.9), squeeze=False, width_ratios=ratios)
    for ax, (title, by) in zip(axes[0], measures.items(), strict=False):
        for place, (name, values) in enumerate(by.items()):
            color, marker = LOOKS.get(name.removesuffix(", long"), (GRAY, "o"))
            ax.plot([place - 0.28, place + 0.28], [np.mean(values)] * 2, color=color, linewidth=3)
            ax.plot(np.linspace(place - 0.12, place + 0.12, len(values)), values, marker, color=color, alpha=0.75,
                    markersize=11 if marker == "*" else 6, linestyle="")  # fmt: skip
        ax.set_xticks(range(len(by)), [name.replace(" ", "\n") for name in by], fontsize="x-small")
        ax.set_title(title, fontsize="small")
        ax.margins(x=0.2, y=0.2)
        ax.grid(axis="x", visible=False)
    if curves is not None:
        title, lines = curves
        for name, points in lines.items():
            color, marker = LOOKS[name]
            dash = "-" if name == "probabilities" else "--"
            axes[0][-1].plot(*zip(*points, strict=True), color=color, marker=marker, linestyle=dash, label=name)
        axes[0][-1].set(xlabel="step")
        axes[0][-1].set_title(title, fontsize="small")
        axes[0][-1].legend(fontsize="x-small")
    figure.suptitle(f"recorded: {recorded}", fontsize="small", color=GRAY)
    return figure


@in_course_style
def hours(rows):
    """Bars of hours on a logarithmic scale: rows of (what, hours, "teacher" or "student")."""
    figure, ax = picture(size=(SIZE[0], 0.5 * len(rows) + 0.8))
    for place, (_, value, who) in enumerate(rows):
        ax.barh(place, value, color=TEACHER if who == "teacher" else BLUE, height=0.6)
        ax.annotate(_in_words(value), (value, place), (4, 0), textcoords="offset points", va="center", fontsize="small")
    ax.set_yticks(range(len(rows)), [what for what, _, _ in rows])
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    low, high = min(value for _, value, _ in rows), max(value for _, value, _ in rows)
    ax.set(xscale="log", xlim=(low / 3, high * 8), xlabel="hours")
    return figure


def _in_words(hours):
    """A time as one would say it."""
    if hours >= 48:
        return f"{hours / 24:.0f} days" if hours < 24 * 730 else f"{hours / 24 / 365:.0f} years"
    return (
        f"{hours:.1f} hours"
        if hours >= 1
        else f"{60 * hours:.0f} minutes"
        if hours >= 1 / 60
        else f"{3600 * hours:.0f} s"
    )
