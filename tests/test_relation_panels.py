"""TurnPanel, MapPanel and NeighboursPanel without a browser: what they show is what the losses and spaces say."""

import asyncio

import numpy as np
import pytest
import torch
from traitlets import TraitError

from kdlab import training, widgets
from kdlab.models import MLP
from kdlab.relations import neighbours, recall_at_one
from kdlab.widgets.driver import FINISHED
from kdlab.widgets.turn import MEASURES

rng = np.random.default_rng(0)
FEATURES, LABELS = rng.normal(0, 2, (12, 2)), np.arange(12) % 10


# --- the dial -----------------------------------------------------------------------------------------


def unseen(**settings):
    """The measures that see nothing of these settings."""
    panel = widgets.TurnPanel(FEATURES, LABELS, **settings)
    return [name for name in MEASURES if panel.shares[name] == 0]


@pytest.mark.parametrize(
    "settings, blind",
    [
        ({}, MEASURES),
        ({"angle": 77.0}, MEASURES[1:]),
        ({"scale": 3.0}, MEASURES[1:]),
        ({"swap": True}, MEASURES[1:]),
        ({"shift": -1.0}, ("distances", "angles", "CKA")),
        ({"angle": 30.0, "scale": 0.5, "shift": 1.5, "swap": True}, ("distances", "angles", "CKA")),
        ({"stretch": 3.0}, ()),
        ({"mixed": True}, ()),
    ],
)
def test_each_loss_sees_what_it_must_see_and_no_more(settings, blind):
    assert unseen(**settings) == list(blind)


def test_mixed_pictures_are_the_measure_of_all():
    panel = widgets.TurnPanel(FEATURES, LABELS, mixed=True)
    assert list(panel.shares.values()) == pytest.approx([1.0] * 6)
    assert not panel.reached and panel.png()[:4] == b"\x89PNG"


def test_the_goal_is_reached_by_a_shift_alone_and_kept():
    async def turn():
        panel = widgets.TurnPanel(FEATURES, LABELS)
        panel.angle = 40.0
        await asyncio.sleep(0.05)
        assert not panel.reached and panel.shares["squared error"] > 0.1
        panel.shift = 1.0
        await asyncio.sleep(0.05)
        assert panel.reached and panel.shares["distances"] == 0
        panel._driver.request("again")
        await asyncio.sleep(0.05)
        assert (panel.angle, panel.shift, panel.reached) == (0.0, 0.0, True)
        assert np.allclose(panel._teacher, panel._student)

    asyncio.run(turn())


@pytest.mark.parametrize("bad", [{"scale": 0.0}, {"angle": 400.0}, {"shift": 3.0}, {"stretch": float("nan")}])
def test_settings_have_limits(bad):
    with pytest.raises(TraitError, match="must be from"):
        widgets.TurnPanel(FEATURES, LABELS, **bad)


@pytest.mark.parametrize(
    "features, labels",
    [(FEATURES[:2], LABELS[:2]), (FEATURES[:, :1], LABELS), (FEATURES, LABELS[:3]), (FEATURES * np.nan, LABELS)],
)
def test_bad_features_are_refused(features, labels):
    with pytest.raises(ValueError, match="features must be"):
        widgets.TurnPanel(features, labels)


# --- the map ------------------------------------------------------------------------------------------

INPUTS = torch.rand(80, 784, generator=torch.Generator().manual_seed(0))
TRUTHS = torch.randint(10, (80,), generator=torch.Generator().manual_seed(1))
SPACES = {"the teacher": torch.eye(10)[TRUTHS[:60]], "pixels": INPUTS[:60]}


def make_map(**options):
    recipe = training.Recipe(steps=40, batch_size=20, learning_rate=5e-3)
    given = {"recipe": recipe, **options}
    return widgets.MapPanel(lambda: MLP(784, 16, 2, seed=1), INPUTS[:60], SPACES, (INPUTS[60:], TRUTHS[60:]), **given)


