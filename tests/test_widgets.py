"""The panels without a browser: their state, their pictures, the driver, and what Python reads and writes."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from patience import seconds
from traitlets import TraitError

from kdlab import models, teachers, training, widgets
from kdlab.widgets import base, driver
from kdlab.widgets.drawing import to_mnist
from kdlab.widgets.driver import FAILED, FINISHED, PAUSED, READY, RUNNING, STOPPED, Driver
from kdlab.widgets.live import thin

LOGITS = np.array([[-4.8, -1.2, 3.1, 12.4, -5.9, 4.6, -7.7, 1.3, 2.2, 0.4], [9, 0, 1, 2, 3, 0, 5, 1, 0, 2.5]])
SMALL = training.Recipe(steps=30, batch_size=16, temperature=4.0, alpha=0.1)


@pytest.fixture(scope="module")
def material():
    """Made-up pictures, their labels, and a teacher that has learned them."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 300)
    images = (rng.random((10, 28, 28))[labels] * rng.integers(128, 256, (300, 28, 28))).astype(np.uint8)
    inputs, labels = models.to_inputs(images), torch.from_numpy(labels)
    teacher = models.MLP(784, 16, 10, seed=3)
    training.fit(teacher, inputs, labels, recipe=training.Recipe(steps=60, batch_size=32))
    return images, inputs, labels, teacher, teachers.predict_logits(teacher, inputs)


@pytest.fixture
def race(material):
    """Makes small RacePanels."""
    images, inputs, labels, teacher, logits = material

    def make(recipe=SMALL, make_student=lambda: models.MLP(784, 8, 10), **options):
        return widgets.RacePanel(
            make_student, (inputs[:200], labels[:200], logits[:200]), (inputs[200:], labels[200:], logits[200:]),
            (inputs[250:], labels[250:]), images[:3], teacher, recipe, evaluate_every=10, **options,
        )  # fmt: skip

    return make


# --- all panels


def some_panels(race):
    yield widgets.TemperaturePanel(LOGITS)
    yield widgets.TemperaturePanel(LOGITS[0], images=np.zeros((28, 28), np.uint8), temperature=4)
    yield race()
    yield race().run()
    yield widgets.DrawPanel({"one": models.MLP(784, 10), "two": models.MLP(784, 10, seed=1)})
    yield widgets.DrawPanel({"one": models.MLP(784, 10)}, strokes=[])


@pytest.mark.slow
def test_every_panel_shows_a_picture_and_fixed_words_where_no_kernel_answers(race):
    for panel in some_panels(race):
        data, _ = panel._repr_mimebundle_()
        assert data["text/plain"] == f"<{type(panel).__name__}>" == repr(panel)
        assert "application/vnd.jupyter.widget-view+json" in data
        assert panel.png().startswith(b"\x89PNG")
        assert len(data["image/png"]) > 5000  # an empty figure has less


def test_sources_ask_for_nothing_from_outside():
    for file in base.FOLDER.iterdir():
        if file.suffix in (".js", ".css"):
            text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"https?:|\bimport\b|@import|url\((?!#)", text), file.name


def test_importing_the_panels_does_not_import_torch():
    names = sorted(file.stem for file in base.FOLDER.glob("*.py"))
    code = f"import sys, kdlab.widgets as w\nfor n in {names}: __import__('kdlab.widgets.' + n)\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_panel_is_an_attribute_error():
    with pytest.raises(AttributeError, match="NoSuchPanel"):
        widgets.NoSuchPanel  # noqa: B018


# --- TemperaturePanel


