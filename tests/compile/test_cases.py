"""Every primitive on every kind of input: C gives what the interpreter gives, on all threads."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.dtypes import float32, float64
from rushlight.core.kernels import Map
from rushlight.core.primitive import PRIMITIVES, Array
from rushlight.graph.interpret import Interpreter
from rushlight.graph.ir import Graph
from rushlight.testing.cases import Case, all_cases, cases
from rushlight.testing.compare import assert_close, assert_identical
from rushlight.testing.native import Built, build_graphs

FILE = 100  # graphs to a C file
THREADS = (1, 2, 3, 4)

IN_FLOAT64 = [case for primitive in PRIMITIVES.values() for case in cases(primitive, float64)]
CASES = {str(case): case for case in all_cases()}
CASES |= {f"{case} in float64": case for case in IN_FLOAT64}


def is_differentiable(case: Case) -> bool:
    """Return whether there is a loss with a gradient for the first input."""
    plain = case.layout == "plain" or case.dtypes[0] is float32
    wide = plain and case.primitive.differentiable and case.dtypes[0].is_wide
    results = case(*case.inputs()) if wide else ()
    return wide and isinstance(results, rl.Tensor) and results.dtype.is_float


class Loss:
    """A case as a function that can be differentiated: the sum of its result's weighted sines."""

    def __init__(self, case: Case) -> None:
        self.case = case

    def __call__(self, *inputs: rl.Tensor) -> rl.Tensor:
        result = self.case(*inputs)
        return (result.sin() * result.detach().cos()).sum()


GRADIENTS = {name: case for name, case in CASES.items() if is_differentiable(case)}


def graph_of(case: Case) -> Graph:
    return rl.trace(case, *case.inputs())


def graph_of_gradient(case: Case) -> Graph:
    wide = [i for i, dtype in enumerate(case.dtypes) if dtype.is_wide]
    return rl.trace(rl.value_and_grad(Loss(case), wide), *case.inputs())


def builder(found: dict[str, Case], make: Callable[[Case], Graph]) -> Any:
    """Return a fixture: a function that gives a case as C, built with the others of its file."""

    @pytest.fixture(scope="module")
    def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Built]:
        names = list(found)
        ready: dict[str, Built] = {}

        def get(name: str) -> Built:
            if name not in ready:
                first = names.index(name) // FILE * FILE
                some = names[first : first + FILE]
                folder = tmp_path_factory.mktemp("graphs")
                graphs = [make(found[each]) for each in some]
                ready.update(zip(some, build_graphs(graphs, folder, unit=64), strict=True))
            return ready[name]

        return get

    return built


built_case = builder(CASES, graph_of)
built_gradient = builder(GRADIENTS, graph_of_gradient)


def run_on_all_threads(built: Built, case: Case) -> tuple[list[Array], list[Array]]:
    """Return what C gives, the same bits on all numbers of threads, and what NumPy gives."""
    arrays = [x.data for x in case.inputs()]
    with np.errstate(all="ignore"):
        wanted = [np.asarray(array) for array in Interpreter(built.graph).run(arrays)]
    got = built.run(arrays)
    for threads in THREADS[1:]:
        for one, other in zip(built.run(arrays, threads), got, strict=True):
            assert_identical(one, other, what=f"{threads} threads")
    return got, wanted


@pytest.mark.parametrize("name", CASES)
def test_c_gives_what_numpy_gives_on_any_number_of_threads(
    name: str, built_case: Callable[[str], Built]
) -> None:
    case = CASES[name]
    got, wanted = run_on_all_threads(built_case(name), case)
    record = case.primitive.lower(*case.specs(), **case.params)
    for one, other in zip(got, wanted, strict=True):
        if isinstance(record, Map) and other.dtype.kind == "f":
            assert one.dtype == other.dtype
            np.testing.assert_array_max_ulp(one, other, case.primitive.ulps)
        elif other.dtype.kind == "f":
            assert_close(one, other)
        else:
            assert_identical(one, other)


@pytest.mark.parametrize("name", GRADIENTS)
def test_c_gives_the_gradients_that_numpy_gives(
    name: str, built_gradient: Callable[[str], Built]
) -> None:
    case = GRADIENTS[name]
    for one, other in zip(*run_on_all_threads(built_gradient(name), case), strict=True):
        loose = 1e-4 if other.dtype == np.float32 else None  # the sines carry rounding on
        assert_close(one, other, rtol=loose, atol=loose)
