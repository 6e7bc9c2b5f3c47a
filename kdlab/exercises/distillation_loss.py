"""Exercises of lesson 03, the distillation loss."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from kdlab.exercises.core import Draw, Exercise, Option, Question, Quiz

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


def _distillation_loss_by_terms(student_logits, teacher_logits, labels, *, temperature, alpha):
    log_q = (student_logits / temperature).log_softmax(dim=-1)
    log_p = (teacher_logits.detach() / temperature).log_softmax(dim=-1)
    hard = -student_logits.log_softmax(dim=-1).gather(-1, labels.unsqueeze(-1)).mean()
    soft = (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()
    return alpha * hard + (1 - alpha) * temperature**2 * soft


def _other_terms(hard=F.cross_entropy, soft=None, weights=lambda a, T: (a, (1 - a) * T**2)):
    """A distillation loss with another hard term (of z, y), soft term (of z / T, v / T), or other weights."""
    soft = soft or (lambda z, v: F.kl_div(z.log_softmax(-1), v.softmax(-1), reduction="batchmean"))

    def distillation_loss(student_logits, teacher_logits, labels, *, temperature, alpha):
        one, two = weights(alpha, temperature)
        v = teacher_logits.detach()
        return one * hard(student_logits, labels) + two * soft(student_logits / temperature, v / temperature)

    return distillation_loss


LOSS_MISTAKES = {
    "You multiplied the soft term by T. Its gradient shrinks by 1 / T twice: multiply by T².": (
        _other_terms(weights=lambda a, T: (a, (1 - a) * T))
    ),
    "The soft term is not multiplied by T².": _other_terms(weights=lambda a, T: (a, 1 - a)),
    "You divided the soft term by T². Its gradient has shrunk by 1 / T² already: multiply by T².": (
        _other_terms(weights=lambda a, T: (a, (1 - a) / T**2))
    ),
    "You multiplied both terms by T². Only the soft one has shrunk.": (
        _other_terms(weights=lambda a, T: (a * T**2, (1 - a) * T**2))
    ),
    "T² belongs to the soft term; you gave it to the hard one.": _other_terms(weights=lambda a, T: (a * T**2, 1 - a)),
    "alpha is swapped: here alpha weighs the label, 1 - alpha the teacher.": (
        _other_terms(weights=lambda a, T: (1 - a, a * T**2))
    ),
    "alpha makes no difference to your loss. Is it used?": (
        _other_terms(weights=lambda a, T: (1, T**2)),
        _other_terms(weights=lambda a, T: (0.5, 0.5 * T**2)),
    ),
    "alpha stands in front of both terms: the soft one is weighed by 1 - alpha.": (
        _other_terms(weights=lambda a, T: (a, a * T**2))
    ),
    "1 - alpha stands in front of both terms: the hard one is weighed by alpha.": (
        _other_terms(weights=lambda a, T: (1 - a, (1 - a) * T**2))
    ),
    "That is KL(student || teacher), the other direction. F.kl_div takes the student's logarithms first.": _other_terms(
        soft=lambda z, v: F.kl_div(v.log_softmax(-1), z.softmax(-1), reduction="batchmean")
    ),
    "You softened the student in the hard term too. The label is met at T = 1, where the student will be used.": (
        lambda z, v, y, *, temperature, alpha: (
            _distillation_loss(z / temperature, v / temperature, y, temperature=1.0, alpha=alpha)
            + (temperature**2 - 1)
            * _distillation_loss(z / temperature, v / temperature, y, temperature=1.0, alpha=0.0)
            * (1 - alpha)
        )
    ),
    "T divides probabilities. Divide the logits by T, before the softmax.": (
        lambda z, v, y, *, temperature, alpha: (
            alpha * F.cross_entropy(z, y)
            + (1 - alpha)
            * temperature**2
            * F.kl_div((z / temperature).log_softmax(-1), v.detach().softmax(-1) / temperature, reduction="batchmean")
        ),
        _other_terms(soft=lambda z, v: F.kl_div(z.log_softmax(-1), v.softmax(-1).softmax(-1), reduction="batchmean")),
    ),
    "F.cross_entropy takes logits: you gave it probabilities, so the hard term holds two softmaxes.": (
        _other_terms(hard=lambda z, y: F.cross_entropy(z.softmax(-1), y))
    ),
    "F.kl_div wants logarithms of the student's probabilities as its first argument (log_softmax); you passed "
    "probabilities.": _other_terms(soft=lambda z, v: F.kl_div(z.softmax(-1), v.softmax(-1), reduction="batchmean")),
    "F.kl_div wants probabilities as its target; you passed logarithms. Use softmax there, or say log_target=True.": (
        _other_terms(soft=lambda z, v: F.kl_div(z.log_softmax(-1), v.log_softmax(-1), reduction="batchmean"))
    ),
    "Your soft term is a cross-entropy. Its gradient is right, but it does not reach 0 when the student agrees: subtract "
    "the teacher's entropy, or use KL.": _other_terms(soft=lambda z, v: F.cross_entropy(z, v.softmax(-1))),
    "Your soft term compares probabilities by their squared distance. Hinton's is T² · KL(teacher_T || student_T).": (
        _other_terms(soft=lambda z, v: (z.softmax(-1) - v.softmax(-1)).square().sum(-1).mean()),
        _other_terms(soft=lambda z, v: F.mse_loss(z.softmax(-1), v.softmax(-1))),
    ),
    "Your soft term compares logits by their squared distance: that is the limit of high temperatures (exercise 3.4).": (
        _other_terms(soft=lambda z, v: F.mse_loss(z, v))
    ),
    "Your soft term hears only the teacher's argmax, as a label: give it all of the teacher's probabilities.": (
        _other_terms(soft=lambda z, v: F.cross_entropy(z, v.argmax(-1)))
    ),
}

distillation_loss = Exercise(
    place=1,
    title="The distillation loss",
    minutes=10,
    difficulty="medium",
    reference=_distillation_loss,
    forms=(_distillation_loss_by_terms,),
    gradient=("student_logits",),
    hints=(
        "Two lines make the two terms, a third mixes them. Which of them sees the temperature?",
        "Hard: `F.cross_entropy(student_logits, labels)`, at T = 1. Soft: `F.kl_div(log q, p, reduction='batchmean')` "
        "with both logits divided by T, and the teacher's detached.",
        "Return `alpha * hard + (1 - alpha) * temperature**2 * soft`.",
    ),
    cases={
        "Correct, until a probability rounds to 0. Stay in log space: log_softmax, not the log of a softmax.": (
            lambda draw: {
                "student_logits": torch.tensor([[300.0, 0.0, -300.0]]),
                "teacher_logits": torch.tensor([[0.0, 300.0, -300.0]]),
                "labels": torch.tensor([1]),
                "temperature": 1.0,
                "alpha": 0.5,
            }
        ),
    },
    mistakes=LOSS_MISTAKES,
    wrong={
        "mean reduction": (
            _other_terms(soft=lambda z, v: F.kl_div(z.log_softmax(-1), v.softmax(-1), reduction="mean")),
            "use 'batchmean'",
        ),
        "sum reduction": (
            _other_terms(soft=lambda z, v: F.kl_div(z.log_softmax(-1), v.softmax(-1), reduction="sum")),
            "use 'batchmean'",
        ),
        "no temperature": (
            _other_terms(
                soft=lambda z, v: _distillation_loss(3 * z, 3 * v, torch.zeros(len(z)).long(), temperature=1, alpha=0)
            ),
            "T",
        ),
        "teacher learns": (
            lambda z, v, y, *, temperature, alpha: (
                alpha * F.cross_entropy(z, y)
                + (1 - alpha)
                * temperature**2
                * F.kl_div((z / temperature).log_softmax(-1), (v / temperature).softmax(-1), reduction="batchmean")
            ),
            "flows into `teacher_logits`",
        ),
        "a plain number": (lambda *a, **k: _distillation_loss(*a, **k).item(), "No gradient flows"),
        "soft term under no_grad": (
            _other_terms(soft=lambda z, v: F.kl_div(z.detach().log_softmax(-1), v.softmax(-1), reduction="batchmean")),
            "no gradient passes through",
        ),
    },
    praise="Well done. That is the loss of Hinton, Vinyals and Dean, and lesson 04 trains with it.",
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _soft_term_gradient(student_logits, teacher_logits, temperature):
    """Gradient of KL(teacher_T || student_T) on the logits of each row, without T²; same shape as the logits."""
    student = torch.softmax(student_logits / temperature, dim=-1)
    teacher = torch.softmax(teacher_logits / temperature, dim=-1)
    return (student - teacher) / temperature


soft_term_gradient = Exercise(
    place=2,
    title="What the teacher asks of each logit",
    minutes=10,
    difficulty="medium",
    reference=_soft_term_gradient,
    hints=(
        "For the label the gradient was q - y: what the student says, minus what it should say. What should it say now?",
        "Both distributions are taken at temperature T. And z enters as z / T: the chain rule adds a factor.",
        "`(softmax(student_logits / T) - softmax(teacher_logits / T)) / T`, along the last axis.",
    ),
    mistakes={
        "The factor 1 / T is missing: the logits enter the softmax divided by T (the chain rule).": (
            lambda z, v, T: (z / T).softmax(-1) - (v / T).softmax(-1)
        ),
        "The sign is reversed. Where the student is too high, the gradient is positive.": (
            lambda z, v, T: -_soft_term_gradient(z, v, T)
        ),
        "That is the gradient times T², as it stands in the full loss. Here T² is left out.": (
            lambda z, v, T: _soft_term_gradient(z, v, T) * T**2
        ),
        "One 1 / T too many: q and p hide the second one, it is not written out.": (
            lambda z, v, T: _soft_term_gradient(z, v, T) / T
        ),
        "Your probabilities are those at T = 1. Divide the logits by T before the softmax.": (
            lambda z, v, T: (z.softmax(-1) - v.softmax(-1)) / T
        ),
        "You subtracted the logits. Subtract the probabilities at temperature T.": lambda z, v, T: (z - v) / T,
        "You divided by the number of rows. Here each row stands alone.": (
            lambda z, v, T: _soft_term_gradient(z, v, T) / len(z)
        ),
        "You subtracted log-probabilities. Subtract the probabilities.": (
            lambda z, v, T: ((z / T).log_softmax(-1) - (v / T).log_softmax(-1)) / T
        ),
        "You took absolute values. The sign says which way to go.": lambda z, v, T: _soft_term_gradient(z, v, T).abs(),
    },
    wrong={"no temperature": (lambda z, v, T: z.softmax(-1) - v.softmax(-1), "used")},
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _hidden_alpha(alpha, temperature):
    """The alpha of the full loss whose two terms stand in the ratio of a loss with this alpha that lacks T²."""
    return alpha * temperature**2 / (alpha * temperature**2 + 1 - alpha)


hidden_alpha = Exercise(
    place=3,
    title="The alpha they really used",
    minutes=5,
    difficulty="medium",
    reference=_hidden_alpha,
    draw=lambda draw: {
        "alpha": 0.1 + 0.3 * torch.rand(()).item(),
        "temperature": 3 + 5 * torch.rand(()).item(),
    },
    hints=(
        "Only the ratio of the two weights decides the direction. Write it down for both losses.",
        "Theirs: alpha to (1 - alpha). The full loss: a to (1 - a) T². Make the two ratios equal.",
        "a / (1 - a) = alpha T² / (1 - alpha), so a = alpha T² / (alpha T² + 1 - alpha).",
    ),
    cases={
        f"With next to no {word} term (alpha = {end}) the value is off.": (
            lambda draw, end=end: {"alpha": end, "temperature": 5.0}
        )
        for end, word in ((0.001, "hard"), (0.999, "soft"))
    },
    mistakes={
        "The other way round: without T² the soft term is too weak, so the label weighs more than alpha says.": (
            lambda a, T: a / (a + (1 - a) * T**2)
        ),
        "That can exceed 1. Multiply alpha by T², then divide by the sum of both weights: they share 1.": (
            lambda a, T: a * T**2
        ),
        "That is the ratio of the two weights. Turn a ratio r into a share: r / (1 + r).": (
            lambda a, T: a * T**2 / (1 - a) if a < 1 else float("inf")
        ),
        "That is the teacher's weight. alpha is the label's.": lambda a, T: 1 - _hidden_alpha(a, T),
        "The missing factor is T², not T.": lambda a, T: a * T / (a * T + 1 - a),
        "Without T² the soft term is too weak, so the label weighs more than alpha says.": lambda a, T: a / T**2,
        "Your result does not depend on the temperature, but what is missing is T².": lambda a, T: a,
        "You squared alpha as well. Only T is squared.": lambda a, T: (a * T) ** 2 / ((a * T) ** 2 + 1 - a),
        "You shrink the soft weight and give the rest to the label. Only the ratio of both weights counts: divide by "
        "their sum.": lambda a, T: 1 - (1 - a) / T**2,
    },
    praise="Well done. Now put in alpha = 0.1 and T = 20.",
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _logit_matching_loss(student_logits, teacher_logits):
    """Mean over the rows of ||z - v||² / (2 · classes), with the logits of each row centred first."""
    z = student_logits - student_logits.mean(dim=-1, keepdim=True)
    v = teacher_logits - teacher_logits.mean(dim=-1, keepdim=True)
    return ((z - v) ** 2).mean() / 2


def _centred_by(shift):
    """The loss with another shift of the logits."""
    return lambda z, v: ((z - shift(z)) - (v - shift(v))).square().mean() / 2


logit_matching_loss = Exercise(
    place=4,
    title="Matching logits",
    minutes=10,
    difficulty="easy",
    reference=_logit_matching_loss,
    draw=lambda draw: {
        "student_logits": draw.logits() + 3 * torch.randn(draw.rows, 1) + 1,
        "teacher_logits": draw.logits(scale=4.0) - 2,
    },
    gradient=("student_logits",),
    hints=(
        "Three steps: centre each row, subtract, square. Then average.",
        "`logits - logits.mean(dim=-1, keepdim=True)` centres each row. A mean over all entries divides by the rows and "
        "by the classes at once.",
        "With centred z and v, return `((z - v) ** 2).mean() / 2`.",
    ),
    mistakes={
        "Centre each row of logits first: softmax cannot see a constant, nor may you.": (
            lambda z, v: ((z - v) ** 2).mean() / 2
        ),
        "Only the student is centred: centre the teacher's rows, both.": (
            lambda z, v: (z - z.mean(-1, keepdim=True) - v).square().mean() / 2
        ),
        "Only the teacher is centred: centre the student's rows, both.": (
            lambda z, v: (z - v + v.mean(-1, keepdim=True)).square().mean() / 2
        ),
        "Divide by 2 and by the number of classes: ||z - v||² / (2 · classes).": (
            lambda z, v: 2 * z.shape[-1] * _logit_matching_loss(z, v)
        ),
        "You summed over the classes. The limit has 1 / (2 · classes), so divide by their number.": (
            lambda z, v: z.shape[-1] * _logit_matching_loss(z, v)
        ),
        "You subtracted one mean for the whole batch. Centre each row.": _centred_by(lambda x: x.mean()),
        "You centred the columns. Centre each row: dim=-1.": _centred_by(lambda x: x.mean(0)),
        "You subtracted each row's largest logit. Centre each row: subtract its mean.": (
            _centred_by(lambda x: x.amax(-1, keepdim=True))
        ),
        "You standardised the rows: subtract each row's mean, and leave its spread as it is.": lambda z, v: (
            (
                (z - z.mean(-1, keepdim=True)) / z.std(-1, keepdim=True)
                - (v - v.mean(-1, keepdim=True)) / v.std(-1, keepdim=True)
            )
            .square()
            .mean()
            / 2
        ),
        "You compared probabilities. Compare the logits.": lambda z, v: (
            (z.softmax(-1) - v.softmax(-1)).square().mean() / 2
        ),
        "There is a square root at the end: the loss is the mean square itself, not its root.": (
            lambda z, v: (2 * _logit_matching_loss(z, v)).sqrt() / 2,
            lambda z, v: (2 * _logit_matching_loss(z, v)).sqrt(),
        ),
        "That is the unbiased variance, divided by classes - 1. Divide by the classes: correction=0.": (
            lambda z, v: (z - v).var(-1).mean() / 2
        ),
    },
    wrong={
        "no half": (lambda z, v: 2 * _logit_matching_loss(z, v), "2 times too large"),
        "sum over rows": (lambda z, v: len(z) * _logit_matching_loss(z, v), "the number of rows"),
        "absolute": (
            lambda z, v: ((z - z.mean(-1, keepdim=True)) - (v - v.mean(-1, keepdim=True))).abs().mean() / 2,
            "absolute value in place",
        ),
        "item": (lambda z, v: _logit_matching_loss(z, v).item(), "No gradient flows"),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _label_smoothing_loss(student_logits, labels, *, smoothing=0.1):
    """(1 - smoothing) · CE(labels, student) + smoothing · CE(uniform, student), mean over the batch."""
    log_q = torch.log_softmax(student_logits, dim=-1)
    to_label = -log_q.gather(-1, labels.unsqueeze(-1)).mean()
    to_uniform = -log_q.mean()
    return (1 - smoothing) * to_label + smoothing * to_uniform


def _smoothed_target(student_logits, labels, *, smoothing=0.1):
    classes = student_logits.shape[-1]
    target = (1 - smoothing) * F.one_hot(labels, classes) + smoothing / classes
    return F.cross_entropy(student_logits, target)


def _hard_and(other):
    """(1 - s) · CE + s · another term (of log q and labels)."""

    def label_smoothing_loss(student_logits, labels, *, smoothing=0.1):
        log_q = student_logits.log_softmax(-1)
        return (1 - smoothing) * F.nll_loss(log_q, labels) + smoothing * other(log_q, labels)

    return label_smoothing_loss


def _wrong_classes_only(student_logits, labels, *, smoothing=0.1):
    others = student_logits.shape[-1] - 1
    one_hot = F.one_hot(labels, student_logits.shape[-1])
    return F.cross_entropy(student_logits, (1 - smoothing) * one_hot + smoothing / others * (1 - one_hot))


label_smoothing_loss = Exercise(
    place=5,
    title="A teacher who knows nothing",
    minutes=5,
    difficulty="easy",
    reference=_label_smoothing_loss,
    forms=(_smoothed_target,),
    gradient=("student_logits",),
    hints=(
        "Both terms are cross-entropies with the same student. Only the targets differ.",
        "The cross-entropy to the uniform distribution is minus the mean of log q over the classes.",
        "`(1 - smoothing) * F.cross_entropy(student_logits, labels) + smoothing * -torch.log_softmax(student_logits, "
        "dim=-1).mean()`.",
    ),
    mistakes={
        "Smoothing makes no difference to your loss. Is it used?": lambda z, y, *, smoothing=0.1: F.cross_entropy(z, y),
        "The weights are swapped: the label keeps 1 - smoothing.": (
            lambda z, y, *, smoothing=0.1: _label_smoothing_loss(z, y, smoothing=1 - smoothing)
        ),
        "You summed over the classes in the uniform term. A uniform teacher gives each class 1 / classes.": (
            _hard_and(lambda log_q, y: -log_q.sum(-1).mean())
        ),
        "The label's term lacks its weight 1 - smoothing.": (
            lambda z, y, *, smoothing=0.1: F.cross_entropy(z, y) - smoothing * z.log_softmax(-1).mean()
        ),
        "You shared the smoothing among the *wrong* classes. A uniform teacher gives the label's class its part too.": (
            _wrong_classes_only
        ),
        "You used KL to the uniform teacher: right gradient, but cross-entropy is larger by log(classes).": (
            _hard_and(lambda log_q, y: -log_q.mean() - torch.tensor(log_q.shape[-1]).log())
        ),
        "You used the student's own entropy in place of the uniform term: that is minus the mean of all log q.": (
            _hard_and(lambda log_q, y: -(log_q.exp() * log_q).sum(-1).mean())
        ),
        "The uniform term lacks its minus: its sign is turned.": _hard_and(lambda log_q, y: log_q.mean()),
        "You used probabilities where logarithms belong.": (
            lambda z, y, *, smoothing=0.1: (
                -(1 - smoothing) * z.softmax(-1).gather(-1, y[:, None]).mean() - smoothing * z.softmax(-1).mean()
            )
        ),
    },
    wrong={
        "sum over rows": (
            lambda z, y, *, smoothing=0.1: F.cross_entropy(z, y, label_smoothing=smoothing, reduction="sum"),
            "the number of rows",
        ),
        "another default": (
            lambda z, y, *, smoothing=0.2: F.cross_entropy(z, y, label_smoothing=smoothing),
            "that of 0.1",
        ),
        "uniform term under no_grad": (
            _hard_and(lambda log_q, y: -log_q.detach().mean()),
            "no gradient passes through",
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


def _draw_models(draw):
    wide = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, draw.classes))
    with torch.no_grad():
        wide[3].weight.mul_(4)
    return {
        "student": nn.Linear(6, draw.classes),
        "teacher": wide,
        "images": torch.randn(draw.rows + 2, 6),
        "labels": draw.labels(draw.rows + 2),
        "alpha": draw.weight,
        "temperature": draw.temperature,
    }


def _ask_repaired_article_loss(ask):
    arguments = _draw_models(Draw())
    student, teacher = arguments["student"].train(), arguments["teacher"].train()
    first = ask(*arguments.values()).is_number()
    first.holds(student.training, "You put the student in eval mode. It is the one that trains.")
    teacher.train()
    first.holds(
        first.value == ask(*arguments.values()).value,
        "Two calls with the same batch give two values: the teacher's dropout is on. Put the teacher in eval mode.",
    )


def _of_models(loss):
    """The loss of logits as one of models, with the teacher in eval mode and detached."""

    def repaired_article_loss(student, teacher, images, labels, alpha=0.5, temperature=2.0):
        v = teacher.eval()(images).detach()
        return loss(student(images), v, labels, temperature=temperature, alpha=alpha)

    return repaired_article_loss


def _modes(student=True, teacher=False, learns=False):
    """The loss with these modes; with `learns`, the teacher gets a gradient."""

    def repaired_article_loss(student_model, teacher_model, images, labels, alpha=0.5, temperature=2.0):
        z, v = student_model.train(student)(images), teacher_model.train(teacher)(images)
        log_q = (z / temperature).log_softmax(-1)
        p = ((v if learns else v.detach()) / temperature).softmax(-1)
        soft = F.kl_div(log_q, p, reduction="batchmean")
        return alpha * F.cross_entropy(z, labels) + (1 - alpha) * temperature**2 * soft

    return repaired_article_loss


repaired_article_loss = Exercise(
    place=6,
    title="Repair a published loss",
    minutes=10,
    difficulty="medium",
    reference=_repaired_article_loss,
    draw=_draw_models,
    questions=_ask_repaired_article_loss,
    gradient=("student",),
    hints=(
        "Go through the list: dropout, the teacher's gradient, the reduction. The rest may stay.",
        "`teacher.eval()` first; then `with torch.no_grad(): teacher_logits = teacher(images)`. The student is called "
        "outside of it.",
        "In `F.kl_div` say `reduction='batchmean'`; T² and alpha stay as they were.",
    ),
    mistakes={
        sentence: tuple(map(_of_models, loss if isinstance(loss, tuple) else (loss,)))
        for sentence, loss in LOSS_MISTAKES.items()
    },
    properties=(
        lambda evidence: (
            "Two calls with the same batch give two values: the teacher's dropout is on. Put the teacher in eval mode."
            if evidence.call(evidence.cases[0][0]) != evidence.call(evidence.cases[0][0])
            else None
        ),
    ),
    wrong={
        "dropout on": (_modes(teacher=True), "dropout is on"),
        "student in eval mode": (_modes(student=False), "student in eval mode"),
        "teacher learns": (_modes(learns=True), "flows into `teacher`"),
        "mean reduction": (
            _of_models(_other_terms(soft=lambda z, v: F.kl_div(z.log_softmax(-1), v.softmax(-1), reduction="mean"))),
            "'batchmean'",
        ),
        "student does not learn": (
            _of_models(lambda z, *a, **k: _distillation_loss(z.detach(), *a, **k)),
            "o gradient ",
        ),
        "models swapped": (
            lambda s, t, x, y, alpha=0.5, temperature=2.0: _repaired_article_loss(t, s, x, y, alpha, temperature),
            "dropout is on",
        ),
        "other defaults": (
            lambda s, t, x, y, alpha=0.1, temperature=4.0: _repaired_article_loss(s, t, x, y, alpha, temperature),
            "Without `alpha=`",
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
