"""Minibatches of a data set, in an order that a seed fixes."""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight.core.dtypes import BY_CHAR
from rushlight.core.errors import DataError, UsageError
from rushlight.core.philox import check_key, permutation, permutations
from rushlight.data.ahead import ahead
from rushlight.data.buckets import Buckets
from rushlight.data.dataset import Arrays, Dataset
from rushlight.data.draws import cumulated, digest, draws
from rushlight.data.items import Items
from rushlight.data.ragged import Ragged
from rushlight.tensor import Tensor, tensor

Transform = Callable[..., Any]

MOST_AHEAD = 1024


class DataLoader:
    """Gives a data set as minibatches, one epoch an iteration.

    The order of epoch e is fixed by (seed, e), whatever was iterated before, so that training can
    be resumed at any batch. The last batch of an epoch may be smaller.

    Args:
        dataset: what to give: a Dataset, or Items that are read one by one.
        batch_size: items in a batch.
        shuffle: whether each epoch has a random order of its own, `permutation(n, (seed, e))`.
        seed: of the orders, 0 to 2^32 - 1.
        drop_last: leave out a last batch that is smaller.
        transform: called with the NumPy arrays of each batch; gives the arrays, or the one array,
            to use instead, new ones for each batch, since a tensor takes over an array that is no
            view of another. It runs in Python, batch by batch.
        prepare: called with the tensors of each batch; gives the tensors, or the one tensor, to
            use instead. Written with tensor ops, it becomes part of a compiled training step.
        replacement: draw each item from all of them, so that some come twice and some not at all.
        batches: in an epoch that is drawn with replacement; None for as many as hold all items.
        weights: how likely each item is to be drawn with replacement, in relation to the others;
            None for all alike.
        prefetch: how many batches threads read and transform ahead of the one given. Batches are
            the same, and come in the same order; `transform` is called for one after another,
            `prepare` when the batch is given. A compiled step that needs no Python does not wait
            for batches, and takes no notice.
        buckets: for a data set with a Ragged: how many widths there are, or the widths. Sequences
            come in rows as wide as the least of them that holds all of a batch, and their lengths
            after them, int64 (batch,), but for labels, the last array. Each epoch that is shuffled
            or drawn has those of similar lengths together; a smaller last batch has the longest,
            in rows of the greatest width.
        padding: what stands after the end of a sequence in its row.

    Raises UsageError for wrong arguments, DataError where `drop_last` leaves nothing.

    >>> loader = DataLoader(Dataset(np.arange(5.0)), batch_size=2)
    >>> [batch.tolist() for (batch,) in loader]
    [[0.0, 1.0], [2.0, 3.0], [4.0]]
    >>> len(loader), loader.epoch
    (3, 1)
    >>> drawn = DataLoader(Dataset(np.arange(5.0)), batch_size=2, replacement=True, batches=4)
    >>> len(drawn), [len(batch) for (batch,) in drawn]
    (4, [2, 2, 2, 2])
    >>> words = Dataset(Ragged([[5], [6, 7, 8], [9, 9]]))
    >>> ids, lengths = next(iter(DataLoader(words, batch_size=3, buckets=2)))
    >>> ids.tolist(), lengths.tolist()
    ([[5, 0, 0], [6, 7, 8], [9, 9, 0]], [1, 3, 2])
    """

    def __init__(
        self,
        dataset: Dataset | Items,
        batch_size: int = 32,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        transform: Transform | None = None,
        prepare: Transform | None = None,
        *,
        replacement: bool = False,
        batches: int | None = None,
        weights: Any = None,
        prefetch: int = 0,
        buckets: int | Iterable[int] | None = None,
        padding: int = 0,
    ) -> None:
        if not isinstance(dataset, (Dataset, Items)):
            raise UsageError(
                f"a loader takes a Dataset, not {type(dataset).__name__}",
                hint="DataLoader(Dataset(images, labels))",
            )
        if not replacement and (batches is not None or weights is not None):
            what = "batches" if weights is None else "weights"
            raise UsageError(f"{what} are for drawing with replacement", hint="replacement=True")
        self.dataset = dataset
        self.batch_size = _natural(batch_size, "batch_size", least=1)
        self.shuffle = bool(shuffle)
        self.seed, self._epoch = check_key((seed, 0))
        self.drop_last = bool(drop_last)
        self.transform = transform
        self.prepare = prepare
        self.replacement = bool(replacement)
        self.batches = None if batches is None else _natural(batches, "batches", least=1)
        self._weights = None if weights is None else cumulated(weights, len(dataset))
        self.prefetch = _natural(prefetch, "prefetch")
        if self.prefetch > MOST_AHEAD:
            raise UsageError(f"prefetch is at most {MOST_AHEAD}, not {prefetch}")
        if buckets is None and padding != 0:
            raise UsageError("padding is for sequences in rows", hint="buckets=4")
        self.buckets = (
            None if buckets is None else Buckets(dataset, buckets, self.batch_size, padding)
        )
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
        if self.batches is not None:
            return self.batches
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole if not rest or (self.drop_last and not self.replacement) else whole + 1

    @property
    def items(self) -> int:
        """How many positions the order of an epoch has."""
        return len(self) * self.batch_size if self.replacement else len(self.dataset)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        epoch, start = self._epoch, self._start
        self._start = 0
        read = partial(self._read, self._order(epoch))
        with closing(ahead(range(start, len(self)), read, self._tensors, self.prefetch)) as given:
            for batch, tensors in given:
                self._given = batch + 1
                yield self.prepared(tensors)
        self.epoch = epoch + 1

    def _order(self, epoch: int) -> NDArray[np.int64] | None:
        """Return the positions of an epoch's items, None where they come as they lie."""
        key = (self.seed, epoch)
        if self.replacement:
            order = draws(len(self.dataset), self.items, key, self._weights)
        elif self.shuffle:
            order = permutation(len(self.dataset), key)
        else:
            return None
        return order if self.buckets is None else self.buckets.arranged(order, key)

    def _read(self, order: NDArray[np.int64] | None, batch: int) -> Arrays:
        rows = slice(batch * self.batch_size, (batch + 1) * self.batch_size)
        return self.dataset[rows if order is None else order[rows]]

    def _tensors(self, arrays: Arrays) -> tuple[Tensor, ...]:
        changed = arrays if self.transform is None else self.transform(*arrays)
        if not isinstance(changed, (tuple, list)):
            changed = (changed,)
        if self.buckets is not None:
            changed = self.buckets.padded(tuple(changed))
        return tuple(x for array in changed for x in _as_tensors(array))

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
        if not self.shuffle and not self.replacement:
            return np.tile(np.arange(len(self.dataset)), (len(epochs), 1))
        keys = [(self.seed, epoch) for epoch in epochs]
        if self.replacement:
            n, weights = len(self.dataset), self._weights
            orders = np.stack([draws(n, self.items, key, weights) for key in keys])
        else:
            orders = permutations(len(self.dataset), np.array(keys).reshape(-1, 2))
        if self.buckets is None:
            return orders
        return np.stack([self.buckets.arranged(*one) for one in zip(orders, keys, strict=True)])

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
        drawn = {"replacement": 1, "batches": len(self)} if self.replacement else {}
        weighted = {} if self._weights is None else {"weights": digest(self._weights)}
        return {
            "length": len(self.dataset),
            "batch_size": self.batch_size,
            "shuffle": int(self.shuffle),
            "seed": self.seed,
            "drop_last": int(self.drop_last),
            **drawn,
            **weighted,
            **({} if self.buckets is None else {"buckets": self.buckets.digest()}),
        }


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


def _natural(value: object, name: str, least: int = 0) -> int:
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"{name} is an int, not {value!r}") from None
    if number < least:
        raise UsageError(f"{name} is at least {least}, not {number}")
    return number
