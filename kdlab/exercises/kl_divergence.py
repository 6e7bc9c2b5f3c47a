"""Exercises of lesson 02, KL divergence."""

import math
from itertools import pairwise

import torch
from torch.nn import functional as F

from kdlab.exercises.core import Exercise, Option, Question, Quiz


def _softened(logits, temperature=1.0):
    return (logits / temperature).softmax(-1)


def _kl(p, q):
    """KL(p || q) of each row in float64, slowly and safely: what the questions compare with."""
    p, q = p.double(), q.double()
    return torch.where(p > 0, p * (p / q).log(), torch.zeros_like(p)).sum(-1)


def _draw(likely):
    """(student logits, teacher logits, likely mistakes), drawn again while two mistakes happen to share a value.

    `likely(student, teacher)` gives [(value, message)], the right value first. Two that agreed by chance would be told
    under each other's names.
    """
    while True:
        student, teacher = 2 * torch.randn(6, 5), 2 * torch.randn(6, 5)
        mistakes = likely(student, teacher)
        values = sorted(float(value) for value, _ in mistakes)
        if all(b - a > 2e-3 * max(abs(a), abs(b)) for a, b in pairwise(values)):
            return student, teacher, mistakes[1:]


def _needs_gradient(answer, name="student_logits"):
    """The value can be differentiated by the student's logits."""
    message = f"No gradient reaches `{name}`: is there a .detach(), .item(), .tolist() or torch.no_grad() on its way?"
    answer.holds(answer.value.requires_grad, message)


# 1 --------------------------------------------------------------------------------------------------------------------


def _kl_from_probabilities(p, q):
    """KL(p || q) in nats, one number for each row of probabilities."""
    terms = p * torch.log(p / q)
    return torch.where(p > 0, terms, 0.0).sum(dim=-1)


def _ask_kl_from_probabilities(ask):
    p, q = (2 * torch.randn(3, 5)).softmax(-1), (2 * torch.randn(3, 5)).softmax(-1)
    right, back = _kl(p, q), _kl(q, p)
    answer = ask(p, q)
    if getattr(answer.value, "ndim", None) == 0:
        total = "You added up all rows. Keep one number for each row: sum along dim=-1."
        answer.is_not(right.sum(), total).is_not(right.mean(), "You averaged over the rows. Keep one number for each.")
    answer.is_not((p * (p / q).log()), "These are the terms of the sum. Now add up each row: .sum(dim=-1).")
    answer.is_tensor((3,))
    answer.is_not(back, "That is KL(q‖p), the other direction: the weights in front of the logarithm must be p.")
    answer.is_not(-right, "KL is never negative, and yours is: you have log(q/p) where log(p/q) belongs.")
    answer.is_not(-back, "Two slips: the weights must be p, and the logarithm is of p/q.")
    answer.is_not(right / math.log(2), "That is KL in bits. Take the natural logarithm to get nats.")
    answer.is_not(right / 5, "You took the mean over the classes. KL is a sum over them.")
    answer.is_not(
        -(p * q.log()).sum(-1), "That is the cross-entropy. Subtract the entropy of p: log p belongs there too."
    )
    answer.is_not((p / q).log().sum(-1), "Every class counts alike in your sum. Weigh each logarithm with p.")
    answer.is_not(((p - q) * (p / q).log()).sum(-1), "That is KL(p‖q) + KL(q‖p): weigh with p alone.")
    answer.equals(right, "The values are off. Work out one row by hand: Σ p ln(p/q).")
    zero = torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    flat = torch.tensor([[0.25, 0.25, 0.5], [0.5, 0.3, 0.2]])
    answer = ask(zero, flat).is_tensor((2,))
    answer.holds(
        not answer.value.isnan().any(),
        "Correct, until p has a zero: 0 · log 0 is nan in floating point, but such a class costs nothing. "
        "Replace its term by 0, for example with torch.where.",
    )
    answer.equals(_kl(zero, flat), "A class with p = 0 should add exactly 0.")
    answer = ask(flat, zero).is_tensor((2,))
    answer.holds(
        answer.value.isposinf().all(),
        "Where p is positive and q is 0, KL is infinite: the code for q has no word for something that happens. "
        "A clamp or a small number added to q hides that.",
    )
    same = ask(p, p).is_tensor((3,))
    same.holds(same.value.abs().max() < 1e-5, "KL from a distribution to itself should be 0.")


