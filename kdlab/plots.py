"""Figures, drawn by matplotlib from plain data. No pyplot: nothing global is touched, any thread may draw."""

import io

import numpy as np
from matplotlib import rcParams
from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart with every common kind of colour vision.
BLUE, ORANGE, GREEN, PINK, SKY, RED = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"
PALETTE = [BLUE, ORANGE, GREEN, PINK, SKY, RED]
GRAY = "#5f6a74"
SIZE, DPI = (8.6, 3.0), 110

STYLE = {
    "figure.figsize": SIZE,
    "figure.dpi": DPI,
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "axes.titleweight": "bold",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e7ea",
    "grid.linewidth": 0.7,
}


def use_style():
    """Give figures that lessons draw by hand the course's size, grid and white ground."""
    rcParams.update(STYLE)


class Picture(Figure):
    """A Figure that shows itself as a PNG in a notebook, and as the same words on every run."""

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"image/png": to_png(self), "text/plain": repr(self)}

    def __repr__(self):
        return "<figure>"


def picture(columns=1, rows=1, *, size=SIZE, **options):
    """A Picture and its axes, as `pyplot.subplots` would give them."""
    figure = Picture(figsize=size, dpi=DPI, facecolor="white", layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def to_png(figure):
    """The bytes of the figure's PNG."""
    out = io.BytesIO()
    figure.savefig(out, format="png", facecolor="white")
    return out.getvalue()


def draw_digit(ax, image, title=""):
    """One image, dark ink on a white ground, without axes."""
    ax.imshow(np.asarray(image), cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    ax.set(xticks=[], yticks=[], title=title)
    ax.grid(False)
    ax.spines[:].set_visible(False)


def draw_bars(ax, values, *, classes=None, title="", percent=False, second=None):
    """One bar for each class with its value written on it; bar `second` stands out."""
    values = np.asarray(values, dtype=float)
    classes = [str(i) for i in range(len(values))] if classes is None else classes
    colors = [RED if i == second else BLUE for i in range(len(values))]
    drawn = ax.bar(range(len(values)), values, color=colors, width=0.72)
    words = [f"{100 * v:.1f}" for v in values] if percent else [f"{v:.1f}" for v in values]
    ax.bar_label(drawn, words, padding=2, fontsize="small")
    ax.set_xticks(range(len(values)), classes)
    ax.set_title(title)
    ax.grid(axis="x", visible=False)
    ax.margins(y=0.14)
    if percent:
        ax.set_ylim(0, 1.1)
        ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])


def soft_labels(logits, probabilities, temperature, *, image=None, classes=None):
    """TemperaturePanel as a still: the image if there is one, logits, soft labels at this temperature."""
    order = np.argsort(-np.asarray(probabilities), kind="stable")
    ratios = [0.55, 1.4, 1.4] if image is not None else [1, 1]
    figure, axes = picture(len(ratios), width_ratios=ratios)
    if image is not None:
        draw_digit(axes[0], image)
    draw_bars(axes[-2], logits, classes=classes, title="logits z", second=order[1])
    title = f"soft labels softmax(z / T) at T = {temperature:.3g}"
    draw_bars(axes[-1], probabilities, classes=classes, title=title, percent=True, second=order[1])
    return figure


# Figures of lesson 01 -------------------------------------------------------------------------------------------


def logits_of_digit(image, logits):
    """An image beside its logits; the runner-up stands out."""
    logits = np.asarray(logits)
    figure, axes = picture(2, width_ratios=[0.4, 1])
    draw_digit(axes[0], image)
    draw_bars(axes[1], logits, title="logits", second=int(np.argsort(-logits)[1]))
    axes[1].axhline(0, color=GRAY, linewidth=0.8)
    return figure


