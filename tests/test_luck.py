"""The luck of labels: variances against brute force, errors against drawn labels, a teacher that leans."""

import pytest
import torch
from torch.nn import functional as F

from kdlab import luck
from kdlab.models import MLP
from kdlab.planes import two_classes

PLANE = two_classes()
POINTS = PLANE.sample(40, seed=3)[0]
LOG_P = PLANE.log_probabilities(POINTS)


def gradient(student, point, target):
    student.zero_grad()
    F.cross_entropy(student(point.unsqueeze(0)), target.unsqueeze(0)).backward()
    return torch.cat([p.grad.flatten() for p in student.parameters()]).double()


def test_variance_of_the_gradient_by_brute_force():
    student = MLP(2, 5, 2, seed=1)
    by_label = torch.stack([torch.stack([gradient(student, x, torch.tensor(c)) for c in (0, 1)]) for x in POINTS])
    soft = torch.stack([gradient(student, x, p) for x, p in zip(POINTS, LOG_P.exp(), strict=True)])
    p = LOG_P.exp().double()
    mean = (p.unsqueeze(-1) * by_label).sum(1).mean(0)
    assert torch.allclose(mean, soft.mean(0), atol=1e-6)  # the same mean gradient
    whole = (p * (by_label - mean).square().sum(-1)).sum(-1).mean()
    found = luck.gradient_variance(student, POINTS, LOG_P.exp())
    assert found["points"] == pytest.approx(float((soft - mean).square().sum(-1).mean()), rel=1e-4)
    assert found["points"] + found["labels"] == pytest.approx(float(whole), rel=1e-4)


def test_sure_labels_leave_nothing_to_luck():
    sure = F.one_hot(LOG_P.argmax(-1), 2).float()
    found = luck.gradient_variance(MLP(2, 5, 2), POINTS, sure)
    assert found["labels"] == pytest.approx(0, abs=1e-9) and found["points"] > 0


def test_more_than_two_classes_and_the_student_stays_as_it_was():
    student = MLP(3, 4, 5, seed=2).train()
    x = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
    before = [p.clone() for p in student.parameters()]
    found = luck.gradient_variance(student, x, torch.full((12, 5), 0.2))
    assert found["labels"] > 0 and student.training
    assert all(torch.equal(a, b) and b.grad is None for a, b in zip(before, student.parameters(), strict=True))


def test_expected_error_is_what_drawn_labels_give():
    points = PLANE.sample(2000, seed=1)[0]
    p = PLANE.probabilities(points)
    logits = luck.biased(p.log(), 1.0)
    wrong = [float((PLANE.relabel(points, seed=k) != logits.argmax(-1)).float().mean()) for k in range(60)]
    assert luck.expected_error(logits, p) == pytest.approx(sum(wrong) / 60, abs=0.004)
    assert luck.expected_error(logits, p) > luck.expected_error(p.log(), p)


def test_a_biased_teacher_leans_to_the_last_class_by_so_many_nats():
    moved = luck.biased(LOG_P, 1.5)
    assert torch.allclose(moved.diff(dim=-1), LOG_P.diff(dim=-1) + 1.5, atol=1e-5)
    assert torch.equal(LOG_P, PLANE.log_probabilities(POINTS))


def test_what_are_no_probabilities_is_refused():
    with pytest.raises(ValueError, match="rows that sum to 1"):
        luck.expected_error(LOG_P, LOG_P)
    with pytest.raises(ValueError, match=r"must be \(40, 2\)"):
        luck.gradient_variance(MLP(2, 5, 2), POINTS, LOG_P.exp()[:5])
    with pytest.raises(ValueError, match="bias"):
        luck.biased(LOG_P, "much")
