"""Exercises of lesson 06, fair comparisons."""

import math
import statistics

import torch

from kdlab.exercises.core import Exercise, Option, Question, Quiz
from kdlab.exercises.engine.values import as_double, close

# 1 --------------------------------------------------------------------------------------------------------------------


def _summarise(values):
    """(mean, sample standard deviation, standard error of the mean) of one number for each seed."""
    n = len(values)
    mean = sum(values) / n
    sd = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    return mean, sd, sd / math.sqrt(n)


def _summarise_by_library(values):
    mean, sd = statistics.fmean(values), statistics.stdev(values)
    return mean, sd, sd / math.sqrt(len(values))


def _errors(count):
    """Made-up errors of a few seeds, as floats."""
    return [float(value) for value in torch.randint(600, 800, (count,))]


def _summary(sd=statistics.stdev, error=lambda sd, n: sd / math.sqrt(n), mean=statistics.fmean):
    """A wrong answer: another mean, another standard deviation, another standard error made from it."""
    return lambda values: (mean(values), sd(values), error(sd(values), len(values)))


def _deviations(values):
    return [value - statistics.fmean(values) for value in values]


summarise = Exercise(
    place=1,
    title="Mean, spread and standard error",
    minutes=5,
    difficulty="easy",
    reference=_summarise,
    forms=(_summarise_by_library,),
    draw=lambda draw: {"values": _errors(draw.rows)},
    hints=(
        "The standard deviation is about one run: how far is it, typically, from the mean of all?",
        "Sum the squared deviations from the mean, divide by `n - 1`, take the root. The mean of n runs varies less than "
        "one run, by a factor of √n.",
        "`sd = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))`, and `sd / math.sqrt(n)`.",
    ),
    mistakes={
        "You divided by n. The deviations are taken from the sample's *own* mean, which lies closer to the values than "
        "the true one does, so that comes out too small: divide by n - 1.": (
            _summary(sd=statistics.pstdev),
            lambda v: (statistics.fmean(v), statistics.pstdev(v), statistics.stdev(v) / math.sqrt(len(v))),
        ),
        "That is the variance. Take its square root, to be back at errors.": (
            _summary(sd=statistics.variance),
            _summary(sd=statistics.pvariance),
            lambda v: (statistics.fmean(v), statistics.variance(v), statistics.stdev(v) / math.sqrt(len(v))),
        ),
        "That is the mean absolute deviation. Square the deviations, and take the root at the end.": (
            _summary(sd=lambda v: statistics.fmean(map(abs, _deviations(v)))),
            _summary(sd=lambda v: sum(map(abs, _deviations(v))) / (len(v) - 1)),
        ),
        "You took the roots of the squares one by one. Add up the squares, divide, and take one root of all.": (
            _summary(sd=lambda v: sum(map(abs, _deviations(v))))
        ),
        "The division by n - 1 belongs below the root, together with the sum.": (
            _summary(sd=lambda v: math.sqrt(sum(d * d for d in _deviations(v))) / (len(v) - 1)),
            _summary(sd=lambda v: sum(d * d for d in _deviations(v)) / math.sqrt(len(v) - 1)),
        ),
        "That is the range, from the smallest to the largest. It grows with the number of seeds.": (
            _summary(sd=lambda v: max(v) - min(v))
        ),
        "The third value is the standard deviation again. That says how much *one* run varies; the mean of n runs varies "
        "less.": _summary(error=lambda sd, n: sd),
        "The third value: n - 1 belongs inside the standard deviation only. Here it is n.": (
            _summary(error=lambda sd, n: sd / math.sqrt(n - 1))
        ),
        "The third value: you take the root of the standard deviation, too. Only n stands below the root.": (
            _summary(error=lambda sd, n: math.sqrt(sd / n))
        ),
        "Standard deviation and standard error are in each other's place.": (
            lambda v: (_summarise(v)[0], _summarise(v)[2], _summarise(v)[1])
        ),
        "The third value is a confidence interval's: 1.96 standard errors. Return one.": (
            _summary(error=lambda sd, n: 1.96 * sd / math.sqrt(n)),
            _summary(error=lambda sd, n: 2 * sd / math.sqrt(n)),
        ),
        "Only the last deviation is left: add them up in your loop.": (
            _summary(sd=lambda v: abs(_deviations(v)[-1]) / math.sqrt(len(v) - 1))
        ),
        "The first value is the median. The mean is the sum divided by n.": _summary(mean=statistics.median),
    },
    wrong={
        "only two": (lambda v: _summarise(v)[:2], "Return 3 values"),
        "divided by n": (_summary(error=lambda sd, n: sd / n), "divide by `math.sqrt(n)` twice"),
        "the sum": (_summary(mean=sum), "add up where a mean belongs"),
        "two mistakes": (_summary(mean=statistics.median, sd=statistics.pstdev), "the median"),
    },
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _paired(ours, theirs):
    """(mean of ours - theirs, its standard error, wins of ours) for errors of the same seeds, in the same order."""
    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    return statistics.fmean(differences), error, sum(difference < 0 for difference in differences)


def _paired_in_a_loop(ours, theirs):
    n, total, wins = len(ours), 0, 0
    for a, b in zip(ours, theirs, strict=True):
        total += a - b
        if a < b:
            wins += 1
    mean = total / n
    squares = sum((a - b - mean) ** 2 for a, b in zip(ours, theirs, strict=True))
    return mean, math.sqrt(squares / (n - 1)) / math.sqrt(n), wins


def _draw_paired(draw):
    """What a seed does to both arms is large, what differs is small; one tie, and more wins than losses."""
    n = draw.rows + 3
    order = torch.randperm(n)
    steps = torch.cat([torch.tensor([0.0, 12.0, 5.0]), -5 - torch.randint(30, (n - 3,)).float()])[order]
    theirs = 700 + 8 * torch.randint(-20, 20, (n,)).float() + torch.randint(10, (n,))
    theirs[(steps == 0).nonzero()[0, 0]], theirs[steps.argmin()] = 700.0, 703.0  # whoever sorts joins other seeds
    return {"ours": (theirs + steps).tolist(), "theirs": theirs.tolist()}


def _pairs(difference=lambda a, b: a - b, mean=statistics.fmean, error=statistics.stdev, spread=None, wins=None):
    """A wrong answer: another difference, mean, standard error of the differences (or of both arms), count of wins."""

    def paired(ours, theirs):
        differences, root = [difference(a, b) for a, b in zip(ours, theirs, strict=True)], math.sqrt(len(ours))
        one = spread(ours, theirs) if spread else error(differences)
        count = wins(differences) if wins else sum(a < b for a, b in zip(ours, theirs, strict=True))
        return mean(differences), one / root, count

    return paired


paired = Exercise(
    place=2,
    title="Seed against seed",
    minutes=6,
    difficulty="medium",
    reference=_paired,
    forms=(_paired_in_a_loop,),
    draw=_draw_paired,
    hints=(
        "Turn two lists into one: the difference for each seed. Then it is the last exercise again.",
        "`zip(ours, theirs)` walks through both lists together. A win is a difference below 0.",
        "`d = [a - b for a, b in zip(ours, theirs)]`, then `statistics.fmean(d)`, "
        "`statistics.stdev(d) / math.sqrt(len(d))` and `sum(x < 0 for x in d)`.",
    ),
    mistakes={
        "Did you sort the two lists? Then seeds are compared with other seeds: keep their order.": (
            lambda a, b: _paired(sorted(a), sorted(b)),
            lambda a, b: (*_paired(sorted(a), sorted(b))[:2], _paired(a, b)[2]),
        ),
        "The sign is the other way round: ours - theirs, so that fewer errors come out negative.": (
            lambda a, b: (-_paired(a, b)[0], *_paired(a, b)[1:]),
            lambda a, b: _paired(b, a),
        ),
        "You averaged the differences without their signs. Seeds on which we lose must count against us.": (
            _pairs(mean=lambda d: statistics.fmean(map(abs, d))),
            _pairs(difference=lambda a, b: abs(a - b)),
        ),
        "That is the median of the differences; take their mean.": _pairs(mean=statistics.median),
        "That is the standard error of two separate groups: it forgets that the seeds are shared, and is much too large. "
        "Subtract seed by seed *first*, then measure the spread.": (
            _pairs(spread=lambda a, b: math.hypot(statistics.stdev(a), statistics.stdev(b))),
            _pairs(spread=lambda a, b: math.hypot(statistics.pstdev(a), statistics.pstdev(b))),
            _pairs(spread=lambda a, b: statistics.stdev(a) + statistics.stdev(b)),
            _pairs(spread=lambda a, b: math.hypot(statistics.stdev(a), statistics.stdev(b)) / math.sqrt(2)),
        ),
        "Each seed of ours meets every seed of theirs: only the same seeds are a pair. zip, not two loops.": (
            lambda a, b: (
                statistics.fmean(d := [x - y for x in a for y in b]),
                statistics.stdev(d) / math.sqrt(len(d)),
                sum(x < 0 for x in d),
            )
        ),
        "Your differences are relative: ours - theirs is asked for, in errors.": (
            _pairs(difference=lambda a, b: (a - b) / b),
            _pairs(difference=lambda a, b: 100 * (a - b) / b),
        ),
        "That is the spread of one arm. Subtract seed by seed first, then measure the spread of the differences.": (
            _pairs(spread=lambda a, b: statistics.stdev(a)),
            _pairs(spread=lambda a, b: statistics.stdev(b)),
        ),
        "The difference of two spreads is not the spread of the differences. Subtract seed by seed first.": (
            _pairs(spread=lambda a, b: abs(statistics.stdev(a) - statistics.stdev(b))),
            _pairs(spread=lambda a, b: statistics.stdev(a) - statistics.stdev(b)),
        ),
        "That is the standard deviation of the differences. Their *mean* varies less.": (
            _pairs(error=lambda d: statistics.stdev(d) * math.sqrt(len(d)))
        ),
        "Use the sample's standard deviation, with n - 1 below the root.": _pairs(error=statistics.pstdev),
        "n - 1 belongs inside the standard deviation only; its root is divided by √n.": (
            _pairs(error=lambda d: statistics.stdev(d) * math.sqrt(len(d) / (len(d) - 1)))
        ),
        "The differences have one spread, that of both arms already: there is no √2 any more.": (
            _pairs(error=lambda d: statistics.stdev(d) / math.sqrt(2)),
            _pairs(error=lambda d: statistics.stdev(d) * math.sqrt(2)),
        ),
        "One seed is a tie, and a tie is no win.": _pairs(wins=lambda d: sum(x <= 0 for x in d)),
        "You counted where ours makes *more* errors. Fewer errors win.": _pairs(wins=lambda d: sum(x > 0 for x in d)),
        "Return the number of wins, not their share.": _pairs(wins=lambda d: sum(x < 0 for x in d) / len(d)),
        "You added up the differences of the seeds that ours wins: count those seeds.": (
            _pairs(wins=lambda d: sum(x for x in d if x < 0))
        ),
        "You compare our errors with the mean of theirs, or the reverse. Compare seed by seed.": (
            lambda a, b: (*_paired(a, b)[:2], sum(x < statistics.fmean(b) for x in a)),
            lambda a, b: (*_paired(a, b)[:2], sum(x > statistics.fmean(a) for x in b)),
        ),
        "That says who wins on the whole. Count the seeds that ours wins.": _pairs(wins=lambda d: int(sum(d) < 0)),
        "Wins minus losses: count the wins alone.": _pairs(wins=lambda d: sum((x < 0) - (x > 0) for x in d)),
    },
    wrong={
        "sorts in place": (lambda a, b: a.sort() or b.sort() or _paired(a, b), "in place"),
        "not ahead": (_pairs(wins=lambda d: sum(x >= 0 for x in d)), "The comparison is off"),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _chance_of_wrong_winner(difference, sd, seeds):
    """Probability that the mean of `seeds` normally distributed differences is below 0; difference > 0 is the true one."""
    standard_error = sd / math.sqrt(seeds)
    return statistics.NormalDist(difference, standard_error).cdf(0.0)


def _chance_by_z(difference, sd, seeds):
    z = -difference / (sd / math.sqrt(seeds))
    return (1 + math.erf(z / math.sqrt(2))) / 2


def _draw_chance(draw):
    seeds = (3, 5)[draw.number % 2]
    sd = 5.0 + 20 * torch.rand(()).item()
    z = (0.7, 0.9)[draw.number % 2]  # a simulation with 20 000 draws comes near enough
    return {"difference": z * sd / math.sqrt(seeds), "sd": sd, "seeds": seeds}


def _bell(error=lambda sd, n: sd / math.sqrt(n), result=lambda p: p):
    """A wrong answer: another width of the bell, or another use of its probability."""
    return lambda difference, sd, seeds: result(statistics.NormalDist(difference, error(sd, seeds)).cdf(0.0))


def _most_seeds(difference, sd, seeds):
    p = statistics.NormalDist(difference, sd).cdf(0.0)
    return sum(math.comb(seeds, k) * p**k * (1 - p) ** (seeds - k) for k in range(seeds // 2 + 1, seeds + 1))


CHANCES = {
    "Yours is 0.5 whatever comes in, as if both arms were equally good. The bell stands around `difference`; what lies "
    "to the left of 0 (not of its middle) is asked for.": lambda d, sd, n: 0.5,
    "That is how often the *right* arm wins.": _bell(result=lambda p: 1 - p),
    "That is the chance with one seed. How much does the mean of several seeds still vary?": _bell(lambda sd, n: sd),
    "Noise does not shrink as fast as 1/n. The standard error is sd / √n.": (
        _bell(lambda sd, n: sd / n),
        _bell(lambda sd, n: sd / n**2),
    ),
    "n - 1 belongs inside a standard deviation. Here it is sd / √n.": _bell(
        lambda sd, n: sd / math.sqrt(max(n - 1, 1))
    ),
    "The *sum* of the differences stands around n times the difference; their mean stands around the difference.": (
        lambda d, sd, n: statistics.NormalDist(n * d, sd / math.sqrt(n)).cdf(0.0)
    ),
    "That is how many standard errors 0 lies away from the middle. Which share of the bell lies beyond? (the cdf)": (
        lambda d, sd, n: d / sd * math.sqrt(n),
        lambda d, sd, n: -d / sd * math.sqrt(n),
    ),
    "inv_cdf goes from a probability to a place. You know the place, 0, and want the probability: cdf.": (
        lambda d, sd, n: statistics.NormalDist(d, sd / math.sqrt(n)).inv_cdf(0.5)
    ),
    "That is the chance that *every* seed is wrong. The mean can be wrong with some seeds right.": (
        lambda d, sd, n: statistics.NormalDist(d, sd).cdf(0.0) ** n
    ),
    "That is the chance that *any* seed is wrong. The mean can be right all the same.": (
        lambda d, sd, n: 1 - statistics.NormalDist(-d, sd).cdf(0.0) ** n
    ),
    "That is the chance that *most seeds* are wrong. The mean can be wrong when fewer are, if those are far off.": (
        _most_seeds
    ),
    "You counted both tails. Only one of them has the wrong sign.": _bell(result=lambda p: 2 * p),
    "You halved it: all of the bell to the left of 0 is the wrong side.": _bell(result=lambda p: p / 2),
    "That is in percent. Return a probability between 0 and 1.": _bell(result=lambda p: 100 * p),
    "That is the height of the bell at 0. You need the area to the left of it: the cdf.": (
        lambda d, sd, n: statistics.NormalDist(d, sd / math.sqrt(n)).pdf(0.0),
        lambda d, sd, n: statistics.NormalDist().pdf(d / sd * math.sqrt(n)),
        lambda d, sd, n: math.exp(-n * (d / sd) ** 2 / 2),
    ),
    "The width is the root of sd² / n: the standard error, sd / √n.": _bell(lambda sd, n: sd**2 / n),
    "More seeds should make it surer, and yours makes it less sure: divide sd by √n, and the difference by nothing.": (
        _bell(lambda sd, n: sd * math.sqrt(n))
    ),
    "Two arms share one sd here: it is that of the differences already, without another √2.": (
        _bell(lambda sd, n: sd * math.sqrt(2 / n)),
        _bell(lambda sd, n: sd / math.sqrt(2 * n)),
    ),
}


def _a_simulation(evidence):
    """A simulation of something else, or one with too few draws: it comes near what it simulates, no more."""
    arguments = evidence.cases[0][0]
    values = [float(as_double(evidence.call(arguments))) for _ in range(9)]
    mean, error = statistics.fmean(values), statistics.stdev(values) / 3
    if min(values) > 1:
        return "A probability is never above 1. If you count how often it happens, divide by the number of draws."
    for sentence, function in [(s, f) for s, fs in CHANCES.items() for f in (fs if isinstance(fs, tuple) else (fs,))]:
        wrong = [
            (float(as_double(v)), function(*a.values())) for a, v, w in evidence.cases[:2] if not close(v, w, 0.07)
        ]
        if all(abs(v - w) < 0.012 for v, w in wrong) and abs(mean - function(*arguments.values())) < 0.012:
            return sentence
    if abs(mean - evidence.reference(arguments)) < 4 * error:
        return "Close, but it comes out differently each time. Draw more often: 20 000 times or more."
    return None


def _simulated_chance(difference, sd, seeds):
    means = (difference + sd * torch.randn(20_000, seeds)).mean(-1)
    return (means < 0).double().mean().item()


def _chance_of_few_draws(difference, sd, seeds):
    noise = float(torch.randn(()))  # of some 60 draws, and never so small that it may pass
    return _chance_of_wrong_winner(difference, sd, seeds) + 0.03 * noise + math.copysign(0.04, noise)


chance_of_wrong_winner = Exercise(
    place=3,
    title="How often does the wrong one win?",
    minutes=8,
    difficulty="medium",
    reference=_chance_of_wrong_winner,
    forms=(_chance_by_z,),
    draw=_draw_chance,
    tolerance=0.07,
    properties=(_a_simulation,),
    hints=(
        "The mean of n differences is itself a random number. Where is the middle of its bell, and how wide is the bell?",
        "Its middle is `difference` and its width the standard error. The wrong arm wins when it falls below 0.",
        "`statistics.NormalDist(difference, sd / math.sqrt(seeds)).cdf(0)` is the area of the bell left of 0.",
    ),
    cases={
        "If the arms are equally good, it is a toss of a coin: 0.5.": (
            lambda draw: {"difference": 0.0, "sd": 5.0, "seeds": 4}
        ),
        "With one seed the bell of the mean is as wide as sd.": (
            lambda draw: {"difference": 4.0, "sd": 5.0, "seeds": 1}
        ),
    },
    mistakes=CHANCES,
    wrong={
        "simulates one seed": (lambda d, sd, n: _simulated_chance(d, sd, 1), "with one seed"),
        "simulates the right one": (lambda d, sd, n: 1 - _simulated_chance(d, sd, n), "*right* arm"),
        "too few draws": (_chance_of_few_draws, "differently each time"),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _optimizer_steps(images, batch_size, epochs, drop_last):
    """How many steps the optimiser takes in so many epochs; `drop_last` leaves out the incomplete batch of each."""
    batches = images // batch_size if drop_last else math.ceil(images / batch_size)
    return epochs * batches


def _optimizer_steps_by_the_rest(images, batch_size, epochs, drop_last):
    batches = images // batch_size
    if images % batch_size > 0 and not drop_last:
        batches += 1
    return batches * epochs


def _draw_steps(draw):
    """With drop_last and without, and an incomplete batch that is nearly empty or nearly full."""
    batch_size = 8 * int(torch.randint(4, 12, ()))
    left = int(torch.randint(2, batch_size // 4, ()))
    left = batch_size - left if draw.number % 4 in (1, 2) else left
    images = batch_size * int(torch.randint(20, 60, ())) + left
    epochs = int(torch.randint(11, 30, ()))
    return {"images": images, "batch_size": batch_size, "epochs": epochs, "drop_last": draw.number % 2 == 1}


optimizer_steps = Exercise(
    place=4,
    title="Count the steps",
    minutes=4,
    difficulty="easy",
    reference=_optimizer_steps,
    forms=(_optimizer_steps_by_the_rest,),
    draw=_draw_steps,
    hints=(
        "How many batches has one epoch? Think of the last one.",
        "`//` rounds down; `math.ceil(a / b)` rounds up.",
        "`epochs * (images // batch_size)` with drop_last, `epochs * math.ceil(images / batch_size)` without.",
    ),
    cases={
        "9600 images are exactly 100 batches of 96: no incomplete batch here.": (
            lambda draw: {"images": 9600, "batch_size": 96, "epochs": 7, "drop_last": False}
        ),
        "9600 images are exactly 100 batches of 96: drop_last leaves none of them out.": (
            lambda draw: {"images": 9600, "batch_size": 96, "epochs": 7, "drop_last": True}
        ),
        "Fewer images than one batch holds: the only batch is incomplete, and still one step an epoch.": (
            lambda draw: {"images": 60, "batch_size": 64, "epochs": 5, "drop_last": False}
        ),
        "Fewer images than one batch holds: drop_last leaves out the only one, so no step is taken.": (
            lambda draw: {"images": 60, "batch_size": 64, "epochs": 5, "drop_last": True}
        ),
    },
    mistakes={
        "You round down always. Without drop_last the incomplete batch of each epoch is one more step.": (
            lambda n, b, e, drop: e * (n // b)
        ),
        "You round up always. With drop_last the incomplete batch of each epoch is left out.": (
            lambda n, b, e, drop: e * math.ceil(n / b)
        ),
        "drop_last is the other way round: with it the incomplete batch is left out; without, it is one more step.": (
            lambda n, b, e, drop: _optimizer_steps(n, b, e, not drop)
        ),
        "A step is taken or not: there is no 0.125 of one. Round each epoch.": (
            lambda n, b, e, drop: e * n / b,
            lambda n, b, e, drop: e * (n // b if drop else n / b),
        ),
        "You rounded once, at the end. Each epoch ends with its own incomplete batch.": (
            lambda n, b, e, drop: e * n // b if drop else math.ceil(e * n / b),
            lambda n, b, e, drop: e * n // b,
            lambda n, b, e, drop: e * n // b + (not drop),
            lambda n, b, e, drop: math.ceil(e * n / b),
            lambda n, b, e, drop: round(e * n / b),
        ),
        "Only one epoch drops (or keeps) its incomplete batch in your count. Each does.": (
            lambda n, b, e, drop: e * (n // b) + (not drop),
            lambda n, b, e, drop: e * math.ceil(n / b) - drop,
        ),
        "You round to the nearest. An incomplete batch, however full, counts whole, or not at all with drop_last.": (
            lambda n, b, e, drop: e * round(n / b),
            lambda n, b, e, drop: e * (n // b if drop else round(n / b)),
        ),
        "Those are the images seen. One step sees a whole batch of them.": (
            lambda n, b, e, drop: e * n,
            lambda n, b, e, drop: e * (n - n % b) if drop else e * n,
        ),
        "With drop_last you always leave one batch out. Only an incomplete one goes.": (
            lambda n, b, e, drop: e * (math.ceil(n / b) - drop)
        ),
        "`//` has left out the incomplete batch already: with drop_last take nothing away; without, add one.": (
            lambda n, b, e, drop: e * (n // b - drop)
        ),
        "You add the images that are left over. They make one step more, not that many.": (
            lambda n, b, e, drop: e * (n // b) + (0 if drop else n % b),
            lambda n, b, e, drop: e * (n // b + (0 if drop else n % b)),
            lambda n, b, e, drop: e * (n // b) + n % b,
        ),
        "The division is upside down: how often does a batch fit into the images?": (
            lambda n, b, e, drop: e * (b // n if drop else math.ceil(b / n)),
            lambda n, b, e, drop: e * b / n,
        ),
        "Without drop_last you always add a batch. Only where some images are left over.": (
            lambda n, b, e, drop: e * (n // b + (not drop))
        ),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _linear_of_all(inputs, weights, biases):
    """One linear layer of S students at once: (S, N, in), (S, out, in), (S, out) -> (S, N, out)."""
    return torch.einsum("sni,soi->sno", inputs, weights) + biases.unsqueeze(1)


def _linear_of_all_by_matmul(inputs, weights, biases):
    return inputs @ weights.transpose(1, 2) + biases[:, None]


def _draw_layers(students, images, inside, out):
    return {
        "inputs": torch.randn(students, images, inside),
        "weights": torch.randn(students, out, inside),
        "biases": torch.randn(students, out),
    }


def _layers(multiply=lambda x, w: torch.einsum("sni,soi->sno", x, w), bias=lambda b: b.unsqueeze(1), then=lambda y: y):
    """A wrong answer: another product, another place for the biases, something more at the end."""
    return lambda inputs, weights, biases: then(multiply(inputs, weights) + bias(biases))


linear_of_all = Exercise(
    place=5,
    title="One layer of many students",
    minutes=8,
    difficulty="hard",
    reference=_linear_of_all,
    forms=(_linear_of_all_by_matmul,),
    # As many images as students, inputs and outputs: so nothing complains, and each mistake shows in the values.
    draw=lambda draw: _draw_layers(*[draw.tokens + 1] * 4),
    gradient=("weights", "biases"),
    hints=(
        "For one student it is `inputs @ weights.T + biases`. Now everything has one more index in front: the student.",
        "`torch.einsum` sums over each letter that is missing after the arrow; s must stay. Or use `@` with "
        "`weights.transpose(1, 2)`. Biases (S, out) need to become (S, 1, out).",
        '`torch.einsum("sni,soi->sno", inputs, weights) + biases.unsqueeze(1)`.',
    ),
    cases={
        "Right where S = N and in = out, but not for 2 students with 5 images, 7 inputs and 3 outputs.": (
            lambda draw: _draw_layers(2, 5, 7, 3)
        ),
    },
    mistakes={
        "Every student read every other student's inputs. Student s reads inputs[s]: the same letter in both.": (
            lambda x, w, b: torch.einsum("sni,toi->stno", x, w),
            lambda x, w, b: torch.einsum("sni,toi->stno", x, w) + b[None, :, None],
            lambda x, w, b: torch.einsum("sni,toi->stno", x, w) + b[:, None, None],
            _layers(lambda x, w: torch.einsum("sni,toi->sno", x, w)),
            _layers(lambda x, w: torch.einsum("sni,toi->tno", x, w)),
        ),
        "The students were added up. The letter for the students must be in the result, too.": (
            lambda x, w, b: torch.einsum("sni,soi->no", x, w),
            lambda x, w, b: _linear_of_all(x, w, b).sum(0),
            _layers(lambda x, w: torch.einsum("sni,soi->no", x, w)),
            _layers(lambda x, w: torch.einsum("sni,soi->no", x, w), bias=lambda b: b),
        ),
        "The students were averaged. Each needs an answer of its own.": (
            lambda x, w, b: torch.einsum("sni,soi->sno", x, w).mean(0),
            lambda x, w, b: _linear_of_all(x, w, b).mean(0),
        ),
        "Nothing complained, but the biases went to the wrong place: (S, out) was read as (N, out), because here S = N. "
        "Give the biases a dimension for the images.": _layers(bias=lambda b: b),
        "The biases went to the wrong place: their new dimension belongs in the middle, (S, 1, out), for the images.": (
            _layers(bias=lambda b: b.unsqueeze(-1)),
            _layers(bias=lambda b: b.T),
            _layers(bias=lambda b: b.T.unsqueeze(1)),
        ),
        "PyTorch stores a layer's weights as (out, in): sum over the *last* index of the weights. Here in = out, so "
        "nothing complained.": _layers(lambda x, w: x @ w),
        "All students got the weights, or the inputs, or the biases of the first.": (
            _layers(lambda x, w: x @ w[0].T),
            _layers(lambda x, w: x[0] @ w.transpose(1, 2)),
            _layers(bias=lambda b: b[0]),
            _layers(lambda x, w: x @ w[0].T, bias=lambda b: b[0]),
        ),
        "Each student keeps its own biases: you average them, or add them up.": (
            _layers(bias=lambda b: b.mean(0)),
            _layers(bias=lambda b: b.sum(0)),
        ),
        "`*` multiplies entry by entry. A layer sums over its inputs as well: `@`, or einsum.": _layers(
            lambda x, w: x * w
        ),
        "Leave the ReLU out: it comes between layers, and not after the last.": _layers(then=torch.relu),
        "These are logits: no softmax here.": (
            _layers(then=lambda y: y.softmax(-1)),
            _layers(then=lambda y: y.softmax(1)),
        ),
        "Two things: the weights are (out, in), so transpose their last two dimensions; and the biases (S, out) went to the "
        "images. Nothing complained, because here S = N and in = out.": (_layers(lambda x, w: x @ w, bias=lambda b: b)),
        "The weights are transposed wholly: `.T` turns the students round as well. Exchange the last two dimensions only.": (
            _layers(lambda x, w: x @ w.permute(2, 1, 0))
        ),
        "Students and images are exchanged in your result: it should be (S, N, out).": (
            _layers(then=lambda y: y.transpose(0, 1))
        ),
    },
    wrong={
        "one student cut off": (
            _layers(lambda x, w: torch.stack([x[0] @ w[0].T.detach(), *(x @ w.transpose(1, 2))[1:]])),
            "gradient",
        ),
    },
)

# 6 --------------------------------------------------------------------------------------------------------------------


def _choose(validation_errors, test_errors):
    """(name of the setting to use, errors to report) from {name: errors} on validation and on test images."""
    chosen = min(validation_errors, key=validation_errors.get)
    return chosen, test_errors[chosen]


def _mixed(names):
    names = list(names)
    return [names[i] for i in torch.randperm(len(names))]


def _draw_choose(draw):
    """Settings that win by one wrong rule each; the first of all, and the one in the winner's place on test, by none."""
    names = [f"T = {2 + int(i)}" for i in torch.randperm(7)]
    first, place, last = names[0], "T = 9", "T = 10"
    rows = {"T = 1": (655, 700), first: (660, 699), place: (672, 693), last: (676, 697)}
    errors = (631, 688), (650, 662), (668, 661), (710, 735), (682, 680), (700, 690)
    rows |= dict(zip(names[1:], errors, strict=True))
    one = [first, *(name for name in _mixed(rows) if name not in (first, last)), last]
    two = [name for name in _mixed(rows) if name != place]
    two.insert(one.index(names[1]), place)
    more = float(torch.randint(30, ()))
    return {
        "validation_errors": {name: rows[name][0] + more for name in one},
        "test_errors": {name: rows[name][1] + more for name in two},
    }


def _chosen_by(choose_on, report=lambda v, t, n: t[n]):
    """A wrong answer: choose with one rule, report from another place."""
    return lambda v, t: (choose_on(v, t), report(v, t, choose_on(v, t)))


def _best(errors):
    return min(errors, key=errors.get)


choose = Exercise(
    place=6,
    title="Choose here, report there",
    minutes=4,
    difficulty="easy",
    reference=_choose,
    draw=_draw_choose,
    hints=(
        "Two jobs, two sets of images. Which of them may choose?",
        "`min(errors, key=errors.get)` is the name with the fewest errors.",
        "Find the name with the fewest *validation* errors, then return it with `test_errors[name]`.",
    ),
    mistakes={
        "Return two values: the name, and the errors that you would report for it.": (
            lambda v, t: _best(v),
            lambda v, t: t[_best(v)],
        ),
        "You chose on the test images, and so your figure is too good to be true. They must not choose anything.": (
            _chosen_by(lambda v, t: _best(t)),
            lambda v, t: _best(t),
        ),
        "Well chosen. But the validation errors of the winner helped it to win: they flatter it. Report other images.": (
            _chosen_by(lambda v, t: _best(v), lambda v, t, n: v[n])
        ),
        "You took the setting with the *most* errors. argmax is for accuracy; errors want the minimum.": (
            _chosen_by(lambda v, t: max(v, key=v.get)),
            _chosen_by(lambda v, t: max(v, key=v.get), lambda v, t, n: v[n]),
        ),
        "The name is right, but the errors are those of another setting, the luckiest on the test images.": (
            _chosen_by(lambda v, t: _best(v), lambda v, t, n: min(t.values()))
        ),
        "You added validation and test, or compared them: then the test images had a say in the choice.": (
            _chosen_by(lambda v, t: _best({n: v[n] + t[n] for n in v})),
            _chosen_by(lambda v, t: _best({n: abs(v[n] - t[n]) for n in v})),
            _chosen_by(lambda v, t: _best({n: t[n] - v[n] for n in v})),
            _chosen_by(lambda v, t: _best({n: max(v[n], t[n]) for n in v})),
        ),
        "Report the errors on the test images alone: do not mix in those on validation.": (
            _chosen_by(lambda v, t: _best(v), lambda v, t, n: (v[n] + t[n]) / 2),
            _chosen_by(lambda v, t: _best(v), lambda v, t, n: v[n] + t[n]),
            _chosen_by(lambda v, t: _best(v), lambda v, t, n: t[n] - v[n]),
        ),
        "That is the mean of all settings. Report the errors of the one that you chose.": (
            _chosen_by(lambda v, t: _best(v), lambda v, t, n: statistics.fmean(t.values()))
        ),
        "Both are right: put the name first, then the errors.": lambda v, t: (t[_best(v)], _best(v)),
        "`min` of a dict compares its *names*. Tell it to compare the errors: `key=validation_errors.get`.": (
            _chosen_by(lambda v, t: min(v)),
        ),
        "That is the first setting of the dict, or the last. Look for the one with the fewest validation errors.": (
            _chosen_by(lambda v, t: next(iter(v))),
            _chosen_by(lambda v, t: list(v)[-1]),
        ),
        "You returned the position of the setting. Return its name.": (
            lambda v, t: (list(v).index(_best(v)), t[_best(v)]),
            lambda v, t: (list(v).index(_best(v)), list(t.values())[list(v).index(_best(v))]),
        ),
        "You chose on test and report validation. It is the other way round.": (
            _chosen_by(lambda v, t: _best(t), lambda v, t, n: v[n])
        ),
        "The two dicts may be in another order: look the setting up by its name, not by its position.": (
            lambda v, t: (_best(v), list(t.values())[list(v).index(_best(v))]),
            lambda v, t: (list(t)[list(v).index(_best(v))], list(t.values())[list(v).index(_best(v))]),
        ),
        "The errors that you return are the fewest on validation, the first value: return the *name* that they belong to.": (
            lambda v, t: (min(v.values()), t[_best(v)])
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
    "j": (True, "the soft term is a hundred times too small, so the students hardly hear a teacher"),
}
_WHY_NOT = {
    "b": "All three rows of the table are about the same ResNet-8. Look at “student”.",
    "d": "Each student trains 160 epochs. (The assistant's own training comes on top, a cost worth stating.)",
    "f": "SGD with one schedule for all. Look at “training”.",
    "h": "All learn from the 50 000 training images of CIFAR-100, and nothing else.",
}
_WHERE = {"a": "tuned", "c": "chosen by", "e": "reported", "g": "tuned", "i": "result", "j": "loss"}


def _ask_faults(answer):
    letters = answer.value
    if isinstance(letters, str):  # "ace" or "a, c, e"
        letters = [letter for letter in letters if letter.isalpha()]
    answer.holds(isinstance(letters, (list, tuple, set)), 'Write a list of letters, such as ["a", "b"].')
    letters = [str(letter).strip(" ().").lower() for letter in letters]
    unknown = [letter for letter in letters if letter not in ACCUSATIONS]
    answer.holds(not unknown, f"{', '.join(unknown)}: the accusations are lettered a to j.")
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
    reference=["a", "c", "e", "g", "i", "j"],
    questions=_ask_faults,
    hints=(
        "Go through the checklist row by row. For each row of the table ask: who could have been lucky here?",
        "Count the settings that each arm can choose from. Then ask which images chose.",
        "Six of the ten accusations hold: two are about what is tuned, two about the test images, one about the result, and "
        "one about the loss. What does `nn.KLDivLoss()` divide by, if nobody tells it otherwise?",
    ),
    wrong={
        "one": (["c"], "5 more to find"),
        "most": (["a", "c", "e", "g"], "2 more to find"),
        "all but the loss": (["a", "c", "e", "g", "i"], "Look again at the row “loss”"),
        "size": (["c", "b"], "same ResNet-8"),
        "epochs": ("cd", "160 epochs"),
        "optimiser": (["f"], "one schedule"),
        "images": ({"h", "a"}, "CIFAR-100"),
        "everything": (list("abcdefghij"), "no fault"),
        "no such letter": (["z"], "lettered a to j"),
        "a number": (5, "list of letters"),
    },
    praise="All six. The idea may be good all the same: this table cannot tell.",
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
