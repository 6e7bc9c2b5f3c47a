"""The lessons as HTML pages that need nothing from a network: pictures are inside, formulas are MathML."""

import html
import pathlib
import re

SNIPPETS = re.compile(
    r"```.*?```|(`+)(?:(?!\1).)+\1|\$\$(?P<block>.+?)\$\$|(?<![\\$\w])\$(?P<inline>[^$\n]+?)\$", re.DOTALL
)
PANEL = re.compile(r"<\w+Panel>")  # how a panel is written in text
TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block html_head_css -%}
<style>
body.jp-Notebook { max-width: 60rem; margin: 0 auto; padding: 1rem; }
img { max-width: 100%; height: auto; }
math[display="block"] { margin: 0.8em 0; }
.kd-still { margin: 0 0 0.5em; color: #616161; font-size: 0.9em; }
</style>
{%- endblock -%}
{%- block data_png scoped -%}
<div class="jp-RenderedImage jp-OutputArea-output {{ extra_class }}">
<img alt="{{ output | alternative | escape_html }}" src="data:image/png;base64,{{ output.data['image/png'] | escape_html }}"
{%- set width = output | get_metadata('width', 'image/png') -%}
{%- if width is not none %} width="{{ width | escape_html }}"{% endif %}>
{%- if output | is_panel %}<p class="kd-still">A picture: in the notebook this panel answers.</p>{% endif %}
</div>
{%- endblock -%}
"""
INDEX = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>kdlab: a course on knowledge distillation</title>
<style>:root { color-scheme: light dark } body { max-width: 40rem; margin: 3rem auto; padding: 0 1rem; font: 1.1rem/1.7 system-ui, sans-serif }</style>
</head><body><main><h1>kdlab</h1><p>An interactive course on knowledge distillation, as pages to read. To play with the panels, open the notebooks.</p>
<ol start="0" style="list-style: none; padding: 0">
%s
</ol></main></body></html>
"""


def export_pages(notebooks, target):
    """Write a page for each notebook (paths) into the folder `target`, and index.html; the paths of the pages.

    Formulas that cannot be converted, and notebooks that are not there, are errors.
    """
    import nbformat

    target = pathlib.Path(target)
    target.mkdir(exist_ok=True)
    names = {path.name for path in notebooks}
    pages, lines = [], []
    for path in notebooks:
        page = target / f"{path.stem}.html"
        notebook = nbformat.read(path, as_version=4)
        page.write_text(_link_pages(to_page(notebook), names), encoding="utf-8")
        lines.append(f'<li>{path.name[:2]} <a href="{page.name}">{html.escape(_title(notebook))}</a></li>')
        pages.append(page)
    (target / "index.html").write_text(INDEX % "\n".join(lines), encoding="utf-8")
    return pages


def to_page(notebook):
    """The notebook (an nbformat node) as the text of a page."""
    from jinja2 import DictLoader
    from nbconvert import HTMLExporter

    notebook = notebook.copy()
    notebook.metadata = {**notebook.metadata, "title": _title(notebook)}
    formulas = []
    notebook.cells = [_for_nbconvert(cell, formulas) for cell in notebook.cells]
    # Not embed_images: it mends each piece of HTML by itself, and would close a <details> before what it folds.
    exporter = HTMLExporter(extra_loaders=[DictLoader({"page.html.j2": TEMPLATE})], template_file="page.html.j2")
    exporter.register_filter("alternative", _alternative)
    exporter.register_filter("is_panel", lambda output: bool(PANEL.fullmatch(output.data.get("text/plain", ""))))
    page, _ = exporter.from_notebook_node(notebook)
    return re.sub(r"kdformula(\d+)x", lambda found: formulas[int(found[1])], page)


def _for_nbconvert(cell, formulas):
    """The cell as nbconvert is to read it: a word stands for each formula, whose MathML is added to the list."""
    if cell.cell_type != "markdown":
        return cell

    def hide(found):
        if found["block"] is None and found["inline"] is None:  # code
            return found[0]
        formulas.append(to_mathml(found["block"] or found["inline"], block=found["block"] is not None))
        return f"kdformula{len(formulas) - 1}x"

    return type(cell)({**cell, "source": SNIPPETS.sub(hide, cell.source)})


def to_mathml(formula, block=False):
    """A formula of LaTeX as MathML. ValueError for what the converter does not know."""
    from latex2mathml.converter import convert

    mathml = convert(formula.strip(), display="block" if block else "inline")
    if unknown := re.search(r">\s*\\[a-zA-Z]+", mathml):
        raise ValueError(f"{unknown[0].strip('> ')} in the formula {formula!r} cannot be written as MathML")
    return mathml


def _alternative(output):
    """What stands for a picture where it cannot be seen."""
    words = (output.metadata.get("image/png") or {}).get("alt")
    return words or output.data.get("text/plain", "figure").strip("<>")


def _title(notebook):
    """The first heading."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (found := re.search(r"^# (.+)$", cell.source, re.MULTILINE)):
            return found[1]
    return "kdlab"


def _link_pages(page, names):
    """Links from lesson to lesson lead to pages."""

    def lead(found):
        return f'href="{found[1]}.html' if f"{found[1]}.ipynb" in names else found[0]

    return re.sub(r'href="([^"/:]+)\.ipynb', lead, page)
