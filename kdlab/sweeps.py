"""Many students trained at once as one batched computation: what `kdlab.training` does one by one, in less time."""

import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F
from tqdm.auto import tqdm

from kdlab.losses import distillation_loss_core
from kdlab.models import MLP
from kdlab.training import History, Recipe, batches_of, check_run, schedule


def grid(recipe, **settings) -> list[Recipe]:
    """A Recipe for every combination of these settings, the last one varying fastest.

    `grid(Recipe(steps=400), temperature=[1, 4], seed=range(5))` gives ten; the rest is as in `recipe`.
    """
    for name, values in settings.items():
        if name == "changes" or not hasattr(recipe, name):
            raise ValueError(f"a grid has settings of a Recipe, not {name!r}")
        if isinstance(values, str) or not hasattr(values, "__iter__"):
            raise ValueError(f"{name} needs a list of values, got {values!r}")
    combinations = itertools.product(*settings.values())
    return [replace(recipe, changes={}, **dict(zip(settings, values, strict=True))) for values in combinations]


def train(
    students, inputs, labels, teacher_logits=None, *, recipes, validation=None, evaluate_every=25
) -> Iterator[dict]:
    """Train S students of one shape in lock-step: yields {"step", "loss": [S numbers]} after every step.

    Each student gets its own Recipe: temperature, alpha, learning rate and seed may differ, steps and batch size not.
    labels is (N,) or a list of S of them; teacher_logits None, (N, classes), or a list of S entries, where None means
    hard labels only. With validation=(inputs, labels) every `evaluate_every` steps and after the last the record
    also has "accuracy": [S numbers].

    Results are those of `kdlab.training.train` with the same recipe, up to rounding. Dropout, students of different
    shapes and whatever `train` refuses are refused here too (ValueError), before the first step. The students are
    trained in place: at the end, or when the iterator is closed, they hold the weights reached so far.
    """
    students, recipes = list(students), list(recipes)
    _check_students(students, recipes)
    count = len(students)
    labels, teachers = _each("labels", labels, count), _each("teacher_logits", teacher_logits, count)
    checked = {}  # students that share their targets are checked once
    for i, (student, recipe, y, v) in enumerate(zip(students, recipes, labels, teachers, strict=True)):
        key = (id(y), id(v), recipe.temperature)
        if key not in checked:
            checked[key] = check_run(student, inputs, y, v, recipe, None, evaluate_every, None)
        labels[i], teachers[i] = checked[key]
    if validation is not None:
        check_run(students[0], *validation, None, recipes[0], None, evaluate_every, None)
    return _run(students, inputs, labels, teachers, recipes, validation, evaluate_every)


def _run(students, inputs, labels, teachers, recipes, validation, evaluate_every):
    kinds = sorted({_kind(recipe) for recipe in recipes})
    groups = [_Group(kind, students, inputs, labels, teachers, recipes) for kind in kinds]
    steps = recipes[0].steps
    modes = [(module, module.training) for student in students for module in student.modules()]
    for student in students:
        student.train()
    try:
        for step in range(steps):
            record = {"step": step, "loss": _in_order(groups, [group.step(step, steps) for group in groups])}
            if not all(map(math.isfinite, record["loss"])):
                worst = next(i for i, loss in enumerate(record["loss"]) if not math.isfinite(loss))
                raise RuntimeError(
                    f"the loss of student {worst} is {record['loss'][worst]} at step {step}: "
                    f"try a smaller learning_rate than {recipes[worst].learning_rate:g}"
                )
            if validation is not None and (step % evaluate_every == 0 or step == steps - 1):
                record["accuracy"] = _in_order(groups, [group.accuracy(*validation) for group in groups])
            yield record
    finally:
        for group in groups:
            group.write_back()
        for module, mode in modes:
            module.training = mode


def _kind(recipe):
    """Students alike in this make a group: one batch for all of them, and one optimiser."""
    return recipe.seed, recipe.learning_rate


class _Group:
    """Students that see the same batches and have the same learning rate, with their weights stacked."""

    def __init__(self, kind, students, inputs, labels, teachers, recipes):
        self.places = [i for i, recipe in enumerate(recipes) if _kind(recipe) == kind]
        self.students = [students[i] for i in self.places]
        own, given = [recipes[i] for i in self.places], [teachers[i] for i in self.places]
        self.inputs = inputs
        self.labels, self.which_labels = _stack([labels[i] for i in self.places])
        no_teacher = inputs.new_zeros(len(inputs), _classes(self.students[0], inputs))  # its weight will be 0
        self.teachers, self.which_teachers = _stack([no_teacher if v is None else v for v in given])
        self.temperature = torch.tensor([recipe.temperature for recipe in own])
        self.alpha = torch.tensor([1.0 if v is None else r.alpha for r, v in zip(own, given, strict=True)])
        self.batches = batches_of(len(inputs), own[0].batch_size, torch.Generator().manual_seed(own[0].seed))
        self.weights, _ = stack_module_state(self.students)
        self.rate = own[0].learning_rate
        self.optimizer = torch.optim.Adam(self.weights.values(), lr=self.rate, fused=True)

    def say(self, inputs):
        """Logits (students, len(inputs), classes) of all students for the same inputs."""
        return _say(self.students[0], self.weights, inputs)

    def step(self, step, steps):
        """One step of all students; their losses before it."""
        chosen = next(self.batches)
        labels = self.labels[:, chosen][self.which_labels]
        teacher_logits = self.teachers[:, chosen][self.which_teachers]
        logits = self.say(self.inputs.index_select(0, chosen))
        losses = vmap(_loss)(logits, teacher_logits, labels, self.temperature, self.alpha)
        for settings in self.optimizer.param_groups:
            settings["lr"] = self.rate * schedule(step, steps)
        self.optimizer.zero_grad()
        losses.sum().backward()  # no student's loss depends on another's weights
        self.optimizer.step()
        return losses.tolist()

    @torch.no_grad()
    def accuracy(self, inputs, labels):
        """The share of right predictions of each student."""
        right = sum(
            (self.say(x).argmax(-1) == y).sum(-1) for x, y in zip(inputs.split(1000), labels.split(1000), strict=True)
        )
        return (right / len(labels)).tolist()

    @torch.no_grad()
    def write_back(self):
        """Give every student its own weights."""
        for i, student in enumerate(self.students):
            for name, parameter in student.named_parameters():
                parameter.copy_(self.weights[name][i])


