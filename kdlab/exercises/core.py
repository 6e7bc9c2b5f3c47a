"""What every exercise is made of: an `Exercise` with its reference, a `Result` in words, the questions of a quiz.

An exercise declares its reference; by the names of its arguments it is known what they are (engine/draws.py). `check`
calls the learner's function on two draws of random inputs of different sizes, on special cases, without each optional
argument, and compares values, then gradients. A wrong value is explained by a change of the reference that gives the same
(engine/mutations.py, engine/diagnosis.py). docs/exercises.md builds one, step by step.
"""

import contextlib
import functools
import html
import importlib
import inspect
import re
import textwrap
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from kdlab.exercises.engine.answers import NO_GRADIENT, Answer, Mistake, NotTried
from kdlab.exercises.engine.calls import Ask, changed_in_place, explain, safe_surroundings
from kdlab.exercises.engine.diagnosis import Search, gradient_sentence, gradients, quietly
from kdlab.exercises.engine.draws import Draw, bound, roles_of, usual_draw
from kdlab.exercises.engine.mutations import Change
from kdlab.exercises.engine.values import (
    close,
    deeply_copied,
    describe,
    is_numpy,
    is_tensor,
    kind_of,
    one_line,
    same,
    tells_much,
)

SOLVED, NOT_YET, NOT_TRIED, OPEN = "solved", "not yet", "not tried yet", "open"
ORDER = ("first", "second", "third", "fourth", "fifth", "sixth")
LOOKS = {SOLVED: ("✔", "#009E73"), NOT_YET: ("✘", "#D55E00"), NOT_TRIED: ("○", "#0072B2"), OPEN: ("◇", "#0072B2")}


@dataclass
class Result:
    """What a check found: `.status` is "solved", "not yet", "not tried yet" or "open"; `.diagnosis` says why."""

    status: str
    diagnosis: str
    called: str = ""
    came_out: str = ""
    expected: str = ""
    notes: tuple = ()
    score: float | None = None

    def rows(self):
        """The (name, text) pairs that are worth showing."""
        details = [("called", self.called), ("came out", self.came_out), ("expected", self.expected)]
        return [(name, text) for name, text in details if text] + [("note", note) for note in self.notes]

    def __repr__(self):
        rows = "".join(f"\n    {name:9} {one_line(text)}" for name, text in self.rows())
        return f"{LOOKS[self.status][0]} {self.status}: {self.diagnosis}{rows}"

    def _repr_html_(self):
        symbol, colour = LOOKS[self.status]
        rows = "".join(
            f'<tr><td style="text-align:left;padding:0 1em 0 0;vertical-align:top">{name}</td>'
            f'<td style="text-align:left"><code>{html.escape(text)}</code></td></tr>'
            for name, text in self.rows()
        )
        table = f'<table style="margin:.4em 0 0 0">{rows}</table>' if rows else ""
        return (
            f'<div style="border-left:4px solid {colour};padding:.4em .8em;margin:.2em 0">'
            f"<b>{symbol} {self.status}</b> · {_inline(self.diagnosis)}{table}</div>"
        )


