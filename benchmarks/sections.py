"""Experiments in sections, each run recorded as soon as it is done: stop and go on whenever you like.

A script has a `Record` and a table SECTIONS = {name: (run, jobs)}. jobs() gives the settings of each run, as dicts;
run(**settings) gives what came out, as a dict. A row of the record is both together. A run whose settings stand in a row
is not run again.
"""

import argparse
import json
import os
import platform
from pathlib import Path

import torch
from tqdm import tqdm

RESULTS = Path(__file__).parent / "results"


class Record:
    """results/NAME.json: first the script, the versions and the facts that `facts()` gives, then {section: rows}."""

    def __init__(self, name, facts=dict):
        self.script, self.path, self.facts = f"benchmarks/{name}.py", RESULTS / f"{name}.json", facts

    def read(self):
        """Everything recorded so far, as one dict."""
        return json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}

    def rows(self, section, /, **wanted):
        """The rows of a section that have these settings or results."""
        return [row for row in self.read().get(section, []) if wanted.items() <= row.items()]

    def write(self, sections):
        """Replace these sections, {name: rows}; the others stay."""
        versions = {"python": platform.python_version(), "torch": torch.__version__}
        facts = {"script": self.script, **versions, **self.facts()}
        part = self.path.with_suffix(f".{os.getpid()}")  # so that two sections can run side by side
        part.write_text(json.dumps(facts | self.read() | facts | sections, indent=1) + "\n", encoding="utf-8")
        part.replace(self.path)

    def fill(self, section, run, jobs):
        """Run and record those jobs of a section that are not recorded; jobs may depend on what was recorded before."""
        for settings in tqdm(jobs(), desc=section, total=len([*jobs()]), mininterval=5):
            if not self.rows(section, **settings):
                row = settings | run(**settings)
                others = [old for old in self.rows(section) if not settings.items() <= old.items()]
                self.write({section: [*others, row]})


def main(record, sections, description, arguments=None):
    """The command line of a script: [--again] [section ...], all of them where none is named."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(sections))
    parser.add_argument("--again", action="store_true", help="forget the recorded runs of these sections")
    given = parser.parse_args(arguments)
    wanted = given.sections or list(sections)
    if unknown := set(wanted) - set(sections):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
    if given.again:
        record.write({name: [] for name in wanted})
    for name in wanted:
        run, jobs = sections[name]
        record.fill(name, run, jobs)
