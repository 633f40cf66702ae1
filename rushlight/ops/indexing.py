"""`x[...]`: ints, slices, None and `...` become slices and reshapes, integer arrays `take`.

A mask is read for the positions where it holds. Assignment makes the whole new value.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.core.bind import as_value, bind, op
from rushlight.core.dtypes import bool_, int64
from rushlight.core.errors import BoundsError, DTypeError, GradientError, ShapeError, TraceError
from rushlight.core.mode import mode
from rushlight.core.primitive import Array, Value, method
from rushlight.core.shapes import Shape, broadcast_shapes, size_of
from rushlight.ops.arrange import inside_window
from rushlight.ops.elementwise import where
from rushlight.ops.gather import take, take_add_p
from rushlight.ops.movement import broadcast_to, concat, permute, place_p, reshape, slice_p
from rushlight.ops.pointwise import cast
from rushlight.ops.sort import argsort


@method("__getitem__")
@op
def getitem(x: Any, index: Any) -> Any:
    """Return part of `x` by NumPy's rules for ints, slices, None, `...`, integer arrays and masks.

    Ints are taken before the arrays beside them, as in PyTorch. A bool mask reads the elements
    (or rows) where it holds: how many depends on values, so a traced function cannot.

    >>> import rushlight as rl
    >>> x = rl.arange(6).reshape(2, 3)
    >>> x[1, ::2], x[[0, 1], [2, 0]], x[x > 3]
    (tensor([3, 5]), tensor([2, 3]), tensor([4, 5]))
    """
    parts = _parse(index, x.shape)
    found = x
    if not parts.is_whole(x.shape):
        found = bind(slice_p, x, start=parts.start, count=parts.count, step=parts.step)
    found = reshape(found, parts.shape)
    if parts.arrays:
        found = _take_arrays(found, parts.arrays)
    if found is not x:
        found.is_part = True
    return found


@method("replace")
@op
def replace(x: Any, index: Any, value: Any) -> Any:
    """Return `x` with other values where `x[index]` reads: `x[index] = value` as a new tensor.

    Gradients flow to `x` and to `value`. Where an index names an element more than once, the last
    value counts.

    Args:
        x: a tensor.
        index: what `x[...]` takes; masks may be traced, if the value fits whatever they select.
        value: numbers that broadcast to `x[index]`; they take the dtype of `x`.

    >>> import rushlight as rl
    >>> rl.zeros(4).replace(slice(1, 3), [1.0, 2.0]), rl.zeros(2).replace([0, 0], [1.0, 2.0])
    (tensor([0., 1., 2., 0.]), tensor([2., 0.]))
    """
    value = _as_values_of(x, value)
    if not isinstance(index, tuple) and _is_mask(index):
        chosen = _where_mask(x, as_value(index), value)
        if chosen is not None:
            return chosen
    parts = _parse(index, x.shape)
    if parts.arrays:
        return _replace_rows(x, index, value)
    value = broadcast_to(value, parts.shape)
    inside = inside_window(x.shape, parts.start, parts.count, parts.step)
    value = reshape(value, parts.count)
    if not parts.is_whole(x.shape):
        value = bind(place_p, value, shape=x.shape, start=parts.start, step=parts.step)
    return where(inside, value, x)


@method("__setitem__")
@op
def setitem(x: Any, index: Any, value: Any) -> None:
    """Give `x` other values where `x[index]` reads, as `assign` does for all of it.

    Raises:
        GradientError: `x` was computed, or is part of another tensor, or a gradient is wanted for
            `value`: it would be lost.

    >>> import rushlight as rl
    >>> x = rl.zeros(3)
    >>> x[1:] = 5.0
    >>> x[x == 0.0] = -1.0
    >>> x
    tensor([-1.,  5.,  5.])
    """
    hint = "x = x.replace(index, value), or rl.where, makes a new one, through which gradients flow"
    if x.node is not None:
        raise GradientError("a computed tensor is not changed element by element", hint=hint)
    if x.is_part:
        hint = "index once, x[i, j] = value; x[i].detach() is a tensor of its own"
        raise GradientError("a part that was read from a tensor is not a window on it", hint=hint)
    if mode.grad and isinstance(value, Value) and value.requires_grad:
        hint += "; value.detach() has the values alone"
        raise GradientError("no gradient would flow to what is assigned", hint=hint)
    x.assign(replace(x.detach(), index, value))


@method("masked_fill")
@op
def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    """Return `x` with `value` where the bool `mask`, which broadcasts to `x`, holds.

    >>> import rushlight as rl
    >>> rl.tensor([1.0, 2.0]).masked_fill([True, False], 0.0)
    tensor([0., 2.])
    """
    mask = as_value(mask)
    if broadcast_shapes(mask.shape, x.shape) != x.shape:
        raise ShapeError(f"the mask {mask.shape} does not broadcast to {x.shape}")
    return where(mask, _as_values_of(x, value), x)


@op
def nonzero(x: Any) -> Any:
    """Return the positions (int64) of the elements that are not 0, one a row: (count, axes).

    How many there are depends on values, so a traced function cannot ask.

    >>> import rushlight as rl
    >>> rl.nonzero(rl.tensor([[0, 1], [2, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    return as_value(np.argwhere(_read(as_value(x), "nonzero()")), int64)


@dataclass(frozen=True)
class _Parts:
    """An index, part by part: a window, the shape it is then given, and what indexes that."""

    start: Shape
    count: Shape
    step: Shape
    shape: Shape
    arrays: dict[int, Any]  # axis of `shape` -> indices

    def is_whole(self, shape: Shape) -> bool:
        """Return whether the window is all of a tensor, in order."""
        return self.count == shape and all(one == 1 for one in self.step)


def _parse(index: Any, sizes: Shape) -> _Parts:
    """Return what an index does to a tensor of a shape."""
    window: list[tuple[int, int, int]] = []
    shape: list[int] = []
    arrays: dict[int, Any] = {}
    axis = 0
    for part in _expand(index if isinstance(index, tuple) else (index,), sizes):
        if part is None:
            shape.append(1)
            continue
        size = sizes[axis]
        axis += 1
        if isinstance(part, slice):
            first, stop, stride = _slice_indices(part, size)
            n = len(range(first, stop, stride))
            window.append((first if n else 0, n, stride))
            shape.append(n)
        elif _is_integer(part):
            window.append((_checked(int(part), size, axis - 1), 1, 1))
        else:
            window.append((0, size, 1))
            arrays[len(shape)] = _index_array(part, size, axis - 1)
            shape.append(size)
    start, count, step = (tuple(one[i] for one in window) for i in range(3))
    return _Parts(start, count, step, tuple(shape), arrays)


def _expand(parts: tuple[Any, ...], shape: Shape) -> list[Any]:
    """Return one entry per axis, and None for each new axis, with `...` and masks written out."""
    rank = len(shape)
    if sum(part is Ellipsis for part in parts) > 1:
        raise ShapeError("an index takes `...` once")
    widths = [_axes_of(part) for part in parts]
    missing = rank - sum(widths)
    if missing < 0:
        raise ShapeError(f"{sum(widths)} indices for {rank} dimensions")
    found: list[Any] = []
    axis = 0
    for part, width in zip(parts, widths, strict=True):
        if part is Ellipsis:
            width = missing
            found += [slice(None)] * missing
        elif _is_mask(part):
            found += _positions(part, shape[axis : axis + width])
        else:
            found.append(part)
        axis += width
    return found + [slice(None)] * (rank - axis)


def _axes_of(part: Any) -> int:
    """Return how many axes part of an index is for, besides `...`."""
    if _is_mask(part):
        return np.ndim(part) if not isinstance(part, Value) else part.rank
    return 0 if part is None or part is Ellipsis else 1


def _is_mask(part: Any) -> bool:
    """Return whether part of an index is made of bools; alone, True and False are none."""
    if isinstance(part, (list, tuple)):
        while isinstance(part, (list, tuple)) and part:
            part = part[0]
        return isinstance(part, (bool, np.bool_))
    if isinstance(part, np.ndarray):
        return part.dtype == np.bool_ and part.ndim > 0
    return isinstance(part, Value) and part.dtype is bool_ and part.rank > 0


def _positions(mask: Any, shape: Shape) -> list[Array]:
    """Return for each axis of a mask where it holds."""
    if not isinstance(mask, Value):
        mask = np.asarray(mask)
    _check_mask(mask, shape)
    return list(np.nonzero(_read(mask, "x[mask]")))


def _check_mask(mask: Any, shape: Shape) -> None:
    if mask.shape != shape:
        raise ShapeError(f"a mask of shape {mask.shape} does not fit axes of sizes {shape}")


def _read(x: Any, what: str) -> Array:
    """Return the elements of a value or an array, on which the shape of a result depends."""
    if not isinstance(x, Value):
        return x  # type: ignore[no-any-return]
    try:
        return mode.evaluator.read(x, what)
    except TraceError as error:
        error.hint = "the shape of the result would depend on values: use rl.where or masked_fill"
        raise


def _is_integer(part: Any) -> bool:
    return isinstance(part, (int, np.integer)) and not isinstance(part, (bool, np.bool_))


def _slice_indices(part: slice, size: int) -> tuple[int, int, int]:
    try:
        return part.indices(size)
    except ValueError:
        raise ShapeError("the step of a slice cannot be 0") from None
    except TypeError:
        raise DTypeError(f"a slice is made of ints and None, not {part}") from None


def _checked(position: int, size: int, axis: int) -> int:
    if not -size <= position < size:
        raise BoundsError(f"index {position} is outside of axis {axis} of size {size}")
    return position % size


def _index_array(part: Any, size: int, axis: int) -> Any:
    """Return an integer index with negative numbers counted from the end."""
    if not isinstance(part, (Value, np.ndarray, list, tuple)):
        raise DTypeError(
            f"cannot index with {part!r}", hint="use ints, slices, None, ... or integers"
        )
    indices = as_value(
        part if not isinstance(part, (list, tuple)) or part else np.zeros(0, np.int64)
    )
    if indices.dtype is bool_ or indices.dtype.is_float:
        hint = "use rl.where, or the integer positions"
        raise DTypeError(f"an index is made of integers, not {indices.dtype}", hint=hint)
    data = getattr(indices, "data", None)
    if isinstance(data, np.ndarray):
        for position in data[(data < -size) | (data >= size)][:1]:
            raise BoundsError(f"index {position} is outside of axis {axis} of size {size}")
    indices = cast(indices, int64)
    return where(indices < 0, indices + size, indices)


def _take_arrays(x: Any, arrays: dict[int, Any]) -> Any:
    """Index several axes of `x` by arrays that broadcast together."""
    axes = sorted(arrays)
    others = [axis for axis in range(x.rank) if axis not in arrays]
    shape = broadcast_shapes(*[index.shape for index in arrays.values()])
    sizes = [x.shape[axis] for axis in axes]
    flat = arrays[axes[0]]
    for axis, size in zip(axes[1:], sizes[1:], strict=True):
        flat = _where_inside(arrays[axis], size, flat * size + arrays[axis])
    rows = reshape(
        permute(x, (*axes, *others)), (size_of(tuple(sizes)), *[x.shape[a] for a in others])
    )
    taken = take(rows, broadcast_to(flat, shape))
    # NumPy keeps the new axes in place when the arrays stand side by side, else puts them first.
    if axes[-1] - axes[0] == len(axes) - 1 and axes[0] > 0:
        moved = len(shape)
        order = [*range(moved, moved + axes[0]), *range(moved), *range(moved + axes[0], taken.rank)]
        return permute(taken, tuple(order))
    return taken


def _where_inside(indices: Any, size: int, flat: Any) -> Any:
    """Return -1, which no table has, for indices outside of their axis, else `flat`."""
    outside = (indices < 0).logical_or(indices >= size)
    return where(outside, -1, flat)


def _as_values_of(x: Any, value: Any) -> Any:
    """Return what is to be part of `x` in its dtype."""
    found = as_value(value)
    if found.dtype.is_float and not x.dtype.is_float:
        hint = f'value.cast("{x.dtype}"), or x.cast("{found.dtype}")'
        raise DTypeError(f"{found.dtype} values do not fit in a {x.dtype} tensor", hint=hint)
    return cast(found if isinstance(value, Value) else as_value(value, x.dtype), x.dtype)


def _where_mask(x: Any, mask: Any, value: Any) -> Any:
    """Return `x` with a value where a mask of its first axes holds, or None if that takes more.

    It does where there is another value for each place.
    """
    _check_mask(mask, x.shape[: mask.rank])
    rest = x.shape[mask.rank :]
    if value.rank == len(rest) + 1 and value.shape[0] == 1:
        value = reshape(value, value.shape[1:])
    if value.rank > len(rest):
        return None
    return where(reshape(mask, (*mask.shape, *(1,) * len(rest))), broadcast_to(value, rest), x)


def _replace_rows(x: Any, index: Any, value: Any) -> Any:
    """Return `x` with other rows where integer arrays say, the last of those for one place.

    The index is asked which numbers it reads of a tensor of numbers. Each row of `x` then looks up
    its value, if it has one.
    """
    depth = _depth(index, x.rank)
    shape, rest = x.shape[:depth], x.shape[depth:]
    count = size_of(shape)
    numbers = getitem(as_value(np.arange(count).reshape(shape)), index)
    values = broadcast_to(value, (*numbers.shape, *rest))
    total = size_of(numbers.shape)
    if total == 0 or size_of(x.shape) == 0:
        return x
    numbers, values = reshape(numbers, (total,)), reshape(values, (total, *rest))
    order = argsort(numbers)
    ordered = take(numbers, order)
    last = concat([ordered[1:] != ordered[:-1], as_value(np.ones(1, bool))])
    source = bind(take_add_p, ordered, where(last, order + 1, 0), rows=count)  # 0 for no value
    column = (*shape, *(1,) * len(rest))
    found = reshape(take(values, (source - 1).clip(0)), x.shape)
    return where(reshape(source > 0, column), found, x)


def _depth(index: Any, rank: int) -> int:
    """Return how many of the first axes an index says something of."""
    parts = index if isinstance(index, tuple) else (index,)
    if any(part is Ellipsis for part in parts):
        return rank
    return sum(map(_axes_of, parts))
