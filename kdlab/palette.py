"""One meaning for each colour, in every panel and figure. palette.json says it once, for Python and JavaScript.

Its hues are Okabe and Ito's, told apart with every common kind of colour vision, each a little darker where it would
be pale on white. A hue has two shades in each theme: one for curves and areas (contrast of 3 with the ground), one
for text (4.5).
"""

import json
from pathlib import Path

PALETTE = json.loads((Path(__file__).parent / "palette.json").read_text(encoding="utf-8"))
ROLES = PALETTE["roles"]
# Where a host tells its theme: JupyterLab and Notebook, VS Code, Colab. Elsewhere the reader's system does.
DARK_HOSTS = (
    '[data-jp-theme-light="false"]',
    ".vscode-dark",
    ".vscode-high-contrast:not(.vscode-high-contrast-light)",
    'html[theme="dark"]',
)


def mark(name, theme="light"):
    """The colour "#rrggbb" of curves and areas for a role ("teacher") or a hue ("blue")."""
    return PALETTE[theme][ROLES.get(name, name)][0]


def ink(name, theme="light"):
    """The colour "#rrggbb" of text for a role, a hue, or the theme's "text" and "soft"."""
    shades = PALETTE[theme][ROLES.get(name, name)]
    return shades if isinstance(shades, str) else shades[1]


def css():
    """The palette as CSS variables of a panel: --kd-teacher and --kd-orange for marks, --kd-teacher-text for text."""
    light, dark = _block("light"), _block("dark")
    return (
        f".kd-panel {{ {light} }}\n{', '.join(f'{host} .kd-panel' for host in DARK_HOSTS)} {{ {dark} }}\n"
        f"@media (prefers-color-scheme: dark) {{ .kd-panel.kd-alone {{ {dark} }} }}\n"
    )


def _block(theme):
    """The variables of a theme. Roles are written out, not as var(--kd-orange): each block must stand alone."""
    values = {}
    for name, value in PALETTE[theme].items():
        shades = [value] if isinstance(value, str) else value
        names = [name, *(role for role, hue in ROLES.items() if hue == name)]
        for one in names:
            values |= {f"--kd-{one}{suffix}": shade for suffix, shade in zip(("", "-text"), shades, strict=False)}
    # Ink is drawn black: on a dark ground it is turned light.
    values |= {"--kd-ink": "none" if theme == "light" else "invert(1)", "color-scheme": theme}
    return " ".join(f"{name}: {value};" for name, value in values.items())
