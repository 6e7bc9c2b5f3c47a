"""ExperimentPanel without a browser: runs, seeds, outcomes, refusals."""

import asyncio
import json
from types import SimpleNamespace

import pytest
import torch
from patience import seconds
from traitlets import TraitError

from kdlab import models, training, widgets
from kdlab.widgets.driver import FAILED, FINISHED, PAUSED, READY, RUNNING, STOPPED
from kdlab.widgets.experiment import STYLES, _measures

MEASURES = {"accuracy": ("Accuracy", (0, 1)), "nats": ("Loss in nats", (0.0, 4.0), "nats")}


def counted(label, seed, steps, offset):
    """Records whose last accuracy says which settings they are of."""
    for step in range(steps):
        yield {"step": step, "loss": 1.0, "accuracy": label / 1000 + seed / 100 + offset, "nats": 2.0}


def make_panel(make_runs=None, *, steps=20, against="labels", **options):
    asked = []

    def ours(labels, mode, seed):
        asked.append((labels, mode, seed))
        return {
            "hard labels": (object(), counted(labels, seed, steps, 0.0)),
            "distilled": (object(), counted(labels, seed, steps, 0.3)),
        }

    controls = [
        widgets.Control("labels", "Labels", [20, 100, 500], 100),
        widgets.Control("mode", "Mode", ["a", "b"], kind="menu", names=["plain", "fancy"]),
    ]
    panel = widgets.ExperimentPanel(make_runs or ours, controls, MEASURES, against=against, **options)
    panel.asked = asked
    return panel


def asynchronously(play):
    async def main():
        await asyncio.wait_for(play(), seconds(20))

    asyncio.run(main())


async def until(condition):
    while not condition():
        await asyncio.sleep(0.002)


def test_runs_count_seeds_up_for_settings_that_have_an_outcome():
    panel = make_panel()
    assert panel.settings == {"labels": 100, "mode": "a", "seed": 0}
    panel.run().run().run(labels=20).run(labels=100)
    assert panel.asked == [(100, "a", 0), (100, "a", 1), (20, "a", 0), (100, "a", 2)]
    assert panel.settings == {"labels": 100, "mode": "a", "seed": 2}
    assert [outcome["settings"]["seed"] for outcome in panel.outcomes] == [0, 1, 0, 2]
    assert panel.outcomes[2] == {
        "settings": {"labels": 20, "mode": "a", "seed": 0},
        "hard labels": {"accuracy": 0.02, "nats": 2.0},
        "distilled": {"accuracy": 0.32, "nats": 2.0},
    }
    assert panel.state == FINISHED and panel.done == panel.steps == 20
    panel.forget()
    panel.run()
    assert panel.settings["seed"] == 0 and len(panel.outcomes) == 1


def test_it_trains_what_training_trains():
    inputs, labels = torch.rand(60, 4, generator=torch.Generator().manual_seed(0)), torch.arange(60) % 3

    def make_runs(rate, size, seed):
        def arm():
            student = models.MLP(4, 5, 3, seed=seed)
            recipe = training.Recipe(steps=12, batch_size=8, learning_rate=rate, seed=seed)
            measure = lambda model: {"accuracy": float((model(inputs).argmax(-1) == labels).float().mean())}  # noqa: E731
            return student, training.train(student, inputs, labels, recipe=recipe, evaluate=measure, evaluate_every=5)

        return {"one": arm(), "two": arm()}

    controls = [widgets.Control("rate", "Rate", [0.001, 0.1]), widgets.Control("size", "Size", [1, 2])]
    panel = widgets.ExperimentPanel(make_runs, controls, {"accuracy": ("A", (0, 1))}, against="size").run(rate=0.1)
    student, records = make_runs(0.1, 1, 0)["one"]
    expected = list(records)
    assert panel.history["one"] == expected == panel.history["two"]
    assert torch.equal(panel.students["two"].layers[0].weight, student.layers[0].weight)
    assert panel._curves["one"]["accuracy"][0] == [1, 6, 11, 12]
    assert panel.outcomes[0]["one"]["accuracy"] == pytest.approx(expected[-1]["accuracy"], abs=1e-4)


def test_every_picture_has_the_curves_as_they_are_then():
    panel, lengths = make_panel(steps=40), []
    panel.observe(lambda change: lengths.append(len(change["new"]["distilled"]["accuracy"][0])), "_curves")
    panel.step()
    panel._driver._do_requests()
    for _ in range(3):
        panel._driver._step()
        panel.show()
    assert lengths == [1, 2, 3, 4]


def test_arms_may_end_one_after_the_other_and_all_are_closed():
    closed = []

    def run(name, steps):
        try:
            yield from counted(0, 0, steps, 0.1)
        finally:
            closed.append(name)

    panel = make_panel(lambda **_: {"short": (1, run("short", 3)), "long": (2, run("long", 9))}).run()
    assert {arm: len(records) for arm, records in panel.history.items()} == {"short": 3, "long": 9}
    assert sorted(closed) == ["long", "short"] and panel.steps == 9

    panel.step()
    panel.stop()
    panel._driver._do_requests()  # from FINISHED, a single step is not allowed: nothing begins
    assert panel.state == FINISHED


