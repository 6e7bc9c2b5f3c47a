"""LossPanel without a browser: its pushes are those of autograd, and it refuses bad input."""

import numpy as np
import pytest
import torch

from kdlab import losses
from kdlab.widgets import LossPanel
from kdlab.widgets.loss import pushes


@pytest.mark.parametrize("temperature, alpha", [(1.0, 0.5), (4.0, 0.1), (20.0, 0.9), (0.5, 0.0), (3.0, 1.0)])
@pytest.mark.parametrize("squared", [True, False])
def test_pushes_are_minus_the_gradient(temperature, alpha, squared):
    generator = torch.Generator().manual_seed(7)
    z = torch.randn(6, generator=generator, dtype=torch.double, requires_grad=True)
    v = 4 * torch.randn(6, generator=generator, dtype=torch.double)
    hard = losses.cross_entropy(z, torch.tensor(2))
    soft = losses.kl_divergence(z, v, temperature=temperature) * (temperature**2 if squared else 1)
    (gradient,) = torch.autograd.grad(alpha * hard + (1 - alpha) * soft, z)
    found = pushes(z.detach().numpy(), v.numpy(), 2, temperature, alpha, squared)
    np.testing.assert_allclose(found["total"], -gradient.numpy(), atol=1e-12)
    np.testing.assert_allclose(found["hard"] + found["soft"], found["total"])
    assert abs(found["total"].sum()) < 1e-12


@pytest.mark.parametrize(
    "arguments",
    [
        {"student_logits": np.zeros((2, 3))},
        {"student_logits": np.zeros(4)},
        {"student_logits": np.array([0, np.nan, 1])},
        {"label": 3},
        {"temperature": 0},
        {"temperature": float("inf")},
        {"alpha": 1.5},
        {"goal": {"text": "no class"}},
    ],
)
def test_bad_input_is_refused(arguments):
    good = {"student_logits": np.zeros(3), "teacher_logits": np.arange(3.0), "label": 0}
    LossPanel(**good)
    with pytest.raises(Exception, match="logits|label|temperature|alpha|goal"):
        LossPanel(**{**good, **arguments})


def test_there_is_room_for_the_walk_to_the_teacher():
    student, teacher = np.array([1.0, 2.0, 3.0]), np.array([-40.0, -30.0, 20.0])
    low, high = LossPanel(student, teacher, 0)._range
    end = teacher - teacher.mean() + student.mean()  # same differences, and the mean of the student
    assert low < end.min() and end.max() < high


def test_it_shows_a_picture_where_no_kernel_answers():
    panel = LossPanel(np.zeros(3), np.arange(3.0), 2, image=np.zeros((28, 28), np.uint8))
    data, _ = panel._repr_mimebundle_()
    assert data["text/plain"] == "<LossPanel>" and panel.png().startswith(b"\x89PNG")
