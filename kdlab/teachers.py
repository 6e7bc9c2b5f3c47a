"""The trained teachers that come with the course, and what they predict."""

import torch
from safetensors.torch import load

from kdlab.data import read_checked
from kdlab.models import MLP

MNIST_TEACHER = "mnist_teacher.safetensors"


def load_mnist_teacher():
    """The shipped teacher, MLP(784, 1200, 1200, 10), in eval mode and frozen. Raises DataFileError.

    It was trained with dropout and jitter on the first 50 000 training images; the last 10 000 are for validation.
    """
    weights = load(read_checked(MNIST_TEACHER))
    teacher = MLP(784, 1200, 1200, 10, dropout=0.5)
    teacher.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return teacher.eval().requires_grad_(False)


@torch.no_grad()
def predict_logits(model, inputs, batch_size=2000):
    """The model's logits (N, classes) for inputs (N, ...): in eval mode, without gradients; its mode is restored."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        return torch.cat([model(batch) for batch in inputs.split(batch_size)])
    finally:
        for module, mode in modes:
            module.training = mode
