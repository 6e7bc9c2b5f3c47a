"""Random inputs for an exercise, and what its arguments are: their roles, and the sizes that can slip into a result."""

import functools
import inspect
import math

import torch

# What an argument of this name is, unless the exercise says otherwise. The course's names are the field's.
ROLES = {
    "student_logits": "student", "teacher_logits": "teacher", "logits": "logits", "student_scores": "student",
    "teacher_scores": "teacher", "labels": "labels", "temperature": "temperature", "T": "temperature",
    "alpha": "weight", "beta": "weight", "smoothing": "weight", "mask": "mask", "counts": "mask",
    "p": "probabilities", "q": "probabilities", "probabilities": "probabilities",
    "student_states": "student features", "teacher_states": "teacher features",
    "student_features": "student features", "teacher_features": "teacher features",
    "student_values": "student features", "teacher_values": "teacher features",
    "student": "student model", "teacher": "teacher model",
    "ids": "tokens", "tokens": "tokens", "log_p": "teacher log-probabilities", "log_q": "student log-probabilities",
}  # fmt: skip
LOGITS = ("student", "teacher", "logits")


class Draw:
    """Sizes and numbers for one draw of inputs, all different, and different in the next draw.

    `rows`, `tokens`, `classes`, `width` are sizes; `temperature` and `weight` numbers; `logits(...)`, `labels(...)`,
    `mask(...)` tensors. Sizes that differ between draws tell "divided by the classes" from "divided by five".
    """

    def __init__(self, number=0):
        self.number = number
        self.rows = (8, 6, 9)[number % 3]  # no two neighbours: n - 1 of one is not another
        self.classes = (5, 9, 4)[number % 3]
        self.tokens = (3, 4, 6)[number % 3]
        self.width = (11, 13, 11)[number % 3]
        self.temperature = (3.0, 2.5, 4.0)[number % 3]
        self.weight = (0.3, 0.65, 0.2)[number % 3]

    @classmethod
    def small(cls):
        """So small that a learner can follow it with a pencil."""
        draw = cls()
        draw.rows, draw.classes, draw.tokens, draw.width, draw.temperature, draw.weight = 1, 3, 2, 2, 2.0, 0.5
        return draw

    def logits(self, *shape, scale=2.0):
        """Normal logits, (rows, classes) unless a shape is given."""
        return scale * torch.randn(*(shape or (self.rows, self.classes)))

    def probabilities(self, *shape, scale=2.0):
        """The softmax of such logits."""
        return self.logits(*shape, scale=scale).softmax(-1)

    def labels(self, *shape, classes=None):
        """int64 labels, (rows,) unless a shape is given."""
        return torch.randint(classes or self.classes, shape or (self.rows,))

    def mask(self, *shape):
        """A bool mask, (rows, tokens) unless a shape is given: every row counts somewhere, not everywhere."""
        mask = torch.rand(*(shape or (self.rows, self.tokens))) < 0.6
        mask[..., 0], mask[..., -1] = True, False
        return mask

    def of(self, role):
        """The usual input of a role; KeyError for a role that has none."""
        return {
            "student": lambda: self.logits(),
            "logits": lambda: self.logits(scale=3.0),
            "teacher": lambda: self.logits(scale=4.0),
            "probabilities": lambda: self.probabilities(),
            "labels": lambda: self.labels(),
            "temperature": lambda: self.temperature,
            "weight": lambda: self.weight,
        }[role]()


def roles_of(reference, given=None):
    """{argument: role} of a reference, by the names of its arguments; `given` has the last word."""
    names = inspect.signature(reference).parameters
    return {name: (given or {}).get(name, ROLES.get(name)) for name in names}


def usual_draw(reference, roles):
    """A function of a `Draw` that fills every argument according to its role."""
    return lambda draw: {name: draw.of(roles[name]) for name in inspect.signature(reference).parameters}


def bound(reference, arguments):
    """(args, kwargs) that pass a dict of arguments as the reference wants them; after a gap, by name."""
    args, kwargs, gap = [], {}, False
    for name, parameter in _parameters(reference):
        if name not in arguments:
            gap = True
        elif gap or parameter.kind is parameter.KEYWORD_ONLY:
            kwargs[name] = arguments[name]
        else:
            args.append(arguments[name])
    return args, kwargs


@functools.cache
def _parameters(reference):
    return tuple(inspect.signature(reference).parameters.items())


def symbols(arguments, roles):
    """{words: number}: what a result may have been multiplied with by mistake; "/" in front divides.

    Plain factors, sizes (rows, classes, ...) and the numbers among the arguments, the simplest first.
    """
    named = {}
    for name, value in arguments.items():
        role = roles.get(name) or ""
        if isinstance(value, torch.Tensor) and value.ndim:
            named.update(_sizes(value, role))
        elif isinstance(value, bool):
            continue
        elif isinstance(value, (int, float)) and value > 0:
            named[f"`{name}`"] = float(value)
            if role == "temperature":
                named[f"`{name}`²"] = float(value) ** 2
            if role == "weight" and value < 1:
                named[f"(1 - `{name}`)"] = 1 - float(value)
        elif isinstance(value, (list, tuple)) and value:
            named[f"the length of `{name}`"] = len(value)
    found = {"2": 2.0, "-1": -1.0, "-2": -2.0, "100": 100.0, "ln 2": math.log(2), "ln 10": math.log(10)}
    found["a half"] = 0.5
    found |= named
    sizes = [words for words in named if words.startswith("the number of")]
    for first in sizes:
        for second in sizes:
            if named[first] != named[second]:
                found[f"{first} where {second} belongs"] = named[first] / named[second]
    for words, number in named.items():
        if number > 1 and number == int(number) and not words.startswith("`"):
            found[f"√({words})"] = math.sqrt(number)
            found[f"({words} - 1) / {words}"] = (number - 1) / number
            found[f"({words} + 1)"] = number + 1
    names = list(named)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            found[f"{first} and by {second}"] = named[first] * named[second]
    return found


def _sizes(value, role):
    """{words: size} of a tensor; the last axis is what its role says."""
    last = "classes" if role in (*LOGITS, "probabilities") or "log-prob" in role else "features"
    if value.ndim == 4 and role.endswith("features"):
        last = "columns of a map"
    if role in ("labels", "mask", "tokens"):
        names = ("rows", "tokens", "tokens per row")
        sizes = {f"the number of {name}": n for name, n in zip(names, value.shape, strict=False)}
        if role == "mask" and value.dtype == torch.bool and value.any():
            sizes["the number of entries that count"] = int(value.sum())
            sizes["the number of all entries"] = value.numel()
            sizes["the share of the entries that count"] = int(value.sum()) / value.numel()
        return sizes
    if value.ndim == 1:
        return {f"the number of {last}": value.shape[0]}
    leading = ("rows", "tokens", "places")
    if value.ndim == 4:
        leading = ("rows", "channels", "rows of a map") if role.endswith("features") else ("rows", "heads", "tokens")
    sizes = {f"the number of {name}": n for name, n in zip(leading, value.shape[:-1], strict=False)}
    return sizes | {f"the number of {last}": value.shape[-1]}
