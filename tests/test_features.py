"""Runs of students that imitate maps: the loss is the sum it says, and what cannot be used is refused."""

import copy

import pytest
import torch

from kdlab import losses, training
from kdlab.features import attention, last_maps, share_inside, teacher_cache, train_student
from kdlab.models import MLP, ConvNet

RECIPE = training.Recipe(steps=3, batch_size=20, learning_rate=1e-3, seed=4)
INPUTS = torch.rand(60, 784, generator=torch.Generator().manual_seed(0))
LABELS = torch.randint(10, (60,), generator=torch.Generator().manual_seed(1))
TEACHER = ConvNet(4, 6, hidden=8, dropout=0.5, seed=9)
CACHE = teacher_cache(TEACHER, INPUTS)


def student(seed=0, **options):
    return ConvNet(3, 5, seed=seed, **options)


def run(model=None, weights=None, **options):
    model = student() if model is None else model
    weights = {"labels": 1, "hint": 2} if weights is None else weights
    return list(train_student(model, INPUTS, LABELS, CACHE, weights=weights, **{"recipe": RECIPE, **options}))


def test_attention_is_a_share_of_each_place():
    maps = torch.randn(4, 3, 5, 6)
    found = attention(maps)
    assert found.shape == (4, 5, 6) and torch.allclose(found.sum((1, 2)), torch.ones(4))
    expected = maps[0, :, 2, 3].square().sum() / maps[0].square().sum()
    assert found[0, 2, 3].item() == pytest.approx(expected.item(), rel=1e-5)
    assert not attention(torch.zeros(1, 2, 3, 3)).any()


def test_the_share_inside_counts_places_by_the_part_that_is_inside():
    maps = torch.zeros(2, 1, 2, 2)
    maps[0, 0, 0, 0], maps[1, 0, 1, 1] = 3.0, 1.0
    boxes = torch.zeros(2, 8, 8, dtype=torch.bool)
    boxes[0, :4, :2] = True  # half of the first place
    boxes[1] = True
    assert share_inside(maps, boxes) == pytest.approx((0.5 + 1) / 2)
    for bad in (boxes.float(), boxes[:1], boxes[0]):
        with pytest.raises(ValueError, match="boxes must be bool"):
            share_inside(maps, bad)


def test_the_cache_holds_what_the_teacher_says_in_eval_mode_whatever_the_batches():
    teacher = copy.deepcopy(TEACHER).train()
    cache = teacher_cache(teacher, INPUTS, batch_size=7)
    assert teacher.training
    seen = copy.deepcopy(TEACHER).eval()(INPUTS, details=True)
    maps = seen["maps"][-1].detach()
    assert torch.allclose(cache["logits"], seen["logits"], atol=1e-5) and not cache["logits"].requires_grad
    assert torch.allclose(cache["hint"], maps / maps.std(), atol=1e-4)
    assert cache["attention"].shape == (60, 1, 7, 7)
    assert torch.allclose(attention(cache["attention"]), attention(maps), atol=1e-5)
    assert teacher_cache(teacher, INPUTS, layer=0)["hint"].shape == (60, 4, 14, 14)
    assert torch.allclose(last_maps(teacher, INPUTS, batch_size=9), maps, atol=1e-5)


def test_the_loss_is_the_weighted_sum_of_its_parts():
    weights = {"labels": 0.5, "logits": 2.0, "attention": 30.0, "hint": 4.0}
    first = run(weights=weights)[0]
    batch = next(training.batches_of(60, 20, torch.Generator().manual_seed(4)))
    seen = student()(INPUTS[batch], details=True)
    target = {name: value[batch] for name, value in CACHE.items()}
    projection = torch.randn(5, 6, generator=torch.Generator().manual_seed(74)) / 5**0.5
    expected = {
        "labels": losses.cross_entropy(seen["logits"], LABELS[batch]),
        "logits": 16 * losses.kl_divergence(seen["logits"], target["logits"], temperature=4),
        "attention": losses.attention_transfer_loss(seen["maps"][-1], target["attention"]),
        "hint": losses.hint_loss(seen["maps"][-1], target["hint"], projection=projection),
    }
    for name, value in expected.items():
        assert first[name] == pytest.approx(value.item(), rel=1e-4), name
    total = sum(weights[name] * value.item() for name, value in expected.items())
    assert first["loss"] == pytest.approx(total, rel=1e-4)


