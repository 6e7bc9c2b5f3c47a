"""CrowdPanel and DoubtPanel in real JupyterLab, with tiny networks: the panels are tested, not crowds."""

import pytest
from patience import milliseconds
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import numpy as np
import torch
torch.set_num_threads(1)
from kdlab import data, models, sweeps, training, widgets
mnist = data.load_mnist()
inputs, labels = models.to_inputs(mnist.train_images[:3000]), torch.from_numpy(mnist.train_labels[:3000])

def make_panel(**options):
    recipe = training.Recipe(steps=40, batch_size=20, learning_rate=1e-2)
    return widgets.CrowdPanel(lambda seed: models.MLP(784, 16, 10, seed=seed), (inputs[500:], labels[500:]), inputs[:300],
                              (inputs[300:500], labels[300:500]), recipe=recipe, each=(10, 20, 50), most=5, labels=20, **options)
"""
DOUBT = """
networks = [models.MLP(784, 8, 10, seed=k) for k in range(4)]
for k, network in enumerate(networks):
    rows = slice(500 + 300 * k, 800 + 300 * k)
    training.fit(network, inputs[rows], labels[rows], recipe=training.Recipe(steps=60, batch_size=20, learning_rate=1e-2, seed=k))
panel = widgets.DoubtPanel(mnist.train_images[:200], labels[:200], sweeps.predict_logits(networks, inputs[:200]))
"""


def press(notebook, name):
    notebook.panel.get_by_role("button", name=name, exact=True).click()


def points(notebook, figure, kind):
    path = notebook.panel.locator(f"[data-figure={figure}] .kd-curve.kd-{kind}").first.get_attribute("d")
    return path.count("L") + 1 if path else 0


def test_teachers_come_one_by_one_and_the_layout_stays(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel()\npanel")
    panel = notebook.panel
    height = panel.bounding_box()["height"]
    expect(panel.locator(".kd-crowd-words").first).to_contain_text("press Start")
    notebook.screenshot("crowd-before")
    press(notebook, "Start")
    expect(panel.locator(".kd-status")).to_have_text("finished", timeout=milliseconds(60))
    assert [points(notebook, "accuracy", f"crowd-{kind}") for kind in ("crowd", "student", "pooled")] == [5, 5, 5]
    assert points(notebook, "agreement", "crowd-agree") == 5
    expect(panel.locator(".kd-crowd-words").first).to_have_text(
        "5 teachers with 20 labels of their own, together by the mean of probabilities."
    )
    dots = panel.locator(".kd-crowd-dots rect").evaluate_all("nodes => nodes.map(n => n.getAttribute('visibility'))")
    assert dots == ["visible"] * 5
    student = notebook.python("panel.curves['student'][-1]")
    expect(panel.locator("[data-figure=accuracy] .kd-legend")).to_contain_text(f"their student {100 * student:.1f} %")
    assert panel.bounding_box()["height"] == height, "the layout jumped"
    notebook.screenshot("crowd-after")


def test_controls_go_on_with_what_is_missing(open_notebook):
    notebook = open_notebook(SETUP, "panel = make_panel(teachers=2)\npanel")
    panel, page = notebook.panel, notebook.page
    press(notebook, "Start")
    notebook.wait_python("panel.state == 'finished'", 60)
    slider = panel.get_by_label("Teachers")
    slider.focus()
    page.keyboard.press("ArrowRight")
    notebook.wait_python("panel.teachers == 3")
    notebook.wait_python("len(panel.curves['student']) == 3 and panel.state == 'finished'", 60)
    panel.get_by_label("together by").select_option("a vote")
    notebook.wait_python("panel.together == 'votes' and len(panel.curves['student']) == 3", 60)
    panel.get_by_label("Labels", exact=True).select_option("the same for all")
    notebook.wait_python("not panel.own and len(panel.curves['student']) == 3", 60)
    expect(panel.locator(".kd-crowd-words").first).to_have_text(
        "3 teachers with the same 20 labels, together by a vote."
    )
    size = panel.get_by_label("labels each")
    size.focus()
    page.keyboard.press("End")
    notebook.wait_python("panel.labels == 50")
    expect(size).to_have_attribute("aria-valuetext", "50")


def test_pictures_are_chosen_and_sorted_by_keyboard(open_notebook):
    notebook = open_notebook(SETUP + DOUBT, "panel")
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    expect(panel.get_by_role("radio")).to_have_count(12)
    expect(panel.locator(".kd-doubt-words")).to_contain_text("Picture 1 of 200")
    notebook.screenshot("doubt")
    panel.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowRight")
    notebook.wait_python("panel.chosen == 1")
    said, label, right = notebook.python("panel._captions[1]")
    expect(panel.locator(".kd-doubt-words")).to_have_text(
        f"Picture 2 of 200: it is {label}. Together they say {said} {'✓' if right else '✗'}."
    )
    opacities = panel.locator(".kd-doubt-mean").evaluate_all(
        "nodes => nodes.map(n => Number(n.getAttribute('opacity')))"
    )
    assert opacities == pytest.approx(notebook.python("panel._opinions[-1]"), abs=1e-3)
    place = panel.get_by_label("from picture")
    place.focus()
    page.keyboard.press("End")
    notebook.wait_python("panel.place == 188")
    expect(panel.locator(".kd-doubt-words")).to_contain_text("Picture 190 of 200")
    before = panel.locator("[data-figure=found] .kd-curve").get_attribute("d")
    panel.get_by_label("Sorted by").select_option("entropy of the first teacher")
    notebook.wait_python("panel.order == 'one'")
    page.wait_for_function(
        "before => document.querySelector('[data-figure=found] .kd-curve').getAttribute('d') !== before", arg=before
    )
    expect(panel.locator("[data-figure=found]")).to_contain_text(f"curve {notebook.python('panel.area()'):.2f}")
    assert panel.bounding_box()["height"] == height, "the layout jumped"
