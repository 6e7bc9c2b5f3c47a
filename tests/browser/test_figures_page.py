"""Figures of matplotlib in real JupyterLab: words for who cannot see them, and no white slab in the dark theme."""

import io

import pytest
from PIL import Image

pytestmark = pytest.mark.browser

CELL = """
from kdlab import plots
from kdlab.widgets import TemperaturePanel
TemperaturePanel([3.0, 1.0, 0.0])
"""
FIGURE = "plots.grouped_bars({'teacher': [0.7, 0.3], 'student': [0.4, 0.6]}, 'two answers', 'probability')"


def test_a_figure_has_words_and_the_ground_of_its_theme(open_notebook):
    notebook = open_notebook(CELL, FIGURE)
    figure = notebook.page.locator("img.kd-picture")
    assert "two answers" in figure.get_attribute("alt")
    assert figure.evaluate("i => i.naturalWidth") == 2 * int(figure.get_attribute("width"))
    assert figure.evaluate("i => i.clientWidth <= i.closest('.jp-OutputArea-output').clientWidth")
    for theme, lightest, darkest in (("Dark", 60, 0), ("Light", 255, 200), ("Dark", 60, 0)):
        notebook.theme(theme)
        figure.scroll_into_view_if_needed()
        with Image.open(io.BytesIO(figure.screenshot())) as shot:
            corner = shot.convert("L").getpixel((2, 2))
        assert darkest <= corner <= lightest, (theme, corner)
