"""A graph evaluated so that its bits depend on nothing but its nodes."""

from collections.abc import Sequence

import numpy as np

from rushlight.core.primitive import Array
from rushlight.graph.ir import Graph, GraphValue
from rushlight.testing.graphs import inputs_of


def evaluate(graph: Graph, *arguments: Array) -> list[Array]:
    """The results, with every value in row-major order: in another, NumPy's sums round otherwise.

    Captured tensors are read, not changed.
    """
    inputs = [*graph.arguments, *(value for _, value in (*graph.states, *graph.grads))]
    memory: dict[GraphValue, Array] = dict(zip(inputs, inputs_of(graph, arguments), strict=True))
    memory.update((value, array) for array, value in graph.constants)
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            result = node.primitive.numpy(*[memory[x] for x in node.inputs], **node.params)
            several: Sequence[Array] = result if node.primitive.outputs > 1 else (result,)
            for value, one in zip(node.outputs, several, strict=True):
                memory[value] = np.array(one, order="C")
    return [memory[value] for value in graph.results()]


def names(graph: Graph) -> list[str]:
    """What the nodes are, in their order."""
    return [node.primitive.name for node in graph.nodes]