def test_stopping_closes_the_arms_and_leaves_no_outcome():
    closed = []

    def run(name):
        try:
            yield from counted(0, 0, 10**9, 0.1)
        finally:
            closed.append(name)

    async def play():
        panel = make_panel(lambda **_: {"one": (1, run("one")), "two": (2, run("two"))})
        panel.start()
        await until(lambda: panel.history and len(panel.history["one"]) > 5)
        panel.close()
        await until(lambda: panel.state == STOPPED)
        assert sorted(closed) == ["one", "two"] and panel.outcomes == []
        assert (
            len(panel.history["one"]) == len(panel.history["two"])
            or abs(len(panel.history["one"]) - len(panel.history["two"])) <= 1
        )

    asynchronously(play)


def test_a_control_moved_during_a_run_begins_it_again_once_it_rests(monkeypatch):
    clock = SimpleNamespace(monotonic=lambda: clock.now, thread_time=lambda: 0.0, now=0.0)
    monkeypatch.setattr("kdlab.widgets.experiment.time", clock)
    panel = make_panel(steps=10**6)
    panel.step()
    panel._driver._do_requests()
    panel._driver.state = RUNNING

    def go(seconds, steps=3):
        clock.now += seconds
        panel._driver._do_requests()
        for _ in range(steps):
            panel._driver._step()

    panel._held = True
    for i in (0, 2, 0):
        panel.chosen = [i, 0]
        go(1.0)  # the mouse rests, but holds on
    assert panel.asked == [(100, "a", 0)] and len(panel.history["distilled"]) == 10
    panel._held = False
    go(0.4)
    assert panel.asked == [(100, "a", 0), (20, "a", 0)] and len(panel.history["distilled"]) == 3
    panel.chosen = [1, 0]
    panel.chosen = [0, 0]  # there and back
    go(1.0)
    assert len(panel.asked) == 2 and panel.outcomes == []


def test_a_paused_run_does_not_go_on_with_other_settings():
    async def play():
        panel = make_panel(steps=10**6)
        panel.step()
        await until(lambda: panel.state == PAUSED)
        panel.choose(labels=500)
        await until(lambda: panel.state == STOPPED)
        panel.start()
        await until(lambda: panel.state == RUNNING and panel.history and len(panel.history["distilled"]) > 2)
        assert panel.asked[-1] == (500, "a", 0)
        panel.stop()
        await until(lambda: panel.state == STOPPED)

    asynchronously(play)


def test_reset_keeps_the_outcomes_and_puts_the_controls_back():
    panel = make_panel().run(labels=500, mode="b")
    panel.reset()
    panel._driver._do_requests()
    assert panel.state == READY and panel.chosen == [1, 0] and panel.history == {} == panel.students
    assert panel._curves == {} and panel.done == 0 and len(panel.outcomes) == 1


@pytest.mark.parametrize(
    "runs, message",
    [
        (None, "make_runs must return"),
        ({}, "no arm"),
        ({"one": object()}, "'one' has no such pair"),
        ({"one": (1, iter([])), "two": (1, iter([]))}, "two arms train one student"),
        ({"settings": (1, iter([]))}, "cannot be the name"),
        ({"one": (1, iter([{"loss": 1.0}]))}, "is `evaluate` missing"),
        ({"one": (1, iter([{"accuracy": "high"}]))}, "no number"),
        ({str(i): (i, iter([{"accuracy": 0.5}])) for i in range(7)}, "more than 6 arms"),
    ],
)
def test_what_cannot_be_run_is_said(runs, message):
    panel = make_panel(lambda **_: runs)
    with pytest.raises(ValueError, match=message):
        panel.run()
    assert panel.state == FAILED and message.split()[0].strip("'`") in panel.message
    panel.png()


def test_an_error_in_make_runs_is_shown_from_the_readers_own_line_on():
    def make_runs(labels, mode, seed):
        return {"hard labels": deeper(labels)}

    def deeper(labels):
        return labels / (labels - 500)

    panel = make_panel(make_runs)
    with pytest.raises(ZeroDivisionError):
        panel.run(labels=500)
    first, second, *_ = [line for line in panel.trace.splitlines() if line.startswith("  File")]
    assert first.endswith("in make_runs") and second.endswith("in deeper")
    assert "widgets" not in panel.trace
    assert panel.message.startswith("ZeroDivisionError")


def test_an_error_during_a_restart_ends_the_old_arms():
    closed = []

    def run():
        try:
            yield from counted(0, 0, 10**9, 0.1)
        finally:
            closed.append(True)

    def make_runs(labels, mode, seed):
        if labels == 20:
            raise RuntimeError("not with 20")
        return {"one": (1, run())}

    async def play():
        panel = make_panel(make_runs)
        panel.start()
        await until(lambda: panel.history)
        panel.choose(labels=20)
        await until(lambda: panel.state == FAILED)
        assert closed == [True] and panel.message == "RuntimeError: not with 20"

    asynchronously(play)


