"""TemperaturePanel in real JupyterLab."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import numpy as np
from kdlab.widgets import TemperaturePanel
logits = np.array([[-4.8, -1.2, 3.1, 12.4, -5.9, 4.6, -7.7, 1.3, 2.2, 0.4], [9, 0, 1, 2, 3, 0, 5, 1, 0, 2.5]])
y, x = np.mgrid[:28, :28] - 13.5
ring = np.exp(-(((np.hypot(y, x) - 7) / 1.5) ** 2)) * 255
bar = np.exp(-((x / 2) ** 2)) * 255 * (abs(y) < 10)
images = np.stack([bar, ring]).astype(np.uint8)
goal = {"text": "Make the 5 as likely as you can", "metric": "probability", "class": 5, "at_least": 0.125}
"""
PANEL = "panel = TemperaturePanel(logits, images, labels=[3, 0], goal=goal)\npanel"


def soft_targets(notebook):
    return notebook.panel.locator("[data-figure=soft-targets]")


def test_the_temperature_answers_keyboard_mouse_and_python(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel, page = notebook.panel, notebook.page
    slider = panel.get_by_label("Temperature T")
    likely = panel.locator(".kd-likely")
    expect(likely).to_have_text("3 with 99.9 %, next: 5 with 0.04 %")
    height = panel.bounding_box()["height"]

    slider.focus()
    page.keyboard.press("ArrowRight")
    notebook.wait_python("panel.temperature == 1.1")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    notebook.wait_python("panel.temperature == 0.99")
    page.keyboard.press("End")
    notebook.wait_python("panel.temperature == 100")
    assert notebook.python("bool(np.ptp(panel.soft_targets) < 0.03)")
    expect(panel.locator(".kd-meter")).to_have_attribute("aria-valuetext", "entropy 2.30 nats (at most ln 10 = 2.30)")

    box = slider.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    notebook.wait_python("2 < panel.temperature < 2.5")  # the middle of a log scale from 0.05 to 100

    panel.get_by_role("button", name="temperature 4").click()
    notebook.wait_python("panel.temperature == 4")
    expect(panel.get_by_role("button", name="temperature 4")).to_have_attribute("aria-pressed", "true")
    expected = notebook.python("panel.soft_targets.tolist()")
    shown = [float(word.replace("≈", "")) for word in soft_targets(notebook).locator(".kd-value").all_text_contents()]
    assert shown == [round(100 * p, 1) for p in expected]

    notebook.python("setattr(panel, 'temperature', 0.5)")
    expect(panel.locator(".kd-readout")).to_have_text("0.5")
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_logits_are_dragged_and_moved_by_keys(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel, page = notebook.panel, notebook.page
    five = panel.get_by_role("slider", name="logit of class 5")
    five.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("PageUp")
    notebook.wait_python("abs(panel.logits[0][5] - 5.7) < 1e-9")

    box = five.locator(".kd-hit").bounding_box()
    middle = box["x"] + box["width"] / 2
    page.mouse.move(middle, box["y"] + box["height"] * 0.4)
    page.mouse.down()
    page.mouse.move(middle, box["y"] + 1, steps=5)
    page.mouse.move(middle + 80, box["y"] - 30, steps=3)  # outside: it stays at the top of the axis
    page.mouse.up()
    notebook.wait_python("panel.logits[0][5] == 15 == panel._range[1]")
    expect(panel.locator(".kd-likely")).to_contain_text("5 with 93")
    expect(panel.locator(".kd-order")).to_contain_text("ranking: 5 > 3 > 2")

    panel.get_by_role("button", name="Reset logits").click()
    notebook.wait_python("panel.logits[0][5] == 4.6")
    expect(panel.get_by_role("button", name="Reset logits")).to_be_disabled()


def test_digits_are_a_radio_group(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    notebook.panel.get_by_role("radio", name="digit 1 of 2, labelled 3").focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait_python("panel.selected == 1")
    expect(notebook.panel.locator(".kd-likely")).to_contain_text("0 with 9")


def test_goal_is_reached_and_remembered(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    goal = notebook.panel.locator(".kd-goal")
    expect(goal).to_contain_text("☐")
    notebook.python("setattr(panel, 'temperature', 7.0)")
    expect(goal).to_contain_text("☑")
    expect(notebook.panel.get_by_role("status")).to_have_text("reached")
    notebook.python("setattr(panel, 'temperature', 50.0)")
    expect(goal).to_contain_text("now 10.8 %, best 12.8 %")
    expect(goal).to_contain_text("at T = 7")
    assert notebook.python("panel.reached") and notebook.python("panel.best['temperature']") == 7
    notebook.screenshot("temperature")


def test_two_views_show_the_same_and_keys_stay_inside(open_notebook):
    notebook = open_notebook(SETUP, PANEL, "panel", "1 + 1")
    page = notebook.page
    first, second = page.locator(".kd-panel").nth(0), page.locator(".kd-panel").nth(1)
    first.get_by_label("Temperature T").focus()
    page.keyboard.press("PageUp")
    expect(second.locator(".kd-readout")).to_have_text(first.locator(".kd-readout").inner_text())
    first.get_by_label("log scale").click()
    expect(second.get_by_label("log scale")).to_be_checked()
    expect(soft_targets(notebook)).to_contain_text("10⁻⁴")
    first.get_by_label("Temperature T").focus()
    for key in ("d", "d", "b", "ArrowDown"):  # JupyterLab would delete the cell, add one, go to the next
        page.keyboard.press(key)
    expect(first.get_by_label("Temperature T")).to_be_focused()
    assert page.locator(".jp-CodeCell").count() == 4
    notebook.run_cell(1)  # the cell again: a new panel from the start
    expect(first.locator(".kd-readout")).to_have_text("1")


@pytest.mark.parametrize("width", [600, 1000])
def test_it_fits(open_notebook, width):
    notebook = open_notebook(SETUP, PANEL, width=1600)
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    notebook.screenshot(f"temperature-{width}")
    assert notebook.panel.evaluate("p => p.scrollWidth <= p.clientWidth")
