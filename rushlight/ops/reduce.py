"""The reductions: sum, max, min, log-sum-exp, all, any, and the position of an extreme."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from rushlight.core.bind import as_value, bind, bind_checked, op
from rushlight.core.dtypes import DType, bool_, float32, int64
from rushlight.core.errors import DTypeError, ShapeError
from rushlight.core.kernels import ArgFold, Fold
from rushlight.core.primitive import Primitive, Sample, Spec, method, register
from rushlight.core.shapes import (
    AxisLike,
    Shape,
    normalize_axes,
    normalize_axis,
    reduced_shape,
    size_of,
)
from rushlight.ops.elementwise import isclose, where
from rushlight.ops.movement import expanded, reshaped
from rushlight.ops.pointwise import cast


class Reduction(Primitive):
    """A reduction over `axes`, which are counted from the left and in rising order."""

    needs_element = False  # whether an empty reduction has no meaning
    fold: Callable[[Spec, Shape], Fold] | None = None  # how C does it over axes
    kinds: tuple[str, ...] = ("float", "int", "uint")

    def __init__(
        self, name: str, numpy: Callable[..., Any], vjp: Callable[..., Any] | None, **record: Any
    ) -> None:
        self.name = name
        self.numpy = numpy
        self._vjp = vjp or _no_gradient
        self.differentiable = vjp is not None
        for attribute, value in record.items():
            setattr(self, attribute, value)

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        (x,), axes = specs, params["axes"]
        if x.dtype.kind not in self.kinds or x.dtype.is_half:
            raise DTypeError(f"does not take {x.dtype}", hint="cast to float32 first")
        if self.needs_element and 0 in [x.shape[axis] for axis in axes]:
            raise ShapeError(f"there is no {self.name} of no elements: {x.shape} over {axes}")
        return Spec(reduced_shape(x.shape, axes, params["keepdims"]), x.dtype)

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        (x,), axes = inputs, params["axes"]
        if g.shape and not params["keepdims"]:  # a scalar broadcasts as it is
            shape = reduced_shape(x.shape, axes, True)
            g = reshaped(g, shape)
            y = reshaped(y, shape) if self.uses_output else None
        return self._vjp(g, y, x, axes)

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return (0,) if self.uses_output else ()

    def lower(self, *specs: Spec, **params: Any) -> Fold | None:
        return self.fold(specs[0], params["axes"]) if self.fold else None

    def samples(self) -> list[Sample]:
        rows: list[tuple[Shape, Shape, bool]] = [
            ((), (), False),
            ((3, 4), (0,), False),
            ((3, 4), (1,), True),
            ((2, 3, 4), (0, 2), False),
            ((2, 1, 3), (0, 1, 2), True),
        ]
        rows.append(((0, 3), (1,) if self.needs_element else (0,), False))
        return [Sample((shape,), {"axes": axes, "keepdims": keep}) for shape, axes, keep in rows]


class ArgReduction(Primitive):
    """The position of an extreme along one axis, the first of equals."""

    differentiable = False

    def __init__(self, name: str, numpy: Callable[..., Any], sign: str, onnx: str) -> None:
        self.name = name
        self._numpy = numpy
        self.sign = sign
        self.onnx = onnx

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        (x,), axis = specs, params["axis"]
        if x.dtype.is_half:
            raise DTypeError(f"does not take {x.dtype}", hint="cast to float32 first")
        if x.shape[axis] == 0:
            raise ShapeError(f"there is no {self.name} of no elements: {x.shape} along {axis}")
        return Spec(reduced_shape(x.shape, (axis,), params["keepdims"]), int64)

    def numpy(self, x: Any, *, axis: int, keepdims: bool) -> Any:
        return self._numpy(x, axis=axis, keepdims=keepdims)

    def lower(self, *specs: Spec, **params: Any) -> ArgFold:
        better = f"{{x}} {self.sign} {{a}}"
        if specs[0].dtype.is_float:
            better += " || ({x} != {x} && {a} == {a})"
        return ArgFold(params["axis"], better)

    def samples(self) -> list[Sample]:
        rows = [((4,), 0), ((3, 4), 1), ((3, 4), 0), ((2, 1, 3), 1), ((0, 3), 1)]
        return [Sample((shape,), {"axis": axis, "keepdims": False}) for shape, axis in rows]


# NumPy's stubs know `keepdims` by keyword alone, which costs twice the time of small sums.
_add: Any = np.add.reduce
_maximum: Any = np.maximum.reduce
_minimum: Any = np.minimum.reduce
_and: Any = np.logical_and.reduce
_or: Any = np.logical_or.reduce


def _sum(x: Any, *, axes: Shape, keepdims: bool) -> Any:
    return _add(x, axes, x.dtype, None, keepdims)


def _mean(x: Any, *, axes: Shape, keepdims: bool) -> Any:
    total = _add(x, axes, None, None, keepdims)
    return total * x.dtype.type(_share_of_one(x.shape, axes))


def _share_of_one(shape: Shape, axes: Shape) -> float:
    """Return 1 / the number of elements that one mean is taken over; NaN for none."""
    count = 1
    for axis in axes:
        count *= shape[axis]
    return 1.0 / count if count else float("nan")


def _max(x: Any, *, axes: Shape, keepdims: bool) -> Any:
    return _maximum(x, axes, None, None, keepdims)


def _min(x: Any, *, axes: Shape, keepdims: bool) -> Any:
    return _minimum(x, axes, None, None, keepdims)


def _logsumexp(x: Any, *, axes: Shape, keepdims: bool) -> Any:
    if x.size == 0:
        return np.full(reduced_shape(x.shape, axes, keepdims), -np.inf, x.dtype)
    top = _maximum(x, axes, None, None, True)
    if np.count_nonzero(np.isfinite(top)) < top.size:
        return _logsumexp_of_infinities(x, top, axes, keepdims)
    total = np.log(_add(np.exp(x - top), axes, None, None, True)) + top
    return total if keepdims else total.reshape(reduced_shape(x.shape, axes, False))


def _logsumexp_of_infinities(x: Any, top: Any, axes: Shape, keepdims: bool) -> Any:
    """Return what the formula means where a maximum is infinite (it is that) or NaN."""
    finite = np.where(np.isfinite(top), top, x.dtype.type(0))
    with np.errstate(all="ignore"):
        total = np.log(_add(np.exp(x - finite), axes, None, None, True)) + finite
    return total if keepdims else total.reshape(reduced_shape(x.shape, axes, False))


def _all(x: Any, *, axes: Shape, keepdims: bool) -> Any:
    return _and(x, axes, None, None, keepdims)


def _any(x: Any, *, axes: Shape, keepdims: bool) -> Any:
    return _or(x, axes, None, None, keepdims)


def _no_gradient(g: Any, y: Any, x: Any, axes: Shape) -> None:
    return None


def _spread_over_ties(g: Any, y: Any, x: Any, axes: Shape) -> Any:
    """Share the gradient of an extreme equally between the elements that reach it."""
    reached = where(x == y, as_value(1.0, x.dtype), 0.0)
    return reached * (g / reached.sum(axes, keepdims=True))


def _fold_sum(x: Spec, axes: Shape) -> Fold:
    return Fold(axes, "0", "{a} + {x}")


def _fold_mean(x: Spec, axes: Shape) -> Fold:
    share = _literal(_share_of_one(x.shape, axes), x.dtype)
    return Fold(axes, "0", "{a} + {x}", f"{{a}} * {share}")


def _fold_max(x: Spec, axes: Shape) -> Fold:
    return Fold(axes, "{first}", "rl_max({x}, {a})")


def _fold_min(x: Spec, axes: Shape) -> Fold:
    return Fold(axes, "{first}", "rl_min({x}, {a})")


def _literal(number: float, dtype: DType) -> str:
    """Return a float as C writes it, exactly."""
    if number != number:
        return "NAN"
    return f"{np.float32(number)!s}f" if dtype is float32 else repr(number)


sum_p = register(
    Reduction(
        "sum",
        _sum,
        lambda g, y, x, axes: expanded(g, x.shape),
        onnx="ReduceSum",
        fold=_fold_sum,
    )
)
mean_p = register(
    Reduction(
        "mean",
        _mean,
        lambda g, y, x, axes: expanded(g * _share_of_one(x.shape, axes), x.shape),
        onnx="ReduceMean",
        fold=_fold_mean,
        kinds=("float",),
    )
)
max_p = register(
    Reduction(
        "max",
        _max,
        _spread_over_ties,
        onnx="ReduceMax",
        fold=_fold_max,
        needs_element=True,
        uses_output=True,
        smooth=False,
    )
)
min_p = register(
    Reduction(
        "min",
        _min,
        _spread_over_ties,
        onnx="ReduceMin",
        fold=_fold_min,
        needs_element=True,
        uses_output=True,
        smooth=False,
    )
)
logsumexp_p = register(
    Reduction(
        "logsumexp",
        _logsumexp,
        lambda g, y, x, axes: g * (x - y).exp(),
        onnx="ReduceLogSumExp",
        kinds=("float",),
        uses_output=True,
    )
)
all_p = register(
    Reduction(
        "all",
        _all,
        None,
        fold=lambda x, axes: Fold(axes, "1", "{a} & {x}"),
        kinds=("bool",),
    )
)
any_p = register(
    Reduction(
        "any",
        _any,
        None,
        fold=lambda x, axes: Fold(axes, "0", "{a} | {x}"),
        kinds=("bool",),
    )
)
argmax_p = register(ArgReduction("argmax", np.argmax, ">", "ArgMax"))
argmin_p = register(ArgReduction("argmin", np.argmin, "<", "ArgMin"))


@method("sum")
@op
def sum(x: Any, axis: AxisLike = None, keepdims: bool = False) -> Any:
    """Return the sum over `axis` (an int, several, or None for all); integers sum in int64.

    >>> import rushlight as rl
    >>> rl.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(axis=0)
    tensor([4., 6.])
    """
    dtype = x.dtype
    if not dtype.is_float and dtype is not int64:
        x = cast(x, int64)
    return _reduce(sum_p, x, axis, keepdims)


@method("mean")
@op
def mean(x: Any, axis: AxisLike = None, keepdims: bool = False) -> Any:
    """Return the mean over `axis`; of no elements, NaN.

    >>> import rushlight as rl
    >>> rl.tensor([[1.0, 2.0], [3.0, 4.0]]).mean()
    tensor(2.5)
    """
    x = x if x.dtype.is_float else cast(x, float32)
    return _reduce(mean_p, x, axis, keepdims)


@method("var")
@op
def var(x: Any, axis: AxisLike = None, keepdims: bool = False, correction: int = 0) -> Any:
    """Return the mean squared distance from the mean; `correction=1` divides by n - 1.

    >>> import rushlight as rl
    >>> rl.tensor([1.0, 2.0, 3.0]).var()
    tensor(0.6666667)
    """
    axes = normalize_axes(axis, x.rank)
    count = size_of(tuple(x.shape[axis] for axis in axes))
    centred = x - mean(x, axes, keepdims=True)
    total = sum(centred * centred, axes, keepdims)
    return total * (1.0 / (count - correction) if count > correction else float("nan"))


@method("max")
@op
def max(x: Any, axis: AxisLike = None, keepdims: bool = False) -> Any:
    """Return the largest element over `axis`; equals share the gradient.

    >>> import rushlight as rl
    >>> rl.tensor([[1.0, 5.0], [3.0, 4.0]]).max(axis=1)
    tensor([5., 4.])
    """
    return _reduce(max_p, x, axis, keepdims)


@method("min")
@op
def min(x: Any, axis: AxisLike = None, keepdims: bool = False) -> Any:
    """Return the smallest element over `axis`; equals share the gradient.

    >>> import rushlight as rl
    >>> rl.tensor([[1.0, 5.0], [3.0, 4.0]]).min()
    tensor(1.)
    """
    return _reduce(min_p, x, axis, keepdims)


@method("logsumexp")
@op
def logsumexp(x: Any, axis: AxisLike = None, keepdims: bool = False) -> Any:
    """Return log(sum(exp(x))) over `axis`, without overflow.

    >>> import rushlight as rl
    >>> rl.tensor([1000.0, 1000.0]).logsumexp()
    tensor(1000.6932)
    """
    x = x if x.dtype.is_float else cast(x, float32)
    return _reduce(logsumexp_p, x, axis, keepdims)


@method("all")
@op
def all(x: Any, axis: AxisLike = None, keepdims: bool = False) -> Any:
    """Return whether all elements over `axis` are true, or not 0; those of nothing are.

    >>> import rushlight as rl
    >>> (rl.tensor([[1.0, 5.0], [3.0, 4.0]]) > 2.0).all(axis=1)
    tensor([False,  True])
    """
    return _reduce(all_p, _truth(x), axis, keepdims)


@method("any")
@op
def any(x: Any, axis: AxisLike = None, keepdims: bool = False) -> Any:
    """Return whether any element over `axis` is true, or not 0; of nothing none is.

    >>> import rushlight as rl
    >>> (rl.tensor([[1.0, 5.0], [3.0, 4.0]]) > 4.0).any(axis=1)
    tensor([ True, False])
    """
    return _reduce(any_p, _truth(x), axis, keepdims)


@method("allclose")
@op
def allclose(
    x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Return whether `isclose` holds everywhere, as one bool.

    >>> import rushlight as rl
    >>> rl.tensor([1.0, 2.0]).allclose(rl.tensor([1.000001, 2.0]))
    tensor(True)
    """
    return all(isclose(x, y, rtol, atol, equal_nan))


