"""Reverse-mode differentiation: the record of what was computed, and the backward sweep over it.

Nothing here knows arrays: gradients are computed by the primitives' rules on values, so a sweep
can itself be recorded (for higher derivatives) or traced (for compiled training steps).
"""

import heapq
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.core.advice import AUTOGRAD, missing
from rushlight.core.errors import AnomalyError, DTypeError, GradientError, ShapeError
from rushlight.core.mode import grad_mode, mode
from rushlight.core.primitive import Primitive, Value
from rushlight.core.source import user_line

_clock = itertools.count()
_latest_assignment = -1


class Node:
    """One application of a primitive: what is needed to go back through it."""

    __slots__ = ("inputs", "order", "outputs", "params", "primitive", "source")

    def __init__(self, primitive: Primitive, inputs: Sequence[Any], params: dict[str, Any]) -> None:
        self.primitive = primitive
        self.inputs: Sequence[Any] | None = inputs
        self.params = params
        self.outputs: tuple[Any, ...] | None = None
        self.order = next(_clock)
        self.source = user_line() if mode.anomaly else None


def record(
    primitive: Primitive, inputs: Sequence[Any], params: dict[str, Any], result: Any
) -> None:
    """Remember how `result` (a value or a tuple) was made, if one of its inputs wants gradients."""
    if not primitive.differentiable:
        return
    for x in inputs:
        if x.requires_grad:
            break
    else:
        return
    node = Node(primitive, inputs, params)
    if primitive.outputs == 1:
        result.node = node
        result.requires_grad = True
        if primitive.uses_output:
            node.outputs = (mode.evaluator.alias(result),)
        return
    node.outputs = tuple(map(mode.evaluator.alias, result))
    for index, one in enumerate(result):
        if one.dtype.is_float:
            one.node = node
            one.output_index = index
            one.requires_grad = True


def assigned(x: Any) -> None:
    """Note that `x` has new contents, so that older nodes cannot go back through them."""
    global _latest_assignment
    x.assigned_at = _latest_assignment = next(_clock)


def backward(root: Value, gradient: Any = None, retain_graph: bool = False) -> None:
    """Add to `.grad` of every leaf behind `root` the gradient of `root` times `gradient`."""
    _check_root(root)
    seed = _seed(root, gradient)
    if root.node is None:
        _accumulate_grad(root, seed)
        return
    leaves = _sweep([(root, seed)], keep=retain_graph, create_graph=False, wanted={})
    for leaf, g in leaves.values():
        _accumulate_grad(leaf, g)


def gradients(
    outputs: Sequence[Any],
    inputs: Sequence[Any],
    seeds: Sequence[Any] | None = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    since: int = -1,
) -> list[Any]:
    """Return the gradient of the summed outputs for each input; None where it has no part.

    What was made before the moment `since` of the clock counts as a leaf.
    """
    roots = []
    for position, output in enumerate(outputs):
        _check_root(output)
        roots.append((output, _seed(output, seeds[position] if seeds else None)))
    wanted: dict[tuple[int, int], Any] = {
        (id(x.node), x.output_index): None for x in inputs if x.node is not None
    }
    keep = create_graph if retain_graph is None else retain_graph
    leaves = _sweep(roots, keep=keep, create_graph=create_graph, wanted=wanted, since=since)
    found = []
    for x in inputs:
        if not _is_leaf(x, since):
            found.append(wanted[(id(x.node), x.output_index)])
        else:
            found.append(leaves[id(x)][1] if id(x) in leaves else None)
    return found


def leaves_of(roots: Sequence[Any], since: int = -1) -> list[Any]:
    """Return the leaves that require a gradient and that `roots` depend on, each once.

    What was made before the moment `since` of the clock counts as a leaf.
    """
    leaves: dict[int, Any] = {}
    waiting = list(roots)
    seen: set[Node] = set()
    while waiting:
        x = waiting.pop()
        if _is_leaf(x, since):
            leaves[id(x)] = x
        elif x.node not in seen:
            seen.add(x.node)
            waiting += [one for one in x.node.inputs or () if one.requires_grad]
    return list(leaves.values())


def now() -> int:
    """Return a moment of the clock that numbers the nodes: those made from now on are younger."""
    return next(_clock)


def _is_leaf(x: Any, since: int) -> bool:
    return x.node is None or x.node.order < since


def _check_root(root: Any) -> None:
    if not root.requires_grad:
        fact = "the result depends on no tensor that requires a gradient"
        hint = "make the parameters with requires_grad=True; inside rl.compile go back inside too"
        raise GradientError(fact, hint=hint)


