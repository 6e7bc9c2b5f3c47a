"""SweepPanel in real JupyterLab, with small students on made-up pictures: the panel is tested, not the sweep."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import time
import numpy as np, torch
torch.set_num_threads(1)
from kdlab import models, sweeps, teachers, training, widgets
rng = np.random.default_rng(0)
labels = torch.from_numpy(rng.integers(0, 10, 3000))
inputs = torch.from_numpy(rng.normal(size=(10, 64))[labels] * 0.7 + rng.normal(size=(3000, 64))).float()
teacher = models.MLP(64, 64, 10, seed=3)
training.fit(teacher, inputs, labels, recipe=training.Recipe(steps=300))
logits = teachers.predict_logits(teacher, inputs)

def make_panel(steps=200, temperature=(1, 2, 4, 8, 20), alpha=(0, 0.1, 0.5, 0.9, 1), seeds=5, hidden=16, **options):
    recipes = sweeps.grid(training.Recipe(steps=steps, batch_size=32, learning_rate=1e-2), temperature=list(temperature),
                          alpha=list(alpha), seed=list(range(seeds)))
    students = [models.MLP(64, hidden, 10, seed=recipe.seed) for recipe in recipes]
    return widgets.SweepPanel(students, (inputs[:1000], labels[:1000], logits[:1000]), (inputs[1000:], labels[1000:]),
                              recipes, **options)
"""


# The lowest contrast, in WCAG's sense, between the words of a cell and its colour.
CONTRAST = """p => {
    const light = (css) => css.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
    return Math.min(...[...p.querySelectorAll('.kd-cell')].map((cell) => {
        const word = light(getComputedStyle(cell.querySelector('.kd-cell-value')).fill);
        const ground = light(cell.querySelector('.kd-ground').style.fill);
        return (Math.max(word, ground) + 0.05) / (Math.min(word, ground) + 0.05) })) }"""


def press(notebook, name):
    notebook.panel.get_by_role("button", name=name, exact=True).click()


def status(notebook):
    return notebook.panel.locator(".kd-status")


def cell(notebook, name):
    return notebook.panel.get_by_role("gridcell", name=name)


