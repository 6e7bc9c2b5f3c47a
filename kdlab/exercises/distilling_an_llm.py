"""Exercises of lesson 13, distilling an LLM."""

from collections import Counter

import torch
import torch.nn.functional as F

from kdlab.exercises.core import Exercise, Option, Question, Quiz


def _case(**arguments):
    return lambda draw: arguments


# 1 --------------------------------------------------------------------------------------------------------------------


def _trim(probabilities, kept):
    """(what is left of each distribution (L, V) on the ids `kept` (K,), summing to 1 again; how much of it went (L,))."""
    part = probabilities[:, kept]
    total = part.sum(dim=-1)
    return part / total[:, None], 1 - total


def _trim_by_what_goes(probabilities, kept):
    stays = torch.zeros(probabilities.shape[-1], dtype=torch.bool)
    stays[kept] = True
    gone = probabilities[:, ~stays].sum(dim=-1)
    part = probabilities.index_select(-1, kept)
    return part / part.sum(dim=-1, keepdim=True), gone


def _left(left):
    """A trim whose first result is another: `left(part)` of the columns that stay."""
    return lambda p, kept: (left(p[:, kept]), 1 - p[:, kept].sum(1))


def _went(went):
    """A trim whose second result is another: `went(p, kept)`."""
    return lambda p, kept: (_trim(p, kept)[0], went(p, kept))


def _some_kept(draw):
    """More ids than places, the largest first: not sorted, not the first K."""
    size = 2 * draw.classes + 2
    kept = torch.cat([torch.tensor([size - 1]), torch.randperm(size - 1)[: draw.classes + 1]])
    return {"probabilities": draw.probabilities(draw.rows, size, scale=1.5), "kept": kept}


trim = Exercise(
    place=1,
    title="A smaller vocabulary",
    minutes=6,
    difficulty="easy",
    reference=_trim,
    draw=_some_kept,
    forms=(_trim_by_what_goes,),
    hints=(
        "Two steps: take the columns that stay, then make each row sum to 1 again.",
        "`probabilities[:, kept]` takes columns in the order of `kept`. Its row sums, `.sum(1)`, serve twice.",
        "`part = probabilities[:, kept]`, `total = part.sum(1)`; then `part / total[:, None]` and `1 - total`.",
    ),
    cases={
        "Right for many places, wrong for a single one, probabilities of shape (1, V).": (
            lambda draw: {"probabilities": draw.probabilities(1, 9), "kept": torch.tensor([7, 0, 3])}
        ),
    },
    mistakes={
        "Your rows sum to less than 1: what went has not been shared out among those that stay.": _left(lambda x: x),
        "You shared out what went *evenly*. Then the ratios of those that stay change. What keeps the ratios?": (
            _left(lambda x: x + (1 - x.sum(1, keepdim=True)) / x.shape[1])
        ),
        "You divided by the largest entry. Divide by the sum.": _left(lambda x: x / x.amax(1, keepdim=True)),
        "You made the length of each row 1 (the root of its squares). A distribution is divided by its sum.": (
            _left(lambda x: F.normalize(x, dim=1))
        ),
        "You divided by what went. Divide by what is left.": _left(lambda x: x / (1 - x.sum(1, keepdim=True))),
        "You kept the *first* K entries. `kept` says which ones, in the order of the new vocabulary.": (
            lambda p, kept: _trim(p, torch.arange(len(kept)))
        ),
        "You kept the K *likeliest* entries. `kept` says which ones, the same at every place.": (
            lambda p, kept: _trim(p.sort(descending=True).values, torch.arange(len(kept)))
        ),
        "Your columns are in the order of the old ids. Entry j of the new vocabulary is the old id kept[j].": (
            lambda p, kept: _trim(p, kept.sort().values)
        ),
        "Your columns are the ones that go. `kept` holds the ids that *stay*.": (
            lambda p, kept: _trim(p, torch.tensor([i for i in range(p.shape[1]) if i not in kept.tolist()]))
        ),
        "Your result has still the whole vocabulary. Take the columns `kept` only: `probabilities[:, kept]`.": (
            lambda p, kept: (torch.zeros_like(p).index_copy(1, kept, _trim(p, kept)[0]), _trim(p, kept)[1])
        ),
        "You multiply by 1 + what went. That is less than the inverse of what is left: divide.": (
            _left(lambda x: x * (2 - x.sum(1, keepdim=True)))
        ),
        "The two are swapped: first the distributions (L, K), then how much went (L,).": (
            lambda p, kept: _trim(p, kept)[::-1]
        ),
        "The second result is how much *stays*. Return how much went.": _went(lambda p, kept: p[:, kept].sum(1)),
        "The second result is how *many* ids went. Return how much probability they had.": (
            _went(lambda p, kept: torch.full((len(p),), float(p.shape[1] - len(kept)))),
            _went(lambda p, kept: torch.full((len(p),), 1 - len(kept) / p.shape[1])),
        ),
        "Nothing seems to have gone: the row sums of what you have *divided already* are 1. Take them before.": (
            _went(lambda p, kept: torch.zeros(len(p)))
        ),
    },
    wrong={
        "softmax": (_left(lambda x: x.softmax(1)), "softmax belongs to logits"),
        "the columns' sums": (_left(lambda x: x / x.sum(0)), "down the columns"),
        "the mean of what went": (_went(lambda p, kept: (1 - p[:, kept].sum(1)).mean()), "you averaged"),
        "the whole table's sum": (_left(lambda x: x / x.sum()), "over everything at once"),
        "a column": (_went(lambda p, kept: _trim(p, kept)[1][:, None]), "Value 2: The shape should be"),
        "only one result": (lambda p, kept: _trim(p, kept)[0], "Return 2 values"),
        "both wrong": (
            lambda p, kept: (p[:, kept] / p[:, kept].sum(0), p[:, kept].sum(1)),
            "off. The second result is",
        ),
        "the sign of what went": (_went(lambda p, kept: p[:, kept].sum(1) - 1), "sign"),
    },
)

