"""TurnPanel, MapPanel and NeighboursPanel in real JupyterLab."""

import pytest
from patience import milliseconds
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import torch
torch.set_num_threads(1)
from kdlab import data, models, training, widgets
mnist = data.load_mnist()
inputs, labels = models.to_inputs(mnist.train_images[:400]), torch.from_numpy(mnist.train_labels[:400])
features = torch.eye(10)[labels] + 0.1 * torch.randn(400, 10, generator=torch.Generator().manual_seed(0))

def make_map(steps=200, **options):
    spaces = {"the teacher": features[:300], "the pixels": inputs[:300]}
    recipe = training.Recipe(steps=steps, batch_size=20, learning_rate=5e-3)
    return widgets.MapPanel(lambda: models.MLP(784, 16, 2, seed=1), inputs[:300], spaces, (inputs[300:], labels[300:]),
                            recipe=recipe, **options)
"""


def bar(notebook, name):
    return notebook.panel.locator(f"[data-measure='{name}'] .kd-meter-row span")


def test_the_dial_turns_the_teacher_and_reaches_its_goal(open_notebook):
    notebook = open_notebook(SETUP, "panel = widgets.TurnPanel(features[:20, :2], labels[:20])\npanel")
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    blind = "0: does not see it"
    for name in ("squared error", "distances", "cosines", "CKA"):
        expect(bar(notebook, name)).to_have_text(blind)
    notebook.screenshot("turn-before")
    places = "nodes => nodes.map(node => node.getAttribute('x'))"
    before = panel.locator(".kd-turn-teacher text").evaluate_all(places)
    panel.get_by_label("Rotate").focus()
    for _ in range(3):
        page.keyboard.press("PageUp")
    notebook.wait_python("panel.angle == 108")
    expect(bar(notebook, "squared error")).not_to_have_text(blind)
    expect(bar(notebook, "similarities")).to_have_text(blind)
    assert panel.locator(".kd-turn-teacher text").evaluate_all(places) != before
    assert not notebook.python("panel.reached")
    panel.get_by_label("Shift right").focus()
    page.keyboard.press("ArrowRight")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    notebook.wait_python("panel.reached")
    expect(bar(notebook, "distances")).to_have_text(blind)
    expect(bar(notebook, "cosines")).not_to_have_text(blind)
    expect(panel.locator(".kd-goal")).to_contain_text("reached")
    notebook.screenshot("turn-after")
    panel.get_by_role("button", name="Start again").click()
    notebook.wait_python("(panel.angle, panel.shift) == (0.0, 0.0)")
    expect(bar(notebook, "cosines")).to_have_text(blind)
    panel.get_by_label("mix up the pictures").check()
    expect(bar(notebook, "distances")).to_have_text("100 %")
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_the_map_moves_while_it_is_drawn_and_shows_digits_when_asked(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_map(speed=25)\npanel")
    panel = notebook.panel
    height = panel.bounding_box()["height"]
    dots, digits = panel.locator(".kd-place"), panel.locator(".kd-digit")
    expect(dots).to_have_count(100)
    expect(digits.first).to_be_hidden()
    notebook.screenshot("map-before")
    places = "nodes => nodes.map(node => node.getAttribute('cx'))"
    before = dots.evaluate_all(places)
    panel.get_by_role("button", name="Start", exact=True).click()
    notebook.wait_python("panel.done > 20")
    notebook.wait_drawn(2)
    panel.get_by_role("button", name="Pause", exact=True).click()
    notebook.wait_python("panel.state == 'paused'")
    assert dots.evaluate_all(places) != before
    panel.get_by_label("show the digits").check()
    expect(digits.first).to_be_visible()
    expect(dots.first).to_be_hidden()
    assert digits.all_text_contents() == [str(label) for label in notebook.python("panel._labels")]
    panel.get_by_label("speed").select_option("full speed")
    panel.get_by_role("button", name="Resume").click()
    expect(panel.locator(".kd-status")).to_have_text("finished", timeout=milliseconds(60))
    share = notebook.python("panel.shares[-1][1]")
    expect(panel.locator(".kd-last")).to_have_text(f"the teacher: {100 * share:.0f} %")
    notebook.screenshot("map-after")
    panel.get_by_label("Whose distances?").select_option("the pixels")
    notebook.wait_python("panel.space == 'the pixels'")
    panel.get_by_role("button", name="Start", exact=True).click()
    notebook.wait_python("panel._ran == 'the pixels' and panel.state == 'finished'", limit=60)
    expect(panel.locator(".kd-last")).to_contain_text("the pixels: ")
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_a_picture_is_chosen_and_its_neighbours_are_shown(open_notebook):
    panel_code = "panel = widgets.NeighboursPanel(mnist.train_images[:400], labels, {'a teacher': features, 'pixels': inputs}, show=12)\npanel"
    notebook = open_notebook(SETUP, panel_code)
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]

    def words(space):
        return panel.get_by_role("group", name=space, exact=True).locator("figcaption").all_inner_texts()

    def wanted(space):
        return notebook.python(
            f"[f'{{labels[i]}} {{chr(10003) if labels[i] == labels[panel.picture] else chr(10007)}}' for i in panel.nearest['{space}']]"
        )

    assert words("a teacher") == wanted("a teacher") and words("pixels") == wanted("pixels")
    notebook.screenshot("neighbours")
    panel.locator(".kd-thumbnail").nth(4).click()
    notebook.wait_python("panel.picture == 4")
    expect(panel.locator(".kd-likely")).to_contain_text(f"Chosen: {notebook.python('int(labels[4])')}.")
    assert words("pixels") == wanted("pixels")
    page.keyboard.press("ArrowRight")
    notebook.wait_python("panel.picture == 5")
    expect(panel.locator(".kd-likely")).to_contain_text(f"Chosen: {notebook.python('int(labels[5])')}.")
    assert words("a teacher") == wanted("a teacher")
    assert panel.bounding_box()["height"] == height, "the layout jumped"
