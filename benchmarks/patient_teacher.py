"""Patience and the same view (Beyer et al. 2022), with the networks of Hinton, Vinyals & Dean (2015), section 3.

    python benchmarks/patient_teacher.py [--again] [section ...]

A teacher 784-1200-1200-10 (dropout, pictures moved by up to 2 pixels) and students 784-800-800-10, for 20, 60 and 180
epochs. What a student hears for a picture:

- labels, labels_moved: the true label, on the picture as it is or moved anew at each step;
- cached: the teacher's soft answer (T = 20) on the picture as it is;
- stale: the picture is moved, the answer is the one for the picture as it was;
- same_view: the picture is moved, and the teacher answers the moved one.

Sections: `teachers` (settings compared on the last 10 000 training images, then one for each seed from all 60 000), `tuning`
(each arm's learning rate at each length, on those 10 000 validation images, one seed), `students` (60 000 images, three seeds,
the test set read once each). All networks of a job are trained at once, on a GPU where there is one: ten minutes there, most of
a day on one core. Weights of teachers are kept in benchmarks/runs/ (not in git). A job that is recorded is not run again.
"""

import math
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from sections import Record, main
from torch.nn import functional as F

from kdlab.data import load_mnist
from kdlab.models import MLP, to_inputs

RUNS = Path(__file__).parent / "runs" / "patient_teacher"
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
BATCH, TEMPERATURE, SHIFT, SIDE = 128, 20.0, 2, 28
TEACHER, STUDENT, SCALE = (784, 1200, 1200, 10), (784, 800, 800, 10), 0.5
TEACHER_EPOCHS, SEEDS = 180, (0, 1, 2)
LENGTHS = (20, 60, 180)
RATES = (2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3)
ARMS = {  # moved pictures?, what is heard
    "labels": (False, "labels"),
    "labels_moved": (True, "labels"),
    "cached": (False, "cached"),
    "stale": (True, "cached"),
    "same_view": (True, "asked"),
}


def device_facts():
    name = torch.cuda.get_device_name() if DEVICE.type == "cuda" else "CPU"
    return {"device": name, "batch": BATCH, "temperature": TEMPERATURE, "of": 10_000}


RECORD = Record("patient_teacher", device_facts)


# --- pictures


def pictures(part):
    """(inputs, labels) of "train" (50 000), "validation" (10 000), "all" (60 000) or "test" (10 000)."""
    mnist = load_mnist()
    if part == "test":
        images, labels = mnist.test_images, mnist.test_labels
    else:
        own = {"train": slice(50_000), "validation": slice(50_000, None), "all": slice(None)}[part]
        images, labels = mnist.train_images[own], mnist.train_labels[own]
    return to_inputs(images).to(DEVICE), torch.from_numpy(labels).to(DEVICE)


def padded(inputs):
    """Pictures with a border of zeros, and for each of the 25 moves the places to read."""
    wide = SIDE + 2 * SHIFT
    border = F.pad(inputs.view(-1, SIDE, SIDE), (SHIFT,) * 4).reshape(len(inputs), -1)
    places = torch.arange(wide * wide, device=inputs.device).view(wide, wide)
    steps = range(2 * SHIFT + 1)
    return border, torch.stack([places[i : i + SIDE, j : j + SIDE].flatten() for i in steps for j in steps])


UNMOVED = (2 * SHIFT + 1) ** 2 // 2


# --- many networks at once


def stacked(models):
    """The networks as one: weights (S, in, out) and biases (S, 1, out), layer by layer."""
    layers = zip(*(model.layers for model in models), strict=True)
    return [
        tensor.to(DEVICE).contiguous()
        for same in layers
        for tensor in (
            torch.stack([layer.weight.detach().T for layer in same]),
            torch.stack([layer.bias.detach()[None] for layer in same]),
        )
    ]


def forward(weights, x, dropout=None):
    """Logits (S, B, 10) of inputs (S, B, 784); `dropout` (S,) holds each network's probability, in training."""
    for layer in range(0, len(weights), 2):
        if layer:
            x = F.relu(x)
            if dropout is not None:
                keep = 1 - dropout.view(-1, 1, 1)
                x = x * (torch.rand_like(x) < keep) / keep
        x = torch.baddbmm(weights[layer + 1], x, weights[layer])
    return x


@torch.no_grad()
def answers(weights, inputs):
    """Logits (S, N, 10) of all networks for the same inputs (N, 784)."""
    count = len(weights[0])
    return torch.cat([forward(weights, part.expand(count, *part.shape)) for part in inputs.split(2000)], 1)


