"""The mathematics of distillation: one small pure function for each loss.

Arguments come in the order student, teacher, labels. Logits have any leading shape, (classes,), (batch, classes)
or (batch, tokens, vocabulary); `mask`, of the leading shape, is True where a distribution counts, and what stands
elsewhere is not looked at. A loss is the mean over the distributions that count, in nats. It is computed in float32,
or in float64 if that came in, also under autocast, and sends no gradient into what the teacher said.

Every public function checks its arguments and raises ValueError. Training checks its inputs once and then calls the
unchecked `*_core` beside it.
"""

import math

import torch
from torch.nn import functional as F

from kdlab.checks import check_fraction, check_number, check_whole

# --- soft targets ---------------------------------------------------------------------------------


def soft_targets(logits, temperature=1.0):
    """softmax(logits / temperature): probabilities of the same shape (Hinton et al. 2015, eq. 1)."""
    temperature = check_temperature(temperature)
    check_logits("logits", logits, temperature)
    return F.softmax(_wide(logits) / temperature, dim=-1)


def log_soft_targets(logits, temperature=1.0):
    """log softmax(logits / temperature), computed without ever taking the logarithm of a tiny probability."""
    temperature = check_temperature(temperature)
    check_logits("logits", logits, temperature)
    return F.log_softmax(_wide(logits) / temperature, dim=-1)


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
    logits, labels = _wide(student_logits), _recordable(labels)
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))


def label_smoothing_loss(student_logits, labels, *, smoothing=0.1, mask=None):
    """(1 - s) CE(labels, student) + s CE(uniform, student): distillation from a teacher that finds all classes alike.

    It is `distillation_loss` with uniform teacher logits, temperature 1 and alpha = 1 - s, plus the constant
    s log(classes). Szegedy et al. 2016; as distillation: Yuan et al. 2020.
    """
    smoothing = check_fraction("smoothing", smoothing)
    student_logits, labels = _select(mask, student_logits=student_logits, labels=labels)
    check_logits("student_logits", student_logits)
    check_labels(labels, student_logits)
    return label_smoothing_loss_core(student_logits, labels.long(), smoothing=smoothing)


def label_smoothing_loss_core(student_logits, labels, *, smoothing):
    """`label_smoothing_loss` without checks."""
    log_q = F.log_softmax(_wide(student_logits), dim=-1)
    to_label = -log_q.gather(-1, _recordable(labels).unsqueeze(-1)).squeeze(-1)
    to_uniform = -log_q.mean(-1)
    return ((1 - smoothing) * to_label + smoothing * to_uniform).mean()


# --- divergences between student and teacher ------------------------------------------------------
# Minus infinity, for a class that cannot happen, is allowed where student and teacher both say so. The cores take finite
# logits.


def kl_divergence(student_logits, teacher_logits, *, temperature=1.0, mask=None):
    """KL(teacher || student) of the soft targets at this temperature: the forward KL of distillation, without T²."""
    temperature = check_temperature(temperature)
    student_logits, teacher_logits = _select(mask, student_logits=student_logits, teacher_logits=teacher_logits)
    student_logits, teacher_logits = _check_pair(student_logits, teacher_logits, temperature)
    return kl_divergence_core(student_logits, teacher_logits, temperature=temperature)


def kl_divergence_core(student_logits, teacher_logits, *, temperature=1.0):
    """`kl_divergence` without checks."""
    log_q, log_p = _log_soft_pair(student_logits, teacher_logits, temperature)
    return _mean_kl(log_p, log_q)


def reverse_kl_divergence(student_logits, teacher_logits, *, temperature=1.0, mask=None):
    """KL(student || teacher) of the soft targets at this temperature: the mode-seeking direction (MiniLLM, 2024)."""
    temperature = check_temperature(temperature)
    student_logits, teacher_logits = _select(mask, student_logits=student_logits, teacher_logits=teacher_logits)
    student_logits, teacher_logits = _check_pair(student_logits, teacher_logits, temperature)
    return reverse_kl_divergence_core(student_logits, teacher_logits, temperature=temperature)


def reverse_kl_divergence_core(student_logits, teacher_logits, *, temperature=1.0):
    """`reverse_kl_divergence` without checks."""
    log_q, log_p = _log_soft_pair(student_logits, teacher_logits, temperature)
    return _mean_kl(log_q, log_p)


def jensen_shannon_divergence(student_logits, teacher_logits, *, beta=0.5, temperature=1.0, mask=None):
    """beta KL(teacher || m) + (1 - beta) KL(student || m), m = beta teacher + (1 - beta) student (GKD, 2024).

    0 < beta < 1. At both ends the formula is 0 for every student: close to 0 it is about beta times `kl_divergence`,
    close to 1 about (1 - beta) times `reverse_kl_divergence`, so beta is a learning rate too. GKD calls these two
    divergences themselves its ends, which makes the loss jump there; call them by their names instead. At beta = 0.5 it
    is symmetric and at most log 2.
    """
    temperature = check_temperature(temperature)
    beta = check_number("beta", beta)
    if not 0 < beta < 1:
        raise ValueError(
            f"beta must be strictly between 0 and 1, got {beta:g}: at the ends this divergence is 0 for every student; "
            "use kl_divergence (beta -> 0) or reverse_kl_divergence (beta -> 1)"
        )
    student_logits, teacher_logits = _select(mask, student_logits=student_logits, teacher_logits=teacher_logits)
    student_logits, teacher_logits = _check_pair(student_logits, teacher_logits, temperature)
    return jensen_shannon_divergence_core(student_logits, teacher_logits, beta=beta, temperature=temperature)


def jensen_shannon_divergence_core(student_logits, teacher_logits, *, beta=0.5, temperature=1.0):
    """`jensen_shannon_divergence` without checks; 0, as the formula says, at beta = 0 and 1."""
    log_q, log_p = _log_soft_pair(student_logits, teacher_logits, temperature)
    of_teacher, of_student = (math.log(share) if share > 0 else -math.inf for share in (beta, 1 - beta))
    log_m = torch.logaddexp(log_p + of_teacher, log_q + of_student)
    return beta * _mean_small_kl(log_p, log_m) + (1 - beta) * _mean_small_kl(log_q, log_m)


def total_variation_loss(student_logits, teacher_logits, *, temperature=1.0, mask=None):
    """Half the sum of |p - q| over the classes, mean over the distributions: 1 - sum of min(p, q).

    The chance that a teacher refuses what a student drafts for it (`kdlab.drafting`; Zhou et al. 2024, DistillSpec).
    """
    temperature = check_temperature(temperature)
    student_logits, teacher_logits = _select(mask, student_logits=student_logits, teacher_logits=teacher_logits)
    student_logits, teacher_logits = _check_pair(student_logits, teacher_logits, temperature)
    return total_variation_loss_core(student_logits, teacher_logits, temperature=temperature)


def total_variation_loss_core(student_logits, teacher_logits, *, temperature=1.0):
    """`total_variation_loss` without checks."""
    log_q, log_p = _log_soft_pair(student_logits, teacher_logits, temperature)
    return (log_p.exp() - log_q.exp()).abs().sum(-1).mean() / 2


