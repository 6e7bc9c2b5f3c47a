"""What speaks where no change of the reference explains an answer: properties that hold for the reference and not for it.

Each property is a function of `Evidence`; it returns the learner's sentence, or None where it has nothing to say.
"""

import math

import torch

from kdlab.exercises.engine.draws import LOGITS
from kdlab.exercises.engine.values import as_double, close, describe, is_tensor, relative


class Evidence:
    """One exercise and what was asked: `cases` of (arguments, learner's value, expected value); `call`, `reference`.

    `call(arguments)` calls the learner's function, `reference(arguments)` the solution; both take a dict of arguments.
    """

    def __init__(self, call, reference, roles, cases):
        self.call, self.reference, self.roles, self.cases = call, reference, roles, cases

    def names(self, *roles):
        """The arguments with one of these roles, in their order."""
        return [name for name, role in self.roles.items() if role in roles]


def depends_on_chance(evidence):
    """Another value at each call with the same arguments, where the reference's stays."""
    arguments = evidence.cases[0][0]
    mine, wanted = ([as_double(call(arguments)) for _ in range(2)] for call in (evidence.call, evidence.reference))
    if close(*wanted) and mine[0].shape == mine[1].shape and not close(*mine):
        return (
            "The same arguments give another result at each call: you draw at random. What is asked for can be computed "
            "without chance."
        )
    return None


def is_nan(evidence):
    """nan or infinite where the reference is finite, with the likely causes."""
    for _, value, wanted in evidence.cases:
        if not _numbers(value, wanted) or not as_double(wanted).isfinite().all():
            continue
        value = as_double(value)
        if value.isnan().any():
            (mask,) = evidence.names("mask")[:1] or (None,)
            if mask is not None:
                arguments = evidence.cases[0][0]
                everywhere = evidence.call(arguments | {mask: torch.ones_like(arguments[mask])})
                if as_double(everywhere).isfinite().all():
                    return (
                        f"nan, and only where `{mask}` is False somewhere. Were those places filled with minus infinity? "
                        "Softmax of nothing else is nan, and so is 0 times infinity: leave them out instead."
                    )
            where = _common_place(value.isnan())
            some = "Some of your values are" if value.ndim and not value.isnan().all() else "Your result is"
            return (
                f"{some} nan{where and f', {where}'}. That comes from the logarithm of a negative number, from 0 · log 0, from 0 / 0, 0 · ∞ or "
                "∞ - ∞ (softmax of a row of nothing but -inf is 0 / 0), or, in "
                "F.kl_div, from a target that is a logarithm itself (it takes probabilities, or log_target=True)."
            )
        if value.isinf().any():
            return "Your result is infinite: there is a division by 0, the logarithm of 0, or an exp that overflows."
    return None


def is_negative(evidence):
    """Below zero where the reference never is."""
    if all(_numbers(v, w) and (as_double(w) >= 0).all() for _, v, w in evidence.cases):
        if all(close(-as_double(v), as_double(w).abs()) for _, v, w in evidence.cases):
            return "The sign is turned: yours is the negative of what it should be."
        if all((as_double(v) < -1e-6).any() for _, v, _ in evidence.cases):
            return (
                "Yours is negative, and this can never be. Look for a sign, a difference the wrong way round, or a "
                "probability where its logarithm belongs."
            )
    return None


def is_constant_everywhere(evidence):
    """The same result whatever comes in."""
    values = [v for _, v, _ in evidence.cases if _numbers(v, v)]
    if len(values) > 1 and all(
        v.numel() and close(as_double(v).mean(), as_double(values[0]).mean(), 1e-9) for v in map(as_double, values)
    ):
        if as_double(values[0]).numel() and (as_double(values[0]) == as_double(values[0]).reshape(-1)[0]).all():
            nothing = " Is there a comparison that never holds, or a whole-number division (`//`)?"
            return (
                f"Your result is {describe(values[0])} whatever comes in: do the inputs get that far?"
                f"{nothing if not as_double(values[0]).any() else ''}"
            )
    return None


