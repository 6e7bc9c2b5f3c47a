"""The networks of the course, each short enough to read in a lesson."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class MLP(nn.Module):
    """Fully connected ReLU network: `MLP(784, 300, 300, 10)` maps (..., 784) to logits (..., 10).

    The same seed gives the same initial weights (He et al. 2015) and touches no other random number.
    """

    def __init__(self, *widths, dropout=0.0, input_dropout=0.0, seed=0):
        super().__init__()
        if len(widths) < 2 or any(not isinstance(width, int) or width < 1 for width in widths):
            raise ValueError(f"MLP needs at least two positive whole widths, as in MLP(784, 300, 10): {widths}")
        for name, probability in (("dropout", dropout), ("input_dropout", input_dropout)):
            if not 0 <= probability < 1:
                raise ValueError(f"{name} must be in [0, 1), got {probability!r}")
        self.dropout, self.input_dropout = dropout, input_dropout
        generator = torch.Generator().manual_seed(seed)
        self.layers = nn.ModuleList()
        for inputs, outputs in zip(widths, widths[1:], strict=False):
            with torch.random.fork_rng(devices=[]):  # nn.Linear draws weights of its own, replaced below
                layer = nn.Linear(inputs, outputs)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)
            self.layers.append(layer)

    def forward(self, inputs):
        *hidden, last = self.layers
        if self.input_dropout and self.training:
            inputs = F.dropout(inputs, self.input_dropout)
        for layer in hidden:
            inputs = F.relu(layer(inputs))
            if self.dropout and self.training:
                inputs = F.dropout(inputs, self.dropout)
        return last(inputs)


def to_inputs(images):
    """uint8 images (..., 28, 28), NumPy or torch, as the float32 tensor (..., 784) in [0, 1] that networks read."""
    if isinstance(images, np.ndarray):
        images = torch.from_numpy(np.ascontiguousarray(images))
    if not isinstance(images, torch.Tensor) or images.dtype != torch.uint8 or images.ndim < 2:
        raise ValueError("images must be a uint8 array or tensor of shape (..., height, width)")
    return images.flatten(-2).to(torch.float32).div_(255)
