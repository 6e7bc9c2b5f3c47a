"""Figures of lesson 02."""

import numpy as np

from kdlab.plots.base import (
    BLUE,
    DISTILLED,
    GRAY,
    GREEN,
    NEGATIVE,
    RED,
    SIZE,
    SKY,
    TEACHER,
    draw_digit,
    in_course_style,
    picture,
)


@in_course_style
def answers(image, distributions, titles):
    """An image and several distributions over its classes, side by side on the same scale."""
    figure, axes = picture(len(distributions) + 1, width_ratios=[0.5] + [1] * len(distributions), size=(SIZE[0], 2.6))
    draw_digit(axes[0], image)
    highest = max(float(np.max(np.asarray(p))) for p in distributions)
    for ax, p, title, color in zip(axes[1:], distributions, titles, (TEACHER, BLUE, SKY), strict=False):
        p = np.asarray(p, dtype=float)
        drawn = ax.bar(range(len(p)), p, color=color, width=0.72)
        ax.bar_label(drawn, [f"{100 * v:.0f}" for v in p], padding=2, fontsize="small")
        ax.set_xticks(range(len(p)))
        ax.set_yticks([])
        ax.set(title=title, ylim=(0, 1.15 * highest))
    return figure


@in_course_style
def code_prices(p, q, classes):
    """Price in bits (height) times how often (width): the area is the mean price, in p's own code and in q's."""
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    figure, axes = picture(2, size=(SIZE[0], 2.9), sharey=True)
    left = np.cumsum(p) - p
    for ax, prices, name in ((axes[0], -np.log2(p), "code made for p"), (axes[1], -np.log2(q), "code made for q")):
        ax.bar(left, np.minimum(prices, -np.log2(p)), p, align="edge", color=SKY, edgecolor="white")
        if name.endswith("q"):
            dearer = np.maximum(prices + np.log2(p), 0)
            cheaper = np.maximum(-np.log2(p) - prices, 0)
            ax.bar(left, dearer, p, bottom=-np.log2(p), align="edge", color=RED, edgecolor="white", hatch="//",
                   label="dearer than p's own code")  # fmt: skip
            ax.bar(left, cheaper, p, bottom=prices, align="edge", color="none", edgecolor=GREEN, hatch="..",
                   label="cheaper")  # fmt: skip
            ax.legend(loc="upper left", fontsize="small")
        for x, width, price, low, word in zip(left, p, prices, np.minimum(prices, -np.log2(p)), classes, strict=True):
            words = f"{word}\n{price:g} bit{'' if price == 1 else 's'}"
            ax.text(x + width / 2, low / 2, words, ha="center", va="center", fontsize="small")
        ax.set(title=f"{name}: {(p * prices).sum():g} bits a word", xlabel="how often (p)", xlim=(0, 1))
    axes[0].set_ylabel("price of a word (bits)")
    return figure


@in_course_style
def coin_divergences(q, curves, p):
    """Divergences (a dict name -> curve) of a coin with P(heads) = p from one with P(heads) = q."""
    figure, ax = picture()
    for (name, curve), color, style in zip(curves.items(), (BLUE, RED, GREEN), ("-", "--", "-."), strict=False):
        ax.plot(q, curve, color=color, linestyle=style, linewidth=2.2, label=name)
    ax.axhline(np.log(2), color=GRAY, linewidth=0.8, linestyle=":")
    ax.annotate("log 2", (0.93, np.log(2)), (0, 4), textcoords="offset points", color=GRAY)
    ax.annotate("q = p: all three are 0", (p, 0), (0, 26), textcoords="offset points", ha="center",
                arrowprops={"arrowstyle": "->", "color": GRAY})  # fmt: skip
    ax.set(xlabel=f"q, the student's P(heads); the teacher's is p = {p:g}", ylabel="nats", ylim=(-0.03, 2), xlim=(0, 1))
    ax.legend(loc="upper center")
    return figure


@in_course_style
def logarithm_and_tangent():
    """ln x never rises above the line x - 1, and touches it at x = 1 only."""
    x = np.linspace(0.06, 3, 200)
    figure, ax = picture(size=(4.6, 2.6))
    ax.plot(x, x - 1, color=GREEN, linestyle="--", linewidth=2, label="x − 1")
    ax.plot(x, np.log(x), color=BLUE, linewidth=2, label="ln x")
    ax.plot([1], [0], "o", color=GRAY)
    ax.set(xlabel="x", xlim=(0, 3), ylim=(-3, 2.2))
    ax.legend(loc="lower right")
    return figure


@in_course_style
def pulls(p, q, *, classes):
    """Teacher, student, and the push p - q that gradient descent gives each of the student's logits."""
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    figure, axes = picture(2, size=(SIZE[0], 2.8))
    places = np.arange(len(p))
    axes[0].bar(places - 0.2, p, 0.38, color=TEACHER, label="p, the teacher")
    axes[0].bar(places + 0.2, q, 0.38, color=DISTILLED, hatch="//", edgecolor="white", label="q, the student")
    axes[0].legend(fontsize="small")
    axes[0].set_title("two answers")
    up = p - q
    axes[1].bar(places, up, 0.6, color=[GREEN if v >= 0 else NEGATIVE for v in up])
    axes[1].axhline(0, color=GRAY, linewidth=0.8)
    axes[1].set_title("push on each logit: p − q")
    for ax in axes:
        ax.set_xticks(places, classes)
        ax.grid(axis="x", visible=False)
    return figure


@in_course_style
def calls_of_kl_div(values, right):
    """What each call (name -> value) returned, as bars beside the value that is right."""
    figure, ax = picture(size=(SIZE[0], 0.34 * len(values) + 0.9))
    low, high = -2.2, 5.2
    for row, value in enumerate(values.values()):
        finite = np.isfinite(value)
        good = finite and abs(value - right) < 1e-4
        ax.barh(row, np.clip(value, low, high) if finite else 0, 0.62, color=GREEN if good else RED if finite else GRAY)
        outside = finite and value > high
        words = f"{value:.2f}" + (" ✓" if good else " →" if outside else "") if finite else str(value)
        place = high if outside else max(value, 0) if finite else 0
        ax.text(place, row, f"  {words}  ", va="center", ha="right" if outside else "left",
                weight="bold" if good else None, color="white" if outside else "black",
                bbox=None if outside else {"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
    ax.axvline(right, color=GREEN, linewidth=1.2, linestyle="--", zorder=0)
    ax.set_yticks(range(len(values)), list(values), family="monospace", fontsize="small")
    ax.invert_yaxis()
    ax.set(xlim=(low, high), xlabel="what it returns (dashed: the value on paper)")
    return figure


@in_course_style
def gradient_sizes(gaps, curves):
    """Size of the gradient (a dict name -> curve) against how far the student's logits are off."""
    figure, ax = picture(size=(SIZE[0], 3.2))
    for (name, curve), color, style in zip(curves.items(), (BLUE, RED, GREEN), ("-", "--", "-."), strict=False):
        ax.plot(gaps, curve, color=color, linestyle=style, linewidth=2.2, label=name)
    ax.set(xlabel="the student's logit for the right class minus that for the wrong one", ylabel="size of the gradient",
           ylim=(-0.03, 2.2))  # fmt: skip
    agrees = float(gaps[np.argmin(curves["KL"])])
    ax.axvline(agrees, color=GRAY, linewidth=0.8, linestyle=":")
    ax.annotate("agrees with\nthe teacher", (agrees, 0.25), (24, 0), textcoords="offset points", color=GRAY)
    ax.legend(loc="upper left")
    return figure
