"""Every exercise accepts its solution, names each known wrong answer, and survives whatever a learner passes."""

import importlib
import pathlib
import time

import numpy as np
import pytest
import torch

import kdlab.exercises
from kdlab.exercises.core import Exercise, Quiz

MODULES = sorted(
    path.stem
    for path in pathlib.Path(kdlab.exercises.__file__).parent.glob("*.py")
    if path.stem not in ("__init__", "core")
)
LESSONS = {name: importlib.import_module(f"kdlab.exercises.{name}") for name in MODULES}
EXERCISES = {
    f"{module}.{name}": value
    for module, lesson in LESSONS.items()
    for name, value in vars(lesson).items()
    if isinstance(value, Exercise)
}
WRONG = [(name, mistake) for name, exercise in EXERCISES.items() for mistake in exercise.wrong]
FUNCTIONS = [name for name, exercise in EXERCISES.items() if callable(exercise.reference)]


@pytest.mark.parametrize("name", EXERCISES)
def test_solution_is_accepted(name):
    for _ in range(5):  # the questions draw fresh inputs each time
        result = EXERCISES[name].check(EXERCISES[name].reference)
        assert result.status == "solved", result


@pytest.mark.parametrize("name, mistake", WRONG)
def test_wrong_answer_is_told_its_mistake(name, mistake):
    answer, words = EXERCISES[name].wrong[mistake]
    assert words, f"say which words the diagnosis of {mistake!r} must contain"
    for _ in range(5):
        result = EXERCISES[name].check(answer)
        assert result.status == "not yet" and words in result.diagnosis, result


@pytest.mark.parametrize("name", EXERCISES)
def test_exercise_is_complete(name):
    exercise = EXERCISES[name]
    assert len(exercise.wrong) >= 3
    assert 1 <= len(exercise.hints) <= 3
    assert exercise.difficulty in ("easy", "medium", "hard") and 1 <= exercise.minutes <= 40
    shown = [repr(exercise.hint()) for _ in range(len(exercise.hints) + 1)]
    assert exercise.hints[0] in shown[0] and exercise.hints[-1] in shown[-1]
    assert "```python" in repr(exercise.solution())


@pytest.mark.parametrize("name", MODULES)
def test_lesson_is_complete(name):
    places = [e.place for key, e in EXERCISES.items() if key.startswith(f"{name}.")]
    least = 1 if name == "start_here" else 4
    assert len(places) >= least and sorted(places) == list(range(1, len(places) + 1))
    assert len(LESSONS[name].quiz.questions) >= min(least, 3)


@pytest.mark.parametrize("name", EXERCISES)
def test_untouched_is_not_an_error(name):
    exercise = EXERCISES[name]
    assert exercise.check(...).status == exercise.check(None).status == exercise.check().status == "not tried yet"


def stub(*args, **kwargs):
    """A docstring, as every stub has."""
    ...


def unfinished(*args, **kwargs):
    raise NotImplementedError


def forgets_to_return(*args, **kwargs):
    torch.ones(3) + 1


def raises(*args, **kwargs):
    return 1 / 0


def never_returns(*args, **kwargs):
    while True:
        pass


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("answer", [stub, unfinished])
def test_stub_is_not_tried_yet(name, answer):
    assert EXERCISES[name].check(answer).status == "not tried yet"


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    "answer, words",
    [
        (forgets_to_return, "returns nothing"),
        (raises, "1 / 0"),
        (lambda *a, **k: np.ones((3, 5)), "NumPy"),
        (lambda *a, **k: "seven", "str"),
        (7, "Pass your function itself"),
        (lambda: 7, "TypeError"),
    ],
)
def test_odd_answers_get_a_message(name, answer, words):
    result = EXERCISES[name].check(answer)
    assert result.status == "not yet" and words in result.diagnosis, result


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_never_returns_is_stopped(name):
    start = time.monotonic()
    result = EXERCISES[name].check(never_returns, time_limit=0.2)
    assert result.status == "not yet" and "still running" in result.diagnosis
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("name", FUNCTIONS)
def test_printing_is_noted_and_kept_out_of_the_notebook(name, capsys):
    reference = EXERCISES[name].reference

    def chatty(*args, **kwargs):
        print("shape", 3)
        return reference(*args, **kwargs)

    result = EXERCISES[name].check(chatty)
    assert result.status == "solved" and "prints" in repr(result)
    assert capsys.readouterr().out == ""


def test_result_escapes_what_the_learner_returns():
    result = next(iter(EXERCISES.values())).check(lambda *a: "<script>alert(1)</script>")
    assert "<script>" not in result._repr_html_()


@pytest.mark.parametrize("module", MODULES)
def test_every_quiz_option_has_feedback(module):
    quiz = LESSONS[module].quiz
    assert isinstance(quiz, Quiz)
    for number, question in enumerate(quiz.questions, 1):
        results = [quiz.answer(number, chr(97 + i)) for i in range(len(question.options))]
        assert all(result.diagnosis for result in results)
        assert [result.status for result in results].count("solved") == 1
    with pytest.raises(ValueError, match="options a to"):
        quiz.answer(1, "z")
    with pytest.raises(ValueError, match="questions 1 to"):
        quiz.answer(99, "a")
