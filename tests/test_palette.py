"""One palette: what panels and figures are drawn with comes from it, and its contrasts are what it promises."""

import itertools
import re

import every_panel
import pytest

from kdlab import palette
from kdlab.plots import base
from kdlab.widgets.base import FOLDER

HUES = [name for name, value in palette.PALETTE["light"].items() if isinstance(value, list)]
NEUTRAL = [name for name, value in palette.PALETTE["light"].items() if isinstance(value, str)]


def light_of(color):
    """WCAG's relative luminance of "#rrggbb"."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(part * share for part, share in zip(parts, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(*colors):
    low, high = sorted(map(light_of, colors))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_and_words_stand_out(theme):
    colors = palette.PALETTE[theme]
    assert list(colors) == list(palette.PALETTE["light"])
    for name in HUES:
        mark, words = colors[name]
        assert contrast(mark, colors["ground"]) >= 3 and contrast(words, colors["ground"]) >= 4.5, name
    assert contrast(colors["text"], colors["ground"]) > 12 and contrast(colors["soft"], colors["ground"]) > 5.5


def test_each_role_has_a_colour_of_its_own():
    assert set(palette.ROLES) == {"teacher", "distilled", "hard", "control", "runner-up", "negative", "label"}
    assert len(set(palette.ROLES.values())) == len(palette.ROLES) and set(palette.ROLES.values()) <= set(HUES)


def test_figures_use_the_palette_of_panels():
    constants = {name: getattr(base, name) for name in ("BLUE", "ORANGE", "GREEN", "PINK", "SKY", "RED", "GRAY")}
    assert constants == {name.upper(): palette.PALETTE["light"][name.lower()][0] for name in map(str.lower, constants)}
    roles = {"TEACHER": "teacher", "DISTILLED": "distilled", "HARD": "hard", "CONTROL": "control",
             "RUNNER_UP": "runner-up", "NEGATIVE": "negative"}  # fmt: skip
    assert all(getattr(base, name) == palette.mark(role) for name, role in roles.items())


def test_every_panel_has_all_variables_in_both_themes():
    for kind, panel in every_panel.kinds().items():
        # once a panel of the kind has been made, anywidget keeps both as traits
        css, esm = (x if isinstance(x, str) else x.default_value for x in (panel._css, panel._esm))
        defined = set(re.findall(r"--[\w-]+(?=:)", css)) | {"--at", "--unit"}
        light, *dark = [block for block in re.findall(r"\{([^{}]*--kd-ground:[^{}]*)\}", css)]
        assert len(dark) == 2 and all(
            re.findall(r"(--[\w-]+): ", light) == re.findall(r"(--[\w-]+): ", one) for one in dark
        )
        for theme, block in (("light", light), ("dark", dark[0]), ("dark", dark[1])):
            values = dict(re.findall(r"--kd-([\w-]+): (#\w+);", block))
            for name in (*HUES, *palette.ROLES):
                assert [values[name], values[f"{name}-text"]] == palette.PALETTE[theme][palette.ROLES.get(name, name)]
            assert {name: values[name] for name in NEUTRAL} == {name: palette.PALETTE[theme][name] for name in NEUTRAL}
        used = set(re.findall(r"var\((--kd-[\w-]+)", css + esm.replace("--kd-${", "")))
        assert used - defined <= {"--kd-widest", "--kd-page"}, (kind, used - defined)


def test_nobody_else_writes_colours_down():
    """Except Cividis, whose steps of lightness are a scale of their own, and black and white on top of it."""
    files = itertools.chain(FOLDER.glob("*.css"), FOLDER.glob("*.js"), FOLDER.glob("*.py"))
    found = {}
    for file in [*files, *(FOLDER.parent / "plots").glob("*.py")]:
        text = "\n".join(x for x in file.read_text(encoding="utf-8").splitlines() if not x.startswith("const STOPS"))
        if colors := set(re.findall(r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b", text)) - {"#000", "#fff"}:
            found[file.name] = colors
    assert found == {"base.py": {"#e4e7ea"}}  # the grid of figures
