"""Wrong labels, and when nothing helps, lesson 07: python benchmarks/why_it_works.py [--again] [section ...], 9 minutes.

Students 784-128-10 of the first 10 000 training images unless said otherwise; validation images are training images
50 000 to 59 999, which the teacher did not see either, with right labels. Every arm's learning rate is chosen for it
(arms.py), smoothing's weight too; test figures chose nothing.

noise         a share of the labels is wrong
tiny          students of few hidden units, 50 000 labels
poor_teacher  a teacher that learned from 500 labels, beside the good one
"""

from dataclasses import replace
from functools import cache
from itertools import product

import sections
import torch
from arms import (
    TRIAL_SEEDS,
    both_errors,
    facts,
    learn,
    pictures,
    test_errors,
    tuned,
    tuned_weight,
    validation_errors,
    world,
)
from dark_knowledge import PLAIN, TEMPERATURES

from kdlab.labels import flip_labels
from kdlab.metrics import expected_calibration_error
from kdlab.models import MLP
from kdlab.teachers import predict_logits
from kdlab.training import Recipe, fit

RECORD = sections.Record("why_it_works", facts)
SHARES = (0.0, 0.2, 0.4, 0.6)
TINY = Recipe(alpha=0.1, steps=1200)
TEACHER_RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)


def errors_and_calibration(student):
    inputs, labels, _ = world()[1]
    return both_errors(student) | {"ece": expected_calibration_error(predict_logits(student, inputs), labels)}


def noise(arm, share=None):
    """Arms without a share do not look at the labels: the clean teacher's answers are the same at every share."""
    x, y, v = pictures(0, 10_000)

    @cache
    def noisy(seed):
        return flip_labels(y, share, torch.Generator().manual_seed(seed))

    @cache
    def noisy_teacher(seed):  # a larger net that learned from the same wrong labels
        return predict_logits(net_of(noisy(seed), seed, teacher_rate), x)

    tune = lambda task, alpha=1.0, **options: tuned(  # noqa: E731
        task, replace(PLAIN, alpha=alpha, **options), errors_and_calibration
    )
    if arm == "hard labels":
        return tune(lambda seed: (x, noisy(seed), None))
    if arm == "label smoothing":  # distillation from a teacher without an opinion (lesson 03)
        shrug, recipe = torch.zeros_like(v), replace(PLAIN, temperature=1)
        return tuned_weight(lambda seed: (x, noisy(seed), shrug), recipe, errors_and_calibration)
    if arm == "clean teacher":
        return tune(lambda seed: (x, y, v), alpha=0)
    if arm == "clean teacher's argmax":
        return tune(lambda seed: (x, v.argmax(-1), None))
    if arm == "clean teacher, alpha 0.3":
        return tune(lambda seed: (x, noisy(seed), v), alpha=0.3)
    scores = {rate: validation_errors(net_of(noisy(TRIAL_SEEDS[0]), TRIAL_SEEDS[0], rate)) for rate in TEACHER_RATES}
    teacher_rate = min(scores, key=scores.get)
    row = tune(lambda seed: (x, noisy(seed), noisy_teacher(seed)), alpha=0)
    return {"teacher_learning_rate": teacher_rate, "teacher_tried": {f"{r:g}": s for r, s in scores.items()}} | row


def net_of(labels, seed, rate):
    """784-300-300-10, trained as long as its students."""
    net = MLP(784, 300, 300, 10, seed=50 + seed)
    fit(net, pictures(0, 10_000)[0], labels, recipe=replace(PLAIN, seed=50 + seed, learning_rate=rate))
    return net


def noise_jobs():
    yield from ({"arm": arm} for arm in ("clean teacher", "clean teacher's argmax"))
    arms = ("hard labels", "label smoothing", "clean teacher, alpha 0.3", "noisy teacher")
    yield from ({"arm": a, "share": s} for a, s in product(arms, SHARES))


def tiny(arm, width, temperature=4):
    x, y, v = pictures(0, 50_000)
    v = None if arm == "hard labels" else v
    return tuned(lambda seed: (x, y, v), replace(TINY, temperature=temperature), width=width)


def tiny_jobs():
    widths = (8, 16, 32)
    yield from ({"arm": "hard labels", "width": w} for w in widths)
    yield from ({"arm": "distilled", "width": w, "temperature": t} for w, t in product(widths, TEMPERATURES))


def poor_teacher(arm, alpha=1.0):
    """The teacher of 500 labels is another one for each seed."""
    x, y, v = pictures(0, 10_000)

    @cache
    def poor(seed):
        student = learn([(x[:500], y[:500], None, replace(PLAIN, steps=300, learning_rate=0.01, seed=50 + seed))])[0]
        return predict_logits(student, x), test_errors(student)

    logits = {"hard labels": lambda _: None, "good teacher": lambda _: v, "poor teacher": lambda seed: poor(seed)[0]}
    row = tuned(lambda seed: (x, y, logits[arm](seed)), replace(PLAIN, alpha=alpha))
    if arm == "poor teacher":
        row["teacher_test_errors"] = [poor(seed)[1] for seed in facts()["seeds"]]
    return row


def poor_teacher_jobs():
    yield {"arm": "hard labels"}
    arms = ("good teacher", "poor teacher")
    yield from ({"arm": a, "alpha": w} for a, w in product(arms, (0.0, 0.5)))


SECTIONS = {
    "noise": (noise, noise_jobs),
    "tiny": (tiny, tiny_jobs),
    "poor_teacher": (poor_teacher, poor_teacher_jobs),
}

if __name__ == "__main__":
    sections.main(RECORD, SECTIONS, __doc__.splitlines()[0])
