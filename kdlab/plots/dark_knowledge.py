"""Figures of lesson 05: recorded experiments as points over seeds, with their means."""

import numpy as np

from kdlab.plots.base import (
    BLUE,
    DPI,
    GRAY,
    GREEN,
    PINK,
    RED,
    SIZE,
    Picture,
    draw_arm,
    gather,
    in_course_style,
    picture,
)

# How an arm is drawn: colour, dash, marker, as in the panels.
LOOKS = {
    "hard labels": (RED, "--", "o"),
    "teacher's argmax": (GRAY, "-.", "s"),
    "distilled": (BLUE, "-", "o"),
    "distilled, same pictures": (GREEN, (0, (8, 3)), "^"),
    "label smoothing": (PINK, ":", "D"),
    "noisy teacher": (GREEN, (0, (8, 3)), "^"),
}


def _draw(ax, points, name, **options):
    draw_arm(ax, points, LOOKS[name], **({"label": name} | options))


@in_course_style
def source_of(figure, recorded, section):
    """The line that says: recorded, how many seeds, which script."""
    seeds = recorded["sections"][section]["seeds"]
    figure.suptitle(f"recorded: {len(seeds)} seeds, {recorded['script']}", fontsize="small", color=GRAY)


@in_course_style
def few_labels(recorded, of=10_000):
    """Test errors against the number of pictures: true labels, teacher's argmax, soft targets; stars: new to the teacher.

    The test set, which chose nothing here: rows whose pictures come from 55 000 on have fewer validation pictures.
    """
    rows = recorded["sections"]["few_labels"]["rows"]
    figure, ax = picture(size=(SIZE[0], 3.8))
    words = {
        "hard labels": "true labels",
        "distilled, same pictures": "soft targets, labelled pictures",
        "teacher's argmax": "teacher's argmax, no labels",
        "distilled": "soft targets, no labels",
    }
    for name, label in words.items():
        mine = [row for row in rows if row["arm"] == name and not row.get("unseen")]
        size = lambda row: row.get("labels") or row["transfer"]  # noqa: E731
        _draw(ax, gather(mine, size, lambda row: 100 * row["test_errors"] / of), name, label=label)
        unseen = [row for row in rows if row["arm"] == name and row.get("unseen")]
        if unseen:
            mean = np.mean([100 * row["test_errors"] / of for row in unseen])
            ax.plot(5000, mean, "*", markersize=15, color=LOOKS[name][0], markeredgecolor="black", zorder=5)
    ticks = [20, 100, 500, 1000, 5000, 10_000]
    ax.set(xscale="log", yscale="log", xlabel="pictures to learn from", ylabel="test errors",
           title="what counts most is how many pictures, then what is said about each")  # fmt: skip
    ax.set_xticks(ticks, [f"{tick:,}".replace(",", " ") for tick in ticks])
    ax.set_yticks([3, 5, 10, 20, 50], ["3 %", "5 %", "10 %", "20 %", "50 %"])
    ax.minorticks_off()
    ax.plot([], [], "*", markersize=12, color="white", markeredgecolor="black", label="pictures the teacher never saw")
    ax.legend(fontsize="small")
    source_of(figure, recorded, "few_labels")
    return figure


