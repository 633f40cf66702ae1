"""The C of a whole graph: its kernels, and the function that runs them in order on all threads."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rushlight.compile.access import identity
from rushlight.compile.emit.body import literal
from rushlight.compile.emit.loops import UNIT, LoopWriter
from rushlight.compile.emit.movers import mover_code
from rushlight.compile.emit.products import product_code
from rushlight.compile.fuse import Fuser, Kernel, adds_up
from rushlight.compile.legalise import legalise
from rushlight.compile.memory import Memory, assign_memory, place_temporaries
from rushlight.compile.program import Program, Slot
from rushlight.compile.records import Buffer, Emitted, KernelCode
from rushlight.compile.sources import runtime
from rushlight.core.kernels import Contraction, Join, Reinterpret
from rushlight.core.primitive import Array
from rushlight.core.shapes import size_of
from rushlight.graph.ir import Graph
from rushlight.graph.passes.optimise import optimise

ENTRY = "rl_program"
LITTLE = 30_000  # multiplications and the like that one thread does before others would wake
HEADERS = ("rushlight.h", "job.h", "maths.h", "half.h", "philox.h")


@dataclass
class Step:
    """A kernel in its place: its C, and what must be done before it."""

    emitted: Emitted
    comment: str
    name: str
    barrier: bool = False
    check: bool = False


def compile_graph(graph: Graph) -> Program:
    """Return a graph's program. Raises NotImplementedError for an op that has no C yet."""
    return compile_graphs([graph])[0]


def compile_graphs(graphs: Sequence[Graph], unit: int = UNIT) -> list[Program]:
    """Return the programs of several graphs, all in the same C, each with an entry of its own.

    Threads share out loops in units of at least `unit` elements, if they have as many.
    """
    writers = [
        _ProgramWriter(graph, ENTRY if len(graphs) == 1 else f"{ENTRY}_{number}", unit)
        for number, graph in enumerate(graphs)
    ]
    programs = [writer.write() for writer in writers]
    used = [name for writer in writers for name in writer.headers()]
    headers = runtime(*dict.fromkeys((*HEADERS, *used)))
    source = "\n".join([headers, *(program.source for program in programs)])
    return [replace(program, source=source) for program in programs]


