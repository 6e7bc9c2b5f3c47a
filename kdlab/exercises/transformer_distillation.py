"""Exercises of lesson 11, transformer distillation."""

import numpy as np
import torch
from torch.nn import functional as F

from kdlab import losses
from kdlab.exercises.core import Answer, Exercise, Mistake, Option, Question, Quiz

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
            values = torch.stack([function(*arguments) for function in functions]).sort().values
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


def _lengths_mask(*lengths):
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


# 1 --------------------------------------------------------------------------------------------------------------------


def _pad_and_mask(rows):
    """ids int64 (N, L), filled up with 0 to the longest row, and mask bool (N, L), True where a token counts."""
    longest = max(len(row) for row in rows)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[place < len(row) for place in range(longest)] for row in rows])
    return ids, mask


def _pad_variant(fill=0, length=max, left=False, counts=lambda place, size: place < size, dtype=torch.bool):
    def pad_and_mask(rows):
        longest = length([len(row) for row in rows])
        padding = [[fill] * (longest - len(row)) for row in rows]
        pairs = list(zip(rows, padding, strict=True))
        ids = torch.tensor([(more + row if left else row + more)[:longest] for row, more in pairs])
        mask = torch.tensor([[counts(place, len(row)) for place in range(longest)] for row in rows])
        return ids, (mask.flip(1) if left else mask).to(dtype)

    return pad_and_mask


def _pad_in_place(rows):
    lengths = [len(row) for row in rows]
    for row in rows:
        row.extend([0] * (max(lengths) - len(row)))
    return torch.tensor(rows), _lengths_mask(*lengths)


_PAD_MISTAKES = {
    "mask the other way round": (
        _pad_variant(counts=lambda place, size: place >= size),
        "Your mask is True at the padding. Here True means: this token *counts*.",
    ),
    "padded in front": (
        _pad_variant(left=True),
        "You put the padding in front, so that the words of a short sentence get the positions of a late one. Fill up "
        "at the end.",
    ),
    "cut to the shortest": (
        _pad_variant(length=min),
        "You cut all sentences to the length of the shortest. No word may be lost: fill up to the longest.",
    ),
    "filled with -1": (_pad_variant(fill=-1), "The padding has id 0. An embedding has no row -1."),
    "a column too many": (
        _pad_variant(length=lambda sizes: max(sizes) + 1),
        "Your rows are longer than the longest sentence. A column in which nothing counts costs time.",
    ),
    "one padding counts": (
        _pad_variant(counts=lambda place, size: place <= size),
        "Your mask lets one padding of each short sentence count: is it < or ≤?",
    ),
    "everything counts": (
        _pad_variant(counts=lambda place, size: True),
        "Your mask is True everywhere: then the padding counts as much as the words.",
    ),
}


def _ask_pad_and_mask(ask):
    for lengths in ((3, 6, 1, 4), (5, 2, 4)):
        rows = [torch.randint(3, 900, (n,)).tolist() for n in lengths]
        try:
            answer = ask(rows)
        except Mistake as mistake:
            if "in place" not in str(mistake):
                raise
            raise Mistake(
                "Your function changes the lists in `rows` themselves: append, extend, insert and `+=` do. The caller still "
                "needs them. Make new lists, with `+`."
            ) from None
        answer.is_sequence(2, "ids, mask")
        right = _pad_and_mask(rows)
        kinds = [getattr(part, "dtype", None) for part in answer.value]
        answer.holds(kinds != [torch.bool, torch.int64], "The two are swapped: first the ids, then the mask.")
        first, second = (Answer(part).is_tensor() for part in answer.value)
        for function, message in _PAD_MISTAKES.values():
            for part, wrong, fine in zip((first, second), function(rows), right, strict=True):
                if not torch.equal(wrong, fine):
                    part.is_not(wrong, message)
        first.holds(
            not first.value.is_floating_point(), "ids look up a row of a table: they must be whole numbers (int64)."
        )
        first.equals(right[0], "The ids are off: each row is the sentence, then zeros.")
        second.holds(
            second.value.dtype == torch.bool,
            "The mask has the right form, but is not bool. A mask of numbers cannot select, and `~` does something else.",
        )
        second.equals(right[1], "The ids are right, the mask is off: True where a word stands.")


