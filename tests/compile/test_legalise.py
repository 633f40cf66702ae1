"""Graphs as kernels want them: of the same meaning, the given graph as it was."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.legalise import LONG, legalise
from rushlight.core.kernels import Reinterpret, View
from rushlight.graph.interpret import Interpreter
from rushlight.graph.ir import Graph
from rushlight.ops.conv import conv2d
from rushlight.testing.compare import assert_close
from rushlight.testing.graphs import inputs_of, random_graph


def names(graph: Graph) -> list[str]:
    return [node.primitive.name for node in graph.nodes]


@pytest.mark.parametrize("seed", range(60))
def test_it_means_the_same_and_the_given_graph_stays(seed: int) -> None:
    graph, arguments = random_graph(seed)
    before = str(graph)
    wanted = Interpreter(graph).run(inputs_of(graph, arguments))
    legal = legalise(graph)
    got = Interpreter(legal).run(inputs_of(legal, arguments))
    assert str(graph) == before
    for one, other in zip(got, wanted, strict=True):
        near = 2e-4 if np.asarray(one).dtype.kind == "f" else 0.0
        assert_close(np.asarray(one), np.asarray(other), rtol=near, atol=near)


@pytest.mark.parametrize("seed", range(60))
def test_every_result_is_made_by_a_node_of_its_own_that_is_no_view(seed: int) -> None:
    graph = legalise(random_graph(seed)[0])
    made = {value: node for node in graph.nodes for value in node.outputs}
    results = graph.results()
    assert len(set(results)) == len(results)
    for value in results:
        node = made[value]
        record = node.primitive.lower(*[x.spec for x in node.inputs], **node.params)
        assert not isinstance(record, (View, Reinterpret))


def test_the_padding_of_a_convolution_and_of_its_gradients_is_made_explicit() -> None:
    def function(x: rl.Tensor, w: rl.Tensor) -> object:
        return rl.value_and_grad(lambda x, w: conv2d(x, w, padding=1).sum(), (0, 1))(x, w)

    graph = legalise(rl.trace(function, rl.ones(2, 3, 8, 8), rl.ones(4, 3, 3, 3)))
    padded = [node for node in graph.nodes if node.primitive.name.startswith("conv2d")]
    assert len(padded) == 3
    assert {node.params["padding"] for node in padded} == {(0, 0)}
    assert "place" in names(graph) and "slice" in names(graph)


def test_a_long_sum_over_several_axes_is_made_in_two_steps() -> None:
    side = int(LONG**0.5)
    short = legalise(rl.trace(lambda x: x.sum((0, 1)), rl.ones(side, side - 1)))
    long = legalise(rl.trace(lambda x: x.sum((0, 1)), rl.ones(side, side)))
    along_one = legalise(rl.trace(lambda x: x.sum(0), rl.ones(LONG * 2, 1)))
    assert [names(graph).count("sum") for graph in (short, long, along_one)] == [1, 2, 1]


def test_results_that_are_inputs_views_or_results_already_are_copied() -> None:
    def function(x: rl.Tensor) -> list[rl.Tensor]:
        y = x.exp()
        return [x, y, y, y.T]

    graph = rl.trace(function, rl.ones(2, 3))
    assert names(graph) == ["exp", "permute"]
    assert names(legalise(graph)) == ["exp", "permute", "copy", "copy", "copy"]
