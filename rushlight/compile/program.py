"""A program: a graph as C, with what one must know to call it."""

from dataclasses import dataclass
from typing import Any

from rushlight.core.dtypes import BY_NAME, DType
from rushlight.core.errors import CompileError


@dataclass(frozen=True)
class Slot:
    """One buffer that the caller gives: what it holds, and the order of its axes in memory."""

    role: str  # "argument", "state", "gradient", "constant" or "result"
    shape: tuple[int, ...]
    dtype: DType
    order: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """A graph's C and its calling convention.

    Attributes:
        entry: the name of the C function.
        slots: the buffers of a call: arguments, states, gradients and constants in the graph's
            order, then states that are only written, then results.
        states: for each update of the graph the slot of its state.
        arena: bytes of memory that a call needs for what lies between.
        scratch: bytes more that it needs for each thread.
        parallel: whether it is worth more than one thread.
        kernels: how many kernels there are, for people to read.
        source: the C, where it was made in this process.
    """

    entry: str
    slots: tuple[Slot, ...]
    states: tuple[int, ...]
    arena: int
    scratch: int
    parallel: bool
    kernels: int
    source: str = ""

    def manifest(self) -> dict[str, Any]:
        """Return all but the source as JSON can hold it."""
        slots = [
            {
                "role": slot.role,
                "shape": list(slot.shape),
                "dtype": slot.dtype.name,
                "order": list(slot.order),
            }
            for slot in self.slots
        ]
        return {
            "entry": self.entry,
            "slots": slots,
            "states": list(self.states),
            "arena": self.arena,
            "scratch": self.scratch,
            "parallel": self.parallel,
            "kernels": self.kernels,
        }


def from_manifest(facts: dict[str, Any]) -> Program:
    """Return the program that a manifest tells of. Raises CompileError if it is none."""
    try:
        slots = tuple(
            Slot(
                str(slot["role"]),
                tuple(map(int, slot["shape"])),
                BY_NAME[slot["dtype"]],
                tuple(map(int, slot["order"])),
            )
            for slot in facts["slots"]
        )
        return Program(
            str(facts["entry"]),
            slots,
            tuple(map(int, facts["states"])),
            int(facts["arena"]),
            int(facts["scratch"]),
            bool(facts["parallel"]),
            int(facts["kernels"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CompileError(f"a manifest is not what it should be: {error!r}") from None
