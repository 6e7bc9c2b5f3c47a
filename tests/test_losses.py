"""The losses against closed forms, slow references in plain Python, PyTorch, and their properties."""

import inspect
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from kdlab import losses

KL, REVERSE, JS = losses.kl_divergence, losses.reverse_kl_divergence, losses.jensen_shannon_divergence
MATCH, DISTIL = losses.logit_matching_loss, losses.distillation_loss
DIVERGENCES = [KL, REVERSE, JS, MATCH]


def draw(*shape, seed=0, scale=3.0):
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed)) * scale


def labels_for(logits, seed=1):
    return torch.randint(logits.shape[-1], logits.shape[:-1], generator=torch.Generator().manual_seed(seed))


def close(a, b, tolerance=1e-10):
    a, b = (torch.as_tensor(value, dtype=torch.double) for value in (a, b))  # lists too: never through float32
    return torch.allclose(a, b, rtol=tolerance, atol=tolerance)


# --- slow references: one distribution at a time, lists of floats ---------------------------------


def softmax_reference(logits, temperature):
    weights = [math.exp((z - max(logits)) / temperature) for z in logits]
    return [weight / sum(weights) for weight in weights]


def kl_reference(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def rows(logits):
    return logits.reshape(-1, logits.shape[-1]).tolist()


def mean_reference(function, *arrays):
    values = [function(*row) for row in zip(*arrays, strict=True)]
    return sum(values) / len(values)


def divergence_reference(name, student, teacher, temperature, beta=0.5):
    def one(z, v):
        q, p = softmax_reference(z, temperature), softmax_reference(v, temperature)
        if name == "forward":
            return kl_reference(p, q)
        if name == "reverse":
            return kl_reference(q, p)
        m = [beta * a + (1 - beta) * b for a, b in zip(p, q, strict=True)]
        return beta * kl_reference(p, m) + (1 - beta) * kl_reference(q, m)

    return mean_reference(one, rows(student), rows(teacher))


# --- strategies -----------------------------------------------------------------------------------

shapes = st.sampled_from([(5,), (1, 2), (4, 10), (2, 3, 7), (2, 2, 2, 4)])
seeds = st.integers(0, 2**31)
temperatures = st.floats(0.2, 50)
betas = st.floats(0.01, 0.99)
quick = settings(max_examples=25, deadline=None)


@st.composite
def pairs(draw_from):
    shape, seed = draw_from(shapes), draw_from(seeds)
    return draw(*shape, seed=seed), draw(*shape, seed=seed + 1)


# --- soft targets and entropy ---------------------------------------------------------------------


@quick
@given(pairs(), temperatures, st.floats(-1000, 1000))
def test_soft_targets_sum_to_one_match_the_reference_and_ignore_a_shift(pair, temperature, shift):
    logits, _ = pair
    p = losses.soft_targets(logits, temperature)
    assert p.shape == logits.shape
    assert close(p.sum(-1), torch.ones(logits.shape[:-1]))
    assert close(p.reshape(-1, p.shape[-1]), [softmax_reference(row, temperature) for row in rows(logits)])
    assert close(losses.soft_targets(logits + shift, temperature), p, 1e-8)
    assert close(losses.log_soft_targets(logits, temperature).exp(), p)


def test_temperature_one_is_the_default_and_limits_are_argmax_and_uniform():
    logits = torch.tensor([2.0, 1.0, -1.0])
    assert torch.equal(losses.soft_targets(logits), losses.soft_targets(logits, 1.0))
    assert close(losses.soft_targets(logits, 1e-3), [1.0, 0.0, 0.0], 1e-6)
    assert close(losses.soft_targets(logits, 1e6), [1 / 3] * 3, 1e-5)


def test_soft_targets_survive_logits_that_overflow_exp():
    assert losses.soft_targets(torch.tensor([1000.0, 999.0])).tolist() == pytest.approx([0.731058, 0.268941], abs=1e-5)
    assert losses.log_soft_targets(torch.tensor([0.0, -1000.0])).tolist() == [0.0, -1000.0]


@quick
@given(pairs(), temperatures)
def test_entropy_matches_the_reference_and_stays_between_zero_and_log_classes(pair, temperature):
    logits, _ = pair
    entropy = losses.entropy(logits, temperature)
    expected = [-sum(p * math.log(p) for p in softmax_reference(row, temperature)) for row in rows(logits)]
    assert entropy.shape == logits.shape[:-1]
    assert close(entropy.reshape(-1), expected)
    assert (entropy >= 0).all() and (entropy <= math.log(logits.shape[-1]) + 1e-12).all()
    assert (losses.entropy(logits, temperature * 2) >= entropy - 1e-12).all()  # warmer is never less even


def test_entropy_of_even_logits_is_log_classes():
    assert losses.entropy(torch.zeros(10)).item() == pytest.approx(math.log(10))


# --- divergences ----------------------------------------------------------------------------------


@quick
@given(pairs(), temperatures, betas)
def test_divergences_match_slow_references(pair, temperature, beta):
    student, teacher = pair
    options = {"temperature": temperature}
    assert close(KL(student, teacher, **options), divergence_reference("forward", *pair, temperature), 1e-8)
    assert close(REVERSE(student, teacher, **options), divergence_reference("reverse", *pair, temperature), 1e-8)
    expected = divergence_reference("js", *pair, temperature, beta)
    assert close(JS(student, teacher, beta=beta, **options), expected, 1e-8)


@quick
@given(pairs(), st.floats(-100, 100), st.floats(-100, 100))
def test_divergences_are_not_negative_zero_for_equal_distributions_and_ignore_shifts(pair, a, b):
    student, teacher = pair
    for divergence in DIVERGENCES:
        value = divergence(student, teacher)
        assert value.ndim == 0 and value >= 0
        assert close(divergence(student, student + a), 0, 1e-9)
        assert close(divergence(student + a, teacher + b), value, 1e-8)


@quick
@given(pairs())
def test_leading_shapes_are_the_mean_of_their_rows(pair):
    student, teacher = pair
    labels = labels_for(student)
    flat = [tensor.reshape(-1, tensor.shape[-1]) for tensor in pair]
    for divergence in DIVERGENCES:
        row_values = [divergence(z, v) for z, v in zip(*flat, strict=True)]
        assert close(divergence(student, teacher), torch.stack(row_values).mean())
    loss = DISTIL(student, teacher, labels, temperature=4, alpha=0.3)
    assert close(loss, DISTIL(*flat, labels.reshape(-1), temperature=4, alpha=0.3))


def test_three_dimensions_do_not_multiply_by_the_sequence_length():
    student, teacher = draw(4, 16, 9), draw(4, 16, 9, seed=5)
    log_q, p = F.log_softmax(student, -1), F.softmax(teacher, -1)
    assert close(F.kl_div(log_q, p, reduction="batchmean") / KL(student, teacher), 16)


@quick
@given(pairs(), temperatures)
def test_kl_agrees_with_pytorch(pair, temperature):
    student, teacher = (tensor.reshape(-1, tensor.shape[-1]) for tensor in pair)
    log_q, log_p = F.log_softmax(student / temperature, 1), F.log_softmax(teacher / temperature, 1)
    ours = KL(student, teacher, temperature=temperature)
    assert close(ours, F.kl_div(log_q, log_p.exp(), reduction="batchmean"))
    assert close(ours, F.kl_div(log_q, log_p, reduction="batchmean", log_target=True))


@quick
@given(pairs(), temperatures, betas)
def test_kl_has_a_direction_and_js_at_one_half_has_none(pair, temperature, beta):
    student, teacher = pair
    options = {"temperature": temperature}
    assert close(REVERSE(student, teacher, **options), KL(teacher, student, **options))
    assert close(JS(student, teacher, **options), JS(teacher, student, **options))
    assert close(JS(student, teacher, beta=beta, **options), JS(teacher, student, beta=1 - beta, **options), 1e-8)
    assert JS(student, teacher, **options) <= math.log(2) + 1e-12


def test_kl_is_not_symmetric():
    student, teacher = torch.tensor([2.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, -3.0])
    assert abs(KL(student, teacher) - REVERSE(student, teacher)) > 0.1


def test_js_reaches_log_two_for_distributions_that_do_not_overlap():
    assert JS(torch.tensor([60.0, 0.0]), torch.tensor([0.0, 60.0])).item() == pytest.approx(math.log(2), abs=1e-6)


def test_js_divided_by_beta_tends_to_kl_at_its_ends():
    student, teacher = draw(6, 5, scale=1), draw(6, 5, seed=9, scale=1)
    assert close(JS(student, teacher, beta=1e-6) / 1e-6, KL(student, teacher), 1e-4)
    assert close(JS(student, teacher, beta=1 - 1e-6) / 1e-6, REVERSE(student, teacher), 1e-4)


def test_js_of_given_probabilities_by_hand():
    teacher, student = torch.tensor([0.1, 0.9]), torch.tensor([0.9, 0.1])
    # m = (0.5, 0.5): 0.1 log 0.2 + 0.9 log 1.8
    assert JS(student.log(), teacher.log()).item() == pytest.approx(0.1 * math.log(0.2) + 0.9 * math.log(1.8))
    assert KL(student.log(), teacher.log()).item() == pytest.approx(0.8 * math.log(9))


# --- the two-term loss ----------------------------------------------------------------------------


@quick
@given(pairs(), temperatures, st.floats(0, 1))
def test_distillation_loss_is_its_formula(pair, temperature, alpha):
    student, teacher = pair
    labels = labels_for(student)
    hard = mean_reference(
        lambda z, y: -math.log(softmax_reference(z, 1)[y]), rows(student), labels.reshape(-1).tolist()
    )
    soft = divergence_reference("forward", student, teacher, temperature)
    expected = alpha * hard + (1 - alpha) * temperature**2 * soft
    assert close(DISTIL(student, teacher, labels, temperature=temperature, alpha=alpha), expected, 1e-7)


def test_alpha_one_is_cross_entropy_and_alpha_zero_ignores_the_labels():
    student, teacher = draw(8, 10), draw(8, 10, seed=3)
    labels = labels_for(student)
    hard = DISTIL(student, teacher, labels, temperature=4, alpha=1)
    assert close(hard, F.cross_entropy(student, labels)) and close(hard, losses.cross_entropy(student, labels))
    soft = DISTIL(student, teacher, labels, temperature=4, alpha=0)
    assert close(soft, DISTIL(student, teacher, (labels + 1) % 10, temperature=4, alpha=0))
    assert close(soft, 16 * KL(student, teacher, temperature=4))


@quick
@given(pairs(), temperatures)
def test_gradient_of_the_soft_term_is_t_times_q_minus_p(pair, temperature):
    student, teacher = pair
    student = student.clone().requires_grad_()
    DISTIL(student, teacher, labels_for(student), temperature=temperature, alpha=0).backward()
    q, p = losses.soft_targets(student.detach(), temperature), losses.soft_targets(teacher, temperature)
    assert close(student.grad, temperature * (q - p) * student.shape[-1] / student.numel(), 1e-9)


def test_t_squared_keeps_the_gradient_alive():
    student, teacher = draw(64, 10, scale=2).requires_grad_(), draw(64, 10, seed=7, scale=2)

    def size(temperature, scaled):
        loss = KL(student, teacher, temperature=temperature) * (temperature**2 if scaled else 1)
        return torch.autograd.grad(loss, student)[0].norm()

    with_square = [size(t, True) for t in (2, 8, 32)]
    assert max(with_square) / min(with_square) < 2
    assert size(2, False) / size(32, False) > 100


@quick
@given(pairs())
def test_high_temperature_limit_is_logit_matching(pair):
    student, teacher = pair
    student = student.clone().requires_grad_()
    limit = MATCH(student, teacher)
    loss = DISTIL(student, teacher, labels_for(student), temperature=1e4, alpha=0)
    assert close(loss, limit, 1e-2)
    assert close(torch.autograd.grad(loss, student)[0], torch.autograd.grad(limit, student)[0], 1e-2)


def test_the_high_temperature_limit_is_approached_like_one_over_t():
    student, teacher = draw(16, 10), draw(16, 10, seed=2)
    gaps = [abs(t * t * KL(student, teacher, temperature=t) - MATCH(student, teacher)) for t in (100, 1000)]
    assert 5 < gaps[0] / gaps[1] < 20


def test_logit_matching_by_hand():
    # centred: z = (1, -1), v = (-1, 1); squares 4 + 4, over 2 times 2 classes
    assert MATCH(torch.tensor([5.0, 3.0]), torch.tensor([0.0, 2.0])).item() == 2.0


def test_no_gradient_flows_into_the_teacher_of_the_distillation_loss():
    student, teacher = draw(4, 5).requires_grad_(), draw(4, 5, seed=1).requires_grad_()
    DISTIL(student, teacher, labels_for(student), temperature=2, alpha=0.5).backward()
    assert teacher.grad is None and student.grad.abs().sum() > 0


# --- label smoothing ------------------------------------------------------------------------------


@quick
@given(pairs(), st.floats(0, 1))
def test_label_smoothing_is_pytorchs_and_distillation_from_a_uniform_teacher(pair, smoothing):
    student, _ = pair
    labels = labels_for(student)
    classes = student.shape[-1]
    ours = losses.label_smoothing_loss(student, labels, smoothing=smoothing)
    flat = student.reshape(-1, classes)
    assert close(ours, F.cross_entropy(flat, labels.reshape(-1), label_smoothing=smoothing))
    uniform = torch.zeros_like(student)
    distilled = DISTIL(student, uniform, labels, temperature=1, alpha=1 - smoothing)
    assert close(ours, distilled + smoothing * math.log(classes), 1e-8)


# --- masks ----------------------------------------------------------------------------------------


def masked_calls(student, teacher, labels, mask):
    """Every loss that takes a mask, called with it."""
    yield KL(student, teacher, temperature=3, mask=mask)
    yield REVERSE(student, teacher, temperature=3, mask=mask)
    yield JS(student, teacher, beta=0.3, mask=mask)
    yield MATCH(student, teacher, mask=mask)
    yield losses.cross_entropy(student, labels, mask=mask)
    yield losses.label_smoothing_loss(student, labels, mask=mask)
    yield DISTIL(student, teacher, labels, temperature=3, alpha=0.4, mask=mask)


@quick
@given(seeds, st.lists(st.booleans(), min_size=6, max_size=6).filter(any))
def test_a_mask_is_the_same_as_leaving_the_rest_out_whatever_stands_there(seed, kept):
    mask = torch.tensor(kept).reshape(2, 3)
    student, teacher = draw(2, 3, 7, seed=seed), draw(2, 3, 7, seed=seed + 1)
    labels = labels_for(student)
    alone = list(masked_calls(student[mask], teacher[mask], labels[mask], None))
    student[~mask], teacher[~mask], labels[~mask] = math.nan, math.inf, -100
    student.requires_grad_()
    padded = list(masked_calls(student, teacher, labels, mask))
    assert all(close(a, b) for a, b in zip(padded, alone, strict=True))
    gradient = torch.autograd.grad(sum(padded), student)[0]
    assert gradient.isfinite().all() and (gradient[~mask] == 0).all()


def test_a_mask_of_true_changes_nothing():
    student, teacher = draw(2, 3, 5), draw(2, 3, 5, seed=1)
    everything = torch.ones(2, 3, dtype=torch.bool)
    with_mask = masked_calls(student, teacher, labels_for(student), everything)
    without = masked_calls(student, teacher, labels_for(student), None)
    assert all(close(a, b) for a, b in zip(with_mask, without, strict=True))


@pytest.mark.parametrize(
    "mask",
    [torch.zeros(4, dtype=torch.bool), torch.ones(4), torch.ones(3, dtype=torch.bool), [True] * 4,
     torch.ones(4, 5, dtype=torch.bool)],
    ids=["all False", "not boolean", "another length", "a list", "the shape of the logits"],
)  # fmt: skip
def test_bad_masks_are_refused_by_every_loss(mask):
    student, teacher = draw(4, 5), draw(4, 5, seed=1)
    labels = labels_for(student)
    for loss in DIVERGENCES:
        with pytest.raises(ValueError, match="mask"):
            loss(student, teacher, mask=mask)
    for loss in (losses.cross_entropy, losses.label_smoothing_loss):
        with pytest.raises(ValueError, match="mask"):
            loss(student, labels, mask=mask)
    with pytest.raises(ValueError, match="mask"):
        DISTIL(student, teacher, labels, temperature=1, alpha=0.5, mask=mask)


# --- refusals -------------------------------------------------------------------------------------

GOOD = draw(4, 10)
BAD_LOGITS = {
    "NaN": (torch.where(torch.eye(4, 10) > 0, math.nan, GOOD), "NaN or infinite"),
    "infinite": (torch.where(torch.eye(4, 10) > 0, -math.inf, GOOD), "NaN or infinite"),
    "integer": (torch.zeros(4, 10, dtype=torch.long), "floating-point"),
    "a list": ([[0.0, 1.0]], "torch tensor"),
    "NumPy": (np.zeros((4, 10)), "torch tensor"),
    "a number": (torch.tensor(1.0), "classes"),
    "one class": (torch.zeros(4, 1), "classes"),
    "empty": (torch.zeros(0, 10), "empty"),
}


@pytest.mark.parametrize("case", BAD_LOGITS)
def test_bad_logits_are_refused_by_everything_that_takes_logits(case):
    bad, words = BAD_LOGITS[case]
    labels = labels_for(GOOD)
    calls = [
        lambda: losses.soft_targets(bad),
        lambda: losses.log_soft_targets(bad),
        lambda: losses.entropy(bad),
        lambda: losses.cross_entropy(bad, labels),
        lambda: losses.label_smoothing_loss(bad, labels),
        lambda: DISTIL(bad, GOOD, labels, temperature=2, alpha=0.5),
    ] + [lambda d=d: d(bad, GOOD) for d in DIVERGENCES]
    for call in calls:
        with pytest.raises(ValueError, match=words):
            call()
    for call in [lambda: DISTIL(GOOD, bad, labels, temperature=2, alpha=0.5)] + [
        lambda d=d: d(GOOD, bad) for d in DIVERGENCES
    ]:
        with pytest.raises(ValueError, match="teacher_logits"):
            call()


@pytest.mark.parametrize("shape", [(10,), (1, 10), (4, 1, 10), (4, 9), (5, 10)])
def test_shapes_that_differ_are_refused_even_where_pytorch_would_broadcast(shape):
    other = draw(*shape)
    for divergence in DIVERGENCES:
        for pair in ((GOOD, other), (other, GOOD)):
            with pytest.raises(ValueError, match="same shape"):
                divergence(*pair)
    with pytest.raises(ValueError, match="same shape"):
        DISTIL(GOOD, other, labels_for(GOOD), temperature=2, alpha=0.5)


@pytest.mark.parametrize("temperature", [0, -1, math.nan, math.inf, -math.inf, "4", None, True, torch.ones(4), 1j])
def test_temperatures_that_are_not_positive_finite_numbers_are_refused(temperature):
    labels = labels_for(GOOD)
    for call in (
        lambda: losses.soft_targets(GOOD, temperature),
        lambda: losses.log_soft_targets(GOOD, temperature),
        lambda: losses.entropy(GOOD, temperature),
        lambda: KL(GOOD, GOOD, temperature=temperature),
        lambda: REVERSE(GOOD, GOOD, temperature=temperature),
        lambda: JS(GOOD, GOOD, temperature=temperature),
        lambda: DISTIL(GOOD, GOOD, labels, temperature=temperature, alpha=0.5),
    ):
        with pytest.raises(ValueError, match="temperature"):
            call()


def test_temperatures_may_be_any_kind_of_real_number():
    for temperature in (2, 2.0, np.float32(2), np.int64(2), torch.tensor(2.0)):
        assert close(KL(GOOD, GOOD + 1, temperature=temperature), KL(GOOD, GOOD + 1, temperature=2.0))


def test_a_temperature_so_low_that_the_logits_overflow_is_named():
    with pytest.raises(ValueError, match="overflows at temperature"):
        losses.soft_targets(torch.tensor([3e38, 0.0]), 1e-3)


def test_a_temperature_whose_square_overflows_is_refused():
    with pytest.raises(ValueError, match="temperature"):
        DISTIL(GOOD, GOOD, labels_for(GOOD), temperature=1e200, alpha=0.5)


@pytest.mark.parametrize("alpha", [-0.1, 1.1, math.nan, math.inf, "0.5", None])
def test_alpha_and_smoothing_outside_zero_to_one_are_refused(alpha):
    with pytest.raises(ValueError, match="alpha"):
        DISTIL(GOOD, GOOD, labels_for(GOOD), temperature=2, alpha=alpha)
    with pytest.raises(ValueError, match="smoothing"):
        losses.label_smoothing_loss(GOOD, labels_for(GOOD), smoothing=alpha)


@pytest.mark.parametrize("beta", [0, 1, -0.5, 2, math.nan, None])
def test_beta_must_be_strictly_inside(beta):
    with pytest.raises(ValueError, match="beta"):
        JS(GOOD, GOOD, beta=beta)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (torch.tensor([0, 1, 2, 10]), "from 0 to 9"),
        (torch.tensor([0, 1, 2, -100]), "from 0 to 9"),
        (torch.tensor([0, 1, 2]), "one entry for each distribution"),
        (torch.tensor([[0, 1, 2, 3]]), "one entry for each distribution"),
        (torch.tensor([0.0, 1.0, 2.0, 3.0]), "whole numbers"),
        (torch.tensor([True, False, True, False]), "whole numbers"),
        (F.one_hot(torch.tensor([0, 1, 2, 3]), 10), "one entry for each distribution"),
        ([0, 1, 2, 3], "torch tensor"),
    ],
)
def test_bad_labels_are_refused(labels, words):
    for call in (
        lambda: losses.cross_entropy(GOOD, labels),
        lambda: losses.label_smoothing_loss(GOOD, labels),
        lambda: DISTIL(GOOD, GOOD, labels, temperature=2, alpha=0.5),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_labels_may_have_any_whole_type():
    for dtype in (torch.uint8, torch.int32, torch.int64):
        loss = losses.cross_entropy(GOOD, labels_for(GOOD).to(dtype))
        assert close(loss, F.cross_entropy(GOOD, labels_for(GOOD)))


# --- the unchecked cores --------------------------------------------------------------------------


def test_each_core_gives_exactly_what_the_checked_function_gives():
    student, teacher = draw(4, 6), draw(4, 6, seed=1)
    labels = labels_for(student)
    assert KL(student, teacher, temperature=3) == losses.kl_divergence_core(student, teacher, temperature=3)
    assert REVERSE(student, teacher) == losses.reverse_kl_divergence_core(student, teacher)
    assert JS(student, teacher, beta=0.2) == losses.jensen_shannon_divergence_core(student, teacher, beta=0.2)
    assert MATCH(student, teacher) == losses.logit_matching_loss_core(student, teacher)
    assert losses.cross_entropy(student, labels) == losses.cross_entropy_core(student, labels)
    smooth = losses.label_smoothing_loss_core(student, labels, smoothing=0.1)
    assert losses.label_smoothing_loss(student, labels) == smooth
    options = {"temperature": 3.0, "alpha": 0.4}
    core = losses.distillation_loss_core(student, teacher, labels, **options)
    assert DISTIL(student, teacher, labels, **options) == core


def test_cores_run_inside_vmap_with_a_temperature_and_alpha_for_each_student():
    students, teacher = draw(3, 8, 10), draw(8, 10, seed=1)
    labels = labels_for(teacher)
    temperatures, alphas = torch.tensor([1.0, 4.0, 9.0]), torch.tensor([0.0, 0.5, 1.0])

    def one(student, temperature, alpha):
        return losses.distillation_loss_core(student, teacher, labels, temperature=temperature, alpha=alpha)

    together = torch.vmap(one)(students, temperatures, alphas)
    for k, value in enumerate(together):
        assert close(value, DISTIL(students[k], teacher, labels, temperature=temperatures[k], alpha=alphas[k]), 1e-6)


def test_losses_leave_their_arguments_alone():
    student, teacher, labels = draw(4, 6), draw(4, 6, seed=1), torch.tensor([0, 1, 2, -100])
    copies = [tensor.clone() for tensor in (student, teacher, labels)]
    list(masked_calls(student, teacher, labels, torch.tensor([True, True, True, False])))
    assert all(torch.equal(a, b) for a, b in zip((student, teacher, labels), copies, strict=True))


def test_everything_public_has_a_docstring():
    for name, function in inspect.getmembers(losses, inspect.isfunction):
        if function.__module__ == "kdlab.losses" and not name.startswith("_"):
            assert function.__doc__, name
