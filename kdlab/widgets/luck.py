"""LuckPanel: the borders of many students, of labels that luck has drawn and of a teacher's probabilities."""

import numpy as np
import traitlets as t

from kdlab.widgets.base import source, to_numpy
from kdlab.widgets.driver import PAUSED, RUNNING, usual_torch
from kdlab.widgets.live import LivePanel

WHO = ("hard", "distilled")  # the names of their styles
SIDE, STEEP = 33, 31.0  # points along an edge of a picture; a margin of 4 fills a signed byte
JUDGED = 2000  # points on which errors are reckoned


class LuckPanel(LivePanel):
    """Students of one plane, half of them with labels drawn anew for each, half with a teacher's probabilities.

    plane    a kdlab.planes.Plane of two classes: p(class | point) is known exactly
    counts   how many points may be learned from; `count` (a stop) chooses one of them
    biases   by how many nats the teacher may favour class 1; `bias` (a stop) chooses one of them
    draws    students of each kind, two or more; the k-th of both kinds start from the same weights
    recipe   a kdlab.training.Recipe: steps, batch size and learning rate of all

    All students of a run see the same points; only the labels are drawn anew. A control that is moved begins a run; a
    run again with the same controls has new points, labels and initial weights (`seed`). `choose(count=50, bias=1)`
    moves the controls. `.outcomes` is a list of {"count", "bias", "seed", "hard", "distilled"}, with mean errors.
    """

    _esm = source("common.js", "live.js", "luck.js")
    _css = source("common.css", "live.css", "luck.css")

    count = t.Int(0).tag(sync=True)
    bias = t.Int(0).tag(sync=True)
    seed = t.Int(0).tag(sync=True)
    _counts = t.List(t.Int()).tag(sync=True)
    _biases = t.List(t.Float()).tag(sync=True)
    _side = t.Int().tag(sync=True)
    draws = t.Int().tag(sync=True)
    _extent = t.Float().tag(sync=True)
    _least = t.Float().tag(sync=True)  # the error of the best possible answers
    _truth = t.Bytes().tag(sync=True)  # p(class 1) on the grid, row by row from the top left: bytes (side²)
    _teacher = t.Bytes().tag(sync=True)  # the teacher's margin on the grid, as signed bytes
    _margins = t.Bytes().tag(sync=True)  # the students' (2, draws, side²): logit of class 1 minus that of class 0
    _points = t.List().tag(sync=True)  # [x, y, label of the first draw, the teacher's p(class 1)]
    _errors = t.Dict().tag(sync=True)  # {who: [error of each student]}
    _outcomes = t.List().tag(sync=True)  # [stop of count, stop of bias, error of hard, error of distilled]

    @usual_torch()
    def __init__(self, plane, counts, biases, *, count, bias, recipe, draws=10, speed=0.0):
        from kdlab.luck import expected_error

        if plane.classes != 2:
            raise ValueError(f"a LuckPanel shows planes of two classes, not of {plane.classes}")
        self.plane, self.recipe = plane, recipe
        self.counts, self.biases = list(counts), list(biases)
        self._grid, judged = plane.grid(SIDE), plane.sample(JUDGED, seed=10_000)[0]
        self._looked_at, self._judges = _joined(self._grid, judged), plane.probabilities(judged)
        self.students, self.outcomes, self._now = [], [], None
        super().__init__(
            count=self._stop("count", count), bias=self._stop("bias", bias), steps=recipe.steps, speed=float(speed),
            _counts=self.counts, _biases=self.biases, _extent=plane.extent, _side=SIDE, draws=draws,
            _least=expected_error(plane.log_probabilities(judged), self._judges),
            _truth=to_numpy(255 * plane.probabilities(self._grid)[:, 1], np.uint8).tobytes(),
        )  # fmt: skip
        self._given = {"count": self.count, "bias": self.bias}
        self._open().close()
        self.observe(lambda _: self._driver.request("controls"), ["count", "bias"])
        self.show()

    @t.validate("count", "bias")
    def _check_stop(self, proposal):
        name = proposal["trait"].name
        if not 0 <= proposal["value"] < len(self._stops(name)):
            raise t.TraitError(f"{name} has the stops 0 to {len(self._stops(name)) - 1}, not {proposal['value']}")
        return proposal["value"]

    def _stops(self, name):
        return self.counts if name == "count" else self.biases

    def _stop(self, name, value):
        if value not in self._stops(name):
            raise ValueError(f"{name} is one of {', '.join(f'{stop:g}' for stop in self._stops(name))}, not {value!r}")
        return self._stops(name).index(value)

    def choose(self, **values):
        """Move controls: choose(count=50, bias=1.0). ValueError for a name or a value that there is not."""
        if unknown := set(values) - {"count", "bias"}:
            raise ValueError(f"the controls are count and bias, not {', '.join(sorted(unknown))}")
        stops = {name: self._stop(name, value) for name, value in values.items()}
        with self.hold_trait_notifications():
            for name, stop in stops.items():
                setattr(self, name, stop)

    def run(self, **values):
        """Move controls if asked to, run to the end, here and now, and return the panel. Raises what the run raises."""
        self.choose(**values)
        return super().run()

    # --- the run

    def begin(self):
        """A new run, which begins again when a control is moved, and leaves an outcome."""
        return self._records()

    def _records(self):
        run = self._open()
        try:
            while (record := next(run, None)) is not None:
                self._count = record["step"] + 1
                yield record
                if self._moved:
                    run.close()
                    run = self._open()
            self._keep_outcome()
        finally:
            run.close()

    @property
    def _moved(self):
        """Whether a control stands elsewhere than when the run began."""
        return self._now != (self.count, self.bias)

    def _open(self):
        """The run of the chosen settings: points, targets and students are new."""
        from dataclasses import replace

        from kdlab import luck, sweeps
        from kdlab.models import MLP

        self._now, self._count, self.done = (self.count, self.bias), 0, 0
        self.seed = sum(outcome[:2] == [self.count, self.bias] for outcome in self._outcomes)
        first = 1000 * self.seed
        points, _ = self.plane.sample(self.counts[self.count], seed=first)
        teacher = luck.biased(self.plane.log_probabilities(points), self.biases[self.bias])
        drawn = [self.plane.relabel(points, seed=first + k) for k in range(self.draws)]
        seeds = [first + k for k in range(self.draws)]
        recipes = [replace(self.recipe, seed=seed, temperature=1.0, alpha=0.0) for seed in seeds]
        self.students = [MLP(2, 32, 2, seed=seed) for seed in 2 * seeds]
        says = to_numpy(teacher.softmax(-1)[:, 1])
        self._points = [
            [*map(float, point), int(label), float(p)] for point, label, p in zip(points, drawn[0], says, strict=True)
        ]
        margin = luck.biased(self.plane.log_probabilities(self._grid), self.biases[self.bias]).diff(dim=-1)
        self._teacher = _as_bytes(margin.squeeze(-1))
        targets = [None] * self.draws + [teacher] * self.draws
        return sweeps.train(self.students, points, drawn + drawn, targets, recipes=2 * recipes)

    def _keep_outcome(self):
        self._look()
        found = {who: float(np.mean(errors)) for who, errors in self._errors.items()}
        settings = {"count": self.counts[self.count], "bias": self.biases[self.bias], "seed": self.seed}
        self.outcomes.append({**settings, **found})
        self._outcomes = [*self._outcomes, [self.count, self.bias, found["hard"], found["distilled"]]]

    # --- what the reader asks for

    def on_request(self, name, value):
        """A control has moved: where no run goes on that would see it, one begins."""
        if name == "controls" and self._moved and self._driver.state != RUNNING:
            if self._driver.state == PAUSED:
                self._driver.request("stop")
            self._driver.request("start")

    def on_reset(self):
        """Reset puts the controls back, and forgets the outcomes."""
        self.outcomes, self._outcomes = [], []
        with self.hold_trait_notifications():
            self.count, self.bias = self._given["count"], self._given["bias"]
        self._open().close()

    # --- pictures

    def _look(self):
        """The students' margins on the grid, and how often each will be wrong."""
        from kdlab import luck, sweeps

        logits = sweeps.predict_logits(self.students, self._looked_at)
        self._margins = _as_bytes(logits[:, : len(self._grid)].diff(dim=-1).squeeze(-1))
        errors = [luck.expected_error(own[len(self._grid) :], self._judges) for own in logits]
        self._errors = {who: errors[i * self.draws : (i + 1) * self.draws] for i, who in enumerate(WHO)}

    def flush(self):
        """The borders as they are now, the errors, and how far the run is."""
        self._look()
        self.done = self._count

    def figure(self):
        """Both pictures of borders, and the errors of the runs so far."""
        from kdlab import plots

        shape = (SIDE, SIDE)
        margins = np.frombuffer(self._margins, np.int8).reshape(len(WHO), self.draws, *shape)
        return plots.luck_panel(
            np.frombuffer(self._truth, np.uint8).reshape(shape) / 255, np.frombuffer(self._teacher, np.int8).reshape(shape),
            dict(zip(WHO, margins, strict=True)), self._points, self._errors, self._outcomes,
            extent=self._extent, least=self._least, counts=self.counts, bias=self.biases[self.bias], stop=self.bias,
        )  # fmt: skip


def _as_bytes(margins):
    """Margins as signed bytes: only where they change sign is drawn, so far from it they may be cut off."""
    return np.clip(np.round(STEEP * to_numpy(margins)), -127, 127).astype(np.int8).tobytes()


def _joined(*parts):
    import torch

    return torch.cat(parts)
