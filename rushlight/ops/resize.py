"""Sizes changed: interpolation along each axis of space, and channels spread over space.

Interpolation is a product with a small matrix along one axis after another, as the weights of two
or four neighbours are the same for all lines. The nearest element is taken as it is.
"""

from collections.abc import Sequence
from math import floor, isfinite
from typing import Any

import numpy as np

from rushlight.core.bind import as_value, op
from rushlight.core.errors import DTypeError, ShapeError, UsageError, did_you_mean
from rushlight.core.primitive import Array
from rushlight.core.shapes import as_shape, for_axes, size_of
from rushlight.ops.convolution import AXES, check_floats
from rushlight.ops.gather import taken_along
from rushlight.ops.matmul import product_along
from rushlight.ops.movement import broadcast_to

MODES = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}  # with their numbers of axes
SHARPNESS = -0.75  # of the cubic convolution (Keys 1981), as in PyTorch

Scale = float | Sequence[float]


@op
def interpolate(
    x: Any,
    size: int | Sequence[int] | None = None,
    scale_factor: Scale | None = None,
    mode: str = "nearest",
    align_corners: bool = False,
) -> Any:
    """Return a batch of signals, images or volumes resized along its axes of space.

    Args:
        x: (batch, channels, *space), with 1 to 3 axes of space.
        size: of the result: one int, or one for each axis of space.
        scale_factor: by how much sizes are multiplied, and rounded down: one number, or one for
            each axis. Either this or `size` is given.
        mode: "nearest", or "linear" of signals, "bilinear" or "bicubic" of images, "trilinear" of
            volumes.
        align_corners: whether the centres of the outermost elements, rather than their edges, stay
            where they are. Not for "nearest".

    Raises:
        ShapeError: if there is nothing, or there would be, or `x` has other axes.
        UsageError: if the mode is none of these or does not go with `x`, or not one of `size` and
            `scale_factor` is given.
        DTypeError: if numbers that are no floats would be mixed.

    >>> import rushlight as rl
    >>> x = rl.tensor([[[0.0, 4.0]]])
    >>> interpolate(x, scale_factor=2), interpolate(x, size=4, mode="linear")
    (tensor([[[0., 0., 4., 4.]]]), tensor([[[0., 1., 3., 4.]]]))
    """
    x = as_value(x)
    check_resizing(size, scale_factor, mode, align_corners)
    _check_axes(x, mode)
    sizes, scales = _sizes(x.shape[2:], size, scale_factor)
    if mode == "nearest":
        return _nearest(x, sizes, scales)
    check_floats(x.spec)
    weights = _cubic_weights if mode == "bicubic" else _linear_weights
    for axis, (n, o, scale) in enumerate(zip(x.shape[2:], sizes, scales, strict=True), 2):
        if n != o or scale not in (None, 1.0):
            x = product_along(x, axis, weights(n, _centres(n, o, scale, align_corners)))
    return x


