"""What training did, epoch by epoch."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from rushlight.core.errors import BoundsError, FormatError
from rushlight.train.plot import Curve, draw_curves, save_figure

FORMAT = "rushlight.history.1"


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the data; two are equal whatever time they took.

    >>> print(Epoch(1, 0.125, 0.962, None, None, 1.23))
    loss 0.1250  accuracy 96.20%  1.2 s
    """

    epoch: int  # from 1
    loss: float  # the mean over the epoch's samples, while the model changed
    accuracy: float | None  # the share of right answers, where the labels are classes
    validation_loss: float | None
    validation_accuracy: float | None
    seconds: float = field(compare=False)

    @property
    def score(self) -> float:
        """The loss that tells which epoch is best: on the validation data, if there is any."""
        return self.loss if self.validation_loss is None else self.validation_loss

    def __str__(self) -> str:
        parts = loss_and_accuracy(self.loss, self.accuracy)
        if self.validation_loss is not None:
            validation = loss_and_accuracy(self.validation_loss, self.validation_accuracy)
            parts += [f"val {part}" for part in validation]
        return "  ".join([*parts, duration(self.seconds)])


class History:
    """The epochs of a training, in order.

    >>> history = History()
    >>> history.append(Epoch(1, 0.5, None, 0.25, None, 1.0))
    >>> history.append(Epoch(2, 0.25, None, 0.5, None, 1.0))
    >>> history.last.epoch, history.best.epoch, len(history)
    (2, 1, 2)
    >>> print(history)
    epoch 1/2  loss 0.5000  val loss 0.2500  1.0 s
    epoch 2/2  loss 0.2500  val loss 0.5000  1.0 s
    """

    def __init__(self) -> None:
        self._epochs: list[Epoch] = []
        self._best: Epoch | None = None

    def append(self, epoch: Epoch) -> None:
        """Add the next epoch."""
        best = self._best
        self._epochs.append(epoch)
        if best is None or _is_better(epoch, best):
            self._best = epoch

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """All epochs, oldest first."""
        return tuple(self._epochs)

    @property
    def last(self) -> Epoch:
        """The latest epoch; BoundsError where there is none."""
        if not self._epochs:
            raise BoundsError("no epoch is over yet")
        return self._epochs[-1]

    @property
    def best(self) -> Epoch:
        """The first epoch of the lowest validation loss, or loss where nothing was validated."""
        if self._best is None:
            raise BoundsError("no epoch is over yet")
        return self._best

    def __len__(self) -> int:
        return len(self._epochs)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self._epochs)

    def __getitem__(self, position: int) -> Epoch:
        return self._epochs[position]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and self._epochs == other._epochs

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"History({len(self)} epochs)"

    def __str__(self) -> str:
        return "\n".join(epoch_line(epoch, len(self)) for epoch in self._epochs)

    def plot(self, width: int = 72, height: int = 12, encoding: str | None = "utf-8") -> str:
        """Return the losses over the epochs, drawn as text; BoundsError where there are none.

        Args:
            width: in characters.
            height: of the curves, in lines.
            encoding: what the stream can take, `sys.stdout.encoding` say.

        >>> history = History()
        >>> for epoch, loss in enumerate([9.0, 4.0, 1.0, 0.0], start=1):
        ...     history.append(Epoch(epoch, loss, None, None, None, 1.0))
        >>> print(history.plot(width=30, height=4, encoding="ascii"))
        9 |***
          |   *****
          |        ********
        0 |                ***********
          +---------------------------
           1          epoch          4
           ** loss
        """
        return draw_curves(self._curves("loss"), width, height, encoding, "epoch")

    def save_plot(self, path: str | Path) -> None:
        """Draw the losses, and the accuracies where there are some, into a picture file.

        The ending of the file says which kind it is, PNG where it has none.

        Raises:
            BoundsError: no epoch is over yet.
            UsageError: matplotlib is not installed, or does not know that kind.
        """
        panels = {name: self._curves(name) for name in ("loss", "accuracy")}
        save_figure(path, {name: curves for name, curves in panels.items() if curves}, "epoch")

    def _curves(self, name: str) -> dict[str, Curve]:
        """Return the curves of the losses or accuracies, over the epochs that have them."""
        if not self._epochs:
            raise BoundsError("no epoch is over yet")
        curves: dict[str, Curve] = {}
        for one in (name, f"validation_{name}"):
            points = [(e.epoch, getattr(e, one)) for e in self if getattr(e, one) is not None]
            if points:
                curves[one.replace("_", " ")] = ([x for x, _ in points], [y for _, y in points])
        return curves

    def to_json(self) -> str:
        """Return the history as JSON text.

        >>> history = History()
        >>> history.append(Epoch(1, 0.5, None, None, None, 1.0))
        >>> History.from_json(history.to_json()) == history
        True
        """
        return json.dumps({"format": FORMAT, "epochs": [asdict(epoch) for epoch in self._epochs]})

    @classmethod
    def from_json(cls, text: str) -> "History":
        """Return the history that `to_json` wrote; raises FormatError for anything else."""
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FormatError(f"history: not JSON: {error}") from None
        if not isinstance(document, dict) or set(document) != {"format", "epochs"}:
            raise FormatError("history: not an object of format and epochs")
        if document["format"] != FORMAT:
            raise FormatError(f"history: format {document['format']!r:.40} is not {FORMAT!r}")
        if not isinstance(document["epochs"], list):
            raise FormatError("history: epochs are not a list")
        history = cls()
        for position, entry in enumerate(document["epochs"], start=1):
            history.append(_read_epoch(entry, position))
        return history