def _say(student, weights, inputs):
    """Logits (students, N, classes): what vmap makes of `student`, and for an MLP the same by hand."""
    if not isinstance(student, MLP):
        return vmap(lambda own: functional_call(student, own, (inputs,)))(weights)
    # All students read the same inputs, so that their first layers are one matrix product: the dearest part by far.
    count = len(weights["layers.0.bias"])
    rows = F.linear(inputs, weights["layers.0.weight"].flatten(0, 1), weights["layers.0.bias"].flatten())
    rows = rows.unflatten(-1, (count, -1)).transpose(0, 1)
    for i in range(1, len(student.layers)):
        bias, weight = weights[f"layers.{i}.bias"], weights[f"layers.{i}.weight"]
        rows = torch.baddbmm(bias.unsqueeze(1), F.relu(rows), weight.mT)
    return rows


def _loss(student_logits, teacher_logits, labels, temperature, alpha):
    return distillation_loss_core(student_logits, teacher_logits, labels, temperature=temperature, alpha=alpha)


def _stack(tensors):
    """The different ones among these tensors (K, N, ...), and for each of them which one it is."""
    different = list({id(tensor): tensor for tensor in tensors}.values())
    return torch.stack(different), torch.tensor([[t is d for d in different].index(True) for t in tensors])


def _classes(student, inputs):
    with torch.no_grad():
        return student(inputs[:1]).shape[-1]


def _in_order(groups, values):
    """What each group has for its students, in the order in which the students were given."""
    found = [
        (place, v)
        for group, own in zip(groups, values, strict=True)
        for place, v in zip(group.places, own, strict=True)
    ]
    return [value for _, value in sorted(found)]


def _each(name, given, count):
    """A list with one entry for each student."""
    if not isinstance(given, list | tuple):
        return [given] * count
    if len(given) != count:
        raise ValueError(f"{name} has {len(given)} entries for {count} students")
    return list(given)


def _check_students(students, recipes):
    if not students:
        raise ValueError("there are no students to train")
    if len(recipes) != len(students):
        raise ValueError(f"{len(students)} students need as many recipes, got {len(recipes)}")
    for recipe in recipes:
        if not isinstance(recipe, Recipe):
            raise ValueError(f"recipes must hold Recipes, got {type(recipe).__name__}")
        recipe.check()
        if recipe.changes:
            raise ValueError("recipes in a sweep have no changes: train that student alone, with kdlab.training")
        for name in ("steps", "batch_size"):
            if getattr(recipe, name) != getattr(recipes[0], name):
                raise ValueError(f"all students of a sweep do the same: {name} must not differ")
    if len(set(map(id, students))) < len(students):
        raise ValueError("one student stands twice in the list: give each recipe a model of its own")
    shapes = [_shape(student) for student in students]
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ValueError(f"students must have one shape to be trained together: number {i} differs from number 0")


def _shape(student):
    """What must be alike in students that are trained together. ValueError for what cannot be batched."""
    if not isinstance(student, nn.Module):
        raise ValueError(f"students must be torch modules, got {type(student).__name__}")
    for module in student.modules():
        names = (
            ("dropout", "input_dropout", "p")
            if isinstance(module, nn.modules.dropout._DropoutNd)
            else ("dropout", "input_dropout")
        )
        if any(isinstance(p := getattr(module, name, 0), int | float) and p > 0 for name in names):
            raise ValueError(
                "students with dropout cannot be trained together: each would need random numbers of its own"
            )
    if any(True for _ in student.buffers()):
        raise ValueError("students with buffers (batch norm, for one) cannot be trained together")
    if not all(parameter.requires_grad for parameter in student.parameters()):
        raise ValueError("students with frozen parameters cannot be trained together")
    return type(student), [(name, p.shape, p.dtype) for name, p in student.named_parameters()]


def fit(students, inputs, labels, teacher_logits=None, *, progress=True, **options) -> History:
    """Run `train` (the same arguments) to its end, with a progress bar. An interrupt keeps all that was reached."""
    students = list(students)
    run = train(students, inputs, labels, teacher_logits, **options)
    history, start = History(), time.perf_counter()
    steps = list(options["recipes"])[0].steps
    bar = tqdm(total=steps, desc=f"{len(students)} students", unit="step", disable=not progress)
    try:
        for record in run:
            history.records.append(record)
            bar.update()
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        run.close()
        bar.close()
    history.seconds = time.perf_counter() - start
    return history


@torch.no_grad()
def predict_logits(students, inputs, batch_size=1000):
    """Logits (S, N, classes) of S students of one shape, in eval mode; their modes are restored."""
    students = list(students)
    if not students or any(_shape(student) != _shape(students[0]) for student in students):
        raise ValueError("students must be a list of models of one shape")
    modes = [(module, module.training) for student in students for module in student.modules()]
    for student in students:
        student.eval()
    try:
        weights, _ = stack_module_state(students)
        return torch.cat([_say(students[0], weights, x) for x in inputs.split(batch_size)], dim=1)
    finally:
        for module, mode in modes:
            module.training = mode
