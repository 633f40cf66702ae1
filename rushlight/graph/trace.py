"""The tracer: runs a function on tensors without values and writes down what it computes.

Tensors that the function captures become states, inputs by reference; `assign` gives one a new
value in the graph; `.grad` is followed for each. Nothing outside of the graph is changed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rushlight.autograd import record
from rushlight.core.dtypes import DType
from rushlight.core.errors import TraceError
from rushlight.core.mode import evaluating, mode
from rushlight.core.primitive import Array, Primitive, Spec
from rushlight.core.source import user_call, user_line
from rushlight.graph.guards import Guards
from rushlight.graph.ir import Graph, GraphValue
from rushlight.graph.passes.dead import without_dead_nodes
from rushlight.tensor import Tensor, to_array
from rushlight.tree import flatten, unflatten


@dataclass
class Traced:
    """What a trace gives: the graph, the form of the function's result, what must still hold."""

    graph: Graph
    result: Any  # the tree of the result, as `flatten` gives it
    guards: Guards = field(default_factory=Guards)

    def __post_init__(self) -> None:
        updates = (*self.graph.updates, *self.graph.grad_updates)
        self.changed = {id(x) for x, _ in updates}  # the captured tensors that a run changes

    def holds(self) -> bool:
        """Return whether what the trace took for granted is still so."""
        return self.guards.broken() is None

    def check_arguments(self, arguments: list[Tensor]) -> None:
        """Raise if an argument is also a tensor that the function captured and changes."""
        for position, argument in enumerate(arguments):
            if id(argument) in self.changed:
                raise TraceError(
                    f"argument {position} of {self.graph.name} is also captured by it and changed",
                    hint="pass a copy: x.detach()",
                )