def logit_matching_loss(student_logits, teacher_logits, *, mask=None):
    """Half the mean squared difference of the logits, each first centred: mean of ||z - v||² / (2 · classes).

    This is the limit of T² · KL(teacher_T || student_T) for T -> infinity (Hinton et al. 2015, section 2.1). Softmax
    ignores a constant added to all logits, so that limit does too: z and v are the logits minus their mean over the
    classes. The 1 / classes belongs to the limit; the mean is over the distributions, as everywhere. Ba & Caruana
    (2014) sum the squares without centring or dividing.
    """
    student_logits, teacher_logits = _select(mask, student_logits=student_logits, teacher_logits=teacher_logits)
    finite = _check_pair(student_logits, teacher_logits, 1.0)
    if finite[0] is student_logits:
        return logit_matching_loss_core(*finite)
    possible = student_logits > -torch.inf  # the limit knows no other class
    count = possible.sum(-1, keepdim=True)
    difference = (finite[0] - _constant(finite[1])).masked_fill(~possible, 0.0)
    centred = (difference - difference.sum(-1, keepdim=True) / count).masked_fill(~possible, 0.0)
    return (centred.square() / count).sum(-1).mean() / 2


def logit_matching_loss_core(student_logits, teacher_logits):
    """`logit_matching_loss` without checks."""
    difference = _wide(student_logits) - _constant(teacher_logits)
    return (difference - difference.mean(-1, keepdim=True)).square().mean() / 2


def distillation_loss(student_logits, teacher_logits, labels, *, temperature, alpha, mask=None):
    """alpha · CE(labels, student) + (1 - alpha) · T² · KL(teacher_T || student_T) (Hinton et al. 2015).

    The hard term is taken at temperature 1; T² keeps the size of the soft term's gradient about the same when T
    changes.
    """
    temperature, alpha = check_temperature(temperature), check_alpha(alpha)
    student_logits, teacher_logits, labels = _select(
        mask, student_logits=student_logits, teacher_logits=teacher_logits, labels=labels
    )
    finite = _check_pair(student_logits, teacher_logits, min(temperature, 1.0))
    check_labels(labels, student_logits)
    if finite[0] is not student_logits:
        _check_possible("labels", labels, student_logits)
    _check_square(temperature, student_logits)
    return distillation_loss_core(*finite, labels.long(), temperature=temperature, alpha=alpha)


def distillation_loss_core(student_logits, teacher_logits, labels, *, temperature, alpha):
    """`distillation_loss` without checks."""
    student_logits = _wide(student_logits)  # once: then its two gradients are added before they are rounded
    hard = cross_entropy_core(student_logits, labels)
    soft = kl_divergence_core(student_logits, teacher_logits, temperature=temperature)
    return alpha * hard + (1 - alpha) * temperature**2 * soft


def decoupled_distillation_loss(
    student_logits, teacher_logits, labels, *, temperature, target_weight, rest_weight, mask=None
):
    """T² · (target_weight · KL(b || b') + rest_weight · KL(r || r')) (Zhao et al. 2022, "decoupled").

    b are the teacher's two probabilities, of the label and of all else; r its soft targets among all else, which sum to
    1 without the label; b' and r' are the student's. With target_weight 1 and a rest_weight that is the teacher's
    probability of all else, row by row, it would be T² · KL(teacher_T || student_T): a sure teacher weighs its rest by
    next to nothing there, and here as much as you say.
    """
    temperature = check_temperature(temperature)
    weights = {"target_weight": target_weight, "rest_weight": rest_weight}
    for name, weight in weights.items():
        weights[name] = check_number(name, weight)
        if not 0 <= weights[name] < math.inf:
            raise ValueError(f"{name} must be a finite number, 0 or more: got {weight!r}")
    if not any(weights.values()):
        raise ValueError("target_weight and rest_weight are both 0: the student has nothing to learn from")
    student_logits, teacher_logits, labels = _select(
        mask, student_logits=student_logits, teacher_logits=teacher_logits, labels=labels
    )
    finite = _check_pair(student_logits, teacher_logits, min(temperature, 1.0))
    check_labels(labels, student_logits)
    if finite[0] is not student_logits:
        _check_possible("labels", labels, student_logits)
    _check_square(temperature, student_logits)
    return decoupled_distillation_loss_core(*finite, labels.long(), temperature=temperature, **weights)


def decoupled_distillation_loss_core(
    student_logits, teacher_logits, labels, *, temperature, target_weight, rest_weight
):
    """`decoupled_distillation_loss` without checks."""
    labels = _recordable(labels).unsqueeze(-1)
    (q_label, q_all_else, q_rest), (p_label, p_all_else, p_rest) = (
        _decoupled(logits / temperature, labels) for logits in (_wide(student_logits), _constant(teacher_logits))
    )
    target = p_label.exp() * (p_label - q_label) + p_all_else.exp() * (p_all_else - q_all_else)
    differences = (p_rest - q_rest).scatter(-1, labels, 0.0)  # minus infinity less itself at the label
    rest = (p_rest.exp() * differences).sum(-1)
    return temperature**2 * (target_weight * target.mean() + rest_weight * rest.mean())


def _decoupled(logits, labels):
    """Logarithms of the probability of the label (...,), of all else (...,), and of all else among itself (..., classes)."""
    log_soft, others = F.log_softmax(logits, dim=-1), logits.scatter(-1, labels, -torch.inf)
    all_else = log_soft.scatter(-1, labels, -torch.inf).logsumexp(-1)
    return log_soft.gather(-1, labels).squeeze(-1), all_else, F.log_softmax(others, dim=-1)


def _log_soft_pair(student_logits, teacher_logits, temperature):
    """log softmax(logits / temperature) of the student and of the teacher."""
    log_q = F.log_softmax(_wide(student_logits) / temperature, dim=-1)
    log_p = F.log_softmax(_constant(teacher_logits) / temperature, dim=-1)
    return log_q, log_p


def _mean_kl(log_p, log_q):
    """Mean over the leading dimensions of KL(p || q), both given as log-probabilities (..., classes)."""
    count = log_p.numel() // log_p.shape[-1]
    return (log_p.exp() * (log_p - log_q)).sum() / count


def _mean_small_kl(log_p, log_q):
    """`_mean_kl` for distributions that may hardly differ: p log(p / q) + q - p, of which no term is negative."""
    p, difference = log_p.exp(), log_p - log_q
    near = p * torch.expm1(-difference.clamp(-1, 1))  # q - p without taking nearly equal numbers from each other
    rest = torch.where(difference.abs() < 1, near, log_q.exp() - p)
    count = log_p.numel() // log_p.shape[-1]
    return (p * difference + rest).sum() / count


# --- losses of language models --------------------------------------------------------------------
# One distribution over the vocabulary for each token.


RESTS = ("bucket", "renormalise", "drop", "renormalise both")


