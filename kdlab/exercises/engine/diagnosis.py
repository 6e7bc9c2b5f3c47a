"""From a wrong value to the sentence that the learner reads.

Own variants first, then the common changes of arguments, then changed steps of the reference, each alone, then with a
constant factor; terms that are too large or too small; then properties; then a small case, worked out. A change is named
only if it gives the learner's value everywhere that was asked, on two draws at least.
"""

import contextlib
import functools
import io
import time
import warnings

import torch

from kdlab.exercises.engine.answers import Mistake, NotTried
from kdlab.exercises.engine.draws import bound, symbols
from kdlab.exercises.engine.mutations import (
    Change,
    argument_changes,
    cuts,
    numbers_in,
    other_logarithms,
    scaled_terms,
    step_changes,
    with_arguments,
)
from kdlab.exercises.engine.properties import CERTAIN, PROPERTIES, Evidence
from kdlab.exercises.engine.values import as_double, close, deeply_copied, is_tensor, relative

TOLERANCE = 5e-5  # between a mistake's value and the learner's: rounding, no more
SECONDS = 1.5  # of processor time, for the whole search

TAKEN_OF_ALL = {
    "the square root of": lambda x: x.sqrt(), "the square of": lambda x: x.square(), "e to the power of": lambda x: x.exp(),
    "the logarithm of": lambda x: x.log(), "1 divided by": lambda x: 1 / x, "1 minus": lambda x: 1 - x,
    "the absolute value of": lambda x: x.abs(),
}  # fmt: skip


