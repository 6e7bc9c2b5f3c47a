"""BiasPanel: a bias on the logit of one digit, and the errors it takes away and brings."""

import math

import numpy as np
import traitlets as t

from kdlab.widgets.base import Panel, source, to_numpy

PLURALS = ("zeros", "ones", "twos", "threes", "fours", "fives", "sixes", "sevens", "eights", "nines")
STEP = 0.1  # of the slider
ENOUGH = 1.01  # errors as few as the fewest, give or take one in a hundred


def errors_by_bias(logits, labels, digit, biases):
    """What each bias on the logit of `digit` does: arrays over `biases` (B,), (B, 10) where it says for each class.

    {"digit": errors on images of that digit, "others": errors on the others, "all": both together, "answers": how
    often images of that digit are called each class, "taken": how many images of each class are called that digit}.
    """
    logits, labels, biases = to_numpy(logits), to_numpy(labels, int), np.asarray(biases, dtype=float)
    rivals = logits.copy()
    rivals[:, digit] = -np.inf
    rival = rivals.argmax(1)  # the answer as long as the bias does not exceed the gap
    gap = rivals.max(1) - logits[:, digit]

    def below(chosen):
        return np.searchsorted(np.sort(gap[chosen]), biases)

    mine = labels == digit
    classes = range(logits.shape[1])
    taken = np.stack([below(labels == c) for c in classes], 1)
    answers = np.stack([(mine & (rival == c)).sum() - below(mine & (rival == c)) for c in classes], 1)
    answers[:, digit] = taken[:, digit]
    wrong = ~mine & (rival != labels)  # and wrong they stay, whether the bias takes them or not
    on_digit = mine.sum() - taken[:, digit]
    on_others = wrong.sum() - below(wrong) + below(~mine)
    return {"digit": on_digit, "others": on_others, "all": on_digit + on_others, "answers": answers, "taken": taken}


def _check(name, logits, labels, digit):
    logits, labels = to_numpy(logits), to_numpy(labels, int)
    if logits.ndim != 2 or logits.shape[1] != 10 or not np.isfinite(logits).all():
        raise ValueError(f"{name} logits must be finite and (N, 10), not {logits.shape}")
    if labels.shape != logits.shape[:1] or not np.isin(labels, range(10)).all():
        raise ValueError(f"{name} labels must be {len(logits)} digits from 0 to 9")
    if not (labels == digit).any() or (labels == digit).all():
        raise ValueError(f"the {name} set must have some {PLURALS[digit]} and some other digits")
    return logits, labels


def _limits(logits, labels, digit):
    """Even numbers around 0 and the best bias, up to where nearly all images of the digit are found."""
    gap = np.delete(logits, digit, 1).max(1) - logits[:, digit]
    found = min(np.quantile(gap[labels == digit], 0.99), 20)
    coarse = np.arange(-40, 41)
    best = coarse[errors_by_bias(logits, labels, digit, coarse)["all"].argmin()]
    return 2 * math.floor(min(best - 3, -4) / 2), 2 * math.ceil(max(best + 3, found, 6) / 2)


class BiasPanel(Panel):
    """A slider adds a bias to the logit of `digit`: its errors fall, those on the other digits rise.

    `validation` holds a student's logits (N, 10), `labels` (N,) the digits; the curves show what the slider has
    passed. `test=(logits, labels)` stays closed until a bias is chosen and the reader opens it. `name` says which
    student. To be read back: `.bias`, `.validation_errors` now ({"digit", "others", "all"}), `.best_bias` (fewest
    errors in all), `.curves` (errors against the bias), `.best`, `.reached`, `.test_result`, `.tests_opened`.
    """

    _esm = source("common.js", "bias.js")
    _css = source("common.css", "live.css", "bias.css")

    bias = t.Float(0.0).tag(sync=True)
    seen = t.List([0.0, 0.0]).tag(sync=True)
    best = t.Dict(allow_none=True, default_value=None).tag(sync=True)
    reached = t.Bool(False).tag(sync=True)
    test_result = t.Dict(allow_none=True, default_value=None).tag(sync=True)
    tests_opened = t.Int(0).tag(sync=True)
    digit = t.Int().tag(sync=True)
    name = t.Unicode().tag(sync=True)
    _plural = t.Unicode().tag(sync=True)
    _curves = t.Dict().tag(sync=True)
    _enough = t.Int().tag(sync=True)
    _has_test = t.Bool(False).tag(sync=True)

    def __init__(self, validation, labels, digit, *, test=None, name="distilled"):
        if isinstance(digit, bool) or digit not in range(10):
            raise ValueError(f"digit must be one of 0 to 9, not {digit!r}")
        digit = int(digit)
        logits, labels = _check("validation", validation, labels, digit)
        if test is not None and len(test) != 2:
            raise ValueError("test must be a pair: (logits, labels)")
        self._test = None if test is None else _check("test", *test, digit)
        low, high = _limits(logits, labels, digit)
        biases = np.round(np.arange(round((high - low) / STEP) + 1) * STEP + low, 1)
        found = errors_by_bias(logits, labels, digit, biases)
        super().__init__(
            digit=digit,
            name=str(name),
            _plural=PLURALS[digit],
            _curves={"bias": biases.tolist()} | {key: value.tolist() for key, value in found.items()},
            _enough=math.floor(ENOUGH * found["all"].min()),
            _has_test=test is not None,
        )
        self.on_msg(lambda _, content, buffers: self.open_test() if content.get("request") == "test" else None)

    @t.validate("bias")
    def _check_bias(self, proposal):
        value, biases = proposal["value"], self._curves["bias"]
        if not (math.isfinite(value) and biases[0] <= value <= biases[-1]):
            raise ValueError(f"bias must be a number from {biases[0]:g} to {biases[-1]:g}, not {value}")
        return round(value, 1) + 0.0  # to a stop of the slider, and never -0

    @t.observe("bias")
    def _see(self, change):
        low, high = self.seen
        self.seen = [min(low, self.bias), max(high, self.bias)]

    @property
    def curves(self):
        """{"bias", "digit", "others", "all"}: validation errors against the bias, lists of the same length."""
        return {key: list(self._curves[key]) for key in ("bias", "digit", "others", "all")}

    @property
    def validation_errors(self):
        """Validation errors with the present bias: {"digit", "others", "all"}."""
        at = int(np.argmin(np.abs(np.array(self._curves["bias"]) - self.bias)))
        return {key: self._curves[key][at] for key in ("digit", "others", "all")}

    @property
    def best_bias(self):
        """The bias with the fewest validation errors in all; of several, the one nearest to 0."""
        biases, errors = np.array(self._curves["bias"]), np.array(self._curves["all"])
        return float(min(biases[errors == errors.min()], key=abs))

    def open_test(self):
        """Errors on the test set without a bias and with the present one: `.test_result`. It counts how often."""
        if self._test is None:
            raise ValueError("this panel was made without a test set")
        logits, labels = self._test
        found = errors_by_bias(logits, labels, self.digit, [0.0, self.bias])
        without, with_bias = ({key: int(found[key][i]) for key in ("digit", "others", "all")} for i in (0, 1))
        self.tests_opened += 1
        self.test_result = {
            "bias": self.bias,
            "without": without,
            "with": with_bias,
            "of": len(labels),
            "of_digit": int((labels == self.digit).sum()),
        }
        return self.test_result

    def figure(self):
        """Errors against the bias, with the present one marked, and what images of the digit are called."""
        from kdlab import plots

        return plots.bias_panel(self._curves, self.bias, self.digit, self._plural, self.name)
