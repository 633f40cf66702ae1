"""Building a graph anew, node by node: what the passes share."""

from collections.abc import Iterable, Sequence
from typing import Any

from rushlight.core.dtypes import DType
from rushlight.core.primitive import Array, Primitive, Spec
from rushlight.graph.ir import Graph, GraphValue, Node

Values = tuple[GraphValue, ...]


class Rewriter:
    """Copies a graph into a new one; subclasses say what takes the place of a node.

    The old graph stays as it is. Tensors that are captured, sources and modules carry over.
    """

    def __init__(self, graph: Graph) -> None:
        self.old = graph
        self.new = Graph(graph.name)
        self.constants: dict[GraphValue, Array] = {}  # of the new graph
        self.makers: dict[GraphValue, Node] = {}  # of the new graph's values
        self._moved: dict[GraphValue, GraphValue] = {}
        self._node: Node | None = None  # the old one whose place is being filled

    def change(self, node: Node, inputs: Values) -> Sequence[GraphValue] | None:
        """Return new values that mean what the outputs of `node` do, or None to copy the node.

        Args:
            node: a node of the old graph.
            inputs: its inputs in the new graph.
        """
        return None

    def carried_constant(self, array: Array, value: GraphValue) -> GraphValue:
        """Return the new value for a constant of the old graph."""
        return self.constant(array, value.dtype, value.source)

    def run(self) -> Graph:
        """Return the new graph."""
        old, new = self.old, self.new
        new.arguments = [self._carried(value) for value in old.arguments]
        new.states = [(tensor, self._carried(value)) for tensor, value in old.states]
        new.grads = [(tensor, self._carried(value)) for tensor, value in old.grads]
        for array, value in old.constants:
            self._moved[value] = self.carried_constant(array, value)
        for node in old.nodes:
            self._node = node
            inputs = tuple(self._moved[value] for value in node.inputs)
            outputs = self.change(node, inputs)
            if outputs is None:
                outputs = self.copy(node, inputs)
            self._moved.update(zip(node.outputs, outputs, strict=True))
        new.outputs = [self._moved[value] for value in old.outputs]
        new.updates = [(tensor, self._moved[value]) for tensor, value in old.updates]
        new.grad_updates = [
            (tensor, None if value is None else self._moved[value])
            for tensor, value in old.grad_updates
        ]
        return new

    def copy(self, node: Node, inputs: Values) -> Values:
        """Return the outputs of a copy of an old node on new inputs."""
        outputs = tuple(self.new.new_value(value.spec, value.source) for value in node.outputs)
        params, source, module = node.params, node.source, node.module
        self._enter(Node(node.primitive, inputs, params, outputs, source, module))
        return outputs

    def apply(self, primitive: Primitive, *inputs: GraphValue, **params: Any) -> GraphValue:
        """Return the one result of a new node, in the place of the node being rewritten."""
        spec = primitive.rule(*[value.spec for value in inputs], **params)
        source = self._node.source if self._node else None
        module = self._node.module if self._node else None
        output = self.new.new_value(spec, source)
        self._enter(Node(primitive, inputs, params, (output,), source, module))
        return output

    def constant(self, array: Array, dtype: DType, source: str | None = None) -> GraphValue:
        """Return a constant of the new graph."""
        value = self.new.new_value(Spec(array.shape, dtype), source)
        self.new.constants.append((array, value))
        self.constants[value] = array
        return value

    def made_by(self, value: GraphValue, *primitives: Primitive) -> Node | None:
        """Return the node that makes a new value, if it is of one of these primitives."""
        node = self.makers.get(value)
        return node if node and node.primitive in primitives else None

    def _enter(self, node: Node) -> None:
        self.new.nodes.append(node)
        self.makers.update(dict.fromkeys(node.outputs, node))

    def _carried(self, value: GraphValue) -> GraphValue:
        self._moved[value] = self.new.new_value(value.spec, value.source)
        return self._moved[value]


def uses(graph: Graph) -> dict[GraphValue, int]:
    """Return how often each value is read: by nodes, and as a result."""
    counts = dict.fromkeys(graph.values, 0)
    read: Iterable[GraphValue] = (value for node in graph.nodes for value in node.inputs)
    for value in (*read, *graph.results()):
        counts[value] += 1
    return counts
