"""Exercises of lesson 01, softmax and temperature."""

import math

import torch

from kdlab.exercises.core import Exercise, Option, Question, Quiz

# 1 --------------------------------------------------------------------------------------------------------------------


def _stable_softmax(logits):
    """Probabilities along the last axis, same shape as `logits`; safe for logits of any size."""
    shifted = logits - logits.max(dim=-1, keepdim=True).values
    exponentials = torch.exp(shifted)
    return exponentials / exponentials.sum(dim=-1, keepdim=True)


def _softmax_from(logits, shift):
    """A softmax that subtracts `shift` first: right only where `shift` is each row's maximum."""
    exponentials = (logits - shift).exp()
    return exponentials / exponentials.sum(-1, keepdim=True)


def _logits(*values, shape=None):
    """A case: these logits, or normal ones of this shape."""
    return lambda draw: {"logits": torch.tensor(values) if values else draw.logits(*shape)}


stable_softmax = Exercise(
    place=1,
    title="A softmax that never overflows",
    minutes=10,
    difficulty="easy",
    reference=_stable_softmax,
    forms=(lambda logits: torch.softmax(logits, dim=-1),),
    hints=(
        "Adding the same number to every logit of a row changes nothing. Which number would make the largest logit 0?",
        "`logits.max(dim=-1, keepdim=True).values` has one entry for each row, and broadcasts against the row.",
        "Subtract that maximum, take `torch.exp`, divide by the sum along the last axis with `keepdim=True`.",
    ),
    cases={
        "Right for a matrix, wrong for a single row of logits: use dim=-1 rather than dim=1.": _logits(shape=(7,)),
        "Right for a matrix, wrong for (batch, tokens, classes): the last axis is dim=-1, however many there are.": (
            _logits(shape=(2, 3, 5))
        ),
        "Right for a batch, wrong for one row alone, shape (1, 5).": _logits(shape=(1, 5)),
        "Correct, until a logit reaches a thousand: then exp overflows, or rounds to 0. What could you subtract from a whole "
        "row?": _logits([1000.0, 1001.0, 999.0]),
        "Correct for small logits, not for two rows far from each other, around 1000 and around -1000: nan, inf or rows of 0 "
        "came out. Each row needs a shift of its own.": _logits([1000.0, 999.0], [-1000.0, -1001.0]),
        "Correct, until one logit lies far above, or far below, the rest of its row: nan, inf or a row of 0 came out. Which "
        "shift leaves nothing above zero, and the largest at zero?": _logits([0.0, 1000.0, -1000.0], [500.0, 0.0, 0.0]),
    },
    mistakes={
        "All rows together sum to one: you summed over everything. Sum along the last axis, with keepdim=True.": (
            lambda z: z.exp() / z.exp().sum()
        ),
        "Your columns sum to one. Each row is a distribution: sum along the last axis.": lambda z: z.softmax(0),
        "These are logarithms of probabilities. Leave out the log.": lambda z: z.log_softmax(-1),
        "You have the exponentials. Now divide each row by its sum (not by its largest).": (
            lambda z: z.exp(),
            lambda z: (z - z.amax(-1, keepdim=True)).exp(),
        ),
        "A probability is never negative: you divide the logits themselves. Where is the exponential?": (
            lambda z: z / z.sum(-1, keepdim=True)
        ),
        "The base is 2 in your powers. Softmax takes powers of e: torch.exp.": lambda z: (z * math.log(2)).softmax(-1),
        "You clamp the logits. That changes large ones; shift each row by its maximum instead.": (
            lambda z: z.clamp(-50, 50).softmax(-1)
        ),
    },
    wrong={
        "overflows": (lambda z: z.exp() / z.exp().sum(-1, keepdim=True), "exp overflows"),
        "maximum of the whole tensor": (lambda z: _softmax_from(z, z.max()), "two rows far from each other"),
        "mean instead of maximum": (lambda z: _softmax_from(z, z.mean(-1, keepdim=True)), "far above, or far below"),
        "minimum": (lambda z: _softmax_from(z, z.min(-1, keepdim=True).values), "far above, or far below"),
        "forgets .values": (lambda z: _softmax_from(z, z.max(-1, keepdim=True)), "return values and indices"),
        "forgets keepdim": (lambda z: _softmax_from(z, z.max(-1).values), "keepdim=True"),
        "dim=1": (lambda z: z.softmax(1), "dim=-1 rather than dim=1"),
    },
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _soft_targets(logits, temperature=1.0):
    """Softened probabilities along the last axis, same shape as `logits`."""
    return torch.softmax(logits / temperature, dim=-1)


def _at(temperature, *values, shape=()):
    """A case: these logits, or normal ones of this shape, at this temperature."""
    return lambda draw: {
        "logits": torch.tensor(values) if values else draw.logits(*shape, scale=3.0),
        "temperature": temperature,
    }


soft_targets = Exercise(
    place=2,
    title="Softmax with a temperature",
    minutes=5,
    difficulty="easy",
    reference=_soft_targets,
    hints=(
        "Only one thing happens before the softmax that you already have.",
        "High temperature must bring the logits closer together: divide them.",
        "`torch.softmax(logits / temperature, dim=-1)`.",
    ),
    cases={
        "Right for a matrix, wrong for a single row of logits: use dim=-1 rather than dim=1.": _at(2.0, shape=(5,)),
        "Right for a matrix, wrong for (batch, tokens, classes): use dim=-1 rather than dim=1.": _at(
            2.0, shape=(2, 3, 5)
        ),
        "Right for a batch, wrong for one row alone, shape (1, 5): use dim=-1.": _at(2.0, shape=(1, 5)),
        "Correct, until a logit reaches a thousand: then exp overflows. Exercise 1.1 had a cure.": (
            _at(0.5, [1000.0, 1001.0, 999.0])
        ),
        "A gap of 150 at T = 100 should leave both classes a share. A probability that has rounded to 0 cannot come back: "
        "bring in the temperature earlier.": _at(100.0, [0.0, 150.0]),
    },
    mistakes={
        "You divided the probabilities by T. Divide the logits, before the exponential.": lambda z, T=1.0: (
            z.softmax(-1) / T
        ),
        "You took the softmax of probabilities. Divide the logits by T, then take softmax once.": (
            lambda z, T=1.0: (z.softmax(-1) / T).softmax(-1)
        ),
        "Temperature makes no difference to your result. Is it used, and does it survive the division by the sum? Softmax "
        "does not see a shift, nor a factor on its exponentials.": lambda z, T=1.0: z.softmax(-1),
        "You multiplied the logits by T: a higher T should flatten the bars, not sharpen.": (
            lambda z, T=1.0: (z * T).softmax(-1)
        ),
        "Right for whole temperatures alone: is T rounded, or made an int?": lambda z, T=1.0: (
            z / max(1, int(T))
        ).softmax(-1),
        "These are logarithms of probabilities. Leave out the log.": lambda z, T=1.0: (z / T).log_softmax(-1),
        "You raise the probabilities to the power 1 / T, but do not divide by their sum again.": (
            lambda z, T=1.0: z.softmax(-1) ** (1 / T)
        ),
    },
    wrong={
        "subtracts": (lambda z, T=1.0: (z - T).softmax(-1), "does not see a shift"),
        "over the batch": (lambda z, T=1.0: (z / T).softmax(0), "columns sum to one"),
        "a power of the probabilities": (
            lambda z, T=1.0: z.softmax(-1) ** (1 / T) / (z.softmax(-1) ** (1 / T)).sum(-1, keepdim=True),
            "cannot come back",
        ),
        "another default": (lambda z, T=2.0: (z / T).softmax(-1), "Without `temperature=`"),
        "in place": (lambda z, T=1.0: z.div_(T).softmax(-1), "in place"),
        "dim=1": (lambda z, T=1.0: (z / T).softmax(1), "dim=-1 rather than dim=1"),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _temperature_for_ratio(gap, ratio):
    """The temperature at which a class whose logit is `gap` lower than the first is `ratio` times less likely."""
    return gap / math.log(ratio)


temperature_for_ratio = Exercise(
    place=3,
    title="How hot must it be?",
    minutes=10,
    difficulty="medium",
    reference=_temperature_for_ratio,
    draw=lambda draw: {"gap": 2 + 8 * torch.rand(()).item(), "ratio": 2 + 8 * torch.rand(()).item()},
    hints=(
        "Divide one softmax probability by another: the sum below the line cancels. What is left?",
        "The ratio of the two probabilities is exp(gap / T). Set it equal to the ratio.",
        "Take the natural logarithm on both sides: gap / T = ln(ratio). Now solve for T.",
    ),
    mistakes={
        "A negative temperature would turn the ranking round. Which way up is the ratio?": (
            lambda gap, ratio: gap / math.log(1 / ratio)
        ),
        "Upside down: a larger gap needs a *higher* temperature. Solve gap / T = ln(ratio) for T.": (
            lambda gap, ratio: math.log(ratio) / gap
        ),
        "The ratio is an exponential of gap / T: take the logarithm of the ratio before dividing.": (
            lambda gap, ratio: gap / ratio
        ),
        "You applied exp to the ratio. Undo the exponential: use its inverse, log.": (
            lambda gap, ratio: gap / math.exp(ratio)
        ),
        "Solve gap / T = ln(ratio) for T once more: T is below the fraction line.": (
            lambda gap, ratio: gap * math.log(ratio)
        ),
        "You take the logarithm of the gap as well. Only the ratio is an exponential.": (
            lambda gap, ratio: math.log(gap) / math.log(ratio)
        ),
        "You took the logarithm of 1 + ratio. The ratio of two probabilities is exp(gap / T), without a 1.": (
            lambda gap, ratio: gap / math.log1p(ratio)
        ),
        "That is the logarithm of the whole fraction: take the logarithm of the ratio alone.": (
            lambda gap, ratio: math.log(gap / ratio)
        ),
    },
    wrong={
        "base 2": (lambda gap, ratio: gap / math.log2(ratio), "base 2"),
        "base 10": (lambda gap, ratio: gap / math.log10(ratio), "base 10"),
        "raises": (lambda gap, ratio: gap / ratio.log(), "AttributeError"),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _entropy(logits, temperature=1.0):
    """Entropy in nats of the soft targets, one number for each distribution."""
    log_probabilities = torch.log_softmax(logits / temperature, dim=-1)
    return -(log_probabilities.exp() * log_probabilities).sum(dim=-1)


def _entropy_of_probabilities(logits, temperature=1.0):
    p = torch.softmax(logits / temperature, dim=-1)
    return -torch.xlogy(p, p).sum(dim=-1)


def _weighted(weights, logarithms):
    """-Σ of weights times logarithms, each a function of logits and T."""
    return lambda z, T=1.0: -(weights(z, T) * logarithms(z, T)).sum(-1)


entropy = Exercise(
    place=4,
    title="Entropy",
    minutes=10,
    difficulty="medium",
    reference=_entropy,
    forms=(lambda z, temperature=1.0: -((z / temperature).softmax(-1) * (z / temperature).log_softmax(-1)).sum(-1),),
    gradient=("logits",),
    hints=(
        "You need probabilities at temperature T, their logarithms, and a sum along the last axis.",
        "`torch.log(p)` is -inf where p rounds to 0. `torch.log_softmax` never forms p, so it stays finite.",
        "With `logp = torch.log_softmax(logits / temperature, dim=-1)`, return `-(logp.exp() * logp).sum(dim=-1)`.",
    ),
    cases={
        "Eight equal probabilities should have entropy ln 8.": (
            lambda draw: {"logits": torch.zeros(2, 8), "temperature": 1.0}
        ),
        "Right for a matrix, wrong for a single row: sum along dim=-1.": _at(1.0, shape=(5,)),
        "Correct, until a probability rounds to 0: then 0 · log 0 is nan. Could you get ln p without forming p?": (
            _at(1.0, [1000.0, 0.0, -1000.0])
        ),
    },
    mistakes={
        "You summed over the rows too. Keep one entropy for each row: sum along dim=-1.": (
            lambda z, T=1.0: _entropy(z, T).sum()
        ),
        "You averaged over the rows. Keep one entropy for each row: sum along dim=-1.": (
            lambda z, T=1.0: _entropy(z, T).mean()
        ),
        "Entropy is never negative, and yours is: the minus sign is missing.": lambda z, T=1.0: -_entropy(z, T),
        "You took the mean over the classes. Entropy is a sum.": lambda z, T=1.0: _entropy(z, T) / z.shape[-1],
        "Each log-probability counts with its probability as weight: multiply by p.": (
            lambda z, T=1.0: -(z / T).log_softmax(-1).sum(-1)
        ),
        "T is missing inside the logarithm: both p and ln p belong to temperature T.": _weighted(
            lambda z, T: (z / T).softmax(-1), lambda z, T: z.log_softmax(-1)
        ),
        "T is missing in the weights: both p and ln p belong to temperature T.": _weighted(
            lambda z, T: z.softmax(-1), lambda z, T: (z / T).log_softmax(-1)
        ),
        "The logarithm is missing: Σ p · p measures something else. Entropy is −Σ p ln p.": (
            lambda z, T=1.0: (z / T).softmax(-1).square().sum(-1),
            lambda z, T=1.0: -(z / T).softmax(-1).square().sum(-1),
        ),
        "You weigh the logits in place of ln p: the logarithm of the sum below the softmax is missing.": _weighted(
            lambda z, T: (z / T).softmax(-1), lambda z, T: z / T
        ),
        "That is e^H, the number of classes in play. Return H itself.": lambda z, T=1.0: _entropy(z, T).exp(),
        "A number was added inside the logarithm that is large enough to count. Use log_softmax: it needs none.": tuple(
            _weighted(lambda z, T: (z / T).softmax(-1), lambda z, T, e=e: ((z / T).softmax(-1) + e).log())
            for e in (1e-1, 1e-2, 1e-3, 1e-4)
        ),
    },
    wrong={
        "bits": (lambda z, T=1.0: _entropy(z, T) / math.log(2), "bits"),
        "ignores the temperature": (lambda z, T=1.0: _entropy(z), "used"),
        "0 log 0": (
            lambda z, T=1.0: -((z / T).softmax(-1) * (z / T).softmax(-1).log()).sum(-1),
            "0 · log 0",
        ),
        "covers nan up": (
            lambda z, T=1.0: -((z / T).softmax(-1) * (z / T).softmax(-1).log()).nan_to_num().sum(-1),
            "nan",
        ),
    },
    questions=lambda ask: _ask_sharp_gradient(ask),
)


def _ask_sharp_gradient(ask):
    answer = ask(torch.tensor([[1000.0, 0.0, -1000.0]], requires_grad=True), 1.0).gradient()
    answer.holds(
        answer.value.isfinite().all(),
        "The value is right, but its gradient is nan: 0 · log 0 is still there, only covered up. A loss would die of it.",
    )


# 5 --------------------------------------------------------------------------------------------------------------------


def _runner_up(logits):
    """The class with the second largest logit in each row, as integers."""
    return logits.topk(2, dim=-1).indices[..., 1]


runner_up = Exercise(
    place=5,
    title="Who comes second?",
    minutes=5,
    difficulty="easy",
    reference=_runner_up,
    forms=(lambda logits: logits.argsort(dim=-1, descending=True)[..., 1],),
    hints=(
        "Temperature never changes the ranking, so the logits themselves will do.",
        "`torch.topk(logits, 2, dim=-1)` returns `.values` and `.indices` of the two largest, in order.",
        "Take `.indices` and keep the entry with index 1: `logits.topk(2, dim=-1).indices[..., 1]`.",
    ),
    cases={
        "Right for small logits, wrong for large ones: replacing the winner by a number of your choice only works where no "
        "logit lies below it.": lambda draw: {"logits": -1e6 * draw.logits().abs()},
        "Right for a matrix, wrong for a single row: use dim=-1 and `[..., 1]`.": _logits(shape=(6,)),
        "Right for a matrix, wrong for (batch, tokens, classes): use dim=-1 and `[..., 1]`.": _logits(shape=(2, 3, 6)),
    },
    mistakes={
        "You return both winner and runner-up. Keep the second column only.": lambda z: z.topk(2, -1).indices,
        "That is the winner. Which class comes second?": lambda z: z.argmax(-1),
        "That is the least likely class. Second largest, not smallest.": lambda z: z.argmin(-1),
        "Those are the logits. Return which class they belong to.": lambda z: z.topk(2, -1).values[..., 1],
        "Those are probabilities. Return which class they belong to.": lambda z: (
            z.softmax(-1).topk(2, -1).values[..., 1]
        ),
        "That is the second smallest: argsort sorts upwards unless told otherwise.": lambda z: z.argsort(-1)[..., 1],
        "That is the third. Counting starts at 0: the second has index 1.": lambda z: z.topk(3, -1).indices[..., 2],
        "Wrong where the other logits are negative: replacing the winner by 0 makes it win again.": (
            lambda z: z.scatter(-1, z.argmax(-1, keepdim=True), 0.0).argmax(-1)
        ),
        "You ranked the columns: dim=-1 goes along each row.": lambda z: z.topk(2, 0).indices[1],
        "That is the rank of a class, not the class of a rank: sort once, not twice.": (
            lambda z: z.argsort(-1, descending=True).argsort(-1)[..., 1]
        ),
    },
    wrong={
        "floats": (lambda z: _runner_up(z).float(), "whole numbers"),
    },
)

quiz = Quiz(
    Question(
        "You raise the temperature from 1 to 10. Which of these can happen?",
        (
            Option("The runner-up overtakes the winner.", "Dividing by a positive number keeps the order, at any T."),
            Option(
                "The smallest probability grows.",
                "Right: the smallest always grows and the largest always shrinks. One in between may rise first and "
                "sink later.",
                True,
            ),
            Option("The probabilities no longer sum to one.", "Softmax divides by the sum, whatever T is."),
        ),
    ),
    Question(
        "Two logits differ by 6. At T = 3, how many times likelier is the larger one?",
        (
            Option("2 times", "6 / 3 = 2 is the gap after division. The odds are its exponential."),
            Option("About 7 times", "Right: e² ≈ 7.4.", True),
            Option("About 400 times", "That is e⁶, the odds at T = 1."),
        ),
    ),
    Question(
        "A colleague applies the temperature to the probabilities: softmax(p / T). What goes wrong?",
        (
            Option(
                "Nothing, it is the same.",
                "Try it: probabilities differ by 1 at most, so their softmax is flat.",
            ),
            Option(
                "The result is almost flat, even at T = 1.",
                "Right: with ten classes the largest possible value is about 0.23.",
                True,
            ),
            Option("The ranking changes.", "The order survives here too. What is lost is the size of the differences."),
        ),
    ),
)
