"""PlanePanel: two students learn a border in the plane, one from labels alone, one from what the teacher says there."""

import copy

import numpy as np
import traitlets as t

from kdlab.widgets.base import Temperature, source, to_numpy
from kdlab.widgets.driver import RUNNING, usual_torch
from kdlab.widgets.live import LivePanel

ARMS = ("distilled", "hard")
SIDE = 45  # points of the grid along each side
JUDGED = 1000  # fresh points that the distances are means over
COUNTS = (8, 12, 20, 40, 80, 200, 400)


class PlanePanel(LivePanel):
    """Points of a plane with two classes; the teacher knows their true probabilities, and draws a soft border.

    plane     a kdlab.planes.Plane with two classes; None for the course's own
    labels    how many labelled points both students get, one of `counts`; `seed` says which (the luck of the draw)
    steps, learning_rate   of both runs; batches of at most 64

    The distilled student hears the teacher alone (alpha = 0), at the temperature of the slider; the other the labels
    alone. To be read back: `.students`, `.points` and `.point_labels`, `.distances` (mean KL from the true
    probabilities, in nats, over fresh points) and `.agreement` (the share of them on the right side of the border).
    """

    _esm = source("common.js", "live.js", "plane.js")
    _css = source("common.css", "live.css", "plane.css")

    temperature = Temperature(1.0).tag(sync=True)
    labels = t.Int(20).tag(sync=True)
    seed = t.Int(0, min=0).tag(sync=True)
    counts = t.List().tag(sync=True)
    extent = t.Float().tag(sync=True)
    shown_points = t.List().tag(sync=True)
    distances = t.Dict().tag(sync=True)
    agreement = t.Dict().tag(sync=True)
    _field = t.Bytes().tag(sync=True)  # float32 (side²): the teacher's logit of class 1 against class 0
    _said = t.Bytes().tag(sync=True)  # float32 (2, side²): each student's

    @usual_torch()
    def __init__(self, plane=None, *, labels=20, counts=COUNTS, temperature=1.0, seed=0, steps=400, learning_rate=0.01,
                 speed=100.0):  # fmt: skip
        from kdlab.models import MLP
        from kdlab.planes import two_classes
        from kdlab.training import Recipe

        self.plane = plane or two_classes()
        if self.plane.classes != 2:
            raise ValueError(f"this panel draws one border: the plane must have two classes, not {self.plane.classes}")
        if labels not in counts:
            raise ValueError(f"labels must be one of the counts {list(counts)}, not {labels}")
        self._recipe = Recipe(alpha=0, steps=steps, learning_rate=learning_rate, batch_size=64, temperature=temperature)
        self._untrained = MLP(2, 32, 32, 2, seed=0)
        self._grid = self.plane.grid(SIDE)
        self._fresh = self.plane.sample(JUDGED, seed=2**31)[0]
        field = _against(self.plane.log_probabilities(self._grid))
        super().__init__(
            temperature=float(temperature), labels=labels, seed=seed, counts=list(counts), speed=float(speed),
            extent=self.plane.extent, steps=steps, _field=to_numpy(field, np.float32).tobytes(),
        )  # fmt: skip
        self.prepare()
        self.show()
        self.observe(lambda _: self._driver.request("draw"), ("labels", "seed"))

    @usual_torch()
    def prepare(self):
        """Fresh students, and the labelled points of this seed."""
        self.students = {arm: copy.deepcopy(self._untrained) for arm in ARMS}
        self.points, self.point_labels = self.plane.sample(self.labels, self.seed)
        self._running, self._count = None, 0

    # --- the run

    def begin(self):
        """A new race of fresh students on the points of now."""
        from kdlab.training import race

        self.prepare()
        self._running = copy.deepcopy(self._recipe)
        self._running.temperature = self._heard = self.temperature
        heard = self.plane.log_probabilities(self.points)
        return race(self.students, self.points, self.point_labels, heard, recipe=self._running)

    def before_step(self):
        """Give the run the temperature of the slider."""
        if self.temperature != self._heard and self._count < self._running.steps:
            self._heard = self.temperature
            self._running.change(self._count, temperature=self._heard)

    def on_record(self, record):
        """Count the step."""
        self._count += 1
        super().on_record(record)

    def on_reset(self):
        """Reset makes the students fresh again."""
        self.prepare()

    def on_request(self, name, value):
        """Other points: a run that goes on begins again with them, any other is put back."""
        if name == "draw":
            again = self._driver.state == RUNNING
            self._driver.request("reset")
            if again:
                self._driver.request("start")

    # --- pictures

    def flush(self):
        """The points, both students on the grid, and how far they are from the truth."""
        from kdlab.losses import kl_divergence
        from kdlab.teachers import predict_logits

        self.done = self._count
        self.shown_points = [
            [round(x, 3), round(y, 3), label]
            for (x, y), label in zip(self.points.tolist(), self.point_labels.tolist(), strict=True)
        ]
        said = {arm: predict_logits(student, self._grid) for arm, student in self.students.items()}
        self._said = np.stack([to_numpy(_against(said[arm]), np.float32) for arm in ARMS]).tobytes()
        truth = self.plane.log_probabilities(self._fresh)
        fresh = {arm: predict_logits(student, self._fresh) for arm, student in self.students.items()}
        self.distances = {arm: kl_divergence(fresh[arm], truth).item() for arm in ARMS}
        self.agreement = {arm: float((fresh[arm].argmax(1) == truth.argmax(1)).float().mean()) for arm in ARMS}

    def figure(self):
        """The teacher's field, the points, and where both students draw the border."""
        from kdlab import plots

        logits = np.frombuffer(self._field, np.float32).reshape(SIDE, SIDE)
        said = np.frombuffer(self._said, np.float32).reshape(2, SIDE, SIDE)
        return plots.plane_panel(
            self.plane, to_numpy(self.points), to_numpy(self.point_labels, int), _share(logits / self.temperature),
            dict(zip(ARMS, map(_share, said), strict=True)), temperature=self.temperature,
        )  # fmt: skip


def _against(logits):
    """The logit of class 1 against class 0 (N,), of logits (N, 2)."""
    return logits[:, 1] - logits[:, 0]


def _share(logit):
    """The probability of class 1."""
    return 1 / (1 + np.exp(-np.clip(logit, -60, 60)))