def _inline(text):
    """The sentence as HTML, with its `code` and *emphasis*."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
    return re.sub(r"(?<![\w*])\*(\w[^*<]*)\*(?!\w)", r"<em>\1</em>", text)


@dataclass
class Text:
    """A hint or a solution, shown as Markdown."""

    markdown: str

    def __repr__(self):
        return self.markdown

    def _repr_markdown_(self):
        return self.markdown


@dataclass
class Exercise:
    """One exercise: `check(answer)`, `hint()`, `solution()`. The lesson's heading shows place, title, minutes, difficulty.

    reference   the solution: a function, or a value
    roles       {argument: role} where its name does not tell (engine/draws.py)
    draw        from a `Draw` to a dict of arguments; left out, each argument gets what its role usually is
    forms       other right ways to write it; their steps, too, are changed to find mistakes
    mistakes    {sentence: wrong answer, or a tuple of them}: detectors, tests, and the first to be believed
    pairs       the same for two mistakes at once; with the mistakes they come from `by_parts` (engine/mutations.py)
    cases       {sentence: draw}: special inputs, and what to say to an answer that is right but for them
    gradient    the arguments (tensors or models) on which the gradient of a loss must be right, too
    view        f(value, arguments): the part of a value that counts, compared in its place (without what stands at padding)
    observe     observe(function, *arguments): a dict of what is compared where one value does not tell: several calls,
                the state of a model afterwards; it may raise `Mistake`
    draws       how many draws are asked; left out, two, or six where the result is a whole number
    tolerance   what a value may be off, relative to the largest; more than rounding where a simulation is an answer too
    questions   a function of `ask` for what comparison cannot ask: `ask(...)` calls the answer and returns an `Answer`
    wrong       {name: (wrong answer, words)}: more tests, of mistakes that the engine names by itself
    """

    place: int
    title: str
    minutes: int
    difficulty: str
    reference: object
    hints: tuple
    questions: Callable | None = None
    roles: dict | None = None
    draw: Callable | None = None
    forms: tuple = ()
    mistakes: dict = field(default_factory=dict)
    pairs: dict = field(default_factory=dict)
    cases: dict = field(default_factory=dict)
    gradient: tuple = ()
    properties: tuple = ()
    view: Callable | None = None
    observe: Callable | None = None
    draws: int | None = None
    tolerance: float = 1e-4
    wrong: dict = field(default_factory=dict)
    praise: str = "Well done."
    time_limit: float = 10.0
    _hints_given: int = field(default=0, repr=False)

    def __post_init__(self):
        if not callable(self.reference):
            self.roles = {}
            return
        self.roles = roles_of(self.reference, self.roles)
        declared = self.forms or self.mistakes or self.cases or self.gradient
        if self.draw is None and (declared or self.questions is None):
            self.draw = usual_draw(self.reference, self.roles)

    # what a learner calls

    def check(self, answer=None, *, time_limit=None):
        """Compare `answer` (a function, or a value) with the reference, ask the questions; returns a `Result`."""
        if answer is None or answer is Ellipsis:
            return Result(NOT_TRIED, "Fill in the dots, then run this cell again.")
        if callable(self.reference) and not callable(answer):
            kind = type(answer).__name__
            return Result(NOT_YET, f"Pass your function itself, without parentheses: you passed a {kind}.")
        ask = Ask(answer, time_limit or self.time_limit)
        try:
            with safe_surroundings():
                self._ask_everything(ask, answer)
        except NotTried:
            return Result(NOT_TRIED, "Fill in the dots, then run this cell again.")
        except Mistake as mistake:
            expected = "" if mistake.expected is None else describe(mistake.expected)
            return Result(NOT_YET, str(mistake), ask.called, ask.came_out, expected, self._notes(ask))
        except Exception as error:  # a question must not break the notebook, whatever the answer is
            return Result(NOT_YET, self._our_fault(error, ask), ask.called, ask.came_out, "", self._notes(ask))
        return Result(SOLVED, self.praise, notes=self._notes(ask))

    def yours_or_ours(self, answer):
        """The answer if it is right, else the reference: for cells of a lesson that go on with it."""
        return answer if self.check(answer).status == SOLVED else self.reference

    def hint(self):
        """The next hint, from gentle to plain; after the last, the last again."""
        number = min(self._hints_given, len(self.hints) - 1)
        self._hints_given += 1
        return Text(f"**Hint {number + 1} of {len(self.hints)}.** {self.hints[number]}")

    def solution(self):
        """The reference solution, as code."""
        return Text(f"```python\n{self.solution_source()}\n```")

    def solution_source(self):
        """Source of the reference solution, under the name that the lesson uses."""
        if not callable(self.reference):
            return repr(self.reference)
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(self.reference))).rstrip()
        return re.sub(r"^(def|class) _", r"\1 ", source, count=1, flags=re.MULTILINE)

    # what the engine and the tests call

    def all_forms(self):
        """The reference and the other right ways to write it."""
        return (self.reference, *self.forms)

    def variants(self):
        """The exercise's own mistakes, as changes."""
        many = ((s, f if isinstance(f, tuple) else (f,)) for s, f in self.mistakes.items())
        return [Change(sentence, function) for sentence, functions in many for function in functions]

    def watched(self, function):
        """The function, or what is observed when it is called."""
        return functools.partial(self.observe, function) if self.observe else function

    def solved(self, arguments):
        """What should come out for a dict of arguments, as it is compared."""
        return self.viewed(quietly(self.watched(self.reference), self.reference, arguments), arguments)

    def arguments(self, number=0):
        """The inputs of draw `number`, as a dict of arguments."""
        return self.draw(Draw(number))

    def viewed(self, value, arguments):
        """What of a value is compared; the value itself where it is of another kind altogether."""
        try:
            return value if self.view is None else self.view(value, arguments)
        except Exception:  # whatever the learner returned
            return value

    # how it is asked

    def _ask_everything(self, ask, answer):
        if not callable(self.reference):
            ask.came_out = describe(answer)
            ask.answers.append(Answer(answer))
            self.questions(ask.answers[0])
        else:
            if self.draw is not None:
                self._compare(ask)
            if self.questions is not None:
                self.questions(ask)
        for given in ask.answers:
            given.finish()

    def _compare(self, ask):
        asked = []
        for number in range(self.draws or 6):
            if number > 1 and not self.draws and tells_much(asked[0][2]):
                break  # a whole number can be right by chance; other values are not, twice
            self._compare_one(ask, lambda number=number: self.arguments(number), asked, number=number)
        for name, parameter in inspect.signature(self.reference).parameters.items():
            if parameter.default is not parameter.empty:
                arguments = {n: a for n, a in self.arguments(0).items() if n != name}
                words = f"Without `{name}=` it should be that of {parameter.default!r}: give `{name}` that default."
                if self._has_default(ask, arguments, {name: parameter.default}):
                    words = None  # whatever is wrong then is not the default
                self._compare_one(ask, lambda arguments=arguments: arguments, asked, words)
        for words, draw in self.cases.items():
            self._compare_one(ask, lambda draw=draw: draw(Draw()), asked, words)
        if self.gradient:
            self._compare_gradients(ask)

    def _has_default(self, ask, arguments, default):
        """True unless passing the default makes a difference to the learner's function."""
        try:
            given = self._call(ask, arguments | default)
        except Mistake:
            return True
        try:
            return close(self._call(ask, arguments), given, equal_nan=True)
        except Mistake:
            return False

    def _compare_one(self, ask, draw, asked, words=None, number=None):
        """Ask for one case; `Mistake` with its cause where the value is wrong. `asked` grows by what was right."""
        arguments = draw()
        wanted = self.solved(arguments)
        try:
            value = self._call(ask, arguments)
        except Mistake as mistake:
            if words is None or not str(mistake).startswith(("Your function stopped", "Your function returns nothing")):
                raise
            raise Mistake(f"{words} {mistake}", mistake.expected) from None
        if close(value, wanted, self.tolerance):
            self._kind_of_number(value, wanted)
            asked.append((arguments, value, wanted))
            return
        shown = ask.called, ask.came_out
        cases = [(arguments, value, wanted), *self._more(ask, draw, number, wanted), *asked]
        sentence = self._explain(ask, cases, words)
        if sentence is None:
            sentence, wanted = self._small_case(ask, (value, wanted), shown)
        else:
            ask.called, ask.came_out = shown
        raise Mistake(sentence, wanted)

    def _call(self, ask, arguments):
        """The learner's value for a dict of arguments; `Mistake` where they are changed in place."""
        mine = deeply_copied(arguments)
        args, kwargs = bound(self.reference, mine)
        value = self.watched(lambda *args, **kwargs: ask.value_of(list(args), kwargs))(*args, **kwargs)
        for name, before in arguments.items():
            if not same(before, mine[name]):
                raise Mistake(changed_in_place(name, before))
        return self.viewed(value, arguments)

    def _more(self, ask, draw, number, wanted):
        """More cases of the kind that failed: another draw; many where a result is a whole number, which says little."""
        count = 1 if tells_much(wanted) else 6
        draws = [lambda n=n: self.arguments(n) for n in range(1 + count) if n != number] if number is not None else []
        cases = []
        for other in (*draws, *([draw] * count)):
            if len(cases) == count:
                break
            arguments = other()
            with contextlib.suppress(Mistake, NotTried):
                cases.append((arguments, self._call(ask, arguments), self.solved(arguments)))
        return cases

    def _explain(self, ask, cases, words):
        """The sentence for a wrong value: its cause, or what is odd about it; None where nothing is known."""
        _, value, wanted = cases[0]
        search = Search(self, lambda arguments: self._call(ask, arguments), cases, special=words is not None)
        cause = None
        if self.tolerance > 1e-4 and words is None and not close(self._call(ask, cases[0][0]), value, 1e-9):
            cause = search.says(self.properties)  # a simulation: changes of the reference would fit it by chance
        cause = cause or search.change()
        if cause is not None:
            return cause if words is None else f"{words} {cause}"
        if words is None and isinstance(wanted, (tuple, list)) and (cause := search.says(self.properties)):
            return cause
        odd = _wrong_kind(value, wanted, differentiable=bool(self.gradient))
        hint = f" PyTorch gives a hint: {ask.warned[0]}" if ask.warned else ""
        if odd is not None:
            return odd + hint if words is None else f"{words} {odd}"
        if words is not None:
            return words
        if self.observe:
            return self._explain_observed(search)
        if isinstance(wanted, (tuple, list)):
            return self._explain_parts(search) or search.says(self.properties) or _part_that_differs(value, wanted)
        return search.certainty() or search.combination() or hint.strip() or search.property()

    def _explain_parts(self, whole):
        """For several values: the cause of each that is wrong, where it is known; None if it is for none of them (or in a list)."""
        _, value, wanted = whole.cases[0]
        if (
            not isinstance(wanted, tuple)
            or len(wanted) > len(ORDER)
            or any(_wrong_kind(v, w) for _, v, w in whole.cases)
        ):
            return None
        sentences = []
        for i, order in enumerate(ORDER[: len(wanted)]):
            if close(value[i], wanted[i]):
                continue
            search = Search(self, whole.call, whole.cases, part=i)
            cause = search.change() or search.certainty() or search.combination() or search.property()
            sentences += [f"The {order} value is off. {cause}"] if cause else []
        return " ".join(sentences) or None

    def _explain_observed(self, whole):
        """For things observed: the cause of the first that is not right, and its name; the rest may follow from it."""
        _, value, wanted = whole.cases[0]
        name = next(name for name in wanted if not close(value[name], wanted[name]))
        search = Search(self, whole.call, whole.cases, part=name)
        search.end = whole.end + 0.5
        cause = search.change() or _wrong_kind(value[name], wanted[name]) or search.certainty()
        cause = cause or search.combination() or search.property()
        found = f"it is {describe(value[name])} and should be {describe(wanted[name])}."
        return f"The {name} is off. {cause}" if cause else f"The {name} is off: {found}"

    def _small_case(self, ask, failed, shown):
        """(the last sentence, expected): a case so small that it can be followed with a pencil, or the one that failed."""
        try:
            arguments = self.draw(Draw.small())
            wanted = self.solved(arguments)
            value = self._call(ask, arguments)
            if not close(value, wanted):
                return (
                    f"The value is off, in a way that has no name here. A small case stands below: {_off(value, wanted)}. "
                    "Work it out with a pencil, and print what you have after each line.",
                    wanted,
                )
        except (Mistake, NotTried, RuntimeError, ValueError, IndexError, TypeError):
            pass
        (value, wanted), (ask.called, ask.came_out) = failed, shown
        return f"The value is off: {describe(value)} came out, and it should be {describe(wanted)}.", wanted

    def _kind_of_number(self, value, wanted):
        """Whole numbers where the reference gives whole numbers, True and False where it gives those."""
        if isinstance(wanted, (tuple, list)):
            for mine, theirs in zip(value, wanted, strict=True):
                self._kind_of_number(mine, theirs)
        elif is_tensor(wanted) and is_tensor(value) and value.is_floating_point() != wanted.is_floating_point():
            if value.is_floating_point():
                raise Mistake(
                    f"Right, but as floats: keep {'True and False' if wanted.dtype.is_signed is False else 'whole numbers'} ({wanted.dtype})."
                )
        elif is_tensor(wanted) and not is_tensor(value) and (wanted.ndim or self.gradient):
            raise Mistake(_wrong_kind(value, wanted, differentiable=bool(self.gradient)))

    def _compare_gradients(self, ask):
        arguments = self.arguments(0)
        teachers = [n for n, role in self.roles.items() if role and role.startswith("teacher") and n in arguments]
        names = [*self.gradient, *(n for n in teachers if n not in self.gradient)]
        names = [n for n in names if not is_tensor(arguments[n]) or arguments[n].is_floating_point()]
        theirs = gradients(self.reference, self.reference, arguments, names)

        def learner(*args, **kwargs):
            moving = [a for a in (*args, *kwargs.values()) if is_tensor(a) and a.requires_grad]
            value = ask.value_of(list(args), kwargs)
            if not all(a.requires_grad for a in moving):
                raise Mistake(
                    "You cut off the caller's own tensor, in place: methods that end in `_` do. `.detach()` without it "
                    "gives a new one and leaves the caller's alone."
                )
            spent = [p for a in (*args, *kwargs.values()) for p in _leaves(a) if p.grad is not None]
            if spent:
                raise Mistake(
                    "Your function calls backward() itself. Return the loss; the training loop calls backward."
                )
            if not is_tensor(value) or not value.requires_grad:
                raise Mistake(NO_GRADIENT)
            return value

        try:
            mine = gradients(learner, self.reference, arguments, names)
        except RuntimeError as error:
            raise Mistake(f"The value is right, but backward() fails. {explain(error, ask.function)}") from None
        for name in names:
            taught = theirs[name] is not None and bool(theirs[name].any())
            if taught and name not in self.gradient:
                continue  # the reference lets the teacher's gradient flow: a detach is as good
            right = close(mine[name], theirs[name], 1e-3) if taught and mine[name] is not None else not taught
            if not taught and mine[name] is not None and bool(mine[name].any()):
                right = False
            if not right:
                raise Mistake(gradient_sentence(self, arguments, mine[name], theirs[name], name))

    def _notes(self, ask):
        return (*ask.notes, *(f"PyTorch warns: {text}" for text in ask.warned))

    def _our_fault(self, error, ask):
        if any(step.name == "_engine_run_backward" for step in traceback.extract_tb(error.__traceback__)):
            return f"No gradient can be computed of what you returned. {explain(error, ask.function)}"
        value = ask.answers[-1].value if ask.answers else None
        seen = f" You returned {kind_of(value)}: {describe(value)}." if value is not None else ""
        if is_numpy(value):
            seen += " Return a torch tensor: use torch functions throughout."
        return (
            f"Here a question of ours fell over ({type(error).__name__}: {one_line(str(error), 120)}); that is the course's "
            f"fault, whatever your answer is.{seen} Please report it, together with your answer."
        )


