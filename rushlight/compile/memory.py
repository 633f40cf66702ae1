"""Memory: which buffer a value lies in, which states change in place, where temporaries go."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rushlight.compile.access import reshaped_strides
from rushlight.compile.fuse import Fuser
from rushlight.compile.layout import choose_orders
from rushlight.compile.program import state_tensors
from rushlight.compile.records import Buffer, Strided
from rushlight.compile.soft import Kernel
from rushlight.core.kernels import Contraction, Deposit, Reinterpret
from rushlight.core.primitive import PRIMITIVES, Array
from rushlight.core.shapes import size_of
from rushlight.graph.ir import Graph, GraphValue
from rushlight.graph.printer import state_names

ALIGNMENT = 64
OWN_STEMS = (
    "cond",
    "copy",
    "kernel",
    "operand",
    "rows",
    "scan",
    "table",
    "while_loop",
)  # beside those of primitives: numbered names
MOST_IN_SOURCE = 1024  # elements of a constant that is written out in the C


@dataclass(eq=False)
class Memory:
    """Where values lie. `slots` are the buffers that the caller gives, in their order."""

    fuser: Fuser
    traced: Graph  # of which the fuser has an optimised copy
    prefix: str = ""  # of the names of tables, and in a body of all others
    is_inner: bool = False  # whether it is that of a body
    slots: list[Buffer] = field(default_factory=list)
    strided: dict[GraphValue, Strided] = field(default_factory=dict)  # of roots
    commits: list[tuple[Buffer, Buffer]] = field(default_factory=list)  # copied at the end
    state: dict[int, Buffer] = field(default_factory=dict)  # by id of the tensor
    in_place: dict[GraphValue, Buffer] = field(default_factory=dict)
    temporaries: list[Buffer] = field(default_factory=list)
    tables: list[tuple[Buffer, Array]] = field(default_factory=list)  # constants in the C itself

    @property
    def tensors(self) -> list[Any]:
        return state_tensors(self.traced)

    def local(self, name: str) -> str:
        """Return what a buffer is called, which in a body is not what one around it is."""
        return self.prefix + name if self.is_inner else name

    def new_slot(
        self, name: str, value: GraphValue, order: tuple[int, ...], role: str, index: int
    ) -> Buffer:
        """Return a new buffer that the caller gives."""
        slot = len(self.slots)
        called = self.local(given_name(name, slot))
        buffer = Buffer(called, value.shape, value.dtype, order, role, index, slot)
        self.slots.append(buffer)
        return buffer

    def view(self, value: GraphValue) -> Strided:
        """Return where the elements of any value lie, be it a view of another."""
        ref = self.fuser.views.ref(value)
        base = self.strided[ref.root]
        strides = [0] * len(value.shape)
        offset = base.offset
        for term, stride in zip(ref.terms, base.strides, strict=True):
            offset += term.start * stride
            for axis, step in term.steps:
                strides[axis] += step * stride
        return Strided(base.buffer, value.shape, tuple(strides), offset)


def assign_memory(fuser: Fuser, traced: Graph, prefix: str = "", is_inner: bool = False) -> Memory:
    """Return where every value of the kernels lies; temporaries have no place in the arena yet.

    What a body is given and gives lies in row-major order, but for what it captured.
    """
    memory = Memory(fuser, traced, prefix, is_inner)
    orders = choose_orders(fuser, fixed=fuser.graph.outputs if is_inner else ())
    _enter_inputs(memory, orders)
    memory.in_place = _find_in_place(memory)
    results = _enter_results(memory, orders)
    for kernel in fuser.kernels:
        if isinstance(kernel.record, Reinterpret):
            _reinterpret(memory, kernel, orders)
            continue
        needed = kernel.kept if kernel.is_loop else kernel.kept | _own_results(kernel)
        for value in kernel.defs:
            if value not in needed:
                continue
            buffer = results.get(value)
            if buffer is None:
                buffer = _temporary(memory, value, orders.get(value))
            memory.strided[value] = buffer.view()
    return memory


def _own_results(kernel: Kernel) -> set[GraphValue]:
    """Return the results of a structured node that are written to memory whoever reads them."""
    fused = len(kernel.place) > len(kernel.op.outputs)
    return set() if fused else set(kernel.op.outputs)


def _default(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(range(len(shape)))


def _enter_inputs(memory: Memory, orders: dict[GraphValue, tuple[int, ...]]) -> None:
    graph = memory.fuser.graph
    names = state_names(graph)

    def enter(value: GraphValue, name: str, role: str, index: int) -> Buffer:
        order = orders.get(value, _default(value.shape))
        buffer = memory.new_slot(name, value, order, role, index)
        memory.strided[value] = buffer.view()
        return buffer

    for index, value in enumerate(graph.arguments):
        enter(value, "x", "argument", index)
    tensors = [id(x) for x in memory.tensors]
    for x, value in graph.states:
        memory.state[id(x)] = enter(value, names[id(x)], "state", tensors.index(id(x)))
    held = [id(x) for x, _ in memory.traced.grads]
    for x, value in graph.grads:
        enter(value, f"grad of {names.get(id(x), 'state')}", "gradient", held.index(id(x)))
    in_memory = _read_by_structured(memory.fuser)
    known = {id(array): i for i, (array, _) in enumerate(memory.traced.constants)}
    for array, value in graph.constants:
        if array.size > MOST_IN_SOURCE and id(array) in known and not memory.is_inner:
            enter(value, "constant", "constant", known[id(array)])
        elif array.size != 1 or value in in_memory:
            name = c_name(f"{memory.prefix}table", len(memory.tables))
            buffer = Buffer(name, value.shape, value.dtype, _default(value.shape), "table")
            memory.tables.append((buffer, array))
            memory.strided[value] = buffer.view()


def _read_by_structured(fuser: Fuser) -> set[GraphValue]:
    """Return the values that must be in memory even if they are a single number."""
    return {
        fuser.views.root(x)
        for kernel in fuser.kernels
        if kernel.node is not None
        for x in kernel.node.inputs
    }


def _enter_results(
    memory: Memory, orders: dict[GraphValue, tuple[int, ...]]
) -> dict[GraphValue, Buffer]:
    """Give each result a buffer: the state's own, a temporary that is copied there, or a slot."""
    graph = memory.fuser.graph
    buffers: dict[GraphValue, Buffer] = {}
    tensors = [id(x) for x in memory.tensors]
    for x, value in graph.updates:
        if value in memory.in_place:
            buffers[value] = memory.in_place[value]
            continue
        state = memory.state.get(id(x))
        if state is None:  # never read, only written
            order = orders.get(value, _default(value.shape))
            state = memory.new_slot("state", value, order, "state", tensors.index(id(x)))
            memory.state[id(x)] = state
        buffers[value] = _temporary(memory, value, state.order)
        memory.commits.append((buffers[value], state))
    others = [*graph.outputs, *(v for _, v in graph.grad_updates if v is not None)]
    for index, value in enumerate(others):
        order = orders.get(value, _default(value.shape))
        buffers[value] = memory.new_slot("result", value, order, "result", index)
    return buffers


