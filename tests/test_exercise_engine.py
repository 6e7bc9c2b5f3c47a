"""The engine of the exercises: what a change of the reference names, what properties say, what it never does."""

import importlib
import inspect
import math

import numpy as np
import pytest
import torch
from lessons import SOURCES, exercises_of
from torch.nn import functional as F

from kdlab import labels, losses, metrics, relations
from kdlab.exercises import distillation_loss as lesson_03
from kdlab.exercises import kl_divergence as lesson_02
from kdlab.exercises import softmax_and_temperature as lesson_01
from kdlab.exercises.core import Draw, Exercise, OpenExercise, ScoredExercise
from kdlab.exercises.engine.diagnosis import quietly
from kdlab.exercises.engine.mutations import argument_changes, step_changes, with_arguments
from kdlab.exercises.engine.properties import (
    Evidence,
    _common_place,
    a_class_that_cannot_happen,
    ends_of_the_weight,
    least_at_equals,
)
from kdlab.exercises.engine.values import close

EXERCISES = {
    f"{source.stem[3:]}.{name}": exercise
    for source in SOURCES
    for name, exercise in vars(exercises_of(source)).items()
    if isinstance(exercise, Exercise)
}


def make(reference, **options):
    return Exercise(1, "A title", 5, "easy", reference, ("a", "b"), **options)


def _soft_loss(student_logits, teacher_logits, *, temperature):
    """T² times the mean of KL over the rows."""
    log_q = F.log_softmax(student_logits / temperature, dim=-1)
    log_p = F.log_softmax(teacher_logits.detach() / temperature, dim=-1)
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()


soft_loss = make(_soft_loss, gradient=("student_logits",))


def told(answer, exercise=soft_loss):
    result = exercise.check(answer)
    assert result.status == "not yet", result
    return result.diagnosis


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda z, v, *, temperature: _soft_loss(v, z, temperature=temperature), "swapped"),
        (lambda z, v, *, temperature: _soft_loss(z, v, temperature=1.0), "no difference"),
        (lambda z, v, *, temperature: _soft_loss(z, v, temperature=temperature) / temperature**2, "`temperature`²"),
        (lambda z, v, *, temperature: _soft_loss(z * temperature, v, temperature=temperature), "Only `teacher_logits` is"),
        (lambda z, v, *, temperature: _soft_loss(z, v * temperature, temperature=temperature), "Only `student_logits` is"),
        (lambda z, v, *, temperature: len(z) * _soft_loss(z, v, temperature=temperature), "the number of rows"),
        (lambda z, v, *, temperature: _soft_loss(z, v, temperature=temperature) / z.shape[1], "the number of classes"),
        (lambda z, v, *, temperature: _soft_loss(z, v, temperature=temperature) / math.log(2), "bits are to base 2"),
        (lambda z, v, *, temperature: -_soft_loss(z, v, temperature=temperature), "sign"),
        (lambda z, v, *, temperature: _soft_loss(z, 1e4 * v.eq(v.amax(-1, keepdim=True)), temperature=temperature), "argmax"),
        (lambda z, v, *, temperature: _soft_loss(z.detach(), v, temperature=temperature), "No gradient flows"),
        (lambda z, v, *, temperature: _soft_loss(z, v, temperature=temperature).item(), "No gradient flows"),
        (lambda z, v, *, temperature: _soft_loss(z, v, temperature=temperature) + 1, "too large by 1"),
        (lambda z, v, *, temperature: torch.tensor(3.0, requires_grad=True) * 1, "whatever comes in"),
        (lambda z, v, *, temperature: len(z) * _soft_loss(v, z, temperature=temperature), "Two things at once"),
        (lambda z, v, *, temperature: (_soft_loss(z, v, temperature=temperature) - 1e3).log(), "nan"),
    ],
)  # fmt: skip
def test_mistakes_that_nobody_listed_are_named(answer, words):
    assert words in told(answer)


def test_a_gradient_that_flows_into_the_teacher_is_named():
    def answer(z, v, *, temperature):
        log_q, log_p = (z / temperature).log_softmax(-1), (v / temperature).log_softmax(-1)
        return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(-1).mean()

    assert "flows into `teacher_logits`" in told(answer)


def test_a_part_that_is_cut_off_is_named():
    def answer(z, v, labels, *, temperature, alpha):
        with torch.no_grad():
            soft = losses.kl_divergence(z, v, temperature=temperature) * temperature**2
        return alpha * F.cross_entropy(z, labels) + (1 - alpha) * soft

    assert "no gradient passes through" in told(answer, lesson_03.distillation_loss)


