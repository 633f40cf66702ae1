"""Changing a graph node by node: what the passes share."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rushlight.core.dtypes import DType
from rushlight.core.primitive import Array, Primitive, Spec
from rushlight.graph.ir import Graph, GraphValue, Node
from rushlight.graph.passes.dead import without_dead_nodes

Values = tuple[GraphValue, ...]


class Rewriter:
    """Goes through a graph from its inputs on; subclasses say what takes the place of a node.

    The graph itself is changed. New nodes have the line and the layer of the node they stand for.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.constants: dict[GraphValue, Array] = {}
        self.makers: dict[GraphValue, Node] = {}  # the node that makes a value, once it is there
        self._nodes: list[Node] = []  # those that there are so far
        self._moved: dict[GraphValue, GraphValue] = {}  # what takes the place of a value
        self._node: Node | None = None  # whose place is being filled

    def change(self, node: Node, inputs: Values) -> Sequence[GraphValue] | None:
        """Return values that mean what the outputs of `node` do, or None to leave it.

        Args:
            node: a node as it was.
            inputs: what now takes the place of its inputs.
        """
        return None

    def change_constant(self, array: Array, value: GraphValue) -> GraphValue | None:
        """Return a value that means what a constant does, or None to leave it."""
        return None

    def run(self) -> Graph:
        """Change the graph and return it, without what no result needs any more."""
        graph, moved = self.graph, self._moved
        constants, graph.constants = graph.constants, []
        for array, value in constants:
            other = self.change_constant(array, value)
            if other is not None:
                moved[value] = other
            else:
                graph.constants.append((array, value))
                self.constants[value] = array
        for node in graph.nodes:
            self._node = node
            inputs = tuple([moved.get(value, value) for value in node.inputs])
            outputs = self.change(node, inputs)
            if outputs is None:
                node.inputs = inputs
                self._enter(node)
            else:
                moved.update(zip(node.outputs, outputs, strict=True))
        graph.nodes = self._nodes
        graph.outputs = [moved.get(value, value) for value in graph.outputs]
        graph.updates = [(x, moved.get(value, value)) for x, value in graph.updates]
        graph.grad_updates = [
            (x, None if value is None else moved.get(value, value))
            for x, value in graph.grad_updates
        ]
        return without_dead_nodes(graph)

    def apply(self, primitive: Primitive, *inputs: GraphValue, **params: Any) -> GraphValue:
        """Return the one result of a new node, which stands before the next one."""
        (output,) = self.apply_for_all(primitive, inputs, params)
        return output

    def apply_for_all(self, primitive: Primitive, inputs: Values, params: dict[str, Any]) -> Values:
        """Return all results of a new node, which stands before the next one."""
        made = primitive.rule(*[value.spec for value in inputs], **params)
        specs = made if primitive.outputs > 1 else (made,)
        source = self._node.source if self._node else None
        module = self._node.module if self._node else None
        outputs = tuple(self.graph.new_value(spec, source) for spec in specs)
        self._enter(Node(primitive, inputs, params, outputs, source, module))
        return outputs

    def constant(self, array: Array, dtype: DType, source: str | None = None) -> GraphValue:
        """Return a new constant."""
        value = self.graph.new_value(Spec(array.shape, dtype), source)
        self.graph.constants.append((array, value))
        self.constants[value] = array
        return value

    def made_by(self, value: GraphValue, primitive: Primitive) -> Node | None:
        """Return the node that makes a value, if it applies this primitive."""
        node = self.makers.get(value)
        return node if node and node.primitive is primitive else None

    def _enter(self, node: Node) -> None:
        self._nodes.append(node)
        for value in node.outputs:
            self.makers[value] = node


def copied(graph: Graph) -> Graph:
    """Return a graph of nodes and values of its own, for the same captured tensors.

    >>> import rushlight as rl
    >>> graph = rl.trace(lambda x: x * 2.0, rl.ones(3))
    >>> str(copied(graph)) == str(graph)
    True
    """
    new = Graph(graph.name)
    twin = {value: new.new_value(value.spec, value.source) for value in graph.values}
    new.arguments = [twin[value] for value in graph.arguments]
    new.states = [(x, twin[value]) for x, value in graph.states]
    new.grads = [(x, twin[value]) for x, value in graph.grads]
    new.constants = [(array, twin[value]) for array, value in graph.constants]
    for node in graph.nodes:
        inputs = tuple([twin[value] for value in node.inputs])
        outputs = tuple([twin[value] for value in node.outputs])
        params, source, module = node.params, node.source, node.module
        new.nodes.append(Node(node.primitive, inputs, params, outputs, source, module, node.op))
    new.outputs = [twin[value] for value in graph.outputs]
    new.updates = [(x, twin[value]) for x, value in graph.updates]
    new.grad_updates = [
        (x, None if value is None else twin[value]) for x, value in graph.grad_updates
    ]
    return new


def uses(graph: Graph) -> Counter[GraphValue]:
    """Return how often each value is read: by nodes, and as a result."""
    read = [value for node in graph.nodes for value in node.inputs]
    return Counter([*read, *graph.results()])
