"""What lesson 06 shows as recorded: python benchmarks/fair_comparisons.py [PART ...] (about an hour on a busy core).

Students 784-WIDTH-10 learn from the first training images, with Adam and the schedule of kdlab.training. Errors are
counted on 10 000 validation images (training images 50 000 to 59 999, which the teacher did not see either) and on the
10 000 test images, which chose nothing. All arms of a part share seeds: initial weights and batches.

seeds          100 seeds for each of five arms: how far can one run be trusted?
learning_rate  hard labels and soft targets over the learning rate
steps          the same, over the number of steps
batch_size     hard labels with other batch sizes, at equal epochs and at equal steps
width          student width by temperature, at four learning rates
augmentation   shifted copies of the images: for labels and for the teacher, narrow and wide students

Writes benchmarks/results/fair_comparisons.json, part by part; parts that are not run again are kept.
"""

import json
import platform
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional as F

from kdlab import sweeps
from kdlab.data import load_mnist
from kdlab.models import MLP, to_inputs
from kdlab.teachers import load_mnist_teacher, predict_logits
from kdlab.training import Recipe

RESULTS = Path(__file__).parent / "results" / "fair_comparisons.json"
RECIPE = Recipe(temperature=4, alpha=0.1, steps=400, learning_rate=2e-2)
TEMPERATURES = (1, 2, 4, 8, 20)
SHIFTS = ((0, 0), (-2, 1), (2, -1), (1, 2), (-1, -2))  # pixels right and down: the image itself and four copies


class Data:
    """Images, labels and the teacher's logits, loaded once."""

    def __init__(self):
        mnist, self.teacher = load_mnist(), load_mnist_teacher()
        self.images, self.labels = to_inputs(mnist.train_images), torch.from_numpy(mnist.train_labels)
        self.validation = self.images[50_000:], self.labels[50_000:]
        self.test = to_inputs(mnist.test_images), torch.from_numpy(mnist.test_labels)
        self.logits = predict_logits(self.teacher, self.images[:10_000])

    def first(self, count):
        return self.images[:count], self.labels[:count], self.logits[:count]


def errors_of(arms, recipe, seeds, data, inputs, labels, logits, width=16):
    """{arm: {"validation": [errors by seed], "test": [...]}} for arms {name: (targets, settings of the recipe)}.

    Targets are "labels", "argmax" or "soft". All students are trained together, a few seeds at a time.
    """
    decided = logits.argmax(-1)
    found = {name: {"validation": [], "test": []} for name in arms}
    seeds = list(seeds)
    for some in (seeds[i : i + 10] for i in range(0, len(seeds), 10)):
        order = [(name, seed) for seed in some for name in arms]
        students = [MLP(784, width, 10, seed=seed) for _, seed in order]
        targets = [arms[name][0] for name, _ in order]
        sweeps.fit(
            students,
            inputs,
            [decided if target == "argmax" else labels for target in targets],
            [logits if target == "soft" else None for target in targets],
            recipes=[replace(recipe, seed=seed, **arms[name][1]) for name, seed in order],
            progress=False,
        )
        for pile, (images, truth) in {"validation": data.validation, "test": data.test}.items():
            wrong = (sweeps.predict_logits(students, images).argmax(-1) != truth).sum(-1)
            for (name, _), count in zip(order, wrong.tolist(), strict=True):
                found[name][pile].append(count)
    return found


def soft(*temperatures, **settings):
    """Arms with soft targets at these temperatures."""
    return {f"T = {t}": ("soft", {"temperature": t, **settings}) for t in temperatures}


def seeds(data):
    arms = {"hard labels": ("labels", {}), "teacher's argmax": ("argmax", {}), **soft(1, 2, 4)}
    return {
        "recipe": str(RECIPE),
        "images": 2000,
        "width": 16,
        "arms": errors_of(arms, RECIPE, range(100), data, *data.first(2000)),
    }


