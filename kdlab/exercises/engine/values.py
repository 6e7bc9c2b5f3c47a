"""Compare, copy and describe what exercises pass and return."""

import copy
import decimal
import math
import numbers

import torch

HALF = (torch.float16, torch.bfloat16)


def is_tensor(value):
    """True for a torch tensor."""
    return isinstance(value, torch.Tensor)


def is_numpy(value):
    """True for an array or number of NumPy."""
    return type(value).__module__.split(".")[0] == "numpy"


def copied(value):
    """A copy that a function may spoil: tensors (detached), arrays, models, generators, also inside lists and dicts."""
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(copied(item) for item in value)
    if isinstance(value, dict):
        return {name: copied(item) for name, item in value.items()}
    if is_tensor(value):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, torch.Generator):
        return torch.Generator(value.device).manual_seed(value.initial_seed()).set_state(value.get_state())
    return value.copy() if type(value).__name__ == "ndarray" else value


def deeply_copied(arguments):
    """Like `copied`, for a dict of arguments: models are copied too, together, so that an optimiser keeps its weights."""
    together = {name: value for name, value in arguments.items() if isinstance(value, OBJECTS)}
    together = copy.deepcopy(together) if together else {}
    return {name: together[name] if name in together else copied(value) for name, value in arguments.items()}


OBJECTS = (torch.nn.Module, torch.optim.Optimizer)


def same(before, after):
    """True when nothing has changed; nan is the same as nan here."""
    if isinstance(before, (list, tuple)):
        return len(before) == len(after) and all(map(same, before, after))
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(same(before[name], after[name]) for name in before)
    if is_tensor(before) or type(before).__name__ == "ndarray":
        return before.shape == after.shape and bool(((before == after) | ((before != before) & (after != after))).all())
    if isinstance(before, (int, float, str)):
        return before == after or (before != before and after != after)
    return True


def as_double(value):
    """The value as a float64 tensor on the CPU; TypeError where it is no number."""
    try:
        if isinstance(value, (numbers.Rational, decimal.Decimal)):
            value = float(value)
        return torch.as_tensor(value).detach().to("cpu", torch.float64)
    except (ValueError, RuntimeError, OverflowError) as error:
        raise TypeError(str(error)) from error


def close(value, wanted, tolerance=1e-4, equal_nan=False):
    """Equal shapes and values, within a tolerance relative to the largest wanted value; nan equals nothing.

    Half precision is compared as exactly as it can hold a number. With `equal_nan`, nan equals nan: to compare mistakes.
    """
    if isinstance(wanted, (list, tuple)):
        same_length = isinstance(value, (list, tuple)) and len(value) == len(wanted)
        return same_length and all(close(v, w, tolerance, equal_nan) for v, w in zip(value, wanted, strict=True))
    if isinstance(wanted, dict):
        same_names = isinstance(value, dict) and value.keys() == wanted.keys()
        return same_names and all(close(value[name], wanted[name], tolerance, equal_nan) for name in wanted)
    if isinstance(wanted, (str, torch.nn.Module)) or wanted is None or isinstance(value, str):
        return type(value) is type(wanted) and bool(value == wanted)
    if is_tensor(value) and value.dtype in HALF:
        tolerance = max(tolerance, 8 * torch.finfo(value.dtype).eps)
    try:
        value, wanted = as_double(value), as_double(wanted)
    except TypeError:
        return type(value) is type(wanted) and bool(value == wanted)
    if value.shape != wanted.shape:
        return False
    if equal_nan and not torch.equal(value.isnan(), wanted.isnan()):
        return False
    finite = wanted.isfinite()
    odd = ~finite & ~wanted.isnan() if equal_nan else ~finite
    if not torch.equal(value[odd], wanted[odd]) or not value[finite].isfinite().all():
        return False
    if not finite.any():
        return True
    scale = wanted[finite].abs().max().clamp(min=0.1)  # what is 0 but for rounding is 0
    return bool((value - wanted)[finite].abs().max() <= tolerance * scale)


def describe(value):
    """A value in one short line, with the shape where it is a large tensor."""
    if is_tensor(value):
        value = value.detach()
        if value.ndim == 0:
            return f"{value.item():.5g}" if value.is_floating_point() else str(value.item())
        if value.numel() > 12:
            return f"a tensor of shape {tuple(value.shape)} that starts {_numbers(value.reshape(-1)[:4])}"
        return f"tensor({_numbers(value)})"
    if isinstance(value, (tuple, list)) and value and len(value) <= 4 and any(map(is_tensor, value)):
        inside = ", ".join(describe(item) for item in value)
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    if isinstance(value, torch.nn.Module):
        return f"a {type(value).__name__}"
    return f"{value:.5g}" if isinstance(value, float) else one_line(repr(value), 80)


def _numbers(values):
    if values.ndim == 0:
        return f"{values.item():.4g}" if values.is_floating_point() else str(values.item())
    return "[" + ", ".join(_numbers(v) for v in values) + "]"


def one_line(text, width=200):
    """The text without line breaks, cut at `width` characters."""
    text = " ".join(str(text).split())
    return text if len(text) <= width else text[: width - 1] + "…"


def kind_of(value):
    """What a learner would call the value's type: "a torch tensor", "a NumPy array", "a number", "a function"."""
    if is_tensor(value):
        return "a torch tensor"
    if is_numpy(value):
        return "a NumPy object"
    if isinstance(value, bool):
        return "a bool"
    if isinstance(value, (int, float)):
        return f"a plain Python number ({type(value).__name__})"
    if isinstance(value, torch.nn.Module):
        return f"a module ({type(value).__name__})"
    if callable(value) and not isinstance(value, type):
        return "a function"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def relative(number):
    """A factor in words that can be read: 5, 0.2, 1.41."""
    return f"{number:.3g}" if math.isfinite(number) else str(number)


def tells_much(value):
    """True for a value that two mistakes do not share by chance: finite numbers with a fraction, not all the same."""
    if isinstance(value, (tuple, list, dict)):
        return all(map(tells_much, value.values() if isinstance(value, dict) else value))
    if isinstance(value, (bool, int, str)) or value is None:
        return False
    try:
        numbers = as_double(value)
    except TypeError:
        return False
    numbers = numbers[numbers.isfinite()]
    return bool(numbers.numel()) and bool((numbers != numbers.round()).any())