def ignores_an_argument(evidence):
    """An argument that changes the expected value, and never the learner's."""
    asked, seen = evidence.cases[:3], [arguments for arguments, _, _ in evidence.cases[1:4]]
    for name in asked[0][0]:
        tried = []  # on several cases: a share of a few samples may stay the same by chance
        for before, value, wanted in asked:
            others = [before | {name: new} for new in _others(before.get(name), [case.get(name) for case in seen])]
            tried += [(new, value) for new in others if not close(evidence.reference(new), wanted, 0.01)]
        if tried and all(close(evidence.call(new), value, 1e-6) for new, value in tried):
            return f"`{name}` makes no difference to your result, and it should. Is it used?"
    return None


def _others(old, seen):
    """Other values for an argument, of the same type and shape; none for what is no number."""
    if isinstance(old, bool):
        return [not old]
    if is_tensor(old) and old.numel() > 1:
        if old.dtype == torch.bool:
            return [~old]
        if not old.is_floating_point():
            return [old.flip(0), old.roll(1, 0)]
        return [old + torch.randn_like(old), torch.zeros_like(old), -old]
    return [new for new in (*seen, 10 * old, type(old)(1)) if new != old] if isinstance(old, (int, float)) else []


def fails_for_a_flag(evidence):
    """Right with an argument True and wrong with False, or the reverse."""
    arguments = evidence.cases[0][0]
    for name in (n for n, a in arguments.items() if isinstance(a, bool)):
        cases = [arguments, *(a for a, _, _ in evidence.cases[1:2])]
        right = [all(close(evidence.call(a | {name: flag}), evidence.reference(a | {name: flag})) for a in cases)
                 for flag in (False, True)]  # fmt: skip
        if sum(right) == 1:
            return f"Right with `{name}={right[1]}`, wrong with `{name}={right[0]}`: what changes then?"
    return None


def same_at_equals(evidence):
    """A divergence is 0 where student equals teacher."""
    student, teacher = evidence.names("student", "student features"), evidence.names("teacher", "teacher features")
    if not student or not teacher:
        return None
    arguments = dict(evidence.cases[0][0])
    if getattr(arguments[student[0]], "shape", 0) != getattr(arguments[teacher[0]], "shape", 1):
        return None
    arguments[student[0]] = arguments[teacher[0]].clone()
    wanted, value = evidence.reference(arguments), evidence.call(arguments)
    if _numbers(value, wanted) and as_double(wanted).abs().max() < 1e-5 and as_double(value).abs().max() > 1e-3:
        return (
            f"Where student and teacher agree, it should be 0; yours is {describe(value)}. Is something added that does "
            "not depend on their difference, or is one of them treated in another way than the other?"
        )
    return None


def least_at_equals(evidence):
    """A loss that compares with the teacher alone is least where the student says the same."""
    student, teacher = evidence.names("student", "student features"), evidence.names("teacher", "teacher features")
    if len(student) != 1 or len(teacher) != 1:
        return None
    arguments = dict(evidence.cases[0][0])
    if getattr(arguments[student[0]], "shape", 0) != getattr(arguments[teacher[0]], "shape", 1):
        return None
    equal = arguments | {student[0]: arguments[teacher[0]].clone()}
    best = [as_double(call(equal)) for call in (evidence.reference, evidence.call)]
    if any(value.ndim for value in best):
        return None
    noise = torch.randn_like(equal[student[0]])
    # Both ways, and near: where labels pull as well, one of two small steps makes the reference's loss less.
    strays = [equal | {student[0]: equal[student[0]] + size * noise} for size in (0.05, -0.05, 0.5, -0.5)]
    if any(as_double(evidence.reference(stray)) < best[0] - 1e-6 for stray in strays):
        return None
    least = min(as_double(evidence.call(stray)) for stray in strays)
    if least < best[1] - 1e-3 * best[1].abs().clamp(min=0.1):
        return (
            f"A student that says what its teacher says should have the least loss. With yours that is {describe(best[1])}, and "
            f"one that strays has less, {describe(least)}: it is pushed away. A sign, or two sides exchanged?"
        )
    return None


