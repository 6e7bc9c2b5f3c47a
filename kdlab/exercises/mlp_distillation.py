"""Exercises of lesson 04, distilling an MLP."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from kdlab.exercises.core import Exercise, Option, Question, Quiz
from kdlab.losses import distillation_loss, distillation_loss_core

# 1 --------------------------------------------------------------------------------------------------------------------


def _shuffle_together(inputs, labels, teacher_logits, generator):
    """All three in one new random order: (inputs, labels, teacher_logits)."""
    order = torch.randperm(len(inputs), generator=generator)
    return inputs[order], labels[order], teacher_logits[order]


def _ask_shuffle_together(ask):
    # Every row of the three tensors says which image it belongs to.
    n = 60
    inputs = torch.arange(n).float().unsqueeze(1).repeat(1, 4)
    labels, teacher_logits = torch.arange(n), torch.arange(n).float().unsqueeze(1).repeat(1, 3)
    answer = ask(inputs, labels, teacher_logits, torch.Generator().manual_seed(1))
    answer.is_sequence(3, "inputs, labels and teacher_logits, in that order")
    shapes = [tuple(getattr(part, "shape", ())) for part in answer.value]
    answer.holds(
        shapes == [(n, 4), (n,), (n, 3)],
        f"The shapes should be {[(n, 4), (n,), (n, 3)]}; yours are {shapes}.",
    )
    x, y, z = (part if part.ndim == 1 else part[:, 0] for part in answer.value)
    rows = [[int(v) for v in part] for part in (x, y, z)]
    answer.holds(rows[0] != list(range(n)) or rows[1] != rows[0], "Nothing has moved. Draw a new order first.")
    answer.holds(
        not (rows[1] == list(range(n)) and rows[2] == list(range(n))),
        "Only the inputs moved. Labels and teacher logits must follow, in the same order.",
    )
    answer.holds(
        rows[2] != list(range(n)),
        "The teacher's logits stayed behind: row 7 still talks about the old image 7. This is the best-known bug of "
        "cached teachers. Index them with the same order.",
    )
    answer.holds(
        rows[0] == rows[1] == rows[2],
        "Rows that belong together were separated. Draw *one* order and use it three times.",
    )
    answer.holds(
        sorted(rows[0]) == list(range(n)),
        "Some images appear twice and others never: that is sampling with replacement. Use torch.randperm.",
    )
    again = ask(inputs, labels, teacher_logits, torch.Generator().manual_seed(1))
    again.holds(
        torch.equal(again.value[0], answer.value[0]),
        "The same generator seed gave another order. Pass it on: torch.randperm(n, generator=generator).",
    )
    other = ask(inputs, labels, teacher_logits, torch.Generator().manual_seed(2))
    other.holds(
        not torch.equal(other.value[0], answer.value[0]),
        "Two generators gave one order: do not seed inside the function, use the generator that you are given.",
    )


def _shuffle_with(x_order, y_order, z_order):
    """A wrong answer: three orders, each "same", "own" or "none"."""

    def shuffle_together(inputs, labels, teacher_logits, generator):
        same = torch.randperm(len(inputs), generator=generator)
        orders = {
            "same": lambda: same,
            "own": lambda: torch.randperm(len(inputs), generator=generator),
            "none": lambda: torch.arange(len(inputs)),
        }
        return inputs[orders[x_order]()], labels[orders[y_order]()], teacher_logits[orders[z_order]()]

    return shuffle_together


def _shuffle_with_replacement(inputs, labels, teacher_logits, generator):
    order = torch.randint(len(inputs), (len(inputs),), generator=generator)
    return inputs[order], labels[order], teacher_logits[order]


def _shuffle_globally(inputs, labels, teacher_logits, generator):
    order = torch.randperm(len(inputs))
    return inputs[order], labels[order], teacher_logits[order]


def _shuffle_seeded(inputs, labels, teacher_logits, generator):
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))
    return inputs[order], labels[order], teacher_logits[order]


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
        "teacher logits stay": (_shuffle_with("same", "same", "none"), "stayed behind"),
        "only the inputs": (_shuffle_with("same", "none", "none"), "Only the inputs"),
        "three orders": (_shuffle_with("own", "own", "own"), "separated"),
        "nothing": (_shuffle_with("none", "none", "none"), "Nothing has moved"),
        "with replacement": (_shuffle_with_replacement, "replacement"),
        "global random numbers": (_shuffle_globally, "Pass it on"),
        "own seed": (_shuffle_seeded, "do not seed inside"),
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


def _ask_distillation_step(ask):
    inputs, labels = torch.randn(16, 6), torch.randint(4, (16,))
    teacher_logits = 3 * torch.randn(16, 4)
    start = nn.Linear(6, 4)

    def after(step, times=1, temperature=3.0, alpha=0.3):
        """The student after so many steps, and the last loss that the step returned."""
        student = copy.deepcopy(start)
        optimizer = torch.optim.SGD(student.parameters(), lr=0.05)
        for _ in range(times):
            loss = step(student, optimizer, inputs, labels, teacher_logits, temperature, alpha)
        return student, loss

    def weights(student):
        return torch.cat([parameter.detach().flatten() for parameter in student.parameters()])

    right, right_loss = after(_distillation_step)
    mine, answer = after(ask)
    if isinstance(answer.value, torch.Tensor):
        answer.holds(
            not answer.value.requires_grad,
            "You return the loss with its whole graph attached: memory grows at every step. Return loss.item().",
        )
    answer.is_number()
    answer.holds(
        not torch.equal(weights(mine), weights(start)),
        "The weights did not move. A step needs loss.backward() and then optimizer.step(). If you call both: zero_grad() "
        "between them throws the gradients away, and a step() before backward() has none to follow.",
    )
    swapped, swapped_loss = after(_distillation_step, alpha=0.7)
    answer.is_not(swapped_loss, "alpha weighs the *labels*, 1 - alpha the teacher: yours are the other way round.")
    _, hard_loss = after(_distillation_step, alpha=1.0)
    answer.is_not(hard_loss, "That is the loss on the labels alone. Where is the teacher?")
    _, soft_loss = after(_distillation_step, alpha=0.0)
    answer.is_not(soft_loss, "That is the teacher's term alone. Where are the labels?")
    _, cold_loss = after(_distillation_step, temperature=1.0)
    answer.is_not(cold_loss, "The temperature makes no difference to your loss. Is it passed on?")
    double = distillation_loss_core(
        start(inputs).softmax(-1), teacher_logits, labels, temperature=3.0, alpha=0.3
    ).item()
    answer.is_not(double, "The loss takes logits. You passed it probabilities: leave out the softmax.")
    with torch.no_grad():
        afterwards = distillation_loss(right(inputs), teacher_logits, labels, temperature=3.0, alpha=0.3).item()
    answer.is_not(afterwards, "That is the loss after the step. Compute it once, before, and return that.")
    answer.equals(right_loss, "The loss is off. Use distillation_loss with temperature=... and alpha=....")
    answer.holds(
        torch.allclose(weights(mine), weights(right), atol=1e-6),
        "The loss is right, but the weights after the step are not. One backward, one optimizer.step, nothing else.",
    )
    right, _ = after(_distillation_step, times=3)
    mine, _ = after(ask, times=3)
    answer.holds(
        torch.allclose(weights(mine), weights(right), atol=1e-5),
        "The first step is right, the third is not: gradients add up until optimizer.zero_grad() is called.",
    )


def _step_variant(zero_grad=True, backward=True, step=True, softmax=False, detach=True, **overrides):
    """A wrong answer that leaves something out, or calls the loss with other settings."""

    def distillation_step(student, optimizer, inputs, labels, teacher_logits, temperature, alpha):
        settings = {"temperature": temperature, "alpha": alpha}
        settings |= {name: change(settings[name]) for name, change in overrides.items()}
        logits = student(inputs)
        loss = distillation_loss(logits.softmax(-1) if softmax else logits, teacher_logits, labels, **settings)
        if zero_grad:
            optimizer.zero_grad()
        if backward:
            loss.backward()
        if step:
            optimizer.step()
        return loss.item() if detach else loss

    return distillation_step


def _loss_after_the_step(student, optimizer, inputs, labels, teacher_logits, temperature, alpha):
    _distillation_step(student, optimizer, inputs, labels, teacher_logits, temperature, alpha)
    return distillation_loss(student(inputs), teacher_logits, labels, temperature=temperature, alpha=alpha).item()


def _zero_grad_too_late(student, optimizer, inputs, labels, teacher_logits, temperature, alpha):
    loss = distillation_loss(student(inputs), teacher_logits, labels, temperature=temperature, alpha=alpha)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


distillation_step = Exercise(
    place=2,
    title="One training step",
    minutes=15,
    difficulty="medium",
    reference=_distillation_step,
    questions=_ask_distillation_step,
    hints=(
        "Four things happen: the student answers, the loss compares, gradients flow back, the optimiser moves.",
        "PyTorch adds new gradients to old ones: call `optimizer.zero_grad()` before `loss.backward()`.",
        "`loss = distillation_loss(student(inputs), teacher_logits, labels, temperature=temperature, alpha=alpha)`, "
        "then `zero_grad`, `backward`, `step`, and `return loss.item()`.",
    ),
    wrong={
        "no zero_grad": (_step_variant(zero_grad=False), "gradients add up"),
        "zero_grad too late": (_zero_grad_too_late, "throws the gradients away"),
        "loss after the step": (_loss_after_the_step, "after the step"),
        "no backward": (_step_variant(backward=False), "did not move"),
        "no step": (_step_variant(step=False), "did not move"),
        "alpha the other way round": (_step_variant(alpha=lambda a: 1 - a), "other way round"),
        "labels only": (_step_variant(alpha=lambda a: 1.0), "labels alone"),
        "teacher only": (_step_variant(alpha=lambda a: 0.0), "teacher's term alone"),
        "ignores the temperature": (_step_variant(temperature=lambda t: 1.0), "temperature makes no difference"),
        "softmax before the loss": (_step_variant(softmax=True), "look like probabilities"),
        "returns the graph": (_step_variant(detach=False), "whole graph"),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _twins(make_model):
    """Two separate models with the same initial weights."""
    first = make_model()
    return first, copy.deepcopy(first)


def _ask_twins(ask):
    answer = ask(lambda: nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)))
    answer.is_sequence(2, "the two models")
    first, second = answer.value
    answer.holds(
        isinstance(first, nn.Module) and isinstance(second, nn.Module),
        "Return the models themselves: call make_model() to get one.",
    )
    answer.holds(first is not second, "Both names stand for one model: train one and the other changes too.")
    pairs = list(zip(first.parameters(), second.parameters(), strict=True))
    answer.holds(
        all(a.data_ptr() != b.data_ptr() for a, b in pairs),
        "Two models, but they share their weight tensors: train one and the other changes too. Copy the weights.",
    )
    answer.holds(
        all(torch.equal(a, b) for a, b in pairs),
        "They start from different weights, so a difference at the end could be luck. Copy the first one's weights.",
    )
    answer.holds(
        not all((a == 0).all() for a, _ in pairs), "All weights are zero. Keep the weights that make_model() drew."
    )
    answer.holds(
        all(a.requires_grad and b.requires_grad for a, b in pairs), "The weights of one cannot be trained any more."
    )


def _shared_twins(make_model):
    first, second = make_model(), make_model()
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        b.data = a.data
    return first, second


def _zero_twins(make_model):
    twins = make_model(), make_model()
    for twin in twins:
        for parameter in twin.parameters():
            nn.init.zeros_(parameter)
    return twins


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
        "a single model": (lambda make: make(), "the two models"),
        "shared tensors": (_shared_twins, "share their weight tensors"),
        "zeros": (_zero_twins, "All weights are zero"),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


@torch.no_grad()
def _predict(student, inputs):
    """The student's probabilities for inputs, as it would be used after training; its mode is restored."""
    was_training = student.training
    student.eval()
    probabilities = torch.softmax(student(inputs), dim=-1)
    student.train(was_training)
    return probabilities


