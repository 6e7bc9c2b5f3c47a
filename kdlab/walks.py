"""Walks on a grid of 8 × 8 fields: a task whose teacher is exact, after whatever the student has done.

A text is a prompt of four tokens (start's column and row, goal's column and row), then moves, then END. The teacher
says after any beginning which moves come nearer to the goal, each as likely as the others, and END at the goal. So it
can be asked about the wrong turns of a student, which no list of finished walks has.
"""

from collections.abc import Iterator

import torch

from kdlab.checks import check_fraction
from kdlab.generation import generate
from kdlab.losses import check_device, kl_divergence_core
from kdlab.models import check_language_model, logits_of
from kdlab.training import check_start, descend

SIZE = 8
MOVES = {"right": 0, "left": 1, "up": 2, "down": 3}
END, FIRST = 4, 5  # the token that ends a walk, and that of coordinate 0
VOCABULARY = FIRST + SIZE
PROMPT, LONGEST = 4, 20  # tokens of a prompt, and of what may follow it
STRAY = 0.01  # the share that the teacher spreads over all tokens, so that none is impossible
_STEPS = torch.tensor(
    [[1, 0], [-1, 0], [0, 1], [0, -1]] + [[0, 0]] * (VOCABULARY - 4), device="cpu"
)  # by token: column, row


def prompts(count, generator):
    """Starts and goals, int64 (count, 4)."""
    return FIRST + torch.randint(SIZE, (count, PROMPT), generator=generator, device=generator.device)


def places(ids):
    """Where each walk is after each of its tokens: columns and rows int64 (N, L, 2); it stays where it ended.

    Entries before the prompt's last mean nothing.
    """
    _check_ids(ids)
    moves = _STEPS.to(ids.device)[ids] * ~_ended(ids)[..., None]
    return (ids[:, None, :2] - FIRST) + moves.cumsum(1)


def _check_ids(ids):
    """ValueError unless these are walks."""
    if not isinstance(ids, torch.Tensor) or ids.dtype != torch.int64 or ids.ndim != 2 or ids.shape[1] < PROMPT:
        raise ValueError(f"walks must be ids int64 (N, L), a prompt of {PROMPT} and the moves after it")
    if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < VOCABULARY:
        raise ValueError(
            f"a walk's ids are from 0 to {VOCABULARY - 1}; these go from {int(ids.min())} to {int(ids.max())}"
        )


def _ended(ids):
    """Whether END stood among the tokens up to and with this one: bool (N, L)."""
    return (ids == END).cumsum(1) > 0


def teacher(ids, stray=STRAY):
    """What may come after each token of walks (N, L), exactly: logits float (N, L, 13). Uniform inside a prompt."""
    stray = check_fraction("stray", stray)
    ahead = (ids[:, None, 2:4] - FIRST) - places(ids)
    column, row = ahead.unbind(-1)
    over = _ended(ids)
    there = (ahead == 0).all(-1) | over
    good = torch.stack([column > 0, column < 0, row > 0, row < 0, there], -1) & (
        ~over[..., None] | (_ALL.to(ids.device) == END)
    )
    p = torch.full((*ids.shape, VOCABULARY), stray / VOCABULARY, dtype=torch.float32, device=ids.device)
    p[..., : END + 1] += (1 - stray) * good.float() / good.sum(-1, keepdim=True)
    p[:, : PROMPT - 1] = 1 / VOCABULARY
    return p.log()


_ALL = torch.arange(END + 1, device="cpu")


def teacher_writes(starts, generator):
    """Walks int64 (N, 24) that the teacher draws after prompts (N, 4), without its stray tokens; END fills them up."""
    ids = starts
    for _ in range(LONGEST):
        p = teacher(ids, stray=0.0)[:, -1].exp()
        ids = torch.cat([ids, torch.multinomial(p, 1, generator=generator)], 1)
    return ids


def counts(ids):
    """Which tokens of walks (N, L) count, bool (N, L): those after the prompt, up to the first END and with it."""
    own = (torch.arange(ids.shape[1], device=ids.device) >= PROMPT).expand(ids.shape)
    return own & (_ended(ids).cumsum(1) <= 1)


def arrived(ids):
    """Which walks (N, L) end at their goal, and have only moves on the way: bool (N,)."""
    before = counts(ids) & (ids != END)
    moves_only = ~(before & (ids > END)).any(1)
    return _ended(ids)[:, -1] & moves_only & (places(ids)[:, -1] == ids[:, 2:4] - FIRST).all(-1)


def wrong_turns(ids):
    """Which tokens of walks (N, L) the teacher would not have written, bool (N, L)."""
    said = teacher(ids[:, :-1], stray=0.0).gather(-1, ids[:, 1:, None])[..., 0]
    return torch.cat([torch.zeros(len(ids), 1, dtype=torch.bool, device=ids.device), said == -torch.inf], 1) & counts(
        ids
    )


def train_walker(
    student, walks, *, recipe, on_policy=1.0, divergence=kl_divergence_core, evaluate=None, evaluate_every=25
) -> Iterator[dict]:
    """Train a student on what the exact teacher says after each token of walks; records as `kdlab.training.train`.

    A step takes `recipe.batch_size` of the walks, int64 (N, 24). With probability `on_policy` it keeps their prompts
    alone, and the student goes on by itself. `walks` may also be a function that makes them, `walks(count, generator)`.
    Raises ValueError.
    """
    check_start(student, recipe, evaluate, evaluate_every)
    check_language_model(student)
    on_policy = check_fraction("on_policy", on_policy)
    generator = torch.Generator().manual_seed(recipe.seed)
    if isinstance(walks, torch.Tensor):
        check_device("walks", walks, "the student", next(student.parameters()))

    def next_loss(temperature, alpha):
        if callable(walks):
            ids = walks(recipe.batch_size, generator)
        else:
            ids = walks[
                torch.randint(len(walks), (recipe.batch_size,), generator=generator, device="cpu").to(walks.device)
            ]
        if torch.rand((), generator=generator, dtype=torch.float32, device="cpu") < on_policy:
            ids = generate(student, ids[:, :PROMPT], LONGEST, generator=generator)
        mask = counts(ids)[:, 1:]
        return divergence(logits_of(student(ids[:, :-1]))[mask], teacher(ids[:, :-1])[mask], temperature=temperature)

    return descend(student, next_loss, recipe=recipe, evaluate=evaluate, evaluate_every=evaluate_every)
