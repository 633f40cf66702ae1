"""`While` and `Branch`: a loop that goes on while a condition holds, and one of two bodies."""

import functools
from collections.abc import Sequence
from typing import Any

from rushlight.autograd import gradients
from rushlight.core.bind import bind
from rushlight.core.dtypes import bool_
from rushlight.core.errors import DTypeError, GradientError
from rushlight.core.kernels import Branch as BranchRecord
from rushlight.core.kernels import While as WhileRecord
from rushlight.core.mode import enable_grad, evaluating
from rushlight.core.primitive import Primitive, Spec
from rushlight.core.source import user_line
from rushlight.graph.bodies import Body, check_fit, zeros_of
from rushlight.graph.trace import Tracer


class While(Primitive):
    """Turns of a body while a condition of what it carries holds.

    Params: `condition` and `body`. The operands are the carries at first, then what the condition
    captured, then what the body captured.
    """

    name = "while_loop"

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs

    def rule(self, *specs: Spec, **params: Any) -> Any:
        made = params["body"].results
        return tuple(made) if self.outputs > 1 else made[0]

    def numpy(self, *arrays: Any, condition: Body, body: Body) -> Any:
        split = self.outputs + len(condition.graph.states)
        carry = list(arrays[: self.outputs])
        tested, held = arrays[self.outputs : split], arrays[split:]
        while condition.interpreter.run([*carry, *tested])[0]:
            carry = body.interpreter.run([*carry, *held])
        return tuple(carry) if self.outputs > 1 else carry[0]

    def lower(self, *specs: Spec, **params: Any) -> WhileRecord:
        return WhileRecord(params["condition"].graph, params["body"].graph)

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        fact = "no gradient goes through a while_loop in a trace: its number of turns is not known"
        hint = "use rl.scan with a length, and count= for fewer turns"
        error = GradientError(fact, hint=hint)
        error.source = user_line()
        raise error


class Branch(Primitive):
    """What one of two bodies gives, as a bool says.

    Params: `bodies`, the one for True first. The operands are the bool, the arguments of both, what
    the first captured, and what the second captured.
    """

    name = "cond"

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs

    def rule(self, *specs: Spec, **params: Any) -> Any:
        one, other = params["bodies"]
        if specs[0] != Spec((), bool_):
            raise DTypeError(f"the choice is {specs[0]}, not one bool")
        check_fit(other.arguments, one.arguments, "arguments of the branches")
        check_fit(other.results, one.results, "results of the branches")
        check_fit(specs[1:], [*one.arguments, *one.held, *other.held], "operands of the choice")
        made = one.results
        return tuple(made) if self.outputs > 1 else made[0]

    def numpy(self, choice: Any, *arrays: Any, bodies: tuple[Body, Body]) -> Any:
        taken = 0 if choice else 1
        operands = _operands_of(taken, arrays, bodies)
        made = bodies[taken].interpreter.run(list(operands))
        return tuple(made) if self.outputs > 1 else made[0]

    def lower(self, *specs: Spec, **params: Any) -> BranchRecord:
        first, second = params["bodies"]
        return BranchRecord((first.graph, second.graph))

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        """Return the gradient; rules are asked for one input at a time, all are found at once."""
        bodies = params["bodies"]
        seeds = g if self.outputs > 1 else (g,)
        find = functools.partial(_gradients, seeds, inputs, bodies)
        return bodies[0].answers.take(wrt, g, inputs, find)


@functools.cache
def while_p(outputs: int) -> While:
    """Return the primitive with so many results."""
    return While(outputs)


@functools.cache
def branch_p(outputs: int) -> Branch:
    """Return the primitive with so many results."""
    return Branch(outputs)


def bind_branch(inputs: Sequence[Any], bodies: tuple[Body, Body]) -> Sequence[Any]:
    """Apply a choice between two bodies; return its results."""
    count = len(bodies[0].results)
    made = bind(branch_p(count), *inputs, bodies=bodies)
    return made if count > 1 else (made,)


def _operands_of(taken: int, operands: Sequence[Any], bodies: tuple[Body, Body]) -> Sequence[Any]:
    """Return which of the operands behind the bool one of the bodies is given."""
    shared, held = len(bodies[0].graph.arguments), len(bodies[0].graph.states)
    if taken == 0:
        return operands[: shared + held]
    return [*operands[:shared], *operands[shared + held :]]


def _gradients(g: Sequence[Any], inputs: Sequence[Any], bodies: tuple[Body, Body]) -> list[Any]:
    """Return the gradient for each operand of a choice, from the body that was taken."""
    operands = inputs[1:]
    wanted = tuple(i for i, x in enumerate(operands) if x.requires_grad)
    ways = []
    for taken, body in enumerate(bodies):
        own = list(_operands_of(taken, range(len(operands)), bodies))
        key = (taken, wanted)
        if key not in body.derived:
            body.derived[key] = _way_back(body, [x.spec for x in operands], own, wanted)
        ways.append(body.derived[key])
    seeds = [one for one, y in zip(g, bodies[0].results, strict=True) if y.dtype.is_float]
    made = bind_branch([inputs[0], *operands, *seeds], (ways[0], ways[1]))
    found: list[Any] = [None] * len(operands)
    for i, gradient in zip(wanted, made, strict=True):
        found[i] = gradient
    return [None, *found]


def _way_back(body: Body, specs: Sequence[Spec], own: Sequence[int], wanted: Sequence[int]) -> Body:
    """Return the body of the gradients for the wanted operands, zeros for those it does not read.

    Its arguments are all operands, then the gradients of the results that are floats.
    """
    tracer = Tracer(f"{body.graph.name}_back")
    with evaluating(tracer), enable_grad():
        stand_ins = [tracer.argument(spec) for spec in specs]
        for i in wanted:
            stand_ins[i].requires_grad = True
        results = body.on([stand_ins[i] for i in own])
        seeds = [tracer.argument(y.spec) if y.dtype.is_float else None for y in results]
        pairs = [(y, seed) for y, seed in zip(results, seeds, strict=True) if y.requires_grad]
        found: list[Any] = [None] * len(wanted)
        if pairs:
            roots, given = zip(*pairs, strict=True)
            found = gradients(roots, [stand_ins[i] for i in wanted], given)
        answers = []
        for i, gradient in zip(wanted, found, strict=True):
            answers.append(zeros_of(specs[i]) if gradient is None else gradient)
        graph = tracer.finish(answers)
    return Body(graph)
