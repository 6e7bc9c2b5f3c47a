"""WalkPanel and DraftPanel in real JupyterLab."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

WALK = """
import torch
torch.set_num_threads(1)
from kdlab import models, training, walks, widgets
generator = torch.Generator().manual_seed(0)
given = walks.teacher_writes(walks.prompts(100, generator), generator)
start = models.LanguageModel(walks.VOCABULARY, width=16, heads=2, layers=1, context=24, std=0.14, seed=0)
recipe = training.Recipe(temperature=1.0, alpha=0.0, steps=150, batch_size=32, learning_rate=0.01)
training.drain(walks.train_walker(start, given, recipe=recipe, on_policy=0))
"""
DRAFT = """
import torch
torch.set_num_threads(1)
from kdlab import language, models, teachers, text, training, widgets
TEXT = 'the whale swims in the sea, and the ship sails after the whale. ' * 40
tokenizer = text.CharacterTokenizer.train(TEXT)
ids = torch.from_numpy(tokenizer.encode(TEXT))

def trained(width, layers, steps):
    model = models.LanguageModel(len(tokenizer), width=width, heads=2, layers=layers, context=128, std=0.1, seed=3)
    recipe = training.Recipe(temperature=1.0, alpha=1.0, steps=steps, batch_size=8, learning_rate=1e-2)
    training.drain(language.train_language_model(model, ids, recipe=recipe))
    return model

models_ = {"trained": trained(16, 1, 40), "untrained": trained(16, 1, 1)}
"""


def press(notebook, name):
    notebook.panel.get_by_role("button", name=name, exact=True).click()


def fits(panel, parts):
    assert panel.evaluate("p => p.scrollWidth <= p.clientWidth")
    cut = f"p => [...p.querySelectorAll('{parts}')].filter(r => r.scrollWidth > r.clientWidth + 1).map(r => r.textContent)"
    assert panel.evaluate(cut) == [], "words are cut off"


def test_two_students_walk_while_they_train(open_notebook):
    notebook = open_notebook(
        WALK, "panel = widgets.WalkPanel(start, given, {'own': recipe, 'given': recipe})\npanel", width=1300
    )
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    expect(panel.locator("svg.kd-field")).to_have_count(8)
    words = panel.locator("figcaption")
    expect(words).to_have_count(8)
    panel.get_by_role("button", name="Start").focus()
    page.keyboard.press("Enter")
    notebook.wait_python("panel.done > 20", 60)
    assert panel.locator("path.kd-curve.kd-own").first.get_attribute("d").startswith("M")
    notebook.wait_python("panel.state == 'finished'", 120)
    for arm, first in (("own", 0), ("given", 4)):
        shown = [text.startswith("✓") for text in words.all_text_contents()[first : first + 4]]
        assert shown == notebook.python(f"[there for _, _, there in panel._walks['{arm}']]")
    notebook.screenshot("walk")
    before = notebook.python("panel._prompts")
    press(notebook, "Other prompts")
    notebook.wait_python(f"panel._prompts != {before}")
    press(notebook, "Reset")
    notebook.wait_python("panel.state == 'ready' and panel.done == 0")
    assert panel.bounding_box()["height"] == height, "the layout jumped"


@pytest.mark.parametrize("width", [528, 760, 1400])
def test_the_walks_fit(open_notebook, width):
    notebook = open_notebook(
        WALK, "panel = widgets.WalkPanel(start, given, {'own': recipe, 'given': recipe})\npanel", width=1700
    )
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    notebook.screenshot(f"walk-{width}")
    fits(notebook.panel, ".kd-heading, figcaption, .kd-explain, .kd-walks")


def test_a_drafter_writes_ahead(open_notebook):
    code = "panel = widgets.DraftPanel(trained(32, 2, 80), models_, tokenizer=tokenizer, prompt='the whale ', length=60, speed=30)\npanel"
    notebook = open_notebook(DRAFT, code, width=1300)
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    ribbon = panel.locator(".kd-ribbon")
    panel.get_by_role("button", name="Start").focus()
    page.keyboard.press("Enter")
    notebook.wait_python("panel.state == 'finished'", 120)
    kept, refused, added = (ribbon.locator(f".kd-{kind}") for kind in ("kept", "refused", "added"))
    expect(added).to_have_count(notebook.python("len(panel.rounds)"))
    expect(kept).to_have_count(notebook.python("sum(bool(k) for k, _, _ in panel._rounds)"))
    expect(refused).to_have_count(notebook.python("sum(bool(r) for _, r, _ in panel._rounds)"))
    text = ribbon.evaluate("p => [...p.children].filter(c => c.tagName !== 'S').map(c => c.textContent).join('')")
    assert text == notebook.python("panel.text")
    expect(panel.locator(".kd-facts span").first).to_contain_text("passes of the teacher")
    notebook.screenshot("draft")
    panel.get_by_label("Drafter").select_option(label="untrained")
    notebook.wait_python("panel.drafter == 1")
    panel.get_by_label("Characters ahead").focus()
    page.keyboard.press("ArrowRight")
    notebook.wait_python("panel.ahead == 5")
    press(notebook, "Start")  # until it begins, the panel is still "finished", with the other text
    again = f"len(panel.text) >= 60 + len(panel.prompt) and panel.text != {text!r}"
    notebook.wait_python(f"panel.state == 'finished' and {again}", 120)
    expect(added).to_have_count(notebook.python("len(panel.rounds)"))
    assert panel.bounding_box()["height"] == height, "the layout jumped"


@pytest.mark.parametrize("width", [528, 760, 1400])
def test_the_ribbon_fits(open_notebook, width):
    code = "panel = widgets.DraftPanel(trained(32, 2, 20), models_, tokenizer=tokenizer, prompt='the whale ', length=100).run()\npanel"
    notebook = open_notebook(DRAFT, code, width=1700)
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    notebook.screenshot(f"draft-{width}")
    fits(notebook.panel, ".kd-key, .kd-facts span, .kd-ribbon")
