"""The C of a whole graph: its kernels, and the function that runs them in order on all threads."""

from collections.abc import Sequence
from dataclasses import replace

from rushlight.compile.emit.loops import UNIT
from rushlight.compile.emit.sequence import MOST_OF_NAME, SequenceWriter, harmless
from rushlight.compile.emit.steps import definitions, place_barriers, task
from rushlight.compile.program import Program, Slot
from rushlight.compile.sources import called, runtime
from rushlight.graph.ir import Graph

ENTRY = "rl_program"
LITTLE = 30_000  # multiplications and the like that one thread does before others would wake
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


class ProgramWriter(SequenceWriter):
    """Makes the program of one graph; afterwards `steps` are its kernels in their order."""

    def __init__(self, graph: Graph, entry: str = ENTRY, unit: int = UNIT) -> None:
        super().__init__(graph, "" if entry == ENTRY else entry.removeprefix("rl_") + "_", unit)
        self.entry = entry

    def write(self) -> Program:
        """Return the program."""
        arena = self.write_steps()
        place_barriers(self.steps, self.finds())
        scratch = max((step.scratch for step in self.steps), default=0)
        scratch = -(-scratch // 64) * 64
        graph = self.fuser.graph
        slots = tuple(Slot(b.role, b.index, b.shape, b.dtype, b.order) for b in self.memory.slots)
        return Program(
            entry=self.entry,
            slots=slots,
            written=tuple(self.memory.state[id(x)].index for x, _ in graph.updates),
            arena=arena,
            scratch=scratch,
            parallel=self.work() > LITTLE,
            kernels=len(self.steps),
            source=self._source(arena, scratch),
        )

    def headers(self) -> list[str]:
        """Return what the kernels need of the runtime."""
        return [name for step in self.steps for name in step.headers]

    def _title(self, arena: int, scratch: int) -> str:
        """Return the comment at the top: what this is, and what it takes to run it."""
        count = len(self.steps)
        facts = f"{count} kernel{'s' * (count != 1)}; {arena:,} bytes for what lies between"
        if scratch:
            facts += f", {scratch:,} more for each thread"
        name = harmless(self.fuser.graph.name[:MOST_OF_NAME])
        return f"/* {self.entry}: the graph {name}. {facts}. */\n"

    def _source(self, arena: int, scratch: int) -> str:
        parts = [self._title(arena, scratch), *self.tables()]
        parts += definitions(self.steps)
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
