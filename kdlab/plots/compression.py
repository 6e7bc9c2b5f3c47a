"""Figures of lesson 15: what compression costs, what mends it, and errors against bytes."""

import numpy as np

from kdlab.plots.base import (
    CONTROL,
    DISTILLED,
    GRAY,
    GREEN,
    HARD,
    PINK,
    SIZE,
    TEACHER,
    in_course_style,
    picture,
    rows_of,
)

MENDING = {"not mended": 3, "labels": 0, "argmax": 2, "soft answers": 1}
LOOKS = [(HARD, "s"), (DISTILLED, "o"), (CONTROL, "D"), (GRAY, "x")]
FAMILIES = (GRAY, PINK, DISTILLED, HARD, CONTROL, GREEN, GREEN)


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
    end = 1.05 * max(-low, high, *(np.abs(lines).max() for lines in ways.values()))
    for ax, (name, lines) in zip(axes, ways.items(), strict=True):
        ax.hist(weights, bins=np.linspace(low, high, 80), color=GRAY, alpha=0.7)
        for line in lines:
            ax.axvline(line, color=DISTILLED, linewidth=1.2)
        ax.set(title=name, xlim=(-end, end), yticks=[])
    axes[0].set_ylabel("how many weights")
    figure.supxlabel("weight", fontsize="medium")
    return figure


@in_course_style
def mended(found, *, whole, arms=MENDING):
    """Test errors of compressed networks before and after mending, {network: {arm: values over seeds}}: a row for each.

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
    ax.set(ylim=(len(found) - 0.5, -0.5), xscale="log", xlabel="errors on 10 000 test pictures (logarithmic)")
    low, high = ax.get_xlim()
    ax.set_xticks([tick for tick in (150, 200, 300, 400, 500, 700, 1000, 2000, 5000) if low < tick < high])
    ax.minorticks_off()
    _thousands(ax.xaxis)
    ax.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=len(arms) + 1, fontsize="small", frameon=False)
    return figure


def _families(recorded):
    """{family: [(bytes, test errors over seeds, name)]} from benchmarks/compression.py."""

    def of(section, size="bytes", name=lambda row: "", **wanted):
        return [(row[size], row["test_errors"], name(row)) for row in rows_of(recorded, section, **wanted)]

    soft, labels, every = ({"bits": 4, "arm": arm} for arm in ("soft, T = 4", "labels", "all labels"))
    place = {row["network"]: row["bytes"] for row in rows_of(recorded, "mend", arm="not mended")}
    first = lambda row: row["network"].split()[-1]  # noqa: E731
    return {
        "D on few levels, soft answers": [
            (place[name], rows_of(recorded, "mend", network=name, arm="soft, T = 4")[0]["test_errors"], name)
            for name in ("ternary", "2 bits", "4 bits")
        ],
        "zeros, 4 bits, soft answers (compressed)": [
            point
            for zeros in (90, 95, 98)
            for point in of("frontier", "lzma", lambda row: row["network"][:4], network=f"{zeros} % zeros", **soft)
        ],
        "low rank, 4 bits, soft answers": [
            point for rank in (8, 16, 32) for point in of("frontier", "bytes", first, network=f"rank {rank}", **soft)
        ],
        "low rank, 4 bits, labels": [
            point for rank in (8, 16, 32) for point in of("frontier", "bytes", first, network=f"rank {rank}", **labels)
        ],
        "784-8-10, 784-16-10, 784-32-10, 4 bits, all labels": [
            point
            for width in (8, 16, 32)
            for point in of("frontier", "bytes", lambda row: row["network"][4:-3], network=f"784-{width}-10", **every)
        ],
        "convolutional, 4 bits, all labels": of("kilobytes", weights="4 bits"),
        "convolutional, ternary, all labels": of("kilobytes", weights="ternary"),
    }


# Where the names stand beside the marks (points to the right, up; which end of the name): elsewhere they meet others.
NAMES_AT = {
    "low rank, 4 bits, labels": (0, 12, "center"),
    "784-8-10, 784-16-10, 784-32-10, 4 bits, all labels": (-6, -11, "right"),
}


@in_course_style
def frontier(recorded, *, goal=None):
    """Errors against bytes of networks of several families, both logarithmic; goal: errors, a dotted line."""
    figure, ax = picture(size=(SIZE[0], 4.8))
    for (family, points), color, marker in zip(_families(recorded).items(), FAMILIES, "oDs^vP*", strict=True):
        points = sorted(points)
        xs, ys = [p[0] for p in points], [np.mean(p[1]) for p in points]
        ax.plot(xs, ys, marker, color=color, markersize=7, linestyle="-", linewidth=1, alpha=0.9, label=family)
        x, y, side = NAMES_AT.get(family, (6, 4, "left"))
        for size, values, name in points:
            ax.plot([size] * 2, [min(values), max(values)], color=color, linewidth=1.5)
            ax.annotate(
                name, (size, np.mean(values)), xytext=(x, y), textcoords="offset points", ha=side, fontsize="small"
            )
    if goal:
        ax.axhline(goal, color=GRAY, linestyle=":", linewidth=1.5)
    ax.set(xscale="log", yscale="log", xlabel="bytes (logarithmic)", ylabel="errors of 10 000 (logarithmic)")
    ax.set_yticks([100, 200, 300, 500, 1000])
    ax.minorticks_off()
    for axis in (ax.xaxis, ax.yaxis):
        _thousands(axis)
    figure.legend(loc="outside lower center", ncols=2, fontsize="small", frameon=False)
    return figure


WAYS = {
    "torch.ao, int8 dynamic": "torch.ao, int8",
    "torchao, int8 dynamic": "torchao, int8",
    "ONNX Runtime": "ONNX Runtime",
    "ONNX Runtime, int8 dynamic": "ONNX Runtime, int8",
}


@in_course_style
def speeds(recorded):
    """Time of one call as a share of PyTorch's in float32, for one picture and for 256, a plot for each network."""
    names = {"1200-1200": "1200-1200", "300-100": "D", "32": "784-32-10"}
    figure, axes = picture(len(names), size=(SIZE[0], 0.9 + 0.45 * len(WAYS)), sharey=True)
    for ax, (network, title) in zip(axes, names.items(), strict=True):
        (ways,) = (row["ways"] for row in rows_of(recorded, "fast", network=network))
        for batch, shift, color, label in ((1, -0.18, DISTILLED, "one picture"), (256, 0.18, PINK, "256 pictures")):
            values = [np.median(ways[way][f"batch_{batch}"]) for way in WAYS]
            ax.barh(np.arange(len(WAYS)) + shift, values, height=0.34, color=color, label=label)
            for row, value in enumerate(values):
                ax.annotate(f"{value:.2g}", (value, row + shift), xytext=(3, 0), textcoords="offset points", va="center",
                            fontsize="small")  # fmt: skip
        ax.axvline(1, color=GRAY, linestyle=":", linewidth=1.5)
        ax.set_yticks(range(len(WAYS)), list(WAYS.values()), fontsize="small")
        ax.set(title=title, xscale="log", xlim=(0.03, 90), xticks=[0.1, 1, 10], xticklabels=["0.1", "1", "10"])
        ax.minorticks_off()
        ax.grid(axis="y", visible=False)
    axes[0].invert_yaxis()
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize="small", frameon=False
    )
    figure.supxlabel("time, PyTorch in float32 = 1 (logarithmic)", fontsize="medium")
    return figure
