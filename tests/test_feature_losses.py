"""Hints, attention transfer and the decoupled loss against slow references in plain Python, and their properties."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kdlab.losses import (
    attention_transfer_loss,
    decoupled_distillation_loss,
    hidden_state_loss,
    hint_loss,
    kl_divergence,
)

seeds = st.integers(0, 2**31)
quick = settings(max_examples=20, deadline=None)


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed))


# --- hints ------------------------------------------------------------------------------------------


@quick
@given(seeds)
def test_a_hint_on_maps_is_its_definition(seed):
    student, teacher, projection = (
        draw(2, 3, 4, 5, seed=seed),
        draw(2, 6, 4, 5, seed=seed + 1),
        draw(3, 6, seed=seed + 2),
    )
    terms = []
    for n in range(2):
        for c in range(6):
            for i in range(4):
                for j in range(5):
                    moved = sum(float(student[n, k, i, j] * projection[k, c]) for k in range(3))
                    terms.append((moved - float(teacher[n, c, i, j])) ** 2)
    ours = hint_loss(student, teacher, projection=projection)
    assert float(ours) == pytest.approx(sum(terms) / len(terms), rel=1e-9)


def test_a_hint_s_projection_is_a_convolution_of_one_by_one():
    student, teacher = draw(2, 3, 4, 5), draw(2, 6, 4, 5, seed=1)
    convolution = torch.nn.Conv2d(3, 6, 1, bias=False).double()
    expected = (convolution(student) - teacher).square().mean().item()
    ours = hint_loss(student, teacher, projection=convolution.weight[:, :, 0, 0].T)
    assert ours.item() == pytest.approx(expected, rel=1e-12)


@quick
@given(seeds)
def test_hint_loss_and_hidden_state_loss_are_one(seed):
    student, teacher, projection = draw(5, 3, seed=seed), draw(5, 4, seed=seed + 1), draw(3, 4, seed=seed + 2)
    ours = hint_loss(student, teacher, projection=projection)
    assert torch.equal(ours, hidden_state_loss(student, teacher, projection=projection))
    maps = draw(2, 3, 4, 5, seed=seed), draw(2, 3, 4, 5, seed=seed + 1)
    assert torch.equal(hint_loss(*maps), hidden_state_loss(*(m.movedim(1, -1) for m in maps)))


def test_hints_reach_student_and_projection():
    student, projection = draw(2, 3, 4, 5).requires_grad_(), draw(3, 6, seed=2).requires_grad_()
    teacher = draw(2, 6, 4, 5, seed=1).requires_grad_()
    hint_loss(student, teacher, projection=projection).backward()
    assert student.grad.any() and projection.grad.any() and teacher.grad is None


MAPS, VECTORS = torch.zeros(2, 3, 4, 5), torch.zeros(2, 3)
BAD_HINTS = [
    (
        (MAPS, torch.zeros(2, 6, 4, 5)),
        {},
        r"student features have channels 3, the teacher's 6: give a projection \(3, 6\)",
    ),
    ((VECTORS, torch.zeros(2, 6)), {}, r"width 3, the teacher's 6"),
    ((MAPS, torch.zeros(2, 6, 4, 5)), {"projection": torch.zeros(6, 3)}, "other way round.*pass its .T"),
    ((MAPS, torch.zeros(2, 6, 4, 5)), {"projection": torch.zeros(6, 3, 1, 1)}, "other way round"),
    ((MAPS, torch.zeros(2, 6, 4, 5)), {"projection": torch.nn.Conv2d(3, 6, 1)}, r"\.weight\[:, :, 0, 0\]\.T"),
    ((MAPS, torch.zeros(2, 3, 8, 10)), {}, "maps of 4 × 5 and of 8 × 10 places.*adaptive_avg_pool2d"),
    ((MAPS, torch.zeros(3, 3, 4, 5)), {}, "must have features for the same samples"),
    ((MAPS, VECTORS), {}, "both be vectors .* or both be maps"),
    ((torch.zeros(2, 3, 4), torch.zeros(2, 3, 4)), {}, r"\(N, D\) or \(N, C, height, width\)"),
    (([1.0], VECTORS), {}, "got list"),
    ((VECTORS.long(), VECTORS), {}, "floating-point"),
    ((torch.zeros(0, 3), torch.zeros(0, 3)), {}, "features are empty"),
    ((VECTORS + math.nan, VECTORS), {}, "student's features contain NaN"),
    ((VECTORS, VECTORS - math.inf), {}, "teacher's features contain NaN or infinite"),
    ((VECTORS, VECTORS), {"projection": torch.full((3, 3), math.nan)}, "projection contains NaN or infinite"),
    (
        (VECTORS, VECTORS),
        {"projection": torch.eye(3).long()},
        "projection must be floating-point numbers, got torch.int64",
    ),
    ((VECTORS, VECTORS), {"projection": torch.eye(4)}, r"tensor \(3, 3\): student width, teacher width; got \(4, 4\)"),
    ((MAPS, MAPS), {"projection": torch.eye(4)}, r"\(3, 3\): student channels, teacher channels; got \(4, 4\)"),
]


@pytest.mark.parametrize("pair, options, words", BAD_HINTS)
def test_bad_hints_are_refused(pair, options, words):
    with pytest.raises(ValueError, match=words):
        hint_loss(*pair, **options)


# --- attention transfer -----------------------------------------------------------------------------


def attention_reference(maps):
    """For each picture the list of its places' attention, a unit vector."""
    found = []
    for one in maps.tolist():
        rows, columns = range(len(one[0])), range(len(one[0][0]))
        squares = [sum(channel[i][j] ** 2 for channel in one) / len(one) for i in rows for j in columns]
        length = math.sqrt(sum(square**2 for square in squares))
        found.append([square / length for square in squares])
    return found


