"""benchmarks/distilling_an_llm.py: what its ways of training share, and that the recorded runs are complete."""

import itertools
import math
import statistics

import pytest
import torch
from scripts import load_script

from kdlab.data import load_results


@pytest.fixture(scope="module")
def script():
    return load_script("distilling_an_llm")


@pytest.fixture
def small(script, monkeypatch, tmp_path):
    """The script with a student that trains in no time, and nothing written where the real runs are."""
    monkeypatch.setattr(script, "STUDENT", {"width": 8, "heads": 2, "layers": 1, "context": 160, "std": 0.06})
    monkeypatch.setattr(script, "STEPS", 2)
    monkeypatch.setattr(script, "TRAINED", tmp_path)
    return script


def test_all_ways_start_from_the_same_weights_and_differ_after(small):
    states = {arm: small.train(arm, 0, 1e-3)[0].tokens.weight.detach() for arm in small.ARMS}
    start = small.LanguageModel(len(small.transfer_set()[1]), **small.STUDENT, seed=0).tokens.weight.detach()
    assert all((own - start).abs().max() < 0.01 for own in states.values())
    assert not torch.equal(states["text only"], states["probabilities"])
    assert not torch.equal(states["both"], states["probabilities"])


def test_a_student_that_is_there_is_not_trained_again(small):
    first, seconds = small.train("text only", 0, 1e-3)
    again, same = small.train("text only", 0, 1e-3)
    assert seconds == same and torch.equal(first.tokens.weight, again.tokens.weight)


def test_perplexity_is_that_of_places_that_count(script):
    _, _, (_, validation, _) = script.transfer_set()
    student = script.LanguageModel(len(script.transfer_set()[1]), width=8, heads=2, layers=1, context=160)
    torch.nn.init.zeros_(student.tokens.weight)  # all tokens equally likely
    assert script.perplexity(student, validation) == pytest.approx(len(script.transfer_set()[1]), rel=1e-3)


def test_texts_end_where_the_student_ends_them(small):
    student, _ = small.train("text only", 0, 1e-3)
    prompts = small.prompts_of_test()[:5]
    texts = small.write_texts(student, prompts, 0)
    assert len(texts) == 5 and all(len(text) <= small.LONGEST and small.END not in text for text in texts)
    assert texts == small.write_texts(student, prompts, 0) != small.write_texts(student, prompts, 1)


def test_this_student_can_learn_on_its_own_answers(small):
    """Prompts of unequal length, an end, and a teacher that is any function: as lesson 14 needs it."""
    content, tokenizer, _ = small.transfer_set()
    prompts = [torch.tensor([*tokenizer.encode(p).tolist(), small.START]) for p in content.train.prompts[::300]]
    assert len({len(prompt) for prompt in prompts}) > 1
    student, teacher = (small.LanguageModel(len(tokenizer), **small.STUDENT, seed=seed) for seed in (0, 1))
    recipe = small.Recipe(1.0, 0.0, steps=2, batch_size=3, learning_rate=1e-3)
    before = student.tokens.weight.detach().clone()
    run = small.language.distill_on_policy(
        student, lambda ids: teacher(ids), prompts, recipe=recipe, length=60, end=small.END, long_term=0.5
    )
    records = small.drain(run).records
    assert len(records) == 2 and all(math.isfinite(record["loss"]) for record in records)
    assert not torch.equal(student.tokens.weight, before)


def test_what_counts_in_each_arm(script):
    """By hand for the first answer: its prompt, its end, and what is told where the teacher gave no probabilities."""
    part = script.transfer_set()[0].train
    ids, top, counts = script.counted(False, False)
    assert len(ids) == sum(int(part.starts[n + 1] - part.starts[n]) for n in range(0, len(part), 2))
    last = int(part.starts[1]) - 1
    assert ids[last + 1 : last + 9].tolist() == part.tokens[int(part.starts[2]) :][:8].tolist()
    start = ids[:last].tolist().index(script.START)
    assert not counts[:start].any() and ids[last] == script.END
    for prompts, ends in ((True, False), (False, True), (True, True)):
        same_ids, told, more = script.counted(prompts, ends)
        new = (more & ~counts)[: last + 1].nonzero()[:, 0].tolist()
        expected = list(range(start)) if prompts else []
        assert new == expected + ([last - 1] if ends and not counts[last - 1] else [])
        for place in new:
            assert told.ids[place, 0] == ids[place + 1] and told.weights[place].tolist() == [1.0] + [0.0] * 7
        same = ~(more & ~counts)
        assert torch.equal(told.ids[same], top.ids[same]) and torch.equal(told.weights[same], top.weights[same])
        assert torch.equal(same_ids, ids) and torch.equal(more | counts, more)


def test_once_through_reads_no_place_twice(script):
    count = len(script.counted(False, False)[0])
    batches = script.disjoint(count, 0)
    assert batches.shape[1:] == (script.BATCH, script.LENGTH)
    assert len(batches.unique()) == batches.numel() > 0.97 * count
    assert batches.min() >= 0 and batches.max() < count - 1  # something follows each place
    assert not torch.equal(batches, script.disjoint(count, 1)) and torch.equal(batches, script.disjoint(count, 0))


