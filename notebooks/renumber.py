"""Give lessons other numbers, in file names and in every sentence: python notebooks/renumber.py 10=11 11=12 12=13

Change `LESSONS` in kdlab/course.py first. Then this renames the files of the lessons and rewrites each "lesson NN",
"lessons NN and NN", "exercise NN.n" and link that names one, in all tracked text files. Read `git diff` afterwards:
figures and a bare "12.3" are not looked at. Stored outputs follow with `make notebooks`.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEXTS = {".py", ".md", ".js", ".toml", ".ipynb", ".json", ".yml"}
FILE = re.compile(r"\b(\d\d)_([a-z][a-z_]*)\b")  # 12_language_models
# "[12 · Language models]", "# 12 · Language models", "| 12 | [Language models]"
LABEL = re.compile(r"(?<=\[)\d\d(?= · )|(?<=# )\d\d(?= · )|(?<=\| )\d\d(?= \| \[)")
# "lesson 12", "Lessons 10, 11\n# and 12": the line of a comment, or of a notebook's source, may end within
GAP = r'(?:[ \t]|\\n|\n|"|#)+'
MENTION = re.compile(
    rf"\b(lesson|exercise)s?{GAP}(\d+(?:\.\d)?(?:(?:,{GAP}|{GAP}(?:and|to|or){GAP})\d+(?:\.\d)?\b(?! (?:minutes|%)))*)",
    re.IGNORECASE,
)
NUMBER = re.compile(r"(\d+)((?:\.\d)?)")


def mentions(text):
    """The lessons (12, None) and exercises (12, 3) that the sentences of `text` name, in order."""
    found = []
    for match in MENTION.finditer(text):
        for number, place in NUMBER.findall(match.group(2)):
            found.append((int(number), int(place[1:]) if place else None))
    return found


def renumbered(text, new):
    """`text` with each lesson's number `old` in a mention, link or label replaced by `new[old]`, where it has one."""

    def number(match):
        digits, rest = match.group(1), match.group(2)
        return f"{new.get(int(digits), int(digits)):0{len(digits)}d}{rest}"

    def sentence(match):
        head = match.group(0)[: match.start(2) - match.start(0)]
        return head + NUMBER.sub(number, match.group(2))

    def plain(match):
        return re.sub(r"\d\d", lambda m: f"{new.get(int(m.group()), int(m.group())):02d}", match.group(0))

    return LABEL.sub(plain, FILE.sub(plain, MENTION.sub(sentence, text)))


def main(words):
    """Rewrite and rename; each word is OLD=NEW."""
    new = {int(old): int(number) for old, number in (word.split("=") for word in words)}
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    paths = [
        ROOT / name for name in tracked if pathlib.Path(name).suffix in TEXTS and not name.startswith("data/mnist")
    ]
    for path in paths:
        text = path.read_text(encoding="utf-8")
        changed = renumbered(text, new)
        if changed != text:
            path.write_text(changed, encoding="utf-8")
    for path in paths:
        name = renumbered(path.name, new)
        if path.parts[len(ROOT.parts)] == "notebooks" and name != path.name:
            subprocess.run(["git", "mv", path, path.with_name(name)], cwd=ROOT, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