# What 2, 3 and 5 share ------------------------------------------------------------------------------------------------


def _grams(tokens, n):
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def _of(ratio, cut=_grams, other_cut=None):
    """An answer made of n-grams: `ratio` gets, for each text among the arguments, its n-grams; for texts, a list of those.

    The first argument is cut by `cut`, the second by `other_cut`; where there is nothing to divide by, 0 comes out.
    """

    def all_grams(text, cut, n):
        return [cut(part, n) for part in text] if text and isinstance(text[0], list) else cut(text, n)

    def answer(*arguments):
        *texts, n = arguments
        try:
            cuts = (cut, other_cut or cut)
            return ratio(*(all_grams(text, how, n) for text, how in zip(texts, cuts, strict=False)))
        except ZeroDivisionError:
            return 0.0

    return answer


# Wrong ways to cut a text into n-grams: at wrong places, or other things than runs of n tokens.
PLACES = {
    "The last n-gram is missing: is it `range(len(tokens) - n)` or one more?": lambda text, n: _grams(text, n)[:-1],
    "The first n-gram is missing: does your loop start at 1?": lambda text, n: _grams(text, n)[1:],
    "Your n-grams do not overlap: they start at every n-th token. A repetition need not start there.": (
        lambda text, n: _grams(text, n)[::n]
    ),
}
KINDS = {
    "You look at single tokens whatever n is. “the” comes back in every text; count runs of n.": (
        lambda text, n: _grams(text, 1)
    ),
    "You look at runs of one length whatever n is: count runs of n.": (
        lambda text, n: _grams(text, 2),
        lambda text, n: _grams(text, 3),
        lambda text, n: _grams(text, 4),
    ),
    "You sort the tokens of an n-gram, or make a set of them. “dog bites man” is not “man bites dog”.": (
        lambda text, n: [tuple(sorted(gram)) for gram in _grams(text, n)],
        lambda text, n: [frozenset(gram) for gram in _grams(text, n)],
    ),
    "You add up the ids of an n-gram: other n-grams have the same sum. Compare tuples.": (
        lambda text, n: [sum(gram) for gram in _grams(text, n)]
    ),
    "You compare n-grams by their ends only: all n tokens must be the same.": (
        lambda text, n: [(gram[0], gram[-1]) for gram in _grams(text, n)]
    ),
    "You paste ids together: then (1, 12) and (11, 2) look the same. Compare tuples.": (
        lambda text, n: ["".join(map(str, gram)) for gram in _grams(text, n)]
    ),
    "You take all runs of up to n tokens. An n-gram has exactly n.": (
        lambda text, n: [gram for k in range(1, n + 1) for gram in _grams(text, k)]
    ),
}


def _with_cuts(ratio, cuts=PLACES | KINDS):
    """{sentence: answers} with each of the wrong ways to cut."""
    return {s: tuple(_of(ratio, cut) for cut in (c if isinstance(c, tuple) else (c,))) for s, c in cuts.items()}


def _some_text(length, vocabulary=6):
    """A text of ids in which things repeat."""
    return torch.randint(vocabulary, (length,)).tolist()


# 2 --------------------------------------------------------------------------------------------------------------------


def _repeated_share(tokens, n):
    """The share of a text's n-grams, runs of n tokens, that stood in it before; 0 for a text too short to have one."""
    grams = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def _repeated_share_by_difference(tokens, n):
    grams = list(zip(*(tokens[i:] for i in range(n)), strict=False))
    return (len(grams) - len(set(grams))) / len(grams) if grams else 0.0


def _repeated_share_in_a_loop(tokens, n):
    seen, repeated = set(), 0
    for i in range(len(tokens) - n + 1):
        gram = tuple(tokens[i : i + n])
        if gram in seen:
            repeated += 1
        seen.add(gram)
    return repeated / max(1, len(tokens) - n + 1)


def _often(keep):
    """How many kinds of n-grams come so often that `keep(count)` is true."""
    return lambda grams: sum(map(keep, Counter(grams).values()))


def _covered(tokens, n):
    """The share of the tokens that lie in a repeated n-gram."""
    grams = _grams(tokens, n)
    places = {j for i, gram in enumerate(grams) if gram in grams[:i] for j in range(i, i + n)}
    return len(places) / max(1, len(tokens))


