"""Why soft targets help, lesson 07: python benchmarks/readings.py [--again] [section ...], about 20 minutes.

Students 784-128-10, 600 steps, unless said otherwise; validation images are training images 50 000 to 59 999. Every
arm's learning rate is chosen for it on those, by seeds that are not reported (arms.py); test figures chose nothing.

taken_apart  soft targets (T = 4, alpha 0.1) with something missing, over widths and amounts of data; smoothing's weight
             is chosen too
weighting    hard labels, each picture weighted by how sure the teacher is of it; the same weights on other pictures
fidelity     students built as their teacher is: how far do they agree with it? Rates are chosen by that
teachers     six kinds of teacher; the temperature is chosen too
"""

from dataclasses import replace
from functools import cache, partial

import sections
import torch
from arms import (
    SEEDS,
    SERIES,
    TRIAL_SEEDS,
    both_errors,
    facts,
    pictures,
    reported,
    search,
    test_errors,
    tuned,
    tuned_weight,
    validation_errors,
    world,
)
from torch.nn import functional as F

from kdlab import sweeps
from kdlab.labels import class_means, flatten_wrong, permute_wrong, resemble_another, resemble_class
from kdlab.metrics import agreement, copied_mistakes
from kdlab.models import MLP
from kdlab.teachers import predict_logits
from kdlab.training import Recipe, batches_of, descend, drain

RECORD = sections.Record("readings", facts)
PLAIN = Recipe(temperature=4, alpha=0.1, steps=600)

# --- a soft target taken apart ------------------------------------------------------------------------------------------

APART = {
    "permuted": lambda v, y, seed: permute_wrong(v, torch.Generator().manual_seed(seed)),
    "as sure, nothing else": lambda v, y, seed: flatten_wrong(v, PLAIN.temperature),
    "class means": lambda v, y, seed: class_means(v, y),
    "as sure, the class's resemblance": lambda v, y, seed: resemble_class(v, PLAIN.temperature),
    "as sure, another picture's resemblance": lambda v, y, seed: resemble_another(
        v, PLAIN.temperature, torch.Generator().manual_seed(seed)
    ),
    "real": lambda v, y, seed: v,
}


def taken_apart(arm, width, count):
    x, y, v = pictures(0, count)
    recipe = replace(PLAIN, steps=1200 if count > 10_000 else 600)
    if arm == "hard labels":
        return tuned(lambda seed: (x, y, None), recipe, width=width)
    if arm == "label smoothing":
        shrug = torch.zeros_like(v)
        return tuned_weight(lambda seed: (x, y, shrug), replace(recipe, temperature=1), width=width)
    change = cache(lambda seed: APART[arm](v, y, seed))
    return tuned(lambda seed: (x, y, change(seed)), recipe, width=width)


def taken_apart_jobs():
    for width, count in ((128, 10_000), (32, 10_000), (64, 10_000), (128, 1000), (128, 50_000)):
        yield from ({"arm": a, "width": width, "count": count} for a in ("hard labels", "label smoothing", *APART))


# --- weights instead of targets -----------------------------------------------------------------------------------------


def weighting(arm):
    """One student at a time: the batched sweeps know no weights."""
    x, y, v = pictures(0, 10_000)

    @cache
    def weights(seed):
        if arm == "unweighted":
            return torch.ones(len(y))
        sure = (v / PLAIN.temperature).softmax(-1).amax(-1)
        if arm == "on other pictures":
            sure = sure[torch.randperm(len(sure), generator=torch.Generator().manual_seed(seed))]
        return sure / sure.mean()

    return tuned_alone(lambda seed: (x, y, weights(seed)))


def tuned_alone(task):
    """`tuned` for students that are trained one by one on weighted labels."""

    def learner(runs, hidden):
        return [weighted(*run, *hidden) for run in runs]

    return tuned(task, PLAIN, learner=learner)


