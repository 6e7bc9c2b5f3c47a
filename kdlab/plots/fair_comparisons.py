"""Figures of lesson 06."""

import matplotlib as mpl
import numpy as np

from kdlab.plots.base import BLUE, GRAY, GREEN, PINK, RED, SIZE, SKY, in_course_style, picture

# Colour, line and marker of each arm, the same in every figure of the lesson.
LOOKS = {
    "hard labels": (RED, "--", "s"),
    "teacher's argmax": (GRAY, ":", "D"),
    "T = 1": (SKY, "-.", "v"),
    "T = 2": (GREEN, "-", "^"),
    "T = 4": (BLUE, "-", "o"),
    "T = 20": (PINK, (0, (6, 2, 1, 2)), "P"),
}
OTHERS = [(BLUE, "-", "o"), (GREEN, "--", "^"), (GRAY, "-.", "D"), (PINK, ":", "P"), (SKY, "-", "v")]


def _look(name, position):
    color, line, marker = LOOKS.get(name, OTHERS[position % len(OTHERS)])
    return {"color": color, "linestyle": line, "marker": marker}


@in_course_style
def seeds_and_spread(values, unit="errors on 10 000 validation images", few=0):
    """A row for each arm: a dot for each seed, ± standard deviation (thin) and ± standard error of the mean (thick).

    values {arm: errors by seed}; the first `few` seeds are drawn larger.
    """
    figure, ax = picture(size=(SIZE[0], 0.62 * len(values) + 0.9))
    scatter = np.random.default_rng(0)
    for row, (name, own) in enumerate(values.items()):
        own, color = np.asarray(own, dtype=float), _look(name, row)["color"]
        mean, sd = own.mean(), own.std(ddof=1)
        heights = row + scatter.uniform(-0.3, 0.3, len(own))
        ax.plot(own, heights, "o", color=color, alpha=0.35, markersize=3.5, markeredgewidth=0)
        ax.plot(own[:few], heights[:few], "o", color=color, markersize=7, markeredgecolor="black")
        ax.plot([mean - sd, mean + sd], [row, row], color="black", linewidth=1.2)
        error = sd / len(own) ** 0.5
        ax.plot([mean - error, mean + error], [row, row], color="black", linewidth=6, solid_capstyle="butt")
        ax.annotate(f"{mean:.0f} ± {sd:.0f}", (1.01, row), xycoords=("axes fraction", "data"), va="center")
    ax.set_yticks(range(len(values)), list(values))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.set(xlabel=f"{unit}; thin line: ± standard deviation, thick: ± standard error of the mean")
    return figure


@in_course_style
def seed_pairs(reference, others):
    """For each other arm: its errors against the reference's, a dot for each seed, and the line of equality.

    reference (name, values), others {name: values}, all for the same seeds.
    """
    name, x = reference
    figure, axes = picture(len(others), size=(SIZE[0], 3.5), sharex=True, sharey=True, squeeze=False)
    x = np.asarray(x, dtype=float)
    low = min(x.min(), *(min(y) for y in others.values())) - 10
    high = max(x.max(), *(max(y) for y in others.values())) + 10
    for position, (ax, (other, y)) in enumerate(zip(axes[0], others.items(), strict=True)):
        y, look = np.asarray(y, dtype=float), _look(other, position)
        ax.plot([low, high], [low, high], color=GRAY, linewidth=1)
        ax.plot(x, y, look["marker"], color=look["color"], markersize=4.5, alpha=0.6, markeredgewidth=0)
        ax.set(xlabel=f"errors with {name}", xlim=(low, high), ylim=(low, high), aspect="equal")
        wins, r = int((y < x).sum()), np.corrcoef(x, y)[0, 1]
        ax.set_title(f"{other}: fewer in {wins} of {len(x)}, r = {r:.2f}")
        ax.set_ylabel(f"errors with {other}")
    return figure


@in_course_style
def errors_against(x, curves, xlabel, *, ylabel="validation errors", title="", log=True, ylim=None, ax=None, marks=()):
    """Mean of each named arm against x, with ± standard deviation over the seeds; curves {name: (len(x), seeds)}."""
    figure = None
    if ax is None:
        figure, ax = picture(size=(SIZE[0], 3.3))
    for position, (name, values) in enumerate(curves.items()):
        mean = np.array([np.mean(v) for v in values])
        sd = np.array([np.std(v, ddof=1) if len(v) > 1 else 0.0 for v in values])
        look = _look(name, position)
        ax.plot(x, mean, **look, linewidth=2, markersize=5, label=name)
        ax.fill_between(x, mean - sd, mean + sd, color=look["color"], alpha=0.15, linewidth=0)
    for place, height, words in marks:
        ax.annotate(words, (place, height), (0, 22), textcoords="offset points", ha="center", fontsize="small",
                    arrowprops={"arrowstyle": "->", "color": "black"})  # fmt: skip
    if log:
        ax.set_xscale("log")
        ax.set_xticks(x, [f"{value:g}" for value in x])
        ax.minorticks_off()
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if ylim:
        ax.set_ylim(*ylim)
    ax.legend(fontsize="small")
    return figure


