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


def _ask_stable_softmax(ask):
    logits = 3 * torch.randn(3, 5)
    answer = ask(logits).is_tensor(logits.shape)
    answer.holds(answer.value.isfinite().all(), "Some results are not finite, although these logits are small.")
    answer.is_not(logits.softmax(0), "Your columns sum to one. Each row is a distribution: sum along the last axis.")
    answer.is_not(
        logits.exp() / logits.exp().sum(),
        "All rows together sum to one: you summed over everything. Sum along the last axis, with keepdim=True.",
    )
    answer.is_not(logits.log_softmax(-1), "These are logarithms of probabilities. Leave out the log.")
    answer.is_not(logits.exp(), "You have the exponentials. Now divide each row by its sum.")
    answer.holds((answer.value > 0).all(), "A probability is never negative or zero here: where is the exponential?")
    sums = answer.value.sum(-1)
    answer.holds((sums - 1).abs().max() < 1e-4, f"Each row should sum to one; your first sums to {sums[0].item():.3f}.")
    answer.equals(logits.softmax(-1), "Rows sum to one, but the values are off. Work out one row by hand.")
    vector = torch.randn(7)
    ask(vector).is_tensor(vector.shape).equals(
        vector.softmax(-1), "Right for a matrix, wrong for a single row: use dim=-1 rather than dim=1."
    )
    large = logits + 1000.0
    answer = ask(large).is_tensor(large.shape)
    answer.holds(
        answer.value.isfinite().all(),
        "Correct, until a logit reaches a thousand: then exp overflows. What could you subtract from a whole row?",
    )
    rows = torch.tensor([[1000.0, 999.0], [-1000.0, -1001.0]])
    answer = ask(rows).is_tensor(rows.shape)
    answer.holds(
        answer.value.isfinite().all(),
        "One row of large logits spoils the others: did you shift all rows by the same amount?",
    )
    answer.equals(rows.softmax(-1), "Large logits give other values than small ones with the same differences.")
    wide = torch.tensor([[0.0, 1000.0, -1000.0], [500.0, 0.0, 0.0]])
    answer = ask(wide).is_tensor(wide.shape)
    answer.holds(
        answer.value.isfinite().all(),
        "You shift each row, but a logit far above the rest still overflows. Which shift leaves nothing above zero?",
    )
    answer.equals(wide.softmax(-1), "Rows with a wide spread come out wrong.")


