"""The shipped teacher is what its page says, and predictions leave a model as it was."""

import re

import pytest
import torch
from torch import nn

from kdlab import data, teachers
from kdlab.compression import pack
from kdlab.data import clutter, load_fashion, load_mnist
from kdlab.metrics import count_parameters, errors
from kdlab.models import MLP, to_inputs
from kdlab.teachers import load_conv_teacher, load_mnist_teacher, predict_logits


@pytest.fixture(scope="module")
def teacher():
    return load_mnist_teacher()


def test_the_teacher_is_frozen_in_eval_mode_and_full_precision(teacher):
    assert not any(module.training for module in teacher.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert all(parameter.dtype == torch.float32 for parameter in teacher.parameters())
    assert [tuple(layer.weight.shape) for layer in teacher.layers] == [(1200, 784), (1200, 1200), (10, 1200)]
    assert count_parameters(teacher) == 2_395_210


@pytest.mark.slow
def test_the_errors_are_those_that_the_data_page_gives(teacher):
    page = (data.DATA / "README.md").read_text()
    validation, test = map(int, re.search(r"(\d+) validation errors, (\d+) test errors", page).groups())
    mnist = load_mnist()
    found = errors(predict_logits(teacher, to_inputs(mnist.test_images)), torch.from_numpy(mnist.test_labels))
    assert abs(found - test) <= 1  # a tie broken by rounding on another processor
    held_out = to_inputs(mnist.train_images[50_000:])
    found = errors(predict_logits(teacher, held_out), torch.from_numpy(mnist.train_labels[50_000:]))
    assert abs(found - validation) <= 1
    assert validation < 100


def conv_tests(name):
    """(images, labels) of the validation and of the test set of a convolutional teacher."""
    if name == "clothes":
        fashion = load_fashion()
        held = fashion.train_images[10_000:], fashion.train_labels[10_000:]
        return held, (fashion.test_images, fashion.test_labels)
    mnist = load_mnist()
    parts = (
        (mnist.train_images[50_000:], mnist.train_labels[50_000:]),
        (mnist.test_images, mnist.test_labels),
    )
    if name == "digits":
        return parts
    return [(clutter(images, images, seed=91 + k)[0], labels) for k, (images, labels) in enumerate(parts)]


@pytest.mark.slow
@pytest.mark.parametrize("name", teachers.CONV_TEACHERS)
def test_a_conv_teacher_is_frozen_and_makes_the_errors_that_the_data_page_gives(name):
    teacher = load_conv_teacher(name)
    assert not any(p.requires_grad for p in teacher.parameters()) and not any(m.training for m in teacher.modules())
    row = re.search(rf"^\| {name} \|.*$", (data.DATA / "README.md").read_text(), re.M).group()
    told = [int(number) for number in re.findall(r"(\d+) of \d", row)]
    assert len(told) == 2
    for (images, labels), expected in zip(conv_tests(name), told, strict=True):
        found = errors(predict_logits(teacher, to_inputs(images)), torch.from_numpy(labels))
        assert abs(found - expected) <= 2  # a tie broken by rounding on another processor


def test_there_is_no_other_conv_teacher():
    with pytest.raises(ValueError, match="digits, clothes, clutter: not for 'cats'"):
        load_conv_teacher("cats")


def test_the_small_student_has_the_bytes_and_errors_that_the_data_page_gives():
    student = teachers.load_small_student()
    assert not any(p.requires_grad for p in student.parameters()) and not any(m.training for m in student.modules())
    page = (data.DATA / "README.md").read_text()
    assert len(pack(student)) == int(re.search(r"writes\s+(\d+) bytes", page)[1])
    told = map(int, re.search(r"small student (\d+) errors of 10 000 \(validation\), (\d+) of", page).groups())
    for (images, labels), expected in zip(conv_tests("digits"), told, strict=True):
        found = errors(predict_logits(student, to_inputs(images)), torch.from_numpy(labels))
        assert abs(found - expected) <= 2  # a tie broken by rounding on another processor


def test_a_changed_teacher_is_refused(tmp_path, monkeypatch):
    content = bytearray((data.DATA / teachers.MNIST_TEACHER).read_bytes())
    content[-5] ^= 1
    (tmp_path / teachers.MNIST_TEACHER).write_bytes(content)
    (tmp_path / "SHA256SUMS").write_bytes((data.DATA / "SHA256SUMS").read_bytes())
    monkeypatch.setattr(data, "DATA", tmp_path)
    with pytest.raises(data.DataFileError, match=r"data/mnist_teacher\.safetensors has changed"):
        load_mnist_teacher()


def test_predictions_do_not_depend_on_the_batch_size_or_the_mode_and_leave_the_mode_alone():
    model = nn.Sequential(MLP(8, 6), nn.Dropout(0.5), MLP(6, 3, dropout=0.5))
    model.train()
    model[1].eval()
    modes = [module.training for module in model.modules()]
    inputs = torch.randn(11, 8, generator=torch.Generator().manual_seed(0))
    whole = predict_logits(model, inputs)
    assert [module.training for module in model.modules()] == modes
    assert whole.shape == (11, 3) and not whole.requires_grad
    for size in (1, 4, 11, 100):
        assert torch.allclose(predict_logits(model, inputs, batch_size=size), whole, atol=1e-6)
    assert torch.allclose(whole, model.eval()(inputs), atol=1e-6)


def test_the_mode_comes_back_when_the_model_raises():
    model = MLP(8, 3).train()
    with pytest.raises(RuntimeError):
        predict_logits(model, torch.zeros(2, 9))
    assert model.training
