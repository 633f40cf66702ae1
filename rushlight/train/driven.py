"""Training driven by compiled code: many steps, even many epochs, in one native call.

The step is traced together with what gives it its batch: the rows of the data set that an index
list names, cast and scaled; or, for batches of one, the item itself, which is pointed at. Python
comes back a few times a second, for progress and Ctrl-C.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rushlight.compile.drive import Drive
from rushlight.compile.entry import Entry
from rushlight.compile.function import compile_entry
from rushlight.core.dtypes import BY_CHAR
from rushlight.core.errors import RushlightError, TraceError
from rushlight.core.mode import mode
from rushlight.data.buckets import is_labels
from rushlight.data.dataset import Dataset
from rushlight.data.loader import DataLoader
from rushlight.data.ragged import Ragged
from rushlight.data.windows import overlapping, sequence_of
from rushlight.nn.embedding import bag_of_each
from rushlight.ops.elementwise import where
from rushlight.ops.gather import take
from rushlight.tensor import Tensor
from rushlight.train.step import Step
from rushlight.train.tally import are_classes

Floats = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

PAUSE_S = 0.1  # how long a native call is meant to take
MOST_STEPS = 1 << 16  # in one native call
MOST_PROGRAMS = 64  # for batches of different shapes


@dataclass
class Stretch:
    """What some steps in a row gave.

    Attributes:
        losses: the mean loss of each step's batch.
        counts: how many items each batch had.
        right: how many of them were answered rightly; None where the labels are no classes.
    """

    losses: Floats
    counts: Int64s
    right: Int64s | None

    def part(self, first: int, last: int) -> "Stretch":
        """Return the steps from `first` up to `last`."""
        right = None if self.right is None else self.right[first:last]
        return Stretch(self.losses[first:last], self.counts[first:last], right)


class Driven:
    """Steps of training as native calls, where the loader and the step allow it.

    Args:
        loader: gives the data; it has no `transform`, which is Python.
        step: of the tensors of a batch, to the loss and the model's output.
    """

    def __init__(self, loader: DataLoader, step: Step) -> None:
        self.loader = loader
        self.step = step
        self.columns: list[Any] = []
        self.in_place = False
        self._shapes: dict[Any, int] = {}
        self._entries: list[Entry] = []
        self._counts: list[int] = []  # for each of them, how many labels a batch has
        self._count = 0
        self._made_for: tuple[Any, ...] = ()
        self._drive = Drive([])
        self._classes = False
        self.reason: str | None = None  # why steps cannot be driven
        self._rate = 200.0  # steps a second, as far as is known

    def begin(self) -> str | None:
        """Trace and compile what all steps need; return why that cannot be, or None."""
        if type(self.loader).__iter__ is not DataLoader.__iter__:
            return "the loader has a way of its own"
        if not isinstance(self.loader.dataset, Dataset):
            return "the data is read item by item"
        if self.loader.transform is not None:
            return "the loader's transform is Python"
        if mode.anomaly:
            return "anomalies are looked for op by op"
        if any(not isinstance(c, Ragged) and not _is_plain(c.dtype) for c in self.columns):
            return "the data has numbers that must be converted first"
        if any(isinstance(column, Ragged) and not len(column.values) for column in self.columns):
            return "all texts are empty"
        keys = self._keys()
        if len(keys) > MOST_PROGRAMS:
            return f"there are batches of {len(keys)} shapes"
        try:
            for key in keys:
                entry = compile_entry(self._function(key), self._examples(key))
                if entry.native is None:
                    return entry.reason
                self._shapes[key] = len(self._entries)
                self._entries.append(entry)
                self._counts.append(self._count)
        except (TraceError, RushlightError) as error:
            return str(error).partition("\\n")[0]
        self._drive = Drive([entry.native for entry in self._entries if entry.native])
        return None

    def is_ready(self) -> bool:
        """Return whether steps can be driven; what they need is compiled when first asked."""
        if self._made_for != self._setting() or not self.holds():
            self._forget()
            self.reason = self.begin()
        return self.reason is None

    def _forget(self) -> None:
        """Begin anew: the loader has changed, or what was traced no longer holds."""
        loader = self.loader
        arrays = loader.dataset.arrays if isinstance(loader.dataset, Dataset) else ()
        self.columns = [
            column
            if isinstance(column, Ragged) or overlapping(column)
            else np.ascontiguousarray(column)
            for column in arrays
        ]
        # Batches of one are pointed at, not gathered, unless they are padded.
        self.in_place = loader.batch_size == 1 and loader.buckets is None
        self._made_for = self._setting()
        self._shapes, self._entries, self._counts = {}, [], []

    def _setting(self) -> tuple[Any, ...]:
        """Return what of the loader all this was made for."""
        loader = self.loader
        parts = (loader.dataset, loader.prepare, loader.transform, loader.buckets)
        return (*map(id, parts), loader.batch_size, loader.drop_last, loader.items, mode.anomaly)

    def holds(self) -> bool:
        """Return whether what was traced is still so."""
        return all(entry.traced.holds() for entry in self._entries)

    def most_steps(self) -> int:
        """Return how many steps fill a native call."""
        return min(MOST_STEPS, max(1, int(self._rate * PAUSE_S)))

    def run(self, orders: Int64s, first: int, count: int) -> Stretch:
        """Do `count` steps: from batch `first` of the first epoch in `orders` on."""
        started = time.perf_counter()
        starts, sizes = self._batches(len(orders), first, count)
        order = np.ascontiguousarray(orders.reshape(-1))
        losses = np.empty(count, self._loss_dtype())
        right = np.zeros(count, np.int64)
        results = [losses, right] if self._classes else [losses]
        steps = np.arange(count, dtype=np.int64)
        if self.in_place:
            moved, offsets, which = self._items(order[starts])
        else:
            moved, offsets = [order], [starts * order.itemsize]
            which = self._programs(order, starts, sizes)
        offsets += [steps * result.itemsize for result in results]
        done = self._drive.run(which, [*moved, *results], np.stack(offsets, axis=1))
        if done < count:
            self._explain(int(which[done]), order, int(starts[done]), int(sizes[done]))
        sizes = np.array(self._counts)[which]  # of what `prepare` made of the items
        self._rate = max(1.0, count / max(1e-6, time.perf_counter() - started))
        return Stretch(losses.astype(np.float64), sizes, right if self._classes else None)

    def _keys(self) -> list[Any]:
        """Return what tells the shapes of batches apart: size and width, or the items' lengths."""
        if self.in_place:
            lengths = [column.lengths for column in self.columns if isinstance(column, Ragged)]
            if not lengths:
                return [()]
            return sorted(set(zip(*[row.tolist() for row in lengths], strict=True)))
        loader = self.loader
        if loader.buckets is not None:
            return loader.buckets.shapes(loader.items, loader.drop_last)
        whole, rest = divmod(loader.items, loader.batch_size)
        last = [(rest, 0)] if rest and not loader.drop_last else []
        return [(loader.batch_size, 0), *last] if whole else last

    def _examples(self, key: Any) -> list[Tensor]:
        """Return arguments of the shapes that a key stands for."""
        if not self.in_place:
            return [Tensor.wrap(np.zeros(key[0], np.int64))]
        lengths = iter(key)
        return [
            Tensor.wrap(
                np.zeros((1, next(lengths)), np.int64)
                if isinstance(column, Ragged)
                else np.zeros((1, *column.shape[1:]), column.dtype)
            )
            for column in self.columns
        ]

    def _function(self, key: Any) -> Callable[..., Any]:
        """Return the step as a function of what moves: the items, or their numbers."""
        step, prepared = self.step, self.loader.prepare or _as_it_is
        places = range(0 if self.in_place else len(self.columns))
        tables = [self._table(place, key[1]) for place in places]

        def driven(*moved: Tensor) -> tuple[Tensor, ...]:
            rows = [part for table in tables for part in table.rows(moved[0])]
            batch = prepared(*(moved if self.in_place else rows))
            batch = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)
            value, output = step(*batch)
            labels = batch[-1]
            self._count = labels.shape[0] if labels.shape else 1
            self._classes = are_classes(output, labels)
            if not self._classes:
                return (value,)
            return value, (output.argmax(1) == labels).cast("int64").sum()

        return driven

    def _table(self, place: int, width: int) -> "_Rows | _Windows | _Sequences | _Padded":
        """Return what gives a batch its part of a column; sequences in rows of this width."""
        column, buckets = self.columns[place], self.loader.buckets
        if not isinstance(column, Ragged):
            return _Windows(column) if overlapping(column) else _Rows(column)
        if buckets is None:
            return _Sequences(column)
        return _Padded(column, width, buckets.padding, is_labels(place, tuple(self.columns)))

    def _programs(self, order: Int64s, starts: Int64s, sizes: Int64s) -> Int64s:
        """Return the number of the program for each batch of an order."""
        buckets = self.loader.buckets
        widths = 0 * sizes if buckets is None else buckets.widths_of(order, starts, sizes)
        kinds, inverse = np.unique(np.stack([sizes, widths]), axis=1, return_inverse=True)
        numbers = [self._shapes[size, width] for size, width in kinds.T.tolist()]
        return np.array(numbers)[inverse.reshape(-1)]

    def _loss_dtype(self) -> Any:
        return self._entries[0].traced.graph.outputs[0].dtype.storage

    def _batches(self, epochs: int, first: int, count: int) -> tuple[Int64s, Int64s]:
        """Return where in the orders each batch begins, and its size."""
        each, items = len(self.loader), self.loader.items
        number = np.arange(first, first + count)
        epoch, batch = number // each, number % each
        starts = batch * self.loader.batch_size
        sizes = np.minimum(self.loader.batch_size, items - starts)
        return epoch * items + starts, sizes

    def _items(self, items: Int64s) -> tuple[list[Any], list[Int64s], npt.NDArray[Any]]:
        """Return the columns' memory, where in it the items lie, and the items' programs."""
        moved, offsets, lengths = [], [], []
        for column in self.columns:
            if isinstance(column, Ragged):
                moved.append(column.values)
                offsets.append(column.starts[items] * column.values.itemsize)
                lengths.append(column.lengths)
            else:
                moved.append(column)
                offsets.append(items * column.strides[0])
        if not lengths:
            return moved, offsets, np.zeros(len(items), np.int64)
        programs = [self._shapes[key] for key in zip(*[n.tolist() for n in lengths], strict=True)]
        return moved, offsets, np.array(programs)[items]

    def _explain(self, program: int, order: Int64s, start: int, size: int) -> None:
        """Raise what is wrong with a batch that compiled code refused."""
        items = order[start : start + size]
        if self.in_place:
            arrays = [column[int(items[0])][None] for column in self.columns]
        else:
            arrays = [items]
        self._entries[program].explain(arrays)


