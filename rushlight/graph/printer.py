"""The graph as text that people read: one line a node, with shapes, names and the user's lines."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from rushlight.core.dtypes import DType

if TYPE_CHECKING:
    from rushlight.graph.ir import Graph, GraphValue, Node


BODIES = ("condition", "body")  # params that are graphs, as are those in "bodies"


def to_text(graph: "Graph") -> str:
    """Return the graph as text: inputs, state, constants, one line a node, results.

    The bodies of loops and choices stand below their nodes, indented.

    >>> import rushlight as rl
    >>> print(rl.trace(lambda x: x, rl.ones(2, 3)))
    graph <lambda>
      %0 = argument                        float32 (2, 3)
      return %0
    """
    return "\n".join(map(_printable, [f"graph {graph.name}", *_lines(graph)]))


def _lines(graph: "Graph") -> list[str]:
    lines = []
    for value in graph.arguments:
        lines.append(_line(value, "argument"))
    names = state_names(graph)
    for tensor, value in graph.states:
        lines.append(_line(value, f"state {names[id(tensor)]}"))
    for tensor, value in graph.grads:
        lines.append(_line(value, f"gradient of {names[id(tensor)]}"))
    for array, value in graph.constants:
        text = str(array.reshape(-1)[0]) if array.size == 1 else f"<{array.size} elements>"
        lines.append(_line(value, f"constant {text}"))
    module = None
    for node in graph.nodes:
        if node.module != module:
            module = node.module
            lines.append(f"  # {module or 'outside of a module'}")
        lines.append(_node_line(node))
        for role, body in _bodies(node):
            lines.append(f"    {role} {body.name}")
            lines += [f"    {line}" for line in _lines(body)]
    if graph.outputs:
        lines.append("  return " + ", ".join(map(str, graph.outputs)))
    for tensor, value in graph.updates:
        lines.append(f"  {names[id(tensor)]} <- {value}")
    for tensor, grad in graph.grad_updates:
        lines.append(f"  {names[id(tensor)]}.grad <- {grad}")
    return lines


def _printable(line: str) -> str:
    """Return a line in which names cannot move the cursor or begin another line."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def state_names(graph: "Graph") -> dict[int, str]:
    """Return a name for each captured tensor by its id; no two have the same.

    It is the tensor's own, with the path of the layer that reads it where others are called the
    same, and numbered where that does not tell them apart; s0, s1, ... for those without a name.

    >>> import rushlight as rl
    >>> model = rl.nn.Sequential(rl.nn.Linear(1, 1), rl.nn.Linear(1, 1))
    >>> list(state_names(rl.trace(model, rl.ones(1, 1))).values())
    ['0.weight', '0.bias', '1.weight', '1.bias']
    """
    pairs: list[tuple[Any, Any]] = [*graph.states, *graph.updates, *graph.grads]
    tensors = {id(tensor): tensor for tensor, _ in (*pairs, *graph.grad_updates)}
    readers = _readers(graph)
    names = {key: tensor.name or f"s{i}" for i, (key, tensor) in enumerate(tensors.items())}
    often = Counter(names.values())
    for key, name in names.items():
        if often[name] > 1 and key in readers:
            names[key] = f"{readers[key]}.{name}"
    often, seen = Counter(names.values()), set(names.values())
    for key, name in names.items():
        if often[name] > 1:
            free = (f"{name}_{i}" for i in range(len(names) + len(seen)))
            names[key] = next(one for one in free if one not in seen)
            seen.add(names[key])
    return names


def _readers(graph: "Graph") -> dict[int, str]:
    """Return for captured tensors, by id, the path of the layer that first reads them."""
    captured = {id(value): id(tensor) for tensor, value in graph.states}
    paths: dict[int, str] = {}
    for node in graph.nodes:
        for value in node.inputs:
            if node.module and id(value) in captured:
                paths.setdefault(captured[id(value)], node.module)
    return paths


def _bodies(node: "Node") -> list[tuple[str, "Graph"]]:
    """Return the bodies of a loop or a choice, and what each is for."""
    if "bodies" in node.params:
        return list(zip(("true", "false"), (x.graph for x in node.params["bodies"]), strict=True))
    return [(name, node.params[name].graph) for name in BODIES if name in node.params]


def _node_line(node: "Node") -> str:
    inputs = ", ".join(map(str, node.inputs))
    params = "".join(
        f" {name}={_param(value)}"
        for name, value in node.params.items()
        if value is not False and value is not None and name not in (*BODIES, "bodies")
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
