"""kdlab.compression against references: SVD's optimality in both norms, exact zeros and levels, round trips, ONNX."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune as torch_prune

from kdlab import compression, training
from kdlab.compression.weights import BEST_STEP, Quantised, input_moments, layers_of, low_rank, straight_through
from kdlab.exercises import compression as lesson
from kdlab.models import MLP, ConvNet

WAYS = {
    "as it is": lambda net, x: net,
    "pruned": lambda net, x: compression.prune(net, 0.8),
    "low rank": lambda net, x: compression.factorise(net, 3, x),
    "1 bit": lambda net, x: compression.quantise(net, 1),
    "3 bits": lambda net, x: compression.quantise(net, 3),
    "8 bits": lambda net, x: compression.quantise(net, 8),
    "ternary": lambda net, x: compression.quantise(net, "ternary"),
    "pruned, 4 bits": lambda net, x: compression.quantise(compression.prune(net, 0.8), 4),
    "pruned, ternary": lambda net, x: compression.quantise(compression.prune(net, 0.8), "ternary"),
    "low rank, pruned, 2 bits": lambda net, x: compression.quantise(
        compression.prune(compression.factorise(net, 3), 0.5), 2
    ),
}
NETS = {
    "mlp": lambda: MLP(784, 30, 20, 10, seed=1),
    "maps": lambda: ConvNet(6, 8, kernels=(5, 3), seed=1),
    "mean": lambda: ConvNet(6, 8, pooling="mean", hidden=12, seed=1),
}


@pytest.fixture
def inputs():
    return torch.rand(40, 784, generator=torch.Generator().manual_seed(0))


def with_biases(net):
    """Initial biases are 0: others, so that forgetting them shows."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for layer in layers_of(net).values():
            layer.bias.copy_(torch.randn(len(layer.bias), generator=generator))
    return net


def trained(net, inputs, steps=5):
    labels = torch.arange(len(inputs)) % 10
    training.fit(net, inputs, labels, recipe=training.Recipe(1, 1, steps=steps, batch_size=8, learning_rate=1e-2))
    return net


# --- pruning ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("sparsity", [0, 0.3, 0.95])
def test_pruning_takes_the_smallest_of_all_layers_as_torch_does(kind, sparsity, inputs):
    net = NETS[kind]()
    expected = copy.deepcopy(net)
    layers = [(layer, "weight") for layer in layers_of(expected).values()]
    total = sum(layer.weight.numel() for layer, _ in layers)
    torch_prune.global_unstructured(layers, torch_prune.L1Unstructured, amount=int(sparsity * total))
    pruned = compression.prune(net, sparsity)
    for layer, reference in zip(layers_of(pruned).values(), layers_of(expected).values(), strict=True):
        torch.testing.assert_close(layer.weight, reference.weight, rtol=0, atol=0)
    assert compression.sparsity_of(pruned) == int(sparsity * total) / total


def test_zeros_stay_zero_while_the_others_learn(inputs):
    pruned = compression.prune(NETS["mlp"](), 0.7)
    before = [layer.weight.detach().clone() for layer in layers_of(pruned).values()]
    trained(pruned, inputs)
    for layer, old in zip(layers_of(pruned).values(), before, strict=True):
        assert (layer.weight[old == 0] == 0).all()
        assert (layer.weight != old).any()


def test_pruning_again_keeps_the_zeros_and_adds_to_them():
    once = compression.prune(NETS["mlp"](), 0.5)
    twice = compression.prune(once, 0.9)
    assert compression.sparsity_of(once) == pytest.approx(0.5, abs=1e-4)
    assert compression.sparsity_of(twice) == pytest.approx(0.9, abs=1e-4)
    for first, second in zip(layers_of(once).values(), layers_of(twice).values(), strict=True):
        assert (second.weight[first.weight == 0] == 0).all()


@pytest.mark.parametrize("bad", [-0.1, 1, 1.5, float("nan"), "half"])
def test_a_share_that_is_none_is_refused(bad):
    with pytest.raises(ValueError, match="sparsity"):
        compression.prune(NETS["mlp"](), bad)


def test_neurons_that_do_nothing_can_go(inputs):
    """Units whose outgoing weights are 0 add nothing: the network without them is the same function."""
    net = with_biases(MLP(784, 30, 20, 10, seed=3))
    with torch.no_grad():
        net.layers[1].weight[:, 4:25] = 0
        net.layers[2].weight[:, :7] = 0
    smaller = compression.remove_neurons(net, 9, 13)
    assert [layer.out_features for layer in smaller.layers] == [9, 13, 10]
    torch.testing.assert_close(smaller(inputs), net(inputs))


