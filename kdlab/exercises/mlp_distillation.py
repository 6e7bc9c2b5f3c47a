"""Exercises of lesson 04, distilling an MLP."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from kdlab.exercises.core import Answer, Exercise, Mistake, Option, Question, Quiz
from kdlab.losses import distillation_loss, distillation_loss_core

# 1 --------------------------------------------------------------------------------------------------------------------


def _shuffle_together(inputs, labels, teacher_logits, generator):
    """All three in one new random order: (inputs, labels, teacher_logits)."""
    order = torch.randperm(len(inputs), generator=generator)
    return inputs[order], labels[order], teacher_logits[order]


def _ask_shuffle_together(ask):
    n = 60
    names = "inputs", "labels", "teacher_logits"
    order = torch.randperm(n, generator=torch.Generator().manual_seed(9))  # labels are not sorted, and tell rows apart
    data = 100.0 * order[:, None] + torch.arange(4), order, 9.0 * order[:, None] + torch.arange(3)

    def orders(generator):
        """For each of the three results: which old row stands in each new row."""
        answer = ask(*data, generator).is_sequence(3, "inputs, labels and teacher_logits, in that order")
        shapes = [tuple(Answer(part).is_tensor().value.shape) for part in answer.value]
        right = [tuple(part.shape) for part in data]
        rows = {shape[0] for shape in shapes if shape}
        answer.holds(
            len(rows) != 1 or n in rows,
            f"Only {min(rows or {0})} rows of {n} come out: how long is your order? It should be len(inputs) long.",
        )
        answer.holds(sorted(shapes) != sorted(right) or shapes == right, "All three are there, but in another order.")
        for name, mine, wanted in zip(names, shapes, right, strict=True):
            answer.holds(mine == wanted, f"The shape of the {name} should be {wanted}, as before; yours is {mine}.")
        found = []
        for name, old, part in zip(names, data, answer.value, strict=True):
            answer.holds(
                part.is_floating_point() == old.is_floating_point(),
                f"The {name} are of another type now, {part.dtype}: put them in another order, and change nothing else.",
            )
            same = part.reshape(n, 1, -1).double() == old.reshape(1, n, -1)
            answer.holds(
                same.all(-1).any(-1).all(),
                f"Some rows of the {name} are none of the old ones: an order moves whole rows, and changes nothing in them.",
            )
            found.append(same.all(-1).long().argmax(-1).tolist())
        return answer, found

    answer, found = orders(torch.Generator().manual_seed(1))
    still = list(range(n))
    stayed = tuple(name for name, order in zip(names, found, strict=True) if order == still)
    answer.holds(len(stayed) < 3, "Nothing has moved. Draw a new order first.")
    answer.holds(
        not stayed,
        f"{' and '.join(stayed)} stayed behind: row 7 still speaks of the old image 7. For the teacher's logits this is the "
        "best-known bug of cached teachers. Index all three with the same order.",
    )
    x, y, z = found
    inverse = [x.index(i) if i in x else -1 for i in still]
    answer.holds(
        inverse not in (y, z) or x == y == z, "You undo the order for one of them: use `order` itself, three times."
    )
    odd = (
        "" if x != y and y != z and x != z else f" Here {names[2 if x == y else 1 if x == z else 0]} go their own way."
    )
    answer.holds(
        x == y == z, f"Rows that belong together were separated. Draw *one* order and use it three times.{odd}"
    )
    answer.holds(
        sorted(x) == still,
        "Some images appear twice and others never: that is sampling with replacement. Use torch.randperm.",
    )
    neighbours = sum(abs(a - b) == 1 for a, b in zip(x, x[1:], strict=False))
    answer.holds(
        neighbours < n // 3,
        "That is no random order: most rows still stand beside their old neighbours (shifted, turned round, or in "
        "blocks). torch.randperm mixes all of them.",
    )
    answer.holds(sum(i == j for i, j in enumerate(x)) < n // 3, "Only some of the rows moved: mix all of them.")
    again, (second, *_) = orders(torch.Generator().manual_seed(1))
    again.holds(
        second == x, "The same generator seed gave another order. Pass it on: torch.randperm(n, generator=generator)."
    )
    other, (second, *_) = orders(torch.Generator().manual_seed(2))
    other.holds(
        second != x,
        "Two generators gave one order: do not seed inside the function, use the generator that you are given.",
    )
    used = torch.Generator().manual_seed(1)
    torch.rand(5, generator=used)
    other, (second, *_) = orders(used)
    other.holds(
        second != x,
        "A generator that was used before gives the same order again, so that each epoch is the same: do not seed it, nor "
        "start from its seed. Only pass it on.",
    )


def _shuffle_by(*orders):
    """A wrong answer: three orders, functions of (n, generator); None is the order before it, once more."""

    def shuffle_together(inputs, labels, teacher_logits, generator):
        moved, order = [], None
        for part, draw in zip((inputs, labels, teacher_logits), orders, strict=True):
            order = order if draw is None else draw(len(inputs), generator)
            moved.append(part[order])
        return tuple(moved)

    return shuffle_together


def _permutation(n, generator):
    return torch.randperm(n, generator=generator)


def _none(n, generator):
    return torch.arange(n)


shuffle_together = Exercise(
    place=1,
    title="Keep them together",
    minutes=5,
    difficulty="easy",
    reference=_shuffle_together,
    questions=_ask_shuffle_together,
    hints=(
        "How many random orders do you need for three tensors whose rows belong together?",
        "`torch.randperm(n, generator=generator)` is one random order of 0 .. n - 1.",
        "Draw `order` once, then index: `inputs[order], labels[order], teacher_logits[order]`.",
    ),
    wrong={
        "teacher logits stay": (_shuffle_by(_permutation, None, _none), "stayed behind"),
        "only the inputs": (_shuffle_by(_permutation, _none, None), "labels and teacher_logits stayed behind"),
        "only the labels stay": (
            _shuffle_by(_permutation, _none, lambda n, g: _permutation(n, g.manual_seed(1))),
            "labels stayed behind",
        ),
        "three orders": (_shuffle_by(_permutation, _permutation, _permutation), "separated"),
        "nothing": (_shuffle_by(_none, None, None), "Nothing has moved"),
        "with replacement": (
            _shuffle_by(lambda n, g: torch.randint(n, (n,), generator=g), None, None),
            "replacement",
        ),
        "global random numbers": (_shuffle_by(lambda n, g: torch.randperm(n), None, None), "Pass it on"),
        "own seed": (_shuffle_by(lambda n, g: _permutation(n, g.manual_seed(0)), None, None), "do not seed inside"),
        "the seed again": (
            _shuffle_by(lambda n, g: _permutation(n, g.manual_seed(g.initial_seed())), None, None),
            "each epoch",
        ),
        "a shift": (
            _shuffle_by(lambda n, g: torch.arange(n).roll(int(torch.randint(1, n, (1,), generator=g))), None, None),
            "neighbours",
        ),
        "undone": (
            lambda x, y, z, g: (x[o := torch.randperm(len(x), generator=g)], y[o], z[o.argsort()]),
            "undo the order",
        ),
        "columns": (
            lambda x, y, z, g: (x[o := torch.randperm(len(x), generator=g)], y[o], z[o].flip(-1)),
            "moves whole rows",
        ),
        "two results": (lambda x, y, z, g: (x, y), "Return 3 values"),
    },
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _distillation_step(student, optimizer, inputs, labels, teacher_logits, temperature, alpha):
    """One step of gradient descent on the distillation loss; returns the loss before the step, as a float."""
    student_logits = student(inputs)
    loss = distillation_loss(student_logits, teacher_logits, labels, temperature=temperature, alpha=alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _distillation_step_in_full(student, optimizer, inputs, labels, teacher_logits, temperature, alpha):
    optimizer.zero_grad()
    student_logits = student(inputs)
    hard = F.cross_entropy(student_logits, labels)
    log_q = F.log_softmax(student_logits / temperature, dim=-1)
    p = F.softmax(teacher_logits / temperature, dim=-1)
    soft = F.kl_div(log_q, p, reduction="batchmean")
    loss = alpha * hard + (1 - alpha) * temperature**2 * soft
    loss.backward()
    optimizer.step()
    return loss.item()


def _three_steps(step, student, optimizer, inputs, labels, teacher_logits, temperature, alpha):
    """What comes out of three steps with one batch: the losses, and what each does to the student."""
    seen, steps = {}, []
    hook = optimizer.register_step_post_hook(lambda *_: steps.append(1))
    for number in ("first", "second", "third"):
        before = _weights(student)
        steps.clear()
        loss = step(student, optimizer, inputs, labels, teacher_logits, temperature, alpha)
        if isinstance(loss, torch.Tensor) and loss.requires_grad and loss.ndim == 0:
            raise Mistake(
                "You return the loss with its whole graph attached: memory grows at every step. Return loss.item()."
            )
        Answer(loss).is_number()
        moved = _weights(student) - before
        if not student.training:
            raise Mistake(
                "The student is in eval mode after your step: dropout is off then, and it trains as it should be used. Leave "
                "its mode alone, or call student.train()."
            )
        if moved.any() and not steps:
            raise Mistake(
                "The weights move, but not by the optimiser that you are given. Call its step(), not another's."
            )
        if not moved.any():
            raise Mistake(
                "The weights did not move. A step needs loss.backward() and then optimizer.step(). If you call both: "
                "zero_grad() between them throws the gradients away, and a step() before backward() has none to follow."
            )
        if len(steps) > 1:
            raise Mistake(f"optimizer.step() runs {len(steps)} times. One step is asked for, with the whole batch.")
        seen |= {f"loss of the {number} step": loss, f"{number} step of the weights": moved}
    hook.remove()
    return seen


def _another_way_down(evidence):
    """Where the loss is right and the weights move otherwise."""
    _, value, wanted = evidence.cases[0]
    if getattr(value, "ndim", 0) != 1:
        return None
    ratio = float((value * wanted).sum() / wanted.square().sum())
    if torch.allclose(value, ratio * wanted, atol=1e-3 * float(wanted.abs().max()) * abs(ratio)):
        turned = "the wrong way, uphill" if ratio < 0 else f"the right way, but {abs(ratio):.3g} times as far"
        return f"They move {turned}. Call backward() on the loss itself, and let nothing change the gradients after it."
    return "They do not follow the gradient of your loss. Call backward() on this loss, once, and leave the gradients alone."


def _weights(student):
    return torch.cat([parameter.detach().flatten() for parameter in student.parameters()])


def _draw_step(draw):
    width = draw.width
    student = nn.Sequential(nn.Linear(6, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, draw.classes))
    return {
        "student": student,
        "optimizer": torch.optim.SGD(student.parameters(), lr=0.1, momentum=0.5),
        "inputs": torch.randn(2 * draw.rows, 6),
        "labels": draw.labels(2 * draw.rows),
        "teacher_logits": draw.logits(2 * draw.rows, draw.classes),
        "temperature": draw.temperature,
        "alpha": draw.weight,
    }


ORDER = ("zero", "loss", "backward", "step")


def _as_it_is(logits, temperature):
    return logits


def _step_variant(
    order=ORDER, output=_as_it_is, teacher=_as_it_is, result="loss", loss_of=distillation_loss_core, **overrides
):
    """A wrong answer: other things done, in another order, or the loss called in another way."""

    def distillation_step(student, optimizer, inputs, labels, teacher_logits, temperature, alpha):
        settings = {"temperature": temperature, "alpha": alpha}
        settings |= {name: change(settings[name]) for name, change in overrides.items()}

        def compute():
            z, v = output(student(inputs), temperature), teacher(teacher_logits, temperature)
            return loss_of(z, v, labels, **settings)

        loss = None if "loss" in order else compute()
        for what in order:
            if what == "zero":
                optimizer.zero_grad()
            elif what == "loss":
                loss = compute()
            elif what == "backward":
                loss.backward(retain_graph=True)
            elif what == "step":
                optimizer.step()
            elif what in ("eval", "train"):
                getattr(student, what)()
        return {"loss": loss.item(), "after": compute().item(), "graph": loss}[result]

    return distillation_step


distillation_step = Exercise(
    place=2,
    title="One training step",
    minutes=15,
    difficulty="medium",
    reference=_distillation_step,
    forms=(_distillation_step_in_full,),
    draw=_draw_step,
    observe=_three_steps,
    properties=(_another_way_down,),
    hints=(
        "Four things happen: the student answers, the loss compares, gradients flow back, the optimiser moves.",
        "PyTorch adds new gradients to old ones: call `optimizer.zero_grad()` before `loss.backward()`.",
        "`loss = distillation_loss(student(inputs), teacher_logits, labels, temperature=temperature, alpha=alpha)`, "
        "then `zero_grad`, `backward`, `step`, and `return loss.item()`.",
    ),
    mistakes={
        "The first step is right, later ones are not: gradients add up until optimizer.zero_grad() is called.": (
            _step_variant(("loss", "backward", "step"))
        ),
        "That is the loss after the step. Compute it once, before, and return that.": _step_variant(result="after"),
        "That is the loss on the labels alone. Where is the teacher?": _step_variant(alpha=lambda a: 1.0),
        "That is the teacher's term alone. Where are the labels?": _step_variant(alpha=lambda a: 0.0),
        "The loss takes logits. You passed it probabilities: leave out the softmax.": (
            _step_variant(output=lambda z, T: z.softmax(-1)),
            _step_variant(output=lambda z, T: z.softmax(-1), teacher=lambda v, T: v.softmax(-1)),
        ),
        "The student answers in eval mode, where dropout is off and batch norm does not learn: train in training mode.": (
            _step_variant(("eval", "zero", "loss", "train", "backward", "step"))
        ),
        "You softened the student in the hard term too. The label is met at T = 1, where the student will be used.": (
            _step_variant(
                loss_of=lambda z, v, y, *, temperature, alpha: (
                    alpha * F.cross_entropy(z / temperature, y)
                    + (1 - alpha) * distillation_loss_core(z, v, y, temperature=temperature, alpha=0.0)
                )
            )
        ),
        "backward() is called twice, so its gradients count twice.": (
            _step_variant(("zero", "loss", "backward", "backward", "step"))
        ),
        "The loss divides by the temperature itself: pass it the logits as they are.": (
            _step_variant(output=lambda z, T: z / T),
            _step_variant(output=lambda z, T: z / T, teacher=lambda v, T: v / T),
            _step_variant(teacher=lambda v, T: v / T),
        ),
    },
    wrong={
        "zero_grad too late": (_step_variant(("loss", "backward", "zero", "step")), "throws the gradients away"),
        "step before backward": (_step_variant(("zero", "loss", "step", "backward")), "step() before backward()"),
        "alpha the other way round": (_step_variant(alpha=lambda a: 1 - a), "The weights are swapped"),
        "ignores the temperature": (_step_variant(temperature=lambda t: 1.0), "Temperature makes no difference"),
        "steps twice": (_step_variant((*ORDER, "step")), "runs 2 times"),
        "no backward": (_step_variant(("zero", "loss", "step")), "did not move"),
        "no step": (_step_variant(("zero", "loss", "backward")), "did not move"),
        "left in eval mode": (_step_variant(("eval", "zero", "loss", "backward", "step")), "in eval mode after"),
        "eval mode at the end": (_step_variant(("zero", "loss", "backward", "step", "eval")), "in eval mode after"),
        "returns the graph": (_step_variant(result="graph"), "whole graph"),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _twins(make_model):
    """Two separate models with the same initial weights."""
    first = make_model()
    return first, copy.deepcopy(first)


def _ask_twins(ask):
    answer = ask(lambda: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)))
    answer.is_sequence(2, "the two models")
    first, second = answer.value
    for model in answer.value:
        kind = f" You returned a {type(model).__name__}."
        answer.holds(isinstance(model, nn.Module), f"Return the models themselves: call make_model() to get one.{kind}")
    answer.holds(first is not second, "Both names stand for one model: train one and the other changes too.")
    answer.holds(
        repr(first) == repr(second), "The two models are built differently. Both should come from make_model()."
    )
    one, two = first.state_dict(), second.state_dict()
    shared = [name for name in one if one[name].data_ptr() == two[name].data_ptr()]
    answer.holds(
        not shared,
        f"Two models, but they share their weight tensors ({', '.join(shared)}): train one and the other changes too. "
        "Copy the weights.",
    )
    answer.holds(
        not any(len(w) and (w == w.flatten()[0]).all() for n, w in one.items() if w.ndim == 2),
        "All weights are zero, or all the same. Keep the weights that make_model() drew.",
    )
    other = [n for n in one if one[n].dtype != two[n].dtype or not torch.equal(one[n], two[n])]
    some = "" if not other or len(other) > 3 else f" Some are the same, but not {', '.join(other)}."
    answer.holds(
        not other,
        f"They start from different weights, so a difference at the end could be luck. Copy the first one's weights.{some}",
    )
    trained = all(p.requires_grad and p.is_leaf for model in answer.value for p in model.parameters())
    answer.holds(trained, "The weights of one cannot be trained any more: requires_grad is off.")
    answer.holds(first.training and second.training, "One of them is in eval mode now: leave the mode as it is.")


def _twins_by(link):
    """A wrong answer: two models, and what is done with them."""

    def twins(make_model):
        first, second = make_model(), make_model()
        link(first, second)
        return first, second

    return twins


def _share(first, second):
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        b.data = a.data


def _copy_weights_only(first, second):
    for a, b in zip(first, second, strict=True):
        if isinstance(a, nn.Linear):
            b.weight.data.copy_(a.weight.data)


twins = Exercise(
    place=3,
    title="A fair start",
    minutes=5,
    difficulty="easy",
    reference=_twins,
    questions=_ask_twins,
    hints=(
        "Calling `make_model()` twice draws random weights twice.",
        "Build one model. The second must be a copy, weights included, that can go its own way.",
        "`import copy`, then `copy.deepcopy(first)`. Or: `second.load_state_dict(first.state_dict())`.",
    ),
    wrong={
        "two draws": (lambda make: (make(), make()), "different weights"),
        "one object": (lambda make: (make(),) * 2, "one model"),
        "the factory": (lambda make: (make, make), "call make_model()"),
        "a state dict": (lambda make: (m := make(), m.state_dict()), "You returned a OrderedDict"),
        "a single model": (lambda make: make(), "the two models"),
        "a shallow copy": (lambda make: (m := make(), copy.copy(m)), "share their weight tensors"),
        "shared tensors": (_twins_by(_share), "share their weight tensors"),
        "the same layers": (lambda make: (m := make(), nn.Sequential(*m)), "share their weight tensors"),
        "another model": (lambda make: (make(), nn.Linear(5, 3)), "built differently"),
        "no biases": (_twins_by(_copy_weights_only), "Some are the same, but not 0.bias"),
        "zeros": (
            _twins_by(lambda a, b: [nn.init.zeros_(p) for m in (a, b) for p in m.parameters()]),
            "All weights are zero",
        ),
        "frozen": (lambda make: (m := make(), copy.deepcopy(m).requires_grad_(False)), "requires_grad is off"),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _predict(student, inputs):
    """The student's probabilities for inputs, as it would be used after training; its mode is restored."""
    was_training = student.training
    student.eval()
    with torch.no_grad():
        probabilities = torch.softmax(student(inputs), dim=-1)
    student.train(was_training)
    return probabilities


