"""Make a virtual environment with the Python that runs this, unless a good one is there: python make_venv.py FOLDER [asked]

One that does not work is made anew; with `asked` (the reader named a Python), one of another version too. The Makefile
runs this before anything else, on whatever Python there is, so it keeps to words that a very old one understands.
"""

import os
import subprocess
import sys

NEEDED = (3, 11)
LOOK = "import sys, pip; print('.'.join(map(str, sys.version_info[:3])))"


def version():
    """The running Python's: "3.12.1"."""
    return ".".join(map(str, sys.version_info[:3]))


def works(folder):
    """The version of the environment's Python, or None where it does not start, lacks pip or was made elsewhere."""
    note = os.path.join(folder, "pyvenv.cfg")
    if not os.path.isfile(note):
        return None
    try:
        with open(note) as settings:
            commands = [line for line in settings.read().splitlines() if line.startswith("command = ")]
        if commands and not commands[0].endswith(" " + os.path.abspath(folder)):
            return None  # the folder was moved or copied, and what is installed points to where it was
        run = subprocess.Popen([os.path.join(folder, "bin", "python"), "-c", LOOK], stdout=-1, stderr=-1)
        said = run.communicate()[0].decode().strip()
    except (OSError, ValueError):
        return None
    return said if run.returncode == 0 else None


def main(folder, asked=False):
    """Returns the exit code, or a sentence that says what to do."""
    found = works(folder)
    good = found is not None and tuple(map(int, found.split(".")[:2])) >= NEEDED
    if good and not (asked and found != version()):
        return 0
    if sys.version_info[:2] < NEEDED:
        return (
            "kdlab needs Python 3.11 or newer, and this is Python {}. Install a newer one beside it, if there is none,\n"
            "and name it: make lab PYTHON=python3.12"
        ).format(version())
    if os.path.exists(folder):
        if not os.path.isdir(folder) or (os.listdir(folder) and not os.path.isfile(os.path.join(folder, "pyvenv.cfg"))):
            return "{} is in the way, and is no virtual environment: move it elsewhere first.".format(folder)
        made = "is of Python " + found if found else "does not work (any more)"
        print("{} {}: making it anew with Python {}.".format(os.path.basename(folder), made, version()))
        sys.stdout.flush()
    # not --upgrade: that would leave the packages of another Python behind
    return subprocess.call([sys.executable, "-m", "venv", "--clear", os.path.abspath(folder)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "asked" in sys.argv[2:]))
