"""JupyterLab and headless Chromium for tests and benchmarks: a private server, and no way out of 127.0.0.1."""

import ast
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat
from patience import milliseconds, seconds

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
PICTURES = bool(os.environ.get("PICTURES"))  # to be looked at: no test reads them
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
    # The default takes cells that are off screen out of the page: selectors then miss them.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}
# The errors in the notebook's outputs, in words. On the page an error looks like any output to stderr.
ERRORS = """() => window.jupyterapp.shell.currentWidget.content.widgets.flatMap((cell) => cell.model.type !== 'code' ? [] :
    Array.from({ length: cell.model.outputs.length }, (_, i) => cell.model.outputs.get(i)).filter((output) => output.type === 'error')
        .map((output) => output.toJSON()).map(({ ename, evalue }) => `${ename}: ${evalue}`))"""
VIEWPORT = {"width": 1280, "height": 1000}


def find_chromium():
    """The path of an installed Chromium or Chrome, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    found = [os.environ.get("CHROMIUM"), *(shutil.which(name) for name in names)]
    return next((path for path in found if path and Path(path).exists()), None)


@contextmanager
def jupyterlab(home):
    """A JupyterLab of our own in this folder: its settings, port and token are private. (address, token, root)"""
    root = home / "notebooks"
    root.mkdir()
    for plugin, value in SETTINGS.items():
        file = home / "settings" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value))
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTER_DATA_DIR": "data",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {
        **os.environ,
        **{name: str(home / folder) for name, folder in folders.items()},
        "PATH": path,
        "OMP_NUM_THREADS": "1",
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={root}",
        "--LabApp.expose_app_in_browser=True",
        "--ServerApp.jpserver_extensions=kdlab.saving=True",  # as the course's own server
    ]
    log = home / "lab.log"
    with log.open("w") as out:
        server = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for_server(server, f"{address}/api/status?token={token}", log)
        yield address, token, root
    finally:
        server.send_signal(signal.SIGTERM)  # it shuts its kernels down
        try:
            server.wait(seconds(20))
        except subprocess.TimeoutExpired:
            server.kill()


def _wait_for_server(server, address, log):
    deadline = time.monotonic() + seconds(60)
    while True:
        try:
            return urllib.request.urlopen(address, timeout=seconds(2)).read()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("JupyterLab did not start:\n" + log.read_text()[-3000:]) from None
            time.sleep(0.05)


@contextmanager
def chromium_browser():
    """Headless Chromium, as Playwright drives it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=find_chromium(), headless=True, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


def lab_page(browser, address, token):
    """A new page that shows this JupyterLab, ready for commands."""
    page = browser.new_context(viewport=VIEWPORT, has_touch=True).new_page()
    page.goto(f"{address}/lab?token={token}&reset", wait_until="domcontentloaded")
    page.wait_for_function(
        "window.jupyterapp && window.jupyterapp.commands.hasCommand('notebook:run-all-cells')",
        timeout=milliseconds(60),
    )
    page.locator("#jupyterlab-splash").wait_for(state="detached", timeout=milliseconds(60))
    return page


