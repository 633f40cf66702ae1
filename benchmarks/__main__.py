"""Measures ours, PyTorch's and plain NumPy's figures side by side, in one run.

Prints a table and writes the rows as JSON: {task, metric, unit, ours, rival, rival_name, ratio,
threads}. A ratio above 1 means that ours is better.
"""

import argparse
import importlib.util
import json
import sys
from pathlib import Path

from benchmarks import digits, digits_cnn, imports, install, kernels, memory, spam
from benchmarks.results import Row, as_table, rows_of, write_docs, write_json
from benchmarks.sides import ROOT, TORCH, Task, take_turns

TASKS: dict[str, Task] = {
    "spam": spam.TASK,
    "digits": digits.TASK,
    "digits-cnn": digits_cnn.TASK,
    "import": imports.TASK,
    "install": install.TASK,
    "memory": memory.TASK,
    "kernels": kernels.TASK,
}


def main() -> None:
    options = parse()
    if options.side:
        task, side = options.side
        print(json.dumps(TASKS[task].sides[side](options.quick)))
        return
    rows: list[Row] = []
    for name in options.tasks or TASKS:
        task = TASKS[name]
        sides = [side for side in task.sides if side != TORCH or has_torch()]
        if len(sides) < len(task.sides):
            note(f"{name}: PyTorch is not installed, its rows are left out")
        figures = take_turns(name, sides, options.runs, options.quick, note)
        rows += rows_of(name, task, figures)
    print(as_table(rows))
    write_json(rows, options.out)
    if options.write_docs:
        write_docs(rows)


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


def has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
