"""Figures of lesson 15: what compression costs, what mends it, and errors against bytes."""

import numpy as np

from kdlab.plots.base import CONTROL, DISTILLED, GRAY, GREEN, HARD, PINK, SIZE, TEACHER, in_course_style, picture

MENDING = {"not mended": 3, "labels": 0, "argmax": 2, "soft answers": 1}
LOOKS = [(HARD, "s"), (DISTILLED, "o"), (CONTROL, "D"), (GRAY, "x")]
FAMILIES = (DISTILLED, PINK, GREEN, HARD, CONTROL, GRAY)


def _thousands(axis):
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}".replace(",", "\u202f"))


@in_course_style
def costs(shares):
    """Bars of each network's costs as shares of the first one's, {cost: {network: share}}: a plot for each cost."""
    figure, axes = picture(len(shares), size=(SIZE[0], 0.9 + 0.3 * len(next(iter(shares.values())))), sharey=True)
    for ax, (title, found) in zip(axes, shares.items(), strict=True):
        values = list(found.values())
        ax.barh(range(len(values)), values, height=0.6, color=[GRAY, *[DISTILLED] * (len(values) - 1)])
        for row, value in enumerate(values):
            ax.annotate(
                f"{value:.2f}", (value, row), xytext=(3, 0), textcoords="offset points", va="center", fontsize="small"
            )
        ax.set_yticks(range(len(found)), list(found), fontsize="small")
        ax.set_title(title, fontsize="small")
        ax.set(xlim=(0, 1.35 * max(values)), xticks=[])
        ax.grid(visible=False)
    axes[0].invert_yaxis()
    return figure


@in_course_style
def singular_values(curves):
    """Sorted singular values of layers, {layer: values}, each as a share of its largest."""
    figure, ax = picture(size=(6.2, 3.0))
    for (name, values), color, dash in zip(curves.items(), FAMILIES, ("-", "--", "-."), strict=False):
        ax.plot(range(1, len(values) + 1), np.asarray(values) / values[0], dash, color=color, linewidth=2, label=name)
    ax.set(xlabel="place, largest first", ylabel="share of the largest", xlim=(0, None), ylim=(0, 1.03))
    ax.legend(fontsize="small")
    return figure


@in_course_style
def levels(weights, ways):
    """How a layer's weights lie (N,), and the levels that each of `ways`, {name: levels in the same unit}, leaves them."""
    figure, axes = picture(len(ways), size=(SIZE[0], 2.7), sharey=True)
    low, high = np.quantile(weights, [0.001, 0.999])
    for ax, (name, lines) in zip(axes, ways.items(), strict=True):
        ax.hist(weights, bins=np.linspace(low, high, 80), color=GRAY, alpha=0.7)
        for line in lines:
            ax.axvline(line, color=DISTILLED, linewidth=1.2)
        ax.set(title=name, xlim=(low, high), yticks=[])
    axes[0].set_ylabel("how many weights")
    figure.supxlabel("weight", fontsize="medium")
    return figure


@in_course_style
def mended(found, *, whole, arms=MENDING):
    """Errors of compressed networks before and after mending, {network: {arm: values over seeds}}: a row for each network.

    `whole`: errors of the network that all of them came from. `arms`: colour and marker of each arm, one of LOOKS. Small
    marks are seeds, large ones their means.
    """
    figure, ax = picture(size=(SIZE[0], 0.42 * len(found) + 1.3))
    for row, values in enumerate(found.values()):
        means = [np.mean(values[arm]) for arm in arms if arm in values]
        ax.plot([min(means), max(means)], [row, row], color=GRAY, linewidth=1, alpha=0.6, zorder=0)
        for place, (arm, look) in enumerate(arms.items()):
            if arm in values:
                (color, marker), y = LOOKS[look], row + 0.16 * (place - (len(arms) - 1) / 2)
                ax.plot(values[arm], [y] * len(values[arm]), marker, color=color, markersize=3.5, alpha=0.5)
                ax.plot(np.mean(values[arm]), y, marker, color=color, markersize=7, markeredgewidth=2,
                        label=arm if row == 0 else None)  # fmt: skip
    ax.axvline(np.mean(whole), color=TEACHER, linestyle=":", linewidth=2, label="the whole network")
    ax.set_yticks(range(len(found)), list(found))
    ax.set(ylim=(len(found) - 0.5, -0.5), xscale="log", xlabel="errors on 10 000 validation pictures (logarithmic)")
    ax.set_xticks([200, 300, 500, 1000, 2000, 5000])
    ax.minorticks_off()
    _thousands(ax.xaxis)
    ax.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=len(arms) + 1, fontsize="small", frameon=False)
    return figure


@in_course_style
def frontier(families, *, goal=None):
    """Errors against bytes, both logarithmic, {family: [(bytes, values over seeds, name)]}; goal: errors, a dotted line."""
    figure, ax = picture(size=(SIZE[0], 4.4))
    for (family, points), color, marker in zip(families.items(), FAMILIES, "oDs^vP", strict=False):
        points = sorted(points)
        xs, ys = [p[0] for p in points], [np.mean(p[1]) for p in points]
        ax.plot(xs, ys, marker, color=color, markersize=7, linestyle="-", linewidth=1, alpha=0.9, label=family)
        for size, values, name in points:
            ax.plot([size] * 2, [min(values), max(values)], color=color, linewidth=1.5)
            ax.annotate(name, (size, np.mean(values)), xytext=(6, 4), textcoords="offset points", fontsize="small")
    if goal:
        ax.axhline(goal, color=GRAY, linestyle=":", linewidth=1.5)
    ax.set(xscale="log", yscale="log", xlabel="bytes (logarithmic)", ylabel="errors of 10 000 (logarithmic)")
    ax.set_yticks([n for n in (50, 100, 200, 500, 1000) if ax.get_ylim()[0] <= n <= ax.get_ylim()[1]])
    ax.minorticks_off()
    for axis in (ax.xaxis, ax.yaxis):
        _thousands(axis)
    ax.legend(fontsize="small")
    return figure


@in_course_style
def speeds(networks):
    """Time of one call as a share of PyTorch's in float32, {network: {way: (batch 1, batch 256)}}: two bars for each way."""
    figure, axes = picture(len(networks), size=(SIZE[0], 0.9 + 0.42 * len(next(iter(networks.values())))), sharey=True)
    for ax, (title, ways) in zip(np.atleast_1d(axes), networks.items(), strict=True):
        for row, pair in enumerate(ways.values()):
            for value, shift, color in zip(pair, (-0.18, 0.18), (DISTILLED, PINK), strict=True):
                ax.barh(row + shift, value, height=0.34, color=color,
                        label=f"{'one picture' if shift < 0 else '256 pictures'}" if row == 0 else None)  # fmt: skip
                ax.annotate(f"{value:.2g}", (value, row + shift), xytext=(3, 0), textcoords="offset points",
                            va="center", fontsize="small")  # fmt: skip
        ax.axvline(1, color=GRAY, linestyle=":", linewidth=1.5)
        ax.set_yticks(range(len(ways)), list(ways), fontsize="small")
        ax.set(title=title, xscale="log", xlim=(0.03, 60), xticks=[0.1, 1, 10], xticklabels=["0.1", "1", "10"])
        ax.minorticks_off()
        ax.grid(axis="y", visible=False)
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize="small")
    figure.supxlabel("time, PyTorch in float32 = 1 (logarithmic)", fontsize="medium")
    return figure
