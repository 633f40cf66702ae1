"""Embeddings: rows of a table by number, alone or summed into bags."""

from typing import Any

import numpy as np

from rushlight.core.bind import bind, op
from rushlight.core.errors import BoundsError, DTypeError, ModuleError, ShapeError, did_you_mean
from rushlight.core.primitive import Array
from rushlight.nn.init import by_name, check_sizes
from rushlight.nn.module import Module, Parameter, register
from rushlight.ops.composite import linear
from rushlight.ops.elementwise import where
from rushlight.ops.gather import take, take_add_p
from rushlight.ops.scan import cumsum
from rushlight.tensor import Tensor, as_tensor

BAG_MODES = ("mean", "sum", "sqrtn")


@register
class Embedding(Module):
    """A vector for each id: integers (...) from 0 to count - 1 give (..., width).

    Args:
        count: how many ids there are.
        width: numbers in each vector.
        init: name of an initialiser for the table; "normal" as in PyTorch.

    >>> import rushlight as rl
    >>> Embedding(10, 4)(rl.tensor([[1, 2, 1]])).shape
    (1, 3, 4)
    """

    def __init__(self, count: int, width: int, init: str = "normal") -> None:
        check_sizes(count=count, width=width)
        self.weight = Parameter(by_name(init)((count, width)))

    def forward(self, ids: Any) -> Tensor:
        return embedding(self.weight, ids)


@register
class TiedLinear(Module):
    """y = x @ embedding.weight.T: scores of all ids, by the vectors that the ids come in with.

    (..., width) gives (..., count). One weight does both: it is trained by both, counted once and
    saved once. Press and Wolf 2017.

    Args:
        embedding: the layer that vectors come from.

    >>> import rushlight as rl
    >>> embedding = Embedding(10, 4)
    >>> net = rl.nn.Sequential(embedding, TiedLinear(embedding))
    >>> net(rl.tensor([[1, 2]])).shape, len(list(net.parameters()))
    ((1, 2, 10), 1)
    """

    def __init__(self, embedding: Embedding) -> None:
        self.embedding = embedding

    def forward(self, x: Any) -> Tensor:
        return linear(x, self.embedding.weight)  # type: ignore[no-any-return]


@register
class EmbeddingBag(Module):
    """The mean (or sum) of the vectors of each bag of ids, such as the words of a sentence.

    Bags of one size are ids (bags, size). Bags of many sizes are ids (total,), one bag after
    another, and offsets (bags,) that say where each begins. Either gives (bags, width); an empty
    bag gives zeros.

    Args:
        count: how many ids there are.
        width: numbers in each vector.
        mode: "mean", "sum", or "sqrtn", the sum divided by the square root of the bag's size,
            which says more of a long text than of a short one, but not as much more as a sum does.
        init: name of an initialiser for the table; "normal" as in PyTorch.
        include_last_offset: whether offsets are (bags + 1,), the last of them where the last bag
            ends, as loaders give them for Ragged texts; ids after that count for nothing.
        padding: an id that fills rows up and is in no bag; its vector is zeros, and stays so.

    >>> import rushlight as rl
    >>> bag = EmbeddingBag(10, 4)
    >>> bag([[1, 2], [3, 3]]).shape, bag([1, 2, 3], offsets=[0, 2]).shape
    ((2, 4), (2, 4))
    """

    def __init__(
        self,
        count: int,
        width: int,
        mode: str = "mean",
        init: str = "normal",
        include_last_offset: bool = False,
        padding: int | None = None,
    ) -> None:
        check_sizes(count=count, width=width)
        _check_mode(mode)
        _check_padding(padding, count)
        self.mode = mode
        self.include_last_offset = bool(include_last_offset)
        self.padding = padding
        start = by_name(init)((count, width))
        if padding is not None:
            start = where(np.arange(count)[:, np.newaxis] == padding, 0.0, start)
        self.weight = Parameter(start)

    def forward(self, ids: Any, offsets: Any = None) -> Tensor:
        last = self.include_last_offset
        return embedding_bag(self.weight, ids, offsets, self.mode, last, self.padding)


@op
def embedding(table: Tensor, ids: Any) -> Tensor:
    """Return the rows of `table` (count, width) that integers `ids` (...) name: (..., width).

    >>> import rushlight as rl
    >>> embedding(rl.tensor([[1.0], [2.0]]), [1, 1, 0])
    tensor([[2.],
            [2.],
            [1.]])
    """
    ids = as_tensor(ids)
    try:
        return take(table, ids)  # type: ignore[no-any-return]
    except BoundsError as error:
        numbers = ids.numpy()
        if numbers.min() < 0:
            error.hint = "ids are counted from 0"
        else:
            error.hint = f"ids up to {numbers.max()} take a table of {numbers.max() + 1} rows"
        raise