def _leaves(value):
    if is_tensor(value):
        return [value] if value.is_leaf else []
    return list(value.parameters()) if hasattr(value, "parameters") else []


def _off(value, wanted):
    """What came out, and what should have: of large tensors the first entry that is off."""
    if is_tensor(value) and is_tensor(wanted) and wanted.numel() > 12 and value.shape == wanted.shape:
        place = tuple(((value - wanted).abs() > 1e-4 * wanted.abs().max()).nonzero()[0].tolist())
        return f"entry {list(place)} came out as {describe(value[place])}, and it should be {describe(wanted[place])}"
    return f"{describe(value)} came out, and it should be {describe(wanted)}"


def _wrong_kind(value, wanted, differentiable=False):
    """The sentence for a value of another type or shape than the reference gives, or None."""
    if is_tensor(wanted) and wanted.ndim == 0 or isinstance(wanted, (int, float)):
        if is_numpy(value) and value.ndim:
            return "You returned a NumPy array. Return one number: use torch functions throughout."
        if is_numpy(value) and differentiable:
            return "You returned a NumPy object. Return a torch tensor: use torch functions throughout."
        if is_tensor(value) and value.ndim and value.numel() == 1:
            return f"Return the number without an axis; its shape is {tuple(value.shape)}. Is there a keepdim=True?"
        if is_tensor(value) and value.ndim:
            return (
                f"Return one number; yours is a tensor of shape {tuple(value.shape)}. Did you forget to sum or to take the "
                "mean?"
            )
        if isinstance(value, (tuple, list)):
            return f"Return one number alone; you returned a {type(value).__name__} of {len(value)} things."
        if isinstance(value, (int, float)) and differentiable:
            return f"You returned {kind_of(value)}. {NO_GRADIENT}"
        if not isinstance(value, (int, float)) and not is_tensor(value) and not is_numpy(value):
            return f"Return one number; you returned {kind_of(value)}."
        return None
    if is_tensor(wanted):
        shape = tuple(wanted.shape)
        if is_numpy(value):
            return "You returned a NumPy object. Return a torch tensor: use torch functions throughout."
        if not is_tensor(value):
            return f"Return a torch tensor of shape {shape}; you returned {kind_of(value)}."
        if tuple(value.shape) != shape:
            advice = _reduced(value, wanted) or _shape_advice(tuple(value.shape), shape)
            return f"The shape should be {shape}; yours is {tuple(value.shape)}. {advice}"
        return None
    if isinstance(wanted, (tuple, list)):
        if not isinstance(value, (tuple, list)):
            numpy = " (a NumPy object)" if is_numpy(value) else ""
            return f"Return {len(wanted)} values, in a {type(wanted).__name__}; you returned {kind_of(value)}{numpy}."
        if len(value) != len(wanted):
            return f"Return {len(wanted)} values; you returned {len(value)}."
        for number, (mine, theirs) in enumerate(zip(value, wanted, strict=True), 1):
            odd = _wrong_kind(mine, theirs)
            if odd:
                return f"Value {number}: {odd}"
        return None
    if not isinstance(value, type(wanted)):
        numpy = " (a NumPy object)" if is_numpy(value) else ""
        return f"Return {kind_of(wanted)}; you returned {kind_of(value)}{numpy}."
    return None


