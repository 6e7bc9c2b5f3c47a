"""The race of lesson 04 over five seeds, with its controls: python benchmarks/race.py [--again] (about 15 minutes on one core).

The student 784-300-300-10 learns 1200 steps from the first 10 000 training images: from their labels, from the teacher's
hard decisions (argmax), from its soft targets at several temperatures (alpha = 0.1), and from two controls that know
nothing of the single picture: label smoothing, and the mean of the teacher's soft targets at T = 4 over all pictures with
the same label. The learning rate of each arm is chosen for that arm on validation images, with two seeds, from a grid that
goes on until no arm's best is at its edge; five other seeds are reported, with the same initial weights and batches for
all arms. Errors are counted on 10 000 validation images (training images 50 000 to 59 999, which the teacher did not see
either), on the test set, which chose nothing, and on the test images moved by two pixels to each of four sides.
Writes benchmarks/results/race.json as it goes; learning rates that are recorded are not tried again, unless --again.
"""

import json
import platform
import sys
import time
from pathlib import Path

import torch
from arms import FRESH, at_rate, best_rate, image_errors, pictures, piles, soft, tune, world, wrong_of
from fair_comparisons import shifted

from kdlab.metrics import errors
from kdlab.teachers import load_mnist_teacher, predict_logits
from kdlab.training import Recipe

RESULTS = Path(__file__).parent / "results" / "race.json"
CHOOSING = range(2)
RECIPE = Recipe(steps=1200, alpha=0.1)
RATES = (2e-3, 5e-3, 1e-2)
MOVES = ((2, 0), (-2, 0), (0, 2), (0, -2))  # pixels right and down
ARMS = {
    "hard labels": ("labels", {}),
    "teacher's argmax": ("argmax", {}),
    "label smoothing 0.1": ("smoothing", {"temperature": 1, "alpha": 0.9}),
    "label smoothing 0.3": ("smoothing", {"temperature": 1, "alpha": 0.7}),
    "class means, T = 4": ("class means", {"temperature": 4}),
    **{f"soft, {name}": arm for name, arm in soft(1, 4, 20).items()},
}


def main(arguments):
    torch.set_num_threads(1)
    start = time.monotonic()
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() and "--again" not in arguments else {}
    spent, pile = known.get("seconds", 0), pictures(0, 10_000)
    record = {
        "script": "benchmarks/race.py",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "recipe": str(RECIPE),
        "choosing": list(CHOOSING),
        "seeds": list(FRESH),
        "moves": MOVES,
        "tried": known.get("tried", {}),
    }

    def keep(tried):
        record.update(tried=tried, seconds=round(spent + time.monotonic() - start))
        RESULTS.write_text(json.dumps(record, indent=1) + "\n")
        print({name: {rate: sum(e) / len(e) for rate, e in own.items()} for name, own in tried.items()}, flush=True)

    tried = tune(ARMS, RATES, RECIPE, pile, (300, 300), tried=record["tried"], seeds=CHOOSING, keep=keep)
    record["rates"] = {name: best_rate(own) for name, own in tried.items()}
    test, test_labels, _ = world()[1]
    moved = {f"moved {k}": (shifted(test, *by), test_labels) for k, by in enumerate(MOVES)}
    judged = piles() | moved
    wrong = wrong_of(at_rate(ARMS, record["rates"]), RECIPE, FRESH, pile, judged, (300, 300), together=1)
    record["image_error"] = {key: image_errors(wrong, key) for key in piles()}
    counts = {name: {key: rows.sum(-1).tolist() for key, rows in own.items()} for name, own in wrong.items()}
    big = load_mnist_teacher()
    teacher = {key: errors(predict_logits(big, images), labels) for key, (images, labels) in judged.items()}
    for name, own in {**counts, "teacher": {key: [value] for key, value in teacher.items()}}.items():
        sides = zip(*(own.pop(key) for key in moved), strict=True)
        own["moved"] = [sum(side) / len(MOVES) for side in sides]  # the mean over the four sides
        print(name, record["rates"].get(name), own, flush=True)
        record.setdefault("errors", {})[name] = own
    record["seconds"] = round(spent + time.monotonic() - start)
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
