"""ExperimentPanel in real JupyterLab, with tiny students on made-up points: the panel is tested, not distillation."""

import pytest
from patience import milliseconds
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import torch
torch.set_num_threads(1)
from kdlab import metrics, models, teachers, training, widgets
points = torch.randn(3000, 16, generator=torch.Generator().manual_seed(0))
truth = models.MLP(16, 32, 5, seed=9)
with torch.no_grad():
    logits = 6 * truth(points)
labels = logits.argmax(-1)

def evaluate(student):
    said = teachers.predict_logits(student, points[2000:])
    first = labels[2000:] == 0
    return {"accuracy": metrics.accuracy(said, labels[2000:]), "first": float((said.argmax(-1) == 0)[first].float().mean())}

def make_runs(labelled, temperature, seed, *, steps=300):
    recipe = training.Recipe(temperature=temperature, alpha=0.1, steps=steps, batch_size=20, learning_rate=5e-3, seed=seed)
    def arm(inputs, labels, teacher_logits=None):
        student = models.MLP(16, 24, 5, seed=seed)
        return student, training.train(student, inputs, labels, teacher_logits, recipe=recipe, evaluate=evaluate, evaluate_every=10)
    few = points[:labelled]
    return {
        "hard labels": arm(few, labels[:labelled]),
        "distilled": arm(few, labels[:labelled], logits[:labelled]),
        "distilled on transfer set": arm(points[:1000], logits[:1000].argmax(-1), logits[:1000]),
        "teacher's argmax": arm(points[:1000], logits[:1000].argmax(-1)),
    }

def make_panel(runs=make_runs, **options):
    controls = [
        widgets.Control("labelled", "Labelled points", [20, 50, 100, 500, 1000], 100),
        widgets.Control("temperature", "Temperature", [1, 4, 16], 4, kind="menu"),
    ]
    measures = {"accuracy": ("Accuracy on 1000 validation points", (0.2, 1.0)), "first": ("Accuracy on the first class", (0.0, 1.0))}
    return widgets.ExperimentPanel(runs, controls, measures, against="labelled", references={"teacher": {"accuracy": 0.99}},
                                   **{"steps": 300, **options})
