"""LuckPanel without a browser: its borders are its students', and a control that is moved begins a run."""

import asyncio

import numpy as np
import pytest
import torch
from patience import seconds
from traitlets import TraitError

from kdlab import luck, training, widgets
from kdlab.planes import Plane, two_classes
from kdlab.sweeps import predict_logits
from kdlab.widgets.driver import FINISHED, PAUSED, READY
from kdlab.widgets.luck import SIDE

PLANE = two_classes()


def make_panel(**options):
    given = {"count": 10, "bias": 0, "draws": 3, "recipe": training.Recipe(steps=12, learning_rate=0.02)}
    return widgets.LuckPanel(PLANE, [5, 10, 20], [0, 1.5], **given | options)


def test_a_run_shows_where_its_students_change_their_mind():
    panel = make_panel().run()
    assert panel.state == FINISHED and panel.done == panel.steps == 12 and len(panel.students) == 6
    logits = predict_logits(panel.students, PLANE.grid(SIDE))
    margins = np.frombuffer(panel._margins, np.int8).reshape(6, -1)
    sure = (logits[..., 1] - logits[..., 0]).abs() > 0.1  # nearer to the border a byte may round to 0
    assert torch.equal(torch.from_numpy(margins > 0)[sure], (logits[..., 1] > logits[..., 0])[sure])
    assert panel.png()[:4] == b"\x89PNG"


def test_probabilities_leave_nothing_to_luck_but_the_start():
    panel = make_panel(draws=4, recipe=training.Recipe(steps=150, learning_rate=0.02)).run(count=20)
    logits = predict_logits(panel.students, PLANE.grid(SIDE))
    hard, distilled = (part.diff(dim=-1).std(0).mean() for part in (logits[:4], logits[4:]))
    assert hard > 2 * distilled
    assert np.mean(panel._errors["hard"]) > np.mean(panel._errors["distilled"]) >= panel._least - 0.002


def test_both_kinds_start_alike_see_the_same_points_and_the_teacher_is_biased():
    panel = make_panel()
    for ours, theirs in zip(panel.students[:3], panel.students[3:], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    panel.run(count=20, bias=1.5)
    points = torch.tensor(panel._points)
    assert torch.equal(points[:, :2], PLANE.sample(20, seed=0)[0])
    says = luck.biased(PLANE.log_probabilities(points[:, :2]), 1.5).softmax(-1)[:, 1]
    assert torch.allclose(points[:, 3], says, atol=1e-6)
    assert set(points[:, 2].tolist()) <= {0.0, 1.0}


def test_outcomes_count_seeds_up_and_reset_forgets_them():
    panel = make_panel().run().run().run(bias=1.5)
    assert [(o["count"], o["bias"], o["seed"]) for o in panel.outcomes] == [(10, 0, 0), (10, 0, 1), (10, 1.5, 0)]
    assert panel.outcomes[0]["hard"] != panel.outcomes[1]["hard"]
    panel.reset()
    panel._driver._do_requests()
    assert panel.state == READY and panel.outcomes == [] and panel.bias == 0 and panel.done == 0
    again = panel.run().outcomes[0]
    assert again["seed"] == 0


def test_a_control_that_is_moved_begins_a_run_and_a_run_under_way_begins_again():
    async def play():
        panel = make_panel(recipe=training.Recipe(steps=300, learning_rate=0.02), speed=100)
        panel.choose(count=20)
        while panel.done < 5:
            await asyncio.sleep(0.005)
        assert len(panel._points) == 20
        panel.choose(bias=1.5)
        panel.speed = 0.0
        while panel.state != FINISHED:
            await asyncio.sleep(0.005)
        assert [(o["count"], o["bias"]) for o in panel.outcomes] == [(20, 1.5)]
        panel.choose(count=5)
        while len(panel.outcomes) < 2:
            await asyncio.sleep(0.005)
        panel.start()
        panel.pause()
        while panel.state != PAUSED:
            await asyncio.sleep(0.005)
        panel.choose(count=10)
        while len(panel.outcomes) < 3:
            await asyncio.sleep(0.005)
        assert [o["count"] for o in panel.outcomes] == [20, 5, 10]

    asyncio.run(asyncio.wait_for(play(), seconds(30)))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="count is one of 5, 10, 20, not 7"):
        make_panel(count=7)
    with pytest.raises(ValueError, match="bias is one of 0, 1.5, not 3"):
        make_panel().choose(bias=3)
    with pytest.raises(ValueError, match="controls are count and bias, not seed"):
        make_panel().choose(seed=3)
    with pytest.raises(TraitError, match="stops 0 to 2"):
        make_panel().count = 3
    with pytest.raises(ValueError, match="two classes, not of 3"):
        widgets.LuckPanel(Plane(torch.randn(3, 1, 2), 0.5), [5], [0], count=5, bias=0, recipe=training.Recipe())