@in_course_style
def omitted(recorded):
    """How many of the omitted digit's test pictures are recognised, before and after the bias correction."""
    rows = recorded["sections"]["omitted"]["rows"]
    figure, axes = picture(2, size=(SIZE[0], 3.6), width_ratios=[1, 1.25], sharey=True)

    def found(row, prefix=""):
        return 100 * (1 - row[f"{prefix}omitted_errors"] / row["omitted_count"])

    threes = [row for row in rows if row["digit"] == 3 and row["arm"] == "distilled"]
    hard = [row for row in rows if row["digit"] == 3 and row["arm"] == "hard labels"]
    temperatures = sorted({row["temperature"] for row in threes})
    for prefix, filled, label in (("corrected_", True, "distilled, bias corrected"), ("", False, "distilled")):
        points = gather(threes, "temperature", lambda row: found(row, prefix))  # noqa: B023
        _draw(axes[0], points, "distilled", at=temperatures.index, label=label, filled=filled)
    for prefix, marker in (("", "x"), ("corrected_", "+")):
        values = [found(row, prefix) for row in hard]
        axes[0].plot(np.linspace(-1.2, -0.8, len(values)), values, marker, color=RED)
    axes[0].plot([], [], "x", color=RED, label="hard labels, before (×) and after (+)")
    axes[0].set_xticks(range(-1, len(temperatures)), ["hard", *(f"{t:g}" for t in temperatures)])
    axes[0].set(xlabel="temperature", ylabel="recognised", title="3 omitted", ylim=(-4, 104))
    axes[0].set_yticks([0, 25, 50, 75, 100], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes[0].legend(fontsize="small", loc="center", bbox_to_anchor=(0.5, 0.56))

    hot = max({row["temperature"] for row in rows if row["arm"] == "distilled" and row["digit"] != 3})
    chosen = [row for row in rows if row["arm"] == "distilled" and row["temperature"] == hot]
    after = gather(chosen, "digit", lambda row: found(row, "corrected_"))
    before = gather(chosen, "digit", found)
    for digit in range(10):
        axes[1].plot(
            [digit, digit], [np.mean(before[digit]), np.mean(after[digit])], color=BLUE, linewidth=1, alpha=0.6
        )
        axes[1].plot([digit] * len(after[digit]), after[digit], "o", color=BLUE, markersize=4)
        axes[1].plot(
            [digit] * len(before[digit]), before[digit], "o", color=BLUE, markersize=4, markerfacecolor="white"
        )
    axes[1].set_xticks(range(10))
    axes[1].set(xlabel="the omitted digit", title=f"each digit at T = {hot:g}: before (○) and after (●)")
    axes[1].grid(axis="x", visible=False)
    source_of(figure, recorded, "omitted")
    return figure


@in_course_style
def noise(recorded, of=10_000):
    """Errors and calibration error against the share of wrong labels, one line for each arm."""
    rows = recorded["sections"]["noise"]["rows"]
    figure, axes = picture(2, size=(SIZE[0], 3.6))
    words = {"distilled": "clean teacher (α = 0.3)"}
    for name in ("hard labels", "label smoothing", "noisy teacher", "distilled"):
        mine = [row for row in rows if row["arm"] == ("distilled, alpha 0.3" if name == "distilled" else name)]
        _draw(axes[0], gather(mine, "share", lambda row: 100 * row["validation_errors"] / of), name,
              label=words.get(name, name))  # fmt: skip
        _draw(axes[1], gather(mine, "share", lambda row: 100 * row["ece"]), name)
    alone = [row for row in rows if row["arm"] == "distilled"]  # the labels have no weight: the same at any share
    for ax, key in zip(axes, ("validation_errors", "ece"), strict=True):
        mean = np.mean([row[key] for row in alone]) * (100 / of if key == "validation_errors" else 100)
        ax.axhline(mean, color=BLUE, linestyle=":", linewidth=1.5, label="clean teacher alone")
    for ax, title in zip(axes, ("validation errors", "expected calibration error"), strict=True):
        shares = sorted({row["share"] for row in rows})
        ax.set_xticks(shares, [f"{100 * share:.0f} %" for share in shares])
        ax.set(xlabel="wrong labels", title=title, ylim=(0, None))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    axes[0].legend(fontsize="small")
    source_of(figure, recorded, "noise")
    return figure


@in_course_style
def measures(recorded, shown):
    """One small plot for each measure of `shown` {name: title}: a point for each seed, a bar for each arm's mean."""
    rows = recorded["sections"]["measures"]["rows"]
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    figure = Picture(figsize=(SIZE[0], 4.6), dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.subplots(2, -(-len(shown) // 2), sharey=True)
    for ax, (name, title) in zip(axes.flat, shown.items(), strict=False):
        values = gather(rows, "arm", name)
        for place, arm in enumerate(arms):
            color = BLUE if arm.startswith("soft") else LOOKS[arm][0]
            low, high = min(values[arm]), max(values[arm])
            ax.plot([low, high], [place, place], color=color, linewidth=5, alpha=0.25, solid_capstyle="round")
            ax.plot(values[arm], [place] * len(values[arm]), ".", color=color, markersize=4)
            ax.plot(np.mean(values[arm]), place, "|", color=color, markersize=14, markeredgewidth=2.5)
        ax.set_title(title, fontsize="small")
        ax.margins(x=0.12)
        ax.tick_params(axis="x", labelsize="small")
        ax.locator_params(axis="x", nbins=4)
    axes.flat[0].set_yticks(range(len(arms)), arms)
    axes.flat[0].invert_yaxis()
    for ax in axes.flat[len(shown) :]:
        ax.set_visible(False)
    source_of(figure, recorded, "measures")
    return figure


@in_course_style
def nothing_gained(recorded, of=10_000):
    """Where distillation does nothing or harm: tiny students against temperature, and a poor teacher."""
    tiny, poor = (recorded["sections"][name]["rows"] for name in ("tiny", "poor_teacher"))
    figure, axes = picture(2, size=(SIZE[0], 3.6), width_ratios=[1.15, 1])
    widths = sorted({row["width"] for row in tiny})
    temperatures = sorted({row["temperature"] for row in tiny if "temperature" in row})
    percent = lambda row: 100 * row["validation_errors"] / of  # noqa: E731
    for width, shade in zip(widths, (1.0, 0.7, 0.45), strict=False):
        mine = [row for row in tiny if row["width"] == width]
        soft = gather([row for row in mine if row["arm"] == "distilled"], "temperature", percent)
        hard = [percent(row) for row in mine if row["arm"] == "hard labels"]
        means = [np.mean(values) for values in soft.values()]
        axes[0].plot(range(len(means)), means, "o-", color=BLUE, alpha=shade, linewidth=2, markersize=5)
        for place, values in enumerate(soft.values()):
            axes[0].plot([place] * len(values), values, ".", color=BLUE, markersize=3, alpha=0.5)
        axes[0].axhline(np.mean(hard), color=RED, linestyle="--", alpha=shade)
        axes[0].annotate(f"{width} units", (len(means) - 1, means[-1]), (7, 5), textcoords="offset points", color=BLUE)
    axes[0].set_xticks(range(len(temperatures)), [f"{t:g}" for t in temperatures])
    axes[0].set(xlabel="temperature", title="50 000 labels, few units (dashed: hard)", xlim=(-0.3, len(means) + 0.1))

    bars = {"hard labels": [percent(row) for row in poor if row["arm"] == "hard labels"]}
    for arm in ("good teacher", "poor teacher"):
        mine = [row for row in poor if row["arm"] == arm and row["alpha"] != 0.1]  # between the two others
        for weight, values in gather(mine, "alpha", percent).items():
            bars[f"{arm}, α = {weight:g}"] = values
    for place, (name, values) in enumerate(bars.items()):
        color = {"h": RED, "g": BLUE, "p": GREEN}[name[0]]
        axes[1].barh(place, np.mean(values), color=color, alpha=0.35, height=0.7)
        axes[1].plot(values, [place] * len(values), "o", color=color, markersize=4)
    itself = [100 * row["teacher_validation_errors"] / of for row in poor if row["arm"] == "poor teacher"]
    axes[1].axvline(np.mean(itself), color=GRAY, linestyle=":")
    axes[1].annotate("the poor teacher", (np.mean(itself), 0), (-5, -4), textcoords="offset points",
                     color=GRAY, fontsize="small", ha="right")  # fmt: skip
    axes[1].set_yticks(range(len(bars)), bars)
    axes[1].invert_yaxis()
    axes[1].grid(axis="y", visible=False)
    axes[1].set(title="10 000 labels and a teacher", xlim=(0, None))
    for axis in (axes[0].yaxis, axes[1].xaxis):
        axis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    source_of(figure, recorded, "tiny")
    return figure
