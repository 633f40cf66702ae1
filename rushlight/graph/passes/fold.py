"""Constant folding: what depends on constants alone is computed once, by its NumPy meaning."""

from typing import Any

import numpy as np

from rushlight.core.errors import RushlightError
from rushlight.core.primitive import Array, Primitive
from rushlight.core.shapes import size_of
from rushlight.graph.ir import Graph, GraphValue, Node
from rushlight.graph.passes.rewrite import Rewriter, Values
from rushlight.ops.movement import broadcast_p
from rushlight.ops.pointwise import Cast, Pointwise

LIMIT = 1024  # elements of a result; larger ones are computed at each run


def fold_constants(graph: Graph) -> Graph:
    """Return the graph with small results of constants as constants.

    A constant that is one number throughout becomes that number, expanded.

    >>> import rushlight as rl
    >>> graph = rl.trace(lambda x: x + rl.tensor(2.0) * 3.0, rl.ones(2))
    >>> [array.item() for array, _ in fold_constants(graph).constants]
    [6.0]
    """
    return Folder(graph).run()


class Folder(Rewriter):
    """Evaluates nodes whose inputs are constants; expanded numbers stay numbers."""

    def change_constant(self, array: Array, value: GraphValue) -> GraphValue | None:
        flat = array.reshape(-1)
        same = flat.size > 1 and flat[0].tobytes() * flat.size == flat.tobytes()
        if not same:
            return None
        number = self.constant(flat[0], value.dtype, value.source)
        return self.apply(broadcast_p, number, shape=value.shape)

    def change(self, node: Node, inputs: Values) -> Values | None:
        if node.primitive is broadcast_p and size_of(node.outputs[0].shape) != 1:
            return None
        if isinstance(node.primitive, (Pointwise, Cast)):
            numbers = [array for value in inputs for array in self._number(value)]
            if len(numbers) == len(inputs):
                return self._expanded_number(node, numbers)
        small = all(size_of(value.shape) <= LIMIT for value in node.outputs)
        arrays = [self.constants[value] for value in inputs if value in self.constants]
        if not small or len(arrays) < len(inputs):
            return None
        results = evaluated(node.primitive, arrays, node.params)
        if results is None:
            return None
        return tuple(
            self.constant(array, value.dtype, node.source)
            for array, value in zip(results, node.outputs, strict=True)
        )

    def _number(self, value: GraphValue) -> list[Array]:
        """Return the one number (0-d) that a value is throughout, or nothing."""
        maker = self.made_by(value, broadcast_p)
        array = self.constants.get(maker.inputs[0] if maker else value)
        return [array.reshape(())] if array is not None and array.size == 1 else []

    def _expanded_number(self, node: Node, numbers: list[Array]) -> Values | None:
        results = evaluated(node.primitive, numbers, node.params)
        if results is None:
            return None
        (output,) = node.outputs
        if size_of(output.shape) == 1:
            return (self.constant(results[0].reshape(output.shape), output.dtype, node.source),)
        number = self.constant(results[0], output.dtype, node.source)
        return (self.apply(broadcast_p, number, shape=output.shape),)


def evaluated(
    primitive: Primitive, arrays: list[Array], params: dict[str, Any]
) -> list[Array] | None:
    """Return the results for arrays, or None where it is for the run to say what is wrong."""
    try:
        with np.errstate(all="ignore"):
            result = primitive.numpy(*arrays, **params)
    except (RushlightError, ValueError):
        return None
    return [np.asarray(one) for one in (result if primitive.outputs > 1 else (result,))]