def test_a_loss_that_calls_backward_itself_is_named():
    def answer(z, v, *, temperature):
        loss = _soft_loss(z, v, temperature=temperature)
        if loss.requires_grad:
            loss.backward(retain_graph=True)
        return loss

    assert "calls backward() itself" in told(answer)


def test_a_change_must_explain_two_draws():
    """5 classes in the first draw: "divided by 5" is not "divided by the classes"."""
    assert "number of classes" not in told(lambda z, v, *, temperature: _soft_loss(z, v, temperature=temperature) / 5)


def test_sizes_and_numbers_differ_within_a_draw_and_between_draws():
    for name in ("rows", "classes", "tokens", "width", "temperature", "weight"):
        assert getattr(Draw(0), name) != getattr(Draw(1), name)
    for draw in (Draw(0), Draw(1)):
        assert len({draw.rows, draw.classes, draw.tokens, draw.width}) == 4


@pytest.mark.parametrize(
    "error, words",
    [
        (lambda z: z - z.max(-1).values, "`z` has shape (6, 5) and `z.max(-1).values` has shape (6,)"),
        (lambda z: z @ z, "`z` has shape (6, 5) and `z` has shape (6, 5)"),
        (lambda z: z + torch.ones(4), "which dimension was meant to meet which?"),
        (lambda z: z == z.max(-1).values, "`z` has shape (6, 5) and `z.max(-1).values` has shape (6,)"),
        (lambda z: torch.cat([z, z.mT]), "`z` has shape (6, 5) and `z.mT` has shape (5, 6)"),
        (lambda z: torch.cdist(z, z.mT), "`z` has shape (6, 5) and `z.mT` has shape (5, 6)"),
    ],
)
def test_shapes_that_do_not_fit_are_both_shown(error, words):
    assert words in told(error, lesson_01.stable_softmax)


def test_an_exception_names_the_learner_s_line():
    def answer(logits):
        shifted = logits - 1
        return shifted.softmaxx(-1)

    assert "(at `return shifted.softmaxx(-1)`, line 3 of your function)" in told(answer, lesson_01.stable_softmax)


def _halved(logits):
    return logits.half_of_it()


def test_an_exception_in_a_function_that_the_learner_s_calls_names_that_one():
    assert "(at `return logits.half_of_it()`, line 2 of `_halved`)" in told(
        lambda logits: _halved(logits), lesson_01.stable_softmax
    )

    def in_a_list(logits):
        return [row.softmaxx(-1) for row in logits]

    assert "line 2 of your function)" in told(in_a_list, lesson_01.stable_softmax)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda p: p.to_sparse(), "You returned a sparse tensor"),
        (lambda p: p.to("meta"), "on the device meta"),
        (lambda p: torch.nested.nested_tensor(list(p)), "You returned a nested tensor"),
    ],
)
def test_tensors_that_cannot_be_compared_are_named(change, words):
    assert words in told(lambda logits: change(logits.softmax(-1)), lesson_01.stable_softmax)


def test_pytorch_s_warnings_are_shown_in_full_and_without_paths():
    result = lesson_01.stable_softmax.check(lambda logits: F.softmax(logits))
    notes = " ".join(result.notes)
    assert "Implicit dimension choice for softmax has been deprecated" in notes and "dim=X" in notes
    assert ".py" not in notes and "/" not in notes


def test_a_question_that_falls_over_says_whose_fault_it_is():
    def questions(ask):
        ask(torch.ones(2)).value.no_such_thing()

    diagnosis = make(lambda x: x, questions=questions).check(lambda x: x * 2).diagnosis
    assert "course's fault" in diagnosis and "torch tensor" in diagnosis and "report" in diagnosis


def test_the_time_limit_holds_for_a_whole_check():
    import time

    def slow(student_logits, teacher_logits, *, temperature):
        time.sleep(0.15)
        return _soft_loss(student_logits, teacher_logits, temperature=temperature)

    assert "still running" in soft_loss.check(slow, time_limit=0.2).diagnosis


def test_the_last_resort_is_a_small_case_worked_out():
    diagnosis = told(lambda logits: (logits + logits.sin()).softmax(-1), lesson_01.stable_softmax)
    assert "small case" in diagnosis and "should be" in diagnosis