def learning_rate(data):
    rates = (1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1, 2e-1)
    arms = {"hard labels": ("labels", {}), **soft(1, 4, 20)}
    runs = []
    for rate in rates:
        recipe = replace(RECIPE, learning_rate=rate)
        runs.append(errors_of(arms, recipe, range(5), data, *data.first(10_000)))
    return {"recipe": str(RECIPE), "images": 10_000, "width": 16, "learning_rate": rates, "runs": runs}


def steps(data):
    counts = (100, 200, 400, 800, 1600, 3200, 6400)
    arms = {"hard labels": ("labels", {}), **soft(1, 4, 20)}
    recipe = replace(RECIPE, learning_rate=1e-2)
    runs = [errors_of(arms, replace(recipe, steps=n), range(5), data, *data.first(10_000)) for n in counts]
    return {"recipe": str(recipe), "images": 10_000, "width": 16, "steps": counts, "runs": runs}


def batch_size(data):
    sizes = (16, 32, 64, 128, 256, 512)
    arms, recipe = {"hard labels": ("labels", {})}, replace(RECIPE, learning_rate=1e-2)
    equal = {"epochs": {size: 10 * 10_000 // size for size in sizes}, "steps": {size: 400 for size in sizes}}
    runs = {
        what: [
            errors_of(arms, replace(recipe, batch_size=size, steps=n), range(5), data, *data.first(10_000))
            for size, n in steps.items()
        ]
        for what, steps in equal.items()
    }
    return {"recipe": str(recipe), "images": 10_000, "width": 16, "batch_size": sizes, "equal": runs}


def width(data):
    widths, rates = (8, 16, 32, 64, 256), (1e-2, 2e-2, 5e-2, 1e-1)
    recipe = replace(RECIPE, steps=1200)
    arms = {
        f"{name}, rate {rate:g}": (target, {**settings, "learning_rate": rate})
        for rate in rates
        for name, (target, settings) in ({"hard labels": ("labels", {})} | soft(*TEMPERATURES)).items()
    }
    runs = {w: errors_of(arms, recipe, range(5), data, *data.first(10_000), width=w) for w in widths}
    return {"recipe": str(recipe), "images": 10_000, "widths": widths, "learning_rate": rates, "runs": runs}


def shifted(images, right, down):
    """Inputs (N, 784) moved by so many pixels, zeros moving in."""
    square = F.pad(images.reshape(-1, 28, 28), (2, 2, 2, 2))
    return square[:, 2 - down : 30 - down, 2 - right : 30 - right].reshape(len(images), 784)


def augmentation(data):
    images, labels, logits = data.first(10_000)
    moved = torch.cat([shifted(images, *by) for by in SHIFTS])
    more = moved, labels.repeat(len(SHIFTS)), predict_logits(data.teacher, moved)
    recipe = replace(RECIPE, steps=1600, learning_rate=5e-3)
    arms = {"hard labels": ("labels", {}), **soft(4)}
    runs = {
        w: {
            what: errors_of(arms, recipe, range(5), data, *pile, width=w)
            for what, pile in {"as they are": (images, labels, logits), "with shifted copies": more}.items()
        }
        for w in (16, 256)
    }
    return {"recipe": str(recipe), "images": 10_000, "shifts": SHIFTS, "runs": runs}


PARTS = {part.__name__: part for part in (seeds, learning_rate, steps, batch_size, augmentation, width)}


def main(chosen):
    torch.set_num_threads(1)
    data = Data()
    for name in chosen or PARTS:
        start = time.monotonic()
        part = PARTS[name](data)
        part |= {"torch": torch.__version__, "seconds": round(time.monotonic() - start)}
        kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        kept |= {"script": "benchmarks/fair_comparisons.py", "python": platform.python_version(), name: part}
        RESULTS.write_text(json.dumps(kept) + "\n")
        print(f"{name}: {part['seconds']} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
