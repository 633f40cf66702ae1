"""The steps of a program: kernels in their order, the barriers between them, the calls in C."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from rushlight.compile.emit.kernel import folded
from rushlight.compile.emit.pieces import indented
from rushlight.compile.emit.tidy import NAME
from rushlight.compile.records import Buffer, Emitted, KernelCode

FILL, COPY = 65536, 16384  # elements of a unit


@dataclass
class Step(ABC):
    """What a program does in one place: a kernel, or a loop of other steps.

    Attributes:
        comment: what it computes.
        name: of its C function, or what its variables begin with.
        barrier: whether all threads wait for each other before it.
        check: whether a call ends before it if an index was out of range.
    """

    comment: str
    name: str
    barrier: bool = field(default=False, init=False)
    check: bool = field(default=False, init=False)
    is_alone = False  # whether the first thread does all of it
    finds = False  # whether steps in it can find an index out of range
    work = 0  # about how much it is, where that is not known from its kernel

    @property
    @abstractmethod
    def buffers(self) -> list[Buffer]:
        """What it reads and writes."""

    @property
    @abstractmethod
    def writes(self) -> list[Buffer]:
        """What it writes."""

    @property
    @abstractmethod
    def scratch(self) -> int:
        """Bytes of scratch memory that each thread needs."""

    @property
    @abstractmethod
    def takes_scratch(self) -> bool:
        """Whether it takes a pointer to scratch memory, be there any or not."""

    @property
    @abstractmethod
    def headers(self) -> Sequence[str]:
        """What it needs of the runtime."""

    @abstractmethod
    def text(self) -> str:
        """Return the definitions of its functions, if there are any."""

    @abstractmethod
    def run(self) -> list[str]:
        """Return the lines that do it."""

    def call(self) -> list[str]:
        """Return the lines that do it in its place."""
        lines = [""]
        if self.barrier:
            lines += ["rl_barrier_wait(barrier, threads);"]
        if self.check:
            lines += ["if (call->failed)", "    return;"]
        return [*lines, f"/* {self.comment} */", *self.run()]


@dataclass
class KernelStep(Step):
    """A kernel in its place.

    Attributes:
        emitted: the kernel.
        is_twin: whether its function is that of a step before, under the name that it has there.
    """

    emitted: Emitted
    is_twin: bool = False

    @property
    def buffers(self) -> list[Buffer]:
        return [buffer for buffer, _ in self.emitted.operands]

    @property
    def writes(self) -> list[Buffer]:
        return [buffer for buffer in self.buffers if buffer in self.emitted.written]

    @property
    def scratch(self) -> int:
        return self.emitted.code.scratch

    @property
    def takes_scratch(self) -> bool:
        return self.emitted.scratch

    @property
    def headers(self) -> Sequence[str]:
        return self.emitted.code.headers

    @property
    def is_alone(self) -> bool:  # type: ignore[override]
        return self.emitted.code.units == 1

    def text(self) -> str:
        return (
            "" if self.is_twin else f"/* {self.name}. {self.comment} */\n{self.emitted.code.text}"
        )

    def run(self) -> list[str]:
        """Return the lines that run it: one unit on the first thread, more on all."""
        arguments = [
            f"{buffer.name} + {offset}" if offset else buffer.name
            for buffer, offset in self.emitted.operands
        ]
        if self.emitted.scratch:
            arguments.append("scratch")
        units = self.emitted.code.units
        if self.is_alone:
            arguments += ["0", "1"]
        else:
            arguments += [f"rl_share({units}, thread{more}, threads)" for more in ("", " + 1")]
        if self.emitted.checks:
            arguments.append("call")
        work = folded(self.name, arguments, ");")
        if not self.is_alone:
            return work
        if len(work) == 1:
            return ["if (thread == 0)", *indented(work)]
        return ["if (thread == 0) {", *indented(work), "}"]


def place_barriers(steps: Sequence[Step], checks: bool) -> None:
    """Put a barrier before each step that meets what another has written, or overwrites.

    With `checks` there is one before the first step that changes a state, too: from there on no
    index can be found out of range, so that a call that fails leaves all states as they were.
    """
    waiting: list[Step] = []  # since the last barrier
    for step in steps:
        first_change = checks and any(buffer.role == "state" for buffer in step.writes)
        if first_change or any(_conflict(step, other) for other in waiting):
            step.barrier = True
            waiting = []
        if first_change:
            step.check, checks = True, False
        waiting.append(step)


def _conflict(step: Step, other: Step) -> bool:
    """Return whether a step may have to wait for other threads to do another one."""
    if step.is_alone and other.is_alone:  # the first thread does both, in their order
        return False
    return _meet(step.writes, other.buffers) or _meet(step.buffers, other.writes)


def lives(steps: Sequence[Step]) -> dict[Buffer, tuple[int, int]]:
    """Return the first and the last step that uses each temporary."""
    found: dict[Buffer, tuple[int, int]] = {}
    for number, step in enumerate(steps):
        for buffer in step.buffers:
            if buffer.role == "temporary":
                first, _ = found.get(buffer, (number, number))
                found[buffer] = (first, number)
    return found


def share_memory(one: Buffer, other: Buffer) -> bool:
    """Return whether two buffers have a byte in common."""
    if one is other:
        return True
    if one.role != "temporary" or other.role != "temporary":
        return False
    return one.offset < other.offset + max(1, other.bytes) and other.offset < one.offset + max(
        1, one.bytes
    )


def _meet(some: Sequence[Buffer], others: Sequence[Buffer]) -> bool:
    return any(share_memory(one, other) for one in some for other in others)


def zeros(name: str, buffer: Buffer) -> Emitted:
    """Return the kernel that fills a buffer with zeros."""
    parameters = [f"{buffer.dtype.c} *out", "int64_t first", "int64_t last"]
    return _whole(name, [buffer], parameters, FILL, "out[i] = 0;")


def copy(name: str, source: Buffer, target: Buffer) -> Emitted:
    """Return the kernel that copies a buffer to another whose axes lie in the same order."""
    kind = target.dtype.c
    parameters = [f"const {kind} *restrict from", f"{kind} *restrict to"]
    parameters += ["int64_t first", "int64_t last"]
    return _whole(name, [source, target], parameters, COPY, "to[i] = from[i];")


def _whole(
    name: str, buffers: list[Buffer], parameters: list[str], unit: int, line: str
) -> Emitted:
    """Return a kernel that does the same with every element of its buffers."""
    size = buffers[-1].size
    begin, end = "0", str(size)
    lines = ["(void)first;", "(void)last;"]
    if size > unit:
        begin, end = "first * " + str(unit), "end"
        text = f"last * {unit} < {size} ? last * {unit} : {size}"
        lines = [f"const int64_t end = {text};"]
    lines += [f"for (int64_t i = {begin}; i < {end}; i++)", f"    {line}"]
    head = folded(f"static void {name}", parameters, ")")
    text = "\n".join([*head, "{", *indented(lines), "}", ""])
    operands = [(buffer, 0) for buffer in buffers]
    return Emitted(KernelCode(text, -(-size // unit)), operands, {buffers[-1]})


def named_in(lines: Sequence[str], steps: Sequence[Step]) -> list[Buffer]:
    """Return the buffers of steps that the lines name."""
    names = set(NAME.findall("\n".join(lines)))
    buffers = dict.fromkeys(buffer for step in steps for buffer in step.buffers)
    return [one for one in buffers if one.name in names]


def definitions(steps: Sequence[Step]) -> list[str]:
    """Return the C of the functions that steps call."""
    return [text for text in (step.text() for step in steps) if text]


def task(name: str, steps: Sequence[Step], arena: int, scratch: int) -> str:
    """Return the function that every thread runs: all steps in order, of each its share."""
    body = []
    calls = [line for step in steps for line in step.call()]
    for buffer in named_in(calls, steps):
        if buffer.role == "table":
            continue
        where = f"call->buffers[{buffer.slot}]"
        if buffer.role == "temporary":
            where = f"(call->arena + {buffer.offset})"
        kind = buffer.dtype.c
        body.append(f"{kind} *const {buffer.name} = ({kind} *){where};")
    if any(step.takes_scratch for step in steps):
        own = f" + thread * INT64_C({scratch})" if scratch else ""
        body.append(f"char *const scratch = call->arena + {arena}{own};")
    body += calls
    names = set(NAME.findall("\n".join(body)))
    if "barrier" in names:
        body.insert(0, "rl_barrier *const barrier = &((rl_job *)context)->barrier;")
    if "call" in names:
        body.insert(0, "rl_call *const call = ((rl_job *)context)->call;")
    if not names & {"barrier", "call"}:
        body.append("(void)context;")
    body += [f"(void){each};" for each in ("thread", "threads") if each not in names]
    head = f"static void {name}(void *context, int thread, int threads)"
    return "\n".join([head, "{", *indented(body), "}", ""])
