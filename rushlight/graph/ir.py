"""The graph: nodes in the order in which they were traced, and the values between them."""

from dataclasses import dataclass, field
from typing import Any

from rushlight.core.dtypes import DType
from rushlight.core.errors import TraceError
from rushlight.core.primitive import Array, Primitive, Spec
from rushlight.core.shapes import Shape
from rushlight.graph.printer import to_text


class GraphValue:
    """One value of a graph: an input, a constant or the result of a node."""

    __slots__ = ("dtype", "graph", "index", "shape", "source")
    __array_ufunc__ = None  # NumPy must not take it for an object array
    what = "traced"  # what a tensor that holds it is printed as

    def __init__(self, graph: "Graph", index: int, spec: Spec, source: str | None) -> None:
        self.graph = graph
        self.index = index  # which slot of the interpreter's memory, and its printed name
        self.shape: Shape = spec.shape
        self.dtype: DType = spec.dtype
        self.source = source  # the user's line that made it

    @property
    def spec(self) -> Spec:
        return Spec(self.shape, self.dtype)

    def __array__(self, *args: Any, **kwargs: Any) -> Array:
        raise TypeError("a value of a graph has no elements")

    def leaked(self) -> TraceError:
        """Return the error for a tensor that outlived the trace in which it was made."""
        made = f" (made at {self.source})" if self.source else ""
        return TraceError(
            f"a tensor{made} of the finished trace of {self.graph.name} is used outside of it",
            hint="return it from the traced function instead of keeping it in a variable",
        )

    def __repr__(self) -> str:
        return f"%{self.index}"


@dataclass(eq=False, slots=True)
class Node:
    """A primitive applied to values, at a line of the user's, in a layer."""

    primitive: Primitive
    inputs: tuple[GraphValue, ...]
    params: dict[str, Any]
    outputs: tuple[GraphValue, ...]
    source: str | None = None
    module: str | None = None
    op: str | None = None  # what the user called, where that is made of several primitives


@dataclass(eq=False)
class Graph:
    """A traced computation.

    `arguments` are filled by the caller, `states` by the tensors captured by reference and
    `grads` by the gradients that those held; `constants` are part of the graph. After a run,
    `updates` gives states their new contents and `grad_updates` tensors their `.grad`.
    """

    name: str = "graph"
    nodes: list[Node] = field(default_factory=list)
    values: list[GraphValue] = field(default_factory=list)
    arguments: list[GraphValue] = field(default_factory=list)
    states: list[tuple[Any, GraphValue]] = field(default_factory=list)
    grads: list[tuple[Any, GraphValue]] = field(default_factory=list)
    constants: list[tuple[Array, GraphValue]] = field(default_factory=list)
    outputs: list[GraphValue] = field(default_factory=list)
    updates: list[tuple[Any, GraphValue]] = field(default_factory=list)
    grad_updates: list[tuple[Any, GraphValue | None]] = field(default_factory=list)

    def new_value(self, spec: Spec, source: str | None = None) -> GraphValue:
        """Return a fresh value of the graph."""
        value = GraphValue(self, len(self.values), spec, source)
        self.values.append(value)
        return value

    def add(
        self,
        primitive: Primitive,
        inputs: tuple[GraphValue, ...],
        params: dict[str, Any],
        source: str | None = None,
        module: str | None = None,
        op: str | None = None,
    ) -> tuple[GraphValue, ...]:
        """Append a node and return its outputs; the primitive's rule checks the operands."""
        result = primitive.rule(*[value.spec for value in inputs], **params)
        specs = (result,) if primitive.outputs == 1 else result
        outputs = tuple(self.new_value(spec, source) for spec in specs)
        self.nodes.append(Node(primitive, inputs, params, outputs, source, module, op))
        return outputs

    def results(self) -> list[GraphValue]:
        """Return every value that a run must produce."""
        grads = [value for _, value in self.grad_updates if value is not None]
        return [*self.outputs, *(value for _, value in self.updates), *grads]

    def check_arguments(self, specs: list[Spec]) -> None:
        """Raise unless these are the specs for which the graph was traced."""
        wanted = [value.spec for value in self.arguments]
        if specs == wanted:
            return
        if len(specs) != len(wanted):
            raise TraceError(f"{self.name} was traced for {len(wanted)} tensors, got {len(specs)}")
        for position, (got, want) in enumerate(zip(specs, wanted, strict=True)):
            if got != want:
                fact = f"argument {position} of {self.name} is {got}, traced as {want}"
                raise TraceError(fact, hint="trace it again for that shape, or use rl.compile")

    def __str__(self) -> str:
        return to_text(self)
