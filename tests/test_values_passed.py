"""What people pass: NumPy's numbers, learned temperatures, probabilities, maps, -100, minus infinity, models' outputs."""

import dataclasses
import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from loss_table import TABLE, arguments
from torch import nn
from torch.nn import functional as F

from kdlab import (
    arithmetic,
    checks,
    crowds,
    drafting,
    generation,
    labels,
    language,
    losses,
    luck,
    metrics,
    pieces,
    relations,
    sweeps,
    teachers,
    token_caches,
    training,
    walks,
)
from kdlab.models import MLP, LanguageModel, TextClassifier, logits_of
from kdlab.training import Recipe


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


Z, V, Y = 3 * random(6, 5), 3 * random(6, 5, seed=1), torch.tensor([0, 1, 2, 3, 4, 0])


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


# --- numbers --------------------------------------------------------------------------------------

TWO = [2, 2.0, Fraction(2), np.int64(2), np.uint8(2), np.float32(2), np.float16(2), np.array(2.0), torch.tensor(2),
       torch.tensor(2.0, dtype=torch.float16)]  # fmt: skip


@pytest.mark.parametrize("two", TWO, ids=lambda two: f"{type(two).__name__} {getattr(two, 'dtype', '')}")
def test_a_number_may_be_of_any_kind(two):
    assert checks.check_number("x", two) == 2.0 and type(checks.check_number("x", two)) is float
    assert losses.kl_divergence(Z, V, temperature=two) == losses.kl_divergence(Z, V, temperature=2.0)
    half = two / 4
    loss = losses.distillation_loss(Z, V, Y, temperature=two, alpha=half)
    assert loss == losses.distillation_loss(Z, V, Y, temperature=2.0, alpha=0.5)


@pytest.mark.parametrize("three", [3, np.int64(3), np.uint8(3), np.array(3), torch.tensor(3)])
def test_a_whole_number_may_be_of_any_kind(three):
    assert checks.check_whole("x", three, 0) == 3 and type(checks.check_whole("x", three, 0)) is int
    assert torch.equal(weights(MLP(4, three, 2, seed=three)), weights(MLP(4, 3, 2, seed=3)))
    reader = TextClassifier(9, 2, width=np.int64(6), heads=three, layers=1, seed=three)
    assert torch.equal(weights(reader), weights(TextClassifier(9, 2, width=6, heads=3, layers=1, seed=3)))
    assert token_caches.top_k_cache(Z, three).ids.shape == (6, 3)
    assert metrics.reliability(Z, Y, bins=three) == metrics.reliability(Z, Y, bins=3)
    assert metrics.distinct_n([[1, 2, 3, 4]], three) == 1.0


@pytest.mark.parametrize(
    "bad", [True, np.bool_(True), "2", None, 2j, torch.ones(1), np.ones(1), [2], torch.tensor(True)]
)
def test_what_is_no_single_number_is_refused(bad):
    with pytest.raises(ValueError, match="temperature must be a number"):
        losses.kl_divergence(Z, V, temperature=bad)
    with pytest.raises(ValueError, match="steps must be a whole number"):
        Recipe(steps=bad)


def test_recipes_take_numpys_numbers_and_hold_plain_ones():
    recipe = Recipe(
        temperature=np.float32(2), alpha=np.float64(0.5), steps=np.int64(9), batch_size=np.int32(4),
        learning_rate=np.float32(0.25), seed=np.uint8(7), changes={np.int64(3): {"alpha": np.float32(0.25)}},
    )  # fmt: skip
    recipe.change(np.int64(4), temperature=np.int64(8))
    plain = Recipe(
        temperature=2.0, alpha=0.5, steps=9, batch_size=4, learning_rate=0.25, seed=7,
        changes={3: {"alpha": 0.25}, 4: {"temperature": 8.0}},
    )  # fmt: skip
    assert recipe == plain and str(recipe) == str(plain) and Recipe.parse(str(recipe)) == plain
    for name, value in dataclasses.asdict(plain).items():
        assert type(getattr(recipe, name)) is type(value), name
    assert all(type(step) is int for step in recipe.changes)


