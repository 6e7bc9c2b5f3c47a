"""A training run that goes on while the notebook answers: a generator of records on the kernel's event loop."""

import asyncio
import signal
import sys
import threading
import time
import weakref
from collections import deque
from contextlib import ExitStack, contextmanager

SLICE = 0.02  # seconds of work between two chances for the kernel to answer
READY, RUNNING, PAUSED, STOPPED, FINISHED, FAILED = "ready", "running", "paused", "stopped", "finished", "failed"
INTERRUPTED = "the kernel was interrupted"


def running_loop():
    """The event loop of this cell or task: a notebook's cells have one; None where there is none."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


@contextmanager
def usual_torch():
    """float32, gradients and the CPU as PyTorch's defaults, as the course expects; afterwards the reader's own again.

    For what a panel does by itself: it must not depend on `set_default_dtype` or `set_grad_enabled` in some cell.
    """
    torch = sys.modules.get("torch")
    if torch is None:  # then nobody can have changed its defaults
        yield
        return
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with ExitStack() as stack:
            if torch.is_inference_mode_enabled():
                stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            if torch.get_default_device().type != "cpu":
                stack.enter_context(torch.device("cpu"))
            yield
    finally:
        torch.set_default_dtype(dtype)


class Driver:
    """Runs a generator of records, from a task on the event loop or in one go, and takes requests between steps.

    `hooks` is an object with these methods: `begin()` gives a new generator, `before_step()` and `on_record(record)`
    stand around each step, `on_state(state, message)` hears of every change of state, and
    `on_request(name, value)` of every request that is not one of the driver's own: start, pause, step, stop,
    reset, speed.
    Whatever one of them raises ends the run in the state "failed", with `.error` and a message that says so.

    Requests may come from any thread and at any moment; they are only written down, and done between two steps.
    Steps and requests see PyTorch's usual defaults, whatever the reader has set.
    """

    _running = None  # a weak reference to the driver that runs: two runs at once would halve the speed of both

    def __init__(self, hooks):
        self.hooks = hooks
        self.state, self.error, self.speed = READY, None, 0.0  # speed in steps a second, 0 for as many as it can
        self._records, self._task = None, None
        self._requests = deque()
        self._loop = running_loop()
        self._awake = asyncio.Event()

    # --- what others may call, from any thread

    @property
    def busy(self):
        """Whether a run is under way, or something has been asked for that is not done yet."""
        at_work = self._task is not None and not self._task.done()
        return at_work or self.state in (RUNNING, PAUSED) or bool(self._requests)

    def request(self, name, value=None):
        """Ask for something; it is done before the next step."""
        self._requests.append((name, value))
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    @usual_torch()
    def run(self):
        """Go on to the end, here and now. Raises what the run raises; an interrupt stops it and keeps the rest."""
        self._do_requests()
        if self.state != RUNNING:
            self._start()
        try:
            while self.state == RUNNING:
                self._step()
                self._do_requests()
        except KeyboardInterrupt:
            self._end(STOPPED, INTERRUPTED)
        if self.state == FAILED:
            raise self.error

    # --- the task

    def _wake(self):
        self._awake.set()
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self._drive())  # kept: the loop holds tasks only weakly

    async def _drive(self):
        while True:
            with usual_torch():  # not around the rest: other cells run then
                self._do_requests()
                if self.state != RUNNING:
                    break
                started = time.monotonic()
                self._work(started)
            await self._rest(started)
        self._listen_no_more()

    def _work(self, started):
        before = self._listen()
        try:
            while self.state == RUNNING:
                self._step()
                if self.speed or self._requests or time.monotonic() - started >= SLICE:
                    return
        finally:
            if before not in (None, signal.SIG_IGN, self._on_interrupt):
                signal.signal(signal.SIGINT, before)

    async def _rest(self, started):
        left = 1 / self.speed - (time.monotonic() - started) if self.speed else 0
        if left <= 0 or self.state != RUNNING:
            return await asyncio.sleep(0)
        self._awake.clear()
        if self._requests:
            return
        try:
            await asyncio.wait_for(self._awake.wait(), left)  # a request ends the rest
        except TimeoutError:
            pass

    # --- one step, one request, one change of state: always between two steps

    def _step(self):
        try:
            self.hooks.before_step()
            record = next(self._records)
            self.hooks.on_record(record)
        except StopIteration:
            self._end(FINISHED)
        except Exception as error:
            self._fail(error)

    def _do_requests(self):
        while self._requests:
            name, value = self._requests.popleft()
            try:
                self._do(name, value)
            except Exception as error:
                self._fail(error)

    def _do(self, name, value):
        match name:
            case "start":
                self._start()
            case "pause":
                self._pause(value or "")
            case "step":
                self._one()
            case "stop":
                self._stop()
            case "reset":
                self._end(READY)
            case "speed":
                self.speed = value
            case _:
                self.hooks.on_request(name, value)

    def _start(self):
        if self.state == RUNNING:
            return
        other = Driver._running and Driver._running()
        if other is not None and other is not self and other.state == RUNNING:
            other.request("pause", "another panel was started")
        Driver._running = weakref.ref(self)
        if self.state != PAUSED:
            self._begin()
        self._set(RUNNING)

    def _begin(self):
        self._close()
        self.error = None
        self._records = self.hooks.begin()

    def _pause(self, why):
        if self.state == RUNNING:
            self._set(PAUSED, why)

    def _one(self):
        if self.state == READY:
            self._begin()
        if self.state in (READY, RUNNING, PAUSED):
            self.state = PAUSED
            self._step()
            if self.state == PAUSED:
                self._set(PAUSED)

    def _stop(self):
        if self.state in (RUNNING, PAUSED):
            self._end(STOPPED)

    def _end(self, state, message=""):
        self._close()
        self._set(state, message)

    def _fail(self, error):
        self.error = error
        self._end(FAILED, f"{type(error).__name__}: {error}")

    def _close(self):
        records, self._records = self._records, None
        if hasattr(records, "close"):
            records.close()  # its `finally` leaves the student usable

    def _set(self, state, message=""):
        self.state = state
        try:
            self.hooks.on_state(state, message)
        except Exception as error:
            if state == FAILED:
                raise
            self._fail(error)

    # --- the kernel's "interrupt": between messages ipykernel ignores the signal, so that the run must listen

    def _listen(self):
        if threading.current_thread() is not threading.main_thread():
            return None
        return signal.signal(signal.SIGINT, self._on_interrupt)

    def _listen_no_more(self):
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) == self._on_interrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _on_interrupt(self, number, frame):
        if self.state == RUNNING:
            self.request("pause", INTERRUPTED)