def against_temperature(temperatures, curves, highlight=()):
    """Probability of each class (columns of `curves`) against temperature; the classes in `highlight` stand out."""
    curves, highlight = np.asarray(curves), [int(i) for i in highlight]
    figure, ax = picture()
    for c in range(curves.shape[1]):
        place = highlight.index(c) if c in highlight else None
        color, width = (GRAY, 0.9) if place is None else ((BLUE, RED)[place % 2], 2.4)
        ax.plot(temperatures, curves[:, c], color=color, linewidth=width, linestyle="--" if place == 1 else "-")
        if place is not None:
            at = int(np.argmax(curves[:, c] < 0.7)) if place == 0 else int(np.argmax(curves[:, c]))
            ax.annotate(f"class {c}", (temperatures[at], curves[at, c]), (0, 8), textcoords="offset points",
                        color=color, weight="bold")  # fmt: skip
    ax.axhline(1 / curves.shape[1], color=GRAY, linewidth=0.8, linestyle=":")
    ax.annotate("uniform", (temperatures[0], 1 / curves.shape[1]), (4, 4), textcoords="offset points", color=GRAY)
    ax.set(xscale="log", xlabel="temperature T", ylabel="probability", ylim=(0, 1.05), title="soft targets")
    return figure


def entropy_curves(images, temperatures, curves):
    """Entropy against temperature, one curve for each image (rows of `curves`), with the images beside."""
    curves = np.asarray(curves)
    figure = Picture(figsize=SIZE, dpi=DPI, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(len(images), 2, width_ratios=[0.14, 1])
    ax = figure.add_subplot(grid[:, 1])
    for row, (image, curve) in enumerate(zip(images, curves, strict=True)):
        color, style = (BLUE, ORANGE, RED)[row % 3], ("-", "--", "-.")[row % 3]
        small = figure.add_subplot(grid[row, 0])
        draw_digit(small, image)
        small.set_ylabel("ABC"[row], rotation=0, labelpad=10, va="center", weight="bold", color=color)
        ax.plot(temperatures, curve, color=color, linestyle=style, linewidth=2, label="ABC"[row])
    ceiling = np.log(10)
    ax.axhline(ceiling, color=GRAY, linewidth=0.8, linestyle=":")
    ax.annotate("ln 10", (temperatures[0], ceiling), (4, -12), textcoords="offset points", color=GRAY)
    ax.set(xscale="log", xlabel="temperature T", ylabel="entropy (nats)", ylim=(-0.05, 2.45))
    ax.legend(loc="lower right")
    return figure


def resemblance(mean_targets, title=""):
    """Rows: the true class; columns: the mean soft target without the diagonal."""
    values = np.array(mean_targets, dtype=float)
    np.fill_diagonal(values, np.nan)
    figure, ax = picture(size=(6.2, 4.6))
    shown = ax.imshow(100 * values, cmap="Blues")
    for row, column in np.ndindex(values.shape):
        if row != column:
            dark = values[row, column] > 0.6 * np.nanmax(values)
            ax.text(column, row, f"{100 * values[row, column]:.0f}", ha="center", va="center",
                    color="white" if dark else "black", fontsize="small")  # fmt: skip
    ax.set(xticks=range(10), yticks=range(10), xlabel="class", ylabel="true digit", title=title)
    ax.grid(False)
    figure.colorbar(shown, label="percent", shrink=0.85)
    return figure


def digits(images, titles):
    """A row of images, each with its title."""
    figure, axes = picture(len(images), size=(SIZE[0], 1.7))
    for ax, image, title in zip(np.atleast_1d(axes), images, titles, strict=True):
        draw_digit(ax, image)
        ax.set_title(title, fontsize="small")
    return figure


# Panels as stills -----------------------------------------------------------------------------------------------


def words(text):
    """Text as a picture: what a panel without a figure of its own shows where no kernel answers."""
    lines = text.splitlines()
    figure = Picture(figsize=(SIZE[0], 0.24 * len(lines) + 0.2), dpi=DPI, facecolor="white")
    figure.text(0.01, 0.98, text, va="top", fontsize=9.5, linespacing=1.5)
    return figure