class Tracer:
    """The evaluator that adds nodes to a graph."""

    def __init__(self, name: str) -> None:
        self.graph = Graph(name)
        self.guards = Guards()
        self._current: dict[int, GraphValue] = {}  # captured tensor -> its value by now
        self._captured: dict[int, Tensor] = {}  # keeps ids alive
        self._assigned: dict[int, Tensor] = {}
        self._grad: dict[int, Tensor | None] = {}  # captured tensor -> its gradient by now
        self._held_grad: dict[int, bool] = {}  # whose gradient was read, and if there was one
        self._set_grad: dict[int, Tensor] = {}
        self._constants: dict[Any, Tensor] = {}
        self._arguments: list[Tensor] = []
        self._assigned_at: dict[int, int] = {}  # when captured tensors were, before the trace

    def argument(self, spec: Spec, requires_grad: bool = False) -> Tensor:
        """Return a tensor that stands for an argument of the function."""
        value = self.graph.new_value(spec, user_line())
        self.graph.arguments.append(value)
        made = stand_in(value)
        made.requires_grad = requires_grad
        self._arguments.append(made)
        return made

    def apply(self, primitive: Primitive, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        values = tuple(self.value_of(x) for x in inputs)
        line, op = user_call()
        outputs = self.graph.add(primitive, values, params, line, mode.module_path(), op)
        results = tuple(stand_in(value) for value in outputs)
        result = results[0] if primitive.outputs == 1 else results
        if mode.grad:
            record(primitive, inputs, params, result)
        return result

    def constant(self, data: Any, dtype: DType | None) -> Tensor:
        key = (type(data), repr(data), dtype) if isinstance(data, (bool, int, float)) else None
        if key in self._constants:
            return self._constants[key]
        array, kind = to_array(data, dtype)
        value = self.graph.new_value(Spec(array.shape, kind), user_line())
        self.graph.constants.append((array, value))
        made = stand_in(value)
        if key is not None:
            self._constants[key] = made
        return made

    def _is_inside(self, x: Tensor) -> bool:
        """Return whether a tensor is a value of this trace, not one from outside."""
        return isinstance(x.data, GraphValue)

    def value_of(self, x: Tensor) -> GraphValue:
        """Return the graph's value for a tensor: its own, or the state that it is captured as."""
        if isinstance(x.data, GraphValue):
            if x.data.graph is not self.graph:
                raise x.data.leaked()
            return x.data
        if id(x) not in self._current:
            value = self.graph.new_value(x.spec)
            self.graph.states.append((x, value))
            self._current[id(x)] = value
            self._captured[id(x)] = x
        return self._current[id(x)]

    def alias(self, x: Tensor) -> Tensor:
        return stand_in(self.value_of(x))

    def detach(self, x: Tensor) -> Tensor:
        return self.alias(x)

    def assign(self, x: Tensor, value: Tensor) -> None:
        new = self.value_of(value)
        if self._is_inside(x):
            self._refuse_argument(x, "is assigned to", "return the new value")
            x.data = new
            return
        self.value_of(x)
        self._assigned_at.setdefault(id(x), x.assigned_at)
        self._current[id(x)] = new
        self._assigned[id(x)] = x

    def _refuse_argument(self, x: Tensor, fact: str, remedy: str) -> None:
        for position, argument in enumerate(self._arguments):
            if argument is x:
                raise TraceError(
                    f"argument {position} of {self.graph.name} {fact}, which the caller's tensor "
                    "would not see",
                    hint=f"{remedy}, or let the function capture the tensor",
                )

    def get_grad(self, x: Tensor) -> Tensor | None:
        if self._is_inside(x):
            return x._grad
        if id(x) not in self._grad:
            self._captured[id(x)] = x
            self._held_grad[id(x)] = x._grad is not None
            self._grad[id(x)] = None if x._grad is None else self._held(x, x._grad)
        return self._grad[id(x)]

    def _held(self, x: Tensor, grad: Tensor) -> Tensor:
        value = self.graph.new_value(grad.spec)
        self.graph.grads.append((x, value))
        return stand_in(value)

    def set_grad(self, x: Tensor, value: Tensor | None) -> None:
        if self._is_inside(x):
            x._grad = value
            return
        self._grad[id(x)] = value
        self._set_grad[id(x)] = x

    def read(self, x: Tensor, what: str) -> Array:
        line = x.data.source if isinstance(x.data, GraphValue) else None
        made = f", made at {line}," if line else ""
        error = TraceError(
            f"{what} asks for the value of a {x.spec} tensor{made} but {self.graph.name} is being "
            "traced, so it has none yet",
            hint="use rl.where or rl.cond for a choice, rl.while_loop for a loop; "
            "return the tensor and read it outside",
        )
        error.source = user_line()
        raise error

    def watch(self, owner: Any, attribute: str, value: Any) -> None:
        self.guards.note_attribute(owner, attribute, value)

    def finish(self, outputs: list[Tensor]) -> Graph:
        """Close the graph: its results are the outputs, the new states and the gradients."""
        graph = self.graph
        graph.outputs = [self.value_of(x) for x in outputs]
        graph.updates = [(x, self._current[key]) for key, x in self._assigned.items()]
        for x in self._arguments:
            if x._grad is not None and self.value_of(x._grad) not in graph.outputs:
                self._refuse_argument(x, "gets a gradient", "return its .grad")
        for x, entry in graph.grads:
            grad = self._grad[id(x)]
            if grad is not None and self.value_of(grad) is not entry:
                self._set_grad[id(x)] = x  # by an assignment to it
        for key, x in self._set_grad.items():
            grad = self._grad[key]
            graph.grad_updates.append((x, None if grad is None else self.value_of(grad)))
        return without_dead_nodes(graph)

    def restore(self) -> None:
        """Give captured tensors back when they were assigned to, which only seemed to happen."""
        for key, moment in self._assigned_at.items():
            self._captured[key].assigned_at = moment

    def close_guards(self) -> Guards:
        """Return what the trace took for granted."""
        flags = [(x, x.requires_grad) for x in self._captured.values()]
        grads = [(self._captured[key], held) for key, held in self._held_grad.items()]
        self.guards.close(self.graph, flags, grads)
        return self.guards


def stand_in(value: GraphValue) -> Tensor:
    """Return the tensor that carries a value of a graph."""
    return Tensor.wrap(value, value.dtype)


def trace_tree(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Traced:
    """Trace a function of trees of tensors (lists, tuples, dicts); other arguments are fixed."""
    leaves, tree = flatten((args, kwargs))
    tracer = Tracer(getattr(function, "__qualname__", type(function).__name__).rpartition(".")[2])
    with evaluating(tracer):
        stand_ins = [tracer.argument(x.spec, x.requires_grad) for x in leaves]
        new_args, new_kwargs = unflatten(tree, stand_ins)
        tracer.guards.note_function(function)
        try:
            outputs, result = flatten(function(*new_args, **new_kwargs))
            graph = tracer.finish(outputs)
        finally:
            tracer.restore()
    return Traced(graph, result, tracer.close_guards())


def trace(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    """Return the graph of what `function` computes for arguments of these shapes.

    >>> import rushlight as rl
    >>> len(rl.trace(lambda x: x.exp().sum(), rl.ones(3)).nodes)
    2
    """
    return trace_tree(function, args, kwargs).graph
