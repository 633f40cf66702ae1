"""Ctrl-C, held back until a training step is whole."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

INSIST_S = 1.0  # a second Ctrl-C within this time is the first one, sent twice


class Interrupted(KeyboardInterrupt):
    """Ctrl-C at a moment at which the state of training is whole."""


class Interrupts:
    """Notes Ctrl-C in `pending`, in a block, instead of raising in the middle of things.

    A second one, a second later or more, raises KeyboardInterrupt at once. Where a program handles
    the signal itself, and outside of the main thread, nothing is changed.

    >>> with Interrupts() as interrupts:
    ...     signal.raise_signal(signal.SIGINT)
    ...     noted, interrupts.pending = interrupts.pending, False
    >>> noted
    True
    """

    def __init__(self) -> None:
        self.pending = False
        self._since = 0.0
        self._at_once = False
        self._installed = False

    def __enter__(self) -> Self:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self.pending and error is None:
            raise KeyboardInterrupt

    def check(self) -> None:
        """Raise Interrupted if Ctrl-C was pressed."""
        if self.pending:
            raise Interrupted

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let Ctrl-C end a block at any moment, because nothing in it changes what is saved."""
        self.check()
        self._at_once = True
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted from None
        finally:
            self._at_once = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.pending:
            if now - self._since >= INSIST_S:
                raise KeyboardInterrupt
            return
        self.pending = True
        self._since = now
        if self._at_once:
            raise KeyboardInterrupt
