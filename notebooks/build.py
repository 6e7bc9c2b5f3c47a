"""Turn notebooks/source/*.py into executed notebooks: python notebooks/build.py [--all] [NUMBER ...]

Only lessons whose code changed are executed, unless --all. Widget state is never stored: each panel carries
a picture of itself, which is what GitHub, nbviewer and an HTML export show.
"""

import argparse
import pathlib
import re
import time

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = pathlib.Path(__file__).resolve().parent
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNEL_FILE = re.compile(r"\S*[/\\]ipykernel_\d+[/\\]\d+\.py")  # warnings name it, and it differs in every run
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}


def read_source(path):
    """The lesson as an unexecuted notebook, with ids that stay the same from one build to the next."""
    notebook = jupytext.read(path)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:03d}"
        cell.metadata = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
    notebook.metadata = METADATA
    return notebook


def is_current(notebook, path):
    """True when the executed notebook at `path` holds the same cells."""
    if not path.exists():
        return False
    stored = nbformat.read(path, as_version=4)
    return cells(stored) == cells(notebook)


def cells(notebook):
    """What a maintainer edits: type, source and tags of every cell."""
    return [(cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in notebook.cells]


def keep_outputs(notebook, path):
    """Take over the outputs stored at `path` if the code is the same and only text has changed; True if it was so."""
    if not path.exists():
        return False
    stored, new = ([c for c in n.cells if c.cell_type == "code"] for n in (nbformat.read(path, as_version=4), notebook))
    if [(c.source, c.metadata.get("tags", [])) for c in stored] != [
        (c.source, c.metadata.get("tags", [])) for c in new
    ]:
        return False
    for cell, before in zip(new, stored, strict=True):
        cell.outputs, cell.execution_count = before.outputs, before.execution_count
    return True


def execute(notebook, timeout=300):
    """Run every cell in place, in the folder of the lessons; raises on the first error."""
    NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(FOLDER)}},
    ).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)
            if "text" in output:
                output.text = KERNEL_FILE.sub("cell.py", output.text)
            if "traceback" in output:  # its frames hold the paths of this machine
                output.traceback = output.traceback[-1:]
    notebook.metadata = METADATA
    return notebook


def main():
    """Build the lessons that changed, or those whose numbers are given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="execute unchanged lessons too")
    parser.add_argument("numbers", nargs="*", help="only these lessons, for example 01")
    options = parser.parse_args()
    for source in sorted((FOLDER / "source").glob("*.py")):
        if options.numbers and source.stem[:2] not in options.numbers:
            continue
        notebook, target = read_source(source), FOLDER / f"{source.stem}.ipynb"
        if is_current(notebook, target) and not options.all:
            print(f"{target.name}: unchanged")
            continue
        if keep_outputs(notebook, target) and not options.all:
            nbformat.write(notebook, target)
            print(f"{target.name}: text changed, outputs kept")
            continue
        start = time.monotonic()
        nbformat.write(execute(notebook), target)
        print(f"{target.name}: executed in {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    main()
