"""Panels in real JupyterLab when their kernel is gone, the connection is lost, or their cell is run again or deleted."""

import os
import re
import signal

import pytest
from harness import ARTIFACTS, Notebook, close_notebook, open_file, run_cells, scratch_notebook
from patience import milliseconds
from playwright.sync_api import expect
from test_race_panel import SETUP

pytestmark = pytest.mark.browser

GONE = re.compile(
    "^Nothing answers here any more: this panel’s kernel was restarted or shut down, or it has died. Run "
)
LOST = re.compile("^This page has lost its connection to Jupyter.")
# What JupyterLab itself reports when a kernel or the network goes away.
ITS_OWN = re.compile(
    "Could not restore the debugger state|Canceled future for create_subshell|net::ERR_|WebSocket connection to"
)
SESSION = "window.jupyterapp.shell.currentWidget.sessionContext"
OPEN = "len(ipywidgets.widgets.widget._instances)"


@pytest.fixture
def open_notebook_of(clear_page, lab, request):
    """Open a notebook of these cells, with a kernel of its own; fails on what the page reports that is not JupyterLab's own."""
    page, (address, token, root) = clear_page, lab
    errors = []
    listeners = {
        "pageerror": lambda error: errors.append(str(error)),
        "console": lambda message: errors.append(message.text) if message.type == "error" else None,
    }
    for event, listener in listeners.items():
        page.on(event, listener)

    def open_one(*cells):
        name = f"{request.node.name}.ipynb".translate(str.maketrans("[]/", "---"))
        scratch_notebook(root / name, cells)
        open_file(page, name)
        run_cells(page)
        notebook = Notebook(page)
        expect(panels(page)).to_have_count(1)
        notebook.wait_python("panel.watched")
        return notebook, name

    yield open_one
    page.context.set_offline(False)
    close_notebook(page, address, token)
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    ours = [error for error in errors if not ITS_OWN.search(error)]
    assert not ours, f"the page reported errors: {ours[:5]}"


def panels(page):
    return page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .kd-panel")


def press(page, name):
    panels(page).get_by_role("button", name=name, exact=True).click()


RACE = (
    f"import ipywidgets, weakref\n{SETUP}\nalive = weakref.WeakSet()",
    "panel = make_panel(40_000, 50)\nalive.add(panel)\npanel",
)
LIGHT = ("import os\nfrom kdlab import widgets\npanel = widgets.TemperaturePanel([3.0, 1.0, 0.0])\npanel",)  # no torch


# --- a kernel that is gone


def shut_down(notebook):
    notebook.page.evaluate(f"() => {{ {SESSION}.shutdown() }}")


def kill(notebook):
    os.kill(notebook.python("os.getpid()"), signal.SIGKILL)
    dialog = notebook.page.locator(".jp-Dialog")  # JupyterLab: the kernel has died and restarts
    dialog.get_by_role("button", name="Ok").click(timeout=milliseconds(20))


@pytest.mark.parametrize("end", [shut_down, kill])
def test_a_panel_whose_kernel_is_gone_says_so(open_notebook_of, end):
    notebook, _ = open_notebook_of(*LIGHT)
    panel = panels(notebook.page)
    end(notebook)
    expect(panel.get_by_role("alert").first).to_have_text(GONE, timeout=milliseconds(20))
    expect(panel).to_have_class(re.compile("kd-gone"))
    panel.get_by_label("Temperature").first.dispatch_event("input")  # nothing is sent, and nothing is reported
    notebook.screenshot(f"gone-{end.__name__}")


def test_after_a_restart_a_panel_is_grey_until_its_cells_are_run_again(open_notebook_of):
    notebook, _ = open_notebook_of(*RACE)
    page, panel = notebook.page, panels(notebook.page)
    press(page, "Start")
    notebook.wait_python("panel.state == 'running'")
    page.evaluate(f"async () => {{ await {SESSION}.restartKernel() }}")
    expect(panel.get_by_role("alert").first).to_have_text(GONE)
    expect(panel.get_by_role("toolbar")).to_have_css("opacity", "0.4")
    for part in panel.locator(":scope > *").all():
        kept = part.evaluate("e => e.matches('.kd-notice, .kd-recipe')")
        assert part.evaluate("e => e.inert") is not kept, part.inner_html()
    panel.get_by_role("button", name="Pause").dispatch_event("click")
    panel.get_by_role("button", name="Copy").click()  # the line that replays the run outlives it
    assert panel.get_by_label("This run").evaluate("e => e.selectionEnd") > 40
    notebook.screenshot("gone-restart")

    page.wait_for_function(f"() => {SESSION}.session?.kernel?.status === 'idle'")
    run_cells(page)
    expect(page.locator(".kd-gone")).to_have_count(0)
    press(page, "Start")
    notebook.wait_python("len(panel.history) > 5")


