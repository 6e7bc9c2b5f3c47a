"""Exercises of lesson 15, compression."""

import copy
import math

import torch

from kdlab import compression, data, models, training
from kdlab.compression import pack, unpack
from kdlab.compression.weights import Quantised, layers_of, parametrization_of
from kdlab.data import load_mnist
from kdlab.exercises.core import Exercise, OpenExercise, Option, Question, Quiz, ScoredExercise
from kdlab.exercises.engine.answers import Mistake
from kdlab.exercises.engine.properties import depends_on_chance, ignores_an_argument
from kdlab.exercises.engine.values import close, is_tensor, kind_of
from kdlab.metrics import errors
from kdlab.models import to_inputs
from kdlab.teachers import predict_logits

# 1 --------------------------------------------------------------------------------------------------------------------


def _packed_bytes(shapes, bits):
    """Bytes in a file: for each layer (outputs, inputs) a step and a bias of 2 bytes a row, and whole bytes of codes."""
    total = 0
    for outputs, inputs in shapes:
        codes = math.ceil(outputs * inputs * bits / 8)
        total += codes + 2 * outputs + 2 * outputs
    return total


def _packed_bytes_in_one_line(shapes, bits):
    return sum(4 * rows + (rows * columns * bits + 7) // 8 for rows, columns in shapes)


def _packed_bytes_apart(shapes, bits):
    steps = sum(2 * outputs for outputs, inputs in shapes)
    biases = sum(2 * outputs for outputs, inputs in shapes)
    codes = sum(-(-outputs * inputs * bits // 8) for outputs, inputs in shapes)
    return steps + biases + codes


def _draw_shapes(draw, bits=None):
    """Four layers for which it makes a difference which way one rounds, and whether layer by layer or once."""
    bits = bits or (3, 5, 3)[draw.number % 3]
    while True:
        widths = torch.randperm(30)[:5].add(9).tolist()
        shapes = list(zip(widths[1:], widths[:-1], strict=True))
        exact = [outputs * inputs * bits / 8 for outputs, inputs in shapes]
        right, once, cut = sum(map(math.ceil, exact)), math.ceil(sum(exact)), sum(map(math.floor, exact))
        if bits == 8 or len({right, once, cut, sum(map(round, exact))}) == 4:
            return {"shapes": shapes, "bits": bits}


def _other_bytes(
    codes=lambda n, bits: -(-n * bits // 8), rest=lambda outputs, inputs, bits: 4 * outputs, last=lambda x: x
):
    """A sum over the layers with other bytes for the codes, or for what comes with them."""
    return lambda shapes, bits: last(sum(codes(a * b, bits) + rest(a, b, bits) for a, b in shapes))


def _only_rounding(evidence):
    """Less than a byte and a half off for each layer."""
    off = [abs(value - wanted) for _, value, wanted in evidence.cases]
    if any(off) and all(gap < 1.5 * len(a["shapes"]) for gap, (a, _, _) in zip(off, evidence.cases, strict=True)):
        return "Only the rounding is off, by a byte or less for each layer: the codes of each layer are rounded *up*, `math.ceil`."
    return None


packed_bytes = Exercise(
    place=1,
    title="How large is the file?",
    minutes=6,
    difficulty="easy",
    reference=_packed_bytes,
    forms=(_packed_bytes_in_one_line, _packed_bytes_apart),
    roles={"bits": "size"},
    draw=_draw_shapes,
    properties=(_only_rounding,),
    tolerance=1e-6,
    hints=(
        "A layer (100, 300) at 4 bits: 30 000 codes of 4 bits are 15 000 bytes. And each of its 100 rows has a step and a bias.",
        "Eight bits are a byte. A layer whose codes do not fill its last byte takes it all the same: `math.ceil`.",
        "For each layer `math.ceil(outputs * inputs * bits / 8) + 4 * outputs`; then the sum.",
    ),
    cases={
        "Right, until the codes fill their bytes exactly: then nothing is to be rounded up.": (
            lambda draw: _draw_shapes(draw, bits=8)
        ),
    },
    mistakes={
        "You round once, for the whole network. Each layer begins with a byte of its own: round each up.": (
            lambda shapes, bits: -(-sum(a * b for a, b in shapes) * bits // 8) + sum(4 * a for a, b in shapes)
        ),
        "You count the last byte of a layer only if it is full, or half full. A layer with one bit more needs one byte more: "
        "`math.ceil`.": (
            _other_bytes(codes=lambda n, bits: n * bits // 8),
            _other_bytes(codes=lambda n, bits: round(n * bits / 8)),
            lambda shapes, bits: sum(a * b for a, b in shapes) * bits // 8 + sum(4 * a for a, b in shapes),
            lambda shapes, bits: round(sum(a * b for a, b in shapes) * bits / 8 + sum(4 * a for a, b in shapes)),
        ),
        "There are no fractions of a byte in a file: round the codes of each layer up to whole bytes, `math.ceil`.": (
            _other_bytes(codes=lambda n, bits: n * bits / 8)
        ),
        "Those are *bits*. Eight of them make a byte.": (
            _other_bytes(codes=lambda n, bits: n * bits),
            _other_bytes(codes=lambda n, bits: n * bits, rest=lambda a, b, bits: 32 * a),
            _other_bytes(codes=lambda n, bits: n * bits, rest=lambda a, b, bits: 16 * a),
            _other_bytes(codes=lambda n, bits: n * bits, rest=lambda a, b, bits: 0),
        ),
        "Each row has a step *and* a bias, 2 bytes each. You count one of the two.": (
            _other_bytes(rest=lambda a, b, bits: 2 * a)
        ),
        "You count the codes only. Each row has a step and a bias besides, 2 bytes each.": (
            _other_bytes(rest=lambda a, b, bits: 0),
            _other_bytes(codes=lambda n, bits: n * bits / 8, rest=lambda a, b, bits: 0),
            _other_bytes(codes=lambda n, bits: n * bits // 8, rest=lambda a, b, bits: 0),
        ),
        "Steps and biases are counted by *inputs*. A step and a bias belong to each row: `outputs` of them.": (
            _other_bytes(rest=lambda a, b, bits: 4 * b),
            _other_bytes(rest=lambda a, b, bits: 2 * a + 2 * b),
        ),
        "One step (or one bias) for a whole layer is too little: each *row* has one of each.": (
            _other_bytes(rest=lambda a, b, bits: 2 + 2 * a),
            _other_bytes(rest=lambda a, b, bits: 4),
            _other_bytes(rest=lambda a, b, bits: 2),
        ),
        "Steps and biases take 2 *bytes* each, not 2 bits, and not `bits` bits.": (
            lambda shapes, bits: sum(-(-(a * b * bits + 4 * a) // 8) for a, b in shapes),
            lambda shapes, bits: sum(-(-(a * b + 2 * a) * bits // 8) for a, b in shapes),
            lambda shapes, bits: sum(-(-(a * b + a) * bits // 8) for a, b in shapes),
            lambda shapes, bits: sum(-(-(a * b + a) * bits // 8) + 2 * a for a, b in shapes),
        ),
        "Steps and biases take 2 bytes each here (float16), not 4.": (
            _other_bytes(rest=lambda a, b, bits: 8 * a),
            _other_bytes(rest=lambda a, b, bits: 6 * a),
        ),
        "Steps and biases take 2 bytes each, not 1.": _other_bytes(rest=lambda a, b, bits: a),
        "Those are kilobytes, or megabytes. Bytes are asked for.": (
            _other_bytes(last=lambda x: x / 1000),
            _other_bytes(last=lambda x: x / 1024),
            _other_bytes(last=lambda x: x / 1024**2),
        ),
        "A layer goes without its biases (or its steps) with you. Each layer has them, the last one, too.": (
            lambda shapes, bits: _packed_bytes(shapes, bits) - 2 * shapes[-1][0],
            lambda shapes, bits: _packed_bytes(shapes, bits) - 4 * shapes[-1][0],
            lambda shapes, bits: _packed_bytes(shapes, bits) - 2 * shapes[0][0],
            lambda shapes, bits: _packed_bytes(shapes, bits) - 4 * shapes[0][0],
        ),
        "Each row is rounded up to whole bytes with you. The codes of a layer run on: one rounding for each layer.": (
            _other_bytes(codes=lambda n, bits: 0, rest=lambda a, b, bits: a * -(-b * bits // 8) + 4 * a)
        ),
        "Each single code takes a whole byte with you. They are packed: 8 bits hold more than one.": (
            _other_bytes(codes=lambda n, bits: n * -(-bits // 8)),
        ),
        "A byte too many where nothing is left over: `// 8 + 1` adds one always. `math.ceil(... / 8)`.": (
            _other_bytes(codes=lambda n, bits: n * bits // 8 + 1)
        ),
        "A layer has outputs *times* inputs weights.": (
            lambda shapes, bits: sum(-(-(a + b) * bits // 8) + 4 * a for a, b in shapes),
        ),
        "A code takes `bits` bits. 2**bits is how many different codes there are.": (
            _other_bytes(codes=lambda n, bits: -(-n * 2**bits // 8)),
        ),
        "You let a byte hold whole codes only, and waste the rest of it. The codes run on over the bytes.": (
            _other_bytes(codes=lambda n, bits: n // (8 // bits)),
            _other_bytes(codes=lambda n, bits: -(-n // (8 // bits))),
        ),
        "`bits // 8` is 0: multiply first, then divide by 8.": _other_bytes(codes=lambda n, bits: n * (bits // 8)),
        "You divide by `bits`. Each code takes `bits` bits, and 8 of them are a byte: times bits, by 8.": (
            _other_bytes(codes=lambda n, bits: -(-n // bits)),
            _other_bytes(codes=lambda n, bits: -(-n * 8 // bits)),
        ),
    },
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _multiply_adds(inputs_side, channels_in, channels_out, kernel, stride):
    """Of one convolution, kernel x kernel, "same" padding: its maps have the side inputs_side / stride, rounded up."""
    side = math.ceil(inputs_side / stride)
    return side**2 * channels_out * channels_in * kernel**2


def _multiply_adds_by_padding(inputs_side, channels_in, channels_out, kernel, stride):
    side = (inputs_side + 2 * (kernel // 2) - kernel) // stride + 1
    weights = channels_in * channels_out * kernel * kernel
    return side * side * weights


def _multiply_adds_by_strides(inputs_side, channels_in, channels_out, kernel, stride):
    places = len(range(0, inputs_side, stride)) * len(range(0, inputs_side, stride))
    return places * channels_out * (channels_in * kernel * kernel)


def _draw_convolution(draw):
    """Small numbers, where one bias more or less is not lost in rounding, and no channels as many as a kernel is wide. No side
    is a multiple of the stride."""
    channels = torch.tensor([4, 5, 6, 8, 10])[torch.randperm(5)[:2]].tolist()
    numbers = {"inputs_side": (13, 11, 17)[draw.number % 3], "channels_in": channels[0], "channels_out": channels[1]}
    return numbers | {"kernel": (9, 7, 7)[draw.number % 3], "stride": (2, 3, 3)[draw.number % 3]}


def _other_count(side=lambda s, k, t: -(-s // t), count=lambda n, a, b, k: n * n * a * b * k * k):
    """Another side of the maps, or another product."""
    return lambda s, a, b, k, t: count(side(s, k, t), a, b, k)


def _taps(side, kernel, stride):
    """How many pairs of a window's place and a pixel are inside of the map, in one direction."""
    places = [at + by for at in range(0, side, stride) for by in range(-(kernel // 2), kernel // 2 + 1)]
    return sum(0 <= place < side for place in places)


multiply_adds = Exercise(
    place=2,
    title="How much work is a convolution?",
    minutes=6,
    difficulty="easy",
    reference=_multiply_adds,
    forms=(_multiply_adds_by_padding, _multiply_adds_by_strides),
    roles={"inputs_side": "size", "kernel": "size", "stride": "size"},
    draw=_draw_convolution,
    tolerance=1e-6,
    hints=(
        "How many numbers come out? And how many multiplications does each of them take?",
        "Each number that comes out looks at a window of kernel x kernel in *every* channel that comes in.",
        "`side = math.ceil(inputs_side / stride)`; then side² · channels_out numbers, each with channels_in · kernel² "
        "multiplications.",
    ),
    cases={
        "With a stride of 1 the maps keep their side.": lambda draw: _draw_convolution(draw) | {"stride": 1},
    },
    mistakes={
        "The stride makes no difference with you. It makes the maps smaller: their side is inputs_side / stride, rounded up.": (
            _other_count(side=lambda s, k, t: s)
        ),
        "The stride counts in both directions: it divides the side, so the places by stride².": (
            lambda s, a, b, k, t: -(-s * s // t) * a * b * k * k,
            lambda s, a, b, k, t: s * s // t * a * b * k * k,
            lambda s, a, b, k, t: s * s / t * a * b * k * k,
            lambda s, a, b, k, t: s * -(-s // t) * a * b * k * k,
            lambda s, a, b, k, t: s * s * a * b * k * k // t,
        ),
        "The side is rounded *up*: the last window stands there, too, with padding in part of it.": (
            _other_count(side=lambda s, k, t: s // t),
            _other_count(side=lambda s, k, t: s / t),
            _other_count(side=lambda s, k, t: round(s / t)),
            lambda s, a, b, k, t: s * s * a * b * k * k // (t * t),
        ),
        "You square before you round. It is the *side* that is rounded up, then it is squared: `math.ceil(side / stride) ** 2`.": (
            lambda s, a, b, k, t: s * s // (t * t) * a * b * k * k,
            lambda s, a, b, k, t: -(-s * s // (t * t)) * a * b * k * k,
        ),
        "A map has side *times* side places: square it.": _other_count(count=lambda n, a, b, k: n * a * b * k * k),
        "A window has kernel *times* kernel places: square it.": _other_count(
            count=lambda n, a, b, k: n * n * a * b * k
        ),
        "Neither the side nor the kernel is squared. Both maps and windows have two axes.": (
            _other_count(count=lambda n, a, b, k: n * a * b * k)
        ),
        "Biases are additions alone, without a multiplication: they do not count here.": (
            _other_count(count=lambda n, a, b, k: n * n * b * (a * k * k + 1)),
            _other_count(count=lambda n, a, b, k: n * n * a * b * k * k + b),
            _other_count(count=lambda n, a, b, k: b * (a * k * k + 1)),
        ),
        "A multiplication and its addition count as *one* here (FLOPs would be twice as many).": (
            _other_count(count=lambda n, a, b, k: 2 * n * n * a * b * k * k),
            _other_count(count=lambda n, a, b, k: n * n * b * (2 * a * k * k - 1)),
        ),
        "Those are the weights, which are few. Each of them is used at every place of the map: times side².": (
            _other_count(count=lambda n, a, b, k: a * b * k * k)
        ),
        "Every channel that comes out looks at *every* channel that comes in: times channels_in.": (
            _other_count(count=lambda n, a, b, k: n * n * b * k * k)
        ),
        "That is for one map that comes out. There are channels_out of them.": (
            _other_count(count=lambda n, a, b, k: n * n * a * k * k)
        ),
        "A window has kernel² places in *each* channel that comes in: times, not plus.": (
            _other_count(count=lambda n, a, b, k: n * n * b * (a + k * k))
        ),
        "Channels in and out are multiplied, not added: each one out looks at each one in.": (
            _other_count(count=lambda n, a, b, k: n * n * (a + b) * k * k)
        ),
        "One place too many in each direction where the stride divides the side: `// stride + 1` adds one always. "
        "`math.ceil(inputs_side / stride)`.": _other_count(side=lambda s, k, t: s // t + 1),
        'That is the side without padding. With "same" padding, the maps lose nothing at their edges: inputs_side / stride, '
        "rounded up.": (
            _other_count(side=lambda s, k, t: (s - k) // t + 1),
            _other_count(side=lambda s, k, t: (s - k + 1) // t),
            _other_count(side=lambda s, k, t: -(-(s - k) // t)),
        ),
        "You multiply by the stride. The wider the steps, the *fewer* places.": (
            _other_count(side=lambda s, k, t: s * t),
        ),
        "Too many places. Does the padding come on top, or a 1 though it is rounded up already? The side is inputs_side / stride, "
        "rounded up.": (
            _other_count(side=lambda s, k, t: -(-(s + 2 * (k // 2)) // t)),
            _other_count(side=lambda s, k, t: (s + 2 * (k // 2)) // t),
            _other_count(side=lambda s, k, t: -(-s // t) + 1),
        ),
        "The padding is too wide with you, or too narrow: `kernel // 2` zeros on each side keep a map's side at stride 1.": (
            _other_count(side=lambda s, k, t: (s + 2 * k - k) // t + 1),
            _other_count(side=lambda s, k, t: (s + k // 2 - k) // t + 1),
            _other_count(side=lambda s, k, t: (s + 2 - k) // t + 1),
        ),
        "You leave out the multiplications with the padding's zeros. They are done like all others, so they count.": (
            _other_count(side=_taps, count=lambda n, a, b, k: n * n * a * b)
        ),
        "Those are the numbers that come out. How many multiplications does each of them take?": (
            _other_count(count=lambda n, a, b, k: n * n * b)
        ),
        "The kernel's side is divided by the stride with you. It stays what it is; there are fewer places.": (
            lambda s, a, b, k, t: s * s * a * b * -((-k // t) ** 2)
        ),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _pruning_mask(weight, sparsity):
    """bool, shaped like the weight: False for the share `sparsity` of all its entries that are nearest to 0."""
    sizes = weight.abs().flatten()
    mask = torch.ones(len(sizes), dtype=torch.bool)
    mask[sizes.argsort()[: int(sparsity * len(sizes))]] = False
    return mask.view_as(weight)


def _pruning_mask_by_threshold(weight, sparsity):
    sizes = weight.abs()
    return sizes > sizes.quantile(sparsity)


def _pruning_mask_by_sorting(weight, sparsity):
    threshold = weight.abs().flatten().sort().values[int(sparsity * weight.numel())]
    return weight.abs() >= threshold


def _pruning_mask_by_the_largest_that_goes(weight, sparsity):
    threshold = weight.abs().flatten().kthvalue(int(sparsity * weight.numel())).values
    return weight.abs() > threshold


def _pruning_mask_by_ranks(weight, sparsity):
    ranks = weight.abs().flatten().argsort().argsort()
    return (ranks >= int(sparsity * weight.numel())).view_as(weight)


def _draw_weight(draw, *shape):
    """Rows (or filters) of very different sizes; the shares are exact in binary, and of any such shape a whole number."""
    weight = torch.randn(*(shape or (draw.rows, 16)))
    scale = torch.linspace(0.3, 2.0, len(weight)) if len(weight) > 1 else torch.ones(1)
    return {
        "weight": weight * scale.view(-1, *[1] * (weight.ndim - 1)),
        "sparsity": (0.75, 0.625, 0.875)[draw.number % 3],
    }


def _other_mask(size=torch.abs, count=lambda w, s: int(s * w.numel()), smallest=True, dim=None):
    """The mask with another idea of what goes, how many, and of what is compared with what."""

    def mask(weight, sparsity):
        sizes = size(weight).flatten() if dim is None else size(weight)
        k = count(weight, sparsity) if dim is None else int(sparsity * sizes.shape[dim])
        order = sizes.argsort(-1 if dim is None else dim, descending=not smallest)
        gone = order.narrow(-1 if dim is None else dim, 0, k)
        return torch.ones_like(sizes).scatter(-1 if dim is None else dim, gone, 0.0).bool().view_as(weight)

    return mask


def _ask_mask(ask):
    answer = ask(torch.tensor([[0.1, -3.0], [2.0, -0.2]]), 0.5)
    answer.holds(
        answer.value.dtype is torch.bool,
        "Right, but as 0 and 1. As an index those are *places*: `weight[mask]` would take rows 0 and 1 again and again. "
        "Return True and False (torch.bool).",
    )


def _how_many_go(evidence):
    """How many weights a wrong mask lets go, or which it should not."""
    arguments, value, wanted = evidence.cases[0]
    if not is_tensor(value) or value.shape != wanted.shape or not torch.equal(value, evidence.call(arguments)):
        return None
    mine, right, share = int((value == 0).sum()), int((~wanted).sum()), arguments["sparsity"]
    if mine != right and abs(mine - share * len(value)) < 1:
        return (
            f"{mine} weights go with you: you count *rows* (`len(weight)`), where all entries count, `weight.numel()`."
        )
    if mine != right:
        return f"{mine} of {value.numel()} weights go with you; at a sparsity of {share} it should be {right}: {share} of all."
    sizes = arguments["weight"].abs()
    gone, kept = sizes[(value == 0) & wanted].max().item(), sizes[(value != 0) & ~wanted].min().item()
    return f"As many go as should, but not those nearest to 0: one of size {gone:.2g} goes, and one of size {kept:.2g} stays."


pruning_mask = Exercise(
    place=3,
    title="Which ones stay",
    minutes=6,
    difficulty="easy",
    reference=_pruning_mask,
    forms=(
        _pruning_mask_by_threshold,
        _pruning_mask_by_sorting,
        _pruning_mask_by_the_largest_that_goes,
        _pruning_mask_by_ranks,
    ),
    roles={"weight": "features", "sparsity": "share"},
    draw=_draw_weight,
    questions=_ask_mask,
    properties=(ignores_an_argument, _how_many_go),
    hints=(
        "How many entries have to go? And which is the largest that goes?",
        "`weight.abs().flatten().sort().values` has the smallest in front. The first `int(sparsity * weight.numel())` of them "
        "go, so the next is the smallest that stays.",
        "`weight.abs() >= threshold`, with that next one as the threshold. (`weight.abs() > weight.abs().quantile(sparsity)` "
        "is as good, for weights that are not too many: quantile refuses more than 16 million.)",
    ),
    cases={
        "Right for matrices. The weight of a convolution has four axes, and all its entries are compared together, too.": (
            lambda draw: _draw_weight(draw, 6, 4, 3, 3)
        ),
    },
    mistakes={
        "Negative weights count as the smallest with you. Near to 0 is small in *size*: take `abs` before you compare.": (
            _other_mask(size=lambda w: w),
            lambda w, s: w > w.abs().quantile(s),
            lambda w, s: w.abs() > w.quantile(s),
            lambda w, s: w.abs() > w.quantile(s).abs(),
        ),
        "You keep the share `sparsity`, and the rest goes. It is the share that goes.": (
            _other_mask(count=lambda w, s: int((1 - s) * w.numel()))
        ),
        "Your mask is the other way round: True where a weight *stays*.": lambda w, s: ~_pruning_mask(w, s),
        "You let the largest go. Those nearest to 0 go, the large ones stay.": (
            _other_mask(smallest=False),
            _other_mask(size=lambda w: w, smallest=False),
        ),
        "You prune each row by itself, the same share of each. The whole weight is compared: a row of small ones may lose "
        "nearly all.": _other_mask(dim=1),
        "You prune each column by itself, the same share of each. The whole weight is compared.": _other_mask(dim=0),
        "You measure each row (or column) on its own scale before you compare. The weights are compared as they are.": (
            _other_mask(size=lambda w: w.abs() / w.abs().amax(1, keepdim=True)),
            _other_mask(size=lambda w: w.abs() / w.abs().sum(1, keepdim=True)),
            _other_mask(size=lambda w: w.abs() / w.norm(dim=1, keepdim=True)),
            _other_mask(size=lambda w: w.abs() / w.abs().amax(0, keepdim=True)),
            _other_mask(size=lambda w: w.softmax(-1)),
        ),
        "You compare with the mean, not with 0: near to *0* is small in size, `weight.abs()`.": (
            _other_mask(size=lambda w: (w - w.mean()).abs()),
            _other_mask(size=lambda w: (w - w.mean(1, keepdim=True)).abs()),
        ),
        "One too few goes: the threshold itself is the largest that *goes*. `>` for `>=`, or the next one in the order.": (
            _other_mask(count=lambda w, s: int(s * w.numel()) - 1)
        ),
        "One too many goes: the one at place `int(sparsity * count)` of the order is the first that *stays*. `>=` for `>`, or "
        "an index too high.": _other_mask(count=lambda w, s: int(s * w.numel()) + 1),
        "You compare with `sparsity` as if it were a size. It is a share: sort, and look how large the entry at that share is.": (
            lambda w, s: w.abs() > s,
            lambda w, s: w > s,
        ),
        "You take a share of the *largest weight* as the threshold. It is a share of how *many* there are: sort, or `quantile`.": (
            lambda w, s: w.abs() > s * w.abs().max(),
            lambda w, s: w.abs() > s * w.max(),
            lambda w, s: w.abs() > s * w.std(),
            lambda w, s: w.abs() > s * w.abs().mean(),
        ),
        "Your mask is flat: it should have the shape of the weight. `view_as(weight)` at the end, or no `flatten` at all.": (
            lambda w, s: _pruning_mask(w, s).flatten()
        ),
        "That is the pruned weight itself. Asked is the mask: True where a weight stays, False where it goes.": (
            lambda w, s: w * _pruning_mask(w, s)
        ),
        "Those are places in the order, or their numbers. Asked is a mask of the weight's shape, True where a weight stays.": (
            lambda w, s: w.abs().flatten().argsort()[: int(s * w.numel())],
            lambda w, s: w.abs().flatten().argsort()[int(s * w.numel()) :],
            lambda w, s: w[_pruning_mask(w, s)],
        ),
        "Whole rows go with you, those that are small as a whole. Here each entry is judged by itself.": (
            lambda w, s: (w.norm(dim=1) > w.norm(dim=1).quantile(s))[:, None].expand_as(w),
            lambda w, s: (w.abs().sum(1) > w.abs().sum(1).quantile(s))[:, None].expand_as(w),
        ),
    },
    wrong={
        "whole numbers": (lambda w, s: _pruning_mask(w, s).long(), "Return True and False"),
        "in place": (lambda w, s: w.abs_() > w.quantile(s), "in place"),
        "rows counted": (_other_mask(count=lambda w, s: round(s * len(w))), "you count *rows*"),
        "places for ranks": (
            lambda w, s: (w.abs().flatten().argsort() >= s * w.numel()).view_as(w),
            "the rank of each entry",
        ),
        "signed": (lambda w, s: w.abs() > w.flatten().kthvalue(int(s * w.numel())).values, "abs"),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _low_rank(matrix, rank):
    """Two factors (outputs, rank) and (rank, inputs) whose product is as close to the matrix as that rank allows."""
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    return u[:, :rank] * s[:rank], vh[:rank]


def _low_rank_shared_evenly(matrix, rank):
    u, s, vh = torch.linalg.svd(matrix)
    root = s[:rank].sqrt()
    return u[:, :rank] * root, root[:, None] * vh[:rank]


def _low_rank_by_projection(matrix, rank):
    u = torch.linalg.svd(matrix).U[:, :rank]
    return u, u.T @ matrix


def _low_rank_by_eigenvectors(matrix, rank):
    v = torch.linalg.eigh(matrix.T @ matrix).eigenvectors[:, -rank:]
    return matrix @ v, v.T


def _product(function, matrix, rank):
    """What is compared: the product of two factors, if they are two factors of these shapes; any split of it is right."""
    factors = function(matrix, rank)
    if not isinstance(factors, tuple | list):
        if is_tensor(factors) and factors.shape == matrix.shape:
            raise Mistake(
                "That is the product, as large as the matrix. Return the two thin factors: `return left, right`."
            )
        raise Mistake(f"Return two factors, in a tuple; you returned {kind_of(factors)} ({type(factors).__name__}).")
    if len(factors) == 3:
        raise Mistake("Those are three. Multiply the singular values into one of the factors, and return the two.")
    if len(factors) != 2:
        raise Mistake(f"Return two factors; you returned {len(factors)}.")
    for factor in factors:
        if not is_tensor(factor):
            raise Mistake(
                f"Each factor is a torch tensor; one of yours is {kind_of(factor)} ({type(factor).__name__})."
            )
    (outputs, inputs), shapes = matrix.shape, [tuple(factor.shape) for factor in factors]
    if shapes != [(outputs, rank), (rank, inputs)]:
        raise Mistake(f"{_about_shapes(shapes, outputs, inputs, rank)} The shapes are {shapes[0]} and {shapes[1]}, and they "
                      f"should be {(outputs, rank)} and {(rank, inputs)}.")  # fmt: skip
    return {"product": factors[0].double() @ factors[1].double()}


def _about_shapes(shapes, outputs, inputs, rank):
    left, right = shapes
    if left == (rank, inputs) and right == (outputs, rank):
        return "The factors are in the other order: what is multiplied first with the inputs stands on the right."
    if right == (inputs, rank):
        return "The second factor lies on its side: transpose it, `.T`. (`torch.linalg.svd` gives Vh, whose *rows* you want.)"
    if right == (rank, min(outputs, inputs)):
        return (
            "The second factor has *columns* of Vh in it, laid on their side. Vh is transposed already: take its rows."
        )
    if left == (rank, outputs):
        return "The first factor lies on its side: the columns of U count, `U[:, :rank]`."
    if (outputs, inputs) in shapes or left in ((outputs, outputs), (outputs, min(outputs, inputs))):
        return "Nothing is smaller yet: keep `rank` columns of the first factor and `rank` rows of the second."
    if len(left) == 2 and left[0] == outputs and abs(left[1] - rank) == 1:
        return f"You keep {left[1]} singular vectors where `rank` is {rank}: off by one."
    if (len(left), len(right)) != (2, 2):
        return "Each factor is a matrix, with two axes: an index took one away, or added one."
    return "The factors have other shapes than they should."


def _matrix(draw, turned=False):
    matrix = torch.randn(draw.rows + 4, draw.width + 4)
    return {"matrix": matrix.T.contiguous() if turned else matrix, "rank": draw.tokens}


def _parts_of_the_product(evidence):
    """What a wrong product is made of, seen in the matrix's own singular vectors."""
    arguments, value, _ = evidence.cases[0]
    rank, matrix = arguments["rank"], arguments["matrix"].double()
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    table, small = u.T @ value @ vh.T, 1e-4 * s[0]
    weights = table.diagonal()
    if (table - weights.diag()).abs().max() > small:
        for words, basis, turned in (("first", u[:, :rank], value), ("second", vh[:rank].T, value.T)):
            if (basis @ (basis.T @ turned) - turned).abs().max() < small:
                other = "second" if words == "first" else "first"
                return f"The {words} factor is made of the right singular vectors. The {other} one is not, or in another order."
        return (
            "Your product is made of other directions than the largest singular vectors of `matrix`. Is it the matrix itself, "
            "unchanged, that you decompose, by `torch.linalg.svd`? And which parts do you keep?"
        )
    kept = [number + 1 for number, weight in enumerate(weights) if abs(weight) > small]
    if not kept:
        return (
            "Your product is 0, or nearly: the parts that you keep have no weight. The *largest* are wanted. (`svd` puts them in "
            "front, `eigh` at the end.)"
        )
    if kept != list(range(1, rank + 1)):
        return f"You keep parts number {kept} of the decomposition. The {rank} largest are the first."
    return (
        f"The singular vectors are the right ones, but their weights are {[round(w, 2) for w in weights[:rank].tolist()]} and "
        f"should be the singular values, {[round(w, 2) for w in s[:rank].tolist()]}: each of them once."
    )


def _other_split(weigh, pick=lambda u, s, vh, r: (u[:, :r], s[:r], vh[:r])):
    """Factors from other parts of the decomposition, or with other use of the singular values."""

    def split(matrix, rank):
        u, s, vh = pick(*torch.linalg.svd(matrix, full_matrices=False), rank)
        return weigh(u, s, vh)

    return split


def _on_a_subspace(matrix, basis):
    return basis, basis.T @ matrix


def _once(u, s, vh):
    return u * s, vh


low_rank = Exercise(
    place=4,
    title="Two thin layers for a wide one",
    minutes=8,
    difficulty="medium",
    reference=_low_rank,
    forms=(_low_rank_shared_evenly, _low_rank_by_projection, _low_rank_by_eigenvectors),
    roles={"matrix": "features", "rank": "size"},
    draw=_matrix,
    observe=_product,
    properties=(depends_on_chance, _parts_of_the_product),
    hints=(
        "`U, S, Vh = torch.linalg.svd(matrix)`: the matrix is a sum of columns of U times rows of Vh, each with a weight from "
        "S, largest first. Keep the first few.",
        "U has a *column* for each part, Vh a *row*. S has to go into one of the two factors, once (or its root into both).",
        "`U[:, :rank] * S[:rank]` and `Vh[:rank]`.",
    ),
    cases={
        "Right for wide matrices. It may have more rows than columns, too.": lambda draw: _matrix(draw, turned=True),
    },
    mistakes={
        "The singular values are missing: all parts have the same weight. Multiply them into one of the factors.": (
            _other_split(lambda u, s, vh: (u, vh))
        ),
        "The singular values come too often (twice, or once and a root): multiply them into one factor only, or their root into "
        "both.": (
            _other_split(lambda u, s, vh: (u * s, s[:, None] * vh)),
            _other_split(lambda u, s, vh: (u * s**2, vh)),
            _other_split(lambda u, s, vh: (u * s, s.sqrt()[:, None] * vh)),
        ),
        "The root of the singular values stands in one factor only. Either S in one, or its root in both.": (
            _other_split(lambda u, s, vh: (u * s.sqrt(), vh))
        ),
        "You divide by the singular values where you should multiply.": _other_split(lambda u, s, vh: (u / s, vh)),
        "You keep the *smallest* parts. `svd` puts the largest in front (`eigh` does the opposite).": (
            _other_split(_once, lambda u, s, vh, r: (u[:, -r:], s[-r:], vh[-r:])),
            _other_split(_once, lambda u, s, vh, r: (u[:, :-r][:, -r:], s[:-r][-r:], vh[:-r][-r:])),
        ),
        "Vh is transposed already: its *rows* belong to the singular values. You took columns, or transposed it once more.": (
            lambda m, r: (_low_rank(m, r)[0], torch.linalg.svd(m).Vh.T[:r]),
            lambda m, r: (_low_rank(m, r)[0], torch.linalg.svd(m).Vh[:, :r].T),
        ),
        "You took rows of U. Its *columns* belong to the singular values: `U[:, :rank]`.": (
            lambda m, r: (torch.linalg.svd(m).U[:r].T * torch.linalg.svdvals(m)[:r], _low_rank(m, r)[1])
        ),
        "You took the first columns and rows of the matrix itself. The closest product comes from its singular value "
        "decomposition.": lambda m, r: (m[:, :r], m[:r]),
        "You decompose the matrix with its mean taken out (as PCA does). The matrix itself is to be approximated.": (
            lambda m, r: _low_rank(m - m.mean(0), r),
            lambda m, r: _low_rank(m - m.mean(1, keepdim=True), r),
            lambda m, r: _low_rank(m - m.mean(), r),
        ),
        "That is a QR decomposition, which does not sort its parts by size. Take `torch.linalg.svd`.": (
            lambda m, r: (torch.linalg.qr(m).Q[:, :r], torch.linalg.qr(m).R[:r])
        ),
        "The first part, the largest of all, is left out: begin at 0.": (
            _other_split(_once, lambda u, s, vh, r: (u[:, 1 : r + 1], s[1 : r + 1], vh[1 : r + 1]))
        ),
        "Singular vectors and values do not belong together: one of them is in the other order.": (
            _other_split(_once, lambda u, s, vh, r: (u[:, :r], s[-r:], vh[:r])),
            _other_split(_once, lambda u, s, vh, r: (u[:, :r], s[:r].flip(0), vh[:r])),
            _other_split(_once, lambda u, s, vh, r: (u[:, -r:], s[:r], vh[:r])),
            _other_split(_once, lambda u, s, vh, r: (u[:, :r], s[:r], vh[-r:])),
        ),
        "All parts have the weight of the largest: `S[:rank]` has one for each, `S[0]` one for all.": (
            _other_split(lambda u, s, vh: (u * s[0], vh))
        ),
        "One part fewer than `rank` is left: the last of them has the weight 0.": (
            _other_split(_once, lambda u, s, vh, r: (u[:, :r], s[:r] * (torch.arange(r) < r - 1), vh[:r]))
        ),
    },
    wrong={
        "not transposed": (
            lambda m, r: (torch.svd(m).U[:, :r] * torch.svd(m).S[:r], torch.svd(m).V[:, :r]),
            "on its side",
        ),
        "by chance": (
            lambda m, r: _on_a_subspace(m, torch.linalg.qr(m @ torch.randn(m.shape[1], r)).Q),
            "draw at random",
        ),
        "one more": (lambda m, r: _low_rank(m, r + 1), "off by one"),
        "one fewer": (lambda m, r: _low_rank(m, r - 1), "off by one"),
        "the product": (lambda m, r: torch.mm(*_low_rank(m, r)), "That is the product"),
        "three": (lambda m, r: tuple(torch.linalg.svd(m, full_matrices=False)), "Those are three"),
        "other order": (lambda m, r: _low_rank(m, r)[::-1], "in the other order"),
        "uncut": (lambda m, r: (torch.linalg.svd(m).U, torch.linalg.svd(m).Vh), "Nothing is smaller yet"),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


design_a_control = OpenExercise(
    place=5,
    title="Why do soft answers mend better?",
    minutes=10,
    difficulty="medium",
    hints=(
        "The teacher here is D itself, before it was compressed. What does its soft answer hold that a label does not? At least "
        "three things: which other digits it finds likely on *this* picture, less certainty on *any* picture, and D's own way of "
        "being wrong.",
        "Change one property of the target and keep the rest. Which target has the less certainty, and nothing of the teacher? "
        "Which has a teacher's knowledge, and not D's own function?",
        "For each explanation, write down the order that it expects among your arms. An experiment separates two explanations if "
        "they expect different orders.",
    ),
    good_answer="""A good answer names the explanations, and for each pair an arm on which they disagree. All arms mend the same
compressed network, on the same thousand pictures, in the same batches.

1. **Softer targets regularise.** Then any softness would do. Arms: *label smoothing* (its strength tuned like the others), and
   *shuffled* soft answers: D's probability of the right class stays, those of the nine wrong classes change places within
   each picture. Softness and certainty are D's, what it knows of the picture beyond the label is gone. If this mends as well
   as D's own answers, it was softness.
2. **The teacher knows more.** Then a better teacher should mend better. Arm: the soft answers of the *1200-1200 net* (89 test
   errors, where D has about twice as many). If they mend better than D's, it was knowledge.
3. **Its own function is easier to find again.** D's answers are those that the weights gave before they were cut, so the way
   back is short. Then D mends better than the better teacher, and better than a *twin* of D: the same widths, data and
   recipe, another seed, as good as D. The twin is the sharpest arm: as much knowledge, another function.
4. **More pictures.** With labels of all 50 000 instead of a thousand, "knows more" expects the gap between labels and soft
   answers to shrink; "regularises" does, too: this arm says how much knowledge is worth, and does not separate those two.
   D's argmax as a label separates again: D's decisions without softness.

Explanations may all be right in part: then the arms say how much each is worth. **The same care for each arm:** its learning
rate (and its temperature or smoothing) chosen by itself, by equally many tries on validation images; several seeds, paired;
and several ways of compressing, since zeros and few levels need not mend alike. **What would count**, said before: for
example "if shuffled answers are within the paired interval of D's, I give up 'the teacher knows more'".

Controls that do not answer: a higher temperature alone (changes softness and the weight of what the teacher knows at once), more
steps for labels (another question), a worse teacher that also differs from D (two explanations at once).""",
)

# 6 --------------------------------------------------------------------------------------------------------------------


def _fake_quantise(weight, bits):
    """Each row (outputs, inputs) on 2**bits levels, ±½, ±1½, ... steps; its largest |weight| is the outermost level."""
    levels = 2**bits
    step = weight.abs().amax(dim=1, keepdim=True) / (levels / 2 - 0.5)
    codes = (weight / step - 0.5).round()
    return (codes + 0.5) * step


def _fake_quantise_with_codes(weight, bits):
    largest = weight.abs().max(dim=1, keepdim=True).values
    step = 2 * largest / (2**bits - 1)
    codes = torch.floor(weight / step).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return codes * step + step / 2


def _fake_quantise_by_nearest(weight, bits):
    rows = []
    for row in weight:
        largest = row.abs().max()
        levels = torch.linspace(-1, 1, 2**bits) * largest
        nearest = (row[:, None] - levels).abs().argmin(dim=1)
        rows.append(levels[nearest])
    return torch.stack(rows)


def _draw_rows(draw, bits=None):
    weight = torch.randn(draw.rows, 3 * draw.width) * torch.linspace(0.4, 2.0, draw.rows)[:, None]
    return {"weight": weight, "bits": bits or (3, 5, 4)[draw.number % 3]}


def _other_levels(
    largest=lambda w: w.abs().amax(1, keepdim=True),
    count=lambda bits: 2**bits,
    ends=lambda levels: levels / 2 - 0.5,
    half=0.5,
    rounding=torch.round,
    clamp=lambda codes, levels: codes,
    back=lambda codes, step, half: (codes + half) * step,
):
    """Levels with another step, number, place, or way to the nearest of them."""

    def quantise(weight, bits):
        levels = count(bits)
        step = largest(weight) / ends(levels)
        return back(clamp(rounding(weight / step - half), levels), step, half)

    return quantise


def _within(codes, levels):
    return codes.clamp(-levels / 2, levels / 2 - 1)


SIZES_OF_A_ROW = {
    "mean |weight|": lambda w: w.abs().mean(1), "root mean square": lambda w: w.square().mean(1).sqrt(),
    "standard deviation": lambda w: w.std(1), "length": lambda w: w.norm(dim=1), "mean": lambda w: w.mean(1),
    "largest weight with its sign": lambda w: w.amax(1),
}  # fmt: skip


def _step_that_comes_out(weight, value, levels):
    """How wide the steps of a wrong answer are, as seen in its levels; None where that is right, or another in each row."""
    gaps = [row.unique().diff() for row in value]
    steps = torch.stack([gap[gap > 1e-3 * gap.max()].min() for gap in gaps])
    largest = weight.abs().amax(1)
    for words, size in SIZES_OF_A_ROW.items():
        ratio = steps / size(weight)
        if close(ratio, ratio.mean().expand_as(ratio), 1e-3) and not close(size(weight), largest, 1e-3):
            return f"Your step comes from each row's {words}. Here it comes from its *largest* |weight|."
    ratio = steps / (largest / (levels / 2 - 0.5))
    if close(ratio, ratio.mean().expand_as(ratio), 1e-3) and abs(ratio.mean() - 1) > 1e-2:
        return f"Your step is {ratio.mean():.3g} times as wide as it should be: the row's largest |weight| / (2**bits / 2 - ½)."
    return None


def _levels_that_come_out(evidence):
    """What is odd about the levels of a wrong answer: rows, signs, zeros, steps, the outermost, their number."""
    arguments, value, wanted = evidence.cases[0]
    weight, levels = arguments["weight"], 2 ** arguments["bits"]
    if not is_tensor(value) or value.shape != wanted.shape or not value.isfinite().all():
        return None
    right = (value - wanted).abs().amax(1) < 1e-4 * wanted.abs().amax(1)
    place = weight.abs().argmax(1, keepdim=True)
    largest, becomes = weight.gather(1, place), value.gather(1, place)
    off = ((largest - becomes).abs() > 1e-4 * largest.abs()).flatten()
    if right.any():
        return f"Row {int(right.nonzero()[0])} is right, row {int((~right).nonzero()[0])} is not. Has each row a step of its own?"
    if (value == 0)[weight < 0].all():
        return "All negative weights become 0. The levels lie on both sides: ±½, ±1½, ... steps."
    if (value == 0).any():
        return "Some weights become 0, which is no level: they lie at ±½, ±1½, ... steps."
    if words := _step_that_comes_out(weight, value, levels):
        return words
    small = 1e-4 * largest.abs()
    for words, gap in (("above", value - weight), ("below", weight - value)):
        if (gap > -small).all():
            return f"Each weight goes to the next level {words}. It should go to the nearest, which may be on its other side."
    if off.any():
        row = int(off.nonzero()[0])
        return (
            f"The largest weight of row {row} is {largest[row].item():.4g} and becomes {becomes[row].item():.4g}. It should be the "
            "outermost level, and stay what it is: look at how wide your step is, and at the clamp, if there is one."
        )
    if max(len(row.unique()) for row in (value / largest.abs()).mul(1e4).round()) > levels:
        return f"More than {levels} different values come out in a row: with `bits` bits there are 2**bits levels."
    return None


fake_quantise = Exercise(
    place=6,
    title="A few levels for each row",
    minutes=10,
    difficulty="medium",
    reference=_fake_quantise,
    forms=(_fake_quantise_with_codes, _fake_quantise_by_nearest),
    roles={"weight": "features", "bits": "size"},
    draw=_draw_rows,
    properties=(depends_on_chance, ignores_an_argument, _levels_that_come_out),
    hints=(
        "With 2 bits there are four levels: -1½, -½, ½, 1½ steps. The outermost is 1½ steps from 0, and it should be the row's "
        "largest. How wide is a step? And with 2**bits levels?",
        "`step = largest / (2**bits / 2 - 0.5)`, one for each row (keepdim=True). In steps, the levels are whole numbers plus "
        "a half: take the half away, round, add it again.",
        "`((weight / step - 0.5).round() + 0.5) * step`.",
    ),
    cases={
        "Right, until there is one bit only: two levels, plus and minus the row's largest.": (
            lambda draw: _draw_rows(draw, bits=1)
        ),
    },
    mistakes={
        "All rows share one step with you, from the largest weight of all. Each row has its own: `amax(dim=1, keepdim=True)`.": (
            _other_levels(largest=lambda w: w.abs().max())
        ),
        "You have one step for each *column*. Each row has its own: dim=1.": (
            _other_levels(largest=lambda w: w.abs().amax(0, keepdim=True))
        ),
        "Zero is one of your levels. They lie at ±½, ±1½, ... steps: take half a step away before you round, and add it after.": (
            _other_levels(half=0.0),
            _other_levels(half=0.0, clamp=_within),
            _other_levels(half=0.0, ends=lambda levels: levels / 2 - 1),
            _other_levels(half=0.0, ends=lambda levels: levels / 2),
            _other_levels(half=0.0, ends=lambda levels: levels / 2, clamp=_within),
            _other_levels(half=0.0, clamp=lambda c, levels: c.clamp(1 - levels / 2, levels / 2 - 1)),
            lambda w, b: _nearest_of(w, torch.linspace(-1, 1, 2**b + 1)),
            lambda w, b: _nearest_of(w, torch.linspace(-1, 1, 2**b - 1)),
        ),
        "Your step is too narrow: the largest weight is levels/2 - ½ steps from 0, not levels/2. Without a clamp the positive "
        "side then gets one level too many.": _other_levels(ends=lambda levels: levels / 2),
        "Your step is too narrow: the largest weight is levels/2 - ½ steps from 0, not levels/2. So it does not stay itself.": (
            _other_levels(ends=lambda levels: levels / 2, clamp=_within)
        ),
        "Your step is twice as narrow as it should be: the levels reach from *minus* the largest to plus the largest.": (
            _other_levels(ends=lambda levels: levels - 1),
            _other_levels(ends=lambda levels: levels - 1, clamp=_within),
            _other_levels(ends=lambda levels: levels),
            _other_levels(ends=lambda levels: levels, clamp=_within),
        ),
        "Your step is too wide: levels/2 - 1 steps reach to the outermost of levels with a zero. Here it is levels/2 - ½.": (
            _other_levels(ends=lambda levels: levels / 2 - 1),
            _other_levels(ends=lambda levels: levels / 2 - 1, clamp=_within),
        ),
        "You cut off where you should round: the nearest level is asked for.": (
            _other_levels(rounding=torch.trunc),
            _other_levels(rounding=torch.trunc, half=0.0),
            _other_levels(rounding=torch.trunc, half=0.0, back=lambda codes, step, half: (codes + 0.5) * step),
        ),
        "You round down: weights go to the next level below, where the nearest is asked for.": (
            _other_levels(rounding=torch.floor),
            lambda w, b: _neighbour(w, b, torch.floor),
        ),
        "Half a step is missing: you take it away before rounding, and do not add it again after.": (
            _other_levels(back=lambda codes, step, half: codes * step),
            _other_levels(back=lambda codes, step, half: codes * step, clamp=_within),
        ),
        "Half a step too much: weights go to the next level above (or further from 0), where the nearest is asked for. Is the half "
        "added after rounding, and not taken away before?": (
            _other_levels(half=0.0, back=lambda codes, step, half: (codes + 0.5) * step),
            _other_levels(half=0.0, back=lambda codes, step, half: (codes + 0.5) * step, clamp=_within),
            lambda w, b: (
                w.sign() * _other_levels(half=0.0, back=lambda codes, step, half: (codes + 0.5) * step)(w.abs(), b)
            ),
        ),
        "Your levels are half a step or a whole one too high or too low. Take the half away before rounding and add it after (or "
        "round *down*, and add it).": (
            _other_levels(back=lambda codes, step, half: (codes - 0.5) * step),
            _other_levels(half=-0.5, back=lambda codes, step, half: (codes + 0.5) * step, clamp=_within),
            _other_levels(half=-0.5, back=lambda codes, step, half: (codes + 0.5) * step),
        ),
        "Those are the codes, whole numbers. Asked is the weight that they stand for: times the step.": (
            _other_levels(back=lambda codes, step, half: codes),
            _other_levels(back=lambda codes, step, half: codes + half),
            lambda w, b: _other_levels(back=lambda codes, step, half: codes)(w, b) + 2 ** (b - 1),
        ),
        "Your largest is the largest with its sign: a row whose largest is negative is cut short. Take `abs` first.": (
            _other_levels(largest=lambda w: w.amax(1, keepdim=True)),
            _other_levels(largest=lambda w: w.amax(1, keepdim=True), clamp=_within),
            _other_levels(largest=lambda w: w.amax(1, keepdim=True).abs()),
        ),
        "Your levels reach from the row's smallest to its largest. Here they are the same on both sides of 0: ± the largest "
        "|weight|.": (
            lambda w, b: _between(w, b, w.amin(1, keepdim=True), w.amax(1, keepdim=True)),
            lambda w, b: _between(w, b, w.min(), w.max()),
            _other_levels(largest=lambda w: (w.amax(1, keepdim=True) - w.amin(1, keepdim=True)) / 2),
            _other_levels(largest=lambda w: (w.amax(1, keepdim=True) - w.amin(1, keepdim=True)) / 2, clamp=_within),
        ),
        "The number of levels is off: with `bits` bits there are 2**bits.": (
            _other_levels(count=lambda bits: bits),
            _other_levels(count=lambda bits: 2 * bits),
            _other_levels(count=lambda bits: bits**2),
            _other_levels(count=lambda bits: 2 ** (bits - 1)),
            _other_levels(count=lambda bits: 2 ** (bits + 1)),
        ),
        "In Python `^` is no power (it compares bits): `2**bits`.": _other_levels(count=lambda bits: 2 ^ bits),
        "Negative weights end up at the lowest level but one, or at 0: do you clamp the codes at 0? They are negative, too.": (
            _other_levels(clamp=lambda codes, levels: codes.clamp(min=0)),
            _other_levels(clamp=lambda codes, levels: codes.clamp(0, levels - 1)),
            _other_levels(clamp=lambda codes, levels: codes.clamp(0, levels / 2 - 1)),
        ),
        "Your clamp is too narrow: the codes go from -levels/2 to levels/2 - 1.": (
            _other_levels(clamp=lambda codes, levels: codes.clamp(-levels / 2 + 1, levels / 2 - 1)),
            _other_levels(clamp=lambda codes, levels: codes.clamp(-levels / 2, levels / 2 - 2)),
        ),
        "Only the sign and the size of the largest are left: two levels. With `bits` bits there are 2**bits.": (
            lambda w, b: w.sign() * w.abs().amax(1, keepdim=True)
        ),
    },
    wrong={
        "always four bits": (lambda w, b: _fake_quantise(w, 4), "`bits` makes no difference"),
        "mean size": (_other_levels(largest=lambda w: w.abs().mean(1, keepdim=True)), "mean |weight|"),
        "bell": (
            _other_levels(largest=lambda w: w.square().mean(1, keepdim=True).sqrt(), clamp=_within),
            "root mean square",
        ),
        "too narrow": (_other_levels(ends=lambda levels: 1.5 * levels, clamp=_within), "times as wide"),
        "level above": (lambda w, b: _neighbour(w, b, torch.ceil), "to the next level above"),
    },
)


def _neighbour(weight, bits, rounding):
    largest, steps = weight.abs().amax(1, keepdim=True), 2**bits - 1
    return (rounding((weight / largest + 1) / 2 * steps) / steps * 2 - 1) * largest


def _nearest_of(weight, levels):
    places = levels * weight.abs().amax(1, keepdim=True)
    return places.gather(1, (weight[:, :, None] - places[:, None]).abs().argmin(-1))


def _between(weight, bits, low, high):
    step = (high - low) / (2**bits - 1)
    return ((weight - low) / step).round() * step + low


# 7 --------------------------------------------------------------------------------------------------------------------


def _straight_through(weight, rounded):
    """The value of `rounded`; the gradient goes to `weight` as if nothing had been rounded, and nowhere else."""
    return weight + (rounded - weight).detach()


def _straight_through_without_gradients(weight, rounded):
    with torch.no_grad():
        difference = rounded - weight
    return weight + difference


def _straight_through_from_the_rounded(weight, rounded):
    return rounded.detach() + weight - weight.detach()


def _value_and_gradients(function, weight, rounded):
    """What comes out, and what reaches each of the two when the loss pulls at each entry with a strength of its own."""
    weight, rounded = weight.requires_grad_(), rounded.requires_grad_()
    value = function(weight, rounded)
    if not is_tensor(value):
        raise Mistake(f"Return a torch tensor of the weight's shape; you returned {kind_of(value)} "
                      f"({type(value).__name__}).")  # fmt: skip
    found = [torch.zeros_like(weight), torch.zeros_like(weight)]
    if value.shape != weight.shape:
        raise Mistake(f"The shape should be {tuple(weight.shape)}; yours is {tuple(value.shape)}.")
    if value.requires_grad:
        pull = (3 * weight.detach() + 1).sin() + 1.5
        given = torch.autograd.grad((value * pull).sum(), (weight, rounded), allow_unused=True)
        found = [old if new is None else new for old, new in zip(found, given, strict=True)]
    return {"value": value.detach(), "gradient on `weight`": found[0], "gradient on `rounded`": found[1]}


def _gradient_of_its_own(evidence):
    """A backward that does not pass on what comes from above, or only in places."""
    _, value, wanted = evidence.cases[0]
    if not (wanted > 0).all():
        return None  # this part is not the gradient on `weight`, which is positive everywhere
    if torch.equal(value, torch.ones_like(value)):
        return "It is 1 everywhere, whatever the loss says. A backward passes on what comes from above: `return gradient`, not ones."
    passed = (value - wanted).abs() < 1e-5
    if bool((passed | (value == 0)).all()):
        return (
            "It is right in some places and 0 in others: a clipped estimator, which stops where a weight is far from its level "
            "(or out of range). Here it is passed on everywhere, without a condition."
        )
    return None


straight_through = Exercise(
    place=7,
    title="As if nothing had happened",
    minutes=6,
    difficulty="medium",
    reference=_straight_through,
    forms=(_straight_through_without_gradients, _straight_through_from_the_rounded),
    roles={"weight": "features", "rounded": "features"},
    draw=lambda draw: {
        "weight": torch.randn(draw.rows, draw.width),
        "rounded": 2 * torch.randn(draw.rows, draw.width),
    },
    observe=_value_and_gradients,
    properties=(_gradient_of_its_own,),
    hints=(
        "`weight + something` has the gradient that is wanted, if no gradient flows through the something.",
        "What has to be added to `weight`, so that `rounded` comes out?",
        "`weight + (rounded - weight).detach()`.",
    ),
    mistakes={
        "The value is right, but all of the gradient goes to `rounded`, and none to `weight`. (Without a detach, `weight` "
        "cancels out.)": (
            lambda w, r: r * 1,
            lambda w, r: w + (r - w),
        ),
        "The value is right, but no gradient reaches `weight`, so it never learns: everything is detached, or two ways through "
        "`weight` cancel. One `weight` stays outside of the detach, and one inside.": (
            lambda w, r: r.detach(),
            lambda w, r: w + r.detach() - w,
            lambda w, r: w.detach() + (r - w).detach(),
        ),
        "That is `weight` itself, nothing is rounded. The value is that of `rounded`.": lambda w, r: w * 1,
        "The value is right, but a gradient flows into `rounded` as well. `rounded` comes from `weight`, so that way would count, "
        "too: detach it.": (
            lambda w, r: r + w - w.detach(),
            lambda w, r: w + r - w.detach(),
        ),
        "The two are in each other's place: your value is that of `weight`, and the gradient goes to `rounded`.": (
            lambda w, r: r + (w - r).detach()
        ),
        "The sign of the difference is turned: from `weight` to `rounded` it is `rounded - weight`.": (
            lambda w, r: w + (w - r).detach(),
            lambda w, r: w - (r - w).detach(),
        ),
        "`rounded` comes on top of `weight`: add their *difference*.": (
            lambda w, r: w + r.detach(),
            lambda w, r: w + r,
        ),
        "The value is right, but the gradient is stretched where you multiply by a ratio. Add a difference instead.": (
            lambda w, r: w * (r / w).detach()
        ),
        "The value is right, but the sign of the gradient is turned: `weight` comes in with a minus.": (
            lambda w, r: (r + w).detach() - w,
            lambda w, r: r.detach() - w + w.detach(),
        ),
        "The value is right, but the detach stands at the wrong place: `rounded` gets the gradient, and `weight` its negative. "
        "Detach the difference, not the `weight` in front.": lambda w, r: w.detach() + (r - w),
        "The value is right, but the gradient counts `weight` twice.": (lambda w, r: 2 * w + (r - 2 * w).detach(),),
        "The value is right, but `weight` gets half of the gradient.": (
            lambda w, r: w / 2 + (r - w / 2).detach(),
            lambda w, r: (w + r) / 2 + ((r - w) / 2).detach(),
        ),
        "That is the difference alone. Add it to `weight`.": (
            lambda w, r: (r - w).detach(),
            lambda w, r: r - w,
        ),
        "That is halfway between the two. The value is that of `rounded` in full.": (
            lambda w, r: (w + r) / 2,
            lambda w, r: w / 2 + r.detach() / 2,
        ),
        "You round `weight` yourself. The rounded values are given: `rounded`, whatever they come from.": (
            lambda w, r: w + (w.round() - w).detach(),
            lambda w, r: w.round(),
        ),
    },
    wrong={
        "a number": (lambda w, r: r.sum(), "The shape should be"),
        "in place": (lambda w, r: _set_data(w, r), "in place"),
        "backward with one gradient": (
            lambda w, r: _OneGradient.apply(w, r),
            "a gradient for each argument of forward",
        ),
    },
)


class _OneGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, weight, rounded):
        return rounded.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def _set_data(weight, rounded):
    weight.data = rounded.data.clone()
    return weight


# 8 --------------------------------------------------------------------------------------------------------------------


MOST_ERRORS = 300  # of the 10 000 validation pictures: 97 % right


def _fewer_bytes():
    """A trained network that makes at most 300 errors on the 10 000 validation pictures, in as few bytes as you can."""
    mnist = data.load_mnist()
    inputs, labels = models.to_inputs(mnist.train_images[:50_000]), torch.from_numpy(mnist.train_labels[:50_000])
    network = models.ConvNet(8, 16, 16, kernels=(5, 3, 3), strides=(2, 2, 1), pooling="mean")
    training.fit(network, inputs, labels, recipe=training.Recipe(1, 1, 2500, 64, learning_rate=6e-2), jitter=2)
    coarse = compression.quantise(network, [8, 4, 4, 4])
    training.fit(coarse, inputs, labels, recipe=training.Recipe(1, 1, 500, 64, learning_rate=4e-3), jitter=2)
    return coarse


def _score_of_network(ask):
    """(bytes of the learner's network, its errors in words), if it reads well enough."""
    network = ask().value
    if not isinstance(network, torch.nn.Module):
        raise Mistake(f"Return a network; you returned {kind_of(network)} ({type(network).__name__}).")
    try:
        packed = {id(p) for layer in layers_of(network).values() for p in layer.parameters()}
    except ValueError as error:
        raise Mistake(f"{error}.") from None
    if any(id(p) not in packed for p in network.parameters()):
        raise Mistake(
            "`pack` writes linear and convolutional layers; yours has weights elsewhere, which would be lost."
        )
    network = copy.deepcopy(network).float().cpu()
    if not all(p.isfinite().all() for p in network.parameters()):
        raise Mistake("Some of your network's weights are NaN or infinite. Was the learning rate too high?")
    mnist, blob = load_mnist(), pack(network)
    inputs, labels = to_inputs(mnist.train_images[50_000:]), torch.from_numpy(mnist.train_labels[50_000:])
    read = unpack(blob, network)
    try:
        logits = predict_logits(read, inputs)
    except RuntimeError as error:  # other shapes than those of the pictures
        name = type(network).__name__
        raise Mistake(f"Your network ({name}) cannot read the pictures, which come as (N, 784): {error}") from None
    if logits.shape != (10_000, 10):
        raise Mistake(f"For 10 000 pictures your network gives {tuple(logits.shape)}, not (10 000, 10).")
    wrong = errors(logits, labels)
    if wrong > MOST_ERRORS:
        guess = " That is what guessing gives: is this network the one that you trained?" if wrong > 8000 else ""
        raise Mistake(
            f"Your network takes {len(blob)} bytes and is wrong {wrong} times of 10 000; at most {MOST_ERRORS} are allowed.{guess}"
        )
    quantised = any(parametrization_of(layer, Quantised) for layer in layers_of(network).values())
    floats = "" if quantised else "; no layer is quantised, so each weight takes 4 bytes"
    return len(blob), f"{wrong} errors of 10 000 validation pictures{floats}"


fewer_bytes = ScoredExercise(
    place=8,
    title="Fewer bytes",
    minutes=20,
    difficulty="hard",
    reference=_fewer_bytes,
    hints=(
        "Begin with a network that is small because it is *built* so: `models.ConvNet(8, 16, 16, kernels=(5, 3, 3), "
        'strides=(2, 2, 1), pooling="mean")` has 3 800 weights. Train it on all 50 000 labels, with `jitter=2`.',
        "Then quantise it, the first layer less than the others, and train on for some hundred steps at a lower rate: "
        "`compression.quantise(network, [8, 4, 4, 4])`.",
        'Fewer channels, `"ternary"`, longer training: 300 errors leave room. Change one thing at a time.',
    ),
    score=_score_of_network,
    lesson_score=2208,
    enough=6000,
    unit="bytes",
    higher=False,
    time_limit=600.0,
)

# quiz -----------------------------------------------------------------------------------------------------------------

quiz = Quiz(
    Question(
        "95 % of a network's weights are set to 0, and stored as before. What gets smaller?",
        (
            Option("The file.", "A zero takes four bytes, like any other float32."),
            Option(
                "The file once it is compressed, and nothing else.",
                "Right: a run of zeros packs well. Nobody skips them in the multiplication.",
                True,
            ),
            Option("The time of a call.", "A dense matrix is multiplied as a whole, zeros included."),
        ),
    ),
    Question(
        "D is pruned, and mended for 300 steps with a thousand pictures. D's argmax mends as well as the labels; its soft "
        "answers mend better. What does that alone *not* show?",
        (
            Option(
                "That the number of labels does not explain it.",
                "All three arms see the same thousand pictures, each with one target.",
            ),
            Option(
                "That D knows more than the labels say.",
                "Right: softness might act by itself. A teacher who is soft and knows nothing (smoothing) is the control.",
                True,
            ),
            Option("That soft answers made fewer errors here.", "That is what was measured."),
        ),
    ),
    Question(
        "A layer W is replaced by two thin ones. When is it better to factorise W · C^½ (C the mean of x xᵀ) than W itself?",
        (
            Option(
                "When the inputs are far from white: some directions hardly occur.",
                "Right: errors in directions that never come cost nothing.",
                True,
            ),
            Option(
                "Always, by the theorem of Eckart and Young.",
                "For |W − W'|² the plain SVD is best. It depends on which error counts.",
            ),
            Option("When W is square.", "Its shape has no part in it."),
        ),
    ),
    Question(
        "Why does quantisation-aware training need the straight-through trick?",
        (
            Option(
                "The loss of a quantised network is not defined.",
                "It is: forward, the rounded weights are ordinary numbers.",
            ),
            Option(
                "Rounding is flat between its jumps: its true gradient is 0 nearly everywhere.",
                "Right. So backward we pretend that nothing was rounded.",
                True,
            ),
            Option("Whole numbers cannot be stored as float32.", "They can, exactly, up to 2²⁴."),
        ),
    ),
    Question(
        "A network in int8 makes exactly as many errors on the test set as in float32. What do you know?",
        (
            Option(
                "It gives the same answers.", "Perhaps other pictures are wrong now. Count the answers that changed."
            ),
            Option(
                "Its accuracy on this set is the same, and no more.",
                "Right: as many may have become wrong as right. Some user meets each of them.",
                True,
            ),
            Option("Quantisation to 8 bits is lossless.", "It rounds every weight."),
        ),
    ),
)
