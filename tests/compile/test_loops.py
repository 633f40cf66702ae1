"""Loops and choices as C: what the trace gives, the same bits on all threads, nothing unrolled."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.emit.program import compile_graph
from rushlight.core.primitive import Array
from rushlight.graph.interpret import Interpreter
from rushlight.graph.ir import Graph
from rushlight.testing.compare import assert_close, assert_identical
from rushlight.testing.graphs import inputs_of
from rushlight.testing.native import Built, build_graphs
from rushlight.testing.sanitize import SANITIZERS, can_sanitize, run_sanitized
from tests.graph.loop_forms import FORMS

WIDE = {  # sizes at which threads share the work of a turn
    "recurrent": ((37, 65), (5, 37, 40), (40, 65), (65, 65), (65,)),
    "gates": ((33, 48), (4, 33, 70), (192, 70), (192, 48), (192,)),
    "weights used in many ways": ((19, 3), (5, 19, 3), (3, 3), (3,)),
    "loops in a loop": ((400,), (3, 2, 400), (400, 400)),
    "choice in a loop": ((3000,), (5, 3000), (3000,)),
    "while in a loop": ((3000,), (4, 3000)),
    "rows of a transposed tensor": ((90, 40, 50), (40, 90)),
}
CASES = [*FORMS, *(f"{name}, wide" for name in WIDE)]


def case(name: str) -> tuple[Graph, list[Array]]:
    form = FORMS[name.removesuffix(", wide")]
    arrays = list(form.inputs)
    if name.endswith(", wide"):
        random = np.random.default_rng(7)
        shapes = WIDE[name.removesuffix(", wide")]
        arrays = [(random.uniform(-1.0, 1.0, s) * s[-1] ** -0.5).astype(np.float32) for s in shapes]
    tensors = [rl.tensor(x, requires_grad=x.dtype.kind == "f" and form.smooth) for x in arrays]
    graph = rl.trace(form.with_gradients, *tensors)
    return graph, inputs_of(graph, arrays)


@pytest.fixture(scope="module")
def cases() -> dict[str, tuple[Graph, list[Array]]]:
    return {name: case(name) for name in CASES}


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory, cases: dict[str, tuple[Graph, list[Array]]]
) -> dict[str, Built]:
    folder = tmp_path_factory.mktemp("loops")
    graphs = [graph for graph, _ in cases.values()]
    return dict(zip(cases, build_graphs(graphs, folder, unit=64), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_c_gives_what_the_trace_gives_on_any_number_of_threads(
    name: str, cases: dict[str, tuple[Graph, list[Array]]], built: dict[str, Built]
) -> None:
    graph, inputs = cases[name]
    wanted = Interpreter(graph).run(inputs)
    got = built[name].run(inputs)
    rough = 1e-4 if name.endswith("wide") else None
    for position, (one, other) in enumerate(zip(got, wanted, strict=True)):
        spec = graph.results()[position].spec
        pair = (rl.Tensor.wrap(np.asarray(x), spec.dtype) for x in (one, other))
        exact = {} if spec.dtype.kind != "float" else {"rtol": rough, "atol": rough}
        assert_close(*pair, **exact, what=f"result {position}")
    for threads in (2, 3, 4):
        for one, other in zip(built[name].run(inputs, threads), got, strict=True):
            assert_identical(one, other, what=f"{threads} threads")


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "sanitizer",
    ["address and undefined", pytest.param("threads", marks=pytest.mark.long)],
)
def test_no_sanitizer_complains_of_a_loop(
    sanitizer: str, cases: dict[str, tuple[Graph, list[Array]]], tmp_path: Path
) -> None:
    flags = SANITIZERS[sanitizer]
    if not can_sanitize(tmp_path, flags):
        pytest.skip(f"no library here for {flags[0]}")
    few = [case for name, case in cases.items() if name in SANITIZED]
    graphs, inputs = zip(*few, strict=True)
    assert run_sanitized(graphs, inputs, tmp_path, flags) == "done\n"


SANITIZED = (
    "gates",
    "no turn",
    "no elements",
    "3 of four turns",
    "9 of four back",
    "-3 of four turns",
    "loops in a loop",
    "choice in a loop",
    "while in a loop",
    "while loops",
    "lookups",
    "rows and state that lie across",
    "states that change places",
    "halves",
    "a large constant",
)


def test_the_c_of_a_loop_does_not_grow_with_its_length() -> None:
    def loss(h: rl.Tensor, xs: rl.Tensor, w: rl.Tensor) -> rl.Tensor:
        return rl.scan(lambda h, x: ((h @ w + x).tanh(), h), h, xs)[1].sum()

    sizes = []
    for length in (100, 999):
        graph = rl.trace(
            rl.grad(loss, (0, 1, 2)), rl.ones(2, 8), rl.ones(length, 2, 8), rl.ones(8, 8)
        )
        sizes.append(len(compile_graph(graph).source))
    assert abs(sizes[0] - sizes[1]) < 0.02 * sizes[0]


def test_one_program_serves_every_count() -> None:
    def loop(x: rl.Tensor, xs: rl.Tensor, n: rl.Tensor) -> tuple[rl.Tensor, rl.Tensor]:
        return rl.scan(lambda s, y: (s * x + y, s), x, xs, count=n)

    xs = rl.tensor(np.arange(1.0, 6.0, dtype=np.float32))
    compiled = rl.compile(loop)
    for count in (5, 0, 2, -4, 77, 3):
        n = rl.tensor(count)
        for one, other in zip(
            compiled(rl.tensor(0.5), xs, n), loop(rl.tensor(0.5), xs, n), strict=True
        ):
            assert_close(one, other)
    assert len(compiled.graphs) == 1
    assert compiled.fallbacks == []


def test_another_length_is_another_program() -> None:
    compiled = rl.compile(lambda s, xs: rl.scan(lambda s, x: (s + x, None), s, xs)[0])
    sums = [compiled(rl.tensor(1.0), rl.ones(n)).item() for n in (3, 7, 3)]
    assert sums == [4.0, 8.0, 4.0]
    assert len(compiled.graphs) == 2


@pytest.mark.parametrize("index", [-1, 5, 2**40])
def test_an_index_out_of_range_in_a_turn_leaves_all_states_as_they_were(index: int) -> None:
    table, seen = rl.tensor(np.arange(10.0, dtype=np.float32).reshape(5, 2)), rl.tensor([0.0, 0.0])

    def turn(h: rl.Tensor, i: rl.Tensor) -> Any:
        row = table.take(i)
        seen.assign(seen + row)
        return h + row, row

    def loop(h: rl.Tensor, ids: rl.Tensor) -> Any:
        return rl.scan(turn, h, ids)

    compiled = rl.compile(loop)
    fine, wrong = rl.tensor([1, 4, 0]), rl.tensor([1, index, 0])
    state, _ = compiled(rl.ones(2), fine)
    assert state.tolist() == [11.0, 14.0]
    before = seen.tolist()
    with pytest.raises(rl.BoundsError):
        loop(rl.ones(2), wrong)
    seen.assign(rl.tensor(before))
    with pytest.raises(rl.BoundsError) as caught:
        compiled(rl.ones(2), wrong)
    assert str(index) in str(caught.value)
    assert seen.tolist() == before
    assert compiled.fallbacks == []
