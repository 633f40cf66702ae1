"""The progress bar."""

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Column

from rushlight.train.history import Epoch, duration, loss_and_accuracy
from rushlight.train.progress import Lines, Progress, write_to_stderr
from rushlight.train.tally import Tally

REFRESH_S = 0.1


class Bar(Progress):
    """A bar over the whole training, below the lines of the epochs that are over."""

    def __init__(self, epochs: int, console: Console) -> None:
        self._epochs = epochs
        self._lines = Lines(epochs, self._write)
        first = Column(min_width=len(f"epoch {epochs}/{epochs}"), no_wrap=True)
        self._bar = RichProgress(
            TextColumn("epoch {task.fields[epoch]}", table_column=first),
            BarColumn(None, table_column=Column(ratio=1, min_width=4)),
            TextColumn("{task.fields[facts]}", table_column=Column(no_wrap=True)),
            console=console,
            auto_refresh=False,
            expand=True,
            transient=True,
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
        )
        self._task = self._bar.add_task("", total=epochs, epoch=f"0/{epochs}", facts="")
        self._epoch = 0
        self._batches = 1
        self._started: tuple[float, float] | None = None  # when, and at how much of all epochs

    def begin(self, epoch: int, batches: int, tally: Tally) -> None:
        now = time.perf_counter()
        self._epoch, self._batches = epoch, batches
        if self._started is None:
            self._started = (now, self._done(tally))
            self._bar.start()
            self.due = now + REFRESH_S

    def update(self, tally: Tally, now: float) -> None:
        done = self._done(tally)
        facts = loss_and_accuracy(tally.loss, tally.accuracy)
        facts += self._pace(tally, done, now)
        number = f"{self._epoch:>{len(str(self._epochs))}}/{self._epochs}"
        self._bar.update(self._task, completed=done, epoch=number, facts="  ".join(facts))
        self._bar.refresh()
        self.due = time.perf_counter() + REFRESH_S

    def end(self, epoch: Epoch) -> None:
        self._lines.end(epoch)

    def note(self, line: str) -> None:
        self._lines.note(line)
        if self._started is not None:  # what took so long, such as compiling, is no training
            self._started = (time.perf_counter(), self._started[1])

    def close(self) -> None:
        self._lines.close()
        self._bar.stop()

    def _write(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _done(self, tally: Tally) -> float:
        """Return how many epochs are over, with the part of this one that is."""
        return self._epoch - 1 + tally.batches / self._batches

    def _pace(self, tally: Tally, done: float, now: float) -> list[str]:
        """Return how quickly the training went so far, and how long it goes on like that."""
        started, done_before = self._started or (now, done)
        speed = (done - done_before) / max(now - started, 1e-9)  # epochs a second
        if not speed:
            return []
        samples = tally.samples / tally.batches * self._batches if tally.batches else 0
        left = f"{duration((self._epochs - done) / speed)} left"
        return [f"{samples * speed:,.0f} samples/s", left] if samples else [left]


def make_bar(epochs: int) -> Progress:
    """Return a bar on stderr, or lines where that cannot move the cursor."""
    console = Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        return Lines(epochs, write_to_stderr)
    return Bar(epochs, console)
