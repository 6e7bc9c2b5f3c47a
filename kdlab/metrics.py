"""How good a network is: plain numbers from logits (..., classes) and labels (...)."""

import torch
from torch.nn import functional as F

from kdlab.checks import check_whole
from kdlab.losses import check_labels, check_logits, cross_entropy_core


def errors(logits, labels):
    """How many predictions (the largest logit) are wrong, as an int."""
    _check(logits, labels, only_order=True)
    return int((logits.argmax(-1) != labels).sum())


def accuracy(logits, labels):
    """The share of predictions (the largest logit) that are right, from 0 to 1."""
    return 1 - errors(logits, labels) / labels.numel()


def negative_log_likelihood(logits, labels):
    """Mean of -log softmax(logits)[label], in nats; being sure and wrong costs most."""
    _check(logits, labels)
    return float(cross_entropy_core(logits.detach(), labels.long()))


def accuracy_by_class(logits, labels):
    """For each class, the share of its examples that are recognised; None for a class without examples."""
    _check(logits, labels, only_order=True)
    right = (logits.argmax(-1) == labels).double()
    return [float(right[labels == c].mean()) if (labels == c).any() else None for c in range(logits.shape[-1])]


def macro_f1(logits, labels):
    """Mean over the classes of F1 = 2 TP / (2 TP + FP + FN): every class counts alike, however rare.

    The mean is over the classes that occur among labels or predictions, as in scikit-learn.
    """
    _check(logits, labels, only_order=True)
    predicted, scores = logits.argmax(-1), []
    for c in range(logits.shape[-1]):
        said, true = predicted == c, labels == c
        if said.any() or true.any():  # said + true counts the hits twice, as the formula does
            scores.append(2 * int((said & true).sum()) / int(said.sum() + true.sum()))
    return sum(scores) / len(scores)


def reliability(logits, labels, bins=10):
    """How often predictions of a confidence are right: {"edges", "confidence", "accuracy", "count"}, lists of floats.

    Bin k holds the confidences in (edges[k], edges[k + 1]]; an empty bin's confidence and accuracy are None. These are
    the numbers behind a reliability diagram (Guo et al. 2017).
    """
    _check(logits, labels)
    bins = check_whole("bins", bins, 1)
    confidence, predicted = F.softmax(logits.double(), dim=-1).reshape(-1, logits.shape[-1]).max(-1)
    right = (predicted == labels.reshape(-1)).double()
    which = (confidence * bins).ceil().long().clamp(1, bins) - 1
    count = which.bincount(minlength=bins)

    def means(values):
        sums = torch.zeros(bins, dtype=torch.double, device=which.device).index_add_(0, which, values)
        return [float(total / n) if n else None for total, n in zip(sums, count, strict=True)]

    return {
        "edges": [k / bins for k in range(bins + 1)],
        "confidence": means(confidence),
        "accuracy": means(right),
        "count": count.tolist(),
    }


def expected_calibration_error(logits, labels, bins=15):
    """Mean gap between confidence and accuracy over equal bins of confidence, weighted by size (Guo et al. 2017)."""
    table = reliability(logits, labels, bins)
    rows = zip(table["confidence"], table["accuracy"], table["count"], strict=True)
    return sum(n * abs(sure - right) for sure, right, n in rows if n) / sum(table["count"])


def agreement(student_logits, teacher_logits):
    """The share of inputs on which student and teacher predict the same class, from 0 to 1."""
    check_logits("student_logits", student_logits, only_order=True)
    check_logits("teacher_logits", teacher_logits, like=student_logits, only_order=True)
    return float((student_logits.argmax(-1) == teacher_logits.argmax(-1)).double().mean())


def copied_mistakes(student_logits, teacher_logits, labels):
    """Of the inputs that the teacher gets wrong, the share on which the student gives the same wrong answer.

    0 where the teacher makes no mistake.
    """
    _check(student_logits, labels, only_order=True)
    check_logits("teacher_logits", teacher_logits, like=student_logits, only_order=True)
    student, teacher = student_logits.argmax(-1), teacher_logits.argmax(-1)
    mistakes = teacher != labels
    return float((student == teacher)[mistakes].double().mean()) if mistakes.any() else 0.0


def linear_cka(features, other_features):
    """How alike two representations of the same N samples are, (N, D) and (N, D'): from 0 to 1 (Kornblith et al. 2019).

    ||Xᵀ Y||² / (||Xᵀ X|| ||Yᵀ Y||) of the features with their mean taken off, in float64: the squared correlation of all
    their directions. Rotating, shifting and scaling change nothing. 1 for two samples, whatever they are; with few
    samples and wide features it is high by itself.
    """
    centred = []
    for name, given in (("features", features), ("other_features", other_features)):
        if not isinstance(given, torch.Tensor) or given.ndim != 2 or not given.is_floating_point() or len(given) < 2:
            found = tuple(given.shape) if isinstance(given, torch.Tensor) else type(given).__name__
            raise ValueError(f"{name} must be a floating-point tensor (N, D) of two samples or more, got {found}")
        if not given.isfinite().all():
            raise ValueError(f"{name} contain NaN or infinite values")
        given = given.detach().double()
        if (given == given[:1]).all():
            raise ValueError(f"{name} are the same for all samples: there is nothing to compare")
        given = given - given.mean(0)
        centred.append(given / given.norm())
    x, y = centred
    if len(x) != len(y):
        raise ValueError(f"features of {len(x)} and of {len(y)} samples: both must be of the same samples")
    return float((x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm()))


def area_under_curve(scores, wrong):
    """The chance that a random example with wrong=True has a higher score than one without (ties count half).

    scores (N,) numbers, wrong (N,) bool. 0.5 for scores that say nothing; the area under the ROC curve. ValueError
    unless there are examples of both kinds.
    """
    scores, wrong = torch.as_tensor(scores), torch.as_tensor(wrong)
    if scores.ndim != 1 or scores.shape != wrong.shape or wrong.dtype != torch.bool or scores.isnan().any():
        raise ValueError(
            f"scores must be numbers (N,) and wrong bool (N,): {tuple(scores.shape)}, {tuple(wrong.shape)}"
        )
    high, low = scores[wrong], scores[~wrong].sort().values
    if not len(high) or not len(low):
        raise ValueError("wrong must be True for some examples and False for others")
    below = torch.searchsorted(low, high.contiguous())
    ties = torch.searchsorted(low, high.contiguous(), right=True) - below
    return float((below.double() + ties.double() / 2).mean() / len(low))


def distinct_n(texts, n):
    """Distinct n-grams divided by all n-grams of the texts together, lists of ids or of words: from 0 to 1.

    Close to 0, the same phrases come again and again. Longer or more texts repeat more by themselves, so compare equal
    amounts. After Li et al. (2016), who divide by the number of tokens.
    """
    n = check_whole("n", n, 1)
    single = isinstance(texts, str)
    texts = [text.tolist() if isinstance(text, torch.Tensor) else text for text in texts]
    if single or any(not isinstance(text, list | tuple | str) for text in texts):
        raise ValueError("texts must be a list of texts, each a list of ids or words")
    grams = [tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)]
    if not grams:
        raise ValueError(f"no text has {n} tokens or more, so there is no {n}-gram to count")
    return len(set(grams)) / len(grams)


def count_parameters(model):
    """The number of parameters of a model."""
    return sum(parameter.numel() for parameter in model.parameters())


def _check(logits, labels, only_order=False):
    check_logits("logits", logits, only_order=only_order)
    check_labels(labels, logits)
