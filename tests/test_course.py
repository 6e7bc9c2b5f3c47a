"""Copies of the lessons in a folder of the reader's choice, and JupyterLab's command line."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from lessons import ROOT
from patience import seconds

from kdlab import course


def run(*words, **options):
    command = [sys.executable, "-m", "kdlab.course", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **options)


def test_copy_and_reset_work_in_another_folder(tmp_path, capsys):
    target = tmp_path / "Ana's course"
    assert course.main(["copy", "--target", str(target)]) == 0
    names = [path.name for path in course.written_lessons().values()]
    assert sorted(path.name for path in target.iterdir()) == names
    mine = target / names[1]
    mine.write_text("my work")
    assert course.main(["reset", "1", "--target", str(target)]) == 0
    assert json.loads(mine.read_text(encoding="utf-8"))["nbformat"] == 4
    (kept,) = target.glob("01_*_*-*-*.ipynb")
    assert kept.read_text() == "my work"
    assert f"{mine.name} is as it came; yours is now {kept.name}" in capsys.readouterr().out


def test_the_advice_for_another_folder_names_it_in_a_command_that_works(tmp_path):
    target = tmp_path / "Ana's course"
    course.copy_lessons(target)
    (target / "01_softmax_and_temperature.ipynb").write_text("{}")
    said = str(course.copy_lessons(target))
    command = said.partition("; `")[2].partition("`")[0].replace("NN", "01")
    ran = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout.startswith("01_softmax_and_temperature.ipynb is as it came; yours is now "), ran.stderr
    assert str(course.copy_lessons(target)) == "Your copies are up to date."


@pytest.fixture
def folders(tmp_path):
    """Folders in which no copies can be made, each with what is said about it."""
    (tmp_path / "file").write_text("")
    return {
        "file": f"{tmp_path / 'file'} is a file, not a folder: name another folder with --target DIR\n",
        "file/course": f"there is no folder {tmp_path / 'file'}: make it first, or name another folder with --target DIR\n",
        "no/course": f"there is no folder {tmp_path / 'no'}: make it first, or name another folder with --target DIR\n",
    }


@pytest.mark.parametrize("words", [["copy"], ["lab"], ["reset", "01"]], ids=lambda words: words[0])
@pytest.mark.parametrize("name", ["file", "file/course", "no/course"])
def test_a_folder_that_cannot_be_gets_a_sentence(words, name, folders, tmp_path):
    ran = run(*words, "--target", str(tmp_path / name))
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", folders[name])


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_of_somebody_else_gets_a_sentence(there, tmp_path, monkeypatch):
    target = tmp_path / "course"
    if there:
        target.mkdir()
    closed = target if there else tmp_path
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != closed and access(path, mode))
    said = course.main(["copy", "--target", str(target)])
    assert said == f"you may not write to {target}: name another folder with --target DIR"
    assert not list(tmp_path.rglob("*.ipynb"))


def test_a_disk_that_makes_no_folders_gets_a_sentence(tmp_path, monkeypatch):
    def refuse(path, **options):
        raise OSError(30, "Read-only file system", str(path))

    target = tmp_path / "course"
    monkeypatch.setattr(course.pathlib.Path, "mkdir", refuse)
    said = course.main(["copy", "--target", str(target)])
    assert said == f"{target} cannot be made (Read-only file system): name another folder with --target DIR"


def test_what_the_disk_says_while_copying_is_a_sentence_too(tmp_path, monkeypatch):
    def full(lesson, target):
        raise OSError(28, "No space left on device", str(target / lesson.name))

    monkeypatch.setattr(course, "_copy", full)
    assert "No space left on device: " in course.main(["copy", "--target", str(tmp_path)])


@pytest.mark.parametrize("words", [[], ["lap"], ["reset"], ["lab", "--ip=0.0.0.0"], ["copy", "--", "--ip=0.0.0.0"]])
def test_words_that_are_not_understood_get_the_usage(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        course.main(words)
    assert stopped.value.code == 2 and "usage: python -m kdlab.course" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, parts", [([], ["lab", "copy", "reset"]), (["lab"], ["--target DIR", "after -- goes to"])]
)
def test_help_says_it(words, parts, capsys):
    with pytest.raises(SystemExit) as stopped:
        course.main([*words, "--help"])
    said = capsys.readouterr().out
    assert stopped.value.code == 0 and all(part in said for part in parts)


def test_lab_hands_the_reader_s_options_on(tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(subprocess, "call", lambda command: commands.append(command) or 3)
    target = tmp_path / "mine"
    assert course.main(["lab", "--target", str(target), "--", "--ip=0.0.0.0", "--port", "8899"]) == 3
    (command,) = commands
    assert command[1:3] == ["-m", "jupyterlab"] and command[-3:] == ["--ip=0.0.0.0", "--port", "8899"]
    assert f"--ServerApp.root_dir={target}" in command and "--ip=127.0.0.1" not in command
    assert (target / "00_start_here.ipynb").exists()
    assert "--ServerApp.jpserver_extensions=kdlab.saving=True" in command  # so that panels are saved as pictures
    assert course.main(["lab", "--target", str(target)]) == 3
    assert "--ip=127.0.0.1" in commands[1]


def test_jupyterlab_takes_the_options(tmp_path):
    """A server with the reader's options answers at once from the reader's folder: it accepts no option twice."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = [
        "--ip=localhost",
        f"--port={port}",
        "--no-browser",
        "--IdentityProvider.token=secret",
        "--ServerApp.port_retries=0",
    ]
    command = [sys.executable, "-m", "kdlab.course", "lab", "--target", str(tmp_path), "--", *own]
    log = (tmp_path / "log").open("w")
    with subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True) as server:
        try:
            address = f"http://localhost:{port}/api/contents?token=secret"
            for _ in range(5 * seconds(60)):
                try:
                    with urllib.request.urlopen(address, timeout=seconds(5)) as answer:
                        names = [entry["name"] for entry in json.load(answer)["content"]]
                        break
                except OSError:
                    assert server.poll() is None, (tmp_path / "log").read_text()
                    time.sleep(0.2)
            else:
                pytest.fail((tmp_path / "log").read_text())
            assert "00_start_here.ipynb" in names
            shutdown = urllib.request.Request(f"http://localhost:{port}/api/shutdown?token=secret", method="POST")
            urllib.request.urlopen(shutdown, timeout=seconds(5)).close()
            assert server.wait(seconds(30)) == 0
        finally:
            with contextlib.suppress(ProcessLookupError):  # all of it, JupyterLab too, where something failed
                os.killpg(server.pid, signal.SIGKILL)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_hands_the_target_on():
    for words in (["lab"], ["reset", "LESSON=04"]):
        command = ["make", "--dry-run", *words, "TARGET=/srv/ana/my course"]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert '--target "/srv/ana/my course"' in said
        said = subprocess.run(command[:-1], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert "--target" not in said


def test_the_environment_check_names_a_version_outside_the_course_s_range(monkeypatch):
    monkeypatch.setattr(
        "importlib.metadata.requires", lambda name: ["torch>=2.6,<2.14", "numpy>=9", "gguf>=9; extra == 'a'"]
    )
    said = repr(course.check_environment())
    assert "[OK] torch" in said and ", but the course needs >=9\n     Run make lab again" in said


def test_the_environment_check_says_that_work_would_not_be_saved(monkeypatch):
    assert "may not write" not in repr(course.check_environment())
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert f"[--] you may not write to {os.getcwd()}\n     Work in a folder of yours" in repr(
        course.check_environment()
    )