class Notebook:
    """A notebook that has run in JupyterLab: its page, its panel, and its kernel's Python."""

    def __init__(self, page):
        self.page = page

    @property
    def panel(self):
        """The first panel on the page."""
        return self.page.locator(".kd-panel").first

    def python(self, expression):
        """The value of an expression in the kernel, while whatever runs there goes on."""
        reply = self.page.evaluate(
            """async (value) => {
                const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                const request = { code: "", store_history: false, user_expressions: { value } };
                return (await kernel.requestExecute(request).done).content.user_expressions.value }""",
            f"__import__('json').dumps(({expression}))",
        )
        assert reply["status"] == "ok", reply
        return json.loads(ast.literal_eval(reply["data"]["text/plain"]))

    def wait_python(self, expression, limit=10):
        """Wait until an expression is true in the kernel, and return its value."""
        end, pause = time.monotonic() + seconds(limit), 20
        while not (value := self.python(expression)):
            assert time.monotonic() < end, f"not within {seconds(limit):.0f} s: {expression}"
            self.page.wait_for_timeout(pause)
            pause = min(2 * pause, 200)  # asking costs what is waited for
        return value

    def wait_drawn(self, frames=1):
        """Wait until the panel has drawn itself that many more times."""
        before = int(self.panel.get_attribute("data-drawn"))
        self.page.wait_for_function("n => +document.querySelector('.kd-panel').dataset.drawn >= n", arg=before + frames)

    def theme(self, name):
        """Switch to JupyterLab's "Light" or "Dark" theme, where it has the other one."""
        light = "true" if name == "Light" else "false"
        if self.page.evaluate("document.body.dataset.jpThemeLight") == light:
            return
        self.page.evaluate(
            "name => { window.jupyterapp.commands.execute('apputils:change-theme', {theme: name}) }",
            f"JupyterLab {name}",
        )
        self.page.wait_for_function("v => document.body.dataset.jpThemeLight === v", arg=light)
        # The new style sheet is loaded when the splash screen has gone.
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def run_cell(self, index):
        """Run one cell (again), and wait for it."""
        before = self.python("In.__len__()")
        self.page.evaluate(
            """index => { const notebook = window.jupyterapp.shell.currentWidget.content;
                notebook.deselectAll(); notebook.activeCellIndex = index;
                window.jupyterapp.commands.execute('notebook:run-cell') }""",
            index,
        )
        self.wait_python(f"len(In) > {before}")

    def stored(self):
        """The notebook as it would be saved, outputs and all."""
        return nbformat.from_dict(
            self.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.model.toJSON()")
        )

    def screenshot(self, name):
        """Where PICTURES is set: a picture of the panel, in both themes, in tests/artifacts/."""
        if not PICTURES:
            return
        ARTIFACTS.mkdir(exist_ok=True)
        for theme in ("Dark", "Light"):
            self.theme(theme)
            self.panel.screenshot(path=ARTIFACTS / f"{name}-{theme.lower()}.png")


def scratch_notebook(path, cells):
    """Write a notebook of these code cells."""
    code = [
        {"cell_type": "code", "execution_count": None, "id": f"cell-{i}", "metadata": {}, "outputs": [], "source": cell}
        for i, cell in enumerate(cells)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.write_text(json.dumps({"cells": code, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}))


def open_file(page, name):
    """Open a notebook, and wait for its kernel."""
    page.evaluate("path => { window.jupyterapp.commands.execute('docmanager:open', { path }) }", name)
    # Lab already says "idle" before there is a kernel, and "run all" is then silently lost.
    page.wait_for_function(
        """name => { const w = window.jupyterapp.shell.currentWidget;
        return w?.context?.path === name && w.context.isReady && w.sessionContext.session?.kernel?.status === 'idle' }""",
        arg=name,
        timeout=milliseconds(60),
    )
    page.evaluate("""async () => { const w = window.jupyterapp.shell.currentWidget;
        await w.sessionContext.ready; await w.sessionContext.session.kernel.info; w.activate() }""")


def replace_cells(page, cells, keep):
    """Put these in the place of all cells but the first `keep`, which stay as they have run; the first of them is active."""
    page.evaluate(
        """([sources, keep]) => { const notebook = window.jupyterapp.shell.currentWidget.content;
        const shared = notebook.model.sharedModel;
        shared.insertCells(keep, sources.map(source => ({ cell_type: "code", source, metadata: {}, outputs: [] })));
        shared.deleteCellRange(keep + sources.length, shared.cells.length);
        notebook.deselectAll(); notebook.activeCellIndex = keep }""",
        [list(cells), keep],
    )


def run_cells(page, command="run-all-cells"):
    """Run all cells (or the active one and all below), and check that none failed."""
    # Not awaited: a promise that hangs would hang the test. The counts of the cells tell when they have run.
    page.evaluate("name => { window.jupyterapp.commands.execute(name) }", f"notebook:{command}")
    # Cells behind an error never run, so an error ends the wait.
    page.wait_for_function(
        f"""() => ({ERRORS})().length || window.jupyterapp.shell.currentWidget.content.widgets.every(
        cell => cell.model.type !== 'code' || cell.model.executionCount !== null)""",
        polling=50,
        timeout=milliseconds(300),
    )
    errors = page.evaluate(ERRORS)
    assert not errors, errors


def shut_kernels_down(address, token):
    def ask(path, method="GET"):
        request = urllib.request.Request(f"{address}{path}?token={token}", method=method)
        return urllib.request.urlopen(request, timeout=seconds(20)).read()

    for session in json.loads(ask("/api/sessions")):
        ask(f"/api/sessions/{session['id']}", "DELETE")


def close_notebook(page, address, token):
    page.evaluate("""async () => { const w = window.jupyterapp.shell.currentWidget;
        if (w?.context) { w.context.model.dirty = false; w.close() } }""")  # "dirty", it would ask whether to save
    shut_kernels_down(address, token)