def test_labels_alone_are_plain_training():
    ours, theirs = student(dropout=0.3), student(dropout=0.3)
    records = list(train_student(ours, INPUTS, LABELS, weights={"labels": 1}, recipe=RECIPE))
    plain = list(training.train(theirs, INPUTS, LABELS, recipe=RECIPE))
    assert [r["loss"] for r in records] == pytest.approx([r["loss"] for r in plain], rel=1e-6)
    pairs = zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True)
    assert all(torch.allclose(a, b) for a, b in pairs)


def test_a_run_repeats_and_touches_no_global_random_state():
    before, models = torch.get_rng_state(), [student(), student()]
    first, second = (run(model) for model in models)
    assert first == second and torch.equal(torch.get_rng_state(), before)
    assert set(models[0].state_dict()) == set(student().state_dict())  # the projection is no part of the student


def test_the_projection_is_learned_unless_it_is_given():
    recipe = training.Recipe(steps=200, batch_size=60, learning_rate=1e-2)
    frozen = student().requires_grad_(False)
    frozen.head.requires_grad_(True)  # something must learn; the maps do not
    learned = run(copy.deepcopy(frozen), {"hint": 1.0}, recipe=recipe)
    fixed = run(copy.deepcopy(frozen), {"hint": 1.0, "labels": 1e-9}, recipe=recipe, projection=torch.ones(5, 6) / 10)
    assert learned[-1]["hint"] < 0.9 * learned[0]["hint"]
    assert fixed[-1]["hint"] == pytest.approx(fixed[0]["hint"], rel=1e-4)


def test_weights_may_change_on_the_way():
    weights = {"labels": 1.0, "hint": 1.0}
    records = []
    for record in train_student(student(), INPUTS, LABELS, CACHE, weights=weights, recipe=RECIPE):
        records.append(record)
        weights["hint"] = 0.0
    assert (
        "hint" in records[0] and "hint" not in records[1] and records[1]["loss"] == pytest.approx(records[1]["labels"])
    )


def test_evaluate_sees_the_student_in_eval_mode():
    seen = []

    def evaluate(model):
        seen.append((type(model), model.training))
        return {"x": 1.0}

    assert "x" in run(evaluate=evaluate, evaluate_every=2)[-1]
    assert seen == [(ConvNet, False)] * 2


@pytest.mark.parametrize(
    "change, words",
    [
        ({"weights": {"label": 1}}, "the parts are labels, logits, attention, hint: not 'label'"),
        ({"weights": {"hint": -1}}, "weight of hint must be a finite number, 0 or more"),
        ({"weights": {"hint": "1"}}, "weight of hint must be a number"),
        ({"weights": {"labels": 0}}, "all weights are 0"),
        ({"weights": {}}, "all weights are 0"),
        ({"cache": None}, "come from a teacher: pass teacher_cache"),
        ({"cache": {name: value[:50] for name, value in CACHE.items()}}, "these 60 inputs, in their order"),
        ({"cache": {"hint": CACHE["hint"]}}, "teacher_cache's of these 60 inputs"),
        ({"student": MLP(784, 10)}, "must be a ConvNet, which shows its maps; got MLP"),
        ({"student": ConvNet(3, 5, strides=1)}, "student's maps have 28 × 28 places, the teacher's 7 × 7"),
        ({"labels": LABELS[:9]}, "labels"),
        ({"recipe": None}, "recipe must be a Recipe"),
    ],
)
def test_what_cannot_be_used_is_refused_when_it_is_asked_for(change, words):
    given = {
        "student": student(),
        "inputs": INPUTS,
        "labels": LABELS,
        "cache": CACHE,
        "weights": {"labels": 1, "hint": 1},
    }
    given |= {"recipe": RECIPE} | change
    with pytest.raises(ValueError, match=words):
        train_student(**given)
