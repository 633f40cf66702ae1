"""Steps that have steps inside: the C of loops with bodies, and of branches.

Every thread goes through the loop, and does its share of each step in it. What is carried from turn
to turn lies in two places by turns, the last of which is that of the result.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rushlight.compile.emit.steps import Step, definitions, named_in
from rushlight.compile.emit.text import Text
from rushlight.compile.records import Buffer
from rushlight.core.dtypes import bool_
from rushlight.core.kernels import Loop

TURNS = 100  # how many turns of a loop are thought of that goes on while a condition holds


@dataclass(frozen=True)
class Given:
    """Where an operand begins, and how far one row is from the next, in elements."""

    buffer: Buffer
    offset: int = 0
    row: int = 0

    def at(self, row: str = "") -> str:
        """Return the C of a pointer to it, or to a row of it."""
        parts = [self.buffer.name, *([str(self.offset)] if self.offset else [])]
        if row and self.row:
            parts.append(f"{row} * {self.row}")
        return " + ".join(parts)


@dataclass(frozen=True)
class Inner:
    """The steps of a body.

    Attributes:
        steps: in their order, with barriers.
        slots: what the body is given and gives, by role and number.
        tables: the C of its constants.
        work: about how much it is.
        arena: memory for what lies between the steps.
        finds: whether an index can be found out of range.
    """

    steps: Sequence[Step]
    slots: Mapping[tuple[str, int], Buffer]
    tables: Sequence[str]
    work: int
    arena: Buffer
    finds: bool

    @property
    def arguments(self) -> int:
        return sum(role == "argument" for role, _ in self.slots)

    @property
    def states(self) -> int:
        return sum(role == "state" for role, _ in self.slots)

    def write(self, text: Text, places: Mapping[tuple[str, int], str]) -> None:
        """Write the steps, once it is told where what they are given lies, and what they give."""
        calls = [line for step in self.steps for line in step.call()]
        for buffer in named_in(calls, self.steps):
            if buffer.role == "table":
                continue
            where = f"{self.arena.name} + {buffer.offset}"
            if buffer.role != "temporary":
                where = places[buffer.role, buffer.index]
            kind = buffer.dtype.c
            text.line(f"{kind} *const {buffer.name} = ({kind} *)(void *)({where});")
        for line in calls:
            text.line(line)

    def text(self) -> str:
        return "\n".join([*self.tables, *definitions(self.steps)])


@dataclass
class NestedStep(Step):
    """A step with steps inside.

    Attributes:
        inners: the bodies.
        read: the operands.
        written: the results, and what is written meanwhile.
        lines: its C.
        turns: about how often the bodies are done.
    """

    inners: Sequence[Inner]
    read: Sequence[Given]
    written: Sequence[Buffer]
    lines: Sequence[str]
    turns: int = 1

    @property
    def buffers(self) -> list[Buffer]:
        return [*(one.buffer for one in self.read), *self.writes]

    @property
    def writes(self) -> list[Buffer]:
        return [*self.written, *(inner.arena for inner in self.inners)]

    @property
    def steps(self) -> list[Step]:
        return [step for inner in self.inners for step in inner.steps]

    @property
    def scratch(self) -> int:
        return max((step.scratch for step in self.steps), default=0)

    @property
    def takes_scratch(self) -> bool:
        return any(step.takes_scratch for step in self.steps)

    @property
    def headers(self) -> list[str]:
        return [name for step in self.steps for name in step.headers]

    @property
    def finds(self) -> bool:  # type: ignore[override]
        return any(inner.finds for inner in self.inners)

    @property
    def work(self) -> int:  # type: ignore[override]
        return self.turns * sum(inner.work for inner in self.inners)

    def text(self) -> str:
        return "\n".join(inner.text() for inner in self.inners)

    def run(self) -> list[str]:
        return list(self.lines)


def loop_step(
    name: str,
    comment: str,
    record: Loop,
    inner: Inner,
    given: Sequence[Given],
    results: Sequence[Buffer],
) -> NestedStep:
    """Return a loop of so many turns.

    Args:
        name: what its variables begin with.
        comment: what it computes.
        record: of the loop.
        inner: the steps of a turn.
        given: where its operands lie.
        results: where its results are to lie, in row-major order.
    """
    operands = given[record.counted :]
    carries = results[: record.carries]
    spare = _spares(name, carries)
    turn, turns, row = f"{name}_turn", f"{name}_turns", f"{name}_row"
    places = _held(inner, operands)
    for index, (one, other) in enumerate(zip(carries, spare, strict=True)):
        last = f"({turns} - {turn}) % 2"
        before = f"{last} ? {other.name} : {one.name}"
        places["argument", index] = f"{turn} == 0 ? {operands[index].at()} : {before}"
        places["result", index] = f"{last} ? {one.name} : {other.name}"
    for index in range(record.carries, inner.arguments):
        places["argument", index] = operands[index].at(row)
    for index, stack in enumerate(results[record.carries :], record.carries):
        places["result", index] = f"{stack.name} + {row} * {inner.slots['result', index].size}"
    text = Text()
    with text.block(""):
        count = str(record.length)
        if record.counted:
            count = f"rl_turns((int64_t)*({given[0].at()}), {record.length})"
        text.line(f"const int64_t {turns} = {count};")
        with text.loop(turn, turns):
            text.line(
                f"const int64_t {row} = {f'{turns} - 1 - {turn}' if record.reverse else turn};"
            )
            text.line(f"(void){row};")
            inner.write(text, places)
            text.line("rl_barrier_wait(barrier, threads);")
        if record.counted or not record.length:
            with text.block(f"if ({turns} == 0 && thread == 0)"):
                for operand, result in zip(operands, carries, strict=False):
                    _write_copy(text, operand.at(), result)
        if record.counted:
            with text.block("if (thread == 0)"):
                for stack in results[record.carries :]:
                    size = stack.bytes // max(1, record.length)
                    rest = f"(size_t)({record.length} - {turns}) * {size}"
                    text.line(
                        f"__builtin_memset((char *){stack.name} + {turns} * {size}, 0, {rest});"
                    )
    written = [*results, *spare]
    return NestedStep(comment, name, [inner], given, written, text.lines, max(1, record.length))


def while_step(
    name: str,
    comment: str,
    condition: Inner,
    body: Inner,
    given: Sequence[Given],
    results: Sequence[Buffer],
) -> NestedStep:
    """Return a loop that goes on while a condition holds.

    Args:
        name: what its variables begin with.
        comment: what it computes.
        condition: the steps that find out whether there is another turn.
        body: the steps of a turn.
        given: where its operands lie: the carries, what the condition holds, what the body holds.
        results: where the carries are to lie at the end.
    """
    count = len(results)
    start, rest = given[:count], given[count:]
    split = condition.states
    spare = _spares(name, results)
    turn, go_on = f"{name}_turn", Buffer(f"{name}_go_on", (), bool_, ())
    tested = _held(condition, [*start, *rest[:split]])
    places = _held(body, [*start, *rest[split:]])
    for index, (one, other) in enumerate(zip(results, spare, strict=True)):
        now = f"{turn} == 0 ? {start[index].at()} : {turn} % 2 ? {other.name} : {one.name}"
        tested["argument", index] = places["argument", index] = now
        places["result", index] = f"{turn} % 2 ? {one.name} : {other.name}"
    tested["result", 0] = go_on.name
    text = Text()
    with text.block(""):
        text.line(f"int64_t {turn} = 0;")
        with text.block(f"for (;; {turn}++)"):
            with text.block(""):
                condition.write(text, tested)
            text.line("rl_barrier_wait(barrier, threads);")
            with text.block(f"if (!*{go_on.name})"):
                text.line("break;")
            body.write(text, places)
            text.line("rl_barrier_wait(barrier, threads);")
        for operand, one, other in zip(start, results, spare, strict=True):
            with text.block(f"if (thread == 0 && ({turn} == 0 || {turn} % 2))"):
                _write_copy(text, f"{turn} == 0 ? {operand.at()} : {other.name}", one)
    written = [*results, *spare, go_on]
    return NestedStep(comment, name, [condition, body], given, written, text.lines, TURNS)


def branch_step(
    name: str,
    comment: str,
    choice: Given,
    ways: Sequence[tuple[Inner, Sequence[Given]]],
    results: Sequence[Buffer],
) -> NestedStep:
    """Return the steps of one of two bodies, by a choice in memory.

    Args:
        name: what its variables begin with.
        comment: what it computes.
        choice: where the bool lies.
        ways: the two bodies, with where the operands of each lie.
        results: where the results are to lie.
    """
    text = Text()
    for condition, (inner, given) in zip((f"if (*({choice.at()}))", "else"), ways, strict=True):
        places = _held(inner, given)
        places.update((("argument", i), given[i].at()) for i in range(inner.arguments))
        places.update((("result", i), result.name) for i, result in enumerate(results))
        with text.block(condition):
            inner.write(text, places)
    given = [choice, *(one for _, each in ways for one in each)]
    return NestedStep(comment, name, [inner for inner, _ in ways], given, results, text.lines)


def _held(inner: Inner, given: Sequence[Given]) -> dict[tuple[str, int], str]:
    """Return where what a body captured lies, which comes after its arguments."""
    first = inner.arguments
    return {("state", i): given[first + i].at() for i in range(inner.states)}


def _spares(name: str, buffers: Sequence[Buffer]) -> list[Buffer]:
    """Return as many buffers more, for what is carried every other turn."""
    return [
        Buffer(f"{name}_spare_{i}", one.shape, one.dtype, one.order)
        for i, one in enumerate(buffers)
    ]


def _write_copy(text: Text, source: str, target: Buffer) -> None:
    if target.bytes:
        text.line(f"__builtin_memcpy({target.name}, {source}, {target.bytes});")
