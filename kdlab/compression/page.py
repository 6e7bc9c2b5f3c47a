"""A network of digits as one HTML page: draw, and it answers; no network, no library."""

import base64
import html
import json
import re
from pathlib import Path

import numpy as np
import torch
from torch import nn

from kdlab.compression.packing import pack, unpack
from kdlab.compression.weights import Quantised, layers_of, parametrization_of
from kdlab.models import MLP, ConvNet
from kdlab.palette import ink, mark

TEMPLATE = Path(__file__).with_name("page.html")


def save_page(model, path, *, examples=None, teacher_logits=None, title="A student in your browser"):
    """Write one self-contained HTML page on which the network reads digits that one draws; gives its size in bytes.

    model: an MLP or ConvNet from 784 pixels to 10 logits, also pruned, factorised, quantised. examples: (inputs (N, 784)
    as `to_inputs` makes them, labels (N,)); teacher_logits (N, 10): what the teacher says of them. ValueError, before
    anything is written, for what the page could not show exactly.
    """
    layers, blob = page_layers(model), pack(model)
    _check_exact(model, blob)
    count = sum(layer.weight.numel() for layer in layers_of(model).values())
    facts = f"All of the student is in this file: {count:,} weights in {len(blob):,} bytes.".replace(",", "\u202f")
    values = {
        "title": html.escape(title),
        "facts": f"{facts} The page asks no server for anything.",
        "layers": _lines(layers),
        "weights": _base64(blob),
        "examples": _lines(_examples(examples, teacher_logits)),
        **{theme: _colours(theme) for theme in ("light", "dark")},
    }
    page = re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], TEMPLATE.read_text(encoding="utf-8")).encode()
    Path(path).write_bytes(page)
    return len(page)


def page_layers(model):
    """What the page must know of each layer, in the order in which `pack` writes them: a list of dicts.

    A linear layer reads maps of one pixel; "mean": of how many places of a map the mean is taken before it.
    """
    if type(model) not in (MLP, ConvNet):
        raise ValueError(f"save_page writes an MLP or a ConvNet, not a {type(model).__name__}")
    flat = type(model) is MLP
    stages = list(model.layers) if flat else [*model.convolutions, *filter(None, [model.hidden]), model.head]
    parts = [list(stage) if isinstance(stage, nn.Sequential) else [stage] for stage in stages]
    known = list(layers_of(model).values())
    if [id(part) for stage in parts for part in stage] != [id(layer) for layer in known]:
        raise ValueError("this network has layers that a page cannot compute: it knows linear layers and convolutions")
    if any((one.dtype, one.device.type) != (torch.float32, "cpu") for one in model.parameters()):
        raise ValueError("the weights must be float32 on the CPU: model.float().cpu() makes them so")
    inputs = known[0].in_features if flat else model.side**2
    if (inputs, known[-1].out_features) != (784, 10):
        raise ValueError(
            f"the page shows 784 pixels and 10 digits; this network has {inputs} and {known[-1].out_features}"
        )
    described, side = [], 1 if flat else 28
    for n, stage in enumerate(parts):
        for part in stage:
            convolution, mean = isinstance(part, nn.Conv2d), 1
            if convolution:
                _check_convolution(part)
            elif side > 1:  # the first linear layer behind convolutions
                mean, side = side**2 if model.pooling == "mean" else 1, 1
            stride = part.stride[0] if convolution else 1
            quantised = parametrization_of(part, Quantised)
            described.append({
                "shape": [*part.weight.shape[:2], part.kernel_size[0] if convolution else 1],
                "stride": stride,
                "side": side,
                "mean": mean,
                "bits": quantised.bits if quantised else 32,
                "zeros": bool((part.weight == 0).any()),
                "bias": part.bias is not None,
                "relu": part is stage[-1] and n < len(parts) - 1,
            })  # fmt: skip
            side = -(-side // stride)
    return described


def _check_convolution(layer):
    (kernel, wide), stride = layer.kernel_size, layer.stride
    usual = layer.padding in [(kernel // 2, kernel // 2)] and layer.padding_mode == "zeros"
    if not (
        kernel == wide and kernel % 2 and stride[0] == stride[1] and usual and layer.groups == layer.dilation[0] == 1
    ):
        raise ValueError(f"a page cannot compute this convolution, which ConvNet does not build: {layer}")


def _check_exact(model, blob):
    """ValueError unless the bytes give the network's own weights, all of them finite."""
    for mine, read in zip(layers_of(model).values(), layers_of(unpack(blob, model)).values(), strict=True):
        for one, other in ((mine.weight, read.weight), (mine.bias, read.bias)):
            if one is not None and not (torch.isfinite(other).all() and torch.equal(one, other)):
                raise ValueError("the packed bytes give other weights than the network has, or some are not finite")


def _examples(examples, teacher_logits):
    if examples is None:
        if teacher_logits is not None:
            raise ValueError("teacher_logits are answers to the examples: give examples, too")
        return []
    inputs, labels = (torch.as_tensor(part) for part in examples)
    pixels = (inputs * 255).round()
    whole = (
        inputs.is_floating_point()
        and pixels.shape == (len(labels), 784)
        and bool(((pixels >= 0) & (pixels <= 255)).all())
    )
    if not whole or not torch.allclose(pixels / 255, inputs, rtol=0, atol=1e-6):
        raise ValueError("examples are (inputs (N, 784), labels (N,)): pictures of 256 shades, as to_inputs makes them")
    if labels.shape != (len(labels),) or not set(labels.tolist()) <= set(range(10)):
        raise ValueError("the labels of the examples must be digits, shape (N,)")
    shown = [{"label": int(label), "picture": _picture(row)} for label, row in zip(labels, pixels, strict=True)]
    if teacher_logits is not None:
        if teacher_logits.shape != (len(labels), 10) or not torch.isfinite(teacher_logits).all():
            raise ValueError(f"teacher_logits must be finite, of shape ({len(labels)}, 10)")
        for one, logits in zip(shown, teacher_logits.tolist(), strict=True):
            one["teacher"] = [round(value, 3) for value in logits]
    return shown


def _picture(pixels):
    """784 bytes, in which a run of zeros is 0 and its length."""
    runs = re.sub(rb"\0{1,255}", lambda run: bytes([0, len(run[0])]), pixels.numpy().astype(np.uint8).tobytes())
    return _base64(runs)


def _base64(blob):
    return base64.b64encode(blob).decode()


def _lines(rows):
    """JSON, a line for each."""
    return "[\n" + "".join(f"  {json.dumps(row)},\n" for row in rows) + "]"


def _colours(theme):
    names = {"ground": ink, "text": ink, "soft": ink, "line": ink, "student": mark, "teacher": mark}
    return " ".join(f"--{n}: {get('distilled' if n == 'student' else n, theme)};" for n, get in names.items())