class _Rows:
    """A column of a data set, of which a step takes the rows of its batch."""

    def __init__(self, column: npt.NDArray[Any]) -> None:
        self.table = Tensor.wrap(column)

    def rows(self, items: Tensor) -> tuple[Tensor, ...]:
        return (take(self.table, items),)


class _Windows:
    """A column of windows that share memory, of which only the sequence is kept."""

    def __init__(self, column: npt.NDArray[Any]) -> None:
        values, self.step = sequence_of(column)
        self.values = Tensor.wrap(values)
        self.inside = Tensor.wrap(np.arange(column.shape[1]))

    def rows(self, items: Tensor) -> tuple[Tensor, ...]:
        return (take(self.values, (items * self.step).unsqueeze(1) + self.inside),)


class _Sequences:
    """A column of sequences: a batch is ids, as many as the longest ones have, and offsets."""

    def __init__(self, column: Ragged) -> None:
        self.values = Tensor.wrap(column.values)
        self.starts = Tensor.wrap(column.starts)
        self.lengths = Tensor.wrap(column.lengths)
        self.longest = np.sort(column.lengths)[::-1]

    def rows(self, items: Tensor) -> tuple[Tensor, ...]:
        count = len(items)
        most = max(1, int(self.longest[:count].sum()))
        lengths = take(self.lengths, items)
        numbers = Tensor.wrap(np.arange(count + 1))
        before = Tensor.wrap(np.arange(count)).unsqueeze(0) < numbers.unsqueeze(1)
        offsets = where(before, lengths.unsqueeze(0), 0).sum(1)  # (count + 1,)
        places = Tensor.wrap(np.arange(most))
        bag = bag_of_each(offsets, most)
        inside = bag < count
        mine = where(inside, bag, 0)
        start = take(take(self.starts, items) - offsets[:-1], mine)
        ids = take(self.values, where(inside, start + places, 0))
        return ids, offsets


class _Padded:
    """A column of sequences: a batch is rows of one width, and their lengths if not labels."""

    def __init__(self, column: Ragged, width: int, padding: int, labels: bool) -> None:
        self.values = Tensor.wrap(column.values)
        self.starts = Tensor.wrap(column.starts)
        self.lengths = Tensor.wrap(column.lengths)
        self.places = Tensor.wrap(np.arange(width))
        self.padding = padding
        self.labels = labels

    def rows(self, items: Tensor) -> tuple[Tensor, ...]:
        lengths = take(self.lengths, items)
        inside = self.places < lengths.unsqueeze(1)  # (count, width)
        start = take(self.starts, items).unsqueeze(1)
        ids = where(inside, take(self.values, where(inside, start + self.places, 0)), self.padding)
        return (ids,) if self.labels else (ids, lengths)


def _as_it_is(*batch: Tensor) -> tuple[Tensor, ...]:
    return batch


def _is_plain(dtype: np.dtype[Any]) -> bool:
    """Return whether tensors hold such numbers as they are."""
    return dtype.char in BY_CHAR and dtype.isnative
