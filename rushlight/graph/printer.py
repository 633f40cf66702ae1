"""The graph as text that people read: one line a node, with shapes, names and the user's lines."""

from typing import TYPE_CHECKING, Any

from rushlight.core.dtypes import DType

if TYPE_CHECKING:
    from rushlight.graph.ir import Graph, GraphValue, Node


def to_text(graph: "Graph") -> str:
    """Return the graph as text: inputs, state, constants, one line a node, results.

    >>> import rushlight as rl
    >>> print(rl.trace(lambda x: x, rl.ones(2, 3)))
    graph <lambda>
      %0 = argument                        float32 (2, 3)
      return %0
    """
    lines = [f"graph {graph.name}"]
    for value in graph.arguments:
        lines.append(_line(value, "argument"))
    names = state_names(graph)
    for tensor, value in graph.states:
        lines.append(_line(value, f"state {names[id(tensor)]}"))
    for tensor, value in graph.grads:
        lines.append(_line(value, f"gradient of {names.get(id(tensor), '?')}"))
    for array, value in graph.constants:
        text = repr(array.item()) if array.size == 1 else f"<{array.size} elements>"
        lines.append(_line(value, f"constant {text}"))
    module = None
    for node in graph.nodes:
        if node.module != module:
            module = node.module
            lines.append(f"  # {module or 'outside of a module'}")
        lines.append(_node_line(node))
    if graph.outputs:
        lines.append("  return " + ", ".join(map(str, graph.outputs)))
    for tensor, value in graph.updates:
        lines.append(f"  {names.get(id(tensor), 'state')} <- {value}")
    for tensor, grad in graph.grad_updates:
        lines.append(f"  {names.get(id(tensor), 'tensor')}.grad <- {grad}")
    return "\n".join(lines)


def state_names(graph: "Graph") -> dict[int, str]:
    """Return a name for each captured tensor: its own, or s0, s1, ... in order."""
    names: dict[int, str] = {}
    tensors = [tensor for tensor, _ in (*graph.states, *graph.updates, *graph.grad_updates)]
    for tensor in tensors:
        names.setdefault(id(tensor), tensor.name or f"s{len(names)}")
    return names


def _node_line(node: "Node") -> str:
    inputs = ", ".join(map(str, node.inputs))
    params = "".join(
        f" {name}={_param(value)}"
        for name, value in node.params.items()
        if value not in (False, None)
    )
    text = f"{node.primitive.name} {inputs}{params}"
    return _line(node.outputs[0], text, ", ".join(map(str, node.outputs)), node.source)


def _line(value: "GraphValue", text: str, name: str = "", source: str | None = None) -> str:
    left = f"  {name or value} = {text}"
    return f"{left:<38} {value.spec}" + (f"  {source}" if source else "")


def _param(value: Any) -> str:
    if isinstance(value, DType):
        return value.name
    return str(value)
