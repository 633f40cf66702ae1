"""Convolution and pooling of pictures."""

from collections.abc import Sequence
from typing import Any, Literal

from rushlight.core.errors import ModuleError
from rushlight.core.shapes import pair
from rushlight.nn.init import check_sizes, weight_and_bias
from rushlight.nn.module import Module, Parameter, register
from rushlight.ops.conv import conv2d
from rushlight.ops.pool import avg_pool2d, max_pool2d
from rushlight.tensor import Tensor

Size = int | Sequence[int]  # one int, or two: of the height and of the width


@register
class Conv2d(Module):
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

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | Literal["same", "valid"] = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        init: str | None = None,
    ) -> None:
        check_sizes(in_channels=in_channels, out_channels=out_channels, groups=groups)
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                fact = f"{name}={channels} do not split into {groups} groups"
                raise ModuleError(fact, hint=f"groups must divide {in_channels} and {out_channels}")
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        shape = (out_channels, in_channels // groups, *check_window(kernel_size))
        weight, start = weight_and_bias(shape, init)
        self.weight = Parameter(weight)
        self.bias = Parameter(start) if bias else None

    def forward(self, x: Any) -> Tensor:
        return conv2d(  # type: ignore[no-any-return]
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )


@register
class MaxPool2d(Module):
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

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = check_window(kernel_size)
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.ceil_mode = ceil_mode

    def forward(self, x: Any) -> Tensor:
        return max_pool2d(  # type: ignore[no-any-return]
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        )


@register
class AvgPool2d(Module):
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

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size = check_window(kernel_size)
        self.stride = stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, x: Any) -> Tensor:
        return avg_pool2d(  # type: ignore[no-any-return]
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )


def check_window(kernel_size: Size) -> tuple[int, int]:
    """Return height and width of a window, or raise."""
    height, width = pair(kernel_size, "kernel_size")
    check_sizes(**{"kernel height": height, "kernel width": width})
    return height, width
