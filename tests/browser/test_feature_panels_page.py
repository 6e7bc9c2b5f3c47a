"""The two panels of lesson 08's "what breaks", from the lesson's own cells: every fault and the ends of each slider run."""

import pytest
from lessons import SOURCES, build, code_cells
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

LESSON = [cell.source for cell in code_cells(build.read_source(next(s for s in SOURCES if s.stem.startswith("08"))))]


def cells(*beginnings):
    """The lesson's cells that hold these lines, as one cell, in the lesson's order."""
    for beginning in beginnings:
        assert sum(beginning in source for source in LESSON) == 1, beginning
    return "\n".join(source for source in LESSON if any(beginning in source for beginning in beginnings))


def short(source):
    """The same with 20 steps in the place of 400, and nothing started: the panels are tested, not the students."""
    assert source.count("steps=400") == 2
    assert ".show_and_run()" in source
    return source.replace("steps=400", "steps=20").replace("== 133", "== 7").split(".show_and_run()")[0]


def run(notebook, name, outcomes):
    notebook.panel.get_by_role("button", name=name, exact=True).click()
    notebook.wait_python(f"len(panel.outcomes) == {outcomes}", 60)
    expect(notebook.panel.locator(".kd-status")).to_have_text("finished")
    assert notebook.python("panel.message") == ""


SETUP = cells("def in_a_mess", "def make_student", "known = features.teacher_cache")
REFERENCE = 'reference = recorded["clutter_teacher"][0]\n'


def to_both_ends(notebook, slider, ends, values, done):
    """A run at each end of the weight's slider, reached by Home and End; beyond them there is nothing."""
    for key, beyond, end, value in zip(("Home", "End"), ("ArrowLeft", "ArrowRight"), ends, values, strict=True):
        slider.focus()
        notebook.page.keyboard.press(key)
        notebook.page.keyboard.press(beyond)
        notebook.wait_python(f"panel.chosen[1] == {end}")
        done += 1
        run(notebook, "Start", done)
        assert notebook.python("panel.settings['weight']") == value


def test_every_fault_runs_from_the_menu_and_the_weight_to_both_ends(open_notebook):
    panel_cells = cells("FAULTS = [", "class Unplugged", "faults_panel = widgets")
    notebook = open_notebook(SETUP, REFERENCE + short(panel_cells) + "\npanel = faults_panel\npanel")
    panel = notebook.panel
    height = panel.bounding_box()["height"]
    faults = notebook.python("FAULTS")
    for done, fault in enumerate(faults, 1):
        panel.get_by_label("fault", exact=True).select_option(label=fault)
        notebook.wait_python(f"panel.chosen[0] == {faults.index(fault)}")
        run(notebook, "Start", done)
        assert notebook.python("panel.settings['fault']") == fault
        assert notebook.python("sorted(panel.history)") == ["as it should be", "broken"]
        expect(panel.locator(".kd-caption")).to_contain_text(fault)
        assert panel.bounding_box()["height"] == height, "the layout jumped"
    notebook.screenshot("faults")
    to_both_ends(notebook, panel.get_by_label("weight of the hint"), (0, 7), (0.25, 4096), done)


def test_every_target_runs_and_its_weight_to_both_ends(open_notebook):
    targets = cells("def even_or_odd", "big = teachers.load_mnist_teacher") + "\n"
    targets += cells("directions = torch.linalg").split("few_labels")[0]
    targets += REFERENCE + short(cells("TARGETS = {", "targets_panel = widgets"))
    notebook = open_notebook(SETUP, targets + "\npanel = targets_panel\npanel")
    panel = notebook.panel
    height = panel.bounding_box()["height"]
    for done, wanted in enumerate(notebook.python("list(TARGETS)"), 1):
        panel.get_by_label("targets", exact=True).select_option(label=wanted)
        notebook.wait_python(f"panel.chosen[0] == {done - 1}")
        run(notebook, "Start", done)
        assert notebook.python("panel.settings['targets']") == wanted
        assert panel.bounding_box()["height"] == height, "the layout jumped"
    notebook.screenshot("targets")
    to_both_ends(notebook, panel.get_by_label("weight of the hint"), (0, 4), (0.1, 1000), done)
