"""Items drawn with replacement: which ones depends on a key and their weights alone."""

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import DataError
from rushlight.core.philox import Key, random_bits, uniform64

Floats = NDArray[np.float64]


def draws(n: int, count: int, key: Key, weights: Floats | None = None) -> NDArray[np.int64]:
    """Return `count` numbers from 0 to n - 1, each drawn from all of them, the same for a key.

    Args:
        n: how many there are to draw from.
        count: how many are drawn.
        key: of the random numbers.
        weights: as `cumulated` gives them; None for all alike.

    >>> draws(3, 8, (1, 0)).tolist()
    [2, 1, 2, 1, 0, 2, 2, 0]
    """
    uniform = uniform64(random_bits(key, 0, 2 * count))
    if weights is None:
        return (uniform * n).astype(np.int64)  # below n, as the product rounds to no more
    found: NDArray[np.int64] = np.searchsorted(weights, uniform * weights[-1], side="right")
    return found.astype(np.int64, copy=False)


def cumulated(weights: Any, n: int) -> Floats:
    """Return the sum of the weights up to each item, float64 (n,).

    Raises DataError for weights that are not n numbers, none of them negative, one above 0.

    >>> cumulated([1, 0, 3], 3)
    array([1., 1., 4.])
    """
    try:
        values = np.asarray(weights, np.float64)
    except (TypeError, ValueError):
        raise DataError("weights are not numbers") from None
    if values.shape != (n,):
        raise DataError(f"weights are a number for each of {n} items, not of shape {values.shape}")
    wrong = np.flatnonzero(~((values >= 0) & (values < np.inf)))
    if wrong.size:
        raise DataError(f"weight {wrong[0]} is {values[wrong[0]]:g}, which is no finite weight")
    with np.errstate(over="ignore"):
        sums = np.cumsum(values)
    if not np.finfo(np.float64).tiny <= sums[-1] < np.inf:
        raise DataError(f"the weights add up to {sums[-1]:g}, so nothing can be drawn")
    return sums


def digest(numbers: NDArray[Any]) -> int:
    """Return a number by which numbers, such as weights, are told from others.

    >>> digest(np.array([1.0])) == digest(np.array([2.0]))
    False
    """
    return zlib.crc32(numbers.tobytes())