def test_seeds_and_rates_from_numpy_train_the_same_students():
    grid = sweeps.grid(Recipe(steps=3), learning_rate=np.array([0.01, 0.02]), seed=np.arange(2))
    assert grid == sweeps.grid(Recipe(steps=3), learning_rate=[0.01, 0.02], seed=range(2))
    trained = []
    for seeds in (np.arange(2), range(2)):
        students = [MLP(5, 4, 5, seed=seed) for seed in seeds]
        for student, seed in zip(students, seeds, strict=True):
            training.fit(student, Z, Y, V, recipe=Recipe(steps=3, seed=seed), evaluate_every=np.int64(2))
        trained.append(torch.cat([weights(student) for student in students]))
    assert torch.equal(*trained)
    arms = {"a": lambda seed: seed + 1, "b": lambda seed: 2 * seed}
    assert training.compare(arms, np.arange(3))["a"]["mean"] == 2


def test_language_runs_take_numpys_numbers():
    text = torch.arange(40) % 6
    students = []
    for number in (int, np.int64):
        student, teacher = (LanguageModel(6, width=8, heads=2, layers=1, context=16, seed=s) for s in (number(0), 1))
        recipe = Recipe(temperature=1.0, alpha=0.0, steps=2, batch_size=2)
        training.drain(language.train_language_model(student, text, recipe=recipe, length=number(6)))
        options = {"length": number(6), "prompt": number(2), "on_policy": np.float32(1) if number is np.int64 else 1.0}
        training.drain(language.distill_on_policy(student, teacher, text, recipe=recipe, **options))
        language.predict_text(student, text, number(8))
        students.append(student)
        written = generation.generate(student, text[None, :3], number(4), temperature=number(1))
        assert written.shape == (1, 7)
    assert torch.equal(weights(students[0]), weights(students[1]))


def test_labels_are_drawn_and_flipped_with_numpys_numbers():
    generator = torch.Generator
    drawn = [labels.balanced_draw(Y.repeat(3), one, generator().manual_seed(0)) for one in (2, np.int64(2))]
    assert torch.equal(*drawn)
    flipped = [labels.flip_labels(Y, half, generator().manual_seed(0), 5) for half in (0.5, np.float32(0.5))]
    assert torch.equal(*flipped)


# --- a temperature to be learned ------------------------------------------------------------------

LEARNED = [
    nn.Parameter(torch.tensor(2.0)),
    torch.tensor(2.0, requires_grad=True),
    torch.tensor([2.0], requires_grad=True),
]


@pytest.mark.parametrize("learned", LEARNED, ids=["Parameter", "tensor", "one entry"])
def test_a_number_with_a_gradient_is_refused_and_never_cut_off_in_silence(learned):
    advice = "temperature is a tensor with a gradient.*temperature.item()"
    calls = [
        lambda: losses.soft_targets(Z, learned),
        lambda: losses.kl_divergence(Z, V, temperature=learned),
        lambda: losses.distillation_loss(Z, V, Y, temperature=learned, alpha=0.5),
        lambda: Recipe(temperature=learned),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=advice):
            call()
    with pytest.raises(ValueError, match="alpha is a tensor with a gradient"):
        losses.distillation_loss(Z, V, Y, temperature=2.0, alpha=learned / 4)
    with pytest.raises(ValueError, match="learning_rate is a tensor with a gradient"):
        Recipe(learning_rate=learned)


def test_the_way_to_learn_a_temperature_that_the_message_names():
    temperature = nn.Parameter(torch.tensor(2.0))
    loss = losses.kl_divergence(Z / temperature, V)
    assert loss.item() == pytest.approx(losses.kl_divergence(Z, V * 2, temperature=2.0).item(), rel=1e-5)
    loss.backward()
    assert temperature.grad.abs() > 0


def test_a_core_takes_a_learned_temperature_as_it_is_and_gives_it_its_gradient():
    def loss(value):
        return losses.distillation_loss_core(Z.double(), V.double(), Y, temperature=value, alpha=0.3)

    temperature = nn.Parameter(torch.tensor(2.0, dtype=torch.double))
    (slope,) = torch.autograd.grad(loss(temperature), temperature)
    assert slope.item() == pytest.approx((loss(2.0 + 1e-5) - loss(2.0 - 1e-5)).item() / 2e-5, rel=1e-5)


# --- probabilities in place of logits -------------------------------------------------------------

P, Q = V.softmax(-1), Z.softmax(-1)
ASKED = "look like probabilities.*Pass logits"
TAKES_LOGITS = [name for name in TABLE if any(argument.endswith("logits") for argument in arguments(name))]


