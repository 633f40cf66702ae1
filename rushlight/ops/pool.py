"""Pooling of signals, images and volumes: the largest, or the mean, of each window.

The primitives pool planes. A signal is a plane of height 1. A volume is pooled along its width,
its height and its depth in turn, so that the first of equals is the first in it. Batch and channels
stay axes of their own: so rows of a batch keep apart, and channels can lie innermost.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.core.bind import as_value, bind, op
from rushlight.core.dtypes import float32
from rushlight.core.primitive import Array
from rushlight.core.shapes import Shape, Sizes, for_axes
from rushlight.ops.convolution import check_floats, check_space
from rushlight.ops.pointwise import cast
from rushlight.ops.pooling import (
    along_axis,
    count_of_largest,
    count_of_windows,
    max_pool2d_p,
    positions,
    sum_pool2d_p,
    windows,
)
from rushlight.ops.unfold import Window

NEUTRAL = {"kernel": 1, "stride": 1, "padding": 0, "dilation": 1}  # along an axis as it was


@op
def max_pool1d(
    x: Any,
    kernel: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Any:
    """Return the largest element of each window of a batch of signals.

    x is (batch, channels, length). The options are those of `max_pool2d`, for one axis.

    Raises:
        ShapeError: if shape and window do not fit each other.
        DTypeError: if `x` is bool or a 16-bit float.

    >>> import rushlight as rl
    >>> max_pool1d(rl.tensor([[[1.0, 2.0, 5.0, 0.0]]]), 2)
    tensor([[[2., 5.]]])
    """
    return _largest(as_value(x), _max_windows(1, kernel, stride, padding, dilation, ceil_mode))


@op
def max_pool2d(
    x: Any,
    kernel: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the largest element of each window; the first of equals gets the gradient.

    Args:
        x: (batch, channels, height, width).
        kernel: the size of the window; here and below one int, or two for height and width.
        stride: how far apart the windows are, as far as they are large if not given.
        padding: places added on both sides that never win; at most half of the kernel.
        dilation: how far apart the elements of a window are.
        ceil_mode: whether a last window may be only partly inside.
        return_indices: whether to return also the positions (int64) in the flattened plane.

    Raises:
        ShapeError: if shape and window do not fit each other.
        DTypeError: if `x` is bool or a 16-bit float.

    >>> import rushlight as rl
    >>> max_pool2d(rl.tensor([[[[1.0, 2.0, 5.0, 0.0], [4.0, 3.0, 0.0, 0.0]]]]), 2)
    tensor([[[[4., 5.]]]])
    """
    x = as_value(x)
    window = _max_windows(2, kernel, stride, padding, dilation, ceil_mode)
    if not return_indices:
        return _largest(x, window)
    count_of_largest(x.spec, window)  # arrays do not tell 16-bit floats from uint16
    values, taps = bind(max_pool2d_p, x, **window)
    return values, positions(taps, x.shape[3], window)


