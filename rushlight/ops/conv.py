"""2-D convolution and its two gradients: three bilinear primitives, each the others' gradient.

Tensors are (batch, channels, height, width), weights (out, channels / groups, height, width). The
NumPy meaning keeps the batch innermost in memory, where NumPy's loops find long runs: what it
returns is a view, and a net of convolutions and pools stays in that layout.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import gcd
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import as_strided

from rushlight.core.bind import as_value, bind, op
from rushlight.core.dtypes import promote
from rushlight.core.errors import DTypeError, RushlightError, ShapeError, UsageError, did_you_mean
from rushlight.core.kernels import Contraction, Term, Terms, along
from rushlight.core.primitive import Array, Primitive, Sample, Spec, register
from rushlight.core.shapes import Shape, pair, size_of, window_size
from rushlight.ops.arrange import pad
from rushlight.ops.pointwise import cast

Pair = tuple[int, int]
Window = Mapping[str, Any]  # stride, padding, dilation, each for height and width
Tile = tuple[slice, slice]  # rows and columns of the output

TILE_NUMBERS = 1 << 20  # how many numbers of unfolded input there are at a time
ROW_GAP = 16  # numbers between the rows of a matrix: at 4096 bytes apart they evict each other


class Convolution(Primitive):
    """What the three have in common: two operands, linear in each."""

    ulps = 256

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return (1 - wrt,)


class Conv2d(Convolution):
    """The windows of x times the weights: (n, c, h, w), (o, c/g, kh, kw) give (n, o, oh, ow)."""

    name = "conv2d"
    labels = ("x", "weight")
    onnx = "Conv"

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        x, weight = specs
        groups = params["groups"]
        _check_alike(x, weight)
        check_images(x)
        _check_weight(weight, groups)
        channels, taken = x.shape[1], weight.shape[1] * groups
        if channels != taken:
            each = f" ({weight.shape[1]} in each of {groups} groups)" if groups > 1 else ""
            fact = f"x has {channels} channels, the weight takes {taken}{each}"
            raise ShapeError(fact, hint=self._remedy(x, weight, params))
        count = _output_size(x.shape[2:], weight.shape[2:], params)
        return Spec((x.shape[0], weight.shape[0], *count), x.dtype)

    def _remedy(self, x: Spec, weight: Spec, params: dict[str, Any]) -> str | None:
        """Return the first change under which the channels agree and all else is valid, if any."""
        n, c, h, w = x.shape
        out, taken, *kernel = weight.shape
        groups = params["groups"]
        channels_last = Spec((n, w, c, h), x.dtype)
        exchanged = Spec((taken, out, *kernel), weight.dtype)
        candidates = []
        if w < min(c, h):  # fewer than rows and columns: they may well be the channels
            candidates.append(("x.permute(0, 3, 1, 2)", channels_last, weight, groups))
        if taken and c % taken == 0:
            candidates.append((f"groups={c // taken}", x, weight, c // taken))
        candidates.append(("weight.transpose(0, 1)", x, exchanged, groups))
        for text, a, b, number in candidates:
            if a.shape[1] == b.shape[1] * number:
                try:
                    result = self.rule(a, b, **(params | {"groups": number}))
                except RushlightError:
                    continue
                return f"{text} is valid and gives {result.shape}"
        return None

    def numpy(self, x: Any, weight: Any, *, groups: int, **window: Pair) -> Any:
        refuse_unless(_are_alike(x, weight) and groups > 0)
        outs, depth, *kernel = weight.shape
        refuse_unless(x.shape[1] == depth * groups and outs % groups == 0)
        count = _output_size(x.shape[2:], kernel, window)
        matrix = _matrices(weight, groups)
        y = np.empty((groups, outs // groups, *count, len(x)), x.dtype)
        for tile, columns in _unfold(x, kernel, count, groups, window):
            np.matmul(matrix, columns, out=_part(y, tile))
        return _batch_first(y.reshape(outs, *count, len(x)))

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        x, weight = inputs
        if wrt == 0:
            return bind(conv2d_input_p, g, weight, size=x.shape[2:], **params)
        return bind(conv2d_weight_p, x, g, kernel=weight.shape[2:], **params)

    def lower(self, *specs: Spec, **params: Any) -> Contraction:
        x, weight = specs
        space = _Space(weight.shape, self.rule(x, weight, **params).shape, params)
        return Contraction(space.sizes, left=space.x, right=space.weight, out=space.y)

    def samples(self) -> list[Sample]:
        return [Sample((x, weight), params) for x, weight, _, params in _cases()]


class Conv2dInput(Convolution):
    """The gradient of `conv2d` with respect to x, whose height and width are `size`."""

    name = "conv2d_input"
    labels = ("gradient", "weight")

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        g, weight = specs
        _check_alike(g, weight)
        check_images(g, "gradient")
        _check_weight(weight, params["groups"])
        count = _output_size(params["size"], weight.shape[2:], params)
        _check_gradient(g, (weight.shape[0], *count))
        channels = weight.shape[1] * params["groups"]
        return Spec((g.shape[0], channels, *params["size"]), g.dtype)

    def numpy(self, g: Any, weight: Any, *, size: Pair, groups: int, **window: Pair) -> Any:
        refuse_unless(_are_alike(g, weight) and groups > 0)
        outs, depth, *kernel = weight.shape
        count = _output_size(size, kernel, window)
        refuse_unless(g.shape[1:] == (outs, *count) and outs % groups == 0)
        matrix = _matrices(weight, groups).transpose(0, 2, 1)
        split = _batch_last(g).reshape(groups, outs // groups, *count, len(g))
        if _is_pointwise(kernel, window):
            x = np.matmul(matrix, _part(split, WHOLE))
            return _batch_first(x.reshape(depth * groups, *size, len(g)))
        padded = tuple(
            length + 2 * around for length, around in zip(size, window["padding"], strict=True)
        )
        x = np.zeros((depth * groups, *padded, len(g)), g.dtype)
        _fold(x, matrix, split, _windows(x, kernel, count, window))
        return _batch_first(_inside(x, window["padding"]))

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        gradient, weight = inputs
        params = {key: value for key, value in params.items() if key != "size"}
        if wrt == 0:
            return bind(conv2d_p, g, weight, **params)
        return bind(conv2d_weight_p, g, gradient, kernel=weight.shape[2:], **params)

    def lower(self, *specs: Spec, **params: Any) -> Contraction:
        g, weight = specs
        space = _Space(weight.shape, g.shape, params)
        taps = (_Space.DOWN, _Space.RIGHT)
        return Contraction(space.sizes, left=space.y, right=space.weight, out=space.x, taps=taps)

    def samples(self) -> list[Sample]:
        return [Sample((g, w), {"size": x[2:], **params}) for x, w, g, params in _cases()]


class Conv2dWeight(Convolution):
    """The gradient of `conv2d` with respect to a weight whose height and width are `kernel`."""

    name = "conv2d_weight"
    labels = ("x", "gradient")

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        x, g = specs
        kernel, groups = params["kernel"], params["groups"]
        _check_alike(x, g)
        check_images(x)
        check_images(g, "gradient")
        count = _output_size(x.shape[2:], kernel, params)
        _check_gradient(g, (g.shape[1], *count))
        if x.shape[0] != g.shape[0]:
            raise ShapeError(f"x is a batch of {x.shape[0]}, the gradient one of {g.shape[0]}")
        _check_groups(groups, x.shape[1], g.shape[1])
        return Spec((g.shape[1], x.shape[1] // groups, *kernel), x.dtype)

    def numpy(self, x: Any, g: Any, *, kernel: Pair, groups: int, **window: Pair) -> Any:
        refuse_unless(_are_alike(x, g) and groups > 0)
        count = _output_size(x.shape[2:], kernel, window)
        (n, outs), channels = g.shape[:2], x.shape[1]
        refuse_unless(g.shape[2:] == count and n == len(x))
        refuse_unless(channels % groups == 0 and outs % groups == 0)
        split = _batch_last(g).reshape(groups, outs // groups, *count, n)
        depth = channels // groups * size_of(kernel)
        total = np.zeros((groups, depth, outs // groups), x.dtype)
        for tile, columns in _unfold(x, kernel, count, groups, window):
            total += columns @ _part(split, tile).transpose(0, 2, 1)
        return total.transpose(0, 2, 1).reshape(outs, channels // groups, *kernel)

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        x, gradient = inputs
        params = {key: value for key, value in params.items() if key != "kernel"}
        if wrt == 0:
            return bind(conv2d_input_p, gradient, g, size=x.shape[2:], **params)
        return bind(conv2d_p, x, g, **params)

    def lower(self, *specs: Spec, **params: Any) -> Contraction:
        x, g = specs
        space = _Space(self.rule(x, g, **params).shape, g.shape, params)
        return Contraction(space.sizes, left=space.x, right=space.y, out=space.weight)

    def samples(self) -> list[Sample]:
        return [Sample((x, g), {"kernel": w[2:], **params}) for x, w, g, params in _cases()]


conv2d_p = register(Conv2d())
conv2d_input_p = register(Conv2dInput())
conv2d_weight_p = register(Conv2dWeight())


@op
def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | Literal["same", "valid"] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Any:
    """Return the 2-D convolution (in truth correlation, as everywhere) of a batch of images.

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
    x, weight = as_value(x), as_value(weight)
    if x.dtype is not weight.dtype:
        dtype = promote(x.dtype, weight.dtype)
        x, weight = cast(x, dtype), cast(weight, dtype)
    steps, gaps = pair(stride, "stride"), pair(dilation, "dilation")
    if isinstance(padding, str):
        x, around = _pad_by_name(x, weight, padding, steps, gaps)
    else:
        around = pair(padding, "padding")
    if not isinstance(groups, (int, np.integer)):
        raise DTypeError(f"groups is an int, not {groups!r}")
    y = bind(conv2d_p, x, weight, stride=steps, padding=around, dilation=gaps, groups=int(groups))
    if bias is None:
        return y
    bias = as_value(bias)
    if bias.shape != y.shape[1:2]:
        raise ShapeError(f"the bias has shape {bias.shape}, not {y.shape[1:2]}")
    return y + bias.reshape(-1, 1, 1)


