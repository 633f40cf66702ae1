"""Convolutions of signals, images and volumes, and transposed ones, which undo their shapes.

All are correlations in truth, as everywhere: the kernel is not reversed.
"""

from typing import Any, Literal

import numpy as np

from rushlight.core.bind import as_value, bind, op
from rushlight.core.dtypes import promote
from rushlight.core.errors import DTypeError, ShapeError, UsageError, did_you_mean
from rushlight.core.primitive import PRIMITIVES, Spec
from rushlight.core.shapes import Shape, Sizes, for_axes, window_size
from rushlight.ops.arrange import pad
from rushlight.ops.convolution import AXES, as_written, channels_first, check_space, check_weight
from rushlight.ops.pointwise import cast

Padding = Sizes | Literal["same", "valid"]


@op
def conv1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Any:
    """Return the 1-D convolution of a batch of signals.

    x is (batch, channels, length), weight (out, channels / groups, kernel length), and bias,
    added to each output channel, (out,). The options are those of `conv2d`, for one axis.

    Raises:
        ShapeError: if shapes or window do not fit each other.
        DTypeError: if an operand is not float32 or float64 beside the other.

    >>> import rushlight as rl
    >>> conv1d(rl.tensor([[[1.0, 2.0, 4.0]]]), rl.tensor([[[-1.0, 1.0]]]))
    tensor([[[1., 2.]]])
    """
    return _conv(1, x, weight, bias, stride, padding, dilation, groups)


@op
def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Any:
    """Return the 2-D convolution of a batch of images.

    Args:
        x: (batch, channels, height, width).
        weight: (out, channels / groups, kernel height, kernel width).
        bias: (out,), added to each output channel.
        stride: how far apart the windows are; here and below one int, or two for height and width.
        padding: zeros added on both sides; "valid" for none, "same" for as many as keep the size
            (with stride 1; the odd one goes below and to the right).
        dilation: how far apart the elements of a window are.
        groups: into how many parts the channels are split, each with its own weights.

    Raises:
        ShapeError: if shapes or window do not fit each other.
        DTypeError: if an operand is not float32 or float64 beside the other.

    >>> import rushlight as rl
    >>> conv2d(rl.ones(1, 1, 3, 3), rl.ones(1, 1, 2, 2), padding="same")
    tensor([[[[4., 4., 2.],
              [4., 4., 2.],
              [2., 2., 1.]]]])
    """
    return _conv(2, x, weight, bias, stride, padding, dilation, groups)


@op
def conv3d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Any:
    """Return the 3-D convolution of a batch of volumes.

    x is (batch, channels, depth, height, width), weight (out, channels / groups, kernel depth,
    kernel height, kernel width), and bias, added to each output channel, (out,). The options
    are those of `conv2d`, for three axes.

    Raises:
        ShapeError: if shapes or window do not fit each other.
        DTypeError: if an operand is not float32 or float64 beside the other.

    >>> import rushlight as rl
    >>> conv3d(rl.ones(1, 2, 3, 3, 3), rl.ones(4, 2, 2, 2, 2)).shape
    (1, 4, 2, 2, 2)
    """
    return _conv(3, x, weight, bias, stride, padding, dilation, groups)


@op
def conv_transpose1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Any:
    """Return the transposed 1-D convolution.

    x is (batch, channels, length), weight (channels, out / groups, kernel length), and bias,
    added to each output channel, (out,). The options are those of `conv_transpose2d`, for one
    axis.

    Raises:
        ShapeError: if shapes or window do not fit each other.
        DTypeError: if an operand is not float32 or float64 beside the other.

    >>> import rushlight as rl
    >>> conv_transpose1d(rl.tensor([[[1.0, 3.0]]]), rl.tensor([[[1.0, 0.5]]]), stride=2)
    tensor([[[1. , 0.5, 3. , 1.5]]])
    """
    options = (stride, padding, output_padding, groups, dilation)
    return _conv_transpose(1, x, weight, bias, *options)


@op
def conv_transpose2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Any:
    """Return the transposed 2-D convolution: each element adds its multiple of the kernel.

    It is the gradient of `conv2d` with respect to its x, and leads back to the shape of that x. The
    size along an axis is (n - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 +
    output_padding.

    Args:
        x: (batch, channels, height, width).
        weight: (channels, out / groups, kernel height, kernel width).
        bias: (out,), added to each output channel.
        stride: how far apart the kernels are added; here and below one int, or two for height and
            width.
        padding: how many places are cut off on both sides.
        output_padding: how many places more there are below and to the right, fewer than stride
            or dilation: sizes that `conv2d` leads to the same one differ in these.
        groups: into how many parts the channels are split, each with its own weights.
        dilation: how far apart the elements of a kernel are.

    Raises:
        ShapeError: if shapes or window do not fit each other.
        DTypeError: if an operand is not float32 or float64 beside the other.

    >>> import rushlight as rl
    >>> conv_transpose2d(rl.ones(1, 1, 2, 2), rl.ones(1, 1, 2, 2))
    tensor([[[[1., 2., 1.],
              [2., 4., 2.],
              [1., 2., 1.]]]])
    """
    options = (stride, padding, output_padding, groups, dilation)
    return _conv_transpose(2, x, weight, bias, *options)


@op
def conv_transpose3d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Any:
    """Return the transposed 3-D convolution.

    x is (batch, channels, depth, height, width), weight (channels, out / groups, kernel depth,
    kernel height, kernel width), and bias, added to each output channel, (out,). The options
    are those of `conv_transpose2d`, for three axes.

    Raises:
        ShapeError: if shapes or window do not fit each other.
        DTypeError: if an operand is not float32 or float64 beside the other.

    >>> import rushlight as rl
    >>> conv_transpose3d(rl.ones(1, 4, 2, 2, 2), rl.ones(4, 3, 2, 2, 2), stride=2).shape
    (1, 3, 4, 4, 4)
    """
    options = (stride, padding, output_padding, groups, dilation)
    return _conv_transpose(3, x, weight, bias, *options)


