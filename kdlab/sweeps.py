"""Many students trained at once as one batched computation: what `kdlab.training` does one by one, several times faster.

The weights of all students are stacked, one tensor (students, ...) for each parameter, and every step is a few large
operations instead of many small ones. Students with the same seed see the same batches, so those are gathered once.
"""

import copy
import itertools
import math
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import fields, replace

import torch
from torch import nn
from torch.func import functional_call, vmap
from torch.nn import functional as F
from tqdm.auto import tqdm

from kdlab.losses import log_soft_targets
from kdlab.models import MLP, logits_of
from kdlab.training import History, Recipe, batches_of, check_run, gradients, schedule

BLOCK = 32  # students in one batched computation: more would not fit into a processor's cache


def grid(recipe, **settings) -> list[Recipe]:
    """A Recipe for every combination of these settings, the last name varying fastest; the rest is as in `recipe`.

    `grid(Recipe(steps=400), temperature=[1, 4], seed=range(5))` gives ten. Raises ValueError.
    """
    names = {f.name for f in fields(Recipe)} - {"changes"}
    for name, values in settings.items():
        if name not in names:
            raise ValueError(f"a grid has settings of a Recipe ({', '.join(sorted(names))}), not {name!r}")
        if isinstance(values, str) or not hasattr(values, "__iter__"):
            raise ValueError(f"{name} needs a list of values, got {values!r}")
    combinations = itertools.product(*settings.values())
    return [replace(recipe, changes={}, **dict(zip(settings, values, strict=True))) for values in combinations]


# --- training -------------------------------------------------------------------------------------


def train(
    students, inputs, labels, teacher_logits=None, *, recipes, validation=None, evaluate_every=25
) -> Iterator[dict]:
    """Train S students of one shape in lock-step; yields {"step", "loss": [S floats]} after every step.

    `recipes` holds a Recipe for each student: temperature, alpha, learning rate and seed may differ; steps and batch
    size may not, and there are no changes. inputs is (N, ...), or a list of S such tensors of one shape: each student
    then learns from its own. labels is (N,) or a list of S such tensors; teacher_logits is None, (N, classes), or a
    list with a tensor or None (hard labels only) for each student. With validation=(inputs, labels) every
    `evaluate_every` steps, and after the last, the record has "accuracy": [S floats], measured in eval mode.

    Each student gets the same batches, schedule and optimizer as in `kdlab.training.train`, so it ends up the same but
    for rounding. Everything is checked when `train` is called (ValueError): what `training.train` refuses, students of
    different shapes, dropout, batch normalisation, one student twice. As there, students hold the weights reached so
    far after every step, and keep them however the run ends; their modes and all global random state stay as they are.
    """
    students, recipes = list(students), list(recipes)
    check_alike(students)
    _check_trainable(students)
    _check_recipes(recipes, len(students))
    inputs = _each("inputs", inputs, len(students))
    labels, teachers = _each("labels", labels, len(students)), _each("teacher_logits", teacher_logits, len(students))
    labels, teachers = _check_targets(students, inputs, labels, teachers, recipes, evaluate_every)
    _check_lengths(inputs)
    if validation is not None:
        validation = _check_validation(students[0], validation, recipes[0])
    _try_out(students, inputs[0])
    return _run(students, inputs, labels, teachers, recipes, validation, evaluate_every)


def _run(students, inputs, labels, teachers, recipes, validation, evaluate_every):
    steps = recipes[0].steps
    inputs, which_inputs = _different(inputs)
    hard, which_hard = _different(labels)
    soft, which_soft = _log_soft_targets(teachers, recipes, hard.device)
    blocks, modes = [], [(module, module.training) for student in students for module in student.modules()]
    try:
        for student in students:
            student.train()
        with gradients():
            for places, sharing in _blocks(recipes, which_inputs.tolist()):
                block = _Block(places, [students[i] for i in places], [recipes[i] for i in places], sharing)
                block.read(inputs, which_inputs[places])
                block.aim(hard, which_hard[places], soft, which_soft[places])
                blocks.append(block)
        for step in range(steps):
            with gradients():
                losses = _in_order(blocks, [block.step(schedule(step, steps)) for block in blocks])
            for student, loss in enumerate(losses):
                if not math.isfinite(loss):
                    raise RuntimeError(
                        f"the loss of student {student} is {loss} at step {step}: try a smaller learning_rate than "
                        f"{recipes[student].learning_rate:g}"
                    )
            record = {"step": step, "loss": losses}
            if validation is not None and (step % evaluate_every == 0 or step == steps - 1):
                record["accuracy"] = _in_order(blocks, [block.accuracy(*validation) for block in blocks])
            yield record
    finally:
        with gradients():
            for block in blocks:
                block.release()
        for module, mode in modes:
            module.training = mode


