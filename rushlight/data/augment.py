"""Pictures changed at random in training: moved, turned, mirrored, cut, made noisy.

Each step takes a batch of pictures (n, height, width) or (n, channels, height, width) and gives
such a batch; what comes with it, labels say, goes through. Steps are written with tensor ops, so
as a loader's `prepare` they become part of the compiled training step, and run in C. Random
numbers come from the default generator: `rl.manual_seed` begins them, a checkpoint keeps them.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.core.advice import AUGMENT, missing
from rushlight.core.errors import DTypeError, ShapeError, UsageError
from rushlight.ops.elementwise import floor, where
from rushlight.random import default_generator
from rushlight.tensor import Tensor, as_tensor

LAYOUT = "pictures are (n, height, width) or (n, channels, height, width)"


class Step(ABC):
    """A change of pictures: `step(pictures)`, or `step(pictures, labels)` for both."""

    def __call__(self, pictures: Any, *others: Any) -> Any:
        """Return the changed pictures, and the others as they are."""
        x = as_tensor(pictures)
        if x.ndim not in (3, 4):
            raise ShapeError(f"{LAYOUT}, not {x.shape}")
        if 0 in x.shape:
            raise ShapeError(f"there are no pictures in {x.shape}")
        whole = x if x.ndim == 4 else x.unsqueeze(1)
        changed = self.change(whole)
        changed = changed if x.ndim == 4 else changed.squeeze(1)
        return (changed, *others) if others else changed

    @abstractmethod
    def change(self, x: Tensor) -> Tensor:
        """Return what becomes of pictures (n, channels, height, width)."""


class Augment(Step):
    """Several steps, one after another.

    >>> import rushlight as rl
    >>> from rushlight.data import augment
    >>> steps = augment.Augment(augment.Normalise(), augment.Shift(2), augment.Rotate(10))
    >>> pictures, labels = steps(rl.zeros(5, 28, 28), rl.zeros(5))
    >>> pictures.shape, labels.shape
    ((5, 28, 28), (5,))
    """

    def __init__(self, *steps: Step) -> None:
        for step in steps:
            if not isinstance(step, Step):
                raise UsageError(f"{step!r:.40} is no step", hint="Augment(Shift(2), Rotate(10))")
        self.steps = steps

    def change(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = step.change(x)
        return x


@dataclass(frozen=True)
class Normalise(Step):
    """Turns pixels into float32 numbers: (pixel * scale - mean) / std.

    Args:
        mean: one number, or one for each channel.
        std: likewise, above 0.
        scale: 1/255 brings the pixels of bytes to 0 to 1.

    >>> Normalise(mean=0.5, std=0.5)(np.array([[[0, 255]]], np.uint8))
    tensor([[[-1.,  1.]]])
    """

    mean: float | Sequence[float] = 0.0
    std: float | Sequence[float] = 1.0
    scale: float = 1 / 255

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            value = getattr(self, name)
            numbers = value if isinstance(value, (tuple, list)) else [value]
            for number in numbers:
                _check(f"a {name}", number, -math.inf if name == "mean" else 0, strict=True)
        _check("scale", self.scale, 0, strict=True)

    def change(self, x: Tensor) -> Tensor:
        numbers: Any = x.cast("float32") * self.scale
        return (numbers - self._each(self.mean, x)) / self._each(self.std, x)  # type: ignore[no-any-return]

    def _each(self, values: Any, x: Tensor) -> Any:
        if not isinstance(values, (tuple, list)):
            return float(values)
        if len(values) != x.shape[1]:
            raise ShapeError(f"{len(values)} numbers for pictures of {x.shape[1]} channels")
        return as_tensor(np.array(values, np.float32).reshape(-1, 1, 1))


@dataclass(frozen=True)
class Shift(Step):
    """Moves each picture by whole pixels, up to `most` either way; what is laid bare is `fill`.

    >>> Shift(0)(np.array([[[1.0, 2.0]]]))
    tensor([[[1., 2.]]], dtype=float64)
    """

    most: int
    fill: float = 0

    def __post_init__(self) -> None:
        _check_count("most", self.most)

    def change(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        moved = default_generator.integers(-self.most, self.most + 1, (2, n, 1))
        return _picked(x, _numbers(height) - moved[0], _numbers(width) - moved[1], self.fill)


@dataclass(frozen=True)
class Flip(Step):
    """Mirrors pictures, left to right or top to bottom, each with a probability of its own.

    >>> Flip(horizontal=1.0)(np.array([[[1.0, 2.0]]]))
    tensor([[[2., 1.]]], dtype=float64)
    """

    horizontal: float = 0.5
    vertical: float = 0.0

    def __post_init__(self) -> None:
        _check("horizontal", self.horizontal, 0, 1)
        _check("vertical", self.vertical, 0, 1)

    def change(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        drawn = default_generator.uniform((2, n, 1))
        rows, columns = _numbers(height), _numbers(width)
        rows = where(drawn[0] < self.vertical, height - 1 - rows, rows)
        columns = where(drawn[1] < self.horizontal, width - 1 - columns, columns)
        return _picked(x, rows, columns, 0)


@dataclass(frozen=True)
class RandomCrop(Step):
    """Cuts a part of height and width `size` out of each picture, at a place of its own.

    Args:
        size: pixels of a side of what is left.
        padding: pixels of `fill` that are put around each picture first.
        fill: their value.

    Raises ShapeError for pictures that are smaller.

    >>> RandomCrop(20, padding=2)(np.zeros((5, 3, 24, 24), np.uint8)).shape
    (5, 3, 20, 20)
    """

    size: int
    padding: int = 0
    fill: float = 0

    def __post_init__(self) -> None:
        _check_count("size", self.size, least=1)
        _check_count("padding", self.padding)

    def change(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        room = [side + 2 * self.padding - self.size for side in (height, width)]
        if min(room) < 0:
            raise ShapeError(f"no {self.size}x{self.size} pixels in pictures of {height}x{width}")
        top, left = [default_generator.integers(0, most + 1, (n, 1)) for most in room]
        inner = _numbers(self.size) - self.padding
        return _picked(x, inner + top, inner + left, self.fill)


@dataclass(frozen=True)
class Rotate(Step):
    """Turns each picture around its middle by up to `degrees` either way.

    Between pixels the four nearest are weighed (bilinear); what comes in from outside is `fill`.
    Pictures are floats.

    >>> Rotate(0.0)(np.array([[[1.0, 2.0]]]))
    tensor([[[1., 2.]]], dtype=float64)
    """

    degrees: float
    fill: float = 0

    def __post_init__(self) -> None:
        _check("degrees", self.degrees, 0, 360)

    def change(self, x: Tensor) -> Tensor:
        _check_floats(x, "turned")
        n, _, height, width = x.shape
        most = math.radians(self.degrees)
        angle: Any = default_generator.uniform((n, 1, 1), -most, most)
        down = _numbers(height, "float32").unsqueeze(1) - (height - 1) / 2
        right = _numbers(width, "float32") - (width - 1) / 2
        rows = right * angle.sin() + down * angle.cos() + (height - 1) / 2
        columns = right * angle.cos() - down * angle.sin() + (width - 1) / 2
        return _sampled(x, rows, columns, self.fill)


@dataclass(frozen=True)
class Noise(Step):
    """Adds normally distributed numbers to each pixel, of standard deviation `std`.

    >>> Noise(0.0)(np.array([[[1.0, 2.0]]]))
    tensor([[[1., 2.]]], dtype=float64)
    """

    std: float

    def __post_init__(self) -> None:
        _check("std", self.std, 0)

    def change(self, x: Tensor) -> Tensor:
        _check_floats(x, "made noisy")
        noise: Any = default_generator.normal(x.shape).cast(x.dtype)
        return x + noise * self.std  # type: ignore[no-any-return]


def _numbers(count: int, dtype: str = "int64") -> Any:
    return as_tensor(np.arange(count, dtype=dtype))


def _picked(x: Tensor, rows: Any, columns: Any, fill: float) -> Tensor:
    """Return the pixels in rows (n, H) and columns (n, W) of each picture, `fill` outside."""
    n, channels, height, width = x.shape
    above, beside = rows.shape[-1], columns.shape[-1]
    inside = _within(rows, height).unsqueeze(2) & _within(columns, width).unsqueeze(1)
    at_row = rows.clip(0, height - 1).reshape(n, 1, above, 1)
    at_column = columns.clip(0, width - 1).reshape(n, 1, 1, beside)
    picked = x.gather(2, at_row.broadcast_to(n, channels, above, width))
    picked = picked.gather(3, at_column.broadcast_to(n, channels, above, beside))
    return where(inside.unsqueeze(1), picked, fill).cast(x.dtype)  # type: ignore[no-any-return]


def _sampled(x: Tensor, rows: Any, columns: Any, fill: float) -> Tensor:
    """Return what is at rows and columns (n, H, W), which lie between the pixels."""
    n, channels, height, width = x.shape
    pixels = x.reshape(n, channels, height * width)
    top, left = floor(rows), floor(columns)
    below, beyond = rows - top, columns - left
    total: Any = 0.0
    for row, by_row in ((top, 1.0 - below), (top + 1.0, below)):
        for column, by_column in ((left, 1.0 - beyond), (left + 1.0, beyond)):
            place = row.clip(0, height - 1) * float(width) + column.clip(0, width - 1)
            place = place.cast("int64").reshape(n, 1, height * width)
            found = pixels.gather(2, place.broadcast_to(n, channels, height * width))
            inside = _within(row, height) & _within(column, width)
            found = found.reshape(n, channels, height, width)
            weight = (by_row * by_column).cast(x.dtype).unsqueeze(1)
            total = total + where(inside.unsqueeze(1), found, fill) * weight
    return total  # type: ignore[no-any-return]


def _within(places: Any, count: int) -> Any:
    return (places >= 0) & (places <= count - 1)


def _check_floats(x: Tensor, what: str) -> None:
    if not x.dtype.is_float:
        hint = "put Normalise() first"
        raise DTypeError(f"pictures of floats are {what}, not {x.dtype}", hint=hint)


def _check(name: str, value: Any, low: float, high: float = math.inf, strict: bool = False) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise UsageError(f"{name} is a finite number, not {value!r:.40}")
    if value < low or value > high or (strict and value == low):
        bounds = f"above {low}" if strict else f"at least {low}"
        most = "" if high == math.inf else f" and at most {high}"
        raise UsageError(f"{name} is {bounds}{most}, not {value}")


def _check_count(name: str, value: Any, least: int = 0) -> None:
    if type(value) is not int or value < least:
        raise UsageError(f"{name} is an int of {least} or more, not {value!r:.40}")


if not TYPE_CHECKING:  # which knows what is missing
    __getattr__ = missing(__name__, AUGMENT)
