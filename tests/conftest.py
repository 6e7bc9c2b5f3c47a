"""What the workers of a test run share out: whole notebooks and whole files, those that take longest first."""

import json
import re

import pytest
from lessons import ROOT
from patience import crowd, slowness

TIMES = json.loads((ROOT / "benchmarks" / "results" / "lessons.json").read_text(encoding="utf-8"))["lessons"]

# Files whose tests share nothing, and what then is a unit: a lesson, an exercise (all that is asked of it).
SHARED_OUT = {"tests/browser/test_lessons.py": r"\[.*\]", "tests/test_exercises.py": r"\w+\.\w+"}


def pytest_report_header():
    return f"limits: those of an idle machine, times {max(slowness(), crowd()):.1f}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """One unit of work: a notebook, a file of tests, or a lesson or an exercise of those files that are shared out."""
    # Written for --dist loadgroup, this would have no effect: pytest 9.2 ignores the names that xdist 3.8 gives to groups.
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file, _, test = nodeid.partition("::")
            part = re.search(SHARED_OUT[file], test) if file in SHARED_OUT else None
            return f"{file} {part.group()}" if part else file

    config.option.loadscopereorder = False  # keep the order of `order`
    return Units(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    if hasattr(config, "workerinput"):  # a single process keeps the order that was asked for
        items.sort(key=order)


def order(item):
    """Lessons before all else, the longest first (one without a recorded time counts as long), then other pages, the rest."""
    shipped = item.path.suffix == ".ipynb"
    if shipped or item.get_closest_marker("lesson"):
        lesson = item.path.stem if shipped else item.callspec.params["source"].stem
        return (shipped, -TIMES.get(lesson, {"total": 60})["total"], lesson)
    return (2 if item.get_closest_marker("browser") else 3, 0, "")
