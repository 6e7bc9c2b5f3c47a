"""The mathematics of distillation: one small pure function for each loss.

Arguments come in the order student, teacher, labels. Logits have any leading shape, (classes,), (batch, classes)
or (batch, tokens, vocabulary); `mask`, of the leading shape, is True where a distribution counts, and what stands
elsewhere is not looked at. A loss is the mean over the distributions that count, in nats.

Every public function checks its arguments and raises ValueError. Training checks its inputs once and then calls the
unchecked `*_core` beside it.
"""

import math
import numbers

import torch
from torch.nn import functional as F

# --- soft targets ---------------------------------------------------------------------------------


def soft_targets(logits, temperature=1.0):
    """softmax(logits / temperature): probabilities of the same shape (Hinton et al. 2015, eq. 1)."""
    temperature = check_temperature(temperature)
    check_logits("logits", logits, temperature)
    return F.softmax(logits / temperature, dim=-1)


def log_soft_targets(logits, temperature=1.0):
    """log softmax(logits / temperature), computed without ever taking the logarithm of a tiny probability."""
    temperature = check_temperature(temperature)
    check_logits("logits", logits, temperature)
    return F.log_softmax(logits / temperature, dim=-1)


def entropy(logits, temperature=1.0):
    """Entropy in nats of each distribution softmax(logits / temperature): (..., classes) -> (...)."""
    log_p = log_soft_targets(logits, temperature)
    return -(log_p.exp() * log_p).sum(-1)


# --- losses against labels ------------------------------------------------------------------------


def cross_entropy(student_logits, labels, *, mask=None):
    """CE(labels, student) = mean of -log softmax(student_logits)[label]; labels are whole numbers (...)."""
    student_logits, labels = _select(mask, student_logits=student_logits, labels=labels)
    check_logits("student_logits", student_logits)
    check_labels(labels, student_logits)
    return cross_entropy_core(student_logits, labels.long())


def cross_entropy_core(student_logits, labels):
    """`cross_entropy` without checks."""
    return F.cross_entropy(student_logits.reshape(-1, student_logits.shape[-1]), labels.reshape(-1))


def label_smoothing_loss(student_logits, labels, *, smoothing=0.1, mask=None):
    """(1 - s) CE(labels, student) + s CE(uniform, student): distillation from a teacher that finds all classes alike.

    It is `distillation_loss` with uniform teacher logits, temperature 1 and alpha = 1 - s, plus the constant
    s log(classes). Szegedy et al. 2016; as distillation: Yuan et al. 2020.
    """
    smoothing = _check_fraction("smoothing", smoothing)
    student_logits, labels = _select(mask, student_logits=student_logits, labels=labels)
    check_logits("student_logits", student_logits)
    check_labels(labels, student_logits)
    return label_smoothing_loss_core(student_logits, labels.long(), smoothing=smoothing)


def label_smoothing_loss_core(student_logits, labels, *, smoothing):
    """`label_smoothing_loss` without checks."""
    log_q = F.log_softmax(student_logits, dim=-1)
    to_label = -log_q.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    to_uniform = -log_q.mean(-1)
    return ((1 - smoothing) * to_label + smoothing * to_uniform).mean()


# --- divergences between student and teacher ------------------------------------------------------


def kl_divergence(student_logits, teacher_logits, *, temperature=1.0, mask=None):
    """KL(teacher || student) of the soft targets at this temperature: the forward KL of distillation, without T²."""
    temperature = check_temperature(temperature)
    student_logits, teacher_logits = _check_pair(student_logits, teacher_logits, temperature, mask)
    return kl_divergence_core(student_logits, teacher_logits, temperature=temperature)


def kl_divergence_core(student_logits, teacher_logits, *, temperature=1.0):
    """`kl_divergence` without checks."""
    log_q = F.log_softmax(student_logits / temperature, dim=-1)
    log_p = F.log_softmax(teacher_logits / temperature, dim=-1)
    return _mean_kl(log_p, log_q)


def reverse_kl_divergence(student_logits, teacher_logits, *, temperature=1.0, mask=None):
    """KL(student || teacher) of the soft targets at this temperature: the mode-seeking direction (MiniLLM, 2024)."""
    temperature = check_temperature(temperature)
    student_logits, teacher_logits = _check_pair(student_logits, teacher_logits, temperature, mask)
    return reverse_kl_divergence_core(student_logits, teacher_logits, temperature=temperature)


