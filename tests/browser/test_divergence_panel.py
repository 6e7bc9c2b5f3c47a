"""DivergencePanel and GaussianFitPanel in real JupyterLab."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

DIVERGENCE = """
from kdlab.widgets import DivergencePanel
goal = {"text": "KL(p‖q) ≥ 3 nats while KL(q‖p) ≤ 0.3", "at_least": {"forward": 3.0}, "at_most": {"reverse": 0.3}}
panel = DivergencePanel(
    [0.40, 0.30, 0.15, 0.10, 0.05], [0.10, 0.20, 0.30, 0.20, 0.20],
    classes=["cat", "lynx", "dog", "fox", "bus"], goal=goal)
panel
"""
FIT = """
import numpy as np
from kdlab.widgets import GaussianFitPanel
from kdlab.widgets.gaussian_fit import bell
x = np.linspace(-5, 5, 101)
density = 0.6 * bell(x, -2, 0.7) + 0.4 * bell(x, 2, 0.5)
starts = np.linspace(-2, 2, 5)
share = (1 - 0.9 ** np.arange(81))[None, :]
def path(mean, sd, nats):
    return np.stack([starts[:, None] + (mean[:, None] - starts[:, None]) * share, 1 + (sd - 1) * share + 0 * mean[:, None],
                     2 + (nats - 2) * share + 0 * mean[:, None]], -1)
