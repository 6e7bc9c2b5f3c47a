"""DiagramPanel in real JupyterLab: what it shows is what kdlab.losses says, its words light up what they speak of."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import every_panel
from kdlab import training, widgets
m = every_panel.material()
def make(**options):
    return widgets.DiagramPanel(m.student, m.teacher, m.images[:4], m.labels[:4], **options)
def learning(steps, **options):
    return make(train=(m.inputs, m.targets, m.teacher_logits), recipe=training.Recipe(steps=steps, batch_size=8), **options)
"""
# The widths of the arrows into the student, in pixels of the page.
WIDTHS = """panel => Object.fromEntries(["soft", "hard"].map((kind) =>
    [kind, parseFloat(panel.querySelector(`.kd-way.kd-${kind} .kd-way-shaft`).style.strokeWidth)]))"""


def agree(notebook):
    """The losses on the page are those of Python, to single precision."""
    shown = notebook.panel.evaluate("p => ['hard', 'soft', 'total'].map((name) => +p.dataset[name])")
    return shown == pytest.approx(list(notebook.python("panel.losses").values()), rel=1e-4, abs=1e-5)


def test_losses_are_the_course_s_at_every_temperature_and_alpha(open_notebook):
    notebook = open_notebook(SETUP, "panel = make()\npanel")
    panel, page = notebook.panel, notebook.page
    assert agree(notebook)
    height = panel.bounding_box()["height"]
    for label, key, condition in (
        ("Temperature T", "End", "panel.temperature == 20"),
        ("Weight α", "End", "panel.alpha == 1"),
        ("Temperature T", "Home", "panel.temperature == 1"),
        ("Weight α", "Home", "panel.alpha == 0"),
    ):
        panel.get_by_label(label).focus()
        page.keyboard.press(key)
        notebook.wait_python(condition)
        assert agree(notebook), label
    panel.locator(".kd-thumbnail input").nth(2).check()
    notebook.wait_python("panel.selected == 2")
    assert agree(notebook)
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_the_widths_of_the_arrows_are_the_weights(open_notebook):
    notebook = open_notebook(SETUP, "panel = make()\npanel")
    panel = notebook.panel
    found = []
    for alpha in (0.0, 0.25, 1.0):
        notebook.python(f"setattr(panel, 'alpha', {alpha})")
        panel.page.wait_for_function(
            "a => [...document.querySelectorAll('.kd-diagram .kd-readout')].at(-1).textContent === a",
            arg=f"{alpha:g}",
        )
        found.append(panel.evaluate(WIDTHS))
    assert [w["soft"] for w in found] == [13, 10, 1] and [w["hard"] for w in found] == [1, 4, 13]
    expect(panel.locator(".kd-no-way text")).to_have_text("no gradient")


def test_a_phrase_lights_up_what_it_speaks_of(open_notebook):
    notebook = open_notebook(SETUP, "panel = make()\npanel")
    panel = notebook.panel
    lit = "p => [...p.querySelectorAll('.kd-scene [data-part].kd-lit')].every((n) => n.dataset.part.includes(%r))"
    for name, words in (("teacher", "The teacher"), ("soft", "The soft loss"), ("gradient", "The gradient")):
        panel.get_by_role("button", name=words).focus()
        assert panel.evaluate(lit % name) and panel.locator(".kd-scene .kd-lit").count() >= 2
        expect(panel.locator(".kd-phrase.kd-lit")).to_have_attribute("data-of", name)
    panel.get_by_role("button", name="The label").hover()
    panel.get_by_role("button", name="The label").click()
    expect(panel.get_by_role("button", name="The label")).to_have_attribute("aria-pressed", "true")
    panel.get_by_role("button", name="The label").click()
    expect(panel.locator(".kd-scene .kd-lit")).to_have_count(0)


def test_values_answer_to_pointer_and_keys(open_notebook):
    notebook = open_notebook(SETUP, "panel = make()\npanel")
    panel = notebook.panel
    chart = panel.get_by_role("slider", name="what the teacher answers")
    chart.focus()
    notebook.page.keyboard.press("Home")
    expect(panel.locator(".kd-class-detail")).to_contain_text("class 0: teacher ")
    notebook.page.keyboard.press("ArrowRight")
    expect(chart).to_have_attribute("aria-valuetext", panel.locator(".kd-class-detail").inner_text())
    box = panel.locator("[data-figure=student]").bounding_box()
    notebook.page.mouse.move(box["x"] + box["width"] - 12, box["y"] + box["height"] / 2)
    expect(panel.locator(".kd-class-detail")).to_contain_text("class 9: teacher ")


