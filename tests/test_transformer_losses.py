"""The losses inside a transformer against slow references in plain Python, and their properties."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kdlab.losses import (
    attention_kl_loss,
    attention_mse_loss,
    hidden_cosine_loss,
    hidden_state_loss,
    value_relation_loss,
)
from kdlab.models import TextClassifier

seeds = st.integers(0, 2**31)
quick = settings(max_examples=20, deadline=None)
LOSSES = [hidden_state_loss, hidden_cosine_loss, attention_mse_loss, attention_kl_loss, value_relation_loss]


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed))


def lengths_to_mask(lengths, longest):
    return torch.arange(longest) < torch.tensor(lengths)[:, None]


def arguments(loss, *, seed=0, sentences=3, heads=2, length=5, width=4):
    """Student and teacher tensors that this loss takes."""
    shape = (sentences, length, width) if loss in (hidden_state_loss, hidden_cosine_loss) else None
    shape = shape or (sentences, heads, length, width if loss is value_relation_loss else length)
    return draw(*shape, seed=seed), draw(*shape, seed=seed + 1)


# --- slow references: lists of floats, one token at a time ----------------------------------------


def softmax(scores):
    weights = [math.exp(score - max(scores)) for score in scores]
    return [weight / sum(weights) for weight in weights]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def kl(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def counted(mask, n):
    return [i for i, counts in enumerate(mask[n].tolist()) if counts]


def hidden_reference(student, teacher, mask, projection):
    terms = []
    for n in range(len(student)):
        for i in counted(mask, n):
            moved = [dot(student[n, i].tolist(), column) for column in projection.T.tolist()]
            terms += [(a - b) ** 2 for a, b in zip(moved, teacher[n, i].tolist(), strict=True)]
    return sum(terms) / len(terms)


def cosine_reference(student, teacher, mask):
    terms = []
    for n in range(len(student)):
        for i in counted(mask, n):
            a, b = student[n, i].tolist(), teacher[n, i].tolist()
            terms.append(1 - dot(a, b) / math.sqrt(dot(a, a) * dot(b, b)))
    return sum(terms) / len(terms)


def attention_mse_reference(student, teacher, mask):
    terms = []
    for n in range(len(student)):
        for h in range(student.shape[1]):
            for i in counted(mask, n):
                terms += [float(student[n, h, i, j] - teacher[n, h, i, j]) ** 2 for j in counted(mask, n)]
    return sum(terms) / len(terms)


def attention_kl_reference(student, teacher, mask):
    terms = []
    for n in range(len(student)):
        for h in range(student.shape[1]):
            for i in counted(mask, n):
                q, p = (softmax([float(scores[n, h, i, j]) for j in counted(mask, n)]) for scores in (student, teacher))
                terms.append(kl(p, q))
    return sum(terms) / len(terms)


def relation_reference(student, teacher, mask, heads):
    """student and teacher are states (N, L, width)."""
    terms = []
    for n in range(len(student)):
        for h in range(heads):
            relations = []
            for values in (student, teacher):
                d = values.shape[-1] // heads
                rows = [values[n, i, h * d : (h + 1) * d].tolist() for i in counted(mask, n)]
                relations.append([softmax([dot(a, b) / math.sqrt(d) for b in rows]) for a in rows])
            terms += [kl(p, q) for q, p in zip(*relations, strict=True)]
    return sum(terms) / len(terms)


masks = st.lists(st.integers(1, 5), min_size=3, max_size=3).map(lambda lengths: lengths_to_mask(lengths, 5))


@quick
@given(seeds, masks)
def test_hidden_state_loss_is_its_definition_with_projection_and_mask(seed, mask):
    student, teacher, projection = draw(3, 5, 4, seed=seed), draw(3, 5, 6, seed=seed + 1), draw(4, 6, seed=seed + 2)
    ours = hidden_state_loss(student, teacher, projection=projection, mask=mask)
    assert float(ours) == pytest.approx(hidden_reference(student, teacher, mask, projection), rel=1e-9)
    same = draw(3, 5, 4, seed=seed + 3)
    identity = torch.eye(4, dtype=torch.double)
    ours = hidden_state_loss(student, same, mask=mask)
    assert float(ours) == pytest.approx(hidden_reference(student, same, mask, identity), rel=1e-9)


@quick
@given(seeds, masks)
def test_hidden_cosine_loss_is_its_definition(seed, mask):
    student, teacher = arguments(hidden_cosine_loss, seed=seed)
    assert float(hidden_cosine_loss(student, teacher, mask=mask)) == pytest.approx(
        cosine_reference(student, teacher, mask), rel=1e-9
    )


@quick
@given(seeds, masks)
def test_attention_losses_are_their_definitions(seed, mask):
    student, teacher = arguments(attention_kl_loss, seed=seed)
    assert float(attention_mse_loss(student, teacher, mask=mask)) == pytest.approx(
        attention_mse_reference(student, teacher, mask), rel=1e-9
    )
    assert float(attention_kl_loss(student, teacher, mask=mask)) == pytest.approx(
        attention_kl_reference(student, teacher, mask), rel=1e-9, abs=1e-12
    )


@quick
@given(seeds, masks, st.sampled_from([1, 2, 4]))
def test_value_relation_loss_is_its_definition_for_any_widths_and_heads(seed, mask, heads):
    student, teacher = draw(3, 5, 4, seed=seed), draw(3, 5, 12, seed=seed + 1)
    expected = relation_reference(student, teacher, mask, heads)
    ours = value_relation_loss(student, teacher, heads=heads, mask=mask)
    assert float(ours) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    split = teacher.unflatten(-1, (3, 4)).transpose(1, 2)  # as a model of three heads gives them
    assert float(value_relation_loss(student, split, heads=heads, mask=mask)) == pytest.approx(float(ours), rel=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_no_mask_is_a_mask_of_ones(loss):
    student, teacher = arguments(loss)
    ones = torch.ones(3, 5, dtype=torch.bool)
    assert float(loss(student, teacher)) == pytest.approx(float(loss(student, teacher, mask=ones)), rel=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_student_that_equals_its_teacher_costs_nothing_and_any_other_something(loss):
    student, teacher = arguments(loss)
    mask = lengths_to_mask([5, 2, 3], 5)
    assert float(loss(teacher.clone(), teacher, mask=mask)) == pytest.approx(0, abs=1e-12)
    assert float(loss(student, teacher, mask=mask)) > 0.01


@pytest.mark.parametrize("loss", LOSSES)
def test_what_stands_at_padding_is_not_looked_at_and_gets_no_gradient(loss):
    student, teacher = arguments(loss)
    mask = lengths_to_mask([5, 2, 3], 5)
    expected = loss(student, teacher, mask=mask)
    if loss in (hidden_state_loss, hidden_cosine_loss):
        outside = ~mask[:, :, None].expand_as(student)
    elif loss is value_relation_loss:
        outside = ~mask[:, None, :, None].expand_as(student)
    else:
        outside = ~(mask[:, None, :, None] & mask[:, None, None, :]).expand_as(student)
    for rubbish in (1e6, math.nan, -math.inf):
        spoiled = student.masked_fill(outside, rubbish).requires_grad_()
        value = loss(spoiled, teacher.masked_fill(outside, rubbish), mask=mask)
        assert float(value.detach()) == pytest.approx(float(expected), rel=1e-12)
        value.backward()
        assert spoiled.grad.isfinite().all() and not spoiled.grad[outside].any() and spoiled.grad[~outside].any()


@pytest.mark.parametrize("loss", LOSSES)
def test_longer_padding_changes_nothing(loss):
    student, teacher = arguments(loss, length=8)
    short, long = lengths_to_mask([5, 2, 3], 5), lengths_to_mask([5, 2, 3], 8)
    if loss in (hidden_state_loss, hidden_cosine_loss):
        cut = (slice(None), slice(5))
    elif loss is value_relation_loss:
        cut = (slice(None), slice(None), slice(5))
    else:
        cut = (slice(None), slice(None), slice(5), slice(5))
    near, far = loss(student[cut], teacher[cut], mask=short), loss(student, teacher, mask=long)
    assert float(near) == pytest.approx(float(far), rel=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_no_gradient_flows_into_the_teacher(loss):
    student, teacher = (tensor.requires_grad_() for tensor in arguments(loss))
    loss(student, teacher).backward()
    assert student.grad.any() and teacher.grad is None


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_finite_differences(loss):
    student, teacher = arguments(loss)
    mask = lengths_to_mask([5, 2, 3], 5)
    assert torch.autograd.gradcheck(lambda s: loss(s, teacher, mask=mask), student.requires_grad_())


def test_the_projection_learns():
    student, teacher = draw(3, 5, 4), draw(3, 5, 6, seed=1)
    projection = draw(4, 6, seed=2).requires_grad_()
    hidden_state_loss(student, teacher, projection=projection).backward()
    expected = 2 / teacher.numel() * torch.einsum("nlw,nlv->wv", student, student @ projection - teacher)
    assert torch.allclose(projection.grad, expected, atol=1e-12)


def rotation(width, seed):
    """A random orthogonal matrix."""
    return torch.linalg.qr(draw(width, width, seed=seed))[0]


@quick
@given(seeds)
def test_relations_do_not_see_a_rotation_and_hidden_states_do(seed):
    student, teacher = draw(3, 5, 6, seed=seed), draw(3, 5, 6, seed=seed + 1)
    turn = rotation(6, seed + 2)
    for ours, theirs in ((student @ turn, teacher), (student, teacher @ turn)):
        assert torch.allclose(value_relation_loss(ours, theirs), value_relation_loss(student, teacher), atol=1e-10)
    assert float(value_relation_loss(teacher @ turn, teacher)) == pytest.approx(0, abs=1e-10)
    assert float(hidden_state_loss(teacher @ turn, teacher)) > 0.05
    each = torch.block_diag(rotation(3, seed + 3), rotation(3, seed + 4))  # with two heads: one rotation for each
    before = value_relation_loss(student, teacher, heads=2)
    assert torch.allclose(value_relation_loss(student @ each, teacher, heads=2), before, atol=1e-10)


def test_relations_in_closed_form():
    """Two tokens with orthogonal unit values: each row is softmax(1 / sqrt(2), 0); zero values give an even row."""
    teacher, student = torch.eye(2, dtype=torch.double)[None], torch.zeros(1, 2, 2, dtype=torch.double)
    p = math.exp(math.sqrt(0.5)) / (1 + math.exp(math.sqrt(0.5)))
    expected = p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p))
    assert float(value_relation_loss(student, teacher)) == pytest.approx(expected, rel=1e-12)


def test_kept_attention_weights_serve_as_scores_zeros_included():
    student, teacher = arguments(attention_kl_loss)
    weights = teacher.softmax(-1)
    kept = attention_kl_loss(student, weights.log())
    assert float(kept) == pytest.approx(float(attention_kl_loss(student, teacher)), rel=1e-10)
    weights[..., 0] = 0
    weights = weights / weights.sum(-1, keepdim=True)
    expected = sum(
        kl(p, softmax(z)) for p, z in zip(weights.reshape(-1, 5).tolist(), student.reshape(-1, 5).tolist(), strict=True)
    )
    assert float(attention_kl_loss(student, weights.log())) == pytest.approx(expected / 30, rel=1e-9)


def test_a_scale_changes_the_hidden_state_loss_and_not_the_cosine():
    student, teacher = arguments(hidden_cosine_loss)
    assert torch.allclose(hidden_cosine_loss(3 * student, teacher), hidden_cosine_loss(student, teacher))
    assert hidden_state_loss(3 * student, teacher) > hidden_state_loss(student, teacher)
    assert float(hidden_cosine_loss(-teacher, teacher)) == pytest.approx(2)


STATES, SCORES = draw(2, 3, 4), draw(2, 2, 3, 3)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: hidden_state_loss(STATES, draw(2, 3, 6)), "give a projection"),
        (lambda: hidden_state_loss(STATES, draw(2, 3, 6), projection=draw(6, 4)), "projection must be"),
        (lambda: hidden_state_loss(STATES, draw(2, 3, 6), projection=torch.nn.Linear(4, 6)), "projection must be"),
        (lambda: hidden_state_loss(STATES, draw(2, 1, 4)), "same tokens"),
        (lambda: hidden_state_loss(STATES * math.nan, STATES), "NaN"),
        (lambda: hidden_state_loss(STATES.long(), STATES), "floating-point"),
        (lambda: hidden_state_loss(STATES, STATES, mask=torch.ones(2, 3)), "boolean"),
        (lambda: hidden_state_loss(STATES, STATES, mask=torch.zeros(2, 3, dtype=torch.bool)), "nothing to average"),
        (lambda: hidden_state_loss(STATES, STATES, mask=torch.ones(2, dtype=torch.bool)), "one entry"),
        (lambda: hidden_cosine_loss(STATES, draw(2, 3, 6)), "equal widths"),
        (lambda: attention_mse_loss(SCORES, SCORES[:, :1]), "same shape"),
        (lambda: attention_mse_loss(SCORES, SCORES[:1]), "same shape"),
        (lambda: attention_kl_loss(STATES, STATES), r"\(N, heads, L, L\)"),
        (lambda: attention_kl_loss(SCORES, SCORES, mask=torch.ones(2, 2, dtype=torch.bool)), r"\(N, L\)"),
        (lambda: attention_kl_loss(SCORES, SCORES, mask=torch.zeros(2, 3, dtype=torch.bool)), "nothing to average"),
        (lambda: attention_mse_loss(SCORES, SCORES.log()), "NaN or infinite"),
        (lambda: attention_kl_loss(SCORES - math.inf, SCORES), "student_scores contain"),
        (lambda: attention_kl_loss(SCORES, SCORES - math.inf), "nothing to look at"),
        (lambda: value_relation_loss(STATES, STATES, heads=3), "relation heads"),
        (lambda: value_relation_loss(STATES, STATES, heads=0), "whole number, at least 1"),
        (lambda: value_relation_loss(STATES[0], STATES[0]), r"\(N, L, width\)"),
        (lambda: value_relation_loss(STATES, STATES[:, :2]), "same tokens"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_what_a_classifier_shows_goes_straight_into_the_losses():
    """A narrow student with two heads learns from a wide teacher, padding and infinite scores included."""
    teacher = TextClassifier(30, width=12, heads=2, layers=4, longest=8, seed=1)
    student = TextClassifier(30, width=6, heads=2, layers=2, longest=8, seed=2)
    mask = lengths_to_mask([8, 3, 5], 8)
    ids = torch.randint(1, 30, (3, 8), generator=torch.Generator().manual_seed(0)) * mask
    with torch.no_grad():
        seen = teacher(ids, mask, details=True)
    projection = torch.nn.Linear(6, 12, bias=False)
    optimizer = torch.optim.Adam([*student.parameters(), *projection.parameters()], lr=0.01)
    totals = []
    for _ in range(40):
        own, parts = student(ids, mask, details=True), []
        for ours, theirs in ((0, 0), (1, 2), (2, 4)):  # the embedding, then every other layer
            moved = own["states"][ours], seen["states"][theirs]
            parts.append(hidden_state_loss(*moved, projection=projection.weight.T, mask=mask))
        parts.append(attention_kl_loss(own["scores"][-1], seen["scores"][-1], mask=mask))
        parts.append(attention_mse_loss(own["scores"][-1], seen["scores"][-1], mask=mask))
        parts.append(value_relation_loss(own["values"][-1], seen["values"][-1], heads=2, mask=mask))
        totals.append(float(sum(parts).detach()))
        optimizer.zero_grad()
        sum(parts).backward()
        optimizer.step()
    assert math.isfinite(totals[-1]) and totals[-1] < 0.7 * totals[0]
