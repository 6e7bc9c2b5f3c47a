"""Exercises of lesson 14, the student's own steps."""

import re

import torch
from torch.nn import functional as F

from kdlab.exercises.core import Exercise, Option, Question, Quiz, former_names

# 1 --------------------------------------------------------------------------------------------------------------------


def _counts(ids, prompt, end):
    """Which tokens of texts (N, L) count, bool (N, L): those after the prompt, up to the first `end` and with it."""
    ended = (ids == end) & (torch.arange(ids.shape[1]) >= prompt)
    over_before = ended.cumsum(1) - ended.long() > 0
    return (torch.arange(ids.shape[1]) >= prompt) & ~over_before


def _counts_one_by_one(ids, prompt, end):
    counts = torch.zeros(ids.shape, dtype=torch.bool)
    for n, row in enumerate(ids.tolist()):
        for i in range(prompt, len(row)):
            counts[n, i] = True
            if row[i] == end:
                break
    return counts


def _counts_by_first_end(ids, prompt, end):
    new = ids[:, prompt:] == end
    last = torch.where(new.any(1), new.int().argmax(1), new.shape[1])
    return F.pad(torch.arange(new.shape[1]) <= last[:, None], (prompt, 0))


def _counts_by_argmax_alone(ids, prompt, end):
    """What comes of forgetting that some texts have no end."""
    last = (ids[:, prompt:] == end).int().argmax(1) + prompt
    place = torch.arange(ids.shape[1])
    return (place >= prompt) & (place <= last[:, None])


def _ask_counts(ask):
    ids = torch.tensor([[1, 2, 3, 0, 0], [1, 2, 0, 0, 0]])
    answer = ask(ids, 2, 0)
    answer.holds(
        answer.value.dtype is torch.bool,
        "Right, but as 0 and 1. As an index those are *places*: `logits[mask]` would take rows 0 and 1 again and again. "
        "Return True and False (torch.bool).",
    )


def _texts_with_ends(draw, rows=None):
    """Texts in which `end` stands once, often, never, at once, and in the prompt."""
    rows, prompt, length = rows or draw.rows, draw.tokens, draw.tokens + 6
    ids = torch.randint(1, draw.classes + 3, (rows, length))
    end = 0
    ids[0, prompt + 2], ids[0, -1] = end, end
    ids[1, prompt] = end
    ids[2, 0] = end
    for row in ids[4:]:
        row[prompt + int(torch.randint(length - prompt, ()))] = end
    return {"ids": ids, "prompt": prompt, "end": end}


def _other_counts(prompt_too=False, end=lambda ended: ended.cumsum(1) - ended.long() == 0, search=None, turn=False):
    """The mask with another idea of what an end ends, of where to look for it, or of the prompt."""

    def counts(ids, prompt, end_id):
        place = torch.arange(ids.shape[1])
        ended = (ids == end_id) & (True if search == "everywhere" else place >= prompt)
        mask = end(ended) & (True if prompt_too else place >= prompt)
        return ~mask if turn else mask

    return lambda ids, prompt, end: counts(ids, prompt, end)


