"""RacePanel: a distilled student races the same student trained on hard labels, while the reader steers."""

import time

import numpy as np
import traitlets as t

from kdlab.widgets.base import soft_targets, source, to_numpy
from kdlab.widgets.driver import FINISHED, usual_torch
from kdlab.widgets.steered import ARMS, SteeredRace

SAYING = 0.1  # seconds between two looks at what the students say of the gallery: the dear part of a picture


class RacePanel(SteeredRace):
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

    _esm = source("common.js", "live.js", "steered.js", "race.js")
    _css = source("common.css", "live.css")

    measure = "accuracy"
    selected = t.Int(0).tag(sync=True)
    _said = t.Bytes(b"").tag(sync=True)  # float32 logits (2, n, classes) of both students: the bulk of a frame
    teacher_accuracy = t.Float().tag(sync=True)
    curve_images = t.Int().tag(sync=True)
    accuracy_range = t.List().tag(sync=True)
    test_result = t.Dict(allow_none=True, default_value=None).tag(sync=True)
    tests_opened = t.Int(0).tag(sync=True)
    _images = t.Bytes().tag(sync=True)
    _teacher = t.List().tag(sync=True)

    @usual_torch()
    def __init__(self, make_student, train, validation, test, images, teacher, recipe=None, *, speed=100.0,
                 evaluate_every=25, curve_images=2000, accuracy_range=(0.9, 1.0)):  # fmt: skip
        from kdlab.metrics import accuracy
        from kdlab.models import to_inputs
        from kdlab.teachers import predict_logits
        from kdlab.training import Recipe

        self._train, self._test, self._evaluate_every = train, test, evaluate_every
        self._inputs, self._labels, teacher_logits = (part[:curve_images] for part in validation)
        self._pictures = to_numpy(images, np.uint8).reshape(-1, 28, 28)
        self._gallery = to_inputs(self._pictures)
        super().__init__(
            make_student, recipe or Recipe(),
            speed=float(speed), accuracy_range=list(accuracy_range), curve_images=len(self._labels),
            teacher_accuracy=accuracy(teacher_logits, self._labels), _images=self._pictures.tobytes(),
            _teacher=to_numpy(predict_logits(teacher, self._gallery)).tolist(),
        )  # fmt: skip
        self.show()

    def prepare(self, recipe):
        """Fresh students, an empty history and a closed test set, for a run of this recipe."""
        super().prepare(recipe)
        self._next_saying, self.test_result = 0.0, None

    # --- the run

    def race(self):
        """The race of the training module."""
        from kdlab.training import race

        return race(
            self.students,
            *self._train,
            recipe=self.recipe,
            evaluate=self._evaluate,
            evaluate_every=self._evaluate_every,
        )

    def _evaluate(self, student):
        from kdlab.metrics import accuracy
        from kdlab.teachers import predict_logits

        return {"accuracy": accuracy(predict_logits(student, self._inputs), self._labels)}

    def on_state(self, state, message):
        """The last picture of a run is complete."""
        self._next_saying = 0.0
        super().on_state(state, message)

    # --- what the reader asks for

    def on_request(self, name, value):
        """The test set is to be opened, besides what every race can be asked for."""
        super().on_request(name, value)
        if name == "test":
            self.open_test_set()

    @usual_torch()
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

        super().flush()
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
