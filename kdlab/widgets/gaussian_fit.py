"""GaussianFitPanel: one Gaussian fitted to a fixed density under both directions of KL, replayed step by step."""

import numpy as np
import traitlets as t

from kdlab.widgets.base import Panel, source, to_numpy


def bell(x, mean, sd):
    """The density of a Gaussian at x."""
    return np.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))


class GaussianFitPanel(Panel):
    """Forward and reverse fit side by side, from a start that the reader chooses; play, step, reset.

    `x` and `density` (G,) are the target. `forward` and `reverse` are (starts, steps, 3): mean, standard deviation
    and divergence in nats after each step, for the same starting means. `peaks` are the places of the target's
    peaks: `.visited` says on which of them the reverse fit has ended so far, and the goal (its text is `goal`) is
    to end on each of them. `.start` (an index), `.step` and `.reached` can be read and set.
    """

    _esm = source("common.js", "gaussian_fit.js")
    _css = source("common.css", "gaussian_fit.css")

    start = t.Int(0).tag(sync=True)
    step = t.Int(0).tag(sync=True)
    visited = t.List().tag(sync=True)
    reached = t.Bool(False).tag(sync=True)
    goal = t.Unicode("").tag(sync=True)
    peaks = t.List().tag(sync=True)
    _x = t.List().tag(sync=True)
    _density = t.List().tag(sync=True)
    _forward = t.List().tag(sync=True)
    _reverse = t.List().tag(sync=True)

    def __init__(self, x, density, forward, reverse, *, peaks=(), goal="", start=0):
        x, density = to_numpy(x), to_numpy(density)
        self.paths = forward, reverse = to_numpy(forward), to_numpy(reverse)
        if x.ndim != 1 or x.shape != density.shape:
            raise ValueError(f"x and density must be rows of the same length, not {x.shape} and {density.shape}")
        if forward.ndim != 3 or forward.shape[2] != 3 or forward.shape != reverse.shape:
            raise ValueError(f"forward and reverse must be (starts, steps, 3), not {forward.shape}, {reverse.shape}")
        if not np.allclose(forward[:, 0, :2], reverse[:, 0, :2]):
            raise ValueError("forward and reverse must begin at the same means and standard deviations")
        if goal and not peaks:
            raise ValueError("the goal is to visit the peaks: say where they are")
        if start not in range(len(forward)):
            raise ValueError(f"start must be one of the {len(forward)} starts, not {start}")
        super().__init__(
            _x=np.round(x, 4).tolist(), _density=np.round(density, 5).tolist(), start=start, goal=goal,
            _forward=np.round(forward, 4).tolist(), _reverse=np.round(reverse, 4).tolist(),
            peaks=[float(peak) for peak in peaks],
        )  # fmt: skip

    @t.validate("start", "step")
    def _check_index(self, proposal):
        size = self.paths[0].shape[0 if proposal["trait"].name == "start" else 1]
        if not 0 <= proposal["value"] < size:
            raise ValueError(f"{proposal['trait'].name} must be from 0 to {size - 1}, not {proposal['value']}")
        return proposal["value"]

    def figure(self):
        """Start, way and end of both fits from the chosen start."""
        from kdlab import plots

        paths = [path[self.start] for path in self.paths]
        return plots.gaussian_fits(np.array(self._x), np.array(self._density), *paths)
