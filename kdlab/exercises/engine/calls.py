"""Call a learner's function safely: on copies, with a time limit, with its prints, warnings and exceptions in words."""

import ast
import contextlib
import ctypes
import dis
import inspect
import io
import random
import re
import textwrap
import threading
import time
import traceback
import warnings

import torch

from kdlab.exercises.engine.answers import Answer, Mistake, NotTried
from kdlab.exercises.engine.values import copied, describe, is_tensor, one_line, same

# PyTorch's messages that beginners meet most, and what they mean. (Shapes that do not fit have their own sentence.)
PLAIN_WORDS = {
    "Dimension out of range": "that tensor has fewer dimensions than you say; dim=-1 is the last one, however many there are",
    "torch.return_types": "max, min, topk and sort with a dim return values and indices; which do you need?",
    "expected scalar type": "two tensors hold different kinds of numbers, for example float32 and int64",
    "can't be cast to the desired output type": "integers cannot hold the result; make the tensor float first",
    "could not infer output dtype": "a mean needs floats; make True and False (or whole numbers) into numbers: .float()",
    "Boolean value of Tensor": "many True and False are not one truth; join masks with &, and put each == in brackets (max with a dim returns two tensors)",
    "does not require grad": "the loss is cut off from the weights: is there an .item(), .detach() or no_grad() on the way, or are student and teacher swapped?",
    "must be Tensor, not float": "a torch function takes a tensor; for a plain number there is the module math",
    "must be Tensor, not int": "a torch function takes a tensor; for a plain number there is the module math",
    "expected sequence of length": "lists of different lengths make no tensor; fill them up first",
    "probability tensor contains": "is there a division by 0 on the way, or are these not probabilities yet (softmax)?",
    "invalid multinomial distribution": "torch.multinomial draws from probabilities: not from logits, nor from logarithms",
    "unexpected keyword argument": "the arguments must have the names that the stub gives them",
    "unhashable type: 'list'": "a list cannot go into a set or be a key; a tuple can: tuple(...)",
    "division by zero": "what should come out when there is nothing to divide by?",
    "list index out of range": "an index reaches over the end: how far may the loop go?",
    "incorrect number of gradients": "backward returns a gradient for each argument of forward, or None where there is none",
    "missing 1 required": "the arguments must be those of the stub, or of the function that you call",
}
SHAPES = re.compile(
    r"must match the (?:size|existing size)|shapes? cannot be multiplied|shape mismatch|size mismatch|expand|"
    r"must have same (?:size|dim)|invalid for input of size|not broadcastable|could not be broadcast|expected size|"
    r"does not match the shape|Expected size for first|Expected target size|to match target batch_size|"
    r"Sizes of tensors must match|must have the same number of columns|each tensor to be equal size"
)


class Ask:
    """Calls the learner's function safely, and remembers the last call for the report."""

    def __init__(self, function, time_limit):
        self.function, self.time_limit = function, time_limit
        self.deadline = time.monotonic() + time_limit
        self.called = self.came_out = ""
        self.notes, self.answers, self.warned = [], [], []

    def __call__(self, *args, **kwargs):
        """Call with copies of the arguments; `Mistake` if it raises, hangs, returns None or changes them.

        Tensors, arrays and generators are copied, also inside lists and dicts; models and optimisers are passed as
        they are. Returns an `Answer`.
        """
        args_copy, kwargs_copy = copied(list(args)), copied(kwargs)
        value = self.value_of(args_copy, kwargs_copy)
        for name, before, after in _pairs(self.function, args, args_copy, kwargs, kwargs_copy):
            if not same(before, after):
                raise Mistake(changed_in_place(name, before))
        self.answers.append(Answer(value, args_copy))
        return self.answers[-1]

    def value_of(self, args, kwargs):
        """What the function returns for these very arguments; `Mistake` if it raises, hangs or returns None."""
        self.called, self.came_out = _describe_call(self.function, args, kwargs), ""
        value, printed, warned = run(self.function, args, kwargs, self.deadline - time.monotonic(), self.time_limit)
        if printed.strip() and not self.notes:
            self.notes.append(f"your function prints “{one_line(printed, 40)}”: remove that before training")
        self.warned += [text for text in warned if text not in self.warned]
        if value is None or value is Ellipsis:
            if is_stub(self.function):
                raise NotTried
            raise Mistake("Your function returns nothing. Is there a `return` on its last line?")
        if odd := next(
            filter(None, map(_without_numbers, value if isinstance(value, (tuple, list)) else [value])), None
        ):
            raise Mistake(odd)
        self.came_out = describe(value)
        return value


