"""benchmarks/relation_distillation.py: how settings are chosen, what is measured, and that the recorded runs are complete."""

import pytest
import torch
from scripts import load_script

from kdlab import metrics
from kdlab.data import load_results

SEEDS = {0, 1, 2, 3, 4}


@pytest.fixture(scope="module")
def script():
    return load_script("relation_distillation")


@pytest.fixture(scope="module")
def recorded():
    return load_results("relation_distillation")


def test_the_best_setting_and_distance_are_chosen_together(script):
    scores = {(1, 0.1): {"euclidean": 0.5, "cosine": 0.6}, (2, 0.1): {"euclidean": 0.7, "cosine": 0.4}}
    assert script.chosen(scores) == ((2, 0.1), "euclidean")


def test_likeness_is_linear_cka(script):
    ours, theirs = (torch.randn(30, width, generator=torch.Generator().manual_seed(width)) + 2 for width in (4, 7))
    assert script.likeness_to(theirs)(ours) == pytest.approx(metrics.linear_cka(ours, theirs), abs=5e-5)


def test_every_arm_has_nine_tries_at_least(script):
    assert all(len(script.grid_of(arm)) == 9 for arm in script.ARMS)


def test_measures_by_hand(script):
    features, labels = torch.tensor([[0.0, 1.0], [0.1, 1.0], [5.0, 0.0], [5.1, 0.0]]), torch.tensor([7, 7, 8, 3])
    assert script.recall(features, labels, False) == 0.5
    assert script.recall(features, labels, False, only=torch.tensor([7, 8])) == pytest.approx(2 / 3)
    assert script.one_neighbour(features[1:3], labels[1:3], features, labels, False) == 0.75


def worlds(script):
    return [(task, known, measure) for task, known in script.WORLDS for measure in script.MEASURES[known]]


def test_every_arm_was_chosen_inside_its_grid_and_run_with_every_seed(script, recorded):
    for task, known, measure in worlds(script):
        for arm in script.arms_of(task, known):
            same = {"task": task, "known": known, "arm": arm}
            tries = [row for row in recorded["tries"] if same.items() <= row.items()]
            scores = {(row["rate"], row["temperature"]): row[measure] for row in tries}
            setting, distance = script.chosen(scores)
            assert len(scores) >= 9 and not script.beyond(setting, list(scores)), (task, known, measure, arm)
            rows = [row for row in recorded["spaces"] if (same | {"measure": measure}).items() <= row.items()]
            assert {row["seed"] for row in rows} == SEEDS and len(rows) == 5
            assert {((row["rate"], row["temperature"]), row["distance"]) for row in rows} == {(setting, distance)}


def test_controls_and_references_are_recorded(script, recorded):
    for task, known, measure in worlds(script):
        arms = {
            row["arm"]
            for row in recorded["spaces"]
            if (row["task"], row["known"], row["measure"]) == (task, known, measure)
        }
        assert {*script.GIVEN, script.UNTRAINED} <= arms


def test_maps_were_chosen_inside_their_grid_and_run_with_every_seed(script, recorded):
    for arm in script.MAP:
        rows = [row for row in recorded["map"] if row["arm"] == arm]
        compared = [row for row in rows if row["seed"] in SEEDS]
        tried = {}
        for row in rows:
            if row["seed"] in script.CHOOSING_SEEDS:
                tried[row["rate"]] = tried.get(row["rate"], 0) + row["validation"]
        best = max(tried, key=tried.get)
        assert {row["seed"] for row in compared} == SEEDS and {row["rate"] for row in compared} == {best}
        # where nothing can be learned, no rate is better than another
        assert arm == "pictures mixed up" or not script.beyond((best, 1.0), [(rate, 1.0) for rate in tried])


def test_similarities_were_chosen_inside_their_grid_and_run_with_every_seed(script, recorded):
    for task in ("digits", "clothes"):
        for arm in script.FEW if task == "digits" else list(script.FEW)[:2]:  # the control with digits alone
            rows = [row for row in recorded["few"] if (row["task"], row["arm"]) == (task, arm)]
            tries = {(row["rate"], row["weight"]): row["validation"] for row in rows if row["seed"] == 100}
            compared = [row for row in rows if row["seed"] in SEEDS]
            best = max(tries, key=tries.get)
            assert len(tries) >= 9 and not script.beyond(best, list(tries)), (task, arm)
            assert {row["seed"] for row in compared} == SEEDS
            assert {(row["rate"], row["weight"]) for row in compared} == {best}
