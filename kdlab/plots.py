"""Figures, drawn by matplotlib from plain data. No pyplot: nothing global is touched, any thread may draw."""

import io

import numpy as np
from matplotlib import rcParams
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

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


def soft_targets(logits, probabilities, temperature, *, image=None, classes=None):
    """TemperaturePanel as a still: the image if there is one, logits, soft targets at this temperature."""
    order = np.argsort(-np.asarray(probabilities), kind="stable")
    ratios = [0.55, 1.4, 1.4] if image is not None else [1, 1]
    figure, axes = picture(len(ratios), width_ratios=ratios)
    if image is not None:
        draw_digit(axes[0], image)
    draw_bars(axes[-2], logits, classes=classes, title="logits z", second=order[1])
    title = f"soft targets softmax(z / T) at T = {temperature:.3g}"
    draw_bars(axes[-1], probabilities, classes=classes, title=title, percent=True, second=order[1])
    return figure


ARMS = {"teacher": (GRAY, ":"), "distilled": (BLUE, "-"), "hard": (RED, "--")}


def race(curves, changes, teacher_accuracy, soft, *, steps, temperature, accuracy_range, image):
    """RacePanel as a still: accuracy of both students against the teacher's, and one image's soft targets."""
    figure = Picture(figsize=(SIZE[0], 3.6), dpi=DPI, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(3, 3, width_ratios=[1.3, 0.3, 1])
    ax = figure.add_subplot(grid[:, 0])
    for arm in ("distilled", "hard"):
        color, dash = ARMS[arm]
        values = curves.get(arm, [])
        words = f"{arm} {100 * values[-1]:.1f} %" if values else arm
        ax.plot(curves.get("steps", []), values, color=color, linestyle=dash, linewidth=2, label=words)
    ax.axhline(
        teacher_accuracy, color=GRAY, linestyle=":", linewidth=1.6, label=f"teacher {100 * teacher_accuracy:.1f} %"
    )
    for step, words in changes:
        ax.axvline(step, color=GRAY, linewidth=0.8)
        ax.annotate(words, (step, accuracy_range[0]), (3, 4), textcoords="offset points", rotation=90, fontsize="small")
    ax.set(xlim=(0, steps), ylim=accuracy_range, xlabel="step", title="validation accuracy")
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    ax.legend(loc="lower right", fontsize="small")
    draw_digit(figure.add_subplot(grid[:, 1]), image)
    for row, (name, values) in enumerate(soft.items()):
        ax = figure.add_subplot(grid[row, 2])
        ax.bar(range(len(values)), values, color=ARMS[name][0], width=0.72)
        ax.set(ylim=(0, 1), yticks=[0, 1], yticklabels=["0", "1"], xticks=range(len(values)))
        ax.set_title(f"{name}, T = {temperature:.3g}", fontsize="small")
        ax.grid(axis="x", visible=False)
        if row < 2:
            ax.set_xticklabels([])
    return figure


def drawing(image, answers):
    """DrawPanel as a still: what was drawn, and each model's answer."""
    figure, axes = picture(1 + len(answers), width_ratios=[0.6] + [1] * len(answers), size=(SIZE[0], 2.6))
    draw_digit(axes[0], image, "drawn")
    for ax, (name, values) in zip(axes[1:], answers.items(), strict=True):
        draw_bars(
            ax, values, title=f"{name}: {int(np.argmax(values))}", percent=True, second=int(np.argsort(values)[-2])
        )
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


def two_distributions(first, second, first_title, second_title):
    """Two distributions over the same classes, side by side."""
    figure, axes = picture(2, sharey=True, size=(SIZE[0], 2.6))
    draw_bars(axes[0], first, title=first_title, percent=True)
    draw_bars(axes[1], second, title=second_title, percent=True)
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


def entropy_curves(images, names, temperatures, curves):
    """Entropy against temperature, one curve for each named image (rows of `curves`), with the images beside.

    The scale on the right is e^H, the number of equally likely classes of that entropy.
    """
    curves = np.asarray(curves)
    figure = Picture(figsize=SIZE, dpi=DPI, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(len(images), 2, width_ratios=[0.14, 1])
    ax = figure.add_subplot(grid[:, 1])
    for row, (image, name, curve) in enumerate(zip(images, names, curves, strict=True)):
        color, style = (BLUE, ORANGE, RED)[row % 3], ("-", "--", "-.")[row % 3]
        small = figure.add_subplot(grid[row, 0])
        draw_digit(small, image)
        small.set_title(name, fontsize="small", color=color)
        ax.plot(temperatures, curve, color=color, linestyle=style, linewidth=2, label=name)
    ceiling = np.log(10)
    ax.axhline(ceiling, color=GRAY, linewidth=0.8, linestyle=":")
    ax.annotate("ln 10", (temperatures[0], ceiling), (4, -12), textcoords="offset points", color=GRAY)
    ax.set(xscale="log", xlabel="temperature T", ylabel="entropy (nats)", ylim=(-0.05, 2.45))
    ax.legend(loc="lower right")
    right = ax.secondary_yaxis("right", functions=(lambda h: h, lambda h: h))
    right.set_yticks(np.log([1, 2, 3, 5, 10]), ["1", "2", "3", "5", "10"])
    right.set_ylabel("classes in play, $e^H$")
    return figure


def resemblance(mean_targets, title=""):
    """Rows: the true class; columns: the mean soft target without the diagonal; each row's largest is framed."""
    values = np.array(mean_targets, dtype=float)
    np.fill_diagonal(values, np.nan)
    figure, ax = picture(size=(6.2, 4.6))
    shown = ax.imshow(100 * values, cmap="Blues")
    for row, column in np.ndindex(values.shape):
        if row != column:
            dark = values[row, column] > 0.6 * np.nanmax(values)
            ax.text(column, row, f"{100 * values[row, column]:.1f}", ha="center", va="center",
                    color="white" if dark else "black", fontsize="small")  # fmt: skip
    for row, column in enumerate(np.nanargmax(values, axis=1)):
        ax.add_patch(Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, fill=False, edgecolor=RED, linewidth=2))
    classes = range(len(values))
    ax.set(xticks=classes, yticks=classes, xlabel="class", ylabel="true class", title=title)
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


# Figures of lesson 02 -------------------------------------------------------------------------------------------


def answers(image, distributions, titles):
    """An image and several distributions over its classes, side by side on the same scale."""
    figure, axes = picture(len(distributions) + 1, width_ratios=[0.5] + [1] * len(distributions), size=(SIZE[0], 2.6))
    draw_digit(axes[0], image)
    highest = max(float(np.max(np.asarray(p))) for p in distributions)
    for ax, p, title, color in zip(axes[1:], distributions, titles, (GRAY, BLUE, ORANGE), strict=False):
        p = np.asarray(p, dtype=float)
        drawn = ax.bar(range(len(p)), p, color=color, width=0.72)
        ax.bar_label(drawn, [f"{100 * v:.0f}" for v in p], padding=2, fontsize="small")
        ax.set_xticks(range(len(p)))
        ax.set_yticks([])
        ax.set(title=title, ylim=(0, 1.15 * highest))
    return figure


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


def logarithm_and_tangent():
    """ln x never rises above the line x - 1, and touches it at x = 1 only."""
    x = np.linspace(0.06, 3, 200)
    figure, ax = picture(size=(4.6, 2.6))
    ax.plot(x, x - 1, color=ORANGE, linestyle="--", linewidth=2, label="x − 1")
    ax.plot(x, np.log(x), color=BLUE, linewidth=2, label="ln x")
    ax.plot([1], [0], "o", color=GRAY)
    ax.set(xlabel="x", xlim=(0, 3), ylim=(-3, 2.2))
    ax.legend(loc="lower right")
    return figure


def draw_distribution(ax, values, color, title, classes):
    """Bars of one distribution on the scale from 0 to 1."""
    drawn = ax.bar(range(len(values)), values, color=color, width=0.72)
    ax.bar_label(drawn, [f"{100 * v:.0f}" for v in values], padding=2, fontsize="small")
    ax.set_xticks(range(len(values)), classes)
    ax.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    ax.set(title=title, ylim=(0, 1.12))
    ax.grid(axis="x", visible=False)


def divergences(p, q, terms, *, classes):
    """DivergencePanel as a still: both distributions, then each class's share in KL(p||q), KL(q||p) and JS."""
    figure = Picture(figsize=(SIZE[0], 4.4), dpi=DPI, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(2, 6, height_ratios=[1.1, 1])
    draw_distribution(figure.add_subplot(grid[0, :3]), p, BLUE, "p, the teacher", classes)
    draw_distribution(figure.add_subplot(grid[0, 3:]), q, ORANGE, "q, the student", classes)
    names = {"forward": "KL(p‖q)", "reverse": "KL(q‖p)", "js": "JS(p, q)"}
    for column, (key, values) in enumerate(terms.items()):
        ax = figure.add_subplot(grid[1, 2 * column : 2 * column + 2])
        values = np.asarray(values, dtype=float)
        shown = np.clip(values, -0.4, 1)
        drawn = ax.bar(range(len(values)), shown, color=[RED if v < 0 else BLUE for v in values], width=0.72)
        ax.bar_label(drawn, ["∞" if np.isinf(v) else f"{v:.2f}" for v in values], padding=2, fontsize="small")
        ax.axhline(0, color=GRAY, linewidth=0.8)
        ax.set_xticks(range(len(values)), classes, fontsize="small")
        sum_ = "∞" if np.isinf(values.sum()) else f"{values.sum():.3f}"
        ax.set(title=f"{names[key]} = {sum_} nats", ylim=(-0.5, 1.15))
        ax.grid(axis="x", visible=False)
    return figure


def gaussian_fits(x, density, forward, reverse):
    """GaussianFitPanel as a still: target, start, some steps on the way and the end of both fits, (steps, 3) each."""
    x = np.asarray(x, dtype=float)
    figure, axes = picture(2, sharey=True)
    paths, names = (np.asarray(forward), np.asarray(reverse)), ("forward KL(p‖q)", "reverse KL(q‖p)")
    for ax, path, color, name in zip(axes, paths, (BLUE, RED), names, strict=True):
        ax.fill_between(x, density, color=GRAY, alpha=0.25, label="p, the target")
        steps = np.unique(np.geomspace(1, len(path), 7).astype(int) - 1)
        for step in steps:
            mean, sd, _ = path[step]
            curve = np.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
            end = step == steps[-1]
            ax.plot(x, curve, color=color, linewidth=2.2 if end else 0.9, alpha=1 if end else 0.45,
                    linestyle="-" if end else ":", label="q at the end" if end else None)  # fmt: skip
        ax.set(title=f"{name}: ends at {path[-1, 2]:.2f} nats", xlabel="x")
        ax.legend(loc="upper right", fontsize="small")
    axes[0].set_ylim(0, None)
    return figure


def pulls(p, q, *, classes):
    """Teacher, student, and the push p - q that gradient descent gives each of the student's logits."""
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    figure, axes = picture(2, size=(SIZE[0], 2.8))
    places = np.arange(len(p))
    axes[0].bar(places - 0.2, p, 0.38, color=BLUE, label="p, the teacher")
    axes[0].bar(places + 0.2, q, 0.38, color=ORANGE, hatch="//", edgecolor="white", label="q, the student")
    axes[0].legend(fontsize="small")
    axes[0].set_title("two answers")
    up = p - q
    axes[1].bar(places, up, 0.6, color=[GREEN if v >= 0 else RED for v in up])
    axes[1].axhline(0, color=GRAY, linewidth=0.8)
    axes[1].set_title("push on each logit: p − q")
    for ax in axes:
        ax.set_xticks(places, classes)
        ax.grid(axis="x", visible=False)
    return figure


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


# Figures of lesson 03 -------------------------------------------------------------------------------------------

VOICE = "#f7d9a0"  # the teacher's bars: light, with an orange outline


def _paired_bars(ax, teacher, student, classes=None):
    """Teacher and student side by side in each class."""
    places = np.arange(len(teacher))
    ax.bar(places - 0.2, teacher, 0.38, color=VOICE, edgecolor=ORANGE, label="teacher")
    ax.bar(places + 0.2, student, 0.38, color=BLUE, label="student")
    ax.set_xticks(places, places if classes is None else classes)
    ax.axhline(0, color=GRAY, linewidth=0.8)
    ax.grid(axis="x", visible=False)


def _push_bars(ax, hard, soft, total=None, classes=None):
    """What label and teacher ask of each logit, and their sum as an arrow with its value."""
    places = np.arange(len(hard))
    width = 0.38 if total is None else 0.27
    first = -width / 2 if total is None else -width - 0.02
    ax.bar(places + first, hard, width, color=GREEN, label="label")
    ax.bar(places + first + width + 0.02, soft, width, color=VOICE, edgecolor=ORANGE, label="teacher")
    if total is not None:
        at = places + 0.29
        ax.plot(at, total, alpha=0)  # arrows do not count for the limits of the axes
        ax.plot([], [], color="black", marker=r"$\uparrow$", linestyle="", label="total")
        for x, value in zip(at, total, strict=True):
            style = {"arrowstyle": "-|>", "color": "black", "lw": 1.8, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 9}
            ax.annotate("", (x, value), (x, 0), arrowprops=style)
            ax.annotate(f"{value:+.2f}", (x, value), (0, 3 if value >= 0 else -9), textcoords="offset points",
                        ha="center", fontsize="x-small")  # fmt: skip
    ax.set_xticks(places, places if classes is None else classes)
    ax.axhline(0, color=GRAY, linewidth=0.8)
    ax.grid(axis="x", visible=False)
    ax.margins(y=0.14)


def loss_panel(student, teacher, label, temperature, alpha, pushes, *, image=None, squared=True, classes=None):
    """LossPanel as a still: logits, soft targets at this temperature, and the push on each student logit."""
    figure = Picture(figsize=(SIZE[0], 4.6), dpi=DPI, facecolor="white", layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=[0.4, 1, 1], height_ratios=[1, 1.15])
    axes = [figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[0, 2]), figure.add_subplot(grid[1, :])]
    if image is not None:
        draw_digit(figure.add_subplot(grid[0, 0]), image, f"label {label if classes is None else classes[label]}")
    _paired_bars(axes[0], teacher, student, classes)
    axes[0].set_title("logits")
    axes[0].legend(fontsize="small")
    soft = [np.exp((np.asarray(z) - np.max(z)) / temperature) for z in (teacher, student)]
    _paired_bars(axes[1], *(p / p.sum() for p in soft), classes)
    axes[1].set(title=f"soft targets at T = {temperature:.3g}", ylim=(0, 1.05))
    _push_bars(axes[2], pushes["hard"], pushes["soft"], pushes["total"], classes)
    times = "with T²" if squared else "without T²"
    axes[2].set_title(f"push on each student logit: alpha = {alpha:.2g}, T = {temperature:.3g}, {times}")
    axes[2].legend(loc="upper right", fontsize="small")
    return figure


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


def two_pushes(hard, soft, temperature):
    """What label and teacher ask of each logit, in one picture."""
    figure, ax = picture()
    _push_bars(ax, np.asarray(hard), np.asarray(soft))
    ax.set(xlabel="class", ylabel="minus the gradient")
    ax.set_title(f"push on each student logit: label (at T = 1) and teacher (at T = {temperature:g}, times T²)")
    ax.legend()
    return figure


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


def distances(values, title=""):
    """One row of dots for each arm (one dot a seed) and its mean: {name: [value, ...]}."""
    figure, ax = picture(size=(SIZE[0], 0.42 * len(values) + 1.1))
    for row, seeds in enumerate(values.values()):
        ax.barh(row, np.mean(seeds), 0.55, color=VOICE, edgecolor=ORANGE)
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


# Panels as stills -----------------------------------------------------------------------------------------------


def words(text):
    """Text as a picture: what a panel without a figure of its own shows where no kernel answers."""
    lines = text.splitlines()
    figure = Picture(figsize=(SIZE[0], 0.24 * len(lines) + 0.2), dpi=DPI, facecolor="white")
    figure.text(0.01, 0.98, text, va="top", fontsize=9.5, linespacing=1.5)
    return figure


# Figures of lesson 04 -------------------------------------------------------------------------------------------


def loss_curves(losses):
    """Loss against step for each named run, on a log scale; the line is the mean over 10 steps."""
    figure, ax = picture(size=(SIZE[0], 2.6))
    for (name, values), color, style in zip(losses.items(), (BLUE, RED, GREEN), ("-", "--", "-."), strict=False):
        smooth = np.convolve(values, np.ones(10) / 10, mode="valid")
        ax.plot(np.arange(len(smooth)) + 10, smooth, color=color, linestyle=style, linewidth=2, label=name)
    ax.set(yscale="log", xlabel="step", ylabel="loss", title="training loss")
    ax.legend()
    return figure


def race_over_seeds(recorded):
    """Errors of every arm of benchmarks/race.py: a dot for each seed, a bar for the mean, on validation and test."""
    names = list(recorded["validation_errors"])
    figure, axes = picture(2, sharey=True, size=(SIZE[0], 3.4))
    columns = {
        "validation": {name: recorded["validation_errors"][name]["values"] for name in names},
        "test (chose nothing)": recorded["test_errors"],
    }
    for ax, (title, errors) in zip(axes, columns.items(), strict=True):
        for row, name in enumerate(names):
            color = ORANGE if row < 2 else BLUE
            ax.barh(row, np.mean(errors[name]), color=color, alpha=0.35, height=0.7)
            ax.plot(errors[name], [row] * len(errors[name]), "o", color=color, markersize=4)
        key = "validation_errors" if title == "validation" else "test_errors"
        ax.axvline(recorded["teacher"][key], color=GRAY, linestyle="--")
        ax.annotate("teacher", (recorded["teacher"][key], len(names) - 0.45), (4, 0), textcoords="offset points",
                    color=GRAY, fontsize="small")  # fmt: skip
        ax.set(xlabel="errors of 10 000", title=title, xlim=(0, None))
        ax.grid(axis="y", visible=False)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    figure.suptitle(f"recorded: {len(recorded['seeds'])} seeds, {recorded['script']}", fontsize="small", color=GRAY)
    return figure


def hinton_section3(recorded):
    """Test errors of the three arms of Hinton et al. (2015), section 3: the paper's figure, and a dot for each run."""
    arms = ("hard", "distilled", "teacher")
    names = ("784-800-800-10\nhard labels", "784-800-800-10\nsoft targets, T = 20", "784-1200-1200-10\nthe teacher")
    figure, ax = picture(size=(SIZE[0], 3.0))
    for row, arm in enumerate(arms):
        ours = [run["errors"] for run in recorded["runs"] if run["arm"] == arm]
        ax.barh(row - 0.18, recorded["paper"][arm], height=0.32, color=GRAY, alpha=0.5)
        if not ours:  # not run yet: the paper's bar stands alone
            continue
        ax.barh(row + 0.18, np.mean(ours), height=0.32, color=BLUE, alpha=0.5)
        ax.plot(ours, [row + 0.18] * len(ours), "o", color=BLUE, markersize=4)
        ax.annotate(str(recorded["paper"][arm]), (recorded["paper"][arm], row - 0.18), (5, 0), va="center",
                    textcoords="offset points", color=GRAY)  # fmt: skip
        ax.annotate(f"{np.mean(ours):.0f}", (max(ours), row + 0.18), (7, 0), va="center",
                    textcoords="offset points", color=BLUE)  # fmt: skip
    ax.set_yticks(range(len(arms)), names)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    seeds = len({run["seed"] for run in recorded["runs"]})
    ax.set(xlabel="test errors of 10 000", title=f"gray: the paper; blue: ours, {seeds} seeds (recorded)")
    return figure