@op
def pixel_shuffle(x: Any, factor: int) -> Any:
    """Return (..., channels * factor², h, w) as (..., channels, h * factor, w * factor).

    Each group of factor² channels becomes a square of pixels (Shi et al. 2016).

    Raises:
        ShapeError: if the channels are no multiple of factor².

    >>> import rushlight as rl
    >>> pixel_shuffle(rl.arange(4).reshape(1, 4, 1, 1), 2)
    tensor([[[[0, 1],
              [2, 3]]]])
    """
    x, r = as_value(x), _checked_factor(factor)
    *batch, channels, height, width = _with_channels(x)
    if channels % r**2:
        fact = f"{channels} channels do not make squares of {r} x {r} pixels"
        raise ShapeError(fact, hint=f"there must be a multiple of {r**2}")
    n = size_of(tuple(batch))
    split = x.reshape(n, channels // r**2, r, r, height, width).permute(0, 1, 4, 2, 5, 3)
    return split.reshape(*batch, channels // r**2, height * r, width * r)


@op
def pixel_unshuffle(x: Any, factor: int) -> Any:
    """Return (..., channels, h * factor, w * factor) as (..., channels * factor², h, w).

    It undoes `pixel_shuffle`: each square of pixels becomes a group of channels.

    Raises:
        ShapeError: if height or width is no multiple of factor.

    >>> import rushlight as rl
    >>> pixel_unshuffle(rl.arange(4).reshape(1, 1, 2, 2), 2).shape
    (1, 4, 1, 1)
    """
    x, r = as_value(x), _checked_factor(factor)
    *batch, channels, height, width = _with_channels(x)
    for size, what in ((height, "height"), (width, "width")):
        if size % r:
            raise ShapeError(f"a {what} of {size} does not split into squares of {r} x {r} pixels")
    n = size_of(tuple(batch))
    split = x.reshape(n, channels, height // r, r, width // r, r).permute(0, 1, 3, 5, 2, 4)
    return split.reshape(*batch, channels * r**2, height // r, width // r)


def check_resizing(size: Any, scale_factor: Any, mode: Any, align_corners: Any) -> None:
    """Raise unless the options go together."""
    if mode not in ("nearest", *MODES):
        hint = did_you_mean(str(mode), ("nearest", *MODES))
        raise UsageError(f"there is no mode {mode!r}", hint=hint)
    if (size is None) == (scale_factor is None):
        both = "neither" if size is None else "both"
        raise UsageError(f"one of size and scale_factor is given, not {both}")
    if align_corners and mode == "nearest":
        modes = ", ".join(MODES)
        raise UsageError("align_corners does not go with 'nearest'", hint=f"it does with {modes}")
    for wanted in () if size is None else as_shape(size):
        if wanted < 1:
            raise ShapeError(f"a size is at least 1, not {wanted}")
    for scale in () if scale_factor is None else _each(scale_factor):
        if not isinstance(scale, (int, float, np.number)) or not isfinite(scale) or scale <= 0:
            raise DTypeError(f"a scale_factor is a number above 0, not {scale!r}")


def _check_axes(x: Any, mode: str) -> None:
    """Raise unless x has as many axes of space as the mode is for."""
    rank = len(x.shape) - 2
    if rank not in AXES:
        fact = f"x has {len(x.shape)} axes, not 3 to 5 (batch, channels, *space)"
        raise ShapeError(fact)
    takes = MODES.get(mode, rank)
    if takes != rank:
        fitting = next(name for name, number in MODES.items() if number == rank)
        fact = f"{mode!r} is for {takes} axes of space, x has {rank}"
        raise UsageError(fact, hint=f"mode={fitting!r} is for x")


def _sizes(
    before: Sequence[int], size: Any, scale_factor: Any
) -> tuple[list[int], list[float | None]]:
    """Return the sizes after, and the scales where those were given."""
    rank = len(before)
    scales: list[float | None] = [None] * rank
    if size is not None:
        after = list(for_axes(size, rank, "size"))
    else:
        given = _scales(scale_factor, rank)
        after = [floor(n * scale) for n, scale in zip(before, given, strict=True)]
        scales = [*given]
    for n, o, what in zip(before, after, AXES[rank], strict=True):
        if min(n, o) < 1:
            raise ShapeError(f"a {what} of {n} cannot become {o}: both are at least 1")
    return after, scales


def _each(scale_factor: Any) -> list[Any]:
    """Return the numbers of a scale factor, one or several."""
    return list(scale_factor) if isinstance(scale_factor, (tuple, list)) else [scale_factor]


def _scales(scale_factor: Any, rank: int) -> list[float]:
    given = [float(scale) for scale in _each(scale_factor)]
    if len(given) not in (1, rank):
        numbers = {1: "", 2: " or two", 3: " or three"}[rank]
        raise ShapeError(f"scale_factor takes one number{numbers}, not {scale_factor!r}")
    return given if len(given) == rank else given * rank


def _nearest(x: Any, sizes: Sequence[int], scales: Sequence[float | None]) -> Any:
    """Return each element of the result as the one of `x` that its place falls on."""
    before = x.shape[2:]
    sides = list(zip(before, sizes, scales, strict=True))
    if all(o % n == 0 and scale in (None, o / n) for n, o, scale in sides):
        apart = [part for n in before for part in (n, 1)]
        spread = [part for n, o, _ in sides for part in (n, o // n)]
        wide = broadcast_to(x.reshape(*x.shape[:2], *apart), (*x.shape[:2], *spread))
        return wide.reshape(*x.shape[:2], *sizes)
    for axis, (n, o, scale) in enumerate(sides, 2):
        ratio = np.float32(n / o if scale is None else 1 / scale)
        places = np.floor(np.arange(o, dtype=np.float32) * ratio).astype(np.int64)
        x = taken_along(x, axis, np.minimum(places, n - 1))
    return x


def _centres(n: int, o: int, scale: float | None, align_corners: bool) -> Array:
    """Return where in an axis of n elements the centres of o lie, which may be outside."""
    if align_corners:
        return np.arange(o) * ((n - 1) / (o - 1) if o > 1 else 0.0)
    return (np.arange(o) + 0.5) * (n / o if scale is None else 1 / scale) - 0.5


def _linear_weights(n: int, centres: Array) -> Array:
    """Return the matrix (before, after) that mixes the two neighbours of each centre."""
    centres = np.clip(centres, 0.0, n - 1)
    low = np.floor(centres)
    share = centres - low
    return _matrix(n, [(low, 1.0 - share), (low + 1, share)])


def _cubic_weights(n: int, centres: Array) -> Array:
    """Return the matrix (before, after) that mixes the four neighbours of each centre."""
    low = np.floor(centres)
    share, a = centres - low, SHARPNESS

    def near(d: Array) -> Array:  # up to 1 away
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: Array) -> Array:  # 1 to 2 away
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    weights = [far(share + 1), near(share), near(1 - share), far(2 - share)]
    return _matrix(n, [(low + offset, weights[offset + 1]) for offset in range(-1, 3)])


def _matrix(n: int, neighbours: Sequence[tuple[Array, Array]]) -> Array:
    """Return the matrix of weights; what lies outside counts for the outermost element."""
    matrix = np.zeros((n, len(neighbours[0][0])))
    for places, weights in neighbours:
        rows = np.clip(places, 0, n - 1).astype(np.int64)
        np.add.at(matrix, (rows, np.arange(len(rows))), weights)
    return matrix


def _checked_factor(factor: Any) -> int:
    if not isinstance(factor, (int, np.integer)) or isinstance(factor, bool) or factor < 1:
        raise DTypeError(f"a factor is an int of at least 1, not {factor!r}")
    return int(factor)


def _with_channels(x: Any) -> tuple[int, ...]:
    """Return the shape of an image, or raise."""
    if len(x.shape) < 3:
        raise ShapeError(f"x has {len(x.shape)} axes, not 3 or more (..., channels, height, width)")
    shape: tuple[int, ...] = x.shape
    return shape
