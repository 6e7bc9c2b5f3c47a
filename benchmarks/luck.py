"""The luck of labels, lesson 07: python benchmarks/luck.py [--again], a few minutes on one core.

Students 2-32-2 of a plane whose p(class | point) is known (kdlab.planes.two_classes), 300 steps, from n points. An arm
has labels, drawn from p; or the decisions of a teacher that knows p; or its probabilities, right or moved by a bias.
Errors are reckoned with p itself on points of their own. Learning rate, and the weight of smoothing, are chosen for
each arm and each n by five seeds on 10 000 points; ten other seeds are reported, on 20 000 other points. A seed draws
points, labels, initial weights and batches, the same for all arms.

errors  the error of each arm, by number of points
"""

from dataclasses import replace
from functools import cache
from statistics import fmean

import sections
import torch

from kdlab import sweeps
from kdlab.luck import biased, expected_error
from kdlab.models import MLP
from kdlab.planes import two_classes
from kdlab.training import Recipe

CHOOSING, FRESH = range(5), range(10, 20)
COUNTS = (20, 50, 100, 200, 500, 1000, 5000)
RATES = (2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0)
RECIPE = Recipe(temperature=1, alpha=0, steps=300)
PLANE = two_classes()
ARMS = {  # name: the settings that are tried besides the learning rate
    "labels": [{}],
    "labels, smoothed": [{"alpha": alpha} for alpha in (0.95, 0.9, 0.8, 0.6)],
    "the teacher's decisions": [{}],
    **{f"probabilities, bias {bias:g}": [{"bias": bias}] for bias in (0, 0.5, 1, 2)},
}
RECORD = sections.Record("luck", lambda: {"seeds": list(FRESH), "trial_seeds": list(CHOOSING)})


@cache
def judges(seed, count):
    """Points, and what is true of them."""
    points = PLANE.sample(count, seed=seed)[0]
    log_p = PLANE.log_probabilities(points)
    return points, log_p.exp(), expected_error(log_p, log_p.exp())


def errors_of(tries, count, seed, judged):
    """The expected error of one student for each try (arm, settings, rate)."""
    points, labels = PLANE.sample(count, seed=seed)
    log_p = PLANE.log_probabilities(points)
    hard, soft, recipes = [], [], []
    for arm, settings, rate in tries:
        recipe = replace(RECIPE, learning_rate=rate, seed=seed, alpha=settings.get("alpha", 0))
        target = None
        if arm == "labels, smoothed":
            target = torch.zeros_like(log_p)
        elif arm.startswith("probabilities"):
            target = biased(log_p, settings["bias"])
        hard.append(log_p.argmax(-1) if arm == "the teacher's decisions" else labels)
        soft.append(target)
        recipes.append(recipe)
    students = [MLP(2, 32, 2, seed=seed) for _ in tries]
    sweeps.fit(students, points, hard, soft, recipes=recipes, progress=False)
    where, truth, _ = judged
    return [expected_error(logits, truth) for logits in sweeps.predict_logits(students, where)]


def errors(count):
    """{"arms": {arm: {"learning_rate", "settings", "tried", "errors"}}, "least": the best possible error}."""
    tries = [(arm, settings, rate) for arm, options in ARMS.items() for settings in options for rate in RATES]
    scores = [
        fmean(found)
        for found in zip(*(errors_of(tries, count, s, judges(1_000_000, 10_000)) for s in CHOOSING), strict=True)
    ]
    chosen = {}
    for arm in ARMS:
        best = min((k for k, own in enumerate(tries) if own[0] == arm), key=scores.__getitem__)
        _, settings, rate = tries[best]
        tried = {
            f"{r:g}": round(s, 5) for (a, own, r), s in zip(tries, scores, strict=True) if (a, own) == (arm, settings)
        }
        chosen[arm] = {"settings": settings, "learning_rate": rate, "tried": tried}
    judged = judges(2_000_000, 20_000)
    best = [(arm, own["settings"], own["learning_rate"]) for arm, own in chosen.items()]
    found = zip(*(errors_of(best, count, seed, judged) for seed in FRESH), strict=True)
    arms = {
        arm: own | {"errors": [round(e, 5) for e in values]}
        for (arm, own), values in zip(chosen.items(), found, strict=True)
    }
    return {"arms": arms, "least": judged[2]}


SECTIONS = {"errors": (errors, lambda: ({"count": count} for count in COUNTS))}

if __name__ == "__main__":
    sections.main(RECORD, SECTIONS, __doc__.splitlines()[0])
