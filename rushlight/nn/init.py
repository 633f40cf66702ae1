"""Initial values of parameters: constants, uniform, normal, Xavier, Kaiming, orthogonal, sparse.

Each function returns a tensor of a shape; random ones draw from the default generator. For a
weight of shape (outputs, inputs, ...), fan-in is inputs times the window, fan-out outputs times it.
"""

import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.core.advice import INIT, missing
from rushlight.core.errors import ModuleError, ShapeError, did_you_mean
from rushlight.core.shapes import Shape, as_shape, size_of
from rushlight.creation import full
from rushlight.creation import ones as make_ones
from rushlight.creation import zeros as make_zeros
from rushlight.nn.quantile import normal_quantile
from rushlight.random import default_generator
from rushlight.tensor import Tensor


def zeros(shape: Any) -> Tensor:
    """Return zeros."""
    return make_zeros(as_shape(shape))


def ones(shape: Any) -> Tensor:
    """Return ones."""
    return make_ones(as_shape(shape))


def constant(shape: Any, value: float) -> Tensor:
    """Return a tensor full of `value`."""
    return full(as_shape(shape), checked_number("value", value, least=-sys.float_info.max))


def eye(shape: Any) -> Tensor:
    """Return a matrix with ones on its diagonal: a linear layer that gives back what it is given.

    >>> eye((2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    shape = as_shape(shape)
    if len(shape) != 2:
        raise ShapeError(f"an identity has two axes, not {shape}")
    values = zeros(shape).numpy().copy()
    np.fill_diagonal(values, 1.0)
    return Tensor(values)


def dirac(shape: Any, groups: int = 1) -> Tensor:
    """Return the kernel of a convolution that gives back the channels of each group.

    A one stands at the middle of the window from input channel i to output channel i.

    >>> dirac((1, 1, 3)).tolist()
    [[[0.0, 1.0, 0.0]]]
    """
    shape = as_shape(shape)
    check_sizes(groups=groups)
    if len(shape) < 3 or shape[0] % groups:
        hint = "a kernel is (outputs, inputs, *window)"
        raise ShapeError(f"{shape} is no kernel of {groups} groups of outputs", hint=hint)
    values = zeros(shape).numpy().copy()
    middle = tuple(size // 2 for size in shape[2:])
    outputs = shape[0] // groups
    for channel in range(min(outputs, shape[1])):
        values[(slice(channel, None, outputs), channel, *middle)] = 1.0
    return Tensor(values)


def uniform(shape: Any, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Return values spread evenly over [low, high)."""
    return default_generator.uniform(as_shape(shape), low, high)


