"""The experiments of lesson 05 over five seeds: python benchmarks/dark_knowledge.py [--workers 2] [section ...]

About half an hour on one core. Each run is independent: more workers are quicker, and a run that is already in
benchmarks/results/dark_knowledge.json with the same recipe is not run again, so stop and go on whenever you like.
`--summary` prints means and standard deviations of what is there.

Inputs are the first 10 000 training images unless said otherwise. Everything was chosen on validation images: training
images 50 000 to 59 999, which the shipped teacher did not see either. Test figures are recorded and chose nothing.
All arms of a section have the same steps and learning rate, and for a seed the same initial weights. "seconds" is the
processor time of a whole run: teachers of its own, training, counting errors.
"""

import argparse
import json
import platform
import statistics
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import cache
from inspect import signature
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import torch
from torch.nn import functional as F
from tqdm import tqdm

from kdlab.data import load_mnist
from kdlab.labels import balanced_draw, flip_labels
from kdlab.metrics import accuracy, agreement, errors, expected_calibration_error, macro_f1, negative_log_likelihood
from kdlab.models import MLP, to_inputs
from kdlab.teachers import load_mnist_teacher, predict_logits
from kdlab.training import Recipe, fit

SEEDS = range(5)
TEMPERATURES = (1, 2, 4, 8, 20)
BIASES = [0.25 * k for k in range(-8, 49)]
QUICK = Recipe(temperature=4, alpha=0, steps=300, learning_rate=2e-2)  # with 20 labels the batch is 20, steps are equal
OMIT = Recipe(alpha=0, steps=500, learning_rate=2e-2)
PLAIN = Recipe(temperature=4, alpha=0, steps=600, learning_rate=5e-3)
LESSON_04 = Recipe(alpha=0.1, steps=1200, learning_rate=5e-3)
RESULTS = Path(__file__).parent / "results" / "dark_knowledge.json"


# --- what the sections share ----------------------------------------------------------------------


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


def learn(recipe, seed, inputs, labels, teacher_logits=None, widths=(128,), **settings):
    """A student trained by this recipe, with other settings where given."""
    student = MLP(784, *widths, 10, seed=seed)
    fit(student, inputs, labels, teacher_logits, recipe=replace(recipe, seed=seed, **settings))
    return student


def count_errors(student, stop=60_000):
    """Errors on the validation images from 50 000 to `stop`, on the first 5000 of them, and on the test set."""
    parts = {"validation": part(50_000, stop), "first_half": part(50_000, 55_000), "test": world()[1]}
    return {f"{name}_errors": errors(predict_logits(student, x), y) for name, (x, y, _) in parts.items()}


# --- sections: what one run does, and the settings of all runs ------------------------------------


