"""Several teachers for one student: what they say together, where they disagree, and halves that make a whole."""

import math
from dataclasses import replace

import torch

from kdlab.checks import check_whole
from kdlab.losses import check_device, check_logits, entropy
from kdlab.models import MLP
from kdlab.training import Recipe, drain, train

MEANS = ("probabilities", "logits")


def deal(labels, teachers, per_class, generator):
    """Positions of labelled examples for several teachers, none twice: int64 (teachers, classes * per_class).

    Each teacher gets `per_class` of every class in labels (N,). The same generator state gives the same positions.
    ValueError where a class has too few examples.
    """
    teachers, per_class = check_whole("teachers", teachers, 1), check_whole("per_class", per_class, 1)
    dealt = []
    for label in labels.unique():
        places = (labels == label).nonzero().squeeze(1)
        if len(places) < teachers * per_class:
            raise ValueError(
                f"class {int(label)} has {len(places)} examples: too few for {teachers} teachers with {per_class} each"
            )
        order = torch.randperm(len(places), generator=generator, device=generator.device).to(places.device)
        dealt.append(places[order[: teachers * per_class]].view(teachers, per_class))
    return torch.cat(dealt, 1)


def crowd_logits(logits, mean="probabilities", temperature=1.0):
    """Logits (..., classes) for which softmax(z / temperature) is the opinion of K teachers with logits (K, ..., classes).

    "probabilities" is the mean of their softmax(z / temperature), "logits" the softmax of their mean logits.
    """
    check_logits("logits", logits, temperature)
    if mean not in MEANS:
        raise ValueError(f'mean must be "probabilities" or "logits", got {mean!r}')
    if mean == "logits":
        return logits.mean(0)
    log_p = (logits / temperature).log_softmax(-1)
    return temperature * (log_p.logsumexp(0) - math.log(len(logits)))


def votes(logits):
    """How many of K teachers with logits (K, ..., classes) choose each class, as floats (..., classes)."""
    check_logits("logits", logits, only_order=True)
    return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).sum(0).float()


def disagreement(logits):
    """What K teachers with logits (K, ..., classes) disagree about: entropy of their mean less their mean entropy.

    In nats, 0 where all say the same. It is the mutual information of the answer and the teacher who gave it.
    """
    return (entropy(crowd_logits(logits)) - entropy(logits).mean(0)).clamp(min=0)


# --- two halves -------------------------------------------------------------------------------------------------------

HALF = Recipe(steps=500, batch_size=64, learning_rate=2e-2)


def train_half(inputs, labels, first, *, recipe=HALF, seed=0, classes=5):
    """A specialist 784-128-classes that has seen only the images labelled first, first + 1, ..., moved a little."""
    check_device("labels", labels, "the inputs", inputs)
    mine = (labels >= first) & (labels < first + classes)
    model = MLP(inputs.shape[-1], 128, classes, seed=seed)
    drain(train(model, inputs[mine], labels[mine] - first, recipe=replace(recipe, seed=seed), jitter=2))
    return model


def own_scale(logits):
    """How loud a specialist is on images of its own kind, logits (N, classes): the mean of the largest centred logit."""
    check_logits("logits", logits)
    return (logits - logits.mean(-1, keepdim=True)).amax(-1).mean()


def side_by_side(parts, scales=None):
    """One row of logits for all classes from those of specialists, a list of (N, classes): centred, and as loud as each other.

    `scales` are their `own_scale`s on images of their own kind; left out, they are not scaled.
    """
    for part in parts:
        check_logits("each of the parts", part)
    if scales is not None and len(scales) != len(parts):
        raise ValueError(f"{len(parts)} specialists need as many scales, got {len(scales)}")
    centred = [part - part.mean(-1, keepdim=True) for part in parts]
    if scales is None:
        return torch.cat(centred, -1)
    loud = sum(map(float, scales)) / len(scales)  # the common loudness, so that softmax is neither flat nor hard
    return torch.cat([part * (loud / float(scale)) for part, scale in zip(centred, scales, strict=True)], -1)
