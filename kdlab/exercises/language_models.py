"""Exercises of lesson 12, language models."""

import math

import torch
from torch.nn import functional as F

from kdlab.exercises.core import Exercise, Mistake, Option, Question, Quiz

# Most exercises keep their known wrong answers as {name: (function, message)}: the check names an answer's mistake by
# comparing its value with what each of these functions gives for the same arguments.


def _expect(answer, mistakes, *arguments):
    """Remember what each known wrong answer would give."""
    for function, message in mistakes.values():
        answer.is_not(function(*arguments), message)


def _apart(draw, right, mistakes):
    """Arguments from `draw()` for which the right answer and all known wrong ones, one number each, differ clearly."""
    for _ in range(100):
        arguments = draw()
        with torch.no_grad():
            functions = [right, *(function for function, _ in mistakes.values())]
            values = (
                torch.stack([torch.as_tensor(function(*arguments)).float() for function in functions]).sort().values
            )
        if (values.diff() > 3e-4 * values.abs().clamp(min=1)[1:]).all():
            break
    return arguments


def _teacher_stands_still(answer):
    """No gradient flows into the second argument, and the answer has not switched that off in the argument itself."""
    answer.holds(
        answer.arguments[1].requires_grad,
        "You changed the teacher's tensor itself, in place: methods that end in `_` do. `.detach()` without it gives a new "
        "one and leaves the caller's alone.",
    )
    answer.gradient(1).holds(
        answer.gradient(1).value.abs().sum() == 0,
        "A gradient flows into the teacher: it would move towards its student. `.detach()` stops it.",
    )


# 1 --------------------------------------------------------------------------------------------------------------------


def _bits_per_character(logits, ids):
    """Mean of -log2 of the probability of each character of the text but the first; logits (L, V), ids (L,)."""
    log_p = logits.log_softmax(-1)[:-1]
    of_the_next = log_p.gather(-1, ids[1:, None])[:, 0]
    return -of_the_next.mean() / math.log(2)


def _bits_variant(scored=lambda ids: ids[1:], places=slice(None, -1), reduce=lambda x: -x.mean() / math.log(2)):
    def bits_per_character(logits, ids):
        return reduce(logits.log_softmax(-1)[places].gather(-1, scored(ids)[:, None])[:, 0])

    return bits_per_character


_BITS_MISTAKES = {
    "nats": (
        _bits_variant(reduce=lambda x: -x.mean()),
        "Those are nats, of the natural logarithm. A bit is a logarithm to the base 2.",
    ),
    "not shifted": (
        _bits_variant(scored=lambda ids: ids, places=slice(None)),
        "You asked row i about character i, which the model has just read. Row i is its guess of what comes *next*.",
    ),
    "shifted the wrong way": (
        _bits_variant(scored=lambda ids: ids[:-1], places=slice(1, None)),
        "You asked row i + 1 about character i: about the past. Row i is the guess of character i + 1.",
    ),
    "both without the last": (
        _bits_variant(scored=lambda ids: ids[:-1]),
        "Rows and characters are cut alike, both lose their last: row i still meets character i, which it has just read.",
    ),
    "both without the first": (
        _bits_variant(places=slice(1, None)),
        "Rows and characters are cut alike, both lose their first: row i still meets character i, which it has just read.",
    ),
    "round the corner": (
        _bits_variant(scored=lambda ids: ids.roll(-1), places=slice(None)),
        "You moved the text round the corner: the last row is asked about the *first* character. What follows the last "
        "character nobody knows, so that row has no answer.",
    ),
    "a sum": (
        _bits_variant(reduce=lambda x: -x.sum() / math.log(2)),
        "Those are the bits of the whole text. Per character means: the mean.",
    ),
    "divided by all characters": (
        lambda logits, ids: _bits_per_character(logits, ids) * (len(ids) - 1) / len(ids),
        "You divided by all characters. Nobody has guessed the first one.",
    ),
    "no minus": (
        _bits_variant(reduce=lambda x: x.mean() / math.log(2)),
        "The sign is off: logarithms of probabilities are negative, bits are not.",
    ),
    "multiplied": (
        _bits_variant(reduce=lambda x: -x.mean() * math.log(2)),
        "You multiplied by log 2. One bit is log 2 = 0.69 nats, so there are *more* bits than nats.",
    ),
    "log of the mean": (
        _bits_variant(reduce=lambda x: -x.exp().mean().log2()),
        "You took the mean of the probabilities, then the logarithm. Take the mean of the logarithms: characters are coded "
        "one after another.",
    ),
    "perplexity": (
        _bits_variant(reduce=lambda x: (-x.mean()).exp()),
        "That is the perplexity, 2 to the power of the answer. Bits are asked for.",
    ),
}


def _ask_bits_per_character(ask):
    def draw():
        return 2 * torch.randn(9, 5), torch.randint(5, (9,))

    logits, ids = _apart(draw, _bits_per_character, _BITS_MISTAKES)
    answer = ask(logits, ids)
    _expect(answer, _BITS_MISTAKES, logits, ids)
    answer.is_number()
    answer.equals(
        _bits_per_character(logits, ids), "The value is off: log-softmax, pick the next character's, mean, minus."
    )
    fair = ask(torch.zeros(7, 8), torch.randint(8, (7,)))
    fair.equals(3.0, "A model that finds 8 characters alike needs 3 bits for each.")
    sure = ask(torch.eye(4)[torch.tensor([1, 2, 3, 0])] * 300, torch.tensor([0, 1, 2, 3]))
    sure.holds(
        abs(torch.as_tensor(sure.value).item()) < 1e-4,
        "A model that is sure, and right, needs 0 bits. Is it log of softmax? Take `log_softmax`, which cannot overflow.",
    )


