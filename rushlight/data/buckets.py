"""Sequences in batches of similar lengths, so that little of a batch is padding."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import DataError, UsageError
from rushlight.core.philox import Key, permutation
from rushlight.data.dataset import Arrays, Dataset
from rushlight.data.draws import digest
from rushlight.data.ragged import Ragged, pad

Ints = NDArray[np.int64]

MOST_BUCKETS = 32
_MOST_LENGTHS = 512  # among which widths are chosen


class Buckets:
    """The widths that a loader pads sequences to, and the order that needs little padding.

    Args:
        dataset: has a Ragged among its arrays; the length of an item is that of its longest.
        widths: how many widths there are, which are then chosen for the least padding, or the
            widths themselves.
        batch_size: items in a batch.
        padding: what stands after the end of a sequence.

    Raises UsageError for a data set without sequences and for what are no widths, DataError for a
    sequence that is longer than all widths.
    """

    def __init__(self, dataset: Any, widths: Any, batch_size: int, padding: Any = 0) -> None:
        arrays = dataset.arrays if isinstance(dataset, Dataset) else ()
        lengths = [array.lengths for array in arrays if isinstance(array, Ragged)]
        if not lengths:
            hint = "Dataset(Ragged(sequences), labels)"
            raise UsageError("buckets are for a Dataset of sequences", hint=hint)
        if type(padding) is not int:
            raise UsageError(f"padding is an int, not {padding!r:.40}")
        self.lengths: Ints = np.max(lengths, axis=0)
        self.widths = _as_widths(widths, self.lengths)
        self.padding = padding
        self._batch_size = batch_size

    def arranged(self, order: Ints, key: Key) -> Ints:
        """Return an order of items with those of one bucket together, batches in random order.

        A batch has items of two buckets where one ends; a smaller last batch has the longest.
        """
        bucket = np.searchsorted(self.widths, self.lengths[order])
        order = order[np.argsort(bucket, kind="stable")]
        whole = len(order) // self._batch_size
        inside = whole * self._batch_size
        batches = order[:inside].reshape(whole, self._batch_size)[permutation(whole, key)]
        return np.concatenate([batches.reshape(-1), order[inside:]])

    def widths_of(self, order: Ints, starts: Ints, sizes: Ints) -> Ints:
        """Return the widths of batches, given where in an order each begins and its size."""
        lengths = np.append(self.lengths[order], 0)
        borders = np.stack([starts, starts + sizes], 1).reshape(-1)
        return self._fitting(np.maximum.reduceat(lengths, borders)[::2], sizes)

    def shapes(self, items: int, drop_last: bool) -> list[tuple[int, int]]:
        """Return the sizes and widths that batches of so many items may have."""
        whole, rest = divmod(items, self._batch_size)
        full = [(self._batch_size, width) for width in self.widths] if whole else []
        return full + ([(rest, self.widths[-1])] if rest and not drop_last else [])

    def padded(self, arrays: Arrays) -> Arrays:
        """Return a batch with each Ragged as rows of equal length, and their lengths after it.

        Labels, the last of several arrays, come without lengths.
        """
        ragged = [array for array in arrays if isinstance(array, Ragged)]
        if not ragged:
            return arrays
        longest = np.max([array.lengths.max(initial=0) for array in ragged], keepdims=True)
        width = int(self._fitting(longest, np.array([len(ragged[0])]))[0])
        return tuple(
            part
            for place, array in enumerate(arrays)
            for part in self._parts(array, width, is_labels(place, arrays))
        )

    def _parts(self, array: Any, width: int, labels: bool) -> Arrays:
        if not isinstance(array, Ragged):
            return (array,)
        ids, _ = pad(array, width, self.padding)
        return (ids,) if labels else (ids, array.lengths)

    def _fitting(self, longest: Ints, sizes: Ints) -> Ints:
        """Return the least widths for the longest of each batch; a smaller batch has the widest."""
        widths = np.array(self.widths)
        place = np.minimum(np.searchsorted(widths, longest), len(widths) - 1)
        place[sizes < self._batch_size] = len(widths) - 1
        fitting: Ints = np.maximum(widths[place], longest)  # a transform may make them longer
        return fitting

    def digest(self) -> int:
        """Return a number by which widths and padding are told from others."""
        return digest(np.array([*self.widths, self.padding]))


def is_labels(place: int, arrays: Arrays) -> bool:
    """Return whether the array at a place of a batch is its labels: the last of several.

    >>> is_labels(1, ([5], [0])), is_labels(0, ([5],))
    (True, False)
    """
    return 0 < place == len(arrays) - 1


def least_padding(lengths: Ints, count: int) -> tuple[int, ...]:
    """Return at most `count` widths that give sequences of these lengths the least padding.

    The best widths up to a length are found from the best with one fewer up to shorter ones. Of
    more than 512 lengths, 512 are considered.

    >>> least_padding(np.array([1, 2, 2, 9, 10]), 2)
    (2, 10)
    """
    known, counts = np.unique(np.maximum(lengths, 1), return_counts=True)
    if len(known) > _MOST_LENGTHS:
        kept = np.unique(np.linspace(0, len(known) - 1, _MOST_LENGTHS).astype(np.int64))
        counts = np.diff(np.cumsum(counts)[kept], prepend=0)
        known = known[kept]
    below = np.concatenate([[0], np.cumsum(counts)])  # how many sequences are shorter
    inside = below[np.newaxis, 1:] - below[:, np.newaxis]  # between two lengths
    cost = np.where(inside > 0, inside * known, np.inf)  # (from, to)
    best = np.full(len(below), np.inf)
    best[0] = 0.0
    came_from = []
    for _ in range(min(count, len(known))):
        total = best[:, np.newaxis] + cost
        came_from.append(np.argmin(total, axis=0))
        best = np.append(np.inf, np.min(total, axis=0))
    widths, place = [], len(known)
    for step in reversed(came_from):
        widths.append(int(known[place - 1]))
        place = int(step[place - 1])
    return tuple(reversed(widths))


def _as_widths(given: Any, lengths: Ints) -> tuple[int, ...]:
    if type(given) is int:
        if not 1 <= given <= MOST_BUCKETS:
            raise UsageError(f"there are 1 to {MOST_BUCKETS} buckets, not {given}")
        return least_padding(lengths, given)
    widths = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else []
    whole = all(isinstance(width, (int, np.integer)) and width >= 1 for width in widths)
    if not widths or not whole or isinstance(given, bool) or sorted(set(widths)) != widths:
        fact = f"buckets are a number of them, or rising widths, not {given!r:.40}"
        raise UsageError(fact, hint="buckets=4 or buckets=(16, 32, 64)")
    if len(widths) > MOST_BUCKETS:
        raise UsageError(f"there are 1 to {MOST_BUCKETS} buckets, not {len(widths)}")
    if lengths.max() > widths[-1]:
        fact = (
            f"sequence {lengths.argmax()} has {lengths.max()} ints, the widest bucket {widths[-1]}"
        )
        raise DataError(fact, hint=f"Ragged([row[:{widths[-1]}] for row in sequences])")
    return tuple(map(int, widths))
