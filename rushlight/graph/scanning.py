"""`Scan`, the loop with a body as a primitive. Its gradient is another one, which runs back."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core.bind import bind
from rushlight.core.errors import DTypeError
from rushlight.core.kernels import Loop
from rushlight.core.primitive import Primitive, Spec
from rushlight.graph.bodies import Body, check_fit, zeros_of
from rushlight.graph.way_back import way_back


class Scan(Primitive):
    """Turns of a body: what it carries from each to the next, and other results by turn.

    Params: `body`; how many of its results it `carries`; the `length` of what has a row for each
    turn; whether the last row comes first (`reverse`); whether the first operand says how many
    turns there are (`counted`; the rows of other turns are zeros). The other operands are the
    carries at first, rows, and what the body captured.
    """

    name = "scan"

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs

    def rule(self, *specs: Spec, **params: Any) -> Any:
        body: Body = params["body"]
        carries, length, counted = params["carries"], params["length"], params["counted"]
        arguments, results = body.arguments, body.results
        check_fit(results[:carries], arguments[:carries], "states after a turn")
        if counted and (specs[0].shape != () or specs[0].dtype.kind != "int"):
            raise DTypeError(f"the count is {specs[0]}, not one integer")

        def stacked(rows: Sequence[Spec]) -> list[Spec]:
            return [Spec((length, *one.shape), one.dtype) for one in rows]

        wanted = [*arguments[:carries], *stacked(arguments[carries:]), *body.held]
        check_fit(specs[counted:], wanted, "operands of the loop")
        made = (*results[:carries], *stacked(results[carries:]))
        return made if self.outputs > 1 else made[0]

    def numpy(self, *arrays: Any, **params: Any) -> Any:
        body: Body = params["body"]
        carries, length, counted = params["carries"], params["length"], params["counted"]
        count = int(np.clip(arrays[0], 0, length)) if counted else length
        operands, first = arrays[counted:], len(body.graph.arguments)
        carry, rows, held = list(operands[:carries]), operands[carries:first], operands[first:]
        stacks = [np.zeros((length, *y.shape), y.dtype.storage) for y in body.results[carries:]]
        for turn in reversed(range(count)) if params["reverse"] else range(count):
            made = body.interpreter.run([*carry, *(x[turn] for x in rows), *held])
            carry = made[:carries]
            for stack, y in zip(stacks, made[carries:], strict=True):
                stack[turn] = y
        results = (*carry, *stacks)
        return results if self.outputs > 1 else results[0]

    def lower(self, *specs: Spec, **params: Any) -> Loop:
        names = ("carries", "length", "reverse", "counted")
        return Loop(params["body"].graph, *(params[name] for name in names))

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        """Return the gradient; rules are asked for one input at a time, all are found at once."""
        seeds = g if self.outputs > 1 else (g,)
        find = functools.partial(_gradients, seeds, inputs, params)
        return params["body"].answers.take(wrt, g, inputs, find)


@functools.cache
def scan_p(outputs: int) -> Scan:
    """Return the primitive with so many results."""
    return Scan(outputs)


def bind_scan(inputs: Sequence[Any], **params: Any) -> Sequence[Any]:
    """Apply a scan; return its results."""
    count = len(params["body"].results)
    made = bind(scan_p(count), *inputs, **params)
    return made if count > 1 else (made,)


def _gradients(g: Sequence[Any], inputs: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    """Return the gradient for each operand of a scan; None where there is none."""
    body, carries, counted = params["body"], params["carries"], params["counted"]
    operands = inputs[counted:]
    first = len(body.graph.arguments)
    wanted = tuple(i for i, x in enumerate(operands) if x.requires_grad and i >= carries)
    way = way_back(body, carries, wanted)
    saved = bind_scan(inputs, **{**params, "body": way.forward})[carries:]
    given = {"saved": saved, "given": operands[carries:first], "gradient": g[carries:]}
    rows = [given[kind][number] for kind, number in way.rows]
    start = [g[i] for i in way.carried] + [zeros_of(spec) for spec in way.running]
    held = [operands[first + number] for number in way.held]
    made = bind_scan(
        [*inputs[:counted], *start, *rows, *held],
        body=way.body,
        carries=len(start),
        length=params["length"],
        reverse=not params["reverse"],
        counted=counted,
    )
    found: list[Any] = [None] * len(operands)
    for i, gradient in zip(way.carried, made, strict=False):
        found[i] = gradient
    stacks = made[len(start) :]
    for i, number in way.by_turn.items():
        found[i] = stacks[number]
    running = made[len(way.carried) : len(start)]
    stacked = way.stacked(saved, given["given"], given["gradient"], stacks)
    for i, total in way.totals.items():
        found[i] = total.value(stacked, running)
    return [None] * counted + found
