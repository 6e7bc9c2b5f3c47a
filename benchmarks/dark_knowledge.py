"""The experiments of lesson 05 over five seeds: python benchmarks/dark_knowledge.py [--workers 2] [section ...]

About half an hour on one core; every run is independent, so more workers are quicker. Inputs are the first 10 000
training images unless said otherwise; validation images are training images 50 000 to 59 999, which the teacher did not
see either; test figures are recorded but chose nothing. All arms of a section have the same steps and learning rate,
and for a seed the same initial weights. Writes the sections to benchmarks/results/dark_knowledge.json, keeping others.
"""

import argparse
import json
import platform
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import torch
from tqdm import tqdm

from kdlab.data import load_mnist
from kdlab.labels import balanced_draw, flip_labels
from kdlab.metrics import accuracy, agreement, errors, expected_calibration_error, macro_f1, negative_log_likelihood
from kdlab.models import MLP, to_inputs
from kdlab.teachers import load_mnist_teacher, predict_logits
from kdlab.training import Recipe, fit

SEEDS = range(5)
TEMPERATURES = (1, 2, 4, 8, 20)
BIASES = [0.25 * k for k in range(-8, 41)]
QUICK = Recipe(temperature=4, alpha=0, steps=300, learning_rate=2e-2)
OMIT = replace(QUICK, steps=500)
PLAIN = Recipe(temperature=4, alpha=0, steps=600, learning_rate=5e-3)
TINY = Recipe(alpha=0.1, steps=1200, learning_rate=5e-3)
RESULTS = Path(__file__).parent / "results" / "dark_knowledge.json"


@cache
def world():
    """Inputs, labels and teacher logits of all training and test images."""
    mnist, teacher = load_mnist(), load_mnist_teacher()
    train, test = to_inputs(mnist.train_images), to_inputs(mnist.test_images)
    labels, test_labels = torch.from_numpy(mnist.train_labels), torch.from_numpy(mnist.test_labels)
    return (train, labels, predict_logits(teacher, train)), (test, test_labels, predict_logits(teacher, test))


def part(start, stop):
    """Inputs, labels and teacher logits of training images start to stop."""
    return tuple(values[start:stop] for values in world()[0])


def learn(recipe, seed, inputs, labels, teacher_logits=None, width=128, **settings):
    """A student 784-width-10 trained by this recipe."""
    student = MLP(784, width, 10, seed=seed)
    fit(student, inputs, labels, teacher_logits, recipe=replace(recipe, seed=seed, **settings))
    return student


def both_errors(student, start=50_000, stop=60_000):
    """Errors on validation images, and on the test set."""
    found = {}
    for name, (inputs, labels, _) in {"validation": part(start, stop), "test": world()[1]}.items():
        found[f"{name}_errors"] = errors(predict_logits(student, inputs), labels)
    return found


