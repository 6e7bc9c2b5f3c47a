"""benchmarks/distilling_an_llm.py: what its ways of training share, and that the recorded runs are complete."""

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
