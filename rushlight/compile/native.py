"""Running a graph as compiled C: building it or finding it built, and calling it."""

import ctypes
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rushlight.autograd import assigned
from rushlight.compile import cache
from rushlight.compile.generator import generator
from rushlight.compile.loader import Call, address, arena, function, load
from rushlight.compile.pool import pool, thread_count
from rushlight.compile.program import Program, Slot, from_manifest, state_tensors
from rushlight.compile.states import State, States, lies_in, new_array
from rushlight.compile.toolchain import build, find_compiler
from rushlight.compile.turns import turn_of
from rushlight.core.lazy import load as load_module
from rushlight.core.primitive import Array
from rushlight.core.shapes import size_of
from rushlight.graph.bodies import Body
from rushlight.graph.ir import Graph

SMALL = 4096  # bytes: copying so few costs less than finding out where they lie
SPARE_CONTEXTS = 16  # kept for the next calls

_EMITTER = "rushlight.compile.emit.program"  # not imported where the cache has what it would make


class Native:
    """A graph's C, loaded; `natives` makes it.

    Attributes:
        source: the file of its C.
    """

    def __init__(self, graph: Graph, program: Program, path: Path) -> None:
        self.graph = graph
        self.program = program
        self.source = path.with_suffix(".c")
        library = load(path)
        self.function = function(library, self.program.entry)
        self.address = address(library, self.program.entry)
        self.threads = thread_count() if self.program.parallel else 1
        self._contexts: list[Context] = []
        tensors, written = state_tensors(graph), set(self.program.written)
        self.states = States(
            [
                State(tensors[slot.index], place, slot, slot.index in written)
                for place, slot in enumerate(self.program.slots)
                if slot.role == "state"
            ],
            has_turn=turn_of(graph) is not None,
        )

    def run(self, inputs: list[Array]) -> list[Array] | None:
        """Return the results that are no states, for the arrays of arguments and gradients.

        States are updated in place: where there are some to change, the caller has its turn.
        Returns None, with nothing changed, where an index was out of range.
        """
        try:
            context = self._contexts.pop()
        except IndexError:
            context = Context(self)
        results = context.call(inputs)
        if len(self._contexts) < SPARE_CONTEXTS:
            self._contexts.append(context)
        return results

    def note_states(self) -> None:
        """Note that states have changed."""
        for x, _ in self.graph.updates:
            assigned(x)


class Context:
    """The memory of one call at a time: pointers, small arguments and results, what lies between.

    Args:
        staged: up to how many bytes arguments and results are copied to and from memory of the
            context's own.

    Attributes:
        inputs: that memory, by the number of the input.
        results: that memory, by the number of the result.
    """

    def __init__(self, native: Native, staged: int = SMALL) -> None:
        program = native.program
        self.native = native
        self.function = native.function
        self.pointers: Any = np.zeros(max(1, len(program.slots)), np.uintp)
        self.arena = arena(program.arena + program.scratch * native.threads + 64)
        self._call = Call(
            buffers=self.pointers.ctypes.data,
            arena=self.arena.ctypes.data,
            threads=native.threads,
            parallel=pool().parallel if native.threads > 1 else 0,
        )
        self.address = ctypes.addressof(self._call)
        self.inputs: dict[int, Array] = {}
        self.results: dict[int, Array] = {}
        self._large_inputs: list[tuple[int, int, Slot]] = []  # place, number, slot
        self._large_results: list[tuple[int, int, Slot]] = []
        self._found: list[int] = []  # the homes to which the states' pointers point
        self._constants = []
        for place, slot in enumerate(program.slots):
            if slot.role == "constant":
                held = _in_order(native.graph.constants[slot.index][0], slot)
                self._constants.append(held)
                self.pointers[place] = held.ctypes.data
            elif slot.role != "state":
                self._add(place, slot, size_of(slot.shape) * slot.dtype.itemsize <= staged)
        self._staged = list(self.inputs.items())
        self._is_small = not (self._large_inputs or self._large_results)
        self._results = [self.results[number] for number in sorted(self.results)]

    def _add(self, place: int, slot: Slot, is_small: bool) -> None:
        """Prepare for an argument, a gradient or a result."""
        number = slot.index
        if slot.role == "gradient":
            number += len(self.native.graph.arguments)
        is_result = slot.role == "result"
        if is_small:
            raw, shaped = new_array(slot.shape, slot.order, slot.dtype.storage)
            self.pointers[place] = raw.ctypes.data
            (self.results if is_result else self.inputs)[number] = shaped
        else:
            large = self._large_results if is_result else self._large_inputs
            large.append((place, number, slot))

    def call(self, inputs: list[Array]) -> list[Array] | None:
        """Return the results for inputs, or None where an index was out of range."""
        for number, staged in self._staged:
            staged[...] = inputs[number]
        if self._is_small:
            return None if self.run() else [staged.copy() for staged in self._results]
        held = self._point_at_inputs(inputs)
        made = self._point_at_results()
        if self.run():
            return None
        del held
        for number, staged in self.results.items():
            made[number] = staged.copy()
        return [made[number] for number in sorted(made)]

    def _point_at_inputs(self, inputs: list[Array]) -> list[Array]:
        """Point the call at large inputs; return what is to be kept until it is over."""
        held = []
        for place, number, slot in self._large_inputs:
            held.append(_in_order(inputs[number], slot))
            self.pointers[place] = held[-1].ctypes.data
        return held

    def _point_at_results(self) -> dict[int, Array]:
        """Point the call at new memory for large results, and return that by number."""
        made = {}
        for place, number, slot in self._large_results:
            raw, made[number] = new_array(slot.shape, slot.order, slot.dtype.storage)
            self.pointers[place] = raw.ctypes.data
        return made

    def run(self) -> int:
        """Run the program on the states where they lie now; return 0, or what failed."""
        states = self.native.states
        if not states:
            return self.function(self.address)
        held = states.hold(self._found, self.pointers)
        failed = self.function(self.address)
        del held
        if states.has_turn and not failed:
            self.native.note_states()
        return failed

    def bind_states(self) -> list[Array]:
        """Point a call at where the states are now; return arrays to hold during the call."""
        return self.native.states.hold(self._found, self.pointers)


