"""The experiments of lesson 09 over five seeds: python benchmarks/relation_distillation.py [--again] [section ...]

About twenty minutes on one core; stop and go on whenever you like. What is compared are spaces: 16 numbers for each
picture. Every arm has nine tries, each with two seeds of their own: nine learning rates, or three with three temperatures.
A grid whose best try lies at its edge grows there by a row. The best is chosen for each measure by itself, on validation
pictures, and so is the distance (Euclidean or cosine); then it runs with seeds 0 to 4, the same initial weights, batches
and draws for all arms, and is judged on test pictures that chose nothing.
"""

import sys
from functools import cache
from itertools import product

import torch
from feature_distillation import beyond, came_to_its_end, few_world, rates
from sections import Record, main
from torch.nn import functional as F

from kdlab import losses
from kdlab.data import load_fashion, load_mnist
from kdlab.labels import balanced_draw
from kdlab.metrics import accuracy
from kdlab.models import MLP, ConvNet, evaluating, to_inputs
from kdlab.relations import directions, nearest_labels, recall_at_one
from kdlab.teachers import conv_teacher, load_conv_teacher, load_mnist_teacher, predict_logits
from kdlab.training import Recipe, batches_of, descend

SEEDS, CHOOSING_SEEDS = range(5), (100, 101)
WIDTH, STEPS = 16, 300
SEEN = {"all": range(10), "0 to 6": range(7)}
NEW = torch.tensor([7, 8, 9])
WORLDS = (("digits", "all"), ("digits", "0 to 6"), ("clothes", "all"), ("clothes", "0 to 6"))
MEASURES = {"all": ("recall", "one neighbour"), "0 to 6": ("recall",)}

# --- spaces of 16 numbers -------------------------------------------------------------------------------

SHARP = (0.05, 0.1, 0.2)  # temperatures of cosines
ARMS = {  # arm: the temperatures tried
    "labels": None,
    "labels, ReLU": None,
    "logits": (1.0, 2.0, 4.0),
    "logits, ReLU": (1.0, 2.0, 4.0),
    "hint": None,
    "contrastive": SHARP,
    "distances": None,
    "distances, angles": None,
    "similarities": None,
    "similarities, centred": None,
    "cosines": SHARP,
    "cosines, centred": SHARP,
    "cosines of pixels": SHARP,
    "cosines of labels": SHARP,
    "cosines of an untrained network": SHARP,
}
UNTRAINED = "untrained student"
GIVEN = ("teacher", "teacher, 16 directions", "pixels", "pixels, 16 directions")  # spaces that nobody trains


def teacher_sees(task, untrained=False):
    """Maps inputs (N, 784) to what the teacher's head reads, and to its logits; `untrained`: a stranger of its shape."""
    if task == "clothes":
        teacher, key = load_conv_teacher("clothes"), "pooled"
    else:
        teacher, key = MLP(784, 1200, 1200, 10, seed=1) if untrained else load_mnist_teacher(), "hidden"

    def see(inputs):
        with evaluating(teacher):
            parts = [teacher(batch, details=True) for batch in inputs.split(1000)]
        found = [part[key] if key == "pooled" else part[key][-1] for part in parts]
        return torch.cat(found), torch.cat([part["logits"] for part in parts])

    return see


def likeness_to(features):
    """features (N, D) -> `linear_cka` with these, whose own part, most of the work, is done once."""
    theirs = (features - features.mean(0)).double()
    own = (theirs.T @ theirs).norm()

    def likeness(others):
        ours = (others - others.mean(0)).double()
        return round(float((ours.T @ theirs).square().sum() / ((ours.T @ ours).norm() * own)), 4)

    return likeness


