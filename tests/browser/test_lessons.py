"""Every lesson, with every exercise solved, in real JupyterLab: it runs to its end, each check says "solved", its panels
draw, its quiz answers, nothing is fetched. Without Chromium it runs in a kernel alone."""

import re

import pytest
from harness import ARTIFACTS, PICTURES
from lessons import SOURCES, build, code_cells, exercises_of, fill_in
from patience import seconds

pytestmark = [pytest.mark.browser, pytest.mark.lesson]


def solve(lesson, module):
    """Fill every exercise in; the number of exercises."""
    solved = 0
    for cell in code_cells(lesson):
        filled = fill_in(cell.source, module)
        solved += filled != cell.source
        cell.source = filled
    return solved


def check_results(lesson, exercises):
    """As many checks have answered as there are exercises, all of them "solved", or "open" where nothing is compared."""
    said = [o.data["text/plain"] for c in code_cells(lesson) for o in c.outputs if "text/html" in o.get("data", {})]
    results = [text for text in said if text.startswith(("✔", "✘", "○", "◇"))]
    assert len(results) == exercises and all(text.startswith(("✔ solved", "◇ open")) for text in results), results


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem[:2])
def test_lesson_runs_with_every_exercise_solved(source, missing, request):
    lesson = build.read_source(source)
    exercises = solve(lesson, exercises_of(source))
    if missing:
        build.execute(lesson, timeout=seconds(120))
    else:
        notebook = request.getfixturevalue("open_notebook")(lesson=lesson)
        lesson = notebook.stored()
        check_panels(notebook, lesson)
        photograph(notebook, f"lesson-{source.stem[:2]}")
        check_quiz(notebook)
    check_results(lesson, exercises)


def check_panels(notebook, lesson):
    """Each cell that ends in a panel shows one, and it has drawn itself."""
    from playwright.sync_api import expect

    expected = sum(
        "widgets." in cell.source.splitlines()[-1] or cell.source.strip() in ("panel", "lesson.quiz")
        for cell in code_cells(lesson)
    )
    panels = notebook.page.locator(".kd-panel")
    assert panels.count() >= max(1, expected)
    for i in range(panels.count()):
        expect(panels.nth(i)).to_have_attribute("data-drawn", re.compile("[1-9]"))


def check_quiz(notebook):
    """There is one quiz; each option gets an answer, by mouse and by keyboard, and the layout never jumps."""
    from playwright.sync_api import expect

    quiz = notebook.page.locator(".kd-quiz")
    expect(quiz).to_have_count(1)
    score = quiz.locator(".kd-score")
    expect(score).to_contain_text("0 of")
    height = quiz.bounding_box()["height"]
    first = quiz.locator("fieldset").first
    for option in first.locator("input").all():
        option.check()
        expect(first.locator(".kd-feedback")).not_to_have_text("")
    notebook.page.keyboard.press("ArrowUp")  # a native radio group: arrow keys move the choice
    expect(first.locator("input").last).not_to_be_checked()
    assert quiz.bounding_box()["height"] == height, "the layout jumped"


def photograph(notebook, name):
    """Where PICTURES is set: the whole lesson as one tall picture in each theme."""
    if not PICTURES:
        return
    ARTIFACTS.mkdir(exist_ok=True)
    page = notebook.page
    height = page.evaluate(
        "document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer').scrollHeight"
    )
    page.set_viewport_size({"width": 1280, "height": min(height + 120, 16_000)})
    for theme in ("Dark", "Light"):
        notebook.theme(theme)
        page.screenshot(path=ARTIFACTS / f"{name}-{theme.lower()}.png")