def _is_better(epoch: Epoch, best: Epoch) -> bool:
    if (epoch.validation_loss is None) != (best.validation_loss is None):
        return best.validation_loss is None
    return epoch.score < best.score


def _read_epoch(entry: Any, position: int) -> Epoch:
    names = [one.name for one in fields(Epoch)]
    if not isinstance(entry, dict) or set(entry) != set(names):
        raise FormatError(f"history: epoch {position} is not an object of {', '.join(names)}")
    if type(entry["epoch"]) is not int or entry["epoch"] != position:
        raise FormatError(f"history: epoch {position} is numbered {entry['epoch']!r:.40}")
    for name in names[1:]:
        optional = name not in ("loss", "seconds")
        if not (is_number(entry[name]) or (optional and entry[name] is None)):
            raise FormatError(f"history: {name} of epoch {position} is {entry[name]!r:.40}")
    return Epoch(**entry)


def is_number(value: Any) -> bool:
    """Return whether a value from JSON is a finite number."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


# What people read


def epoch_line(epoch: Epoch, epochs: int) -> str:
    """Return the line of an epoch among so many.

    >>> epoch_line(Epoch(3, 0.1234, 0.962, 0.14, 0.959, 1.2), 15)
    'epoch  3/15  loss 0.1234  accuracy 96.20%  val loss 0.1400  val accuracy 95.90%  1.2 s'
    """
    return f"epoch {epoch.epoch:>{len(str(epochs))}}/{epochs}  {epoch}"


def loss_and_accuracy(loss: float, accuracy: float | None) -> list[str]:
    """Return both as words, the accuracy where there is one.

    >>> loss_and_accuracy(0.000721, 0.5)
    ['loss 0.000721', 'accuracy 50.00%']
    >>> loss_and_accuracy(0.007, None)
    ['loss 0.00700']
    """
    digits = f"{loss:.4f}" if abs(loss) >= 0.01 or loss == 0 else f"{loss:#.3g}"
    return [f"loss {digits}"] + ([] if accuracy is None else [f"accuracy {accuracy:.2%}"])


def duration(seconds: float) -> str:
    """Return a time as people say it.

    >>> duration(0.00042), duration(0.0042), duration(1.234), duration(83.0), duration(4000.0)
    ('0.42 ms', '4 ms', '1.2 s', '1:23', '1:06:40')
    """
    if 0 < seconds < 0.000995:
        return f"{seconds * 1000:.2f} ms"
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
