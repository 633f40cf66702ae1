"""`rl.compile(fn)`: the same meaning, traced once for each kind of arguments and then replayed."""

import functools
import threading
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.autograd import assigned
from rushlight.core.errors import TraceError, UsageError
from rushlight.core.mode import mode
from rushlight.graph.interpret import Interpreter
from rushlight.graph.ir import Graph
from rushlight.graph.trace import Traced, Tracer, trace_tree
from rushlight.tensor import Tensor
from rushlight.tree import flatten, unflatten


class Compiled:
    """A function that is traced for each new combination of shapes, dtypes and fixed arguments.

    States (captured tensors) are read and updated at each call. Calls take turns. Inside another
    trace and under `rl.detect_anomaly()` the function itself is run, op by op.

    >>> import rushlight as rl
    >>> double = rl.compile(lambda x: x * 2.0)
    >>> double(rl.ones(2))
    tensor([2., 2.])
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not callable(function):
            raise UsageError(f"compile takes a function, not {type(function).__name__}")
        self._function = function
        self._entries: dict[Any, list[tuple[Traced, Interpreter]]] = {}
        self._lock = threading.Lock()
        self._latest: Graph | None = None
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if mode.anomaly or isinstance(mode.evaluator, Tracer):
            return self._function(*args, **kwargs)
        leaves, tree = flatten((args, kwargs))
        key = (_key(tree), tuple((x.shape, x.dtype, x.requires_grad) for x in leaves), mode.grad)
        with self._lock:
            traced, interpreter = self._entry(key, args, kwargs)
            traced.check_arguments(leaves)
            return _run(traced, interpreter, leaves)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    @property
    def graph(self) -> Graph | None:
        """The graph of the latest call, or None before the first."""
        return self._latest

    @property
    def graphs(self) -> list[Graph]:
        """Every graph traced so far, in the order of their first calls."""
        return [traced.graph for entries in self._entries.values() for traced, _ in entries]

    def _entry(
        self, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Traced, Interpreter]:
        entries = self._entries.setdefault(key, [])
        for entry in entries:
            if entry[0].holds():
                break
        else:
            traced = trace_tree(self._function, args, kwargs)
            entry = (traced, Interpreter(traced.graph))
            entries.append(entry)
        self._latest = entry[0].graph
        return entry


def compile(function: Callable[..., Any]) -> Compiled:
    """Return a function of the same meaning that is traced once and replayed as a graph.

    Whatever is a function of tensors can be given: a forward pass, or a whole training step with
    `backward()` and `optimizer.step()` inside.

    >>> import rushlight as rl
    >>> w = rl.ones(2)
    >>> @rl.compile
    ... def step(x):
    ...     w.assign(w + x)
    ...     return w.sum()
    >>> step(rl.ones(2)), step(rl.ones(2)), w
    (tensor(4.), tensor(6.), tensor([3., 3.]))
    """
    return Compiled(function)


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


def _run(traced: Traced, interpreter: Interpreter, leaves: list[Tensor]) -> Any:
    graph = traced.graph
    inputs = [mode.evaluator.read(x, graph.name) for x in leaves]
    inputs += [mode.evaluator.read(x, graph.name) for x, _ in graph.states]
    inputs += [x._grad.data for x, _ in graph.grads]
    results = interpreter.run(inputs)
    n = len(graph.outputs)
    outputs = [
        Tensor.wrap(array, value.dtype if value.dtype.is_half else None)
        for array, value in zip(results[:n], graph.outputs, strict=True)
    ]
    rest = iter(results[n:])
    for x, _ in graph.updates:
        x.data = next(rest)
        assigned(x)
    for x, value in graph.grad_updates:
        x._grad = None if value is None else Tensor.wrap(next(rest), value.dtype)
    return unflatten(traced.result, outputs)