def _temporary(memory: Memory, value: GraphValue, order: tuple[int, ...] | None) -> Buffer:
    node = memory.fuser.producer[value]
    name = memory.local(c_name(node.primitive.name, value.index))
    buffer = Buffer(name, value.shape, value.dtype, order or _default(value.shape))
    memory.temporaries.append(buffer)
    return buffer


def _reinterpret(memory: Memory, kernel: Kernel, orders: dict[GraphValue, tuple[int, ...]]) -> None:
    """Read the operand's memory under another shape, or where it lies otherwise mark a copy."""
    node = kernel.op
    value = node.outputs[0]
    source = memory.view(node.inputs[0])
    strides = reshaped_strides(source.shape, source.strides, value.shape)
    if strides is not None:
        memory.strided[value] = Strided(source.buffer, value.shape, strides, source.offset)
        kernel.kept = set()
        return
    name = memory.local(c_name("rows", value.index))
    buffer = Buffer(name, source.shape, value.dtype, _default(source.shape))
    memory.temporaries.append(buffer)
    memory.strided[value] = Strided(buffer, value.shape, row_major(value.shape))
    kernel.kept = {value}


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of an array whose last axis lies innermost.

    >>> row_major((2, 3, 4))
    (12, 4, 1)
    """
    return tuple(size_of(shape[axis + 1 :]) for axis in range(len(shape)))


def c_name(name: str, number: int) -> str:
    """Return a C identifier that begins with what can be kept of a name and ends in a number.

    >>> c_name('0.weight"*/', 3), c_name("", 1)
    ('weight_3', 'v_1')
    """
    kept = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
    kept = kept.strip("_0123456789")[-24:].strip("_0123456789")
    return f"{kept or 'v'}_{number}"


def given_name(name: str, slot: int) -> str:
    """Return what C calls a buffer that the caller gives, which it calls nothing else.

    >>> given_name("0.weight", 1), given_name("kernel", 1), given_name("M_PI", 2)
    ('weight_1', 'its_kernel_1', 'its_M_PI_2')
    """
    called = c_name(name, slot)
    stem = called.removesuffix(f"_{slot}")
    own = stem in OWN_STEMS or stem in PRIMITIVES or stem.startswith(("rl_", "program"))
    return f"its_{called}" if own or stem.isupper() else called


def _find_in_place(memory: Memory) -> dict[GraphValue, Buffer]:
    """Return the new values of states that may be written over the old ones.

    That is so where nobody reads the old one later, nor at another place than the one written, and
    where all indices have been checked by then, so that a call that fails changes nothing.
    """
    fuser = memory.fuser
    graph = fuser.graph
    inputs = {id(x): value for x, value in graph.states}
    origins = _Origins(fuser)
    checked = _last_check(fuser)
    found: dict[GraphValue, Buffer] = {}
    for x, value in graph.updates:
        kernel = fuser.home.get(value)
        if kernel is None or fuser.kernels.index(kernel) <= checked:
            continue
        old = inputs.get(id(x))
        if old is None:
            continue
        buffer = memory.state[id(x)]
        place = fuser.kernels.index(kernel)
        later = fuser.kernels[place + 1 :]
        if any(old in origins.read_by(other) for other in later):
            continue
        if _only_in_step(fuser, kernel, value, old, origins):
            found[value] = buffer
    return found


class _Origins:
    """Which inputs of the graph a kernel reads, be it through views and reshapes."""

    def __init__(self, fuser: Fuser) -> None:
        self.fuser = fuser
        self._read: dict[Kernel, set[GraphValue]] = {}

    def of(self, value: GraphValue) -> GraphValue:
        root = self.fuser.views.root(value)
        node = self.fuser.producer.get(root)
        if node is not None and isinstance(self.fuser.records[node], Reinterpret):
            return self.of(node.inputs[0])
        return root

    def reads(self, kernel: Kernel, value: GraphValue, old: GraphValue) -> bool:
        """Return whether a def is computed from an input, beside other defs."""
        if kernel.node is not None and value in kernel.node.outputs:
            return False
        return any(self.of(read) is old for read, _ in self.fuser.reads(kernel, value))

    def read_by(self, kernel: Kernel) -> set[GraphValue]:
        if kernel not in self._read:
            self._read[kernel] = {self.of(v) for v in self.fuser.values_read(kernel)}
        return self._read[kernel]


def _only_in_step(
    fuser: Fuser, kernel: Kernel, value: GraphValue, old: GraphValue, origins: _Origins
) -> bool:
    """Return whether the kernel reads `old` nowhere but where, and before, it writes `value`."""
    if isinstance(kernel.record, Deposit) and kernel.node is not None:
        base = kernel.node.inputs[0] if kernel.record.based else None
        others = kernel.node.inputs[1:]
        return base is old and all(origins.of(x) is not old for x in others)
    if kernel.node is not None:
        if any(origins.of(x) is old for x in kernel.node.inputs):
            return False
        if value in kernel.node.outputs:
            return isinstance(kernel.record, Contraction) and old not in origins.read_by(kernel)
    for read, places in fuser.reads(kernel):
        if origins.of(read) is old and (read is not old or places != kernel.place[value]):
            return False
    stages = fuser.stages(kernel)
    order = sorted(kernel.defs, key=stages.__getitem__)  # in which they are computed
    later = order[order.index(value) + 1 :]
    readers = {v for v in kernel.defs if origins.reads(kernel, v, old)}
    if any(stages[v] != stages[value] for v in readers):
        return False
    return value in readers or not readers.intersection(later)


def _last_check(fuser: Fuser) -> int:
    """Return the number of the kernel after which no index can be found out of range, or -1."""
    done: dict[object, int] = {}
    tried: dict[object, int] = {}
    for number, kernel in enumerate(fuser.kernels):
        for check in fuser.index_checks(kernel):
            tried[check.key] = number
            if check.complete:
                done.setdefault(check.key, number)
    return max((done.get(key, number) for key, number in tried.items()), default=-1)


def place_temporaries(memory: Memory, lives: dict[Buffer, tuple[int, int]]) -> int:
    """Give temporaries their offsets in the arena, those that live at once apart; return its size.

    Larger buffers first, each at the lowest place that is free while it lives.
    """
    placed: list[Buffer] = []
    size = 0
    for buffer in sorted(lives, key=lambda b: (-b.bytes, lives[b])):
        offset = 0
        for other in sorted(_alive_with(buffer, placed, lives), key=lambda b: b.offset):
            if offset + _padded(buffer) <= other.offset:
                break
            offset = max(offset, other.offset + _padded(other))
        buffer.offset = offset
        size = max(size, offset + _padded(buffer))
        placed.append(buffer)
    return size


def _padded(buffer: Buffer) -> int:
    return -(-max(1, buffer.bytes) // ALIGNMENT) * ALIGNMENT


def _alive_with(
    buffer: Buffer, others: Iterable[Buffer], lives: dict[Buffer, tuple[int, int]]
) -> list[Buffer]:
    first, last = lives[buffer]
    return [other for other in others if lives[other][0] <= last and first <= lives[other][1]]
