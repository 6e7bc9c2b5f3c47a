"""A lesson that was saved, and is opened again when its kernel is gone."""

import pytest
from harness import close_notebook, open_file, shut_kernels_down
from patience import milliseconds
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

LESSON = ["from kdlab import widgets", "widgets.TemperaturePanel([3.0, 1.0, 0.0])"]


def test_the_next_day_each_panel_is_a_picture_and_runs_again(open_notebook, page, lab):
    address, token, _ = lab
    open_notebook(*LESSON)
    name = page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path")
    page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.context.save() }")
    live = page.locator(".kd-panel")
    expect(live).to_have_count(1)  # saving leaves the page as it is
    close_notebook(page, address, token)
    shut_kernels_down(address, token)

    open_file(page, name)
    output = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell").nth(1)
    expect(output.locator("img")).to_be_visible()
    assert output.locator("img").evaluate("i => i.decode().then(() => i.naturalWidth > 300)")
    expect(output).to_contain_text("To use the panel again, run the notebook from the top")
    expect(page.get_by_text("Error displaying widget")).to_have_count(0)
    expect(live).to_have_count(0)

    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    expect(live).to_have_count(1, timeout=milliseconds(30))
    expect(output).not_to_contain_text("To use the panel again")
