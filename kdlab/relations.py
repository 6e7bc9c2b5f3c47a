"""Who is near whom: neighbours in a space of features, and students that learn it from another space."""

from collections.abc import Iterator

import torch
from torch.nn import functional as F

from kdlab.checks import check_whole
from kdlab.losses import check_device, relational_distance_loss, relational_distance_loss_core
from kdlab.models import logits_of
from kdlab.training import batches_of, check_start, descend


def directions(features, count):
    """The mean (D,) of features (N, D), and their first principal directions (D, count), by the first 3000 rows.

    (features - mean) @ directions keeps as much of all distances as `count` numbers can. ValueError for too many.
    """
    count = check_whole("count", count, 1, min(len(features), features.shape[1]))
    mean = features.mean(0)
    return mean, torch.linalg.svd((features - mean)[:3000], full_matrices=False)[2][:count].T


def distances_to(features, others, *, cosine=False):
    """Distances (N, M) of features (N, D) to others (M, D): Euclidean, or 1 - cosine. ValueError for other shapes."""
    for name, given in (("features", features), ("others", others)):
        if not isinstance(given, torch.Tensor) or given.ndim != 2 or not given.is_floating_point():
            found = tuple(given.shape) if isinstance(given, torch.Tensor) else type(given).__name__
            raise ValueError(f"{name} must be a floating-point tensor (N, D), got {found}")
    if features.shape[1] != others.shape[1]:
        raise ValueError(f"vectors of {features.shape[1]} and of {others.shape[1]} numbers are not in one space")
    check_device("others", others, "features", features)
    if cosine:
        return 1 - F.normalize(features, dim=1) @ F.normalize(others, dim=1).T
    return torch.cdist(features, others)


def neighbours(features, count=1, *, cosine=False):
    """The `count` nearest other rows of each of N features (N, D): int64 (N, count), the nearest first."""
    count = check_whole("count", count, 1, len(features) - 1)
    found = distances_to(features, features, cosine=cosine)
    return found.fill_diagonal_(torch.inf).topk(count, largest=False).indices


def recall_at_one(features, labels, *, cosine=False):
    """The share of N pictures whose nearest other one has the same label (N,), from 0 to 1: recall@1 of retrieval."""
    _check_labels(features, labels)
    nearest = neighbours(features, cosine=cosine)[:, 0]
    return float((labels[nearest] == labels).double().mean())


def nearest_labels(features, known_features, known_labels, *, cosine=False):
    """For each of N features the label (N,) of the nearest of M labelled ones: a classifier with nothing to train."""
    _check_labels(known_features, known_labels)
    return known_labels[distances_to(features, known_features, cosine=cosine).argmin(1)]


def train_relations(
    student, inputs, features, *, recipe, loss=None, evaluate=None, evaluate_every=25
) -> Iterator[dict]:
    """Train a student on how the pictures of each batch lie to each other in another space; records as of `training.train`.

    inputs (N, ...), features (N, D) of the same pictures there. loss(student's output, features), both of a batch, is
    `relational_distance_loss` if not given. There is no label and no projection. Raises ValueError.
    """
    check_start(student, recipe, evaluate, evaluate_every)
    if len(inputs) != len(features):
        raise ValueError(f"{len(inputs)} inputs and {len(features)} rows of features: each picture needs both")
    check_device("inputs", inputs, "the student", next(student.parameters()))
    check_device("features", features, "the inputs", inputs)
    if min(recipe.batch_size, len(inputs)) < 3:
        raise ValueError("relations need batches of three samples or more")
    if loss is None:
        relational_distance_loss(features[:2], features[:2])  # its checks
        loss = relational_distance_loss_core
    batches = batches_of(len(inputs), recipe.batch_size, torch.Generator().manual_seed(recipe.seed))

    def next_loss(temperature, alpha):
        rows = next(batches)
        return loss(logits_of(student(inputs.index_select(0, rows))), features.index_select(0, rows))

    return descend(student, next_loss, recipe=recipe, evaluate=evaluate, evaluate_every=evaluate_every)


def _check_labels(features, labels):
    if not isinstance(labels, torch.Tensor) or labels.shape != features.shape[:1]:
        raise ValueError(f"labels must be a tensor ({len(features)},), one for each row of the features")
    check_device("labels", labels, "the features", features)
