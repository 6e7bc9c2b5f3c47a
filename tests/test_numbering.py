"""One list gives the lessons their numbers: files and sentences follow it."""

import importlib.util
import subprocess

import pytest
from lessons import ROOT, SOURCES, exercises_of

from kdlab.course import LESSONS, written_lessons
from kdlab.exercises.core import Exercise, OpenExercise, ScoredExercise

spec = importlib.util.spec_from_file_location("renumber", ROOT / "notebooks" / "renumber.py")
renumber = importlib.util.module_from_spec(spec)
spec.loader.exec_module(renumber)

TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
TEXTS = [
    name for name in TRACKED if name.endswith((".py", ".md", ".js", ".toml")) and not name.startswith("tests/test_")
]
PLACES = {
    (number, value.place)
    for number, name in enumerate(LESSONS)
    for source in SOURCES
    if source.stem[3:] == name
    for value in vars(exercises_of(source)).values()
    if isinstance(value, (Exercise, OpenExercise, ScoredExercise))
}


def test_files_have_the_numbers_of_the_list():
    named = {f"{number:02d}_{name}" for number, name in enumerate(LESSONS)}
    assert len(named) == 20 and SOURCES
    assert {source.stem for source in SOURCES} <= named
    assert [path.stem for path in written_lessons().values()] == [source.stem for source in SOURCES]


@pytest.mark.parametrize("name", TEXTS)
def test_sentences_name_lessons_and_exercises_that_are_there(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    for lesson, place in renumber.mentions(text):
        assert lesson < len(LESSONS), f"{name} names lesson {lesson}"
        assert place is None or (lesson, place) in PLACES, f"{name} names exercise {lesson}.{place}"
    for number, lesson in renumber.FILE.findall(text):
        if lesson in LESSONS:
            assert int(number) == LESSONS.index(lesson), f"{name} names {number}_{lesson}"


@pytest.mark.parametrize("source", SOURCES, ids=[source.stem[:2] for source in SOURCES])
def test_headings_have_the_lesson_s_number(source):
    headings = [line for line in source.read_text(encoding="utf-8").splitlines() if line.startswith("# ### ✎")]
    number = int(source.stem[:2])
    places = [renumber.mentions(heading) for heading in headings]
    assert places == [[(number, place)] for place in range(1, len(headings) + 1)] and places


@pytest.mark.parametrize(
    "text, found",
    [
        ("Lessons 05, 06\n# and 12 say", [(5, None), (6, None), (12, None)]),
        ("Lesson 11's encoder, lesson\n# 04 too", [(11, None), (4, None)]),
        ("(skip exercises 12.5 to 12.8 and section 8)", [(12, 5), (12, 8)]),
        ("exercise 5.2 is optional; 70 in class", [(5, 2)]),
        ("text sampled at 0.7, 11.5 bits; 12 lessons", []),
    ],
)
def test_mentions_are_read(text, found):
    assert renumber.mentions(text) == found


def test_renumbering_follows_files_links_labels_and_sentences():
    before = "| 10 | [Ten](10_ten.ipynb) | 10 minutes |\nLessons 10 and 11, exercise 11.5; [11 · Eleven](11_eleven.ipynb): 11 ± 1"
    after = "| 11 | [Ten](11_ten.ipynb) | 10 minutes |\nLessons 11 and 12, exercise 12.5; [12 · Eleven](12_eleven.ipynb): 11 ± 1"
    assert renumber.renumbered(before, {10: 11, 11: 12}) == after
