"""AttentionPanel in real JupyterLab: made-up sentences and maps, and a small student that really learns."""

import pytest
from patience import milliseconds
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
from types import SimpleNamespace
import torch
torch.set_num_threads(1)
from kdlab import models, text, training, widgets
SENTENCES = ["A gripping story that never lets go, and an unforgettable ending.", "The plot isn't just thin, it is a tedious bore.",
  "What begins as an elegant, carefully observed family drama slowly turns into a shapeless muddle of subplots that nobody, least of all its director, seems to believe in, although the photography, and one scene in the rain, are breathtaking."]
SPLIT = {"unforgettable": ["un", "##for", "##get", "##table"], "gripping": ["grip", "##ping"], "subplots": ["sub", "##plot", "##s"]}
TOKENIZER = text.WordTokenizer(sorted({w for s in SENTENCES for w in text.words(s)} - {"tedious", "muddle"}))

def pieces(sentence):
    found = [p for word in text.words(sentence) for part in word.replace("'", " ' ").split() for p in SPLIT.get(part, [part])]
    return ["[CLS]", *found, "[SEP]"]

def made_up(tokens, seed):
    size = len(tokens)
    far = (torch.arange(size)[:, None] - torch.arange(size)).abs()
    noise = torch.randn(6, 12, size, size, generator=torch.Generator().manual_seed(seed))
    scores = noise * torch.linspace(0.2, 2.5, 12)[:, None, None] - 0.4 * far * torch.linspace(0, 1, 6)[:, None, None, None]
    scores[3:, :, :, -1] += 2
    return scores.softmax(-1)

EXAMPLES = [SimpleNamespace(index=n, tokens=pieces(s), attentions=made_up(pieces(s), n)) for n, s in enumerate(SENTENCES)]

def reads(sentence):
    return pieces(sentence), made_up(pieces(sentence), 7)

def make_panel(**options):
    student = models.TextClassifier(len(TOKENIZER), width=32, heads=4, layers=2, longest=80, dropout=0.1)
    return widgets.AttentionPanel(EXAMPLES, sentences=SENTENCES, student=student, tokenizer=TOKENIZER, **options)
"""
PANEL = "panel = make_panel()\npanel"


def side(notebook, name):
    return notebook.panel.locator(f".kd-side-{name}")


def weights(notebook, name):
    """The numbers on the tokens of a side, in %, 0 where there is a dot."""
    return [0 if text == "·" else int(text) for text in side(notebook, name).locator(".kd-weight").all_text_contents()]


def test_a_word_is_chosen_by_keyboard_and_its_row_is_pythons(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    expect(side(notebook, "teacher").locator(".kd-from .kd-token")).to_have_text("ending")
    expect(side(notebook, "student").locator(".kd-from .kd-token")).to_have_text("ending")
    side(notebook, "teacher").get_by_label("ending").focus()
    page.keyboard.press("ArrowLeft")
    notebook.wait_python("panel.attention('teacher')[0][panel.word[0]] == '##table'")
    expect(side(notebook, "teacher").locator(".kd-from .kd-token")).to_have_text("##table")
    expect(side(notebook, "student").locator(".kd-from .kd-token")).to_have_text("unforgettable")
    for name, at in (("teacher", 0), ("student", 1)):
        row = notebook.python(f"panel.attention('{name}')[1][panel.word[{at}]].tolist()")
        assert weights(notebook, name) == pytest.approx([100 * w if w >= 0.005 else 0 for w in row], abs=0.51)
        best = max(range(len(row)), key=row.__getitem__)
        expect(side(notebook, name).locator(".kd-said")).to_contain_text(f"takes {100 * row[best]:.1f} % from")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(side(notebook, "teacher").locator(".kd-from .kd-token")).to_have_text("[SEP]")
    expect(side(notebook, "student").locator(".kd-said")).to_have_text("The student has no token for this word.")
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_layer_and_head_by_menu_and_by_the_small_maps(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel = notebook.panel
    before = weights(notebook, "teacher")
    panel.get_by_label("layer of the teacher").select_option("2 / 6")
    panel.get_by_label("head of the teacher").select_option("mean")
    notebook.wait_python("(panel.teacher_layer, panel.teacher_head) == (2, 0)")
    expect(side(notebook, "teacher").locator(".kd-map canvas")).to_have_attribute(
        "aria-label", "attention of the teacher, layer 2, mean of all heads: rows take from columns"
    )
    row = notebook.python("panel.attention('teacher')[1][panel.word[0]].tolist()")
    now = weights(notebook, "teacher")
    assert now == pytest.approx([100 * w if w >= 0.005 else 0 for w in row], abs=0.51) and now != before
    overview = side(notebook, "student").locator(".kd-overview")
    box = overview.bounding_box()
    overview.click(position={"x": 0.6 * box["width"], "y": 0.2 * box["height"]})
    notebook.wait_python("(panel.student_layer, panel.student_head) == (1, 3)")
    expect(panel.get_by_label("head of the student")).to_have_value("3")
    ink = "c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; return [c.width, Math.max(...d.filter((_, i) => i % 4 === 3))] }"
    size, darkest = side(notebook, "student").locator(".kd-map canvas").evaluate(ink)
    most = notebook.python("float(panel.attention('student')[1].max())")
    assert size == notebook.python("len(panel.attention('student')[0])") and darkest == pytest.approx(
        255 * most**0.5, abs=1.5
    )


def test_pointing_shows_a_row_and_choosing_keeps_it(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    chosen = side(notebook, "student").locator(".kd-from .kd-token")
    side(notebook, "teacher").locator(".kd-chip", has_text="##ping").hover()
    expect(chosen).to_have_text("gripping")
    notebook.page.mouse.move(1, 1)
    expect(chosen).to_have_text("ending")
    hit = side(notebook, "student").locator(".kd-map-hit")
    box = hit.bounding_box()
    hit.click(position={"x": box["width"] / 2, "y": 0.5 / 14 * box["height"]})
    notebook.wait_python("panel.word == [0, 0]")
    expect(hit.locator("title")).to_contain_text("[cls] takes")
    notebook.page.mouse.move(1, 1)
    expect(chosen).to_have_text("[cls]")


def test_the_readers_own_sentence_without_the_real_teacher(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel = notebook.panel
    height = panel.bounding_box()["height"]
    field = panel.get_by_role("textbox")
    field.fill("")
    field.press_sequentially("An ending that is not <b>tedious", delay=20)
    notebook.wait_python("panel.sentence == 'An ending that is not <b>tedious'")
    expect(side(notebook, "student").locator(".kd-token")).to_have_text(
        ["[cls]", "an", "ending", "that", "is", "not", "<", "b", ">", "tedious"]
    )
    assert "tedious" in side(notebook, "student").locator(".kd-unknown .kd-token").all_text_contents()
    expect(panel.locator(".kd-note")).to_contain_text("The real teacher is not installed")
    expect(side(notebook, "teacher").locator(".kd-token").last).to_have_text("[SEP]")
    expect(panel.get_by_label("Sentence", exact=True)).to_have_value("3")
    assert field.evaluate("f => f === document.activeElement"), "typing goes on"
    notebook.screenshot("attention-own")
    field.fill("")
    expect(panel.get_by_role("status").first).to_have_text("Type a sentence.")
    panel.get_by_label("Sentence", exact=True).select_option("1")
    expect(side(notebook, "teacher").locator(".kd-token").nth(2)).to_have_text("plot")
    expect(panel.locator(".kd-note")).to_have_count(0)
    expect(field).to_have_value("The plot isn't just thin, it is a tedious bore.")
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_a_real_teacher_follows(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(teacher=reads)\npanel")
    notebook.panel.get_by_role("textbox").fill("That is an elegant bore.")
    expect(side(notebook, "teacher").locator(".kd-token")).to_have_text(
        ["[CLS]", "that", "is", "an", "elegant", "bore", ".", "[SEP]"]
    )
    expect(side(notebook, "student").locator(".kd-from .kd-token")).to_have_text("elegant")
    expect(notebook.panel.locator(".kd-note")).to_have_count(0)


def test_the_map_moves_while_the_student_learns(open_notebook):
    learn = """
