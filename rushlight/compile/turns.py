"""Whose turn it is: calls that change tensors run alone among all that touch them."""

import os
import threading
from collections.abc import Iterable
from typing import Any

from rushlight.graph.ir import Graph


class Turn:
    """The right to change some tensors, to be entered for each call; others wait until it is left.

    Args:
        touched: the tensors that a call reads or changes.
        changed: those of them that it changes.

    >>> import rushlight as rl
    >>> w = rl.ones(2)
    >>> with Turn([w], [w]):
    ...     Turn([w], []).must_wait()  # in the same thread; in another it must
    False
    """

    def __init__(self, touched: Iterable[Any], changed: Iterable[Any]) -> None:
        self.touched = frozenset(map(id, touched))
        self.changed = frozenset(map(id, changed))
        self.thread = 0  # which one entered it last

    def __enter__(self) -> None:
        queue = _queue
        with queue.lock:
            while queue.running and self.must_wait():
                queue.wait()
            self.thread = threading.get_ident()
            queue.running.append(self)

    def __exit__(self, *error: object) -> None:
        queue = _queue
        with queue.lock:
            if self in queue.running:
                queue.running.remove(self)
            if queue.waiting:
                queue.left.notify_all()

    def must_wait(self) -> bool:
        """Return whether a call in another thread is changing one of these tensors now.

        A turn of this thread is one that Ctrl-C tore from its call, or of a call that a signal
        handler interrupted: to wait for it would be to wait for ever.
        """
        if not _queue.running:
            return False
        here = threading.get_ident()
        running = tuple(_queue.running)  # others come and go meanwhile
        return any(
            turn.thread != here and not turn.changed.isdisjoint(self.touched) for turn in running
        )


class _Queue:
    """The calls that are changing tensors now, and how others wait for them."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.left = threading.Condition(self.lock)
        self.running: list[Turn] = []
        self.waiting = 0

    def wait(self) -> None:
        self.waiting += 1
        try:
            self.left.wait()
        finally:
            self.waiting -= 1


_queue = _Queue()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_queue.__init__)  # type: ignore[misc]


def turn_of(*graphs: Graph) -> Turn | None:
    """Return the turn that runs of these graphs take, or None where they change nothing."""
    touched, changed = [], []
    for graph in graphs:
        changed += [x for x, _ in (*graph.updates, *graph.grad_updates)]
        touched += [x for x, _ in (*graph.states, *graph.grads)]
    return Turn([*touched, *changed], changed) if changed else None
