"""What a live panel costs, and how fast it answers: `make bench`, or `python benchmarks/panels.py`.

1. Cost: in a real kernel, the race of lesson 04 in a RacePanel that sends up to 20 frames a second. The figure is the
   processor time of the whole kernel, all its threads, over the part of it that was spent in training steps and
   evaluations: both are taken from the same run, so that what else the machine does disturbs both alike. The same
   race as a bare loop, in turns with it, is there for comparison; on a busy machine that ratio swings by a tenth.
2. Latency: in JupyterLab in headless Chromium, while the same race trains at full speed. From a key pressed on the
   temperature slider until the screen frame that shows the new bars, and from the Pause button until the page says
   "paused", which is a way to the kernel and back between two training steps.

The result goes to benchmarks/results/panels.json and, as a table, to the terminal; benchmarks/README.md keeps the
recorded one.
"""

import json
import os
import platform
import random
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
from jupyter_client.manager import start_new_kernel

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

from harness import Notebook as LabNotebook  # noqa: E402
from harness import (  # noqa: E402
    chromium_browser,
    find_chromium,
    jupyterlab,
    lab_page,
    open_file,
    run_cells,
    scratch_notebook,
)

ROUNDS, STEPS, PRESSES, PAUSES = 15, 300, 80, 25  # short rounds: a busy machine then disturbs both alike
RESULTS = ROOT / "benchmarks" / "results" / "panels.json"

SETUP = """
import asyncio, json, time, torch
torch.set_num_threads(1)
from kdlab import data, models, teachers, training, widgets
from kdlab.metrics import accuracy
mnist, teacher = data.load_mnist(), teachers.load_mnist_teacher()

def part(images, labels):
    inputs = models.to_inputs(images)
    return inputs, torch.from_numpy(labels), teachers.predict_logits(teacher, inputs)

train = part(mnist.train_images[:10_000], mnist.train_labels[:10_000])
validation = part(mnist.train_images[50_000:52_000], mnist.train_labels[50_000:52_000])
pictures = mnist.train_images[50_000:50_008]
make_student = lambda: models.MLP(784, 300, 300, 10, seed=0)

def make_panel(steps):
    recipe = training.Recipe(steps=steps, learning_rate=5e-3)
    return widgets.RacePanel(make_student, train, validation, validation[:2], pictures, teacher, recipe, speed=0)
"""

COST = """
inside = []
plain_race = training.race

def timed_race(*arguments, **options):
    start = time.thread_time()
    records = plain_race(*arguments, **options)
    while True:
        record = next(records, None)
        inside.append(time.thread_time() - start)
        if record is None:
            return
        yield record
        start = time.thread_time()

training.race = timed_race  # for the panel

def bare():
    students = {"distilled": make_student(), "hard": make_student()}
    evaluate = lambda model: {"accuracy": accuracy(teachers.predict_logits(model, validation[0]), validation[1])}
    recipe = training.Recipe(steps=STEPS, learning_rate=5e-3)
    start = time.process_time()
    for record in plain_race(students, *train, recipe=recipe, evaluate=evaluate, evaluate_every=25):
        pass
    return time.process_time() - start

async def in_panel():
    panel.reset()
    while panel.state != "ready" or panel.history:
        await asyncio.sleep(0.01)
    frames.clear(), inside.clear()
    start, wall = time.process_time(), time.perf_counter()
    panel.start()
    await asyncio.sleep(0)
    await panel._driver._task
    used = time.process_time() - start
    assert panel.state == "finished" and len(panel.history) == STEPS
    return used, sum(inside), len(frames), time.perf_counter() - wall

panel = make_panel(STEPS)
frames, rounds = [], []
panel.observe(lambda change: frames.append(change["new"]), "done")  # it changes with every frame
bare(); await in_panel()
for _ in range(ROUNDS):
    rounds.append([bare(), *await in_panel()])
print(json.dumps(rounds))
"""

# From the input event's own time to the second animation frame after the panel has drawn: by then it is on the screen.
MEASURE_KEYS = """() => { window.latencies = [];
    window.addEventListener("keydown", (event) => {
        const root = event.target.closest(".kd-panel"), before = root.querySelector("[data-figure=teacher] .kd-title").textContent;
        const look = () => root.querySelector("[data-figure=teacher] .kd-title").textContent === before
            ? requestAnimationFrame(look)
            : requestAnimationFrame(() => window.latencies.push(performance.now() - event.timeStamp));
        requestAnimationFrame(look) }, true) }"""