# Every step of every reference ----------------------------------------------------------------------------------------

STEPS = [
    (exercise, change)
    for exercise in (lesson_01.soft_targets, lesson_01.entropy, lesson_02.kl_divergence, lesson_03.soft_term_gradient,
                     lesson_03.distillation_loss, lesson_03.logit_matching_loss, soft_loss)
    for change in step_changes(exercise.reference)
]  # fmt: skip


@pytest.mark.parametrize("exercise, change", STEPS[::3], ids=lambda value: getattr(value, "sentence", "")[:60])
def test_a_changed_step_is_refused_and_explained_or_changes_nothing(exercise, change):
    same = all(
        close(
            quietly(change.function, exercise.reference, arguments),
            quietly(exercise.reference, exercise.reference, arguments),
        )
        for arguments in (exercise.arguments(number) for number in (0, 1, 0, 1))
    )
    result = exercise.check(change.function)
    assert "no name here" not in result.diagnosis and "fell over" not in result.diagnosis
    assert result.status == "not yet" or same


def test_argument_changes_change_something():
    exercise = lesson_03.distillation_loss
    changes = argument_changes(exercise.reference, exercise.roles)
    assert len(changes) > 8
    for sentence, change in changes:
        arguments = exercise.arguments(0)
        changed = with_arguments(exercise.reference, exercise.reference, change)
        assert not close(
            quietly(changed, exercise.reference, arguments), quietly(exercise.reference, exercise.reference, arguments)
        ), sentence


# kdlab's own functions pass the course's exercises --------------------------------------------------------------------


def _of_names(exercise, function):
    """kdlab's function, which takes some arguments by name only, called as the exercise calls its answer."""
    names = list(inspect.signature(exercise.reference).parameters)
    return lambda *args, **kwargs: function(**dict(zip(names, args, strict=False)), **kwargs)


def _twins():
    """Every exercise whose name and arguments are those of a function of kdlab, with that function."""
    mine = {
        name: function
        for module in (losses, metrics, labels, relations)
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__
    }
    for name, exercise in EXERCISES.items():
        function = mine.get(name.partition(".")[2])
        if function and set(inspect.signature(exercise.reference).parameters) <= set(
            inspect.signature(function).parameters
        ):
            yield exercise, function


OWN = [
    *_twins(),
    (lesson_02.repaired_loss, losses.kl_divergence),
    (EXERCISES["relation_distillation.linear_cka"], lambda x, y: metrics.linear_cka(x, y)),
]


def test_losses_of_most_lessons_are_among_them():
    names = {function.__name__ for _, function in OWN}
    assert {"kl_divergence", "distillation_loss", "hint_loss", "cosine_relation_loss", "attention_kl_loss"} <= names
    assert len(OWN) >= 26


@pytest.mark.parametrize("exercise, function", OWN, ids=[exercise.title for exercise, _ in OWN])
def test_kdlab_s_own_function_passes_the_exercise_on_it(exercise, function):
    result = exercise.check(_of_names(exercise, function))
    assert result.status == "solved", result


# Two more kinds -------------------------------------------------------------------------------------------------------


def test_an_open_exercise_compares_nothing_and_says_how_to():
    exercise = OpenExercise(1, "Design a control", 20, "hard", ("a", "b"), "A good answer permutes the soft targets.")
    assert {exercise.check(nothing).status for nothing in (..., None, "", " \n")} == {"not tried yet"}
    for odd in (torch.ones(3), np.array(["a", ""]), ["permute"], {"a": 1}, lambda: 0, 0):  # whose == may be no bool
        assert exercise.check(odd).status == "open"
    result = exercise.check("permute them")
    assert result.status == "open" and ".solution()" in result.diagnosis and "◇" in repr(result)
    assert "permutes" in repr(exercise.solution()) and "Hint 1 of 2" in repr(exercise.hint())


def test_an_exercise_hands_out_the_answer_if_it_is_right_and_else_its_own():
    exercise = Exercise(1, "Half", 5, "easy", lambda logits: logits / 2, ("a",))
    right, wrong = (lambda logits: 0.5 * logits), (lambda logits: 2 * logits)
    assert exercise.yours_or_ours(right) is right
    for other in (wrong, None, ..., 3, lambda logits: None):
        assert exercise.yours_or_ours(other) is exercise.reference


