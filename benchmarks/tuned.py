"""Arms that are compared fairly: each one's learning rate is chosen for it, on validation images, with seeds of their own.

All arms have the same batches and initial weights for a seed, and the same steps. The rates tried are a series of steps
of about two, from a few in the middle outwards until the best is not the last on either side; the chosen one is then run with SEEDS.
"""

import statistics
from dataclasses import replace
from functools import cache

import torch

from kdlab import sweeps
from kdlab.data import load_mnist
from kdlab.metrics import errors
from kdlab.models import MLP, to_inputs
from kdlab.teachers import load_mnist_teacher, predict_logits

SEEDS = range(5)
TRIAL_SEEDS = (10, 11, 12)
SERIES = [float(f"{digit}e{power}") for power in range(-4, 1) for digit in (1, 2, 5)]
START = SERIES[5:8]  # 0.005, 0.01, 0.02


@cache
def world():
    """Inputs, labels and teacher logits of all training images, and of the test images."""
    mnist, teacher = load_mnist(), load_mnist_teacher()
    train, test = to_inputs(mnist.train_images), to_inputs(mnist.test_images)
    labels, test_labels = torch.from_numpy(mnist.train_labels), torch.from_numpy(mnist.test_labels)
    return (train, labels, predict_logits(teacher, train)), (test, test_labels, predict_logits(teacher, test))


@cache
def part(start, stop):
    """Inputs, labels and teacher logits of training images start to stop: the same tensors at each call."""
    return tuple(values[start:stop] for values in world()[0])


def facts():
    """What stands at the head of a record."""
    return {"seeds": list(SEEDS), "trial_seeds": list(TRIAL_SEEDS)}


def learn(task, recipe, runs, width=128):
    """Students 784-width-10 for runs [(rate, seed)]; task(seed) gives (inputs, labels, teacher logits or None).

    `width` may also be a function of the seed that makes the student. Each student keeps its seed, as `.seed`.
    """
    tasks = {seed: task(seed) for _, seed in runs}
    make = width if callable(width) else lambda seed: MLP(784, width, 10, seed=seed)
    students = [make(seed) for _, seed in runs]
    piles = {id(tasks[seed][0]): tasks[seed][0] for _, seed in runs}
    for pile, inputs in piles.items():
        mine = [k for k, (_, seed) in enumerate(runs) if id(tasks[seed][0]) == pile]
        sweeps.fit(
            [students[k] for k in mine],
            inputs,
            [tasks[runs[k][1]][1] for k in mine],
            [tasks[runs[k][1]][2] for k in mine],
            recipes=[replace(recipe, learning_rate=runs[k][0], seed=runs[k][1]) for k in mine],
            progress=False,
        )
    for student, (_, seed) in zip(students, runs, strict=True):
        student.seed = seed
    return students


def validation_errors(student, stop=60_000):
    """Errors on training images from 50 000 on, which the teacher did not learn from."""
    inputs, labels, _ = part(50_000, stop)
    return errors(predict_logits(student, inputs), labels)


def test_errors(student):
    inputs, labels, _ = world()[1]
    return errors(predict_logits(student, inputs), labels)


def both_errors(student):
    return {"validation_errors": validation_errors(student), "test_errors": test_errors(student)}


def tuned(task, recipe, measure=both_errors, score=validation_errors, width=128, start=START, learner=None):
    """One arm: {"learning_rate": the chosen one, "tried": {rate: mean score}, then what `measure` gives, as lists by seed}.

    `learner` stands in for `learn` where students are trained in another way.
    """
    found = search(task, recipe, score, width, start, learner)
    return found | report(task, recipe, found["learning_rate"], measure, width, learner)


def search(task, recipe, score=validation_errors, width=128, start=START, learner=None):
    """The first half of `tuned`: the chosen rate, and what was tried."""
    tried, wanted = {}, list(start)
    while wanted:
        runs = [(rate, seed) for rate in wanted for seed in TRIAL_SEEDS]
        found = [score(student) for student in (learner or learn)(task, recipe, runs, width)]
        for rate in wanted:
            tried[rate] = statistics.mean(s for s, run in zip(found, runs, strict=True) if run[0] == rate)
        best = min(tried, key=tried.get)
        place = SERIES.index(best)
        wanted = [SERIES[k] for k in (place - 1, place + 1) if SERIES[k] not in tried]
    return {"learning_rate": best, "tried": {f"{rate:g}": round(tried[rate], 1) for rate in sorted(tried)}}


def report(task, recipe, rate, measure=both_errors, width=128, learner=None):
    """The second half of `tuned`: what `measure` gives of the seeds that chose nothing, as lists."""
    runs = [(rate, seed) for seed in SEEDS]
    rows = [measure(student) for student in (learner or learn)(task, recipe, runs, width)]
    return {name: [row[name] for row in rows] for name in rows[0]}


def tuned_weight(task, recipe, weights, **options):
    """The same with a weight alpha chosen too, one of `weights`; every weight's rate is tuned."""
    found = {weight: tuned(task, replace(recipe, alpha=weight), **options) for weight in weights}
    lowest = {weight: min(row["tried"].values()) for weight, row in found.items()}
    best = min(lowest, key=lowest.get)
    return {"alpha": best, "tried_alpha": {f"{weight:g}": low for weight, low in lowest.items()}} | found[best]
