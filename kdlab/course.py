"""The reader's own copy of the lessons, JupyterLab on it, and a check of the environment."""

import importlib.metadata
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
LESSONS = ROOT / "notebooks"
COURSE = ROOT / "my_course"
NEEDED = ("torch", "numpy", "matplotlib", "jupyterlab", "ipywidgets", "anywidget", "safetensors")


def copy_lessons(target=COURSE):
    """Copy the lessons that are missing in `target`, never touching one that is there; returns the copies.

    FileNotFoundError where the package was installed without the lessons.
    """
    if not LESSONS.is_dir():
        raise FileNotFoundError(f"no lessons in {LESSONS}: install with `pip install -e .` in the project's folder")
    target.mkdir(exist_ok=True)
    missing = [path for path in sorted(LESSONS.glob("*.ipynb")) if not (target / path.name).exists()]
    return [_copy(path, target) for path in missing]


def reset_lesson(number, target=COURSE):
    """Bring lesson `number` ("04") back as it came; your copy stays beside it under another name.

    Returns (fresh copy, your copy or None); ValueError when there is no such lesson.
    """
    number = str(number) and str(number).zfill(2)
    if number not in lesson_numbers():
        raise ValueError(f"there is no lesson {number}; the lessons are {', '.join(lesson_numbers())}")
    target.mkdir(exist_ok=True)
    (original,) = LESSONS.glob(f"{number}_*.ipynb")
    mine, kept = target / original.name, None
    if mine.exists():
        stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
        kept = mine.with_name(f"{mine.stem}_{stamp}.ipynb")
        while kept.exists():  # a second reset within the same second
            kept = kept.with_name(f"{kept.stem}_again.ipynb")
        mine.rename(kept)
    return _copy(original, target), kept


def _copy(lesson, target):
    """A copy that can be written to, also where the original cannot."""
    return pathlib.Path(shutil.copyfile(lesson, target / lesson.name))


def lesson_numbers():
    """The numbers of all lessons: ["00", "01", ...]."""
    return [path.name[:2] for path in sorted(LESSONS.glob("[0-9][0-9]_*.ipynb"))]


@dataclass
class EnvironmentReport:
    """Rows of (ok, what, advice); shows itself as lines that start with [OK] or [--]."""

    rows: list

    @property
    def ok(self):
        """True when nothing needs to be done."""
        return all(row[0] for row in self.rows)

    def __repr__(self):
        lines = [f"[OK] {what}" if ok else f"[--] {what}\n     {advice}" for ok, what, advice in self.rows]
        return "\n".join(lines)


def check_environment():
    """Look at Python, the packages and the data; every row says [OK], or what to do about it."""
    version = platform.python_version()
    rows = [(sys.version_info >= (3, 11), f"Python {version}", "Install Python 3.11 or newer.")]
    for name in NEEDED:
        try:
            rows.append((True, f"{name} {importlib.metadata.version(name)}", ""))
        except importlib.metadata.PackageNotFoundError:
            rows.append((False, f"{name} is missing", "Run make lab again, or pip install -e . here."))
    rows.append(_check_data())
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    inside = hasattr(shell, "kernel")
    rows.append((inside, "running in a Jupyter kernel" if inside else "not in a Jupyter kernel",
                 "Panels need JupyterLab: open the lesson with make lab."))  # fmt: skip
    return EnvironmentReport(rows)


def _check_data():
    from kdlab import data

    try:
        data.load_mnist()
    except RuntimeError as error:
        return False, "the data does not load", str(error)
    return True, "data: MNIST, 60 000 + 10 000 digits", ""


def open_lab(target=COURSE):
    """Run JupyterLab on the reader's copy of lesson 00, on this machine only, until it is closed."""
    command = [sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", f"--ServerApp.root_dir={target}",
               "--LabApp.default_url=/lab/tree/00_start_here.ipynb"]  # fmt: skip
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not screen:
        command.append("--no-browser")  # JupyterLab then prints the address, token included
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    try:
        return subprocess.call(command)
    except KeyboardInterrupt:  # Ctrl+C reached JupyterLab too, which has asked and closed
        return 0


def main(words):
    """`python -m kdlab.course lab`, `... copy` or `... reset 04`."""
    if words == ["lab"]:
        copy_lessons()
        return open_lab()
    elif words == ["copy"]:
        for path in copy_lessons():
            print(f"copied {path.name}")
    elif len(words) == 2 and words[0] == "reset":
        try:
            fresh, kept = reset_lesson(words[1])
        except ValueError as error:
            return str(error)
        print(f"{fresh.name} is as it came" + (f"; yours is now {kept.name}" if kept else ""))
    else:
        return "usage: python -m kdlab.course lab | copy | reset NUMBER"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