stable_softmax = Exercise(
    place=1,
    title="A softmax that never overflows",
    minutes=10,
    difficulty="easy",
    reference=_stable_softmax,
    questions=_ask_stable_softmax,
    hints=(
        "Adding the same number to every logit of a row changes nothing. Which number would make the largest logit 0?",
        "`logits.max(dim=-1, keepdim=True).values` has one entry for each row, and broadcasts against the row.",
        "Subtract that maximum, take `torch.exp`, divide by the sum along the last axis with `keepdim=True`.",
    ),
    wrong={
        "overflows": (lambda z: z.exp() / z.exp().sum(-1, keepdim=True), "exp overflows"),
        "sums over everything": (lambda z: z.exp() / z.exp().sum(), "summed over everything"),
        "sums over the batch": (lambda z: z.softmax(0), "columns sum to one"),
        "maximum of the whole tensor": (lambda z: _softmax_from(z, z.max()), "all rows by the same amount"),
        "mean instead of maximum": (lambda z: _softmax_from(z, z.mean(-1, keepdim=True)), "far above the rest"),
        "minimum instead of maximum": (
            lambda z: _softmax_from(z, z.min(-1, keepdim=True).values),
            "far above the rest",
        ),
        "always a thousand": (lambda z: _softmax_from(z, 1000.0), "not finite, although"),
        "forgets .values": (lambda z: _softmax_from(z, z.max(-1, keepdim=True)), "return values and indices"),
        "forgets keepdim": (lambda z: _softmax_from(z, z.max(-1).values), "keep its dimension"),
        "logarithm": (lambda z: z.log_softmax(-1), "logarithms"),
        "no division": (lambda z: z.exp(), "divide each row"),
        "no exponential": (lambda z: z / z.sum(-1, keepdim=True), "never negative"),
        "dim=1": (lambda z: z.softmax(1), "a single row has no dimension 1"),
        "clamps the logits": (lambda z: z.clamp(-50, 50).softmax(-1), "Large logits give other values"),
    },
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _soft_targets(logits, temperature=1.0):
    """Softened probabilities along the last axis, same shape as `logits`."""
    return torch.softmax(logits / temperature, dim=-1)


def _ask_soft_targets(ask):
    logits = 3 * torch.randn(3, 5)
    answer = ask(logits, 4.0).is_tensor(logits.shape)
    one = logits.softmax(-1)
    answer.is_not(
        one,
        "Temperature makes no difference to your result. Is it used, and does it survive the division by the sum? "
        "Softmax does not see a shift, nor a factor on its exponentials.",
    )
    answer.is_not(one / 4, "You divided the probabilities by T. Divide the logits, before the exponential.")
    answer.is_not(
        (one / 4).softmax(-1), "You took the softmax of probabilities. Divide the logits by T, then take softmax once."
    )
    answer.is_not(
        (logits * 4).softmax(-1),
        "You multiplied the logits by T: a higher T should flatten the bars, not sharpen.",
    )
    answer.is_not((logits / 4).log_softmax(-1), "These are logarithms of probabilities. Leave out the log.")
    answer.is_not((logits / 4).softmax(0), "Your columns sum to one. Each row is a distribution: use the last axis.")
    sums = answer.value.sum(-1)
    answer.holds((sums - 1).abs().max() < 1e-4, f"Each row should sum to one; your first sums to {sums[0].item():.3f}.")
    answer.equals((logits / 4).softmax(-1), "Rows sum to one, but the values are off. Compare with exp(z / T) by hand.")
    ask(logits).equals(one, "Without a temperature your result should be the plain softmax: is the default 1?")
    ask(logits, 0.5).equals((logits / 0.5).softmax(-1), "Right at T = 4, wrong at T = 0.5. Is T rounded somewhere?")
    answer = ask(logits + 1000.0, 0.5).is_tensor(logits.shape)
    answer.holds(
        answer.value.isfinite().all(),
        "Correct, until a logit reaches a thousand: then exp overflows. Exercise 1.1 had a cure.",
    )
    far = torch.tensor([[0.0, 150.0]])
    ask(far, 100.0).equals(
        (far / 100).softmax(-1),
        "A gap of 150 at T = 100 should leave both classes a share. A probability that has rounded to 0 cannot come "
        "back: bring in the temperature earlier.",
    )


soft_targets = Exercise(
    place=2,
    title="Softmax with a temperature",
    minutes=5,
    difficulty="easy",
    reference=_soft_targets,
    questions=_ask_soft_targets,
    hints=(
        "Only one thing happens before the softmax that you already have.",
        "High temperature must bring the logits closer together: divide them.",
        "`torch.softmax(logits / temperature, dim=-1)`.",
    ),
    wrong={
        "ignores the temperature": (lambda z, T=1.0: z.softmax(-1), "Is it used"),
        "multiplies": (lambda z, T=1.0: (z * T).softmax(-1), "multiplied the logits"),
        "scales the probabilities": (lambda z, T=1.0: z.softmax(-1) / T, "divided the probabilities"),
        "softmax twice": (lambda z, T=1.0: (z.softmax(-1) / T).softmax(-1), "softmax of probabilities"),
        "subtracts": (lambda z, T=1.0: (z - T).softmax(-1), "does not see a shift"),
        "logarithm": (lambda z, T=1.0: (z / T).log_softmax(-1), "logarithms"),
        "over the batch": (lambda z, T=1.0: (z / T).softmax(0), "columns sum to one"),
        "overflows": (lambda z, T=1.0: (z / T).exp() / (z / T).exp().sum(-1, keepdim=True), "exp overflows"),
        "scales the exponentials": (
            lambda z, T=1.0: (z.exp() / T) / (z.exp() / T).sum(-1, keepdim=True),
            "factor on its exponentials",
        ),
        "rounds T": (lambda z, T=1.0: (z / max(1, int(T))).softmax(-1), "Is T rounded"),
        "a power of the probabilities": (
            lambda z, T=1.0: z.softmax(-1) ** (1 / T) / (z.softmax(-1) ** (1 / T)).sum(-1, keepdim=True),
            "cannot come back",
        ),
        "another default": (lambda z, T=2.0: (z / T).softmax(-1), "is the default 1?"),
        "in place": (lambda z, T=1.0: z.div_(T).softmax(-1), "in place"),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _temperature_for_ratio(gap, ratio):
    """The temperature at which a class whose logit is `gap` lower than the first is `ratio` times less likely."""
    return gap / math.log(ratio)


def _ask_temperature_for_ratio(ask):
    gap, ratio = 2 + 8 * torch.rand(()).item(), 2 + 8 * torch.rand(()).item()
    right = gap / math.log(ratio)
    answer = ask(gap, ratio).is_number()
    answer.is_not(-right, "A negative temperature would turn the ranking round. Which way up is the ratio?")
    answer.is_not(1 / right, "Upside down: a larger gap needs a *higher* temperature. Solve gap / T = ln(ratio) for T.")
    answer.is_not(
        gap / ratio, "The ratio is an exponential of gap / T: take the logarithm of the ratio before dividing."
    )
    answer.is_not(gap / math.exp(ratio), "You applied exp to the ratio. Undo the exponential: use its inverse, log.")
    answer.is_not(gap * math.log(ratio), "Solve gap / T = ln(ratio) for T once more: T is below the fraction line.")
    answer.is_not(gap / math.log2(ratio), "You took the base-2 logarithm. Softmax uses e: take the natural logarithm.")
    answer.is_not(
        gap / math.log10(ratio), "You took the base-10 logarithm. Softmax uses e: take the natural logarithm."
    )
    answer.equals(right, "Put your T into exp(gap / T): it should give the ratio back.")


temperature_for_ratio = Exercise(
    place=3,
    title="How hot must it be?",
    minutes=10,
    difficulty="medium",
    reference=_temperature_for_ratio,
    questions=_ask_temperature_for_ratio,
    hints=(
        "Divide one softmax probability by another: the sum below the line cancels. What is left?",
        "The ratio of the two probabilities is exp(gap / T). Set it equal to the ratio.",
        "Take the natural logarithm on both sides: gap / T = ln(ratio). Now solve for T.",
    ),
    wrong={
        "upside down": (lambda gap, ratio: math.log(ratio) / gap, "Upside down"),
        "no logarithm": (lambda gap, ratio: gap / ratio, "take the logarithm"),
        "exponential": (lambda gap, ratio: gap / math.exp(ratio), "Undo the exponential"),
        "times": (lambda gap, ratio: gap * math.log(ratio), "below the fraction line"),
        "base 2": (lambda gap, ratio: gap / math.log2(ratio), "base-2"),
        "base 10": (lambda gap, ratio: gap / math.log10(ratio), "base-10"),
        "negative": (lambda gap, ratio: gap / math.log(1 / ratio), "negative temperature"),
        "raises": (lambda gap, ratio: gap / ratio.log(), "AttributeError"),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _entropy(logits, temperature=1.0):
    """Entropy in nats of the soft targets, one number for each distribution."""
    log_probabilities = torch.log_softmax(logits / temperature, dim=-1)
    return -(log_probabilities.exp() * log_probabilities).sum(dim=-1)


def _ask_entropy(ask):
    logits = 3 * torch.randn(4, 5)
    p = (logits / 2).softmax(-1)
    right = -(p * p.log()).sum(-1)
    answer = ask(logits, 2.0)
    if getattr(answer.value, "ndim", None) == 0:
        answer.is_not(right.sum(), "You summed over the rows too. Keep one entropy for each row: sum along dim=-1.")
        answer.is_not(right.mean(), "You averaged over the rows. Keep one entropy for each row: sum along dim=-1.")
    answer.is_tensor((4,))
    one = logits.softmax(-1)
    answer.is_not(-right, "Entropy is never negative, and yours is: the minus sign is missing.")
    answer.is_not(right / math.log(2), "That is the entropy in bits. Take the natural logarithm to get nats.")
    answer.is_not(right / 5, "You took the mean over the classes. Entropy is a sum.")
    answer.is_not(-(one * one.log()).sum(-1), "Temperature makes no difference to your result. Is it used?")
    answer.is_not(-p.log().sum(-1), "Each log-probability counts with its probability as weight: multiply by p.")
    answer.is_not(
        -(p * one.log()).sum(-1), "T is missing inside the logarithm: both p and ln p belong to temperature T."
    )
    answer.is_not(-(one * p.log()).sum(-1), "T is missing in the weights: both p and ln p belong to temperature T.")
    answer.is_not(right.exp(), "That is e^H, the number of classes in play. Return H itself.")
    answer.equals(right, "The values are off. Try three classes with probabilities 1/2, 1/4, 1/4: H is 1.04.")
    flat = torch.zeros(2, 8)
    ask(flat, 1.0).equals(torch.full((2,), math.log(8)), "Eight equal probabilities should have entropy ln 8.")
    sharp = torch.tensor([[1000.0, 0.0, -1000.0]])
    answer = ask(sharp, 1.0).is_tensor((1,))
    answer.holds(
        answer.value.isfinite().all(),
        "Correct, until a probability rounds to 0: then 0 · log 0 is nan. Could you get ln p without forming p?",
    )
    answer.equals(torch.zeros(1), "A distribution that is certain should have entropy 0.")
    sharp.requires_grad_()
    answer = ask(sharp, 1.0).gradient()
    answer.holds(
        answer.value.isfinite().all(),
        "The value is right, but its gradient is nan: 0 · log 0 is still there, only covered up. A loss would die of it.",
    )


entropy = Exercise(
    place=4,
    title="Entropy",
    minutes=10,
    difficulty="medium",
    reference=_entropy,
    questions=_ask_entropy,
    hints=(
        "You need probabilities at temperature T, their logarithms, and a sum along the last axis.",
        "`torch.log(p)` is -inf where p rounds to 0. `torch.log_softmax` never forms p, so it stays finite.",
        "With `logp = torch.log_softmax(logits / temperature, dim=-1)`, return `-(logp.exp() * logp).sum(dim=-1)`.",
    ),
    wrong={
        "no minus": (lambda z, T=1.0: -_entropy(z, T), "minus sign"),
        "bits": (lambda z, T=1.0: _entropy(z, T) / math.log(2), "bits"),
        "mean over classes": (lambda z, T=1.0: _entropy(z, T) / z.shape[-1], "Entropy is a sum"),
        "sum over rows": (lambda z, T=1.0: _entropy(z, T).sum(), "summed over the rows"),
        "ignores the temperature": (lambda z, T=1.0: _entropy(z), "Is it used?"),
        "T in the weights only": (
            lambda z, T=1.0: -((z / T).softmax(-1) * z.log_softmax(-1)).sum(-1),
            "inside the logarithm",
        ),
        "number of classes": (lambda z, T=1.0: _entropy(z, T).exp(), "number of classes in play"),
        "covers nan up": (
            lambda z, T=1.0: -((z / T).softmax(-1) * (z / T).softmax(-1).log()).nan_to_num().sum(-1),
            "gradient is nan",
        ),
        "no weights": (lambda z, T=1.0: -(z / T).log_softmax(-1).sum(-1), "multiply by p"),
        "0 log 0": (
            lambda z, T=1.0: -((z / T).softmax(-1) * (z / T).softmax(-1).log()).sum(-1),
            "0 · log 0",
        ),
        "a small number added": (
            lambda z, T=1.0: -((z / T).softmax(-1) * ((z / T).softmax(-1) + 1e-2).log()).sum(-1),
            "The values are off",
        ),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _runner_up(logits):
    """The class with the second largest logit in each row, as integers."""
    return logits.topk(2, dim=-1).indices[..., 1]


def _ask_runner_up(ask):
    logits = 1 + torch.rand(6, 10)
    logits[0] = torch.arange(10.0)  # winner 9, runner-up 8, third 7
    answer = ask(logits)
    right = logits.topk(2, -1).indices[:, 1]
    answer.is_not(logits.topk(2, -1).indices, "You return both winner and runner-up. Keep the second column only.")
    answer.is_tensor((6,))
    answer.is_not(logits.argmax(-1), "That is the winner. Which class comes second?")
    answer.is_not(logits.argmin(-1), "That is the least likely class. Second largest, not smallest.")
    answer.is_not(logits.topk(2, -1).values[:, 1], "Those are the logits. Return which class they belong to.")
    answer.is_not(logits.argsort(-1)[:, 1], "That is the second smallest: argsort sorts upwards unless told otherwise.")
    answer.is_not(logits.topk(3, -1).indices[:, 2], "That is the third. Counting starts at 0: the second has index 1.")
    answer.equals(right, "Not the second largest in each row.")
    answer.holds(
        not answer.value.is_floating_point(), "Right, but as floats. A class is a whole number: keep integers."
    )
    ask(-logits.abs() - 5).equals(
        (-logits.abs()).topk(2, -1).indices[:, 1],
        "Right for these, wrong when all logits are negative: replacing the winner by 0 makes it win again.",
    )


runner_up = Exercise(
    place=5,
    title="Who comes second?",
    minutes=5,
    difficulty="easy",
    reference=_runner_up,
    questions=_ask_runner_up,
    hints=(
        "Temperature never changes the ranking, so the logits themselves will do.",
        "`torch.topk(logits, 2, dim=-1)` returns `.values` and `.indices` of the two largest, in order.",
        "Take `.indices` and keep the entry with index 1: `logits.topk(2, dim=-1).indices[..., 1]`.",
    ),
    wrong={
        "winner": (lambda z: z.argmax(-1), "the winner"),
        "both": (lambda z: z.topk(2, -1).indices, "both winner"),
        "values": (lambda z: z.topk(2, -1).values[..., 1], "Those are the logits"),
        "sorted upwards": (lambda z: z.argsort(-1)[..., 1], "sorts upwards"),
        "third": (lambda z: z.topk(3, -1).indices[..., 2], "third"),
        "winner set to zero": (
            lambda z: z.scatter(-1, z.argmax(-1, keepdim=True), 0.0).argmax(-1),
            "all logits are negative",
        ),
        "smallest": (lambda z: z.argmin(-1), "least likely"),
        "floats": (lambda z: _runner_up(z).float(), "whole number"),
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
