"""What a server with kdlab.saving writes for a notebook with panels."""

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


def test_a_server_takes_it_as_an_extension():
    hooks = []
    server = SimpleNamespace(contents_manager=SimpleNamespace(register_pre_save_hook=hooks.append))
    (point,) = saving._jupyter_server_extension_points()
    assert point == {"module": saving.__name__}
    saving._load_jupyter_server_extension(server)
    assert hooks == [saving.keep_pictures]