@method("argmax")
@op
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Return the position (int64) of the largest element along `axis`, or of the flattened `x`.

    >>> import rushlight as rl
    >>> rl.tensor([[1.0, 5.0], [3.0, 4.0]]).argmax(axis=1)
    tensor([1, 1])
    """
    return _arg(argmax_p, x, axis, keepdims)


@method("argmin")
@op
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Return the position (int64) of the smallest element along `axis`, or of the flattened `x`.

    >>> import rushlight as rl
    >>> rl.tensor([[1.0, 5.0], [3.0, 4.0]]).argmin(axis=1)
    tensor([0, 0])
    """
    return _arg(argmin_p, x, axis, keepdims)


def _truth(x: Any) -> Any:
    """Return a value as bools."""
    x = as_value(x)
    return x if x.dtype is bool_ else cast(x, bool_)


def _reduce(primitive: Reduction, x: Any, axis: AxisLike, keepdims: bool) -> Any:
    apply = bind if x.dtype.is_wide else bind_checked
    return apply(primitive, x, axes=normalize_axes(axis, x.rank), keepdims=keepdims)


def _arg(primitive: ArgReduction, x: Any, axis: int | None, keepdims: bool) -> Any:
    x = as_value(x)
    if axis is None:
        flat = _arg(primitive, x.reshape(-1), 0, False)
        return flat.reshape((1,) * x.rank) if keepdims else flat
    apply = bind if x.dtype.is_wide else bind_checked
    return apply(primitive, x, axis=normalize_axis(axis, x.rank), keepdims=keepdims)