def a_class_that_cannot_happen(evidence):
    """One more class with no probability changes nothing."""
    logits, p = evidence.names(*LOGITS), evidence.names("probabilities")
    arguments, value, wanted = evidence.cases[0]
    if not (logits or p) or as_double(wanted).ndim > 1:
        return None
    after = dict(arguments)
    for name in (*logits, *p):
        column = torch.full_like(arguments[name][..., :1], -1e4 if name in logits else 0.0)
        after[name] = torch.cat([arguments[name], column], -1)
    if close(evidence.reference(after), wanted) and not close(evidence.call(after), value):
        return (
            "One more class that cannot happen (its probability is 0 everywhere) should change nothing, and your result "
            "changes. Is something divided by the number of classes, or does each class count alike?"
        )
    return None


def ends_of_the_weight(evidence):
    """With alpha = 1 and alpha = 0 one of two terms speaks alone: which of them is wrong?"""
    (name,) = evidence.names("weight") or (None,)
    if name is None:
        return None
    arguments = dict(evidence.cases[0][0])
    fits = {}
    for end in (1.0, 0.0):
        wanted = evidence.reference(arguments | {name: end})
        fits[end] = close(evidence.call(arguments | {name: end}), wanted, 1e-4)
    if fits[1.0] and fits[0.0]:
        return f"Right with {name} = 0 and with {name} = 1, wrong between: look at the two weights, they should add up to 1."
    if fits[1.0] or fits[0.0]:
        good, bad = (1, 0) if fits[1.0] else (0, 1)
        return f"The term that is left with {name} = {good} is right; the one that is left with {name} = {bad} is not: the fault is there."

    def bends(call):
        low, middle, high = (as_double(call(arguments | {name: end})) for end in (0.0, 0.5, 1.0))
        return not close(middle, (low + high) / 2)

    if bends(evidence.call) and not bends(evidence.reference):
        return f"With {name} = 0.5 it should be half-way between {name} = 0 and {name} = 1, and yours is not: {name} and 1 - {name} weigh the two terms, once each."
    return None


def scales_with_temperature(evidence):
    """f(c z, c v, c T) of probabilities at a temperature: multiplying logits and T alike changes nothing but factors."""
    temperature, logits = evidence.names("temperature"), evidence.names(*LOGITS)
    if not temperature or not logits:
        return None
    before = dict(evidence.cases[0][0])
    after = before | {n: 2 * before[n] for n in (*logits, *temperature)}
    wanted = close(evidence.reference(after), evidence.reference(before))
    if wanted and not close(evidence.call(after), evidence.call(before)):
        return (
            "Twice the logits at twice the temperature are the same distributions, so nothing should change; your "
            "result does. Do all logits meet T, by a division, before their softmax?"
        )
    return None


def rows_stand_alone(evidence):
    """Each row of the result depends on that row alone."""
    logits = evidence.names(*LOGITS, "probabilities", "student features", "teacher features")
    arguments, value, wanted = evidence.cases[0]
    if not logits or not _numbers(value, wanted) or not as_double(wanted).ndim:
        return None
    rows = {n: a.shape[0] for n, a in arguments.items() if is_tensor(a) and a.ndim}
    if len(set(rows.values())) != 1 or as_double(wanted).shape[0] != next(iter(rows.values())):
        return None
    first = {n: a[:1] if n in rows else a for n, a in arguments.items()}
    if not close(evidence.reference(first), as_double(wanted)[:1]):
        return None
    alone = evidence.call(first)
    if _numbers(alone, evidence.reference(first)) and not close(alone, as_double(value)[:1]):
        return (
            "Your first row changes with the rows below it: something runs over the whole batch (a sum, a maximum, a "
            "softmax) that should run along each row, dim=-1."
        )
    return None


def mean_of_the_rows(evidence):
    """The loss of a batch is the mean of the losses of its rows."""
    arguments, value, wanted = evidence.cases[0]
    if not _numbers(value, wanted) or as_double(wanted).ndim or evidence.names("mask"):
        return None
    rows = {n: a.shape[0] for n, a in arguments.items() if is_tensor(a) and a.ndim}
    if not rows or len(set(rows.values())) != 1:
        return None

    def mean_of(function):
        parts = [
            function({n: a[i : i + 1] if n in rows else a for n, a in arguments.items()})
            for i in range(next(iter(rows.values())))
        ]
        return torch.stack([as_double(part) for part in parts]).mean()

    if not close(mean_of(evidence.reference), wanted):
        return None
    mine, one = mean_of(evidence.call), {n: a[:1] if n in rows else a for n, a in arguments.items()}
    right_alone = close(evidence.call(one), evidence.reference(one))
    if right_alone and not close(value, mine):
        return "Right for a single row, wrong for a batch: what do you do with more rows? Each row's loss on its own, then their mean."
    if not close(value, mine):
        return (
            "The loss of a batch should be the mean of the losses of its rows. Yours is not: something runs over the "
            "batch that should run over the classes (dim=-1), or the rows are added up."
        )
    return None


