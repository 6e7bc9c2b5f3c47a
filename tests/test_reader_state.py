"""Whatever the reader has set in matplotlib or PyTorch, figures and panels are the same, and the settings stay theirs."""

import asyncio
import importlib
import inspect
import pkgutil
import warnings

import every_panel
import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import rcParams
from patience import seconds

from kdlab import plots
from kdlab.exercises.engine.values import close
from kdlab.plots.base import SIZE, STYLE, Picture
from kdlab.widgets.driver import FINISHED, Driver, usual_torch
from kdlab.widgets.live import LivePanel

KINDS = every_panel.kinds()
THEIRS = {"text.usetex": True, "figure.facecolor": "black", "axes.facecolor": "navy", "text.color": "white", "font.size": 31,
          "savefig.dpi": 30, "savefig.bbox": "tight", "lines.linewidth": 9, "axes.spines.top": True,
          "font.family": "no such font", "axes.prop_cycle": matplotlib.cycler(color=["red"])}  # fmt: skip


@pytest.fixture
def readers_settings():
    """Switches the reader's own settings on; all are put back at the end."""
    every_panel.material()
    before = dict(rcParams), torch.get_default_dtype()

    def switch_on():
        rcParams.update(THEIRS)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.set_default_device("meta")

    yield switch_on
    dict.update(rcParams, before[0])
    torch.set_default_dtype(before[1])
    torch.set_grad_enabled(True)
    torch.set_default_device(None)


def still_theirs():
    return (
        {name: rcParams[name] for name in THEIRS} == {**THEIRS, "font.family": ["no such font"]}
        and torch.get_default_dtype() == torch.float64
        and not torch.is_grad_enabled()
        and torch.get_default_device().type == "meta"
    )


# --- figures


def figure_functions():
    """Every public function of the rooms of kdlab.plots; those of `base` draw on axes that they are given."""
    found = []
    for module in pkgutil.iter_modules(plots.__path__, "kdlab.plots."):
        if module.name != "kdlab.plots.base":
            room = importlib.import_module(module.name)
            for name, function in inspect.getmembers(room, inspect.isfunction):
                if function.__module__ == room.__name__ and not name.startswith("_"):
                    found.append(pytest.param(function, id=name))
    return found


class Seen(Exception):
    """A figure function has looked at an argument."""


class Spy:
    """An argument that tells what settings matplotlib has when somebody does anything with it."""

    def __init__(self):
        self.settings = None

    def look(self, *_, **__):
        self.settings = {name: rcParams[name] for name in [*THEIRS, *STYLE]}
        raise Seen

    __getattr__ = __getitem__ = __iter__ = __len__ = __array__ = __add__ = __mul__ = __truediv__ = __float__ = look
    __int__ = __index__ = __str__ = __format__ = __bool__ = __lt__ = __gt__ = __eq__ = __neg__ = __sub__ = look
    __radd__ = __rmul__ = __rsub__ = __rtruediv__ = __hash__ = look


@pytest.mark.parametrize("function", figure_functions())
def test_every_figure_is_drawn_in_the_courses_style(function, readers_settings):
    expected = {name: matplotlib.rcParamsDefault[name] for name in THEIRS} | STYLE | {"figure.figsize": [*SIZE]}
    readers_settings()
    spy = Spy()
    required = [p.name for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    if required:
        with pytest.raises(Seen):
            function(**dict.fromkeys(required, spy))
        found = spy.settings
        assert {name: found[name] for name in expected} == expected
    else:
        figure = function()
        assert isinstance(figure, Picture) and not any(
            text.get_usetex() for text in figure.findobj(matplotlib.text.Text)
        )
    assert still_theirs()


def test_a_figure_is_saved_in_the_courses_style_too(readers_settings):
    figure = plots.coin_divergences(np.linspace(0.01, 0.99, 9), {"KL": np.linspace(0, 2, 9)}, 0.5)
    expected = figure._repr_mimebundle_()[0]["image/png"]
    readers_settings()
    figure = plots.coin_divergences(np.linspace(0.01, 0.99, 9), {"KL": np.linspace(0, 2, 9)}, 0.5)
    assert figure._repr_mimebundle_()[0]["image/png"] == expected
    assert still_theirs()


# --- panels


def test_every_kind_of_panel_is_tried():
    for kind in KINDS:
        assert type(every_panel.make(kind)).__name__ == kind


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_panels_and_their_stills_are_the_same_whatever_the_reader_has_set(kind, readers_settings):
    def play():
        panel = every_panel.make(kind)
        if isinstance(panel, LivePanel):
            panel.run()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return panel, panel._repr_mimebundle_()[0]

    usual, expected = play()
    readers_settings()
    panel, found = play()
    assert found["image/png"] == expected["image/png"]
    assert still_theirs()
    ignored = {"layout", "comm", "tooltip"}  # the widget's own, with ids that differ
    for name in usual.keys:
        if name not in ignored:
            mine, theirs = getattr(panel, name), getattr(usual, name)
            assert mine == theirs or close(mine, theirs, 1e-6), name  # sentences are read in parts, as time allows


@pytest.mark.parametrize("kind", KINDS)
def test_a_still_that_cannot_be_drawn_leaves_the_panel_alive(kind, monkeypatch):
    panel = every_panel.make(kind)
    monkeypatch.setattr(type(panel), "figure", lambda self: 1 / 0)
    with pytest.warns(
        UserWarning, match="This panel works, but its still picture could not be drawn .ZeroDivisionError"
    ):
        data, _ = panel._repr_mimebundle_()
    assert data.keys() == {"application/vnd.jupyter.widget-view+json", "text/plain"}


# --- what a panel does by itself sees PyTorch as usual


def test_steps_and_requests_see_the_usual_defaults(readers_settings):
    seen = []

    def note(*_):
        seen.append((torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_default_device().type))

    class Hooks:
        before_step = on_record = on_state = on_request = note

        def begin(self):
            note()
            for _ in range(3):
                note()
                yield

    async def play():
        driver = Driver(Hooks())
        driver.request("something")
        driver.request("start")
        while driver.state != FINISHED or driver._task and not driver._task.done():
            assert still_theirs()  # between steps other cells run
            await asyncio.sleep(0)

    readers_settings()
    asyncio.run(asyncio.wait_for(play(), seconds(20)))
    assert len(seen) > 10 and set(seen) == {(torch.float32, True, "cpu")}


def test_usual_torch_inside_inference_mode():
    weight = torch.ones(2, requires_grad=True)
    with torch.inference_mode(), usual_torch():
        (weight * torch.ones(2)).sum().backward()
    assert weight.grad.tolist() == [1, 1]


def test_usual_torch_puts_all_back_after_an_error(readers_settings):
    readers_settings()
    with pytest.raises(ZeroDivisionError), usual_torch():
        raise ZeroDivisionError
    assert still_theirs()
