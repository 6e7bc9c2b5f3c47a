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