def test_temperature_panel_agrees_with_torch():
    panel = widgets.TemperaturePanel(torch.tensor(LOGITS), temperature=2.5)
    assert np.allclose(panel.soft_targets, torch.softmax(torch.tensor(LOGITS[0]) / 2.5, -1), atol=1e-4)
    panel.selected, panel.temperature = 1, 0.05
    assert panel.soft_targets[0] == pytest.approx(1)
    assert np.isfinite(widgets.TemperaturePanel([1e4, -1e4, 0.0], temperature=0.05).soft_targets).all()


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_temperature_panel_refuses_temperatures_that_are_none(temperature):
    with pytest.raises(ValueError, match="temperature must be positive and finite"):
        widgets.TemperaturePanel(LOGITS, temperature=temperature)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"logits": [[[1.0, 2.0]]]}, "logits must be"),
        ({"logits": [1.0, float("nan")]}, "logits must be"),
        ({"logits": [1.0]}, "logits must be"),
        ({"logits": LOGITS, "images": np.zeros((3, 28, 28))}, "2 rows of logits, but 3 images"),
        ({"logits": LOGITS, "goal": {"text": "x", "metric": "beauty"}}, "a goal needs a text and a metric"),
        ({"logits": LOGITS, "goal": {"text": "x", "metric": "entropy"}}, "one of at_least"),
        ({"logits": LOGITS, "goal": {"text": "x", "metric": "probability", "class": 10, "at_least": 1}}, "0 to 9"),
    ],
)
def test_temperature_panel_refuses_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        widgets.TemperaturePanel(**arguments)


# --- the driver


class Counter:
    """A run of `steps` steps that writes down all it hears."""

    def __init__(self, steps=50, fail_at=None, fail_in=None):
        self.steps, self.fail_at, self.fail_in = steps, fail_at, fail_in
        self.records, self.states, self.requests, self.closed, self.begun = [], [], [], 0, 0
        self.during = {}  # called at these steps, from inside the step

    def begin(self):
        self.begun += 1
        if self.fail_in == "begin":
            raise ValueError("no beginning")
        return self.generate()

    def generate(self):
        try:
            for step in range(self.steps):
                if step == self.fail_at:
                    raise ValueError("bad luck")
                self.during.get(step, lambda: None)()
                yield step
        finally:
            self.closed += 1

    def before_step(self):
        pass

    def on_record(self, record):
        if self.fail_in == "on_record" and record == 3:
            raise ValueError("no record")
        self.records.append(record)

    def on_state(self, state, message):
        if self.fail_in == state:
            raise ValueError("no state")
        self.states.append((state, message))

    def on_request(self, name, value):
        if self.fail_in == "on_request":
            raise ValueError("no request")
        self.requests.append((name, value, len(self.records)))


def drive(counter, play, speed=0):
    """Run `await play(driver)` on a loop, with a driver made there."""

    async def main():
        made = Driver(counter)
        made.speed = speed
        await asyncio.wait_for(play(made), seconds(20))
        return made

    return asyncio.run(main())


async def until(condition):
    while not condition():
        await asyncio.sleep(0)


def test_driver_runs_to_the_end_and_starts_again():
    counter = Counter()

    async def play(driver):
        for run in (1, 2):
            driver.request("start")
            driver.request("start")  # twice is once
            await until(lambda run=run: counter.begun == run and driver.state == FINISHED)
            driver.request("pause")
            driver.request("step")
            driver.request("stop")  # nothing left to pause, step or stop
            await until(lambda: not driver._requests)

    assert drive(counter, play).state == FINISHED
    assert counter.records == [*range(50), *range(50)]
    assert counter.states == [(RUNNING, ""), (FINISHED, "")] * 2
    assert counter.begun == counter.closed == 2


def test_driver_pauses_steps_resumes_stops_and_resets():
    counter = Counter(10**9)

    async def play(driver):
        driver.request("stop")
        driver.request("pause")
        driver.request("step")  # from the start: one step, and pause
        await until(lambda: driver.state == PAUSED)
        assert counter.records == [0]
        driver.request("step")
        await until(lambda: len(counter.records) == 2)
        driver.request("start")
        await until(lambda: len(counter.records) > 20)
        driver.request("pause", "tea")
        await until(lambda: driver.state == PAUSED)
        done = len(counter.records)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(counter.records) == done and counter.states[-1] == (PAUSED, "tea")
        driver.request("stop")
        await until(lambda: driver.state == STOPPED)
        assert counter.closed == 1
        driver.request("reset")
        await until(lambda: driver.state == READY)
        assert driver._task.done() or not driver._requests

    drive(counter, play)
    assert counter.records == list(range(len(counter.records)))


