"""The reductions: sum, product, extremes, log-sum-exp, norms, all, any, positions of extremes."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from rushlight.core.bind import as_value, bind, bind_checked, op
from rushlight.core.dtypes import DType, bool_, float32, int64
from rushlight.core.errors import DTypeError, ShapeError, UsageError
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
from rushlight.ops.movement import along_axis, expanded, permute_p, reshaped
from rushlight.ops.pointwise import cast
from rushlight.ops.scan import products_before


class Reduction(Primitive):
    """A reduction over `axes`, which are counted from the left and in rising order."""

    needs_element = False  # whether an empty reduction has no meaning
    fold: Callable[[Spec, Shape], Fold] | None = None  # how C does it over axes
    kinds: tuple[str, ...] = ("float", "int", "uint")
    reads_input = False  # whether the gradient does; it does where it reads the output

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
        return (0,) if self.uses_output or self.reads_input else ()

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        axes = tuple(axis + 1 for axis in params["axes"])
        return bind(self, *inputs, axes=axes, keepdims=params["keepdims"])

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

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        return along_axis(self, has, inputs, **params)

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
_multiply: Any = np.multiply.reduce
_maximum: Any = np.maximum.reduce
_minimum: Any = np.minimum.reduce
_and: Any = np.logical_and.reduce
_or: Any = np.logical_or.reduce


def _sum(x: Any, *, axes: Shape, keepdims: bool) -> Any:
    return _add(x, axes, x.dtype, None, keepdims)


def _mean(x: Any, *, axes: Shape, keepdims: bool) -> Any:
    total = _add(x, axes, None, None, keepdims)
    return total * x.dtype.type(_share_of_one(x.shape, axes))


def _prod(x: Any, *, axes: Shape, keepdims: bool) -> Any:
    return _multiply(x, axes, x.dtype, None, keepdims)


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


def _times_the_others(g: Any, y: Any, x: Any, axes: Shape) -> Any:
    """Return g times the product of the other elements: those before each times those after it.

    No element is divided by, so zeros are no exception.
    """
    kept = tuple(axis for axis in range(len(x.shape)) if axis not in axes)
    order = (*kept, *axes)
    turned = bind(permute_p, x, order=order)
    flat = reshaped(turned, (*turned.shape[: len(kept)], size_of(turned.shape[len(kept) :])))
    others = products_before(flat, len(kept)) * products_before(flat, len(kept), reverse=True)
    back = tuple(map(order.index, range(len(order))))
    return g * bind(permute_p, reshaped(others, turned.shape), order=back)


def _fold_sum(x: Spec, axes: Shape) -> Fold:
    return Fold(axes, "0", "{a} + {x}")


def _fold_mean(x: Spec, axes: Shape) -> Fold:
    share = _literal(_share_of_one(x.shape, axes), x.dtype)
    return Fold(axes, "0", "{a} + {x}", f"{{a}} * {share}")


def _fold_prod(x: Spec, axes: Shape) -> Fold:
    return Fold(axes, "1", "{a} * {x}")


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
prod_p = register(
    Reduction(
        "prod",
        _prod,
        _times_the_others,
        onnx="ReduceProd",
        fold=_fold_prod,
        reads_input=True,
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


@method("std")
@op
def std(x: Any, axis: AxisLike = None, keepdims: bool = False, correction: int = 0) -> Any:
    """Return the root of `var`; the gradient of 0 is 0, as in PyTorch.

    >>> import rushlight as rl
    >>> rl.tensor([1.0, 3.0]).std()
    tensor(1.)
    """
    return _root(var(x, axis, keepdims, correction), 2.0)


@method("prod")
@op
def prod(x: Any, axis: AxisLike = None, keepdims: bool = False) -> Any:
    """Return the product over `axis` (an int, several, or None for all); integers in int64.

    The gradient is right where elements are zero, too.

    >>> import rushlight as rl
    >>> rl.tensor([[1.0, 2.0], [3.0, 4.0]]).prod(axis=0)
    tensor([3., 8.])
    """
    x = as_value(x)
    if not x.dtype.is_float and x.dtype is not int64:
        x = cast(x, int64)
    return _reduce(prod_p, x, axis, keepdims)


@method("norm")
@op
def norm(x: Any, p: float = 2.0, axis: AxisLike = None, keepdims: bool = False) -> Any:
    """Return (sum |x|^p)^(1/p) over `axis` (an int, several, or None for all).

    For p = inf that is the largest |x|, for -inf the smallest, for 0 the number of elements that
    are not 0. As in PyTorch's `linalg.vector_norm`; at 0 the gradient is 0.

    >>> import rushlight as rl
    >>> x = rl.tensor([3.0, -4.0])
    >>> x.norm(), x.norm(1), x.norm(float("inf"))
    (tensor(5.), tensor(7.), tensor(4.))
    """
    if not isinstance(p, (int, float, np.generic)) or p != p:
        raise UsageError(f"the order of a norm is a number, not {p!r}")
    x = as_value(x)
    x = x if x.dtype.is_float else cast(x, float32)
    if p == 2:
        return _root(sum(x * x, axis, keepdims), 2.0)
    if p == 0:
        return sum(abs(x.sign()), axis, keepdims)
    sizes = abs(x)
    if p == 1:
        return sum(sizes, axis, keepdims)
    if abs(p) == float("inf"):
        return _reduce(max_p if p > 0 else min_p, sizes, axis, keepdims)
    zero = sizes == 0.0
    powers = where(zero, 0.0 if p > 0 else float("inf"), where(zero, 1.0, sizes) ** float(p))
    return _root(sum(powers, axis, keepdims), float(p))


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


def _root(x: Any, degree: float) -> Any:
    """Return x to the power of 1 / degree, with the gradient 0 where x is 0."""
    zero = x == 0.0
    rest = where(zero, 1.0, x)
    root = rest.sqrt() if degree == 2.0 else rest ** (1.0 / degree)
    return where(zero, 0.0 if degree > 0 else float("inf"), root)
