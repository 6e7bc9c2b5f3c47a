"""How long each lesson takes: `make bench`, or `python benchmarks/lessons.py`.

Each lesson is executed from its source by a fresh kernel, as `make notebooks` does. Seconds count from the moment the
kernel answers: to the first picture, to the end, and the slowest cell. Writes benchmarks/results/lessons.json.
"""

import importlib.util
import json
import platform
import time
from pathlib import Path

import torch
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "lessons.json"

spec = importlib.util.spec_from_file_location("build", ROOT / "notebooks" / "build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)


def measure(source):
    """{"first_picture", "total", "slowest_cell"} of one lesson, in seconds."""
    notebook = build.read_source(source)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", store_widget_state=False)
    ends, pictures = [], []
    with client.setup_kernel(cwd=str(ROOT / "notebooks")):
        start = time.monotonic()
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            client.execute_cell(cell, index)
            ends.append(time.monotonic() - start)
            if any("image/png" in output.get("data", {}) for output in cell.outputs):
                pictures.append(ends[-1])
    cells = [end - begin for begin, end in zip([0.0, *ends], ends, strict=False)]
    return {"first_picture": round(pictures[0], 1), "total": round(ends[-1], 1), "slowest_cell": round(max(cells), 1)}


def main():
    lessons = {}
    for source in sorted((ROOT / "notebooks" / "source").glob("[0-9][0-9]_*.py")):
        lessons[source.stem] = row = measure(source)
        words = ", ".join(f"{name.replace('_', ' ')} {seconds:.1f} s" for name, seconds in row.items())
        print(f"{source.stem:28} {words}")
    versions = {"script": "benchmarks/lessons.py", "python": platform.python_version(), "torch": torch.__version__}
    RESULTS.write_text(json.dumps({**versions, "lessons": lessons}, indent=1) + "\n")


if __name__ == "__main__":
    main()