@op
def embedding_bag(
    table: Tensor,
    ids: Any,
    offsets: Any = None,
    mode: str = "mean",
    include_last_offset: bool = False,
    padding: int | None = None,
) -> Tensor:
    """Return the mean or sum of rows of `table` (count, width) for each bag of ids.

    Args:
        table: (count, width).
        ids: integers (bags, size), or (total,) with `offsets`.
        offsets: where each bag begins in flat ids, integers (bags,) that begin with 0.
        mode: "mean", "sum" or "sqrtn", as for EmbeddingBag; an empty bag gives zeros.
        include_last_offset: whether the last offset is where the last bag ends.
        padding: an id that is in no bag.

    >>> import rushlight as rl
    >>> table = rl.tensor([[1.0], [2.0], [4.0]])
    >>> embedding_bag(table, [1, 2, 0], [0, 2])
    tensor([[3.],
            [1.]])
    >>> embedding_bag(table, [[1, 2], [2, 0]], padding=0)
    tensor([[3.],
            [4.]])
    """
    _check_mode(mode)
    _check_padding(padding, len(table))
    ids = as_tensor(ids)
    if offsets is None:
        return _even_bags(table, ids, mode, padding)
    offsets = as_tensor(offsets)
    _check_offsets(ids, offsets)
    if not isinstance(offsets.data, np.ndarray):
        offsets = _guarded(ids, offsets)
    bag_of = bag_of_each(offsets, ids.shape[0])
    bags = offsets.shape[0]
    last = bags - 1 if include_last_offset else bags  # what comes after the last end is a bag too
    rows: Any = embedding(table, ids)
    counted = in_bags(ids, padding, table.dtype).unsqueeze(1)
    rows = rows if padding is None else rows * counted
    total = bind(take_add_p, bag_of, rows, rows=bags)[:last]
    if mode == "sum":
        return total  # type: ignore[no-any-return]
    return shared(total, bind(take_add_p, bag_of, counted, rows=bags)[:last], mode)


def bag_of_each(offsets: Tensor, total: int) -> Tensor:
    """Return the bag in which each of `total` ids lies, int64 (total,).

    >>> import rushlight as rl
    >>> bag_of_each(rl.tensor([0, 2, 2]), 4)
    tensor([0, 0, 2, 2])
    """
    ones = as_tensor(np.ones(offsets.shape[0], np.int64))
    begins = bind(take_add_p, offsets, ones, rows=total + 1)
    return cumsum(begins[:-1], 0) - 1  # type: ignore[no-any-return]


def _even_bags(table: Tensor, ids: Tensor, mode: str, padding: int | None) -> Tensor:
    if ids.ndim != 2:
        fact = f"without offsets the ids are (bags, size), not {ids.shape}"
        one_bag = "ids.unsqueeze(0) is one bag; offsets say where each of several begins"
        raise ShapeError(fact, hint=one_bag if ids.ndim == 1 else None)
    rows: Any = embedding(table, ids)
    if padding is None:
        if mode == "mean" and ids.shape[1]:
            return rows.mean(1)  # type: ignore[no-any-return]
        return shared(rows.sum(1), max(1, ids.shape[1]), mode)
    counted = in_bags(ids, padding, table.dtype)
    return shared((rows * counted.unsqueeze(2)).sum(1), counted.sum(1, keepdims=True), mode)


def in_bags(ids: Tensor, padding: int | None, dtype: Any) -> Tensor:
    """Return 1 for each id that is in its bag, 0 for padding."""
    if padding is None:
        return as_tensor(np.ones(ids.shape), dtype)
    counted: Any = ids != padding
    return counted.cast(dtype)  # type: ignore[no-any-return]


def shared(total: Any, size: Any, mode: str) -> Tensor:
    """Return sums over bags divided as the mode says, by the bags' sizes, or one size of all."""
    if mode == "sum":
        return total  # type: ignore[no-any-return]
    size = size.clip(1.0) if isinstance(size, Tensor) else float(size)
    return total / (size**0.5 if mode == "sqrtn" else size)  # type: ignore[no-any-return]


def _check_offsets(ids: Tensor, offsets: Tensor) -> None:
    if ids.ndim != 1 or offsets.ndim != 1:
        fact = f"ids and offsets have one axis each, not {ids.shape} and {offsets.shape}"
        raise ShapeError(fact, hint="ids (bags, size) need no offsets" if ids.ndim == 2 else None)
    if offsets.dtype.is_float:
        hint = 'cast them: offsets.cast("int64")'
        raise DTypeError(f"offsets are integers, not {offsets.dtype}", hint=hint)
    starts = offsets.data
    if isinstance(starts, np.ndarray):
        _check_starts(starts, ids.shape[0])
    elif offsets.size == 0:
        raise BoundsError("the first offset is 0, where the first bag begins")


def _check_starts(starts: Array, total: int) -> None:
    if starts.size == 0 or starts[0] != 0:
        raise BoundsError("the first offset is 0, where the first bag begins")
    falls = np.flatnonzero(starts[1:] < starts[:-1])
    if falls.size:
        before, after = starts[falls[0]], starts[falls[0] + 1]
        raise BoundsError(f"offsets rise, but {after} comes after {before}")
    if starts[-1] > total:
        raise BoundsError(f"a bag begins at {starts[-1]}, but there are {total} ids")


def _guarded(ids: Tensor, offsets: Tensor) -> Tensor:
    """Return traced offsets that raise BoundsError when the graph runs, if they do not fit.

    A graph has no `raise`, but `take` refuses row -1.
    """
    starts: Any = offsets.cast("int64")
    bad = (starts[0] != 0) | (starts[-1] > ids.shape[0])
    bad = bad | ((starts[1:] < starts[:-1]).cast("int64").sum() > 0)
    zero = take(as_tensor(np.zeros(1, np.int64)), where(bad, -1, 0))
    return starts + zero  # type: ignore[no-any-return]


def _check_mode(mode: str) -> None:
    if not isinstance(mode, str) or mode not in BAG_MODES:
        hint = did_you_mean(mode, BAG_MODES) if isinstance(mode, str) else None
        raise ModuleError(f"a bag is made by mean, sum or sqrtn, not {mode!r}", hint=hint)


def _check_padding(padding: Any, count: int) -> None:
    if padding is not None and (type(padding) is not int or not 0 <= padding < count):
        raise ModuleError(f"padding is an id from 0 to {count - 1}, not {padding!r:.40}")
