"""benchmarks/feature_distillation.py: how settings are chosen, what its faults do, and that the recorded runs are complete."""

import pytest
import torch
from scripts import load_script

from kdlab.data import load_results

SEEDS = {0, 1, 2, 3, 4}


@pytest.fixture(scope="module")
def script():
    return load_script("feature_distillation")


@pytest.fixture(scope="module")
def recorded():
    return load_results("feature_distillation")


def test_a_grid_grows_where_its_best_lies_at_the_edge(script):
    grid = [(rate, weight) for rate in (1, 2, 4) for weight in (10, 40, 160)]
    assert script.beyond((2, 40), grid) == []
    assert script.beyond((4, 40), grid) == [(8, 10), (8, 40), (8, 160)]
    assert script.beyond((2, 10), grid) == [(1, 2.5), (2, 2.5), (4, 2.5)]
    line = [(rate, 1.0) for rate in (1, 2, 4)]
    assert script.beyond((1, 1.0), line) == [(0.5, 1.0)] and script.beyond((2, 1.0), line) == []


def test_an_arm_is_tried_then_compared_with_its_best_settings(script, monkeypatch):
    rows = [{"rate": r, "weight": 1.0, "seed": 100, "validation": v} for r, v in ((1, 0.2), (2, 0.5), (4, 0.3))]

    class Record:
        def rows(self, section, /, **wanted):
            assert (section, wanted) == ("s", {"seed": 100, "arm": "a"})
            return rows

    monkeypatch.setattr(script, "RECORD", Record())
    jobs = list(script.choose_and_compare("s", "a", [(r, 1.0) for r in (1, 2, 4)]))
    assert [job["seed"] for job in jobs] == [100, 100, 100, 0, 1, 2, 3, 4]
    assert {job["rate"] for job in jobs[3:]} == {2} and {job["arm"] for job in jobs} == {"a"}


def test_a_probe_reads_what_can_be_read(script):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(10).repeat(10)
    features = torch.eye(10)[labels] + 0.1 * torch.randn(100, 10, generator=generator)
    assert (script.probe(features, labels, features, 1e-3).argmax(-1) == labels).float().mean() > 0.98
    found = script.principal(torch.randn(200, 80, generator=generator))
    assert found.shape == (200, 64) and found.std().item() == pytest.approx(1)


@pytest.mark.parametrize("section", ["clutter", "clutter_long", "narrow", "few", "deep"])
def test_every_arm_was_chosen_inside_its_grid_and_run_with_every_seed(script, recorded, section):
    rows = recorded[section]
    wanted = SEEDS if section != "clutter_long" else {0, 1, 2}
    for name in {(row["arm"], row.get("task")) for row in rows}:
        own = [row for row in rows if (row["arm"], row.get("task")) == name]
        tries = {(row["rate"], row["weight"]): row["validation"] for row in own if row["seed"] == 100}
        compared = [row for row in own if row["seed"] < 100]
        assert {row["seed"] for row in compared} == wanted and len(compared) == len(wanted), name
        best = max(tries, key=tries.get)
        assert {(row["rate"], row["weight"]) for row in compared} == {best}, name
        if name[0] != "untrained":
            assert len(tries) >= (9 if section != "clutter_long" else 3), name
            if not name[0].startswith(
                ("untrained", "brightness", "shuffled")
            ):  # a control may want a weight of nothing
                assert not script.beyond(best, list(tries)), name


def test_the_faults_are_recorded_with_every_seed(script, recorded):
    for fault in script.FAULTS:
        assert {row["seed"] for row in recorded["breaks"] if row["fault"] == fault and row["weight"] == 16} == SEEDS
