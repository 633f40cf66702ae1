"""`rl.compile(fn)`: the same meaning, traced once for each kind of arguments and then run as C."""

import functools
import threading
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.autograd import assigned
from rushlight.compile.native import Native
from rushlight.core.errors import CompileError, CompileWarning, RushlightError, TraceError, UsageError
from rushlight.core.mode import mode
from rushlight.core.primitive import Array
from rushlight.graph.interpret import Interpreter
from rushlight.graph.ir import Graph
from rushlight.graph.trace import Traced, Tracer, trace_tree
from rushlight.tensor import Tensor
from rushlight.tree import flatten, unflatten


class Entry:
    """One traced graph of a compiled function, and what runs it: C, or where that is not, NumPy.

    Attributes:
        traced: the graph, and what must hold for it to be used.
        native: the compiled C, or None.
        reason: why there is no C, or None.
    """

    def __init__(self, traced: Traced, want_native: bool) -> None:
        self.traced = traced
        self.native: Native | None = None
        self.reason: str | None = None
        self._interpreter: Interpreter | None = None
        if want_native:
            try:
                self.native = Native(traced.graph)
            except (CompileError, NotImplementedError) as error:
                self.reason = _reason(error)
                _notice(self.reason)

    def run(self, leaves: list[Tensor]) -> list[Array]:
        """Return the arrays of the outputs, then of the gradients; states are updated."""
        graph = self.traced.graph
        arguments = [mode.evaluator.read(x, graph.name) for x in leaves]
        grads = [x._grad.data for x, _ in graph.grads]
        if self.native is not None:
            results = self.native.run(arguments, grads)
            if results is not None:
                return results
        return self._interpret(arguments, grads)

    def explain(self, arguments: list[Array]) -> None:
        """Raise what is wrong with arguments that C refused."""
        grads = [x._grad.data for x, _ in self.traced.graph.grads]
        self._interpret(arguments, grads)
        raise RushlightError(f"compiled C and NumPy disagree about {self.traced.graph.name}")

    def _interpret(self, arguments: list[Array], grads: list[Array]) -> list[Array]:
        """Run the graph in NumPy, which also explains what C refused."""
        graph = self.traced.graph
        if self._interpreter is None:
            self._interpreter = Interpreter(graph)
        states = [mode.evaluator.read(x, graph.name) for x, _ in graph.states]
        results = self._interpreter.run([*arguments, *states, *grads])
        first = len(graph.outputs)
        last = first + len(graph.updates)
        for (x, _), array in zip(graph.updates, results[first:last], strict=True):
            x.data = array
            assigned(x)
        return results[:first] + results[last:]


class Compiled:
    """A function that is traced for each new combination of shapes, dtypes and fixed arguments.

    The graph becomes C, which is compiled and called; where there is no C compiler, or no C for an
    op, it runs in NumPy, as a notice says once. States (captured tensors) are read and updated at
    each call. Calls take turns. Inside another trace and under `rl.detect_anomaly()` the function
    itself is run, op by op.

    >>> import rushlight as rl
    >>> double = rl.compile(lambda x: x * 2.0)
    >>> double(rl.ones(2))
    tensor([2., 2.])
    """

    def __init__(self, function: Callable[..., Any], native: bool = True) -> None:
        if not callable(function):
            raise UsageError(f"compile takes a function, not {type(function).__name__}")
        self._function = function
        self._native = native
        self._entries: dict[Any, list[Entry]] = {}
        self._lock = threading.Lock()
        self._latest: Graph | None = None
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if mode.anomaly or isinstance(mode.evaluator, Tracer):
            return self._function(*args, **kwargs)
        leaves, tree = flatten((args, kwargs))
        key = (_key(tree), tuple((x.shape, x.dtype, x.requires_grad) for x in leaves), mode.grad)
        with self._lock:
            entry = self._entry(key, args, kwargs)
            entry.traced.check_arguments(leaves)
            return _run(entry, leaves)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    @property
    def graph(self) -> Graph | None:
        """The graph of the latest call, or None before the first."""
        return self._latest

    @property
    def graphs(self) -> list[Graph]:
        """Every graph traced so far, in the order of their first calls."""
        return [entry.traced.graph for entry in self._all()]

    @property
    def fallbacks(self) -> list[str]:
        """Why graphs run in NumPy that were meant to run as C: empty where all is well."""
        return [entry.reason for entry in self._all() if entry.reason is not None]

    def _all(self) -> list[Entry]:
        return [entry for entries in self._entries.values() for entry in entries]

    def _entry(self, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Entry:
        entries = self._entries.setdefault(key, [])
        for entry in entries:
            if entry.traced.holds():
                break
        else:
            entry = Entry(trace_tree(self._function, args, kwargs), self._native)
            entries.append(entry)
        self._latest = entry.traced.graph
        return entry


def compile(function: Callable[..., Any], native: bool = True) -> Compiled:
    """Return a function of the same meaning that is traced once and then runs as compiled C.

    Whatever is a function of tensors can be given: a forward pass, or a whole training step with
    `backward()` and `optimizer.step()` inside. With `native=False` the graph runs in NumPy, op by
    op, to the same bits as the function itself.

    >>> import rushlight as rl
    >>> w = rl.ones(2)
    >>> @rl.compile
    ... def step(x):
    ...     w.assign(w + x)
    ...     return w.sum()
    >>> step(rl.ones(2)), step(rl.ones(2)), w
    (tensor(4.), tensor(6.), tensor([3., 3.]))
    """
    return Compiled(function, native)


def compile_entry(function: Callable[..., Any], examples: list[Tensor]) -> Entry:
    """Return a function traced and compiled for arguments like the examples."""
    return Entry(trace_tree(function, tuple(examples), {}), want_native=True)


_noticed: set[str] = set()


def _reason(error: Exception) -> str:
    if isinstance(error, NotImplementedError):
        return f"there is no C for {error} yet"
    return str(error).partition("\n")[0]


def _notice(reason: str) -> None:
    """Say once why graphs run in NumPy."""
    if reason not in _noticed:
        _noticed.add(reason)
        warnings.warn(CompileWarning(f"compiled functions run in NumPy: {reason}"), stacklevel=5)


def _key(part: Any) -> Any:
    """Return what tells the fixed arguments of one call from those of another."""
    if isinstance(part, dict):
        return dict, tuple((name, _key(value)) for name, value in part.items())
    if isinstance(part, (list, tuple)):
        return type(part), tuple(_key(value) for value in part)
    if isinstance(part, (float, np.floating)):
        return type(part), repr(part)  # 0.0 is equal to -0.0, and NaN to nothing
    try:
        hash(part)
    except TypeError:
        kind = type(part).__name__
        fact = f"a compiled function takes tensors and what can be hashed, not {kind}"
        raise TraceError(fact, hint="make it a tensor, or let the function capture it") from None
    return type(part), part


def _run(entry: Entry, leaves: list[Tensor]) -> Any:
    graph = entry.traced.graph
    results = entry.run(leaves)
    outputs = [
        Tensor.wrap(array, value.dtype if value.dtype.is_half else None)
        for array, value in zip(results, graph.outputs, strict=False)
    ]
    rest = iter(results[len(outputs) :])
    for x, value in graph.grad_updates:
        x._grad = None if value is None else Tensor.wrap(next(rest), value.dtype)
    return unflatten(entry.traced.result, outputs)
