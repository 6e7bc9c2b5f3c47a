"""Figures of lesson 03."""

import numpy as np

from kdlab.plots.base import (
    BLUE,
    GRAY,
    PALETTE,
    PINK,
    RED,
    SIZE,
    SKY,
    draw_bars,
    draw_digit,
    draw_push_bars,
    in_course_style,
    picture,
)


@in_course_style
def two_voices(image, label, targets, temperature):
    """An image, the label as a distribution, and the teacher's soft targets."""
    figure, axes = picture(3, width_ratios=[0.55, 1.4, 1.4])
    draw_digit(axes[0], image)
    targets = np.asarray(targets)
    draw_bars(axes[1], np.arange(len(targets)) == label, title="what the label says", percent=True)
    second = int(np.argsort(-targets)[1])
    draw_bars(axes[2], targets, title=f"what the teacher says at T = {temperature:g}", percent=True, second=second)
    for ax in axes[1:]:
        for word in ax.texts:
            word.set_text("" if word.get_text() == "0.0" else word.get_text())
    return figure


@in_course_style
def two_pushes(hard, soft, temperature):
    """What label and teacher ask of each logit, in one picture."""
    figure, ax = picture()
    draw_push_bars(ax, np.asarray(hard), np.asarray(soft))
    ax.set(xlabel="class", ylabel="minus the gradient")
    ax.set_title(f"push on each student logit: label (at T = 1) and teacher (at T = {temperature:g}, times T²)")
    ax.legend()
    return figure


@in_course_style
def gradient_size(temperatures, sizes, limit):
    """Size of the soft term's gradient against temperature, as it is and times T²."""
    temperatures, sizes = np.asarray(temperatures), np.asarray(sizes)
    figure, ax = picture(size=(SIZE[0], 3.4))
    ax.plot(temperatures, sizes, color=RED, linestyle="--", linewidth=2.2, label="without T²")
    ax.plot(temperatures, sizes * temperatures**2, color=BLUE, linewidth=2.2, label="times T²")
    ax.axhline(limit, color=GRAY, linestyle=":", linewidth=1)
    ax.annotate(
        "logit matching", (temperatures[-1], limit), (0, -13), textcoords="offset points", color=GRAY, ha="right"
    )
    ax.axvline(1, color=GRAY, linewidth=0.6)
    ax.set(xscale="log", yscale="log", xlabel="temperature T", ylabel="mean length of the gradient")
    ax.set_title("gradient of the soft term on the student's logits")
    ax.legend(loc="lower left")
    return figure


@in_course_style
def loudness(heard):
    """How many times as long as the hard term's gradient the soft term's is: {step: {temperature: ratio}}."""
    figure, ax = picture(size=(SIZE[0], 3.2))
    steps, looks = list(heard), ((SKY, ":", "v"), (BLUE, "-", "o"), (PINK, "--", "P"))
    for temperature, (color, line, marker) in zip(heard[steps[0]], looks, strict=True):
        values = [heard[step][temperature] for step in steps]
        ax.plot(steps, values, color=color, linestyle=line, marker=marker, markersize=4, linewidth=2)
        words = f"T = {temperature:g}: {values[0]:.1f} → {values[-1]:.1f}"
        ax.annotate(words, (steps[-1], values[-1]), (6, 0), textcoords="offset points", va="center")
    ax.axhline(1, color=GRAY, linewidth=0.8)
    ax.annotate(
        "as loud as the label", (steps[-1], 1), (6, 4), textcoords="offset points", color=GRAY, fontsize="small"
    )
    ax.set(yscale="log", xlabel="step", ylabel="soft over hard", xlim=(0, steps[-1] * 1.28))
    ax.set_yticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
    ax.minorticks_off()
    ax.set_title("length of the soft term's gradient (times T²) over the hard term's, while a student trains")
    return figure


@in_course_style
def distances(values, title=""):
    """One row of dots for each arm (one dot a seed) and its mean: {name: [value, ...]}."""
    figure, ax = picture(size=(SIZE[0], 0.42 * len(values) + 1.1))
    for row, seeds in enumerate(values.values()):
        ax.barh(row, np.mean(seeds), 0.55, color=SKY, alpha=0.5)
        ax.plot(seeds, np.full(len(seeds), row), "o", color=BLUE, markersize=5)
        words = f"{np.mean(seeds):.3f} ± {np.std(seeds, ddof=1):.3f}"
        ax.annotate(words, (np.max(seeds), row), (8, 0), textcoords="offset points", va="center", fontsize="small")
    ax.set_yticks(range(len(values)), list(values))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.margins(x=0.18)
    ax.set_xlim(left=0)
    ax.set_title(title)
    return figure


@in_course_style
def towards_matching(temperatures, values, limit, cosines):
    """T² · KL against temperature with its limit, and how parallel its gradient is to that of logit matching."""
    figure, axes = picture(2)
    axes[0].plot(temperatures, values, color=BLUE, linewidth=2.2, label="T² · KL")
    axes[0].axhline(limit, color=RED, linestyle="--", linewidth=1.4, label="logit matching")
    axes[0].set(xscale="log", xlabel="temperature T", title="value of the loss", ylim=(0, None))
    axes[0].legend(loc="lower right")
    axes[1].plot(temperatures, cosines, color=BLUE, linewidth=2.2)
    axes[1].axhline(1, color=RED, linestyle="--", linewidth=1.4)
    axes[1].set(xscale="log", xlabel="temperature T", title="cosine between the two gradients", ylim=(0, 1.08))
    return figure


@in_course_style
def grouped_bars(rows, title="", ylabel=""):
    """A few distributions side by side in each class: {name: (classes,)}."""
    figure, ax = picture()
    width = 0.8 / len(rows)
    for k, (name, values) in enumerate(rows.items()):
        places = np.arange(len(values)) + (k - (len(rows) - 1) / 2) * width
        hatch = ("", "//", "..", "xx")[k % 4]
        ax.bar(places, values, 0.92 * width, color=PALETTE[k % 6], hatch=hatch, edgecolor="white", label=name)
    ax.set_xticks(range(len(values)))
    ax.set(title=title, ylabel=ylabel, xlabel="class")
    ax.grid(axis="x", visible=False)
    ax.legend()
    return figure
