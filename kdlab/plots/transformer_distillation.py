"""Figures of lesson 11."""

import textwrap

import numpy as np

from kdlab.plots.base import (
    BLUE,
    GRAY,
    GREEN,
    PINK,
    RED,
    SIZE,
    SKY,
    TEACHER,
    draw_arm,
    gather,
    in_course_style,
    picture,
)

# Colour, dash and marker of each arm, as in the panels where they appear there.
LOOKS = {
    "hard labels": (RED, "--", "o"),
    "people": (GREEN, (0, (8, 3)), "^"),
    "teacher, same sentences": (PINK, ":", "D"),
    "teacher's argmax": (GRAY, "-.", "s"),
    "teacher, all sentences": (BLUE, "-", "o"),
    "fine-tuned teacher": (SKY, "-", "v"),
}


@in_course_style
def rated_sentences(sentences, ratings, soft):
    """A row for each sentence: its words, how many people gave each rating from -4 to 4, and the soft label of these."""
    rows = len(sentences)
    figure, axes = picture(3, rows, size=(SIZE[0], 0.78 * rows + 0.5), width_ratios=[1.6, 1.3, 1], squeeze=False)
    scale = np.arange(-4, 5)
    for (words, votes, label), sentence, own, share in zip(axes, sentences, ratings, soft, strict=True):
        words.axis("off")
        words.text(1, 0.5, textwrap.fill(sentence, 44), ha="right", va="center", fontsize="small",
                   transform=words.transAxes)  # fmt: skip
        counts = [(np.asarray(own) == rating).sum() for rating in scale]
        colors = [RED if rating < 0 else BLUE if rating > 0 else GRAY for rating in scale]
        votes.bar(scale, counts, color=colors, width=0.8)
        votes.set(yticks=[], xticks=scale)
        label.barh(0, share[0], color=RED, height=0.6)
        label.barh(0, share[1], left=share[0], color=BLUE, height=0.6)
        for place, value in ((0.03, share[0]), (0.97, share[1])):
            if value > 0.12:
                label.text(place, 0, f"{100 * value:.0f} %", color="white", va="center", fontsize="small",
                           ha="left" if place < 0.5 else "right")  # fmt: skip
        label.set(yticks=[], xlim=(0, 1), xticks=[])
        for ax in (votes, label):
            ax.spines[["left", "top", "right"]].set_visible(False)
            ax.tick_params(labelsize="x-small", labelbottom=votes is axes[-1][1])
            ax.grid(False)
    axes[0][1].set_title("ratings", fontsize="small")
    axes[0][2].set_title("soft label: negative, positive", fontsize="small")
    return figure


@in_course_style
def few_review_labels(rows, teachers=(), *, seeds="3 to 5 seeds"):
    """Accuracy against the number of labels, a plot for each kind of student; small points are seeds.

    rows of {"student", "arm", "labels", "seed", "validation", "test"}, teachers of {"teacher", "labels", "seed", ...}: what
    those reach themselves, in gray.
    """
    students = list(dict.fromkeys(row["student"] for row in rows))
    sizes = sorted({row["labels"] for row in rows})
    figure, axes = picture(len(students), sharey=True, size=(SIZE[0], 4.2), squeeze=False)
    for ax, student in zip(axes[0], students, strict=True):
        for arm, look in LOOKS.items():
            mine = [row for row in rows if row["student"] == student and row["arm"] == arm]
            points = gather(sorted(mine, key=lambda row: row["labels"]), "labels", lambda row: 100 * row["test"])
            if points:
                draw_arm(ax, points, look, label=arm, at=sizes.index)
        for name, marker in (("frozen encoder and head", "x"), ("fine-tuned", "*")):
            mine = sorted((row for row in teachers if row["teacher"] == name), key=lambda row: row["labels"])
            points = gather(mine, "labels", lambda row: 100 * row["test"])
            ax.plot([sizes.index(size) for size in points], [np.mean(values) for values in points.values()], marker,
                    color=TEACHER, markersize=9, linestyle=":", label=f"{name}, itself" if points else None)  # fmt: skip
        ax.set_xticks(range(len(sizes)), [f"{size:,}".replace(",", " ") for size in sizes])
        ax.set(xlabel="labelled sentences", title=student, xlim=(-0.2, len(sizes) - 0.8))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    axes[0][0].set_ylabel("test accuracy")
    figure.legend(*axes[0][0].get_legend_handles_labels(), fontsize="x-small", ncols=4, loc="outside lower center")
    figure.suptitle(f"recorded: {seeds}, benchmarks/reviews.py", fontsize="small", color=GRAY)
    return figure


