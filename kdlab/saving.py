"""What a saved notebook keeps of its panels: their pictures, which JupyterLab shows when it is opened again.

A live panel's output names a widget in the kernel's memory and holds a picture beside it. Once the kernel is gone,
JupyterLab would show "Error displaying widget: model not found", and not the picture. So a server that has this
extension keeps only the picture when it saves, with a line that says how the panel comes back to life; what is on the
page stays as it is. `python -m kdlab.course lab` brings it along; any other server has it after

    jupyter server extension enable --sys-prefix kdlab.saving
"""

VIEW = "application/vnd.jupyter.widget-view+json"
NOTE = (
    "*The picture above is the panel as it was. To use the panel again, run the notebook from the top: menu Run, "
    "Run All Cells.*"
)


def keep_pictures(*, model, path="", **_):
    """A pre-save hook of a Jupyter server's contents manager: changes the notebook in `model` that is to be saved."""
    if model.get("type") != "notebook" or not isinstance(model.get("content"), dict):
        return
    for cell in model["content"].get("cells", []):
        if cell.get("cell_type") == "code":
            cell["outputs"] = [kept for output in cell.get("outputs", []) for kept in _kept(output)]


def _kept(output):
    """The outputs that are saved in this one's place."""
    data = output.get("data") or {}
    if VIEW not in data or "image/png" not in data:
        return [output]
    picture = {**output, "data": {kind: value for kind, value in data.items() if kind != VIEW}}
    note = {"output_type": "display_data", "data": {"text/markdown": NOTE, "text/plain": NOTE.strip("*")}}
    return [picture, {**note, "metadata": {"kdlab": "note"}}]


def _jupyter_server_extension_points():
    return [{"module": "kdlab.saving"}]


def _load_jupyter_server_extension(server):
    server.contents_manager.register_pre_save_hook(keep_pictures)