def where_it_differs(evidence):
    """Which entries are off, and what they have in common."""
    arguments, value, wanted = evidence.cases[0]
    if (
        not _numbers(value, wanted)
        or not as_double(wanted).numel() > 1
        or as_double(value).shape != as_double(wanted).shape
    ):
        return None
    value, wanted = as_double(value), as_double(wanted)
    scale = wanted[wanted.isfinite()].abs().max() if wanted.isfinite().any() else 1.0
    off = ~(((value - wanted).abs() <= 1e-4 * scale) | (value == wanted))
    if not off.any() or 2 * off.sum() > off.numel():  # where most are off, places say nothing
        return None
    masks = [arguments[n] for n in evidence.names("mask") if getattr(arguments[n], "shape", ()) == off.shape]
    if masks and not (off & masks[0]).any():
        return "Right where the mask is True; the entries that do not count are off."
    places = off.nonzero()
    if off.ndim >= 2:
        for axis, words in ((-1, "column"), (0, "row")):
            hit = places[:, axis].unique().tolist()
            if len(hit) < off.shape[axis] and len(hit) <= 2:
                return f"Right but for {words} {', '.join(map(str, hit))}: what is different there? There {_example(value, wanted, off)}."
    if wanted.ndim == 1:
        hit = places[:, 0].tolist()
        if hit == list(range(len(hit))) or hit == list(range(len(wanted) - len(hit), len(wanted))):
            side = "first" if hit[0] == 0 else "last"
            count = f"{side} entry is" if len(hit) == 1 else f"{len(hit)} {side} entries are"
            return f"Only the {count} off: there {_example(value, wanted, off)}."
    where = _common_place(off)
    if where:
        return f"Right but for some entries, {where}: there {_example(value, wanted, off)}."
    return f"{int(off.sum())} of {off.numel()} entries are off: there {_example(value, wanted, off)}."


def _common_place(off):
    """What the entries have in common, in words, if they are all those whose indices are equal; else ""."""
    if off.ndim < 2 or off.all() or not off.any():
        return ""
    same = {}
    for one in range(off.ndim):
        for other in range(one + 1, off.ndim):
            if off.shape[one] == off.shape[other]:
                index = [torch.arange(n).view([-1 if i == axis else 1 for i in range(off.ndim)])
                         for axis, n in enumerate(off.shape)]  # fmt: skip
                same[one, other] = (index[one] == index[other]).expand(off.shape)
    names = ("first", "second", "third", "fourth")
    pairs = [pair for pair, places in same.items() if (off & places).equal(places) and max(pair) < len(names)]
    if not pairs or not off.equal(torch.stack([same[pair] for pair in pairs]).any(0)):
        return ""
    if off.ndim == 2:
        return "all on the diagonal, where row and column are the same"
    words = " or ".join(f"the {names[a]} and the {names[b]}" for a, b in pairs)
    return f"all where {words} index are the same"


ROUNDED = "Right but for rounding: return the value in full, without round, int or //, and round where you print."


def is_rounded(evidence):
    """The right values, rounded."""
    cases = [(as_double(v), as_double(w)) for _, v, w in evidence.cases if _numbers(v, w)]
    for decimals in range(5) if len(cases) == len(evidence.cases) else ():
        if all(close(v, w.round(decimals=decimals), 1e-6) for v, w in cases):
            return ROUNDED
        unit = 10.0**-decimals
        near = [w.abs().max() >= unit and (v - w).abs().max() < unit for v, w in cases]
        if len(cases) > 1 and all(near) and all(close(v, v.round(decimals=decimals), 1e-6) for v, _ in cases):
            return ROUNDED
    return None


