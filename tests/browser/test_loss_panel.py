"""LossPanel in real JupyterLab."""

import time

import pytest
from patience import seconds
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import numpy as np
from kdlab.widgets import LossPanel
from kdlab.widgets.loss import pushes
teacher = np.array([-28.2, -1.3, -6.7, 24.9, -23.8, 15.6, -27.0, -8.5, -2.2, -1.8])
student = np.array([-0.2, -0.4, 0.0, -0.1, 0.3, -0.1, 0.6, 0.3, 0.1, -0.4])
y, x = np.mgrid[:28, :28] - 13.5
image = (np.exp(-(((np.hypot(y, x) - 7) / 1.5) ** 2)) * 255).astype(np.uint8)
goal = {"text": "with α at least 0.5, push the 5 up by 0.2", "class": 5, "push_at_least": 0.2, "alpha_at_least": 0.5}
"""
PANEL = "panel = LossPanel(student, teacher, 3, image=image, goal=goal)\npanel"


def words(notebook):
    """The numbers on the arrows of the total push."""
    found = notebook.panel.locator("[data-figure=pushes] .kd-arrow .kd-value").all_text_contents()
    return [float(word.replace("−", "-")) for word in found]


def totals(notebook):
    return notebook.python("panel.pushes['total'].tolist()")


def agree(notebook, limit=5):
    """What the panel shows is, a frame later at most, what Python computes."""
    end = time.monotonic() + seconds(limit)
    while words(notebook) != pytest.approx(totals(notebook), abs=0.0051):
        assert time.monotonic() < end, (words(notebook), totals(notebook))
        notebook.page.wait_for_timeout(20)
    return True


def test_pushes_follow_temperature_alpha_and_the_square(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel, page = notebook.panel, notebook.page
    assert agree(notebook)
    height = panel.bounding_box()["height"]

    heat = panel.get_by_label("Temperature T")
    heat.focus()
    page.keyboard.press("ArrowRight")
    notebook.wait_python("panel.temperature == 4.1")
    assert agree(notebook)
    page.keyboard.press("End")
    notebook.wait_python("panel.temperature == 50")
    weight = panel.get_by_label("Weight α")
    weight.focus()
    page.keyboard.press("ArrowLeft")
    notebook.wait_python("panel.alpha == 0.49")
    page.keyboard.press("End")
    notebook.wait_python("panel.alpha == 1")
    assert agree(notebook)
    expect(panel.locator(".kd-loss-value")).to_contain_text("L = 1 · ")

    page.keyboard.press("Home")
    notebook.wait_python("panel.alpha == 0")
    assert agree(notebook)
    with_square = max(map(abs, words(notebook)))
    panel.get_by_label("soft term times T²").uncheck()
    notebook.wait_python("not panel.squared")
    assert agree(notebook)
    assert max(map(abs, words(notebook))) < with_square / 1000  # T² = 2500

    box = heat.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    notebook.wait_python("4.5 < panel.temperature < 5.5")  # the middle of a log scale from 0.5 to 50
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_the_goal_is_reached_with_t_squared_only(open_notebook):
    notebook = open_notebook(SETUP, PANEL.replace("goal=goal", "goal=goal, temperature=1"))
    panel, page = notebook.panel, notebook.page
    squared = panel.get_by_label("soft term times T²")
    heat = panel.get_by_label("Temperature T")
    squared.uncheck()
    heat.focus()
    page.keyboard.press("Home")
    for _ in range(12):
        page.keyboard.press("PageUp")
    notebook.wait_python("panel.temperature == 50")
    assert not notebook.python("panel.reached") and notebook.python("panel.best['push'] < 0")

    squared.check()
    notebook.wait_python("panel.reached")
    expect(panel.locator(".kd-done")).to_have_text("reached")
    assert notebook.python("panel.best['push'] >= 0.2 and panel.best['alpha'] >= 0.5")


def test_logits_are_dragged_the_label_chosen_and_all_reset(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel, page = notebook.panel, notebook.page
    five = panel.get_by_role("slider", name="student logit of class 5")
    five.focus()
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowUp")
    notebook.wait_python("abs(panel.student[5] - 1.0) < 1e-9")
    expect(panel.locator(".kd-detail")).to_contain_text("class 5: label −")

    hit = panel.get_by_role("slider", name="teacher logit of class 8").locator(".kd-hit").bounding_box()
    page.mouse.move(hit["x"] + hit["width"] / 2, hit["y"] + hit["height"] / 2)
    page.mouse.down()
    page.mouse.move(hit["x"] + hit["width"] / 2, hit["y"] - 30, steps=4)
    page.mouse.up()
    notebook.wait_python("panel.teacher[8] == panel._range[1]")
    assert notebook.python("abs(panel.student[5] - 1.0) < 1e-9")

    panel.get_by_label("The label says").select_option("5")
    notebook.wait_python("panel.label == 5")
    expect(panel.locator(".kd-progress")).to_contain_text("Reset")  # the goal counts with what was given
    assert agree(notebook)
    panel.get_by_role("button", name="Reset").click()
    notebook.wait_python("panel.student[5] == -0.1 and panel.teacher[8] == -2.2 and panel.label == 3")


def test_the_student_follows_the_push_to_the_teacher(open_notebook):
    notebook = open_notebook(SETUP, PANEL.replace("goal=goal", "alpha=0, temperature=20"))
    panel = notebook.panel
    panel.get_by_role("button", name="One step").click()
    notebook.wait_python("panel.student[3] > 1")
    panel.get_by_role("button", name="Follow the push").click()
    panel.get_by_role("button", name="Pause").click()
    expect(panel.get_by_role("button", name="Follow the push")).to_be_visible()
    notebook.wait_python("panel.student[3] > 1")
    panel.get_by_role("button", name="Follow the push").click()
    # alpha = 0: it settles where all differences between logits are the teacher's
    notebook.wait_python("bool(np.ptp(np.array(panel.student) - np.array(panel.teacher)) < 0.5)", 30)
    assert notebook.python("float(np.abs(panel.pushes['total']).max())") < 0.01


def test_two_views_show_the_same_and_python_moves_both(open_notebook):
    notebook = open_notebook(SETUP, PANEL, "panel")
    panels = notebook.page.locator(".kd-panel")
    expect(panels).to_have_count(2)
    notebook.python("[setattr(panel, 'alpha', 0.25), setattr(panel, 'temperature', 20.0)][0]")
    for i in range(2):
        expect(panels.nth(i).locator(".kd-readout")).to_have_text(["20", "0.25"])


@pytest.mark.parametrize("width", [600, 1000])
def test_it_fits(open_notebook, width):
    notebook = open_notebook(SETUP, PANEL, width=1500)
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    notebook.screenshot(f"loss-{width}")
    assert notebook.panel.evaluate("p => p.scrollWidth <= p.clientWidth")
