"""The steps of a graph: its kernels one after another, those of loops and branches in them."""

import re
import textwrap
from collections.abc import Hashable, Sequence

from rushlight.compile.access import identity
from rushlight.compile.emit.body import literal
from rushlight.compile.emit.loops import LoopWriter
from rushlight.compile.emit.movers import mover_code
from rushlight.compile.emit.nested import (
    Given,
    Inner,
    NestedStep,
    branch_step,
    loop_step,
    while_step,
)
from rushlight.compile.emit.products import product_code
from rushlight.compile.emit.shared import likeness
from rushlight.compile.emit.steps import (
    KernelStep,
    Step,
    copy,
    lives,
    named_in,
    place_barriers,
    zeros,
)
from rushlight.compile.fuse import fuse
from rushlight.compile.legalise import legalise
from rushlight.compile.memory import Memory, assign_memory, place_temporaries
from rushlight.compile.records import Buffer, Emitted, Strided
from rushlight.compile.soft import Kernel, adds_up
from rushlight.core.dtypes import uint8
from rushlight.core.kernels import (
    NESTED,
    Attention,
    Branch,
    Contraction,
    Deposit,
    Join,
    Lookup,
    Loop,
    Record,
    Reinterpret,
    While,
)
from rushlight.core.primitive import Array
from rushlight.core.shapes import size_of
from rushlight.graph.ir import Graph, GraphValue, Node
from rushlight.graph.passes.optimise import optimise

MOST_OF_NAME = 60  # characters of what people called something
Nested = Loop | While | Branch


