"""How much faster many students train together: `make bench`, or `python benchmarks/sweeps.py` (about 5 minutes).

Sixteen students 784-WIDTH-10 train one by one with `training.train`, and together with `sweeps.train`, in turns within
each round: the same recipes, initial weights and batches. The figure is the median over the rounds of the ratio within
a round, with quartiles. Times are processor time of this one process with one thread, so that other programs on the
machine disturb little. The result goes to benchmarks/results/sweeps.json and, as a table, to the terminal;
benchmarks/README.md keeps the recorded one.
"""

import json
import platform
import statistics
import time
from pathlib import Path

import torch

from kdlab import sweeps, training
from kdlab.data import load_mnist
from kdlab.models import MLP, to_inputs
from kdlab.teachers import load_mnist_teacher, predict_logits

COUNT, WIDTHS, ROUNDS = 10_000, (8, 32, 128), 7
RECIPE = training.Recipe(steps=60, learning_rate=3e-3)
GRIDS = {
    "one seed, temperature by alpha": sweeps.grid(RECIPE, temperature=[1, 4, 8, 20], alpha=[0.1, 0.3, 0.5, 0.9]),
    "4 seeds, temperature by alpha": sweeps.grid(RECIPE, temperature=[1, 4], alpha=[0.1, 0.5], seed=range(4)),
    "16 seeds": sweeps.grid(RECIPE, seed=range(16)),
    "one seed, temperature by learning rate": sweeps.grid(
        RECIPE, temperature=[1, 2, 4, 8], learning_rate=[1e-3, 2e-3, 3e-3, 4e-3]
    ),
}
RESULTS = Path(__file__).parent / "results" / "sweeps.json"


def together(students, data, recipes):
    for _ in sweeps.train(students, *data, recipes=recipes):
        pass


def one_by_one(students, data, recipes):
    for student, recipe in zip(students, recipes, strict=True):
        for _ in training.train(student, *data, recipe=recipe):
            pass


def milliseconds(run, width, data, recipes):
    """Processor time of a step of all students, which are made outside the clock."""
    students = [MLP(784, width, 10, seed=recipe.seed) for recipe in recipes]
    start = time.process_time()
    run(students, data, recipes)
    return 1000 * (time.process_time() - start) / recipes[0].steps


def compare(width, data, recipes):
    """One by one over together: median of the ratios with quartiles, and the median milliseconds a step of both."""
    runs, pairs = (one_by_one, together), []
    for k in range(ROUNDS + 1):
        took = {run: milliseconds(run, width, data, recipes) for run in (runs if k % 2 else runs[::-1])}
        pairs.append([took[run] for run in runs])
    pairs = pairs[1:]  # the first round warms up
    low, middle, high = statistics.quantiles([first / second for first, second in pairs], n=4)
    first, second = (statistics.median(times) for times in zip(*pairs, strict=True))
    return {"first_ms": first, "second_ms": second, "ratio": middle, "quartiles": [low, high], "rounds": ROUNDS}


def main():
    torch.set_num_threads(1)
    mnist, start = load_mnist(), time.time()
    inputs, labels = to_inputs(mnist.train_images[:COUNT]), torch.from_numpy(mnist.train_labels[:COUNT])
    data = inputs, labels, predict_logits(load_mnist_teacher(), inputs)
    rows = []
    for width in WIDTHS:
        for name, recipes in GRIDS.items():
            row = {"network": f"784-{width}-10", "students": len(recipes), "grid": name}
            rows.append(row | compare(width, data, recipes))
            row, (low, high) = rows[-1], rows[-1]["quartiles"]
            print(
                f"| {name} | {row['network']} | {row['first_ms']:.1f} | {row['second_ms']:.1f} "
                f"| {row['ratio']:.1f} ({low:.1f} to {high:.1f}) |",
                flush=True,
            )
    environment = {
        "script": "benchmarks/sweeps.py",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": 1,
        "recipe": str(RECIPE),
        "seconds": round(time.time() - start),
    }
    RESULTS.write_text(json.dumps({"environment": environment, "results": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
