"""benchmarks/sections.py: runs are recorded one by one, kept, and not done again."""

import json

import pytest
from scripts import load_script


@pytest.fixture
def script(monkeypatch, tmp_path):
    module = load_script("sections")
    monkeypatch.setattr(module, "RESULTS", tmp_path)
    return module


@pytest.fixture
def experiment(script):
    """(record, sections, what has run): squares of numbers, and what the first section found, doubled."""
    record, ran = script.Record("numbers", lambda: {"recipe": "arithmetic"}), []

    def square(section, number):  # settings may have any name
        ran.append((section, number))
        if number == 13:
            raise RuntimeError("interrupted")
        return {"value": number**2}

    def double(number):
        ran.append(("double", number))
        return {"value": 2 * number}

    table = {
        "squares": (square, lambda: ({"section": "a", "number": number} for number in (1, 2, 3))),
        "doubles": (double, lambda: ({"number": row["value"]} for row in record.rows("squares"))),
    }
    return record, table, ran


def test_runs_are_recorded_and_not_done_again(script, experiment):
    record, table, ran = experiment
    script.main(record, table, "", ["squares"])
    assert ran == [("a", 1), ("a", 2), ("a", 3)]
    first = record.path.read_bytes()
    script.main(record, table, "", ["squares"])
    assert len(ran) == 3 and record.path.read_bytes() == first
    script.main(record, table, "", [])  # all sections: a later one may go on from an earlier one
    assert ran[3:] == [("double", 1), ("double", 4), ("double", 9)]
    assert record.rows("squares", number=2) == [{"section": "a", "number": 2, "value": 4}]
    assert record.rows("squares", number=7) == record.rows("cubes") == []


def test_jobs_may_depend_on_what_the_same_section_recorded_before(script, experiment):
    record, table, ran = experiment

    def jobs():
        yield {"number": 3}
        yield from ({"number": row["value"]} for row in record.rows("doubles", number=3))

    script.main(record, {"doubles": (table["doubles"][0], jobs)}, "", [])
    assert ran == [("double", 3), ("double", 6)]


def test_what_was_done_before_an_interruption_stays(script, experiment):
    record, table, ran = experiment
    jobs = ({"section": "a", "number": number} for number in (1, 13, 2))
    with pytest.raises(RuntimeError, match="interrupted"):
        script.main(record, {"squares": (table["squares"][0], lambda jobs=[*jobs]: jobs)}, "", [])
    assert [row["number"] for row in record.rows("squares")] == [1]
    script.main(record, table, "", ["squares"])
    assert ran == [("a", 1), ("a", 13), ("a", 2), ("a", 3)]


def test_again_forgets_the_named_sections_only(script, experiment):
    record, table, ran = experiment
    script.main(record, table, "", [])
    before = record.rows("squares")
    script.main(record, table, "", ["--again", "doubles"])
    assert len(ran) == 9 and record.rows("squares") == before and len(record.rows("doubles")) == 3


def test_the_file_begins_with_script_versions_and_facts_and_keeps_what_it_does_not_know(script, experiment):
    record, table, _ = experiment
    record.path.write_text(json.dumps({"note": "by hand", "recipe": "old", "torch": "1.0"}))
    script.main(record, table, "", ["squares"])
    content = json.loads(record.path.read_text())
    assert list(content) == ["script", "python", "torch", "recipe", "note", "squares"]
    assert content["script"] == "benchmarks/numbers.py" and content["recipe"] == "arithmetic"
    assert content["note"] == "by hand" and content["torch"] != "1.0"
    assert [path.name for path in record.path.parent.iterdir()] == ["numbers.json"]


def test_an_unknown_section_is_refused(script, experiment, capsys):
    record, table, ran = experiment
    with pytest.raises(SystemExit):
        script.main(record, table, "", ["cubes"])
    assert "no such section: cubes" in capsys.readouterr().err and not ran


@pytest.mark.parametrize("name", ["reviews", "language_models", "distilling_an_llm"])
def test_a_script_that_goes_on_changes_no_recorded_row(name, tmp_path):
    script = load_script(name)
    before = json.loads(script.RECORD.path.read_text())
    script.RECORD.path = tmp_path / "copy.json"
    script.RECORD.path.write_text(json.dumps(before))
    for section, (_, jobs) in script.SECTIONS.items():
        script.RECORD.fill(section, None, jobs)  # calling None would fail
    assert json.loads(script.RECORD.path.read_text()) == before
    script.RECORD.write({})
    after = json.loads(script.RECORD.path.read_text())
    assert list(after) == list(before) and {**after, **{k: before[k] for k in ("python", "torch")}} == before
