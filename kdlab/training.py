"""Training runs as plain iterators of step records, and fair comparisons over seeds."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, fields

import torch
from torch import nn
from torch.nn import functional as F

from kdlab.checks import check_number, check_whole
from kdlab.losses import (
    check_alpha,
    check_device,
    check_labels,
    check_logits,
    check_temperature,
    cross_entropy_core,
    distillation_loss_core,
    look_like_probabilities,
)
from kdlab.models import logits_of
from kdlab.teachers import predict_logits

# --- recipes --------------------------------------------------------------------------------------


@dataclass
class Recipe:
    """All that a run depends on besides student and data; `str(recipe)` is one line that `Recipe.parse` reads back.

    `changes` maps a step (counted from 0) to the temperature or alpha that holds from that step on.
    """

    temperature: float = 4.0
    alpha: float = 0.1
    steps: int = 800
    batch_size: int = 128
    learning_rate: float = 1e-3
    seed: int = 0
    changes: dict[int, dict[str, float]] = field(default_factory=dict)

    def __post_init__(self):
        self.check()

    def check(self):
        """ValueError naming the first setting or change that cannot be used."""
        self.temperature, self.alpha = check_temperature(self.temperature), check_alpha(self.alpha)
        for name, least in (("steps", 1), ("batch_size", 1), ("seed", 0)):
            setattr(self, name, check_whole(name, getattr(self, name), least))
        self.learning_rate = check_number("learning_rate", self.learning_rate)
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be a positive finite number, got {self.learning_rate!r}")
        checked = {step: self._checked_change(step, settings) for step, settings in self.changes.items()}
        self.changes = {int(step): settings for step, settings in checked.items()}

    def change(self, step, **settings):
        """Let temperature= or alpha= hold from this step on; also while the run is under way. Raises ValueError."""
        checked, step = self._checked_change(step, settings), int(step)
        self.changes[step] = self.changes.get(step, {}) | checked

    def _checked_change(self, step, settings):
        check_whole("the step of a change", step, 0)
        if step >= self.steps:
            raise ValueError(f"a change at step {step} comes too late: the run has steps 0 to {self.steps - 1}")
        checks = {"temperature": check_temperature, "alpha": check_alpha}
        unknown = [name for name in settings if name not in checks]
        if unknown or not settings:
            raise ValueError(f"a change sets temperature or alpha, not {', '.join(unknown) or 'nothing'}")
        return {name: checks[name](value) for name, value in settings.items()}

    def __str__(self):
        main = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "changes"}
        parts = [_words(main)]
        parts += [f"{step}: {_words(settings)}" for step, settings in sorted(self.changes.items())]
        return " | ".join(parts)

    @classmethod
    def parse(cls, line):
        """The recipe that a line such as `temperature=4 steps=800 | 120: temperature=8` describes.

        Settings that are not named keep their defaults. ValueError names the word that cannot be read.
        """
        first, *others = line.split("|")
        types = {f.name: f.type for f in fields(cls) if f.name != "changes"}
        changes = {}
        for part in others:
            step, colon, words = part.partition(":")
            if not colon or not step.strip().isdecimal():
                raise ValueError(f"cannot read {part.strip()!r}: a change looks like `120: temperature=8`")
            if int(step) in changes:
                raise ValueError(f"step {int(step)} stands twice in the line: join its changes in one part")
            changes[int(step)] = _read_words(words, {"temperature": float, "alpha": float})
        return cls(**_read_words(first, types), changes=changes)


def _words(settings):
    """`{"temperature": 4.0, "steps": 800}` as `temperature=4 steps=800`; exact: reading it gives the same floats."""
    return " ".join(f"{name}={int(v) if v == int(v) else repr(v)}" for name, v in settings.items())


def _read_words(text, types):
    settings = {}
    for word in text.split():
        name, _, value = word.partition("=")
        if name not in types:
            raise ValueError(f"cannot read {word!r}: the settings here are {', '.join(types)}")
        if name in settings:
            raise ValueError(f"cannot read {word!r}: {name} stands twice")
        try:
            settings[name] = types[name](value)
        except ValueError:
            kind = "a whole number" if types[name] is int else "a number"
            raise ValueError(f"cannot read {word!r}: {name} must be {kind}") from None
    return settings


# --- one run --------------------------------------------------------------------------------------


def train(
    student, inputs, labels, teacher_logits=None, *, recipe, evaluate=None, evaluate_every=25, jitter=None
) -> Iterator[dict]:
    """Train a student and yield after every step {"step", "loss", "temperature", "alpha"}, all plain numbers.

    inputs float (N, ...), or token ids int64 (N, L) with 0 for padding; labels int (N,), teacher_logits (N, classes)
    or None for hard labels only. Every `evaluate_every` steps and after the last, the entries of `evaluate(student)`
    (in eval mode) join the record.
    `jitter=2` moves each image by up to 2 pixels each way, anew at every step; cached teacher logits cannot follow.

    Everything is checked when `train` is called (ValueError); student and data must be on one device. Batches, jitter
    and dropout depend on `recipe.seed` alone and change no global random state; each step switches gradients on and
    leaves that setting as it was. `recipe.changes` is read as the run goes, so a change made for the next step takes
    effect. Stop whenever you like: closing the iterator leaves the student trained so far, in the mode it had.
    """
    labels, teacher_logits = check_run(
        student, inputs, labels, teacher_logits, recipe, evaluate, evaluate_every, jitter
    )
    return _run(student, inputs, labels, teacher_logits, recipe, evaluate, evaluate_every, jitter)


def _run(student, inputs, labels, teacher_logits, recipe, evaluate, evaluate_every, jitter):
    batches = batches_of(len(inputs), recipe.batch_size, torch.Generator().manual_seed(recipe.seed))
    if jitter:
        inputs, shifts = _padded(inputs, jitter)

    def next_loss(temperature, alpha):
        chosen = next(batches).to(inputs.device)
        y = labels.index_select(0, chosen)
        x = inputs.index_select(0, chosen)  # twice as fast as inputs[chosen]
        if jitter:
            moves = torch.randint(len(shifts), (len(x),), device="cpu")
            x = x.gather(1, shifts[moves.to(x.device)])
        logits = logits_of(student(x))
        if teacher_logits is None:
            return cross_entropy_core(logits, y)
        v = teacher_logits.index_select(0, chosen)
        return distillation_loss_core(logits, v, y, temperature=temperature, alpha=alpha)

    return descend(student, next_loss, recipe=recipe, evaluate=evaluate, evaluate_every=evaluate_every)


def descend(student, next_loss, *, recipe, evaluate=None, evaluate_every=25) -> Iterator[dict]:
    """The loop behind every run: `recipe.steps` steps of Adam on `next_loss(temperature, alpha)`; records as in `train`.

    `next_loss` draws its own batch and gives one number with a gradient. What it and the student draw from PyTorch's
    global random numbers depends on `recipe.seed` alone and leaves those of the caller as they were. Checks nothing.
    """
    steps, temperature, alpha = recipe.steps, recipe.temperature, recipe.alpha
    noise = torch.Generator().manual_seed(recipe.seed + 2**32).get_state()
    weights = [parameter for parameter in student.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=recipe.learning_rate, fused=True)
    modes = [(module, module.training) for module in student.modules()]
    try:
        student.train()
        for step in range(steps):
            change = recipe.changes.get(step)
            if change:
                temperature, alpha = change.get("temperature", temperature), change.get("alpha", alpha)
            with gradients():
                outside = torch.get_rng_state()
                torch.set_rng_state(noise)
                try:
                    loss = next_loss(temperature, alpha)
                finally:
                    noise = torch.get_rng_state()
                    torch.set_rng_state(outside)
                for group in optimizer.param_groups:
                    group["lr"] = recipe.learning_rate * schedule(step, steps)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            record = {"step": step, "loss": loss.item(), "temperature": temperature, "alpha": alpha}
            if not math.isfinite(record["loss"]):
                raise RuntimeError(f"the loss is {record['loss']} at step {step}: try a smaller learning_rate")
            if evaluate and (step % evaluate_every == 0 or step == steps - 1):
                student.eval()
                measured = evaluate(student)
                student.train()
                if not isinstance(measured, dict):
                    raise ValueError(f"evaluate must return a dict of numbers, got {type(measured).__name__}")
                record |= measured
            yield record
    finally:
        optimizer.zero_grad()
        for module, mode in modes:
            module.training = mode


def gradients():
    """A context in which tensors are ordinary and have gradients, whatever the reader has switched off."""
    if torch.is_grad_enabled() and not torch.is_inference_mode_enabled():
        return nullcontext()
    return _gradients()


@contextmanager
def _gradients():
    with torch.inference_mode(False), torch.enable_grad():
        yield


def schedule(step, steps, warmup=0.05):
    """The factor on the learning rate: a short linear warm-up, then half a cosine down to 0."""
    return min(1.0, (step + 1) / (warmup * steps)) * (1 + math.cos(math.pi * step / steps)) / 2


def batches_of(count, size, generator):
    """Endless index tensors: a new permutation for each epoch, full batches only, so that every step costs the same."""
    size = min(size, count)
    while True:
        order = torch.randperm(count, generator=generator, device=generator.device)
        yield from order[: count - count % size].split(size)


def _padded(inputs, pixels):
    """Square images (N, side²) with a border of zeros, and for each shift the places to read: (shifts, side²)."""
    side, pixels = math.isqrt(inputs.shape[1]), int(pixels)
    wide = side + 2 * pixels
    padded = F.pad(inputs.reshape(-1, side, side), (pixels,) * 4).reshape(len(inputs), wide * wide)
    places = torch.arange(wide * wide, device=inputs.device).reshape(wide, wide)
    moves = range(2 * pixels + 1)
    return padded, torch.stack([places[i : i + side, j : j + side].reshape(-1) for i in moves for j in moves])


def check_run(student, inputs, labels, teacher_logits, recipe, evaluate, evaluate_every, jitter):
    """The labels and teacher logits as the loop wants them; ValueError if anything cannot be used."""
    check_start(student, recipe, evaluate, evaluate_every)
    ids = isinstance(inputs, torch.Tensor) and inputs.dtype == torch.int64
    if not isinstance(inputs, torch.Tensor) or not (ids or inputs.is_floating_point()) or inputs.ndim < 2:
        raise ValueError(
            "inputs must be a floating-point tensor (N, ...), see kdlab.models.to_inputs, or token ids int64 (N, L)"
        )
    weight = next(p for p in student.parameters() if p.requires_grad)
    check_device("inputs", inputs, "the student", weight)
    # NaN and infinity show up in the smallest or the largest number
    if inputs.numel() == 0 or not all(extreme.isfinite() for extreme in inputs.detach().aminmax()):
        raise ValueError("inputs are empty or contain NaN or infinite values")
    if ids and (inputs.ndim != 2 or inputs.min() < 0 or not inputs.any(1).all()):
        raise ValueError(
            f"token ids must be int64 (N, L), at least 0, with one above 0 in each row (0 is padding): {_range(inputs)}"
        )
    if jitter is not None:
        check_whole("jitter", jitter, 0)
    if jitter and teacher_logits is not None:
        raise ValueError(
            "jitter and teacher_logits do not go together: the teacher's logits belong to the images as they are, "
            "not to the moved ones"
        )
    if jitter and ids:
        raise ValueError("jitter moves images: token ids have no pixels")
    if jitter and (inputs.ndim != 2 or math.isqrt(inputs.shape[1]) ** 2 != inputs.shape[1]):
        raise ValueError(f"jitter needs square images as inputs (N, side²), got {tuple(inputs.shape)}")
    first = inputs[inputs.amax(1).argmax()][None] if ids else inputs[:1]  # the largest id: is it in the vocabulary?
    try:
        few = logits = predict_logits(student, first)
        if look_like_probabilities(logits):  # one row may be so by chance
            few = predict_logits(student, inputs[:32])
    except (RuntimeError, IndexError) as error:
        reason = error
        if not ids and inputs.dtype != weight.dtype:
            reason = f"they are {inputs.dtype}, its weights {weight.dtype}; student.to({inputs.dtype}) changes those"
        raise ValueError(f"the student cannot read inputs {tuple(inputs.shape)}: {reason}") from error
    if look_like_probabilities(few):
        raise ValueError(
            "what the student returns looks like probabilities: every row sums to 1. Leave the softmax at its end out: "
            "the losses take logits"
        )
    like = logits.expand(len(inputs), *logits.shape[1:])
    check_labels(labels, like)
    if teacher_logits is not None:
        check_logits("teacher_logits", teacher_logits, recipe.temperature, like=like)
        teacher_logits = teacher_logits.detach()
    return labels.long(), teacher_logits


def check_start(student, recipe, evaluate, evaluate_every):
    """ValueError unless a student can be trained by this recipe and measured so."""
    if not isinstance(recipe, Recipe):
        raise ValueError(f"recipe must be a Recipe, got {type(recipe).__name__}")
    recipe.check()
    if not isinstance(student, nn.Module) or not any(p.requires_grad for p in student.parameters()):
        raise ValueError("student must be a torch module with parameters that can be trained")
    if evaluate is not None and not callable(evaluate):
        raise ValueError("evaluate must be a function of the student that returns a dict of numbers")
    if any(p.is_inference() for p in student.parameters()):
        raise ValueError(
            "the student was made under torch.inference_mode, so its weights cannot be trained: make it outside"
        )
    check_whole("evaluate_every", evaluate_every, 1)


def _range(ids):
    return f"got {tuple(ids.shape)} from {int(ids.min())} to {int(ids.max())}"


# --- two runs side by side, a whole run, many runs ------------------------------------------------


def race(students, inputs, labels, teacher_logits, *, recipe, evaluate=None, evaluate_every=25) -> Iterator[dict]:
    """Train {"distilled": model, "hard": model} in lock-step over the same batches, with and without the teacher.

    Yields {"step", "temperature", "alpha", "distilled": {...}, "hard": {...}}; the inner dicts are the rest of the
    records of `train`. Start both from the same weights (the same seed). Checks, changes and stopping as in `train`.
    """
    check_race(students, teacher_logits)
    options = {"recipe": recipe, "evaluate": evaluate, "evaluate_every": evaluate_every}
    distilled = train(students["distilled"], inputs, labels, teacher_logits, **options)
    hard = train(students["hard"], inputs, labels, **options)
    return side_by_side(distilled, hard)


def check_race(students, teacher_logits):
    """ValueError unless there are two students and a teacher."""
    if not isinstance(students, dict) or set(students) != {"distilled", "hard"}:
        raise ValueError('students must be a dict {"distilled": model, "hard": model}')
    if students["distilled"] is students["hard"]:
        raise ValueError("the two students are one object: give each arm a model of its own")
    if teacher_logits is None:
        raise ValueError("a race needs teacher_logits: the distilled student has nothing to learn from")


def side_by_side(distilled, hard):
    """Two runs over the same recipe in lock-step, as the records of `race`; closing it closes both."""
    try:
        for ours, theirs in zip(distilled, hard, strict=True):
            shared = {name: ours.pop(name) for name in ("step", "temperature", "alpha")}
            for name in shared:
                del theirs[name]
            yield {**shared, "distilled": ours, "hard": theirs}
    finally:
        distilled.close()
        hard.close()


@dataclass
class History:
    """The records of a run; `interrupted` says whether it was stopped by hand before its last step."""

    records: list[dict] = field(default_factory=list)
    interrupted: bool = False
    seconds: float = 0.0

    def column(self, name):
        """(steps, values) of the records that have an entry of this name."""
        found = [(record["step"], record[name]) for record in self.records if name in record]
        return [step for step, _ in found], [value for _, value in found]


def fit(student, inputs, labels, teacher_logits=None, **options) -> History:
    """Run `train` (the same arguments) to its end. An interrupt keeps the student and the records so far."""
    return drain(train(student, inputs, labels, teacher_logits, **options))


def drain(run) -> History:
    """Take a run, any iterator of records, to its end. An interrupt keeps the student and the records so far."""
    history, start = History(), time.perf_counter()
    try:
        for record in run:
            history.records.append(record)
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        run.close()
    history.seconds = time.perf_counter() - start
    return history


def compare(arms: dict[str, Callable[[int], float]], seeds, *, higher_is_better=False) -> dict[str, dict]:
    """Run every arm with every seed: {arm: {"values", "mean", "sd", "wins", "of"}}.

    An arm is a function from a seed to one number (errors, say). `sd` is the sample standard deviation; `wins` counts
    the seeds at which the arm is strictly the best of all, out of `of`. At least 2 arms and 2 seeds (ValueError).
    """
    seeds = list(seeds)
    if len(arms) < 2 or len(seeds) < 2 or len(set(seeds)) < len(seeds):
        raise ValueError("a comparison needs at least two arms and at least two different seeds")
    values = {name: [] for name in arms}
    for seed in seeds:  # seed by seed, so that slow drift of the machine or an interrupt treats all arms alike
        for name, run in arms.items():
            value = float(run(seed))
            if not math.isfinite(value):
                raise ValueError(f"arm {name!r} gave {value} with seed {seed}")
            values[name].append(value)
    result = {}
    for name, own in values.items():
        sign = 1 if higher_is_better else -1
        rivals = zip(*(values[other] for other in arms if other != name), strict=True)
        wins = sum(sign * value > max(sign * r for r in rs) for value, rs in zip(own, rivals, strict=True))
        mean = math.fsum(own) / len(own)
        sd = math.sqrt(math.fsum((value - mean) ** 2 for value in own) / (len(own) - 1))
        result[name] = {"values": own, "mean": mean, "sd": sd, "wins": wins, "of": len(seeds)}
    return result