@pytest.mark.slow
def test_what_counts_decides_what_is_learned(script, monkeypatch):
    monkeypatch.setattr(script, "STUDENT", {"width": 8, "heads": 2, "layers": 1, "context": 160, "std": 0.06})
    students = {
        arm: script.epoch_student(arm, 1e-3, 0)[0].tokens.weight.detach() for arm in ("text only", "ends counted")
    }
    again = script.epoch_student("text only", 1e-3, 0)[0].tokens.weight
    assert torch.equal(students["text only"], again) and not torch.equal(*students.values())


def test_with_attention_closed_an_answer_is_read_as_if_it_stood_alone(script):
    sizes = {"width": 8, "heads": 2, "layers": 2, "context": 40, "std": 0.5}
    closed, plain = script.Closed(9, **sizes), script.LanguageModel(9, **sizes)
    ids = torch.tensor([[5, 6, 1, 7, 2, 5, 1, 8, 8, 2, 6, 1]])
    other = ids.clone()
    other[0, :4] = 3
    with torch.no_grad():
        assert torch.allclose(closed(ids)[0, 5:], closed(other)[0, 5:], atol=1e-6)
        assert torch.allclose(closed(ids)[0, :5], plain(ids)[0, :5], atol=1e-5)
        assert not torch.allclose(plain(ids)[0, 5:], plain(other)[0, 5:], atol=1e-3)


def test_perplexity_of_answers_alone(script):
    student = script.LanguageModel(len(script.transfer_set()[1]), width=8, heads=2, layers=1, context=160)
    torch.nn.init.zeros_(student.tokens.weight)
    part = script.transfer_set()[0].validation
    assert script.alone(student, part, answers=3) == pytest.approx(len(script.transfer_set()[1]), rel=1e-3)


def test_rates_for_one_epoch_are_the_best_and_not_at_the_edge(script):
    for arm in script.EPOCH_TUNED:
        tried = script.tried(arm)
        assert min(tried) < script.epoch_rate(arm) < max(tried)
        for rate in script.EPOCH_RATES:
            assert {row["seed"] for row in rows("epoch_rates", arm=arm, rate=rate)} == set(script.EPOCH_SEEDS)
    for row in rows("epoch"):
        assert row["rate"] == script.epoch_rate(row["arm"])


def test_probabilities_are_ahead_once_through_at_each_rate_that_trains(script):
    for rate, seed in itertools.product(script.EPOCH_RATES[:-1], script.EPOCH_SEEDS):
        text, probabilities = (
            rows("epoch_rates", arm=arm, rate=rate, seed=seed)[0]["validation"]
            for arm in ("text only", "probabilities")
        )
        assert probabilities < 0.92 * text


def test_probabilities_are_ahead_once_through():
    text, probabilities = ([row["test"] for row in rows("epoch", arm=arm)] for arm in ("text only", "probabilities"))
    assert max(probabilities) < min(text)


def test_answers_stop_where_ends_were_counted():
    stopped = {
        arm: [row["stopped"] for row in rows("epoch", arm=arm)]
        for arm in ("probabilities", "prompts counted", "ends counted", "prompts and ends counted")
    }
    assert all(len(shares) == 3 for shares in stopped.values())
    assert min(stopped["ends counted"] + stopped["prompts and ends counted"]) > max(stopped["probabilities"]) + 0.2


def rows(section, **wanted):
    return [row for row in load_results("distilling_an_llm")[section] if wanted.items() <= row.items()]


def test_probabilities_beat_text_with_every_seed():
    text, probabilities = ([row["test"] for row in rows("arms", arm=arm)] for arm in ("text only", "probabilities"))
    assert len(text) == len(probabilities) == 3
    gain, spread = statistics.mean(text) - statistics.mean(probabilities), statistics.stdev(text + probabilities)
    assert max(probabilities) < min(text) and gain > spread


def test_the_gap_is_there_after_long_training_too():
    ends = {row["arm"]: row["test"] for row in load_results("distilling_an_llm")["long"]}
    assert ends["probabilities"] < 0.85 * ends["text only"]


def test_every_way_was_trained_with_its_best_rate(script):
    for row in load_results("distilling_an_llm")["arms"]:
        assert row["rate"] == script.best_rate(row["arm"])


def test_perplexities_and_scores_are_possible():
    for row in load_results("distilling_an_llm")["arms"]:
        assert 1 < row["validation"] < 2110 and 1 < row["test"] < 2110 and len(row["texts"]) == 40
    teacher = rows("teacher", writer="teacher")[0]["log_p"]
    others = [row for row in load_results("distilling_an_llm")["teacher"] if row["writer"] != "teacher"]
    assert all(row["log_p"] < teacher and 0 < row["distinct_2"] < 1 for row in others)
    assert 1.5 < math.exp(-teacher) < 6


def test_every_section_is_recorded_in_full(script):
    results = load_results("distilling_an_llm")
    for name, (_, jobs) in script.SECTIONS.items():
        missing = [job for job in jobs() if not any(job.items() <= row.items() for row in results[name])]
        assert not missing, f"{name}: {missing[:3]}"