@pytest.mark.parametrize("fail_in", ["step", "begin", "on_record", "on_request", FINISHED, RUNNING])
def test_driver_never_swallows_an_exception(fail_in):
    counter = Counter(fail_at=7 if fail_in == "step" else None, fail_in=fail_in)

    async def play(driver):
        if fail_in == "on_request":
            driver.request("colour", "red")
        driver.request("start") if fail_in != "on_request" else None
        await until(lambda: driver.state == FAILED)
        assert isinstance(driver.error, ValueError)
        assert counter.states[-1] == (FAILED, f"ValueError: {driver.error}")
        counter.fail_at = counter.fail_in = None
        driver.request("start")  # and it can be tried again
        await until(lambda: driver.state == FINISHED)
        assert driver.error is None

    drive(counter, play)
    assert counter.closed == counter.begun - (fail_in in ("begin", RUNNING))  # those never came to their first step


def test_driver_takes_requests_from_any_thread_between_two_steps():
    counter = Counter(10**9)

    async def play(driver):
        driver.request("start")
        await until(lambda: len(counter.records) > 5)
        threads = [threading.Thread(target=driver.request, args=("colour", i)) for i in range(20)]
        for thread in threads:
            thread.start()
        await until(lambda: len(counter.requests) == 20)
        driver.request("stop")
        await until(lambda: driver.state == STOPPED)

    drive(counter, play)
    assert {value for _, value, _ in counter.requests} == set(range(20))


def test_driver_yields_every_20_ms(monkeypatch):
    """With a clock that says each step takes 4.1 ms, the loop gets its turn after every 5 steps."""
    counter = Counter(100)
    clock = SimpleNamespace(monotonic=lambda: 0.0041 * len(counter.records))
    monkeypatch.setattr(driver, "time", clock)
    turns = []

    async def play(driver):
        driver.request("start")
        while driver.state != FINISHED:
            turns.append(len(counter.records))
            await asyncio.sleep(0)

    drive(counter, play)
    assert max(np.diff(turns)) == 5


def test_driver_keeps_to_its_speed_and_still_answers_at_once():
    counter = Counter(10**9)

    async def play(driver):
        loop = asyncio.get_running_loop()
        driver.request("start")
        await until(lambda: driver.state == RUNNING)
        start = loop.time()
        await until(lambda: len(counter.records) >= 11)
        assert loop.time() - start >= 0.19  # ten rests of 20 ms
        driver.request("speed", 0.01)  # a step in 100 s
        await until(lambda: driver.speed == 0.01)
        driver.request("stop")
        await until(lambda: driver.state == STOPPED)

    drive(counter, play, speed=50)


def test_one_run_at_a_time():
    first, second = Counter(10**9), Counter(10**9)

    async def main():
        one, two = Driver(first), Driver(second)
        one.request("start")
        await until(lambda: one.state == RUNNING)
        two.request("start")
        await until(lambda: two.state == RUNNING and one.state == PAUSED)
        assert first.states[-1] == (PAUSED, "another panel was started")
        one.request("start")
        await until(lambda: one.state == RUNNING and two.state == PAUSED)
        one.request("stop")
        await until(lambda: one.state == STOPPED)

    asyncio.run(asyncio.wait_for(main(), seconds(20)))


def test_an_interrupt_during_a_step_pauses():
    counter = Counter(10**9)
    counter.during[40] = lambda: os.kill(os.getpid(), signal.SIGINT)

    async def play(driver):
        driver.request("start")
        await until(lambda: driver.state == PAUSED)

    drive(counter, play)
    assert counter.states[-1] == (PAUSED, "the kernel was interrupted")
    assert counter.records[:41] == list(range(41))