def _reduced(value, wanted):
    """The sentence for the right values with one axis, or all, added up or averaged; None if it is something else."""
    names = {0: "over the rows", wanted.ndim - 1: "along each row"}
    if wanted.ndim and value.numel() == wanted.numel() and close(value.reshape(wanted.shape), wanted):
        return "The values are right, but an axis is joined with another, or one is too many (cat for stack, flatten, reshape)."
    if wanted.ndim and len(wanted) > 1:
        for words, part in (("first", wanted[0]), ("last", wanted[-1])):
            if close(value, part) or close(value, part.unsqueeze(0)):
                return f"That is the {words} one alone: is the result overwritten, or returned too early, in a loop?"
    if value.ndim == wanted.ndim and value.shape[1:] == wanted.shape[1:] and 0 < len(value) < len(wanted):
        for words, part in (("end", wanted[: len(value)]), ("beginning", wanted[-len(value) :])):
            if close(value, part):
                return f"The values are right, but the {words} is missing: where does your loop, or your slice, start and stop?"
    if wanted.ndim == 1 and value.shape == (len(wanted),) * 2 and close(value.diagonal(), wanted):
        return (
            "The right values stand on its diagonal: you took all columns for every row. One for each row is "
            "`[torch.arange(len(labels)), labels]`, or `gather`."
        )
    for words, function in (("added up", torch.sum), ("averaged", torch.mean)):
        floats = wanted.double()
        if wanted.ndim > 1 and close(value, function(floats)):
            return f"The values are right, but you {words} all of them: keep every entry."
        for axis in range(wanted.ndim):
            if close(value, function(floats, dim=axis)):
                return (
                    f"The values are right, but you {words} {names.get(axis, f'over axis {axis}')}: keep one for each."
                )
    return None


