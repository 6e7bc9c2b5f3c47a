"""benchmarks/own_steps.py: how rates are chosen, what its arms learn from, and that the recorded runs are complete."""

import pytest
import torch
from scripts import load_script

from kdlab import arithmetic, walks
from kdlab.data import load_results

SECTIONS = {"walks": "WALK_ARMS", "addition": "ADD_ARMS", "text": "TEXT_ARMS", "drafting": "DRAFT_ARMS"}


@pytest.fixture(scope="module")
def script():
    return load_script("own_steps")


@pytest.fixture(scope="module")
def recorded():
    return load_results("own_steps")


def test_a_grid_of_rates_grows_until_its_best_has_worse_neighbours(script, monkeypatch):
    scores = {0.01: 3.0, 0.02: 2.0, 0.04: 1.0, 0.08: 1.5}
    rows = []

    class Record:
        def rows(self, section, /, arm):
            return rows

    monkeypatch.setattr(script, "RECORD", Record())
    for job in script.tries("s", ["a"], 0.02, (100,)):
        assert job["arm"] == "a" and job["seed"] == 100
        if job not in [{name: row[name] for name in job} for row in rows]:
            rows.append({**job, "score": scores[job["rate"]]})
    assert [row["rate"] for row in rows] == [0.01, 0.02, 0.04, 0.08]
    assert script.rate_of("s", "a") == 0.04


def test_the_walks_of_an_arm(script):
    few = script.few_walks(0)
    assert script.walks_for("given, forward KL", 0) is few and len(few) == 300
    anew = script.walks_for("written anew", 0)(50, torch.Generator().manual_seed(0))
    asked = {tuple(row) for row in few[:, :4].tolist()}
    assert all(tuple(row) in asked for row in anew[:, :4].tolist()) and walks.arrived(anew).all()
    fresh = script.walks_for("unlimited, given", 0)(50, torch.Generator().manual_seed(9))  # few_walks(0) has 0
    assert not all(tuple(row) in asked for row in fresh[:, :4].tolist())


def test_what_the_additions_are(script, monkeypatch):
    pairs = script.lessons_of(0)
    assert len(pairs) == sum(script.COUNTS.values()) - max(0, script.COUNTS[1] + 560 - len(pairs))
    right, wrong = "2+2+0=4:4.", "2+2+0=5:5."
    monkeypatch.setattr(script, "lessons_of", lambda seed: [(2, 2), (3, 1)])
    monkeypatch.setattr(script, "sampled", lambda seed: {(2, 2): [right, wrong, right, wrong], (3, 1): [wrong] * 4})
    assert script.texts_of("answers", 0) == ["2+2=:4.", "3+1=:4."]
    assert script.texts_of("written out", 0)[1] == "3+1=3+1+0=4:4."
    assert script.texts_of("four samples, checked", 0) == ["2+2=" + right] * 2
    unchecked = script.texts_of("four samples, unchecked", 0)
    assert len(unchecked) == 2 and set(unchecked) <= {"2+2=" + right, "2+2=" + wrong, "3+1=" + wrong}
    assert script.texts_of("checked, shortened", 0) == ["2+2=4:4."] * 2


def test_exam_and_lessons_share_no_problem(script):
    taught = set(script.lessons_of(1))
    exam = script.asked(4001, {2: 100, 3: 100}, but=taught)
    assert not taught & set(exam) and len(exam) == len(set(exam)) == 200
    assert {len(str(a)) for a, _ in exam} == {2, 3} and arithmetic.prompt(*exam[0]).endswith("=")


@pytest.mark.parametrize("section", SECTIONS)
def test_every_arm_is_recorded_with_every_seed_at_its_best_rate(script, recorded, section):
    arms = getattr(script, SECTIONS[section])
    rows = recorded[section]
    assert {(row["arm"], row["seed"]) for row in rows} == {(arm, seed) for arm in arms for seed in script.SEEDS}
    for arm in arms:
        tried = {}
        for row in recorded[f"{section}_tried"]:
            if row["arm"] == arm:
                tried.setdefault(row["rate"], []).append(row["score"])
        mean = {rate: sum(scores) / len(scores) for rate, scores in tried.items()}
        best = min(mean, key=mean.get)
        assert min(mean) < best < max(mean), "the best rate has a worse one on either side"
        assert {row["rate"] for row in rows if row["arm"] == arm} == {best}


@pytest.mark.slow
def test_what_a_student_of_pieces_hears(script, monkeypatch):
    monkeypatch.setattr(script, "PIECE_CHARACTERS", 120)
    script.piece_lessons.cache_clear()
    ids, said = script.piece_lessons()
    script.piece_lessons.cache_clear()
    own = script.piece_tokenizer()
    text = script.load_moby_dick().train[: script.PIECE_BEFORE + 120]
    assert text.endswith(own.decode(ids.tolist())) and set(said) == {"pieces", "nothing ruled out", "characters"}
    for p in said.values():
        assert p.shape == (len(ids), len(own)) and torch.allclose(p.sum(1), torch.ones(len(ids)), atol=1e-4)
    assert (said["characters"][:, 39:] == 0).all()
    ruled_out = (said["pieces"] == 0) & (said["nothing ruled out"] > 0.01)
    assert ruled_out.any() and (said["pieces"][:-1].gather(1, ids[1:, None]) > 0).all()  # what came was never ruled out


def test_bits_of_pieces_are_counted_for_each_character(script):
    student = script.LanguageModel(
        len(script.piece_tokenizer()), width=8, heads=2, layers=1, context=script.PIECE_LENGTH
    )
    torch.nn.init.zeros_(student.tokens.weight)  # every piece as likely as any other
    text = script.load_moby_dick().test[:40_000]
    strings = script.piece_tokenizer().pieces(text)
    bits = torch.tensor(len(script.piece_tokenizer())).log2() * (len(strings) - 1) / (len(text) - len(strings[0]))
    assert script.piece_bits(student, "test") == pytest.approx(bits.item(), abs=1e-3)


def test_every_arm_of_pieces_has_its_best_rate_and_weight(script, recorded):
    rows = recorded["pieces"]
    expected = {(arm, seed) for arm in script.PIECE_ARMS for seed in script.PIECE_SEEDS}
    assert {(row["arm"], row["seed"]) for row in rows} == expected
    for arm in script.PIECE_TRIED:
        scores = script.scores_of("pieces_tried", arm, len(script.TRIAL_SEEDS))
        assert min(scores) < min(scores, key=scores.get) < max(scores)
    for row in rows:
        variant, rate = script.best_variant(row["arm"])
        assert row["rate"] == rate and variant == row["arm"] + (
            f", weight {row['weight']:g}" if "weight" in row else ""
        )


def test_exact_probabilities_of_pieces_beat_text_and_sorted_ones_do_not(recorded):
    bits = {}
    for row in recorded["pieces"]:
        bits.setdefault(row["arm"], []).append(row["test"])
    assert max(bits["exact"]) < min(bits["text only, ten times as much"]) < min(bits["text only"]) - 0.1
    assert all(a > b for a, b in zip(bits["sorted, characters"], bits["text only"], strict=True))
