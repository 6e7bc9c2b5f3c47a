"""What `save_page` writes, and what it refuses; tests/browser/test_student_page.py runs the page."""

import base64
import json
import re

import pytest
import torch
from torch import nn

from kdlab.compression import factorise, pack, prune, quantise, save_page
from kdlab.compression.page import page_layers
from kdlab.models import MLP, ConvNet


def test_the_page_holds_the_packed_bytes_and_asks_for_nothing(tmp_path):
    net = quantise(ConvNet(6, 8, pooling="mean", seed=1), 4)
    path = tmp_path / "page.html"
    size = save_page(net, path, title="2 < 3 & more")
    page = path.read_text("utf-8")
    assert size == path.stat().st_size < 18_000 + 1.4 * len(pack(net))
    assert base64.b64encode(pack(net)).decode() in page
    assert "<title>2 &lt; 3 &amp; more</title>" in page
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|\bsrc=|\bhref=|@import|url\(|\{\{|fetch\(|import\(", page)


def test_the_same_network_gives_the_same_page(tmp_path):
    for name in ("a", "b"):
        save_page(quantise(MLP(784, 8, 10, seed=3), "ternary"), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_examples_come_back_pixel_by_pixel(tmp_path):
    pictures = torch.zeros(4, 784)
    pictures[1, 300:310] = torch.arange(10) / 255
    pictures[2] = 1
    pictures[3, ::7] = 128 / 255
    logits = torch.randn(4, 10, generator=torch.Generator().manual_seed(0))
    save_page(MLP(784, 4, 10), tmp_path / "page", examples=(pictures, [0, 1, 2, 3]), teacher_logits=logits)
    page = (tmp_path / "page").read_text("utf-8")
    examples = [json.loads(line) for line in re.findall(r'^  (\{"label".*\}),$', page, re.MULTILINE)]
    for one, picture, said, label in zip(examples, pictures, logits, range(4), strict=True):
        values, found = iter(base64.b64decode(one["picture"])), []
        for value in values:
            found += [value] if value else [0] * next(values)
        assert torch.equal(torch.tensor(found), (picture * 255).round().long())
        assert one["teacher"] == pytest.approx(said.tolist(), abs=5e-4)
        assert one["label"] == label


def test_layers_in_words():
    net = quantise(
        factorise(ConvNet(6, 8, kernels=(5, 3), pooling="mean", hidden=40), 2), [8, 4, 4, 4, 2, 2, "ternary"]
    )
    found = page_layers(net)
    assert [layer["shape"] for layer in found] == [
        [2, 1, 5], [6, 2, 1], [2, 6, 3], [8, 2, 1], [2, 8, 1], [40, 2, 1], [10, 40, 1],
    ]  # fmt: skip
    assert [layer["side"] for layer in found] == [28, 14, 14, 7, 1, 1, 1]
    assert [layer["relu"] for layer in found] == [False, True, False, True, False, True, False]
    assert [layer["mean"] for layer in found] == [1, 1, 1, 1, 49, 1, 1]
    assert [layer["bits"] for layer in found] == [8, 4, 4, 4, 2, 2, "ternary"]
    assert page_layers(prune(MLP(784, 4, 10), 0.5))[0]["zeros"]


def broken(net):
    net.layers[0].weight.data[0, 0] = torch.nan
    return net


@pytest.mark.parametrize(
    "model, options, message",
    [
        (nn.Linear(784, 10), {}, "MLP or a ConvNet"),
        (MLP(100, 10), {}, "784 pixels"),
        (MLP(784, 5), {}, "10 digits"),
        (ConvNet(4, side=14), {}, "784 pixels"),
        (MLP(784, 10), {"teacher_logits": torch.zeros(1, 10)}, "give examples"),
        (MLP(784, 10), {"examples": (torch.zeros(2, 28, 28), [1, 2])}, "inputs"),
        (MLP(784, 10), {"examples": (torch.zeros(2, 784), [1])}, "labels"),
        (MLP(784, 10), {"examples": (torch.full((1, 784), 0.123), [1])}, "256 shades"),
        (MLP(784, 10), {"examples": (torch.zeros(1, 784), [11])}, "digits"),
        (MLP(784, 10).double(), {}, "float32"),
        (broken(MLP(784, 10)), {}, "finite"),
        (MLP(784, 10), {"examples": (torch.zeros(2, 784), [1, 2]), "teacher_logits": torch.zeros(3, 10)}, "teacher_logits"),
    ],
)  # fmt: skip
def test_what_the_page_could_not_run_is_refused(model, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_page(model, tmp_path / "page.html", **options)
    assert list(tmp_path.iterdir()) == []
