"""Comparisons of numbers that say, when they fail, where and by how much."""

from typing import Any

import numpy as np

from rushlight.core.dtypes import DType, as_dtype, bfloat16, float16, float32, float64
from rushlight.core.primitive import Array
from rushlight.tensor import Tensor

# (relative, absolute), as in PyTorch's assert_close; whatever is no float must be equal.
TOLERANCES: dict[DType, tuple[float, float]] = {
    float16: (1e-3, 1e-5),
    bfloat16: (1.6e-2, 1e-5),
    float32: (1.3e-6, 1e-5),
    float64: (1e-7, 1e-7),
}


def assert_close(
    got: Any, wanted: Any, *, rtol: float | None = None, atol: float | None = None, what: str = ""
) -> None:
    """Raise AssertionError unless |got - wanted| <= atol + rtol * |wanted| everywhere.

    Shapes and dtypes must be equal too; NaN is close to NaN, an infinity to itself. The tolerances
    are those of the dtype unless given. The error shows the worst element.

    >>> assert_close(np.array([1.0, 2.5]), np.array([1.0, 2.0]))
    Traceback (most recent call last):
    ...
    AssertionError: 1 of 2 elements differ, rtol 1e-07, atol 1e-07
      worst at (1,): got 2.5, wanted 2.0, off by 0.5, 1.1259e+15 ulps
    """
    left, right = _both(got, wanted, what)
    usual = TOLERANCES.get(_dtype(got), (0.0, 0.0))
    rtol = usual[0] if rtol is None else rtol
    atol = usual[1] if atol is None else atol
    with np.errstate(invalid="ignore", over="ignore"):
        wide_left, wide_right = left.astype(np.float64), right.astype(np.float64)
        off = np.abs(wide_left - wide_right)
        near = off <= atol + rtol * np.abs(wide_right)
    near = np.where(np.isfinite(wide_right), near, False)
    same = (left == right) | (_is_nan(left) & _is_nan(right))
    _report(left, right, same | near, f", rtol {rtol}, atol {atol}", what)


def assert_identical(got: Any, wanted: Any, what: str = "") -> None:
    """Raise AssertionError unless both have the same shape, dtype and bits.

    >>> assert_identical(np.array([0.0]), np.array([-0.0]))
    Traceback (most recent call last):
    ...
    AssertionError: 1 of 1 elements differ
      worst at (0,): got 0.0, wanted -0.0, off by 0, 0 ulps
    """
    left, right = _both(got, wanted, what)
    same = left == right
    if left.dtype.kind == "f":
        same = (same & (np.signbit(left) == np.signbit(right))) | (_is_nan(left) & _is_nan(right))
    _report(left, right, same, "", what)


def _both(got: Any, wanted: Any, what: str) -> tuple[Array, Array]:
    left, right = _array(got), _array(wanted)
    prefix = f"{what}: " if what else ""
    if left.shape != right.shape:
        raise AssertionError(f"{prefix}shapes differ: got {left.shape}, wanted {right.shape}")
    if _dtype(got) is not _dtype(wanted):
        raise AssertionError(f"{prefix}dtypes differ: got {_dtype(got)}, wanted {_dtype(wanted)}")
    return left, right


def _array(x: Any) -> Array:
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


def _dtype(x: Any) -> DType:
    return x.dtype if isinstance(x, Tensor) else as_dtype(np.asarray(x).dtype)


def _is_nan(x: Array) -> Array:
    return np.isnan(x) if x.dtype.kind == "f" else np.zeros(x.shape, bool)


def _report(left: Array, right: Array, fine: Array, tolerance: str, what: str) -> None:
    if fine.all():
        return
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(left.astype(np.float64) - right.astype(np.float64))
    badness = np.where(fine, -1.0, np.where(np.isnan(off), np.inf, off))
    worst = tuple(int(i) for i in np.unravel_index(np.argmax(badness), left.shape))
    a, b = left[worst].item(), right[worst].item()
    prefix = f"{what}: " if what else ""
    raise AssertionError(
        f"{prefix}{int((~fine).sum())} of {fine.size} elements differ{tolerance}\n"
        f"  worst at {worst}: got {a}, wanted {b}, off by {off[worst]:.6g}"
        + _ulps(left[worst], right[worst])
    )


def _ulps(a: Any, b: Any) -> str:
    """Return how many floats of this precision apart two floats are, as text."""
    if a.dtype.kind != "f" or not (np.isfinite(a) and np.isfinite(b)):
        return ""
    with np.errstate(over="ignore"):
        distance = np.abs(np.float64(a) - np.float64(b)) / np.float64(np.spacing(np.abs(b)))
    return f", {distance:.6g} ulps"