forward = path(np.full(5, -0.4), 2.06, 0.54)
reverse = path(np.where(starts < 0.5, -2, 2), 0.6, 0.7)
panel = GaussianFitPanel(x, density, forward, reverse, peaks=[-2, 2], goal="end on each peak")
panel
"""


def figure(notebook, name):
    return notebook.panel.locator(f"[data-figure={name}]")


def heading(notebook, name):
    return figure(notebook, name).locator(".kd-title")


def test_bars_are_dragged_and_the_others_share_the_rest(open_notebook):
    notebook = open_notebook(DIVERGENCE)
    panel, page = notebook.panel, notebook.page
    expect(heading(notebook, "forward")).to_have_text("KL(p‖q) = 0.434 nats")
    expect(heading(notebook, "reverse")).to_have_text("KL(q‖p) = 0.404 nats")
    height = panel.bounding_box()["height"]

    cat = panel.get_by_role("slider", name="q of class cat")
    box = cat.locator(".kd-hit").bounding_box()  # 104 % at its top, 0 at its foot
    middle = box["x"] + box["width"] / 2
    page.mouse.move(middle, box["y"] + box["height"] * 0.9)
    page.mouse.down()
    page.mouse.move(middle, box["y"] + box["height"] * (1 - 0.55 / 1.04), steps=5)
    page.mouse.up()
    q = notebook.wait_python("panel.q[0] > 0.5 and panel.q")
    assert abs(q[0] - 0.55) <= 0.011 and abs(sum(q) - 1) < 1e-9
    assert q[1] / q[2] == pytest.approx(2 / 3), "the other bars keep their proportions"
    expected = notebook.python("panel.divergences")
    expect(heading(notebook, "forward")).to_have_text(f"KL(p‖q) = {expected['forward']:.3f} nats")
    expect(heading(notebook, "js")).to_have_text(f"JS(p, q) = {expected['js']:.3f} nats")

    page.mouse.move(middle, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(middle, box["y"] - 60, steps=4)  # over the top: all of it
    notebook.wait_python("panel.q == [1, 0, 0, 0, 0]")
    expect(heading(notebook, "forward")).to_have_text("KL(p‖q) = ∞ nats")
    page.mouse.move(middle, box["y"] + box["height"] * 0.7, steps=4)
    page.mouse.up()
    q = notebook.wait_python("panel.q[0] < 0.5 and panel.q")
    assert q[1] / q[2] == pytest.approx(2 / 3), "the proportions come back"
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_keys_buttons_and_units(open_notebook):
    notebook = open_notebook(DIVERGENCE)
    panel, page = notebook.panel, notebook.page
    panel.get_by_role("slider", name="p of class bus").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("PageUp")
    p = notebook.wait_python("abs(panel.p[4] - 0.16) < 1e-9 and panel.p")
    assert p[0] / p[1] == pytest.approx(4 / 3)
    page.keyboard.press("Home")
    notebook.wait_python("panel.p[4] == 0")
    assert notebook.python("panel.divergences['forward'] < float('inf')")

    panel.get_by_role("button", name="Reset").click()
    notebook.wait_python("abs(panel.p[4] - 0.05) < 1e-9")
    expect(panel.get_by_role("button", name="Reset")).to_be_disabled()
    panel.get_by_role("button", name="Swap p and q").click()
    expect(heading(notebook, "forward")).to_have_text("KL(p‖q) = 0.404 nats")
    panel.get_by_label("in bits").click()
    expect(heading(notebook, "forward")).to_have_text("KL(p‖q) = 0.583 bits")
    panel.get_by_role("button", name="Copy p to q").click()
    for name, words in (("forward", "KL(p‖q)"), ("reverse", "KL(q‖p)"), ("js", "JS(p, q)")):
        expect(heading(notebook, name)).to_have_text(f"{words} = 0.000 bits")


def test_the_goal_can_be_reached_by_keys(open_notebook):
    notebook = open_notebook(DIVERGENCE)
    panel, page = notebook.panel, notebook.page
    goal = panel.locator(".kd-goal")
    expect(goal).to_contain_text("☐")
    expect(goal).to_contain_text("now KL(p‖q) = 0.43, KL(q‖p) = 0.40")
    panel.get_by_role("button", name="Copy p to q").click()
    panel.get_by_role("slider", name="q of class dog").focus()
    page.keyboard.press("Home")
    expect(goal).to_contain_text("now KL(p‖q) = ∞, KL(q‖p) = 0.16")
    expect(panel.get_by_role("status")).to_have_text("reached")
    notebook.wait_python("panel.reached")
    panel.get_by_role("button", name="Reset").click()
    expect(goal).to_contain_text("☑")
    notebook.screenshot("divergence")


def test_the_fit_plays_pauses_steps_and_starts_elsewhere(open_notebook):
    notebook = open_notebook(FIT)
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    expect(heading(notebook, "forward")).to_have_text("Forward KL(p‖q) = 2.00 nats")
    panel.get_by_role("button", name="Step").click()
    notebook.wait_python("panel.step == 1")

    panel.get_by_role("button", name="Play").click()
    expect(panel.get_by_role("button", name="Pause")).to_be_visible()
    page.wait_for_function("+document.querySelector('.kd-panel').dataset.drawn > 6")
    panel.get_by_role("button", name="Pause").click()
    paused = notebook.wait_python("panel.step > 1 and panel.step")
    page.wait_for_timeout(200)
    assert notebook.python("panel.step") == paused

    panel.get_by_role("button", name="Play").click()
    notebook.wait_python("panel.step == 80", 20)  # Python hears of it when the end is reached
    expect(panel.get_by_role("button", name="Play")).to_be_visible()
    expect(heading(notebook, "reverse")).to_have_text("Reverse KL(q‖p) = 0.70 nats")
    notebook.wait_python("panel.visited == [0] and not panel.reached")

    panel.get_by_label("start at x =").focus()
    page.keyboard.press("End")
    notebook.wait_python("panel.start == 4 and panel.step == 0")
    panel.get_by_label("step", exact=True).focus()
    page.keyboard.press("End")
    notebook.wait_python("panel.visited == [0, 1] and panel.reached")
    expect(panel.get_by_role("status")).to_have_text("reached")
    expect(figure(notebook, "reverse")).to_contain_text("q: mean 2.00, sd 0.60")
    panel.get_by_role("button", name="Reset").click()
    notebook.wait_python("panel.step == 0 and panel.reached")
    assert panel.bounding_box()["height"] == height, "the layout jumped"
    notebook.python("setattr(panel, 'step', 8)")
    expect(heading(notebook, "forward")).not_to_have_text("Forward KL(p‖q) = 2.00 nats")
    notebook.screenshot("gaussian-fit")


@pytest.mark.parametrize("width", [600, 1000])
@pytest.mark.parametrize("name, cell", [("divergence", DIVERGENCE), ("gaussian-fit", FIT)])
def test_it_fits(open_notebook, name, cell, width):
    notebook = open_notebook(cell)
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    notebook.screenshot(f"{name}-{width}")
    assert notebook.panel.evaluate("p => p.scrollWidth <= p.clientWidth")
    cut = "p => [...p.querySelectorAll('.kd-row, .kd-row button, .kd-goal *')].filter(r => r.scrollWidth > r.clientWidth + 1).length"
    assert notebook.panel.evaluate(cut) == 0, "a line of words is cut off"