def test_usual_arms_have_their_usual_colours_and_none_is_like_another():
    names = ["a", "distilled", "b", "hard labels", "teacher's argmax", "c"]
    panel = make_panel(lambda **_: {n: (i, iter([{"accuracy": 0.5}])) for i, n in enumerate(names)}).run()
    style = {arm["name"]: arm for arm in panel._arms}
    assert list(style) == names
    assert [style[n]["color"] for n in ("distilled", "hard labels", "teacher's argmax")] == ["blue", "red", "gray"]
    for part in ("color", "dash", "marker"):
        assert len({arm[part] for arm in panel._arms}) == 6 == len(STYLES)
    panel.png()


def test_an_arm_keeps_its_style_when_others_come():
    seen = {0: ["x"], 1: ["y", "distilled", "x"]}
    panel = make_panel(lambda seed, **_: {n: (n, iter([{"accuracy": 0.5}])) for n in seen[seed]}).run()
    before = panel._arms[0]
    panel.run()
    assert panel._arms[0] == before and [arm["name"] for arm in panel._arms] == ["x", "y", "distilled"]
    assert len({arm["color"] for arm in panel._arms}) == 3


def test_values_that_are_none_or_infinite_are_left_out():
    values = [0.5, None, float("nan"), 0.25]
    panel = make_panel(lambda **_: {"one": (1, iter([{"accuracy": v} for v in values]))}).run()
    assert panel._curves["one"]["accuracy"] == [[1, 4], [0.5, 0.25]]
    json.dumps(panel.get_state("_outcomes"), allow_nan=False)


def test_references_may_depend_on_the_settings():
    panel = make_panel(references=lambda labels, mode: {"teacher": {"accuracy": labels / 1000}})
    assert panel._references == {"teacher": {"accuracy": 0.1}}
    panel.run(labels=500)
    assert panel._references == {"teacher": {"accuracy": 0.5}}


def test_the_still_has_the_measure_that_is_chosen():
    panel = make_panel(references={"teacher": {"accuracy": 0.9}}).run(labels=20).run(labels=500).run().run(mode="b")
    assert panel.figure().get_suptitle() == "Labels 500 · Mode fancy · seed 0"
    left, right = panel.figure().axes
    assert left.get_title() == "Accuracy" and [x.get_text() for x in right.get_xticklabels()] == ["20", "100", "500"]
    means = [line for line in right.lines if len(line.get_xdata()) > 1 and line.get_marker() == "None"]
    assert len(means) == 1  # the dotted line of the teacher: mode b has one stop only
    assert right.get_title() == "Outcomes so far (pale: other settings)"
    panel.choose(mode="a")
    left, right = panel.figure().axes
    means = [line.get_ydata() for line in right.lines if len(line.get_xdata()) == 2 and line.get_marker() == "None"]
    assert [0.02, 0.505] in [pytest.approx(list(ys)) for ys in means]  # seeds 0 and 1 at the stop 500
    panel.measure = "nats"
    assert panel.figure().axes[0].get_title() == "Loss in nats" and panel.png().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("labels", "Labels", [1]), "at least two"),
        (("labels", "Labels", [1, 2], 3), "labels is one of 1, 2, not 3"),
        (("labels", "Labels", [1, 2], 1, "wheel"), "slider or menu"),
        (("labels", "Labels", [1, 2], 1, "menu", ["one"]), "a name for each"),
        (("seed", "Seed", [1, 2]), "argument of make_runs"),
        (("two words", "W", [1, 2]), "argument of make_runs"),
    ],
)
def test_controls_refuse_what_makes_no_sense(arguments, message):
    with pytest.raises(ValueError, match=message):
        widgets.Control(*arguments)


def test_the_panel_refuses_what_makes_no_sense():
    control = widgets.Control("labels", "Labels", [20, 100])
    with pytest.raises(ValueError, match="against"):
        widgets.ExperimentPanel(print, [control], MEASURES, against="size")
    with pytest.raises(ValueError, match="at least one measure"):
        widgets.ExperimentPanel(print, [control], {}, against="labels")
    with pytest.raises(ValueError, match="range"):
        widgets.ExperimentPanel(print, [control], {"a": ("A", (1, 0))}, against="labels")
    panel = make_panel()
    with pytest.raises(ValueError, match="labels is one of"):
        panel.choose(labels=50)
    with pytest.raises(ValueError, match="the controls are labels, mode"):
        panel.choose(size=50)
    for bad in ([0], [0, 2], [-1, 0]):
        with pytest.raises(TraitError):
            panel.chosen = bad
    with pytest.raises(TraitError):
        panel.measure = "speed"


def test_a_measure_may_have_a_logarithmic_axis():
    found = _measures({"errors": ("Errors", (100, 6000), "", "log"), "accuracy": ("Accuracy", (0, 1))})
    assert found["errors"]["log"] and not found["accuracy"]["log"] and found["accuracy"]["unit"] == "%"
    with pytest.raises(ValueError, match="a range above 0"):
        _measures({"errors": ("Errors", (0, 6000), "", "log")})
    with pytest.raises(ValueError, match='may have "log"'):
        _measures({"errors": ("Errors", (1, 6000), "", "exp")})
