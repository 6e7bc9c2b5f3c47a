"""SqueezePanel in real JupyterLab, with a small network: the panel is tested, not compression."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import torch
torch.set_num_threads(1)
from kdlab import data, models, training, widgets
from kdlab.teachers import predict_logits
mnist = data.load_mnist()
inputs, labels = models.to_inputs(mnist.train_images[:3000]), torch.from_numpy(mnist.train_labels[:3000])
network = models.MLP(784, 60, 20, 10, seed=0)
training.fit(network, inputs[:2000], labels[:2000], recipe=training.Recipe(alpha=1, steps=200, learning_rate=5e-3))

def make_panel(**options):
    few = inputs[:500], labels[:500], predict_logits(network, inputs[:500])
    return widgets.SqueezePanel(network, few, (inputs[2000:], labels[2000:]), mnist.train_images[2000:3000],
                                goal={"errors": 200, "bytes": 20_000}, recorded={"another": (30_000, 130)}, **options)
"""


def press(notebook, name):
    notebook.panel.get_by_role("button", name=name, exact=True).click()


def test_the_tour_moves_the_point_and_the_layout_stays(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel()\npanel.show_and_run()")
    panel = notebook.panel
    expect(panel.locator(".kd-status")).to_have_text("finished")
    point = notebook.python("panel.point")
    expect(panel.locator(".kd-squeeze-heading")).to_have_text(f"{point['changed']} answers are not D’s")
    assert panel.locator(".kd-squeeze-dot").count() == notebook.python("len(panel.trail)") > 15
    height = panel.bounding_box()["height"]
    press(notebook, "Reset")
    expect(panel.locator(".kd-squeeze-heading")).to_have_text("0 answers are not D’s")
    assert panel.locator(".kd-squeeze-dot").count() == 1
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_sliders_move_the_point_and_mending_brings_it_down(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel()\npanel")
    panel, page = notebook.panel, notebook.page
    panel.get_by_label("Bits").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    notebook.wait_python("panel.bits == 2 and panel.point['bytes'] < 20000")
    before = notebook.python("panel.point['errors']")
    press(notebook, "Mend: 300 steps with D’s soft answers")
    notebook.wait_python("panel.state == 'finished' and panel.point['how'] == 'soft answers'", 60)
    assert notebook.python("panel.point['errors']") < before
    expect(panel.locator(".kd-squeeze-words").last).to_contain_text("mended with D’s soft answers")
    notebook.screenshot("squeeze-mended")
    press(notebook, "Mend with labels")
    notebook.wait_python("panel.state == 'finished' and panel.point['how'] == 'labels'", 60)
    panel.get_by_label("Zeros").focus()
    page.keyboard.press("PageUp")
    notebook.wait_python("panel.zeros == 10 and panel.point['how'] == ''")
    press(notebook, "Forget the trail")
    notebook.wait_python("len(panel.trail) == 1")