@quick
@given(seeds)
def test_attention_transfer_is_its_definition(seed):
    student, teacher = draw(2, 3, 4, 5, seed=seed), draw(2, 6, 4, 5, seed=seed + 1)
    pairs = zip(attention_reference(student), attention_reference(teacher), strict=True)
    terms = [(a - b) ** 2 for one, other in pairs for a, b in zip(one, other, strict=True)]
    assert float(attention_transfer_loss(student, teacher)) == pytest.approx(sum(terms) / len(terms), rel=1e-9)


@quick
@given(seeds, st.floats(1e-3, 1e3))
def test_scale_order_and_number_of_channels_are_free(seed, scale):
    student, teacher = draw(2, 3, 4, 5, seed=seed), draw(2, 6, 4, 5, seed=seed + 1)
    expected = float(attention_transfer_loss(student, teacher))
    for same in (scale * student, -student, student[:, [2, 0, 1]], torch.cat([student, student], 1)):
        assert float(attention_transfer_loss(same, teacher)) == pytest.approx(expected, rel=1e-9)
    assert float(attention_transfer_loss(student, 3 * student.repeat(1, 4, 1, 1))) == pytest.approx(0, abs=1e-15)
    assert float(attention_transfer_loss(student, student.flip(-1))) > 1e-4


def test_one_place_each_in_closed_form():
    """Student all in one place, teacher all in another: two ones among the 20 places."""
    student, teacher = torch.zeros(1, 2, 4, 5), torch.zeros(1, 3, 4, 5)
    student[0, 1, 0, 0], teacher[0, 2, 3, 4] = 7.0, -0.5
    assert float(attention_transfer_loss(student, teacher)) == pytest.approx(2 / 20)


def test_tiny_and_huge_maps_are_compared_alike():
    student, teacher = draw(2, 3, 4, 5).float(), draw(2, 6, 4, 5, seed=1).float()
    expected = float(attention_transfer_loss(student, teacher))
    for scale in (1e-30, 1e30):  # their squares are beyond float32
        assert float(attention_transfer_loss(scale * student, scale * teacher)) == pytest.approx(expected, rel=1e-5)


def test_a_map_of_zeros_has_a_finite_loss_and_gradient():
    student = torch.zeros(2, 3, 4, 5, requires_grad=True)
    loss = attention_transfer_loss(student, torch.ones(2, 1, 4, 5))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(1 / 20) and student.grad.isfinite().all()


def test_maps_of_other_sizes_are_refused_or_averaged_down():
    student, teacher = draw(2, 3, 8, 8), draw(2, 6, 4, 4, seed=1)
    with pytest.raises(ValueError, match="student_maps have 8 × 8 places, teacher_maps 4 × 4.*resize=True"):
        attention_transfer_loss(student, teacher)
    squares = torch.nn.functional.avg_pool2d(student.square().mean(1, keepdim=True), 2)
    expected = attention_transfer_loss(squares.sqrt(), teacher)
    ours = attention_transfer_loss(student, teacher, resize=True)
    assert float(ours) == pytest.approx(float(expected), rel=1e-12)
    back = attention_transfer_loss(teacher, student, resize=True)
    assert float(back) == pytest.approx(float(ours), rel=1e-12)
    with pytest.raises(ValueError, match="resize must be True or False, got 'no'"):
        attention_transfer_loss(student, teacher, resize="no")


@pytest.mark.parametrize(
    "pair, words",
    [
        ((VECTORS, MAPS), r"student_maps must be a floating-point tensor \(N, C, height, width\)"),
        ((MAPS, MAPS.long()), "teacher_maps must be a floating-point tensor"),
        ((MAPS, [1.0]), "got list"),
        ((MAPS[:0], MAPS[:0]), "not empty"),
        ((MAPS, MAPS[:1]), "same N pictures"),
        ((MAPS, MAPS + math.nan), "teacher_maps contain NaN"),
    ],
)
def test_bad_maps_are_refused(pair, words):
    with pytest.raises(ValueError, match=words):
        attention_transfer_loss(*pair)


# --- decoupled distillation -------------------------------------------------------------------------


def softmax(logits, temperature):
    weights = [math.exp((z - max(logits)) / temperature) for z in logits]
    return [weight / sum(weights) for weight in weights]