def top_k_divergence(student_logits, ids, log_probabilities, *, rest="bucket", temperature=1.0, mask=None):
    """KL(teacher || student) when only k tokens of the teacher are known: ids (..., k) and their log-probabilities.

    With p and q the probabilities of teacher and student, sums over the k tokens, and P and Q what p and q leave over:
    "bucket": sum p log(p / q) + P log(P / Q), everything else as one more class; at most the full KL, equal if k is all;
    "renormalise": sum p' log(p' / q), p' = p / (1 - P), as if the teacher thought nothing else possible;
    "drop": sum p log(p / q), which may be negative; its gradient is that of "renormalise" times 1 - P;
    "renormalise both": sum p' log(p' / q'), q' = q / (1 - Q), the k tokens among themselves. The student is told nothing
    about the others, not even how much they are all together: 0 for any q that shares out its own part as the teacher.
    "renormalise" and "drop" are least for a student that gives the k tokens all of its probability: a biased teacher
    (Anshumann et al. 2025). The log-probabilities must be those of the teacher's soft targets at this temperature.
    """
    if rest not in RESTS:
        raise ValueError(f"rest must be one of {', '.join(map(repr, RESTS))}, got {rest!r}")
    temperature = check_temperature(temperature)
    student_logits, ids, log_probabilities = _select(
        mask, student_logits=student_logits, ids=ids, log_probabilities=log_probabilities
    )
    check_logits("student_logits", student_logits, temperature)
    _check_kept(student_logits, ids, "log_probabilities", log_probabilities)
    if student_logits.shape[-1] < ids.shape[-1] or (ids.sort(-1).values.diff(dim=-1) == 0).any():
        raise ValueError("a token stands twice in a row of ids")
    total = _wide(log_probabilities).logsumexp(-1)
    if log_probabilities.isnan().any() or not (total.abs() < torch.inf).all() or (total > 0.01).any():
        raise ValueError("log_probabilities must be logarithms of probabilities that sum to 1 at most, and not to 0")
    return top_k_divergence_core(student_logits, ids, log_probabilities, rest=rest, temperature=temperature)


def top_k_divergence_core(student_logits, ids, log_probabilities, *, rest="bucket", temperature=1.0):
    """`top_k_divergence` without checks."""
    ids = _recordable(ids)
    log_q_all = F.log_softmax(_wide(student_logits) / temperature, dim=-1)
    log_p, log_q = _constant(log_probabilities), log_q_all.gather(-1, ids)
    if rest.startswith("renormalise"):
        log_p = log_p - log_p.logsumexp(-1, keepdim=True)
    if rest == "renormalise both":
        log_q = log_q - log_q.logsumexp(-1, keepdim=True)
    p = log_p.exp()
    each = (torch.xlogy(p, p) - p * log_q).sum(-1)
    if rest == "bucket" and ids.shape[-1] < student_logits.shape[-1]:
        left = (1 - p.sum(-1)).clamp(min=0)
        log_q_left = log_q_all.scatter(-1, ids, -torch.inf).logsumexp(-1)
        each = each + torch.xlogy(left, left) - left * log_q_left
    return each.mean()


def sampled_cross_entropy(student_logits, ids, weights, *, mask=None):
    """CE(teacher, student) from tokens drawn from the teacher: mean of -sum_j w_j log q(id_j) (Anshumann et al. 2025).

    ids and weights are (..., k); a weight is the token's share of the draws, as `sampled_cache` gives it. On average
    over the draws this is the cross-entropy with the teacher's full distribution, KL(teacher || student) plus the
    teacher's entropy, and its gradient is the full one, however few the draws. One draw is training on the text that a
    teacher wrote.
    """
    student_logits, ids, weights = _select(mask, student_logits=student_logits, ids=ids, weights=weights)
    check_logits("student_logits", student_logits)
    _check_kept(student_logits, ids, "weights", weights)
    if not weights.isfinite().all() or (weights < 0).any():
        raise ValueError("weights must be finite and not negative")
    return sampled_cross_entropy_core(student_logits, ids, weights)


def sampled_cross_entropy_core(student_logits, ids, weights):
    """`sampled_cross_entropy` without checks."""
    log_q = F.log_softmax(_wide(student_logits), dim=-1).gather(-1, _recordable(ids))
    return -(_constant(weights) * log_q).sum(-1).mean()


def policy_gradient_loss(student_logits, teacher_logits, tokens, *, baseline=False, mask=None):
    """The long-term part of the reverse KL of whole texts, for tokens that the student wrote itself (MiniLLM, 2024).

    Mean over the tokens of -R_t log q(y_t), where R_t = sum over s > t of log p(y_s) - log q(y_s): how much better the
    teacher (p) likes what came after token t than the student (q) does. A token after which the teacher is content
    becomes more probable. R counts as a constant in the gradient.

    tokens are whole numbers (..., L), drawn from softmax(student_logits) at temperature 1; logits are (..., L,
    vocabulary), entry t those that token t was drawn from. For texts of L tokens the average gradient of
    `reverse_kl_divergence` + `policy_gradient_loss` is that of KL(student || teacher) of whole texts divided by L. The
    value itself says nothing about quality. Tokens where the mask (..., L) is False, a prompt's, count nowhere.

    baseline=True takes from each R_t the mean of the other texts' R_t at that place, of those that count there:
    "leave one out" (Kool et al. 2019). The average gradient stays the same; it scatters less where all R_t have much in
    common, as with a teacher who likes hardly any of the student's texts. It needs two independent texts or more.
    """
    chosen_student, chosen_teacher, _ = _select(
        mask, student_logits=student_logits, teacher_logits=teacher_logits, labels=tokens
    )
    _check_pair(chosen_student, chosen_teacher, 1.0)
    if student_logits.ndim < 2:
        raise ValueError(f"logits must be (..., L, vocabulary), got {_shape(student_logits)}")
    if not isinstance(tokens, torch.Tensor) or tokens.shape != student_logits.shape[:-1]:
        found = _shape(tokens) if isinstance(tokens, torch.Tensor) else type(tokens).__name__
        raise ValueError(
            f"tokens must be a tensor {_shape(student_logits[..., 0])}, one for each distribution; got {found}"
        )
    if baseline and tokens.numel() == tokens.shape[-1]:
        raise ValueError("a baseline is the mean of the other texts: it needs two texts or more, tokens (N, L)")
    chosen_tokens = tokens if mask is None else tokens[mask]
    check_labels(chosen_tokens, chosen_student)
    _check_possible("tokens", chosen_tokens, chosen_student)
    return policy_gradient_loss_core(student_logits, teacher_logits, tokens.long(), baseline=baseline, mask=mask)


def policy_gradient_loss_core(student_logits, teacher_logits, tokens, *, baseline=False, mask=None):
    """`policy_gradient_loss` without checks."""
    student_logits, teacher_logits = _wide(student_logits), _constant(teacher_logits)
    if mask is not None:  # nothing that stands elsewhere, NaN included, may reach the gradient
        away = ~mask
        student_logits = student_logits.masked_fill(away[..., None], 0.0)
        teacher_logits = teacher_logits.masked_fill(away[..., None], 0.0)
        tokens = tokens.masked_fill(away, 0)
    places = _recordable(tokens)[..., None]
    log_q = F.log_softmax(student_logits, dim=-1).gather(-1, places)[..., 0]
    log_p = F.log_softmax(teacher_logits, dim=-1).gather(-1, places)[..., 0]
    gains = log_p - log_q.detach()
    if mask is not None:
        log_q, gains = log_q.masked_fill(away, 0.0), gains.masked_fill(away, 0.0)
    later = gains.flip(-1).cumsum(-1).flip(-1) - gains
    if baseline:
        later = later - _mean_of_the_others(later, torch.ones_like(later, dtype=torch.bool) if mask is None else mask)
    return -(later * log_q).sum() / (log_q.numel() if mask is None else mask.sum())


def _mean_of_the_others(values, mask):
    """For each text and place of values (..., L): the mean over the other texts that count there, 0 if none does."""
    values, mask = values.masked_fill(~mask, 0.0), mask.to(values.dtype)
    texts = tuple(range(values.ndim - 1))
    others = mask.sum(texts, keepdim=True) - mask
    return (values.sum(texts, keepdim=True) - values) / others.clamp(min=1)


