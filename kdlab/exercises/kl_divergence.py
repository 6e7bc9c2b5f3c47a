"""Exercises of lesson 02, KL divergence."""

import math

import torch
from torch.nn import functional as F

from kdlab.exercises.core import Exercise, Option, Question, Quiz

# 1 --------------------------------------------------------------------------------------------------------------------


def _kl_from_probabilities(p, q):
    """KL(p || q) in nats, one number for each row of probabilities."""
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(dim=-1)


def _kl_of_terms(p, q):
    terms = p * torch.log(p / q)
    return torch.where(p > 0, terms, 0.0).sum(dim=-1)


kl_from_probabilities = Exercise(
    place=1,
    title="KL from probabilities",
    minutes=10,
    difficulty="easy",
    reference=_kl_from_probabilities,
    forms=(_kl_of_terms, lambda p, q: (p * (p.log() - q.log())).sum(-1)),
    hints=(
        "One term for each class: how often it happens, times how much more it costs.",
        "The term is `p * torch.log(p / q)`; the sum runs along the last axis. What is 0 · log 0 in floating point?",
        "`torch.xlogy(p, q)` is `p * torch.log(q)`, and 0 wherever p is 0. You need it twice.",
    ),
    cases={
        "Correct, until p has a zero: 0 · log 0 is nan in floating point, but such a class costs nothing, whatever q says.": (
            lambda draw: {
                "p": torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]),
                "q": torch.tensor([[0.25, 0.25, 0.5], [0.5, 0.3, 0.2]]),
            }
        ),
        "Where p is positive and q is 0, KL is infinite: the code for q has no word for something that happens. A clamp, a "
        "small number added to q, or leaving such classes out hides that.": (
            lambda draw: {"p": torch.tensor([[0.25, 0.25, 0.5]]), "q": torch.tensor([[0.5, 0.5, 0.0]])}
        ),
        "Where p and q are both 0, the term is 0: such a class costs nothing. Yours is not (0 / 0 is nan).": (
            lambda draw: {"p": torch.tensor([[0.5, 0.5, 0.0]]), "q": torch.tensor([[0.2, 0.8, 0.0]])}
        ),
    },
    mistakes={
        "The bracket closes too early: `torch.log(p) / q` is not the logarithm of p / q.": (
            lambda p, q: (p * torch.log(p) / q).sum(-1)
        ),
        "KL is never negative, and yours is: you have log(q/p) where log(p/q) belongs.": (
            lambda p, q: (p * torch.log(q / p)).sum(-1)
        ),
        "Two slips: the weights must be p, and the logarithm is of p/q.": lambda p, q: (q * torch.log(p / q)).sum(-1),
        "That is the cross-entropy. Subtract the entropy of p: log p belongs there too.": (
            lambda p, q: -(p * q.log()).sum(-1)
        ),
        "Every class counts alike in your sum. Weigh each logarithm with p.": lambda p, q: torch.log(p / q).sum(-1),
        "That is KL(p‖q) + KL(q‖p): weigh with p alone.": lambda p, q: ((p - q) * torch.log(p / q)).sum(-1),
        "You added up the absolute values of the terms. Some terms are negative, and they count as they are.": (
            lambda p, q: (p * torch.log(p / q)).abs().sum(-1)
        ),
        "These are the terms of the sum. Now add up each row: .sum(dim=-1).": lambda p, q: p * torch.log(p / q),
        "You added up all rows. Keep one number for each row: sum along dim=-1.": lambda p, q: (
            p * (p / q).log()
        ).sum(),
        "You averaged over the rows. Keep one number for each.": lambda p, q: (p * (p / q).log()).sum(-1).mean(),
    },
    wrong={
        "other direction": (lambda p, q: _kl_from_probabilities(q, p), "other direction"),
        "bits": (lambda p, q: _kl_from_probabilities(p, q) / math.log(2), "bits"),
        "0 log 0": (lambda p, q: (p * torch.log(p / q)).sum(-1), "0 · log 0"),
        "nan where both are 0": (lambda p, q: F.kl_div(q.log(), p, reduction="none").sum(-1), "both 0"),
        "nan_to_num": (lambda p, q: (p * torch.log(p / q)).nan_to_num(0.0, posinf=0.0).sum(-1), "KL is infinite"),
        "takes probabilities for logits": (
            lambda p, q: _kl_from_probabilities(p.softmax(-1), q.softmax(-1)),
            "softmax belongs to logits",
        ),
    },
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _kl_divergence(student_logits, teacher_logits, *, temperature=1.0):
    """KL(teacher || student) of the soft targets in nats: the mean over all distributions."""
    log_q = torch.log_softmax(student_logits / temperature, dim=-1)
    log_p = torch.log_softmax(teacher_logits / temperature, dim=-1)
    return (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()


def _kl_by_kl_div(student_logits, teacher_logits, *, temperature=1.0):
    log_q = F.log_softmax(student_logits / temperature, dim=-1)
    p = F.softmax(teacher_logits / temperature, dim=-1)
    return F.kl_div(log_q, p, reduction="none").sum(-1).mean()


def _pairs_of_logits(*shape):
    return lambda draw: {"student_logits": draw.logits(*shape), "teacher_logits": draw.logits(*shape)}


def _sharp(gap):
    """A student that is sure of the wrong class, by that gap."""
    logits = torch.tensor([[gap, 0.0, -gap], [0.0, gap, 0.0]])
    return lambda draw: {"student_logits": logits.flip(0), "teacher_logits": logits}


BATCHMEAN_ON_TOKENS = (
    "With (batch, tokens, classes) your loss grows with the number of tokens: you divide by the batch alone "
    "(`reduction='batchmean'` does that). Take the mean over all distributions."
)

kl_divergence = Exercise(
    place=2,
    title="KL from logits",
    minutes=10,
    difficulty="medium",
    reference=_kl_divergence,
    forms=(_kl_by_kl_div,),
    gradient=("student_logits",),
    hints=(
        "Divide both by T, then take logarithms of the softmax, but never the logarithm of a probability.",
        "`torch.log_softmax(logits / temperature, dim=-1)` twice: log q for the student, log p for the teacher.",
        "`(log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()`: sum over the classes, mean over everything else.",
    ),
    cases={
        "Right for a batch, wrong for (batch, tokens, classes): sum along the last axis only.": _pairs_of_logits(
            3, 4, 5
        ),
        "Right for a batch, wrong for a single row of logits: sum along dim=-1 only.": _pairs_of_logits(5),
        "Correct, until a probability rounds to 0: nan, inf or a value that a clamp cuts off. Stay in log space: "
        "torch.log_softmax, not the log of a softmax. A gap of 1000 should cost 1000.": _sharp(1000.0),
    },
    mistakes={
        BATCHMEAN_ON_TOKENS: lambda s, t, *, temperature=1.0: F.kl_div(
            (s / temperature).log_softmax(-1), (t / temperature).softmax(-1), reduction="batchmean"
        ),
        "There is a T² in your result. It belongs to the distillation loss (lesson 03).": (
            lambda s, t, *, temperature=1.0: temperature**2 * _kl_divergence(s, t, temperature=temperature)
        ),
        "That is the cross-entropy: subtract the teacher's entropy.": (
            lambda s, t, *, temperature=1.0: F.cross_entropy(s / temperature, (t / temperature).softmax(-1))
        ),
        "That is KL(student‖teacher), the other direction. The teacher's probabilities are the weights.": (
            lambda s, t, *, temperature=1.0: _kl_divergence(t, s, temperature=temperature)
        ),
        "F.kl_div wants logarithms of the student's probabilities as its first argument (log_softmax); you passed "
        "probabilities.": lambda s, t, *, temperature=1.0: F.kl_div(
            (s / temperature).softmax(-1), (t / temperature).softmax(-1), reduction="batchmean"
        ),
        "F.kl_div wants probabilities as its target, or log_target=True; you passed logarithms (hence the nan).": (
            lambda s, t, *, temperature=1.0: F.kl_div(
                (s / temperature).log_softmax(-1), (t / temperature).log_softmax(-1), reduction="batchmean"
            )
        ),
    },
    wrong={
        "minus": (lambda s, t, *, temperature=1.0: -_kl_divergence(s, t, temperature=temperature), "sign"),
        "sum over the batch": (
            lambda s, t, *, temperature=1.0: len(s) * _kl_divergence(s, t, temperature=temperature),
            "add up where a mean belongs",
        ),
        "reduction mean": (
            lambda s, t, *, temperature=1.0: F.kl_div(
                (s / temperature).log_softmax(-1), (t / temperature).softmax(-1), reduction="mean"
            ),
            "5 times too small",
        ),
        "no temperature": (lambda s, t, *, temperature=1.0: _kl_divergence(s, t), "used"),
        "only the teacher is softened": (
            lambda s, t, *, temperature=1.0: _kl_divergence(s, t / temperature),
            "Only `teacher_logits` is softened",
        ),
        "softmax twice": (
            lambda s, t, *, temperature=1.0: _kl_divergence(
                (s / temperature).softmax(-1), (t / temperature).softmax(-1)
            ),
            "Softmax twice",
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
        "detached": (
            lambda s, t, *, temperature=1.0: _kl_divergence(s.detach(), t, temperature=temperature),
            "o gradient ",
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


def _entropy_of(p):
    return -torch.xlogy(p, p).sum(-1)


def _jensen_shannon_by_entropies(student_logits, teacher_logits):
    q, p = student_logits.softmax(-1), teacher_logits.softmax(-1)
    return (_entropy_of((p + q) / 2) - (_entropy_of(p) + _entropy_of(q)) / 2).mean()


def _kl(p, q):
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1).mean()


def _to_the_middle(middle):
    """JS with another middle, a function of q and p."""

    def jensen_shannon_divergence(student_logits, teacher_logits):
        q, p = student_logits.softmax(-1), teacher_logits.softmax(-1)
        m = middle(q, p)
        return (_kl(p, m) + _kl(q, m)) / 2

    return jensen_shannon_divergence


def _of_probabilities(function):
    return lambda s, t: function(s.softmax(-1), t.softmax(-1))


jensen_shannon_divergence = Exercise(
    place=3,
    title="Jensen-Shannon",
    minutes=10,
    difficulty="medium",
    reference=_jensen_shannon_divergence,
    forms=(_jensen_shannon_by_entropies,),
    gradient=("student_logits",),
    hints=(
        "The middle is m = (p + q) / 2, a mean of probabilities, not of logits. You need its logarithm.",
        "log m = log(e^(log p) + e^(log q)) − log 2. `torch.logaddexp(log_p, log_q)` adds two exponentials safely.",
        "Then KL(p‖m) and KL(q‖m) as in exercise 2.2, and half of their sum.",
    ),
    cases={
        "Right for a batch, wrong for (batch, tokens, classes): sum along the last axis only.": _pairs_of_logits(
            3, 4, 5
        ),
        "Correct, until a probability rounds to 0: then 0 · log 0 is nan. Stay in log space; torch.logaddexp gives log m. Two "
        "that are sure of different classes are log 2 apart.": _sharp(1000.0),
    },
    mistakes={
        "That is the mean of KL in both directions, and it has no bound. Measure each against the middle m.": (
            _of_probabilities(lambda q, p: (_kl(p, q) + _kl(q, p)) / 2)
        ),
        "The wrong way round: JS is made of KL(p‖m) and KL(q‖m), m comes second.": (
            _of_probabilities(lambda q, p: (_kl((p + q) / 2, p) + _kl((p + q) / 2, q)) / 2)
        ),
        "That is the teacher's half only: KL(p‖m). Add the student's, and halve.": (
            _of_probabilities(lambda q, p: _kl(p, (p + q) / 2))
        ),
        "That is the student's half only: KL(q‖m). Add the teacher's, and halve.": (
            _of_probabilities(lambda q, p: _kl(q, (p + q) / 2))
        ),
        "Your middle is the softmax of the mean *logits*. It should be the mean of the *probabilities*.": (
            lambda s, t: (_kl_divergence((s + t) / 2, t) + _kl_divergence((s + t) / 2, s)) / 2
        ),
        "Your middle is the mean of the *logarithms*, a geometric mean. It should be the mean of the *probabilities*.": (
            _to_the_middle(lambda q, p: (p * q).sqrt())
        ),
        "Your middle sums to 2: it lacks the half, so it is not a distribution. m = (p + q) / 2.": (
            _to_the_middle(lambda q, p: p + q)
        ),
        "That is the square root, the Jensen-Shannon *distance*. Return the divergence itself.": (
            lambda s, t: _jensen_shannon_divergence(s, t).sqrt()
        ),
        "F.kl_div wants log m as its first argument: the logarithm of the middle, not the middle.": _of_probabilities(
            lambda q, p: sum(F.kl_div((p + q) / 2, x, reduction="batchmean") for x in (p, q)) / 2
        ),
        "The entropies are the wrong way round: that of the middle is the larger one, so yours is negative.": (
            lambda s, t: -_jensen_shannon_by_entropies(s, t)
        ),
    },
    wrong={
        "no half": (lambda s, t: 2 * _jensen_shannon_divergence(s, t), "2 times too large"),
        "bits": (lambda s, t: _jensen_shannon_divergence(s, t) / math.log(2), "bits"),
        "sum over the batch": (lambda s, t: len(s) * _jensen_shannon_divergence(s, t), "add up where a mean belongs"),
        "plain logarithms": (
            lambda s, t: sum(
                (x.softmax(-1) * (x.softmax(-1) / ((s.softmax(-1) + t.softmax(-1)) / 2)).log()).sum(-1).mean() / 2
                for x in (s, t)
            ),
            "0 · log 0",
        ),
        "detached": (lambda s, t: _jensen_shannon_divergence(s.detach(), t), "o gradient "),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _kl_gradient(student_logits, teacher_logits):
    """Gradient of KL(teacher || student) by the student's logits, same shape; no autograd."""
    return torch.softmax(student_logits, dim=-1) - torch.softmax(teacher_logits, dim=-1)


def _reverse_kl_gradient(student_logits, teacher_logits):
    gap = student_logits.log_softmax(-1) - teacher_logits.log_softmax(-1)
    q = student_logits.softmax(-1)
    return q * (gap - (q * gap).sum(-1, keepdim=True))


kl_gradient = Exercise(
    place=4,
    title="What pulls the student",
    minutes=10,
    difficulty="medium",
    reference=_kl_gradient,
    hints=(
        "Write out what depends on the student's logits: KL = const − Σ p log q, and log q = z − log Σ exp z.",
        "The p's sum to 1, so KL = const − Σ p z + log Σ exp z. Differentiate both parts by one logit.",
        "−Σ p z gives −p, and log Σ exp z gives softmax(z) = q. Together: q − p.",
    ),
    cases={
        "Correct, until a logit reaches a thousand: use torch.softmax.": (
            lambda draw: {
                "student_logits": torch.tensor([[1000.0, 0.0]]),
                "teacher_logits": torch.tensor([[0.0, 1000.0]]),
            }
        ),
        "Right for a matrix, wrong for a single row: softmax along dim=-1.": _pairs_of_logits(4),
    },
    mistakes={
        "The sign is turned: that is the step *down* the hill. The gradient points up, q − p.": (
            lambda s, t: t.softmax(-1) - s.softmax(-1)
        ),
        "That is the derivative by q. Each logit moves all the q's: apply the chain rule through softmax.": (
            lambda s, t: -t.softmax(-1) / s.softmax(-1)
        ),
        "That is the first half: log q = z − log Σ exp z. Its second half depends on z too.": lambda s, t: (
            -t.softmax(-1)
        ),
        "That comes from log Σ exp z. The term −p · z has a derivative as well.": lambda s, t: s.softmax(-1),
        "You divided by the batch. Here each row's own gradient is asked for.": (
            lambda s, t: _kl_gradient(s, t) / len(s)
        ),
        "You divided by the number of entries. Here each row's own gradient is asked for.": (
            lambda s, t: _kl_gradient(s, t) / s.numel()
        ),
        "That is the gradient of half the squared distance of the *logits*.": lambda s, t: s - t,
        "That is the gradient of a squared distance. KL's has no factor 2.": lambda s, t: 2 * _kl_gradient(s, t),
        "Close: the difference of the probabilities, not of their logs.": (
            lambda s, t: s.log_softmax(-1) - t.log_softmax(-1)
        ),
        "That is the gradient of KL(student‖teacher), the other direction.": _reverse_kl_gradient,
        "Logit j moves every q, not only its own: sum over all of them.": (
            lambda s, t: -t.softmax(-1) * (1 - s.softmax(-1))
        ),
        "You multiply the difference by q. q − p is the whole gradient: the softmax is differentiated already.": (
            lambda s, t: s.softmax(-1) * _kl_gradient(s, t)
        ),
        "Only the teacher's argmax counts in your result, as a label: use all of the teacher's probabilities.": (
            lambda s, t: s.softmax(-1) - F.one_hot(t.argmax(-1), t.shape[-1])
        ),
        "You take the absolute value of each difference. Its sign says which way to go.": (
            lambda s, t: _kl_gradient(s, t).abs()
        ),
    },
    wrong={
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


def _broken(first, second, reduction="batchmean", **options):
    """The loss with other arguments for F.kl_div: "s" or "t" for whose, "softmax", "log" or "raw" for which space."""
    spaces = {"softmax": lambda z: z.softmax(-1), "log": lambda z: z.log_softmax(-1), "raw": lambda z: z}

    def broken(student_logits, teacher_logits):
        logits = {"s": student_logits, "t": teacher_logits}
        one, two = (spaces[space](logits[whose]) for whose, space in (first, second))
        return F.kl_div(one, two, reduction=reduction, **options)

    return broken


P_FIRST, Q_FIRST, LOG_Q, LOG_P = ("t", "softmax"), ("s", "softmax"), ("s", "log"), ("t", "log")

repaired_loss = Exercise(
    place=5,
    title="Repair it",
    minutes=10,
    difficulty="medium",
    reference=_repaired_loss,
    forms=(lambda s, t: (t.softmax(-1) * (t.log_softmax(-1) - s.log_softmax(-1))).sum(-1).mean(),),
    gradient=("student_logits",),
    hints=(
        "There are three faults: the order of the arguments, the space of one of them, the reduction.",
        "`F.kl_div(input, target)` is KL(target‖exp(input)): log q of the student first, p of the teacher second.",
        '`F.kl_div(F.log_softmax(student_logits, dim=-1), F.softmax(teacher_logits, dim=-1), reduction="batchmean")`.',
    ),
    cases={
        "inf or nan as soon as a probability rounds to 0: use log_softmax, not the logarithm of a softmax.": _sharp(
            200.0
        ),
    },
    mistakes={
        "The first argument must be log-probabilities: log_softmax.": (
            _broken(Q_FIRST, P_FIRST),
            lambda s, t: _broken(Q_FIRST, P_FIRST)(s, t).abs(),
        ),
        "The first argument must be log-probabilities, and 'mean' divides by the classes.": _broken(
            Q_FIRST, P_FIRST, "mean"
        ),
        "Student and teacher are swapped, and the first argument is not in log space.": _broken(P_FIRST, Q_FIRST),
        "Nothing is repaired yet: order, log space and reduction.": _broken(P_FIRST, Q_FIRST, "mean"),
        "That is KL(student‖teacher). F.kl_div takes the student *first*: F.kl_div(log q, p).": _broken(LOG_P, Q_FIRST),
        "Still two faults: student and teacher are swapped, and 'mean' divides by classes.": _broken(
            LOG_P, Q_FIRST, "mean"
        ),
        "reduction='mean' divides by the number of classes too: use 'batchmean'.": _broken(LOG_Q, P_FIRST, "mean"),
        "reduction='sum' grows with the batch: use 'batchmean'.": _broken(LOG_Q, P_FIRST, "sum"),
        "These are the terms: reduction='none'. 'batchmean' adds them up for each row.": _broken(
            LOG_Q, P_FIRST, "none"
        ),
        "nan: the target must be probabilities. A log-probability needs log_target=True beside it.": _broken(
            LOG_Q, LOG_P
        ),
        "log_target=True says that the target is a log-probability, and yours is a probability.": _broken(
            LOG_Q, P_FIRST, log_target=True
        ),
        "The student's logits are not log-probabilities yet: log_softmax them.": _broken(("s", "raw"), P_FIRST),
        "You divide the sum by the number of classes. Divide by the number of rows, the batch.": (
            lambda s, t: _broken(LOG_Q, P_FIRST, "sum")(s, t) / s.shape[-1]
        ),
    },
    wrong={
        "over the batch": (
            lambda s, t: F.kl_div(s.log_softmax(0), t.softmax(0), reduction="batchmean"),
            "columns sum to one",
        ),
        "softmax twice": (
            lambda s, t: F.kl_div(s.softmax(-1).log_softmax(-1), t.softmax(-1), reduction="batchmean"),
            "Softmax twice",
        ),
        "log of a softmax": (
            lambda s, t: F.kl_div(s.softmax(-1).log(), t.softmax(-1), reduction="batchmean"),
            "inf or nan as soon as",
        ),
        "detached": (lambda s, t: _repaired_loss(s.detach(), t), "o gradient "),
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
