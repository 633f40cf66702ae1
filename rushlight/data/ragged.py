"""Sequences of different lengths in one array: the texts of a data set as numbers of words."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import BoundsError, DataError, DTypeError, UsageError


class Ragged:
    """Sequences of ints, one after another, and where each begins: a column of a data set.

    A batch of one gives ids (1, length); a larger one ids (total,) and offsets (batch + 1,), as
    EmbeddingBag takes them with `include_last_offset`.

    Args:
        sequences: lists or one-axis arrays of ints.

    Attributes:
        values: all the ints, int64 (total,).
        starts: where each sequence begins, and where the last one ends, int64 (n + 1,).

    Raises DataError for a sequence of more axes or without ints, DTypeError for no ints.

    >>> words = Ragged([[3, 1], [2, 2, 5]])
    >>> len(words), words[1], words.lengths
    (2, array([2, 2, 5]), array([2, 3]))
    """

    dtype = np.dtype(np.int64)

    def __init__(self, sequences: Iterable[Any]) -> None:
        rows = [_as_row(row, place) for place, row in enumerate(sequences)]
        lengths = np.array([len(row) for row in rows], np.int64)
        self.values: NDArray[np.int64] = np.concatenate([np.empty(0, np.int64), *rows])
        self.starts: NDArray[np.int64] = np.concatenate([[0], np.cumsum(lengths)])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The length of each sequence, int64 (n,)."""
        return np.diff(self.starts)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self),)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, index: Any) -> Any:
        """Return a sequence, or a Ragged of those at a slice or an array of positions."""
        if isinstance(index, (int, np.integer)):
            if not -len(self) <= index < len(self):
                raise BoundsError(f"there is no sequence {index} among {len(self)}")
            place = int(index) % len(self)
            return self.values[self.starts[place] : self.starts[place + 1]]
        return self.take(np.arange(len(self))[index])

    def take(self, indices: NDArray[Any], axis: int = 0) -> "Ragged":
        """Return the sequences at positions, in that order."""
        part = Ragged(())
        lengths = self.lengths[indices]
        part.starts = np.concatenate([[0], np.cumsum(lengths)])
        shift = self.starts[:-1][indices] - part.starts[:-1]
        part.values = self.values[np.arange(part.starts[-1]) + np.repeat(shift, lengths)]
        return part

    def __repr__(self) -> str:
        return f"Ragged({len(self)} sequences, {len(self.values)} ints)"


def pad(
    sequences: Any, length: int | None = None, value: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return sequences of ints in rows of equal length, and where the rows are filled.

    As arrays of a data set, both are trained on in C; in a loader's `transform`, the rows of each
    batch are as long as its longest sequence.

    Args:
        sequences: a Ragged, or lists or one-axis arrays of ints, n of them.
        length: of a row; longer sequences are cut. None for that of the longest.
        value: what stands after the end of a sequence.

    Returns int64 (n, length) and bool (n, length), True where an int of the sequence is.

    Raises UsageError for a length below 1.

    >>> ids, mask = pad([[3, 1], [2, 2, 5]])
    >>> ids.tolist(), mask.tolist()
    ([[3, 1, 0], [2, 2, 5]], [[True, True, False], [True, True, True]])
    """
    ragged = sequences if isinstance(sequences, Ragged) else Ragged(sequences)
    lengths = ragged.lengths
    if length is None:
        length = max(1, int(lengths.max(initial=0)))
    if isinstance(length, bool) or not isinstance(length, (int, np.integer)) or length < 1:
        raise UsageError(f"length is an int of 1 or more, not {length!r:.40}")
    mask = np.arange(length) < lengths[:, np.newaxis]
    ids = np.full(mask.shape, value, np.int64)
    ids[mask] = ragged.values[(ragged.starts[:-1, np.newaxis] + np.arange(length))[mask]]
    return ids, mask


def _as_row(row: Any, place: int) -> NDArray[np.int64]:
    try:
        array = np.asarray(row)
    except ValueError:
        raise DataError(f"sequence {place} is made of lists of differing lengths") from None
    if array.ndim != 1:
        raise DataError(f"sequence {place} has {array.ndim} axes, not one")
    if array.size and array.dtype.kind not in "iu":
        raise DTypeError(f"sequence {place} is of {array.dtype}, not of ints")
    if array.dtype == np.uint64 and array.max(initial=0) > np.iinfo(np.int64).max:
        raise DTypeError(f"sequence {place} has an int that int64 cannot hold")
    return array.astype(np.int64)