"""


def press(notebook, name):
    notebook.panel.get_by_role("button", name=name, exact=True).click()


def status(notebook):
    return notebook.panel.locator(".kd-status")


def outcomes(notebook):
    return notebook.panel.locator("[data-figure=outcomes] .kd-marker:not(.kd-moving)")


def test_runs_collect_outcomes_by_keyboard_and_mouse_and_nothing_jumps(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(speed=100)\npanel")
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    expect(panel).to_contain_text("Choose the settings, then press Start.")
    panel.get_by_label("Labelled points").focus()
    page.keyboard.press("ArrowLeft")
    notebook.wait_python("panel.chosen == [1, 1]")
    panel.get_by_role("button", name="Start").focus()
    page.keyboard.press("Enter")
    expect(status(notebook)).to_have_text("training")
    notebook.wait_python("panel.history and len(panel.history['distilled']) > 40")
    notebook.wait_drawn(2)
    expect(panel.locator(".kd-moving")).to_have_count(4)
    expect(panel.locator(".kd-caption")).to_have_text("Labelled points 50 · Temperature 4 · seed 0")
    value = panel.locator(".kd-entry", has_text="hard labels").locator("b")
    expect(value).to_contain_text("%")
    assert panel.locator("[data-figure=curves] .kd-arm").first.get_attribute("d").count("L") >= 3
    assert panel.bounding_box()["height"] == height, "the layout jumped"
    expect(outcomes(notebook)).to_have_count(0)
    notebook.screenshot("experiment-running")
    panel.get_by_label("speed").select_option("full speed")
    expect(status(notebook)).to_have_text("finished", timeout=milliseconds(30))
    expect(outcomes(notebook)).to_have_count(4)
    expect(panel.locator(".kd-moving")).to_have_count(0)
    expect(panel).to_contain_text("Start again: the same settings with seed 1.")
    assert panel.bounding_box()["height"] == height, "the layout jumped"

    press(notebook, "Start")
    notebook.wait_python("len(panel.outcomes) == 2", 30)
    assert notebook.python("panel.settings['seed']") == 1
    expect(outcomes(notebook)).to_have_count(8)
    panel.get_by_label("Temperature").select_option("16")
    expect(panel.locator(".kd-faint-point")).to_have_count(8)
    press(notebook, "Forget outcomes")
    expect(outcomes(notebook)).to_have_count(0)
    assert notebook.python("panel.outcomes") == []
    press(notebook, "Reset")
    expect(status(notebook)).to_have_text("ready")
    expect(panel.get_by_label("Temperature")).to_have_value("1")
    assert notebook.python("panel.chosen") == [2, 1]
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_a_slider_moved_while_it_trains_begins_the_run_again(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(lambda **s: make_runs(**s, steps=100_000), speed=50)\npanel")
    panel, page = notebook.panel, notebook.page
    press(notebook, "Start")
    notebook.wait_python("panel.history and len(panel.history['distilled']) > 20")
    notebook.python("globals().update(before=panel.students['distilled'])")
    box = panel.get_by_label("Labelled points").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2, steps=8)
    expect(panel).to_contain_text("New settings: the run begins again when the slider rests.")
    page.wait_for_timeout(600)  # longer than a free slider must rest
    assert notebook.python("panel.settings['labelled'], panel.students['distilled'] is before") == [100, True]
    page.mouse.up()
    notebook.wait_python("panel.settings['labelled'] == 1000")
    assert notebook.python("panel.students['distilled'] is not before and panel.state == 'running'")
    expect(panel.locator(".kd-caption")).to_contain_text("Labelled points 1000")
    assert notebook.python("panel.outcomes") == []

    press(notebook, "Pause")
    expect(status(notebook)).to_have_text("paused")
    panel.get_by_label("Labelled points").focus()
    page.keyboard.press("Home")
    expect(status(notebook)).to_have_text("stopped")
    press(notebook, "Start")
    notebook.wait_python("panel.state == 'running' and panel.settings['labelled'] == 20")
    notebook.python("panel.close()")
    notebook.wait_python("panel.state == 'stopped'")


def test_measures_switch_in_both_plots(open_notebook):
    runs = "for n in (20, 100, 1000, 20, 100, 20):\n    panel.run(labelled=n)\npanel.run(labelled=50, temperature=1)\npanel.choose(temperature=4)"
    notebook = open_notebook(SETUP, f"panel = make_panel()\n{runs}\npanel")
    panel = notebook.panel
    expect(panel.locator("[data-figure=curves] .kd-title")).to_have_text("Accuracy on 1000 validation points")
    expect(outcomes(notebook)).to_have_count(28)
    expect(panel.locator(".kd-faint-point")).to_have_count(4)
    expect(panel.locator(".kd-mean")).to_have_count(4)
    expect(panel.locator(".kd-key")).to_contain_text("teacher99.0 %")
    notebook.screenshot("experiment")
    curve = panel.locator("[data-figure=curves] .kd-arm").first
    before = curve.get_attribute("d")
    panel.get_by_label("Show").select_option("Accuracy on the first class")
    expect(panel.locator("[data-figure=curves] .kd-title")).to_have_text("Accuracy on the first class")
    assert curve.get_attribute("d") != before
    expect(panel.locator(".kd-key")).not_to_contain_text("teacher99.0")
    notebook.wait_python("panel.measure == 'first'")
    for width in (600, 1000):
        notebook.page.evaluate(
            "w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width
        )
        notebook.screenshot(f"experiment-{width}")
        assert panel.evaluate("p => p.scrollWidth <= p.clientWidth")
        cut = "p => [...p.querySelectorAll('.kd-row, .kd-hint, .kd-name, .kd-caption')].filter(r => r.scrollWidth > r.clientWidth + 1).map(r => r.textContent)"
        assert panel.evaluate(cut) == [], "words are cut off"


def test_a_table_has_the_outcomes_in_words(open_notebook):
    runs = "panel.run().run(labelled=20).run(labelled=20, temperature=16)"
    notebook = open_notebook(SETUP, f"panel = make_panel(lambda **s: make_runs(**s, steps=20))\n{runs}\npanel")
    panel = notebook.panel
    panel.get_by_text("Outcomes as a table (3)").click()
    table = panel.get_by_role("table")
    expect(table.locator("caption")).to_have_text("Accuracy on 1000 validation points")
    arms = notebook.python("list(panel.students)")
    expect(table.locator("thead th")).to_have_text(["Labelled points", "Temperature", "seed", *arms])
    settings = [["100", "4", "0"], ["20", "4", "0"], ["20", "16", "0"]]
    for measure in ("accuracy", "first"):
        notebook.python(f"setattr(panel, 'measure', {measure!r})")
        expect(table.locator("caption")).to_have_text(notebook.python(f"panel._measures[{measure!r}]['title']"))
        for i, words in enumerate(settings):
            values = notebook.python(f"[panel.outcomes[{i}][arm][{measure!r}] for arm in panel.students]")
            cells = table.locator("tbody tr").nth(i).locator("th, td")
            expect(cells).to_have_text([*words, *(f"{100 * value:.1f} %" for value in values)])
    notebook.python("panel.forget()")
    expect(table.locator("tbody tr")).to_have_count(0)


def test_an_error_in_make_runs_is_shown(open_notebook):
    broken = "def my_runs(labelled, temperature, seed):\n    return make_runs(labelled, temperature / 0, seed)\npanel = make_panel(my_runs)\npanel"
    notebook = open_notebook(SETUP, broken)
    press(notebook, "Start")
    expect(status(notebook)).to_have_text("failed: ZeroDivisionError: division by zero")
    notebook.panel.get_by_text("where it went wrong").click()
    trace = notebook.panel.locator("pre")
    expect(trace).to_contain_text("return make_runs(labelled, temperature / 0, seed)")
    expect(trace).not_to_contain_text("driver.py")


def test_a_panel_that_is_shown_and_then_runs_moves_and_stays_in_use(open_notebook):
    cell = (
        "panel, pictures = make_panel(), []\nflush = panel.flush\npanel.flush = lambda: (pictures.append(1), flush())\n"
    )
    notebook = open_notebook(SETUP, cell + "panel.show_and_run()")
    assert notebook.python("len(pictures)") > 5 and notebook.python("panel.state") == "finished"
    (output,) = notebook.stored().cells[1].outputs
    assert {"image/png", "application/vnd.jupyter.widget-view+json"} <= set(output["data"])
    expect(outcomes(notebook)).to_have_count(4)
    assert notebook.page.locator(".kd-panel").count() == 1
    press(notebook, "Start")
    expect(outcomes(notebook)).to_have_count(8)
    notebook.wait_python("panel.watched and 'about to draw' not in panel._views")
