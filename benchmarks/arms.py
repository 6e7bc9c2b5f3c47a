"""Fair comparisons of students on digits: each arm's learning rate is chosen for that arm, on seeds of its own.

Used by fair_comparisons.py and race.py. An arm is (targets, settings of the recipe); targets are "labels", "argmax" (the
teacher's decisions), "soft" (its logits), "smoothing" (a teacher who says the same of all classes) or "class means" (of
each picture only what the teacher says of its class on average).
"""

from dataclasses import replace

import torch

from kdlab import sweeps
from kdlab.data import load_mnist
from kdlab.intervals import image_error
from kdlab.models import MLP, to_inputs
from kdlab.teachers import load_mnist_teacher, predict_logits

CHOOSING, FRESH = range(5), range(10, 15)  # seeds that choose a learning rate, and those that are reported
LADDER = (5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1, 2e-1, 5e-1)  # learning rates


class Data:
    """Images, labels and the teacher's logits, loaded once."""

    def __init__(self):
        mnist, self.teacher = load_mnist(), load_mnist_teacher()
        self.images, self.labels = to_inputs(mnist.train_images), torch.from_numpy(mnist.train_labels)
        self.test = to_inputs(mnist.test_images), torch.from_numpy(mnist.test_labels)
        self.piles = {"validation": (self.images[50_000:], self.labels[50_000:]), "test": self.test}

    def first(self, count):
        """(inputs, labels, teacher_logits) of the first training images."""
        return self.images[:count], self.labels[:count], predict_logits(self.teacher, self.images[:count])


def soft(*temperatures, **settings):
    """Arms with soft targets at these temperatures."""
    return {f"T = {t}": ("soft", {"temperature": t, **settings}) for t in temperatures}


def class_means(labels, logits, temperature):
    """Logits whose softmax at this temperature is the mean soft target of all pictures with the same label."""
    means = torch.stack([(logits[labels == c] / temperature).softmax(-1).mean(0) for c in range(logits.shape[-1])])
    return temperature * means.log()[labels]


def _targets(target, labels, logits, settings):
    match target:
        case "labels":
            return labels, None
        case "argmax":
            return logits.argmax(-1), None
        case "soft":
            return labels, logits
        case "smoothing":
            return labels, torch.zeros_like(logits)
        case "class means":
            return labels, class_means(labels, logits, settings["temperature"])


def wrong_of(arms, recipe, seeds, pile, piles, hidden, together=10):
    """{arm: {name of a pile: bool (seeds, images), True where the student is wrong}}.

    All students learn from `pile` (inputs, labels, teacher_logits), together, `together` seeds at a time; those of a
    seed share initial weights and batches.
    """
    inputs, labels, logits = pile
    targets = {name: _targets(target, labels, logits, settings) for name, (target, settings) in arms.items()}
    found, seeds = {name: {key: [] for key in piles} for name in arms}, list(seeds)
    for some in (seeds[i : i + together] for i in range(0, len(seeds), together)):
        order = [(name, seed) for seed in some for name in arms]
        students = [MLP(784, *hidden, 10, seed=seed) for _, seed in order]
        recipes = [replace(recipe, seed=seed, **arms[name][1]) for name, seed in order]
        hard, taught = zip(*(targets[name] for name, _ in order), strict=True)
        sweeps.fit(students, inputs, list(hard), list(taught), recipes=recipes, progress=False)
        for key, (images, truth) in piles.items():
            wrong = sweeps.predict_logits(students, images).argmax(-1) != truth
            for (name, _), row in zip(order, wrong, strict=True):
                found[name][key].append(row)
    return {name: {key: torch.stack(rows) for key, rows in own.items()} for name, own in found.items()}


def counted(wrong):
    """{pile: errors by seed} from {pile: bool (seeds, images)}."""
    return {key: rows.sum(-1).tolist() for key, rows in wrong.items()}


def image_errors(wrong, pile="test"):
    """{"A - B": standard error of the difference over the choice of images} for all pairs of arms."""
    share = {name: own[pile].double().mean(0).tolist() for name, own in wrong.items()}
    names = list(share)
    return {f"{a} - {b}": round(image_error(share[a], share[b]), 2) for a in names for b in names if a != b}


def at_rate(arms, rates):
    """Each arm with a learning rate: one for all, or {arm: rate}."""
    of = rates.get if isinstance(rates, dict) else lambda _: rates
    return {name: (target, {**settings, "learning_rate": of(name)}) for name, (target, settings) in arms.items()}


def tune(arms, rates, recipe, pile, data, hidden, *, tried=None, seeds=CHOOSING, keep=lambda tried: None):
    """Validation errors at every rate, {arm: {rate: errors by seed}}, for a grid that goes on until no best is at its edge.

    All arms have the same grid. What is in `tried` is not run again; `keep` gets it after each rate.
    """
    tried = {name: dict((tried or {}).get(name, {})) for name in arms}
    rates = sorted({*rates, *(float(rate) for own in tried.values() for rate in own)})
    piles = {"validation": data.piles["validation"]}
    while True:
        for rate in rates:
            todo = {name: arm for name, arm in arms.items() if f"{rate:g}" not in tried[name]}
            if todo:
                wrong = wrong_of(at_rate(todo, rate), recipe, seeds, pile, piles, hidden)
                for name, own in wrong.items():
                    tried[name][f"{rate:g}"] = counted(own)["validation"]
                keep(tried)
        best = {best_rate(own) for own in tried.values()}
        further = [LADDER[LADDER.index(rates[0]) - 1]] if rates[0] in best else []
        further += [LADDER[LADDER.index(rates[-1]) + 1]] if rates[-1] in best else []
        if not further:
            return tried
        rates = sorted({*rates, *further})


def best_rate(tried):
    """The learning rate with the fewest validation errors, of {rate: errors by seed}."""
    return float(min(tried, key=lambda rate: sum(tried[rate])))


def report(arms, rates, recipe, pile, data, hidden, seeds=FRESH):
    """What fresh seeds make of each arm at its rate: {"arms": {arm: {"rate", "validation", "test"}}, "image_error"}."""
    wrong = wrong_of(at_rate(arms, rates), recipe, seeds, pile, data.piles, hidden)
    rows = {name: {"rate": rates[name], **counted(own)} for name, own in wrong.items()}
    return {"arms": rows, "image_error": image_errors(wrong)}
