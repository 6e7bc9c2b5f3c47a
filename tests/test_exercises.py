"""Every exercise accepts its solution, names each known wrong answer, and survives whatever a learner passes."""

import functools
import importlib
import inspect
import itertools
import pathlib
import zlib

import numpy as np
import pytest
import torch

import kdlab.exercises
from kdlab.exercises.core import Exercise, OpenExercise, Quiz, ScoredExercise
from kdlab.exercises.engine import calls
from kdlab.exercises.engine.diagnosis import quietly
from kdlab.exercises.engine.mutations import step_changes
from kdlab.exercises.engine.values import close

MODULES = sorted(
    path.stem
    for path in pathlib.Path(kdlab.exercises.__file__).parent.glob("*.py")
    if path.stem not in ("__init__", "core")
)
LESSONS = {name: importlib.import_module(f"kdlab.exercises.{name}") for name in MODULES}
KINDS = (Exercise, OpenExercise, ScoredExercise)
ALL = {f"{m}.{name}": e for m, lesson in LESSONS.items() for name, e in vars(lesson).items() if isinstance(e, KINDS)}
EXERCISES = {name: e for name, e in ALL.items() if isinstance(e, Exercise)}
FUNCTIONS = [name for name, exercise in EXERCISES.items() if callable(exercise.reference)]
COMPARED = [name for name in FUNCTIONS if EXERCISES[name].draw is not None]


@pytest.fixture(autouse=True)
def repeatable(request, monkeypatch):
    """An exercise draws fresh numbers at each check; here they are fresh too, and the same in the next test run."""
    numbers = itertools.count(zlib.crc32(request.node.nodeid.encode()))
    monkeypatch.setattr(calls, "fresh_numbers", lambda: torch.default_generator.manual_seed(next(numbers)))


@pytest.fixture
def times(request):
    """How often an answer is checked, with fresh inputs each time: once in `make test-fast`."""
    return 1 if "not slow" in request.config.getoption("markexpr") else 3


@pytest.mark.parametrize("name", EXERCISES)
def test_solution_is_accepted(name, times):
    for _ in range(times):
        result = EXERCISES[name].check(EXERCISES[name].reference)
        assert result.status == "solved", result


@pytest.mark.parametrize("name", COMPARED)
def test_other_right_ways_are_accepted_or_told_what_they_lack(name):
    """A form may lack what a case asks (stability, a detached teacher); on ordinary inputs it must be right."""
    exercise = EXERCISES[name]
    for form in exercise.forms:
        for number in (0, 1):
            arguments = exercise.arguments(number)
            wanted, found = (
                quietly(exercise.watched(way), exercise.reference, arguments) for way in (exercise.reference, form)
            )
            assert close(found, wanted), inspect.getsource(form)


@pytest.mark.parametrize("name", COMPARED)
def test_each_form_has_steps_that_can_go_wrong(name):
    """A form whose source cannot be read is no detector: write it as a `def`, or as a lambda on a line of its own."""
    if EXERCISES[name].questions is None:
        assert all(len(step_changes(form)) > 2 for form in EXERCISES[name].all_forms())


def told_otherwise(exercise, answer, words, times):
    """Of so many checks the results that do not say these words."""
    results = [exercise.check(answer) for _ in range(times)]
    return [f"{words!r}: {r}" for r in results if r.status != "not yet" or not words or words not in r.diagnosis]


@pytest.mark.parametrize("name", [name for name in COMPARED if EXERCISES[name].mistakes])
def test_known_mistakes_are_told_their_sentences(name, times):
    exercise = EXERCISES[name]
    wrong = [told_otherwise(exercise, m.function, m.sentence, times) for m in exercise.variants()]
    assert not any(wrong), "\n".join(sum(wrong, []))


@pytest.mark.parametrize("name", [name for name, exercise in EXERCISES.items() if exercise.wrong])
def test_wrong_answers_are_told_their_mistakes(name, times):
    wrong = [told_otherwise(EXERCISES[name], answer, words, times) for answer, words in EXERCISES[name].wrong.values()]
    assert not any(wrong), "\n".join(sum(wrong, []))


@pytest.mark.parametrize("name", ALL)
def test_exercise_is_complete(name, monkeypatch):
    exercise = ALL[name]
    monkeypatch.setattr(exercise, "_hints_given", 0)  # whoever asked before
    if isinstance(exercise, Exercise):
        assert len(exercise.variants()) + len(exercise.wrong) >= 3
    assert 1 <= len(exercise.hints) <= 3
    assert exercise.difficulty in ("easy", "medium", "hard") and 1 <= exercise.minutes <= 40
    shown = [repr(exercise.hint()) for _ in range(len(exercise.hints) + 1)]
    assert exercise.hints[0] in shown[0] and exercise.hints[-1] in shown[-1]
    assert ("```python" in repr(exercise.solution())) or isinstance(exercise, OpenExercise)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name.endswith(("_loss", "_divergence"))])
def test_a_loss_is_asked_for_its_gradient(name):
    assert any(argument.startswith("student") for argument in EXERCISES[name].gradient)


@pytest.mark.parametrize("name", MODULES)
def test_lesson_is_complete(name):
    places = [e.place for key, e in ALL.items() if key.startswith(f"{name}.")]
    least = 1 if name == "start_here" else 4
    assert len(places) >= least and sorted(places) == list(range(1, len(places) + 1))
    assert len(LESSONS[name].quiz.questions) >= min(least, 3)


