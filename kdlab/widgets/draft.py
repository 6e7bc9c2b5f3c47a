"""DraftPanel: a small drafter writes ahead, a large teacher keeps or refuses, and the reader sees which characters."""

import traitlets as t

from kdlab.widgets.base import source
from kdlab.widgets.driver import usual_torch
from kdlab.widgets.live import LivePanel

MOST = 8  # characters ahead


class DraftPanel(LivePanel):
    """Speculative decoding as a ribbon: kept characters, refused ones struck out, and those that the teacher adds.

    teacher, drafters   a models.LanguageModel, and {name: LanguageModel} of smaller ones with the same vocabulary
    tokenizer           a text.CharacterTokenizer
    prompt, length      what stands there, and how many characters are to be written

    Drafter and number of characters ahead hold from the next run on. `.rounds` are the `drafting.Round`s so far, `.text`
    what was written. `run()` writes it all at once.
    """

    _esm = source("common.js", "live.js", "draft.js")
    _css = source("common.css", "live.css", "draft.css")

    ahead = t.Int(4, min=1, max=MOST).tag(sync=True)
    drafter = t.Int(0, min=0).tag(sync=True)
    names = t.List().tag(sync=True)
    prompt = t.Unicode().tag(sync=True)
    _rounds = t.List().tag(sync=True)  # [[kept, refused, added], ...] as strings
    _most = t.Int(MOST).tag(sync=True)

    @usual_torch()
    def __init__(
        self, teacher, drafters, *, tokenizer, prompt="the white whale ", length=100, ahead=4, speed=5.0, seed=0
    ):
        if not drafters:
            raise ValueError("drafters must have at least one model: {name: LanguageModel}")
        self._teacher, self._models, self._tokenizer, self._seed = teacher, list(drafters.values()), tokenizer, seed
        self._length, self.rounds = length, []
        super().__init__(speed=float(speed), steps=length, ahead=ahead, names=list(drafters), prompt=prompt)
        self._written()  # refuses at once what does not fit
        self.show()

    @t.validate("drafter")
    def _check_drafter(self, proposal):
        if self.names and proposal["value"] >= len(self.names):
            raise ValueError(f"drafter must be from 0 to {len(self.names) - 1}, got {proposal['value']}")
        return proposal["value"]

    def _written(self):
        import torch

        from kdlab.drafting import write

        ids = torch.from_numpy(self._tokenizer.encode(self.prompt))
        generator = torch.Generator().manual_seed(self._seed)
        return write(
            self._teacher, self._models[self.drafter], ids, self._length, ahead=self.ahead, generator=generator
        )

    # --- the run

    def begin(self):
        """A new text, with the drafter and the number of characters ahead as they stand."""
        self.rounds = []
        return self._written()

    def on_record(self, record):
        """A pass of the teacher."""
        self.rounds.append(record)
        super().on_record(record)

    def on_state(self, state, message):
        """Reset takes the text away."""
        if state == "ready":
            self.rounds = []
        super().on_state(state, message)

    @property
    def text(self):
        """The prompt and what was written."""
        ids = [token for turn in self.rounds for token in (*turn.accepted, turn.added)]
        return self.prompt + self._tokenizer.decode(ids)

    def flush(self):
        """All rounds as text."""
        decode = self._tokenizer.decode
        self._rounds = [[decode(r.accepted), decode(r.refused), decode([r.added])] for r in self.rounds]
        self.done = min(self._length, sum(len(turn.accepted) + 1 for turn in self.rounds))

    def figure(self):
        """The ribbon."""
        from kdlab import plots

        return plots.draft_panel(self.prompt, self._rounds, self.names[self.drafter], self.ahead)
