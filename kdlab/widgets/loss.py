"""LossPanel: what label and teacher ask of each logit of a student, and what their sum does to it."""

import math

import numpy as np
import traitlets as t

from kdlab.widgets.base import Panel, Temperature, soft_targets, source, to_numpy


def pushes(student, teacher, label, temperature, alpha, squared=True):
    """Minus the gradient of the distillation loss of one image on each student logit: {"hard", "soft", "total"}.

    hard = alpha (y - q) and soft = (1 - alpha) T² (p_T - q_T) / T, each (classes,); without `squared`, no T².
    """
    student, teacher = np.asarray(student, dtype=float), np.asarray(teacher, dtype=float)
    hard = -alpha * soft_targets(student, 1.0)
    hard[label] += alpha
    scale = (1 - alpha) * (temperature if squared else 1 / temperature)
    soft = scale * (soft_targets(teacher, temperature) - soft_targets(student, temperature))
    return {"hard": hard, "soft": soft, "total": hard + soft}


def _axis_range(*logits):
    """Round limits around all logits, with room to drag."""
    low, high = min(map(np.min, logits)) - 1, max(map(np.max, logits)) + 2
    return [5.0 * math.floor(min(low, -5) / 5), 5.0 * math.ceil(max(high, 10) / 5)]


def _end_of_the_walk(student, teacher):
    """Where the teacher alone leads: pushes sum to zero, so the student keeps the mean of its logits."""
    return teacher - teacher.mean() + student.mean()


class LossPanel(Panel):
    """The two voices of the distillation loss on one image: each asks every student logit to go up or down.

    `student_logits` and `teacher_logits` are (C,), `label` a class, `image` (28, 28) uint8 or None. The reader moves
    temperature and alpha, drags logits, chooses another label, drops T², and lets the student follow the push.
    `goal` is a dict {"text", "class", "push_at_least", "alpha_at_least"}: a total push on that class reached with the
    logits and the label as given. To be read back: `.temperature`, `.alpha`, `.squared`, `.student`, `.teacher`,
    `.label`, `.pushes`, `.best`, `.reached`.
    """

    _esm = source("common.js", "loss.js")
    _css = source("common.css", "loss.css")

    student = t.List().tag(sync=True)
    teacher = t.List().tag(sync=True)
    label = t.Int(0).tag(sync=True)
    temperature = Temperature(4.0).tag(sync=True)
    alpha = t.Float(0.5).tag(sync=True)
    squared = t.Bool(True).tag(sync=True)
    classes = t.List().tag(sync=True)
    goal = t.Dict(allow_none=True, default_value=None).tag(sync=True)
    best = t.Dict(allow_none=True, default_value=None).tag(sync=True)
    reached = t.Bool(False).tag(sync=True)
    _given = t.Dict().tag(sync=True)
    _range = t.List().tag(sync=True)
    _image = t.Bytes(allow_none=True, default_value=None).tag(sync=True)

    def __init__(
        self, student_logits, teacher_logits, label, *, image=None, temperature=4.0, alpha=0.5, goal=None, classes=None
    ):
        student, teacher, label = to_numpy(student_logits), to_numpy(teacher_logits), int(label)
        if student.ndim != 1 or student.shape != teacher.shape or len(student) < 2:
            raise ValueError(f"student and teacher logits must both be (C,), not {student.shape} and {teacher.shape}")
        if not (np.isfinite(student).all() and np.isfinite(teacher).all()):
            raise ValueError("logits must be finite")
        if image is not None:
            image = to_numpy(image, np.uint8).reshape(28, 28)
        if goal is not None and goal.keys() != {"text", "class", "push_at_least", "alpha_at_least"}:
            raise ValueError(f"a goal needs text, class, push_at_least and alpha_at_least, not {sorted(goal)}")
        self._picture = image
        end = _end_of_the_walk(student, teacher)
        student, teacher = np.round(student, 4).tolist(), np.round(teacher, 4).tolist()
        super().__init__(
            student=student,
            teacher=teacher,
            label=label,
            temperature=float(temperature),
            alpha=float(alpha),
            classes=[str(name) for name in (range(len(student)) if classes is None else classes)],
            goal=goal,
            _given={"student": student, "teacher": teacher, "label": label},
            _range=_axis_range(student, teacher, end),
            _image=None if image is None else image.tobytes(),
        )

    @t.validate("alpha")
    def _check_alpha(self, proposal):
        value = proposal["value"]
        if not 0 <= value <= 1:
            raise ValueError(f"alpha must be from 0 to 1, not {value}")
        return value

    @t.validate("label")
    def _check_label(self, proposal):
        if not 0 <= proposal["value"] < len(self.student):
            raise ValueError(f"label must be a class, 0 to {len(self.student) - 1}, not {proposal['value']}")
        return proposal["value"]

    @property
    def pushes(self):
        """Minus the gradient on each student logit, now: {"hard", "soft", "total"}, each (C,)."""
        return pushes(self.student, self.teacher, self.label, self.temperature, self.alpha, self.squared)

    def figure(self):
        """Logits, soft targets and pushes as they are now."""
        from kdlab import plots

        return plots.loss_panel(self.student, self.teacher, self.label, self.temperature, self.alpha, self.pushes,
                                image=self._picture, squared=self.squared, classes=self.classes)  # fmt: skip
