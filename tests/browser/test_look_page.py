"""LookPanel in real JupyterLab, with tiny networks on made-up pictures: the panel is tested, not distillation."""

import pytest
from patience import milliseconds
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import torch
torch.set_num_threads(1)
from kdlab import data, models, teachers, training, widgets
mnist = data.load_mnist()
pictures, boxes = data.clutter(mnist.train_images[:400], mnist.train_images[400:800])
inputs, labels, boxes = models.to_inputs(pictures), torch.from_numpy(mnist.train_labels[:400]), torch.from_numpy(boxes)

def make_panel(steps=120, **options):
    recipe = training.Recipe(steps=steps, batch_size=20, learning_rate=5e-3)
    return widgets.LookPanel(lambda: models.ConvNet(4, 6, strides=(2, 2)), teachers.load_conv_teacher("clutter"), (inputs[:300], labels[:300]),
                             (inputs[300:], labels[300:], boxes[300:]), recipe=recipe, show=8, **options)
"""


def view(notebook, name):
    return notebook.panel.locator(f".kd-look-{name}")


def press(notebook, name):
    notebook.panel.get_by_role("button", name=name, exact=True).click()


def test_it_shows_maps_that_change_while_the_students_learn(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(speed=25)\npanel")
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    expect(view(notebook, "teacher").locator(".kd-heat rect")).to_have_count(49)
    expect(view(notebook, "picture").locator(".kd-heat rect")).to_have_count(0)
    expect(view(notebook, "picture")).to_contain_text(f"it is a {notebook.python('panel._truths[0]')}")
    opacities = "nodes => nodes.map(node => Number(node.getAttribute('opacity')))"
    before = view(notebook, "distilled").locator(".kd-heat rect").evaluate_all(opacities)
    assert max(before) == pytest.approx(0.85)
    notebook.screenshot("look-before")
    press(notebook, "Start")
    notebook.wait_python("panel.done > 20")
    notebook.wait_drawn(2)
    press(notebook, "Pause")
    notebook.wait_python("panel.state == 'paused'")
    shades = [round(0.85 * shade, 3) for shade in notebook.python("panel._maps['distilled']")]
    heat = view(notebook, "distilled").locator(".kd-heat rect")
    page.wait_for_function(
        "([nodes, wanted]) => document.querySelectorAll(nodes)[0].getAttribute('opacity') == wanted",
        arg=[".kd-look-distilled .kd-heat rect", f"{shades[0]:.3f}"],
    )
    after = heat.evaluate_all(opacities)
    assert after == pytest.approx(shades, abs=0.002) and after != before
    answer, share = notebook.python("panel._seen['distilled']")
    expect(view(notebook, "distilled")).to_contain_text(f"says {answer}")
    expect(view(notebook, "distilled")).to_contain_text("inside")
    assert panel.locator("[data-figure=share] .kd-curve.kd-distilled").get_attribute("d").count("L") >= 1
    assert panel.bounding_box()["height"] == height, "the layout jumped"
    panel.get_by_label("speed").select_option("full speed")
    press(notebook, "Resume")
    expect(panel.locator(".kd-status")).to_have_text("finished", timeout=milliseconds(60))
    notebook.screenshot("look-after")


def test_picture_part_and_weight_are_chosen_by_keyboard(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel()\npanel")
    panel, page = notebook.panel, notebook.page
    panel.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowRight")
    notebook.wait_python("panel.picture == 1")
    expect(view(notebook, "picture")).to_contain_text(f"it is a {notebook.python('panel._truths[1]')}")
    panel.get_by_label("Besides labels, imitate").select_option("its attention")
    notebook.wait_python("panel.weight == 40")
    slider = panel.get_by_label("with weight")
    expect(slider).to_have_attribute("aria-valuetext", "40")
    slider.focus()
    page.keyboard.press("ArrowRight")
    notebook.wait_python("panel.weight == 41")
    press(notebook, "Step")
    notebook.wait_python("panel.done == 1")
    expect(panel.get_by_role("button", name="Resume")).to_be_visible()
    assert notebook.python("sorted(set(panel.history['distilled'][0]) & {'attention', 'hint'})") == ["attention"]
