"""Exercises of lesson 05, dark knowledge."""

import torch
from torch.nn import functional as F

from kdlab.exercises.core import Exercise, Option, Question, Quiz, former_names
from kdlab.losses import kl_divergence


def _seeded(seed):
    return torch.Generator().manual_seed(seed)


def _saying(predicted, classes):
    """Logits with these argmaxes, by a margin of about 5, random otherwise."""
    return 6 * F.one_hot(predicted, classes) + torch.rand(len(predicted), classes)


def _hold(answer, *questions):
    """Each question is (condition, sentence); the first that does not hold is told."""
    for condition, sentence in questions:
        answer.holds(condition, sentence)


# 1 --------------------------------------------------------------------------------------------------------------------


def _balanced_draw(labels, per_class, generator):
    """Positions of `per_class` random examples of every class, as one tensor."""
    chosen = []
    for label in labels.unique():
        places = (labels == label).nonzero().squeeze(1)
        order = torch.randperm(len(places), generator=generator)
        chosen.append(places[order[:per_class]])
    return torch.cat(chosen).sort().values


def _positions(ask, labels, seed):
    """(answer, its positions in rising order), of 5 examples of each class, after the questions of kind."""
    answer = ask(labels, 5, _seeded(seed)).is_tensor()
    places = answer.value.detach()
    _hold(
        answer,
        (
            places.dtype != torch.bool,
            "That is a mask. Return positions: `.nonzero()` gives the places where it is True.",
        ),
        (places.ndim == 1, f"Return one row of positions, for all classes; yours has shape {tuple(places.shape)}."),
        (not places.is_floating_point(), "Positions are whole numbers; yours are floats."),
        (len(places), "Your tensor is empty."),
    )
    return answer, places.long().sort().values


def _ask_balanced_draw(ask):
    sizes = torch.tensor([10, 20, 15, 30])
    labels = torch.arange(4).repeat_interleave(sizes)[torch.randperm(75)]
    inside = [(labels == c).nonzero().squeeze(1) for c in range(4)]
    answer, places = _positions(ask, labels, 1)
    known, turned, only = set(places.tolist()), _positions(ask, labels.flip(0), 1)[1], len(places) == 5
    _hold(
        answer,
        (
            len(places) != 20 or max(known) > 3,
            "Those are labels. Return the *positions* of the examples, so that pictures can follow.",
        ),
        (known <= set(range(75)), "Positions go from 0 to the number of labels minus 1; yours do not."),
        (
            not only or known - set(inside[0].tolist()),
            "Only one class is drawn, the first: does `return` stand inside the loop?",
        ),
        (
            not only or known - set(inside[3].tolist()),
            "Only one class is drawn, the last: does each round overwrite what the one before it drew?",
        ),
        (not only, "That is 5 examples in all. Take 5 of *each* class."),
        (
            len(places) != 20 or max(known) > 29 or not torch.equal(turned, places),
            "These do not depend on where the labels stand: are they positions *inside* a class? With them, look up the "
            "positions among all labels.",
        ),
    )
    draws = [places, *(_positions(ask, labels, seed)[1].clamp(0, 74) for seed in range(2, 150))]
    every = [labels[draw].bincount(minlength=4).tolist() for draw in draws]
    counts = max(every, key=lambda counts: len(set(counts)))
    missing = [c for c in range(4) if not counts[c]]
    always = [torch.cat([among[end] for among in inside]).sort().values for end in (slice(5), slice(-5, None))]
    seen = torch.cat(draws).bincount(minlength=75)
    reach = [int(seen[among].nonzero().max()) + 1 if seen[among].any() else 0 for among in inside]
    short = next((c for c in range(4) if reach[c] < sizes[c]), 0)
    _hold(
        answer,
        (
            all(len(draw.unique()) == len(draw) for draw in draws),
            "The same example was drawn twice. Draw without replacement: torch.randperm.",
        ),
        (
            counts != (sizes - 5).tolist(),
            "You keep those that should be left: `[:per_class]` are the first, `[per_class:]` the rest.",
        ),
        (counts != sizes.tolist(), "You return all examples of every class. `per_class` of each class are asked for."),
        (
            len(set(counts)) > 1 or counts[0] == 5,
            f"You draw {counts[0]} of each class, and `per_class` was 5. Is it used, and are you off by one?",
        ),
        (
            not missing or set(counts) != {0, 5},
            f"From class {missing} nothing was drawn, where 5 of *every* class are asked for. Does your loop reach it?",
        ),
        (
            all(counts == [5] * 4 for counts in every),
            f"Not balanced: the classes got {counts}, asked for were 5 of each. Draw from the positions of one class at a "
            "time, in `labels` as they stand (not in a shuffled copy).",
        ),
        (
            torch.equal(_positions(ask, labels, 1)[1], places),
            "The same generator seed gave other examples. Pass it on: torch.randperm(n, generator=generator).",
        ),
        *(
            (
                not torch.equal(places, those),
                f"You always take the {which} ones of each class. Put the positions of a class into a random order first.",
            )
            for which, those in zip(("first", "last"), always, strict=True)
        ),
        (
            any(not torch.equal(draw, places) for draw in draws[1:]),
            "Two generators gave the same draw: is nothing random in it, or do you seed inside the function? Use the "
            "generator that you are given.",
        ),
        (
            reach == sizes.tolist(),
            f"Of the {sizes[short]} examples of class {short} only the first {reach[short]} are ever drawn. Is an upper "
            "end left out? torch.randperm needs the number of examples of *this* class.",
        ),
        (seen.all(), "Some examples are never drawn, in 150 draws. Shuffle all of a class."),
    )
    other, places = _positions(ask, torch.tensor([2, 5, 7, 9])[labels], 1)
    other.holds(
        labels[places.clamp(0, 74)].bincount(minlength=4).tolist() == [5] * 4,
        "Right where the classes are 0, 1, 2, 3; wrong where they are 2, 5, 7 and 9 (a digit may be missing, as in section "
        "2). `labels.unique()` says which there are.",
    )