def _without_numbers(value):
    """The sentence for a tensor that cannot be compared: sparse, nested, or without values; else None."""
    if not is_tensor(value) or (value.layout == torch.strided and not value.is_nested and not value.is_meta):
        return None
    if value.is_meta:
        return (
            "You returned a tensor on the device meta, which has a shape and no values. Compute on the inputs' device."
        )
    kind = "nested" if value.is_nested else "sparse"
    return f"You returned a {kind} tensor. Return an ordinary one, whose entries all stand there: `.to_dense()`."


def changed_in_place(name, before):
    """The sentence for an argument that a function changes, with what does so to a value like this one."""
    how = "`/=`, `-=`, a method ending in `_`?"
    if isinstance(before, (list, dict)):
        how = "append, extend, insert, sort, `+=`, or new entries in what it holds?"
    return f"Your function changes its argument `{name}` in place ({how}). The caller still needs it: make a new one instead."


@contextlib.contextmanager
def safe_surroundings():
    """New random numbers and PyTorch's usual settings inside; what the reader had set is there again afterwards."""
    import numpy as np

    before = random.getstate(), np.random.get_state(), torch.get_default_dtype(), torch.is_grad_enabled()
    threads, device = torch.get_num_threads(), torch.get_default_device()
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False):
        fresh_numbers()
        try:
            _set(torch.float32, True, torch.device("cpu"))
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])
            _set(before[2], before[3], device)
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)


def fresh_numbers():
    """Seed PyTorch's random numbers anew. (torch.seed also leaves a note for a GPU each time: slow, and never thrown away.)"""
    torch.default_generator.seed()


def _set(dtype, gradients, device):
    if torch.get_default_dtype() != dtype:
        torch.set_default_dtype(dtype)
    torch.set_grad_enabled(gradients)
    if torch.get_default_device() != device:
        torch.set_default_device(device)


def run(function, args, kwargs, time_left, time_limit):
    """(value, what was printed, PyTorch's warnings); in a thread, so that a function which never returns can be left.

    A single call into C that never returns keeps the interpreter's lock, and no thread can stop that.
    """
    outcome, printed = {}, io.StringIO()

    def work():
        try:
            outcome["value"] = function(*args, **kwargs)
        except BaseException as error:  # a learner's sys.exit() must not end the lesson either
            outcome["error"] = error

    thread = threading.Thread(target=work, daemon=True)
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), _caught() as caught:
        thread.start()
        try:
            thread.join(max(time_left, 0.01))
            in_time = not thread.is_alive()
        finally:  # also when the kernel is interrupted while we wait
            stopped = _stop(thread)
    if torch.get_default_dtype() != torch.float32:
        torch.set_default_dtype(torch.float32)  # an answer may have changed it, for all that comes
    if not in_time:
        advice = "so it was stopped." if stopped else "and could not be stopped: choose Kernel → Restart."
        raise Mistake(
            f"Your function was still running after {time_limit:g} seconds, {advice} Is there a loop that never ends?"
        )
    error = outcome.get("error")
    if isinstance(error, NotImplementedError) and not str(error):  # PyTorch raises it too, with a message
        raise NotTried
    if error is not None:
        raise Mistake(explain(error, function))
    return outcome["value"], printed.getvalue(), [one_line(w.message, 600) for w in caught if w.category is UserWarning]


