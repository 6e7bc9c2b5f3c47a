"""What README, environment.yml, constraints.txt, pyproject.toml and Makefile promise, held against each other."""

import importlib
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tomllib

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from kdlab import course

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "data/README.md", "benchmarks/README.md"]
CONDA_NAMES = {"pytorch-cpu": "torch", "matplotlib-base": "matplotlib"}
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def requirements(lines):
    return {req.name: req.specifier for req in map(Requirement, lines)}


def pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {r.name.lower(): r for r in map(Requirement, (x for x in lines if x.strip() and not x.startswith("#")))}


def conda():
    lines = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    found = {}
    for line in lines:
        name, _, specifier = line.partition(" ")
        found[CONDA_NAMES.get(name, name)] = SpecifierSet(specifier)
    return found


def test_environment_yml_has_the_ranges_of_pyproject():
    wanted, found = requirements(PROJECT["dependencies"]), conda()
    assert found.pop("python").contains(Version(PROJECT["requires-python"].removeprefix(">=")))
    found.pop("pip")
    assert found == wanted


@pytest.mark.parametrize("group", ["dependencies", *PROJECT["optional-dependencies"]])
def test_constraints_pin_every_dependency_within_its_range(group):
    lines = PROJECT["dependencies"] if group == "dependencies" else PROJECT["optional-dependencies"][group]
    for name, specifier in requirements(lines).items():
        pin = pins().get(name.lower())
        assert pin is not None, f"{name} is not in constraints.txt"
        (exact,) = pin.specifier
        assert exact.operator == "==" and specifier.contains(exact.version), f"{pin} is outside {name}{specifier}"


def test_every_dependency_has_an_upper_bound():
    for name, specifier in requirements(PROJECT["dependencies"]).items():
        assert any(part.operator == "<" for part in specifier), name


def shell_lines():
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    lines = (shlex.split(line, comments=True) for block in blocks for line in block.splitlines())
    return [words for words in lines if words]


def test_readme_commands_exist():
    seen = set()
    for words in shell_lines():
        if words[0] == "make":
            subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, check=True, capture_output=True)
        elif words[1:3] == ["-m", "kdlab.course"]:
            assert pathlib.Path(words[0]).name == "python"
            own = words[3 : words.index("--") if "--" in words else None]
            assert course.parser().parse_args(own).command == "lab"
        elif words[:2] == ["pip", "install"]:
            rest = words[2:]
            package = rest[rest.index("-e") + 1] if "-e" in rest else None
            if package is None:  # an optional model, brought by make in the same way
                assert " ".join(rest) in (ROOT / "Makefile").read_text(encoding="utf-8")
            else:
                assert package in {".", *(f".[{extra}]" for extra in PROJECT["optional-dependencies"])}
            assert all((ROOT / name).exists() for flag, name in zip(rest, rest[1:], strict=False) if flag == "-c")
        elif words[0] == "conda":
            assert words[-1] in ("environment.yml", "kdlab") and (ROOT / "environment.yml").exists()
        elif words[:2] == ["jupyter", "server"]:
            assert words[2:] == ["extension", "enable", "--sys-prefix", "kdlab.saving"]
            assert hasattr(importlib.import_module(words[-1]), "_load_jupyter_server_extension")
        else:
            assert words[0] == "export", f"not known to this test: {words}"
        seen.add(" ".join(words[:2]))
    assert {"make lab", "make test"} <= seen
    assert [" ".join(words) for words in shell_lines()][:2] == ["make lab", "make test"]


def test_readme_names_every_make_target():
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    for target in targets.group(1).split():
        assert f"make {target}" in README


def links(text):
    return re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_somewhere(page):
    found = links((ROOT / page).read_text(encoding="utf-8"))
    for link in found:
        if not link.startswith("http"):
            assert ((ROOT / page).parent / link).exists(), f"{page} links to {link}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_links_between_lessons_lead_somewhere(path):
    text = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown")
    for link in links(text):
        if not link.startswith("http"):
            assert (path.parent / link).exists(), f"{path.name} links to {link}"


def lesson_facts(path):
    text = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown")
    number, title = re.search(r"^# (\d\d) · (.+)$", text, flags=re.MULTILINE).groups()
    return number, title, re.search(r"\*\*Time\*\* \| (\d+) minutes alone", text).group(1)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_both_lesson_maps_say_what_the_lesson_says(path):
    number, title, minutes = lesson_facts(path)
    row = rf"^\| {number} \| \[{re.escape(title)}\]\(notebooks/{path.name}\) \| .* \| {minutes} \|$"
    assert re.search(row, README, flags=re.MULTILINE), f"README's map lacks: {row}"
    start = (ROOT / "notebooks" / "source" / "00_start_here.py").read_text(encoding="utf-8")
    name = title if number == "00" else rf"[{title}]({path.name})"
    row = rf"^# \| {number} \| {re.escape(name)} \| .* \| {minutes} \|$"
    assert re.search(row, start, flags=re.MULTILINE), f"lesson 00's map lacks: {row}"


def test_readme_opens_with_a_sentence_a_picture_and_the_two_commands():
    sentence, picture, commands = README.index("**An interactive"), README.index("!["), README.index("## Two commands")
    assert sentence < picture < commands
    image = ROOT / links(README[picture : picture + 300])[0]
    assert image.read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_git_keeps_data_byte_for_byte_and_line_ends_of_text():
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    command = ["git", "check-attr", "--stdin", "-z", "text", "eol"]
    said = subprocess.run(command, cwd=ROOT, input=files, capture_output=True, check=True).stdout.decode().split("\0")
    found = {}
    for path, name, value in zip(said[0::3], said[1::3], said[2::3], strict=False):
        found.setdefault(path, {})[name] = value
    data = {path for path in found if path.startswith("data/") and path != "data/README.md"}
    assert len(data) > 10 and {"data/SHA256SUMS", "data/moby_dick.txt.gz"} <= data
    for path, attributes in found.items():
        if path in data:
            assert attributes == {"text": "unset", "eol": "unspecified"}, path
        elif path.endswith(".png"):
            assert attributes["text"] == "unset", path
        else:
            assert attributes["text"] in ("auto", "set") and attributes["eol"] == "lf", path