def test_an_interrupt_between_steps_pauses_where_the_kernel_would_ignore_it():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as ipykernel does between two messages
    try:

        async def play(driver):
            driver.request("start")
            await until(lambda: driver.state == RUNNING and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN)
            os.kill(os.getpid(), signal.SIGINT)
            await until(lambda: driver.state == PAUSED and driver._task.done())
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN

        drive(Counter(10**9), play, speed=20)
    finally:
        signal.signal(signal.SIGINT, before)


def test_driver_runs_without_a_loop():
    counter = Counter()
    alone = Driver(counter)
    alone.request("start")
    alone.run()
    assert alone.state == FINISHED and counter.records == list(range(50))
    alone.run()
    assert counter.begun == 2

    failing = Driver(Counter(fail_at=7))
    with pytest.raises(ValueError, match="bad luck"):
        failing.run()
    assert failing.state == FAILED


def test_interrupting_a_run_in_a_cell_keeps_what_there_is():
    counter = Counter()
    counter.during[5] = lambda: os.kill(os.getpid(), signal.SIGINT)
    alone = Driver(counter)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a cell, whoever started these tests
    try:
        alone.run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert counter.states[-1] == (STOPPED, "the kernel was interrupted")
    assert counter.records == [0, 1, 2, 3, 4] and counter.closed == 1


def test_run_finishes_what_the_task_has_begun():
    counter = Counter(300)

    async def play(driver):
        driver.request("start")
        await until(lambda: len(counter.records) > 3)
        driver.run()
        assert driver.state == FINISHED
        await until(lambda: driver._task.done())

    drive(counter, play, speed=1000)
    assert counter.records == list(range(300)) and counter.begun == 1


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000, 12345])
def test_thin_keeps_the_last(count):
    kept = thin(list(range(count)))
    assert len(kept) <= 500 and kept[-1:] == list(range(count))[-1:]
    assert len(set(np.diff(kept))) <= 1


# --- RacePanel


def test_race_panel_runs_the_race_of_the_training_module(race, material):
    _, inputs, labels, _, logits = material
    panel = race().run()
    students = {arm: models.MLP(784, 8, 10) for arm in ("distilled", "hard")}
    expected = list(training.race(students, inputs[:200], labels[:200], logits[:200], recipe=SMALL))
    assert [r["distilled"]["loss"] for r in panel.history] == [r["distilled"]["loss"] for r in expected]
    assert [r["hard"]["loss"] for r in panel.history] == [r["hard"]["loss"] for r in expected]
    assert panel.state == FINISHED and panel.done == panel.steps == 30
    assert panel.curves["steps"] == [1, 11, 21, 30]
    for arm, student in panel.students.items():
        assert torch.equal(student.layers[0].weight, students[arm].layers[0].weight)


def test_race_panel_runs_again_from_the_same_weights(race):
    panel = race(make_student=lambda: torch.nn.Sequential(torch.nn.Linear(784, 10))).run()
    first, students = [r["hard"]["loss"] for r in panel.history], panel.students
    panel.run()
    assert [r["hard"]["loss"] for r in panel.history] == first
    assert panel.students["hard"] is not students["hard"]  # whoever holds the first ones keeps them


def test_race_panel_shows_what_its_students_say(race, material):
    images = material[0]
    panel = race().run()
    logits = teachers.predict_logits(panel.students["hard"], models.to_inputs(images[:3]))
    assert np.allclose(panel.student_logits["hard"], logits, atol=1e-5)


