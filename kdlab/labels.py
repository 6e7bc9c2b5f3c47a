"""Labels as they come in practice: few of them, or some of them wrong."""

import torch

from kdlab.checks import check_fraction


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
