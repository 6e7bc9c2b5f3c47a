"""LookPanel without a browser: its maps and curves are its students', and the reader's choices reach the next step."""

import asyncio

import pytest
import torch
from traitlets import TraitError

from kdlab import training, widgets
from kdlab.features import attention, last_maps, share_inside
from kdlab.models import ConvNet
from kdlab.widgets.driver import FINISHED, RUNNING

INPUTS = torch.rand(80, 784, generator=torch.Generator().manual_seed(0))
LABELS = torch.randint(10, (80,), generator=torch.Generator().manual_seed(1))
BOXES = torch.zeros(40, 28, 28, dtype=torch.bool)
BOXES[:, 6:20, 2:16] = True
TEACHER = ConvNet(4, 6, seed=9)


def make_panel(**options):
    given = {"recipe": training.Recipe(steps=6, batch_size=20, learning_rate=1e-3), "show": 5, **options}
    train, validation = (INPUTS[:40], LABELS[:40]), (INPUTS[40:], LABELS[40:], BOXES)
    return widgets.LookPanel(lambda: ConvNet(3, 5), TEACHER, train, validation, **given)


def test_before_the_run_it_shows_the_teacher_and_the_untrained_student():
    panel = make_panel()
    assert set(panel._maps) == set(panel._seen) == {"teacher", "distilled", "hard"}
    assert panel._maps["distilled"] == panel._maps["hard"] and panel._corners == [[6, 2, 14]] * 5
    shades = attention(last_maps(TEACHER, INPUTS[40:41]))[0]
    expected = (shades / shades.max()).flatten().tolist()
    assert panel._maps["teacher"] == pytest.approx(expected, abs=0.02)  # pictures are bytes
    assert panel.png()[:4] == b"\x89PNG"


def test_a_run_trains_both_from_one_start_and_measures_them():
    panel = make_panel().run()
    assert panel.state == FINISHED and panel.done == panel.steps == 6
    ours, theirs = panel.students["distilled"], panel.students["hard"]
    assert "hint" in panel.history["distilled"][0] and "hint" not in panel.history["hard"][0]
    assert panel.history["distilled"][0]["labels"] == panel.history["hard"][0]["labels"]  # one start, one batch
    assert not torch.equal(ours.head.weight, theirs.head.weight)
    assert panel._curves["steps"][-1] == 6
    share = share_inside(last_maps(ours, INPUTS[40:]), BOXES)
    assert panel._curves["share"]["distilled"][-1] == pytest.approx(share, abs=1e-4)
    plain = ConvNet(3, 5)
    training.fit(plain, INPUTS[:40], LABELS[:40], recipe=panel.recipe)
    assert torch.allclose(plain.head.weight, theirs.head.weight, atol=1e-6)
    panel.figure()


def test_a_second_run_is_the_first_again_and_reset_clears():
    panel = make_panel().run()
    first = panel.history
    assert panel.run().history == first
    panel.reset()
    panel._driver._do_requests()
    assert panel.done == 0 and not panel._curves["accuracy"]
    assert panel._maps["distilled"] == panel._maps["hard"]


def test_choices_reach_the_next_step():
    async def steer():
        panel = make_panel()
        panel.step()
        await asyncio.sleep(0.05)
        panel.imitate = "attention"
        await asyncio.sleep(0.05)
        assert panel.weight == widgets.look.USUAL_WEIGHT["attention"]
        panel.step()
        await asyncio.sleep(0.05)
        panel.weight = 0.0
        await asyncio.sleep(0.05)
        panel.step()
        await asyncio.sleep(0.05)
        assert panel.state != RUNNING
        return panel.history["distilled"]

    one, two, three = asyncio.run(steer())
    assert "hint" in one and "attention" not in one
    assert "attention" in two and "hint" not in two
    assert "attention" not in three and three["loss"] == pytest.approx(three["labels"])


def test_another_picture_may_be_chosen_and_no_other():
    panel = make_panel()
    before = panel._maps["teacher"]
    panel.picture = 3
    panel._driver._do_requests()
    assert panel._maps["teacher"] != before
    for bad in (-1, 5):
        with pytest.raises(TraitError, match="pictures are 0 to 4"):
            panel.picture = bad
    with pytest.raises(TraitError):
        panel.imitate = "everything"


@pytest.mark.parametrize("show", [0, 41])
def test_too_many_pictures_are_refused(show):
    with pytest.raises(ValueError, match="validation must be"):
        make_panel(show=show)


def test_a_teacher_with_other_places_is_refused_in_words():
    panel = widgets.LookPanel(
        lambda: ConvNet(3, 5, strides=1), TEACHER, (INPUTS[:40], LABELS[:40]), (INPUTS[40:], LABELS[40:], BOXES),
        recipe=training.Recipe(steps=2), show=5,
    )  # fmt: skip
    with pytest.raises(ValueError, match="28 × 28 places"):
        panel.run()