def test_it_breathes_while_the_student_learns(open_notebook):
    notebook = open_notebook(SETUP, "panel = learning(100_000)\npanel")
    panel = notebook.panel
    before = float(panel.get_attribute("data-soft"))
    panel.get_by_role("button", name="Start").click()
    expect(panel).to_have_attribute("data-running", "true")
    panel.page.wait_for_function("b => +document.querySelector('.kd-diagram').dataset.soft < b", arg=before)
    panel.get_by_role("button", name="Pause").click()
    notebook.wait_python("panel.state == 'paused'")
    notebook.wait_python("panel.done > 2")
    expect(panel.locator(".kd-status")).to_contain_text("paused")
    notebook.wait_drawn(0)
    assert agree(notebook)
    panel.get_by_role("button", name="Reset").click()
    notebook.wait_python("panel.state == 'ready' and panel.done == 0")
    panel.page.wait_for_function("b => +document.querySelector('.kd-diagram').dataset.soft === b", arg=before)


def test_nothing_glides_for_who_wants_less_motion(open_notebook):
    notebook = open_notebook(SETUP, "panel = make()\npanel")
    glide = "p => getComputedStyle(p.querySelector('.kd-bar rect:not(.kd-hit)')).transitionDuration"
    assert notebook.panel.evaluate(glide) in ("0.15s", "0.15s, 0.15s")
    notebook.page.emulate_media(reduced_motion="reduce")
    assert notebook.panel.evaluate(glide) == "0s"
    notebook.page.emulate_media(reduced_motion="no-preference")


@pytest.mark.parametrize("width", [528, 1000])
def test_it_fits(open_notebook, width):
    notebook = open_notebook(SETUP, "panel = learning(40).run()\npanel", width=1500)
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    notebook.screenshot(f"diagram-{width}")
    assert notebook.panel.evaluate("p => p.scrollWidth <= p.clientWidth")


def test_who_starts_it_sees_all_of_it(open_notebook):
    notebook = open_notebook(
        SETUP,
        "from IPython.display import HTML\nHTML('<p style=\"height: 500px\"></p>')",
        "panel = learning(100_000)\npanel",
    )
    page, panel = notebook.page, notebook.panel
    page.set_viewport_size({"width": 1440, "height": 900})
    start = panel.get_by_role("button", name="Start")
    page.evaluate("() => document.querySelector('.jp-WindowedPanel-outer').scrollTo(0, 0)")
    start.focus()
    bottom = (
        "p => p.getBoundingClientRect().bottom - p.closest('.jp-WindowedPanel-outer').getBoundingClientRect().bottom"
    )
    panel.evaluate(
        "p => { const box = p.closest('.jp-WindowedPanel-outer'); box.scrollTop += p.getBoundingClientRect().top - box.getBoundingClientRect().bottom + 130 }"
    )
    assert panel.evaluate(bottom) > 300
    start.click()
    page.wait_for_function(f"() => ({bottom})(document.querySelector('.kd-diagram')) < 1")
    # The panel has moved below the pointer: that is not pointing at what is there now.
    expect(panel.locator(".kd-speaking")).to_have_count(0)
    panel.get_by_role("button", name="Stop").click()
    notebook.wait_python("panel.state == 'stopped'")


def test_in_a_narrow_place_it_is_drawn_smaller_and_not_cut(open_notebook):
    notebook = open_notebook(SETUP, "panel = make()\npanel", width=1500)
    panel = notebook.panel
    inside = "p => { const [box, room] = [p, p.parentElement].map((n) => n.getBoundingClientRect()); return Math.abs(box.right - room.right) < 1 }"
    for width, zoom in ((360, "0.75"), (800, "")):
        panel.evaluate("(p, w) => { p.parentElement.style.width = w + 'px' }", width)
        notebook.page.wait_for_function("z => document.querySelector('.kd-diagram').style.zoom === z", arg=zoom)
        assert panel.evaluate(inside) and panel.evaluate("p => p.scrollWidth <= p.clientWidth")
