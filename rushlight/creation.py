"""Tensors from nothing: zeros, ones, full, arange, eye."""

from typing import Any

import numpy as np

from rushlight.core.dtypes import DTypeLike, float32
from rushlight.core.shapes import as_shape
from rushlight.tensor import Tensor, check_device


def full(
    shape: Any,
    value: float,
    dtype: DTypeLike = float32,
    requires_grad: bool = False,
    device: str = "cpu",
) -> Tensor:
    """Return a tensor of `shape` filled with a number.

    >>> full((2,), 7)
    tensor([7., 7.])
    """
    check_device(device)
    data = np.full(as_shape(shape), value, "float64")
    return Tensor(data, dtype, requires_grad)


def zeros(
    *shape: Any,
    dtype: DTypeLike = float32,
    requires_grad: bool = False,
    device: str = "cpu",
) -> Tensor:
    """Return a tensor of zeros: `zeros(2, 3)` or `zeros((2, 3))`.

    >>> zeros(2)
    tensor([0., 0.])
    """
    return full(_shape(shape), 0.0, dtype, requires_grad, device)


def ones(
    *shape: Any,
    dtype: DTypeLike = float32,
    requires_grad: bool = False,
    device: str = "cpu",
) -> Tensor:
    """Return a tensor of ones: `ones(2, 3)` or `ones((2, 3))`.

    >>> ones(2, dtype="int64")
    tensor([1, 1])
    """
    return full(_shape(shape), 1.0, dtype, requires_grad, device)


def zeros_like(x: Any) -> Tensor:
    """Return zeros of the shape and dtype of `x`.

    >>> zeros_like(ones(2))
    tensor([0., 0.])
    """
    return zeros(x.shape, dtype=x.dtype)


def ones_like(x: Any) -> Tensor:
    """Return ones of the shape and dtype of `x`.

    >>> ones_like(zeros(2))
    tensor([1., 1.])
    """
    return ones(x.shape, dtype=x.dtype)


def arange(start: float, stop: float | None = None, step: float = 1) -> Tensor:
    """Return the numbers from `start` (0 if it stands alone) up to, without, `stop`.

    >>> arange(3), arange(1.0, 2.0, 0.5)
    (tensor([0, 1, 2]), tensor([1. , 1.5]))
    """
    first, last = (0, start) if stop is None else (start, stop)
    whole = all(isinstance(number, int) for number in (first, last, step))
    data = np.arange(first, last, step)
    return Tensor(data.astype(np.int64 if whole else np.float32))


def eye(n: int, dtype: DTypeLike = float32) -> Tensor:
    """Return the n by n identity matrix.

    >>> eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    return Tensor(np.eye(n), dtype)


def _shape(shape: tuple[Any, ...]) -> Any:
    return shape[0] if len(shape) == 1 else shape
