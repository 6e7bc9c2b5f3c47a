"""benchmarks/tests_time.py: the parts of a test run."""

from scripts import load_script

REPORT = """<?xml version="1.0"?><testsuites><testsuite>
<testcase classname="notebooks.04_mlp_distillation.ipynb" name="Cell 3" time="10.2" />
<testcase classname="notebooks.04_mlp_distillation.ipynb" name="Cell 4" time="0.5" />
<testcase classname="tests.browser.test_lessons" name="test_lesson[04]" time="30.0" />
<testcase classname="tests.browser.test_race_panel" name="test_race" time="2.0" />
<testcase classname="tests.test_exercises" name="test_solution[a]" time="1.0" />
<testcase classname="tests.test_losses" name="test_kl" time="0.4"><skipped /></testcase>
</testsuite></testsuites>"""


def test_each_test_counts_for_one_part_the_longest_first(tmp_path):
    (tmp_path / "report.xml").write_text(REPORT)
    assert list(load_script("tests_time").parts(tmp_path / "report.xml").items()) == [
        ("lessons solved, in the browser", [1, 30]),
        ("lessons as shipped, nbval", [2, 11]),
        ("panels in the browser", [1, 2]),
        ("exercise tests", [1, 1]),
        ("unit and property tests", [1, 0]),
    ]
