"""The benchmarks run and write what they promise; how quick anything is, no test says."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import rushlight as rl
from benchmarks import digits, digits_cnn, results, shakespeare, sides, spam
from benchmarks.__main__ import TASKS, task_of
from benchmarks.load import peak_memory
from benchmarks.native import Watched, need_driven, need_native
from benchmarks.results import Row, as_table, rows_of, write_docs
from benchmarks.sides import Figures, Measure, SideError, Task, take_turns
from benchmarks.work import forward_flop, training_flop
from rushlight.data import Dataset

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "task": {str},
    "metric": {str},
    "unit": {str},
    "ours": {float},
    "rival": {float, type(None)},
    "rival_name": {str, type(None)},
    "ratio": {float, type(None)},
    "threads": {int},
    "busy": {float, type(None)},
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_a_quick_run_prints_a_table_and_writes_its_rows(tmp_path: Path) -> None:
    out = tmp_path / "new" / "bench.json"
    done = run("spam", "--quick", "--runs", "1", "--out", str(out))
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text("utf-8"))
    rivals = {"NumPy", "PyTorch"} if find_spec("torch") else {"NumPy", None}
    assert {row["rival_name"] for row in rows} == rivals
    assert ("PyTorch is left out, torch is not installed" in done.stderr) == (
        "PyTorch" not in rivals
    )
    for row in rows:
        assert set(row) == set(KINDS)
        assert all(type(value) in KINDS[name] for name, value in row.items())
        assert row["task"] == "spam"
        assert row["threads"] == 2
        if row["rival"] is not None:
            assert row["ratio"] == pytest.approx(row["rival"] / row["ours"])
    assert done.stdout.count("| spam ") == len(rows)


def take_two_turns(bad: str, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Figures], str]:
    def run_side(task: str, side: str, threads: int, quick: bool) -> Figures:
        if side == bad:
            raise SideError(f"{task}: {side} ended with exit code 1")
        return {"step": 3.0}

    monkeypatch.setattr(sides, "run_side", run_side)
    notes: list[str] = []
    names = ["ours", "PyTorch", "NumPy"]
    return take_turns("digits", TASK, names, 2, True, notes.append), "\n".join(notes)


def test_a_rival_that_fails_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    figures, notes = take_two_turns("PyTorch", monkeypatch)
    assert set(figures) == {"ours", "NumPy"}
    assert notes.count("PyTorch ended with exit code 1, and is left out") == 1


def test_where_ours_fails_all_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="ours ended with exit code 1"):
        take_two_turns("ours", monkeypatch)


@pytest.mark.parametrize("name", TASKS)
def test_a_measure_compares_sides_that_its_task_has(name: str) -> None:
    task = task_of(name)
    for measure in task.measures:
        assert measure.ours in task.sides
        assert set(measure.rivals) <= set(task.sides)
        assert measure.unit in {*results.SECONDS, "MiB", "%", "nats"}
        for side in (measure.ours, *measure.rivals):
            assert name == "kernels" or task.threads.get(side, 2) == measure.threads


@pytest.mark.parametrize(
    "name", ["sms", "digits", "digits-cnn", "lstm", "call", "predict-cnn-1", "compile"]
)
def test_our_sides_run_as_compiled_code(name: str) -> None:
    for side in task_of(name).sides:
        if side in ("ours", "compiled"):
            done = run("--quick", "--side", name, side)
            assert done.returncode == 0, done.stderr
            figures = json.loads(done.stdout)
            assert figures
            assert all(type(value) is float for value in figures.values())


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
    (row,) = rows_of("digits", TASK, FIGURES, None, {})
    assert (row["ours"], row["rival"], row["rival_name"], row["ratio"]) == (2.0, 3.0, "NumPy", 1.5)
    assert "peak_fraction" not in row


def test_where_no_rival_ran_ours_stands_alone() -> None:
    (row,) = rows_of("digits", TASK, {"ours": {"step": 2.0}}, 0.25, {})
    assert (row["ours"], row["rival"], row["rival_name"], row["ratio"]) == (2.0, None, None, None)
    assert row["busy"] == 0.25


def test_the_share_of_the_peak_is_that_of_as_many_threads() -> None:
    measure = Measure("a step", "ms", "step", "ours", flop=3e6, threads=1)
    task = Task(sides={}, measures=(measure,))
    (row,) = rows_of("digits", task, {"ours": {"step": 2.0}}, None, {1: 2e9, 2: 4e9})
    assert row["peak_fraction"] == pytest.approx(0.75)


def test_the_table_is_markdown_with_columns_that_line_up() -> None:
    rows = rows_of("digits", TASK, FIGURES, None, {})
    assert as_table([*rows, Row(**rows[0], peak_fraction=0.784)]).splitlines() == [
        "| task   | what   | unit | ours | rival |       | ratio | of peak |",
        "| ------ | ------ | ---- | ---: | ----: | ----- | ----: | ------: |",
        "| digits | a step | ms   |    2 |     3 | NumPy |  1.50 |         |",
        "| digits | a step | ms   |    2 |     3 | NumPy |  1.50 |     78% |",
    ]


def test_the_work_is_counted_from_the_shapes() -> None:
    assert forward_flop([6, 2]) == 16
    assert training_flop([6, 2]) == 2 * (6 + 2 + 6 + 2 + 2)  # forward, weights, inputs
    assert digits.FLOP == 54_297_600_000
    assert digits_cnn.LAYERS == [460_800, 3_276_800, 1_048_576, 10_240]
    assert sum(shakespeare.PRODUCTS) == 768 * (12 * 128 * 128 * 4 + 65 * 4 * 128 + 65 * 128)


def test_memory_once_taken_still_counts() -> None:
    array = np.ones(64 << 20, np.uint8)
    size = array.nbytes / (1 << 20)
    del array
    assert peak_memory() > size


def test_a_fit_that_python_drives_is_not_measured() -> None:
    x = np.ones((4, 1), np.float32)
    loader = Watched(Dataset(x, x), batch_size=2)
    model = rl.nn.Linear(1, 1)
    sgd = rl.optim.SGD(model.parameters(), lr=0.1)
    loss = rl.nn.functional.mse_loss
    rl.fit(model, loader, loss=loss, optimizer=sgd, epochs=1, progress=False, compiled=False)
    with pytest.raises(SystemExit, match="one by one"):
        need_driven(loader)
    rl.fit(model, loader, loss=loss, optimizer=sgd, epochs=1, progress=False)
    assert need_driven(loader) > 0


def test_a_function_that_fell_back_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    function = rl.compile(lambda x: x + 1)
    with pytest.raises(SystemExit, match="no call was made"):
        need_native(function)
    function(rl.ones(2))
    need_native(function)
    monkeypatch.setenv("RUSHLIGHT_CC", "no-such-compiler")
    with pytest.warns(rl.CompileWarning, match="run in NumPy"):
        function(rl.ones(3))
    with pytest.raises(SystemExit, match="no C compiler can be used"):
        need_native(function)


def test_all_sides_of_spam_are_given_the_same_sentences() -> None:
    words, count = spam.numbers()
    assert len(words) == 40
    assert 1 + max(int(ids.max()) for ids in words) == count


def test_the_docs_keep_all_but_the_old_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text("before\n<!-- results -->\nold\n<!-- results -->\nafter\n", "utf-8")
    monkeypatch.setattr(results, "DOCS", page)
    rows: list[Row] = rows_of("digits", TASK, FIGURES, None, {})
    write_docs(rows)
    write_docs(rows)
    text = page.read_text("utf-8")
    assert text.startswith("before\n<!-- results -->\n\n| task ")
    assert text.endswith("<!-- results -->\nafter\n")
    assert "old" not in text
    assert text.count("| digits | a step |") == 1