def sums_of_rows(evidence):
    """Rows that should sum to 1, or to 0, and do not."""
    for _, value, wanted in evidence.cases:
        if not _numbers(value, wanted) or not as_double(wanted).ndim or as_double(wanted).shape[-1] < 2:
            return None
        value, wanted = as_double(value), as_double(wanted)
        total = wanted.sum(-1).mean().round()
        if total not in (0.0, 1.0) or not close(wanted.sum(-1), total.expand(wanted.shape[:-1]), 1e-4):
            return None
        mine = value.sum(-1)
        if close(mine, total.expand(mine.shape), 1e-3):
            return None
        if close(value.square().sum(-1), torch.ones_like(mine), 1e-3):
            return "In each row the *squares* sum to 1: you divide by the length of the row. Divide by its sum."
        if close(value.sum(), total, 1e-3):
            return "All entries together sum to 1; each row should: divide each row by its own sum, dim=-1 with keepdim=True."
        row = mine.reshape(-1)[0].item()
        return f"Each row should sum to {total.item():.0f}; your first sums to {row:.4g}. Which step makes that so?"
    return None


def leaves_its_range(evidence):
    """Outside 0 to 1 where the reference never is."""
    if all(_numbers(v, w) and ((as_double(w) >= 0) & (as_double(w) <= 1)).all() for _, v, w in evidence.cases):
        beyond = [as_double(v)[(as_double(v) < -1e-4) | (as_double(v) > 1 + 1e-4)] for _, v, _ in evidence.cases]
        if all(len(b) for b in beyond):
            return f"It should lie between 0 and 1, and {beyond[0][0].item():.4g} came out: what does not belong there?"
    return None


def constant_offset(evidence):
    """Everything is off by the same amount."""
    gaps = []
    for _, value, wanted in evidence.cases:
        if (
            not _numbers(value, wanted)
            or as_double(value).shape != as_double(wanted).shape
            or not as_double(wanted).numel()
        ):
            return None
        gap = as_double(value) - as_double(wanted)
        if not close(gap, gap.mean().expand(gap.shape), 1e-3):
            return None
        gaps.append(float(gap.mean()))
    if len(gaps) > 1 and math.isclose(gaps[0], gaps[1], rel_tol=1e-3) and math.isfinite(gaps[0]):
        known = {math.log(2): "ln 2", 1.0: "1", 0.5: "a half"}
        words = next(
            (w for number, w in known.items() if math.isclose(abs(gaps[0]), number, rel_tol=1e-3)),
            relative(abs(gaps[0])),
        )
        return f"Yours is too {'large' if gaps[0] > 0 else 'small'} by {words}, whatever comes in: a term too many or missing."
    return None


def varying_ratio(evidence):
    """A ratio to the expected value that is constant within a draw, not between draws."""
    ratios = []
    for _, value, wanted in evidence.cases[:2]:
        if (
            not _numbers(value, wanted)
            or as_double(value).shape != as_double(wanted).shape
            or as_double(wanted).numel() < 2
        ):
            return None
        value, wanted = as_double(value).reshape(-1), as_double(wanted).reshape(-1)
        ratio = float((value * wanted).sum() / (wanted * wanted).sum().clamp(min=1e-12))
        if not close(value, ratio * wanted, 1e-4) or abs(ratio) < 1e-6:
            return None
        ratios.append(ratio)
    if ratios:
        return f"All your values are {relative(ratios[0])} times what they should be: the shape is right, the scale is not."
    return None


def _example(value, wanted, off):
    place = tuple(off.nonzero()[0].tolist())
    where = f"[{', '.join(map(str, place))}]"
    return f"{where} is {value[place].item():.4g} and should be {wanted[place].item():.4g}"


def _numbers(value, wanted):
    try:
        return as_double(value).shape == as_double(wanted).shape
    except TypeError:
        return False


# These say what happened, whatever else is wrong: they speak before two changes are looked for.
CERTAIN = (is_nan, is_constant_everywhere, is_rounded, ignores_an_argument, constant_offset)
# And these say where it happened, in the order in which they speak.
PROPERTIES = (
    depends_on_chance, is_negative, fails_for_a_flag, varying_ratio, rows_stand_alone, sums_of_rows,
    leaves_its_range, ends_of_the_weight, mean_of_the_rows, same_at_equals, least_at_equals, a_class_that_cannot_happen,
    scales_with_temperature, where_it_differs,
)  # fmt: skip
