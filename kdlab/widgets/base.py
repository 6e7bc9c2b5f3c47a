"""What every panel shares: its view's source, its picture for static viewers, its words for nbval."""

import base64
import math
from pathlib import Path

import anywidget
import numpy as np
import traitlets as t

FOLDER = Path(__file__).parent


def source(*names):
    """The text of these files one after another: no build step, and nothing to fetch from a network."""
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in names)


def to_numpy(values, dtype=float):
    """A NumPy array of what may be a torch tensor, a list or an array (without importing torch)."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.asarray(values, dtype=dtype)


def check_classes(labels, count, classes):
    """The labels as integers (count,). ValueError unless each is a class from 0 to classes - 1."""
    labels = to_numpy(labels, int)
    if labels.shape != (count,) or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels must be {count} classes from 0 to {classes - 1}")
    return labels


def soft_targets(logits, temperature):
    """softmax(logits / temperature) of one row of logits: what the panel's view computes, in NumPy."""
    powers = np.exp((logits - np.max(logits)) / temperature)
    return powers / powers.sum()


class Temperature(t.Float):
    """A trait for a temperature. ValueError for what is not positive and finite."""

    def validate(self, panel, value):
        value = super().validate(panel, value)
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"temperature must be positive and finite, not {value}")
        return value


class Panel(anywidget.AnyWidget):
    """One interactive panel. All its state is in traits, so that every view of it shows the same.

    A subclass sets `_esm` and `_css` with `source(...)`, and `figure()` draws its current state with
    matplotlib: GitHub, nbviewer and HTML exports show that picture where no kernel answers.
    """

    _css = source("common.css")

    def figure(self):
        """The current state as a matplotlib Figure."""
        raise NotImplementedError

    def png(self):
        """The current state as the bytes of a PNG."""
        from kdlab.plots import to_png

        return to_png(self.figure())

    def __repr__(self):
        return f"<{type(self).__name__}>"

    def _repr_mimebundle_(self, **options):
        data, metadata = super()._repr_mimebundle_(**options)
        picture = base64.b64encode(self.png()).decode()
        # The same words on every run: nbval compares text/plain, and the default holds an address.
        return {**data, "text/plain": repr(self), "image/png": picture}, metadata
