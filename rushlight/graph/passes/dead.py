"""Dead code: nodes whose results nobody asks for."""

from rushlight.graph.ir import Graph


def without_dead_nodes(graph: Graph) -> Graph:
    """Return the graph without nodes, constants and states that no result needs; numbered anew."""
    needed = set(graph.results())
    nodes = []
    for node in reversed(graph.nodes):
        if not needed.isdisjoint(node.outputs):
            needed.update(node.inputs)
            nodes.append(node)
    graph.nodes = nodes[::-1]
    graph.constants = [(array, value) for array, value in graph.constants if value in needed]
    graph.states = [(x, value) for x, value in graph.states if value in needed]
    graph.grads = [(x, value) for x, value in graph.grads if value in needed]
    graph.values = [
        *graph.arguments,
        *(value for _, value in (*graph.states, *graph.grads, *graph.constants)),
        *(value for node in graph.nodes for value in node.outputs),
    ]
    for index, value in enumerate(graph.values):
        value.index = index
    return graph
