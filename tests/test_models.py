"""The networks: shapes, seeds, and nothing touched outside."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kdlab.data import load_mnist
from kdlab.models import MLP, ConvNet, TextClassifier, attention_scores, to_inputs


def test_an_mlp_is_its_formula():
    model = MLP(6, 5, 4, 3).eval()
    x = torch.randn(7, 6, generator=torch.Generator().manual_seed(0))
    first, second, third = model.layers
    hidden = torch.clamp(x @ first.weight.T + first.bias, min=0)
    hidden = torch.clamp(hidden @ second.weight.T + second.bias, min=0)
    assert torch.allclose(model(x), hidden @ third.weight.T + third.bias, atol=1e-6)


def test_logits_keep_any_leading_shape():
    model = MLP(784, 16, 10)
    for leading in ((), (3,), (2, 3)):
        assert model(torch.zeros(*leading, 784)).shape == (*leading, 10)


def test_a_linear_model_has_no_hidden_layer():
    assert len(MLP(784, 10).layers) == 1


def test_the_seed_decides_the_weights_and_no_global_random_number_is_drawn():
    before = torch.get_rng_state()
    a, b, c = MLP(20, 30, 5, seed=1), MLP(20, 30, 5, seed=1), MLP(20, 30, 5, seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    pairs = list(zip(a.parameters(), b.parameters(), strict=True))
    assert all(torch.equal(x, y) for x, y in pairs)
    assert not torch.equal(a.layers[0].weight, c.layers[0].weight)


def test_weights_start_with_the_variance_of_he_initialisation_and_zero_biases():
    model = MLP(500, 400, 10)
    assert model.layers[0].weight.var().item() == pytest.approx(2 / 500, rel=0.05)
    assert model.layers[1].weight.var().item() == pytest.approx(2 / 400, rel=0.1)
    assert not model.layers[0].bias.any()


def test_dropout_works_in_training_only():
    model, x = MLP(50, 40, 5, dropout=0.5, input_dropout=0.2), torch.ones(4, 50)
    assert not torch.equal(model.train()(x), model(x))
    assert torch.equal(model.eval()(x), model(x))
    plain = MLP(50, 40, 5)
    assert torch.equal(plain.train()(x), model(x))  # the same weights, whatever the dropout


def test_a_copy_is_independent():
    model = MLP(5, 4, 3)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.layers[0].weight.zero_()
    assert model.layers[0].weight.any()


@pytest.mark.parametrize("widths", [(), (784,), (784, 0, 10), (784, 1.5, 10), ([784, 10],)])
def test_bad_widths_are_refused(widths):
    with pytest.raises(ValueError, match="widths"):
        MLP(*widths)


@pytest.mark.parametrize("options", [{"dropout": 1.0}, {"dropout": -0.1}, {"input_dropout": 2}])
def test_bad_dropout_is_refused(options):
    with pytest.raises(ValueError, match="dropout"):
        MLP(784, 10, **options)


def test_a_conv_net_is_its_formula():
    model = ConvNet(2, 3, kernels=(5, 3), strides=(2, 1), hidden=6, classes=4, side=8).eval()
    x = torch.rand(5, 64, generator=torch.Generator().manual_seed(0))
    first, second = model.convolutions
    one = F.relu(F.conv2d(x.view(5, 1, 8, 8), first.weight, first.bias, stride=2, padding=2))
    two = F.relu(F.conv2d(one, second.weight, second.bias, padding=1))
    hidden = F.relu(two.flatten(1) @ model.hidden.weight.T + model.hidden.bias)
    seen = model(x, details=True)
    assert [tuple(maps.shape) for maps in seen["maps"]] == [(5, 2, 4, 4), (5, 3, 4, 4)]
    assert torch.allclose(seen["maps"][0], one) and torch.allclose(seen["maps"][1], two)
    assert torch.allclose(seen["pooled"], hidden, atol=1e-6)
    assert torch.allclose(model(x), hidden @ model.head.weight.T + model.head.bias, atol=1e-6)
    assert torch.equal(model(x), seen["logits"])


def test_a_conv_net_may_read_the_mean_of_its_maps():
    model, x = ConvNet(4, pooling="mean", strides=3), torch.rand(2, 784)
    seen = model(x, details=True)
    assert torch.allclose(seen["pooled"], seen["maps"][0].mean((2, 3))) and seen["maps"][0].shape == (2, 4, 10, 10)
    assert model.head.weight.shape == (10, 4) and model.hidden is None


def test_a_conv_net_takes_any_leading_shape_and_keeps_it():
    model = ConvNet(3, 4)
    for leading in ((), (3,), (2, 3)):
        seen = model(torch.rand(*leading, 784), details=True)
        assert seen["logits"].shape == (*leading, 10) and seen["maps"][1].shape == (*leading, 4, 7, 7)
        assert seen["pooled"].shape == (*leading, 196)


def test_a_conv_net_s_seed_decides_and_dropout_works_in_training_only():
    before = torch.get_rng_state()
    a, b, c = (ConvNet(4, 8, hidden=16, dropout=0.5, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    pairs = list(zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    assert all(torch.equal(x, y) for x, y in pairs)
    assert not torch.equal(a.convolutions[0].weight, c.convolutions[0].weight)
    x = torch.rand(4, 784)
    assert not torch.equal(a.train()(x), a(x)) and torch.equal(a.eval()(x), a(x))
    assert a.hidden.weight.var().item() == pytest.approx(2 / 392, rel=0.1) and not a.hidden.bias.any()


@pytest.mark.parametrize(
    "channels, options, words",
    [
        ((), {}, "at least one number of channels"),
        ((0,), {}, "number of channels"),
        (([4, 8],), {}, "number of channels"),
        ((4,), {"kernels": 4}, "kernels must be odd"),
        ((4, 8), {"kernels": (3,)}, "kernels must be one number, or one for each of the 2 layers"),
        ((4, 8), {"strides": 0}, "strides"),
        ((4,), {"pooling": "max"}, "pooling"),
        ((4,), {"hidden": 0}, "hidden"),
        ((4,), {"classes": 1}, "classes"),
        ((4,), {"dropout": 1.0}, "dropout"),
        ((4,), {"dropout": "0.5"}, "dropout must be a number"),
        ((4,), {"side": 0}, "side must be a whole number"),
        (("4",), {}, "each number of channels must be a whole number"),
    ],
)
def test_bad_conv_nets_are_refused(channels, options, words):
    with pytest.raises(ValueError, match=words):
        ConvNet(*channels, **options)


@pytest.mark.parametrize(
    "inputs, words",
    [
        (
            torch.zeros(2, 784, dtype=torch.uint8),
            "floating-point inputs .*784.*, got torch.uint8: to_inputs makes them",
        ),
        ([[0.0] * 784], "got list"),
        (torch.zeros(2, 700), r"flat images \(\.\.\., 784\) of 28 × 28 pixels, got \(2, 700\)$"),
        (torch.zeros(2, 28, 28), r"got \(2, 28, 28\): inputs.flatten\(-2\)"),
        (torch.zeros(2, 1, 28, 28), "flatten"),
        (torch.zeros(7, 1568), r"got \(7, 1568\)"),  # two images in a row would become two rows
        (torch.tensor(1.0), r"got \(\)"),
        (torch.zeros(2, 784, dtype=torch.double), "inputs are torch.float64, the network's weights torch.float32"),
    ],
)
def test_a_conv_net_says_what_it_cannot_read(inputs, words):
    with pytest.raises(ValueError, match=words):
        ConvNet(2, 3)(inputs)


def test_a_conv_net_reads_no_images_and_half_precision_under_autocast():
    model = ConvNet(2, 3, hidden=5, classes=4)
    seen = model(torch.zeros(0, 784), details=True)
    assert seen["logits"].shape == (0, 4) and seen["pooled"].shape == (0, 5)
    assert [tuple(maps.shape) for maps in seen["maps"]] == [(0, 2, 14, 14), (0, 3, 7, 7)]
    assert model.double()(torch.rand(2, 3, 784, dtype=torch.double)).dtype == torch.float64
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model.float()(torch.rand(3, 784, dtype=torch.bfloat16)).shape == (3, 4)


def test_inputs_are_the_images_between_zero_and_one():
    images = load_mnist().test_images
    inputs = to_inputs(images[:50])
    assert inputs.shape == (50, 784) and inputs.dtype == torch.float32
    assert inputs.min() == 0 and inputs.max() == 1
    assert torch.equal(inputs, torch.from_numpy(images[:50].reshape(50, 784) / 255).float())
    assert torch.equal(to_inputs(torch.from_numpy(images[:50])), inputs)
    assert torch.equal(to_inputs(images[3]), inputs[3])
    assert images[:50].max() == 255  # the images themselves are left alone


def test_inputs_may_be_a_strided_selection():
    images = load_mnist().test_images
    assert torch.equal(to_inputs(images[::-5000]), to_inputs(images[::-5000].copy()))


@pytest.mark.parametrize("images", [np.zeros((2, 28, 28)), np.zeros(784, np.uint8), torch.zeros(2, 28, 28), [[0]]])
def test_images_that_are_not_uint8_are_refused(images):
    with pytest.raises(ValueError, match="uint8"):
        to_inputs(images)


# --- the transformer ------------------------------------------------------------------------------


def sentences(*lengths, longest=None, seed=0, vocabulary=50):
    """Random ids and mask of sentences of these lengths."""
    ids = torch.randint(1, vocabulary, (len(lengths), longest or max(lengths)), generator=generator(seed))
    mask = torch.arange(ids.shape[1]) < torch.tensor(lengths)[:, None]
    return ids * mask, mask


def generator(seed):
    return torch.Generator().manual_seed(seed)


def classifier(**options):
    return TextClassifier(50, 3, **({"width": 12, "heads": 3, "layers": 2, "longest": 32} | options)).double().eval()


def shaken(model, seed=0):
    """Every weight moved at random, biases and norms too, so that none of them can be left out in silence."""
    source = generator(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.3 * torch.randn(weight.shape, generator=source, dtype=weight.dtype)
    return model


def test_attention_is_pytorchs_own():
    for heads, length, size in ((1, 1, 4), (3, 7, 5)):
        q, k, v = torch.randn(3, 2, heads, length, size, dtype=torch.double, generator=generator(1))
        mask = torch.arange(length) < torch.tensor([length, max(1, length // 2)])[:, None]
        ours = attention_scores(q, k, mask).softmax(-1) @ v
        theirs = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        assert torch.allclose(ours, theirs, atol=1e-12)
        assert torch.allclose(
            attention_scores(q, k).softmax(-1) @ v, F.scaled_dot_product_attention(q, k, v), atol=1e-12
        )


@pytest.mark.parametrize("heads", [1, 3])
def test_a_layer_is_pytorchs_transformer_encoder_layer(heads):
    ours = shaken(classifier(heads=heads)).layers[0]
    theirs = nn.TransformerEncoderLayer(12, heads, 48, 0.0, "gelu", 1e-12, batch_first=True).double()
    with torch.no_grad():
        inputs = (ours.query, ours.key, ours.value)
        theirs.self_attn.in_proj_weight.copy_(torch.cat([part.weight for part in inputs]))
        theirs.self_attn.in_proj_bias.copy_(torch.cat([part.bias for part in inputs]))
        pairs = [
            (theirs.self_attn.out_proj, ours.mix), (theirs.linear1, ours.up), (theirs.linear2, ours.down),
            (theirs.norm1, ours.attention_norm), (theirs.norm2, ours.norm),
        ]  # fmt: skip
        for target, source in pairs:
            target.load_state_dict(source.state_dict())
    _, mask = sentences(9, 4, 1)
    x = torch.randn(3, 9, 12, dtype=torch.double, generator=generator(2))
    state, seen = ours(x, mask)
    expected = theirs.train()(x, src_key_padding_mask=~mask)  # in train mode PyTorch takes its plain path
    assert torch.allclose(state[mask], expected[mask], atol=1e-10)
    _, weights = theirs.self_attn(x, x, x, key_padding_mask=~mask, average_attn_weights=False)
    assert torch.allclose(seen["attentions"], weights, atol=1e-10)


def test_the_whole_network_is_its_formula():
    model = shaken(classifier())
    ids, _ = sentences(6)
    x = F.layer_norm(
        model.tokens.weight[ids] + model.positions.weight[:6], (12,), model.norm.weight, model.norm.bias, 1e-12
    )
    for layer in model.layers:
        heads = []
        for h in range(3):
            own = slice(4 * h, 4 * h + 4)
            q, k, v = ((x @ part.weight.T + part.bias)[..., own] for part in (layer.query, layer.key, layer.value))
            heads.append(((q @ k.transpose(1, 2)) / 2).softmax(-1) @ v)
        x = layer.attention_norm(x + layer.mix(torch.cat(heads, -1)))
        x = layer.norm(x + layer.down(F.gelu(layer.up(x))))
    assert torch.allclose(model(ids), model.head(x.mean(1)), atol=1e-12)
    model.pooling = "first"
    assert torch.allclose(model(ids), model.head(x[:, 0]), atol=1e-12)


def test_details_hold_everything_with_the_promised_shapes():
    model = classifier()
    ids, mask = sentences(5, 3)
    out = model(ids, mask, details=True)
    assert torch.allclose(out["logits"], model(ids, mask), atol=1e-12)
    assert [state.shape for state in out["states"]] == [(2, 5, 12)] * 3
    assert [part.shape for part in out["scores"]] == [part.shape for part in out["attentions"]] == [(2, 3, 5, 5)] * 2
    for name in ("queries", "keys", "values"):
        assert [part.shape for part in out[name]] == [(2, 3, 5, 4)] * 2
    assert out["pooled"].shape == (2, 12)
    for attention in out["attentions"]:
        assert torch.allclose(attention.sum(-1), torch.ones(2, 3, 5, dtype=torch.double))
        assert not attention[1, :, :, 3:].any()  # nothing is taken from padding


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_extra_padding_changes_nothing(pooling):
    model = shaken(classifier(pooling=pooling))
    ids, mask = sentences(7, 4, 1)
    for extra in (1, 20):
        wide, counts = F.pad(ids, (0, extra)), F.pad(mask, (0, extra))
        assert torch.allclose(model(wide, counts), model(ids, mask), atol=1e-12)
        assert torch.allclose(model(wide), model(ids), atol=1e-12)  # id 0 is padding when no mask is given
        far, near = model(wide, counts, details=True), model(ids, mask, details=True)
        assert torch.allclose(far["logits"], near["logits"], atol=1e-12)
        for ours, theirs in zip(far["states"], near["states"], strict=True):
            assert torch.allclose(ours[counts], theirs[mask], atol=1e-12)
    anything = wide.masked_fill(~counts, 17)  # whatever stands at the masked places
    assert torch.allclose(model(anything, counts), model(ids, mask), atol=1e-12)


def test_a_sentence_gets_the_same_logits_alone_and_in_a_batch():
    model = shaken(classifier())
    ids, mask = sentences(7, 4, 1)
    for n, length in enumerate((7, 4, 1)):
        assert torch.allclose(model(ids[n : n + 1, :length]), model(ids, mask)[n : n + 1], atol=1e-12)


def test_padding_gets_no_gradient():
    model = shaken(classifier())
    ids, mask = sentences(7, 4)
    model(ids, mask).square().sum().backward()
    assert not model.tokens.weight.grad[0].any()
    used = set(ids[mask].tolist())
    assert {n for n in range(50) if model.tokens.weight.grad[n].any()} == used


def test_the_seed_decides_a_classifiers_weights_and_no_global_random_number_is_drawn():
    before = torch.get_rng_state()
    a, b, c = TextClassifier(50, seed=1), TextClassifier(50, seed=1), TextClassifier(50, seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    for (name, x), y in zip(a.named_parameters(), c.parameters(), strict=True):
        assert torch.equal(x, y) == (x.ndim == 1), name  # biases and norms start alike, all else differs


def test_a_classifiers_dropout_works_in_training_only():
    model = classifier(dropout=0.5)
    ids, mask = sentences(6, 3)
    assert not torch.equal(model.train()(ids, mask), model(ids, mask))
    assert torch.equal(model.eval()(ids, mask), model(ids, mask))
    assert torch.equal(classifier()(ids, mask), model(ids, mask))


@pytest.mark.parametrize(
    "options, word",
    [
        ({"width": 10, "heads": 3}, "heads"), ({"layers": 0}, "layers"), ({"width": 2.0}, "width"),
        ({"dropout": 1.0}, "dropout"), ({"pooling": "max"}, "pooling"), ({"inner": 0}, "inner"),
    ],
)  # fmt: skip
def test_a_classifier_that_cannot_be_built_is_refused(options, word):
    with pytest.raises(ValueError, match=word):
        TextClassifier(50, **options)


def test_a_sentence_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match="longest"):
        classifier()(torch.ones(1, 33, dtype=torch.long))


@pytest.mark.parametrize("pooling", ["mean", "first"])
@pytest.mark.parametrize("with_mask", [True, False])
def test_padding_on_the_left_gives_the_same_logits(pooling, with_mask):
    model = TextClassifier(30, 3, width=8, heads=2, pooling=pooling).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(5)
    rows = [torch.tensor(ids) for ids in ([2, 7, 4, 9], [2, 5], [2, 3, 8, 1, 6, 29])]
    alone = torch.cat([model(row[None]) for row in rows])
    left = torch.stack([torch.cat([torch.zeros(8 - len(row), dtype=torch.int64), row]) for row in rows])
    mask = left != 0
    found = model(left, mask) if with_mask else model(left)
    assert torch.allclose(found, alone, atol=1e-10)
    details = model(left, mask, details=True)
    assert torch.allclose(details["logits"], alone, atol=1e-10)
    assert torch.allclose(
        details["states"][0][mask], torch.cat([model(r[None], details=True)["states"][0][0] for r in rows])
    )


def test_a_row_of_padding_only_is_refused():
    model, ids = TextClassifier(30), torch.tensor([[2, 3], [0, 0], [2, 0]])
    for arguments in ((ids,), (ids, ids != 0)):
        with pytest.raises(ValueError, match="sentence 1 is padding only"):
            model(*arguments)
