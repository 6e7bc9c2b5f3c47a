"""PlanePanel without a page: who hears what, what it measures, and the luck of the draw."""

import pytest
import torch

from kdlab import models, training
from kdlab.planes import Plane, two_classes
from kdlab.widgets import PlanePanel
from kdlab.widgets.driver import FINISHED, READY


def test_it_is_a_race_on_the_plane_s_sample():
    panel = PlanePanel(labels=12, seed=3, steps=8, temperature=2.0).run()
    points, labels = two_classes().sample(12, seed=3)
    assert torch.equal(panel.points, points) and torch.equal(panel.point_labels, labels)
    students = {arm: models.MLP(2, 32, 32, 2, seed=0) for arm in ("distilled", "hard")}
    recipe = training.Recipe(steps=8, alpha=0, temperature=2.0, learning_rate=0.01, batch_size=64)
    list(training.race(students, points, labels, two_classes().log_probabilities(points), recipe=recipe))
    for arm, student in students.items():
        for ours, theirs in zip(panel.students[arm].parameters(), student.parameters(), strict=True):
            assert torch.equal(ours, theirs)


def test_distances_are_mean_kl_from_the_truth_over_fresh_points():
    panel = PlanePanel(steps=5).run()
    points = panel.plane.sample(1000, seed=2**31)[0]
    p = panel.plane.probabilities(points).double()
    for arm, student in panel.students.items():
        with torch.no_grad():
            q = student(points).double().softmax(-1)
        assert panel.distances[arm] == pytest.approx((p * (p / q).log()).sum(1).mean().item(), rel=1e-4)
        assert panel.agreement[arm] == pytest.approx((p.argmax(1) == q.argmax(1)).double().mean().item())


def test_other_points_put_the_run_back():
    panel = PlanePanel(steps=5).run()
    before = panel.shown_points
    panel.seed = 1
    panel._driver._do_requests()
    assert panel.state == READY and panel.done == 0 and panel.shown_points != before and len(panel.shown_points) == 20
    panel.labels = 40
    assert panel.run().state == FINISHED and len(panel.shown_points) == 40


def test_the_temperature_changes_the_run_from_the_next_step_on():
    panel = PlanePanel(steps=6)
    panel.step()
    panel._driver._do_requests()
    panel.temperature = 3.0
    panel.step()
    panel._driver._do_requests()
    assert panel._running.changes == {1: {"temperature": 3.0}}


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="one of the counts"):
        PlanePanel(labels=13)
    with pytest.raises(ValueError, match="must have two classes, not 3"):
        PlanePanel(Plane(torch.zeros(3, 1, 2), 1.0))
    with pytest.raises(ValueError, match="temperature must be positive"):
        PlanePanel().temperature = -1
