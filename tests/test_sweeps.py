"""Students trained together are the students that `training.train` trains one by one."""

import copy
import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn

from kdlab import sweeps, training
from kdlab.losses import distillation_loss
from kdlab.models import MLP
from kdlab.training import Recipe

GENERATOR = torch.Generator().manual_seed(3)
INPUTS = torch.randn(200, 12, generator=GENERATOR)
LABELS = torch.randint(5, (200,), generator=GENERATOR)
TEACHER = 4 * torch.randn(200, 5, generator=GENERATOR)
OTHER = 4 * torch.randn(200, 5, generator=GENERATOR)
RECIPE = Recipe(steps=30, batch_size=16, learning_rate=0.01)
RECIPES = sweeps.grid(RECIPE, temperature=[1, 8], alpha=[0, 0.4, 1], learning_rate=[0.01, 0.003], seed=[0, 5])


class Scaled(nn.Module):
    """A model that is no MLP of ours, so that vmap itself is used."""

    def __init__(self, seed):
        super().__init__()
        self.inner, self.scale = MLP(12, 6, 5, seed=seed), nn.Parameter(torch.ones(5))

    def forward(self, inputs):
        return self.scale * self.inner(inputs)


MODELS = {
    "one layer": lambda seed: MLP(12, 5, seed=seed),
    "deep": lambda seed: MLP(12, 9, 7, 5, seed=seed),
    "other": Scaled,
}


def same_weights(one, other, tolerance=2e-4):
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.allclose(p, q, atol=tolerance) for p, q in pairs)


def test_grid_holds_every_combination_and_the_last_name_varies_fastest():
    recipes = sweeps.grid(RECIPE, temperature=[1, 4], seed=range(3))
    assert [(r.temperature, r.seed) for r in recipes] == list(itertools.product([1, 4], range(3)))
    assert all(r.steps == RECIPE.steps and r.learning_rate == RECIPE.learning_rate for r in recipes)


@pytest.mark.parametrize("settings", [{"warmth": [1]}, {"changes": [{}]}, {"temperature": 4}, {"temperature": [0]}])
def test_grid_refuses_what_is_no_setting(settings):
    with pytest.raises(ValueError, match="Recipe|list of values|temperature"):
        sweeps.grid(RECIPE, **settings)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_together_is_the_same_as_one_by_one(make):
    together = [make(i) for i in range(len(RECIPES))]
    alone = copy.deepcopy(together)
    history = sweeps.fit(together, INPUTS, LABELS, TEACHER, recipes=RECIPES, progress=False)
    for i, (student, recipe) in enumerate(zip(alone, RECIPES, strict=True)):
        own = training.fit(student, INPUTS, LABELS, TEACHER, recipe=recipe)
        assert same_weights(student, together[i]), recipe
        for record, ours in zip(own.records, history.records, strict=True):
            assert ours["step"] == record["step"] and ours["loss"][i] == pytest.approx(
                record["loss"], rel=1e-3, abs=1e-3
            )