def _shape_advice(mine, wanted):
    if mine == () and len(wanted) == 1:
        return "One number for each row is asked for: you reduced over all rows, where dim=-1 keeps each of them."
    if mine == ():
        return "One number is left of all: which step adds up or averages over everything?"
    if len(mine) == len(wanted) + 1 and mine[: len(wanted)] == wanted:
        return "One axis is left too many: reduce along the last one, dim=-1 (without keepdim)."
    if tuple(n for n in mine if n != 1) == wanted:
        return "An axis of size 1 is left (nonzero() gives a column, too): squeeze it away, or index with it."
    if len(mine) < len(wanted):
        return "One axis is gone: which step has summed or averaged it away?"
    if sorted(mine) == sorted(wanted):
        return "The axes are in another order."
    return "Which step makes or loses the difference?"


def _part_that_differs(value, wanted):
    """For several values: which of them are right, and the first that is not."""
    off = [i for i, (mine, theirs) in enumerate(zip(value, wanted, strict=True)) if not close(mine, theirs)]
    if len(wanted) > len(ORDER):
        return f"Entry {off[0]} is {describe(value[off[0]])} and should be {describe(wanted[off[0]])} ({len(off)} of {len(wanted)} are off)."
    right = [ORDER[i] for i in range(len(wanted)) if i not in off]
    start = f"The {' and the '.join(right)} value is right. " if right else ""
    return f"{start}The {ORDER[off[0]]} is {describe(value[off[0]])} and should be {describe(wanted[off[0]])}."


