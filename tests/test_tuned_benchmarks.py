"""The records behind lessons 04, 05 and 07: complete, every arm at a rate of its own, and what the lessons say of them."""

import pytest
import torch
from scripts import load_script

from kdlab.data import load_results
from kdlab.intervals import t_interval
from kdlab.models import MLP
from kdlab.training import Recipe, fit, train

SCRIPTS = ("moved", "dark_knowledge", "why_it_works", "readings")


def row_of(name, section, **settings):
    (row,) = (row for row in load_results(name)[section] if settings.items() <= row.items() and "unseen" not in row)
    return row


def more(ours, theirs):
    """The 95 % interval of ours - theirs, as (lowest, highest)."""
    middle, half = t_interval([a - b for a, b in zip(ours, theirs, strict=True)])
    return middle - half, middle + half


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_section_is_recorded_in_full(name):
    results = load_results(name)
    for section, (_, jobs) in load_script(name).SECTIONS.items():
        missing = [job for job in jobs() if not any(job.items() <= row.items() for row in results[section])]
        assert not missing, f"{section}: {missing[:3]}"


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_arm_has_the_best_of_its_rates_and_it_is_not_at_the_edge(name):
    results = load_results(name)
    assert not set(results["seeds"]) & set(results["trial_seeds"])
    for section in load_script(name).SECTIONS:
        for row in results[section]:
            tried = {float(rate): score for rate, score in row["tried"].items()}
            assert row["learning_rate"] == min(tried, key=tried.get), row
            assert min(tried) < row["learning_rate"] < max(tried), row
            check_other_choices(row)
            scarce = section == "few_labels" and (row.get("labels") or row["transfer"]) <= 100
            seeds = 10 if scarce else 5
            assert all(len(value) == seeds for value in row.values() if isinstance(value, list))


def check_other_choices(row):
    """A temperature, a teacher's rate and smoothing's weight in `readings` are the best of theirs, none at an edge."""
    for key, chosen in (("tried_temperature", "temperature"), ("teacher_tried", "teacher_learning_rate")):
        if key in row:
            tried = {float(value): score for value, score in row[key].items()}
            assert row[chosen] == min(tried, key=tried.get), row
            # the students of the teacher that was stopped would rather not hear it at all, as the lesson says
            unheard = chosen == "temperature" and row["kind"].startswith("stopped") and row[chosen] == 0.125
            assert unheard or min(tried) < row[chosen] < max(tried), row


def test_few_pictures_have_more_seeds_and_they_chose_nothing():
    scarce = load_results("dark_knowledge")["scarce"]
    assert len(scarce["choosing"]) == 12 and len(scarce["seeds"]) == 10
    assert not set(scarce["choosing"]) & set(scarce["seeds"])


@pytest.mark.parametrize("name, section", [("readings", "taken_apart"), ("why_it_works", "noise")])
def test_smoothing_s_weight_is_not_the_last_that_was_tried(name, section):
    rows = [row for row in load_results(name)[section] if row["arm"] == "label smoothing"]
    assert len(rows) >= 4
    for row in rows:
        tried = {float(weight): score for weight, score in row["tried_alpha"].items()}
        assert row["alpha"] == min(tried, key=tried.get) and min(tried) < row["alpha"] < max(tried), row


def test_the_luck_of_labels_is_tuned_for_every_arm_and_number_of_points():
    results, script = load_results("luck"), load_script("luck")
    assert [row["count"] for row in results["errors"]] == list(script.COUNTS)
    assert not set(results["seeds"]) & set(results["trial_seeds"])
    for row in results["errors"]:
        assert list(row["arms"]) == list(script.ARMS)
        for name, own in row["arms"].items():
            tried = {float(rate): score for rate, score in own["tried"].items()}
            assert tried[own["learning_rate"]] == min(tried.values()), (row["count"], name)
            assert min(tried) < own["learning_rate"] < max(tried), (row["count"], name)
            assert len(own["errors"]) == len(results["seeds"]) and min(own["errors"]) > row["least"] - 1e-5


def test_what_lesson_07_says_of_luck():
    rows = {
        row["count"]: {arm: own["errors"] for arm, own in row["arms"].items()} for row in load_results("luck")["errors"]
    }
    for count, arms in rows.items():
        assert more(arms["labels"], arms["probabilities, bias 0"])[0] > 0
        assert (more(arms["labels"], arms["probabilities, bias 0.5"])[0] > 0) == (count <= 50)
        assert (more(arms["probabilities, bias 0.5"], arms["labels"])[0] > 0) == (count >= 500)
        assert (more(arms["probabilities, bias 1"], arms["labels"])[0] > 0) == (count >= 100)
        assert more(arms["probabilities, bias 2"], arms["labels"])[0] > 0
        assert (more(arms["labels"], arms["the teacher's decisions"])[0] > 0) == (count >= 100)
        assert (more(arms["labels"], arms["labels, smoothed"])[0] > 0) == (count == 20)


