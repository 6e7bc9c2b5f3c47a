"""The decoder: its formula, what a token may see, the cache, seeds, and two libraries' versions of it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from kdlab.models import LanguageModel, causal_attention


def small(vocabulary=7, seed=0, scale=6.0, **options):
    """A model in double precision, its weights blown up so that every part of it matters."""
    options = {"width": 12, "heads": 3, "layers": 2, "context": 16} | options
    model = LanguageModel(vocabulary, seed=seed, **options).double().eval()
    generator = torch.Generator().manual_seed(seed + 100)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.double)
            parameter.mul_(scale).add_(noise, alpha=0.1)
    return model


def draw_ids(*shape, vocabulary=7, seed=0):
    return torch.randint(vocabulary, shape, generator=torch.Generator().manual_seed(seed))


# --- a slow reference: one text, one token, one head at a time, nothing but NumPy and loops -------


def normalised(x, weight, bias):
    return (x - x.mean()) / math.sqrt(((x - x.mean()) ** 2).mean() + 1e-5) * weight + bias


def gelu(x):
    return np.array([0.5 * value * (1 + math.erf(value / math.sqrt(2))) for value in x])


def reference(model, ids):
    """The logits [L][vocabulary] of one text, a list of ids."""
    w = {name: value.numpy() for name, value in model.state_dict().items()}
    heads, width = model.layers[0].heads, w["tokens.weight"].shape[1]
    states = [w["tokens.weight"][token] + w["positions.weight"][i] for i, token in enumerate(ids)]
    for n in range(len(model.layers)):
        at = {name.removeprefix(f"layers.{n}."): value for name, value in w.items() if name.startswith(f"layers.{n}.")}

        def linear(name, x, at=at):
            return at[f"{name}.weight"] @ x + at[f"{name}.bias"]

        read = [normalised(x, at["attention_norm.weight"], at["attention_norm.bias"]) for x in states]
        queries, keys, values = zip(*(np.split(linear("queries_keys_values", x), 3) for x in read), strict=True)
        mixed = []
        for i in range(len(ids)):
            parts = []
            for h in range(heads):
                own = slice(h * width // heads, (h + 1) * width // heads)
                scores = [queries[i][own] @ keys[j][own] / math.sqrt(width // heads) for j in range(i + 1)]
                weights = [math.exp(score - max(scores)) for score in scores]
                parts.append(sum(a * values[j][own] for j, a in enumerate(weights)) / sum(weights))
            mixed.append(np.concatenate(parts))
        states = [x + linear("mix", part) for x, part in zip(states, mixed, strict=True)]
        read = [normalised(x, at["norm.weight"], at["norm.bias"]) for x in states]
        states = [x + linear("down", gelu(linear("up", y))) for x, y in zip(states, read, strict=True)]
    return [w["tokens.weight"] @ normalised(x, w["norm.weight"], w["norm.bias"]) for x in states]


@pytest.mark.parametrize("heads", [1, 3])
def test_the_model_is_its_formula(heads):
    model, ids = small(heads=heads), draw_ids(2, 9)
    logits = model(ids)
    assert logits.shape == (2, 9, 7)
    for text, rows in zip(ids.tolist(), logits.detach().numpy(), strict=True):
        assert np.allclose(rows, reference(model, text), atol=1e-10)


# --- what a token may see -------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 11))
def test_changing_a_later_token_changes_no_earlier_logit(seed, place):
    model, ids = small(), draw_ids(1, 12, seed=seed)
    other = ids.clone()
    other[0, place] = (ids[0, place] + 1) % 7
    a, b = model(ids)[0], model(other)[0]
    assert torch.equal(a[:place], b[:place])
    assert ((a - b).abs().amax(-1)[place:] > 1e-9).all()  # and from there on, each sees the change


def test_no_gradient_comes_from_what_is_later():
    model, ids = small(), draw_ids(1, 8)
    states = model.tokens(ids).detach().requires_grad_()
    handle = model.tokens.register_forward_hook(lambda module, inputs, output: states)
    gradient = torch.autograd.grad(model(ids)[0, 4].square().sum(), states)[0][0]
    handle.remove()
    assert not gradient[5:].any() and (gradient[:5].abs().amax(-1) > 0).all()


def test_a_batch_is_its_rows_and_a_beginning_is_the_beginning():
    model, ids = small(), draw_ids(3, 10)
    logits = model(ids)
    for n in range(3):
        assert torch.allclose(model(ids[n : n + 1])[0], logits[n], atol=1e-12)
    assert torch.allclose(model(ids[:, :4]), logits[:, :4], atol=1e-12)


def test_the_order_of_the_tokens_counts():
    model = small()
    a, b = model(torch.tensor([[1, 2, 3, 4]])), model(torch.tensor([[2, 1, 3, 4]]))
    assert (a[0, -1] - b[0, -1]).abs().max() > 0.01


# --- weight tying and gradients -------------------------------------------------------------------


def test_the_embedding_is_the_last_layer_too():
    model, ids = small(), draw_ids(1, 5)
    names = [name for name, _ in model.named_parameters()]
    assert not [name for name in names if "head." in name] and names.count("tokens.weight") == 1
    before = model(ids)
    assert 6 not in ids[0, :3]  # so that only the product with the last state can bring in its embedding
    with torch.no_grad():
        model.tokens.weight[6] *= 3
    after = model(ids)
    assert torch.allclose(after[0, :3, 6], 3 * before[0, :3, 6]) and torch.equal(after[0, :3, :6], before[0, :3, :6])


def test_every_parameter_learns_and_the_gradient_is_right():
    model, ids = small(), draw_ids(2, 6)

    def loss():
        return F.cross_entropy(model(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten())

    loss().backward()
    generator = torch.Generator().manual_seed(5)
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().max() > 1e-6, name
        if name == "positions.weight":
            assert not parameter.grad[6:].any()  # places that no text reached
        direction = torch.randn(parameter.shape, generator=generator, dtype=torch.double)
        with torch.no_grad():
            parameter.add_(direction, alpha=1e-6)
            up = loss()
            parameter.sub_(direction, alpha=2e-6)
            down = loss()
            parameter.add_(direction, alpha=1e-6)
        slope = ((up - down) / 2e-6).item()
        assert slope == pytest.approx((parameter.grad * direction).sum().item(), rel=1e-5, abs=1e-7), name


def test_a_few_steps_learn_a_text_by_heart():
    model = LanguageModel(5, width=16, heads=2, layers=1, context=12)
    ids = torch.tensor([[0, 1, 2, 0, 3, 4, 0, 1, 2, 4, 4, 1]])
    weights = list(model.parameters())
    for _ in range(150):
        loss = F.cross_entropy(model(ids)[0, :-1], ids[0, 1:])
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight -= 0.3 * gradient
    assert loss.item() < 0.05


# --- the cache of keys and values -----------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 2**31))
def test_the_cache_gives_the_same_however_the_text_is_cut(lengths, seed):
    lengths = [length for n, length in enumerate(lengths) if sum(lengths[: n + 1]) <= 16]
    model, ids = small(), draw_ids(2, sum(lengths), seed=seed)
    cache = []
    pieces = [model(piece, cache) for piece in ids.split(lengths, 1)]
    assert torch.allclose(torch.cat(pieces, 1), model(ids), atol=1e-10)
    assert len(cache) == 2
    assert all(part.shape == (2, 3, sum(lengths), 4) for keys_values in cache for part in keys_values)


def test_a_cache_can_be_branched():
    model, ids = small(), draw_ids(1, 6)
    cache = []
    model(ids[:, :4], cache)
    branch = list(cache)
    a = model(ids[:, 4:], branch)
    assert len(cache[0][0][0, 0]) == 4  # the first stays as it was
    assert torch.equal(model(ids[:, 4:], cache), a)


def test_a_text_longer_than_the_context_is_refused_and_the_cache_stays():
    model = small(context=6)
    assert model(draw_ids(1, 6)).shape == (1, 6, 7)
    with pytest.raises(ValueError, match="7 tokens, more than the context of 6"):
        model(draw_ids(1, 7))
    cache = []
    model(draw_ids(1, 5), cache)
    with pytest.raises(ValueError, match="7 tokens, more than the context of 6"):
        model(draw_ids(1, 2), cache)
    assert cache[0][0].shape[2] == 5
    assert model(draw_ids(1, 1), cache).shape == (1, 1, 7)


@pytest.mark.parametrize(("new", "all_"), [(1, 1), (4, 4), (1, 5), (3, 5)])
def test_causal_attention_against_a_loop(new, all_):
    generator = torch.Generator().manual_seed(all_)
    queries, keys, values = (
        torch.randn(2, 3, length, 4, generator=generator, dtype=torch.double) for length in (new, all_, all_)
    )
    found = causal_attention(queries, keys, values)
    for i in range(new):
        last = all_ - new + i + 1
        scores = queries[:, :, i : i + 1] @ keys[:, :, :last].transpose(-1, -2) / 2
        assert torch.allclose(found[:, :, i : i + 1], scores.softmax(-1) @ values[:, :, :last], atol=1e-12)


# --- padding --------------------------------------------------------------------------------------


def padded(rows, left):
    """Rows of unequal length filled up with 0, and the mask."""
    longest = max(map(len, rows))
    ids, mask = torch.zeros(len(rows), longest, dtype=torch.int64), torch.zeros(len(rows), longest, dtype=torch.bool)
    for row, own, counts in zip(rows, ids, mask, strict=True):
        place = slice(longest - len(row), None) if left else slice(len(row))
        own[place], counts[place] = row, True
    return ids, mask


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("junk", [0, 5])
def test_padding_on_either_side_changes_no_logit(left, junk):
    model, rows = small(), [draw_ids(size, seed=size) for size in (5, 9, 2)]
    ids, mask = padded(rows, left)
    logits = model(ids.masked_fill(~mask, junk), mask=mask)
    assert logits.isfinite().all()
    for row, own, counts in zip(rows, logits, mask, strict=True):
        assert torch.allclose(own[counts], model(row[None])[0], atol=1e-10)
    if not left:
        assert torch.allclose(model(ids)[mask], logits[mask], atol=1e-10)  # nobody looks ahead: no mask is needed
    else:
        assert not torch.allclose(model(ids)[mask], logits[mask], atol=0.1)


@pytest.mark.parametrize("lengths", [[7, 1, 1], [8, 1], [9]])
def test_padding_on_the_left_and_a_cache(lengths):
    model, rows = small(), [draw_ids(size, seed=size) for size in (5, 9, 3)]
    ids, mask = padded(rows, left=True)
    cache, read, found = [], 0, []
    for piece in ids.split(lengths, 1):
        read += piece.shape[1]
        found.append(model(piece, cache, mask[:, :read]))
    assert torch.allclose(torch.cat(found, 1)[mask], model(ids, mask=mask)[mask], atol=1e-10)


def test_no_gradient_comes_from_padding():
    model = small()
    ids, mask = padded([draw_ids(4), draw_ids(7)], left=True)
    states = model.tokens(ids).detach().requires_grad_()
    handle = model.tokens.register_forward_hook(lambda module, inputs, output: states)
    gradient = torch.autograd.grad(model(ids, mask=mask)[mask].square().sum(), states)[0]
    handle.remove()
    assert not gradient[~mask].any() and gradient[mask].abs().sum(-1).min() > 0


@pytest.mark.parametrize(
    ("ids", "mask", "words"),
    [
        ([torch.tensor([1, 2]), torch.tensor([3])], None, "all rows of one length, got list: fill shorter texts up"),
        (torch.tensor([1, 2]), None, r"ids int64 \(N, L\).* got a tensor \(2,\)"),
        (draw_ids(2, 4), torch.ones(2, 3, dtype=torch.bool), r"mask must be a bool tensor \(2, 4\)"),
        (draw_ids(2, 4), torch.ones(2, 4), "mask must be a bool tensor"),
        (draw_ids(2, 4), torch.tensor([[True] * 4, [False] * 4]), "text 1 is padding only"),
    ],
)
def test_texts_that_cannot_be_read_side_by_side_are_refused(ids, mask, words):
    with pytest.raises(ValueError, match=words):
        small()(ids, mask=mask)


# --- against libraries ----------------------------------------------------------------------------


def test_against_pytorchs_own_layers():
    model, ids = small(), draw_ids(3, 11)
    theirs = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(12, 3, 48, 0.0, "gelu", norm_first=True, batch_first=True, dtype=torch.double),
        2,
        nn.LayerNorm(12, dtype=torch.double),
        enable_nested_tensor=False,
    )
    names = {
        "self_attn.in_proj_weight": "queries_keys_values.weight", "self_attn.in_proj_bias": "queries_keys_values.bias",
        "self_attn.out_proj": "mix", "linear1": "up", "linear2": "down", "norm1": "attention_norm", "norm2": "norm",
    }  # fmt: skip
    own, weights = model.state_dict(), {}
    for name in theirs.state_dict():
        copied = name
        for theirs_part, ours in names.items():
            copied = copied.replace(theirs_part, ours)
        weights[name] = own[copied]
    theirs.load_state_dict(weights)
    states = model.tokens(ids) + model.positions.weight[:11]
    mask = nn.Transformer.generate_square_subsequent_mask(11, dtype=torch.double)
    for mode in (theirs.train(), theirs.eval()):  # two paths through PyTorch's code
        assert torch.allclose(mode(states, mask, is_causal=True) @ model.tokens.weight.T, model(ids), atol=1e-10)


@pytest.mark.pretrained
def test_against_gpt2_of_transformers():
    pytest.importorskip("transformers")
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=7, n_positions=16, n_embd=12, n_layer=2, n_head=3, activation_function="gelu",
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        theirs = GPT2LMHeadModel(config).double().eval()
    model, ids = small(), draw_ids(3, 11)
    names = {
        "wte": "tokens", "wpe": "positions", "h.": "layers.", "ln_f": "norm", "ln_1": "attention_norm", "ln_2": "norm",
        "attn.c_attn": "queries_keys_values", "attn.c_proj": "mix", "mlp.c_fc": "up", "mlp.c_proj": "down",
    }  # fmt: skip
    own = model.state_dict()
    with torch.no_grad():
        for name, parameter in theirs.transformer.named_parameters():
            for theirs_part, ours in names.items():
                name = name.replace(theirs_part, ours)
            transposed = name.endswith("weight") and ("layers" in name and "norm" not in name)  # GPT-2 keeps (in, out)
            parameter.copy_(own[name].T if transposed else own[name])
    assert theirs.lm_head.weight is theirs.transformer.wte.weight
    assert torch.allclose(theirs(ids).logits, model(ids), atol=1e-10)


# --- seeds, modes, sizes --------------------------------------------------------------------------


def test_the_seed_decides_the_weights_and_no_global_random_number_is_drawn():
    before = torch.get_rng_state()
    a, b, c = (LanguageModel(7, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.tokens.weight, c.tokens.weight)


def test_weights_start_as_in_gpt2_and_a_new_model_thinks_nearly_all_tokens_alike():
    model = LanguageModel(500, width=200, heads=4, layers=8, context=300)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            std = 0.02 / 4 if name.endswith(("mix.weight", "down.weight")) else 0.02  # sqrt(2 · 8) = 4
            assert parameter.std().item() == pytest.approx(std, rel=0.03), name
        else:
            assert torch.equal(parameter, torch.full_like(parameter, float("norm.weight" in name))), name
    ids = draw_ids(1, 50, vocabulary=500)
    loss = F.cross_entropy(model(ids)[0, :-1], ids[0, 1:]).item()
    assert loss == pytest.approx(math.log(500), abs=0.15)


def test_dropout_works_in_training_only():
    model, ids = LanguageModel(7, dropout=0.3), draw_ids(2, 9)
    assert not torch.equal(model.train()(ids), model(ids))
    assert torch.equal(model.eval()(ids), model(ids))
    assert torch.equal(model(ids), LanguageModel(7).eval()(ids))  # the same weights, whatever the dropout
    plain = LanguageModel(7)
    assert torch.equal(plain.train()(ids), plain(ids))


def test_the_number_of_parameters():
    vocabulary, width, inner, context, layers = 39, 64, 100, 128, 2
    model = LanguageModel(vocabulary, width=width, inner=inner, layers=layers)
    layer = 4 * width * width + 4 * width + 2 * width * inner + inner + width + 4 * width
    expected = (vocabulary + context) * width + layers * layer + 2 * width
    assert sum(parameter.numel() for parameter in model.parameters()) == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"width": 10}, "multiple of heads"),
        ({"layers": 0}, "layers must be a whole number, at least 1"),
        ({"context": 2.5}, "context must be a whole number, at least 1"),
        ({"heads": True}, "heads must be a whole number, at least 1"),
        ({"inner": -1}, "inner must be a whole number, at least 1"),
        ({"dropout": 1.0}, "dropout"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        LanguageModel(7, **options)
    with pytest.raises(ValueError, match="vocabulary"):
        LanguageModel("abc")
