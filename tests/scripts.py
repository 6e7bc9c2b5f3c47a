"""Loads the scripts of benchmarks/ as modules."""

import importlib.util
import sys

from lessons import ROOT

FOLDER = ROOT / "benchmarks"
sys.path.append(str(FOLDER))  # behind this folder: both have a lessons.py


def load_script(name):
    """benchmarks/NAME.py, run anew as a module of another name."""
    spec = importlib.util.spec_from_file_location(f"{name}_benchmark", FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
