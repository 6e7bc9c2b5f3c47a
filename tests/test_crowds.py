"""Several teachers: what they say together, what they disagree about, and two halves side by side."""

import math

import pytest
import torch

from kdlab import crowds
from kdlab.losses import kl_divergence
from kdlab.metrics import area_under_curve
from kdlab.models import MLP
from kdlab.training import Recipe, predict_logits

LOGITS = 3 * torch.randn(4, 6, 5, generator=torch.Generator().manual_seed(0))


def test_dealt_labels_are_disjoint_balanced_and_repeatable():
    labels = torch.arange(300) % 10
    dealt = crowds.deal(labels, 5, 4, torch.Generator().manual_seed(1))
    assert dealt.shape == (5, 40) and len(dealt.unique()) == 200
    assert all(labels[own].bincount(minlength=10).tolist() == [4] * 10 for own in dealt)
    assert torch.equal(dealt, crowds.deal(labels, 5, 4, torch.Generator().manual_seed(1)))
    assert not torch.equal(dealt, crowds.deal(labels, 5, 4, torch.Generator().manual_seed(2)))
    with pytest.raises(ValueError, match="class 0 has 30 examples: too few for 5 teachers with 7"):
        crowds.deal(labels, 5, 7, torch.Generator())
    with pytest.raises(ValueError, match="teachers"):
        crowds.deal(labels, 0, 7, torch.Generator())


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_both_means_are_what_they_are_called(temperature):
    p = (LOGITS / temperature).softmax(-1)
    mean = (crowds.crowd_logits(LOGITS, temperature=temperature) / temperature).softmax(-1)
    assert torch.allclose(mean, p.mean(0), atol=1e-6)
    geometric = (crowds.crowd_logits(LOGITS, "logits", temperature) / temperature).softmax(-1)
    product = p.log().mean(0).exp()
    assert torch.allclose(geometric, product / product.sum(-1, keepdim=True), atol=1e-6)


def test_a_mean_far_below_what_floats_hold_stays_finite():
    far = torch.tensor([[[500.0, 0.0]], [[400.0, 0.0]]])
    assert crowds.crowd_logits(far)[0, 1] == pytest.approx(-400 - math.log(2))
    assert crowds.disagreement(far).isfinite().all()


def test_another_mean_is_refused():
    with pytest.raises(ValueError, match='"probabilities" or "logits"'):
        crowds.crowd_logits(LOGITS, "votes")


def test_votes_are_counted():
    assert torch.equal(crowds.votes(LOGITS).sum(-1), torch.full((6,), 4.0))
    assert crowds.votes(LOGITS[:1]).argmax(-1).tolist() == LOGITS[0].argmax(-1).tolist()


def test_disagreement_is_the_mean_divergence_from_the_mean():
    mean = crowds.crowd_logits(LOGITS)
    expected = torch.stack(
        [torch.stack([kl_divergence(mean[i : i + 1], own[i : i + 1]) for own in LOGITS]).mean() for i in range(6)]
    )
    assert torch.allclose(crowds.disagreement(LOGITS), expected, atol=1e-5)
    assert torch.allclose(crowds.disagreement(LOGITS[:1].expand(3, -1, -1)), torch.zeros(6), atol=1e-5)


def test_a_half_knows_its_own_classes_only_and_leaves_no_trace():
    generator = torch.Generator().manual_seed(0)
    patterns, labels = torch.rand(10, 16, generator=generator), torch.arange(400) % 10
    inputs = patterns[labels] + 0.05 * torch.randn(400, 16, generator=generator)
    state = torch.get_rng_state()
    recipe = Recipe(steps=150, batch_size=32, learning_rate=1e-2)
    model = crowds.train_half(inputs, labels, 5, recipe=recipe, seed=3)
    assert torch.equal(state, torch.get_rng_state()) and isinstance(model, MLP)
    mine = labels >= 5
    said = predict_logits(model, inputs[mine])
    assert (
        said.shape == (200, 5) and (said.argmax(-1) == labels[mine] - 5).float().mean() > 0.6
    )  # pictures of 4 × 4 move far


def test_side_by_side_takes_out_constants_and_loudness():
    first, second = LOGITS[0], LOGITS[1]
    plain = crowds.side_by_side([first, second])
    assert torch.allclose(plain, crowds.side_by_side([first + 7, second - 3]), atol=1e-5)
    loud = [crowds.own_scale(part) for part in (first, second)]
    scaled = crowds.side_by_side([first, second], loud)
    louder = crowds.side_by_side([4 * first, second], [4 * loud[0], loud[1]])
    assert torch.equal(scaled.argmax(-1), louder.argmax(-1))
    assert crowds.own_scale(scaled[:, :5]) == pytest.approx(float(crowds.own_scale(scaled[:, 5:])), rel=1e-5)
    with pytest.raises(ValueError, match="2 specialists need as many scales, got 1"):
        crowds.side_by_side([first, second], loud[:1])


def test_area_under_curve_counts_pairs():
    scores, wrong = torch.tensor([3.0, 1.0, 2.0, 2.0]), torch.tensor([True, False, True, False])
    assert area_under_curve(scores, wrong) == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert area_under_curve(scores, ~wrong) == pytest.approx(0.125)
    assert area_under_curve(torch.zeros(4), wrong) == 0.5
    assert area_under_curve([0.1, 0.9], [False, True]) == 1.0


@pytest.mark.parametrize(
    "scores, wrong, words",
    [
        ([1.0, 2.0], [True, True], "some examples"),
        ([1.0, 2.0], [False, True, True], r"\(N,\)"),
        ([1.0, float("nan")], [False, True], "numbers"),
        ([1.0, 2.0], [0, 1], "bool"),
    ],
)
def test_area_under_curve_refuses(scores, wrong, words):
    with pytest.raises(ValueError, match=words):
        area_under_curve(torch.tensor(scores), torch.tensor(wrong))
