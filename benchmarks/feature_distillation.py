"""The experiments of lesson 08 over five seeds: python benchmarks/feature_distillation.py [--again] [section ...]

About half an hour on one core; stop and go on whenever you like. Every arm has nine tries with a seed of their own, 100: nine
learning rates, or three with three weights of what it imitates. The best on validation data is run with seeds 0 to 4,
the same initial weights, batches and draws for all arms, and judged on test images that chose nothing. A grid whose
best try lies at its edge grows there by a row, up to eight times.
"""

import sys
from functools import cache
from itertools import product

import torch
from sections import Record, main

from kdlab.data import clutter, load_fashion, load_mnist
from kdlab.features import last_maps, share_inside, teacher_cache, train_student
from kdlab.labels import balanced_draw
from kdlab.losses import decoupled_distillation_loss_core, hint_loss_core, kl_divergence_core
from kdlab.metrics import accuracy
from kdlab.models import MLP, ConvNet, to_inputs
from kdlab.teachers import conv_teacher, load_conv_teacher, load_mnist_teacher, predict_logits
from kdlab.training import Recipe, batches_of, descend
from kdlab.training import train as train_plainly

SEEDS, CHOOSING_SEED = range(5), 100


def rates(*, middle=1e-2, factor=1.6):
    """Nine learning rates around the middle one."""
    return [float(f"{middle * factor**k:.2g}") for k in range(-4, 5)]


def tries(weights):
    """Nine settings (learning rate, weight): nine rates, or three rates with three weights."""
    return [(rate, 1.0) for rate in rates()] if weights is None else list(product((7e-3, 1.4e-2, 2.8e-2), weights))


# --- where to look: digits in clutter ---------------------------------------------------------------

ATTENTION, HINT = (10, 40, 160), (4, 16, 64)
FAINT_HINT = (0.03, 0.3, 3)  # for controls: a hint of no use is best where it hardly counts
CLUTTER = {  # arm: (parts with fixed weights, the part whose weight is chosen, its weights, what the cache holds)
    "labels": ({"labels": 1}, None, None, "teacher"),
    "logits": ({"logits": 1, "labels": 0.1}, None, None, "teacher"),
    "labels + attention": ({"labels": 1}, "attention", ATTENTION, "teacher"),
    "labels + hint": ({"labels": 1}, "hint", HINT, "teacher"),
    "logits + attention": ({"logits": 1, "labels": 0.1}, "attention", (40, 160, 640), "teacher"),
    "logits + hint": ({"logits": 1, "labels": 0.1}, "hint", HINT, "teacher"),
    "labels, pictures moved": ({"labels": 1}, None, None, "moved"),
    "untrained attention": ({"labels": 1}, "attention", ATTENTION, "untrained"),
    "brightness as attention": ({"labels": 1}, "attention", ATTENTION, "brightness"),
    "untrained hint": ({"labels": 1}, "hint", FAINT_HINT, "untrained"),
    "shuffled hint": ({"labels": 1}, "hint", FAINT_HINT, "shuffled"),
    "labels + hint, pictures moved": ({"labels": 1}, "hint", HINT, "asked anew"),
    "logits, pictures moved": ({"logits": 1, "labels": 0.1}, None, None, "asked anew"),
}
LONG = ("labels", "logits", "labels + attention", "labels + hint", "logits + hint", "labels, pictures moved",
        "labels + hint, pictures moved", "logits, pictures moved")  # fmt: skip
MOST_MOVED = 3  # pixels each way, anew at every step


