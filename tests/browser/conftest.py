"""Fixtures for real JupyterLab in headless Chromium (harness.py).

A test says `notebook = open_notebook("cell 1", "cell 2")`: the cells have run, none has failed, and
`notebook.panel` is the panel on the page. What a test waits for is polled, never slept for.
"""

import importlib.util
import os
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from harness import (
    VIEWPORT,
    Notebook,
    chromium_browser,
    close_notebook,
    find_chromium,
    jupyterlab,
    lab_page,
    open_file,
    replace_cells,
    run_cells,
    scratch_notebook,
    shut_kernels_down,
)
from patience import milliseconds

if importlib.util.find_spec("playwright") is None:
    collect_ignore = [path.name for path in Path(__file__).parent.glob("test_*.py") if path.name != "test_lessons.py"]


@pytest.fixture(scope="session")
def missing():
    """What this machine lacks for tests in a browser, in words, or None; where CI is set nothing may be missing."""
    if find_chromium() is None:
        words = "no Chromium is installed (set CHROMIUM to its path)"
    elif importlib.util.find_spec("playwright") is None:
        words = "playwright is not installed"
    else:
        return None
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"{words}, and CI is set")
    return words


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """(address, token, root folder) of a private JupyterLab."""
    with jupyterlab(tmp_path_factory.mktemp("lab")) as found:
        yield found


@pytest.fixture(scope="package")
def chromium(missing):
    """One Chromium for all tests of this folder. (Playwright holds an asyncio loop: not longer than for them.)"""
    if missing:
        pytest.skip(missing)
    with chromium_browser() as browser:
        yield browser


@pytest.fixture(scope="package")
def desk(chromium):
    """What lies open: JupyterLab's `page`, and of the scratch notebook on it the cell that prepared its kernel."""
    return SimpleNamespace(page=None, prepared=None)


@pytest.fixture
def page(desk, chromium, lab, request):
    """A page of JupyterLab, for one test after the other; behind a test that failed there is a new one."""
    address, token, _ = lab
    desk.page = desk.page or lab_page(chromium, address, token)
    yield desk.page
    if not request.node.stash.get(PASSED, False):
        desk.page.context.close()
        desk.page = desk.prepared = None
        shut_kernels_down(address, token)


@pytest.fixture
def clear_page(page, desk, lab):
    """The page with no notebook open."""
    clear(desk, lab)
    return page


def clear(desk, lab):
    """Close the notebook that lies open, if there is one, and end its kernel."""
    address, token, _ = lab
    if desk.prepared:
        close_notebook(desk.page, address, token)
    desk.prepared = None


@pytest.fixture
def open_notebook(page, desk, lab, request):
    """Write, open and run a scratch notebook of these cells, or an unexecuted `lesson` (an nbformat notebook).

    The tests share a notebook and its kernel. The first cell prepares the others: where it is the same as in the test
    before, it is not run again, and where it is not, the kernel forgets all variables.
    Fails on a request that leaves 127.0.0.1, and on page errors.
    """
    from playwright.sync_api import expect

    address, token, root = lab
    page.set_default_timeout(milliseconds(30))
    expect.set_options(timeout=milliseconds(10))
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
        notebook.theme("Light")
        if lesson is None and desk.prepared:
            keep = int(len(cells) > 1 and desk.prepared == cells[0])
            if not keep:
                notebook.python("get_ipython().reset()")
            replace_cells(page, cells[keep:], keep)
            run_cells(page, "run-all-below")
        else:
            clear(desk, lab)
            if lesson is None:
                scratch_notebook(root / name, cells)
            else:
                nbformat.write(lesson, root / name)
            open_file(page, name)
            run_cells(page)
        desk.prepared = None if lesson else cells[0]
        notebook.panel.wait_for(timeout=milliseconds(20))
        notebook.panel.scroll_into_view_if_needed()
        return notebook

    yield open_one
    if request.node.stash.get(PASSED, False):
        if desk.prepared:
            notebook.python("__import__('ipywidgets').Widget.close_all()")  # which also stops whatever runs in them
        else:
            close_notebook(page, address, token)
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
