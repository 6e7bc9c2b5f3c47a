"""benchmarks/language_models.py: what its arms differ in, and that the recorded runs show what lesson 12 says of them."""

import math
import statistics

import pytest
import torch
from scripts import load_script

from kdlab.data import load_results
from kdlab.intervals import t_interval
from kdlab.language import predict_text
from kdlab.models import LanguageModel
from kdlab.token_caches import TokenCache


@pytest.fixture(scope="module")
def script():
    return load_script("language_models")


@pytest.fixture(scope="module")
def results():
    return load_results("language_models")


@pytest.fixture
def model(script):
    return LanguageModel(39, **script.SMALL, seed=3).eval()


def test_writing_on_draws_from_what_said_says(script, model):
    rows = torch.randint(39, (2, script.PROMPT), generator=torch.Generator().manual_seed(0))
    text = script.write_on(model, rows, 40, torch.Generator().manual_seed(1))
    assert text.shape == (2, script.PROMPT + 40) and torch.equal(text[:, : script.PROMPT], rows)
    logits = script.said(model, text)
    assert logits.shape == (2, 40, 39)
    for place in (0, 15, 16, 39):  # what the model read there begins half a context before the stretch of 16
        start = place // 16 * 16
        with torch.no_grad():
            alone = model(text[:, start : script.PROMPT + place])[:, -1]
        assert torch.allclose(logits[:, place], alone, atol=1e-5)
    generator = torch.Generator().manual_seed(1)
    first = torch.multinomial(logits[:, 0].softmax(-1), 1, generator=generator)[:, 0]
    assert torch.equal(first, text[:, script.PROMPT])


def test_stretches_are_means_of_the_divergence_at_each_place(script):
    generator = torch.Generator().manual_seed(0)
    p, q = (torch.randn(3, script.NEW, 5, generator=generator) for _ in range(2))
    found = script.stretches(p, q)
    assert len(found) == 14
    last = [
        sum(a * math.log2(a / b) for a, b in zip(x.softmax(0).tolist(), y.softmax(0).tolist(), strict=True))
        for row_p, row_q in zip(p[:, -8:], q[:, -8:], strict=True)
        for x, y in zip(row_p, row_q, strict=True)
    ]
    assert found[-1] == pytest.approx(statistics.mean(last), rel=1e-4)


def test_curves_are_zero_for_a_student_that_says_the_same(script):
    logits = torch.randn(2, script.NEW, 39, generator=torch.Generator().manual_seed(0))
    assert max(map(abs, script.stretches(logits, logits))) < 1e-6


def test_the_controls_hold_one_token_at_each_place(script):
    logits = torch.randn(50, 39, generator=torch.Generator().manual_seed(0))
    _, kept, _ = script.hard(torch.zeros(50, dtype=torch.int64), logits, logits.argmax(-1))
    assert isinstance(kept, TokenCache) and kept.ids.shape == (50, 1) and torch.equal(kept.ids[:, 0], logits.argmax(-1))


@pytest.mark.parametrize("kind", ["top, bucket", "top, renormalised", "top, both renormalised", "sampled"])
def test_what_a_cache_is_taken_for(script, kind):
    logits = 2 * torch.randn(400, 39, generator=torch.Generator().manual_seed(0))
    kept, p = script.cache_of(kind, 4, logits, seed=0)
    sums = p.sum(-1)
    assert (
        (sums < 1).all()
        if kind in ("top, bucket", "top, both renormalised")
        else torch.allclose(sums, torch.ones(400), atol=1e-5)
    )
    assert ((p > 0).sum(-1) <= 4).all() and len(kept) == 400
    if kind != "sampled":
        assert torch.equal((p > 0), logits >= logits.topk(4).values[:, -1:])


def test_real_words_counts_what_the_book_has_and_no_cut_ends(script):
    assert script.real_words(["xq the whale xq", "xq zzyq, sea! xq"]) == pytest.approx(3 / 4)