def _seed(root: Any, gradient: Any) -> Any:
    if gradient is None:
        if root.shape != ():
            fact = f"only a scalar has a gradient of its own, this has shape {root.shape}"
            raise ShapeError(fact, hint="reduce it (loss.sum()) or pass backward(gradient)")
        return mode.evaluator.constant(1.0, root.dtype).detach()
    if gradient.shape != root.shape:
        raise ShapeError(f"the gradient has shape {gradient.shape}, the result {root.shape}")
    if gradient.dtype is not root.dtype:
        raise DTypeError(f"the gradient is {gradient.dtype}, the result {root.dtype}")
    return gradient


def _sweep(
    roots: list[tuple[Any, Any]],
    *,
    keep: bool,
    create_graph: bool,
    wanted: dict[tuple[int, int], Any],
    since: int = -1,
) -> dict[int, tuple[Any, Any]]:
    """Go back from `roots` in falling order of creation; return the gradients of the leaves.

    Every consumer of a node is younger than it, so when a node comes up its gradient is complete.
    """
    pending: dict[Node, list[Any]] = {}
    queue: list[tuple[int, Node]] = []
    leaves: dict[int, tuple[Any, Any]] = {}

    def send(x: Any, g: Any) -> None:
        node = x.node
        if node is None or node.order < since:
            before = leaves.get(id(x))
            leaves[id(x)] = (x, g if before is None else before[1] + g)
            return
        slots = pending.get(node)
        if slots is None:
            slots = pending[node] = [None] * node.primitive.outputs
            heapq.heappush(queue, (-node.order, node))
        before = slots[x.output_index]
        slots[x.output_index] = g if before is None else before + g

    with grad_mode(create_graph):
        for root, seed in roots:
            send(root, seed)
        while queue:
            node = heapq.heappop(queue)[1]
            slots = pending.pop(node)
            for index, g in enumerate(slots):
                if (id(node), index) in wanted:
                    wanted[(id(node), index)] = g
            _step(node, slots, create_graph, send)
            if not keep:
                node.inputs = node.outputs = None
    return leaves


def _step(node: Node, slots: list[Any], create_graph: bool, send: Any) -> None:
    """Send the gradients of one node to its inputs."""
    inputs = node.inputs
    primitive = node.primitive
    if inputs is None:
        fact = f"the backward pass through {primitive.name} was done already and its memory freed"
        raise GradientError(fact, hint="pass retain_graph=True to the first backward")
    g, y = _gradient_and_output(node, slots, create_graph)
    for position, x in enumerate(inputs):
        if not x.requires_grad:
            continue
        if _latest_assignment > node.order:
            _check_unchanged(node, position)
        if mode.anomaly:
            gx = _watched_vjp(node, position, g, y)
        else:
            gx = primitive.vjp(position, g, y, *inputs, **node.params)
        if gx is not None:
            send(x, gx)


def _gradient_and_output(node: Node, slots: list[Any], create_graph: bool) -> tuple[Any, Any]:
    outputs = node.outputs
    if outputs is not None and create_graph:
        for index, y in enumerate(outputs):
            if y.dtype.is_float:
                y.node, y.output_index, y.requires_grad = node, index, True
    if node.primitive.outputs == 1:
        return slots[0], outputs[0] if outputs else None
    filled = [
        mode.evaluator.constant(0.0, y.dtype).broadcast_to(y.shape) if g is None else g
        for g, y in zip(slots, outputs or (), strict=True)
    ]
    return tuple(filled), outputs


def _check_unchanged(node: Node, wrt: int) -> None:
    """Raise if a value that the rule reads was assigned to after the forward pass."""
    inputs = node.inputs or ()
    for position in node.primitive.saves(wrt, len(inputs)):
        x = inputs[position]
        if x.assigned_at > node.order:
            fact = f"a {x.spec} tensor that {node.primitive.name} needs was assigned to since"
            raise GradientError(fact, hint="call backward before the optimiser changes it")


def _watched_vjp(node: Node, position: int, g: Any, y: Any) -> Any:
    """Return what the rule gives, or raise in the name of the op that was called forward."""
    mode.anomaly = False
    try:
        gx = node.primitive.vjp(position, g, y, *(node.inputs or ()), **node.params)
    finally:
        mode.anomaly = True
    if gx is not None and np.isnan(mode.evaluator.read(gx, "detect_anomaly")).any():
        error = AnomalyError("the gradient has a NaN")
        error.op = f"{node.primitive.name} (backward)"
        error.source = node.source
        raise error
    return gx


def _accumulate_grad(leaf: Any, g: Any) -> None:
    # Of its own, since `g` may be another leaf's gradient too, and gradients are assigned to.
    leaf.grad = g.detach() if leaf.grad is None else leaf.grad + g


if not TYPE_CHECKING:  # which knows what is missing
    __getattr__ = missing(__name__, AUTOGRAD)
