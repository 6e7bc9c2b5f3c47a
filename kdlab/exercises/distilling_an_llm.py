"""Exercises of lesson 13, distilling an LLM."""

import math
from collections import Counter

import torch

from kdlab.exercises.core import Exercise, Option, Question, Quiz

# Known wrong answers are kept as {name: (function, message)}: a check names an answer's mistake by comparing its value
# with what each of these functions gives for the same arguments.


def _expect(answer, mistakes, *arguments):
    """Remember what each known wrong answer would give."""
    for function, message in mistakes.values():
        answer.is_not(function(*arguments), message)


def _apart(draw, right, mistakes):
    """Arguments from `draw()` for which the right answer and all known wrong ones, one number each, differ clearly."""
    for _ in range(200):
        arguments = draw()
        functions = [right, *(function for function, _ in mistakes.values())]
        values = sorted(float(function(*arguments)) for function in functions)
        if all(b - a > 1e-3 * max(1.0, abs(b)) for a, b in zip(values, values[1:], strict=False)):
            break
    return arguments


def _some_text(length, vocabulary=6):
    """A text of ids in which things repeat."""
    return torch.randint(vocabulary, (length,)).tolist()


def _grams(tokens, n):
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


# 1 --------------------------------------------------------------------------------------------------------------------


def _trim(probabilities, kept):
    """(what is left of each distribution (L, V) on the ids `kept` (K,), summing to 1 again; how much of it went (L,))."""
    part = probabilities[:, kept]
    total = part.sum(1)
    return part / total[:, None], 1 - total


_TRIM_MISTAKES = {
    "not renormalised": (
        lambda p, kept: (p[:, kept], 1 - p[:, kept].sum(1)),
        "Your rows sum to less than 1: what went has not been shared out among those that stay.",
    ),
    "softmax of probabilities": (
        lambda p, kept: (p[:, kept].softmax(1), 1 - p[:, kept].sum(1)),
        "You took softmax of probabilities: that makes them nearly equal. Softmax is for logits; here, divide.",
    ),
    "divided by the whole table's sum": (
        lambda p, kept: (p[:, kept] / p[:, kept].sum(), 1 - p[:, kept].sum(1)),
        "You divided by the sum of the whole table. Each row is a distribution of its own.",
    ),
    "divided by the columns' sums": (
        lambda p, kept: (p[:, kept] / p[:, kept].sum(0), 1 - p[:, kept].sum(1)),
        "You divided by the sums of the columns. A row, the distribution at one place, must sum to 1.",
    ),
    "the lost part added evenly": (
        lambda p, kept: (p[:, kept] + (1 - p[:, kept].sum(1, keepdim=True)) / len(kept), 1 - p[:, kept].sum(1)),
        "You shared out what went *evenly*. Then the ratios of those that stay change. What keeps the ratios?",
    ),
    "the largest made 1": (
        lambda p, kept: (p[:, kept] / p[:, kept].amax(1, keepdim=True), 1 - p[:, kept].sum(1)),
        "You divided by the largest entry. Divide by the sum.",
    ),
    "the first K": (
        lambda p, kept: _trim(p, torch.arange(len(kept))),
        "You kept the *first* K entries. `kept` says which ones, in the order of the new vocabulary.",
    ),
    "kept in the old order": (
        lambda p, kept: _trim(p, kept.sort().values),
        "Your columns are in the order of the old ids. Entry j of the new vocabulary is the old id kept[j].",
    ),
    "what stays instead of what goes": (
        lambda p, kept: (_trim(p, kept)[0], p[:, kept].sum(1)),
        "The second result is how much *stays*. Return how much went.",
    ),
    "the mean of what went": (
        lambda p, kept: (_trim(p, kept)[0], (1 - p[:, kept].sum(1)).mean()),
        "The second result is a single number: give one for each place.",
    ),
    "the columns that go": (
        lambda p, kept: _trim(p, torch.tensor([i for i in range(p.shape[1]) if i not in kept.tolist()])),
        "Your columns are the ones that go. `kept` holds the ids that *stay*.",
    ),
}


