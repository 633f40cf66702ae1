"""The memory of programs: no buffer lies where another still counts, and barriers are in place."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.emit.nested import NestedStep
from rushlight.compile.emit.program import ProgramWriter
from rushlight.compile.emit.steps import Step
from rushlight.compile.memory import c_name
from rushlight.compile.records import Buffer
from rushlight.graph.ir import Graph
from rushlight.testing.cases import all_cases
from rushlight.testing.graphs import random_graph

SEEDS = range(300)


def place_of(buffer: Buffer) -> tuple[object, int, int]:
    """Return which memory a buffer lies in, and from which byte to which."""
    if buffer.role == "temporary":
        return "arena", buffer.offset, buffer.offset + buffer.bytes
    return buffer, 0, buffer.bytes


def meet(one: Buffer, other: Buffer) -> bool:
    (memory, first, last), (other_memory, begin, end) = place_of(one), place_of(other)
    return memory is other_memory and first < end and begin < last


def written_by(graph: Graph, unit: int = 64) -> tuple[ProgramWriter, int]:
    writer = ProgramWriter(graph, unit=unit)
    return writer, writer.write().arena


def missing_barriers(steps: Sequence[Step]) -> list[tuple[str, str, str]]:
    """Return the pairs of steps that conflict with no barrier between them, and over what."""
    found = []
    for last, step in enumerate(steps):
        first = last
        while first > 0 and not steps[first].barrier:
            first -= 1
        for other in steps[first:last]:
            if step.is_alone and other.is_alone:
                continue  # the first thread does both
            for mine in step.buffers:
                for theirs in other.buffers:
                    changes = mine in step.writes or theirs in other.writes
                    if changes and meet(mine, theirs):
                        found.append((other.name, step.name, mine.name))
    return found


def sequences(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """Yield steps, and those inside of loops and branches."""
    yield steps
    for step in steps:
        if isinstance(step, NestedStep):
            for inner in step.inners:
                yield from sequences(inner.steps)


def check_contents(steps: Sequence[Step], arena: int) -> None:
    """Follow what each byte of the arena holds; nothing may be read that is not there any more."""
    holds: dict[Buffer, bool] = {}
    for step in steps:
        buffers = [buffer for buffer in step.buffers if buffer.role == "temporary"]
        for buffer in buffers:
            assert buffer.offset % 64 == 0
            assert 0 <= buffer.offset <= buffer.offset + buffer.bytes <= arena
            for other in buffers:
                assert buffer is other or not meet(buffer, other)
            if buffer not in step.writes and buffer.bytes:
                assert holds.get(buffer, False), f"{step.name} reads {buffer.name}"
        for buffer in buffers:
            if buffer in step.writes:
                for other in list(holds):
                    if other is not buffer and meet(buffer, other):
                        del holds[other]
                holds[buffer] = True


@pytest.mark.parametrize("seed", SEEDS)
def test_kernels_that_share_memory_have_a_barrier_between_them(seed: int) -> None:
    writer, arena = written_by(random_graph(seed)[0])
    for steps in sequences(writer.steps):
        assert missing_barriers(steps) == []
    check_contents(writer.steps, arena)


def test_the_same_holds_for_every_primitive_alone() -> None:
    for case in all_cases():
        writer, arena = written_by(rl.trace(case, *case.inputs()))
        assert missing_barriers(writer.steps) == []
        check_contents(writer.steps, arena)


def test_the_proof_sees_a_barrier_that_is_missing() -> None:
    w = rl.tensor(np.ones((30, 30), np.float32))
    writer, _ = written_by(rl.trace(lambda x: (w @ x.exp()).sum(0), rl.ones(30, 30)))
    barriers = [step for step in writer.steps if step.barrier]
    assert barriers
    for step in barriers:
        step.barrier = False
        assert missing_barriers(writer.steps) != []
        step.barrier = True


def test_temporaries_that_are_not_needed_at_once_share_memory() -> None:
    def function(x: rl.Tensor) -> rl.Tensor:
        for _ in range(6):
            x = x @ x
        return x

    _, arena = written_by(rl.trace(function, rl.ones(64, 64)))
    assert arena == 2 * 64 * 64 * 4


def test_a_state_is_updated_in_place_without_a_copy() -> None:
    w, v = rl.ones(100, 30), rl.zeros(100, 30)

    def step(g: rl.Tensor) -> None:
        v.assign(v * 0.9 + g)
        w.assign(w - v * 0.1)

    writer, arena = written_by(rl.trace(step, rl.ones(100, 30)))
    assert (len(writer.steps), arena) == (1, 0)


def test_an_optimiser_changes_the_weight_where_its_gradient_is_made() -> None:
    w = rl.tensor(np.ones((30, 20), np.float32), requires_grad=True)

    def step(x: rl.Tensor) -> None:
        (x @ w).sum().backward()
        w.assign(w - w.grad * 0.1)
        w.grad = None

    writer, _ = written_by(rl.trace(step, rl.ones(40, 30)))
    changing = [s for s in writer.steps if any(b.role == "state" for b in s.writes)]
    assert [s.comment.partition(":")[0] for s in changing] == ["matmul, mul, sub"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("0.weight", "weight_3"),
        ('a"*/; system("x"); /*', "a_____system__x_3"),
        ("", "v_3"),
        ("int", "int_3"),
        ("größe\n", "gr__e_3"),
        ("9lives", "lives_3"),
        ("x" * 100, "x" * 24 + "_3"),
    ],
)
def test_a_name_in_c_is_a_name_whatever_a_model_calls_it(name: str, wanted: str) -> None:
    assert c_name(name, 3) == wanted