def test_every_student_may_have_targets_of_its_own():
    targets = [(LABELS, None), (TEACHER.argmax(-1), None), (LABELS, TEACHER), (LABELS, OTHER), (LABELS, TEACHER)]
    labels, teachers = map(list, zip(*targets, strict=True))
    recipes = sweeps.grid(RECIPE, seed=[0, 1, 0, 1, 1])
    together = [MLP(12, 9, 5, seed=1) for _ in targets]
    alone = copy.deepcopy(together)
    sweeps.fit(together, INPUTS, labels, teachers, recipes=recipes, progress=False)
    for student, other, y, v, recipe in zip(alone, together, labels, teachers, recipes, strict=True):
        training.fit(student, INPUTS, y, v, recipe=recipe)
        assert same_weights(student, other)
    assert not same_weights(together[0], together[2], 0.01)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_every_student_may_have_inputs_of_its_own(make):
    """Some share inputs and seed, some one of both, some neither; with and without a teacher."""
    other, third = INPUTS.flip(0), INPUTS.roll(1, 1)
    inputs = [INPUTS, INPUTS, other, other, third, INPUTS, third]
    seeds, rates = [0, 0, 0, 1, 1, 2, 1], [0.01, 0.003, 0.01, 0.01, 0.003, 0.01, 0.01]
    labels = [LABELS, LABELS, LABELS.flip(0), LABELS.flip(0), LABELS, LABELS, LABELS]
    teachers = [TEACHER, None, TEACHER.flip(0), OTHER, None, TEACHER, TEACHER]
    recipes = [replace(RECIPE, seed=s, learning_rate=r, alpha=0.3) for s, r in zip(seeds, rates, strict=True)]
    together = [make(i) for i in range(len(recipes))]
    alone = copy.deepcopy(together)
    history = sweeps.fit(together, inputs, labels, teachers, recipes=recipes, progress=False)
    for i, (student, recipe) in enumerate(zip(alone, recipes, strict=True)):
        own = training.fit(student, inputs[i], labels[i], teachers[i], recipe=recipe)
        assert same_weights(student, together[i]), i
        losses = [record["loss"][i] for record in history.records]
        assert losses == pytest.approx([record["loss"] for record in own.records], rel=1e-3, abs=1e-3)


def test_own_inputs_matter_and_the_same_ones_make_no_difference():
    students, recipes = [MLP(12, 9, 5, seed=1) for _ in range(3)], [RECIPE] * 3
    sweeps.fit(students, [INPUTS, INPUTS.clone(), INPUTS.flip(1)], LABELS, recipes=recipes, progress=False)
    assert same_weights(students[0], students[1], 1e-5) and not same_weights(students[0], students[2], 0.01)


def test_a_long_run_stays_as_good():
    recipes = sweeps.grid(Recipe(steps=300, learning_rate=0.01, alpha=0), seed=range(3))
    teacher = MLP(12, 20, 5, seed=9)
    logits = training.predict_logits(teacher, INPUTS)
    together = [MLP(12, 20, 5, seed=r.seed) for r in recipes]
    alone = copy.deepcopy(together)
    sweeps.fit(together, INPUTS, LABELS, logits, recipes=recipes, progress=False)
    for student, other, recipe in zip(alone, together, recipes, strict=True):
        training.fit(student, INPUTS, LABELS, logits, recipe=recipe)
        ours, theirs = (training.predict_logits(model, INPUTS).argmax(-1) for model in (other, student))
        assert (ours == theirs).float().mean() > 0.99


def test_accuracy_is_measured_on_time_and_is_that_of_the_students():
    students = [MLP(12, 9, 5, seed=i) for i in range(3)]
    run = sweeps.train(
        students,
        INPUTS,
        LABELS,
        recipes=sweeps.grid(RECIPE, seed=range(3)),
        validation=(INPUTS, LABELS),
        evaluate_every=10,
    )
    records = list(run)
    assert [r["step"] for r in records if "accuracy" in r] == [0, 10, 20, 29]
    logits = sweeps.predict_logits(students, INPUTS)
    expected = (logits.argmax(-1) == LABELS).float().mean(-1).tolist()
    assert records[-1]["accuracy"] == pytest.approx(expected)


def test_predict_logits_is_what_each_student_says():
    for make in MODELS.values():
        students = [make(i) for i in range(4)]
        logits = sweeps.predict_logits(students, INPUTS, batch_size=60)
        assert logits.shape == (4, 200, 5) and not logits.requires_grad
        assert all(
            torch.allclose(row, student(INPUTS), atol=1e-5) for row, student in zip(logits, students, strict=True)
        )
    with pytest.raises(ValueError, match="one shape"):
        sweeps.predict_logits([MLP(12, 5), MLP(12, 6, 5)], INPUTS)


