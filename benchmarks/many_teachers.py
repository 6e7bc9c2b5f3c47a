"""The experiments of lesson 10: python benchmarks/many_teachers.py [--again] [section ...], about a quarter of an hour on one core.

Every arm's learning rate (and its weight or temperature, where it has one) is chosen for it on validation images, by
seeds 10 to 12 (`tasks`: 10 and 11), from a series of steps of about two that goes on until the best is not the last on either side.
Then it runs with seeds 0 to 4 and is judged on test images, which chose nothing. A seed decides on labels, initial
weights and batches; the same seed is the same for all arms.

crowd        ten teachers of few labels each, their students, their doubt
own_argmax   students of one teacher's bare argmax (pseudo-labels); its soft answers are "one" in `crowd`
halves       two specialists for five classes each, side by side, and their student
none_of_mine why the student of two who may say "none of mine" is poor: how sure they are, and a student of their argmax
schooling    the same with specialists that have learned for different times
tasks        one body for two tasks, each with a teacher of its own
no_help      born-again generations, mutual learning, smoothing
no_help_again  some of it with more seeds: 30 to 41 choose the rates, 20 to 29 are judged
baseline     labels alone at the rates that were tried: the seeds that `no_help` and `no_help_again` are judged by
assistants   a network of middle size between a large teacher and a tiny student
subliminal   a student that sees noise and three outputs that nobody trained
"""

import statistics
from dataclasses import replace
from functools import cache

import torch
import torch.nn.functional as F
from arms import SEEDS, SERIES, TRIAL_SEEDS, facts
from sections import Record, main

from kdlab import sweeps
from kdlab.crowds import crowd_logits, deal, disagreement, own_scale, side_by_side, train_half, votes
from kdlab.data import load_fashion, load_mnist
from kdlab.labels import balanced_draw
from kdlab.losses import entropy, kl_divergence_core
from kdlab.metrics import accuracy, area_under_curve
from kdlab.models import MLP, to_inputs
from kdlab.teachers import load_mnist_teacher, predict_logits
from kdlab.training import Recipe, batches_of, descend, drain, fit

RECORD = Record("many_teachers", facts)
ALL_SEEDS = (*TRIAL_SEEDS, *SEEDS)
FINAL = slice(len(TRIAL_SEEDS), None)
TEACHER, STUDENT = Recipe(steps=200, batch_size=64), Recipe(steps=300, batch_size=64)


@cache
def world(name):
    """{"unlabelled", "labelled", "validation", "test": (inputs, labels)} of the digits or the clothes."""
    data, cuts = {
        "digits": (load_mnist, (0, 8000, 10_000, 50_000, 50_000, 54_000)),
        "clothes": (load_fashion, (0, 8000, 8000, 10_000, 10_000, 12_000)),
    }[name]
    data = data()
    inputs, labels = to_inputs(data.train_images), torch.from_numpy(data.train_labels)
    parts = zip(("unlabelled", "labelled", "validation"), zip(cuts[::2], cuts[1::2], strict=True), strict=True)
    found = {part: (inputs[start:stop], labels[start:stop]) for part, (start, stop) in parts}
    return found | {"test": (to_inputs(data.test_images), torch.from_numpy(data.test_labels))}


def right(logits, labels):
    """The share of right answers of each of (..., N, classes), as nested lists."""
    return (logits.argmax(-1) == labels).float().mean(-1).tolist()


def tune(score_of, start=SERIES[5:8]):
    """(the best rate, {rate: score}); `score_of(rates)` gives a score for each, higher is better."""
    tried, wanted = {}, list(start)
    while wanted:
        tried |= dict(zip(wanted, score_of(wanted), strict=True))
        best = max(tried, key=tried.get)
        place = SERIES.index(best)
        near = (k for k in (place - 1, place + 1) if 0 <= k < len(SERIES))  # where nothing helps, any rate may be best
        wanted = [SERIES[k] for k in near if SERIES[k] not in tried]
    return best, {f"{rate:g}": round(tried[rate], 4) for rate in sorted(tried)}


def tuned_students(make, targets, recipe, validation, seeds=ALL_SEEDS, **settings):
    """(students with seeds 0 to 4 at the best rate, what was tried); `targets(seed)` gives inputs, labels, logits or None.

    `make(seed)` is the student. Its rate is chosen by the mean right answers of TRIAL_SEEDS on validation images.
    """
    known = {seed: targets(seed) for seed in seeds}

    def students(rate, seeds):
        found = [make(seed) for seed in seeds]
        inputs, labels, logits = (list(part) for part in zip(*(known[seed] for seed in seeds), strict=True))
        recipes = [replace(recipe, learning_rate=rate, seed=seed, **settings) for seed in seeds]
        sweeps.fit(found, inputs, labels, logits, recipes=recipes, progress=False)
        return found

    def score_of(rates):
        images, truth = validation
        return [statistics.mean(right(sweeps.predict_logits(students(r, TRIAL_SEEDS), images), truth)) for r in rates]

    rate, tried = tune(score_of)
    return students(rate, SEEDS), {"learning_rate": rate, "tried": tried, "validation": tried[f"{rate:g}"]}


