"""Fewer weights, and coarser ones: pruning, low rank, few bits."""

import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize, skip_init

from kdlab.checks import check_number, check_whole
from kdlab.models import MLP

# The step, in standard deviations, at which 2 ** bits equally wide steps lose least of a Gaussian (Max 1960, table II).
BEST_STEP = {1: 1.596, 2: 0.9957, 3: 0.5860, 4: 0.3352, 5: 0.1881}
RIDGE = 1e-5  # of the largest eigenvalue: what a pixel that is always black still counts


def layers_of(model):
    """{name: layer} of all linear and convolutional layers, in the order in which they were built."""
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)}
    if not layers:
        raise ValueError(f"{type(model).__name__} has no linear or convolutional layer that could be compressed")
    return layers


def plain(model):
    """A copy with ordinary weights: the values that masks and levels leave, and nothing that keeps them there."""
    return _copied(model, parametrized=False)


def _copied(model, parametrized=True):
    """A copy whose layers have classes of their own: deepcopy lets a copy share that of a parametrised layer, so that
    whatever is registered on the one changes the other."""
    model = copy.deepcopy(model)
    for name, layer in layers_of(model).items():
        if parametrize.is_parametrized(layer):
            model.set_submodule(name, _layer_like(layer, parametrized))
    return model


def _layer_like(layer, parametrized):
    if isinstance(layer, nn.Conv2d):
        sizes = layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding
        new = skip_init(nn.Conv2d, *sizes, bias=layer.bias is not None)
    else:
        new = skip_init(nn.Linear, layer.in_features, layer.out_features, bias=layer.bias is not None)
    for name, value in list(new.named_parameters()):
        parts = _parts(layer, name) if parametrized else ()
        value.data = (layer.parametrizations[name].original if parts else getattr(layer, name)).detach().clone()
        for part in parts:
            parametrize.register_parametrization(new, name, part)
    return new


def parametrization_of(layer, kind, name="weight"):
    """The last part of that kind in a layer's way to its weight, or None."""
    found = [part for part in _parts(layer, name) if isinstance(part, kind)]
    return found[-1] if found else None


def _parts(layer, name="weight"):
    return layer.parametrizations[name] if parametrize.is_parametrized(layer, name) else ()


# --- fewer: pruning ---------------------------------------------------------------------------------


class Kept(nn.Module):
    """weight * mask: what was pruned is 0 and gets no gradient."""

    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


def prune(model, sparsity):
    """A copy in which the share `sparsity` of all weights is 0, those nearest to 0, and stays so while it trains.

    The weights of all layers are compared together; biases are left. Prune before you quantise (ValueError otherwise).
    Source: Han et al. 2015, who compare inside each layer.
    """
    sparsity = check_number("sparsity", sparsity)
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity is the share of the weights that become 0, in [0, 1): got {sparsity!r}")
    model = _copied(model)
    layers = list(layers_of(model).values())
    if any(parametrization_of(layer, Quantised) for layer in layers):
        raise ValueError("prune first, then quantise: the levels of a quantised weight are chosen for what is left")
    sizes = torch.cat([layer.weight.detach().abs().flatten() for layer in layers])
    kept = torch.ones_like(sizes)
    kept[sizes.topk(int(sparsity * len(sizes)), largest=False).indices] = 0
    for layer, mask in zip(layers, kept.split([layer.weight.numel() for layer in layers]), strict=True):
        parametrize.register_parametrization(layer, "weight", Kept(mask.view_as(layer.weight)))
    return model


def sparsity_of(model):
    """The share of a network's weights (biases aside) that are exactly 0."""
    weights = torch.cat([layer.weight.detach().flatten() for layer in layers_of(model).values()])
    return (weights == 0).double().mean().item()