def _loopy(draw):
    """A text that runs into a loop; (1, 12, 3) and (11, 2, 3), once each, look alike to who pastes ids together."""
    if draw.rows == 1:
        return {"tokens": [1, 2, 1, 2, *_some_text(4, 3)], "n": 2}
    phrase = _some_text(7, 40)
    tokens = [1, 12, 3, 11, 2, 3, *_some_text(2 * draw.rows, 5), *[4] * 5, *phrase * 3, 8, 7, 9, 8, 6, 9]
    return {"tokens": tokens + _some_text(draw.rows, 40) + phrase + phrase[:4], "n": 2 + draw.number}


repeated_share = Exercise(
    place=2,
    title="He was very happy. He was very happy",
    minutes=8,
    difficulty="medium",
    reference=_repeated_share,
    roles={"n": "size"},
    draw=_loopy,
    forms=(_repeated_share_in_a_loop, _repeated_share_by_difference),
    hints=(
        "If all n-grams are different, nothing repeats. How many different ones are there, how many in all?",
        "`tuple(tokens[i : i + n])` is an n-gram; tuples can go into a `set`. `range(len(tokens) - n + 1)` has all places.",
        "`1 - len(set(grams)) / len(grams)`, and 0 if there are none.",
    ),
    cases={
        "A text without repetitions should get 0.": _case(tokens=list(range(30)), n=4),
        "(1, 12) and (11, 2) are different: do not paste ids together.": _case(tokens=[1, 12, 11, 2], n=2),
        "A text of n tokens has one n-gram, and nothing stood before it: 0.": _case(tokens=[3, 3, 3], n=3),
        "A text too short to have an n-gram should get 0.": _case(tokens=[3, 1, 3], n=4),
        "A text of 2 tokens has no 4-gram and should get 0.": _case(tokens=[3, 1], n=4),
    },
    mistakes={
        "That is the share of n-grams that are *new*. A text that never repeats itself should get 0.": (
            _of(lambda g: len(set(g)) / len(g))
        ),
        "You count the first occurrence of a repeated n-gram as well. It repeats nothing.": (
            _of(lambda g: sum(g.count(x) > 1 for x in g) / len(g))
        ),
        "You count each kind of n-gram once. A sentence that comes ten times is worse than one that comes twice.": (
            _of(lambda g: _often(lambda count: count > 1)(g) / len(g)),
            _of(lambda g: _often(lambda count: count > 1)(g) / len(set(g))),
        ),
        "You count those that come exactly once. They repeat nothing.": (
            _of(lambda g: _often(lambda count: count == 1)(g) / len(g))
        ),
        "You count *pairs* of equal n-grams. One that comes three times repeats twice, not three times.": (
            _of(lambda g: _often(lambda count: count * (count - 1) // 2)(g) / len(g))
        ),
        "You count only how often the commonest n-gram comes.": (
            _of(lambda g: max(map(g.count, g), default=0) / len(g)),
            _of(lambda g: (max(map(g.count, g), default=1) - 1) / len(g)),
        ),
        "You compare each n-gram with the next one only. A loop may be many tokens long: look at all that came before.": (
            _of(lambda g: sum(a == b for a, b in zip(g, g[1:], strict=False)) / len(g))
        ),
        "You compare each n-gram with the one n places on only: look at all that came before.": (
            _of(lambda g: sum(a == b for a, b in zip(g, g[len((g or [()])[0]) :], strict=False)) / len(g))
        ),
        "That is the share of *tokens* that lie in a repeated n-gram. Count n-grams.": _covered,
        "Yours is always 0. Is the `return` inside your loop, or a share cut down to a whole number (`//`, int)?": (
            lambda tokens, n: 0
        ),
        "You divided by the number of *different* n-grams. The share is one of all n-grams.": (
            _of(lambda g: len(g) / len(set(g)) - 1)
        ),
        "That is a *number* of n-grams. Divide it by how many there are.": (
            _of(lambda g: len(g) - len(set(g))),
            _of(lambda g: len(set(g))),
        ),
        "Yours is 1 as soon as anything repeats: say how much, a share from 0 to 1. (Does each n-gram find *itself*? Look "
        "only at those before it. And `//` leaves no share.)": _of(lambda g: len(g) > len(set(g))),
        **_with_cuts(lambda g: 1 - len(set(g)) / len(g)),
    },
    wrong={
        "fails on a short text": (lambda t, n: 1 - len(set(_grams(t, n))) / len(_grams(t, n)), "ZeroDivisionError"),
        "whole-number division": (_of(lambda g: 1 - len(set(g)) // len(g)), "`//`"),
        "lists in a set": (lambda t, n: len(set(map(list, _grams(t, n)))), "a tuple can"),
        "by tokens": (
            lambda t, n: 1 - len(set(_grams(t, n))) / max(1, len(t)),
            "`tokens` stands where `grams` belongs",
        ),
        "in percent": (lambda t, n: 100 * _repeated_share(t, n), "100 times too large"),
        "n + 1": (lambda t, n: _repeated_share(t, n + 1), "`n` + 1"),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _overlap(tokens, others, n):
    """The share of the n-grams of a text, each place counted, that stand in any of the other texts; 0 if it has none."""
    seen = {tuple(other[i : i + n]) for other in others for i in range(len(other) - n + 1)}
    grams = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
    return sum(gram in seen for gram in grams) / len(grams) if grams else 0.0


def _overlap_in_a_loop(tokens, others, n):
    found = 0
    for i in range(len(tokens) - n + 1):
        gram = tokens[i : i + n]
        if any(other[j : j + n] == gram for other in others for j in range(len(other) - n + 1)):
            found += 1
    return found / max(1, len(tokens) - n + 1)


def _found(grams, each):
    """How many of the n-grams, place by place, stand in any of the texts."""
    return sum(any(gram in other for other in each) for gram in grams)


def _words(ids):
    return " ".join(map(str, ids))


def _some_overlap(draw):
    """A text and others that share some of it, with a trap for each mistake."""
    if draw.rows == 1:
        return {"tokens": [1, 2, 3, 1, 2], "others": [[1, 2, 5], [4, 2, 3]], "n": 2}
    text = _some_text(27, 9)
    text[5], text[14], text[26] = 50, 51, 52  # no other text has these
    everywhere = text[8:11] * draw.number
    others = [
        _some_text(14, 9) + text[20:24],
        _some_text(9, 9) + text[6:14] + _some_text(4, 9),
        text[15:21] + _some_text(12, 9),
        [30, 31, 32, 33, 34, 35, 70, 71],  # (71, 72) is across the border
        # (1, 23) and (1, 12) only if ids are pasted
        [72, 11, 23, 4, 37, 11, 24, 5, 38, *(i for k in range(2, 7) for i in (11, k, 3))],
        [64, 63, 62, 61, 60, 36, 60, 66, 64],  # 60 to 64 in another order, and between others
        [41, 42, 43, 44, 45],  # nothing in common but single tokens
        text[7:13] + text[:5],
        text[16:26] + _some_text(8, 9),
    ]
    traps = [1, 23, 4, 53, 1, 24, 5, 54, *(i for k in range(12, 17) for i in (1, k, 3)), *range(60, 65), 70, 71, 72, 57]
    tokens = [*text, *traps, *text[6 : 11 + 3 * draw.number], 60, 65, 64, 41, 43, 45]
    return {"tokens": tokens, "others": [other + everywhere for other in others[draw.number :]], "n": 2 + draw.number}


overlap = Exercise(
    place=3,
    title="Has it been seen before?",
    minutes=8,
    difficulty="medium",
    reference=_overlap,
    roles={"n": "size"},
    draw=_some_overlap,
    forms=(_overlap_in_a_loop,),
    hints=(
        "First collect all n-grams that the training texts have, text by text. Then go through the test text.",
        "A `set` of tuples holds what was seen; `gram in seen` asks it. Divide by the number of n-grams of the *test* text.",
        "`seen = {tuple(other[i : i + n]) for other in others for i in range(len(other) - n + 1)}`, then "
        "`sum(gram in seen for gram in grams) / len(grams)`, 0 without any.",
    ),
    cases={
        "Nothing is shared here: 0.": _case(tokens=[1, 2, 3, 4], others=[[9, 9]], n=2),
        "(1, 23) does not stand in (11, 23), do not paste ids together: 0.": _case(
            tokens=[1, 23], others=[[11, 23]], n=2
        ),
        "The only n-gram of a text of n tokens was seen: 1.": _case(tokens=[5, 6, 7], others=[[4, 5, 6, 7]], n=3),
        "Another text that is shorter than n has no n-gram.": _case(tokens=[5, 6, 7], others=[[5], [5, 6]], n=2),
        "A text of 2 tokens has no 3-gram: 0.": _case(tokens=[4, 4], others=[[4, 4, 4, 4]], n=3),
        "A text of 2 tokens has no 4-gram: 0.": _case(tokens=[4, 4], others=[[4, 4, 4, 4]], n=4),
    },
    mistakes={
        "That is the share of the *training* texts' n-grams that stand in the test text. With much training text it is "
        "always tiny.": (
            _of(lambda g, each: _found(sum(each, []), [g]) / len(sum(each, []))),
            _of(lambda g, each: _found(set(sum(each, [])), [g]) / len(set(sum(each, [])))),
        ),
        "You joined the texts before cutting them: an n-gram that runs from the end of one into the next was never read.": (
            lambda tokens, others, n: _overlap(tokens, [[i for other in others for i in other]], n)
        ),
        "Only the first of the training texts is searched. Is there a `return` inside your loop?": (
            lambda tokens, others, n: _overlap(tokens, others[:1], n)
        ),
        "Only the last of the training texts is searched: do you start a new set for each?": (
            lambda tokens, others, n: _overlap(tokens, others[-1:], n)
        ),
        "You count each kind of n-gram once. Go through the test text place by place.": (
            _of(lambda g, each: _found(set(g), each) / len(set(g))),
            _of(lambda g, each: _found(set(g), each) / len(g)),
        ),
        "You took the mean of the overlaps with single texts. With many training texts it is always tiny: put all "
        "they have into one set.": _of(lambda g, each: sum(_found(g, [other]) for other in each) / len(g) / len(each)),
        "That is the share of training *texts* that have something in common with the test text. Count its n-grams.": (
            _of(lambda g, each: sum(_found(g, [other]) > 0 for other in each) / len(each))
        ),
        "You search in ids pasted together to one string: then (1, 23) is found in (11, 23). Compare tuples.": (
            lambda tokens, others, n: (
                sum(any(_words(gram) in _words(other) for other in others) for gram in _grams(tokens, n))
                / max(1, len(tokens) - n + 1)
            )
        ),
        "You take the largest overlap with a *single* text. An n-gram counts if it stands in any of them.": (
            _of(lambda g, each: max((_found(g, [other]) for other in each), default=0) / len(g))
        ),
        "You ask that an n-gram stands in *all* of the others. In one of them is enough.": (
            _of(lambda g, each: sum(all(gram in other for other in each) for gram in g) / len(g))
        ),
        "An n-gram that stands in two training texts is counted twice: your share could be more than 1.": (
            _of(lambda g, each: sum(_found(g, [other]) for other in each) / len(g)),
            _of(lambda g, each: sum(Counter(sum(each, []))[gram] for gram in g) / len(g)),
        ),
        "You count an n-gram of the test text no more often than it stands in the others. If it was seen once, each place "
        "counts.": _of(lambda g, each: (Counter(g) & Counter(sum(each, []))).total() / len(g)),
        "You ask only that the n tokens occur in the other texts: they must stand there side by side, in this order.": (
            lambda tokens, others, n: _of(lambda g: sum(set(x) <= set(sum(others, [])) for x in g) / len(g))(tokens, n),
            lambda tokens, others, n: _of(lambda g: sum(any(set(x) <= set(o) for o in others) for x in g) / len(g))(
                tokens, n
            ),
        ),
        "You divided by the n-grams of both sides together. A long training text then hides any overlap. Divide by those "
        "of the test text.": _of(lambda g, each: _found(set(g), each) / len({*g, *sum(each, [])})),
        "You divided by the number of n-grams of the training texts. Divide by those of the test text.": (
            _of(lambda g, each: _found(g, each) / len(sum(each, []))),
            _of(lambda g, each: _found(g, each) / len(set(sum(each, [])))),
            _of(lambda g, each: _found(set(g), each) / len(sum(each, []))),
        ),
        "You say whether there is any overlap. Say how much: a share from 0 to 1.": lambda *a: _overlap(*a) > 0,
        "That is a *number* of n-grams. Divide it by how many the test text has.": (
            _of(_found),
            _of(lambda g, each: _found(set(g), each)),
        ),
        "Yours is always 0, as if nothing were ever found. A list never equals a tuple, nor a text of ids another kind of "
        "thing; and `//` leaves no share.": lambda tokens, others, n: 0.0,
        **_with_cuts(lambda g, each: _found(g, each) / len(g)),
        **{
            f"{s} (So it is with the {side}.)": _of(lambda g, each: _found(g, each) / len(g), *cuts)
            for s, cut in PLACES.items()
            for side, cuts in (("test text", (cut, _grams)), ("training texts", (_grams, cut)))
        },
    },
    wrong={
        "fails without n-grams": (lambda t, o, n: _found(_grams(t, n), []) / len(_grams(t, n)), "Yours is always 0"),
        "n + 1": (lambda tokens, others, n: _overlap(tokens, others, n + 1), "`n` + 1"),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _perplexity(logits, tokens, counts):
    """exp of the mean of -log q(next token); logits (L, V) after each of the tokens (L,), counts bool (L,) says where."""
    log_q = logits[:-1].log_softmax(-1).gather(1, tokens[1:, None])[:, 0]
    return (-log_q[counts[:-1]].mean()).exp()


def _perplexity_by_cross_entropy(logits, tokens, counts):
    each = F.cross_entropy(logits[:-1], tokens[1:], reduction="none")
    weights = counts[:-1].float()
    return torch.exp((each * weights).sum() / weights.sum())


def _perplexity_in_a_loop(logits, tokens, counts):
    q = logits.softmax(-1)
    total, number = 0.0, 0
    for i in range(len(tokens) - 1):
        if counts[i]:
            total = total - q[i, tokens[i + 1]].log()
            number = number + 1
    return torch.exp(total / number)


def _each(logits, tokens, shift=1):
    """-log q of the token `shift` places on."""
    return F.cross_entropy(logits[: len(tokens) - shift], tokens[shift:], reduction="none")


def _of_each(finish):
    """A perplexity of the right -log q (L - 1,) and mask (L - 1,), put together in another way."""
    return lambda logits, tokens, counts: finish(_each(logits, tokens), counts[:-1])


def _some_scores(draw):
    """Logits, tokens, and where they count; nothing comes after the last token."""
    length = 2 * draw.rows + 2
    counts = draw.mask(length)
    counts[1], counts[2] = False, True
    return {"logits": draw.logits(length, draw.classes, scale=1.2), "tokens": draw.labels(length), "counts": counts}


perplexity = Exercise(
    place=4,
    title="Perplexity, where it counts",
    minutes=8,
    difficulty="medium",
    reference=_perplexity,
    draw=_some_scores,
    forms=(_perplexity_by_cross_entropy, _perplexity_in_a_loop),
    hints=(
        "logits[i] and counts[i] both speak about tokens[i + 1]. What becomes of the last place?",
        "`logits[:-1].log_softmax(1).gather(1, tokens[1:, None])[:, 0]` is log q of each next token.",
        "With that as log_q: `(-log_q[counts[:-1]].mean()).exp()`.",
    ),
    mistakes={
        "You score each token at its own place: logits[i] is about the token *after* place i.": (
            lambda z, t, counts: _each(z, t, 0)[counts].mean().exp(),
            lambda z, t, counts: _each(z, t, 0)[1:][counts[:-1]].mean().exp(),
            lambda z, t, counts: _each(z, t, 0)[1:][counts[1:]].mean().exp(),
        ),
        "You shifted the wrong way: logits[i] is about tokens[i + 1], so the *last* logits and the *first* token go.": (
            lambda z, t, counts: _each(z[1:], t[:-1], 0)[counts[:-1]].mean().exp(),
            lambda z, t, counts: _each(z[1:], t[:-1], 0)[counts[1:]].mean().exp(),
        ),
        "You shifted the mask along with the tokens. counts[i] is already about the token after place i, as logits[i] is.": (
            lambda z, t, counts: _each(z, t)[counts[1:]].mean().exp()
        ),
        "You set what does not count to 0, and then divide by all places. Divide by the number of those that count.": (
            _of_each(lambda each, counts: (each * counts).mean().exp()),
            _of_each(lambda each, counts: (each[counts].sum() / (len(each) + 1)).exp()),
        ),
        "You set *logits* to 0 where they do not count. That is a guess at random, and it counts: leave the place out.": (
            lambda z, t, counts: _each(z * counts[:, None], t).mean().exp()
        ),
        "You left places out first and shifted then: the next token that is *left* need not be the next one in the text.": (
            lambda z, t, counts: _each(z[counts], t[counts]).mean().exp()
        ),
        "You score the *likeliest* token at each place. Score the one that comes.": (
            lambda z, t, counts: (-z.log_softmax(-1).amax(-1)[counts].mean()).exp()
        ),
        "That is exp of the model's entropy: how unsure it is. How surprised is it by the token that comes?": (
            lambda z, t, counts: (-(z.softmax(-1) * z.log_softmax(-1)).sum(-1)[counts].mean()).exp()
        ),
        "You took the mean of 1 / q. A single token that surprises the model then decides everything. First the mean of "
        "-log q, then exp.": _of_each(lambda each, counts: each[counts].exp().mean()),
        "You took the mean of the probabilities. First the mean of their logarithms, then exp.": (
            _of_each(lambda each, counts: 1 / (-each[counts]).exp().mean())
        ),
    },
    wrong={
        "the other places": (_of_each(lambda each, counts: each[~counts].mean().exp()), "what is masked"),
        "the sum": (_of_each(lambda each, counts: each[counts].sum().exp()), "the sum in place of the mean"),
        "softmax twice": (lambda z, t, counts: _perplexity(z.softmax(-1), t, counts), "Softmax twice"),
        "logits for log q": (
            lambda z, t, counts: (-z[:-1].gather(1, t[1:, None])[counts[:-1]].mean()).exp(),
            "`log_softmax` is missing",
        ),
        "no logarithm": (_of_each(lambda each, counts: (-(-each[counts]).exp().mean()).exp()), "log_softmax"),
        "in nats": (_of_each(lambda each, counts: each[counts].mean()), "`exp` is missing"),
        "2 to the power": (_of_each(lambda each, counts: each[counts].mean().exp2()), "2 to that power"),
        "the sign": (_of_each(lambda each, counts: (-each[counts].mean()).exp()), "The minus sign"),
        "no mask": (_of_each(lambda each, counts: each.mean().exp()), "what is masked counts as well"),
        "one for each place": (_of_each(lambda each, counts: each[counts].exp()), "`mean` is missing"),
        "down the columns": (
            lambda z, t, counts: (-z[:-1].log_softmax(0).gather(1, t[1:, None])[counts[:-1]].mean()).exp(),
            "wrong axis",
        ),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _distinct_n(texts, n):
    """Different n-grams of all texts together, divided by all their n-grams; texts are lists of ids."""
    grams = [tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0


def _distinct_n_in_a_loop(texts, n):
    different, number = set(), 0
    for text in texts:
        for i in range(len(text) - n + 1):
            different.add(tuple(text[i : i + n]))
            number += 1
    return len(different) / max(1, number)


def _some_texts(draw):
    """Texts that share a phrase; (1, 12, 3) and (11, 2, 3) look alike to who pastes ids together."""
    if draw.rows == 1:
        return {"texts": [[1, 2, 3], [2, 3, 1, 2]], "n": 2}
    shared = _some_text(8, 12)
    texts = [
        [*_some_text(11, 12), *shared, *shared[1:4]],
        [1, 12, 3, *shared, *_some_text(draw.rows, 12), 11, 2, 3, 9, 4, 10, 9, 5, 10],
        [*shared[2:], *_some_text(9, 12), *shared, 7, 7, 7, 7],
        [*shared[:5], 4, 4, shared[3]],
    ]
    return {"texts": texts[:1] + texts[: 3 + draw.number], "n": 2 + draw.number}


def _together(ratio):
    """An answer made of the n-grams of all texts in one list."""
    return _of(lambda each: ratio(sum(each, [])))


distinct_n = Exercise(
    place=5,
    title="Does it tell more than one story?",
    minutes=6,
    difficulty="easy",
    reference=_distinct_n,
    roles={"n": "size"},
    draw=_some_texts,
    forms=(_distinct_n_in_a_loop,),
    hints=(
        "One list of all n-grams of all texts; then: how many different ones are there?",
        "A list comprehension with two `for`: over the texts, then over the places of each.",
        "`grams = [tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)]`, then "
        "`len(set(grams)) / len(grams)`.",
    ),
    cases={
        "(1, 12) and (11, 2) are different: do not paste ids together.": _case(texts=[[1, 12], [11, 2]], n=2),
        "Ten times the same text has a tenth of different 2-grams.": _case(texts=[[1, 2, 3, 4]] * 10, n=2),
        "A text of n tokens has one n-gram.": _case(texts=[[1, 2, 3], [2, 3, 4]], n=3),
        "A text that is shorter than n has no n-gram and adds nothing.": _case(texts=[[1], [1, 2, 3, 4], [4, 5]], n=3),
    },
    mistakes={
        "You took the mean over single texts. A model that writes one and the same story each time would look perfect: "
        "count all texts together.": _of(lambda each: sum(len(set(g)) / len(g) for g in each) / len(each)),
        "You joined the texts before cutting them: an n-gram that runs from one text into the next was never written.": (
            lambda texts, n: _distinct_n([sum(texts, [])], n),
            lambda texts, n: len(set(_grams(sum(texts, []), n))) / len(sum(texts, [])),
        ),
        "You divided by the number of tokens, not of n-grams.": (
            lambda texts, n: len(set(sum((_grams(text, n) for text in texts), []))) / len(sum(texts, []))
        ),
        "You divided by the number of all tokens - n + 1, as if the texts were one. Each text has n - 1 n-grams fewer.": (
            lambda texts, n: len(set(sum((_grams(text, n) for text in texts), []))) / (len(sum(texts, [])) - n + 1)
        ),
        "You divided by the number of different *tokens*. Divide by that of all n-grams.": (
            _together(lambda g: len(set(g)) / len(set(sum(g, ()))))
        ),
        "You count only n-grams that come exactly once. One that comes twice is one *different* n-gram, too.": (
            _together(lambda g: _often(lambda count: count == 1)(g) / len(g)),
            _together(lambda g: _often(lambda count: count == 1)(g) / len(set(g))),
        ),
        "You count only n-grams that come more than once. All different ones count, each once.": (
            _together(lambda g: _often(lambda count: count > 1)(g) / len(g)),
        ),
        "That is the share of repetitions. Texts that never repeat anything should get 1.": (
            _together(lambda g: 1 - len(set(g)) / len(g))
        ),
        "You count an n-gram anew in each text. Put those of all texts into one set.": (
            _of(lambda each: sum(len(set(g)) for g in each) / len(sum(each, [])))
        ),
        "You drop what repeats inside a text before you count all: divide by all n-grams, also those that come again.": (
            _of(lambda each: len(set(sum(each, []))) / sum(len(set(g)) for g in each))
        ),
        "You count what *all* texts have in common (an intersection). Put their n-grams together (a union).": (
            _of(lambda each: len(set.intersection(*map(set, each))) / len(sum(each, [])))
        ),
        "That is a *number* of n-grams. Divide it by how many there are in all.": _together(lambda g: len(set(g))),
        "Yours is always 1: are the repetitions still in what you count?": _together(lambda g: len(g) / len(g)),
        "You count different *texts*. Count different n-grams.": (
            lambda texts, n: len(set(map(tuple, texts))) / len(texts)
        ),
        "You take the best, or the worst, of single texts. Count the n-grams of all texts together.": (
            lambda texts, n: max(_distinct_n([text], n) for text in texts),
            lambda texts, n: min(_distinct_n([text], n) for text in texts),
        ),
        "Your last runs reach over the end, so they are shorter than n. The last n-gram starts at len(text) - n.": (
            _of(
                lambda each: len(set(sum(each, []))) / len(sum(each, [])),
                lambda text, n: [tuple(text[i : i + n]) for i in range(len(text))],
            )
        ),
        **_with_cuts(lambda each: len(set(sum(each, []))) / len(sum(each, []))),
    },
    wrong={
        "the last text": (lambda texts, n: _distinct_n(texts[-1:], n), "Only the last round of your loop"),
        "upside down": (_together(lambda g: len(g) / len(set(g))), "upside down"),
        "n - 1": (lambda texts, n: _distinct_n(texts, n - 1), "`n` - 1"),
        "short texts counted": (
            lambda texts, n: (
                len({g for text in texts for g in _grams(text, n)}) / sum(len(text) - n + 1 for text in texts)
            ),
            "shorter than n",
        ),
        "lists in a set": (
            lambda texts, n: len({g for text in texts for g in map(list, _grams(text, n))}),
            "a tuple can",
        ),
    },
)

# 6 --------------------------------------------------------------------------------------------------------------------


def _gpu_hours(teacher, student, tokens, epochs, peak, utilisation):
    """(hours in which the teacher scores `tokens` tokens, hours in which the student trains on them `epochs` times)."""
    speed = peak * utilisation * 3600
    return 2 * teacher * tokens / speed, 6 * student * tokens * epochs / speed


def _hours_with(forward=2, training=6, per_hour=3600, used=lambda peak, share: peak * share, scored=1, trained=None):
    """The bill with other numbers in it."""

    def gpu_hours(teacher, student, tokens, epochs, peak, utilisation):
        speed = used(peak, utilisation) * per_hour
        times = epochs if scored is None else scored, epochs if trained is None else trained
        return forward * teacher * tokens * times[0] / speed, training * student * tokens * times[1] / speed

    return gpu_hours


gpu_hours = Exercise(
    place=6,
    title="A bill for seven billion weights",
    minutes=8,
    difficulty="medium",
    reference=_gpu_hours,
    draw=lambda draw: {
        "teacher": (7e9, 7e10)[draw.number],
        "student": (1e9, 8e9)[draw.number],
        "tokens": (1e9, 5e8)[draw.number],
        "epochs": (5, 7)[draw.number],
        "peak": (4e14, 1e15)[draw.number],
        "utilisation": (0.35, 0.45)[draw.number],
    },
    hints=(
        "Operations = operations a weight and token × weights × tokens. Hours = operations / operations in an hour.",
        "Forward takes 2 operations a weight and token, forward and back together 6. In an hour the machine does "
        "`peak * utilisation * 3600`.",
        "`2 * teacher * tokens / speed` and `6 * student * tokens * epochs / speed`, with the speed of an hour.",
    ),
    mistakes={
        "You let the teacher train, too. It only reads: forward, 2 operations a weight.": _hours_with(forward=6),
        "You count only the student's way forward. The way back costs twice as much again.": _hours_with(training=2),
        "You count 4 operations for the student. The way back alone takes 4, twice as many as the way forward: 2 + 4.": (
            _hours_with(training=4)
        ),
        "Those are seconds.": _hours_with(per_hour=1),
        "Those are minutes.": _hours_with(per_hour=60),
        "Those are days.": _hours_with(per_hour=86_400),
        "Brackets are missing: `/ peak * utilisation * 3600` divides by the peak alone.": _hours_with(
            per_hour=1 / 3600, used=lambda peak, share: peak / share
        ),
        "You count on the full speed. What is reached is the share `utilisation` of it.": _hours_with(
            used=lambda peak, share: peak
        ),
        "You count on the speed that is *not* reached: multiply by `utilisation`, not by 1 minus it.": _hours_with(
            used=lambda peak, share: peak * (1 - share)
        ),
        "You let the teacher score the tokens anew in each epoch. Its probabilities are *cached*: once is enough.": (
            _hours_with(scored=None)
        ),
        "The two are swapped: first the teacher's hours, then the student's.": lambda *a: _gpu_hours(*a)[::-1],
        "The student's hours stand alone: do not add the teacher's to them.": (
            lambda *a: (_gpu_hours(*a)[0], sum(_gpu_hours(*a))),
            lambda *a: (_gpu_hours(*a)[0], _gpu_hours(*a)[0] * a[3] + _gpu_hours(*a)[1]),
        ),
    },
    wrong={
        "in percent": (_hours_with(used=lambda peak, share: peak * share / 100), "100 times too large"),
        "the wrong way": (_hours_with(used=lambda peak, share: peak / share), "You divide by `utilisation`"),
        "one epoch": (_hours_with(trained=1), "without the factor `epochs`"),
        "only one": (lambda *a: _gpu_hours(*a)[0], "Return 2 values"),
        "rounded": (lambda *a: tuple(round(part) for part in _gpu_hours(*a)), "rounding"),
        "rounded down": (lambda *a: tuple(int(part) for part in _gpu_hours(*a)), "rounding"),
        "the teacher at full speed": (
            lambda *a: (_hours_with(used=lambda peak, share: peak)(*a)[0], _gpu_hours(*a)[1]),
            "The first value is off. You count on the full speed",
        ),
        "the student at full speed": (
            lambda *a: (_gpu_hours(*a)[0], _hours_with(used=lambda peak, share: peak)(*a)[1]),
            "The second value is off. You count on the full speed",
        ),
        "forward only, in seconds": (_hours_with(training=2, per_hour=1), "3600"),
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
