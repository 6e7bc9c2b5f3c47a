"""SeedsPanel: how often does the worse method win, when each is trained with n seeds?"""

import math

import numpy as np
import traitlets as t

from kdlab.widgets.base import Panel, source, to_numpy

GRID = 2000  # steps between the smallest and the largest value, where values are not whole numbers


def differences(values, paired):
    """The second arm's run less the first's, for all seeds (paired) or for all pairs of seeds: (M,) or (M * M,)."""
    first, second = values
    return second - first if paired else np.subtract.outer(second, first).ravel()


def chance_below_zero(values, n):
    """P(the sum of n of these values, drawn at random with replacement, is below zero): exact for whole numbers.

    The distribution of the sum is that of one value convolved n times with itself, here by Fourier's transform;
    other numbers are rounded to 1/2000 of their range first.
    """
    values = np.asarray(values, dtype=float)
    unit = (
        1.0
        if (values == np.round(values)).all() and np.ptp(values) <= 10 * GRID
        else np.ptp(values) / GRID or np.abs(values).max()
    )
    whole = np.round(values / unit).astype(int)
    low, high = whole.min(), whole.max()
    shares = np.bincount(whole - low, minlength=1) / len(whole)
    length = n * (high - low) + 1
    sums = np.fft.irfft(np.fft.rfft(shares, length) ** n, length)  # sums[i] belongs to the sum i + n * low
    return float(np.clip(sums[: max(0, -n * low)].sum(), 0, 1))


