"""Fair comparisons of students on digits: each arm's learning rate is chosen for that arm, on seeds of its own.

All arms have the same batches and initial weights for a seed, and the same steps. There are two ways to choose:

`tune`   some arms with one grid of learning rates, which grows until no arm's best is at its edge (lessons 04 and 06);
         an arm is (targets, settings of the recipe), with targets "labels", "argmax" (the teacher's decisions), "soft"
         (its logits), "smoothing" (a teacher who says the same of all classes) or "class means" (of each picture only what
         the teacher says of its class on average)
`tuned`  one arm, which may be any task, from a few rates in the middle outwards until the best is not the last on either
         side; then all that is to be measured, with SEEDS (lessons 05 and 07)
"""

import statistics
from dataclasses import replace
from functools import cache

import torch

from kdlab import sweeps
from kdlab.data import load_mnist
from kdlab.intervals import image_error
from kdlab.metrics import errors
from kdlab.models import MLP, to_inputs
from kdlab.teachers import load_mnist_teacher, predict_logits

CHOOSING, FRESH = range(5), range(10, 15)  # of `tune`: seeds that choose a learning rate, and those that are reported
TRIAL_SEEDS, SEEDS = (10, 11, 12), range(5)  # the same of `tuned`
SERIES = [float(f"{digit}e{power}") for power in range(-4, 1) for digit in (1, 2, 5)]  # learning rates
START = SERIES[5:8]  # 0.005, 0.01, 0.02
WEIGHTS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99)  # of the label, where a weight is chosen too


# --- the data, loaded once ------------------------------------------------------------------------


@cache
def world():
    """Inputs, labels and teacher logits of all training images, and of the test images."""
    mnist, teacher = load_mnist(), load_mnist_teacher()
    train, test = to_inputs(mnist.train_images), to_inputs(mnist.test_images)
    labels, test_labels = torch.from_numpy(mnist.train_labels), torch.from_numpy(mnist.test_labels)
    return (train, labels, predict_logits(teacher, train)), (test, test_labels, predict_logits(teacher, test))


@cache
def pictures(start, stop):
    """Inputs, labels and teacher logits of training images start to stop: the same tensors at each call."""
    return tuple(values[start:stop] for values in world()[0])


@cache
def piles():
    """{"validation": training images from 50 000 on, which the teacher did not learn from, "test"}: (inputs, labels)."""
    return {"validation": pictures(50_000, 60_000)[:2], "test": world()[1][:2]}


# --- students ---------------------------------------------------------------------------------------


def learn(runs, hidden=(128,), begin=None):
    """A student 784-hidden-10 for each run (inputs, labels, teacher logits or None, recipe); those of one pile at once.

    begin(seed) makes another student to begin with. Each keeps its seed, as `.seed`.
    """
    begin = begin or (lambda seed: MLP(784, *hidden, 10, seed=seed))
    students = [begin(recipe.seed) for *_, recipe in runs]
    for pile, inputs in {id(run[0]): run[0] for run in runs}.items():
        mine = [k for k, run in enumerate(runs) if id(run[0]) == pile]
        _, labels, logits, recipes = zip(*(runs[k] for k in mine), strict=True)
        sweeps.fit(
            [students[k] for k in mine], inputs, list(labels), list(logits), recipes=list(recipes), progress=False
        )
    for student, (*_, recipe) in zip(students, runs, strict=True):
        student.seed = recipe.seed
    return students


# --- several arms with one grid ---------------------------------------------------------------------


def soft(*temperatures, **settings):
    """Arms with soft targets at these temperatures."""
    return {f"T = {t}": ("soft", {"temperature": t, **settings}) for t in temperatures}


def class_means(labels, logits, temperature):
    """Logits whose softmax at this temperature is the mean soft target of all pictures with the same label."""
    means = torch.stack([(logits[labels == c] / temperature).softmax(-1).mean(0) for c in range(logits.shape[-1])])
    return temperature * means.log()[labels]


