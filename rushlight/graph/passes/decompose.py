"""Decompose: primitives that no one loop computes, as several that each are one."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.core.primitive import Primitive, Spec
from rushlight.core.shapes import size_of
from rushlight.graph.ir import Graph, GraphValue, Node
from rushlight.graph.passes.rewrite import Rewriter, Values
from rushlight.ops.elementwise import abs_, add, lt, sub, where_p
from rushlight.ops.mathematics import exp, log
from rushlight.ops.movement import broadcast_p, reshape_p
from rushlight.ops.reduce import logsumexp_p, max_p, sum_p


def decompose(graph: Graph) -> Graph:
    """Return the graph with `logsumexp` written out, of the same bits.

    >>> import rushlight as rl
    >>> graph = rl.trace(lambda x: x.logsumexp(), rl.ones(2))
    >>> [node.primitive for node in decompose(graph).nodes]
    [max, abs, lt, where, sub, exp, sum, log, add, reshape]
    """
    return Decomposer(graph).run()


class Decomposer(Rewriter):
    """Replaces the nodes of primitives that have a recipe."""

    def change(self, node: Node, inputs: Values) -> Values | None:
        recipe = RECIPES.get(node.primitive)
        return (recipe(self, inputs, node.params, node.outputs[0].spec),) if recipe else None


def _logsumexp(at: Decomposer, inputs: Values, params: dict[str, Any], output: Spec) -> GraphValue:
    """Subtract the largest element, or 0 where that is infinite or NaN, before `exp`."""
    (x,), axes = inputs, params["axes"]

    def number(value: float) -> GraphValue:
        return at.constant(np.asarray(value, x.dtype.storage), x.dtype)

    if size_of(x.shape) == 0:
        return at.apply(broadcast_p, number(-np.inf), shape=output.shape)
    top = at.apply(max_p, x, axes=axes, keepdims=True)
    is_finite = at.apply(lt, at.apply(abs_, top), number(np.inf))
    finite = at.apply(where_p, is_finite, top, number(0.0))
    powers = at.apply(exp, at.apply(sub, x, finite))
    total = at.apply(sum_p, powers, axes=axes, keepdims=True)
    result = at.apply(add, at.apply(log, total), finite)
    return at.apply(reshape_p, result, shape=output.shape)


Recipe = Callable[[Decomposer, Values, dict[str, Any], Spec], GraphValue]

RECIPES: dict[Primitive, Recipe] = {logsumexp_p: _logsumexp}
