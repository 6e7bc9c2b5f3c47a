"""What panels share in which two students race while the reader steers: sliders, the recipe, curves and marks."""

import copy
import time
from dataclasses import replace

import traitlets as t

from kdlab.widgets.driver import PAUSED, RUNNING, usual_torch
from kdlab.widgets.live import LivePanel, thin

ARMS = ("distilled", "hard")
SETTINGS = ("temperature", "alpha")
SYMBOLS = {"temperature": "T", "alpha": "α"}
SETTLE, HELD = 0.15, 3.0  # seconds that a slider must rest, free or held by the mouse, before the run takes its value


class SteeredRace(LivePanel):
    """A live race of two students with the same initial weights, batches and steps; only one hears the teacher.

    A subclass sets `measure`, the entry of the records that the curves show, and gives `race()`, the records of a run
    of `.students` and `.recipe` as from training.race.

    Temperature and alpha may move at any time; `.recipe` keeps when, and its line replays the run. `.students`,
    `.history` (all records) and `.recipe` can be read at any time. `run()` does the whole race at once.
    """

    measure = None
    temperature = t.Float(4.0, min=0.01).tag(sync=True)
    alpha = t.Float(0.1, min=0.0, max=1.0).tag(sync=True)
    line = t.Unicode().tag(sync=True)
    line_error = t.Unicode("").tag(sync=True)
    curves = t.Dict().tag(sync=True)
    changes = t.List().tag(sync=True)
    _held = t.Bool(False).tag(sync=True)

    @usual_torch()
    def __init__(self, make_student, recipe, **state):
        self._given = copy.deepcopy(recipe)
        self._untrained = make_student()
        super().__init__(**state)
        self.prepare(copy.deepcopy(self._given))
        self.observe(lambda _: self._driver.request("settings"), SETTINGS)

    def prepare(self, recipe):
        """Fresh students and an empty history, for a run of this recipe."""
        self.recipe = recipe
        self.students = {arm: copy.deepcopy(self._untrained) for arm in ARMS}
        self.history, self._points = [], []
        self._in_effect = {name: getattr(recipe, name) for name in SETTINGS}
        self._wanted, self._wanted_at = {}, 0.0
        self._next = None
        with self.hold_sync():
            self.temperature, self.alpha = recipe.temperature, recipe.alpha

    # --- the run

    def race(self):
        """The records of a new run of `.students` and `.recipe`."""
        raise NotImplementedError

    def begin(self):
        """A new race: of the line to replay, of the recipe as it stands, or (after a run) with the sliders' values."""
        if self._next:
            self.prepare(self._next)
        elif self.history:
            sliders = {name: getattr(self, name) for name in SETTINGS}
            self.prepare(replace(self.recipe, changes={}, **sliders))
        return self.race()

    def before_step(self):
        """Give the run the sliders' values once they rest: a drag is one change, not fifty."""
        if self._wanted and time.monotonic() - self._wanted_at >= (HELD if self._held else SETTLE):
            self._change()

    def _change(self):
        step, wanted = len(self.history), self._wanted
        self._wanted = {}
        if step < self.recipe.steps:
            self.recipe.change(step, **wanted)
            self._in_effect |= wanted

    def on_record(self, record):
        """Keep the record; let the sliders follow a change that the recipe had planned."""
        self.history.append(record)
        if self.measure in record["distilled"]:
            self._points.append([record["step"] + 1, *(round(record[arm][self.measure], 4) for arm in ARMS)])
        for name in SETTINGS:
            if record[name] != self._in_effect[name]:
                self._in_effect[name] = record[name]
                if name not in self._wanted:
                    setattr(self, name, record[name])
        super().on_record(record)

    def on_reset(self):
        """Reset goes back to the recipe that the lesson gave."""
        self.prepare(copy.deepcopy(self._given))

    # --- what the reader asks for

    def on_request(self, name, value):
        """A slider has moved, or a line is to be replayed."""
        if name == "settings":
            self._on_sliders()
        elif name == "replay":
            self._on_line(value)

    def _on_sliders(self):
        now = {name: getattr(self, name) for name in SETTINGS}
        self._wanted = {name: value for name, value in now.items() if value != self._in_effect[name]}
        self._wanted_at = time.monotonic()
        state = self._driver.state
        if not self._wanted or state == RUNNING:
            return
        if not self.history:
            for name, value in self._wanted.items():
                setattr(self.recipe, name, value)
            self._in_effect, self._wanted = now, {}
        elif state == PAUSED:
            self._change()
        self.show()

    def _on_line(self, line):
        from kdlab.training import Recipe

        try:
            self._next = Recipe.parse(line)
        except ValueError as error:
            self.line_error = str(error)
            return
        self.line_error = ""
        self._driver.request("stop")
        self._driver.request("start")

    def replay(self, line):
        """Run again what `str(recipe)` of some run says: its settings, and its changes at their steps."""
        self._driver.request("replay", line)

    # --- pictures

    def flush(self):
        """The curves and the changes."""
        self.done, self.steps, self.line = len(self.history), self.recipe.steps, str(self.recipe)
        self.curves = dict(zip(("steps", *ARMS), map(list, zip(*thin(self._points), strict=True)), strict=False))
        self.changes = [
            [step, ", ".join(f"{SYMBOLS[name]} = {value:.3g}" for name, value in settings.items())]
            for step, settings in sorted(self.recipe.changes.items())
            if step < len(self.history)
        ]