def rows_apart(width, count):
    rows = load_results("readings")["taken_apart"]
    return {row["arm"]: row["test_errors"] for row in rows if (row["width"], row["count"]) == (width, count)}


def test_what_lesson_07_says_of_a_soft_target_taken_apart():
    arms = rows_apart(128, 10_000)
    last = ("as sure, the class's resemblance", "real")
    assert more(arms["hard labels"], arms["real"])[0] > 0 and more(*(arms[name] for name in last))[0] > 0
    low, high = more(arms["label smoothing"], arms["as sure, nothing else"])
    assert low < 0 < high  # being as sure as the teacher is not told apart from smoothing
    for width, count in ((64, 10_000), (128, 10_000), (128, 1000)):
        own = rows_apart(width, count)
        ladder = ("hard labels", "as sure, nothing else", *last)
        step = [[a - b for a, b in zip(own[x], own[y], strict=True)] for x, y in zip(ladder, ladder[1:], strict=False)]
        softness, the_class, the_picture = step
        assert more(the_picture, the_class)[0] > 0  # larger than what the class resembles ...
        low, high = more(the_picture, softness)
        assert low < 0 < high  # ... and not told apart from what mere softness saves
    few = rows_apart(128, 1000)
    assert more(*(few[name] for name in last))[0] > 0
    assert more(few["permuted"], few["as sure, nothing else"])[0] > 0
    low, high = more(few["hard labels"], few["permuted"])
    assert low < 0 < high
    narrow = rows_apart(32, 10_000)
    for other in ("class means", "as sure, the class's resemblance"):
        low, high = more(narrow[other], narrow["real"])
        assert low < 0 < high
    many = rows_apart(128, 50_000)
    assert more(many["real"], many["class means"])[0] > 0 and more(many["hard labels"], many["class means"])[0] > 0
    for other in ("permuted", "as sure, nothing else"):
        assert more(many[other], many["hard labels"])[0] > 0


def test_what_lesson_07_says_of_weights():
    arms = {row["arm"]: row["test_errors"] for row in load_results("readings")["weighting"]}
    assert more(arms["unweighted"], arms["weighted"])[0] > 0
    low, high = more(arms["on other pictures"], arms["weighted"])
    assert low < 0 < high


def test_what_lesson_07_says_of_agreement():
    rows = [row for row in load_results("readings")["fidelity"] if "near" not in row and "steps" not in row]
    of = {(row["arm"], row["count"]): row for row in rows}
    for count in (1000, 10_000, 50_000):
        soft, hard = of["soft", count], of["hard labels", count]
        for key in ("agreement", "copied_mistakes", "second_choice"):
            assert more(soft[key], hard[key])[0] > 0, (count, key)
        better = more(hard["test_errors"], soft["test_errors"])
        assert better[0] > 0 if count < 50_000 else better[1] < 0


def test_what_lesson_07_says_of_good_teachers():
    kinds = {row["kind"]: row for row in load_results("readings")["teachers"]}
    students = {kind: row["test_errors"] for kind, row in kinds.items()}
    reference = kinds["reference"]
    for kind in ("large", "smoothed", "ensemble of three"):
        assert more(reference["teacher_test_errors"], kinds[kind]["teacher_test_errors"])[0] > 0
        assert more(reference["test_errors"], students[kind])[0] < 0
    assert more(students["large"], reference["test_errors"])[0] > 0
    assert more(reference["test_errors"], students["three times as long"])[0] > 0
    assert kinds["smoothed"]["temperature"] < reference["temperature"] < kinds["ensemble of three"]["temperature"]
    labels = rows_apart(128, 10_000)["hard labels"]
    assert more(students["stopped after a quarter"], labels)[0] > 0
    assert all(more(labels, own)[0] > 0 for kind, own in students.items() if not kind.startswith("stopped"))


def test_what_lesson_04_says_of_a_teacher_that_never_saw_a_shift():
    shown, not_shown = (row_of("moved", "students", teacher_saw=saw) for saw in ("moved images", "images as they are"))
    hard = load_results("race")["errors"]["hard labels"]
    low, high = more(shown["test"], not_shown["test"])
    assert low < 0 < high and more(not_shown["moved"], shown["moved"])[0] > 1000

    def surplus(row):  # how much more is saved on moved digits than on the others, as a share
        saved = [[1 - a / b for a, b in zip(row[pile], hard[pile], strict=True)] for pile in ("moved", "test")]
        return more(*saved)

    assert surplus(shown)[0] > 0.3 and surplus(not_shown)[1] < 0


