"""Windows on a long sequence, such as the pieces of a book that a language model learns from."""

import operator
from typing import Any

import numpy as np

from rushlight.core.errors import DataError, UsageError
from rushlight.core.primitive import Array


def windows(values: Any, length: int, step: int = 1) -> Array:
    """Return all windows of a length on a sequence (n, ...): (count, length, ...), not copied.

    Window i begins at i * step. A data set and a compiled training step take them as they are, so
    that a book in memory is enough for all windows on it.

    Args:
        values: an array, or what NumPy makes one of.
        length: of a window.
        step: from one window to the next.

    Raises UsageError for a length or step below 1, DataError where there is no whole window.

    >>> windows([1, 2, 3, 4, 5], length=3, step=2)
    array([[1, 2, 3],
           [3, 4, 5]])
    """
    length, step = _size("length", length), _size("step", step)
    array = np.asarray(values)
    if array.ndim == 0 or len(array) < length:
        raise DataError(f"there is no window of {length} in values of shape {array.shape}")
    seen = np.lib.stride_tricks.sliding_window_view(array, length, axis=0)[::step]
    return np.moveaxis(seen, -1, 1)


def overlapping(array: Any) -> bool:
    """Return whether an array is one of windows that share memory, on values that lie in order.

    >>> overlapping(windows(np.arange(5), 3)), overlapping(np.zeros((2, 3)))
    (True, False)
    """
    if not isinstance(array, np.ndarray) or array.ndim < 2 or array.size == 0:
        return False
    first, *inner = array.strides
    row = array.itemsize
    for size, stride in reversed(list(zip(array.shape[1:], inner, strict=True))):
        if stride != row:
            return False
        row *= size
    unit = array.strides[1]
    return 0 < first < row and first % unit == 0


def sequence_of(array: Array) -> tuple[Array, int]:
    """Return what overlapping windows are on, and the step from one to the next.

    >>> values, step = sequence_of(windows(np.arange(5), length=3, step=2))
    >>> values.tolist(), step
    ([0, 1, 2, 3, 4], 2)
    """
    step = array.strides[0] // array.strides[1]
    shape = ((len(array) - 1) * step + array.shape[1], *array.shape[2:])
    whole = np.lib.stride_tricks.as_strided(array, shape, array.strides[1:], writeable=False)
    return whole, step


def _size(name: str, value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise UsageError(f"{name} is an int of at least 1, not {value!r:.40}")
    return number
