"""Arrangements made of the movement primitives: pieces, turns, repeats, padding, triangles."""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core.bind import as_value, bind, op
from rushlight.core.dtypes import bool_
from rushlight.core.errors import DTypeError, ShapeError, UsageError, did_you_mean
from rushlight.core.primitive import method
from rushlight.core.shapes import Shape, as_shape, normalize_axes, normalize_axis, size_of
from rushlight.ops.elementwise import where
from rushlight.ops.movement import (
    broadcast_to,
    concat,
    part,
    permute,
    place_p,
    reshaped,
    slice_p,
    transpose,
    unsqueeze,
)

PAD_MODES = ("constant", "reflect", "replicate", "circular")
Widths = Sequence[tuple[int, int]]


@method("split")
@op
def split(x: Any, sizes: int | Sequence[int], axis: int = 0) -> tuple[Any, ...]:
    """Return `x` cut along `axis` into pieces of one size, the last may be smaller, or of several.

    Args:
        x: a tensor.
        sizes: the size of all pieces, or of each; together they fill the axis.
        axis: along which it is cut.

    >>> import rushlight as rl
    >>> rl.arange(5).split(2), rl.arange(5).split([1, 4])
    ((tensor([0, 1]), tensor([2, 3]), tensor([4])), (tensor([0]), tensor([1, 2, 3, 4])))
    """
    x = as_value(x)
    axis = normalize_axis(axis, x.rank)
    size = x.shape[axis]
    if isinstance(sizes, (list, tuple)):
        lengths = as_shape(sizes)
        if min(lengths, default=0) < 0 or sum(lengths) != size:
            raise ShapeError(f"pieces of {lengths} do not fill an axis of {size}")
    else:
        length = _count(sizes, "a size", least=1)
        lengths = tuple(min(length, size - start) for start in range(0, size, length)) or (0,)
    starts = [sum(lengths[:position]) for position in range(len(lengths))]
    return tuple(part(x, axis, start, n) for start, n in zip(starts, lengths, strict=True))


