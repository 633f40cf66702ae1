"""Shape arithmetic: plain functions on tuples of ints that raise the short fact."""

import operator
from collections.abc import Sequence
from typing import SupportsIndex

from rushlight.core.errors import DTypeError, ShapeError

Shape = tuple[int, ...]
AxisLike = int | Sequence[int] | None
Sizes = int | Sequence[int]  # one int for all of some axes, or one for each


def as_shape(shape: SupportsIndex | Sequence[SupportsIndex]) -> Shape:
    """Return a tuple of ints for an int or a sequence of ints.

    >>> as_shape(3), as_shape([2, 3])
    ((3,), (2, 3))
    """
    try:
        if isinstance(shape, (tuple, list)):
            return tuple(map(operator.index, shape))
        return (operator.index(shape),)  # type: ignore[arg-type]
    except TypeError:
        raise DTypeError(f"a shape is made of ints, not {shape!r}") from None


def size_of(shape: Shape) -> int:
    """Return the number of elements."""
    count = 1
    for size in shape:
        count *= size
    return count


def broadcast_shapes(*shapes: Shape) -> Shape:
    """Return the shape that all broadcast to by NumPy's rule: from the right, equal or 1.

    >>> broadcast_shapes((2, 1, 4), (3, 1))
    (2, 3, 4)
    """
    rank = max(map(len, shapes), default=0)
    result = []
    for axis in range(-rank, 0):
        sizes = {shape[axis] for shape in shapes if -axis <= len(shape)} - {1}
        if len(sizes) > 1:
            found = " and ".join(map(str, sorted(sizes)))
            raise ShapeError(f"sizes differ at axis {axis}: {found}, and neither is 1")
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


def normalize_axis(axis: int, rank: int) -> int:
    """Return the axis counted from the left.

    >>> normalize_axis(-1, 3)
    2
    """
    try:
        axis = operator.index(axis)
    except TypeError:
        raise DTypeError(f"an axis is an int, not {axis!r}") from None
    if not -rank <= axis < rank:
        allowed = f"axes are {-rank} to {rank - 1}" if rank else "there are no axes"
        raise ShapeError(f"axis {axis} does not exist in {rank} dimensions; {allowed}")
    return axis % rank


def normalize_axes(axis: AxisLike, rank: int) -> Shape:
    """Return the axes counted from the left, in rising order; all of them for None.

    >>> normalize_axes((-1, 0), 3), normalize_axes(None, 2)
    ((0, 2), (0, 1))
    """
    if axis is None:
        return tuple(range(rank))
    if isinstance(axis, int):
        return (normalize_axis(axis, rank),)
    if hasattr(axis, "tolist"):  # a NumPy int or array
        return normalize_axes(axis.tolist(), rank)
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    axes = tuple(sorted(normalize_axis(one, rank) for one in given))
    if len(set(axes)) < len(axes):
        raise ShapeError(f"axis named twice in {axis}")
    return axes


def reduced_shape(shape: Shape, axes: Shape, keepdims: bool) -> Shape:
    """Return the shape after reducing over `axes` (counted from the left).

    >>> reduced_shape((2, 3, 4), (1,), False), reduced_shape((2, 3, 4), (1,), True)
    ((2, 4), (2, 1, 4))
    """
    if keepdims:
        return tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def for_axes(value: Sizes, count: int, what: str) -> Shape:
    """Return a number for each of `count` axes, given one for all of them or one for each.

    >>> for_axes(3, 2, "kernel"), for_axes((1, 2), 2, "stride")
    ((3, 3), (1, 2))
    """
    sizes = as_shape(value)
    if len(sizes) == 1:
        return sizes * count
    if len(sizes) == count:
        return sizes
    more = {1: "", 2: " or two", 3: " or three"}[count]
    raise ShapeError(f"{what} takes one int{more}, not {value!r}")


def window_size(size: int, kernel: int, stride: int, padding: int, dilation: int, what: str) -> int:
    """Return how many windows fit along one axis: floor((n + 2p - d(k-1) - 1) / s) + 1.

    >>> window_size(28, 5, 1, 0, 1, "height")
    24
    """
    if kernel < 1 or stride < 1 or dilation < 1 or padding < 0:
        raise ShapeError(
            f"kernel {kernel}, stride {stride} and dilation {dilation} must be at least 1, "
            f"padding {padding} at least 0"
        )
    reach = dilation * (kernel - 1) + 1
    if size + 2 * padding < reach:
        raise ShapeError(
            f"a window of {reach} does not fit the {what} of {size} with padding {padding}"
        )
    return (size + 2 * padding - reach) // stride + 1