def kl(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def decoupled_reference(student, teacher, labels, temperature, target_weight, rest_weight):
    total = 0.0
    for z, v, y in zip(student.tolist(), teacher.tolist(), labels.tolist(), strict=True):
        q, p = softmax(z, temperature), softmax(v, temperature)
        total += target_weight * kl([p[y], 1 - p[y]], [q[y], 1 - q[y]])
        rest = [[one for k, one in enumerate(row) if k != y] for row in (p, q)]
        total += rest_weight * kl(*([one / sum(row) for one in row] for row in rest))
    return temperature**2 * total / len(labels)


@quick
@given(seeds, st.floats(0.5, 20), st.floats(0, 10), st.floats(0, 10))
def test_the_decoupled_loss_is_its_definition(seed, temperature, one, other):
    student, teacher = draw(6, 5, seed=seed), 2 * draw(6, 5, seed=seed + 1)
    labels = torch.randint(5, (6,), generator=torch.Generator().manual_seed(seed))
    assume(one or other)
    options = {"temperature": temperature, "target_weight": one, "rest_weight": other}
    expected = decoupled_reference(student, teacher, labels, *options.values())
    ours = decoupled_distillation_loss(student, teacher, labels, **options)
    assert float(ours) == pytest.approx(expected, rel=1e-7, abs=1e-12)


@quick
@given(seeds, st.floats(0.5, 20))
def test_its_parts_add_up_to_the_whole_divergence(seed, temperature):
    """T² KL = target part + (1 - p_label) rest part, row by row."""
    student, teacher = draw(6, 5, seed=seed), 2 * draw(6, 5, seed=seed + 1)
    labels = torch.randint(5, (6,), generator=torch.Generator().manual_seed(seed))
    for z, v, y in zip(student, teacher, labels, strict=True):
        all_else = 1 - float(torch.softmax(v / temperature, -1)[y])
        options = {"temperature": temperature, "target_weight": 1.0, "rest_weight": all_else}
        ours = decoupled_distillation_loss(z, v, y, **options)
        whole = temperature**2 * kl_divergence(z, v, temperature=temperature)
        assert float(ours) == pytest.approx(float(whole), rel=1e-8, abs=1e-12)


def test_a_very_sure_teacher_s_rest_is_still_heard():
    """p of all else is about e^-200, 0 in float32 as one minus p; the odds among it are plain."""
    teacher = torch.tensor([[200.0, 2.0, 0.0]])
    student = torch.tensor([[200.0, 0.0, 0.0]], requires_grad=True)
    options = {"temperature": 1.0, "target_weight": 0.0, "rest_weight": 1.0}
    loss = decoupled_distillation_loss(student, teacher, torch.tensor([0]), **options)
    assert float(loss.detach()) == pytest.approx(kl(softmax([2.0, 0.0], 1), [0.5, 0.5]), rel=1e-5)
    loss.backward()
    share = softmax([2.0, 0.0], 1)[0]
    assert student.grad[0].tolist() == pytest.approx([0.0, 0.5 - share, share - 0.5], rel=1e-4)


def test_the_mask_and_any_leading_shape():
    student, teacher, labels = draw(2, 3, 5), draw(2, 3, 5, seed=1), torch.tensor([[0, 1, 2], [3, 4, 0]])
    options = {"temperature": 2.0, "target_weight": 1.0, "rest_weight": 8.0}
    mask = torch.tensor([[True, False, True], [True, True, False]])
    ours = decoupled_distillation_loss(student, teacher, labels, mask=mask, **options)
    expected = decoupled_distillation_loss(student[mask], teacher[mask], labels[mask], **options)
    assert torch.equal(ours, expected)


def test_classes_that_cannot_happen():
    student, teacher, labels = draw(4, 5), draw(4, 5, seed=1), torch.tensor([0, 1, 2, 0])
    options = {"temperature": 2.0, "target_weight": 1.0, "rest_weight": 8.0}
    padded = [torch.cat([logits, torch.full((4, 1), -math.inf).double()], 1) for logits in (student, teacher)]
    ours = decoupled_distillation_loss(*padded, labels, **options)
    assert float(ours) == pytest.approx(
        float(decoupled_distillation_loss(student, teacher, labels, **options)), rel=1e-9
    )


@pytest.mark.parametrize("name", ["target_weight", "rest_weight"])
@pytest.mark.parametrize("weight", [-1, math.nan, math.inf, "8", None, True])
def test_bad_weights_are_refused(name, weight):
    options = {"temperature": 1.0, "target_weight": 1.0, "rest_weight": 1.0, name: weight}
    with pytest.raises(ValueError, match=name):
        decoupled_distillation_loss(draw(2, 3), draw(2, 3), torch.tensor([0, 1]), **options)


def test_two_weights_of_nothing_are_refused():
    options = {"temperature": 1.0, "target_weight": 0, "rest_weight": 0.0}
    with pytest.raises(ValueError, match="target_weight and rest_weight are both 0"):
        decoupled_distillation_loss(draw(2, 3), draw(2, 3), torch.tensor([0, 1]), **options)
