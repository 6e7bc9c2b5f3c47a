"""A few of a teacher's probabilities: what is kept, how many bytes, what is lost on average."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from kdlab.losses import kl_divergence, sampled_cross_entropy, top_k_divergence
from kdlab.token_caches import TokenCache, sampled_cache, top_k_cache

quick = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**31)


def draw(*shape, seed=0, scale=2.0):
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed)) * scale


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def dense(cache, vocabulary):
    """The weights in a full table (M, vocabulary)."""
    table = torch.zeros(len(cache), vocabulary, dtype=torch.double)
    for ids, weights in zip(cache.ids.T, cache.weights.T, strict=True):  # column by column
        table[torch.arange(len(cache)), ids] += weights
    return table


# --- the k likeliest ------------------------------------------------------------------------------


@quick
@given(seeds, st.integers(1, 9))
def test_top_k_keeps_the_likeliest_tokens_with_their_probabilities(seed, k):
    logits = draw(6, 9, seed=seed)
    cache = top_k_cache(logits, k)
    assert cache.kind == "top" and len(cache) == 6 and cache.ids.shape == cache.weights.shape == (6, k)
    for p, ids, weights in zip(logits.softmax(-1).tolist(), cache.ids.tolist(), cache.weights.tolist(), strict=True):
        best = sorted(range(9), key=lambda token: -p[token])[:k]
        assert ids == best and weights == pytest.approx([p[token] for token in best], rel=1e-12)


@pytest.mark.parametrize("rest", ["bucket", "renormalise", "drop"])
def test_a_cache_of_the_whole_vocabulary_is_the_teacher(rest):
    student, teacher = draw(5, 7), draw(5, 7, seed=1)
    cache = top_k_cache(teacher, 7)
    assert torch.allclose(dense(cache, 7), teacher.softmax(-1))
    found = top_k_divergence(student, cache.ids, cache.weights.log(), rest=rest)
    assert found.item() == pytest.approx(kl_divergence(student, teacher).item(), abs=1e-10)


# --- drawn at random ------------------------------------------------------------------------------


@quick
@given(seeds, st.integers(1, 30))
def test_sampled_weights_are_the_shares_of_the_draws(seed, draws):
    logits = draw(5, 6, seed=seed)
    cache = sampled_cache(logits, draws, generator(seed))
    assert cache.kind == "sampled" and len(cache) == 5
    drawn = torch.multinomial(logits.softmax(-1), draws, replacement=True, generator=generator(seed))
    for ids, weights, own in zip(cache.ids.tolist(), cache.weights.tolist(), drawn.tolist(), strict=True):
        kept = {token: weight for token, weight in zip(ids, weights, strict=True) if weight > 0}
        assert kept == pytest.approx({token: own.count(token) / draws for token in set(own)})
        assert len(kept) == sum(weight > 0 for weight in weights)  # each token stands once
    assert (cache.weights > 0).any(0).all()  # no column only fills up


def test_the_generator_decides_the_draws_and_no_global_random_number_is_used():
    logits, before = draw(50, 6), torch.get_rng_state()
    a, b, c = (sampled_cache(logits, 4, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(a.ids, b.ids) and torch.equal(a.weights, b.weights)
    assert a.ids.shape != c.ids.shape or not torch.equal(a.ids, c.ids)


def test_on_average_a_sampled_cache_is_the_teacher_and_a_top_k_cache_is_not():
    logits, count, draws = draw(4), 20_000, 3
    p = logits.softmax(-1)
    share = dense(sampled_cache(logits.expand(count, 4), draws, generator(3)), 4).mean(0)
    deviation = (p * (1 - p) / (count * draws)).sqrt()
    assert ((share - p).abs() < 4 * deviation).all()
    assert ((dense(top_k_cache(logits[None], 3), 4)[0] - p).abs() > 4 * deviation).any()


def expectation(student, teacher, draws):
    """Loss and gradient of all sequences of draws, weighted by their probability: student and teacher (vocabulary,)."""
    p, value, gradient = teacher.softmax(-1).tolist(), 0.0, torch.zeros_like(student)
    for drawn in itertools.product(range(len(p)), repeat=draws):
        z = student.clone().requires_grad_()
        weights = torch.full((draws,), 1 / draws, dtype=torch.double)
        loss = sampled_cross_entropy(z, torch.tensor(drawn), weights)
        chance = math.prod(p[token] for token in drawn)
        value += chance * loss.item()
        gradient += chance * torch.autograd.grad(loss, z)[0]
    return value, gradient


@pytest.mark.parametrize("draws", [1, 2, 3])
def test_the_expected_loss_and_gradient_are_those_of_the_full_distribution(draws):
    student, teacher = draw(4), draw(4, seed=1)
    z, p = student.clone().requires_grad_(), teacher.softmax(-1)
    exact = F.cross_entropy(z, p)
    value, gradient = expectation(student, teacher, draws)
    assert value == pytest.approx(exact.item(), abs=1e-12)
    assert torch.allclose(gradient, torch.autograd.grad(exact, z)[0], atol=1e-12)
    full = torch.autograd.grad(kl_divergence(z, teacher), z)[0]
    assert torch.allclose(gradient, full, atol=1e-12)  # KL differs by a constant, so its gradient is the same


@pytest.mark.parametrize("rest", ["renormalise", "drop"])
def test_truncation_without_a_bucket_pulls_away_from_the_teacher_and_the_bucket_does_not(rest):
    teacher = draw(6)
    cache = top_k_cache(teacher[None], 2)

    def slope(rest):
        z = teacher[None].clone().requires_grad_()  # a student that agrees with the teacher already
        return torch.autograd.grad(top_k_divergence(z, cache.ids, cache.weights.log(), rest=rest), z)[0]

    assert slope("bucket").abs().max() < 1e-12
    pull = -slope(rest)[0]  # where a step leads
    assert (pull[cache.ids[0]] > 1e-4).all()
    others = [token for token in range(6) if token not in cache.ids[0].tolist()]
    assert (pull[others] < -1e-4).all()


# --- bytes ----------------------------------------------------------------------------------------


def test_bytes_of_small_and_large_vocabularies():
    logits = torch.zeros(100, 256)
    logits[:, 255] = 2
    assert top_k_cache(logits, 8).nbytes == 100 * 8 * (1 + 2)
    logits = torch.zeros(100, 257)
    logits[:, 256] = 2
    assert top_k_cache(logits, 8).nbytes == 100 * 8 * (2 + 2)


def test_what_only_fills_up_a_row_costs_nothing():
    ids, weights = torch.tensor([[3, 5, 7], [4, 0, 0]]), torch.tensor([[0.2, 0.2, 0.6], [1.0, 0.0, 0.0]])
    assert TokenCache(ids, weights, "sampled").nbytes == 4 * 3
    logits = draw(200, 30)
    cache = sampled_cache(logits, 12, generator())
    drawn = torch.multinomial(logits.softmax(-1), 12, replacement=True, generator=generator())
    assert cache.nbytes == 3 * sum(len(set(own)) for own in drawn.tolist()) < 200 * 12 * 3


# --- errors ---------------------------------------------------------------------------------------

IDS, WEIGHTS = torch.tensor([[1, 2], [0, 3]]), torch.tensor([[0.5, 0.25], [0.5, 0.5]])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((IDS, WEIGHTS, "best"), 'kind must be "top" or "sampled"'),
        ((IDS.int(), WEIGHTS), "ids must be a tensor int64"),
        ((IDS.tolist(), WEIGHTS), "ids must be a tensor int64"),
        ((IDS[0], WEIGHTS[0]), "ids must be a tensor int64"),
        ((-IDS, WEIGHTS), "must not be negative"),
        ((IDS, WEIGHTS.long()), "weights must be a tensor of floating-point"),
        ((IDS, WEIGHTS[:1]), "same shape"),
        ((IDS[:0], WEIGHTS[:0]), "not empty"),
        ((IDS, -WEIGHTS), "weights must be probabilities"),
        ((IDS, WEIGHTS.log()), "weights must be probabilities"),
        ((IDS, 3 * WEIGHTS), "weights must be probabilities"),
        ((IDS, WEIGHTS * math.nan), "weights must be probabilities"),
        ((IDS, WEIGHTS, "sampled"), "each row must sum to 1"),
    ],
)
def test_a_cache_that_makes_no_sense_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        TokenCache(*arguments)


def test_weights_of_half_precision_are_fine():
    weights = draw(500, 20).softmax(-1).half()
    assert weights.double().sum(1).max() > 1
    TokenCache(torch.arange(20).expand(500, 20), weights)


def test_other_arguments_that_make_no_sense_are_refused():
    logits = draw(3, 5)
    for k in (0, 6, 2.0, True):
        with pytest.raises(ValueError, match="k must be a whole number from 1 to 5"):
            top_k_cache(logits, k)
    for draws in (0, 2.0, True):
        with pytest.raises(ValueError, match="draws"):
            sampled_cache(logits, draws, generator())
    with pytest.raises(ValueError, match="torch.Generator, got int"):
        sampled_cache(logits, 2, 0)
    for call in (lambda z: top_k_cache(z, 2), lambda z: sampled_cache(z, 2, generator())):
        with pytest.raises(ValueError, match="a row for each place"):
            call(draw(2, 3, 5))
        with pytest.raises(ValueError, match="NaN or infinite"):
            call(logits * math.nan)


def test_no_gradient_is_kept():
    logits = draw(3, 5).requires_grad_()
    assert not top_k_cache(logits, 2).weights.requires_grad
    assert not sampled_cache(logits, 2, generator()).weights.requires_grad
