"""Exercises of lesson 07, why it works."""

import torch

from kdlab.exercises.core import Exercise, OpenExercise, Option, Question, Quiz
from kdlab.exercises.dark_knowledge import _hold, _saying, _seeded

# 1 --------------------------------------------------------------------------------------------------------------------


def _label_luck(student_logits, probabilities):
    """How far the gradient with a drawn label lies from the gradient with p itself: mean squared distance."""
    q = student_logits.softmax(dim=-1)
    labels = torch.eye(q.shape[-1]).to(q)  # one row for each label that may be drawn
    with_label = q.unsqueeze(-2) - labels  # (N, label, classes)
    with_p = (q - probabilities).unsqueeze(-2)
    distance = (with_label - with_p).pow(2).sum(dim=-1)  # (N, label)
    return (probabilities * distance).sum(dim=-1).mean()


def _label_luck_in_short(student_logits, probabilities):
    return (1 - (probabilities * probabilities).sum(dim=-1)).mean()


def _label_luck_by_labels(student_logits, probabilities):
    q = student_logits.softmax(dim=-1)
    total = 0.0
    for label in range(q.shape[-1]):
        one = torch.zeros_like(q)
        one[:, label] = 1
        total = total + probabilities[:, label] * ((q - one) - (q - probabilities)).square().sum(dim=-1)
    return total.mean()


def _label_luck_of_one_draw(student_logits, probabilities):
    drawn = torch.eye(probabilities.shape[-1])[torch.multinomial(probabilities, 1).squeeze(-1)]
    return (drawn - probabilities).square().sum(-1).mean()


def _weighed(weights, distance=lambda d: d.square().sum(-1)):
    """A wrong answer: weights(q, p) for the labels, and another distance."""

    def label_luck(student_logits, probabilities):
        q = student_logits.softmax(-1)
        gap = probabilities.unsqueeze(-2) - torch.eye(q.shape[-1]).to(q)
        return (weights(q, probabilities) * distance(gap)).sum(-1).mean()

    return label_luck


