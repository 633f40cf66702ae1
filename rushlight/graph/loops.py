"""Loops and choices whose bodies are functions: `scan`, `while_loop` and `cond`.

Outside of a trace they are Python's own `for`, `while` and `if`: whatever works in those works
there. In a trace the function is traced once, for its body, and the loop is one node of the graph.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.core.bind import as_value, bind, op
from rushlight.core.dtypes import bool_
from rushlight.core.errors import DTypeError, ShapeError, UsageError
from rushlight.core.mode import mode
from rushlight.core.primitive import Spec
from rushlight.graph.bodies import Body, BodyTrace, trace_body
from rushlight.graph.choices import bind_branch, while_p
from rushlight.graph.scanning import bind_scan
from rushlight.graph.trace import Tracer
from rushlight.ops.movement import stack
from rushlight.tensor import Tensor
from rushlight.tree import flatten, unflatten

Function = Callable[..., Any]

ANY = object()  # the form of the results before there is one


@op
def scan(
    function: Function,
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    count: Any = None,
) -> tuple[Any, Any]:
    """Return the last state of a loop, and what its turns gave, stacked along a new first axis.

    Each turn calls `function(state, x)`, which returns the next state and a result. Gradients of
    any order go through it. In a trace the function is traced once, whatever the length, and the
    loop compiled as one; tensors that it assigns to, such as the random state, are carried along.

    Args:
        function: of the state and of what a turn is given; both results are trees of tensors.
        init: the state before the first turn: a tree of tensors, whose shapes and dtypes stay.
        xs: a tree of tensors whose first axis counts the turns; None gives each turn None.
        length: the number of turns; that of `xs` if None.
        reverse: whether the last of `xs` comes first; results are stacked as `xs` are.
        count: how many turns to do of those, an int tensor: so one compiled program serves every
            count up to the length. `xs` beyond are not looked at, results there are zeros. With
            `reverse` the turn count - 1 is the first.

    Raises:
        ShapeError: the lengths differ, or the function changes the shape of the state.
        DTypeError: it changes the dtype of the state.
        UsageError: neither `xs` nor `length` says how many turns there are.

    >>> import rushlight as rl
    >>> total, sums = scan(lambda s, x: (s + x, s + x), rl.tensor(0.0), rl.tensor([1.0, 2.0, 3.0]))
    >>> total, sums
    (tensor(6.), tensor([1., 3., 6.]))
    >>> powers = rl.compile(lambda x, n: scan(lambda s, _: (s * x, None), x, length=9, count=n)[0])
    >>> powers(rl.tensor(2.0), rl.tensor(4)), powers(rl.tensor(2.0), rl.tensor(9))
    (tensor(32.), tensor(1024.))
    """
    _check_callable(function)
    turns = _turns(flatten(xs)[0], length)
    if count is not None:
        count = as_value(count)
        if count.shape != () or count.dtype.kind != "int":
            fact = f"count is an int tensor without axes, not {count.spec}"
            raise DTypeError(fact, hint="write count=rl.tensor(3)")
    if isinstance(mode.evaluator, Tracer):
        return _as_node(function, init, xs, turns, reverse, count)
    return _in_python(function, init, xs, turns, reverse, count)


def _check_callable(*functions: Any) -> None:
    for one in functions:
        if not callable(one):
            fact = f"{one!r:.40} is no function"
            raise UsageError(fact, hint="pass a function, such as lambda state, x: (state + x, x)")


def _turns(rows: Sequence[Tensor], length: Any) -> int:
    """Return the number of turns, on which all rows must agree."""
    whole = isinstance(length, (int, np.integer)) and not isinstance(length, bool)
    if length is not None and not whole:
        hint = "count= takes a tensor, and does so many turns of the length"
        raise UsageError(f"length is an int, not {length!r:.40}", hint=hint)
    if any(x.rank == 0 for x in rows):
        fact = "the first axis of xs counts the turns, and a scalar has none"
        raise ShapeError(fact, hint="capture in the function what every turn is to see")
    counts = {x.shape[0] for x in rows} | ({length} if length is not None else set())
    if not counts:
        fact = "neither xs nor length says how many turns there are"
        raise UsageError(fact, hint="pass length=")
    if len(counts) > 1:
        fact = f"the lengths differ: {', '.join(map(str, sorted(counts)))}"
        raise ShapeError(fact, hint="slice them to one; count= does fewer turns than the length")
    (turns,) = counts
    if turns < 0:
        raise ShapeError(f"there cannot be {turns} turns", hint="pass a length of 0 or more")
    return int(turns)


def _in_python(
    function: Function, init: Any, xs: Any, turns: int, reverse: bool, count: Any
) -> tuple[Any, Any]:
    done = turns if count is None else min(max(int(count.item()), 0), turns)
    if done == 0:  # which form results have, the function says if it is traced
        return _as_node(function, init, xs, turns, reverse, count)
    rows, row_form = flatten(xs)
    state, columns, form = init, [], ANY
    for turn in reversed(range(done)) if reverse else range(done):
        made = function(state, unflatten(row_form, [x[turn] for x in rows]))
        following, y = _checked_pair(made)
        _check_state(state, following)
        state = following
        column, form = _checked_result(y, form)
        columns.append(column)
    if reverse:
        columns.reverse()
    stacks = [_padded(stack(column), turns) for column in zip(*columns, strict=True)]
    return state, unflatten(form, stacks)


def _checked_result(y: Any, before: Any) -> tuple[list[Tensor], Any]:
    """Return the tensors and the form of a turn's result, which is that of the turn before."""
    column, form = flatten(y)
    if before is not ANY and not _same_form(before, form):
        fact = f"the result of a turn was {before} and became {form}"
        raise UsageError(fact, hint="return trees of the same form, of tensors: numbers stay")
    return column, form


