"""WritingPanel without a browser: its race is the language module's, its texts are its students', and it stands in no way."""

import asyncio
import copy
import time

import numpy as np
import pytest
import torch
from patience import seconds
from test_widgets import until
from traitlets import TraitError

from kdlab import generation, language, models
from kdlab.text import CharacterTokenizer
from kdlab.training import Recipe
from kdlab.widgets import WritingPanel
from kdlab.widgets.driver import FAILED, FINISHED, PAUSED, READY, RUNNING, STOPPED
from kdlab.widgets.writing import MOST_PROMPT

TEXT = "the whale and the ship, the sea and the whale.\nthe ship is the whale's. " * 20
TOKENIZER = CharacterTokenizer.train(TEXT)
IDS = torch.from_numpy(TOKENIZER.encode(TEXT))
TEACHER = models.LanguageModel(len(TOKENIZER), width=16, heads=2, layers=1, context=64, seed=7)
TEACHER.requires_grad_(False).eval()
LOGITS = language.predict_text(TEACHER, IDS)
SMALL = Recipe(temperature=1.0, alpha=0.2, steps=12, batch_size=4)


def make_student(**options):
    return models.LanguageModel(
        len(TOKENIZER), **{"width": 8, "heads": 2, "layers": 1, "context": 32, "dropout": 0.1} | options
    )


def make(recipe=SMALL, student=make_student, **options):
    settings = {
        "tokenizer": TOKENIZER, "teacher": TEACHER, "validation": IDS[:150], "evaluate_every": 5, "length": 24,
        "characters": 20, "passage": TEXT[5:65],
    } | options  # fmt: skip
    return WritingPanel(student, IDS, LOGITS, recipe=recipe, **settings)