@in_course_style
def batch_sizes(recorded):
    """Errors against batch size, at equal epochs and at equal steps, side by side."""
    figure, axes = picture(2, sharey=True, size=(SIZE[0], 2.9))
    sizes = recorded["batch_size"]
    for ax, (equal, runs) in zip(axes, recorded["equal"].items(), strict=True):
        errors_against(sizes, {"hard labels": [run["hard labels"]["validation"] for run in runs]}, "batch size",
                title=f"equal {equal}", ax=ax)  # fmt: skip
        ax.get_legend().remove()
    axes[1].set_ylabel("")
    return figure


@in_course_style
def width_by_temperature(means, sds, alike, widths, columns, stars):
    """A heat map for each width's row: errors relative to that width's best column, in percent.

    means, sds (widths, columns) in errors; stars has the chosen column of each row, and alike is True where a cell
    cannot be told from it.
    """
    means, sds = np.asarray(means, dtype=float), np.asarray(sds, dtype=float)
    excess = 100 * (means / means.min(1, keepdims=True) - 1)
    figure, ax = picture(size=(SIZE[0], 0.62 * len(widths) + 1.0))
    colors = mpl.colormaps["cividis_r"](np.minimum(excess, 40) / 40)[..., :3]
    ax.imshow(1 - 0.38 * (1 - colors), aspect="auto")  # pale enough for words, on a page that turns it dark as well
    for row, column in np.ndindex(*means.shape):
        star = "★ " if stars[row] == column else ""
        ax.text(column, row - 0.12, f"{star}{means[row, column]:.0f}", ha="center", va="center")
        ax.text(column, row + 0.24, f"± {sds[row, column]:.0f}", ha="center", va="center", fontsize="x-small")
        if alike[row][column]:
            edge = 0.44
            ax.plot([column - edge, column + edge, column + edge, column - edge, column - edge],
                    [row - edge, row - edge, row + edge, row + edge, row - edge], color=RED, linewidth=2.2)  # fmt: skip
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(widths)), [f"{width} units" for width in widths])
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.set_title("test errors ± sd of 5 seeds; ★: chosen on validation; framed: not to be told from it")
    return figure


@in_course_style
def optimism(sizes, curves):
    """How much too good the winner looks, in percentage points, against the number of images that chose it."""
    figure, ax = picture(size=(SIZE[0], 3.0))
    for position, (name, values) in enumerate(curves.items()):
        color, line, marker = OTHERS[position % len(OTHERS)]
        ax.plot(sizes, [100 * v for v in values], color=color, linestyle=line, marker=marker, linewidth=2, label=name)
    ax.axhline(0, color=GRAY, linewidth=0.8)
    ax.set_xscale("log")
    ax.set_xticks(sizes, [f"{size:,}".replace(",", " ") for size in sizes])
    ax.minorticks_off()
    ax.set(xlabel="images that chose the winner", ylabel="percentage points",
           title="the winner's error rate on other images, minus the one it won with")  # fmt: skip
    ax.legend(fontsize="small")
    return figure


@in_course_style
def augmentation(runs):
    """Errors with and without shifted copies: a dot for each seed, a bar for the mean. runs {width: {pile: {arm: [..]}}}."""
    figure, axes = picture(len(runs), size=(SIZE[0], 2.6), squeeze=False)
    for ax, (width, piles) in zip(axes[0], runs.items(), strict=True):
        names = list(next(iter(piles.values())))
        for k, (pile, arms) in enumerate(piles.items()):
            for row, name in enumerate(names):
                values, look = arms[name], _look(name, row)
                y = row + (k - 0.5) * 0.36
                ax.barh(y, np.mean(values), 0.32, color=look["color"], alpha=0.25 + 0.35 * k, hatch="" if k else "//",
                        edgecolor="white")  # fmt: skip
                ax.plot(values, [y] * len(values), "o", color=look["color"], markersize=3.5)
                ax.annotate(pile, (0, y), (4, 0), textcoords="offset points", va="center", fontsize="x-small")
        ax.set_yticks(range(len(names)), names)
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
        ax.set(title=f"{width} hidden units", xlabel="test errors")
    return figure
