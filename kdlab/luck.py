"""The luck of labels, where the truth is known: how much of a gradient is luck, and what a wrong teacher costs."""

import torch
from torch.func import functional_call, jacrev, vmap

from kdlab.checks import check_number
from kdlab.losses import check_device, check_logits
from kdlab.models import evaluating, logits_of


def biased(logits, bias):
    """A copy of a teacher's logits (N, classes) that favours the last class by `bias` nats, everywhere."""
    check_logits("logits", logits)
    moved = logits.clone()
    moved[:, -1] += check_number("bias", bias)
    return moved


def expected_error(logits, probabilities):
    """How often the predictions of logits (N, classes) will be wrong where labels follow these probabilities.

    Nobody draws a label for this: it is the mean of 1 - p(predicted class). The least that is possible is the error of
    the logits log p.
    """
    _check_probabilities(probabilities, logits)
    return 1 - float(probabilities.gather(-1, logits.argmax(-1, keepdim=True)).double().mean())


@torch.no_grad()
def gradient_variance(student, inputs, probabilities):
    """{"points", "labels"}: the two parts of the variance of the gradient that one example gives, both exact.

    Of cross-entropy by the student's weights, for an example whose input is one of `inputs` (N, ...) at random. With
    the label drawn from its `probabilities` (N, classes) the variance is the sum of both; with the probabilities
    themselves as target it is "points" alone, and the mean gradient is the same (Menon et al. 2021, section 3).
    Variance means expected squared distance from the mean gradient. For small networks: it takes one gradient for each
    input and class.
    """
    weights = {name: p.detach() for name, p in student.named_parameters()}
    check_device("inputs", inputs, "the student", next(iter(weights.values())))
    with evaluating(student):
        logits = logits_of(student(inputs))
        _check_probabilities(probabilities, logits)
        jacobians = vmap(jacrev(lambda own, x: logits_of(functional_call(student, own, (x,)))), in_dims=(None, 0))(
            weights, inputs
        )
    slopes = torch.cat([part.flatten(2) for part in jacobians.values()], -1).double()  # (N, classes, weights)
    p, q = probabilities.double(), logits.double().softmax(-1)
    by_label = (q.unsqueeze(1) - torch.eye(p.shape[-1], dtype=p.dtype, device=p.device)) @ slopes  # (N, label, weights)
    by_point = ((q - p).unsqueeze(1) @ slopes).squeeze(1)  # the mean over the labels
    luck = (p * (by_label - by_point.unsqueeze(1)).square().sum(-1)).sum(-1)
    return {
        "points": float((by_point - by_point.mean(0)).square().sum(-1).mean()),
        "labels": float(luck.mean()),
    }


def _check_probabilities(probabilities, logits):
    check_device("probabilities", probabilities, "the logits", logits)
    if probabilities.shape != logits.shape or not ((probabilities.sum(-1) - 1).abs() < 1e-4).all():
        raise ValueError(
            f"probabilities must be {tuple(logits.shape)} with rows that sum to 1, got {tuple(probabilities.shape)}"
        )
