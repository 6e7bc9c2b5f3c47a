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
    draw_named,
    in_course_style,
    percent,
    picture,
    rows_of,
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


@in_course_style
def source_of(figure, recorded, more=""):
    """The line that says: recorded, how many seeds (and `more` about them), how rates were chosen, which script."""
    seeds = len(recorded["seeds"])
    words = f"recorded: {seeds} seeds{more}, each arm at its own learning rate; {recorded['script']}"
    figure.suptitle(words, fontsize="small", color=GRAY)


@in_course_style
def few_labels(recorded):
    """Test errors against the number of pictures: true labels, teacher's argmax, soft targets; stars: new to the teacher."""
    figure, ax = picture(size=(SIZE[0], 3.8))
    words = {
        "hard labels": "true labels",
        "distilled, same pictures": "soft targets, labelled pictures",
        "teacher's argmax": "teacher's argmax, no labels",
        "distilled": "soft targets, no labels",
    }
    for name, label in words.items():
        mine = rows_of(recorded, "few_labels", arm=name)
        seen = {
            row.get("labels") or row["transfer"]: percent(row["test_errors"]) for row in mine if "unseen" not in row
        }
        draw_named(ax, seen, LOOKS[name], label)
        for row in mine:
            if "unseen" in row:
                mean = np.mean(percent(row["test_errors"]))
                ax.plot(5000, mean, "*", markersize=15, color=LOOKS[name][0], markeredgecolor="black", zorder=5)
    ticks = [20, 100, 500, 1000, 5000, 10_000]
    ax.set(xscale="log", yscale="log", xlabel="pictures to learn from", ylabel="test errors",
           title="how many pictures, and what is said about each")  # fmt: skip
    ax.set_xticks(ticks, [f"{tick:,}".replace(",", " ") for tick in ticks])
    ax.set_yticks([3, 5, 10, 20, 50], ["3 %", "5 %", "10 %", "20 %", "50 %"])
    ax.minorticks_off()
    ax.plot([], [], "*", markersize=12, color="white", markeredgecolor="black", label="pictures the teacher never saw")
    ax.legend(fontsize="small")
    source_of(figure, recorded, f" ({len(recorded['scarce']['seeds'])} for 20 and 100 pictures)")
    return figure


@in_course_style
def omitted(recorded):
    """How many of the omitted digit's test pictures are recognised, before and after the bias correction."""
    figure, axes = picture(2, size=(SIZE[0], 3.6), width_ratios=[1, 1.25], sharey=True)

    def found(row, prefix=""):
        return [100 * share for share in row[f"{prefix}found"]]

    soft = {row["temperature"]: row for row in rows_of(recorded, "omitted", arm="distilled", digit=3)}
    (hard,) = rows_of(recorded, "omitted", arm="hard labels")
    temperatures = sorted(soft)
    for prefix, filled, label in (("corrected_", True, "distilled, bias corrected"), ("", False, "distilled")):
        points = {t: found(soft[t], prefix) for t in temperatures}
        draw_named(axes[0], points, LOOKS["distilled"], label, at=temperatures.index, filled=filled)
    for prefix, marker in (("", "x"), ("corrected_", "+")):
        values = found(hard, prefix)
        axes[0].plot(np.linspace(-1.2, -0.8, len(values)), values, marker, color=RED)
    axes[0].plot([], [], "x", color=RED, label="hard labels, before (×) and after (+)")
    axes[0].set_xticks(range(-1, len(temperatures)), ["hard", *(f"{t:g}" for t in temperatures)])
    axes[0].set(xlabel="temperature", ylabel="recognised", title="3 omitted", ylim=(-4, 104))
    axes[0].set_yticks([0, 25, 50, 75, 100], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes[0].legend(fontsize="small", loc="center", bbox_to_anchor=(0.5, 0.56))

    (hot,) = {row["temperature"] for row in rows_of(recorded, "omitted", arm="distilled") if row["digit"] != 3}
    for row in rows_of(recorded, "omitted", arm="distilled", temperature=hot):
        digit, before, after = row["digit"], found(row), found(row, "corrected_")
        axes[1].plot([digit, digit], [np.mean(before), np.mean(after)], color=BLUE, linewidth=1, alpha=0.6)
        axes[1].plot([digit] * len(after), after, "o", color=BLUE, markersize=4)
        axes[1].plot([digit] * len(before), before, "o", color=BLUE, markersize=4, markerfacecolor="white")
    axes[1].set_xticks(range(10))
    axes[1].set(xlabel="the omitted digit", title=f"each digit at T = {hot:g}: before (○) and after (●)")
    axes[1].grid(axis="x", visible=False)
    source_of(figure, recorded)
    return figure


@in_course_style
def measures(recorded, shown):
    """One small plot for each measure of `shown` {name: title}: a point for each seed, a bar for each arm's mean."""
    rows = {row["arm"]: row for row in recorded["measures"]}
    arms = list(rows)
    figure = Picture(figsize=(SIZE[0], 4.6), dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.subplots(2, -(-len(shown) // 2), sharey=True)
    for ax, (name, title) in zip(axes.flat, shown.items(), strict=False):
        for place, arm in enumerate(arms):
            color = BLUE if arm.startswith("soft") else LOOKS[arm][0]
            values = rows[arm][name]
            low, high = min(values), max(values)
            ax.plot([low, high], [place, place], color=color, linewidth=5, alpha=0.25, solid_capstyle="round")
            ax.plot(values, [place] * len(values), ".", color=color, markersize=4)
            ax.plot(np.mean(values), place, "|", color=color, markersize=14, markeredgewidth=2.5)
        ax.set_title(title, fontsize="small")
        ax.margins(x=0.12)
        ax.tick_params(axis="x", labelsize="small")
        ax.locator_params(axis="x", nbins=4)
    axes.flat[0].set_yticks(range(len(arms)), arms)
    axes.flat[0].invert_yaxis()
    for ax in axes.flat[len(shown) :]:
        ax.set_visible(False)
    source_of(figure, recorded)
    return figure