@cache
def world(task, known):
    torch.set_num_threads(1)
    source = load_mnist() if task == "digits" else load_fashion()
    held = slice(50_000, 52_000) if task == "digits" else slice(10_000, 12_000)
    train, labels = to_inputs(source.train_images[: held.start]), torch.from_numpy(source.train_labels[: held.start])
    rows = torch.isin(labels, torch.tensor(list(SEEN[known]))).nonzero()[:, 0][:10_000]
    inputs, labels = train[rows], labels[rows]
    see = teacher_sees(task)
    features, logits = see(inputs)
    mean, main_directions = directions(features, 64)
    narrow = (features - mean) @ main_directions
    pixels_mean, pixel_directions = directions(inputs, WIDTH)
    validation = to_inputs(source.train_images[held]), torch.from_numpy(source.train_labels[held])
    test = to_inputs(source.test_images[:4000]), torch.from_numpy(source.test_labels[:4000])
    return {
        "inputs": inputs,
        "labels": labels,
        "logits": logits,
        "features": features,
        "centred": features - mean,
        "narrow": narrow / narrow.std(),
        "one-hot": F.one_hot(labels, 10).float(),
        "pixels": inputs - pixels_mean,
        "untrained": teacher_sees(task, untrained=True)(inputs)[0] if task == "digits" else None,
        "validation": validation,
        "test": test,
        "likeness": likeness_to(see(test[0])[0]),
        "spaces": {
            "teacher": lambda x: see(x)[0],
            "teacher, 16 directions": lambda x: (see(x)[0] - mean) @ main_directions[:, :WIDTH],
            "pixels": lambda x: x,
            "pixels, 16 directions": lambda x: (x - pixels_mean) @ pixel_directions,
        },
    }


def relation_of(arm, here, temperature):
    """loss(embedded, rows) of the arms that compare relations, or None."""
    cosines = {"cosines": "features", "cosines, centred": "centred", "cosines of pixels": "pixels"}
    cosines |= {"cosines of labels": "one-hot", "cosines of an untrained network": "untrained"}
    if arm in cosines:
        wanted = here[cosines[arm]]
        return lambda e, rows: losses.cosine_relation_loss_core(e, wanted[rows], temperature=temperature)
    if arm.startswith("similarities"):
        wanted = here["centred" if "centred" in arm else "features"]
        return lambda e, rows: losses.similarity_preserving_loss_core(e, wanted[rows])
    if arm == "distances":
        return lambda e, rows: losses.relational_distance_loss_core(e, here["narrow"][rows])
    if arm == "distances, angles":
        return lambda e, rows: (
            losses.relational_distance_loss_core(e, here["narrow"][rows])
            + 2 * losses.relational_angle_loss_core(e, here["narrow"][rows])
        )
    return None


def trained(task, known, arm, rate, temperature, seed, steps=STEPS):
    """A student 784-128-16 that has learned this way; None where the loss left the numbers."""
    here, student = world(task, known), MLP(784, 128, WIDTH, seed=seed)
    both = torch.nn.Module()
    both.student = student
    noise = torch.Generator().manual_seed(seed + 70)
    if arm in ("hint", "contrastive"):
        both.extra = torch.nn.Parameter(torch.randn(WIDTH, 64, generator=noise) / WIDTH**0.5)
    elif arm.startswith(("labels", "logits")):
        both.extra = torch.nn.Parameter(torch.randn(WIDTH, 10, generator=noise) / WIDTH**0.5)
        both.bias = torch.nn.Parameter(torch.zeros(10))
    batches = batches_of(len(here["inputs"]), 64, torch.Generator().manual_seed(seed))
    relation = relation_of(arm, here, temperature)

    def next_loss(_, alpha):
        rows = next(batches)
        e = student(here["inputs"][rows])
        if relation:
            return relation(e, rows)
        if arm == "hint":
            return losses.hint_loss_core(e, here["narrow"][rows], projection=both.extra)
        if arm == "contrastive":
            return losses.contrastive_loss_core(e, here["narrow"][rows], temperature=temperature, projection=both.extra)
        answers = (e.relu() if "ReLU" in arm else e) @ both.extra + both.bias
        if arm.startswith("labels"):
            return F.cross_entropy(answers, here["labels"][rows])
        return temperature**2 * losses.kl_divergence_core(answers, here["logits"][rows], temperature=temperature)

    recipe = Recipe(steps=steps, batch_size=64, learning_rate=rate, seed=seed)
    return student if came_to_its_end(descend(both, next_loss, recipe=recipe)) else None