ids = torch.from_numpy(TOKENIZER.encode(SENTENCES * 8)[0])
recipe = training.Recipe(steps=400, batch_size=8, learning_rate=3e-3)
def learn(panel):
    losses = [record["loss"] for record in panel.watch(training.train(panel.student, ids, torch.arange(24) % 2, recipe=recipe))]
    return losses
panel = make_panel()
panel"""
    notebook = open_notebook(SETUP, learn)
    height = notebook.panel.bounding_box()["height"]
    before = weights(notebook, "student")
    drawn = int(notebook.panel.get_attribute("data-drawn"))
    notebook.page.evaluate("""() => { const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
        kernel.requestExecute({ code: "losses = learn(panel)" }) }""")
    expect(side(notebook, "student").locator(".kd-steps")).to_have_text("after 400 steps", timeout=milliseconds(60))
    assert int(notebook.panel.get_attribute("data-drawn")) - drawn >= 3, "it moved meanwhile"
    row = notebook.python("panel.attention('student')[1][panel.word[1]].tolist()")
    now = weights(notebook, "student")
    assert now == pytest.approx([100 * w if w >= 0.005 else 0 for w in row], abs=0.51) and now != before
    assert notebook.panel.bounding_box()["height"] == height, "the layout jumped"


@pytest.mark.parametrize("width", [600, 1000])
def test_it_fits(open_notebook, width):
    notebook = open_notebook(SETUP, "panel = make_panel()\npanel.step = 12000\npanel", width=1600)
    notebook.page.set_viewport_size({"width": 1600, "height": 1400})
    panel = notebook.panel
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    height = panel.bounding_box()["height"]
    notebook.screenshot(f"attention-{width}")
    cut = "p => [...p.querySelectorAll('.kd-row, .kd-hint, p, .kd-chip, .kd-heading')].filter(r => r.scrollWidth > r.clientWidth + 1 || r.scrollHeight > r.clientHeight + 1).map(r => r.textContent)"
    assert panel.evaluate(cut) == [], "words are cut off"
    for sentence in ("SENTENCES[2]", "SENTENCES[2] + ' ' + SENTENCES[2]", "''"):
        notebook.python(f"setattr(panel, 'sentence', {sentence})")
        notebook.page.wait_for_timeout(100)
        assert panel.evaluate("p => p.scrollWidth <= p.clientWidth")
        assert panel.bounding_box()["height"] == height, "the layout jumped"
    notebook.python("setattr(panel, 'sentence', SENTENCES[2])")
    expect(side(notebook, "teacher").locator(".kd-from .kd-token")).to_have_text("breathtaking")
    notebook.screenshot(f"attention-{width}-long")
    assert panel.evaluate(cut) == [], "words are cut off"
    # In one go: a word that was found may be drawn anew before it is asked.
    seen = """p => { const chosen = [...p.querySelectorAll(".kd-from")];
        return chosen.length === 2 && chosen.every(c => { const box = c.parentElement.getBoundingClientRect(), own = c.getBoundingClientRect();
            return own.top >= box.top && own.bottom <= box.bottom }) }"""
    notebook.page.wait_for_function(f"() => ({seen})(document.querySelector('.kd-panel'))")