def _targets(target, labels, logits, settings):
    match target:
        case "labels":
            return labels, None
        case "argmax":
            return logits.argmax(-1), None
        case "soft":
            return labels, logits
        case "smoothing":
            return labels, torch.zeros_like(logits)
        case "class means":
            return labels, class_means(labels, logits, settings["temperature"])


def wrong_of(arms, recipe, seeds, pile, judged, hidden, together=10):
    """{arm: {name in `judged`: bool (seeds, images), True where the student is wrong}}.

    All students learn from `pile` (inputs, labels, teacher_logits), together, `together` seeds at a time; those of a
    seed share initial weights and batches.
    """
    inputs, labels, logits = pile
    targets = {name: _targets(target, labels, logits, settings) for name, (target, settings) in arms.items()}
    found, seeds = {name: {key: [] for key in judged} for name in arms}, list(seeds)
    for some in (seeds[i : i + together] for i in range(0, len(seeds), together)):
        order = [(name, seed) for seed in some for name in arms]
        runs = [(inputs, *targets[name], replace(recipe, seed=seed, **arms[name][1])) for name, seed in order]
        students = learn(runs, hidden)
        for key, (images, truth) in judged.items():
            wrong = sweeps.predict_logits(students, images).argmax(-1) != truth
            for (name, _), row in zip(order, wrong, strict=True):
                found[name][key].append(row)
    return {name: {key: torch.stack(rows) for key, rows in own.items()} for name, own in found.items()}


def counted(wrong):
    """{pile: errors by seed} from {pile: bool (seeds, images)}."""
    return {key: rows.sum(-1).tolist() for key, rows in wrong.items()}


def image_errors(wrong, pile="test"):
    """{"A - B": standard error of the difference over the choice of images} for all pairs of arms."""
    share = {name: own[pile].double().mean(0).tolist() for name, own in wrong.items()}
    names = list(share)
    return {f"{a} - {b}": round(image_error(share[a], share[b]), 2) for a in names for b in names if a != b}


def at_rate(arms, rates):
    """Each arm with a learning rate: one for all, or {arm: rate}."""
    of = rates.get if isinstance(rates, dict) else lambda _: rates
    return {name: (target, {**settings, "learning_rate": of(name)}) for name, (target, settings) in arms.items()}


def tune(arms, rates, recipe, pile, hidden, *, tried=None, seeds=CHOOSING, keep=lambda tried: None):
    """Validation errors at every rate, {arm: {rate: errors by seed}}, for a grid that goes on until no best is at its edge.

    All arms have the same grid. What is in `tried` is not run again; `keep` gets it after each rate.
    """
    tried = {name: dict((tried or {}).get(name, {})) for name in arms}
    rates = sorted({*rates, *(float(rate) for own in tried.values() for rate in own)})
    judged = {"validation": piles()["validation"]}
    while True:
        for rate in rates:
            todo = {name: arm for name, arm in arms.items() if f"{rate:g}" not in tried[name]}
            if todo:
                wrong = wrong_of(at_rate(todo, rate), recipe, seeds, pile, judged, hidden)
                for name, own in wrong.items():
                    tried[name][f"{rate:g}"] = counted(own)["validation"]
                keep(tried)
        best = {best_rate(own) for own in tried.values()}
        further = [SERIES[SERIES.index(rates[0]) - 1]] if rates[0] in best else []
        further += [SERIES[SERIES.index(rates[-1]) + 1]] if rates[-1] in best else []
        if not further:
            return tried
        rates = sorted({*rates, *further})


def best_rate(tried):
    """The learning rate with the fewest validation errors, of {rate: errors by seed}."""
    return float(min(tried, key=lambda rate: sum(tried[rate])))


def report(arms, rates, recipe, pile, hidden, seeds=FRESH):
    """What fresh seeds make of each arm at its rate: {"arms": {arm: {"rate", "validation", "test"}}, "image_error"}."""
    wrong = wrong_of(at_rate(arms, rates), recipe, seeds, pile, piles(), hidden)
    rows = {name: {"rate": rates[name], **counted(own)} for name, own in wrong.items()}
    return {"arms": rows, "image_error": image_errors(wrong)}


