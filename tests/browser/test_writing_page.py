"""WritingPanel in real JupyterLab, with small models that learn two sentences: the panel is tested, not the race."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import torch
torch.set_num_threads(1)
from kdlab import language, models, text, training, widgets
TEXT = 'the whale swims in the sea, and the ship sails after the whale. "call me ishmael," said the man on the ship.\\n' * 40
tokenizer = text.CharacterTokenizer.train(TEXT)
ids = torch.from_numpy(tokenizer.encode(TEXT))
teacher = models.LanguageModel(len(tokenizer), width=32, heads=2, layers=1, context=64, seed=3)
training.drain(language.train_language_model(teacher, ids, recipe=training.Recipe(temperature=1.0, alpha=1.0, steps=150, batch_size=8, learning_rate=1e-2)))
teacher.requires_grad_(False)
logits = language.predict_text(teacher, ids)

def make_panel(steps=200, speed=0, passage=TEXT[20:180], **options):
    recipe = training.Recipe(temperature=1.0, steps=steps, batch_size=4, learning_rate=1e-2)
    make_student = lambda: models.LanguageModel(len(tokenizer), width=16, heads=2, layers=1, context=32)
    options = {"evaluate_every": 10, "length": 32, "bits_range": (0, 5), **options}
    return widgets.WritingPanel(make_student, ids, logits, tokenizer=tokenizer, teacher=teacher, validation=ids[:300],
                                recipe=recipe, speed=speed, passage=passage, **options)
"""
PANEL = "panel = make_panel(100_000)\npanel"
NAMES = ("teacher", "distilled", "hard")


def press(notebook, name):
    notebook.panel.get_by_role("button", name=name, exact=True).click()


def status(notebook):
    return notebook.panel.locator(".kd-status")


def page_of(notebook, name):
    return notebook.panel.locator(f".kd-page[data-model='{name}'] p")


def same_texts(notebook):
    """Wait until the page shows what the panel's models have written, and return the texts."""
    texts = notebook.python("panel.texts")
    for name, text in texts.items():
        expect(page_of(notebook, name)).to_have_text(text.replace("\n", "↵"), use_inner_text=False)
    return texts


