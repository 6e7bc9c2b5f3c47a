"""CrowdPanel and DoubtPanel without a browser: their figures are those of the networks behind them."""

import asyncio

import numpy as np
import pytest
import torch
from traitlets import TraitError

from kdlab import crowds, sweeps, training, widgets
from kdlab.losses import entropy
from kdlab.metrics import accuracy, area_under_curve
from kdlab.models import MLP
from kdlab.widgets.driver import FINISHED

GENERATOR = torch.Generator().manual_seed(0)
PATTERNS = torch.rand(4, 12, generator=GENERATOR)


def some(count):
    labels = torch.arange(count) % 4
    return PATTERNS[labels] + 0.3 * torch.randn(count, 12, generator=GENERATOR), labels


LABELLED, UNLABELLED, VALIDATION = some(200), some(80)[0], some(60)
RECIPE = training.Recipe(steps=20, batch_size=16, learning_rate=1e-2)


def make_panel(**options):
    given = {"recipe": RECIPE, "each": (4, 8, 12), "most": 3, "labels": 8} | options
    return widgets.CrowdPanel(lambda seed: MLP(12, 6, 4, seed=seed), LABELLED, UNLABELLED, VALIDATION, **given)


def test_its_curves_are_those_of_its_networks():
    panel = make_panel().run()
    assert panel.state == FINISHED and panel.done == panel.steps == 3 and len(panel.networks) == 3
    said = sweeps.predict_logits(panel.networks, VALIDATION[0])
    truth = VALIDATION[1]
    for k in range(3):
        assert panel.curves["single"][k] == pytest.approx(accuracy(said[k], truth), abs=1e-4)
        together = accuracy(crowds.crowd_logits(said[: k + 1]), truth)
        assert panel.curves["crowd"][k] == pytest.approx(together, abs=1e-4)
    same = (said.argmax(-1) == said[0].argmax(-1)).all(0).float().mean()
    assert panel.curves["agree"][2] == pytest.approx(float(same), abs=1e-4)
    assert panel.curves["agree"][0] == 1 and len(panel.curves["student"]) == len(panel.curves["pooled"]) == 3
    assert panel.png()[:4] == b"\x89PNG"


def test_teachers_have_labels_of_their_own_or_share_them():
    panel = make_panel()
    dealt = panel._deal(8)
    panel.run()
    own = training.fit(MLP(12, 6, 4, seed=101), LABELLED[0][dealt[1]], LABELLED[1][dealt[1]], recipe=training.Recipe(
        steps=20, batch_size=16, learning_rate=1e-2, seed=1))  # fmt: skip
    assert own.records[-1]["step"] == 19
    before = panel.curves
    panel.own = False
    panel.run()
    assert panel.curves["single"][0] == before["single"][0] and panel.curves != before


def test_what_is_there_is_kept_when_controls_move():
    panel = make_panel(teachers=2).run()
    networks = panel.networks
    panel.together = "votes"
    panel._driver._do_requests()
    assert panel.curves["crowd"] and not panel.curves["student"]  # the crowd is there at once, its students are not
    panel.teachers = 3
    panel.run()
    assert panel.networks[:2] == networks and len(panel.curves["student"]) == 3
    panel.reset()
    panel._driver._do_requests()
    assert not panel.networks and not panel.curves["single"]


def test_a_control_that_moves_during_a_run_is_followed():
    async def steer():
        panel = make_panel()
        panel.start()
        await asyncio.sleep(0.02)
        panel.labels = 12
        while panel.running or panel.busy or not panel._known:
            await asyncio.sleep(0.02)
        return panel

    panel = asyncio.run(steer())
    assert panel.state == FINISHED and len(panel.curves["student"]) == 3
    assert {key[1] for key in panel._known if key[0] == "student"} >= {12}


def test_it_says_who_learns():
    panel, said = make_panel(teachers=2), []
    panel.observe(lambda change: said.append(change["new"]), "learning")
    flush = panel.flush
    panel.on_record = lambda record: flush()  # a picture for every step
    panel.run()
    words = [line.partition(",")[0] for line in said if line]
    assert list(dict.fromkeys(words)) == [
        "teacher 1 learns", "one network with the labels of 1 learns", "the student of 1 learns",
        "teacher 2 learns", "one network with the labels of 2 learns", "the student of 2 learns",
    ]  # fmt: skip
    assert "teacher 1 learns, step 7" in said and panel.learning == ""