def test_closing_leaves_the_weights_reached_so_far():
    students, recipes = [MLP(12, 9, 5, seed=i) for i in range(2)], sweeps.grid(RECIPE, seed=range(2))
    students[0].eval()
    alone = copy.deepcopy(students)
    run = sweeps.train(students, INPUTS, LABELS, TEACHER, recipes=recipes)
    for _ in range(7):
        next(run)
    assert students[0].training
    run.close()
    assert not students[0].training and students[1].training
    for student, recipe in zip(alone, recipes, strict=True):
        single = training.train(student, INPUTS, LABELS, TEACHER, recipe=recipe)
        for _ in range(7):
            next(single)
        single.close()
    assert all(map(same_weights, students, alone))


def test_an_interrupt_keeps_the_students_and_the_records(monkeypatch):
    class Bar:
        def __init__(self, **options):
            assert options["total"] == 30
            self.count = 0

        def update(self):
            self.count += 1
            if self.count == 5:
                raise KeyboardInterrupt

        def close(self):
            pass

    monkeypatch.setattr(sweeps, "tqdm", Bar)
    students = [MLP(12, 9, 5, seed=i) for i in range(2)]
    before = copy.deepcopy(students)
    history = sweeps.fit(students, INPUTS, LABELS, recipes=sweeps.grid(RECIPE, seed=range(2)))
    assert history.interrupted and len(history.records) == 5
    assert not any(map(same_weights, students, before))


def test_progress_is_shown_and_can_be_left_out(capsys):
    for progress in (True, False):
        students = [MLP(12, 5, seed=i) for i in range(2)]
        sweeps.fit(students, INPUTS, LABELS, recipes=sweeps.grid(RECIPE, seed=range(2)), progress=progress)
        assert ("30/30" in capsys.readouterr().err) is progress


def test_global_state_is_left_alone():
    random, threads, weights = torch.get_rng_state(), torch.get_num_threads(), TEACHER.clone()
    students = [MLP(12, 5, seed=i) for i in range(2)]
    sweeps.fit(students, INPUTS, LABELS, TEACHER, recipes=sweeps.grid(RECIPE, seed=range(2)), progress=False)
    assert torch.equal(torch.get_rng_state(), random) and torch.get_num_threads() == threads
    assert torch.equal(TEACHER, weights) and all(p.requires_grad and p.grad is None for p in students[0].parameters())


def test_a_loss_that_explodes_names_its_student():
    recipes = sweeps.grid(RECIPE, learning_rate=[1e-3, 1e38])
    with pytest.raises(RuntimeError, match="student 1 is .*1e\\+38"):
        sweeps.fit([MLP(12, 5), MLP(12, 5)], INPUTS, LABELS, recipes=recipes, progress=False)


