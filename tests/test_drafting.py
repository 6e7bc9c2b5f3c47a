"""Speculative decoding: the distribution of what comes out, by exact enumeration and by many draws."""

import itertools
import math

import pytest
import torch

from kdlab import drafting, losses, models
from kdlab.generation import generate

V, AHEAD = 3, 2


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def tables(seed):
    """Two language models as tables: what follows after every text of at most 3 tokens."""
    generator = seeded(seed)
    texts = [text for length in range(4) for text in itertools.product(range(V), repeat=length)]
    return [{text: (2 * torch.randn(V, generator=generator)).softmax(-1) for text in texts} for _ in range(2)]


def chance_of(table, text, before=()):
    return math.prod(float(table[before + text[:i]][token]) for i, token in enumerate(text))


@pytest.mark.parametrize("seed", range(4))
def test_every_text_of_a_small_vocabulary_has_exactly_the_teachers_probability(seed):
    """All drafts, all ways to accept them, and what follows: summed up, no draws."""
    p, q = tables(seed)
    found = dict.fromkeys(itertools.product(range(V), repeat=AHEAD + 1), 0.0)
    for draft in itertools.product(range(V), repeat=AHEAD):
        stays = chance_of(q, draft)
        for kept in range(AHEAD + 1):
            before = draft[:kept]
            here_p, here_q = p[before], q[before]
            if kept == AHEAD:
                ends, after = 1.0, here_p
            else:
                ratio = min(1.0, float(here_p[draft[kept]] / here_q[draft[kept]]))
                ends, after = 1 - ratio, drafting.remainder(here_p, here_q)
            for added in range(V):
                text = (*before, added)
                for rest in itertools.product(range(V), repeat=AHEAD + 1 - len(text)):  # the teacher goes on by itself
                    found[text + rest] += stays * ends * float(after[added]) * chance_of(p, rest, text)
            stays *= 1 - ends
    for text, chance in found.items():
        assert chance == pytest.approx(chance_of(p, text), abs=1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_judge_draws_from_that_distribution(seed):
    p, q = tables(seed)
    count, generator = 60_000, seeded(seed)
    drafted, q_rows, p_rows = torch.empty(count, 0, dtype=torch.int64), [], []
    lookup = lambda table, rows: torch.stack([table[tuple(row)] for row in rows.tolist()])  # noqa: E731
    for _ in range(AHEAD):
        q_rows.append(lookup(q, drafted))
        p_rows.append(lookup(p, drafted))
        drafted = torch.cat([drafted, torch.multinomial(q_rows[-1], 1, generator=generator)], 1)
    p_rows.append(lookup(p, drafted))
    kept, added = drafting.judge(torch.stack(p_rows, 1), torch.stack(q_rows, 1), drafted, generator)
    first = torch.where(kept > 0, drafted[:, 0], added)
    shares = torch.bincount(first, minlength=V) / count
    assert torch.allclose(shares, p[()], atol=5 * (0.25 / count) ** 0.5)
    more = kept >= 1  # the second token, where the first was kept
    second = torch.where(kept[more] > 1, drafted[more, 1], added[more])
    for token in range(V):
        mine = drafted[more, 0] == token
        if mine.sum() > 500:
            shares = torch.bincount(second[mine], minlength=V) / mine.sum()
            assert torch.allclose(shares, p[(token,)], atol=5 * (0.25 / int(mine.sum())) ** 0.5)
    alpha = drafting.acceptance(q[()].log(), p[()].log())
    assert (kept > 0).float().mean().item() == pytest.approx(alpha.item(), abs=5 * (0.25 / count) ** 0.5)


def writers():
    big = models.LanguageModel(7, width=16, heads=2, layers=2, context=64, std=0.5, seed=1)
    return big, models.LanguageModel(7, width=8, heads=2, layers=1, context=64, std=0.5, seed=2)


@pytest.mark.slow
def test_the_text_is_distributed_as_the_teachers_own():
    """Two tokens after a prompt, over many seeds, against the teacher's exact probabilities."""
    big, small = writers()
    prompt, count = torch.tensor([1, 2, 3]), 4000
    found = torch.zeros(7, 7)
    generator = seeded(0)
    for _ in range(count):
        ids = [t for turn in drafting.write(big, small, prompt, 2, ahead=2, generator=generator)
               for t in (*turn.accepted, turn.added)]  # fmt: skip
        found[ids[0], ids[1]] += 1 / count
    with torch.no_grad():
        first = big(prompt[None])[0, -1].softmax(-1)
        second = big(torch.stack([torch.cat([prompt, torch.tensor([t])]) for t in range(7)]))[:, -1].softmax(-1)
    exact = first[:, None] * second
    assert (found - exact).abs().max() < 5 * (exact.max() / count) ** 0.5


def test_the_caches_change_nothing():
    """With its own copy as drafter nothing is ever refused; each round's tokens are those of a drafter without a cache."""
    big, small = writers()
    prompt = torch.tensor([0, 1])
    rounds = list(drafting.write(big, big, prompt, 30, ahead=3, generator=seeded(3)))
    assert all(len(turn.accepted) == 3 and not turn.refused for turn in rounds)
    text = prompt.tolist()
    generator = seeded(4)
    for turn in drafting.write(big, small, prompt, 30, ahead=3, generator=seeded(4)):
        draft = generate(small, torch.tensor([text]), 3, generator=generator, use_cache=False)
        assert draft[0, len(text) :].tolist() == turn.accepted + turn.refused
        with torch.no_grad():
            p, q = (model(draft)[:, len(text) - 1 :].softmax(-1) for model in (big, small))
        kept, added = drafting.judge(p, q[:, :-1], draft[:, len(text) :], generator)
        assert (int(kept), int(added)) == (len(turn.accepted), turn.added)
        text += turn.accepted + [turn.added]


def test_acceptance_is_one_minus_total_variation():
    q, p = torch.randn(50, 9, generator=seeded(0)), torch.randn(50, 9, generator=seeded(1))
    assert drafting.acceptance(q, p).mean().item() == pytest.approx(
        1 - losses.total_variation_loss(q, p).item(), abs=1e-6
    )
    assert drafting.remainder(p.softmax(-1), p.softmax(-1)).sum(-1) == pytest.approx(torch.ones(50))


@pytest.mark.parametrize(
    "options, words",
    [
        ({"length": 0}, "length"),
        ({"ahead": 0}, "ahead"),
        ({"length": 70}, "too many for a context"),
        ({"prompt": torch.zeros(0, dtype=torch.int64)}, "prompt must be"),
        ({"drafter": models.LanguageModel(5, width=8, heads=2, layers=1, context=64)}, "same vocabulary"),
    ],
)
def test_bad_input_is_refused_at_once(options, words):
    big, small = writers()
    settings = {"teacher": big, "drafter": small, "prompt": torch.tensor([1]), "length": 5} | options
    with pytest.raises(ValueError, match=words):
        drafting.write(**settings)