@pytest.mark.parametrize(
    "net, widths, message",
    [
        (ConvNet(4), (3,), "plain MLP"),
        (MLP(784, 8, 10), (9,), "at most"),
        (MLP(784, 8, 10), (4, 4), "one width for each"),
        (MLP(784, 8, 10), (0,), "each width"),
        (compression.prune(MLP(784, 8, 10), 0.5), (4,), "before it is pruned"),
        (compression.factorise(MLP(784, 30, 10), 2), (4,), "factorised"),
    ],
)
def test_neurons_that_cannot_be_removed_are_refused(net, widths, message):
    with pytest.raises(ValueError, match=message):
        compression.remove_neurons(net, *widths)


# --- low rank ---------------------------------------------------------------------------------------


@given(seed=st.integers(0, 50), rank=st.integers(1, 6))
@settings(deadline=None, max_examples=25)
def test_the_product_errs_by_what_the_svd_leaves_in_both_norms(seed, rank):
    """Eckart & Young: the least possible squared error is the sum of the squared singular values that are left out."""
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(7, 9, generator=generator, dtype=torch.float64)
    left, right = low_rank(matrix, rank)
    sizes = torch.linalg.svdvals(matrix)
    assert ((matrix - left @ right) ** 2).sum().item() == pytest.approx((sizes[rank:] ** 2).sum().item(), rel=1e-4)

    inputs = torch.randn(200, 9, generator=generator, dtype=torch.float64) * torch.logspace(-1, 1, 9)
    left, right = low_rank(matrix, rank, inputs.T @ inputs / 200)
    sizes = torch.linalg.svdvals(inputs @ matrix.T / 200**0.5)
    error = (inputs @ (matrix - left @ right).T).square().sum(1).mean().item()
    assert error == pytest.approx((sizes[rank:] ** 2).sum().item(), rel=2e-2, abs=1e-3)
    plain_left, plain_right = low_rank(matrix, rank)
    assert error <= (inputs @ (matrix - plain_left @ plain_right).T).square().sum(1).mean().item() * (1 + 1e-6)


@pytest.mark.parametrize("kind", NETS)
def test_moments_are_those_of_what_each_layer_reads(kind, inputs):
    net = with_biases(NETS[kind]())
    moments = input_moments(net, inputs, batch_size=7)
    layers = layers_of(net)
    assert moments.keys() == layers.keys()
    read = {}
    handles = [m.register_forward_pre_hook(lambda m, x, n=n: read.update({n: x[0]})) for n, m in layers.items()]
    net(inputs)
    for handle in handles:
        handle.remove()
    for name, layer in layers.items():
        x = read[name].detach().double()
        if isinstance(layer, nn.Conv2d):  # windows one by one
            k, s, p = layer.kernel_size[0], layer.stride[0], layer.padding[0]
            x = nn.functional.pad(x, (p, p, p, p)).unfold(2, k, s).unfold(3, k, s)  # (n, c, h, w, k, k)
            x = x.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(0, 2)
        torch.testing.assert_close(moments[name], x.T @ x / len(x))


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("aware", [False, True])
def test_thin_layers_of_nearly_full_rank_are_the_same_function(kind, aware, inputs):
    """A layer whose weight has rank 2 loses nothing at rank 2."""
    net = with_biases(NETS[kind]())
    with torch.no_grad():
        for layer in list(layers_of(net).values())[:-1]:
            flat = layer.weight.flatten(1)
            left, sizes, right = torch.linalg.svd(flat, full_matrices=False)
            layer.weight.copy_((left[:, :2] * sizes[:2] @ right[:2]).view_as(layer.weight))
    thin = compression.factorise(net, 2, inputs if aware else None)
    assert len(layers_of(thin)) > len(layers_of(net))
    assert compression.multiply_adds(thin, inputs) < compression.multiply_adds(net, inputs)
    torch.testing.assert_close(thin(inputs), net(inputs), rtol=1e-3, atol=1e-3)


def test_layers_that_would_not_get_smaller_stay():
    assert len(layers_of(compression.factorise(MLP(784, 30, 20, 10), 25))) == 4  # 20 × 30 stays, 784 × 30 does not


def test_a_rank_that_is_none_is_refused():
    for bad in (0, -1, 1.5, "8"):
        with pytest.raises(ValueError, match="rank"):
            compression.factorise(NETS["mlp"](), bad)


# --- few bits ---------------------------------------------------------------------------------------


