"""Hinton, Vinyals & Dean (2015), section 3, on MNIST: `make reproduce`, or `python benchmarks/hinton_section3.py`.

Three arms, three seeds, errors out of 10 000 test images (the paper gives 67, 146 and 74):

- teacher: 784-1200-1200-10, dropout, images moved by up to 2 pixels, all 60 000 training images;
- hard: 784-800-800-10 without any regularisation, the true labels;
- distilled: the same network on the same plain images, nothing but the teacher's soft targets at T = 20.

Resumable: a run that is finished is in benchmarks/results/hinton_section3.json, its weights are in benchmarks/runs/
(not in git), and it is not run again. Stop it whenever you like. One core, about half an hour for each seed.

The settings below were chosen on validation images: networks trained on the first 50 000 training images, errors counted
on the last 10 000 of them, as `--validation` does, without the test set (benchmarks/README.md lists the tries). Then they
were frozen. The test set is read once in each run, after its last step.

    python benchmarks/hinton_section3.py                          every run that is missing, seed by seed
    python benchmarks/hinton_section3.py --arms teacher hard --seeds 0             some of them
    python benchmarks/hinton_section3.py --validation --arms hard --seeds 0        the same on validation images
"""

import argparse
import json
import platform
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from kdlab.data import load_mnist
from kdlab.metrics import errors
from kdlab.models import MLP, to_inputs
from kdlab.teachers import predict_logits
from kdlab.training import Recipe, train

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "hinton_section3.json"
RUNS = HERE / "runs" / "hinton_section3"

SEEDS = (0, 1, 2)
ARMS = {  # in the order in which a seed needs them; hard and distilled have the same budget
    "teacher": {"epochs": 70, "batch_size": 128, "learning_rate": 1e-3, "dropout": 0.5, "jitter": 2},
    "hard": {"epochs": 60, "batch_size": 64, "learning_rate": 1e-3, "scale": 0.5},
    "distilled": {
        "epochs": 60,
        "batch_size": 64,
        "learning_rate": 1e-3,
        "scale": 0.5,
        "temperature": 20.0,
        "alpha": 0.0,
    },
}
PAPER = {"teacher": 67, "hard": 146, "distilled": 74}


def build(arm, seed):
    if arm == "teacher":
        return MLP(784, 1200, 1200, 10, dropout=ARMS[arm]["dropout"], seed=seed)
    model = MLP(784, 800, 800, 10, seed=seed)  # hard and distilled start from the same weights
    with torch.no_grad():
        for layer in model.layers:
            layer.weight *= ARMS[arm]["scale"]
    return model


def recipe_of(arm, seed, count):
    """The recipe of `kdlab.training` for an arm; hard and distilled students of a seed see the same batches."""
    setting = ARMS[arm]
    names = ("batch_size", "learning_rate", "temperature", "alpha")
    own = {name: setting[name] for name in names if name in setting}
    return Recipe(steps=setting["epochs"] * (count // setting["batch_size"]), seed=seed, **own)


def run(arm, seed, inputs, labels, held_out, teacher=None, progress=None):
    """Train one arm and count its errors on the held-out (inputs, labels), once. Returns the model and its record."""
    start = time.perf_counter()
    model, recipe = build(arm, seed), recipe_of(arm, seed, len(inputs))
    teacher_logits = predict_logits(teacher, inputs) if arm == "distilled" else None
    steps = train(model, inputs, labels, teacher_logits, recipe=recipe, jitter=ARMS[arm].get("jitter"))
    for record in tqdm(steps, total=recipe.steps, desc=f"{arm} {seed}", mininterval=10):
        if progress and record["step"] % progress == progress - 1:
            found = errors(predict_logits(model, held_out[0]), held_out[1])
            tqdm.write(f"{arm} {seed}: step {record['step'] + 1}, loss {record['loss']:.4f}, {found} errors")
    found = errors(predict_logits(model, held_out[0]), held_out[1])
    record = {
        "arm": arm,
        "seed": seed,
        "errors": found,
        "training_errors": errors(predict_logits(model, inputs), labels),
        "recipe": str(recipe),
        "settings": ARMS[arm],
        "seconds": round(time.perf_counter() - start),
    }
    return model.eval(), record


def stored_teacher(folder, seed):
    teacher = build("teacher", seed)
    teacher.load_state_dict(load_file(folder / f"teacher-{seed}.safetensors"))
    return teacher.eval()


def load_results():
    if RESULTS.exists():
        return json.loads(RESULTS.read_text())
    return {"script": "benchmarks/hinton_section3.py", "paper": PAPER, "of": 10_000, "seeds": list(SEEDS), "runs": []}


def save_results(results):
    results["runs"].sort(key=lambda row: (row["seed"], list(ARMS).index(row["arm"])))
    results["versions"] = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "threads": torch.get_num_threads(),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    partial = RESULTS.with_suffix(".partial")
    partial.write_text(json.dumps(results, indent=1) + "\n")
    partial.replace(RESULTS)  # never half a file, wherever it is interrupted


def reproduce(arms, seeds):
    mnist = load_mnist()
    inputs, labels = to_inputs(mnist.train_images), torch.from_numpy(mnist.train_labels)
    test = to_inputs(mnist.test_images), torch.from_numpy(mnist.test_labels)
    RUNS.mkdir(parents=True, exist_ok=True)
    results = load_results()
    for seed in seeds:
        for arm in arms:
            done = [row for row in results["runs"] if (row["arm"], row["seed"]) == (arm, seed)]
            weights = RUNS / f"{arm}-{seed}.safetensors"
            # the distilled student needs its teacher's weights: train it again where only its result is known
            needed = arm == "teacher" and not weights.exists() and not _has(results, "distilled", seed)
            if done and done[0]["settings"] != ARMS[arm]:
                raise SystemExit(f"{RESULTS} holds {arm} {seed} with other settings: move that file away first")
            if done and not needed:
                continue
            teacher = stored_teacher(RUNS, seed) if arm == "distilled" else None
            model, record = run(arm, seed, inputs, labels, test, teacher)
            save_file(model.state_dict(), weights)
            results = load_results()  # another process may have added its runs meanwhile
            results = load_results()  # again: another process may have added its runs meanwhile
            results["runs"] = [row for row in results["runs"] if row not in done] + [record]
            save_results(results)
    for arm in {row["arm"]: 0 for row in results["runs"]}:
        found = [row["errors"] for row in results["runs"] if row["arm"] == arm]
        sd = f" ± {np.std(found, ddof=1):.1f}" if len(found) > 1 else ""
        print(f"{arm:10} {np.mean(found):.1f}{sd} test errors {found}; the paper: {PAPER[arm]}")


def _has(results, arm, seed):
    return any((row["arm"], row["seed"]) == (arm, seed) for row in results["runs"])


def validate(arms, seeds):
    mnist = load_mnist()
    inputs, labels = to_inputs(mnist.train_images), torch.from_numpy(mnist.train_labels)
    held_out = inputs[50_000:], labels[50_000:]
    folder = RUNS / "validation"
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for arm in arms:
            teacher = stored_teacher(folder, seed) if arm == "distilled" else None
            model, record = run(arm, seed, inputs[:50_000], labels[:50_000], held_out, teacher, progress=1950)
            save_file(model.state_dict(), folder / f"{arm}-{seed}.safetensors")
            print(json.dumps(record, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--validation", action="store_true", help="leave the test set alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    (validate if options.validation else reproduce)(options.arms, options.seeds)


if __name__ == "__main__":
    main()
