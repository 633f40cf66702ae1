"""Loops and choices whose bodies are functions: `scan`, `while_loop` and `cond`.

Outside of a trace they are Python's own `for`, `while` and `if`.
"""

from collections.abc import Callable
from typing import Any

from rushlight.core.errors import ShapeError, UsageError
from rushlight.ops.movement import stack
from rushlight.tree import flatten, unflatten


def scan(
    function: Callable[..., Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Return the last state of a loop, and what its turns gave, stacked along a new first axis.

    Each turn calls `function(state, x)`, which returns the next state and a result.

    Args:
        function: of the state and of what a turn is given; both results are trees of tensors.
        init: the state before the first turn: a tree of tensors.
        xs: a tree of tensors whose first axis counts the turns; None gives each turn None.
        length: the number of turns; that of `xs` if None.
        reverse: whether the last of `xs` comes first; results are stacked as `xs` are.

    >>> import rushlight as rl
    >>> total, sums = scan(lambda s, x: (s + x, s + x), rl.tensor(0.0), rl.tensor([1.0, 2.0, 3.0]))
    >>> total, sums
    (tensor(6.), tensor([1., 3., 6.]))
    """
    leaves, form = flatten(xs)
    counts = {x.shape[0] for x in leaves} | ({length} if length is not None else set())
    if not counts:
        raise UsageError("scan needs xs or a length")
    if len(counts) > 1:
        raise ShapeError(f"the lengths differ: {sorted(counts)}")
    (count,) = counts
    state, results = init, []
    for turn in reversed(range(count)) if reverse else range(count):
        state, y = function(state, unflatten(form, [x[turn] for x in leaves]))
        results.append(flatten(y))
    if reverse:
        results.reverse()
    columns = zip(*(found for found, _ in results), strict=True)
    return state, unflatten(results[0][1], [stack(column) for column in columns])