def test_what_lesson_05_says_of_few_pictures():
    def saved(ours, theirs, **where):
        return more(
            *(row_of("dark_knowledge", "few_labels", arm=arm, **where)["test_errors"] for arm in (theirs, ours))
        )

    for count in (1000, 5000, 10_000):
        assert saved("distilled", "teacher's argmax", transfer=count)[0] > 0
    for count in (100, 500, 5000):
        assert saved("distilled, same pictures", "hard labels", labels=count)[0] > 0
    for low, high in (
        saved("distilled", "teacher's argmax", transfer=100),
        saved("distilled, same pictures", "hard labels", labels=20),
    ):
        assert low < 0 < high


def test_what_lesson_07_says_of_32_units_at_a_low_temperature():
    arms = {"arm": "hard labels"}, {"temperature": 2}
    ours = [row_of("why_it_works", "tiny", width=32, **arm)["test_errors"] for arm in arms]
    row = load_results("fair_comparisons")["rematch"]["rows"]["32"]["arms"]
    theirs = [row[arm]["test"] for arm in ("hard labels", "T = 2")]
    assert more(*ours)[0] > 0 and more(*theirs)[0] < 0
    assert more(*(a + b for a, b in zip(ours, theirs, strict=True)))[0] > 0


def test_the_area_under_the_curve_by_hand():
    script = load_script("dark_knowledge")
    logits = torch.tensor([[1.0, 3.0, 0.0], [2.0, 1.0, 0.0], [0.0, 1.0, 4.0], [1.0, 2.0, 0.0]])
    scores = script.margin(logits, 1)
    assert scores.tolist() == [2.0, -1.0, -3.0, 1.0]
    assert script.area_under_curve(scores, torch.tensor([True, False, False, False])) == 1
    assert script.area_under_curve(scores, torch.tensor([False, True, False, True])) == 0.5


def test_an_arm_is_tuned_on_seeds_that_are_not_reported(monkeypatch):
    script, scored = load_script("arms"), []

    def score(run):
        scored.append(run)
        return abs(run[0] - 0.001)

    monkeypatch.setattr(script, "learn", lambda runs, hidden: [(run[-1].learning_rate, run[-1].seed) for run in runs])
    row = script.tuned(lambda seed: (None,) * 3, Recipe(), lambda run: {"seed": run[1], "rate": run[0]}, score)
    assert row["learning_rate"] == 0.001 and row["rate"] == [0.001] * 5 and row["seed"] == list(script.SEEDS)
    assert {seed for _, seed in scored} == set(script.TRIAL_SEEDS) and len(scored) == len(set(scored))
    assert {rate for rate, _ in scored} == {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02}


def test_weights_of_one_are_the_usual_training_and_others_are_not():
    script = load_script("readings")
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(60, 784, generator=generator), torch.randint(10, (60,), generator=generator)
    recipe = Recipe(alpha=1, steps=8, batch_size=20, learning_rate=1e-3, seed=3)
    plain = MLP(784, 6, 10, seed=3)
    fit(plain, x, y, recipe=recipe)
    same = script.weighted(x, y, torch.ones(60), recipe, 6)
    other = script.weighted(x, y, torch.linspace(0, 2, 60), recipe, 6)
    assert torch.allclose(plain(x), same(x), atol=1e-5)
    assert not torch.allclose(plain(x), other(x), atol=1e-3)


def test_an_ensemble_speaks_with_the_mean_of_its_probabilities():
    script, x = load_script("readings"), torch.rand(5, 784, generator=torch.Generator().manual_seed(0))
    nets = [MLP(784, 4, 10, seed=k) for k in range(3)]
    mean = torch.stack([net(x).softmax(-1) for net in nets]).mean(0)
    assert torch.allclose(script.together(nets, x).softmax(-1), mean, atol=1e-5)
    assert torch.equal(script.together(nets[:1], x), nets[0](x).detach())


def test_a_teacher_stopped_early_is_the_run_up_to_there(monkeypatch):
    script, generator = load_script("readings"), torch.Generator().manual_seed(0)
    data = torch.rand(300, 784, generator=generator), torch.randint(10, (300,), generator=generator), None
    monkeypatch.setattr(script, "pictures", lambda start, stop: data)
    (stopped,) = script.train_teachers([2], 1e-3, (5,), 300, 12, stop=4)
    whole = MLP(784, 5, 10, seed=script.TEACHER_SEED + 2)
    run = train(whole, *data[:2], recipe=Recipe(alpha=1, steps=12, learning_rate=1e-3, seed=script.TEACHER_SEED + 2))
    for _ in range(4):
        next(run)
    run.close()
    assert torch.allclose(stopped(data[0]), whole(data[0]), atol=1e-5)
