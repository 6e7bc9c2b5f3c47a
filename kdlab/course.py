"""The reader's own copy of the lessons, JupyterLab on it, and a check of the environment."""

import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
import sys
import time
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
COURSE = ROOT / "my_course"
NEEDED = ("torch", "numpy", "matplotlib", "jupyterlab", "ipywidgets", "anywidget", "safetensors")
# The lessons in their order, which gives them their numbers; not all of them are written yet.
LESSONS = (
    "start_here",
    "softmax_and_temperature",
    "kl_divergence",
    "distillation_loss",
    "mlp_distillation",
    "dark_knowledge",
    "fair_comparisons",
    "why_it_works",
    "feature_distillation",
    "relation_distillation",
    "many_teachers",
    "transformer_distillation",
    "language_models",
    "distilling_an_llm",
    "the_students_own_steps",
    "compression",
    "scaling_out",
    "bug_clinic",
    "applications",
    "capstone",
)


def file_name(lesson):
    """The notebook's name: "04_mlp_distillation.ipynb" for "mlp_distillation"."""
    return f"{LESSONS.index(lesson):02d}_{lesson}.ipynb"


def written_lessons():
    """{number: path} of the lessons that exist: {"00": .../00_start_here.ipynb, ...}."""
    paths = (NOTEBOOKS / file_name(lesson) for lesson in LESSONS)
    return {path.name[:2]: path for path in paths if path.exists()}


@dataclass
class Copies:
    """What `copy_lessons` found: paths it copied, and those of copies that an update has left behind."""

    new: list
    changed: list  # the lesson has changed since this copy was made
    older: list  # under a former number, or made before copies kept the digest of their sources

    def __str__(self):
        parts = []
        if self.new:
            parts.append(f"new: {_names(self.new)}")
        if self.changed:
            parts.append(f"changed since you copied: {_names(self.changed)}")
        if self.older:
            parts.append(f"copies of an older version: {_names(self.older)}")
        if not parts:
            return "Your copies are up to date."
        advice = " Yours stay as they are; `make reset LESSON=NN` brings one as it is now, beside yours."
        return "; ".join(parts) + "." + (advice if self.changed or self.older else "")


def copy_lessons(target=COURSE):
    """Copy the lessons that are missing in `target`, never touching one that is there; returns `Copies`.

    FileNotFoundError where the package was installed without the lessons.
    """
    if not NOTEBOOKS.is_dir():
        raise FileNotFoundError(f"no lessons in {NOTEBOOKS}: install with `pip install -e .` in the project's folder")
    target.mkdir(exist_ok=True)
    found = Copies([], [], [])
    for lesson in LESSONS:
        current = NOTEBOOKS / file_name(lesson)
        for mine in sorted(target.glob(f"[0-9][0-9]_{lesson}.ipynb")):
            if mine.name != current.name:
                found.older.append(mine)
            elif (state := _state(mine, current)) != "current":
                getattr(found, state).append(mine)
        if current.exists() and not (target / current.name).exists():
            found.new.append(_copy(current, target))
    return found


def reset_lesson(number, target=COURSE):
    """Bring lesson `number` ("04") back as it came; your copy stays beside it under another name.

    Returns (fresh copy, your copy or None); ValueError when there is no such lesson.
    """
    number = str(number) and str(number).zfill(2)
    if number not in written_lessons():
        raise ValueError(f"there is no lesson {number}; the lessons are {', '.join(written_lessons())}")
    target.mkdir(exist_ok=True)
    original = written_lessons()[number]
    mine, kept = target / original.name, None
    if mine.exists():
        stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
        kept = mine.with_name(f"{mine.stem}_{stamp}.ipynb")
        while kept.exists():  # a second reset within the same second
            kept = kept.with_name(f"{kept.stem}_again.ipynb")
        mine.rename(kept)
    return _copy(original, target), kept


def _copy(lesson, target):
    """A copy that can be written to, without outputs (they would give the answers away), with its sources' digest."""
    notebook = json.loads(lesson.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    notebook["metadata"]["kdlab"] = {"sources": _digest(notebook)}
    copy = target / lesson.name
    copy.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return copy


def _digest(notebook):
    """SHA-256 of what the cells say, whatever came out when they ran."""
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def _state(mine, lesson):
    """ "current", "changed" or "older", of a reader's copy beside the lesson as it is now."""
    now = _digest(json.loads(lesson.read_text(encoding="utf-8"))) if lesson.exists() else None
    try:
        notebook = json.loads(mine.read_text(encoding="utf-8"))
        made_from = notebook["metadata"].get("kdlab", {}).get("sources")
        if now in (made_from, _digest(notebook)):
            return "current"
    except (ValueError, KeyError, TypeError, AttributeError):  # a damaged copy is the reader's to mend
        made_from = None
    return "changed" if made_from else "older"


def _names(paths):
    return ", ".join(path.stem for path in paths)


@dataclass
class EnvironmentReport:
    """Rows of (ok, what, advice); shows itself as lines that start with [OK] or [--].

    In a kernel there is one more line: whether panels work is known only once a page has drawn the `probe` and the
    kernel has heard of it, after the cell. The page turns it to [OK]; the text form says what is known so far.
    """

    rows: list
    probe: object = None

    @property
    def ok(self):
        """True when nothing needs to be done, as far as the rows know."""
        return all(row[0] for row in self.rows)

    def __repr__(self):
        rows = [*self.rows, self.probe.row] if self.probe else self.rows
        return "\n".join(f"[OK] {what}" if ok else f"[--] {what}\n     {advice}" for ok, what, advice in rows)

    def _repr_mimebundle_(self, **options):
        data, metadata = self.probe._repr_mimebundle_(**options) if self.probe else ({}, {})
        data.pop("image/png", None)  # where no kernel answers, the text says more
        return {**data, "text/plain": repr(self)}, metadata


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
    return EnvironmentReport(rows, _make_probe(rows) if inside else None)


def _make_probe(rows):
    """A panel that shows these rows and tries whether panels work; None, and a row that says why, if there can be none."""
    try:
        from kdlab.widgets.probe import ProbePanel
    except ImportError as error:
        rows.append((False, "panels cannot be shown", str(error)))
        return None
    return ProbePanel(rows)


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
        print(copy_lessons())
        return open_lab()
    elif words == ["copy"]:
        print(copy_lessons())
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