@pytest.mark.parametrize("name", ALL)
def test_untouched_is_not_an_error(name):
    exercise = ALL[name]
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
def test_stub_is_not_tried_yet(name):
    assert [EXERCISES[name].check(answer).status for answer in (stub, unfinished)] == ["not tried yet"] * 2


ODD = [
    (forgets_to_return, "returns nothing"),
    (raises, "1 / 0"),
    (lambda *a, **k: np.ones((3, 5)), "NumPy"),
    (lambda *a, **k: "seven", "str"),
    (lambda *a, **k: torch.nn.Linear(2, 2), "Linear"),
    (lambda *a, **k: (i for i in range(3)), "generator"),
    (lambda *a, **k: torch.softmax, ""),
    (7, "Pass your function itself"),
    (lambda: 7, "TypeError"),
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_odd_answers_get_a_message(name):
    for answer, words in ODD:
        result = EXERCISES[name].check(answer)
        assert result.status == "not yet" and words in result.diagnosis and "fell over" not in result.diagnosis, result


def changed(reference, change):
    """The reference with another kind of result: `change` is applied to each number or tensor of it."""

    def answer(*args, **kwargs):
        value = reference(*args, **kwargs)
        return type(value)(map(change, value)) if isinstance(value, (tuple, list)) else change(value)

    return answer


def as_dtype(dtype):
    return lambda value: value.to(dtype) if isinstance(value, torch.Tensor) and value.is_floating_point() else value


CHANGES = {
    "item": lambda v: v.item() if isinstance(v, torch.Tensor) and v.numel() == 1 else v,
    "numpy": lambda v: v.detach().numpy() if isinstance(v, torch.Tensor) else np.asarray(v),
    "float16": as_dtype(torch.float16),
    "bfloat16": as_dtype(torch.bfloat16),
    "int": lambda v: v.int() if isinstance(v, torch.Tensor) else v,
    "nan": lambda v: v * float("nan") if isinstance(v, (float, torch.Tensor)) else v,
    "list": lambda v: v.tolist() if isinstance(v, torch.Tensor) else v,
    "tuple": lambda v: (v, v),
    "one more axis": lambda v: v.unsqueeze(0) if isinstance(v, torch.Tensor) else v,
    "detached": lambda v: v.detach() if isinstance(v, torch.Tensor) else v,
    "sparse": lambda v: v.to_sparse() if isinstance(v, torch.Tensor) and v.ndim else v,
    "meta": lambda v: v.to("meta") if isinstance(v, torch.Tensor) else v,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_other_kinds_of_results_make_no_question_fall_over(name):
    for words, change in CHANGES.items():
        result = EXERCISES[name].check(changed(EXERCISES[name].reference, change))
        assert "fell over" not in result.diagnosis, (words, result)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_in_float64_is_right(name):
    result = EXERCISES[name].check(changed(EXERCISES[name].reference, as_dtype(torch.float64)))
    assert result.status == "solved", result


SCORED = [name for name, exercise in ALL.items() if isinstance(exercise, ScoredExercise)]


@pytest.mark.slow
@pytest.mark.parametrize("name", SCORED)
def test_a_score_does_not_fall_over_either(name):
    exercise, reference = ALL[name], ALL[name].reference
    without_arguments = not inspect.signature(reference).parameters
    if without_arguments:  # it trains a network: once is enough
        reference = functools.cache(reference)
    for change in CHANGES.values():
        result = exercise.check(changed(reference, change))
        assert result.status in ("solved", "not yet") and "fell over" not in result.diagnosis, result
    for answer, words in ODD:
        if without_arguments and words == "TypeError":
            words = "number"  # nothing is passed, so `lambda: 7` runs
        result = exercise.check(answer)
        assert result.status == "not yet" and words in result.diagnosis and "fell over" not in result.diagnosis, result
    assert exercise.check(changed(reference, as_dtype(torch.float64))).status == "solved"
    assert exercise.check(never_returns, time_limit=0.2).status == "not yet"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_an_answer_changes_globally_is_put_back(name):
    reference = EXERCISES[name].reference

    def careless(*args, **kwargs):
        torch.manual_seed(0)
        np.random.seed(0)
        torch.set_default_dtype(torch.float64)
        return reference(*args, **kwargs)

    torch.manual_seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    EXERCISES[name].check(careless)
    assert torch.equal(torch.get_rng_state(), before[0]) and np.random.get_state()[1].tolist() == before[1]
    assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("setting", ["float64", "no gradients"])
def test_a_reader_s_settings_do_not_reach_the_check(name, setting):
    try:
        torch.set_default_dtype(torch.float64) if setting == "float64" else torch.set_grad_enabled(False)
        result = EXERCISES[name].check(EXERCISES[name].reference)
        assert result.status == "solved", result
        assert (torch.get_default_dtype() == torch.float64) is (setting == "float64")
        assert torch.is_grad_enabled() is (setting == "float64")
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_never_returns_is_stopped(name):
    result = EXERCISES[name].check(never_returns, time_limit=0.05)
    assert result.status == "not yet" and "still running" in result.diagnosis


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
