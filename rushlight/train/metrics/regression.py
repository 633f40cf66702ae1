"""Measures of answers that are numbers."""

from typing import Any

import numpy as np

from rushlight.core.errors import DataError, ShapeError
from rushlight.train.metrics.inputs import Floats, as_array, mismatch


def mean_absolute_error(output: Any, targets: Any) -> float:
    """Return the mean of |output - target| over all numbers, in their unit.

    Args:
        output: numbers of any shape.
        targets: numbers of the same shape.

    Raises ShapeError where the shapes differ or there are no numbers, DataError for NaN, and for
    numbers beyond 1e150 or so.

    >>> mean_absolute_error([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0])
    0.5
    """
    got, wanted = _numbers("mean_absolute_error", output, targets)
    return float(np.abs(got - wanted).mean())


def mean_squared_error(output: Any, targets: Any) -> float:
    """Return the mean of (output - target)²; arguments as for `mean_absolute_error`.

    >>> mean_squared_error([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0])
    0.375
    """
    got, wanted = _numbers("mean_squared_error", output, targets)
    return float(np.square(got - wanted).mean())


def root_mean_squared_error(output: Any, targets: Any) -> float:
    """Return the root of the mean squared error of all numbers, in their unit.

    >>> root_mean_squared_error([1.0, 2.0, 3.0, 8.0], [1.0, 2.0, 3.0, 4.0])
    2.0
    """
    got, wanted = _numbers("root_mean_squared_error", output, targets)
    return float(np.sqrt(np.square(got - wanted).mean()))


def median_absolute_error(output: Any, targets: Any) -> float:
    """Return the median of |output - target|, which a few wild errors do not move.

    Of several outputs, (n, outputs), it is the mean of their medians.

    >>> median_absolute_error([3.0, -0.5, 2.0, 700.0], [2.5, 0.0, 2.0, 8.0])
    0.5
    """
    got, wanted = _numbers("median_absolute_error", output, targets)
    return float(np.median(np.abs(np.atleast_1d(got - wanted)), axis=0).mean())


def r2(output: Any, targets: Any) -> float:
    """Return the share of the targets' variance that is explained; also: R², determination.

    1 is perfect, 0 no better than always saying the mean, less is worse. Where the targets are
    all equal it is 1 if they were hit, else 0. Of several outputs, (n, outputs), it is the mean.

    Raises ShapeError where the shapes differ, DataError for NaN or fewer than two rows.

    >>> round(r2([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0]), 4)
    0.9486
    """
    got, wanted = _numbers("r2", output, targets)
    if wanted.ndim == 0 or len(wanted) < 2:
        raise DataError("r2 takes two rows or more: one alone has no variance")
    missed = np.square(wanted - got).sum(0)
    spread = np.square(wanted - wanted.mean(0)).sum(0)
    share = np.where(missed == 0, 0.0, 1.0)  # left over where the targets do not vary
    np.divide(missed, spread, out=share, where=spread > 0)
    return float(np.mean(1 - share))


def _numbers(metric: str, output: Any, targets: Any) -> tuple[Floats, Floats]:
    got, wanted = as_array(output), as_array(targets)
    if "U" in (got.dtype.kind, wanted.dtype.kind) or got.shape != wanted.shape or not got.size:
        error = mismatch(metric, "numbers and targets of one shape", got, wanted)
        if got.size == wanted.size:
            raise ShapeError(error.fact, hint="output.reshape(-1) drops an axis of one")
        raise error
    got, wanted = got.astype(np.float64), wanted.astype(np.float64)
    if not (np.isfinite(got).all() and np.isfinite(wanted).all()):
        raise DataError(f"{metric}: a number is NaN or infinite")
    most = np.sqrt(np.finfo(np.float64).max / got.size) / 2  # the sum of their squares is finite
    if max(np.abs(got).max(), np.abs(wanted).max()) > most:
        raise DataError(f"{metric}: a number is too large to be squared")
    return got, wanted
