"""Initial values of parameters: zeros, uniform, normal, Xavier, Kaiming, orthogonal.

Each function returns a tensor of a shape; random ones draw from the default generator. For a
weight of shape (outputs, inputs, ...), fan-in is inputs times the window, fan-out outputs times it.
"""

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.core.errors import ModuleError, ShapeError, did_you_mean
from rushlight.core.shapes import Shape, as_shape, size_of
from rushlight.creation import zeros as make_zeros
from rushlight.random import default_generator
from rushlight.tensor import Tensor


def zeros(shape: Any) -> Tensor:
    """Return zeros."""
    return make_zeros(as_shape(shape))


def uniform(shape: Any, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Return values spread evenly over [low, high)."""
    return default_generator.uniform(as_shape(shape), low, high)


def normal(shape: Any, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Return normally distributed values."""
    return default_generator.normal(as_shape(shape), mean, std)


def xavier_uniform(shape: Any, gain: float = 1.0) -> Tensor:
    """Return values uniform in ±gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    inputs, outputs = fans(shape)
    bound = gain * math.sqrt(6.0 / (inputs + outputs))
    return uniform(shape, -bound, bound)


def xavier_normal(shape: Any, gain: float = 1.0) -> Tensor:
    """Return values with std gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    inputs, outputs = fans(shape)
    return normal(shape, 0.0, gain * math.sqrt(2.0 / (inputs + outputs)))


def kaiming_uniform(shape: Any, gain: float = math.sqrt(2.0)) -> Tensor:
    """Return values uniform in ±gain * sqrt(3 / fan_in) (He et al. 2015); gain sqrt(2) for ReLU."""
    bound = gain * math.sqrt(3.0 / fans(shape)[0])
    return uniform(shape, -bound, bound)


def kaiming_normal(shape: Any, gain: float = math.sqrt(2.0)) -> Tensor:
    """Return values with std gain / sqrt(fan_in) (He et al. 2015); gain sqrt(2) is for ReLU."""
    return normal(shape, 0.0, gain / math.sqrt(fans(shape)[0]))


def orthogonal(shape: Any, gain: float = 1.0) -> Tensor:
    """Return a matrix of orthonormal rows or columns, times gain (Saxe et al. 2013).

    >>> import rushlight as rl
    >>> w = orthogonal((2, 3))
    >>> abs(w @ w.T - rl.eye(2)).max().item() < 1e-6
    True
    """
    shape = as_shape(shape)
    if len(shape) < 2:
        raise ShapeError(f"an orthogonal start needs two axes or more, not {shape}")
    rows, columns = shape[0], size_of(shape[1:])
    draws = normal((max(rows, columns), min(rows, columns))).numpy().astype(np.float64)
    q, r = np.linalg.qr(draws)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    matrix = q if rows >= columns else q.T
    return Tensor((gain * matrix.reshape(shape)).astype(np.float32))


INITIALISERS: dict[str, Callable[..., Tensor]] = {
    function.__name__: function
    for function in (
        zeros,
        uniform,
        normal,
        xavier_uniform,
        xavier_normal,
        kaiming_uniform,
        kaiming_normal,
        orthogonal,
    )
}


def by_name(name: str) -> Callable[..., Tensor]:
    """Return the initialiser of a name, such as "kaiming_normal"."""
    if not isinstance(name, str) or name not in INITIALISERS:
        hint = did_you_mean(str(name), INITIALISERS)
        raise ModuleError(f"there is no initialiser {name!r}", hint=hint)
    return INITIALISERS[name]


def fans(shape: Any) -> tuple[int, int]:
    """Return fan-in and fan-out of a weight (outputs, inputs, *window)."""
    sizes: Shape = as_shape(shape)
    if len(sizes) < 2:
        raise ShapeError(f"fan-in and fan-out need two axes or more, not {sizes}")
    window = size_of(sizes[2:])
    return max(sizes[1] * window, 1), max(sizes[0] * window, 1)


def weight_and_bias(
    shape: Shape, name: str | None, outputs: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return how a weight (outputs, inputs, *window) and the bias (outputs,) beside it begin.

    Args:
        shape: of the weight.
        name: of the weight's initialiser, the bias is zero then; None for PyTorch's usual start,
            both uniform in ±1/sqrt(fan_in).
        outputs: size of the bias, where it is not the weight's first.
    """
    size = shape[:1] if outputs is None else (outputs,)
    if name is not None:
        return by_name(name)(shape), zeros(size)
    bound = fans(shape)[0] ** -0.5
    return uniform(shape, -bound, bound), uniform(size, -bound, bound)


def check_sizes(**sizes: Any) -> None:
    """Raise unless every size is an int of at least 1."""
    for name, size in sizes.items():
        whole = isinstance(size, (int, np.integer)) and not isinstance(size, bool)
        if not whole or size < 1:
            raise ModuleError(f"{name} must be an int of at least 1, not {size!r}")


def checked_number(name: str, value: Any, most: float = sys.float_info.max) -> float:
    """Return a number from 0 to `most` as a float, or raise."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not real or not 0.0 <= value <= most:
        limit = "at least 0" if most == sys.float_info.max else f"0 to {most:g}"
        raise ModuleError(f"{name} must be a finite number of {limit}, not {value!r}")
    return float(value)