def written(model, panel, window):
    """What this model writes, read and drawn by other code: without a cache, the window slid by hand."""
    ids = TOKENIZER.encode(panel._opening).tolist()
    generator, read = torch.Generator().manual_seed(panel._seed), list(ids)
    model = copy.deepcopy(model).eval()
    for _ in range(panel._characters):
        if len(read) >= window:
            read = read[-(window // 2) :]
        with torch.no_grad():
            logits = model(torch.tensor([read]))[0, -1]
        if panel.sampling:
            new = int(torch.multinomial((logits / panel.sampling).softmax(-1)[None], 1, generator=generator))
        else:
            new = int(logits.argmax())
        read.append(new)
        ids.append(new)
    return TOKENIZER.decode(ids)


# --- the run


def test_it_runs_the_race_of_the_language_module():
    panel = make().run()
    students = {arm: make_student() for arm in ("distilled", "hard")}
    expected = list(language.race_language_models(students, IDS, LOGITS, recipe=SMALL, length=24))
    for arm, student in students.items():
        assert [r[arm]["loss"] for r in panel.history] == [r[arm]["loss"] for r in expected]
        assert all(map(torch.equal, panel.students[arm].parameters(), student.parameters()))
        bits = language.bits_per_character(student, IDS[:150], 24)
        assert panel.curves[arm][-1] == pytest.approx(bits, abs=1e-4)
    assert panel.state == FINISHED and panel.curves["steps"] == [1, 6, 11, 12]
    assert panel._teacher_bits == language.bits_per_character(TEACHER, IDS[:150])


def test_writing_changes_nothing_in_the_run():
    """On the loop, with writing between the steps, the students learn what they learn without it."""
    quiet = make().run()
    before = torch.get_rng_state()

    async def main():
        panel = make(sampling=1.0)
        panel.start()
        await until(lambda: panel.state == FINISHED)
        return panel

    panel = asyncio.run(asyncio.wait_for(main(), seconds(60)))
    assert [r["hard"]["loss"] for r in panel.history] == [r["hard"]["loss"] for r in quiet.history]
    assert torch.equal(before, torch.get_rng_state())
    assert torch.is_grad_enabled() and not any(student.training is None for student in panel.students.values())


def test_temperature_alpha_and_the_line_are_those_of_a_race():
    changes = {4: {"temperature": 2.0}, 8: {"alpha": 0.5}}
    panel = make(Recipe(temperature=1.0, alpha=0.2, steps=12, batch_size=4, changes=changes)).run()
    assert panel.changes == [[4, "T = 2"], [8, "α = 0.5"]] and (panel.temperature, panel.alpha) == (2.0, 0.5)

    async def main():
        other = make(Recipe(temperature=1.0, steps=5000, batch_size=4), evaluate_every=500)
        other.temperature = 3.0  # before the run: part of the recipe
        await until(lambda: other.recipe.temperature == 3)
        other.start()
        await until(lambda: len(other.history) > 3)
        other.alpha = 0.9
        await until(lambda: other.recipe.changes)
        (step,) = other.recipe.changes
        await until(lambda: len(other.history) > step)
        assert other.history[step]["alpha"] == 0.9 and other.history[step]["temperature"] == 3
        other.sampling = 0.3
        other.prompt = "the sea"
        await until(lambda: other._opening == "the sea")
        assert len(other.recipe.changes) == 1 and other.state == RUNNING, "sampling is no part of the run"
        other.stop()
        await until(lambda: other.state == STOPPED)
        assert other.students["hard"](IDS[None, :9]).shape == (1, 9, len(TOKENIZER))
        other.replay(panel.line)
        await until(lambda: other.state == FINISHED)
        assert [r["hard"]["loss"] for r in other.history] == [r["hard"]["loss"] for r in panel.history]
        other.reset()
        await until(lambda: other.state == READY)
        assert (other.temperature, other.history) == (1.0, [])

    asyncio.run(asyncio.wait_for(main(), seconds(60)))


# --- the texts


@pytest.mark.parametrize("sampling", [0.0, 0.8, 2.0])
def test_the_texts_are_what_the_models_write(sampling):
    panel = make(sampling=sampling, characters=70)
    models_ = {"teacher": (TEACHER, 64), **{arm: (student, 24) for arm, student in panel.students.items()}}
    assert panel.texts == {name: written(model, panel, window) for name, (model, window) in models_.items()}
    assert panel.texts["distilled"] == panel.texts["hard"], "the same weights, the same random numbers"
    untrained = panel.texts
    panel.run()
    models_ |= {arm: (student, 24) for arm, student in panel.students.items()}
    assert panel.texts == {name: written(model, panel, window) for name, (model, window) in models_.items()}
    assert panel.texts["teacher"] == untrained["teacher"] and panel.texts["distilled"] != untrained["distilled"]
    assert all(text.startswith("the whale ") and len(text) == 80 for text in panel.texts.values())
    panel.sampling = 1.3
    assert panel.texts["teacher"] == written(TEACHER, panel, 64) != untrained["teacher"]


def test_without_the_window_it_is_what_generate_gives():
    panel = make(characters=14, prompt="the sea ", length=24)
    for name, model in {"teacher": TEACHER, **panel.students}.items():
        prompt = torch.from_numpy(TOKENIZER.encode("the sea "))[None]
        whole = generation.generate(model, prompt, 14, temperature=0.8, generator=torch.Generator().manual_seed(0))
        assert panel.texts[name] == TOKENIZER.decode(whole[0])


@pytest.mark.parametrize(
    "prompt, opening, words",
    [
        ("The WHALE", "the whale", ""),
        ("the whale’s", "the whale's", ""),
        ("the\twhale", "the whale", ""),
        ("w", "w", ""),
        ("x" * 0, None, "Type a prompt"),
        ("40 % of the sea", None, "“4” is not among the"),
        ("the sea 😀", None, "“😀” is not among the"),
        ("the sea, " * 20, ("the sea, " * 20)[-MOST_PROMPT:], f"Only the last {MOST_PROMPT} characters"),
    ],
)
def test_prompts(prompt, opening, words):
    panel = make()
    before = panel.texts
    panel.prompt = prompt
    assert words in panel._message and bool(words) == bool(panel._message)
    if opening is None:
        assert panel.texts == before
        panel.prompt = "the ship"
        assert panel._message == "" and panel.texts["hard"].startswith("the ship")
    else:
        assert panel._opening == opening and panel.texts["hard"].startswith(opening)
        assert len(panel.texts["hard"]) == len(opening) + 20


@pytest.mark.slow
def test_texts_follow_the_run_and_stay_whole(monkeypatch):
    """Each text is finished before the next begins; at the end it is the trained student's."""
    monkeypatch.setattr("kdlab.widgets.writing.SHARE", 0.5)  # these steps are short, so are the texts
    monkeypatch.setattr("kdlab.widgets.base.UNSEEN", 0.0)  # no page looks on, and each picture counts here

    async def main():
        panel = make(Recipe(temperature=1.0, steps=600, batch_size=4), evaluate_every=3, characters=12)
        shown = []
        panel.observe(lambda change: shown.append(change["new"]["hard"]), "_written")
        panel.start()
        await until(lambda: panel.state == FINISHED)
        await until(lambda: not panel._unfinished)
        steps = [step for _, _, step in shown]
        assert steps == sorted(steps) and steps[-1] == 600 and len(set(steps)) > 3
        assert all(len(new + old) == 12 for new, old, _ in shown), "the place of every text is kept"
        assert shown[-1][0] == written(panel.students["hard"], panel, 24)[len("the whale ") :] and shown[-1][1] == ""

    asyncio.run(asyncio.wait_for(main(), seconds(120)))


def test_pausing_shows_the_present_student():
    async def main():
        panel = make(Recipe(temperature=1.0, steps=3000, batch_size=4), evaluate_every=1000)
        panel.start()
        await until(lambda: len(panel.history) > 20)
        panel.pause()
        await until(lambda: panel.state == PAUSED and not panel._unfinished)
        assert panel._written["hard"][2] == len(panel.history)
        assert panel.texts["hard"] == written(panel.students["hard"], panel, 24)
        panel.step()
        done = len(panel.history)
        await until(lambda: len(panel.history) == done + 1 and panel._written["hard"][2] == done + 1)

    asyncio.run(asyncio.wait_for(main(), seconds(60)))


@pytest.mark.slow
def test_the_loop_has_its_turn_while_they_write():
    """With a model of 3 ms a character, nobody waits longer than a slice of writing and one step."""

    class Slow(models.LanguageModel):
        def forward(self, ids, cache=None):
            time.sleep(0.003)
            return super().forward(ids, cache)

    def slow():
        return Slow(len(TOKENIZER), width=8, heads=2, layers=1, context=32)

    async def main():
        recipe = Recipe(temperature=1.0, steps=100_000, batch_size=2)
        panel = make(recipe, student=slow, characters=60, evaluate_every=10)
        for running in (False, True):
            if running:
                panel.start()
                await until(lambda: len(panel.history) > 2)
            panel.sampling = 0.5 + running
            waits, start = [], time.monotonic()
            while time.monotonic() - start < 1.0:
                before = time.thread_time()
                await asyncio.sleep(0)
                waits.append(time.thread_time() - before)
            assert sorted(waits)[-3] < 0.1, "work in one go"
        panel.stop()
        await until(lambda: panel.state == STOPPED)

    asyncio.run(asyncio.wait_for(main(), seconds(60)))


@pytest.mark.slow
def test_writing_costs_little_of_the_run():
    """While it trains, no more than about a tenth of the time goes into texts, however long they are."""

    async def main():
        panel = make(Recipe(temperature=1.0, steps=100_000, batch_size=16), characters=400, evaluate_every=1)
        spent, write = [0.0], panel._write

        def timed(until_):
            start = time.monotonic()
            write(until_)
            spent[0] += time.monotonic() - start

        panel.start()
        await until(lambda: len(panel.history) > 3)
        panel._write = timed
        start = time.monotonic()
        while time.monotonic() - start < 2.0:
            await asyncio.sleep(0.01)
        assert 0 < spent[0] < 0.3 * (time.monotonic() - start)
        panel.stop()
        await until(lambda: panel.state == STOPPED)

    asyncio.run(asyncio.wait_for(main(), seconds(60)))


# --- what comes next


def test_the_bars_are_the_models_next_characters():
    panel = make(passage=TEXT[5:205]).run()
    ids = torch.from_numpy(TOKENIZER.encode(TEXT[5:205]))
    for at in (1, 2, 23, 24, 100, 199):
        panel.at = at
        found = panel.next_characters()
        for name, window in (("teacher", 64), ("distilled", 24), ("hard", 24)):
            model = TEACHER if name == "teacher" else panel.students[name]
            logits = language.predict_text(model, ids[:-1], window)[at - 1]
            assert list(found[name]) == TOKENIZER.vocabulary
            assert np.allclose(list(found[name].values()), logits.softmax(-1), atol=1e-5)
        if at < 24:  # inside the first window it is simply what stands before
            with torch.no_grad():
                direct = panel.students["hard"].eval()(ids[None, :at])[0, -1].softmax(-1)
            assert np.allclose(list(found["hard"].values()), direct, atol=1e-5)
    for at in (0, 200, -1):
        with pytest.raises((ValueError, TraitError), match="at must be"):
            panel.at = at


# --- what else may happen


def test_a_student_that_fails_is_named():
    class Tired(models.LanguageModel):
        def forward(self, ids, cache=None):
            if self.training and torch.is_grad_enabled():
                raise RuntimeError("too tired")
            return super().forward(ids, cache)

    panel = make(student=lambda: Tired(len(TOKENIZER), width=8, heads=2, layers=1, context=32))
    with pytest.raises(RuntimeError, match="too tired"):
        panel.run()
    assert (panel.state, panel.message) == (FAILED, "RuntimeError: too tired") and panel.texts["hard"]


def test_a_model_that_cannot_write_says_so():
    panel = make()

    def broken(ids, cache=None):
        raise RuntimeError("out of ink")

    panel._teacher = copy.deepcopy(TEACHER)
    panel._teacher.forward = broken
    panel.prompt = "the sea"
    assert panel._message == "teacher cannot write: RuntimeError: out of ink"
    assert len(panel.texts["hard"]) == 27 and panel.texts["teacher"] == "the sea"


def test_closing_ends_run_and_writing_and_the_students_stay():
    async def main():
        panel = make(Recipe(temperature=1.0, steps=100_000, batch_size=4), characters=400, evaluate_every=2)
        panel.start()
        await until(lambda: len(panel.history) > 5)
        panel.close()
        await until(lambda: panel.state == STOPPED and panel._task.done())
        assert panel.students["distilled"](IDS[None, :9]).shape[-1] == len(TOKENIZER)
        assert panel.students["distilled"].training == make_student().training, "its mode is restored"

    asyncio.run(asyncio.wait_for(main(), seconds(60)))


@pytest.mark.parametrize(
    "options, words",
    [
        ({"prompt": "50 %"}, "“5” is not among"),
        ({"prompt": ""}, "Type a prompt"),
        ({"characters": 0}, "characters must be"),
        ({"characters": 1000}, "characters must be"),
        ({"characters": 2.5}, "characters must be"),
        ({"passage": "t"}, "the passage must have"),
        ({"passage": "the whale " * 30}, "the passage must have"),
        ({"passage": "THE"}, "the character 'T'"),
    ],
)
def test_bad_input_is_refused_in_words(options, words):
    with pytest.raises(ValueError, match=words):
        make(**options)


def test_a_picture_where_no_kernel_answers():
    panel = make(passage=TEXT[30:60])
    for _ in range(2):
        bundle, _ = panel._repr_mimebundle_()
        assert bundle["text/plain"] == "<WritingPanel>" and len(bundle["image/png"]) > 20_000
        panel.run()
    panel.at = panel._passage.index("\n")
    assert panel.png().startswith(b"\x89PNG")
