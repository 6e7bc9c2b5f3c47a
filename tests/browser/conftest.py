"""Real JupyterLab in headless Chromium: a private server, scratch notebooks, and no way out of 127.0.0.1.

A test says `notebook = open_notebook("cell 1", "cell 2")`: the cells have run, none has failed, and
`notebook.panel` is the panel on the page. What a test waits for is polled, never slept for.
"""

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
from pathlib import Path

import nbformat
import pytest

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
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
VIEWPORT = {"width": 1280, "height": 1000}
SECOND = 1000


def find_chromium():
    """The path of an installed Chromium or Chrome, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    found = [os.environ.get("CHROMIUM"), *(shutil.which(name) for name in names)]
    return next((path for path in found if path and Path(path).exists()), None)


def missing(what):
    """Skip on a reader's machine; on the machines that check the project nothing may be missing."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"{what}, and CI is set")
    pytest.skip(what)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A JupyterLab of our own: its folders, port and token are private. Gives (address, token, root folder)."""
    home = tmp_path_factory.mktemp("lab")
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
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait_for_server(server, address, log):
    deadline = time.monotonic() + 60
    while True:
        try:
            return urllib.request.urlopen(address, timeout=2).read()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("JupyterLab did not start:\n" + log.read_text()[-3000:]) from None
            time.sleep(0.05)


@pytest.fixture(scope="module")
def page(lab):
    """One page of JupyterLab for a file of tests. (Playwright holds an asyncio loop: not longer than that.)"""
    playwright = pytest.importorskip("playwright.sync_api") if not os.environ.get("CI") else None
    chromium = find_chromium()
    if chromium is None:
        missing("no Chromium is installed (set CHROMIUM to its path)")
    if playwright is None:
        import playwright.sync_api as playwright
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=chromium, headless=True, args=CHROMIUM_ARGUMENTS)
        page = browser.new_context(viewport=VIEWPORT, has_touch=True).new_page()
        address, token, _ = lab
        page.goto(f"{address}/lab?token={token}&reset", wait_until="domcontentloaded")
        page.wait_for_function(
            "window.jupyterapp && window.jupyterapp.commands.hasCommand('notebook:run-all-cells')", timeout=60 * SECOND
        )
        page.locator("#jupyterlab-splash").wait_for(state="detached", timeout=60 * SECOND)
        yield page
        browser.close()
        _shut_kernels_down(address, token)


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

    def wait_python(self, expression, seconds=10):
        """Wait until an expression is true in the kernel, and return its value."""
        deadline = time.monotonic() + seconds
        while not (value := self.python(expression)):
            assert time.monotonic() < deadline, f"not within {seconds} s: {expression}"
            self.page.wait_for_timeout(20)
        return value

    def wait_drawn(self, frames=1):
        """Wait until the panel has drawn itself that many more times."""
        before = int(self.panel.get_attribute("data-drawn"))
        self.page.wait_for_function("n => +document.querySelector('.kd-panel').dataset.drawn >= n", arg=before + frames)

    def theme(self, name):
        """Switch to JupyterLab's "Light" or "Dark" theme."""
        self.page.evaluate(
            "name => { window.jupyterapp.commands.execute('apputils:change-theme', {theme: name}) }",
            f"JupyterLab {name}",
        )
        light = "true" if name == "Light" else "false"
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

    def screenshot(self, name):
        """Keep a picture of the panel, in both themes, in tests/artifacts/."""
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
        timeout=60 * SECOND,
    )
    page.evaluate("""async () => { const w = window.jupyterapp.shell.currentWidget;
        await w.sessionContext.ready; await w.sessionContext.session.kernel.info; w.activate() }""")


def replace_cells(page, cells):
    """Put these in the place of all cells but the first, which stays as it has run; the first of them is active."""
    page.evaluate(
        """sources => { const notebook = window.jupyterapp.shell.currentWidget.content;
        const shared = notebook.model.sharedModel;
        shared.deleteCellRange(1, shared.cells.length);
        shared.insertCells(1, sources.map(source => ({ cell_type: "code", source, metadata: {}, outputs: [] })));
        notebook.deselectAll(); notebook.activeCellIndex = 1 }""",
        list(cells),
    )


def run_cells(page, command="run-all-cells"):
    """Run all cells (or the active one and all below), and check that none failed."""
    # Not awaited: a promise that hangs would hang the test. The counts of the cells tell when they have run.
    page.evaluate("name => { window.jupyterapp.commands.execute(name) }", f"notebook:{command}")
    page.wait_for_function(
        """() => window.jupyterapp.shell.currentWidget.content.widgets.every(
        cell => cell.model.type !== 'code' || cell.model.executionCount !== null)""",
        timeout=120 * SECOND,
    )
    errors = page.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"]')
    assert errors.count() == 0, errors.first.inner_text()


def _shut_kernels_down(address, token):
    def ask(path, method="GET"):
        request = urllib.request.Request(f"{address}{path}?token={token}", method=method)
        return urllib.request.urlopen(request, timeout=20).read()

    for session in json.loads(ask("/api/sessions")):
        ask(f"/api/sessions/{session['id']}", "DELETE")


def _close_notebook(page, address, token):
    page.evaluate("""async () => { const w = window.jupyterapp.shell.currentWidget;
        if (w?.context) { await w.context.save(); w.close() } }""")
    _shut_kernels_down(address, token)


@pytest.fixture(scope="module")
def first_cell():
    """The first cell of the scratch notebook that is open, in a list: the tests of a file share it and its kernel."""
    return []


@pytest.fixture
def open_notebook(lab, page, first_cell, request):
    """Write, open and run a scratch notebook of these cells, or an unexecuted `lesson` (an nbformat notebook).

    The first cell prepares the others. Where it is the same as in the test before, it is not run again.
    Fails on a request that leaves 127.0.0.1, and on page errors.
    """
    address, token, root = lab
    outside, errors = [], []
    inside = (f"{address}/", address.replace("http", "ws") + "/", "data:", "blob:")
    listeners = {
        "request": lambda r: None if r.url.startswith(inside) else outside.append(r.url),
        "pageerror": lambda error: errors.append(str(error)),
        "console": lambda message: errors.append(message.text) if message.type == "error" else None,
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    name = f"{request.node.name}.ipynb".translate(str.maketrans("[]/", "---"))
    notebook = Notebook(page)

    def open_one(*cells, width=VIEWPORT["width"], lesson=None):
        page.set_viewport_size({**VIEWPORT, "width": width})
        if first_cell and first_cell == [*cells[:1]]:
            replace_cells(page, cells[1:])
            run_cells(page, "run-all-below")
        else:
            if first_cell:
                _close_notebook(page, address, token)
            first_cell[:] = cells[:1]
            if lesson is None:
                scratch_notebook(root / name, cells)
            else:
                nbformat.write(lesson, root / name)
            open_file(page, name)
            run_cells(page)
        notebook.panel.wait_for(timeout=20 * SECOND)
        notebook.panel.scroll_into_view_if_needed()
        return notebook

    yield open_one
    if first_cell and request.node.stash.get(PASSED, False):
        notebook.python("__import__('ipywidgets').Widget.close_all()")  # which also stops whatever runs in them
    else:
        _close_notebook(page, address, token)
        first_cell.clear()
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    assert not outside, f"asked for outside addresses: {outside[:5]}"
    assert not errors, f"the page reported errors: {errors[:5]}"


PASSED = pytest.StashKey[bool]()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Remember whether the test itself passed: only then may the next one use its notebook."""
    report = (yield).get_result()
    if report.when == "call":
        item.stash[PASSED] = report.passed