def test_a_map_s_run_is_its_student_s():
    panel = make_map()
    before = panel._points
    assert panel.space == "the teacher" and not panel.shares and len(before) == 20 * 2 * 4
    panel.run()
    assert panel.state == FINISHED and panel.done == panel.steps == 40 and panel._points != before
    places = panel.student(INPUTS[60:]).detach()
    assert panel.shares[-1] == [40, round(recall_at_one(places, TRUTHS[60:]), 4)]
    assert panel.history[-1]["loss"] < panel.history[0]["loss"]
    shown = np.frombuffer(panel._points, np.float32)
    assert np.abs(shown).max() <= 1.05
    panel.digits = True
    assert panel.png()[:4] == b"\x89PNG"


def test_a_second_run_is_the_first_again_and_another_space_is_another_run():
    panel = make_map().run()
    first = [record["loss"] for record in panel.history]
    assert [record["loss"] for record in panel.run().history] == first
    panel.space = "pixels"
    assert panel._ran == "the teacher"  # until it runs
    assert [record["loss"] for record in panel.run().history] != first and panel._ran == "pixels"
    panel.reset()
    panel._driver._do_requests()
    assert panel.done == 0 and not panel.shares


def test_a_map_needs_two_outputs_rows_and_a_known_space():
    with pytest.raises(TraitError, match="the spaces are the teacher, pixels"):
        make_map(space="dreams")
    shown = (INPUTS[60:], TRUTHS[60:])
    recipe = training.Recipe(steps=2)
    with pytest.raises(ValueError, match="two outputs"):
        widgets.MapPanel(lambda: MLP(784, 16, 3), INPUTS[:60], SPACES, shown, recipe=recipe)
    with pytest.raises(ValueError, match="a row for each of the 50 inputs"):
        widgets.MapPanel(lambda: MLP(784, 16, 2), INPUTS[:50], SPACES, shown, recipe=recipe)


# --- neighbours ---------------------------------------------------------------------------------------

IMAGES = rng.integers(0, 256, (40, 28, 28)).astype(np.uint8)
CLASSES = rng.integers(0, 10, 40)
POINTS = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))


def test_neighbours_are_those_of_each_space():
    panel = widgets.NeighboursPanel(IMAGES, CLASSES, {"a": POINTS, "b": POINTS}, show=7, euclidean=["b"], picture=4)
    assert panel.nearest == {
        "a": neighbours(POINTS, 5, cosine=True)[4].tolist(),
        "b": neighbours(POINTS, 5)[4].tolist(),
    }
    assert panel.recall["b"] == recall_at_one(POINTS, torch.from_numpy(CLASSES))
    sent = np.frombuffer(panel._images, np.uint8).reshape(-1, 28, 28)
    for name, found in panel.nearest.items():
        for place, i in zip(panel._found[name][4], found, strict=True):
            assert np.array_equal(sent[place], IMAGES[i]) and panel._labels[place] == CLASSES[i]
    assert np.array_equal(sent[:7], IMAGES[:7])  # those that can be chosen come first
    assert panel.png()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    "change, words",
    [
        ({"show": 40}, "more than 40"),
        ({"spaces": {}}, "one to five"),
        ({"spaces": {"a": POINTS[:9]}}, "40 rows"),
        ({"images": IMAGES[:, :20]}, r"\(N, 28, 28\)"),
        ({"labels": CLASSES + 5}, "labels must be"),
        ({"picture": 9}, "pictures are 0 to 6"),
    ],
)
def test_bad_spaces_are_refused(change, words):
    given = {"images": IMAGES, "labels": CLASSES, "spaces": {"a": POINTS}, "show": 7, **change}
    with pytest.raises((ValueError, TraitError), match=words):
        widgets.NeighboursPanel(given.pop("images"), given.pop("labels"), given.pop("spaces"), **given)