def test_sliders_move_before_during_and_after_the_run(race):
    async def main():
        panel = race(training.Recipe(steps=4000, batch_size=16), speed=0)
        panel.temperature = 8.0
        await until(lambda: panel.recipe.temperature == 8)
        assert panel.line.startswith("temperature=8 ")
        panel.start()
        await until(lambda: len(panel.history) > 5)
        panel.alpha = 0.7
        panel.temperature = 2.0
        await until(lambda: panel.recipe.changes)
        (step,) = panel.recipe.changes
        await until(lambda: len(panel.history) > step + 1)
        assert panel.history[step]["temperature"] == 2 and panel.history[step - 1]["temperature"] == 8
        assert panel.history[step]["alpha"] == 0.7
        panel.pause()
        await until(lambda: panel.state == PAUSED)
        panel.temperature = 5.0  # at once: it waits for nothing
        await until(lambda: len(panel.recipe.changes) == 2)
        panel.stop()
        await until(lambda: panel.state == STOPPED)
        panel.temperature = 3.0  # for the next run
        line = panel.line
        await asyncio.sleep(0.01)
        assert panel.line == line
        panel.step()
        panel.start()
        await until(lambda: panel.state == RUNNING)
        assert panel.recipe.temperature == 3 and panel.recipe.alpha == 0.7 and not panel.recipe.changes
        panel.reset()
        await until(lambda: panel.state == READY)
        assert (panel.temperature, panel.alpha, panel.history) == (4.0, 0.1, [])

    asyncio.run(asyncio.wait_for(main(), seconds(30)))


def test_a_drag_is_one_change(race, monkeypatch):
    clock = SimpleNamespace(monotonic=lambda: clock.now, thread_time=lambda: 0.0, now=0.0)
    monkeypatch.setattr("kdlab.widgets.steered.time", clock)
    panel = race()
    panel.step()
    panel._driver._do_requests()
    panel._driver.state = RUNNING
    panel._held = True
    for value in (5.0, 6.0, 7.0):
        clock.now += 1.0  # the mouse rests, but holds on
        panel.temperature = value
        panel._driver._do_requests()
        panel._driver._step()
    assert not panel.recipe.changes
    panel._held = False
    clock.now += 0.2
    panel._driver._step()
    assert panel.recipe.changes == {4: {"temperature": 7.0}}


def test_a_line_replays_a_run_and_a_bad_line_says_why(race):
    recipe = training.Recipe(steps=30, batch_size=16, changes={10: {"temperature": 9.0}, 20: {"alpha": 0.5}})
    panel = race(recipe).run()
    assert (panel.temperature, panel.alpha) == (9.0, 0.5)  # the sliders follow
    assert panel.changes == [[10, "T = 9"], [20, "α = 0.5"]]
    losses = [record["distilled"]["loss"] for record in panel.history]

    async def main():
        other = race(speed=0)
        other.replay("temperature=warm")
        await until(lambda: other.line_error)
        assert "temperature" in other.line_error and other.state == READY
        other.replay(panel.line)
        await until(lambda: other.state == FINISHED)
        assert other.line_error == "" and other.line == panel.line
        assert [record["distilled"]["loss"] for record in other.history] == losses

    asyncio.run(asyncio.wait_for(main(), seconds(30)))


def test_the_test_set_opens_once_and_counts(race):
    panel = race()
    assert panel.open_test_set() is None and panel.tests_opened == 0
    panel.run()
    result = panel.open_test_set()
    assert result["of"] == 50 and 0 <= result["hard"] <= 50
    assert panel.open_test_set() == result and panel.tests_opened == 1
    panel.run()
    assert panel.test_result is None
    panel.open_test_set()
    assert panel.tests_opened == 2


def test_a_student_that_fails_is_named_in_the_panel(race):
    class Tired(models.MLP):
        def forward(self, x):
            if self.training:
                raise RuntimeError("too tired")
            return super().forward(x)

    panel = race(make_student=lambda: Tired(784, 8, 10))
    with pytest.raises(RuntimeError, match="too tired"):
        panel.run()
    assert (panel.state, panel.message) == (FAILED, "RuntimeError: too tired")
    assert "raise RuntimeError" in panel.trace and isinstance(panel.error, RuntimeError)
    panel.png()


