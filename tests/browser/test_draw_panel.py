"""DrawPanel in real JupyterLab. Two made-up models: one sees tall strokes as ones, the other as sevens."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import torch
from kdlab import widgets

class Width(torch.nn.Module):
    '''Says `narrow` where the drawing is narrow, and 0 where it is wide.'''
    def __init__(self, narrow):
        super().__init__()
        self.narrow = narrow
    def forward(self, x):
        columns = (x.reshape(-1, 28, 28).amax(1) > 0.5).sum(1)
        logits = torch.zeros(len(x), 10)
        logits[columns < 8, self.narrow] = 5.0
        logits[columns >= 8, 0] = 5.0
        return logits

models = {"teacher": Width(1), "student": Width(7)}
"""
PANEL = "panel = widgets.DrawPanel(models)\npanel"


def stroke(notebook, *points):
    """Draw through these points, given as shares of the paper."""
    box = notebook.panel.get_by_role("application").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    mouse = notebook.page.mouse
    mouse.move(*places[0])
    mouse.down()
    for place in places[1:]:
        mouse.move(*place, steps=6)
    return mouse.up


def test_answers_come_while_the_stroke_grows(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel = notebook.panel
    teacher = panel.locator("[data-figure=teacher]")
    expect(teacher).to_contain_text("teacher: 0 with 94 %")  # the drawing that is there at first is wide
    expect(panel.locator(".kd-ink")).to_have_attribute("d", notebook.panel.locator(".kd-ink").get_attribute("d"))
    panel.get_by_role("button", name="Clear").click()
    expect(teacher).to_contain_text("teacher sees empty paper")
    notebook.wait_python("panel.strokes == []")

    lift = stroke(notebook, (0.5, 0.1), (0.5, 0.9))
    expect(teacher).to_contain_text("teacher: 1 with 94 %")  # the pen is still on the paper
    expect(panel.locator("[data-figure=student]")).to_contain_text("student: 7 with 94 %")
    lift()
    expect(panel.get_by_role("status")).to_have_text("reached")
    expect(panel.locator(".kd-goal")).to_contain_text("found: teacher says 1, student says 7")
    notebook.wait_python("abs(panel.strokes[0][-1][1] - 0.9) < 0.02")
    assert notebook.python("int(panel.image.max())") == 255
    notebook.screenshot("draw")

    stroke(notebook, (0.1, 0.2), (0.9, 0.2))()
    expect(teacher).to_contain_text("teacher: 0")
    panel.get_by_role("button", name="Undo").click()
    expect(teacher).to_contain_text("teacher: 1")


def test_drawing_with_the_keyboard_and_with_a_finger(open_notebook):
    notebook = open_notebook(SETUP, PANEL, "panel")
    panel, page = notebook.panel, notebook.page
    teacher = panel.locator("[data-figure=teacher]")
    panel.get_by_role("application").focus()
    page.keyboard.press("Delete")
    expect(teacher).to_contain_text("empty paper")
    page.keyboard.press("Space")
    for _ in range(10):
        page.keyboard.press("ArrowDown")
    expect(teacher).to_contain_text("teacher: 1")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")  # the pen is up
    notebook.wait_python("len(panel.strokes) == 1 and panel.strokes[0][-1] == [0.5, 0.7]")
    expect(page.locator(".kd-panel").nth(1).locator(".kd-ink")).to_have_attribute(
        "d", panel.locator(".kd-ink").get_attribute("d")
    )
    page.keyboard.press("Backspace")
    expect(teacher).to_contain_text("empty paper")

    box = panel.get_by_role("application").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    notebook.wait_python("len(panel.strokes) == 1")
    expect(teacher).to_contain_text("teacher: 1")  # a dot is narrow


def test_a_model_that_raises_shows_its_error(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel = notebook.panel
    notebook.python("models['student'].__dict__.update(narrow=12)")
    stroke(notebook, (0.2, 0.2), (0.3, 0.9))()
    panel.get_by_role("button", name="Clear").click()
    stroke(notebook, (0.5, 0.1), (0.5, 0.9))()
    expect(panel.get_by_role("alert")).to_contain_text("IndexError: index 12 is out of bounds")
    notebook.python("models['student'].__dict__.update(narrow=7)")
    stroke(notebook, (0.2, 0.2), (0.8, 0.2))()
    expect(panel.locator(".kd-complaint")).to_be_empty()
    expect(panel.locator("[data-figure=student]")).to_contain_text("student: 0")


@pytest.mark.parametrize("width", [600, 1000])
def test_it_fits(open_notebook, width):
    notebook = open_notebook(SETUP, PANEL, width=1600)
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    notebook.screenshot(f"draw-{width}")
    assert notebook.panel.evaluate("p => p.scrollWidth <= p.clientWidth")