def reverse_kl_divergence_core(student_logits, teacher_logits, *, temperature=1.0):
    """`reverse_kl_divergence` without checks."""
    return kl_divergence_core(teacher_logits, student_logits, temperature=temperature)


def jensen_shannon_divergence(student_logits, teacher_logits, *, beta=0.5, temperature=1.0, mask=None):
    """beta KL(teacher || m) + (1 - beta) KL(student || m), m = beta teacher + (1 - beta) student (GKD, 2024).

    0 < beta < 1: at both ends the formula is 0 for every student, so there `kl_divergence` (its slope at beta = 0)
    or `reverse_kl_divergence` (at beta = 1) is what you want. At beta = 0.5 it is symmetric and at most log 2.
    """
    temperature = check_temperature(temperature)
    beta = _check_number("beta", beta)
    if not 0 < beta < 1:
        raise ValueError(
            f"beta must be strictly between 0 and 1, got {beta:g}: at the ends this divergence is 0 for every student; "
            "use kl_divergence (beta -> 0) or reverse_kl_divergence (beta -> 1)"
        )
    student_logits, teacher_logits = _check_pair(student_logits, teacher_logits, temperature, mask)
    return jensen_shannon_divergence_core(student_logits, teacher_logits, beta=beta, temperature=temperature)


def jensen_shannon_divergence_core(student_logits, teacher_logits, *, beta=0.5, temperature=1.0):
    """`jensen_shannon_divergence` without checks."""
    log_q = F.log_softmax(student_logits / temperature, dim=-1)
    log_p = F.log_softmax(teacher_logits / temperature, dim=-1)
    log_m = torch.logaddexp(log_p + math.log(beta), log_q + math.log1p(-beta))
    return beta * _mean_kl(log_p, log_m) + (1 - beta) * _mean_kl(log_q, log_m)


def logit_matching_loss(student_logits, teacher_logits, *, mask=None):
    """Half the mean squared difference of the logits, each first centred: mean of ||z - v||² / (2 · classes).

    This is the limit of T² · KL(teacher_T || student_T) for T -> infinity (Hinton et al. 2015, section 2.1). Softmax
    ignores a constant added to all logits, so that limit does too: z and v are the logits minus their mean over the
    classes. The 1 / classes belongs to the limit; the mean is over the distributions, as everywhere. Ba & Caruana
    (2014) sum the squares without centring or dividing.
    """
    student_logits, teacher_logits = _check_pair(student_logits, teacher_logits, 1.0, mask)
    return logit_matching_loss_core(student_logits, teacher_logits)


def logit_matching_loss_core(student_logits, teacher_logits):
    """`logit_matching_loss` without checks."""
    difference = student_logits - teacher_logits
    return (difference - difference.mean(-1, keepdim=True)).square().mean() / 2


def distillation_loss(student_logits, teacher_logits, labels, *, temperature, alpha, mask=None):
    """alpha · CE(labels, student) + (1 - alpha) · T² · KL(teacher_T || student_T) (Hinton et al. 2015).

    The hard term is taken at temperature 1; T² keeps the size of the soft term's gradient about the same when T
    changes. No gradient flows into the teacher.
    """
    temperature, alpha = check_temperature(temperature), check_alpha(alpha)
    if not math.isfinite(temperature * temperature):
        raise ValueError(f"temperature {temperature:g} is too high: its square overflows")
    student_logits, teacher_logits, labels = _select(
        mask, student_logits=student_logits, teacher_logits=teacher_logits, labels=labels
    )
    check_logits("student_logits", student_logits, min(temperature, 1.0))
    check_logits("teacher_logits", teacher_logits, temperature, like=student_logits)
    check_labels(labels, student_logits)
    return distillation_loss_core(student_logits, teacher_logits, labels.long(), temperature=temperature, alpha=alpha)


def distillation_loss_core(student_logits, teacher_logits, labels, *, temperature, alpha):
    """`distillation_loss` without checks."""
    hard = cross_entropy_core(student_logits, labels)
    soft = kl_divergence_core(student_logits, teacher_logits.detach(), temperature=temperature)
    return alpha * hard + (1 - alpha) * temperature**2 * soft