@cache
def clutter_world():
    """{"train": (inputs, labels), "validation" and "test": (inputs, labels, boxes), caches by name}."""
    torch.set_num_threads(1)
    mnist = load_mnist()
    parts = {
        "train": (mnist.train_images[:3000], mnist.train_labels[:3000], mnist.train_images[:50_000]),
        "validation": (
            mnist.train_images[50_000:52_000],
            mnist.train_labels[50_000:52_000],
            mnist.train_images[50_000:],
        ),
        "test": (mnist.test_images[:4000], mnist.test_labels[:4000], mnist.test_images),
    }
    world = {}
    for seed, (name, (images, labels, others)) in enumerate(parts.items()):
        pictures, boxes = clutter(images, others, seed=seed)
        world[name] = to_inputs(pictures), torch.from_numpy(labels), torch.from_numpy(boxes)
    inputs = world["train"][0]
    known = teacher_cache(load_conv_teacher("clutter"), inputs)
    pixels = inputs.reshape(-1, 1, 28, 28)
    bright = torch.nn.functional.avg_pool2d(pixels.square(), 4).sqrt()
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))
    world["teacher"] = known
    world["untrained"] = teacher_cache(conv_teacher("clutter"), inputs)
    world["brightness"] = known | {"attention": bright}
    world["shuffled"] = known | {"hint": known["hint"][order]}  # hints that belong to other pictures
    return world


def clutter_run(arm, rate, weight, seed, steps=400, temperature=4.0):
    """{"validation", "test": accuracies, "share": of the attention in the box, "curve": [[step, validation accuracy]]}."""
    world = clutter_world()
    fixed, part, _, source = CLUTTER[arm]
    weights = dict(fixed) | ({part: weight} if part else {})
    student = ConvNet(8, 16, 16, strides=(2, 1, 2), hidden=32, seed=seed)
    inputs, labels, _ = world["train"]

    def evaluate(model):
        return {"accuracy": accuracy(predict_logits(model, world["validation"][0]), world["validation"][1])}

    recipe = Recipe(steps=steps, batch_size=64, learning_rate=rate, seed=seed, temperature=temperature)
    options = {
        "recipe": recipe,
        "evaluate": evaluate,
        "evaluate_every": steps // 8 if seed in SEEDS else steps,
    }
    try:
        if source == "moved":  # what one would try without a teacher
            records = list(train_plainly(student, inputs, labels, jitter=MOST_MOVED, **options))
        elif source == "asked anew":
            records = list(train_on_moved(student, inputs, labels, weights, **options))
        else:
            records = list(train_student(student, inputs, labels, world[source], weights=weights, **options))
    except RuntimeError:  # the loss left the numbers: a learning rate too high
        return {"validation": 0.1, "test": 0.1, "share": 0.25}
    curve = [[record["step"], round(record["accuracy"], 4)] for record in records if "accuracy" in record]
    test, truth, boxes = world["test"]
    return {
        "validation": curve[-1][1],
        "test": accuracy(predict_logits(student, test), truth),
        "share": round(share_inside(last_maps(student, test), boxes), 4),
    } | ({"curve": curve} if arm in LONG and seed in SEEDS else {})


def train_on_moved(student, inputs, labels, weights, *, recipe, **options):
    """Labels, and hints or logits, of moved pictures: the teacher is asked about each of them as it lies."""
    teacher = load_conv_teacher("clutter")
    scale = last_maps(teacher, inputs).std()
    both = torch.nn.Module()
    both.student = student
    noise = torch.randn(16, 32, generator=torch.Generator().manual_seed(recipe.seed + 70))
    both.projection = torch.nn.Parameter(noise / 4)
    batches = batches_of(len(inputs), recipe.batch_size, torch.Generator().manual_seed(recipe.seed))

    def next_loss(temperature, alpha):
        rows = next(batches)
        pictures = moved(inputs[rows])
        seen = student(pictures, details=True)
        with torch.no_grad():
            wanted = teacher(pictures, details=True)
        loss = weights["labels"] * torch.nn.functional.cross_entropy(seen["logits"], labels[rows])
        if "logits" in weights:
            soft = kl_divergence_core(seen["logits"], wanted["logits"], temperature=temperature)
            return loss + weights["logits"] * temperature**2 * soft
        hint = hint_loss_core(seen["maps"][-1], wanted["maps"][-1] / scale, projection=both.projection)
        return loss + weights["hint"] * hint

    evaluate = options.pop("evaluate")
    return descend(both, next_loss, recipe=recipe, evaluate=lambda _: evaluate(student), **options)