def _pad_by_name(x: Any, weight: Any, name: str, stride: Pair, dilation: Pair) -> tuple[Any, Pair]:
    """Return x and the padding on both sides of it that "same" or "valid" stand for.

    What "same" adds on one side only is in the x returned.
    """
    if name == "valid":
        return x, (0, 0)
    if name != "same":
        hint = did_you_mean(name, ("same", "valid"))
        raise UsageError(f"padding is ints, 'same' or 'valid', not {name!r}", hint=hint)
    check_images(x.spec)
    _check_weight(weight.spec, 1)
    total = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    around = (total[0] // 2, total[1] // 2)
    if stride != (1, 1):
        fact = f"padding='same' goes with stride 1, not {stride}"
        raise ShapeError(fact, hint=f"padding={around} pads by half a window")
    if total[0] % 2 or total[1] % 2:
        x = pad(x, [(0, 0), (0, 0), (0, total[0] % 2), (0, total[1] % 2)])
    return x, around


class _Space:
    """The space over which all three sum, and where x, weight and y lie in it.

    Its axes are batch, group, output in the group, row and column of y, channel in the group, row
    and column of the kernel.
    """

    BATCH, GROUP, OUT, ROW, COLUMN, CHANNEL, DOWN, RIGHT = range(8)

    def __init__(self, weight: Shape, y: Shape, params: Mapping[str, Any]) -> None:
        groups = params["groups"]
        outs, depth, *kernel = weight
        n, _, *count = y
        self.sizes = (n, groups, outs // groups, *count, depth, *kernel)
        out = Term(0, ((self.GROUP, outs // groups), (self.OUT, 1)))
        channel = Term(0, ((self.GROUP, depth), (self.CHANNEL, 1)))
        places = zip(
            (self.ROW, self.COLUMN),
            (self.DOWN, self.RIGHT),
            params["stride"],
            params["padding"],
            params["dilation"],
            strict=True,
        )
        seen = tuple(Term(-p, ((at, s), (tap, d))) for at, tap, s, p, d in places)
        self.x: Terms = (along(self.BATCH), channel, *seen)
        self.weight: Terms = (out, along(self.CHANNEL), along(self.DOWN), along(self.RIGHT))
        self.y: Terms = (along(self.BATCH), out, along(self.ROW), along(self.COLUMN))


def _check_alike(left: Spec, right: Spec) -> None:
    check_floats(left)
    check_floats(right)
    if left.dtype is not right.dtype:
        raise DTypeError(f"dtypes differ: {left.dtype} and {right.dtype}")


def check_floats(x: Spec) -> None:
    """Raise unless x is float32 or float64."""
    if not x.dtype.is_float or x.dtype.is_half:
        raise DTypeError(f"does not take {x.dtype}", hint="cast to float32 first")


def check_images(x: Spec, label: str = "x") -> None:
    """Raise unless x has the four axes of a batch of images; `label` is what the fact calls it."""
    if len(x.shape) == 4:
        return
    fact = f"{label} has {len(x.shape)} axes, not the 4 (batch, channels, height, width)"
    hint = None
    if len(x.shape) == 3:
        hint = f"{label}.unsqueeze(0) is a batch of one: {(1, *x.shape)}"
    elif len(x.shape) == 2:
        hint = f"{label}.reshape(1, 1, *{label}.shape) is one image of one channel"
    raise ShapeError(fact, hint=hint)


def _check_weight(weight: Spec, groups: int) -> None:
    if len(weight.shape) != 4:
        axes = "(out, channels / groups, height, width)"
        raise ShapeError(f"the weight has {len(weight.shape)} axes, not the 4 {axes}")
    _check_groups(groups, weight.shape[1] * groups, weight.shape[0])


def _check_groups(groups: int, channels: int, outs: int) -> None:
    if groups < 1:
        raise ShapeError(f"there is at least 1 group, not {groups}")
    for count, what in ((channels, "channels"), (outs, "output channels")):
        if count % groups:
            common = gcd(channels, outs)
            fit = [str(number) for number in range(1, common + 1) if common % number == 0]
            hint = f"groups can be {' or '.join(fit)}" if len(fit) < 10 else None
            raise ShapeError(f"{count} {what} do not split into {groups} groups", hint=hint)


def _check_gradient(g: Spec, wanted: Shape) -> None:
    if g.shape[1:] != wanted:
        raise ShapeError(f"the gradient of an image has shape {g.shape[1:]}, not {wanted}")


def _output_size(size: Sequence[int], kernel: Sequence[int], window: Window) -> Pair:
    """Return how many windows fit in height and width, or raise with the padding that would do."""
    strides, paddings, dilations = window["stride"], window["padding"], window["dilation"]
    try:
        height, width = (
            window_size(size[i], kernel[i], strides[i], paddings[i], dilations[i], what)
            for i, what in enumerate(("height", "width"))
        )
    except ShapeError as error:
        if min(*kernel, *strides, *dilations) > 0 <= min(paddings):
            reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
            least = [
                max(p, (r - n + 1) // 2) for p, r, n in zip(paddings, reach, size, strict=True)
            ]
            error.hint = f"padding={tuple(least)} is the least that fits"
        raise
    return height, width


def refuse_unless(valid: bool) -> None:
    """Stop the NumPy meaning before arrays that the rule refuses; the rule then says why."""
    if not valid:
        raise ValueError("operands do not fit each other")


def _are_alike(x: Array, y: Array) -> bool:
    return x.dtype == y.dtype and x.dtype.kind == "f" and x.ndim == y.ndim == 4


def _batch_last(x: Array) -> Array:
    """Return (n, c, h, w) as a contiguous array (c, h, w, n), without a copy where it is one."""
    return np.ascontiguousarray(x.transpose(1, 2, 3, 0))


def _batch_first(x: Array) -> Array:
    return x.transpose(3, 0, 1, 2)


def _inside(padded: Array, padding: Pair) -> Array:
    """Return the view of (c, h, w, n) without its padding."""
    top, left = padding
    _, height, width, _ = padded.shape
    return padded[:, top : height - top, left : width - left]


def _matrices(weight: Array, groups: int) -> Array:
    """Return weights (o, c/g, kh, kw) as a matrix a group: (g, o/g, c/g * kh * kw)."""
    return weight.reshape(groups, len(weight) // groups, size_of(weight.shape[1:]))


WHOLE: Tile = (slice(None), slice(None))


def _part(y: Array, tile: Tile) -> Array:
    """Return the view of a tile of y (groups, channels, h, w, n) as a matrix a group."""
    part = y[:, :, *tile]
    return part.reshape(*part.shape[:2], size_of(part.shape[2:]))


def _is_pointwise(kernel: Sequence[int], window: Window) -> bool:
    """Return whether the windows are the elements themselves, in order."""
    steps, padding = window["stride"], window["padding"]
    return (*kernel, *steps) == (1, 1, 1, 1) and not any(padding)


def _windows(x: Array, kernel: Sequence[int], count: Pair, window: Window) -> Array:
    """Return x (c, h, w, n) seen as its windows: (c, kh, kw, oh, ow, n), a view of no copies."""
    c, h, w, n = x.strides
    stride, dilation = window["stride"], window["dilation"]
    steps = (c, h * dilation[0], w * dilation[1], h * stride[0], w * stride[1], n)
    return as_strided(x, (len(x), *kernel, *count, x.shape[-1]), steps)


def _tiles(windows: Array) -> list[Tile]:
    """Return the parts into which the output is cut so that few numbers are unfolded at a time.

    Each is some full rows, or part of one, so that it is a matrix of constant stride in memory.
    """
    height, width = windows.shape[3:5]
    numbers = size_of(windows.shape[:3]) * windows.shape[5]  # for one position of the output
    positions = max(TILE_NUMBERS // max(numbers, 1), 1)
    rows, columns = max(positions // width, 1), min(positions, width)
    return [
        (slice(top, min(top + rows, height)), slice(left, min(left + columns, width)))
        for top in range(0, height, rows)
        for left in range(0, width, columns)
    ]


def _room(windows: Array, tile: Tile, groups: int) -> Array:
    """Return an array for the unfolded tile: a matrix (c/g * kh * kw, positions * n) a group."""
    depth = size_of(windows.shape[:3]) // groups
    length = size_of(windows[:, :, :, *tile].shape[3:])
    return np.empty((groups, depth, length + ROW_GAP), windows.dtype)


def _unfold(
    x: Array, kernel: Sequence[int], count: Pair, groups: int, window: Window
) -> Iterator[tuple[Tile, Array]]:
    """Yield tiles of the output and, for each group, the windows of x there as a matrix's columns.

    The matrices are good until the next are asked for.
    """
    n, channels = x.shape[:2]
    padding = window["padding"]
    if _is_pointwise(kernel, window):
        yield WHOLE, _batch_last(x).reshape(groups, channels // groups, size_of(count) * n)
        return
    if padding == (0, 0):
        padded = _batch_last(x)
    else:
        around = [length + 2 * p for length, p in zip(x.shape[2:], padding, strict=True)]
        padded = np.zeros((channels, *around, n), x.dtype)
        _inside(padded, padding)[...] = x.transpose(1, 2, 3, 0)
    windows = _windows(padded, kernel, count, window)
    tiles = _tiles(windows)
    room = _room(windows, tiles[0], groups)
    for tile in tiles:
        part = windows[:, :, :, *tile]
        matrix = room[:, :, : size_of(part.shape[3:])]
        matrix.reshape(part.shape)[...] = part
        yield tile, matrix


def _fold(x: Array, matrix: Array, g: Array, windows: Array) -> None:
    """Add to x, through the view of its windows, what `matrix` makes of each position of g."""
    groups = len(g)
    tiles = _tiles(windows)
    room = _room(windows, tiles[0], groups)
    for tile in tiles:
        target = windows[:, :, :, *tile]
        columns = room[:, :, : size_of(target.shape[3:])]
        if matrix.shape[2] == 1:  # NumPy multiplies a column by a row without BLAS, slowly
            np.multiply(matrix, _part(g, tile), out=columns)
        else:
            np.matmul(matrix, _part(g, tile), out=columns)
        shifted = columns.reshape(target.shape)
        for i in range(target.shape[1]):
            for j in range(target.shape[2]):
                target[:, i, j] += shifted[:, i, j]


def _cases() -> list[tuple[Shape, Shape, Shape, dict[str, Any]]]:
    """Return shapes of x, weight and result with the params, for the tables of cases."""
    rows: list[tuple[Shape, Shape, Pair, Pair, Pair, int]] = [
        # x, weight, stride, padding, dilation, groups
        ((2, 3, 5, 4), (4, 3, 3, 2), (1, 1), (0, 0), (1, 1), 1),
        ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1), (0, 0), (1, 1), 1),
        ((0, 2, 4, 4), (3, 2, 2, 2), (1, 1), (1, 1), (1, 1), 1),
        ((2, 4, 5, 6), (8, 1, 3, 3), (2, 1), (1, 0), (1, 2), 4),
        ((1, 4, 7, 5), (6, 2, 2, 3), (3, 4), (2, 1), (2, 1), 2),
        ((3, 2, 3, 3), (2, 2, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ]
    cases: list[tuple[Shape, Shape, Shape, dict[str, Any]]] = []
    for x, weight, stride, padding, dilation, groups in rows:
        params = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        count = _output_size(x[2:], weight[2:], params)
        cases.append((x, weight, (x[0], weight[0], *count), params))
    return cases