def _ask_trim(ask):
    logits = torch.randn(5, 12) * 1.5
    kept = torch.randperm(12)[:7]
    probabilities = logits.softmax(1)
    answer = ask(probabilities, kept)
    answer.is_sequence(2, "what is left, how much went")
    right = _trim(probabilities, kept)
    first, second = (type(answer)(part).is_tensor() for part in answer.value)
    first.holds(
        first.value.ndim >= second.value.ndim,
        "The two are swapped: first the distributions (L, K), then how much went (L,).",
    )
    first.holds(
        first.value.shape != probabilities.shape,
        "Your result has still the whole vocabulary. Take the columns `kept` only: `probabilities[:, kept]`.",
    )
    for function, message in _TRIM_MISTAKES.values():
        for part, wrong, fine in zip((first, second), function(probabilities, kept), right, strict=True):
            if wrong.shape != fine.shape or not torch.allclose(wrong, fine, atol=1e-3):
                part.is_not(wrong, message)
    first.equals(right[0], "What is left is off: take the columns, then divide each row by its sum.")
    second.holds(
        second.value.abs().max() > 1e-5,
        "Nothing seems to have gone: the row sums of what you have *divided already* are 1. Take them before.",
    )
    second.holds(second.value.ndim != 0, _TRIM_MISTAKES["the mean of what went"][1])
    second.holds(
        second.value.ndim != 2,
        "How much went should be one number for each place, of shape (L,): yours has two dimensions.",
    )
    second.equals(right[1], "How much went is off: 1 minus what the kept columns sum to, for each place.")