@dataclass
class OpenExercise:
    """An exercise that no machine can check: design a control, read a figure. `solution()` says what a good answer holds."""

    place: int
    title: str
    minutes: int
    difficulty: str
    hints: tuple
    good_answer: str
    _hints_given: int = field(default=0, repr=False)

    hint = Exercise.hint

    def check(self, answer=None):
        """Nothing is compared: the result says how to compare yourself."""
        if answer is None or answer is Ellipsis or (isinstance(answer, str) and not answer.strip()):
            return Result(NOT_TRIED, "Write your answer first, then run this cell again.")
        return Result(
            OPEN,
            "No machine can check this one. Compare yours with `.solution()`, which says what a good answer holds.",
        )

    def solution(self):
        """What a good answer contains."""
        return Text(self.good_answer)


class FormerExercise:
    """What an older copy of a lesson finds under the name of an exercise that is gone: nothing is compared, and it says so."""

    words = "This exercise is no longer part of the course, so nothing is compared. `make reset` brings the lesson as it is now."

    def check(self, answer=None):
        """A `Result` that says so."""
        return Result(OPEN, self.words)

    def hint(self):
        """The same, as a text."""
        return Text(self.words)

    solution = hint


def former_names(module, **places):
    """A module's `__getattr__` for older copies of its lesson: {exercise: module where it is now, None where it is gone}."""

    def former(name):
        if name not in places:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        place = places[name]
        return FormerExercise() if place is None else getattr(importlib.import_module(f"kdlab.exercises.{place}"), name)

    return former


