"""The machinery of the exercises: what `ask` protects, what an `Answer` notices, what a `Result` shows."""

import threading
import time
import warnings

import numpy as np
import pytest
import torch

from kdlab.exercises.core import Exercise, Mistake, NotTried
from kdlab.exercises.engine.mutations import by_parts


def make(reference, questions=None, **options):
    return Exercise(1, "A title", 5, "easy", reference, ("a", "b"), questions, **options)


def double(x):
    return 2 * x


def test_a_right_answer_that_equals_a_likely_mistake_is_accepted():
    def questions(ask):
        ask(torch.tensor(2)).is_not(torch.tensor(4), "You squared it.").equals(torch.tensor(4), "Off.")

    assert make(double, questions).check(double).status == "solved"


def test_the_likely_mistake_is_named_before_any_later_complaint():
    def questions(ask):
        answer = ask(torch.tensor(3.0)).is_not(torch.tensor(9.0), "You squared it.")
        answer.holds(answer.value < 7, "Too large.").equals(torch.tensor(6.0), "Off.")

    assert make(double, questions).check(lambda x: x * x).diagnosis == "You squared it."
    assert make(double, questions).check(lambda x: x * 5).diagnosis == "Too large."
    assert make(double, questions).check(lambda x: x + 1).diagnosis == "Off."


def test_a_likely_mistake_counts_even_when_nothing_is_compared_as_a_whole():
    def questions(ask):
        ask(torch.tensor(3.0)).is_not(torch.tensor(9.0), "You squared it.")

    assert make(double, questions).check(lambda x: x * x).diagnosis == "You squared it."


def test_gradient_of_an_answer():
    def questions(ask):
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        ask(x).gradient().equals(torch.tensor([2.0, 2.0]), "The slope is off.")

    exercise = make(double, questions)
    assert exercise.check(double).status == "solved"
    assert exercise.check(lambda x: x**2).diagnosis == "The slope is off."
    assert "No gradient flows" in exercise.check(lambda x: 2 * x.detach()).diagnosis


@pytest.mark.parametrize(
    "expected",
    [
        torch.tensor([0.0, float("-inf"), 1.0]),
        [torch.ones(2), torch.zeros(3)],
        {"a": torch.ones(2), "b": 3.0},
        torch.empty(0),
        [],
        "a word",
        True,
    ],
)
def test_equals_compares_what_lessons_return(expected):
    def questions(ask):
        ask().equals(expected, "Off.")

    assert make(lambda: expected, questions).check(lambda: expected).status == "solved"
    assert make(lambda: expected, questions).check(lambda: torch.tensor([7.0, 7.0, 7.0])).status == "not yet"


def test_nan_equals_nothing():
    def questions(ask):
        ask().equals(torch.tensor([1.0, 2.0]), "Off.")

    assert make(lambda: 0, questions).check(lambda: torch.tensor([1.0, float("nan")])).status == "not yet"


def test_a_numpy_number_is_a_number_and_an_array_is_not():
    def questions(ask):
        ask().is_number().equals(3.0, "Off.")

    assert make(lambda: 0, questions).check(lambda: np.float64(3)).status == "solved"
    assert "NumPy" in make(lambda: 0, questions).check(lambda: np.array([3.0])).diagnosis


@pytest.mark.parametrize(
    "argument, spoil",
    [
        (torch.ones(3), lambda x: x.mul_(2)),
        (np.ones(3), lambda x: x.__imul__(2)),
        ([torch.ones(2), torch.ones(2)], lambda x: x[1].zero_()),
        ([torch.ones(2)], lambda x: x.append(1)),
        ({"a": torch.ones(2)}, lambda x: x["a"].add_(1)),
    ],
)
def test_changing_an_argument_in_place_is_named_and_harmless(argument, spoil):
    def questions(ask):
        ask(argument)

    def answer(x):
        spoil(x)
        return 1

    before = repr(argument)
    assert "in place" in make(lambda x: 1, questions).check(answer).diagnosis
    assert repr(argument) == before


def test_not_implemented_by_pytorch_is_an_error_and_by_the_stub_is_not_tried():
    def questions(ask):
        ask(torch.ones(2))

    assert "stopped with" in make(double, questions).check(lambda x: x.long().softmax(-1)).diagnosis

    @torch.no_grad()
    def decorated_stub(x):
        """Only a docstring."""

    assert make(double, questions).check(decorated_stub).status == "not tried yet"
    assert issubclass(NotTried, Exception)


