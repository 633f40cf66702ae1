"""Layout: the order of each value's axes in memory.

Convolutions want channels innermost, and their weights the output channels; a dense layer's weight
(outputs, inputs) wants its outputs innermost; attention gives the vectors of all heads of a place
side by side, as the layer after it takes them. Values that meet in pointwise ops, and a state and
its new value, lie alike. Arguments lie as they come, in row-major order.
"""

from collections.abc import Callable, Sequence

from rushlight.compile.fuse import Fuser
from rushlight.core.kernels import NESTED, Attention, Contraction, Map, Reinterpret, Window
from rushlight.core.shapes import size_of
from rushlight.graph.ir import GraphValue, Node

Order = tuple[int, ...]


def images(rank: int) -> Order:
    """Return the order of (batch, channels, *space) that has the channels innermost.

    >>> images(4)
    (0, 2, 3, 1)
    """
    return (0, *range(2, rank), 1)


def kernels(rank: int) -> Order:
    """Return the order of weights (out, channels, *space) that has the outputs innermost.

    >>> kernels(4)
    (2, 3, 1, 0)
    """
    return (*range(2, rank), 1, 0)


def heads(rank: int) -> Order:
    """Return the order of (..., heads, length, size) that has each place's heads side by side.

    >>> heads(4)
    (0, 2, 1, 3)
    """
    return (*range(rank - 3), rank - 2, rank - 3, rank - 1)


def choose_orders(fuser: Fuser, fixed: Sequence[GraphValue] = ()) -> dict[GraphValue, Order]:
    """Return the order of axes for every value that prefers one other than row-major.

    Values that are `fixed` prefer none, nor do arguments, and what loops and branches give.
    """
    alike = _Classes()
    for node in fuser.graph.nodes:
        if isinstance(fuser.records[node], Map) or fuser.is_view(node):
            _join(alike, fuser, node)
    states = {id(x): value for x, value in fuser.graph.states}
    for x, value in fuser.graph.updates:
        if id(x) in states:
            alike.join(states[id(x)], fuser.views.root(value))
    wanted: dict[GraphValue, Order] = {}
    for node in fuser.graph.nodes:
        for value, order in _wishes(fuser, node):
            wanted.setdefault(alike.find(value), order)
    without = {*fuser.graph.arguments, *fixed}
    for node, record in fuser.records.items():
        if isinstance(record, NESTED):
            without.update(node.outputs)
    return {
        value: wanted[alike.find(value)]
        for value in fuser.graph.values
        if value not in without and alike.find(value) in wanted
    }


class _Classes:
    """Values that lie alike: each class has one that stands for it."""

    def __init__(self) -> None:
        self._parent: dict[GraphValue, GraphValue] = {}

    def find(self, value: GraphValue) -> GraphValue:
        while value in self._parent:
            value = self._parent[value]
        return value

    def join(self, one: GraphValue, other: GraphValue) -> None:
        one, other = self.find(one), self.find(other)
        if one is not other:
            self._parent[one] = other


def _join(alike: _Classes, fuser: Fuser, node: Node) -> None:
    result = node.outputs[0]
    for x in node.inputs:
        root = fuser.views.root(x)
        same = x.shape == result.shape == root.shape
        if same and fuser.views.ref(x) == fuser.views.ref(root):
            alike.join(root, result)


def _wishes(fuser: Fuser, node: Node) -> list[tuple[GraphValue, Order]]:
    """Return which operands and results of a node had better lie in which order."""
    record = fuser.records[node]
    if isinstance(record, Reinterpret):
        return _wish_of_reshape(fuser, node)
    if isinstance(record, Window):
        return _with_channels(fuser, [(x, images) for x in (node.inputs[0], *node.outputs)])
    if isinstance(record, Attention):
        vectors = node.outputs if record.backward else node.outputs[:1]
        return [(x, heads(len(x.shape))) for x in vectors]
    if not isinstance(record, Contraction):
        return []
    if any(len(term.steps) > 1 for term in (*record.left, *record.out)):
        return _wishes_of_convolution(fuser, node)
    right = node.inputs[1]
    root = fuser.views.root(right)
    if len(right.shape) == 2 and root is right:
        columns = {axis for term in record.out for axis, _ in term.steps}
        first = [axis for axis, _ in record.right[0].steps]
        if first and first[0] in columns:
            return [(root, (1, 0))]
        return [(root, (0, 1))]
    return []


def _wish_of_reshape(fuser: Fuser, node: Node) -> list[tuple[GraphValue, Order]]:
    """Return the order in which what is reshaped need not be copied, where its axes are turned."""
    x = node.inputs[0]
    ref = fuser.views.ref(x)
    root = ref.root
    turned = [axis for axis, size in enumerate(root.shape) if size != 1]
    places = {axis: ref.terms[axis] for axis in turned}
    if any(term.start or len(term.steps) != 1 for term in places.values()):
        return []
    steps = {axis: term.steps[0] for axis, term in places.items()}
    moved = [axis for axis, _ in steps.values()]
    whole = all(root.shape[a] == x.shape[b] and step == 1 for a, (b, step) in steps.items())
    if not whole or len(set(moved)) != len(moved) or size_of(root.shape) != size_of(x.shape):
        return []
    order = tuple(sorted(range(len(root.shape)), key=lambda a: steps.get(a, (a, 1))[0]))
    return [(root, order)] if order != tuple(range(len(order))) else []


def _wishes_of_convolution(fuser: Fuser, node: Node) -> list[tuple[GraphValue, Order]]:
    orders = {
        "": (images, kernels, images),
        "input": (images, kernels, images),
        "weight": (images, images, kernels),
    }[node.primitive.name.partition("_")[2]]
    values = (*node.inputs, *node.outputs)
    return _with_channels(fuser, list(zip(values, orders, strict=True)))


def _with_channels(
    fuser: Fuser, orders: list[tuple[GraphValue, Callable[[int], Order]]]
) -> list[tuple[GraphValue, Order]]:
    """Return the wishes for values, or what they are views of with the same first two axes."""
    roots = [(x.shape, fuser.views.root(x), order) for x, order in orders]
    return [
        (root, order(len(root.shape)))
        for shape, root, order in roots
        if len(root.shape) > 2 and root.shape[:2] == shape[:2]
    ]
