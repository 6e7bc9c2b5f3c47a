"""BiasPanel without a browser: its counts are those of argmax, its test set stays closed, it refuses bad input."""

import numpy as np
import pytest
import torch

from kdlab.widgets import BiasPanel
from kdlab.widgets.bias import errors_by_bias

DIGIT = 3


def answers_of_a_student(count=600, seed=0, shy=4.0):
    """Logits of a student that is good at all digits, and keeps the logit of 3 low by `shy`."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 10, count)
    logits = generator.normal(0, 1.5, (count, 10))
    logits[np.arange(count), labels] += 5
    logits[:, DIGIT] -= shy
    return logits, labels


def test_counts_are_those_of_argmax():
    logits, labels = answers_of_a_student()
    biases = np.linspace(-6, 12, 19)
    found = errors_by_bias(logits, labels, DIGIT, biases)
    mine = labels == DIGIT
    for i, bias in enumerate(biases):
        moved = logits.copy()
        moved[:, DIGIT] += bias
        answer = moved.argmax(1)
        assert found["digit"][i] == (answer != labels)[mine].sum()
        assert found["others"][i] == (answer != labels)[~mine].sum()
        assert found["all"][i] == (answer != labels).sum()
        np.testing.assert_array_equal(found["answers"][i], np.bincount(answer[mine], minlength=10))
        np.testing.assert_array_equal(found["taken"][i], np.bincount(labels[answer == DIGIT], minlength=10))


def test_errors_on_the_digit_fall_and_those_on_others_rise():
    logits, labels = answers_of_a_student()
    curves = BiasPanel(logits, labels, DIGIT).curves
    assert (np.diff(curves["digit"]) <= 0).all() and curves["digit"][0] > curves["digit"][-1]
    away = np.array(curves["others"])[np.array(curves["bias"]) >= 0]
    assert away[-1] > away[0]


def test_the_best_bias_has_the_fewest_errors_and_undoes_the_shyness():
    logits, labels = answers_of_a_student(5000)
    panel = BiasPanel(torch.tensor(logits), torch.tensor(labels), DIGIT)
    before = panel.validation_errors
    panel.bias = panel.best_bias
    after = panel.validation_errors
    assert after["all"] == min(panel.curves["all"]) < before["all"]
    assert after["all"] == after["digit"] + after["others"]
    assert 2.5 < panel.best_bias < 5.5


def test_the_slider_reaches_what_has_to_be_found():
    for shy in (-12.0, 0.0, 4.0, 12.0):
        logits, labels = answers_of_a_student(shy=shy)
        panel = BiasPanel(logits, labels, DIGIT)
        low, high = panel.curves["bias"][0], panel.curves["bias"][-1]
        assert low < panel.best_bias < high and 0.0 in panel.curves["bias"]


def test_what_the_slider_has_passed_is_remembered():
    panel = BiasPanel(*answers_of_a_student(), DIGIT)
    panel.bias = 2.04
    assert panel.bias == 2.0, "to a stop of the slider"
    panel.bias = -1
    assert panel.seen == [-1.0, 2.0]


def test_the_test_set_is_opened_when_asked():
    test = answers_of_a_student(400, seed=9)
    panel = BiasPanel(*answers_of_a_student(), DIGIT, test=test)
    assert panel.test_result is None and panel.tests_opened == 0
    panel.bias = 3.0
    result = panel.open_test()
    moved = test[0].copy()
    assert result["without"]["all"] == (moved.argmax(1) != test[1]).sum()
    moved[:, DIGIT] += 3
    assert result["with"]["all"] == (moved.argmax(1) != test[1]).sum()
    assert result["bias"] == 3.0 and result["of"] == 400 and panel.tests_opened == 1
    with pytest.raises(ValueError, match="without a test set"):
        BiasPanel(*answers_of_a_student(), DIGIT).open_test()


def test_bad_input_is_refused_in_words():
    logits, labels = answers_of_a_student(50)
    for arguments, words in [
        ((logits[:, :9], labels, 3), r"\(N, 10\)"),
        ((np.full((50, 10), np.nan), labels, 3), "finite"),
        ((logits, labels[:-1], 3), "50 digits"),
        ((logits, labels + 10, 3), "from 0 to 9"),
        ((logits, labels, 10), "0 to 9"),
        ((logits, labels, True), "0 to 9"),
        ((logits[labels != 3], labels[labels != 3], 3), "some threes"),
    ]:
        with pytest.raises(ValueError, match=words):
            BiasPanel(*arguments)
    with pytest.raises(ValueError, match="test logits"):
        BiasPanel(logits, labels, 3, test=(logits[:, :4], labels))
    panel = BiasPanel(logits, labels, 3)
    for bias in (float("nan"), 1000):
        with pytest.raises(ValueError, match="bias must be"):
            panel.bias = bias


def test_it_shows_a_picture_where_no_kernel_answers():
    panel = BiasPanel(*answers_of_a_student(), DIGIT)
    data, _ = panel._repr_mimebundle_()
    assert data["text/plain"] == "<BiasPanel>" and panel.png().startswith(b"\x89PNG")