def normal(shape: Any, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Return normally distributed values."""
    return default_generator.normal(as_shape(shape), mean, std)


def truncated_normal(
    shape: Any, mean: float = 0.0, std: float = 1.0, low: float = -2.0, high: float = 2.0
) -> Tensor:
    """Return normally distributed values, none of them below `low` or above `high`.

    Each is the normal quantile of a number that is uniform between the chances of the limits.

    >>> values = truncated_normal((1000,), std=0.02, low=-0.04, high=0.04).numpy()
    >>> bool(abs(values).max() <= 0.04)
    True
    """
    std = checked_number("std", std)
    if not low < high:
        raise ModuleError(f"low {low!r} is not below high {high!r}")
    if std == 0.0:
        return constant(shape, min(max(mean, low), high))
    chances = [0.5 * math.erfc((mean - limit) / (std * math.sqrt(2.0))) for limit in (low, high)]
    if not chances[0] < chances[1]:
        fact = f"no value between {low} and {high} is to be expected of mean {mean} and std {std}"
        raise ModuleError(fact)
    drawn = uniform(shape).numpy()
    share = drawn.astype(np.float64) + 2.0**-25  # the middle of the 2^-24 that it stands for
    values = normal_quantile(chances[0] + (chances[1] - chances[0]) * share) * std + mean
    return Tensor(np.clip(values, low, high).astype(np.float32))


def xavier_uniform(shape: Any, gain: float = 1.0) -> Tensor:
    """Return values uniform in ±gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    inputs, outputs = fans(shape)
    bound = gain * math.sqrt(6.0 / (inputs + outputs))
    return uniform(shape, -bound, bound)


def xavier_normal(shape: Any, gain: float = 1.0) -> Tensor:
    """Return values with std gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    inputs, outputs = fans(shape)
    return normal(shape, 0.0, gain * math.sqrt(2.0 / (inputs + outputs)))


def kaiming_uniform(shape: Any, gain: float = math.sqrt(2.0), mode: str = "fan_in") -> Tensor:
    """Return values uniform in ±gain * sqrt(3 / fan) (He et al. 2015); gain sqrt(2) is for ReLU.

    `mode` says which fan: "fan_in" keeps the variance forward, "fan_out" that of the gradients.
    """
    bound = gain * math.sqrt(3.0 / _fan(shape, mode))
    return uniform(shape, -bound, bound)


def kaiming_normal(shape: Any, gain: float = math.sqrt(2.0), mode: str = "fan_in") -> Tensor:
    """Return values with std gain / sqrt(fan) (He et al. 2015); see `kaiming_uniform`."""
    return normal(shape, 0.0, gain / math.sqrt(_fan(shape, mode)))


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


def sparse(shape: Any, sparsity: float, std: float = 0.01) -> Tensor:
    """Return a normally distributed matrix with a share of each column zero (Martens 2010).

    >>> int((sparse((10, 3), 0.25) == 0.0).sum())  # three of ten, in each column
    9
    """
    shape = as_shape(shape)
    if len(shape) != 2:
        raise ShapeError(f"a sparse start has two axes, not {shape}")
    zeros_each = math.ceil(checked_number("sparsity", sparsity, 1.0) * shape[0])
    values = normal(shape, 0.0, std).numpy()
    places = np.argsort(np.argsort(uniform(shape).numpy(), axis=0), axis=0)
    return Tensor(np.where(places < zeros_each, np.float32(0.0), values))


def gain(nonlinearity: str, slope: float = 0.01) -> float:
    """Return by how much weights should be larger for what comes after them.

    Args:
        nonlinearity: "linear", "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
        slope: that of leaky ReLU.

    >>> gain("leaky_relu", 0.0) == gain("relu") == 2**0.5
    True
    """
    if nonlinearity == "leaky_relu":
        least = -sys.float_info.max
        return math.sqrt(2.0 / (1.0 + checked_number("slope", slope, least=least) ** 2))
    if nonlinearity not in GAINS:
        hint = did_you_mean(str(nonlinearity), (*GAINS, "leaky_relu"))
        raise ModuleError(f"there is no gain for {nonlinearity!r}", hint=hint)
    return GAINS[nonlinearity]


GAINS = {
    "linear": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 0.75,
}
INITIALISERS: dict[str, Callable[..., Tensor]] = {
    function.__name__: function
    for function in (
        zeros,
        ones,
        eye,
        dirac,
        uniform,
        normal,
        truncated_normal,
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


def _fan(shape: Any, mode: str) -> int:
    modes = ("fan_in", "fan_out")
    if mode not in modes:
        raise ModuleError(f"there is no mode {mode!r}", hint=did_you_mean(str(mode), modes))
    return fans(shape)[modes.index(mode)]


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


def checked_number(
    name: str, value: Any, most: float = sys.float_info.max, least: float = 0.0
) -> float:
    """Return a number from `least` to `most` as a float, or raise."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not real or not least <= value <= most:
        limit = f" of {least:g} to {most:g}"
        if most == sys.float_info.max:
            limit = "" if least == -most else f" of at least {least:g}"
        raise ModuleError(f"{name} must be a finite number{limit}, not {value!r}")
    return float(value)


def checked_flag(name: str, value: Any) -> bool:
    """Return a bool, or raise."""
    if not isinstance(value, (bool, np.bool_)):
        raise ModuleError(f"{name} is True or False, not {value!r}")
    return bool(value)


def checked_norm(p: Any) -> float:
    """Return the p of a norm, from 1 to infinity, or raise."""
    return p if p == math.inf else checked_number("p", p, least=1.0)


if not TYPE_CHECKING:  # which knows what is missing
    __getattr__ = missing(__name__, INIT)