def moved(pictures):
    """Each of the pictures (N, 784) by up to MOST_MOVED pixels each way, zeros moving in."""
    wide = torch.nn.functional.pad(pictures.reshape(-1, 28, 28), (MOST_MOVED,) * 4)
    starts = torch.randint(2 * MOST_MOVED + 1, (2, len(pictures), 1))
    rows, columns = starts + torch.arange(28)
    return wide[torch.arange(len(pictures))[:, None, None], rows[:, :, None], columns[:, None]].flatten(1)


def choose_and_compare(section, arm, grid, seeds=SEEDS, **more):
    """The jobs of an arm: its tries, rows beyond an edge where the best one lies there, and the seeds of the best."""
    same, known = {"arm": arm, **more}, {}
    for _ in range(9):
        for rate, weight in grid:
            yield {**same, "rate": rate, "weight": weight, "seed": CHOOSING_SEED}
        rows = RECORD.rows(section, seed=CHOOSING_SEED, **same)
        known = {(row["rate"], row["weight"]): row["validation"] for row in rows}
        if not known:
            return
        grid = beyond(max(known, key=known.get), list(known))
        if not grid:
            break
    best = dict(zip(("rate", "weight"), max(known, key=known.get), strict=True))
    for seed in seeds:
        yield {**same, **best, "seed": seed}


def beyond(best, settings):
    """The settings of the next row of the grid, if the best ones lie at its edge; else none."""
    for axis in range(2):
        values, others = (sorted({setting[k] for setting in settings}) for k in (axis, 1 - axis))
        if len(values) == 1 or best[axis] not in (values[0], values[-1]):
            continue
        step = values[1] / values[0]
        new = float(f"{best[axis] * step if best[axis] == values[-1] else best[axis] / step:.2g}")
        return [(new, other) if axis == 0 else (other, new) for other in others]
    return []


def clutter_jobs():
    for arm, (_, _, weights, _) in CLUTTER.items():
        yield from choose_and_compare("clutter", arm, tries(weights))


def clutter_facts(arm):
    """The teacher on the same test pictures, and how much of the area and of the ink lies in the boxes."""
    teacher, (test, truth, boxes) = load_conv_teacher("clutter"), clutter_world()["test"]
    return {
        "test": accuracy(predict_logits(teacher, test), truth),
        "share": share_inside(last_maps(teacher, test), boxes),
        "area": boxes.float().mean().item(),
        "ink": share_inside(test.reshape(-1, 1, 28, 28), boxes),
    }


def clutter_long_run(arm, rate, weight, seed):
    return clutter_run(arm, rate, weight, seed, steps=1600)


def clutter_long_jobs():
    """Four times the steps: the weight chosen at 400 steps, three learning rates around the one chosen there."""
    for arm in LONG:
        for short in RECORD.rows("clutter", arm=arm, seed=0):
            grid = [(float(f"{short['rate'] * factor:.2g}"), short["weight"]) for factor in (0.4, 1, 2.5)]
            yield from choose_and_compare("clutter_long", arm, grid)


# --- what the answer does not say: odd or even --------------------------------------------------------

NARROW = ("two logits", "two labels", "features", "features, layer 1", "features, raw", "features, standardised",
          "ten logits", "relations", "untrained")  # fmt: skip


@cache
def narrow_world():
    torch.set_num_threads(1)
    mnist, teacher = load_mnist(), load_mnist_teacher()
    train, test = to_inputs(mnist.train_images), to_inputs(mnist.test_images)
    labels, truth = torch.from_numpy(mnist.train_labels), torch.from_numpy(mnist.test_labels)
    with torch.no_grad():
        seen = teacher(train[:10_000], details=True)
    first, second, logits = *seen["hidden"], seen["logits"]
    spread = second - second.mean(0)
    targets = {
        "features": principal(second),
        "relations": principal(second),
        "features, layer 1": principal(first),
        "features, raw": second / second.std(),
        "features, standardised": spread / (second.std(0) + 0.05 * second.std()),
        "ten logits": logits,
        "two logits": torch.stack([logits[:, k::2].logsumexp(-1) for k in (0, 1)], -1),
        "two labels": labels[:10_000] % 2,
    }
    return {
        "inputs": train[:10_000], "labels": labels[:10_000], "targets": targets, "validation": (train[50_000:52_000], labels[50_000:52_000]),
        "test": (test, truth), "draw": (train[52_000:], labels[52_000:]), "teacher": teacher,
    }  # fmt: skip