@in_course_style
def distilbert_recipe(rows, cost, teacher):
    """Accuracy of three-layer students by initial weights and loss beside their teacher's, and what each costs.

    rows of {"student", "loss", "seed", ...}; cost of {"model", "parameters", "ms_batch_1", "ms_batch_64"}; teacher: its
    accuracy.
    """
    figure, axes = picture(2, size=(SIZE[0], 3.2), width_ratios=[1.5, 1])
    words = {"triple": "triple loss", "labels": "labels only"}
    arms = list(dict.fromkeys((row["student"], row["loss"]) for row in rows))
    colors = {"triple": BLUE, "labels": RED}
    for place, (student, loss) in enumerate(arms):
        values = [100 * row["test"] for row in rows if (row["student"], row["loss"]) == (student, loss)]
        axes[0].barh(place, np.mean(values), color=colors.get(loss, GRAY), alpha=0.4, height=0.66)
        axes[0].plot(values, [place] * len(values), "o", color=colors.get(loss, GRAY), markersize=4)
        axes[0].annotate(f"{np.mean(values):.1f} %", (50.6, place), va="center", fontsize="small")
    axes[0].axvline(100 * teacher, color=TEACHER, linewidth=2)
    axes[0].annotate("teacher", (100 * teacher, -0.62), ha="right", color=TEACHER, fontsize="small", xytext=(-3, 0),
                     textcoords="offset points", va="center")  # fmt: skip
    axes[0].set_yticks(range(len(arms)), [f"{student},\n{words.get(loss, loss)}" for student, loss in arms])
    axes[0].set(xlim=(50, 100 * teacher + 2), ylim=(len(arms) - 0.5, -0.9), title="test accuracy")
    axes[0].xaxis.set_major_formatter(lambda value, _: f"{value:.0f} %")
    for place, row in enumerate(cost):
        axes[1].barh(place, row["ms_batch_1"], color=TEACHER, height=0.66)
        millions = row["parameters"] / 1e6
        axes[1].annotate(f"{row['ms_batch_1']:.1f} ms, {millions:.1f} M weights", (row["ms_batch_1"], place), (4, 0),
                         textcoords="offset points", va="center", fontsize="x-small")  # fmt: skip
    axes[1].set_yticks(range(len(cost)), [row["model"] for row in cost])
    axes[1].invert_yaxis()
    axes[1].set(title="time for one sentence", xlim=(0, 2.25 * max(row["ms_batch_1"] for row in cost)), xticks=[])
    for ax in axes:
        ax.grid(axis="y", visible=False)
    figure.suptitle("recorded: benchmarks/reviews.py", fontsize="small", color=GRAY)
    return figure


@in_course_style
def augmented_reviews(rows, references=()):
    """Accuracy against the number of changed copies of each sentence in the transfer set, one plot for each arm.

    references {words: accuracy}: dotted lines.
    """
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    figure, axes = picture(len(arms), size=(SIZE[0], 2.8), squeeze=False)
    for ax, arm, color in zip(axes[0], arms, (BLUE, GREEN, PINK), strict=False):
        mine = [row for row in rows if row["arm"] == arm]
        points = gather(sorted(mine, key=lambda row: row["copies"]), "copies", lambda row: 100 * row["test"])
        xs = range(len(points))
        ax.plot(xs, [np.mean(values) for values in points.values()], "o-", color=color, linewidth=2)
        for x, values in zip(xs, points.values(), strict=True):
            ax.plot([x] * len(values), values, ".", color=color, alpha=0.55)
        for words, value in dict(references).items():
            ax.axhline(100 * value, color=GRAY, linestyle=":")
            ax.annotate(words, (0.02, 100 * value), (0, 3), xycoords=("axes fraction", "data"), color=GRAY,
                        textcoords="offset points", fontsize="small")  # fmt: skip
        ax.set_xticks(xs, [str(copies) for copies in points])
        ax.margins(y=0.12)
        ax.set(xlabel="changed copies of each sentence", title=arm, xlim=(-0.3, len(points) - 0.7))
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.1f} %")
    axes[0][0].set_ylabel("test accuracy")
    figure.suptitle("recorded: benchmarks/reviews.py", fontsize="small", color=GRAY)
    return figure


@in_course_style
def short_training(curves):
    """The loss of each named run after each of a few steps; nothing is smoothed."""
    figure, ax = picture(size=(SIZE[0], 2.8))
    for (name, values), (color, dash, marker) in zip(
        curves.items(), (LOOKS["teacher, all sentences"], LOOKS["hard labels"]), strict=False
    ):
        ax.plot(range(1, len(values) + 1), values, color=color, linestyle=dash, marker=marker, linewidth=2, label=name)
    ax.set(xlabel="step", ylabel="triple loss", ylim=(0, None))
    ax.legend(fontsize="small")
    return figure
