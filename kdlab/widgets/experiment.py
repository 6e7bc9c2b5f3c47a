"""ExperimentPanel: set the controls, watch several arms learn side by side, and collect what came out of each run."""

import math
import time
from dataclasses import dataclass
from numbers import Real

import traitlets as t

from kdlab.widgets.base import source
from kdlab.widgets.driver import PAUSED, usual_torch
from kdlab.widgets.live import LivePanel, thin

REST, HELD = 0.3, 3.0  # seconds that a control must rest, free or held by the mouse, before a run begins again

# How an arm is drawn. Colour is never the only sign: dash and marker differ too ("ring" and "star" are hollow).
STYLES = [
    {"color": "blue", "dash": "", "marker": "disc"},
    {"color": "green", "dash": "10 3", "marker": "triangle"},
    {"color": "pink", "dash": "3 3", "marker": "diamond"},
    {"color": "gray", "dash": "9 3 2 3", "marker": "square"},
    {"color": "red", "dash": "7 4", "marker": "ring"},
    {"color": "text", "dash": "12 3 2 3 2 3", "marker": "cross"},
]
USUAL = {
    "distilled": STYLES[0], "probabilities": STYLES[0], "teacher's argmax": STYLES[3], "hard labels": STYLES[4],
    "text only": STYLES[4],
}  # fmt: skip


@dataclass
class Control:
    """A setting that the reader chooses, one of `values` (numbers or words): a slider with stops, or a menu.

    `value` is the one at the beginning (the first, if left out), `names` are words for the stops.
    """

    name: str
    label: str
    values: list
    value: object = None
    kind: str = "slider"
    names: list[str] | None = None

    def __post_init__(self):
        self.values = list(self.values)
        if self.value is None and None not in self.values:
            self.value = self.values[0] if self.values else None
        if self.names is None:
            self.names = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in self.values]
        if not self.name.isidentifier() or self.name == "seed":
            raise ValueError(f"a control's name becomes an argument of make_runs (not seed): {self.name!r} cannot")
        if self.kind not in ("slider", "menu"):
            raise ValueError(f"the kind of a control is slider or menu, not {self.kind!r}")
        if len(self.values) < 2 or len(self.names) != len(self.values):
            raise ValueError(f"{self.name} needs at least two values and a name for each")
        self.index(self.value)

    def index(self, value):
        """Which of the stops this value is; ValueError if it is none of them."""
        if value not in self.values:
            raise ValueError(f"{self.name} is one of {', '.join(map(str, self.values))}, not {value!r}")
        return self.values.index(value)


def _measures(measures):
    """{name: (title, (low, high)[, unit[, "log"]])} as the view wants it; without a unit, 0 to 1 is in %."""
    found = {}
    for name, (title, (low, high), *others) in measures.items():
        if not low < high:
            raise ValueError(f"{name} needs a range (low, high), not {(low, high)}")
        unit, log = others[0] if others else "%" if 0 <= low and high <= 1 else "", others[1:] == ["log"]
        if others[1:] not in ([], ["log"]) or (log and low <= 0):
            raise ValueError(f'after its unit a measure may have "log", and then a range above 0: {name} has {others}')
        found[name] = {"title": title, "range": [low, high], "unit": unit, "log": log}
    if not found:
        raise ValueError("at least one measure is needed: a key of the records")
    return found


def _checked_runs(runs):
    """What make_runs returned, if it is {arm: (student, iterator of records)}; else a ValueError that says so."""
    wanted = 'make_runs must return {"name of the arm": (student, iterator of records), ...}'
    if not isinstance(runs, dict) or not runs:
        raise ValueError(f"{wanted}, not {type(runs).__name__}" if runs else f"{wanted}: there is no arm in it")
    for arm, pair in runs.items():
        if not isinstance(pair, tuple) or len(pair) != 2 or not hasattr(pair[1], "__iter__"):
            raise ValueError(f"{wanted}: {arm!r} has no such pair")
    if len({id(student) for student, _ in runs.values()}) < len(runs):
        raise ValueError("two arms train one student: make a new one for each arm")
    if "settings" in runs:
        raise ValueError("'settings' cannot be the name of an arm")
    return runs