def _draw_by(order):
    """A wrong answer: `order(n, generator)` puts the n examples of a class in an order."""

    def balanced_draw(labels, per_class, generator):
        each = [(labels == label).nonzero().squeeze(1) for label in labels.unique()]
        return torch.cat([places[order(len(places), generator)[:per_class]] for places in each])

    return balanced_draw


def _inside(y, k, g):
    return torch.cat([torch.randperm(int((y == c).sum()), generator=g)[:k] for c in y.unique()])


def _drawn(change):
    """A wrong answer: `change(positions, labels, per_class)` of a right one."""
    return lambda y, k, g: change(_balanced_draw(y, k, g), y, k)


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
        "the first ones": (_draw_by(lambda n, g: torch.arange(n)), "always take the first"),
        "the last ones": (_draw_by(lambda n, g: torch.arange(n).flip(0)), "always take the last"),
        "positions inside a class": (_inside, "*inside* a class"),
        "with replacement": (_draw_by(lambda n, g: torch.randint(n, (n,), generator=g)), "drawn twice"),
        "global random numbers": (_draw_by(lambda n, g: torch.randperm(n)), "Pass it on"),
        "own seed": (_draw_by(lambda n, g: torch.randperm(n, generator=_seeded(0))), "seed inside"),
        "among the first ten": (_draw_by(lambda n, g: torch.randperm(10, generator=g)), "only the first 10"),
        "not balanced": (lambda y, k, g: torch.randperm(len(y), generator=g)[: 4 * k], "Not balanced"),
        "so many in all": (lambda y, k, g: torch.randperm(len(y), generator=g)[:k], "5 of *each*"),
        "always two": (lambda y, k, g: _balanced_draw(y, 2, g), "You draw 2 of each"),
        "only the last class": (_drawn(lambda d, y, k: d[y[d] == y.max()]), "overwrite"),
        "only the first class": (_drawn(lambda d, y, k: d[y[d] == y.min()]), "inside the loop"),
        "all": (lambda y, k, g: torch.randperm(len(y), generator=g), "all examples"),
        "without the class 0": (_drawn(lambda d, y, k: d[y[d] > 0]), "From class [0] nothing"),
        "classes from 0 on": (_drawn(lambda d, y, k: d[y[d] < len(y.unique())].repeat(2)[: 4 * k]), "may be missing"),
        "labels": (_drawn(lambda d, y, k: y[d]), "Those are labels"),
        "a mask": (_drawn(lambda d, y, k: torch.zeros(len(y)).bool()), "That is a mask"),
        "a row for each class": (_drawn(lambda d, y, k: d.reshape(-1, k)), "one row of positions"),
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


def _transfer_loss_by_terms(student_logits, teacher_logits, labels, temperature, alpha):
    log_q = (student_logits / temperature).log_softmax(dim=-1)
    p = (teacher_logits.detach() / temperature).softmax(dim=-1)
    soft = F.kl_div(log_q, p, reduction="batchmean")
    labelled = labels >= 0
    log_likelihood = student_logits.log_softmax(dim=-1).gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    hard = -(log_likelihood * labelled).sum() / labelled.sum().clamp(min=1)
    return alpha * hard + (1 - alpha) * temperature**2 * soft