@pytest.mark.parametrize("name", TAKES_LOGITS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_every_loss_asks_about_probabilities(name, dtype):
    given = arguments(name)
    for argument in given:
        if argument.endswith("logits"):
            with pytest.raises(ValueError, match=f"{argument} {ASKED}"):
                getattr(losses, name)(**given | {argument: given[argument].softmax(-1).to(dtype)})


def test_probabilities_are_noticed_in_other_forms_too():
    for wrong in (P[0], P.reshape(2, 3, 5), F.one_hot(Y, 5).float(), (Z / 4).softmax(-1)):
        with pytest.raises(ValueError, match=ASKED):
            losses.kl_divergence(torch.zeros_like(wrong), wrong)
    padded = torch.cat([P, torch.full((1, 5), math.nan)])
    with pytest.raises(ValueError, match=ASKED):
        losses.kl_divergence(torch.cat([Z, Z[:1]]), padded, mask=torch.arange(7) < 6)


def test_logits_are_not_taken_for_probabilities():
    """The larger part of these rows sums to 1 or is never negative; none does both in every row, or it is 0 and 1."""
    one_row_not = P.clone()
    one_row_not[3] *= 1.01
    harmless = [
        P.log(), P + 1, -P, 2 * P, torch.zeros(6, 5), Z - (Z.sum(-1, keepdim=True) - 1) / 5, one_row_not,
        torch.tensor([1.0, 0.0]), torch.tensor([[0.0, 1.0, 0.0]]), Z.abs(),
    ]  # fmt: skip
    for logits in harmless:
        losses.soft_targets(logits)
        assert losses.kl_divergence(logits, logits) == pytest.approx(0, abs=1e-6)


def test_metrics_ask_only_where_the_answer_would_differ():
    for metric in (metrics.errors, metrics.accuracy, metrics.accuracy_by_class, metrics.macro_f1):
        assert metric(P, Y) == metric(V, Y)
    assert metrics.agreement(Q, P) == metrics.agreement(Z, V)
    assert metrics.copied_mistakes(Q, P, Y) == metrics.copied_mistakes(Z, V, Y)
    for metric in (metrics.negative_log_likelihood, metrics.reliability, metrics.expected_calibration_error):
        with pytest.raises(ValueError, match=ASKED):
            metric(P, Y)


def test_runs_and_caches_ask_about_probabilities():
    for run in (
        lambda: training.train(MLP(5, 5), Z, Y, P, recipe=Recipe(steps=2)),
        lambda: sweeps.train([MLP(5, 5)], Z, Y, P, recipes=[Recipe(steps=2)]),
        lambda: token_caches.top_k_cache(P, 2),
        lambda: token_caches.sampled_cache(P, 2, torch.Generator()),
    ):
        with pytest.raises(ValueError, match=ASKED):
            run()
    model = LanguageModel(5, width=8, heads=2, layers=1)
    with pytest.raises(ValueError, match=ASKED):
        language.train_language_model(model, Y, P, recipe=Recipe(alpha=0.0, temperature=1.0), length=3)


def test_a_student_that_ends_with_softmax_is_told_so():
    student = nn.Sequential(MLP(5, 5), nn.Softmax(-1))
    with pytest.raises(ValueError, match="Leave the softmax at its end out"):
        training.train(student, Z, Y, recipe=Recipe(steps=2))
    with pytest.raises(ValueError, match="Leave the softmax at its end out"):
        sweeps.train([student], Z, Y, recipes=[Recipe(steps=2)])
    lucky = MLP(5, 5)  # one row may sum to 1 by chance: that alone says nothing
    with torch.no_grad():
        lucky.layers[0].weight.zero_()[:, 1] = 1
        inputs = torch.cat([torch.full((1, 5), 0.2), torch.ones(5, 5)])
    training.fit(lucky, inputs, Y, recipe=Recipe(steps=2))


@pytest.mark.parametrize("loss", [losses.attention_kl_loss, losses.attention_mse_loss])
def test_attention_weights_in_place_of_scores_are_asked_about(loss):
    scores, mask = random(2, 3, 4, 4), torch.arange(4) < torch.tensor([[4], [2]])
    attention = scores.masked_fill(~mask[:, None, None, :], -torch.inf).softmax(-1)
    for pair in ((attention, scores), (scores, attention)):
        with pytest.raises(ValueError, match="look like attention weights"):
            loss(*pair, mask=mask)
    single = torch.ones(2, 3, 1, 1)
    assert loss(single, single) == 0  # a text of one token: the score may be 1


# --- maps, -100, outputs of models ----------------------------------------------------------------


def test_maps_with_the_classes_in_dimension_one_are_told_how_to_move_them():
    maps, teacher, marked = random(2, 3, 4, 6), random(2, 3, 4, 6, seed=1), torch.zeros(2, 4, 6, dtype=torch.long)
    mask = torch.ones(2, 4, 6, dtype=torch.bool)
    for call in (
        lambda: losses.cross_entropy(maps, marked),
        lambda: losses.distillation_loss(maps, teacher, marked, temperature=2, alpha=0.5),
        lambda: losses.cross_entropy(maps, marked, mask=mask),
        lambda: losses.kl_divergence(maps, teacher, mask=mask),
        lambda: metrics.accuracy(maps, marked),
        lambda: losses.cross_entropy(maps[:, :, 0], marked[:, 0]),  # (B, C, L)
    ):
        with pytest.raises(ValueError, match=r"movedim\(1, -1\)"):
            call()
    moved = losses.cross_entropy(maps.movedim(1, -1), marked)
    assert moved.item() == pytest.approx(F.cross_entropy(maps, marked).item(), rel=1e-6)
    with pytest.raises(ValueError) as error:
        losses.cross_entropy(Z, Y[:3])
    assert "movedim" not in str(error.value)


def test_minus_100_points_at_the_mask():
    ignored = torch.where(torch.arange(6) < 2, -100, Y)
    for call in (
        lambda: losses.cross_entropy(Z, ignored),
        lambda: losses.distillation_loss(Z, V, ignored, temperature=2, alpha=0.5),
        lambda: metrics.accuracy(Z, ignored),
        lambda: training.train(MLP(5, 5), Z, ignored, recipe=Recipe(steps=2)),
    ):
        with pytest.raises(ValueError, match=r"mask=\(labels != -100\), or leave it out"):
            call()
    with_mask = losses.cross_entropy(Z, ignored, mask=(ignored != -100))
    assert with_mask.item() == pytest.approx(F.cross_entropy(Z, ignored).item(), rel=1e-6)


class Wrapped(nn.Module):
    """A student whose output is not a bare tensor."""

    def __init__(self, wrap):
        super().__init__()
        self.model, self.wrap = MLP(5, 4, 5, seed=1), wrap

    def forward(self, inputs):
        return self.wrap(self.model(inputs))


OUTPUTS = {".logits": lambda z: SimpleNamespace(logits=z, loss=None), "a dict": lambda z: {"logits": z}}
NO_OUTPUTS = {
    "tuple": lambda z: (z, z),
    "SimpleNamespace": lambda z: SimpleNamespace(logits=None),
    "list": lambda z: [z],
}


@pytest.mark.parametrize("wrap", OUTPUTS.values(), ids=OUTPUTS)
def test_models_that_return_an_output_with_logits_are_trained_and_asked_by_them(wrap):
    bare, wrapped = MLP(5, 4, 5, seed=1), Wrapped(wrap)
    assert torch.equal(teachers.predict_logits(wrapped, Z), teachers.predict_logits(bare, Z))
    recipe = Recipe(steps=4, learning_rate=0.01)
    for student in (bare, wrapped):
        training.fit(student, Z, Y, V, recipe=recipe)
    assert torch.equal(weights(bare), weights(wrapped))
    together = [Wrapped(wrap), Wrapped(wrap)]
    sweeps.fit(together, Z, Y, V, recipes=[recipe, recipe], validation=(Z, Y), progress=False)
    assert torch.allclose(weights(together[1]), weights(bare), atol=1e-5)
    assert torch.equal(sweeps.predict_logits(together, Z)[0], sweeps.predict_logits(together, Z)[1])


@pytest.mark.parametrize("kind", NO_OUTPUTS)
def test_models_that_return_something_else_are_told_what_is_wanted(kind):
    student = Wrapped(NO_OUTPUTS[kind])
    for call in (
        lambda: logits_of(student(Z)),
        lambda: teachers.predict_logits(student, Z),
        lambda: training.train(student, Z, Y, recipe=Recipe(steps=2)),
        lambda: sweeps.train([student], Z, Y, recipes=[Recipe(steps=2)]),
    ):
        with pytest.raises(ValueError, match=f"has .logits; this one returned a {kind}"):
            call()


def test_outputs_in_place_of_logits_are_told_what_to_pass():
    for output, advice in (
        (SimpleNamespace(logits=Z), "SimpleNamespace: pass its .logits"),
        ((Z, V), "tuple: pass the entry that holds the logits"),
        (Z.numpy(), "ndarray: torch.from_numpy"),
    ):
        for call in (
            lambda wrong: losses.kl_divergence(wrong, V),
            lambda wrong: losses.kl_divergence(Z, wrong, mask=torch.ones(6, dtype=torch.bool)),
            lambda wrong: losses.cross_entropy(wrong, Y),
            lambda wrong: metrics.accuracy(wrong, Y),
            lambda wrong: metrics.agreement(Z, wrong),
            lambda wrong: training.train(MLP(5, 5), Z, Y, wrong, recipe=Recipe(steps=2)),
        ):
            with pytest.raises(ValueError, match=advice):
                call(output)


def test_a_language_run_names_the_model_that_it_needs():
    for call in (
        lambda: language.predict_text(MLP(5, 5), Y),
        lambda: language.train_language_model(MLP(5, 5), Y, recipe=Recipe(steps=2), length=3),
    ):
        with pytest.raises(ValueError, match="must be a kdlab.models.LanguageModel.*got MLP"):
            call()


# --- minus infinity -------------------------------------------------------------------------------

NEVER = torch.tensor([True, False, False, True, False])
PAIRS = {
    "kl": losses.kl_divergence,
    "reverse": losses.reverse_kl_divergence,
    "js": losses.jensen_shannon_divergence,
    "matching": losses.logit_matching_loss,
    "distillation": lambda z, v: losses.distillation_loss(z, v, POSSIBLE, temperature=3.0, alpha=0.4),
}
POSSIBLE = torch.tensor([1, 2, 4, 1, 1, 2])


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", PAIRS)
def test_a_class_that_cannot_happen_is_as_if_it_were_not_there(name, dtype):
    student, teacher = (logits.to(dtype).masked_fill(NEVER, -torch.inf).requires_grad_() for logits in (Z, V))
    value = PAIRS[name](student, teacher)
    value.backward()
    if name == "distillation":
        places = torch.tensor([-1, 0, 1, -1, 2])[POSSIBLE]
        without = lambda z, v: losses.distillation_loss(z, v, places, temperature=3.0, alpha=0.4)  # noqa: E731
    else:
        without = PAIRS[name]
    few = student.detach()[:, ~NEVER].requires_grad_()
    expected = without(few, teacher.detach()[:, ~NEVER])
    expected.backward()
    assert value.item() == pytest.approx(expected.item(), rel=1e-5) and value.dtype == expected.dtype
    assert torch.allclose(student.grad[:, ~NEVER], few.grad, rtol=1e-3, atol=1e-6)
    assert not student.grad[:, NEVER].any() and teacher.grad is None


@pytest.mark.parametrize("temperature", [1e-3, 1.0, 100.0])
def test_no_temperature_brings_a_class_back_that_cannot_happen(temperature):
    student, teacher = (logits.masked_fill(NEVER, -torch.inf) for logits in (1e4 * Z, 1e4 * V))
    for divergence in (losses.kl_divergence, losses.reverse_kl_divergence, losses.jensen_shannon_divergence):
        value = divergence(student, teacher, temperature=temperature)
        expected = divergence(student[:, ~NEVER], teacher[:, ~NEVER], temperature=temperature)
        assert value.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("name", PAIRS)
def test_minus_infinity_on_one_side_only_is_refused(name):
    for student, teacher, who in (
        (Z.masked_fill(NEVER, -torch.inf), V, "student"),
        (Z, V.masked_fill(NEVER, -torch.inf), "teacher"),
    ):
        with pytest.raises(
            ValueError, match=f"{who}_logits contain.*only where student_logits and teacher_logits both"
        ):
            PAIRS[name](student, teacher)
    nothing = Z.clone()
    nothing[2] = -torch.inf
    with pytest.raises(ValueError, match="minus infinity for every class of a row"):
        PAIRS[name](nothing, nothing)
    spoiled = torch.where(NEVER, -torch.inf, Z)
    for other in (math.nan, math.inf):
        with pytest.raises(ValueError, match="NaN or infinite"):
            PAIRS[name](spoiled, torch.where(torch.arange(5) == 1, other, spoiled))


def test_a_label_that_cannot_happen_is_refused():
    student, teacher = (logits.masked_fill(NEVER, -torch.inf) for logits in (Z, V))
    with pytest.raises(ValueError, match="labels name a class that, by the logits, cannot happen"):
        losses.distillation_loss(student, teacher, Y, temperature=2.0, alpha=0.5)
    with pytest.raises(ValueError, match="tokens name a class that, by the logits, cannot happen"):
        losses.policy_gradient_loss(student, teacher, Y)
    few = losses.policy_gradient_loss(Z[:, ~NEVER], V[:, ~NEVER], torch.tensor([-1, 0, 1, -1, 2])[POSSIBLE])
    assert losses.policy_gradient_loss(student, teacher, POSSIBLE).item() == pytest.approx(few.item(), rel=1e-5)


@pytest.mark.parametrize("loss", [losses.attention_kl_loss, losses.attention_mse_loss])
def test_later_tokens_may_have_minus_infinity_in_both_attentions(loss):
    later = torch.ones(4, 4, dtype=torch.bool).triu(1)
    student, teacher = random(2, 3, 4, 4), random(2, 3, 4, 4, seed=1)
    causal = student.masked_fill(later, -torch.inf).requires_grad_()
    value = loss(causal, teacher.masked_fill(later, -torch.inf))
    value.backward()
    assert causal.grad.isfinite().all() and not causal.grad[..., later].any() and causal.grad.any()
    if loss is losses.attention_mse_loss:
        expected = F.mse_loss(student[..., ~later], teacher[..., ~later])
    else:
        rows = [losses.kl_divergence(student[..., i, : i + 1], teacher[..., i, : i + 1]) for i in range(1, 4)]
        expected = sum(rows) / 4  # the first token sees itself alone
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)
    with pytest.raises(ValueError, match="student_scores contain NaN or infinite"):
        loss(student.masked_fill(later, -torch.inf), teacher)


