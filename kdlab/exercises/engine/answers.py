"""One value that the learner's function returned, and the questions that can be asked of it."""

import torch

from kdlab.exercises.engine.values import close, is_numpy, is_tensor, kind_of

NO_GRADIENT = (
    "No gradient flows through your result. Stay with torch operations all the way: no `.item()`, `.detach()`, "
    "`.tolist()`, `float()`, NumPy or `torch.no_grad()` between the input and your result."
)


class Mistake(Exception):
    """Something is wrong with the answer; the message says what, in the learner's words."""

    def __init__(self, message, expected=None):
        super().__init__(message)
        self.expected = expected


class NotTried(Exception):
    """The stub is as it was."""


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
        value = self.value
        if is_numpy(value):
            self._fail("You returned a NumPy object. Return a torch tensor: use torch functions throughout.")
        if not is_tensor(value):
            self._fail(f"Return a torch tensor; you returned {kind_of(value)}.")
        if shape is not None and tuple(value.shape) != tuple(shape):
            self._fail(f"The shape should be {tuple(shape)}; yours is {tuple(value.shape)}.")
        return self

    def is_number(self):
        """The value is one number: a Python or NumPy number, or a tensor without dimensions."""
        import numpy as np

        value = self.value
        if isinstance(value, np.ndarray):
            self._fail("You returned a NumPy array. Return one number: use torch functions throughout.")
        if is_tensor(value) and value.ndim:
            self._fail(
                f"Return one number; yours is a tensor of shape {tuple(value.shape)}. "
                "Did you forget to sum or to take the mean?"
            )
        if not isinstance(value, (int, float, np.number, torch.Tensor)):
            self._fail(f"Return one number; you returned {kind_of(value)}.")
        return self

    def is_sequence(self, count, what):
        """The value is a tuple or list of `count` things; `what` names them."""
        if not isinstance(self.value, (tuple, list)):
            self._fail(f"Return {count} values ({what}); you returned {kind_of(self.value)}.")
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
        if not close(self.value, expected, tolerance):
            self._fail(message, expected)
        self._likely.clear()
        return self

    def gradient(self, argument=0):
        """Gradient of the value's sum with respect to that argument of the call, as an `Answer`.

        The argument must have been a tensor with requires_grad=True. `Mistake` if no gradient reaches it.
        """
        if not getattr(self.value, "requires_grad", False):
            self._fail(NO_GRADIENT)
        wanted = self.arguments[argument]
        gradient = torch.autograd.grad(self.value.sum(), wanted, retain_graph=True, allow_unused=True)[0]
        return Answer(torch.zeros_like(wanted) if gradient is None else gradient)

    def gradient_equals(self, reference, argument=0):
        """The gradient on that argument is the one that `reference`, called with the same arguments, gives."""
        mine = self.gradient(argument)
        wanted = reference(*self.arguments)
        gradient = torch.autograd.grad(wanted.sum(), self.arguments[argument], allow_unused=True)[0]
        expected = torch.zeros_like(self.arguments[argument]) if gradient is None else gradient
        mine.holds(
            bool(mine.value.any()) or not bool(expected.any()),
            "The value is right, but no gradient reaches the student.",
        )
        mine.equals(expected, "The value is right, but not its gradient: something on the way is detached.", 1e-3)
        return self

    def finish(self):
        """After the last question: an answer that was never compared as a whole must not be a likely mistake."""
        for wrong, message in self._likely:
            if close(self.value, wrong):
                raise Mistake(message)

    def _fail(self, message, expected=None):
        self.finish()
        raise Mistake(message, expected)
