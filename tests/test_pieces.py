"""Pieces of a text: the teacher's distribution over them against the enumeration of all continuations."""

import itertools

import pytest
import torch

from kdlab import models, pieces
from kdlab.text import CharacterTokenizer

CHARACTERS = CharacterTokenizer("abc ")


@pytest.mark.parametrize("extra", [(), ("ab",), ("ab", "abc"), ("abc", "bc", "ca", "c a"), ("ab", "aba", "abab", "ba")])
def test_the_next_piece_has_the_chance_of_all_texts_that_begin_with_it(extra):
    tokenizer = pieces.LongestPieceTokenizer([*CHARACTERS.vocabulary, *extra])
    teacher = models.LanguageModel(4, width=8, heads=2, layers=2, context=20, std=0.7, seed=3)
    before = torch.tensor([[0, 1, 2], [3, 0, 0]])
    found = pieces.piece_probabilities(teacher, before, CHARACTERS, tokenizer)
    exact = torch.zeros(2, len(tokenizer))
    for text in itertools.product(range(4), repeat=tokenizer.longest):  # as far as a piece can reach
        rows = torch.cat([before, torch.tensor([text]).expand(2, -1)], 1)
        with torch.no_grad():
            log_p = teacher(rows[:, :-1]).log_softmax(-1)[:, 2:]
        chance = log_p.gather(-1, rows[:, 3:, None]).sum((1, 2)).exp()
        first = tokenizer.encode(CHARACTERS.decode(text))[0]
        exact[:, first] += chance
    assert torch.allclose(found, exact, atol=1e-5) and torch.allclose(found.sum(1), torch.ones(2), atol=1e-5)


@pytest.mark.parametrize("extra", [("ab",), ("ab", "abc"), ("abc", "bc", "ca", "c a"), ("ab", "aba", "abab", "ba")])
@pytest.mark.parametrize("text", ["a", "ab", "bca", "c", "ba", "aab"])
def test_what_would_have_made_a_piece_longer_cannot_follow(extra, text):
    tokenizer = pieces.LongestPieceTokenizer([*CHARACTERS.vocabulary, *extra])
    teacher = models.LanguageModel(4, width=8, heads=2, layers=2, context=20, std=0.7, seed=3)
    before, past = torch.from_numpy(CHARACTERS.encode(text))[None], tokenizer.pieces(text)
    out = tokenizer.ruled_out(past)
    found = pieces.piece_probabilities(teacher, before, CHARACTERS, tokenizer, out)[0]
    exact = torch.zeros(len(tokenizer))
    for more in itertools.product(range(4), repeat=tokenizer.longest):
        whole = tokenizer.pieces(text + CHARACTERS.decode(more))
        if whole[: len(past)] == past:  # the text could have begun with these pieces, if it goes on so
            row = torch.cat([before, torch.tensor([more])], 1)
            with torch.no_grad():
                log_p = teacher(row[:, :-1]).log_softmax(-1)[:, len(text) - 1 :]
            exact[tokenizer.ids[whole[len(past)]]] += log_p.gather(-1, row[:, len(text) :, None]).sum().exp()
    assert torch.allclose(found, exact / exact.sum(), atol=1e-5)
    assert not out or exact.sum() < 0.999  # something was ruled out


def test_ruled_out_looks_back_as_far_as_the_longest_piece():
    tokenizer = pieces.LongestPieceTokenizer(["t", "h", "e", " ", "the", "he "])
    assert tokenizer.ruled_out(["t", "h"]) == {"e", "e "} and tokenizer.ruled_out(["the"]) == set()
    assert tokenizer.ruled_out(["e", "t"]) == {"he"} and tokenizer.ruled_out([]) == set()


def test_pieces_join_to_the_text_and_are_the_longest_that_fit():
    text = "abc ab cab abcabc "
    tokenizer = pieces.LongestPieceTokenizer.train(text, 5)
    assert tokenizer.decode(tokenizer.encode(text)) == text and len(tokenizer) == 4 + 5
    known = pieces.LongestPieceTokenizer(["a", "b", "c", " ", "ab", "abc"])
    assert known.pieces("abcab aab") == ["abc", "ab", " ", "a", "ab"]


def test_sorting_forgets_the_names():
    p = torch.tensor([[3.0, 1.0, 0.0]])
    assert pieces.sorted_distance(p[:, [2, 0, 1]], p).item() == pytest.approx(0, abs=1e-6)
    wide = torch.tensor([[3.0, 1.0, 0.0, -50.0, -50.0]])
    assert pieces.sorted_distance(wide, p).item() == pytest.approx(0, abs=1e-5)
    assert pieces.sorted_distance(torch.zeros(1, 3), p).item() > 0.3


def test_bad_input_is_refused():
    for vocabulary, words in ((["a", "a"], "each once"), (["ab", "a"], "'b' are not")):
        with pytest.raises(ValueError, match=words):
            pieces.LongestPieceTokenizer(vocabulary)
    with pytest.raises(ValueError, match="not in the vocabulary"):
        pieces.LongestPieceTokenizer(["a"]).encode("ab")
    with pytest.raises(ValueError, match="same places"):
        pieces.sorted_distance(torch.zeros(2, 3), torch.zeros(3, 3))
    teacher = models.LanguageModel(2, width=8, heads=2, layers=1, context=8)
    with pytest.raises(ValueError, match="know all characters"):
        pieces.piece_probabilities(
            teacher, torch.zeros(1, 2).long(), CharacterTokenizer("ab"), pieces.LongestPieceTokenizer(["c"])
        )
