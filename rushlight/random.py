"""Random tensors from generators whose state is a tensor, so that a trace carries it along."""

import math
from typing import Any

import numpy as np

from rushlight.core.bind import bind, op
from rushlight.core.dtypes import int64
from rushlight.core.errors import DTypeError, ShapeError
from rushlight.core.shapes import as_shape
from rushlight.ops.elementwise import bits_to_uniform, floor
from rushlight.ops.random import random_bits_p
from rushlight.tensor import Tensor, check_device


def _state(seed: int) -> Any:
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or not 0 <= seed < 1 << 64:
        raise DTypeError(f"a seed is an int from 0 to 2^64 - 1, not {seed!r}")
    return np.array([seed & 0xFFFFFFFF, int(seed) >> 32, 0, 0], np.uint32)


class Generator:
    """A stream of random numbers: Philox4x32-10 with its state in a uint32 tensor (4,).

    >>> Generator(0).uniform((2,)).tolist() == Generator(0).uniform((2,)).tolist()
    True
    """

    def __init__(self, seed: int = 0) -> None:
        self.state = Tensor.wrap(_state(seed))  # an array, even where a function is being traced
        self.state.name = "random"

    def manual_seed(self, seed: int) -> None:
        """Begin the stream of `seed`, an int of 64 bits."""
        self.state.assign(Tensor(_state(seed)))

    def bits(self, shape: Any) -> Tensor:
        """Return random uint32."""
        bits, following = bind(random_bits_p, self.state, shape=as_shape(shape))
        self.state.assign(following)
        return bits  # type: ignore[no-any-return]

    def uniform(self, shape: Any, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return float32 spread evenly over [low, high)."""
        uniform: Tensor = bits_to_uniform(self.bits(shape))
        return uniform if (low, high) == (0.0, 1.0) else uniform * (high - low) + low

    def normal(self, shape: Any, mean: float = 0.0, std: float = 1.0) -> Tensor:
        """Return normally distributed float32, by Box and Muller (1958)."""
        shape = as_shape(shape)
        u = self.uniform((2, *shape))
        radius = ((1.0 - u[0]).log() * -2.0).sqrt()
        normal: Tensor = radius * (u[1] * (2.0 * math.pi)).cos()
        return normal if (mean, std) == (0.0, 1.0) else normal * std + mean

    def integers(self, low: int, high: int, shape: Any) -> Tensor:
        """Return int64 from `low` up to, without, `high` (at most 2^24 apart)."""
        if not 0 < high - low <= 1 << 24:
            raise ShapeError(
                f"integers from {low} to {high}: the range must hold 1 to 2^24 of them"
            )
        return floor(self.uniform(shape) * float(high - low)).cast(int64) + low  # type: ignore[no-any-return]


default_generator = Generator(0)


def manual_seed(seed: int) -> None:
    """Begin the stream of `seed` in the default generator.

    >>> manual_seed(1)
    >>> first = rand(2).tolist()
    >>> manual_seed(1)
    >>> rand(2).tolist() == first
    True
    """
    default_generator.manual_seed(seed)


@op
def rand(*shape: Any, generator: Generator | None = None, device: str = "cpu") -> Tensor:
    """Return float32 spread evenly over [0, 1).

    >>> rand(2, 3).shape
    (2, 3)
    """
    check_device(device)
    return (generator or default_generator).uniform(shape[0] if len(shape) == 1 else shape)


@op
def randn(*shape: Any, generator: Generator | None = None, device: str = "cpu") -> Tensor:
    """Return float32 of the standard normal distribution.

    >>> randn(2, 3).shape
    (2, 3)
    """
    check_device(device)
    return (generator or default_generator).normal(shape[0] if len(shape) == 1 else shape)


@op
def randint(
    low: int,
    high: int,
    shape: Any,
    generator: Generator | None = None,
    device: str = "cpu",
) -> Tensor:
    """Return int64 from `low` up to, without, `high`.

    >>> randint(0, 10, (3,)).dtype
    int64
    """
    check_device(device)
    return (generator or default_generator).integers(low, high, shape)
