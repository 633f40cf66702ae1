"""Sums over the turns of a loop, made outside of it where that is less work.

The gradient of a weight that a loop's body uses is the sum over all turns of a product. Added up
turn by turn it would be read and written each time; as one product over all turns it is not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.core.bind import bind
from rushlight.core.primitive import Primitive
from rushlight.graph.ir import GraphValue, Node
from rushlight.ops.arrange import movedim
from rushlight.ops.matmul import matmul_p, matmul_t_p

LINEAR = ("add", "neg", "sum", "permute", "reshape", "broadcast_to", "cast")
PRODUCTS = (matmul_p, matmul_t_p)

Stacks = Mapping[GraphValue, Any]  # what a value is by turn, along a new first axis


@dataclass(frozen=True)
class Running:
    """A sum that the loop itself carries."""

    number: int

    def value(self, stacks: Stacks, running: Sequence[Any]) -> Any:
        return running[self.number]


@dataclass(frozen=True)
class OfStack:
    """The sum of what there is by turn anyway."""

    of: GraphValue

    def value(self, stacks: Stacks, running: Sequence[Any]) -> Any:
        return stacks[self.of].sum(0)


@dataclass(frozen=True)
class Linear:
    """A primitive of sums, which is the sum of what it gives by turn."""

    node: Node
    parts: tuple["Total", ...]

    def value(self, stacks: Stacks, running: Sequence[Any]) -> Any:
        parts = [part.value(stacks, running) for part in self.parts]
        return bind(self.node.primitive, *parts, **self.node.params)


@dataclass(frozen=True)
class Product:
    """The sum of products of matrices: one product, for which all turns lie side by side."""

    primitive: Primitive
    left: GraphValue
    right: GraphValue

    def value(self, stacks: Stacks, running: Sequence[Any]) -> Any:
        left = _side_by_side(movedim(stacks[self.left], 0, -2))
        if self.primitive is matmul_t_p:
            right = _side_by_side(movedim(stacks[self.right], 0, -2))
        else:
            rows = movedim(stacks[self.right], 0, -3)
            *batch, turns, inner, columns = rows.shape
            right = rows.reshape((*batch, turns * inner, columns))
        return bind(self.primitive, left, right)


Total = Running | OfStack | Linear | Product


def _side_by_side(x: Any) -> Any:
    *batch, turns, inner = x.shape
    return x.reshape((*batch, turns * inner))


class Planner:
    """Decides how sums over turns are made.

    Args:
        maker: the node that makes a value.
        has_rows: whether a value differs from turn to turn, so that it can be stacked.
        seen: what a value is a view of.

    Attributes:
        stacked: the values that are needed by turn, in order.
        running: the values that the loop is to add up, in order.
    """

    def __init__(
        self,
        maker: Mapping[GraphValue, Node],
        has_rows: Callable[[GraphValue], bool],
        seen: Callable[[GraphValue], GraphValue],
    ) -> None:
        self._maker = maker
        self._has_rows = has_rows
        self._seen = seen
        self.stacked: dict[GraphValue, None] = {}
        self.running: dict[GraphValue, int] = {}

    def plan(self, values: Sequence[GraphValue]) -> list[Total]:
        """Return how the sum of each value is made."""
        for value in values:
            self._find_products(value)
        self.stacked.update(dict.fromkeys(map(self._seen, list(self.stacked))))
        return [self._total(value) for value in values]

    def _find_products(self, value: GraphValue) -> None:
        node = self._maker.get(value)
        if node is None:
            return
        if self._is_product(node):
            self.stacked.update(dict.fromkeys(node.inputs))
        elif self._is_linear(node):
            for x in node.inputs:
                self._find_products(x)

    def _total(self, value: GraphValue) -> Total:
        node = self._maker.get(value)
        if value in self.stacked:
            return OfStack(value)
        if node is not None and self._is_product(node):
            return Product(node.primitive, *node.inputs)
        if node is not None and self._is_linear(node):
            return Linear(node, tuple(map(self._total, node.inputs)))
        return Running(self.running.setdefault(value, len(self.running)))

    def _is_product(self, node: Node) -> bool:
        return node.primitive in PRODUCTS and all(map(self._has_rows, node.inputs))

    def _is_linear(self, node: Node) -> bool:
        floats = all(x.dtype.is_float for x in (*node.inputs, *node.outputs))
        return node.primitive.name in LINEAR and floats and all(map(self._has_rows, node.inputs))