def test_texts_of_the_teacher_count_where_it_wrote(script, monkeypatch, tmp_path):
    teacher = LanguageModel(39, width=16, heads=2, layers=1, context=128).eval()
    text = torch.randint(39, (500,), generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(script, "RUNS", tmp_path)
    monkeypatch.setattr(script, "world", lambda: (None, teacher, (text, text, text)))
    script.written.cache_clear()
    flat, logits, mask = script.written("sampled", 3)
    script.written.cache_clear()
    size = script.PROMPT + script.NEW
    assert flat.shape == mask.shape == (3 * size,) and logits.shape == (3 * size, 39)
    assert (
        mask.sum() == 3 * script.NEW and not mask[size - 1] and mask[script.PROMPT - 1] and not mask[script.PROMPT - 2]
    )
    assert any(torch.equal(flat[: script.PROMPT], window) for window in text.unfold(0, script.PROMPT, 1))
    assert torch.allclose(logits[:size], predict_text(teacher, flat[:size]), atol=0.01)  # kept in half precision


def test_settings_of_the_arms(script):
    assert script.settings_of("text") == {"alpha": 1.0, "temperature": 1.0}
    assert script.settings_of("text and soft targets")["alpha"] == 0.5
    assert script.settings_of("soft targets, T = 2") == {"alpha": 0.0, "temperature": 2.0}
    assert script.settings_of("teacher's argmax")["alpha"] == 0.0


# --- what was recorded ------------------------------------------------------------------------------


def test_every_section_is_recorded_in_full(script, results):
    for name, (_, jobs) in script.SECTIONS.items():
        missing = [job for job in jobs() if not any(job.items() <= row.items() for row in results[name])]
        assert not missing, f"{name}: {missing[:3]}"


def test_learning_rates_are_those_with_the_fewest_validation_bits(script, results):
    for name in ("transfer", "divergences"):
        for row in results[name]:
            characters = row.get("characters", script.ALL)
            tried = {}
            for other in results["tuning"]:
                if (other["section"], other["arm"], other["characters"]) == (name, row["arm"], characters):
                    assert other["seed"] != row["seed"]
                    tried.setdefault(other["learning_rate"], []).append(other["validation"])
            assert len(tried) == len(script.RATES) == 4
            twice = {rate: statistics.mean(values) for rate, values in tried.items() if len(values) == 2}
            assert len(twice) == 2 and row["learning_rate"] == min(twice, key=twice.get)


def of(rows, key="test", **wanted):
    """The values of the rows that have these settings, in the order of the seeds."""
    found = [row for row in rows if wanted.items() <= row.items()]
    assert len(found) >= 3
    return [row[key] for row in sorted(found, key=lambda row: row["seed"])]


def clearly_less(ours, theirs, by=0.0):
    """The mean paired difference is below -by by five times the scatter of one pair."""
    each = [a - b for a, b in zip(ours, theirs, strict=True)]
    return statistics.mean(each) + 5 * statistics.stdev(each) < -by


def test_soft_targets_save_bits_and_bare_decisions_do_not(results):
    rows, few = results["transfer"], {"characters": 20_000}
    text = of(rows, arm="text", **few)
    assert clearly_less(of(rows, arm="soft targets, T = 1", **few), text)
    assert clearly_less(text, of(rows, arm="teacher's argmax", **few), by=0.5)


def test_likeliest_text_is_poison_and_sampled_text_is_not(results):
    rows = results["transfer"]
    sampled, greedy, beam = (
        of(rows, arm=f"teacher's text: {how}", characters=96 * 112) for how in ("sampled", "greedy", "beam")
    )
    assert clearly_less(sampled, greedy, by=1.0) and clearly_less(sampled, beam, by=1.0)
    assert min(greedy) > 5.0


def test_the_divergence_decides_which_faults_a_small_student_keeps(results):
    forward, between, reverse = (
        {key: of(results["divergences"], key, arm=arm) for key in ("test", "teacher_bits", "own_bits")}
        for arm in ("forward KL", "JSD 0.1", "reverse KL")
    )
    assert clearly_less(forward["test"], reverse["test"])
    assert clearly_less(reverse["own_bits"], forward["own_bits"])
    assert clearly_less(between["teacher_bits"], forward["teacher_bits"])


def test_reverse_kl_pleases_the_teacher_and_given_text_wins_for_equal_time(results):
    rows = results["on_policy"]
    start = of(rows, "teacher_bits", arm="start")
    own = of(rows, "teacher_bits", arm="own text, reverse KL")
    assert clearly_less(own, start, by=0.2)
    for key in ("teacher_bits", "test"):
        late = of(rows, key, arm="given text, reverse KL", budget="equal time")
        assert statistics.mean(late) < statistics.mean(of(rows, key, arm="own text, reverse KL"))
    assert max(of(rows, "teacher_bits", arm="given text, reverse KL", budget="equal time")) < min(own) - 0.3


def test_errors_do_not_grow_along_the_student_s_own_text(results):
    rows = [row for row in results["on_policy"] if row["arm"] == "start"]
    for row in rows:
        excess = [a - b for a, b in zip(row["kl_after_own"], row["kl_after_teacher"], strict=True)]
        assert len(excess) == 14 and statistics.mean(excess) < 0.02
        assert abs(statistics.mean(excess[7:]) - statistics.mean(excess[:7])) < 0.06


def test_own_text_brings_whole_texts_nearer_with_reverse_kl_and_nothing_is_told_with_forward_kl(results):
    def gains(kl):
        own, given = (
            of(results["on_policy"], "reverse_kl", arm=f"{whose} text, {kl}", budget="equal steps")
            for whose in ("own", "given")
        )
        return [a - b for a, b in zip(own, given, strict=True)]

    mean, half = t_interval(gains("reverse KL"))
    assert max(gains("reverse KL")) < 0 and mean + half < 0
    mean, half = t_interval(gains("forward KL"))
    assert abs(mean) < half


def test_a_step_on_its_own_text_is_dear_because_the_teacher_is_asked(results):
    given, asked, own = (row["milliseconds"] for row in results["costs"][:3])
    assert asked > 5 * given and asked < own < 1.5 * asked
    steps = {row["steps"] for row in results["on_policy"] if row["budget"] == "equal time"}
    assert steps == {round(80 * own / given)}
    assert 10 < results["costs"][3]["seconds"] < 300


def test_a_cache_that_renormalises_both_is_the_worst(results):
    for size in (2, 4, 8):
        both, one = (
            of(results["caches"], kind=f"top, {how}", size=size) for how in ("both renormalised", "renormalised")
        )
        assert clearly_less(one, both)


def test_draws_are_unbiased_and_top_k_is_not(results):
    rows = results["caches"]
    for size in (1, 2, 4):
        draws, top = (of(rows, "bias", kind=kind, size=size) for kind in ("sampled", "top, renormalised"))
        assert max(draws) < 0.03 < 0.05 < min(top)
        assert clearly_less(*(of(rows, kind=kind, size=size) for kind in ("sampled", "top, renormalised")))