class ExperimentPanel(LivePanel):
    """An experiment in the reader's hands: set the controls, let some arms learn in lock-step, keep what comes out.

    make_runs    make_runs(**settings, seed=k) -> {"name of the arm": (student, iterator of records)}, called for every
                 run; records as from kdlab.training.train with `evaluate=`. Up to six arms.
    controls     widgets.Control's: one setting each
    measures     {key of a record: (title, (low, high))}, a unit as a third if it is not "%", and "log" as a fourth for
                 a logarithmic axis: the first is shown, a menu has the others
    against      the control on the x axis of the outcomes
    references   {"teacher": {"accuracy": 0.99}}: dotted lines; or references(**settings) -> such a dict
    steps        the length of a run, if it is known: the curves' x axis then has it from the beginning

    A finished run leaves one outcome for each arm. The first run of some settings has seed 0, the next seed 1, and so
    on. A control that is moved during a run begins it again. `.students`, `.history` and `.settings` are the latest
    run's; `.outcomes` is a list of {"settings": {...}, "hard labels": {"accuracy": ...}, ...}. `choose(name=value)`
    moves controls; `run(name=value)` does so and runs here and now. `reset` keeps the outcomes, `forget` drops them.
    """

    _esm = source("common.js", "live.js", "experiment.js")
    _css = source("common.css", "live.css", "experiment.css")

    chosen = t.List(t.Int()).tag(sync=True)  # for each control, which of its stops
    measure = t.Unicode().tag(sync=True)
    _against = t.Int().tag(sync=True)
    _controls = t.List().tag(sync=True)
    _measures = t.Dict().tag(sync=True)
    _references = t.Dict().tag(sync=True)
    _arms = t.List().tag(sync=True)  # {"name", "color", "dash", "marker"}, in the order in which they appeared
    _curves = t.Dict().tag(sync=True)  # {arm: {measure: [steps, values]}}
    _shown = t.Dict().tag(sync=True)  # {"chosen", "seed"} of the run in the picture, or {}
    _outcomes = t.List().tag(sync=True)  # {"chosen", "seed", "values": {arm: {measure: value}}}
    _held = t.Bool(False).tag(sync=True)

    @usual_torch()
    def __init__(self, make_runs, controls, measures, *, against, references=None, steps=None, speed=0.0):
        names = [control.name for control in controls]
        if against not in names or len(set(names)) < len(names):
            raise ValueError(f"`against` is the name of a control, and no name stands twice: {against!r}, {names}")
        self.controls = list(controls)
        self._make_runs, self._make_references = make_runs, references or {}
        self._given = [control.index(control.value) for control in controls]
        self._length, self._moved_at, self._runs = steps or 0, 0.0, {}
        self.outcomes, shown = [], _measures(measures)
        super().__init__(
            chosen=self._given, measure=next(iter(shown)), speed=float(speed), _against=names.index(against),
            _measures=shown,
            _controls=[{"label": c.label, "kind": c.kind, "names": c.names} for c in self.controls],
        )  # fmt: skip
        self._clear()
        self._refer()
        self.observe(lambda _: self._driver.request("controls"), "chosen")
        self.show()

    @t.validate("chosen")
    def _check_chosen(self, proposal):
        chosen = proposal["value"]
        if len(chosen) != len(self.controls) or not all(
            0 <= i < len(control.values) for i, control in zip(chosen, self.controls, strict=True)
        ):
            raise t.TraitError(f"not a stop for each control: {chosen}")
        return chosen

    @t.validate("measure")
    def _check_measure(self, proposal):
        if self._measures and proposal["value"] not in self._measures:
            raise t.TraitError(f"the measures are {', '.join(self._measures)}, not {proposal['value']!r}")
        return proposal["value"]

    # --- what Python reads and does

    def choose(self, **values):
        """Move controls: choose(labels=100). ValueError for a name or a value that there is not."""
        chosen, names = list(self.chosen), [control.name for control in self.controls]
        for name, value in values.items():
            if name not in names:
                raise ValueError(f"the controls are {', '.join(names)}, not {name}")
            chosen[names.index(name)] = self.controls[names.index(name)].index(value)
        self.chosen = chosen

    def run(self, **values):
        """Move controls if asked to, run to the end, here and now, and return the panel. Raises what the run raises."""
        self.choose(**values)
        if self._runs and self._at != self.chosen:
            self._driver.request("stop")
        return super().run()

    def forget(self):
        """Drop all outcomes: seeds begin at 0 again."""
        self._driver.request("forget")

    @property
    def settings(self):
        """The latest run's settings with its seed; before any run, those of the first."""
        at, seed = (self._at, self._seed) if self.history else (self.chosen, self._next_seed())
        return {**self._values(at), "seed": seed}

    def _values(self, chosen):
        return {control.name: control.values[i] for i, control in zip(chosen, self.controls, strict=True)}

    def _settings_in_words(self):
        words = [f"{control.label} {control.names[i]}" for control, i in zip(self.controls, self._at, strict=True)]
        return " · ".join([*words, f"seed {self._seed}"])

    def _next_seed(self):
        """The first seed that has no outcome with the chosen settings."""
        used = {outcome["seed"] for outcome in self._outcomes if outcome["chosen"] == self.chosen}
        return next(seed for seed in range(len(used) + 1) if seed not in used)

    # --- the run

    def begin(self):
        """A new run. The arms are made at its first step: by then the panel says that it is training."""
        return self._records()

    def _records(self):
        try:
            self._open()
            while records := self._advance():
                yield records
            self._keep_outcome()
        finally:
            self._close_runs()

    def _open(self):
        """Make the arms of the chosen settings, in the place of those that may be there."""
        at, seed = list(self.chosen), self._next_seed()
        runs = _checked_runs(self._make_runs(**self._values(at), seed=seed))
        arms = self._styled(runs)
        self._close_runs()
        self._at, self._seed, self._arms = at, seed, arms
        self.students = {arm: student for arm, (student, _) in runs.items()}
        self.history = {arm: [] for arm in runs}
        self._points, self._news = {arm: {name: ([], []) for name in self._measures} for arm in runs}, True
        self._runs = {arm: iter(records) for arm, (_, records) in runs.items()}

    def _styled(self, runs):
        """All arms so far with their styles, the new ones of this run at the end."""
        arms, taken = list(self._arms), {arm["color"] for arm in self._arms}
        new = [name for name in runs if name not in {arm["name"] for arm in arms}]
        usual = {name: USUAL[name] for name in new if name in USUAL and USUAL[name]["color"] not in taken}
        free = [style for style in STYLES if style["color"] not in taken and style not in usual.values()]
        for name in new:
            if name not in usual and not free:
                raise ValueError(f"more than {len(STYLES)} arms cannot be told apart: {name!r} is one too many")
            arms.append({"name": name, **(usual.get(name) or free.pop(0))})
        return arms

    def _advance(self):
        """One record of each arm that goes on: {arm: record}."""
        records = {}
        for arm, run in list(self._runs.items()):
            record = next(run, None)
            if record is None:
                del self._runs[arm]
            else:
                self._keep(arm, record)
                records[arm] = record
        return records

    def _keep(self, arm, record):
        for name, (steps, values) in self._points[arm].items():
            value = record.get(name)
            if value is not None and not isinstance(value, Real):
                raise ValueError(f"{name} of {arm!r} is no number: {value!r}")
            if value is not None and math.isfinite(value):
                steps.append(record.get("step", len(self.history[arm])) + 1)
                values.append(float(f"{value:.5g}"))
                self._news = True
        self.history[arm].append(record)

    def _keep_outcome(self):
        """The last value of each measure and arm, as a point on the right."""
        last = {arm: {m: ys[-1] for m, (_, ys) in by.items() if ys} for arm, by in self._points.items()}
        if not any(last.values()):
            raise ValueError(f"no record has {' or '.join(self._measures)}: is `evaluate` missing?")
        self.outcomes.append({"settings": self.settings, **{arm: dict(values) for arm, values in last.items()}})
        self._outcomes = [*self._outcomes, {"chosen": self._at, "seed": self._seed, "values": last}]
        self._length = self._done()  # what the next run is expected to take

    def _done(self):
        return max(map(len, self.history.values()), default=0)

    def _close_runs(self):
        runs, self._runs = self._runs, {}
        for run in runs.values():
            if hasattr(run, "close"):
                run.close()

    def _clear(self):
        """No run in the picture."""
        self.students, self.history, self._points = {}, {}, {}
        self._at, self._seed, self._news = None, 0, True

    def before_step(self):
        """Begin again where a control has been moved and now rests: a drag is one new run, not ten."""
        moved = self._runs and self._at != self.chosen
        if moved and time.monotonic() - self._moved_at >= (HELD if self._held else REST):
            self._open()

    def on_reset(self):
        """Reset puts the controls back and takes the run out of the picture; the outcomes stay."""
        self._clear()
        self.chosen = self._given

    def on_request(self, name, value):
        """A control has moved, or the outcomes are to be forgotten."""
        if name == "controls":
            self._moved_at = time.monotonic()
            self._refer()
            if self._driver.state == PAUSED and self._at != self.chosen:
                self._driver.request("stop")  # a run does not go on with other settings
        elif name == "forget":
            self.outcomes, self._outcomes = [], []

    def _refer(self):
        make = self._make_references
        self._references = make(**self._values(self.chosen)) if callable(make) else make

    # --- pictures

    def flush(self):
        """The curves, and which run they belong to."""
        self.done = self._done()
        self.steps = max(self._length, self.done) if self._length else 0
        if self._news:
            self._curves = {  # copies: a list that grows in the trait itself would not be seen to change
                arm: {name: [list(thin(steps)), list(thin(values))] for name, (steps, values) in by.items()}
                for arm, by in self._points.items()
            }
            self._news = False
        self._shown = {"chosen": self._at, "seed": self._seed} if self.history else {}

    def figure(self):
        """The curves of the latest run, and the outcomes so far, of the measure that is chosen."""
        from kdlab import plots

        control = self.controls[self._against]
        others = [i for i in range(len(self.chosen)) if i != self._against]
        outcomes = [
            {
                "stop": outcome["chosen"][self._against],
                "faint": any(outcome["chosen"][i] != self.chosen[i] for i in others),
                **{arm: values.get(self.measure) for arm, values in outcome["values"].items()},
            }
            for outcome in self._outcomes
        ]
        return plots.experiment(
            {arm["name"]: arm for arm in self._arms},
            {arm: by[self.measure] for arm, by in self._curves.items()},
            outcomes,
            references={name: by[self.measure] for name, by in self._references.items() if self.measure in by},
            steps=self.steps,
            stops=control.names,
            x_label=control.label,
            settings=self._settings_in_words() if self.history else "",
            **self._measures[self.measure],
        )
