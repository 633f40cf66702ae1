"""Common subexpressions: what is computed twice from the same values is computed once."""

from typing import Any

from rushlight.core.primitive import Array
from rushlight.graph.ir import Graph, GraphValue, Node
from rushlight.graph.passes.rewrite import Rewriter, Values

LIMIT = 1 << 16  # bytes of a constant; larger ones are not compared


def share_common(graph: Graph) -> Graph:
    """Return the graph with one node for all that apply a primitive to the same with the same.

    Every primitive is a function of its inputs and params, random bits too: of their state.

    >>> import rushlight as rl
    >>> graph = rl.trace(lambda x: x.exp() + x.exp(), rl.ones(2))
    >>> [node.primitive for node in share_common(graph).nodes]
    [exp, add]
    """
    return Sharer(graph).run()


class Sharer(Rewriter):
    """Remembers what was computed, and of what."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._known: dict[Any, Values] = {}

    def change_constant(self, array: Array, value: GraphValue) -> GraphValue | None:
        if array.nbytes > LIMIT:
            return None
        (known,) = self._known.setdefault((value.spec, array.tobytes()), (value,))
        return None if known is value else known

    def change(self, node: Node, inputs: Values) -> Values | None:
        try:
            key = (node.primitive, inputs, _exactly(node.params))
            known = self._known.setdefault(key, node.outputs)
        except TypeError:  # a param without a hash
            return None
        return None if known is node.outputs else known


def _exactly(param: Any) -> Any:
    """Return a key that is equal only for params of the same types and bits."""
    if isinstance(param, dict):
        return tuple((name, _exactly(param[name])) for name in sorted(param))
    if isinstance(param, (list, tuple)):
        return type(param), tuple(map(_exactly, param))
    return type(param), repr(param) if isinstance(param, float) else param
