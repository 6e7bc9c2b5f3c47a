"""MapPanel: a student with two outputs draws a map of pictures from distances alone, while you watch."""

import copy

import numpy as np
import traitlets as t

from kdlab.widgets.base import check_classes, source, to_numpy
from kdlab.widgets.live import LivePanel, thin


class MapPanel(LivePanel):
    """Two numbers for each picture, learned from nothing but some space's distances between pictures.

    make_student  make_student() -> a network with two outputs
    inputs        (N, 784) to learn from
    spaces        {name: features (N, D)}: whose distances can be imitated; the first is chosen
    shown         (inputs (M, 784), labels (M,)): the pictures on the map, which are not learned from
    recipe        steps, batch size, learning rate and seed

    `space` may be changed at any time; a run takes the one that is chosen when it begins. With `digits` the map shows the
    label of each picture, which the student never sees. `.student`, `.history` (losses) and `.shares` (of pictures
    whose nearest one has the same label, [[step, share], ...]) can be read.
    """

    _esm = source("common.js", "live.js", "distance_map.js")
    _css = source("common.css", "live.css", "distance_map.css")

    space = t.Unicode().tag(sync=True)
    digits = t.Bool(False).tag(sync=True)
    shares = t.List().tag(sync=True)
    _ran = t.Unicode("").tag(sync=True)  # the space of this run
    _spaces = t.List().tag(sync=True)
    _labels = t.List().tag(sync=True)
    _points = t.Bytes().tag(sync=True)  # float32 (M, 2), within -1 and 1

    def __init__(self, make_student, inputs, spaces, shown, *, recipe, **state):
        if not spaces or any(len(features) != len(inputs) for features in spaces.values()):
            raise ValueError(f"spaces must be {{name: features}}, each with a row for each of the {len(inputs)} inputs")
        pictures, labels = shown
        if len(pictures) < 2 or tuple(make_student()(pictures[:2]).shape) != (2, 2):
            raise ValueError("the student must have two outputs, and two pictures or more must be shown")
        labels = check_classes(labels, len(pictures), 10)
        self._make_student, self._inputs, self._targets = make_student, inputs, dict(spaces)
        self._pictures, self.recipe = pictures, copy.deepcopy(recipe)
        self.student, self.history = make_student(), []
        super().__init__(
            _spaces=list(spaces), _labels=labels.tolist(), steps=recipe.steps, **{"space": next(iter(spaces)), **state}
        )
        self._clear()
        self.show()

    @t.validate("space")
    def _known(self, proposal):
        if proposal["value"] not in self._targets:
            raise t.TraitError(f"the spaces are {', '.join(self._targets)}: not {proposal['value']!r}")
        return proposal["value"]

    # --- the run

    def begin(self):
        """A new student and the distances of the chosen space."""
        from kdlab.relations import train_relations

        self._clear()
        self._ran = self.space
        return train_relations(
            self.student, self._inputs, self._targets[self.space], recipe=self.recipe,
            evaluate=self._measure, evaluate_every=max(1, self.recipe.steps // 40),
        )  # fmt: skip

    def _measure(self, student):
        return {"share": self._share(self._place(student))}

    def _share(self, places):
        import torch

        from kdlab.relations import recall_at_one

        return recall_at_one(places, torch.tensor(self._labels))

    def _place(self, student):
        from kdlab.teachers import predict_logits

        return predict_logits(student, self._pictures)

    def on_record(self, record):
        """Keep what a step gave."""
        self.history.append(record)
        super().on_record(record)

    def on_reset(self):
        """Reset shows the beginning again."""
        self._clear()

    def _clear(self):
        self.student, self.history = self._make_student(), []
        self._ran = self.space

    # --- pictures

    def flush(self):
        """Where the pictures lie by now, and the curve."""
        self._points = self._frame().astype(np.float32).tobytes()
        self.shares = thin([[r["step"] + 1, round(r["share"], 4)] for r in self.history if "share" in r])
        self.done = len(self.history)

    def _frame(self):
        """The places (M, 2), moved and scaled to fill the square from -1 to 1 whatever the student's units."""
        places = to_numpy(self._place(self.student))
        places = places - places.mean(0)
        reach = np.quantile(np.abs(places), 0.995)
        return np.clip(places / max(reach, 1e-9), -1.04, 1.04)

    def figure(self):
        """The map, with the digits if they are shown, and the curve."""
        from kdlab import plots

        labels = self._labels if self.digits else None
        return plots.map_panel(self._frame(), labels, self.shares, steps=self.steps, space=self._ran)