def _ask_predict(ask):
    student = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 4))
    inputs = 2 * torch.randn(10, 6)
    with torch.no_grad():
        logits = student.eval()(inputs)
    student.train()
    answer = ask(student, inputs)
    answer.is_not(logits.argmax(-1), "Those are the predicted classes. Return the probabilities of all of them.")
    answer.is_tensor(logits.shape)
    answer.is_not(logits, "Those are logits. Turn them into probabilities.")
    for temperature in (2.0, 3.0, 4.0, 5.0, 8.0, 10.0, 20.0):
        answer.is_not(
            (logits / temperature).softmax(-1),
            f"You left the temperature on (T = {temperature:g}). It belongs to training: use the student at T = 1.",
        )
    answer.is_not(logits.softmax(0), "Your columns sum to one. Each row is a distribution: use the last axis.")
    answer.holds(
        not answer.value.requires_grad,
        "The result still carries a graph for gradients. Predict under torch.no_grad().",
    )
    again = ask(student, inputs)
    again.holds(
        torch.equal(again.value, answer.value),
        "Two calls gave two answers: dropout is still on. Call student.eval() first.",
    )
    answer.equals(
        logits.softmax(-1), "The probabilities are off. Softmax of the student's logits, along the last axis."
    )
    answer.holds(student.training, "The student was in training mode and is not any more: restore the mode at the end.")
    student.eval()
    ask(student, inputs).holds(
        not student.training,
        "The student was in eval mode and is now in training mode: remember student.training, and restore that.",
    )


