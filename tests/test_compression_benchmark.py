"""benchmarks/compression.py: what its arms listen to, how rates are chosen, and that the recorded runs are complete."""

import statistics

import pytest
import torch
from scripts import load_script

from kdlab.compression import pack, quantise, sparsity_of
from kdlab.data import load_results
from kdlab.intervals import t_interval
from kdlab.models import MLP, ConvNet

TUNED = ("mend", "unseen", "gradual", "small", "frontier", "kilobytes", "moved", "kilobytes_few")


@pytest.fixture(scope="module")
def script():
    return load_script("compression")


@pytest.fixture(scope="module")
def recorded():
    return load_results("compression")


def test_every_section_is_recorded_in_full(script, recorded):
    for section, (_, jobs) in script.SECTIONS.items():
        missing = [job for job in jobs() if not any(job.items() <= row.items() for row in recorded[section])]
        assert not missing, f"{section}: {missing[:3]}"


@pytest.mark.parametrize("section", TUNED)
def test_every_arm_has_the_best_of_its_rates_and_it_is_not_at_the_edge(script, recorded, section):
    assert not set(recorded["seeds"]) & set(recorded["trial_seeds"])
    for row in recorded[section]:
        if "tried" in row:
            tried = {float(rate): score for rate, score in row["tried"].items()}
            assert tried[row["learning_rate"]] == min(tried.values()), row
            assert row["learning_rate"] < max(tried), row
            lowest = row["learning_rate"] == min(tried)
            assert not lowest or row["learning_rate"] == pytest.approx(script.RATES[0]), row
        seeds = script.CONV_SEEDS if section in ("kilobytes", "moved") else script.SEEDS
        assert all(len(value) == len(seeds) for value in row.values() if isinstance(value, list)), row


def test_where_the_lowest_rate_is_best_nothing_is_gained_by_training(script, recorded):
    """It is as good as rate 0, so no grid could go on until it has a better neighbour."""
    found = [row for row in recorded["mend"] if row.get("learning_rate") == pytest.approx(script.RATES[0])]
    assert found
    for row in found:
        (as_is,) = (r for r in recorded["mend"] if (r["network"], r["arm"]) == (row["network"], "not mended"))
        pairs = zip(row["validation_errors"], as_is["validation_errors"], strict=True)
        mean, half = t_interval([a - b for a, b in pairs])
        assert mean + half > 0


def test_arms_at_another_arm_s_rate(recorded):
    rate_of = {(row["network"], row["arm"]): row.get("learning_rate") for row in recorded["mend"]}
    for row in recorded["one_rate"]:
        assert row["learning_rate"] == rate_of[row["network"], row["rate_of"]]


def test_a_grid_of_rates_grows_until_its_best_has_worse_neighbours_or_ends(script):
    def searched(best):
        return script.searched(lambda rate, seed: rate, score=lambda rate: abs(rate - best))

    found = searched(0.016)
    assert found["learning_rate"] == 0.016
    assert list(found["tried"]) == ["0.001", "0.002", "0.004", "0.008", "0.016", "0.032"]
    assert searched(0)["learning_rate"] == script.RATES[0] and len(searched(0)["tried"]) == 10


