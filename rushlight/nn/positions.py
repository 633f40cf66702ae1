"""Where in a sequence a vector stands: positions added to it, turned into it, or kept in scores."""

import math
from typing import Any

import numpy as np

from rushlight.core.bind import op
from rushlight.core.errors import BoundsError, DTypeError, ModuleError, ShapeError
from rushlight.nn.init import by_name, check_sizes, checked_flag, checked_number
from rushlight.nn.module import Module, Parameter, register
from rushlight.ops.gather import take
from rushlight.ops.movement import concat, stack
from rushlight.tensor import Tensor, as_tensor

BASE = 10_000.0  # of the wavelengths, as in both papers


@register
class SinusoidalPositions(Module):
    """Adds waves of the position: (..., time, width) gives the same shape. Vaswani et al. 2017.

    Numbers 2i and 2i + 1 of position p get sin(p / base^(2i / width)) and the cosine of that.

    Args:
        width: numbers in each vector, an even number.
        base: by which the waves get longer, from the first numbers to the last.

    >>> import rushlight as rl
    >>> SinusoidalPositions(2)(rl.zeros(3, 2))
    tensor([[ 0.       ,  1.       ],
            [ 0.841471 ,  0.5403023],
            [ 0.9092974, -0.4161468]])
    """

    def __init__(self, width: int, base: float = BASE) -> None:
        self.width = _checked_even("width", width)
        self.base = checked_number("base", base, least=1.0)

    def forward(self, x: Any, start: Any = 0) -> Tensor:
        x = _floats(x)
        if x.ndim < 2 or x.shape[-1] != self.width:
            raise ShapeError(f"the input is (..., time, {self.width}), not {x.shape}")
        angles = _angles(start, x.shape[-2], self.width, self.base)
        waves = stack([angles.sin(), angles.cos()], -1).reshape(x.shape[-2:])
        return x + waves.cast(x.dtype)  # type: ignore[no-any-return]


@register
class LearnedPositions(Module):
    """Adds a trained vector for each position: (..., time, width) gives the same shape.

    Args:
        length: of the longest sequence.
        width: numbers in each vector.
        init: name of an initialiser for the vectors; "normal" as for an embedding.

    >>> import rushlight as rl
    >>> LearnedPositions(10, 4)(rl.zeros(2, 3, 4)).shape
    (2, 3, 4)
    """

    def __init__(self, length: int, width: int, init: str = "normal") -> None:
        check_sizes(length=length, width=width)
        self.length = length
        self.weight = Parameter(by_name(init)((length, width)))

    def forward(self, x: Any, start: Any = 0) -> Tensor:
        x = as_tensor(x)
        time = x.shape[-2] if x.ndim > 1 else 0
        if time > self.length or x.shape[1:][-1:] != self.weight.shape[1:]:
            wanted = f"(..., up to {self.length}, {self.weight.shape[1]})"
            raise ShapeError(f"the input is {wanted}, not {x.shape}")
        start = _checked_start(start)
        if isinstance(start, int):
            if start + time > self.length:
                fact = f"there are {self.length} positions, not {start + time}"
                raise BoundsError(fact, hint="a length= for the longest sequence")
            return x + self.weight[start : start + time]  # type: ignore[no-any-return]
        # What is beyond the end is padding, whose vectors nobody reads.
        places = (as_tensor(np.arange(time)) + start).clip(high=self.length - 1)
        return x + take(self.weight, places)  # type: ignore[no-any-return]


@register
class RotaryPositions(Module):
    """Turns pairs of numbers of queries or keys by angles that grow with the position.

    (..., time, size) gives the same shape. A product of two such vectors depends on their distance
    alone. RoFormer, Su et al. 2021.

    Args:
        size: numbers in a head's vector, an even number.
        base: by which the turns get slower, from the first pair to the last.
        halves: whether number i is paired with i + size / 2, as in Llama's files at Hugging Face,
            and not 2i with 2i + 1, as in the paper.

    >>> import rushlight as rl
    >>> RotaryPositions(2)(rl.tensor([[1.0, 0.0], [1.0, 0.0]]))
    tensor([[1.       , 0.       ],
            [0.5403023, 0.841471 ]])
    """

    def __init__(self, size: int, base: float = BASE, halves: bool = False) -> None:
        self.size = _checked_even("size", size)
        self.base = checked_number("base", base, least=1.0)
        self.halves = checked_flag("halves", halves)

    def forward(self, x: Any, start: Any = 0) -> Tensor:
        x = as_tensor(x)
        if x.shape[-1:] != (self.size,):
            raise ShapeError(f"the input is (..., time, {self.size}), not {x.shape}")
        return rotary(x, start, self.base, self.halves)