def few_labels(arm, seed, labels=None, transfer=None, unseen=False):
    """Few labelled digits (the same number of each), or a transfer set of which only the teacher's answers are used."""
    x, y, v = part(0, 10_000)
    if labels:
        places = balanced_draw(y, labels // 10, torch.Generator().manual_seed(seed))
        x, y, v = x[places], y[places], v[places]
    else:
        x, _, v = part(55_000, 60_000) if unseen else part(0, transfer)
        y = v.argmax(-1)
    soft = arm.startswith("distilled")
    student = learn(QUICK, seed, x, y, v if soft else None)
    return both_errors(student, 50_000, 55_000 if unseen or transfer == 5000 else 60_000)


def few_labels_jobs():
    arms = ("hard labels", "distilled, same pictures")
    yield from ({"arm": a, "labels": n, "seed": s} for a, n, s in product(arms, (20, 100, 500), SEEDS))
    arms = ("teacher's argmax", "distilled")
    yield from ({"arm": a, "transfer": n, "seed": s} for a, n, s in product(arms, (100, 1000, 5000, 10_000), SEEDS))
    yield from ({"arm": a, "transfer": 5000, "unseen": True, "seed": s} for a, s in product(arms, SEEDS))


def omitted(arm, digit, seed, temperature=1):
    """A transfer set without one digit; the bias on its logit is chosen on one set of images and judged on the test set."""
    x, y, v = part(0, 10_000)
    keep = y != digit
    student = learn(OMIT, seed, x[keep], y[keep], None if arm == "hard labels" else v[keep], temperature=temperature)
    (x, y, _), (test, test_labels, _) = part(50_000, 55_000), world()[1]
    raise_by = torch.zeros(10)
    raise_by[digit] = 1
    logits, final = predict_logits(student, x), predict_logits(student, test)
    bias = min(BIASES, key=lambda b: errors(logits + b * raise_by, y))
    gone = test_labels == digit
    row = {"bias": bias, "omitted_count": int(gone.sum())}
    for name, z in {"": final, "corrected_": final + bias * raise_by}.items():
        row[f"{name}omitted_errors"] = errors(z[gone], test_labels[gone])
        row[f"{name}other_errors"] = errors(z[~gone], test_labels[~gone])
    return row


def omitted_jobs():
    yield from ({"arm": "hard labels", "digit": 3, "seed": s} for s in SEEDS)
    yield from ({"arm": "distilled", "digit": 3, "temperature": t, "seed": s} for t, s in product(TEMPERATURES, SEEDS))
    others = [digit for digit in range(10) if digit != 3]
    yield from ({"arm": "distilled", "digit": d, "temperature": 8, "seed": s} for d, s in product(others, SEEDS))


def noise(arm, share, seed):
    """A share of the labels is wrong. The clean teacher has alpha = 0 or 0.3; the noisy one learned from these labels."""
    x, y, v = part(0, 10_000)
    noisy = flip_labels(y, share, torch.Generator().manual_seed(seed))
    if arm == "hard labels":
        student = learn(PLAIN, seed, x, noisy)
    elif arm == "label smoothing":  # distillation from a teacher without an opinion (lesson 03)
        student = learn(PLAIN, seed, x, noisy, torch.zeros_like(v), temperature=1, alpha=0.8)
    elif arm == "noisy teacher":
        teacher = MLP(784, 300, 300, 10, seed=50 + seed)
        fit(teacher, x, noisy, recipe=replace(PLAIN, seed=50 + seed))
        student = learn(PLAIN, seed, x, noisy, predict_logits(teacher, x))
    else:
        student = learn(PLAIN, seed, x, noisy, v, alpha=0.3 if arm == "distilled, alpha 0.3" else 0)
    inputs, labels, _ = part(50_000, 60_000)
    z = predict_logits(student, inputs)
    return both_errors(student) | {
        "ece": expected_calibration_error(z, labels),
        "nll": negative_log_likelihood(z, labels),
    }


def noise_jobs():
    arms = ("hard labels", "label smoothing", "distilled", "distilled, alpha 0.3", "noisy teacher")
    yield from ({"arm": a, "share": n, "seed": s} for a, n, s in product(arms, (0.0, 0.2, 0.4, 0.6), SEEDS))


def measures(arm, seed):
    """Students of 10 000 labelled images, and more ways to measure them than accuracy."""
    x, y, v = part(0, 10_000)
    settings = {"alpha": 0.1} | ({"temperature": float(arm.split()[-1])} if arm.startswith("soft") else {})
    if arm == "label smoothing":
        v, settings = torch.zeros_like(v), {"temperature": 1, "alpha": 0.9}
    targets = v.argmax(-1) if arm == "teacher's argmax" else y
    student = learn(PLAIN, seed, x, targets, v if arm.startswith(("soft", "label")) else None, **settings)
    inputs, labels, teacher_logits = part(50_000, 60_000)
    z = predict_logits(student, inputs)
    wrong = teacher_logits.argmax(-1) != labels
    return {
        "accuracy": accuracy(z, labels),
        "macro_f1": macro_f1(z, labels),
        "nll": negative_log_likelihood(z, labels),
        "ece": expected_calibration_error(z, labels),
        "agreement": agreement(z, teacher_logits),
        "copied_mistakes": float((z.argmax(-1) == teacher_logits.argmax(-1))[wrong].double().mean()),
        "second_choice": float((second(z) == second(teacher_logits)).double().mean()),
        "rank_correlation": wrong_class_rank_correlation(z, teacher_logits),
    }


def second(logits):
    """The class with the second largest logit."""
    return logits.topk(2).indices[..., 1]


def wrong_class_rank_correlation(student_logits, teacher_logits):
    """Mean Spearman correlation of the logits of the nine classes that the teacher does not choose."""
    top = teacher_logits.argmax(-1, keepdim=True)
    keep = torch.ones_like(teacher_logits, dtype=torch.bool).scatter(-1, top, False)
    ranks = [z[keep].view(len(z), -1).argsort(-1).argsort(-1).double() for z in (student_logits, teacher_logits)]
    centred = [r - r.mean(-1, keepdim=True) for r in ranks]
    return float(torch.cosine_similarity(*centred, dim=-1).mean())


def measures_jobs():
    arms = ("hard labels", "label smoothing", "teacher's argmax", "soft, T = 1", "soft, T = 4", "soft, T = 20")
    yield from ({"arm": a, "seed": s} for a, s in product(arms, SEEDS))


def tiny(arm, width, seed, temperature=1):
    """Small students with 50 000 labelled images."""
    x, y, v = part(0, 50_000)
    v = None if arm == "hard labels" else v
    return both_errors(learn(TINY, seed, x, y, v, width=width, temperature=temperature))


def tiny_jobs():
    widths = (8, 16, 32)
    yield from ({"arm": "hard labels", "width": w, "seed": s} for w, s in product(widths, SEEDS))
    soft = product(widths, TEMPERATURES, SEEDS)
    yield from ({"arm": "distilled", "width": w, "temperature": t, "seed": s} for w, t, s in soft)


def poor_teacher(arm, seed, alpha=1.0):
    """10 000 labelled images and a teacher that learned from 500 of them, beside the good teacher."""
    x, y, v = part(0, 10_000)
    row = {}
    if arm == "poor teacher":
        teacher = learn(QUICK, 50 + seed, x[:500], y[:500])
        v, row = predict_logits(teacher, x), both_errors(teacher)
        row = {f"teacher_{name}": value for name, value in row.items()}
    student = learn(PLAIN, seed, x, y, None if arm == "hard labels" else v, alpha=alpha)
    return row | both_errors(student)


def poor_teacher_jobs():
    yield from ({"arm": "hard labels", "seed": s} for s in SEEDS)
    arms = ("poor teacher", "good teacher")
    yield from ({"arm": a, "alpha": w, "seed": s} for a, w, s in product(arms, (0.0, 0.1, 0.5), SEEDS))


SECTIONS = {
    "few_labels": (few_labels, few_labels_jobs, QUICK),
    "omitted": (omitted, omitted_jobs, OMIT),
    "noise": (noise, noise_jobs, PLAIN),
    "measures": (measures, measures_jobs, PLAIN),
    "tiny": (tiny, tiny_jobs, TINY),
    "poor_teacher": (poor_teacher, poor_teacher_jobs, PLAIN),
}


def run(section, settings):
    torch.set_num_threads(1)
    return settings | SECTIONS[section][0](**settings)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    wanted = given.sections or list(SECTIONS)
    if unknown := set(wanted) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    result = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"sections": {}}
    result |= {
        "script": "benchmarks/dark_knowledge.py",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    with ProcessPoolExecutor(given.workers) as pool:
        jobs = {name: [pool.submit(run, name, settings) for settings in SECTIONS[name][1]()] for name in wanted}
        progress = tqdm(total=sum(map(len, jobs.values())))
        for name, futures in jobs.items():
            rows = []
            for future in futures:
                rows.append(future.result())
                progress.update()
            recipe = str(SECTIONS[name][2])
            result["sections"][name] = {"recipe": recipe, "seeds": list(SEEDS), "rows": rows}
            RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
