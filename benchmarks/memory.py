"""The most memory that a process took which trained the digits network."""

from functools import partial

from benchmarks import digits
from benchmarks.load import peak_memory
from benchmarks.sides import TORCH, Figures, Measure, Side, Task


def peak_of(side: Side) -> Side:
    def measured(quick: bool) -> Figures:
        side(quick)
        return {"peak": peak_memory()}

    return measured


SIDES = {
    "compiled": peak_of(partial(digits.ours, compiled=True, epochs=1)),
    "eager": peak_of(partial(digits.ours, compiled=False, epochs=1)),
    TORCH: peak_of(partial(digits.pytorch, epochs=1)),
    "NumPy": peak_of(partial(digits.by_hand, epochs=1)),
}
TASK = Task(
    SIDES,
    (
        Measure("peak of digits training", "MiB", "peak", "compiled", (TORCH, "NumPy")),
        Measure("peak of digits training, op by op", "MiB", "peak", "eager", (TORCH, "NumPy")),
    ),
    once=tuple(SIDES),
)
