"""Limits of the tests: never shorter than written, longer where other work shares the cores."""

import pathlib
import re

import patience
import pytest


@pytest.fixture
def machine(monkeypatch):
    """A machine of two cores with a given load and slowness."""

    def make(load, slowness):
        monkeypatch.setattr(patience.os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
        monkeypatch.setattr(patience.os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
        monkeypatch.setattr(patience, "slowness", lambda: slowness)

    return make


@pytest.mark.parametrize(
    "load, slowness, wanted", [(0.0, 1.0, 10), (2.0, 1.0, 10), (25.0, 1.0, 125), (25.0, 20.0, 200)]
)
def test_limits_grow_with_load_and_with_slowness(machine, load, slowness, wanted):
    machine(load, slowness)
    assert patience.seconds(10) == wanted and patience.milliseconds(10) == 1000 * wanted


def test_a_faster_machine_gets_no_shorter_limits(monkeypatch):
    monkeypatch.setattr(patience, "USUAL", 1e6)
    assert patience.slowness.__wrapped__() == 1.0
    monkeypatch.setattr(patience, "USUAL", 1e-9)
    assert patience.slowness.__wrapped__() > 1.0


def test_a_system_that_tells_no_load_counts_as_idle(monkeypatch):
    monkeypatch.delattr(patience.os, "getloadavg", raising=False)
    assert patience.crowd() == 1.0


def test_no_test_sets_a_limit_that_does_not_grow_with_the_machine():
    fixed = re.compile(r"timeout=\d|wait_for\(.*, \d+\)")
    files = pathlib.Path(__file__).parent.rglob("test_*.py")
    found = {
        path.name: fixed.findall(path.read_text(encoding="utf-8")) for path in files if path.name != "test_patience.py"
    }
    assert not {name: limits for name, limits in found.items() if limits}
