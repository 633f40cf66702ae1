"""`rl.compile(fn)`: the same meaning, traced once for each kind of arguments and then run as C."""

import functools
import itertools
import threading
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.compile.blocks import Blocks, check_most, rows_kind
from rushlight.compile.bound import Bound
from rushlight.compile.entry import Entry, Expected, notice
from rushlight.core.errors import TraceError, UsageError
from rushlight.core.mode import mode
from rushlight.graph.ir import Graph
from rushlight.graph.trace import trace_tree
from rushlight.tensor import Eager, Tensor
from rushlight.tree import flatten

MOST_COMPILED = 32  # graphs of one function that become C
MOST_KEPT = 64  # graphs of one function: those that run in NumPy and were not used for longest go
MOST_RECENT = 4  # that a call is compared with first


class Compiled:
    """A function that is traced for each new combination of shapes, dtypes and fixed arguments.

    The graph becomes C, which is compiled and called; where there is no C compiler, or no C for an
    op, it runs in NumPy, as a notice says once. States (captured tensors) are read and updated at
    each call. A setting that the function took for granted, such as the rate of a dropout, may
    change: it is traced again. Inside another trace and under `rl.detect_anomaly()` the function
    itself is run, op by op.

    Many threads may call it at once; calls that change the same tensors take turns.

    >>> import rushlight as rl
    >>> double = rl.compile(lambda x: x * 2.0)
    >>> double(rl.ones(2))
    tensor([2., 2.])
    >>> double
    <compiled <lambda>: 1 graph, 1 as C>
    """

    def __init__(
        self, function: Callable[..., Any], native: bool = True, max_batch: int | None = None
    ) -> None:
        if not callable(function):
            raise UsageError(f"compile takes a function, not {type(function).__name__}")
        if max_batch is not None:
            check_most(max_batch)
        self._function = function
        self._native = native
        self._max_batch = max_batch
        self._entries: dict[Any, list[Entry]] = {}
        self._all: list[Entry] = []  # in the order in which they were made
        self._recent: tuple[tuple[Entry, Expected, bool], ...] = ()  # and whether with gradients
        self._latest: Entry | None = None
        self._compiled = 0
        self._uses = itertools.count()
        self._lock = threading.RLock()
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if mode.anomaly or not isinstance(mode.evaluator, Eager):
            return self._function(*args, **kwargs)
        if not kwargs:
            grad = mode.grad
            for entry, expected, with_grad in self._recent:
                if with_grad is grad:
                    leaves = expected.leaves(args)
                    if leaves is not None and entry.guards.broken() is None:
                        self._latest = entry
                        return entry.call(leaves)
        entry, leaves = self._find(args, kwargs)
        return entry.call(leaves)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        count, native = len(self._all), sum(entry.native is not None for entry in self._all)
        graphs = "1 graph" if count == 1 else f"{count} graphs"
        return f"<compiled {self._name}: {graphs}, {native} as C>"

    @property
    def _name(self) -> str:
        return getattr(self._function, "__name__", type(self._function).__name__)

    @property
    def graph(self) -> Graph | None:
        """The graph of the latest call, or None before the first; to be printed."""
        return None if self._latest is None else self._latest.graph

    @property
    def graphs(self) -> list[Graph]:
        """Every graph that is kept, in the order of their first calls."""
        return [entry.graph for entry in self._all]

    @property
    def source(self) -> str | None:
        """The C of `graph`, or None where that does not run as C.

        >>> import rushlight as rl
        >>> double = rl.compile(lambda x: x * 2.0)
        >>> double(rl.ones(2)).tolist()
        [2.0, 2.0]
        >>> "static void kernel_1" in double.source
        True
        """
        native = None if self._latest is None else self._latest.native
        return None if native is None else native.source.read_text("utf-8")

    @property
    def fallbacks(self) -> list[str]:
        """Why graphs run in NumPy that were meant to run as C: empty where all is well."""
        return [entry.reason for entry in self._all if entry.reason is not None]

    def bind(self, *args: Any, **kwargs: Any) -> Bound:
        """Return the function with fixed buffers for arguments like these: for the quickest calls.

        >>> import rushlight as rl
        >>> double = rl.compile(lambda x: x * 2.0).bind(rl.zeros(3))
        >>> double.inputs[0][...] = [1, 2, 3]
        >>> double()
        tensor([2., 4., 6.])
        """
        if self._max_batch:
            return Compiled(self._function, self._native).bind(*args, **kwargs)
        entry, leaves = self._find(args, kwargs)
        return Bound(entry, leaves)

    def _find(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Entry, list[Tensor]]:
        """Return what runs a call, traced and compiled if need be, and the tensors it is given."""
        leaves, tree = flatten((args, kwargs))
        for x in leaves:
            mode.evaluator.read(x, self._name)
        key = (_key(tree), tuple(map(self._kind, leaves)), mode.grad)
        with self._lock:
            entry = self._entry(key, args, kwargs)
            entry.used = next(self._uses)
            self._latest = entry
            expected = Expected(args)
            if expected.known and not kwargs:
                others = [one for one in self._recent if one[0] is not entry]
                self._recent = ((entry, expected, mode.grad), *others[: MOST_RECENT - 1])
        return entry, leaves

    def _entry(self, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Entry:
        entries = self._entries.get(key, [])
        change = None
        for entry in entries:
            change = entry.guards.broken()
            if change is None:
                return entry
        entry = self._make(args, kwargs, self._native and self._may_compile(change))
        entry.key = key
        self._entries.setdefault(key, []).append(entry)
        self._all.append(entry)
        self._compiled += entry.native is not None
        self._forget()
        return entry

    def _kind(self, x: Tensor) -> Any:
        """Return what tells tensors of one graph from those of another."""
        return rows_kind(x) if self._max_batch else (x.shape, x.dtype, x.requires_grad)

    def _make(self, args: tuple[Any, ...], kwargs: dict[str, Any], want_native: bool) -> Entry:
        if self._max_batch:
            return Blocks(self._function, args, kwargs, self._max_batch, want_native)
        return Entry(trace_tree(self._function, args, kwargs), want_native)

    def _may_compile(self, change: str | None) -> bool:
        """Return whether one more graph becomes C; say it if not."""
        if self._compiled < MOST_COMPILED:
            return True
        why = f"the latest because {change}" if change else "the latest for arguments of a new kind"
        about = f"too many graphs of {self._name}, {id(self)}"
        notice(
            f"{self._name} has been compiled {MOST_COMPILED} times, and what comes now runs in "
            f"NumPy, {why}; pad what varies to a few shapes, and make numbers that change tensors",
            about,
        )
        return False

    def _forget(self) -> None:
        """Let go of a graph that was not used for long, where there are many."""
        idle = [entry for entry in self._all if entry.native is None]
        if len(self._all) > MOST_KEPT and len(idle) > 1:
            oldest = min(idle[:-1], key=lambda entry: entry.used)
            self._all.remove(oldest)
            self._entries[oldest.key].remove(oldest)
            if not self._entries[oldest.key]:
                del self._entries[oldest.key]


def compile(
    function: Callable[..., Any], native: bool = True, max_batch: int | None = None
) -> Compiled:
    """Return a function of the same meaning that is traced once and then runs as compiled C.

    Args:
        function: any function of tensors: a forward pass, or a whole training step with
            `backward()` and `optimizer.step()` inside.
        native: False to run the graph in NumPy, op by op, to the same bits as the function itself;
            C keeps to the tolerance of each op.
        max_batch: compile once for all batches of up to so many rows, along the first axis of each
            tensor. The function changes no tensors, and computes each row by itself, as a network
            in evaluation mode does.

    >>> import rushlight as rl
    >>> w = rl.ones(2)
    >>> @rl.compile
    ... def step(x):
    ...     w.assign(w + x)
    ...     return w.sum()
    >>> step(rl.ones(2)), step(rl.ones(2)), w
    (tensor(4.), tensor(6.), tensor([3., 3.]))
    >>> scores = rl.compile(lambda x: (x * w).softmax(), max_batch=100)
    >>> [scores(rl.ones(n, 2)).shape for n in (1, 30, 100)], len(scores.graphs)
    ([(1, 2), (30, 2), (100, 2)], 1)
    """
    return Compiled(function, native, max_batch)


def compile_entry(function: Callable[..., Any], examples: list[Tensor]) -> Entry:
    """Return a function traced and compiled for arguments like the examples."""
    return Entry(trace_tree(function, tuple(examples), {}), want_native=True)


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
