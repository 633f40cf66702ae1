"""2-D pooling primitives: the largest of each window with its place, and the sum of each window.

Tensors are (batch, channels, height, width). The NumPy meaning works on strided views, one for
each place in a window, and its results lie in memory in the order of the axes of its input.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from rushlight.core import kernels
from rushlight.core.bind import as_value, bind
from rushlight.core.dtypes import DType, bool_, int32, uint8
from rushlight.core.errors import DTypeError, ShapeError
from rushlight.core.primitive import Array, Primitive, Sample, Spec, register
from rushlight.core.shapes import Shape, for_axes, size_of, window_size
from rushlight.ops.convolution import AXES, check_floats, check_space, refuse_unless
from rushlight.ops.gather import gather_p, take_p
from rushlight.ops.movement import in_one_batch
from rushlight.ops.unfold import Window

Pair = tuple[int, int]


class Pooling(Primitive):
    """What all have in common: no gradient reads the values that are pooled."""

    labels: tuple[str, ...] = ("x",)
    kind: str  # what is done with a window

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return ()

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        return in_one_batch(self, has, inputs, (), params)

    def lower(self, *specs: Spec, **params: Any) -> kernels.Window:
        sides = (along_axis(0, params), along_axis(1, params))
        kernel, stride, padding, dilation = zip(*sides, strict=True)
        return kernels.Window(self.kind, kernel, stride, padding, dilation)


class MaxPool2d(Pooling):
    """The largest element of each window, and its tap: its number among the window's places.

    The first of equals wins, and the first NaN; padding never does.
    """

    name = "max_pool2d"
    kind = "max"
    outputs = 2
    uses_output = True
    smooth = False
    onnx = "MaxPool"

    def rule(self, *specs: Spec, **params: Any) -> Any:
        (x,) = specs
        shape = (*x.shape[:2], *count_of_largest(x, params))
        return Spec(shape, x.dtype), Spec(shape, _tap_dtype(params))

    def numpy(self, x: Any, **window: Any) -> Any:
        refuse_unless(x.ndim == 4 and x.dtype.kind in "fiu")
        n, c, *size = x.shape
        count = count_of_windows(size, window)
        down, right = (_first_taps(axis, size, count, window) for axis in range(2))
        kind = _tap_dtype(window).storage
        best = np.full_like(x, _lowest(x.dtype), shape=(n, c, *count))
        tap = np.empty_like(x, kind, shape=(n, c, *count))
        tap[...] = down[:, None] * window["kernel"][1] + right
        places = list(_places(size, count, window))
        for number, outputs, inputs in places:
            here, among = x[:, :, *inputs], best[:, :, *outputs]
            larger = here > among
            np.maximum(among, here, out=among)
            among = tap[:, :, *outputs]
            np.maximum(among, larger * kind.type(number), out=among)
        if x.dtype.kind == "f" and np.isnan(best).any():
            for number, outputs, inputs in reversed(places):
                tap[:, :, *outputs][np.isnan(x[:, :, *inputs])] = number
        return best, tap

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        return bind(max_unpool2d_p, y[1], g[0], size=inputs[0].shape[2:], **params)

    def samples(self) -> list[Sample]:
        return [Sample((x,), params) for x, params in _max_cases()]


class MaxUnpool2d(Pooling):
    """Each element added to the place of its window that a tap names, in a plane of `size`.

    The windows come in row-major order; a tap on padding counts for nothing.
    """

    name = "max_unpool2d"
    kind = "unmax"
    labels = ("taps", "gradient")

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        (taps, g), size = specs, params["size"]
        check_floats(g)
        check_space(g, 2, "gradient")
        count = count_of_windows(size, params)
        if g.shape[2:] != count:
            raise ShapeError(f"the gradient of a plane has shape {g.shape[2:]}, not {count}")
        if taps.shape != g.shape:
            raise ShapeError(f"taps {taps.shape} and gradient {g.shape} differ")
        if taps.dtype is not _tap_dtype(params):
            raise DTypeError(f"the taps of such windows are {_tap_dtype(params)}, not {taps.dtype}")
        return Spec((*g.shape[:2], *size), g.dtype)

    def numpy(self, taps: Any, g: Any, *, size: Pair, **window: Any) -> Any:
        refuse_unless(g.ndim == 4 and g.dtype.kind == "f" and taps.shape == g.shape)
        refuse_unless(taps.dtype == _tap_dtype(window).storage)
        count = count_of_windows(size, window)
        refuse_unless(g.shape[2:] == count)
        total = np.zeros_like(g, shape=(*g.shape[:2], *size))
        for number, outputs, inputs in reversed(list(_places(size, count, window))):
            takes = taps[:, :, *outputs] == number
            total[:, :, *inputs] += np.where(takes, g[:, :, *outputs], g.dtype.type(0))
        return total

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        taps = inputs[0]
        plane = (*taps.shape[:2], size_of(taps.shape[2:]))
        indices = positions(taps, g.shape[3], params).reshape(plane)
        flat = g.reshape((*g.shape[:2], size_of(g.shape[2:])))
        return bind(gather_p, flat, indices, axis=2).reshape(taps.shape) if wrt == 1 else None

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return (0,)

    def samples(self) -> list[Sample]:
        found = []
        for x, params in _max_cases():
            largest, taps = max_pool2d_p.numpy(np.sin(np.arange(size_of(x))).reshape(x), **params)
            found.append(Sample((taps, largest.shape), {"size": x[2:], **params}))
        return found


class SumPool2d(Pooling):
    """The sum of each window; padding counts as 0."""

    name = "sum_pool2d"
    kind = "sum"
    ulps = 64

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        (x,) = specs
        check_floats(x)
        check_space(x, 2)
        return Spec((*x.shape[:2], *count_of_windows(x.shape[2:], params)), x.dtype)

    def numpy(self, x: Any, **window: Any) -> Any:
        refuse_unless(x.ndim == 4 and x.dtype.kind == "f")
        _, _, *size = x.shape
        count = count_of_windows(size, window)
        for axis in range(2):
            shape = (*x.shape[: 2 + axis], count[axis], *x.shape[3 + axis :])
            total = np.zeros_like(x, shape=shape)
            for outputs, inputs in _spans(axis, size, count, window):
                total[_at(axis, outputs)] += x[_at(axis, inputs)]
            x = total
        return x

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        return bind(sum_unpool2d_p, g, size=inputs[0].shape[2:], **params)

    def samples(self) -> list[Sample]:
        return [Sample((x,), params) for x, _, params in _sum_cases()]


class SumUnpool2d(Pooling):
    """Each element added to all places of its window in a plane of `size`: undoes `sum_pool2d`."""

    name = "sum_unpool2d"
    kind = "unsum"
    labels = ("gradient",)
    ulps = 64

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        (g,), size = specs, params["size"]
        check_floats(g)
        check_space(g, 2, "gradient")
        count = count_of_windows(size, params)
        if g.shape[2:] != count:
            raise ShapeError(f"the gradient of a plane has shape {g.shape[2:]}, not {count}")
        return Spec((*g.shape[:2], *size), g.dtype)

    def numpy(self, g: Any, *, size: Pair, **window: Any) -> Any:
        refuse_unless(g.ndim == 4 and g.dtype.kind == "f")
        count = count_of_windows(size, window)
        refuse_unless(g.shape[2:] == count)
        for axis in range(2):
            total = np.zeros_like(g, shape=(*g.shape[: 2 + axis], size[axis], *g.shape[3 + axis :]))
            for outputs, inputs in _spans(axis, size, count, window):
                total[_at(axis, inputs)] += g[_at(axis, outputs)]
            g = total
        return g

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        return bind(sum_pool2d_p, g, **{k: v for k, v in params.items() if k != "size"})

    def samples(self) -> list[Sample]:
        return [Sample((y,), {"size": x[2:], **params}) for x, y, params in _sum_cases()]


max_pool2d_p = register(MaxPool2d())
max_unpool2d_p = register(MaxUnpool2d())
sum_pool2d_p = register(SumPool2d())
sum_unpool2d_p = register(SumUnpool2d())


def windows(rank: int, kernel: Any, stride: Any, padding: Any, ceil_mode: bool) -> dict[str, Any]:
    """Return the params of windows over so many spatial axes."""
    sizes = for_axes(kernel, rank, "kernel")
    return {
        "kernel": sizes,
        "stride": sizes if stride is None else for_axes(stride, rank, "stride"),
        "padding": for_axes(padding, rank, "padding"),
        "ceil_mode": bool(ceil_mode),
    }


def count_of_largest(x: Spec, window: Window) -> Shape:
    """Return how many windows there are along each axis, or raise unless each has a largest."""
    if x.dtype is bool_ or x.dtype.is_half:
        raise DTypeError(f"does not take {x.dtype}", hint="cast to float32 first")
    rank = len(window["kernel"])
    check_space(x, rank)
    count = count_of_windows(x.shape[2:], window)
    for axis in range(rank):
        _first_taps(axis, x.shape[2:], count, window)
    return count


def count_of_windows(size: Sequence[int], window: Window) -> Shape:
    """Return how many windows there are along each axis, or raise unless there are any."""
    counts = []
    for axis, what in enumerate(AXES[len(size)]):
        n, (k, s, p, d) = size[axis], along_axis(axis, window)
        reach = d * (k - 1) + 1
        partly = n + 2 * p - reach + s - 1
        if n < 1:
            raise ShapeError(f"there is nothing to pool: the {what} is {n}")
        if min(k, s, d) < 1 or p < 0 or not window["ceil_mode"] or partly < 0:
            count = _whole_windows(n, k, s, p, d, what)
        else:
            count = partly // s + 1
            if (count - 1) * s >= n + p:
                count -= 1  # the last one would begin in the padding on the far side
        if 2 * p > k:
            fact = f"padding {p} is more than half of the kernel's {what} of {k}"
            raise ShapeError(fact, hint=f"padding={k // 2} is the most that it can be")
        counts.append(count)
    return tuple(counts)


def _whole_windows(n: int, k: int, s: int, p: int, d: int, what: str) -> int:
    """Return how many windows are inside along one axis, or raise with the kernel that would do."""
    try:
        return window_size(n, k, s, p, d, what)
    except ShapeError as error:
        if min(k, s, d) > 0 <= p:
            error.hint = f"a kernel {what} of {(n + 2 * p - 1) // d + 1} is the most that fits"
        raise


def along_axis(axis: int, window: Window) -> tuple[int, int, int, int]:
    """Return kernel, stride, padding and dilation along a spatial axis."""
    dilation = window["dilation"][axis] if "dilation" in window else 1
    return window["kernel"][axis], window["stride"][axis], window["padding"][axis], dilation


def _first_taps(axis: int, size: Sequence[int], count: Shape, window: Window) -> Array:
    """Return for each window which of its elements is the first that is not padding."""
    _, s, p, d = along_axis(axis, window)
    starts = np.arange(count[axis]) * s - p
    taps: Array = np.maximum(d - 1 - starts, 0) // d
    empty = starts + taps * d >= size[axis]
    if empty.any():
        fact = f"all that window {empty.argmax()} along the {AXES[len(size)][axis]} sees is padding"
        raise ShapeError(fact, hint="less padding or dilation")
    return taps


def _spans(
    axis: int, size: Sequence[int], count: Shape, window: Window
) -> list[tuple[slice, slice]]:
    """Return for each place in a window the windows that have it inside, and what they see there.

    Both are slices along one axis: of the output, and of the input.
    """
    k, s, p, d = along_axis(axis, window)
    spans = []
    for tap in range(k):
        offset = tap * d - p
        first = max(0, -(offset // s))
        stop = max(first, min(count[axis], (size[axis] - 1 - offset) // s + 1))
        start = first * s + offset
        spans.append((slice(first, stop), slice(start, start + (stop - first) * s, s)))
    return spans


def _places(
    size: Sequence[int], count: Shape, window: Window
) -> Iterator[tuple[int, tuple[slice, slice], tuple[slice, slice]]]:
    """Yield for each place in a window its number and the slices of output and input there."""
    columns = _spans(1, size, count, window)
    for i, (down, from_down) in enumerate(_spans(0, size, count, window)):
        for j, (right, from_right) in enumerate(columns):
            yield i * len(columns) + j, (down, right), (from_down, from_right)


def _at(axis: int, along: slice) -> tuple[slice, ...]:
    """Return the index of part of a tensor along its height (axis 0) or width (axis 1)."""
    return (slice(None),) * (2 + axis) + (along,)


def _tap_dtype(window: Window) -> DType:
    """Return the dtype of the numbers of a window's places."""
    return uint8 if size_of(window["kernel"]) <= 256 else int32


