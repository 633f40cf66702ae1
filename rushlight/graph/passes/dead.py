"""Dead code: nodes whose results nobody asks for."""

from rushlight.graph.ir import Graph
from rushlight.graph.passes.rewrite import Rewriter


def without_dead_nodes(graph: Graph) -> Graph:
    """Return the graph without nodes, constants and states that no result needs; numbered anew."""
    needed = set(graph.results())
    nodes = []
    for node in reversed(graph.nodes):
        if not needed.isdisjoint(node.outputs):
            needed.update(node.inputs)
            nodes.append(node)
    living = Graph(
        graph.name,
        nodes=nodes[::-1],
        arguments=graph.arguments,
        states=[(tensor, value) for tensor, value in graph.states if value in needed],
        grads=[(tensor, value) for tensor, value in graph.grads if value in needed],
        constants=[(array, value) for array, value in graph.constants if value in needed],
        outputs=graph.outputs,
        updates=graph.updates,
        grad_updates=graph.grad_updates,
    )
    return Rewriter(living).run()
