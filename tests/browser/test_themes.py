"""Panels follow JupyterLab's theme, in both directions, while they are on the page. (test_readable.py has all panels.)"""

import pytest

from kdlab import palette

pytestmark = pytest.mark.browser

CELL = """
import numpy as np
from kdlab.widgets import LossPanel
teacher, student = np.linspace(-2, 8, 10), np.linspace(1, -1, 10)
LossPanel(student, teacher, 3)
"""

LOOK = """panel => { const hex = (css) => "#" + css.match(/\\d+/g).slice(0, 3).map((v) => (+v).toString(16).padStart(2, "0")).join("");
    const style = getComputedStyle(panel);
    return { ground: hex(style.backgroundColor), words: hex(getComputedStyle(panel.querySelector("svg text.kd-title")).fill),
        teacher: hex(getComputedStyle(panel.querySelector("rect.kd-teacher")).fill), scheme: style.colorScheme }; }"""


def test_a_panel_has_the_palette_of_the_theme(open_notebook):
    notebook = open_notebook(CELL)
    for theme in ("Dark", "Light", "Dark"):
        notebook.theme(theme)
        name = theme.lower()
        colors = {"ground": palette.PALETTE[name]["ground"], "words": palette.PALETTE[name]["text"]}
        assert notebook.panel.evaluate(LOOK) == colors | {"teacher": palette.mark("teacher", name), "scheme": name}