@contextlib.contextmanager
def _caught():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught


def _stop(thread):
    """Raise SystemExit inside the thread at its next bytecode; True if it has ended."""
    if thread.is_alive():  # works on every platform, unlike signals
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        thread.join(1.0)
    return not thread.is_alive()


def explain(error, function):
    """An exception in one sentence, with the learner's own line, the shapes that met there, and in plain words."""
    text = str(error)
    message = f"Your function stopped with {type(error).__name__}: {one_line(text, 300)}"
    message += "".join(f" — {plain}" for fragment, plain in PLAIN_WORDS.items() if fragment in text)
    frame, line = _own_frame(error, function)
    if line is None:
        return message
    message = f"{message} (at `{line.line}`, {_where(frame, line, function)})"
    if not SHAPES.search(text):
        return message
    shapes = _operands(frame, line)
    if len(shapes) < 2:
        return f"{message}. Which dimension was meant to meet which?"
    told = " and ".join(f"`{one_line(source, 50)}` has shape {shape}" for source, shape in shapes[:3])
    (_, first), (_, second) = shapes[:2]
    keep = ""
    if first[:-1] == second or second[:-1] == first:
        keep = " (If the second came from a sum, a mean or a maximum: keepdim=True keeps its dimension.)"
    return f"{message}. There, {told}: which dimension was meant to meet which?{keep}"


def _where(frame, line, function):
    """ "line 3 of your function", or of another one of the learner's that it calls."""
    code, name = frame.f_code, f"`{frame.f_code.co_name}`"
    if code.co_firstlineno == function.__code__.co_firstlineno or code.co_name.startswith("<"):  # <listcomp>, <lambda>
        code, name = function.__code__, "your function"
    return f"line {line.lineno - code.co_firstlineno + 1} of {name}"


def _own_frame(error, function):
    """(frame, its FrameSummary) of the deepest line of the learner's own file, or (None, None)."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    steps = list(traceback.walk_tb(error.__traceback__))
    summaries = traceback.extract_tb(error.__traceback__)
    own = [(frame, s) for (frame, _), s in zip(steps, summaries, strict=True) if s.filename == file and s.line]
    return own[-1] if own else (None, None)


def _operands(frame, line):
    """[(source, shape)] of the tensors that met where the frame stopped: operands or arguments, then names on the line."""
    try:
        source = ast.get_source_segment(textwrap.dedent(line.line), ast.parse(textwrap.dedent(line.line)).body[0])
        if line.colno is not None and line.end_lineno == line.lineno:
            start = len(line._original_line) - len(line._original_line.lstrip())
            source = line.line[line.colno - start : line.end_colno - start]
        node = ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, AttributeError, IndexError, TypeError):
        return []
    parts = []
    if isinstance(node, ast.BinOp):
        parts = [node.left, node.right]
    elif isinstance(node, ast.Compare):
        parts = [node.left, *node.comparators]
    elif isinstance(node, ast.Call):
        owner = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        parts = [*owner, *node.args, *(keyword.value for keyword in node.keywords)]
        parts = [item for part in parts for item in (part.elts if isinstance(part, (ast.List, ast.Tuple)) else [part])]
    elif isinstance(node, ast.Subscript):
        parts = [node.value, node.slice]
    found = []
    for part in parts:
        try:
            value = eval(compile(ast.Expression(part), "<shape>", "eval"), frame.f_globals, frame.f_locals)
        except Exception:  # it only serves a message
            continue
        if is_tensor(value):
            found.append((ast.unparse(part), tuple(value.shape)))
    return found


def is_stub(function):
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


def _describe_call(function, args, kwargs):
    words = [describe(a) for a in args] + [f"{name}={describe(value)}" for name, value in kwargs.items()]
    return f"{getattr(function, '__name__', 'your function')}({', '.join(words)})"
