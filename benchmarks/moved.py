"""Do soft targets hand on what a teacher knows about moved digits? Lesson 04: python benchmarks/moved.py, some minutes.

The control that benchmarks/race.py lacks: two teachers 784-1200-1200-10, alike but for one thing. Both learn from the first
50 000 training images for 8 epochs, with the settings of the course's own teacher (70 epochs); one sees every image moved
by up to two pixels anew at each step, the other as it is. Their students are those of race.py: 784-300-300-10, 1200 steps,
the first 10 000 images as they are, alpha 0.1, T = 4, the same seeds. Learning rates are chosen on validation images with
three other seeds, outwards until the best is not the last (arms.py); the test images, and those moved by two pixels to
each of four sides, chose nothing.

students  of each teacher: errors on test images as they are, and moved (mean of four sides)
"""

from dataclasses import replace

import sections
import torch
from arms import FRESH, pictures, test_errors, tuned, world
from fair_comparisons import shifted
from race import MOVES, RECIPE
from train_mnist_teacher import RECIPE as TEACHER

from kdlab.metrics import errors
from kdlab.models import MLP
from kdlab.teachers import predict_logits
from kdlab.training import fit

CHOOSING = range(3)
RECORD = sections.Record("moved", lambda: {"seeds": list(FRESH), "trial_seeds": list(CHOOSING)})
TEACHER = replace(TEACHER, steps=8 * (50_000 // 128))


def moved_errors(model):
    """Errors on the test images moved by two pixels, the mean of four sides."""
    test, labels, _ = world()[1]
    return sum(errors(predict_logits(model, shifted(test, *by)), labels) for by in MOVES) / len(MOVES)


def judged(model):
    return {"test": test_errors(model), "moved": moved_errors(model)}


def students(teacher_saw):
    teacher, (inputs, labels, _) = MLP(784, 1200, 1200, 10, dropout=0.5, seed=0), pictures(0, 50_000)
    fit(teacher, inputs, labels, recipe=TEACHER, jitter=2 if teacher_saw == "moved images" else 0)
    x, y, _ = pictures(0, 10_000)
    v = predict_logits(teacher, x)
    row = tuned(
        lambda seed: (x, y, v),
        replace(RECIPE, temperature=4),
        judged,
        begin=lambda seed: MLP(784, 300, 300, 10, seed=seed),
        choosing=CHOOSING,
        seeds=FRESH,
    )
    return {"teacher": judged(teacher)} | row


def students_jobs():
    yield from ({"teacher_saw": what} for what in ("moved images", "images as they are"))


SECTIONS = {"students": (students, students_jobs)}

if __name__ == "__main__":
    torch.set_num_threads(1)
    sections.main(RECORD, SECTIONS, __doc__.splitlines()[0])