def remove_neurons(mlp, *widths):
    """A narrower MLP, of what seems most important of `mlp`: `remove_neurons(mlp, 75, 25)` keeps 75 and 25 hidden units.

    A unit counts as much as the norms of its weights, those that come in times those that go out.
    """
    if type(mlp) is not MLP or not all(type(layer) is nn.Linear for layer in mlp.layers):
        raise ValueError("remove_neurons works on a plain MLP, before it is pruned, factorised or quantised")
    old = [layer.out_features for layer in mlp.layers[:-1]]
    widths = [check_whole("each width that is kept", width, 1) for width in widths]
    if len(widths) != len(old) or any(width > had for width, had in zip(widths, old, strict=True)):
        raise ValueError(f"this MLP has hidden widths {old}: give one width for each, at most as many, got {widths}")
    layers = mlp.layers
    chosen = [
        (layer.weight.norm(dim=1) * following.weight.norm(dim=0)).topk(width).indices.sort().values
        for layer, following, width in zip(layers, layers[1:], widths, strict=False)
    ]
    inputs, outputs = layers[0].in_features, layers[-1].out_features
    smaller = MLP(inputs, *widths, outputs, dropout=mlp.dropout, input_dropout=mlp.input_dropout)
    columns = [torch.arange(inputs), *chosen]
    rows = [*chosen, torch.arange(outputs)]
    with torch.no_grad():
        for new, layer, row, column in zip(smaller.layers, layers, rows, columns, strict=True):
            new.weight.copy_(layer.weight[row][:, column])
            new.bias.copy_(layer.bias[row])
    return smaller


# --- fewer: low rank --------------------------------------------------------------------------------


def factorise(model, rank, inputs=None):
    """A copy whose layers (all but the last) go through `rank` numbers: two thin layers in place of each wide one.

    Without inputs each product is the closest matrix of that rank (Eckart & Young 1936). With inputs (rows that the model
    can read) what the layers *do* with those inputs is closest: mean |W x - W' x|² is least (Wang et al. 2024, SVD-LLM, for
    language models; ASVD, Yuan et al. 2023, scales each input by itself). Layers that would not get smaller stay.
    """
    return thin(model, check_whole("rank", rank, 1), full_rank(model, inputs))


def full_rank(model, inputs=None):
    """{name: (left, right)} of all layers but the last: what `low_rank` gives where nothing is left out."""
    moments = {} if inputs is None else input_moments(model, inputs)
    matrices = {name: layer.weight.detach().flatten(1) for name, layer in list(layers_of(model).items())[:-1]}
    return {name: low_rank(matrix, min(matrix.shape), moments.get(name)) for name, matrix in matrices.items()}


def thin(model, rank, factors):
    """`factorise` with the factors of `full_rank`: their first columns and rows are those of any lower rank."""
    model = plain(model)
    for name, (left, right) in factors.items():
        layer = model.get_submodule(name)
        if rank * (len(left) + right.shape[1]) < layer.weight.numel():
            model.set_submodule(name, _thin_layers(layer, left[:, :rank], right[:rank]))
    return model


def low_rank(matrix, rank, moment=None):
    """(outputs, rank) and (rank, inputs), whose product is closest to the matrix (outputs, inputs).

    Closest in |W - W'|², or, with moment = mean of x xᵀ (inputs, inputs), in the mean of |(W - W') x|².
    """
    matrix = matrix.double()
    if moment is None:
        root = inverse = torch.eye(matrix.shape[1], dtype=torch.float64)
    else:
        values, vectors = torch.linalg.eigh(moment.double())
        values = values + RIDGE * values.max()
        root, inverse = (vectors * values**power @ vectors.T for power in (0.5, -0.5))
    left, sizes, right = torch.linalg.svd(matrix @ root, full_matrices=False)
    share = sizes[:rank].sqrt()
    return (left[:, :rank] * share).float(), (share[:, None] * right[:rank] @ inverse).float()


def _thin_layers(layer, left, right):
    """Two layers that do left @ (right @ x) + bias, in place of one."""
    rank = len(right)
    if isinstance(layer, nn.Conv2d):
        sizes = layer.in_channels, rank, layer.kernel_size, layer.stride, layer.padding
        first, second = skip_init(nn.Conv2d, *sizes, bias=False), skip_init(nn.Conv2d, rank, layer.out_channels, 1)
    else:
        first = skip_init(nn.Linear, layer.in_features, rank, bias=False)
        second = skip_init(nn.Linear, rank, layer.out_features)
    with torch.no_grad():
        first.weight.copy_(right.view_as(first.weight))
        second.weight.copy_(left.view_as(second.weight))
        second.bias.copy_(layer.bias)
    return nn.Sequential(first, second)


