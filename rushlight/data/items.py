"""Data sets that are read item by item, when a batch asks for them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import BoundsError, DataError, UsageError
from rushlight.data.dataset import Arrays, as_array, as_positions
from rushlight.data.ragged import Ragged


class Items:
    """Items that are made when they are asked for, such as pictures too many for the memory.

    A batch stacks the arrays of its items, or makes them a Ragged where they are sequences.
    Training on Items is stepped from Python; `DataLoader(..., prefetch=4)` reads ahead in threads.

    Args:
        source: has `len(source)`, and `source[i]` is item i: an array, or a tuple of arrays or
            numbers, alike in all items. With `prefetch` it is called from several threads.
        labels: the names of the classes that ints at the end of an item stand for, if any.
        sequences: which arrays of an item are ints of one axis and of any length, as numbers of
            words are: (0,) for the first.

    Raises UsageError for what has no length and items, DataError where there are none.

    >>> class Squares:
    ...     def __len__(self):
    ...         return 4
    ...
    ...     def __getitem__(self, i):
    ...         return np.float32([i, i * i]), i % 2
    >>> items = Items(Squares())
    >>> items[3]
    (array([3., 9.], dtype=float32), 1)
    >>> items[1:3][0]
    array([[1., 1.],
           [2., 4.]], dtype=float32)
    """

    def __init__(
        self, source: Any, labels: Sequence[str] = (), sequences: Sequence[int] = ()
    ) -> None:
        for name in ("__len__", "__getitem__"):
            if not hasattr(type(source), name):
                raise UsageError(f"items come from what has {name}, not {type(source).__name__}")
        if len(source) == 0:
            raise DataError("the data set is empty")
        self.source = source
        self.labels = tuple(labels)
        self.sequences = tuple(sequences)
        self._places: NDArray[np.int64] = np.arange(len(source))

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Arrays:
        """Return an item, or the stacked items at a slice, at positions or under a mask."""
        if not isinstance(index, slice):
            index = as_positions(index, len(self))
        try:
            places = self._places[index]
        except IndexError:
            raise BoundsError(f"index outside of a data set of {len(self)} items") from None
        if not isinstance(places, np.ndarray):
            return self._item(int(places))
        items = [self._item(place) for place in places.tolist()]
        if not items:
            raise DataError("there is no batch of no items")
        counts = [len(item) for item in items]
        if len(set(counts)) > 1:
            odd = int(np.flatnonzero(np.array(counts) != counts[0])[0])
            fact = f"item {places[odd]} has {counts[odd]} arrays, item {places[0]} {counts[0]}"
            raise DataError(fact)
        return tuple(
            Ragged(column) if number in self.sequences else _stacked(column, places, number)
            for number, column in enumerate(zip(*items, strict=True))
        )

    def take(self, positions: NDArray[np.int64]) -> "Items":
        """Return the items at these positions, in that order; nothing is read yet.

        >>> Items([5, 6, 7]).take(np.array([2, 0]))[0]
        (7,)
        """
        part = Items(self.source, self.labels, self.sequences)
        part._places = self._places[positions]
        return part

    def _item(self, place: int) -> Arrays:
        item = self.source[place]
        return tuple(item) if isinstance(item, (tuple, list)) else (item,)


def _stacked(column: Sequence[Any], places: NDArray[np.int64], number: int) -> Any:
    """Return array `number` of all items of a batch as one."""
    try:
        arrays = [np.asarray(one) for one in column]
    except ValueError:
        raise DataError(f"array {number} is made of lists of differing lengths") from None
    shapes = [array.shape for array in arrays]
    if len(set(shapes)) == 1:
        return as_array(np.stack(arrays), number)
    odd = next(i for i, shape in enumerate(shapes) if shape != shapes[0])
    raise DataError(
        f"item {places[odd]} has shape {shapes[odd]} in array {number}, "
        f"item {places[0]} {shapes[0]}",
        hint=f"texts as ints may differ in length: Items(source, sequences=({number},))",
    )
