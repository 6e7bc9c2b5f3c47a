"""Two students and a border in the plane, lesson 04: python benchmarks/planes.py [--again] [section ...] (about 3 minutes).

The students of PlanePanel (2-32-32-2, 400 steps, batches of at most 64) learn the plane of kdlab.planes from 12, 20, 80 or
400 labelled points: from their labels, or from the true probabilities there (alpha = 0), at T = 1 and T = 4. Each arm's
learning rate is chosen for it and for each number of points, by the mean cross-entropy on 1000 labelled points of their
own over five draws; ten other draws are reported. All arms have the same points, initial weights and batches for a draw.
Recorded: the mean KL from the true probabilities in nats, and the share on the right side of the border, over 4000 fresh
points. Writes benchmarks/results/planes.json.
"""

import statistics
from dataclasses import replace

import torch
from sections import Record, main

from kdlab import sweeps
from kdlab.losses import kl_divergence
from kdlab.metrics import negative_log_likelihood
from kdlab.models import MLP
from kdlab.planes import two_classes
from kdlab.teachers import predict_logits
from kdlab.training import Recipe

CHOOSING, DRAWS = range(100, 105), range(10)
COUNTS = (12, 20, 80, 400)
RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1, 2e-1, 5e-1)
ARMS = {"hard labels": None, "T = 1": 1.0, "T = 4": 4.0}
RECIPE = Recipe(steps=400, alpha=0, batch_size=64)
PLANE = two_classes()
RECORD = Record("planes", lambda: {"recipe": str(RECIPE), "choosing": list(CHOOSING), "seeds": list(DRAWS)})


def learned(arm, labels, rate, draw):
    """The student of this arm from this draw of points."""
    points, y = PLANE.sample(labels, seed=draw)
    temperature = ARMS[arm]
    recipe = replace(RECIPE, learning_rate=rate, temperature=temperature or 1.0)
    student = MLP(2, 32, 32, 2, seed=draw)
    heard = None if temperature is None else PLANE.log_probabilities(points)
    sweeps.fit([student], points, y, heard, recipes=[recipe], progress=False)
    return student


def tried(arm, labels, rate):
    """The mean cross-entropy on labelled points of their own."""
    points, y = PLANE.sample(1000, seed=2**30)
    found = [negative_log_likelihood(predict_logits(learned(arm, labels, rate, draw), points), y) for draw in CHOOSING]
    return {"validation": round(statistics.mean(found), 4)}


def chosen(arm, labels):
    """The learning rate with the lowest cross-entropy; ValueError where it is the grid's first or last."""
    scores = {row["rate"]: row["validation"] for row in RECORD.rows("rates", arm=arm, labels=labels)}
    best = min(scores, key=scores.get)
    if best in (min(scores), max(scores)):
        raise ValueError(f"{arm}, {labels} labels: the best rate {best:g} is at the edge of the grid")
    return best


def reported(arm, labels, rate, draw):
    """How far the student is from the truth."""
    points = PLANE.sample(4000, seed=2**31)[0]
    truth, said = PLANE.log_probabilities(points), predict_logits(learned(arm, labels, rate, draw), points)
    right = (truth.argmax(1) == said.argmax(1)).float().mean().item()
    return {"kl": round(kl_divergence(said, truth).item(), 4), "right_side": round(right, 4)}


def rate_jobs():
    """Every arm at every rate."""
    return [{"arm": arm, "labels": n, "rate": rate} for n in COUNTS for arm in ARMS for rate in RATES]


def report_jobs():
    """Every arm at its own rate."""
    rates = {(arm, n): chosen(arm, n) for arm in ARMS for n in COUNTS}
    return [{"arm": arm, "labels": n, "rate": rate, "draw": draw} for (arm, n), rate in rates.items() for draw in DRAWS]


SECTIONS = {"rates": (tried, rate_jobs), "draws": (reported, report_jobs)}

if __name__ == "__main__":
    torch.set_num_threads(1)
    main(RECORD, SECTIONS, __doc__.splitlines()[0])
