"""RacePanel: a distilled student races the same student trained on hard labels, while the reader steers."""

import copy
import time
from dataclasses import replace

import numpy as np
import traitlets as t

from kdlab.widgets.base import soft_targets, source, to_numpy
from kdlab.widgets.driver import FINISHED, PAUSED, READY, RUNNING
from kdlab.widgets.live import LivePanel, thin

ARMS = ("distilled", "hard")
SETTINGS = ("temperature", "alpha")
SYMBOLS = {"temperature": "T", "alpha": "α"}
SETTLE, HELD = 0.15, 3.0  # seconds that a slider must rest, free or held by the mouse, before the run takes its value
SAYING = 0.1  # seconds between two looks at what the students say of the gallery: the dear part of a picture


class RacePanel(LivePanel):
    """A live race of two students with the same initial weights, batches and steps; only one hears the teacher.

    make_student()    gives the student; called once, both arms get a copy
    train             (inputs, labels, teacher_logits)
    validation        the same, for the curves; they are drawn from the first `curve_images` of them
    test              (inputs, labels), opened by a button, once, after the run
    images, teacher   uint8 (n, 28, 28) pictures to choose from, and the model whose soft targets they are compared with
    recipe            a kdlab.training.Recipe

    Temperature and alpha may move at any time; `.recipe` keeps when, and its line replays the run. `.students`,
    `.history` (all records) and `.recipe` can be read at any time. `run()` does the whole race at once.
    """

    _esm = source("common.js", "live.js", "race.js")
    _css = source("common.css", "live.css")

    temperature = t.Float(4.0, min=0.01).tag(sync=True)
    alpha = t.Float(0.1, min=0.0, max=1.0).tag(sync=True)
    selected = t.Int(0).tag(sync=True)
    line = t.Unicode().tag(sync=True)
    line_error = t.Unicode("").tag(sync=True)
    curves = t.Dict().tag(sync=True)
    changes = t.List().tag(sync=True)
    _said = t.Bytes(b"").tag(sync=True)  # float32 logits (2, n, classes) of both students: the bulk of a frame
    teacher_accuracy = t.Float().tag(sync=True)
    curve_images = t.Int().tag(sync=True)
    accuracy_range = t.List().tag(sync=True)
    test_result = t.Dict(allow_none=True, default_value=None).tag(sync=True)
    tests_opened = t.Int(0).tag(sync=True)
    _held = t.Bool(False).tag(sync=True)
    _images = t.Bytes().tag(sync=True)
    _teacher = t.List().tag(sync=True)

    def __init__(self, make_student, train, validation, test, images, teacher, recipe=None, *, speed=100.0,
                 evaluate_every=25, curve_images=2000, accuracy_range=(0.9, 1.0)):  # fmt: skip
        from kdlab.metrics import accuracy
        from kdlab.models import to_inputs
        from kdlab.teachers import predict_logits
        from kdlab.training import Recipe

        self._train, self._test, self._evaluate_every = train, test, evaluate_every
        self._inputs, self._labels, teacher_logits = (part[:curve_images] for part in validation)
        self._given = copy.deepcopy(recipe or Recipe())
        self._untrained = make_student()
        self._pictures = to_numpy(images, np.uint8).reshape(-1, 28, 28)
        self._gallery = to_inputs(self._pictures)
        super().__init__(
            speed=float(speed), accuracy_range=list(accuracy_range), curve_images=len(self._labels),
            teacher_accuracy=accuracy(teacher_logits, self._labels), _images=self._pictures.tobytes(),
            _teacher=to_numpy(predict_logits(teacher, self._gallery)).tolist(),
        )  # fmt: skip
        self._prepare(copy.deepcopy(self._given))
        self.observe(lambda _: self._driver.request("settings"), SETTINGS)
        self.show()

    def _prepare(self, recipe):
        """Fresh students, an empty history and a closed test set, for a run of this recipe."""
        self.recipe = recipe
        self.students = {arm: copy.deepcopy(self._untrained) for arm in ARMS}
        self.history, self._points = [], []
        self._in_effect = {name: getattr(recipe, name) for name in SETTINGS}
        self._wanted, self._wanted_at = {}, 0.0
        self._next, self._next_saying = None, 0.0
        with self.hold_sync():
            self.temperature, self.alpha = recipe.temperature, recipe.alpha
            self.test_result = None

    # --- the run

    def begin(self):
        """A new race: of the line to replay, of the recipe as it stands, or (after a run) with the sliders' values."""
        from kdlab.training import race

        if self._next:
            self._prepare(self._next)
        elif self.history:
            sliders = {name: getattr(self, name) for name in SETTINGS}
            self._prepare(replace(self.recipe, changes={}, **sliders))
        inputs, labels, teacher_logits = self._train
        return race(
            self.students,
            inputs,
            labels,
            teacher_logits,
            recipe=self.recipe,
            evaluate=self._evaluate,
            evaluate_every=self._evaluate_every,
        )

    def _evaluate(self, student):
        from kdlab.metrics import accuracy
        from kdlab.teachers import predict_logits

        return {"accuracy": accuracy(predict_logits(student, self._inputs), self._labels)}

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
        if "accuracy" in record["distilled"]:
            self._points.append([record["step"] + 1, *(round(record[arm]["accuracy"], 4) for arm in ARMS)])
        for name in SETTINGS:
            if record[name] != self._in_effect[name]:
                self._in_effect[name] = record[name]
                if name not in self._wanted:
                    setattr(self, name, record[name])
        super().on_record(record)

    def on_state(self, state, message):
        """Reset goes back to the recipe that the lesson gave."""
        if state == READY:
            self._prepare(copy.deepcopy(self._given))
        self._next_saying = 0.0  # the last picture is complete
        super().on_state(state, message)

    # --- what the reader asks for

    def on_request(self, name, value):
        """A slider has moved, a line is to be replayed, the test set is to be opened."""
        if name == "settings":
            self._on_sliders()
        elif name == "replay":
            self._on_line(value)
        elif name == "test":
            self.open_test_set()

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

    def open_test_set(self):
        """Test errors of both students, {"distilled", "hard", "of"}: once, after the run. None before its end."""
        from kdlab.metrics import errors
        from kdlab.teachers import predict_logits

        if self._driver.state == FINISHED and self.test_result is None:
            inputs, labels = self._test
            found = {arm: errors(predict_logits(self.students[arm], inputs), labels) for arm in ARMS}
            with self.hold_sync():
                self.tests_opened += 1
                self.test_result = {**found, "of": len(labels)}
        return self.test_result

    # --- pictures

    def flush(self):
        """The curves, the changes, and the logits of the gallery as both students see it now."""
        from kdlab.teachers import predict_logits

        self.done, self.steps, self.line = len(self.history), self.recipe.steps, str(self.recipe)
        self.curves = dict(zip(("steps", *ARMS), map(list, zip(*thin(self._points), strict=True)), strict=False))
        self.changes = [
            [step, ", ".join(f"{SYMBOLS[name]} = {value:.3g}" for name, value in settings.items())]
            for step, settings in sorted(self.recipe.changes.items())
            if step < len(self.history)
        ]
        if time.monotonic() >= self._next_saying:
            said = [to_numpy(predict_logits(self.students[arm], self._gallery), np.float32) for arm in ARMS]
            self._said = np.stack(said).tobytes()
            self._next_saying = time.monotonic() + SAYING

    @property
    def student_logits(self):
        """What both students say of the gallery in the present picture: {"distilled": (n, classes), "hard": ...}."""
        said = np.frombuffer(self._said, np.float32).reshape(len(ARMS), *np.shape(self._teacher))
        return dict(zip(ARMS, said, strict=True))

    def figure(self):
        """The curves, and the soft targets of the chosen image for the teacher and both students."""
        from kdlab import plots

        logits = {"teacher": np.array(self._teacher), **self.student_logits}
        soft = {name: soft_targets(rows[self.selected], self.temperature) for name, rows in logits.items()}
        return plots.race(
            self.curves,
            self.changes,
            self.teacher_accuracy,
            soft,
            steps=self.steps,
            temperature=self.temperature,
            accuracy_range=self.accuracy_range,
            image=self._pictures[self.selected],
        )
