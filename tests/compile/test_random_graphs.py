"""Random graphs as C: NumPy's results, the same bits on all threads, no sanitizer complains."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rushlight.core.primitive import Array
from rushlight.graph.interpret import Interpreter
from rushlight.graph.ir import Graph
from rushlight.testing.compare import assert_close, assert_identical
from rushlight.testing.graphs import inputs_of, random_graph
from rushlight.testing.native import Built, build_graphs
from rushlight.testing.sanitize import SANITIZERS, can_sanitize, run_sanitized

USUAL, MOST = 200, 2000
FILE = 50  # graphs to a C file
THREADS = (2, 3, 4)
NEAR = 2e-4  # results are steady: rounding moves them by less

SEEDS = [
    seed if seed < USUAL else pytest.param(seed, marks=pytest.mark.long) for seed in range(MOST)
]

Case = tuple[Graph, list[Array]]  # and what the interpreter takes


def case_of(seed: int) -> Case:
    graph, arguments = random_graph(seed)
    return graph, inputs_of(graph, arguments)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], tuple[Built, list[Array]]]:
    """Return what gives the graph of a seed as C, built with others, and its inputs."""
    ready: dict[int, tuple[Built, list[Array]]] = {}

    def get(seed: int) -> tuple[Built, list[Array]]:
        if seed not in ready:
            ready.clear()
            first = seed // FILE * FILE
            cases = [case_of(each) for each in range(first, first + FILE)]
            folder = tmp_path_factory.mktemp("graphs")
            made = build_graphs([graph for graph, _ in cases], folder, unit=64)
            for number, (one, (_, inputs)) in enumerate(zip(made, cases, strict=True)):
                ready[first + number] = one, inputs
        return ready[seed]

    return get


@pytest.mark.parametrize("seed", SEEDS)
def test_c_gives_what_numpy_gives_on_any_number_of_threads(
    seed: int, built: Callable[[int], tuple[Built, list[Array]]]
) -> None:
    one, inputs = built(seed)
    wanted = Interpreter(one.graph).run(inputs)
    got = one.run(inputs)
    for position, (array, other) in enumerate(zip(got, wanted, strict=True)):
        near = NEAR if array.dtype.kind == "f" else 0.0
        what = f"result {position}"
        assert_close(array, np.asarray(other), rtol=near, atol=near, what=what)
    for threads in THREADS:
        for position, (array, other) in enumerate(zip(one.run(inputs, threads), got, strict=True)):
            assert_identical(array, other, what=f"result {position} on {threads} threads")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SANITIZERS)
@pytest.mark.parametrize("first", [0, *[pytest.param(n, marks=pytest.mark.long) for n in (25, 50)]])
def test_no_sanitizer_has_anything_to_say(name: str, first: int, tmp_path: Path) -> None:
    flags = SANITIZERS[name]
    if not can_sanitize(tmp_path, flags):
        pytest.skip(f"no library here for {flags[0]}")
    graphs, inputs = zip(*[case_of(seed) for seed in range(first, first + 25)], strict=True)
    assert run_sanitized(graphs, inputs, tmp_path, flags) == "done\n"