NEW = ("labels", "logits", "features", "untrained")


@cache
def new_classes_world():
    """The same for a teacher and students that know the digits 0 to 4, and a probe that is asked for 5 to 9."""
    torch.set_num_threads(1)
    mnist = load_mnist()
    train, test = to_inputs(mnist.train_images), to_inputs(mnist.test_images)
    labels, truth = torch.from_numpy(mnist.train_labels), torch.from_numpy(mnist.test_labels)
    old = (labels[:50_000] < 5).nonzero()[:, 0]
    teacher = MLP(784, 400, 400, 5, dropout=0.3)
    recipe = Recipe(steps=2000, batch_size=128, learning_rate=2e-3)
    for _ in train_plainly(teacher, train[old], labels[old], recipe=recipe, jitter=2):
        pass
    teacher.eval().requires_grad_(False)
    inputs = train[old[:10_000]]
    seen = teacher(inputs, details=True)
    world = {
        "inputs": inputs, "teacher": teacher, "targets": {
            "labels": labels[old[:10_000]], "logits": seen["logits"], "features": principal(seen["hidden"][1]),
        },
    }  # fmt: skip
    for name, images, own in (
        ("validation", train[50_000:52_000], labels[50_000:52_000]),
        ("test", test, truth),
        ("draw", train[52_000:], labels[52_000:]),
    ):
        world[name] = images[own >= 5], own[own >= 5] - 5
    return world


def principal(features, count=64):
    """The features' first principal components (N, count), divided by their standard deviation over everything."""
    centred = features - features.mean(0)
    found = centred @ torch.linalg.svd(centred[:2000], full_matrices=False)[2][:count].T
    return found / found.std()


