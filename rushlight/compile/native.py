"""Running a graph as compiled C: building it or finding it built, and calling it."""

import ctypes
import functools
import sys
from pathlib import Path
from typing import Any

import numpy as np

from rushlight._version import __version__
from rushlight.autograd import assigned
from rushlight.compile import cache
from rushlight.compile.emit.program import compile_graph
from rushlight.compile.loader import Call, address, arena, function, load
from rushlight.compile.pool import pool, thread_count
from rushlight.compile.program import Program, Slot, from_manifest, state_tensors
from rushlight.compile.toolchain import Compiler, build, find_compiler
from rushlight.core.primitive import Array
from rushlight.graph.ir import Graph
from rushlight.tensor import Tensor


class Native:
    """A graph's C, loaded: `run` takes what `Interpreter.run` takes and gives what it gives.

    Raises CompileError where there is no C compiler, NotImplementedError for an op without C.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        compiler = find_compiler()
        self.program, path = _built(graph, compiler)
        library = load(path)
        self.function = function(library, self.program.entry)
        self.address = address(library, self.program.entry)
        self.threads = thread_count() if self.program.parallel else 1
        self._contexts: list[_Context] = []
        tensors = state_tensors(graph)
        written = set(self.program.written)
        self.states: list[_State] = []
        self.results: list[int] = []
        self.inputs: list[tuple[int, str, int]] = []  # slot, role, index
        for place, slot in enumerate(self.program.slots):
            if slot.role == "state":
                tensor = tensors[slot.index]
                self.states.append(_State(tensor, place, slot, slot.index in written))
            elif slot.role == "result":
                self.results.append(place)
            elif slot.role != "constant":
                self.inputs.append((place, slot.role, slot.index))

    def run(self, arguments: list[Array], grads: list[Array]) -> list[Array] | None:
        """Return the results that are no states; states are updated in place.

        Returns None, with nothing changed, where an index was out of range.
        """
        context = self._contexts.pop() if self._contexts else self.context()
        held = context.fill(arguments, grads)
        self.bind_states(context)
        outputs = context.new_results()
        failed = self.function(context.address)
        del held
        self._contexts.append(context)
        if failed:
            return None
        self.note_states()
        return outputs

    def context(self) -> "_Context":
        """Return the memory for one call at a time."""
        return _Context(self)

    def bind_states(self, context: "_Context") -> None:
        """Point a call at where the states are now."""
        for state in self.states:
            context.pointers[state.place] = state.bind()

    def note_states(self) -> None:
        """Note that states have changed."""
        for x, _ in self.graph.updates:
            assigned(x)


class _Context:
    """The memory of one call at a time: pointers, and what lies between."""

    def __init__(self, native: Native) -> None:
        program = native.program
        self.native = native
        self.pointers: Any = np.zeros(max(1, len(program.slots)), np.uintp)
        self.arena = arena(program.arena + program.scratch * native.threads + 64)
        self.call = Call(
            buffers=self.pointers.ctypes.data,
            arena=self.arena.ctypes.data,
            threads=native.threads,
            parallel=pool().parallel if native.threads > 1 else 0,
        )
        self.address = ctypes.addressof(self.call)
        self.constants = []
        for place, slot in enumerate(program.slots):
            if slot.role == "constant":
                held = _in_order(native.graph.constants[slot.index][0], slot)
                self.constants.append(held)
                self.pointers[place] = held.ctypes.data

    def fill(self, arguments: list[Array], grads: list[Array]) -> list[Array]:
        """Point at arguments and gradients; return the arrays to keep alive during the call."""
        slots = self.native.program.slots
        given = {"argument": arguments, "gradient": grads}
        held = []
        for place, role, index in self.native.inputs:
            ready = _in_order(given[role][index], slots[place])
            held.append(ready)
            self.pointers[place] = ready.ctypes.data
        return held

    def new_results(self) -> list[Array]:
        made = []
        for place in self.native.results:
            raw, shaped = _new(self.native.program.slots[place])
            self.pointers[place] = raw.ctypes.data
            made.append(shaped)
        return made


class _State:
    """A captured tensor, and the slot of a program for it."""

    def __init__(self, tensor: Tensor, place: int, slot: Slot, written: bool) -> None:
        self.tensor = tensor
        self.place = place
        self.slot = slot
        self.written = written
        self._seen: Array | None = None  # what was last found to lie well, for reading
        self._pointer = 0

    def bind(self) -> int:
        """Return where the tensor's elements lie, in the order that the program wants."""
        tensor = self.tensor
        home = tensor.home
        if home is not None and home.order == self.slot.order and home.is_kept_by(tensor):
            return home.pointer
        data = tensor.data
        if not self.written:
            if data is self._seen:
                return self._pointer
            if _lies_in(data, self.slot):
                self._seen, self._pointer = data, data.ctypes.data
                return self._pointer
        del data
        tensor.home = _Home(tensor, self.slot)
        return tensor.home.pointer


