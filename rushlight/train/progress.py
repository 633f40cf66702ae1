"""What people see of training: a bar where there is a terminal, lines elsewhere, or nothing."""

import math
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self

import rushlight.train as lazily  # the bar brings `rich`, which takes a while to import
from rushlight.train.history import Epoch, epoch_line
from rushlight.train.tally import Tally

MOST_LINES = 30  # of a training of quick epochs
LONGEST_SILENCE_S = 10.0


class Progress(ABC):
    """Is told of epochs and, once the clock has reached `due`, of batches; shows them on stderr."""

    due = math.inf  # when `update` wants to be called, by time.perf_counter

    @abstractmethod
    def begin(self, epoch: int, batches: int, tally: Tally) -> None:
        """Note that an epoch of so many batches begins, or goes on after those in `tally`."""

    @abstractmethod
    def update(self, tally: Tally, now: float) -> None:
        """Show where the epoch is."""

    @abstractmethod
    def end(self, epoch: Epoch) -> None:
        """Note that an epoch is over."""

    @abstractmethod
    def note(self, line: str) -> None:
        """Show a line of text."""

    @abstractmethod
    def close(self) -> None:
        """Show what was held back, and leave the terminal as it was."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Silent(Progress):
    """Shows nothing."""

    def begin(self, epoch: int, batches: int, tally: Tally) -> None:
        pass

    def update(self, tally: Tally, now: float) -> None:
        pass

    def end(self, epoch: Epoch) -> None:
        pass

    def note(self, line: str) -> None:
        pass

    def close(self) -> None:
        pass


class Lines(Progress):
    """Writes a line after an epoch, or after some of them where they are many and quick."""

    def __init__(self, epochs: int, write: Callable[[str], None]) -> None:
        self._epochs = epochs
        self._write = write
        self._every = interval(epochs)
        self._held: Epoch | None = None  # the latest epoch, as long as it has no line
        self._written = time.perf_counter()

    def begin(self, epoch: int, batches: int, tally: Tally) -> None:
        pass

    def update(self, tally: Tally, now: float) -> None:
        pass

    def end(self, epoch: Epoch) -> None:
        self._held = epoch
        silence = time.perf_counter() - self._written
        if epoch.epoch == 1 or epoch.epoch % self._every == 0 or silence >= LONGEST_SILENCE_S:
            self.close()

    def note(self, line: str) -> None:
        self.close()
        self._write(line)

    def close(self) -> None:
        epoch, self._held = self._held, None
        if epoch is not None:
            self._write(epoch_line(epoch, self._epochs))
            self._written = time.perf_counter()


def write_to_stderr(line: str) -> None:
    """Write a line of text at once."""
    print(line, file=sys.stderr, flush=True)


def interval(epochs: int) -> int:
    """Return after how many epochs there is a line: a round number that gives at most 30 lines.

    >>> interval(15), interval(300), interval(12345)
    (1, 10, 500)
    """
    every, decade = 1, 1
    while epochs > every * MOST_LINES:
        if every == 5 * decade:
            decade *= 10
            every = decade
        else:
            every = 2 * decade if every == decade else 5 * decade
    return every


def make_progress(wanted: bool, epochs: int) -> Progress:
    """Return what shows the progress of a training of so many epochs on stderr."""
    if not wanted or sys.stderr is None:
        return Silent()
    if sys.stderr.isatty():
        return lazily.make_bar(epochs)
    return Lines(epochs, write_to_stderr)