class SeedsPanel(Panel):
    """Draw n seeds for each of two methods, again and again, and count how often the truly worse one wins.

    `values` is {arm: its result with each seed}: two arms, the same seeds in the same order, many of them (a draw
    picks with replacement; which arm is truly worse is read off all of them). `lower_is_better` for errors and
    losses. `seed` fixes the draws: the same clicks give the same draws. The reader guesses first, at n = `guess_at`;
    the exact curve then opens by a button.

    `.draw(times)` draws here and now; `.tally`, `.exact(n, paired)`, `.worse`, `.guess` and `.revealed` can be read.
    """

    _esm = source("common.js", "live.js", "seeds.js")
    _css = source("common.css", "live.css", "seeds.css")

    n = t.Int(1).tag(sync=True)
    paired = t.Bool(False).tag(sync=True)
    guess = t.Float(None, allow_none=True).tag(sync=True)
    guess_at = t.Int(5).tag(sync=True)
    revealed = t.Bool(False).tag(sync=True)
    most = t.Int(20).tag(sync=True)
    lower_is_better = t.Bool(True).tag(sync=True)
    measure = t.Unicode("errors").tag(sync=True)
    arms = t.List().tag(sync=True)
    worse = t.Unicode().tag(sync=True)
    _values = t.List().tag(sync=True)  # (2, M)
    _drawn = t.List().tag(sync=True)  # (2, most): seeds of the present draw, of which the first n count
    _tally = t.List().tag(sync=True)  # [n, paired, draws, draws that the worse arm won, ties]
    _curves = t.List().tag(sync=True)  # (2, most): exact shares with different and with the same seeds, once revealed

    def __init__(self, values, *, lower_is_better=True, measure="errors", n=1, most=20, guess_at=5, seed=0):
        if not isinstance(values, dict):
            raise ValueError(f"values must be {{arm: one result for each seed}}, not a {type(values).__name__}")
        if len(values) != 2:
            raise ValueError(f"SeedsPanel compares two arms, not {len(values)}: choose two of {list(values)}")
        for name, size, least in (("most", most, 1), ("n", n, 1), ("guess_at", guess_at, 1)):
            if isinstance(size, bool) or not isinstance(size, int) or not least <= size <= max(most, 1):
                raise ValueError(f"{name} must be a whole number from {least} to {most}, not {size!r}")
        rows = [_results(name, row) for name, row in values.items()]
        if len(rows[0]) != len(rows[1]):
            raise ValueError(
                f"the arms need the same seeds in the same order: {len(rows[0])} and {len(rows[1])} results"
            )
        means = [row.mean() for row in rows]
        if math.isclose(*means):
            raise ValueError(f"both arms have the mean {means[0]:g}: neither is worse")
        self._generator = np.random.default_rng(seed)
        self._rows = np.stack(rows)
        arms = [str(name) for name in values]
        super().__init__(
            arms=arms,
            worse=arms[int((means[1] > means[0]) == lower_is_better)],
            lower_is_better=lower_is_better,
            measure=measure,
            n=n,
            most=most,
            guess_at=guess_at,
            _values=self._rows.tolist(),
        )
        self._drawn = self._pick(1)[0].tolist()
        self.on_msg(self._on_message)

    @t.validate("n", "guess_at")
    def _check_size(self, proposal):
        if not 1 <= proposal["value"] <= self.most:
            raise ValueError(f"{proposal['trait'].name} must be from 1 to {self.most}, not {proposal['value']}")
        return proposal["value"]

    @t.validate("guess")
    def _check_guess(self, proposal):
        if proposal["value"] is not None and not 0 <= proposal["value"] <= 1:
            raise ValueError(f"a guess is a share between 0 and 1, not {proposal['value']}")
        return proposal["value"]

    def _on_message(self, _, content, buffers):
        match content["request"]:
            case "draw":
                self.draw(content["times"])
            case "reveal":
                self.reveal()
            case "forget":
                self.forget()

    # --- draws

    def _pick(self, times):
        """Seeds for both arms: (times, 2, most). Arms that share their seeds take the first row."""
        return self._generator.integers(0, self._rows.shape[1], (times, 2, self.most))

    def _gains(self, seeds):
        """By how much the worse arm's mean is better than the other's, in each draw of (times, 2, n) seeds."""
        first, second = self._rows[0][seeds[:, 0]], self._rows[1][seeds[:, 0 if self.paired else 1]]
        gain = (first - second).sum(1) / seeds.shape[2]
        return np.round(gain * self._sign, 9)  # rounding of sums must not break a tie

    @property
    def _sign(self):
        """+1 if first - second > 0 says that the worse arm won."""
        return 1 if (self.worse == self.arms[1]) == self.lower_is_better else -1

    def draw(self, times=1):
        """Draw `times` times n seeds for each arm, and enter who won in the tally; the last draw is shown."""
        if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= 100_000:
            raise ValueError(f"times must be a whole number from 1 to 100 000, not {times!r}")
        seeds = self._pick(times)
        gains = self._gains(seeds[:, :, : self.n])
        new = np.array([times, (gains > 0).sum(), (gains == 0).sum()])
        entries = {(n, paired): np.array(counts) for n, paired, *counts in self._tally}
        key = (self.n, self.paired)
        entries[key] = entries.get(key, 0) + new
        with self.hold_sync():
            self._drawn = seeds[-1].tolist()
            self._tally = [[*key, *counts.tolist()] for key, counts in sorted(entries.items())]

    def forget(self):
        """An empty tally, and the curve hidden again. The next draws are new ones."""
        with self.hold_sync():
            self._tally, self.revealed, self.guess = [], False, None

    def reveal(self):
        """Show the exact curves."""
        with self.hold_sync():
            if not self._curves:
                sizes = range(1, self.most + 1)
                self._curves = [[self.exact(n, paired) for n in sizes] for paired in (False, True)]
            self.revealed = True

    @property
    def tally(self):
        """{(n, paired): {"draws", "worse_won", "ties"}} of all draws so far."""
        names = ("draws", "worse_won", "ties")
        return {(n, paired): dict(zip(names, counts, strict=True)) for n, paired, *counts in self._tally}

    def exact(self, n, paired=None):
        """The share of all possible draws of n seeds in which the worse arm wins."""
        paired = self.paired if paired is None else paired
        return chance_below_zero(self._sign * differences(self._rows, paired), n)

    @property
    def spread(self):
        """Standard deviation of the difference of two runs: {"same seeds", "different seeds"}."""
        names = {"same seeds": True, "different seeds": False}
        return {name: float(differences(self._rows, paired).std()) for name, paired in names.items()}

    def figure(self):
        """The present draw, and the tally so far; the exact curves if they are revealed."""
        from kdlab import plots

        seeds = [self._drawn[0][: self.n], self._drawn[0 if self.paired else 1][: self.n]]
        return plots.seeds_panel(
            self.arms,
            self._rows,
            seeds,
            self._tally,
            self._curves if self.revealed else [],
            worse=self.worse,
            paired=self.paired,
            measure=self.measure,
            most=self.most,
        )


def _results(name, values):
    values = to_numpy(values)
    if values.ndim != 1 or len(values) < 3 or not np.isfinite(values).all():
        raise ValueError(f"{name!r} must be one row of three or more finite numbers, one for each seed: {values}")
    return values
