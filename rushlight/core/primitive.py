"""The `Primitive` record, the registry, and what rules know: `Spec`, `Value`, `Evaluator`.

A primitive says once what it is: its shape rule, its NumPy meaning and its gradient. Whoever
evaluates (eager tensors, the tracer) is the current `Evaluator` and is handed each primitive with
its operands by `core.bind.bind`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy.typing as npt

from rushlight.core.dtypes import DType
from rushlight.core.kernels import Record
from rushlight.core.shapes import Shape

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Spec:
    """What is known of a value before it is computed: its shape and dtype."""

    shape: Shape
    dtype: DType

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


class Value:
    """What rules and evaluators may use of an operand, be it eager or traced."""

    requires_grad: bool = False
    node: Any = None  # the autograd node that made this value
    output_index: int = 0  # which of the node's outputs it is
    is_part: bool = False  # whether `x[...]` gave this value
    assigned_at: int = -1  # the autograd clock when `assign` last changed it

    @property
    def shape(self) -> Shape:
        raise NotImplementedError

    @property
    def dtype(self) -> DType:
        raise NotImplementedError

    @property
    def spec(self) -> Spec:
        return Spec(self.shape, self.dtype)

    @property
    def rank(self) -> int:
        return len(self.shape)


class Evaluator(Protocol):
    """Whoever gives primitives, and the state of tensors, their meaning at the moment."""

    def apply(self, primitive: "Primitive", inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        """Return the value (or the tuple of values) of a primitive applied to values."""

    def constant(self, data: Any, dtype: DType | None) -> Any:
        """Return the value that stands for a Python number or an array."""

    def alias(self, x: Any) -> Any:
        """Return a value of the same contents, for the record of how `x` was made."""

    def detach(self, x: Any) -> Any:
        """Return a value of the same contents without history."""

    def assign(self, x: Any, value: Any) -> None:
        """Give `x` the contents of `value`, which has its shape and dtype."""

    def get_grad(self, x: Any) -> Any:
        """Return the gradient kept with `x`, or None."""

    def set_grad(self, x: Any, value: Any) -> None:
        """Keep a gradient (or None) with `x`."""

    def read(self, x: Any, what: str) -> Array:
        """Return the array of `x`, or raise if it has none yet; `what` says who asks."""

    def watch(self, owner: Any, attribute: str, value: Any) -> None:
        """Note that a Python attribute was read, on which what is computed depends."""


@dataclass(frozen=True)
class Sample:
    """One row of the table of cases: inputs (arrays, or shapes to fill at random) and params."""

    inputs: tuple[Any, ...]
    params: dict[str, Any] = field(default_factory=dict)
    low: float = -2.0
    high: float = 2.0
    name: str = ""


class Primitive(ABC):
    """One operation, written down once. Subclasses are families or single structured ops."""

    name: str
    labels: tuple[str, ...] = ("input",)  # what errors call the operands
    outputs: int = 1
    differentiable: bool = True
    uses_output: bool = False  # whether `vjp` reads y
    smooth: bool = True  # whether second derivatives exist on the samples
    ulps: int = 4  # how far C may be from NumPy in float32
    onnx: str | None = None
    numpy: Callable[..., Any]  # the result for arrays; NumPy scalars are fine

    @abstractmethod
    def rule(self, *specs: Spec, **params: Any) -> Any:
        """Return the spec (or the tuple of specs) of the result, or raise the short fact."""

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        """Return the gradient with respect to input `wrt`, given `g` for the output `y`."""
        raise NotImplementedError

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        """Return which inputs' values `vjp` reads for input `wrt`."""
        return range(arity)

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        """Return the results for many items at once, along a new first axis.

        Args:
            has: which inputs have that axis, and so an item of their own for each; one at least.
            inputs: all of them.
            params: as for one item.

        None says that there is no such way, and the items are done one by one.
        """
        return None

    def lower(self, *specs: Spec, **params: Any) -> Record | None:
        """Return how the result is computed, as data that C is made from; None for no C."""
        return None

    def samples(self) -> list[Sample]:
        """Return the rows of the case table for this primitive."""
        return []

    def labelled(self, inputs: Sequence[Any]) -> list[tuple[str, Any]]:
        """Return what errors call each operand, with the operand."""
        labels = self.labels
        if len(labels) != len(inputs):
            labels = tuple(f"{labels[0]} {position}" for position in range(len(inputs)))
        return list(zip(labels, inputs, strict=True))

    def __repr__(self) -> str:
        return self.name


PRIMITIVES: dict[str, Primitive] = {}
METHODS: dict[str, Callable[..., Any]] = {}  # the functions that are methods of Tensor too

P = TypeVar("P", bound=Primitive)
F = TypeVar("F", bound=Callable[..., Any])


def register(primitive: P) -> P:
    """Enter a primitive into the registry and return it."""
    if primitive.name in PRIMITIVES:
        raise RuntimeError(f"primitive {primitive.name} is registered twice")
    PRIMITIVES[primitive.name] = primitive
    return primitive


def method(*names: str) -> Callable[[F], F]:
    """Make a function of a value a method of Tensor, under its own name or the names given."""

    def enter(function: F) -> F:
        for name in names or (function.__name__,):
            METHODS[name] = function
        return function

    return enter
