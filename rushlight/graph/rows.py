"""Rows: whether each row of a batch is computed by itself, so that a batch can be done in parts.

Each value of such a graph either has one axis along which the rows lie, or no rows at all. The
kernel records say which elements each op reads; where a result's row would need another row, the
op mixes rows. Nothing is guessed: what cannot be shown to keep rows apart counts as mixing.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.core.errors import TraceError
from rushlight.core.kernels import (
    ArgFold,
    Attention,
    Contraction,
    Fold,
    Join,
    Lookup,
    Map,
    Reinterpret,
    Scan,
    Sort,
    Term,
    View,
    Window,
)
from rushlight.core.primitive import Array
from rushlight.core.shapes import size_of
from rushlight.graph.ir import Graph, GraphValue, Node

Axes = Sequence[
    int | None
]  # for each input of a node, along which axis its rows lie, if it has any
WITHOUT = "leave max_batch out: then each batch size is compiled by itself"


def row_axes(graph: Graph, rows: int) -> dict[GraphValue, int]:
    """Return the axis of the rows for each value that has rows.

    Args:
        graph: traced for arguments whose first axis is the batch.
        rows: the size of the batch, best one that no other axis has.

    Raises:
        TraceError: an op mixes rows, or a result has none.

    >>> import rushlight as rl
    >>> w = rl.ones(3, 2)
    >>> graph = rl.trace(lambda x: (x @ w).softmax(), rl.ones(61, 3))
    >>> set(row_axes(graph, 61).values())
    {0}
    >>> row_axes(rl.trace(lambda x: x - x.mean(0), rl.ones(61, 3)), 61)
    Traceback (most recent call last):
    ...
    rushlight.TraceError: mean mixes the rows of a batch
    ...
    """
    axes = {value: 0 for value in graph.arguments if value.shape}
    for array, value in graph.constants:
        axis = _uniform_axis(array, rows)
        if axis is not None:
            axes[value] = axis
    for node in graph.nodes:
        found = _axis_after(node, [axes.get(x) for x in node.inputs], rows)
        if found is not None:
            axes.update(dict.fromkeys(node.outputs, found))
    for position, value in enumerate(graph.outputs):
        if axes.get(value) != 0:
            fact = (
                f"result {position} of {graph.name} has no rows of the batch along its first axis"
            )
            raise TraceError(fact, hint=WITHOUT)
    return axes


def check_alike(graph: Graph, axes: dict[GraphValue, int], other: Graph, rows: int) -> None:
    """Raise TraceError unless another graph differs from this one only in the number of rows."""
    pairs = list(zip(graph.values, other.values, strict=False))
    alike = len(graph.values) == len(other.values) and len(graph.nodes) == len(other.nodes)
    alike = alike and all(
        two.dtype is one.dtype and two.shape == _resized(one.shape, axes.get(one), rows)
        for one, two in pairs
    )
    alike = alike and all(
        _same_constant(one, two, axes.get(value))
        for (one, value), (two, _) in zip(graph.constants, other.constants, strict=True)
    )
    if not alike or not all(map(_same_node, graph.nodes, other.nodes)):
        raise TraceError(f"{graph.name} does different things for {rows} rows", hint=WITHOUT)


def _resized(shape: tuple[int, ...], axis: int | None, rows: int) -> tuple[int, ...]:
    return shape if axis is None else (*shape[:axis], rows, *shape[axis + 1 :])


def _same_constant(one: Array, two: Array, axis: int | None) -> bool:
    if axis is not None:
        one, two = one.take([0], axis), two.take([0], axis)
    return one.tobytes() == two.tobytes()


def _same_node(one: Node, two: Node) -> bool:
    if one.primitive is not two.primitive or one.params.keys() != two.params.keys():
        return False
    indices = [[x.index for x in (*node.inputs, *node.outputs)] for node in (one, two)]
    shapes = one.outputs[0].shape, two.outputs[0].shape
    return indices[0] == indices[1] and all(
        repr(value) == repr(two.params[name]) or (value, two.params[name]) == shapes
        for name, value in one.params.items()
    )


def _uniform_axis(array: Array, rows: int) -> int | None:
    """Return the axis of a batch's size along which a constant does not change, if there is one."""
    for axis, size in enumerate(array.shape):
        if size == rows and np.array_equal(
            array, np.broadcast_to(array.take([0], axis), array.shape)
        ):
            return axis
    return None


def _axis_after(node: Node, axes: Axes, rows: int) -> int | None:
    """Return the axis of the rows in a node's result, or None for a result without rows."""
    record = node.primitive.lower(*[x.spec for x in node.inputs], **node.params)
    if record is None and "axes" in node.params:
        record = Fold(node.params["axes"], "", "")
    if all(axis is None for axis in axes):
        return _repeated_axis(record, node, rows)
    rule = RULES.get(type(record))
    found = None if rule is None else rule(record, node, axes)
    if found is None or node.outputs[0].shape[found] != rows:
        error = TraceError(f"{node.primitive.name} mixes the rows of a batch", hint=WITHOUT)
        error.source, error.module = node.source, node.module
        raise error
    return found