def test_start_pause_step_stop_reset(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(100_000, characters=40)\npanel")  # short texts: soon written
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    untrained = same_texts(notebook)
    assert untrained["distilled"] == untrained["hard"] != untrained["teacher"]
    expect(panel.locator(".kd-when")).to_have_text(["", "untrained", "untrained"])
    notebook.screenshot("writing-untrained")
    curve = panel.locator("path.kd-curve.kd-distilled").first
    assert not curve.get_attribute("d")

    panel.get_by_role("button", name="Start").focus()
    page.keyboard.press("Enter")
    expect(status(notebook)).to_have_text("training")
    seen = set()
    for _ in range(6):  # the texts are written again and again while it trains
        done = notebook.python("panel._written['hard'][2]")
        notebook.wait_python(f"panel._written['hard'][2] > {done}", 60)
        seen.add(page_of(notebook, "hard").text_content())
        assert panel.bounding_box()["height"] == height, "the layout jumped"
    assert len(seen) > 3 and all(len(text) == len(untrained["hard"]) for text in seen)
    assert curve.get_attribute("d").startswith("M")

    press(notebook, "Pause")
    expect(status(notebook)).to_have_text("paused")
    done = notebook.python("len(panel.history)")
    expect(panel.locator(".kd-when").last).to_have_text(f"after {done} steps")
    same_texts(notebook)
    press(notebook, "Step")
    notebook.wait_python(f"len(panel.history) == {done + 1}")
    expect(panel.locator(".kd-when").last).to_have_text(f"after {done + 1} steps")
    press(notebook, "Stop")
    expect(status(notebook)).to_have_text("stopped")
    assert notebook.python("panel.students['hard'](ids[None, :5]).shape == (1, 5, len(tokenizer))")
    press(notebook, "Reset")
    expect(status(notebook)).to_have_text("ready")
    assert same_texts(notebook) == untrained
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_sliders_steer_the_run_and_the_texts(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel, page = notebook.panel, notebook.page
    press(notebook, "Start")
    notebook.wait_python("len(panel.history) > 20", 30)
    panel.get_by_label("Distillation temperature T").focus()
    page.keyboard.press("PageUp")
    notebook.wait_python("[c for c in panel.recipe.changes.values() if c.get('temperature')]")
    panel.get_by_label("alpha").focus()
    page.keyboard.press("End")
    notebook.wait_python("[c for c in panel.recipe.changes.values() if c.get('alpha') == 1]")
    changes = notebook.python("len(panel.recipe.changes)")
    expect(panel.locator(".kd-changes text")).to_have_count(changes)
    panel.get_by_label("Sampling temperature").focus()
    page.keyboard.press("Home")
    notebook.wait_python("panel.sampling == 0")
    expect(panel.get_by_label("Sampling temperature")).to_have_attribute("aria-valuetext", "greedy")
    assert notebook.python("panel.state") == "running"
    press(notebook, "Pause")
    expect(status(notebook)).to_have_text("paused")
    greedy = same_texts(notebook)
    page.wait_for_timeout(300)
    assert notebook.python("len(panel.recipe.changes)") == changes, "sampling is no part of the run"
    panel.get_by_label("Sampling temperature").focus()
    for _ in range(3):
        page.keyboard.press("PageUp")
    notebook.wait_python("panel.sampling > 0.4")
    assert same_texts(notebook)["teacher"] != greedy["teacher"]
    line = panel.get_by_label("This run").input_value()
    assert line == notebook.python("str(panel.recipe)") and "alpha=1" in line


def test_the_prompt(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(40).run()\npanel")
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    field, note = panel.get_by_label("Prompt"), panel.locator(".kd-note")
    before = same_texts(notebook)
    field.fill("")
    expect(note).to_have_text("Type a prompt: the models write on from it.")
    field.press_sequentially("Call Me ", delay=30)
    notebook.wait_python("panel.prompt == 'Call Me '")
    texts = same_texts(notebook)
    assert all(text.startswith("call me ") for text in texts.values()) and texts != before
    expect(page_of(notebook, "hard").locator(".kd-opening")).to_have_text("call me ")
    expect(note).to_be_empty()
    field.fill("40 %")
    expect(note).to_contain_text("“4” is not among the")
    assert same_texts(notebook) == texts
    assert panel.bounding_box()["height"] == height, "the layout jumped"
    field.fill("the whale and the ship " * 5)
    page.keyboard.press("Enter")
    expect(note).to_have_text("Only the last 40 characters are read.")
    assert {len(text) for text in same_texts(notebook).values()} == {160}
    for name in NAMES:
        assert page_of(notebook, name).evaluate("p => p.scrollHeight <= p.clientHeight"), "the text has room"
    assert field.evaluate("f => f === document.activeElement"), "typing goes on"
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_the_next_character(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(40).run()\npanel")
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    place = panel.get_by_role("slider", name="place in the text")
    place.focus()
    page.keyboard.press("Home")
    notebook.wait_python("panel.at == 1")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    notebook.wait_python("panel.at == 5")
    check_bars(notebook)
    panel.locator(".kd-passage span").nth(33).click()
    notebook.wait_python("panel.at == 33")
    check_bars(notebook)
    page.keyboard.press("End")
    notebook.wait_python("panel.at == 159")
    page.keyboard.press("ArrowRight")
    for at in range(100, 140):
        notebook.python(f"setattr(panel, 'at', {at})")
        expect(place).to_have_attribute("aria-valuenow", str(at))
        assert panel.bounding_box()["height"] == height, "the layout jumped"
    check_bars(notebook)


def check_bars(notebook):
    """The bars are the models' probabilities; the true next character is marked and named."""
    panel = notebook.panel
    at, true = notebook.python("panel.at, panel._passage[panel.at]")
    expect(panel.locator(".kd-passage .kd-next")).to_have_text({" ": "␣", "\n": "↵"}.get(true, true))
    expect(panel.locator(".kd-passage .kd-read")).to_have_count(at)
    expected = notebook.python("panel.next_characters()")
    names = panel.locator("[data-figure='next'] .kd-names text").all_text_contents()
    shown = [{"␣": " ", "↵": "\n"}.get(name, name) for name in names[:-1]]
    best = sorted(expected["teacher"], key=expected["teacher"].get, reverse=True)[:8]
    assert len(shown) == 8 and set(best[:7]) <= set(shown) and true in shown
    bars = panel.locator("[data-figure='next'] .kd-bar rect").evaluate_all("r => r.map(x => Number(x.dataset.value))")
    for n, model in enumerate(NAMES):
        values = [expected[model][character] for character in shown]
        assert bars[n::3] == pytest.approx([*values, 1 - sum(values)], abs=2e-4)
        words = panel.locator(".kd-answer").nth(n).text_content()
        p = 100 * expected[model][true]
        assert f"{p:.1f} %" in words or p < 0.1 or p > 99.9
    assert panel.locator(".kd-true-name").text_content() == {" ": "␣", "\n": "↵"}.get(true, true)


def test_a_run_to_the_end(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(150)\npanel")
    press(notebook, "Start")
    notebook.wait_python("panel.state == 'finished' and not panel._unfinished", 120)
    same_texts(notebook)
    expect(notebook.panel.locator(".kd-when").last).to_have_text("after 150 steps")
    press(notebook, "Start")
    expect(status(notebook)).to_have_text("training")
    notebook.python("panel.close()")
    notebook.wait_python("panel.state == 'stopped'")


@pytest.mark.parametrize("width", [480, 720, 1000])
def test_it_fits(open_notebook, width):
    changes = "{60: {'temperature': 4.0}, 140: {'alpha': 0.5}}"
    notebook = open_notebook(
        SETUP,
        f"panel = make_panel(200)\npanel.recipe.changes.update({changes})\npanel.run()\npanel",
        width=1600,
    )
    panel = notebook.panel
    notebook.page.set_viewport_size({"width": 1600, "height": 1600})  # the whole panel at once, for the pictures
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    notebook.screenshot(f"writing-{width}")
    height = panel.bounding_box()["height"]
    assert panel.evaluate("p => p.scrollWidth <= p.clientWidth")
    cut = "p => [...p.querySelectorAll('.kd-heading, .kd-note, .kd-page, .kd-page-head, .kd-page p, .kd-answer, .kd-ask, .kd-settings, .kd-passage')].filter(r => r.scrollWidth > r.clientWidth + 1 || r.scrollHeight > r.clientHeight + 1).map(r => r.className + r.textContent)"
    assert panel.evaluate(cut) == [], "words are cut off"
    notebook.python("setattr(panel, 'prompt', 'the whale and the ship ' * 5)")
    expect(panel.locator(".kd-note")).to_contain_text("Only the last 40")
    same_texts(notebook)
    assert panel.evaluate(cut) == [], "words are cut off"
    notebook.python("setattr(panel, 'prompt', '#')")
    expect(panel.locator(".kd-note")).to_contain_text("not among the")
    assert panel.evaluate(cut) == [], "words are cut off"
    notebook.screenshot(f"writing-{width}-note")
    assert panel.bounding_box()["height"] == height, "the layout jumped"
