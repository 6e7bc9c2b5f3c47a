"""The race of lesson 04 over five seeds: python benchmarks/race.py (about 7 minutes on a busy core).

The student 784-300-300-10 learns from the first 10 000 training images: from their labels, from the teacher's hard
decisions (argmax), or from its soft targets at several temperatures (alpha = 0.1). Every arm has the same initial
weights, batches, steps and learning rate for a seed. Errors are counted on 10 000 validation images (training images
50 000 to 59 999, which the teacher did not see either), and on the test set, which chose nothing.
Writes benchmarks/results/race.json.
"""

import json
import platform
import time
from dataclasses import replace
from pathlib import Path

import torch
from tqdm import tqdm

from kdlab.data import load_mnist
from kdlab.metrics import errors
from kdlab.models import MLP, to_inputs
from kdlab.teachers import load_mnist_teacher, predict_logits
from kdlab.training import Recipe, compare, fit

SEEDS = range(5)
TEMPERATURES = (1, 2, 4, 8, 20)
RECIPE = Recipe(steps=1200, learning_rate=5e-3, alpha=0.1)
RESULTS = Path(__file__).parent / "results" / "race.json"


def main():
    torch.set_num_threads(1)
    start = time.monotonic()
    mnist, teacher = load_mnist(), load_mnist_teacher()
    images, labels = to_inputs(mnist.train_images), torch.from_numpy(mnist.train_labels)
    inputs, labels, validation = images[:10_000], labels[:10_000], (images[50_000:], labels[50_000:])
    test = to_inputs(mnist.test_images), torch.from_numpy(mnist.test_labels)
    teacher_logits = predict_logits(teacher, inputs)
    test_errors, progress = {}, tqdm(total=(2 + len(TEMPERATURES)) * len(SEEDS))

    def arm(name, targets, **settings):
        def run(seed):
            student = MLP(784, 300, 300, 10, seed=seed)
            fit(student, inputs, *targets, recipe=replace(RECIPE, seed=seed, **settings))
            test_errors.setdefault(name, []).append(errors(predict_logits(student, test[0]), test[1]))
            progress.update()
            return errors(predict_logits(student, validation[0]), validation[1])

        return run

    arms = {
        "hard labels": arm("hard labels", (labels,)),
        "teacher's argmax": arm("teacher's argmax", (teacher_logits.argmax(-1),)),
    }
    for temperature in TEMPERATURES:
        name = f"soft, T = {temperature}"
        arms[name] = arm(name, (labels, teacher_logits), temperature=temperature)
    result = {
        "script": "benchmarks/race.py",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "recipe": str(RECIPE),
        "seeds": list(SEEDS),
        "teacher": {
            "validation_errors": errors(predict_logits(teacher, validation[0]), validation[1]),
            "test_errors": errors(predict_logits(teacher, test[0]), test[1]),
        },
        "validation_errors": compare(arms, SEEDS),
        "test_errors": test_errors,
        "seconds": round(time.monotonic() - start),
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    for name, row in result["validation_errors"].items():
        print(
            f"{name:18} {row['mean']:6.1f} ± {row['sd']:4.1f} validation errors, best in {row['wins']} of {row['of']}"
        )


if __name__ == "__main__":
    main()
