"""SqueezePanel without a browser: what it keeps of D stays as it is, whatever is mended."""

import pytest
import torch

from kdlab import training, widgets
from kdlab.compression import pack
from kdlab.models import MLP

RECIPE = training.Recipe(temperature=2, steps=20, batch_size=8, learning_rate=0.05)


def make_panel():
    generator = torch.Generator().manual_seed(0)
    inputs, labels = torch.rand(60, 784, generator=generator), torch.arange(60) % 10
    network, pictures = MLP(784, 40, 10, seed=1), (inputs * 255).round().to(torch.uint8).view(-1, 28, 28)
    few = inputs[:30], labels[:30], network(inputs[:30]).detach()
    recipes = dict.fromkeys(("soft answers", "labels"), RECIPE)
    return widgets.SqueezePanel(network, few, (inputs, labels), pictures, recipes=recipes)


@pytest.mark.parametrize("rank", [None, 16])
def test_mending_leaves_what_the_sliders_begin_from(rank):
    panel = make_panel()
    panel.rank = rank
    panel._driver._do_requests()
    before, packed = panel.point, pack(panel.network)
    panel.mend("labels")
    panel.run()
    assert panel.point["how"] == "labels" and pack(panel.network) != packed
    for bits in (8, 32):
        panel.bits = bits
        panel._driver._do_requests()
    assert panel.point == before and pack(panel.network) == packed
    panel.reset()
    panel._driver._do_requests()
    assert panel.point["changed"] == 0 and panel.point["errors"] == panel._first["errors"]
