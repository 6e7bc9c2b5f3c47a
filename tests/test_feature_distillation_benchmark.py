"""benchmarks/feature_distillation.py: how settings are chosen, what its faults do, and that the recorded runs are complete."""

import pytest
import torch
from scripts import load_script

from kdlab.data import load_results
from kdlab.intervals import t_interval

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


def test_moved_pictures_lie_up_to_three_pixels_elsewhere(script):
    pictures = torch.zeros(200, 28, 28)
    pictures[:, 14, 14] = 1.0
    torch.manual_seed(0)
    found = script.moved(pictures.flatten(1)).reshape(200, 28, 28)
    assert (found.sum((1, 2)) == 1).all()
    places = {tuple(place.tolist()) for place in found.nonzero()[:, 1:] - 14}
    assert places <= {(i, j) for i in range(-3, 4) for j in range(-3, 4)} and len(places) > 40
    edge = torch.zeros(50, 28, 28)
    edge[:, 0, 0] = 1.0  # what leaves the picture does not come in on the other side
    assert not script.moved(edge.flatten(1)).reshape(50, 28, 28)[:, 4:, 4:].any()


def test_a_hint_on_moved_pictures_teaches_and_leaves_the_projection_behind(script):
    student = script.ConvNet(8, 16, 16, strides=(2, 1, 2), hidden=32)
    names, start = set(student.state_dict()), student.convolutions[0].weight.clone()
    inputs, labels = torch.rand(64, 784), torch.arange(64) % 10
    recipe = script.Recipe(steps=12, batch_size=32, learning_rate=1e-2)
    options = {"recipe": recipe, "evaluate": lambda model: {"seen": float(model is student)}, "evaluate_every": 4}
    records = list(script.train_on_moved(student, inputs, labels, {"labels": 1, "hint": 16.0}, **options))
    assert records[-1]["loss"] < records[0]["loss"] and records[-1]["seen"] == 1.0
    assert set(student.state_dict()) == names and not torch.equal(student.convolutions[0].weight, start)


TUNED = ["clutter", "clutter_long", "narrow", "new_classes", "few", "deep", "deeper", "targets", "temperatures"]
FEW_TRIES = {"clutter_long": 3, "temperatures": 3}


@pytest.mark.parametrize("section", TUNED)
def test_every_arm_was_chosen_inside_its_grid_and_run_with_every_seed(script, recorded, section):
    rows = recorded[section]
    fixed = ("arm", "task", "temperature", *(["weight"] if section == "targets" else []))

    def name_of(row):
        return tuple(row.get(key) for key in fixed)

    for name in {name_of(row) for row in rows}:
        own = [row for row in rows if name_of(row) == name]
        tries = {(row["rate"], row["weight"]): row["validation"] for row in own if row["seed"] == 100}
        compared = [row for row in own if row["seed"] < 100]
        assert {row["seed"] for row in compared} == SEEDS and len(compared) == len(SEEDS), name
        best = max(tries, key=tries.get)
        assert {(row["rate"], row["weight"]) for row in compared} == {best}, name
        if name[0] != "untrained":
            assert len(tries) >= FEW_TRIES.get(section, 9), name
            # a control may want a weight of nothing
            if not name[0].startswith(("untrained", "brightness", "shuffled")):
                assert not script.beyond(best, list(tries)), name


def test_the_faults_are_recorded_with_every_seed(script, recorded):
    for settings in ({(row["fault"], row["weight"]) for row in recorded["breaks"]}, {(f, 16) for f in script.FAULTS}):
        for fault, weight in settings:
            rows = [row for row in recorded["breaks"] if (row["fault"], row["weight"]) == (fault, weight)]
            assert {row["seed"] for row in rows} == SEEDS, (fault, weight)
    for fault in ("none", "no projection"):
        assert {row["weight"] for row in recorded["breaks"] if row["fault"] == fault} == set(script.WEIGHTS)


def test_what_the_lesson_says_is_recorded(recorded):
    """The sentences with an interval: the sign that they claim, or that they claim none."""

    def values(section, arm, **wanted):
        rows = [r for r in recorded[section] if r["seed"] < 100 and r["arm"] == arm and wanted.items() <= r.items()]
        return [100 * row["test"] for row in sorted(rows, key=lambda row: row["seed"])]

    def apart(ours, theirs):
        middle, half = t_interval([a - b for a, b in zip(ours, theirs, strict=True)])
        return 0 if abs(middle) < half else middle

    moved = values("clutter_long", "labels, pictures moved")
    assert apart(values("clutter_long", "labels + hint, pictures moved"), moved) > 5
    assert apart(values("clutter_long", "labels + hint"), moved) == 0
    assert apart(values("clutter_long", "labels + attention"), moved) < 0
    assert apart(values("clutter", "labels, pictures moved"), values("clutter", "labels")) == 0
    asked = values("clutter_long", "logits, pictures moved")
    assert apart(asked, moved) > 0 and apart(asked, values("clutter_long", "logits")) > 30
    assert apart(asked, values("clutter_long", "labels + hint, pictures moved")) == 0
    hint_moved = values("clutter", "labels + hint, pictures moved")
    assert apart(hint_moved, values("clutter", "logits, pictures moved")) > 10
    two = values("narrow", "two logits")
    assert apart(values("narrow", "relations"), two) > 15
    assert apart(values("narrow", "features"), values("narrow", "relations")) > 0
    pixels = values("new_classes_baselines", "pixels")
    assert apart(values("new_classes", "features"), pixels) == 0
    for arm in ("labels", "logits"):
        assert apart(values("new_classes", arm), pixels) < 0
        assert apart(values("new_classes", arm), values("new_classes", "untrained")) > 8
    for task, sign in (("digits", 1), ("clothes", 0)):
        ours = apart(values("few", "logits + hint", task=task), values("few", "logits", task=task))
        control = apart(values("few", "logits + untrained hint", task=task), values("few", "logits", task=task))
        assert (ours > 0) == bool(sign) and (control > 0) == bool(sign)
    hint, control = (values("few", arm, task="digits") for arm in ("logits + hint", "logits + untrained hint"))
    assert apart(hint, control) > 0
