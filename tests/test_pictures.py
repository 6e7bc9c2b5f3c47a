"""Pictures in notebooks: sharp, of the width they have on the page, and with words for who cannot see them."""

import base64
import inspect
import struct
from html.parser import HTMLParser
from io import BytesIO

import every_panel
import numpy as np
import pytest
from PIL import Image

from kdlab import palette, plots
from kdlab.plots import base


def width_of(png):
    return struct.unpack(">I", png[16:20])[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(every_panel.kinds()))
def test_every_panel_s_picture_is_sharp_and_says_what_it_shows(kind):
    data, metadata = every_panel.make(kind)._repr_mimebundle_()
    about = metadata["image/png"]
    assert width_of(base64.b64decode(data["image/png"])) == 2 * about["width"]
    assert len(about["alt"]) > 30 and "\n" not in about["alt"]


def test_a_figure_says_what_it_shows_with_its_titles():
    image = np.zeros((28, 28), np.uint8)
    figure = plots.answers(image, [[0.2, 0.8], [0.5, 0.5]], ["teacher", "student\nA"])
    data, metadata = figure._repr_mimebundle_()
    words = "An image and several distributions over its classes, side by side on the same scale: teacher; student A"
    assert metadata["image/png"] == {"alt": words, "width": round(figure.get_figwidth() * 110)}
    assert width_of(data["image/png"]) == 2 * metadata["image/png"]["width"] and data["text/plain"] == "<figure>"


def test_its_colours_are_those_it_was_drawn_in():
    figure = plots.answers(np.zeros((28, 28), np.uint8), [[0.2, 0.8], [0.5, 0.5]], ["teacher", "student"])
    colors = {color for _, color in Image.open(BytesIO(base.to_png(figure))).convert("RGB").getcolors(100_000)}
    for name in (base.TEACHER, base.BLUE, "#ffffff"):
        assert tuple(int(name[at : at + 2], 16) for at in (1, 3, 5)) in colors


def test_its_pixels_are_those_that_matplotlib_saves():
    figure = plots.answers(np.zeros((28, 28), np.uint8), [[0.2, 0.8], [0.5, 0.5]], ["teacher", "student"])
    png, saved = base.to_png(figure), BytesIO()
    figure.savefig(saved, facecolor="white", dpi=2 * figure.dpi)
    small = Image.open(saved).convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    assert np.array_equal(Image.open(BytesIO(png)).convert("RGB"), small.convert("RGB"))


def test_every_function_that_draws_has_a_sentence_for_its_figure():
    drawing = {
        name: draw for name, draw in inspect.getmembers(plots, inspect.isfunction) if hasattr(draw, "__wrapped__")
    }
    assert len(drawing) > 30
    assert {name for name, draw in drawing.items() if len((draw.__doc__ or "").split(".")[0]) < 20} == set()


def images_in(page):
    """The attributes of each img."""
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tag == "img" and found.append(dict(attributes))
    parser.feed(page)
    return found


def test_on_a_page_a_figure_follows_the_theme_and_has_words(monkeypatch):
    figure = plots.answers(np.zeros((28, 28), np.uint8), [[0.2, 0.8]], ['a "quoted" <title>'])
    assert set(figure._repr_mimebundle_()[0]) == {"image/png", "text/plain"}  # for programs, and for static views
    monkeypatch.setattr(base, "on_a_page", lambda: True)
    data, metadata = figure._repr_mimebundle_()
    image = images_in(data["text/html"])[0]
    assert image["alt"] == metadata["image/png"]["alt"] and 'a "quoted" <title>' in image["alt"]
    assert image["width"] == str(metadata["image/png"]["width"])
    assert base64.b64decode(image["src"].partition("base64,")[2]) == data["image/png"]
    for host in palette.DARK_HOSTS:
        assert f"{host} .kd-picture" in data["text/html"]


def test_words_for_a_figure_say_nothing_of_arguments():
    @base.in_course_style
    def draw(curves):
        """Curves (a dict name -> values) of `names` side by side: {name: (classes,)}. And more."""
        return base.picture()[0]

    assert draw({}).alternative == "Curves of names side by side"