def _used_in_both_modes(predict, student, inputs):
    """What comes out for a student in training mode and for one in eval mode, and what is left of it."""
    seen = {}
    for mode, other in (("training", "eval"), ("eval", "training")):
        student.train(mode == "training")
        torch.manual_seed(0)  # so that dropout, if it is on, can be recognised
        result = predict(student, inputs)
        Answer(result).is_tensor()
        if result.requires_grad:
            raise Mistake("The result still carries a graph for gradients. Predict under torch.no_grad().")
        if student.training != (mode == "training"):
            raise Mistake(
                f"The student was in {mode} mode and is in {other} mode now: remember student.training at the start, and "
                "restore that mode at the end, student.train(was_training)."
            )
        if not all(weight.requires_grad for weight in student.parameters()):
            raise Mistake("After your function the student cannot be trained any more: requires_grad is off.")
        seen[f"result for a student in {mode} mode"] = result
    return seen | {"student afterwards": torch.cat([v.flatten().float() for v in student.state_dict().values()])}


def _draw_predict(draw):
    width = draw.width
    student = nn.Sequential(
        nn.Linear(6, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.5), nn.Linear(width, draw.classes)
    )
    student[1].running_mean = torch.randn(width)
    return {"student": student, "inputs": 3 * torch.randn(draw.rows, 6)}


