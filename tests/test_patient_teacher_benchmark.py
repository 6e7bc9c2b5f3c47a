"""benchmarks/patient_teacher.py: many networks at once learn what each would alone, and the recorded runs are complete."""

import math

import pytest
import torch
from scripts import load_script
from torch.nn import functional as F

from kdlab.data import load_results
from kdlab.models import MLP
from kdlab.training import schedule

AT_THE_EDGE = {(20, "same_view"), (180, "labels")}  # the lesson says so


@pytest.fixture(scope="module")
def script():
    module = load_script("patient_teacher")
    module.STUDENT, module.TEACHER, module.BATCH, module.DEVICE = (784, 6, 10), (784, 5, 10), 8, torch.device("cpu")
    return module


def moved(images, moves):
    """Each picture (28 × 28) moved by move // 5 - 2 rows up and move % 5 - 2 columns to the left, zeros behind it."""
    wide = F.pad(images.view(-1, 28, 28), (2,) * 4)
    return torch.stack(
        [w[m // 5 : m // 5 + 28, m % 5 : m % 5 + 28].flatten() for w, m in zip(wide, moves.tolist(), strict=True)]
    )


def alone(script, arm, rate, seed, inputs, labels, teacher, epochs):
    """The same run as a plain loop over one ordinary network."""
    student = MLP(*script.STUDENT, seed=seed)
    with torch.no_grad():
        for layer in student.layers:
            layer.weight *= script.SCALE
    optimizer = torch.optim.Adam(student.parameters(), lr=rate)
    generator = torch.Generator().manual_seed(seed)
    per_epoch, step = len(inputs) // script.BATCH, 0
    for _ in range(epochs):
        order = torch.randperm(len(inputs), generator=generator)
        turns = torch.randint(25, (len(inputs),), generator=generator)
        for part in range(per_epoch):
            own = slice(part * script.BATCH, (part + 1) * script.BATCH)
            plain, y = inputs[order[own]], labels[order[own]]
            shifted = moved(plain, turns[own])
            x = plain if arm in ("labels", "cached") else shifted
            logits = student(x)
            if arm.startswith("labels"):
                loss = F.cross_entropy(logits, y)
            else:
                with torch.no_grad():
                    v = teacher(shifted if arm == "same_view" else plain)
                p = (v / script.TEMPERATURE).softmax(1)
                log_q = (logits / script.TEMPERATURE).log_softmax(1)
                loss = script.TEMPERATURE**2 * (p * (p.log() - log_q)).sum(1).mean()
            optimizer.param_groups[0]["lr"] = rate * schedule(step, epochs * per_epoch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
    return student


def test_networks_trained_at_once_end_where_each_would_alone(script):
    generator = torch.Generator().manual_seed(5)
    inputs = torch.rand(40, 784, generator=generator)
    labels = torch.randint(10, (40,), generator=generator)
    taught = {seed: MLP(*script.TEACHER, seed=10 + seed) for seed in (0, 1)}
    each = [(1e-3, arm, 0) for arm in script.ARMS] + [(4e-3, "same_view", 1), (4e-3, "labels_moved", 0)]
    rates, arms, seeds = ([one[i] for one in each] for i in range(3))
    weights = script.fit(
        script.students(len(each), seeds),
        inputs=inputs,
        labels=labels,
        epochs=3,
        rates=rates,
        arms=arms,
        seeds=seeds,
        teachers={seed: script.stacked([teacher]) for seed, teacher in taught.items()},
    )
    found = script.answers(weights, inputs)
    for own, (rate, arm, seed) in zip(found, each, strict=True):
        expected = alone(script, arm, rate, seed, inputs, labels, taught[seed], 3)(inputs)
        assert torch.allclose(own, expected, atol=1e-4), arm


def test_networks_out_of_the_order_of_their_rates_are_refused(script):
    with pytest.raises(ValueError, match="order of their rates"):
        script.fit(
            script.students(3, [0, 0, 0]),
            inputs=torch.rand(16, 784),
            labels=torch.zeros(16, dtype=torch.int64),
            epochs=1,
            rates=[1e-3, 2e-3, 1e-3],
            arms=["labels"] * 3,
            seeds=[0] * 3,
        )


def test_the_recorded_runs_are_complete_and_their_rates_were_chosen_on_validation_images(script):
    recorded = load_results("patient_teacher")
    edges = {min(script.RATES), max(script.RATES)}
    for epochs in script.LENGTHS:
        (tuned,) = (row for row in recorded["tuning"] if row["epochs"] == epochs)
        rows = [row for row in recorded["students"] if row["epochs"] == epochs]
        assert sorted(row["seed"] for row in rows) == list(script.SEEDS)
        for row in rows:
            assert set(row["errors"]) == set(row["agree"]) == set(script.ARMS)
            for arm, rate in row["rates"].items():
                tried = tuned["errors"][arm]
                assert sorted(map(float, tried)) == sorted(script.RATES)
                assert tried[f"{rate:g}"] == min(tried.values())
                assert (rate in edges) == ((epochs, arm) in AT_THE_EDGE)
    taught = [row for row in recorded["teachers"] if row["on"] == "all"]
    assert len(taught[0]["errors"]) == len(script.SEEDS) and all(map(math.isfinite, taught[0]["errors"]))
