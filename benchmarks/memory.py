"""The most memory that a process took which trained the digits network for an epoch."""

import sys

try:
    import resource
except ModuleNotFoundError:  # Windows has no such figures
    resource = None  # type: ignore[assignment]

from benchmarks import digits
from benchmarks.sides import TORCH, Figures, Measure, Side, Task

UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes


def peak_of(side: Side) -> Side:
    def measured(quick: bool) -> Figures:
        side(quick)
        return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT / (1 << 20)}

    return measured


TASK = Task(
    {name: peak_of(side) for name, side in digits.TASK.sides.items() if resource},
    (
        Measure("peak of a digits epoch, op by op", "MiB", "peak", "eager", (TORCH, "NumPy")),
        Measure("peak of a digits epoch, rl.compile", "MiB", "peak", "compiled", (TORCH, "NumPy")),
    ),
)