def embed(student, arm, inputs):
    """Features (N, 16): what the head reads, where there is one."""
    found = predict_logits(student, inputs)
    return found.relu() if "ReLU" in arm else found


def recall(features, labels, cosine, only=None):
    """recall@1, among the pictures of these classes where some are named."""
    rows = torch.ones_like(labels, dtype=torch.bool) if only is None else torch.isin(labels, only)
    return recall_at_one(features[rows], labels[rows], cosine=cosine)


def one_neighbour(few, few_labels, many, labels, cosine):
    """Accuracy of the nearest of a few labelled pictures."""
    return float((nearest_labels(many, few, few_labels, cosine=cosine) == labels).double().mean())


def draw(labels, seed):
    return balanced_draw(labels, 10, torch.Generator().manual_seed(seed))


def validated(space, task, known, seed):
    """{measure: {"euclidean", "cosine": value}} of a space, inputs -> features, on validation pictures."""
    images, labels = world(task, known)["validation"]
    features, seen = space(images), torch.tensor(list(SEEN[known]))
    found = {"recall": {name: recall(features, labels, cos, seen) for name, cos in DISTANCES.items()}}
    if "one neighbour" in MEASURES[known]:
        rows, rest = draw(labels, seed), torch.ones(len(labels), dtype=torch.bool)
        rest[rows] = False
        found["one neighbour"] = {
            name: one_neighbour(features[rows], labels[rows], features[rest], labels[rest], cos)
            for name, cos in DISTANCES.items()
        }
    return found


DISTANCES = {"euclidean": False, "cosine": True}


def tested(space, task, known, measure, distance, seed):
    """The same measure on test pictures; for "one neighbour", the ten labelled ones of each class are validation pictures."""
    here, cosine = world(task, known), DISTANCES[distance]
    images, labels = here["test"]
    features = space(images)
    if measure == "recall":
        return recall(features, labels, cosine, None if known == "all" else NEW)
    drawn, drawn_labels = here["validation"]
    rows = draw(drawn_labels, seed)
    return one_neighbour(space(drawn[rows]), drawn_labels[rows], features, labels, cosine)


def try_run(task, known, arm, rate, temperature):
    """What one setting is worth on validation pictures, mean over the seeds that choose."""
    found = []
    for seed in CHOOSING_SEEDS:
        student = trained(task, known, arm, rate, temperature, seed)
        if student is None:
            return {name: dict.fromkeys(DISTANCES, 0.0) for name in MEASURES[known]}
        found.append(validated(lambda x, own=student: embed(own, arm, x), task, known, seed))
    return {
        name: {d: round(sum(one[name][d] for one in found) / len(found), 4) for d in DISTANCES}
        for name in MEASURES[known]
    }


def space_run(task, known, measure, arm, rate, temperature, distance, seed):
    if arm in GIVEN:
        space = world(task, known)["spaces"][arm]
    elif arm == UNTRAINED:
        student = MLP(784, 128, WIDTH, seed=seed)
        space = lambda x: embed(student, arm, x)  # noqa: E731
    else:
        student = trained(task, known, arm, rate, temperature, seed)
        if student is None:
            return {"test": 0.0, "cka": 0.0}
        space = lambda x: embed(student, arm, x)  # noqa: E731
    here = world(task, known)
    return {
        "test": tested(space, task, known, measure, distance, seed),
        "cka": here["likeness"](space(here["test"][0])),
    }


def grid_of(arm):
    """Nine settings (rate, temperature)."""
    if ARMS[arm] is None:
        return [(rate, 1.0) for rate in rates(middle=6e-3)]
    return list(product((3e-3, 6e-3, 1.2e-2), ARMS[arm]))


def scores(task, known, arm, measure):
    """{(rate, temperature): {distance: validation score}} of the tries."""
    rows = RECORD.rows("tries", task=task, known=known, arm=arm)
    return {(row["rate"], row["temperature"]): row[measure] for row in rows}


