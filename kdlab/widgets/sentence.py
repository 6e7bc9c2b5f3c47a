"""SentencePanel: type a sentence, and see how every model's soft label moves with each further word."""

import time

import numpy as np
import traitlets as t

from kdlab.widgets.base import Temperature, source, to_numpy
from kdlab.widgets.experiment import STYLES, USUAL
from kdlab.widgets.reading import MOST_WORDS, ReadingPanel, tidy

DEFAULT = "A slow start, but the ending is wonderful."
PIECE = 0.1  # seconds that a model may work in one go, as soon as it is known how long one sentence takes
TEACHER = {"color": "orange", "dash": "2 4", "marker": "ring"}


class SentencePanel(ReadingPanel):
    """The soft labels of some models for the sentence that the reader types, and after each word of it.

    models       {name: function from a list of N sentences to logits (N, 2)}: sentence_logits(tokenizer, model) makes
                 one. A string or an exception in its place says why this model is not there: it is listed with that
                 reason. Up to six that are there.
    sentence     what stands in the field at the beginning
    examples     sentences for a menu
    classes      the names of the two classes

    `refresh()` asks all models again; `watch(records)` passes the records of a training run on and does so meanwhile.
    `.sentence`, `.temperature` and `.at` (after how many words, -1 for all) can be read and set; `.answers` is
    {name: probability of the second class after 0, 1, ... words} at the present temperature, `.turns` {name: (word,
    change of that probability)} for the word that moved each model most.
    """

    _esm = source("common.js", "reading.js", "sentence.js")
    _css = source("common.css", "reading.css", "sentence.css")

    temperature = Temperature(1.0).tag(sync=True)
    at = t.Int(-1).tag(sync=True)
    _examples = t.List().tag(sync=True)
    _classes = t.List().tag(sync=True)
    _models = t.List().tag(sync=True)  # {"name", "color", "dash", "marker"} of those that are there
    _missing = t.List().tag(sync=True)  # [name, why]
    _words = t.List().tag(sync=True)
    _margins = t.Dict().tag(sync=True)  # {name: [logit of the second class minus the first, after 0, 1, ... words]}
    _failed = t.Dict().tag(sync=True)  # {name: what went wrong}

    def __init__(self, models, *, sentence=DEFAULT, examples=(), classes=("negative", "positive"), temperature=1.0):
        self.models = {str(name): model for name, model in models.items() if callable(model)}
        missing = [[str(name), str(model)] for name, model in models.items() if not callable(model)]
        if not models:
            raise ValueError(
                'SentencePanel needs at least one model, as in {"student": sentence_logits(tokenizer, model)}'
            )
        for name, model in models.items():
            if not callable(model) and not isinstance(model, (str, Exception)):
                raise ValueError(f"{name!r} must be a function of a list of sentences, or say why it is missing")
        if len(classes) != 2:
            raise ValueError(f"there are two classes, not {len(classes)}")
        self._known, self._seconds = {}, {}  # {name: {beginning: margin}} of frozen models; how long one sentence takes
        super().__init__(
            sentence=sentence, temperature=temperature, _examples=list(examples), _classes=list(classes),
            _missing=missing, _models=_styled(self.models),
        )  # fmt: skip

    @t.validate("at")
    def _check_at(self, proposal):
        value = proposal["value"]
        if not -1 <= value <= len(self._words):
            raise ValueError(
                f"there are {len(self._words)} words: at must be from 0 to that, or -1 for all, not {value}"
            )
        return value

    # --- what Python reads

    @property
    def answers(self):
        """{name: probabilities of the second class after 0, 1, ... words}; NaN where a model gave no number."""
        self.settle()
        margins = {name: np.array(values, float) for name, values in self._margins.items()}  # None becomes NaN
        return {name: 0.5 * (1 + np.tanh(values / self.temperature / 2)) for name, values in margins.items()}

    @property
    def turns(self):
        """{name: (word, by how much it changed the probability of the second class)}, the largest change of each."""
        found = {}
        for name, values in self.answers.items():
            steps = np.diff(values)
            if np.isfinite(steps).any():
                at = int(np.nanargmax(np.abs(steps)))
                found[name] = (self._words[at], float(steps[at]))
        return found

    # --- reading

    def refresh(self):
        """Ask all models again, here and now: they may have learned."""
        self._known = {}
        super().refresh()

    def read(self):
        """One model after another, a slow one in several pieces, the whole sentence first."""
        sentence, cut = tidy(self.sentence)
        words = sentence.split()
        prefixes = [" ".join(words[:n]) for n in range(len(words) + 1)] if words else []
        message = f"Only the first {MOST_WORDS} words are read." if cut else "" if words else "Type a sentence."
        found, failed, shown_at = {}, {}, time.monotonic()
        for name, model in self.models.items() if words else ():
            constant = getattr(model, "frozen", False)
            found[name] = self._known[name] if constant and name in self._known else {}
            left = [prefix for prefix in (prefixes[-1], *prefixes[:-1]) if prefix not in found[name]]
            while left and name not in failed:
                some = max(1, int(PIECE / self._seconds.get(name, PIECE)))
                try:
                    self._ask_model(name, model, left[:some], found[name])
                except Exception as error:  # said beside its name; the others answer all the same
                    failed[name] = f"{type(error).__name__}: {error}"
                left = left[some:]
                if constant:
                    self._known[name] = found[name]
                if time.monotonic() - shown_at > 2 * PIECE:
                    self._show(words, prefixes, found, failed, message)
                    shown_at = time.monotonic()
                yield
            if constant:  # what the present sentence has is enough to go on with
                self._known[name] = {prefix: found[name][prefix] for prefix in prefixes if prefix in found[name]}
        self._show(words, prefixes, found, failed, message)

    def _ask_model(self, name, model, sentences, answers):
        """Put the margins of these sentences among its answers, None for what is no number."""
        start = time.monotonic()
        logits = to_numpy(model(sentences))
        self._seconds[name] = max((time.monotonic() - start) / len(sentences), 1e-6)
        if logits.shape != (len(sentences), 2):
            raise ValueError(f"logits must be (N, 2) for N sentences, not {logits.shape} for {len(sentences)}")
        margins = (logits[:, 1] - logits[:, 0]).tolist()
        answers.update(
            (sentence, z if np.isfinite(z) else None) for sentence, z in zip(sentences, margins, strict=True)
        )

    def _show(self, words, prefixes, found, failed, message):
        """What is known so far; a model's curve has a gap where it has not answered yet."""
        margins = {
            name: [found.get(name, {}).get(prefix) for prefix in prefixes]
            for name in self.models
            if words and name not in failed
        }
        with self.hold_sync():
            if words != self._words:
                self.at = -1
            self._words, self._margins, self._failed, self.message = words, margins, failed, message

    def figure(self):
        """Bars of every model's soft label, and the curves of the second class after each word."""
        from kdlab import plots

        answers = self.answers
        at = self.at if self.at >= 0 else len(self._words)
        return plots.sentence_panel(
            self._words, answers, self._models, at=at, classes=self._classes, temperature=self.temperature,
            missing={**dict(self._missing), **self._failed},
        )  # fmt: skip


def _styled(models):
    """How each model is drawn: those with usual names in their usual way."""
    known = {name: USUAL[name] for name in models if name in USUAL} | {
        name: TEACHER for name in models if name == "teacher"
    }
    taken = [style["color"] for style in known.values()]
    free = [style for style in STYLES if style["color"] not in taken]
    if len(models) - len(known) > len(free):
        raise ValueError(f"more than {len(STYLES)} models cannot be told apart")
    return [{"name": name, **(known.get(name) or free.pop(0))} for name in models]
