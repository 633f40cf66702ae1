"""Nodes, constants and states that no result needs are left out."""

import numpy as np

import rushlight as rl
from rushlight.graph.interpret import Interpreter


def test_what_nobody_asks_for_is_not_in_the_graph() -> None:
    unused = rl.ones(2)

    def function(x: rl.Tensor) -> rl.Tensor:
        (unused * 5.0).exp()
        return x + 1.0

    graph = rl.trace(function, rl.ones(2))
    assert [node.primitive.name for node in graph.nodes] == ["add"]
    assert graph.states == []
    assert [array.item() for array, _ in graph.constants] == [1.0]


def test_an_argument_stays_an_argument_though_nobody_reads_it() -> None:
    graph = rl.trace(lambda x, y: y * 2.0, rl.ones(2), rl.ones(3))
    assert [value.shape for value in graph.arguments] == [(2,), (3,)]
    (got,) = Interpreter(graph).run([np.ones(2, np.float32), np.ones(3, np.float32)])
    assert got.tolist() == [2.0, 2.0, 2.0]


def test_what_only_an_update_or_a_gradient_needs_stays() -> None:
    w = rl.tensor([2.0], requires_grad=True)

    def step() -> None:
        (w * w).sum().backward()
        w.assign(w - w.grad)

    graph = rl.trace(step)
    assert graph.outputs == []
    assert len(graph.updates) == len(graph.grad_updates) == 1
    assert [array.item() for array in Interpreter(graph).run([w.data])] == [-2.0, 4.0]


def test_one_used_result_of_two_keeps_the_node() -> None:
    generator = rl.Generator(0)
    graph = rl.trace(lambda: [generator.bits((2,))][1:])
    assert [node.primitive.name for node in graph.nodes] == ["random_bits"]
    assert (graph.outputs, len(graph.updates)) == ([], 1)


def test_values_are_numbered_without_gaps() -> None:
    def function(x: rl.Tensor) -> rl.Tensor:
        (x * 5.0).exp()
        return (x + 1.0) * x

    graph = rl.trace(function, rl.ones(2))
    assert [value.index for value in graph.values] == list(range(len(graph.values)))


def test_a_graph_without_anything_returns_nothing() -> None:
    graph = rl.trace(lambda: None)
    assert (graph.nodes, graph.values, graph.results()) == ([], [], [])
    assert Interpreter(graph).run([]) == []
