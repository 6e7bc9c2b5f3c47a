"""WalkPanel: two students learn to walk on a grid, one on given walks, one on its own, and walk the same prompts."""

import copy
import time

import traitlets as t

from kdlab.widgets.base import source
from kdlab.widgets.driver import usual_torch
from kdlab.widgets.live import LivePanel, thin

ARMS = ("own", "given")
ON_POLICY = {"own": 1.0, "given": 0.0}
WALKING = 0.25  # seconds between two looks at the walks, at least
TESTED = 300  # prompts behind the curves


class WalkPanel(LivePanel):
    """Two copies of a student train in lock-step, one on its own walks, one on given ones; both walk the same prompts.

    student    a models.LanguageModel for kdlab.walks, trained a little; it is copied, and stays as it is
    walks      the given walks, int64 (N, 24); the student's own begin with their prompts
    recipes    {"own": Recipe, "given": Recipe}: equal steps, for each the rate that suits it
    shown      so many prompts are walked in view; **Other prompts** draws new ones

    `.students`, `.history` and `.walked()` can be read at any time. `run()` does it all at once.
    """

    _esm = source("common.js", "live.js", "walk.js")
    _css = source("common.css", "live.css", "walk.css")

    curves = t.Dict().tag(sync=True)
    _prompts = t.List().tag(sync=True)  # [[start column, start row, goal column, goal row], ...]
    _walks = t.Dict().tag(sync=True)  # {arm: [[moves, which of them are wrong, whether it arrived], ...]}
    _size = t.Int().tag(sync=True)
    _tested = t.Int(TESTED).tag(sync=True)

    @usual_torch()
    def __init__(self, student, walks, recipes, *, shown=4, evaluate_every=20, speed=0.0, seed=0):
        import torch

        from kdlab.walks import SIZE

        if set(recipes) != set(ARMS) or len({recipe.steps for recipe in recipes.values()}) != 1:
            raise ValueError('recipes must be {"own": Recipe, "given": Recipe} with the same number of steps')
        self._start, self._given, self._recipes = copy.deepcopy(student), walks, dict(recipes)
        self._evaluate_every, self._drawn = evaluate_every, torch.Generator().manual_seed(seed)
        self._shown, self._next_walks = shown, 0.0
        super().__init__(speed=float(speed), steps=recipes["own"].steps, _size=SIZE)
        self._prepare()
        self._draw_prompts()
        self.show()

    def _prepare(self):
        self.students = {arm: copy.deepcopy(self._start) for arm in ARMS}
        self.history, self._points, self._next_walks = [], [], 0.0
        self._keep({arm: self._evaluate(self.students[arm]) for arm in ARMS}, 0)

    def _keep(self, measured, step):
        self._points.append([step, *(round(measured[arm]["arrived"], 4) for arm in ARMS)])

    def _draw_prompts(self):
        from kdlab.walks import FIRST, prompts

        self._asked = prompts(self._shown, self._drawn)
        self._prompts = (self._asked - FIRST).tolist()
        self._next_walks = 0.0

    # --- the run

    def begin(self):
        """A new run of both."""
        from kdlab.walks import train_walker

        if self.history:
            self._prepare()
        runs = {
            arm: train_walker(
                self.students[arm], self._given, recipe=self._recipes[arm], on_policy=ON_POLICY[arm],
                evaluate=self._evaluate, evaluate_every=self._evaluate_every,
            )
            for arm in ARMS
        }  # fmt: skip
        return _in_lock_step(runs)

    def _evaluate(self, student):
        import torch

        from kdlab.generation import generate
        from kdlab.walks import LONGEST, arrived, prompts

        generator = torch.Generator().manual_seed(1)
        ids = generate(student, prompts(TESTED, generator), LONGEST, generator=generator)
        return {"arrived": arrived(ids).float().mean().item()}

    def on_record(self, record):
        """Keep the record, and a point of the curves where there is one."""
        self.history.append(record)
        if "arrived" in record["own"]:
            self._keep(record, record["step"] + 1)
        super().on_record(record)

    def on_reset(self):
        """Reset goes back to the start."""
        self._prepare()

    def on_state(self, state, message):
        """The last picture of a run is complete."""
        self._next_walks = 0.0
        super().on_state(state, message)

    def on_request(self, name, value):
        """Other prompts are to be walked."""
        if name == "others":
            self._draw_prompts()
            self.show()

    # --- pictures

    def walked(self):
        """{arm: walks int64 (shown, 24)}: how both students walk the prompts in view now, always by the same draws."""
        import torch

        from kdlab.generation import generate
        from kdlab.walks import LONGEST

        return {
            arm: generate(self.students[arm], self._asked, LONGEST, generator=torch.Generator().manual_seed(2))
            for arm in ARMS
        }

    @usual_torch()
    def flush(self):
        """The curves, and, not at every picture, the walks."""
        self.done = len(self.history)
        self.curves = dict(zip(("steps", *ARMS), map(list, zip(*thin(self._points), strict=True)), strict=True))
        if time.monotonic() >= self._next_walks:
            self._walks = {arm: _as_drawn(ids) for arm, ids in self.walked().items()}
            self._next_walks = time.monotonic() + WALKING

    def figure(self):
        """The curves, and the walks of both students."""
        from kdlab import plots

        return plots.walk_panel(self.curves, self._prompts, self._walks, steps=self.steps, size=self._size)


def _in_lock_step(runs):
    try:
        for records in zip(*runs.values(), strict=True):
            yield {"step": records[0]["step"], **dict(zip(runs, records, strict=True))}
    finally:
        for run in runs.values():
            run.close()


def _as_drawn(ids):
    """[[moves, which are wrong turns, whether it arrived]] of walks; what is no move ends the drawing."""
    from kdlab.walks import END, PROMPT, arrived, counts, wrong_turns

    rows = []
    for row, own, wrong, there in zip(ids, counts(ids), wrong_turns(ids), arrived(ids), strict=True):
        moves = row[PROMPT:][own[PROMPT:]].tolist()
        stop = next((n for n, token in enumerate(moves) if token >= END), len(moves))
        rows.append([moves[:stop], wrong[PROMPT:].tolist()[:stop], bool(there)])
    return rows