def _predict_variant(
    evaluate=True, restore=True, gradients=False, output=lambda z: z.softmax(-1), back=lambda was: was
):
    def predict(student, inputs):
        was_training = student.training
        if evaluate:
            student.eval()
        with torch.set_grad_enabled(gradients):
            result = output(student(inputs))
        if restore:
            student.train(back(was_training))
        return result

    return predict


predict = Exercise(
    place=4,
    title="After the training",
    minutes=10,
    difficulty="medium",
    reference=_predict,
    questions=_ask_predict,
    hints=(
        "Three things differ from a training step: dropout is off, no gradients, and the temperature is back at 1.",
        "`student.eval()` turns dropout off; `with torch.no_grad():` keeps no graph.",
        "Remember `student.training` first, and call `student.train(was_training)` at the end.",
    ),
    wrong={
        "temperature left on": (_predict_variant(output=lambda z: (z / 4).softmax(-1)), "left the temperature on"),
        "dropout left on": (_predict_variant(evaluate=False), "dropout is still on"),
        "keeps the graph": (_predict_variant(gradients=True), "torch.no_grad()"),
        "logits": (_predict_variant(output=lambda z: z), "Those are logits"),
        "classes": (_predict_variant(output=lambda z: z.argmax(-1)), "predicted classes"),
        "wrong axis": (_predict_variant(output=lambda z: z.softmax(0)), "columns sum to one"),
        "always back to training": (_predict_variant(back=lambda was: True), "restore that"),
        "mode not restored": (_predict_variant(restore=False), "restore the mode"),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _agreement(student_logits, teacher_logits):
    """The share of inputs on which student and teacher predict the same class, from 0 to 1."""
    same = student_logits.argmax(dim=-1) == teacher_logits.argmax(dim=-1)
    return same.float().mean().item()


def _ask_agreement(ask):
    teacher_logits = torch.randn(50, 5)
    for c in range(5):
        teacher_logits[20 + c, c], teacher_logits[30 + c, c] = 9.0, 8.0
    student_logits = teacher_logits + 0.01 * (1 + torch.rand(50, 1))
    student_logits[:15] *= -1  # these 15 predict another class
    student_logits[33, 3] = student_logits[34, 4] = 12.0  # the best input of a class agrees for three of five
    right = 0.7
    answer = ask(student_logits, teacher_logits)
    answer.is_not(
        student_logits.argmax(-1) == teacher_logits.argmax(-1),
        "You have one answer for each input. Take their mean to get the share.",
    )
    answer.is_number()
    answer.is_not(round(right * 50), "That is how many inputs agree. Divide by the number of inputs.")
    answer.is_not(100 * right, "That is in percent. Return a share between 0 and 1.")
    answer.is_not(1 - right, "That is the share on which they *disagree*.")
    answer.is_not(
        (student_logits.argmax(0) == teacher_logits.argmax(0)).float().mean(),
        "You looked for the best input of each class. Predictions are the argmax along the last axis.",
    )
    answer.is_not(
        F.cosine_similarity(student_logits, teacher_logits).mean(),
        "That compares all the logits. Agreement only asks whether the two predictions are the same class.",
    )
    answer.equals(right, "The share is off. Compare the argmax of both along the last axis.")
    ask(3 * teacher_logits + 7, teacher_logits).equals(
        1.0, "Scaling and shifting the logits changes no prediction, so agreement should be 1 here."
    )


agreement = Exercise(
    place=5,
    title="Does the student agree?",
    minutes=5,
    difficulty="easy",
    reference=_agreement,
    questions=_ask_agreement,
    hints=(
        "A prediction is the class with the largest logit.",
        "Comparing two integer tensors with `==` gives True and False; `.float()` turns them into 1 and 0.",
        "`(student_logits.argmax(-1) == teacher_logits.argmax(-1)).float().mean().item()`.",
    ),
    wrong={
        "one for each input": (lambda s, t: s.argmax(-1) == t.argmax(-1), "Take their mean"),
        "count": (lambda s, t: (s.argmax(-1) == t.argmax(-1)).sum().item(), "how many inputs"),
        "percent": (lambda s, t: 100 * _agreement(s, t), "in percent"),
        "disagreement": (lambda s, t: 1 - _agreement(s, t), "*disagree*"),
        "wrong axis": (lambda s, t: (s.argmax(0) == t.argmax(0)).float().mean().item(), "best input of each class"),
        "equal logits": (lambda s, t: torch.isclose(s, t).all(-1).float().mean().item(), "The share is off"),
        "cosine": (lambda s, t: F.cosine_similarity(s, t).mean().item(), "all the logits"),
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
