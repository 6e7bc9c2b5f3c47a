"""Every pin held against the package index that pip is set up to use: python tests/pins.py

For each Python and each kind of machine below, a pin's Requires-Python must allow that Python, and there must be a wheel
(learners have no compilers) that was not withdrawn (yanked). Without an index this is skipped with a sentence, but never in CI, where it fails.
"""

import ast
import html.parser
import http.client
import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from packaging import tags
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHONS = ("3.11.0", "3.11.2", "3.12.0", "3.13.0")
# {machine: (sys_platform, the platform tags that its pip accepts)}: glibc 2.28 is as old as Debian 10 and RHEL 8
GLIBC = [f"manylinux_2_{minor}" for minor in range(28, 4, -1)] + ["manylinux2014", "manylinux2010", "manylinux1"]
MACHINES = {
    "Linux x86_64": ("linux", [f"{name}_x86_64" for name in GLIBC]),
    "Linux aarch64": ("linux", [f"{name}_aarch64" for name in GLIBC]),
    "macOS arm64": ("darwin", list(tags.mac_platforms((14, 0), "arm64"))),
    "Windows x86_64": ("win32", ["win_amd64"]),
}
JSON = "application/vnd.pypi.simple.v1+json"


class NoIndex(Exception):
    """The index does not answer, or not in a way that can be read."""


@dataclass
class File:
    """What an index says of a file: its Requires-Python if it has one, why it was yanked if it was."""

    name: str
    python: str | None = None
    yanked: str | None = None

    @property
    def version(self):
        """None where the name is from before there were rules for names."""
        try:
            return (parse_wheel_filename if self.name.endswith(".whl") else parse_sdist_filename)(self.name)[1]
        except ValueError:
            return None

    @property
    def tags(self):
        """A wheel's tags; no source distribution fits anywhere."""
        return parse_wheel_filename(self.name)[3] if self.name.endswith(".whl") else frozenset()


def pins():
    """Requirements `name==version`: those of constraints.txt, and what the Makefile installs beside them."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    beside = re.findall(r"[\w.-]+==[\w.]+", (ROOT / "Makefile").read_text(encoding="utf-8"))
    return found + [Requirement(text) for text in beside]


def faults(pin, files):
    """Sentences on what keeps `pin` from being installed; `files` are the index's [File]."""
    (exact,) = pin.specifier
    release = [file for file in files if (version := file.version) and exact.contains(version, prereleases=True)]
    if not release:
        return [f"{pin.name}{exact} is not in the index"]
    found = []
    if all(file.yanked for file in release):
        found.append(f"{pin.name}{exact} was withdrawn (yanked): {release[0].yanked}")
    for python in PYTHONS:
        machines = [machine for machine in MACHINES if _counts(pin, python, machine)]
        allowed = [file for file in release if python in SpecifierSet(file.python or "")]
        if machines and not allowed:
            found.append(f"{pin.name}{exact} wants Python {release[0].python}, not {python}")
            continue
        for machine in machines:
            if not any(file.tags & tags_of(python, machine) for file in allowed):
                found.append(f"{pin.name}{exact} has no wheel for Python {python} on {machine}")
    return found


def _counts(pin, python, machine):
    """Whether `pin` holds there at all: some have an environment marker."""
    short = python.rpartition(".")[0]
    environment = {"python_version": short, "python_full_version": python, "sys_platform": MACHINES[machine][0]}
    return pin.marker is None or pin.marker.evaluate(environment)


def tags_of(python, machine):
    """The tags of wheels that this Python's pip accepts on this kind of machine."""
    version, platforms = tuple(map(int, python.split(".")[:2])), MACHINES[machine][1]
    interpreter = f"cp{version[0]}{version[1]}"
    return {
        *tags.cpython_tags(version, [interpreter], platforms),
        *tags.compatible_tags(version, interpreter, platforms),
    }


class Links(html.parser.HTMLParser):
    """A `File` of every link on an index's HTML page."""

    def __init__(self, page):
        super().__init__()
        self.files = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "a" and attributes.get("href"):
            path = urllib.parse.urlsplit(attributes["href"]).path
            name = urllib.parse.unquote(path.rpartition("/")[2])
            yanked = (attributes["data-yanked"] or "no reason given") if "data-yanked" in attributes else None
            self.files.append(File(name, attributes.get("data-requires-python"), yanked))


def files_on(page, kind):
    """[File] of an index's page, of content type `kind`: JSON or HTML."""
    if JSON in kind:
        files = json.loads(page)["files"]
        return [File(x["filename"], x.get("requires-python"), _reason(x.get("yanked"))) for x in files]
    return Links(page).files


def _reason(yanked):
    return "no reason given" if yanked is True else yanked or None


def pip_settings():
    """(index URLs, file of certificates or None) that pip uses, from its own words."""
    listed = _pip("config", "list")
    settings = {
        key: ast.literal_eval(value) for key, _, value in (x.partition("=") for x in listed.splitlines()) if value
    }

    def setting(name):
        places = (f":env:.{name}", f"install.{name}", f"global.{name}")
        return next((settings[place] for place in places if place in settings), None)

    default = re.search(r"\(default\s+(\S+?)\)", _pip("install", "--help"))
    index = setting("index-url") or (default.group(1) if default else "")
    urls = [index, *(setting("extra-index-url") or "").split()]
    return [url.rstrip("/") for url in urls if url.startswith("http")], setting("cert")


def _pip(*words):
    environment = dict(os.environ, COLUMNS="1000")  # no line of its help is broken
    command = [sys.executable, "-m", "pip", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def ask(url, name, context, tries=3):
    """The files that the index at `url` has of a package, [] if it knows none; NoIndex."""
    page = f"{url}/{canonicalize_name(name)}/"
    request = urllib.request.Request(page, headers={"Accept": f"{JSON}, text/html;q=0.1"})
    for left in reversed(range(tries)):
        try:
            with urllib.request.urlopen(request, timeout=30, context=context) as answer:
                return files_on(answer.read().decode(), answer.headers.get("Content-Type", ""))
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            if getattr(error, "code", None) == 404:
                return []
            if not left:
                raise NoIndex(f"no answer about {name} ({type(error).__name__})") from error
            time.sleep(1)


def main():
    """Print what is wrong with the pins; the exit code is 0 when nothing is."""
    wanted = pins()
    try:
        urls, certificates = pip_settings()
        if not urls:
            raise NoIndex("pip is set up without one")
        context = ssl.create_default_context(cafile=certificates)
        with ThreadPoolExecutor(8) as pool:
            answers = pool.map(lambda pin: [file for url in urls for file in ask(url, pin.name, context)], wanted)
            found = [fault for pin, files in zip(wanted, answers, strict=True) for fault in faults(pin, files)]
    except (NoIndex, OSError) as error:
        print(f"The pins were not looked up, since no package index answers: {error}.")
        return 1 if os.environ.get("CI") else 0
    for fault in found:
        print(fault)
    print(f"{len(wanted)} pins looked up for Python {', '.join(PYTHONS)}: {len(found)} faults.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