def weighted(inputs, labels, weights, recipe, width):
    """A student whose loss is the mean of weight times cross-entropy, in a run that is otherwise the course's own."""
    student = MLP(784, width, 10, seed=recipe.seed)
    batches = batches_of(len(inputs), recipe.batch_size, torch.Generator().manual_seed(recipe.seed))

    def next_loss(temperature, alpha):
        chosen = next(batches)
        losses = F.cross_entropy(student(inputs[chosen]), labels[chosen], reduction="none")
        return (weights[chosen] * losses).mean()

    drain(descend(student, next_loss, recipe=recipe))
    return student


def weighting_jobs():
    yield from ({"arm": arm} for arm in ("unweighted", "weighted", "on other pictures"))


# --- teachers of our own ------------------------------------------------------------------------------------------------

PUPILS = (*SEEDS, *TRIAL_SEEDS)  # the students' seeds: each has a teacher of its own
TEACHER_SEED, ENSEMBLE = 100, 3
REFERENCE = {"hidden": (300, 300), "count": 50_000, "steps": 600}
KINDS = {
    "reference": {},
    "three times as long": {"steps": 1800},
    "large": {"hidden": (600, 600)},
    "smoothed": {"alpha": 0.9},
    "ensemble of three": {},
    "stopped after a quarter": {"stop": 150},
}


def train_teachers(seeds, rate, hidden, count, steps, stop=None, alpha=1.0):
    """Nets 784-hidden-10 from the first labels, with smoothing where alpha < 1; stopped early, at a rate still high."""
    x, y, _ = pictures(0, count)
    nets = [MLP(784, *hidden, 10, seed=TEACHER_SEED + seed) for seed in seeds]
    shrug = torch.zeros(count, 10) if alpha < 1 else None
    recipe = Recipe(temperature=1, alpha=alpha, steps=steps, learning_rate=rate)
    run = sweeps.train(nets, x, y, shrug, recipes=[replace(recipe, seed=TEACHER_SEED + seed) for seed in seeds])
    for record in run:
        if record["step"] + 1 == stop:
            break
    run.close()
    return nets


@cache
def teacher_rate(**own):
    """The rate with the fewest validation errors of two nets that teach nobody, and what was tried."""
    own, tried, wanted = dict(own), {}, [1e-3, 2e-3, 5e-3]
    while wanted:
        for rate in wanted:
            tried[rate] = sum(validation_errors(net) for net in train_teachers((900, 901), rate, **own)) / 2
        best = min(tried, key=tried.get)
        place = SERIES.index(best)
        wanted = [SERIES[k] for k in (place - 1, place + 1) if SERIES[k] not in tried]
    return best, {f"{rate:g}": tried[rate] for rate in sorted(tried)}


def teachers(kind):
    x, y, _ = pictures(0, 10_000)
    own = REFERENCE | KINDS[kind]
    rate, tried = teacher_rate(**{name: value for name, value in own.items() if name != "stop"})
    if kind == "ensemble of three":
        nets = train_teachers([20 * k + seed for seed in PUPILS for k in range(1, 1 + ENSEMBLE)], rate, **own)
        groups = [nets[i : i + ENSEMBLE] for i in range(0, len(nets), ENSEMBLE)]
    else:
        groups = [[net] for net in train_teachers(PUPILS, rate, **own)]
    logits = {seed: together(group, x) for seed, group in zip(PUPILS, groups, strict=True)}
    test, test_labels, _ = world()[1]
    wrong = [int((together(group, test).argmax(-1) != test_labels).sum()) for group in groups[: len(SEEDS)]]
    row = tuned_temperature(lambda seed: (x, y, logits[seed]))
    return row | {"teacher_learning_rate": rate, "teacher_tried": tried, "teacher_test_errors": wrong}


def together(nets, inputs):
    """The logarithm of the mean of these nets' probabilities; of one net alone, its logits."""
    if len(nets) == 1:
        return predict_logits(nets[0], inputs)
    return torch.stack([predict_logits(net, inputs).softmax(-1) for net in nets]).mean(0).clamp(min=1e-30).log()