def _temperature_left_on(evidence):
    """The probabilities at some temperature, found from the distances of their logarithms; or no probabilities at all."""
    _, value, wanted = evidence.cases[0]
    if not torch.allclose(value.sum(-1), torch.ones(len(wanted)).to(value), atol=1e-3) or (value < 0).any():
        return "Your rows are no probabilities: all of them at least 0, together 1. torch.softmax makes them from the logits."
    mine, right = (torch.log(p.double()) - torch.log(p.double()).mean(-1, keepdim=True) for p in (value, wanted))
    T = float((right * right).sum() / (right * mine).sum())
    if T > 0 and torch.allclose(mine * T, right, atol=1e-3 * float(right.abs().max())):
        return f"You left the temperature on (T = {T:.3g}). It belongs to training: use the student at T = 1."
    return None


def _predict_variant(evaluate=True, back=lambda was: was, gradients=False, output=lambda z: z.softmax(-1)):
    def predict(student, inputs):
        was_training = student.training
        if evaluate is not False:
            student.train(evaluate is None)
        with torch.set_grad_enabled(gradients):
            result = output(student(inputs))
        student.train(back(was_training))
        return result

    return predict


def _predict_the_other_way(student, inputs):
    return _predict(student, inputs) if student.training else _predict_variant(evaluate=None)(student, inputs)


