"""Convolutions of signals, pictures and volumes, and transposed ones, which undo their shapes."""

from collections.abc import Callable
from typing import Any, ClassVar

from rushlight.core.errors import ModuleError
from rushlight.core.shapes import Shape, Sizes, for_axes
from rushlight.nn.init import check_sizes, weight_and_bias
from rushlight.nn.module import Module, Parameter, register
from rushlight.ops.conv import (
    Padding,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from rushlight.ops.convolution import AXES
from rushlight.tensor import Tensor


class Convolution(Module):
    """What convolutions have in common, whatever the number of axes of space."""

    rank: ClassVar[int]  # how many axes of space there are
    convolve: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        init: str | None = None,
    ) -> None:
        _check_channels(in_channels, out_channels, groups)
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        kernel = check_window(kernel_size, self.rank)
        weight, start = weight_and_bias((out_channels, in_channels // groups, *kernel), init)
        self.weight = Parameter(weight)
        self.bias = Parameter(start) if bias else None

    def forward(self, x: Any) -> Tensor:
        return type(self).convolve(  # type: ignore[no-any-return]
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )


@register
class Conv1d(Convolution):
    """Slides windows of weights over signals: (n, in_channels, l) to (n, out_channels, l').

    Args:
        in_channels, out_channels: of the signals that come in, and of those that go out.
        kernel_size: length of the windows.
        stride, padding, dilation, groups, bias, init: as in `Conv2d`, for one axis.

    >>> import rushlight as rl
    >>> Conv1d(3, 8, 5, padding="same")(rl.ones(2, 3, 100)).shape
    (2, 8, 100)
    """

    rank = 1
    convolve = staticmethod(conv1d)


@register
class Conv2d(Convolution):
    """Slides windows of weights over pictures: (n, in_channels, h, w) to (n, out_channels, h', w').

    Args:
        in_channels: of the pictures that come in.
        out_channels: of those that go out: how many windows there are.
        kernel_size: height and width of the windows; here and below one int or two.
        stride: how far apart the windows are.
        padding: zeros around the picture on each side; "same" keeps its size.
        dilation: how far apart the elements of a window are.
        groups: into how many parts, which know nothing of each other, the channels are split.
        bias: whether there is one for each channel that goes out.
        init: name of an initialiser for the weights, with which the bias begins at zero; without
            one both begin uniform in ±1/sqrt(in_channels / groups * window), as in PyTorch.

    >>> import rushlight as rl
    >>> Conv2d(1, 32, 5)(rl.ones(2, 1, 28, 28)).shape
    (2, 32, 24, 24)
    """

    rank = 2
    convolve = staticmethod(conv2d)


@register
class Conv3d(Convolution):
    """Slides windows over volumes: (n, in_channels, d, h, w) to (n, out_channels, d', h', w').

    Args:
        in_channels, out_channels: of the volumes that come in, and of those that go out.
        kernel_size: depth, height and width of the windows; here and below one int or three.
        stride, padding, dilation, groups, bias, init: as in `Conv2d`, for three axes.

    >>> import rushlight as rl
    >>> Conv3d(1, 4, 3)(rl.ones(2, 1, 8, 8, 8)).shape
    (2, 4, 6, 6, 6)
    """

    rank = 3
    convolve = staticmethod(conv3d)


class TransposedConvolution(Module):
    """What transposed convolutions have in common, whatever the number of axes of space."""

    rank: ClassVar[int]  # how many axes of space there are
    convolve: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        init: str | None = None,
    ) -> None:
        _check_channels(in_channels, out_channels, groups)
        self.stride = stride
        self.padding = padding
        self.output_padding = output_padding
        self.groups = groups
        self.dilation = dilation
        kernel = check_window(kernel_size, self.rank)
        shape = (in_channels, out_channels // groups, *kernel)
        weight, start = weight_and_bias(shape, init, out_channels)
        self.weight = Parameter(weight)
        self.bias = Parameter(start) if bias else None

    def forward(self, x: Any) -> Tensor:
        options = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        convolve = type(self).convolve
        return convolve(x, self.weight, self.bias, *options)  # type: ignore[no-any-return]


@register
class ConvTranspose1d(TransposedConvolution):
    """Adds windows of weights up to signals: (n, in_channels, l) to (n, out_channels, l').

    Args:
        in_channels, out_channels: of the signals that come in, and of those that go out.
        kernel_size: length of the windows.
        stride, padding, output_padding, groups, bias, dilation, init: as in `ConvTranspose2d`, for
            one axis.

    >>> import rushlight as rl
    >>> ConvTranspose1d(8, 3, 4, stride=2, padding=1)(rl.ones(2, 8, 50)).shape
    (2, 3, 100)
    """

    rank = 1
    convolve = staticmethod(conv_transpose1d)


@register
class ConvTranspose2d(TransposedConvolution):
    """Adds windows of weights up to pictures: (n, in_channels, h, w) to (n, out_channels, h', w').

    It leads back to the sizes that a `Conv2d` of the same options comes from: h' is
    (h - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding.

    Args:
        in_channels: of the pictures that come in.
        out_channels: of those that go out.
        kernel_size: height and width of the windows; here and below one int or two.
        stride: how far apart the windows are added.
        padding: how much is cut off on each side.
        output_padding: how many rows and columns more there are below and to the right.
        groups: into how many parts, which know nothing of each other, the channels are split.
        bias: whether there is one for each channel that goes out.
        dilation: how far apart the elements of a window are.
        init: name of an initialiser for the weights, with which the bias begins at zero; without
            one both begin uniform in ±1/sqrt(out_channels / groups * window), as in PyTorch.

    >>> import rushlight as rl
    >>> ConvTranspose2d(16, 8, 3, 2, padding=1, output_padding=1)(rl.ones(2, 16, 7, 7)).shape
    (2, 8, 14, 14)
    """

    rank = 2
    convolve = staticmethod(conv_transpose2d)


@register
class ConvTranspose3d(TransposedConvolution):
    """Adds windows up to volumes: (n, in_channels, d, h, w) to (n, out_channels, d', h', w').

    Args:
        in_channels, out_channels: of the volumes that come in, and of those that go out.
        kernel_size: depth, height and width of the windows; here and below one int or three.
        stride, padding, output_padding, groups, bias, dilation, init: as in `ConvTranspose2d`, for
            three axes.

    >>> import rushlight as rl
    >>> ConvTranspose3d(4, 2, 2, stride=2)(rl.ones(1, 4, 3, 3, 3)).shape
    (1, 2, 6, 6, 6)
    """

    rank = 3
    convolve = staticmethod(conv_transpose3d)


def check_window(kernel_size: Sizes, rank: int) -> Shape:
    """Return the size of a window along each axis of space, or raise."""
    sizes = for_axes(kernel_size, rank, "kernel_size")
    named = zip(AXES[rank], sizes, strict=True)
    check_sizes(**{f"kernel {axis}": size for axis, size in named})
    return sizes


def _check_channels(in_channels: int, out_channels: int, groups: int) -> None:
    check_sizes(in_channels=in_channels, out_channels=out_channels, groups=groups)
    for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if channels % groups:
            fact = f"{name}={channels} do not split into {groups} groups"
            raise ModuleError(fact, hint=f"groups must divide {in_channels} and {out_channels}")
