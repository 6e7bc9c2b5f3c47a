"""Numbers as people pass them: Python's, NumPy's, tensors that hold a single one."""

import numbers


def check_number(name, value):
    """The value as a float. ValueError unless it is a real number; a tensor must hold a single one, without a gradient."""
    value = _plain(name, value)
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise ValueError(f"{name} must be a number, got {value!r}")
    return float(value)


def check_fraction(name, value):
    """The value as a float. ValueError unless it is a number in [0, 1]."""
    value = check_number(name, value)
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value:g}")
    return value


def check_whole(name, value, least, most=None):
    """The value as an int. ValueError unless it is a whole number, `least` or more, and `most` or less if given."""
    value = _plain(name, value)
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        bounds = f", at least {least}" if most is None else f" from {least} to {most}"
        raise ValueError(f"{name} must be a whole number{bounds}: got {value!r}")
    return int(value)


def _plain(name, value):
    """A tensor or NumPy array with no dimensions as Python's number; anything else as it is."""
    if getattr(value, "requires_grad", False):
        raise ValueError(
            f"{name} is a tensor with a gradient, and here the gradient would be lost: pass a plain number, "
            f"{name}.item(). To learn it, compute with it yourself (divide both logits by a learned temperature first)"
        )
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        return value.item()
    return value