def _same_form(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except ValueError:  # NumPy's arrays, which are no tensors
        return False


def _padded(y: Tensor, turns: int) -> Tensor:
    missing = turns - y.shape[0]
    return y.pad([(0, missing)] + [(0, 0)] * (y.rank - 1)) if missing else y


def _as_node(
    function: Function, init: Any, xs: Any, turns: int, reverse: bool, count: Any
) -> tuple[Any, Any]:
    carry, rows = flatten(init)[0], flatten(xs)[0]
    traced = _trace_turn(function, init, xs)
    state_form, result_form = traced.form
    value_of = traced.tracer.value_of
    changed = traced.tracer.assigned()
    outputs = [value_of(y) for y in traced.outputs]
    given, own = traced.tracer.graph.arguments, len(carry)
    body, captured = traced.close(
        [*given[:own], *(first for _, first, _ in changed), *given[own:]],
        [*outputs[:own], *(last for _, _, last in changed), *outputs[own:]],
    )
    inputs = [*carry, *(x for x, _, _ in changed), *rows, *captured]
    results = bind_scan(
        inputs if count is None else [count, *inputs],
        body=body,
        carries=own + len(changed),
        length=turns,
        reverse=bool(reverse),
        counted=count is not None,
    )
    for (x, _, _), last in zip(changed, results[own:], strict=False):
        x.assign(last)
    made = results[own + len(changed) :]
    return unflatten(state_form, results[:own]), unflatten(result_form, made)


def _trace_turn(function: Function, init: Any, xs: Any) -> BodyTrace:
    """Trace what happens in a turn, and check that it gives the next state and a result."""
    carry, state_form = flatten(init)
    rows, row_form = flatten(xs)
    specs = [x.spec for x in carry] + [Spec(x.shape[1:], x.dtype) for x in rows]
    wanting = [mode.grad and x.requires_grad for x in (*carry, *rows)]
    while True:
        traced = trace_body(function, (state_form, row_form), specs, "scan", wanting)
        following, _ = _checked_pair(unflatten(traced.form, traced.outputs))
        _check_state(init, following)
        after = [y.requires_grad for y in traced.outputs[: len(carry)]]
        later = [a or b for a, b in zip(wanting, after, strict=False)] + wanting[len(carry) :]
        if later == wanting:
            return traced
        wanting = later  # the state of later turns requires gradients, though not the first


def _checked_pair(made: Any) -> tuple[Any, Any]:
    if not isinstance(made, tuple) or len(made) != 2:
        fact = f"the function returns the next state and a result, not {type(made).__name__}"
        raise UsageError(fact, hint="return state, None where a turn has no result")
    return made


def _check_state(before: Any, after: Any) -> None:
    """Raise unless a state is of the form, shapes and dtypes that it had before."""
    old, old_form = flatten(before)
    new, new_form = flatten(after)
    if not _same_form(old_form, new_form):
        fact = f"the state was {old_form} and became {new_form}, where * is a tensor"
        hint = "begin with tensors where the function returns tensors, and return the same tree"
        raise UsageError(fact, hint=hint)
    for x, y in zip(old, new, strict=True):
        if x.shape != y.shape:
            fact = f"the shape of the state was {x.shape} and became {y.shape}"
            raise ShapeError(fact, hint="begin with that shape, or return a state of the first")
        if x.dtype is not y.dtype:
            hint = f'begin with {y.dtype}, or return state.cast("{x.dtype}")'
            raise DTypeError(f"the state was {x.dtype} and became {y.dtype}", hint=hint)


@op
def while_loop(condition: Function, function: Function, init: Any) -> Any:
    """Return the state that a loop ends with, which goes on while `condition(state)` holds.

    Each turn calls `function(state)`, which returns the next state. In a trace both are traced
    once, and no gradient goes through the loop; outside of one they are differentiated as they run.

    Args:
        condition: of the state; returns a bool tensor without axes.
        function: of the state; returns one of the same form, shapes and dtypes.
        init: the state before the first turn: a tree of tensors.

    Raises:
        ShapeError: the function changes the shape of the state, or the condition is no scalar.
        DTypeError: it changes the dtype of the state, or the condition is no bool.
        UsageError: it changes the form of the state, or the condition assigns to a tensor.
        GradientError: when a gradient is asked for in a trace; `scan` has one.

    >>> import rushlight as rl
    >>> while_loop(lambda x: x < 100.0, lambda x: x * 2.0, rl.tensor(3.0))
    tensor(192.)
    """
    _check_callable(condition, function)
    if isinstance(mode.evaluator, Tracer):
        return _while_node(condition, function, init)
    state = init
    while bool(_checked_bool(condition(state)).item()):
        following = function(state)
        _check_state(state, following)
        state = following
    return state


def _while_node(condition: Function, function: Function, init: Any) -> Any:
    carry, form = flatten(init)
    specs = [x.spec for x in carry]
    body = trace_body(function, (form,), specs, "while_loop")
    _check_state(init, unflatten(body.form, body.outputs))
    test = trace_body(condition, (form,), specs, "condition")
    tested = _checked_bool(unflatten(test.form, test.outputs))
    if test.tracer.assigned():
        raise UsageError("the condition assigns to a tensor", hint="do it in the function")
    changed = body.tracer.assigned()
    values = [test.tracer.value_of(x) for x, _, _ in changed]
    tested_value = test.tracer.value_of(tested)
    test_body, test_held = test.close([*test.tracer.graph.arguments, *values], [tested_value])
    outputs = [body.tracer.value_of(y) for y in body.outputs]
    body_body, body_held = body.close(
        [*body.tracer.graph.arguments, *(first for _, first, _ in changed)],
        [*outputs, *(last for _, _, last in changed)],
    )
    inputs = [*carry, *(x for x, _, _ in changed), *test_held, *body_held]
    count = len(carry) + len(changed)
    made = bind(while_p(count), *inputs, condition=test_body, body=body_body)
    results = made if count > 1 else (made,)
    for (x, _, _), last in zip(changed, results[len(carry) :], strict=True):
        x.assign(last)
    return unflatten(form, results[: len(carry)])


@op
def cond(choice: Any, true: Function, false: Function, *operands: Any) -> Any:
    """Return `true(*operands)` where a bool tensor is True, else `false(*operands)`.

    Only the one is computed, compiled too: `where` works out both. In a trace both are traced, and
    must return trees of the same form, shapes and dtypes.

    Args:
        choice: a bool tensor without axes, or a Python bool, which a trace takes as fixed.
        true: a function of the operands.
        false: another.
        operands: trees of tensors.

    Raises:
        ShapeError: the functions return tensors of different shapes, or `choice` is no scalar.
        DTypeError: of different dtypes, or `choice` is no bool.
        UsageError: trees of different forms.

    >>> import rushlight as rl
    >>> root = rl.compile(lambda x: cond(x > 0.0, lambda x: x.sqrt(), lambda x: -(-x).sqrt(), x))
    >>> root(rl.tensor(4.0)), root(rl.tensor(-4.0))
    (tensor(2.), tensor(-2.))
    """
    _check_callable(true, false)
    if isinstance(choice, bool):
        return (true if choice else false)(*operands)
    choice = _checked_bool(choice)
    if not isinstance(mode.evaluator, Tracer):
        return (true if choice.item() else false)(*operands)
    leaves, form = flatten(operands)
    specs = [x.spec for x in leaves]
    wanting = [mode.grad and x.requires_grad for x in leaves]
    ways = [
        trace_body(lambda args, way=way: way(*args), (form,), specs, "branch", wanting)
        for way in (true, false)
    ]
    _check_alike(*ways)
    changed = list({id(x): x for way in ways for x, _, _ in way.tracer.assigned()}.values())
    closed = [_with_changes(way, changed) for way in ways]
    bodies = closed[0][0], closed[1][0]
    inputs = [choice, *leaves, *closed[0][1], *closed[1][1]]
    made = bind_branch(inputs, bodies) if bodies[0].results else ()
    count = len(ways[0].outputs)
    for x, value in zip(changed, made[count:], strict=True):
        x.assign(value)
    return unflatten(ways[0].form, made[:count])


def _with_changes(way: BodyTrace, changed: Sequence[Tensor]) -> tuple[Body, list[Tensor]]:
    """Return a branch that also gives what tensors hold after it."""
    tracer = way.tracer
    outputs = [tracer.value_of(x) for x in (*way.outputs, *changed)]
    return way.close(tracer.graph.arguments, outputs)


def _check_alike(one: BodyTrace, other: BodyTrace) -> None:
    """Raise unless two branches return the same kind of thing."""
    if one.form != other.form:
        fact = f"one function returns {one.form}, the other {other.form}"
        raise UsageError(fact, hint="return trees of the same form")
    for x, y in zip(one.outputs, other.outputs, strict=True):
        if x.shape != y.shape:
            fact = f"one function returns shape {x.shape}, the other {y.shape}"
            raise ShapeError(fact, hint="broadcast or pad the smaller one")
        if x.dtype is not y.dtype:
            fact = f"one function returns {x.dtype}, the other {y.dtype}"
            raise DTypeError(fact, hint=f'return x.cast("{x.dtype}") from the other')


def _checked_bool(value: Any) -> Tensor:
    """Return a condition, which is a bool tensor without axes."""
    if not isinstance(value, Tensor) or value.dtype is not bool_:
        found = value.dtype if isinstance(value, Tensor) else type(value).__name__
        hint = "compare tensors: x > 0.0"
        raise DTypeError(f"a condition is a bool tensor, not {found}", hint=hint)
    if value.shape != ():
        hint = "reduce it: (x > 0.0).all(), or use rl.where for each element"
        raise ShapeError(f"a condition has no axes, this has shape {value.shape}", hint=hint)
    return value