@dataclass
class ScoredExercise:
    """An exercise with a score: `check` says the learner's beside the lesson's own. `score(answer)` gives the number.

    `lesson_score` is what the reference reached, `enough` what counts as solved; `higher` says which way is better. `score`
    may also give (number, a note that says more).
    """

    place: int
    title: str
    minutes: int
    difficulty: str
    reference: object
    hints: tuple
    score: Callable
    lesson_score: float
    enough: float
    unit: str = ""
    higher: bool = True
    wrong: dict = field(default_factory=dict)
    time_limit: float = 120.0
    _hints_given: int = field(default=0, repr=False)

    hint, solution, solution_source = Exercise.hint, Exercise.solution, Exercise.solution_source
    _our_fault = Exercise._our_fault

    def check(self, answer=None, *, time_limit=None):
        """The score of `answer`, beside the lesson's; returns a `Result` with `.score`."""
        if answer is None or answer is Ellipsis:
            return Result(NOT_TRIED, "Fill in the dots, then run this cell again.")
        if callable(self.reference) and not callable(answer):
            return Result(
                NOT_YET, f"Pass your function itself, without parentheses: you passed a {type(answer).__name__}."
            )
        ask = Ask(answer, time_limit or self.time_limit)
        try:
            with safe_surroundings():
                found = self.score(ask if callable(self.reference) else answer)
                score, *notes = found if isinstance(found, tuple) else (found,)
                score = float(score)
        except NotTried:
            return Result(NOT_TRIED, "Fill in the dots, then run this cell again.")
        except Mistake as mistake:
            return Result(NOT_YET, str(mistake), ask.called, ask.came_out)
        except Exception as error:
            return Result(NOT_YET, self._our_fault(error, ask), ask.called, ask.came_out)
        good = score >= self.enough if self.higher else score <= self.enough
        unit = f" {self.unit}" if self.unit else ""
        mine, ours, enough = (
            f"{n:.4g}" if abs(n) < 1e4 else f"{n:.0f}" for n in (score, self.lesson_score, self.enough)
        )
        words = f"Your score: {mine}{unit}; the lesson's own: {ours}{unit}."
        goal = f" {'At least' if self.higher else 'At most'} {enough}{unit} counts as solved."
        return Result(SOLVED if good else NOT_YET, words if good else words + goal, notes=tuple(notes), score=score)


