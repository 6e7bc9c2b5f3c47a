"""A network as bytes, and what it costs to run."""

import numpy as np
import torch
from torch.nn.utils import parametrize
from torch.utils.flop_counter import FlopCounterMode

from kdlab.compression.weights import Quantised, layers_of, parametrization_of, plain

TRITS = 3 ** np.arange(5)  # five digits of base 3 fit in a byte: 3⁵ = 243


def pack(model):
    """All weights and biases as bytes, layer by layer; their length is the size of the network in a file.

    A quantised layer: steps and biases (float16), then, if any weight is 0 under `bits` levels, a bit for each weight that
    says which are not, then the codes of those, low bits first ("ternary": five codes in a byte). A layer as it is: weights
    and biases as float32. Shapes are not written: `unpack` has them from the network.
    """
    return b"".join(part.tobytes() for layer in layers_of(model).values() for part in _packed(layer))


def _packed(layer):
    weight, bias = (None if one is None else one.detach() for one in (layer.weight, layer.bias))
    quantised = parametrization_of(layer, Quantised)
    biases = [] if bias is None else [bias.numpy()]
    if quantised is None:
        return [weight.numpy(), *biases]
    codes, steps = quantised.codes(_read(layer))
    codes, kept = codes.flatten().numpy().astype(np.int8), weight.flatten().numpy() != 0
    parts = [steps.flatten().half().numpy(), *(one.astype(np.float16) for one in biases)]
    if quantised.bits == "ternary":
        return [*parts, _trits(codes)]
    if not kept.all():
        parts.append(np.packbits(kept, bitorder="little"))
    bits = np.unpackbits(codes[kept].astype(np.uint8)[:, None], axis=1, count=quantised.bits, bitorder="little")
    return [*parts, np.packbits(bits, bitorder="little")]


def _read(layer):
    """The weight as the layer's Quantised reads it: behind its mask, if it has one."""
    weight = layer.parametrizations["weight"].original.detach()
    for part in layer.parametrizations["weight"]:
        if isinstance(part, Quantised):
            return weight
        weight = part(weight)


def _trits(codes):
    padded = np.zeros(-(-len(codes) // 5) * 5, dtype=np.int64)
    padded[: len(codes)] = codes + 1
    return (padded.reshape(-1, 5) @ TRITS).astype(np.uint8)


def unpack(blob, model):
    """The network that `pack` wrote, with ordinary weights; `model` says what shapes, bits and zeros there are.

    ValueError if the bytes are those of another network.
    """
    copied, reader = plain(model), _Reader(blob)
    with torch.no_grad():
        for old, new in zip(layers_of(model).values(), layers_of(copied).values(), strict=True):
            _fill(new, old, reader)
    if reader.at != len(blob):
        raise ValueError(f"{len(blob)} bytes, but this network has {reader.at}: they belong to another one")
    return copied


def _fill(new, old, reader):
    quantised, shape = parametrization_of(old, Quantised), new.weight.shape
    if quantised is None:
        new.weight.copy_(torch.from_numpy(reader.take(np.float32, new.weight.numel())).view(shape))
        if new.bias is not None:
            new.bias.copy_(torch.from_numpy(reader.take(np.float32, len(new.bias))))
        return
    steps = torch.from_numpy(reader.take(np.float16, shape[0]).astype(np.float32))
    if new.bias is not None:
        new.bias.copy_(torch.from_numpy(reader.take(np.float16, len(new.bias)).astype(np.float32)))
    count, kept = new.weight.numel(), (old.weight != 0).flatten().numpy()
    if quantised.bits == "ternary":
        codes = (reader.take(np.uint8, -(-count // 5))[:, None] // TRITS % 3).flatten()[:count].astype(np.float32) - 1
        kept = codes != 0
    else:
        if not kept.all():
            kept = np.unpackbits(reader.take(np.uint8, -(-count // 8)), count=count, bitorder="little").astype(bool)
        codes = np.zeros(count, dtype=np.float32)
        codes[kept] = _codes(reader, quantised.bits, int(kept.sum()))
    values = quantised.values(torch.from_numpy(codes).view(shape), steps.view(-1, *[1] * (len(shape) - 1)))
    new.weight.copy_(values * torch.from_numpy(kept).view(shape))


def _codes(reader, bits, count):
    flat = np.unpackbits(reader.take(np.uint8, -(-count * bits // 8)), count=count * bits, bitorder="little")
    return flat.reshape(count, bits) @ (1 << np.arange(bits))


class _Reader:
    def __init__(self, blob):
        self.blob, self.at = blob, 0

    def take(self, dtype, count):
        end = self.at + count * np.dtype(dtype).itemsize
        if end > len(self.blob):
            raise ValueError(f"{len(self.blob)} bytes are too few for this network: they belong to another one")
        values, self.at = np.frombuffer(self.blob[self.at : end], dtype=dtype).copy(), end
        return values


def multiply_adds(model, inputs):
    """Multiplications (each with its addition) for one row of inputs (rows, ...); zeros count as any other weight."""
    with FlopCounterMode(display=False) as counter, parametrize.cached(), torch.no_grad():
        model(inputs[:1])
    return counter.get_total_flops() // 2
