"""From text to numbers: a word tokenizer whose vocabulary fits on a page, and a tokenizer of characters."""

import re
from collections import Counter

import numpy as np

PAD, UNKNOWN, CLS = "[pad]", "[unk]", "[cls]"
SPECIAL = (PAD, UNKNOWN, CLS)  # their ids are 0, 1, 2
_PARTS = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]|_")  # a word, with its inner apostrophes (isn't), or one sign


def words(sentence):
    """The words and signs of a sentence, lower case: `It isn't "bad"!` -> it, isn't, ", bad, ", !"""
    return _PARTS.findall(sentence.replace("’", "'").lower())


class WordTokenizer:
    """Words to ids and back. Id 0 pads, 1 stands for every unknown word, 2 opens each sentence, then the vocabulary.

    `vocabulary` is a list of words, most frequent first; `WordTokenizer.train(sentences)` counts them. Give it the
    training sentences only: a word that only the test sentences have must stay unknown.
    """

    def __init__(self, vocabulary):
        self.vocabulary = [*SPECIAL, *vocabulary]
        self.ids = {word: n for n, word in enumerate(self.vocabulary)}
        if len(self.ids) < len(self.vocabulary):
            raise ValueError("a word stands twice in the vocabulary")

    @classmethod
    def train(cls, sentences, least=2, most=None):
        """The tokenizer of all words that these sentences have `least` times or more, the `most` frequent of them."""
        _check_sentences(sentences)
        counts = Counter(word for sentence in sentences for word in words(sentence))
        ranked = sorted(
            counts, key=lambda word: (-counts[word], word)
        )  # ties by the alphabet, so it always is the same
        return cls([word for word in ranked if counts[word] >= least][:most])

    def __len__(self):
        return len(self.vocabulary)

    def encode(self, sentences, length=None):
        """ids int64 (N, L) and mask bool (N, L), True where a token counts: [cls], the words, then padding.

        L is the longest sentence's number of tokens, or `length`; what is longer is cut off at the end. The arrays
        become tensors with torch.from_numpy. ValueError for a single string or a length below 1.
        """
        _check_sentences(sentences)
        if length is not None and (isinstance(length, bool) or not isinstance(length, int) or length < 1):
            raise ValueError(f"length must be a whole number, at least 1: got {length!r}")
        unknown, cls = self.ids[UNKNOWN], self.ids[CLS]
        rows = [[cls, *(self.ids.get(word, unknown) for word in words(sentence))] for sentence in sentences]
        length = length or max(map(len, rows), default=1)
        ids = np.full((len(rows), length), self.ids[PAD], np.int64)
        for place, row in zip(ids, rows, strict=True):
            place[: len(row)] = row[:length]
        lengths = np.array([len(row) for row in rows], np.int64)
        return ids, np.arange(length) < lengths[:, None]

    def decode(self, ids):
        """The words of one row of ids as one string, spaces between them, [cls] and padding left out."""
        ids = np.asarray(ids)
        if ids.ndim != 1 or (ids.size and not (0 <= ids.min() and ids.max() < len(self))):
            raise ValueError(f"decode takes one row of ids from 0 to {len(self) - 1}")
        return " ".join(self.vocabulary[n] for n in ids.tolist() if self.vocabulary[n] not in (PAD, CLS))


class CharacterTokenizer:
    """Characters to ids and back; `vocabulary` holds each character once, and its place is its id."""

    def __init__(self, vocabulary):
        self.vocabulary = list(vocabulary)
        self.ids = {character: n for n, character in enumerate(self.vocabulary)}
        if len(self.ids) < len(self.vocabulary) or any(len(character) != 1 for character in self.vocabulary):
            raise ValueError("the vocabulary must hold single characters, each once")

    @classmethod
    def train(cls, text):
        """The tokenizer of the characters that this text has, in the order of Unicode."""
        return cls(sorted(set(text)))

    def __len__(self):
        return len(self.vocabulary)

    def encode(self, text):
        """int64 (L,), one id for each character. ValueError names a character that the vocabulary lacks."""
        try:
            return np.array([self.ids[character] for character in text], np.int64)
        except KeyError as error:
            known = "".join(self.vocabulary)
            raise ValueError(f"the character {error.args[0]!r} is not in the vocabulary {known!r}") from None

    def decode(self, ids):
        """The text of one row of ids."""
        return "".join(self.vocabulary[n] for n in np.asarray(ids).tolist())


def _check_sentences(sentences):
    if isinstance(sentences, str) or any(not isinstance(sentence, str) for sentence in sentences):
        raise ValueError('sentences must be a list of strings, as in ["A fine film."]')