@method("chunk")
@op
def chunk(x: Any, count: int, axis: int = 0) -> tuple[Any, ...]:
    """Return `x` cut along `axis` into at most `count` pieces, all of one size but the last.

    >>> import rushlight as rl
    >>> rl.arange(5).chunk(2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    x = as_value(x)
    size = x.shape[normalize_axis(axis, x.rank)]
    return split(x, max(1, -(-size // _count(count, "a count of pieces", least=1))), axis)


@method("unbind")
@op
def unbind(x: Any, axis: int = 0) -> tuple[Any, ...]:
    """Return the parts of `x` at each index along `axis`, without the axis.

    >>> import rushlight as rl
    >>> rl.tensor([[1, 2], [3, 4]]).unbind(1)
    (tensor([1, 3]), tensor([2, 4]))
    """
    x = as_value(x)
    axis = normalize_axis(axis, x.rank)
    shape = (*x.shape[:axis], *x.shape[axis + 1 :])
    return tuple(reshaped(part(x, axis, i, 1), shape) for i in range(x.shape[axis]))


@method("flip")
@op
def flip(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """Return `x` with its elements in reversed order along `axis`: one, several, or all for None.

    >>> import rushlight as rl
    >>> rl.tensor([1, 2, 3]).flip(0)
    tensor([3, 2, 1])
    """
    x = as_value(x)
    turned = [one for one in normalize_axes(axis, x.rank) if x.shape[one] > 1]
    if not turned:
        return x
    start = tuple(size - 1 if one in turned else 0 for one, size in enumerate(x.shape))
    step = tuple(-1 if one in turned else 1 for one in range(x.rank))
    return bind(slice_p, x, start=start, count=x.shape, step=step)


@method("roll")
@op
def roll(x: Any, shifts: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Any:
    """Return `x` with its elements moved along `axis`; those that leave come in at the other end.

    Args:
        x: a tensor.
        shifts: by how many places, for each axis.
        axis: one or several; None to move all elements in row-major order.

    >>> import rushlight as rl
    >>> rl.arange(4).roll(1)
    tensor([3, 0, 1, 2])
    """
    x = as_value(x)
    if axis is None:
        return reshaped(roll(x.reshape(-1), shifts, 0), x.shape)
    places = as_shape(shifts)
    axes = tuple(normalize_axis(one, x.rank) for one in as_shape(axis))
    if len(places) != len(axes):
        raise ShapeError(f"{len(places)} shifts for {len(axes)} axes")
    for shift, one in zip(places, axes, strict=True):
        size = x.shape[one]
        cut = -shift % size if size else 0
        if cut:
            x = concat([part(x, one, cut, size - cut), part(x, one, 0, cut)], one)
    return x


@method("pad")
@op
def pad(x: Any, widths: Widths, mode: str = "constant", value: float = 0.0) -> Any:
    """Return `x` with more elements around it: (before, after) for each axis.

    Args:
        x: a tensor.
        widths: how many there are to be before and after, a pair for each axis.
        mode: "constant" for `value`; "reflect" for the elements mirrored at the outermost ones,
            "replicate" for the outermost ones again, "circular" for those from the other end.
        value: the constant.

    >>> import rushlight as rl
    >>> rl.ones(2).pad([(1, 2)])
    tensor([0., 1., 1., 0., 0.])
    >>> rl.tensor([1, 2, 3]).pad([(2, 1)], "reflect")
    tensor([3, 2, 1, 2, 3, 2])
    """
    x = as_value(x)
    pairs = _checked_widths(x, widths)
    if mode not in PAD_MODES:
        fact = f"padding is {', '.join(PAD_MODES)}, not {mode!r}"
        raise UsageError(
            fact, hint=did_you_mean(mode, PAD_MODES) if isinstance(mode, str) else None
        )
    if mode == "constant":
        shape = tuple(a + size + b for (a, b), size in zip(pairs, x.shape, strict=True))
        start, step = tuple(before for before, _ in pairs), (1,) * x.rank
        placed = bind(place_p, x, shape=shape, start=start, step=step)
        if value == 0 or placed.shape == x.shape:
            return placed
        return where(inside_window(shape, start, x.shape, step), placed, as_value(value, x.dtype))
    for axis, (before, after) in enumerate(pairs):
        if before or after:
            x = concat(_padded_parts(x, axis, before, after, mode), axis)
    return x


def _checked_widths(x: Any, widths: Widths) -> list[Shape]:
    pairs = [as_shape(width) for width in widths] if isinstance(widths, (list, tuple)) else []
    if len(pairs) != x.rank or any(len(pair) != 2 or min(pair) < 0 for pair in pairs):
        raise ShapeError(f"pad takes {x.rank} pairs of widths that are not negative, got {widths}")
    return pairs


def _padded_parts(x: Any, axis: int, before: int, after: int, mode: str) -> list[Any]:
    """Return what stands along an axis of a padded tensor, one piece after another."""
    size = x.shape[axis]
    if mode == "replicate":
        if size == 0:
            raise ShapeError(f"axis {axis} has no element to repeat")
        ends = ((part(x, axis, 0, 1), before), (part(x, axis, size - 1, 1), after))
        left, right = (
            broadcast_to(end, (*x.shape[:axis], n, *x.shape[axis + 1 :])) for end, n in ends
        )
        return [left, x, right]
    most = size - 1 if mode == "reflect" else size
    if max(before, after) > most:
        fact = (
            f"{max(before, after)} elements of {mode} padding want more than {size} of axis {axis}"
        )
        raise ShapeError(fact, hint=f"at most {max(most, 0)} are there to be taken")
    if mode == "circular":
        return [part(x, axis, size - before, before), x, part(x, axis, 0, after)]
    ends = ((1, before), (size - 1 - after, after))
    left, right = (flip(part(x, axis, start, n), axis) for start, n in ends)
    return [left, x, right]


def inside_window(shape: Shape, start: Shape, count: Shape, step: Shape) -> Any:
    """Return a bool value that broadcasts to `shape`: where `place` with this window would write.

    >>> import rushlight as rl
    >>> inside_window((4,), (1,), (2,), (1,))
    tensor([False,  True,  True, False])
    """
    inside: Any = None
    for axis, size in enumerate(shape):
        along = np.zeros(size, bool)
        along[[start[axis] + i * step[axis] for i in range(count[axis])]] = True
        if not along.all():
            one = as_value(along.reshape(-1, *(1,) * (len(shape) - 1 - axis)), bool_)
            inside = one if inside is None else inside.logical_and(one)
    return as_value(True, bool_) if inside is None else inside


@method("tril")
@op
def tril(x: Any, diagonal: int = 0) -> Any:
    """Return `x` (..., rows, columns) with zeros above a diagonal: 1 is the one above the main.

    >>> import rushlight as rl
    >>> rl.ones(2, 2).tril()
    tensor([[1., 0.],
            [1., 1.]])
    """
    return _triangle(as_value(x), diagonal, lower=True)


@method("triu")
@op
def triu(x: Any, diagonal: int = 0) -> Any:
    """Return `x` (..., rows, columns) with zeros below a diagonal: 1 is the one above the main.

    >>> import rushlight as rl
    >>> rl.ones(2, 2).triu(1)
    tensor([[0., 1.],
            [0., 0.]])
    """
    return _triangle(as_value(x), diagonal, lower=False)


def _triangle(x: Any, diagonal: int, lower: bool) -> Any:
    if x.rank < 2:
        raise ShapeError(f"a triangle is part of a matrix, not of {x.shape}")
    rows, columns = x.shape[-2:]
    first = max(-rows, min(_int(diagonal, "a diagonal"), columns))  # none, or all, beyond
    edge = as_value(np.arange(rows).reshape(-1, 1) + first)
    column = as_value(np.arange(columns))
    return where(column <= edge if lower else column >= edge, x, as_value(0, x.dtype))


@method("diagonal")
@op
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return the diagonal of two axes of `x`, along a new last axis, as NumPy does.

    Args:
        x: a tensor of at least two axes.
        offset: which diagonal: 1 for the one above the main, -1 for the one below.
        axis1: the axis of rows.
        axis2: the axis of columns.

    >>> import rushlight as rl
    >>> rl.arange(6).reshape(2, 3).diagonal(), rl.arange(6).reshape(2, 3).diagonal(1)
    (tensor([0, 4]), tensor([1, 5]))
    """
    x = as_value(x)
    if x.rank < 2:
        raise ShapeError(f"a diagonal takes two axes, {x.shape} has {x.rank}")
    first, second = normalize_axis(axis1, x.rank), normalize_axis(axis2, x.rank)
    if first == second:
        raise ShapeError(f"a diagonal takes two axes, not axis {first} twice")
    x = movedim(x, (first, second), (-2, -1))
    rows, columns = x.shape[-2:]
    aside = _int(offset, "an offset")
    down, right = max(-aside, 0), max(aside, 0)
    size = max(0, min(rows - down, columns - right))
    axis = x.rank - 2
    square = part(part(x, axis, min(down, rows), size), axis + 1, min(right, columns), size)
    flat = reshaped(square, (*x.shape[:axis], size * size))
    start, count, step = (0,) * axis, x.shape[:axis], (1,) * axis
    return bind(slice_p, flat, start=(*start, 0), count=(*count, size), step=(*step, size + 1))


