"""A student in a page: one HTML file with the weights, the forward pass and a place to draw."""

import base64
import html
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from kdlab.compression.packing import pack
from kdlab.compression.weights import Quantised, layers_of, parametrization_of
from kdlab.models import MLP, ConvNet
from kdlab.palette import ink, mark

TEMPLATE = Path(__file__).with_name("page.html")


def save_page(model, path, *, examples=None, teacher_logits=None, title="A student in your browser"):
    """Write one HTML file that runs the network on digits that are drawn in it; returns its size in bytes.

    model: an MLP or ConvNet that maps 784 pixels to 10 logits, pruned, factorised, quantised or as it is. The file needs
    nothing else and asks for nothing: it opens from a disk, on a phone, without a network.
    examples: (inputs (N, 784), labels (N,)), pictures to choose; teacher_logits (N, 10): what a teacher said of them.
    ValueError, before anything is written, for what the page could not run.
    """
    layers = page_layers(model)
    values = {
        "title": html.escape(title),
        "facts": f"The network has {len(pack(model))} bytes. They are in this page: it asks for nothing else.",
        "layers": json.dumps(layers),
        "weights": base64.b64encode(pack(model)).decode(),
        "examples": json.dumps(_examples(examples, teacher_logits)),
        **{theme: _colors(theme) for theme in ("light", "dark")},
    }
    page = TEMPLATE.read_text("utf-8")
    for name, value in values.items():
        page = page.replace("{{" + name + "}}", value)
    return Path(path).write_bytes(page.encode())


def page_layers(model):
    """What the page's forward pass has to know of each layer: a list of dicts, in order.

    {"shape" [outputs, inputs, kernel], "stride", "side" of the maps it reads, "relu" behind it, "mean": how many places
    of a map become one before it, "bits", "bias", "zeros"}; a linear layer reads maps of one pixel.
    """
    _check(model)
    found, layers = layers_of(model), []
    side = model.side if isinstance(model, ConvNet) else 1
    for name, layer in found.items():
        is_map, mean = isinstance(layer, nn.Conv2d), 1
        if not is_map and side > 1:  # the first layer behind the maps
            mean, side = side**2 if model.pooling == "mean" else 1, 1
        quantised = parametrization_of(layer, Quantised)
        layers.append({
            "shape": [*layer.weight.shape[:2], layer.kernel_size[0] if is_map else 1],
            "stride": layer.stride[0] if is_map else 1,
            "side": side,
            "relu": name != list(found)[-1] and not _is_first_of_two(model, name),
            "mean": mean,
            "bits": quantised.bits if quantised else 32,
            "bias": layer.bias is not None,
            "zeros": bool((layer.weight == 0).any()),
        })  # fmt: skip
        side = -(-side // layers[-1]["stride"])
    return layers


def _is_first_of_two(model, name):
    """Whether the layer is the first of the two thin ones that `factorise` puts in place of one."""
    parent, _, last = name.rpartition(".")
    return last == "0" and isinstance(model.get_submodule(parent), nn.Sequential)


def _check(model):
    if not isinstance(model, MLP | ConvNet):
        raise ValueError(f"the page runs an MLP or a ConvNet, not a {type(model).__name__}")
    with torch.no_grad():
        training = model.training
        try:
            logits = model.eval()(torch.zeros(1, 784))
        except (RuntimeError, ValueError) as error:
            raise ValueError("the page shows pictures of 784 pixels, and this network cannot read them") from error
        finally:
            model.train(training)
    if logits.shape != (1, 10):
        raise ValueError(f"the page shows ten digits, and this network has {logits.shape[-1]} logits")


def _examples(examples, teacher_logits):
    if examples is None:
        if teacher_logits is not None:
            raise ValueError("teacher_logits belong to examples: give both")
        return []
    inputs, labels = examples
    if inputs.shape != (len(labels), 784):
        raise ValueError(f"examples are inputs (N, 784) and N labels, got {tuple(inputs.shape)} and {len(labels)}")
    if teacher_logits is not None and teacher_logits.shape != (len(labels), 10):
        raise ValueError(f"teacher_logits must be ({len(labels)}, 10), got {tuple(teacher_logits.shape)}")
    pictures = (inputs * 255).round().to(torch.uint8).numpy()
    found = [
        {"picture": _without_runs(picture), "label": int(label)}
        for picture, label in zip(pictures, labels, strict=True)
    ]
    for one, logits in zip(found, teacher_logits if teacher_logits is not None else (), strict=False):
        one["teacher"] = [round(value, 3) for value in logits.tolist()]
    return found


def _without_runs(picture):
    """784 bytes in base64, in which a 0 is followed by the number of zeros that it stands for."""
    out, n = bytearray(), 0
    while n < len(picture):
        run = int(np.argmax(picture[n : n + 255] != 0)) if picture[n : n + 255].any() else len(picture[n : n + 255])
        out += bytes([0, run]) if run else bytes([picture[n]])
        n += run or 1
    return base64.b64encode(out).decode()


def _colors(theme):
    inks = {name: ink(name, theme) for name in ("ground", "text", "soft", "line")}
    colors = inks | {"student": mark("distilled", theme), "teacher": mark("teacher", theme)}
    return " ".join(f"--{name}: {color};" for name, color in colors.items())
