"""What the workers of a test run share out: whole notebooks and whole files, those that take longest first."""

import json

import pytest
from lessons import ROOT
from patience import crowd, slowness

TIMES = json.loads((ROOT / "benchmarks" / "results" / "lessons.json").read_text(encoding="utf-8"))["lessons"]
SINGLY = ("test_exercises.py",)  # nothing in them is shared from one test to the next


def pytest_report_header():
    return f"limits: those of an idle machine, times {max(slowness(), crowd()):.1f}"


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(config, items):
    """Cells of a notebook stay together, so do the tests of a file; each lesson that a test executes is by itself."""
    if not hasattr(config, "workerinput"):  # a single process keeps the order that was asked for
        return
    for item in items:
        if group := group_of(item):
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=order)


def lesson_of(item):
    """The name of the lesson that this test executes (`04_mlp_distillation`), or None."""
    if item.path.suffix == ".ipynb":
        return item.path.stem
    return item.callspec.params["source"].stem if item.get_closest_marker("lesson") else None


def group_of(item):
    if lesson := lesson_of(item):
        return f"{lesson}{item.path.suffix}"  # .py solved, .ipynb as shipped
    return None if item.path.name in SINGLY else item.path.stem


def order(item):
    """Lessons before all else, the longest first; one without a recorded time counts as long."""
    if lesson := lesson_of(item):
        return (item.path.suffix == ".ipynb", -TIMES.get(lesson, {"total": 60})["total"], lesson)
    return (2 if item.get_closest_marker("browser") else 3, 0, "")
