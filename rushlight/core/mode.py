"""What is switched on in this thread: who evaluates primitives, gradients, the NaN watch."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rushlight.core.primitive import Evaluator


class Mode(threading.local):
    """The current mode; class attributes are every thread's defaults."""

    evaluator: "Evaluator"
    grad: bool = True
    anomaly: bool = False
    observer: Callable[[Any, Any], None] | None = None  # is told of each layer and its output
    before: dict[int, tuple[Any, Any]] | None = None  # what is assigned to, with its first values

    def __init__(self) -> None:
        self.modules: list[Any] = []  # the layers (or paths) that are called, outermost first

    def module_path(self) -> str | None:
        """Return the path of the layer that is being called, such as "encoder.0.linear"."""
        names = [
            inner if isinstance(inner, str) else inner.path_in(outer)
            for outer, inner in pairwise([None, *self.modules])
        ]
        return ".".join(filter(None, names)) or None


mode = Mode()


@contextmanager
def no_grad() -> Iterator[None]:
    """Switch the recording of gradients off for a block, or for a function as a decorator.

    >>> import rushlight as rl
    >>> w = rl.ones(2, requires_grad=True)
    >>> with rl.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """
    with grad_mode(False):
        yield


@contextmanager
def enable_grad() -> Iterator[None]:
    """Switch the recording of gradients on again inside a `no_grad` block.

    >>> import rushlight as rl
    >>> with rl.no_grad(), rl.enable_grad():
    ...     (rl.ones(2, requires_grad=True) * 2).requires_grad
    True
    """
    with grad_mode(True):
        yield


@contextmanager
def grad_mode(enabled: bool) -> Iterator[None]:
    """Record gradients, or do not, for a block."""
    before = mode.grad
    mode.grad = enabled
    try:
        yield
    finally:
        mode.grad = before


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Watch every result, forward and backward, and raise `AnomalyError` at the first NaN.

    The error names the op and the line that called it. Slower; for finding a fault.

    >>> import rushlight as rl
    >>> with rl.detect_anomaly():
    ...     rl.tensor([-1.0]).log()
    Traceback (most recent call last):
    ...
    rushlight.AnomalyError: log: the result has a NaN
    ...
    """
    before = mode.anomaly
    mode.anomaly = True
    try:
        yield
    finally:
        mode.anomaly = before


@contextmanager
def noting_assignments() -> Iterator[dict[int, tuple[Any, Any]]]:
    """Note each tensor that a block assigns to, by its id, with a value of what it held before.

    A block within another tells the outer one too.
    """
    outer, found = mode.before, dict[int, tuple[Any, Any]]()
    mode.before = found
    try:
        yield found
    finally:
        mode.before = outer
        if outer is not None:
            for key, noted in found.items():
                outer.setdefault(key, noted)


@contextmanager
def evaluating(evaluator: "Evaluator") -> Iterator[None]:
    """Let `evaluator` evaluate every primitive bound in a block."""
    before = mode.evaluator
    mode.evaluator = evaluator
    try:
        yield
    finally:
        mode.evaluator = before


@contextmanager
def observing(observer: Callable[[Any, Any], None]) -> Iterator[None]:
    """Tell `observer` of each layer that is called in a block, and of its output."""
    before = mode.observer
    mode.observer = observer
    try:
        yield
    finally:
        mode.observer = before