def test_what_the_arms_listen_to(script, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(script.FEW, 784, generator=generator), torch.randint(10, (script.FEW,), generator=generator)
    monkeypatch.setattr(script, "pictures", lambda start, stop: (x, y, None))
    monkeypatch.setattr(script, "dense", lambda seed: MLP(784, 5, 10, seed=seed))
    said = MLP(784, 5, 10, seed=3)(x)
    (inputs, labels, logits), settings = script.task("soft, T = 4", 3)
    assert inputs is x and torch.allclose(logits, said, atol=1e-5) and settings == {"alpha": 0, "temperature": 4}
    (_, labels, logits), settings = script.task("argmax", 3)
    assert torch.equal(labels, said.argmax(-1)) and logits is None and settings == {"alpha": 1}
    (_, labels, logits), settings = script.task("smoothing 0.2", 3)
    assert labels is y and not logits.any() and settings == {"alpha": 0.8, "temperature": 1}
    with pytest.raises(ValueError, match="no such arm: hints"):
        script.task("hints", 3)
    before = MLP(784, 5, 10, seed=1)
    after = script.mended(before, "labels", 1e-3, 0, steps=2)
    assert not torch.equal(before.layers[0].weight, after.layers[0].weight)
    assert torch.equal(before.layers[0].weight, MLP(784, 5, 10, seed=1).layers[0].weight)


def test_zeros_in_rounds_are_as_many_and_take_as_many_steps(script, monkeypatch):
    taken = []

    def mended(model, arm, rate, seed, steps, answers_of):
        taken.append((round(sparsity_of(model), 3), seed, steps, answers_of))
        return model

    monkeypatch.setattr(script, "dense", lambda seed: MLP(784, 20, 10, seed=seed))
    monkeypatch.setattr(script, "mended", mended)
    for way in script.WAYS:
        taken.clear()
        model = script.gradually(way, 1e-3, 2, 300)
        shares, seeds, steps, asked = zip(*taken, strict=True)
        assert sparsity_of(model) == pytest.approx(0.95, abs=1e-3) and sum(steps) == 300 and set(asked) == {2}
        assert list(shares) == sorted(shares) and len(set(seeds)) == len(shares) == script.WAYS[way][0]


@pytest.mark.slow
def test_a_picture_in_all_places(script):
    moved, labels, logits = script.in_all_places()
    x, y, _ = script.few()
    assert moved.shape == (25_000, 784) and torch.equal(moved[12_000:13_000], x) and torch.equal(labels[:1000], y)
    first, corner = x[0].view(28, 28), moved[0].view(28, 28)
    assert torch.equal(corner[2:, 2:], first[:-2, :-2]) and not corner[:2].any() and not corner[:, :2].any()
    assert logits.shape == (25_000, 10)


def test_sparse_weights_give_the_same_answers(script):
    x = torch.rand(5, 784, generator=torch.Generator().manual_seed(0))
    mlp = MLP(784, 12, 10, seed=0)
    assert torch.allclose(script.sparse(mlp)(x), mlp(x), atol=1e-5)


def test_the_bytes_that_are_recorded(script, recorded):
    for row in recorded["kilobytes"]:
        model = script.CONVOLUTIONAL[row["network"]](1)
        assert isinstance(model, ConvNet)
        bits = script.BITS.get(row["weights"])
        assert row["bytes"] == len(pack(quantise(model, bits) if bits else model))


def row_of(recorded, section, **settings):
    (row,) = (row for row in recorded[section] if settings.items() <= row.items())
    return row


def less(recorded, network, arm, than, section="mend", key="validation_errors"):
    """The 95 % interval of arm - than, as (lowest, highest)."""
    ours, theirs = (row_of(recorded, section, network=network, arm=one)[key] for one in (arm, than))
    mean, half = t_interval([a - b for a, b in zip(ours, theirs, strict=True)])
    return mean - half, mean + half


def test_what_mending_shows(recorded):
    soft = "soft, T = 4"
    for network in (
        "90 % zeros",
        "95 % zeros",
        "98 % zeros",
        "neurons 75-25",
        "rank 8",
        "rank 16",
        "ternary",
        "2 bits",
    ):
        assert less(recorded, network, soft, "labels")[1] < 0, network
        assert less(recorded, network, soft, "argmax")[1] < 0, network
        low, high = less(recorded, network, "argmax", "labels")
        assert low < 0 < high, network
    for network in ("4 bits", "8 bits"):
        low, high = less(recorded, network, soft, "labels")
        assert low < 0 < high, network


def test_one_shared_rate_would_have_claimed_more(recorded):
    for network in ("ternary", "2 bits", "90 % zeros"):
        own = row_of(recorded, "mend", network=network, arm="labels")["validation_errors"]
        shared = row_of(recorded, "one_rate", network=network, arm="labels")["validation_errors"]
        assert statistics.mean(shared) > statistics.mean(own)