# --- ten who know little ----------------------------------------------------------------------------------------------

COUNT = 10
STUDENTS = {  # arm: (what it hears, temperature)
    "one": ("one", 1.0),
    "one, T = 4": ("one", 4.0),
    "probabilities": ("probabilities", 1.0),
    "probabilities, T = 4": ("probabilities", 4.0),
    "logits": ("logits", 1.0),
    "logits, T = 4": ("logits", 4.0),
    "argmax": ("argmax", 1.0),
}


def labels_of(name, each, mode, seed):
    """Positions of the labels of each teacher (COUNT, labels) among the labelled images."""
    own = deal(world(name)["labelled"][1], COUNT, each // 10, torch.Generator().manual_seed(seed))
    return {"own": own, "shared": own[:1].expand(COUNT, -1), "pooled": own.reshape(1, -1).expand(COUNT, -1)}[mode]


def small(seed):
    return MLP(784, 64, 10, seed=seed)


def teachers_of(name, each, mode, rate, seeds):
    """COUNT teachers of each seed, one after another."""
    inputs, labels = world(name)["labelled"]
    own = {seed: labels_of(name, each, mode, seed) for seed in seeds}
    rows = [own[seed][k] for seed in seeds for k in range(COUNT)]
    numbers = [100 + 10 * seed + k for seed in seeds for k in range(COUNT)]
    found = [small(number) for number in numbers]
    recipes = [replace(TEACHER, learning_rate=rate, seed=number) for number in numbers]
    sweeps.fit(found, [inputs[r] for r in rows], [labels[r] for r in rows], recipes=recipes, progress=False)
    return found


def say(models, images, groups):
    """Logits (groups, members, N, classes)."""
    logits = sweeps.predict_logits(models, images)
    return logits.view(groups, -1, *logits.shape[1:])


def crowd(data, labels, mode):
    """Teachers of `labels` labels: "own" ones, all the "shared" ones of the first, or all of them "pooled"."""
    here, images, truth = world(data), *world(data)["validation"]
    strangers = world("clothes" if data == "digits" else "digits")["test"][0][:2000]
    crowd_tried = {}

    def score_of(rates):
        scores = []
        for rate in rates:
            said = say(teachers_of(data, labels, mode, rate, TRIAL_SEEDS), images, len(TRIAL_SEEDS))
            together = torch.stack([crowd_logits(own) for own in said])
            crowd_tried[f"{rate:g}"] = round(statistics.mean(right(together, truth)), 4)
            scores.append(statistics.mean(sum(right(said, truth), [])))
        return scores

    rate, tried = tune(score_of)
    teachers = teachers_of(data, labels, mode, rate, ALL_SEEDS)
    final = teachers[len(TRIAL_SEEDS) * COUNT :]
    found = {"learning_rate": rate, "tried": tried, "crowd_tried": crowd_tried}
    said, truth = say(final, here["test"][0], len(SEEDS)), here["test"][1]
    found["single"] = [row[0] for row in right(said, truth)]
    found["singles"] = right(said, truth)
    for how in ("probabilities", "logits", "votes"):
        mix = votes if how == "votes" else lambda own, how=how: crowd_logits(own, how)
        together = {k: torch.stack([mix(own[:k]) for own in said]) for k in (1, 2, 3, 5, 10)}
        found[how] = {str(k): right(own, truth) for k, own in together.items()}
    heard = say(teachers, here["unlabelled"][0], len(ALL_SEEDS))
    arms = STUDENTS if mode == "own" else {arm: STUDENTS[arm] for arm in ("one", "probabilities", "argmax")}
    kept = {}
    found["students"] = {}
    for arm, (what, temperature) in arms.items():
        students, chosen = taught(data, heard, what, temperature)
        logits = sweeps.predict_logits(students, here["test"][0])
        found["students"][arm] = chosen | {"test": right(logits, truth)}
        kept[arm] = logits, sweeps.predict_logits(students, strangers)
    found["doubt"] = doubts(said, say(final, strangers, len(SEEDS)), kept, truth)
    return found


def taught(data, heard, what, temperature):
    """Students of teachers that said `heard` (seeds, COUNT, N, classes) of the unlabelled images."""
    here = world(data)
    inputs, mix = here["unlabelled"][0], {}
    for place, seed in enumerate(ALL_SEEDS):
        mine = heard[place]
        mix[seed] = (
            mine[0]
            if what == "one"
            else crowd_logits(mine, "logits" if what == "logits" else "probabilities", temperature)
        )
    none = torch.zeros(len(inputs), dtype=torch.long)
    if what == "argmax":
        return tuned_students(small, lambda seed: (inputs, mix[seed].argmax(-1), None), STUDENT, here["validation"])
    options = {"temperature": temperature, "alpha": 0}
    return tuned_students(small, lambda seed: (inputs, none, mix[seed]), STUDENT, here["validation"], **options)


def doubts(said, strange, kept, truth):
    """{score: {"own errors", "crowd's errors", "strangers": area under the curve by seed}}."""
    together, apart = (torch.stack([crowd_logits(own) for own in z]) for z in (said, strange))
    views = {
        "one teacher, entropy": (entropy(said[:, 0]), entropy(strange[:, 0]), said[:, 0]),
        "crowd, entropy": (entropy(together), entropy(apart), together),
        "crowd, disagreement": (*(torch.stack([disagreement(own) for own in z]) for z in (said, strange)), together),
    }
    names = {"one": "student of one", "probabilities": "student of the mean", "argmax": "student of the argmax"}
    views |= {names[arm]: (entropy(z), entropy(s), z) for arm, (z, s) in kept.items() if arm in names}
    found, mistaken = {}, together.argmax(-1) != truth
    for name, (inside, outside, answers) in views.items():
        own, count = answers.argmax(-1) != truth, len(outside[0])
        foreign = torch.cat([torch.zeros(count, dtype=torch.bool), torch.ones(count, dtype=torch.bool)])
        found[name] = {
            "own errors": [area_under_curve(*pair) for pair in zip(inside, own, strict=True)],
            "crowd's errors": [area_under_curve(*pair) for pair in zip(inside, mistaken, strict=True)],
            "strangers": [
                area_under_curve(torch.cat([a[:count], b]), foreign) for a, b in zip(inside, outside, strict=True)
            ],
        }
    return found


def crowd_jobs():
    settings = (("digits", 100, "own"), ("digits", 100, "shared"), ("digits", 100, "pooled"))
    settings += (("digits", 20, "own"), ("clothes", 100, "own"), ("clothes", 100, "pooled"))
    yield from ({"data": d, "labels": n, "mode": m} for d, n, m in settings)


def own_argmax(data, labels):
    """Students of the argmax of one teacher, the first of each crowd."""
    here = world(data)
    (row,) = RECORD.rows("crowd", data=data, labels=labels, mode="own")
    teachers = teachers_of(data, labels, "own", row["learning_rate"], ALL_SEEDS)[::COUNT]
    students, chosen = taught(data, say(teachers, here["unlabelled"][0], len(ALL_SEEDS)), "argmax", 1.0)
    return chosen | {"test": right(sweeps.predict_logits(students, here["test"][0]), here["test"][1])}


def own_argmax_jobs():
    yield from (
        {"data": data, "labels": labels} for data, labels in (("digits", 100), ("digits", 20), ("clothes", 100))
    )


# --- two halves -------------------------------------------------------------------------------------------------------

HALF = Recipe(steps=500, batch_size=64)
HALF_STUDENT = Recipe(steps=400, batch_size=64)


def halves(data):
    """Specialists for classes 0 to 4 and 5 to 9: alone, side by side in several ways, and students of that."""
    here = world(data)
    inputs, labels = here["labelled"]
    strange = world("clothes" if data == "digits" else "digits")["labelled"][0][:2000]
    rate, tried = tune(lambda rates: [half_score(data, rate) for rate in rates], SERIES[4:7])
    test, truth, found = here["test"][0], here["test"][1], {"learning_rate": rate, "tried": tried}
    own, joined, heard = {"A": [], "B": []}, {}, {}
    for seed in ALL_SEEDS:
        pair = [specialist(data, first, rate, seed) for first in (0, 5)]
        guarded = [with_strangers(data, first, rate, seed, strange) for first in (0, 5)]
        scales = [own_scale(predict_logits(m, inputs[labels // 5 == k][:2000])) for k, m in enumerate(pair)]
        for name, z in ways(pair, guarded, scales, here["unlabelled"][0]).items():
            heard.setdefault(name, {})[seed] = z
        if seed in SEEDS:
            for k, name in enumerate(own):
                mine = truth // 5 == k
                own[name].append(accuracy(predict_logits(pair[k], test[mine]), truth[mine] - 5 * k))
            joint = ways(pair, guarded, scales, test)
            for name, z in joint.items():
                joined.setdefault(name, []).append(accuracy(z, truth))
            told = joint["plain"].masked_fill(torch.arange(10) // 5 != (truth // 5)[:, None], -1e9)
            joined.setdefault("told which half", []).append(accuracy(told, truth))
    found |= {"alone": own, "joined": joined, "students": {}}
    pictures, right_labels = here["unlabelled"]
    arms = {"true labels": lambda seed: (pictures, right_labels, None)}
    none = torch.zeros_like(right_labels)
    arms |= {name: (lambda seed, name=name: (pictures, none, heard[name][seed])) for name in heard}
    for name, targets in arms.items():
        options = {} if name == "true labels" else {"temperature": 1.0, "alpha": 0}
        students, chosen = tuned_students(small, targets, HALF_STUDENT, here["validation"], **options)
        found["students"][name] = chosen | {"test": right(sweeps.predict_logits(students, test), truth)}
    return found


def specialist(data, first, rate, seed):
    inputs, labels = world(data)["labelled"]
    return train_half(inputs, labels, first, recipe=replace(HALF, learning_rate=rate), seed=2 * seed + first // 5)


def half_score(data, rate):
    images, truth = world(data)["validation"]
    scores = []
    for seed in TRIAL_SEEDS:
        for first in (0, 5):
            mine = truth // 5 == first // 5
            scores.append(
                accuracy(predict_logits(specialist(data, first, rate, seed), images[mine]), truth[mine] - first)
            )
    return statistics.mean(scores)


def with_strangers(data, first, rate, seed, strange):
    """A specialist with a sixth answer, "none of mine", which strangers taught it."""
    inputs, labels = world(data)["labelled"]
    mine = (labels // 5 == first // 5).nonzero().squeeze(1)[: 4 * len(strange)]
    model = MLP(784, 128, 6, seed=2 * seed + first // 5)
    both = torch.cat([inputs[mine], strange])
    wanted = torch.cat([labels[mine] - first, torch.full((len(strange),), 5)])
    fit(model, both, wanted, recipe=replace(HALF, learning_rate=rate, seed=2 * seed + first // 5), jitter=2)
    return model


def side_by_side_of_guarded(guarded, images):
    """Logits (N, 10): the logarithms of what each keeps for its own five classes."""
    return torch.cat([predict_logits(model, images).log_softmax(-1)[:, :5] for model in guarded], -1)


def ways(pair, guarded, scales, images):
    """{name: logits (N, 10)}: how two specialists can be put side by side."""
    parts = [predict_logits(model, images) for model in pair]
    return {
        "plain": torch.cat(parts, -1),
        "centred": side_by_side(parts),
        "centred and scaled": side_by_side(parts, scales),
        "none of mine": side_by_side_of_guarded(guarded, images),
    }


def none_of_mine(data):
    """What two guarded specialists say of the other's kind, joined, and the student of the joined argmax."""
    here, strange = world(data), world("clothes" if data == "digits" else "digits")["labelled"][0][:2000]
    rate = RECORD.rows("halves", data=data)[0]["learning_rate"]
    (test, truth), (pictures, _), heard = here["test"], here["unlabelled"], {}
    found = {"refuses the other's": [], "surest below 0.6": [], "joined": []}
    for seed in ALL_SEEDS:
        guarded = [with_strangers(data, first, rate, seed, strange) for first in (0, 5)]
        heard[seed] = side_by_side_of_guarded(guarded, pictures).argmax(-1)
        if seed in SEEDS:
            other = [predict_logits(m, test[truth // 5 != k]).argmax(-1) == 5 for k, m in enumerate(guarded)]
            found["refuses the other's"].append(float(torch.cat(other).float().mean()))
            joint = side_by_side_of_guarded(guarded, test)
            found["surest below 0.6"].append(float((joint.softmax(-1).amax(-1) < 0.6).float().mean()))
            found["joined"].append(accuracy(joint, truth))
    students, chosen = tuned_students(small, lambda s: (pictures, heard[s], None), HALF_STUDENT, here["validation"])
    return found | {"student of the argmax": chosen | {"test": right(sweeps.predict_logits(students, test), truth)}}


def none_of_mine_jobs():
    yield {"data": "digits"}


def halves_jobs():
    yield from ({"data": data} for data in ("digits", "clothes"))


SCHOOLING = {  # steps and learning rates of A and of B
    "equal": ((500, 2e-2), (500, 2e-2)),
    "gentle": ((500, 5e-3), (500, 5e-3)),
    "B less": ((500, 2e-2), (150, 5e-3)),
    "A less": ((150, 5e-3), (500, 2e-2)),
}


def schooling(of):
    """The ways to join specialists of digits that have learned in different ways; nothing is tuned."""
    (inputs, labels), (test, truth) = world("digits")["labelled"], world("digits")["test"]
    found = {}
    for seed in SEEDS:
        pair = []
        for half, (steps, rate) in enumerate(SCHOOLING[of]):
            recipe = replace(HALF, steps=steps, learning_rate=rate)
            pair.append(train_half(inputs, labels, 5 * half, recipe=recipe, seed=2 * seed + half))
        scales = [own_scale(predict_logits(m, inputs[labels // 5 == k][:2000])) for k, m in enumerate(pair)]
        parts = [predict_logits(model, test) for model in pair]
        joined = {"plain": torch.cat(parts, -1), "centred": side_by_side(parts)}
        joined["centred and scaled"] = side_by_side(parts, scales)
        for name, z in joined.items():
            found.setdefault(name, []).append(accuracy(z, truth))
    return found


def schooling_jobs():
    yield from ({"of": of} for of in SCHOOLING)


# --- two tasks --------------------------------------------------------------------------------------------------------

TASK_TEACHER, TASK_STUDENT = Recipe(steps=800, batch_size=64, learning_rate=5e-3), Recipe(steps=400, batch_size=64)
TASKS = {  # arm: (width, weight of the digit, weight of the turn, from labels)
    "both teachers, 64 units": (64, 1, 1, False),
    "digit alone, 64 units": (64, 1, 0, False),
    "turn alone, 64 units": (64, 0, 1, False),
    "digit alone, 32 units": (32, 1, 0, False),
    "turn alone, 32 units": (32, 0, 1, False),
    "both labels, 64 units": (64, 1, 1, True),
}


@cache
def turned():
    """{part: (inputs, digits, turns)}: each image turned by 0 to 3 quarters, at random, once for all."""
    found = {}
    for number, (part, (inputs, labels)) in enumerate(world("digits").items()):
        turns = torch.randint(4, (len(labels),), generator=torch.Generator().manual_seed(number))
        images = inputs.view(-1, 28, 28).clone()
        for k in range(1, 4):
            images[turns == k] = torch.rot90(images[turns == k], k, (1, 2))
        found[part] = images.flatten(1), labels, turns
    return found


@cache
def task_teachers(seed):
    """What a teacher of the digit and a teacher of the turn say of the unlabelled images, and their right answers."""
    inputs, *answers = turned()["labelled"]
    said, scores = [], []
    for task, classes in ((0, 10), (1, 4)):
        teacher = MLP(784, 200, classes, seed=100 * (task + 1) + seed)
        fit(teacher, inputs, answers[task], recipe=replace(TASK_TEACHER, seed=seed))
        said.append(predict_logits(teacher, turned()["unlabelled"][0]))
        scores.append(accuracy(predict_logits(teacher, turned()["test"][0]), turned()["test"][1 + task]))
    return said, scores


def tasks(arm):
    width, digit, turn, from_labels = TASKS[arm]
    inputs, digits, turns = turned()["unlabelled"]

    def student(rate, seed):
        model, ten, four = MLP(784, width, 14, seed=seed), *task_teachers(seed)[0]
        batches = batches_of(len(inputs), 64, torch.Generator().manual_seed(seed))

        def next_loss(temperature, alpha):
            i = next(batches)
            z = model(inputs[i])
            if from_labels:
                return F.cross_entropy(z[:, :10], digits[i]) + F.cross_entropy(z[:, 10:], turns[i])
            losses = [kl_divergence_core(a, b, temperature=2.0) for a, b in ((z[:, :10], ten[i]), (z[:, 10:], four[i]))]
            return 4 * (digit * losses[0] + turn * losses[1])

        drain(descend(model, next_loss, recipe=replace(TASK_STUDENT, learning_rate=rate, seed=seed)))
        return model

    def scores(model, part):
        images, *answers = turned()[part]
        z = predict_logits(model, images)
        return accuracy(z[:, :10], answers[0]), accuracy(z[:, 10:], answers[1])

    def score_of(rates):
        pairs = {rate: [scores(student(rate, seed), "validation") for seed in TRIAL_SEEDS[:2]] for rate in rates}
        return [statistics.mean(digit * a + turn * b for a, b in pairs[rate]) for rate in rates]

    rate, tried = tune(score_of)
    final = [scores(student(rate, seed), "test") for seed in SEEDS]
    found = {"learning_rate": rate, "tried": tried, "digit": [a for a, _ in final], "turn": [b for _, b in final]}
    found["teachers"] = [task_teachers(seed)[1] for seed in SEEDS]
    return found


def tasks_jobs():
    yield from ({"arm": arm} for arm in TASKS)


# --- what does not help -----------------------------------------------------------------------------------------------

ALONE = Recipe(steps=250, batch_size=64)
WEIGHTS = (0.0, 0.5)  # of the labels, beside an earlier generation
GENERATIONS = 3


def no_help(data, labels):
    """Nets 784-64-10 of few labels, without any help from outside: one way after another."""
    here, (inputs, truth) = world(data), world(data)["labelled"]
    rows = {seed: balanced_draw(truth, labels // 10, torch.Generator().manual_seed(seed)) for seed in ALL_SEEDS}
    own = {seed: (inputs[rows[seed]], truth[rows[seed]]) for seed in ALL_SEEDS}
    test, answers = here["test"]
    found = {}

    def keep(name, models, chosen):
        said = sweeps.predict_logits(models, test)
        found[name] = chosen | {"test": right(said, answers)}
        return said

    def arm(offset, logits=lambda seed: None, **settings):
        make = lambda seed: small(1000 * offset + seed)  # noqa: E731
        return tuned_students(make, lambda s: (*own[s], logits(s)), ALONE, here["validation"], **settings)

    def with_trials(students, chosen, offset, logits, **settings):
        """What students of all seeds, the trial ones too, say of their own images: the next generation's teachers."""
        trial = [small(1000 * offset + seed) for seed in TRIAL_SEEDS]
        parts = zip(*((*own[seed], logits(seed)) for seed in TRIAL_SEEDS), strict=True)
        recipes = [replace(ALONE, learning_rate=chosen["learning_rate"], seed=s, **settings) for s in TRIAL_SEEDS]
        sweeps.fit(trial, *map(list, parts), recipes=recipes, progress=False)
        return {s: predict_logits(m, own[s][0]) for s, m in zip(ALL_SEEDS, [*trial, *students], strict=True)}

    alone, chosen = arm(0)
    first = keep("labels_alone", alone, chosen)
    said = with_trials(alone, chosen, 0, lambda seed: None)
    generations, others = [first], [first]
    for number in range(1, GENERATIONS + 1):
        tried = {}
        for alpha in WEIGHTS:
            options = {"alpha": alpha, "temperature": 1.0}
            tried[alpha] = (*arm(number, lambda s, said=said: said[s], **options), options)
        alpha = max(tried, key=lambda a: tried[a][1]["validation"])
        students, chosen, options = tried[alpha]
        generations.append(keep(f"born again, generation {number}", students, chosen | {"alpha": alpha}))
        said = with_trials(students, chosen, number, lambda s, said=said: said[s], **options)
        others.append(sweeps.predict_logits(arm(10 + number)[0], test))
    for name, several in (("all generations together", generations), ("four that never met", others)):
        found[name] = {"test": right(torch.stack([crowd_logits(own) for own in torch.stack(several, 1)]), answers)}
    tried = {}
    for smoothing in (0.1, 0.3):
        shrug = {seed: torch.zeros(labels, 10) for seed in ALL_SEEDS}
        tried[smoothing] = arm(0, lambda s, shrug=shrug: shrug[s], alpha=1 - smoothing, temperature=1.0)
    best = max(tried, key=lambda s: tried[s][1]["validation"])
    keep("label smoothing", tried[best][0], tried[best][1] | {"smoothing": best})
    models, chosen = mutual(own, here["validation"])
    keep("mutual learning, two", models, chosen)
    return found


class Pair(torch.nn.Module):
    """Two nets that learn side by side."""

    def __init__(self, seed):
        super().__init__()
        self.nets = torch.nn.ModuleList([small(seed), small(5000 + seed)])

    def forward(self, inputs):
        return self.nets[0](inputs)


def first_of_two(own, rate, seed):
    """Deep mutual learning: each of two imitates the other's answers to the same images, beside the labels."""
    pair, (inputs, labels) = Pair(seed), own[seed]
    batches = batches_of(len(labels), 64, torch.Generator().manual_seed(seed))

    def next_loss(temperature, alpha):
        i = next(batches)
        one, two = (net(inputs[i]) for net in pair.nets)
        hard = F.cross_entropy(one, labels[i]) + F.cross_entropy(two, labels[i])
        return hard + kl_divergence_core(one, two.detach()) + kl_divergence_core(two, one.detach())

    drain(descend(pair, next_loss, recipe=replace(ALONE, learning_rate=rate, seed=seed)))
    return pair.nets[0]


def mutual(own, validation):
    """The first of two mutual learners with seeds 0 to 4 at the best rate, and what was tried."""

    def score_of(rates):
        images, truth = validation
        return [
            statistics.mean(accuracy(predict_logits(first_of_two(own, rate, s), images), truth) for s in TRIAL_SEEDS)
            for rate in rates
        ]

    rate, tried = tune(score_of)
    return [first_of_two(own, rate, seed) for seed in SEEDS], {"learning_rate": rate, "tried": tried}


def no_help_jobs():
    yield from ({"data": data, "labels": labels} for data, labels in (("digits", 100), ("clothes", 500)))


FRESH, CHOOSERS = range(20, 30), range(30, 42)


def no_help_again(data, labels):
    """Some of the same with ten fresh seeds; the rates are chosen anew, by twelve seeds, the weights are those of `no_help`."""
    (chosen,) = RECORD.rows("no_help", data=data, labels=labels)
    here, (inputs, truth) = world(data), world(data)["labelled"]
    seeds = [*CHOOSERS, *FRESH]
    rows = [balanced_draw(truth, labels // 10, torch.Generator().manual_seed(seed)) for seed in seeds]
    own = {seed: (inputs[r], truth[r]) for seed, r in zip(seeds, rows, strict=True)}
    images, wanted = map(list, zip(*own.values(), strict=True))
    found, said = {}, None

    def keep(name, students):
        """Choose the rate; `students(rate)` are those of all seeds."""
        known = {}

        def score_of(rates):
            known.update({rate: students(rate) for rate in rates})
            few = {rate: sweeps.predict_logits(known[rate][: len(CHOOSERS)], here["validation"][0]) for rate in rates}
            return [statistics.mean(right(few[rate], here["validation"][1])) for rate in rates]

        rate, tried = tune(score_of, SERIES[4:7])
        logits = sweeps.predict_logits(known[rate][len(CHOOSERS) :], here["test"][0])
        found[name] = {"learning_rate": rate, "tried": tried, "test": right(logits, here["test"][1])}
        return known[rate]

    for number, name in enumerate(("labels_alone", *(f"born again, generation {k}" for k in (1, 2, 3)))):
        alpha = chosen[name].get("alpha", 1.0)

        def students(rate, number=number, said=said, alpha=alpha):
            models = [small(1000 * number + seed) for seed in seeds]
            options = {"temperature": 1.0, "alpha": alpha, "learning_rate": rate}
            recipes = [replace(ALONE, seed=seed, **options) for seed in seeds]
            sweeps.fit(models, images, wanted, said, recipes=recipes, progress=False)
            return models

        models = keep(name, students)
        said = [predict_logits(model, x) for model, x in zip(models, images, strict=True)]
    keep("mutual learning, two", lambda rate: [first_of_two(own, rate, seed) for seed in seeds])
    return found


def no_help_again_jobs():
    yield {"data": "digits", "labels": 100}


def baseline(rate):
    """Digits right of labels alone at this rate, with the five seeds of `no_help` and the ten of `no_help_again`."""
    inputs, truth = world("digits")["labelled"]
    images, answers = world("digits")["test"]
    found = {}
    for name, seeds in (("no_help", SEEDS), ("no_help_again", FRESH)):
        rows = [balanced_draw(truth, 10, torch.Generator().manual_seed(seed)) for seed in seeds]
        models = [small(seed) for seed in seeds]
        recipes = [replace(ALONE, learning_rate=rate, seed=seed) for seed in seeds]
        sweeps.fit(models, [inputs[r] for r in rows], [truth[r] for r in rows], recipes=recipes, progress=False)
        found[name] = right(sweeps.predict_logits(models, images), answers)
    return found


def baseline_jobs():
    yield from ({"rate": rate} for rate in (0.005, 0.01, 0.02))


ASSISTED = Recipe(steps=600, batch_size=64)


def assistants(width, assistant):
    """A student 784-width-10 of the course's large teacher: without a go-between (0), or through 784-assistant-10."""
    here = world("digits")
    inputs, labels = here["unlabelled"]
    large = predict_logits(load_mnist_teacher(), inputs)
    known, found = dict.fromkeys(ALL_SEEDS, large), {}
    if assistant:
        chosen, models = best_temperature(lambda seed: MLP(784, assistant, 10, seed=500 + seed), inputs, labels, known)
        found["assistant_itself"] = chosen | {
            "test": right(sweeps.predict_logits(models, here["test"][0]), here["test"][1])
        }
        trial = [MLP(784, assistant, 10, seed=500 + seed) for seed in TRIAL_SEEDS]
        options = {"temperature": chosen["temperature"], "alpha": 0, "learning_rate": chosen["learning_rate"]}
        recipes = [replace(ASSISTED, seed=seed, **options) for seed in TRIAL_SEEDS]
        sweeps.fit(trial, inputs, labels, large, recipes=recipes, progress=False)
        known = {s: predict_logits(m, inputs) for s, m in zip(ALL_SEEDS, [*trial, *models], strict=True)}
    chosen, models = best_temperature(lambda seed: MLP(784, width, 10, seed=seed), inputs, labels, known)
    return found | chosen | {"test": right(sweeps.predict_logits(models, here["test"][0]), here["test"][1])}


def best_temperature(make, inputs, labels, known):
    """The tuned students at the temperature (1 or 4) that is best on validation images."""
    tried = {}
    for temperature in (1.0, 4.0):
        options = {"temperature": temperature, "alpha": 0}
        targets = lambda seed: (inputs, labels, known[seed])  # noqa: E731
        tried[temperature] = tuned_students(make, targets, ASSISTED, world("digits")["validation"], **options)
    best = max(tried, key=lambda t: tried[t][1]["validation"])
    return tried[best][1] | {"temperature": best}, tried[best][0]


def assistants_jobs():
    yield from ({"width": width, "assistant": assistant} for width in (4, 8) for assistant in (0, 16, 64))


# --- a trap: what shared initial weights carry ------------------------------------------------------------------------

NOISE = Recipe(steps=600, batch_size=64, learning_rate=2e-3)


def start_like(teacher_seed, own_seed, share, sizes):
    """A net whose initial weights are the teacher's to this share and its own for the rest; their spread stays the same."""
    theirs, model = MLP(*sizes, seed=teacher_seed), MLP(*sizes, seed=own_seed)
    with torch.no_grad():
        for p, q in zip(model.parameters(), theirs.parameters(), strict=True):
            p.copy_(share**0.5 * q + (1 - share) ** 0.5 * p)
    return model


@cache
def noise(seed):
    return torch.rand(10_000, 784, generator=torch.Generator().manual_seed(900 + seed)) * 2 - 1


@cache
def digit_teacher(seed, sizes, shuffled):
    """A net that has learned digits on its first ten outputs; or the same digits with labels in another order."""
    inputs, labels = (part[:20_000] for part in world("digits")["labelled"])
    if shuffled:
        labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]
    teacher, batches = MLP(*sizes, seed=seed), batches_of(len(inputs), 64, torch.Generator().manual_seed(seed))

    def next_loss(temperature, alpha):
        i = next(batches)
        return F.cross_entropy(teacher(inputs[i])[:, :10], labels[i])

    drain(descend(teacher, next_loss, recipe=replace(NOISE, seed=seed)))
    return teacher, predict_logits(teacher, noise(seed))[:, 10:]


def subliminal(share, extra, shuffled):
    """Students that imitate `extra` outputs nobody trained, on noise; `share` of their start is the teacher's."""
    sizes = (784, 128, 128, 10 + extra)

    def student(rate, seed):
        _, wanted = digit_teacher(seed, sizes, shuffled)
        model = start_like(seed, seed + 50, share, sizes)
        inputs, batches = noise(seed), batches_of(10_000, 64, torch.Generator().manual_seed(seed))

        def next_loss(temperature, alpha):
            i = next(batches)
            return F.mse_loss(model(inputs[i])[:, 10:], wanted[i])

        drain(descend(model, next_loss, recipe=replace(NOISE, learning_rate=rate, seed=seed)))
        return model

    def score(model, part):
        images, truth = world("digits")[part]
        return accuracy(predict_logits(model, images)[:, :10], truth)

    def score_of(rates):
        return [statistics.mean(score(student(rate, s), "validation") for s in TRIAL_SEEDS) for rate in rates]

    rate, tried = tune(score_of, SERIES[3:7])
    found = {"learning_rate": rate, "tried": tried, "test": [score(student(rate, seed), "test") for seed in SEEDS]}
    found["teacher"] = [score(digit_teacher(seed, sizes, shuffled)[0], "test") for seed in SEEDS]
    found["before"] = [score(start_like(seed, seed + 50, share, sizes), "test") for seed in SEEDS]
    return found


def subliminal_jobs():
    yield from ({"share": share, "extra": 3, "shuffled": False} for share in (1.0, 0.9, 0.5, 0.0))
    yield {"share": 1.0, "extra": 3, "shuffled": True}
    yield from ({"share": share, "extra": extra, "shuffled": False} for extra in (1, 10) for share in (1.0, 0.0))


SECTIONS = {
    "crowd": (crowd, crowd_jobs),
    "own_argmax": (own_argmax, own_argmax_jobs),
    "halves": (halves, halves_jobs),
    "none_of_mine": (none_of_mine, none_of_mine_jobs),
    "schooling": (schooling, schooling_jobs),
    "tasks": (tasks, tasks_jobs),
    "no_help": (no_help, no_help_jobs),
    "no_help_again": (no_help_again, no_help_again_jobs),
    "baseline": (baseline, baseline_jobs),
    "assistants": (assistants, assistants_jobs),
    "subliminal": (subliminal, subliminal_jobs),
}

if __name__ == "__main__":
    main(RECORD, SECTIONS, __doc__.splitlines()[0])