def _blocks(recipes, which_inputs):
    """Which students go into one batched computation: (their places, how many neighbours share batches) for each block.

    Students with the same seed and the same inputs see the same batches. Batches that are shared by equally many go
    together, so that the students of a block form a rectangle (batches, sharing).
    """
    by_batches = defaultdict(list)
    for place, recipe in enumerate(recipes):
        by_batches[recipe.seed, which_inputs[place]].append(place)
    by_count = defaultdict(list)
    for places in by_batches.values():
        by_count[len(places)].append(sorted(places, key=lambda place: recipes[place].learning_rate))
    for sharing, rows in by_count.items():
        size = max(1, BLOCK // sharing)
        for start in range(0, len(rows), size):
            yield [place for row in rows[start : start + size] for place in row], sharing


class _Block:
    """Students whose stacked weights are trained by one computation; each `sharing` neighbours have the same batches."""

    def __init__(self, places, students, recipes, sharing):
        self.places, self.students, self.recipes, self.sharing = places, students, recipes, sharing
        self.forward, self.weights = _stack(students)
        self.trained = [name for name, p in students[0].named_parameters() if p.requires_grad]
        for student, own in zip(students, zip(*self.weights.values(), strict=True), strict=True):
            for parameter, weight in zip(student.parameters(), own, strict=True):
                parameter.data = weight  # a view of the stack: the student learns as the stack does
        for name in self.trained:
            self.weights[name].requires_grad_()
        like = next(iter(self.weights.values()))
        self.temperature = like.new_tensor([r.temperature for r in recipes])
        self.alpha = like.new_tensor([r.alpha for r in recipes])
        self.optimizer = self._adam([r.learning_rate for r in recipes])

    def _adam(self, rates):
        """One Adam for all: neighbours with the same learning rate are one group, a slice of every stacked tensor.

        Adam treats each number by itself, so that a slice of the stack learns as the students in it would alone.
        """
        groups, self.slices, start = [], [], 0
        for rate, members in itertools.groupby(rates):
            own = slice(start, start + len(list(members)))
            start = own.stop
            parts = [self.weights[name].detach()[own] for name in self.trained]
            groups.append({"params": parts, "lr": rate, "rate": rate})
            self.slices.append(own)
        return torch.optim.Adam(groups, fused=True)

    def read(self, inputs, which_inputs):
        """Set the inputs (M, N, ...), and which of them each student has."""
        self.count, self.inputs = inputs.shape[1], inputs.flatten(0, 1)
        self.inputs_start = (which_inputs[:: self.sharing] * self.count).unsqueeze(1)
        self.batches = [
            batches_of(self.count, r.batch_size, torch.Generator().manual_seed(r.seed))
            for r in self.recipes[:: self.sharing]
        ]
        self.gathered = inputs.new_empty(0)

    def aim(self, hard, which_hard, soft, which_soft):
        """Set the targets: labels (M, N) and log soft targets (M', N, classes), and which of them each student has."""
        count = self.count
        self.hard, self.hard_start = hard.flatten(), (which_hard * count).unsqueeze(1)
        self.without = which_soft < 0  # hard labels only
        self.alpha[self.without] = 1
        self.soft = None if self.without.all() else soft.flatten(0, 1)
        self.soft_start = (which_soft.clamp(min=0) * count).unsqueeze(1)

    def step(self, factor):
        """One step of all students; their losses before it."""
        chosen = torch.stack([next(own) for own in self.batches]).to(self.inputs.device)  # (batches, batch)
        logits = self.forward(self.weights, self._gather(chosen + self.inputs_start))
        chosen = chosen.repeat_interleave(self.sharing, 0)  # (students, batch)
        labels = self.hard.take(chosen + self.hard_start)
        log_p = None
        if self.soft is not None:
            rows = (chosen + self.soft_start).flatten()
            log_p = self.soft.index_select(0, rows).view(*chosen.shape, -1).mT.contiguous()
        losses, gradient = loss_and_gradient(logits.detach(), labels, log_p, self.temperature, self.alpha)
        gradients = torch.autograd.grad(logits, [self.weights[name] for name in self.trained], gradient)
        for group, own in zip(self.optimizer.param_groups, self.slices, strict=True):
            group["lr"] = group["rate"] * factor
            for part, whole in zip(group["params"], gradients, strict=True):
                part.grad = whole[own].contiguous()  # the fused Adam takes nothing else
        self.optimizer.step()
        return losses.tolist()

    def _gather(self, chosen):
        """The batches (batches, batch, ...), in memory that is used again: new memory costs more than the copying."""
        shape = (*chosen.shape, *self.inputs.shape[1:])
        if self.gathered.shape != shape:
            self.gathered = self.inputs.new_empty(shape)
        torch.index_select(self.inputs, 0, chosen.flatten(), out=self.gathered.view(-1, *shape[2:]))
        return self.gathered

    @torch.no_grad()
    def accuracy(self, inputs, labels):
        """The share of right predictions of each student."""
        logits = (self.forward(self.weights, x.unsqueeze(0), training=False) for x in inputs.split(1000))
        wrong = sum((z.argmax(1) != y).sum(-1) for z, y in zip(logits, labels.split(1000), strict=True))
        return [1 - count / len(labels) for count in wrong.tolist()]

    def release(self):
        """Give every student weights of its own again."""
        for student in self.students:
            for parameter in student.parameters():
                parameter.data = parameter.data.clone()


def loss_and_gradient(logits, labels, log_p, temperature, alpha):
    """The losses (S,) of S students and their gradient by the logits (S, classes, batch), by the formulas of lesson 03.

    The same as `distillation_loss` of each student, in closed form, because that takes half the time of automatic
    differentiation. labels (S, batch), log soft targets (S, classes, batch) or None, temperature and alpha (S,).
    """
    size, dtype = labels.shape[1], logits.dtype
    logits, temperature, alpha = (x.float() if x.dtype.itemsize < 4 else x for x in (logits, temperature, alpha))
    temperature, weight, labels = temperature.view(-1, 1, 1), alpha.view(-1, 1, 1), labels.unsqueeze(1)
    log_q = F.log_softmax(logits, 1)
    losses = -alpha * log_q.gather(1, labels).mean((1, 2))
    gradient = log_q.exp()  # of the cross-entropy: q minus one at the label
    gradient.scatter_add_(1, labels, gradient.new_full((), -1).expand(labels.shape))
    gradient *= weight / size
    if log_p is not None:
        p, log_q = log_p.exp(), F.log_softmax(logits / temperature, 1)
        losses += ((1 - weight) * temperature**2 * (p * (log_p - log_q))).sum((1, 2)) / size
        gradient += (log_q.exp() - p) * ((1 - weight) * temperature / size)  # of T² KL: T (q - p)
    return losses, gradient.to(dtype)


# --- a whole sweep, and what its students say -----------------------------------------------------


def fit(students, inputs, labels, teacher_logits=None, *, progress=True, **options) -> History:
    """Run `train` (the same arguments) to its end, with a progress bar. An interrupt keeps students and records."""
    students = list(students)
    run = train(students, inputs, labels, teacher_logits, **options)
    history, start = History(), time.perf_counter()
    bar = tqdm(total=next(iter(options["recipes"])).steps, desc=f"{len(students)} students", disable=not progress)
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
    """The logits (S, N, classes) of S students of one shape for inputs (N, ...), in eval mode, without gradients."""
    students = list(students)
    check_alike(students)
    parts = []
    for start in range(0, len(students), BLOCK):
        forward, weights = _stack(students[start : start + BLOCK])
        chunks = [forward(weights, x.unsqueeze(0), training=False) for x in inputs.split(batch_size)]
        parts.append(torch.cat(chunks, dim=2).mT)
    return torch.cat(parts)


# --- stacked students -----------------------------------------------------------------------------


def _stack(students):
    """(forward, weights): the students' parameters stacked, and what maps weights and inputs to all their logits.

    `forward(weights, inputs, training=True)` takes inputs (batches, batch, ...), one for each S / batches neighbours,
    and gives (S, classes, batch).
    """
    parameters = zip(*(student.parameters() for student in students), strict=True)
    names = [name for name, _ in students[0].named_parameters()]
    weights = {name: torch.stack([p.detach() for p in same]) for name, same in zip(names, parameters, strict=True)}
    forward = _mlp_forward if type(students[0]) is MLP else _any_forward(students[0])
    return forward, weights


def _mlp_forward(weights, inputs, training=True):
    """All students' MLPs at once. Students that share inputs make their first layer one matrix product."""
    x = inputs.mT  # weight @ x, not x @ weight.T: then gradients lie in memory as the weights do
    for k in range(len(weights) // 2):
        weight, bias = weights[f"layers.{k}.weight"], weights[f"layers.{k}.bias"]  # (S, out, in), (S, out)
        rows = len(x)
        x = x if k == 0 else x.relu()
        x = torch.baddbmm(bias.reshape(rows, -1, 1), weight.reshape(rows, -1, weight.shape[-1]), x)
        x = x.view(*bias.shape, -1)  # (S, out, batch)
    return x


def _any_forward(student):
    """The same for any other model: torch.func runs one model with many weights."""
    models = {training: copy.deepcopy(student).train(training) for training in (True, False)}

    def forward(weights, inputs, training=True):
        model = models[training]
        sharing = len(next(iter(weights.values()))) // len(inputs)
        many = vmap(
            lambda own, x: logits_of(functional_call(model, own, (x,))), in_dims=(0, 0 if len(inputs) > 1 else None)
        )
        return many(weights, inputs.repeat_interleave(sharing, 0) if len(inputs) > 1 else inputs[0]).mT

    return forward


# --- targets --------------------------------------------------------------------------------------


def _each(name, given, count):
    """A list with one entry for each student."""
    if not isinstance(given, list | tuple):
        return [given] * count
    if len(given) != count:
        raise ValueError(f"{name} has {len(given)} entries for {count} students")
    return list(given)


def _different(tensors):
    """The different ones among these tensors (M, N, ...), and which of them each one is."""
    places, which = {}, []
    for tensor in tensors:
        which.append(places.setdefault(id(tensor), (len(places), tensor))[0])
    tensors = [tensor for _, tensor in places.values()]
    stacked = torch.stack(tensors) if len(tensors) > 1 else tensors[0].unsqueeze(0)  # one may be large: no copy
    return stacked, torch.tensor(which, device=stacked.device)


def _log_soft_targets(teachers, recipes, device):
    """log softmax(teacher logits / T) of each different pair (M, N, classes); which one each student has, or -1."""
    tables, which = {}, []
    for v, recipe in zip(teachers, recipes, strict=True):
        key = (id(v), recipe.temperature)
        if v is not None and key not in tables:
            tables[key] = (len(tables), log_soft_targets(v, recipe.temperature))
        which.append(-1 if v is None else tables[key][0])
    soft = torch.stack([table for _, table in tables.values()]) if tables else None
    return soft, torch.tensor(which, device=device)


def _in_order(blocks, values):
    """What each block has for its students, in the order in which the students were given."""
    found = {}
    for block, own in zip(blocks, values, strict=True):
        found.update(zip(block.places, own, strict=True))
    return [found[place] for place in range(len(found))]


# --- checks ---------------------------------------------------------------------------------------


def check_alike(students):
    """ValueError unless these are different models that compute the same thing with weights of their own."""
    if not students:
        raise ValueError("there are no students")
    owner = {}
    for k, student in enumerate(students):
        if not isinstance(student, nn.Module):
            raise ValueError(f"students must be torch modules: student {k} is a {type(student).__name__}")
        for part in (student, *student.parameters()):
            first = owner.setdefault(id(part), k)
            if first != k:
                raise ValueError(
                    f"one student, or part of one, stands twice ({first} and {k}): give each recipe a model of its own"
                )
        difference = _difference(students[0], student)
        if difference:
            raise ValueError(f"students must be of one shape, but {difference.format(k=k)}")


def _difference(first, other):
    """In words, what two models differ in besides their weights; {k} stands for the other's number. "" if nothing."""
    if [(name, type(m)) for name, m in first.named_modules()] != [(name, type(m)) for name, m in other.named_modules()]:
        return "student {k} is built differently from student 0"
    for (name, p), (_, q) in zip(first.named_parameters(), other.named_parameters(), strict=True):
        if p.shape != q.shape:
            return f"{name} is {tuple(q.shape)} in student {{k}} and {tuple(p.shape)} in student 0"
        if (p.dtype, p.requires_grad) != (q.dtype, q.requires_grad):
            return f"{name} of student {{k}} has another dtype, or is frozen, unlike that of student 0"
    for a, b in zip(first.modules(), other.modules(), strict=True):
        for name, value in _settings(a).items():
            if _settings(b).get(name) != value:
                return f"{name} is {_settings(b).get(name)} in student {{k}} and {value} in student 0"
    return ""


def _settings(module):
    plain = int | float | str | bool | tuple
    return {name: v for name, v in vars(module).items() if isinstance(v, plain) and name != "training"}


def _check_trainable(students):
    """ValueError for what one batched computation cannot do as each student alone would."""
    for module in students[0].modules():
        if any(_settings(module).get(name, 0) for name in ("dropout", "input_dropout")) or (
            isinstance(module, nn.modules.dropout._DropoutNd) and module.p
        ):
            raise ValueError("students with dropout cannot be trained together: train them one by one")
    if any(True for _ in students[0].buffers()):
        raise ValueError(
            "students with buffers (batch normalisation) cannot be trained together: train them one by one"
        )


def _check_recipes(recipes, count):
    if len(recipes) != count:
        raise ValueError(f"{count} students need as many recipes, got {len(recipes)}")
    for k, recipe in enumerate(recipes):
        if not isinstance(recipe, Recipe):
            raise ValueError(f"recipes must hold Recipes, got {type(recipe).__name__}")
        recipe.check()
        if recipe.changes:
            raise ValueError(f"recipes in a sweep have no changes, but recipe {k} has: train that student alone")
        for name in ("steps", "batch_size"):
            if getattr(recipe, name) != getattr(recipes[0], name):
                raise ValueError(
                    f"students take their steps together, so {name} must not differ: {getattr(recipes[0], name)} in "
                    f"recipe 0, {getattr(recipe, name)} in recipe {k}"
                )


def _check_targets(students, inputs, labels, teachers, recipes, evaluate_every):
    """The labels and teacher logits as the loop wants them; whatever `training.train` refuses is refused."""
    found = {}
    for k in sorted(range(len(students)), key=lambda k: recipes[k].temperature):  # the lowest can overflow first
        key = id(inputs[k]), id(labels[k]), id(teachers[k])
        if key not in found:
            try:
                found[key] = check_run(
                    students[k], inputs[k], labels[k], teachers[k], recipes[k], None, evaluate_every, None
                )
            except ValueError as error:
                raise ValueError(f"student {k}: {error}") from None
    # one tensor stays one tensor, also where the check had to convert it
    one, two = {}, {}
    for x, y, v in zip(inputs, labels, teachers, strict=True):
        checked = found[id(x), id(y), id(v)]
        one.setdefault(id(y), checked[0])
        two.setdefault(id(v), checked[1])
    return [one[id(y)] for y in labels], [two[id(v)] for v in teachers]


def _check_lengths(inputs):
    """ValueError unless all inputs are of one shape and kind: their students take each step together."""
    for k, own in enumerate(inputs):
        if (own.shape, own.dtype, own.device) != (inputs[0].shape, inputs[0].dtype, inputs[0].device):
            raise ValueError(
                f"inputs must be of one shape, dtype and device, but those of student {k} are {tuple(own.shape)}, "
                f"{own.dtype}, and those of student 0 {tuple(inputs[0].shape)}, {inputs[0].dtype}"
            )


def _check_validation(student, validation, recipe):
    try:
        inputs, labels = validation
    except (TypeError, ValueError):
        raise ValueError("validation must be a pair (inputs, labels)") from None
    try:
        labels, _ = check_run(student, inputs, labels, None, recipe, None, 1, None)
    except ValueError as error:
        raise ValueError(f"validation: {error}") from None
    return inputs, labels


def _try_out(students, inputs):
    """ValueError unless the batched computation runs; vmap stops at random numbers, which students would share."""
    few = students[:2]
    forward, weights = _stack(few)
    try:
        with torch.no_grad():
            logits = forward(weights, torch.stack([inputs[:2]] * len(few)))
    except RuntimeError as error:
        reason = "they use random numbers, as dropout does" if "random" in str(error) else str(error).split("\n")[0]
        raise ValueError(f"these students cannot be trained together: {reason}; train them one by one") from error
    if logits.ndim != 3:
        raise ValueError("students must map (N, ...) to logits (N, classes) to be trained together")
