"""What a server with kdlab.saving hands on of a notebook with panels."""

import asyncio
import copy
from types import SimpleNamespace

import nbformat
import pytest

from kdlab import saving

PANEL = {
    "output_type": "execute_result",
    "execution_count": 2,
    "metadata": {"image/png": {"alt": "what it shows"}},
    "data": {saving.VIEW: {"model_id": "a"}, "image/png": "iVBORw0KGgo=", "text/plain": "<TemperaturePanel>"},
}


def saved(*outputs):
    cells = [nbformat.v4.new_markdown_cell("words"), nbformat.v4.new_code_cell("panel", outputs=list(outputs))]
    notebook = nbformat.v4.new_notebook(cells=cells)
    saving.keep_pictures(model={"type": "notebook", "content": notebook}, path="a.ipynb")
    nbformat.validate(notebook)
    return notebook.cells[1].outputs


def test_a_panel_is_saved_as_its_picture_and_how_to_bring_it_back():
    picture, note = saved(nbformat.from_dict(PANEL))
    assert picture == {**PANEL, "data": {"image/png": "iVBORw0KGgo=", "text/plain": "<TemperaturePanel>"}}
    assert "Run All Cells" in note["data"]["text/markdown"] and note["metadata"] == {"kdlab": "note"}


def test_saving_again_changes_nothing_more():
    once = saved(nbformat.from_dict(PANEL))
    assert saved(*copy.deepcopy(once)) == once


@pytest.mark.parametrize("kind", [saving.VIEW, "image/png"])
def test_other_outputs_stay_as_they_are(kind):
    one = nbformat.v4.new_output("display_data", {kind: {"model_id": "b"} if kind == saving.VIEW else "iVBORw0KGgo="})
    stream = nbformat.v4.new_output("stream", text="words\n")
    assert saved(one, stream) == [one, stream]


@pytest.mark.parametrize("model", [{"type": "file", "content": "text"}, {"type": "notebook", "content": None}])
def test_what_is_no_notebook_is_left_alone(model):
    saving.keep_pictures(model=model, path="a.txt")
    assert model["content"] in ("text", None)


def server_with(read, *running):
    async def list_sessions():
        return [{"path": path} for path in running]

    hooks = []
    contents = SimpleNamespace(get=read, register_pre_save_hook=hooks.append)
    (point,) = saving._jupyter_server_extension_points()
    assert point == {"module": saving.__name__}
    server = SimpleNamespace(contents_manager=contents, session_manager=SimpleNamespace(list_sessions=list_sessions))
    saving._load_jupyter_server_extension(server)
    return contents, hooks


@pytest.mark.parametrize("running", [True, False])
def test_a_server_hands_on_pictures_where_no_kernel_runs(running):
    async def read(path, content=True):
        cell = nbformat.v4.new_code_cell("panel", outputs=[nbformat.from_dict(PANEL)])
        return {"type": "notebook", "content": nbformat.v4.new_notebook(cells=[cell]) if content else None}

    contents, hooks = server_with(read, *(["day/a.ipynb"] if running else ["day/b.ipynb"]))
    model = asyncio.run(contents.get("/day/a.ipynb", content=True))
    assert (saving.VIEW in model["content"].cells[0].outputs[0]["data"]) is running
    assert asyncio.run(contents.get("/day/a.ipynb", content=False))["content"] is None and not hooks


def test_a_server_that_cannot_ask_saves_pictures():
    read = lambda path: {}  # noqa: E731
    contents, hooks = server_with(read)
    assert contents.get is read and hooks == [saving.keep_pictures]