# --- a page without a connection


def test_a_page_without_a_connection_says_so_and_goes_on(open_notebook_of):
    notebook, _ = open_notebook_of(*LIGHT)
    page, panel = notebook.page, panels(notebook.page)
    page.context.set_offline(True)
    page.evaluate(f"() => {{ {SESSION}.session.kernel._ws.close() }}")
    # JupyterLab itself asks the server now and then, and puts a dialog above all else when none answers: have it ask now.
    page.evaluate("() => { window.jupyterapp.serviceManager.sessions.refreshRunning().catch(() => {}) }")
    dialog = page.locator(".jp-Dialog", has_text="Server Connection Error")
    dialog.get_by_role("checkbox").check()  # once is enough
    dialog.get_by_role("button", name="Close").click()
    notice = panel.locator(".kd-notice")
    expect(notice).to_have_text(LOST, timeout=milliseconds(20))
    expect(panel).not_to_have_class(re.compile("kd-gone"))
    panel.screenshot(path=ARTIFACTS / "lost.png")
    panel.get_by_label("Temperature").first.focus()
    page.keyboard.press("End")  # it is sent once the connection is back
    page.context.set_offline(False)
    expect(notice).to_have_count(0, timeout=milliseconds(60))
    notebook.wait_python("panel.temperature > 1")


# --- long sittings


def test_a_cell_run_again_and_again_leaves_one_panel_and_none_when_it_is_deleted(open_notebook_of):
    notebook, _ = open_notebook_of(*RACE)
    page = notebook.page
    before = notebook.python(OPEN)
    for _ in range(3):
        press(page, "Start")
        notebook.wait_python("panel.state == 'running'")
        notebook.run_cell(1)
        notebook.wait_python("panel.watched")
    notebook.wait_python("len(alive) == 1", 30)
    assert notebook.python(OPEN) == before

    press(page, "Start")
    notebook.wait_python("len(panel.history) > 3")
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:delete-cell') }")
    notebook.wait_python("panel.comm is None and panel.state == 'stopped'", 20)
    assert notebook.python("panel.students['distilled'](inputs[:2]).shape") == [2, 10]
    assert notebook.python(OPEN) == before - 2  # the panel's and that of its layout


def test_a_notebook_that_is_closed_keeps_its_panel(open_notebook_of):
    notebook, name = open_notebook_of(*RACE)
    page = notebook.page
    press(page, "Start")
    notebook.wait_python("panel.state == 'running'")
    page.evaluate("async () => { const w = window.jupyterapp.shell.currentWidget; await w.context.save(); w.close() }")
    expect(page.locator(".kd-panel")).to_have_count(0)
    open_file(page, name)
    expect(panels(page)).to_have_count(1)
    expect(panels(page).locator(".kd-status")).to_have_text("training")
    notebook.wait_python("panel.watched")

    field = panels(page).get_by_label("This run")  # and copying works without the clipboard of a page on https
    page.evaluate("() => Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true })")
    line = field.input_value()
    press(page, "Copy")
    field.fill("")
    page.keyboard.press("Control+V")
    expect(field).to_have_value(line)
    page.evaluate("() => { delete navigator.clipboard }")


# --- the check of the environment


def test_the_environment_check_turns_to_ok_on_the_page(clear_page, lab):
    page, (address, token, root) = clear_page, lab
    scratch_notebook(root / "check.ipynb", ["from kdlab import course\nreport = course.check_environment()\nreport"])
    open_file(page, "check.ipynb")
    run_cells(page)
    lines = page.locator(".kd-probe li")
    expect(lines.last).to_have_text("[OK]panels: this page and the kernel answer each other")
    expect(lines.filter(has_text="[--]")).to_have_count(0)
    assert Notebook(page).python("repr(report)").endswith("[OK] panels: this page and the kernel answer each other")
    close_notebook(page, address, token)
