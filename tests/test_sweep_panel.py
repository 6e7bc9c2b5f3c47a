"""SweepPanel without a browser: its comparisons, its colours, its run, its refusals, its still."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from kdlab import models, sweeps, training, widgets
from kdlab.widgets.sweep import colour_limits, compare_cells

RECIPE = training.Recipe(steps=12, batch_size=16, learning_rate=1e-2)


@pytest.fixture(scope="module")
def material():
    """Made-up inputs with their labels, and a teacher's logits."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 4, (160,), generator=generator)
    inputs = 2 * torch.eye(4).repeat(1, 3)[labels] + torch.randn(160, 12, generator=generator)
    return inputs, labels, 3 * torch.eye(4)[labels] + torch.randn(160, 4, generator=generator)


@pytest.fixture
def sweep(material):
    """Makes small SweepPanels."""
    inputs, labels, logits = material

    def make(recipes=None, hidden=lambda i: 5, **options):
        if recipes is None:
            recipes = sweeps.grid(RECIPE, temperature=[1, 4, 20], alpha=[0.1, 0.9], seed=[0, 1, 2])
        students = [models.MLP(12, hidden(i), 4, seed=recipe.seed) for i, recipe in enumerate(recipes)]
        return widgets.SweepPanel(
            students, (inputs[:100], labels[:100], logits[:100]), (inputs[100:], labels[100:]), recipes,
            evaluate_every=5, **options,
        )  # fmt: skip

    return make


# --- comparisons and colours


def test_cells_whose_interval_reaches_the_best_are_alike():
    base = np.array([0.90, 0.92, 0.94, 0.96])  # lucky and unlucky seeds, the same luck in every cell
    wobble = np.array([1, -1, 1, -1]) * 0.002  # standard error sd / 2 = 0.00115
    error = wobble.std(ddof=1) / 2
    # Student's t for 4 seeds: 3.18
    values = np.array([[base, base - 3.1 * error + wobble], [base - 3.3 * error + wobble, base - 0.001]])
    found = compare_cells(values)
    assert found["best"] == (0, 0)
    assert found["alike"].tolist() == [[True, True], [False, False]]
    np.testing.assert_allclose(found["mean"], values.mean(-1))
    np.testing.assert_allclose(found["sd"], values.std(-1, ddof=1))


def test_equal_cells_are_alike_and_one_seed_tells_nothing():
    same = compare_cells(np.tile([0.5, 0.6, 0.8], (2, 3, 1)))
    assert same["alike"].all() and same["best"] == (0, 0)
    single = compare_cells(np.array([[[0.5], [0.7]]]))
    assert single["alike"].tolist() == [[False, True]] and np.isnan(single["sd"]).all()


def test_colours_follow_the_training_without_flicker():
    rng = np.random.default_rng(0)
    level = 0.93 - 0.83 * np.exp(-np.arange(200) / 15)  # as the accuracy of a student grows, in 200 pictures
    cells = np.linspace(-0.03, 0.0, 25)
    limits, seen = None, []
    for mean in level:
        means = mean + cells * (mean - 0.05) + rng.normal(0, 0.001, 25)
        limits = colour_limits(means, limits)
        seen.append(tuple(limits))
        assert limits[0] <= np.quantile(means, 0.1) and means.max() <= limits[1], "a good cell has no colour of its own"
        assert means.max() - np.quantile(means, 0.1) >= 0.55 * (limits[1] - limits[0]) or limits[1] - limits[0] <= 0.02
    assert not any(a != b for a, b in itertools.pairwise(seen[120:])), "at the end it stands still"
    falls = sum(b[1] < a[1] for a, b in itertools.pairwise(seen))
    assert falls <= 3, "the scale goes up with the students, not to and fro"


def test_a_few_hopeless_cells_do_not_take_the_colours_from_the_others():
    means = np.full(25, 0.94) - np.linspace(0, 0.02, 25)
    means[:2] = 0.1
    low, high = colour_limits(means)
    assert 0.9 < low < 0.93 and 0.94 <= high <= 0.95
    assert np.ptp(colour_limits(np.full(25, 0.5))) >= 0.01
    for extreme in (0.0, 1.0):
        low, high = colour_limits(np.full(4, extreme))
        assert 0 <= low < high <= 1


# --- the run


def test_the_map_is_that_of_the_students_one_by_one(sweep, material):
    inputs, labels, logits = material
    recipes = sweeps.grid(RECIPE, seed=[1, 0], alpha=[0.9, 0.1], temperature=[4, 1])  # in another order than the map
    panel = sweep(recipes).run()
    assert panel.state == "finished" and panel.row_values == [1, 4] and panel.column_values == [0.1, 0.9]
    table = panel.table
    assert table["accuracy"].shape == (2, 2, 2) and table["mean"].shape == (2, 2)
    for r, c, k in itertools.product(range(2), repeat=3):
        recipe = replace(RECIPE, temperature=[1, 4][r], alpha=[0.1, 0.9][c], seed=k)
        student = models.MLP(12, 5, 4, seed=k)
        training.fit(student, inputs[:100], labels[:100], logits[:100], recipe=recipe)
        right = (student(inputs[100:]).argmax(-1) == labels[100:]).double().mean().item()
        assert table["accuracy"][r, c, k] == pytest.approx(right, abs=0.02), (recipe, "one image of 60 may round")
        ours = panel.students[panel.recipes.index(recipe)]
        torch.testing.assert_close(ours(inputs), student(inputs), rtol=1e-3, atol=1e-3)
    r, c = compare_cells(table["accuracy"])["best"]
    assert table["best"] == {"temperature": [1, 4][r], "alpha": [0.1, 0.9][c]}
    assert [record["step"] for record in panel.history] == list(range(12))


