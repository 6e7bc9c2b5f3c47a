"""What holds for every loss there is: its precision, and for whom it has a gradient."""

import contextlib
import inspect

import pytest
import torch
from loss_table import FUNCTIONS, GIVEN, LOSSES, SIZES, TABLE, arguments, call, cast, learner, natural_size

from kdlab import losses

HALF = (torch.float16, torch.bfloat16)
DTYPES = (*HALF, torch.float32, torch.float64)


def computed_in(dtype):
    return torch.float32 if dtype in HALF else dtype


def test_every_loss_stands_in_the_table():
    assert {name.removesuffix("_core") for name in FUNCTIONS} == set(TABLE)


def test_every_loss_has_a_core_and_all_have_a_docstring():
    assert {f"{name}_core" for name in LOSSES if not name.endswith("_core")} <= set(LOSSES)
    for name, function in inspect.getmembers(losses, inspect.isfunction):
        assert function.__doc__ or name.startswith("_"), name


# --- precision ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(  # a core is what the function beside it calls: one size will do
    ("name", "size"), [(n, s) for n in FUNCTIONS for s in (SIZES[:1] if n.endswith("_core") else SIZES)]
)
def test_values_and_gradients_are_those_of_float64_whatever_comes_in(name, dtype, size):
    given = cast(arguments(name, size), dtype)  # the reference sees the rounded numbers: only computing is judged
    value, gradient = call(name, given)
    expected, expected_gradient = call(name, cast(given, torch.float64))
    assert value.dtype == computed_in(dtype) and gradient.dtype == dtype
    eps, (of_value, of_gradient) = torch.finfo(value.dtype).eps, natural_size(name, given)
    assert (value - expected).abs().max() <= 8 * eps * of_value
    # a gradient is handed back in the dtype of the input: rounded there, and never finer than its smallest number
    rows = given[learner(given)].shape[:-1].numel() if value.ndim == 0 else 1
    info = torch.finfo(dtype)
    allowed = info.eps * expected_gradient.abs() + 8 * eps * of_gradient / rows + info.smallest_normal * info.eps
    assert ((gradient.double() - expected_gradient).abs() <= allowed).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_autocast_changes_nothing(name):
    for dtype in DTYPES:
        given = cast(arguments(name), dtype)
        value, gradient = call(name, given)
        student = given[learner(given)].requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16):  # around the forward pass alone, as PyTorch advises
            inside = FUNCTIONS[name](**given)
        assert inside.dtype == value.dtype and torch.equal(inside, value)
        if name in LOSSES:
            assert torch.equal(torch.autograd.grad(inside, student)[0], gradient)


@pytest.mark.parametrize("name", LOSSES)
def test_student_and_teacher_may_differ_in_dtype(name):
    given = arguments(name)
    expected = call(name, given)[0]
    for student in DTYPES:
        for others in DTYPES:
            mixed = cast(given, others) | {learner(given): given[learner(given)].to(student)}
            value, gradient = call(name, mixed)
            assert value.dtype in (torch.float32, torch.float64) and gradient.dtype == student
            assert value.item() == pytest.approx(expected.item(), rel=0.1, abs=0.02)


def test_numbers_that_half_precision_got_wrong():
    """bfloat16 at T = 20 gave -3.1e-4; float16 summed a large batch to infinity; T² left the range of the dtype."""
    student, teacher = (torch.randn(4096, 10, generator=torch.Generator().manual_seed(k)) for k in (0, 1))
    for dtype in HALF:
        near = (teacher + 0.3 * student).to(dtype), teacher.to(dtype)
        expected = losses.kl_divergence(*(logits.double() for logits in near), temperature=20)
        assert losses.kl_divergence(*near, temperature=20).item() == pytest.approx(expected.item(), rel=1e-3)
    far = (40 * student).half(), (-40 * student).half()
    assert 65504 / 4096 < losses.kl_divergence(*far).item() < 1000  # the sum is beyond float16
    labels = torch.zeros(4096, dtype=torch.long)
    loss = losses.distillation_loss(*far, labels, temperature=300, alpha=0.5)  # 300² is beyond float16
    expected = losses.distillation_loss(*(logits.double() for logits in far), labels, temperature=300, alpha=0.5)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-2)


def test_a_temperature_whose_square_is_beyond_the_precision_is_refused():
    student, labels = torch.randn(3, 4), torch.tensor([0, 1, 2])
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        with pytest.raises(ValueError, match="too high: its square overflows"):
            losses.distillation_loss(student.to(dtype), student.to(dtype), labels, temperature=1e20, alpha=0.5)
    double = student.double()
    assert losses.distillation_loss(double, double, labels, temperature=1e20, alpha=0.0) == 0


# --- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOSSES)
def test_no_gradient_reaches_the_teacher(name):
    given = arguments(name)
    tensors = {n: v.requires_grad_() for n, v in given.items() if isinstance(v, torch.Tensor) and v.is_floating_point()}
    FUNCTIONS[name](**given).backward()
    for role, tensor in tensors.items():
        if role.startswith(GIVEN):
            assert tensor.grad is None, role
        else:
            assert tensor.grad.abs().sum() > 0, role


@pytest.mark.parametrize("name", [name for name in LOSSES if not name.startswith("policy")])
def test_the_gradient_by_the_student_is_that_of_the_value(name):
    """Against finite differences, which know nothing of what is detached. Not so the policy gradient, and it must not."""
    given = arguments(name, seed=3)
    student = given[learner(given)].requires_grad_()
    direction = torch.randn(student.shape, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        up, down = (FUNCTIONS[name](**given | {learner(given): student + h * direction}) for h in (1e-5, -1e-5))
    slope = (call(name, given)[1] * direction).sum()
    assert slope.item() == pytest.approx((up - down).item() / 2e-5, rel=1e-5, abs=1e-9)


# --- tensors and modes of the reader --------------------------------------------------------------


@pytest.mark.parametrize("name", LOSSES)
def test_tensors_made_under_inference_mode_are_taken(name):
    given = arguments(name)
    expected = call(name, given)
    with torch.inference_mode():
        made = {n: v.clone() if isinstance(v, torch.Tensor) else v for n, v in given.items()}
    made[learner(given)] = given[learner(given)]
    value, gradient = call(name, made)
    assert torch.equal(value, expected[0]) and torch.equal(gradient, expected[1])


@contextlib.contextmanager
def default_device(device):
    before = torch.get_default_device()
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(before)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_readers_default_dtype_and_device_change_nothing(name):
    given = cast(arguments(name), torch.float32)
    without_mask = {n: v for n, v in given.items() if n != "mask"}
    expected = [call(name, given), call(name, without_mask)]
    torch.set_default_dtype(torch.float64)
    try:
        doubled = [call(name, given), call(name, without_mask)]
    finally:
        torch.set_default_dtype(torch.float32)
    with default_device("meta"):
        elsewhere = [FUNCTIONS[name](**given), FUNCTIONS[name](**without_mask)]
    for (value, gradient), (same, same_gradient), (other) in zip(expected, doubled, elsewhere, strict=True):
        assert value.dtype == same.dtype and torch.equal(value, same) and torch.equal(gradient, same_gradient)
        assert torch.equal(value, other)