bits_per_character = Exercise(
    place=1,
    title="Bits per character",
    minutes=7,
    difficulty="easy",
    reference=_bits_per_character,
    questions=_ask_bits_per_character,
    hints=(
        "Which row of the logits is the guess of `ids[1]`? For which row does the text hold no answer?",
        "`logits.log_softmax(-1)[:-1]` are the guesses that have an answer, `ids[1:]` the answers. `gather` picks one entry "
        "of each row.",
        "`log_p.gather(-1, ids[1:, None])[:, 0]`, then minus the mean, divided by `math.log(2)`.",
    ),
    wrong=_BITS_MISTAKES,
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _causal_attention(queries, keys, values):
    """softmax(queries · keys / √d) · values, (N, heads, L, d); nobody looks ahead. There may be older keys in front."""
    new, everything = queries.shape[2], keys.shape[2]
    scores = queries @ keys.transpose(-1, -2) / queries.shape[-1] ** 0.5
    allowed = torch.ones(new, everything, dtype=torch.bool).tril(everything - new)
    return scores.masked_fill(~allowed, float("-inf")).softmax(-1) @ values


def _causal_variant(
    allowed=lambda new, all_: torch.ones(new, all_, dtype=torch.bool).tril(all_ - new),
    hide=lambda scores, allowed: scores.masked_fill(~allowed, float("-inf")).softmax(-1),
    scale=lambda q: q.shape[-1] ** 0.5,
):
    def causal_attention(queries, keys, values):
        scores = queries @ keys.transpose(-1, -2) / scale(queries)
        return hide(scores, allowed(queries.shape[2], keys.shape[2])) @ values

    return causal_attention


_CAUSAL_MISTAKES = {
    "no mask": (
        _causal_variant(allowed=lambda new, all_: torch.ones(new, all_, dtype=torch.bool)),
        "Everybody sees everything, the answer included. Such a model learns to copy, and cannot write.",
    ),
    "the wrong way round": (
        _causal_variant(allowed=lambda new, all_: torch.ones(new, all_, dtype=torch.bool).triu(all_ - new)),
        "Your tokens see the future and not the past: the triangle is the other one.",
    ),
    "not itself": (
        _causal_variant(
            allowed=lambda new, all_: (
                torch.ones(new, all_, dtype=torch.bool).tril(all_ - new - 1) | (torch.arange(all_) == 0)
            )
        ),
        "Your tokens do not see themselves. A token knows itself: it guesses the one *after* it.",
    ),
    "itself hidden from all": (
        _causal_variant(allowed=lambda new, all_: torch.ones(new, all_, dtype=torch.bool).tril(all_ - new - 1)),
        "Your tokens do not see themselves, so the first sees nothing at all: NaN. A token knows itself: it guesses the "
        "one *after* it.",
    ),
    "hid what may be seen": (
        _causal_variant(hide=lambda scores, allowed: scores.masked_fill(allowed, float("-inf")).softmax(-1)),
        "You hid what may be seen, and left what may not; the last token then sees nothing. `masked_fill` fills where its "
        "mask is True.",
    ),
    "one ahead": (
        _causal_variant(allowed=lambda new, all_: torch.ones(new, all_, dtype=torch.bool).tril(all_ - new + 1)),
        "Each token sees one place ahead: that is the very character which it is to guess.",
    ),
    "the cache forgotten": (
        _causal_variant(allowed=lambda new, all_: torch.ones(new, all_, dtype=torch.bool).tril()),
        "With older keys in front, your mask counts from the wrong end: the *last* new token is the one that sees all. How "
        "far must the triangle be moved?",
    ),
    "scores of zero": (
        _causal_variant(hide=lambda scores, allowed: (scores * allowed).softmax(-1)),
        "You set the scores of the future to 0. A score of 0 is an ordinary score: softmax makes a positive weight of it.",
    ),
    "weights of zero": (
        _causal_variant(hide=lambda scores, allowed: scores.softmax(-1) * allowed),
        "You hid the future after softmax: the weights of a row no longer sum to 1. Hide it before.",
    ),
    "no scale": (
        _causal_variant(scale=lambda q: 1.0),
        "The scores are not divided by √d.",
    ),
    "divided by the root of L": (
        _causal_variant(scale=lambda q: q.shape[-2] ** 0.5),
        "You divided by the root of the number of tokens. d is the width of one head, the last dimension.",
    ),
}


def _ask_causal_attention(ask):
    queries, keys, values = (torch.randn(2, 3, 6, 4) * 1.5 for _ in range(3))
    answer = ask(queries, keys, values)
    _expect(answer, {n: m for n, m in _CAUSAL_MISTAKES.items() if n != "the cache forgotten"}, queries, keys, values)
    answer.is_tensor(values.shape)
    for name, rows in (("itself hidden from all", slice(1, None)), ("hid what may be seen", slice(None, -1))):
        function, message = _CAUSAL_MISTAKES[name]  # elsewhere there is NaN, which equals nothing
        wrong = function(queries, keys, values)[:, :, rows]
        answer.holds(not torch.allclose(answer.value[:, :, rows].to(wrong), wrong, atol=1e-4), message)
    right = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    answer.equals(right, "The result is off. Score, divide, hide the future, softmax, mix: which of the five differs?")
    for new in (1, 2):
        later = ask(queries[:, :, -new:], keys, values)
        function, message = _CAUSAL_MISTAKES["the cache forgotten"]
        later.is_not(function(queries[:, :, -new:], keys, values), message)
        later.is_tensor((2, 3, new, 4))
        later.equals(
            right[:, :, -new:],
            "With more keys than queries the result is off: the queries are those of the *last* tokens.",
        )


causal_attention = Exercise(
    place=2,
    title="No looking ahead",
    minutes=10,
    difficulty="medium",
    reference=_causal_attention,
    questions=_ask_causal_attention,
    hints=(
        "Draw the table of who looks (rows) at whom (columns) for three tokens. Which corner must be empty? And if only the "
        "last of them is new?",
        "`torch.ones(a, b, dtype=torch.bool).tril(k)` is True on and below the k-th diagonal. With as many queries as keys "
        "k is 0; with one query it must let that one see everything.",
        "`allowed = torch.ones(new, everything, dtype=torch.bool).tril(everything - new)`, then "
        "`scores.masked_fill(~allowed, float('-inf')).softmax(-1) @ values`.",
    ),
    wrong=_CAUSAL_MISTAKES,
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _next_character(logits, temperature, generator):
    """One id for each row of logits (N, V): drawn from softmax(logits / temperature); the likeliest if it is 0."""
    if temperature == 0:
        return logits.argmax(-1)
    p = (logits / temperature).softmax(-1)
    return torch.multinomial(p, 1, generator=generator)[:, 0]


def _next_variant(p=lambda logits, t: (logits / t).softmax(-1), greedy=lambda logits: logits.argmax(-1)):
    def next_character(logits, temperature, generator):
        if temperature == 0:
            return greedy(logits)
        return torch.multinomial(p(logits, temperature), 1, generator=generator)[:, 0]

    return next_character


_NEXT_LOGITS = torch.tensor([2.5, 0.5, -0.5, -1.0, 1.2])


def _next_wrong_p(logits, temperature):
    """What the shares of many draws would be, a row for each of the two rows of logits, and the message."""
    p = (logits / temperature).softmax(-1)
    over_the_rows = (logits / temperature).softmax(0)
    return (
        (logits.softmax(-1), "The temperature is not used: the shares of the draws are those of T = 1."),
        (
            (logits * temperature).softmax(-1),
            "You multiplied by the temperature. High temperatures make the draw *wilder*.",
        ),
        (
            (logits.softmax(-1) / temperature).softmax(-1),
            "Softmax was taken twice: divide the *logits* by the temperature.",
        ),
        (p.softmax(-1), "Softmax was taken twice: `multinomial` wants probabilities, and you have them already."),
        (torch.full_like(p, 1 / p.shape[-1]), "All characters come equally often: where are the logits?"),
        (p[:1].expand_as(p), "All rows are drawn from the logits of the first. Each row is a text of its own."),
        (p.mean(0).expand_as(p), "All rows are drawn alike. Each row is a text of its own, with its own logits."),
        (
            over_the_rows / over_the_rows.sum(-1, keepdim=True),
            "Your softmax runs over the rows. Each row is a text of its own: softmax over the last dimension.",
        ),
        (
            F.one_hot(logits.argmax(-1), p.shape[-1]).float(),
            "It is always the likeliest character. *Draw* one, if T is above 0.",
        ),
    )


def _generator_is_used(ask, *arguments):
    """The generator that is handed over makes the draws: equal ones repeat them, another or a used one does not."""
    first, again, other = (ask(*arguments, torch.Generator().manual_seed(seed)).value for seed in (0, 0, 1))
    ask.answers[-1].holds(
        torch.equal(first, again),
        "The same generator gives other draws each time: hand it on to `multinomial`, or nobody can repeat what you got.",
    )
    ask.answers[-1].holds(
        not torch.equal(first, other),
        "Two generators with different seeds give the very same draws: yours come from a seed of your own. Hand the given "
        "generator on to `multinomial`.",
    )
    generator = torch.Generator().manual_seed(0)
    first, second = ask(*arguments, generator).value, ask(*arguments, generator).value
    ask.answers[-1].holds(
        not torch.equal(first, second),
        "Two calls in a row with one generator give the very same draws: every character of a text would get the same "
        "random number. Use the generator as it comes; do not set it back.",
    )


def _ask_next_character(ask):
    logits = _NEXT_LOGITS[torch.randperm(5)]
    logits = torch.stack([logits, logits.roll(1)])  # two kinds of rows
    rows = logits.repeat_interleave(4000, 0)
    for temperature in (0.5, 2.0):
        answer = ask(rows, temperature, torch.Generator().manual_seed(0))
        answer.is_tensor((8000,))
        answer.holds(
            not answer.value.is_floating_point(), "ids are whole numbers; you returned floating-point numbers."
        )
        answer.holds(
            int(answer.value.min()) >= 0 and int(answer.value.max()) < 5,
            "An id must be a column of the logits, 0 to V - 1.",
        )
        answer.holds(
            len(answer.value.unique()) > 1,
            "All rows got the very same character: that is one draw for all. Each row is a text of its own, with a draw of "
            "its own.",
        )
        shares = F.one_hot(answer.value.long(), 5).float().view(2, 4000, 5).mean(1)
        right = (logits / temperature).softmax(-1)
        if (shares - right).abs().max() > 0.05:
            likely = _next_wrong_p(logits, temperature)
            wrong, message = min(likely, key=lambda pair: (shares - pair[0]).abs().max())
            if (shares - wrong).abs().max() < 0.05:
                raise Mistake(message)
            raise Mistake("The shares of 4000 draws are not those of softmax(logits / temperature).", right)
    _generator_is_used(ask, rows, 2.0)
    several = torch.randn(6, 5)
    greedy = ask(several, 0, torch.Generator().manual_seed(0))
    greedy.holds(
        not isinstance(greedy.value, tuple),
        "At temperature 0 you return several things: `max(-1)` gives the largest logits *and* their places. Only the places "
        "are asked for.",
    )
    greedy.is_not(several.amax(-1), "That is the largest logit. The *place* of it is asked for.")
    greedy.is_not(several.argmax(0), "Your argmax runs over the rows. Each row is a text of its own.")
    greedy.is_not(several.argmin(-1), "That is the unlikeliest.")
    greedy.is_tensor()
    greedy.is_tensor((6,) if greedy.value.shape != (5,) else (5,))
    greedy.equals(several.argmax(-1), "At temperature 0 it is the likeliest character of each row.")
    greedy.holds(
        not greedy.value.is_floating_point(),
        "At temperature 0 your ids are floating-point numbers. ids are whole numbers, whatever the temperature.",
    )


next_character = Exercise(
    place=3,
    title="Draw the next character",
    minutes=6,
    difficulty="easy",
    reference=_next_character,
    questions=_ask_next_character,
    hints=(
        "Temperature 0 cannot be divided by: treat it first. For all others, make probabilities and draw.",
        "`torch.multinomial(p, 1, generator=generator)` draws one column for each row of probabilities: shape (N, 1).",
        "`(logits / temperature).softmax(-1)`, then `torch.multinomial(p, 1, generator=generator)[:, 0]`; "
        "`logits.argmax(-1)` if the temperature is 0.",
    ),
    wrong={
        "temperature not used": (_next_variant(p=lambda z, t: z.softmax(-1)), "The temperature is not used"),
        "multiplied": (_next_variant(p=lambda z, t: (z * t).softmax(-1)), "multiplied by the temperature"),
        "softmax twice": (_next_variant(p=lambda z, t: (z / t).softmax(-1).softmax(-1)), "Softmax was taken twice"),
        "always greedy": (lambda z, t, g: z.argmax(-1), "always the likeliest"),
        "uniform": (_next_variant(p=lambda z, t: torch.ones_like(z)), "where are the logits"),
        "no generator": (
            lambda z, t, g: _next_character(z, t, None),
            "other draws each time",
        ),
        "a seed of its own": (
            lambda z, t, g: _next_character(z, t, torch.Generator().manual_seed(0)),
            "a seed of your own",
        ),
        "the global seed": (
            lambda z, t, g: _next_character(z, t, None if torch.manual_seed(0) else g),
            "a seed of your own",
        ),
        "set back": (
            lambda z, t, g: _next_character(z, t, g.manual_seed(g.initial_seed())),
            "do not set it back",
        ),
        "logits of the first row": (
            lambda z, t, g: z.argmax(-1) if t == 0 else _next_character(z[:1].expand_as(z), t, g),
            "drawn from the logits of the first",
        ),
        "one draw for all": (
            lambda z, t, g: z.argmax(-1) if t == 0 else _next_character(z[:1], t, g).repeat(len(z)),
            "one draw for all",
        ),
        "softmax over the rows": (
            _next_variant(p=lambda z, t: (z / t).softmax(0)),
            "softmax runs over the rows",
        ),
        "greedy with max": (_next_variant(greedy=lambda z: z.max(-1)), "Only the places"),
        "greedy as float": (_next_variant(greedy=lambda z: z.argmax(-1).float()), "whatever the temperature"),
        "a column": (
            lambda z, t, g: torch.multinomial((z / max(t, 1e-3)).softmax(-1), 1, generator=g),
            "The shape should be",
        ),
        "divided by zero": (
            lambda z, t, g: torch.multinomial((z / t).softmax(-1), 1, generator=g)[:, 0],
            "stopped with",
        ),
        "the largest logit": (_next_variant(greedy=lambda z: z.amax(-1)), "The *place* of it"),
        "argmax over the rows": (_next_variant(greedy=lambda z: z.argmax(0)), "runs over the rows"),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _word_level_loss(student_logits, teacher_logits, mask):
    """KL(teacher || student) at T = 1, the mean over the places that count; logits (N, L, V), mask bool (N, L)."""
    log_q = student_logits[mask].log_softmax(-1)
    log_p = teacher_logits.detach()[mask].log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean()


def _word_variant(each=lambda log_p, log_q: (log_p.exp() * (log_p - log_q)).sum(-1), reduce=lambda x, m: x[m].mean()):
    def word_level_loss(student_logits, teacher_logits, mask):
        return reduce(each(teacher_logits.detach().log_softmax(-1), student_logits.log_softmax(-1)), mask)

    return word_level_loss


_WORD_MISTAKES = {
    "reverse": (
        _word_variant(each=lambda log_p, log_q: (log_q.exp() * (log_q - log_p)).sum(-1)),
        "That is KL(student || teacher). The weights are the *teacher's* probabilities here.",
    ),
    "cross-entropy": (
        _word_variant(each=lambda log_p, log_q: -(log_p.exp() * log_q).sum(-1)),
        "That is the cross-entropy: KL plus the teacher's entropy. Training is the same, but a perfect student's loss would "
        "not be 0.",
    ),
    "no mask": (_word_variant(reduce=lambda x, m: x.mean()), "All places count alike: the mask is not used."),
    "divided by all places": (
        _word_variant(reduce=lambda x, m: (x * m).mean()),
        "The places that do not count are 0, but the mean still divides by *all* places.",
    ),
    "text by text": (
        _word_variant(reduce=lambda x, m: ((x * m).sum(1) / m.sum(1)).mean()),
        "You took the mean of each text first. Then a character of a short text weighs more than one of a long one.",
    ),
    "divided by the texts": (
        _word_variant(reduce=lambda x, m: x[m].sum() / len(m)),
        "You divided by the number of texts (`batchmean` does): long texts would cost more. Divide by the characters that "
        "count.",
    ),
    "a sum": (
        _word_variant(reduce=lambda x, m: x[m].sum()),
        "That is the sum. Take the mean over the places that count.",
    ),
    "divided by the vocabulary": (
        _word_variant(each=lambda log_p, log_q: (log_p.exp() * (log_p - log_q)).mean(-1)),
        "You took the mean over the vocabulary (`reduction='mean'` does). KL is a *sum* over the vocabulary.",
    ),
    "the others": (
        _word_variant(reduce=lambda x, m: x[~m].mean()),
        "You took the places that do *not* count. The mask is True where a place counts.",
    ),
    "T = 2": (
        lambda s, t, m: _word_level_loss(s / 2, t / 2, m),
        "Your logits are divided by 2: the temperature is 1 here.",
    ),
    "T = 2, with T²": (
        lambda s, t, m: 4 * _word_level_loss(s / 2, t / 2, m),
        "That is lesson 04's loss at T = 2, with T² in front: the temperature is 1 here.",
    ),
    "argmax": (
        _word_variant(each=lambda log_p, log_q: -log_q.gather(-1, log_p.argmax(-1, keepdim=True))[..., 0]),
        "You took the teacher's likeliest character as a label. Its whole distribution is the target.",
    ),
}


def _ask_word_level_loss(ask):
    mask = torch.arange(6) < torch.tensor([6, 2, 4])[:, None]

    def draw():
        return *(1.5 * torch.randn(3, 6, 5, requires_grad=True) for _ in range(2)), mask

    student, teacher, _ = _apart(draw, _word_level_loss, _WORD_MISTAKES)
    student, teacher = (x.detach().requires_grad_() for x in (student, teacher))
    answer = ask(student, teacher, mask)
    _expect(answer, _WORD_MISTAKES, student, teacher, mask)
    answer.is_number()
    answer.equals(
        _word_level_loss(student, teacher, mask),
        "The value is off: two log-softmaxes, sum over the vocabulary, mean over the places that count.",
    )
    answer.gradient(0)
    _teacher_stands_still(answer)
    same = ask(teacher, teacher, mask)
    same.holds(
        abs(torch.as_tensor(same.value).item()) < 1e-5, "A student that says what its teacher says has a loss of 0."
    )


word_level_loss = Exercise(
    place=4,
    title="What the teacher expects next",
    minutes=7,
    difficulty="medium",
    reference=_word_level_loss,
    questions=_ask_word_level_loss,
    hints=(
        "It is lesson 02's KL divergence, at every place of every text. Which places count, and by what must the sum be "
        "divided?",
        "`logits[mask]` keeps the places that count, as rows (M, V): after that there are no texts, only places.",
        "`log_p.exp() * (log_p - log_q)`, `.sum(-1)` over the vocabulary, `.mean()` over the rows; `teacher_logits.detach()`.",
    ),
    wrong={
        **_WORD_MISTAKES,
        "teacher moves": (
            lambda s, t, m: F.kl_div(
                s[m].log_softmax(-1), t[m].log_softmax(-1), log_target=True, reduction="batchmean"
            ),
            "flows into the teacher",
        ),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _jensen_shannon_divergence(student_logits, teacher_logits, beta):
    """β KL(teacher || m) + (1 - β) KL(student || m) with m = β teacher + (1 - β) student, the mean over all places."""
    log_q, log_p = student_logits.log_softmax(-1), teacher_logits.detach().log_softmax(-1)
    log_m = torch.logaddexp(log_p + math.log(beta), log_q + math.log(1 - beta))  # of the mixture, never log 0
    to_teacher = (log_p.exp() * (log_p - log_m)).sum(-1)
    to_student = (log_q.exp() * (log_q - log_m)).sum(-1)
    return (beta * to_teacher + (1 - beta) * to_student).mean()


def _kl(p, q):
    return torch.xlogy(p, p / q).sum(-1)


def _jsd_variant(mix=lambda p, q, b: b * p + (1 - b) * q, join=lambda p, q, m, b: b * _kl(p, m) + (1 - b) * _kl(q, m)):
    def jensen_shannon_divergence(student_logits, teacher_logits, beta):
        q, p = student_logits.softmax(-1), teacher_logits.detach().softmax(-1)
        return join(p, q, mix(p, q, beta), beta).mean()

    return jensen_shannon_divergence


_JSD_MISTAKES = {
    "mixture the other way": (
        _jsd_variant(mix=lambda p, q, b: b * q + (1 - b) * p),
        "In your mixture the two are swapped: β belongs to the teacher, 1 - β to the student.",
    ),
    "weights the other way": (
        _jsd_variant(join=lambda p, q, m, b: (1 - b) * _kl(p, m) + b * _kl(q, m)),
        "The weights in front of the two divergences are swapped: β belongs to the teacher's.",
    ),
    "both the other way": (
        lambda s, t, beta: _jensen_shannon_divergence(s, t, 1 - beta),
        "Student and teacher have changed places, in the mixture and in the weights. (At β = ½ nobody would notice.)",
    ),
    "half mixture": (
        _jsd_variant(mix=lambda p, q, b: (p + q) / 2),
        "Your mixture is half and half, whatever β is.",
    ),
    "half weights": (
        _jsd_variant(join=lambda p, q, m, b: (_kl(p, m) + _kl(q, m)) / 2),
        "The weights of the two divergences are half and half, whatever β is.",
    ),
    "no weights": (
        _jsd_variant(join=lambda p, q, m, b: _kl(p, m) + _kl(q, m)),
        "The two divergences are added without their weights β and 1 - β.",
    ),
    "turned round": (
        _jsd_variant(join=lambda p, q, m, b: b * _kl(m, p) + (1 - b) * _kl(m, q)),
        "Your divergences run from the mixture. They run *to* it: KL(teacher || m), KL(student || m).",
    ),
    "no mixture": (
        _jsd_variant(join=lambda p, q, m, b: b * _kl(p, q) + (1 - b) * _kl(q, p)),
        "You weighted forward and reverse KL. Both must be measured against the *mixture*, which is never 0 where one of "
        "them is not.",
    ),
    "mixed logits": (
        lambda s, t, beta: _jsd_variant(mix=lambda p, q, b: (b * t + (1 - b) * s).softmax(-1))(s, t, beta),
        "You mixed the logits. Mix the *probabilities*.",
    ),
    "mixed logarithms": (
        _jsd_variant(mix=lambda p, q, b: (b * p.log() + (1 - b) * q.log()).exp()),
        "You mixed the logarithms. Mix the *probabilities*, then take the logarithm.",
    ),
    "mean over the vocabulary": (
        lambda s, t, beta: _jensen_shannon_divergence(s, t, beta) / s.shape[-1],
        "You took the mean over the vocabulary, too. A divergence is a *sum* over the vocabulary.",
    ),
    "a sum": (
        lambda s, t, beta: _jensen_shannon_divergence(s, t, beta) * s[..., 0].numel(),
        "That is the sum over all places. Take the mean.",
    ),
    "divided by the texts": (
        lambda s, t, beta: _jensen_shannon_divergence(s, t, beta) * s.shape[1],
        "You divided by the number of texts alone, the first dimension (`batchmean` does). Take the mean over *all* places.",
    ),
}


def _ask_jensen_shannon_divergence(ask):
    def draw():
        return *(2 * torch.randn(3, 4, 5) for _ in range(2)), 0.3

    student, teacher, beta = _apart(draw, _jensen_shannon_divergence, _JSD_MISTAKES)
    student.requires_grad_()
    teacher.requires_grad_()
    answer = ask(student, teacher, beta)
    _expect(answer, _JSD_MISTAKES, student, teacher, beta)
    answer.is_number()
    answer.equals(
        _jensen_shannon_divergence(student, teacher, beta),
        "The value is off: probabilities, their mixture, two divergences to it, weighted with β and 1 - β.",
    )
    _teacher_stands_still(answer)
    one, other = ask(student, teacher, 0.5), ask(teacher, student, 0.5)
    one.holds(
        torch.allclose(torch.as_tensor(one.value), torch.as_tensor(other.value), atol=1e-5),
        "At β = ½ student and teacher may change places. Yours cares.",
    )
    far = ask(200 * torch.eye(2)[:1], 200 * torch.eye(2)[1:], 0.5)
    far.holds(
        torch.as_tensor(far.value).isfinite(),
        "Where both are sure of different characters, your result is not finite: 0 · log 0. Stay with `log_softmax` for the "
        "logarithms of student and teacher.",
    )
    far.holds(
        abs(torch.as_tensor(far.value).item() - math.log(2)) < 1e-3,
        "Two that never agree are log 2 apart at β = ½. Yours says otherwise.",
    )


jensen_shannon_divergence = Exercise(
    place=5,
    title="Between forward and reverse",
    minutes=10,
    difficulty="medium",
    reference=_jensen_shannon_divergence,
    questions=_ask_jensen_shannon_divergence,
    hints=(
        "First the mixture: a distribution again, with β of the teacher. Then each of the two is compared with it.",
        "Mix probabilities, not logits. Then two KL divergences *to* the mixture, each a sum over the vocabulary. "
        "`log_softmax` gives the logarithms of both without any log 0.",
        "`m = beta * log_p.exp() + (1 - beta) * log_q.exp()`, then `(log_p.exp() * (log_p - m.log())).sum(-1)` with weight "
        "beta, and the same with `log_q` and weight `1 - beta`; `.mean()` at the end. Safest: `torch.logaddexp` gives log m "
        "from `log_p + math.log(beta)` and `log_q + math.log(1 - beta)`.",
    ),
    wrong={
        **_JSD_MISTAKES,
        "0 log 0": (
            _jsd_variant(
                join=lambda p, q, m, b: b * (p * (p / m).log()).sum(-1) + (1 - b) * (q * (q / m).log()).sum(-1)
            ),
            "0 · log 0",
        ),
        "teacher moves": (
            lambda s, t, beta: (
                beta * _kl(t.softmax(-1), beta * t.softmax(-1) + (1 - beta) * s.softmax(-1))
                + (1 - beta) * _kl(s.softmax(-1), beta * t.softmax(-1) + (1 - beta) * s.softmax(-1))
            ).mean(),
            "flows into the teacher",
        ),
    },
)

# 6 --------------------------------------------------------------------------------------------------------------------


def _later_gains(log_p, log_q):
    """For each token of each text (N, L): the sum of log p - log q over all tokens *after* it."""
    gains = log_p - log_q.detach()
    return gains.sum(-1, keepdim=True) - gains.cumsum(-1)


_GAINS_MISTAKES = {
    "with itself": (
        lambda p, q: (p - q).flip(-1).cumsum(-1).flip(-1),
        "You counted the token itself, too. What it earns at once stands in the divergence already: only *later* tokens "
        "count.",
    ),
    "the past": (
        lambda p, q: (p - q).cumsum(-1) - (p - q),
        "Those are the gains *before* each token. It cannot have caused them.",
    ),
    "the past with itself": (
        lambda p, q: (p - q).cumsum(-1),
        "Those are the gains up to each token. Only what comes *after* it can be its doing.",
    ),
    "sign": (
        lambda p, q: -((p - q).flip(-1).cumsum(-1).flip(-1) - (p - q)),
        "The sign is off: it is good if the teacher likes what came later *better* than the student does.",
    ),
    "everything": (
        lambda p, q: (p - q).sum(-1, keepdim=True).expand_as(p),
        "Every token gets the gain of the whole text: the past, which only adds noise, and its own, which the divergence "
        "has counted already. Only *later* tokens count.",
    ),
    "over the texts": (
        lambda p, q: (p - q).sum(0) - (p - q).cumsum(0),
        "Your sum runs over the texts. Each row is a text of its own: sum along the last dimension.",
    ),
    "the next only": (
        lambda p, q: F.pad((p - q)[:, 1:], (0, 1)),
        "You took the next token only. Sum over *all* later ones.",
    ),
    "teacher alone": (
        lambda p, q: p.sum(-1, keepdim=True) - p.cumsum(-1),
        "You left out log q. Without it the best student writes nothing but the teacher's likeliest text.",
    ),
    "a mean": (
        lambda p, q: (
            ((p - q).sum(-1, keepdim=True) - (p - q).cumsum(-1)) / torch.arange(p.shape[1] - 1, -1, -1).clamp(min=1)
        ),
        "You took the mean of the later gains. It is their sum: the divergence of a text is the sum over its tokens.",
    ),
}


def _ask_later_gains(ask):
    log_p, log_q = (-3 * torch.rand(3, 6) for _ in range(2))
    log_q.requires_grad_()
    answer = ask(log_p, log_q)
    with torch.no_grad():
        _expect(answer, _GAINS_MISTAKES, log_p, log_q)
    answer.is_tensor((3, 6))
    answer.equals(
        _later_gains(log_p, log_q), "The value is off: for each token, the sum of log p - log q of all later ones."
    )
    answer.holds(
        answer.arguments[1].requires_grad,
        "You changed `log_q` itself, in place: methods that end in `_` do. The loss still needs its gradient. `.detach()` "
        "without it gives a new tensor and leaves the caller's alone.",
    )
    answer.holds(
        not answer.value.requires_grad,
        "A gradient flows into the gains. They say how good a token *was*: numbers, like marks in school. `.detach()`.",
    )


later_gains = Exercise(
    place=6,
    title="What came of it",
    minutes=8,
    difficulty="hard",
    reference=_later_gains,
    questions=_ask_later_gains,
    hints=(
        "Write the gains of a text of four tokens on paper, and below each the sum of those to its right. What stands below "
        "the last?",
        "`gains.cumsum(-1)` sums from the left, up to and with each token. What must be taken from the whole sum?",
        "`gains = log_p - log_q.detach()`, then `gains.sum(-1, keepdim=True) - gains.cumsum(-1)`.",
    ),
    wrong={
        **{name: (lambda p, q, f=f: f(p, q.detach()), message) for name, (f, message) in _GAINS_MISTAKES.items()},
        "gradient": (
            lambda p, q: (p - q).sum(-1, keepdim=True) - (p - q).cumsum(-1),
            "A gradient flows into the gains",
        ),
        "detached in place": (lambda p, q: _later_gains(p, q.detach_()), "changed `log_q` itself"),
    },
    praise="Well done. To the divergence a loss adds `-(later_gains(log_p, log_q) * log_q).mean()`.",
)

# 7 --------------------------------------------------------------------------------------------------------------------


def _bucket_divergence(student_logits, ids, log_probabilities):
    """KL(teacher || student) if only k of the teacher's log-probabilities (N, k) are kept; one bucket for the rest."""
    p, log_q = log_probabilities.exp(), student_logits.log_softmax(-1)
    kept = (p * (log_probabilities - log_q.gather(-1, ids))).sum(-1)
    if ids.shape[-1] == student_logits.shape[-1]:
        return kept.mean()  # all are kept: the bucket is empty
    rest_p = (1 - p.sum(-1)).clamp(min=0)  # rounding may leave less than nothing
    log_rest_q = log_q.scatter(-1, ids, float("-inf")).logsumexp(-1)  # the others, added up; 1 - sum would round to 0
    return (kept + torch.xlogy(rest_p, rest_p) - rest_p * log_rest_q).mean()


def _bucket_variant(
    rest=lambda P, Q: torch.xlogy(P, P / Q),
    keep=lambda p, log_q: p * (p.log() - log_q),
    left=lambda p: 1 - p.sum(-1),
    pick=lambda z, ids: z.log_softmax(-1).gather(-1, ids),
):
    def bucket_divergence(student_logits, ids, log_probabilities):
        p, log_q = log_probabilities.exp(), pick(student_logits, ids)
        return (keep(p, log_q).sum(-1) + rest(left(p), left(log_q.exp()))).mean()

    return bucket_divergence


def _bucket_unguarded(student_logits, ids, log_probabilities, rest):
    """Sound for sure students, but not if all characters are kept."""
    p, log_q = log_probabilities.exp(), student_logits.log_softmax(-1)
    P, others = (1 - p.sum(-1)).clamp(min=0), log_q.scatter(-1, ids, float("-inf")).logsumexp(-1)
    return ((p * (log_probabilities - log_q.gather(-1, ids))).sum(-1) + rest(P) - P * others).mean()


_BUCKET_MISTAKES = {
    "no bucket": (
        _bucket_variant(rest=lambda P, Q: 0 * P),
        "The rest is left out. Then the best student gives the k characters *everything* and never writes a rare one.",
    ),
    "renormalised": (
        lambda z, ids, log_p: (
            (log_p.softmax(-1) * (log_p.log_softmax(-1) - z.log_softmax(-1).gather(-1, ids))).sum(-1).mean()
        ),
        "You blew the k probabilities up to a sum of 1, as if the teacher thought nothing else possible. What is left over "
        "belongs into a bucket.",
    ),
    "both renormalised": (
        lambda z, ids, log_p: (
            (log_p.softmax(-1) * (log_p.log_softmax(-1) - z.gather(-1, ids).log_softmax(-1))).sum(-1).mean()
        ),
        "You compare the two among the k characters only. A student that puts all its trust elsewhere would be perfect.",
    ),
    "student's softmax over the k": (
        _bucket_variant(pick=lambda z, ids: z.gather(-1, ids).log_softmax(-1) - 1e-3),
        "Your softmax runs over the k kept logits. First softmax over the whole vocabulary, then pick.",
    ),
    "student's rest missing": (
        _bucket_variant(rest=lambda P, Q: torch.xlogy(P, P)),
        "In the bucket you have the teacher's rest alone. The student has a rest, too: P log(P / Q).",
    ),
    "bucket the wrong way": (
        _bucket_variant(rest=lambda P, Q: torch.xlogy(Q, Q / P)),
        "The bucket is the wrong way round: it is one more class, so P log(P / Q) with the *teacher's* P in front.",
    ),
    "bucket without weight": (
        _bucket_variant(rest=lambda P, Q: (P / Q).log()),
        "The bucket's logarithm lacks its weight: P log(P / Q).",
    ),
    "spread": (
        lambda z, ids, log_p: _spread(z, ids, log_p),
        "You spread the rest evenly over the other characters. Nobody knows how it was shared out; the bucket does not "
        "pretend to.",
    ),
    "reverse": (
        _bucket_variant(keep=lambda p, log_q: log_q.exp() * (log_q - p.log()), rest=lambda P, Q: torch.xlogy(Q, Q / P)),
        "That is KL(student || teacher). The weights are the teacher's.",
    ),
    "a sum": (
        lambda z, ids, log_p: _bucket_divergence(z, ids, log_p) * len(z),
        "That is the sum over the places. Take the mean.",
    ),
}


def _spread(student_logits, ids, log_probabilities):
    others = student_logits.shape[-1] - ids.shape[-1]
    rest = (1 - log_probabilities.exp().sum(-1, keepdim=True)) / others
    p = rest.expand_as(student_logits).scatter(-1, ids, log_probabilities.exp())
    return (p * (p.log() - student_logits.log_softmax(-1))).sum(-1).mean()


def _ask_bucket_divergence(ask):
    def draw():
        log_p, ids = (1.5 * torch.randn(7, 9)).log_softmax(-1).topk(3)
        return 1.5 * torch.randn(7, 9, requires_grad=True), ids, log_p

    student, ids, log_p = _apart(draw, _bucket_divergence, _BUCKET_MISTAKES)
    student = student.detach().requires_grad_()
    answer = ask(student, ids, log_p)
    with torch.no_grad():
        _expect(answer, _BUCKET_MISTAKES, student, ids, log_p)
    answer.is_number()
    answer.equals(
        _bucket_divergence(student, ids, log_p),
        "The value is off: the sum over the k kept, plus P log(P / Q) for what is left over.",
    )
    (slope,) = torch.autograd.grad(_bucket_divergence(student, ids, log_p), student)
    answer.gradient(0).equals(
        slope,
        "The value is right, its gradient is not: a part of the student's probabilities is cut off. Is there a `.detach()`, "
        "`.data` or `no_grad()` too many? The student's rest must move, too.",
        1e-3,
    )
    _ask_at_the_edges(ask)
    teacher = 1.5 * torch.randn(7, 9)
    log_p, ids = teacher.log_softmax(-1).topk(3)
    same = ask(teacher, ids, log_p)
    same.holds(
        abs(torch.as_tensor(same.value).item()) < 1e-4, "A student that says what its teacher says has a loss of 0."
    )


def _ask_at_the_edges(ask):
    """Sure students, sure teachers, and nothing left over."""
    log_p, ids = (1.5 * torch.randn(50, 9)).log_softmax(-1).topk(3)
    noise = torch.randn(50, 9)
    rather = ask(noise + 9.0 * torch.zeros(50, 9).scatter(-1, ids, 1.0), ids, log_p)
    rather.equals(
        _bucket_divergence(noise + 9.0 * torch.zeros(50, 9).scatter(-1, ids, 1.0), ids, log_p),
        "For a student that leaves little for the rest (Q of about 0.0003) the value is off. Is its rest held above some "
        "larger number?",
        1e-2,
    )
    sure = ask(noise + 30.0 * torch.zeros(50, 9).scatter(-1, ids[:, :1], 1.0), ids, log_p)
    sure.holds(
        torch.as_tensor(sure.value).isfinite(),
        "For a student that is very sure of a kept character your loss is not finite: 1 minus the sum rounds to 0, and the "
        "logarithm breaks. Its rest is tiny, not 0: add up the *others* instead. `logsumexp` does so with logarithms.",
    )
    kept = torch.arange(9) < 3
    log_p, ids = (torch.randn(400, 9) + 17.0 * kept).log_softmax(-1).topk(3)
    certain = ask(torch.randn(400, 9), ids, log_p)
    certain.holds(
        torch.as_tensor(certain.value).isfinite(),
        "For a teacher that is very sure your loss is not finite: rounding leaves 0, or a little less than 0, for its rest. "
        "See that it is not negative, and that 0 · log 0 is 0 (`torch.xlogy` does that).",
    )
    log_p, ids = (1.5 * torch.randn(50, 9)).log_softmax(-1).topk(9)
    every = ask(noise, ids, log_p)
    every.equals(
        (log_p.exp() * (log_p - noise.log_softmax(-1).gather(-1, ids))).sum(-1).mean(),
        "If *all* characters are kept nothing is left over: then it is the full KL. Take care of an empty bucket's "
        "logarithm.",
    )


bucket_divergence = Exercise(
    place=7,
    title="The rest in a bucket",
    minutes=12,
    difficulty="hard",
    reference=_bucket_divergence,
    questions=_ask_bucket_divergence,
    hints=(
        "Pretend that the vocabulary has k + 1 entries: the k that were kept, and “anything else”. What are teacher's and "
        "student's probability of “anything else”?",
        "Softmax of the student over its whole vocabulary, `gather` for the k ids; 1 minus the sum is what is left over, for "
        "each of the two. It rounds to 0 where a student is sure: the others, added up, do not.",
        "`(p * (log_probabilities - log_q.gather(-1, ids))).sum(-1)` for the kept. For the bucket "
        "`rest_p = (1 - p.sum(-1)).clamp(min=0)` and `log_rest_q = log_q.scatter(-1, ids, float('-inf')).logsumexp(-1)`: "
        "`torch.xlogy(rest_p, rest_p) - rest_p * log_rest_q`, unless k is all. Add, then the mean.",
    ),
    wrong={
        **_BUCKET_MISTAKES,
        "no gradient": (lambda z, ids, log_p: _bucket_divergence(z.detach(), ids, log_p), "No gradient flows"),
        "rest detached": (_bucket_variant(rest=lambda P, Q: torch.xlogy(P, P / Q.detach())), "gradient is not"),
        "rest held up": (
            _bucket_variant(rest=lambda P, Q: torch.xlogy(P, P / Q.clamp(min=1e-3))),
            "held above some",
        ),
        "1 minus the sum": (_bucket_variant(), "very sure of a kept character"),
        "teacher's rest rounded": (
            lambda z, ids, log_p: _bucket_unguarded(z, ids, log_p, rest=lambda P: P * P.log()),
            "rounding leaves 0",
        ),
        "empty bucket": (
            lambda z, ids, log_p: _bucket_unguarded(z, ids, log_p, rest=lambda P: torch.xlogy(P, P)),
            "empty bucket",
        ),
    },
)

# 8 --------------------------------------------------------------------------------------------------------------------


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


def _ask_sampled_targets(ask):
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5])[torch.randperm(5)]
    logits = torch.stack([logits, logits.roll(1)])  # two kinds of rows
    p, rows = logits.softmax(-1), logits.repeat_interleave(6000, 0)

    def means(weights):
        return weights.view(2, 6000, 5).mean(1)

    one = ask(logits.repeat(2, 1), 3, torch.Generator().manual_seed(0))
    one.is_tensor((4, 5))
    answer = ask(rows, 3, torch.Generator().manual_seed(1))
    answer.is_tensor((12000, 5))
    answer.holds(answer.value.is_floating_point(), "The weights must be floating-point numbers: shares of the draws.")
    w = answer.value.float()
    sums, mean = w.sum(-1), means(w)
    answer.holds(
        not torch.allclose(sums, torch.full_like(sums, 3.0)), "Your rows sum to 3, the number of draws: divide by it."
    )
    answer.holds(
        (means(w) - p).abs().max() > 1e-4 or (w - rows.softmax(-1)).abs().max() > 0.01,
        "Those are the teacher's probabilities themselves. They are what is too much to keep.",
    )
    top = torch.zeros(2, 5).scatter(1, logits.topk(3).indices, 1.0)
    answer.holds(
        not ((w != 0).float() == top.repeat_interleave(6000, 0)).all(),
        "You keep the likeliest three each time. The rare ones never come, so the mean is wrong: *draw*.",
    )
    answer.holds(
        (w - w[0]).abs().max() > 1e-3,
        "All rows got the very same draws. Each row has logits of its own, and needs draws of its own.",
    )
    weighted = means(_weights_of_the_drawn(rows, 3, torch.Generator().manual_seed(2)))
    answer.holds(
        (mean - weighted).abs().max() > 0.02,
        "You weighted what was drawn with its probability. The likely ones come more often *already*: counted twice, they "
        "end up too heavy. A draw is worth 1 / draws, whatever it hit.",
    )
    once = torch.zeros_like(rows).scatter(-1, _draw(rows, 3, None), 1.0)
    answer.holds(
        (mean - means(once / once.sum(-1, keepdim=True))).abs().max() > 0.02,
        "A character that was drawn twice counts once in yours. Count each draw: `scatter_add`, not `scatter`.",
    )
    whole = torch.allclose(sums, torch.ones_like(sums), atol=1e-3)
    answer.holds(
        whole or (mean - p).abs().max() > 0.04,
        "Right on average, but your rows do not sum to 1. Asked are the *shares of the draws*: draw from the softmax, then "
        "each draw is worth 1 / draws.",
    )
    answer.holds(whole, "Each row must sum to 1: the shares of all draws together.")
    answer.holds(
        (w * 3 - (w * 3).round()).abs().max() < 1e-2,
        "With 3 draws, a weight is 0, 1/3, 2/3 or 1: the share of the draws.",
    )
    without = torch.zeros_like(rows).scatter(-1, _draw(rows, 3, None, replacement=False), 1 / 3)
    answer.holds(
        (mean - means(without)).abs().max() > 0.02,
        "No character comes twice: you drew without replacement, so the rare ones come too often. `replacement=True`.",
    )
    answer.holds(
        (mean - 0.2).abs().max() > 0.05, "All characters come equally often: where is the softmax of the logits?"
    )
    answer.holds(
        (mean - p[0]).abs().max() > 0.03,
        "All rows are drawn from the softmax of the first. Each row has logits of its own.",
    )
    answer.holds((mean - p).abs().max() < 0.03, "The mean over 6000 places is not softmax(logits).")
    for draws in (2, 5):
        fewer = ask(rows, draws, torch.Generator().manual_seed(3))
        fewer.is_tensor((12000, 5))
        w = fewer.value.float()
        fewer.holds(
            ((w > 0).sum(-1) > 1).any(),
            f"Each row has a single character, though `draws` is {draws}: you drew once. Draw as often as `draws` says.",
        )
        fewer.holds(
            (w * draws - (w * draws).round()).abs().max() < 1e-2
            and torch.allclose(w.sum(-1), torch.ones(12000), atol=1e-3),
            f"With `draws` = {draws} the weights are not shares of {draws} draws. Is a number fixed in your function?",
        )
    _generator_is_used(ask, rows, 3)


sampled_targets = Exercise(
    place=8,
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
        "each once": (
            lambda z, k, g: (lambda s: s / s.sum(-1, keepdim=True))(
                torch.zeros_like(z).scatter(-1, _draw(z, k, g), 1.0)
            ),
            "drawn twice counts once",
        ),
        "without replacement": (
            lambda z, k, g: torch.zeros_like(z).scatter(-1, _draw(z, k, g, replacement=False), 1 / k),
            "without replacement",
        ),
        "counts": (
            lambda z, k, g: torch.zeros_like(z).scatter_add(-1, _draw(z, k, g), torch.ones(len(z), k)),
            "sum to 3",
        ),
        "probabilities": (lambda z, k, g: z.softmax(-1), "the teacher's probabilities themselves"),
        "uniform": (
            lambda z, k, g: _sampled_targets(torch.zeros_like(z), k, g),
            "where is the softmax",
        ),
        "ids": (lambda z, k, g: _draw(z, k, g), "The shape should be"),
        "no generator": (lambda z, k, g: _sampled_targets(z, k, None), "other draws each time"),
        "top k, alike": (
            lambda z, k, g: torch.zeros_like(z).scatter(-1, z.topk(k).indices, 1 / k),
            "keep the likeliest three",
        ),
        "softmax of the first row": (
            lambda z, k, g: _sampled_targets(z[:1].expand_as(z), k, g),
            "from the softmax of the first",
        ),
        "same draws for all": (
            lambda z, k, g: _sampled_targets(z[:1], k, g).expand_as(z),
            "the very same draws",
        ),
        "one draw": (lambda z, k, g: _sampled_targets(z, 1, g), "you drew once"),
        "three draws": (lambda z, k, g: _sampled_targets(z, 3, g), "a number fixed"),
        "a seed of its own": (
            lambda z, k, g: _sampled_targets(z, k, torch.Generator().manual_seed(0)),
            "a seed of your own",
        ),
        "set back": (lambda z, k, g: _sampled_targets(z, k, g.manual_seed(g.initial_seed())), "do not set it back"),
        "drawn evenly, then weighted": (_drawn_evenly, "shares of the draws"),
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
