"""Panels follow JupyterLab's theme, in both directions, while they are on the page."""

import pytest

pytestmark = pytest.mark.browser

CELL = """
import numpy as np
from kdlab.widgets import LossPanel
teacher, student = np.linspace(-2, 8, 10), np.linspace(1, -1, 10)
LossPanel(student, teacher, 3)
"""

# WCAG's contrast between the words and the curves' background, which a panel leaves to the notebook.
CONTRAST = """panel => {
    const light = (css) => css.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
    const words = light(getComputedStyle(panel.querySelector('svg text')).fill);
    const probe = Object.assign(document.createElement('i'), { style: 'color: var(--jp-layout-color0)' });
    const ground = light(getComputedStyle(document.body.appendChild(probe)).color);
    probe.remove();
    return [words > ground, (Math.max(words, ground) + 0.05) / (Math.min(words, ground) + 0.05)] }"""


def test_words_are_light_on_dark_and_dark_on_light(open_notebook):
    notebook = open_notebook(CELL)
    for theme in ("Dark", "Light"):
        notebook.theme(theme)
        lighter, contrast = notebook.panel.evaluate(CONTRAST)
        assert lighter == (theme == "Dark") and contrast > 4.5, (theme, contrast)