def fit(weights, *, inputs, labels, epochs, rates, arms, seeds, teachers=None, dropout=None):
    """Train all networks at once, in place. `rates`, `arms`, `seeds` name each one's; those of a seed see the same batches.

    Neighbours with one rate share an optimizer's group, so give networks in the order of their rates. `teachers` maps a
    seed to that teacher's stacked weights (one network).
    """
    own_seeds = sorted(set(seeds))
    row = torch.tensor([own_seeds.index(seed) for seed in seeds], device=DEVICE)
    border, places = padded(inputs)
    moved = torch.tensor([ARMS[arm][0] for arm in arms], device=DEVICE)
    heard = [ARMS[arm][1] for arm in arms]
    hard = torch.tensor([kind == "labels" for kind in heard], device=DEVICE)
    asked = torch.tensor([kind == "asked" for kind in heard], device=DEVICE).view(-1, 1, 1)
    soft = None
    if not hard.all():
        teacher = [torch.cat(same) for same in zip(*(teachers[seed] for seed in own_seeds), strict=True)]
        soft = answers(teacher, inputs)  # (seeds, N, 10)
    per_epoch = len(inputs) // BATCH
    steps = epochs * per_epoch

    groups, bounds, start = [], [], 0
    for rate in dict.fromkeys(rates):
        stop = start + rates.count(rate)
        if set(rates[start:stop]) != {rate}:
            raise ValueError("networks must stand in the order of their rates")
        bounds.append((start, stop))
        start = stop
        groups.append({"params": [w[slice(*bounds[-1])] for w in weights], "lr": torch.tensor(rate, device=DEVICE)})
    optimizer = torch.optim.Adam(groups, fused=True, capturable=DEVICE.type == "cuda")
    full = [torch.tensor(rate, device=DEVICE) for rate in dict.fromkeys(rates)]
    chosen = torch.zeros(len(own_seeds), BATCH, dtype=torch.int64, device=DEVICE)
    moves = torch.full_like(chosen, UNMOVED)
    step = torch.zeros((), device=DEVICE)
    for w in weights:
        w.requires_grad_()

    def one_step():
        factor = torch.minimum(torch.ones_like(step), (step + 1) / (0.05 * steps))  # as kdlab.training.schedule
        factor = factor * (1 + torch.cos(math.pi * step / steps)) / 2
        for group, rate in zip(optimizer.param_groups, full, strict=True):
            group["lr"].copy_(rate * factor)
        wide = border[chosen]  # (seeds, B, 32 · 32)
        there = wide.gather(2, places[moves])  # moved
        here = wide.gather(2, places[UNMOVED].expand_as(there))
        x = torch.where(moved.view(-1, 1, 1), there[row], here[row])
        logits = forward(weights, x, dropout)
        log_q = F.log_softmax(logits, -1)
        loss = -log_q.gather(2, labels[chosen][row].unsqueeze(2)).mean((1, 2))
        if soft is not None:
            with torch.no_grad():
                fresh = forward(teacher, there)
                cached = torch.stack([own[at] for own, at in zip(soft, chosen, strict=True)])
                v = torch.where(asked, fresh[row], cached[row]) / TEMPERATURE
            divergence = F.kl_div(
                F.log_softmax(logits / TEMPERATURE, -1), F.log_softmax(v, -1), log_target=True, reduction="none"
            )
            loss = torch.where(hard, loss, TEMPERATURE**2 * divergence.sum(2).mean(1))
        gradients = torch.autograd.grad(loss.sum(), weights)
        for group, (first, last) in zip(optimizer.param_groups, bounds, strict=True):
            for part, whole in zip(group["params"], gradients, strict=True):
                part.grad = whole[first:last].contiguous()
        optimizer.step()
        step.add_(1)

    run = captured(one_step, optimizer, weights, step) if DEVICE.type == "cuda" else one_step
    generators = [torch.Generator(DEVICE).manual_seed(seed) for seed in own_seeds]
    for _ in range(epochs):
        orders = torch.stack([torch.randperm(len(inputs), generator=g, device=DEVICE) for g in generators])
        turns = torch.stack(
            [torch.randint(len(places), (len(inputs),), generator=g, device=DEVICE) for g in generators]
        )
        for at in range(per_epoch):
            part = slice(at * BATCH, (at + 1) * BATCH)
            chosen.copy_(orders[:, part])
            moves.copy_(turns[:, part])
            run()
    for w in weights:
        w.requires_grad_(False)
    return weights


def captured(one_step, optimizer, weights, step):
    """The step as one CUDA graph: launching its few hundred kernels one by one would take most of the time."""
    before = [w.detach().clone() for w in weights]
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            one_step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        one_step()
    with torch.no_grad():  # the steps of the warm-up are taken back
        for w, old in zip(weights, before, strict=True):
            w.copy_(old)
        for state in optimizer.state.values():
            for value in state.values():
                value.zero_()
        step.zero_()
    return graph.replay


# --- sections


TEACHER_SETTINGS = [(rate, dropout) for rate in (5e-4, 1e-3, 2e-3) for dropout in (0.3, 0.5)]


def teacher_jobs():
    yield {"on": "train"}
    yield {"on": "all"}


