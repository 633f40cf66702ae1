"""Joins: values that were placed side by side among zeros and added up are put there at once."""

from collections.abc import Sequence

from rushlight.core.shapes import Shape
from rushlight.graph.ir import Graph, GraphValue, Node
from rushlight.graph.passes.rewrite import Rewriter, Values, uses
from rushlight.ops.movement import concat_p, place_p


def join_places(graph: Graph) -> Graph:
    """Return the graph with one `concat` for a sum of `place`s that fill an axis between them.

    Such sums are the gradients of what was split. Equal but for the sign of zeros.

    >>> import rushlight as rl
    >>> def total(x):
    ...     return (x[:2] * x[2:]).sum()
    >>> graph = rl.trace(rl.grad(total), rl.ones(4))
    >>> [node.primitive.name for node in join_places(graph).nodes][-3:]
    ['mul', 'mul', 'concat']
    """
    return _Joiner(graph).run()


class _Joiner(Rewriter):
    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._uses = uses(graph)
        self._parts = {value for node in graph.nodes if self._is_sum(node) for value in node.inputs}

    def _is_sum(self, node: Node) -> bool:
        return node.primitive.name == "add" and node.inputs[0].shape == node.inputs[1].shape

    def change(self, node: Node, inputs: Values) -> Values | None:
        (output,) = node.outputs[:1]
        is_part = output in self._parts and self._uses[output] == 1
        if not self._is_sum(node) or is_part:
            return None
        placed = self._placed(inputs)
        axis = None if placed is None else _filled_axis(placed)
        if placed is None or axis is None:
            return None
        placed.sort(key=lambda one: one.params["start"][axis])
        return (self.apply(concat_p, *(one.inputs[0] for one in placed), axis=axis),)

    def _placed(self, values: Sequence[GraphValue]) -> list[Node] | None:
        """Return the places that a sum is of; None if it is of anything else."""
        found: list[Node] = []
        waiting = list(values)
        while waiting:
            value = waiting.pop()
            node = self.makers.get(value)
            if node is None or self._uses.get(value, 1) != 1:
                return None
            if self._is_sum(node):
                waiting += node.inputs
            elif node.primitive is place_p:
                found.append(node)
            else:
                return None
        return found


def _filled_axis(placed: Sequence[Node]) -> int | None:
    """Return the axis along which windows lie side by side and fill a shape, if there is one."""
    shape: Shape = placed[0].params["shape"]
    windows = [(node.params["start"], node.inputs[0].shape) for node in placed]
    if any(step != 1 for node in placed for step in node.params["step"]):
        return None
    axes = [a for a, n in enumerate(shape) if any(count[a] != n for _, count in windows)]
    if len(axes) != 1:
        return None
    (axis,) = axes
    reached = 0
    for start, count in sorted((start[axis], count[axis]) for start, count in windows):
        if start != reached:
            return None
        reached += count
    return axis if reached == shape[axis] else None
