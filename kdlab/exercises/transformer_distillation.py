"""Exercises of lesson 11, transformer distillation."""

import torch
from torch.nn import functional as F

from kdlab import losses
from kdlab.exercises.core import Answer, Exercise, Option, Question, Quiz
from kdlab.exercises.engine.mutations import by_parts

# A draw has `rows` sentences of at most `classes` tokens; `tokens` and `width` serve as widths, or as numbers of heads.


def _lengths_mask(draw):
    """bool (sentences, tokens) as padding makes it: lengths that differ, and one sentence without padding."""
    lengths = torch.randint(1, draw.classes, (draw.rows,))
    lengths[1:2] = draw.classes
    return torch.arange(draw.classes) < lengths[:, None]


def _sentence_by_sentence(each, mask):
    return torch.stack([own[counts].mean() for own, counts in zip(each, mask, strict=True)]).mean()


# What a loss may make of one number for each token (N, L), in place of the mean over the tokens that count.
REDUCTIONS = {
    "You took the mean of each sentence first: words of short sentences weigh more then.": _sentence_by_sentence,
    "Your sum leaves padding out, but the mean still divides by *all* tokens.": lambda each, mask: (each * mask).mean(),
    "Your sum holds padding, too; what you divide by does not.": lambda each, mask: each.sum() / mask.sum(),
    "You added the tokens up. Take the mean, or long sentences cost more.": lambda each, mask: each[mask].sum(),
    "You added the tokens up, padding included. Take the mean of those that count.": lambda each, mask: each.sum(),
    "You divided by the number of sentences, not of tokens that count.": lambda each, mask: (
        each[mask].sum() / len(mask)
    ),
    "You divided by the number of sentences, and padding is in your sum.": lambda each, mask: each.sum() / len(mask),
    "Only the first token of each sentence is in your loss.": lambda each, mask: each[:, 0].mean(),
    "You took the root of the mean. The loss is the mean itself.": lambda each, mask: each[mask].mean().sqrt(),
    "You took the root of the sum. The loss is a mean, without a root.": lambda each, mask: each[mask].sum().sqrt(),
}

# 1 --------------------------------------------------------------------------------------------------------------------


def _pad_and_mask(rows):
    """ids int64 (N, L), filled up with 0 to the longest row, and mask bool (N, L), True where a token counts."""
    longest = max(len(row) for row in rows)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[place < len(row) for place in range(longest)] for row in rows])
    return ids, mask


def _padded(counts=lambda i, n: i < n, longest=max, fill=0, left=False):
    """`counts(place, length)` makes the mask, `longest(lengths)` the number of columns."""

    def pad_and_mask(rows):
        length = longest([len(row) for row in rows])
        more = [[fill] * (length - len(row)) for row in rows]
        ids = torch.tensor([(m + row if left else row + m)[:length] for row, m in zip(rows, more, strict=True)])
        mask = torch.tensor([[counts(place, len(row)) for place in range(length)] for row in rows])
        return ids, mask.flip(1) if left else mask

    return pad_and_mask


def _changed(ids=lambda ids: ids, mask=lambda mask: mask):
    """The right answer with one or both of its values changed."""
    return lambda rows: (ids(_pad_and_mask(rows)[0]), mask(_pad_and_mask(rows)[1]))


def _ask_kinds(ask):
    answer = ask([[5, 7, 11], [9]]).is_sequence(2, "ids, mask")
    ids, mask = (Answer(part).is_tensor() for part in answer.value)
    ids.holds(ids.value.dtype == torch.int64, f"Right, but the ids are {ids.value.dtype}: make them int64, `.long()`.")
    mask.holds(
        mask.value.dtype == torch.bool,
        f"Right, but your mask is {mask.value.dtype}: make it bool. Numbers cannot select, and `~` does something else.",
    )