class SequenceWriter:
    """Makes the steps of a graph.

    Args:
        graph: any graph.
        prefix: of the names of kernels and tables.
        unit: threads share out loops in units of at least so many elements.
        is_inner: whether it is a body of another's step.
    """

    def __init__(self, graph: Graph, prefix: str, unit: int, is_inner: bool = False) -> None:
        self.prefix = prefix
        self.unit = unit
        self.fuser = fuse(legalise(optimise(graph)))
        self.memory: Memory = assign_memory(self.fuser, graph, prefix, is_inner)
        self.steps: list[Step] = []
        self._functions: dict[Hashable, str] = {}  # their names by what they are like
        self._in_order: dict[tuple[GraphValue, tuple[int, ...]], Buffer] = {}  # copies

    def write_steps(self) -> int:
        """Make the steps, and return how many bytes lie between them."""
        for kernel in self.fuser.kernels:
            self._emit(kernel)
        for source, state in self.memory.commits:
            self._add(copy(self._name(), source, state), f"the new {state.name}")
        return place_temporaries(self.memory, lives(self.steps))

    def tables(self) -> list[str]:
        """Return the C of the constants that the steps read."""
        lines = [line for step in self.steps for line in step.call()]
        used = set(named_in(lines, self.steps))
        return [_table(buffer, array) for buffer, array in self.memory.tables if buffer in used]

    def work(self) -> int:
        """Return about how many multiplications and the like the steps are."""
        total = sum(step.work for step in self.steps)
        for kernel in self.fuser.kernels:
            if isinstance(kernel.record, NESTED):
                continue
            size = size_of(tuple(kernel.sizes)) if kernel.sizes else 0
            if isinstance(kernel.record, (Contraction, Attention)):
                size = kernel.record.multiply_adds // 8
            elif not kernel.is_loop:
                size = max(size_of(v.shape) for v in (*kernel.op.inputs, *kernel.op.outputs))
            total += size
        return total

    def _name(self) -> str:
        return f"{self.prefix}kernel_{len(self.steps) + 1}"

    def finds(self) -> bool:
        """Return whether an index can be found out of range."""
        looked = any(isinstance(one, (Lookup, Deposit)) for one in self.fuser.records.values())
        return looked or any(step.finds for step in self.steps)

    def _add(self, emitted: Emitted, comment: str) -> None:
        """Append a step, unless it has nothing to do."""
        if emitted.code.units:
            name = self._name()
            known = self._functions.setdefault(likeness(name, emitted), name)
            self.steps.append(KernelStep(comment, known, emitted, is_twin=known != name))

    def _emit(self, kernel: Kernel) -> None:
        comment = self._comment(kernel)
        if kernel.is_loop:
            if 0 not in (kernel.sizes[axis] for axis in kernel.rows):
                places = self.memory.strided
                writer = LoopWriter(self._name(), self.fuser, kernel, places, self.unit)
                self._add(writer.write(), comment)
        elif isinstance(kernel.record, Reinterpret):
            if kernel.kept:
                source = self.memory.view(kernel.op.inputs[0])
                rows = self.memory.strided[kernel.op.outputs[0]].buffer
                self._add(self._copied(source, rows), comment)
        elif isinstance(kernel.record, Contraction):
            if adds_up(kernel.op, kernel.record):
                out = self.memory.strided[kernel.op.outputs[0]].buffer
                self._add(zeros(self._name(), out), f"zeros for {kernel.op.primitive.name}")
            self._add(product_code(self._name(), self.fuser, kernel, self.memory), comment)
        elif isinstance(kernel.record, NESTED):
            self.steps.append(self._nested(kernel.op, kernel.record, comment))
        else:
            self._add(self._mover(kernel.op), comment)

    def _mover(self, node: Node) -> Emitted:
        record = self.fuser.records[node]
        inputs = [self.memory.view(x) for x in node.inputs]
        outputs = [self.memory.strided[v] for v in node.outputs]
        return self._moved(record, inputs, outputs, self.fuser.number[node])

    def _copied(self, source: Strided, target: Buffer) -> Emitted:
        """Return the copy of elements to memory of their own."""
        record = Join((identity(source.shape),), covered=True)
        return self._moved(record, [source], [target.view()], 0)

    def _moved(
        self, record: Record, inputs: list[Strided], outputs: list[Strided], number: int
    ) -> Emitted:
        code = mover_code(self._name(), record, inputs, outputs, number)
        operands = [(x.buffer, x.offset) for x in (*inputs, *outputs)]
        return Emitted(code, operands, {x.buffer for x in outputs}, checks=True, scratch=True)

    def _nested(self, node: Node, record: Nested, comment: str) -> NestedStep:
        """Return the step of a node with bodies, after those that put its operands in place."""
        name = f"{self.prefix}{node.primitive.name}_{len(self.steps) + 1}"
        results = [self.memory.strided[v].buffer for v in node.outputs]
        if isinstance(record, Loop):
            inner = self._inner(record.body, f"{name}_")
            counts = [self._given(x, name) for x in node.inputs[: record.counted]]
            operands = self._operands(node.inputs[record.counted :], inner, record.carries, name)
            return loop_step(name, comment, record, inner, [*counts, *operands], results)
        if isinstance(record, While):
            return self._while(node, record, name, comment, results)
        return self._branch(node, record, name, comment, results)

    def _while(
        self, node: Node, record: While, name: str, comment: str, results: list[Buffer]
    ) -> NestedStep:
        condition = self._inner(record.condition, f"{name}_while_")
        body = self._inner(record.body, f"{name}_")
        carries, held = len(results), len(record.condition.states)
        start, rest = node.inputs[:carries], node.inputs[carries:]
        tested = self._operands([*start, *rest[:held]], condition, carries, name)
        given = self._operands([*start, *rest[held:]], body, carries, name)
        operands = [*given[:carries], *tested[carries:], *given[carries:]]
        return while_step(name, comment, condition, body, operands, results)

    def _branch(
        self, node: Node, record: Branch, name: str, comment: str, results: list[Buffer]
    ) -> NestedStep:
        choice = self._given(node.inputs[0], name)
        first, second = record.bodies
        shared, held = 1 + len(first.arguments), 1 + len(first.arguments) + len(first.states)
        ways: list[tuple[Inner, list[Given]]] = []
        for body, own in (
            (first, node.inputs[shared:held]),
            (second, node.inputs[held:]),
        ):
            inner = self._inner(body, f"{name}_{len(ways)}_")
            values = [*node.inputs[1:shared], *own]
            ways.append((inner, self._operands(values, inner, shared, name)))
        return branch_step(name, comment, choice, ways, results)

    def _inner(self, graph: Graph, prefix: str) -> Inner:
        """Return the steps of a body, and memory for what lies between them."""
        writer = SequenceWriter(graph, prefix, self.unit, is_inner=True)
        size = writer.write_steps()
        place_barriers(writer.steps, checks=False)
        arena = Buffer(f"{prefix}arena", (size,), uint8, (0,))
        slots = {(slot.role, slot.index): slot for slot in writer.memory.slots}
        return Inner(writer.steps, slots, writer.tables(), writer.work(), arena, writer.finds())

    def _operands(
        self, values: Sequence[GraphValue], inner: Inner, whole: int, name: str
    ) -> list[Given]:
        """Return where operands of a body lie: first those that are `whole`, then rows, then held.

        What lies in memory in another way than the body wants is copied before.
        """
        given = []
        arguments = sum(role == "argument" for role, _ in inner.slots)
        for number, value in enumerate(values):
            role, index = "argument", number
            if number >= arguments:
                role, index = "state", number - arguments
            order = inner.slots[role, index].order if (role, index) in inner.slots else ()
            by_row = whole <= number < arguments
            given.append(self._given(value, name, order, by_row))
        return given

    def _given(
        self, value: GraphValue, name: str, order: Sequence[int] | None = None, by_row: bool = False
    ) -> Given:
        """Return where a value lies with its axes in an order, which it is copied to if need be."""
        view = self.memory.view(value)
        rank = len(value.shape) - by_row
        order = tuple(range(rank)) if order is None else tuple(order)
        if by_row:
            order = (0, *(axis + 1 for axis in order))
        wanted = Buffer(
            f"{self.prefix}operand_{len(self._in_order)}", value.shape, value.dtype, order
        )
        first = 1 if by_row else 0
        axes = [axis for axis in range(first, len(value.shape)) if value.shape[axis] > 1]
        if any(view.strides[axis] != wanted.strides[axis] for axis in axes):
            copied = self._in_order.get((value, order))
            if copied is None:
                self._add(self._copied(view, wanted), f"what {name} reads, in order")
                copied = self._in_order[value, order] = wanted
            view = copied.view()
        return Given(view.buffer, view.offset, view.strides[0] if by_row else 0)

    def _comment(self, kernel: Kernel) -> str:
        """Return what a kernel computes, in a line that cannot end a comment."""
        nodes = self.fuser.nodes_of(kernel)
        names = list(dict.fromkeys(node.primitive.name for node in nodes))
        sizes = " x ".join(str(n) for n in kernel.sizes if n != 1) or "one element"
        if kernel.node is not None:
            names.remove(kernel.node.primitive.name)
            names.insert(0, kernel.node.primitive.name)
            inputs = " x ".join(str(x.shape) for x in kernel.node.inputs)
            sizes = f"{inputs} to {kernel.node.outputs[0].shape}"
        module = (kernel.node or nodes[0]).module
        where = f" in {module[-MOST_OF_NAME:]}" if module else ""
        return harmless(f"{', '.join(names)}: {sizes}{where}")


def _table(buffer: Buffer, array: Array) -> str:
    """Return the C of a constant that is part of the program."""
    numbers = [literal(number, buffer.dtype) for number in array.reshape(-1).tolist()]
    body = textwrap.fill(", ".join(numbers) or "0", 96, break_long_words=False)
    size = max(1, array.size)
    text = textwrap.indent(body, "    ")
    return f"static const {buffer.dtype.c} {buffer.name}[{size}] = {{\n{text}\n}};\n"


def harmless(text: str) -> str:
    """Return a text that cannot end a comment."""
    return re.sub(r"[^A-Za-z0-9_.,:()<> -]", "?", text)