def chosen(known_scores):
    """((rate, temperature), distance) with the highest validation score."""
    return max(
        ((setting, name) for setting, values in known_scores.items() for name in values),
        key=lambda choice: known_scores[choice[0]][choice[1]],
    )


def arms_of(task, known):
    """All arms with digits; with clothes those that the lesson compares."""
    left_out = set()
    if task == "clothes":
        left_out |= {"labels, ReLU", "logits, ReLU", "distances, angles", "cosines of an untrained network"}
        if known != "all":
            left_out |= {"hint", "similarities, centred", "cosines, centred"}
    return [arm for arm in ARMS if arm not in left_out]


def try_jobs():
    for task, known in WORLDS:
        for arm in arms_of(task, known):
            grid = grid_of(arm)
            for _ in range(6):
                for rate, temperature in grid:
                    yield {"task": task, "known": known, "arm": arm, "rate": rate, "temperature": temperature}
                found = {measure: scores(task, known, arm, measure) for measure in MEASURES[known]}
                if not all(found.values()):
                    break
                grid = []
                for own in found.values():
                    grid += [setting for setting in beyond(chosen(own)[0], list(own)) if setting not in grid]
                if not grid:
                    break


def space_jobs():
    for task, known in WORLDS:
        for measure in MEASURES[known]:
            same = {"task": task, "known": known, "measure": measure}
            for arm in GIVEN:
                best = validated(world(task, known)["spaces"][arm], task, known, CHOOSING_SEEDS[0])[measure]
                seeds = SEEDS if measure == "one neighbour" else [0]
                for seed in seeds:
                    yield {**same, "arm": arm, "rate": 0.0, "temperature": 1.0, "distance": max(best, key=best.get), "seed": seed}  # fmt: skip
            for seed in SEEDS:
                yield {**same, "arm": UNTRAINED, "rate": 0.0, "temperature": 1.0, "distance": "euclidean", "seed": seed}
            for arm in arms_of(task, known):
                known_scores = scores(task, known, arm, measure)
                if not known_scores:
                    continue
                (rate, temperature), distance = chosen(known_scores)
                for seed in SEEDS:
                    yield {**same, "arm": arm, "rate": rate, "temperature": temperature, "distance": distance, "seed": seed}  # fmt: skip


# --- a map drawn from distances alone ---------------------------------------------------------------------

MAP = ("teacher", "pixels", "untrained network", "pictures mixed up")  # whose distances
MAP_GIVEN = ("teacher, 2 directions", "pixels, 2 directions", "random places")


def map_run(arm, rate, seed, steps=600):
    """A student with two outputs learns these distances; recall@1 of its map."""
    here = world("digits", "all")
    if arm in MAP_GIVEN:
        mean, main_directions = directions(here["inputs" if arm.startswith("pixels") else "features"], 2)
        see = here["spaces"]["pixels" if arm.startswith("pixels") else "teacher"]
        place = lambda x: (see(x) - mean) @ main_directions  # noqa: E731
        if arm == "random places":
            place = lambda x: torch.randn(len(x), 2, generator=torch.Generator().manual_seed(seed))  # noqa: E731
        return {"test": recall(place(here["test"][0]), here["test"][1], False)}
    wanted = here[{"pixels": "pixels", "untrained network": "untrained"}.get(arm, "narrow")]
    if arm == "pictures mixed up":
        wanted = wanted[torch.randperm(len(wanted), generator=torch.Generator().manual_seed(0))]
    student = MLP(784, 128, 2, seed=seed)
    batches = batches_of(len(wanted), 64, torch.Generator().manual_seed(seed))

    def next_loss(_, alpha):
        rows = next(batches)
        return losses.relational_distance_loss_core(student(here["inputs"][rows]), wanted[rows])

    recipe = Recipe(steps=steps, batch_size=64, learning_rate=rate, seed=seed)
    if not came_to_its_end(descend(student, next_loss, recipe=recipe)):
        return {"validation": 0.1, "test": 0.1}
    return {
        name: recall(predict_logits(student, here[name][0]), here[name][1], False) for name in ("validation", "test")
    }