def test_a_scored_exercise_says_both_scores():
    def score(ask):
        return float(ask(3).is_number().value)

    exercise = ScoredExercise(1, "As many as you can", 20, "hard", lambda x: x + 2, ("a",), score, 5.0, 4.0, "points")
    good, poor = exercise.check(lambda x: x + 1), exercise.check(lambda x: x)
    assert good.status == "solved" and good.score == 4.0 and "the lesson's own: 5 points" in good.diagnosis
    assert poor.status == "not yet" and "At least 4 points" in poor.diagnosis
    assert exercise.check(exercise.reference).status == "solved" and exercise.check(...).status == "not tried yet"
    assert (
        "ZeroDivisionError" in exercise.check(lambda x: x / 0).diagnosis
        and "numeric" not in exercise.check(lambda x: x).diagnosis
    )
    fallen = ScoredExercise(1, "Ours", 20, "hard", lambda x: x, ("a",), lambda ask: ask(3).value.nothing, 3.0, 3.5)
    assert "course's fault" in fallen.check(lambda x: torch.ones(2)).diagnosis
    low = ScoredExercise(1, "Few errors", 20, "hard", lambda x: x, ("a",), score, 3.0, 3.5, higher=False)
    assert low.check(lambda x: x).status == "solved" and low.check(lambda x: 2 * x).status == "not yet"


def test_a_score_may_come_with_a_note():
    exercise = ScoredExercise(
        1, "Both", 20, "hard", lambda: 2, ("a",), lambda ask: (ask().value, "of two kinds"), 2.0, 2.0
    )
    for answer, status in ((lambda: 2, "solved"), (lambda: 1, "not yet")):
        result = exercise.check(answer)
        assert result.status == status and result.notes == ("of two kinds",) and "of two kinds" in repr(result)


def _gap(values, other, *, scale):
    """Two numbers: the mean gap, and its spread."""
    gap = scale * (values - other)
    return gap.mean(), gap.std()


two_numbers = make(
    _gap,
    draw=lambda draw: {"values": draw.logits(draw.rows), "other": draw.logits(draw.rows), "scale": draw.temperature},
)


@pytest.mark.parametrize(
    "answer, words",
    [
        (
            lambda a, b, *, scale: (_gap(b, a, scale=scale)[0], _gap(a, b, scale=2 * scale)[1]),
            "The second value is off",
        ),
        (lambda a, b, *, scale: (scale * a.square().sum(), scale * a.std()), "`other` makes no difference"),
        (lambda a, b, *, scale: _gap(a, b, scale=4.4), "`scale` makes no difference"),
    ],
)
def test_parts_and_arguments_that_make_no_difference_are_named(answer, words):
    assert words in told(answer, two_numbers)


def _rise(model):
    """Adds two to the bias, and returns what it was."""
    before = model.bias.item()
    model.bias.data.add_(2)
    return before


def _called_once(rise, model):
    return {"result": rise(model), "bias afterwards": model.bias.item()}


rise = make(_rise, draw=lambda draw: {"model": torch.nn.Linear(1, 1)}, observe=_called_once)


def test_what_a_call_leaves_behind_is_compared():
    def late(model):
        model.bias.data.add_(2)
        return model.bias.item()

    assert rise.check(_rise).status == "solved"
    assert "The step `model.bias.data.add_(2)` is missing" in told(lambda model: model.bias.item(), rise)
    assert "The result is off. Yours is too large by 2" in told(late, rise)


def _rows(values):
    return values * torch.arange(len(values))[:, None]


rows = make(_rows, draw=lambda draw: {"values": draw.logits()})


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda v: _rows(v)[-1], "That is the last one alone"),
        (lambda v: _rows(v)[:-1], "the end is missing"),
        (lambda v: _rows(v).flatten(), "an axis is joined with another"),
    ],
)
def test_rows_that_are_lost_on_the_way_are_named(answer, words):
    assert words in told(answer, rows)


def _of_the_label(logits, labels):
    return logits.gather(1, labels[:, None])[:, 0]


def test_all_columns_for_every_row_are_named():
    exercise = make(_of_the_label)
    assert "on its diagonal: you took all columns for every row" in told(lambda z, y: z[:, y], exercise)
    assert "diagonal" not in told(lambda z, y: z @ z.T, exercise)


