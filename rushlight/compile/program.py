"""A program: a graph as C, with what one must know to call it."""

from dataclasses import dataclass
from typing import Any

from rushlight.core.dtypes import BY_NAME, DType
from rushlight.core.errors import CompileError
from rushlight.graph.ir import Graph


@dataclass(frozen=True)
class Slot:
    """One buffer that the caller gives: what it holds, and the order of its axes in memory.

    `index` says which: of the graph's arguments, of its `state_tensors`, of its gradients, of its
    constants, or of the results that are no states.
    """

    role: str  # "argument", "state", "gradient", "constant" or "result"
    index: int
    shape: tuple[int, ...]
    dtype: DType
    order: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """A graph's C and its calling convention.

    Attributes:
        entry: the name of the C function.
        slots: the buffers of a call, in their order.
        written: the indices of the states that a call changes.
        arena: bytes of memory that a call needs for what lies between.
        scratch: bytes more that it needs for each thread.
        parallel: whether it is worth more than one thread.
        kernels: how many kernels there are, for people to read.
        source: the C, where it was made in this process.
    """

    entry: str
    slots: tuple[Slot, ...]
    written: tuple[int, ...]
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
                "index": slot.index,
                "shape": list(slot.shape),
                "dtype": slot.dtype.name,
                "order": list(slot.order),
            }
            for slot in self.slots
        ]
        return {
            "entry": self.entry,
            "slots": slots,
            "written": list(self.written),
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
                int(slot["index"]),
                tuple(map(int, slot["shape"])),
                BY_NAME[slot["dtype"]],
                tuple(map(int, slot["order"])),
            )
            for slot in facts["slots"]
        )
        return Program(
            str(facts["entry"]),
            slots,
            tuple(map(int, facts["written"])),
            int(facts["arena"]),
            int(facts["scratch"]),
            bool(facts["parallel"]),
            int(facts["kernels"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CompileError(f"a manifest is not what it should be: {error!r}") from None


def state_tensors(graph: Graph) -> list[Any]:
    """Return the tensors that a graph reads or changes, each once."""
    tensors = [x for x, _ in (*graph.states, *graph.updates)]
    return list({id(x): x for x in tensors}.values())
