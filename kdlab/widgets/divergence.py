"""DivergencePanel: two distributions, KL in both directions and JS between them, class by class."""

import numpy as np
import traitlets as t

from kdlab.widgets.base import Panel, source, to_numpy

MEASURES = ("forward", "reverse", "js")


def kl_terms(p, q):
    """The terms p ln(p / q) of KL(p || q): 0 where p is 0, infinite where only q is 0."""
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, p * np.log(p / q), 0.0)


def divergence_terms(p, q):
    """What each class adds to KL(p || q), KL(q || p) and JS, in nats: what the panel's view computes."""
    p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
    middle = (p + q) / 2
    return {
        "forward": kl_terms(p, q),
        "reverse": kl_terms(q, p),
        "js": (kl_terms(p, middle) + kl_terms(q, middle)) / 2,
    }


def _distribution(name, values):
    values = to_numpy(values)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all() or (values < 0).any():
        raise ValueError(f"{name} must be one row of two or more probabilities, not {values}")
    if abs(values.sum() - 1) > 1e-3:
        raise ValueError(f"{name} must sum to one, not to {values.sum():g}")
    return (values / values.sum()).tolist()


def _check_goal(goal):
    named = [*goal.get("at_least", {}), *goal.get("at_most", {})]
    if "text" not in goal or not named or not set(named) <= set(MEASURES):
        raise ValueError(f"a goal needs a text, and at_least or at_most for some of {MEASURES}, not {goal}")


class DivergencePanel(Panel):
    """Two distributions `p` and `q` as bars that can be dragged; the other bars of a row share what is left.

    `goal` is a dict such as {"text": "Make KL(p‖q) at least 3", "at_least": {"forward": 3.0}, "at_most":
    {"reverse": 0.3}} in nats; "forward" is KL(p‖q), "reverse" is KL(q‖p), "js" is Jensen-Shannon.
    What the reader did can be read back: `.p`, `.q`, `.divergences` (nats), `.reached`.
    """

    _esm = source("common.js", "divergence.js")
    _css = source("common.css", "divergence.css")

    p = t.List().tag(sync=True)
    q = t.List().tag(sync=True)
    bits = t.Bool(False).tag(sync=True)
    classes = t.List().tag(sync=True)
    goal = t.Dict(allow_none=True, default_value=None).tag(sync=True)
    reached = t.Bool(False).tag(sync=True)
    _given = t.List().tag(sync=True)

    def __init__(self, p, q, *, classes=None, goal=None):
        p, q = _distribution("p", p), _distribution("q", q)
        if len(p) != len(q):
            raise ValueError(f"p has {len(p)} classes, q has {len(q)}")
        if goal is not None:
            _check_goal(goal)
        names = [str(name) for name in (range(len(p)) if classes is None else classes)]
        if len(names) != len(p):
            raise ValueError(f"{len(p)} classes, but {len(names)} names")
        super().__init__(p=p, q=q, _given=[p, q], classes=names, goal=goal)

    @property
    def divergences(self):
        """{"forward": KL(p || q), "reverse": KL(q || p), "js": Jensen-Shannon} of the present bars, in nats."""
        return {name: float(terms.sum()) for name, terms in divergence_terms(self.p, self.q).items()}

    def figure(self):
        """Both distributions, and what each class adds to the three divergences."""
        from kdlab import plots

        return plots.divergences(self.p, self.q, divergence_terms(self.p, self.q), classes=self.classes)
