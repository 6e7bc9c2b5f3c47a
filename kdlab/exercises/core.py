"""What every exercise is made of: a safe call, questions asked of the answer, and a result in words.

An exercise's questions are a plain function that receives `ask`. Calling `ask(...)` calls the learner's
function on copies of the arguments and returns an `Answer`; each method of the answer either passes or raises
`Mistake` with the sentence that the learner reads. The first mistake is the diagnosis, so ask from the most
specific mistake to the most general.
"""

import contextlib
import ctypes
import dis
import html
import inspect
import io
import re
import textwrap
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

SOLVED, NOT_YET, NOT_TRIED = "solved", "not yet", "not tried yet"
LOOKS = {SOLVED: ("✔", "#009E73"), NOT_YET: ("✘", "#D55E00"), NOT_TRIED: ("○", "#0072B2")}


class Mistake(Exception):
    """Something is wrong with the answer; the message says what, in the learner's words."""

    def __init__(self, message, expected=None):
        super().__init__(message)
        self.expected = expected


class NotTried(Exception):
    """The stub is as it was."""


@dataclass
class Result:
    """What a check found: `.status` is "solved", "not yet" or "not tried yet"; `.diagnosis` says why."""

    status: str
    diagnosis: str
    called: str = ""
    came_out: str = ""
    expected: str = ""
    notes: tuple = ()

    def rows(self):
        """The (name, text) pairs that are worth showing."""
        details = [("called", self.called), ("came out", self.came_out), ("expected", self.expected)]
        return [(name, text) for name, text in details if text] + [("note", note) for note in self.notes]

    def __repr__(self):
        rows = "".join(f"\n    {name:9} {_one_line(text)}" for name, text in self.rows())
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
            f"<b>{symbol} {self.status}</b> · {html.escape(self.diagnosis)}{table}</div>"
        )


@dataclass
class Text:
    """A hint or a solution, shown as Markdown."""

    markdown: str

    def __repr__(self):
        return self.markdown

    def _repr_markdown_(self):
        return self.markdown


class Answer:
    """One value that the learner's function returned; its methods raise `Mistake` where it is wrong."""

    def __init__(self, value):
        self.value = value

    def is_tensor(self, shape=None):
        """The value is a torch tensor (of that shape)."""
        import torch

        value = self.value
        _refuse_numpy(value)
        if not isinstance(value, torch.Tensor):
            raise Mistake(f"Return a torch tensor; you returned a {type(value).__name__}.")
        if shape is not None and tuple(value.shape) != tuple(shape):
            raise Mistake(f"The shape should be {tuple(shape)}; yours is {tuple(value.shape)}.")
        return self

    def is_number(self):
        """The value is one number: a float, or a tensor with a single element and no dimension."""
        import torch

        value = self.value
        _refuse_numpy(value)
        if isinstance(value, torch.Tensor) and value.ndim:
            raise Mistake(
                f"Return one number; yours is a tensor of shape {tuple(value.shape)}. "
                "Did you forget to sum or to take the mean?"
            )
        if not isinstance(value, (int, float, torch.Tensor)):
            raise Mistake(f"Return one number; you returned a {type(value).__name__}.")
        return self

    def is_sequence(self, count, what):
        """The value is a tuple or list of `count` things; `what` names them."""
        _refuse_numpy(self.value)
        if not isinstance(self.value, (tuple, list)):
            raise Mistake(f"Return {count} values ({what}); you returned a {type(self.value).__name__}.")
        if len(self.value) != count:
            raise Mistake(f"Return {count} values ({what}); you returned {len(self.value)}.")
        return self

    def is_not(self, wrong, message):
        """The value is not that wrong one, which would mean the mistake that `message` names."""
        if _close(self.value, wrong):
            raise Mistake(message)
        return self

    def holds(self, condition, message):
        """The condition, computed from the value, is true."""
        if not bool(condition):
            raise Mistake(message)
        return self

    def equals(self, expected, message, tolerance=1e-4):
        """The value is the expected one, within a relative tolerance."""
        if not _close(self.value, expected, tolerance):
            raise Mistake(message, expected)
        return self


class Ask:
    """Calls the learner's function safely, and remembers the last call for the report."""

    def __init__(self, function, time_limit):
        self.function, self.time_limit = function, time_limit
        self.called = self.came_out = ""
        self.notes = []

    def __call__(self, *args, **kwargs):
        """Call with copies of the arguments; `Mistake` if it raises, hangs, returns None or changes them."""
        self.called, self.came_out = _describe_call(self.function, args, kwargs), ""
        args_copy, kwargs_copy = [_copy(a) for a in args], {k: _copy(v) for k, v in kwargs.items()}
        value, printed = _run(self.function, args_copy, kwargs_copy, self.time_limit)
        if printed and not self.notes:
            self.notes.append(f"your function prints “{_one_line(printed, 40)}”: remove that before training")
        if value is None or value is Ellipsis:
            if _is_stub(self.function):
                raise NotTried
            raise Mistake("Your function returns nothing. Is there a `return` on its last line?")
        self.came_out = _describe(value)
        for name, before, after in _pairs(self.function, args, args_copy, kwargs, kwargs_copy):
            if not _same(before, after):
                raise Mistake(
                    f"Your function changes its argument `{name}` in place (`/=`, `-=`, a method ending in "
                    "`_`?). The caller still needs it: make a new tensor instead."
                )
        return Answer(value)


