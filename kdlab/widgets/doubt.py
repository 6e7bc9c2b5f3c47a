"""DoubtPanel: pictures in the order of what several teachers make of them, and what each of the teachers says."""

import numpy as np
import traitlets as t

from kdlab.widgets.base import Panel, source, to_numpy
from kdlab.widgets.driver import usual_torch

ORDERS = {
    "disagreement": "what they disagree about",
    "crowd": "entropy of their mean",
    "one": "entropy of the first teacher",
}
SHOWN, POINTS = 12, 101


def _softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _entropy(p):
    return -(p * np.log(np.maximum(p, 1e-30))).sum(-1)


class DoubtPanel(Panel):
    """Pictures sorted by doubt, twelve at a time: choose one to see what each of the teachers says about it.

    images    uint8 (N, 28, 28)
    labels    int (N,); a stranger's label does not matter
    logits    (K, N, classes) of K teachers
    strangers bool (N,), True for pictures of another kind; left out, the curve is about wrong answers
    classes   names of the classes; stranger_names (N,) what strangers are

    `.order` is "disagreement", "crowd" or "one"; `.place` is where in the order the twelve begin, `.chosen` which of them
    is looked at. The curve says which share of the wrong answers (or strangers) is among the most doubtful pictures.
    """

    _esm = source("common.js", "doubt.js")
    _css = source("common.css", "live.css", "doubt.css")

    order = t.Enum(list(ORDERS), "disagreement").tag(sync=True)
    place = t.Int(0).tag(sync=True)
    chosen = t.Int(0).tag(sync=True)
    _orders = t.Dict(ORDERS).tag(sync=True)
    _count = t.Int().tag(sync=True)
    _what = t.Unicode().tag(sync=True)  # "wrong answers" or "strangers"
    _classes = t.List().tag(sync=True)
    _pictures = t.Bytes().tag(sync=True)  # of the twelve, in order
    _captions = t.List().tag(sync=True)  # of each: [what the crowd says, what it is, whether that is right]
    _opinions = t.List().tag(sync=True)  # (K + 1, classes): probabilities of the chosen picture, the mean last
    _found = t.List().tag(sync=True)  # POINTS: share of what is sought among the first i % of the pictures
    _area = t.Float().tag(sync=True)

    def __init__(self, images, labels, logits, *, strangers=None, classes=None, stranger_names=None, **state):
        images, logits = to_numpy(images, np.uint8), to_numpy(logits)
        if logits.ndim != 3 or images.ndim != 3 or logits.shape[1] != len(images) or not np.isfinite(logits).all():
            raise ValueError(
                f"logits must be finite and (teachers, N, classes) for images (N, 28, 28), not {logits.shape} for "
                f"{images.shape}"
            )
        count = len(images)
        if count < SHOWN:
            raise ValueError(f"the panel shows {SHOWN} pictures at a time, and there are {count}")
        self._labels = to_numpy(labels, int)
        self._strangers = np.zeros(count, bool) if strangers is None else to_numpy(strangers, bool)
        names = [str(c) for c in range(logits.shape[2])] if classes is None else [str(c) for c in classes]
        if len(self._labels) != count or len(self._strangers) != count or len(names) != logits.shape[2]:
            raise ValueError("each picture needs a label (and says whether it is a stranger), each class a name")
        self._images, self._stranger_names = images, stranger_names
        self._p = _softmax(logits)
        self._mean = self._p.mean(0)
        wrong = (self._mean.argmax(-1) != self._labels) | self._strangers
        self._sought = self._strangers if strangers is not None else wrong
        if self._sought.all() or not self._sought.any():
            raise ValueError("there must be pictures of both kinds: right and wrong answers, or some strangers")
        entropy = _entropy(self._mean)
        self.scores = {
            "disagreement": entropy - _entropy(self._p).mean(0),
            "crowd": entropy,
            "one": _entropy(self._p[0]),
        }
        super().__init__(
            _count=count, _classes=names, _what="wrong answers" if strangers is None else "strangers", **state
        )
        self._turn(None)
        self.observe(self._turn, ["order", "place", "chosen"])

    @t.validate("place")
    def _check_place(self, proposal):
        if not 0 <= proposal["value"] <= self._count - SHOWN:
            raise t.TraitError(f"place goes from 0 to {self._count - SHOWN}, not {proposal['value']}")
        return proposal["value"]

    @t.validate("chosen")
    def _check_chosen(self, proposal):
        if not 0 <= proposal["value"] < SHOWN:
            raise t.TraitError(f"{SHOWN} pictures are shown: 0 to {SHOWN - 1}, not {proposal['value']}")
        return proposal["value"]

    def ranking(self, order=None):
        """Positions of the pictures, the most doubtful first."""
        return np.argsort(-self.scores[order or self.order], kind="stable")

    @usual_torch()
    def area(self, order=None):
        """The chance that a picture that is sought is more doubtful than one that is not."""
        from kdlab.metrics import area_under_curve

        return area_under_curve(self.scores[order or self.order], self._sought)

    def _turn(self, change):
        ranked = self.ranking()
        shown = ranked[self.place : self.place + SHOWN]
        picture = shown[self.chosen]
        found = np.concatenate([[0.0], np.cumsum(self._sought[ranked]) / self._sought.sum()])
        at = np.round(np.linspace(0, self._count, POINTS)).astype(int)
        with self.hold_sync():
            self._pictures = self._images[shown].tobytes()
            self._captions = [self._caption(i) for i in shown]
            self._opinions = np.round([*self._p[:, picture], self._mean[picture]], 3).tolist()
            self._found = np.round(found[at], 4).tolist()
            self._area = round(self.area(), 4)

    def _caption(self, i):
        said = self._classes[int(self._mean[i].argmax())]
        if self._strangers[i]:
            return [said, str(self._stranger_names[i]) if self._stranger_names is not None else "a stranger", False]
        label = int(self._labels[i])
        return [said, self._classes[label], int(self._mean[i].argmax()) == label]

    def figure(self):
        """The twelve pictures, what the teachers say of the chosen one, and the curve."""
        from kdlab import plots

        shown = self.ranking()[self.place : self.place + SHOWN]
        return plots.doubt_panel(
            self._images[shown], self._captions, self._opinions, self._found,
            chosen=self.chosen, place=self.place, count=self._count, classes=self._classes, what=self._what,
            order=ORDERS[self.order], area=self._area,
        )  # fmt: skip
