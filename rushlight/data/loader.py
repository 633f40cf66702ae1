"""Data sets in memory, and minibatches of them in an order that a seed fixes."""

import operator
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight.core.dtypes import BY_CHAR, as_dtype
from rushlight.core.errors import BoundsError, DataError, DTypeError, UsageError
from rushlight.core.philox import check_key, permutation, permutations
from rushlight.data.ragged import Ragged
from rushlight.data.tables import arrays_of, frame_table, read_table
from rushlight.tensor import Tensor, tensor

Arrays = tuple[Any, ...]  # NumPy arrays, and Ragged ones
Transform = Callable[..., Any]


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
        self.arrays: Arrays = tuple(_as_array(array, place) for place, array in enumerate(arrays))
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
            index = _as_positions(index, len(self))
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


class DataLoader:
    """Gives a data set as minibatches, one epoch an iteration.

    The order of epoch e is `permutation(n, (seed, e))`, whatever was iterated before, so that
    training can be resumed at any batch. The last batch of an epoch may be smaller.

    Args:
        dataset: what to give.
        batch_size: items in a batch.
        shuffle: whether each epoch has a random order of its own.
        seed: of the orders, 0 to 2^32 - 1.
        drop_last: leave out a last batch that is smaller.
        transform: called with the NumPy arrays of each batch; gives the arrays, or the one array,
            to use instead, new ones for each batch, since a tensor takes over an array that is no
            view of another. It runs in Python, batch by batch.
        prepare: called with the tensors of each batch; gives the tensors, or the one tensor, to
            use instead. Written with tensor ops, it becomes part of a compiled training step.

    Raises UsageError for wrong arguments, DataError where `drop_last` leaves nothing.

    >>> loader = DataLoader(Dataset(np.arange(5.0)), batch_size=2)
    >>> [batch.tolist() for (batch,) in loader]
    [[0.0, 1.0], [2.0, 3.0], [4.0]]
    >>> len(loader), loader.epoch
    (3, 1)
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 32,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        transform: Transform | None = None,
        prepare: Transform | None = None,
    ) -> None:
        if not isinstance(dataset, Dataset):
            raise UsageError(
                f"a loader takes a Dataset, not {type(dataset).__name__}",
                hint="DataLoader(Dataset(images, labels))",
            )
        self.dataset = dataset
        self.batch_size = _natural(batch_size, "batch_size", least=1)
        self.shuffle = bool(shuffle)
        self.seed, self._epoch = check_key((seed, 0))
        self.drop_last = bool(drop_last)
        self.transform = transform
        self.prepare = prepare
        self._start = 0  # the batch at which the next iteration begins
        self._given = 0  # batches of this epoch given so far
        if len(self) == 0:
            raise DataError(
                f"drop_last leaves nothing: {len(dataset)} items, batches of {batch_size}"
            )

    @property
    def epoch(self) -> int:
        """The epoch that the next iteration gives, or the present one gives; from 0."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch = _natural(epoch, "epoch")
        self._start = self._given = 0

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole if self.drop_last or not rest else whole + 1

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        epoch, start = self._epoch, self._start
        self._start = 0
        order = permutation(len(self.dataset), (self.seed, epoch)) if self.shuffle else None
        for batch in range(start, len(self)):
            rows = slice(batch * self.batch_size, (batch + 1) * self.batch_size)
            self._given = batch + 1
            yield self._tensors(self.dataset[rows if order is None else order[rows]])
        self.epoch = epoch + 1

    def _tensors(self, arrays: Arrays) -> tuple[Tensor, ...]:
        changed = arrays if self.transform is None else self.transform(*arrays)
        if not isinstance(changed, (tuple, list)):
            changed = (changed,)
        return self.prepared(tuple(x for array in changed for x in _as_tensors(array)))

    def prepared(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return what `prepare` makes of the tensors of a batch."""
        if self.prepare is None:
            return batch
        changed = self.prepare(*batch)
        return tuple(changed) if isinstance(changed, (tuple, list)) else (changed,)

    def orders(self, epochs: range) -> NDArray[np.int64]:
        """Return in which order each of these epochs gives the items, int64 (epochs, items).

        >>> DataLoader(Dataset(np.arange(3)), shuffle=True, seed=1).orders(range(2)).shape
        (2, 3)
        """
        if not self.shuffle:
            return np.tile(np.arange(len(self.dataset)), (len(epochs), 1))
        keys = np.stack([np.full(len(epochs), self.seed), np.arange(epochs.start, epochs.stop)], 1)
        return permutations(len(self.dataset), keys)

    def seek(self, epoch: int, batch: int) -> None:
        """Go on with a batch of an epoch, as if those before had been given."""
        self._epoch, self._start, self._given = epoch, batch, batch

    @property
    def batch(self) -> int:
        """The batch of the epoch with which the next iteration begins."""
        return self._start

    def state_dict(self) -> dict[str, int]:
        """Return where the loader is, to go on from there with `load_state_dict`.

        Taken in the middle of an epoch, it counts the batches given so far.

        >>> loader = DataLoader(Dataset(np.arange(5)), batch_size=2)
        >>> first = next(iter(loader))
        >>> loader.state_dict()["batch"]
        1
        """
        return {"epoch": self._epoch, "batch": self._given, **self._settings()}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on where `state_dict` was taken: the next iteration gives the rest of that epoch.

        Raises DataError for a state with other keys, or of a loader with other settings.

        >>> loader = DataLoader(Dataset(np.arange(5)), batch_size=2)
        >>> loader.load_state_dict(loader.state_dict() | {"batch": 2})
        >>> [batch.tolist() for (batch,) in loader]
        [[4]]
        """
        settings = self._settings()
        wanted = ["epoch", "batch", *settings]
        if not isinstance(state, Mapping):
            raise UsageError(f"a state is a dict, not {type(state).__name__}")
        if set(state) != set(wanted):
            found = ", ".join(sorted(map(str, state)))
            raise DataError(f"the state has {found}, not {', '.join(wanted)}")
        for name, value in settings.items():
            if state[name] != value:
                raise DataError(f"the state is of a loader with {name} {state[name]}, not {value}")
        epoch = _natural(state["epoch"], "epoch")
        batch = _natural(state["batch"], "batch")
        if batch > len(self):
            raise DataError(f"the state is at batch {batch}, but an epoch has {len(self)}")
        self._epoch = epoch
        self._start = self._given = batch

    def _settings(self) -> dict[str, int]:
        """What must be equal for a state to mean the same batches."""
        return {
            "length": len(self.dataset),
            "batch_size": self.batch_size,
            "shuffle": int(self.shuffle),
            "seed": self.seed,
            "drop_last": int(self.drop_last),
        }


def _as_positions(index: Any, length: int) -> Any:
    """Return an index as NumPy reads it the way it is meant: an int, or an array of ints."""
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


def _as_tensor(given: Any) -> Tensor:
    """Return a tensor of a batch's array, around its memory where that is nobody else's."""
    own = type(given) is np.ndarray and given.base is None
    if own and given.dtype.char in BY_CHAR and given.dtype.isnative:
        return Tensor.wrap(given)
    return tensor(given)


def _as_tensors(given: Any) -> tuple[Tensor, ...]:
    """Return the tensor of a batch's array, or the two of a batch of sequences."""
    if not isinstance(given, Ragged):
        return (_as_tensor(given),)
    if len(given) == 1:
        return (tensor(given.values[None]),)
    return tensor(given.values), tensor(given.starts)


def _as_array(given: Any, place: int) -> Any:
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


def _natural(value: object, name: str, least: int = 0) -> int:
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"{name} is an int, not {value!r}") from None
    if number < least:
        raise UsageError(f"{name} is at least {least}, not {number}")
    return number
