"""ReliabilityPanel: how sure a model is and how often it is right, before and after temperature scaling."""

import numpy as np
import traitlets as t

from kdlab.widgets.base import Panel, check_classes, source, to_numpy

COLDEST, HOTTEST = 0.1, 10.0
ENOUGH = 1.002  # the least negative log-likelihood, give or take two in a thousand


def negative_log_likelihoods(logits, labels, temperatures):
    """Mean of -log softmax(logits / T)[label] at each temperature, in nats: (T,) array. logits (N, C), labels (N,)."""
    below = logits - logits.max(1, keepdims=True)
    asked = below[np.arange(len(labels)), labels]
    return np.array([np.log(np.exp(below / heat).sum(1)).mean() - asked.mean() / heat for heat in temperatures])


def best_temperature(logits, labels):
    """The temperature from 0.1 to 10, of two digits, with the least negative log-likelihood (Guo et al. 2017)."""
    stops = np.concatenate([np.arange(10, 100) / 100, np.arange(10, 101) / 10])
    low, high = 0, len(stops) - 1
    while low < high:  # there is one valley: the likelihood is convex in 1 / T
        middle = (low + high) // 2
        here, next_ = negative_log_likelihoods(logits, labels, stops[middle : middle + 2])
        low, high = (low, middle) if here <= next_ else (middle + 1, high)
    return float(stops[low])


def _check(logits, labels, bins):
    if not isinstance(logits, dict) or not logits:
        raise ValueError('logits must be a dict {"name of the model": (N, C)}')
    rows = {str(name): np.ascontiguousarray(to_numpy(values, np.float32)) for name, values in logits.items()}
    shapes = {values.shape for values in rows.values()}
    shape = next(iter(shapes))
    if len(shapes) > 1 or len(shape) != 2 or shape[0] < 1 or shape[1] < 2:
        raise ValueError(f"the logits of all models must be (N, C), for the same N images: not {sorted(shapes)}")
    wrong = [name for name, values in rows.items() if not np.isfinite(values).all()]
    if wrong:
        raise ValueError(f"the logits of {wrong[0]!r} are not all finite")
    labels = check_classes(labels, *shape)
    if isinstance(bins, bool) or not isinstance(bins, int) or not 2 <= bins <= 20:
        raise ValueError(f"bins must be a whole number from 2 to 20, not {bins!r}")
    return rows, labels


class ReliabilityPanel(Panel):
    """A reliability diagram, and a temperature that divides the logits after training (Guo et al. 2017).

    `logits` is {name of the model: (N, C)}, `labels` (N,), the same images for all; `bins` (2 to 20) cut the
    confidence from 0 to 1. The reader chooses a model and moves the temperature; the goal is the least negative
    log-likelihood. To be read back: `.model`, `.temperature`, `.measures` now ({"accuracy", "confidence", "ece",
    "nll"}), `.best` ({name: {"temperature", "nll"}} found so far), `.reached` (names of the models whose least was
    found), `.best_temperatures` (what there is to find).
    """

    _esm = source("common.js", "reliability.js")
    _css = source("common.css", "reliability.css")

    model = t.Unicode().tag(sync=True)
    temperature = t.Float(1.0).tag(sync=True)
    seen = t.Dict().tag(sync=True)
    best = t.Dict().tag(sync=True)
    reached = t.List().tag(sync=True)
    bins = t.Int(10).tag(sync=True)
    names = t.List().tag(sync=True)
    _size = t.List().tag(sync=True)
    _logits = t.Bytes().tag(sync=True)
    _labels = t.Bytes().tag(sync=True)
    _valley = t.Dict().tag(sync=True)
    _enough = t.Dict().tag(sync=True)

    def __init__(self, logits, labels, *, bins=10):
        self._rows, self._classes = rows, labels = _check(logits, labels, bins)
        grid = np.geomspace(COLDEST, HOTTEST, 61)
        self._best = {name: best_temperature(values, labels) for name, values in rows.items()}
        least = {name: negative_log_likelihoods(rows[name], labels, [heat])[0] for name, heat in self._best.items()}
        super().__init__(
            model=next(iter(rows)),
            names=list(rows),
            bins=bins,
            _size=list(next(iter(rows.values())).shape),
            _logits=np.stack(list(rows.values())).tobytes(),
            _labels=labels.astype(np.int32).tobytes(),
            _valley={"temperature": grid.tolist()}
            | {"nll": {name: negative_log_likelihoods(rows[name], labels, grid).tolist() for name in rows}},
            _enough={name: ENOUGH * float(value) for name, value in least.items()},
        )

    @t.validate("model")
    def _check_model(self, proposal):
        if proposal["value"] not in self._rows:
            raise ValueError(f"model must be one of {list(self._rows)}, not {proposal['value']!r}")
        return proposal["value"]

    @t.validate("temperature")
    def _check_temperature(self, proposal):
        value = proposal["value"]
        if not COLDEST <= value <= HOTTEST:  # also NaN
            raise ValueError(f"temperature must be a number from {COLDEST:g} to {HOTTEST:g}, not {value}")
        return value

    def _scaled(self):
        import torch

        return torch.from_numpy(self._rows[self.model]).double() / self.temperature, torch.from_numpy(self._classes)

    @property
    def measures(self):
        """{"accuracy", "confidence" (mean), "ece" (with these bins), "nll" (nats)} of the model at the temperature."""
        from kdlab import metrics

        logits, labels = self._scaled()
        return {
            "accuracy": metrics.accuracy(logits, labels),
            "confidence": float(logits.softmax(-1).amax(-1).mean()),
            "ece": metrics.expected_calibration_error(logits, labels, bins=self.bins),
            "nll": metrics.negative_log_likelihood(logits, labels),
        }

    @property
    def best_temperatures(self):
        """{name: the temperature, of two digits, with the least negative log-likelihood on these images}."""
        return dict(self._best)

    def figure(self):
        """The reliability diagram of the chosen model at the present temperature, and how many images each bin has."""
        from kdlab import metrics, plots

        found = metrics.reliability(*self._scaled(), bins=self.bins)
        return plots.reliability_panel(found, self.measures, self.model, self.temperature)
