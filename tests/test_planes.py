"""The plane with known probabilities: Bayes' rule, what samples promise, and bad input in the reader's terms."""

import math

import pytest
import torch

from kdlab.planes import Plane, two_classes


def test_probabilities_follow_from_the_densities():
    plane = two_classes()
    points = plane.sample(50, seed=3)[0]
    density = torch.stack(
        [
            sum(
                torch.distributions.Normal(mean, plane.spread).log_prob(points).sum(-1).exp() / len(groups)
                for mean in groups
            )
            for groups in plane.means
        ],
        dim=1,
    )
    torch.testing.assert_close(plane.probabilities(points), density / density.sum(1, keepdim=True))
    torch.testing.assert_close(plane.log_probabilities(points).exp(), plane.probabilities(points))


def test_one_group_each_gives_the_logistic_curve():
    plane = Plane(torch.tensor([[[-1.0, 0.0]], [[1.0, 0.0]]]), spread=0.5)
    (p,) = plane.probabilities([[0.3, 2.0]])
    assert float(p[1]) == pytest.approx(1 / (1 + math.exp(-2 * 0.3 / 0.5**2)), rel=1e-5)  # the difference of squares


def test_far_away_nothing_overflows():
    assert two_classes().probabilities([[1e4, -1e4], [-1e4, 1e4]]).isfinite().all()
    assert two_classes().log_probabilities([[1e4, -1e4]]).max() == 0


def test_labels_come_as_often_as_the_probabilities_say():
    plane = two_classes()
    points, labels = plane.sample(8000, seed=1)
    assert labels.float().mean().item() == pytest.approx(0.5, abs=0.03)
    said = plane.probabilities(points)[:, 1]
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (said >= low) & (said < low + 0.2)
        error = 4 * (0.25 / inside.sum().item()) ** 0.5
        for drawn in (labels, plane.relabel(points, seed=2)):
            assert drawn[inside].float().mean().item() == pytest.approx(said[inside].mean().item(), abs=error)


def test_a_longer_sample_begins_with_the_shorter_one():
    plane = two_classes()
    points, labels = plane.sample(40, seed=5)
    more, more_labels = plane.sample(90, seed=5)
    assert torch.equal(more[:40], points) and torch.equal(more_labels[:40], labels)
    assert not torch.equal(plane.sample(40, seed=6)[0], points)
    assert torch.equal(plane.relabel(points, seed=1), plane.relabel(points, seed=1))


def test_samples_leave_torchs_own_generator_alone():
    before = torch.get_rng_state()
    two_classes().relabel(two_classes().sample(5)[0])
    assert torch.equal(torch.get_rng_state(), before)


def test_the_grid_is_laid_out_like_a_picture():
    plane = two_classes()
    grid = plane.grid(5).view(5, 5, 2)
    assert grid[0, 0].tolist() == [-3, 3] and grid[0, 4].tolist() == [3, 3] and grid[4, 0].tolist() == [-3, -3]
    assert grid[2, 2].tolist() == [0, 0]


def test_more_than_two_classes_are_allowed():
    plane = Plane(torch.tensor([[[0.0, 1.0]], [[1.0, -1.0]], [[-1.0, -1.0]]]), spread=1)
    torch.testing.assert_close(plane.probabilities([[0.0, 0.0]]).sum(), torch.tensor(1.0))
    assert plane.classes == 3 and set(plane.sample(100)[1].tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: Plane(torch.zeros(2, 2), 1.0), r"means must be \(classes, groups, 2\)"),
        (lambda: Plane(torch.zeros(1, 1, 2), 1.0), "at least two classes"),
        (lambda: Plane(torch.full((2, 1, 2), math.nan), 1.0), "means must be finite"),
        (lambda: Plane(torch.zeros(2, 1, 2), 0.0), "spread must be positive"),
        (lambda: Plane(torch.zeros(2, 1, 2), 1.0, math.inf), "extent must be positive and finite"),
        (lambda: Plane(torch.zeros(2, 1, 2), "wide"), "spread must be a number"),
        (lambda: two_classes().sample(0), "n must be a whole number, at least 1"),
        (lambda: two_classes().sample(5, seed=-1), "seed must be a whole number"),
        (lambda: two_classes().grid(1), "side must be a whole number, at least 2"),
        (lambda: two_classes().probabilities([1.0, 2.0]), r"points must be \(N, 2\)"),
    ],
)
def test_bad_input_is_named(act, words):
    with pytest.raises(ValueError, match=words):
        act()
