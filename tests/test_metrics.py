"""The metrics against values by hand and slow references."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kdlab import metrics
from kdlab.models import MLP

LOGITS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 5.0]])
LABELS = torch.tensor([0, 1, 1, 1])


def test_errors_accuracy_and_likelihood_by_hand():
    assert metrics.errors(LOGITS, LABELS) == 1
    assert metrics.accuracy(LOGITS, LABELS) == 0.75
    losses = [math.log1p(math.exp(-2)), math.log1p(math.exp(-1)), math.log1p(math.exp(3)), math.log1p(math.exp(-5))]
    assert metrics.negative_log_likelihood(LOGITS, LABELS) == pytest.approx(sum(losses) / 4)


def test_tokens_count_one_by_one():
    logits, labels = LOGITS.reshape(2, 2, 2), LABELS.reshape(2, 2)
    assert metrics.errors(logits, labels) == 1 and metrics.accuracy(logits, labels) == 0.75
    for metric in (metrics.negative_log_likelihood, metrics.expected_calibration_error):
        assert metric(logits, labels) == pytest.approx(metric(LOGITS, LABELS))


def ece_reference(logits, labels, bins):
    groups = {}
    for row, label in zip(logits.double().softmax(-1).tolist(), labels.tolist(), strict=True):
        confidence = max(row)
        groups.setdefault(math.ceil(confidence * bins), []).append((confidence, row.index(confidence) == label))
    total = 0
    for members in groups.values():
        confidence = sum(c for c, _ in members) / len(members)
        right = sum(r for _, r in members) / len(members)
        total += len(members) / len(labels) * abs(confidence - right)
    return total


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 20), st.floats(0.1, 10))
def test_calibration_error_matches_a_slow_reference(seed, bins, scale):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(60, 5, generator=generator) * scale
    labels = torch.randint(5, (60,), generator=generator)
    ours = metrics.expected_calibration_error(logits, labels, bins)
    assert ours == pytest.approx(ece_reference(logits, labels, bins), abs=1e-9)
    assert 0 <= ours <= 1


def test_calibration_error_of_the_extremes():
    sure = torch.tensor([[100.0, 0.0]] * 4)
    assert metrics.expected_calibration_error(sure, torch.tensor([0, 0, 0, 0])) == pytest.approx(0)
    assert metrics.expected_calibration_error(sure, torch.tensor([1, 1, 1, 1])) == pytest.approx(1)
    assert metrics.expected_calibration_error(sure, torch.tensor([0, 0, 1, 1])) == pytest.approx(0.5)
    even = torch.zeros(4, 2)
    assert metrics.expected_calibration_error(even, torch.tensor([0, 1, 0, 1])) == pytest.approx(0)


def test_agreement_counts_equal_predictions():
    assert metrics.agreement(LOGITS, LOGITS * 3 + 1) == 1
    assert metrics.agreement(LOGITS, -LOGITS) == 0
    assert metrics.agreement(LOGITS, LOGITS.roll(1, 0)) == metrics.agreement(LOGITS.roll(1, 0), LOGITS) == 0


def test_parameters_of_the_teacher_and_the_student():
    assert metrics.count_parameters(MLP(784, 300, 300, 10)) == 784 * 300 + 300 + 300 * 300 + 300 + 3000 + 10
    assert metrics.count_parameters(MLP(784, 1200, 1200, 10)) == 2_395_210


def test_results_are_plain_numbers():
    assert type(metrics.errors(LOGITS, LABELS)) is int
    for value in (
        metrics.accuracy(LOGITS, LABELS),
        metrics.negative_log_likelihood(LOGITS, LABELS),
        metrics.expected_calibration_error(LOGITS, LABELS),
        metrics.agreement(LOGITS, LOGITS),
    ):
        assert type(value) is float


@pytest.mark.parametrize(
    "metric",
    [metrics.errors, metrics.accuracy, metrics.negative_log_likelihood, metrics.expected_calibration_error],
)
def test_bad_input_is_refused(metric):
    for logits, labels in (
        (LOGITS, LABELS[:3]),
        (LOGITS, LABELS.unsqueeze(1)),
        (LOGITS, LABELS + 1),
        (LOGITS, LABELS.float()),
        (LOGITS * math.nan, LABELS),
        (LABELS, LABELS),
        (LOGITS.tolist(), LABELS),
    ):
        with pytest.raises(ValueError):
            metric(logits, labels)


def test_agreement_refuses_shapes_that_would_broadcast():
    with pytest.raises(ValueError, match="same shape"):
        metrics.agreement(LOGITS, LOGITS[:1])


def test_bins_must_be_positive():
    for bins in (0, -1, 1.5):
        with pytest.raises(ValueError, match="bins"):
            metrics.expected_calibration_error(LOGITS, LABELS, bins)


def test_accuracy_by_class_counts_each_class_alone():
    logits = torch.eye(4)[torch.tensor([0, 0, 1, 1, 3])]
    assert metrics.accuracy_by_class(logits, torch.tensor([0, 1, 1, 1, 0])) == [0.5, 2 / 3, None, None]


def slow_macro_f1(predicted, labels):
    """From precision and recall, one class at a time."""
    scores = []
    for c in set(predicted) | set(labels):
        hits = sum(p == c == y for p, y in zip(predicted, labels, strict=True))
        precision = hits / predicted.count(c) if c in predicted else 0
        recall = hits / labels.count(c) if c in labels else 0
        scores.append(2 * precision * recall / (precision + recall) if hits else 0)
    return sum(scores) / len(scores)


@pytest.mark.parametrize("seed", range(5))
def test_macro_f1_is_the_mean_harmonic_mean_of_precision_and_recall(seed):
    generator = torch.Generator().manual_seed(seed)
    logits, labels = torch.randn(12, 5, generator=generator), torch.randint(5, (12,), generator=generator)
    assert metrics.macro_f1(logits, labels) == pytest.approx(slow_macro_f1(logits.argmax(-1).tolist(), labels.tolist()))


def test_macro_f1_minds_a_rare_class_that_accuracy_forgets():
    labels = torch.tensor([0] * 98 + [1] * 2)
    always_zero = torch.tensor([1.0, 0.0]).expand(100, 2)
    assert metrics.accuracy(always_zero, labels) == 0.98 and metrics.macro_f1(always_zero, labels) < 0.5


def test_reliability_counts_every_example_once():
    generator = torch.Generator().manual_seed(1)
    logits, labels = 3 * torch.randn(500, 4, generator=generator), torch.randint(4, (500,), generator=generator)
    table = metrics.reliability(logits, labels, bins=10)
    assert table["edges"] == pytest.approx([k / 10 for k in range(11)]) and sum(table["count"]) == 500
    assert table["count"][:2] == [0, 0] and table["confidence"][:2] == table["accuracy"][:2] == [None, None]
    sure, right = logits.softmax(-1).max(-1)[0], (logits.argmax(-1) == labels).float()
    for k in range(2, 10):
        inside = (sure > k / 10) & (sure <= (k + 1) / 10)
        assert table["count"][k] == inside.sum()
        if not inside.any():
            continue
        assert table["confidence"][k] == pytest.approx(float(sure[inside].mean()), abs=1e-5)
        assert table["accuracy"][k] == pytest.approx(float(right[inside].mean()), abs=1e-5)
    with pytest.raises(ValueError, match="bins"):
        metrics.reliability(logits, labels, bins=0)


def test_copied_mistakes_by_hand():
    labels = torch.tensor([0, 1, 2, 3, 0])
    teacher = torch.eye(4)[torch.tensor([1, 2, 3, 3, 0])]  # wrong on the first three
    student = torch.eye(4)[torch.tensor([1, 0, 2, 1, 3])]  # copies one, errs differently on one, is right on one
    assert metrics.copied_mistakes(student, teacher, labels) == pytest.approx(1 / 3)
    assert metrics.copied_mistakes(teacher, teacher, labels) == 1
    assert metrics.copied_mistakes(student, torch.eye(4)[labels], labels) == 0
    with pytest.raises(ValueError, match="same shape"):
        metrics.copied_mistakes(student, teacher[:1], labels)