def test_best_steps_lose_least_of_a_gaussian():
    """Max 1960, table II, by numerical integration of the squared error: no step 1 % larger or smaller is better."""
    x = torch.linspace(-8, 8, 400_001, dtype=torch.float64)
    density = torch.exp(-(x**2) / 2)

    def loss(bits, step):
        codes = ((x / step - 0.5).round() + 2**bits / 2).clamp(0, 2**bits - 1)
        return ((x - (codes - 2**bits / 2 + 0.5) * step).square() * density).sum().item()

    for bits, step in BEST_STEP.items():
        assert loss(bits, step) <= min(loss(bits, 0.99 * step), loss(bits, 1.01 * step))


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6, 7, 8])
def test_each_row_has_its_own_levels_and_every_weight_its_nearest(bits):
    weight = torch.randn(5, 400, generator=torch.Generator().manual_seed(bits)) * torch.logspace(-2, 1, 5)[:, None]
    rounded = Quantised(bits)(weight)
    codes, step = Quantised(bits).codes(weight)
    levels = (torch.arange(2**bits) - 2**bits / 2 + 0.5) * step  # (5, levels)
    nearest = levels.gather(1, (weight[:, :, None] - levels[:, None, :]).abs().argmin(-1))
    torch.testing.assert_close(rounded, nearest)
    if bits > 5:
        assert ((rounded - weight).abs() <= step / 2 * 1.01).all()  # nothing is cut off


def test_ternary_levels_follow_li_and_liu():
    weight = torch.tensor([[0.1, -0.2, 3.0, -2.0, 0.3], [0.0, 0.0, 0.0, 0.0, 0.0]])
    rounded = Quantised("ternary")(weight)
    torch.testing.assert_close(rounded, torch.tensor([[0, 0, 2.5, -2.5, 0], [0, 0, 0, 0, 0]]))


def test_the_gradient_goes_straight_through():
    weight = torch.randn(3, 4, requires_grad=True)
    (straight_through(weight, weight.round()) * torch.arange(12.0).view(3, 4)).sum().backward()
    torch.testing.assert_close(weight.grad, torch.arange(12.0).view(3, 4))


@pytest.mark.parametrize("bits", [2, "ternary"])
def test_a_quantised_network_learns_and_stays_on_its_levels(bits, inputs):
    net = compression.quantise(NETS["mlp"](), bits)
    before = [layer.parametrizations.weight.original.detach().clone() for layer in net.layers]
    trained(net, inputs)
    for layer, old in zip(net.layers, before, strict=True):
        assert (layer.parametrizations.weight.original != old).any()
        for row in layer.weight:
            assert len(row.unique()) <= (3 if bits == "ternary" else 4)


def test_pruned_weights_have_no_part_in_the_step():
    weight = torch.randn(4, 500, generator=torch.Generator().manual_seed(0))
    padded = torch.cat([weight, torch.zeros(4, 9500)], 1)
    for bits in (1, 4, 8, "ternary"):
        torch.testing.assert_close(Quantised(bits)(padded)[:, :500], Quantised(bits)(weight))
        assert (Quantised(bits)(padded)[:, 500:] == 0).all()


def test_bits_for_each_layer(inputs):
    net = compression.quantise(NETS["mlp"](), [8, "ternary", 1])
    assert [layer.parametrizations.weight[0].bits for layer in net.layers] == [8, "ternary", 1]


@pytest.mark.parametrize("bad", [0, 9, 2.5, "two", [8, 4], None, True])
def test_bits_that_are_none_are_refused(bad):
    with pytest.raises(ValueError, match="bits"):
        compression.quantise(NETS["mlp"](), bad)


def test_the_wrong_order_is_refused():
    quantised = compression.quantise(NETS["mlp"](), 4)
    with pytest.raises(ValueError, match="prune first"):
        compression.prune(quantised, 0.5)
    with pytest.raises(ValueError, match="quantised already"):
        compression.quantise(quantised, 2)


# --- all of them ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", NETS)
def test_what_is_packed_comes_back(kind, way, inputs):
    net = trained(WAYS[way](with_biases(NETS[kind]()), inputs), inputs)
    blob = compression.pack(net)
    back = compression.unpack(blob, net)
    torch.testing.assert_close(back(inputs), net(inputs), rtol=0, atol=0)
    for expected, layer in zip(layers_of(net).values(), layers_of(back).values(), strict=True):
        assert torch.equal(layer.weight, expected.weight)
    for damaged in (blob[:-1], blob + b"\0"):
        with pytest.raises(ValueError, match="another"):
            compression.unpack(damaged, net)


