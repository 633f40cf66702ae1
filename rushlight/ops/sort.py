"""Order: positions of elements in rising order, and what is made of them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core import kernels
from rushlight.core.bind import as_value, bind, bind_checked, op
from rushlight.core.dtypes import float32, int64
from rushlight.core.errors import DTypeError, ShapeError, UsageError
from rushlight.core.primitive import Primitive, Sample, Spec, method, register
from rushlight.core.shapes import normalize_axes, normalize_axis, reduced_shape
from rushlight.ops.elementwise import where
from rushlight.ops.gather import gather_p
from rushlight.ops.movement import along_axis, part, reshaped
from rushlight.ops.pointwise import cast


class ArgSort(Primitive):
    """The positions along `axis` of the elements in order, equals as they come, NaN as largest."""

    name = "argsort"
    differentiable = False

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        (x,), axis = specs, params["axis"]
        if x.dtype.is_half:
            raise DTypeError(f"does not take {x.dtype}", hint="cast to float32 first")
        if not 0 <= axis < len(x.shape):
            raise ShapeError(f"{x.shape} has no axis {axis}")
        return Spec(x.shape, int64)

    def numpy(self, x: Any, *, axis: int, descending: bool) -> Any:
        if not descending:
            return x.argsort(axis, kind="stable")
        turned = np.flip(np.flip(x, axis).argsort(axis, kind="stable"), axis)
        return x.shape[axis] - 1 - turned

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        return along_axis(self, has, inputs, **params)

    def lower(self, *specs: Spec, **params: Any) -> kernels.Sort:
        return kernels.Sort(params["axis"], params["descending"])

    def samples(self) -> list[Sample]:
        equals = np.array([2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 1.0, 2.0, 1.0, 2.0], np.float32)
        odd = np.array([0.0, np.nan, -np.inf, -0.0, np.inf, 1.0, np.nan, -1.0], np.float32)
        rows: list[tuple[Any, int, bool]] = [
            ((5,), 0, False),
            ((3, 4), 0, True),
            ((2, 11, 2), 1, False),
            ((2, 0), 1, False),
            ((0, 3), 1, True),
            ((2, 37), 1, True),
            (equals, 0, False),
            (equals, 0, True),
            (odd, 0, False),
            (odd, 0, True),
        ]
        return [Sample((x,), {"axis": axis, "descending": down}) for x, axis, down in rows]


argsort_p = register(ArgSort())


@method("argsort")
@op
def argsort(x: Any, axis: int = -1, descending: bool = False) -> Any:
    """Return the positions (int64) along `axis` of the elements in rising order.

    Equal elements keep their order; NaN counts as larger than any number.

    Args:
        x: a tensor.
        axis: along which it is sorted.
        descending: whether the largest comes first.

    >>> import rushlight as rl
    >>> rl.tensor([3.0, 1.0, 2.0]).argsort()
    tensor([1, 2, 0])
    """
    x = as_value(x)
    axis, descending = normalize_axis(axis, x.rank), bool(descending)
    apply = bind if x.dtype.is_wide else bind_checked
    return apply(argsort_p, x, axis=axis, descending=descending)


@method("sort")
@op
def sort(x: Any, axis: int = -1, descending: bool = False) -> tuple[Any, Any]:
    """Return the elements in rising order along `axis`, and the positions (int64) they had.

    Equal elements keep their order; NaN counts as larger than any number. Gradients go back to
    where the elements came from.

    Args:
        x: a tensor.
        axis: along which it is sorted.
        descending: whether the largest comes first.

    >>> import rushlight as rl
    >>> rl.tensor([3.0, 1.0, 2.0]).sort(descending=True)
    (tensor([3., 2., 1.]), tensor([0, 2, 1]))
    """
    x = as_value(x)
    order = argsort(x, axis, descending)
    return bind(gather_p, x, order, axis=normalize_axis(axis, x.rank)), order


@method("topk")
@op
def topk(x: Any, k: int, axis: int = -1, largest: bool = True) -> tuple[Any, Any]:
    """Return the `k` largest elements along `axis`, the largest first, and their positions (int64).

    Of equal elements the first is taken; NaN counts as larger than any number.

    Args:
        x: a tensor.
        k: how many, at most the size of the axis.
        axis: along which they are chosen.
        largest: whether the largest are wanted; else the smallest, the smallest first.

    >>> import rushlight as rl
    >>> rl.tensor([3.0, 1.0, 2.0]).topk(2)
    (tensor([3., 2.]), tensor([0, 2]))
    """
    x = as_value(x)
    axis = normalize_axis(axis, x.rank)
    size = x.shape[axis]
    if not isinstance(k, (int, np.integer)) or not 0 <= k <= size:
        raise ShapeError(f"{k} elements are not to be had of an axis of {size}")
    order = part(argsort(x, axis, descending=largest), axis, 0, int(k))
    return bind(gather_p, x, order, axis=axis), order


@method("median")
@op
def median(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Return the middle element in order along `axis`, or of all; of two, the smaller.

    As in PyTorch; `quantile(0.5)` is the mean of the two. NaN if there is one.

    >>> import rushlight as rl
    >>> rl.tensor([4.0, 1.0, 3.0, 2.0]).median()
    tensor(2.)
    """
    x = as_value(x)
    values, along = _sorted(x, axis)
    middle = part(values, along, (values.shape[along] - 1) // 2, 1)
    middle = _nan_if_any(values, along, middle)
    return reshaped(middle, reduced_shape(x.shape, normalize_axes(axis, x.rank), keepdims))


@method("quantile")
@op
def quantile(x: Any, q: float, axis: int | None = None, keepdims: bool = False) -> Any:
    """Return the value below which a share `q` of the elements along `axis` lies, or of all.

    Between two elements it is found on the straight line between them, as in PyTorch and NumPy.
    NaN if there is one.

    Args:
        x: a tensor.
        q: the share, from 0 to 1: 0.5 for the median.
        axis: along which it is taken; None for all elements.
        keepdims: whether the axis stays, with size 1.

    >>> import rushlight as rl
    >>> rl.tensor([1.0, 2.0, 3.0, 4.0]).quantile(0.5)
    tensor(2.5)
    """
    if not isinstance(q, (int, float, np.generic)) or not 0 <= q <= 1:
        raise UsageError(f"a share is a number from 0 to 1, not {q!r}")
    x = as_value(x)
    x = x if x.dtype.is_float else cast(x, float32)
    values, along = _sorted(x, axis)
    place = float(q) * (values.shape[along] - 1)
    below = math.floor(place)
    between = part(values, along, below, 1)
    if place > below:
        between = between + (part(values, along, below + 1, 1) - between) * (place - below)
    between = _nan_if_any(values, along, between)
    return reshaped(between, reduced_shape(x.shape, normalize_axes(axis, x.rank), keepdims))


def _sorted(x: Any, axis: int | None) -> tuple[Any, int]:
    """Return the elements in order along an axis, for None all of them, and which axis that is."""
    x, axis = (x.reshape(-1), 0) if axis is None else (x, normalize_axis(axis, x.rank))
    if x.shape[axis] == 0:
        raise ShapeError(f"there is no middle of no elements: {x.shape} along {axis}")
    return sort(x, axis)[0], axis


def _nan_if_any(values: Any, axis: int, found: Any) -> Any:
    """Return NaN where sorted values end in it, else what was found in them."""
    if not values.dtype.is_float:
        return found
    last = part(values, axis, values.shape[axis] - 1, 1)
    return where(last == last, found, last)
