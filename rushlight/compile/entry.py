"""One traced graph of a compiled function, and what runs it: C, or where that is not, NumPy."""

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from rushlight.autograd import assigned
from rushlight.compile.native import Native
from rushlight.compile.turns import Turn, turn_of
from rushlight.core.dtypes import DType
from rushlight.core.errors import CompileError, CompileWarning, RushlightError
from rushlight.core.mode import mode
from rushlight.core.primitive import Array
from rushlight.core.shapes import Shape
from rushlight.graph.interpret import Interpreter
from rushlight.graph.trace import Traced, Tracer
from rushlight.tensor import Tensor
from rushlight.tree import LEAF, Leaf, unflatten


class Entry:
    """One traced graph of a compiled function, and what runs it.

    Args:
        traced: the graph, and what must hold for it to be used.
        want_native: whether to compile it.

    Attributes:
        native: the compiled C, or None.
        reason: why there is no C that was wanted, or None.
    """

    def __init__(self, traced: Traced, want_native: bool) -> None:
        self.traced = traced
        self.graph = traced.graph
        self.turn: Turn | None = turn_of(traced.graph)
        self.native: Native | None = None
        self.reason: str | None = None
        self._interpreter: Interpreter | None = None
        self._dtypes = [v.dtype if v.dtype.is_half else None for v in traced.graph.outputs]
        if want_native:
            try:
                self.native = Native(traced.graph)
            except (CompileError, NotImplementedError) as error:
                self.reason = _reason(error)
                notice(f"compiled functions run in NumPy: {self.reason}")

    def call(self, leaves: list[Tensor]) -> Any:
        """Return what the function returns for the tensors among its arguments."""
        if self.traced.changed:
            self.traced.check_arguments(leaves)
        arrays = [x.data for x in leaves]
        if self.turn is None:
            results = self.run(arrays)
        else:
            with self.turn:
                results = self.run(arrays)
                self.set_grads(results[len(self._dtypes) :])
        return self.result(results)

    def result(self, arrays: Sequence[Array]) -> Any:
        """Return the function's result around the arrays of the graph's outputs."""
        if self.traced.result is LEAF:
            return Tensor.wrap(arrays[0], self._dtypes[0])
        outputs = [Tensor.wrap(x, dtype) for x, dtype in zip(arrays, self._dtypes, strict=False)]
        return unflatten(self.traced.result, outputs)

    def run(self, arguments: list[Array]) -> list[Array]:
        """Return the arrays of the outputs, then of the gradients; states are updated."""
        inputs = [*arguments, *self.grads()] if self.graph.grads else arguments
        if self.native is not None:
            results = self.native.run(inputs)
            if results is not None:
                return results
        return self.interpret(inputs)

    def grads(self) -> list[Array]:
        """Return the gradients that the graph takes."""
        return [x._grad.data for x, _ in self.graph.grads]

    def set_grads(self, arrays: Sequence[Array]) -> None:
        """Give tensors the gradients that a run has made."""
        rest = iter(arrays)
        for x, value in self.graph.grad_updates:
            x._grad = None if value is None else Tensor.wrap(next(rest), value.dtype)

    def interpret(self, inputs: list[Array]) -> list[Array]:
        """Run the graph in NumPy, which also explains what C refused."""
        graph = self.graph
        if self._interpreter is None:
            self._interpreter = Interpreter(graph)
        with self._reading:
            states = [mode.evaluator.read(x, graph.name) for x, _ in graph.states]
        results = self._interpreter.run([*inputs, *states])
        first = len(graph.outputs)
        last = first + len(graph.updates)
        for (x, _), array in zip(graph.updates, results[first:last], strict=True):
            x.data = array
            assigned(x)
        return results[:first] + results[last:]