def _mean_kl(log_p, log_q):
    """Mean over the leading dimensions of KL(p || q), both given as log-probabilities (..., classes)."""
    count = log_p.numel() // log_p.shape[-1]
    return (log_p.exp() * (log_p - log_q)).sum() / count


# --- checks: each returns the value in plain form or raises ValueError ----------------------------


def check_temperature(temperature):
    """The temperature as a float. ValueError unless it is a positive finite number."""
    temperature = _check_number("temperature", temperature)
    if not (temperature > 0 and math.isfinite(temperature)):
        raise ValueError(f"temperature must be a positive finite number, got {temperature:g}")
    return temperature


def check_alpha(alpha):
    """alpha, the weight of the hard labels, as a float. ValueError unless it is in [0, 1]."""
    return _check_fraction("alpha", alpha)


def check_logits(name, logits, temperature=1.0, like=None):
    """ValueError unless logits are a finite floating-point tensor (..., classes), of the shape of `like` if given."""
    if not isinstance(logits, torch.Tensor):
        raise ValueError(f"{name} must be a torch tensor, got {type(logits).__name__}")
    if not logits.is_floating_point():
        raise ValueError(f"{name} must be floating-point numbers, got {logits.dtype}: pass logits, not labels")
    if logits.ndim == 0 or logits.shape[-1] < 2:
        raise ValueError(f"{name} must have at least two classes in the last dimension, got {_shape(logits)}")
    if logits.numel() == 0:
        raise ValueError(f"{name} are empty: shape {_shape(logits)} holds no distribution")
    if like is not None and logits.shape != like.shape:
        raise ValueError(
            f"student_logits {_shape(like)} and {name} {_shape(logits)} must have the same shape: "
            "PyTorch would broadcast them in silence"
        )
    if not torch.isfinite(logits.detach() / temperature).all():
        if torch.isfinite(logits).all():
            raise ValueError(f"{name} / temperature overflows at temperature {temperature:g}")
        raise ValueError(f"{name} contain NaN or infinite values")


def check_labels(labels, logits):
    """ValueError unless labels are whole numbers in [0, classes) with the leading shape of the logits."""
    if not isinstance(labels, torch.Tensor):
        raise ValueError(f"labels must be a torch tensor, got {type(labels).__name__}")
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ValueError(f"labels must be whole numbers (class indices), got {labels.dtype}")
    if labels.shape != logits.shape[:-1]:
        raise ValueError(
            f"labels {_shape(labels)} must have one entry for each distribution: logits are {_shape(logits)}, "
            f"so labels must be {_shape(logits[..., 0])}"
        )
    low, high, classes = int(labels.min()), int(labels.max()), logits.shape[-1]
    if low < 0 or high >= classes:
        raise ValueError(f"labels must be from 0 to {classes - 1}, got values from {low} to {high}")


def _check_pair(student_logits, teacher_logits, temperature, mask):
    student_logits, teacher_logits = _select(mask, student_logits=student_logits, teacher_logits=teacher_logits)
    check_logits("student_logits", student_logits, temperature)
    check_logits("teacher_logits", teacher_logits, temperature, like=student_logits)
    return student_logits, teacher_logits


def _select(mask, **tensors):
    """The entries of each tensor where the mask is True, so that nothing, NaN included, leaks in from elsewhere."""
    if mask is None:
        return tensors.values()
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
        raise ValueError("mask must be a boolean tensor: True where a distribution counts")
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise ValueError(f"{name} must be a torch tensor, got {type(tensor).__name__}")
        leading = tensor.shape if name == "labels" else tensor.shape[:-1]
        if leading != mask.shape:
            raise ValueError(
                f"mask {_shape(mask)} must have one entry for each distribution: {name} are {_shape(tensor)}"
            )
    first = next(iter(tensors))
    for name, tensor in tensors.items():
        if name.endswith("logits") and tensor.shape != tensors[first].shape:
            check_logits(name, tensor, like=tensors[first])
    if not mask.any():
        raise ValueError("mask is False everywhere: no distribution counts, so there is nothing to average")
    return [tensor[mask] for tensor in tensors.values()]


def _check_number(name, value):
    if isinstance(value, torch.Tensor) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise ValueError(f"{name} must be a number, got {value!r}")
    return float(value)


def _check_fraction(name, value):
    value = _check_number(name, value)
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value:g}")
    return value


def _shape(tensor):
    return tuple(tensor.shape)
