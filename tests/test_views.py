"""What panels do with what their views tell them: pictures where somebody watches, an end where nobody is left."""

import asyncio
import gc
import subprocess
import sys
import time
import weakref

import every_panel
import ipywidgets
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from patience import seconds

from kdlab import course, widgets
from kdlab.widgets import base
from kdlab.widgets.driver import RUNNING, STOPPED
from kdlab.widgets.live import LivePanel
from kdlab.widgets.probe import ProbePanel
from kdlab.widgets.reading import ReadingPanel

KINDS = every_panel.kinds()
LIVE = [name for name, kind in KINDS.items() if issubclass(kind, LivePanel)]
READING = [name for name, kind in KINDS.items() if issubclass(kind, ReadingPanel)]


def say(panel, **content):
    """What a view says, as it comes from the page."""
    panel._handle_custom_msg(content, [])


@pytest.fixture
def slow_machine(monkeypatch):
    """A clock that stands still, but for `tick(seconds)`; and the messages that a panel sends, in a list."""
    now, sent = [1000.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(ipywidgets.Widget, "_send", lambda self, message, buffers=None: sent.append(message))

    def tick(seconds):
        now[0] += seconds

    return tick, sent


# --- how many pictures


def run_slowly(kind, slow_machine, watched, step=0.2):
    """Run a panel of this kind, each step taking so many seconds: (panel, messages, seconds)."""
    tick, sent = slow_machine
    panel = every_panel.make(kind)
    before_step, start = panel.before_step, time.monotonic()

    def slow_step():
        tick(step)
        before_step()

    panel.before_step = slow_step
    if watched:
        say(panel, seen="a view")
    sent.clear()
    panel.run()
    return panel, len(sent), time.monotonic() - start


@pytest.mark.parametrize("kind", LIVE)
def test_a_run_that_nobody_watches_sends_a_picture_a_second_and_the_last(kind, slow_machine):
    panel, messages, seconds = run_slowly(kind, slow_machine, watched=False)
    others = 5  # that it runs, what arms there are, that it has finished, with which outcome and which last picture
    assert seconds >= 8 and messages <= seconds + others
    watched, more, _ = run_slowly(kind, slow_machine, watched=True)
    assert more > messages
    drawn = [name for name in panel.keys if name not in ("layout", "comm")]
    assert {n: getattr(panel, n) for n in drawn} == {n: getattr(watched, n) for n in drawn}  # the last one is complete


@pytest.mark.parametrize("kind", READING)
def test_a_student_that_nobody_watches_is_asked_once_a_second(kind, slow_machine):
    tick, sent = slow_machine

    def records():
        for step in range(40):
            tick(0.2)
            yield {"step": step, "loss": 1.0}

    counts = {}
    for watched in (False, True):
        panel = every_panel.make(kind)
        asked, read = [], panel.read
        panel.read = lambda asked=asked, read=read: asked.append(1) or read()
        if watched:
            say(panel, seen="a view")
        for _ in panel.watch(records()):
            pass
        counts[watched] = len(asked)
    assert counts[False] <= 8 + 2 and counts[True] > 2 * counts[False]


def test_who_watches(slow_machine):
    tick, _ = slow_machine
    panel = every_panel.make("RacePanel")
    assert not panel.watched and panel.time_between(0.05) == base.UNSEEN
    say(panel, seen="one")
    say(panel, seen="two")
    assert panel.watched and panel.time_between(0.05) == 0.05
    tick(base.LATELY + 0.1)  # nothing has been drawn since: the browser may be gone
    assert not panel.watched
    say(panel, seen="one")
    say(panel, unseen="two")
    assert panel.watched
    say(panel, unseen="one")  # its page is hidden
    assert not panel.watched
    say(panel, seen="one")
    panel.before_step = lambda: tick(base.LATELY) or None
    during = []
    panel.on_record = lambda record: during.append(panel.watched)
    panel.run()
    assert during and all(during), "while a cell works nothing can be heard"
    assert not panel.watched


def test_requests_of_a_view_still_come_through():
    panel = every_panel.make("RacePanel")
    say(panel, seen="a view")
    assert not panel._driver.busy
    say(panel, request="start")
    assert panel._driver.busy


# --- when the last view has left


def with_a_loop(play):
    return asyncio.run(asyncio.wait_for(play(), seconds(20)))


async def until(condition):
    while not condition():
        await asyncio.sleep(0.002)


@pytest.fixture
def soon(monkeypatch):
    """Answers are waited for a moment only."""
    monkeypatch.setattr(base, "ANSWER", 0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_a_panel_whose_last_view_has_left_lets_go_of_everything(kind, soon):
    async def play():
        before = dict(ipywidgets.widgets.widget._instances)
        panel = every_panel.make(kind)
        gone = weakref.ref(panel)
        say(panel, seen="a view")
        if isinstance(panel, LivePanel):
            panel.speed = 20.0  # so that it does not end by itself
            panel.start()
            await until(lambda: gone().state == RUNNING)
        live = isinstance(panel, LivePanel)
        say(panel, left="a view")
        del panel  # before its own order to collect comes, at the first `await`
        await until(lambda: gone() is None or gone().comm is None)
        assert ipywidgets.widgets.widget._instances == before  # its layout is closed too
        if live:
            await until(lambda: gone() is None or gone().state == STOPPED)
        await until(lambda: gone() is None)  # collected by the panel's own order, not by this test

    gc.disable()
    try:
        with_a_loop(play)
    finally:
        gc.enable()


def test_a_panel_stays_while_another_view_answers(soon):
    async def play():
        panel = every_panel.make("RacePanel")
        asked = []
        panel.send = lambda content, buffers=None: (asked.append(content), say(panel, seen="another"))
        say(panel, seen="one")
        say(panel, seen="another")
        say(panel, left="one")
        await until(lambda: asked)
        await asyncio.sleep(5 * base.ANSWER)
        assert panel.comm is not None and panel.watched

        panel.send = lambda content, buffers=None: say(panel, unseen="another")  # on a page that is hidden
        say(panel, left="one")
        await asyncio.sleep(5 * base.ANSWER)
        assert panel.comm is not None and not panel.watched

    with_a_loop(play)


def test_a_busy_kernel_listens_once_more_before_it_lets_go(soon):
    async def play():
        panel = every_panel.make("TemperaturePanel")
        asked = []
        panel.send = lambda content, buffers=None: asked.append(content)
        say(panel, left="one")
        await until(lambda: asked)
        panel._let_go(time.monotonic() - 1)  # as after a long cell
        assert panel.comm is not None and len(asked) == 2
        await until(lambda: panel.comm is None)

    with_a_loop(play)


def test_a_closed_panel_can_be_shown_again_and_its_students_stay():
    panel = every_panel.make("RacePanel").run()
    students, number = panel.students, panel.model_id
    panel.close()
    panel.close()
    assert panel.students is students and panel.comm is None
    data, _ = panel._repr_mimebundle_()
    shown = data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert shown == panel.model_id and ipywidgets.widgets.widget._instances[shown] is panel and number
    assert panel.layout.comm is not None


def test_what_cells_have_shown_is_forgotten():
    shell = InteractiveShell.instance()
    try:
        keep, value = object(), object()
        shell.user_ns.update(_oh={1: value, 2: keep}, _1=value, _2=keep, _=value, __=keep, mine=value)
        shell.user_ns_hidden.update(_=value, _1=value)
        shell.displayhook._ = value
        base.forget_output(value)
        assert shell.user_ns["_oh"] == {2: keep} and shell.user_ns["_2"] is keep and shell.user_ns["__"] is keep
        assert shell.user_ns["mine"] is value, "what has a name is the reader's"
        assert all(v is not value for names in (shell.user_ns_hidden, vars(shell.displayhook)) for v in names.values())
        assert shell.user_ns["_"] == shell.user_ns["_1"] == ""
    finally:
        InteractiveShell.clear_instance()


# --- a kernel without the packages, and the live line of the environment check


@pytest.mark.parametrize("missing", ["anywidget", "ipywidgets"])
def test_a_kernel_without_the_widget_packages_says_so(missing):
    code = f"import sys; sys.modules[{missing!r}] = None; from kdlab import widgets; widgets.TemperaturePanel"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = found.stderr.strip().splitlines()[-1]
    assert found.returncode and f"The panels need {missing}, which the Python of this kernel does not have" in last
    assert sys.executable in last and "Change Kernel" in last


def test_the_environment_check_says_what_it_knows_of_panels(monkeypatch):
    rows = [(True, "Python 3.11", "")]
    report = course.EnvironmentReport(rows, ProbePanel(rows))
    assert report.ok and "[--] panels: no page has answered yet\n     In JupyterLab this line turns" in repr(report)
    data, _ = report._repr_mimebundle_()
    assert data.keys() == {"application/vnd.jupyter.widget-view+json", "text/plain"} and data["text/plain"] == repr(
        report
    )
    say(report.probe, seen="a view")
    assert report.probe.answered and repr(report).endswith("[OK] panels: this page and the kernel answer each other")

    monkeypatch.setitem(sys.modules, "kdlab.widgets.probe", None)
    assert course._make_probe(rows) is None and rows[-1][:2] == (False, "panels cannot be shown")
    assert course.EnvironmentReport(rows)._repr_mimebundle_()[0].keys() == {"text/plain"}


def test_bfloat16_logits_are_shown():
    logits = torch.tensor([1.0, 2.0, 3.0], dtype=torch.bfloat16, requires_grad=True)
    assert widgets.TemperaturePanel(logits).logits == [[1.0, 2.0, 3.0]]