class Search:
    """The search for what explains an answer; `cases` holds (arguments, learner's value, expected value).

    The case that failed comes first, and a second draw of it behind; then all that was asked before. With `part`, one
    of several values is explained, as if it had been returned alone.
    """

    def __init__(self, exercise, call, cases, special=False, part=None):
        self.exercise, self.call, self.cases, self.part = exercise, call, cases, part
        if part is not None:
            self.call = lambda arguments: call(arguments)[part]
            self.cases = [(arguments, value[part], wanted[part]) for arguments, value, wanted in cases]
        # Only nan, or the same whatever comes in: many changes give that, so none explains it (special cases have words).
        # In a special case, a step that undoes the reference's own care for it would always fit a nan, or an infinity.
        failed = self.cases[:1] if special else self.cases
        self.blind = _says_nothing([v for _, v, _ in failed], special) or (not special and _only_nan(self.cases))
        self.roles = exercise.roles
        self.right_elsewhere = any(
            close(value, wanted) for _, value, wanted in self.cases
        )  # then no factor explains it
        self._fresh = None
        self.end = time.thread_time() + SECONDS

    def change(self):
        """The sentence of the change that explains the value everywhere, or of a factor that has a name, or None."""
        if self.blind:
            own = [change for change in self.exercise.variants() if self.explains(change.function)]
            return own[0].sentence if own else None
        for group in (self.declared, None, step_changes(*self.exercise.all_forms())):
            if group is None:
                if sentence := self.factor_of(self.exercise.reference, "Your result"):
                    return sentence
                continue
            for change in sorted(group, key=self.changes_more):
                if self.explains(change.function):
                    return change.sentence
        return self.term() or self.of_the_result()

    def of_the_result(self):
        """A function that was taken of the right result, or None."""
        for words, function in TAKEN_OF_ALL.items():
            wanted = [self.of(self.exercise.reference, arguments) for arguments, _, _ in self.cases]
            if all(
                is_tensor(w) and w.is_floating_point() and close(value, function(w), TOLERANCE, equal_nan=True)
                for (_, value, _), w in zip(self.cases, wanted, strict=True)
            ):
                return f"You return {words} what is asked for: leave out that last step."
        return None

    def changes_more(self, change):
        """For one of several values: True for a change that would change another one, too; it is tried later."""
        if self.part is None or self.exercise.observe:
            return False
        arguments, _, _ = self.cases[0]
        value, wanted = (
            quietly(f, self.exercise.reference, arguments) for f in (change.function, self.exercise.reference)
        )
        if not isinstance(value, (tuple, list)) or len(value) != len(wanted):
            return True
        return not all(close(v, w) for i, (v, w) in enumerate(zip(value, wanted, strict=True)) if i != self.part)

    def combination(self):
        """The sentence for two mistakes at once, or None."""
        if self.blind:
            return None
        pairs = ((s, f) for s, functions in self.exercise.pairs.items() for f in functions)
        pair = next((sentence for sentence, function in pairs if self.explains(function)), None)
        return pair or self.with_a_factor() or self.two_changes()

    @functools.cached_property
    def declared(self):
        """The exercise's own mistakes, then those that the roles of its arguments suggest."""
        exercise, reference = self.exercise, self.exercise.reference
        arguments = argument_changes(reference, self.roles)
        common = [Change(sentence, with_arguments(reference, reference, change)) for sentence, change in arguments]
        return [*exercise.variants(), *common]

    def explains(self, function):
        """True when it gives the learner's value in every case (and so is no right answer in disguise)."""

        def fits(case):
            return close(case[1], self.of(function, case[0]), TOLERANCE, equal_nan=True)

        return all(map(fits, self.cases)) and all(map(fits, self.fresh()))

    def fresh(self):
        """Two more draws, asked only when a change fits so far: small counts fit by chance."""
        if self._fresh is None:
            self._fresh, start = [], time.thread_time()
            for number in (0, 1):
                with contextlib.suppress(Mistake, NotTried, IndexError, TypeError):
                    arguments = self.exercise.arguments(number)
                    self._fresh.append(
                        (arguments, self.call(arguments), self.quietly(self.exercise.reference, arguments))
                    )
            self.end += time.thread_time() - start  # drawing is not searching
        return self._fresh

    def of(self, function, arguments):
        """The function's value for a case, or a value that equals nothing."""
        if time.thread_time() > self.end:
            return NOTHING
        return self.quietly(function, arguments)

    def quietly(self, function, arguments):
        """What comes out, as the exercise observes and sees it, or the part of it that is to be explained."""
        value = quietly(self.exercise.watched(function), self.exercise.reference, arguments)
        value = value if value is NOTHING else self.exercise.viewed(value, arguments)
        if self.part is None or value is NOTHING:
            return value
        try:
            return value[self.part]
        except (TypeError, IndexError, KeyError):
            return NOTHING

    def factor_of(self, function, what):
        """The sentence for a constant ratio between the learner's value and the function's, named on all draws."""
        if self.right_elsewhere:
            return None

        def named(cases):
            ratios = [_ratio(value, self.of(function, arguments)) for arguments, value, _ in cases]
            return self.named_ratio(ratios, cases, what)

        sentence = named(self.cases[:2])
        return sentence if sentence and named(self.fresh()) else None

    def named_ratio(self, ratios, cases, what):
        """The sentence for these ratios, one for each case: what number is it in each?"""
        if len(ratios) < 2 or None in ratios or any(abs(r - 1) < 1e-3 for r in ratios):
            return None
        inside, in_bits = numbers_in(self.exercise.reference), other_logarithms(self.exercise.reference)
        tables = [symbols(arguments, self.roles) | inside for arguments, _, _ in cases]
        for words in tables[0]:
            if words not in tables[1]:
                continue
            numbers = [table[words] for table in tables]
            if all(abs(r - n) < 2e-4 * abs(n) for r, n in zip(ratios, numbers, strict=True)):
                return _times(what, ratios[0], words, numbers[0], False, in_bits)
            if all(abs(r * n - 1) < 2e-4 for r, n in zip(ratios, numbers, strict=True)):
                return _times(what, ratios[0], words, numbers[0], True, in_bits)
        return None

    def term(self):
        """A term of the reference that is too large, too small, or turned, by a factor that has a name."""
        for source, make in () if self.right_elsewhere else scaled_terms(*self.exercise.all_forms()):
            ratios = []
            for arguments, value, _ in self.cases[:2]:
                without, with_it = (self.of(make(k), arguments) for k in (0.0, 1.0))
                try:
                    ratio = _ratio(as_double(value) - as_double(without), as_double(with_it) - as_double(without))
                except (TypeError, RuntimeError):
                    ratio = None
                if ratio is None or not close(value, self.of(make(ratio), arguments), TOLERANCE):
                    break
                ratios.append(ratio)
            short = source if len(source) <= 60 else source[:59] + "…"
            sentence = self.named_ratio(ratios, self.cases[:2], f"The term `{short}`")
            if sentence:
                return sentence
        return None

    def steps(self):
        """The changed steps, without exchanged names: together with another change those fit by chance."""
        return [c for c in step_changes(*self.exercise.all_forms()) if "` stands where `" not in c.sentence]

    def with_a_factor(self):
        """A change, and a constant factor on top."""
        for change in sorted((*self.declared, *self.steps()), key=self.changes_more):
            ratios = [_ratio(value, self.of(change.function, arguments)) for arguments, value, _ in self.cases[:1]]
            if ratios[0] is None or abs(ratios[0] - 1) < 1e-3:
                continue
            factor = self.factor_of(change.function, "what then comes out")
            if factor:
                return f"Two things at once. {change.sentence} And {factor}"
        return None

    def two_changes(self):
        """Two changes at once: another argument, and a mistake of the exercise or a changed step."""
        reference = self.exercise.reference
        common = argument_changes(reference, self.roles)
        for step in (*self.exercise.variants(), *self.steps()):
            for sentence, change in common:
                if time.thread_time() > self.end:
                    return None
                if self.explains(with_arguments(step.function, reference, change)):
                    return f"Two things at once. {sentence} And: {step.sentence}"
        return None

    def certainty(self):
        """The first property that says what happened, or None."""
        return self.says((*self.exercise.properties, *CERTAIN))

    def property(self):
        """The first property that says where it happened, or None."""
        return self.says(PROPERTIES)

    def says(self, properties):
        """The first of these properties that has something to say, or None."""
        reference = self.exercise.reference
        evidence = Evidence(self.call, lambda arguments: self.quietly(reference, arguments), self.roles, self.cases)
        for speak in properties:
            with contextlib.suppress(
                Mistake, NotTried, RuntimeError, TypeError, ValueError, IndexError, KeyError, AttributeError
            ):
                sentence = speak(evidence)
                if sentence:
                    return sentence
        return None


