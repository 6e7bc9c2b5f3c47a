"""Exercises of lesson 03, the distillation loss."""

import math
from itertools import pairwise

import torch
import torch.nn as nn
import torch.nn.functional as F

from kdlab import losses
from kdlab.exercises.core import Exercise, Option, Question, Quiz


def _kl(log_p, log_q):
    """KL(p || q) of each row, from log-probabilities."""
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def _draw(draw):
    """What `draw()` returns (inputs, right, likely), drawn again until no two of its values look alike.

    `likely` holds (value, message) of the likely mistakes. By chance two of them can agree, or one with the right
    value: then a mistake would be told under a wrong name.
    """
    while True:
        inputs, right, likely = draw()
        values = sorted(float(value) for value in (right, *(value for value, _ in likely)))
        if all(b - a > 1e-3 * max(abs(a), abs(b)) for a, b in pairwise(values)):
            return inputs, right, likely


def _name_mistakes(answer, likely):
    """Name the likely mistake, if it is one, before properties are asked."""
    for value, message in likely:
        answer.is_not(value, message)
    answer.finish()


# 1 --------------------------------------------------------------------------------------------------------------------


def _distillation_loss(student_logits, teacher_logits, labels, *, temperature, alpha):
    """alpha · CE(labels, student) + (1 - alpha) · T² · KL(teacher_T || student_T), one number for the batch."""
    hard = F.cross_entropy(student_logits, labels)
    soft = F.kl_div(
        F.log_softmax(student_logits / temperature, dim=-1),
        F.softmax(teacher_logits.detach() / temperature, dim=-1),
        reduction="batchmean",
    )
    return alpha * hard + (1 - alpha) * temperature**2 * soft


def _draw_distillation_loss():
    student, teacher, labels = 2 * torch.randn(6, 5), 4 * torch.randn(6, 5), torch.randint(5, (6,))
    T, a = 3.0, 0.3
    log_q, log_p = (student / T).log_softmax(-1), (teacher / T).log_softmax(-1)
    one_q, one_p = student.log_softmax(-1), teacher.log_softmax(-1)
    hard, kl = F.cross_entropy(student, labels), _kl(log_p, log_q).mean()
    reverse = a * hard + (1 - a) * T**2 * _kl(log_q, log_p).mean()
    likely = [
        (a * hard + (1 - a) * kl, "The soft term is not multiplied by T²."),
        (
            a * hard + (1 - a) * T * kl,
            "You multiplied the soft term by T. Its gradient shrinks by 1 / T twice: multiply by T².",
        ),
        (T**2 * (a * hard + (1 - a) * kl), "You multiplied both terms by T². Only the soft one has shrunk."),
        (a * T**2 * hard + (1 - a) * kl, "T² belongs to the soft term; you gave it to the hard one."),
        ((1 - a) * hard + a * T**2 * kl, "alpha is swapped: here alpha weighs the label, 1 - alpha the teacher."),
        (hard + T**2 * kl, "alpha makes no difference to your loss. Is it used?"),
        (a * hard + T**2 * kl, "The soft term lacks its weight 1 - alpha."),
        (
            a * hard + (1 - a) * T**2 * kl / 5,
            "Your soft term is 5 times too small, and there are 5 classes: F.kl_div's default reduction divides by their "
            "number too. Use reduction='batchmean'.",
        ),
        (
            a * hard + (1 - a) * T**2 * kl * 6,
            "Your soft term is 6 times too large, and the batch has 6 rows: you summed over them. Take their mean.",
        ),
        (reverse, "That is KL(student || teacher). F.kl_div takes the student's logarithms first."),
        (
            a * F.cross_entropy(student / T, labels) + (1 - a) * T**2 * kl,
            "You softened the student in the hard term too. The label is met at T = 1, where the student will be used.",
        ),
        (
            a * hard + (1 - a) * T**2 * _kl(one_p, one_q).mean(),
            "Your soft term does not depend on T but through T². Divide both logits by T before the softmax.",
        ),
        (
            a * hard + (1 - a) * T**2 * _kl(log_p, one_q).mean(),
            "Only the teacher is softened. Compare like with like: divide the student's logits by T as well.",
        ),
        (
            a * hard + (1 - a) * T**2 * _kl(one_p, log_q).mean(),
            "Only the student is softened. Compare like with like: divide the teacher's logits by T as well.",
        ),
        (
            a * hard + (1 - a) * T**2 * F.kl_div(log_q.exp(), log_p.exp(), reduction="batchmean"),
            "F.kl_div wants logarithms of the student's probabilities as its first argument; you passed probabilities.",
        ),
        (
            a * hard - (1 - a) * T**2 * (log_p.exp() * log_q).sum(-1).mean(),
            "Your soft term is a cross-entropy. Its gradient is right, but it does not reach 0 when the student agrees: "
            "subtract the teacher's entropy, or use KL.",
        ),
    ]
    return (student, teacher, labels, T, a, hard, kl), a * hard + (1 - a) * T**2 * kl, likely


