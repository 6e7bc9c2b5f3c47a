"""LookPanel: where a teacher looks in a cluttered picture, and where two students look while they learn."""

import copy

import numpy as np
import traitlets as t

from kdlab.widgets.base import source
from kdlab.widgets.live import LivePanel, thin

WHO = ("teacher", "distilled", "hard")  # the names of their styles; "hard" hears labels alone
USUAL_WEIGHT = {"attention": 40.0, "hint": 16.0, "logits": 1.0}
LEAST, MOST = 0.01, 10_000.0


class LookPanel(LivePanel):
    """Two students with the same start learn from the same labels; one imitates the teacher, too, while you watch.

    make_student  make_student() -> a ConvNet
    teacher       a ConvNet whose last maps have as many places
    train         (inputs (N, 784), labels (N,)) to learn from
    validation    (inputs, labels, boxes bool (M, 28, 28)): what both curves are measured on
    show          how many pictures of the validation set can be chosen
    recipe        steps, batch size, learning rate and seed, of both

    `imitate` ("attention", "hint" or "logits") and `weight` may change while it runs: the next step takes them.
    `.students` and `.history` are {"distilled": ..., "hard": ...}.
    """

    _esm = source("common.js", "live.js", "look.js")
    _css = source("common.css", "live.css", "look.css")

    picture = t.Int(0).tag(sync=True)
    imitate = t.Enum(list(USUAL_WEIGHT), "hint").tag(sync=True)
    weight = t.Float(USUAL_WEIGHT["hint"], min=0.0).tag(sync=True)
    _parts = t.List(list(USUAL_WEIGHT)).tag(sync=True)
    _limits = t.List([LEAST, MOST]).tag(sync=True)
    _pictures = t.Bytes().tag(sync=True)
    _labels = t.List().tag(sync=True)
    _corners = t.List().tag(sync=True)  # of each picture's box: top, left, side
    _teacher = t.Dict().tag(sync=True)  # {"accuracy", "share"}
    _maps = t.Dict().tag(sync=True)  # {who: [attention, row by row, the largest is 1]} for the chosen picture
    _side = t.Int(7).tag(sync=True)  # places of a map, in a row
    _seen = t.Dict().tag(sync=True)  # {who: [answer, share in the box]} for the chosen picture
    _curves = t.Dict().tag(sync=True)  # {"steps": [...], "accuracy": {who: [...]}, "share": {who: [...]}}

    def __init__(self, make_student, teacher, train, validation, *, recipe, show=10, **state):
        from kdlab.data import corner_of
        from kdlab.features import teacher_cache
        from kdlab.models import to_inputs

        inputs, labels, boxes = validation
        if not 1 <= show <= len(inputs) or len(labels) != len(inputs) or len(boxes) != len(inputs):
            raise ValueError(f"validation must be {show} or more inputs, each with a label and a box")
        self._make_student, self._model, self.recipe = make_student, teacher, copy.deepcopy(recipe)
        self._train, self._validation = train, validation
        self._cache = teacher_cache(teacher, train[0])
        pixels = (inputs[:show] * 255).round().byte()
        self._shown, self._truths = to_inputs(pixels.reshape(show, 28, 28)), labels[:show].tolist()
        self._boxes = boxes
        self.students, self.history = {}, {}
        self._weights = {}
        super().__init__(
            _pictures=pixels.numpy().tobytes(), _labels=self._truths, _teacher=self._measure(teacher),
            _corners=[corner_of(box) for box in boxes[:show].numpy()], steps=recipe.steps, **state,
        )  # fmt: skip
        self._clear()
        self.observe(lambda _: self._driver.request("picture"), "picture")
        self.observe(lambda _: self._driver.request("imitate"), "imitate")
        self.observe(lambda _: self._driver.request("weight"), "weight")
        self.show()

    @t.validate("picture")
    def _check_picture(self, proposal):
        if not 0 <= proposal["value"] < len(self._truths):
            raise t.TraitError(f"the pictures are 0 to {len(self._truths) - 1}, not {proposal['value']}")
        return proposal["value"]

    def _measure(self, model):
        """{"accuracy", "share"} on the validation pictures."""
        from kdlab.features import last_maps, share_inside
        from kdlab.metrics import accuracy
        from kdlab.teachers import predict_logits

        inputs, labels, boxes = self._validation
        return {
            "accuracy": accuracy(predict_logits(model, inputs), labels),
            "share": share_inside(last_maps(model, inputs), boxes),
        }

    # --- the run

    def begin(self):
        """Two new students of one start; the weights of the imitating one are read at every step."""
        from kdlab.features import train_student

        self._clear()
        student = self._make_student()
        self.students = {who: copy.deepcopy(student) for who in WHO[1:]}
        self.history = {who: [] for who in WHO[1:]}
        self._weights = {"labels": 1.0, self.imitate: self.weight}
        weights = {"distilled": self._weights, "hard": {"labels": 1.0}}
        options = {"recipe": self.recipe, "evaluate": self._measure, "evaluate_every": max(1, self.recipe.steps // 16)}
        runs = [
            train_student(model, *self._train, self._cache, weights=weights[who], **options)
            for who, model in self.students.items()
        ]
        return self._records(runs)

    @staticmethod
    def _records(runs):
        try:
            for ours, theirs in zip(*runs, strict=True):
                yield {"distilled": ours, "hard": theirs}
        finally:
            for run in runs:
                run.close()

    def on_record(self, record):
        """Keep what both gave."""
        for who, own in record.items():
            self.history[who].append(own)
        super().on_record(record)

    def on_request(self, name, value):
        """A picture, a part or a weight was chosen; a newly chosen part comes with its usual weight."""
        if name == "imitate":
            self.weight = USUAL_WEIGHT[self.imitate]
        if name in ("imitate", "weight") and self._weights:
            self._weights.clear()
            self._weights.update({"labels": 1.0, self.imitate: self.weight})
        self.show()

    def on_reset(self):
        """Reset shows the beginning again."""
        self._clear()

    def _clear(self):
        student = self._make_student()
        self.students, self.history, self._weights = dict.fromkeys(WHO[1:], student), {}, {}

    # --- pictures

    def flush(self):
        """The maps of the chosen picture, the answers, and the curves."""
        maps, seen = {}, {}
        for who, model in {"teacher": self._model, **self.students}.items():
            maps[who], seen[who] = self._look(model)
        self._side = int(len(maps["teacher"]) ** 0.5)
        self._maps, self._seen = maps, seen
        measured = {who: [r for r in records if "share" in r] for who, records in self.history.items()}
        curves = {"steps": thin([r["step"] + 1 for r in measured.get("hard", [])])}
        for name in ("accuracy", "share"):
            curves[name] = {who: thin([round(r[name], 4) for r in rows]) for who, rows in measured.items()}
        self._curves = curves
        self.done = len(self.history.get("hard", []))

    def _look(self, model):
        """(attention, row by row; [answer, share in the box]) of a model for the chosen picture."""
        from kdlab.features import attention, share_inside
        from kdlab.models import evaluating

        i = self.picture
        with evaluating(model):
            seen = model(self._shown[i : i + 1], details=True)
        found = attention(seen["maps"][-1])[0]
        share = share_inside(seen["maps"][-1], self._boxes[i : i + 1])
        shades = (found / found.max().clamp(min=1e-12)).flatten().numpy()
        return np.round(shades, 3).tolist(), [int(seen["logits"].argmax()), round(share, 3)]

    def figure(self):
        """The chosen picture and three maps of it, and both curves."""
        from kdlab import plots

        pixels = np.frombuffer(self._pictures, np.uint8).reshape(-1, 28, 28)[self.picture]
        return plots.look_panel(
            pixels, self._corners[self.picture], self._maps, self._seen, self._curves, self._teacher,
            truth=self._truths[self.picture], imitate=self.imitate, weight=self.weight, steps=self.steps,
        )  # fmt: skip
