"""Along an axis each result from the one before: cumulative sums, products, linear recurrences.

The gradient of each is a recurrence that runs the other way, so all can be differentiated again.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from rushlight.core import kernels
from rushlight.core.bind import as_value, bind, bind_checked, op
from rushlight.core.dtypes import float32, int64, promote
from rushlight.core.errors import DTypeError, ShapeError
from rushlight.core.primitive import Array, Primitive, Sample, Spec, method, register
from rushlight.core.shapes import broadcast_shapes, normalize_axis
from rushlight.ops.movement import along_axis, concat, expanded, part, place_p
from rushlight.ops.pointwise import cast


class Scan(Primitive):
    """One pass along `axis`, from its last element to its first where `reverse` is set."""

    first = "{x}"  # the C of the first result, and of one from the result {a} before
    following: str
    operands: tuple[str, ...] = ("x",)

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        x, axis = specs[-1], params["axis"]
        if x.dtype.is_half or x.dtype.kind == "bool":
            raise DTypeError(f"does not take {x.dtype}", hint="cast to float32 first")
        if not 0 <= axis < len(x.shape):
            raise ShapeError(f"{x.shape} has no axis {axis}")
        for spec in specs[:-1]:
            if spec != x:
                raise ShapeError(f"the operands differ: {spec} and {x}")
        return x

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        return along_axis(self, has, inputs, **params)

    def lower(self, *specs: Spec, **params: Any) -> kernels.Scan:
        axis, reverse = params["axis"], params["reverse"]
        return kernels.Scan(axis, self.operands, self.first, self.following, reverse)

    def samples(self) -> list[Sample]:
        rows = [
            ((5,), 0, False),
            ((3, 4), 0, True),
            ((2, 1, 3), 1, False),
            ((2, 0), 0, False),
            ((3, 0), 1, True),
            ((2, 3, 4), 1, False),
            ((2, 3, 5), 2, True),
        ]
        count = len(self.operands)
        return [Sample((s,) * count, {"axis": a, "reverse": r}) for s, a, r in rows]


class CumulativeSum(Scan):
    """The sums of the elements up to each place."""

    name = "cumsum"
    onnx = "CumSum"
    following = "{a} + {x}"

    def numpy(self, x: Any, *, axis: int, reverse: bool) -> Any:
        return _accumulated(np.add, x, axis, reverse)

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        return bind(self, g, axis=params["axis"], reverse=not params["reverse"])

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return ()


class CumulativeProduct(Scan):
    """The products of the elements up to each place."""

    name = "cumprod"
    following = "{a} * {x}"

    def numpy(self, x: Any, *, axis: int, reverse: bool) -> Any:
        return _accumulated(np.multiply, x, axis, reverse)

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        """Return, at each place, the product before it times what follows of g without it.

        No factor is divided by, so zeros are no exception.
        """
        (x,), axis, reverse = inputs, params["axis"], params["reverse"]
        following = shifted(x, axis, -1 if reverse else 1)
        rest = bind(recurrence_p, following, g, axis=axis, reverse=not reverse)
        return products_before(x, axis, reverse) * rest


class Recurrence(Scan):
    """s[i] = factor[i] * s[i - 1] + term[i] along an axis; the first result is the first term."""

    name = "recurrence"
    labels = ("factors", "terms")
    uses_output = True
    first = "{term}"
    following = "{factor} * {a} + {term}"
    operands = ("factor", "term")

    def numpy(self, factors: Any, terms: Any, *, axis: int, reverse: bool) -> Any:
        out = np.empty(terms.shape, terms.dtype)
        a, b, s = (np.moveaxis(x, axis, 0) for x in (factors, terms, out))
        if reverse:
            a, b, s = a[::-1], b[::-1], s[::-1]
        s[:1] = b[:1]
        for i in range(1, len(s)):
            s[i] = a[i] * s[i - 1] + b[i]
        return out

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        factors, axis, reverse = inputs[0], params["axis"], params["reverse"]
        ahead = -1 if reverse else 1
        total = bind(self, shifted(factors, axis, ahead), g, axis=axis, reverse=not reverse)
        return total if wrt == 1 else total * shifted(y, axis, -ahead)

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return (0,)


cumsum_p = register(CumulativeSum())
cumprod_p = register(CumulativeProduct())
recurrence_p = register(Recurrence())


@method("cumsum")
@op
def cumsum(x: Any, axis: int, reverse: bool = False) -> Any:
    """Return the sums along `axis` up to each place; integers and bools sum in int64.

    Args:
        x: a tensor.
        axis: along which it is summed.
        reverse: whether sums run from the last element to the first.

    >>> import rushlight as rl
    >>> rl.tensor([1.0, 2.0, 3.0]).cumsum(0)
    tensor([1., 3., 6.])
    """
    return _scan(cumsum_p, as_value(x), axis, reverse)


@method("cumprod")
@op
def cumprod(x: Any, axis: int, reverse: bool = False) -> Any:
    """Return the products along `axis` up to each place; integers and bools multiply in int64.

    The gradient is right where elements are zero, too.

    Args:
        x: a tensor.
        axis: along which it is multiplied.
        reverse: whether products run from the last element to the first.

    >>> import rushlight as rl
    >>> rl.tensor([1.0, 2.0, 3.0]).cumprod(0)
    tensor([1., 2., 6.])
    """
    return _scan(cumprod_p, as_value(x), axis, reverse)


@op
def recurrence(factors: Any, terms: Any, axis: int, reverse: bool = False) -> Any:
    """Return s with s[i] = factors[i] * s[i - 1] + terms[i] along `axis`, and s[0] = terms[0].

    Args:
        factors: what each result is multiplied by on its way to the next; the first is not used.
        terms: what comes in; of a shape that broadcasts with that of `factors`.
        axis: along which it runs, of the broadcast shape.
        reverse: whether it runs from the last element to the first, which is then terms[-1].

    >>> import rushlight as rl
    >>> rl.recurrence(rl.full((4,), 0.5), rl.tensor([8.0, 0.0, 0.0, 1.0]), 0)
    tensor([8., 4., 2., 2.])
    """
    factors = as_value(factors)
    terms = as_value(terms)
    dtype = promote(promote(factors.dtype, terms.dtype), float32)
    shape = broadcast_shapes(factors.shape, terms.shape)
    factors, terms = (expanded(cast(x, dtype), shape) for x in (factors, terms))
    axis = normalize_axis(axis, len(shape))
    return bind(recurrence_p, factors, terms, axis=axis, reverse=bool(reverse))


def products_before(x: Any, axis: int, reverse: bool = False) -> Any:
    """Return the product of the elements before each place, 1 at the first.

    >>> import rushlight as rl
    >>> products_before(rl.tensor([2.0, 3.0, 5.0]), 0)
    tensor([1., 2., 6.])
    """
    size = x.shape[axis]
    if size == 0:
        return x
    ones = expanded(as_value(1.0, x.dtype), (*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    rest = part(x, axis, 1 if reverse else 0, size - 1)
    products = bind(cumprod_p, rest, axis=axis, reverse=reverse)
    return concat([products, ones] if reverse else [ones, products], axis)


def shifted(x: Any, axis: int, ahead: int) -> Any:
    """Return at each place the element `ahead` of it along an axis, 1 or -1; 0 where there is none.

    >>> import rushlight as rl
    >>> shifted(rl.tensor([1.0, 2.0, 3.0]), 0, 1)
    tensor([2., 3., 0.])
    """
    size = x.shape[axis]
    if size == 0:
        return x
    rest = part(x, axis, max(ahead, 0), size - 1)
    begin = max(-ahead, 0) if size > 1 else 0
    start = tuple(begin if one == axis else 0 for one in range(len(x.shape)))
    return bind(place_p, rest, shape=x.shape, start=start, step=(1,) * len(start))


def _accumulated(step: Callable[..., Any], x: Array, axis: int, reverse: bool) -> Array:
    accumulate = step.accumulate  # type: ignore[attr-defined]
    if not reverse:
        return accumulate(x, axis, x.dtype)  # type: ignore[no-any-return]
    return np.flip(accumulate(np.flip(x, axis), axis, x.dtype), axis)


def _scan(primitive: Scan, x: Any, axis: int, reverse: bool) -> Any:
    if not x.dtype.is_float and x.dtype is not int64:
        x = cast(x, int64)
    apply = bind if x.dtype.is_wide else bind_checked
    return apply(primitive, x, axis=normalize_axis(axis, x.rank), reverse=bool(reverse))
