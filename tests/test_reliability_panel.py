"""ReliabilityPanel without a browser: its least likelihoods are the least, it agrees with the metrics, it refuses."""

import numpy as np
import pytest
import torch

from kdlab import metrics
from kdlab.widgets import ReliabilityPanel
from kdlab.widgets.reliability import best_temperature, negative_log_likelihoods


def calibrated(count=20000, classes=5, seed=0):
    """Logits and labels drawn from just these soft targets: T = 1 is right for them."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (count, classes))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (shares.cumsum(1) < generator.random((count, 1))).sum(1)
    return logits.astype(np.float32), labels


@pytest.mark.parametrize("factor", [0.3, 1.0, 2.5])
def test_the_temperature_that_was_hidden_is_found(factor):
    logits, labels = calibrated()
    assert best_temperature(factor * logits, labels) == pytest.approx(factor, rel=0.06)


def test_likelihoods_are_those_of_the_metrics():
    logits, labels = calibrated(500)
    for heat, found in zip((0.1, 1, 7.0), negative_log_likelihoods(logits, labels, (0.1, 1, 7.0)), strict=True):
        expected = metrics.negative_log_likelihood(torch.tensor(logits).double() / heat, torch.tensor(labels))
        assert found == pytest.approx(expected, rel=1e-5)


def test_no_other_stop_is_better():
    logits, labels = calibrated(300, seed=3)
    best = best_temperature(logits * 1.7, labels)
    around = negative_log_likelihoods(logits * 1.7, labels, [best - 0.1, best, best + 0.1])
    assert around.argmin() == 1


def test_temperature_changes_confidence_and_not_accuracy():
    logits, labels = calibrated()
    panel = ReliabilityPanel({"too sure": 3 * logits, "right": logits}, labels)
    before = panel.measures
    assert before["confidence"] > before["accuracy"] + 0.1
    panel.temperature = panel.best_temperatures["too sure"]
    after = panel.measures
    assert after["accuracy"] == before["accuracy"]
    assert after["ece"] < 0.02 < before["ece"] and after["nll"] < before["nll"]
    panel.model = "right"
    panel.temperature = 1.0
    assert panel.measures["nll"] == pytest.approx(after["nll"], rel=1e-3)


def test_bad_input_is_refused_in_words():
    logits, labels = calibrated(50)
    for arguments, words in [
        ((logits, labels), "dict"),
        (({}, labels), "dict"),
        (({"a": logits, "b": logits[:40]}, labels), "same N"),
        (({"a": logits * np.inf}, labels), "'a' are not all finite"),
        (({"a": logits}, labels[:-1]), "50 classes"),
        (({"a": logits}, labels + 1), "from 0 to 4"),
    ]:
        with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=words):
            ReliabilityPanel(*arguments)
    for bins in (1, 21, 5.0, True):
        with pytest.raises(ValueError, match="bins"):
            ReliabilityPanel({"a": logits}, labels, bins=bins)
    panel = ReliabilityPanel({"a": logits}, labels)
    with pytest.raises(ValueError, match="model must be one of"):
        panel.model = "b"
    for temperature in (0, -1, 20, float("nan")):
        with pytest.raises(ValueError, match="temperature"):
            panel.temperature = temperature


def test_it_shows_a_picture_where_no_kernel_answers():
    logits, labels = calibrated(50)
    panel = ReliabilityPanel({"a": logits}, labels, bins=7)
    data, _ = panel._repr_mimebundle_()
    assert data["text/plain"] == "<ReliabilityPanel>" and panel.png().startswith(b"\x89PNG")
