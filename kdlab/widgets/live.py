"""What panels with a run in them share: the driver, the toolbar's state, and pictures at most 20 times a second.

Where nobody watches, a picture a second is enough; the last one of a run is always sent.
"""

import time
import traceback
from pathlib import Path

import traitlets as t

from kdlab.hosts import on_a_page
from kdlab.widgets.base import FOLDER, Panel
from kdlab.widgets.driver import FAILED, READY, RUNNING, Driver

FRAME = 0.05  # seconds between two pictures, at least
SHARE = 0.03  # of the time may go into pictures: where one is expensive, there are fewer
CURVE = 500  # points at most


def thin(values, most=CURVE):
    """At most `most` of these values, evenly chosen, the last one always among them."""
    stride = -(-len(values) // most)
    return values if stride <= 1 else values[(len(values) - 1) % stride :: stride]


def readers_trace(error):
    """The traceback without the calls of the panel itself at its beginning: what is left begins with the reader's."""
    calls = error.__traceback__
    while calls.tb_next and Path(calls.tb_frame.f_code.co_filename).parent == FOLDER:
        calls = calls.tb_next
    return "".join(traceback.format_exception(type(error), error, calls))


class LivePanel(Panel):
    """A panel with a run in it. A subclass gives `begin()`, the generator of a new run, and what it wants of
    `before_step()`, `on_record(record)` (call it here too), `on_request(name, value)` and `flush()`.

    `start`, `pause`, `step`, `stop` and `reset` only leave a request, from any thread; `run` does it all at once.
    """

    state = t.Unicode(READY).tag(sync=True)
    message = t.Unicode("").tag(sync=True)
    trace = t.Unicode("").tag(sync=True)
    speed = t.Float(0.0, min=0.0).tag(sync=True)
    done = t.Int(0).tag(sync=True)
    steps = t.Int(0).tag(sync=True)
    _driver = None  # a panel that refuses its arguments is closed before it has one

    def __init__(self, **state):
        self._driver = Driver(self)
        self._next_picture = 0.0
        super().__init__(**state)
        self._driver.speed = self.speed
        self.observe(lambda change: self._driver.request("speed", change["new"]), "speed")
        self.on_msg(lambda _, content, buffers: self._driver.request(content["request"], content.get("value")))

    def start(self):
        """Begin a run, or go on with one that is paused."""
        self._driver.request("start")

    def pause(self):
        """Pause after the present step."""
        self._driver.request("pause")

    def step(self):
        """Do a single step, and pause."""
        self._driver.request("step")

    def stop(self):
        """End the run; everything trained so far stays."""
        self._driver.request("stop")

    def reset(self):
        """Put all back as it was at the beginning."""
        self._driver.request("reset")

    def run(self):
        """Run to the end, here and now, and return the panel. Raises what the run raises."""
        self._deaf = True
        try:
            self._driver.run()
        finally:
            self._deaf = False
        return self

    def show_and_run(self, **values):
        """Show the panel, then run it (see `run`) to its end, here and now: whoever watches sees it move.

        Where no kernel answers, in a page or an export, the picture of the end stands there.
        """
        from IPython.display import display

        shown, before = display(self, display_id=True), self._views
        self._views = before | {"about to draw"}  # it cannot say so while this cell works
        try:
            self.run(**values)
        finally:
            self._views -= {"about to draw"}
            # On a page, ipywidgets' renderer would stumble over the view that it has.
            if shown is not None and not on_a_page():
                shown.update(self)

    def close(self):
        """Stop the run and close the views."""
        if (
            self._driver and self._driver.busy
        ):  # else Python, when it frees the panel, would hold it once more by asking
            self._driver.request("stop")
        super().close()

    @property
    def error(self):
        """The exception that ended the run, or None."""
        return self._driver.error

    # --- what the driver calls

    def begin(self):
        """A new run: a generator of records."""
        raise NotImplementedError

    def before_step(self):
        """Anything that must be settled before the next step."""

    def on_request(self, name, value):
        """A request of the panel's own."""

    def on_record(self, record):
        """Keep what a step gave; show it if the last picture is old enough."""
        if time.monotonic() >= self._next_picture:
            self.show()

    def on_reset(self):
        """Put back what the reset button puts back, before it is shown."""

    def on_state(self, state, message):
        """Show a new state, and with it the last picture of all that has happened."""
        if state == READY:
            self.on_reset()
        error = self._driver.error if state == FAILED else None
        if not error:
            self.show()
        with self.hold_sync():
            self.state, self.message = state, message
            self.trace = readers_trace(error) if error else ""

    def show(self):
        """Send the present picture to the views, in one message."""
        start = time.thread_time()
        with self.hold_sync():
            self.flush()
        cost = time.thread_time() - start
        self._next_picture = time.monotonic() + max(self.time_between(FRAME), cost / SHARE)

    def flush(self):
        """Set the traits that the picture is drawn from."""

    @property
    def busy(self):
        """Whether there is a run, going on or paused, or something asked for that is not done yet."""
        return self._driver.busy

    @property
    def running(self):
        """Whether a run is going on in the background."""
        return self.state == RUNNING
