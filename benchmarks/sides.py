"""Sides of a comparison, each measured in processes of its own that take turns.

So no side finds the memory, the threads or the caches of another.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

THREADS = 2
ROOT = Path(__file__).resolve().parent.parent
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
TORCH = "PyTorch"

Figures = dict[str, float]
Side = Callable[[bool], Figures]  # takes whether to be quick


@dataclass(frozen=True)
class Measure:
    """One figure of our side to compare with the same of its rivals."""

    name: str
    unit: str
    figure: str
    ours: str
    rivals: tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """Sides that do the same work, and what to compare of them."""

    sides: dict[str, Side]
    measures: tuple[Measure, ...]


def take_turns(
    task: str, sides: Iterable[str], runs: int, quick: bool, note: Callable[[str], None]
) -> dict[str, Figures]:
    """Return the medians of each side's figures over so many runs."""
    names = list(sides)
    found: dict[str, list[Figures]] = {name: [] for name in names}
    for run in range(runs):
        for name in names if run % 2 == 0 else names[::-1]:
            note(f"{task}: run {run + 1} of {runs}, {name}")
            found[name].append(run_side(task, name, quick))
    return {
        name: {figure: statistics.median(one[figure] for one in each) for figure in each[0]}
        for name, each in found.items()
    }


def run_side(task: str, side: str, quick: bool) -> Figures:
    """Return the figures of a side, measured in a new process."""
    command = [sys.executable, "-m", "benchmarks", "--side", task, side]
    done = subprocess.run(
        command + ["--quick"] * quick,
        cwd=ROOT,
        env=os.environ | dict.fromkeys(THREAD_VARIABLES, str(THREADS)),
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{task}: {side} ended with exit code {done.returncode}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def check_loss(loss: float, limit: float, quick: bool) -> None:
    """Stop where the work was not done: the figures would mean nothing."""
    if not quick and not loss < limit:
        raise SystemExit(f"the loss is {loss:.4f} after training, not below {limit}")
