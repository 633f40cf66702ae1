"""Simplify: what computes nothing, or what another node computes sooner, bit for bit."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.core.dtypes import DType
from rushlight.core.primitive import Primitive, Spec
from rushlight.core.shapes import Shape, broadcast_shapes, size_of
from rushlight.graph.ir import Graph, GraphValue, Node
from rushlight.graph.passes.rewrite import Rewriter, Values
from rushlight.ops.elementwise import add, div, logical_not, mul, neg, sub, where_p
from rushlight.ops.gather import take_p
from rushlight.ops.movement import (
    broadcast_p,
    concat_p,
    permute_p,
    place_p,
    reshape_p,
    slice_p,
)
from rushlight.ops.order import detach_p
from rushlight.ops.pointwise import Pointwise, cast_p
from rushlight.ops.reduce import max_p, mean_p, min_p, sum_p

Params = dict[str, Any]


def simplify(graph: Graph) -> Graph:
    """Return a graph of the same bits with fewer or cheaper nodes.

    >>> import rushlight as rl
    >>> x = rl.ones(2, 3)
    >>> print(simplify(rl.trace(lambda x: -(-x.T.T) * 1.0, x)))
    graph <lambda>
      %0 = argument                        float32 (2, 3)
      return %0
    """
    return Simplifier(graph).run()


class Simplifier(Rewriter):
    """Builds each node by the rule of its primitive, which knows how its inputs were made."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.lie_in_order = {*graph.arguments, *(value for _, value in graph.states)}

    def change(self, node: Node, inputs: Values) -> Values | None:
        if len(node.outputs) != 1:
            return None
        output = node.outputs[0].spec
        found = self.simpler(node.primitive, inputs, node.params, output)
        return None if found is None else (found,)

    def build(self, primitive: Primitive, *inputs: GraphValue, **params: Any) -> GraphValue:
        """Return the result of a primitive on new values, as simply as the rules know."""
        output = primitive.rule(*[value.spec for value in inputs], **params)
        found = self.simpler(primitive, inputs, params, output)
        return self.apply(primitive, *inputs, **params) if found is None else found

    def simpler(
        self, primitive: Primitive, inputs: Values, params: Params, output: Spec
    ) -> GraphValue | None:
        """Return a new value for the result of a node, or None if no rule has one."""
        if isinstance(primitive, Pointwise):
            bare = self._without_broadcasts(inputs, output.shape)
            found = self._by_rule(primitive, bare, params, output)
            return self.apply(primitive, *bare) if found is None and bare != inputs else found
        return self._by_rule(primitive, inputs, params, output)

    def _by_rule(
        self, primitive: Primitive, inputs: Values, params: Params, output: Spec
    ) -> GraphValue | None:
        rule = RULES.get(primitive)
        return rule(self, inputs, params, output) if rule else None

    def _without_broadcasts(self, inputs: Values, shape: Shape) -> Values:
        """Return the operands of a pointwise node before they were expanded, where that will do."""
        bare = list(inputs)
        for position, value in enumerate(inputs):
            maker = self.made_by(value, broadcast_p)
            if maker:
                trial = [*bare[:position], maker.inputs[0], *bare[position + 1 :]]
                if broadcast_shapes(*[x.shape for x in trial]) == shape:
                    bare = trial
        return tuple(bare)

    def is_number(self, value: GraphValue, number: float) -> bool:
        """Return whether a value is this constant in every element; -0.0 is not 0.0."""
        array = self.constants.get(value)
        if array is None or array.size != 1 or value.dtype.is_half:
            return False
        found = array.item()
        return bool(found == number and np.signbit(found) == np.signbit(number))

    def is_zero(self, value: GraphValue, sign: float) -> bool:
        """Return whether a value is the zero of this sign, or the one zero of integers."""
        return self.is_number(value, sign * 0.0 if value.dtype.is_float else 0)

    def negated(self, value: GraphValue) -> GraphValue | None:
        """Return what `value` is the negative of, if it was made so."""
        maker = self.made_by(value, neg)
        return maker.inputs[0] if maker else None

    def one_element(self, value: GraphValue) -> GraphValue | None:
        """Return the one element, as a scalar, that fills the whole of an expanded value."""
        maker = self.made_by(value, broadcast_p)
        if maker is None or size_of(maker.inputs[0].shape) != 1:
            return None
        return self.build(reshape_p, maker.inputs[0], shape=())

    def expanded(self, value: GraphValue, shape: Shape) -> GraphValue:
        """Return `value` broadcast to a shape, itself if it has that."""
        return self.build(broadcast_p, value, shape=shape)


Rule = Callable[[Simplifier, Values, Params, Spec], GraphValue | None]


