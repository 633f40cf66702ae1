"""Nothing is measured that was meant to run as compiled C and did not."""

import time
from typing import Any

from numpy.typing import NDArray

from rushlight.compile.function import Compiled
from rushlight.data import DataLoader


class Watched(DataLoader):
    """A loader that notes when compiled code first asks it for the order of its items.

    By then `fit` has traced and compiled its steps.
    """

    driven_from: float | None = None

    def orders(self, epochs: range) -> NDArray[Any]:
        if self.driven_from is None:
            self.driven_from = time.perf_counter()
        return super().orders(epochs)


def need_driven(loader: Watched) -> float:
    """Return when compiled code began to drive the steps; stop where it never did."""
    if loader.driven_from is None:
        raise SystemExit("fit made its steps one by one, and not in compiled code")
    return loader.driven_from


def need_native(function: Compiled) -> None:
    """Stop where a graph of a compiled function ran in NumPy, or none was compiled."""
    if function.fallbacks or not function.graphs:
        raise SystemExit(f"nothing ran as compiled C: {function.fallbacks or 'no call was made'}")
