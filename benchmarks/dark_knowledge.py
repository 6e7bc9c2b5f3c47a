"""The experiments of lesson 05: python benchmarks/dark_knowledge.py [--again] [section ...], some minutes on one core.

Students 784-128-10. Inputs are the first 10 000 training images unless said otherwise; validation images are training
images 50 000 to 59 999, which the teacher did not see either. Every arm's learning rate is chosen for it (arms.py);
test figures chose nothing.

few_labels  labelled images, or a transfer set of which only the teacher's answers are used
omitted     a transfer set without one digit; the bias of its logit is chosen on validation images
measures    10 000 labels, and more ways to measure than accuracy
"""

from dataclasses import replace
from functools import cache, partial
from itertools import product

import sections
import torch
from arms import SERIES, both_errors, facts, pictures, test_errors, tuned, validation_errors, world

from kdlab.labels import balanced_draw
from kdlab.metrics import (
    accuracy,
    agreement,
    area_under_curve,
    copied_mistakes,
    errors,
    expected_calibration_error,
    macro_f1,
    negative_log_likelihood,
)
from kdlab.teachers import predict_logits
from kdlab.training import Recipe

TEMPERATURES = (1, 2, 4, 8, 20)
BIASES = [0.5 * k for k in range(-4, 61)]  # -2 to 30
QUICK = Recipe(temperature=4, alpha=0, steps=300)
OMIT = replace(QUICK, steps=500)
PLAIN = Recipe(temperature=4, alpha=0.1, steps=600)
# With 20 or 100 pictures much depends on which ones: more seeds, and more rates to begin with, since there can be two
# good ones, a small and a large one.
SCARCE = {"start": SERIES[1:12], "choosing": range(30, 42), "seeds": range(10)}
RECORD = sections.Record(
    "dark_knowledge", lambda: facts() | {"scarce": {name: list(SCARCE[name]) for name in ("seeds", "choosing")}}
)


def few_labels(arm, labels=None, transfer=None, unseen=False):
    @cache
    def task(seed):
        if (transfer or 0) >= 5000:
            x, y, v = pictures(55_000, 60_000) if unseen else pictures(0, transfer)
        else:  # which ones is drawn for each seed; where they are labelled, the same number of each digit
            x, y, v = pictures(0, 10_000)
            draw = torch.Generator().manual_seed(seed)
            places = (
                balanced_draw(y, labels // 10, draw) if labels else torch.randperm(len(x), generator=draw)[:transfer]
            )
            x, y, v = x[places], y[places], v[places]
        return x, y if labels else v.argmax(-1), v if arm.startswith("distilled") else None

    stop = 55_000 if transfer == 5000 else 60_000  # the same for the images that the teacher has not seen
    measure = lambda student: {"test_errors": test_errors(student)}  # noqa: E731
    seeds = SCARCE if (labels or transfer) <= 100 else {"start": SERIES[3:9]} if labels else {}
    return tuned(task, QUICK, measure, partial(validation_errors, stop=stop), **seeds)


def few_labels_jobs():
    arms = ("hard labels", "distilled, same pictures")
    yield from ({"arm": a, "labels": n} for a, n in product(arms, (20, 100, 500, 5000)))
    arms = ("teacher's argmax", "distilled")
    yield from ({"arm": a, "transfer": n} for a, n in product(arms, (100, 1000, 5000, 10_000)))
    yield from ({"arm": a, "transfer": 5000, "unseen": True} for a in arms)


def omitted(arm, digit, temperature=4):
    x, y, v = pictures(0, 10_000)
    keep = y != digit
    x, y, v = x[keep], y[keep], None if arm == "hard labels" else v[keep]
    (inputs, labels, _), (test, test_labels, _) = pictures(50_000, 60_000), world()[1]
    raised = torch.eye(10)[digit]
    gone = test_labels == digit

    def best_bias(student):
        logits = predict_logits(student, inputs)
        return min((errors(logits + b * raised, labels), abs(b), b) for b in BIASES)  # of equals the one near 0

    def measure(student):
        logits, bias = predict_logits(student, test), best_bias(student)[-1]
        row = {"bias": bias, "auc": area_under_curve(margin(logits, digit), gone)}
        for name, z in {"": logits, "corrected_": logits + bias * raised}.items():
            row[f"{name}found"] = accuracy(z[gone], test_labels[gone])
            row[f"{name}errors"] = errors(z, test_labels)
        return row

    recipe = replace(OMIT, temperature=temperature)
    return tuned(lambda seed: (x, y, v), recipe, measure, lambda student: best_bias(student)[0])


def margin(logits, digit):
    """How far the logit of this digit stands above (or below) the highest of the others."""
    others = logits.clone()
    others[:, digit] = -torch.inf
    return logits[:, digit] - others.amax(-1)


def omitted_jobs():
    yield {"arm": "hard labels", "digit": 3}
    yield from ({"arm": "distilled", "digit": 3, "temperature": t} for t in TEMPERATURES)
    yield from ({"arm": "distilled", "digit": d, "temperature": 8} for d in range(10) if d != 3)


def measures(arm):
    x, y, v = pictures(0, 10_000)
    recipe = PLAIN
    if arm.startswith("label smoothing"):
        v, recipe = torch.zeros_like(v), replace(PLAIN, temperature=1, alpha=0.9)
    elif arm.startswith("soft"):
        recipe = replace(PLAIN, temperature=float(arm.split()[-1]))
    elif arm == "teacher's argmax":
        y, v = v.argmax(-1), None
    else:
        v = None
    return tuned(lambda seed: (x, y, v), recipe, all_measures)


def all_measures(student):
    """On the test images; only the errors on validation images are recorded too."""
    inputs, labels, teacher_logits = world()[1]
    z = predict_logits(student, inputs)
    return both_errors(student) | {
        "accuracy": accuracy(z, labels),
        "macro_f1": macro_f1(z, labels),
        "nll": negative_log_likelihood(z, labels),
        "ece": expected_calibration_error(z, labels),
        "agreement": agreement(z, teacher_logits),
        "copied_mistakes": copied_mistakes(*validation_answers(student)),
        "second_choice": float((second(z) == second(teacher_logits)).double().mean()),
        "rank_correlation": wrong_class_rank_correlation(z, teacher_logits),
    }


def validation_answers(student):
    """The student's and the teacher's logits and the labels of validation images: the teacher errs on more of them."""
    inputs, labels, teacher_logits = pictures(50_000, 60_000)
    return predict_logits(student, inputs), teacher_logits, labels


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
    yield from ({"arm": arm} for arm in arms)


SECTIONS = {
    "few_labels": (few_labels, few_labels_jobs),
    "omitted": (omitted, omitted_jobs),
    "measures": (measures, measures_jobs),
}

if __name__ == "__main__":
    sections.main(RECORD, SECTIONS, __doc__.splitlines()[0])
