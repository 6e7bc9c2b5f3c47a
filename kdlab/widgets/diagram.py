"""DiagramPanel: distillation as one picture, from the image to the gradient, of a student that can learn in it."""

import copy
from dataclasses import replace

import numpy as np
import traitlets as t

from kdlab.widgets.base import Temperature, check_classes, soft_targets, source, to_numpy
from kdlab.widgets.driver import usual_torch
from kdlab.widgets.live import LivePanel

SLIDERS = ("temperature", "alpha")


class DiagramPanel(LivePanel):
    """A picture goes into teacher and student; their answers, the label, both losses and the gradient stand beside it.

    student, teacher   models of flat images; the panel trains a copy, `.student`, and leaves the given one alone
    images, labels     uint8 (n, 28, 28) pictures to choose from, and their classes (n,)
    train              (inputs, labels, teacher_logits) to learn from, or a function that gives them when learning
                       begins; None for a student that stays as it is
    recipe             a kdlab.training.Recipe; temperature and alpha may move at any time
    sliders            which of "temperature" and "alpha" the reader can move
    formulas           whether its words say how the losses are computed, or plainly what they are

    `.losses` says what the picture says: the hard loss, the soft loss with its T², and their weighted sum.
    """

    _esm = source("common.js", "live.js", "diagram.js")
    _css = source("common.css", "live.css", "diagram.css")

    temperature = Temperature(4.0).tag(sync=True)
    alpha = t.Float(0.1, min=0.0, max=1.0).tag(sync=True)
    selected = t.Int(0).tag(sync=True)
    learns = t.Bool(False).tag(sync=True)
    sliders = t.List().tag(sync=True)
    formulas = t.Bool(True).tag(sync=True)
    labels = t.List().tag(sync=True)
    weights = t.Dict().tag(sync=True)
    _teacher = t.List().tag(sync=True)
    _said = t.Bytes(b"").tag(sync=True)  # float32 logits (n, classes) of the student as it is now
    _images = t.Bytes().tag(sync=True)

    @usual_torch()
    def __init__(self, student, teacher, images, labels, *, train=None, recipe=None, sliders=SLIDERS,
                 formulas=True, speed=25.0):  # fmt: skip
        from kdlab.metrics import count_parameters
        from kdlab.models import to_inputs
        from kdlab.teachers import predict_logits
        from kdlab.training import Recipe

        if unknown := set(sliders) - set(SLIDERS):
            raise ValueError(f"the sliders are temperature and alpha, not {', '.join(sorted(unknown))}")
        self._recipe, self._train, self._untrained = recipe or Recipe(), train, copy.deepcopy(student)
        self._pictures = to_numpy(images, np.uint8).reshape(-1, 28, 28)
        self._inputs = to_inputs(self._pictures)
        teacher_logits = to_numpy(predict_logits(teacher, self._inputs))
        self.prepare()
        super().__init__(
            temperature=self._recipe.temperature, alpha=self._recipe.alpha, speed=float(speed),
            learns=train is not None, sliders=list(sliders), formulas=formulas, _images=self._pictures.tobytes(),
            labels=check_classes(labels, *teacher_logits.shape).tolist(), _teacher=teacher_logits.tolist(),
            weights={"teacher": count_parameters(teacher), "student": count_parameters(student)},
        )  # fmt: skip
        self.show()

    def prepare(self):
        """A fresh student, and a run that has not begun."""
        self.student, self._running, self._count = copy.deepcopy(self._untrained), None, 0

    # --- the run

    def begin(self):
        """A new run of a fresh student, with the temperature and the alpha of now."""
        from kdlab.training import train

        if self._train is None:
            raise ValueError(
                "this student stays as it is: to let it learn, give the panel train=(inputs, labels, logits)"
            )
        if callable(self._train):
            self._train = self._train()
        self.prepare()
        self._running = replace(self._recipe, changes={}, temperature=self.temperature, alpha=self.alpha)
        self._in_effect = self._settings()
        return train(self.student, *self._train, recipe=self._running)

    def _settings(self):
        return {name: getattr(self, name) for name in SLIDERS}

    def before_step(self):
        """Give the run what the sliders say."""
        if self._settings() != self._in_effect and self._count < self._running.steps:
            self._in_effect = self._settings()
            self._running.change(self._count, **self._in_effect)

    def on_record(self, record):
        """Count the step."""
        self._count += 1
        super().on_record(record)

    def on_reset(self):
        """Reset makes the student fresh again."""
        self.prepare()

    # --- pictures

    def flush(self):
        """What the student says of the pictures now."""
        from kdlab.teachers import predict_logits

        self.done, self.steps = self._count, self._recipe.steps
        self._said = to_numpy(predict_logits(self.student, self._inputs), np.float32).tobytes()

    @property
    def logits(self):
        """{"teacher", "student"} (classes,): what both say of the chosen picture in the present picture."""
        said = np.frombuffer(self._said, np.float32).reshape(np.shape(self._teacher))
        return {"teacher": np.array(self._teacher[self.selected], np.float32), "student": said[self.selected]}

    @property
    @usual_torch()
    def losses(self):
        """{"hard", "soft", "total"} of the chosen picture, computed by kdlab.losses; the soft loss with its factor T²."""
        import torch

        from kdlab.losses import cross_entropy, distillation_loss, kl_divergence

        teacher, student = (torch.tensor(self.logits[who])[None] for who in ("teacher", "student"))
        label, temperature = torch.tensor([self.labels[self.selected]]), self.temperature
        return {
            "hard": cross_entropy(student, label).item(),
            "soft": temperature**2 * kl_divergence(student, teacher, temperature=temperature).item(),
            "total": distillation_loss(student, teacher, label, temperature=temperature, alpha=self.alpha).item(),
        }

    def figure(self):
        """The whole picture as it is now."""
        from kdlab import plots

        soft = {who: soft_targets(logits, self.temperature) for who, logits in self.logits.items()}
        return plots.diagram(
            self._pictures[self.selected], self.labels[self.selected], soft, self.losses,
            temperature=self.temperature, alpha=self.alpha,
        )  # fmt: skip