# --- one arm with any task --------------------------------------------------------------------------


def facts():
    """What stands at the head of a record."""
    return {"seeds": list(SEEDS), "trial_seeds": list(TRIAL_SEEDS)}


def validation_errors(student, stop=60_000):
    """Errors on training images from 50 000 on, which the teacher did not learn from."""
    inputs, labels, _ = pictures(50_000, stop)
    return errors(predict_logits(student, inputs), labels)


def test_errors(student):
    inputs, labels, _ = world()[1]
    return errors(predict_logits(student, inputs), labels)


def both_errors(student):
    return {"validation_errors": validation_errors(student), "test_errors": test_errors(student)}


def tuned(task, recipe, measure=both_errors, score=validation_errors, **options):
    """One arm: {"learning_rate": the chosen one, "tried": {rate: mean score}, then what `measure` gives, as lists by seed}.

    task(seed) gives (inputs, labels, teacher logits or None). Options: see `search` and `reported`.
    """
    halves = {"start": options.pop("start", START), "choosing": options.pop("choosing", TRIAL_SEEDS)}
    seeds = options.pop("seeds", SEEDS)
    found = search(task, recipe, score, **halves, **options)
    return found | reported(task, recipe, found["learning_rate"], measure, seeds=seeds, **options)


def search(task, recipe, score=validation_errors, *, start=START, choosing=TRIAL_SEEDS, **options):
    """The first half of `tuned`: the chosen rate, and what was tried, from the rates `start` outwards."""
    tried, wanted = {}, list(start)
    while wanted:
        settings = [(rate, seed) for rate in wanted for seed in choosing]
        found = [score(student) for student in _students(task, recipe, settings, **options)]
        for rate in wanted:
            tried[rate] = statistics.mean(s for s, setting in zip(found, settings, strict=True) if setting[0] == rate)
        best = min(tried, key=tried.get)
        place = SERIES.index(best)
        wanted = [SERIES[k] for k in (place - 1, place + 1) if SERIES[k] not in tried]
    return {"learning_rate": best, "tried": {f"{rate:g}": round(tried[rate], 1) for rate in sorted(tried)}}


def reported(task, recipe, rate, measure=both_errors, *, seeds=SEEDS, **options):
    """The second half of `tuned`: what `measure` gives of the seeds that chose nothing, as lists."""
    rows = [measure(student) for student in _students(task, recipe, [(rate, seed) for seed in seeds], **options)]
    return {name: [row[name] for row in rows] for name in rows[0]}


def _students(task, recipe, settings, *, width=128, begin=None, learner=None):
    """Students of a task for settings [(rate, seed)]: 784-width-10, or those that begin(seed) makes.

    `learner` stands in for `learn` where students are trained in another way: learner(runs, hidden).
    """
    tasks = {seed: task(seed) for _, seed in settings}
    runs = [(*tasks[seed], replace(recipe, learning_rate=rate, seed=seed)) for rate, seed in settings]
    own = {} if begin is None else {"begin": begin}
    return (learner or learn)(runs, (width,), **own)


def tuned_weight(task, recipe, measure=both_errors, **options):
    """The same with a weight alpha chosen too: from 0.9 on, outwards until the best is not the last of those tried."""
    found, wanted = {}, [0.9]
    while wanted:
        for weight in wanted:
            found[weight] = search(task, replace(recipe, alpha=weight), **options)
        lowest = {weight: min(row["tried"].values()) for weight, row in found.items()}
        best = min(lowest, key=lowest.get)
        place = WEIGHTS.index(best)
        wanted = [w for w in WEIGHTS[max(0, place - 1) : place + 2] if w not in found]
    tried = {f"{weight:g}": lowest[weight] for weight in sorted(lowest)}
    students = reported(task, replace(recipe, alpha=best), found[best]["learning_rate"], measure, **options)
    return {"alpha": best, "tried_alpha": tried} | found[best] | students
