"""Tokenizers: what is a word or a piece of one, which ids, masks, unknown words, and the way back."""

import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdlab.data import load_moby_dick, load_reviews
from kdlab.text import SPECIAL, BytePairTokenizer, CharacterTokenizer, WordTokenizer, nearest, words

quick = settings(max_examples=100, deadline=None)
texts = st.lists(st.text(max_size=40), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def reviews():
    return load_reviews()


@pytest.fixture(scope="module")
def tokenizer(reviews):
    return WordTokenizer.train(reviews.train.sentences)


@pytest.mark.parametrize(
    "sentence, expected",
    [
        ('It isn\'t "bad"!', ["it", "isn't", '"', "bad", '"', "!"]),
        ("It isn’t bad", ["it", "isn't", "bad"]),  # the printer's apostrophe is the same word
        ("...a pretentious mess...", [".", ".", ".", "a", "pretentious", "mess", ".", ".", "."]),
        ("''Conan'' and 'Jaws'", ["'", "'", "conan", "'", "'", "and", "'", "jaws", "'"]),
        ("co-writer/director, 8½ stars", ["co", "-", "writer", "/", "director", ",", "8½", "stars"]),
        ("Touché!", ["touché", "!"]),
        ("Touche\u0301!", ["touché", "!"]),  # the accent behind its letter
        ("x\u0302y, İstanbul", ["x\u0302y", ",", "i\u0307stanbul"]),  # no single character has these together
        ("a_b", ["a", "_", "b"]),
        (" \t", []),
        ("", []),
    ],
)
def test_words_and_signs(sentence, expected):
    assert words(sentence) == expected


def test_the_special_tokens_come_first_and_then_the_most_frequent_words():
    tokenizer = WordTokenizer.train(["b b b a a c", "A d"], least=2)
    assert tokenizer.vocabulary == [*SPECIAL, "a", "b"]  # three each: the alphabet decides; c and d are too rare
    assert WordTokenizer.train(["b b b a a"], least=1, most=1).vocabulary == [*SPECIAL, "b"]


def test_ids_and_mask_of_a_small_batch():
    tokenizer = WordTokenizer(["good", "film", "."])
    ids, mask = tokenizer.encode(["Good film.", "Film?", ""])
    assert ids.tolist() == [[2, 3, 4, 5], [2, 4, 1, 0], [2, 0, 0, 0]]
    assert mask.tolist() == [[True] * 4, [True, True, True, False], [True, False, False, False]]
    assert ids.dtype == np.int64 and mask.dtype == np.bool_
    assert tokenizer.decode(ids[0]) == "good film ." and tokenizer.decode(ids[1]) == "film [unk]"


def test_a_fixed_length_pads_and_cuts():
    tokenizer = WordTokenizer(["good", "film", "."])
    ids, mask = tokenizer.encode(["Good film.", "Good"], length=3)
    assert ids.tolist() == [[2, 3, 4], [2, 3, 0]] and mask.tolist() == [[True] * 3, [True, True, False]]
    assert tokenizer.encode(["Good"], length=7)[0].tolist() == [[2, 3, 0, 0, 0, 0, 0]]


def test_no_sentences_give_no_rows():
    ids, mask = WordTokenizer(["a"]).encode([])
    assert ids.shape == mask.shape == (0, 1)


def test_no_word_can_be_taken_for_a_special_token():
    tokenizer = WordTokenizer.train(["[pad] [cls] [unk]"], least=1)
    ids, mask = tokenizer.encode(["[pad]"])
    assert (ids[0, 1:] > 2).all() and mask.all()
    assert tokenizer.decode(ids[0]) == "[ pad ]"


def test_the_vocabulary_knows_the_training_sentences_only(reviews, tokenizer):
    seen = {word for sentence in reviews.train.sentences for word in words(sentence)}
    assert set(tokenizer.vocabulary[3:]) < seen
    held_out = {word for split in reviews[1:] for sentence in split.sentences for word in words(sentence)} - seen
    assert len(held_out) > 1000
    ids, _ = tokenizer.encode(sorted(held_out)[:50])
    assert (ids[:, 1] == 1).all()


def test_few_words_of_test_sentences_are_unknown_and_none_is_long(reviews, tokenizer):
    ids, mask = tokenizer.encode(reviews.test.sentences)
    assert 0.02 < (ids[mask] == 1).mean() < 0.12
    assert 8000 < len(tokenizer) < 10_000
    assert ids.shape[1] < 70


def test_the_order_of_the_sentences_does_not_change_the_vocabulary(reviews, tokenizer):
    assert WordTokenizer.train(reviews.train.sentences[::-1]).vocabulary == tokenizer.vocabulary


@quick
@given(texts)
def test_decoding_gives_the_words_back_when_all_are_known(sentences):
    tokenizer = WordTokenizer.train(sentences, least=1)
    ids, mask = tokenizer.encode(sentences)
    for row, counts, sentence in zip(ids, mask, sentences, strict=True):
        assert tokenizer.decode(row) == " ".join(words(sentence))
        assert counts.sum() == 1 + len(words(sentence))
        assert (row[counts] > 1).all() and not row[~counts].any()


@quick
@given(texts, texts, st.integers(1, 12))
def test_a_batch_is_its_rows_whatever_the_length(known, sentences, length):
    tokenizer = WordTokenizer.train(known, least=1)
    ids, mask = tokenizer.encode(sentences, length=length)
    assert ids.shape == mask.shape == (len(sentences), length)
    for n, sentence in enumerate(sentences):
        alone, own = tokenizer.encode([sentence], length=length)
        assert np.array_equal(ids[n], alone[0]) and np.array_equal(mask[n], own[0])
    assert mask[:, 0].all() and ids.max() < len(tokenizer)
    assert (np.diff(mask.astype(int), axis=1) <= 0).all()  # padding stands at the end


@quick
@given(st.text(max_size=60))
def test_words_hold_every_sign_and_letter_in_order(sentence):
    lower = unicodedata.normalize("NFC", sentence.replace("’", "'").lower())
    assert "".join(words(sentence)) == "".join(lower.split())


@quick
@given(st.text(max_size=40))
def test_accents_in_their_letters_and_behind_them_are_the_same_words(sentence):
    composed, apart = (unicodedata.normalize(form, sentence) for form in ("NFC", "NFD"))
    assert words(composed) == words(apart)


def test_wrong_arguments_are_refused():
    tokenizer = WordTokenizer(["a"])
    with pytest.raises(ValueError, match="list of strings"):
        tokenizer.encode("a film")
    with pytest.raises(ValueError, match="list of strings"):
        WordTokenizer.train([3])
    for length in (0, 2.0, True):
        with pytest.raises(ValueError, match="length"):
            tokenizer.encode(["a"], length=length)
    for ids in ([[1]], [4], [-1]):
        with pytest.raises(ValueError, match="one row of ids"):
            tokenizer.decode(ids)
    with pytest.raises(ValueError, match="twice"):
        WordTokenizer(["a", "a"])


# --- characters -----------------------------------------------------------------------------------


def test_characters_by_hand():
    tokenizer = CharacterTokenizer.train("a man, a plan\n")
    assert tokenizer.vocabulary == ["\n", " ", ",", "a", "l", "m", "n", "p"] and len(tokenizer) == 8
    ids = tokenizer.encode("plan a")
    assert ids.tolist() == [7, 4, 3, 6, 1, 3] and ids.dtype == np.int64
    assert tokenizer.decode(ids) == tokenizer.decode(ids.tolist()) == "plan a"
    assert tokenizer.encode("").shape == (0,) and tokenizer.encode("").dtype == np.int64 and tokenizer.decode([]) == ""


@quick
@given(st.text(max_size=60), st.text(max_size=20))
def test_characters_come_back_and_their_order_decides_nothing(text, more):
    tokenizer = CharacterTokenizer.train(text + more)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.vocabulary == CharacterTokenizer.train(more + text[::-1]).vocabulary
    assert CharacterTokenizer(tokenizer.vocabulary).encode(text).tolist() == tokenizer.encode(text).tolist()
    if text:
        ids = tokenizer.encode(text)
        assert 0 <= ids.min() and ids.max() < len(tokenizer)


def test_a_vocabulary_keeps_its_own_order():
    assert CharacterTokenizer("zya").encode("az").tolist() == [2, 0]


def test_the_symbols_of_moby_dick_are_those_of_its_training_text():
    book = load_moby_dick()
    tokenizer = CharacterTokenizer.train(book.train)
    assert "".join(tokenizer.vocabulary) == "\n !\"'(),-.:;?abcdefghijklmnopqrstuvwxyz" and len(tokenizer) == 39
    for text in book[:3]:
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_wrong_characters_and_ids_are_refused():
    tokenizer = CharacterTokenizer("abc")
    with pytest.raises(ValueError, match="the character 'd' is not in the vocabulary 'abc'"):
        tokenizer.encode("bad")
    for ids in ([[1]], [3], [-1], 1):
        with pytest.raises(ValueError, match="one row of ids from 0 to 2"):
            tokenizer.decode(ids)
    for vocabulary in ("aba", ["ab", "c"], ["", "c"]):
        with pytest.raises(ValueError, match="single characters, each once"):
            CharacterTokenizer(vocabulary)


def test_the_tokenizers_need_no_torch():
    code = "import kdlab.text, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# --- pieces of words ------------------------------------------------------------------------------

LETTERS = [chr(code) for code in range(32, 127)] + ["\n"]
MERGES = [("h", "e"), (" ", "c"), ("t", "he"), ("a", "t"), (" c", "at"), (" cat", "s"), ("s", "s")]


def pieces(tokenizer, string):
    return [tokenizer.vocabulary[n] for n in tokenizer.encode(string)]


def test_byte_pairs_are_joined_in_the_order_of_the_merges():
    tokenizer = BytePairTokenizer(["<|end|>", *LETTERS, *map("".join, MERGES)], MERGES)
    assert pieces(tokenizer, "the cats") == ["the", " cats"]
    assert pieces(tokenizer, "cats, he sss!") == ["c", "at", "s", ",", " ", "he", " ", "ss", "s", "!"]
    assert tokenizer.encode("").shape == (0,) and tokenizer.encode("the").dtype == np.int64


def test_a_piece_that_the_vocabulary_lacks_is_taken_apart_again():
    tokenizer = BytePairTokenizer(["<|end|>", *LETTERS, "he", " c", "at", " cats"], MERGES)
    assert pieces(tokenizer, "the cat cats") == ["t", "he", " c", "at", " cats"]  # through " cat", which it lacks


@quick
@given(st.text(st.sampled_from(LETTERS), max_size=60))
def test_byte_pairs_decode_to_the_text_they_encode(string):
    tokenizer = BytePairTokenizer(["<|end|>", *LETTERS, "he", " c", "at", " cats"], MERGES)
    ids = tokenizer.encode(string)
    assert tokenizer.decode([0, *ids, 0]) == string


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("“Café”—a naïve ‘frog’…", "\"Cafe\"-a naive 'frog'..."),
        ("one\ttwo\u00a0three\r\nfour", "one two three \nfour"),
        ("e\u0301", "e"),
        ("a 🐸!", "a ?!"),
        ("❤\ufe0f", "?"),
        ("Straße, Łódź, ½", "Strasse, Lodz, 1/2"),
        ("日本", "??"),
        ("plain ~ text\n", "plain ~ text\n"),
    ],
)
def test_what_is_not_ascii_is_read_as_the_nearest_sign(text, plain):
    assert nearest(text) == plain
    tokenizer = BytePairTokenizer(["<|end|>", *LETTERS, "he", " c", "at", " cats"], MERGES)
    assert tokenizer.decode(tokenizer.encode(text)) == plain


@quick
@given(st.text(max_size=60))
def test_any_text_can_be_encoded_and_the_nearest_of_the_nearest_is_itself(text):
    tokenizer = BytePairTokenizer(LETTERS, MERGES)
    plain = nearest(text)
    assert plain.isascii() and nearest(plain) == plain and tokenizer.decode(tokenizer.encode(text)) == plain


def test_byte_pairs_refuse_characters_that_they_lack_and_double_pieces():
    with pytest.raises(ValueError, match="'f' is not in the vocabulary"):
        BytePairTokenizer(["c", "a", "e"], []).encode("café")
    with pytest.raises(ValueError, match="twice"):
        BytePairTokenizer(["a", "a"], [])
