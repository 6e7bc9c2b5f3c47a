"""DrawPanel: the reader draws a digit, and every model says what it sees while the stroke grows."""

import numpy as np
import traitlets as t

from kdlab.widgets.base import Panel, soft_targets, source, to_numpy
from kdlab.widgets.drawing import to_mnist
from kdlab.widgets.driver import Driver, usual_torch

SURE = 0.5
FOUR = [
    [[0.36, 0.16], [0.33, 0.3], [0.28, 0.43], [0.27, 0.52], [0.4, 0.54], [0.55, 0.53], [0.72, 0.5]],
    [[0.62, 0.2], [0.61, 0.4], [0.59, 0.6], [0.57, 0.86]],
]


class DrawPanel(Panel):
    """A sheet of paper for mouse, pen, finger or arrow keys, and the answers of some models.

    `models` maps names to networks that read (N, 784), such as {"teacher": teacher, "student": student}. The goal,
    for two models or more, is a drawing on which they disagree, each at least half sure; `goal=""` sets none.
    `.strokes` (lists of points from 0 to 1), `.image` (28, 28), `.answers` and `.reached` can be read.
    """

    _esm = source("common.js", "draw.js")
    _css = source("common.css", "draw.css")

    strokes = t.List().tag(sync=True)
    answers = t.Dict().tag(sync=True)
    goal = t.Unicode("").tag(sync=True)
    reached = t.Bool(False).tag(sync=True)
    found = t.Unicode("").tag(sync=True)
    message = t.Unicode("").tag(sync=True)
    _seen = t.Bytes(b"").tag(sync=True)
    _names = t.List().tag(sync=True)

    @usual_torch()
    def __init__(self, models, *, goal="Draw a digit on which they disagree", strokes=None):
        if not models:
            raise ValueError('DrawPanel needs at least one model, as in {"teacher": teacher}')
        self.models = dict(models)
        self._looked_at = None
        self._driver = Driver(self)
        super().__init__(
            strokes=FOUR if strokes is None else strokes, _names=list(self.models), goal=goal if len(models) > 1 else ""
        )
        self._look()
        self.observe(lambda _: self._driver.request("look"), "strokes")

    @property
    def image(self):
        """What the models see: uint8 (28, 28)."""
        return to_mnist(self.strokes)

    def on_state(self, state, message):
        """The driver's own states are of no use here: there is no run."""

    def on_request(self, name, value):
        """Look at the drawing as it is by now; it may have grown since this was asked for."""
        if self.strokes == self._looked_at:
            return
        try:
            self._look()
            self.message = ""
        except Exception as error:  # shown, and the next stroke is looked at again
            self.message = f"{type(error).__name__}: {error}"

    def _look(self):
        from kdlab.models import to_inputs
        from kdlab.teachers import predict_logits

        first = self._looked_at is None
        self._looked_at = self.strokes
        image = self.image
        inputs = to_inputs(image[None])
        logits = {name: to_numpy(predict_logits(model, inputs))[0] for name, model in self.models.items()}
        answers = {name: soft_targets(values, 1.0) for name, values in logits.items()}
        with self.hold_sync():
            self._seen = image.tobytes()
            self.answers = {name: np.round(values, 4).tolist() for name, values in answers.items()}
            says = {name: int(values.argmax()) for name, values in answers.items()}
            sure = all(values.max() >= SURE for values in answers.values())
            if not first and self.strokes and sure and len(set(says.values())) > 1:
                self.reached = True
                self.found = ", ".join(f"{name} says {digit}" for name, digit in says.items())

    def figure(self):
        """The drawing as the models see it, and their answers."""
        from kdlab import plots

        return plots.drawing(self.image, self.answers)