def test_bytes_are_those_counted_by_hand():
    net = NETS["mlp"]()
    rows, weights = 30 + 20 + 10, 784 * 30 + 30 * 20 + 20 * 10
    assert len(compression.pack(net)) == 4 * (weights + rows)
    assert len(compression.pack(compression.quantise(net, 4))) == weights // 2 + 4 * rows
    assert len(compression.pack(compression.quantise(net, 3))) == weights * 3 // 8 + 4 * rows
    trits = sum(-(-n // 5) for n in (784 * 30, 30 * 20, 20 * 10))
    assert len(compression.pack(compression.quantise(net, "ternary"))) == trits + 4 * rows


@pytest.mark.parametrize("way", WAYS)
def test_the_network_that_was_given_stays_as_it_is(way, inputs):
    """Also when it is parametrised itself: a copy has a class of its own."""
    for net in (NETS["mlp"](), compression.prune(NETS["mlp"](), 0.5)):
        if way in ("low rank", "low rank, pruned, 2 bits") and compression.sparsity_of(net) > 0:
            continue
        before, names = net(inputs).detach().clone(), [name for name, _ in net.named_parameters()]
        trained(WAYS[way](net, inputs), inputs) if way != "as it is" else compression.plain(net)
        torch.testing.assert_close(net(inputs), before, rtol=0, atol=0)
        assert [name for name, _ in net.named_parameters()] == names


def test_no_random_number_is_drawn_and_no_default_matters(inputs):
    state = torch.random.get_rng_state()
    for way in WAYS.values():
        compression.plain(way(NETS["mean"](), inputs))
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_plain_copy_is_the_same_function_with_ordinary_weights(inputs):
    net = compression.quantise(compression.prune(NETS["mean"](), 0.5), 4)
    copied = compression.plain(net)
    torch.testing.assert_close(copied(inputs), net(inputs), rtol=0, atol=0)
    assert set(copied.state_dict()) == set(NETS["mean"]().state_dict())


def test_multiply_adds_by_hand(inputs):
    assert compression.multiply_adds(MLP(784, 30, 20, 10), inputs) == 784 * 30 + 30 * 20 + 20 * 10
    net = ConvNet(6, 8, kernels=(5, 3), strides=(2, 1), pooling="mean", hidden=12)
    expected = 14**2 * 6 * 25 + 14**2 * 8 * 6 * 9 + 8 * 12 + 12 * 10
    assert compression.multiply_adds(net, inputs) == expected
    assert compression.multiply_adds(compression.quantise(compression.prune(net, 0.9), 4), inputs) == expected


def test_a_network_without_layers_is_refused():
    for function in (compression.plain, lambda net: compression.prune(net, 0.5), compression.pack):
        with pytest.raises(ValueError, match="no linear or convolutional layer"):
            function(nn.ReLU())


# --- ONNX -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("way", ["as it is", "pruned, 4 bits", "low rank"])
def test_the_onnx_file_is_the_same_network(kind, way, inputs, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net = WAYS[way](with_biases(NETS[kind]()), inputs)
    difference = compression.export_onnx(net, tmp_path / "net.onnx", inputs)
    assert [file.name for file in tmp_path.iterdir()] == ["net.onnx"]
    for rows in (1, 3, 40):  # any number of rows
        read = compression.onnx_network(tmp_path / "net.onnx")(inputs[:rows])
        assert read.shape == (rows, 10)
        assert (read - net(inputs[:rows])).abs().max().item() <= max(difference, 1e-5)


def test_a_file_with_other_logits_is_told(inputs, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    with pytest.raises(RuntimeError, match="other logits"):
        compression.export_onnx(NETS["mlp"](), tmp_path / "net.onnx", inputs, tolerance=-1)


def test_without_the_extra_its_name_is_told(inputs, tmp_path, monkeypatch):
    for name in ("onnxscript", "onnxruntime"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    for call in (
        lambda: compression.export_onnx(NETS["mlp"](), tmp_path / "net.onnx", inputs),
        lambda: compression.onnx_network(tmp_path / "net.onnx"),
    ):
        with pytest.raises(compression.export.MissingExtra, match="export"):
            call()
    assert np.array_equal(list(tmp_path.iterdir()), [])


def test_a_network_for_few_bytes_is_told_that_it_guesses_or_that_nothing_is_quantised(monkeypatch):
    whole = MLP(784, 10, seed=0)
    coarse = compression.quantise(whole, 8)
    assert "what guessing gives" in lesson.fewer_bytes.check(lambda: coarse).diagnosis
    monkeypatch.setattr(lesson, "MOST_ERRORS", 10_000)  # as if it had been trained
    assert "no layer is quantised" in lesson.fewer_bytes.check(lambda: whole).notes[0]
    assert "quantised" not in lesson.fewer_bytes.check(lambda: coarse).notes[0]
