"""Convolution in NumPy: windows made the columns of a matrix, a tile of the output at a time.

The batch lies innermost, where NumPy's loops find long runs. Whatever the number of spatial axes,
an array has them between the channels and the batch: (channels, *space, n).
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from rushlight.core.primitive import Array
from rushlight.core.shapes import Shape

Window = Mapping[str, Any]  # stride, padding, dilation, each for every spatial axis
Tile = tuple[slice, ...]  # of the output, along each spatial axis

TILE_NUMBERS = 1 << 20  # how many numbers of unfolded input there are at a time
ROW_GAP = 16  # numbers between the rows of a matrix: at 4096 bytes apart they evict each other

WHOLE: Tile = (slice(None),)


def batch_last(x: Array) -> Array:
    """Return (n, c, *space) as a contiguous array (c, *space, n), without a copy if it is one."""
    return np.ascontiguousarray(x.transpose(*range(1, x.ndim), 0))


def batch_first(x: Array) -> Array:
    """Return (c, *space, n) as (n, c, *space), a view."""
    return x.transpose(x.ndim - 1, *range(x.ndim - 1))


def inside(padded: Array, padding: Shape) -> Array:
    """Return the view of (c, *space, n) without its padding."""
    sides = zip(padded.shape[1:-1], padding, strict=True)
    return padded[(slice(None), *(slice(p, size - p) for size, p in sides))]


def matrices(weight: Array, groups: int) -> Array:
    """Return weights (o, c/g, *kernel) as a matrix a group: (g, o/g, c/g * kernel)."""
    return weight.reshape(groups, len(weight) // groups, prod(weight.shape[1:]))


def part(y: Array, tile: Tile) -> Array:
    """Return the view of a tile of y (groups, channels, *space, n) as a matrix a group."""
    index: tuple[Any, ...] = (slice(None), slice(None), *tile)
    cut: Array = y[index]
    return cut.reshape(*cut.shape[:2], prod(cut.shape[2:]))


def is_pointwise(kernel: Sequence[int], window: Window) -> bool:
    """Return whether the windows are the elements themselves, in order."""
    return {*kernel, *window["stride"]} == {1} and not any(window["padding"])


def windows_of(x: Array, kernel: Sequence[int], count: Shape, window: Window) -> Array:
    """Return x (c, *space, n) seen as its windows: (c, *kernel, *count, n), a view of no copies."""
    c, *steps, n = x.strides
    taps = [step * d for step, d in zip(steps, window["dilation"], strict=True)]
    starts = [step * s for step, s in zip(steps, window["stride"], strict=True)]
    return as_strided(x, (len(x), *kernel, *count, x.shape[-1]), (c, *taps, *starts, n))


def unfolded(
    x: Array, kernel: Sequence[int], count: Shape, groups: int, window: Window
) -> Iterator[tuple[Tile, Array]]:
    """Yield tiles of the output and, for each group, the windows of x there as a matrix's columns.

    The matrices are good until the next are asked for.
    """
    n, channels = x.shape[:2]
    padding = window["padding"]
    if is_pointwise(kernel, window):
        yield WHOLE, batch_last(x).reshape(groups, channels // groups, prod(count) * n)
        return
    if not any(padding):
        padded = batch_last(x)
    else:
        around = [length + 2 * p for length, p in zip(x.shape[2:], padding, strict=True)]
        padded = np.zeros((channels, *around, n), x.dtype)
        inside(padded, padding)[...] = x.transpose(*range(1, x.ndim), 0)
    windows = windows_of(padded, kernel, count, window)
    tiles = _tiles(windows, len(kernel))
    room = _room(windows, tiles[0], groups)
    for tile in tiles:
        cut = _at(windows, tile)
        matrix = room[:, :, : prod(cut.shape[1 + len(kernel) :])]
        matrix.reshape(cut.shape)[...] = cut
        yield tile, matrix


def fold(x: Array, matrix: Array, g: Array, windows: Array) -> None:
    """Add to x, through the view of its windows, what `matrix` makes of each position of g."""
    rank = x.ndim - 2
    tiles = _tiles(windows, rank)
    room = _room(windows, tiles[0], len(g))
    for tile in tiles:
        target = _at(windows, tile)
        columns = room[:, :, : prod(target.shape[1 + rank :])]
        if matrix.shape[2] == 1:  # NumPy multiplies a column by a row without BLAS, slowly
            np.multiply(matrix, part(g, tile), out=columns)
        else:
            np.matmul(matrix, part(g, tile), out=columns)
        shifted = columns.reshape(target.shape)
        for tap in product(*map(range, target.shape[1 : 1 + rank])):
            index: tuple[Any, ...] = (slice(None), *tap)
            target[index] += shifted[index]


def _at(windows: Array, tile: Tile) -> Array:
    """Return the view of windows (c, *kernel, *count, n) that belong to a tile of the output."""
    index: tuple[Any, ...] = (..., *tile, slice(None))
    found: Array = windows[index]
    return found


def _tiles(windows: Array, rank: int) -> list[Tile]:
    """Return the parts into which the output is cut so that few numbers are unfolded at a time.

    Each is whole along its last axes, and one place along its first, but for one axis between: so
    it is a matrix of constant stride in memory.
    """
    space = windows.shape[1 + rank : -1]
    numbers = prod(windows.shape[: 1 + rank]) * windows.shape[-1]  # for one position of the output
    positions = max(TILE_NUMBERS // max(numbers, 1), 1)
    cuts: list[list[slice]] = []
    for size in reversed(space):
        length = min(max(positions, 1), size)
        cuts.insert(0, [slice(at, min(at + length, size)) for at in range(0, size, length)])
        positions //= size
    return list(product(*cuts))


def _room(windows: Array, tile: Tile, groups: int) -> Array:
    """Return an array for the unfolded tile: a matrix (c/g * kernel, positions * n) a group."""
    rank = len(tile)
    depth = prod(windows.shape[: 1 + rank]) // groups
    length = prod(_at(windows, tile).shape[1 + rank :])
    return np.empty((groups, depth, length + ROW_GAP), windows.dtype)
