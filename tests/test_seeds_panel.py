"""SeedsPanel without a browser: its draws, its exact curve, its refusals, its still."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdlab import widgets
from kdlab.widgets.seeds import chance_below_zero

WHOLE = st.lists(st.integers(-30, 30), min_size=3, max_size=5)


def results(count=60, gain=8):
    rng = np.random.default_rng(1)
    luck = rng.normal(0, 9, count)
    hard, distilled = (np.round(mean + luck + rng.normal(0, 7, count)) for mean in (520, 520 - gain))
    return {"hard labels": hard, "distilled": distilled}


@given(WHOLE, st.integers(1, 4))
def test_the_exact_chance_is_that_of_all_draws(values, n):
    every = [sum(draw) < 0 for draw in itertools.product(values, repeat=n)]
    assert chance_below_zero(values, n) == pytest.approx(np.mean(every), abs=1e-9)


def test_the_exact_chance_of_numbers_that_are_not_whole():
    values = np.random.default_rng(0).normal(0.3, 1, 9)
    every = [sum(draw) < 0 for draw in itertools.product(values, repeat=4)]
    assert chance_below_zero(values, 4) == pytest.approx(np.mean(every), abs=0.005)
    assert chance_below_zero([0.5, 0.5, 0.5], 3) == 0 and chance_below_zero([-0.5, -0.5, -0.5], 3) == 1
    assert chance_below_zero([1e6, -1e6, 2e6], 1) == pytest.approx(1 / 3)


@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("n", [1, 5])
def test_draws_agree_with_the_exact_chance(n, paired):
    panel = widgets.SeedsPanel(results(), n=n)
    panel.paired = paired
    panel.draw(20_000)
    counts = panel.tally[n, paired]
    exact = panel.exact(n)
    assert counts["draws"] == 20_000
    assert abs(counts["worse_won"] / 20_000 - exact) < 4 * np.sqrt(exact * (1 - exact) / 20_000)


def test_one_seed_often_errs_five_rarely_and_pairing_helps():
    """Seeds that are lucky for one method are lucky for the other here: pairing takes the luck out."""
    panel = widgets.SeedsPanel(results())
    apart, same = ([panel.exact(n, paired) for n in (1, 5, 20)] for paired in (False, True))
    assert apart[0] > 0.2 > apart[1] > apart[2] and all(s < a for s, a in zip(same, apart, strict=True))
    assert panel.spread["same seeds"] < 0.8 * panel.spread["different seeds"]


def test_the_worse_arm_is_found_whatever_the_order_and_the_direction():
    values = results()
    for names in (("hard labels", "distilled"), ("distilled", "hard labels")):
        panel = widgets.SeedsPanel({name: values[name] for name in names})
        assert panel.worse == "hard labels"
        accuracies = {name: 1 - values[name] / 10_000 for name in names}
        same = widgets.SeedsPanel(accuracies, lower_is_better=False, measure="accuracy")
        assert same.worse == "hard labels"
        for paired in (False, True):
            assert same.exact(5, paired) == pytest.approx(panel.exact(5, paired), abs=0.002)
            panel.paired = same.paired = paired
            panel.draw(500)
            same.draw(500)
        assert panel.tally == same.tally


def test_ties_are_no_win():
    panel = widgets.SeedsPanel({"one": [1, 2, 3], "two": [1, 2, 4]})
    panel.paired = True
    panel.draw(300)
    counts = panel.tally[1, True]
    assert counts["worse_won"] == 0 == panel.exact(1) and 150 < counts["ties"] < 250
    decimals = widgets.SeedsPanel({"one": [0.1, 0.2, 0.3], "two": [0.2, 0.1, 0.4]}, n=2)
    decimals.paired = True
    decimals.draw(500)
    counts = decimals.tally[2, True]
    assert counts["worse_won"] / 500 == pytest.approx(decimals.exact(2), abs=0.08)


def test_the_same_seed_draws_the_same():
    panels = [widgets.SeedsPanel(results(), n=3, seed=seed) for seed in (0, 0, 1)]
    for panel in panels:
        panel.draw()
        panel.draw(100)
    assert panels[0]._drawn == panels[1]._drawn != panels[2]._drawn
    assert panels[0].tally == panels[1].tally
    state = np.random.get_state()[1].tolist()
    panels[0].draw(10)
    assert np.random.get_state()[1].tolist() == state, "the global generator was used"


def test_forget_hides_the_curve_and_empties_the_tally():
    panel = widgets.SeedsPanel(results())
    panel.draw(10)
    panel.guess = 0.2
    assert not panel._curves, "the answer must not be in the page before it is asked for"
    panel.reveal()
    assert panel.revealed and np.shape(panel._curves) == (2, 20)
    panel.forget()
    assert panel.tally == {} and not panel.revealed and panel.guess is None


@pytest.mark.parametrize(
    "values, options, words",
    [
        ({"one": [1, 2, 3]}, {}, "compares two arms, not 1"),
        ({"a": [1, 2, 3], "b": [1, 2, 3], "c": [1, 2, 3]}, {}, "choose two of"),
        ([[1, 2, 3], [4, 5, 6]], {}, "values must be"),
        ({"a": [1, 2, 3], "b": [1, 2, 3, 5]}, {}, "same seeds in the same order: 3 and 4"),
        ({"a": [1, 2, 3], "b": [3, 2, 1]}, {}, "neither is worse"),
        ({"a": [1, 2], "b": [3, 4]}, {}, "three or more"),
        ({"a": [1, 2, float("nan")], "b": [3, 4, 5]}, {}, "finite"),
        ({"a": [1, 2, 3], "b": [3, 4, 5]}, {"n": 21}, "n must be a whole number from 1 to 20, not 21"),
        ({"a": [1, 2, 3], "b": [3, 4, 5]}, {"most": 0}, "most must be a whole number"),
        ({"a": [1, 2, 3], "b": [3, 4, 5]}, {"guess_at": 2.5}, "guess_at must be"),
    ],
)
def test_it_refuses_in_words(values, options, words):
    with pytest.raises(ValueError, match=words):
        widgets.SeedsPanel(values, **options)


def test_a_panel_refuses_sizes_and_guesses_out_of_range():
    panel = widgets.SeedsPanel(results(), most=10)
    with pytest.raises(ValueError, match="from 1 to 10"):
        panel.n = 11
    with pytest.raises(ValueError, match="between 0 and 1"):
        panel.guess = 1.5
    with pytest.raises(ValueError, match="times must be"):
        panel.draw(0)


def test_it_carries_a_still_in_every_state():
    panel = widgets.SeedsPanel({name: torch.tensor(row) for name, row in results().items()})
    empty = panel.png()
    panel.paired, panel.n = True, 5
    panel.draw(50)
    panel.reveal()
    data, _ = panel._repr_mimebundle_()
    assert data["text/plain"] == "<SeedsPanel>" and data["image/png"].startswith("iVBOR")
    assert panel.png() != empty