kl_from_probabilities = Exercise(
    place=1,
    title="KL from probabilities",
    minutes=10,
    difficulty="easy",
    reference=_kl_from_probabilities,
    questions=_ask_kl_from_probabilities,
    hints=(
        "One term for each class: how often it happens, times how much more it costs.",
        "The term is `p * torch.log(p / q)`; the sum runs along the last axis. What is 0 · log 0 in floating point?",
        "`torch.where(p > 0, terms, 0.0)` keeps the terms where p is positive and puts 0 elsewhere.",
    ),
    wrong={
        "other direction": (lambda p, q: _kl_from_probabilities(q, p), "other direction"),
        "log upside down": (lambda p, q: (p * torch.log(q / p)).sum(-1), "never negative"),
        "both slips": (lambda p, q: (q * torch.log(p / q)).sum(-1), "Two slips"),
        "bits": (lambda p, q: _kl_from_probabilities(p, q) / math.log(2), "bits"),
        "mean over classes": (lambda p, q: (p * torch.log(p / q)).mean(-1), "mean over the classes"),
        "cross-entropy": (lambda p, q: -(p * q.log()).sum(-1), "That is the cross-entropy"),
        "no weights": (lambda p, q: torch.log(p / q).sum(-1), "Weigh each logarithm"),
        "both directions added": (lambda p, q: ((p - q) * torch.log(p / q)).sum(-1), "weigh with p alone"),
        "all rows": (lambda p, q: (p * torch.log(p / q)).sum(), "added up all rows"),
        "mean over rows": (lambda p, q: (p * torch.log(p / q)).sum(-1).mean(), "averaged over the rows"),
        "terms": (lambda p, q: p * torch.log(p / q), "terms of the sum"),
        "0 log 0": (lambda p, q: (p * torch.log(p / q)).sum(-1), "0 · log 0"),
        "small number added": (
            lambda p, q: ((p + 1e-9) * torch.log((p + 1e-9) / (q + 1e-9))).sum(-1),
            "KL is infinite",
        ),
        "nan_to_num": (lambda p, q: (p * torch.log(p / q)).nan_to_num(0.0, posinf=0.0).sum(-1), "KL is infinite"),
        "absolute values": (lambda p, q: (p * torch.log(p / q)).abs().sum(-1), "The values are off"),
        "takes probabilities for logits": (
            lambda p, q: _kl_from_probabilities(p.softmax(-1), q.softmax(-1)),
            "The values are off",
        ),
    },
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _kl_divergence(student_logits, teacher_logits, *, temperature=1.0):
    """KL(teacher || student) of the soft targets in nats: the mean over all distributions."""
    log_q = torch.log_softmax(student_logits / temperature, dim=-1)
    log_p = torch.log_softmax(teacher_logits / temperature, dim=-1)
    return (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()


def _likely_kl_divergence(student, teacher):
    q, p = _softened(student, 2.0), _softened(teacher, 2.0)
    one_q, one_p = _softened(student), _softened(teacher)
    right = _kl(p, q)
    return [
        (right.mean(), "right"),
        (_kl(q, p).mean(), "That is KL(student‖teacher). The teacher's probabilities are the weights."),
        (-right.mean(), "KL is never negative, and yours is: the logarithms are subtracted the wrong way round."),
        (right.sum(), "You summed over the batch, so the loss grows with it. Take the mean over the rows."),
        (right.mean() / 5, "You divided by the number of classes too. Sum over them, then mean over the rows."),
        (4 * right.mean(), "There is a T² in your result. It belongs to the distillation loss (lesson 03)."),
        (_kl(one_p, one_q).mean(), "Temperature makes no difference to your result. Is it used?"),
        (_kl(p, one_q).mean(), "Soften the student with the same temperature."),
        (_kl(one_p, q).mean(), "Soften the teacher with the same temperature."),
        (
            _kl(_softened(p), _softened(q)).mean(),
            "You took the softmax twice: of the logits, and of the probabilities.",
        ),
        (-(p * q.log()).sum(-1).mean(), "That is the cross-entropy: subtract the teacher's entropy."),
    ]


def _ask_kl_divergence(ask):
    student, teacher, mistakes = _draw(_likely_kl_divergence)
    right = _kl(_softened(teacher, 2.0), _softened(student, 2.0))
    answer = ask(student, teacher, temperature=2.0)
    answer.is_not(right, "One number for each row: now take their mean.")
    answer.is_number()
    for value, message in mistakes:
        answer.is_not(value, message)
    answer.equals(right.mean(), "The value is off. Work out one row by hand: Σ p (ln p − ln q).")
    ask(student, teacher).equals(
        _kl(_softened(teacher), _softened(student)).mean(), "Without a temperature, T should be 1."
    )
    student, teacher = 2 * torch.randn(3, 4, 5), 2 * torch.randn(3, 4, 5)
    right = _kl(_softened(teacher), _softened(student))
    answer = ask(student, teacher).is_number()
    answer.is_not(
        right.sum() / 3,
        "With (batch, tokens, classes) your loss grows with the number of tokens: you divide by the batch alone "
        "(`reduction='batchmean'` does that). Take the mean over all distributions.",
    )
    answer.equals(right.mean(), "Right for a batch, wrong for (batch, tokens, classes): sum along the last axis only.")
    answer = ask(student[0, 0], teacher[0, 0]).is_number()
    answer.equals(right[0, 0], "Right for a batch, wrong for a single row of logits: sum along dim=-1 only.")
    sharp = torch.tensor([[1000.0, 0.0, -1000.0], [0.0, 1000.0, 0.0]])
    answer = ask(sharp.flip(0), sharp).is_number()
    answer.holds(
        not answer.value.isnan(),
        "nan as soon as a probability rounds to 0. Stay in log space: torch.log_softmax, not the log of a softmax.",
    )
    answer.equals(
        torch.tensor(1000.0), "A student that is sure of the wrong class, by a gap of 1000, should cost 1000."
    )
    student = (2 * torch.randn(4, 5)).requires_grad_()
    _needs_gradient(ask(student, 2 * torch.randn(4, 5)))


kl_divergence = Exercise(
    place=2,
    title="KL from logits",
    minutes=10,
    difficulty="medium",
    reference=_kl_divergence,
    questions=_ask_kl_divergence,
    hints=(
        "Divide both by T, then take logarithms of the softmax, but never the logarithm of a probability.",
        "`torch.log_softmax(logits / temperature, dim=-1)` twice: log q for the student, log p for the teacher.",
        "`(log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()`: sum over the classes, mean over everything else.",
    ),
    wrong={
        "other direction": (lambda s, t, *, temperature=1.0: _kl_divergence(t, s, temperature=temperature), "weights"),
        "minus": (lambda s, t, *, temperature=1.0: -_kl_divergence(s, t, temperature=temperature), "never negative"),
        "sum over the batch": (
            lambda s, t, *, temperature=1.0: len(s) * _kl_divergence(s, t, temperature=temperature),
            "summed over the batch",
        ),
        "reduction mean": (
            lambda s, t, *, temperature=1.0: F.kl_div(
                (s / temperature).log_softmax(-1), (t / temperature).softmax(-1), reduction="mean"
            ),
            "number of classes too",
        ),
        "batchmean on tokens": (
            lambda s, t, *, temperature=1.0: F.kl_div(
                (s / temperature).log_softmax(-1), (t / temperature).softmax(-1), reduction="batchmean"
            ),
            "grows with the number of tokens",
        ),
        "T squared": (
            lambda s, t, *, temperature=1.0: temperature**2 * _kl_divergence(s, t, temperature=temperature),
            "T²",
        ),
        "no temperature": (lambda s, t, *, temperature=1.0: _kl_divergence(s, t), "Is it used?"),
        "only the teacher is softened": (
            lambda s, t, *, temperature=1.0: _kl_divergence(s, t / temperature),
            "Soften the student",
        ),
        "only the student is softened": (
            lambda s, t, *, temperature=1.0: _kl_divergence(s / temperature, t),
            "Soften the teacher",
        ),
        "softmax twice": (
            lambda s, t, *, temperature=1.0: _kl_divergence(
                (s / temperature).softmax(-1), (t / temperature).softmax(-1)
            ),
            "softmax twice",
        ),
        "cross-entropy": (
            lambda s, t, *, temperature=1.0: F.cross_entropy(s / temperature, (t / temperature).softmax(-1)),
            "cross-entropy",
        ),
        "no mean": (
            lambda s, t, *, temperature=1.0: (
                (t / temperature).softmax(-1) * ((t / temperature).log_softmax(-1) - (s / temperature).log_softmax(-1))
            ).sum(-1),
            "take their mean",
        ),
        "log of a softmax": (
            lambda s, t, *, temperature=1.0: (
                (
                    (t / temperature).softmax(-1)
                    * ((t / temperature).softmax(-1).log() - (s / temperature).softmax(-1).log())
                )
                .sum(-1)
                .mean()
            ),
            "log space",
        ),
        "clamped": (
            lambda s, t, *, temperature=1.0: (
                (
                    (t / temperature).softmax(-1)
                    * (
                        (t / temperature).softmax(-1).clamp(min=1e-8).log()
                        - (s / temperature).softmax(-1).clamp(min=1e-8).log()
                    )
                )
                .sum(-1)
                .mean()
            ),
            "should cost 1000",
        ),
        "detached": (
            lambda s, t, *, temperature=1.0: _kl_divergence(s.detach(), t, temperature=temperature),
            "No gradient",
        ),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _jensen_shannon_divergence(student_logits, teacher_logits):
    """Jensen-Shannon divergence of the soft targets in nats: the mean over all distributions."""
    log_q = torch.log_softmax(student_logits, dim=-1)
    log_p = torch.log_softmax(teacher_logits, dim=-1)
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    p_to_m = (log_p.exp() * (log_p - log_m)).sum(dim=-1)
    q_to_m = (log_q.exp() * (log_q - log_m)).sum(dim=-1)
    return (p_to_m + q_to_m).mean() / 2


def _likely_jensen_shannon_divergence(student, teacher):
    q, p = _softened(student), _softened(teacher)
    m, middle = (p + q) / 2, _softened((student + teacher) / 2)
    right = (_kl(p, m) + _kl(q, m)) / 2
    return [
        (right.mean(), "right"),
        (2 * right.mean(), "Twice too large: JS is the *mean* of the two KLs to the middle."),
        (
            ((_kl(p, q) + _kl(q, p)) / 2).mean(),
            "That is the mean of KL in both directions, and it has no bound. Measure each against the middle m.",
        ),
        (
            ((_kl(m, p) + _kl(m, q)) / 2).mean(),
            "The wrong way round: JS is made of KL(p‖m) and KL(q‖m), m comes second.",
        ),
        (
            _kl(p, m).mean(),
            "That is only the teacher's half. Add KL(student‖m), and take the mean of the two.",
        ),
        (
            _kl(q, m).mean(),
            "That is only the student's half. Add KL(teacher‖m), and take the mean of the two.",
        ),
        (
            ((_kl(p, middle) + _kl(q, middle)) / 2).mean(),
            "Your middle is the softmax of the mean *logits*. Take the mean of the *probabilities*.",
        ),
        (right.mean().sqrt(), "That is the square root of it, the Jensen-Shannon *distance*."),
        (right.mean() / math.log(2), "That is JS in bits. Take the natural logarithm to get nats."),
        (right.sum(), "You summed over the batch. Take the mean over the rows."),
        (right.mean() / 5, "You divided by the number of classes too. Sum over them, then mean over the rows."),
    ]


def _ask_jensen_shannon_divergence(ask):
    student, teacher, mistakes = _draw(_likely_jensen_shannon_divergence)
    q, p = _softened(student), _softened(teacher)
    right = (_kl(p, (p + q) / 2) + _kl(q, (p + q) / 2)) / 2
    answer = ask(student, teacher)
    answer.is_not(right, "One number for each row: now take their mean.")
    answer.is_number()
    for value, message in mistakes:
        answer.is_not(value, message)
    value = float(answer.value)
    answer.holds(value <= math.log(2) + 1e-4, f"JS is never more than log 2 = 0.693; yours is {value:.3g}.")
    answer.equals(right.mean(), "The value is off. Work out m = (p + q)/2 and both KLs of one row by hand.")
    back = ask(teacher, student).is_number()
    back.equals(right.mean(), "JS should not change when student and teacher change places.")
    far = torch.tensor([[1000.0, 0.0, -1000.0]])
    answer = ask(far.flip(-1), far).is_number()
    answer.holds(
        not torch.as_tensor(answer.value).isnan(),
        "nan as soon as a probability rounds to 0. Stay in log space: log m = torch.logaddexp(log p, log q) − log 2.",
    )
    answer.equals(torch.tensor(math.log(2)), "Two answers with nothing in common should be log 2 apart.")
    student = (2 * torch.randn(4, 5)).requires_grad_()
    _needs_gradient(ask(student, 2 * torch.randn(4, 5)))


jensen_shannon_divergence = Exercise(
    place=3,
    title="Jensen-Shannon",
    minutes=10,
    difficulty="medium",
    reference=_jensen_shannon_divergence,
    questions=_ask_jensen_shannon_divergence,
    hints=(
        "First the middle: m is the mean of the two distributions. Then KL(p‖m) and KL(q‖m), and the mean of the two.",
        "In log space, log m = log(p + q) − log 2, and `torch.logaddexp(log_p, log_q)` is log(p + q).",
        "KL(p‖m) is `(log_p.exp() * (log_p - log_m)).sum(dim=-1)`. The same for q, then mean and half.",
    ),
    wrong={
        "no half": (lambda s, t: 2 * _jensen_shannon_divergence(s, t), "Twice too large"),
        "mean of both directions": (lambda s, t: (_kl_divergence(s, t) + _kl_divergence(t, s)) / 2, "no bound"),
        "m first": (
            lambda s, t: (
                (
                    _kl((s.softmax(-1) + t.softmax(-1)) / 2, s.softmax(-1))
                    + _kl((s.softmax(-1) + t.softmax(-1)) / 2, t.softmax(-1))
                ).mean()
                / 2
            ),
            "m comes second",
        ),
        "teacher's half": (
            lambda s, t: _kl(t.softmax(-1), (s.softmax(-1) + t.softmax(-1)) / 2).mean(),
            "teacher's half",
        ),
        "student's half": (
            lambda s, t: _kl(s.softmax(-1), (s.softmax(-1) + t.softmax(-1)) / 2).mean(),
            "student's half",
        ),
        "mean of the logits": (
            lambda s, t: (_kl_divergence((s + t) / 2, t) + _kl_divergence((s + t) / 2, s)) / 2,
            "mean *logits*",
        ),
        "square root": (lambda s, t: _jensen_shannon_divergence(s, t).sqrt(), "square root"),
        "bits": (lambda s, t: _jensen_shannon_divergence(s, t) / math.log(2), "bits"),
        "sum over the batch": (lambda s, t: len(s) * _jensen_shannon_divergence(s, t), "summed over the batch"),
        "plain logarithms": (
            lambda s, t: (
                (
                    (t.softmax(-1) * (t.softmax(-1) / ((s.softmax(-1) + t.softmax(-1)) / 2)).log()).sum(-1)
                    + (s.softmax(-1) * (s.softmax(-1) / ((s.softmax(-1) + t.softmax(-1)) / 2)).log()).sum(-1)
                ).mean()
                / 2
            ),
            "nan as soon as",
        ),
        "detached": (lambda s, t: _jensen_shannon_divergence(s.detach(), t), "No gradient"),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _kl_gradient(student_logits, teacher_logits):
    """Gradient of KL(teacher || student) by the student's logits, same shape; no autograd."""
    return torch.softmax(student_logits, dim=-1) - torch.softmax(teacher_logits, dim=-1)


def _ask_kl_gradient(ask):
    student, teacher = 2 * torch.randn(3, 5), 2 * torch.randn(3, 5)
    q, p = student.softmax(-1), teacher.softmax(-1)
    answer = ask(student, teacher).is_tensor((3, 5))
    answer.is_not(p - q, "The sign is turned: that is the step *down* the hill. The gradient points up, q − p.")
    answer.is_not(
        -p / q, "That is the derivative by q. Each logit moves all the q's: apply the chain rule through softmax."
    )
    answer.is_not(-p, "That is the first half: log q = z − log Σ exp z. Its second half depends on z too.")
    answer.is_not(q, "That comes from log Σ exp z. The term −p · z has a derivative as well.")
    answer.is_not((q - p) / 3, "You divided by the batch. Here each row's own gradient is asked for.")
    answer.is_not((q - p) / 15, "You divided by the number of entries. Here each row's own gradient is asked for.")
    answer.is_not(student - teacher, "That is the gradient of half the squared distance of the *logits*.")
    answer.is_not(2 * (q - p), "That is the gradient of a squared distance. KL's has no factor 2.")
    answer.is_not(
        student.log_softmax(-1) - teacher.log_softmax(-1),
        "Close: the difference of the probabilities, not of their logs.",
    )
    reverse = (student.log_softmax(-1) - teacher.log_softmax(-1)) - _kl(q, p).float()[:, None]
    answer.is_not(q * reverse, "That is the gradient of KL(student‖teacher), the other direction.")
    answer.is_not(q * (1 - q) * -(p / q), "Logit j moves every q, not only its own: sum over all of them.")
    sums = answer.value.sum(-1).abs().max()
    answer.holds(sums < 1e-4, "Adding a constant to all logits changes nothing, so each row of the gradient sums to 0.")
    logits = student.clone().requires_grad_()
    loss = (p * (teacher.log_softmax(-1) - logits.log_softmax(-1))).sum()
    (expected,) = torch.autograd.grad(loss, logits)
    answer.equals(expected, "The values are off. Compare with autograd on one row.")
    same = ask(teacher, teacher).is_tensor((3, 5))
    same.holds(same.value.abs().max() < 1e-5, "A student that agrees with its teacher should feel no pull.")
    large = torch.tensor([[1000.0, 0.0]])
    answer = ask(large, large.flip(-1)).is_tensor((1, 2))
    answer.equals(torch.tensor([[1.0, -1.0]]), "Correct, until a logit reaches a thousand: use torch.softmax.")


kl_gradient = Exercise(
    place=4,
    title="What pulls the student",
    minutes=10,
    difficulty="medium",
    reference=_kl_gradient,
    questions=_ask_kl_gradient,
    hints=(
        "Write out what depends on the student's logits: KL = const − Σ p log q, and log q = z − log Σ exp z.",
        "The p's sum to 1, so KL = const − Σ p z + log Σ exp z. Differentiate both parts by one logit.",
        "−Σ p z gives −p, and log Σ exp z gives softmax(z) = q. Together: q − p.",
    ),
    wrong={
        "downhill": (lambda s, t: t.softmax(-1) - s.softmax(-1), "sign is turned"),
        "derivative by q": (lambda s, t: -t.softmax(-1) / s.softmax(-1), "derivative by q"),
        "first half": (lambda s, t: -t.softmax(-1), "first half"),
        "second half": (lambda s, t: s.softmax(-1), "has a derivative as well"),
        "divided by the batch": (lambda s, t: (s.softmax(-1) - t.softmax(-1)) / len(s), "divided by the batch"),
        "logits": (lambda s, t: s - t, "*logits*"),
        "factor 2": (lambda s, t: 2 * (s.softmax(-1) - t.softmax(-1)), "no factor 2"),
        "log-probabilities": (lambda s, t: s.log_softmax(-1) - t.log_softmax(-1), "not of their logs"),
        "reverse": (
            lambda s, t: (
                s.softmax(-1)
                * (s.log_softmax(-1) - t.log_softmax(-1) - _kl(s.softmax(-1), t.softmax(-1)).float()[..., None])
            ),
            "the other direction",
        ),
        "diagonal only": (lambda s, t: -t.softmax(-1) * (1 - s.softmax(-1)), "not only its own"),
        "times q": (lambda s, t: s.softmax(-1) * (s.softmax(-1) - t.softmax(-1)), "sums to 0"),
        "overflows": (
            lambda s, t: s.exp() / s.exp().sum(-1, keepdim=True) - t.exp() / t.exp().sum(-1, keepdim=True),
            "until a logit reaches a thousand",
        ),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _repaired_loss(student_logits, teacher_logits):
    """KL(teacher || student) with F.kl_div: the mean over the rows of two (batch, classes) tensors."""
    log_q = F.log_softmax(student_logits, dim=-1)
    p = F.softmax(teacher_logits, dim=-1)
    return F.kl_div(log_q, p, reduction="batchmean")


def _likely_repaired_loss(student, teacher):
    q, p = student.softmax(-1), teacher.softmax(-1)
    right = _kl(p, q).mean()
    return [
        (right, "right"),
        (F.kl_div(q, p, reduction="batchmean"), "The first argument must be log-probabilities: log_softmax."),
        (
            F.kl_div(q, p, reduction="sum") / 30,
            "The first argument must be log-probabilities, and 'mean' divides by the classes.",
        ),
        (
            F.kl_div(p, q, reduction="batchmean"),
            "Student and teacher are swapped, and the first argument is not in log space.",
        ),
        (F.kl_div(p, q, reduction="sum") / 30, "Nothing is repaired yet: order, log space and reduction."),
        (
            _kl(q, p).mean(),
            "That is KL(student‖teacher). F.kl_div takes the student *first*: F.kl_div(log q, p).",
        ),
        (_kl(q, p).mean() / 5, "Still two faults: student and teacher are swapped, and 'mean' divides by classes."),
        (right / 5, "reduction='mean' divides by the number of classes too: use 'batchmean'."),
        (6 * right, "reduction='sum' grows with the batch: use 'batchmean'."),
        (
            F.kl_div(q.log(), p, reduction="batchmean", log_target=True),
            "log_target=True says that the target is a log-probability, and yours is a probability.",
        ),
        (
            F.kl_div(student.log_softmax(0), teacher.softmax(0), reduction="batchmean"),
            "Your columns sum to one. Each row is a distribution: dim=-1.",
        ),
        (
            F.kl_div(student, p, reduction="batchmean"),
            "The student's logits are not log-probabilities yet: log_softmax them.",
        ),
    ]


def _ask_repaired_loss(ask):
    student, teacher, mistakes = _draw(_likely_repaired_loss)
    log_q, p = student.log_softmax(-1), teacher.softmax(-1)
    right = _kl(p, log_q.exp()).mean()
    answer = ask(student, teacher)
    answer.is_not(
        p * (p.log() - log_q), "These are the terms: reduction='none'. 'batchmean' adds them up for each row."
    )
    answer.is_number()
    value = torch.as_tensor(answer.value)
    answer.holds(
        not value.isnan(), "nan: the target must be probabilities. A log-probability needs log_target=True beside it."
    )
    for wrong, message in mistakes:
        answer.is_not(wrong, message)
    answer.holds(value > -1e-6, "A negative KL: the first argument must be log-probabilities.")
    answer.equals(right, "Not KL(teacher‖student). Compare with your own kl_divergence from exercise 2.2.")
    sharp = torch.tensor([[200.0, 0.0], [0.0, 200.0]])
    answer = ask(sharp.flip(0), sharp).is_number()
    answer.equals(
        torch.tensor(200.0),
        "inf as soon as a probability rounds to 0: use log_softmax, not the logarithm of a softmax.",
    )
    student = (2 * torch.randn(6, 5)).requires_grad_()
    _needs_gradient(ask(student, teacher))


repaired_loss = Exercise(
    place=5,
    title="Repair it",
    minutes=10,
    difficulty="medium",
    reference=_repaired_loss,
    questions=_ask_repaired_loss,
    hints=(
        "There are three faults: the order of the arguments, the space of one of them, the reduction.",
        "`F.kl_div(input, target)` is KL(target‖exp(input)): log q of the student first, p of the teacher second.",
        '`F.kl_div(F.log_softmax(student_logits, dim=-1), F.softmax(teacher_logits, dim=-1), reduction="batchmean")`.',
    ),
    wrong={
        "as it was": (lambda s, t: F.kl_div(t.softmax(-1), s.softmax(-1), reduction="mean"), "Nothing is repaired"),
        "reduction only": (
            lambda s, t: F.kl_div(t.softmax(-1), s.softmax(-1), reduction="batchmean"),
            "swapped, and the first",
        ),
        "order only": (lambda s, t: F.kl_div(s.softmax(-1), t.softmax(-1), reduction="mean"), "and 'mean' divides"),
        "order and reduction": (
            lambda s, t: F.kl_div(s.softmax(-1), t.softmax(-1), reduction="batchmean"),
            "must be log-probabilities: log_softmax",
        ),
        "log space only": (
            lambda s, t: F.kl_div(t.log_softmax(-1), s.softmax(-1), reduction="mean"),
            "Still two faults",
        ),
        "log space and reduction": (
            lambda s, t: F.kl_div(t.log_softmax(-1), s.softmax(-1), reduction="batchmean"),
            "student *first*",
        ),
        "order and log space": (
            lambda s, t: F.kl_div(s.log_softmax(-1), t.softmax(-1), reduction="mean"),
            "use 'batchmean'",
        ),
        "sum": (lambda s, t: F.kl_div(s.log_softmax(-1), t.softmax(-1), reduction="sum"), "grows with the batch"),
        "none": (lambda s, t: F.kl_div(s.log_softmax(-1), t.softmax(-1), reduction="none"), "reduction='none'"),
        "both in log space": (
            lambda s, t: F.kl_div(s.log_softmax(-1), t.log_softmax(-1), reduction="batchmean"),
            "log_target=True beside it",
        ),
        "log_target with probabilities": (
            lambda s, t: F.kl_div(s.log_softmax(-1), t.softmax(-1), reduction="batchmean", log_target=True),
            "yours is a probability",
        ),
        "raw logits": (lambda s, t: F.kl_div(s, t.softmax(-1), reduction="batchmean"), "not log-probabilities yet"),
        "over the batch": (
            lambda s, t: F.kl_div(s.log_softmax(0), t.softmax(0), reduction="batchmean"),
            "columns sum to one",
        ),
        "log of a softmax": (
            lambda s, t: F.kl_div(s.softmax(-1).log(), t.softmax(-1), reduction="batchmean"),
            "inf as soon as",
        ),
        "detached": (lambda s, t: _repaired_loss(s.detach(), t), "No gradient"),
    },
)

quiz = Quiz(
    Question(
        "The teacher gives a class 10 %. The student gives it (almost) nothing. Which measure complains loudest?",
        (
            Option(
                "KL(teacher‖student)",
                "Right: its term is 0.1 · log(0.1/q), which grows without limit as q goes to 0.",
                True,
            ),
            Option(
                "KL(student‖teacher)", "Its weights are the student's probabilities: what it never says costs little."
            ),
            Option("Jensen-Shannon", "It sees the gap, but it is never more than log 2."),
        ),
    ),
    Question(
        "In F.kl_div(a, b), what must a and b be for the usual distillation loss?",
        (
            Option(
                "a: student probabilities, b: teacher probabilities",
                "Then the value is never positive: a lacks the log.",
            ),
            Option("a: student log-probabilities, b: teacher probabilities", "Right: KL(teacher‖student).", True),
            Option(
                "a: teacher log-probabilities, b: student probabilities",
                "That is KL(student‖teacher): the first argument is the student.",
            ),
            Option(
                "a: student log-probabilities, b: teacher log-probabilities",
                "Only together with log_target=True. Without it the value is nan.",
            ),
        ),
    ),
    Question(
        "You see KL = −0.9 in a training log. What is the likeliest reason?",
        (
            Option("The student is better than the teacher.", "KL measures difference, and is 0 at best."),
            Option("Rounding.", "Rounding gives −0.0000001, not −0.9."),
            Option("Probabilities were passed where log-probabilities belong.", "Right. Look for a missing log.", True),
        ),
    ),
    Question(
        "A student too small to copy its teacher is trained with KL(student‖teacher). What do you expect?",
        (
            Option(
                "It picks some of what the teacher does and leaves out the rest.",
                "Right: it pays only for what it says itself. That is mode seeking.",
                True,
            ),
            Option("It spreads over all that the teacher does.", "That is the forward direction, KL(teacher‖student)."),
            Option("The direction makes no difference.", "Only for a student that can copy its teacher exactly."),
        ),
    ),
    Question(
        "A loss uses reduction='batchmean' on (batch, tokens, vocabulary), and the texts become twice as long. Now?",
        (
            Option(
                "Nothing changes.", "'batchmean' divides by the first dimension only, and the tokens are the second."
            ),
            Option("The loss halves.", "It would, if it divided by tokens twice. It does not divide by them at all."),
            Option(
                "The loss doubles.", "Right: it is a sum over tokens. Flatten to (batch · tokens, vocabulary).", True
            ),
        ),
    ),
)