@torch.no_grad()
def input_moments(model, inputs, batch_size=500):
    """{name: mean of x xᵀ} of what each layer reads (for a convolution: the patches under its kernel)."""
    moments, counts = {}, {}

    def add(name):
        def hook(layer, given):
            rows = _patches(layer, given[0]).double()
            moments[name] = moments.get(name, 0) + rows.T @ rows
            counts[name] = counts.get(name, 0) + len(rows)

        return hook

    handles = [layer.register_forward_pre_hook(add(name)) for name, layer in layers_of(model).items()]
    try:
        for batch in inputs.split(batch_size):
            model(batch)
    finally:
        for handle in handles:
            handle.remove()
    return {name: moments[name] / counts[name] for name in moments}


def _patches(layer, given):
    if isinstance(layer, nn.Linear):
        return given.flatten(0, -2)
    patches = F.unfold(given, layer.kernel_size, padding=layer.padding, stride=layer.stride)
    return patches.movedim(1, -1).flatten(0, -2)


# --- coarser: few bits ------------------------------------------------------------------------------


def straight_through(weight, rounded):
    """The rounded value on the way forward; on the way back as if nothing had been rounded (Bengio et al. 2013)."""
    return weight + (rounded - weight).detach()


class Quantised(nn.Module):
    """Each row of a weight on 2 ** bits equally wide steps of its own, or on -s, 0, s (bits="ternary"; Li & Liu 2016).

    The levels lie at ±½, ±1½, ... steps; what is exactly 0 (pruned) stays 0 and has no part in the choice of the step, which
    comes from the rows as they are, at each call. The steps are float16, so that `pack` keeps them exactly.
    """

    def __init__(self, bits):
        super().__init__()
        self.bits = bits

    def codes(self, weight):
        """Whole numbers of the weight's shape (-1, 0, 1, or 0 to 2 ** bits - 1) and the steps (rows, 1, ...)."""
        rows = weight.flatten(1)
        codes, step = (self._ternary if self.bits == "ternary" else self._uniform)(rows)
        return codes.view_as(weight), step.view(-1, *[1] * (weight.dim() - 1))

    def _uniform(self, rows):
        levels = 2**self.bits
        if self.bits in BEST_STEP:
            step = BEST_STEP[self.bits] * (rows.square().sum(1) / (rows != 0).sum(1).clamp(min=1)).sqrt()
        else:
            step = rows.abs().amax(1) / (levels / 2 - 0.5)
        step = _half(step)[:, None]
        return ((rows / step - 0.5).round() + levels / 2).clamp(0, levels - 1), step

    def _ternary(self, rows):
        sizes = rows.abs()
        large = sizes > 0.7 * sizes.sum(1, keepdim=True) / (rows != 0).sum(1, keepdim=True).clamp(min=1)
        step = (sizes * large).sum(1) / large.sum(1).clamp(min=1)
        return rows.sign() * large, _half(step)[:, None]

    def values(self, codes, step):
        return codes * step if self.bits == "ternary" else (codes - 2**self.bits / 2 + 0.5) * step

    def forward(self, weight):
        with torch.no_grad():
            rounded = self.values(*self.codes(weight)) * (weight != 0)
        return straight_through(weight, rounded)


class Half(nn.Module):
    """Biases in float16."""

    def forward(self, bias):
        return straight_through(bias, bias.detach().half().float())


def quantise(model, bits):
    """A copy whose weights have few levels, also while it trains: "fake" quantisation (Jacob et al. 2018).

    bits: 1 to 8 or "ternary", for all layers, or a list with one for each. Biases and steps are float16; what the layers
    read stays float32. `pack` writes the levels as that many bits.
    """
    model = _copied(model)
    layers = list(layers_of(model).values())
    if any(parametrization_of(layer, Quantised) for layer in layers):
        raise ValueError("this network is quantised already: quantise the one that it was made from")
    each = list(bits) if isinstance(bits, list | tuple) else [bits] * len(layers)
    if len(each) != len(layers):
        raise ValueError(f"this network has {len(layers)} layers: give bits for each of them, or one number: {bits!r}")
    for layer, its_bits in zip(layers, map(_check_bits, each), strict=True):
        parametrize.register_parametrization(layer, "weight", Quantised(its_bits))
        if layer.bias is not None:
            parametrize.register_parametrization(layer, "bias", Half())
    return model


def _check_bits(bits):
    if bits == "ternary":
        return bits
    if check_whole('bits (1 to 8, or "ternary")', bits, 1) > 8:
        raise ValueError(f'bits must be 1 to 8, or "ternary": got {bits!r}')
    return int(bits)


def _half(step):
    """Steps as float16, never 0: a row of zeros has some step too."""
    return step.clamp(min=1e-6).half().float()