predict = Exercise(
    place=4,
    title="After the training",
    minutes=10,
    difficulty="medium",
    reference=_predict,
    draw=_draw_predict,
    observe=_used_in_both_modes,
    properties=(_temperature_left_on,),
    hints=(
        "Three things differ from a training step: dropout is off, no gradients, and the temperature is back at 1.",
        "`student.eval()` turns dropout off; `with torch.no_grad():` keeps no graph.",
        "Remember `student.training` first, and call `student.train(was_training)` at the end.",
    ),
    mistakes={
        "Dropout is still on, so two calls give two answers. Call student.eval() first.": (
            _predict_variant(evaluate=False)
        ),
        "Right for a student in training mode; one in eval mode you put into training mode. Call student.eval(), always.": (
            _predict_the_other_way
        ),
        "Those are logits. Turn them into probabilities.": _predict_variant(output=lambda z: z),
        "Those are the predicted classes. Return the probabilities of all of them.": (
            _predict_variant(output=lambda z: z.argmax(-1))
        ),
        "Those are the largest probabilities alone. Return those of all classes.": (
            _predict_variant(output=lambda z: z.softmax(-1).amax(-1))
        ),
        "Those are logarithms of the probabilities. Return the probabilities themselves: softmax.": (
            _predict_variant(output=lambda z: z.log_softmax(-1))
        ),
        "Each logit by itself goes through a sigmoid. One of the classes is right: softmax makes them share 1.": (
            _predict_variant(output=lambda z: z.sigmoid())
        ),
    },
    wrong={
        "temperature left on": (
            _predict_variant(output=lambda z: (z / 4).softmax(-1)),
            "left the temperature on (T = 4)",
        ),
        "keeps the graph": (_predict_variant(gradients=True), "torch.no_grad()"),
        "wrong axis": (_predict_variant(output=lambda z: z.softmax(0)), "columns sum to one"),
        "softmax twice": (_predict_variant(output=lambda z: z.softmax(-1).softmax(-1)), "Softmax twice"),
        "always back to training": (_predict_variant(back=lambda was: True), "restore that"),
        "left in eval mode": (_predict_variant(back=lambda was: False), "restore that mode"),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _agreement(student_logits, teacher_logits):
    """The share of inputs on which student and teacher predict the same class, from 0 to 1."""
    same = student_logits.argmax(dim=-1) == teacher_logits.argmax(dim=-1)
    return same.float().mean().item()


def _draw_agreement(draw):
    """They agree on more than half in one draw, on less in the other, and where any logit is largest."""
    count = (12 if draw.rows == 1 else 60) * draw.rows  # many: a share is met by chance else
    teacher_logits = draw.logits(count, draw.classes)
    student_logits = (0.4, 1.5)[draw.number % 2] * teacher_logits + draw.logits(count, draw.classes)
    teacher_logits[1] = 20 * torch.eye(draw.classes)[1]
    student_logits[1], student_logits[2] = teacher_logits[1] + 1, teacher_logits[2]
    return {"student_logits": student_logits, "teacher_logits": teacher_logits}


def _share_of(same):
    """A wrong answer: the share of what is True in `same(student_logits, teacher_logits)`."""
    return lambda s, t: same(s, t).double().mean().item()


def _order(logits):
    return logits.argsort(-1)


def _looks_at_more_than_classes(evidence):
    """What comes out changes with logits whose largest stays the largest."""
    arguments, value, _ = evidence.cases[0]
    z = arguments["student_logits"]
    stretched = [arguments | {"student_logits": z * (1 + torch.arange(len(z)))[:, None] + shift} for shift in (7, -50)]
    if any(abs(float(evidence.call(other)) - float(value)) > 1e-6 for other in stretched):
        return (
            "Stretching and shifting the logits changes no prediction, and yet it changes your result. Agreement only asks "
            "whether the two predictions are the same class: argmax."
        )
    return None


agreement = Exercise(
    place=5,
    title="Does the student agree?",
    minutes=5,
    difficulty="easy",
    reference=_agreement,
    draw=_draw_agreement,
    properties=(_looks_at_more_than_classes,),
    hints=(
        "A prediction is the class with the largest logit.",
        "Comparing two integer tensors with `==` gives True and False; `.float()` turns them into 1 and 0.",
        "`(student_logits.argmax(-1) == teacher_logits.argmax(-1)).float().mean().item()`.",
    ),
    cases={
        "Of four inputs they agree on one alone, so this should be a quarter.": (
            lambda draw: {
                "student_logits": torch.tensor([[2.0, 1.0, 0.0]] * 4),
                "teacher_logits": torch.tensor([[9.0, 0.0, 1.0], [-3.0, -1.0, -2.0], [1.0, 2.0, 0.0], [0.0, 1.0, 2.0]]),
            }
        ),
    },
    mistakes={
        "You have one answer for each input. Take their mean to get the share.": (
            lambda s, t: s.argmax(-1) == t.argmax(-1),
            lambda s, t: (s.argmax(-1) == t.argmax(-1)).float(),
        ),
        "That is how many inputs agree. Divide by the number of inputs.": (
            lambda s, t: (s.argmax(-1) == t.argmax(-1)).sum().item()
        ),
        "That is in percent. Return a share between 0 and 1.": lambda s, t: 100 * _agreement(s, t),
        "That is the share on which they *disagree*.": lambda s, t: 1 - _agreement(s, t),
        "Yours is 0 unless they agree on *every* input (all, torch.equal, or `//`). Take the mean: on how many do they agree?": (
            lambda s, t: bool((s.argmax(-1) == t.argmax(-1)).all()),
            lambda s, t: (s.argmax(-1) == t.argmax(-1)).sum().item() // len(s),
        ),
        "Do not round: return the share itself.": lambda s, t: float(round(_agreement(s, t))),
        "Of all the logits you look for the largest: argmax needs dim=-1, to find one class for each input.": (
            _share_of(lambda s, t: s.argmax() == t.argmax())
        ),
        "You divide by the number of classes. Divide by the number of inputs.": (
            lambda s, t: (s.argmax(-1) == t.argmax(-1)).sum().item() / s.shape[-1],
        ),
        "You subtract the numbers of the classes, which are names. Ask whether they are equal: ==.": (
            lambda s, t: (s.argmax(-1) - t.argmax(-1)).float().mean().item(),
            lambda s, t: (s.argmax(-1) - t.argmax(-1)).float().abs().mean().item(),
            lambda s, t: (s.argmax(-1) - t.argmax(-1)).float().square().mean().item(),
        ),
        "You looked for the best input of each class. Predictions are the argmax along the last axis.": (
            _share_of(lambda s, t: s.argmax(0) == t.argmax(0))
        ),
        "You compare the whole ranking of the classes. A prediction is the first of them alone.": (
            _share_of(lambda s, t: (_order(s) == _order(t)).all(-1)),
            _share_of(lambda s, t: _order(s) == _order(t)),
        ),
        "You compare logits, or probabilities, which are never quite equal. Compare the classes: argmax.": (
            _share_of(lambda s, t: s == t),
            _share_of(lambda s, t: torch.isclose(s, t).all(-1)),
            _share_of(lambda s, t: s.amax(-1) == t.amax(-1)),
        ),
        "You compare the class they find *least* likely: argmax, not argmin.": (
            _share_of(lambda s, t: s.argmin(-1) == t.argmin(-1))
        ),
        "You also count where the teacher's class is only among the student's best two.": (
            _share_of(lambda s, t: (s.topk(2).indices == t.argmax(-1, keepdim=True)).any(-1))
        ),
    },
    wrong={
        "close logits": (_share_of(lambda s, t: (s - t).abs() < 0.5), "the same class"),
        "signs": (_share_of(lambda s, t: (s > 0) == (t > 0)), "the same class"),
        "cosine": (lambda s, t: F.cosine_similarity(s, t).mean().item(), "the same class"),
        "probabilities": (lambda s, t: (s.softmax(-1) * t.softmax(-1)).sum(-1).mean().item(), "the same class"),
    },
)

quiz = Quiz(
    Question(
        "You cache the teacher's logits once, then train with a DataLoader that shuffles the images. What happens?",
        (
            Option("Training is merely slower.", "Row 7 of the cache still describes the old image 7."),
            Option(
                "Each image is paired with what the teacher said about another one.",
                "Right. Nothing complains: the loss hardly falls, but who compares it with the loss of a correct run?",
                True,
            ),
            Option(
                "PyTorch raises an error.", "All shapes fit, so nothing complains. Loss and accuracy suffer in silence."
            ),
        ),
    ),
    Question(
        "After the race you try five temperatures and keep the one with the best test accuracy. What is wrong?",
        (
            Option(
                "The test accuracy of the winner is now too good to be true.",
                "Right: choosing is a kind of training. Choose on validation data, and open the test set once.",
                True,
            ),
            Option("Nothing: the student never trained on test images.", "You did, by choosing the luckiest of five."),
            Option("Five is too few.", "More tries would make it worse: the luckiest of a hundred is luckier still."),
        ),
    ),
    Question(
        "Why do both students of the race start from the same weights and see the same batches?",
        (
            Option("It makes training faster.", "It changes no speed."),
            Option("Otherwise they would not converge.", "Each would converge by itself just as well."),
            Option(
                "So that the loss is the only difference between them.",
                "Right. And because one pair can still be lucky, lesson 06 repeats it with other seeds.",
                True,
            ),
        ),
    ),
)