def test_lessons_are_copied_once_without_outputs_and_never_overwritten(tmp_path):
    target = tmp_path / "my course"
    first = course.copy_lessons(target).new
    assert [path.name for path in first] == [path.name for path in NOTEBOOKS]
    for copy, original in zip(first, NOTEBOOKS, strict=True):
        mine, theirs = (nbformat.read(path, as_version=4) for path in (copy, original))
        nbformat.validate(mine)
        assert [cell.source for cell in mine.cells] == [cell.source for cell in theirs.cells]
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in mine.cells)
    first[0].write_text("my work")
    assert course.copy_lessons(target).new == []
    assert first[0].read_text() == "my work"


def edit(path, change):
    """Let a reader work in a notebook: `change` is given the notebook."""
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)


def test_copies_that_an_update_left_behind_are_named_in_one_line(tmp_path, monkeypatch):
    lessons, target = tmp_path / "notebooks", tmp_path / "mine"
    lessons.mkdir()
    for path in NOTEBOOKS[:5]:
        shutil.copy(path, lessons)
    monkeypatch.setattr(course, "NOTEBOOKS", lessons)
    monkeypatch.setattr(course, "COURSE", target)
    copies = course.copy_lessons(target)
    assert str(copies).startswith("new: 00_start_here, 01_softmax") and "reset" not in str(copies)
    mine = copies.new
    for path in mine:  # a reader works in every copy
        edit(path, lambda notebook: notebook.cells.pop())
    assert str(course.copy_lessons(target)) == "Your copies are up to date."
    edit(mine[1], lambda notebook: notebook.metadata.pop("kdlab"))  # copied before copies kept a digest
    edit(lessons / mine[2].name, lambda notebook: notebook.cells[0].update(source="# Another title"))
    moved = mine[3].rename(target / mine[3].name.replace("03", "02"))  # the lesson had another number once
    before = moved.read_bytes()
    (lessons / mine[4].name).write_bytes(NOTEBOOKS[4].read_bytes() + b"\n")  # not a change of the lesson
    copies = course.copy_lessons(target)
    assert str(copies) == (
        "new: 03_distillation_loss; changed since you copied: 02_kl_divergence; copies of an older version: "
        "01_softmax_and_temperature, 02_distillation_loss. Yours stay as they are; `make reset LESSON=NN` brings one "
        "as it is now, beside yours."
    )
    assert moved.read_bytes() == before


@pytest.mark.parametrize("text", ["", "my work", "[]", '{"cells": 3}', '{"metadata": {"kdlab": 3}, "cells": []}'])
def test_a_damaged_copy_stops_nothing(text, tmp_path):
    course.copy_lessons(tmp_path)
    damaged = tmp_path / NOTEBOOKS[1].name
    damaged.write_text(text)
    copies = course.copy_lessons(tmp_path)
    assert copies.older == [damaged] and damaged.read_text() == text


def test_what_copying_found_is_printed(tmp_path):
    (tmp_path / "notebooks").mkdir()
    shutil.copy(NOTEBOOKS[0], tmp_path / "notebooks")
    words = "from kdlab import course; from pathlib import Path as P; course.NOTEBOOKS = P('notebooks').resolve(); "
    words += "course.main(['copy', '--target', 'mine'])"
    ran = subprocess.run([sys.executable, "-c", words], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout == "new: 00_start_here.\n"


def test_reset_keeps_the_reader_s_copy_even_twice_in_a_second(tmp_path):
    course.copy_lessons(tmp_path)
    mine = tmp_path / NOTEBOOKS[1].name
    as_it_came = mine.read_bytes()
    mine.write_text("my work")
    fresh, kept = course.reset_lesson("1", tmp_path)
    assert fresh == mine and mine.read_bytes() == as_it_came
    assert kept != mine and kept.read_text() == "my work"
    _, again = course.reset_lesson("01", tmp_path)
    assert again not in (kept, mine) and kept.read_text() == "my work"
    mine.unlink()
    assert course.reset_lesson("01", tmp_path)[1] is None


@pytest.mark.parametrize("number", ["99", "", "*", "?1", "../01"])
def test_reset_refuses_what_is_no_lesson(number, tmp_path):
    with pytest.raises(ValueError, match="the lessons are 00, 01"):
        course.reset_lesson(number, tmp_path)


def test_environment_check_says_ok_or_what_to_do(monkeypatch):
    report = course.check_environment()
    assert not report.ok and "[--] not in a Jupyter kernel" in repr(report)  # pytest is not a kernel
    assert all(ok for ok, what, _ in report.rows if "Jupyter kernel" not in what), report
    monkeypatch.setattr(course, "NEEDED", ("torch", "no-such-package"))
    report = course.check_environment()
    assert "[OK] torch" in repr(report) and "[--] no-such-package is missing\n     Run make lab" in repr(report)


def test_a_broken_data_file_is_named_by_the_environment_check(monkeypatch, tmp_path):
    monkeypatch.setattr("kdlab.data.DATA", tmp_path)
    report = repr(course.check_environment())
    assert "[--] the data does not load\n     " in report and "clone it" in report