def map_jobs():
    """Nine learning rates with the seeds that choose, more where the best lies at the edge; the best with five seeds."""
    for arm in MAP:
        wanted = rates(middle=6e-3)
        for _ in range(6):
            for rate, seed in product(wanted, CHOOSING_SEEDS):
                yield {"arm": arm, "rate": rate, "seed": seed}
            tried = {}
            for row in RECORD.rows("map", arm=arm):
                if row["seed"] in CHOOSING_SEEDS:
                    tried[row["rate"]] = tried.get(row["rate"], 0) + row["validation"]
            if not tried:
                return
            best = max(tried, key=tried.get)
            wanted = [rate for rate, _ in beyond((best, 1.0), [(rate, 1.0) for rate in tried])]
            if not wanted:
                break
        for seed in SEEDS:
            yield {"arm": arm, "rate": best, "seed": seed}
    for arm in MAP_GIVEN:
        for seed in SEEDS if arm == "random places" else [0]:
            yield {"arm": arm, "rate": 0.0, "seed": seed}


# --- similarity matrices with a hundred labels --------------------------------------------------------------

FEW = {
    "labels + similarities": "labels",
    "logits + similarities": "logits",
    "labels + similarities, untrained": "labels",
}  # beside lesson 08's plain labels and logits


def few_run(arm, task, rate, weight, seed, steps=200, temperature=4.0):
    """As `few` of feature_distillation.py, with the similarities of the last maps, as the paper takes them."""
    all_inputs, all_labels, validation, test, teacher = few_world(task)
    rows = balanced_draw(all_labels, 10, torch.Generator().manual_seed(seed))
    inputs, labels = all_inputs[rows], all_labels[rows]
    if arm.endswith("untrained"):
        teacher = conv_teacher(task)
    with evaluating(teacher):
        seen = teacher(inputs, details=True)
    maps, logits = seen["maps"][-1], seen["logits"]
    student = ConvNet(8, 16, hidden=32, seed=seed)
    batches = batches_of(100, 50, torch.Generator().manual_seed(seed))

    def next_loss(_, alpha):
        chosen_rows = next(batches)
        own = student(inputs[chosen_rows], details=True)
        loss = F.cross_entropy(own["logits"], labels[chosen_rows])
        if FEW[arm] == "logits":
            soft = losses.kl_divergence_core(own["logits"], logits[chosen_rows], temperature=temperature)
            loss = 0.1 * loss + temperature**2 * soft
        return loss + weight * losses.similarity_preserving_loss_core(own["maps"][-1], maps[chosen_rows])

    recipe = Recipe(steps=steps, batch_size=50, learning_rate=rate, seed=seed)
    if not came_to_its_end(descend(student, next_loss, recipe=recipe)):
        return {"validation": 0.1, "test": 0.1}
    return {
        name: accuracy(predict_logits(student, x), y) for name, (x, y) in (("validation", validation), ("test", test))
    }


def few_jobs():
    """Nine tries with seed 100, as in lesson 08, whose rows for labels and logits stand beside these; the control: digits."""
    for task, arm in product(("digits", "clothes"), FEW):
        if task == "clothes" and arm.endswith("untrained"):
            continue
        same, grid = {"task": task, "arm": arm}, list(product((7e-3, 1.4e-2, 2.8e-2), (30, 300, 3000)))
        for _ in range(9):
            for rate, weight in grid:
                yield {**same, "rate": rate, "weight": weight, "seed": 100}
            tried = {(row["rate"], row["weight"]): row["validation"] for row in RECORD.rows("few", seed=100, **same)}
            if not tried:
                return
            best = max(tried, key=tried.get)
            grid = beyond(best, list(tried))
            if not grid:
                break
        for seed in SEEDS:
            yield {**same, "rate": best[0], "weight": best[1], "seed": seed}


RECORD = Record("relation_distillation")
SECTIONS = {
    "tries": (try_run, try_jobs),
    "spaces": (space_run, space_jobs),
    "map": (map_run, map_jobs),
    "few": (few_run, few_jobs),
}

if __name__ == "__main__":
    sys.exit(main(RECORD, SECTIONS, __doc__.splitlines()[0]))
