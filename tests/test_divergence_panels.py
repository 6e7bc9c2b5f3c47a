"""The panels of lesson 02 without a browser: their sums, their refusals, their stills, their goals."""

import math

import numpy as np
import pytest
import torch

from kdlab import losses, widgets
from kdlab.widgets.divergence import divergence_terms
from kdlab.widgets.gaussian_fit import bell

P, Q = [0.40, 0.30, 0.15, 0.10, 0.05], [0.10, 0.20, 0.30, 0.20, 0.20]
GOAL = {"text": "far", "at_least": {"forward": 3.0}, "at_most": {"reverse": 0.3}}


def test_divergences_agree_with_the_losses():
    generator = np.random.default_rng(0)
    for _ in range(20):
        p, q = generator.dirichlet(np.ones(6), 2)
        student, teacher = torch.tensor(q).log(), torch.tensor(p).log()
        now = widgets.DivergencePanel(p, q).divergences
        assert now["forward"] == pytest.approx(losses.kl_divergence(student, teacher).item(), rel=1e-6)
        assert now["reverse"] == pytest.approx(losses.reverse_kl_divergence(student, teacher).item(), rel=1e-6)
        assert now["js"] == pytest.approx(losses.jensen_shannon_divergence(student, teacher).item(), rel=1e-6)
        assert (divergence_terms(p, q)["js"] >= 0).all(), "the panel says that no class counts negative in JS"


def test_zeros_cost_nothing_or_everything():
    now = widgets.DivergencePanel([0.5, 0.5, 0.0], [1.0, 0.0, 0.0]).divergences
    assert now["forward"] == math.inf and now["reverse"] == pytest.approx(math.log(2))
    apart = widgets.DivergencePanel([1.0, 0.0], [0.0, 1.0]).divergences
    assert apart["js"] == pytest.approx(math.log(2)) and apart["forward"] == apart["reverse"] == math.inf


def test_values_of_the_article_that_the_lesson_corrects():
    now = widgets.DivergencePanel([0.8, 0.2], [0.7, 0.3]).divergences
    assert now["forward"] == pytest.approx(0.8 * math.log(0.8 / 0.7) + 0.2 * math.log(0.2 / 0.3), rel=1e-12)
    assert round(now["forward"], 7) == 0.0257321 and round(now["reverse"], 7) == 0.0281676
    assert round(now["forward"] / math.log(2), 7) == 0.0371236
    read_as_logits = losses.kl_divergence_core(torch.tensor([0.7, 0.3]).double(), torch.tensor([0.8, 0.2]).double())
    assert round(read_as_logits.item(), 7) == 0.0046586


def test_the_goal_is_not_given_but_can_be_reached():
    """From p with one class emptied, as the lesson's help says; -ln(1 - p_i) is then the reverse direction."""
    start = widgets.DivergencePanel(P, Q, goal=GOAL).divergences
    assert start["forward"] < 3
    for i, share in enumerate(P):
        q = np.array(P) / (1 - share)
        q[i] = 0
        now = widgets.DivergencePanel(P, q, goal=GOAL).divergences
        assert now["reverse"] == pytest.approx(-math.log(1 - share))
        assert (now["forward"] >= 3 and now["reverse"] <= 0.3) == (share < 0.26)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (([0.5, 0.6], [0.5, 0.5]), "sum to one"),
        (([0.5, 0.5], [1.5, -0.5]), "probabilities"),
        (([0.5, 0.5], [float("nan"), 1]), "probabilities"),
        (([0.5, 0.5], [0.2, 0.3, 0.5]), "2 classes"),
        (([1.0], [1.0]), "two or more"),
    ],
)
def test_divergence_panel_refuses(arguments, words):
    with pytest.raises(ValueError, match=words):
        widgets.DivergencePanel(*arguments)


def test_divergence_panel_refuses_odd_goals_and_names():
    with pytest.raises(ValueError, match="goal"):
        widgets.DivergencePanel(P, Q, goal={"text": "none"})
    with pytest.raises(ValueError, match="goal"):
        widgets.DivergencePanel(P, Q, goal={"text": "what?", "at_least": {"entropy": 1}})
    with pytest.raises(ValueError, match="names"):
        widgets.DivergencePanel(P, Q, classes=["cat"])


def paths(starts=3, steps=5):
    way = np.linspace(0, 1, steps)[None, :]
    mean = np.linspace(-2, 2, starts)[:, None] * (1 - way)
    return np.stack([mean, 1 + way + 0 * mean, 2 - way + 0 * mean], -1)


X = np.linspace(-4, 4, 41)


def test_fit_panel_refuses():
    good = paths()
    with pytest.raises(ValueError, match="same length"):
        widgets.GaussianFitPanel(X, X[1:], good, good)
    with pytest.raises(ValueError, match=r"\(starts, steps, 3\)"):
        widgets.GaussianFitPanel(X, bell(X, 0, 1), good, good[:, :, :2])
    with pytest.raises(ValueError, match="begin at the same"):
        widgets.GaussianFitPanel(X, bell(X, 0, 1), good, good + 1)
    with pytest.raises(ValueError, match="peaks"):
        widgets.GaussianFitPanel(X, bell(X, 0, 1), good, good, goal="visit")
    with pytest.raises(ValueError, match="3 starts"):
        widgets.GaussianFitPanel(X, bell(X, 0, 1), good, good, start=7)
    panel = widgets.GaussianFitPanel(X, bell(X, 0, 1), good, good)
    with pytest.raises(ValueError, match="from 0 to 4"):
        panel.step = 5
    with pytest.raises(ValueError, match="from 0 to 2"):
        panel.start = -1


@pytest.mark.parametrize(
    "panel",
    [
        lambda: widgets.DivergencePanel([0.5, 0.5, 0.0], [1.0, 0.0, 0.0]),
        lambda: widgets.GaussianFitPanel(X, bell(X, 0, 1), paths(), paths()),
    ],
)
def test_panels_carry_a_still_and_steady_words(panel):
    data, _ = panel()._repr_mimebundle_()
    assert data["image/png"].startswith("iVBOR") and data["text/plain"] == repr(panel())
    assert "0x" not in data["text/plain"]


def test_bell_is_the_density_of_a_gaussian():
    normal = (
        torch.distributions.Normal(*torch.tensor([0.3, 0.7], dtype=torch.float64))
        .log_prob(torch.tensor(X))
        .exp()
        .numpy()
    )
    np.testing.assert_allclose(bell(X, 0.3, 0.7), normal)
