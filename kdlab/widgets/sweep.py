"""SweepPanel: a grid of settings whose students all train at once, as a heat map with its uncertainty."""

import copy
import math

import numpy as np
import traitlets as t

from kdlab.intervals import student_t
from kdlab.widgets.base import source
from kdlab.widgets.live import LivePanel

AXES = ("temperature", "alpha", "learning_rate")  # what may differ between students of one sweep, beside the seed
NARROWEST = 0.01  # of accuracy: what the colours span at least


def compare_cells(values):
    """Mean and standard deviation of each cell, the best cell, and which cells cannot be told from it.

    values (rows, columns, seeds) -> {"mean", "sd": (rows, columns), "best": (row, column), "alike": bool array}.
    Alike: over the same seeds, the 95 % interval of the mean difference from the best (Student's t) holds zero. With
    a single seed there is no such interval: `sd` is NaN, and only the best itself is alike.
    """
    values = np.asarray(values, dtype=float)
    mean, seeds = values.mean(-1), values.shape[-1]
    best = tuple(int(i) for i in np.unravel_index(mean.argmax(), mean.shape))
    behind = values[best] - values
    alike = np.zeros(mean.shape, bool)
    sd = np.full(mean.shape, np.nan)
    if seeds > 1:
        sd = values.std(-1, ddof=1)
        alike = behind.mean(-1) <= student_t(seeds) * behind.std(-1, ddof=1) / math.sqrt(seeds) + 1e-12
    alike[best] = True
    return {"mean": mean, "sd": sd, "best": best, "alike": alike}


def colour_limits(means, old=None):
    """Round [low, high] for the colours: from the tenth part of the cells that is worst, to the best one.

    Cells below take the lowest colour: a few hopeless ones must not make all others look alike. The old limits stay
    as long as they hold all that and it fills three fifths of them, so that noise does not move the scale.
    """
    low, high = float(np.quantile(means, 0.1)), float(np.max(means))
    missing = max(0.0, NARROWEST - (high - low)) / 2
    low, high = max(0.0, low - missing), min(1.0, high + missing)
    if old and old[0] <= low and high <= old[1] and high - low >= 0.6 * (old[1] - old[0]):
        return list(old)
    power = 10.0 ** math.floor(math.log10((high - low) / 8))
    step = next(m * power for m in (1, 2, 5, 10) if m * power * 8 >= (high - low) * 0.999)
    return [max(0.0, round(math.floor(low / step) * step, 6)), min(1.0, round(math.ceil(high / step) * step, 6))]


def _arrange(recipes, rows, columns):
    """Values of both axes, the seeds, and which recipe stands where: (rows, columns, seeds). ValueError for gaps."""
    for word, name in (("rows", rows), ("columns", columns)):
        if name not in AXES:
            raise ValueError(
                f"{word}={name!r} cannot vary within one sweep: its students train as one batch, so they share shape, "
                f"steps and batch size. Possible are {', '.join(AXES)}; for others, make one sweep for each value"
            )
    if rows == columns:
        raise ValueError(f"rows and columns are both {rows!r}: a map needs two different settings")
    for name in ("steps", "batch_size", *AXES):
        found = sorted({getattr(recipe, name) for recipe in recipes})
        if name not in (rows, columns) and len(found) > 1:
            raise ValueError(f"the recipes differ in {name} ({_words(found)}), which is neither rows nor columns")
    values = [list(dict.fromkeys(getattr(recipe, name) for recipe in recipes)) for name in (rows, columns, "seed")]
    values = [sorted(found) for found in values]
    places = np.full([len(found) for found in values], -1)
    for i, recipe in enumerate(recipes):
        settings = [getattr(recipe, name) for name in (rows, columns, "seed")]
        place = tuple(found.index(value) for found, value in zip(values, settings, strict=True))
        said = _setting(zip((rows, columns, "seed"), settings, strict=True))
        if places[place] >= 0:
            raise ValueError(f"two recipes have {said}")
        places[place] = i
    if (places < 0).any():
        where = np.argwhere(places < 0)[0]
        settings = [found[i] for found, i in zip(values, where, strict=True)]
        said = _setting(zip((rows, columns, "seed"), settings, strict=True))
        raise ValueError(f"no recipe has {said}: every cell needs the same seeds")
    return *values, places


def _setting(pairs):
    return ", ".join(f"{name}={value:g}" for name, value in pairs)


def _words(values):
    return ", ".join(f"{value:g}" for value in values)


