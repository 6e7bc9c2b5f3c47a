"""RacePanel in real JupyterLab, with small students on made-up pictures: the panel is tested, not the race."""

import pytest
from patience import milliseconds
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import numpy as np, torch
torch.set_num_threads(1)
from kdlab import models, teachers, training, widgets
rng = np.random.default_rng(0)
y, x = np.mgrid[:28, :28] / 28 - 0.5
waves = np.stack([np.cos(7 * (x * np.cos(a) + y * np.sin(a))) for a in np.arange(10) * np.pi / 10]) * np.exp(-8 * (x * x + y * y))
labels = rng.integers(0, 10, 2000)
images = np.clip(255 * (waves[labels] + rng.normal(0, 0.8, (2000, 1, 28)) * np.exp(-9 * (x * x + y * y))), 0, 255).astype(np.uint8)
inputs, labels = models.to_inputs(images), torch.from_numpy(labels)
teacher = models.MLP(784, 64, 10, seed=3)
training.fit(teacher, inputs, labels, recipe=training.Recipe(steps=300))
logits = teachers.predict_logits(teacher, inputs)
part = lambda a, b: (inputs[a:b], labels[a:b], logits[a:b])

def make_panel(steps=400, speed=200, make_student=lambda: models.MLP(784, 32, 10)):
    recipe = training.Recipe(steps=steps, batch_size=32)
    return widgets.RacePanel(make_student, part(0, 1000), part(1000, 1500), part(1500, 2000)[:2], images[1000:1006], teacher,
                             recipe, speed=speed, accuracy_range=(0.2, 1))
"""


def press(notebook, name):
    notebook.panel.get_by_role("button", name=name, exact=True).click()


def status(notebook):
    return notebook.panel.locator(".kd-status")


def test_start_pause_step_stop_reset_by_keyboard_and_mouse(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(40_000)\npanel")
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    curve = panel.locator("path.kd-curve.kd-distilled").first
    assert not curve.get_attribute("d")

    panel.get_by_role("button", name="Start").focus()
    page.keyboard.press("Enter")
    expect(status(notebook)).to_have_text("training")
    notebook.wait_python("len(panel.history) > 60")
    notebook.wait_drawn(5)
    assert curve.get_attribute("d").startswith("M")

    press(notebook, "Pause")
    expect(status(notebook)).to_have_text("paused")
    done = notebook.python("len(panel.history)")
    press(notebook, "Step")
    notebook.wait_python(f"len(panel.history) == {done + 1}")
    expect(panel).to_contain_text(f"step {done + 1} of 40000")

    panel.get_by_role("button", name="Resume").focus()
    page.keyboard.press("Space")
    notebook.wait_python(f"len(panel.history) > {done + 20}")
    press(notebook, "Stop")
    expect(status(notebook)).to_have_text("stopped")
    done = notebook.python("len(panel.history)")
    assert notebook.python("panel.students['distilled'](inputs[:2]).shape") == [2, 10]
    expect(panel).to_contain_text(f"step {done} of 40000")

    press(notebook, "Reset")
    expect(status(notebook)).to_have_text("ready")
    assert notebook.python("panel.history") == []
    expect(panel).to_contain_text("step 0 of 40000")
    assert not curve.get_attribute("d")
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_sliders_answer_while_it_trains_and_the_line_replays_the_run(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(speed=50)\npanel")
    panel, page = notebook.panel, notebook.page
    heat, alpha = panel.get_by_label("Temperature T"), panel.get_by_label("alpha")
    field = panel.get_by_label("This run")
    heat.focus()
    page.keyboard.press("ArrowRight")  # before Start: part of the recipe
    notebook.wait_python("panel.recipe.temperature == 4.1")
    expect(field).to_have_value("temperature=4.1 alpha=0.1 steps=400 batch_size=32 learning_rate=0.001 seed=0")

    press(notebook, "Start")
    notebook.wait_python("len(panel.history) > 20")
    heat.focus()
    page.keyboard.press("PageUp")
    page.keyboard.press("PageUp")
    notebook.wait_python("[c for c in panel.recipe.changes.values() if c.get('temperature') == 7.4]")
    assert notebook.python("panel.state") == "running"
    pressed = notebook.python("len(panel.recipe.changes)")  # two, or one when the keys came quickly
    box = alpha.bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    notebook.wait_python("[c for c in panel.recipe.changes.values() if 'alpha' in c]")
    assert notebook.python("len(panel.recipe.changes)") == pressed + 1  # a drag is one change
    expect(panel.locator(".kd-changes text")).to_have_count(pressed + 1)
    expect(panel.locator(".kd-changes text").last).to_have_text("α = 0.5")
    notebook.python("setattr(panel, 'speed', 0)")
    notebook.wait_python("panel.state == 'finished'", 30)
    assert notebook.python("panel.history[-1]['temperature'], panel.history[-1]['alpha']") == [7.4, 0.5]
    notebook.screenshot("race")

    line, loss = field.input_value(), notebook.python("panel.history[-1]['distilled']['loss']")
    field.fill("temperature=4 steps=lots")
    press(notebook, "Replay")
    expect(panel.get_by_role("alert")).to_have_text("cannot read 'steps=lots': steps must be a whole number")
    assert notebook.python("panel.state") == "finished"
    notebook.python("globals().update(before=panel.students['hard'])")
    field.fill(line)
    page.keyboard.press("Enter")
    notebook.wait_python("panel.students['hard'] is not before and panel.state == 'finished'", 30)
    assert notebook.python("panel.history[0]['temperature']") == 4.1
    expect(panel.locator(".kd-complaint")).to_be_empty()
    expect(panel.locator(".kd-readout").first).to_have_text("7.4")
    assert notebook.python("panel.history[-1]['distilled']['loss']") == loss
    assert field.input_value() == line


def test_the_test_set_opens_once_after_a_run(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(50, 0)\npanel")
    panel = notebook.panel
    button = panel.get_by_role("button", name="Open the test set")
    expect(button).to_have_attribute("aria-disabled", "true")
    button.dispatch_event("click")
    press(notebook, "Start")
    expect(button).to_have_attribute("aria-disabled", "false", timeout=milliseconds(20))
    assert notebook.python("panel.tests_opened") == 0
    button.click()
    expect(panel.locator(".kd-exam")).to_contain_text("Errors of 500: distilled")
    expect(button).to_have_attribute("aria-disabled", "true")
    press(notebook, "Reset")
    expect(panel.locator(".kd-exam")).to_contain_text("Opens when a run has finished.")
    press(notebook, "Start")
    expect(button).to_have_attribute("aria-disabled", "false", timeout=milliseconds(20))
    button.click()
    expect(panel.locator(".kd-exam")).to_contain_text("Opened 2 times in this panel")


def test_a_run_that_raises_shows_its_error(open_notebook):
    broken = """
