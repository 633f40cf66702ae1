"""Tensors from nothing: zeros, ones, full, arange, linspace, eye."""

from typing import Any

import numpy as np

from rushlight.core.bind import op
from rushlight.core.dtypes import DTypeLike, as_dtype, float32, int64
from rushlight.core.errors import DTypeError, ShapeError
from rushlight.core.shapes import Shape, as_shape, size_of
from rushlight.tensor import Tensor, check_device, to_array


@op
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
    if not isinstance(value, (bool, int, float, np.generic)):
        raise DTypeError(f"a tensor is filled with a number, not {value!r}")
    number, _ = to_array(value, as_dtype(dtype))
    if as_dtype(dtype).is_half:
        number = np.array(value)
    try:
        return Tensor(np.broadcast_to(number, _sizes(shape)), dtype, requires_grad)
    except MemoryError:
        raise ShapeError(f"there is no memory for a tensor of shape {_sizes(shape)}") from None


@op
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


@op
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


def zeros_like(x: Any, device: str = "cpu") -> Tensor:
    """Return zeros of the shape and dtype of `x`.

    >>> zeros_like(ones(2))
    tensor([0., 0.])
    """
    return zeros(x.shape, dtype=x.dtype, device=device)


def ones_like(x: Any, device: str = "cpu") -> Tensor:
    """Return ones of the shape and dtype of `x`.

    >>> ones_like(zeros(2))
    tensor([1., 1.])
    """
    return ones(x.shape, dtype=x.dtype, device=device)


@op
def arange(
    start: float,
    stop: float | None = None,
    step: float = 1,
    dtype: DTypeLike | None = None,
    device: str = "cpu",
) -> Tensor:
    """Return the numbers from `start` (0 if it stands alone) up to, without, `stop`.

    They are int64 if all three are ints, else float32, unless `dtype` says otherwise.

    >>> arange(3), arange(1.0, 2.0, 0.5)
    (tensor([0, 1, 2]), tensor([1. , 1.5]))
    """
    check_device(device)
    first, last = (0, start) if stop is None else (start, stop)
    numbers = (first, last, step)
    if not all(isinstance(number, (int, float, np.generic)) for number in numbers):
        raise DTypeError(f"arange takes numbers, not {numbers}")
    if step == 0 or not all(abs(number) < 1 << 63 for number in numbers):
        raise ShapeError(f"no steps of {step} lead from {first} to {last}")
    whole = all(isinstance(number, (int, np.integer)) for number in numbers)
    data = np.arange(first, last, step)
    return Tensor(data, dtype or (int64 if whole else float32))


@op
def linspace(
    start: float,
    stop: float,
    count: int,
    dtype: DTypeLike = float32,
    requires_grad: bool = False,
    device: str = "cpu",
) -> Tensor:
    """Return `count` numbers at equal distances from `start` to `stop`, both included.

    >>> linspace(0.0, 1.0, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    check_device(device)
    if not all(isinstance(number, (int, float, np.generic)) for number in (start, stop)):
        raise DTypeError(f"linspace takes numbers, not {start!r} and {stop!r}")
    (size,) = _sizes((count,))
    return Tensor(np.linspace(start, stop, size), dtype, requires_grad)


@op
def eye(n: int, dtype: DTypeLike = float32, device: str = "cpu") -> Tensor:
    """Return the n by n identity matrix.

    >>> eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_device(device)
    (size,) = _sizes((n,))
    return Tensor(np.eye(size), dtype)


def _sizes(shape: Any) -> Shape:
    sizes = as_shape(shape)
    if any(size < 0 for size in sizes):
        raise ShapeError(f"sizes cannot be negative: {sizes}")
    if len(sizes) > 64:
        raise ShapeError(f"a tensor has at most 64 axes, not {len(sizes)}")
    if size_of(sizes) >= 1 << 48:
        raise ShapeError(f"no memory holds the {size_of(sizes):.1e} elements of {sizes}")
    return sizes


def _shape(shape: tuple[Any, ...]) -> Any:
    return shape[0] if len(shape) == 1 else shape
