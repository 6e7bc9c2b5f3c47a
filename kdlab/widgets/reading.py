"""What panels that read the reader's own sentences share: models that answer a sentence, and work in small pieces."""

import asyncio
import time

import traitlets as t

from kdlab.text import CLS, WordTokenizer, words
from kdlab.widgets.base import Panel
from kdlab.widgets.driver import usual_torch

MOST_WORDS, MOST_LETTERS = 60, 600  # of a sentence; more would not be readable, and slow to compute
FRAME, SHARE = 0.1, 0.2  # while a student learns: seconds between two pictures at least, and their share of the time


def tidy(sentence):
    """(the sentence with single spaces and no control characters, at most MOST_WORDS words of it, whether it was cut)."""
    parts = "".join(c if c.isprintable() else " " for c in sentence).split()
    kept = " ".join(parts[:MOST_WORDS])[:MOST_LETTERS].rstrip()
    return kept, kept != " ".join(parts)


def sentence_logits(tokenizer, model):
    """A function from a list of N sentences to the model's logits (N, classes): what SentencePanel asks.

    `tokenizer` is a text.WordTokenizer, or the one of `load_pretrained_review_teacher()`; `model` any network that
    reads ids (N, L) in which 0 is padding. Eval mode, no gradients; the model's mode is restored. What is longer than
    a TextClassifier's `longest` is cut off.
    """

    def read(sentences):
        from kdlab.teachers import predict_logits

        return predict_logits(model, _encode(tokenizer, model, sentences))

    read.frozen = not any(weight.requires_grad for weight in model.parameters())  # its answers can be kept
    return read


def sentence_attention(tokenizer, model):
    """A function from a sentence to (L tokens, attentions (layers, heads, L, L)) of a TextClassifier.

    What AttentionPanel asks. `tokenizer` as for `sentence_logits`. Words that a WordTokenizer does not know stand
    among the tokens as they are written.
    """

    def read(sentence):
        import torch

        from kdlab.models import evaluating

        ids = _encode(tokenizer, model, [sentence])
        with evaluating(model):
            layers = model(ids, details=True)["attentions"]
        if isinstance(tokenizer, WordTokenizer):
            tokens = [CLS, *words(sentence)][: ids.shape[1]]
        else:
            tokens = tokenizer.convert_ids_to_tokens(ids[0].tolist())
        return tokens, torch.cat(layers)

    return read


def _encode(tokenizer, model, sentences):
    if not isinstance(tokenizer, WordTokenizer):
        from kdlab.teachers import tokenize

        return tokenize(tokenizer, sentences)[0]
    import torch

    ids = torch.from_numpy(tokenizer.encode(sentences)[0])
    longest = model.positions.num_embeddings if hasattr(model, "positions") else ids.shape[1]
    return ids[:, :longest]


class ReadingPanel(Panel):
    """A panel that answers what the reader types. A subclass gives `read()`, a generator: a `yield` between two pieces
    of work lets the kernel answer in between, and begin again if the sentence has changed by then.
    """

    sentence = t.Unicode("").tag(sync=True)
    message = t.Unicode("").tag(sync=True)

    @usual_torch()
    def __init__(self, **state):
        self._task, self._stale, self._next_picture = None, False, 0.0
        super().__init__(**state)
        self.refresh()
        self.observe(lambda _: self._ask(), "sentence")

    def read(self):
        """Compute what is to be shown, piece by piece."""
        raise NotImplementedError

    def refresh(self):
        """Ask the models again, here and now: they may have learned."""
        self._read_now()

    @usual_torch()
    def _read_now(self):
        self._stale = False
        for _ in self.read():
            pass

    def watch(self, records):
        """The same records, and up to ten times a second a new picture: `for record in panel.watch(train(...))`."""
        self._deaf = True
        try:
            for record in records:
                self.note(record)
                if time.monotonic() >= self._next_picture:
                    self._timed_refresh()
                yield record
        finally:
            self._deaf = False
            if hasattr(records, "close"):
                records.close()  # its `finally` leaves the student usable
            self._read_now()

    def note(self, record):
        """What a subclass wants to know of a record."""

    def _timed_refresh(self):
        start = time.monotonic()
        self._read_now()
        now = time.monotonic()
        self._next_picture = now + max(self.time_between(FRAME), (now - start) / SHARE)

    def _ask(self):
        self._stale = True
        if self._loop is None or self._loop.is_closed():  # then everything is computed at once
            self._read_now()
        else:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self):
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self._work())  # kept: the loop holds tasks only weakly

    async def _work(self):
        while self._stale:
            self._stale, pieces = False, self.read()
            while not self._stale:
                with usual_torch():  # not around the sleep: other cells run then
                    if next(pieces, pieces) is pieces:
                        break
                await asyncio.sleep(0)

    @property
    def busy(self):
        """Whether a sentence is being read."""
        return self._task is not None and not self._task.done()

    def settle(self):
        """Compute now what still waits for a free moment."""
        if self._stale:
            self._read_now()
