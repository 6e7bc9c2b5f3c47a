"""SeedsPanel in real JupyterLab."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

CELL = """
import numpy as np
from kdlab.widgets import SeedsPanel
rng = np.random.default_rng(1)
luck = rng.normal(0, 9, 60)  # what a seed does to both methods
values = {"hard labels": np.round(520 + luck + rng.normal(0, 7, 60)), "distilled": np.round(512 + luck + rng.normal(0, 7, 60))}
panel = SeedsPanel(values)
panel
"""


def figure(notebook, name):
    return notebook.panel.locator(f"[data-figure={name}]")


def press(notebook, name):
    notebook.panel.get_by_role("button", name=name, exact=True).click()


def test_draws_are_counted_and_the_same_clicks_draw_the_same(open_notebook):
    notebook = open_notebook(CELL)
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    expect(panel).to_contain_text("n = 1, different seeds: no draws yet")
    expect(figure(notebook, "tally").locator(".kd-points .kd-point")).to_have_count(0)

    panel.get_by_role("button", name="Draw again").focus()
    page.keyboard.press("Enter")
    notebook.wait_python("panel.tally.get((1, False), {}).get('draws') == 1")
    press(notebook, "Draw 100 times")
    counted = notebook.wait_python("len(panel._tally) and panel._tally[0][2] == 101 and panel._tally[0]")
    share = 100 * counted[3] / 101
    expect(panel).to_contain_text(f"n = 1: the worse won {counted[3]} of 101 ({share:.1f} %)")
    # The same draws without a browser.
    notebook.python("globals().update(other=SeedsPanel(values)) or other.draw() or other.draw(100)")
    assert notebook.python("other.tally == panel.tally") is True
    assert notebook.python("other._drawn == panel._drawn") is True

    panel.get_by_label("Seeds for each method, n").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(figure(notebook, "draw").locator(".kd-title")).to_contain_text("One draw, n = 3")
    expect(figure(notebook, "draw").locator("circle[visibility=visible]")).to_have_count(6)
    links = figure(notebook, "draw").locator(".kd-links")
    assert not links.get_attribute("d")
    panel.get_by_label("same seeds for both").click()
    page.wait_for_function("document.querySelector('.kd-links').getAttribute('d').split('M').length === 4")
    press(notebook, "Draw 100 times")
    notebook.wait_python("panel.tally.get((3, True), {}).get('draws') == 100")
    expect(figure(notebook, "tally").locator(".kd-points .kd-point")).to_have_count(2)
    press(notebook, "Forget")
    notebook.wait_python("panel.tally == {}")
    expect(figure(notebook, "tally").locator(".kd-points .kd-point")).to_have_count(0)
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_the_exact_curve_opens_after_a_guess_and_a_draw(open_notebook):
    notebook = open_notebook(CELL)
    panel, page = notebook.panel, notebook.page
    reveal = panel.get_by_role("button", name="Show exact curve")
    curves = figure(notebook, "tally").locator("g[clip-path] .kd-exact")
    expect(reveal).to_have_attribute("aria-disabled", "true")
    reveal.dispatch_event("click")
    press(notebook, "Draw 100 times")
    notebook.wait_python("len(panel.tally) == 1")
    expect(reveal).to_have_attribute("aria-disabled", "true")
    panel.get_by_label("Your guess").focus()
    page.keyboard.press("PageDown")
    notebook.wait_python("panel.guess == 0.4")
    expect(reveal).to_have_attribute("aria-disabled", "false")
    assert notebook.python("panel.revealed") is False and not curves.first.get_attribute("d")
    reveal.click()
    exact = notebook.wait_python("panel.revealed and [panel.exact(5, False), panel.exact(5, True)]")
    words = [f"{100 * share:.1f} %" for share in exact]
    expect(panel).to_contain_text(
        f"Exact at n = 5: {words[0]} with different seeds, {words[1]} with the same seeds. Your guess: 40.0 %."
    )
    assert curves.first.get_attribute("d").count("L") == 19
    expect(panel.get_by_label("Your guess")).to_be_disabled()


@pytest.mark.parametrize("width", [600, 1000])
def test_it_fits(open_notebook, width):
    notebook = open_notebook(CELL, width=1600)
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    notebook.python(
        "[setattr(panel, 'n', n) or setattr(panel, 'paired', p) or panel.draw(200) for n in (1, 2, 5, 10) for p in (0, 1)]"
    )
    notebook.python("setattr(panel, 'guess', 0.3) or panel.reveal()")
    expect(notebook.panel.get_by_text("Exact at n = 5")).to_be_visible()
    notebook.screenshot(f"seeds-{width}")
    assert notebook.panel.evaluate("p => p.scrollWidth <= p.clientWidth")
    cut = """p => [...p.querySelectorAll('.kd-row, .kd-row > :not(.kd-slider), .kd-lines p')]
        .filter(r => r.scrollWidth > r.clientWidth + 1 || r.scrollHeight > r.clientHeight + 1).map(r => r.outerHTML)"""
    assert notebook.panel.evaluate(cut) == [], "words are cut off"
