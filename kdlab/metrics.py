"""How good a network is: plain numbers from logits (..., classes) and labels (...)."""

import torch
from torch.nn import functional as F

from kdlab.losses import check_labels, check_logits


def errors(logits, labels):
    """How many predictions (the largest logit) are wrong, as an int."""
    _check(logits, labels)
    return int((logits.argmax(-1) != labels).sum())


def accuracy(logits, labels):
    """The share of predictions (the largest logit) that are right, from 0 to 1."""
    return 1 - errors(logits, labels) / labels.numel()


def negative_log_likelihood(logits, labels):
    """Mean of -log softmax(logits)[label], in nats; being sure and wrong costs most."""
    _check(logits, labels)
    return float(F.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1).long()))


def expected_calibration_error(logits, labels, bins=15):
    """Mean gap between confidence and accuracy over equal bins of confidence, weighted by size (Guo et al. 2017)."""
    _check(logits, labels)
    if not isinstance(bins, int) or bins < 1:
        raise ValueError(f"bins must be a positive whole number, got {bins!r}")
    confidence, predicted = F.softmax(logits.double(), dim=-1).reshape(-1, logits.shape[-1]).max(-1)
    right = (predicted == labels.reshape(-1)).double()
    which = (confidence * bins).ceil().long().clamp(1, bins) - 1  # bin k holds (k / bins, (k + 1) / bins]
    gaps = torch.zeros(bins, dtype=torch.double).index_add_(0, which, right - confidence)
    return float(gaps.abs().sum() / len(right))


def agreement(student_logits, teacher_logits):
    """The share of inputs on which student and teacher predict the same class, from 0 to 1."""
    check_logits("student_logits", student_logits)
    check_logits("teacher_logits", teacher_logits, like=student_logits)
    return float((student_logits.argmax(-1) == teacher_logits.argmax(-1)).double().mean())


def count_parameters(model):
    """The number of parameters of a model."""
    return sum(parameter.numel() for parameter in model.parameters())


def _check(logits, labels):
    check_logits("logits", logits)
    check_labels(labels, logits)
