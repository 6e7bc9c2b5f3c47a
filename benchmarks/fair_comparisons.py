"""What lesson 06 shows as recorded: python benchmarks/fair_comparisons.py [--again] [PART ...] (about 45 minutes on one core).

Students 784-WIDTH-10 learn from the first training images, with Adam and the schedule of kdlab.training. Errors are
counted on 10 000 validation images (training images 50 000 to 59 999, which the teacher did not see either) and on the
10 000 test images, which chose nothing. All arms of a part share seeds: initial weights and batches.

seeds          100 seeds for each of five arms: how far can one run be trusted?
learning_rate  hard labels and soft targets over the learning rate
steps          the same, over the number of steps
batch_size     hard labels with other batch sizes, at equal epochs and at equal steps
width          student width by temperature
rematch        two comparisons as an earlier lesson 05 made them, and with tuned learning rates
augmentation   shifted copies of the images: for labels and for the teacher, narrow and wide students

Where an arm is tuned, five seeds choose its learning rate on validation images, from a grid that goes on until no arm's
best is at its edge, and five other seeds are reported (arms.py). `seeds` and `batch_size` have one rate for all.

Writes benchmarks/results/fair_comparisons.json as it goes; learning rates that are recorded are not tried again, unless
--again.
"""

import json
import platform
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from arms import (
    CHOOSING,
    FRESH,
    at_rate,
    best_rate,
    counted,
    image_errors,
    pictures,
    piles,
    report,
    soft,
    tune,
    wrong_of,
)
from torch.nn import functional as F

from kdlab.teachers import load_mnist_teacher, predict_logits
from kdlab.training import Recipe

RESULTS = Path(__file__).parent / "results" / "fair_comparisons.json"
RECIPE = Recipe(temperature=4, alpha=0.1, steps=400, learning_rate=2e-2)
TEMPERATURES = (1, 2, 4, 8, 20)
SHIFTS = ((0, 0), (-2, 1), (2, -1), (1, 2), (-1, -2))  # pixels right and down: the image itself and four copies
HARD = {"hard labels": ("labels", {})}


class Part:
    """One part of the record: what is known of it, and saving it."""

    def __init__(self, name, again=False):
        self.name = name
        known = {} if again else read().get(name, {})
        self.rows = {key: {"tried": row.get("tried", {})} for key, row in known.get("rows", {}).items()}
        self.seconds, self.start = known.get("seconds", 0), time.monotonic()

    def save(self, **facts):
        spent = self.seconds + time.monotonic() - self.start
        record = {"torch": torch.__version__, "seconds": round(spent), **facts}
        if self.rows:
            record |= {"choosing": list(CHOOSING), "fresh": list(FRESH), "rows": self.rows}
        versions = {"script": "benchmarks/fair_comparisons.py", "python": platform.python_version()}
        RESULTS.write_text(json.dumps(read() | versions | {self.name: record}) + "\n")

    def row(self, key, arms, rates, recipe, pile, hidden, facts, fixed=None):
        """Tune the arms and report fresh seeds of them; `fixed` adds {name: (arm, rate)} that nobody tuned."""
        known = self.rows.setdefault(str(key), {"tried": {}})

        def keep(tried):
            known["tried"] = tried
            self.save(**facts)

        tried = tune(arms, rates, recipe, pile, hidden, tried=known["tried"], keep=keep)
        chosen = {name: best_rate(own) for name, own in tried.items()}
        more = fixed or {}
        all_arms = arms | {name: arms[arm] for name, (arm, _) in more.items()}
        rates = chosen | {name: rate for name, (_, rate) in more.items()}
        known |= {"tried": tried, **report(all_arms, rates, recipe, pile, hidden)}
        self.save(**facts)
        print(f"{self.name} {key}: {chosen}, {time.monotonic() - self.start:.0f} s", flush=True)


def read():
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def at(arms, *rates):
    """{"ARM at RATE": (arm, rate)}."""
    return {f"{arm} at {rate:g}": (arm, rate) for arm in arms for rate in rates}


def seeds(part):
    arms = {**HARD, "teacher's argmax": ("argmax", {}), **soft(1, 2, 4)}
    wrong = wrong_of(arms, RECIPE, range(100), pictures(0, 2000), piles(), (16,))
    counts = {name: counted(own) for name, own in wrong.items()}
    errors = {pile: image_errors(wrong, pile) for pile in piles()}
    part.save(recipe=str(RECIPE), images=2000, width=16, arms=counts, image_error=errors)


