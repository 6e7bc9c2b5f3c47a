"""Few labels and wrong labels: exact counts, no surprises, the same on every run."""

import pytest
import torch

from kdlab.exercises.why_it_works import flat_targets
from kdlab.labels import (
    balanced_draw,
    class_means,
    flatten_wrong,
    flip_labels,
    permute_wrong,
    resemble_another,
    resemble_class,
)

LABELS = torch.arange(10).repeat_interleave(torch.arange(30, 40))[torch.randperm(345, generator=torch.Generator())]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_balanced_draw_takes_so_many_of_every_class_and_none_twice():
    places = balanced_draw(LABELS, 7, seeded())
    assert LABELS[places].bincount().tolist() == [7] * 10
    assert len(places.unique()) == 70 and torch.equal(places, places.sort().values)


def test_more_labels_keep_the_earlier_ones_and_another_seed_draws_others():
    few, many = balanced_draw(LABELS, 2, seeded()), balanced_draw(LABELS, 20, seeded())
    assert set(few.tolist()) < set(many.tolist())
    assert not torch.equal(few, balanced_draw(LABELS, 2, seeded(1)))


@pytest.mark.parametrize("per_class", [0, 31])
def test_balanced_draw_refuses_what_a_class_cannot_give(per_class):
    with pytest.raises(ValueError, match="examples of class 0"):
        balanced_draw(LABELS, per_class, seeded())


def test_flip_labels_makes_exactly_the_share_wrong_and_leaves_the_original():
    before = LABELS.clone()
    for share in (0.0, 0.2, 0.5, 1.0):
        noisy = flip_labels(LABELS, share, seeded())
        assert (noisy != LABELS).sum() == round(share * 345)
        assert noisy.min() >= 0 and noisy.max() <= 9 and noisy.dtype == LABELS.dtype
    assert torch.equal(LABELS, before)


def test_wrong_labels_are_spread_over_all_other_classes():
    zeros = torch.zeros(9000, dtype=torch.long)
    counts = flip_labels(zeros, 1.0, seeded()).bincount(minlength=10)
    assert counts[0] == 0 and counts[1:].min() > 880 and counts[1:].max() < 1120


def test_a_larger_share_keeps_the_wrong_labels_of_a_smaller_one():
    few, many = flip_labels(LABELS, 0.1, seeded()), flip_labels(LABELS, 0.6, seeded())
    wrong = few != LABELS
    assert torch.equal(few[wrong], many[wrong])


def test_neither_touches_the_global_random_numbers():
    state = torch.random.get_rng_state()
    balanced_draw(LABELS, 3, seeded())
    flip_labels(LABELS, 0.3, seeded())
    assert torch.equal(state, torch.random.get_rng_state())
    with pytest.raises(ValueError, match="share"):
        flip_labels(LABELS, 1.2, seeded())


def test_class_means_are_the_same_for_all_pictures_of_a_class():
    logits = torch.randn(len(LABELS), 10, generator=seeded())
    means = class_means(logits, LABELS)
    for c in range(10):
        assert len(means[LABELS == c].unique(dim=0)) == 1
        assert torch.allclose(means[LABELS == c][0], logits[LABELS == c].mean(0))
    with pytest.raises(ValueError, match="labels"):
        class_means(logits, LABELS[:5])


def test_permuting_keeps_each_row_s_numbers_and_its_first_choice():
    logits = torch.randn(500, 10, generator=seeded())
    permuted = permute_wrong(logits, seeded())
    assert torch.equal(permuted.sort(-1).values, logits.sort(-1).values)
    assert torch.equal(permuted.argmax(-1), logits.argmax(-1))
    assert torch.equal(permuted, permute_wrong(logits, seeded()))
    second = permuted.topk(2).indices[:, 1] == logits.topk(2).indices[:, 1]
    assert abs(second.double().mean() - 1 / 9) < 0.05


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("change", [flatten_wrong, resemble_class])
def test_the_first_choice_keeps_its_probability_at_that_temperature(change, temperature):
    logits = 3 * torch.randn(len(LABELS), 10, generator=seeded())
    first = logits.argmax(-1, keepdim=True)
    before, after = ((z / temperature).softmax(-1) for z in (logits, change(logits, temperature)))
    assert torch.allclose(before.gather(-1, first), after.gather(-1, first), atol=1e-5)
    assert not torch.allclose(before, after, atol=1e-2)


def test_flattened_targets_are_those_of_the_exercise():
    logits = 3 * torch.randn(len(LABELS), 10, generator=seeded())
    assert torch.allclose((flatten_wrong(logits, 4.0) / 4).softmax(-1), flat_targets.reference(logits, 4.0), atol=1e-5)


def test_the_rest_is_shared_as_the_class_does_on_average():
    logits = 3 * torch.randn(len(LABELS), 10, generator=seeded())
    first = logits.argmax(-1)
    shares = (resemble_class(logits, 2.0) / 2).softmax(-1)
    mean = (class_means(logits, first) / 2).softmax(-1)
    for p in (shares, mean):
        p.scatter_(-1, first.unsqueeze(-1), 0.0)
        p /= p.sum(-1, keepdim=True)
    assert torch.allclose(shares, mean, atol=1e-5)
    with pytest.raises(ValueError, match="temperature"):
        resemble_class(logits, 0.0)


def test_the_rest_is_shared_as_another_picture_of_the_class_does_each_of_them_once():
    logits = 3 * torch.randn(200, 4, generator=seeded())
    logits[0] = torch.tensor([0.0, 9.0, 1.0, 2.0])
    first = logits.argmax(-1)
    changed = resemble_another(logits, 2.0, seeded())
    before, after = ((z / 2).softmax(-1) for z in (logits, changed))
    assert torch.allclose(before.gather(1, first[:, None]), after.gather(1, first[:, None]), atol=1e-5)

    def shares(p):
        rest = p.scatter(1, first[:, None], 0.0)
        return rest / rest.sum(-1, keepdim=True)

    for label in range(4):
        mine, theirs = shares(before)[first == label], shares(after)[first == label]
        giver = torch.cdist(theirs, mine).argmin(1)
        assert torch.allclose(mine[giver], theirs, atol=1e-4)
        assert torch.equal(giver.sort().values, torch.arange(len(mine)))
        assert (giver != torch.arange(len(mine))).all()
    assert torch.equal(changed, resemble_another(logits, 2.0, seeded()))


def test_a_picture_alone_in_its_class_keeps_its_own_shares():
    logits = torch.tensor([[3.0, 1.0, 0.0]])
    changed = resemble_another(logits, 1.0, seeded())
    assert torch.allclose(changed.softmax(-1), logits.softmax(-1), atol=1e-6)
