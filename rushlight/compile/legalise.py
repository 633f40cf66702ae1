"""A graph as kernels want it: padding explicit, long sums in two steps, every result its own.

This makes the copy of a graph that C is made from; the interpreter runs the graph as traced.
"""

from typing import Any

import numpy as np

from rushlight.core.dtypes import DType
from rushlight.core.kernels import NESTED, Map, Reinterpret, View
from rushlight.core.primitive import PRIMITIVES, Primitive, Spec
from rushlight.core.shapes import Shape, size_of
from rushlight.graph.ir import Graph, GraphValue, Node
from rushlight.graph.passes.dead import without_dead_nodes
from rushlight.graph.passes.rewrite import copied

LONG = 4096  # elements of a sum that is made in two steps


class Copy(Primitive):
    """The same elements in memory of their own."""

    name = "copy"
    differentiable = False

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        return specs[0]

    def numpy(self, x: Any) -> Any:
        return x.copy()

    def lower(self, *specs: Spec, **params: Any) -> Map:
        return Map("{x}", ("x",))


copy_p = Copy()


class _Writer:
    """Writes the nodes of a graph anew, some of them in another form."""

    def __init__(self, graph: Graph) -> None:
        self.old = graph
        self.graph = Graph(
            graph.name,
            [],
            list(graph.values),
            graph.arguments,
            graph.states,
            graph.grads,
            list(graph.constants),
        )
        self.now: dict[GraphValue, GraphValue] = {}  # what stands for a value by now
        self.like: Node | None = None

    def get(self, value: GraphValue) -> GraphValue:
        return self.now.get(value, value)

    def add(self, name: str, *inputs: GraphValue, **params: Any) -> GraphValue:
        """Append a node like the one being rewritten; return its only result."""
        primitive = copy_p if name == "copy" else PRIMITIVES[name]
        source = self.like.source if self.like else None
        module = self.like.module if self.like else None
        return self.graph.add(primitive, inputs, params, source, module)[0]

    def number(self, number: int, spec: Spec) -> GraphValue:
        """Return a value that is one number throughout."""
        one = self.graph.new_value(Spec((), spec.dtype))
        self.graph.constants.append((np.array(number, spec.dtype.storage), one))
        return self.add("broadcast_to", one, shape=spec.shape)

    def keep(self, node: Node) -> None:
        inputs = tuple(map(self.get, node.inputs))
        same = Node(node.primitive, inputs, node.params, node.outputs, node.source, node.module)
        self.graph.nodes.append(same)


def legalise(graph: Graph) -> Graph:
    """Return a graph of the same meaning for which kernels can be made."""
    graph = copied(graph)
    writer = _Writer(graph)
    for node in graph.nodes:
        writer.like = node
        rewrite = REWRITES.get(node.primitive.name)
        result = rewrite(writer, node) if rewrite else None
        if result is None:
            writer.keep(node)
        else:
            writer.now[node.outputs[0]] = result
    writer.like = None
    new = writer.graph
    new.outputs = [writer.get(value) for value in graph.outputs]
    new.updates = [(x, writer.get(value)) for x, value in graph.updates]
    new.grad_updates = [(x, v and writer.get(v)) for x, v in graph.grad_updates]
    _separate_results(writer)
    return without_dead_nodes(new)


def _separate_results(writer: _Writer) -> None:
    """Copy results that are inputs, views, results already, or of a node with bodies."""
    graph = writer.graph
    made = {v: node for node in graph.nodes for v in node.outputs}
    taken: set[GraphValue] = set()

    def own(value: GraphValue) -> GraphValue:
        node = made.get(value)
        if node is None or value in taken or _is_apart(node):
            value = writer.add("copy", value)
        taken.add(value)
        return value

    graph.updates = [(x, own(value)) for x, value in graph.updates]
    graph.outputs = [own(value) for value in graph.outputs]
    graph.grad_updates = [(x, v and own(v)) for x, v in graph.grad_updates]


def _is_apart(node: Node) -> bool:
    """Return whether what a node gives cannot lie where a result is to lie."""
    record = node.primitive.lower(*[x.spec for x in node.inputs], **node.params)
    return isinstance(record, (View, Reinterpret, *NESTED))


def _pad(writer: _Writer, x: GraphValue, padding: Shape) -> GraphValue:
    start = (0, 0, *padding)
    shape = tuple(n + 2 * p for n, p in zip(x.shape, start, strict=True))
    return writer.add("place", x, shape=shape, start=start, step=(1,) * len(shape))


def _convolution(writer: _Writer, node: Node) -> GraphValue | None:
    padding = node.params["padding"]
    if not any(padding):
        return None
    x, other = map(writer.get, node.inputs)
    params = node.params | {"padding": (0,) * len(padding)}
    return writer.add(node.primitive.name, _pad(writer, x, padding), other, **params)


def _convolution_input(writer: _Writer, node: Node) -> GraphValue | None:
    padding, size = node.params["padding"], node.params["size"]
    if not any(padding):
        return None
    g, weight = map(writer.get, node.inputs)
    padded = tuple(n + 2 * p for n, p in zip(size, padding, strict=True))
    params = node.params | {"padding": (0,) * len(padding), "size": padded}
    whole = writer.add(node.primitive.name, g, weight, **params)
    start, count = (0, 0, *padding), node.outputs[0].shape
    return writer.add("slice", whole, start=start, count=count, step=(1,) * len(count))


def _fold(writer: _Writer, node: Node) -> GraphValue | None:
    """Make a long fold over several axes two folds, so that the first has many rows."""
    (x,) = map(writer.get, node.inputs)
    axes: Shape = node.params["axes"]
    long = [axis for axis in axes if x.shape[axis] > 1]
    count = size_of(tuple(x.shape[axis] for axis in long))
    if len(long) < 2 or count < LONG or not _can_be_split(x.dtype):
        return None
    inner = writer.add(node.primitive.name, x, axes=tuple(long[1:]), keepdims=True)
    rest = tuple(axis for axis in axes if axis not in long[1:])
    total = writer.add(node.primitive.name, inner, axes=rest, keepdims=True)
    shape = node.outputs[0].shape
    return total if total.shape == shape else writer.add("reshape", total, shape=shape)


def _position(writer: _Writer, node: Node) -> GraphValue | None:
    """Know the position along an axis of one element without looking at it."""
    if node.inputs[0].shape[node.params["axis"]] != 1:
        return None
    return writer.number(0, node.outputs[0].spec)


def _can_be_split(dtype: DType) -> bool:
    return not dtype.is_half


REWRITES = {
    **{f"conv{rank}d": _convolution for rank in (1, 2, 3)},
    **{f"conv{rank}d_weight": _convolution for rank in (1, 2, 3)},
    **{f"conv{rank}d_input": _convolution_input for rank in (1, 2, 3)},
    "sum": _fold,
    "mean": _fold,
    "prod": _fold,
    "max": _fold,
    "min": _fold,
    "all": _fold,
    "any": _fold,
    "argmax": _position,
    "argmin": _position,
}