@dataclass
class Exercise:
    """One exercise: `check(answer)`, `hint()`, `solution()`.

    `reference` is the solution (a function, or a value), `questions` the check, and `wrong` holds known wrong
    answers: name -> (answer, words that its diagnosis must contain).
    """

    number: str
    title: str
    minutes: int
    difficulty: str
    reference: object
    questions: Callable
    hints: tuple
    wrong: dict
    praise: str = "Well done."
    _hints_given: int = field(default=0, repr=False)

    def check(self, answer=None, *, time_limit=10.0):
        """Ask the exercise's questions of `answer` (a function, or a value); returns a `Result`."""
        if answer is None or answer is Ellipsis:
            return Result(NOT_TRIED, "Fill in the dots, then run this cell again.")
        if callable(self.reference) and not callable(answer):
            kind = type(answer).__name__
            return Result(NOT_YET, f"Pass your function itself, without parentheses: you passed a {kind}.")
        ask = Ask(answer, time_limit)
        try:
            with _fresh_random_numbers():
                self.questions(ask if callable(self.reference) else Answer(answer))
        except NotTried:
            return Result(NOT_TRIED, "Fill in the dots, then run this cell again.")
        except Mistake as mistake:
            expected = "" if mistake.expected is None else _describe(mistake.expected)
            came_out = ask.came_out or ("" if callable(self.reference) else _describe(answer))
            return Result(NOT_YET, str(mistake), ask.called, came_out, expected, tuple(ask.notes))
        except Exception as error:  # an answer so odd that a question fails must not break the notebook
            return Result(NOT_YET, f"This answer could not be read: {error}", ask.called, ask.came_out)
        return Result(SOLVED, self.praise, notes=tuple(ask.notes))

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
        source = textwrap.dedent(inspect.getsource(self.reference)).rstrip()
        return re.sub(r"^def _", "def ", source)


@contextlib.contextmanager
def _fresh_random_numbers():
    """New inputs at each check, while the lesson's own random numbers stay what they would have been."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.seed()
        yield


def _run(function, args, kwargs, time_limit):
    """(value, what was printed); runs in a thread, so that a function which never returns can be left."""
    outcome, printed = {}, io.StringIO()

    def work():
        try:
            outcome["value"] = function(*args, **kwargs)
        except BaseException as error:  # a learner's sys.exit() must not end the lesson either
            outcome["error"] = error

    thread = threading.Thread(target=work, daemon=True)
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        thread.start()
        thread.join(time_limit)
        if thread.is_alive():
            # Raises inside the thread at its next bytecode: works on every platform, unlike signals.
            stop = ctypes.py_object(SystemExit)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), stop)
            thread.join(1.0)
            raise Mistake(
                f"Your function was still running after {time_limit:g} seconds, so it was stopped. "
                "Is there a loop that never ends?"
            )
    if isinstance(outcome.get("error"), NotImplementedError):
        raise NotTried
    if "error" in outcome:
        raise Mistake(_explain(outcome["error"], function))
    return outcome["value"], printed.getvalue()


def _explain(error, function):
    """An exception in one sentence, with the learner's own line."""
    message = f"Your function stopped with {type(error).__name__}: {_one_line(str(error), 300)}"
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [frame.line for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{message} (at `{lines[-1]}`)" if lines and lines[-1] else message


def _is_stub(function):
    """True when the function's body is only a docstring, `...` or `pass`."""
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    trivial = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "POP_TOP"}
    return all(instruction.opname in trivial for instruction in dis.get_instructions(code))


def _refuse_numpy(value):
    if type(value).__module__.split(".")[0] == "numpy":
        raise Mistake("You returned a NumPy object. Return a torch tensor: use torch functions throughout.")


def _pairs(function, args, args_copy, kwargs, kwargs_copy):
    """(name, original, copy that was passed) of each argument."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    names += [f"number {i + 1}" for i in range(len(names), len(args))]
    yield from zip(names, args, args_copy, strict=False)
    yield from ((name, kwargs[name], kwargs_copy[name]) for name in kwargs)


def _copy(value):
    return value.detach().clone().requires_grad_(value.requires_grad) if hasattr(value, "detach") else value


def _same(before, after):
    if not hasattr(before, "detach"):
        return True
    return before.shape == after.shape and bool(((before == after) | (before.isnan() & after.isnan())).all())


def _close(value, wanted, tolerance=1e-4):
    """Equal shapes and values, within a relative tolerance of the largest wanted value."""
    import torch

    try:
        value = torch.as_tensor(value).detach().double()
        wanted = torch.as_tensor(wanted).detach().double()
    except (TypeError, ValueError, RuntimeError):
        return value == wanted
    if value.shape != wanted.shape or not (value.isfinite().all() and wanted.isfinite().all()):
        return False
    return bool((value - wanted).abs().max() <= tolerance * wanted.abs().max().clamp(min=1e-6))


def _describe_call(function, args, kwargs):
    words = [_describe(a) for a in args] + [f"{name}={_describe(value)}" for name, value in kwargs.items()]
    return f"{getattr(function, '__name__', 'your function')}({', '.join(words)})"


def _describe(value):
    """A value in one short line, with the shape where it is a large tensor."""
    if hasattr(value, "detach"):
        value = value.detach()
        if value.ndim == 0:
            return f"{value.item():.5g}"
        if value.numel() > 12:
            return f"a tensor of shape {tuple(value.shape)} that starts {_numbers(value.reshape(-1)[:4])}"
        return f"tensor({_numbers(value)})"
    return f"{value:.5g}" if isinstance(value, float) else _one_line(repr(value), 80)


def _numbers(values):
    if values.ndim == 0:
        return f"{values.item():.4g}"
    return "[" + ", ".join(_numbers(v) for v in values) + "]"


def _one_line(text, width=200):
    text = " ".join(str(text).split())
    return text if len(text) <= width else text[: width - 1] + "…"


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
