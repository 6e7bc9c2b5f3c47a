"""Runs of convolutional students that imitate more than a teacher's answers: its attention maps, its last maps."""

import math
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional as F

from kdlab.checks import check_number
from kdlab.losses import (
    attention_transfer_loss_core,
    check_device,
    cross_entropy_core,
    hint_loss_core,
    kl_divergence_core,
)
from kdlab.models import ConvNet, evaluating
from kdlab.training import batches_of, check_run, descend

PARTS = ("labels", "logits", "attention", "hint")


def attention(maps):
    """The attention (N, height, width) of maps (N, C, height, width): squares, mean over the channels, made to sum to 1."""
    squares = maps.square().mean(1)
    return squares / squares.sum((1, 2), keepdim=True).clamp(min=torch.finfo(squares.dtype).tiny)


def share_inside(maps, boxes):
    """How much of the attention of maps (N, C, h, w) lies in the boxes, bool (N, height, width): mean over N, 0 to 1.

    A place of the map of which a part is inside counts by that part.
    """
    if boxes.dtype != torch.bool or boxes.ndim != 3 or len(boxes) != len(maps):
        raise ValueError(f"boxes must be bool (N, height, width), one for each of the {len(maps)} maps")
    inside = F.adaptive_avg_pool2d(boxes.float(), maps.shape[2:])
    return (attention(maps) * inside).sum((1, 2)).mean().item()


def last_maps(model, inputs, layer=-1, batch_size=1000):
    """The maps (N, C, h, w) of this layer of a ConvNet for inputs (N, 784), in eval mode and without gradients."""
    check_device("inputs", inputs, "the model", next(model.parameters()))
    with evaluating(model):
        return torch.cat([model(batch, details=True)["maps"][layer] for batch in inputs.split(batch_size)])


def teacher_cache(teacher, inputs, layer=-1, batch_size=1000):
    """What students may imitate for inputs (N, 784): {"logits" (N, classes), "hint" (N, C, h, w), "attention" (N, 1, h, w)}.

    The latter two are of the maps of this layer. Hints are divided by their standard deviation over everything, so that
    one weight suits every teacher; of the attention there is one channel, which has the same attention as all of them.
    """
    check_device("inputs", inputs, "the teacher", next(teacher.parameters()))
    with evaluating(teacher):
        parts = [teacher(batch, details=True) for batch in inputs.split(batch_size)]
    maps = torch.cat([part["maps"][layer] for part in parts])
    return {
        "logits": torch.cat([part["logits"] for part in parts]),
        "hint": maps / maps.std().clamp(min=torch.finfo(maps.dtype).tiny),
        "attention": maps.square().mean(1, keepdim=True).sqrt(),
    }


def train_student(
    student, inputs, labels, cache=None, *, weights, recipe, layer=-1, projection=None, evaluate=None, evaluate_every=25
) -> Iterator[dict]:
    """Train a ConvNet on a weighted sum of parts; the records of `training.train`, and the value of each part.

    weights: {"labels", "logits", "attention", "hint": a number, 0 or more}; what is not named counts 0. It is read at
    every step, so that weights may change during the run. cache: from `teacher_cache`, needed for all but labels. The
    parts are cross_entropy, T² · kl_divergence at the recipe's temperature, attention_transfer_loss and hint_loss, the
    last two on the maps of this layer. The hint's projection is drawn by the recipe's seed, learned, and thrown away at the end; a
    tensor (student channels, teacher channels) as `projection` is used as it is. Raises ValueError.
    """
    check_weights(weights, cache)
    if not isinstance(student, ConvNet):
        raise ValueError(f"student must be a ConvNet, which shows its maps; got {type(student).__name__}")
    labels, _ = check_run(student, inputs, labels, None, recipe, evaluate, evaluate_every, None)
    if cache is not None:
        _check_cache(student, inputs, cache, layer)
    both = nn.Module()  # what the optimizer learns: the student, and a projection which is no part of it
    both.student, both.projection = student, projection
    if projection is None and cache is not None:
        sizes = student.convolutions[layer].out_channels, cache["hint"].shape[1]
        noise = torch.randn(
            sizes, dtype=torch.float32, device="cpu", generator=torch.Generator().manual_seed(recipe.seed + 70)
        )
        both.projection = nn.Parameter((noise / sizes[0] ** 0.5).to(next(student.parameters())))
    return _run(both, inputs, labels, cache, weights, recipe, layer, evaluate, evaluate_every)


def check_weights(weights, cache):
    """ValueError unless these weights can be used with this cache (None for no teacher)."""
    unknown = [name for name in weights if name not in PARTS]
    if unknown:
        raise ValueError(f"the parts are {', '.join(PARTS)}: not {unknown[0]!r}")
    for name, weight in weights.items():
        if not 0 <= check_number(f"the weight of {name}", weight) < math.inf:
            raise ValueError(f"the weight of {name} must be a finite number, 0 or more: got {weight!r}")
    if cache is None and any(weights.get(name) for name in PARTS[1:]):
        raise ValueError("logits, attention and hint come from a teacher: pass teacher_cache(teacher, inputs)")
    if not any(weights.values()):
        raise ValueError("all weights are 0: the student has nothing to learn from")


def _check_cache(student, inputs, cache, layer):
    missing = [name for name in PARTS[1:] if name not in cache]
    if missing or any(len(value) != len(inputs) for value in cache.values()):
        raise ValueError(f"the cache must be teacher_cache's of these {len(inputs)} inputs, in their order")
    ours = last_maps(student, inputs[:1], layer).shape[2:]
    if ours != cache["hint"].shape[2:]:
        raise ValueError(
            f"the student's maps have {ours[0]} × {ours[1]} places, the teacher's {cache['hint'].shape[2]} × "
            f"{cache['hint'].shape[3]}: choose strides and layers that agree"
        )


def _run(both, inputs, labels, cache, weights, recipe, layer, evaluate, evaluate_every):
    batches = batches_of(len(inputs), recipe.batch_size, torch.Generator().manual_seed(recipe.seed))
    values = {}

    def next_loss(temperature, alpha):
        chosen = next(batches)
        seen = both.student(inputs.index_select(0, chosen), details=True)
        values.clear()
        loss = 0.0
        for name in PARTS:
            if weights.get(name):
                target = (labels if name == "labels" else cache[name]).index_select(0, chosen)
                part = _part(name, seen["logits"], seen["maps"][layer], target, both.projection, temperature)
                values[name] = part.item()
                loss = loss + weights[name] * part
        return loss

    def measure(_):
        return evaluate(both.student)

    options = {"recipe": recipe, "evaluate": evaluate and measure, "evaluate_every": evaluate_every}
    for record in descend(both, next_loss, **options):
        yield record | values


def _part(name, logits, maps, target, projection, temperature):
    if name == "labels":
        return cross_entropy_core(logits, target)
    if name == "logits":
        return temperature**2 * kl_divergence_core(logits, target, temperature=temperature)
    if name == "attention":
        return attention_transfer_loss_core(maps, target)
    return hint_loss_core(maps, target, projection=projection)
