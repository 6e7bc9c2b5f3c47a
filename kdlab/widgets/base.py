"""What every panel shares: its view's source, its picture for static viewers, its words for nbval."""

import base64
import gc
import math
import re
import sys
import time
import warnings
import weakref
from pathlib import Path

import numpy as np
import traitlets as t

try:
    import anywidget
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"The panels need {error.name}, which the Python of this kernel does not have: {sys.executable}. Choose the "
        "course's kernel (menu Kernel, Change Kernel), or install the package there, restart the kernel, and run the "
        "notebook again.",
        name=error.name,
    ) from None

from kdlab.palette import css as palette_css
from kdlab.widgets.driver import running_loop, usual_torch

FOLDER = Path(__file__).parent
LATELY = 2.5  # seconds: a view that draws says so about once a second
ANSWER = 2.5  # seconds that views have to say that they are still there
UNSEEN = 1.0  # seconds between two pictures that nobody sees


def source(*names):
    """The text of these files one after another: no build step, and nothing to fetch from a network.

    The palette stands in front of common.css, which all panels begin with.
    """
    palette = palette_css() if "common.css" in names else ""
    return palette + "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in names)


def to_numpy(values, dtype=float):
    """A NumPy array of what may be a torch tensor, a list or an array (without importing torch)."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = (values.float() if str(values.dtype) == "torch.bfloat16" else values).numpy()  # NumPy has no bfloat16
    return np.asarray(values, dtype=dtype)


def check_classes(labels, count, classes):
    """The labels as integers (count,). ValueError unless each is a class from 0 to classes - 1."""
    labels = to_numpy(labels, int)
    if labels.shape != (count,) or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels must be {count} classes from 0 to {classes - 1}")
    return labels


def soft_targets(logits, temperature):
    """softmax(logits / temperature) of one row of logits: what the panel's view computes, in NumPy."""
    powers = np.exp((logits - np.max(logits)) / temperature)
    return powers / powers.sum()


class Temperature(t.Float):
    """A trait for a temperature. ValueError for what is not positive and finite."""

    def validate(self, panel, value):
        value = super().validate(panel, value)
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"temperature must be positive and finite, not {value}")
        return value


class Panel(anywidget.AnyWidget):
    """One interactive panel. All its state is in traits, so that every view of it shows the same.

    A subclass sets `_esm` and `_css` with `source(...)`, and `figure()` draws its current state with
    matplotlib: GitHub, nbviewer and HTML exports show that picture where no kernel answers.

    A view tells when it draws, when its page is hidden, and when it leaves because its cell was run again, cleared or
    deleted. When the last one has left, the panel ends its run and lets go of what it holds; it can be shown again.
    """

    _css = source("common.css")
    _views = frozenset()  # those that are on a visible page, as far as we have heard
    _heard_at = -math.inf  # when one of them drew
    _left = False  # one of them has left, and no other has said since then that it is there
    _deaf = False  # while a cell works, nothing can be heard
    _loop = None  # of the kernel, if there is one

    def __init__(self, **state):
        self._loop = running_loop()
        super().__init__(**state)

    def figure(self):
        """The current state as a matplotlib Figure."""
        raise NotImplementedError

    def png(self):
        """The current state as the bytes of a PNG."""
        return self._still()[0]

    def _still(self):
        """The bytes of the PNG, and what a notebook keeps beside it."""
        from kdlab.plots import png_metadata, to_png

        with usual_torch():
            figure = self.figure()
            return to_png(figure), png_metadata(figure)

    # --- its views

    def _handle_custom_msg(self, content, buffers):
        match content:
            case {"seen": view}:
                self._views, self._heard_at, self._left = self._views | {view}, time.monotonic(), False
            case {"unseen": view}:
                self._views, self._left = self._views - {view}, False
            case {"left": _}:
                # Views of a page that was closed could not say good-bye: only an answer counts.
                self._views, self._left = frozenset(), True
                if self._loop is not None and not self._loop.is_closed():
                    self._loop.call_soon_threadsafe(self._call_the_roll)
            case _:
                super()._handle_custom_msg(content, buffers)

    @property
    def watched(self):
        """Whether a view draws what it is sent. While a cell works none can say so: then the last word holds."""
        return bool(self._views) and (self._deaf or time.monotonic() - self._heard_at < LATELY)

    def time_between(self, seconds):
        """Seconds between two pictures: these, or more where nobody watches and messages would only pile up."""
        return seconds if self.watched else max(seconds, UNSEEN)

    def _call_the_roll(self):
        self.send({"who": "is there"})
        self._loop.call_later(ANSWER, self._let_go, time.monotonic() + ANSWER)

    def _let_go(self, due):
        """No view has answered: end everything, and leave the memory to whoever else holds the panel."""
        if not self._left or self.comm is None:
            return
        if time.monotonic() > due + 0.5:  # a cell has kept the kernel: answers may still wait to be heard
            self._call_the_roll()
            return
        self.close()
        forget_output(self)
        collect_later(self._loop, weakref.ref(self))

    @property
    def busy(self):
        """Whether a run is under way in the background."""
        return False

    def close(self):
        """End the panel and close its views. Shown again, it begins to answer again."""
        layout = self._trait_values.get("layout")
        super().close()
        self.__dict__.pop("_repr_mimebundle_", None)  # ipywidgets would have a closed widget never show itself again
        if layout is not None:
            layout.close()

    def _reopen(self):
        if self.comm is None:
            self.layout.open()
            self.open()

    def __repr__(self):
        return f"<{type(self).__name__}>"

    def _repr_mimebundle_(self, **options):
        self._reopen()
        data, metadata = super()._repr_mimebundle_(**options)
        # The same words on every run: nbval compares text/plain, and the default holds an address.
        data = {**data, "text/plain": repr(self)}
        try:
            picture, about = self._still()
            data["image/png"] = base64.b64encode(picture).decode()
            metadata = {**metadata, "image/png": about}
        except Exception as error:  # the panel itself does not need it
            words = f"{type(error).__name__}: {error}"
            warnings.warn(f"This panel works, but its still picture could not be drawn ({words}).", stacklevel=2)
        return data, metadata


def collect_later(loop, panel):
    """Free the memory of a panel (a weak reference) once its run has ended.

    It is full of cycles, and its tensors look small to Python, which would be in no hurry.
    """

    def collect():
        if panel() is not None and panel().busy:
            loop.call_later(ANSWER, collect)
        else:
            gc.collect()

    loop.call_later(ANSWER, collect)


def forget_output(value):
    """Take a value out of IPython's memory of what cells have shown (Out, _, __, ___, _7), so that it can be freed."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        return
    shown = shell.user_ns.get("_oh", {})
    for number in [number for number, other in shown.items() if other is value]:
        del shown[number]
    for names in (shell.user_ns, shell.user_ns_hidden, vars(shell.displayhook)):
        for name in [name for name, other in names.items() if other is value and re.fullmatch(r"_+\d*", name)]:
            names[name] = ""  # as IPython begins: a name that is missing would count as the reader's own
