"""Functions as graphs within a graph: the bodies of loops and the branches of choices.

A body reads nothing but its arguments and what it captured, and changes nothing: what the function
assigned to is among its results.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from rushlight.core.bind import bind
from rushlight.core.dtypes import DType
from rushlight.core.errors import ShapeError, TraceError
from rushlight.core.mode import evaluating, mode
from rushlight.core.primitive import Evaluator, Primitive, Spec
from rushlight.core.source import user_line
from rushlight.graph.interpret import Interpreter
from rushlight.graph.ir import Graph, GraphValue
from rushlight.graph.passes.dead import without_dead_nodes
from rushlight.graph.trace import Tracer, stand_in
from rushlight.ops.movement import expanded
from rushlight.ops.order import detach_p
from rushlight.tensor import Tensor
from rushlight.tree import flatten, unflatten

FEW = 16  # elements of a constant that stays in a body; larger ones are captured


@dataclass(eq=False)
class Held:
    """What stands in a body for a tensor that its function captured."""

    name: str | None = None


class Answers(threading.local):
    """Gradients that were found at once, and wait until rules are asked for them, one by one."""

    def __init__(self) -> None:
        self.given: Any = None  # what they are for
        self.found: dict[int, Any] = {}

    def take(
        self, wrt: int, g: Any, inputs: Sequence[Any], find: Callable[[], Sequence[Any]]
    ) -> Any:
        """Return one of them, and forget it; `find` them all if it is the first.

        Only those wait that will be asked for: none is there at the next backward pass.
        """
        if self.given is not g or wrt not in self.found:
            pairs = enumerate(zip(inputs, find(), strict=True))
            self.found = {i: one for i, (x, one) in pairs if x.requires_grad}
            self.given = g
        answer = self.found.pop(wrt)
        if not self.found:
            self.given = None
        return answer


@dataclass(eq=False)
class Body:
    """A function as a graph: its arguments are what it is called with, its states what it captured.

    `base` is the body of which this one gives all results, and then more, if there is one.
    """

    graph: Graph
    base: "Body | None" = None
    derived: dict[Any, Any] = field(default_factory=dict)  # the ways back through it
    answers: Answers = field(default_factory=Answers)

    @cached_property
    def interpreter(self) -> Interpreter:
        return Interpreter(self.graph)

    @property
    def inputs(self) -> list[GraphValue]:
        """Its arguments, then what it captured."""
        return [*self.graph.arguments, *(value for _, value in self.graph.states)]

    @property
    def arguments(self) -> list[Spec]:
        return [value.spec for value in self.graph.arguments]

    @property
    def held(self) -> list[Spec]:
        return [value.spec for _, value in self.graph.states]

    @property
    def results(self) -> list[Spec]:
        return [value.spec for value in self.graph.outputs]

    def on(self, values: Sequence[Tensor]) -> list[Tensor]:
        """Apply its primitives to values: of its arguments, then of what it captured."""
        now: dict[GraphValue, Any] = dict(zip(self.inputs, values, strict=True))
        for array, value in self.graph.constants:
            now[value] = mode.evaluator.constant(array, value.dtype)
        for node in self.graph.nodes:
            made = bind(node.primitive, *[now[x] for x in node.inputs], **node.params)
            results = made if node.primitive.outputs > 1 else (made,)
            now.update(zip(node.outputs, results, strict=True))
        return [now[value] for value in self.graph.outputs]

    def __repr__(self) -> str:
        return f"<{self.graph.name}>"


class BodyTracer(Tracer):
    """Traces a body: what belongs to the trace around it is captured like any other tensor.

    Gradients go through the graph of a body, so it says where they do not.
    """

    def __init__(self, name: str, outer: Evaluator) -> None:
        super().__init__(name)
        self.outer = outer
        self.grad = mode.grad
        self.captured: dict[Held, Tensor] = {}

    def value_of(self, x: Tensor) -> GraphValue:
        if self._is_inside(x):
            return x.data  # type: ignore[no-any-return]
        if id(x) not in self._current:
            if isinstance(self.outer, Tracer):
                self.outer.value_of(x)  # which refuses what has outlived its trace
            held = Held(x.name)
            value = self.graph.new_value(x.spec)
            self.graph.states.append((held, value))
            self.captured[held] = x
            self._current[id(x)] = value
            self._captured[id(x)] = x
        return self._current[id(x)]

    def apply(self, primitive: Primitive, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        made = super().apply(primitive, inputs, params)
        if mode.grad or not primitive.differentiable:
            return made
        return tuple(map(self.detach, made)) if primitive.outputs > 1 else self.detach(made)

    def detach(self, x: Tensor) -> Tensor:
        if not self.grad or not x.dtype.is_float:
            return self.alias(x)
        return super().apply(detach_p, (x,), {})  # type: ignore[no-any-return]

    def assign(self, x: Tensor, value: Tensor) -> None:
        super().assign(x, value if self._is_inside(x) else self.detach(value))

    def constant(self, data: Any, dtype: DType | None) -> Tensor:
        if isinstance(data, (bool, int, float)) or np.size(data) <= FEW:
            return super().constant(data, dtype)
        with evaluating(self.outer):
            outside = self.outer.constant(data, dtype)
        return stand_in(self.value_of(outside))

    def get_grad(self, x: Tensor) -> Tensor | None:
        if not self._is_inside(x):
            raise self._refused("asks for the gradient of a tensor from outside")
        return x._grad

    def set_grad(self, x: Tensor, value: Tensor | None) -> None:
        if not self._is_inside(x):
            raise self._refused("sets the gradient of a tensor from outside")
        x._grad = value

    def _is_inside(self, x: Tensor) -> bool:
        return isinstance(x.data, GraphValue) and x.data.graph is self.graph

    def _refused(self, what: str) -> TraceError:
        hint = "use rl.grad inside, or go back from what the loop gives"
        error = TraceError(f"{self.graph.name}, the body of a loop, {what}", hint=hint)
        error.source = user_line()
        return error

    def watch(self, owner: Any, attribute: str, value: Any) -> None:
        self.outer.watch(owner, attribute, value)

    def assigned(self) -> list[tuple[Tensor, GraphValue, GraphValue]]:
        """Return the tensors from outside that were assigned to, with the first and last value."""
        first = {id(self.captured[held]): value for held, value in self.graph.states}
        return [(x, first[key], self._current[key]) for key, x in self._assigned.items()]


def check_fit(got: Sequence[Spec], wanted: Sequence[Spec], what: str) -> None:
    """Raise unless operands or results of bodies are what they must be."""
    if len(got) != len(wanted):
        raise ShapeError(f"{what}: {len(got)} of them, not {len(wanted)}")
    for place, (one, other) in enumerate(zip(got, wanted, strict=True)):
        if one != other:
            raise ShapeError(f"{what}: number {place} is {one}, not {other}")


@dataclass
class BodyTrace:
    """What the trace of a body found: not a graph yet, for its arguments are still to be put."""

    tracer: BodyTracer
    outputs: list[Tensor]
    form: Any  # of the function's result, as `flatten` gives it

    def close(
        self, arguments: Sequence[GraphValue], outputs: Sequence[GraphValue]
    ) -> tuple[Body, list[Tensor]]:
        """Return the body with these arguments and outputs, and the tensors that it captured."""
        graph = self.tracer.graph
        graph.arguments = list(arguments)
        graph.states = [pair for pair in graph.states if pair[1] not in set(arguments)]
        graph.outputs = list(outputs)
        graph = without_dead_nodes(graph)
        return Body(graph), [self.tracer.captured[held] for held, _ in graph.states]


def trace_body(
    function: Callable[..., Any],
    arguments: Any,
    specs: Sequence[Spec],
    name: str,
    wanting: Sequence[bool] = (),
) -> BodyTrace:
    """Trace a function of trees of tensors, within the current trace if there is one.

    Args:
        function: what is traced.
        arguments: the trees that it is given, with marks at the tensors' places.
        specs: those of the tensors.
        name: what the body is called if the function has no name.
        wanting: which of the tensors require gradients; none if left out.
    """
    outer = mode.evaluator
    called = getattr(function, "__name__", name)
    tracer = BodyTracer(called if called.isidentifier() else name, outer)
    if isinstance(outer, Tracer):
        outer.guards.note_function(function)
    with evaluating(tracer):
        flags = wanting or [False] * len(specs)
        stand_ins = [tracer.argument(*pair) for pair in zip(specs, flags, strict=True)]
        try:
            outputs, form = flatten(function(*unflatten(arguments, stand_ins)))
        finally:
            tracer.restore()
    return BodyTrace(tracer, outputs, form)


def zeros_of(spec: Spec) -> Tensor:
    """Return zeros of a shape and dtype, which take no memory."""
    zero = mode.evaluator.constant(0.0, spec.dtype)
    return expanded(zero, spec.shape)  # type: ignore[no-any-return]


def behind(
    graph: Graph, values: Sequence[GraphValue], inputs: Sequence[GraphValue]
) -> set[GraphValue]:
    """Return all that values are made of, not looking behind some that count as inputs."""
    found = set(values)
    stops = set(inputs)
    for node in reversed(graph.nodes):
        if any(value in found and value not in stops for value in node.outputs):
            found.update(node.inputs)
    return found


def extracted(
    graph: Graph,
    arguments: Sequence[GraphValue],
    held: Sequence[tuple[Held, GraphValue]],
    outputs: Sequence[GraphValue],
) -> Graph:
    """Return a part of a graph as a graph of its own: what makes the outputs of its inputs.

    Args:
        graph: from which it is taken.
        arguments: values that are to be its arguments, wherever they came from.
        held: likewise its states, with what they stand for.
        outputs: its results.
    """
    new = Graph(graph.name)
    inputs = dict.fromkeys([*arguments, *(value for _, value in held)])
    wanted = behind(graph, outputs, list(inputs))
    now = {value: new.new_value(value.spec, value.source) for value in inputs}
    new.arguments = [now[value] for value in arguments]
    new.states = [(what, now[value]) for what, value in held]
    for array, value in graph.constants:
        if value in wanted and value not in inputs:
            now[value] = new.new_value(value.spec, value.source)
            new.constants.append((array, now[value]))
    for node in graph.nodes:
        if any(value in wanted and value not in inputs for value in node.outputs):
            given = tuple(now[value] for value in node.inputs)
            made = tuple(new.new_value(value.spec, value.source) for value in node.outputs)
            new.nodes.append(replace(node, inputs=given, outputs=made))
            now.update({v: m for v, m in zip(node.outputs, made, strict=True) if v not in inputs})
    new.outputs = [now[value] for value in outputs]
    return without_dead_nodes(new)