class _Home:
    """Memory of a tensor's own, which compiled code may write in place.

    What others hold of the tensor's array (a NumPy view, a detached tensor) must not change, so
    when anybody else holds it, they keep it, and the tensor moves to a new home.
    """

    def __init__(self, tensor: Tensor, slot: Slot) -> None:
        raw, shaped = _new(slot)
        shaped[...] = tensor.data
        self.order = slot.order
        self.pointer: int = raw.ctypes.data
        self._array = tensor.data = shaped
        del raw, shaped
        self._holders = _holders(tensor.data)

    def is_kept_by(self, tensor: Tensor) -> bool:
        """Return whether the tensor still lies here, and nobody else looks on."""
        return tensor.data is self._array and _holders(tensor.data) == self._holders


def _holders(data: Array) -> tuple[int, int]:
    """Return how many hold an array, and the memory that it is a view of."""
    return sys.getrefcount(data), sys.getrefcount(data.base)


def _new(slot: Slot) -> tuple[Array, Array]:
    """Return new memory in a slot's order, and the array of the slot's shape that views it."""
    raw = np.empty([slot.shape[axis] for axis in slot.order], slot.dtype.storage)
    inverse = [slot.order.index(axis) for axis in range(len(slot.order))]
    return raw, raw.transpose(inverse)


def _lies_in(array: Array, slot: Slot) -> bool:
    """Return whether an array's elements lie in a slot's order."""
    return bool(array.transpose(slot.order).flags.c_contiguous and array.flags.aligned)


def _in_order(array: Array, slot: Slot) -> Array:
    """Return an array whose memory is in a slot's order: the same one where it is."""
    if _lies_in(array, slot):
        return array
    raw, shaped = _new(slot)
    shaped[...] = array
    return raw


def _built(graph: Graph, compiler: Compiler) -> tuple[Program, Path]:
    """Return a graph's program and its compiled object, from the cache if it is there."""
    key = cache.digest("graph", fingerprint(graph), _generator(), compiler.recipe)
    entry = cache.find(key)
    if entry is None:
        program = compile_graph(graph)
        make = functools.partial(build, compiler)
        entry = cache.store(key, program.source, compiler.recipe, program.manifest(), make)
    return from_manifest(entry.manifest), entry.path


@functools.cache
def _generator() -> str:
    """Return what tells this generator of C from others: its version, and its files' dates."""
    folder = Path(__file__).parents[1]
    parts = [__version__]
    for part in ("core", "ops", "graph", "compile"):
        for path in sorted((folder / part).rglob("*.*")):
            if path.suffix in (".py", ".h", ".c"):
                status = path.stat()
                parts.append(f"{path.name} {status.st_size} {status.st_mtime_ns}")
    return cache.digest(*parts)


def fingerprint(graph: Graph) -> str:
    """Return a digest of all that a graph's C depends on."""
    number = {value: i for i, value in enumerate(graph.values)}
    parts = [" ".join(str(value.spec) for value in graph.values)]
    for node in graph.nodes:
        inputs = [number[x] for x in node.inputs]
        params = sorted((name, repr(value)) for name, value in node.params.items())
        outputs = [number[x] for x in node.outputs]
        parts.append(
            f"{node.primitive.name} {inputs} {params} {outputs} {node.source} {node.module}"
        )
    place = {id(x): i for i, (x, _) in enumerate(graph.states)}
    parts.append(str([(place.get(id(x), -1), number[v]) for x, v in graph.updates]))
    parts.append(str([x.name for x, _ in graph.states]))
    parts.append(str([number[v] for _, v in graph.states]))
    parts.append(str([number[v] for v in graph.outputs]))
    parts.append(str([v and number[v] for _, v in graph.grad_updates]))
    digests: list[str | bytes] = list(parts)
    for array, value in graph.constants:
        digests += [str(number[value]), np.ascontiguousarray(array).tobytes()]
    return cache.digest(*digests)