trim = Exercise(
    place=1,
    title="A smaller vocabulary",
    minutes=6,
    difficulty="easy",
    reference=_trim,
    questions=_ask_trim,
    hints=(
        "Two steps: take the columns that stay, then make each row sum to 1 again.",
        "`probabilities[:, kept]` takes columns in the order of `kept`. Its row sums, `.sum(1)`, serve twice.",
        "`part = probabilities[:, kept]`, `total = part.sum(1)`; then `part / total[:, None]` and `1 - total`.",
    ),
    wrong={
        **_TRIM_MISTAKES,
        "summed after dividing": (
            lambda p, kept: (_trim(p, kept)[0], 1 - _trim(p, kept)[0].sum(1)),
            "divided already",
        ),
        "everything in one sum": (
            lambda p, kept: (_trim(p, kept)[0], 1 - p[:, kept].sum()),
            "a single number",
        ),
        "swapped": (lambda p, kept: _trim(p, kept)[::-1], "swapped"),
        "a column": (lambda p, kept: (_trim(p, kept)[0], _trim(p, kept)[1][:, None]), "two dimensions"),
        "only one result": (lambda p, kept: _trim(p, kept)[0], "Return 2 values"),
        "zeros in the old table": (
            lambda p, kept: (torch.zeros_like(p).index_copy(1, kept, _trim(p, kept)[0]), _trim(p, kept)[1]),
            "still the whole vocabulary",
        ),
    },
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _repeated_share(tokens, n):
    """The share of a text's n-grams, runs of n tokens, that stood in it before; 0 for a text too short to have one."""
    grams = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def _share(grams, count):
    return count(grams) / len(grams) if grams else 0.0


_REPEAT_MISTAKES = {
    "the share that is new": (
        lambda tokens, n: 1 - _repeated_share(tokens, n),
        "That is the share of n-grams that are *new*. A text that never repeats itself should get 0.",
    ),
    "single tokens": (
        lambda tokens, n: _repeated_share(tokens, 1),
        "You looked at single tokens. “the” comes back in every text; count runs of n.",
    ),
    "all occurrences": (
        lambda tokens, n: _share(_grams(tokens, n), lambda g: sum(c for c in Counter(g).values() if c > 1)),
        "You count the first occurrence of a repeated n-gram as well. It repeats nothing.",
    ),
    "kinds of n-grams": (
        lambda tokens, n: _share(
            list(set(_grams(tokens, n))), lambda g: sum(Counter(_grams(tokens, n))[x] > 1 for x in g)
        ),
        "You count each kind of n-gram once. A sentence that comes ten times is worse than one that comes twice.",
    ),
    "divided by the tokens": (
        lambda tokens, n: _repeated_share(tokens, n) * max(0, len(tokens) - n + 1) / max(1, len(tokens)),
        "You divided by the number of tokens. A text of L tokens has L - n + 1 n-grams.",
    ),
    "one n-gram too few": (
        lambda tokens, n: _repeated_share(tokens[:-1], n),
        "The last n-gram is missing: is it `range(len(tokens) - n)` or one more?",
    ),
    "blocks": (
        lambda tokens, n: _share(
            [tuple(tokens[i : i + n]) for i in range(0, len(tokens) - n + 1, n)], lambda g: len(g) - len(set(g))
        ),
        "Your n-grams do not overlap: they start at every n-th token. A repetition need not start there.",
    ),
    "neighbours only": (
        lambda tokens, n: _share(_grams(tokens, n), lambda g: sum(a == b for a, b in zip(g, g[1:], strict=False))),
        "You compare each n-gram with the next one only. A loop may be many tokens long: look at all that came before.",
    ),
    "order ignored": (
        lambda tokens, n: _repeated_share([tuple(sorted(gram)) for gram in _grams(tokens, n)], 1),
        "You sort the tokens of an n-gram, or make a set of them. “dog bites man” does not repeat “man bites dog”.",
    ),
    "divided by the different ones": (
        lambda tokens, n: len(_grams(tokens, n)) / max(1, len(set(_grams(tokens, n)))) - 1,
        "You divided by the number of *different* n-grams. The share is one of all n-grams.",
    ),
    "in percent": (
        lambda tokens, n: 100 * _repeated_share(tokens, n),
        "That is in percent. Return a share from 0 to 1.",
    ),
    "pasted together": (
        lambda tokens, n: _repeated_share(["".join(map(str, gram)) for gram in _grams(tokens, n)], 1),
        "You paste ids together: then (1, 12) and (11, 2) look the same. Compare tuples.",
    ),
}


def _ask_repeated_share(ask):
    for length, n in ((40, 2), (60, 3)):
        tokens, _ = _apart(lambda n=n, length=length: (_loopy(length), n), _repeated_share, _REPEAT_MISTAKES)
        answer = ask(tokens, n)
        _expect(answer, _REPEAT_MISTAKES, tokens, n)
        answer.is_number()
        answer.holds(
            not 1 < answer.value <= len(tokens), "That is a *number* of n-grams. Divide it by how many there are."
        ).equals(
            _repeated_share(tokens, n), "The share is off: how many n-grams are there, and how many different ones?"
        )
    for tokens, n in ((list(range(30)), 4), ([3, 1], 4)):
        answer = ask(tokens, n)
        answer.is_number()
        words = "without repetitions" if len(tokens) > n else f"of {len(tokens)} tokens has no {n}-gram, so it"
        answer.equals(0.0, f"A text {words} should get 0.")
    ask([1, 12, 11, 2], 2).is_number().equals(0.0, "(1, 12) and (11, 2) are different: do not paste ids together.")


def _loopy(length):
    """A text that runs into a loop; (1, 12, 3) and (11, 2, 3), once each, look alike to who pastes ids together."""
    phrase = _some_text(7, 40)
    return ([1, 12, 3, 11, 2, 3] + _some_text(length // 2 - 6, 5) + phrase * 4 + _some_text(4, 40) + phrase)[:length]


repeated_share = Exercise(
    place=2,
    title="He was very happy. He was very happy",
    minutes=8,
    difficulty="medium",
    reference=_repeated_share,
    questions=_ask_repeated_share,
    hints=(
        "If all n-grams are different, nothing repeats. How many different ones are there, how many in all?",
        "`tuple(tokens[i : i + n])` is an n-gram; tuples can go into a `set`. `range(len(tokens) - n + 1)` has all places.",
        "`1 - len(set(grams)) / len(grams)`, and 0 if there are none.",
    ),
    wrong={
        **_REPEAT_MISTAKES,
        "a number of n-grams": (
            lambda tokens, n: len(_grams(tokens, n)) - len(set(_grams(tokens, n))),
            "Divide it by how many there are",
        ),
        "fails on a short text": (
            lambda tokens, n: 1 - len(set(_grams(tokens, n))) / len(_grams(tokens, n)),
            "ZeroDivisionError",
        ),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _overlap(tokens, others, n):
    """The share of the n-grams of a text, each place counted, that stand in any of the other texts; 0 if it has none."""
    seen = {tuple(other[i : i + n]) for other in others for i in range(len(other) - n + 1)}
    grams = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
    return sum(gram in seen for gram in grams) / len(grams) if grams else 0.0


def _pool(others, n):
    return {gram for other in others for gram in _grams(other, n)}


_OVERLAP_MISTAKES = {
    "the other way round": (
        lambda tokens, others, n: (
            sum(g in set(_grams(tokens, n)) for o in others for g in _grams(o, n))
            / max(1, sum(len(_grams(o, n)) for o in others))
        ),
        "That is the share of the *training* texts' n-grams that stand in the test text. With much training text it is "
        "always tiny.",
    ),
    "across the borders": (
        lambda tokens, others, n: _overlap(tokens, [[i for other in others for i in other]], n),
        "You joined the texts before cutting them: an n-gram that runs from the end of one into the next was never read.",
    ),
    "single tokens": (
        lambda tokens, others, n: _overlap(tokens, others, 1),
        "You compare single tokens. Nearly all of them occur everywhere; that is no contamination.",
    ),
    "only the first text": (
        lambda tokens, others, n: _overlap(tokens, others[:1], n),
        "Only the first of the training texts is searched. Is there a `return` inside your loop?",
    ),
    "each kind once": (
        lambda tokens, others, n: len(set(_grams(tokens, n)) & _pool(others, n)) / max(1, len(set(_grams(tokens, n)))),
        "You count each kind of n-gram once. Go through the test text place by place.",
    ),
    "only the last text": (
        lambda tokens, others, n: _overlap(tokens, others[-1:], n),
        "Only the last of the training texts is searched: do you start a new set for each?",
    ),
    "the mean over texts": (
        lambda tokens, others, n: sum(_overlap(tokens, [other], n) for other in others) / len(others),
        "You took the mean of the overlaps with single texts. With many training texts it is always tiny: put all "
        "they have into one set.",
    ),
    "the share of texts": (
        lambda tokens, others, n: sum(_overlap(tokens, [other], n) > 0 for other in others) / len(others),
        "That is the share of training *texts* that have something in common with the test text. Count its n-grams.",
    ),
    "order ignored": (
        lambda tokens, others, n: _overlap(
            [tuple(sorted(gram)) for gram in _grams(tokens, n)],
            [[tuple(sorted(gram)) for gram in _grams(other, n)] for other in others],
            1,
        ),
        "You sort the tokens of an n-gram, or make a set of them. “man bites dog” is not “dog bites man”.",
    ),
    "in percent": (
        lambda tokens, others, n: 100 * _overlap(tokens, others, n),
        "That is in percent. Return a share from 0 to 1.",
    ),
    "searched as words": (
        lambda tokens, others, n: _share(
            _grams(tokens, n),
            lambda g: sum(any(" ".join(map(str, x)) in " ".join(map(str, o)) for o in others) for x in g),
        ),
        "You search in ids pasted together to one string: then (1, 23) is found in (11, 23). Compare tuples.",
    ),
    "pasted together": (
        lambda tokens, others, n: _overlap(
            ["".join(map(str, gram)) for gram in _grams(tokens, n)],
            [["".join(map(str, gram)) for gram in _grams(other, n)] for other in others],
            1,
        ),
        "You paste ids together: then (1, 12) and (11, 2) look the same. Compare tuples.",
    ),
    "the worst single text": (
        lambda tokens, others, n: max(_overlap(tokens, [other], n) for other in others),
        "You take the largest overlap with a *single* text. An n-gram counts if it stands in any of them.",
    ),
    "added over texts": (
        lambda tokens, others, n: sum(_overlap(tokens, [other], n) for other in others),
        "An n-gram that stands in two training texts is counted twice: your share could be more than 1.",
    ),
    "of both together": (
        lambda tokens, others, n: (
            len(set(_grams(tokens, n)) & _pool(others, n)) / max(1, len(set(_grams(tokens, n)) | _pool(others, n)))
        ),
        "You divided by all n-grams of both sides (Jaccard). A long training text then hides any overlap. Divide by those "
        "of the test text.",
    ),
    "the share that is new": (
        lambda tokens, others, n: 1 - _overlap(tokens, others, n),
        "That is the share that does *not* stand in training texts.",
    ),
    "one n-gram too few": (
        lambda tokens, others, n: _overlap(tokens[:-1], others, n),
        "The last n-gram of the test text is missing: is it `range(len(tokens) - n)` or one more?",
    ),
}


def _ask_overlap(ask):
    def draw(n):
        text = _some_text(27, 9)
        text[4], text[14], text[26] = 50, 51, 52  # no training text has these
        others = [
            _some_text(14, 9) + text[20:24],
            _some_text(9, 9) + text[5:14] + _some_text(4, 9),
            text[15:21] + _some_text(12, 9),
            [30, 31, 32, 33, 34, 35, 70, 71],  # (71, 72) is across the border
            [
                72,
                11,
                23,
                4,
                37,
                11,
                24,
                5,
                38,
                *(i for k in range(2, 7) for i in (11, k, 3)),
            ],  # (1, 23) and (1, 12) only if ids are pasted
            [64, 63, 62, 61, 60, 36],  # 60 to 64 in another order
            [41, 42, 43],  # nothing in common
            text[7:13] + text[:4],
            text[16:26] + _some_text(8, 9),
        ]
        traps = [
            1,
            23,
            4,
            53,
            1,
            24,
            5,
            54,
            *(i for k in range(12, 17) for i in (1, k, 3)),
            *range(60, 65),
            70,
            71,
            72,
            57,
        ]
        return [*text, *traps, *text[5:10]], others, n

    for n in (2, 3):
        arguments = _apart(lambda n=n: draw(n), _overlap, _OVERLAP_MISTAKES)
        answer = ask(*arguments)
        answer.holds(
            not isinstance(answer.value, bool),
            "You say whether there is any overlap. Say how much: a share from 0 to 1.",
        )
        _expect(answer, _OVERLAP_MISTAKES, *arguments)
        answer.is_number()
        answer.holds(
            not 1 < answer.value <= len(arguments[0]),
            "That is a *number* of n-grams. Divide it by how many the test text has.",
        ).equals(
            _overlap(*arguments), "The share is off: which n-grams of the text stand in at least one of the others?"
        )
    ask([4, 4], [[4, 4, 4, 4]], 3).is_number().equals(0.0, "A text of 2 tokens has no 3-gram: the answer should be 0.")
    ask([1, 23], [[11, 23]], 2).is_number().equals(
        0.0, "(1, 23) does not stand in (11, 23): do not paste ids together."
    )
    ask([1, 2, 3, 4], [[9, 9]], 2).is_number().equals(0.0, "Nothing is shared here: the answer should be 0.")


overlap = Exercise(
    place=3,
    title="Has it been seen before?",
    minutes=8,
    difficulty="medium",
    reference=_overlap,
    questions=_ask_overlap,
    hints=(
        "First collect all n-grams that the training texts have, text by text. Then go through the test text.",
        "A `set` of tuples holds what was seen; `gram in seen` asks it. Divide by the number of n-grams of the *test* text.",
        "`seen = {tuple(other[i : i + n]) for other in others for i in range(len(other) - n + 1)}`, then "
        "`sum(gram in seen for gram in grams) / len(grams)`, 0 without any.",
    ),
    wrong={
        **_OVERLAP_MISTAKES,
        "a number of n-grams": (
            lambda tokens, others, n: sum(g in _pool(others, n) for g in _grams(tokens, n)),
            "Divide it by how many",
        ),
        "yes or no": (lambda tokens, others, n: bool(set(_grams(tokens, n)) & _pool(others, n)), "Say how much"),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _perplexity(logits, tokens, counts):
    """exp of the mean of -log q(next token); logits (L, V) after each of the tokens (L,), counts bool (L,) says where."""
    log_q = logits[:-1].log_softmax(1).gather(1, tokens[1:, None])[:, 0]
    return (-log_q[counts[:-1]].mean()).exp()


def _each(logits, tokens, shift=1):
    """-log q of the token `shift` places on."""
    length = len(tokens) - shift
    return -logits[:length].log_softmax(1).gather(1, tokens[shift:, None])[:, 0]


_PERPLEXITY_MISTAKES = {
    "not shifted": (
        lambda logits, tokens, counts: _each(logits, tokens, 0)[counts].mean().exp(),
        "You score each token at its own place: logits[i] is about the token *after* place i.",
    ),
    "no mask": (
        lambda logits, tokens, counts: _each(logits, tokens).mean().exp(),
        "Every place counts in your mean. The prompt is not the teacher's text: only where `counts` is True.",
    ),
    "mask shifted as well": (
        lambda logits, tokens, counts: _each(logits, tokens)[counts[1:]].mean().exp(),
        "You shifted the mask along with the tokens. counts[i] is already about the token after place i, as logits[i] is.",
    ),
    "masked by zeros": (
        lambda logits, tokens, counts: (_each(logits, tokens) * counts[:-1]).mean().exp(),
        "You set what does not count to 0, and then divide by all places. Divide by the number of those that count.",
    ),
    "filtered before shifting": (
        lambda logits, tokens, counts: _each(logits[counts], tokens[counts]).mean().exp(),
        "You left places out first and shifted then: the next token that is *left* need not be the next one in the text.",
    ),
    "the mask the other way round": (
        lambda logits, tokens, counts: _each(logits, tokens)[~counts[:-1]].mean().exp(),
        "You score the places that do *not* count.",
    ),
    "the sum": (
        lambda logits, tokens, counts: _each(logits, tokens)[counts[:-1]].sum().exp(),
        "You took the sum of -log q: it grows with the length of the text. Take the mean.",
    ),
    "softmax twice": (
        lambda logits, tokens, counts: _each(logits.softmax(1), tokens)[counts[:-1]].mean().exp(),
        "Softmax was taken twice: cross_entropy and log_softmax want logits.",
    ),
    "logits for log q": (
        lambda logits, tokens, counts: (-logits[:-1].gather(1, tokens[1:, None])[:, 0][counts[:-1]].mean()).exp(),
        "You took the logits themselves for log q. What makes logits into log probabilities?",
    ),
    "no logarithm": (
        lambda logits, tokens, counts: (-(-_each(logits, tokens)[counts[:-1]]).exp().mean()).exp(),
        "You took the probability q where its logarithm belongs.",
    ),
    "divided by all tokens": (
        lambda logits, tokens, counts: (_each(logits, tokens)[counts[:-1]].sum() / len(tokens)).exp(),
        "You divided by the number of all tokens. Divide by the number of places that count.",
    ),
    "no exp": (
        lambda logits, tokens, counts: _each(logits, tokens)[counts[:-1]].mean(),
        "That is the mean of -log q, in nats. Perplexity is its exponential.",
    ),
    "two to the power": (
        lambda logits, tokens, counts: 2 ** _each(logits, tokens)[counts[:-1]].mean(),
        "You took 2 to the power of *nats*. With natural logarithms it is e to that power.",
    ),
    "the mean of exps": (
        lambda logits, tokens, counts: _each(logits, tokens)[counts[:-1]].exp().mean(),
        "You took the mean of 1 / q. A single token that surprises the model then decides everything. First the mean of "
        "-log q, then exp.",
    ),
    "the mean probability": (
        lambda logits, tokens, counts: 1 / (-_each(logits, tokens)[counts[:-1]]).exp().mean(),
        "You took the mean of the probabilities. First the mean of their logarithms, then exp.",
    ),
    "the sign": (
        lambda logits, tokens, counts: (-_each(logits, tokens)[counts[:-1]].mean()).exp(),
        "The sign is off: your result is below 1. No model is less perplexed than one that is always certain.",
    ),
}


def _ask_perplexity(ask):
    for length in (14, 23):

        def draw(length=length):
            counts = torch.rand(length) < 0.6
            counts[-1] = False  # nothing comes after the last token
            return torch.randn(length, 9) * 1.2, torch.randint(9, (length,)), counts

        arguments = _apart(draw, _perplexity, _PERPLEXITY_MISTAKES)
        answer = ask(*arguments)
        _expect(answer, _PERPLEXITY_MISTAKES, *arguments)
        answer.is_number()
        answer.equals(
            _perplexity(*arguments), "The value is off: -log q of each next token that counts, their mean, exp."
        )
    counts = torch.tensor([True] * 6 + [False])
    answer = ask(torch.zeros(7, 50), torch.randint(50, (7,)), counts)
    answer.is_number().equals(50.0, "A model that finds all 50 tokens equally likely has perplexity 50.")


perplexity = Exercise(
    place=4,
    title="Perplexity, where it counts",
    minutes=8,
    difficulty="medium",
    reference=_perplexity,
    questions=_ask_perplexity,
    hints=(
        "logits[i] and counts[i] both speak about tokens[i + 1]. What becomes of the last place?",
        "`logits[:-1].log_softmax(1).gather(1, tokens[1:, None])[:, 0]` is log q of each next token.",
        "With that as log_q: `(-log_q[counts[:-1]].mean()).exp()`.",
    ),
    wrong=_PERPLEXITY_MISTAKES,
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _distinct_n(texts, n):
    """Different n-grams of all texts together, divided by all their n-grams; texts are lists of ids."""
    grams = [tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0


_DISTINCT_MISTAKES = {
    "the mean of single texts": (
        lambda texts, n: sum(_distinct_n([text], n) for text in texts) / len(texts),
        "You took the mean over single texts. A model that writes one and the same story each time would look perfect: "
        "count all texts together.",
    ),
    "across the borders": (
        lambda texts, n: _distinct_n([[i for text in texts for i in text]], n),
        "You joined the texts before cutting them: an n-gram that runs from one text into the next was never written.",
    ),
    "single tokens": (
        lambda texts, n: _distinct_n(texts, 1),
        "You count single tokens whatever n is.",
    ),
    "divided by the tokens": (
        lambda texts, n: len({g for text in texts for g in _grams(text, n)}) / max(1, sum(map(len, texts))),
        "You divided by the number of tokens, not of n-grams.",
    ),
    "only those that come once": (
        lambda texts, n: (
            sum(c == 1 for c in Counter(g for text in texts for g in _grams(text, n)).values())
            / max(1, sum(len(_grams(text, n)) for text in texts))
        ),
        "You count only n-grams that come exactly once. One that comes twice is one *different* n-gram, too.",
    ),
    "the share that is repeated": (
        lambda texts, n: 1 - _distinct_n(texts, n),
        "That is the share of repetitions. Texts that never repeat anything should get 1.",
    ),
    "new in each text": (
        lambda texts, n: (
            sum(len(set(_grams(text, n))) for text in texts) / max(1, sum(len(_grams(text, n)) for text in texts))
        ),
        "You count an n-gram anew in each text. Put those of all texts into one set.",
    ),
    "order ignored": (
        lambda texts, n: _distinct_n([[tuple(sorted(gram)) for gram in _grams(text, n)] for text in texts], 1),
        "You sort the tokens of an n-gram, or make a set of them. “dog bites man” and “man bites dog” are two.",
    ),
    "upside down": (
        lambda texts, n: 1 / (_distinct_n(texts, n) or 1),
        "Your fraction is upside down: different ones by all of them.",
    ),
    "in percent": (
        lambda texts, n: 100 * _distinct_n(texts, n),
        "That is in percent. Return a share from 0 to 1.",
    ),
    "pasted together": (
        lambda texts, n: _distinct_n([["".join(map(str, gram)) for gram in _grams(text, n)] for text in texts], 1),
        "You paste ids together: then (1, 12) and (11, 2) look the same. Compare tuples.",
    ),
}


def _ask_distinct_n(ask):
    def draw(n):
        shared = _some_text(8, 12)
        return (
            [
                [*_some_text(12, 12), *shared],
                [1, 12, 3, *shared, *_some_text(5, 12), 11, 2, 3],  # two that look alike to who pastes ids together
                [*shared[2:], *_some_text(9, 12), *shared],
            ],
            n,
        )

    for n in (2, 3):
        texts, _ = _apart(lambda n=n: draw(n), _distinct_n, _DISTINCT_MISTAKES)
        answer = ask(texts, n)
        _expect(answer, _DISTINCT_MISTAKES, texts, n)
        answer.is_number()
        answer.holds(
            not answer.value > 1, "That is a *number* of n-grams. Divide it by how many there are in all."
        ).equals(
            _distinct_n(texts, n), "The share is off: a set of the n-grams of all texts, and how many there are in all."
        )
    ask([[1, 12], [11, 2]], 2).is_number().equals(1.0, "(1, 12) and (11, 2) are different: do not paste ids together.")
    answer = ask([[1, 2, 3, 4]] * 10, 2)
    answer.is_number().equals(0.1, "Ten times the same text has a tenth of different 2-grams.")


distinct_n = Exercise(
    place=5,
    title="Does it tell more than one story?",
    minutes=6,
    difficulty="easy",
    reference=_distinct_n,
    questions=_ask_distinct_n,
    hints=(
        "One list of all n-grams of all texts; then: how many different ones are there?",
        "A list comprehension with two `for`: over the texts, then over the places of each.",
        "`grams = [tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)]`, then "
        "`len(set(grams)) / len(grams)`.",
    ),
    wrong={
        **_DISTINCT_MISTAKES,
        "a number of n-grams": (
            lambda texts, n: len({g for text in texts for g in _grams(text, n)}),
            "Divide it by how many",
        ),
    },
)

# 6 --------------------------------------------------------------------------------------------------------------------


def _gpu_hours(teacher, student, tokens, epochs, peak, utilisation):
    """(hours in which the teacher scores `tokens` tokens, hours in which the student trains on them `epochs` times)."""
    speed = peak * utilisation * 3600
    return 2 * teacher * tokens / speed, 6 * student * tokens * epochs / speed


def _hours_variant(forward=2, backward=6, per_hour=3600, used=lambda peak, share: peak * share, scored=lambda e: 1,
                   trained=lambda e: e):  # fmt: skip
    def gpu_hours(teacher, student, tokens, epochs, peak, utilisation):
        speed = used(peak, utilisation) * per_hour
        return forward * teacher * tokens * scored(epochs) / speed, backward * student * tokens * trained(
            epochs
        ) / speed

    return gpu_hours


_HOURS_MISTAKES = {
    "one operation a weight": (
        _hours_variant(forward=1, backward=3),
        "You count one operation a weight. A weight is multiplied *and* its product added: two.",
    ),
    "the teacher trains": (
        _hours_variant(forward=6),
        "You let the teacher train, too. It only reads: forward, 2 operations a weight.",
    ),
    "the student only reads": (
        _hours_variant(backward=2),
        "You count only the student's way forward. The way back costs twice as much again.",
    ),
    "the way back alone": (
        _hours_variant(backward=4),
        "You count the student's way back alone. Forward and back: 2 + 4.",
    ),
    "in seconds": (_hours_variant(per_hour=1), "Those are seconds."),
    "in minutes": (_hours_variant(per_hour=60), "Those are minutes."),
    "in days": (_hours_variant(per_hour=86_400), "Those are days."),
    "full speed": (
        _hours_variant(used=lambda peak, share: peak),
        "You count on the full speed. What is reached is the share `utilisation` of it.",
    ),
    "divided by the utilisation": (
        _hours_variant(used=lambda peak, share: peak / share),
        "Your utilisation makes the machine *faster* than its peak. Multiply the speed by it.",
    ),
    "one epoch": (
        _hours_variant(trained=lambda e: 1),
        "The student goes through the tokens `epochs` times.",
    ),
    "scored in every epoch": (
        _hours_variant(scored=lambda e: e),
        "You let the teacher score the tokens anew in each epoch. Its probabilities are *cached*: once is enough.",
    ),
    "swapped": (
        lambda teacher, student, *rest: _gpu_hours(teacher, student, *rest)[::-1],
        "The two are swapped: first the teacher's hours, then the student's.",
    ),
}


def _ask_gpu_hours(ask):
    for arguments in ((7e9, 1e9, 1e9, 5, 4e14, 0.35), (7e10, 8e9, 5e8, 7, 1e15, 0.45)):
        answer = ask(*arguments)
        answer.is_sequence(2, "hours of the teacher, hours of the student")
        hours = tuple(float(part) for part in answer.value)
        answer = type(answer)(hours)
        _expect(answer, _HOURS_MISTAKES, *arguments)
        right = _gpu_hours(*arguments)
        off = [i for i in (0, 1) if not math.isclose(hours[i], right[i], rel_tol=1e-3)]
        answer.holds(
            not any(hours[i].is_integer() and abs(hours[i] - right[i]) <= 1 for i in off), "Do not round the hours."
        )
        for i in off:  # a known mistake in one of the two only
            whose = ("teacher's", "student's")[i]
            for name, (function, message) in _HOURS_MISTAKES.items():
                wrong = function(*arguments)[i]
                likely = name != "swapped" and not math.isclose(wrong, right[i], rel_tol=1e-3)
                answer.holds(
                    not (likely and math.isclose(hours[i], wrong, rel_tol=1e-3)),
                    f"The {whose} hours are off. {message}",
                )
            answer.holds(False, f"The {whose} hours are off: operations divided by operations in an hour.")


gpu_hours = Exercise(
    place=6,
    title="A bill for seven billion weights",
    minutes=8,
    difficulty="medium",
    reference=_gpu_hours,
    questions=_ask_gpu_hours,
    hints=(
        "Operations = operations a weight and token × weights × tokens. Hours = operations / operations in an hour.",
        "Forward takes 2 operations a weight and token, forward and back together 6. In an hour the machine does "
        "`peak * utilisation * 3600`.",
        "`2 * teacher * tokens / speed` and `6 * student * tokens * epochs / speed`, with the speed of an hour.",
    ),
    wrong={
        **_HOURS_MISTAKES,
        "only one": (lambda *a: _gpu_hours(*a)[0], "Return 2 values"),
        "rounded": (lambda *a: tuple(round(part) for part in _gpu_hours(*a)), "Do not round"),
        "rounded down": (lambda *a: tuple(int(part) for part in _gpu_hours(*a)), "Do not round"),
        "the teacher at full speed": (
            lambda *a: (_HOURS_MISTAKES["full speed"][0](*a)[0], _gpu_hours(*a)[1]),
            "The teacher's hours are off. You count on the full speed",
        ),
        "the student at full speed": (
            lambda *a: (_gpu_hours(*a)[0], _HOURS_MISTAKES["full speed"][0](*a)[1]),
            "The student's hours are off. You count on the full speed",
        ),
    },
)

# Quiz -----------------------------------------------------------------------------------------------------------

quiz = Quiz(
    Question(
        "The teacher's text was sampled at temperature 0.7, and its probabilities are cached at temperature 1. What is wrong "
        "with comparing a student of the text with a student of the probabilities?",
        (
            Option("Nothing: both come from the same teacher.", "They are two different distributions of it."),
            Option(
                "The two are taught different things, so a difference may come from the temperature alone.",
                "Right. Text is a sample of softmax(z / 0.7); only probabilities of the same distribution say the same.",
                True,
            ),
            Option("Cached probabilities must never have a temperature.", "They may: the one that the text has."),
        ),
    ),
    Question(
        "You decode the teacher's answers to text, and encode the text again before training. Sometimes the probabilities "
        "no longer fit. Why?",
        (
            Option(
                "The teacher may have spelled a word with other pieces than its tokenizer would.",
                "Right. From there on every place is off by some. Keep the ids that it wrote.",
                True,
            ),
            Option("Decoding loses spaces.", "Not with this tokenizer: a space belongs to the piece behind it."),
            Option("The probabilities were rounded.", "That changes them a little, but does not move them."),
        ),
    ),
    Question(
        "Test prompts and training prompts are different strings, split at random. Why may the test still be contaminated?",
        (
            Option("Because the vocabulary is shared.", "It must be, or the student could not read the test."),
            Option(
                "The same question may stand in both in other words.",
                "Right. Split by what is asked, not by the string, and look for shared n-grams.",
                True,
            ),
            Option(
                "Because the teacher wrote both.", "That is the task: to speak as the teacher does, on new subjects."
            ),
        ),
    ),
    Question(
        "Student A has the lower perplexity on the teacher's text, and the teacher finds student B's texts likelier. Which is "
        "better?",
        (
            Option("A: perplexity is what was trained.", "It asks only about text that the teacher began well."),
            Option(
                "Nobody can say from that: a text that always repeats “He was very happy.” is likely, too.",
                "Right. Look at distinct-n as well, and read the texts, blind.",
                True,
            ),
            Option("B: its texts are what counts.", "Likely is not good: a loop is very likely."),
        ),
    ),
    Question(
        "A billion tokens, a teacher of 7 billion weights, a student of 1 billion, three epochs. Where do most of the "
        "operations go when the teacher only *scores* text that is there?",
        (
            Option(
                "About as many into the student's training as into the teacher's reading.",
                "Right: 6 · 1 · 3 = 18 against 2 · 7 = 14 billion billion. And the teacher's share is paid once, however "
                "many students follow.",
                True,
            ),
            Option("Nearly all into the teacher: it is seven times as large.", "It reads once, and never goes back."),
            Option("Nearly all into the student.", "Its 18 are hardly more than the teacher's 14."),
        ),
    ),
)
