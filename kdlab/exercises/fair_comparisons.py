"""Exercises of lesson 06, fair comparisons."""

import math
import statistics

import torch

from kdlab.exercises.core import Answer, Exercise, Option, Question, Quiz


def _errors_of_seeds(count):
    """Made-up errors of a few seeds, as floats."""
    return [float(value) for value in torch.randint(600, 800, (count,))]


# 1 --------------------------------------------------------------------------------------------------------------------


def _summarise(values):
    """(mean, sample standard deviation, standard error of the mean) of one number for each seed."""
    n = len(values)
    mean = sum(values) / n
    sd = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    return mean, sd, sd / math.sqrt(n)


def _ask_summarise(ask):
    for count in (5, 9):
        values = _errors_of_seeds(count)
        mean, sd, error = _summarise(values)
        population = statistics.pstdev(values)
        answer = ask(values)
        answer.is_sequence(3, "mean, standard deviation, standard error")
        first, second, third = (Answer(part).is_number() for part in answer.value)
        first.is_not(statistics.median(values), "The first value is the median. The mean is the sum divided by n.")
        first.equals(mean, "The first value should be the mean of the values.")
        second.is_not(sd**2, "That is the variance. Take its square root, to be back at errors.")
        second.is_not(
            population,
            "You divided by n. The deviations are taken from the sample's *own* mean, which lies closer to the values "
            "than the true one does, so that comes out too small: divide by n - 1.",
        )
        second.is_not(
            statistics.fmean(abs(value - mean) for value in values),
            "That is the mean absolute deviation. Square the deviations, and take the root at the end.",
        )
        second.is_not(error, "Standard deviation and standard error are in each other's place.")
        second.equals(sd, "The mean is right, the standard deviation is off.")
        third.is_not(
            sd,
            "The third value is the standard deviation again. That says how much *one* run varies; the mean of n "
            "runs varies less.",
        )
        third.is_not(sd / count, "You divided by n. Noise cancels more slowly than that: which power of n?")
        third.is_not(sd / math.sqrt(count - 1), "n - 1 belongs inside the standard deviation only. Here it is n.")
        third.equals(error, "Mean and standard deviation are right, the standard error is off.")


def _summary_variant(sd=statistics.stdev, error=lambda sd, n: sd / math.sqrt(n), mean=statistics.fmean):
    def summarise(values):
        return mean(values), sd(values), error(sd(values), len(values))

    return summarise


