"""SqueezePanel: fewer weights, low rank, few bits: where that puts a network between bytes and errors, and mending it."""

from contextlib import closing

import numpy as np
import traitlets as t

from kdlab.widgets.base import source, to_numpy
from kdlab.widgets.driver import PAUSED, RUNNING, usual_torch
from kdlab.widgets.live import LivePanel

RANKS = (None, 64, 32, 16, 8, 4)
BITS = (32, 8, 4, 3, 2, "ternary")
MOST_ZEROS = 98  # percent
PACE = 6.0  # stops a second on the tour
HOLD = 5  # steps that the tour stays at a stop, so that a request is heard soon
SHOWN = 15  # pictures with another answer
TRAIL = 200
SETTINGS = ("zeros", "rank", "bits")
AS_IT_WAS = (0, None, 32)
TOUR = [
    *((0, None, bits) for bits in BITS),
    *((0, rank, 32) for rank in RANKS),
    *((zeros, None, 4) for zeros in (0, 50, 70, 80, 90, 95, 98)),
]


class SqueezePanel(LivePanel):
    """A trained network, D, made smaller: its bytes and its errors as a point that follows three sliders.

    network     D, a kdlab.models.MLP or ConvNet
    train       (inputs, labels, D's logits): what it is mended with; low rank is closest on these inputs
    validation  (inputs, labels): what errors and changed answers are counted on
    images      uint8 (N, 28, 28): the pictures of `validation`
    recipes     {"soft answers": Recipe, "labels": Recipe} of mending
    goal        {"errors": at most, "bytes": less than}, or None
    recorded    {name: (bytes, errors)}: other points, in grey

    `zeros` (percent, 0 to 98), `rank` (None or a number) and `bits` (32 to 2, or "ternary") may change at any time. First
    come the low-rank factors, then the pruning (of the factors, where there are any), then the bits; with 32 bits
    and with "ternary", `pack` writes zeros like any other weight. `run()` goes on a tour; `mend("labels")` trains
    what the sliders say. `.network`, `.point` (bytes, errors, and changed answers) and `.trail` can be read.
    """

    _esm = source("common.js", "live.js", "squeeze.js")
    _css = source("common.css", "live.css", "squeeze.css")

    zeros = t.Int(0, min=0, max=MOST_ZEROS).tag(sync=True)
    rank = t.Enum(list(RANKS), None, allow_none=True).tag(sync=True)
    bits = t.Enum(list(BITS), 32).tag(sync=True)
    point = t.Dict().tag(sync=True)
    trail = t.List().tag(sync=True)  # [bytes, errors, how], how: "", "soft answers" or "labels"
    goal = t.Dict(allow_none=True, default_value=None).tag(sync=True)
    reached = t.Bool(False).tag(sync=True)
    _first = t.Dict().tag(sync=True)  # D's own point
    _recorded = t.List().tag(sync=True)
    _of = t.Int().tag(sync=True)
    _steps = t.Int().tag(sync=True)
    _ranks = t.List().tag(sync=True)
    _bits = t.List().tag(sync=True)
    _flips = t.List().tag(sync=True)  # [D's answer, the new one, the label] of the pictures that are shown
    _pictures = t.Bytes().tag(sync=True)

    @usual_torch()
    def __init__(self, network, train, validation, images, *, recipes=None, goal=None, recorded=None, **state):
        from kdlab.compression import plain
        from kdlab.teachers import predict_logits
        from kdlab.training import Recipe

        usual = {"steps": 300, "batch_size": 64}
        self.recipes = recipes or {
            "soft answers": Recipe(temperature=4, alpha=0, learning_rate=4e-3, **usual),
            "labels": Recipe(temperature=1, alpha=1, learning_rate=1e-3, **usual),
        }
        if set(self.recipes) != {"soft answers", "labels"}:
            raise ValueError(f'recipes must be {{"soft answers": ..., "labels": ...}}, not {list(self.recipes)}')
        if goal is not None and set(goal) != {"errors", "bytes"}:
            raise ValueError(f'a goal is {{"errors": at most, "bytes": less than}}, not {goal}')
        images = to_numpy(images, np.uint8).reshape(-1, 28, 28)
        if len(images) != len(validation[1]):
            raise ValueError(f"{len(images)} images, but {len(validation[1])} validation labels: each has its picture")
        self._d, self._train, self._validation, self._images = plain(network), train, validation, images
        self._said = predict_logits(self._d, validation[0]).argmax(-1)
        self._factors, self._thin, self._at, self._next, self._mending = None, {None: self._d}, None, None, ""
        super().__init__(
            goal=goal, _recorded=[[str(name), *map(float, at)] for name, at in (recorded or {}).items()],
            _of=len(images), _steps=self.recipes["soft answers"].steps, _ranks=list(RANKS), _bits=list(BITS), **state,
        )  # fmt: skip
        self._trail, self._found, self._pixels, self._count = [], [], b"", 0
        self.network = self._d
        self._first = self._measure(self._d)
        self._squeeze()
        self.show()
        self.observe(lambda _: self._driver.request("squeeze"), SETTINGS)

    # --- the network of the sliders

    def _settings(self):
        return self.zeros, self.rank, self.bits

    def _made(self):
        """D as the sliders say: factorised, then pruned, then with few bits."""
        from kdlab.compression import plain, prune, quantise
        from kdlab.compression.weights import full_rank, thin

        zeros, rank, bits = self._settings()
        if rank not in self._thin:
            self._factors = self._factors or full_rank(self._d, self._train[0])
            self._thin[rank] = thin(self._d, rank, self._factors)
        network = self._thin[rank]
        network = prune(network, zeros / 100) if zeros else plain(network)  # not the kept one: it is mended
        return network if bits == 32 else quantise(network, bits)

    def _measure(self, network):
        """Bytes, errors, and the answers that are not D's; of the first of them the pictures."""
        from kdlab.compression import pack, plain
        from kdlab.teachers import predict_logits

        truth = self._validation[1]
        answers = predict_logits(plain(network), self._validation[0]).argmax(-1)
        right, was_right, other = answers == truth, self._said == truth, answers != self._said
        places = other.nonzero().flatten()[:SHOWN].tolist()
        self._found = [[int(self._said[i]), int(answers[i]), int(truth[i])] for i in places]
        self._pixels = self._images[places].tobytes()
        return {
            "bytes": len(pack(network)),
            "errors": int((~right).sum()),
            "changed": int(other.sum()),
            "worse": int((was_right & ~right).sum()),
            "better": int((~was_right & right).sum()),
        }

    def _squeeze(self):
        self._at, self._mending = self._settings(), ""
        self.network = self._made()
        self._move(self._measure(self.network), "")

    def _move(self, point, how, again=False):
        """The point is here now; while it is mended, its last place is replaced."""
        self._now = {**point, "how": how}
        self._trail = [*(self._trail[:-1] if again else self._trail), [point["bytes"], point["errors"], how]][-TRAIL:]
        if self.goal and point["errors"] <= self.goal["errors"] and point["bytes"] < self.goal["bytes"]:
            self.reached = True

    # --- the run: a tour, or mending

    def mend(self, targets="soft answers"):
        """Train what the sliders say, from its beginning, with D's "soft answers" or with "labels"."""
        if targets not in self.recipes:
            raise ValueError(f'mend with "soft answers" or "labels", not {targets!r}')
        self._driver.request("mend", targets)

    def begin(self):
        """What was asked for last: mending, or else the tour."""
        targets, self._next = self._next, None
        self._driver.speed = 0 if targets else PACE * HOLD
        return self._mend(targets) if targets else self._tour()

    def _tour(self):
        self.steps = HOLD * len(TOUR)
        for stop, settings in enumerate(TOUR):
            with self.hold_sync():
                for name, value in zip(SETTINGS, settings, strict=True):
                    setattr(self, name, value)
                self._squeeze()
                self.show()
            for step in range(HOLD * stop, HOLD * (stop + 1)):
                yield {"step": step}

    def _mend(self, targets):
        from kdlab.training import train

        recipe, (inputs, labels, logits) = self.recipes[targets], self._train
        self._squeeze()
        self.steps, self._mending = recipe.steps, targets
        every = max(1, recipe.steps // 10)
        heard = logits if targets == "soft answers" else None
        with closing(train(self.network, inputs, labels, heard, recipe=recipe)) as run:
            for record in run:
                step = record["step"] + 1
                if step % every == 0 or step == recipe.steps:
                    self._move(self._measure(self.network), targets, again=step > every)
                yield record

    def on_record(self, record):
        """Count the step."""
        self._count = record["step"] + 1
        super().on_record(record)

    def on_request(self, name, value):
        """A slider has moved, something is to be mended, or the trail to be forgotten."""
        if name == "squeeze" and self._settings() != self._at:
            if self._driver.state in (RUNNING, PAUSED):
                self._driver.request("stop")
            self._squeeze()
            self.show()
        elif name == "mend":
            self._driver.request("stop")
            self._next = value
            self._driver.request("start")
        elif name == "forget":
            self._trail = self._trail[-1:]
            self.show()

    def on_reset(self):
        """Reset gives D as it was, and forgets the trail."""
        with self.hold_sync():
            for name, value in zip(SETTINGS, AS_IT_WAS, strict=True):
                setattr(self, name, value)
        self._trail, self.reached, self._count = [], False, 0
        self._squeeze()

    # --- pictures

    def flush(self):
        """The point, its trail, and the pictures whose answer is another one."""
        self.done = self._count
        self.point, self.trail, self._flips, self._pictures = self._now, self._trail, self._found, self._pixels

    def figure(self):
        """Errors against bytes, and some pictures whose answer is another one."""
        from kdlab import plots

        pictures = np.frombuffer(self._pixels, np.uint8).reshape(-1, 28, 28)
        return plots.squeeze_panel(
            self.point, self.trail, self._first, self._recorded, self.goal, list(zip(pictures, self._flips, strict=True)),
            settings=self._settings(), count=self._of,
        )  # fmt: skip
