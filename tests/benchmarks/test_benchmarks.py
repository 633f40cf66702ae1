"""The benchmarks run and write what they promise; how quick anything is, no test says."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.results import Row, as_table, rows_of, write_docs
from benchmarks.sides import Measure, Task

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "task": str,
    "metric": str,
    "unit": str,
    "ours": float,
    "rival": float,
    "rival_name": str,
    "ratio": float,
    "threads": int,
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_a_quick_run_prints_a_table_and_writes_its_rows(tmp_path: Path) -> None:
    out = tmp_path / "new" / "bench.json"
    done = run("spam", "--quick", "--runs", "1", "--out", str(out))
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text("utf-8"))
    rivals = {"NumPy", "PyTorch"} if find_spec("torch") else {"NumPy"}
    assert {row["rival_name"] for row in rows} == rivals
    assert ("PyTorch is not installed" in done.stderr) == ("PyTorch" not in rivals)
    for row in rows:
        assert {name: type(value) for name, value in row.items()} == KINDS
        assert row["task"] == "spam"
        assert row["threads"] == 2
        assert row["ratio"] == pytest.approx(row["rival"] / row["ours"])
    assert done.stdout.count("| spam ") == len(rows)


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        (["digit"], "there is no task digit"),
        (["--runs", "0"], "--runs is at least 1"),
        (["spam", "--write-docs"], "--write-docs takes a full run"),
        (["--quick", "--write-docs"], "--write-docs takes a full run"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_line(arguments: list[str], fact: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert fact in done.stderr.splitlines()[-1]


TASK = Task(sides={}, measures=(Measure("a step", "ms", "step", "ours", ("PyTorch", "NumPy")),))
FIGURES = {"ours": {"step": 2.0}, "NumPy": {"step": 3.0}}


def test_above_1_ours_is_better_and_a_rival_that_did_not_run_has_no_row() -> None:
    (row,) = rows_of("digits", TASK, FIGURES)
    assert (row["ours"], row["rival"], row["rival_name"], row["ratio"]) == (2.0, 3.0, "NumPy", 1.5)


def test_the_table_is_markdown_with_columns_that_line_up() -> None:
    assert as_table(rows_of("digits", TASK, FIGURES)).splitlines() == [
        "| task   | what   | unit | ours | rival |       | ratio |",
        "| ------ | ------ | ---- | ---: | ----: | ----- | ----: |",
        "| digits | a step | ms   |    2 |     3 | NumPy |  1.50 |",
    ]


def test_the_docs_keep_all_but_the_old_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text("before\n<!-- results -->\nold\n<!-- results -->\nafter\n", "utf-8")
    monkeypatch.setattr(results, "DOCS", page)
    rows: list[Row] = rows_of("digits", TASK, FIGURES)
    write_docs(rows)
    write_docs(rows)
    text = page.read_text("utf-8")
    assert text.startswith("before\n<!-- results -->\n\n| task ")
    assert text.endswith("<!-- results -->\nafter\n")
    assert "old" not in text
    assert text.count("| digits | a step |") == 1
