"""Dead code: nodes whose results nobody asks for."""

from rushlight.graph.ir import Graph


def without_dead_nodes(graph: Graph) -> Graph:
    """Return the graph without nodes, constants and states that no result needs; numbered anew."""
    needed = {id(value) for value in graph.results()}
    nodes = []
    for node in reversed(graph.nodes):
        if any(id(value) in needed for value in node.outputs):
            needed.update(id(value) for value in node.inputs)
            nodes.append(node)
    graph.nodes = nodes[::-1]
    graph.constants = [(array, v) for array, v in graph.constants if id(v) in needed]
    graph.states = [(x, v) for x, v in graph.states if id(v) in needed]
    graph.grads = [(x, v) for x, v in graph.grads if id(v) in needed]
    graph.values = [
        *graph.arguments,
        *(v for _, v in (*graph.states, *graph.grads, *graph.constants)),
        *(v for node in graph.nodes for v in node.outputs),
    ]
    for index, value in enumerate(graph.values):
        value.index = index
    return graph