def _ask_distillation_loss(ask):
    (student, teacher, labels, T, a, hard, kl), right, likely = _draw(_draw_distillation_loss)
    answer = ask(student, teacher, labels, temperature=T, alpha=a).is_number()
    answer.holds(
        torch.as_tensor(answer.value).isfinite(),
        "Your loss is nan or infinite. F.kl_div wants log-probabilities first and probabilities second; if both are "
        "logarithms, say log_target=True.",
    )
    _name_mistakes(answer, likely)
    alone = ask(student, teacher, labels, temperature=T, alpha=1.0).is_number()
    alone.equals(hard, "With alpha = 1 only the label counts, and the loss is F.cross_entropy at T = 1. Yours is not.")
    same = ask(student, student, labels, temperature=T, alpha=a).is_number()
    same.equals(a * hard, "When student and teacher agree, the soft term should be 0. Yours is not.")
    soft = ask(student, teacher, labels, temperature=T, alpha=0.0).is_number()
    soft.equals(T**2 * kl, "With alpha = 0 the loss is T² · KL(teacher_T || student_T). Yours is not.")
    answer.equals(right, "Both terms are right alone, but not together: look at the weights.")

    answer = ask(student.clone().requires_grad_(), teacher, labels, temperature=T, alpha=a)
    gradient = answer.gradient(0)
    gradient.holds(gradient.value.abs().max() > 0, "The value is right, but the student gets no gradient from it.")
    answer = ask(student, teacher.clone().requires_grad_(), labels, temperature=T, alpha=a)
    answer.holds(
        not answer.value.requires_grad,
        "The value is right, but a gradient flows into the teacher, who would learn from the student. Use "
        "teacher_logits.detach().",
    )


def _known_wrong(hard=1.0, soft=lambda T: T**2, kl=None, swap=False, hard_at=lambda T: 1.0, detach=True):
    """A distillation loss with one thing changed."""

    def distillation_loss(student_logits, teacher_logits, labels, *, temperature, alpha):
        T = temperature
        a = 1 - alpha if swap else alpha
        teacher_logits = teacher_logits.detach() if detach else teacher_logits
        log_q, log_p = (student_logits / T).log_softmax(-1), (teacher_logits / T).log_softmax(-1)
        value = (kl or (lambda q, p: F.kl_div(q, p.exp(), reduction="batchmean")))(log_q, log_p)
        factor = hard(T) if callable(hard) else hard
        return a * factor * F.cross_entropy(student_logits / hard_at(T), labels) + (1 - a) * soft(T) * value

    return distillation_loss


def _no_weights(student_logits, teacher_logits, labels, *, temperature, alpha):
    return 2 * _distillation_loss(student_logits, teacher_logits, labels, temperature=temperature, alpha=0.5)


def _one_temperature(student_too):
    def distillation_loss(student_logits, teacher_logits, labels, *, temperature, alpha):
        log_q = (student_logits / (temperature if student_too else 1)).log_softmax(-1)
        p = (teacher_logits / (1 if student_too else temperature)).softmax(-1)
        soft = F.kl_div(log_q, p, reduction="batchmean")
        return alpha * F.cross_entropy(student_logits, labels) + (1 - alpha) * temperature**2 * soft

    return distillation_loss


def _as_a_number(student_logits, teacher_logits, labels, *, temperature, alpha):
    return _distillation_loss(student_logits, teacher_logits, labels, temperature=temperature, alpha=alpha).item()


