"""Sequences of different lengths in one array: the texts of a data set as numbers of words."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import BoundsError, DataError, DTypeError


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
        return Ragged([self[int(place)] for place in indices])

    def __repr__(self) -> str:
        return f"Ragged({len(self)} sequences, {len(self.values)} ints)"


def _as_row(row: Any, place: int) -> NDArray[np.int64]:
    array = np.asarray(row)
    if array.ndim != 1:
        raise DataError(f"sequence {place} has {array.ndim} axes, not one")
    if array.size and array.dtype.kind not in "iu":
        raise DTypeError(f"sequence {place} is of {array.dtype}, not of ints")
    return array.astype(np.int64)
