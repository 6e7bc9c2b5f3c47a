"""benchmarks/reviews.py: what its arms differ in, and that the recorded runs are complete."""

import statistics

import pytest
import torch
from scripts import load_script

from kdlab.data import load_results
from kdlab.models import TextClassifier
from kdlab.text import words


@pytest.fixture(scope="module")
def script():
    return load_script("reviews")


def test_other_forms_are_the_sentence_with_holes_or_an_n_gram_of_it(script):
    sentence = "It isn't a bad film, and not a good one either; it is long."
    whole = words(sentence)
    forms = script.other_forms(sentence, 400, torch.Generator().manual_seed(0))
    holes = short = 0
    for form in (form.split() for form in forms):
        starts = range(len(whole) - len(form) + 1)
        assert any(
            all(own in (word, script.HOLE) for own, word in zip(form, whole[i : i + len(form)], strict=True))
            for i in starts
        )
        assert len(form) == len(whole) or 1 <= len(form) <= 5
        short += len(form) < len(whole)
        holes += form.count(script.HOLE)
    assert 0.18 < short / 400 < 0.32
    assert 0.08 < holes / sum(len(form.split()) for form in forms) < 0.12


def test_a_hole_is_unknown_to_the_student(script):
    _, tokenizer, _, _ = script.world()
    ids, _ = tokenizer.encode([f"a {script.HOLE} film"])
    assert ids[0, 2] == tokenizer.ids["[unk]"] and (ids[0] != tokenizer.ids["[unk]"]).sum() == 3


def test_the_bag_of_words_reads_known_words_only_and_bears_a_sentence_without_any(script):
    student = script.BagOfWords(20).eval()
    logits = student(torch.tensor([[2, 5, 6, 0], [2, 1, 6, 5], [2, 1, 0, 0]]))
    assert torch.allclose(logits[0], logits[1], atol=1e-6) and logits[2].isfinite().all()


def test_labelled_sentences_are_distinct_and_nested(script):
    few, more = script.labelled(200, 3), script.labelled(1000, 3)
    assert len(more.unique()) == 1000 and torch.equal(few, more[:200])
    assert not torch.equal(few, script.labelled(200, 4))


def test_the_head_is_the_minimum_of_its_penalised_loss(script):
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(80, 6, generator=generator), torch.randint(2, (80,), generator=generator)
    weight, bias = (part.requires_grad_() for part in script.fit_head(x, y, 0.1))
    loss = torch.nn.functional.cross_entropy(x @ weight + bias, y) + 0.1 * weight.square().sum()
    for slope in torch.autograd.grad(loss, (weight, bias)):
        assert slope.abs().max() < 1e-3


def test_batches_hold_every_sentence_once_in_an_epoch(script):
    lengths = torch.randint(3, 40, (500,), generator=torch.Generator().manual_seed(1))
    draw = script.batches(lengths, 32, torch.Generator().manual_seed(0))
    epoch = torch.cat([next(draw) for _ in range(16)])
    assert torch.equal(epoch.sort().values, torch.arange(500))


def test_the_same_network_from_torch_has_as_many_parameters(script):
    sizes = {"width": 16, "heads": 2, "layers": 2, "dropout": 0.1}
    ours, theirs = TextClassifier(50, **sizes), script.FromTorch(50, **sizes)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    ids = torch.tensor([[2, 5, 6, 7], [2, 9, 0, 0]])
    assert ours(ids).shape == theirs(ids).shape == (2, 2)


def test_three_layers_start_as_those_of_the_teacher_or_at_random(script):
    teacher = TextClassifier(30, width=384, heads=12, layers=6, inner=1536, longest=16, seed=1)
    copied = script.three_layers(teacher, "from alternate layers", 0)
    for ours, theirs in zip(copied.layers, script.LAYERS, strict=True):
        assert torch.equal(ours.query.weight, teacher.layers[theirs].query.weight)
    assert torch.equal(copied.tokens.weight, teacher.tokens.weight)
    random = script.three_layers(teacher, "random initial weights", 0)
    assert not torch.equal(random.tokens.weight, teacher.tokens.weight)
    assert torch.equal(random.head.weight, script.three_layers(teacher, "random initial weights", 0).head.weight)


def test_the_recorded_runs_show_the_gain_from_200_labels():
    rows = load_results("reviews")["few_labels"]

    def tests_of(student, arm, labels):
        return [row["test"] for row in rows if (row["student"], row["arm"], row["labels"]) == (student, arm, labels)]

    hard, taught = (tests_of("bag of words", arm, 200) for arm in ("hard labels", "teacher, all sentences"))
    assert len(hard) == len(taught) == 5
    spread = max(statistics.stdev(hard), statistics.stdev(taught))
    assert statistics.mean(taught) - statistics.mean(hard) > 0.05 and min(taught) > max(hard) and spread < 0.03


def test_every_section_is_recorded_in_full(script):
    results = load_results("reviews")
    for name, (_, jobs) in script.SECTIONS.items():
        missing = [job for job in jobs() if not any(job.items() <= row.items() for row in results[name])]
        assert not missing, f"{name}: {missing[:3]}"