def _check_kept(student_logits, ids, name, values):
    """ValueError unless ids and the values that belong to them are (..., k) and fit the logits."""
    if not isinstance(ids, torch.Tensor) or ids.dtype != torch.int64 or ids.ndim < 1 or not ids.numel():
        raise ValueError("ids must be a tensor int64 (..., k), not empty")
    if not isinstance(values, torch.Tensor) or not values.is_floating_point() or values.shape != ids.shape:
        raise ValueError(f"{name} must be a floating-point tensor of the shape of ids, {_shape(ids)}")
    check_device("ids", ids, "student_logits", student_logits)
    check_device(name, values, "student_logits", student_logits)
    if ids.shape[:-1] != student_logits.shape[:-1]:
        raise ValueError(
            f"student_logits {_shape(student_logits)} and ids {_shape(ids)} must have the same shape but for the last "
            "dimension"
        )
    low, high, vocabulary = int(ids.min()), int(ids.max()), student_logits.shape[-1]
    if low < 0 or high >= vocabulary:
        raise ValueError(f"ids must be from 0 to {vocabulary - 1}, got values from {low} to {high}")


# --- losses inside a transformer ------------------------------------------------------------------
# States are (..., width), one vector for each token; scores and values (N, heads, L, ...), as TextClassifier gives
# them. `mask`, here (N, L) or the leading shape of the states, is True where a token counts. Student and teacher may
# differ in width where the text says so.


def hidden_state_loss(student_states, teacher_states, *, projection=None, mask=None):
    """Mean squared difference of the hidden states, over the tokens that count and the width (TinyBERT, 2020).

    With another width than the teacher's a student needs a `projection` (student width, teacher width), learned along
    with it: the loss compares student_states @ projection with teacher_states.
    """
    states = _check_projected(student_states, teacher_states, projection, mask)
    return hidden_state_loss_core(*states, projection=projection)


def hidden_state_loss_core(student_states, teacher_states, *, projection=None):
    """`hidden_state_loss` without checks and mask."""
    if projection is not None:
        student_states = _product(_wide(_recordable(student_states)), _wide(_recordable(projection)))
    return F.mse_loss(*_alike(student_states, teacher_states))


def hint_loss(student_features, teacher_features, *, projection=None):
    """Mean squared difference of hidden layers, the student's after a `projection` (FitNets, Romero et al. 2015).

    Features are vectors (N, D) or maps (N, C, height, width). With another width, or other channels, than the teacher's
    a student needs a projection (the student's, the teacher's), learned along with it: for maps, it is a convolution of
    1 × 1. FitNets halve the sum of squares, and project with a larger convolution. `hidden_state_loss` is the same for
    vectors of any leading shape.
    """
    features = {"student": student_features, "teacher": teacher_features}
    for name, given in features.items():
        if not isinstance(given, torch.Tensor) or given.ndim not in (2, 4):
            found = _shape(given) if isinstance(given, torch.Tensor) else type(given).__name__
            raise ValueError(f"the {name}'s features must be a tensor (N, D) or (N, C, height, width), got {found}")
    if student_features.ndim != teacher_features.ndim:
        raise ValueError(
            f"student {_shape(student_features)} and teacher {_shape(teacher_features)} must both be vectors (N, D) or "
            "both be maps (N, C, height, width): a mean over height and width makes vectors of maps"
        )
    if student_features.shape[2:] != teacher_features.shape[2:]:
        raise ValueError(
            f"maps of {_size(student_features)} and of {_size(teacher_features)} places cannot be compared place by "
            f"place: choose layers of one size, or F.adaptive_avg_pool2d the larger ones first"
        )
    unit = "channels" if student_features.ndim == 4 else "width"
    last = (_features_last(student_features), _features_last(teacher_features))
    return hidden_state_loss_core(
        *_check_projected(*last, projection, None, "features", "samples", unit), projection=projection
    )


def hint_loss_core(student_features, teacher_features, *, projection=None):
    """`hint_loss` without checks: `hidden_state_loss` of features whose channels stand last."""
    last = (_features_last(student_features), _features_last(teacher_features))
    return hidden_state_loss_core(*last, projection=projection)


def hidden_cosine_loss(student_states, teacher_states, *, mask=None):
    """Mean of 1 - cos(student state, teacher state) over the tokens that count: the direction only (DistilBERT, 2019)."""
    student_states, teacher_states = _check_states(student_states, teacher_states, mask)
    if student_states.shape != teacher_states.shape:
        raise ValueError(
            f"a cosine needs equal widths: student states have {student_states.shape[-1]}, "
            f"the teacher's {teacher_states.shape[-1]}; project the student's first"
        )
    return hidden_cosine_loss_core(student_states, teacher_states)


def hidden_cosine_loss_core(student_states, teacher_states):
    """`hidden_cosine_loss` without checks and mask."""
    return 1 - F.cosine_similarity(*_alike(student_states, teacher_states), dim=-1).mean()


def attention_mse_loss(student_scores, teacher_scores, *, mask=None):
    """Mean squared difference of attention scores before softmax (N, heads, L, L), head by head (TinyBERT, 2020).

    The mean is over heads and pairs of tokens that both count; the scores elsewhere may be minus infinity. A pair for
    which student and teacher both say minus infinity, as of a token and a later one, is left out too.
    """
    _check_scores(student_scores, teacher_scores, mask)
    pairs = _pairs(student_scores, mask)
    student, teacher = student_scores[pairs], teacher_scores[pairs]
    if not (student.isfinite() & teacher.isfinite()).all():
        possible = ~_never(student, teacher)
        student, teacher = student[possible], teacher[possible]
        for name, scores in (("student_scores", student), ("teacher_scores", teacher)):
            if not scores.isfinite().all():
                raise ValueError(f"{name} contain NaN or infinite values between tokens that count: is a mask missing?")
        if not possible.any():
            raise ValueError("student_scores and teacher_scores are minus infinity everywhere: nothing to average")
    return F.mse_loss(*_alike(student, teacher))


def attention_mse_loss_core(student_scores, teacher_scores, *, mask=None):
    """`attention_mse_loss` without checks."""
    pairs = _pairs(student_scores, mask)
    return F.mse_loss(*_alike(student_scores[pairs], teacher_scores[pairs]))


def attention_kl_loss(student_scores, teacher_scores, *, mask=None):
    """KL(teacher || student) of the attention distributions, mean over heads and the tokens that look (MiniLM, 2020).

    Takes scores before softmax (N, heads, L, L), student and teacher with the same heads. If only a teacher's attention
    weights are kept, their logarithm serves as scores; a weight of 0, minus infinity, is allowed there, and in the
    student where the teacher has it too.
    """
    _check_scores(student_scores, teacher_scores, mask)
    pairs = _pairs(student_scores, mask)
    fine = student_scores.isfinite() | ~pairs
    if not (fine.all() or (fine | _never(student_scores, teacher_scores)).all()):
        raise ValueError("student_scores contain NaN or infinite values between tokens that count")
    teacher = teacher_scores.masked_fill(~pairs, -torch.inf)
    looks = pairs.any(-1)
    if not teacher.amax(-1)[looks].isfinite().all():  # NaN too is the largest of its row
        raise ValueError("teacher_scores contain NaN or plus infinity, or leave a token nothing to look at")
    return attention_kl_loss_core(student_scores, teacher_scores, mask=mask)


