"""Many graphs in one C file, built once, each then run on given arrays and numbers of threads."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.compile.emit.program import compile_graphs
from rushlight.compile.loader import Call, addresses, arena, function, load
from rushlight.compile.pool import pool
from rushlight.compile.program import Program, Slot, state_tensors
from rushlight.compile.toolchain import build, find_compiler
from rushlight.core.errors import BoundsError
from rushlight.core.primitive import Array
from rushlight.graph.ir import Graph

WARNINGS = ("-Wall", "-Wextra", "-Werror")


@dataclass(frozen=True, eq=False)
class Built:
    """A graph and its C in a loaded library."""

    graph: Graph
    program: Program
    library: ctypes.CDLL

    def run(self, inputs: Sequence[Array], threads: int = 1) -> list[Array]:
        """Return what `Interpreter.run` returns for the same arrays, which stay as they are.

        Raises BoundsError, once all states are found to be as they were, for an index out of range.
        """
        memory = Memory(self.graph, self.program, inputs)
        space = arena(self.program.arena + self.program.scratch * threads)
        space[...] = 0xA5  # what is read before it is written shows
        pointers = addresses(memory.arrays)
        call = Call(
            buffers=pointers.ctypes.data,
            arena=space.ctypes.data,
            threads=threads,
            parallel=pool().parallel,
        )
        failed = function(self.library, self.program.entry)(ctypes.addressof(call))
        memory.check_inputs(bool(failed))
        if failed:
            raise BoundsError(f"index {call.found}, told by node {failed - 1}")
        return memory.results()


class Memory:
    """The buffers of one call, in the order of the program's slots.

    Attributes:
        arrays: memory in each slot's own order of axes.
    """

    def __init__(self, graph: Graph, program: Program, inputs: Sequence[Array]) -> None:
        self.graph = graph
        self.program = program
        self.tensors = state_tensors(graph)
        self.given = self._given(inputs)
        self.arrays = [self._array(slot) for slot in program.slots]

    def _given(self, inputs: Sequence[Array]) -> dict[tuple[str, int], Array]:
        """Return the contents of slots, by role and index."""
        graph, found = self.graph, {}
        place = {id(x): i for i, x in enumerate(self.tensors)}
        keys = [("argument", i) for i in range(len(graph.arguments))]
        keys += [("state", place[id(x)]) for x, _ in graph.states]
        keys += [("gradient", i) for i in range(len(graph.grads))]
        for key, array in zip(keys, inputs, strict=True):
            found[key] = array
        for index, (array, _) in enumerate(graph.constants):
            found["constant", index] = array
        return found

    def _array(self, slot: Slot) -> Array:
        """Return new memory for a slot, with its contents if it has any; else all bits are set."""
        given = self.given.get((slot.role, slot.index))
        if given is not None:
            return np.array(given.transpose(slot.order), order="C")
        shape = [slot.shape[axis] for axis in slot.order]
        array = np.empty(shape, slot.dtype.storage)
        array.reshape(-1).view(np.uint8)[...] = 1 if slot.dtype.kind == "bool" else 0xFF
        return array

    def check_inputs(self, failed: bool) -> None:
        """Raise AssertionError if what a call must not change has changed."""
        written = set() if failed else set(self.program.written)
        for slot, array in zip(self.program.slots, self.arrays, strict=True):
            given = self.given.get((slot.role, slot.index))
            if given is None or (slot.role == "state" and slot.index in written):
                continue
            old = np.array(given.transpose(slot.order), order="C")
            if array.tobytes() != old.tobytes():
                raise AssertionError(f"{slot.role} {slot.index} has been changed")

    def results(self) -> list[Array]:
        """Return the results in the order of `graph.results()`."""
        found: dict[tuple[str, int], Array] = {}
        for slot, array in zip(self.program.slots, self.arrays, strict=True):
            inverse = [slot.order.index(axis) for axis in range(len(slot.order))]
            found[slot.role, slot.index] = array.transpose(inverse)
        place = {id(x): i for i, x in enumerate(self.tensors)}
        count = len(self.graph.outputs)
        grads = sum(value is not None for _, value in self.graph.grad_updates)
        keys = [("result", i) for i in range(count)]
        keys += [("state", place[id(x)]) for x, _ in self.graph.updates]
        keys += [("result", count + i) for i in range(grads)]
        return [found[key] for key in keys]


def build_graphs(
    graphs: Sequence[Graph], folder: Path, extra: Sequence[str] = WARNINGS, **options: Any
) -> list[Built]:
    """Return graphs as C, all in one file that is built in `folder`; a warning is an error.

    `options` are those of `compile_graphs`. Raises CompileError if the C is not accepted.
    """
    programs = compile_graphs(graphs, **options)
    (folder / "graphs.c").write_text(programs[0].source, encoding="utf-8")
    build(find_compiler(), folder / "graphs.c", folder / "graphs.so", extra)
    library = load(folder / "graphs.so")
    return [Built(g, p, library) for g, p in zip(graphs, programs, strict=True)]
