"""A teacher of characters for a student of longer pieces: what is exact about that, and what is lost by sorting.

The tokenizer takes the longest piece that fits, so the next piece is w exactly if the text goes on with w and with no
longer piece that begins like it. And what would have made one of the last pieces longer cannot come next.
"""

from collections import Counter

import numpy as np
import torch

from kdlab.checks import check_whole
from kdlab.losses import check_device, check_logits
from kdlab.models import check_language_model, evaluating
from kdlab.text import CharacterTokenizer


class LongestPieceTokenizer:
    """Text to pieces and back: at each place the longest piece of the vocabulary that fits.

    `vocabulary` lists the pieces, each once, every character that texts may have among them. ValueError otherwise.
    """

    def __init__(self, vocabulary):
        self.vocabulary = list(vocabulary)
        self.ids = {piece: n for n, piece in enumerate(self.vocabulary)}
        if len(self.ids) < len(self.vocabulary) or "" in self.ids:
            raise ValueError("the vocabulary must hold pieces of one character or more, each once")
        self.longest = max(map(len, self.vocabulary))
        missing = {c for piece in self.vocabulary for c in piece} - set(self.vocabulary)
        if missing:
            raise ValueError(f"each character must be a piece of its own, too: {''.join(sorted(missing))!r} are not")

    @classmethod
    def train(cls, text, count, longest=3):
        """The characters of a text, and `count` longer pieces: those that save the most characters, counted as they stand."""
        count = check_whole("count", count, 0)
        counts = Counter(text[i : i + n] for n in range(2, longest + 1) for i in range(len(text) - n + 1))
        worth = sorted(counts, key=lambda piece: (-counts[piece] * (len(piece) - 1), piece))
        return cls([*sorted(set(text)), *worth[:count]])

    def __len__(self):
        return len(self.vocabulary)

    def pieces(self, text):
        """The pieces of a text as strings."""
        found, at = [], 0
        while at < len(text):
            size = next((n for n in range(self.longest, 0, -1) if text[at : at + n] in self.ids), None)
            if size is None:
                raise ValueError(f"the character {text[at]!r} is not in the vocabulary")
            found.append(text[at : at + size])
            at += size
        return found

    def encode(self, text):
        """int64 (L,), one id for each piece."""
        return np.array([self.ids[piece] for piece in self.pieces(text)], np.int64)

    def ruled_out(self, last):
        """The strings that no text goes on with whose last pieces are these: one of them would have been longer.

        With the pieces t, h, e and the, nothing that begins with e follows t, h. What lies further back than the longest
        piece reaches does not matter.
        """
        found, behind = set(), ""
        for piece in reversed(last):
            behind = piece + behind
            found |= {p[len(behind) :] for p in self.vocabulary if p.startswith(behind) and p != behind}
            if len(behind) >= self.longest:
                break
        return frozenset(found)

    def decode(self, ids):
        """The text of one row of ids."""
        return "".join(self.vocabulary[n] for n in np.asarray(ids).tolist())


def piece_probabilities(teacher, before, characters, pieces, ruled_out=()):
    """What a teacher of characters says of the next *piece*: probabilities (N, pieces), each row sums to 1.

    teacher: a LanguageModel; before: ids int64 (N, L), the characters up to here; characters: the teacher's
    CharacterTokenizer, and pieces: a LongestPieceTokenizer of the same characters. A piece begins here with the product
    of its characters' probabilities; it is the next one if no longer piece begins here, so what those have is taken away.
    ruled_out: what `pieces.ruled_out` gives for the last pieces of the texts; the rest then shares the probability.
    """
    if not isinstance(characters, CharacterTokenizer) or set("".join(pieces.vocabulary)) - set(characters.vocabulary):
        raise ValueError("characters must be the teacher's CharacterTokenizer, and know all characters of the pieces")
    check_language_model(teacher)
    check_device("the ids before", before, "the teacher", teacher.tokens.weight)
    begins = beginnings(teacher, before, characters, {*pieces.vocabulary, *ruled_out})
    return next_piece(begins, pieces, ruled_out).float()


def next_piece(begins, pieces, ruled_out=()):
    """`piece_probabilities` from `beginnings` that hold all pieces and all that is ruled out: float64 (N, pieces)."""
    taken = {*pieces.vocabulary, *ruled_out}
    next_ = begins[""].new_zeros(len(begins[""]), len(pieces))
    for n, piece in enumerate(pieces.vocabulary):
        if not piece.startswith(tuple(ruled_out)):
            longer = {string for string in taken if string.startswith(piece) and string != piece}
            nearest = [s for s in longer if not any(s.startswith(other) for other in longer - {s})]
            next_[:, n] = begins[piece] - sum(begins[s] for s in nearest)
    next_ = next_.clamp(min=0)
    return next_ / next_.sum(1, keepdim=True)


def beginnings(teacher, before, characters, strings):
    """{string: the chance (N,) that the text goes on with it}, for these strings and all that they begin with."""
    begins = {"": torch.ones(len(before), dtype=torch.double, device=before.device)}
    inner = sorted({string[:n] for string in strings for n in range(len(string))}, key=lambda s: (len(s), s))
    with evaluating(teacher):
        cache = []
        after = {"": teacher(before, cache)[:, -1]}
        for size in range(1, max(map(len, strings))):
            level = [prefix for prefix in inner if len(prefix) == size]
            after |= _after(teacher, cache, characters, level, len(before))
    for prefix in inner:
        p = after[prefix].double().softmax(-1)
        for n, character in enumerate(characters.vocabulary):
            begins[prefix + character] = begins[prefix] * p[:, n]
    return begins


def _after(teacher, cache, characters, prefixes, count):
    """{prefix: logits (N, V) after it} for prefixes of one length; the cache of what stands before is left as it is."""
    ids = torch.from_numpy(np.stack([characters.encode(prefix) for prefix in prefixes])).to(
        teacher.tokens.weight.device
    )
    wide = [tuple(part.repeat_interleave(len(prefixes), 0) for part in layer) for layer in cache]
    logits = teacher(ids.repeat(count, 1), wide)[:, -1]
    return dict(zip(prefixes, logits.unflatten(0, (count, len(prefixes))).unbind(1), strict=True))


def sorted_distance(student_logits, teacher_logits):
    """Universal logit distillation (Boizard et al. 2024): both distributions sorted, the shorter filled with 0.

    logits (..., V) and (..., W) of as many places; the sum of |p - q| between the sorted rows, mean over the places. It
    never asks which token has which probability. No gradient flows into the teacher.
    """
    for name, logits in (("student_logits", student_logits), ("teacher_logits", teacher_logits)):
        check_logits(name, logits)
    if student_logits.shape[:-1] != teacher_logits.shape[:-1]:
        raise ValueError(
            f"both need the same places: {tuple(student_logits.shape[:-1])} and {tuple(teacher_logits.shape[:-1])}"
        )
    q = student_logits.softmax(-1).sort(-1, descending=True).values
    p = teacher_logits.detach().softmax(-1).sort(-1, descending=True).values
    size = max(q.shape[-1], p.shape[-1])
    q, p = (torch.nn.functional.pad(x, (0, size - x.shape[-1])) for x in (q, p))
    return (p - q).abs().sum(-1).mean()