def test_cells_take_colour_while_all_students_train(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(10_000, seeds=3)\npanel")
    panel = notebook.panel
    height = panel.bounding_box()["height"]
    texts = panel.locator(".kd-cell-value")
    assert texts.all_text_contents() == ["–"] * 25
    expect(panel).to_contain_text("75 students will train at once: 5 × 5 cells, 3 seeds each.")
    press(notebook, "Start")
    expect(status(notebook)).to_have_text("training")
    seen = notebook.wait_python("len(panel.history) > 60 and panel._cells['mean']", 60)
    expect(cell(notebook, "T = 20, α = 0.9")).to_have_attribute("aria-label", re.compile(r"\d\d\.\d+ % ± \d+\.\d"))
    colours = panel.evaluate("p => new Set([...p.querySelectorAll('.kd-ground')].map(g => g.style.fill)).size")
    assert colours > 5
    notebook.wait_python(f"panel._cells['mean'] != {seen}", 60)  # they go on changing
    assert panel.evaluate(CONTRAST) >= 4.5, "the words in a cell cannot be read on its colour"

    press(notebook, "Pause")
    expect(status(notebook)).to_have_text("paused")
    done = notebook.python("len(panel.history)")
    press(notebook, "Step")
    notebook.wait_python(f"len(panel.history) == {done + 1}")
    press(notebook, "Stop")
    expect(status(notebook)).to_have_text("stopped")
    assert notebook.python("len(panel.students), panel.students[0](inputs[:2]).shape") == [75, [2, 10]]
    press(notebook, "Reset")
    expect(status(notebook)).to_have_text("ready")
    expect(texts.first).to_have_text("–")
    assert notebook.python("panel.history") == [] and notebook.python("panel.table is None")
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_arrow_keys_choose_a_cell(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(40, seeds=3).run()\npanel")
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    assert panel.locator("[role=gridcell][tabindex='0']").count() == 1
    cell(notebook, "T = 1, α = 0:").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    notebook.wait_python("panel.chosen == [2, 0]")
    expect(cell(notebook, "T = 4, α = 0:")).to_be_focused()
    expect(panel.locator("[aria-selected=true]")).to_have_attribute("aria-label", re.compile("^T = 4, α = 0:"))
    page.keyboard.press("End")
    notebook.wait_python("panel.chosen == [2, 4]")
    page.keyboard.press("PageDown")
    notebook.wait_python("panel.chosen == [4, 4]")
    page.keyboard.press("ArrowDown")  # nowhere to go
    worst = notebook.python("divmod(int(panel.table['mean'].argmin()), 5)")
    panel.locator("[role=row]").nth(worst[0]).locator("[role=gridcell]").nth(worst[1]).click()
    notebook.wait_python(f"panel.chosen == {worst}")

    # What the panel says is what Python finds.
    alike = panel.locator(".kd-alike")
    expect(alike).to_have_count(notebook.python("int(panel.table['alike'].sum())"))
    best = notebook.python("panel._cells['best']")
    mean, error, wins = notebook.python(
        "(lambda d: [100 * d.mean(), 4.303 * 100 * d.std(ddof=1) / 3 ** .5, int((d > 0).sum())])"
        f"(panel.table['accuracy'][{best[0]}, {best[1]}] - panel.table['accuracy'][{worst[0]}, {worst[1]}])"
    )
    expect(panel.locator(".kd-lines")).to_contain_text(
        f"{mean:.2f} ± {error:.2f} points (95 % interval), ahead with {wins} of 3"
    )
    expect(panel.locator("[data-figure=dots] circle[visibility=visible]")).to_have_count(6)
    panel.locator("[aria-label$=', the best']").click()
    expect(panel.locator("[data-figure=dots] circle[visibility=visible]")).to_have_count(3)
    expect(panel).to_contain_text("This is the best cell: choose another.")
    assert panel.bounding_box()["height"] == height, "the layout jumped"
    notebook.screenshot("sweep")


def test_pause_answers_while_125_students_train(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(10_000, hidden=32)\npanel")
    page = notebook.page
    press(notebook, "Start")
    notebook.wait_python("len(panel.history) > 10", 60)
    for _ in range(5):
        press(notebook, "Pause")
        expect(status(notebook)).to_have_text("paused")
        done = notebook.python("len(panel.history)")
        page.wait_for_timeout(50)
        assert notebook.python("len(panel.history)") == done
        press(notebook, "Resume")
        expect(status(notebook)).to_have_text("training")
        notebook.wait_python(f"len(panel.history) > {done}")


def test_learning_rates_can_be_rows_and_one_seed_tells_nothing(open_notebook):
    notebook = open_notebook(SETUP, """
recipes = sweeps.grid(training.Recipe(steps=30, batch_size=32), learning_rate=[1e-3, 3e-3, 1e-2], temperature=[1, 4])
panel = widgets.SweepPanel([models.MLP(64, 16, 10, seed=1) for _ in recipes], (inputs[:1000], labels[:1000], logits[:1000]),
                           (inputs[1000:], labels[1000:]), recipes, rows="learning_rate", columns="temperature").run()
panel""")  # fmt: skip
    panel = notebook.panel
    expect(cell(notebook, "rate = 0.003, T = 4")).to_be_visible()
    expect(panel.locator(".kd-alike")).to_have_count(1)
    expect(panel).to_contain_text("With one seed nothing can be told from anything else")
    notebook.screenshot("sweep-one-seed")


@pytest.mark.parametrize("low, high", [(0.9871, 0.9879), (0.96, 0.98), (0.1, 1.0)])
def test_numbers_on_the_scales_are_different_and_true(open_notebook, low, high):
    notebook = open_notebook(SETUP, "panel = make_panel(40, seeds=3)\npanel")
    panel = notebook.panel
    notebook.python(
        f"panel.on_record({{'step': 1, 'accuracy': np.linspace({low}, {high}, 75).tolist()}}) or panel.show()"
    )
    expect(panel.locator(".kd-cell-value").first).not_to_have_text("–")
    for name in ("map", "dots"):
        numbers = panel.locator(f"[data-figure={name}] .kd-tick:not(.kd-names *)").all()
        shown = [float(number.text_content()) for number in numbers]
        assert len(shown) >= 2 and shown == sorted(set(shown)) and 0 <= shown[0] and shown[-1] <= 100
        heights = [float(number.get_attribute("y")) for number in numbers]  # even steps in words, and on the scale
        steps = [(a - b) / (c - d) for a, b, c, d in zip(shown[1:], shown, heights[1:], heights, strict=False)]
        assert steps == pytest.approx([steps[0]] * len(steps), rel=1e-3)


@pytest.mark.parametrize("width", [600, 1000])
def test_it_fits(open_notebook, width):
    notebook = open_notebook(SETUP, "panel = make_panel(60, seeds=3).run()\npanel.chosen = [2, 1]\npanel", width=1600)
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    notebook.screenshot(f"sweep-{width}")
    assert notebook.panel.evaluate("p => p.scrollWidth <= p.clientWidth")
    cut = """p => [...p.querySelectorAll('.kd-row, .kd-row > *, .kd-lines p')]
        .filter(r => r.scrollWidth > r.clientWidth + 1 || r.scrollHeight > r.clientHeight + 1).map(r => r.outerHTML)"""
    assert notebook.panel.evaluate(cut) == [], "words are cut off"