def positions(taps: Any, width: int, window: Window) -> Any:
    """Return the position (int64) of each window's tap in the flattened plane of a width."""
    (kh, sh, ph, dh), (kw, sw, pw, dw) = along_axis(0, window), along_axis(1, window)
    height, across = taps.shape[2:]
    offsets = np.arange(kh)[:, None] * (dh * width) + np.arange(kw) * dw
    starts = (np.arange(height) * sh - ph)[:, None] * width + np.arange(across) * sw - pw
    return bind(take_p, as_value(offsets.reshape(-1)), taps) + as_value(starts)


def _lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _max_cases() -> list[tuple[Shape, dict[str, Any]]]:
    """Return shapes with the params of windows on them, for the tables of cases."""
    rows: list[tuple[Shape, Pair, Pair, Pair, Pair, bool]] = [
        # x, kernel, stride, padding, dilation, ceil_mode
        ((2, 3, 4, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
        ((1, 1, 1, 1), (1, 1), (1, 1), (0, 0), (1, 1), False),
        ((0, 2, 4, 4), (2, 2), (1, 1), (1, 1), (1, 1), False),
        ((1, 2, 7, 5), (3, 2), (2, 1), (1, 0), (2, 1), False),
        ((2, 1, 6, 7), (2, 3), (3, 4), (1, 1), (1, 1), True),
    ]
    return [
        (x, {**windows(2, k, s, p, ceil_mode), "dilation": d}) for x, k, s, p, d, ceil_mode in rows
    ]


def _sum_cases() -> list[tuple[Shape, Shape, dict[str, Any]]]:
    """Return shapes of input and output with the params, for the tables of cases."""
    rows: list[tuple[Shape, Pair, Pair, Pair, bool]] = [
        # x, kernel, stride, padding, ceil_mode
        ((2, 3, 4, 6), (2, 2), (2, 2), (0, 0), False),
        ((1, 1, 1, 1), (1, 1), (1, 1), (0, 0), False),
        ((0, 2, 4, 4), (2, 2), (1, 1), (1, 1), False),
        ((1, 2, 7, 5), (3, 2), (2, 1), (1, 0), False),
        ((2, 1, 6, 7), (2, 3), (3, 4), (1, 1), True),
    ]
    cases: list[tuple[Shape, Shape, dict[str, Any]]] = []
    for x, kernel, stride, padding, ceil_mode in rows:
        params = windows(2, kernel, stride, padding, ceil_mode)
        cases.append((x, (*x[:2], *count_of_windows(x[2:], params)), params))
    return cases
