"""Losses between samples and between layers, and CKA: slow references in plain Python, and what leaves them unchanged."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kdlab import losses, metrics

seeds = st.integers(0, 2**31)
quick = settings(max_examples=20, deadline=None)


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed))


def rotation(width, seed=0):
    return torch.linalg.qr(draw(width, width, seed=seed))[0]


def cosine_relation_loss(student, teacher):
    return losses.cosine_relation_loss(student, teacher, temperature=0.3)


FREE_OF_SHIFTS = [losses.relational_distance_loss, losses.relational_angle_loss]
SEEN_FROM_ORIGIN = [losses.similarity_preserving_loss, cosine_relation_loss]
RELATIONS = FREE_OF_SHIFTS + SEEN_FROM_ORIGIN
ids = [loss.__name__ for loss in RELATIONS]


# --- definitions ------------------------------------------------------------------------------------


def smooth_l1(a, b):
    gap = abs(a - b)
    return gap * gap / 2 if gap < 1 else gap - 0.5


def distances_reference(rows):
    n = len(rows)
    found = [[math.dist(a, b) for b in rows] for a in rows]
    mean = sum(map(sum, found)) / (n * (n - 1))
    return [distance / mean for row in found for distance in row]


def angles_reference(rows):
    found = []
    for a in rows:
        for b in rows:
            for c in rows:
                u, v = [x - y for x, y in zip(b, a, strict=True)], [x - y for x, y in zip(c, a, strict=True)]
                lengths = math.hypot(*u) * math.hypot(*v)
                found.append(sum(x * y for x, y in zip(u, v, strict=True)) / lengths if lengths else 0.0)
    return found


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


@quick
@given(seeds)
def test_distances_and_angles_are_their_definitions(seed):
    student, teacher = draw(5, 3, seed=seed), draw(5, 4, seed=seed + 1)
    for loss, reference in (
        (losses.relational_distance_loss, distances_reference),
        (losses.relational_angle_loss, angles_reference),
    ):
        pairs = list(zip(reference(student.tolist()), reference(teacher.tolist()), strict=True))
        assert len(pairs) in (25, 125)
        expected = sum(smooth_l1(a, b) for a, b in pairs) / len(pairs)
        assert float(loss(student, teacher)) == pytest.approx(expected, rel=1e-9)


@quick
@given(seeds)
def test_similarities_are_their_definition(seed):
    student, teacher = draw(5, 3, seed=seed), draw(5, 4, seed=seed + 1)

    def rows(features):
        products = [[dot(a, b) for b in features] for a in features]
        return [[p / math.hypot(*row) for p in row] for row in products]

    pairs = zip(sum(rows(student.tolist()), []), sum(rows(teacher.tolist()), []), strict=True)
    expected = sum((a - b) ** 2 for a, b in pairs) / 25
    assert float(losses.similarity_preserving_loss(student, teacher)) == pytest.approx(expected, rel=1e-9)


@quick
@given(seeds)
def test_cosine_relations_are_their_definition_without_the_sample_itself(seed):
    student, teacher = draw(5, 3, seed=seed), draw(5, 4, seed=seed + 1)

    def rows(features):
        found = []
        for i, a in enumerate(features):
            others = [b for k, b in enumerate(features) if k != i]
            powers = [math.exp(dot(a, b) / math.hypot(*a) / math.hypot(*b) / 0.3) for b in others]
            found.append([power / sum(powers) for power in powers])
        return found

    q, p = rows(student.tolist()), rows(teacher.tolist())
    expected = sum(b * math.log(b / a) for a, b in zip(sum(q, []), sum(p, []), strict=True)) / 5
    assert float(cosine_relation_loss(student, teacher)) == pytest.approx(expected, rel=1e-9)


@quick
@given(seeds)
def test_the_contrastive_loss_is_its_definition(seed):
    student, teacher, projection = draw(5, 3, seed=seed), draw(5, 4, seed=seed + 1), draw(3, 4, seed=seed + 2)

    def unit(rows):
        return [[x / math.hypot(*row) for x in row] for row in rows]

    a, b = unit((student @ projection).tolist()), unit(teacher.tolist())
    expected = 0.0
    for ours, theirs in ((a, b), (b, a)):
        for i, one in enumerate(ours):
            powers = [math.exp(dot(one, other) / 0.5) for other in theirs]
            expected -= math.log(powers[i] / sum(powers)) / 10
    ours = losses.contrastive_loss(student, teacher, temperature=0.5, projection=projection)
    assert float(ours) == pytest.approx(expected, rel=1e-9)


@quick
@given(seeds)
def test_fsp_is_its_definition(seed):
    maps = [draw(2, c, 3, 4, seed=seed + k) for k, c in enumerate((2, 3))]
    others = [draw(2, c, 2, 5, seed=seed + 7 + k) for k, c in enumerate((2, 3))]

    def matrices(first, second):
        places = first.shape[2] * first.shape[3]
        return [
            sum(float(first[n, c].flatten()[k] * second[n, d].flatten()[k]) for k in range(places)) / places
            for n in range(2)
            for c in range(2)
            for d in range(3)
        ]

    pairs = zip(matrices(*maps), matrices(*others), strict=True)
    expected = sum((a - b) ** 2 for a, b in pairs) / 12
    assert float(losses.fsp_loss(*maps, *others)) == pytest.approx(expected, rel=1e-9)


@quick
@given(seeds)
def test_cka_is_the_squared_correlation_of_similarities(seed):
    x, y = draw(7, 3, seed=seed), draw(7, 5, seed=seed + 1)
    centring = torch.eye(7, dtype=torch.double) - 1 / 7
    k, other = centring @ x @ x.T @ centring, centring @ y @ y.T @ centring
    assert metrics.linear_cka(x, y) == pytest.approx(float((k * other).sum() / (k.norm() * other.norm())), rel=1e-9)
    assert metrics.linear_cka(x, x) == pytest.approx(1)


# --- what changes nothing, and what does --------------------------------------------------------------


@pytest.mark.parametrize("loss", RELATIONS, ids=ids)
@quick
@given(seed=seeds, scale=st.floats(1e-3, 1e3))
def test_turning_ordering_and_scaling_the_features_changes_no_relation(loss, seed, scale):
    student, teacher = draw(6, 3, seed=seed), draw(6, 5, seed=seed + 1)
    expected = float(loss(student, teacher))
    for same in (teacher @ rotation(5, seed), teacher[:, [3, 1, 4, 0, 2]], -teacher, scale * teacher):
        assert float(loss(student, same)) == pytest.approx(expected, rel=1e-9)
        assert float(loss(same, teacher)) == pytest.approx(
            0, abs=1e-12
        )  # a student of another space has learned it all
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    assert float(loss(student[order], teacher[order])) == pytest.approx(expected, rel=1e-9)
    padded = torch.cat([teacher, torch.zeros(6, 2, dtype=torch.double)], 1)
    assert float(loss(student, padded)) == pytest.approx(expected, rel=1e-9)


@quick
@given(seeds)
def test_distances_angles_and_cka_do_not_see_a_shift_and_the_others_do(seed):
    student, teacher = draw(6, 3, seed=seed), draw(6, 5, seed=seed + 1)
    moved = teacher + draw(5, seed=seed + 2)
    for loss in FREE_OF_SHIFTS:
        assert float(loss(student, moved)) == pytest.approx(float(loss(student, teacher)), rel=1e-9)
    for loss in SEEN_FROM_ORIGIN:
        assert float(loss(moved, teacher)) > 1e-5
    turned = 3 * moved @ rotation(5, seed)
    assert metrics.linear_cka(student, turned) == pytest.approx(metrics.linear_cka(student, teacher), rel=1e-9)


@pytest.mark.parametrize("loss", RELATIONS, ids=ids)
def test_a_stretch_and_other_samples_are_seen(loss):
    teacher = draw(6, 5)
    assert float(loss(teacher * torch.linspace(0.2, 2, 5), teacher)) > 1e-4
    assert float(loss(teacher[[1, 0, 2, 3, 4, 5]], teacher)) > 1e-3


@quick
@given(seeds)
def test_fsp_is_free_of_a_common_order_of_places_and_not_of_channels(seed):
    student, teacher = [draw(2, c, 3, 4, seed=seed + c) for c in (2, 3)], [draw(2, c, 3, 4, seed=seed) for c in (2, 3)]
    expected = float(losses.fsp_loss(*student, *teacher))
    order = torch.randperm(12, generator=torch.Generator().manual_seed(seed))
    moved = [maps.flatten(2)[..., order].view_as(maps) for maps in teacher]
    assert float(losses.fsp_loss(*student, *moved)) == pytest.approx(expected, rel=1e-9)
    assert float(losses.fsp_loss(*student, teacher[0][:, [1, 0]], teacher[1])) != pytest.approx(expected, rel=1e-6)
    assert float(losses.fsp_loss(*student, moved[0], teacher[1])) != pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("loss", RELATIONS, ids=ids)
def test_maps_are_read_as_long_vectors(loss):
    student, teacher = draw(4, 2, 3, 5), draw(4, 6, seed=1)
    assert torch.equal(loss(student, teacher), loss(student.flatten(1), teacher))


# --- bad moments --------------------------------------------------------------------------------------


EVERY = [*RELATIONS, lambda s, t: losses.contrastive_loss(s, t, temperature=0.1)]


@pytest.mark.parametrize("loss", EVERY, ids=[*ids, "contrastive_loss"])
def test_equal_samples_and_samples_of_zeros_have_moderate_gradients(loss):
    """A gradient of 1e12, as F.normalize gives for zeros, is finite and ends every training."""
    teacher = draw(6, 4, seed=1).float()
    some = draw(6, 4).float()
    usual = some.clone().requires_grad_()
    loss(usual, teacher).backward()
    equal, zeros = some.clone(), some.clone()
    equal[3], zeros[2] = equal[0], 0.0
    for student in (equal, zeros, some[:1].expand(6, 4).clone(), torch.zeros(6, 4)):
        student.requires_grad_()
        loss(student, teacher).backward()
        assert student.grad.isfinite().all() and student.grad.abs().max() <= 20 * usual.grad.abs().max()
    for same in (equal, zeros, torch.zeros(6, 4)):
        assert loss(usual, same.detach()).isfinite()


@pytest.mark.parametrize("loss", EVERY, ids=[*ids, "contrastive_loss"])
def test_tiny_and_huge_features_are_compared_alike(loss):
    student, teacher = draw(6, 4).float(), draw(6, 4, seed=1).float()
    expected = float(loss(student, teacher))
    for scale in (1e-30, 1e30):  # their squares are beyond float32
        assert float(loss(scale * student, scale * teacher)) == pytest.approx(expected, rel=1e-4)


def test_features_far_from_the_origin_keep_their_distances():
    """|a|² + |b|² - 2 ab, the fast way to distances, would lose them."""
    student, teacher = draw(6, 4), draw(6, 4, seed=1)
    far = (student.float() + 1000, teacher.float() + 1000)
    for loss in FREE_OF_SHIFTS:
        assert float(loss(*far)) == pytest.approx(float(loss(*(f.double() for f in far))), rel=1e-3)


@pytest.mark.parametrize("loss", [losses.relational_distance_loss, losses.relational_angle_loss, cosine_relation_loss])
def test_two_samples_have_nothing_to_learn_from(loss):
    assert float(loss(draw(2, 4), draw(2, 3, seed=1))) == pytest.approx(0, abs=1e-12)


VECTORS = torch.zeros(3, 4)
BAD_FEATURES = [
    ((VECTORS[:1], VECTORS[:1]), "single sample, which has no relation to others"),
    ((VECTORS, torch.zeros(2, 4)), "must have features for the same samples"),
    ((VECTORS, [1.0]), r"teacher_features must be a tensor \(B, D\) or \(B, C, height, width\), got list"),
    ((VECTORS[0], VECTORS), r"student_features must be a tensor \(B, D\)"),
    ((VECTORS.long(), VECTORS), "floating-point"),
    ((VECTORS[:0], VECTORS[:0]), "features are empty"),
    ((VECTORS + math.nan, VECTORS), "student's features contain NaN"),
    ((VECTORS, VECTORS - math.inf), "teacher's features contain NaN or infinite"),
]


@pytest.mark.parametrize("loss", EVERY, ids=[*ids, "contrastive_loss"])
@pytest.mark.parametrize("pair, words", BAD_FEATURES)
def test_bad_features_are_refused(loss, pair, words):
    with pytest.raises(ValueError, match=words):
        loss(*pair)


@pytest.mark.parametrize("loss", [losses.cosine_relation_loss, losses.contrastive_loss])
def test_bad_temperatures_are_refused(loss):
    for temperature in (0, -1, math.nan, "warm"):
        with pytest.raises(ValueError, match="temperature"):
            loss(VECTORS, VECTORS, temperature=temperature)


def test_contrast_needs_a_projection_for_another_width():
    with pytest.raises(ValueError, match=r"width 4, the teacher's 5: give a projection \(4, 5\)"):
        losses.contrastive_loss(VECTORS, torch.zeros(3, 5), temperature=0.1)
    with pytest.raises(ValueError, match="pass its .T"):
        losses.contrastive_loss(VECTORS, torch.zeros(3, 5), temperature=0.1, projection=torch.zeros(5, 4))


MAPS, WIDER = torch.zeros(2, 3, 4, 5), torch.zeros(2, 6, 4, 5)


@pytest.mark.parametrize(
    "maps, words",
    [
        ((MAPS, WIDER, MAPS, VECTORS), r"teacher_second must be a floating-point tensor \(N, C, height, width\)"),
        ((MAPS, WIDER, MAPS, WIDER[:1]), "same 2 samples"),
        ((MAPS, WIDER, WIDER, WIDER), "student_first have 3 channels, teacher_first 6"),
        ((MAPS, WIDER, MAPS, torch.zeros(2, 6, 8, 5)), "teacher's two layers have 4 × 5 and 8 × 5 places"),
        ((MAPS, WIDER, MAPS, WIDER + math.nan), "teacher_second contain NaN"),
    ],
)
def test_bad_layers_are_refused(maps, words):
    with pytest.raises(ValueError, match=words):
        losses.fsp_loss(*maps)


@pytest.mark.parametrize(
    "pair, words",
    [
        ((VECTORS[:1], VECTORS[:1]), "two samples or more"),
        ((draw(3, 4), draw(2, 4)), "features of 3 and of 2 samples"),
        ((draw(3, 4), torch.ones(3, 4)), "other_features are the same for all samples"),
        ((draw(3, 4), draw(3, 4).long()), "other_features must be a floating-point tensor"),
        ((draw(3, 4) * math.inf, draw(3, 4)), "features contain NaN or infinite"),
    ],
)
def test_bad_representations_are_refused(pair, words):
    with pytest.raises(ValueError, match=words):
        metrics.linear_cka(*pair)
