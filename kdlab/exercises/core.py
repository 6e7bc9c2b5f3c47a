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


# PyTorch's messages that beginners meet most, and what they mean.
PLAIN_WORDS = {
    "Dimension out of range": "a single row has no dimension 1; dim=-1 is the last dimension, however many there are",
    "must match the size of tensor": "the shapes do not fit together; should a sum or a maximum keep its dimension?",
    "torch.return_types": "max, min, topk and sort with a dim return values and indices; which do you need?",
    "expected scalar type": "two tensors hold different kinds of numbers, for example float32 and int64",
    "can't be cast to the desired output type": "integers cannot hold the result; make the tensor float first",
    "could not infer output dtype": "a mean needs floats; make True and False (or whole numbers) into numbers: .float()",
    "Boolean value of Tensor": "many True and False are not one truth; join masks with &, and put each == in brackets",
    "does not require grad": "the loss is cut off from the weights: is there an .item(), .detach() or no_grad() on the way?",
}


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


class Answer:
    """One value that the learner's function returned; its methods raise `Mistake` where it is wrong.

    `is_not` only remembers a likely mistake. It is named when something else shows that the answer is wrong, so a
    right answer that happens to equal a wrong one is never refused.
    """

    def __init__(self, value, arguments=()):
        self.value, self.arguments = value, arguments
        self._likely = []

    def is_tensor(self, shape=None):
        """The value is a torch tensor (of that shape)."""
        import torch

        value = self.value
        if type(value).__module__.split(".")[0] == "numpy":
            self._fail("You returned a NumPy object. Return a torch tensor: use torch functions throughout.")
        if not isinstance(value, torch.Tensor):
            self._fail(f"Return a torch tensor; you returned a {type(value).__name__}.")
        if shape is not None and tuple(value.shape) != tuple(shape):
            self._fail(f"The shape should be {tuple(shape)}; yours is {tuple(value.shape)}.")
        return self

    def is_number(self):
        """The value is one number: a Python or NumPy number, or a tensor without dimensions."""
        import numpy as np
        import torch

        value = self.value
        if isinstance(value, np.ndarray):
            self._fail("You returned a NumPy array. Return one number: use torch functions throughout.")
        if isinstance(value, torch.Tensor) and value.ndim:
            self._fail(
                f"Return one number; yours is a tensor of shape {tuple(value.shape)}. "
                "Did you forget to sum or to take the mean?"
            )
        if not isinstance(value, (int, float, np.number, torch.Tensor)):
            self._fail(f"Return one number; you returned a {type(value).__name__}.")
        return self

    def is_sequence(self, count, what):
        """The value is a tuple or list of `count` things; `what` names them."""
        if not isinstance(self.value, (tuple, list)):
            numpy = " (a NumPy object)" if type(self.value).__module__.split(".")[0] == "numpy" else ""
            self._fail(f"Return {count} values ({what}); you returned a {type(self.value).__name__}{numpy}.")
        if len(self.value) != count:
            self._fail(f"Return {count} values ({what}); you returned {len(self.value)}.")
        return self

    def is_not(self, wrong, message):
        """If the answer turns out wrong and its value is this one, `message` names the mistake."""
        self._likely.append((wrong, message))
        return self

    def holds(self, condition, message):
        """The condition, computed from the value, is true."""
        if not bool(condition):
            self._fail(message)
        return self

    def equals(self, expected, message, tolerance=1e-4):
        """The value is the expected one, within a tolerance relative to its largest entry."""
        if not _close(self.value, expected, tolerance):
            self._fail(message, expected)
        self._likely.clear()
        return self

    def gradient(self, argument=0):
        """Gradient of the value's sum with respect to that argument of the call, as an `Answer`.

        The argument must have been a tensor with requires_grad=True. `Mistake` if no gradient reaches it.
        """
        import torch

        if not getattr(self.value, "requires_grad", False):
            self._fail(
                "No gradient flows through your result. Stay with torch operations: no .item(), .detach() or NumPy."
            )
        wanted = self.arguments[argument]
        gradient = torch.autograd.grad(self.value.sum(), wanted, retain_graph=True, allow_unused=True)[0]
        return Answer(torch.zeros_like(wanted) if gradient is None else gradient)

    def finish(self):
        """After the last question: an answer that was never compared as a whole must not be a likely mistake."""
        for wrong, message in self._likely:
            if _close(self.value, wrong):
                raise Mistake(message)

    def _fail(self, message, expected=None):
        self.finish()
        raise Mistake(message, expected)


class Ask:
    """Calls the learner's function safely, and remembers the last call for the report."""

    def __init__(self, function, time_limit):
        self.function, self.time_limit = function, time_limit
        self.called = self.came_out = ""
        self.notes, self.answers = [], []

    def __call__(self, *args, **kwargs):
        """Call with copies of the arguments; `Mistake` if it raises, hangs, returns None or changes them.

        Tensors and arrays are copied, also inside lists and dicts; models and optimisers are passed as they are.
        """
        self.called, self.came_out = _describe_call(self.function, args, kwargs), ""
        args_copy, kwargs_copy = _copy(list(args)), _copy(kwargs)
        value, printed = _run(self.function, args_copy, kwargs_copy, self.time_limit)
        if printed.strip() and not self.notes:
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
                    "`_`?). The caller still needs it: make a new one instead."
                )
        self.answers.append(Answer(value, args_copy))
        return self.answers[-1]