pad_and_mask = Exercise(
    place=1,
    title="Padding and mask",
    minutes=6,
    difficulty="easy",
    reference=_pad_and_mask,
    draw=lambda draw: {"rows": [torch.randint(3, 900, (n,)).tolist() for n in _lengths_mask(draw).sum(1)]},
    questions=_ask_kinds,
    hints=(
        "How long is the longest row? How many zeros does each of the others need?",
        "`row + [0] * k` appends k zeros to a list. `place < len(row)` says whether something stands at a place.",
        "`torch.tensor([row + [0] * (longest - len(row)) for row in rows])`, and likewise a list of lists of "
        "`place < len(row)` for the mask.",
    ),
    cases={"Right for many rows, wrong for one: ids and mask are (1, L).": lambda draw: {"rows": [[5, 7, 11]]}},
    mistakes={
        "Your mask is True at the padding. Here True means: this token *counts*.": _changed(mask=torch.logical_not),
        "You put the padding in front: words get the positions of later ones. Fill up at the end.": (
            _padded(left=True),
            lambda rows: (_padded(left=True)(rows)[0], _pad_and_mask(rows)[1]),
        ),
        "Your rows are too short: no word may be lost. Fill up to the *longest* sentence.": tuple(
            _padded(longest=n) for n in (min, lambda n: n[0], lambda n: n[-1], lambda n: max(n) - 1)
        ),
        "Your rows are longer than the longest sentence. A column in which nothing counts costs time.": tuple(
            _padded(longest=n) for n in (lambda n: max(n) + 1, sum, lambda n: 32)
        ),
        "Your padding is another number than 0.": tuple(_padded(fill=fill) for fill in (-1, 1, 2, -100)),
        "Your mask lets one padding of each short sentence count: is it < or ≤?": _padded(lambda i, n: i <= n),
        "Your mask leaves out the last token. Places count from 0.": _padded(lambda i, n: i < n - 1),
        "Your mask leaves out the first token, which counts.": _padded(lambda i, n: 0 < i < n),
        "Your mask starts one place late: places count from 0.": _padded(lambda i, n: 0 < i <= n),
        "Your mask is True everywhere: then padding counts as much as words.": _padded(lambda i, n: True),
        "The two are swapped: first the ids, then the mask.": lambda rows: _pad_and_mask(rows)[::-1],
        "Your rows stand in another order, by length.": lambda rows: _pad_and_mask(sorted(rows, key=len, reverse=True)),
        "Each sentence should be a row, (N, L); yours is a column (pad_sequence: batch_first).": _changed(
            torch.t, torch.t
        ),
    },
    wrong={
        "lists made longer": (lambda rows: [row.append(0) for row in rows] and _pad_and_mask(rows), "append, extend"),
        "mask of floats": (_changed(mask=torch.Tensor.float), "True and False"),
        "mask of whole numbers": (_changed(mask=torch.Tensor.long), "make it bool"),
        "short ids": (_changed(torch.Tensor.int), "int64"),
        "only ids": (lambda rows: _pad_and_mask(rows)[0], "Return 2 values"),
        "lists": (_changed(torch.Tensor.tolist, torch.Tensor.tolist), "torch tensor"),
        "not filled up": (lambda rows: (torch.tensor(rows), torch.tensor(rows) != 0), "fill them up first"),
        "two at once": (_padded(lambda i, n: i >= n, fill=-1), "second value is off. Your mask is True at"),
    },
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _attention(queries, keys, values, mask):
    """softmax(queries · keys / √d) · values for each head; no token looks at a masked one. Shape of the values."""
    scores = queries @ keys.transpose(-1, -2) / queries.shape[-1] ** 0.5
    scores = scores.masked_fill(~mask[:, None, None, :], float("-inf"))
    return scores.softmax(-1) @ values


def _filled(*fills, hidden=lambda s, k: ~k):
    """Other scores for the padding, or for what else is hidden."""
    return tuple(lambda s, k, fill=fill: s.masked_fill(hidden(s, k), fill) for fill in fills)


def _attention_by(
    pair=lambda q, k: q @ k.mT, scale=lambda q: q.shape[-1] ** 0.5, hide=None, weigh=lambda s: s.softmax(-1)
):
    """Attention with other products or scales, another `hide(scores, who is looked at)`, or other weights."""
    (hide,) = (hide,) if hide else _filled(-1e9)
    return lambda q, k, v, mask: weigh(hide(pair(q, k) / scale(q), mask[:, None, None, :])) @ v


_ATTENTION = by_parts(
    _attention_by,
    pair={
        "Queries and keys are swapped: row i of the scores is that of the *query* of token i.": lambda q, k: k @ q.mT
    },
    scale={
        "The scores are not divided by √d: they grow with d, and softmax becomes a hard choice.": lambda q: 1.0,
        "You divided by d. A sum of d products varies like √d.": lambda q: q.shape[-1],
        "You multiplied by √d. A sum of products is too large already: divide.": lambda q: q.shape[-1] ** -0.5,
        "You divided by the root of the number of tokens. d is the width of a head.": lambda q: q.shape[-2] ** 0.5,
        "You divided by the root of the number of heads. d is the width of a head.": lambda q: q.shape[1] ** 0.5,
        "You divided by the root of all heads' width. d is that of one.": lambda q: (q.shape[1] * q.shape[-1]) ** 0.5,
    },
    hide={
        "Padding is looked at: the mask is not used, or only on the tokens that look.": lambda s, k: s,
        "You hid the tokens that count, where the mask is True.": _filled(-torch.inf, -1e9, hidden=lambda s, k: k),
        "You set the scores of the padding to 0 (1e-9?): softmax makes a positive weight of that.": _filled(0.0),
        "You add the mask to the scores: 1 more for a token that counts hides nothing.": lambda s, k: s + k,
        "A large *positive* score draws all attention to the padding: the minus sign is missing.": _filled(1e9),
        "Your score at the padding is not low enough: it still gets some weight. -1e9 is.": _filled(-1.0, -5.0, -10.0),
        "You hide what comes later, as a decoder does. Here a token looks at all tokens that count.": (
            _filled(-torch.inf, -1e9, hidden=lambda s, k: ~k | torch.ones_like(s).triu(1).bool())
        ),
        "0 · -inf is nan: put -inf in with masked_fill, do not multiply by it.": lambda s, k: s + ~k * -torch.inf,
    },
    weigh={
        "Your softmax runs over the tokens that look. Each *row* must sum to 1, dim=-1.": lambda s: s.softmax(-2),
        "Your softmax runs over the heads. Each *row* must sum to 1, dim=-1.": lambda s: s.softmax(1),
        "Your softmax runs over the sentences. Each *row* must sum to 1, dim=-1.": lambda s: s.softmax(0),
        "A weight of -1e9 meets the values: hide before softmax, which is no log_softmax.": lambda s: s.log_softmax(-1),
        "The weights do not sum to 1: softmax divides exp by its sum.": lambda s: s.exp(),
        "The weights are turned round: row i says what token i takes from the others.": lambda s: s.softmax(-1).mT,
    },
)


def _attention_draw(draw, padding=1.0):
    """Queries, keys and values (N, heads, L, d); the values of masked tokens are multiplied by `padding`."""
    mask = _lengths_mask(draw)
    q, k, v = (1.2 * torch.randn(draw.rows, draw.tokens, draw.classes, draw.width) for _ in range(3))
    return {"queries": q, "keys": k, "values": torch.where(mask[:, None, :, None], v, padding * v), "mask": mask}


def _ask_attention(ask):
    mask = torch.arange(6) < torch.tensor([[6], [3]])
    answer = ask(*(torch.randn(2, 2, 6, 4) for _ in range(3)), mask).is_tensor((2, 2, 6, 4))
    answer.holds(
        answer.value.isfinite().all(),
        "There is nan in the rows of masked tokens: you hid *everything* from them, and softmax of nothing is 0 / 0. Hide "
        "what is looked at, not who looks.",
    )


attention = Exercise(
    place=2,
    title="Attention with a mask",
    minutes=12,
    difficulty="medium",
    reference=_attention,
    draw=_attention_draw,
    view=lambda value, a: value.masked_fill(~a["mask"][:, None, :, None], 0.0) if value.ndim == 4 else value,
    questions=_ask_attention,
    hints=(
        "Five steps: score every pair of tokens, divide, hide the padding, softmax over the tokens that are looked at, "
        "mix the values.",
        "`keys.transpose(-1, -2)` turns the keys for the product. `scores.masked_fill(where, float('-inf'))` hides; the "
        "mask must become (N, 1, 1, L) for that.",
        "`scores = queries @ keys.transpose(-1, -2) / queries.shape[-1] ** 0.5`, then "
        "`scores.masked_fill(~mask[:, None, None, :], float('-inf')).softmax(-1) @ values`.",
    ),
    cases={
        "Nearly right: the padding still has some weight. Its score should be -1e9.": lambda draw: _attention_draw(
            draw, 1e6
        ),
    },
    mistakes=_ATTENTION["mistakes"]
    | {
        "F.scaled_dot_product_attention wants True where a token counts; you gave it the opposite.": (
            lambda q, k, v, mask: F.scaled_dot_product_attention(q, k, v, ~mask[:, None, None, :])
        ),
        "You hid the padding after softmax: the weights of a row no longer sum to 1. Hide it before.": (
            lambda q, k, v, mask: _attention(q, k, v * mask[:, None, :, None], mask | True)
        ),
        "The raw scores are used as weights: softmax is missing.": _attention_by(
            hide=lambda s, k: s * k, weigh=lambda s: s
        ),
        "Those are the weights. Mix the values with them.": lambda q, k, v, m: _attention(
            q, k, torch.eye(k.shape[2]), m
        ),
    },
    pairs=_ATTENTION["pairs"],
    wrong={
        "both sides masked": (
            _attention_by(hide=lambda s, k: s.masked_fill(~(k & k.mT), -torch.inf)),
            "softmax of nothing",
        ),
        "axes turned": (lambda q, k, v, m: _attention(q, k, v, m).transpose(1, 2), "another order"),
        "hidden a little": (_attention_by(hide=lambda s, k: s.masked_fill(~k, -20.0)), "Nearly right"),
        "two at once": (_attention_by(scale=lambda q: 1.0, weigh=lambda s: s.softmax(-2)), "Two things at once"),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _layer_map(teacher_layers, student_layers):
    """For each layer of the student, from below: the teacher's layer that ends the same share of the way, from 1."""
    block = teacher_layers // student_layers
    return [block * layer for layer in range(1, student_layers + 1)]


def _as_list(value, arguments):
    """A range, a tensor or an array of layers serves as well as a list."""
    return list(value) if isinstance(value, range) else value.tolist() if getattr(value, "ndim", 0) == 1 else value


def _ask_whole_numbers(ask):
    answer = ask(12, 4)
    answer.holds(
        not any(torch.as_tensor(layer).is_floating_point() for layer in answer.value),
        "Right, but layers are counted: whole numbers, or `states[layer]` fails. `/` makes a float, `//` does not.",
    )


def _steps(evidence):
    """How the layers go up, and how they should."""
    arguments, value, wanted = evidence.cases[0]
    steps = {f"{after - before:g}": None for before, after in zip(value, value[1:], strict=False)}
    return (
        f"For {arguments['teacher_layers']} and {arguments['student_layers']} layers yours begin with {value[0]:g} and go up "
        f"in steps of {' and '.join(steps)}. A step should be a whole block, teacher_layers // student_layers = {wanted[0]}, "
        "and the first layer is where the first block ends."
    )


layer_map = Exercise(
    place=3,
    title="Who answers for whom",
    minutes=4,
    difficulty="easy",
    reference=_layer_map,
    draw=lambda draw: {"teacher_layers": draw.tokens * draw.classes, "student_layers": draw.tokens},
    view=_as_list,
    questions=_ask_whole_numbers,
    properties=(_steps,),
    hints=(
        "Cut the teacher into as many equal blocks as the student has layers. Each layer of the student does one block's "
        "work.",
        "After its work a layer should be where the block *ends*. A block has `teacher_layers // student_layers` layers.",
        "`[block * layer for layer in range(1, student_layers + 1)]`",
    ),
    cases={
        "A student of one layer ends where its teacher ends.": lambda draw: {"teacher_layers": 5, "student_layers": 1},
        "With equally many layers, each answers for its own.": lambda draw: {"teacher_layers": 4, "student_layers": 4},
    },
    mistakes={
        "You took the *first* layer of each block. Take the last, which ends it.": lambda t, s: [*range(1, t, t // s)],
        "Number 0 is the embedding. Layer 1 does the work of a whole block.": lambda t, s: [*range(0, t, t // s)],
        "Those are the right layers counted from 0; here from 1.": lambda t, s: [*range(t // s - 1, t, t // s)],
        "Those are all one too high.": lambda t, s: [*range(t // s + 1, t + 2, t // s)],
        "Those are the teacher's last layers. Spread them over all of it.": lambda t, s: [*range(t - s + 1, t + 1)],
        "Those are the teacher's first layers. Spread them over all of it.": lambda t, s: [*range(1, s + 1)],
        "The order is from below: first the layer for the student's first.": lambda t, s: _layer_map(t, s)[::-1],
        "Those are the whole blocks. Name one layer for each: the one with which the block's work is done.": (
            lambda t, s: [[*range(end - t // s + 1, end + 1)] for end in _layer_map(t, s)]
        ),
        "One too many: the embedding (0) is no layer.": lambda t, s: [0, *_layer_map(t, s)],
        "The teacher's last layer is missing: a range stops before its end.": lambda t, s: _layer_map(t, s)[:-1],
        "Your steps are as long as the student has layers. A step is a block.": lambda t, s: [*range(s, t + 1, s)],
        "That is the length of a block, the same for all. Name the layer that ends each.": lambda t, s: [t // s] * s,
        "All of them answer for the teacher's last layer. Each has a block of its own.": lambda t, s: [t] * s,
        "All of the teacher's layers: one for each of the *student's* is asked.": lambda t, s: [*range(1, t + 1)],
        "Those are pairs of student and teacher. Return the teacher's layers alone, in the student's order.": (
            lambda t, s: list(enumerate(_layer_map(t, s), 1)),
            lambda t, s: dict(enumerate(_layer_map(t, s), 1)),
        ),
    },
    wrong={
        "floats": (lambda t, s: [t / s * k for k in range(1, s + 1)], "whole numbers"),
        "a tensor of floats": (lambda t, s: torch.arange(1, s + 1) * (t / s), "whole numbers"),
        "the middles of the blocks": (lambda t, s: [t // s * k - t // s // 2 for k in range(1, s + 1)], "begin with 3"),
        "evenly spread": (lambda t, s: torch.linspace(1, t, s).tolist(), "go up in steps of 7."),
        "a block alone": (lambda t, s: t // s, "Return 3 values"),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _hidden_state_loss(student_states, teacher_states, projection, mask):
    """Mean of (student @ projection - teacher)² over the tokens that count and the teacher's width."""
    difference = student_states @ projection - teacher_states.detach()
    return difference[mask].square().mean()


def _state_loss_by(each=lambda d: d.square().mean(-1), reduce=lambda each, mask: each[mask].mean()):
    """The loss with another number `each(difference)` for each token, or another `reduce(numbers, mask)`."""
    return lambda s, t, projection, mask: reduce(each(s @ projection - t.detach()), mask)


_STATES = by_parts(
    _state_loss_by,
    each={
        "You summed over the width. Take the mean: a wide teacher must not cost more.": lambda d: d.square().sum(-1),
        "Those are distances. The loss has the *squared* differences.": lambda d: d.norm(dim=-1),
        "Square the differences; you took their absolute values.": lambda d: d.abs().mean(-1),
        "You took a mean first and squared then: the differences cancel out.": lambda d: d.mean(-1).square(),
        "The differences are not squared: they cancel out.": lambda d: d.mean(-1),
        "A Huber loss: square the large ones, too.": lambda d: F.huber_loss(d, 0 * d, reduction="none").mean(-1),
    },
    reduce=REDUCTIONS,
)

hidden_state_loss = Exercise(
    place=4,
    title="Hidden states, another width",
    minutes=8,
    difficulty="medium",
    reference=_hidden_state_loss,
    forms=(lambda s, t, projection, mask: losses.hidden_state_loss(s, t, projection=projection, mask=mask),),
    draw=lambda draw: {
        "student_states": torch.randn(draw.rows, draw.classes, draw.tokens),
        "teacher_states": 1.5 * torch.randn(draw.rows, draw.classes, draw.width),
        "projection": torch.randn(draw.tokens, draw.width),
        "mask": _lengths_mask(draw),
    },
    gradient=("student_states", "projection"),
    hints=(
        "Bring the student's vectors to the teacher's width first. Which product does that?",
        "`difference[mask]` keeps the tokens that count: (M, width). Their mean knows nothing of padding.",
        "`difference = student_states @ projection - teacher_states.detach()`, then `difference[mask].square().mean()`.",
    ),
    mistakes=_STATES["mistakes"]
    | {
        "You divided by the student's width. After the projection there are as many numbers as the teacher has.": (
            lambda s, t, P, mask: _hidden_state_loss(s, t, P, mask) * P.shape[1] / P.shape[0]
        ),
        "Only the student is set to 0 at the padding; the teacher is not, and the mean is over all tokens.": (
            lambda s, t, P, mask: F.mse_loss(s * mask[..., None] @ P, t.detach())
        ),
        "You projected the teacher down to the student's width. What does not fit would be forgiven.": (
            lambda s, t, P, mask: (s - t.detach() @ P.T)[mask].square().mean()
        ),
        "That is the cosine loss of the next exercise.": lambda s, t, P, m: losses.hidden_cosine_loss(s @ P, t, mask=m),
    },
    pairs=_STATES["pairs"],
    wrong={
        "teacher moves": (lambda s, t, P, mask: (s @ P - t)[mask].square().mean(), "flows into `teacher_states`"),
        "teacher cut off in place": (lambda s, t, P, mask: (s @ P - t.detach_())[mask].square().mean(), "in place"),
        "no gradient": (lambda s, t, P, mask: _hidden_state_loss(s, t, P, mask).item(), "No gradient flows"),
        "student stands still": (lambda s, t, P, mask: _hidden_state_loss(s.detach(), t, P, mask), "`student_states`"),
        "projection stands still": (lambda s, t, P, mask: _hidden_state_loss(s, t, P.detach(), mask), "`projection`"),
        "padding instead": (lambda s, t, P, mask: _hidden_state_loss(s, t, P, ~mask), "turned round"),
        "no mask": (lambda s, t, P, mask: F.mse_loss(s @ P, t.detach()), "makes no difference"),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _hidden_cosine_loss(student_states, teacher_states, mask):
    """Mean of 1 - cos(student's state, teacher's state) over the tokens that count."""
    cosine = F.cosine_similarity(student_states, teacher_states.detach(), dim=-1)
    return (1 - cosine[mask]).mean()


def _cosine(s, t, dim=-1):
    return F.cosine_similarity(s, t.detach(), dim=dim)


def _divided(length):
    """The product of two vectors, divided by something else than both lengths."""
    return lambda s, t: (s * t.detach()).sum(-1) / length(s, t.detach())


def _cosine_loss_by(cosine=_cosine, end=lambda c: 1 - c, reduce=lambda each, mask: each[mask].mean()):
    """The loss with another cosine of the states, another `end(cosine)`, or another `reduce(numbers, mask)`."""
    return lambda s, t, mask: reduce(end(cosine(s, t)), mask)


_COSINE = by_parts(
    _cosine_loss_by,
    cosine={
        "That is the dot product: without dividing by both lengths, long vectors win.": _divided(lambda s, t: 1.0),
        "You do not divide by the teacher's length. The cosine divides by both.": _divided(lambda s, t: s.norm(dim=-1)),
        "You do not divide by the student's length. The cosine divides by both.": _divided(lambda s, t: t.norm(dim=-1)),
        "You divide by the squares of the lengths.": _divided(lambda s, t: s.square().sum(-1) * t.square().sum(-1)),
        "F.normalize runs over dim=1 unless you say dim=-1.": lambda s, t: (F.normalize(s) * F.normalize(t)).sum(-1),
    },
    end={
        "That is the cosine, which is *largest* when both agree. A loss must be smallest there.": lambda c: c,
        "Right up to a constant: but the loss of a perfect student is -1. Make it 0.": lambda c: -c,
        "1 + cosine is *largest* when both agree. A loss must be smallest there.": lambda c: 1 + c,
        "The sign is turned: cosine - 1 is never positive. It should be 1 - cosine.": lambda c: c - 1,
        "An opposite direction costs nothing: take the cosine itself, not its absolute value or square.": (
            lambda c: 1 - c.abs(),
            lambda c: 1 - c**2,
        ),
        "That is the square of 1 - cosine. The loss is 1 - cosine itself.": lambda c: (1 - c) ** 2,
        "That is the angle. The loss is 1 - cosine.": torch.arccos,
        "cosine_embedding_loss pushes both apart if its target is -1: give it 1.": lambda c: c.clamp(min=0),
    },
    reduce=REDUCTIONS,
)

hidden_cosine_loss = Exercise(
    place=5,
    title="The direction only",
    minutes=5,
    difficulty="easy",
    reference=_hidden_cosine_loss,
    forms=(lambda s, t, mask: losses.hidden_cosine_loss(s, t, mask=mask),),
    draw=lambda draw: {
        "student_states": 0.7 + torch.randn(draw.rows, draw.classes, draw.width),
        "teacher_states": 1.4 * torch.randn(draw.rows, draw.classes, draw.width),
        "mask": _lengths_mask(draw),
    },
    gradient=("student_states",),
    hints=(
        "Two vectors of one token: their cosine is 1 if they point the same way. The loss should then be 0.",
        "`F.cosine_similarity(a, b, dim=-1)` gives one number for each token, (N, L).",
        "`cosine = F.cosine_similarity(student_states, teacher_states.detach(), dim=-1)`, then `(1 - cosine[mask]).mean()`.",
    ),
    mistakes=_COSINE["mistakes"]
    | {
        "At the padding your cosine is 0, so that each padding costs 1. Set 1 - cosine to 0 there, or select.": (
            lambda s, t, mask: 1 - (_cosine(s, t) * mask).mean(),
            lambda s, t, mask: (1 - _cosine(s, t) * mask).sum() / mask.sum(),
        ),
        "That is the squared difference: only the direction counts.": lambda s, t, m: F.mse_loss(s[m], t[m].detach()),
        "Your vectors have length 1, but then comes a mean over the width. The *sum* of the squares is 2 (1 - cosine).": (
            lambda s, t, mask: F.mse_loss(F.normalize(s[mask], dim=-1), F.normalize(t[mask], dim=-1))
        ),
        "Your cosine runs over the tokens. It compares two *vectors of one token*: the last dimension.": (
            lambda s, t, mask: (1 - _cosine(s, t, dim=1)).mean(),
            lambda s, t, mask: (1 - _cosine(s * mask[..., None], t * mask[..., None], dim=1)).mean(),
            lambda s, t, mask: (1 - _cosine(s[mask], t[mask], dim=0)).mean(),
        ),
        "You make one long vector of several tokens. It compares two *vectors of one token*.": (
            lambda s, t, mask: 1 - _cosine(s[mask].flatten(), t[mask].flatten()),
            lambda s, t, mask: 1 - _cosine(s.flatten(), t.flatten()),
            lambda s, t, mask: (1 - _cosine(s.flatten(1), t.flatten(1))).mean(),
        ),
        "You added up the tokens of a sentence first. Compare token with token.": (
            lambda s, t, mask: (1 - _cosine(*((x * mask[..., None]).sum(1) for x in (s, t)))).mean(),
            lambda s, t, mask: (1 - _cosine(s.sum(1), t.sum(1))).mean(),
            lambda s, t, mask: 1 - _cosine(s[mask].sum(0), t[mask].sum(0)),
        ),
        "That `norm` is one number for all vectors together. Each has its own length: dim=-1.": (
            lambda s, t, mask: _cosine_loss_by(_divided(lambda s, t: s[mask].norm() * t[mask].norm()))(s, t, mask),
            _cosine_loss_by(_divided(lambda s, t: s.norm() * t.norm())),
        ),
        "You compare each token with every other. Multiply entry by entry and sum, no matrix product.": (
            lambda s, t, mask: (1 - F.normalize(s[mask], dim=-1) @ F.normalize(t[mask], dim=-1).T).mean()
        ),
    },
    pairs=_COSINE["pairs"],
    wrong={
        "teacher moves": (lambda s, t, m: (1 - F.cosine_similarity(s, t, -1)[m]).mean(), "flows into `teacher_states`"),
        "padding instead": (lambda s, t, mask: _hidden_cosine_loss(s, t, ~mask), "turned round"),
        "no mask": (lambda s, t, mask: (1 - _cosine(s, t)).mean(), "makes no difference"),
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


def _looks(each, mask):
    """The rows of the tokens that count, (M, heads), of (N, heads, L, L) added up over what is looked at."""
    return each.sum(-1).transpose(1, 2)[mask]


def _columns(scores, mask, fill=-1e9):
    return scores.masked_fill(~mask[:, None, None, :], fill)


def _kl(log_p, log_q):
    return log_p.exp() * (log_p - log_q)


def _kl_loss_by(each=_kl, reduce=lambda each, mask: _looks(each, mask).mean(), hide=_columns, dim=-1):
    """The loss with other entries `each(log p, log q)`, another `reduce(entries, mask)`, or `hide(scores, mask)`."""

    def attention_kl_loss(student_scores, teacher_scores, mask):
        log_q, log_p = (hide(x, mask).log_softmax(dim) for x in (student_scores, teacher_scores.detach()))
        return reduce(each(log_p, log_q), mask)

    return attention_kl_loss


_KL = by_parts(
    _kl_loss_by,
    each={
        "Your student's weights went in without a logarithm: `F.kl_div` wants *log*-probabilities of the student first.": (
            lambda p, q: p.exp() * (p - q.exp())
        ),
        "That is KL(student || teacher). The teacher's weights decide what counts: lesson 02.": lambda p, q: _kl(q, p),
        "That is the cross-entropy: it does not reach 0 when the student agrees.": lambda p, q: -p.exp() * q,
        "That is the squared difference of the weights, not KL.": lambda p, q: (p.exp() - q.exp()) ** 2,
        "Only what the teacher looks at most counts in your loss. Use all of its weights.": (
            lambda p, q: -F.one_hot(p.argmax(-1), p.shape[-1]) * q
        ),
        "That is the Jensen-Shannon divergence.": lambda p, q: (
            sum(_kl(x, p.logaddexp(q) - 0.6931472) for x in (p, q)) / 2
        ),
    },
    reduce={
        "You took the mean over every entry of the table (as `reduction='mean'` does), columns and padding too. KL is a "
        "*sum* over the tokens that are looked at; then comes a mean over those that look.": lambda e, m: e.mean(),
        "You divided by the number of sentences only (as `batchmean` does), and the rows of the padding are in your sum. The "
        "mean is over all tokens that look.": lambda e, m: e.sum() / len(m),
        "You took a mean over the columns. KL is a *sum* over what is looked at.": lambda e, m: (
            _looks(e, m).mean() / m.shape[1]
        ),
        "You divided by the number of sentences, not of rows that look.": lambda e, m: _looks(e, m).sum() / len(m),
        "You divided by sentences and heads, not by tokens.": lambda e, m: _looks(e, m).mean(1).sum() / len(m),
        "You divided by all pairs of tokens that count. Divide by the number of those that look.": (
            lambda e, m: _looks(e, m).mean(1).sum() / (m.sum(1) ** 2).sum()
        ),
        "You summed over the heads. Take their mean.": lambda e, m: _looks(e, m).sum(1).mean(),
        "Padding is not looked *at*, but it still looks: its rows are in your mean.": lambda e, m: e.sum(-1).mean(),
        "The rows of padding cost 0, but the mean divides by *all* rows.": lambda e, m: (e.sum(-1) * m[:, None]).mean(),
        "You took the mean of each sentence first: words of short sentences weigh more then.": (
            lambda e, m: _sentence_by_sentence(e.sum(-1).transpose(1, 2), m)
        ),
    },
    hide={
        "You left out the rows of the padding, but in the other rows softmax still spends weight on it. Hide its columns "
        "before softmax.": lambda x, mask: x,
        "You set the scores of the padding to 0: softmax makes weights of that, too.": lambda x, m: _columns(x, m, 0.0),
        "You hid the tokens that count. The mask is True where a token counts.": lambda x, mask: _columns(x, ~mask),
        "A large *positive* score draws all attention to the padding: -1e9 hides.": lambda x, mask: _columns(
            x, mask, 1e9
        ),
        "Softmax twice: log_softmax takes scores, not weights.": lambda x, mask: _columns(x, mask).softmax(-1),
    },
    dim={
        "Your softmax runs over the tokens that look. Each row is one distribution: the last dimension.": -2,
        "Your softmax runs over the heads. Each row is one distribution: the last dimension.": 1,
        "Your softmax runs over the sentences. Each row is one distribution: the last dimension.": 0,
    },
)


def _weights_mse(s, t, mask):
    return F.mse_loss(_columns(s, mask).softmax(-1), _columns(t.detach(), mask).softmax(-1))


def _infinite(evidence):
    """nan that comes from hiding with -inf: it is gone where nothing is hidden."""
    arguments, value, _ = evidence.cases[0]
    whole = evidence.call(arguments | {"mask": torch.ones_like(arguments["mask"])})
    if torch.as_tensor(value).isnan().all() and torch.as_tensor(whole).isfinite().all():
        return (
            "The result is nan. With -inf at the padding the weight there is 0 and its logarithm -inf, and their product is "
            "no number. A large negative number such as -1e9 hides as well."
        )
    return None


attention_kl_loss = Exercise(
    place=6,
    title="Look where the teacher looks",
    minutes=12,
    difficulty="hard",
    reference=_attention_kl_loss,
    forms=(lambda s, t, mask: losses.attention_kl_loss(s, t, mask=mask),),
    draw=lambda draw: {
        "student_scores": 1.5 * torch.randn(draw.rows, draw.tokens, draw.classes, draw.classes),
        "teacher_scores": 2.0 * torch.randn(draw.rows, draw.tokens, draw.classes, draw.classes),
        "mask": _lengths_mask(draw),
    },
    gradient=("student_scores",),
    properties=(_infinite,),
    hints=(
        "Each row of an attention map is a distribution over the tokens that are looked at. You have compared "
        "distributions since lesson 02.",
        "The mask is needed twice: no row may spend weight on padding (hide columns before softmax), and rows *of* padding "
        "do not count in the mean.",
        "`log_softmax` of both `scores.masked_fill(~mask[:, None, None, :], -1e9)`; sum p (log p - log q) over the last "
        "dimension: (N, heads, L). `.transpose(1, 2)[mask]` keeps the rows that count.",
    ),
    mistakes=_KL["mistakes"]
    | {
        "You hid the padding after softmax: the weights of a row no longer sum to 1. Hide it before.": _kl_loss_by(
            hide=lambda x, mask: x, reduce=lambda each, mask: _looks(each * mask[:, None, None, :], mask).mean()
        ),
        "That is the squared difference of the weights, not KL.": (
            _kl_loss_by(each=lambda p, q: (p.exp() - q.exp()) ** 2),
            _weights_mse,
        ),
        "You average the heads first: each has its own map.": lambda s, t, mask: _attention_kl_loss(
            s.mean(1, keepdim=True), t.mean(1, keepdim=True), mask
        ),
        "That is the squared difference of the scores (TinyBERT's). Here it is the KL divergence of the weights.": (
            lambda s, t, mask: losses.attention_mse_loss(s, t, mask=mask),
            lambda s, t, mask: (s - t.detach()).square().mean(),
        ),
    },
    pairs=_KL["pairs"],
    wrong={
        "nan": (_kl_loss_by(hide=lambda x, mask: _columns(x, mask, -torch.inf)), "its logarithm -inf"),
        "logarithm of scores": (_kl_loss_by(hide=lambda x, mask: x.log()), "logarithm of a negative number"),
        "no mask": (lambda s, t, mask: _attention_kl_loss(s, t, mask | True), "makes no difference"),
        "two at once": (
            _kl_loss_by(lambda p, q: p.exp() * (p - q.exp()), lambda e, m: e.mean()),
            "without a logarithm",
        ),
        "teacher moves": (lambda s, t, mask: _attention_kl_loss(s, t, mask) + (t - t.detach()).sum(), "flows into"),
        "student stands still": (
            lambda s, t, m: _attention_kl_loss(s.detach(), t, m) + 0 * s.sum(),
            "no gradient reaches",
        ),
    },
)

# 7 --------------------------------------------------------------------------------------------------------------------


def _value_relation_loss(student_values, teacher_values, mask):
    """KL(teacher || student) of softmax(V Vᵀ / √d), the mean over the tokens that count; values (N, L, own width)."""
    student, teacher = (v @ v.transpose(1, 2) / v.shape[-1] ** 0.5 for v in (student_values, teacher_values))
    return losses.attention_kl_loss(student[:, None], teacher[:, None], mask=mask)


def _value_relation_loss_by_hand(student_values, teacher_values, mask):
    s = student_values @ student_values.transpose(1, 2) / student_values.shape[-1] ** 0.5
    t = teacher_values @ teacher_values.transpose(1, 2) / teacher_values.shape[-1] ** 0.5
    log_q = s.masked_fill(~mask[:, None, :], -1e9).log_softmax(dim=-1)
    log_p = t.detach().masked_fill(~mask[:, None, :], -1e9).log_softmax(dim=-1)
    each = (log_p.exp() * (log_p - log_q)).sum(dim=-1)
    return each[mask].mean()


def _attention_kl(s, t, mask=None):
    return losses.attention_kl_loss(s, t, mask=mask)


def _relation_loss_by(scale=lambda v, s, t: v.shape[-1] ** 0.5, before=lambda v, mask: v, loss=_attention_kl):
    """Another scale, other values before the product, another loss (of scores with one head, and mask)."""

    def value_relation_loss(student_values, teacher_values, mask):
        both = [before(v, mask) for v in (student_values, teacher_values)]
        return loss(*((v @ v.transpose(1, 2) / scale(v, *both))[:, None] for v in both), mask)

    return value_relation_loss


def _like_kl(kind):
    """The mistakes of exercise 6 that one can make with relations, too: a table of them has one head."""
    return {
        sentence: tuple(_relation_loss_by(loss=function) for function in functions)
        for sentence, functions in _KL[kind].items()
        if not any(word in sentence for word in ("heads", "KL(student", "Softmax twice"))
    }


_RELATION = by_parts(
    _relation_loss_by,
    scale={
        "The products are not divided by √d: wide teachers have sharper relations then.": lambda v, s, t: 1.0,
        "You divided both by the root of the *student's* width. Each has its own.": lambda v, s, t: s.shape[-1] ** 0.5,
        "You divided both by the root of the *teacher's* width. Each has its own.": lambda v, s, t: t.shape[-1] ** 0.5,
        "You divided by d. It is √d.": lambda v, s, t: v.shape[-1],
        "You divided by the root of the number of tokens. d is the width.": lambda v, s, t: v.shape[1] ** 0.5,
        "You multiplied by √d. A sum of products is too large already: divide.": lambda v, s, t: v.shape[-1] ** -0.5,
    },
    before={"You made all vectors of length 1 first. MiniLM does not.": lambda v, mask: F.normalize(v, dim=-1)},
    loss={
        "Student and teacher are swapped: student first, then teacher.": lambda s, t, mask: _attention_kl(t, s, mask),
        "The mask does not reach attention_kl_loss: padding has relations too.": lambda s, t, mask: _attention_kl(s, t),
        "That is the squared difference of the products. Compare the distributions that softmax makes of them.": (
            lambda s, t, mask: losses.attention_mse_loss(s, t, mask=mask),
            lambda s, t, mask: F.mse_loss(s, t.detach()),
        ),
        "Softmax was taken twice: attention_kl_loss wants *scores* and does it itself.": (
            lambda s, t, mask: losses.attention_kl_loss_core(s.softmax(-1), t.softmax(-1), mask=mask),
            lambda s, t, mask: losses.attention_kl_loss_core(s, t.softmax(-1), mask=mask),
            lambda s, t, mask: losses.attention_kl_loss_core(s.softmax(-1), t, mask=mask),
        ),
    },
)

value_relation_loss = Exercise(
    place=7,
    title="Relations need no projection",
    minutes=10,
    difficulty="hard",
    reference=_value_relation_loss,
    forms=(_value_relation_loss_by_hand, lambda s, t, mask: losses.value_relation_loss(s, t, mask=mask)),
    draw=lambda draw: {
        "student_values": torch.randn(draw.rows, draw.classes, draw.tokens),
        "teacher_values": 0.9 * torch.randn(draw.rows, draw.classes, draw.width),
        "mask": _lengths_mask(draw),
    },
    gradient=("student_values",),
    properties=(_infinite,),
    hints=(
        "Which table of L × L numbers says how the tokens of one sentence relate, whatever the width?",
        "`v @ v.transpose(1, 2)` has the product of each pair of tokens. Divide by the root of the width: each model by its "
        "own. These are scores, and you have a loss for scores.",
        "Scores `v @ v.transpose(1, 2) / v.shape[-1] ** 0.5` for both, `[:, None]` makes them one head, then "
        "`losses.attention_kl_loss(student, teacher, mask=mask)`.",
    ),
    mistakes=_RELATION["mistakes"]
    | _like_kl("mistakes")
    | {
        "That is the squared difference of the weights, not KL.": (
            _relation_loss_by(loss=_kl_loss_by(lambda p, q: (p.exp() - q.exp()) ** 2)),
            _relation_loss_by(loss=_weights_mse),
        ),
        "You set the values of padding to 0 and pass no mask: a product of 0 is an ordinary score.": _relation_loss_by(
            before=lambda v, mask: v * mask[..., None], loss=lambda s, t, mask: _attention_kl(s, t)
        ),
    },
    pairs=_RELATION["pairs"] | _like_kl("pairs"),
    wrong={
        "student stands still": (lambda s, t, mask: _value_relation_loss(s.detach(), t, mask), "No gradient flows"),
        "half of the student stands still": (
            lambda s, t, mask: _attention_kl(
                *((v @ v.detach().transpose(1, 2) / v.shape[-1] ** 0.5)[:, None] for v in (s, t)), mask
            ),
            "no gradient passes through",
        ),
        "teacher moves": (lambda s, t, mask: _value_relation_loss(s, t, mask) + (t - t.detach()).sum(), "flows into"),
        "no head": (lambda s, t, mask: _attention_kl(s @ s.transpose(1, 2), t @ t.transpose(1, 2), mask), "ValueError"),
    },
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
