"""WritingPanel: two language models learn side by side, and write, while the reader steers."""

import asyncio
import copy
import math
import time
from dataclasses import dataclass

import numpy as np
import traitlets as t

from kdlab.widgets.base import soft_targets, source, to_numpy
from kdlab.widgets.driver import SLICE, usual_torch
from kdlab.widgets.steered import ARMS, SteeredRace

NAMES = ("teacher", *ARMS)
MOST_PROMPT, MOST_WRITTEN, MOST_PASSAGE = 40, 400, 240  # characters
PIECE, SHARE = 0.005, 0.1  # while it trains: seconds of writing in one go, and its share of the time at most
FRAME = 0.08  # seconds between two pictures of the texts, at least
PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "—": "-", "–": "-", "\t": " "})


class WritingPanel(SteeredRace):
    """A live race of two language models of characters; both write on from the reader's prompt as they learn.

    make_student()    gives a models.LanguageModel; called once, both arms get a copy
    text, teacher_logits, recipe, evaluate_every, **options   as language.race_language_models takes them
    tokenizer         a text.CharacterTokenizer
    teacher           the LanguageModel that the students are compared with
    validation        ids int64 (K,) of held-out text: the curves are the bits per character there
    passage           held-out text in which the reader picks a place: the bars show what each model expects there
    prompt, characters, sampling, seed   the texts: how they begin, how long they are, the temperature of sampling (0
                      for greedy), and the seed that each of them is drawn with, so that they differ by the models only

    Temperature and alpha (of distillation) may move at any time, as in RacePanel: `.recipe`, `.students`, `.history`,
    `replay` and `run` are the same. A text is written by a copy of the student as it was when the text began; what is
    longer than a model can read slides on by half of that. `.texts` has all three texts, `next_characters()` the
    numbers of the bars: what each model expects at place `.at` of the passage, from what stands before it.
    """

    _esm = source("common.js", "live.js", "steered.js", "reading.js", "writing.js")
    _css = source("common.css", "live.css", "reading.css", "writing.css")

    measure = "bits"
    prompt = t.Unicode("the whale ").tag(sync=True)
    sampling = t.Float(0.8, min=0.0, max=2.0).tag(sync=True)
    at = t.Int(1).tag(sync=True)
    _message = t.Unicode("").tag(sync=True)
    _characters = t.Int().tag(sync=True)
    _opening = t.Unicode("").tag(sync=True)  # the prompt as the models read it
    _written = t.Dict().tag(sync=True)  # {name: [its text so far, what is still there of the one before, the step]}
    _vocabulary = t.List().tag(sync=True)
    _passage = t.Unicode().tag(sync=True)
    _heard = t.Bytes(b"").tag(sync=True)  # float32 (L - 1, V): the teacher's logits along the passage of L characters
    _said = t.Bytes(b"").tag(sync=True)  # float32 (2, L - 1, V): the students'
    _teacher_bits = t.Float().tag(sync=True)
    _bits_range = t.List().tag(sync=True)

    @usual_torch()
    def __init__(self, make_student, text, teacher_logits, *, tokenizer, teacher, validation, recipe=None, passage=None,
                 prompt="the whale ", characters=120, sampling=0.8, seed=0, speed=0.0, evaluate_every=25,
                 bits_range=None, **options):  # fmt: skip
        from kdlab.language import bits_per_character, predict_text
        from kdlab.training import Recipe

        if isinstance(characters, bool) or not isinstance(characters, int) or not 1 <= characters <= MOST_WRITTEN:
            raise ValueError(f"characters must be a whole number from 1 to {MOST_WRITTEN}, got {characters!r}")
        passage = tokenizer.decode(validation[:200]) if passage is None else passage
        if not 2 <= len(passage) <= MOST_PASSAGE:
            raise ValueError(f"the passage must have 2 to {MOST_PASSAGE} characters, not {len(passage)}")
        self._data, self._options = (text, teacher_logits), {"evaluate_every": evaluate_every, **options}
        self._teacher, self._validation, self._seed = teacher, validation, seed
        self._tokenizer, self._ids = tokenizer, torch_ids(tokenizer, passage[:-1])
        self._streams, self._drafts, self._due, self._anew = {}, {}, set(), True
        self._task, self._next_text = None, 0.0
        level = bits_per_character(teacher, validation)
        low = math.floor(2 * level - 0.2) / 2
        super().__init__(
            make_student, recipe or Recipe(temperature=1.0, batch_size=32), speed=float(speed), prompt=prompt,
            sampling=sampling, at=len(passage) // 2, _characters=characters, _vocabulary=list(tokenizer.vocabulary),
            _passage=passage, _heard=to_numpy(predict_text(teacher, self._ids), np.float32).tobytes(),
            _teacher_bits=level, _bits_range=list(bits_range or (low, low + 2.5)),
        )  # fmt: skip
        opening, message = self._read(prompt)
        if opening is None:
            raise ValueError(message)
        self.observe(lambda _: self._write_anew(), ("prompt", "sampling"))
        self.show()
        self.settle()  # the first picture is complete

    @t.validate("at")
    def _check_at(self, proposal):
        last = len(self._passage) - 1
        if self._passage and not 1 <= proposal["value"] <= last:
            raise ValueError(f"at must be from 1 to {last}, the last character of the passage: {proposal['value']}")
        return proposal["value"]

    # --- the run

    def race(self):
        """The race of the language module."""
        from kdlab.language import race_language_models

        return race_language_models(
            self.students, *self._data, recipe=self.recipe, evaluate=self._evaluate, **self._options
        )

    def _evaluate(self, student):
        from kdlab.language import bits_per_character

        return {"bits": bits_per_character(student, self._validation, self._window(student))}

    def _window(self, model):
        """How many characters a model reads at once: a student no more than it was trained to."""
        return model.context if model is self._teacher else min(model.context, self._options.get("length", 64))

    def on_record(self, record):
        """Both students write again after each evaluation."""
        super().on_record(record)
        if self.measure in record["distilled"]:
            self._ask(ARMS)

    def on_state(self, state, message):
        """When the run rests, the texts become those of the students as they are now."""
        super().on_state(state, message)
        if not self.running:
            self._ask(ARMS)

    def run(self):
        """Run to the end, here and now, write the texts, and return the panel. Raises what the run raises."""
        super().run()
        self.settle()
        return self

    # --- writing: a little at a time, between the steps of the run

    def _read(self, prompt):
        """(the prompt as the models can read it, what is to be said about it); None if they cannot."""
        known = self._tokenizer.ids
        text = "".join(c if c in known else c.lower() for c in prompt.translate(PLAIN))
        unknown = next((c for c in text if c not in known), None)
        if unknown is not None:
            signs = "".join(c for c in self._tokenizer.vocabulary if not c.isspace())
            return None, f"“{unknown}” is not among the {len(known)} characters that these models know: {signs}"
        if not text:
            return None, "Type a prompt: the models write on from it."
        return text[-MOST_PROMPT:], f"Only the last {MOST_PROMPT} characters are read." * (len(text) > MOST_PROMPT)

    def _write_anew(self):
        """All texts are out of date. This may be any thread: it only says so."""
        self._anew = True
        self._ask(())

    def _ask(self, names):
        """Let these write again as soon as they have finished what they are at."""
        self._due |= set(names)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)
        elif not self.running:
            self.settle()

    def _wake(self):
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self._work())  # kept: the loop holds tasks only weakly

    @property
    def _unfinished(self):
        return self._anew or self._due or self._streams

    @property
    def busy(self):
        """Whether there is a run, or a text is being written."""
        return super().busy or (self._task is not None and not self._task.done())

    async def _work(self):
        while self._unfinished and self.comm is not None:  # until it is closed
            start = time.monotonic()
            self._write(start + (PIECE if self.running else SLICE))
            spent = time.monotonic() - start
            await asyncio.sleep(spent / SHARE - spent if self.running else 0)

    def settle(self):
        """Finish the texts now."""
        while self._unfinished:
            self._write(math.inf)

    @usual_torch()
    def _write(self, until):
        """Some more characters of each text, one after another."""
        if self._anew:
            self._anew, self._streams, self._due = False, {}, set(NAMES)
            opening, self._message = self._read(self.prompt)
            if opening not in (None, self._opening):
                self._opening, self._drafts = opening, {}
        if not self._streams:
            self._begin()
        while self._streams and time.monotonic() < until:
            for name in list(self._streams):
                self._write_one(name)
        if self.running and not self.watched:
            return  # the texts come with the next curves
        if not self._streams or time.monotonic() >= self._next_text:
            self._next_text = time.monotonic() + FRAME
            self._show_texts()

    def _show_texts(self):
        self._written = {
            name: [draft.text, draft.old[len(draft.text) :], draft.step] for name, draft in self._drafts.items()
        }

    def _write_one(self, name):
        try:
            character = next(self._streams[name], None)
        except Exception as error:  # said in the panel; the others write on
            self._message, character = f"{name} cannot write: {type(error).__name__}: {error}", None
        if character is None:
            del self._streams[name]
            self._drafts[name].old, self._drafts[name].done = "", True
        else:
            self._drafts[name].text += character

    def _begin(self):
        """Open the texts that are due, each by a copy of its model as it now is, if that would make another text."""
        due, self._due = self._due, set()
        for name in NAMES:
            model = self._teacher if name == "teacher" else self.students[name]
            step = 0 if name == "teacher" else len(self.history)
            before = self._drafts.get(name)
            source = (model, step, self._opening, self.sampling)
            if name in due and not (before and before.done and before.source == source):
                self._drafts[name] = Draft(source, before.text + before.old if before else "")
                self._streams[name] = self._characters_of(copy.deepcopy(model), self._window(model))

    def _characters_of(self, model, window):
        """One character after another of what the model writes: always from the same random numbers."""
        import torch

        from kdlab.generation import stream

        generator = torch.Generator().manual_seed(self._seed)
        text = torch_ids(self._tokenizer, self._opening)[None]
        left = self._characters
        while left:
            read = text[:, -(window // 2) :] if text.shape[1] >= window else text
            count = min(left, window - read.shape[1])
            left -= count
            for new in stream(model, read, count, temperature=self.sampling, generator=generator):
                text = torch.cat([text, new[:, None]], 1)
                yield self._tokenizer.decode(new)

    # --- what Python reads

    @property
    def texts(self):
        """{"teacher": str, "distilled": str, "hard": str}: the prompt and what each has written."""
        self.settle()
        return {name: self._opening + draft.text for name, draft in self._drafts.items()}

    def next_characters(self):
        """{"teacher": {character: probability}, "distilled": ..., "hard": ...} at place `.at` of the passage."""
        heard, said = (np.frombuffer(part, np.float32) for part in (self._heard, self._said))
        size = (len(self._passage) - 1, len(self._vocabulary))
        rows = np.concatenate([heard, said]).reshape(len(NAMES), *size)[:, self.at - 1]
        return {
            name: dict(zip(self._vocabulary, soft_targets(row, 1.0).tolist(), strict=True))
            for name, row in zip(NAMES, rows, strict=True)
        }

    # --- pictures

    def flush(self):
        """The curves, the changes, the texts, and what both students now expect all along the passage."""
        from kdlab.language import predict_text

        super().flush()
        self._show_texts()
        said = [predict_text(self.students[arm], self._ids, self._window(self.students[arm])) for arm in ARMS]
        self._said = np.stack([to_numpy(logits, np.float32) for logits in said]).tobytes()

    def figure(self):
        """The curves, the texts, and the bars at the chosen place."""
        from kdlab import plots

        return plots.writing_panel(
            self.curves, self.changes, self._teacher_bits, self.texts, self.next_characters(),
            steps=self.steps, bits_range=self._bits_range, opening=self._opening,
            before=self._passage[: self.at], true=self._passage[self.at],
        )  # fmt: skip


@dataclass
class Draft:
    """A text that is being written: from (model, step, prompt, sampling), over an old one."""

    source: tuple
    old: str
    text: str = ""
    done: bool = False

    @property
    def step(self):
        """The step of the run at which it began."""
        return self.source[1]


def torch_ids(tokenizer, text):
    """The ids of a text as an int64 tensor (L,)."""
    import torch

    return torch.from_numpy(tokenizer.encode(text))
