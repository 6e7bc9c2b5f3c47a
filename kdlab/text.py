"""From text to numbers: tokenizers of words, of characters, and of pieces of words."""

import re
import unicodedata
from collections import Counter

import numpy as np

from kdlab.checks import check_whole

PAD, UNKNOWN, CLS = "[pad]", "[unk]", "[cls]"
SPECIAL = (PAD, UNKNOWN, CLS)  # their ids are 0, 1, 2
_LETTER = r"[^\W_][\u0300-\u036f]*"  # with the combining accents that no single character has with it
_PARTS = re.compile(
    rf"(?:{_LETTER})+(?:'(?:{_LETTER})+)*|[^\w\s]|_"
)  # a word, also with apostrophes (isn't); or one sign
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")  # all but the end of a line
_UNSEEN = "\u200b\u200c\u200d\ufe0e\ufe0f\ufeff\u00ad"  # joiners and the like, which nobody sees
# How GPT-2 cuts ASCII text before it joins characters: the space belongs to the word behind it.
_GPT2_PARTS = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")


def words(sentence):
    """The words and signs of a sentence, lower case: `It isn't "bad"!` -> it, isn't, ", bad, ", !

    An accent may stand in its letter or behind it (é, or e and U+0301): that is the same word (Unicode's form NFC).
    """
    return _PARTS.findall(unicodedata.normalize("NFC", sentence.replace("’", "'").lower()))


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
        if length is not None:
            length = check_whole("length", length, 1)
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
        """The text of one row of ids. ValueError for an id that the vocabulary lacks."""
        ids = np.asarray(ids)
        if ids.ndim != 1 or (ids.size and not (0 <= ids.min() and ids.max() < len(self))):
            raise ValueError(f"decode takes one row of ids from 0 to {len(self) - 1}")
        return "".join(self.vocabulary[n] for n in ids.tolist())


# What stands for a sign that has no plain form in Unicode's eyes.
_NEAREST = {
    **dict.fromkeys("“”„‟«»", '"'), **dict.fromkeys("‘’‚‛‹›′`´", "'"), **dict.fromkeys("‐‑‒–—―−", "-"),
    "•": "*", "·": ".", "⁄": "/", "×": "x", "÷": "/", "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "þ": "th", "€": "EUR", "£": "GBP",
}  # fmt: skip


def nearest(text):
    """The text in ASCII: quotes and dashes made straight, accents left out, tabs as spaces; what is like nothing is ?

    "“Café”—a naïve 🐸" becomes '"Cafe"-a naive ?'. A sign of several characters (a family, a flag) may become several ?.
    """
    if text.isascii() and not _CONTROL.search(text):
        return text
    plain = "".join(_NEAREST.get(character, character) for character in text)
    letters = [c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c) and c not in _UNSEEN]
    letters = [_NEAREST.get(c, c) for c in letters]
    spaced = _CONTROL.sub(" ", "".join(" " if c.isspace() and c != "\n" else c for c in letters))
    return re.sub(r"[^\x00-\x7f]", "?", spaced)


class BytePairTokenizer:
    """Text to pieces of words and back (byte-pair encoding, Sennrich et al. 2016, in the form of GPT-2), in ASCII.

    `vocabulary` lists the pieces, special ones such as `<|im_end|>` first; a space belongs to the word behind it.
    `merges` lists the pairs of pieces that may be joined, the most urgent first; what they make need not be in the
    vocabulary. A word starts as single characters; again and again its most urgent pair is joined; at the end, pieces
    that the vocabulary lacks are taken apart again. So with all characters in the vocabulary any ASCII text can be
    encoded, and where a larger tokenizer with more merges would use none but our pieces, the result is the same.

    Other text is read as its `nearest` ASCII: é as e, an emoji as a question mark. (GPT-2 falls back on bytes instead: it
    has a piece for each of the 256 and loses nothing.)
    """

    def __init__(self, vocabulary, merges):
        self.vocabulary, self.merges = list(vocabulary), [tuple(pair) for pair in merges]
        self.ids = {piece: n for n, piece in enumerate(self.vocabulary)}
        if len(self.ids) < len(self.vocabulary):
            raise ValueError("a piece stands twice in the vocabulary")
        self._rank = {pair: n for n, pair in enumerate(self.merges)}
        self._parts = {left + right: (left, right) for left, right in reversed(self.merges)}

    def __len__(self):
        return len(self.vocabulary)

    def encode(self, text):
        """int64 (L,), one id for each piece of the nearest ASCII. ValueError where the vocabulary lacks a character of that."""
        pieces = [piece for word in _GPT2_PARTS.findall(nearest(text)) for piece in self._pieces(word)]
        return np.array([self.ids[piece] for piece in pieces], np.int64)

    def decode(self, ids):
        """The text of one row of ids; special pieces are left out."""
        pieces = [self.vocabulary[n] for n in np.asarray(ids).tolist()]
        return "".join(piece for piece in pieces if not piece.startswith("<|"))

    def _pieces(self, word):
        parts = list(word)
        while True:
            ranked = [(self._rank[pair], pair) for pair in zip(parts, parts[1:], strict=False) if pair in self._rank]
            if not ranked:
                return [known for part in parts for known in self._known(part)]
            (left, right), joined, i = min(ranked)[1], [], 0
            while i < len(parts):
                found = parts[i] == left and i + 1 < len(parts) and parts[i + 1] == right
                joined.append(left + right if found else parts[i])
                i += 1 + found
            parts = joined

    def _known(self, piece):
        """The piece, or the pieces that it was joined from."""
        if piece in self.ids:
            return [piece]
        if piece not in self._parts:
            raise ValueError(f"the character {piece!r} is not in the vocabulary")
        return [known for part in self._parts[piece] for known in self._known(part)]


def _check_sentences(sentences):
    if isinstance(sentences, str) or any(not isinstance(sentence, str) for sentence in sentences):
        raise ValueError('sentences must be a list of strings, as in ["A fine film."]')
