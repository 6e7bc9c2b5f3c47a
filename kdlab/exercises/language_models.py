"""Exercises of lesson 12, language models."""

import math

import torch
from torch.nn import functional as F

from kdlab.exercises.core import Exercise, Mistake, Option, Question, Quiz, former_names
from kdlab.exercises.engine.chances import cause_of_shares, fits, generator_is_used
from kdlab.exercises.engine.values import close

# 1 --------------------------------------------------------------------------------------------------------------------


def _bits_per_character(logits, ids):
    """Mean of -log2 of the probability of each character of the text but the first; logits (L, V), ids (L,)."""
    log_p = logits.log_softmax(-1)[:-1]
    of_the_next = log_p.gather(-1, ids[1:, None])[:, 0]
    return -of_the_next.mean() / math.log(2)


def _bits_by_cross_entropy(logits, ids):
    return F.cross_entropy(logits[:-1], ids[1:]) / math.log(2)


def _bits_one_by_one(logits, ids):
    p = logits.softmax(dim=-1)
    total = 0.0
    for i in range(len(ids) - 1):
        total = total - p[i, ids[i + 1]].log2()
    return total / (len(ids) - 1)


def _other_bits(scored=lambda ids: ids[1:], places=slice(None, -1), reduce=lambda x: -x.mean() / math.log(2)):
    """The bits with other characters, other rows, or another way to make one number of the log-probabilities."""
    return lambda logits, ids: reduce(logits.log_softmax(-1)[places].gather(-1, scored(ids)[:, None])[:, 0])


bits_per_character = Exercise(
    place=1,
    title="Bits per character",
    minutes=7,
    difficulty="easy",
    reference=_bits_per_character,
    forms=(_bits_by_cross_entropy, _bits_one_by_one),
    draw=lambda draw: {"logits": draw.logits(draw.rows + 3, draw.classes), "ids": draw.labels(draw.rows + 3)},
    hints=(
        "Which row of the logits is the guess of `ids[1]`? For which row does the text hold no answer?",
        "`logits.log_softmax(-1)[:-1]` are the guesses that have an answer, `ids[1:]` the answers. `gather` picks one entry "
        "of each row.",
        "`log_p.gather(-1, ids[1:, None])[:, 0]`, then minus the mean, divided by `math.log(2)`.",
    ),
    cases={
        "A model that is sure, and right, needs 0 bits, however large its logits. An exp of your own overflows: take "
        "`log_softmax`.": (
            lambda draw: {"logits": 300 * torch.eye(4)[[1, 2, 3, 0]], "ids": torch.tensor([0, 1, 2, 3])}
        ),
    },
    mistakes={
        "You asked row i about character i, which the model has just read. Row i is its guess of what comes *next*.": (
            _other_bits(scored=lambda ids: ids, places=slice(None))
        ),
        "You asked row i + 1 about character i: about the past. Row i is the guess of character i + 1.": (
            _other_bits(scored=lambda ids: ids[:-1], places=slice(1, None))
        ),
        "Rows and characters are cut alike, both lose their last: row i still meets character i, which it has just read.": (
            _other_bits(scored=lambda ids: ids[:-1])
        ),
        "Rows and characters are cut alike, both lose their first: row i still meets character i, which it has just "
        "read.": _other_bits(places=slice(1, None)),
        "You moved the text round the corner: the last row is asked about the *first* character. What follows the last "
        "character nobody knows, so that row has no answer.": (
            _other_bits(scored=lambda ids: ids.roll(-1), places=slice(None))
        ),
        "You moved the text round the corner, the wrong way: row i is asked about character i - 1, the past. Row i is the "
        "guess of character i + 1, and the last row has no answer.": (
            _other_bits(scored=lambda ids: ids.roll(1), places=slice(None))
        ),
        "`[:, ids]` picks those characters in *every* row. Each row has one character that came next: `gather`.": (
            lambda logits, ids: -logits.log_softmax(-1)[:-1][:, ids[1:]].mean() / math.log(2)
        ),
        "That is the share of right guesses. Asked is how much probability the character had that came.": (
            lambda logits, ids: (logits[:-1].argmax(-1) == ids[1:]).float().mean(),
        ),
        "You divided by all characters. Nobody has guessed the first one.": (
            _other_bits(reduce=lambda x: -x.sum() / (len(x) + 1) / math.log(2))
        ),
        "You took the mean of the probabilities, then the logarithm. Take the mean of the logarithms: characters are coded "
        "one after another.": (
            _other_bits(reduce=lambda x: -x.exp().mean().log2()),
            _other_bits(reduce=lambda x: -x.exp().mean().log()),
        ),
        "That is the perplexity, 2 to the power of the answer. Bits are asked for.": (
            _other_bits(reduce=lambda x: (-x.mean()).exp())
        ),
        "Those are the logarithms of the *likeliest* characters. Asked is the probability of the one that came.": (
            lambda logits, ids: -logits.log_softmax(-1)[:-1].amax(-1).mean() / math.log(2),
            lambda logits, ids: -logits.log_softmax(-1).amax(-1).mean() / math.log(2),
        ),
        "That is the entropy of the guesses: how unsure the model is. Asked is how much probability the character had that "
        "came.": (
            lambda logits, ids: -(logits.softmax(-1) * logits.log_softmax(-1))[:-1].sum(-1).mean() / math.log(2),
            lambda logits, ids: -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1).mean() / math.log(2),
        ),
    },
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _causal_attention(queries, keys, values):
    """softmax(queries · keys / √d) · values, (N, heads, L, d); nobody looks ahead. There may be older keys in front."""
    new, everything = queries.shape[2], keys.shape[2]
    scores = queries @ keys.transpose(-1, -2) / queries.shape[-1] ** 0.5
    allowed = torch.ones(new, everything, dtype=torch.bool).tril(everything - new)
    return scores.masked_fill(~allowed, float("-inf")).softmax(-1) @ values


def _causal_by_adding(queries, keys, values):
    new, everything = queries.shape[2], keys.shape[2]
    hidden = torch.full((new, everything), -1e9).triu(everything - new + 1)
    return (queries @ keys.transpose(-1, -2) / math.sqrt(queries.shape[-1]) + hidden).softmax(dim=-1) @ values


