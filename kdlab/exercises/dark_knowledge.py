"""Exercises of lesson 05, dark knowledge."""

import torch
from torch.nn import functional as F

from kdlab.exercises.core import Exercise, Option, Question, Quiz
from kdlab.losses import kl_divergence


def _seeded(seed):
    return torch.Generator().manual_seed(seed)


def _draw_apart(draw):
    """`draw()` -> (arguments, right value, {message: likely wrong value}), until all those values can be told apart."""
    while True:
        arguments, expected, mistakes = draw()
        values = torch.tensor([float(expected), *map(float, mistakes.values())]).sort().values
        if (values.diff() > 0.001 * values.abs()[1:]).all():
            return arguments, expected, mistakes


# 1 --------------------------------------------------------------------------------------------------------------------


def _balanced_draw(labels, per_class, generator):
    """Positions of `per_class` random examples of every class, as one tensor."""
    chosen = []
    for label in labels.unique():
        places = (labels == label).nonzero().squeeze(1)
        order = torch.randperm(len(places), generator=generator)
        chosen.append(places[order[:per_class]])
    return torch.cat(chosen).sort().values


def _ask_balanced_draw(ask):
    labels = torch.arange(4).repeat_interleave(torch.tensor([30, 60, 45, 90]))[torch.randperm(225)]
    answer = ask(labels, 6, _seeded(1))
    answer.is_tensor()
    places = answer.value
    answer.holds(
        places.dtype != torch.bool,
        "That is a mask. Return positions: `.nonzero()` turns a mask into the places where it is True.",
    )
    answer.holds(
        places.ndim == 1,
        f"Return one row of positions, for all classes together; yours has shape {tuple(places.shape)}.",
    )
    answer.holds(
        not (len(places) == 24 and bool((places < 4).all())),
        "Those are labels. Return the *positions* of the examples, so that pictures can follow.",
    )
    answer.holds(
        not places.is_floating_point() and (len(places) == 0 or 0 <= int(places.min()) <= int(places.max()) < 225),
        "Positions are whole numbers from 0 to the number of labels minus 1.",
    )
    answer.holds(len(places) != 6, "That is 6 examples in all. Take 6 of *each* class.")
    turned = ask(
        labels.flip(0), 6, _seeded(1)
    )  # the same classes elsewhere: other positions, unless counted in a class
    turned.is_tensor()
    answer.holds(
        not (len(places) == 24 and int(places.max()) < 90 and torch.equal(turned.value, places)),
        "These do not depend on where the labels stand: are they positions *inside* a class? With them, look up the "
        "positions among all labels.",
    )
    answer.holds(
        len(places.unique()) == len(places),
        "The same example was drawn twice. Draw without replacement: torch.randperm.",
    )
    counts = labels[places].bincount(minlength=4).tolist()
    answer.holds(
        len(places) == 24, f"There are 4 classes with 6 of each to draw: 24 positions. Yours are {len(places)}."
    )
    answer.holds(
        counts == [6] * 4,
        f"Not balanced: the classes got {counts}. Draw from the positions of one class at a time.",
    )
    again = ask(labels, 6, _seeded(1))
    again.holds(
        torch.equal(again.value.sort().values, places.sort().values),
        "The same generator seed gave other examples. Pass it on: torch.randperm(n, generator=generator).",
    )
    other = ask(labels, 6, _seeded(2))
    for which, end in (("first", slice(6)), ("last", slice(-6, None))):
        always = torch.cat([(labels == c).nonzero().squeeze(1)[end] for c in range(4)])
        answer.holds(
            not torch.equal(places.sort().values, always.sort().values),
            f"You always take the {which} ones of each class. Put the positions of a class into a random order first.",
        )
    other.holds(
        not torch.equal(other.value.sort().values, places.sort().values),
        "Two generators gave the same draw: do not seed inside the function, use the generator that you are given.",
    )


def _draw_variant(order):
    """A wrong answer: `order(n, generator)` puts the n examples of a class in an order."""

    def balanced_draw(labels, per_class, generator):
        each = [(labels == label).nonzero().squeeze(1) for label in labels.unique()]
        return torch.cat([places[order(len(places), generator)[:per_class]] for places in each])

    return balanced_draw


def _draw_by_position_in_class(labels, per_class, generator):
    orders = [torch.randperm(int((labels == c).sum()), generator=generator)[:per_class] for c in labels.unique()]
    return torch.cat(orders)