def attention_kl_loss_core(student_scores, teacher_scores, *, mask=None):
    """`attention_kl_loss` without checks."""
    if mask is None:
        mask = student_scores.new_ones(student_scores.shape[0], student_scores.shape[-1], dtype=torch.bool)
    mask = _recordable(mask)
    looks, seen = mask[:, None, :, None], mask[:, None, None, :]
    student, teacher = (
        scores.masked_fill(~looks, 0.0).masked_fill(~seen, -torch.inf)
        for scores in (_wide(student_scores), _constant(teacher_scores))
    )
    log_q, log_p = F.log_softmax(student, dim=-1), F.log_softmax(teacher, dim=-1)
    p = log_p.exp()
    each = (p * (log_p - log_q).masked_fill(p == 0, 0.0)).sum(-1)  # (N, heads, L)
    return each.transpose(1, 2)[mask].mean()


def value_relation_loss(student_values, teacher_values, *, heads=1, mask=None):
    """KL(teacher || student) of the relations softmax(V Vᵀ / sqrt(d)) among the tokens' values (MiniLM, 2020).

    Values are (N, heads, L, d), put side by side, or states (N, L, width): queries and keys serve as well (MiniLMv2).
    They are split anew into `heads` relation heads of d = width / heads. A relation is L × L whatever the width, so the
    student's width and its own number of heads are free, and no projection is needed; rotating the vectors of a head
    changes nothing. The mean is over relation heads and the tokens that count.
    """
    student_values, teacher_values = (_side_by_side(values) for values in (student_values, teacher_values))
    _check_states(student_values, teacher_values, mask)
    if student_values.ndim != 3:
        raise ValueError(f"values must be (N, heads, L, d) or (N, L, width), got {_shape(student_values)}")
    heads = check_whole("heads", heads, 1)
    for name, values in (("student", student_values), ("teacher", teacher_values)):
        if values.shape[-1] % heads:
            raise ValueError(f"the {name}'s width {values.shape[-1]} cannot be split into {heads} relation heads")
    return value_relation_loss_core(student_values, teacher_values, heads=heads, mask=mask)


def value_relation_loss_core(student_values, teacher_values, *, heads=1, mask=None):
    """`value_relation_loss` without checks, for (N, heads, L, d) or (N, L, width)."""
    relations = []
    for values in (_wide(student_values), _constant(teacher_values)):
        values = _side_by_side(values)
        if mask is not None:
            values = values.masked_fill(~mask[..., None], 0.0)
        split = values.unflatten(-1, (heads, -1)).transpose(1, 2)  # (N, heads, L, d)
        relations.append(_product(split, split.transpose(-1, -2)) / split.shape[-1] ** 0.5)
    return attention_kl_loss_core(*relations, mask=mask)


def _side_by_side(values):
    """(N, heads, L, d) as (N, L, heads · d); anything else as it is."""
    if isinstance(values, torch.Tensor) and values.ndim == 4:
        return values.transpose(1, 2).flatten(2)
    return values


# --- losses inside a convolutional network --------------------------------------------------------
# Maps are (N, C, height, width). `hint_loss` stands above, beside its twin for states.


def attention_transfer_loss(student_maps, teacher_maps, *, resize=False):
    """Where two networks look: mean squared difference of their attention maps (Zagoruyko & Komodakis 2017).

    The attention map of (N, C, height, width) is the mean over the channels of the squared activations, divided by its
    L2 norm over all places of the picture; so channels and scale are free, and no projection is needed. The mean is over
    N · height · width, as in the authors' code; their paper has the norm of the difference, not squared. `resize=True`
    averages the finer squares down to the coarser size; otherwise maps of other sizes are refused.
    """
    if not isinstance(resize, bool):
        raise ValueError(f"resize must be True or False, got {resize!r}")
    for name, maps in (("student_maps", student_maps), ("teacher_maps", teacher_maps)):
        _check_maps(name, maps, student_maps)
    if len(student_maps) != len(teacher_maps):
        raise ValueError(
            f"student_maps {_shape(student_maps)} and teacher_maps {_shape(teacher_maps)} must be of the same N pictures"
        )
    if student_maps.shape[2:] != teacher_maps.shape[2:] and not resize:
        raise ValueError(
            f"student_maps have {_size(student_maps)} places, teacher_maps {_size(teacher_maps)}: choose layers of one "
            "size, or say resize=True to average the finer ones"
        )
    return attention_transfer_loss_core(student_maps, teacher_maps)


def attention_transfer_loss_core(student_maps, teacher_maps):
    """`attention_transfer_loss` without checks; maps of other sizes are averaged down to the smaller."""
    size = [min(sides) for sides in zip(student_maps.shape[2:], teacher_maps.shape[2:], strict=True)]
    student, teacher = _alike(_recordable(student_maps), teacher_maps)
    return (_attention_maps(student, size) - _attention_maps(teacher, size)).square().mean()


def _attention_maps(maps, size):
    """Unit vectors (N, places). Dividing by the largest first changes nothing but keeps squares within the numbers."""
    largest = maps.detach().abs().amax((1, 2, 3), keepdim=True)
    squares = (maps / largest.clamp(min=torch.finfo(maps.dtype).tiny)).square().mean(1)
    if list(squares.shape[1:]) != size:
        squares = F.adaptive_avg_pool2d(squares, size)
    return F.normalize(squares.flatten(1), dim=1)


# --- losses between samples -----------------------------------------------------------------------
# Features are vectors (B, D), or maps (B, C, height, width), which are read as one long vector each. What is compared is
# not a sample with the teacher's but how the samples of a batch lie to each other, so student and teacher may differ in
# width, and need no projection. A batch has two samples at least. Scaling all features changes nothing; so they are
# first divided by their largest number, which keeps squares within the numbers.


def relational_distance_loss(student_features, teacher_features):
    """Distances between all pairs of the batch, smooth L1 (RKD-D, Park et al. 2019).

    Each side's Euclidean distances are divided by their mean over the pairs of different samples; the loss is the mean
    over all B² entries, the zeros of the diagonal included, as in the authors' code. Rotating, shifting or scaling the
    features changes nothing. Of a batch of two it is always 0: there is only one distance.
    """
    _check_relations(student_features, teacher_features)
    return relational_distance_loss_core(student_features, teacher_features)


def relational_distance_loss_core(student_features, teacher_features):
    """`relational_distance_loss` without checks."""
    student, teacher = _relatable(student_features, teacher_features)
    return F.smooth_l1_loss(_distances(student), _distances(teacher))


def relational_angle_loss(student_features, teacher_features):
    """Cosines of the angles in all triangles of the batch, smooth L1 (RKD-A, Park et al. 2019).

    The angle at sample i between the directions to j and to k; the mean is over all B³ entries, those with equal
    samples, which are 0, included, as in the authors' code. Rotating, shifting or scaling changes nothing. Time and
    memory grow with B³ and B² · D: a PCA makes wide features of a teacher affordable.
    """
    _check_relations(student_features, teacher_features)
    return relational_angle_loss_core(student_features, teacher_features)


def relational_angle_loss_core(student_features, teacher_features):
    """`relational_angle_loss` without checks."""
    student, teacher = _relatable(student_features, teacher_features)
    return F.smooth_l1_loss(_angles(student), _angles(teacher))


