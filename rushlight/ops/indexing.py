"""`x[...]`: ints, slices, None and `...` become slices and reshapes, integer arrays `take`."""

from typing import Any

import numpy as np

from rushlight.core.bind import as_value, bind, op
from rushlight.core.dtypes import bool_, int64
from rushlight.core.errors import BoundsError, DTypeError, ShapeError
from rushlight.core.primitive import Value, method
from rushlight.core.shapes import broadcast_shapes, size_of
from rushlight.ops.elementwise import where
from rushlight.ops.gather import take
from rushlight.ops.movement import broadcast_to, permute, reshape, slice_p
from rushlight.ops.pointwise import cast


@method("__getitem__")
@op
def getitem(x: Any, index: Any) -> Any:
    """Return part of `x` by NumPy's rules for ints, slices, None, `...` and integer arrays.

    Ints are taken before the arrays beside them, as in PyTorch.

    >>> import rushlight as rl
    >>> x = rl.arange(6).reshape(2, 3)
    >>> x[1, ::2], x[[0, 1], [2, 0]]
    (tensor([3, 5]), tensor([2, 3]))
    """
    parts = _expand(index if isinstance(index, tuple) else (index,), x.rank)
    start, count, step, shape = [], [], [], []
    arrays: dict[int, Any] = {}  # position in `shape` -> indices
    axis = 0
    for part in parts:
        if part is None:
            shape.append(1)
            continue
        size = x.shape[axis]
        axis += 1
        if isinstance(part, slice):
            first, stop, stride = _slice_indices(part, size)
            n = len(range(first, stop, stride))
            window = (first if n else 0, n, stride)
            shape.append(n)
        elif _is_integer(part):
            window = (_checked(int(part), size, axis - 1), 1, 1)
        else:
            window = (0, size, 1)
            arrays[len(shape)] = _index_array(part, size, axis - 1)
            shape.append(size)
        start.append(window[0])
        count.append(window[1])
        step.append(window[2])
    if tuple(count) != x.shape or any(one != 1 for one in step):
        x = bind(slice_p, x, start=tuple(start), count=tuple(count), step=tuple(step))
    x = reshape(x, tuple(shape))
    return _take_arrays(x, arrays) if arrays else x


def _expand(parts: tuple[Any, ...], rank: int) -> list[Any]:
    """Return one entry per axis, and None for each new axis, with `...` written out."""
    dots = [position for position, part in enumerate(parts) if part is Ellipsis]
    if len(dots) > 1:
        raise ShapeError("an index takes `...` once")
    used = sum(part is not None and part is not Ellipsis for part in parts)
    if used > rank:
        raise ShapeError(f"{used} indices for {rank} dimensions")
    missing = [slice(None)] * (rank - used)
    cut = dots[0] if dots else len(parts)
    return [*parts[:cut], *missing, *parts[cut + 1 :]]


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