@torch.no_grad()
def _decorated(x):
    return 2 * x


def test_the_solution_is_shown_under_the_lesson_s_name():
    assert make(_decorated, lambda ask: None).solution_source().splitlines()[:2] == [
        "@torch.no_grad()",
        "def decorated(x):",
    ]


def test_a_function_that_never_returns_is_stopped_and_its_thread_ends():
    def hangs(x):
        while True:
            pass

    def stubborn(x):
        end = time.monotonic() + 3
        while time.monotonic() < end:
            try:
                time.sleep(0.01)
            except BaseException:
                pass

    def questions(ask):
        ask(1)

    before = threading.active_count()
    assert "so it was stopped" in make(double, questions, time_limit=0.1).check(hangs).diagnosis
    assert threading.active_count() == before
    assert "Restart" in make(double, questions, time_limit=0.1).check(stubborn).diagnosis


def test_warnings_and_prints_become_a_note():
    def warns(x):
        warnings.warn("use batchmean", stacklevel=1)
        return 2 * x

    def questions(ask):
        ask(torch.ones(2)).equals(torch.full((2,), 2.0), "Off.")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = make(double, questions).check(warns)
    assert result.status == "solved" and len(caught) + len(result.notes) == 1


def test_checking_leaves_the_lesson_s_random_numbers_alone():
    def questions(ask):
        x = torch.randn(3)
        ask(x).equals(2 * x, "Off.")

    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    make(double, questions).check(double)
    assert torch.equal(torch.rand(2), expected)


def scaled(x, mask):
    return 2 * x + 1


def half_and_more(x):
    half = x / 2
    return half, x + 3


def _vector(draw):
    return {"x": torch.randn(draw.rows)}


def test_what_a_view_leaves_out_is_not_compared_neither_with_the_solution_nor_with_a_mistake():
    exercise = make(
        scaled,
        draw=lambda draw: _vector(draw) | {"mask": torch.arange(draw.rows) < 3},
        view=lambda value, arguments: value.masked_fill(~arguments["mask"], 0.0),
        mistakes={"Twice, not three times.": lambda x, mask: 3 * x + 1},
    )
    assert exercise.check(lambda x, mask: torch.where(mask, 2 * x + 1, torch.nan)).status == "solved"
    wrong = exercise.check(lambda x, mask: torch.where(mask, 3 * x + 1, 77.0))
    assert wrong.diagnosis == "Twice, not three times."
    assert exercise.check(lambda x, mask: "seven").status == "not yet"


def test_two_mistakes_in_two_parts_of_an_answer_are_both_named():
    def build(factor=2, shift=1):
        return lambda x, mask: factor * x + shift

    parts = by_parts(build, factor={"Twice.": 5}, shift={"Add 1.": (7, 11)})
    exercise = make(scaled, draw=lambda draw: _vector(draw) | {"mask": None}, **parts)
    assert exercise.check(lambda x, mask: 2 * x + 11).diagnosis == "Add 1."
    assert exercise.check(lambda x, mask: 5 * x + 11).diagnosis == "Two things at once. Twice. And: Add 1."


def test_each_of_several_values_has_its_own_cause():
    exercise = make(half_and_more, draw=_vector)
    diagnosis = exercise.check(lambda x: (x, x - 3)).diagnosis
    assert "The first value is off. Your result is 2 times too large" in diagnosis
    assert "The second value is off. The sign of `3` is turned" in diagnosis


def test_cutting_off_the_caller_s_tensor_in_place_is_named():
    def loss(student_logits, teacher_logits):
        return (student_logits - teacher_logits.detach()).square().mean()

    exercise = make(loss, gradient=("student_logits",))
    assert "in place" in exercise.check(lambda z, v: (z - v.detach_()).square().mean()).diagnosis


def test_a_value_exercise_shows_what_came_out():
    def questions(answer):
        answer.is_number().is_not(5, "That is the sum.").equals(6, "Off.")

    exercise = make(6, questions)
    assert exercise.check(6).status == "solved"
    assert exercise.check(5).diagnosis == "That is the sum." and "5" in repr(exercise.check(5))
    assert exercise.check(...).status == "not tried yet"
    assert isinstance(Mistake("x"), Exception)