# --- the runs of the later lessons


@pytest.mark.parametrize("kind", NO_OUTPUTS)
def test_runs_of_the_later_lessons_say_what_a_model_must_return(kind):
    student = Wrapped(NO_OUTPUTS[kind])
    for run in (
        lambda: training.drain(relations.train_relations(student, Z, V, recipe=Recipe(steps=2))),
        lambda: luck.gradient_variance(student, Z, V.softmax(-1)),
    ):
        with pytest.raises(ValueError, match=f"has .logits; this one returned a {kind}"):
            run()


def test_the_later_lessons_name_the_language_model_that_they_need():
    other, recipe, ids = MLP(16, 5), Recipe(steps=2, batch_size=2), torch.tensor([1, 2])
    walk = walks.teacher_writes(walks.prompts(3, torch.Generator()), torch.Generator())
    for run in (
        lambda: walks.train_walker(other, walk, recipe=recipe),
        lambda: arithmetic.train_adder(other, ["1+2=:3."], recipe=recipe),
        lambda: arithmetic.write(other, [(1, 2)]),
        lambda: drafting.write(other, other, ids, 3),
    ):
        with pytest.raises(ValueError, match="must be a kdlab.models.LanguageModel"):
            run()


def test_probabilities_in_place_of_logits_are_asked_about_in_later_lessons():
    p = torch.randn(4, 5).softmax(-1)
    for ask in (drafting.acceptance, pieces.sorted_distance, lambda a, b: crowds.disagreement(torch.stack([a, b]))):
        with pytest.raises(ValueError, match="look like probabilities"):
            ask(p, p)


@pytest.mark.parametrize(
    "ids", [torch.full((2, 6), 30), torch.zeros(2, 6), torch.zeros(6, dtype=torch.int64), [[1, 2]]]
)
def test_what_is_no_walk_is_refused(ids):
    with pytest.raises(ValueError, match="walk"):
        walks.places(ids)


def test_the_share_that_a_teacher_of_walks_spreads_is_one():
    with pytest.raises(ValueError, match="stray"):
        walks.teacher(torch.full((1, 5), 7), stray=2.0)