def similarity_preserving_loss(student_features, teacher_features):
    """Matrices of dot products between the samples, each row a unit vector, compared (Tung & Mori 2019).

    The squared Frobenius norm of their difference, divided by B². Rotating or scaling the features changes nothing;
    shifting them does, as products are seen from the origin.
    """
    _check_relations(student_features, teacher_features)
    return similarity_preserving_loss_core(student_features, teacher_features)


def similarity_preserving_loss_core(student_features, teacher_features):
    """`similarity_preserving_loss` without checks."""
    student, teacher = (_unit(_product(f, f.mT)) for f in _relatable(student_features, teacher_features))
    return (student - teacher).square().mean()


def cosine_relation_loss(student_features, teacher_features, *, temperature):
    """KL(teacher || student) of each sample's softmax(cosines to the others / temperature), mean over the batch.

    Who is near whom, as probabilities (in the spirit of PKT, Passalis & Tefas 2018, who shift the cosines into [0, 1] and
    divide by their sum). A sample's cosine with itself is left out, unlike in the other losses here: it is always 1.
    Rotating or scaling the features changes nothing; shifting them does. Of a batch of two it is always 0.
    """
    temperature = check_temperature(temperature)
    _check_relations(student_features, teacher_features)
    return cosine_relation_loss_core(student_features, teacher_features, temperature=temperature)


def cosine_relation_loss_core(student_features, teacher_features, *, temperature):
    """`cosine_relation_loss` without checks."""
    units = [_unit(features) for features in _relatable(student_features, teacher_features)]
    return kl_divergence_core(*(_off_diagonal(_product(u, u.mT)) for u in units), temperature=temperature)


def contrastive_loss(student_features, teacher_features, *, temperature, projection=None):
    """Find the teacher's features of the same sample among those of the batch, and back: InfoNCE, in nats.

    The logits are cosines / temperature between the student's features (behind a learned `projection` (student width,
    teacher width), which other widths need) and the teacher's. The cross-entropy is that of students among teachers and
    of teachers among students, averaged. Negatives come from the batch; the contrastive distillation of Tian et al.
    (2020, CRD) draws them from a memory bank of the whole training set and has another estimator.
    """
    temperature = check_temperature(temperature)
    _check_relations(student_features, teacher_features)
    _check_projected(student_features.flatten(1), teacher_features.flatten(1), projection, None, "features", "samples")
    return contrastive_loss_core(student_features, teacher_features, temperature=temperature, projection=projection)


def contrastive_loss_core(student_features, teacher_features, *, temperature, projection=None):
    """`contrastive_loss` without checks."""
    student, teacher = _relatable(student_features, teacher_features)
    if projection is not None:
        student = _product(student, _wide(_recordable(projection)))
    logits = _product(_unit(student), _unit(teacher).mT) / temperature
    own = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.mT, own)) / 2


def fsp_loss(student_first, student_second, teacher_first, teacher_second):
    """How two layers work together: mean squared difference of the FSP matrices of student and teacher (Yim et al. 2017).

    The FSP matrix of maps (N, C, height, width) and (N, C', height, width) of one network is (C, C'): the mean over the
    places of the products of their channels ("flow of the solution procedure"). Both layers need the same places, and the
    student the teacher's C and C'. The mean is over N · C · C'; the authors sum over C and C'.
    """
    maps = {"student_first": student_first, "student_second": student_second}
    maps |= {"teacher_first": teacher_first, "teacher_second": teacher_second}
    for name, given in maps.items():
        _check_maps(name, given, student_first)
        if len(given) != len(student_first):
            raise ValueError(f"all maps must be of the same {len(student_first)} samples; {name} are {_shape(given)}")
    for who in ("student", "teacher"):
        first, second = maps[f"{who}_first"], maps[f"{who}_second"]
        if first.shape[2:] != second.shape[2:]:
            raise ValueError(
                f"the {who}'s two layers have {_size(first)} and {_size(second)} places: F.adaptive_avg_pool2d the larger "
                "one first"
            )
    for which in ("first", "second"):
        ours, theirs = maps[f"student_{which}"].shape[1], maps[f"teacher_{which}"].shape[1]
        if ours != theirs:
            raise ValueError(
                f"student_{which} have {ours} channels, teacher_{which} {theirs}: FSP matrices need the same"
            )
    return fsp_loss_core(**maps)


def fsp_loss_core(student_first, student_second, teacher_first, teacher_second):
    """`fsp_loss` without checks."""
    student = _fsp(_wide(_recordable(student_first)), _wide(_recordable(student_second)))
    return F.mse_loss(*_alike(student, _fsp(_constant(teacher_first), _constant(teacher_second))))


def _fsp(first, second):
    first, second = first.flatten(2), second.flatten(2)
    return _product(first, second.mT) / first.shape[-1]


def _relatable(student_features, teacher_features):
    """Both as vectors (B, D) in one dtype, each divided by its largest number."""
    return [_scaled(features.flatten(1)) for features in _alike(_recordable(student_features), teacher_features)]


def _scaled(features):
    largest = features.detach().abs().max()
    return features / largest.clamp(min=torch.finfo(features.dtype).tiny)


def _distances(features):
    """Distances (B, B) over their mean for different samples; the gradient between equal samples is 0."""
    found = torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")
    mean = found.sum() / (len(found) * (len(found) - 1))
    return found / mean.clamp(min=torch.finfo(found.dtype).tiny)


def _angles(features):
    """Cosines (B, B, B) of the angle at the first sample between the directions to the other two."""
    directions = _unit(features[None] - features[:, None])
    return _product(directions, directions.mT)


def _unit(vectors):
    """Vectors (..., D) of length 1; zeros stay zeros and, unlike with F.normalize, have no gradient (there, 1e12)."""
    zero = (vectors == 0).all(-1, keepdim=True)
    return F.normalize(vectors.masked_fill(zero, 1.0), dim=-1, eps=torch.finfo(vectors.dtype).tiny).masked_fill(
        zero, 0.0
    )


def _off_diagonal(matrix):
    """(B, B) -> (B, B - 1): every row without its entry on the diagonal."""
    count = len(matrix)
    return matrix.flatten()[1:].view(count - 1, count + 1)[:, :-1].reshape(count, count - 1)


def _check_relations(student_features, teacher_features):
    """ValueError unless both are features of the same batch of two samples or more."""
    for name, given in (("student_features", student_features), ("teacher_features", teacher_features)):
        if not isinstance(given, torch.Tensor) or given.ndim not in (2, 4):
            found = _shape(given) if isinstance(given, torch.Tensor) else type(given).__name__
            raise ValueError(f"{name} must be a tensor (B, D) or (B, C, height, width), got {found}")
        if len(given) == 1:
            raise ValueError(f"{name} are of a single sample, which has no relation to others: a batch of two or more")
    _check_states(student_features.flatten(1), teacher_features.flatten(1), None, "features", "samples")


def _check_maps(name, maps, other):
    """ValueError unless these are maps (N, C, height, width) of finite numbers, where the others are."""
    if not isinstance(maps, torch.Tensor) or not maps.is_floating_point() or maps.ndim != 4 or not maps.numel():
        found = _shape(maps) if isinstance(maps, torch.Tensor) else type(maps).__name__
        raise ValueError(f"{name} must be a floating-point tensor (N, C, height, width), not empty; got {found}")
    if isinstance(other, torch.Tensor):
        check_device(name, maps, "the student's", other)
    if not maps.isfinite().all():
        raise ValueError(f"{name} contain NaN or infinite values")