@dataclass
class Exercise:
    """One exercise: `check(answer)`, `hint()`, `solution()`.

    `reference` is the solution (a function, or a value), `questions` the check, and `wrong` holds known wrong
    answers: name -> (answer, words that its diagnosis must contain). The lesson shows place, title, minutes and
    difficulty in the exercise's heading; a test holds the two together.
    """

    place: int
    title: str
    minutes: int
    difficulty: str
    reference: object
    questions: Callable
    hints: tuple
    wrong: dict
    praise: str = "Well done."
    time_limit: float = 10.0
    _hints_given: int = field(default=0, repr=False)

    def check(self, answer=None, *, time_limit=None):
        """Ask the exercise's questions of `answer` (a function, or a value); returns a `Result`."""
        if answer is None or answer is Ellipsis:
            return Result(NOT_TRIED, "Fill in the dots, then run this cell again.")
        if callable(self.reference) and not callable(answer):
            kind = type(answer).__name__
            return Result(NOT_YET, f"Pass your function itself, without parentheses: you passed a {kind}.")
        ask = Ask(answer, time_limit or self.time_limit)
        if not callable(self.reference):
            ask.came_out = _describe(answer)
            ask.answers.append(Answer(answer))
        try:
            with _fresh_random_numbers():
                self.questions(ask if callable(self.reference) else ask.answers[0])
            for given in ask.answers:
                given.finish()
        except NotTried:
            return Result(NOT_TRIED, "Fill in the dots, then run this cell again.")
        except Mistake as mistake:
            expected = "" if mistake.expected is None else _describe(mistake.expected)
            return Result(NOT_YET, str(mistake), ask.called, ask.came_out, expected, tuple(ask.notes))
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
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(self.reference))).rstrip()
        return re.sub(r"^(def|class) _", r"\1 ", source, count=1, flags=re.MULTILINE)


@contextlib.contextmanager
def _fresh_random_numbers():
    """New inputs at each check, while the lesson's own random numbers stay what they would have been."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.seed()
        yield


def _run(function, args, kwargs, time_limit):
    """(value, what was printed); runs in a thread, so that a function which never returns can be left.

    A single call into C that never returns keeps the interpreter's lock, and no thread can stop that.
    """
    outcome, printed = {}, io.StringIO()

    def work():
        try:
            outcome["value"] = function(*args, **kwargs)
        except BaseException as error:  # a learner's sys.exit() must not end the lesson either
            outcome["error"] = error

    thread = threading.Thread(target=work, daemon=True)
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        thread.start()
        try:
            thread.join(time_limit)
            in_time = not thread.is_alive()
        finally:  # also when the kernel is interrupted while we wait
            stopped = _stop(thread)
    if not in_time:
        advice = "so it was stopped." if stopped else "and could not be stopped: choose Kernel → Restart."
        raise Mistake(
            f"Your function was still running after {time_limit:g} seconds, {advice} Is there a loop that never ends?"
        )
    error = outcome.get("error")
    if isinstance(error, NotImplementedError) and not str(error):  # PyTorch raises it too, with a message
        raise NotTried
    if error is not None:
        raise Mistake(_explain(error, function))
    return outcome["value"], printed.getvalue()


def _stop(thread):
    """Raise SystemExit inside the thread at its next bytecode; True if it has ended."""
    if thread.is_alive():  # works on every platform, unlike signals
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        thread.join(1.0)
    return not thread.is_alive()


def _explain(error, function):
    """An exception in one sentence, with the learner's own line, and in plain words where we know them."""
    message = f"Your function stopped with {type(error).__name__}: {_one_line(str(error), 300)}"
    message += "".join(f" — {plain}" for fragment, plain in PLAIN_WORDS.items() if fragment in str(error))
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    lines = [frame.line for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{message} (at `{lines[-1]}`)" if lines and lines[-1] else message


def _is_stub(function):
    """True when the function's body is only a docstring, `...` or `pass`."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return False
    trivial = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "POP_TOP"}
    return all(instruction.opname in trivial for instruction in dis.get_instructions(code))


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
    if isinstance(value, (list, tuple)):
        return type(value)(_copy(item) for item in value)
    if isinstance(value, dict):
        return {name: _copy(item) for name, item in value.items()}
    if _is_tensor(value):
        return value.detach().clone().requires_grad_(value.requires_grad)
    return value.copy() if type(value).__name__ == "ndarray" else value


def _same(before, after):
    if isinstance(before, (list, tuple)):
        return len(before) == len(after) and all(map(_same, before, after))
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(_same(before[name], after[name]) for name in before)
    if _is_tensor(before) or type(before).__name__ == "ndarray":  # nan is the same as nan here
        return before.shape == after.shape and bool(((before == after) | ((before != before) & (after != after))).all())
    if isinstance(before, (int, float, str)):
        return before == after or (before != before and after != after)
    return True


def _is_tensor(value):
    return hasattr(value, "detach") and hasattr(value, "requires_grad")


def _close(value, wanted, tolerance=1e-4):
    """Equal shapes and values, within a tolerance relative to the largest wanted value; nan equals nothing."""
    import torch

    if isinstance(wanted, (list, tuple)):
        same_length = isinstance(value, (list, tuple)) and len(value) == len(wanted)
        return same_length and all(_close(v, w, tolerance) for v, w in zip(value, wanted, strict=True))
    if isinstance(wanted, dict):
        same_names = isinstance(value, dict) and value.keys() == wanted.keys()
        return same_names and all(_close(value[name], wanted[name], tolerance) for name in wanted)
    try:
        value = torch.as_tensor(value).detach().double()
        wanted = torch.as_tensor(wanted).detach().double()
    except (TypeError, ValueError, RuntimeError):
        return type(value) is type(wanted) and value == wanted
    if value.shape != wanted.shape:
        return False
    finite = wanted.isfinite()
    if not torch.equal(value[~finite], wanted[~finite]) or not value[finite].isfinite().all():
        return False
    if not finite.any():
        return True
    return bool((value - wanted)[finite].abs().max() <= tolerance * wanted[finite].abs().max().clamp(min=1e-6))


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