def _only_nan(cases):
    """True when nothing but nan is wrong in what the learner's function returned."""
    try:
        pairs = [(as_double(value), as_double(wanted)) for _, value, wanted in cases]
    except TypeError:
        return False
    return any(v.isnan().any() for v, _ in pairs) and all(
        v.shape == w.shape and close(v[~v.isnan()], w[~v.isnan()]) for v, w in pairs
    )


class _Nothing:
    """What a change that does not run gives: equal to no value."""


NOTHING = _Nothing()


def quietly(function, reference, arguments):
    """The function's value for a dict of arguments of the reference; `NOTHING` where it fails."""
    args, kwargs = bound(reference, deeply_copied(arguments))
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            value = function(*args, **kwargs)
    except Exception:  # a change may make no sense at all
        return NOTHING
    return NOTHING if value is None else value


def _says_nothing(values, special=False):
    """True for values without a finite number, and (not in a special case) for one number that came out in every case."""
    try:
        numbers = torch.cat([as_double(value).reshape(-1) for value in values])
    except (TypeError, RuntimeError):
        return False
    finite = numbers[numbers.isfinite()]
    return not finite.numel() or (not special and len(numbers) > 1 and bool((numbers == numbers[0]).all()))


def _ratio(value, wanted):
    """The factor between two values of one shape if it is the same everywhere, or None."""
    try:
        value, wanted = as_double(value), as_double(wanted)
    except TypeError:
        return None
    if value.shape != wanted.shape or not wanted.numel() or not value.isfinite().all() or not wanted.isfinite().all():
        return None
    square = (wanted * wanted).sum()
    if square == 0:
        return None
    ratio = float((value * wanted).sum() / square)
    return ratio if abs(ratio) > 1e-6 and close(value, ratio * wanted, TOLERANCE) else None


