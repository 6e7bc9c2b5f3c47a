"""Speculative decoding: a small drafter writes ahead, a large teacher reads it in one pass and keeps what it may.

What comes out is distributed exactly as the teacher's own text (Leviathan et al. 2023, Chen et al. 2023).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from kdlab.checks import check_whole
from kdlab.losses import check_device, check_logits
from kdlab.models import check_language_model, evaluating


def acceptance(drafter_logits, teacher_logits):
    """The chance that a drafted token is kept, sum over the vocabulary of min(p, q): logits (..., V) twice -> (...)."""
    for name, logits in (("drafter_logits", drafter_logits), ("teacher_logits", teacher_logits)):
        check_logits(name, logits)
    p, q = teacher_logits.softmax(-1), drafter_logits.softmax(-1)
    return torch.minimum(p, q).sum(-1)


def remainder(p, q):
    """What to draw from where a drafted token was refused: the part of p that q does not cover, (..., V), summing to 1."""
    left = (p - q).clamp(min=0)
    total = left.sum(-1, keepdim=True)
    return torch.where(total > 0, left / total, p)  # where p = q nothing is ever refused


def judge(p, q, drafted, generator):
    """(how many drafted tokens are kept (N,), the token after them (N,)).

    p (N, k + 1, V) and q (N, k, V) are the teacher's and the drafter's probabilities, drafted int64 (N, k) was drawn
    from q. Token i is kept with probability min(1, p / q), if all before it were. After the first that is not, a token
    is drawn from the remainder of p; if all are kept, from the teacher's next distribution.
    """
    chosen_p = p[:, :-1].gather(-1, drafted[..., None])[..., 0]
    chosen_q = q.gather(-1, drafted[..., None])[..., 0]
    chance = torch.rand(drafted.shape, generator=generator, dtype=torch.float32, device=generator.device).to(p.device)
    kept = (chance * chosen_q < chosen_p).cumprod(1).sum(1)
    after = torch.cat([remainder(p[:, :-1], q), p[:, -1:]], 1)
    rows = after[torch.arange(len(after), device=after.device), kept]
    return kept, torch.multinomial(rows, 1, generator=generator)[:, 0]


@dataclass(frozen=True)
class Round:
    """One pass of the teacher: the drafted ids that it kept, those it did not look at or refused, and its own token."""

    accepted: list[int]
    refused: list[int]
    added: int


def write(teacher, drafter, prompt, length, *, ahead=4, generator=None) -> Iterator[Round]:
    """Rounds of speculative decoding after a prompt, ids int64 (L,), until there are at least `length` new tokens.

    The drafter draws `ahead` tokens, one after another; the teacher reads them in one pass and `judge` says how many
    stay. Both keep keys and values, and forget those of refused tokens. Text and draft must fit in both contexts.
    Raises ValueError.
    """
    length, ahead = check_whole("length", length, 1), check_whole("ahead", ahead, 1)
    if not isinstance(prompt, torch.Tensor) or prompt.dtype != torch.int64 or prompt.ndim != 1 or not len(prompt):
        raise ValueError("prompt must be a tensor of ids int64 (L,), a single text that is not empty")
    for model in (teacher, drafter):
        check_language_model(model)
    sizes = [model.tokens.num_embeddings for model in (teacher, drafter)]
    if sizes[0] != sizes[1]:
        raise ValueError(f"the teacher knows {sizes[0]} tokens, the drafter {sizes[1]}: they need the same vocabulary")
    for name, model in (("the teacher", teacher), ("the drafter", drafter)):
        check_device("the prompt's ids", prompt, name, model.tokens.weight)
    longest = len(prompt) + length - 1 + ahead
    if longest > min(teacher.context, drafter.context):
        raise ValueError(
            f"{len(prompt)} tokens of prompt, {length} new ones and {ahead} ahead are too many for a context of "
            f"{min(teacher.context, drafter.context)}"
        )
    generator = torch.Generator(prompt.device).manual_seed(0) if generator is None else generator
    return _rounds(teacher, drafter, prompt, len(prompt) + length, ahead, generator)


def _rounds(teacher, drafter, prompt, end, ahead, generator):
    text, read = prompt[None], {"teacher": [], "drafter": []}
    while text.shape[1] < end:
        with evaluating(teacher), evaluating(drafter):
            draft, q = text, []
            for _ in range(ahead):
                q.append(_last(drafter, draft, read["drafter"]).softmax(-1))
                draft = torch.cat([draft, torch.multinomial(q[-1][:, -1], 1, generator=generator)], 1)
            q[0] = q[0][:, -1:]
            p = _last(teacher, draft, read["teacher"])[:, -ahead - 1 :].softmax(-1)
        drafted = draft[:, text.shape[1] :]
        kept, added = judge(p, torch.cat(q, 1), drafted, generator)
        kept = int(kept)
        text = torch.cat([draft[:, : text.shape[1] + kept], added[:, None]], 1)
        for cache in read.values():  # all but the new last token, and nothing that was refused
            cache[:] = [(keys[:, :, : text.shape[1] - 1], values[:, :, : text.shape[1] - 1]) for keys, values in cache]
        yield Round(drafted[0, :kept].tolist(), drafted[0, kept:].tolist(), int(added))


def _last(model, text, cache):
    """The logits after each token that the cache does not have yet."""
    known = cache[0][0].shape[2] if cache else 0
    return model(text[:, known:], cache)
