"""The lessons as pages: what they link to, what they say, and what is refused."""

import base64
import re

import nbformat
import pytest

from kdlab import course, pages

PNG = base64.b64encode(b"\x89PNG").decode()


def page_of(*cells, **options):
    return pages.to_page(nbformat.v4.new_notebook(cells=list(cells), **options))


def words(text):
    return nbformat.v4.new_markdown_cell(text)


def picture(metadata=None, **data):
    output = nbformat.v4.new_output("display_data", {"image/png": PNG, **data}, metadata=metadata or {})
    return nbformat.v4.new_code_cell("draw()", outputs=[output])


def test_formulas_become_mathml_wherever_they_stand_and_code_stays():
    page = page_of(words("# T\n\nHere $x_1 * y_2 * z$, `$HOME` and\n\n$$\\frac{a}{b}$$\n\n<details>so $q$</details>\n"))
    assert page.count("<math") == 3 and '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"' in page
    assert "<mfrac>" in page and "<code>$HOME</code>" in page and "<em>" not in page
    assert re.search(r"<details>so <math[^>]*>.*?<mi>q</mi>.*?</math></details>", page)


def test_every_formula_of_the_course_can_be_written():
    formulas = []
    for path in course.written_lessons().values():
        for cell in nbformat.read(path, as_version=4).cells:
            pages._for_nbconvert(cell, formulas)
    assert len(formulas) > 200 and all(formula.startswith("<math") for formula in formulas)


def test_a_formula_that_cannot_be_written_is_an_error():
    with pytest.raises(ValueError, match=r"\\nosuchsign in the formula"):
        pages.to_mathml(r"a \nosuchsign b")


def test_pictures_keep_their_words():
    page = page_of(picture({"image/png": {"alt": "bars & a 'line' < 3"}}))
    assert """alt="bars &amp; a 'line' &lt; 3\"""" in page
    assert 'alt="figure"' in page_of(picture(**{"text/plain": "<figure>"}))


def test_a_panel_says_that_it_is_a_picture():
    assert "in the notebook this panel answers" in page_of(picture(**{"text/plain": "<LossPanel>"}))
    assert "in the notebook this panel answers" not in page_of(picture(**{"text/plain": "<figure>"}))


def test_what_is_folded_stays_folded():
    page = page_of(words("<details><summary>Why?</summary>\n\nBecause of *this*.\n</details>\n\nAnd on."))
    assert re.search(r"</summary>\s*<p>Because of <em>this</em>.</p>\s*</details>\s*<p>And on", page)


@pytest.mark.slow
def test_all_pages_link_to_each_other_and_to_nothing_that_is_missing(tmp_path, capsys):
    assert course.main(["html", "--target", str(tmp_path / "pages")]) == 0
    there = {path.name for path in (tmp_path / "pages").iterdir()}
    assert there == {f"{path.stem}.html" for path in course.written_lessons().values()} | {"index.html"}
    assert f"{len(there) - 1} lessons as pages: open {tmp_path / 'pages' / 'index.html'}" in capsys.readouterr().out
    for page in (tmp_path / "pages").iterdir():
        text = page.read_text(encoding="utf-8")
        near = {link for link in re.findall(r'href="([^"#:]+)', text)}
        assert near <= there, (page.name, near - there)
        assert not re.search(r'(src="|url\(["\']?|@import\s*["\']?)(?!data:)\s*\w', text), page.name
        assert "kdformula" not in text


@pytest.mark.parametrize("target", ["file", "file/pages", "no/pages"])
def test_a_folder_that_cannot_be_gets_a_sentence(target, tmp_path):
    (tmp_path / "file").write_text("")
    assert "--target DIR" in course.main(["html", "--target", str(tmp_path / target)])