ONE, TWO = MLP(12, 5, seed=0), MLP(12, 5, seed=1)
PAIR = [RECIPE, RECIPE]
CHANGED = Recipe(steps=30, batch_size=16)
CHANGED.change(3, temperature=2.0)
REFUSED = {
    "nobody": ([], PAIR, {}, "no students"),
    "too few recipes": ([ONE, TWO], [RECIPE], {}, "as many recipes"),
    "not a recipe": ([ONE, TWO], [RECIPE, "T=4"], {}, "must hold Recipes"),
    "one student twice": ([ONE, ONE], PAIR, {}, "twice"),
    "two shapes": ([ONE, MLP(12, 6, 5)], PAIR, {}, "one shape"),
    "dropout": ([MLP(12, 6, 5, dropout=0.5), MLP(12, 6, 5)], PAIR, {}, "dropout"),
    "a dropout layer": ([nn.Sequential(nn.Dropout(0.1), MLP(12, 5)) for _ in "ab"], PAIR, {}, "dropout"),
    "batch norm": ([nn.Sequential(MLP(12, 5), nn.BatchNorm1d(5)) for _ in "ab"], PAIR, {}, "buffers"),
    "a frozen part": ([MLP(12, 5).requires_grad_(False), TWO], PAIR, {}, "frozen"),
    "no model": ([ONE, "student"], PAIR, {}, "torch modules"),
    "different steps": ([ONE, TWO], [RECIPE, Recipe(steps=31, batch_size=16)], {}, "steps must not differ"),
    "different batches": ([ONE, TWO], [RECIPE, Recipe(steps=30, batch_size=8)], {}, "batch_size must not differ"),
    "changes": ([ONE, TWO], [RECIPE, CHANGED], {}, "no changes"),
    "too few labels": ([ONE, TWO], PAIR, {"labels": LABELS[:-1]}, "labels"),
    "labels for three": ([ONE, TWO], PAIR, {"labels": [LABELS] * 3}, "3 entries for 2 students"),
    "a label of class 7": ([ONE, TWO], PAIR, {"labels": [LABELS, LABELS + 7]}, "label"),
    "a teacher of other classes": ([ONE, TWO], PAIR, {"teacher_logits": [None, TEACHER[:, :4]]}, "teacher_logits"),
    "inputs for three": ([ONE, TWO], PAIR, {"inputs": [INPUTS] * 3}, "3 entries for 2 students"),
    "inputs of another length": (
        [ONE, TWO],
        PAIR,
        {"inputs": [INPUTS, INPUTS[:100]], "labels": [LABELS, LABELS[:100]]},
        "one shape.* student 1 are \\(100, 12\\)",
    ),
    "inputs of another width": ([ONE, TWO], PAIR, {"inputs": [INPUTS, INPUTS[:, :3]]}, "student 1: .*cannot read"),
    "labels too short for inputs of their own": (
        [ONE, TWO],
        PAIR,
        {"inputs": [INPUTS, INPUTS.clone()], "labels": [LABELS, LABELS[1:]]},
        "student 1: .*labels",
    ),
    "nan in one of the inputs": (
        [ONE, TWO],
        PAIR,
        {"inputs": [INPUTS, INPUTS.where(INPUTS < 2, torch.nan)]},
        "student 1: .*NaN",
    ),
    "no tensor": ([ONE, TWO], PAIR, {"inputs": [INPUTS, "pictures"]}, "student 1: inputs must be"),
    "nan in the inputs": ([ONE, TWO], PAIR, {"inputs": INPUTS.where(INPUTS < 2, torch.nan)}, "NaN"),
    "validation of another width": ([ONE, TWO], PAIR, {"validation": (INPUTS[:, :3], LABELS)}, "cannot read"),
}


@pytest.mark.parametrize("students, recipes, given, words", REFUSED.values(), ids=REFUSED)
def test_refused_before_the_first_step(students, recipes, given, words):
    given = {"inputs": INPUTS, "labels": LABELS} | given
    with pytest.raises(ValueError, match=words):
        sweeps.train(students, recipes=recipes, **given)


@pytest.mark.parametrize("with_teacher", [True, False])
def test_losses_and_gradients_in_closed_form_are_those_of_the_distillation_loss(with_teacher):
    generator = torch.Generator().manual_seed(4)
    z, v = (3 * torch.randn(6, 7, 5, generator=generator, dtype=torch.double) for _ in "zv")
    labels = torch.randint(5, (6, 7), generator=generator)
    temperature, alpha = torch.tensor([0.5, 1, 2, 4, 8, 20]).double(), torch.tensor([0, 0.1, 0.3, 0.5, 0.9, 1]).double()
    if not with_teacher:
        alpha = torch.ones_like(alpha)
    log_p = (v / temperature.view(-1, 1, 1)).log_softmax(-1).mT if with_teacher else None
    losses, gradient = sweeps.loss_and_gradient(z.mT, labels, log_p, temperature, alpha)
    for i in range(6):
        own = z[i].clone().requires_grad_()
        loss = distillation_loss(own, v[i], labels[i], temperature=temperature[i].item(), alpha=alpha[i].item())
        (expected,) = torch.autograd.grad(loss, own)
        assert losses[i].item() == pytest.approx(loss.item())
        assert torch.allclose(gradient[i].mT, expected, atol=1e-9)
