"""How long a program waits for `import`: in new processes, beyond NumPy's own import."""

import subprocess
import sys

from benchmarks.sides import ROOT, TORCH, Figures, Measure, Task

PROGRAM = """
import time
import numpy
started = time.perf_counter()
{statement}
print((time.perf_counter() - started) * 1000)
"""


def timed(statement: str) -> Figures:
    """Return the milliseconds of a statement in a process that has imported NumPy only."""
    command = [sys.executable, "-c", PROGRAM.format(statement=statement)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return {"import": float(done.stdout)}


def ours(quick: bool) -> Figures:
    return timed("import rushlight; rushlight.Tensor")


def pytorch(quick: bool) -> Figures:
    return timed("import torch")


TASK = Task(
    {"ours": ours, TORCH: pytorch},
    (Measure("import beyond NumPy's", "ms", "import", "ours", (TORCH,)),),
)
