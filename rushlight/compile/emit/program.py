"""The C of a whole graph: its kernels, and the function that runs them in order on all threads."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace

from rushlight.compile.access import identity
from rushlight.compile.emit.body import literal
from rushlight.compile.emit.loops import UNIT, LoopWriter
from rushlight.compile.emit.movers import mover_code
from rushlight.compile.emit.products import product_code
from rushlight.compile.emit.steps import Step, copy, lives, place_barriers, task, zeros
from rushlight.compile.fuse import fuse
from rushlight.compile.legalise import legalise
from rushlight.compile.memory import Memory, assign_memory, place_temporaries
from rushlight.compile.program import Program, Slot
from rushlight.compile.records import Buffer, Emitted, Strided
from rushlight.compile.soft import Kernel, adds_up
from rushlight.compile.sources import called, runtime
from rushlight.core.kernels import (
    Attention,
    Contraction,
    Deposit,
    Join,
    Lookup,
    Record,
    Reinterpret,
)
from rushlight.core.primitive import Array
from rushlight.core.shapes import size_of
from rushlight.graph.ir import Graph, Node
from rushlight.graph.passes.optimise import optimise

ENTRY = "rl_program"
LITTLE = 30_000  # multiplications and the like that one thread does before others would wake
MOST_OF_NAME = 60  # characters of what people called something
HEADERS = ("rushlight.h", "job.h", "maths.h", "half.h", "philox.h")


def compile_graph(graph: Graph) -> Program:
    """Return a graph's program. Raises NotImplementedError for an op that has no C yet."""
    return compile_graphs([graph])[0]


def compile_graphs(graphs: Sequence[Graph], unit: int = UNIT) -> list[Program]:
    """Return the programs of several graphs, all in the same C, each with an entry of its own.

    Threads share out loops in units of at least `unit` elements, if they have as many.
    """
    writers = [
        ProgramWriter(graph, ENTRY if len(graphs) == 1 else f"{ENTRY}_{number}", unit)
        for number, graph in enumerate(graphs)
    ]
    programs = [writer.write() for writer in writers]
    used = [name for writer in writers for name in writer.headers()]
    text = "\n".join(program.source for program in programs)
    headers = runtime(*dict.fromkeys((*HEADERS, *called(text), *used)))
    source = f"{headers}\n{text}"
    return [replace(program, source=source) for program in programs]