def _repeated_axis(record: Any, node: Node, rows: int) -> int | None:
    """Return the axis of a batch's size along which a view repeats the same, if there is one."""
    if isinstance(record, View):
        for axis, size in enumerate(node.outputs[0].shape):
            if size == rows and not any(_uses(term, axis) for term in record.terms):
                return axis
    return None


def _uses(term: Term, axis: int) -> bool:
    return any(one == axis for one, _ in term.steps)


def _plain(terms: Sequence[Term], axis: int) -> int | None:
    """Return the axis of the space along which alone an operand's axis goes, step by step."""
    term = terms[axis]
    if term.start != 0 or len(term.steps) != 1 or term.steps[0][1] != 1:
        return None
    found = term.steps[0][0]
    used = sum(_uses(one, found) for one in terms)
    return found if used == 1 else None


def _common(places: Sequence[tuple[Sequence[Term], int | None]]) -> int | None:
    """Return the axis of a space along which the rows of all operands go, and nothing else."""
    found = {_plain(terms, axis) for terms, axis in places if axis is not None}
    if len(found) != 1:
        return None
    common = found.pop()
    if common is None:
        return None
    others = [terms for terms, axis in places if axis is None]
    return None if any(_uses(term, common) for terms in others for term in terms) else common


def _after_map(record: Map, node: Node, axes: Axes) -> int | None:
    rank = len(node.outputs[0].shape)
    leads = [rank - len(x.shape) for x in node.inputs]
    found = {lead + axis for lead, axis in zip(leads, axes, strict=True) if axis is not None}
    if len(found) != 1:
        return None
    common = found.pop()
    for x, lead, axis in zip(node.inputs, leads, axes, strict=True):
        if axis is None and common >= lead and x.shape[common - lead] != 1:
            return None
    return common


def _after_view(record: View, node: Node, axes: Axes) -> int | None:
    return _common([(record.terms, axes[0])])


def _after_reinterpret(record: Reinterpret, node: Node, axes: Axes) -> int | None:
    shape, result = node.inputs[0].shape, node.outputs[0].shape
    axis = axes[0] or 0
    before, rows = size_of(shape[:axis]), shape[axis]
    for place, size in enumerate(result):
        if size == rows and size_of(result[:place]) == before:
            return place
    return None


def _after_fold(record: Fold | ArgFold, node: Node, axes: Axes) -> int | None:
    folded = record.axes if isinstance(record, Fold) else (record.axis,)
    axis = axes[0]
    if axis is None or axis in folded:
        return None
    if len(node.outputs[0].shape) == len(node.inputs[0].shape):
        return axis
    return axis - sum(one < axis for one in folded)


def _after_scan(record: Scan | Sort, node: Node, axes: Axes) -> int | None:
    """Return the axis of the rows, which all operands share, where no row is met with another."""
    return axes[0] if set(axes) == {axes[0]} and axes[0] != record.axis else None


def _after_lookup(record: Lookup, node: Node, axes: Axes) -> int | None:
    if axes[0] == record.axis:
        return None
    table = [Term() if i == record.axis else term for i, term in enumerate(record.table)]
    return _common([(table, axes[0]), (record.indices, axes[1])])


def _after_join(record: Join, node: Node, axes: Axes) -> int | None:
    found = set()
    for window, axis in zip(record.windows, axes, strict=True):
        places = [i for i, term in enumerate(window) if axis is not None and _uses(term, axis)]
        if len(places) != 1 or window[places[0]] != Term(0, ((axis or 0, 1),)):
            return None
        found.add(places[0])
    return found.pop() if len(found) == 1 else None


def _after_contraction(record: Contraction, node: Node, axes: Axes) -> int | None:
    common = _common([(record.left, axes[0]), (record.right, axes[1])])
    if common is None:
        return None
    places = [i for i, term in enumerate(record.out) if _uses(term, common)]
    if len(places) != 1 or record.out[places[0]] != Term(0, ((common, 1),)):
        return None
    return places[0]


def _after_window(record: Window, node: Node, axes: Axes) -> int | None:
    return axes[0] if set(axes) in ({0}, {1}) else None


def _after_attention(record: Attention, node: Node, axes: Axes) -> int | None:
    """Return the axis of the rows, a leading one that all operands share; bits are for all rows."""
    leading = len(node.outputs[0].shape) - 3
    alike = set(axes) == {axes[0]} and "state" not in record.options
    return axes[0] if alike and axes[0] is not None and axes[0] < leading else None


RULES: dict[type, Callable[[Any, Node, Axes], int | None]] = {
    Map: _after_map,
    View: _after_view,
    Reinterpret: _after_reinterpret,
    Fold: _after_fold,
    ArgFold: _after_fold,
    Scan: _after_scan,
    Sort: _after_scan,
    Lookup: _after_lookup,
    Join: _after_join,
    Contraction: _after_contraction,
    Window: _after_window,
    Attention: _after_attention,
}