class SweepPanel(LivePanel):
    """A heat map of two settings whose cells take colour while all their students train at once.

    students     one for each recipe, all of one shape; each run trains copies, so that all begin where these are
    train        (inputs, labels, teacher_logits), as `kdlab.sweeps.train` takes them
    validation   (inputs, labels): each cell shows the mean accuracy on them over its seeds, ± standard deviation
    recipes      every combination of rows, columns and seeds once: `kdlab.sweeps.grid` makes them
    rows, columns   two of "temperature", "alpha" and "learning_rate"

    Outlined cells cannot be told from the best one (see `compare_cells`). Choose a cell by mouse or arrow keys, or set
    `.chosen` to [row, column]: its seeds stand beside the best cell's. `.table`, `.students` (in the order of
    `recipes`) and `.history` (all records) can be read at any time; `.run()` does the whole sweep at once.
    """

    _esm = source("common.js", "live.js", "sweep.js")
    _css = source("common.css", "live.css", "sweep.css")

    rows = t.Unicode().tag(sync=True)
    columns = t.Unicode().tag(sync=True)
    row_values = t.List().tag(sync=True)
    column_values = t.List().tag(sync=True)
    seeds = t.List().tag(sync=True)
    chosen = t.List([0, 0]).tag(sync=True)
    validation_images = t.Int().tag(sync=True)
    _cells = t.Dict().tag(sync=True)  # what the map is drawn from; empty before the first evaluation

    def __init__(self, students, train, validation, recipes, *, rows="temperature", columns="alpha",
                 evaluate_every=25, speed=0.0):  # fmt: skip
        students, recipes = list(students), list(recipes)
        if not recipes or len(students) != len(recipes):
            raise ValueError(
                f"a sweep needs one recipe for each student: {len(students)} and {len(recipes)} were given"
            )
        for recipe in recipes:
            if not all(hasattr(recipe, name) for name in (*AXES, "seed", "steps", "batch_size")):
                raise ValueError(f"each of recipes must be a Recipe, not a {type(recipe).__name__}")
        if len(train) not in (2, 3) or len(validation) < 2:
            raise ValueError("train must be (inputs, labels, teacher_logits), and validation (inputs, labels)")
        row_values, column_values, seeds, self._places = _arrange(recipes, rows, columns)
        self.recipes = recipes
        self._untrained = copy.deepcopy(students)
        self._train, self._validation, self._evaluate_every = train, tuple(validation[:2]), evaluate_every
        super().__init__(
            speed=float(speed), rows=rows, columns=columns, row_values=row_values, column_values=column_values,
            seeds=seeds, steps=recipes[0].steps, validation_images=len(validation[1]),
        )  # fmt: skip
        self._prepare()

    def _prepare(self):
        self.students = copy.deepcopy(self._untrained)
        self.history, self._accuracy, self._shown, self._limits = [], None, None, None
        self._cells = {}

    @t.validate("chosen")
    def _check_chosen(self, proposal):
        place, size = proposal["value"], (len(self.row_values), len(self.column_values))
        if len(place) != 2 or not all(0 <= i < most for i, most in zip(place, size, strict=True)):
            raise ValueError(f"chosen is [row, column] in a map of {size[0]} x {size[1]} cells, not {place}")
        return [int(i) for i in place]

    # --- the run

    def begin(self):
        """A new sweep, from the weights that the students had when they were given."""
        from kdlab import sweeps

        if self.history:
            self._prepare()
        inputs, labels, *teacher_logits = self._train
        return sweeps.train(
            self.students,
            inputs,
            labels,
            *teacher_logits,
            recipes=self.recipes,
            validation=self._validation,
            evaluate_every=self._evaluate_every,
        )

    def on_record(self, record):
        """Keep the record, and the accuracies if it has some."""
        self.history.append(record)
        if "accuracy" in record:
            self._accuracy = np.array(record["accuracy"])[self._places]
        super().on_record(record)

    def on_reset(self):
        """Reset brings the untrained students back."""
        self._prepare()

    # --- pictures

    def flush(self):
        """Progress, and the map if there is a new one."""
        self.done = len(self.history)
        if self._accuracy is None or self._accuracy is self._shown:
            return
        self._shown = self._accuracy
        found = compare_cells(self._accuracy)
        self._limits = colour_limits(found["mean"], self._limits)
        self._cells = {
            "values": self._accuracy.round(5).tolist(),
            "mean": found["mean"].round(6).tolist(),
            "sd": found["sd"].round(6).tolist() if len(self.seeds) > 1 else None,
            "best": list(found["best"]),
            "alike": found["alike"].tolist(),
            "reach": student_t(len(self.seeds)) if len(self.seeds) > 1 else None,
            "limits": self._limits,
        }

    @property
    def table(self):
        """The present map: {"accuracy": (rows, columns, seeds), "mean", "sd", "alike": (rows, columns), "best"}.

        "best" holds the settings of the best cell; None before the first evaluation.
        """
        if self._accuracy is None:
            return None
        found = compare_cells(self._accuracy)
        row, column = found["best"]
        best = {self.rows: self.row_values[row], self.columns: self.column_values[column]}
        return {"accuracy": self._accuracy.copy(), **found, "best": best}

    def figure(self):
        """The map, and the seeds of the chosen cell beside those of the best."""
        from kdlab import plots

        return plots.sweep_panel(
            self._accuracy if self._accuracy is None else {**compare_cells(self._accuracy), "values": self._accuracy},
            self._limits,
            (self.rows, self.row_values),
            (self.columns, self.column_values),
            chosen=self.chosen,
            step=len(self.history),
        )