def _triangle(new, everything, shift=0):
    return torch.ones(new, everything, dtype=torch.bool).tril(everything - new + shift)


def _other_attention(
    allowed=_triangle,
    hide=lambda scores, allowed: scores.masked_fill(~allowed, float("-inf")).softmax(-1),
    scale=lambda q: q.shape[-1] ** 0.5,
):
    """Attention that allows others to be seen, hides them in another way, or has another scale."""

    def causal_attention(queries, keys, values):
        scores = queries @ keys.transpose(-1, -2) / scale(queries)
        return hide(scores, allowed(queries.shape[2], keys.shape[2])) @ values

    return causal_attention


_unmasked = _other_attention(allowed=lambda new, all_: _triangle(new, all_, all_))


def _three(draw, new=None, everything=None):
    """Queries (the last `new` tokens only), keys and values."""
    everything = everything or draw.tokens + 3
    sizes = (new or everything, everything, everything)
    return {
        name: 1.5 * torch.randn(2, 3, size, draw.classes - 1 or 1)
        for name, size in zip(("queries", "keys", "values"), sizes, strict=True)
    }


OLDER_KEYS = "With more keys than queries the result is off: the queries are those of the *last* tokens."

causal_attention = Exercise(
    place=2,
    title="No looking ahead",
    minutes=10,
    difficulty="medium",
    reference=_causal_attention,
    forms=(_causal_by_adding,),
    draw=_three,
    hints=(
        "Draw the table of who looks (rows) at whom (columns) for three tokens. Which corner must be empty? And if only the "
        "last of them is new?",
        "`torch.ones(a, b, dtype=torch.bool).tril(k)` is True on and below the k-th diagonal. With as many queries as keys "
        "k is 0; with one query it must let that one see everything.",
        "`allowed = torch.ones(new, everything, dtype=torch.bool).tril(everything - new)`, then "
        "`scores.masked_fill(~allowed, float('-inf')).softmax(-1) @ values`.",
    ),
    cases={
        OLDER_KEYS: lambda draw: _three(draw, new=2),
        OLDER_KEYS + " A single one is the very last, and may see everything.": lambda draw: _three(draw, new=1),
    },
    mistakes={
        "Everybody sees everything, the answer included. Such a model learns to copy, and cannot write.": (_unmasked),
        "Your tokens see the future and not the past: the triangle is the other one.": (
            _other_attention(allowed=lambda new, all_: torch.ones(new, all_, dtype=torch.bool).triu(all_ - new))
        ),
        "Your tokens do not see themselves (so the first sees nothing at all: NaN). A token knows itself: it guesses the one "
        "*after* it.": (
            _other_attention(allowed=lambda new, all_: _triangle(new, all_, -1)),
            _other_attention(allowed=lambda new, all_: _triangle(new, all_, -1) | (torch.arange(all_) == 0)),
            _other_attention(
                allowed=lambda new, all_: _triangle(new, all_, -1),
                hide=lambda scores, allowed: scores.masked_fill(~allowed, -1e9).softmax(-1),
            ),
        ),
        "You hid what may be seen, and left what may not; the last token then sees nothing. `masked_fill` fills where its "
        "mask is True.": (
            _other_attention(allowed=lambda new, all_: ~_triangle(new, all_)),
            _other_attention(hide=lambda scores, allowed: scores.masked_fill(allowed, -1e9).softmax(-1)),
        ),
        "Each token sees one place ahead: that is the very character which it is to guess.": (
            _other_attention(allowed=lambda new, all_: _triangle(new, all_, 1))
        ),
        "With older keys in front, your mask counts from the wrong end: the *last* new token is the one that sees all. How "
        "far must the triangle be moved?": (
            _other_attention(allowed=lambda new, all_: _triangle(new, all_, new - all_))
        ),
        "You cut off the older keys. The new tokens look at them, too.": (
            lambda q, k, v: _causal_attention(q, k[:, :, -q.shape[2] :], v[:, :, -q.shape[2] :])
        ),
        "With older keys in front you hide nothing. Each of the new tokens still must not see those after it.": (
            lambda q, k, v: (_causal_attention if q.shape == k.shape else _unmasked)(q, k, v)
        ),
        "You set the scores of the future to 0. A score of 0 is an ordinary score: softmax makes a positive weight of it.": (
            _other_attention(hide=lambda scores, allowed: (scores * allowed).softmax(-1))
        ),
        "You hid the future after softmax: the weights of a row no longer sum to 1. Hide it before.": (
            _other_attention(hide=lambda scores, allowed: scores.softmax(-1) * allowed)
        ),
        "True and False are *added* to the scores, as 1 and 0: that hides nobody. Fill with minus infinity where the mask "
        "is False.": (
            _other_attention(hide=lambda scores, allowed: (scores + allowed).softmax(-1)),
            _other_attention(hide=lambda scores, allowed: (scores + ~allowed).softmax(-1)),
        ),
        "You divided by the root of the number of tokens. d is the width of one head, the last dimension.": (
            _other_attention(scale=lambda q: q.shape[-2] ** 0.5)
        ),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _word_level_loss(student_logits, teacher_logits, mask):
    """KL(teacher || student) at T = 1, the mean over the places that count; logits (N, L, V), mask bool (N, L)."""
    log_q = student_logits[mask].log_softmax(-1)
    log_p = teacher_logits.detach()[mask].log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean()


def _word_level_by_kl_div(student_logits, teacher_logits, mask):
    log_q = student_logits.log_softmax(dim=-1)
    p = teacher_logits.detach().softmax(dim=-1)
    each = F.kl_div(log_q, p, reduction="none").sum(dim=-1)
    return (each * mask).sum() / mask.sum()


def _word_level_flat(student_logits, teacher_logits, mask):
    student, teacher = student_logits[mask], teacher_logits.detach()[mask]
    return F.kl_div(F.log_softmax(student, dim=-1), F.softmax(teacher, dim=-1), reduction="batchmean")


def _kl_terms(log_p, log_q):
    return log_p.exp() * (log_p - log_q)


def _other_words(each=lambda log_p, log_q: _kl_terms(log_p, log_q).sum(-1), reduce=lambda x, m: x[m].mean()):
    """The loss with another loss of each place, or another way from (N, L) to one number."""

    def word_level_loss(student_logits, teacher_logits, mask):
        return reduce(each(teacher_logits.detach().log_softmax(-1), student_logits.log_softmax(-1)), mask)

    return word_level_loss


def _texts(draw):
    """A batch of texts of different length, all with some place that counts and some that do not."""
    shape = (draw.rows - 3 or 1, draw.tokens + 2)
    mask = torch.arange(shape[1]) < torch.randint(1, shape[1], (shape[0], 1))
    mask[0], mask[-1] = torch.arange(shape[1]) < 1, True  # a short one, a full one
    return {
        "student_logits": draw.logits(*shape, draw.classes),
        "teacher_logits": draw.logits(*shape, draw.classes),
        "mask": mask,
    }


word_level_loss = Exercise(
    place=3,
    title="What the teacher expects next",
    minutes=7,
    difficulty="medium",
    reference=_word_level_loss,
    forms=(_word_level_by_kl_div, _word_level_flat),
    draw=_texts,
    gradient=("student_logits",),
    hints=(
        "It is lesson 02's KL divergence, at every place of every text. Which places count, and by what must the sum be "
        "divided?",
        "`logits[mask]` keeps the places that count, as rows (M, V): after that there are no texts, only places.",
        "`log_p.exp() * (log_p - log_q)`, `.sum(-1)` over the vocabulary, `.mean()` over the rows; `teacher_logits.detach()`.",
    ),
    cases={
        "Correct, until a teacher is so sure that a probability rounds to 0: then 0 · log 0 is nan. Take log_softmax, not the "
        "logarithm of a softmax.": (
            lambda draw: {
                "student_logits": torch.tensor([[[1.0, 2.0, 0.5]]]),
                "teacher_logits": torch.tensor([[[200.0, 0.0, -100.0]]]),
                "mask": torch.tensor([[True]]),
            }
        ),
    },
    mistakes={
        "That is the cross-entropy: KL plus the teacher's entropy. Training is the same, but a perfect student's loss would "
        "not be 0.": _other_words(each=lambda log_p, log_q: -(log_p.exp() * log_q).sum(-1)),
        "The places that do not count are 0, but the mean still divides by *all* places.": (
            _other_words(reduce=lambda x, m: (x * m).mean())
        ),
        "You took the mean of each text first. Then a character of a short text weighs more than one of a long one.": (
            _other_words(reduce=lambda x, m: ((x * m).sum(1) / m.sum(1)).mean())
        ),
        "You divided by the number of texts (`batchmean` does): long texts would cost more. Divide by the characters that "
        "count.": _other_words(reduce=lambda x, m: x[m].sum() / len(m)),
        "You divided by the length L, padding included. Divide by the characters that count.": (
            _other_words(reduce=lambda x, m: x[m].sum() / m.shape[1])
        ),
        "Your logits are divided by 2, as in lesson 04. The temperature is 1 here, and T² in front is 1, too.": (
            lambda s, t, m: _word_level_loss(s / 2, t / 2, m),
            lambda s, t, m: 4 * _word_level_loss(s / 2, t / 2, m),
        ),
        "You compare by distances, squared or absolute. KL of the two distributions is asked for.": (
            _other_words(each=lambda log_p, log_q: (log_p.exp() - log_q.exp()).abs().sum(-1)),
            lambda s, t, m: (s - t)[m].square().mean(),
            lambda s, t, m: (s - t)[m].square().sum(-1).mean(),
            _other_words(each=lambda log_p, log_q: (log_p.exp() - log_q.exp()).square().sum(-1)),
            _other_words(each=lambda log_p, log_q: (log_p.exp() - log_q.exp()).square().mean(-1)),
        ),
        "Mask and logits are shifted against each other. Entry [n, i] of all three belongs to the same place.": (
            lambda s, t, m: _word_level_loss(s[:, :-1], t[:, :-1], m[:, 1:]),
            lambda s, t, m: _word_level_loss(s[:, 1:], t[:, 1:], m[:, :-1]),
        ),
        "The last place is left out. The mask says which count; all entries of all three belong together.": (
            lambda s, t, m: _word_level_loss(s[:, :-1], t[:, :-1], m[:, :-1])
        ),
    },
    wrong={
        "log target": (
            lambda s, t, m: F.kl_div(s[m].log_softmax(-1), t[m].log_softmax(-1), reduction="batchmean"),
            "log_target=True",
        ),
        "minus infinity": (
            lambda s, t, m: F.kl_div(
                s.masked_fill(~m[..., None], -torch.inf).log_softmax(-1), t.softmax(-1), reduction="none"
            ).mean(),
            "minus infinity",
        ),
        "teacher moves": (
            lambda s, t, m: F.kl_div(
                s[m].log_softmax(-1), t[m].log_softmax(-1), log_target=True, reduction="batchmean"
            ),
            "flows into `teacher_logits`",
        ),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _jensen_shannon_divergence(student_logits, teacher_logits, beta):
    """β KL(teacher || m) + (1 - β) KL(student || m) with m = β teacher + (1 - β) student, the mean over all places."""
    log_q, log_p = student_logits.log_softmax(-1), teacher_logits.detach().log_softmax(-1)
    log_m = torch.logaddexp(log_p + math.log(beta), log_q + math.log(1 - beta))  # of the mixture, never log 0
    to_teacher = (log_p.exp() * (log_p - log_m)).sum(-1)
    to_student = (log_q.exp() * (log_q - log_m)).sum(-1)
    return (beta * to_teacher + (1 - beta) * to_student).mean()


def _jsd_of_probabilities(student_logits, teacher_logits, beta):
    q, p = student_logits.softmax(dim=-1), teacher_logits.detach().softmax(dim=-1)
    m = beta * p + (1 - beta) * q
    return (beta * torch.xlogy(p, p / m) + (1 - beta) * torch.xlogy(q, q / m)).sum(dim=-1).mean()


def _kl(p, q):
    return torch.xlogy(p, p / q).sum(-1)


def _other_jsd(mix=lambda p, q, b: b * p + (1 - b) * q, join=lambda p, q, m, b: b * _kl(p, m) + (1 - b) * _kl(q, m)):
    """The divergence with another mixture, or other divergences from it."""

    def jensen_shannon_divergence(student_logits, teacher_logits, beta):
        q, p = student_logits.softmax(-1), teacher_logits.detach().softmax(-1)
        return join(p, q, mix(p, q, beta), beta).mean()

    return jensen_shannon_divergence


jensen_shannon_divergence = Exercise(
    place=4,
    title="Between forward and reverse",
    minutes=10,
    difficulty="medium",
    reference=_jensen_shannon_divergence,
    forms=(_jsd_of_probabilities,),
    draw=lambda draw: {
        "student_logits": draw.logits(draw.rows - 3 or 1, draw.tokens, draw.classes),
        "teacher_logits": draw.logits(draw.rows - 3 or 1, draw.tokens, draw.classes),
        "beta": draw.weight,
    },
    gradient=("student_logits",),
    hints=(
        "First the mixture: a distribution again, with β of the teacher. Then each of the two is compared with it.",
        "Mix probabilities, not logits. Then two KL divergences *to* the mixture, each a sum over the vocabulary. "
        "`log_softmax` gives the logarithms of both without any log 0.",
        "`m = beta * log_p.exp() + (1 - beta) * log_q.exp()`, then `(log_p.exp() * (log_p - m.log())).sum(-1)` with weight "
        "beta, and the same with `log_q` and weight `1 - beta`; `.mean()` at the end. Safest: `torch.logaddexp` gives log m "
        "from `log_p + math.log(beta)` and `log_q + math.log(1 - beta)`.",
    ),
    cases={
        "Two that are sure of different characters are log 2 apart at β = ½; yours are not. If it is nan or infinite: that "
        "is 0 · log 0, so take `log_softmax` for the logarithms of student and teacher.": (
            lambda draw: {
                "student_logits": 200 * torch.eye(2)[None, :1],
                "teacher_logits": 200 * torch.eye(2)[None, 1:],
                "beta": 0.5,
            }
        ),
    },
    mistakes={
        "In your mixture the two are swapped: β belongs to the teacher, 1 - β to the student.": (
            _other_jsd(mix=lambda p, q, b: b * q + (1 - b) * p)
        ),
        "The weights in front of the two divergences are swapped: β belongs to the teacher's.": (
            _other_jsd(join=lambda p, q, m, b: (1 - b) * _kl(p, m) + b * _kl(q, m))
        ),
        "Your mixture is half and half, whatever β is.": _other_jsd(mix=lambda p, q, b: (p + q) / 2),
        "The weights of the two divergences are half and half, whatever β is.": (
            _other_jsd(join=lambda p, q, m, b: (_kl(p, m) + _kl(q, m)) / 2)
        ),
        "β makes no difference: mixture and weights are half and half.": (
            lambda s, t, beta: _jensen_shannon_divergence(s, t, 0.5)
        ),
        "The two divergences are added without their weights β and 1 - β.": (
            _other_jsd(join=lambda p, q, m, b: _kl(p, m) + _kl(q, m))
        ),
        "Your divergences run from the mixture. They run *to* it: KL(teacher || m), KL(student || m).": (
            _other_jsd(join=lambda p, q, m, b: b * _kl(m, p) + (1 - b) * _kl(m, q))
        ),
        "You compare student and teacher with each other: forward or reverse KL. Both must be measured against the *mixture*, which is never 0 where one of "
        "them is not.": (
            _other_jsd(join=lambda p, q, m, b: b * _kl(p, q) + (1 - b) * _kl(q, p)),
            _other_jsd(join=lambda p, q, m, b: b * _kl(q, p) + (1 - b) * _kl(p, q)),
            _other_jsd(join=lambda p, q, m, b: _kl(p, q)),
            _other_jsd(join=lambda p, q, m, b: _kl(q, p)),
        ),
        "You mixed the logits. Mix the *probabilities*.": (
            lambda s, t, beta: _other_jsd(mix=lambda p, q, b: (b * t + (1 - b) * s).softmax(-1))(s, t, beta)
        ),
        "You mixed the logarithms. Mix the *probabilities*, then take the logarithm.": (
            _other_jsd(mix=lambda p, q, b: (b * p.log() + (1 - b) * q.log()).exp())
        ),
        "Your mixture sums to 2: student and teacher are added without β and 1 - β.": (
            _other_jsd(mix=lambda p, q, b: p + q)
        ),
        "Those are cross-entropies with the mixture. KL also has the entropy of teacher and student: log p - log m.": (
            _other_jsd(join=lambda p, q, m, b: -((b * p + (1 - b) * q) * m.log()).sum(-1))
        ),
        "You subtract the mixture itself. Its *logarithm* belongs there (F.kl_div wants it, too, as its first argument).": (
            _other_jsd(
                join=lambda p, q, m, b: (
                    b * F.kl_div(m, p, reduction="none").sum(-1) + (1 - b) * F.kl_div(m, q, reduction="none").sum(-1)
                )
            )
        ),
    },
    wrong={
        "0 log 0": (
            _other_jsd(join=lambda p, q, m, b: b * (p * (p / m).log()).sum(-1) + (1 - b) * (q * (q / m).log()).sum(-1)),
            "0 · log 0",
        ),
        "teacher moves": (
            lambda s, t, beta: (
                beta * _kl(t.softmax(-1), beta * t.softmax(-1) + (1 - beta) * s.softmax(-1))
                + (1 - beta) * _kl(s.softmax(-1), beta * t.softmax(-1) + (1 - beta) * s.softmax(-1))
            ).mean(),
            "flows into `teacher_logits`",
        ),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _bucket_divergence(student_logits, ids, log_probabilities):
    """KL(teacher || student) if only k of the teacher's log-probabilities (N, k) are kept; one bucket for the rest."""
    p, log_q = log_probabilities.exp(), student_logits.log_softmax(-1)
    kept = (p * (log_probabilities - log_q.gather(-1, ids))).sum(-1)
    if ids.shape[-1] == student_logits.shape[-1]:
        return kept.mean()  # all are kept: the bucket is empty
    rest_p = (1 - p.sum(-1)).clamp(min=0)  # rounding may leave less than nothing
    log_rest_q = log_q.scatter(-1, ids, float("-inf")).logsumexp(-1)  # the others, added up; 1 - sum would round to 0
    return (kept + torch.xlogy(rest_p, rest_p) - rest_p * log_rest_q).mean()


def _bucket_as_one_more_class(student_logits, ids, log_probabilities):
    p, q = log_probabilities.exp(), student_logits.softmax(dim=-1).gather(-1, ids)
    rest_p = 1 - p.sum(dim=-1)
    rest_q = 1 - q.sum(dim=-1)
    kept = (p * (p.log() - q.log())).sum(dim=-1)
    return (kept + rest_p * (rest_p.log() - rest_q.log())).mean()


def _bucket_by_kl_div(student_logits, ids, log_probabilities):
    p, q = log_probabilities.exp(), student_logits.softmax(dim=-1).gather(-1, ids)
    p = torch.cat([p, 1 - p.sum(dim=-1, keepdim=True)], -1)
    q = torch.cat([q, 1 - q.sum(dim=-1, keepdim=True)], -1)
    return F.kl_div(q.log(), p, reduction="batchmean")


def _other_bucket(
    rest=lambda P, Q: torch.xlogy(P, P / Q),
    keep=lambda p, log_q: p * (p.log() - log_q),
    left=lambda p: 1 - p.sum(-1),
    pick=lambda z, ids: z.log_softmax(-1).gather(-1, ids),
):
    """The loss with another bucket (of what both leave over), other terms for the kept, another student."""

    def bucket_divergence(student_logits, ids, log_probabilities):
        p, log_q = log_probabilities.exp(), pick(student_logits, ids)
        return (keep(p, log_q).sum(-1) + rest(left(p), left(log_q.exp()))).mean()

    return bucket_divergence


def _bucket_unguarded(student_logits, ids, log_probabilities, rest):
    """Sound for sure students, but not if all characters are kept."""
    p, log_q = log_probabilities.exp(), student_logits.log_softmax(-1)
    P, others = (1 - p.sum(-1)).clamp(min=0), log_q.scatter(-1, ids, float("-inf")).logsumexp(-1)
    return ((p * (log_probabilities - log_q.gather(-1, ids))).sum(-1) + rest(P) - P * others).mean()


def _renormalised(p):
    return p / p.sum(-1, keepdim=True)


def _spread(student_logits, ids, log_probabilities):
    others = student_logits.shape[-1] - ids.shape[-1]
    rest = (1 - log_probabilities.exp().sum(-1, keepdim=True)) / others
    p = rest.expand_as(student_logits).scatter(-1, ids, log_probabilities.exp())
    return (p * (p.log() - student_logits.log_softmax(-1))).sum(-1).mean()


def _kept(teacher_logits, k):
    """The dict of ids and log-probabilities of the teacher's k likeliest."""
    log_p, ids = teacher_logits.log_softmax(-1).topk(k)
    return {"ids": ids, "log_probabilities": log_p}


def _ask_at_the_edges(ask):
    """Sure students, sure teachers, a student that is its teacher."""
    noise, kept = torch.randn(50, 9), _kept(1.5 * torch.randn(50, 9), 3)
    rather = noise + 13.0 * torch.zeros(50, 9).scatter(-1, kept["ids"], 1.0)
    ask(rather, *kept.values()).is_number().equals(
        _bucket_divergence(rather, **kept),
        "For a student that leaves little for the rest (Q of about 0.00001) the value is off. Is its rest held above some "
        "larger number?",
        1e-2,
    )
    sure = ask(noise + 30.0 * torch.zeros(50, 9).scatter(-1, kept["ids"][:, :1], 1.0), *kept.values()).is_number()
    sure.holds(
        torch.as_tensor(sure.value).isfinite(),
        "For a student that is very sure of a kept character your loss is not finite: 1 minus the sum rounds to 0, and the "
        "logarithm breaks. Its rest is tiny, not 0: add up the *others* instead. `logsumexp` does so with logarithms.",
    )
    teacher = torch.randn(400, 9) + 17.0 * (torch.arange(9) < 3)
    certain = ask(torch.randn(400, 9), *_kept(teacher, 3).values()).is_number()
    certain.holds(
        torch.as_tensor(certain.value).isfinite(),
        "For a teacher that is very sure your loss is not finite: rounding leaves 0, or a little less than 0, for its rest. "
        "See that it is not negative, and that 0 · log 0 is 0 (`torch.xlogy` does that).",
    )
    ask(noise, *_kept(noise.roll(1, 0), 9).values()).is_number().equals(
        _bucket_divergence(noise, **_kept(noise.roll(1, 0), 9)),
        "If *all* characters are kept nothing is left over: then it is the full KL. Take care of an empty bucket's "
        "logarithm.",
    )


def _others_ignored(evidence):
    """The student's logits of what was not kept make no difference, so they are in no softmax."""
    alike = 0
    for _ in range(600):  # where the rest is 0 or rounding, the value is rarely finite, and says something
        kept = _kept(torch.randn(2, 9), 3)
        logits, others = torch.randn(2, 9), torch.ones(2, 9).scatter(-1, kept["ids"], 0.0)
        values = [evidence.call({"student_logits": z, **kept}) for z in (logits, logits + others * torch.rand(2, 9))]
        if not close(*values, equal_nan=True):
            return None
        alike += bool(torch.as_tensor(values[0]).isfinite().all())
        if alike == 2:
            return (
                "The student's logits of the characters that were *not* kept make no difference to yours. They belong into its "
                "softmax, and so into its rest: first softmax over the whole vocabulary, not over the k, then pick."
            )
    return None


bucket_divergence = Exercise(
    place=5,
    title="The rest in a bucket",
    minutes=12,
    difficulty="hard",
    reference=_bucket_divergence,
    forms=(_bucket_as_one_more_class, _bucket_by_kl_div),
    roles={"log_probabilities": "teacher log-probabilities"},
    draw=lambda draw: {
        "student_logits": draw.logits(draw.rows, draw.classes + 4, scale=1.5),
        **_kept(draw.logits(draw.rows, draw.classes + 4, scale=1.5), draw.tokens),
    },
    gradient=("student_logits",),
    questions=_ask_at_the_edges,
    properties=(_others_ignored,),
    hints=(
        "Pretend that the vocabulary has k + 1 entries: the k that were kept, and “anything else”. What are teacher's and "
        "student's probability of “anything else”?",
        "Softmax of the student over its whole vocabulary, `gather` for the k ids; 1 minus the sum is what is left over, for "
        "each of the two. It rounds to 0 where a student is sure: the others, added up, do not.",
        "`(p * (log_probabilities - log_q.gather(-1, ids))).sum(-1)` for the kept. For the bucket "
        "`rest_p = (1 - p.sum(-1)).clamp(min=0)` and `log_rest_q = log_q.scatter(-1, ids, float('-inf')).logsumexp(-1)`: "
        "`torch.xlogy(rest_p, rest_p) - rest_p * log_rest_q`, unless k is all. Add, then the mean.",
    ),
    mistakes={
        "The rest is left out. Then the best student gives the k characters *everything* and never writes a rare one.": (
            _other_bucket(rest=lambda P, Q: 0 * P)
        ),
        "You blew the k probabilities up to a sum of 1, as if the teacher thought nothing else possible. What is left over "
        "belongs into a bucket.": lambda z, ids, log_p: (
            (log_p.softmax(-1) * (log_p.log_softmax(-1) - z.log_softmax(-1).gather(-1, ids))).sum(-1).mean()
        ),
        "You compare the two among the k characters only. A student that puts all its trust elsewhere would be perfect.": (
            lambda z, ids, log_p: (
                (log_p.softmax(-1) * (log_p.log_softmax(-1) - z.gather(-1, ids).log_softmax(-1))).sum(-1).mean()
            )
        ),
        "You blew the kept probabilities up to a sum of 1, and the bucket comes on top: all together then sum to more than 1.": (
            _other_bucket(keep=lambda p, log_q: _renormalised(p) * (_renormalised(p).log() - log_q))
        ),
        "In the bucket you have the teacher's rest alone. The student has a rest, too: P log(P / Q).": (
            _other_bucket(rest=lambda P, Q: torch.xlogy(P, P))
        ),
        "The bucket is the wrong way round: it is one more class, so P log(P / Q) with the *teacher's* P in front.": (
            _other_bucket(rest=lambda P, Q: torch.xlogy(Q, Q / P))
        ),
        "You spread the rest evenly over the other characters. Nobody knows how it was shared out; the bucket does not "
        "pretend to.": _spread,
        "That is KL(student || teacher). The weights are the teacher's.": (
            _other_bucket(
                keep=lambda p, log_q: log_q.exp() * (log_q - p.log()), rest=lambda P, Q: torch.xlogy(Q, Q / P)
            )
        ),
        "For the kept characters the weights are the student's: that is KL(student || teacher). Only the bucket is right.": (
            _other_bucket(keep=lambda p, log_q: log_q.exp() * (log_q - p.log()))
        ),
        "That is the cross-entropy of the k + 1 classes: KL plus the teacher's entropy. A perfect student's loss would not "
        "be 0.": _other_bucket(keep=lambda p, log_q: -p * log_q, rest=lambda P, Q: -P * Q.log()),
        "`[:, ids]` picks all rows' ids in *each* row. `gather(-1, ids)` picks each row's own.": (
            _other_bucket(pick=lambda z, ids: z.log_softmax(-1)[:, ids])
        ),
        "You compare with the *first* k characters of the student. `ids` says which: `gather`.": (
            _other_bucket(pick=lambda z, ids: z.log_softmax(-1)[:, : ids.shape[1]])
        ),
        "You compare with the *student's* k likeliest. `ids` says which characters the teacher kept: `gather`.": (
            _other_bucket(pick=lambda z, ids: z.log_softmax(-1).topk(ids.shape[1]).values)
        ),
    },
    wrong={
        "no gradient": (lambda z, ids, log_p: _bucket_divergence(z.detach(), ids, log_p), "no gradient reaches"),
        "rest detached": (_other_bucket(rest=lambda P, Q: torch.xlogy(P, P / Q.detach())), "no gradient passes"),
        "rest held up": (_other_bucket(rest=lambda P, Q: torch.xlogy(P, P / Q.clamp(min=1e-3))), "held above some"),
        "1 minus the sum": (_other_bucket(), "very sure of a kept character"),
        "teacher's rest rounded": (
            lambda z, ids, log_p: _bucket_unguarded(z, ids, log_p, rest=lambda P: P * P.log()),
            "rounding leaves 0",
        ),
        "empty bucket": (
            lambda z, ids, log_p: _bucket_unguarded(z, ids, log_p, rest=lambda P: torch.xlogy(P, P)),
            "empty bucket",
        ),
        "softmax over the kept": (
            _other_bucket(pick=lambda z, ids: z.gather(-1, ids).log_softmax(-1)),
            "first softmax over the whole vocabulary",
        ),
    },
)

# 6 --------------------------------------------------------------------------------------------------------------------


def _sampled_targets(logits, draws, generator):
    """For each row of logits (M, V): a few draws from its softmax, as target weights (M, V): the shares of the draws."""
    ids = torch.multinomial(logits.softmax(-1), draws, replacement=True, generator=generator)
    return torch.zeros_like(logits).scatter_add(-1, ids, torch.ones(ids.shape) / draws)


def _draw(logits, draws, generator, replacement=True):
    return torch.multinomial(logits.softmax(-1), draws, replacement=replacement, generator=generator)


def _drawn_evenly(logits, draws, generator):
    """Importance weights: right on average, but no shares of draws."""
    ids = _draw(torch.zeros_like(logits), draws, generator)
    weights = logits.softmax(-1).gather(-1, ids) * logits.shape[-1] / draws
    return torch.zeros_like(logits).scatter_add(-1, ids, weights)


def _weights_of_the_drawn(logits, draws, generator):
    """The wrong answer that looks cleverest: what was drawn, weighted with its probability, blown up to a sum of 1."""
    p = logits.softmax(-1)
    kept = torch.zeros_like(p).scatter(-1, _draw(logits, draws, generator), 1.0) * p
    return kept / kept.sum(-1, keepdim=True)


def _each_once(logits, draws, generator):
    once = torch.zeros_like(logits).scatter(-1, _draw(logits, draws, generator), 1.0)
    return once / once.sum(-1, keepdim=True)


def _without_replacement(logits, draws, generator):
    return torch.zeros_like(logits).scatter(-1, _draw(logits, draws, generator, replacement=False), 1 / draws)


def _chances_of_targets(logits):
    return logits.softmax(dim=-1)


TARGETS_MISTAKES = {
    "All characters come equally often: where is the softmax of the logits?": lambda z: torch.ones_like(z),
    "All rows are drawn from the softmax of the first. Each row has logits of its own.": (
        lambda z: z[:1].softmax(-1).expand_as(z)
    ),
    "All rows are drawn alike. Each row has logits of its own.": lambda z: z.softmax(-1).mean(0).expand_as(z),
}


def _ask_shapes(ask):
    """Few rows, and a last character that never comes: the weights still have a column for each character."""
    rare = torch.tensor([2.0, 1.0, 0.0, -1.0, -60.0]).repeat(40, 1)
    answer = ask(rare, 2, torch.Generator().manual_seed(0))
    answer.is_tensor()
    shape = tuple(answer.value.shape)
    answer.holds(
        shape != (40, 2),
        "You return a column for each *draw*, (40, 2). Asked is a weight for each *character*, (40, 5): each draw adds its "
        "share at its own place (`scatter_add`).",
    )
    answer.holds(
        shape != (40, 2, 5), "You return the draws one by one, (40, 2, 5). Take their mean, over the draws: dim=1."
    )
    answer.holds(
        shape != (40, 4),
        "A character that was never drawn has no column in yours: (40, 4) where (40, 5) is asked for. `one_hot` and "
        "`bincount` count up to the largest id that they meet; say how many characters there are (`num_classes`, "
        "`minlength`).",
    )
    answer.holds(
        shape[:1] == (40,),
        f"Each of the 40 rows keeps its own draws; yours is of shape {shape}. Count, or take the mean, over the draws only.",
    )
    answer.is_tensor((40, 5))
    answer.holds(answer.value.is_floating_point(), "The weights must be floating-point numbers: shares of the draws.")


def _is_of(answer, w, draws):
    """The weights are shares of so many draws."""

    def shares_of(count):
        return torch.allclose(w * count, (w * count).round(), atol=2e-2) and torch.allclose(
            w.sum(-1), torch.ones(len(w)), atol=5e-3
        )

    count = next((count for count in range(1, 13) if shares_of(count)), None)
    answer.holds(
        count is not None,
        f"With `draws` = {draws}, a weight is a multiple of 1 / {draws}, the share of the draws. Yours are not.",
    )
    answer.holds(
        count == draws,
        f"Your weights are shares of {count} draw{'s' * (count > 1)}, though `draws` is {draws}. Is a number fixed in your "
        "function, or one too many?",
    )


def _ask_sampled_targets(ask):
    _ask_shapes(ask)
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5])[torch.randperm(5)]
    logits = torch.stack([logits, logits.roll(1)])  # two kinds of rows
    p, rows = logits.softmax(-1), logits.repeat_interleave(6000, 0)

    def means(weights):
        return weights.view(2, 6000, 5).mean(1)

    def far_from(wrong):
        return (mean - means(wrong(rows, 3, torch.Generator().manual_seed(2)))).abs().max() > 0.02

    answer = ask(rows, 3, torch.Generator().manual_seed(1))
    answer.is_tensor((12000, 5))
    w, p_rows = answer.value.detach().float(), rows.softmax(-1)
    sums, mean = w.sum(-1), means(w)
    answer.holds(w.isfinite().all(), "Some of your weights are nan or infinite: is there a division by 0?")
    whole, each = torch.allclose(sums, torch.ones_like(sums), atol=5e-3), sums[0].item()
    answer.holds(
        abs(each - 3) > 0.01 or (sums - 3).abs().max() > 0.01, "Your rows sum to 3, the number of draws: divide by it."
    )
    answer.holds(
        whole or (sums - each).abs().max() > 0.01 * abs(each),
        f"Each row must sum to 1: the shares of all draws together. Yours sum to {each:.3g}. By what do you divide, and where "
        "does the sum begin?",
    )
    answer.holds(
        (means(w) - p).abs().max() > 1e-4 or (w - p_rows).abs().max() > 0.01,
        "Those are the teacher's probabilities themselves. They are what is too much to keep.",
    )
    for k, many in ((3, "three"), (1, "one")):
        top = torch.zeros(2, 5).scatter(1, logits.topk(k).indices, 1.0).repeat_interleave(6000, 0)
        answer.holds(
            not torch.equal((w != 0).float(), top),
            f"You keep the likeliest {many} each time. The rare ones never come, so the mean is wrong: *draw*.",
        )
    answer.holds(
        (w - w[0]).abs().max() > 1e-3 * w.abs().max(),
        "All rows got the very same draws. Each row has logits of its own, and needs draws of its own.",
    )
    answer.holds(
        far_from(_weights_of_the_drawn) and not torch.allclose(3 * w / p_rows, (3 * w / p_rows).round(), atol=1e-2),
        "You weighted what was drawn with its probability. The likely ones come more often *already*: counted twice, they "
        "end up too heavy. A draw is worth 1 / draws, whatever it hit.",
    )
    twice = "A character that was drawn twice counts once in yours. Count each draw: `scatter_add`, not `scatter`."
    thirds = (w * 3 - (w * 3).round()).abs().max() < 2e-2
    answer.holds(far_from(_each_once) and not (thirds and w.max() < 0.4 and sums.min() < 0.9), twice)
    answer.holds(whole, "Each row must sum to 1: the shares of all draws together.")
    _is_of(answer, w, 3)
    answer.holds(
        far_from(_without_replacement),
        "No character comes twice: you drew without replacement, so the rare ones come too often. `replacement=True`.",
    )
    seen = [({"logits": logits}, mean, 18000)]
    if not fits(seen, _chances_of_targets):
        cause = cause_of_shares(seen, _chances_of_targets, TARGETS_MISTAKES)
        raise Mistake(cause or "The mean over 6000 places is not softmax(logits).", p[0])
    for draws in (2, 5):
        fewer = ask(rows, draws, torch.Generator().manual_seed(3))
        fewer.is_tensor((12000, 5))
        _is_of(fewer, fewer.value.detach().float(), draws)
    generator_is_used(ask, rows[::40], 3)


sampled_targets = Exercise(
    place=6,
    title="Few draws, right on average",
    minutes=8,
    difficulty="medium",
    reference=_sampled_targets,
    questions=_ask_sampled_targets,
    hints=(
        "Throw a die three times and write down how often each face came, divided by 3. On average over many such trials: "
        "what stands beside each face?",
        "`torch.multinomial(p, draws, replacement=True, generator=generator)` gives ids (M, draws). Each of them is worth "
        "1 / draws.",
        "`torch.zeros_like(logits).scatter_add(-1, ids, torch.ones(ids.shape) / draws)`",
    ),
    wrong={
        "top k": (
            lambda z, k, g: torch.zeros_like(z).scatter(-1, z.topk(k).indices, z.topk(k).values.softmax(-1)),
            "keep the likeliest three",
        ),
        "weighted with probability": (_weights_of_the_drawn, "weighted what was drawn with its probability"),
        "each once": (_each_once, "drawn twice counts once"),
        "scatter": (lambda z, k, g: torch.zeros_like(z).scatter(-1, _draw(z, k, g), 1 / k), "drawn twice counts once"),
        "without replacement": (_without_replacement, "without replacement"),
        "counts": (
            lambda z, k, g: torch.zeros_like(z).scatter_add(-1, _draw(z, k, g), torch.ones(len(z), k)),
            "sum to 3",
        ),
        "divided by the vocabulary": (lambda z, k, g: _sampled_targets(z, k, g) * k / z.shape[-1], "sum to 0.6"),
        "probabilities": (lambda z, k, g: z.softmax(-1), "the teacher's probabilities themselves"),
        **{
            sentence: (lambda z, k, g, chances=chances: _sampled_targets(chances(z).log(), k, g), sentence)
            for sentence, chances in TARGETS_MISTAKES.items()
        },
        "ids": (lambda z, k, g: _draw(z, k, g), "a column for each *draw*"),
        "one_hot, draw by draw": (lambda z, k, g: F.one_hot(_draw(z, k, g), z.shape[-1]) / k, "one by one"),
        "one_hot without classes": (
            lambda z, k, g: F.one_hot(_draw(z, k, g)).float().mean(1),
            "never drawn has no column",
        ),
        "no generator": (lambda z, k, g: _sampled_targets(z, k, None), "other draws each time"),
        "same draws for all": (lambda z, k, g: _sampled_targets(z[:1], k, g).expand_as(z), "the very same draws"),
        "one draw": (lambda z, k, g: _sampled_targets(z, 1, g), "shares of 1 draw,"),
        "three draws": (lambda z, k, g: _sampled_targets(z, 3, g), "shares of 3 draws"),
        "a seed of its own": (
            lambda z, k, g: _sampled_targets(z, k, torch.Generator().manual_seed(0)),
            "seed of your own",
        ),
        "set back": (lambda z, k, g: _sampled_targets(z, k, g.manual_seed(g.initial_seed())), "do not set it back"),
        "drawn evenly, then weighted": (_drawn_evenly, "weighted what was drawn"),
    },
)

# Quiz -----------------------------------------------------------------------------------------------------------

quiz = Quiz(
    Question(
        "A language model reaches 0.02 bits per character on held-out text. What has most likely happened?",
        (
            Option("It is very large.", "No size makes English that predictable. Somebody has told it the answers."),
            Option(
                "It can look ahead: the mask or the shift by one is wrong.",
                "Right. It copies the character that it is to guess.",
                True,
            ),
            Option("The text is too short.", "Then the figure would be uncertain, but not nearly zero."),
        ),
    ),
    Question(
        "Why is T = 1 the temperature for distilling a language model?",
        (
            Option("T² would make the loss too large.", "T² is there to keep its size; and Adam ignores a factor."),
            Option(
                "Soft targets need no softening where the truth itself is uncertain, and the student is judged, and "
                "writes, at T = 1.",
                "Right. Several next characters are possible, and the teacher's share of each is what the student needs.",
                True,
            ),
            Option(
                "Language models have no logits.", "They have: one for each entry of the vocabulary, at every place."
            ),
        ),
    ),
    Question(
        "As transfer text for a language model, greedy text of the teacher is worse than sampled text. Why?",
        (
            Option("It has more mistakes.", "It has fewer: each character is the teacher's likeliest."),
            Option(
                "It shows the same few turns again and again, and nothing of what else is possible.",
                "Right. For translation, with one best answer, Kim & Rush could use the mode. A text has no best answer.",
                True,
            ),
            Option("It takes longer to write.", "Greedy and sampled text take the same time."),
        ),
    ),
    Question(
        "Somebody sets β = 0 in the generalised JSD formula to get the forward KL, and the loss is 0 at once. What now?",
        (
            Option("The student is perfect.", "The formula gives 0 for *every* student there."),
            Option("The learning rate is too high.", "The loss is 0 before the first step."),
            Option(
                "Use the forward KL itself: the formula vanishes at its ends, only its slope there is the KL.",
                "Right. Libraries treat the ends as special cases, so that the value jumps.",
                True,
            ),
        ),
    ),
    Question(
        "You keep the teacher's 5 likeliest of 50 000 tokens, blown up to a sum of 1. What does a student learn from it?",
        (
            Option("The same, only faster.", "It never hears of the other 49 995."),
            Option(
                "To be too sure: rare tokens get nothing, at any place and however much text there is.",
                "Right. That is what bias means. Draws cure it; a bucket at least keeps the sum of the rest.",
                True,
            ),
            Option("Nothing: KL divergence becomes infinite.", "It stays finite: the teacher's zeros have no weight."),
        ),
    ),
)


__getattr__ = former_names(__name__, later_gains="the_students_own_steps", next_character=None)
