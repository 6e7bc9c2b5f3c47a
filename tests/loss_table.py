"""Every loss of kdlab.losses with arguments to call it: what the tests of all losses run over.

A loss that is new there and not here makes `test_every_loss_stands_in_the_table` fail.
"""

import inspect
import math

import torch

from kdlab import losses

SIZES = ("10 classes", "32 000 classes", "a large batch")


class Draw:
    """Random arguments of one size, in double precision but for labels, ids and masks. `T` is the temperature."""

    T = 20.0

    def __init__(self, size, seed=0):
        self.generator = torch.Generator().manual_seed(seed)
        self.rows, self.classes = {
            "10 classes": (24, 10),
            "32 000 classes": (4, 32_000),
            "a large batch": (40_000, 10),
        }[size]
        # (sentences, tokens, width) of states, and (sentences, heads, tokens) of scores
        # and (samples, channels, height, width) of maps
        self.states, self.scores, self.maps = {
            "10 classes": ((3, 8, 10), (2, 2, 6), (3, 5, 4, 6)),
            "32 000 classes": ((2, 2, 32_000), (1, 2, 300), (2, 3, 100, 160)),
            "a large batch": ((5000, 8, 10), (1500, 2, 5), (5000, 4, 3, 4)),
        }[size]
        self.batch = {"10 classes": (8, (5, 7)), "32 000 classes": (4, (3000, 500)), "a large batch": (60, (6, 9))}[
            size
        ]

    def normal(self, *shape, scale=3.0):
        return scale * torch.randn(*shape, dtype=torch.double, generator=self.generator)

    def whole(self, below, *shape):
        return torch.randint(below, shape, generator=self.generator)

    def pair(self, what="logits"):
        if what == "states":
            shape = self.states
        elif what in ("features", "maps"):
            shape = self.maps
        elif what == "scores":
            shape = (*self.scores, self.scores[-1])
        else:
            shape = (self.rows, self.classes)
        return {f"student_{what}": self.normal(*shape), f"teacher_{what}": self.normal(*shape)}

    def labels(self):
        return {"labels": self.whole(self.classes, self.rows)}

    def kept(self, name):
        """Student logits, and ids and values of some tokens of a teacher."""
        given = self.pair()
        log_p = given.pop("teacher_logits").log_softmax(-1)
        log_p, ids = log_p.topk(6)
        return given | {"ids": ids, name: log_p if name == "log_probabilities" else log_p.softmax(-1)}

    def values(self):
        sentences, heads, tokens = self.scores
        return {f"{who}_values": self.normal(sentences, heads, tokens, 4, scale=1.0) for who in ("student", "teacher")}

    def mask(self):
        return {"mask": torch.arange(self.scores[-1]) < 2 + self.whole(self.scores[-1] - 1, self.scores[0], 1)}

    def projection(self):
        return {"projection": self.normal(self.states[-1], 3, scale=self.states[-1] ** -0.5)}

    def hint(self):
        given = self.pair("features")
        projection = self.normal(self.maps[1], 3, scale=self.maps[1] ** -0.5)
        return given | {"teacher_features": given["teacher_features"][:, :3].clone(), "projection": projection}

    def relations(self):
        """Features of a batch for which B² and B³ are no trouble: student and teacher differ in width."""
        batch, widths = self.batch
        return {
            f"{who}_features": self.normal(batch, width)
            for who, width in zip(("student", "teacher"), widths, strict=True)
        }

    def contrast(self):
        given, (_, widths) = self.relations(), self.batch
        return given | {"projection": self.normal(*widths, scale=widths[0] ** -0.5)}

    def layers(self):
        """Maps of two layers of the student and of the teacher, whose channels agree and whose places do not."""
        samples, channels, height, width = self.maps
        sizes = {"student": (height, width), "teacher": (height + 1, width)}
        return {
            f"{who}_{which}": self.normal(samples, count, *size)
            for who, size in sizes.items()
            for which, count in (("first", channels), ("second", 3))
        }

    def projected(self):
        given = self.pair("states")
        return given | {"teacher_states": given["teacher_states"][..., :3].clone()} | self.projection()