MEASURE_PAUSE = """() => { window.pauses = [];
    document.querySelector(".kd-panel .kd-pause").addEventListener("click", (event) => {
        const status = document.querySelector(".kd-panel .kd-status");
        const look = () => status.dataset.state === "paused"
            ? window.pauses.push(performance.now() - event.timeStamp)
            : requestAnimationFrame(look);
        look() }, true) }"""


def measure_cost():
    """Rounds of seconds (bare loop, panel, training inside the panel), frames, and seconds by the wall clock."""
    manager, client = start_new_kernel(kernel_name="python3", env={**os.environ, "OMP_NUM_THREADS": "1"})
    printed = []
    try:
        code = SETUP + COST.replace("STEPS", str(STEPS)).replace("ROUNDS", str(ROUNDS))
        hook = lambda message: printed.append(message["content"].get("text", ""))  # noqa: E731
        reply = client.execute_interactive(code, output_hook=hook, timeout=900)["content"]
        assert reply["status"] == "ok", reply
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return json.loads("".join(printed).strip().splitlines()[-1])


def measure_latency():
    """Milliseconds from key to pixels, and from Pause to "paused", while a race trains at full speed."""
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as home, jupyterlab(Path(home)) as (address, token, root):
        scratch_notebook(root / "bench.ipynb", [SETUP, "panel = make_panel(100_000)\npanel"])
        with chromium_browser() as browser:
            page = lab_page(browser, address, token)
            open_file(page, "bench.ipynb")
            run_cells(page)
            notebook = LabNotebook(page)
            panel = notebook.panel
            panel.wait_for()
            panel.scroll_into_view_if_needed()
            panel.get_by_role("button", name="Start").click()
            notebook.wait_python("len(panel.history) > 20", 60)
            page.evaluate(MEASURE_KEYS)
            panel.get_by_label("Temperature T").focus()
            done = notebook.python("len(panel.history)")
            for press in range(PRESSES):
                page.keyboard.press("ArrowRight" if press % 20 < 10 else "ArrowLeft")
                page.wait_for_function("n => window.latencies.length === n", arg=press + 1)
                page.wait_for_timeout(rng.uniform(20, 120))
            assert notebook.python("panel.state == 'running'") and notebook.python("len(panel.history)") > done
            page.evaluate(MEASURE_PAUSE)
            for pause in range(PAUSES):
                panel.get_by_role("button", name="Pause").click()
                page.wait_for_function("n => window.pauses.length === n", arg=pause + 1)
                panel.get_by_role("button", name="Resume").click()
                notebook.wait_python("panel.state == 'running'")
                page.wait_for_timeout(rng.uniform(20, 120))
            panel.get_by_role("button", name="Stop").click()
            notebook.wait_python("panel.state == 'stopped'")
            return page.evaluate("[window.latencies, window.pauses]")


def summary(values):
    """Median and 95th percentile, in whole milliseconds."""
    return {"median": round(statistics.median(values)), "p95": round(float(np.percentile(values, 95)))}


def main():
    """Measure, print and write the results."""
    bare, panel, inside, frames, wall = np.array(measure_cost()).T
    found = {
        "script": "benchmarks/panels.py",
        "cost": {
            "panel over its training": round(float(np.median(panel / inside)), 3),
            "middle half of the rounds": np.percentile(panel / inside, [25, 75]).round(3).tolist(),
            "panel over a bare loop": round(float(np.median(panel / bare)), 3),
            "middle half of those": np.percentile(panel / bare, [25, 75]).round(3).tolist(),
            "frames a second": round(float(frames.sum() / wall.sum()), 1),
            "bare ms a step": round(float(1000 * np.median(bare) / STEPS), 2),
        },
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("torch", "ipykernel", "jupyterlab", "anywidget", "playwright")},
        "load": [round(value, 1) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "cores": os.cpu_count(),
    }
    chromium = find_chromium()
    if chromium:
        keys, pauses = measure_latency()
        found["slider to pixels, ms"] = summary(keys)
        found["pause button to the word paused, ms"] = summary(pauses)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    cost = found["cost"]
    print(
        f"panel over its training: {cost['panel over its training']} at {cost['frames a second']} frames/s (goal 1.05)"
    )
    print(f"panel over a bare loop: {cost['panel over a bare loop']}, {cost['middle half of those']}")
    for name in ("slider to pixels, ms", "pause button to the word paused, ms"):
        print(f"{name}: {found[name]}" if chromium else f"{name}: no Chromium is installed")


if __name__ == "__main__":
    main()