def _in_order(array: Array, slot: Slot) -> Array:
    """Return an array whose memory is in a slot's order: the same one where it is."""
    if lies_in(array, slot.order):
        return array
    raw, shaped = new_array(slot.shape, slot.order, slot.dtype.storage)
    shaped[...] = array
    return raw


def natives(graphs: Sequence[Graph]) -> list[Native]:
    """Return graphs as C in one object, which is built where the cache does not have it.

    Raises CompileError where there is no C compiler, NotImplementedError for an op without C.
    """
    compiler = find_compiler()
    key = cache.digest("graphs", *map(fingerprint, graphs), generator(), compiler.recipe)
    entry = cache.find(key)
    if entry is None:
        programs = load_module(_EMITTER).compile_graphs(graphs)
        manifest = {"programs": [program.manifest() for program in programs]}
        make = functools.partial(build, compiler)
        entry = cache.store(key, programs[0].source, compiler.recipe, manifest, make)
    programs = [from_manifest(facts) for facts in entry.manifest["programs"]]
    return [Native(g, program, entry.path) for g, program in zip(graphs, programs, strict=True)]


def fingerprint(graph: Graph) -> str:
    """Return a digest of all that a graph's C depends on.

    The lines of the user's program are no part of it: a step that has moved is found again.
    """
    number = {value: i for i, value in enumerate(graph.values)}
    parts: list[Any] = [graph.name, *(value.spec for value in graph.values)]
    for node in graph.nodes:
        params = [(name, _as_key(node.params[name])) for name in sorted(node.params)]
        parts.append((node.primitive.name, params, node.module))
        parts.append([number[x] for x in (*node.inputs, *node.outputs)])
    parts.append([number[x] for x in graph.arguments])
    place = {id(x): i for i, (x, _) in enumerate(graph.states)}
    for pairs in (graph.states, graph.updates, graph.grads):
        parts.append([(place.get(id(x), -1), x.name, number[value]) for x, value in pairs])
    parts.append([number[x] for x in graph.outputs])
    parts.append([value and number[value] for _, value in graph.grad_updates])
    digests: list[str | bytes] = [str(part) for part in parts]
    for array, value in graph.constants:
        digests += [str(number[value]), np.ascontiguousarray(array).tobytes()]
    return cache.digest(*digests)


def _as_key(param: Any) -> Any:
    """Return what of a param the C depends on: of a body, its digest."""
    return fingerprint(param.graph) if isinstance(param, Body) else param