# --- parts of several losses --------------------------------------------------------------------------


def _never(student_scores, teacher_scores):
    """True where student and teacher both say minus infinity."""
    return (student_scores == -torch.inf) & (teacher_scores == -torch.inf)


def _pairs(scores, mask):
    """bool, of the shape of the scores (N, heads, L, L): True where both tokens count."""
    if mask is None:
        return torch.ones_like(scores, dtype=torch.bool)
    return (mask[:, None, :, None] & mask[:, None, None, :]).expand_as(scores)


def _features_last(features):
    """Maps (N, C, height, width) as (N, height, width, C); vectors as they are."""
    return features.movedim(1, -1) if features.ndim == 4 else features


def _size(maps):
    return " × ".join(map(str, maps.shape[2:]))


def _check_projected(student, teacher, projection, mask, what="states", of="tokens", unit="width"):
    """Both (..., width) of what counts; ValueError unless the projection leads from the student's to the teacher's.

    None will do where they are of one width.
    """
    student, teacher = _check_states(student, teacher, mask, what, of)
    width, target = student.shape[-1], teacher.shape[-1]
    if projection is None:
        if width != target:
            raise ValueError(
                f"student {what} have {unit} {width}, the teacher's {target}: give a projection ({width}, {target})"
            )
        return student, teacher
    if not isinstance(projection, torch.Tensor) or projection.shape != (width, target):
        found = _shape(projection) if isinstance(projection, torch.Tensor) else type(projection).__name__
        advice = ""
        if isinstance(projection, torch.nn.Module):
            advice = ": of an nn.Linear pass .weight.T, of an nn.Conv2d of 1 × 1 .weight[:, :, 0, 0].T"
        elif isinstance(projection, torch.Tensor) and projection.shape[:2] == (target, width):
            advice = ": it is the other way round, as the weight of a layer is: pass its .T"
        raise ValueError(
            f"projection must be a tensor ({width}, {target}): student {unit}, teacher {unit}; got {found}{advice}"
        )
    if not projection.is_floating_point():
        raise ValueError(f"projection must be floating-point numbers, got {projection.dtype}")
    check_device("projection", projection, f"the student's {what}", student)
    if not projection.isfinite().all():
        raise ValueError("projection contains NaN or infinite values: did an earlier step make them?")
    return student, teacher


def _check_states(student_states, teacher_states, mask, what="states", of="tokens"):
    """The states of the tokens that count, (M, width), if there is a mask; ValueError if they cannot be compared."""
    student_states, teacher_states = _select(mask, student_states=student_states, teacher_states=teacher_states)
    for name, states in (("student", student_states), ("teacher", teacher_states)):
        if not isinstance(states, torch.Tensor) or not states.is_floating_point() or states.ndim < 1:
            found = states.dtype if isinstance(states, torch.Tensor) else type(states).__name__
            raise ValueError(f"the {name}'s {what} must be a floating-point tensor (..., width), got {found}")
        if states.numel() == 0:
            raise ValueError(f"the {name}'s {what} are empty: {_shape(states)}")
        check_device(f"the {name}'s {what}", states, "the student's", student_states)
        if not states.isfinite().all():
            raise ValueError(f"the {name}'s {what} contain NaN or infinite values")
    if student_states.shape[:-1] != teacher_states.shape[:-1]:
        raise ValueError(
            f"student {_shape(student_states)} and teacher {_shape(teacher_states)} must have {what} for the same {of}"
        )
    return student_states, teacher_states


def _check_scores(student_scores, teacher_scores, mask):
    for name, scores in (("student_scores", student_scores), ("teacher_scores", teacher_scores)):
        if not isinstance(scores, torch.Tensor) or not scores.is_floating_point():
            raise ValueError(f"{name} must be a floating-point tensor (N, heads, L, L)")
        if scores.ndim != 4 or scores.shape[-1] != scores.shape[-2] or scores.numel() == 0:
            raise ValueError(f"{name} must be (N, heads, L, L), got {_shape(scores)}")
    if student_scores.shape != teacher_scores.shape:
        raise ValueError(
            f"student_scores {_shape(student_scores)} and teacher_scores {_shape(teacher_scores)} must have the same "
            "shape, heads included: value_relation_loss is free of the number of heads"
        )
    check_device("teacher_scores", teacher_scores, "student_scores", student_scores)
    for name, scores in (("student_scores", student_scores), ("teacher_scores", teacher_scores)):
        if scores.shape[-1] > 1 and look_like_probabilities(scores):
            raise ValueError(
                f"{name} look like attention weights: every row is 0 or more and sums to 1. Pass the scores before "
                "softmax, or weights.log()"
            )
    if mask is None:
        return
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
        raise ValueError("mask must be a boolean tensor: True where a token counts")
    if mask.shape != (student_scores.shape[0], student_scores.shape[-1]):
        raise ValueError(f"mask {_shape(mask)} must be (N, L) for scores {_shape(student_scores)}")
    if not mask.any():
        raise ValueError("mask is False everywhere: no token counts, so there is nothing to average")


# --- in what precision, and for whom the gradient -------------------------------------------------


def _wide_dtype(tensor):
    """float32, or the tensor's own dtype if that is wider: sums over classes and rows need it."""
    return tensor.dtype if tensor.dtype.itemsize >= 4 else torch.float32


def _wide(tensor):
    return tensor if tensor.dtype.itemsize >= 4 else tensor.float()


def _recordable(tensor):
    """The tensor, or a copy of one that was made under torch.inference_mode: autograd refuses to keep those."""
    return tensor.clone() if tensor.is_inference() and not torch.is_inference_mode_enabled() else tensor


def _constant(tensor):
    """What the teacher said: no gradient flows into it."""
    return _wide(_recordable(tensor.detach()))


def _alike(student, teacher):
    """Both in the wider of their dtypes, float32 at least: PyTorch's own losses want one dtype for both."""
    return _one_dtype(_wide(student), _constant(teacher))


def _one_dtype(a, b):
    if a.dtype == b.dtype:
        return a, b
    dtype = torch.promote_types(a.dtype, b.dtype)
    return a.to(dtype), b.to(dtype)


def _product(a, b):
    """a @ b in the wider of their dtypes, also under autocast, which would round both to half precision."""
    a, b = _one_dtype(a, b)
    kind = a.device.type
    if kind == "meta" or not torch.is_autocast_enabled(kind):
        return a @ b
    with torch.autocast(kind, enabled=False):
        return a @ b


# --- checks: each returns the value in plain form or raises ValueError ----------------------------


def check_temperature(temperature):
    """The temperature as a float. ValueError unless it is a positive finite number."""
    temperature = check_number("temperature", temperature)
    if not (temperature > 0 and math.isfinite(temperature)):
        raise ValueError(f"temperature must be a positive finite number, got {temperature:g}")
    return temperature


def _check_square(temperature, logits):
    if temperature * temperature > torch.finfo(_wide_dtype(logits)).max:
        raise ValueError(f"temperature {temperature:g} is too high: its square overflows")


def check_sampling_temperature(temperature):
    """The temperature as a float; 0, always the likeliest, is allowed. ValueError unless it is finite and not negative."""
    temperature = check_number("temperature", temperature)
    if not (temperature >= 0 and math.isfinite(temperature)):
        raise ValueError(f"temperature must be a finite number, 0 (greedy) or more; got {temperature:g}")
    return temperature