balanced_draw = Exercise(
    place=1,
    title="Two of each",
    minutes=5,
    difficulty="easy",
    reference=_balanced_draw,
    questions=_ask_balanced_draw,
    hints=(
        "Go through the classes one by one. Where are the examples of this class?",
        "`(labels == label).nonzero().squeeze(1)` are their positions. Draw some of these.",
        "`order = torch.randperm(len(places), generator=generator)`, then `places[order[:per_class]]`; `torch.cat` joins.",
    ),
    wrong={
        "the first ones": (_draw_variant(lambda n, g: torch.arange(n)), "always take the first"),
        "the last ones": (_draw_variant(lambda n, g: torch.arange(n).flip(0)), "always take the last"),
        "positions inside a class": (_draw_by_position_in_class, "*inside* a class"),
        "with replacement": (_draw_variant(lambda n, g: torch.randint(3, (n,), generator=g)), "drawn twice"),
        "global random numbers": (_draw_variant(lambda n, g: torch.randperm(n)), "Pass it on"),
        "own seed": (_draw_variant(lambda n, g: torch.randperm(n, generator=_seeded(0))), "do not seed inside"),
        "not balanced": (
            lambda labels, k, g: torch.randperm(len(labels), generator=g)[: k * len(labels.unique())],
            "Not balanced",
        ),
        "so many in all": (lambda labels, k, g: torch.randperm(len(labels), generator=g)[:k], "6 of *each*"),
        "labels": (lambda labels, k, g: labels[_balanced_draw(labels, k, g)], "Those are labels"),
        "a mask": (lambda labels, k, g: torch.zeros(len(labels)).bool(), "That is a mask"),
        "a row for each class": (
            lambda labels, k, g: _balanced_draw(labels, k, g).reshape(-1, k),
            "one row of positions",
        ),
    },
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _transfer_loss(student_logits, teacher_logits, labels, temperature, alpha):
    """alpha · CE on the pictures that have a label + (1 - alpha) · T² · KL on all of them; label -1 means none."""
    soft = temperature**2 * kl_divergence(student_logits, teacher_logits, temperature=temperature)
    labelled = labels >= 0
    if not labelled.any():
        return (1 - alpha) * soft
    hard = F.cross_entropy(student_logits[labelled], labels[labelled])
    return alpha * hard + (1 - alpha) * soft


def _partly_labelled():
    """A batch of 12 pictures of which 4 have a label: (arguments, the loss, likely wrong losses)."""
    labels = torch.full((12,), -1)
    labels[torch.randperm(12)[:4]] = torch.cat([torch.tensor([0]), torch.randint(1, 5, (3,))])  # always one zero
    has, every, T, alpha = labels >= 0, labels >= -1, 3.0, 0.3
    z, v = 2 * torch.randn(12, 5), 3 * torch.randn(12, 5)

    def combined(hard, soft, weight=alpha):
        return weight * hard + (1 - weight) * soft

    def soft(rows, square=T**2):
        return square * kl_divergence(z[rows], v[rows], temperature=T)

    hard = F.cross_entropy(z[has], labels[has])
    total = F.cross_entropy(z[has], labels[has], reduction="sum")
    as_last = -z.log_softmax(-1)[torch.arange(12), labels].mean()
    as_zero = F.cross_entropy(z, labels.clamp(min=0))
    no_zeros = F.cross_entropy(z[labels > 0], labels[labels > 0])
    swapped = T**2 * kl_divergence(v, z, temperature=T)
    cold = T**2 * kl_divergence(z, v)
    mistakes = {
        "You divide the label's term by all 12 pictures, but only 4 have a label. Their mean is the sum over 4.": combined(
            total / 12, soft(every)
        ),
        "Python reads the index -1 as *the last*: every picture without a label was told that it is the last class.": (
            combined(as_last, soft(every))
        ),
        "Pictures without a label were told that they are a zero.": combined(as_zero, soft(every)),
        "0 is a label too: pictures of a zero are missing in your label's term.": combined(no_zeros, soft(every)),
        "Student and teacher are the other way round in the KL: the student comes first in `kl_divergence`.": combined(
            hard, swapped
        ),
        "Your KL is taken at T = 1. Pass the temperature on to `kl_divergence`.": combined(hard, cold),
        "You dropped the pictures without a label from the teacher's term as well.": combined(hard, soft(has)),
        "The teacher may speak about *all* pictures, those with a label included.": combined(hard, soft(~has)),
        "T² is missing in the teacher's term (lesson 03).": combined(hard, soft(every, 1.0)),
        "alpha weighs the *labels*, 1 - alpha the teacher: yours are the other way round.": combined(
            hard, soft(every), 1 - alpha
        ),
        "The label's term is missing: four of these pictures have one.": (1 - alpha) * soft(every),
        "That is the teacher's term alone. Four of these pictures have a label.": soft(every),
        "That is the label's term alone.": hard,
    }
    return (z, v, labels, T, alpha), combined(hard, soft(every)), mistakes


def _ask_transfer_loss(ask):
    (z, v, labels, T, alpha), expected, mistakes = _draw_apart(_partly_labelled)
    answer = ask(z, v, labels, T, alpha)
    for message, wrong in mistakes.items():
        answer.is_not(wrong, message)
    answer.is_number()
    answer.equals(expected, "The loss is off. Look at the two terms one by one.")
    soft = T**2 * kl_divergence(z, v, temperature=T)
    none = torch.full((12,), -1)
    empty = ask(z, v, none, T, alpha)
    empty.is_number()
    empty.holds(
        not torch.as_tensor(empty.value).isnan(),
        "A batch in which *no* picture has a label gives nan: the mean of nothing is 0 / 0. With 20 labels among 10 000 "
        "pictures most batches are like that.",
    )
    empty.is_not(
        soft,
        "Without labels you give the teacher the whole weight. Let its weight stay 1 - alpha; the label's term is 0.",
    )
    empty.is_not(0.0, "A batch without labels is not lost: the teacher still speaks.")
    empty.equals((1 - alpha) * soft, "Where no picture has a label, (1 - alpha) · T² · KL should be left.")
    at = z.clone().requires_grad_()
    gradient = ask(at, v, labels, T, alpha).gradient(0)
    again = z.clone().requires_grad_()
    _transfer_loss(again, v, labels, T, alpha).backward()
    gradient.equals(again.grad, "The value is right, but its gradient is not: does every part stay a torch operation?")


def _transfer_variant(
    hard=None,
    soft=None,
    square=lambda t: t**2,
    weight=lambda a: a,
    guard=True,
    empty=lambda a: 1 - a,
    kl=kl_divergence,
):
    """A wrong answer: `hard(z, y)` is the label's term, `soft(y)` says which rows the teacher speaks about."""

    def right(z, y):
        return F.cross_entropy(z[y >= 0], y[y >= 0])

    def transfer_loss(student_logits, teacher_logits, labels, temperature, alpha):
        rows = labels > -2 if soft is None else soft(labels)
        soft_term = square(temperature) * kl(student_logits[rows], teacher_logits[rows], temperature=temperature)
        if guard and not (labels >= 0).any():
            return empty(alpha) * soft_term
        return weight(alpha) * (hard or right)(student_logits, labels) + (1 - weight(alpha)) * soft_term

    return transfer_loss


transfer_loss = Exercise(
    place=2,
    title="A loss for pictures without labels",
    minutes=10,
    difficulty="medium",
    reference=_transfer_loss,
    questions=_ask_transfer_loss,
    hints=(
        "Two terms, and they look at different pictures. Which pictures does each of them look at?",
        "`labelled = labels >= 0` picks those with a label. What is the mean over them, when there are none?",
        "`F.cross_entropy(student_logits[labelled], labels[labelled])` for the label's term, and before it: "
        "`if not labelled.any(): return (1 - alpha) * soft`.",
    ),
    wrong={
        "divided by all": (
            _transfer_variant(lambda z, y: F.cross_entropy(z, y, ignore_index=-1, reduction="sum") / len(y)),
            "divide the label's term by all",
        ),
        "-1 is the last class": (
            _transfer_variant(lambda z, y: -z.log_softmax(-1)[torch.arange(len(y)), y].mean()),
            "*the last*",
        ),
        "-1 becomes 0": (_transfer_variant(lambda z, y: F.cross_entropy(z, y.clamp(min=0))), "are a zero"),
        "zeros have no label": (
            _transfer_variant(lambda z, y: F.cross_entropy(z[y > 0], y[y > 0])),
            "0 is a label too",
        ),
        "KL the other way round": (
            _transfer_variant(kl=lambda z, v, temperature: kl_divergence(v, z, temperature=temperature)),
            "student comes first",
        ),
        "KL without temperature": (_transfer_variant(kl=lambda z, v, temperature: kl_divergence(z, v)), "at T = 1"),
        "teacher only with labels": (_transfer_variant(soft=lambda y: y >= 0), "dropped the pictures"),
        "teacher only without labels": (_transfer_variant(soft=lambda y: y < 0), "*all* pictures"),
        "no T²": (_transfer_variant(square=lambda t: 1.0), "T² is missing"),
        "alpha the other way round": (_transfer_variant(weight=lambda a: 1 - a), "other way round"),
        "teacher alone": (_transfer_variant(hard=lambda z, y: 0.0), "label's term is missing"),
        "nan without labels": (
            _transfer_variant(lambda z, y: F.cross_entropy(z, y, ignore_index=-1), guard=False),
            "gives nan",
        ),
        "whole weight without labels": (_transfer_variant(empty=lambda a: 1.0), "whole weight"),
        "nothing without labels": (_transfer_variant(empty=lambda a: 0.0), "not lost"),
        "cross_entropy of -1": (_transfer_variant(hard=F.cross_entropy), "Your function stopped"),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _omit_digit(digit, inputs, labels, teacher_logits):
    """Everything but this digit: (inputs, labels, teacher_logits), in the order they had."""
    keep = labels != digit
    return inputs[keep], labels[keep], teacher_logits[keep]


def _ask_omit_digit(ask):
    n = 80
    labels = torch.arange(10).repeat(8)[torch.randperm(n)]
    inputs = torch.arange(n).float().unsqueeze(1).repeat(1, 6)
    teacher_logits = F.one_hot((labels + 3) % 10, 10).float() + 100 * torch.arange(n).float().unsqueeze(1)
    expected = (labels != 4).nonzero().squeeze(1)
    shapes = [(72, 6), (72,), (72, 10)]
    answer = ask(4, inputs, labels, teacher_logits)
    answer.is_sequence(3, "inputs, labels and teacher_logits, in that order")
    for name, part in zip(("inputs", "labels", "teacher_logits"), answer.value, strict=True):
        kind = "NumPy array" if type(part).__module__.split(".")[0] == "numpy" else type(part).__name__
        answer.holds(isinstance(part, torch.Tensor), f"Your {name} came back as a {kind}. Return torch tensors.")
    got = [tuple(part.shape) for part in answer.value]
    answer.holds(
        len(got[2]) != 2 or got[2][1] != 9,
        "The teacher's tenth logit is what we are after: drop *pictures* of the digit, keep its column.",
    )
    x, y, z = answer.value
    answer.holds(got[0] != (8, 6), "You kept the digit and dropped everything else.")
    answer.holds(
        not (got[2] == (n, 10) and got[1] == (72,)),
        "The teacher's logits stayed as they were: row 50 now describes another picture. Drop the same rows there.",
    )
    answer.holds(
        got[1] != (n,) or got[0] != (72, 6),
        "Only the pictures went. Labels and teacher logits must lose the same rows.",
    )
    answer.holds(got[0] != (n, 6), "All pictures are still there. Rows of that digit have to go, not become zero.")
    answer.holds(got == shapes, f"The shapes should be {shapes}; yours are {got}.")
    gone = [digit for digit in range(10) if not bool((y == digit).any())]
    answer.holds(
        gone in ([4], [1], []),  # the teacher takes every 1 for a 4
        f"You dropped the digit {gone[0] if gone else ''}; asked for was 4. Which digit to drop is passed to the function.",
    )
    answer.holds(
        not bool((y == 4).any()),
        "There are still pictures whose *label* is the digit. Ask the labels which to drop, not the teacher.",
    )
    answer.holds(
        torch.equal(y, labels[expected]), "The labels are not those of the other digits, in the order they had."
    )
    rows = [part[:, 0].tolist() for part in (x, (z / 100).floor())]
    answer.holds(
        rows[0] == rows[1],
        "Pictures and teacher logits do not belong together any more. Use one mask for all three.",
    )
    answer.holds(
        rows[0] == expected.tolist(), "Pictures and labels do not belong together. Use one mask for all three."
    )
    answer.holds(torch.equal(z, teacher_logits[expected]), "The teacher's logits were changed. Only drop rows.")


def _omit_variant(x=True, y=True, z=True, keep=lambda digit, y, z: y != digit):
    """A wrong answer: which of the three lose rows, and which rows they keep."""

    def omit_digit(digit, inputs, labels, teacher_logits):
        chosen = keep(digit, labels, teacher_logits)
        parts = ((inputs, x), (labels, y), (teacher_logits, z))
        return tuple(part[chosen] if drop else part for part, drop in parts)

    return omit_digit


omit_digit = Exercise(
    place=3,
    title="A digit goes missing",
    minutes=5,
    difficulty="easy",
    reference=_omit_digit,
    questions=_ask_omit_digit,
    hints=(
        "One mask says which rows stay.",
        "`keep = labels != digit` is True where a row stays. Which of the three does it apply to?",
        "`return inputs[keep], labels[keep], teacher_logits[keep]`.",
    ),
    wrong={
        "teacher logits stay": (_omit_variant(z=False), "stayed as they were"),
        "only the pictures": (_omit_variant(y=False, z=False), "Only the pictures went"),
        "nothing": (_omit_variant(x=False, y=False, z=False), "still there"),
        "keeps only the digit": (_omit_variant(keep=lambda d, y, z: y == d), "dropped everything else"),
        "always the 3": (_omit_variant(keep=lambda d, y, z: y != 3), "is passed to the function"),
        "NumPy": (lambda d, x, y, z: tuple(part[y != d].numpy() for part in (x, y, z)), "as a NumPy array"),
        "asks the teacher": (_omit_variant(keep=lambda d, y, z: z.argmax(-1) != d), "not the teacher"),
        "drops the column": (
            lambda d, x, y, z: (x[y != d], y[y != d], z[y != d][:, [c for c in range(10) if c != d]]),
            "keep its column",
        ),
        "silences the column": (
            lambda d, x, y, z: (x[y != d], y[y != d], z[y != d].index_fill(1, torch.tensor([d]), -1e9)),
            "Only drop rows",
        ),
        "two results": (lambda d, x, y, z: (x[y != d], y[y != d]), "Return 3 values"),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _best_bias(logits, labels, digit, candidates):
    """The candidate that, added to the logit of `digit`, leaves the fewest errors among all pictures."""
    errors = []
    for bias in candidates:
        biased = logits.clone()
        biased[:, digit] += bias
        errors.append(int((biased.argmax(-1) != labels).sum()))
    return candidates[errors.index(min(errors))]


def _with_bias(logits, digit, bias):
    biased = logits.clone()
    biased[:, digit] += bias
    return biased


def _errors_with_biases(logits, labels, digit, candidates, count=lambda wrong, mine: wrong):
    """How many errors each candidate leaves, of those that `count` (a mask) counts."""
    found = []
    for bias in candidates:
        wrong = _with_bias(logits, digit, bias).argmax(-1) != labels
        found.append(int(count(wrong, labels == digit).sum()))
    return found


def _smallest_loss(logits, labels, digit, candidates):
    """A wrong answer: the candidate with the smallest cross-entropy."""
    losses = [float(F.cross_entropy(_with_bias(logits, digit, bias), labels)) for bias in candidates]
    return candidates[losses.index(min(losses))]


def _always_3(logits, labels, digit, candidates):
    """A wrong answer: the digit of the lesson, whatever is passed."""
    return _best_bias(logits, labels, 3, candidates)


def _biased_case():
    """Logits of a student that has never seen its digit: right about most others, too low by about 3 at the digit."""
    digit = [0, 1, 2, 4][int(torch.randint(4, (1,)))]  # not the 3 of the lesson
    labels = torch.arange(5).repeat(80)
    logits = 1.2 * torch.randn(400, 5) + 4 * F.one_hot(labels, 5)
    logits[:, digit] -= 3
    return logits, labels, digit


def _telling_case(candidates):
    """Such logits for which the likely mistakes lead to candidates of their own."""
    while True:
        logits, labels, digit = _biased_case()
        on_digit = _errors_with_biases(logits, labels, digit, candidates, lambda wrong, mine: wrong & mine)
        found = {candidates[on_digit.index(min(on_digit))]}
        found |= {pick(logits, labels, digit, candidates) for pick in (_best_bias, _smallest_loss, _always_3)}
        if len(found) == 4:
            return logits, labels, digit


def _ask_best_bias(ask):
    candidates = [0.5 * k - 11.75 for k in range(48)]  # no whole numbers: a count cannot be taken for one
    logits, labels, digit = _telling_case(candidates)
    good = 9 * F.one_hot(labels, 5).float()
    rising, falling = (ask(good, labels, digit, each) for each in ([-20.0, 0.0, 20.0], [20.0, 0.0, -20.0]))
    rising.is_number()
    rising.holds(
        not (rising.value == -20 and falling.value == 20),
        "Every candidate seems to leave the same errors: did you add it to *all* logits, or to a whole row? Softmax and "
        "argmax do not notice such a shift. Each picture has a row; the digit has a column.",
    )
    all_errors = _errors_with_biases(logits, labels, digit, candidates)
    on_digit = _errors_with_biases(logits, labels, digit, candidates, lambda wrong, mine: wrong & mine)
    others = _errors_with_biases(logits, labels, digit, candidates, lambda wrong, mine: wrong & ~mine)
    left, fewest = dict(zip(candidates, all_errors, strict=True)), min(all_errors)

    answer = ask(logits, labels, digit, candidates)
    answer.is_number()
    value = float(answer.value)
    answer.holds(
        left.get(value, fewest) == fewest or left[-value] != fewest,
        "The sign is the wrong way round: what you return is *added* to the logit.",
    )
    answer.is_not(
        float(fewest), "That is how many errors are left. Return the *bias* that leaves so few, not their number."
    )
    answer.is_not(float(all_errors.index(fewest)), "That is a position in the list. Return the candidate itself.")
    for given, wrong in ((answer, candidates[on_digit.index(min(on_digit))]), (falling, 20.0)):
        given.is_not(
            wrong,
            "You counted errors on that digit alone. Then a large bias is always fine: call everything by that digit. "
            "Count the errors on *all* pictures.",
        )
    for given, wrong in ((answer, candidates[others.index(min(others))]), (rising, -20.0)):
        given.is_not(wrong, "You counted errors on the other digits alone, and left out the digit that needs help.")
    answer.is_not(
        candidates[all_errors.index(max(all_errors))],
        "That candidate leaves the *most* errors. Is it the smallest accuracy that you look for?",
    )
    by_loss = "You looked for the smallest cross-entropy. That is another bias: count the errors."
    answer.is_not(_smallest_loss(logits, labels, digit, candidates), by_loss)
    answer.is_not(
        _always_3(logits, labels, digit, candidates),
        f"You raised logit 3, but the digit here is {digit}: it is passed to the function.",
    )
    answer.holds(value in candidates, "Return one of the candidates.")
    answer.equals(
        value if left[value] == fewest else candidates[all_errors.index(fewest)],
        f"With this bias {left[value]} errors are left; another candidate leaves {fewest}. "
        "Add each to the logit of the digit, and count all errors again.",
    )
    rising.equals(0.0, "These logits make no error at all without a bias, so the best one here is 0.")
    falling.equals(0.0, "These logits make no error at all without a bias, so the best one here is 0.")
    # 5 pictures of the digit and 40 others: at 2.5 all are right by a little, at 0.5 the many others have less loss.
    margins = torch.tensor([-1.0] * 5 + [-3.0] * 40)
    few = ask(torch.stack([torch.zeros(45), margins], 1), torch.tensor([1] * 5 + [0] * 40), 1, [-1.5, 0.5, 2.5])
    few.is_number()
    few.is_not(0.5, by_loss)
    few.equals(2.5, "Here the bias 2.5 leaves no error at all.")


def _bias_variant(count=lambda wrong, mine: wrong, pick=min, sign=1.0, result=lambda c, e, at: c[at]):
    def best_bias(logits, labels, digit, candidates):
        found = _errors_with_biases(logits, labels, digit, [sign * c for c in candidates], count)
        return result(candidates, found, found.index(pick(found)))

    return best_bias


def _bias_on_all_logits(logits, labels, digit, candidates):
    found = [int(((logits + bias).argmax(-1) != labels).sum()) for bias in candidates]
    return candidates[found.index(min(found))]


def _bias_on_a_row(logits, labels, digit, candidates):
    found = []
    for bias in candidates:
        biased = logits.clone()
        biased[digit] += bias
        found.append(int((biased.argmax(-1) != labels).sum()))
    return candidates[found.index(min(found))]


def _bias_in_place(logits, labels, digit, candidates):
    found = []
    for bias in candidates:
        logits[:, digit] += bias
        found.append(int((logits.argmax(-1) != labels).sum()))
    return candidates[found.index(min(found))]


best_bias = Exercise(
    place=4,
    title="The bias that was missing",
    minutes=10,
    difficulty="medium",
    reference=_best_bias,
    questions=_ask_best_bias,
    hints=(
        "Try all candidates, one after the other, and count the errors that each leaves.",
        "Work on a copy, `biased = logits.clone()`, and change one column: `biased[:, digit] += bias`.",
        "Keep the counts in a list; `candidates[errors.index(min(errors))]` is the candidate with the fewest.",
    ),
    wrong={
        "only the digit's errors": (_bias_variant(count=lambda wrong, mine: wrong & mine), "that digit alone"),
        "only the others' errors": (_bias_variant(count=lambda wrong, mine: wrong & ~mine), "other digits alone"),
        "wrong sign": (_bias_variant(sign=-1.0), "sign is the wrong way round"),
        "the most errors": (_bias_variant(pick=max), "*most* errors"),
        "number of errors": (_bias_variant(result=lambda c, e, at: e[at]), "how many errors"),
        "position": (_bias_variant(result=lambda c, e, at: at), "position in the list"),
        "smallest cross-entropy": (_smallest_loss, "smallest cross-entropy"),
        "always the 3": (_always_3, "raised logit 3"),
        "a row": (_bias_on_a_row, "a whole row"),
        "in place": (_bias_in_place, "in place"),
        "all logits": (_bias_on_all_logits, "*all* logits"),
        "no candidate": (lambda z, y, d, c: 3.14, "one of the candidates"),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _flip_labels(labels, share, generator, classes=10):
    """A copy of labels in which exactly this share is wrong, each one uniformly one of the other classes."""
    order = torch.randperm(len(labels), generator=generator)
    moves = torch.randint(1, classes, (len(labels),), generator=generator)
    chosen = order[: round(share * len(labels))]
    noisy = labels.clone()
    noisy[chosen] = (labels[chosen] + moves[chosen]) % classes
    return noisy


def _ask_flip_labels(ask):
    n, share = 2000, 0.3
    labels = torch.arange(10).repeat(n // 10)
    answer = ask(labels, share, _seeded(3))
    answer.is_tensor((n,))
    noisy = answer.value
    answer.holds(not noisy.is_floating_point(), "Labels are whole numbers; yours have become floats.")
    answer.holds(
        0 <= int(noisy.min()) <= int(noisy.max()) <= 9,
        f"There is a label {int(noisy.max())}. Classes go from 0 to 9: wrap around, with % classes.",
    )
    wrong = noisy != labels
    count = int(wrong.sum())
    answer.holds(count > 0, "No label has changed.")
    answer.holds(count != n - round(share * n), f"{count / n:.0%} of the labels are wrong: that is 1 - share.")
    moves = ((noisy - labels) % 10)[wrong].bincount(minlength=10)[1:]
    first, last = (
        torch.equal(wrong.nonzero().squeeze(1), places) for places in (torch.arange(600), torch.arange(1400, n))
    )
    answer.holds(not (first or last), "The wrong labels stand all at one end. Draw their positions at random.")
    expected = round(share * n)
    answer.holds(
        not (0.83 < count / expected < 0.97),
        f"{count} labels are wrong, but {expected} were asked for. About one draw in ten hit the label that was there: "
        "a label that is *wrong* must be another class.",
    )
    answer.holds(
        count == expected,
        f"{count} labels are wrong; exactly {expected} should be. Draw so many positions, with torch.randperm, each once.",
    )
    answer.holds(
        int((moves > 0).sum()) > 1,
        "Every wrong label is moved by the same amount, so each class is always taken for one and the same other. Draw the new class.",
    )
    answer.holds(
        int(moves.min()) > 0.4 * expected / 9 and int(moves.max()) < 1.8 * expected / 9,
        "The nine other classes should be equally likely. Yours are not.",
    )
    again = ask(labels, share, _seeded(3))
    again.holds(
        torch.equal(again.value, noisy),
        "The same generator seed gave other labels. Pass the generator to every draw.",
    )
    other = ask(labels, share, _seeded(4))
    other.holds(
        not torch.equal(other.value, noisy),
        "Two generators gave the same labels: do not seed inside the function, use the generator that you are given.",
    )
    exact = ask(labels[:100], 0.29, _seeded(3))
    found = int((exact.value != labels[:100]).sum())
    exact.holds(
        found == 29,
        f"29 % of 100 labels are 29; yours are {found}. In floating point 0.29 · 100 is a hair less: int() cuts it off.",
    )
    four = ask(labels % 4, share, _seeded(3), 4)
    four.is_tensor((n,))
    four.holds(
        0 <= int(four.value.min()) <= int(four.value.max()) <= 3,
        f"With classes=4 there came a label {int(four.value.max())}. Use `classes`; there need not be ten.",
    )
    four.holds(
        int((four.value != labels % 4).sum()) == expected, f"With classes=4 not exactly {expected} labels are wrong."
    )
    ask(labels, 0.0, _seeded(3)).equals(labels, "With a share of 0 every label should stay.")
    ask(torch.zeros(50, dtype=torch.long), 1.0, _seeded(3)).holds(
        bool((ask.answers[-1].value != 0).all()), "With a share of 1 no label should stay."
    )


def _flip_variant(new=None, chosen=None, copy=True):
    """A wrong answer: `chosen(n, share, generator)` are the positions, `new(labels, generator)` the new labels."""

    def flip_labels(labels, share, generator, classes=10):
        n = len(labels)
        places = chosen or (lambda n, share, g: torch.randperm(n, generator=g)[: round(share * n)])
        places = places(n, share, generator)
        noisy = labels.clone() if copy else labels
        label = new or (lambda y, g: (y + torch.randint(1, classes, y.shape, generator=g)) % classes)
        noisy[places] = label(labels[places], generator)
        return noisy

    return flip_labels


flip_labels = Exercise(
    place=5,
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
        "may stay as it was": (
            _flip_variant(new=lambda y, g: torch.randint(10, y.shape, generator=g)),
            "another class",
        ),
        "in place": (_flip_variant(copy=False), "in place"),
        "the right share": (
            _flip_variant(chosen=lambda n, s, g: torch.randperm(n, generator=g)[round(s * n) :]),
            "1 - share",
        ),
        "always ten classes": (
            lambda labels, share, generator, classes=10: _flip_labels(labels, share, generator),
            "there need not be ten",
        ),
        "cut, not rounded": (
            _flip_variant(chosen=lambda n, s, g: torch.randperm(n, generator=g)[: int(s * n)]),
            "int() cuts it off",
        ),
        "always the next class": (_flip_variant(new=lambda y, g: (y + 1) % 10), "by the same amount"),
        "the first ones": (_flip_variant(chosen=lambda n, s, g: torch.arange(round(s * n))), "at one end"),
        "by coin": (
            _flip_variant(chosen=lambda n, s, g: (torch.rand(n, generator=g) < s + 0.03).nonzero().squeeze(1)),
            "exactly 600",
        ),
        "no wrapping": (_flip_variant(new=lambda y, g: y + torch.randint(1, 10, y.shape, generator=g)), "wrap around"),
        "global random numbers": (
            _flip_variant(new=lambda y, g: (y + torch.randint(1, 10, y.shape)) % 10),
            "Pass the generator",
        ),
        "own seed": (
            lambda labels, share, generator, classes=10: _flip_labels(labels, share, _seeded(0), classes),
            "do not seed inside",
        ),
        "small moves": (
            _flip_variant(new=lambda y, g: (y + torch.randint(1, 4, y.shape, generator=g)) % 10),
            "equally likely",
        ),
    },
)

# 6 --------------------------------------------------------------------------------------------------------------------


def _expected_calibration_error(logits, labels, bins=15):
    """Mean gap of confidence and accuracy over equally wide bins of confidence, weighted by how many each holds."""
    confidence, predicted = logits.softmax(-1).max(-1)
    right = (predicted == labels).to(confidence.dtype)
    bin_of = (confidence * bins).ceil().clamp(1, bins) - 1
    total = 0.0
    for k in range(bins):
        inside = bin_of == k
        if inside.any():
            gap = (right[inside].mean() - confidence[inside].mean()).abs()
            total += inside.float().mean() * gap
    return float(total)


def _bin_gaps(logits, labels, bins, confidence=None):
    """(weight, accuracy - confidence) of every bin that holds something."""
    sure, predicted = logits.softmax(-1).max(-1)
    sure = sure if confidence is None else confidence
    right = (predicted == labels).to(sure.dtype)
    bin_of = (sure * bins).ceil().clamp(1, bins) - 1
    full = [bin_of == k for k in range(bins) if (bin_of == k).any()]
    return [(inside.float().mean(), right[inside].mean() - sure[inside].mean()) for inside in full]


def _gaps_of_equally_many(logits, labels, bins):
    """The error over bins that hold equally many answers."""
    confidence, predicted = logits.softmax(-1).max(-1)
    gaps = ((predicted == labels).to(confidence.dtype) - confidence)[confidence.argsort()]
    return sum(part.sum().abs() for part in gaps.tensor_split(bins)) / len(labels)


def _bins_matter():
    """200 answers at five confidences; two of these share a bin of 15, three a bin of 4, and none a bin of 10."""
    counts = torch.tensor([50, 30, 40, 20, 60])
    sure = torch.tensor([0.58, 0.69, 0.72, 0.87, 0.97]).double().repeat_interleave(counts)
    right = torch.cat([torch.arange(n) < k for n, k in zip(counts.tolist(), (10, 30, 20, 20, 48), strict=True)])
    logits = torch.stack([torch.zeros(200).double(), (sure / (1 - sure)).log()], 1)
    order = torch.randperm(200)
    return logits[order], right.long()[order]


def _badly_calibrated():
    """3000 answers, timid where they are unsure, overconfident where they are sure: (arguments, ECE, likely wrong)."""
    scale = torch.tensor([1.2, 6.0]).repeat(1500).double().unsqueeze(1)
    logits = scale * torch.randn(3000, 6, dtype=torch.double)
    honest = torch.multinomial((1.5 * logits / scale).softmax(-1), 1).squeeze(1)
    timid = torch.where(torch.rand(3000) < 0.6, logits.argmax(-1), honest)
    labels = torch.where(scale.squeeze(1) < 2, timid, honest)
    gaps = _bin_gaps(logits, labels, 15)
    absolute, signed = sum(w * gap.abs() for w, gap in gaps), sum(w * gap for w, gap in gaps)
    of_label = _bin_gaps(logits, labels, 15, logits.softmax(-1)[torch.arange(3000), labels])
    confidence, predicted = logits.softmax(-1).max(-1)
    cancel = (
        "Gaps of opposite sign cancel in yours: being too sure here and too timid there is no excuse. Take the absolute "
        "gap of each bin before you add up. (The two means of *all* pictures hide it in the same way.)"
    )
    mistakes = {
        "All bins count alike in yours, be there one picture in them or a thousand. Weigh each by its share of the "
        "pictures.": sum(gap.abs() for _, gap in gaps) / len(gaps),
        "Weigh each bin by its share of the pictures, not by 1 / bins.": sum(gap.abs() for _, gap in gaps) / 15,
        "Weigh each bin by its share of the pictures before you add up.": sum(gap.abs() for _, gap in gaps),
        cancel: signed,
        cancel + " ": -signed,
        "That is the gap of every single picture. A single answer is right or wrong; only a *group* can be right in 70 % "
        "of its cases. Average inside a bin first.": ((predicted == labels).double() - confidence).abs().mean(),
        "That is the worst bin (the *maximum* calibration error). Average over bins.": max(
            gap.abs() for _, gap in gaps
        ),
        "That is in percent. Return a share between 0 and 1.": 100 * absolute,
        "You used the probability of the *label*. Confidence is the probability of the class that was predicted.": sum(
            w * gap.abs() for w, gap in of_label
        ),
    }
    return (logits, labels), absolute, mistakes


def _ask_expected_calibration_error(ask):
    arguments, expected, mistakes = _draw_apart(_badly_calibrated)
    answer = ask(*arguments)
    answer.is_number()
    answer.holds(
        not torch.as_tensor(answer.value).isnan(),
        "The result is nan. With six classes no confidence is below 1/6, and the mean of an empty bin is 0 / 0: skip it.",
    )
    for message, wrong in mistakes.items():
        answer.is_not(wrong, message)
    ten = "That is the error with 10 bins. How many there are is passed to the function, as `bins`."
    wide = "Bins are equally *wide* (1 / bins each), whether many answers fall into them or few."
    off = (
        "The error is off. In each bin, all of them equally wide: accuracy, mean confidence, and the share of pictures."
    )
    answer.is_not(_expected_calibration_error(*arguments, bins=10), ten)
    answer.is_not(_gaps_of_equally_many(*arguments, 15), wide)
    answer.equals(expected, off, 1e-3)
    arguments = _bins_matter()
    answer, other = ask(*arguments), ask(*arguments, bins=4)
    answer.is_not(_expected_calibration_error(*arguments, bins=10), ten)
    answer.is_not(_gaps_of_equally_many(*arguments, 15), wide)
    answer.equals(_expected_calibration_error(*arguments), off, 1e-3)
    other.is_not(answer.value, "With bins=4 you give the same as with 15. Use the argument `bins`.")
    other.equals(_expected_calibration_error(*arguments, bins=4), "With bins=4 the error is off.", 1e-3)
    sure = 50 * F.one_hot(torch.tensor([0, 1, 2, 0]), 3).double()
    sparse = ask(sure, torch.tensor([0, 1, 2, 1]))
    sparse.is_not(0.0, "A confidence of exactly 1 fell out of your last bin. A bin needs its upper edge as well.")
    sparse.equals(0.25, "Four answers, all with confidence 1, three of them right: the gap is 1/4.")


def _ece_with_lower_edges(logits, labels, bins=15):
    """A wrong answer: bins hold their lower edge and not their upper one."""
    confidence, predicted = logits.softmax(-1).max(-1)
    gaps = (predicted == labels).to(confidence.dtype) - confidence
    inside = [(confidence >= k / bins) & (confidence < (k + 1) / bins) for k in range(bins)]
    return float(sum(gaps[mask].sum().abs() for mask in inside) / len(labels))


def _ece_variant(combine, guard=True, confidence=None):
    """A wrong answer: `combine(weights, gaps)` makes the result; without `guard` empty bins are not skipped."""

    def expected_calibration_error(logits, labels, bins=15):
        sure = confidence(logits, labels) if confidence else None
        weights, gaps = (torch.stack(part) for part in zip(*_bin_gaps(logits, labels, bins, sure), strict=True))
        if not guard and len(weights) < bins:
            return float("nan")
        return float(combine(weights, gaps))

    return expected_calibration_error


expected_calibration_error = Exercise(
    place=6,
    title="How far confidence is off",
    minutes=10,
    difficulty="medium",
    reference=_expected_calibration_error,
    questions=_ask_expected_calibration_error,
    hints=(
        "`confidence, predicted = logits.softmax(-1).max(-1)`. Sort the pictures into bins by their confidence.",
        "Bin k holds confidences above k / bins and up to (k + 1) / bins. In a bin: accuracy minus mean confidence.",
        "Skip empty bins; add up `share of the pictures · |accuracy - confidence|`. "
        "`(confidence * bins).ceil().clamp(1, bins) - 1` numbers the bins.",
    ),
    wrong={
        "always 10 bins": (lambda z, y, bins=15: _expected_calibration_error(z, y, 10), "with 10 bins"),
        "always 15 bins": (lambda z, y, bins=15: _expected_calibration_error(z, y, 15), "Use the argument"),
        "bins that hold equally many": (
            lambda z, y, bins=15: float(_gaps_of_equally_many(z, y, bins)),
            "equally *wide*",
        ),
        "without the upper edge": (_ece_with_lower_edges, "fell out of your last bin"),
        "all bins alike": (_ece_variant(lambda w, g: g.abs().mean()), "count alike"),
        "sum of gaps": (_ece_variant(lambda w, g: g.abs().sum()), "before you add up"),
        "signs cancel": (_ece_variant(lambda w, g: (w * g).sum()), "cancel"),
        "no bins": (
            lambda z, y, bins=15: float((z.softmax(-1).max(-1).values - (z.argmax(-1) == y).double()).mean().abs()),
            "cancel",
        ),
        "every picture its own": (
            lambda z, y, bins=15: float((z.softmax(-1).max(-1).values - (z.argmax(-1) == y).double()).abs().mean()),
            "every single picture",
        ),
        "worst bin": (_ece_variant(lambda w, g: g.abs().max()), "worst bin"),
        "percent": (_ece_variant(lambda w, g: 100 * (w * g.abs()).sum()), "in percent"),
        "probability of the label": (
            _ece_variant(
                lambda w, g: (w * g.abs()).sum(), confidence=lambda z, y: z.softmax(-1)[torch.arange(len(y)), y]
            ),
            "*label*",
        ),
        "empty bins": (_ece_variant(lambda w, g: (w * g.abs()).sum(), guard=False), "skip it"),
    },
)

# 7 --------------------------------------------------------------------------------------------------------------------


def _macro_f1(logits, labels):
    """Mean over the classes of F1 = 2 TP / (2 TP + FP + FN), from 0 to 1."""
    predicted = logits.argmax(-1)
    scores = []
    for label in torch.cat([labels, predicted]).unique():
        true_positives = ((predicted == label) & (labels == label)).sum()
        false_positives = ((predicted == label) & (labels != label)).sum()
        false_negatives = ((predicted != label) & (labels == label)).sum()
        scores.append(2 * true_positives / (2 * true_positives + false_positives + false_negatives))
    return float(torch.stack(scores).mean())


def _precision_recall(logits, labels):
    predicted = logits.argmax(-1)
    classes = range(logits.shape[-1])
    hits = torch.stack([((predicted == c) & (labels == c)).sum() for c in classes]).double()
    told = torch.stack([(predicted == c).sum() for c in classes]).double()
    true = torch.stack([(labels == c).sum() for c in classes]).double()
    return hits / told, hits / true, true


def _harmonic(precision, recall):
    return (2 * precision * recall / (precision + recall)).nan_to_num()


def _rare_and_common():
    """400 predictions, about 70 % right, of ten digits between 10 and 95 strong: (arguments, macro F1, likely wrong)."""
    labels = torch.arange(10).repeat_interleave(torch.tensor([95, 80, 60, 45, 35, 25, 20, 15, 15, 10]))
    moved = (labels + torch.randint(1, 10, (400,))) % 10
    predicted = torch.where(torch.rand(400) < 0.7, labels, moved)
    logits = 6 * F.one_hot(predicted, 10) + torch.rand(400, 10)
    precision, recall, true = _precision_recall(logits, labels)
    each = _harmonic(precision, recall)
    mistakes = {
        "That is the accuracy. If you added up TP, FP and FN over the classes first, that is the *micro* average, and with "
        "one prediction for each picture it is accuracy by another name. Make F1 class by class, then average.": (
            (predicted == labels).double().mean()
        ),
        "You weighed the classes by their size. In a *macro* average all count alike.": (each * true).sum()
        / true.sum(),
        "That is the mean precision TP / (TP + FP). F1 looks at missed pictures (FN) as well.": precision.mean(),
        "That is the mean recall TP / (TP + FN). F1 looks at false alarms (FP) as well.": recall.mean(),
        "F1 is the *harmonic* mean of precision and recall: 2 TP / (2 TP + FP + FN).": (
            (precision + recall) / 2
        ).mean(),
        "You averaged first and combined afterwards. First F1 of each class.": _harmonic(
            precision.mean(), recall.mean()
        ),
        "A factor 2 is missing above the fraction line.": each.mean() / 2,
        "That is in percent. Return a share between 0 and 1.": 100 * each.mean(),
    }
    return (logits, labels), each.mean(), mistakes


def _ask_macro_f1(ask):
    (logits, labels), expected, mistakes = _draw_apart(_rare_and_common)
    precision, recall, _ = _precision_recall(logits, labels)
    answer = ask(logits, labels)
    answer.is_not(_harmonic(precision, recall), "You have one F1 for each class. Take their mean.")
    answer.is_number()
    for message, wrong in mistakes.items():
        answer.is_not(wrong, message)
    answer.equals(expected, "The value is off. For each class: 2 TP / (2 TP + FP + FN); then the mean.")
    labels = torch.arange(10).repeat_interleave(2)
    silent = ask(5 * F.one_hot(labels % 9, 10).float(), labels)  # ten digits, as in the lesson; a 9 is always called 0
    silent.is_number()
    silent.holds(
        not torch.as_tensor(silent.value).isnan(),
        "A class that is never predicted gives 0 / 0 in its precision, and nan in the end. Its F1 is 0: "
        "2 TP / (2 TP + FP + FN) has no such trouble.",
    )
    silent.is_not(
        26 / 27,
        "You left out the class that is never predicted. It occurs, and all its pictures are missed: its F1 is 0.",
    )
    silent.equals(26 / 30, "F1 here is 2/3 for the 0, 0 for the 9 (never predicted) and 1 for the eight others.")


def _f1_variant(combine):
    def macro_f1(logits, labels):
        return float(combine(*_precision_recall(logits, labels)))

    return macro_f1


def _f1_of_predicted_classes(logits, labels):
    precision, recall, _ = _precision_recall(logits, labels)
    f1 = 2 * precision * recall / (precision + recall)
    return float(f1[precision == precision].mean())


macro_f1 = Exercise(
    place=7,
    title="Every class counts alike",
    minutes=10,
    difficulty="medium",
    reference=_macro_f1,
    questions=_ask_macro_f1,
    hints=(
        "For one class at a time: how many of its pictures were found (TP) or missed (FN), how many others were called so (FP)?",
        "`predicted = logits.argmax(-1)`; `((predicted == label) & (labels == label)).sum()` is TP. FP and FN look alike.",
        "Collect `2 * tp / (2 * tp + fp + fn)` of every class in a list, and return the mean of the list.",
    ),
    wrong={
        "accuracy (micro)": (lambda z, y: float((z.argmax(-1) == y).float().mean()), "*micro*"),
        "weighed by size": (_f1_variant(lambda p, r, n: (_harmonic(p, r) * n).sum() / n.sum()), "by their size"),
        "precision": (_f1_variant(lambda p, r, n: p.mean()), "mean precision"),
        "recall": (_f1_variant(lambda p, r, n: r.mean()), "mean recall"),
        "arithmetic mean": (_f1_variant(lambda p, r, n: ((p + r) / 2).mean()), "*harmonic*"),
        "averages first": (_f1_variant(lambda p, r, n: _harmonic(p.mean(), r.mean())), "averaged first"),
        "nan for a silent class": (_f1_variant(lambda p, r, n: (2 * p * r / (p + r)).mean()), "nan in the end"),
        "half of it": (lambda z, y: _macro_f1(z, y) / 2, "factor 2"),
        "silent class left out": (_f1_of_predicted_classes, "left out the class"),
        "one for each class": (lambda z, y: _harmonic(*_precision_recall(z, y)[:2]), "Take their mean"),
        "percent": (lambda z, y: 100 * _macro_f1(z, y), "in percent"),
    },
)

# 8 --------------------------------------------------------------------------------------------------------------------


def _copied_mistakes(student_logits, teacher_logits, labels):
    """Of the pictures that the teacher gets wrong: the share on which the student gives the same wrong answer."""
    student, teacher = student_logits.argmax(-1), teacher_logits.argmax(-1)
    mistakes = teacher != labels
    if not mistakes.any():
        return 0.0
    return float((student == teacher)[mistakes].float().mean())


def _mistakes_case():
    """Predictions of 100 pictures, all numbers different: the teacher errs on 20, the student copies 8 of these."""
    labels = torch.randint(6, (100,))
    teacher, student = labels.clone(), labels.clone()
    teacher[:20] = (labels[:20] + 1) % 6
    student[:8] = teacher[:8]
    student[8:13] = (labels[8:13] + 2) % 6  # wrong as well, in another way
    student[20:50] = (labels[20:50] + 3) % 6  # wrong where the teacher is right
    order = torch.randperm(100)
    return [8 * F.one_hot(p[order], 6) + torch.rand(100, 6) for p in (student, teacher)] + [labels[order]]


def _ask_copied_mistakes(ask):
    student, teacher, labels = _mistakes_case()
    answer = ask(student, teacher, labels)
    answer.is_number()
    answer.is_not(8, "That is how many mistakes are copied. Divide by the number of the teacher's mistakes.")
    answer.is_not(0.08, "You divided by all pictures. The question is about those that the teacher gets wrong.")
    answer.is_not(13 / 20, "You counted every picture that both get wrong. A *copied* mistake is the same wrong class.")
    answer.is_not(8 / 43, "You divided by the student's mistakes. Divide by the teacher's.")
    answer.is_not(8 / 13, "You divided by the pictures that both get wrong. Divide by all the teacher's mistakes.")
    answer.is_not(0.58, "That is the agreement on all pictures. Look only at those that the teacher gets wrong.")
    answer.is_not(5 / 8, "That is the agreement where the teacher is *right*. Look where it is wrong.")
    answer.is_not(0.6, "That is the share that is *not* copied.")
    answer.is_not(
        7 / 20, "That is how often the student is right where the teacher errs. How often does it say the same?"
    )
    answer.is_not(40, "That is in percent. Return a share between 0 and 1.")
    answer.equals(0.4, "The share is off. First pick the pictures that the teacher gets wrong.")
    ask(teacher, teacher, labels).equals(1.0, "A student that says what its teacher says copies every mistake.")
    perfect = ask(student, 5 * F.one_hot(labels, 6).float(), labels)
    perfect.is_number()
    perfect.holds(
        not torch.as_tensor(perfect.value).isnan(),
        "A teacher without mistakes gives nan: there is nothing to copy, return 0.",
    )
    perfect.equals(0.0, "A teacher without mistakes leaves nothing to copy: return 0.")


def _copied_variant(result, guard=True):
    """A wrong answer: `result(student, teacher, labels)` of the predicted classes."""

    def copied_mistakes(student_logits, teacher_logits, labels):
        student, teacher = student_logits.argmax(-1), teacher_logits.argmax(-1)
        if guard and (teacher == labels).all():
            return 0.0
        return float(result(student, teacher, labels))

    return copied_mistakes


copied_mistakes = Exercise(
    place=8,
    title="Do mistakes travel?",
    minutes=5,
    difficulty="easy",
    reference=_copied_mistakes,
    questions=_ask_copied_mistakes,
    hints=(
        "Three rows of classes: what the student says, what the teacher says, what is true.",
        "`mistakes = teacher != labels` picks the pictures that matter. Of these, how often is `student == teacher`?",
        "`(student == teacher)[mistakes].float().mean()`, and 0 if there are no mistakes.",
    ),
    wrong={
        "count": (_copied_variant(lambda s, t, y: ((s == t) & (t != y)).sum()), "how many mistakes"),
        "of all pictures": (_copied_variant(lambda s, t, y: ((s == t) & (t != y)).float().mean()), "by all pictures"),
        "both wrong": (_copied_variant(lambda s, t, y: (s != y)[t != y].float().mean()), "both get wrong"),
        "of the student's": (_copied_variant(lambda s, t, y: (s == t)[s != y].float().mean()), "student's mistakes"),
        "agreement": (_copied_variant(lambda s, t, y: (s == t).float().mean()), "agreement on all"),
        "where it is right": (_copied_variant(lambda s, t, y: (s == t)[t == y].float().mean()), "*right*"),
        "not copied": (_copied_variant(lambda s, t, y: (s != t)[t != y].float().mean()), "*not* copied"),
        "nan for a perfect teacher": (
            _copied_variant(lambda s, t, y: (s == t)[t != y].float().mean(), guard=False),
            "nothing to copy",
        ),
        "percent": (lambda s, t, y: 100 * _copied_mistakes(s, t, y), "in percent"),
    },
)

quiz = Quiz(
    Question(
        "A student that was never shown a 3, and never told the label 3, reads most 3s once its bias is corrected. Where did it learn about them?",
        (
            Option("From its random initial weights.", "The student on hard labels starts from the same weights."),
            Option(
                "From the small probabilities for 3 in the soft targets of 5s, 8s and 2s.",
                "Right. Each tells what a bit of 3 looks like, and where it is missing.",
                True,
            ),
            Option(
                "From a few 3s that were left in by mistake.", "The cell that omits them asserts that none is left."
            ),
        ),
    ),
    Question(
        "A teacher and 10 000 unlabelled pictures beat 20 labels by far. What shows how much is the *softness*?",
        (
            Option(
                "The same student on the same 10 000 pictures with the teacher's argmax.",
                "Right. It has everything but the softness, and gets most of the way.",
                True,
            ),
            Option("The teacher's own error.", "It says how far one could get, not which part did it."),
            Option("More seeds.", "They say how sure the difference is, not where it comes from."),
        ),
    ),
    Question(
        "You tune the bias of the omitted digit on the test set and report the test error. What is wrong?",
        (
            Option("Nothing: one number cannot overfit.", "It overfits a little, and nobody can say how little."),
            Option(
                "The test set has helped to choose, so its error is no longer an honest estimate.",
                "Right. With one number the harm is small; choose on validation data and it is none.",
                True,
            ),
            Option("A bias must be learned by gradient descent.", "Trying out candidates is fine."),
        ),
    ),
    Question(
        "A model is right in 90 % of the cases and 99 % sure on average. Which sentence is true?",
        (
            Option("Its calibration error is at least 9 %.", "Right: the gap of the means is a lower bound.", True),
            Option("It is well calibrated, since 90 % is a good accuracy.", "Calibration compares the two numbers."),
            Option("A lower training temperature would change nothing.", "Temperature moves confidence directly."),
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
)
