"""BiasPanel in real JupyterLab."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import numpy as np
from kdlab.widgets import BiasPanel
def student(count, seed):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 10, count)
    logits = generator.normal(0, 1.5, (count, 10))
    logits[np.arange(count), labels] += 5
    logits[:, 3] -= 4
    return logits, labels
"""
PANEL = "panel = BiasPanel(*student(3000, 0), 3, test=student(2000, 1), name='shy of threes')\npanel"


def test_the_slider_shows_what_a_bias_takes_and_brings(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    slider = panel.get_by_role("slider", name="Bias on the logit of 3")
    test_set = panel.get_by_role("button", name="Open the test set")
    expect(test_set).to_have_attribute("aria-disabled", "true")
    before = notebook.python("panel.validation_errors")

    slider.focus()
    page.keyboard.press("ArrowRight")
    notebook.wait_python("panel.bias == 0.1 and panel.seen == [0, 0.1]")
    for _ in range(3):  # to 3.7: some that were right are called 3 now (at 2.5 none is yet)
        page.keyboard.press("PageUp")
    now = notebook.wait_python("panel.bias > 3 and panel.validation_errors")
    logits, labels = (f"student(3000, 0)[{i}]" for i in (0, 1))
    wrong = f"(({logits} + panel.bias * np.eye(10)[3]).argmax(1) != {labels})"
    assert [now["digit"], now["others"]] == [
        notebook.python(f"int({wrong}[{labels} {which} 3].sum())") for which in ("==", "!=")
    ]
    assert now["digit"] < before["digit"] and now["others"] > before["others"]
    shown = [int(text) for text in panel.locator(".kd-signs b").all_text_contents()]
    assert shown == [now["all"], now["digit"], now["others"]]
    threes = notebook.python("sum(panel._curves['answers'][0])")
    expect(panel.locator("[data-figure=answers] .kd-title")).to_have_text(
        f"{threes - now['digit']} of {threes} threes are called 3"
    )

    notebook.python("setattr(panel, 'bias', panel.best_bias)")
    notebook.wait_python("panel.reached")
    expect(panel.get_by_role("status").first).to_have_text("reached")
    expect(panel.locator(".kd-readout")).to_have_text(f"+{notebook.python('panel.best_bias'):.1f}")

    test_set.click()
    result = notebook.wait_python("panel.test_result")
    assert result["with"]["all"] < result["without"]["all"]
    expect(panel.locator(".kd-exam span")).to_contain_text(f"Without a bias: {result['without']['all']} errors")
    test_set.click()
    expect(panel.locator(".kd-exam span")).to_contain_text("Opened 2 times")

    panel.get_by_role("button", name="Reset").click()
    notebook.wait_python("panel.bias == 0 and panel.seen == [0, 0]")
    expect(panel.locator(".kd-readout")).to_have_text("0")
    assert panel.bounding_box()["height"] == height, "the layout jumped"
    assert notebook.python("panel.reached"), "what was reached stays so"


def test_two_views_show_the_same(open_notebook):
    notebook = open_notebook(SETUP, PANEL, "panel")
    first, second = notebook.page.locator(".kd-panel").nth(0), notebook.page.locator(".kd-panel").nth(1)
    first.get_by_role("slider").focus()
    notebook.page.keyboard.press("PageDown")
    expect(second.locator(".kd-readout")).to_have_text(first.locator(".kd-readout").inner_text())
    assert second.locator(".kd-readout").inner_text().startswith("−")


@pytest.mark.parametrize("width", [600, 1000])
def test_it_fits(open_notebook, width):
    notebook = open_notebook(SETUP, PANEL, width=1600)
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    notebook.python("setattr(panel, 'bias', 3.0)")
    notebook.python("bool(panel.open_test() and panel.open_test())")  # the longest words
    notebook.python("setattr(panel, 'bias', 4.0)")
    expect(notebook.panel.locator(".kd-readout")).to_have_text("+4.0")
    notebook.screenshot(f"bias-{width}")
    assert notebook.panel.evaluate("p => p.scrollWidth <= p.clientWidth")
    cut = "p => [...p.querySelectorAll('.kd-row, .kd-row button, .kd-exam span, .kd-goal *, .kd-signs')].filter(r => r.scrollWidth > r.clientWidth + 1 || r.scrollHeight > r.clientHeight + 4).map(r => r.textContent)"
    assert notebook.panel.evaluate(cut) == [], "words are cut off"
