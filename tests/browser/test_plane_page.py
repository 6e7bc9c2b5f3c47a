"""PlanePanel in real JupyterLab: lines where the students say so, values under the pointer, other points, keys."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import torch
from kdlab.widgets import PlanePanel
from kdlab.teachers import predict_logits
def says(panel, arm, x, y):
    return float(predict_logits(panel.students[arm], torch.tensor([[x, y]])).softmax(-1)[0, 1])
"""
PANEL = "panel = PlanePanel(steps=60)\npanel.run()\npanel"
# Places in the plane, where the thick line of a student's border runs.
BORDER = """figure => { const line = figure.querySelector(".kd-half-line"); const length = line.getTotalLength();
    return [0.1, 0.3, 0.5, 0.7, 0.9].map((share) => { const { x, y } = line.getPointAtLength(share * length); return [x / 50 - 3, 3 - y / 50]; }); }"""


@pytest.mark.parametrize("arm", ["distilled", "hard"])
def test_the_thick_line_is_where_a_student_says_one_half(open_notebook, arm):
    notebook = open_notebook(SETUP, PANEL)
    places = notebook.panel.locator(f"[data-figure={arm}]").evaluate(BORDER)
    assert len(places) == 5
    said = [notebook.python(f"says(panel, {arm!r}, {x}, {y})") for x, y in places]
    assert said == pytest.approx([0.5] * 5, abs=0.1)  # between the points of the grid the line is straight


def test_the_cross_reads_out_what_all_three_say(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel = notebook.panel
    panel.locator("[data-figure=hard]").focus()
    for _ in range(10):
        notebook.page.keyboard.press("ArrowRight")
    for _ in range(5):
        notebook.page.keyboard.press("ArrowDown")
    read = [int(found) for found in re.findall(r"(\d+) %", panel.locator(".kd-readings").inner_text())]
    truth = notebook.python("float(panel.plane.probabilities([[1.5, -0.75]])[0, 1])")
    students = [notebook.python(f"says(panel, {arm!r}, 1.5, -0.75)") for arm in ("distilled", "hard")]
    assert read == pytest.approx([100 * p for p in (truth, *students)], abs=3)
    box = panel.locator("[data-figure=distilled]").bounding_box()
    notebook.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 4)
    expect(panel.locator(".kd-readings")).to_contain_text("teacher 100 %")


def test_other_points_and_more_labels_begin_again(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel = notebook.panel
    first = notebook.python("panel.shown_points")
    panel.get_by_role("button", name="Other points").click()
    notebook.wait_python("panel.seed == 1 and panel.state == 'ready'")
    assert notebook.python("panel.shown_points") != first
    panel.get_by_label("Labels").focus()
    notebook.page.keyboard.press("End")
    notebook.wait_python("panel.labels == 400 and len(panel.shown_points) == 400")
    expect(panel.locator("[data-figure=hard] circle")).to_have_count(400)
    panel.get_by_role("button", name="Start").click()
    notebook.wait_python("panel.state == 'finished'")
    expect(panel.locator(".kd-status")).to_contain_text("finished")


def test_the_field_has_the_teacher_s_colour_and_follows_the_temperature(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel = notebook.panel
    image = panel.locator("[data-figure=distilled] image")
    before = image.get_attribute("href")
    panel.get_by_label("Temperature T").focus()
    notebook.page.keyboard.press("End")
    notebook.wait_python("panel.temperature == 10")
    notebook.page.wait_for_function(
        "b => document.querySelector('[data-figure=distilled] image').getAttribute('href') !== b", arg=before
    )
    for theme in ("Dark", "Light"):
        notebook.theme(theme)
        same = "p => getComputedStyle(p.querySelector('.kd-tint')).floodColor === getComputedStyle(p.querySelector('.kd-swatch-probe')).color"
        panel.evaluate(
            "p => { const n = document.createElement('i'); n.className = 'kd-swatch-probe'; n.style.color = 'var(--kd-teacher)'; p.append(n) }"
        )
        assert panel.evaluate(same)
        panel.evaluate("p => p.querySelector('.kd-swatch-probe').remove()")


@pytest.mark.parametrize("width", [528, 1000])
def test_it_fits(open_notebook, width):
    notebook = open_notebook(SETUP, PANEL, width=1500)
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    notebook.screenshot(f"plane-{width}")
    assert notebook.panel.evaluate("p => p.scrollWidth <= p.clientWidth")
