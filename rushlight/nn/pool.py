"""Pooling of signals, pictures and volumes."""

from collections.abc import Callable
from typing import Any, ClassVar

from rushlight.core.shapes import Sizes
from rushlight.nn.conv import check_window
from rushlight.nn.module import Module, register
from rushlight.ops.adaptive import (
    OutputSize,
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    check_output_size,
)
from rushlight.ops.pool import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from rushlight.tensor import Tensor


class MaxPool(Module):
    """What poolings by the largest have in common, whatever the number of axes of space."""

    rank: ClassVar[int]
    pool: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = check_window(kernel_size, self.rank)
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.ceil_mode = ceil_mode

    def forward(self, x: Any) -> Tensor:
        return type(self).pool(  # type: ignore[no-any-return]
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )


@register
class MaxPool1d(MaxPool):
    """The largest value of each window of a signal: (n, channels, l) to (n, channels, l').

    Args:
        kernel_size: length of the windows.
        stride, padding, dilation, ceil_mode: as in `MaxPool2d`, for one axis.

    >>> import rushlight as rl
    >>> MaxPool1d(2)(rl.ones(1, 3, 6)).shape
    (1, 3, 3)
    """

    rank = 1
    pool = staticmethod(max_pool1d)


@register
class MaxPool2d(MaxPool):
    """The largest value of each window of a picture: (n, channels, h, w) to (n, channels, h', w').

    Args:
        kernel_size: height and width of the windows; here and below one int or two.
        stride: how far apart the windows are; side by side if left out.
        padding: how far windows reach over the edge, where nothing counts.
        dilation: how far apart the elements of a window are.
        ceil_mode: whether a last window may be only partly inside.

    >>> import rushlight as rl
    >>> MaxPool2d(2)(rl.ones(1, 3, 6, 6)).shape
    (1, 3, 3, 3)
    """

    rank = 2
    pool = staticmethod(max_pool2d)


@register
class MaxPool3d(MaxPool):
    """The largest value of each window: (n, channels, d, h, w) to (n, channels, d', h', w').

    Args:
        kernel_size: depth, height and width of the windows; here and below one int or three.
        stride, padding, dilation, ceil_mode: as in `MaxPool2d`, for three axes.

    >>> import rushlight as rl
    >>> MaxPool3d(2)(rl.ones(1, 3, 6, 6, 6)).shape
    (1, 3, 3, 3, 3)
    """

    rank = 3
    pool = staticmethod(max_pool3d)


class AvgPool(Module):
    """What poolings by the mean have in common, whatever the number of axes of space."""

    rank: ClassVar[int]
    pool: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size = check_window(kernel_size, self.rank)
        self.stride = stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, x: Any) -> Tensor:
        return type(self).pool(  # type: ignore[no-any-return]
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )


@register
class AvgPool1d(AvgPool):
    """The mean of each window of a signal: (n, channels, l) to (n, channels, l').

    Args:
        kernel_size: length of the windows.
        stride, padding, ceil_mode, count_include_pad: as in `AvgPool2d`, for one axis.

    >>> import rushlight as rl
    >>> AvgPool1d(2)(rl.ones(1, 3, 6)).shape
    (1, 3, 3)
    """

    rank = 1
    pool = staticmethod(avg_pool1d)


@register
class AvgPool2d(AvgPool):
    """The mean of each window of a picture: (n, channels, h, w) to (n, channels, h', w').

    Args:
        kernel_size: height and width of the windows; here and below one int or two.
        stride: how far apart the windows are; side by side if left out.
        padding: zeros around the picture on each side.
        ceil_mode: whether a last window may be only partly inside.
        count_include_pad: whether the zeros of the padding count.

    >>> import rushlight as rl
    >>> AvgPool2d(2)(rl.ones(1, 3, 6, 6)).shape
    (1, 3, 3, 3)
    """

    rank = 2
    pool = staticmethod(avg_pool2d)