def test_a_second_panel_says_the_same():
    assert make_panel().run().curves == make_panel().run().curves


@pytest.mark.parametrize(
    "options, words",
    [
        ({"each": (8,)}, "two or more rising numbers"),
        ({"each": (6, 10), "labels": 10}, "10 labels cannot be shared out evenly among 4 classes"),
        ({"each": (8, 80)}, "too few for 3 teachers"),
        ({"labels": 5}, "a teacher may have 4, 8, 12 labels, not 5"),
        ({"teachers": 4}, "there are 1 to 3 teachers, not 4"),
    ],
)
def test_what_cannot_be_is_refused(options, words):
    with pytest.raises((ValueError, TraitError), match=words):
        make_panel(**options)


# --- DoubtPanel

COUNT = 40
IMAGES = np.random.default_rng(0).integers(0, 255, (COUNT, 28, 28)).astype(np.uint8)
LABELS = np.arange(COUNT) % 5
LOGITS = torch.randn(3, COUNT, 5, generator=GENERATOR) + 2 * torch.nn.functional.one_hot(torch.from_numpy(LABELS), 5)


def make_doubt(**options):
    return widgets.DoubtPanel(IMAGES, LABELS, LOGITS, **options)


def test_pictures_stand_in_the_order_of_doubt():
    panel = make_doubt()
    score = crowds.disagreement(LOGITS).numpy()
    ranked = panel.ranking()
    assert np.all(np.diff(score[ranked]) <= 1e-6) and sorted(ranked) == list(range(COUNT))
    assert panel._pictures == IMAGES[ranked[:12]].tobytes()
    assert panel.scores["crowd"] == pytest.approx(entropy(crowds.crowd_logits(LOGITS)).numpy(), abs=1e-5)
    assert panel.scores["one"] == pytest.approx(entropy(LOGITS[0]).numpy(), abs=1e-5)
    panel.place = 20
    assert panel._pictures == IMAGES[ranked[20:32]].tobytes()


def test_the_chosen_picture_has_every_teacher_s_opinion():
    panel = make_doubt(chosen=4, order="one")
    picture = panel.ranking("one")[4]
    expected = torch.cat([LOGITS[:, picture].softmax(-1), LOGITS[:, picture].softmax(-1).mean(0, keepdim=True)])
    assert np.allclose(panel._opinions, expected, atol=1e-3)
    said, label, right = panel._captions[4]
    assert label == str(LABELS[picture]) and right == (said == label)
    assert panel.png()[:4] == b"\x89PNG"


def test_its_curve_and_area_are_about_wrong_answers_or_strangers():
    panel = make_doubt()
    wrong = crowds.crowd_logits(LOGITS).argmax(-1) != torch.from_numpy(LABELS)
    assert panel.area() == pytest.approx(area_under_curve(crowds.disagreement(LOGITS), wrong), abs=1e-5)
    assert panel._found[0] == 0 and panel._found[-1] == 1 and panel._what == "wrong answers"
    strangers = np.arange(COUNT) % 2 == 0
    other = make_doubt(strangers=strangers, stranger_names=["boot"] * COUNT)
    assert other._what == "strangers" and other.area() != panel.area()
    place = int(np.flatnonzero(strangers[other.ranking()[:12]])[0])
    assert other._captions[place][1:] == ["boot", False]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"logits": LOGITS[0]}, "teachers, N, classes"),
        ({"logits": LOGITS[:, :30]}, "teachers, N, classes"),
        ({"logits": LOGITS * torch.nan}, "finite"),
        ({"labels": LABELS[:-1]}, "each picture needs a label"),
        ({"classes": ["a", "b"]}, "each class a name"),
        ({"strangers": [True] * COUNT}, "both kinds"),
        ({"place": 29}, "place goes from 0 to 28"),
        ({"chosen": 12}, "12 pictures are shown"),
    ],
)
def test_doubt_refuses_what_it_cannot_show(change, words):
    given = {"images": IMAGES, "labels": LABELS, "logits": LOGITS} | change
    with pytest.raises((ValueError, TraitError), match=words):
        widgets.DoubtPanel(**given)


def test_too_few_pictures_are_refused():
    with pytest.raises(ValueError, match="12 pictures at a time"):
        widgets.DoubtPanel(IMAGES[:10], LABELS[:10], LOGITS[:, :10])
