"""What to keep of a teacher's next-token probabilities when a whole vocabulary for each token is too much to store."""

from dataclasses import dataclass

import torch

from kdlab.checks import check_whole
from kdlab.losses import check_logits


@dataclass(frozen=True)
class TokenCache:
    """A few ids int64 (M, k) with weights float (M, k) for each of M places in a text.

    kind "top": the k likeliest tokens and their probabilities, which sum to less than 1. kind "sampled": tokens drawn
    from the teacher and the share of the draws that each had, which sum to 1; a weight of 0 only fills up its row.
    """

    ids: torch.Tensor
    weights: torch.Tensor
    kind: str = "top"

    def __post_init__(self):
        if self.kind not in ("top", "sampled"):
            raise ValueError(f'kind must be "top" or "sampled", got {self.kind!r}')
        if not isinstance(self.ids, torch.Tensor) or self.ids.dtype != torch.int64 or self.ids.ndim != 2:
            raise ValueError("ids must be a tensor int64 (M, k): k tokens for each of M places")
        if not isinstance(self.weights, torch.Tensor) or not self.weights.is_floating_point():
            raise ValueError("weights must be a tensor of floating-point numbers")
        if self.weights.shape != self.ids.shape or self.ids.numel() == 0:
            raise ValueError(
                f"ids {tuple(self.ids.shape)} and weights {tuple(self.weights.shape)} must have the same shape, not empty"
            )
        if int(self.ids.min()) < 0:
            raise ValueError("ids must not be negative")
        sums = self.weights.double().sum(1)
        if not (self.weights.min() >= 0 and sums.max() < 1.01):  # rows of half-precision numbers may exceed 1 a little
            raise ValueError("weights must be probabilities: not negative, and each row must sum to 1 at most")
        if self.kind == "sampled" and sums.min() < 0.99:
            raise ValueError("the weights of sampled tokens are shares of the draws: each row must sum to 1")

    def __len__(self):
        return len(self.ids)

    @property
    def nbytes(self):
        """Bytes in a file: 1 for an id (2 if there are ids above 255) and 2 for a weight; what fills up is left out."""
        kept = self.ids.numel() if self.kind == "top" else int((self.weights > 0).sum())
        return kept * (3 if int(self.ids.max()) < 256 else 4)


def top_k_cache(logits, k):
    """The k likeliest tokens of each place, likeliest first, and their probabilities: logits (M, vocabulary) -> TokenCache.

    Whatever is done about the rest (see `losses.top_k_divergence`), the student does not see all of the teacher.
    """
    _check(logits)
    k = check_whole("k", k, 1, logits.shape[1])
    weights, ids = _probabilities(logits).topk(k)
    return TokenCache(ids, weights)


def sampled_cache(logits, draws, generator):
    """`draws` tokens drawn from each place's softmax(logits), logits (M, vocabulary) -> TokenCache of kind "sampled".

    A token's weight is its share of the draws. On average over draws that is its probability, so that
    `losses.sampled_cross_entropy` and its gradient are unbiased (random sampling KD, Anshumann et al. 2025).
    """
    _check(logits)
    draws = check_whole("draws", draws, 1)
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"generator must be a torch.Generator, got {type(generator).__name__}")
    p = _probabilities(logits)
    drawn = torch.multinomial(p.to(generator.device), draws, replacement=True, generator=generator)
    drawn = drawn.to(p.device).sort(1).values
    first = torch.ones_like(drawn, dtype=torch.bool)
    first[:, 1:] = drawn[:, 1:] != drawn[:, :-1]
    place = first.cumsum(1) - 1  # equal tokens share a column
    width = int(place.max()) + 1
    ids = drawn.new_zeros(len(drawn), width).scatter_(1, place, drawn)
    shares = p.new_full(drawn.shape, 1 / draws)
    return TokenCache(ids, shares.new_zeros(ids.shape).scatter_add_(1, place, shares), "sampled")


def _probabilities(logits):
    return logits.detach().softmax(-1, dtype=torch.promote_types(logits.dtype, torch.float32))


def _check(logits):
    check_logits("logits", logits)
    if logits.ndim != 2:
        raise ValueError(f"logits must be (M, vocabulary), a row for each place; got {tuple(logits.shape)}")