@register
class AvgPool3d(AvgPool):
    """The mean of each window of a volume: (n, channels, d, h, w) to (n, channels, d', h', w').

    Args:
        kernel_size: depth, height and width of the windows; here and below one int or three.
        stride, padding, ceil_mode, count_include_pad: as in `AvgPool2d`, for three axes.

    >>> import rushlight as rl
    >>> AvgPool3d(2)(rl.ones(1, 3, 6, 6, 6)).shape
    (1, 3, 3, 3, 3)
    """

    rank = 3
    pool = staticmethod(avg_pool3d)


class AdaptivePool(Module):
    """What poolings with a number of windows have in common."""

    rank: ClassVar[int]
    pool: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: OutputSize) -> None:
        check_output_size(output_size, self.rank)
        self.output_size = output_size

    def forward(self, x: Any) -> Tensor:
        return type(self).pool(x, self.output_size)  # type: ignore[no-any-return]


@register
class AdaptiveAvgPool1d(AdaptivePool):
    """The means of windows that cover a signal: (n, channels, l) to (n, channels, l').

    Args:
        output_size: as in `AdaptiveAvgPool2d`, for one axis.

    >>> import rushlight as rl
    >>> AdaptiveAvgPool1d(4)(rl.ones(1, 3, 10)).shape
    (1, 3, 4)
    """

    rank = 1
    pool = staticmethod(adaptive_avg_pool1d)


@register
class AdaptiveAvgPool2d(AdaptivePool):
    """The means of windows that cover a picture: (n, channels, h, w) to (n, channels, h', w').

    Args:
        output_size: how many windows there are: one int, or two for height and width; None for as
            many as there are elements.

    >>> import rushlight as rl
    >>> AdaptiveAvgPool2d(4)(rl.ones(1, 3, 10, 7)).shape
    (1, 3, 4, 4)
    """

    rank = 2
    pool = staticmethod(adaptive_avg_pool2d)


@register
class AdaptiveAvgPool3d(AdaptivePool):
    """The means of windows over a volume: (n, channels, d, h, w) to (n, channels, d', h', w').

    Args:
        output_size: as in `AdaptiveAvgPool2d`, for three axes.

    >>> import rushlight as rl
    >>> AdaptiveAvgPool3d(4)(rl.ones(1, 3, 6, 5, 4)).shape
    (1, 3, 4, 4, 4)
    """

    rank = 3
    pool = staticmethod(adaptive_avg_pool3d)


@register
class AdaptiveMaxPool1d(AdaptivePool):
    """The largest of windows that cover a signal: (n, channels, l) to (n, channels, l').

    Args:
        output_size: as in `AdaptiveMaxPool2d`, for one axis.

    >>> import rushlight as rl
    >>> AdaptiveMaxPool1d(4)(rl.ones(1, 3, 10)).shape
    (1, 3, 4)
    """

    rank = 1
    pool = staticmethod(adaptive_max_pool1d)


@register
class AdaptiveMaxPool2d(AdaptivePool):
    """The largest of windows that cover a picture: (n, channels, h, w) to (n, channels, h', w').

    Args:
        output_size: how many windows there are: one int, or two for height and width; None for as
            many as there are elements.

    >>> import rushlight as rl
    >>> AdaptiveMaxPool2d(4)(rl.ones(1, 3, 10, 7)).shape
    (1, 3, 4, 4)
    """

    rank = 2
    pool = staticmethod(adaptive_max_pool2d)


@register
class AdaptiveMaxPool3d(AdaptivePool):
    """The largest of windows over a volume: (n, channels, d, h, w) to (n, channels, d', h', w').

    Args:
        output_size: as in `AdaptiveMaxPool2d`, for three axes.

    >>> import rushlight as rl
    >>> AdaptiveMaxPool3d(4)(rl.ones(1, 3, 6, 5, 4)).shape
    (1, 3, 4, 4, 4)
    """

    rank = 3
    pool = staticmethod(adaptive_max_pool3d)
