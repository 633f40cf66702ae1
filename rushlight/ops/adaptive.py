"""Adaptive pooling: windows chosen so that a given number of them covers each axis.

Window i of o over n elements goes from floor(i * n / o) to ceil((i + 1) * n / o), as in PyTorch.
Where all are as long and as far apart, they are ordinary windows. Else means are products with a
matrix, and for the largest each window is laid out with its last element repeated.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core.bind import as_value, op
from rushlight.core.dtypes import bool_, float32
from rushlight.core.errors import DTypeError, ShapeError
from rushlight.core.primitive import Array
from rushlight.core.shapes import as_shape
from rushlight.ops.convolution import AXES, check_floats, check_space
from rushlight.ops.gather import taken_along
from rushlight.ops.matmul import product_along
from rushlight.ops.pointwise import cast
from rushlight.ops.pool import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)

AVERAGES = (avg_pool1d, avg_pool2d, avg_pool3d)
MAXIMA = (max_pool1d, max_pool2d, max_pool3d)

OutputSize = int | None | Sequence[int | None]  # for all spatial axes, or one for each


@op
def adaptive_avg_pool1d(x: Any, output_size: OutputSize) -> Any:
    """Return so many means that cover a batch of signals; integers become float32.

    x is (batch, channels, length); errors and `output_size` are those of `adaptive_avg_pool2d`.

    >>> import rushlight as rl
    >>> adaptive_avg_pool1d(rl.tensor([[[1.0, 2.0, 3.0, 4.0, 5.0]]]), 3)
    tensor([[[1.5, 3. , 4.5]]])
    """
    return _means(1, as_value(x), output_size)


@op
def adaptive_avg_pool2d(x: Any, output_size: OutputSize) -> Any:
    """Return so many means that cover a batch of images; integers become float32.

    Args:
        x: (batch, channels, height, width).
        output_size: how many there are: one int, or two for height and width; None for as many as
            there are elements.

    Raises:
        ShapeError: if `x` has other axes, or none to cover, or there is to be no window.
        DTypeError: if `x` is a 16-bit float.

    >>> import rushlight as rl
    >>> adaptive_avg_pool2d(rl.arange(12).reshape(1, 1, 3, 4), (None, 1))
    tensor([[[[1.5],
              [5.5],
              [9.5]]]])
    """
    return _means(2, as_value(x), output_size)


@op
def adaptive_avg_pool3d(x: Any, output_size: OutputSize) -> Any:
    """Return so many means that cover a batch of volumes; integers become float32.

    x is (batch, channels, depth, height, width); errors and `output_size` are those of
    `adaptive_avg_pool2d`, for three axes.

    >>> import rushlight as rl
    >>> adaptive_avg_pool3d(rl.arange(8).reshape(1, 1, 2, 2, 2), 1)
    tensor([[[[[3.5]]]]])
    """
    return _means(3, as_value(x), output_size)


@op
def adaptive_max_pool1d(x: Any, output_size: OutputSize) -> Any:
    """Return the largest elements of so many windows that cover a batch of signals.

    x is (batch, channels, length); errors and `output_size` are those of `adaptive_max_pool2d`.

    >>> import rushlight as rl
    >>> adaptive_max_pool1d(rl.tensor([[[1.0, 2.0, 3.0, 4.0, 5.0]]]), 3)
    tensor([[[2., 4., 5.]]])
    """
    return _largest(1, as_value(x), output_size)


@op
def adaptive_max_pool2d(x: Any, output_size: OutputSize) -> Any:
    """Return the largest elements of so many windows that cover a batch of images.

    Args:
        x: (batch, channels, height, width).
        output_size: how many there are: one int, or two for height and width; None for as many as
            there are elements.

    Raises:
        ShapeError: if `x` has other axes, or none to cover, or there is to be no window.
        DTypeError: if `x` is bool or a 16-bit float.

    >>> import rushlight as rl
    >>> adaptive_max_pool2d(rl.arange(12).reshape(1, 1, 3, 4), (2, None))
    tensor([[[[ 4,  5,  6,  7],
              [ 8,  9, 10, 11]]]])
    """
    return _largest(2, as_value(x), output_size)


@op
def adaptive_max_pool3d(x: Any, output_size: OutputSize) -> Any:
    """Return the largest elements of so many windows that cover a batch of volumes.

    x is (batch, channels, depth, height, width); errors and `output_size` are those of
    `adaptive_max_pool2d`, for three axes.

    >>> import rushlight as rl
    >>> adaptive_max_pool3d(rl.arange(8).reshape(1, 1, 2, 2, 2), 1)
    tensor([[[[[7]]]]])
    """
    return _largest(3, as_value(x), output_size)


def check_output_size(output_size: OutputSize, rank: int) -> tuple[int | None, ...]:
    """Return how many windows there are to be along each axis, None for one an element."""
    many = isinstance(output_size, (tuple, list))
    given: Sequence[Any] = output_size if many else (output_size,) * rank  # type: ignore[assignment]
    if len(given) != rank:
        number = {1: "one", 2: "two", 3: "three"}[rank]
        raise ShapeError(f"output_size is an int, None or {number} of them, not {output_size!r}")
    sizes = [None if one is None else as_shape(one)[0] for one in given]
    for size, what in zip(sizes, AXES[rank], strict=True):
        if size is not None and size < 1:
            raise ShapeError(f"the {what} of the output must be at least 1, not {size}")
    return tuple(sizes)


def _means(rank: int, x: Any, output_size: OutputSize) -> Any:
    x = x if x.dtype.is_float else cast(x, float32)
    check_floats(x.spec)
    counts = _counts(rank, x, output_size)
    ones = tuple(axis for axis, o in enumerate(counts, 2) if o == 1)
    if ones:  # one window is the whole axis
        x = x.mean(ones, keepdims=True)
    kernel, stride = [1] * rank, [1] * rank
    for axis, o in enumerate(counts):
        windows = _Windows(x.shape[2 + axis], o)
        if windows.are_even:
            kernel[axis], stride[axis] = windows.longest, windows.stride
        else:
            x = windows.means(x, 2 + axis)
    return x if max(kernel) == 1 else AVERAGES[rank - 1](x, kernel, stride)


def _largest(rank: int, x: Any, output_size: OutputSize) -> Any:
    if x.dtype is bool_ or x.dtype.is_half:
        raise DTypeError(f"does not take {x.dtype}", hint="cast to float32 first")
    kernel, stride = [1] * rank, [1] * rank
    for axis, o in enumerate(_counts(rank, x, output_size)):
        windows = _Windows(x.shape[2 + axis], o)
        kernel[axis] = stride[axis] = windows.longest
        if windows.are_even:
            stride[axis] = windows.stride
        else:
            x = taken_along(x, 2 + axis, windows.positions())
    return x if max(kernel) == 1 else MAXIMA[rank - 1](x, kernel, stride)


def _counts(rank: int, x: Any, output_size: OutputSize) -> list[int]:
    """Return how many windows there are along each axis."""
    wanted = check_output_size(output_size, rank)
    check_space(x.spec, rank)
    for n, what in zip(x.shape[2:], AXES[rank], strict=True):
        if n < 1:
            raise ShapeError(f"there is nothing to pool: the {what} is {n}")
    return [n if o is None else o for n, o in zip(x.shape[2:], wanted, strict=True)]


class _Windows:
    """So many windows over an axis of a size."""

    def __init__(self, size: int, count: int) -> None:
        numbers = np.arange(count)
        self.size = size
        self.starts = numbers * size // count
        self.stops = -((numbers + 1) * -size // count)  # rounded up
        self.lengths = self.stops - self.starts
        self.longest = int(self.lengths.max())
        self.stride = int(self.starts[1]) if count > 1 else 1

    @property
    def are_even(self) -> bool:
        """Return whether all are as long, and as far apart."""
        steps = np.diff(self.starts)
        alike = (self.lengths == self.longest).all() and (steps == self.stride).all()
        return bool(alike) and self.stride > 0

    def means(self, x: Any, axis: int) -> Any:
        """Return the means of windows of any lengths along an axis."""
        at = np.arange(self.size)[:, None]
        inside = (self.starts <= at) & (at < self.stops)
        lengths = self.lengths.reshape(-1, *(1,) * (x.rank - 1 - axis))
        return product_along(x, axis, inside) / as_value(lengths, x.dtype)

    def positions(self) -> Array:
        """Return the elements of all windows, the last repeated in those that are shorter."""
        places = self.starts[:, None] + np.arange(self.longest)
        found: Array = np.minimum(places, self.stops[:, None] - 1).reshape(-1)
        return found
