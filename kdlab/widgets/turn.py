"""TurnPanel: a teacher's features, turned, moved and stretched, and what each loss notices of it."""

import math

import numpy as np
import traitlets as t

from kdlab.widgets.base import Panel, source, to_numpy
from kdlab.widgets.driver import Driver, usual_torch

LIMITS = {"angle": (0.0, 360.0), "scale": (0.25, 4.0), "shift": (-2.0, 2.0), "stretch": (0.25, 4.0)}
USUAL = {"angle": 0.0, "scale": 1.0, "shift": 0.0, "stretch": 1.0, "swap": False, "mixed": False}
MEASURES = ("squared error", "distances", "angles", "similarities", "cosines", "CKA")
SEEN = 1e-9  # of what mixed pictures cost: less than that is rounding


def measures(student, teacher):
    """{measure: value} of two sets of features (N, 2), float64: losses, and 1 - CKA; 0 where both agree."""
    import torch

    from kdlab import losses, metrics

    student, teacher = (torch.as_tensor(np.asarray(f), dtype=torch.float64) for f in (student, teacher))
    values = [
        losses.hint_loss(student, teacher),
        losses.relational_distance_loss(student, teacher),
        losses.relational_angle_loss(student, teacher),
        losses.similarity_preserving_loss(student, teacher),
        losses.cosine_relation_loss(student, teacher, temperature=0.1),
        1 - metrics.linear_cka(student, teacher),
    ]
    return {name: max(0.0, float(value)) for name, value in zip(MEASURES, values, strict=True)}


class TurnPanel(Panel):
    """A student that agrees with its teacher in every number, until the reader turns the teacher's features.

    `features` (N, 2), `labels` (N,): two numbers for each of three to sixty pictures. The reader rotates them by `angle`
    degrees, multiplies them by `scale`, shifts them to the right, stretches them upwards, swaps both numbers, or mixes up the
    pictures. `.values` {measure: loss} and `.shares` (of what mixed-up pictures cost) can be read, and `.reached`: the
    goal is a setting that distances and angles do not see, and similarities and cosines do.
    """

    _esm = source("common.js", "turn.js")
    _css = source("common.css", "turn.css")

    angle = t.Float(0.0).tag(sync=True)
    scale = t.Float(1.0).tag(sync=True)
    shift = t.Float(0.0).tag(sync=True)
    stretch = t.Float(1.0).tag(sync=True)
    swap = t.Bool(False).tag(sync=True)
    mixed = t.Bool(False).tag(sync=True)
    shares = t.Dict().tag(sync=True)
    reached = t.Bool(False).tag(sync=True)
    message = t.Unicode("").tag(sync=True)
    _student = t.List().tag(sync=True)
    _teacher = t.List().tag(sync=True)
    _labels = t.List().tag(sync=True)
    _limits = t.Dict({name: list(ends) for name, ends in LIMITS.items()}).tag(sync=True)

    @usual_torch()
    def __init__(self, features, labels, **settings):
        features, labels = to_numpy(features), to_numpy(labels, int)
        if features.ndim != 2 or features.shape[1] != 2 or not 3 <= len(features) <= 60:
            raise ValueError(f"features must be (N, 2) of 3 to 60 pictures, not {features.shape}")
        if labels.shape != features.shape[:1] or not np.isfinite(features).all():
            raise ValueError("features must be finite, with a label for each row")
        self._features = features / np.abs(features).max()
        order = np.random.default_rng(0).permutation(len(features))
        self._order = order if (order != np.arange(len(order))).any() else order[::-1]
        self.values, self._shown = {}, None
        self._worst = measures(self._features, self._features[self._order])
        self._driver = Driver(self)
        super().__init__(
            _labels=labels.tolist(), _student=np.round(self._features, 4).tolist(), **{**USUAL, **settings}
        )
        self._look()
        self.observe(lambda _: self._driver.request("look"), list(USUAL))
        self.on_msg(lambda _, content, buffers: self._driver.request(content.get("request", "")))

    @t.validate(*LIMITS)
    def _within(self, proposal):
        low, high = LIMITS[proposal["trait"].name]
        if not low <= proposal["value"] <= high:
            raise t.TraitError(f"{proposal['trait'].name} must be from {low:g} to {high:g}, not {proposal['value']:g}")
        return proposal["value"]

    @property
    def turned(self):
        """The teacher's features (N, 2) as the settings have made them."""
        found = self._features[self._order] if self.mixed else self._features
        found = found[:, ::-1] if self.swap else found
        found = found * [1.0, self.stretch]
        turn = math.radians(self.angle)
        rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
        return self.scale * found @ rotation + [self.shift, 0.0]

    def on_state(self, state, message):
        """The driver's own states are of no use here: there is no run."""

    def on_request(self, name, value):
        """Look at the settings as they are by now; "again" puts all back first."""
        if name == "again":
            with self.hold_trait_notifications():
                for setting, usual in USUAL.items():
                    setattr(self, setting, usual)
        if [getattr(self, setting) for setting in USUAL] == self._shown:
            return
        try:
            self._look()
            self.message = ""
        except Exception as error:  # shown, and the next setting is looked at again
            self.message = f"{type(error).__name__}: {error}"

    def _look(self):
        self._shown = [getattr(self, setting) for setting in USUAL]
        turned = self.turned
        self.values = measures(self._features, turned)
        shares = {name: value / self._worst[name] for name, value in self.values.items()}
        shares = {name: share if share > SEEN else 0.0 for name, share in shares.items()}
        with self.hold_sync():
            self._teacher, self.shares = np.round(turned, 4).tolist(), shares
            blind, sees = (shares["distances"], shares["angles"]), (shares["similarities"], shares["cosines"])
            if max(blind) == 0 and min(sees) > 0.01:
                self.reached = True

    def figure(self):
        """Both sets of features, and how much of each loss there is."""
        from kdlab import plots

        return plots.turn_panel(self._features, self.turned, self._labels, self.shares)