@op
def max_pool3d(
    x: Any,
    kernel: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Any:
    """Return the largest element of each window of a batch of volumes.

    x is (batch, channels, depth, height, width). The options are those of `max_pool2d`, for
    three axes.

    Raises:
        ShapeError: if shape and window do not fit each other.
        DTypeError: if `x` is bool or a 16-bit float.

    >>> import rushlight as rl
    >>> max_pool3d(rl.arange(16).reshape(1, 1, 2, 2, 4), 2)
    tensor([[[[[13, 15]]]]])
    """
    return _largest(as_value(x), _max_windows(3, kernel, stride, padding, dilation, ceil_mode))


@op
def avg_pool1d(
    x: Any,
    kernel: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """Return the mean of each window of a batch of signals; integers become float32.

    x is (batch, channels, length). The options are those of `avg_pool2d`, for one axis.

    Raises:
        ShapeError: if shape and window do not fit each other.
        DTypeError: if `x` is a 16-bit float.

    >>> import rushlight as rl
    >>> avg_pool1d(rl.tensor([[[1.0, 2.0, 5.0, 0.0]]]), 2)
    tensor([[[1.5, 2.5]]])
    """
    return _means(as_value(x), windows(1, kernel, stride, padding, ceil_mode), count_include_pad)


@op
def avg_pool2d(
    x: Any,
    kernel: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """Return the mean of each window; integers become float32.

    Args:
        x: (batch, channels, height, width).
        kernel: the size of the window; here and below one int, or two for height and width.
        stride: how far apart the windows are, as far as they are large if not given.
        padding: zeros added on both sides; at most half of the kernel.
        ceil_mode: whether a last window may be only partly inside; what is beyond the padding
            does not count.
        count_include_pad: whether the zeros of the padding count.

    Raises:
        ShapeError: if shape and window do not fit each other.
        DTypeError: if `x` is a 16-bit float.

    >>> import rushlight as rl
    >>> avg_pool2d(rl.tensor([[[[1.0, 2.0, 5.0, 0.0], [4.0, 3.0, 0.0, 0.0]]]]), 2)
    tensor([[[[2.5 , 1.25]]]])
    """
    return _means(as_value(x), windows(2, kernel, stride, padding, ceil_mode), count_include_pad)


@op
def avg_pool3d(
    x: Any,
    kernel: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """Return the mean of each window of a batch of volumes; integers become float32.

    x is (batch, channels, depth, height, width). The options are those of `avg_pool2d`, for
    three axes.

    Raises:
        ShapeError: if shape and window do not fit each other.
        DTypeError: if `x` is a 16-bit float.

    >>> import rushlight as rl
    >>> avg_pool3d(rl.arange(16).reshape(1, 1, 2, 2, 4), 2)
    tensor([[[[[6.5, 8.5]]]]])
    """
    return _means(as_value(x), windows(3, kernel, stride, padding, ceil_mode), count_include_pad)


def _max_windows(
    rank: int, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> dict[str, Any]:
    window = windows(rank, kernel, stride, padding, ceil_mode)
    return {**window, "dilation": for_axes(dilation, rank, "dilation")}


def _largest(x: Any, window: Window) -> Any:
    count_of_largest(x.spec, window)  # arrays do not tell 16-bit floats from uint16
    return _pooled(lambda x, window: bind(max_pool2d_p, x, **window)[0], x, window)


def _means(x: Any, window: Window, count_include_pad: bool) -> Any:
    x = x if x.dtype.is_float else cast(x, float32)
    check_floats(x.spec)
    check_space(x.spec, len(window["kernel"]))
    count_of_windows(x.shape[2:], window)
    total = _pooled(lambda x, window: bind(sum_pool2d_p, x, **window), x, window)
    numbers = _numbers_in_windows(x.shape[2:], total.shape[2:], window, count_include_pad)
    first = numbers.flat[0]
    if (numbers == first).all():
        return total / float(first)
    return total / as_value(numbers, x.dtype)


def _pooled(pool: Callable[[Any, Window], Any], x: Any, window: Window) -> Any:
    """Return what a pooling of planes makes of windows over as many axes as there are."""
    n, c, *size = x.shape
    if len(size) == 2:
        return pool(x, window)
    if len(size) == 1:
        y = pool(x.reshape(n, c, 1, size[0]), _for_planes(window, None, 0))
        return y.reshape(n, c, y.shape[3])
    depth, height, width = size
    y = pool(x.reshape(n, c, depth * height, width), _for_planes(window, None, 2))
    y = y.reshape(n, c, depth, height, y.shape[3]).transpose(2, 3)
    y = pool(y.reshape(n, c, height, depth * y.shape[4]), _for_planes(window, 1, None))
    y = y.reshape(n, c, y.shape[2], depth, y.shape[3] // depth).transpose(2, 3)
    height, width = y.shape[3:]
    y = pool(y.reshape(n, c, depth, height * width), _for_planes(window, 0, None))
    return y.reshape(n, c, y.shape[2], height, width)


def _for_planes(window: Window, down: int | None, across: int | None) -> dict[str, Any]:
    """Return windows over planes that are those of two of the axes, or as an axis was."""
    planes = {
        name: tuple(neutral if axis is None else window[name][axis] for axis in (down, across))
        for name, neutral in NEUTRAL.items()
        if name in window
    }
    return {**window, **planes}


def _numbers_in_windows(size: Shape, count: Shape, window: Window, include_padding: bool) -> Array:
    """Return how many elements count in each window, an array of the shape `count`."""
    numbers = np.ones((), np.int64)
    for axis, n in enumerate(size):
        k, s, p, _ = along_axis(axis, window)
        first = np.arange(count[axis]) * s - p
        stop = np.minimum(first + k, n + p)
        if not include_padding:
            first, stop = np.maximum(first, 0), np.minimum(stop, n)
        numbers = np.multiply.outer(numbers, stop - first)
    return numbers
