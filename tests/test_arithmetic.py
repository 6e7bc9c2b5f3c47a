"""Additions written out: every style against Python's own sums, the checker, the mask, and a student that learns."""

import pytest
import torch

from kdlab import arithmetic, losses, models
from kdlab.training import Recipe, drain


def pairs(count=60):
    return [p for d in (1, 2, 3, 5) for p in arithmetic.problems(d, count, torch.Generator().manual_seed(d))]


def test_written_out_is_right_and_its_steps_are_too():
    for a, b in pairs():
        for style in arithmetic.STYLES:
            text = arithmetic.written_out(a, b, style)
            assert arithmetic.answer_of(text) == a + b and arithmetic.is_right(text, a, b)
        text = arithmetic.written_out(a, b)
        steps = text.partition(":")[0].split(",")
        assert len(steps) == len(str(a))
        assert all(sum(map(int, left.split("+"))) == int(total) for left, total in (step.split("=") for step in steps))
        digits = "".join(step.split("=")[1][-1] for step in steps)[::-1]  # the last digit of each sum is the answer's
        carry = steps[-1].split("=")[1][:-1]
        assert int(carry + digits) == a + b
        assert arithmetic.shortened(text) == arithmetic.written_out(a, b, "short")


def test_numbers_have_the_digits_asked_for():
    for digits, low, high in ((1, 0, 9), (2, 10, 99), (4, 1000, 9999)):
        found = [n for pair in arithmetic.problems(digits, 300, torch.Generator().manual_seed(0)) for n in pair]
        assert low <= min(found) and max(found) <= high


@pytest.mark.parametrize(
    "text, right",
    [
        ("7+5+0=12,4+8+1=13:132.", True),
        (":132.", True),
        ("7+5+0=11,4+8+1=13:132.", True),
        ("7+5+0=12,4+8+1=13:133.", False),
        ("7+5+0=12,4+8+1=13:132", False),
        ("7+5+0=12,4+8+1=132.", False),
        ("", False),
        (":.", False),
    ],
)
def test_the_checker_looks_at_the_answer_alone(text, right):
    assert arithmetic.is_right(text, 47, 85) is right


def test_what_counts_is_what_follows_the_prompt_up_to_the_full_stop():
    ids = arithmetic.encode(["4+8=:12.", "47+85=12,13:132."])
    kept = ["".join(arithmetic.TOKENIZER.vocabulary[i] for i in row[mask]) for row, mask in zip(ids, arithmetic.counted(ids), strict=True)]  # fmt: skip
    assert kept == [":12.", "12,13:132."]


def model(seed=0):
    return models.LanguageModel(15, width=16, heads=2, layers=1, context=40, std=0.14, seed=seed)


def test_the_first_loss_is_the_mean_over_what_counts_and_the_teachers_kl_vanishes_for_the_teacher():
    texts = [arithmetic.prompt(a, b) + arithmetic.written_out(a, b) for a, b in pairs(4)[:8]]
    recipe = Recipe(1.0, 0.0, 1, 5, 1e-9, 0)
    chosen = torch.randint(8, (5,), generator=torch.Generator().manual_seed(0))
    ids = arithmetic.encode(texts)[chosen]
    by_hand = losses.cross_entropy(model()(ids[:, :-1]), ids[:, 1:], mask=arithmetic.counted(ids)[:, 1:])
    assert next(arithmetic.train_adder(model(), texts, recipe=recipe))["loss"] == pytest.approx(
        by_hand.item(), rel=1e-5
    )
    assert next(arithmetic.train_adder(model(), texts, model(), recipe=recipe))["loss"] == pytest.approx(0, abs=1e-6)


def test_a_student_learns_a_few_texts_by_heart_and_write_stops_at_the_full_stop():
    few = [(3, 4), (12, 30), (25, 25)]
    texts = [arithmetic.prompt(*pair) + arithmetic.written_out(*pair, "answer") for pair in few]
    student = model()
    drain(arithmetic.train_adder(student, texts, recipe=Recipe(1.0, 0.0, 150, 8, 0.02, 0)))
    assert arithmetic.write(student, few, temperature=0) == [":7.", ":42.", ":50."]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="style"):
        arithmetic.written_out(1, 2, "tiny")
    with pytest.raises(ValueError, match="digits"):
        arithmetic.problems(0, 3, torch.Generator())