class ProgramWriter:
    """Makes the program of one graph; afterwards `steps` are its kernels in their order."""

    def __init__(self, graph: Graph, entry: str = ENTRY, unit: int = UNIT) -> None:
        self.entry = entry
        self.unit = unit
        self.prefix = "" if entry == ENTRY else entry.removeprefix("rl_") + "_"
        self.fuser = fuse(legalise(optimise(graph)))
        self.memory: Memory = assign_memory(self.fuser, graph, self.prefix)
        self.steps: list[Step] = []

    def write(self) -> Program:
        """Return the program."""
        for kernel in self.fuser.kernels:
            self._emit(kernel)
        for source, state in self.memory.commits:
            self._add(copy(self._name(), source, state), f"the new {state.name}")
        arena = place_temporaries(self.memory, lives(self.steps))
        place_barriers(self.steps, self._checks())
        scratch = max((step.emitted.code.scratch for step in self.steps), default=0)
        scratch = -(-scratch // 64) * 64
        graph = self.fuser.graph
        slots = tuple(Slot(b.role, b.index, b.shape, b.dtype, b.order) for b in self.memory.slots)
        return Program(
            entry=self.entry,
            slots=slots,
            written=tuple(self.memory.state[id(x)].index for x, _ in graph.updates),
            arena=arena,
            scratch=scratch,
            parallel=self._work() > LITTLE,
            kernels=len(self.steps),
            source=self._source(arena, scratch),
        )

    def headers(self) -> list[str]:
        """Return what the kernels need of the runtime."""
        return [name for step in self.steps for name in step.emitted.code.headers]

    def _name(self) -> str:
        return f"{self.prefix}kernel_{len(self.steps) + 1}"

    def _add(self, emitted: Emitted, comment: str) -> None:
        """Append a step, unless it has nothing to do."""
        if emitted.code.units:
            self.steps.append(Step(emitted, comment, self._name()))

    def _emit(self, kernel: Kernel) -> None:
        comment = self._comment(kernel)
        if kernel.is_loop:
            if 0 not in (kernel.sizes[axis] for axis in kernel.rows):
                places = self.memory.strided
                writer = LoopWriter(self._name(), self.fuser, kernel, places, self.unit)
                self._add(writer.write(), comment)
        elif isinstance(kernel.record, Reinterpret):
            if kernel.kept:
                self._add(self._rows(kernel), comment)
        elif isinstance(kernel.record, Contraction):
            if adds_up(kernel.op, kernel.record):
                out = self.memory.strided[kernel.op.outputs[0]].buffer
                self._add(zeros(self._name(), out), f"zeros for {kernel.op.primitive.name}")
            self._add(product_code(self._name(), self.fuser, kernel, self.memory), comment)
        else:
            self._add(self._mover(kernel.op), comment)

    def _mover(self, node: Node) -> Emitted:
        record = self.fuser.records[node]
        inputs = [self.memory.view(x) for x in node.inputs]
        outputs = [self.memory.strided[v] for v in node.outputs]
        return self._moved(record, inputs, outputs, self.fuser.number[node])

    def _rows(self, kernel: Kernel) -> Emitted:
        """Return the copy of what is reshaped into row-major order."""
        source = self.memory.view(kernel.op.inputs[0])
        rows = self.memory.strided[kernel.op.outputs[0]].buffer.view()
        return self._moved(Join((identity(source.shape),), covered=True), [source], [rows], 0)

    def _moved(
        self, record: Record, inputs: list[Strided], outputs: list[Strided], number: int
    ) -> Emitted:
        code = mover_code(self._name(), record, inputs, outputs, number)
        operands = [(x.buffer, x.offset) for x in (*inputs, *outputs)]
        return Emitted(code, operands, {x.buffer for x in outputs}, checks=True, scratch=True)

    def _checks(self) -> bool:
        """Return whether an index can be found out of range."""
        return any(isinstance(record, (Lookup, Deposit)) for record in self.fuser.records.values())

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
        return _harmless(f"{', '.join(names)}: {sizes}{where}")

    def _title(self, arena: int, scratch: int) -> str:
        """Return the comment at the top: what this is, and what it takes to run it."""
        count = len(self.steps)
        facts = f"{count} kernel{'s' * (count != 1)}; {arena:,} bytes for what lies between"
        if scratch:
            facts += f", {scratch:,} more for each thread"
        name = _harmless(self.fuser.graph.name[:MOST_OF_NAME])
        return f"/* {self.entry}: the graph {name}. {facts}. */\n"

    def _work(self) -> int:
        total = 0
        for kernel in self.fuser.kernels:
            size = size_of(tuple(kernel.sizes)) if kernel.sizes else 0
            if isinstance(kernel.record, (Contraction, Attention)):
                size = kernel.record.multiply_adds // 8
            elif not kernel.is_loop:
                size = max(size_of(v.shape) for v in (*kernel.op.inputs, *kernel.op.outputs))
            total += size
        return total

    def _source(self, arena: int, scratch: int) -> str:
        used = {buffer for step in self.steps for buffer in step.buffers}
        tables = [(buffer, array) for buffer, array in self.memory.tables if buffer in used]
        parts = [self._title(arena, scratch)]
        parts += [_table(buffer, array) for buffer, array in tables]
        parts += [step.text() for step in self.steps]
        name = f"{self.entry}_steps"
        parts += [task(name, self.steps, arena, scratch), _ENTRY.format(name=self.entry)]
        return "\n".join(parts)


_ENTRY = """\
__attribute__((visibility("default"))) int64_t {name}(rl_call *call);
int64_t {name}(rl_call *call)
{{
    return rl_run_steps(call, {name}_steps, call->threads);
}}
"""


def _table(buffer: Buffer, array: Array) -> str:
    """Return the C of a constant that is part of the program."""
    numbers = [literal(number, buffer.dtype) for number in array.reshape(-1).tolist()]
    body = textwrap.fill(", ".join(numbers) or "0", 96, break_long_words=False)
    size = max(1, array.size)
    text = textwrap.indent(body, "    ")
    return f"static const {buffer.dtype.c} {buffer.name}[{size}] = {{\n{text}\n}};\n"


def _harmless(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.,:()<> -]", "?", text)