def test_a_simulation_may_be_off_by_its_tolerance():
    exercise = make(lambda alpha: alpha / 2, tolerance=0.05, draw=lambda draw: {"alpha": draw.weight})
    assert exercise.check(lambda alpha: 0.51 * alpha).status == "solved"
    assert exercise.check(lambda alpha: 0.54 * alpha).status == "not yet"


def test_a_small_number_before_a_logarithm_is_named():
    words = told(
        lambda z, v, *, temperature=1.0: _kl_with(1e-3, z / temperature, v / temperature), lesson_02.kl_divergence
    )
    assert "A small number is added before the logarithm, about 0.001" in words


def _kl_with(small, z, v):
    q, p = z.softmax(-1), v.detach().softmax(-1)
    return (p * (v.detach().log_softmax(-1) - (q + small).log())).sum(-1).mean()


def _cosines(features):
    unit = F.normalize(features, dim=-1)
    return (unit @ unit.mT).fill_diagonal_(0.0)


cosines = make(_cosines, draw=lambda draw: {"features": draw.logits()})


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda f: _cosines(f) + 0.3 * torch.eye(len(f)), "all on the diagonal, where row and column are the same"),
        (lambda f: _cosines(f).fill_diagonal_(torch.nan), "Some of your values are nan, all on the diagonal"),
    ],
)
def test_what_the_wrong_entries_have_in_common_is_said(answer, words):
    assert words in told(answer, cosines)


def test_indices_that_are_the_same_are_named_in_tables_of_three_axes():
    off = torch.zeros(3, 3, 3, dtype=torch.bool)
    off[torch.arange(3), torch.arange(3)] = True
    assert _common_place(off) == "all where the first and the second index are the same"
    assert _common_place(off | off.transpose(1, 2)).startswith(
        "all where the first and the second or the first and the third"
    )
    assert _common_place(off & (torch.arange(3) > 0)) == _common_place(~off & False) == ""


@pytest.mark.parametrize(
    "lesson, name, solved",
    [
        ("dark_knowledge", "copied_mistakes", True),
        ("dark_knowledge", "flip_labels", True),
        ("language_models", "later_gains", True),
        ("language_models", "next_character", False),
        ("feature_distillation", "as_convolution", False),
        ("feature_distillation", "rest_divergence", False),
        ("the_students_own_steps", "remainder", False),
    ],
)
def test_older_copies_find_the_exercises_that_moved_or_went(lesson, name, solved):
    exercise = getattr(importlib.import_module(f"kdlab.exercises.{lesson}"), name)
    result = exercise.check(getattr(exercise, "reference", len))
    assert result.status == ("solved" if solved else "open") and repr(exercise.hint()) and repr(exercise.solution())
    assert solved or "no longer part of the course" in result.diagnosis


def test_a_name_that_never_was_is_an_attribute_error():
    with pytest.raises(AttributeError, match="language_models.*nothing_like_it"):
        _ = importlib.import_module("kdlab.exercises.language_models").nothing_like_it


def _says(speak, reference, answer):
    """What a property says of an answer."""
    exercise = make(reference)

    def evidence(function):
        arguments = [exercise.arguments(number) for number in (0, 1)]
        call = lambda given: quietly(function, reference, given)  # noqa: E731
        wanted = lambda given: quietly(reference, reference, given)  # noqa: E731
        return Evidence(call, wanted, exercise.roles, [(a, call(a), wanted(a)) for a in arguments])

    return speak(evidence(answer))


def _cross_entropy(student_logits, teacher_logits):
    return -(teacher_logits.softmax(-1) * student_logits.log_softmax(-1)).sum(-1).mean()


def _mixed(student_logits, teacher_logits, labels, *, alpha):
    hard = F.cross_entropy(student_logits, labels)
    return alpha * hard + (1 - alpha) * _cross_entropy(student_logits, teacher_logits)


@pytest.mark.parametrize(
    "speak, reference, answer, words",
    [
        (least_at_equals, _cross_entropy, lambda z, v: -_cross_entropy(z, v), "it is pushed away"),
        (
            a_class_that_cannot_happen,
            _cross_entropy,
            lambda z, v: _cross_entropy(z, v) / z.shape[-1],
            "should change nothing",
        ),
        (
            ends_of_the_weight,
            _mixed,
            lambda z, v, y, *, alpha: 2 * _mixed(z, v, y, alpha=alpha**2),
            "it should be half-way between alpha = 0 and alpha = 1",
        ),
    ],
)
def test_properties_of_losses_speak_of_answers_that_lack_them(speak, reference, answer, words):
    assert words in _says(speak, reference, answer)
    if speak is not ends_of_the_weight:  # that one is asked of wrong answers only
        assert _says(speak, reference, reference) is None


