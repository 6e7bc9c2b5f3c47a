"""The lessons as files: what is stored, that it is current, that nothing is missing in it."""

import ast

import nbformat
import pytest
from lessons import CHECK, ROOT, SOURCES, build, code_cells, exercises_of
from nbconvert.exporters import ScriptExporter

import kdlab
from kdlab.course import LESSONS, copy_lessons

IDS = [source.stem[:2] for source in SOURCES]
NOTEBOOKS = [ROOT / "notebooks" / f"{source.stem}.ipynb" for source in SOURCES]
BONES = ["**Time**", "**Builds on**", "you can**", "## Summary", "**Left out.**", "**References**"]


def test_each_notebook_has_a_source_and_each_source_a_notebook():
    assert SOURCES and NOTEBOOKS == sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("source, path", list(zip(SOURCES, NOTEBOOKS, strict=True)), ids=IDS)
def test_notebook_is_what_its_source_says(source, path):
    assert build.is_current(build.read_source(source), path), (
        f"run: make notebooks ({path.name} differs from its source)"
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_stored_notebook_was_executed_in_order_without_errors_or_widget_state(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    # nbval compares nothing in a cell that has no execution count
    assert [cell.execution_count for cell in code_cells(notebook)] == list(range(1, len(code_cells(notebook)) + 1))
    assert notebook.metadata == build.METADATA  # no widget state, and what an export as a script needs
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert build.WIDGET_VIEW not in output.get("data", {})
            if output.output_type == "error":
                assert "raises-exception" in cell.metadata.get("tags", []), output.evalue


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_lesson_has_its_bones(path):
    notebook = nbformat.read(path, as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for bone in BONES:
        assert bone in text, f"{path.name} has no {bone}"
    assert (10 if path.stem.startswith("00") else 20) <= len(notebook.cells) <= 60
    assert 0.4 <= 1 - len(code_cells(notebook)) / len(notebook.cells) <= 0.7
    for cell in code_cells(notebook):
        assert len([line for line in cell.source.split("\n") if line.strip()]) <= 25, cell.source
    pictures = [o for cell in code_cells(notebook) for o in cell.outputs if "image/png" in o.get("data", {})]
    assert pictures, "a lesson shows something"


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_every_exercise_stands_in_the_lesson_with_its_time_and_difficulty(source):
    module = exercises_of(source)
    from kdlab.exercises.core import Exercise, OpenExercise, ScoredExercise

    text = source.read_text(encoding="utf-8")
    kinds = (Exercise, OpenExercise, ScoredExercise)
    declared = {name: value for name, value in vars(module).items() if isinstance(value, kinds)}
    assert set(CHECK.findall(text)) == set(declared)
    for exercise in declared.values():
        assert (
            f"### ✎ Exercise {LESSONS.index(source.stem[3:])}.{exercise.place} · {exercise.title}  "
            f"({exercise.minutes} minutes, {exercise.difficulty})" in text
        )
    assert "lesson.quiz" in text


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_stub_and_solution_take_the_same_arguments(source):
    module = exercises_of(source)
    for cell in code_cells(build.read_source(source)):
        match = CHECK.search(cell.source)
        reference = match and getattr(getattr(module, match.group(1)), "reference", None)
        if not callable(reference):
            continue
        stub = next(
            n for n in ast.parse(cell.source).body if isinstance(n, ast.FunctionDef) and n.name == match.group(1)
        )
        solution = ast.parse(getattr(module, match.group(1)).solution_source()).body[0]
        assert ast.unparse(stub.args) == ast.unparse(solution.args)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_copies_export_as_python_files(path, tmp_path):
    copy_lessons(tmp_path)
    script, resources = ScriptExporter().from_filename(tmp_path / path.name)
    assert resources["output_extension"] == ".py"
    compile("\n".join(line for line in script.split("\n") if "get_ipython" not in line), path.name, "exec")


def test_setup_touches_only_threads_and_style():
    import torch

    state = torch.random.get_rng_state()
    kdlab.setup()
    assert torch.get_num_threads() == 1
    assert torch.equal(state, torch.random.get_rng_state())