def test_a_second_run_and_a_reset_begin_with_the_given_weights(sweep):
    panel = sweep()
    before = [student.state_dict()["layers.0.weight"].clone() for student in panel.students]
    assert panel.table is None and panel._cells == {}
    first = panel.run().table["accuracy"]
    again = panel.run().table["accuracy"]
    np.testing.assert_array_equal(first, again)
    panel.reset()
    panel._driver._do_requests()
    assert panel.state == "ready" and panel.history == [] and panel.table is None and panel._cells == {}
    for weight, student in zip(before, panel.students, strict=True):
        torch.testing.assert_close(student.state_dict()["layers.0.weight"], weight)


def test_stopping_keeps_what_was_learned(sweep):
    panel = sweep(sweeps.grid(replace(RECIPE, steps=1000), temperature=[1, 4], alpha=[0.1, 0.9], seed=[0, 1]))
    seen = panel.on_record

    def stop(record):
        seen(record)
        if record["step"] == 30:
            panel.stop()

    panel.on_record = stop
    untrained = panel.students[0].layers[0].weight.detach().clone()
    panel.run()
    assert panel.state == "stopped" and len(panel.history) == 31
    assert not torch.equal(panel.students[0].layers[0].weight, untrained)
    assert panel.table["accuracy"].shape == (2, 2, 2) and panel.done == 31


def test_what_the_sweep_refuses_is_shown(sweep):
    panel = sweep(hidden=lambda i: 5 + i % 2)
    panel.start()
    panel._driver._do_requests()  # what the event loop does
    assert panel.state == "failed" and "shape" in panel.message


def test_learning_rates_can_be_an_axis(sweep):
    recipes = sweeps.grid(RECIPE, learning_rate=[1e-3, 1e-2], temperature=[1, 4], seed=[0, 1])
    panel = sweep(recipes, rows="learning_rate", columns="temperature").run()
    assert panel.row_values == [1e-3, 1e-2] and panel.table["mean"].shape == (2, 2)
    assert set(panel.table["best"]) == {"learning_rate", "temperature"}


GRID = {"temperature": [1, 4], "alpha": [0.1, 0.9], "seed": [0, 1]}


@pytest.mark.parametrize(
    "recipes, options, words",
    [
        (sweeps.grid(RECIPE, **GRID), {"rows": "width"}, "rows='width' cannot vary within one sweep.*share shape"),
        (sweeps.grid(RECIPE, **GRID), {"columns": "batch_size"}, "columns='batch_size' cannot vary"),
        (sweeps.grid(RECIPE, **GRID), {"columns": "temperature"}, "both 'temperature'"),
        (sweeps.grid(RECIPE, **GRID)[:-1], {}, "no recipe has temperature=4, alpha=0.9, seed=1"),
        (sweeps.grid(RECIPE, **GRID) + [RECIPE, RECIPE], {}, "two recipes have temperature=4, alpha=0.1, seed=0"),
        (sweeps.grid(RECIPE, **GRID, learning_rate=[0.1, 0.2]), {}, "differ in learning_rate .0.1, 0.2., which is"),
        (sweeps.grid(RECIPE, **GRID, batch_size=[8, 16]), {}, "differ in batch_size"),
        ([], {}, "one recipe for each student"),
    ],
)
def test_it_refuses_in_words(sweep, recipes, options, words):
    with pytest.raises(ValueError, match=words):
        sweep(recipes, **options)


def test_it_refuses_other_students_data_and_cells(sweep, material):
    recipes = sweeps.grid(RECIPE, **GRID)
    with pytest.raises(ValueError, match="1 and 8"):
        widgets.SweepPanel([models.MLP(12, 4)], material, material[:2], recipes)
    students = [models.MLP(12, 4) for _ in recipes]
    with pytest.raises(ValueError, match="train must be"):
        widgets.SweepPanel(students, material[:1], material[:2], recipes)
    with pytest.raises(ValueError, match="a Recipe"):
        widgets.SweepPanel(students, material, material[:2], [{"temperature": 1}] * 8)
    panel = sweep()
    for place in ([3, 0], [0, 2], [-1, 0], [0]):
        with pytest.raises(ValueError, match="3 x 2 cells"):
            panel.chosen = place


def test_it_carries_a_still_before_and_after(sweep):
    panel = sweep()
    empty = panel.png()
    panel.run().chosen = [2, 1]
    data, _ = panel._repr_mimebundle_()
    assert data["text/plain"] == "<SweepPanel>" and data["image/png"].startswith("iVBOR")
    assert panel.png() != empty
    assert sweep(sweeps.grid(RECIPE, temperature=[1, 2], alpha=[0, 1])).run().png()