def _times(what, ratio, words, number, divided, in_bits):
    """ "Your result is 5 times too small, and the number of classes is 5: ..." """
    if ratio < 0 and abs(abs(ratio) - 1) < 1e-3:
        return f"{what} has the wrong sign: it is the negative of what it should be."
    size = (
        f"{relative(abs(ratio))} times too large" if abs(ratio) > 1 else f"{relative(1 / abs(ratio))} times too small"
    )
    sign = ", and its sign is turned" if ratio < 0 else ""
    plain = words.lstrip("-").replace(".", "").isdigit()
    factor = words.lstrip("-") if plain else f"{words} ({relative(number)})"
    if "the number of" in words or "the length" in words:
        verb = "divide" if divided else "multiply"
        cause = f"you {verb} by {factor}" + ("" if divided else ", or add up where a mean belongs")
    elif divided:
        cause = f"there is a division by {factor} too many, or a factor of {factor} is missing"
    else:
        cause = f"there is a factor of {factor} too many, or a division by it is missing"
    if " where " in words:
        first, second = words.removesuffix(" belongs").split(" where ")
        first, second = (second, first) if divided else (first, second)
        cause = f"you multiply by {first} where {second} belongs, or divide by {second} where {first} belongs"
    if words in ("ln 2", "ln 10"):
        base = words[3:]
        mine, right = f"a logarithm to base {base}", "the natural one"
        if in_bits:
            mine, right = "a natural logarithm", f"one to base {base}"
        cause = f"{mine} stands where {right} belongs (bits are to base 2, nats to base e)"
    return f"{what} is {size}{sign}: {cause}."


# Gradients ------------------------------------------------------------------------------------------------------------


def gradients(function, reference, arguments, wanted):
    """{name: gradient of the value's sum on that argument, or None}; `wanted` names arguments, tensors or models."""
    arguments = deeply_copied(arguments)
    for name in wanted:
        if is_tensor(arguments[name]):
            arguments[name] = arguments[name].detach().requires_grad_()
    args, kwargs = bound(reference, arguments)
    value = function(*args, **kwargs)
    if not (is_tensor(value) and value.requires_grad):
        return dict.fromkeys(wanted)
    leaves = {n: [arguments[n]] if is_tensor(arguments[n]) else list(arguments[n].parameters()) for n in wanted}
    flat = [leaf for name in wanted for leaf in leaves[name]]
    found = iter(torch.autograd.grad(value.sum(), flat, allow_unused=True))
    result = {}
    for name in wanted:
        parts = [next(found) for _ in leaves[name]]
        if all(part is None for part in parts):
            result[name] = None
        else:
            result[name] = torch.cat(
                [
                    (torch.zeros_like(x) if g is None else g).reshape(-1)
                    for g, x in zip(parts, leaves[name], strict=True)
                ]
            )
    return result


def gradient_sentence(exercise, arguments, mine, theirs, name):
    """Why the gradient on argument `name` is `mine` and not `theirs`, in a sentence."""
    if theirs is None or not bool(theirs.any()):
        cure = f"detach it, `{name}.detach()` (or torch.no_grad() around its part)"
        if not is_tensor(arguments[name]):
            cure = f"call `{name}` under torch.no_grad(), or detach what it returns (eval() does not stop gradients)"
        return (
            f"The value is right, but a gradient flows into `{name}`, which should only teach and would learn from the "
            f"student: {cure}."
        )
    if mine is None or not bool(mine.any()):
        return (
            f"The value is right, but no gradient reaches `{name}`: is there a .detach(), .item(), .tolist(), float() "
            "or torch.no_grad() on its way? A loss like this trains nobody."
        )
    for change in cuts(*exercise.all_forms()):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = gradients(change.function, exercise.reference, arguments, [name])[name]
        except Exception:  # a cut may make no sense
            continue
        if found is not None and close(mine, found, TOLERANCE):
            return change.sentence
    ratio = _ratio(mine, theirs)
    if ratio is not None:
        return f"The value is right, but the gradient on `{name}` is {relative(ratio)} times what it should be: part of it is detached, or under torch.no_grad()."
    if not mine.isfinite().all():
        return (
            f"The value is right, but the gradient on `{name}` is nan or infinite: 0 · log 0, a division by 0, or "
            "the root of 0 (its slope is infinite) is still there, only covered up (torch.where and nan_to_num hide the "
            "value, not the gradient)."
        )
    return f"The value is right, but not the gradient on `{name}`: part of its way is cut off, by .detach(), torch.no_grad() or a new tensor."
