"""Every lesson in real JupyterLab: it runs to its end, its panels draw, its quiz answers, nothing is fetched."""

import importlib.util
import pathlib
import re

import pytest
from playwright.sync_api import expect

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "notebooks" / "source").glob("[0-9][0-9]_*.py"))
ARTIFACTS = ROOT / "tests" / "artifacts"

pytestmark = pytest.mark.browser

spec = importlib.util.spec_from_file_location("build", ROOT / "notebooks" / "build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)


def photograph(notebook, name):
    """The whole lesson as one tall picture in each theme."""
    ARTIFACTS.mkdir(exist_ok=True)
    page = notebook.page
    height = page.evaluate(
        "document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer').scrollHeight"
    )
    page.set_viewport_size({"width": 1280, "height": min(height + 120, 16_000)})
    for theme in ("Dark", "Light"):
        notebook.theme(theme)
        page.screenshot(path=ARTIFACTS / f"{name}-{theme.lower()}.png")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem[:2])
def test_lesson_runs_in_jupyterlab_and_its_quiz_answers(open_notebook, source):
    lesson = build.read_source(source)
    expected = sum(
        "widgets." in cell.source.splitlines()[-1] or cell.source.strip() in ("panel", "lesson.quiz")
        for cell in lesson.cells
        if cell.cell_type == "code"
    )
    notebook = open_notebook(lesson=lesson)
    panels = notebook.page.locator(".kd-panel")
    assert panels.count() >= max(1, expected)
    for i in range(panels.count()):
        expect(panels.nth(i)).to_have_attribute("data-drawn", re.compile("[1-9]"))
    photograph(notebook, f"lesson-{source.stem[:2]}")

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
