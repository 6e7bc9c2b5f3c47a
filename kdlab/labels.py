"""Labels as they come in practice, few of them or some of them wrong; soft targets with something taken away."""

import torch

from kdlab.checks import check_fraction
from kdlab.losses import check_labels, check_logits, check_temperature


def balanced_draw(labels, per_class, generator):
    """Positions of `per_class` examples of every class in labels (N,), drawn at random; int64, in rising order.

    The same generator state gives the same positions, and a larger `per_class` keeps those of a smaller one.
    ValueError where a class has too few examples.
    """
    chosen = []
    for label in labels.unique():
        places = (labels == label).nonzero().squeeze(1)
        if not 1 <= per_class <= len(places):
            raise ValueError(f"cannot draw {per_class} of the {len(places)} examples of class {int(label)}")
        order = torch.randperm(len(places), generator=generator, device=generator.device)
        chosen.append(places[order[:per_class].to(places.device)])
    return torch.cat(chosen).sort().values


def flip_labels(labels, share, generator, classes=10):
    """A copy of labels (N,) in which a random `share` of the labels is wrong: uniformly one of the other classes.

    Known as symmetric label noise. The same generator state with a larger share keeps the wrong labels of a smaller
    one. ValueError if share is not in [0, 1].
    """
    share = check_fraction("share", share)
    device = generator.device
    order = torch.randperm(len(labels), generator=generator, device=device).to(labels.device)
    moves = torch.randint(1, classes, (len(labels),), generator=generator, device=device).to(labels.device)
    chosen = order[: round(share * len(labels))]
    noisy = labels.clone()
    noisy[chosen] = (labels[chosen] + moves[chosen]) % classes
    return noisy


def class_means(teacher_logits, labels):
    """Logits (N, classes) in which each picture has the mean row of all pictures with its label (N,).

    What is left of soft targets: how much the classes resemble each other, and nothing of the single picture.
    """
    check_logits("teacher_logits", teacher_logits)
    check_labels(labels, teacher_logits)
    means = torch.stack([teacher_logits[labels == label].mean(0) for label in range(teacher_logits.shape[-1])])
    return means[labels]


def permute_wrong(logits, generator):
    """A copy of logits (N, classes) in which, in each row, all but the largest change places at random.

    What is left of soft targets: how sure the teacher is of each picture, and no resemblance.
    """
    check_logits("logits", logits)
    wrong = torch.ones_like(logits, dtype=torch.bool).scatter(-1, logits.argmax(-1, keepdim=True), False)
    others = logits[wrong].view(len(logits), -1)
    order = torch.rand(others.shape, generator=generator, dtype=torch.float32, device=generator.device)
    order = order.argsort(-1).to(logits.device)
    permuted = logits.clone()
    permuted[wrong] = others.gather(-1, order).flatten()
    return permuted


def flatten_wrong(logits, temperature=1.0):
    """Logits (N, classes) whose softmax at this temperature is as sure of its first choice, and of nothing else.

    The other classes share what is left equally: how sure the teacher is of each picture, and no resemblance, true or
    false.
    """
    return _as_sure(logits, torch.zeros_like(logits), temperature)


def resemble_class(logits, temperature=1.0):
    """Logits (N, classes) as sure as these at this temperature, that share the rest as the class does on average.

    The mean is over the logits of all pictures with the same first choice. What is lost is what *this* picture resembles.
    Where the first choice has less than half, the class's favourite among the others may come out ahead of it.
    """
    check_logits("logits", logits)
    first = logits.argmax(-1)
    rows = {int(label): logits[first == label].mean(0) for label in first.unique()}
    return _as_sure(logits, torch.stack([rows[int(label)] for label in first]), temperature)


def resemble_another(logits, temperature, generator):
    """Logits (N, classes) as sure as these at this temperature, that share the rest as another picture does.

    The other picture is drawn from those with the same first choice, each given once. What the class resembles and how
    unequally a single picture shares the rest stay; lost is only what *this* picture resembles.
    """
    check_logits("logits", logits)
    first = logits.argmax(-1)
    giver = torch.arange(len(logits), device=logits.device)
    for label in first.unique():
        places = (first == label).nonzero().squeeze(1)
        order = torch.randperm(len(places), generator=generator, device=generator.device).to(places.device)
        giver[places[order]] = places[order.roll(1)]  # around a random circle: nobody keeps his own, unless alone
    return _as_sure(logits, logits[giver], temperature)


def _as_sure(logits, others, temperature):
    """Logits that keep the first choice's probability at this temperature; the rest is shared as softmax(others) would."""
    temperature = check_temperature(temperature)
    check_logits("logits", logits, temperature)
    first = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, logits.argmax(-1, keepdim=True), True)
    log_p = torch.log_softmax(logits / temperature, -1)
    left = log_p.masked_fill(first, -torch.inf).logsumexp(-1, keepdim=True)
    shares = torch.log_softmax((others / temperature).masked_fill(first, -torch.inf), -1)
    return temperature * torch.where(first, log_p, left + shares)
