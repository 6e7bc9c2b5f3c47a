"""Additions that a language model writes out, column by column: problems, three ways to write them, and a checker.

`47+85=` is a prompt. What follows is one of

    long    7+5+0=12,4+8+1=13:132.     each column from the right: both digits, the carry, the sum
    short   12,13:132.                 the sums alone
    answer  :132.                      no steps

The answer stands behind the colon, and the full stop ends it.
"""

import re
from collections.abc import Iterator

import torch

from kdlab.checks import check_whole
from kdlab.generation import generate
from kdlab.losses import cross_entropy_core, kl_divergence_core
from kdlab.models import check_language_model, evaluating, logits_of
from kdlab.text import CharacterTokenizer
from kdlab.training import check_start, descend

TOKENIZER = CharacterTokenizer("0123456789+=,:.")
END = TOKENIZER.ids["."]
STYLES = ("long", "short", "answer")
_COLUMN = re.compile(r"(\d)\+(\d)\+([01])=(\d\d?)")


def problems(digits, count, generator):
    """Pairs of numbers of so many digits, without a leading zero (one digit may be 0): a list of (int, int)."""
    digits, count = check_whole("digits", digits, 1), check_whole("count", count, 1)
    low = 10 ** (digits - 1) if digits > 1 else 0
    return [
        tuple(pair)
        for pair in torch.randint(low, 10**digits, (count, 2), generator=generator, device=generator.device).tolist()
    ]


def prompt(a, b):
    """`47+85=`"""
    return f"{a}+{b}="


def columns(a, b):
    """(digit of a, digit of b, carry, their sum) for each column from the right."""
    rows, carry = [], 0
    for x, y in zip(reversed(str(a)), reversed(str(b)), strict=True):
        rows.append((int(x), int(y), carry, int(x) + int(y) + carry))
        carry = rows[-1][-1] // 10
    return rows


def written_out(a, b, style="long"):
    """What a faultless teacher writes after the prompt of two numbers with equally many digits. Raises ValueError."""
    if style not in STYLES:
        raise ValueError(f"style must be one of {', '.join(STYLES)}, got {style!r}")
    steps = {
        "long": [f"{x}+{y}+{carry}={total}" for x, y, carry, total in columns(a, b)],
        "short": [str(total) for *_, total in columns(a, b)],
        "answer": [],
    }[style]
    return f"{','.join(steps)}:{a + b}."


def answer_of(text):
    """The number behind the last colon of what was written, if a full stop ends it there; else None."""
    found = re.search(r":(\d+)\.", text)
    return int(found[1]) if found else None


def is_right(text, a, b):
    """The checker: whether the answer is right. It looks at no step: a right answer may have a wrong way."""
    return answer_of(text) == a + b


def steps_are_right(text, a, b):
    """Whether a long way is the very one that `written_out` gives."""
    return text == written_out(a, b)


def shortened(text):
    """A long way as a short one: of each column the sum alone, wrong or right, and the answer as it stands."""
    steps, colon, answer = text.partition(":")
    return ",".join(total for *_, total in _COLUMN.findall(steps)) + colon + answer


def encode(texts, length=None):
    """Whole texts, prompts and all, as rows of ids int64 (N, L), filled up with the end's id."""
    rows = [torch.from_numpy(TOKENIZER.encode(text)) for text in texts]
    ids = torch.full((len(rows), length or max(map(len, rows))), END, dtype=torch.int64, device="cpu")
    for place, row in zip(ids, rows, strict=True):
        place[: len(row)] = row
    return ids


def counted(ids):
    """Where a row's answer is, bool (N, L): after the prompt's equals sign, up to the first full stop and with it."""
    asked = (ids == TOKENIZER.ids["="]).cumsum(1) - (ids == TOKENIZER.ids["="]).long() > 0  # behind the first =
    over = (ids == END).cumsum(1) - (ids == END).long() > 0  # behind the first full stop
    return asked & ~over


def write(model, pairs, *, temperature=1.0, generator=None):
    """What a model writes after the prompt of each pair of numbers, up to the first full stop: a list of strings."""
    check_language_model(model)
    written, lengths = [""] * len(pairs), {}
    for place, pair in enumerate(pairs):
        lengths.setdefault(len(prompt(*pair)), []).append(place)
    for length, chosen in lengths.items():  # prompts of one length together
        asked = encode([prompt(*pairs[place]) for place in chosen]).to(model.tokens.weight.device)
        ids = generate(model, asked, model.context - length, temperature=temperature, generator=generator)
        for place, row in zip(chosen, ids[:, length:], strict=True):
            text, stop, _ = TOKENIZER.decode(row).partition(".")
            written[place] = text + stop
    return written


def train_adder(student, texts, teacher=None, *, recipe, evaluate=None, evaluate_every=25) -> Iterator[dict]:
    """Train a student on whole texts, `47+85=:132.`; what follows the prompt counts. Records as `kdlab.training.train`.

    The loss is the cross-entropy of each next token, or with a teacher, a LanguageModel, KL(teacher || student) there.
    """
    check_start(student, recipe, evaluate, evaluate_every)
    check_language_model(student)
    ids = encode(texts).to(student.tokens.weight.device)
    mask = counted(ids)[:, 1:]
    if teacher is not None:
        with evaluating(teacher):
            taught = torch.cat([logits_of(teacher(part)) for part in ids[:, :-1].split(256)])
    generator = torch.Generator().manual_seed(recipe.seed)

    def next_loss(temperature, alpha):
        chosen = torch.randint(len(ids), (recipe.batch_size,), generator=generator, device="cpu").to(ids.device)
        counts = mask[chosen]
        longest = int(counts.any(0).nonzero().max()) + 1  # what only fills up costs time
        counts, rows = counts[:, :longest], ids[chosen, : longest + 1]
        logits = logits_of(student(rows[:, :-1]))[counts]
        if teacher is None:
            return cross_entropy_core(logits, rows[:, 1:][counts])
        return kl_divergence_core(logits, taught[chosen, :longest][counts], temperature=temperature)

    return descend(student, next_loss, recipe=recipe, evaluate=evaluate, evaluate_every=evaluate_every)
