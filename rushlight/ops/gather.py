"""Reading and adding at positions that are data: rows (`take`) and elements along an axis."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rushlight.core.bind import as_value, bind, op
from rushlight.core.dtypes import DType, as_dtype, bool_, float32, int64
from rushlight.core.errors import BoundsError, DTypeError, ShapeError
from rushlight.core.kernels import Deposit, Lookup, Term, Terms, along
from rushlight.core.primitive import Array, Primitive, Sample, Spec, method, register
from rushlight.core.shapes import Shape, normalize_axis, size_of
from rushlight.ops.arrange import movedim
from rushlight.ops.elementwise import eq
from rushlight.ops.movement import along_axis, permute
from rushlight.ops.pointwise import cast

FEW = 32  # indices of which Python finds the smallest and largest sooner than NumPy


class Take(Primitive):
    """Rows of a table by their numbers: (n, ...) and indices (i...) give (i..., ...)."""

    name = "take"
    labels = ("table", "indices")
    onnx = "Gather"

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        table, indices = specs
        _check_indices(indices.dtype)
        if not table.shape:
            raise ShapeError("a scalar has no rows to take")
        return Spec((*indices.shape, *table.shape[1:]), table.dtype)

    def numpy(self, table: Any, indices: Any) -> Any:
        _check_bounds(indices, len(table))
        return table.take(indices, 0)

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        return bind(take_add_p, inputs[1], g, rows=inputs[0].shape[0]) if wrt == 0 else None

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return (1,)

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        table, indices = inputs
        if not has[0]:
            return bind(self, table, indices)
        if has[1]:
            return None
        return movedim(bind(self, movedim(table, 0, 1), indices), indices.rank, 0)

    def lower(self, *specs: Spec, **params: Any) -> Lookup:
        table, indices = specs
        rank = len(indices.shape)
        row = _axes(range(rank, rank + len(table.shape) - 1))
        return Lookup(0, (Term(), *row), _axes(range(rank)))

    def samples(self) -> list[Sample]:
        return [
            Sample(((4, 3), np.array([1, 3, 1]))),
            Sample(((4,), np.array([[0, 1], [2, 3]]))),
            Sample(((4, 2), np.array(2))),
            Sample(((4, 2), np.zeros(0, np.int64))),
            Sample(((2, 2, 3), np.array([1, 1], np.uint8))),
        ]


class TakeAdd(Primitive):
    """A table of zeros with rows added at their numbers, in order: what `take` undoes."""

    name = "take_add"
    labels = ("indices", "rows")

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        indices, updates = specs
        _check_indices(indices.dtype)
        _check_adds(updates.dtype)
        if updates.shape[: len(indices.shape)] != indices.shape:
            raise ShapeError(f"rows {updates.shape} do not begin with indices {indices.shape}")
        return Spec((params["rows"], *updates.shape[len(indices.shape) :]), updates.dtype)

    def numpy(self, indices: Any, updates: Any, *, rows: int) -> Any:
        _check_bounds(indices, rows)
        out = np.zeros((rows, *updates.shape[indices.ndim :]), updates.dtype)
        np.add.at(out, indices, updates)
        return out

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        return bind(take_p, g, inputs[0]) if wrt == 1 else None

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return (0,)

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        indices, updates = inputs
        if has[0]:
            return None
        return movedim(bind(self, indices, movedim(updates, 0, indices.rank), **params), 1, 0)

    def lower(self, *specs: Spec, **params: Any) -> Deposit:
        indices, updates = specs
        rank = len(indices.shape)
        row = _axes(range(rank, len(updates.shape)))
        return Deposit(0, _axes(range(rank)), (Term(), *row))

    def samples(self) -> list[Sample]:
        return [
            Sample((np.array([1, 3, 1]), (3, 2)), {"rows": 4}),
            Sample((np.array([[0, 1], [2, 3]]), (2, 2)), {"rows": 4}),
            Sample((np.array(2), (3,)), {"rows": 3}),
            Sample((np.zeros(0, np.int64), (0, 2)), {"rows": 2}),
            Sample((np.array([0, 0]), (2, 1, 2)), {"rows": 1}),
        ]


class RowsAdded(Primitive):
    """A table (the base) with rows added at their numbers, in order.

    The passes make it of `take_add` and an addition to a table, for it touches no other row.
    """

    name = "rows_added"
    labels = ("base", "indices", "rows")

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        base, indices, updates = specs
        if not base.shape:
            raise ShapeError("a scalar has no rows to add to")
        wanted = take_add_p.rule(indices, updates, rows=base.shape[0])
        if wanted != base:
            raise ShapeError(f"the rows are those of a table {wanted}, the base is {base}")
        return base

    def numpy(self, base: Any, indices: Any, updates: Any) -> Any:
        _check_bounds(indices, len(base))
        out = base.copy()
        np.add.at(out, indices, updates)
        return out

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        if wrt == 0:
            return g
        return bind(take_p, g, inputs[1]) if wrt == 2 else None

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return (1,) if wrt == 2 else ()

    def lower(self, *specs: Spec, **params: Any) -> Deposit:
        return replace(take_add_p.lower(*specs[1:]), based=True)

    def samples(self) -> list[Sample]:
        return [
            Sample(((4, 2), np.array([1, 3, 1]), (3, 2))),
            Sample(((4, 2), np.array([[0, 1], [2, 3]]), (2, 2, 2))),
            Sample(((3, 3), np.array(2), (3,))),
            Sample(((2, 2), np.zeros(0, np.int64), (0, 2))),
            Sample(((1, 1, 2), np.array([0, 0]), (2, 1, 2))),
        ]


class Gather(Primitive):
    """Along one axis, the elements that an index tensor of the same rank names."""

    name = "gather"
    labels = ("input", "indices")
    onnx = "GatherElements"

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        (x, indices), axis = specs, params["axis"]
        _check_indices(indices.dtype)
        _check_same_but(x.shape, indices.shape, axis)
        return Spec(indices.shape, x.dtype)

    def numpy(self, x: Any, indices: Any, *, axis: int) -> Any:
        _check_bounds(indices, x.shape[axis])
        return x[_along(indices, axis)]

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        x, indices = inputs
        axis = params["axis"]
        return bind(scatter_add_p, indices, g, axis=axis, size=x.shape[axis])

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return (1,)

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        return along_axis(self, has, inputs, **params)

    def lower(self, *specs: Spec, **params: Any) -> Lookup:
        places = _axes(range(len(specs[1].shape)))
        return Lookup(params["axis"], _axes_but(params["axis"], places), places)

    def samples(self) -> list[Sample]:
        return [
            Sample(((2, 3), np.array([[0, 2, 0, 1], [1, 1, 1, 0]])), {"axis": 1}),
            Sample(((3, 2), np.array([[2, 0]])), {"axis": 0}),
            Sample(((4,), np.array([3])), {"axis": 0}),
            Sample(((2, 3), np.zeros((2, 0), np.int64)), {"axis": 1}),
            Sample(((2, 2, 2), np.array([[[1, 0]], [[0, 0]]])), {"axis": 1}),
        ]


class ScatterAdd(Primitive):
    """Zeros with elements added along one axis where an index tensor says, in order."""

    name = "scatter_add"
    labels = ("indices", "updates")

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        (indices, updates), axis = specs, params["axis"]
        _check_indices(indices.dtype)
        _check_adds(updates.dtype)
        if indices.shape != updates.shape:
            raise ShapeError(f"indices {indices.shape} and updates {updates.shape} differ")
        shape = (*updates.shape[:axis], params["size"], *updates.shape[axis + 1 :])
        return Spec(shape, updates.dtype)

    def numpy(self, indices: Any, updates: Any, *, axis: int, size: int) -> Any:
        _check_bounds(indices, size)
        if updates.size > 4096:
            return _scatter_add_flat(indices, updates, axis, size)
        out = np.zeros((*updates.shape[:axis], size, *updates.shape[axis + 1 :]), updates.dtype)
        np.add.at(out, _along(indices, axis), updates)
        return out

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        return bind(gather_p, g, inputs[0], axis=params["axis"]) if wrt == 1 else None

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return (0,)

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        return along_axis(self, has, inputs, **params)

    def lower(self, *specs: Spec, **params: Any) -> Deposit:
        places = _axes(range(len(specs[1].shape)))
        return Deposit(params["axis"], places, _axes_but(params["axis"], places))

    def samples(self) -> list[Sample]:
        return [
            Sample((np.array([[0, 2, 0], [1, 1, 1]]), (2, 3)), {"axis": 1, "size": 3}),
            Sample((np.array([[2, 0]]), (1, 2)), {"axis": 0, "size": 4}),
            Sample((np.array([3]), (1,)), {"axis": 0, "size": 4}),
            Sample((np.zeros((2, 0), np.int64), (2, 0)), {"axis": 1, "size": 3}),
            Sample((np.array([[[1, 0]], [[0, 0]]]), (2, 1, 2)), {"axis": 1, "size": 2}),
        ]


take_p = register(Take())
take_add_p = register(TakeAdd())
rows_added_p = register(RowsAdded())
gather_p = register(Gather())
scatter_add_p = register(ScatterAdd())


@method("take")
@op
def take(table: Any, indices: Any, axis: int = 0) -> Any:
    """Return rows of `table` (n, ...) by their numbers, which run from 0 to n - 1.

    Args:
        table: a tensor.
        indices: integers (i...), which take the place of the axis.
        axis: along which they count; columns for 1.

    >>> import rushlight as rl
    >>> rl.take(rl.tensor([10.0, 20.0, 30.0]), [2, 0])
    tensor([30., 10.])
    >>> rl.zeros(2, 3, 4).take([[0, 2]], axis=1).shape
    (2, 1, 2, 4)
    """
    table, indices = as_value(table), _as_indices(indices)
    axis = normalize_axis(axis, table.rank) if axis else 0
    if axis == 0:
        return bind(take_p, table, indices)
    others = [one for one in range(table.rank) if one != axis]
    rows = bind(take_p, permute(table, (axis, *others)), indices)
    count = indices.rank
    moved = [*range(count, count + axis), *range(count), *range(count + axis, rows.rank)]
    return permute(rows, tuple(moved))


def taken_along(x: Any, axis: int, indices: Array) -> Any:
    """Return the elements of `x` at positions along an axis, for rules: a view where all are."""
    if len(indices) == x.shape[axis] and (indices == np.arange(len(indices))).all():
        return x
    return take(x.transpose(0, axis), indices).transpose(0, axis)


@method("gather")
@op
def gather(x: Any, axis: int, indices: Any) -> Any:
    """Return along `axis` the elements that `indices` names; other axes must agree.

    >>> import rushlight as rl
    >>> rl.tensor([[1.0, 2.0], [3.0, 4.0]]).gather(1, [[1], [0]])
    tensor([[2.],
            [3.]])
    """
    axis, indices = normalize_axis(axis, x.rank), _as_indices(indices)
    _check_same_but(x.shape, indices.shape, axis)
    return bind(gather_p, x, indices, axis=axis)


@method("scatter_add")
@op
def scatter_add(x: Any, axis: int, indices: Any, updates: Any) -> Any:
    """Return `x` with `updates` added along `axis` where `indices` says; equals add up.

    >>> import rushlight as rl
    >>> rl.zeros(3).scatter_add(0, [2, 2], [1.0, 4.0])
    tensor([0., 0., 5.])
    """
    axis, indices = normalize_axis(axis, x.rank), _as_indices(indices)
    _check_adds(x.dtype)
    _check_same_but(x.shape, indices.shape, axis)
    updates = cast(as_value(updates, x.dtype), x.dtype)
    return x + bind(scatter_add_p, indices, updates, axis=axis, size=x.shape[axis])


@op
def one_hot(indices: Any, classes: int, dtype: Any = float32) -> Any:
    """Return 1 at each index and 0 elsewhere, along a new last axis of size `classes`.

    >>> import rushlight as rl
    >>> rl.one_hot([1, 0], 3)
    tensor([[0., 1., 0.],
            [1., 0., 0.]])
    """
    if not isinstance(classes, (int, np.integer)) or classes < 1:
        raise ShapeError(f"there must be at least 1 class, not {classes!r}")
    indices = cast(_as_indices(indices), int64)
    numbers = as_value(np.arange(classes), int64)
    return cast(eq(indices.unsqueeze(-1), numbers), as_dtype(dtype))


def _as_indices(indices: Any) -> Any:
    indices = as_value(indices)
    _check_indices(indices.dtype)
    return indices


def _check_indices(dtype: DType) -> None:
    if dtype.is_float or dtype is bool_:
        raise DTypeError(f"indices are integers, not {dtype}", hint='cast them: x.cast("int64")')


def _check_adds(dtype: DType) -> None:
    if dtype.is_half or dtype is bool_:
        raise DTypeError(f"does not take {dtype}", hint="cast to float32 first")


def _check_bounds(indices: Array, size: int) -> None:
    if not indices.size:
        return
    if indices.size <= FEW:
        numbers = indices.ravel().tolist()
        low, high = min(numbers), max(numbers)
    else:
        low, high = indices.min(), indices.max()
    if low < 0 or high >= size:
        if size == 0:
            raise BoundsError("there is no index into an axis of size 0")
        outside = indices[(indices < 0) | (indices >= size)].flat[0]
        raise BoundsError(f"index {outside} is outside of 0 to {size - 1}")


def _check_same_but(shape: Shape, other: Shape, axis: int) -> None:
    same = len(shape) == len(other) and all(
        a == b for i, (a, b) in enumerate(zip(shape, other, strict=True)) if i != axis
    )
    if not same:
        raise ShapeError(f"{shape} and {other} differ outside of axis {axis}")


def _axes(axes: Iterable[int]) -> Terms:
    return tuple(along(axis) for axis in axes)


def _axes_but(axis: int, terms: Terms) -> Terms:
    """Return the terms without the one of an axis along which the place is data."""
    return (*terms[:axis], Term(), *terms[axis + 1 :])


def _along(indices: Array, axis: int) -> tuple[Array, ...]:
    rank = indices.ndim
    grid: list[Array] = []
    for other, size in enumerate(indices.shape):
        steps = (1,) * other + (size,) + (1,) * (rank - other - 1)
        grid.append(indices if other == axis else np.arange(size).reshape(steps))
    return tuple(grid)


def _scatter_add_flat(indices: Array, updates: Array, axis: int, size: int) -> Array:
    """Do `scatter_add` by one list of places, with the axes as they lie in memory.

    NumPy adds at a flat list several times as fast as at a grid, but making the list costs more
    than a small addition.
    """
    order = sorted(range(updates.ndim), key=lambda one: -updates.strides[one])
    i, u, along = indices.transpose(order), updates.transpose(order), order.index(axis)
    before, after = size_of(u.shape[:along]), size_of(u.shape[along + 1 :])
    places = i.reshape(before, u.shape[along], after).astype(np.int64) * after
    places += np.arange(before).reshape(-1, 1, 1) * (size * after) + np.arange(after)
    out = np.zeros(before * size * after, u.dtype)
    np.add.at(out, places.reshape(-1), u.reshape(-1))
    shape = (*u.shape[:along], size, *u.shape[along + 1 :])
    return out.reshape(shape).transpose(np.argsort(order))