def few_labels(arm, seed, labels=0, transfer=0, temperature=4, width=128, unseen=False):
    """Few labelled digits (as many of each class), a transfer set that the teacher answers for, or both together."""
    parts = []
    if labels:
        x, y, v = part(0, 50_000)
        places = balanced_draw(y, labels // 10, torch.Generator().manual_seed(seed))
        parts.append((x[places], y[places], v[places]))
    if transfer:
        x, y, v = part(55_000, 55_000 + transfer) if unseen else part(0, transfer)
        parts.append((x, y if arm == "hard labels" else v.argmax(-1), v))
    x, y, v = (torch.cat(values) for values in zip(*parts, strict=True))
    alpha = 0.3 if arm == "distilled, with labels" else 0
    soft = v if arm.startswith("distilled") else None
    student = learn(QUICK, seed, x, y, soft, widths=(width,), temperature=temperature, alpha=alpha)
    return count_errors(student, 55_000 if transfer == 5000 else 60_000)


def few_labels_jobs():
    few = ("hard labels", "distilled, same pictures")
    yield from jobs(arm=few, labels=(20, 100, 500))
    many = ("hard labels", "teacher's argmax", "distilled")
    yield from jobs(arm=many, transfer=(100, 1000, 10_000))
    yield from jobs(arm=("distilled",), transfer=(1000, 10_000), temperature=(1, 2, 8, 20))
    yield from jobs(arm=("distilled, with labels",), labels=(100, 500), transfer=(1000,))
    yield from jobs(arm=many[1:], transfer=(5000,), unseen=(False, True))
    yield from jobs(arm=many, transfer=(10_000,), width=(32,))
    yield from jobs(arm=("hard labels",), labels=(100,), width=(32,))


def omitted(arm, digit, seed, temperature=1, student="784-128-10"):
    """10 000 images less those of one digit; the bias on its logit is chosen on one half of the validation images.

    It is judged on the other half (judged_...) and on the test set (test_...), before and after the correction.
    """
    x, y, v = part(0, 10_000)
    keep = y != digit
    recipe, widths = (OMIT, (128,)) if student == "784-128-10" else (LESSON_04, (300, 300))
    soft = None if arm == "hard labels" else v[keep]
    model = learn(recipe, seed, x[keep], y[keep], soft, widths=widths, temperature=temperature, alpha=0)
    one = F.one_hot(torch.tensor(digit), 10)
    x, y, _ = part(50_000, 55_000)
    logits = predict_logits(model, x)
    row = {"bias": min(BIASES, key=lambda b: errors(logits + b * one, y))}
    for name, (x, y, _) in {"judged": part(55_000, 60_000), "test": world()[1]}.items():
        logits, gone = predict_logits(model, x), y == digit
        row[f"{name}_omitted_count"] = int(gone.sum())
        for when, z in {"": logits, "corrected_": logits + row["bias"] * one}.items():
            row[f"{name}_{when}omitted_errors"] = errors(z[gone], y[gone])
            row[f"{name}_{when}other_errors"] = errors(z[~gone], y[~gone])
    return row


def omitted_jobs():
    yield from jobs(arm=("hard labels",), digit=range(10))
    yield from jobs(arm=("distilled",), digit=(3,), temperature=TEMPERATURES)
    others = [digit for digit in range(10) if digit != 3]
    yield from jobs(arm=("distilled",), digit=others, temperature=(1, 4, 20))
    large = {"digit": (3,), "student": ("784-300-300-10",)}
    yield from jobs(arm=("hard labels",), **large)
    yield from jobs(arm=("distilled",), temperature=(1, 4, 20), **large)


def noise(arm, share, seed):
    """A share of the labels is wrong. Noisy teachers, 784-300-300-10, learned from the same wrong labels."""
    x, y, v = part(0, 10_000)
    noisy = flip_labels(y, share, torch.Generator().manual_seed(seed))
    images, labels, _ = part(50_000, 60_000)
    soft, settings, row = v, {}, {}
    if arm == "hard labels":
        soft = None
    elif arm == "label smoothing":  # distillation from a teacher without an opinion (lesson 03)
        soft, settings = torch.zeros_like(v), {"temperature": 1, "alpha": 0.8}
    elif arm == "distilled, alpha 0.3":
        settings = {"alpha": 0.3}
    elif arm.startswith("noisy teacher"):  # "long": 20 epochs, enough to learn many of the wrong labels by heart
        steps = 1600 if arm.endswith("long") else PLAIN.steps
        teacher = learn(PLAIN, 50 + seed, x, noisy, widths=(300, 300), steps=steps)
        soft = predict_logits(teacher, x)
        row["teacher_errors"] = errors(predict_logits(teacher, images), labels)
        row["teacher_learned_wrong"] = accuracy(soft[noisy != y], noisy[noisy != y]) if share else None
    student = learn(PLAIN, seed, x, noisy, soft, **settings)
    z = predict_logits(student, images)
    ece, nll = expected_calibration_error(z, labels), negative_log_likelihood(z, labels)
    return row | count_errors(student) | {"ece": ece, "nll": nll}


def noise_jobs():
    clean = ("hard labels", "label smoothing", "distilled", "distilled, alpha 0.3")
    yield from jobs(arm=clean + ("noisy teacher", "noisy teacher, long"), share=(0.0, 0.2, 0.4, 0.6))


def measures(arm, seed):
    """Students of lesson 04's kind, and more ways to measure them than accuracy; "teacher" is the teacher itself."""
    x, y, v = part(0, 10_000)
    if arm == "teacher":
        sets = {"": part(50_000, 60_000), "test_": world()[1]}
        return {name + k: m for name, (_, y, v) in sets.items() for k, m in measure(v, v, y).items()}
    settings = {"temperature": float(arm.split()[-1])} if arm.startswith("soft") else {}
    if arm == "label smoothing":
        v, settings = torch.zeros_like(v), {"temperature": 1, "alpha": 0.9}
    targets = v.argmax(-1) if arm == "teacher's argmax" else y
    soft = v if arm.startswith(("soft", "label")) else None
    student = learn(LESSON_04, seed, x, targets, soft, widths=(300, 300), **settings)
    row = {}
    for name, (x, y, v) in {"": part(50_000, 60_000), "test_": world()[1]}.items():
        row |= {name + key: value for key, value in measure(predict_logits(student, x), v, y).items()}
    return row


def measure(logits, teacher_logits, labels):
    """Many measures of a student's logits (N, 10) against the labels, and against the teacher's logits."""
    teacher_wrong = teacher_logits.argmax(-1) != labels
    own_wrong = logits.argmax(-1) != labels
    same = logits.argmax(-1) == teacher_logits.argmax(-1)
    return {
        "accuracy": accuracy(logits, labels),
        "macro_f1": macro_f1(logits, labels),
        "nll": negative_log_likelihood(logits, labels),
        "ece": expected_calibration_error(logits, labels),
        "agreement": agreement(logits, teacher_logits),
        "copied_mistakes": float(same[teacher_wrong].double().mean()),  # the same wrong class
        "wrong_where_teacher_is": float(own_wrong[teacher_wrong].double().mean()),  # any wrong class
        "second_choice": float((second(logits) == second(teacher_logits))[same].double().mean()),
        "kl_of_the_rest": kl_of_the_rest(logits, teacher_logits),
        "rank_correlation": wrong_class_rank_correlation(logits, teacher_logits),
    }


def second(logits):
    """The class with the second largest logit."""
    return logits.topk(2).indices[..., 1]


def without_top(logits, teacher_logits):
    """The logits of the nine classes that the teacher does not choose: (N, 9)."""
    top = teacher_logits.argmax(-1, keepdim=True)
    keep = torch.ones_like(teacher_logits, dtype=torch.bool).scatter(-1, top, False)
    return logits[keep].view(len(logits), -1)


def kl_of_the_rest(logits, teacher_logits):
    """Mean KL(teacher || student), nats, of the soft targets (T = 1) of those nine classes, scaled to sum 1."""
    log_p, log_q = (without_top(z, teacher_logits).log_softmax(-1) for z in (teacher_logits, logits))
    return float((log_p.exp() * (log_p - log_q)).sum(-1).mean())


def wrong_class_rank_correlation(logits, teacher_logits):
    """Mean Spearman correlation of the logits of those nine classes."""
    both = (without_top(z, teacher_logits) for z in (logits, teacher_logits))
    ranks = [z.argsort(-1).argsort(-1).double() - 4 for z in both]
    return float(torch.cosine_similarity(*ranks, dim=-1).mean())


def measures_jobs():
    soft = tuple(f"soft, T = {temperature}" for temperature in TEMPERATURES)
    yield {"arm": "teacher", "seed": 0}
    yield from jobs(arm=("hard labels", "label smoothing", "teacher's argmax") + soft)


def tiny(arm, width, seed, temperature=1):
    """Small students with 50 000 labelled images."""
    x, y, v = part(0, 50_000)
    soft = None if arm == "hard labels" else v
    return count_errors(learn(LESSON_04, seed, x, y, soft, widths=(width,), temperature=temperature))


def tiny_jobs():
    yield from jobs(arm=("hard labels",), width=(8, 16, 32))
    yield from jobs(arm=("distilled",), width=(8, 16, 32), temperature=TEMPERATURES)


def poor_teacher(arm, seed, alpha=1.0):
    """10 000 labelled images and a poor teacher, beside the good one: 500 labels, or a small net trained briefly."""
    x, y, v = part(0, 10_000)
    row = {}
    if arm.startswith("poor"):
        if arm == "poor teacher, 500 labels":
            teacher = learn(QUICK, 50 + seed, x[:500], y[:500])
        else:
            teacher = learn(QUICK, 50 + seed, x, y, widths=(32,), steps=100, learning_rate=5e-3)
        v, row = predict_logits(teacher, x), {f"teacher_{k}": count for k, count in count_errors(teacher).items()}
    soft = None if arm == "hard labels" else v
    return row | count_errors(learn(PLAIN, seed, x, y, soft, alpha=alpha))


def poor_teacher_jobs():
    yield from jobs(arm=("hard labels",))
    arms = ("good teacher", "poor teacher, 500 labels", "poor teacher, 100 steps")
    yield from jobs(arm=arms, alpha=(0.0, 0.1, 0.5))


def jobs(**settings):
    """The settings of a run for every combination, for every seed."""
    for values in product(*settings.values(), SEEDS):
        yield dict(zip([*settings, "seed"], values, strict=True))


SECTIONS = {
    "few_labels": (few_labels, few_labels_jobs, QUICK),
    "omitted": (omitted, omitted_jobs, OMIT),
    "noise": (noise, noise_jobs, PLAIN),
    "measures": (measures, measures_jobs, LESSON_04),
    "tiny": (tiny, tiny_jobs, LESSON_04),
    "poor_teacher": (poor_teacher, poor_teacher_jobs, PLAIN),
}


# --- running, resuming, summing up ----------------------------------------------------------------


def run(section, settings):
    torch.set_num_threads(1)
    world()
    start = time.process_time()
    row = settings | SECTIONS[section][0](**settings)
    return section, row | {"seconds": round(time.process_time() - start, 2)}


def settings_of(section, row):
    """The settings of a run, as a key, from its row of settings and outcomes."""
    names = signature(SECTIONS[section][0]).parameters
    return tuple((name, row[name]) for name in names if name in row)


def summary(section, rows):
    """A line for all seeds of a run: its settings, and mean ± standard deviation of each outcome."""
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(v for name, v in settings_of(section, row) if name != "seed")].append(row)
    for settings, group in groups.items():
        outcomes = [name for name in group[0] if name not in dict(settings_of(section, group[0]))]
        print(" ", *settings, end=": ")
        for name in outcomes:
            values = [row[name] for row in group if row[name] is not None]
            spread = statistics.stdev(values) if len(values) > 1 else 0
            print(f"{name} {statistics.mean(values):.4g} ± {spread:.2g}" if values else f"{name} none", end=", ")
        print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(SECTIONS))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--summary", action="store_true", help="run nothing")
    given = parser.parse_args()
    wanted = given.sections or list(SECTIONS)
    if unknown := set(wanted) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    result = {"script": "benchmarks/dark_knowledge.py", "sections": {}}
    if RESULTS.exists():
        result |= json.loads(RESULTS.read_text())
    result |= {"python": platform.python_version(), "torch": torch.__version__}
    if given.summary:
        for name in wanted:
            print(name)
            summary(name, result["sections"].get(name, {"rows": []})["rows"])
        return
    missing = []
    for name in wanted:
        _, settings, recipe = SECTIONS[name]
        order = [settings_of(name, s) for s in settings()]
        old = result["sections"].get(name, {})
        rows = old["rows"] if old.get("recipe") == str(recipe) else []
        rows = [row for row in rows if settings_of(name, row) in order]
        result["sections"][name] = {"recipe": str(recipe), "seeds": list(SEEDS), "rows": rows}
        done = {settings_of(name, row) for row in rows}
        missing += [(name, dict(s)) for s in order if s not in done]
    with ProcessPoolExecutor(given.workers, get_context("spawn")) as pool:
        futures = [pool.submit(run, *job) for job in missing]
        for future in tqdm(as_completed(futures), total=len(futures)):
            name, row = future.result()
            rows = result["sections"][name]["rows"]
            order = [settings_of(name, s) for s in SECTIONS[name][1]()]
            rows.append(row)
            rows.sort(key=lambda r: order.index(settings_of(name, r)))  # noqa: B023
            partial = RESULTS.with_suffix(".partial")  # an interrupt never leaves half a file
            partial.write_text(json.dumps(result, indent=1) + "\n")
            partial.replace(RESULTS)


if __name__ == "__main__":
    main()
