"""What is seen of a notebook's panels when it is opened again: themselves while their kernel lives, then their pictures.

A live panel's output names a widget in the kernel's memory and holds a picture beside it. Once the kernel is gone,
JupyterLab would show "Error displaying widget: model not found", and not the picture. So a server that has this
extension hands a notebook without a running kernel on with the pictures alone, and a line that says how the panels
come back to life. `python -m kdlab.course lab` brings it along; any other server has it after

    jupyter server extension enable --sys-prefix kdlab.saving
"""

import inspect

VIEW = "application/vnd.jupyter.widget-view+json"
NOTE = (
    "*The picture above is the panel as it was. To use the panel again, run the notebook from the top: menu Run, "
    "Run All Cells.*"
)


def keep_pictures(*, model, **_):
    """Change the notebook in a contents manager's `model`: pictures alone. Also fit to be a pre-save hook."""
    if model.get("type") != "notebook" or not isinstance(model.get("content"), dict):
        return
    for cell in model["content"].get("cells", []):
        if cell.get("cell_type") == "code":
            cell["outputs"] = [kept for output in cell.get("outputs", []) for kept in _kept(output)]


def _kept(output):
    """The outputs that take this one's place."""
    data = output.get("data") or {}
    if VIEW not in data or "image/png" not in data:
        return [output]
    picture = {**output, "data": {kind: value for kind, value in data.items() if kind != VIEW}}
    note = {"output_type": "display_data", "data": {"text/markdown": NOTE, "text/plain": NOTE.strip("*")}}
    return [picture, {**note, "metadata": {"kdlab": "note"}}]


def _jupyter_server_extension_points():
    return [{"module": "kdlab.saving"}]


def _load_jupyter_server_extension(server):
    contents, read = server.contents_manager, server.contents_manager.get
    if not inspect.iscoroutinefunction(read):  # it cannot ask which kernels run: pictures alone are saved
        contents.register_pre_save_hook(keep_pictures)
        return

    async def get(path, *args, **options):
        model = await read(path, *args, **options)
        if model.get("type") == "notebook" and model.get("content"):
            sessions = await server.session_manager.list_sessions()
            if path.strip("/") not in {session["path"].strip("/") for session in sessions}:
                keep_pictures(model=model)
        return model

    contents.get = get