TABLE = {
    "soft_targets": lambda d: {"logits": d.normal(d.rows, d.classes), "temperature": d.T},
    "log_soft_targets": lambda d: {"logits": d.normal(d.rows, d.classes), "temperature": d.T},
    "entropy": lambda d: {"logits": d.normal(d.rows, d.classes), "temperature": d.T},
    "cross_entropy": lambda d: {"student_logits": d.normal(d.rows, d.classes)} | d.labels(),
    "label_smoothing_loss": lambda d: {"student_logits": d.normal(d.rows, d.classes)} | d.labels() | {"smoothing": 0.2},
    "kl_divergence": lambda d: d.pair() | {"temperature": d.T},
    "reverse_kl_divergence": lambda d: d.pair() | {"temperature": d.T},
    "jensen_shannon_divergence": lambda d: d.pair() | {"beta": 0.3, "temperature": d.T},
    "total_variation_loss": lambda d: d.pair() | {"temperature": d.T},
    "logit_matching_loss": lambda d: d.pair(),
    "distillation_loss": lambda d: d.pair() | d.labels() | {"temperature": d.T, "alpha": 0.1},
    "decoupled_distillation_loss": lambda d: (
        d.pair() | d.labels() | {"temperature": d.T, "target_weight": 1.0, "rest_weight": 2.0}
    ),
    "top_k_divergence": lambda d: d.kept("log_probabilities"),
    "sampled_cross_entropy": lambda d: d.kept("weights"),
    "policy_gradient_loss": lambda d: d.pair() | {"tokens": d.labels()["labels"]},
    "hidden_state_loss": lambda d: d.projected(),
    "hint_loss": lambda d: d.hint(),
    "attention_transfer_loss": lambda d: d.pair("maps"),
    "relational_distance_loss": lambda d: d.relations(),
    "relational_angle_loss": lambda d: d.relations(),
    "similarity_preserving_loss": lambda d: d.relations(),
    "cosine_relation_loss": lambda d: d.relations() | {"temperature": 0.5},
    "contrastive_loss": lambda d: d.contrast() | {"temperature": 0.5},
    "fsp_loss": lambda d: d.layers(),
    "hidden_cosine_loss": lambda d: d.pair("states"),
    "attention_mse_loss": lambda d: d.pair("scores") | d.mask(),
    "attention_kl_loss": lambda d: d.pair("scores") | d.mask(),
    "value_relation_loss": lambda d: d.values() | {"heads": 2} | d.mask(),
}
NO_LOSSES = {"soft_targets", "log_soft_targets", "entropy"}
GIVEN = ("teacher_", "log_probabilities", "weights")  # what a teacher said: arguments that begin so


def public():
    """The public functions of kdlab.losses, {name: function}, without checks."""
    members = inspect.getmembers(losses, inspect.isfunction)
    return {
        name: function
        for name, function in members
        if function.__module__ == losses.__name__ and not name.startswith(("_", "check_", "look_like_"))
    }


FUNCTIONS = public()
LOSSES = [name for name in FUNCTIONS if name.removesuffix("_core") not in NO_LOSSES]


def arguments(name, size="10 classes", seed=0):
    """Arguments for a function of the table or its core, {parameter: value}."""
    return TABLE[name.removesuffix("_core")](Draw(size, seed))


def cast(given, dtype):
    """The same arguments, with every tensor of floating-point numbers in this dtype."""
    return {n: v.to(dtype) if isinstance(v, torch.Tensor) and v.is_floating_point() else v for n, v in given.items()}


def learner(given):
    """The name of the argument that is the student's."""
    return next(name for name in given if name.startswith("student_") or name == "logits")


def call(name, given):
    """The value, and its gradient by what the student said."""
    student = given[learner(given)].detach().requires_grad_()
    value = FUNCTIONS[name](**given | {learner(given): student})
    weights = (
        torch.ones_like(value)
        if value.ndim == 0
        else torch.linspace(0, 1, value.numel(), dtype=torch.double).view_as(value).to(value)
    )
    return value, torch.autograd.grad(value, student, weights)[0]


def natural_size(name, given):
    """The size of what is added up: (of the value, of the gradient's entries). Rounding errors are some eps of it."""
    student = given[learner(given)].double()
    temperature = given.get("temperature", 1.0)
    largest = max(v.abs().max().item() for v in given.values() if isinstance(v, torch.Tensor) and v.is_floating_point())
    terms = largest / temperature + math.log(student.shape[-1])
    if name.startswith(("distillation", "decoupled")):  # T² times the KL, and the hard term at T = 1
        return temperature**2 * terms + largest, temperature * terms + largest
    if name.startswith("value_relation"):  # softmax of products
        return largest**2 * student.shape[-1], largest**3 * student.shape[-1]
    if name.startswith("policy"):  # sums along the text
        return terms**2 * len(student), terms * len(student)
    if "mse" in name or "state" in name or "matching" in name or "hint" in name:
        return largest**2, largest
    return terms, terms
