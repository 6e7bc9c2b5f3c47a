"""DarkKnowledgePanel in real JupyterLab: its own sums are those of Python."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SETUP = """
import numpy as np
from kdlab import data
from kdlab.widgets import DarkKnowledgePanel
mnist = data.load_mnist()
images, labels = mnist.test_images[:1500], mnist.test_labels[:1500]
flat = images.reshape(-1, 784) / 255
means = np.stack([flat[labels == c].mean(0) for c in range(10)])
teacher = -((flat[:, None] - means) ** 2).sum(-1) / 5
noise = np.random.default_rng(0).normal(0, 1, teacher.shape)
logits = {"teacher": teacher, "distilled": teacher + 0.3 * noise, "hard labels": teacher + 3 * noise}
"""
PANEL = "panel = DarkKnowledgePanel(images, labels, logits)\npanel"
SOFT = "[(panel._rows['{}'][panel.selected].tolist())][0]"


def test_the_maps_and_the_menus_choose_a_group(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel, page = notebook.panel, notebook.page
    height = panel.bounding_box()["height"]
    counts = notebook.python("panel._counts[0]")
    expect(panel.locator(".kd-pick .kd-hint")).to_contain_text("1500 of 1500 digits")

    panel.locator("[data-map='hard labels'] .kd-cell").nth(49).click()  # row 4, column 9
    notebook.wait_python("panel.group == [4, 9]")
    expect(panel.locator(".kd-pick .kd-hint")).to_contain_text(f"{counts[4][9]} of 1500 digits")
    expect(panel.locator(".kd-about")).to_contain_text("the teacher's first choice is 4, its second 9.")
    expect(panel.get_by_label("and next a")).to_have_value("10")

    panel.get_by_label("The teacher sees a").select_option("8")
    group = notebook.wait_python("panel.group[0] == 7 and panel.group")
    found = notebook.python("panel._groups[' '.join(map(str, panel.group))]")
    assert group in ([7, 9], [7, -1]) and notebook.python("panel.selected") == found[0]
    panel.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowRight")
    notebook.wait_python(f"panel.selected == {found[1]}")
    panel.get_by_label("The teacher sees a").select_option("0")
    panel.get_by_label("and next a").select_option("0")
    notebook.wait_python("panel.group == [-1, -1]")
    assert panel.bounding_box()["height"] == height, "the layout jumped"


def test_numbers_are_those_of_python(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel = notebook.panel
    for temperature in (4, 1):
        notebook.python(f"setattr(panel, 'temperature', {temperature}.0)")
        expect(panel.locator(".kd-readout")).to_have_text(str(temperature))
        for name, found in notebook.python("panel.inheritance").items():
            column = panel.locator(".kd-columns > div").filter(has=notebook.page.locator(f"[data-map='{name}']"))
            expect(column.locator(".kd-meter-row")).to_contain_text(f"same second {100 * found['same_second']:.1f} %")
            mean = float(column.locator("p").nth(1).inner_text().split("mean ")[1].split()[0])
            assert mean == pytest.approx(found["divergence"], abs=0.0051)
    bars = [float(text or 0) for text in panel.locator("[data-figure=distilled] .kd-value").all_text_contents()]
    assert abs(sum(bars) - 100) <= 5 and len(bars) == 10


def test_the_log_scale_shows_what_is_small(open_notebook):
    notebook = open_notebook(SETUP, PANEL)
    panel, page = notebook.panel, notebook.page
    notebook.python("setattr(panel, 'temperature', 1.0)")
    figure = panel.locator("[data-figure=teacher]")
    visible = "rects => rects.filter(r => +r.getAttribute('height') > 8).length"
    rects = ".kd-bar rect:not(.kd-hit)"
    few = figure.locator(rects).evaluate_all(visible)
    panel.get_by_label("log scale").focus()
    page.keyboard.press("Space")
    notebook.wait_python("panel.log_scale")
    expect(figure).to_contain_text("10⁻⁴")
    assert figure.locator(rects).evaluate_all(visible) > few
    panel.get_by_label("Temperature T").focus()
    page.keyboard.press("End")
    notebook.wait_python("panel.temperature == 20")


@pytest.mark.parametrize("width", [600, 1000])
def test_it_fits(open_notebook, width):
    notebook = open_notebook(SETUP, PANEL, width=1600)
    notebook.page.evaluate("w => { document.querySelector('.kd-panel').parentElement.style.width = w + 'px' }", width)
    notebook.screenshot(f"dark-knowledge-{width}")
    assert notebook.panel.evaluate("p => p.scrollWidth <= p.clientWidth")
    cut = "p => [...p.querySelectorAll('.kd-row, .kd-row button, .kd-hint, p, .kd-meter-row, .kd-gallery')].filter(r => r.scrollWidth > r.clientWidth + 1).map(r => r.textContent)"
    assert notebook.panel.evaluate(cut) == [], "words are cut off"
    boxes = "p => new Set([...p.querySelectorAll('.kd-columns > div')].map(c => Math.round(c.getBoundingClientRect().width))).size"
    assert notebook.panel.evaluate(boxes) == 1, "columns differ in width"
