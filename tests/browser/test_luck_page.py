"""LuckPanel in real JupyterLab: its lines move while students learn, and a slider that is moved begins a run."""

import pytest
from patience import milliseconds
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import torch
torch.set_num_threads(1)
from kdlab import planes, training, widgets

def make_panel(steps=120, **options):
    recipe = training.Recipe(steps=steps, learning_rate=0.02)
    return widgets.LuckPanel(planes.two_classes(), [10, 20, 50, 100, 200, 500, 1000], [0, 0.5, 1, 1.5, 2], count=20, bias=0,
                             recipe=recipe, **options)
"""


def lines(notebook, who):
    """The borders of ten students, as the paths that the page draws."""
    return notebook.panel.locator(f".kd-luck-{who} .kd-border").evaluate_all(
        "nodes => nodes.map(n => n.getAttribute('d'))"
    )


def crossings(path):
    return [tuple(map(float, point.split())) for part in path.split("M")[1:] for point in part.split("L")]


def test_borders_move_while_it_trains_and_lie_where_python_says(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(speed=60)\npanel")
    panel = notebook.panel
    height = panel.bounding_box()["height"]
    assert len(lines(notebook, "hard")) == len(lines(notebook, "distilled")) == 10
    before = lines(notebook, "distilled")
    panel.get_by_role("button", name="Start").click()
    notebook.wait_python("panel.done > 30")
    notebook.wait_drawn(2)
    assert lines(notebook, "distilled") != before
    assert panel.bounding_box()["height"] == height, "the layout jumped"
    notebook.screenshot("luck-running")
    panel.get_by_label("speed").select_option("full speed")
    expect(panel.locator(".kd-status")).to_have_text("finished", timeout=milliseconds(30))
    expect(panel.locator(".kd-luck-dot")).to_have_count(2)
    expect(panel.locator(".kd-luck-distilled p")).to_contain_text(" % wrong (1")
    # A crossing of the page's line, taken back to Python: there the student does not know which class it is.
    path = lines(notebook, "hard")[0]
    x, y = crossings(path)[len(crossings(path)) // 2]
    place = f"torch.tensor([[{6 * x / 100 - 3}, {3 - 6 * y / 100}]])"
    margin = notebook.python(f"float(panel.students[0]({place}).diff(dim=-1))")
    assert abs(margin) < 0.6
    assert panel.bounding_box()["height"] == height, "the layout jumped"
    notebook.screenshot("luck-finished")


def test_sliders_begin_runs_by_keyboard_and_outcomes_stay(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(steps=40)\npanel")
    panel, page = notebook.panel, notebook.page
    slider = panel.get_by_label("points", exact=True)
    slider.focus()
    page.keyboard.press("ArrowRight")
    notebook.wait_python("len(panel.outcomes) == 1", 30)
    expect(slider).to_have_attribute("aria-valuetext", "50")
    expect(panel.locator(".kd-luck-hard circle")).to_have_count(50)
    bias = panel.get_by_label("teacher’s bias (nats)")
    teacher = panel.locator(".kd-luck-distilled .kd-teacher-border")
    before = teacher.get_attribute("d")
    bias.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    notebook.wait_python("panel.outcomes[-1]['bias'] == 1", 30)
    expect(bias).to_have_attribute("aria-valuetext", "1")
    assert teacher.get_attribute("d") != before
    expect(panel.locator(".kd-luck-dot.kd-other-teacher")).not_to_have_count(0)
    panel.get_by_role("button", name="Reset").click()
    expect(panel.locator(".kd-luck-dot")).to_have_count(0)
    expect(slider).to_have_attribute("aria-valuetext", "20")
    assert notebook.python("panel.outcomes") == []