def _conv(
    rank: int,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: int,
) -> Any:
    """Return the convolution over so many spatial axes."""
    x, weight = _of_one_dtype(x, weight)
    steps, gaps = for_axes(stride, rank, "stride"), for_axes(dilation, rank, "dilation")
    if isinstance(padding, str):
        x, around = _pad_by_name(x, weight, padding, steps, gaps)
    else:
        around = for_axes(padding, rank, "padding")
    window = {"stride": steps, "padding": around, "dilation": gaps, "groups": _int(groups)}
    return _biased(bind(PRIMITIVES[f"conv{rank}d"], x, weight, **window), bias)


def _pad_by_name(
    x: Any, weight: Any, name: str, stride: Shape, dilation: Shape
) -> tuple[Any, Shape]:
    """Return x and the padding on both sides of it that "same" or "valid" stand for.

    What "same" adds on one side only is in the x returned.
    """
    rank = len(stride)
    if name == "valid":
        return x, (0,) * rank
    if name != "same":
        hint = did_you_mean(name, ("same", "valid"))
        raise UsageError(f"padding is ints, 'same' or 'valid', not {name!r}", hint=hint)
    check_space(x.spec, rank)
    check_weight(weight.spec, rank, 1)
    total = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    around = tuple(places // 2 for places in total)
    if max(stride) > 1:
        fact = f"padding='same' goes with stride 1, not {as_written(stride)}"
        raise ShapeError(fact, hint=f"padding={as_written(around)} pads by half a window")
    if any(places % 2 for places in total):
        x = pad(x, [(0, 0), (0, 0), *((0, places % 2) for places in total)])
    return x, around


def _conv_transpose(
    rank: int,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Sizes,
    padding: Sizes,
    output_padding: Sizes,
    groups: int,
    dilation: Sizes,
) -> Any:
    """Return the transposed convolution over so many spatial axes."""
    x, weight = _of_one_dtype(x, weight)
    window = {
        "stride": for_axes(stride, rank, "stride"),
        "padding": for_axes(padding, rank, "padding"),
        "dilation": for_axes(dilation, rank, "dilation"),
    }
    more = for_axes(output_padding, rank, "output_padding")
    groups = _int(groups)
    _check_transposed(rank, x.spec, weight.spec, groups)
    sides = zip(x.shape[2:], weight.shape[2:], *window.values(), more, AXES[rank], strict=True)
    size = tuple(_transposed_size(*side) for side in sides)
    beyond = tuple(extra // s for extra, s in zip(more, window["stride"], strict=True))
    if any(beyond):  # as far as from zeros after the last element
        x = pad(x, [(0, 0), (0, 0), *((0, places) for places in beyond)])
    primitive = PRIMITIVES[f"conv{rank}d_input"]
    return _biased(bind(primitive, x, weight, size=size, groups=groups, **window), bias)


def _check_transposed(rank: int, x: Spec, weight: Spec, groups: int) -> None:
    """Raise unless the channels of x are those that the weight takes."""
    check_space(x, rank)
    check_weight(weight, rank, groups, transposed=True)
    channels, (taken, out) = x.shape[1], weight.shape[:2]
    if channels == taken:
        return
    hint = None
    if x.shape[-1] == taken and taken < min(x.shape[1:-1]):
        hint = f"{channels_first(rank)} has {taken}"
    elif channels == out and groups == 1:
        hint = f"weight.transpose(0, 1) takes {channels}"
    raise ShapeError(f"x has {channels} channels, the weight takes {taken}", hint=hint)


def _transposed_size(
    n: int, kernel: int, stride: int, padding: int, dilation: int, more: int, what: str
) -> int:
    """Return the size along one axis of what a transposed convolution gives."""
    if kernel < 1 or stride < 1 or dilation < 1 or padding < 0:
        window_size(n, kernel, stride, padding, dilation, what)  # which says so
    most = max(stride, dilation) - 1
    if not 0 <= more <= most:
        fact = f"output_padding {more} along the {what} is not from 0 to {most}"
        raise ShapeError(fact, hint="it is less than stride or dilation")
    if n < 1:
        raise ShapeError(f"there is nothing to add kernels for: the {what} is {n}")
    whole = (n - 1) * stride + dilation * (kernel - 1) + 1 + more
    if whole <= 2 * padding:
        fact = f"padding {padding} cuts off all of a {what} of {whole}"
        raise ShapeError(fact, hint=f"padding={(whole - 1) // 2} is the most that leaves some")
    return whole - 2 * padding


def _of_one_dtype(x: Any, weight: Any) -> tuple[Any, Any]:
    x, weight = as_value(x), as_value(weight)
    if x.dtype is weight.dtype:
        return x, weight
    dtype = promote(x.dtype, weight.dtype)
    return cast(x, dtype), cast(weight, dtype)


def _int(groups: Any) -> int:
    if not isinstance(groups, (int, np.integer)):
        raise DTypeError(f"groups is an int, not {groups!r}")
    return int(groups)


def _biased(y: Any, bias: Any) -> Any:
    if bias is None:
        return y
    bias = as_value(bias)
    if bias.shape != y.shape[1:2]:
        raise ShapeError(f"the bias has shape {bias.shape}, not {y.shape[1:2]}")
    return y + bias.reshape(-1, *(1,) * (y.rank - 2))
