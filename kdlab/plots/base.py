"""What all figures share: the palette, the style, pictures that show themselves, bars and digits."""

import base64
import functools
import html
import io
import re
import threading
from collections import defaultdict
from contextlib import contextmanager

import numpy as np
from matplotlib import rcParams, style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from kdlab.hosts import on_a_page
from kdlab.palette import DARK_HOSTS, mark

BLUE, ORANGE, GREEN, PINK, SKY, RED, GRAY = map(mark, ("blue", "orange", "green", "pink", "sky", "red", "gray"))
PALETTE = [BLUE, ORANGE, GREEN, PINK, SKY, RED]
TEACHER, DISTILLED, HARD, CONTROL = map(mark, ("teacher", "distilled", "hard", "control"))
RUNNER_UP, NEGATIVE = mark("runner-up"), mark("negative")
SIZE, DPI, SHARPNESS = (8.6, 3.0), 110, 2

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
FOR_PROGRAMMERS = re.compile(
    r":? \{.*\}| \([^()]*(?:`|->)[^()]*\)"
)  # {name: value}, (a dict name -> value), (`argument`)
_ONE_AT_A_TIME = threading.RLock()  # rcParams are global: threads that draw must not put back each other's


def use_style():
    """Give figures that lessons draw by hand the course's size, grid and white ground."""
    rcParams.update(STYLE)


@contextmanager
def course_style():
    """Matplotlib's defaults and the course's style, whatever the reader has set; afterwards all is the reader's again."""
    with _ONE_AT_A_TIME, style.context(["default", STYLE]):
        yield


def in_course_style(draw):
    """Decorates every function that draws a figure: it draws in the course's own style.

    The first sentence of its docstring is what the figure says of itself where it cannot be seen, without what it says of arguments.
    """
    sentence = " ".join((draw.__doc__ or "").split()).partition(". ")[0].rstrip(".")
    sentence = FOR_PROGRAMMERS.sub("", sentence).replace("`", "")

    @functools.wraps(draw)
    def drawn(*args, **kwargs):
        with course_style():
            figure = draw(*args, **kwargs)
        if isinstance(figure, Picture):
            figure.sentence = figure.sentence or sentence
        return figure

    return drawn


class Picture(Figure):
    """A Figure that shows itself as a PNG in a notebook, and as the same words on every run.

    It is drawn and saved in the course's style too: tick labels, for one, are made only then.
    """

    sentence = ""  # what it shows

    draw = in_course_style(Figure.draw)
    savefig = in_course_style(Figure.savefig)

    @property
    def alternative(self):
        """What stands for the figure where it cannot be seen: what it shows, and its titles."""
        titles = [self.get_suptitle(), *(ax.get_title() for ax in self.axes)]
        titles = "; ".join(" ".join(title.split()) for title in titles if title.strip())
        return ": ".join(part for part in (self.sentence, titles) if part)

    def _repr_mimebundle_(self, include=None, exclude=None):
        png, about = to_png(self), png_metadata(self)
        data = {"image/png": png, "text/plain": repr(self)}
        if on_a_page():  # others, which keep notebooks or show them without a kernel, do best with the plain picture
            data["text/html"] = themed(png, about)
        return data, {"image/png": about}

    def __repr__(self):
        return "<figure>"


