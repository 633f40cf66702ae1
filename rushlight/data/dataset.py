"""Data sets in memory: arrays of equal length, whose rows are the items."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight.core.dtypes import as_dtype
from rushlight.core.errors import BoundsError, DataError, DTypeError
from rushlight.data.ragged import Ragged
from rushlight.data.tables import arrays_of, frame_table, read_table

Arrays = tuple[Any, ...]  # NumPy arrays, and Ragged ones


class Dataset:
    """Arrays of equal length: item i of the data set is item i of each.

    Args:
        arrays: NumPy arrays, tensors or lists, each of shape (n, ...), or a Ragged of n sequences.
            Arrays are not copied and keep their dtype: images of bytes take a quarter of the
            memory of float32.
        labels: the names of the classes that ints in the last array stand for, if they have any.

    Raises DataError for no arrays, no items or differing lengths, DTypeError for what is not made
    of numbers.

    >>> dataset = Dataset(np.zeros((3, 28, 28), np.uint8), np.array([7, 2, 1]))
    >>> len(dataset), dataset[0][1]
    (3, np.int64(7))
    """

    def __init__(self, *arrays: Any, labels: Sequence[str] = ()) -> None:
        self.labels = tuple(labels)
        if not arrays:
            raise DataError("a data set has at least one array")
        self.arrays: Arrays = tuple(as_array(array, place) for place, array in enumerate(arrays))
        length = len(self.arrays[0])
        for place, array in enumerate(self.arrays):
            if len(array) != length:
                raise DataError(
                    f"lengths differ: array 0 has {length} items, array {place} has {len(array)}"
                )
        if length == 0:
            raise DataError("the data set is empty")

    @classmethod
    def from_csv(
        cls,
        path: str | os.PathLike[str],
        inputs: str | Sequence[str] | None = None,
        label: str | Sequence[str] | None = None,
        *,
        labels: Sequence[str] | None = None,
        missing: str = "refuse",
        **options: Any,
    ) -> "Dataset":
        r"""Return a data set of columns of a CSV file.

        Args:
            path: the file.
            inputs: the columns of numbers that become float32 (n, columns); None for all others.
            label: the column of the classes: texts become ints, in the order of the alphabet, and
                `labels` of the data set has their names; ints stay; other numbers, and a list of
                columns, become float32 (n, columns).
            labels: the names of the classes, where they are known: from the data trained on, say.
            missing: "refuse" numbers that are missing, "drop" their rows, or keep them as "nan".
            options: names, header, delimiter, quotes, encoding, as for `read_csv`.

        Raises as `read_csv`, and DataError for inputs that are texts or a label not in `labels`.

        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        ...     _ = file.write("width,height,kind\n1,2,cat\n3,4,dog\n5,6,cat\n")
        ...     file.flush()
        ...     dataset = Dataset.from_csv(file.name, inputs=["width", "height"], label="kind")
        >>> dataset, dataset.arrays[1], dataset.labels
        (Dataset(float32 (3, 2), int64 (3,)), array([0, 1, 0]), ('cat', 'dog'))
        """
        arrays, names = arrays_of(read_table(path, **options), inputs, label, labels, missing)
        return cls(*arrays, labels=names)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        inputs: str | Sequence[str] | None = None,
        label: str | Sequence[str] | None = None,
        *,
        labels: Sequence[str] | None = None,
        missing: str = "refuse",
    ) -> "Dataset":
        """Return a data set of columns of a Polars frame, a dict of arrays, or the like.

        The arguments are those of `from_csv`. Raises UsageError for what has no columns, or not
        these, DataError for inputs that are not numbers.

        >>> frame = {"width": [1.0, 3.0], "kind": ["dog", "cat"]}
        >>> dataset = Dataset.from_frame(frame, label="kind")
        >>> dataset.arrays[1], dataset.labels
        (array([1, 0]), ('cat', 'dog'))
        """
        arrays, names = arrays_of(frame_table(frame), inputs, label, labels, missing)
        return cls(*arrays, labels=names)

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Any) -> Arrays:
        """Return an item, or the items at a slice, at an array of positions or under a mask.

        Raises BoundsError for an item that is not there, DTypeError for what is no index,
        DataError for a mask of another length.
        """
        if not isinstance(index, slice):
            index = as_positions(index, len(self))
        try:
            if isinstance(index, np.ndarray):
                return tuple(array.take(index, axis=0) for array in self.arrays)
            return tuple(array[index] for array in self.arrays)
        except IndexError:
            raise BoundsError(f"index outside of a data set of {len(self)} items") from None
        except TypeError:  # a slice from "a" to 1.5
            raise DTypeError(f"a slice is made of ints, not {index}") from None

    def take(self, positions: NDArray[np.int64]) -> "Dataset":
        """Return the data set of the items at these positions, in that order.

        >>> Dataset(np.array([5, 6, 7])).take(np.array([2, 0])).arrays[0]
        array([7, 5])
        """
        return Dataset(*self[positions], labels=self.labels)

    def __repr__(self) -> str:
        parts = ", ".join(f"{array.dtype} {array.shape}" for array in self.arrays)
        return f"Dataset({parts})"


def as_positions(index: Any, length: int) -> Any:
    """Return an index as NumPy reads it the way it is meant: an int, or an array of ints.

    Raises DTypeError for what is no index, DataError for a mask of another length.

    >>> as_positions([True, False, True], length=3)
    array([0, 2])
    """
    if isinstance(index, (int, np.integer)) and not isinstance(index, bool):
        return index
    try:
        array = np.asarray(index)
    except ValueError:
        raise DTypeError("an index has lists of differing lengths") from None
    known = array.dtype.kind in "iub" or array.size == 0  # an empty list has no ints
    masked = isinstance(index, np.ma.MaskedArray)
    if not known or array.ndim == 0 or masked:
        kind = type(index).__name__ if array.ndim == 0 or masked else array.dtype
        fact = f"items are not found by {kind}"
        raise DTypeError(fact, hint="give an int, a slice, or an array of ints or of bools")
    if array.dtype != np.bool_:
        return array.astype(np.intp)
    if array.shape != (length,):
        raise DataError(f"a mask has a bool for each of {length} items, not shape {array.shape}")
    return np.flatnonzero(array)


def as_array(given: Any, place: int) -> Any:
    """Return an array that a data set can have as its array number `place`, or a Ragged.

    Raises DataError for what is no array of items, DTypeError for what is not made of numbers.

    >>> as_array([1, 2], place=0)
    array([1, 2])
    """
    if isinstance(given, Ragged):
        return given
    if isinstance(given, np.ma.MaskedArray):
        fact = f"array {place} is masked, and what is hidden has no values"
        raise DataError(fact, hint="fill it: array.filled(0)")
    try:
        array = np.asarray(given)
    except ValueError:
        raise DataError(f"array {place} is made of lists of differing lengths") from None
    try:
        as_dtype(array.dtype)
    except DTypeError as error:
        raise DTypeError(f"array {place}: {error.fact}", hint=error.hint) from None
    if array.ndim == 0:
        raise DataError(f"array {place} is a single number, not items")
    return array