@register
class ALiBi(Module):
    """Lets the scores of attention fall with distance, in each head at a speed of its own.

    Press et al. 2022. It is given to MultiHeadAttention as `positions`.

    Args:
        heads: how many.

    >>> ALiBi(4).slopes
    tensor([0.25      , 0.0625    , 0.015625  , 0.00390625])
    """

    def __init__(self, heads: int) -> None:
        check_sizes(heads=heads)
        self.slopes = as_tensor(np.array(_slopes(heads), np.float32))

    def forward(self, x: Any, start: Any = 0) -> Tensor:
        return as_tensor(x)  # queries and keys stay as they are


@op
def rotary(x: Any, start: Any = 0, base: float = BASE, halves: bool = False) -> Tensor:
    """Return vectors whose pairs of numbers are turned by angles that grow with the position.

    Args:
        x: (..., time, size), the size an even number.
        start: the position of the first vector, an int or an int tensor.
        base: as for RotaryPositions.
        halves: likewise.

    >>> import rushlight as rl
    >>> rotary(rl.tensor([[1.0, 0.0]]), start=1)
    tensor([[0.5403023, 0.841471 ]])
    """
    x = _floats(x)
    base = checked_number("base", base, least=1.0)
    if x.ndim < 2 or x.shape[-1] % 2 or not x.shape[-1]:
        raise ShapeError(f"the input is (..., time, an even size), not {x.shape}")
    time, size = x.shape[-2:]
    angles = _angles(start, time, size, base)
    cos, sin = angles.cos().cast(x.dtype), angles.sin().cast(x.dtype)
    if halves:
        one, other = x[..., : size // 2], x[..., size // 2 :]
        return concat([one * cos - other * sin, other * cos + one * sin], -1)  # type: ignore[no-any-return]
    one, other = x[..., 0::2], x[..., 1::2]
    turned = stack([one * cos - other * sin, other * cos + one * sin], -1)
    return turned.reshape(x.shape)  # type: ignore[no-any-return]


def _angles(start: Any, time: int, size: int, base: float) -> Any:
    """Return p / base^(2i / size) for positions from `start` on: float32 (time, size / 2)."""
    places: Any = as_tensor(np.arange(time)) + _checked_start(start)
    slower = base ** -(np.arange(0, size, 2) / size)
    return places.cast("float32").unsqueeze(1) * as_tensor(slower.astype(np.float32))


def _checked_start(start: Any) -> Any:
    """Return where the first vector stands, an int or an int tensor without axes, or raise."""
    if isinstance(start, (int, np.integer)) and not isinstance(start, bool) and start >= 0:
        return int(start)
    if not isinstance(start, Tensor):
        raise ModuleError(f"start is an int of at least 0 or an int tensor, not {start!r:.40}")
    if start.dtype.kind not in ("int", "uint") or start.shape != ():
        raise DTypeError(f"start is an int tensor without axes, not {start.spec}")
    return start


def _floats(x: Any) -> Tensor:
    x = as_tensor(x)
    if not x.dtype.is_float:
        hint = "rl.nn.Embedding(count, width) makes vectors of ids"
        raise DTypeError(f"it takes floats, not {x.dtype}", hint=hint)
    return x  # type: ignore[no-any-return]


def _slopes(heads: int) -> list[float]:
    """Return 2^(-8/n), 2^(-16/n), ... for a power of two n.

    For other numbers those of the next lower power, and every other one of the next higher.
    """
    if heads & (heads - 1) == 0:
        return [2.0 ** (-8.0 * (head + 1) / heads) for head in range(heads)]
    lower = 1 << int(math.log2(heads))
    return _slopes(lower) + _slopes(2 * lower)[0::2][: heads - lower]


def _checked_even(name: str, size: Any) -> int:
    check_sizes(**{name: size})
    if size % 2:
        raise ModuleError(f"{name} is an even number, not {size}")
    return int(size)