def picture(columns=1, rows=1, *, size=SIZE, **options):
    """A Picture and its axes, as `pyplot.subplots` would give them."""
    figure = Picture(figsize=size, dpi=DPI, facecolor="white", layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def to_png(figure):
    """The bytes of the figure's PNG: two pixels for each that it takes on the page, and 256 colours, which suffice."""
    canvas, dpi, out = FigureCanvasAgg(figure), figure.dpi, io.BytesIO()
    figure.dpi = SHARPNESS * dpi
    try:
        figure.draw(canvas.get_renderer())  # savefig would draw it twice, write a PNG and have it read again
    finally:
        figure.dpi = dpi
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(out, "PNG")
    return out.getvalue()


def png_metadata(figure):
    """What a notebook keeps beside the PNG: its width on the page, and words for it."""
    return {"width": round(figure.get_figwidth() * figure.dpi), "alt": getattr(figure, "alternative", "figure")}


def themed(png, about):
    """The picture as HTML with its words: white paper in a light theme; in a dark one inverted, with its hues kept."""
    dark = ", ".join(f"{host} .kd-picture" for host in DARK_HOSTS)
    return (
        f"<style>{dark} {{ filter: invert(0.88) hue-rotate(180deg) }}</style>"
        f'<img class="kd-picture" alt="{html.escape(about["alt"])}" width="{about["width"]}" '
        f'style="max-width: 100%; height: auto" src="data:image/png;base64,{base64.b64encode(png).decode()}">'
    )


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
    colors = [RUNNER_UP if i == second else BLUE for i in range(len(values))]
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


def draw_distribution(ax, values, color, title, classes):
    """Bars of one distribution on the scale from 0 to 1."""
    drawn = ax.bar(range(len(values)), values, color=color, width=0.72)
    ax.bar_label(drawn, [f"{100 * v:.0f}" for v in values], padding=2, fontsize="small")
    ax.set_xticks(range(len(values)), classes)
    ax.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    ax.set(title=title, ylim=(0, 1.12))
    ax.grid(axis="x", visible=False)


def draw_paired_bars(ax, teacher, student, classes=None):
    """Teacher and student side by side in each class."""
    places = np.arange(len(teacher))
    ax.bar(places - 0.2, teacher, 0.38, color=TEACHER, label="teacher")
    ax.bar(places + 0.2, student, 0.38, color=DISTILLED, label="student")
    ax.set_xticks(places, places if classes is None else classes)
    ax.axhline(0, color=GRAY, linewidth=0.8)
    ax.grid(axis="x", visible=False)


def draw_push_bars(ax, hard, soft, total=None, classes=None):
    """What label and teacher ask of each logit, and their sum as an arrow with its value."""
    places = np.arange(len(hard))
    width = 0.38 if total is None else 0.27
    first = -width / 2 if total is None else -width - 0.02
    ax.bar(places + first, hard, width, color=HARD, label="label")
    ax.bar(places + first + width + 0.02, soft, width, color=TEACHER, label="teacher")
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


def gather(rows, by, value):
    """{by: [value of each row]} in the order of the rows; `by` and `value` are keys, or functions of a row."""
    found = defaultdict(list)
    for row in rows:
        key, number = (part(row) if callable(part) else row[part] for part in (by, value))
        found[key].append(number)
    return dict(found)


def draw_arm(ax, points, look, *, label=None, at=None, filled=True):
    """One arm, {x: values over seeds}, as small points and a line through the means; look (colour, dash, marker)."""
    color, dash, marker = look
    xs = list(points) if at is None else [at(x) for x in points]
    means = [np.mean(values) for values in points.values()]
    face = color if filled else "white"
    ax.plot(xs, means, color=color, linestyle=dash, marker=marker, markersize=6, linewidth=2, label=label,
            markerfacecolor=face, markeredgecolor=color)  # fmt: skip
    for x, values in zip(xs, points.values(), strict=True):
        ax.plot([x] * len(values), values, ".", color=color, markersize=4, alpha=0.55)


def draw_named(ax, points, look, label, **options):
    """One arm, {x: values over seeds}, in the order of x."""
    draw_arm(ax, dict(sorted(points.items())), look, label=label, **options)


def rows_of(recorded, section, **wanted):
    """The rows of a section with these settings."""
    return [row for row in recorded[section] if wanted.items() <= row.items()]


def percent(counts, of=10_000):
    """Counts of so many, in percent; shares are of 1."""
    return [100 * count / of for count in counts]