def run_teachers(on):
    """On "train": validation errors of each setting, seed 0. On "all": test errors of the best of them, each seed."""
    inputs, labels = pictures(on)
    each = (
        [(*setting, 0) for setting in TEACHER_SETTINGS]
        if on == "train"
        else [(*best_teacher(), seed) for seed in SEEDS]
    )
    rates, dropouts, seeds = ([one[i] for one in each] for i in range(3))
    torch.manual_seed(0)
    weights = fit(
        stacked([MLP(*TEACHER, seed=seed) for seed in seeds]),
        inputs=inputs,
        labels=labels,
        epochs=TEACHER_EPOCHS,
        rates=rates,
        arms=["labels_moved"] * len(each),
        seeds=seeds,
        dropout=torch.tensor(dropouts, device=DEVICE),
    )
    found = mistakes(weights, *pictures("validation" if on == "train" else "test"))
    RUNS.mkdir(parents=True, exist_ok=True)
    kept = [found.index(min(found))] if on == "train" else range(len(each))
    for i in kept:
        save_file({str(n): w[i : i + 1].contiguous() for n, w in enumerate(weights)}, weights_file(on, seeds[i]))
    return {"rates": rates, "dropouts": dropouts, "seeds": seeds, "errors": found}


def best_teacher():
    (row,) = RECORD.rows("teachers", on="train")
    best = row["errors"].index(min(row["errors"]))
    return row["rates"][best], row["dropouts"][best]


def weights_file(on, seed):
    return RUNS / f"teacher-{on}-{seed}.safetensors"


def teacher_weights(on, seed):
    file = weights_file(on, seed)
    if not file.exists():
        raise SystemExit(f"{file.name} is gone: python benchmarks/patient_teacher.py --again teachers")
    return [w.to(DEVICE) for _, w in sorted(load_file(file).items())]


def mistakes(weights, inputs, labels):
    return (answers(weights, inputs).argmax(-1) != labels).sum(1).tolist()


def students(count, seeds):
    models = [MLP(*STUDENT, seed=seed) for seed in seeds]
    weights = stacked(models)
    for w in weights[::2]:
        w *= SCALE  # half of He's size, about PyTorch's default: chosen in an earlier try (benchmarks/README.md)
    return weights


def tuning_jobs():
    for epochs in LENGTHS:
        yield {"epochs": epochs}


def run_tuning(epochs):
    """Validation errors of every arm with every rate, one seed: {arm: {rate: errors}}."""
    pairs = [(rate, arm) for rate in RATES for arm in ARMS]
    rates, arms = [rate for rate, _ in pairs], [arm for _, arm in pairs]
    inputs, labels = pictures("train")
    weights = students(len(pairs), [0] * len(pairs))
    teachers = {0: teacher_weights("train", 0)}
    fit(
        weights,
        inputs=inputs,
        labels=labels,
        epochs=epochs,
        rates=rates,
        arms=arms,
        seeds=[0] * len(pairs),
        teachers=teachers,
    )
    found = {arm: {} for arm in ARMS}
    for (rate, arm), errors in zip(pairs, mistakes(weights, *pictures("validation")), strict=True):
        found[arm][f"{rate:g}"] = errors
    return {"errors": found}


def chosen_rates(epochs):
    (row,) = RECORD.rows("tuning", epochs=epochs)
    return {arm: float(min(tried, key=tried.get)) for arm, tried in row["errors"].items()}


def student_jobs():
    for epochs in LENGTHS:
        if RECORD.rows("tuning", epochs=epochs):
            for seed in SEEDS:
                yield {"epochs": epochs, "seed": seed}


def run_students(epochs, seed):
    """Test errors of every arm at its own rate, {arm: errors}, and on how many images each agrees with its teacher."""
    rate_of = chosen_rates(epochs)
    arms = sorted(rate_of, key=rate_of.get)
    inputs, labels = pictures("all")
    teacher = teacher_weights("all", seed)
    weights = fit(
        students(len(arms), [seed] * len(arms)),
        inputs=inputs,
        labels=labels,
        epochs=epochs,
        rates=[rate_of[arm] for arm in arms],
        arms=arms,
        seeds=[seed] * len(arms),
        teachers={seed: teacher},
    )
    if not all(w.isfinite().all() for w in weights):
        raise RuntimeError("weights are not finite: a learning rate is too large")
    test, truth = pictures("test")
    decided, taught = answers(weights, test).argmax(-1), answers(teacher, test).argmax(-1)
    counts = {name: (decided == against).sum(1).tolist() for name, against in (("right", truth), ("agree", taught))}
    return {
        "rates": rate_of,
        "errors": {arm: len(truth) - count for arm, count in zip(arms, counts["right"], strict=True)},
        "agree": dict(zip(arms, counts["agree"], strict=True)),
    }


SECTIONS = {
    "teachers": (run_teachers, teacher_jobs),
    "tuning": (run_tuning, tuning_jobs),
    "students": (run_students, student_jobs),
}

if __name__ == "__main__":
    main(RECORD, SECTIONS, __doc__.splitlines()[0])