def check_alpha(alpha):
    """alpha, the weight of the hard labels, as a float. ValueError unless it is in [0, 1]."""
    return check_fraction("alpha", alpha)


def check_logits(name, logits, temperature=1.0, like=None, *, only_order=False):
    """ValueError unless logits are a finite floating-point tensor (..., classes), of the shape of `like` if given.

    Probabilities are refused too, unless `only_order` says that nothing but the order of the classes matters.
    """
    _check_form(name, logits, like)
    _check_values(name, logits, temperature, *_extremes(logits), only_order=only_order)


def check_labels(labels, logits):
    """ValueError unless labels are whole numbers in [0, classes) with the leading shape of the logits."""
    _check_tensor("labels", labels)
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ValueError(f"labels must be whole numbers (class indices), got {labels.dtype}")
    if labels.shape != logits.shape[:-1]:
        raise ValueError(
            f"labels {_shape(labels)} must have one entry for each distribution: logits are {_shape(logits)}, "
            f"so labels must be {_shape(logits[..., 0])}{_maps(logits, labels)}"
        )
    check_device("labels", labels, "the logits", logits)
    low, high, classes = int(labels.min()), int(labels.max()), logits.shape[-1]
    if low < 0 or high >= classes:
        elsewhere = ". -100 often marks what does not count: say so with mask=(labels != -100), or leave it out"
        raise ValueError(
            f"labels must be from 0 to {classes - 1}, got values from {low} to {high}{elsewhere if low == -100 else ''}"
        )


def check_device(name, tensor, other_name, other):
    """ValueError unless both are on the same device, and on one that holds numbers."""
    if tensor.device != other.device:
        raise ValueError(
            f"{name} and {other_name} are on different devices, {tensor.device} and {other.device}: "
            f'move one to the other first, as in {name}.to("{other.device}")'
        )
    if tensor.is_meta:
        raise ValueError(f"{name} are on the meta device, which keeps shapes and no numbers")


def _check_pair(student_logits, teacher_logits, temperature):
    """Both logits, with finite numbers where both say minus infinity; ValueError if they cannot be compared."""
    _check_form("student_logits", student_logits)
    _check_form("teacher_logits", teacher_logits, like=student_logits)
    extremes = [_extremes(student_logits), _extremes(teacher_logits)]
    if -math.inf in (extremes[0][0], extremes[1][0]):
        student_logits, teacher_logits = _finite(student_logits, teacher_logits, temperature)
        extremes = [_extremes(student_logits), _extremes(teacher_logits)]
    _check_values("student_logits", student_logits, temperature, *extremes[0])
    _check_values("teacher_logits", teacher_logits, temperature, *extremes[1])
    return student_logits, teacher_logits


def _finite(student_logits, teacher_logits, temperature):
    """Both logits with a finite number of probability 0 in place of minus infinity: 0 · (-inf) would be NaN."""
    never = student_logits == -torch.inf
    differ = never != (teacher_logits == -torch.inf)
    if differ.any():
        name = "student_logits" if never[differ].any() else "teacher_logits"
        raise ValueError(
            f"{name} contain NaN or infinite values: minus infinity, for a class that cannot happen, is allowed only "
            "where student_logits and teacher_logits both have it"
        )
    if never.all(-1).any():
        raise ValueError(
            "student_logits are minus infinity for every class of a row: NaN or infinite values come of it"
        )
    return [
        _wide(logits).masked_fill(never, -torch.finfo(_wide_dtype(logits)).max / 4 * min(temperature, 1.0))
        for logits in (student_logits, teacher_logits)
    ]


def _check_possible(name, labels, logits):
    if (logits.detach().gather(-1, labels.long().unsqueeze(-1)) == -torch.inf).any():
        raise ValueError(
            f"{name} name a class that, by the logits, cannot happen (minus infinity): the loss is infinite"
        )


def _check_tensor(name, value):
    if isinstance(value, torch.Tensor):
        return
    advice = ""
    if hasattr(value, "logits"):
        advice = ": pass its .logits"
    elif isinstance(value, tuple) and any(isinstance(part, torch.Tensor) for part in value):
        advice = ": pass the entry that holds the logits alone, often the first"
    elif type(value).__module__ == "numpy":
        advice = ": torch.from_numpy makes one of it"
    raise ValueError(f"{name} must be a torch tensor, got {type(value).__name__}{advice}")


def _check_form(name, logits, like=None):
    _check_tensor(name, logits)
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
    check_device(name, logits, "the student's", logits if like is None else like)


def _extremes(logits):
    """The smallest and the largest number, as floats: NaN and infinity show up in either."""
    low, high = logits.detach().aminmax()
    return low.item(), high.item()


def _check_values(name, logits, temperature, low, high, only_order=False):
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{name} contain NaN or infinite values")
    if max(high, -low, high - low) > torch.finfo(_wide_dtype(logits)).max * temperature:
        raise ValueError(f"{name} / temperature overflows at temperature {temperature:g}")
    if low >= 0 and not only_order and look_like_probabilities(logits):
        raise ValueError(
            f"{name} look like probabilities: every row is 0 or more and sums to 1. Pass logits, the numbers before "
            "softmax, or p.log(); if these are logits after all, add 1 to each, which changes no softmax"
        )


def look_like_probabilities(logits):
    """Whether every row is 0 or more and sums to 1; a single row of 0 and 1 is rather a small example."""
    if not logits.is_floating_point():
        return False
    logits, tolerance = _wide(logits.detach()), max(1e-4, torch.finfo(logits.dtype).eps)
    first = logits[(0,) * (logits.ndim - 1)]  # this row decides almost always, so that asking costs little
    if not abs(first.sum().item() - 1) <= tolerance:
        return False
    if not ((logits.sum(-1) - 1).abs() <= tolerance).all() or (logits < 0).any():
        return False
    return logits.numel() > logits.shape[-1] or bool(logits.max() < 1)


def _select(mask, **tensors):
    """The entries of each tensor where the mask is True, so that nothing, NaN included, leaks in from elsewhere."""
    if mask is None:
        return list(tensors.values())
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool:
        raise ValueError("mask must be a boolean tensor: True where a distribution counts")
    first = next(iter(tensors))
    for name, tensor in tensors.items():
        _check_tensor(name, tensor)
        leading = tensor.shape if name == "labels" else tensor.shape[:-1]
        if leading != mask.shape:
            raise ValueError(
                f"mask {_shape(mask)} must have one entry for each distribution: {name} are {_shape(tensor)}"
                f"{_maps(tensor, mask)}"
            )
    check_device("mask", mask, first, tensors[first])
    for name, tensor in tensors.items():
        if name.endswith("logits") and tensor.shape != tensors[first].shape:
            check_logits(name, tensor, like=tensors[first])
    if not mask.any():
        raise ValueError("mask is False everywhere: no distribution counts, so there is nothing to average")
    mask = _recordable(mask)
    return [tensor[mask] for tensor in tensors.values()]


def _maps(logits, entries):
    """Advice for logits (batch, classes, height, width), if these entries (batch, height, width) go with such."""
    if logits.ndim < 3 or entries.shape != logits.shape[:1] + logits.shape[2:]:
        return ""
    return ". If the classes stand in dimension 1, as in maps (B, C, H, W), pass logits.movedim(1, -1)"


def _shape(tensor):
    return tuple(tensor.shape)
