"""Measures our figures and those of PyTorch, ONNX Runtime, scikit-learn and plain NumPy in one run.

Prints a table and writes the rows as JSON: {task, metric, unit, ours, rival, rival_name, ratio,
threads, busy}, and peak_fraction where the machine's multiply-adds are the limit. A ratio above 1
means that ours is better; busy is how many cores other work used just before.
"""

import argparse
import importlib
import json
import sys
import warnings
from pathlib import Path

from benchmarks import peak
from benchmarks.load import busy_cores
from benchmarks.results import as_table, busy_line, rows_of, write_docs, write_json
from benchmarks.sides import ROOT, Figures, Task, take_turns
from rushlight.core.errors import CompileWarning

TASKS = {  # each in a module: what another task needs is not imported when it is measured
    "spam": "spam.TASK",
    "sms": "sms.TASK",
    "digits": "digits.TASK",
    "digits-cnn": "digits_cnn.TASK",
    "gesture": "gesture.TASK",
    "shakespeare": "shakespeare.TASK",
    "shakespeare-writing": "shakespeare.WRITING",
    "shakespeare-memory": "shakespeare.MEMORY",
    "lstm": "lstm.TASK",
    "predict-mlp-1": "predict.MLP_1",
    "predict-cnn-1": "predict.CNN_1",
    "predict-mlp-256": "predict.MLP_256",
    "predict-cnn-256": "predict.CNN_256",
    "call": "call.TASK",
    "kernels": "kernels.TASK",
    "compile": "compiling.TASK",
    "import": "imports.TASK",
    "install": "install.TASK",
    "memory": "memory.TASK",
}

Measured = tuple[str, Task, dict[str, Figures], float | None]  # a task, and how busy the rest was


def main() -> None:
    options = parse()
    if options.side:
        name, side = options.side
        warnings.simplefilter("error", CompileWarning)  # what falls back to NumPy is not measured
        print(json.dumps(task_of(name).sides[side](options.quick)))
        return
    peaks: dict[int, float] = {}
    measured = [measure(name, options, peaks) for name in options.tasks or TASKS]
    rows = [row for task in measured for row in rows_of(*task, peaks)]
    print(as_table(rows))
    print(busy_line(rows))
    write_json(rows, options.out)
    if options.write_docs:
        write_docs(rows)


def measure(name: str, options: argparse.Namespace, peaks: dict[int, float]) -> Measured:
    """Return a task's figures, after a try to find a higher peak of the machine."""
    task = task_of(name)
    sides = []
    for side in task.sides:
        missing = task.missing(side)
        if missing is None:
            sides.append(side)
        else:
            note(f"{name}: {side} is left out, {missing} is not installed")
    busy = None if options.quick else busy_cores()
    for threads in {one.threads for one in task.measures if one.flop and not options.quick}:
        peaks[threads] = max(peaks.get(threads, 0.0), peak.rate(threads) * 1e9)
    return name, task, take_turns(name, task, sides, options.runs, options.quick, note), busy


def task_of(name: str) -> Task:
    module, _, variable = TASKS[name].partition(".")
    task: Task = getattr(importlib.import_module(f"benchmarks.{module}"), variable)
    return task


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(TASKS)}; else all")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="medians of N runs (5)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: try the benchmarks out")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench.json", metavar="FILE")
    parser.add_argument("--write-docs", action="store_true", help="refresh docs/benchmarks.md")
    parser.add_argument("--side", nargs=2, metavar=("TASK", "SIDE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = set(options.tasks) - set(TASKS)
    if unknown:
        parser.error(f"there is no task {', '.join(sorted(unknown))}")
    if options.runs < 1:
        parser.error("--runs is at least 1")
    if options.write_docs and (options.quick or options.tasks):
        parser.error("--write-docs takes a full run of all tasks")
    return options


def note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
