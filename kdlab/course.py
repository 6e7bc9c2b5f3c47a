"""The reader's own copy of the lessons, JupyterLab on it, and a check of the environment."""

import argparse
import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
COURSE = ROOT / "my_course"
PAGES = ROOT / "html"
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
    target: pathlib.Path = COURSE

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
        command = "make reset LESSON=NN"
        if self.target != COURSE.resolve():
            command = shlex.join([sys.executable, "-m", "kdlab.course", "reset", "NN", "--target", str(self.target)])
        advice = f" Yours stay as they are; `{command}` brings one as it is now, beside yours."
        return "; ".join(parts) + "." + (advice if self.changed or self.older else "")


def copy_lessons(target=COURSE):
    """Copy the lessons that are missing in `target`, never touching one that is there; returns `Copies`.

    FileNotFoundError where the package was installed without the lessons, or the folder that `target` is to be in is
    not there; another OSError where nothing can be written there.
    """
    if not NOTEBOOKS.is_dir():
        raise FileNotFoundError(f"no lessons in {NOTEBOOKS}: install with `pip install -e .` in the project's folder")
    target = _folder(target)
    found = Copies([], [], [], target)
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

    Returns (fresh copy, your copy or None); ValueError when there is no such lesson, OSError as in `copy_lessons`.
    """
    number = str(number) and str(number).zfill(2)
    if number not in written_lessons():
        raise ValueError(f"there is no lesson {number}; the lessons are {', '.join(written_lessons())}")
    target = _folder(target)
    original = written_lessons()[number]
    mine, kept = target / original.name, None
    if mine.exists():
        stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
        kept = mine.with_name(f"{mine.stem}_{stamp}.ipynb")
        while kept.exists():  # a second reset within the same second
            kept = kept.with_name(f"{kept.stem}_again.ipynb")
        mine.rename(kept)
    return _copy(original, target), kept


def _folder(target):
    """The folder for a reader's copies, made if need be; OSError with a sentence where that cannot be."""
    target = pathlib.Path(target).expanduser().resolve()
    other = "name another folder with --target DIR"
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(f"{target} is a file, not a folder: {other}")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {target.parent}: make it first, or {other}")
    if not os.access(target if target.exists() else target.parent, os.W_OK | os.X_OK):
        raise PermissionError(f"you may not write to {target}: {other}")
    try:
        target.mkdir(exist_ok=True)
    except OSError as error:  # the rights allow it, and the disk does not
        raise type(error)(f"{target} cannot be made ({error.strerror}): {other}") from error
    return target


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
        for part in (data, metadata):
            part.pop("image/png", None)  # where no kernel answers, the text says more
        return {**data, "text/plain": repr(self)}, metadata


def check_environment():
    """Look at Python, the packages and the data; every row says [OK], or what to do about it."""
    version = platform.python_version()
    rows = [(sys.version_info >= (3, 11), f"Python {version}", "Install Python 3.11 or newer.")]
    ranges = _ranges()
    rows += [_check_package(name, ranges.get(name)) for name in NEEDED]
    rows.append(_check_data())
    if not os.access(".", os.W_OK):
        rows.append((False, f"you may not write to {os.getcwd()}", "Work in a folder of yours: lab --target DIR."))
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


def _ranges():
    """{package: range of versions that the course is made for}, {} where kdlab is not installed but on the path."""
    from packaging.requirements import Requirement

    try:
        lines = importlib.metadata.requires("kdlab") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    return {requirement.name: requirement.specifier for requirement in map(Requirement, lines)}


def _check_package(name, versions):
    advice = "Run make lab again, or pip install -e . in the course's folder."
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False, f"{name} is missing", advice
    if versions is not None and not versions.contains(found, prereleases=True):
        return False, f"{name} {found}, but the course needs {versions}", advice
    return True, f"{name} {found}", ""


def _check_data():
    from kdlab import data

    try:
        data.load_mnist()
    except RuntimeError as error:
        return False, "the data does not load", str(error)
    return True, "data: MNIST, 60 000 + 10 000 digits", ""


def open_lab(target=COURSE, options=()):
    """Run JupyterLab on the reader's copy of lesson 00, on this machine only, until it is closed; its exit code.

    `options` are JupyterLab's own, for example "--ip=0.0.0.0"; they take the place of ours.
    """
    try:
        return subprocess.call(_lab_command(pathlib.Path(target), options))
    except KeyboardInterrupt:  # Ctrl+C reached JupyterLab too, which has asked and closed
        return 0


def _lab_command(target, options):
    """The command line of JupyterLab, which takes an option once only."""
    given = {option.partition("=")[0] for option in options}
    command = [sys.executable, "-m", "jupyterlab"]
    if not given & {"--ip", "--ServerApp.ip"}:
        command.append("--ip=127.0.0.1")
    if not given & {"--notebook-dir", "--ServerApp.notebook_dir", "--ServerApp.root_dir"}:
        command.append(f"--ServerApp.root_dir={target}")
    if not given & {"--LabApp.default_url", "--ServerApp.default_url"}:
        command.append("--LabApp.default_url=/lab/tree/00_start_here.ipynb")
    if "--ServerApp.jpserver_extensions" not in given:
        command.append("--ServerApp.jpserver_extensions=kdlab.saving=True")
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not screen:
        command.append("--no-browser")  # JupyterLab then prints the address, token included
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return command + [option for option in options if option not in command]


def parser():
    """What `python -m kdlab.course` understands."""
    words = argparse.ArgumentParser(prog="python -m kdlab.course", description="Your own copies of the lessons.")
    commands = words.add_subparsers(dest="command", required=True)
    texts = {
        "lab": "copy the lessons that are missing, then open JupyterLab on them",
        "copy": "copy the lessons that are missing; yours are never touched",
        "reset": "bring one lesson back as it came; your copy is kept under another name",
        "html": "write all lessons, with their outputs, as pages that need no network",
    }
    for name, text in texts.items():
        tail = "What stands after -- goes to JupyterLab: lab -- --ip=0.0.0.0 --port=8899" if name == "lab" else None
        command = commands.add_parser(name, help=text, description=text, epilog=tail)
        if name == "reset":
            command.add_argument("number", metavar="NUMBER", help="the lesson's, for example 04")
        what, folder = ("the pages", PAGES) if name == "html" else ("your copies", COURSE)
        command.add_argument(
            "--target", metavar="DIR", default=folder, help=f"the folder for {what} (default: %(default)s)"
        )
    return words


def main(words):
    """`python -m kdlab.course lab`, `... copy`, `... reset 04` or `... html`; returns the exit code, or a sentence for a failure."""
    own, options = words, []
    if "--" in words:
        cut = words.index("--")
        own, options = words[:cut], words[cut + 1 :]
    chosen = parser().parse_args(own)
    if options and chosen.command != "lab":
        parser().error("only lab hands options on to JupyterLab")
    try:
        if chosen.command == "reset":
            fresh, kept = reset_lesson(chosen.number, chosen.target)
            print(f"{fresh.name} is as it came" + (f"; yours is now {kept.name}" if kept else ""))
            return 0
        if chosen.command == "html":
            from kdlab.pages import export_pages

            target = _folder(chosen.target)
            written = export_pages(list(written_lessons().values()), target)
            print(f"{len(written)} lessons as pages: open {target / 'index.html'}")
            return 0
        copies = copy_lessons(chosen.target)
    except (OSError, ValueError) as error:
        return str(error)
    print(copies)
    return open_lab(copies.target, options) if chosen.command == "lab" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
