"""WalkPanel and DraftPanel without a browser: their runs are those of the modules, and bad input is refused in words."""

import asyncio

import every_panel
import pytest
import torch
from patience import seconds
from test_widgets import until
from traitlets import TraitError

from kdlab import drafting, training, walks, widgets
from kdlab.widgets.driver import FINISHED, READY, STOPPED


def test_both_students_learn_as_the_module_has_it():
    panel = every_panel.make("WalkPanel")
    start, given, recipes = every_panel._walk(every_panel.material())
    panel.run()
    assert panel.state == FINISHED and len(panel.history) == every_panel.STEPS
    for arm, share in (("own", 1.0), ("given", 0.0)):
        model, _, _ = every_panel._walk(every_panel.material())
        training.drain(walks.train_walker(model, given, recipe=recipes[arm], on_policy=share))
        ours = panel.students[arm].state_dict()
        assert all(torch.equal(ours[name], value) for name, value in model.state_dict().items())
    assert panel.curves["steps"][0] == 0 and panel.curves["steps"][-1] == every_panel.STEPS
    assert len(panel.curves["own"]) == len(panel.curves["given"]) == len(panel.curves["steps"])
    fresh, _, _ = every_panel._walk(every_panel.material())
    assert all(torch.equal(v, start.state_dict()[k]) for k, v in fresh.state_dict().items()), "the start stays as it is"


def test_the_walks_in_view_are_the_students_own():
    panel = every_panel.make("WalkPanel").run()
    for arm, ids in panel.walked().items():
        for row, (moves, wrong, there), asked in zip(ids, panel._walks[arm], panel._prompts, strict=True):
            assert (row[:4] - walks.FIRST).tolist() == asked
            assert row[4 : 4 + len(moves)].tolist() == moves and len(wrong) == len(moves)
            assert there == bool(walks.arrived(row[None])[0])


def test_other_prompts_are_other_prompts_and_reset_goes_back():
    async def main():
        panel = every_panel.make("WalkPanel")
        before = panel._prompts
        panel.start()
        await until(lambda: panel.state == FINISHED)
        panel._driver.request("others")
        await until(lambda: panel._prompts != before)
        panel.reset()
        await until(lambda: panel.state == READY)
        assert panel.done == 0 and panel.curves["steps"] == [0]

    asyncio.run(asyncio.wait_for(main(), seconds(60)))


def test_recipes_must_belong_together():
    start, given, recipes = every_panel._walk(every_panel.material())
    longer = training.Recipe(temperature=1.0, steps=50, batch_size=8)
    for wrong in ({"own": longer}, recipes | {"own": longer}):
        with pytest.raises(ValueError, match="same number of steps"):
            widgets.WalkPanel(start, given, wrong)


def test_the_ribbon_is_what_the_module_writes():
    panel = every_panel.make("DraftPanel").run()
    m = every_panel.material()
    ids = torch.from_numpy(m.characters.encode("the "))
    rounds = list(drafting.write(m.narrator, m.drafter, ids, 90, ahead=1, generator=torch.Generator().manual_seed(0)))
    assert panel.rounds == rounds
    text = "".join(kept + added for kept, _, added in panel._rounds)
    assert panel.text == "the " + text and len(text) >= 90
    panel.ahead = 2
    assert all(len(turn.accepted) + len(turn.refused) == 2 for turn in panel.run().rounds)


def test_a_draft_can_be_stopped():
    async def main():
        panel = every_panel.make("DraftPanel")
        panel.speed = 5.0
        panel.start()
        await until(lambda: panel.rounds)
        panel.stop()
        await until(lambda: panel.state == STOPPED)
        assert panel.text.startswith("the ")

    asyncio.run(asyncio.wait_for(main(), seconds(60)))


def test_drafts_refuse_what_does_not_fit():
    m = every_panel.material()
    with pytest.raises(ValueError, match="at least one model"):
        widgets.DraftPanel(m.narrator, {}, tokenizer=m.characters)
    with pytest.raises(ValueError, match="too many for a context"):
        widgets.DraftPanel(m.narrator, {"small": m.drafter}, tokenizer=m.characters, prompt="the ", length=100)
    panel = every_panel.make("DraftPanel")
    for name, value in (("ahead", 0), ("drafter", 7)):
        with pytest.raises((TraitError, ValueError)):
            setattr(panel, name, value)
