"""Sparse updates: rows that are added to zeros and then to a table are added to the table."""

from rushlight.core.shapes import size_of
from rushlight.graph.ir import Graph, GraphValue, Node
from rushlight.graph.passes.rewrite import Rewriter, Values, uses
from rushlight.ops.elementwise import add, div, mul, neg, sub
from rushlight.ops.gather import rows_added_p, take_add_p
from rushlight.ops.movement import reshape_p


def add_rows_in_place(graph: Graph) -> Graph:
    """Return the graph with `w - take_add(indices, rows) * s` as rows added to w.

    So a step of an embedding costs the rows that it reads, not the table. Equal up to rounding,
    for finite numbers: of several rows for one place, each is rounded as it is added.

    >>> import rushlight as rl
    >>> w = rl.ones(1000, 2, requires_grad=True)
    >>> def step(ids):
    ...     rl.take(w, ids).sum().backward()
    ...     w.assign(w - w.grad * 0.1)
    ...     w.grad = None
    >>> graph = rl.trace(step, rl.tensor([3, 5]))
    >>> [node.primitive for node in add_rows_in_place(graph).nodes]
    [broadcast_to, mul, neg, rows_added]
    """
    return SparseAdder(graph).run()


class SparseAdder(Rewriter):
    """Carries what is done to a table of added rows over to the rows, up to the addition."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._uses = uses(graph)

    def change(self, node: Node, inputs: Values) -> Values | None:
        found: GraphValue | None = None
        if node.primitive in (mul, div, neg):
            found = self._on_rows(node, inputs)
        elif node.primitive is sub:
            found = self._added(node, inputs, table=1)
        elif node.primitive is add:
            found = self._added(node, inputs, table=1) or self._added(node, inputs, table=0)
        return None if found is None else (found,)

    def _on_rows(self, node: Node, inputs: Values) -> GraphValue | None:
        """Return the table made of changed rows, for a table times or by a number, or negated."""
        for position in (0, 1) if node.primitive is mul else (0,):
            maker = self._table(node, inputs, position)
            numbers = [*inputs[:position], *inputs[position + 1 :]]
            if maker and all(size_of(x.shape) == 1 for x in numbers):
                indices, rows = maker.inputs
                numbers = [self._scalar(x) for x in numbers]
                changed = self.apply(node.primitive, rows, *numbers)
                return self.apply(take_add_p, indices, changed, **maker.params)
        return None

    def _added(self, node: Node, inputs: Values, table: int) -> GraphValue | None:
        """Return the base with rows added, where one operand is a table of added rows."""
        maker, base = self._table(node, inputs, table), inputs[1 - table]
        if maker is None or base.shape != inputs[table].shape:
            return None
        indices, rows = maker.inputs
        rows = self.apply(neg, rows) if node.primitive is sub else rows
        return self.apply(rows_added_p, base, indices, rows)

    def _table(self, node: Node, inputs: Values, position: int) -> Node | None:
        """Return what makes an operand, if it is a few rows added to zeros and not used again."""
        maker = self.made_by(inputs[position], take_add_p)
        if maker is None or self._uses[node.inputs[position]] > 1:
            return None
        few = size_of(maker.inputs[1].shape) <= size_of(inputs[position].shape)
        fits = node.outputs[0].shape == inputs[position].shape
        return maker if few and fits else None

    def _scalar(self, x: GraphValue) -> GraphValue:
        return x if x.shape == () else self.apply(reshape_p, x, shape=())