def learning_rate(part):
    arms, rates = HARD | soft(1, 4, 20), (1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1, 2e-1)
    fixed = at(("hard labels", "T = 4"), 1e-3, 1e-1)
    facts = {"recipe": str(RECIPE), "images": 10_000, "width": 16}
    part.row("16", arms, rates, RECIPE, pictures(0, 10_000), (16,), facts, fixed)


def steps(part):
    arms, rates = HARD | soft(1, 4, 20), (5e-3, 1e-2, 2e-2, 5e-2, 1e-1)
    fixed = at(("hard labels", "T = 4"), 1e-2)
    facts = {"recipe": str(RECIPE), "images": 10_000, "width": 16}
    for count in (100, 400, 1600, 6400):
        recipe = replace(RECIPE, steps=count)
        part.row(count, arms, rates, recipe, pictures(0, 10_000), (16,), facts, fixed)


def batch_size(part):
    sizes = (16, 32, 64, 128, 256, 512)
    recipe = replace(RECIPE, learning_rate=1e-2)
    equal = {"epochs": {size: 10 * 10_000 // size for size in sizes}, "steps": {size: 400 for size in sizes}}

    def run(size, count):
        own = replace(recipe, batch_size=size, steps=count)
        wrong = wrong_of(HARD, own, range(5), pictures(0, 10_000), piles(), (16,))
        return {name: counted(rows) for name, rows in wrong.items()}

    runs = {what: [run(size, count) for size, count in counts.items()] for what, counts in equal.items()}
    part.save(recipe=str(recipe), images=10_000, width=16, batch_size=sizes, equal=runs)


def width(part):
    recipe, rates = replace(RECIPE, steps=1200), (1e-2, 2e-2, 5e-2, 1e-1)
    for w in (8, 16, 32, 64, 256):
        arms, pile = HARD | soft(*TEMPERATURES), pictures(0, 10_000)
        part.row(w, arms, rates, recipe, pile, (w,), {"recipe": str(recipe), "images": 10_000})


def rematch(part):
    """One learning rate for all, 0.005, as an earlier lesson 05 had it, and tuned ones."""
    rates = (5e-3, 2e-2, 5e-2, 1e-1)
    for w, images, count, temperatures in (
        (128, 10_000, 600, (4,)),
        (32, 50_000, 1200, (2, 4)),
        (8, 50_000, 1200, (4,)),
    ):
        arms, recipe = HARD | soft(*temperatures), replace(RECIPE, steps=count)
        part.row(w, arms, rates, recipe, pictures(0, images), (w,), {"recipe": str(RECIPE)}, at(arms, 5e-3))


def shifted(images, right, down):
    """Inputs (N, 784) moved by so many pixels, zeros moving in."""
    square = F.pad(images.reshape(-1, 28, 28), (2, 2, 2, 2))
    return square[:, 2 - down : 30 - down, 2 - right : 30 - right].reshape(len(images), 784)


def augmentation(part):
    plain = pictures(0, 10_000)
    moved = torch.cat([shifted(plain[0], *by) for by in SHIFTS])
    copies = moved, plain[1].repeat(len(SHIFTS)), predict_logits(load_mnist_teacher(), moved)
    recipe, arms = replace(RECIPE, steps=1600), HARD | soft(4)
    facts = {"recipe": str(recipe), "images": 10_000, "shifts": SHIFTS}
    for w in (16, 256):
        found = {}
        for what, pile in (("as they are", plain), ("with shifted copies", copies)):
            known = part.rows.setdefault(f"{w}, {what}", {"tried": {}})
            tried = tune(arms, (5e-3, 2e-2, 5e-2), recipe, pile, (w,), tried=known["tried"],
                         keep=lambda tried, known=known: (known.update(tried=tried), part.save(**facts)))  # fmt: skip
            chosen = {name: best_rate(own) for name, own in tried.items()}
            wrong = wrong_of(at_rate(arms, chosen), recipe, FRESH, pile, piles(), (w,))
            known["tried"] = tried
            known["arms"] = {name: {"rate": chosen[name], **counted(own)} for name, own in wrong.items()}
            found |= {f"{name}, {what}": own for name, own in wrong.items()}
            print(f"augmentation {w} {what}: {chosen}, {time.monotonic() - part.start:.0f} s", flush=True)
        part.rows[f"{w}, as they are"]["image_error"] = image_errors(found)
        part.save(**facts)


PARTS = {part.__name__: part for part in (seeds, learning_rate, steps, batch_size, rematch, augmentation, width)}


def main(arguments):
    torch.set_num_threads(1)
    again = "--again" in arguments
    for name in [name for name in arguments if name != "--again"] or PARTS:
        PARTS[name](Part(name, again))


if __name__ == "__main__":
    main(sys.argv[1:])