def test_frames_are_throttled_but_the_last_is_always_shown(race):
    panel = race(training.Recipe(steps=300, batch_size=16))
    shown = []
    panel.observe(lambda change: shown.append(change["new"]), "done")
    panel.run()
    assert shown[-1] == 300 and len(shown) < 150


def test_sliders_refuse_what_is_no_alpha(race):
    with pytest.raises(TraitError):
        race().alpha = 1.5


# --- DrawPanel


def test_drawings_become_pictures_as_mnist_has_them():
    rng = np.random.default_rng(1)
    for _ in range(20):
        strokes = [rng.random((rng.integers(2, 9), 2)) for _ in range(rng.integers(1, 4))]
        picture = to_mnist(strokes).astype(float)
        assert picture.shape == (28, 28) and picture.max() > 200
        mass = np.array([(picture.sum(axis) * (np.arange(28) + 0.5)).sum() for axis in (0, 1)]) / picture.sum()
        assert np.abs(mass - 14).max() < 0.6
        rows, columns = np.flatnonzero(picture.max(1) > 127), np.flatnonzero(picture.max(0) > 127)
        assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
        smaller = [0.3 + 0.4 * stroke for stroke in strokes]  # where and how large it was drawn does not matter
        assert np.abs(to_mnist(smaller).astype(float) - picture).max() <= 1


def test_a_dot_stays_a_dot_and_empty_paper_empty():
    assert to_mnist([]).max() == 0 and to_mnist([[]]).max() == 0
    dot = to_mnist([[[0.9, 0.1]]])
    assert dot.max() > 200 and 4 <= (dot > 0).sum() <= 16


DIGITS = {
    0: [[[0.5 + 0.25 * np.cos(a), 0.5 + 0.38 * np.sin(a)] for a in np.linspace(0, 2 * np.pi, 40)]],
    1: [[[0.52, 0.1], [0.48, 0.9]]],
    2: [[[0.28, 0.28], [0.38, 0.14], [0.58, 0.12], [0.7, 0.26], [0.66, 0.42], [0.3, 0.84]], [[0.3, 0.84], [0.74, 0.82]]],
    3: [[[0.3, 0.16], [0.52, 0.1], [0.68, 0.24], [0.6, 0.42], [0.44, 0.48]],
        [[0.44, 0.48], [0.64, 0.54], [0.7, 0.72], [0.54, 0.88], [0.28, 0.84]]],
    7: [[[0.26, 0.16], [0.72, 0.14], [0.44, 0.9]]],
}  # fmt: skip


def test_the_teacher_reads_digits_that_were_drawn():
    panel = widgets.DrawPanel({"teacher": teachers.load_mnist_teacher()})
    assert np.argmax(panel.answers["teacher"]) == 4  # the drawing that is there at first
    for digit, strokes in DIGITS.items():
        panel.strokes = [np.asarray(stroke).tolist() for stroke in strokes]
        panel.on_request("look", None)
        assert np.argmax(panel.answers["teacher"]) == digit


def test_draw_panel_reaches_its_goal_where_two_models_disagree():
    async def main():
        models_ = {"a": models.MLP(784, 10), "b": models.MLP(784, 10)}
        with torch.no_grad():
            models_["b"].layers[0].bias[3] = 50
            models_["a"].layers[0].bias[1] = 50
        panel = widgets.DrawPanel(models_)
        assert not panel.reached  # what was there at first does not count
        panel.strokes = DIGITS[7]
        await until(lambda: panel.reached)
        assert panel.found == "a says 1, b says 3"

    asyncio.run(asyncio.wait_for(main(), seconds(20)))


def test_draw_panel_needs_a_model():
    with pytest.raises(ValueError, match="at least one model"):
        widgets.DrawPanel({})
