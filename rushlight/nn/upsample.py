"""Layers that change sizes: interpolation, and channels spread over space."""

from collections.abc import Sequence
from typing import Any

from rushlight.nn.init import check_sizes
from rushlight.nn.module import Module, register
from rushlight.ops.resize import Scale, check_resizing, interpolate, pixel_shuffle, pixel_unshuffle
from rushlight.tensor import Tensor


@register
class Upsample(Module):
    """Resizes signals, pictures or volumes: (n, channels, *space) to (n, channels, *space').

    Args:
        size: of the result: one int, or one for each axis of space.
        scale_factor: by how much sizes are multiplied, and rounded down: one number, or one for
            each axis. Either this or `size` is given.
        mode: "nearest", or "linear" of signals, "bilinear" or "bicubic" of pictures, "trilinear" of
            volumes.
        align_corners: whether the centres of the outermost elements, rather than their edges, stay
            where they are. Not for "nearest".

    >>> import rushlight as rl
    >>> Upsample(scale_factor=2, mode="bilinear")(rl.ones(1, 3, 8, 6)).shape
    (1, 3, 16, 12)
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: Scale | None = None,
        mode: str = "nearest",
        align_corners: bool = False,
    ) -> None:
        check_resizing(size, scale_factor, mode, align_corners)
        self.size = size
        self.scale_factor = scale_factor
        self.mode = mode
        self.align_corners = align_corners

    def forward(self, x: Any) -> Tensor:
        return interpolate(  # type: ignore[no-any-return]
            x, self.size, self.scale_factor, self.mode, self.align_corners
        )


@register
class PixelShuffle(Module):
    """Makes squares of pixels of groups of channels: (..., c * f², h, w) to (..., c, h * f, w * f).

    Args:
        factor: the side of the squares.

    >>> import rushlight as rl
    >>> PixelShuffle(2)(rl.ones(1, 12, 4, 5)).shape
    (1, 3, 8, 10)
    """

    def __init__(self, factor: int) -> None:
        check_sizes(factor=factor)
        self.factor = factor

    def forward(self, x: Any) -> Tensor:
        return pixel_shuffle(x, self.factor)  # type: ignore[no-any-return]


@register
class PixelUnshuffle(Module):
    """Makes groups of channels of squares of pixels: (..., c, h * f, w * f) to (..., c * f², h, w).

    Args:
        factor: the side of the squares.

    >>> import rushlight as rl
    >>> PixelUnshuffle(2)(rl.ones(1, 3, 8, 10)).shape
    (1, 12, 4, 5)
    """

    def __init__(self, factor: int) -> None:
        check_sizes(factor=factor)
        self.factor = factor

    def forward(self, x: Any) -> Tensor:
        return pixel_unshuffle(x, self.factor)  # type: ignore[no-any-return]
