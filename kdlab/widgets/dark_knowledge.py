"""DarkKnowledgePanel: the second choices of a teacher, and what each student inherited of them."""

import numpy as np
import traitlets as t

from kdlab.widgets.base import Panel, Temperature, check_classes, soft_targets, source, to_numpy

SHOWN = 9  # digits of a group: one row in a narrow cell
TEACHER = "teacher"
USUAL = {TEACHER: "teacher", "distilled": "blue", "hard labels": "red", "teacher's argmax": "gray"}


def second_choices(logits, first):
    """The likeliest class of each row once the classes `first` (N,) are left out: (N,) integers. logits (N, C)."""
    rest = np.array(to_numpy(logits))
    rest[np.arange(len(rest)), to_numpy(first, int)] = -np.inf
    return rest.argmax(1)


def divergences_of_the_rest(student, teacher, temperature):
    """KL(teacher || student) over all classes but the teacher's first, rescaled to sum to one: (N,) in nats."""
    teacher, student = to_numpy(teacher), to_numpy(student)
    rows, first = np.arange(len(teacher)), teacher.argmax(1)
    logs = []
    for logits in (teacher, student):
        rest = logits / temperature
        rest[rows, first] = -np.inf
        rest = rest - rest.max(1, keepdims=True)
        logs.append(rest - np.log(np.exp(rest).sum(1, keepdims=True)))
        logs[-1][rows, first] = 0.0  # left out: below, both are equal there and weigh nothing
    p = np.exp(logs[0])
    p[rows, first] = 0.0
    return (p * (logs[0] - logs[1])).sum(1)


def _groups(first, second, lead, classes):
    """{"first second": up to SHOWN images, the narrowest lead first}; -1 stands for any class."""
    order = np.argsort(lead, kind="stable")
    groups = {}
    for f in range(-1, classes):
        for s in range(-1, classes):
            found = order[((f < 0) | (first[order] == f)) & ((s < 0) | (second[order] == s))]
            if len(found):
                groups[f"{f} {s}"] = found[:SHOWN].tolist()
    return groups


def _check(images, labels, logits):
    if not isinstance(logits, dict) or TEACHER not in logits or not 2 <= len(logits) <= 4:
        raise ValueError(f'logits must be a dict with "{TEACHER}" and one to three students, each (N, C)')
    named = {TEACHER: logits[TEACHER]} | {str(name): values for name, values in logits.items()}
    rows = {name: to_numpy(values, np.float32) for name, values in named.items()}
    shape = rows[TEACHER].shape
    if len(shape) != 2 or shape[0] < 1 or not 3 <= shape[1] <= 10:
        raise ValueError(f"logits must be (N, C) with 3 to 10 classes, not {shape}")
    for name, values in rows.items():
        if values.shape != shape:
            raise ValueError(f"the logits of {name!r} are {values.shape}, those of the teacher {shape}")
        if not np.isfinite(values).all():
            raise ValueError(f"the logits of {name!r} are not all finite")
    images = to_numpy(images, np.uint8)
    if images.shape != (shape[0], 28, 28):
        raise ValueError(f"images must be ({shape[0]}, 28, 28), one for each row of logits, not {images.shape}")
    return images, check_classes(labels, *shape), rows


class DarkKnowledgePanel(Panel):
    """What lies behind the first choice: second choices of all digits as maps, soft targets of one digit.

    `images` (N, 28, 28) uint8, `labels` (N,), `logits` {"teacher": (N, C), name of a student: (N, C), ...} with one
    to three students. A second choice is the likeliest class once the teacher's first choice is left out. The reader
    picks a first and a second choice (a cell of a map), then a digit of that group, and moves the temperature.
    To be read back: `.temperature`, `.group` ([first, second], -1 for any), `.selected` (which of the N),
    `.inheritance` ({student: {"same_second", "divergence"}} over all N at the present temperature).
    """

    _esm = source("common.js", "dark_knowledge.js")
    _css = source("common.css", "dark_knowledge.css")

    temperature = Temperature(4.0).tag(sync=True)
    group = t.List([-1, -1]).tag(sync=True)
    selected = t.Int(0).tag(sync=True)
    log_scale = t.Bool(False).tag(sync=True)
    names = t.List().tag(sync=True)
    _colors = t.List().tag(sync=True)
    _size = t.List().tag(sync=True)
    _labels = t.List().tag(sync=True)
    _logits = t.Bytes().tag(sync=True)
    _counts = t.List().tag(sync=True)
    _groups = t.Dict().tag(sync=True)
    _shown = t.List().tag(sync=True)
    _images = t.Bytes().tag(sync=True)

    def __init__(self, images, labels, logits, *, temperature=4):
        self._pictures, labels, self._rows = images, labels, rows = _check(images, labels, logits)
        count, classes = rows[TEACHER].shape
        first = rows[TEACHER].argmax(1)
        seconds = {name: second_choices(values, first) for name, values in rows.items()}
        self._same = {name: float((seconds[name] == seconds[TEACHER]).mean()) for name in rows}
        every = np.arange(count)
        lead = rows[TEACHER][every, first] - rows[TEACHER][every, seconds[TEACHER]]
        groups = _groups(first, seconds[TEACHER], lead, classes)
        shown = sorted({i for group in groups.values() for i in group})
        maps = {name: np.zeros((classes, classes), int) for name in rows}
        for name, second in seconds.items():
            np.add.at(maps[name], (first, second), 1)
        free = iter(("green", "pink", "text"))
        super().__init__(
            temperature=float(temperature),
            names=list(rows),
            selected=groups["-1 -1"][0],
            _colors=[USUAL.get(name) or next(free) for name in rows],
            _size=[count, classes],
            _labels=labels[shown].tolist(),
            _logits=np.stack(list(rows.values())).tobytes(),
            _counts=[maps[name].tolist() for name in rows],
            _groups=groups,
            _shown=shown,
            _images=images[shown].tobytes(),
        )

    @t.validate("group")
    def _check_group(self, proposal):
        value = list(proposal["value"])
        if len(value) != 2 or f"{value[0]} {value[1]}" not in self._groups:
            raise ValueError(f"group must be a first and a second choice that the teacher makes, not {value}")
        return value

    @t.validate("selected")
    def _check_selected(self, proposal):
        if proposal["value"] not in self._shown:
            raise ValueError(f"digit {proposal['value']} is not among the {SHOWN} closest calls of any group")
        return proposal["value"]

    @property
    def inheritance(self):
        """{student: {"same_second": share of digits, "divergence": mean KL of the rest in nats}} at the temperature."""
        students = {name: values for name, values in self._rows.items() if name != TEACHER}
        return {
            name: {
                "same_second": self._same[name],
                "divergence": float(
                    divergences_of_the_rest(values, self._rows[TEACHER], self.temperature).mean(dtype=float)
                ),
            }
            for name, values in students.items()
        }

    def figure(self):
        """Second choices of all digits and the soft targets of the chosen one, for each model."""
        from kdlab import plots

        soft = [soft_targets(values[self.selected].astype(float), self.temperature) for values in self._rows.values()]
        words = ["second choices"] + [f"{100 * found['same_second']:.0f} % as the teacher" for found in
                                      self.inheritance.values()]  # fmt: skip
        return plots.dark_knowledge_panel(
            self._pictures[self.selected], self.names, self._counts, soft, words, self.temperature
        )