def probe(few, few_labels, many, decay):
    """What a linear probe with ten outputs, trained on the few features, answers for the many."""
    mean, spread = few.mean(0), few.std(0) + 1e-3
    few, many = (few - mean) / spread, (many - mean) / spread
    weight, bias = torch.zeros(few.shape[1], 10, requires_grad=True), torch.zeros(10, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=40, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(few @ weight + bias, few_labels) + decay * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return (many @ weight + bias).detach()


def probed(world, features, seed, evaluated, labels, decays=(1e-3, 1e-2, 1e-1)):
    """Accuracy for each decay: `features` maps images to what the probe reads; ten labelled images a class."""
    images, truth = world["draw"]
    rows = balanced_draw(truth, 10, torch.Generator().manual_seed(seed))
    many = features(evaluated)
    return [accuracy(probe(features(images[rows]), truth[rows], many, decay), labels) for decay in decays]


def narrow_run(arm, rate, weight, seed, temperature=4.0):
    outputs = 2 if arm.startswith("two") else 10
    return probed_student(narrow_world(), arm, rate, seed, outputs, temperature=temperature)


def new_classes_run(arm, rate, weight, seed):
    return probed_student(new_classes_world(), arm, rate, seed, outputs=5)


def distances(features):
    """Of each pair of rows, divided by their mean: the relations of Park et al. 2019, the subject of the next lesson."""
    pairs = torch.pdist(features)
    return pairs / pairs.mean()


def probed_student(world, arm, rate, seed, outputs, steps=1000, temperature=4.0):
    """A student 784-64-64-outputs that learns from this arm's targets, and a probe on its last hidden layer."""
    inputs, target = world["inputs"], world["targets"].get(arm)
    student = MLP(784, 64, 64, outputs, seed=seed)
    both = torch.nn.Module()
    both.student = student
    if arm.startswith("features"):
        width = target.shape[1]
        noise = torch.randn(64, width, generator=torch.Generator().manual_seed(seed + 70))
        both.projection = torch.nn.Parameter(noise / 8)
    batches = batches_of(len(inputs), 64, torch.Generator().manual_seed(seed))

    def next_loss(temperature, alpha):
        rows = next(batches)
        seen, wanted = student(inputs[rows], details=True), target[rows]
        if arm == "relations":
            return torch.nn.functional.smooth_l1_loss(distances(seen["hidden"][-1]), distances(wanted))
        if arm.startswith("features"):
            return hint_loss_core(seen["hidden"][-1], wanted, projection=both.projection)
        if "labels" in arm:
            return torch.nn.functional.cross_entropy(seen["logits"], wanted)
        return temperature**2 * kl_divergence_core(seen["logits"], wanted, temperature=temperature)

    if arm != "untrained":
        recipe = Recipe(steps=steps, batch_size=64, learning_rate=rate, seed=seed, temperature=temperature)
        for _ in descend(both, next_loss, recipe=recipe):
            pass

    def features(images):
        with torch.no_grad():
            return student(images, details=True)["hidden"][-1]

    return probe_both(world, features, seed)


def probe_both(world, features, seed):
    """Validation accuracy at the decay that is best there, and test accuracy at that decay."""
    on_validation = probed(world, features, seed, *world["validation"])
    best = max(range(3), key=on_validation.__getitem__)
    return {"validation": on_validation[best], "test": probed(world, features, seed, *world["test"])[best]}


def baseline_run(arm, seed, task=None):
    """A linear probe on the pixels, or on the teacher's own second layer."""
    world = new_classes_world() if task else narrow_world()

    def of_teacher(images):
        with torch.no_grad():
            return world["teacher"](images, details=True)["hidden"][1]

    return probe_both(world, of_teacher if arm == "the teacher's features" else (lambda images: images), seed)


BASELINES = ("pixels", "the teacher's features")


def new_classes_jobs():
    for arm in NEW:
        grid = [(rate, 1.0) for rate in rates(middle=4e-3)] if arm != "untrained" else [(1e-3, 1.0)]
        yield from choose_and_compare("new_classes", arm, grid)


def narrow_jobs():
    for arm in NARROW:
        grid = [(rate, 1.0) for rate in rates(middle=4e-3)] if arm != "untrained" else [(1e-3, 1.0)]
        yield from choose_and_compare("narrow", arm, grid)


# --- what breaks ---------------------------------------------------------------------------------------

FAULTS = ("none", "no projection", "not learned", "alone", "unplugged", "forgotten")
WEIGHTS = (0.25, 1, 16, 256, 4096)


class Unplugged(ConvNet):
    """Its maps are shown without their history: a hint on them moves the projection, and never the student."""

    def forward(self, inputs, details=False):
        seen = super().forward(inputs, details=True)
        seen["maps"] = [maps.detach() for maps in seen["maps"]]
        return seen if details else seen["logits"]


def breaks_run(fault, weight, seed, steps=400):
    world = clutter_world()
    known, projection = world["teacher"], None
    if fault == "not learned":
        projection = torch.randn(16, 32, generator=torch.Generator().manual_seed(seed)) / 4
    if fault == "no projection":
        known, projection = known | {"hint": known["hint"][:, :16]}, torch.eye(16)
    weights = {"labels": 0 if fault in ("alone", "forgotten") else 1, "hint": weight}
    kind = Unplugged if fault == "unplugged" else ConvNet
    student = kind(8, 16, 16, strides=(2, 1, 2), hidden=32, seed=seed)
    recipe = Recipe(steps=steps, batch_size=64, learning_rate=1.4e-2, seed=seed)
    run = train_student(student, *world["train"][:2], known, weights=weights, recipe=recipe, projection=projection)
    for record in run:
        if fault == "forgotten" and record["step"] == steps // 3:
            weights.update(labels=1, hint=0)
    test, truth, boxes = world["test"]
    return {
        "test": accuracy(predict_logits(student, test), truth),
        "share": round(share_inside(last_maps(student, test), boxes), 4),
    }


def breaks_jobs():
    for fault, weight in product(FAULTS, WEIGHTS):
        if weight == 16 or fault in ("none", "no projection"):
            for seed in SEEDS:
                yield {"fault": fault, "weight": weight, "seed": seed}


TARGETS = ("labels alone", "64 components", "64 components, no projection", "1200 activations")


def targets_run(arm, rate, weight, seed, steps=400):
    """784-64-64-10 with 1000 labels and a hint on the last hidden layer, which stands behind a ReLU: never below 0."""
    world = narrow_world()
    inputs, labels = world["inputs"][:1000], world["labels"][:1000]
    student = MLP(784, 64, 64, 10, seed=seed)
    both = torch.nn.Module()
    both.student, both.projection, target = student, None, None
    if arm != "labels alone":
        target = world["targets"]["features, raw" if arm.startswith("1200") else "features"][:1000]
    if target is not None and "no projection" not in arm:
        noise = torch.randn(64, target.shape[1], generator=torch.Generator().manual_seed(seed + 70))
        both.projection = torch.nn.Parameter(noise / 8)
    batches = batches_of(len(inputs), 64, torch.Generator().manual_seed(seed))

    def next_loss(temperature, alpha):
        rows = next(batches)
        seen = student(inputs[rows], details=True)
        loss = torch.nn.functional.cross_entropy(seen["logits"], labels[rows])
        if target is None:
            return loss
        return loss + weight * hint_loss_core(seen["hidden"][-1], target[rows], projection=both.projection)

    for _ in descend(both, next_loss, recipe=Recipe(steps=steps, batch_size=64, learning_rate=rate, seed=seed)):
        pass
    return {name: accuracy(predict_logits(student, world[name][0]), world[name][1]) for name in ("validation", "test")}


def targets_jobs():
    """Every weight is reported, with the learning rate that is best for it."""
    for arm in TARGETS:
        for weight in (1,) if arm == "labels alone" else (0.1, 1, 10, 100, 1000):
            yield from choose_and_compare(
                "targets", arm, [(rate, weight) for rate in rates(middle=4e-3)], weight=weight
            )


# --- where logits suffice: a hundred labels -----------------------------------------------------------

FEW = {  # arm: (parts with fixed weights, the part whose weight is chosen, its weights)
    "labels": ({"labels": 1}, None, None),
    "labels + attention": ({"labels": 1}, "attention", (10, 40, 160)),
    "labels + hint": ({"labels": 1}, "hint", (1, 8, 64)),
    "logits": ({"logits": 1, "labels": 0.1}, None, None),
    "logits + attention": ({"logits": 1, "labels": 0.1}, "attention", (10, 40, 160)),
    "logits + hint": ({"logits": 1, "labels": 0.1}, "hint", (1, 8, 64)),
    "decoupled": ({}, "decoupled", (1, 4, 16)),
    "logits + untrained hint": ({"logits": 1, "labels": 0.1}, "hint", (1, 8, 64)),
}


def came_to_its_end(records):
    """Take a run to its end; False if the loss left the numbers: a learning rate too high."""
    try:
        for _ in records:
            pass
    except RuntimeError:
        return False
    return True


@cache
def few_world(task):
    torch.set_num_threads(1)
    data = load_mnist() if task == "digits" else load_fashion()
    held = slice(50_000, 52_000) if task == "digits" else slice(10_000, 12_000)
    inputs, labels = to_inputs(data.train_images[:10_000]), torch.from_numpy(data.train_labels[:10_000])
    validation = to_inputs(data.train_images[held]), torch.from_numpy(data.train_labels[held])
    test = to_inputs(data.test_images[:8000]), torch.from_numpy(data.test_labels[:8000])
    return inputs, labels, validation, test, load_conv_teacher(task)


def few_run(arm, task, rate, weight, seed, steps=200, temperature=4.0):
    all_inputs, all_labels, validation, test, teacher = few_world(task)
    rows = balanced_draw(all_labels, 10, torch.Generator().manual_seed(seed))
    inputs, labels = all_inputs[rows], all_labels[rows]
    known = teacher_cache(teacher, inputs)
    if "untrained" in arm:
        known |= {"hint": teacher_cache(conv_teacher(task), inputs)["hint"]}
    student = ConvNet(8, 16, hidden=32, seed=seed)
    recipe = Recipe(steps=steps, batch_size=50, learning_rate=rate, seed=seed, temperature=temperature)
    fixed, part, _ = FEW[arm]
    if part == "decoupled":
        batches = batches_of(100, 50, torch.Generator().manual_seed(seed))

        def next_loss(temperature, alpha):
            chosen = next(batches)
            options = {"temperature": 4.0, "target_weight": 1.0, "rest_weight": weight}
            answers, truth = student(inputs[chosen]), labels[chosen]
            hard = torch.nn.functional.cross_entropy(answers, truth)
            return 0.1 * hard + decoupled_distillation_loss_core(answers, known["logits"][chosen], truth, **options)

        records = descend(student, next_loss, recipe=recipe)
    else:
        weights = dict(fixed) | ({part: weight} if part else {})
        records = train_student(student, inputs, labels, known, weights=weights, recipe=recipe)
    if not came_to_its_end(records):
        return {"validation": 0.1, "test": 0.1}
    return {
        name: accuracy(predict_logits(student, x), y) for name, (x, y) in (("validation", validation), ("test", test))
    }


def few_jobs():
    for task in ("digits", "clothes"):
        for arm, (_, _, weights) in FEW.items():
            yield from choose_and_compare("few", arm, tries(weights), task=task)


# --- the famous one: a deep thin student ---------------------------------------------------------------

DEEP = ("labels", "logits", "hint, then logits", "logits in the middle, then logits")
DEPTH, WIDTH, MIDDLE = 20, 24, 9


def deep_run(arm, rate, weight, seed, steps=1200):
    """784-24-...-24-10, twenty hidden layers; a first stage of a third of the steps trains the lower ten of them alone."""
    world = narrow_world()
    inputs, targets = world["inputs"], world["targets"]
    student = MLP(784, *[WIDTH] * DEPTH, 10, seed=seed)
    both = torch.nn.Module()
    both.student = student
    wanted = targets["features"] if arm.startswith("hint") else targets["ten logits"]
    noise = torch.randn(WIDTH, wanted.shape[1], generator=torch.Generator().manual_seed(seed + 70))
    both.projection = torch.nn.Parameter(noise / WIDTH**0.5)
    batches = batches_of(len(inputs), 64, torch.Generator().manual_seed(seed))

    def of_the_middle(temperature, alpha):
        rows = next(batches)
        middle = student(inputs[rows], details=True)["hidden"][MIDDLE]
        if arm.startswith("hint"):
            return hint_loss_core(middle, wanted[rows], projection=both.projection)
        return 16 * kl_divergence_core(middle @ both.projection, wanted[rows], temperature=4.0)

    def of_the_end(temperature, alpha):
        rows = next(batches)
        answers = student(inputs[rows])
        if arm == "labels":
            return torch.nn.functional.cross_entropy(answers, world["labels"][rows])
        return 16 * kl_divergence_core(answers, targets["ten logits"][rows], temperature=4.0)

    first = steps // 3 if "then" in arm else 0
    for count, loss, learner in ((first, of_the_middle, both), (steps - first, of_the_end, student)):
        if count:
            recipe = Recipe(steps=count, batch_size=64, learning_rate=rate, seed=seed)
            for _ in descend(learner, loss, recipe=recipe):
                pass
    return {name: accuracy(predict_logits(student, world[name][0]), world[name][1]) for name in ("validation", "test")}


def deep_jobs():
    for arm in DEEP:
        yield from choose_and_compare("deep", arm, [(rate, 1.0) for rate in rates(middle=3e-3)])


DEEPER = ("labels", "logits", "hints at every fifth layer", "labels at every fifth layer")


def deeper_run(arm, rate, weight, seed, steps=1200, depth=40):
    """Forty layers; behind each fifth one, the last left out, a matrix of its own leads to the hint or to the labels."""
    world = narrow_world()
    inputs, labels, targets = world["inputs"], world["labels"], world["targets"]
    student = MLP(784, *[WIDTH] * depth, 10, seed=seed)
    both = torch.nn.Module()
    both.student, places = student, range(4, depth - 1, 5) if "fifth" in arm else ()
    width, generator = 64 if arm.startswith("hints") else 10, torch.Generator().manual_seed(seed + 70)
    both.matrices = torch.nn.ParameterList(torch.randn(WIDTH, width, generator=generator) / WIDTH**0.5 for _ in places)
    batches = batches_of(len(inputs), 64, torch.Generator().manual_seed(seed))

    def next_loss(temperature, alpha):
        rows = next(batches)
        seen = student(inputs[rows], details=True)
        if arm == "logits":
            return 16 * kl_divergence_core(seen["logits"], targets["ten logits"][rows], temperature=4.0)
        loss = torch.nn.functional.cross_entropy(seen["logits"], labels[rows])
        for place, matrix in zip(places, both.matrices, strict=True):
            hidden = seen["hidden"][place]
            if arm.startswith("hints"):
                part = hint_loss_core(hidden, targets["features"][rows], projection=matrix)
            else:
                part = torch.nn.functional.cross_entropy(hidden @ matrix, labels[rows])
            loss = loss + weight / len(places) * part
        return loss

    for _ in descend(both, next_loss, recipe=Recipe(steps=steps, batch_size=64, learning_rate=rate, seed=seed)):
        pass
    return {name: accuracy(predict_logits(student, world[name][0]), world[name][1]) for name in ("validation", "test")}


def deeper_jobs():
    for arm in DEEPER:
        grid = [(rate, 1.0) for rate in rates(middle=3e-3)]
        if "fifth" in arm:
            grid = list(product((1e-3, 2e-3, 4e-3), (0.3, 1.0, 3.0)))
        yield from choose_and_compare("deeper", arm, grid)


# --- T = 4 was never chosen: what other temperatures would have given ------------------------------------

TEMPERATURES = (1, 2, 8, 16)
SOFT = {  # task: the arms that learn from soft targets alone (and a tenth of the labels), and where T = 4 is recorded
    "digits": (("logits",), "few", few_run),
    "clothes": (("logits",), "few", few_run),
    "odd or even": (("two logits", "ten logits"), "narrow", narrow_run),
    "clutter": (("logits",), "clutter", clutter_run),
}


def temperatures_run(arm, task, temperature, rate, weight, seed):
    more = {"task": task} if SOFT[task][1] == "few" else {}
    row = SOFT[task][2](arm, rate=rate, weight=weight, seed=seed, temperature=float(temperature), **more)
    return {name: row[name] for name in ("validation", "test")}


def temperatures_jobs():
    """Each temperature with three learning rates around the one that was chosen for T = 4, or more."""
    for task, (arms, section, _) in SOFT.items():
        for arm, temperature in product(arms, TEMPERATURES):
            wanted = {"task": task} if section == "few" else {}
            for row in RECORD.rows(section, arm=arm, seed=0, **wanted):
                grid = [(float(f"{row['rate'] * 2.0**k:.2g}"), 1.0) for k in (-1, 0, 1)]
                yield from choose_and_compare("temperatures", arm, grid, task=task, temperature=temperature)


RECORD = Record("feature_distillation")
SECTIONS = {
    "clutter": (clutter_run, clutter_jobs),
    "clutter_teacher": (clutter_facts, lambda: [{"arm": "teacher"}]),
    "narrow": (narrow_run, narrow_jobs),
    "narrow_baselines": (baseline_run, lambda: [{"arm": arm, "seed": seed} for arm in BASELINES for seed in SEEDS]),
    "few": (few_run, few_jobs),
    "new_classes": (new_classes_run, new_classes_jobs),
    "new_classes_baselines": (
        baseline_run,
        lambda: [{"arm": arm, "seed": seed, "task": "5 to 9"} for arm in BASELINES for seed in SEEDS],
    ),
    "breaks": (breaks_run, breaks_jobs),
    "clutter_long": (clutter_long_run, clutter_long_jobs),
    "deep": (deep_run, deep_jobs),
    "targets": (targets_run, targets_jobs),
    "deeper": (deeper_run, deeper_jobs),
    "temperatures": (temperatures_run, temperatures_jobs),
}

if __name__ == "__main__":
    sys.exit(main(RECORD, SECTIONS, __doc__.splitlines()[0]))
