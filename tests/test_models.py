"""The networks: shapes, seeds, and nothing touched outside."""

import copy

import numpy as np
import pytest
import torch

from kdlab.data import load_mnist
from kdlab.models import MLP, to_inputs


def test_an_mlp_is_its_formula():
    model = MLP(6, 5, 4, 3).eval()
    x = torch.randn(7, 6, generator=torch.Generator().manual_seed(0))
    first, second, third = model.layers
    hidden = torch.clamp(x @ first.weight.T + first.bias, min=0)
    hidden = torch.clamp(hidden @ second.weight.T + second.bias, min=0)
    assert torch.allclose(model(x), hidden @ third.weight.T + third.bias, atol=1e-6)


def test_logits_keep_any_leading_shape():
    model = MLP(784, 16, 10)
    for leading in ((), (3,), (2, 3)):
        assert model(torch.zeros(*leading, 784)).shape == (*leading, 10)


def test_a_linear_model_has_no_hidden_layer():
    assert len(MLP(784, 10).layers) == 1


def test_the_seed_decides_the_weights_and_no_global_random_number_is_drawn():
    before = torch.get_rng_state()
    a, b, c = MLP(20, 30, 5, seed=1), MLP(20, 30, 5, seed=1), MLP(20, 30, 5, seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    pairs = list(zip(a.parameters(), b.parameters(), strict=True))
    assert all(torch.equal(x, y) for x, y in pairs)
    assert not torch.equal(a.layers[0].weight, c.layers[0].weight)


def test_weights_start_with_the_variance_of_he_initialisation_and_zero_biases():
    model = MLP(500, 400, 10)
    assert model.layers[0].weight.var().item() == pytest.approx(2 / 500, rel=0.05)
    assert model.layers[1].weight.var().item() == pytest.approx(2 / 400, rel=0.1)
    assert not model.layers[0].bias.any()


def test_dropout_works_in_training_only():
    model, x = MLP(50, 40, 5, dropout=0.5, input_dropout=0.2), torch.ones(4, 50)
    assert not torch.equal(model.train()(x), model(x))
    assert torch.equal(model.eval()(x), model(x))
    plain = MLP(50, 40, 5)
    assert torch.equal(plain.train()(x), model(x))  # the same weights, whatever the dropout


def test_a_copy_is_independent():
    model = MLP(5, 4, 3)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.layers[0].weight.zero_()
    assert model.layers[0].weight.any()


@pytest.mark.parametrize("widths", [(), (784,), (784, 0, 10), (784, 1.5, 10), ([784, 10],)])
def test_bad_widths_are_refused(widths):
    with pytest.raises(ValueError, match="widths"):
        MLP(*widths)


@pytest.mark.parametrize("options", [{"dropout": 1.0}, {"dropout": -0.1}, {"input_dropout": 2}])
def test_bad_dropout_is_refused(options):
    with pytest.raises(ValueError, match="dropout"):
        MLP(784, 10, **options)


def test_inputs_are_the_images_between_zero_and_one():
    images = load_mnist().test_images
    inputs = to_inputs(images[:50])
    assert inputs.shape == (50, 784) and inputs.dtype == torch.float32
    assert inputs.min() == 0 and inputs.max() == 1
    assert torch.equal(inputs, torch.from_numpy(images[:50].reshape(50, 784) / 255).float())
    assert torch.equal(to_inputs(torch.from_numpy(images[:50])), inputs)
    assert torch.equal(to_inputs(images[3]), inputs[3])
    assert images[:50].max() == 255  # the images themselves are left alone


def test_inputs_may_be_a_strided_selection():
    images = load_mnist().test_images
    assert torch.equal(to_inputs(images[::-5000]), to_inputs(images[::-5000].copy()))


@pytest.mark.parametrize("images", [np.zeros((2, 28, 28)), np.zeros(784, np.uint8), torch.zeros(2, 28, 28), [[0]]])
def test_images_that_are_not_uint8_are_refused(images):
    with pytest.raises(ValueError, match="uint8"):
        to_inputs(images)
