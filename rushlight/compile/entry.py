"""One traced graph of a compiled function, and what runs it: C, or where that is not, NumPy."""

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from rushlight.autograd import assigned
from rushlight.compile.native import Native, natives
from rushlight.compile.turns import Turn, turn_of
from rushlight.core.errors import CompileError, CompileWarning, RushlightError
from rushlight.core.mode import mode
from rushlight.core.primitive import Array
from rushlight.graph.interpret import Interpreter
from rushlight.graph.trace import Traced
from rushlight.tensor import Tensor
from rushlight.tree import LEAF, unflatten


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
        self.guards = traced.guards
        self.key: Any = None  # under which a compiled function keeps this
        self.used = 0  # when it last did
        self.turn: Turn | None = turn_of(traced.graph)
        states = [x for x, _ in traced.graph.states]
        self._reading = nullcontext() if self.turn else Turn(states, ())
        self.native: Native | None = None
        self.reason: str | None = None
        self._interpreter: Interpreter | None = None
        self._is_single = traced.result is LEAF
        self._dtypes = [v.dtype if v.dtype.is_half else None for v in traced.graph.outputs]
        if want_native:
            try:
                (self.native,) = natives([traced.graph])
            except Exception as error:  # whatever it is, NumPy can run the graph
                self.reason = reason_of(error)

    def call(self, leaves: list[Tensor]) -> Any:
        """Return what the function returns for the tensors among its arguments."""
        if self.traced.changed:
            self.traced.check_arguments(leaves)
        results = self.compute([x.data for x in leaves])
        if self._is_single:
            return Tensor.wrap(results[0], self._dtypes[0])
        return self.result(results)

    def result(self, arrays: Sequence[Array]) -> Any:
        """Return the function's result around the arrays of the graph's outputs."""
        outputs = [Tensor.wrap(x, dtype) for x, dtype in zip(arrays, self._dtypes, strict=True)]
        return unflatten(self.traced.result, outputs)

    def compute(self, arguments: list[Array]) -> list[Array]:
        """Return the arrays of the outputs, in its turn; states and gradients are updated."""
        if self.turn is None:
            return self.run(arguments)
        with self.turn:
            results = self.run(arguments)
            if self.graph.grad_updates:
                self.set_grads(results[len(self._dtypes) :])
        return results[: len(self._dtypes)]

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
        graph, first = self.graph, len(self.graph.arguments)
        if self._interpreter is None:
            self._interpreter = Interpreter(graph)
        with self._reading:
            states = [mode.evaluator.read(x, graph.name) for x, _ in graph.states]
        results = self._interpreter.run([*inputs[:first], *states, *inputs[first:]])
        first = len(graph.outputs)
        last = first + len(graph.updates)
        for (x, _), array in zip(graph.updates, results[first:last], strict=True):
            x.data = array
            assigned(x)
        return results[:first] + results[last:]

    def explain(self, arguments: list[Array]) -> None:
        """Raise what is wrong with arguments that C refused."""
        self.interpret([*arguments, *self.grads()])
        raise RushlightError(f"compiled C and NumPy disagree about {self.graph.name}")


class Expected:
    """Positional arguments of a kind: tensors of certain specs, and things that stay the same.

    Args:
        args: of the first call; lists and the like make every call take the longer way.
    """

    def __init__(self, args: Sequence[Any]) -> None:
        self.known = not any(isinstance(x, (list, tuple, dict)) for x in args)
        self._parts = [_part(x) for x in args]

    def leaves(self, args: Sequence[Any]) -> list[Tensor] | None:
        """Return the tensors among arguments that are of this kind, None for others."""
        if len(args) != len(self._parts):
            return None
        leaves = []
        for x, (kinds, fixed) in zip(args, self._parts, strict=True):
            if not kinds:
                if x is not fixed:
                    return None
                continue
            if not isinstance(x, Tensor):
                return None
            data = x.data
            if (data.shape, data.dtype, x._dtype, x.requires_grad) not in kinds:
                return None
            leaves.append(x)
        return leaves


def _part(x: Any) -> tuple[tuple[Any, ...], Any]:
    """Return what tells tensors like `x`; or for an argument that is no tensor, the argument."""
    if not isinstance(x, Tensor):
        return (), x
    kind = (x.shape, x.dtype.storage, x.dtype, x.requires_grad)
    return (kind if x.dtype.is_half else (*kind[:2], None, kind[3]), kind), None


_noticed: set[str] = set()


def notice(text: str, about: str | None = None) -> None:
    """Say something about compiled functions, once for each thing that it is about."""
    if (about or text) not in _noticed:
        _noticed.add(about or text)
        warnings.warn(CompileWarning(text), stacklevel=5)


def reason_of(error: Exception) -> str:
    """Return why there is no C, once it was said."""
    if isinstance(error, NotImplementedError):
        reason = f"there is no C for {error} yet"
    elif not isinstance(error, CompileError):
        reason = f"the generator of C failed: {error!r:.200}"
    else:
        lines = str(error).split("\n")
        seen = [" ".join(line.split()) for line in lines[1:3] if not line.startswith("  hint")]
        reason = "; ".join([lines[0], *seen, "rushlight doctor tells more"])
    notice(f"compiled functions run in NumPy: {reason}")
    return reason
