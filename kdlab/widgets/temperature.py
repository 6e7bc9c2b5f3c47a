"""TemperaturePanel: logits, and the soft targets that softmax makes of them at a temperature."""

import math

import numpy as np
import traitlets as t

from kdlab.widgets.base import Panel, Temperature, soft_targets, source, to_numpy

METRICS = ("probability", "entropy", "temperature")


def _axis_range(logits):
    """Round limits around these logits, and room to drag: they stay where they are while bars move."""
    low, high = min(-5.0, float(logits.min()) - 1), max(10.0, float(logits.max()) + 2)
    return [5.0 * math.floor(low / 5), 5.0 * math.ceil(high / 5)]


def _check_goal(goal, classes):
    if "text" not in goal or goal.get("metric") not in METRICS:
        raise ValueError(f"a goal needs a text and a metric out of {METRICS}, not {goal}")
    if goal["metric"] == "probability" and goal.get("class") not in range(classes):
        raise ValueError(f"a goal about a probability needs its class, 0 to {classes - 1}")
    if len({"at_least", "at_most", "between"} & goal.keys()) != 1:
        raise ValueError("a goal needs one of at_least, at_most and between")


class TemperaturePanel(Panel):
    """Soft targets at a temperature that the reader moves; logits are bars that can be dragged.

    `logits` is (N, C) or (C,), `images` (N, 28, 28) uint8 to choose from, `labels` N words or numbers for them.
    `goal` is a dict such as {"text": "Make the 5 as likely as you can", "metric": "probability", "class": 5,
    "at_least": 0.149}; other metrics are "entropy" (nats) and "temperature", other conditions "at_most" and
    "between": [low, high]; "temperature_only": True counts only with the logits as given.
    What the reader did can be read back: `.temperature`, `.logits`, `.selected`, `.soft_targets`, `.best`,
    `.reached`.
    """

    _esm = source("common.js", "temperature.js")

    temperature = Temperature(1.0).tag(sync=True)
    logits = t.List().tag(sync=True)
    selected = t.Int(0).tag(sync=True)
    log_scale = t.Bool(False).tag(sync=True)
    editable = t.Bool(True).tag(sync=True)
    classes = t.List().tag(sync=True)
    labels = t.List().tag(sync=True)
    goal = t.Dict(allow_none=True).tag(sync=True)
    best = t.Dict(allow_none=True, default_value=None).tag(sync=True)
    reached = t.Bool(False).tag(sync=True)
    _given = t.List().tag(sync=True)
    _range = t.List().tag(sync=True)
    _images = t.Bytes(allow_none=True, default_value=None).tag(sync=True)

    def __init__(self, logits, images=None, labels=None, *, temperature=1.0, editable=True, goal=None, classes=None):
        logits = np.atleast_2d(to_numpy(logits))
        if logits.ndim != 2 or logits.shape[1] < 2 or not np.isfinite(logits).all():
            raise ValueError(f"logits must be finite and (N, C) or (C,) with C > 1, not {logits.shape}")
        count, width = logits.shape
        if images is not None:
            images = to_numpy(images, np.uint8).reshape(-1, 28, 28)
            if len(images) != count:
                raise ValueError(f"{count} rows of logits, but {len(images)} images")
        if goal is not None:
            _check_goal(goal, width)
        rows = np.round(logits, 4).tolist()
        self._pictures = images
        super().__init__(
            logits=rows,
            _given=rows,
            _range=_axis_range(logits),
            editable=editable,
            goal=goal,
            temperature=float(temperature),
            labels=[
                str(label.item() if hasattr(label, "item") else label)
                for label in (labels if labels is not None else [])
            ],
            classes=[str(name) for name in (range(width) if classes is None else classes)],
            _images=None if images is None else images.tobytes(),
        )

    @property
    def soft_targets(self):
        """Soft targets of the chosen logits at the present temperature: (C,) array."""
        return soft_targets(np.array(self.logits[self.selected]), self.temperature)

    def figure(self):
        """The chosen image, its logits and its soft targets."""
        from kdlab import plots

        image = None if self._pictures is None else self._pictures[self.selected]
        return plots.soft_targets(
            self.logits[self.selected], self.soft_targets, self.temperature, image=image, classes=self.classes
        )
