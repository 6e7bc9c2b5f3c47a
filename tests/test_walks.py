"""Walks on a grid: the exact teacher against a search by brute force, the mask, arrival, and the training loop."""

import copy
from collections import deque

import pytest
import torch

from kdlab import language, losses, models, walks
from kdlab.generation import generate
from kdlab.training import Recipe, drain


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def student(seed=0):
    return models.LanguageModel(walks.VOCABULARY, width=16, heads=2, layers=1, context=24, std=0.14, seed=seed)


def distances_to(goal):
    """Moves from each field around the grid to the goal, found by a search that knows nothing of coordinates."""
    found, queue = {goal: 0}, deque([goal])
    while queue:
        x, y = queue.popleft()
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            field = (x + dx, y + dy)
            if field not in found and all(-25 <= c < 33 for c in field):
                found[field] = found[x, y] + 1
                queue.append(field)
    return found


def test_the_teacher_names_exactly_the_moves_that_come_nearer_after_any_beginning():
    moves = torch.randint(0, 4, (12, 20), generator=seeded(0))
    ids = torch.cat([walks.prompts(12, seeded(1)), moves], 1)
    p = walks.teacher(ids).softmax(-1)
    steps = {0: (1, 0), 1: (-1, 0), 2: (0, 1), 3: (0, -1)}
    for row, said in zip(ids.tolist(), p, strict=True):
        x, y, *goal = (token - walks.FIRST for token in row[:4])
        away = distances_to(tuple(goal))
        for place in range(3, 24):
            if place > 3:
                x, y = x + steps[row[place]][0], y + steps[row[place]][1]
            good = [m for m, (dx, dy) in steps.items() if away[x + dx, y + dy] < away[x, y]]
            good = good if away[x, y] else [walks.END]
            expected = torch.full((13,), walks.STRAY / 13)
            expected[good] += (1 - walks.STRAY) / len(good)
            assert torch.allclose(said[place], expected, atol=1e-6)


def test_the_teachers_walks_arrive_and_have_no_wrong_turn():
    ids = walks.teacher_writes(walks.prompts(400, seeded(2)), seeded(3))
    assert walks.arrived(ids).all() and not walks.wrong_turns(ids).any()
    assert ((ids == walks.END).any(1)).all() and ids.shape == (400, 24)


def test_arrival_needs_the_goal_and_an_end_and_nothing_but_moves():
    prompt = [5, 5, 6, 5]  # one field to the right
    right, left, up, down, end = 0, 1, 2, 3, 4
    rows = {
        (right, end): True, (up, right, down, end): True, (right,): False, (right, right, end): False, (end,): False,
        (right, left, right, end): True, (7, right, end): False, (right, end, left, end): True,
    }  # fmt: skip
    for tokens, there in rows.items():
        filler = [left] * (20 - len(tokens))
        assert walks.arrived(torch.tensor([[*prompt, *tokens, *filler]])).tolist() == [there], tokens


def test_what_counts_ends_with_the_first_end_and_prompts_are_out():
    ids = torch.tensor([[4, 5, 6, 7, 0, 4, 4, 0], [5, 5, 5, 5, 4, 0, 0, 0], [5, 5, 6, 6, 0, 2, 1, 1]])
    # coordinates never are 4 in a prompt that prompts() makes; END counts once
    expected = [[0, 0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1]]
    assert walks.counts(ids[1:]).int().tolist() == expected[1:]


def test_wrong_turns_are_what_the_teacher_would_not_write():
    ids = torch.tensor([[5, 5, 7, 5, 0, 2, 3, 0, 4, 0], [5, 5, 7, 5, 1, 4, 0, 0, 0, 0]])
    assert walks.wrong_turns(ids).int().tolist() == [[0, 0, 0, 0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0, 0, 0, 0]]


def test_the_loop_is_distill_on_policy_for_this_teacher():
    """The first loss on own walks is that of the general function; on given walks that of a mean written out."""
    given = walks.teacher_writes(walks.prompts(8, seeded(0)), seeded(1))
    recipe = Recipe(1.0, 0.0, 1, 8, 1e-9, 3)
    first = next(walks.train_walker(student(), given, recipe=recipe, on_policy=0))["loss"]
    drawn = given[torch.randint(8, (8,), generator=seeded(3))]
    mask = walks.counts(drawn)[:, 1:]
    by_hand = losses.kl_divergence(student()(drawn[:, :-1]), walks.teacher(drawn[:, :-1]), mask=mask)
    assert first == pytest.approx(by_hand.item(), rel=1e-5)

    many = Recipe(1.0, 0.0, 1, 3000, 1e-9, 3)
    ours = next(walks.train_walker(student(), given, recipe=many, divergence=losses.reverse_kl_divergence_core))["loss"]
    prompts = list(given[:, :4])
    general = language.distill_on_policy(student(), walks.teacher, prompts, recipe=many, length=24, end=walks.END)
    assert ours == pytest.approx(next(general)["loss"], rel=0.05), "other draws, the same expectation"


@pytest.mark.slow
def test_a_student_on_its_own_walks_overtakes_one_on_given_walks():
    given = walks.teacher_writes(walks.prompts(300, seeded(0)), seeded(1))
    start = models.LanguageModel(walks.VOCABULARY, width=32, heads=4, layers=1, context=24, std=0.1, seed=0)
    drain(walks.train_walker(start, given, recipe=Recipe(1.0, 0.0, 250, 64, 0.01, 0), on_policy=0))
    arrived = {}
    for share in (0, 1):
        model = copy.deepcopy(start)
        drain(walks.train_walker(model, given, recipe=Recipe(1.0, 0.0, 150, 64, 0.01, 0), on_policy=share))
        ids = generate(model, walks.prompts(500, seeded(5)), 20, generator=seeded(5))
        arrived[share] = walks.arrived(ids).float().mean().item()
    assert arrived[1] > arrived[0] + 0.1


def test_bad_input_is_refused():
    given = walks.teacher_writes(walks.prompts(8, seeded(0)), seeded(1))
    with pytest.raises(ValueError, match="on_policy"):
        walks.train_walker(student(), given, recipe=Recipe(1.0, 0.0, 2, 4), on_policy=1.5)
