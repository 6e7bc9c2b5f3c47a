"""ReliabilityPanel in real JupyterLab: its own sums are those of kdlab.metrics."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import numpy as np
from kdlab.widgets import ReliabilityPanel
generator = np.random.default_rng(0)
logits = generator.normal(0, 2.0, (4000, 10))
shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
labels = (shares.cumsum(1) < generator.random((4000, 1))).sum(1)
"""
PANEL = "panel = ReliabilityPanel({'too sure': 2.5 * logits, 'not sure enough': 0.4 * logits}, labels)\npanel"


def row_of(panel, i):
    return panel.locator("tbody tr").nth(i).locator("td").all_text_contents()


def words(measures):
    shares = [f"{100 * measures[key]:.1f} %" for key in ("accuracy", "confidence")]
    return shares + [f"{measures[key]:.3f}" for key in ("ece", "nll")]


def test_the_sums_are_those_of_the_metrics(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel = notebook.panel
    assert row_of(panel, 0) == row_of(panel, 1) == words(notebook.python("panel.measures"))
    counts = "[__import__('kdlab.metrics').metrics.reliability(*panel._scaled(), bins=10)['count']][0]"
    for temperature in (0.3, 3.7):
        notebook.python(f"setattr(panel, 'temperature', {temperature})")
        expect(panel.locator(".kd-readout")).to_have_text(str(temperature))
        assert row_of(panel, 1) == words(notebook.python("panel.measures"))
        shown = panel.locator("[data-figure=counts] .kd-value").all_text_contents()
        assert [int(text or 0) for text in shown] == notebook.python(counts)


def test_sliding_repairs_each_model_and_never_its_accuracy(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    title = panel.locator("[data-figure=diagram] .kd-title")
    goal = panel.locator(".kd-goal")
    expect(title).to_contain_text("Too sure")
    accuracy = row_of(panel, 0)[0]

    slider = panel.get_by_label("Temperature T after training")
    slider.focus()
    for _ in range(30):
        page.keyboard.press("ArrowRight")
        if notebook.python("len(panel.reached)"):
            break
    assert notebook.python("panel.reached") == ["too sure"]
    # the goal is reached a little before the best temperature, where the title may still say "too sure"
    notebook.python("setattr(panel, 'temperature', panel.best_temperatures[panel.model])")
    expect(title).to_contain_text("About as sure as right")
    assert row_of(panel, 1)[0] == accuracy and float(row_of(panel, 1)[2]) < 0.02 < float(row_of(panel, 0)[2])
    expect(goal).to_contain_text("1 of 2 models")
    expect(goal).to_contain_text("☐")

    panel.get_by_label("Model").select_option("1")
    notebook.wait_python("panel.model == 'not sure enough' and panel.temperature == 1")
    expect(title).to_contain_text("Not sure enough")
    slider.focus()
    page.keyboard.press("Home")
    notebook.wait_python("panel.temperature == 0.1")
    notebook.python("setattr(panel, 'temperature', panel.best_temperatures[panel.model])")
    expect(panel.get_by_role("status")).to_have_text("reached")
    notebook.wait_python("panel.seen['not sure enough'] == [0.1, 1]")
    assert panel.bounding_box()["height"] == height, "the layout jumped"
    panel.get_by_role("button", name="as trained").click()
    notebook.wait_python("panel.temperature == 1 and len(panel.reached) == 2")


def test_gaps_lean_to_the_side_that_they_mean(open_notebook):
    """Without colours: numbers with a sign, and hatches that lean left or right."""
    notebook = open_notebook(SETUP, PANEL)
    panel = notebook.panel
    gaps = panel.locator(".kd-gap-of-bin:not([visibility=hidden])")
    signs = {text[0] for text in gaps.locator(".kd-value").all_text_contents()}
    fills = {gap.get_attribute("fill") for gap in gaps.locator("rect").all()}
    assert signs <= {"−", "0"} and len(fills) == 1
    panel.get_by_label("Model").select_option("1")
    notebook.wait_python("panel.model == 'not sure enough'")
    expect(panel.locator("[data-figure=diagram] .kd-title")).to_contain_text("Not sure enough")
    assert {gap.get_attribute("fill") for gap in gaps.locator("rect").all()} != fills
    assert {text[0] for text in gaps.locator(".kd-value").all_text_contents()} == {"+"}


@pytest.mark.parametrize("width", [600, 1000])
def test_it_fits(open_notebook, width):
    notebook = open_notebook(SETUP, PANEL, width=1600)
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    notebook.python("setattr(panel, 'temperature', 2.0)")
    expect(notebook.panel.locator(".kd-readout")).to_have_text("2")
    notebook.screenshot(f"reliability-{width}")
    assert notebook.panel.evaluate("p => p.scrollWidth <= p.clientWidth")
    cut = "p => [...p.querySelectorAll('.kd-row, .kd-row button, .kd-goal *, .kd-signs, th, td')].filter(r => r.scrollWidth > r.clientWidth + 1).map(r => r.textContent)"
    assert notebook.panel.evaluate(cut) == [], "words are cut off"