def tuned_temperature(task, temperatures=(2, 4, 8)):
    """`tuned` with a temperature chosen too, every temperature's rate being tuned: outwards from 4, to 0.125 or 32 at most.

    At 0.125 the teacher's term, with T² in front of it, has become so small that the labels decide nearly alone.
    """
    found, wanted = {}, list(temperatures)
    while wanted:
        for temperature in wanted:
            found[temperature] = search(task, replace(PLAIN, temperature=temperature), start=SERIES[7:9])
        lowest = {t: min(row["tried"].values()) for t, row in found.items()}
        best = min(lowest, key=lowest.get)
        wanted = [t for t in (best / 2, best * 2) if t not in found and 0.125 <= t <= 32]
    tried = {f"{t:g}": lowest[t] for t in sorted(lowest)}
    students = reported(task, replace(PLAIN, temperature=best), found[best]["learning_rate"])
    return {"temperature": best, "tried_temperature": tried} | found[best] | students


def teachers_jobs():
    yield from ({"kind": kind} for kind in KINDS)


# --- agreeing with the teacher ------------------------------------------------------------------------------------------

TWIN = {"hidden": (128,), "count": 50_000, "steps": 1200}  # the teacher is built as its student is


@cache
def twins():
    """{seed of a student: its teacher}, which learned from 50 000 labels."""
    return dict(zip(PUPILS, train_teachers(PUPILS, teacher_rate(**TWIN)[0], **TWIN), strict=True))


@cache
def twin_logits(seed, start, stop):
    return predict_logits(twins()[seed], pictures(start, stop)[0])


def fidelity(arm, count, steps=1200, near=0.0):
    """`near` is the teacher's part in the student's initial weights."""
    x, y, _ = pictures(0, count)
    recipe = replace(PLAIN, steps=steps, alpha=1 if arm == "hard labels" else 0)

    def task(seed):
        return x, y, None if arm == "hard labels" else twin_logits(seed, 0, count)

    def begin(seed):
        student = MLP(784, 128, 10, seed=seed)
        with torch.no_grad():
            for own, taught in zip(student.parameters(), twins()[seed].parameters(), strict=True):
                own.lerp_(taught, near)
        return student

    def disagreements(student):
        other = predict_logits(student, pictures(50_000, 60_000)[0]).argmax(-1)
        return int((other != twin_logits(student.seed, 50_000, 60_000).argmax(-1)).sum())

    measure = partial(measure_fidelity, inputs=x[:10_000])
    # begun near the teacher, small steps may be best: begin with more rates
    return tuned(task, recipe, measure, disagreements, begin=begin, start=SERIES[2:7] if near else SERIES[5:8])


def measure_fidelity(student, inputs):
    """Agreement and divergence on the pictures learned from (the first 10 000 of them) and on test pictures."""
    teacher, (test, labels, _) = twins()[student.seed], world()[1]
    z, v = predict_logits(student, test), predict_logits(teacher, test)
    z_train, v_train = predict_logits(student, inputs), predict_logits(teacher, inputs)
    seconds = [logits.topk(2).indices[:, 1] for logits in (z, v)]
    return both_errors(student) | {
        "teacher_test_errors": test_errors(teacher),
        "agreement": agreement(z, v),
        "train_agreement": agreement(z_train, v_train),
        "kl": divergence(z, v),
        "train_kl": divergence(z_train, v_train),
        "copied_mistakes": copied_mistakes(z, v, labels),
        "second_choice": float((seconds[0] == seconds[1]).double().mean()),
    }


def divergence(z, v):
    """Mean KL(teacher || student) at T = 1, in nats."""
    return float(F.kl_div(z.log_softmax(-1), v.log_softmax(-1), reduction="batchmean", log_target=True))


def fidelity_jobs():
    for count in (1000, 10_000, 50_000):
        yield from ({"arm": arm, "count": count} for arm in ("hard labels", "soft"))
    yield {"arm": "soft", "count": 50_000, "near": 0.5}
    yield {"arm": "soft", "count": 50_000, "steps": 3600}


SECTIONS = {
    "taken_apart": (taken_apart, taken_apart_jobs),
    "weighting": (weighting, weighting_jobs),
    "fidelity": (fidelity, fidelity_jobs),
    "teachers": (teachers, teachers_jobs),
}

if __name__ == "__main__":
    sections.main(RECORD, SECTIONS, __doc__.splitlines()[0])
