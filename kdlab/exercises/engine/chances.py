"""Answers that draw: which change of the reference has the probabilities that many draws show?"""

import torch

from kdlab.exercises.engine.diagnosis import NOTHING, quietly
from kdlab.exercises.engine.draws import roles_of
from kdlab.exercises.engine.mutations import Change, argument_changes, step_changes, with_arguments
from kdlab.exercises.engine.values import as_double, same

ENOUGH = 5  # standard errors; a right answer exceeds that once in ten thousand checks


def fits(seen, chances):
    """True where shares of draws agree with the probabilities that `chances` gives.

    seen: [(dict of arguments, shares (..., classes), number of draws behind each distribution)].
    """
    return _distance(seen, chances, chances) < ENOUGH


def cause_of_shares(seen, chances, mistakes):
    """The sentence of the mistake that gives these shares, or None. `chances` is right, and is changed as a reference is.

    mistakes: {sentence: function like `chances`}, the first to be believed where two fit alike.
    """
    changes = [Change(sentence, function) for sentence, function in mistakes.items()]
    common = argument_changes(chances, roles_of(chances))
    changes += [Change(sentence, with_arguments(chances, chances, change)) for sentence, change in common]
    changes += step_changes(chances)
    distances = [_distance(seen, change.function, chances) for change in changes]
    nearest = min(distances)
    return changes[distances.index(nearest)].sentence if nearest < ENOUGH else None


def _distance(seen, function, reference):
    """The largest gap between a share and its probability, in standard errors; infinite where it gives no probabilities."""
    worst = 0.0
    for arguments, shares, draws in seen:
        p = quietly(function, reference, arguments)
        if p is NOTHING or getattr(p, "shape", None) != shares.shape or not bool((p >= 0).all()):
            return float("inf")
        p = as_double(p) / as_double(p).sum(-1, keepdim=True)  # as torch.multinomial does
        gap = (as_double(shares) - p).abs() / ((p * (1 - p) + 1 / draws) / draws).sqrt()
        worst = max(worst, float(torch.nan_to_num(gap, nan=float("inf")).max()))
    return worst


def generator_is_used(ask, *arguments):
    """`Mistake` unless the generator, the last argument, makes the draws: equal ones repeat them, used ones go on."""
    first, again, other = (ask(*arguments, torch.Generator().manual_seed(seed)).value for seed in (0, 0, 1))
    ask.answers[-1].holds(
        same(first, again),
        "The same generator gives other draws each time: hand it on to the function that draws, or nobody can repeat what "
        "you got.",
    )
    ask.answers[-1].holds(
        not same(first, other),
        "Two generators with different seeds give the very same draws: yours come from a seed of your own. Hand the given "
        "generator on to the function that draws.",
    )
    generator = torch.Generator().manual_seed(0)  # ask() would hand over copies of it
    first, second = (ask.value_of([*arguments, generator], {}) for _ in range(2))
    ask.answers[-1].holds(
        not same(first, second),
        "Two calls in a row with one generator give the very same draws: nothing new would ever come. Use "
        "the generator as it comes; do not set it back.",
    )