label_luck = Exercise(
    place=1,
    title="The luck in a gradient",
    minutes=10,
    difficulty="medium",
    reference=_label_luck,
    forms=(_label_luck_in_short, _label_luck_by_labels),
    hints=(
        "For each example, each label could be drawn. What is the gradient with label k, and how likely is that label?",
        "With label k it is q - onehot(k), with p it is q - p. What is left of their difference?",
        "Squared distance: sum over the classes. Then the mean over the labels, weighed with p, and over the examples.",
    ),
    mistakes={
        "You weighed the labels with the student's q. They are drawn from p.": _weighed(lambda q, p: q),
        "You weighed all labels alike. Label k is drawn with probability p_k.": (
            _weighed(lambda q, p: torch.full_like(p, 1 / p.shape[-1])),
            _weighed(lambda q, p: torch.ones_like(p)),
        ),
        "That is the distance for the most likely label alone. Each label can be drawn, with probability p_k.": (
            _weighed(lambda q, p: (p == p.amax(-1, keepdim=True)).to(p)),
            _weighed(lambda q, p: p * (p == p.amax(-1, keepdim=True))),
        ),
        "Square the distance: variance is a *squared* distance.": (
            _weighed(lambda q, p: p, lambda d: d.square().sum(-1).sqrt()),
            _weighed(lambda q, p: p, lambda d: d.abs().sum(-1)),
        ),
        "Square each distance first, then take means: the square of a mean is not the mean of squares.": (
            lambda z, p: _weighed(lambda q, p: p, lambda d: d.square().sum(-1).sqrt())(z, p) ** 2
        ),
        "That is how often a draw is not the most likely label: another measure of luck, but no squared distance.": (
            lambda z, p: (1 - p.amax(-1)).mean()
        ),
        "That is how far q - p is from 0, which is no luck: label and p have it in common.": (
            lambda z, p: (z.softmax(-1) - p).square().sum(-1).mean()
        ),
        "That is the squared length of the gradient with a label. Asked for is its distance from the gradient with p.": (
            lambda z, p: (
                (p * (z.softmax(-1).unsqueeze(-2) - torch.eye(z.shape[-1]).to(z)).square().sum(-1)).sum(-1).mean()
            )
        ),
        "You used the logits where q = softmax(logits) belongs.": (
            lambda z, p: (p * (z.unsqueeze(-2) - torch.eye(z.shape[-1]).to(z)).square().sum(-1)).sum(-1).mean()
        ),
        "That is the probability that two drawn labels are the same. The luck is what is missing to 1.": (
            lambda z, p: (p * p).sum(-1).mean()
        ),
        "That is the entropy of p: another measure of luck, but no squared distance.": (
            lambda z, p: -(p * p.log()).sum(-1).mean()
        ),
    },
    wrong={"one draw": (_label_luck_of_one_draw, "draw at random")},
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _class_means(teacher_logits, labels):
    """For each picture the mean of the teacher's logits over all pictures with the same label."""
    classes = teacher_logits.shape[-1]
    means = torch.stack([teacher_logits[labels == label].mean(dim=0) for label in range(classes)])
    return means[labels]


def _rows(logits, labels):
    return torch.stack([logits[labels == label].mean(dim=0) for label in range(logits.shape[-1])])


def _class_means_by_matrix(teacher_logits, labels):
    same = (labels.unsqueeze(0) == labels.unsqueeze(1)).to(teacher_logits.dtype)
    return same @ teacher_logits / same.sum(dim=1, keepdim=True)


def _every_class(draw):
    count = 3 * draw.classes + draw.rows
    labels = torch.cat([torch.arange(draw.classes), draw.labels(count - draw.classes)])[torch.randperm(count)]
    return {"teacher_logits": draw.logits(count, draw.classes, scale=4.0), "labels": labels}


class_means = Exercise(
    place=2,
    title="Nothing of this picture",
    minutes=5,
    difficulty="easy",
    reference=_class_means,
    forms=(_class_means_by_matrix,),
    draw=_every_class,
    hints=(
        "First one row for each class, then a row for each picture.",
        "`teacher_logits[labels == label].mean(dim=0)` is the row of one class; `torch.stack` joins them.",
        "With `means` of shape (classes, classes), `means[labels]` gives each picture the row of its label.",
    ),
    mistakes={
        "That is one row for each class. Each *picture* needs one: the row of its label.": (
            lambda v, y: torch.stack([v[y == c].mean(0) for c in range(v.shape[-1])])
        ),
        "You grouped the pictures by what the teacher says. Group them by their labels.": (
            lambda v, y: _class_means_by_matrix(v, v.argmax(-1)),
        ),
        "That is the mean of *all* pictures, the same for every class.": lambda v, y: v.mean(0).expand_as(v),
        "You averaged over the classes of a picture. Average over the pictures of a class: dim=0.": (
            lambda v, y: v.mean(-1, keepdim=True).expand_as(v)
        ),
        "The means are those of the labels, but you look them up by what the teacher says: `means[labels]`.": (
            lambda v, y: _rows(v, y)[v.argmax(-1)]
        ),
        "That is the row of *one* picture of each class. Take the mean over all of them.": (
            lambda v, y: torch.stack([v[y == c][0] for c in range(v.shape[-1])])[y],
            lambda v, y: torch.stack([v[y == c][-1] for c in range(v.shape[-1])])[y],
        ),
        "That is the median over the pictures of a class. Take the mean.": (
            lambda v, y: torch.stack([v[y == c].median(0).values for c in range(v.shape[-1])])[y]
        ),
        "You averaged over pictures *and* classes: one number for each class. Each class needs a row: `.mean(dim=0)`.": (
            lambda v, y: torch.stack([v[y == c].mean().expand(v.shape[-1]) for c in range(v.shape[-1])])[y]
        ),
        "`means` is the wrong way round: each picture gets a column. Its row is `means[labels]`.": (
            lambda v, y: _rows(v, y).T[y]
        ),
        "You made probabilities of the means. Asked for are the logits.": lambda v, y: _class_means(v, y).softmax(-1),
        "You averaged probabilities. Asked for is the mean of the logits.": (
            lambda v, y: _class_means(v.softmax(-1), y),
            lambda v, y: _class_means(v.softmax(-1), y).log(),
        ),
        "That is the sum over the pictures of a class. Divide by how many there are.": (
            lambda v, y: torch.stack([v[y == c].sum(0) for c in range(v.shape[-1])])[y]
        ),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _permute_wrong(logits, generator):
    """A copy in which, in each row, all logits but the largest change places at random."""
    wrong = torch.ones_like(logits, dtype=torch.bool).scatter(-1, logits.argmax(-1, keepdim=True), False)
    others = logits[wrong].view(len(logits), -1)
    order = torch.rand(others.shape, generator=generator).argsort(-1)
    permuted = logits.clone()
    permuted[wrong] = others.gather(-1, order).flatten()
    return permuted


def _ask_permute_wrong(ask):
    logits = 3 * torch.randn(60, 7)
    before, top = logits.clone(), logits.argmax(-1)
    answer = ask(logits, _seeded(0)).is_tensor(logits.shape)
    permuted = answer.value.detach().to(before.dtype)
    kept = torch.isclose(permuted.gather(-1, top.unsqueeze(-1)).squeeze(-1), before.amax(-1), rtol=0.01)
    sizes = [values.sort(-1).values for values in (permuted, before)]
    shuffled = ~torch.isclose(permuted, before, rtol=0.01)
    _hold(
        answer,
        (shuffled.any(), "Nothing has changed its place."),
        (
            torch.allclose(*sizes, rtol=0.01),
            "Some rows hold other numbers than before. Each row keeps its own numbers; they change places within the row.",
        ),
        (kept.all(), "The largest logit has moved as well. It stays where it is: the first choice must not change."),
        (
            not _same_order(before, permuted),
            "All rows are permuted in the same way. Draw a new order for each row.",
        ),
        (shuffled.any(-1).float().mean() > 0.9, "Some rows are as they were. Permute the wrong classes of each row."),
        (
            not _sorted(permuted, top),
            "The wrong classes are sorted, not shuffled: that is an order, and the same for all pictures.",
        ),
    )
    again, other = (ask(logits, _seeded(seed)).value for seed in (0, 1))
    _hold(
        answer,
        (torch.equal(again, permuted), "The same generator seed gave another order. Pass the generator on."),
        (
            not torch.equal(other, permuted),
            "Two generators gave the same order: do you seed inside the function? Use the generator that you are given.",
        ),
    )


def _moves(before, after):
    """Where each number of a row has come from, (rows, classes)."""
    return (after.unsqueeze(-1) - before.unsqueeze(-2)).abs().argmin(-1)


def _same_order(before, after):
    """Whether rows with the same first choice are all permuted alike."""
    tops, moves = before.argmax(-1), _moves(before, after)
    return all(len(moves[tops == top].unique(dim=0)) == 1 for top in tops.unique())


def _sorted(logits, top):
    wrong = torch.ones_like(logits, dtype=torch.bool).scatter(-1, top.unsqueeze(-1), False)
    steps = logits[wrong].view(len(logits), -1).diff(dim=-1)
    return bool((steps >= 0).all() or (steps <= 0).all())


def _wrongly_permuted(order, top=lambda row: row.argmax()):
    """A wrong answer: order(row, n, generator) gives the order of the n others of a row."""

    def permute_wrong(logits, generator):
        permuted = logits.clone()
        for row in permuted:
            others = (torch.arange(len(row)) != top(row)).nonzero().squeeze(1)
            row[others] = row[others[order(row[others], len(others), generator)]]
        return permuted

    return permute_wrong


def _in_place(logits, generator):
    logits.copy_(_permute_wrong(logits, generator))
    return logits


permute_wrong = Exercise(
    place=3,
    title="As sure as before, and like nothing",
    minutes=10,
    difficulty="medium",
    reference=_permute_wrong,
    questions=_ask_permute_wrong,
    hints=(
        "Row by row, or all at once: which places of a row may change? All but that of `argmax`.",
        "Row by row: `others = (torch.arange(len(row)) != top).nonzero().squeeze(1)`, then a `torch.randperm` of these places. "
        "All at once: a mask that is False at the largest, `logits[mask].view(len(logits), -1)`.",
        "`torch.rand(shape, generator=generator).argsort(-1)` is a random order for each row; `gather` follows it. Write the "
        "result into a copy: `permuted[mask] = ....flatten()`.",
    ),
    wrong={
        "unchanged": (lambda z, g: z.clone(), "Nothing has changed"),
        "all of them": (lambda z, g: z.gather(1, torch.rand(z.shape, generator=g).argsort(1)), "has moved as well"),
        "the first stays": (
            _wrongly_permuted(lambda row, n, g: torch.randperm(n, generator=g), top=lambda row: 0),
            "has moved as well",
        ),
        "the same for all rows": (
            _wrongly_permuted(
                lambda row, n, g: torch.randperm(n, generator=torch.Generator().manual_seed(g.initial_seed()))
            ),
            "in the same way",
        ),
        "sorted": (_wrongly_permuted(lambda row, n, g: row.argsort()), "sorted"),
        "pictures": (lambda z, g: z[torch.randperm(len(z), generator=g)], "other numbers"),
        "drawn with replacement": (
            _wrongly_permuted(lambda row, n, g: torch.randint(n, (n,), generator=g)),
            "other numbers",
        ),
        "global random numbers": (_wrongly_permuted(lambda row, n, g: torch.randperm(n)), "Pass the generator on"),
        "in place": (_in_place, "in place"),
        "probabilities": (lambda z, g: _permute_wrong(z.softmax(-1), g), "other numbers"),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _flat_targets(logits, temperature):
    """Soft targets that keep the first choice's probability and share the rest equally among the other classes."""
    soft = (logits / temperature).softmax(dim=-1)
    sure, first = soft.max(dim=-1, keepdim=True)
    rest = (1 - sure) / (logits.shape[-1] - 1)
    return rest.expand_as(soft).scatter(-1, first, sure)


def _flat_by_where(logits, temperature):
    soft = torch.softmax(logits / temperature, dim=1)
    classes = soft.shape[1]
    first = torch.nn.functional.one_hot(soft.argmax(dim=1), classes).bool()
    sure = soft.max(dim=1, keepdim=True).values
    return torch.where(first, sure, (1 - sure) / (classes - 1))


def _flat_with(rest, top=lambda soft: soft.amax(-1, keepdim=True), temper=True):
    """A wrong answer: rest(sure, classes) for the other classes, top(soft) for the first choice."""

    def flat_targets(logits, temperature):
        soft = (logits / temperature if temper else logits).softmax(-1)
        first = torch.zeros_like(soft, dtype=torch.bool).scatter(-1, soft.argmax(-1, keepdim=True), True)
        return torch.where(first, top(soft), rest(soft.amax(-1, keepdim=True), soft.shape[-1]))

    return flat_targets


def _with_others(logits, value):
    """The logits with all but the largest of each row replaced by value (N, 1)."""
    return torch.where(logits == logits.amax(-1, keepdim=True), logits, value)


def _mean_of_others(logits):
    return (logits.sum(-1, keepdim=True) - logits.amax(-1, keepdim=True)) / (logits.shape[-1] - 1)


flat_targets = Exercise(
    place=4,
    title="As sure as before, and nothing else",
    minutes=5,
    difficulty="easy",
    reference=_flat_targets,
    forms=(_flat_by_where,),
    hints=(
        "First the soft targets at this temperature. How sure are they of their first choice, and how much is left?",
        "What is left, 1 - sure, is shared by all classes but one.",
        "`soft.max(dim=-1, keepdim=True)` gives value and place; `rest.expand_as(soft).scatter(-1, first, sure)` puts the first "
        "choice back.",
    ),
    mistakes={
        "The rows do not sum to 1: the rest is shared by the *other* classes, one fewer than there are.": (
            _flat_with(lambda sure, n: (1 - sure) / n)
        ),
        "That spreads 1 / classes everywhere else; only what the first choice leaves, 1 - sure, is there to share.": (
            _flat_with(lambda sure, n: torch.ones_like(sure) / n),
            _flat_with(lambda sure, n: torch.ones_like(sure) / (n - 1)),
        ),
        "The other classes have become 0, and the rows do not sum to 1 any more. Share 1 - sure among them.": (
            _flat_with(lambda sure, n: torch.zeros_like(sure))
        ),
        "The first choice has become certain. It keeps the probability that it had.": (
            _flat_with(lambda sure, n: torch.zeros_like(sure), torch.ones_like),
            _flat_with(lambda sure, n: (1 - sure) / (n - 1), torch.ones_like),
        ),
        "All pictures have become equally sure. Each keeps its own.": (
            lambda z, t: _flat_with(
                lambda sure, n: (1 - sure.mean()).expand_as(sure) / (n - 1),
                lambda soft: soft.amax(-1, keepdim=True).mean().expand(len(soft), 1),
            )(z, t)
        ),
        "You took the largest probability of the whole batch. Each picture keeps its own: `max(dim=-1, keepdim=True)`.": (
            _flat_with(lambda sure, n: (1 - sure.max()).expand_as(sure) / (n - 1), lambda soft: soft.max())
        ),
        "You made the *logits* of the others equal: then the first choice's probability changes. Share probabilities.": (
            lambda z, t: (_with_others(z, z.mean(-1, keepdim=True)) / t).softmax(-1),
            lambda z, t: (_with_others(z, _mean_of_others(z)) / t).softmax(-1),
            lambda z, t: (_with_others(z, torch.zeros_like(z[:, :1])) / t).softmax(-1),
            lambda z, t: (_with_others(z, z.amin(-1, keepdim=True)) / t).softmax(-1),
        ),
        "The first choice has got a share of the rest as well: the rows sum to more than 1.": (
            _flat_with(
                lambda sure, n: (1 - sure) / (n - 1),
                lambda soft: (s := soft.amax(-1, keepdim=True)) + (1 - s) / (soft.shape[-1] - 1),
            )
        ),
        "Each class has got what *it* leaves, 1 - p. What is shared is what the first choice leaves, the same for all others.": (
            lambda z, t: torch.where(
                (p := (z / t).softmax(-1)) == p.amax(-1, keepdim=True), p, (1 - p) / (p.shape[-1] - 1)
            )
        ),
        "The rows do not sum to 1: you divide by 9. There are nine other classes only where there are ten.": (
            _flat_with(lambda sure, n: (1 - sure) / 9)
        ),
        "You made the targets at T = 1 and softened them afterwards. Soften the logits first.": (
            lambda z, t: (_flat_with(lambda sure, n: (1 - sure) / (n - 1), temper=False)(z, t).log() / t).softmax(-1)
        ),
        "That is what permuting does: other classes changed places. Here all others get the *same*.": (
            lambda z, t: (z / t).softmax(-1).sort(-1, descending=True).values
        ),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _copied_mistakes(student_logits, teacher_logits, labels):
    """Of the pictures that the teacher gets wrong: the share on which the student gives the same wrong answer."""
    student, teacher = student_logits.argmax(dim=-1), teacher_logits.argmax(dim=-1)
    mistakes = teacher != labels
    if not mistakes.any():
        return 0.0
    return float((student == teacher)[mistakes].float().mean())


def _copied_by_counts(student_logits, teacher_logits, labels):
    student = student_logits.argmax(dim=-1)
    teacher = teacher_logits.argmax(dim=-1)
    copied = ((student == teacher) & (teacher != labels)).sum()
    mistakes = (teacher != labels).sum()
    return float(copied / mistakes) if mistakes > 0 else 0.0


def _mistakes_case(draw):
    """Predictions: the teacher errs on a fifth, the student copies some of that; all shares and counts differ."""
    n, c = (100 + 3 * draw.rows, draw.classes) if draw.rows > 1 else (6, 3)
    errs, copied, other, own = (20 + draw.rows, 2 + draw.rows, 6 + 2 * draw.rows, 50) if n > 6 else (3, 1, 2, 4)
    labels = draw.labels(n, classes=c)
    teacher, student = labels.clone(), labels.clone()
    teacher[:errs] = (labels[:errs] + 1) % c
    student[:copied] = teacher[:copied]
    student[copied:other] = (labels[copied:other] + 2) % c  # wrong as well, in another way
    student[errs:own] = (labels[errs:own] + 3) % c  # wrong where the teacher is right
    order = torch.randperm(n)
    z, v = (_saying(predicted[order], c) for predicted in (student, teacher))
    return {"student_logits": z, "teacher_logits": v, "labels": labels[order]}


COUNTED = {
    "copied mistakes": lambda s, t, y: (s == t) & (t != y),
    "pictures that both get wrong, in whatever way": lambda s, t, y: (s != y) & (t != y),
    "teacher's mistakes that are *not* copied": lambda s, t, y: (s != t) & (t != y),
    "teacher's mistakes where the student is right": lambda s, t, y: (s == y) & (t != y),
    "student's mistakes where the teacher is right": lambda s, t, y: (s != y) & (t == y),
    "pictures on which they agree": lambda s, t, y: s == t,
    "pictures that both get right": lambda s, t, y: (s == y) & (t == y),
    "student's mistakes": lambda s, t, y: s != y,
    "teacher's mistakes": lambda s, t, y: t != y,
}
AMONG = {
    name: COUNTED[name] for name in ("teacher's mistakes", "student's mistakes", "pictures on which they agree")
} | {
    "pictures that both get wrong": lambda s, t, y: (s != y) & (t != y),
    "pictures that one of them gets wrong": lambda s, t, y: (s != y) | (t != y),
    "pictures that the teacher gets *right*": lambda s, t, y: t == y,
    "pictures": lambda s, t, y: y == y,
}


def _counted_among(of, among, guard=True):
    """A wrong answer: these counted among those; `among` None for the count alone."""

    def copied_mistakes(student_logits, teacher_logits, labels):
        said = student_logits.argmax(-1), teacher_logits.argmax(-1), labels
        if guard and (said[1] == labels).all():
            return 0.0
        return float(COUNTED[of](*said).sum() / (AMONG[among](*said).sum() if among else 1))

    return copied_mistakes


copied_mistakes = Exercise(
    place=5,
    title="Do mistakes travel?",
    minutes=5,
    difficulty="easy",
    reference=_copied_mistakes,
    forms=(_copied_by_counts,),
    draw=_mistakes_case,
    hints=(
        "Three rows of classes: what the student says, what the teacher says, what is true.",
        "`mistakes = teacher != labels` picks the pictures that matter. Of these, how often is `student == teacher`?",
        "`(student == teacher)[mistakes].float().mean()`, and 0 if there are no mistakes.",
    ),
    cases={
        "A student that says what its teacher says copies every mistake.": (
            lambda draw: (a := _mistakes_case(draw)) | {"student_logits": a["teacher_logits"]}
        ),
        "A teacher without mistakes leaves nothing to copy: return 0.": (
            lambda draw: (a := _mistakes_case(draw)) | {"teacher_logits": _saying(a["labels"], draw.classes)}
        ),
    },
    mistakes={
        "That is nan: the mean of nothing is 0 / 0.": _counted_among(
            "copied mistakes", "teacher's mistakes", guard=False
        ),
        "That is how many mistakes are copied. Divide by the number of the teacher's mistakes.": (
            _counted_among("copied mistakes", None)
        ),
    }
    | {
        f"You counted the {of} and divided by the number of {among}. Asked for are the copied mistakes (the *same* wrong "
        "answer), divided by the teacher's mistakes.": (
            _counted_among(of, among),
            _counted_among(of, among, guard=False),
        )
        for of in COUNTED
        for among in AMONG
        if of != among and (of, among) != ("copied mistakes", "teacher's mistakes")
    },
    wrong={"percent": (lambda *a: 100 * _copied_mistakes(*a), "100 times too large")},
)

# 6 --------------------------------------------------------------------------------------------------------------------


def _flip_labels(labels, share, generator, classes=10):
    """A copy of labels in which exactly this share is wrong, each one uniformly one of the other classes."""
    order = torch.randperm(len(labels), generator=generator)
    moves = torch.randint(1, classes, (len(labels),), generator=generator)
    chosen = order[: round(share * len(labels))]
    noisy = labels.clone()
    noisy[chosen] = (labels[chosen] + moves[chosen]) % classes
    return noisy


def _flipped(ask, labels, share, seed, *classes):
    """(answer, noisy labels, True where one is wrong), after the questions of kind and range."""
    answer = ask(labels, share, _seeded(seed), *classes).is_tensor()
    few = share < 1 and tuple(answer.value.shape) == (round(share * len(labels)),)
    answer.holds(not few, "You return only those that become wrong. Return *all* labels, in the order they had.")
    answer.is_tensor(labels.shape)
    noisy, last = answer.value.detach().long(), classes[0] if classes else 10
    odd = noisy[(noisy < 0) | (noisy >= last)].tolist()
    advice = (
        "Use `classes`; there need not be ten." if classes else "Classes go from 0 to 9: wrap around, with % classes."
    )
    _hold(
        answer,
        (answer.value.dtype != torch.bool, "That is a mask. Return labels, the wrong ones and the right ones."),
        (not answer.value.is_floating_point(), "Labels are whole numbers; yours have become floats."),
        (not odd, f"With classes={last} there came a label {odd[:1]}. {advice}"),
    )
    return answer, noisy, noisy != labels


def _ask_flip_labels(ask):
    n, share, expected = 1200, 0.3, 360
    labels = (torch.arange(n) % 10)[torch.randperm(n)]
    answer, noisy, wrong = _flipped(ask, labels, share, 0)
    count, places = int(wrong.sum()), wrong.nonzero().squeeze(1)
    answer.holds(count > 0, "No label has changed. How many should: round(share * len(labels))?")
    _hold(
        answer,
        (count < n, "Every label has changed. Only a share of them should: `labels.clone()` keeps the others."),
        (count != n - expected, f"{count / n:.0%} of the labels are wrong: that is 1 - share."),
        (len(noisy[wrong].unique()) > 1, "All wrong labels have become the same class. Draw one for *each* of them."),
        (
            len(((noisy - labels) % 10)[wrong].unique()) > 1,
            "Every wrong label is moved by the same amount. Draw one for *each*.",
        ),
        (
            any(len(noisy[wrong & (labels == c)].unique()) != 1 for c in range(10)),
            "Each class always becomes one and the same other. Draw the new class, for each label.",
        ),
        (
            places[-1] > 1.05 * count and places[0] < n - 1.05 * count,
            "The wrong labels stand all at one end. Draw their positions at random.",
        ),
    )
    draws = [(noisy, wrong), *(_flipped(ask, labels, share, seed)[1:] for seed in range(1, 25))]
    never = [c for c in range(10) if not any((noisy[w] == c).any() for noisy, w in draws)]
    end = "The upper end of torch.randint is left out (randint(0, 10) goes up to 9); and it is % classes, not % (classes - 1)."
    stayed = labels[~_flipped(ask, labels, 1.0, 3)[2]].unique()
    first = "You draw the new class itself from 1 up (torch.randint(1, classes)). Those numbers are *moves*: add them."
    answer.holds(never != [0] or len(stayed) < 5, f"No label ever becomes [0]. {first}")
    wrap = "A 9 that moves on becomes a 0, 1, ...: wrap around, with % classes, where you cut off (clamp)."
    answer.holds(not never, f"No label ever becomes {never}. {wrap if never == [0] else end}")
    counts = [int(w.sum()) for _, w in draws]
    answer.holds(set(counts) == {expected}, _why_not_exact(ask, labels, counts, expected))
    _ask_about_chance(ask, answer, labels, share, draws)
    for part, words in ((0.29, "less: int() cuts it off"), (0.07, "more: ceil() goes up")):
        exact, _, wrong = _flipped(ask, labels[:100], part, 3)
        told = f"{part:.0%} of 100 labels are {round(100 * part)}; yours are {int(wrong.sum())}. In floating point {part} · 100 is"
        exact.holds(wrong.sum() == round(100 * part), f"{told} a hair {words}. Use round().")
    four, _, wrong = _flipped(ask, labels % 4, share, 3, 4)
    four.holds(int(wrong.sum()) == expected, f"With classes=4 not exactly {expected} labels are wrong.")
    none, _, wrong = _flipped(ask, labels, 0.0, 3)
    none.holds(not wrong.any(), "With a share of 0 every label should stay.")
    every, _, wrong = _flipped(ask, labels, 1.0, 3)
    every.holds(wrong.all(), "With a share of 1 no label should stay.")


def _why_not_exact(ask, labels, counts, expected):
    """The sentence for a wrong number of wrong labels: how many stay as they are when all of them should be wrong?"""
    _, noisy, wrong = _flipped(ask, labels, 1.0, 3)
    stayed, kept = 1 - float(wrong.float().mean()), labels[~wrong].unique().tolist()
    ratio = sum(counts) / len(counts) / expected
    start = f"{counts[0]} labels are wrong, but {expected} were asked for."
    own = f"{stayed:.0%} of the draws hit the label that was there: a label that is *wrong* must be another class."
    twice = "Some positions were drawn twice (torch.randint). Draw each at most once: torch.randperm."
    if len(set(counts)) == 1:
        return f"{start} Is the number of them round(share * len(labels))?"
    if stayed > 0.3 and 0.82 < ratio < 0.9:
        return f"{start} {twice}"
    if stayed > 0.4 and 0.73 < ratio < 0.82:
        return f"{start} {twice} And some draws hit the label that was there."
    if torch.equal(noisy.sort().values, labels.sort().values):
        return f"{start} You put the labels that are there in another order: some places get what they had. Draw new classes."
    if stayed > 0.05 and len(kept) == 9:
        return f"{start} Only the labels {sorted({*range(10)} - {*kept})} never stay as they are. If you step over the label that is there, mind > and >=: it must never be drawn itself."
    if 0.01 < stayed and 0 < len(kept) < 10:
        return f"{start} The labels {kept} can stay as they are, others never do: below 0 or above 9, wrap around with % classes (not abs, not clamp)."
    if stayed > 0.002:
        return f"{start} {own} Draw until it differs, or move on by 1 to 9 classes."
    coin = f"In {len(counts)} draws there were {min(counts)} to {max(counts)}: do you throw a coin for each label? "
    return f"{start} {coin if 0.9 < ratio < 1.1 else ''}Draw exactly so many positions, with torch.randperm, each once."


def _ask_about_chance(ask, answer, labels, share, draws):
    """Is each generator used, for both draws, and is every other class equally likely?"""
    (noisy, wrong), (_, same, there) = draws[0], _flipped(ask, labels, share, 0)
    table = sum(torch.bincount(10 * labels[w] + new[w], minlength=100) for new, w in draws).view(10, 10)
    moves = torch.stack([table[y, (y + torch.arange(1, 10)) % 10] for y in range(10)])
    total, never = moves.sum(0), [m + 1 for m in range(9) if not moves[:, m].any()]
    often = f"a label is moved on by {int(total.argmax()) + 1} {float(total.max() / total.min()):.1f} times as often as by {int(total.argmin()) + 1}."
    unlike = "The nine other classes should be equally likely. Yours are not"
    _hold(
        answer,
        (
            torch.equal(same, noisy) or not torch.equal(wrong, there),
            "With the same generator seed the same positions are wrong, but the new classes differ. Pass the generator to the "
            "second draw as well.",
        ),
        (torch.equal(same, noisy), "The same generator seed gave other labels. Pass the generator to every draw."),
        (
            not all(torch.equal(new, noisy) for new, _ in draws),
            "Two generators gave the same labels: do not seed inside the function, use the generator that you are given.",
        ),
        (
            not all(torch.equal(w, wrong) for _, w in draws),
            "The same positions are wrong with every generator. Draw them: torch.randperm(n, generator=generator).",
        ),
        (not never, f"{unlike}: none is ever moved on by {never}. The upper end of torch.randint is left out."),
        (total.max() < 1.3 * total.min(), f"{unlike}: {often}"),
        (moves.max() < 3 * moves.min(), f"{unlike}: which class a label becomes depends on what it was."),
    )


def _flip_by(new=None, chosen=lambda n, s, g: torch.randperm(n, generator=g)[: round(s * n)], copy=True):
    """A wrong answer: `chosen(n, share, generator)` are the positions, `new(labels, generator)` the new labels."""

    def flip_labels(labels, share, generator, classes=10):
        places = chosen(len(labels), share, generator)
        noisy = labels.clone() if copy else labels
        label = new or (lambda y, g: (y + torch.randint(1, classes, y.shape, generator=g)) % classes)
        noisy[places] = label(labels[places], generator)
        return noisy

    return flip_labels


def _rand(low, high, y, g):
    return torch.randint(low, high, y.shape, generator=g)


flip_labels = Exercise(
    place=6,
    title="Wrong on purpose",
    minutes=10,
    difficulty="medium",
    reference=_flip_labels,
    questions=_ask_flip_labels,
    hints=(
        "Two draws: *which* labels become wrong, and *what* each of them becomes.",
        "Moving a label on by 1 to 9 places, around the circle of ten classes, never brings it back to itself.",
        "`torch.randint(1, classes, (n,), generator=generator)` are the moves, `(labels + moves) % classes` the new labels. "
        "Change a copy, at `order[: round(share * n)]`.",
    ),
    wrong={
        "may stay as it was": (_flip_by(lambda y, g: _rand(0, 10, y, g)), "hit the label that was there"),
        "positions drawn twice": (
            _flip_by(chosen=lambda n, s, g: torch.randint(n, (round(s * n),), generator=g)),
            "drawn twice",
        ),
        "in place": (_flip_by(copy=False), "in place"),
        "the right share": (
            _flip_by(chosen=lambda n, s, g: torch.randperm(n, generator=g)[round(s * n) :]),
            "1 - share",
        ),
        "always ten classes": (lambda y, s, g, classes=10: _flip_labels(y, s, g), "there need not be ten"),
        "cut, not rounded": (
            _flip_by(chosen=lambda n, s, g: torch.randperm(n, generator=g)[: int(s * n)]),
            "int() cuts it off",
        ),
        "always the next class": (_flip_by(lambda y, g: (y + 1) % 10), "by the same amount"),
        "one new class for all": (_flip_by(lambda y, g: torch.randint(10, (1,), generator=g)), "the same class"),
        "the first ones": (_flip_by(chosen=lambda n, s, g: torch.arange(round(s * n))), "at one end"),
        "every third": (_flip_by(chosen=lambda n, s, g: torch.arange(0, n, 3)[: round(s * n)]), "with every generator"),
        "by coin": (_flip_by(chosen=lambda n, s, g: torch.rand(n, generator=g) < s), "throw a coin"),
        "no wrapping": (_flip_by(lambda y, g: y + _rand(1, 10, y, g)), "wrap around"),
        "clamped": (_flip_by(lambda y, g: (y + _rand(1, 10, y, g)).clamp(max=9)), "wrap around"),
        "global random numbers": (
            _flip_by(lambda y, g: (y + torch.randint(1, 10, y.shape)) % 10),
            "to the second draw",
        ),
        "own seed": (lambda y, s, g, classes=10: _flip_labels(y, s, _seeded(0), classes), "do not seed inside"),
        "small moves": (_flip_by(lambda y, g: (y + _rand(1, 9, y, g)) % 10), "none is ever moved on by [9]"),
        "up to the last class but one": (_flip_by(lambda y, g: (y + _rand(1, 10, y, g)) % 9), "not % (classes - 1)"),
        "new classes from 1 up": (_flip_by(lambda y, g: _rand(1, 10, y, g)), "Those numbers are *moves*"),
        "stepped over too late": (
            _flip_by(lambda y, g: (d := _rand(0, 9, y, g)) + (d > y).long()),
            "mind > and >=",
        ),
        "turned round": (_flip_by(lambda y, g: 9 - y), "Each class always becomes one"),
        "only the wrong ones": (
            lambda y, s, g, c=10: _flip_labels(y, 1.0, g, c)[: round(s * len(y))],
            "Return *all* labels",
        ),
        "moved on where it stayed": (
            _flip_by(lambda y, g: torch.where((new := _rand(0, 10, y, g)) == y, (y + 1) % 10, new)),
            "is moved on by 1 ",
        ),
    },
)

# 7 --------------------------------------------------------------------------------------------------------------------

tell_apart = OpenExercise(
    place=7,
    title="Tell two readings apart",
    minutes=20,
    difficulty="hard",
    hints=(
        "Choose two rows of the table that both explain one and the same figure. On which altered target do they disagree?",
        "Change one property, keep the rest: which pictures, how sure on average, the label's weight, the tries. The "
        "functions of `kdlab.labels` are the bricks, and a `torch.randperm` of the pictures makes a control of nearly anything.",
        "`kdlab.sweeps.grid(recipe, learning_rate=[0.01, 0.02, 0.05, 0.1], seed=range(3))` gives the recipes that choose a "
        "rate. Report seeds that chose nothing, with `t_interval` of the differences seed by seed.",
    ),
    good_answer="""A good answer has five lines, and each can be wrong.

1. **Two readings and where they part.** For example: *"How sure the teacher is of **this** picture helps"* against *"any
   spread of sureness helps: some targets are softer than others, whichever"*.
2. **The control.** Flat targets (exercise 7.4) with the sureness of *another* picture: one `randperm` of the rows before
   the first choices are put back. Mean sureness, its spread and the first choices stay; only the link with the picture is
   gone. (Deal it out within each class, and the link with the class stays: a third reading less.)
3. **How it was run.** Same students, weights at the start, batches and steps; a rate for each arm, from as many tries, on
   validation pictures; the best rate not at the end of the grid; other seeds for the report.
   `sweeps.fit(students, inputs, labels, targets, recipes=...)` trains them all at once.
4. **The result as an interval**, paired seed by seed: "real sureness saves 12 ± 9 errors against dealt-out sureness" or
   "the seeds cannot tell them apart". Which of the two readings would have predicted what was said *before* the run.
5. **What it does not say.** One teacher, one temperature, one amount of data; one data set on which the teacher is
   nearly always sure.

For marking: the control changes exactly one thing (3 points); both predictions stand before the run (2); every arm is tuned
alike, on data that is not reported (2); interval instead of a single figure (2); limits (1). A clear "cannot be told
apart" is worth as much as a clear yes.""",
)

quiz = Quiz(
    Question(
        "A teacher knows p(y | x) but for a bias. With more and more examples, its student ...",
        (
            Option("ends at the best possible border, a little later.", "More data average luck away. A bias stays."),
            Option(
                "ends at the teacher's border, while students of labels go on to the true one.",
                "Right: less variance, and a bias that no number of examples mends.",
                True,
            ),
            Option(
                "wobbles as much as students of labels.",
                "Its targets hold no luck: it stands still, in the wrong place.",
            ),
        ),
    ),
    Question(
        "Soft targets that are as sure of each picture as the teacher, with all wrong classes equal, save as much as plain "
        "label smoothing. What does that say?",
        (
            Option(
                "Soft targets are nothing but label smoothing.",
                "These are. The real ones save more: what was taken away matters.",
            ),
            Option(
                "Here it is not the teacher's sureness alone that helps.",
                "Right: sureness is all that they have over smoothing.",
                True,
            ),
            Option("The teacher is badly calibrated.", "Nothing here measures that."),
        ),
    ),
    Question(
        "A student agrees with its teacher more than another one does. Is it the better student?",
        (
            Option(
                "Yes: the teacher is better than both.", "Agreement counts shared mistakes, too. Look at the errors."
            ),
            Option(
                "Perhaps. Agreement and accuracy are two measures; compare both, on pictures that neither has seen.",
                "Right.",
                True,
            ),
            Option("No: copying never helps.", "Here more agreement often went with fewer errors. It need not."),
        ),
    ),
    Question(
        "Teacher and student were trained on the *same* labels, of which 40 % are wrong. Will distillation clean them?",
        (
            Option("Yes: soft targets are always better than labels.", "These come from a net that learned the noise."),
            Option(
                "Only as far as the teacher is better informed than the labels: measure it.",
                "Right. A teacher does not know more because it is called teacher.",
                True,
            ),
            Option("No: a student can never be better than its teacher.", "It sometimes is. But do not count on it."),
        ),
    ),
    Question(
        "A clean teacher's student, told no label at all, beats students with *right* labels. What does that rule out?",
        (
            Option(
                "That soft targets contain the labels.", "They do: their largest entries nearly always are the labels."
            ),
            Option(
                "That the teacher brings nothing but the truth about these pictures.",
                "Right: the truth was there in both arms. The rest is softness.",
                True,
            ),
            Option(
                "That the learning rate matters.", "It does. Each arm had one of its own, or nothing could be said."
            ),
        ),
    ),
    Question(
        "A distilled student repeats two thirds of its teacher's mistakes. Was that copied?",
        (
            Option(
                "Yes, all of it.",
                "A student that never met the teacher repeats many of the same: hard pictures are hard.",
            ),
            Option("No: students do not copy mistakes.", "Perhaps some. The number alone does not say."),
            Option(
                "Compare with a student that never heard of the teacher: only the difference was.",
                "Right. And mind how few mistakes a good teacher makes: the share is uncertain.",
                True,
            ),
        ),
    ),
)