@dataclass
class Option:
    """One option of a question, and what a reader who chose it is told."""

    text: str
    feedback: str
    right: bool = False


@dataclass
class Question:
    """A multiple-choice question with exactly one right option."""

    text: str
    options: tuple

    def __post_init__(self):
        if sum(option.right for option in self.options) != 1:
            raise ValueError(f"exactly one option must be right: {self.text}")


class Quiz:
    """The questions that end a lesson; shows itself as a panel, `answer(1, "b")` answers from code."""

    def __init__(self, *questions):
        self.questions = questions

    def answer(self, number, letter):
        """The `Result` of choosing option "a", "b", ... of question 1, 2, ...; ValueError if none is so."""
        if not 1 <= number <= len(self.questions):
            raise ValueError(f"there are questions 1 to {len(self.questions)}, not {number}")
        options = self.questions[number - 1].options
        index = ord(str(letter)) - ord("a") if len(str(letter)) == 1 else -1
        if not 0 <= index < len(options):
            last = chr(ord("a") + len(options) - 1)
            raise ValueError(f"question {number} has options a to {last}, not {letter!r}")
        return Result(SOLVED if options[index].right else NOT_YET, options[index].feedback)

    def _repr_mimebundle_(self, **kwargs):
        from kdlab.widgets.quiz import QuizPanel

        return QuizPanel(self)._repr_mimebundle_(**kwargs)

    def __repr__(self):
        lines = []
        for number, question in enumerate(self.questions, 1):
            lines.append(f"{number}. {question.text}")
            lines += [f"   {chr(97 + i)}) {option.text}" for i, option in enumerate(question.options)]
        return "\n".join(lines)
