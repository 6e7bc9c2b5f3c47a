"""BlindTestPanel in real JupyterLab: a round by mouse and by keys, and texts of all lengths."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
from kdlab import widgets
BAD = "The moon is a big rock in the sky. It is the moon, and the moon is round. "
GOOD = "The moon goes around the Earth once a month. It has no light of its own: what we see is sunlight that it sends back. "
PAIRS = [{"prompt": f"Explain to a child what the moon does in week {n}.", "teacher": GOOD * 3 + f"({n})", "student": BAD * 3 + f"({n})"} for n in range(8)]
ODD = [
    {"prompt": "Why? " * 60, "teacher": GOOD * 30, "student": "No."},
    {"prompt": "x", "teacher": "a" * 900, "student": "One.\\n\\nTwo.\\n" * 3},
    {"prompt": "<b>y</b> $z$", "teacher": "é ☃ <script>alert(1)</script>", "student": "好电影 😀 " * 40},
]
TEACHER = lambda panel: "left" if panel._shown["left"].startswith("The moon goes") else "right"
"""
PANEL = "panel = widgets.BlindTestPanel(PAIRS)\npanel"


def sides(notebook):
    """(the teacher's side, the other side) of the pair that is shown."""
    mine = notebook.python("TEACHER(panel)")
    return mine, "right" if mine == "left" else "left"


def press(notebook, name):
    notebook.panel.get_by_role("button", name=name).click()


def verdict(notebook):
    return notebook.panel.locator(".kd-verdict span")


def test_a_round_by_mouse(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel = notebook.panel
    height = panel.bounding_box()["height"]
    expect(panel.locator(".kd-top b")).to_have_text("Pair 1 of 8")
    expect(panel.locator(".kd-question")).to_have_text("Which text did the teacher write?")
    expect(panel.locator(".kd-text-head span")).to_have_text(["", ""])
    expect(verdict(notebook)).to_be_empty()
    expect(panel.get_by_role("button", name="Next")).to_be_hidden()
    notebook.screenshot("blind")

    mine, other = sides(notebook)
    press(notebook, mine.capitalize())
    expect(verdict(notebook)).to_have_text(f"✓ Right: the teacher wrote the {mine} one ({other}: student).")
    expect(panel.locator(".kd-asked-for .kd-text-head")).to_have_text(f"{mine}teacher")
    assert panel.bounding_box()["height"] == height, "the layout jumped"
    notebook.screenshot("blind-right")
    panel.get_by_role("button", name=other.capitalize()).dispatch_event("click")  # too late
    press(notebook, "Next")
    expect(panel.locator(".kd-top b")).to_have_text("Pair 2 of 8")
    assert notebook.python("[a['correct'] for a in panel.answers]") == [True]

    mine, other = sides(notebook)
    press(notebook, other.capitalize())
    expect(verdict(notebook)).to_contain_text(f"✗ Wrong: the teacher wrote the {mine} one")
    press(notebook, "Next")
    press(notebook, "Cannot tell")
    expect(verdict(notebook)).to_contain_text("The teacher wrote the")
    expect(panel.locator(".kd-marks-row span")).to_have_text(["✓", "✗", "?"])
    for n in range(3, 8):
        press(notebook, "Next")
        expect(panel.locator(".kd-top b")).to_have_text(f"Pair {n + 1} of 8")
        press(notebook, sides(notebook)[0].capitalize())
    press(notebook, "Result")
    expect(panel.locator(".kd-score")).to_have_text("6 of 7 right, 1 × “cannot tell”")
    chance = notebook.python("panel.score['chance']")
    assert chance == 8 / 128
    expect(panel.locator(".kd-say")).to_contain_text("gets 6 or more of 7 right with a probability of 6.3 %.")
    low, high = notebook.python("panel.score['interval']")
    expect(panel.locator(".kd-say")).to_contain_text(f"{100 * low:.0f} % to {100 * high:.0f} %")
    assert panel.bounding_box()["height"] == height, "the layout jumped"
    notebook.screenshot("blind-score")
    panel.get_by_text("all answers").click()
    expect(panel.locator("li")).to_have_count(8)
    press(notebook, "Restart")
    expect(panel.locator(".kd-top b")).to_have_text("Pair 1 of 8")
    assert notebook.python("panel.round, panel.answers") == [2, []]
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_a_round_by_keys(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel, page = notebook.panel, notebook.page
    panel.get_by_role("group", name="the question").focus()
    for n in range(8):
        expect(panel.locator(".kd-top b")).to_have_text(f"Pair {n + 1} of 8")
        key = "ArrowDown" if n == 4 else {"left": "ArrowLeft", "right": "ArrowRight"}[sides(notebook)[n == 2]]
        page.keyboard.press(key)
        expect(panel.get_by_role("button", name="Result" if n == 7 else "Next")).to_be_focused()
        page.keyboard.press(key)  # twice does no harm
        page.keyboard.press("Enter")
    expect(panel.locator(".kd-score")).to_have_text("6 of 7 right, 1 × “cannot tell”")
    assert notebook.python("[a['said'] for a in panel.answers].count('cannot tell')") == 1
    expect(panel.get_by_role("button", name="Restart")).to_be_focused()


def test_only_at_the_end(open_notebook):
    notebook = open_notebook(SETUP, "panel = widgets.BlindTestPanel(PAIRS, reveal='end', most=3)\npanel")
    panel = notebook.panel
    for n in range(3):
        expect(panel.locator(".kd-top b")).to_have_text(f"Pair {n + 1} of 3")
        expect(panel.locator(".kd-marks-row span")).to_have_text(["●"] * n)
        press(notebook, "Left")
    expect(panel.locator(".kd-score")).to_contain_text("of 3 right")
    assert set(panel.locator(".kd-marks-row span").all_text_contents()) <= {"✓", "✗"}


@pytest.mark.parametrize("width", [480, 1000])
def test_it_fits(open_notebook, width):
    notebook = open_notebook(SETUP, "panel = widgets.BlindTestPanel(ODD, seed=1)\npanel", width=1600)
    panel = notebook.panel
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    height = panel.bounding_box()["height"]
    assert height < 900
    # What is longer than a text box scrolls in it; elsewhere no word may be cut off.
    cut = "p => [...p.querySelectorAll('.kd-top, .kd-question, .kd-choices, .kd-verdict, .kd-text-head')].filter(r => r.scrollWidth > r.clientWidth + 1 || r.scrollHeight > r.clientHeight + 1).map(r => r.textContent)"
    for n in range(3):
        notebook.screenshot(f"blind-odd-{width}-{n}")
        press(notebook, "Left")
        expect(verdict(notebook)).not_to_be_empty()
        assert panel.evaluate(cut) == []
        press(notebook, "Result" if n == 2 else "Next")
        assert panel.evaluate("p => p.scrollWidth <= p.clientWidth")
        assert panel.bounding_box()["height"] == height, "the layout jumped"
    notebook.screenshot(f"blind-score-{width}")