summarise = Exercise(
    place=1,
    title="Mean, spread and standard error",
    minutes=5,
    difficulty="easy",
    reference=_summarise,
    questions=_ask_summarise,
    hints=(
        "The standard deviation is about one run: how far is it, typically, from the mean of all?",
        "Sum the squared deviations from the mean, divide by `n - 1`, take the root. The mean of n runs varies less than "
        "one run, by a factor of √n.",
        "`sd = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))`, and `sd / math.sqrt(n)`.",
    ),
    wrong={
        "population sd": (_summary_variant(sd=statistics.pstdev), "divide by n - 1"),
        "variance": (_summary_variant(sd=statistics.variance), "square root"),
        "absolute deviations": (
            _summary_variant(sd=lambda v: statistics.fmean(abs(x - statistics.fmean(v)) for x in v)),
            "mean absolute deviation",
        ),
        "sd twice": (_summary_variant(error=lambda sd, n: sd), "how much *one* run varies"),
        "divided by n": (_summary_variant(error=lambda sd, n: sd / n), "which power of n"),
        "n - 1 again": (_summary_variant(error=lambda sd, n: sd / math.sqrt(n - 1)), "Here it is n"),
        "swapped": (lambda v: (_summarise(v)[0], _summarise(v)[2], _summarise(v)[1]), "each other's place"),
        "median": (_summary_variant(mean=statistics.median), "the median"),
        "only two": (lambda v: _summarise(v)[:2], "Return 3 values"),
    },
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _paired(ours, theirs):
    """(mean of ours - theirs, its standard error, wins of ours) for errors of the same seeds, in the same order."""
    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    return statistics.fmean(differences), error, sum(difference < 0 for difference in differences)


def _ask_paired(ask):
    shared = [0.0, 80.0, -60.0, 30.0, -40.0, 10.0, 55.0, -25.0]  # what a seed does to both arms
    noise = torch.randint(10, (8,)).tolist()  # so little that sorting both lists would break the pairs
    theirs = [700 + s + v for s, v in zip(shared, noise, strict=True)]
    steps = [-9.0, -31.0, 12.0, -17.0, 0.0, -23.0, 5.0, -14.0]
    ours = [b + d for b, d in zip(theirs, steps, strict=True)]
    mean, error, wins = _paired(ours, theirs)
    answer = ask(ours, theirs)
    answer.is_sequence(3, "mean difference, its standard error, wins")
    first, second, third = (Answer(part).is_number() for part in answer.value)
    sorted_apart = [a - b for a, b in zip(sorted(ours), sorted(theirs), strict=True)]
    second.is_not(
        statistics.stdev(sorted_apart) / math.sqrt(8),
        "Did you sort the two lists? Then seeds are compared with other seeds: keep their order.",
    )
    first.is_not(-mean, "The sign is the other way round: ours - theirs, so that fewer errors come out negative.")
    first.is_not(
        statistics.fmean(abs(d) for d in steps),
        "You averaged the differences without their signs. Seeds on which we lose must count against us.",
    )
    first.is_not(statistics.median(steps), "That is the median of the differences; take their mean.")
    first.equals(mean, "The first value should be the mean of ours - theirs, seed by seed.")
    separate = math.hypot(statistics.stdev(ours), statistics.stdev(theirs)) / math.sqrt(8)
    second.is_not(
        separate,
        "That is the standard error of two separate groups: it forgets that the seeds are shared, and is much too large. "
        "Subtract seed by seed *first*, then measure the spread.",
    )
    second.is_not(
        statistics.stdev(steps), "That is the standard deviation of the differences. Their *mean* varies less."
    )
    second.is_not(
        statistics.pstdev(steps) / math.sqrt(8), "Use the sample's standard deviation, with n - 1 below the root."
    )
    second.is_not(
        abs(statistics.stdev(ours) - statistics.stdev(theirs)) / math.sqrt(8),
        "The difference of two spreads is not the spread of the differences. Subtract seed by seed first.",
    )
    second.equals(error, "The standard error is off: the spread of the differences, divided by √n.")
    third.is_not(wins + 1, "One seed is a tie, and a tie is no win.")
    third.is_not(8 - wins, "Those are the seeds on which ours is *not* ahead. Fewer errors win.")
    third.is_not(sum(d > 0 for d in steps), "You counted where ours makes *more* errors. Fewer errors win.")
    third.is_not(wins / 8, "Return the number of wins, not their share.")
    third.equals(wins, "Count the seeds with strictly fewer errors for ours.")


def _paired_variant(
    difference=lambda a, b: a - b, mean=statistics.fmean, error=None, wins=lambda d: sum(x < 0 for x in d)
):
    def paired(ours, theirs):
        differences = [difference(a, b) for a, b in zip(ours, theirs, strict=True)]
        spread = statistics.stdev(differences) if error is None else error(ours, theirs)
        return mean(differences), spread / math.sqrt(len(ours)), wins(differences)

    return paired


def _separate(ours, theirs):
    return math.hypot(statistics.stdev(ours), statistics.stdev(theirs))


paired = Exercise(
    place=2,
    title="Seed against seed",
    minutes=6,
    difficulty="medium",
    reference=_paired,
    questions=_ask_paired,
    hints=(
        "Turn two lists into one: the difference for each seed. Then it is the last exercise again.",
        "`zip(ours, theirs)` walks through both lists together. A win is a difference below 0.",
        "`d = [a - b for a, b in zip(ours, theirs)]`, then `statistics.fmean(d)`, "
        "`statistics.stdev(d) / math.sqrt(len(d))` and `sum(x < 0 for x in d)`.",
    ),
    wrong={
        "sign": (
            _paired_variant(difference=lambda a, b: b - a, wins=lambda d: sum(x > 0 for x in d)),
            "other way round",
        ),
        "two groups": (_paired_variant(error=_separate), "shared"),
        "difference of spreads": (
            _paired_variant(error=lambda a, b: abs(statistics.stdev(a) - statistics.stdev(b))),
            "difference of two spreads",
        ),
        "sd": (
            _paired_variant(
                error=lambda a, b: math.sqrt(8) * statistics.stdev(x - y for x, y in zip(a, b, strict=True))
            ),
            "*mean* varies less",
        ),
        "population": (
            _paired_variant(error=lambda a, b: statistics.pstdev([x - y for x, y in zip(a, b, strict=True)])),
            "n - 1",
        ),
        "absolute": (_paired_variant(mean=lambda d: statistics.fmean(map(abs, d))), "without their signs"),
        "sorted": (lambda a, b: _paired(sorted(a), sorted(b)), "keep their order"),
        "sorts in place": (lambda a, b: a.sort() or b.sort() or _paired(a, b), "in place"),
        "ties win": (_paired_variant(wins=lambda d: sum(x <= 0 for x in d)), "no win"),
        "losses": (_paired_variant(wins=lambda d: sum(x > 0 for x in d)), "*more* errors"),
        "share": (_paired_variant(wins=lambda d: sum(x < 0 for x in d) / len(d)), "not their share"),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _chance_of_wrong_winner(difference, sd, seeds):
    """Probability that the mean of `seeds` normally distributed differences is below 0; difference > 0 is the true one."""
    standard_error = sd / math.sqrt(seeds)
    return statistics.NormalDist(difference, standard_error).cdf(0.0)


def _ask_chance_of_wrong_winner(ask):
    below = lambda z: statistics.NormalDist().cdf(-z)  # noqa: E731
    for difference, sd, seeds in ((8.0, 11.0, 3), (10.0, 30.0, 5)):
        right = _chance_of_wrong_winner(difference, sd, seeds)
        answer = ask(difference, sd, seeds).is_number()
        answer.is_not(1 - right, "That is how often the *right* arm wins.")
        answer.is_not(
            below(difference / sd),
            "That is the chance with one seed. How much does the mean of several seeds still vary?",
        )
        answer.is_not(
            below(difference / (sd / seeds)),
            "Noise does not shrink as fast as 1/n. The standard error is sd / √n.",
        )
        answer.is_not(
            below(difference / sd) ** seeds,
            "That is the chance that *every* seed is wrong. The mean can be wrong with some seeds right.",
        )
        answer.is_not(2 * right, "You counted both tails. Only one of them has the wrong sign.")
        answer.is_not(100 * right, "That is in percent. Return a probability between 0 and 1.")
        answer.is_not(
            below(difference / sd * seeds / math.sqrt(2)), "The standard error is sd / √n; yours is another number."
        )
        answer.is_not(
            statistics.NormalDist(difference, sd / math.sqrt(seeds)).pdf(0.0),
            "That is the height of the bell at 0. You need the area to the left of it: the cdf.",
        )
        off = abs(float(answer.value) - right)
        if not off < 0.012:  # a simulation of 10 000 draws is an answer too
            answer.is_not(
                below(difference / (sd**2 / seeds)), "The width is the root of sd² / n: the standard error, sd / √n."
            )
            each = below(difference / sd)
            answer.is_not(
                sum(
                    math.comb(seeds, k) * each**k * (1 - each) ** (seeds - k) for k in range(seeds // 2 + 1, seeds + 1)
                ),
                "That is the chance that *most seeds* are wrong. The mean can be wrong when fewer are, if those are far off.",
            )
            answer.holds(
                off > 0.03, "Close. If you simulate, draw more often: 20 000 times or more. If not, check the width."
            )
            answer.equals(right, "The probability is off. Where does the bell of the mean stand, and how wide is it?")
        answer._likely.clear()
    ask(0.0, 5.0, 4).holds(
        abs(float(ask(0.0, 5.0, 4).value) - 0.5) < 0.015, "If the arms are equally good, it is a toss of a coin: 0.5."
    )


def _chance_variant(error=lambda sd, n: sd / math.sqrt(n), result=lambda p: p):
    def chance_of_wrong_winner(difference, sd, seeds):
        return result(statistics.NormalDist(difference, error(sd, seeds)).cdf(0.0))

    return chance_of_wrong_winner


def _simulated_chance(difference, sd, seeds):
    generator = torch.Generator().manual_seed(0)
    means = (difference + sd * torch.randn(40_000, seeds, generator=generator)).mean(-1)
    return (means < 0).double().mean().item()


chance_of_wrong_winner = Exercise(
    place=3,
    title="How often does the wrong one win?",
    minutes=8,
    difficulty="medium",
    reference=_chance_of_wrong_winner,
    questions=_ask_chance_of_wrong_winner,
    hints=(
        "The mean of n differences is itself a random number. Where is the middle of its bell, and how wide is the bell?",
        "Its middle is `difference` and its width the standard error. The wrong arm wins when it falls below 0.",
        "`statistics.NormalDist(difference, sd / math.sqrt(seeds)).cdf(0)` is the area of the bell left of 0.",
    ),
    wrong={
        "the right one": (_chance_variant(result=lambda p: 1 - p), "*right* arm"),
        "one seed": (_chance_variant(error=lambda sd, n: sd), "one seed"),
        "divided by n": (_chance_variant(error=lambda sd, n: sd / n), "as fast as"),
        "all wrong": (
            lambda d, sd, n: statistics.NormalDist(d, sd).cdf(0.0) ** n,
            "*every* seed",
        ),
        "two tails": (_chance_variant(result=lambda p: 2 * p), "both tails"),
        "percent": (_chance_variant(result=lambda p: 100 * p), "in percent"),
        "density": (lambda d, sd, n: statistics.NormalDist(d, sd / math.sqrt(n)).pdf(0.0), "height of the bell"),
        "variance": (_chance_variant(error=lambda sd, n: sd**2 / n), "root of sd²"),
        "majority": (
            lambda d, sd, n: sum(
                math.comb(n, k) * (p := statistics.NormalDist().cdf(-d / sd)) ** k * (1 - p) ** (n - k)
                for k in range(n // 2 + 1, n + 1)
            ),
            "most seeds",
        ),
        "too few draws": (_chance_variant(result=lambda p: p + 0.02), "draw more often"),
        "always half": (lambda d, sd, n: 0.5, "is off"),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _optimizer_steps(images, batch_size, epochs, drop_last):
    """How many steps the optimiser takes in so many epochs; `drop_last` leaves out the incomplete batch of each."""
    batches = images // batch_size if drop_last else math.ceil(images / batch_size)
    return epochs * batches


def _ask_optimizer_steps(ask):
    for images, batch_size, epochs in ((10_000, 128, 10), (1_034, 64, 30)):
        for drop_last in (False, True):
            right = _optimizer_steps(images, batch_size, epochs, drop_last)
            answer = ask(images, batch_size, epochs, drop_last).is_number()
            answer.is_not(right // epochs, "Those are the steps of one epoch.")
            answer.is_not(
                epochs * images / batch_size, "A step is taken or not: there is no 0.125 of one. Round each epoch."
            )
            answer.is_not(
                math.ceil(epochs * images / batch_size),
                "You rounded once, at the end. Each epoch ends with its own incomplete batch.",
            )
            answer.is_not(
                epochs * images // batch_size,
                "You rounded once, at the end. Each epoch ends with its own incomplete batch.",
            )
            answer.is_not(
                _optimizer_steps(images, batch_size, epochs, not drop_last),
                "The last batch of an epoch is incomplete. With drop_last it is left out; without, it is one more step.",
            )
            answer.is_not(epochs * images, "Those are the images seen. One step sees a whole batch of them.")
            answer.is_not(
                epochs * (images // batch_size + 1), "Not always one more: what if the incomplete batch is left out?"
            )
            answer.equals(right, "The number of steps is off: batches in one epoch, times epochs.")
    ask(9_600, 96, 7, False).equals(700, "9600 images are exactly 100 batches of 96: no incomplete batch here.")


optimizer_steps = Exercise(
    place=4,
    title="Count the steps",
    minutes=4,
    difficulty="easy",
    reference=_optimizer_steps,
    questions=_ask_optimizer_steps,
    hints=(
        "How many batches has one epoch? Think of the last one.",
        "`//` rounds down; `math.ceil(a / b)` rounds up.",
        "`epochs * (images // batch_size)` with drop_last, `epochs * math.ceil(images / batch_size)` without.",
    ),
    wrong={
        "always down": (lambda n, b, e, drop: e * (n // b), "incomplete"),
        "always up": (lambda n, b, e, drop: e * math.ceil(n / b), "left out"),
        "other way round": (lambda n, b, e, drop: _optimizer_steps(n, b, e, not drop), "without, it is one more"),
        "no rounding": (lambda n, b, e, drop: e * n / b, "0.125"),
        "rounded once": (lambda n, b, e, drop: e * n // b if drop else math.ceil(e * n / b), "once, at the end"),
        "one epoch": (lambda n, b, e, drop: _optimizer_steps(n, b, 1, drop), "one epoch"),
        "images": (lambda n, b, e, drop: e * n, "images seen"),
        "one more": (lambda n, b, e, drop: e * (n // b + (not drop)), "exactly 100 batches"),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _linear_of_all(inputs, weights, biases):
    """One linear layer of S students at once: (S, N, in), (S, out, in), (S, out) -> (S, N, out)."""
    return torch.einsum("sni,soi->sno", inputs, weights) + biases.unsqueeze(1)


def _ask_linear_of_all(ask):
    inputs, weights, biases = torch.randn(4, 4, 3), torch.randn(4, 3, 3), torch.randn(4, 3)
    each = torch.einsum("sni,soi->sno", inputs, weights)
    answer = ask(inputs, weights, biases)
    answer.is_not(
        torch.einsum("sni,toi->stno", inputs, weights),
        "Every student read every other student's inputs. Student s reads inputs[s]: the same letter in both.",
    )
    answer.is_not(each.sum(0), "The students were added up. The letter for the students must be in the result, too.")
    answer.is_not(each.mean(0), "The students were averaged. Each needs an answer of its own.")
    answer.is_tensor((4, 4, 3))
    answer.is_not(each, "The biases are missing.")
    answer.is_not(
        each + biases,
        "Nothing complained, but the biases went to the wrong place: (S, out) was read as (N, out), because here S = N. "
        "Give the biases a dimension for the images.",
    )
    answer.is_not(
        torch.einsum("sni,sio->sno", inputs, weights) + biases.unsqueeze(1),
        "PyTorch stores a layer's weights as (out, in): sum over the *last* index of the weights. Here in = out, so nothing "
        "complained.",
    )
    answer.is_not(
        torch.einsum("sni,oi->sno", inputs, weights[0]) + biases.unsqueeze(1),
        "All students got the weights of the first.",
    )
    answer.is_not(
        (each + biases.unsqueeze(1)).relu(), "Leave the ReLU out: it comes between layers, and not after the last."
    )
    answer.is_not((each + biases.unsqueeze(1)).softmax(-1), "These are logits: no softmax here.")
    answer.is_not(
        inputs @ weights + biases,
        "Two things: the weights are (out, in), so transpose their last two dimensions; and the biases (S, out) went to the "
        "images. Nothing complained, because here S = N and in = out.",
    )
    answer.equals(each + biases.unsqueeze(1), "The values are off. Student s: inputs[s] @ weights[s].T + biases[s].")
    ask(torch.randn(2, 5, 7), torch.randn(2, 3, 7), torch.randn(2, 3)).is_tensor((2, 5, 3))
    weights = torch.randn(3, 2, 4, requires_grad=True)
    inputs, biases = torch.randn(3, 6, 4), torch.randn(3, 2)
    gradient = ask(inputs, weights, biases).gradient(1)
    gradient.equals(
        inputs.sum(1).unsqueeze(1).expand(3, 2, 4), "The gradient of one student depends on another student's inputs."
    )


linear_of_all = Exercise(
    place=5,
    title="One layer of many students",
    minutes=8,
    difficulty="hard",
    reference=_linear_of_all,
    questions=_ask_linear_of_all,
    hints=(
        "For one student it is `inputs @ weights.T + biases`. Now everything has one more index in front: the student.",
        "`torch.einsum` sums over each letter that is missing after the arrow; s must stay. Or use `@` with "
        "`weights.transpose(1, 2)`. Biases (S, out) need to become (S, 1, out).",
        '`torch.einsum("sni,soi->sno", inputs, weights) + biases.unsqueeze(1)`.',
    ),
    wrong={
        "biases along the images": (
            lambda x, w, b: torch.einsum("sni,soi->sno", x, w) + b,
            "wrong place",
        ),
        "not transposed": (lambda x, w, b: x @ w + b.unsqueeze(1), "(out, in)"),
        "not transposed, biases along the images": (lambda x, w, b: x @ w + b, "Two things"),
        "no biases": (lambda x, w, b: torch.einsum("sni,soi->sno", x, w), "biases are missing"),
        "added up": (lambda x, w, b: torch.einsum("sni,soi->no", x, w), "added up"),
        "averaged": (lambda x, w, b: torch.einsum("sni,soi->sno", x, w).mean(0), "averaged"),
        "all pairs": (lambda x, w, b: torch.einsum("sni,toi->stno", x, w), "every other student's"),
        "first student": (
            lambda x, w, b: x @ w[0].T + b.unsqueeze(1),
            "weights of the first",
        ),
        "ReLU": (lambda x, w, b: _linear_of_all(x, w, b).relu(), "ReLU"),
        "softmax": (lambda x, w, b: _linear_of_all(x, w, b).softmax(-1), "no softmax"),
    },
)

# 6 --------------------------------------------------------------------------------------------------------------------


def _choose(validation_errors, test_errors):
    """(name of the setting to use, errors to report) from {name: errors} on validation and on test images."""
    chosen = min(validation_errors, key=validation_errors.get)
    return chosen, test_errors[chosen]


def _ask_choose(ask):
    validation = {"T = 1": 655.0, "T = 2": 640.0, "T = 4": 631.0, "T = 8": 668.0, "T = 20": 690.0}
    test = {"T = 1": 700.0, "T = 2": 671.0, "T = 4": 688.0, "T = 8": 664.0, "T = 20": 735.0}
    answer = ask(validation, test)
    answer.is_not("T = 4", "Return two values: the name, and the errors that you would report for it.")
    answer.is_sequence(2, "the name of the setting, the errors to report")
    answer.is_not(
        ("T = 8", 664.0),
        "You chose on the test images, and so your figure is too good to be true. They must not choose anything.",
    )
    answer.is_not(
        ("T = 4", 631.0),
        "Well chosen. But the validation errors of the winner helped it to win: they flatter it. Report other images.",
    )
    answer.is_not(
        ("T = 20", 735.0),
        "You took the setting with the *most* errors. argmax is for accuracy; errors want the minimum.",
    )
    answer.is_not(
        ("T = 4", 664.0),
        "The name is right, but the errors are those of another setting, the luckiest on the test images.",
    )
    answer.is_not(
        ("T = 2", 671.0),
        "You added validation and test, or averaged them: then the test images had a say in the choice.",
    )
    answer.is_not((688.0, "T = 4"), "Both are right: put the name first, then the errors.")
    answer.is_not(
        ("T = 1", 700.0),
        "`min` of a dict compares its *names*. Tell it to compare the errors: `key=validation_errors.get`.",
    )
    answer.is_not((2, 688.0), "You returned the position of the setting. Return its name.")
    answer.is_not(("T = 8", 668.0), "You chose on test and report validation. It is the other way round.")
    answer.equals(("T = 4", 688.0), "Choose where the validation errors are fewest; report that setting's test errors.")
    shuffled = dict(list(test.items())[1:] + list(test.items())[:1])
    ask(validation, shuffled).equals(
        ("T = 4", 688.0), "The two dicts may be in another order: look the setting up by its name, not by its position."
    )


def _chosen_by(choose_on, report_on):
    """A wrong answer: choose with one rule, report from another place."""

    def choose(validation_errors, test_errors):
        name = choose_on(validation_errors, test_errors)
        return name, report_on(validation_errors, test_errors, name)

    return choose


_best = lambda errors: min(errors, key=errors.get)  # noqa: E731

choose = Exercise(
    place=6,
    title="Choose here, report there",
    minutes=4,
    difficulty="easy",
    reference=_choose,
    questions=_ask_choose,
    hints=(
        "Two jobs, two sets of images. Which of them may choose?",
        "`min(errors, key=errors.get)` is the name with the fewest errors.",
        "Find the name with the fewest *validation* errors, then return it with `test_errors[name]`.",
    ),
    wrong={
        "on test": (_chosen_by(lambda v, t: _best(t), lambda v, t, n: t[n]), "chose on the test images"),
        "reports validation": (_chosen_by(lambda v, t: _best(v), lambda v, t, n: v[n]), "flatter"),
        "most errors": (_chosen_by(lambda v, t: max(v, key=v.get), lambda v, t, n: t[n]), "*most* errors"),
        "luckiest": (_chosen_by(lambda v, t: _best(v), lambda v, t, n: min(t.values())), "another setting"),
        "both": (
            _chosen_by(lambda v, t: _best({n: v[n] + t[n] for n in v}), lambda v, t, n: t[n]),
            "had a say",
        ),
        "exchanged": (_chosen_by(lambda v, t: _best(t), lambda v, t, n: v[n]), "other way round"),
        "errors first": (lambda v, t: (t[_best(v)], _best(v)), "name first"),
        "smallest name": (_chosen_by(lambda v, t: min(v), lambda v, t, n: t[n]), "its *names*"),
        "only the name": (lambda v, t: _best(v), "two values"),
        "position": (lambda v, t: (list(v).index(_best(v)), t[_best(v)]), "Return its name"),
        "by position": (
            lambda v, t: (_best(v), list(t.values())[list(v).index(_best(v))]),
            "not by its position",
        ),
    },
)

# 7 --------------------------------------------------------------------------------------------------------------------

# What the reader may accuse a published comparison of. Those that hold have True in front.
ACCUSATIONS = {
    "a": (True, "the random seed is one of the settings that are tuned"),
    "b": (False, "the three students are of different size"),
    "c": (True, "the settings are chosen on the test images"),
    "d": (False, "the students train for different numbers of epochs"),
    "e": (True, "the best epoch on the test images is reported, not the last"),
    "f": (False, "the students use different optimisers"),
    "g": (True, "the arms differ in tuning effort: some have many more settings to choose from"),
    "h": (False, "the students see different training images"),
    "i": (True, "no spread is given, so nobody can tell a gain from luck"),
}
_WHY_NOT = {
    "b": "All three rows of the table are about the same ResNet-8. Look at “student”.",
    "d": "Each student trains 160 epochs. (The assistant's own training comes on top, a cost worth stating.)",
    "f": "SGD with one schedule for all. Look at “training”.",
    "h": "All learn from the 50 000 training images of CIFAR-100, and nothing else.",
}
_WHERE = {"a": "tuned", "c": "chosen by", "e": "reported", "g": "tuned", "i": "result"}


def _ask_faults(answer):
    letters = answer.value
    if isinstance(letters, str):  # "ace" or "a, c, e"
        letters = [letter for letter in letters if letter.isalpha()]
    answer.holds(isinstance(letters, (list, tuple, set)), 'Write a list of letters, such as ["a", "b"].')
    letters = [str(letter).strip(" ().").lower() for letter in letters]
    unknown = [letter for letter in letters if letter not in ACCUSATIONS]
    answer.holds(not unknown, f"{', '.join(unknown)}: the accusations are lettered a to i.")
    for letter in letters:
        answer.holds(ACCUSATIONS[letter][0], f"({letter}) is no fault of this comparison. {_WHY_NOT.get(letter, '')}")
    missing = [letter for letter, (holds, _) in ACCUSATIONS.items() if holds and letter not in letters]
    found = len(set(letters))
    answer.holds(
        not missing,
        f"{found} found, {len(missing)} more to find. Look again at the row “{_WHERE[missing[0]] if missing else ''}”.",
    )


faults = Exercise(
    place=7,
    title="What is wrong with this comparison?",
    minutes=8,
    difficulty="medium",
    reference=["a", "c", "e", "g", "i"],
    questions=_ask_faults,
    hints=(
        "Go through the checklist row by row. For each row of the table ask: who could have been lucky here?",
        "Count the settings that each arm can choose from. Then ask which images chose.",
        "Five of the nine accusations hold: two are about what is tuned, two about the test images, one about the result.",
    ),
    wrong={
        "one": (["c"], "4 more to find"),
        "most": (["a", "c", "e", "g"], "1 more to find"),
        "size": (["c", "b"], "same ResNet-8"),
        "epochs": ("cd", "160 epochs"),
        "optimiser": (["f"], "one schedule"),
        "images": ({"h", "a"}, "CIFAR-100"),
        "everything": (list("abcdefghi"), "no fault"),
        "no such letter": (["z"], "lettered a to i"),
        "a number": (5, "list of letters"),
    },
    praise="All five. The idea may be good all the same: this table cannot tell.",
)

quiz = Quiz(
    Question(
        "Method A beats method B with seed 0, by 20 errors. B alone varies by ± 17 from seed to seed. What do you know?",
        (
            Option(
                "A is better: 20 is more than 17.", "Both arms vary. One difference of that size is nothing unusual."
            ),
            Option(
                "Very little yet: run more seeds, the same ones for both.",
                "Right. And compare seed by seed: what a seed does to both arms then cancels.",
                True,
            ),
            Option("They are equally good.", "That does not follow either. Not seen is not the same as not there."),
        ),
    ),
    Question(
        "What does sharing seeds (and with them initial weights and batches) between two arms achieve?",
        (
            Option("Both arms reach fewer errors.", "It changes neither arm by itself."),
            Option(
                "Luck that strikes both arms alike cancels in the difference.",
                "Right, as far as the arms are alike. The more two arms differ, the less a pair has in common.",
                True,
            ),
            Option("Fewer seeds are needed for the spread of one arm.", "The spread of one arm stays what it is."),
        ),
    ),
    Question(
        "You try 35 settings and choose on validation images. Which figure is a fair account of the winner?",
        (
            Option("Its validation errors.", "Those made it the winner, so they flatter it."),
            Option("The smallest test errors of the 35.", "Then the test images chose. That is what they must not do."),
            Option(
                "Its errors on test images, trained anew with fresh seeds.",
                "Right: fresh images against the luck of the images, fresh seeds against the luck of the seeds.",
                True,
            ),
        ),
    ),
    Question(
        "A paper tunes the learning rate of its new method, and takes the baseline's from another paper. Who is helped?",
        (
            Option("The baseline: its rate is well tested.", "For another model, other data, other steps, perhaps."),
            Option("Nobody, if all else is equal.", "In this lesson that alone turned a loser into a winner."),
            Option(
                "The new method: tuning effort is part of the budget.",
                "Right. Give both arms the same number of tries.",
                True,
            ),
        ),
    ),
    Question(
        "A student of 8 hidden units does best at T = 2, one of 256 at T = 8 and above. What follows for your student?",
        (
            Option("Use T = 4, the mean.", "Then the small one has too much and the large one perhaps too little."),
            Option(
                "Try several temperatures on validation data: size matters.",
                "Right. No temperature is best for all, and a table over one size says nothing about another.",
                True,
            ),
            Option("High temperatures are wrong.", "For the wide student they are the best there are."),
        ),
    ),
)