def _mostly_labels(student_logits, teacher_logits, labels):
    return _mixed(student_logits, teacher_logits, labels, alpha=0.9)


def test_a_loss_in_which_labels_pull_too_need_not_be_least_at_the_teacher():
    assert _says(least_at_equals, _mostly_labels, lambda z, v, y: -_cross_entropy(z, v)) is None


def _smallest(features, size):
    """The smallest means, in their order."""
    ordered = features.mean(-1).sort().values
    return ordered[:size]


def _ranks(features):
    return features.mean(-1).argsort().argsort()


def _costs(sizes, bits):
    return sum(math.ceil(rows * columns * bits / 8) + 2 * rows for rows, columns in sizes)


def _differences(sizes, bits):
    total = 0
    for first, second in sizes:
        total += bits * first - second
    return total


def _pair(draw):
    return {"sizes": [(draw.rows, draw.width), (draw.tokens, draw.classes)], "bits": 3 + draw.number}


smallest = make(_smallest, roles={"size": "size"}, draw=lambda draw: {"features": draw.logits(), "size": draw.tokens})
ranks = make(_ranks, draw=lambda draw: {"features": draw.logits()})
costs, differences = (make(reference, roles={"bits": "size"}, draw=_pair) for reference in (_costs, _differences))


@pytest.mark.parametrize(
    "exercise, answer, words",
    [
        (smallest, lambda x, n: x.mean(-1).sort(descending=True).values[:n], "largest to the front"),
        (smallest, lambda x, n: x.mean(-1).sort().values[-n:], "the last of them, where `[:size]` belongs"),
        (smallest, lambda x, n: x.mean(-1).sort().values[n:], "the part that should be left"),
        (ranks, lambda x: x.mean(-1).argsort(), "the rank of each entry is the argsort of those"),
        (
            costs,
            lambda sizes, bits: sum(math.ceil(a * b * bits / 8) + 2 * b for a, b in sizes),
            "`rows` and `columns` are in each other's place",
        ),
        (
            differences,
            lambda sizes, bits: sum(bits * b - a for a, b in sizes),
            "`first` and `second` are in each other's place",
        ),
    ],
)
def test_cuts_orders_and_what_is_unpacked_are_changed_too(exercise, answer, words):
    assert words in told(answer, exercise)


def test_a_slice_whose_ends_are_numbers_or_both_given_keeps_them():
    sentences = [change.sentence for change in step_changes(lambda logits, size: logits[1:][1:size][:size])]
    assert {s for s in sentences if "off by one (`" in s} == {
        f"You cut at `size {more}`: off by one (`[:size]`)." for more in ("+ 1", "- 1")
    }


def test_a_rounded_fraction_is_not_turned_upside_down():
    # math.ceil(8 / rows · columns · bits) is 1 for all sizes, as if the whole count were missing
    assert not any("upside down" in change.sentence for change in step_changes(_costs))
    assert any("upside down" in change.sentence for change in step_changes(lambda logits, size: logits / size))


class _OneGradient(torch.autograd.Function):
    """A backward that forgets one of two arguments."""

    @staticmethod
    def forward(ctx, a, b):
        return a + b

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def test_a_backward_that_fails_is_the_answer_s_and_not_the_course_s():
    def slope(function, a, b):
        a = a.clone().requires_grad_()
        return {"slope": torch.autograd.grad(function(a, b).sum(), a)[0]}

    draw = lambda draw: {"a": draw.logits(), "b": draw.logits()}  # noqa: E731
    exercise = make(lambda a, b: a + b, observe=slope, draw=draw, roles={"a": "features", "b": "features"})
    diagnosis = told(lambda a, b: _OneGradient.apply(a, b), exercise)
    assert "No gradient can be computed" in diagnosis and "a gradient for each argument of forward" in diagnosis
    assert exercise.check(lambda a, b: b + a).status == "solved"


def test_a_large_score_is_written_out():
    exercise = ScoredExercise(
        1, "Bytes", 20, "hard", lambda: 2, ("a",), lambda ask: ask().value, 2208.0, 6e3, "bytes", False
    )
    assert "Your score: 15464 bytes; the lesson's own: 2208 bytes." in exercise.check(lambda: 15464).diagnosis