def _detach(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    return inputs[0]


def _reshape(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    (x,) = inputs
    if x.shape == output.shape:
        return x
    maker = at.made_by(x, reshape_p)
    if maker:
        return at.build(reshape_p, maker.inputs[0], shape=output.shape)
    return _reshaped_rows(at, x, output.shape) or _same_element(at, inputs, params, output)


def _reshaped_rows(at: Simplifier, x: GraphValue, shape: Shape) -> GraphValue | None:
    """Reshape the rows of the table, which moves nothing, in place of the rows taken from it."""
    maker = at.made_by(x, take_p)
    if maker is None:
        return None
    table, indices = maker.inputs
    rank = len(indices.shape)
    if table not in at.lie_in_order or shape[:rank] != indices.shape:
        return None
    if size_of(shape[rank:]) != size_of(table.shape[1:]):  # no row is taken
        return None
    rows = at.build(reshape_p, table, shape=(table.shape[0], *shape[rank:]))
    return at.build(take_p, rows, indices)


def _permute(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    (x,), order = inputs, params["order"]
    if order == tuple(range(len(order))):
        return x
    maker = at.made_by(x, permute_p)
    if maker:
        first = maker.params["order"]
        return at.build(permute_p, maker.inputs[0], order=tuple(first[axis] for axis in order))
    return _same_element(at, inputs, params, output)


def _broadcast(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    (x,) = inputs
    if x.shape == output.shape:
        return x
    maker = at.made_by(x, broadcast_p)
    return at.build(broadcast_p, maker.inputs[0], shape=output.shape) if maker else None


def _same_element(
    at: Simplifier, inputs: Values, params: Params, output: Spec
) -> GraphValue | None:
    """Move nothing about where every element is the same."""
    element = at.one_element(inputs[0])
    return None if element is None else at.expanded(element, output.shape)


def _slice(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    (x,), start, step = inputs, params["start"], params["step"]
    if _is_whole(x.shape, start, output.shape, step):
        return x
    maker = at.made_by(x, slice_p)
    if maker:
        first, stride = maker.params["start"], maker.params["step"]
        start = tuple(a + b * d for a, b, d in zip(first, start, stride, strict=True))
        step = tuple(a * b for a, b in zip(stride, step, strict=True))
        count = output.shape
        return at.build(slice_p, maker.inputs[0], start=start, count=count, step=step)
    placed = at.made_by(x, place_p)
    if placed and placed.inputs[0].shape == output.shape:
        there = placed.params
        if there["start"] == start and there["step"] == step:
            return placed.inputs[0]
    return _same_element(at, inputs, params, output)


def _place(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    (x,) = inputs
    whole = _is_whole(output.shape, params["start"], x.shape, params["step"])
    return x if whole else None


def _is_whole(shape: Shape, start: Shape, count: Shape, step: Shape) -> bool:
    """Return whether a window is all of a shape, in its order."""
    return shape == count and all(
        n == 0 or (first == 0 and (n == 1 or d == 1))
        for first, n, d in zip(start, count, step, strict=True)
    )


def _concat(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    axis = params["axis"]
    filled = tuple(x for x in inputs if x.shape[axis]) or inputs[:1]
    if len(filled) == 1:
        return filled[0]
    return at.apply(concat_p, *filled, axis=axis) if filled != inputs else None


def _cast(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    (x,) = inputs
    if x.dtype is output.dtype:
        return x
    maker = at.made_by(x, cast_p)
    if maker and maker.params["source"] is output.dtype and _holds_all(x.dtype, output.dtype):
        return maker.inputs[0]
    maker = at.made_by(x, broadcast_p)
    return at.expanded(at.build(cast_p, maker.inputs[0], **params), x.shape) if maker else None


def _holds_all(wide: DType, narrow: DType) -> bool:
    """Return whether every number of one dtype is one of the other, so that it comes back."""
    if wide.is_half or narrow.is_half:
        return False
    if wide.is_float and not narrow.is_float:
        digits = np.finfo(wide.storage).nmant
        return narrow.kind == "bool" or 8 * narrow.itemsize <= digits
    return np.can_cast(narrow.storage, wide.storage, "safe")


def _add(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    for x, y in (inputs, inputs[::-1]):
        if at.is_zero(y, -1.0):  # 0.0 would make 0.0 of -0.0
            return at.expanded(x, output.shape)
        other = at.negated(y)
        if other is not None:
            return at.build(sub, x, other)
    return None


def _sub(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    x, y = inputs
    if at.is_zero(y, 1.0):
        return at.expanded(x, output.shape)
    other = at.negated(y)
    return None if other is None else at.build(add, x, other)


def _mul(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    for x, y in (inputs, inputs[::-1]):
        if at.is_number(y, 1.0):
            return at.expanded(x, output.shape)
    return None


def _div(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    x, y = inputs
    return at.expanded(x, output.shape) if at.is_number(y, 1.0) else None


def _neg(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    return at.negated(inputs[0])


def _not(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    maker = at.made_by(inputs[0], logical_not)
    return maker.inputs[0] if maker else None


def _where(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    _, x, y = inputs
    return at.expanded(x, output.shape) if x is y else None


def _extreme(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    """Reduce nothing where there is one element along each of the axes."""
    (x,) = inputs
    single = all(x.shape[axis] == 1 for axis in params["axes"])
    return at.build(reshape_p, x, shape=output.shape) if single else None


def _sum(at: Simplifier, inputs: Values, params: Params, output: Spec) -> GraphValue | None:
    one = _extreme(at, inputs, params, output)
    if one is None or not output.dtype.is_float:
        return one
    zero = at.constant(np.zeros((), output.dtype.storage), output.dtype)
    return at.build(add, one, zero)  # sums begin with 0.0, which makes 0.0 of -0.0


RULES: dict[Primitive, Rule] = {
    reshape_p: _reshape,
    permute_p: _permute,
    broadcast_p: _broadcast,
    slice_p: _slice,
    place_p: _place,
    concat_p: _concat,
    cast_p: _cast,
    add: _add,
    sub: _sub,
    mul: _mul,
    div: _div,
    neg: _neg,
    logical_not: _not,
    where_p: _where,
    detach_p: _detach,
    sum_p: _sum,
    mean_p: _sum,
    max_p: _extreme,
    min_p: _extreme,
}