class Broken(models.MLP):
    def forward(self, x):
        self.calls = getattr(self, "calls", 0) + 1
        if self.calls > 40:
            raise RuntimeError("the student has had enough")
        return super().forward(x)
panel = make_panel(make_student=lambda: Broken(784, 16, 10))
panel
"""
    notebook = open_notebook(SETUP, broken)
    press(notebook, "Start")
    expect(status(notebook)).to_have_text("failed: RuntimeError: the student has had enough")
    notebook.panel.get_by_text("where it went wrong").click()
    expect(notebook.panel.locator("pre")).to_contain_text('raise RuntimeError("the student has had enough")')
    assert notebook.python("len(panel.history)") > 0
    notebook.screenshot("race-failed")
    press(notebook, "Reset")
    expect(status(notebook)).to_have_text("ready")


def test_an_interrupt_pauses_and_the_cell_may_run_again(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(40_000)\npanel")
    page = notebook.page
    for _ in range(3):  # while it trains, between messages
        notebook.panel.get_by_role("button", name="Start").or_(
            notebook.panel.get_by_role("button", name="Resume")
        ).click()
        expect(status(notebook)).to_have_text("training")
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:interrupt-kernel') }")
        expect(status(notebook)).to_have_text("paused: the kernel was interrupted")
    press(notebook, "Resume")
    notebook.wait_python("panel.state == 'running'")
    notebook.python("globals().update(old=panel)")
    notebook.run_cell(1)  # again, while it trains: the old run ends, for nobody sees it any more, and its students stay
    expect(status(notebook)).to_have_text("ready")
    press(notebook, "Start")
    notebook.wait_python("panel.state == 'running' and old.state in ('paused', 'stopped')")
    notebook.wait_python("old.state == 'stopped' and old.comm is None")
    assert notebook.python("panel is not old and panel.state == 'running' and len(old.history) > 0")
    assert notebook.python("old.students['hard'](inputs[:2]).shape") == [2, 10]
    notebook.python("panel.close()")
    notebook.wait_python("panel.state == 'stopped'")


@pytest.mark.parametrize("width", [600, 1000])
def test_it_fits(open_notebook, width):
    notebook = open_notebook(SETUP, "panel = make_panel(50).run()\npanel", width=1600)
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    notebook.screenshot(f"race-{width}")
    assert notebook.panel.evaluate("p => p.scrollWidth <= p.clientWidth")