pad_and_mask = Exercise(
    place=1,
    title="Padding and mask",
    minutes=6,
    difficulty="easy",
    reference=_pad_and_mask,
    questions=_ask_pad_and_mask,
    hints=(
        "How long is the longest row? How many zeros does each of the others need?",
        "`row + [0] * k` appends k zeros to a list. `place < len(row)` says whether something stands at a place.",
        "`torch.tensor([row + [0] * (longest - len(row)) for row in rows])`, and likewise a list of lists of "
        "`place < len(row)` for the mask.",
    ),
    wrong={
        **_PAD_MISTAKES,
        "swapped": (lambda rows: _pad_and_mask(rows)[::-1], "swapped"),
        "lists made longer": (_pad_in_place, "append, extend"),
        "mask of numbers": (_pad_variant(dtype=torch.float32), "is not bool"),
        "only ids": (lambda rows: _pad_and_mask(rows)[0], "Return 2 values"),
        "lists": (lambda rows: tuple(part.tolist() for part in _pad_and_mask(rows)), "torch tensor"),
    },
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _attention(queries, keys, values, mask):
    """softmax(queries · keys / √d) · values for each head; no token looks at a masked one. Shape of the values."""
    scores = queries @ keys.transpose(-1, -2) / queries.shape[-1] ** 0.5
    scores = scores.masked_fill(~mask[:, None, None, :], float("-inf"))
    return scores.softmax(-1) @ values


def _attention_variant(
    scale=lambda q: q.shape[-1] ** 0.5,
    hide=lambda scores, keys: scores.masked_fill(~keys, float("-inf")),
    weigh=lambda scores, keys: scores.softmax(-1),
    mix=torch.matmul,
):
    def attention(queries, keys, values, mask):
        counts = mask[:, None, None, :]
        scores = hide(queries @ keys.transpose(-1, -2) / scale(queries), counts)
        return mix(weigh(scores, counts), values)

    return attention


_ATTENTION_MISTAKES = {
    "no scale": (
        _attention_variant(scale=lambda q: 1.0),
        "The scores are not divided by √d. With more dimensions they grow, and softmax becomes a hard choice.",
    ),
    "divided by d": (
        _attention_variant(scale=lambda q: q.shape[-1]),
        "You divided by d. A sum of d products varies like √d.",
    ),
    "divided by the root of L": (
        _attention_variant(scale=lambda q: q.shape[-2] ** 0.5),
        "You divided by the root of the number of tokens. d is the width of one head, the last dimension.",
    ),
    "softmax over the queries": (
        _attention_variant(weigh=lambda s, k: s.softmax(-2)),
        "Your softmax runs over the tokens that look. Each *row* must sum to 1: over the tokens that are looked at.",
    ),
    "softmax over the heads": (
        _attention_variant(weigh=lambda s, k: s.softmax(1)),
        "Your softmax runs over the heads. Each *row* must sum to 1: over the tokens that are looked at, the last "
        "dimension.",
    ),
    "divided by the root of the heads": (
        _attention_variant(scale=lambda q: q.shape[1] ** 0.5),
        "You divided by the root of the number of heads. d is the width of one head, the last dimension.",
    ),
    "queries and keys swapped": (
        lambda queries, keys, values, mask: _attention(keys, queries, values, mask),
        "Queries and keys are in each other's place: row i of the scores belongs to the *query* of token i.",
    ),
    "no mask": (
        _attention_variant(hide=lambda s, k: s),
        "Padding is looked at: the mask is not used, or only on the tokens that look.",
    ),
    "mask the other way round": (
        _attention_variant(hide=lambda s, k: s.masked_fill(k, float("-inf"))),
        "You hid the tokens that count. The mask is True where a token counts.",
    ),
    "scores set to zero": (
        _attention_variant(hide=lambda s, k: s * k),
        "You set the scores of the padding to 0. A score of 0 is an ordinary score: softmax makes a positive weight of it.",
    ),
    "weights set to zero": (
        _attention_variant(hide=lambda s, k: s, weigh=lambda s, k: s.softmax(-1) * k),
        "You hid the padding after softmax: the weights of a row no longer sum to 1. Hide it before.",
    ),
    "no softmax": (
        _attention_variant(hide=lambda s, k: s * k, weigh=lambda s, k: s),
        "The raw scores are used as weights. Softmax makes weights of them.",
    ),
    "weights instead of values": (
        _attention_variant(mix=lambda weights, values: weights),
        "Those are the weights. Mix the values with them.",
    ),
    "mixed into the wrong place": (
        _attention_variant(mix=lambda weights, values: weights.transpose(-1, -2) @ values),
        "The weights are turned round: row i says what token i takes from the others.",
    ),
}


def _ask_attention(ask):
    mask = _lengths_mask(6, 3, 5)
    queries, keys, values = (torch.randn(3, 2, 6, 4) * 1.5 for _ in range(3))
    counted = lambda x: x.transpose(1, 2)[mask]  # noqa: E731
    answer = ask(queries, keys, values, mask)
    answer.is_not(
        _attention_variant(mix=lambda weights, values: weights)(queries, keys, values, mask),
        _ATTENTION_MISTAKES["weights instead of values"][1],
    )
    answer.is_tensor(values.shape)
    part = Answer(counted(answer.value).nan_to_num())
    for name, (function, message) in _ATTENTION_MISTAKES.items():
        if name != "weights instead of values":
            part.is_not(counted(function(queries, keys, values, mask)).nan_to_num(), message)
    part.holds(
        answer.value.isfinite().all(),
        "There is nan in the rows of masked tokens: you hid *everything* from them, and softmax of nothing is 0 / 0. Hide "
        "what is looked at, not who looks.",
    )
    part.equals(
        counted(F.scaled_dot_product_attention(queries, keys, values, mask[:, None, None, :])),
        "The result is off. Score, divide, hide, softmax, mix: which of the five steps differs?",
    )
    other = ask(queries, keys, values.masked_fill(~mask[:, None, :, None], 77.0), mask)
    other.holds(
        torch.allclose(counted(other.value), part.value, atol=1e-4), "What stands at a masked token changes the result."
    )


attention = Exercise(
    place=2,
    title="Attention with a mask",
    minutes=12,
    difficulty="medium",
    reference=_attention,
    questions=_ask_attention,
    hints=(
        "Five steps: score every pair of tokens, divide, hide the padding, softmax over the tokens that are looked at, "
        "mix the values.",
        "`keys.transpose(-1, -2)` turns the keys for the product. `scores.masked_fill(where, float('-inf'))` hides; the "
        "mask must become (N, 1, 1, L) for that.",
        "`scores = queries @ keys.transpose(-1, -2) / queries.shape[-1] ** 0.5`, then "
        "`scores.masked_fill(~mask[:, None, None, :], float('-inf')).softmax(-1) @ values`.",
    ),
    wrong={
        **_ATTENTION_MISTAKES,
        "both sides masked": (
            _attention_variant(
                hide=lambda s, k: s.masked_fill(~(k & k.transpose(-1, -2)), float("-inf")),
            ),
            "softmax of nothing",
        ),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _layer_map(teacher_layers, student_layers):
    """For each layer of the student, from below: the teacher's layer that ends the same share of the way, from 1."""
    block = teacher_layers // student_layers
    return [block * layer for layer in range(1, student_layers + 1)]


_MAP_MISTAKES = {
    "first of each block": (
        lambda t, s: [1 + t // s * k for k in range(s)],
        "You took the *first* layer of each block of the teacher. The student's last layer must answer for the teacher's "
        "last.",
    ),
    "counted from 0": (
        lambda t, s: [t // s * k for k in range(s)],
        "Number 0 is the embedding, before the first layer. Layer 1 of the student does the work of a whole block.",
    ),
    "last of each block from 0": (
        lambda t, s: [t // s * k - 1 for k in range(1, s + 1)],
        "These are the right layers counted from 0. Here layers are counted from 1, so that `states[layer]` fits.",
    ),
    "the last ones": (
        lambda t, s: list(range(t - s + 1, t + 1)),
        "Those are the teacher's last layers. Spread them over the whole teacher.",
    ),
    "the first ones": (
        lambda t, s: list(range(1, s + 1)),
        "Those are the teacher's first layers: the student would end where the teacher has hardly begun.",
    ),
    "from above": (
        lambda t, s: [t // s * k for k in range(s, 0, -1)],
        "The order is from below: first the layer for the student's first.",
    ),
    "whole blocks": (
        lambda t, s: [list(range(t // s * k + 1, t // s * (k + 1) + 1)) for k in range(s)],
        "Those are the whole blocks. Name one layer for each: the one with which the block's work is done.",
    ),
    "with the embedding": (
        lambda t, s: [t // s * k for k in range(s + 1)],
        "One too many: the embedding (0) is no layer.",
    ),
}


def _ask_layer_map(ask):
    for teacher_layers, student_layers in ((12, 4), (6, 3), (24, 3)):
        answer = ask(teacher_layers, student_layers)
        if isinstance(answer.value, range) or getattr(answer.value, "ndim", 0) == 1:  # a tensor or an array will do
            answer = Answer(np.asarray(answer.value).tolist())
        _expect(answer, _MAP_MISTAKES, teacher_layers, student_layers)
        answer.is_sequence(student_layers, "one layer of the teacher for each layer of the student")
        answer.holds(
            all(hasattr(layer, "__index__") and not isinstance(layer, float) for layer in answer.value),
            "Layers are counted: whole numbers, one for each, or `states[layer]` fails. `/` makes a float, `//` does not.",
        )
        right = _layer_map(teacher_layers, student_layers)
        answer.equals(right, f"For {teacher_layers} and {student_layers} layers it should be {right}.")


layer_map = Exercise(
    place=3,
    title="Who answers for whom",
    minutes=4,
    difficulty="easy",
    reference=_layer_map,
    questions=_ask_layer_map,
    hints=(
        "Cut the teacher into as many equal blocks as the student has layers. Each layer of the student does one block's "
        "work.",
        "After its work a layer should be where the block *ends*. A block has `teacher_layers // student_layers` layers.",
        "`[block * layer for layer in range(1, student_layers + 1)]`",
    ),
    wrong={
        **_MAP_MISTAKES,
        "floats": (lambda t, s: [t / s * k for k in range(1, s + 1)], "whole numbers"),
        "a tensor of floats": (lambda t, s: torch.arange(1, s + 1) * (t / s), "whole numbers"),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _hidden_state_loss(student_states, teacher_states, projection, mask):
    """Mean of (student @ projection - teacher)² over the tokens that count and the teacher's width."""
    difference = student_states @ projection - teacher_states.detach()
    return difference[mask].square().mean()


def _state_variant(reduce):
    """A wrong answer: `reduce(difference, mask)`."""
    return lambda s, t, projection, mask: reduce(s @ projection - t.detach(), mask)


_STATE_MISTAKES = {
    "no mask": (
        _state_variant(lambda d, mask: d.square().mean()),
        "Padding counts like a word: the mask is not used.",
    ),
    "divided by all tokens": (
        _state_variant(lambda d, mask: (d * mask[..., None]).square().mean()),
        "You set the padding to 0, but the mean still divides by *all* tokens. Short sentences would cost less.",
    ),
    "sum over the width": (
        _state_variant(lambda d, mask: d[mask].square().sum(-1).mean()),
        "You summed over the width. Take the mean there too, or a wide teacher shouts down the other losses.",
    ),
    "a sum": (
        _state_variant(lambda d, mask: d[mask].square().sum()),
        "That is the sum of the squares. Take the mean, or long sentences and large batches cost more.",
    ),
    "a sum, padding too": (
        _state_variant(lambda d, mask: d.square().sum()),
        "That is the sum of the squares, padding included. Keep the tokens that count, and take the mean.",
    ),
    "divided by the sentences": (
        _state_variant(lambda d, mask: d[mask].square().sum() / len(mask)),
        "You divided by the number of sentences. Divide by the number of *numbers* that count: tokens times width.",
    ),
    "root": (
        _state_variant(lambda d, mask: d[mask].square().mean().sqrt()),
        "You took the root of the mean. The loss is the mean of the squares itself.",
    ),
    "sentence by sentence": (
        _state_variant(lambda d, mask: torch.stack([own[m].square().mean() for own, m in zip(d, mask)]).mean()),  # noqa: B905
        "You took the mean of each sentence first. Then a word of a short sentence weighs more than one of a long one.",
    ),
    "lengths": (
        _state_variant(lambda d, mask: d[mask].norm(dim=-1).mean()),
        "Those are distances. The loss has the *squared* differences.",
    ),
    "absolute": (
        _state_variant(lambda d, mask: d[mask].abs().mean()),
        "Square the differences; you took their absolute values.",
    ),
    "student's width": (
        lambda s, t, projection, mask: (s @ projection - t)[mask].square().sum() / (mask.sum() * s.shape[-1]),
        "You divided by the student's width. After the projection there are as many numbers as the teacher has.",
    ),
    "padding instead": (
        _state_variant(lambda d, mask: d[~mask].square().mean()),
        "You compare the padding. The mask is True where a token counts.",
    ),
    "teacher projected": (
        lambda s, t, projection, mask: (s - t.detach() @ projection.T)[mask].square().mean(),
        "You projected the teacher down to the student's width. What does not fit would be forgiven.",
    ),
}


def _ask_hidden_state_loss(ask):
    mask = _lengths_mask(5, 2, 4, 1)

    def draw():
        shapes = (4, 5, 3), (4, 5, 7), (3, 7)
        return *(torch.randn(shape, requires_grad=True) for shape in shapes), mask

    student, teacher, projection, _ = _apart(draw, _hidden_state_loss, _STATE_MISTAKES)
    answer = ask(student, teacher, projection, mask)
    _expect(answer, _STATE_MISTAKES, student, teacher, projection, mask)
    answer.is_number()
    answer.equals(
        _hidden_state_loss(student, teacher, projection, mask),
        "The value is off: project, subtract, keep the tokens that count, square, mean.",
    )
    answer.gradient(2).holds(
        answer.gradient(2).value.abs().sum() > 0,
        "No gradient reaches the projection: it is learned along with the student.",
    )
    _teacher_stands_still(answer)


hidden_state_loss = Exercise(
    place=4,
    title="Hidden states, another width",
    minutes=8,
    difficulty="medium",
    reference=_hidden_state_loss,
    questions=_ask_hidden_state_loss,
    hints=(
        "Bring the student's vectors to the teacher's width first. Which product does that?",
        "`difference[mask]` keeps the tokens that count: (M, width). Their mean knows nothing of padding.",
        "`difference = student_states @ projection - teacher_states.detach()`, then `difference[mask].square().mean()`.",
    ),
    wrong={
        **_STATE_MISTAKES,
        "teacher moves": (
            lambda s, t, projection, mask: (s @ projection - t)[mask].square().mean(),
            "flows into the teacher",
        ),
        "teacher cut off in place": (
            lambda s, t, projection, mask: (s @ projection - t.detach_())[mask].square().mean(),
            "in place",
        ),
        "no gradient": (
            lambda s, t, projection, mask: _hidden_state_loss(s, t, projection, mask).item(),
            "No gradient flows",
        ),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _hidden_cosine_loss(student_states, teacher_states, mask):
    """Mean of 1 - cos(student's state, teacher's state) over the tokens that count."""
    cosine = F.cosine_similarity(student_states, teacher_states.detach(), dim=-1)
    return (1 - cosine[mask]).mean()


def _cosine_variant(reduce, dim=-1):
    return lambda s, t, mask: reduce(F.cosine_similarity(s, t.detach(), dim=dim), mask)


_COSINE_MISTAKES = {
    "the cosine itself": (
        _cosine_variant(lambda c, mask: c[mask].mean()),
        "That is the cosine, which is *largest* when both agree. A loss must be smallest there.",
    ),
    "minus the cosine": (
        _cosine_variant(lambda c, mask: -c[mask].mean()),
        "Right up to a constant: training is the same, but the loss of a perfect student is -1. Make it 0.",
    ),
    "no mask": (_cosine_variant(lambda c, mask: 1 - c.mean()), "Padding counts like a word: the mask is not used."),
    "cosine zero at the padding": (
        _cosine_variant(lambda c, mask: 1 - (c * mask).mean()),
        "You set the cosine of the padding to 0 and averaged over all tokens: each padding costs 1.",
    ),
    "divided by all tokens": (
        _cosine_variant(lambda c, mask: ((1 - c) * mask).mean()),
        "The mean still divides by *all* tokens. Short sentences would cost less.",
    ),
    "dot product": (
        lambda s, t, mask: (1 - (s * t).sum(-1)[mask]).mean(),
        "That is the dot product: without dividing by both lengths, long vectors win.",
    ),
    "over the tokens": (
        lambda s, t, mask: (1 - F.cosine_similarity(s, t, dim=1)).mean(),
        "Your cosine runs over the tokens. It compares two *vectors of one token*: the last dimension.",
    ),
    "a sum": (
        _cosine_variant(lambda c, mask: (1 - c)[mask].sum()),
        "You added the tokens up. Take the mean, or long sentences cost more.",
    ),
    "padding instead": (
        _cosine_variant(lambda c, mask: (1 - c)[~mask].mean()),
        "You compare the padding. The mask is True where a token counts.",
    ),
    "sentence by sentence": (
        _cosine_variant(lambda c, mask: ((1 - c) * mask).sum(1).div(mask.sum(1)).mean()),
        "You took the mean of each sentence first. Then a word of a short sentence weighs more than one of a long one.",
    ),
    "over the tokens that count": (
        lambda s, t, mask: (1 - F.cosine_similarity(s[mask], t[mask], dim=0)).mean(),
        "Your cosine runs over the tokens. It compares two *vectors of one token*: the last dimension, also after "
        "selecting.",
    ),
    "pooled first": (
        lambda s, t, mask: (
            1 - F.cosine_similarity((s * mask[..., None]).sum(1), (t * mask[..., None]).sum(1), dim=-1)
        ).mean(),
        "You added up the tokens of a sentence first. Compare token with token.",
    ),
}


def _ask_hidden_cosine_loss(ask):
    mask = _lengths_mask(6, 2, 4)

    def draw():
        return *(torch.randn(3, 6, 5, requires_grad=True) for _ in range(2)), mask

    student, teacher, _ = _apart(draw, _hidden_cosine_loss, _COSINE_MISTAKES)
    answer = ask(student, teacher, mask)
    _expect(answer, _COSINE_MISTAKES, student, teacher, mask)
    answer.is_number()
    answer.equals(_hidden_cosine_loss(student, teacher, mask), "The value is off: the mean of 1 - cosine.")
    same = ask(2.5 * teacher.detach(), teacher.detach(), mask)
    same.holds(
        abs(float(torch.as_tensor(same.value).detach())) < 1e-5,
        "Vectors of the same direction must cost nothing, however long they are.",
    )
    answer.gradient(0)
    _teacher_stands_still(answer)


hidden_cosine_loss = Exercise(
    place=5,
    title="The direction only",
    minutes=5,
    difficulty="easy",
    reference=_hidden_cosine_loss,
    questions=_ask_hidden_cosine_loss,
    hints=(
        "Two vectors of one token: their cosine is 1 if they point the same way. The loss should then be 0.",
        "`F.cosine_similarity(a, b, dim=-1)` gives one number for each token, (N, L).",
        "`cosine = F.cosine_similarity(student_states, teacher_states.detach(), dim=-1)`, then `(1 - cosine[mask]).mean()`.",
    ),
    wrong={
        **_COSINE_MISTAKES,
        "teacher cut off in place": (
            lambda s, t, mask: (1 - F.cosine_similarity(s, t.detach_(), dim=-1)[mask]).mean(),
            "in place",
        ),
        "teacher moves": (
            lambda s, t, mask: (1 - F.cosine_similarity(s, t, dim=-1)[mask]).mean(),
            "flows into the teacher",
        ),
    },
)

# 6 --------------------------------------------------------------------------------------------------------------------


def _attention_kl_loss(student_scores, teacher_scores, mask):
    """KL(teacher's attention || student's), the mean over heads and tokens that look; scores (N, heads, L, L)."""
    hidden = ~mask[:, None, None, :]
    log_q = F.log_softmax(student_scores.masked_fill(hidden, -1e9), dim=-1)
    log_p = F.log_softmax(teacher_scores.detach().masked_fill(hidden, -1e9), dim=-1)
    each = (log_p.exp() * (log_p - log_q)).sum(-1)  # (N, heads, L): one for each token that looks
    return each.transpose(1, 2)[mask].mean()


def _kl_variant(
    reduce=lambda each, mask: each.sum(-1).transpose(1, 2)[mask].mean(),
    hide=lambda scores, mask: scores.masked_fill(~mask[:, None, None, :], -1e9),
    each=lambda log_p, log_q: log_p.exp() * (log_p - log_q),
    dim=-1,
):
    def attention_kl_loss(student_scores, teacher_scores, mask):
        log_q = F.log_softmax(hide(student_scores, mask), dim=dim)
        log_p = F.log_softmax(hide(teacher_scores.detach(), mask), dim=dim)
        return reduce(each(log_p, log_q), mask)

    return attention_kl_loss


def _no_logarithm(log_p, log_q):
    """What F.kl_div gives for each entry when it gets the student's probabilities."""
    return log_p.exp() * (log_p - log_q.exp())


_KL_MISTAKES = {
    "the other direction": (
        _kl_variant(each=lambda log_p, log_q: log_q.exp() * (log_q - log_p)),
        "That is KL(student || teacher). The teacher's weights decide what counts: lesson 02.",
    ),
    "cross-entropy": (
        _kl_variant(each=lambda log_p, log_q: -(log_p.exp() * log_q)),
        "That is the cross-entropy. Its gradient is right, but it does not reach 0 when the student agrees.",
    ),
    "no mask": (
        _kl_variant(hide=lambda scores, mask: scores, reduce=lambda each, mask: each.sum(-1).mean()),
        "The mask is not used: padding looks, and is looked at.",
    ),
    "padding looks": (
        _kl_variant(reduce=lambda each, mask: each.sum(-1).mean()),
        "Padding is not looked *at*, but it still looks: its rows are in your mean. Keep the rows of tokens that count.",
    ),
    "padding is looked at": (
        _kl_variant(hide=lambda scores, mask: scores),
        "You left out the rows of the padding, but in the other rows softmax still spends weight on it. Hide its columns "
        "before softmax.",
    ),
    "sum over the rows": (
        _kl_variant(reduce=lambda each, mask: each.sum(-1).transpose(1, 2)[mask].sum() / len(mask)),
        "You divided by the number of sentences only (as `batchmean` does): long sentences and many heads make it large.",
    ),
    "heads summed": (
        _kl_variant(reduce=lambda each, mask: each.sum(-1).transpose(1, 2)[mask].sum(-1).mean()),
        "You summed over the heads. Take their mean.",
    ),
    "mean over what is looked at": (
        _kl_variant(reduce=lambda each, mask: each.mean(-1).transpose(1, 2)[mask].mean()),
        "You took the mean over the columns too. KL is a *sum* over the tokens that are looked at.",
    ),
    "softmax over the rows": (
        _kl_variant(dim=-2),
        "Your softmax runs over the tokens that look. Each row is one distribution: the last dimension.",
    ),
    "kl_div's mean": (
        _kl_variant(reduce=lambda each, mask: each.mean()),
        "You took the mean over every entry of the table (as `reduction='mean'` does), columns and padding too. KL is a "
        "*sum* over the tokens that are looked at; then comes a mean over those that look, without the padding.",
    ),
    "kl_div's batchmean": (
        _kl_variant(reduce=lambda each, mask: each.sum() / len(mask)),
        "You divided by the number of sentences only (as `batchmean` does), and the rows of the padding are in your sum. "
        "The mean is over all heads and all tokens that look.",
    ),
    "plain probabilities": (
        _kl_variant(each=_no_logarithm),
        "Your student's weights went in without a logarithm: `F.kl_div` wants *log*-probabilities of the student first.",
    ),
    "plain probabilities, batchmean": (
        _kl_variant(each=_no_logarithm, reduce=lambda each, mask: each.sum() / len(mask)),
        "Your student's weights went in without a logarithm: `F.kl_div` wants *log*-probabilities of the student first.",
    ),
    "plain probabilities, heads summed": (
        _kl_variant(each=_no_logarithm, reduce=lambda each, mask: each.sum(-1).transpose(1, 2)[mask].sum(-1).mean()),
        "Your student's weights went in without a logarithm: `F.kl_div` wants *log*-probabilities of the student first.",
    ),
    "plain probabilities, mean": (
        _kl_variant(each=_no_logarithm, reduce=lambda each, mask: each.mean()),
        "Your student's weights went in without a logarithm: `F.kl_div` wants *log*-probabilities of the student first.",
    ),
    "scores set to zero": (
        _kl_variant(hide=lambda scores, mask: scores * mask[:, None, None, :]),
        "You set the scores of the padding to 0. A score of 0 is an ordinary score: softmax makes a positive weight of it.",
    ),
    "hidden after softmax": (
        _kl_variant(
            hide=lambda scores, mask: scores,
            reduce=lambda each, mask: (each * mask[:, None, None, :]).sum(-1).transpose(1, 2)[mask].mean(),
        ),
        "You hid the padding after softmax: the weights of a row no longer sum to 1. Hide it before.",
    ),
    "sentence by sentence": (
        _kl_variant(
            reduce=lambda each, mask: torch.stack(
                [own.sum(-1).T[counts].mean() for own, counts in zip(each, mask, strict=True)]
            ).mean()
        ),
        "You took the mean of each sentence first. Then a word of a short sentence weighs more than one of a long one.",
    ),
    "squared weights": (
        _kl_variant(each=lambda log_p, log_q: (log_p.exp() - log_q.exp()).square()),
        "That is the squared difference of the weights, not a KL divergence.",
    ),
}


def _ask_attention_kl_loss(ask):
    mask = _lengths_mask(5, 2, 4)

    def draw():
        return *(torch.randn(3, 2, 5, 5, requires_grad=True) for _ in range(2)), mask

    student, teacher, _ = _apart(draw, _attention_kl_loss, _KL_MISTAKES)
    answer = ask(student, teacher, mask)
    _expect(answer, _KL_MISTAKES, student, teacher, mask)
    answer.is_number()
    if torch.as_tensor(answer.value).isnan():
        whole = ask(student, teacher, torch.ones_like(mask))
        whole.holds(
            not torch.as_tensor(whole.value).isnan(),
            "The result is nan, even without any padding. Scores may be negative, and a negative number has no logarithm: "
            "softmax comes first.",
        )
    answer.holds(
        not torch.as_tensor(answer.value).isnan(),
        "The result is nan. With -inf at the padding the weight there is 0 and its logarithm -inf, and their product is no "
        "number. A large negative number such as -1e9 hides as well.",
    )
    answer.equals(
        _attention_kl_loss(student, teacher, mask),
        "The value is off. Hide columns, two log-softmaxes, p (log p - log q), sum over the columns, keep the rows that "
        "count, mean: which of the six steps differs?",
    )
    same = ask(teacher.detach() + 3.0, teacher.detach(), mask)
    same.holds(
        abs(float(torch.as_tensor(same.value).detach())) < 1e-5,
        "A student that looks where its teacher looks must pay nothing.",
    )
    answer.gradient(0).holds(answer.gradient(0).value.isfinite().all(), "The gradient has nan in it.")
    _teacher_stands_still(answer)


attention_kl_loss = Exercise(
    place=6,
    title="Look where the teacher looks",
    minutes=12,
    difficulty="hard",
    reference=_attention_kl_loss,
    questions=_ask_attention_kl_loss,
    hints=(
        "Each row of an attention map is a distribution over the tokens that are looked at. You have compared "
        "distributions since lesson 02.",
        "The mask is needed twice: no row may spend weight on padding (hide columns before softmax), and rows *of* padding "
        "do not count in the mean.",
        "`log_softmax` of both `scores.masked_fill(~mask[:, None, None, :], -1e9)`; sum p (log p - log q) over the last "
        "dimension: (N, heads, L). `.transpose(1, 2)[mask]` keeps the rows that count.",
    ),
    wrong={
        **_KL_MISTAKES,
        "nan": (
            _kl_variant(hide=lambda scores, mask: scores.masked_fill(~mask[:, None, None, :], float("-inf"))),
            "its logarithm -inf",
        ),
        "logarithm of scores": (
            lambda s, t, mask: (t.detach().softmax(-1) * (t.detach().log() - s.log())).sum(-1).mean(),
            "softmax comes first",
        ),
        "teacher cut off in place": (
            lambda s, t, mask: losses.attention_kl_loss(s, t.detach_(), mask=mask),
            "in place",
        ),
        "teacher moves": (
            lambda s, t, mask: (
                losses.attention_kl_loss(s, t, mask=mask)
                + losses.attention_kl_loss(t, t, mask=mask)
                + (t - t.detach()).sum()
            ),
            "flows into the teacher",
        ),
    },
)

# 7 --------------------------------------------------------------------------------------------------------------------


def _value_relation_loss(student_values, teacher_values, mask):
    """KL(teacher || student) of softmax(V Vᵀ / √d), the mean over the tokens that count; values (N, L, own width)."""
    student, teacher = (v @ v.transpose(1, 2) / v.shape[-1] ** 0.5 for v in (student_values, teacher_values))
    return losses.attention_kl_loss(student[:, None], teacher[:, None], mask=mask)


def _relation_variant(relate=None, scale=lambda v, s, t: v.shape[-1] ** 0.5, loss=None):
    relate = relate or (lambda v: v @ v.transpose(1, 2))
    loss = loss or (lambda s, t, mask: losses.attention_kl_loss(s[:, None], t[:, None], mask=mask))

    def value_relation_loss(student_values, teacher_values, mask):
        both = student_values, teacher_values
        return loss(*(relate(v) / scale(v, *both) for v in both), mask)

    return value_relation_loss


_RELATION_MISTAKES = {
    "no scale": (
        _relation_variant(scale=lambda v, s, t: 1.0),
        "The products are not divided by √d. A wide teacher would have sharper relations just for being wide.",
    ),
    "one width for both": (
        _relation_variant(scale=lambda v, s, t: s.shape[-1] ** 0.5),
        "You divided both by the root of the *student's* width. Each has its own.",
    ),
    "the teacher's width for both": (
        _relation_variant(scale=lambda v, s, t: t.shape[-1] ** 0.5),
        "You divided both by the root of the *teacher's* width. Each has its own.",
    ),
    "divided by d": (_relation_variant(scale=lambda v, s, t: v.shape[-1]), "You divided by d. It is √d."),
    "cosines": (
        _relation_variant(relate=lambda v: F.normalize(v, dim=-1) @ F.normalize(v, dim=-1).transpose(1, 2)),
        "You made all vectors of length 1 first. MiniLM does not: long values relate more strongly.",
    ),
    "the other direction": (
        _relation_variant(loss=lambda s, t, mask: losses.attention_kl_loss(t[:, None], s[:, None], mask=mask)),
        "Student and teacher are in each other's place: student first, then teacher.",
    ),
    "squared difference": (
        _relation_variant(loss=lambda s, t, mask: (s - t)[mask[:, None] & mask[:, :, None]].square().mean()),
        "That is the squared difference of the products. Compare the distributions that softmax makes of them.",
    ),
    "softmax twice": (
        _relation_variant(
            loss=lambda s, t, mask: losses.attention_kl_loss_core(
                s.softmax(-1)[:, None], t.softmax(-1)[:, None], mask=mask
            )
        ),
        "Softmax was taken twice: attention_kl_loss wants *scores* and does it itself.",
    ),
    "no mask": (
        _relation_variant(loss=lambda s, t, mask: losses.attention_kl_loss(s[:, None], t[:, None])),
        "The mask does not reach attention_kl_loss: padding has relations too.",
    ),
}


def _ask_value_relation_loss(ask):
    mask = _lengths_mask(6, 3, 4)

    def draw():
        return torch.randn(3, 6, 4, requires_grad=True), torch.randn(3, 6, 9), mask

    student, teacher, _ = _apart(draw, _value_relation_loss, _RELATION_MISTAKES)
    answer = ask(student, teacher, mask)
    _expect(answer, _RELATION_MISTAKES, student, teacher, mask)
    answer.is_number()
    right = _value_relation_loss_reference(student, teacher, mask)
    answer.equals(right, "The value is off: products of all pairs of tokens, divided by √d, then attention_kl_loss.")
    rotation = torch.linalg.qr(torch.randn(9, 9)).Q
    turned = ask(student, teacher @ rotation, mask)
    turned.holds(
        torch.allclose(torch.as_tensor(turned.value), right, atol=1e-3),
        "Turning the teacher's vectors changes your loss. Compare relations only.",
    )
    answer.gradient(0)


def _value_relation_loss_reference(student, teacher, mask):
    return _relation_variant()(student, teacher, mask)


value_relation_loss = Exercise(
    place=7,
    title="Relations need no projection",
    minutes=10,
    difficulty="hard",
    reference=_value_relation_loss,
    questions=_ask_value_relation_loss,
    hints=(
        "Which table of L × L numbers says how the tokens of one sentence relate, whatever the width?",
        "`v @ v.transpose(1, 2)` has the product of each pair of tokens. Divide by the root of the width: each model by its "
        "own. These are scores, and you have a loss for scores.",
        "Scores `v @ v.transpose(1, 2) / v.shape[-1] ** 0.5` for both, `[:, None]` makes them one head, then "
        "`losses.attention_kl_loss(student, teacher, mask=mask)`.",
    ),
    wrong=_RELATION_MISTAKES,
)

# Quiz -----------------------------------------------------------------------------------------------------------

quiz = Quiz(
    Question(
        "A padded sentence gets other logits when it is padded further. What is the likeliest cause?",
        (
            Option(
                "Padding tokens are looked at, or counted in the mean.", "Right. A mask belongs in both places.", True
            ),
            Option("The embedding of id 0 is random.", "It may be anything, if nobody looks at it."),
            Option("Dropout is on.", "Then the logits would change without any padding, too."),
        ),
    ),
    Question(
        "Your student is 64 wide, its teacher 384. Which of these can you compare without a projection?",
        (
            Option("Hidden states, with a cosine.", "A cosine needs two vectors of one width."),
            Option(
                "Value relations, with KL.",
                "Right. L × L numbers, whatever the width, and no rotation changes them.",
                True,
            ),
            Option("Hidden states, if both are normalised.", "64 numbers and 384 numbers stay different numbers."),
        ),
    ),
    Question(
        "200 sentences are labelled, 7400 are not. Where does nearly all of the gain from the frozen-encoder teacher come "
        "from?",
        (
            Option(
                "From sentences: the teacher can answer about the unlabelled ones.",
                "Right. On the same 200 sentences it gives the student nothing that can be measured.",
                True,
            ),
            Option(
                "From the softness of its answers.",
                "Its bare decisions do nearly as well: that control is in the figure.",
            ),
            Option(
                "From labels that the teacher has seen and the student has not.",
                "Its head was trained on the same 200.",
            ),
        ),
    ),
    Question(
        "Someone trains a student on 200 labels, and its teacher was fine-tuned on all 7605. The student gains much. What is "
        "wrong with calling that distillation from 200 labels?",
        (
            Option("Nothing: the student saw only 200.", "The other labels reach it through the teacher."),
            Option(
                "The teacher brings labels along that the baseline did not get.",
                "Right. Ask what the teacher saw: line 8 of the checklist in lesson 06.",
                True,
            ),
            Option("A teacher must never be fine-tuned.", "It may. But say so, and compare like with like."),
        ),
    ),
    Question(
        "In a hidden-state loss you take the mean of each sentence first, then the mean over sentences. What changes?",
        (
            Option("Nothing.", "Only if all sentences have the same length."),
            Option("Words of short sentences get more weight.", "Right.", True),
            Option("Long sentences get more weight.", "The other way round: their words have to share."),
        ),
    ),
)
