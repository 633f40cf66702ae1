"""What depends on constants alone is computed when the graph is made."""

import numpy as np

import rushlight as rl
from rushlight.graph.ir import Graph
from rushlight.graph.passes.fold import LIMIT, fold_constants
from rushlight.graph.passes.rewrite import copied
from rushlight.testing.compare import assert_identical
from tests.graph.passes.evaluate import evaluate, names


def constants(graph: Graph) -> list[object]:
    return [array.tolist() for array, _ in graph.constants]


def test_arithmetic_of_constants_is_one_constant() -> None:
    graph = rl.trace(lambda x: x * (rl.tensor(2.0) * 3.0 + 1.0).sqrt(), rl.ones(2))
    after = fold_constants(copied(graph))
    assert names(after) == ["mul"]
    assert_identical(evaluate(after, np.ones(2, np.float32))[0], np.full(2, 7**0.5, np.float32))


def test_an_op_of_several_results_is_folded() -> None:
    state = np.array([1, 2, 3, 4], np.uint32)

    def function() -> list[rl.Tensor]:
        generator = rl.Generator(1)
        generator.state = rl.tensor(state)
        return [generator.bits((3,)), generator.state]

    graph = rl.trace(function)
    after = fold_constants(copied(graph))
    assert names(after) == []
    for got, wanted in zip(evaluate(after), evaluate(graph), strict=True):
        assert_identical(got, wanted)


def test_an_expanded_number_is_never_stored() -> None:
    graph = rl.trace(lambda x: x + (rl.tensor(2.0).broadcast_to(100, 100) * 0.5).exp(), rl.ones(1))
    after = fold_constants(copied(graph))
    assert names(after) == ["broadcast_to", "add"]
    assert [array.size for array, _ in after.constants] == [1]


def test_a_constant_of_one_number_becomes_the_number() -> None:
    graph = rl.trace(lambda x: x + rl.ones(64, 64), rl.ones(64))
    after = fold_constants(copied(graph))
    assert names(after) == ["broadcast_to", "add"]
    assert constants(after) == [1.0]


def test_zeros_of_both_signs_are_not_one_number() -> None:
    graph = rl.trace(lambda: rl.tensor([0.0, -0.0]))
    assert constants(fold_constants(copied(graph))) == [[0.0, -0.0]]


def test_large_results_are_left_to_the_run() -> None:
    def outer(n: int) -> Graph:
        return rl.trace(lambda: rl.arange(n).unsqueeze(1) * rl.arange(2))

    assert names(fold_constants(outer(LIMIT // 2))) == []
    assert "mul" in names(fold_constants(outer(LIMIT)))


def test_an_index_out_of_range_is_left_for_the_run_to_explain() -> None:
    graph = Graph("bad")
    table = rl.trace(lambda: rl.arange(3)).constants[0][0]
    values = []
    for array in (table, np.array([0, 7])):
        values.append(graph.new_value(rl.tensor(array).spec))
        graph.constants.append((array, values[-1]))
    taken = rl.trace(rl.take, rl.arange(3), rl.tensor([0, 1])).nodes[0].primitive
    graph.outputs = list(graph.add(taken, tuple(values), {}))
    assert names(fold_constants(copied(graph))) == ["take"]


def test_what_depends_on_an_argument_or_a_state_stays() -> None:
    state = rl.tensor(2.0)
    graph = rl.trace(lambda x: (x * 2.0, state * 2.0), rl.ones(2))
    assert names(fold_constants(copied(graph))) == ["mul", "mul"]
