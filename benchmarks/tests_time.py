"""How long the tests take: python benchmarks/tests_time.py [target ...] (`make test` and `make test-fast` by default).

Runs each target of the Makefile, and adds up from pytest's report what each part of it took: seconds of its two workers,
which work side by side. Needs an otherwise idle machine. Writes benchmarks/results/tests_time.json.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "tests_time.json"
PARTS = {  # the first that fits the name of a test's module
    "notebooks.": "lessons as shipped, nbval",
    "tests.browser.test_lessons": "lessons solved, in the browser",
    "tests.browser.": "panels in the browser",
    "tests.test_exercise": "exercise tests",
    "": "unit and property tests",
}


def parts(report):
    """{part: [tests, seconds]} of a JUnit report, the longest part first."""
    count, total = Counter(), Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        part = next(name for start, name in PARTS.items() if case.get("classname").startswith(start))
        count[part] += 1
        total[part] += float(case.get("time"))
    return {part: [count[part], round(seconds)] for part, seconds in total.most_common()}


def main(targets):
    found = {"script": "benchmarks/tests_time.py", "python": platform.python_version(), "cores": os.cpu_count()}
    found |= json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for target in targets or ["test", "test-fast"]:
            report, load, start = Path(folder) / f"{target}.xml", os.getloadavg()[0], time.monotonic()
            options = {"PYTEST_ADDOPTS": f"--junitxml={report}"}
            code = subprocess.run(["make", target], cwd=ROOT, env=os.environ | options).returncode
            row = {"seconds": round(time.monotonic() - start), "load_before": round(load, 1), "exit_code": code}
            found[target] = row | {"parts": parts(report)}
            print(f"\n| `make {target}` | {row['seconds']} s in all (load before: {row['load_before']}) |")
            for part, (count, seconds) in found[target]["parts"].items():
                print(f"| {part} | {count} tests | {seconds} s of the workers |")
            RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