counts = Exercise(
    place=1,
    title="Where a walk is over",
    minutes=8,
    difficulty="medium",
    reference=_counts,
    forms=(_counts_one_by_one, _counts_by_first_end),
    roles={"prompt": "size", "end": "size"},
    draw=_texts_with_ends,
    questions=_ask_counts,
    hints=(
        "Write a row on paper: prompt, three moves, END, four tokens of filling. Which of them did the student choose?",
        "`(ids == end).cumsum(1)` is 0 before the first end and at least 1 from it on. The end itself must count.",
        "`ended = (ids == end) & (torch.arange(L) >= prompt)`; what counts has `ended.cumsum(1) - ended.long() == 0`, and "
        "stands behind the prompt.",
    ),
    mistakes={
        "The end itself counts, too: the student has to learn to stop.": (
            _other_counts(end=lambda ended: ended.cumsum(1) == 0)
        ),
        "The prompt counts nowhere: the student did not choose it.": (
            _other_counts(prompt_too=True),
            _other_counts(prompt_too=True, search="everywhere"),
        ),
        "The same token may stand in a prompt. There it ends nothing: look for the first end *after* the prompt.": (
            _other_counts(search="everywhere")
        ),
        "All that comes after the end counts with you. Nobody will read it.": (
            _other_counts(end=lambda ended: torch.ones_like(ended))
        ),
        "You left out the ends only. What comes after the first one does not count, either.": (
            _other_counts(end=lambda ended: ~ended)
        ),
        "You count up to the *last* end. The text is over at the first.": (
            _other_counts(end=lambda ended: ended.flip(1).cumsum(1).flip(1) > 0),
            _other_counts(end=lambda e: (e.flip(1).cumsum(1).flip(1) > 0) | ~e.any(1, keepdim=True)),
        ),
        "A text that never ends counts as a whole: the student wrote all of it. (`argmax` of a row without an end is 0, the "
        "place of its first entry.)": (
            _other_counts(end=lambda e: (e.cumsum(1) - e.long() == 0) & e.any(1, keepdim=True)),
            _counts_by_argmax_alone,
        ),
        "`cumsum(1) <= 1` holds from the first end up to the second: what stands between them counts with you. Only the first "
        "end itself belongs to the text.": (
            _other_counts(end=lambda e: e.cumsum(1) <= 1),
            _other_counts(end=lambda e: e.cumsum(1) <= 1, search="everywhere"),
        ),
        "Those are the new tokens only. The mask covers the whole rows, with False for the prompt.": (
            lambda ids, prompt, end: _counts(ids, prompt, end)[:, prompt:]
        ),
        "One token too many: the one after the end is no longer the student's.": (
            _other_counts(end=lambda e: F.pad((e.cumsum(1) - e.long() == 0), (1, -1), value=True))
        ),
        "Your mask is the other way round: True where a token counts.": _other_counts(turn=True),
        "The prompt begins to count one token early: its last token was given, too.": (
            lambda ids, prompt, end: _counts(ids, prompt - 1, end)
        ),
        "The student's first token is left out: it is the one at place `prompt`.": (
            lambda ids, prompt, end: _counts(ids, prompt, end) & (torch.arange(ids.shape[1]) > prompt)
        ),
    },
    wrong={"whole numbers": (lambda ids, prompt, end: _counts(ids, prompt, end).long(), "Return True and False")},
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _mixed(given, own, share, chance):
    """Texts (N, L): row n is the student's own where chance[n] < share, else the given one; chance (N,) in [0, 1)."""
    return torch.where((chance < share)[:, None], own, given)


def _mixed_by_index(given, own, share, chance):
    rows = given.clone()
    chosen = chance < share
    rows[chosen] = own[chosen]
    return rows


def _mixed_row_by_row(given, own, share, chance):
    rows = [own[n] if chance[n] < share else given[n] for n in range(len(given))]
    return torch.stack(rows)


def _draw_mixed(draw):
    rows, length = 3 * draw.rows, draw.tokens + 2
    return {
        "given": torch.randint(0, 50, (rows, length)),
        "own": torch.randint(50, 100, (rows, length)),
        "share": draw.weight,
        "chance": torch.rand(rows),
    }


def _draws_itself(evidence):
    """A sentence for who draws new chances instead of using the given ones."""
    arguments = evidence.cases[0][0]
    if not torch.equal(evidence.call(arguments), evidence.call(arguments)):
        return "You draw anew: two calls with the same arguments differ. The chances are given, one for each row: `chance`."
    return None


mixed = Exercise(
    place=2,
    title="Some of each",
    minutes=5,
    difficulty="easy",
    reference=_mixed,
    forms=(_mixed_by_index, _mixed_row_by_row),
    roles={"given": "rows", "own": "rows", "share": "weight", "chance": "chances"},
    draw=_draw_mixed,
    properties=(_draws_itself,),
    hints=(
        "A uniform number is below 0.3 in three of ten cases.",
        "`torch.where(condition, a, b)` takes a where it is True. The condition has one entry a row; `[:, None]` makes a "
        "column of it.",
        "`torch.where((chance < share)[:, None], own, given)`.",
    ),
    cases={
        "At a share of 0 every text is a given one.": lambda draw: _draw_mixed(draw) | {"share": 0.0},
        "At a share of 1 every text is the student's own.": lambda draw: _draw_mixed(draw) | {"share": 1.0},
        "A chance of exactly 0 is not below a share of 0: `<`, not `<=`.": (
            lambda draw: {
                "given": torch.zeros(3, 2).long(),
                "own": torch.ones(3, 2).long(),
                "share": 0.0,
                "chance": torch.zeros(3),
            }
        ),
    },
    mistakes={
        "It is the other way round: `share` is how much is the student's *own*.": (
            lambda given, own, share, chance: _mixed(own, given, share, chance),
            lambda given, own, share, chance: _mixed(own, given, 1 - share, chance),
        ),
        "You mix with 1 - share: `share` is how much is the student's own.": (
            lambda given, own, share, chance: _mixed(given, own, 1 - share, chance)
        ),
        "You mix the *tokens*, as numbers. Half of token 3 and half of token 7 is no token: a whole text comes from one side.": (
            lambda given, own, share, chance: share * own + (1 - share) * given,
        ),
        "The first rows are always the student's own. Each row has a chance of its own: compare it with `share`.": (
            lambda given, own, share, chance: torch.cat(
                [own[: round(share * len(own))], given[round(share * len(own)) :]]
            )
        ),
        "One chance decides for all rows (GKD does it so, once a step). Here each row has its own.": (
            lambda given, own, share, chance: own if chance[0] < share else given,
            lambda given, own, share, chance: own if chance.mean() < share else given,
        ),
        "You put own texts *behind* the given ones. The batch keeps its size: each row is one or the other.": (
            lambda given, own, share, chance: torch.cat([given, own[chance < share]])
        ),
    },
    wrong={
        "chances of its own": (
            lambda given, own, share, chance: torch.where((torch.rand(len(given)) < share)[:, None], own, given),
            "You draw anew",
        ),
        "at most": (lambda given, own, share, chance: torch.where((chance <= share)[:, None], own, given), "not `<=`"),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _later_gains(log_p, log_q):
    """For each token of each text (N, L): the sum of log p - log q over all tokens *after* it."""
    gains = log_p - log_q.detach()
    return gains.sum(-1, keepdim=True) - gains.cumsum(-1)


def _later_gains_from_behind(log_p, log_q):
    gains = log_p - log_q.detach()
    return gains.flip(-1).cumsum(-1).flip(-1) - gains


def _later_gains_one_by_one(log_p, log_q):
    gains, later = log_p - log_q.detach(), torch.zeros_like(log_p)
    for t in range(gains.shape[1]):
        later[:, t] = gains[:, t + 1 :].sum(dim=-1)
    return later


def _other_gains(of):
    """Another sum of the gains."""
    return lambda log_p, log_q: of(log_p - log_q.detach())


def _after(gains):
    return gains.sum(-1, keepdim=True) - gains.cumsum(-1)


def _ask_later_gains(ask):
    log_p, log_q = (-3 * torch.rand(3, 6) for _ in range(2))
    log_q.requires_grad_()
    answer = ask(log_p, log_q)
    answer.is_tensor((3, 6))
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
    place=3,
    title="What came of it",
    minutes=8,
    difficulty="hard",
    reference=_later_gains,
    forms=(_later_gains_from_behind, _later_gains_one_by_one),
    roles={"log_p": "tokens", "log_q": "tokens"},  # (texts, tokens): a log-probability of each token
    draw=lambda draw: {
        "log_p": -3 * torch.rand(draw.rows - 3 or 1, draw.tokens + 3),
        "log_q": -3 * torch.rand(draw.rows - 3 or 1, draw.tokens + 3),
    },
    questions=_ask_later_gains,
    hints=(
        "Write the gains of a text of four tokens on paper, and below each the sum of those to its right. What stands below "
        "the last?",
        "`gains.cumsum(-1)` sums from the left, up to and with each token. What must be taken from the whole sum?",
        "`gains = log_p - log_q.detach()`, then `gains.sum(-1, keepdim=True) - gains.cumsum(-1)`.",
    ),
    mistakes={
        "You added up ratios of probabilities. Their logarithms are given: take the difference, log p - log q.": (
            lambda log_p, log_q: _after((log_p - log_q.detach()).exp())
        ),
        "You counted the token itself, too. What it earns at once stands in the divergence already: only *later* tokens "
        "count.": _other_gains(lambda x: x.flip(-1).cumsum(-1).flip(-1)),
        "Those are the gains *before* each token. It cannot have caused them.": _other_gains(
            lambda x: x.cumsum(-1) - x
        ),
        "Those are the gains up to each token. Only what comes *after* it can be its doing.": (
            _other_gains(lambda x: x.cumsum(-1))
        ),
        "Every token gets the gain of the whole text: the past, which only adds noise, and its own, which the divergence "
        "has counted already. Only *later* tokens count.": _other_gains(lambda x: x.sum(-1, keepdim=True).expand_as(x)),
        "Every token gets the gains of all *other* tokens, the past included. It cannot have caused that.": (
            _other_gains(lambda x: x.sum(-1, keepdim=True) - x)
        ),
        "Your sum runs over the texts. Each row is a text of its own: sum along the last dimension.": (
            _other_gains(lambda x: x.sum(0) - x.cumsum(0)),
            _other_gains(lambda x: x.flip(0).cumsum(0).flip(0)),
            _other_gains(lambda x: x.cumsum(0)),
        ),
        "You took the next token only. Sum over *all* later ones.": _other_gains(lambda x: F.pad(x[:, 1:], (0, 1))),
        "You left out the next token: your sums begin one place too late.": (
            _other_gains(lambda x: F.pad(_after(x)[:, 1:], (0, 1)))
        ),
        "You turned the text round, and not back again: `flip` once more at the end.": (
            _other_gains(lambda x: x.flip(-1).cumsum(-1)),
            _other_gains(lambda x: x.flip(-1).cumsum(-1) - x),
            _other_gains(lambda x: x.flip(-1).cumsum(-1) - x.flip(-1)),
        ),
        "You took the mean of the later gains. It is their sum: the divergence of a text is the sum over its tokens.": (
            _other_gains(lambda x: _after(x) / torch.arange(x.shape[1] - 1, -1, -1).clamp(min=1))
        ),
        "You took the difference of the *probabilities*. Their logarithms are given, and asked for.": (
            lambda p, q: _after(p.exp() - q.detach().exp())
        ),
    },
    wrong={
        "gradient": (lambda p, q: _after(p - q), "A gradient flows into the gains"),
        "detached in place": (lambda p, q: _later_gains(p, q.detach_()), "changed `log_q` itself"),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _leave_one_out(later):
    """Each text's later gains (N, L), less the mean of the *other* texts' at the same place."""
    others = (later.sum(0) - later) / (len(later) - 1)
    return later - others


def _leave_one_out_by_the_mean(later):
    n = len(later)
    return (later - later.mean(dim=0)) * n / (n - 1)


def _leave_one_out_in_a_loop(later):
    rows = []
    for n in range(len(later)):
        rest = torch.cat([later[:n], later[n + 1 :]])
        rows.append(later[n] - rest.mean(dim=0))
    return torch.stack(rows)


leave_one_out = Exercise(
    place=4,
    title="Better than the others?",
    minutes=8,
    difficulty="medium",
    reference=_leave_one_out,
    forms=(_leave_one_out_by_the_mean, _leave_one_out_in_a_loop),
    roles={"later": "tokens"},
    draw=lambda draw: {"later": torch.randn(draw.rows - 3 or 2, draw.tokens + 3) + 2 * torch.randn(1, draw.tokens + 3)},
    hints=(
        "The mark of a text should be how much better it did than the others of its batch, at the same place.",
        "The sum of the others is the sum of all, `later.sum(0)`, less its own.",
        "`others = (later.sum(0) - later) / (len(later) - 1)`, and `later - others`.",
    ),
    cases={
        "Texts that are all alike have nothing to learn from each other: 0 everywhere.": (
            lambda draw: {"later": torch.ones(4, 3)}
        ),
    },
    mistakes={
        "The text's own gain is in your mean: then the baseline depends on what the text did, and each mark is too small by "
        "(N - 1)/N. The *other* texts' mean is asked for.": lambda later: later - later.mean(0),
        "You took the mean along each text. The others at the *same place* are asked for: dimension 0.": (
            lambda later: later - later.mean(1, keepdim=True),
            lambda later: later - (later.sum(1, keepdim=True) - later) / (later.shape[1] - 1),
        ),
        "You took one mean over everything. Early tokens have more ahead of them than late ones: each place has its own "
        "baseline.": (
            lambda later: later - later.mean(),
            lambda later: later - (later.sum() - later) / (later.numel() - 1),
        ),
        "Those are the baselines themselves. Take them from the gains.": (
            lambda later: (later.sum(0) - later) / (len(later) - 1)
        ),
        "The difference is the wrong way round: a text that did better must get a mark above 0.": (
            lambda later: -_leave_one_out(later)
        ),
        "You divide the others' sum by N. There are N - 1 others.": (
            lambda later: later - (later.sum(0) - later) / len(later)
        ),
        "You divide by the standard deviation, too. Some libraries do (GRPO); then it is no longer unbiased. Here only the "
        "mean is taken away.": (
            lambda later: (later - later.mean(0)) / later.std(0),
            lambda later: (later - later.mean(0)) / (later.std(0) + 1e-8),
            lambda later: (later - later.mean(0)) / later.std(0, correction=0),
            lambda later: _leave_one_out(later) / later.std(0),
            lambda later: _leave_one_out(later) / later.std(0, correction=0),
        ),
        "You take the best of the batch as the baseline. The mean of the others is asked for.": (
            lambda later: later - later.amax(0)
        ),
        "Operators bind from the left: `later - sum - later` takes the sum from 0. Put the others' sum in brackets.": (
            lambda later: (later - later.sum(0) - later) / (len(later) - 1)
        ),
        "You compare each text with the first one. The mean of all others is asked for.": lambda later: (
            later - later[0]
        ),
        "You take the median. The mean of the others is asked for: only a mean leaves the gradient right on average.": (
            lambda later: later - later.median(0).values
        ),
        "You compare each text with the next one only. The mean of all others is asked for.": (
            lambda later: later - later.roll(-1, 0),
            lambda later: later - later.roll(1, 0),
        ),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _checked(prompts, texts):
    """A list of bool: whether the number between a text's last colon and the full stop at its end is the right sum."""
    right = []
    for prompt, text in zip(prompts, texts, strict=True):
        a, b = prompt.rstrip("=").split("+")
        _, colon, answer = text.rpartition(":")
        ended = colon == ":" and answer.endswith(".") and answer[:-1].isdigit()
        right.append(ended and int(answer[:-1]) == int(a) + int(b))
    return right


def _checked_by_pattern(prompts, texts):
    right = []
    for prompt, text in zip(prompts, texts, strict=True):
        a, _, b = prompt[:-1].partition("+")
        found = re.search(r":(\d+)\.$", text)
        right.append(found is not None and int(found[1]) == int(a) + int(b))
    return right


def _additions(draw):
    """Right ones, wrong ones, lucky ones, and texts that never come to an end."""
    prompts, texts = [], []
    for a, b in torch.randint(10, 99, (2 * draw.rows + 6, 2)).tolist():
        total = a + b
        one, carry = a % 10 + b % 10, (a % 10 + b % 10) // 10
        steps = f"{a % 10}+{b % 10}+0={one},{a // 10}+{b // 10}+{carry}={a // 10 + b // 10 + carry}"
        kind = len(prompts) % 6
        texts.append(
            (
                f"{steps}:{total}.",  # right
                f"{steps}:{total + 10}.",  # right steps, a slip at the end
                f"{steps[:-1]}7:{total}.",  # a wrong step, a right answer
                f"{steps}:{total}",  # never stops
                f"{steps},{total}.",  # no colon
                f"{steps}:{str(total)[:-1]}.",  # a digit is missing
            )[kind]
        )
        prompts.append(f"{a}+{b}=")
    return {"prompts": prompts, "texts": texts}


def _of_each(judge):
    """An answer that judges each pair by itself."""
    return lambda prompts, texts: [judge(*pair) for pair in zip(prompts, texts, strict=True)]


def _sum_of(prompt):
    a, b = prompt.rstrip("=").split("+")
    return int(a) + int(b)


checked = Exercise(
    place=5,
    title="The checker",
    minutes=8,
    difficulty="easy",
    reference=_checked,
    forms=(_checked_by_pattern,),
    roles={"prompts": "texts", "texts": "texts"},
    draw=_additions,
    hints=(
        "What must be true of a text, so that you would take its answer? It has a colon, digits, a full stop. And of the "
        "number?",
        "`text.rpartition(':')` gives what stands before and behind the last colon; `prompt.rstrip('=').split('+')` the two "
        "numbers, as strings.",
        "`_, colon, answer = text.rpartition(':')`; right if there is a colon, `answer.endswith('.')`, and "
        "`answer[:-1] == str(int(a) + int(b))`.",
    ),
    cases={
        "47+85=132, and so does this text: keep it.": (
            lambda draw: {"prompts": ["47+85="], "texts": ["7+5+0=12,4+8+1=13:132."]}
        ),
        "No colon, no answer: leave it out, without an error.": lambda draw: {
            "prompts": ["2+3="],
            "texts": ["2+3+0=5."],
        },
        "This text never says what it found: leave it out, without an error.": (
            lambda draw: {"prompts": ["2+3="], "texts": ["2+3+0=5:"]}
        ),
    },
    mistakes={
        "You kept texts that never stop. An answer counts when it ends with a full stop.": (
            _of_each(lambda p, t: t.rpartition(":")[2].rstrip(".") == str(_sum_of(p)))
        ),
        "You look for the sum anywhere in the text, so that a number in a step passes for the answer.": (
            _of_each(lambda p, t: str(_sum_of(p)) in t),
            _of_each(lambda p, t: t.endswith(f"{_sum_of(p)}.")),
        ),
        "You judge whether the *beginning* of the answer is right: `132` and `13` are different answers.": (
            _of_each(
                lambda p, t: t.endswith(".") and ":" in t and str(_sum_of(p)).startswith(t.rpartition(":")[2][:-1])
            )
        ),
        "You look whether there is an answer, not whether it is right.": (
            _of_each(lambda p, t: re.search(r":\d+\.$", t) is not None)
        ),
        "You threw out right answers with a wrong step. This checker looks at the answer alone, as those of laboratories "
        "mostly do. (Whether that is wise is a good question.)": (
            _of_each(
                lambda p, t: (
                    _checked([p], [t])[0]
                    and all(
                        sum(map(int, left.split("+"))) == int(right)
                        for left, right in (step.split("=") for step in t.partition(":")[0].split(","))
                    )
                )
            )
        ),
        "No text is ever right for you. Print both sides of your comparison for one pair: is the full stop still there, is one a "
        "string and the other a number, or were two strings added (`'47' + '85'` is `'4785'`)?": (
            _of_each(lambda p, t: False),
            _of_each(lambda p, t: t.rpartition(":")[2] == str(_sum_of(p))),
            _of_each(lambda p, t: t.rpartition(":")[2][:-1] == _sum_of(p)),
            _of_each(lambda p, t: t.endswith(":" + p.rstrip("=").replace("+", "") + ".")),
        ),
        "It is the other way round: True for the right ones.": _of_each(lambda p, t: not _checked([p], [t])[0]),
        "Those are the texts, or their numbers. A list of bool is asked for, one for each text.": (
            lambda prompts, texts: [t for p, t in zip(prompts, texts, strict=True) if _checked([p], [t])[0]],
            lambda prompts, texts: [n for n, right in enumerate(_checked(prompts, texts)) if right],
        ),
        "That is *how many* are right. A list of bool is asked for, one for each text.": (
            lambda prompts, texts: sum(_checked(prompts, texts))
        ),
    },
)

# 6 --------------------------------------------------------------------------------------------------------------------


def _acceptance(p, q):
    """The chance that what the drafter (q) draws is accepted by the teacher (p): probabilities (N, V) twice -> (N,)."""
    return torch.minimum(p, q).sum(-1)


def _acceptance_as_a_mean(p, q):
    """q chooses the character, min(1, p / q) keeps it."""
    return (q * (p / q).clamp(max=1)).sum(dim=-1)


def _acceptance_by_distance(p, q):
    return 1 - (p - q).abs().sum(dim=-1) / 2


acceptance = Exercise(
    place=6,
    title="How often it is kept",
    minutes=6,
    difficulty="medium",
    reference=_acceptance,
    forms=(_acceptance_as_a_mean, _acceptance_by_distance),
    draw=lambda draw: {"p": draw.probabilities(), "q": draw.probabilities()},
    hints=(
        "A character v is drafted with probability q(v), and then kept with probability min(1, p(v)/q(v)). How often do both "
        "happen? And for any v?",
        "q · min(1, p/q) = min(q, p), for each character. Then over all characters.",
        "`torch.minimum(p, q).sum(-1)`.",
    ),
    cases={
        "A drafter that is the teacher is always kept: 1.": (
            lambda draw: (lambda p: {"p": p, "q": p.clone()})(draw.probabilities())
        ),
        "A character that neither of them ever says adds 0. Yours is not (0 / 0 is nan): min(p, q) needs no division.": (
            lambda draw: {"p": torch.tensor([[0.5, 0.5, 0.0]]), "q": torch.tensor([[0.2, 0.8, 0.0]])}
        ),
        "A drafter that is sure of what the teacher finds impossible is never kept: 0.": (
            lambda draw: {"p": torch.tensor([[0.0, 1.0]]), "q": torch.tensor([[1.0, 0.0]])}
        ),
    },
    mistakes={
        "That is the distance between the two, the chance that a draft is *refused*. Its complement is asked for.": (
            lambda p, q: (p - q).abs().sum(-1) / 2
        ),
        "The distance counts every difference twice, where p is above and where q is: halve it.": (
            lambda p, q: 1 - (p - q).abs().sum(-1)
        ),
        "You asked how often both draw the *same* character independently. The draft is judged with min(1, p/q): much of it "
        "is kept even where both are unsure.": lambda p, q: (p * q).sum(-1),
        "You took the mean of min(1, p/q) over the vocabulary. Characters are drafted by q: weigh with it.": (
            lambda p, q: (p / q).clamp(max=1).mean(-1),
            lambda p, q: (p / q).clamp(max=1).sum(-1),
        ),
        "You weighed with the teacher's p. It is the drafter that draws: q · min(1, p/q).": (
            lambda p, q: (p * (p / q).clamp(max=1)).sum(-1)
        ),
        "You took the larger of the two. What both share is the smaller.": lambda p, q: torch.maximum(p, q).sum(-1),
        "min(1, q/p) has the two swapped: more of the teacher's probability means *more* is kept.": (
            lambda p, q: (q * (q / p).clamp(max=1)).sum(-1)
        ),
        "You asked whether both have the same favourite. That is agreement, for greedy text only.": (
            lambda p, q: (p.argmax(-1) == q.argmax(-1)).float()
        ),
        "You took the mean over the rows, too. One number for each row is asked for.": (
            lambda p, q: torch.minimum(p, q).sum(-1).mean()
        ),
        "You took the mean over the vocabulary. Sum over it.": lambda p, q: torch.minimum(p, q).mean(-1),
        "You took the chance that the drafter's *favourite* is kept. Any character may be drafted: sum over all.": (
            lambda p, q: (p / q).clamp(max=1).gather(-1, q.argmax(-1, keepdim=True))[:, 0],
            lambda p, q: torch.minimum(p, q).gather(-1, q.argmax(-1, keepdim=True))[:, 0],
        ),
        "You took the largest difference. All of them count: half of their sum is what is refused.": (
            lambda p, q: 1 - (p - q).abs().amax(-1)
        ),
        "You took the smallest over everything. `torch.minimum(p, q)` compares the two, entry by entry.": (
            lambda p, q: torch.minimum(p, q).amin(-1),
            lambda p, q: torch.minimum(p.amin(-1), q.amin(-1)),
        ),
    },
)

# 7 --------------------------------------------------------------------------------------------------------------------


def _piece_log_p(log_p, ids, lengths):
    """log-probability of each piece (K,) of a text: the characters' log_p (M, V), their ids (M,), lengths (K,) sum to M."""
    each = log_p.gather(-1, ids[:, None])[:, 0]
    ends = lengths.cumsum(0)
    sums = each.cumsum(0)[ends - 1]
    return sums.diff(prepend=sums.new_zeros(1))


def _piece_log_p_by_split(log_p, ids, lengths):
    each = log_p[torch.arange(len(ids)), ids]
    return torch.stack([part.sum() for part in each.split(lengths.tolist())])


def _piece_log_p_by_scatter(log_p, ids, lengths):
    each = log_p.gather(dim=-1, index=ids[:, None]).squeeze(-1)
    piece = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
    return torch.zeros(len(lengths)).to(each).scatter_add(0, piece, each)


def _pieces(draw):
    lengths = torch.randint(1, 4, (draw.rows,))
    lengths[0], lengths[1] = 1, 3
    total = int(lengths.sum())
    return {
        "log_p": draw.logits(total, draw.classes).log_softmax(-1),
        "ids": draw.labels(total),
        "lengths": lengths,
    }


def _by_piece(of, each=lambda log_p, ids: log_p.gather(-1, ids[:, None])[:, 0]):
    return lambda log_p, ids, lengths: torch.stack([of(part) for part in each(log_p, ids).split(lengths.tolist())])


piece_log_p = Exercise(
    place=7,
    title="A piece is its characters",
    minutes=10,
    difficulty="hard",
    reference=_piece_log_p,
    forms=(_piece_log_p_by_split, _piece_log_p_by_scatter),
    roles={"log_p": "log-probabilities", "ids": "tokens", "lengths": "tokens"},
    draw=_pieces,
    hints=(
        "The text `the` has the probability p(t) · p(h after t) · p(e after th). And its logarithm?",
        "First the log-probability of each character that came (`gather`), then a sum for each piece: `split` cuts a tensor "
        "into parts of given lengths.",
        "`each = log_p.gather(-1, ids[:, None])[:, 0]`, then `[part.sum() for part in each.split(lengths.tolist())]`, "
        "stacked.",
    ),
    cases={
        "If each piece is one character, nothing is to be added up.": (
            lambda draw: {
                "log_p": draw.logits(5, 4).log_softmax(-1),
                "ids": draw.labels(5, classes=4),
                "lengths": torch.ones(5).long(),
            }
        ),
    },
    mistakes={
        "You took the mean over a piece's characters. A product of probabilities is a *sum* of logarithms.": (
            _by_piece(lambda part: part.mean())
        ),
        "You took the first character of each piece only. The others have to come, too.": _by_piece(
            lambda part: part[0]
        ),
        "You took the last character of each piece only. The others have to come, too.": _by_piece(
            lambda part: part[-1]
        ),
        "You added up probabilities. They are multiplied; their logarithms are added.": (
            _by_piece(lambda part: part.exp().sum()),
            _by_piece(lambda part: part.logsumexp(0)),
        ),
        "Those are probabilities. Their logarithms are asked for.": _by_piece(lambda part: part.sum().exp()),
        "The sign is the other way round: log-probabilities are negative.": _by_piece(lambda part: -part.sum()),
        "You added up everything from the beginning of the text. Take from each sum the one before it.": (
            lambda log_p, ids, lengths: log_p.gather(-1, ids[:, None])[:, 0].cumsum(0)[lengths.cumsum(0) - 1]
        ),
        "You took the likeliest character at each place. Asked is the one that came.": (
            _by_piece(lambda part: part.sum(), each=lambda log_p, ids: log_p.amax(-1))
        ),
        "You read the rows one place late. Row n of `log_p` belongs to character n: nothing is to be moved.": (
            lambda log_p, ids, lengths: _piece_log_p(log_p.roll(-1, 0), ids, lengths),
            lambda log_p, ids, lengths: _piece_log_p(log_p, ids.roll(-1), lengths),
            lambda log_p, ids, lengths: _piece_log_p(log_p.roll(1, 0), ids, lengths),
        ),
        "You left out the first character of each piece. It has to come, too.": _by_piece(lambda part: part[1:].sum()),
        "You left out the last character of each piece. It has to come, too.": _by_piece(lambda part: part[:-1].sum()),
        "You added up whole columns of `log_p`. Each character has one entry: its own row, and the column of its id.": (
            lambda log_p, ids, lengths: _by_piece(lambda part: part.sum(), lambda log_p, ids: log_p[:, ids].sum(0))(
                log_p, ids, lengths
            )
        ),
        "You took the first character's column for all of them. Each row has its own: `gather` with `ids[:, None]`.": (
            lambda log_p, ids, lengths: _piece_log_p(log_p, ids[0].expand(len(ids)), lengths)
        ),
        "You multiplied the logarithms. The logarithm of a product is a sum.": _by_piece(lambda part: part.prod()),
        "That is the sum over all pieces. One number for each piece is asked for.": (
            lambda log_p, ids, lengths: log_p.gather(-1, ids[:, None]).sum()
        ),
        "Those are the characters' own. Add them up piece by piece.": (
            lambda log_p, ids, lengths: log_p.gather(-1, ids[:, None])[:, 0]
        ),
    },
)

# ----------------------------------------------------------------------------------------------------------------------

quiz = Quiz(
    Question(
        "A student learns from 300 finished walks, and gets lost on new ones. What do its own walks have that those have not?",
        (
            Option("More moves in all.", "The two have about the same number of moves a step."),
            Option(
                "Places off the right way, with what the teacher would do there.",
                "Right. No finished walk of a faultless teacher shows how to come back.",
                True,
            ),
            Option("Less noise.", "They have more: each is drawn anew."),
        ),
    ),
    Question(
        "With new prompts and new teacher's walks at every step, what is left of the advantage of own walks?",
        (
            Option("All of it.", "Look at the control: most of it is gone."),
            Option(
                "Little: then given walks lead nearly everywhere, too.",
                "Right, 5 in 100 of 34. Own text pays where given text is scarce, or of another kind than what the student "
                "meets.",
                True,
            ),
            Option("It becomes larger.", "There is more to learn from on both sides."),
        ),
    ),
    Question(
        "Why does the baseline of a text leave that very text out?",
        (
            Option(
                "So that it does not depend on what is judged: then the gradient stays right on average.",
                "Right. Whatever does not depend on a text's own draws can be taken away without a bias.",
                True,
            ),
            Option("To save time.", "It costs the same."),
            Option("Because its gain is not known yet.", "All gains of a batch are known at once."),
        ),
    ),
    Question(
        "A student trained by policy gradient on the teacher's opinion pleases the teacher more than the teacher's own text "
        "does. What has become of it?",
        (
            Option("It is the better teacher.", "It has no other source than its teacher."),
            Option(
                "It says few, safe things again and again.",
                "Right: fewer bits, and fewer different runs of characters. Look at both.",
                True,
            ),
            Option("It has copied the book.", "It writes words, but knows no page by heart with so few weights."),
        ),
    ),
    Question(
        "A checker keeps those of a teacher's solutions whose answer is right. What can it not see?",
        (
            Option("Whether the answer is right.", "That is what it sees."),
            Option(
                "A right answer by wrong steps.",
                "Right. Few of ours are so; the longer the way and the fewer the possible answers, the more.",
                True,
            ),
            Option("Solutions that never end.", "They have no answer, so they are left out."),
        ),
    ),
    Question(
        "Your drafter is poor: the teacher keeps one in ten of its characters. What happens to the text?",
        (
            Option("It gets worse.", "What comes out is distributed as the teacher's own, whoever drafts."),
            Option(
                "Nothing. It only takes nearly as many passes as without a drafter, and the drafter's time on top.",
                "Right. A bad drafter costs time, never quality.",
                True,
            ),
            Option("It gets more varied.", "Its distribution is exactly the teacher's."),
        ),
    ),
)


__getattr__ = former_names(__name__, remainder=None)
