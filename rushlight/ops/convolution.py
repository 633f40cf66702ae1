"""Convolution and its two gradients: three bilinear primitives, each the others' gradient.

There are three of each, for signals, images and volumes, and one rule for all. Tensors are
(batch, channels, *space), weights (out, channels / groups, *kernel), where space is (length,),
(height, width) or (depth, height, width). The NumPy meaning keeps the batch innermost in memory:
what it returns is a view, and a net of convolutions and pools stays in that layout.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import gcd
from typing import Any

import numpy as np

from rushlight.core.bind import bind
from rushlight.core.errors import DTypeError, RushlightError, ShapeError
from rushlight.core.kernels import Contraction, Term, Terms, along
from rushlight.core.primitive import PRIMITIVES, Array, Primitive, Sample, Spec, register
from rushlight.core.shapes import Shape, size_of, window_size
from rushlight.ops.movement import in_one_batch
from rushlight.ops.unfold import (
    WHOLE,
    Window,
    batch_first,
    batch_last,
    fold,
    inside,
    is_pointwise,
    matrices,
    part,
    unfolded,
    windows_of,
)

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}  # by their number
THINGS = {1: "a signal", 2: "an image", 3: "a volume"}


class Convolution(Primitive):
    """What the three have in common: two operands, linear in each."""

    ulps = 256
    kind: str  # how the name ends

    def __init__(self, rank: int) -> None:
        self.rank = rank  # how many spatial axes there are
        self.name = f"conv{rank}d{self.kind}"

    def other(self, kind: str) -> Primitive:
        """Return the primitive of another kind for as many axes."""
        return PRIMITIVES[f"conv{self.rank}d{kind}"]

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return (1 - wrt,)

    def _take(self, x: Array, y: Array) -> bool:
        """Return whether two arrays have the right number of axes, and one float dtype."""
        return x.ndim == y.ndim == self.rank + 2 and x.dtype == y.dtype and x.dtype.kind == "f"


class Conv(Convolution):
    """The windows of x times the weights: (n, c, *space), (o, c/g, *kernel) give (n, o, *count)."""

    kind = ""
    labels = ("x", "weight")
    onnx = "Conv"

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        x, weight = specs
        groups = params["groups"]
        _check_alike(x, weight)
        check_space(x, self.rank)
        check_weight(weight, self.rank, groups)
        channels, taken = x.shape[1], weight.shape[1] * groups
        if channels != taken:
            each = f" ({weight.shape[1]} in each of {groups} groups)" if groups > 1 else ""
            fact = f"x has {channels} channels, the weight takes {taken}{each}"
            raise ShapeError(fact, hint=self._remedy(x, weight, params))
        count = _output_size(x.shape[2:], weight.shape[2:], params)
        return Spec((x.shape[0], weight.shape[0], *count), x.dtype)

    def _remedy(self, x: Spec, weight: Spec, params: dict[str, Any]) -> str | None:
        """Return the first change under which the channels agree and all else is valid, if any."""
        n, *sizes = x.shape
        c, last = sizes[0], sizes.pop()
        out, taken, *kernel = weight.shape
        groups = params["groups"]
        channels_last = Spec((n, last, *sizes), x.dtype)
        exchanged = Spec((taken, out, *kernel), weight.dtype)
        candidates = []
        if last < min(sizes):  # fewer than along any other axis: they may well be the channels
            candidates.append((channels_first(self.rank), channels_last, weight, groups))
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

    def numpy(self, x: Any, weight: Any, *, groups: int, **window: Shape) -> Any:
        refuse_unless(self._take(x, weight) and groups > 0)
        outs, depth, *kernel = weight.shape
        refuse_unless(x.shape[1] == depth * groups and outs % groups == 0)
        count = _output_size(x.shape[2:], kernel, window)
        matrix = matrices(weight, groups)
        y = np.empty((groups, outs // groups, *count, len(x)), x.dtype)
        for tile, columns in unfolded(x, kernel, count, groups, window):
            np.matmul(matrix, columns, out=part(y, tile))
        return batch_first(y.reshape(outs, *count, len(x)))

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        x, weight = inputs
        if wrt == 0:
            return bind(self.other("_input"), g, weight, size=x.shape[2:], **params)
        return bind(self.other("_weight"), x, g, kernel=weight.shape[2:], **params)

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        return None if has[1] else in_one_batch(self, has, inputs[:1], inputs[1:], params)

    def lower(self, *specs: Spec, **params: Any) -> Contraction:
        x, weight = specs
        space = _Space(weight.shape, self.rule(x, weight, **params).shape, params)
        return Contraction(space.sizes, left=space.x, right=space.weight, out=space.y)

    def samples(self) -> list[Sample]:
        return [Sample((x, weight), params) for x, weight, _, params in _cases(self.rank)]


class ConvInput(Convolution):
    """The gradient of a convolution with respect to x, whose space is `size`."""

    kind = "_input"
    labels = ("gradient", "weight")

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        g, weight = specs
        _check_alike(g, weight)
        check_space(g, self.rank, "gradient")
        check_weight(weight, self.rank, params["groups"])
        count = _output_size(params["size"], weight.shape[2:], params)
        _check_gradient(g, (weight.shape[0], *count))
        channels = weight.shape[1] * params["groups"]
        return Spec((g.shape[0], channels, *params["size"]), g.dtype)

    def numpy(self, g: Any, weight: Any, *, size: Shape, groups: int, **window: Shape) -> Any:
        refuse_unless(self._take(g, weight) and groups > 0)
        outs, depth, *kernel = weight.shape
        count = _output_size(size, kernel, window)
        refuse_unless(g.shape[1:] == (outs, *count) and outs % groups == 0)
        matrix = matrices(weight, groups).transpose(0, 2, 1)
        split = batch_last(g).reshape(groups, outs // groups, *count, len(g))
        if is_pointwise(kernel, window):
            x = np.matmul(matrix, part(split, WHOLE))
            return batch_first(x.reshape(depth * groups, *size, len(g)))
        padded = tuple(
            length + 2 * around for length, around in zip(size, window["padding"], strict=True)
        )
        x = np.zeros((depth * groups, *padded, len(g)), g.dtype)
        fold(x, matrix, split, windows_of(x, kernel, count, window))
        return batch_first(inside(x, window["padding"]))

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        gradient, weight = inputs
        params = {key: value for key, value in params.items() if key != "size"}
        if wrt == 0:
            return bind(self.other(""), g, weight, **params)
        return bind(self.other("_weight"), g, gradient, kernel=weight.shape[2:], **params)

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        return None if has[1] else in_one_batch(self, has, inputs[:1], inputs[1:], params)

    def lower(self, *specs: Spec, **params: Any) -> Contraction:
        g, weight = specs
        space = _Space(weight.shape, g.shape, params)
        return Contraction(space.sizes, space.y, space.weight, out=space.x, taps=space.taps)

    def samples(self) -> list[Sample]:
        return [Sample((g, w), {"size": x[2:], **params}) for x, w, g, params in _cases(self.rank)]


class ConvWeight(Convolution):
    """The gradient of a convolution with respect to a weight whose windows are `kernel`."""

    kind = "_weight"
    labels = ("x", "gradient")

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        x, g = specs
        kernel, groups = params["kernel"], params["groups"]
        _check_alike(x, g)
        check_space(x, self.rank)
        check_space(g, self.rank, "gradient")
        count = _output_size(x.shape[2:], kernel, params)
        _check_gradient(g, (g.shape[1], *count))
        if x.shape[0] != g.shape[0]:
            raise ShapeError(f"x is a batch of {x.shape[0]}, the gradient one of {g.shape[0]}")
        check_groups(groups, x.shape[1], g.shape[1])
        return Spec((g.shape[1], x.shape[1] // groups, *kernel), x.dtype)

    def numpy(self, x: Any, g: Any, *, kernel: Shape, groups: int, **window: Shape) -> Any:
        refuse_unless(self._take(x, g) and groups > 0)
        count = _output_size(x.shape[2:], kernel, window)
        (n, outs), channels = g.shape[:2], x.shape[1]
        refuse_unless(g.shape[2:] == count and n == len(x))
        refuse_unless(channels % groups == 0 and outs % groups == 0)
        split = batch_last(g).reshape(groups, outs // groups, *count, n)
        depth = channels // groups * size_of(kernel)
        total = np.zeros((groups, depth, outs // groups), x.dtype)
        for tile, columns in unfolded(x, kernel, count, groups, window):
            total += columns @ part(split, tile).transpose(0, 2, 1)
        return total.transpose(0, 2, 1).reshape(outs, channels // groups, *kernel)

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        x, gradient = inputs
        params = {key: value for key, value in params.items() if key != "kernel"}
        if wrt == 0:
            return bind(self.other("_input"), gradient, g, size=x.shape[2:], **params)
        return bind(self.other(""), x, g, **params)

    def lower(self, *specs: Spec, **params: Any) -> Contraction:
        x, g = specs
        space = _Space(self.rule(x, g, **params).shape, g.shape, params)
        return Contraction(space.sizes, left=space.x, right=space.y, out=space.weight)

    def samples(self) -> list[Sample]:
        cases = _cases(self.rank)
        return [Sample((x, g), {"kernel": w[2:], **params}) for x, w, g, params in cases]


conv1d_p = register(Conv(1))
conv1d_input_p = register(ConvInput(1))
conv1d_weight_p = register(ConvWeight(1))
conv2d_p = register(Conv(2))
conv2d_input_p = register(ConvInput(2))
conv2d_weight_p = register(ConvWeight(2))
conv3d_p = register(Conv(3))
conv3d_input_p = register(ConvInput(3))
conv3d_weight_p = register(ConvWeight(3))


class _Space:
    """The space over which all three sum, and where x, weight and y lie in it.

    Its axes are batch, group, output in the group, those of y's space, channel in the group, those
    of the kernel.
    """

    BATCH, GROUP, OUT, SPACE = range(4)

    def __init__(self, weight: Shape, y: Shape, params: Mapping[str, Any]) -> None:
        groups = params["groups"]
        outs, depth, *kernel = weight
        n, _, *count = y
        self.sizes = (n, groups, outs // groups, *count, depth, *kernel)
        rank = len(kernel)
        inner = self.SPACE + rank  # the channel in the group
        self.taps = tuple(range(inner + 1, inner + 1 + rank))
        positions = range(self.SPACE, inner)
        out = Term(0, ((self.GROUP, outs // groups), (self.OUT, 1)))
        channel = Term(0, ((self.GROUP, depth), (inner, 1)))
        places = zip(
            positions,
            self.taps,
            params["stride"],
            params["padding"],
            params["dilation"],
            strict=True,
        )
        seen = tuple(Term(-p, ((at, s), (tap, d))) for at, tap, s, p, d in places)
        self.x: Terms = (along(self.BATCH), channel, *seen)
        self.weight: Terms = (out, along(inner), *map(along, self.taps))
        self.y: Terms = (along(self.BATCH), out, *map(along, positions))


def _check_alike(left: Spec, right: Spec) -> None:
    check_floats(left)
    check_floats(right)
    if left.dtype is not right.dtype:
        raise DTypeError(f"dtypes differ: {left.dtype} and {right.dtype}")


def check_floats(x: Spec) -> None:
    """Raise unless x is float32 or float64."""
    if not x.dtype.is_float or x.dtype.is_half:
        raise DTypeError(f"does not take {x.dtype}", hint="cast to float32 first")


def check_space(x: Spec, rank: int, label: str = "x") -> None:
    """Raise unless x is a batch with so many spatial axes; `label` is what the fact calls it."""
    if len(x.shape) == rank + 2:
        return
    axes = ", ".join(AXES[rank])
    fact = f"{label} has {len(x.shape)} axes, not the {rank + 2} (batch, channels, {axes})"
    hint = None
    if len(x.shape) == rank + 1:
        hint = f"{label}.unsqueeze(0) is a batch of one: {(1, *x.shape)}"
    elif len(x.shape) == rank:
        one = THINGS[rank].partition(" ")[2]
        hint = f"{label}.reshape(1, 1, *{label}.shape) is one {one} of one channel"
    raise ShapeError(fact, hint=hint)


def check_weight(weight: Spec, rank: int, groups: int, transposed: bool = False) -> None:
    """Raise unless a weight has as many axes as it must, and splits into the groups."""
    if len(weight.shape) != rank + 2:
        outer = "channels, out / groups" if transposed else "out, channels / groups"
        axes = f"({', '.join([outer, *AXES[rank]])})"
        raise ShapeError(f"the weight has {len(weight.shape)} axes, not the {rank + 2} {axes}")
    ends = weight.shape[1] * groups, weight.shape[0]
    check_groups(groups, *(reversed(ends) if transposed else ends))


def as_written(sizes: Shape) -> str:
    """Return sizes as people write them: of one axis, the int alone."""
    return str(sizes[0] if len(sizes) == 1 else sizes)


def channels_first(rank: int) -> str:
    """Return what puts channels that lie last where they belong."""
    order = ", ".join(map(str, (0, rank + 1, *range(1, rank + 1))))
    return f"x.permute({order})"


def check_groups(groups: int, channels: int, outs: int) -> None:
    """Raise unless both kinds of channels split into the groups."""
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
        whose = THINGS[len(wanted) - 1]
        raise ShapeError(f"the gradient of {whose} has shape {g.shape[1:]}, not {wanted}")


def _output_size(size: Sequence[int], kernel: Sequence[int], window: Window) -> Shape:
    """Return how many windows fit along each axis, or raise with the padding that would do."""
    strides, paddings, dilations = window["stride"], window["padding"], window["dilation"]
    places = zip(size, kernel, strides, paddings, dilations, AXES[len(kernel)], strict=True)
    try:
        return tuple(window_size(*place) for place in places)
    except ShapeError as error:
        if min(*kernel, *strides, *dilations) > 0 <= min(paddings):
            reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
            sides = zip(paddings, reach, size, strict=True)
            least = tuple(max(p, (r - n + 1) // 2) for p, r, n in sides)
            error.hint = f"padding={as_written(least)} is the least that fits"
        raise


def refuse_unless(valid: bool) -> None:
    """Stop the NumPy meaning before arrays that the rule refuses; the rule then says why."""
    if not valid:
        raise ValueError("operands do not fit each other")


def _cases(rank: int) -> list[tuple[Shape, Shape, Shape, dict[str, Any]]]:
    """Return shapes of x, weight and result with the params, for the tables of cases."""
    cases: list[tuple[Shape, Shape, Shape, dict[str, Any]]] = []
    for x, weight, stride, padding, dilation, groups in CASES[rank]:
        params = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        count = _output_size(x[2:], weight[2:], params)
        cases.append((x, weight, (x[0], weight[0], *count), params))
    return cases


CASES: dict[int, list[tuple[Shape, Shape, Shape, Shape, Shape, int]]] = {
    # x, weight, stride, padding, dilation, groups
    1: [
        ((2, 3, 9), (4, 3, 3), (1,), (0,), (1,), 1),
        ((1, 1, 1), (1, 1, 1), (1,), (0,), (1,), 1),
        ((0, 2, 4), (3, 2, 2), (1,), (1,), (1,), 1),
        ((2, 4, 11), (6, 2, 3), (2,), (2,), (2,), 2),
        ((3, 2, 5), (2, 2, 1), (1,), (0,), (1,), 1),
    ],
    2: [
        ((2, 3, 5, 4), (4, 3, 3, 2), (1, 1), (0, 0), (1, 1), 1),
        ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1), (0, 0), (1, 1), 1),
        ((0, 2, 4, 4), (3, 2, 2, 2), (1, 1), (1, 1), (1, 1), 1),
        ((2, 4, 5, 6), (8, 1, 3, 3), (2, 1), (1, 0), (1, 2), 4),
        ((1, 4, 7, 5), (6, 2, 2, 3), (3, 4), (2, 1), (2, 1), 2),
        ((3, 2, 3, 3), (2, 2, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ],
    3: [
        ((2, 2, 3, 4, 3), (3, 2, 2, 3, 2), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1),
        ((1, 1, 1, 1, 1), (1, 1, 1, 1, 1), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1),
        ((0, 2, 3, 3, 3), (3, 2, 2, 2, 2), (1, 1, 1), (1, 1, 1), (1, 1, 1), 1),
        ((1, 4, 3, 5, 4), (2, 2, 2, 2, 3), (1, 2, 1), (0, 1, 1), (2, 1, 1), 2),
        ((2, 2, 2, 2, 2), (2, 2, 1, 1, 1), (1, 1, 1), (0, 0, 0), (1, 1, 1), 1),
    ],
}