@method("movedim")
@op
def movedim(x: Any, source: int | Sequence[int], target: int | Sequence[int]) -> Any:
    """Return `x` with axes moved to other positions; the others keep their order.

    >>> import rushlight as rl
    >>> rl.zeros(2, 3, 4).movedim(0, -1).shape
    (3, 4, 2)
    """
    x = as_value(x)
    moved, to = (
        tuple(normalize_axis(one, x.rank) for one in as_shape(axes)) for axes in (source, target)
    )
    if len(moved) != len(to) or len(set(moved)) < len(moved) or len(set(to)) < len(to):
        raise ShapeError(f"axes {source} do not go to {target} one by one")
    order = [axis for axis in range(x.rank) if axis not in moved]
    for position, axis in sorted(zip(to, moved, strict=True)):
        order.insert(position, axis)
    return x if order == sorted(order) else permute(x, tuple(order))


@method("swapaxes")
@op
def swapaxes(x: Any, first: int, second: int) -> Any:
    """Return `x` with two axes exchanged: `transpose` with both named.

    >>> import rushlight as rl
    >>> rl.zeros(2, 3, 4).swapaxes(0, 2).shape
    (4, 3, 2)
    """
    return transpose(x, first, second)


@method("tile", "repeat")
@op
def tile(x: Any, *counts: Any) -> Any:
    """Return `x` as often as `counts` says along each axis, side by side, the last count last.

    This is PyTorch's `repeat`; NumPy's is `repeat_interleave` here.

    >>> import rushlight as rl
    >>> rl.tensor([1, 2]).tile(2), rl.tensor([1, 2]).tile(2, 1).shape
    (tensor([1, 2, 1, 2]), (2, 2))
    """
    x = as_value(x)
    wanted = as_shape(counts[0] if len(counts) == 1 else counts)
    if min(wanted, default=0) < 0:
        raise ShapeError(f"counts cannot be negative: {wanted}")
    rank = max(len(wanted), x.rank)
    wanted = (1,) * (rank - len(wanted)) + wanted
    shape = (1,) * (rank - x.rank) + x.shape
    pairs = list(zip(wanted, shape, strict=True))
    apart = reshaped(x, tuple(size for _, n in pairs for size in (1, n)))
    spread = broadcast_to(apart, tuple(size for pair in pairs for size in pair))
    return reshaped(spread, tuple(count * n for count, n in pairs))