def _partly_labelled(draw):
    n = 2 * draw.rows + 1
    labels = torch.full((n,), -1)
    labels[torch.randperm(n)[: n // 3 + 1]] = torch.cat([torch.zeros(1).long(), 1 + draw.labels(n // 3, classes=2)])
    z, v = draw.logits(n, draw.classes), draw.logits(n, draw.classes, scale=4.0)
    both = {"temperature": draw.temperature, "alpha": draw.weight}
    return {"student_logits": z, "teacher_logits": v, "labels": labels, **both}


def _soft(z, v, T):
    return F.kl_div((z / T).log_softmax(-1), (v.detach() / T).softmax(-1), reduction="batchmean")


def _hard(z, y):
    return F.cross_entropy(z[y >= 0], y[y >= 0]) if (y >= 0).any() else torch.zeros(())


def _transfer_variant(hard=_hard, rows=lambda y: y > -2, kl=kl_divergence, square=lambda T: T**2, none=None):
    """A wrong answer: `hard(z, y)` is the label's term, `rows(y)` says about whom the teacher speaks, `none` is its
    weight where there are no labels."""

    def transfer_loss(student_logits, teacher_logits, labels, temperature, alpha):
        spoken = rows(labels)
        soft = kl(student_logits[spoken], teacher_logits[spoken], temperature=temperature) * square(temperature)
        if none is not None and not (labels >= 0).any():
            return none(alpha) * soft
        return alpha * hard(student_logits, labels) + (1 - alpha) * soft

    return transfer_loss


transfer_loss = Exercise(
    place=2,
    title="A loss for pictures without labels",
    minutes=10,
    difficulty="medium",
    reference=_transfer_loss,
    forms=(_transfer_loss_by_terms,),
    draw=_partly_labelled,
    gradient=("student_logits",),
    hints=(
        "Two terms, and they look at different pictures. Which pictures does each of them look at?",
        "`labelled = labels >= 0` picks those with a label. What is the mean over them, when there are none?",
        "`F.cross_entropy(student_logits[labelled], labels[labelled])` for the label's term, and before it: "
        "`if not labelled.any(): return (1 - alpha) * soft`.",
    ),
    cases={
        "A batch in which *no* picture has a label should give (1 - alpha) · T² · KL: the label's term is 0 there.": (
            lambda draw: (a := _partly_labelled(draw)) | {"labels": torch.full_like(a["labels"], -1)}
        ),
    },
    mistakes={
        "That is nan: the mean of nothing is 0 / 0. With 20 labels among 10 000 pictures most batches are like that.": (
            _transfer_variant(lambda z, y: F.cross_entropy(z, y, ignore_index=-1))
        ),
        "Without labels you give the teacher the whole weight. Let its weight stay 1 - alpha; the label's term is 0.": (
            _transfer_variant(none=lambda a: 1.0)
        ),
        "A batch without labels is not lost: the teacher still speaks.": _transfer_variant(none=lambda a: 0.0),
        "You divide the label's term by *all* pictures. Its mean is over those that have a label.": (
            _transfer_variant(lambda z, y: F.cross_entropy(z, y, ignore_index=-1, reduction="sum") / len(y))
        ),
        "Python reads the index -1 as *the last*: every picture without a label was told that it is the last class.": (
            _transfer_variant(lambda z, y: -z.log_softmax(-1)[torch.arange(len(y)), y].mean()),
            _transfer_variant(lambda z, y: F.cross_entropy(z, y % z.shape[-1])),
        ),
        "Pictures without a label were told that they are a zero.": (
            _transfer_variant(lambda z, y: F.cross_entropy(z, y.clamp(min=0)))
        ),
        "Your KL is taken at T = 1. Pass the temperature on to `kl_divergence`.": (
            _transfer_variant(kl=lambda z, v, temperature: kl_divergence(z, v))
        ),
        "`kl_divergence` takes logits and softens them itself: you gave it probabilities.": (
            _transfer_variant(kl=lambda z, v, temperature: _soft(z.softmax(-1), v.softmax(-1), temperature)),
        ),
        "The logits are divided by T twice: `kl_divergence` does so itself, when it is given the temperature.": (
            _transfer_variant(kl=lambda z, v, temperature: _soft(z / temperature, v / temperature, temperature))
        ),
        "Your teacher's term is a cross-entropy, not KL: it does not reach 0 when the student agrees.": (
            _transfer_variant(
                kl=lambda z, v, temperature: F.cross_entropy(z / temperature, (v.detach() / temperature).softmax(-1))
            )
        ),
        "Pictures without a label were told the teacher's argmax as one, in the label's term. Leave them out there.": (
            lambda z, v, y, T, a: (
                _transfer_loss(z, v, y, T, a)
                + a * (F.cross_entropy(z, torch.where(y < 0, v.argmax(-1), y)) - _hard(z, y))
            )
        ),
        "You softened the student in the label's term too. A label is met at T = 1.": (
            lambda z, v, y, T, a: _transfer_loss(z, v, y, T, a) + a * (_hard(z / T, y) - _hard(z, y))
        ),
        "You dropped the pictures without a label from the teacher's term as well.": (
            _transfer_variant(rows=lambda y: y >= 0),
            _transfer_variant(rows=lambda y: y >= 0, none=lambda a: 0.0),
        ),
        "The teacher may speak about *all* pictures, those with a label included.": (
            _transfer_variant(rows=lambda y: y < 0)
        ),
        "T² belongs to the teacher's term alone: the gradient of the label's has not shrunk.": (
            lambda z, v, y, T, a: _transfer_loss(z, v, y, T, a) + (T**2 - 1) * a * _hard(z, y),
            lambda z, v, y, T, a: _transfer_loss(z, v, y, T, a) + a * (T**2 * _hard(z / T, y) - _hard(z, y)),
        ),
        "The label's term is missing: some of these pictures have one.": _transfer_variant(lambda z, y: 0.0),
        "That is the teacher's term alone. Some of these pictures have a label.": (
            lambda z, v, y, T, a: _transfer_loss(z, v, y, T, 0.0)
        ),
        "That is the label's term alone.": lambda z, v, y, T, a: _hard(z, y),
    },
    wrong={
        "cross_entropy of -1": (_transfer_variant(hard=F.cross_entropy), "Your function stopped"),
        "teacher learns": (
            _transfer_variant(
                kl=lambda z, v, temperature: F.kl_div(
                    (z / temperature).log_softmax(-1), (v / temperature).softmax(-1), reduction="batchmean"
                )
            ),
            "flows into `teacher_logits`",
        ),
        "no student in the KL": (
            _transfer_variant(kl=lambda z, v, temperature: kl_divergence(z.detach(), v, temperature=temperature)),
            "no gradient passes through",
        ),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _omit_digit(digit, inputs, labels, teacher_logits):
    """Everything but this digit: (inputs, labels, teacher_logits), in the order they had."""
    keep = labels != digit
    return inputs[keep], labels[keep], teacher_logits[keep]


def _ten_digits(draw):
    """Every digit some times, in a random order, and a teacher that is wrong about a third; never the lesson's 3."""
    n = 10 * draw.rows if draw.rows > 1 else 5
    labels = torch.arange(n)[torch.randperm(n)] % 10
    digit = int(labels[0]) if draw.rows == 1 else (4, 7, 6)[draw.number % 3]
    taken = torch.where(torch.arange(n) % 3 == 0, (labels + 1) % 10, labels)
    for near in (digit, (digit - 1) % 10):  # some of each are taken for the next digit, some are not
        taken[(labels == near).nonzero()[::2]] = (near + 1) % 10
    inputs = torch.arange(n).unsqueeze(1) + torch.rand(n, draw.width)
    return {"digit": digit, "inputs": inputs, "labels": labels, "teacher_logits": _saying(taken, 10)}


def _what_went(evidence):
    """Which pictures went, or are in another order; or the teacher's logits are not what they were."""
    arguments, (x, y, z), wanted = evidence.cases[0]
    digit, before = arguments["digit"], arguments["labels"].bincount(minlength=10)
    left = y.bincount(minlength=10)
    others = [d for d in range(10) if d != digit and left[d] < before[d]]
    if len(x) == len(y) == len(z) and (left[digit] or others):
        gone = f", and pictures of {others} are gone" if others else ""
        return (
            f"Of the {before[digit]} pictures of a {digit}, which should go, {left[digit]} are still there{gone}. All those "
            "whose *label* is the digit have to go, no others, and the digit is passed to the function."
        )
    if all(
        v.shape == w.shape and torch.equal(v.sort(0).values, w.sort(0).values)
        for v, w in zip((x, y, z), wanted, strict=True)
    ):
        return "The right pictures are there, in another order. Keep the order they had, in all three: use one mask."
    if z.shape == wanted[2].shape and torch.equal(x, wanted[0]):
        changed = (z != wanted[2]).any(0).nonzero().flatten().tolist()
        return f"The teacher's logits were changed (columns {changed}; the digit is {digit}). Only drop rows."
    return None


def _omit(keep, x=True, y=True, z=True):
    """A wrong answer: `keep(digit, labels, teacher's argmax)` says which rows stay, `x`, `y`, `z` which parts lose rows."""

    def omit_digit(digit, inputs, labels, teacher_logits):
        chosen = keep(digit, labels, teacher_logits.argmax(-1))
        parts = ((inputs, x), (labels, y), (teacher_logits, z))
        return tuple(part[chosen] if drop else part for part, drop in parts)

    return omit_digit


def _omitted(change):
    """A wrong answer: `change(digit, inputs, labels, teacher_logits)` of what is left in a right one."""
    return lambda digit, *parts: change(digit, *_omit_digit(digit, *parts))


def _but(z, digit):
    """The logits without this column."""
    return torch.cat([z[:, :digit], z[:, digit + 1 :]], 1)


def _set_to(new_x, new_y, new_z):
    """A wrong answer: what the rows of the digit become, None for "as it was"."""

    def omit_digit(digit, *parts):
        hit = parts[1] == digit
        new = zip(parts, (new_x, new_y, new_z), strict=True)
        return tuple(t if n is None else torch.where(hit.view(-1, *[1] * (t.ndim - 1)), n, t) for t, n in new)

    return omit_digit


omit_digit = Exercise(
    place=3,
    title="A digit goes missing",
    minutes=5,
    difficulty="easy",
    reference=_omit_digit,
    draw=_ten_digits,
    properties=(_what_went,),
    hints=(
        "One mask says which rows stay.",
        "`keep = labels != digit` is True where a row stays. Which of the three does it apply to?",
        "`return inputs[keep], labels[keep], teacher_logits[keep]`.",
    ),
    mistakes={
        "Only one of the three lost its rows. Pictures, labels and teacher logits must lose the same.": tuple(
            _omit(lambda d, y, t: y != d, *(part == only for part in range(3))) for only in range(3)
        ),
        "All pictures are still there. Rows of that digit have to go, not become zero, or -1.": (
            _set_to(None, None, None),
            *(
                _set_to(*new)
                for new in ((0, None, None), (0, None, 0), (0, 0, 0), (None, -1, None), (None, 0, None), (0, -1, 0))
            ),
        ),
        "A mask as whole numbers (int, long) is no mask: it picks the rows 0 and 1, again and again. Keep it bool.": (
            _omit(lambda d, y, t: (y != d).long())
        ),
        "Ask the labels which to drop, not the teacher: it takes some pictures for another digit.": (
            _omit(lambda d, y, t: t != d),
            _omit(lambda d, y, t: (t != d) & (y != d)),
            _omit(lambda d, y, t: (t != d) | (y != d)),
        ),
        "The teacher's logit of that digit is what we are after: drop *pictures* of the digit, keep its column.": (
            _omitted(lambda d, x, y, z: (x, y, _but(z, d))),
            lambda d, x, y, z: (x[y != d], y[y != d], _but(z, d)),
        ),
        "The labels have become rows of 0 and 1 (one-hot). Return them as they are.": (
            _omitted(lambda d, x, y, z: (x, F.one_hot(y, 10), z))
        ),
        "Return the teacher's logits as they are, not their softmax.": _omitted(
            lambda d, x, y, z: (x, y, z.softmax(-1))
        ),
        "Return the teacher's logits, not the digit that it says.": _omitted(lambda d, x, y, z: (x, y, z.argmax(-1))),
        "The labels were numbered anew. A 9 stays a 9, though a digit is missing.": (
            _omitted(lambda d, x, y, z: (x, y - (y > d).long(), z))
        ),
    },
    wrong={
        "NumPy": (_omitted(lambda d, *parts: tuple(part.numpy() for part in parts)), "NumPy"),
        "two results": (_omitted(lambda d, x, y, z: (x, y)), "Return 3 values"),
        "another order of results": (_omitted(lambda d, x, y, z: (x, z, y)), "another order"),
        "another order of rows": (_omitted(lambda d, *parts: tuple(p.flip(0) for p in parts)), "another order"),
        "keeps only the digit": (_omit(lambda d, y, t: y == d), "labels == digit"),
        "teacher logits stay": (_omit(lambda d, y, t: y != d, z=False), "`teacher_logits` as it is"),
        "labels stay": (_omit(lambda d, y, t: y != d, y=False), "`labels` as it is"),
        "always the 3": (_omit(lambda d, y, t: y != 3), "pictures of [3] are gone"),
        "the digit before it": (_omit(lambda d, y, t: y != d - 1), "are still there, and pictures of"),
        "the row of that number": (_omit(lambda d, y, t: torch.arange(len(y)) != d), "are still there"),
        "one picture": (_omit(lambda d, y, t: torch.arange(len(y)) != (y == d).nonzero()[0]), "are still there."),
        "only those below": (_omit(lambda d, y, t: y < d), "0 are still there, and pictures of"),
        "the column silenced": (
            _omitted(lambda d, x, y, z: (x, y, z.index_fill(1, torch.tensor([d]), -1e9))),
            "were changed",
        ),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _best_bias(logits, labels, digit, candidates):
    """The candidate that, added to the logit of `digit`, leaves the fewest errors among all pictures."""
    errors = []
    for bias in candidates:
        biased = logits.clone()
        biased[:, digit] += bias
        errors.append(int((biased.argmax(dim=-1) != labels).sum()))
    return candidates[errors.index(min(errors))]


def _added(logits, digit, bias):
    return logits + bias * F.one_hot(torch.tensor(digit), logits.shape[-1])


def _best_bias_by_accuracy(logits, labels, digit, candidates):
    right = [(_added(logits, digit, bias).argmax(dim=-1) == labels).float().mean() for bias in candidates]
    return candidates[int(torch.stack(right).argmax())]


def _search(
    measure=lambda biased, labels, digit: (biased.argmax(-1) != labels).sum(),
    add=_added,
    pick=lambda candidates, found: candidates[found.index(min(found))],
):
    """A wrong answer: what is measured for each candidate, how it is added, and which one is taken."""

    def best_bias(logits, labels, digit, candidates):
        return pick(candidates, [float(measure(add(logits, digit, bias), labels, digit)) for bias in candidates])

    return best_bias


def _errors_on(rows):
    return _search(measure=lambda biased, y, digit: ((biased.argmax(-1) != y) & rows(y, digit)).sum())


def _bias_on_a_row(logits, digit, bias):
    biased = logits.clone()
    biased[digit] += bias
    return biased


def _bias_adding_up(logits, labels, digit, candidates):
    sums = torch.tensor(candidates).double().cumsum(0).tolist()
    return candidates[int(_wrong(logits, labels, digit, sums).sum(1).argmin())]


def _bias_in_place(logits, labels, digit, candidates):
    errors = []
    for bias in candidates:
        logits[:, digit] += bias
        errors.append(int((logits.argmax(-1) != labels).sum()))
    return candidates[errors.index(min(errors))]


def _first_valley(candidates, found):
    """The candidate before the first that is worse."""
    worse = [i for i in range(1, len(found)) if found[i] > found[i - 1]]
    return candidates[worse[0] - 1 if worse else -1]


def _wrong(logits, labels, digit, biases):
    """Which pictures are read wrongly with each of the biases, (biases, pictures)."""
    shift = torch.tensor(biases).view(-1, 1, 1) * F.one_hot(torch.tensor(digit), logits.shape[-1])
    return (logits + shift).argmax(-1) != labels


def _student_with_a_bias(draw):
    """Logits too low (draw 0) or too high at one digit, not the lesson's 3; candidates in a random order.

    The best (without ties), the first, the last and those of some mistakes that lie near are all different.
    """
    small = draw.rows == 1
    classes, digit = (3 if small else (5, 6, 4)[draw.number % 3]), (2, 1, 0)[draw.number % 3]
    shift = (-2, 2, -2)[draw.number % 3]
    labels = torch.arange(classes).repeat(2 if small else 40)
    while True:
        logits = 1.8 * torch.randn(len(labels), classes) + 4 * F.one_hot(labels, classes)
        logits[:, digit] += shift
        given = {"logits": logits, "labels": labels, "digit": digit, "candidates": [2.0, -1.0, 4.0]}
        if small:
            return given
        candidates, best = [0.25 * k - 3.6 for k in torch.randperm(30).tolist()], []
        for rows in (labels == digit, labels != digit, labels >= 0):
            counts = _wrong(logits, labels, digit, candidates)[:, rows].sum(1)
            best.append(candidates[int(counts.argmin())])
            candidates = [c for c, n in zip(candidates, counts, strict=True) if n > counts.min() or c == best[-1]]
        given["candidates"] = candidates
        near = {*best, OTHER_SIGN(**given)}
        if len(near) == 4:  # the slow one last
            near.add(BY_LOSS(**given))
        for _ in range(20 if len(near) == 5 else 0):
            given["candidates"] = candidates = [candidates[i] for i in torch.randperm(len(candidates))]
            valley = _first_valley(candidates, _wrong(logits, labels, digit, candidates).sum(1).tolist())
            if len(near | {candidates[0], candidates[-1], valley, _bias_adding_up(**given)}) == 9:
                return given


def _no_candidate(evidence):
    """What is returned does not stand in the list, or how many errors it leaves."""
    arguments, value, wanted = evidence.cases[0]
    if min(abs(float(value) - candidate) for candidate in arguments["candidates"]) > 1e-4:
        return f"{float(value):.4g} is none of the candidates. Return the one that leaves the fewest errors."
    mine, least = (int(_wrong(*list(arguments.values())[:3], [float(bias)]).sum()) for bias in (value, wanted))
    return (
        f"With the bias {float(value):.4g} {mine} errors are left; with another candidate there are {least}. Add each to the "
        "logit of the digit, in all pictures, and count all errors again."
    )


MORE = ("another", "one more", "yet another", "one among six")  # near mistakes find the best by chance, now and then
BY_LOSS = _search(measure=lambda biased, y, digit: F.cross_entropy(biased, y))
ON_THE_DIGIT = _errors_on(lambda y, digit: y == digit)
ON_THE_OTHERS = _errors_on(lambda y, digit: y != digit)
OTHER_SIGN = _search(add=lambda logits, digit, bias: _added(logits, digit, -bias))
best_bias = Exercise(
    place=4,
    title="The bias that was missing",
    minutes=10,
    difficulty="medium",
    reference=_best_bias,
    forms=(_best_bias_by_accuracy,),
    draw=_student_with_a_bias,
    draws=2,
    cases={f"Right for some students, wrong for {another}.": _student_with_a_bias for another in MORE},
    properties=(_no_candidate,),
    hints=(
        "Try all candidates, one after the other, and count the errors that each leaves.",
        "Work on a copy, `biased = logits.clone()`, and change one column: `biased[:, digit] += bias`.",
        "Keep the counts in a list; `candidates[errors.index(min(errors))]` is the candidate with the fewest.",
    ),
    mistakes={
        "In yours a large bias costs nothing: do you count errors on that digit alone, or raise the logit of that digit's "
        "pictures alone? Then call everything by that digit. Raise it for *all* pictures, and count all errors.": (
            ON_THE_DIGIT,
            _search(
                measure=lambda biased, y, digit: ((biased.argmax(-1) != y) & (y == digit)).sum(),
                pick=lambda c, e: max(b for b, found in zip(c, e, strict=True) if found == min(e)),
            ),
            _search(measure=lambda biased, y, digit: -(biased.argmax(-1) == digit).sum()),
            lambda z, y, digit, candidates: max(candidates),
        ),
        "In yours a small bias is always fine: you count errors on the other digits alone, and leave out the digit that "
        "needs help.": (
            ON_THE_OTHERS,
            _errors_on(lambda y, digit: y != digit),
            lambda z, y, digit, candidates: min(candidates),
        ),
        "That candidate leaves the *most* errors: is it the smallest accuracy, or the largest count that you take?": (
            _search(pick=lambda c, e: c[e.index(max(e))])
        ),
        "That is how many errors are left, or which share is right. Return the *bias* that leaves the fewest.": (
            _search(pick=lambda c, e: min(e)),
            lambda z, y, digit, candidates: _search(pick=lambda c, e: min(e))(z, y, digit, candidates) / len(y),
            lambda z, y, digit, candidates: 1 - _search(pick=lambda c, e: min(e))(z, y, digit, candidates) / len(y),
        ),
        "That is a position in the list. Return the candidate itself.": _search(pick=lambda c, e: e.index(min(e))),
        "You looked for the smallest cross-entropy, or the most probable labels. That is another bias: count the errors.": (
            BY_LOSS,
            _search(measure=lambda biased, y, digit: -biased.softmax(-1).gather(-1, y.unsqueeze(-1)).sum()),
        ),
        "You raised the logit of another digit. Which digit it is, is passed to the function; columns are counted from 0, as "
        "digits are.": (
            _search(add=lambda logits, digit, bias: _added(logits, 3, bias)),
            *(
                _search(
                    add=lambda logits, digit, bias, step=step: _added(logits, (digit + step) % logits.shape[-1], bias)
                )
                for step in (1, -1)
            ),
        ),
        "Your copy is made once, so the biases add up from one candidate to the next. Make a new copy for each.": (
            _bias_adding_up
        ),
        "The bias is added to probabilities. Add it to the logit.": (
            _search(add=lambda logits, digit, bias: _added(logits.softmax(-1), digit, bias))
        ),
        "You *replace* the logit by the bias. Add it to what is there.": (
            _search(
                add=lambda logits, digit, bias: _added(
                    logits - logits * F.one_hot(torch.tensor(digit), logits.shape[-1]), digit, bias
                )
            )
        ),
        "You stop at the first candidate that is worse than the one before it. Look at all of them.": (
            _search(pick=_first_valley)
        ),
        "You always return the first candidate, as if all left the same errors. argmax does not see what is added to *all* "
        "logits or to a whole row (a picture has a row, the digit a column: `[:, digit]`), nor a copy that is not used. Or "
        "does `return` stand inside the loop, or the list start afresh there?": (
            _search(add=lambda logits, digit, bias: logits + bias),
            _search(add=_bias_on_a_row),
        ),
        "You always return the last candidate. Is the best so far kept, and compared, before it is replaced?": (
            lambda z, y, digit, candidates: candidates[-1]
        ),
    },
    wrong={
        "in place": (_bias_in_place, "in place"),
        "no candidate": (lambda z, y, d, c: 3.14, "none of the candidates"),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _expected_calibration_error(logits, labels, bins=15):
    """Mean gap of confidence and accuracy over equally wide bins of confidence, weighted by how many each holds."""
    confidence, predicted = logits.softmax(dim=-1).max(dim=-1)
    right = (predicted == labels).to(confidence.dtype)
    bin_of = (confidence * bins).ceil().clamp(1, bins) - 1
    total = 0.0
    for k in range(bins):
        inside = bin_of == k
        if inside.any():
            gap = (right[inside].mean() - confidence[inside].mean()).abs()
            total += inside.float().mean() * gap
    return float(total)


def _calibration_by_edges(logits, labels, bins=15):
    p = logits.softmax(dim=-1)
    confidence = p.amax(dim=-1)
    right = (logits.argmax(dim=-1) == labels).float()
    total = 0.0
    for k in range(bins):
        inside = (confidence > k / bins) & (confidence <= (k + 1) / bins)
        if inside.sum() > 0:
            accuracy = right[inside].sum() / inside.sum()
            sure = confidence[inside].sum() / inside.sum()
            total += abs(accuracy - sure) * inside.sum() / len(labels)
    return float(total)


def _sure_and_right(logits, labels):
    confidence, predicted = logits.softmax(-1).max(-1)
    return confidence, (predicted == labels).float()


def _over_bins(combine, pairs=_sure_and_right, bin_of=None, count=None):
    """A wrong answer: `combine(weights, gaps)` of the full bins; `pairs` are confidences and what is right, one each;
    `bin_of(confidence, bins)` numbers the bins from 0."""

    def expected_calibration_error(logits, labels, bins=15):
        bins = count or bins
        sure, right = pairs(logits, labels)
        which = bin_of(sure, bins) if bin_of else (sure * bins).ceil().clamp(1, bins) - 1
        full = [which == k for k in range(bins) if (which == k).any()]
        if not full:
            return 0.0
        weights = torch.stack([inside.float().mean() for inside in full])
        return float(combine(weights, torch.stack([(right - sure)[inside].mean() for inside in full])))

    return expected_calibration_error


def _weighed(weights, gaps):
    return (weights * gaps.abs()).sum()


def _by_rank(confidence, bins):
    return confidence.argsort().argsort() * bins // len(confidence)


def _badly_calibrated(draw):
    """Answers that are too timid where they are unsure, and overconfident where they are sure."""
    n = 80 * draw.rows if draw.rows > 1 else 4
    scale = torch.tensor([1.2, 4.0]).repeat(n // 2).unsqueeze(1)
    logits = (scale * torch.randn(n, draw.classes)).clamp(-7, 7)  # no confidence rounds to 1
    honest = torch.multinomial((1.5 * logits / scale).softmax(-1), 1).squeeze(1)
    timid = torch.where(torch.rand(n) < 0.6, logits.argmax(-1), honest)
    labels = torch.where(scale.squeeze(1) < 2, timid, honest)
    return {"logits": logits, "labels": labels, "bins": draw.width + 1 if n > 4 else 2}


CANCEL = (
    "Gaps of opposite sign cancel in yours: being too sure here and too timid there is no excuse. Take the absolute gap "
    "of each bin before you add up. (The two means of *all* pictures hide it in the same way.)"
)
expected_calibration_error = Exercise(
    place=5,
    title="How far confidence is off",
    minutes=10,
    difficulty="medium",
    reference=_expected_calibration_error,
    forms=(_calibration_by_edges,),
    draw=_badly_calibrated,
    hints=(
        "`confidence, predicted = logits.softmax(-1).max(-1)`. Sort the pictures into bins by their confidence.",
        "Bin k holds confidences above k / bins and up to (k + 1) / bins. In a bin: accuracy minus mean confidence.",
        "Skip empty bins; add up `share of the pictures · |accuracy - confidence|`. "
        "`(confidence * bins).ceil().clamp(1, bins) - 1` numbers the bins.",
    ),
    cases={
        "Four answers, all with a confidence of exactly 1, three of them right: the gap is 1/4.": (
            lambda draw: {
                "logits": 200 * F.one_hot(torch.tensor([0, 1, 2, 0]), 3).float(),
                "labels": torch.tensor([0, 1, 2, 1]),
            }
        ),
    },
    mistakes={
        "The result is nan. Low confidences do not occur, and the mean of an empty bin is 0 / 0: skip such a bin.": (
            lambda z, y, bins=15: float("nan")
        ),
        "All bins count alike in yours, be there one picture in them or a thousand. Weigh each by its share of the "
        "pictures.": _over_bins(lambda w, g: g.abs().mean()),
        "Weigh each bin by its share of the pictures, not by 1 / bins.": (
            lambda z, y, bins=15: _over_bins(lambda w, g: g.abs().sum())(z, y, bins) / bins
        ),
        "Weigh each bin by its share of the pictures before you add up.": _over_bins(lambda w, g: g.abs().sum()),
        CANCEL: (
            _over_bins(lambda w, g: (w * g).sum()),
            _over_bins(lambda w, g: -(w * g).sum()),
            _over_bins(lambda w, g: (w * g).sum().abs()),
        ),
        "That is the gap of every single picture. A single answer is right or wrong; only a *group* can be right in 70 % "
        "of its cases. Average inside a bin first.": (
            lambda z, y, bins=15: (z.softmax(-1).amax(-1) - (z.argmax(-1) == y).float()).abs().mean()
        ),
        "That is the worst bin (the *maximum* calibration error). Average over bins.": (
            _over_bins(lambda w, g: g.abs().max())
        ),
        "You used the probability of the *label*. Confidence is the probability of the class that was predicted.": (
            _over_bins(
                _weighed,
                lambda z, y: (z.softmax(-1).gather(-1, y.unsqueeze(-1)).squeeze(-1), (z.argmax(-1) == y).float()),
            )
        ),
        "Bins are equally *wide* (1 / bins each), whether many answers fall into them or few.": (
            _over_bins(_weighed, bin_of=_by_rank)
        ),
        "Bins go from 0 to 1. Yours begin at the smallest confidence that occurs, or at 1 / classes.": (
            _over_bins(
                _weighed, bin_of=lambda c, bins: ((c - c.min()) / (c.max() - c.min()) * bins).ceil().clamp(1, bins) - 1
            ),
        ),
        "There is one bin too few: n bins have n + 1 edges, linspace(0, 1, bins + 1).": (
            lambda z, y, bins=15: _expected_calibration_error(z, y, bins - 1)
        ),
        "Only the largest probability of each picture is its confidence; you sort the probabilities of all classes into "
        "bins.": (
            _over_bins(_weighed, lambda z, y: (z.softmax(-1).flatten(), F.one_hot(y, z.shape[-1]).float().flatten()))
        ),
        "You always take 15 bins. How many there are is passed to the function, as `bins`.": (
            _over_bins(_weighed, count=15)
        ),
        "You always take 10 bins. How many there are is passed to the function, as `bins`.": (
            _over_bins(_weighed, count=10)
        ),
        "Inside a bin, take the *mean* of the confidences and of what is right, not their sums.": (
            lambda z, y, bins=15: _over_bins(lambda w, g: (w * g.abs() * w * len(y)).sum())(z, y, bins)
        ),
        "The gap of a bin is squared. Take its absolute value.": (
            _over_bins(lambda w, g: (w * g**2).sum()),
            _over_bins(lambda w, g: (w * g**2).sum().sqrt()),
        ),
        "The middle of the bin is not its confidence: take the mean of the confidences that lie in it.": (
            lambda z, y, bins=15: _over_bins(
                _weighed,
                lambda z, y: (((z.softmax(-1).amax(-1) * bins).ceil() - 0.5) / bins, (z.argmax(-1) == y).float()),
            )(z, y, bins)
        ),
    },
    wrong={
        "percent": (lambda *a, **k: 100 * _expected_calibration_error(*a, **k), "100 times too large"),
        "lower edges": (
            _over_bins(_weighed, bin_of=lambda c, bins: (c * bins).floor()),
            "a confidence of exactly 1",
        ),
    },
)

# 6 --------------------------------------------------------------------------------------------------------------------


def _macro_f1(logits, labels):
    """Mean over the classes of F1 = 2 TP / (2 TP + FP + FN), from 0 to 1."""
    predicted = logits.argmax(dim=-1)
    scores = []
    for label in torch.cat([labels, predicted]).unique():
        true_positives = ((predicted == label) & (labels == label)).sum()
        false_positives = ((predicted == label) & (labels != label)).sum()
        false_negatives = ((predicted != label) & (labels == label)).sum()
        scores.append(2 * true_positives / (2 * true_positives + false_positives + false_negatives))
    return float(torch.stack(scores).mean())


def _counted(combine):
    """A wrong answer: `combine(tp, fp, fn)` of the counts of each class."""

    def macro_f1(logits, labels):
        predicted, c = logits.argmax(-1), torch.arange(logits.shape[-1]).unsqueeze(1)
        said, true = predicted == c, labels == c
        counts = ((a & b).sum(1).float() for a, b in ((said, true), (said, ~true), (~said, true)))
        return combine(*counts)

    return macro_f1


def _harmonic(p, r):
    return 2 * p * r / (p + r)


def _rare_and_common(draw):
    """Predictions of ten digits, about 70 % right, between 10 and 95 strong; the pencil's draw has twelve pictures."""
    sizes = torch.tensor([95, 80, 60, 45, 35, 25, 20, 15, 15, 10]) + 5 * draw.number
    labels = torch.arange(10).repeat_interleave(sizes) if draw.rows > 1 else torch.arange(12) % 10
    moved = (labels + torch.randint(1, 10, labels.shape)) % 10
    predicted = torch.where(torch.rand(len(labels)) < 0.7, labels, moved)
    predicted[:10], labels[:10] = torch.arange(10), torch.arange(10)  # every class is hit at least once
    return {"logits": _saying(predicted, 10), "labels": labels}


macro_f1 = Exercise(
    place=6,
    title="Every class counts alike",
    minutes=10,
    difficulty="medium",
    reference=_macro_f1,
    draw=_rare_and_common,
    hints=(
        "For one class at a time: how many of its pictures were found (TP) or missed (FN), how many others were called so (FP)?",
        "`predicted = logits.argmax(-1)`; `((predicted == label) & (labels == label)).sum()` is TP. FP and FN look alike.",
        "Collect `2 * tp / (2 * tp + fp + fn)` of every class in a list, and return the mean of the list.",
    ),
    cases={
        "F1 here is 2/3 for the 0, 0 for the 9 (it is never predicted) and 1 for the eight others.": (
            lambda draw: {"logits": _saying(torch.arange(20) % 10 % 9, 10), "labels": torch.arange(20) % 10}
        ),
    },
    mistakes={
        "A class that is never predicted gives 0 / 0 in its precision, and nan in the end. Its F1 is 0: "
        "2 TP / (2 TP + FP + FN) has no such trouble.": (
            _counted(lambda tp, fp, fn: _harmonic(tp / (tp + fp), tp / (tp + fn)).mean())
        ),
        "You left out the class that is never predicted. It occurs, and all its pictures are missed: its F1 is 0.": (
            _counted(lambda tp, fp, fn: (2 * tp / (2 * tp + fp + fn))[tp + fp > 0].mean())
        ),
        "That is the accuracy. If you added up TP, FP and FN over the classes first, that is the *micro* average, and with "
        "one prediction for each picture it is accuracy by another name. Make F1 class by class, then average.": (
            lambda z, y: (z.argmax(-1) == y).float().mean()
        ),
        "You weighed the classes by their size. In a *macro* average all count alike.": (
            _counted(lambda tp, fp, fn: (2 * tp / (2 * tp + fp + fn) * (tp + fn)).sum() / (tp + fn).sum())
        ),
        "That is the mean precision TP / (TP + FP). F1 looks at missed pictures (FN) as well.": (
            _counted(lambda tp, fp, fn: (tp / (tp + fp)).mean())
        ),
        "That is the mean recall TP / (TP + FN). F1 looks at false alarms (FP) as well.": (
            _counted(lambda tp, fp, fn: (tp / (tp + fn)).mean())
        ),
        "F1 is the *harmonic* mean of precision and recall: 2 TP / (2 TP + FP + FN).": (
            _counted(lambda tp, fp, fn: (tp / (tp + fp) + tp / (tp + fn)).mean() / 2),
            *(_counted(lambda tp, fp, fn, e=e: (tp / (tp + fp) * tp / (tp + fn)).pow(e).mean()) for e in (0.5, 1)),
        ),
        "You averaged first and combined afterwards. First F1 of each class.": (
            _counted(lambda tp, fp, fn: _harmonic((tp / (tp + fp)).mean(), (tp / (tp + fn)).mean()))
        ),
        "The factors 2 are missing: TP / (TP + FP + FN) is another measure (Jaccard's, IoU).": (
            _counted(lambda tp, fp, fn: (tp / (tp + fp + fn)).mean())
        ),
        "Brackets are missing: divide by the whole of `2 TP + FP + FN`.": (
            _counted(lambda tp, fp, fn: (2 * tp / 2 * tp + fp + fn).mean()),
            _counted(lambda tp, fp, fn: (2 * tp / (2 * tp) + fp + fn).mean()),
        ),
        "TP are counted again in FP and FN: FP are *other* pictures that were called so, FN those of the class that were not.": (
            _counted(lambda tp, fp, fn: (2 * tp / (4 * tp + fp + fn)).mean())
        ),
        "True negatives are counted as well: pictures that are not of the class, and not called so. F1 leaves them out.": (
            _counted(lambda tp, fp, fn: (2 * (n := (tp + fn).sum() - fp - fn) / (2 * n + fp + fn)).mean()),
            _counted(lambda tp, fp, fn: (1 - (fp + fn) / (tp + fn).sum()).mean()),
        ),
    },
)

quiz = Quiz(
    Question(
        "A student that was never shown a 3, and never told the label 3, reads most 3s once its bias is corrected. Where did it learn about them?",
        (
            Option("From its random initial weights.", "The student on hard labels starts from the same weights."),
            Option(
                "From the small probabilities for 3 in the soft targets of other digits.",
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
        "A student has never been shown a 3. It reads the other nine digits as well as before. Which measure shows it most?",
        (
            Option("Accuracy.", "It falls by the share of 3s only: ten points here, one where a class is rare."),
            Option(
                "Macro F1.",
                "Right: one class has an F1 of 0, however rare it is, and others get its false alarms.",
                True,
            ),
            Option(
                "The calibration error.", "It asks whether confidence fits accuracy, and does not look at the classes."
            ),
        ),
    ),
    Question(
        "Two students read equally many digits. One names the teacher's second choice far more often. What follows?",
        (
            Option("It was distilled at too high a temperature.", "Second choices alone do not say so."),
            Option(
                "It took over something that accuracy does not look at.",
                "Right. Whether that is worth anything depends on what you need.",
                True,
            ),
            Option("It will be better on new digits.", "Nothing here shows that: accuracy is on new digits already."),
        ),
    ),
)


__getattr__ = former_names(__name__, copied_mistakes="why_it_works", flip_labels="why_it_works")
