"""Neighbours, retrieval, and students that learn from relations alone."""

import pytest
import torch

from kdlab import losses
from kdlab.models import MLP
from kdlab.relations import directions, distances_to, nearest_labels, neighbours, recall_at_one, train_relations
from kdlab.training import Recipe, drain

LINE = torch.tensor([[1.0, 0.0], [2.0, 0.0], [2.5, 0.0], [0.0, 9.0], [0.0, 3.0]])
LABELS = torch.tensor([0, 0, 1, 1, 1])


def test_neighbours_by_hand():
    assert neighbours(LINE, 2).tolist() == [[1, 2], [2, 0], [1, 0], [4, 0], [0, 1]]
    assert neighbours(LINE, cosine=True)[3:].tolist() == [[4], [3]]
    assert recall_at_one(LINE, LABELS) == pytest.approx(1 / 5 * 2)
    assert recall_at_one(LINE, LABELS, cosine=True) == pytest.approx(4 / 5)


def test_the_nearest_label_by_hand():
    known = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert nearest_labels(LINE, known, torch.tensor([7, 8])).tolist() == [7, 7, 7, 8, 8]


def test_cosines_are_free_of_lengths_and_distances_are_not():
    features = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    lengths = torch.linspace(0.1, 9, 20)[:, None]
    assert torch.equal(neighbours(features, 3, cosine=True), neighbours(lengths * features, 3, cosine=True))
    assert not torch.equal(neighbours(features, 3), neighbours(lengths * features, 3))


def test_principal_directions_keep_what_varies():
    generator = torch.Generator().manual_seed(0)
    flat = torch.randn(20, 2, generator=generator).double() @ torch.randn(2, 6, generator=generator).double()
    mean, main = directions(flat + 3, 2)
    found = (flat + 3 - mean) @ main
    assert torch.allclose(main.T @ main, torch.eye(2, dtype=torch.double))
    assert torch.allclose(torch.cdist(found, found), torch.cdist(flat, flat))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: distances_to(LINE, torch.zeros(3, 4)), "2 and of 4 numbers are not in one space"),
        (lambda: distances_to(LINE[0], LINE), r"features must be a floating-point tensor \(N, D\)"),
        (lambda: distances_to(LINE, [1.0]), "others must be .* got list"),
        (lambda: directions(LINE, 3), "count must be a whole number from 1 to 2"),
        (lambda: neighbours(LINE, 5), "count must be a whole number from 1 to 4"),
        (lambda: recall_at_one(LINE, LABELS[:3]), r"labels must be a tensor \(5,\)"),
    ],
)
def test_bad_spaces_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


INPUTS = torch.rand(60, 12, generator=torch.Generator().manual_seed(1))
FEATURES = INPUTS @ torch.randn(12, 5, generator=torch.Generator().manual_seed(2))
RECIPE = Recipe(steps=150, batch_size=20, learning_rate=1e-2, seed=0)


def test_a_student_learns_distances_of_another_width():
    student = MLP(12, 16, 2, seed=0)
    before = float(losses.relational_distance_loss(student(INPUTS), FEATURES).detach())
    history = drain(train_relations(student, INPUTS, FEATURES, recipe=RECIPE, evaluate=lambda _: {"seen": 1.0}))
    after = float(losses.relational_distance_loss(student(INPUTS), FEATURES).detach())
    assert after < 0.4 * before and len(history.records) == 150 and history.records[-1]["seen"] == 1.0


def test_another_loss_may_be_given():
    student = MLP(12, 16, 3, seed=0)

    def cosines(ours, theirs):
        return losses.cosine_relation_loss(ours, theirs, temperature=0.2)

    before = float(cosines(student(INPUTS), FEATURES).detach())
    drain(train_relations(student, INPUTS, FEATURES, recipe=RECIPE, loss=cosines))
    assert float(cosines(student(INPUTS), FEATURES).detach()) < 0.5 * before


@pytest.mark.parametrize(
    "features, recipe, words",
    [
        (FEATURES[:9], RECIPE, "60 inputs and 9 rows"),
        (FEATURES, Recipe(steps=3, batch_size=2), "batches of three"),
        (FEATURES * torch.inf, RECIPE, "NaN or infinite"),
        (FEATURES, None, "recipe must be a Recipe"),
    ],
)
def test_bad_runs_are_refused(features, recipe, words):
    with pytest.raises(ValueError, match=words):
        train_relations(MLP(12, 16, 2), INPUTS, features, recipe=recipe)