distillation_loss = Exercise(
    place=1,
    title="The distillation loss",
    minutes=10,
    difficulty="medium",
    reference=_distillation_loss,
    questions=_ask_distillation_loss,
    hints=(
        "Two lines make the two terms, a third mixes them. Which of them sees the temperature?",
        "Hard: `F.cross_entropy(student_logits, labels)`, at T = 1. Soft: `F.kl_div(log q, p, reduction='batchmean')` "
        "with both logits divided by T, and the teacher's detached.",
        "Return `alpha * hard + (1 - alpha) * temperature**2 * soft`.",
    ),
    wrong={
        "no T²": (_known_wrong(soft=lambda T: 1), "not multiplied by T²"),
        "T, not T²": (_known_wrong(soft=lambda T: T), "by T. Its gradient"),
        "T² on both": (_known_wrong(hard=lambda T: T**2), "both terms by T²"),
        "T² on the hard term": (_known_wrong(hard=lambda T: T**2, soft=lambda T: 1), "gave it to the hard one"),
        "alpha swapped": (_known_wrong(swap=True), "alpha is swapped"),
        "alpha unused": (_no_weights, "alpha makes no difference"),
        "mean reduction": (_known_wrong(kl=lambda q, p: (p.exp() * (p - q)).mean()), "5 times too small"),
        "sum reduction": (_known_wrong(kl=lambda q, p: _kl(p, q).sum()), "6 times too large"),
        "arguments reversed": (_known_wrong(kl=lambda q, p: _kl(q, p).mean()), "KL(student || teacher)"),
        "hard term softened": (_known_wrong(hard_at=lambda T: T), "softened the student in the hard term"),
        "no temperature": (
            lambda z, v, y, *, temperature, alpha: (
                alpha * F.cross_entropy(z, y)
                + (1 - alpha) * temperature**2 * _kl(v.log_softmax(-1), z.log_softmax(-1)).mean()
            ),
            "does not depend on T",
        ),
        "teacher alone softened": (_one_temperature(student_too=False), "Only the teacher is softened"),
        "student alone softened": (_one_temperature(student_too=True), "Only the student is softened"),
        "probabilities first": (
            _known_wrong(kl=lambda q, p: F.kl_div(q.exp(), p.exp(), reduction="batchmean")),
            "you passed probabilities",
        ),
        "logarithms as target": (
            _known_wrong(kl=lambda q, p: F.kl_div(q, p, reduction="batchmean")),
            "log_target=True",
        ),
        "cross-entropy": (_known_wrong(kl=lambda q, p: -(p.exp() * q).sum(-1).mean()), "is a cross-entropy"),
        "teacher learns": (_known_wrong(detach=False), "flows into the teacher"),
        "a plain number": (_as_a_number, "No gradient flows"),
        "soft term squared": (_known_wrong(kl=lambda q, p: (p.exp() - q.exp()).square().sum(-1).mean()), "alpha = 0"),
    },
    praise="Well done. That is the loss of Hinton, Vinyals and Dean, and lesson 04 trains with it.",
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _soft_term_gradient(student_logits, teacher_logits, temperature):
    """Gradient of KL(teacher_T || student_T) on the logits of each row, without T²; same shape as the logits."""
    student = torch.softmax(student_logits / temperature, dim=-1)
    teacher = torch.softmax(teacher_logits / temperature, dim=-1)
    return (student - teacher) / temperature


def _ask_soft_term_gradient(ask):
    student, teacher, T = 2 * torch.randn(4, 5), 4 * torch.randn(4, 5), 3.0
    q, p = (student / T).softmax(-1), (teacher / T).softmax(-1)
    answer = ask(student, teacher, T).is_tensor(student.shape)
    answer.is_not(q - p, "The factor 1 / T is missing: the logits enter the softmax divided by T (the chain rule).")
    answer.is_not((p - q) / T, "The sign is reversed. Where the student is too high, the gradient is positive.")
    answer.is_not((q - p) * T, "That is the gradient times T², as it stands in the full loss. Here T² is left out.")
    answer.is_not((q - p) / T**2, "One 1 / T too many: q and p hide the second one, it is not written out.")
    one = student.softmax(-1) - teacher.softmax(-1)
    answer.is_not(one / T, "Your probabilities are those at T = 1. Divide the logits by T before the softmax.")
    answer.is_not(one, "The temperature makes no difference to your result. Is it used?")
    answer.is_not((student - teacher) / T, "You subtracted the logits. Subtract the probabilities at temperature T.")
    answer.is_not((q - p) / T / 4, "You divided by the number of rows. Here each row stands alone.")
    answer.is_not(((student / T).log_softmax(-1) - (teacher / T).log_softmax(-1)) / T,
                  "You subtracted log-probabilities. Subtract the probabilities.")  # fmt: skip
    rows = answer.value.sum(-1)
    answer.holds(
        rows.abs().max() < 1e-4 * answer.value.abs().max() + 1e-5,
        "Each row of a gradient on logits sums to 0 (softmax ignores a shift); yours does not.",
    )
    answer.equals((q - p) / T, "Rows sum to 0, but the values are off. Compare with autograd on a single row.")
    ask(student, student + 3, T).is_tensor(student.shape).holds(
        ask(student, student + 3, T).value.abs().max() < 1e-4,
        "A teacher that differs by a shift alone has the same probabilities, so the gradient should be 0.",
    )


soft_term_gradient = Exercise(
    place=2,
    title="What the teacher asks of each logit",
    minutes=10,
    difficulty="medium",
    reference=_soft_term_gradient,
    questions=_ask_soft_term_gradient,
    hints=(
        "For the label the gradient was q - y: what the student says, minus what it should say. What should it say now?",
        "Both distributions are taken at temperature T. And z enters as z / T: the chain rule adds a factor.",
        "`(softmax(student_logits / T) - softmax(teacher_logits / T)) / T`, along the last axis.",
    ),
    wrong={
        "no 1 / T": (lambda z, v, T: (z / T).softmax(-1) - (v / T).softmax(-1), "1 / T is missing"),
        "sign": (lambda z, v, T: ((v / T).softmax(-1) - (z / T).softmax(-1)) / T, "sign is reversed"),
        "times T²": (lambda z, v, T: ((z / T).softmax(-1) - (v / T).softmax(-1)) * T, "times T²"),
        "1 / T²": (lambda z, v, T: ((z / T).softmax(-1) - (v / T).softmax(-1)) / T**2, "One 1 / T too many"),
        "T = 1 inside": (lambda z, v, T: (z.softmax(-1) - v.softmax(-1)) / T, "those at T = 1"),
        "no temperature": (lambda z, v, T: z.softmax(-1) - v.softmax(-1), "Is it used?"),
        "logits": (lambda z, v, T: (z - v) / T, "subtracted the logits"),
        "mean over rows": (
            lambda z, v, T: ((z / T).softmax(-1) - (v / T).softmax(-1)) / T / len(z),
            "number of rows",
        ),
        "log-probabilities": (
            lambda z, v, T: ((z / T).log_softmax(-1) - (v / T).log_softmax(-1)) / T,
            "log-probabilities",
        ),
        "absolute": (lambda z, v, T: ((z / T).softmax(-1) - (v / T).softmax(-1)).abs() / T, "sums to 0"),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _hidden_alpha(alpha, temperature):
    """The alpha of the full loss whose two terms stand in the ratio of a loss with this alpha that lacks T²."""
    return alpha * temperature**2 / (alpha * temperature**2 + 1 - alpha)


def _draw_hidden_alpha():
    alpha, T = 0.1 + 0.3 * torch.rand(()).item(), 3 + 5 * torch.rand(()).item()
    right = alpha * T**2 / (alpha * T**2 + 1 - alpha)
    likely = [
        (
            alpha / (alpha + (1 - alpha) * T**2),
            "The other way round: without T² the soft term is too weak, so the label weighs more than alpha says.",
        ),
        (
            alpha * T**2,
            "That can exceed 1. Multiply alpha by T², then divide by the sum of both weights: they share 1.",
        ),
        (alpha * T**2 / (1 - alpha), "That is the ratio of the two weights. Turn a ratio r into a share: r / (1 + r)."),
        (1 - right, "That is the teacher's weight. alpha is the label's."),
        (alpha * T / (alpha * T + 1 - alpha), "The missing factor is T², not T."),
        (alpha / T**2, "Without T² the soft term is too weak, so the label weighs more than alpha says."),
        (alpha, "Your result does not depend on the temperature, but what is missing is T²."),
    ]
    return (alpha, T), right, likely


def _ask_hidden_alpha(ask):
    (alpha, T), right, likely = _draw(_draw_hidden_alpha)
    answer = ask(alpha, T).is_number()
    _name_mistakes(answer, likely)
    ask(alpha, 1.0).is_number().equals(alpha, "At T = 1 there is nothing to forget: the answer is alpha itself.")
    for end, words in ((0.001, "With next to no hard term"), (0.999, "With next to no soft term")):
        ask(end, T).is_number().equals(_hidden_alpha(end, T), f"{words} (alpha = {end}) the value is off.")
    answer.equals(right, "The ends are right, but not the middle: a / (1 - a) must equal alpha / (1 - alpha) times T².")


hidden_alpha = Exercise(
    place=3,
    title="The alpha they really used",
    minutes=5,
    difficulty="medium",
    reference=_hidden_alpha,
    questions=_ask_hidden_alpha,
    hints=(
        "Only the ratio of the two weights decides the direction. Write it down for both losses.",
        "Theirs: alpha to (1 - alpha). The full loss: a to (1 - a) T². Make the two ratios equal.",
        "a / (1 - a) = alpha T² / (1 - alpha), so a = alpha T² / (alpha T² + 1 - alpha).",
    ),
    wrong={
        "other way round": (lambda a, T: a / (a + (1 - a) * T**2), "other way round"),
        "not a share": (lambda a, T: a * T**2, "can exceed 1"),
        "the ratio": (lambda a, T: a * T**2 / (1 - a) if a < 1 else float("inf"), "r / (1 + r)"),
        "the teacher's weight": (lambda a, T: (1 - a) / (a * T**2 + 1 - a), "teacher's weight"),
        "T": (lambda a, T: a * T / (a * T + 1 - a), "T², not T"),
        "divided": (lambda a, T: a / T**2, "label weighs more"),
        "unchanged": (lambda a, T: a, "does not depend on the temperature"),
        "clipped": (lambda a, T: min(1.0, a * T), "With next to no hard term"),
    },
    praise="Well done. Now put in alpha = 0.1 and T = 20.",
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _logit_matching_loss(student_logits, teacher_logits):
    """Mean over the rows of ||z - v||² / (2 · classes), with the logits of each row centred first."""
    z = student_logits - student_logits.mean(dim=-1, keepdim=True)
    v = teacher_logits - teacher_logits.mean(dim=-1, keepdim=True)
    return ((z - v) ** 2).mean() / 2


def _draw_logit_matching_loss():
    student, teacher = 2 * torch.randn(6, 5) + 1, 4 * torch.randn(6, 5) - 2
    d = student - teacher
    centred = d - d.mean(-1, keepdim=True)
    right = centred.square().mean() / 2
    q, p = student.softmax(-1), teacher.softmax(-1)
    likely = [
        (d.square().mean() / 2, "Centre each row of logits first: softmax cannot see a constant, nor may you."),
        (2 * right, "The factor 1/2 is missing."),
        (5 * right, "You summed over the classes. The limit has 1 / (2 · classes), so divide by their number."),
        (10 * right, "Divide by 2 and by the number of classes: ||z - v||² / (2 · classes)."),
        (6 * right, "You summed over the rows. Take their mean."),
        (30 * right, "You summed over rows and classes. Divide by the rows and by the classes."),
        ((d - d.mean()).square().mean() / 2, "You subtracted one mean for the whole batch. Centre each row."),
        ((d - d.mean(0)).square().mean() / 2, "You centred the columns. Centre each row: dim=-1."),
        (centred.abs().mean() / 2, "Square the differences; you took their absolute value."),
        ((q - p).square().mean() / 2, "You compared probabilities. Compare the logits."),
    ]
    return (student, teacher), right, likely


def _ask_logit_matching_loss(ask):
    (student, teacher), right, likely = _draw(_draw_logit_matching_loss)
    answer = ask(student, teacher).is_number()
    _name_mistakes(answer, likely)
    shifted = ask(student + 7 * torch.arange(6.0)[:, None], teacher).is_number()
    shifted.equals(answer.value, "A constant added to one row of logits changes your loss. Centre each row first.")
    answer.equals(right, "A shift changes nothing, but the value is off: ||z - v||² / (2 · classes), mean over rows.")
    z, v = student.double(), teacher.double()
    hot = 1e6 * _kl((v / 1000).log_softmax(-1), (z / 1000).log_softmax(-1)).mean()
    answer.equals(hot, "At T = 1000, T² · KL should be close to your value.", tolerance=0.05)


logit_matching_loss = Exercise(
    place=4,
    title="Matching logits",
    minutes=10,
    difficulty="easy",
    reference=_logit_matching_loss,
    questions=_ask_logit_matching_loss,
    hints=(
        "Three steps: centre each row, subtract, square. Then average.",
        "`logits - logits.mean(dim=-1, keepdim=True)` centres each row. A mean over all entries divides by the rows and "
        "by the classes at once.",
        "With centred z and v, return `((z - v) ** 2).mean() / 2`.",
    ),
    wrong={
        "not centred": (lambda z, v: ((z - v) ** 2).mean() / 2, "Centre each row"),
        "no half": (lambda z, v: 2 * _logit_matching_loss(z, v), "1/2 is missing"),
        "sum over classes": (lambda z, v: z.shape[-1] * _logit_matching_loss(z, v), "summed over the classes"),
        "neither": (lambda z, v: 2 * z.shape[-1] * _logit_matching_loss(z, v), "Divide by 2 and by the number"),
        "sum over rows": (lambda z, v: len(z) * _logit_matching_loss(z, v), "summed over the rows"),
        "one mean for all": (lambda z, v: ((z - v) - (z - v).mean()).square().mean() / 2, "whole batch"),
        "columns": (lambda z, v: ((z - v) - (z - v).mean(0)).square().mean() / 2, "centred the columns"),
        "absolute": (
            lambda z, v: ((z - z.mean(-1, keepdim=True)) - (v - v.mean(-1, keepdim=True))).abs().mean() / 2,
            "absolute value",
        ),
        "probabilities": (lambda z, v: (z.softmax(-1) - v.softmax(-1)).square().mean() / 2, "compared probabilities"),
        "standardised": (
            lambda z, v: (
                (
                    (z - z.mean(-1, keepdim=True)) / z.std(-1, keepdim=True)
                    - (v - v.mean(-1, keepdim=True)) / v.std(-1, keepdim=True)
                )
                .square()
                .mean()
                / 2
            ),
            "A shift changes nothing",
        ),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _label_smoothing_loss(student_logits, labels, *, smoothing=0.1):
    """(1 - smoothing) · CE(labels, student) + smoothing · CE(uniform, student), mean over the batch."""
    log_q = torch.log_softmax(student_logits, dim=-1)
    to_label = -log_q.gather(-1, labels.unsqueeze(-1)).mean()
    to_uniform = -log_q.mean()
    return (1 - smoothing) * to_label + smoothing * to_uniform


def _draw_label_smoothing_loss():
    logits, labels, s, C = 2 * torch.randn(6, 5), torch.randint(5, (6,)), 0.3, 5
    log_q = logits.log_softmax(-1)
    hard, uniform = F.cross_entropy(logits, labels), -log_q.mean()
    others = (C * uniform - hard) / (C - 1)
    kl = (1 - s) * hard + s * (uniform - math.log(C))
    likely = [
        (hard, "Smoothing makes no difference to your loss. Is it used?"),
        (s * hard + (1 - s) * uniform, "The weights are swapped: the label keeps 1 - smoothing."),
        (
            (1 - s) * hard + s * C * uniform,
            "You summed over the classes in the uniform term. A uniform teacher gives each class 1 / classes.",
        ),
        (hard + s * uniform, "The label's term lacks its weight 1 - smoothing."),
        (
            (1 - s) * hard + s * others,
            "You shared the smoothing among the *wrong* classes. A uniform teacher gives the label's class its part too.",
        ),
        (kl, "You used KL to the uniform teacher: right gradient, but cross-entropy is larger by log(classes)."),
        (
            -((1 - s) * log_q.exp().gather(-1, labels[:, None]).mean() + s / C),
            "You used probabilities where logarithms belong.",
        ),
        (6 * ((1 - s) * hard + s * uniform), "You summed over the rows. Take their mean."),
    ]
    return (logits, labels, s, hard, uniform), (1 - s) * hard + s * uniform, likely


def _ask_label_smoothing_loss(ask):
    (logits, labels, s, hard, uniform), right, likely = _draw(_draw_label_smoothing_loss)
    answer = ask(logits, labels, smoothing=s).is_number()
    _name_mistakes(answer, likely)
    plain = ask(logits, labels, smoothing=0.0).is_number()
    plain.equals(hard, "Without smoothing the loss is F.cross_entropy. Yours is not.")
    full = ask(logits, labels, smoothing=1.0).is_number()
    full.equals(uniform, "With smoothing = 1 only the uniform teacher counts: minus the mean of all log q.")
    answer.equals(right, "Both ends are right, but not the mixture.")
    ask(logits, labels).is_number().equals(
        F.cross_entropy(logits, labels, label_smoothing=0.1), "Without smoothing= the value should be that of 0.1."
    )


label_smoothing_loss = Exercise(
    place=5,
    title="A teacher who knows nothing",
    minutes=5,
    difficulty="easy",
    reference=_label_smoothing_loss,
    questions=_ask_label_smoothing_loss,
    hints=(
        "Both terms are cross-entropies with the same student. Only the targets differ.",
        "The cross-entropy to the uniform distribution is minus the mean of log q over the classes.",
        "`(1 - smoothing) * F.cross_entropy(student_logits, labels) + smoothing * -torch.log_softmax(student_logits, "
        "dim=-1).mean()`.",
    ),
    wrong={
        "unused": (lambda z, y, *, smoothing=0.1: F.cross_entropy(z, y), "Is it used?"),
        "swapped": (lambda z, y, *, smoothing=0.1: _label_smoothing_loss(z, y, smoothing=1 - smoothing), "swapped"),
        "sum over classes": (
            lambda z, y, *, smoothing=0.1: (
                (1 - smoothing) * F.cross_entropy(z, y) - smoothing * z.log_softmax(-1).sum(-1).mean()
            ),
            "1 / classes",
        ),
        "no 1 - smoothing": (
            lambda z, y, *, smoothing=0.1: F.cross_entropy(z, y) - smoothing * z.log_softmax(-1).mean(),
            "lacks its weight",
        ),
        "wrong classes only": (
            lambda z, y, *, smoothing=0.1: F.cross_entropy(
                z,
                (F.one_hot(y, z.shape[-1]) * (1 - smoothing * z.shape[-1] / (z.shape[-1] - 1)))
                + smoothing / (z.shape[-1] - 1),
            ),
            "the *wrong* classes",
        ),
        "KL": (
            lambda z, y, *, smoothing=0.1: (
                (1 - smoothing) * F.cross_entropy(z, y) + smoothing * losses.kl_divergence(z, torch.zeros_like(z))
            ),
            "larger by log(classes)",
        ),
        "sum over rows": (
            lambda z, y, *, smoothing=0.1: F.cross_entropy(z, y, label_smoothing=smoothing, reduction="sum"),
            "summed over the rows",
        ),
        "probabilities": (
            lambda z, y, *, smoothing=0.1: (
                -(1 - smoothing) * z.softmax(-1).gather(-1, y[:, None]).mean() - smoothing * z.softmax(-1).mean()
            ),
            "probabilities where logarithms",
        ),
        "another default": (
            lambda z, y, *, smoothing=0.2: F.cross_entropy(z, y, label_smoothing=smoothing),
            "that of 0.1",
        ),
    },
)

# 6 --------------------------------------------------------------------------------------------------------------------


def _repaired_article_loss(student, teacher, images, labels, alpha=0.5, temperature=2.0):
    """The distillation loss of one batch, from the two models themselves; only the student gets a gradient."""
    teacher.eval()
    with torch.no_grad():
        teacher_logits = teacher(images)
    student_logits = student(images)
    hard = F.cross_entropy(student_logits, labels)
    soft = F.kl_div(
        F.log_softmax(student_logits / temperature, dim=-1),
        F.softmax(teacher_logits / temperature, dim=-1),
        reduction="batchmean",
    )
    return alpha * hard + (1 - alpha) * temperature**2 * soft


def _draw_repaired_article_loss():
    student, teacher = nn.Linear(6, 5), nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 5))
    with torch.no_grad():
        teacher[3].weight.mul_(4)
    images, labels, a, T = torch.randn(8, 6), torch.randint(5, (8,)), 0.3, 3.0
    z, v = student(images).detach(), teacher.eval()(images).detach()
    hard, kl = losses.cross_entropy(z, labels), losses.kl_divergence(z, v, temperature=T)
    reverse = losses.reverse_kl_divergence(z, v, temperature=T)
    likely = [
        (
            a * hard + (1 - a) * T**2 * kl / 5,
            "Your soft term is 5 times too small, and there are 5 classes: use reduction='batchmean'.",
        ),
        (
            a * hard + (1 - a) * T**2 * kl * 8,
            "Your soft term is 8 times too large, and the batch has 8 rows: take the mean over them.",
        ),
        (a * hard + (1 - a) * kl, "The soft term is not multiplied by T². (The article has that right.)"),
        ((1 - a) * hard + a * T**2 * kl, "alpha is swapped: it weighs the label."),
        (
            a * hard + (1 - a) * T**2 * reverse,
            "That is KL(student || teacher). F.kl_div takes the student's logarithms first.",
        ),
    ]
    return (student, teacher, images, labels, a, T), a * hard + (1 - a) * T**2 * kl, likely


def _ask_repaired_article_loss(ask):
    (student, teacher, images, labels, a, T), right, likely = _draw(_draw_repaired_article_loss)
    defaults = losses.distillation_loss(
        student(images).detach(), teacher(images).detach(), labels, temperature=2.0, alpha=0.5
    )

    def answer_in_train_mode():
        student.train()
        teacher.train()
        return ask(student, teacher, images, labels, alpha=a, temperature=T).is_number()

    first, second = answer_in_train_mode(), answer_in_train_mode()
    first.holds(
        torch.equal(torch.as_tensor(first.value), torch.as_tensor(second.value)),
        "Two calls with the same batch give two values: the teacher's dropout is on. Put the teacher in eval mode.",
    )
    first.holds(student.training, "You put the student in eval mode. It is the one that trains.")
    _name_mistakes(first, likely)
    first.equals(right, "The value is not that of the distillation loss. Compare with kdlab.losses.distillation_loss.")
    first.holds(
        getattr(first.value, "requires_grad", False),
        "The value is right, but the student gets no gradient: only the teacher's forward pass stands in no_grad.",
    )
    first.value.backward()
    first.holds(
        student.weight.grad is not None and student.weight.grad.abs().max() > 0,
        "The value is right, but no gradient reaches the student's weights.",
    )
    first.holds(
        all(weight.grad is None for weight in teacher.parameters()),
        "The value is right, but a gradient flows into the teacher's weights: eval() does not stop that. Call the "
        "teacher inside torch.no_grad().",
    )
    ask(student, teacher, images, labels).is_number().equals(
        defaults, "Without alpha= and temperature= the values should be 0.5 and 2."
    )


def _broken_loss(evaluate=True, stop=True, reduction="batchmean", both=False, times_square=True, no_student=False):
    """A repaired loss with one thing left broken."""

    def repaired_article_loss(student, teacher, images, labels, alpha=0.5, temperature=2.0):
        if evaluate:
            teacher.eval()
        if both:
            student.eval()
        teacher_logits = teacher(images).detach() if stop else teacher(images)
        student_logits = student(images).detach() if no_student else student(images)
        log_q = F.log_softmax(student_logits / temperature, dim=-1)
        pointwise = F.kl_div(log_q, F.softmax(teacher_logits / temperature, dim=-1), reduction="none")
        soft = {"batchmean": pointwise.sum(-1).mean(), "mean": pointwise.mean(), "sum": pointwise.sum()}[reduction]
        factor = temperature**2 if times_square else 1
        return alpha * F.cross_entropy(student_logits, labels) + (1 - alpha) * factor * soft

    return repaired_article_loss


repaired_article_loss = Exercise(
    place=6,
    title="Repair a published loss",
    minutes=10,
    difficulty="medium",
    reference=_repaired_article_loss,
    questions=_ask_repaired_article_loss,
    hints=(
        "Go through the list: dropout, the teacher's gradient, the reduction. The rest may stay.",
        "`teacher.eval()` first; then `with torch.no_grad(): teacher_logits = teacher(images)`. The student is called "
        "outside of it.",
        "In `F.kl_div` say `reduction='batchmean'`; T² and alpha stay as they were.",
    ),
    wrong={
        "dropout on": (_broken_loss(evaluate=False), "dropout is on"),
        "student in eval mode": (_broken_loss(both=True), "student in eval mode"),
        "mean reduction": (_broken_loss(reduction="mean"), "5 times too small"),
        "sum reduction": (_broken_loss(reduction="sum"), "8 times too large"),
        "no T²": (_broken_loss(times_square=False), "not multiplied by T²"),
        "teacher learns": (_broken_loss(stop=False), "into the teacher's weights"),
        "student does not learn": (_broken_loss(no_student=True), "the student gets no gradient"),
        "alpha swapped": (
            lambda s, t, x, y, alpha=0.5, temperature=2.0: _repaired_article_loss(s, t, x, y, 1 - alpha, temperature),
            "alpha is swapped",
        ),
        "models swapped": (
            lambda s, t, x, y, alpha=0.5, temperature=2.0: _repaired_article_loss(t, s, x, y, alpha, temperature),
            "dropout is on",
        ),
        "other defaults": (
            lambda s, t, x, y, alpha=0.1, temperature=4.0: _repaired_article_loss(s, t, x, y, alpha, temperature),
            "0.5 and 2",
        ),
    },
    praise="Well done. Lesson 17 repairs a dozen more.",
)

quiz = Quiz(
    Question(
        "The label says 3; the teacher gives the 5 a share of 15 % at T = 4, the student gives it 10 %. Which way does "
        "the soft term push the student's logit of the 5?",
        (
            Option(
                "Down: the label says that it is not a 5.",
                "That is the hard term's voice. The soft term asks (p - q) / T.",
            ),
            Option("Up: the student gives it less than the teacher.", "Right: p - q is positive there.", True),
            Option("It does not move: the 5 is not the label.", "The soft term pushes every class, that is its point."),
        ),
    ),
    Question(
        "You double T in a loss without T², and keep alpha. What happens, at high temperatures?",
        (
            Option(
                "The soft term's gradient is halved.", "One factor 1 / T is written in the gradient; p - q shrinks too."
            ),
            Option(
                "The soft term's gradient shrinks to a quarter, so the label takes over.",
                "Right: that is what T² is there to undo.",
                True,
            ),
            Option(
                "Nothing, Adam rescales the gradient.", "Adam rescales the sum. The balance inside the sum is lost."
            ),
        ),
    ),
    Question(
        "The student has become the teacher: equal logits on every image. Which part of the loss is not zero?",
        (
            Option(
                "The soft term, by the teacher's entropy.",
                "KL is 0 for equals. (A cross-entropy would keep the entropy.)",
            ),
            Option("Neither.", "The teacher is not certain of every label, so its own cross-entropy is above 0."),
            Option("The hard term.", "Right: the teacher never gives a label the full 100 %.", True),
        ),
    ),
    Question(
        "In training you mixed the label with the teacher's soft target at T = 4, and used F.cross_entropy at T = 1 on "
        "the mixture. What will the student be like?",
        (
            Option("The same as with the two-term loss.", "Only at T = 1 are the two the same."),
            Option(
                "Too unsure: it copies the softened teacher.",
                "Right: at T = 1 it shows what the teacher says at T = 4.",
                True,
            ),
            Option("Too sure of itself.", "Its target never comes near 100 %."),
        ),
    ),
)