@method("repeat_interleave")
@op
def repeat_interleave(x: Any, count: int, axis: int | None = None) -> Any:
    """Return `x` with each element along `axis` `count` times; for None all in row-major order.

    >>> import rushlight as rl
    >>> rl.tensor([1, 2]).repeat_interleave(2)
    tensor([1, 1, 2, 2])
    """
    x = as_value(x)
    times = _count(count, "a count", least=0)
    if axis is None:
        return repeat_interleave(x.reshape(-1), times, 0)
    axis = normalize_axis(axis, x.rank)
    before, after = x.shape[: axis + 1], x.shape[axis + 1 :]
    spread = broadcast_to(unsqueeze(x, axis + 1), (*before, times, *after))
    return reshaped(spread, (*x.shape[:axis], x.shape[axis] * times, *after))


@op
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    """Return the coordinates of a grid: for each of n vectors a tensor of n axes.

    Args:
        tensors: vectors, one for each axis of the grid.
        indexing: "ij", or "xy" for a grid whose first two axes are exchanged.

    >>> import rushlight as rl
    >>> rl.meshgrid(rl.arange(2), rl.arange(3))[1]
    tensor([[0, 1, 2],
            [0, 1, 2]])
    """
    if indexing not in ("ij", "xy"):
        raise UsageError(f'a grid is indexed by "ij" or "xy", not {indexing!r}')
    vectors = [as_value(x) for x in tensors]
    if any(x.rank > 1 for x in vectors):
        raise ShapeError("a grid is made of vectors", hint="x.flatten() is one")
    sizes = tuple(size_of(x.shape) for x in vectors)
    grid = []
    for axis, x in enumerate(vectors):
        along = (1,) * axis + (sizes[axis],) + (1,) * (len(sizes) - 1 - axis)
        grid.append(broadcast_to(reshaped(x, along), sizes))
    exchanged = indexing == "xy" and len(grid) > 1
    return tuple(transpose(x, 0, 1) if exchanged else x for x in grid)


@op
def outer(left: Any, right: Any) -> Any:
    """Return the products of the elements of two vectors: (m,) and (n,) give (m, n).

    >>> import rushlight as rl
    >>> rl.outer([1.0, 2.0], [1.0, 10.0])
    tensor([[ 1., 10.],
            [ 2., 20.]])
    """
    left, right = as_value(left), as_value(right)
    if left.rank != 1 or right.rank != 1:
        raise ShapeError(f"an outer product is one of vectors, not {left.shape} and {right.shape}")
    return unsqueeze(left, 1) * unsqueeze(right, 0)


def _count(number: Any, what: str, least: int) -> int:
    found = _int(number, what)
    if found < least:
        raise ShapeError(f"{what} is at least {least}, not {found}")
    return found


def _int(number: Any, what: str) -> int:
    try:
        return operator.index(number)
    except TypeError:
        raise DTypeError(f"{what} is an int, not {number!r}") from None