class _ProgramWriter:
    def __init__(self, graph: Graph, entry: str, unit: int) -> None:
        self.entry = entry
        self.unit = unit
        self.prefix = "" if entry == ENTRY else entry.removeprefix("rl_") + "_"
        self.traced = graph
        self.fuser = Fuser(legalise(optimise(graph)))
        self.memory: Memory = assign_memory(self.fuser, graph, self.prefix)
        self.steps: list[Step] = []

    def write(self) -> Program:
        for kernel in self.fuser.kernels:
            self._emit(kernel)
        self._emit_commits()
        arena = place_temporaries(self.memory, self._lives())
        self._place_barriers()
        scratch = max((step.emitted.code.scratch for step in self.steps), default=0)
        graph = self.fuser.graph
        slots = tuple(Slot(b.role, b.index, b.shape, b.dtype, b.order) for b in self.memory.slots)
        written = tuple(self.memory.state[id(x)].index for x, _ in graph.updates)
        parallel = self._work() > LITTLE
        return Program(
            self.entry,
            slots,
            written,
            arena,
            -(-scratch // 64) * 64,
            parallel,
            len(self.steps),
            self._source(arena, -(-scratch // 64) * 64, parallel),
        )

    def _emit(self, kernel: Kernel) -> None:
        if kernel.is_loop and 0 in (kernel.sizes[axis] for axis in kernel.rows):
            return
        name = self._name()
        if isinstance(kernel.record, Reinterpret):
            if kernel.kept:
                self._emit_copy(kernel, name)
            return
        if kernel.is_loop:
            places = self.memory.strided
            emitted = LoopWriter(name, self.fuser, kernel, places, self.unit).write()
        elif isinstance(kernel.record, Contraction):
            assert kernel.node is not None
            if adds_up(kernel.node, kernel.record):
                self._emit_zeros(kernel, name)
                name = self._name()
            emitted = product_code(name, self.fuser, kernel, self.memory)
        else:
            emitted = self._mover(kernel, name)
        self.steps.append(Step(emitted, self._comment(kernel), name))

    def _name(self) -> str:
        return f"{self.prefix}kernel_{len(self.steps) + 1}"

    def _mover(self, kernel: Kernel, name: str) -> Emitted:
        node, record = kernel.node, kernel.record
        assert node is not None and record is not None
        inputs = [self.memory.view(x) for x in node.inputs]
        outputs = [self.memory.strided[v] for v in node.outputs]
        number = self.fuser.number[node]
        code = mover_code(name, record, inputs, outputs, number)
        operands = [(x.buffer, x.offset) for x in (*inputs, *outputs)]
        written = {x.buffer for x in outputs}
        return Emitted(code, operands, written, checks=True, scratch=True)

    def _emit_copy(self, kernel: Kernel, name: str) -> None:
        """Copy what is reshaped into row-major order."""
        assert kernel.node is not None
        source = self.memory.view(kernel.node.inputs[0])
        rows = self.memory.strided[kernel.node.outputs[0]].buffer.view()
        record = Join((identity(source.shape),), covered=True)
        code = mover_code(name, record, [source], [rows], 0)
        operands = [(source.buffer, source.offset), (rows.buffer, 0)]
        emitted = Emitted(code, operands, {rows.buffer}, checks=True, scratch=True)
        self.steps.append(Step(emitted, self._comment(kernel), name))

    def _emit_zeros(self, kernel: Kernel, name: str) -> None:
        assert kernel.node is not None
        buffer = self.memory.strided[kernel.node.outputs[0]].buffer
        unit = 65536
        size = buffer.size
        text = (
            f"static void {name}({buffer.dtype.c} *out, int64_t first, int64_t last)\n{{\n"
            f"    const int64_t end = last * {unit} < {size} ? last * {unit} : {size};\n"
            f"    for (int64_t i = first * {unit}; i < end; i++)\n        out[i] = 0;\n}}\n"
        )
        code = KernelCode(text, -(-size // unit))
        self.steps.append(Step(Emitted(code, [(buffer, 0)], {buffer}), "zeros", name))

    def _emit_commits(self) -> None:
        """Write the new states that could not be written in place."""
        for source, state in self.memory.commits:
            name = self._name()
            unit, size, kind = 16384, state.size, state.dtype.c
            text = (
                f"static void {name}(const {kind} *restrict from, {kind} *restrict to, "
                "int64_t first, int64_t last)\n{\n"
                f"    const int64_t end = last * {unit} < {size} ? last * {unit} : {size};\n"
                f"    for (int64_t i = first * {unit}; i < end; i++)\n        to[i] = from[i];\n}}\n"
            )
            code = KernelCode(text, -(-size // unit))
            emitted = Emitted(code, [(source, 0), (state, 0)], {state})
            self.steps.append(Step(emitted, f"the new {state.name}", name))

    def _comment(self, kernel: Kernel) -> str:
        """Return what a kernel computes, in a line that cannot end a comment."""
        nodes = self.fuser.nodes_of(kernel)
        names = list(dict.fromkeys(node.primitive.name for node in nodes))
        shapes = " x ".join(str(n) for n in kernel.sizes if n != 1) or "one element"
        first = nodes[0]
        where = f" in {first.module}" if first.module else ""
        return _harmless(f"{', '.join(names)}: {shapes}{where}")

    def _lives(self) -> dict[Buffer, tuple[int, int]]:
        lives: dict[Buffer, tuple[int, int]] = {}
        for number, step in enumerate(self.steps):
            for buffer, _ in step.emitted.operands:
                if buffer.role == "temporary":
                    first, _ = lives.get(buffer, (number, number))
                    lives[buffer] = (first, number)
        return lives

    def _place_barriers(self) -> None:
        """Put a barrier before each kernel that meets what another has written, or overwrites."""
        read: list[Buffer] = []
        written: list[Buffer] = []
        checked = False
        for step in self.steps:
            mine = [buffer for buffer, _ in step.emitted.operands]
            writes = [buffer for buffer in mine if buffer in step.emitted.written]
            first_change = not checked and any(buffer.role == "state" for buffer in writes)
            if first_change or _meet(mine, written) or _meet(writes, read):
                step.barrier = True
                read, written = [], []
            if first_change:
                checked = step.check = True
            read += mine
            written += writes

    def _work(self) -> int:
        total = 0
        for kernel in self.fuser.kernels:
            size = size_of(tuple(kernel.sizes)) if kernel.sizes else 0
            if not kernel.is_loop and not isinstance(kernel.record, Contraction):
                assert kernel.node is not None
                size = max(size_of(v.shape) for v in (*kernel.node.inputs, *kernel.node.outputs))
            total += size // 8 if isinstance(kernel.record, Contraction) else size
        return total

    def headers(self) -> list[str]:
        """Return what the kernels need of the runtime."""
        return [name for step in self.steps for name in step.emitted.code.headers]

    def _source(self, arena: int, scratch: int, parallel: bool) -> str:
        used = {buffer for step in self.steps for buffer, _ in step.emitted.operands}
        tables = [(buffer, array) for buffer, array in self.memory.tables if buffer in used]
        parts = [_table(buffer, array) for buffer, array in tables]
        for step in self.steps:
            parts.append(f"/* {step.name}. {step.comment} */\n{step.emitted.code.text}")
        parts.append(self._task(arena, scratch))
        threads = "call->threads"
        parts.append(_ENTRY.format(name=self.entry, steps=f"{self.entry}_steps", threads=threads))
        return "\n".join(parts)

    def _task(self, arena: int, scratch: int) -> str:
        used = dict.fromkeys(b for step in self.steps for b, _ in step.emitted.operands)
        lines = ["    rl_call *const call = ((rl_job *)context)->call;"]
        lines.append("    rl_barrier *const barrier = &((rl_job *)context)->barrier;")
        for buffer in used:
            kind = buffer.dtype.c
            where = f"call->buffers[{buffer.slot}]"
            if buffer.role == "table":
                continue
            if buffer.role == "temporary":
                where = f"(call->arena + {buffer.offset})"
            lines.append(f"    {kind} *const {buffer.name} = ({kind} *){where};")
        if any(step.emitted.scratch for step in self.steps):
            lines.append(
                f"    char *const scratch = call->arena + {arena} + thread * INT64_C({scratch});"
            )
            lines.append("    (void)scratch;")
        for step in self.steps:
            lines += self._call(step)
        lines += [
            "    (void)call;",
            "    (void)barrier;",
            "    (void)thread;",
            "    (void)threads;",
        ]
        body = "\n".join(lines)
        name = f"{self.entry}_steps"
        return f"static void {name}(void *context, int thread, int threads)\n{{\n{body}\n}}\n"

    def _call(self, step: Step) -> list[str]:
        lines = [""]
        if step.barrier:
            lines.append("    rl_barrier_wait(barrier, threads);")
        if step.check:
            lines += ["    if (call->failed)", "        return;"]
        arguments = [
            f"{buffer.name} + {offset}" if offset else buffer.name
            for buffer, offset in step.emitted.operands
        ]
        if step.emitted.scratch:
            arguments.append("scratch")
        units = step.emitted.code.units
        arguments += [
            f"rl_share({units}, thread, threads)",
            f"rl_share({units}, thread + 1, threads)",
        ]
        if step.emitted.checks:
            arguments.append("call")
        lines.append(f"    /* {step.comment} */")
        lines.append(f"    {step.name}({', '.join(arguments)});")
        return lines


_ENTRY = """\
__attribute__((visibility("default"))) int64_t {name}(rl_call *call);
int64_t {name}(rl_call *call)
{{
    return rl_run_steps(call, {steps}, {threads});
}}
"""


def _meet(some: list[Buffer], others: list[Buffer]) -> bool:
    """Return whether any two of these buffers share memory."""
    for buffer in some:
        for other in others:
            if buffer is other:
                return True
            if buffer.role == other.role == "temporary":
                start, end = buffer.offset, buffer.offset + max(1, buffer.bytes)
                if other.offset < end and start < other.offset + max(1, other.bytes):
                    return True
    return False


def _table(buffer: Buffer, array: Array) -> str:
    """Return the C of a constant that is part of the program."""
    numbers = [literal(number, buffer.dtype) for number in array.reshape(-1).tolist()]
    body = textwrap.fill(", ".join(numbers) or "0", 96, break_long_words=False)
    size = max(1, array.size)
    text = textwrap.indent(body, "    ")
    return f"static const {buffer.dtype.c} {buffer.name}[{size}] = {{\n{text}\n}};\n"


def _harmless(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.,:() -]", "?", text)
