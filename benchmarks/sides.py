"""Sides of a comparison, each measured in processes of its own that take turns.

So no side finds the memory, the threads or the caches of another.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

THREADS = 2
ROOT = Path(__file__).resolve().parent.parent
OUR_THREADS = "RUSHLIGHT_THREADS"
THREAD_VARIABLES = (
    OUR_THREADS,
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
TORCH = "PyTorch"
ONNX = "ONNX Runtime"
SKLEARN = "scikit-learn"
PACKAGES = {TORCH: ("torch",), ONNX: ("onnxruntime", "onnx"), SKLEARN: ("sklearn",)}

Figures = dict[str, float]
Side = Callable[[bool], Figures]  # takes whether to be quick


@dataclass(frozen=True)
class Measure:
    """One figure of our side to compare with the same of its rivals.

    Attributes:
        name: what it is, for people.
        unit: "s", "ms", "µs", "MiB", "%" or "nats".
        figure: its name among a side's figures.
        ours: our side.
        rivals: the others; where there is none, ours stands alone.
        flop: additions and multiplications in it, where the machine's peak is the limit.
        threads: on which it runs.
        more: whether more is better, and not less.
    """

    name: str
    unit: str
    figure: str
    ours: str
    rivals: tuple[str, ...] = ()
    flop: float = 0.0
    threads: int = THREADS
    more: bool = False


@dataclass(frozen=True)
class Task:
    """Sides that do the same work, and what to compare of them.

    Attributes:
        sides: by name; one that begins with the name of a rival needs the rival's packages.
        measures: what to compare.
        threads: of the sides that do not use two.
        once: sides that are measured once, not in every run.
    """

    sides: Mapping[str, Side]
    measures: tuple[Measure, ...]
    threads: Mapping[str, int] = field(default_factory=dict)
    once: tuple[str, ...] = ()

    @property
    def ours(self) -> set[str]:
        """The sides that are ours."""
        return {measure.ours for measure in self.measures}

    def missing(self, side: str) -> str | None:
        """Return the first package that a side needs and that is not installed."""
        for rival, packages in PACKAGES.items():
            if side.startswith(rival):
                for package in packages:
                    if importlib.util.find_spec(package) is None:
                        return package
        return None


def threads() -> int:
    """Return how many threads this process is meant to use."""
    return int(os.environ.get(OUR_THREADS, THREADS))


def take_turns(
    name: str,
    task: Task,
    sides: Sequence[str],
    runs: int,
    quick: bool,
    note: Callable[[str], None],
) -> dict[str, Figures]:
    """Return the medians of each side's figures over so many runs.

    A rival that fails is left out; where ours does, all stops.
    """
    found: dict[str, list[Figures]] = {side: [] for side in sides}
    failed = set()
    for run in range(runs):
        for side in sides if run % 2 == 0 else sides[::-1]:
            if side in failed or (side in task.once and found[side]):
                continue
            note(f"{name}: run {run + 1} of {runs}, {side}")
            try:
                found[side].append(run_side(name, side, task.threads.get(side, THREADS), quick))
            except SideError as error:
                if side in task.ours:
                    raise SystemExit(str(error)) from None
                note(f"{error}, and is left out")
                failed.add(side)
    return {
        side: {figure: statistics.median(one[figure] for one in each) for figure in each[0]}
        for side, each in found.items()
        if side not in failed
    }


class SideError(Exception):
    """The process of a side that did not end well."""


def run_side(task: str, side: str, threads: int, quick: bool) -> Figures:
    """Return the figures of a side, measured in a new process.

    Raises SideError where that fails; what it said is on standard error.
    """
    command = [sys.executable, "-m", "benchmarks", "--side", task, side]
    done = subprocess.run(
        command + ["--quick"] * quick,
        cwd=ROOT,
        env=os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads)),
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise SideError(f"{task}: {side} ended with exit code {done.returncode}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def a_call(call: Callable[[], object], quick: bool) -> float:
    """Return the seconds that a call takes: the median over blocks of calls."""
    count = 1
    while not quick and _block(call, count) < 0.02:
        count *= 2
    return statistics.median(_block(call, count) for _ in range(1 if quick else 15)) / count


def _block(call: Callable[[], object], count: int) -> float:
    turns = range(count)
    started = time.perf_counter()
    for _ in turns:
        call()
    return time.perf_counter() - started


def check_loss(loss: float, limit: float, quick: bool) -> None:
    """Stop where the work was not done: the figures would mean nothing."""
    if not quick and not loss < limit:
        raise SystemExit(f"the loss is {loss:.4f} after training, not below {limit}")
