# Written by scripts/generate.py from the registry of methods; `make docs-generated` writes it anew.

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core.primitive import Array, Value
from rushlight.core.shapes import AxisLike
from rushlight.tensor import Tensor

Operand = Tensor | float | Array | np.generic | Sequence[Any]  # what stands for a value

class TensorMethods(Value):
    """Every op that is entered as a method, under its name."""

    # rushlight/ops/arrange.py
    def split(self, sizes: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
        """Return `x` cut along `axis` into pieces of one size, the last may be smaller, or of several."""  # noqa: E501
    def chunk(self, count: int, axis: int = 0) -> tuple[Tensor, ...]:
        """Return `x` cut along `axis` into at most `count` pieces, all of one size but the last."""
    def unbind(self, axis: int = 0) -> tuple[Tensor, ...]:
        """Return the parts of `x` at each index along `axis`, without the axis."""
    def flip(self, axis: AxisLike = None) -> Tensor:
        """Return `x` with its elements in reversed order along `axis`: one, several, or all for None."""  # noqa: E501
    def roll(self, shifts: int | Sequence[int], axis: AxisLike = None) -> Tensor:
        """Return `x` with its elements moved along `axis`; those that leave come in at the other end."""  # noqa: E501
    def pad(
        self,
        widths: Sequence[tuple[int, int]],
        mode: str = "constant",
        value: float = 0.0,
    ) -> Tensor:
        """Return `x` with more elements around it: (before, after) for each axis."""
    def tril(self, diagonal: int = 0) -> Tensor:
        """Return `x` (..., rows, columns) with zeros above a diagonal: 1 is the one above the main."""  # noqa: E501
    def triu(self, diagonal: int = 0) -> Tensor:
        """Return `x` (..., rows, columns) with zeros below a diagonal: 1 is the one above the main."""  # noqa: E501
    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """Return the diagonal of two axes of `x`, along a new last axis, as NumPy does."""
    def movedim(self, source: int | Sequence[int], target: int | Sequence[int]) -> Tensor:
        """Return `x` with axes moved to other positions; the others keep their order."""
    def swapaxes(self, first: int, second: int) -> Tensor:
        """Return `x` with two axes exchanged: `transpose` with both named."""
    def tile(self, *counts: Any) -> Tensor:
        """Return `x` as often as `counts` says along each axis, side by side, the last count last."""  # noqa: E501
    def repeat(self, *counts: Any) -> Tensor:
        """Return `x` as often as `counts` says along each axis, side by side, the last count last."""  # noqa: E501
    def repeat_interleave(self, count: int, axis: int | None = None) -> Tensor:
        """Return `x` with each element along `axis` `count` times; for None all in row-major order."""  # noqa: E501

    # rushlight/ops/bits.py
    def bitwise_and(self, y: Operand) -> Tensor:
        """Return the bits that both integers have."""
    def bitwise_or(self, y: Operand) -> Tensor:
        """Return the bits that one of the integers has."""
    def bitwise_xor(self, y: Operand) -> Tensor:
        """Return the bits that one of the integers has, but not both."""
    def bitwise_not(self) -> Tensor:
        """Return the bits that an integer has not."""
    def left_shift(self, y: Operand) -> Tensor:
        """Return x with its bits y places higher; 0 for a y below 0 or beyond them."""
    def __lshift__(self, y: Operand) -> Tensor:
        """Return x with its bits y places higher; 0 for a y below 0 or beyond them."""
    def __rlshift__(self, y: Operand) -> Tensor: ...
    def right_shift(self, y: Operand) -> Tensor:
        """Return x with its bits y places lower; for a y below 0 or beyond them 0, or -1."""
    def __rshift__(self, y: Operand) -> Tensor:
        """Return x with its bits y places lower; for a y below 0 or beyond them 0, or -1."""
    def __rrshift__(self, y: Operand) -> Tensor: ...
    def __and__(self, y: Operand) -> Tensor:
        """Return `logical_and` of bools, `bitwise_and` of integers."""
    def __rand__(self, y: Operand) -> Tensor: ...
    def __or__(self, y: Operand) -> Tensor:
        """Return `logical_or` of bools, `bitwise_or` of integers."""
    def __ror__(self, y: Operand) -> Tensor: ...
    def __xor__(self, y: Operand) -> Tensor:
        """Return `logical_xor` of bools, `bitwise_xor` of integers."""
    def __rxor__(self, y: Operand) -> Tensor: ...
    def __invert__(self) -> Tensor:
        """Return `logical_not` of bools, `bitwise_not` of integers."""

    # rushlight/ops/composite.py
    def log_softmax(self, axis: int = -1) -> Tensor:
        """Return log(softmax(x)) along `axis`, without overflow."""
    def softmax(self, axis: int = -1) -> Tensor:
        """Return exp(x) scaled to sum to 1 along `axis`."""

    # rushlight/ops/elementwise.py
    def neg(self) -> Tensor:
        """Return -x."""
    def __neg__(self) -> Tensor:
        """Return -x."""
    def abs(self) -> Tensor:
        """Return |x|."""
    def __abs__(self) -> Tensor:
        """Return |x|."""
    def sign(self) -> Tensor:
        """Return -1, 0 or 1."""
    def floor(self) -> Tensor:
        """Return the largest whole number that is not above x."""
    def ceil(self) -> Tensor:
        """Return the smallest whole number that is not below x."""
    def round(self) -> Tensor:
        """Return the nearest whole number, of two equally near the even one."""
    def trunc(self) -> Tensor:
        """Return x without its fraction: the next whole number towards 0."""
    def frac(self) -> Tensor:
        """Return the fraction of x, with its sign: x - trunc(x)."""
    def square(self) -> Tensor:
        """Return x * x."""
    def reciprocal(self) -> Tensor:
        """Return 1 / x."""
    def relu(self) -> Tensor:
        """Return x where it is positive, else 0; the gradient at 0 is 0."""
    def logical_not(self) -> Tensor:
        """Return the opposite of a bool."""
    def isnan(self) -> Tensor:
        """Return whether x is no number (NaN)."""
    def isinf(self) -> Tensor:
        """Return whether x is infinite."""
    def isfinite(self) -> Tensor:
        """Return whether x is a number and not infinite."""
    def add(self, y: Operand) -> Tensor:
        """Return x + y."""
    def __add__(self, y: Operand) -> Tensor:
        """Return x + y."""
    def __radd__(self, y: Operand) -> Tensor: ...
    def sub(self, y: Operand) -> Tensor:
        """Return x - y."""
    def __sub__(self, y: Operand) -> Tensor:
        """Return x - y."""
    def __rsub__(self, y: Operand) -> Tensor: ...
    def mul(self, y: Operand) -> Tensor:
        """Return x * y."""
    def __mul__(self, y: Operand) -> Tensor:
        """Return x * y."""
    def __rmul__(self, y: Operand) -> Tensor: ...
    def div(self, y: Operand) -> Tensor:
        """Return x / y; integers become float32 first."""
    def __truediv__(self, y: Operand) -> Tensor:
        """Return x / y; integers become float32 first."""
    def __rtruediv__(self, y: Operand) -> Tensor: ...
    def floor_divide(self, y: Operand) -> Tensor:
        """Return x / y rounded down; of integers by 0, 0."""
    def __floordiv__(self, y: Operand) -> Tensor:
        """Return x / y rounded down; of integers by 0, 0."""
    def __rfloordiv__(self, y: Operand) -> Tensor: ...
    def remainder(self, y: Operand) -> Tensor:
        """Return x - (x // y) * y, which has the sign of y; of integers by 0, 0."""
    def __mod__(self, y: Operand) -> Tensor:
        """Return x - (x // y) * y, which has the sign of y; of integers by 0, 0."""
    def __rmod__(self, y: Operand) -> Tensor: ...
    def fmod(self, y: Operand) -> Tensor:
        """Return x - trunc(x / y) * y, which has the sign of x; of integers by 0, 0."""
    def copysign(self, y: Operand) -> Tensor:
        """Return |x| with the sign of y, also of -0.0."""
    def pow(self, y: Operand) -> Tensor:
        """Return x to the power y."""
    def __pow__(self, y: Operand) -> Tensor:
        """Return x to the power y."""
    def __rpow__(self, y: Operand) -> Tensor: ...
    def maximum(self, y: Operand) -> Tensor:
        """Return the larger of x and y; where they are equal, each gets half of the gradient."""
    def minimum(self, y: Operand) -> Tensor:
        """Return the smaller of x and y; where they are equal, each gets half of the gradient."""
    def eq(self, y: Operand) -> Tensor:
        """Return whether x is equal to y."""
    def __eq__(self, y: object) -> Tensor:  # type: ignore[override]
        """Return whether x is equal to y."""
    def ne(self, y: Operand) -> Tensor:
        """Return whether x is not equal to y."""
    def __ne__(self, y: object) -> Tensor:  # type: ignore[override]
        """Return whether x is not equal to y."""
    def lt(self, y: Operand) -> Tensor:
        """Return whether x is less than y."""
    def __lt__(self, y: Operand) -> Tensor:
        """Return whether x is less than y."""
    def le(self, y: Operand) -> Tensor:
        """Return whether x is at most y."""
    def __le__(self, y: Operand) -> Tensor:
        """Return whether x is at most y."""
    def gt(self, y: Operand) -> Tensor:
        """Return whether x is greater than y."""
    def __gt__(self, y: Operand) -> Tensor:
        """Return whether x is greater than y."""
    def ge(self, y: Operand) -> Tensor:
        """Return whether x is at least y."""
    def __ge__(self, y: Operand) -> Tensor:
        """Return whether x is at least y."""
    def logical_and(self, y: Operand) -> Tensor:
        """Return whether both are true."""
    def logical_or(self, y: Operand) -> Tensor:
        """Return whether one of them is true."""
    def logical_xor(self, y: Operand) -> Tensor:
        """Return whether one of them is true, but not both."""
    def clip(self, low: float | None = None, high: float | None = None) -> Tensor:
        """Return x, with what is below `low` or above `high` replaced by it."""
    def lerp(self, end: Operand, weight: Operand) -> Tensor:
        """Return x + weight * (end - x): x for a weight of 0, `end`, exactly, for one of 1."""
    def isclose(
        self,
        y: Operand,
        rtol: float = 1e-05,
        atol: float = 1e-08,
        equal_nan: bool = False,
    ) -> Tensor:
        """Return whether |x - y| is at most atol + rtol * |y|, or x is y; NaN is close to nothing."""  # noqa: E501

    # rushlight/ops/gather.py
    def take(self, indices: Operand, axis: int = 0) -> Tensor:
        """Return rows of `table` (n, ...) by their numbers, which run from 0 to n - 1."""
    def gather(self, axis: int, indices: Operand) -> Tensor:
        """Return along `axis` the elements that `indices` names; other axes must agree."""
    def scatter_add(self, axis: int, indices: Operand, updates: Operand) -> Tensor:
        """Return `x` with `updates` added along `axis` where `indices` says; equals add up."""

    # rushlight/ops/indexing.py
    def __getitem__(self, index: Any) -> Tensor:
        """Return part of `x` by NumPy's rules for ints, slices, None, `...`, integer arrays and masks."""  # noqa: E501
    def replace(self, index: Any, value: Operand) -> Tensor:
        """Return `x` with other values where `x[index]` reads: `x[index] = value` as a new tensor."""  # noqa: E501
    def __setitem__(self, index: Any, value: Operand) -> None:
        """Give `x` other values where `x[index]` reads, as `assign` does for all of it."""
    def masked_fill(self, mask: Operand, value: Operand) -> Tensor:
        """Return `x` with `value` where the bool `mask`, which broadcasts to `x`, holds."""

    # rushlight/ops/mathematics.py
    def exp(self) -> Tensor:
        """Return e to the power x."""
    def exp2(self) -> Tensor:
        """Return 2 to the power x."""
    def expm1(self) -> Tensor:
        """Return exp(x) - 1, with all digits where x is small."""
    def log(self) -> Tensor:
        """Return the natural logarithm: -inf at 0, NaN below."""
    def log2(self) -> Tensor:
        """Return the logarithm to base 2: -inf at 0, NaN below."""
    def log10(self) -> Tensor:
        """Return the logarithm to base 10: -inf at 0, NaN below."""
    def log1p(self) -> Tensor:
        """Return log(1 + x), with all digits where x is small."""
    def softplus(self) -> Tensor:
        """Return log(1 + exp(x)), without overflow."""
    def logaddexp(self, y: Operand) -> Tensor:
        """Return log(exp(x) + exp(y)), without overflow."""
    def xlogy(self, y: Operand) -> Tensor:
        """Return x * log(y), which is 0 where x is 0, whatever y is but NaN."""
    def sqrt(self) -> Tensor:
        """Return the square root: NaN below 0."""
    def rsqrt(self) -> Tensor:
        """Return 1 / sqrt(x): inf at 0, NaN below."""
    def hypot(self, y: Operand) -> Tensor:
        """Return sqrt(x * x + y * y), without overflow; the gradient at 0 is 0."""
    def sin(self) -> Tensor:
        """Return the sine of x radians."""
    def cos(self) -> Tensor:
        """Return the cosine of x radians."""
    def tan(self) -> Tensor:
        """Return the tangent of x radians."""
    def asin(self) -> Tensor:
        """Return the angle whose sine is x, in [-pi/2, pi/2]; NaN beyond 1."""
    def acos(self) -> Tensor:
        """Return the angle whose cosine is x, in [0, pi]; NaN beyond 1."""
    def atan(self) -> Tensor:
        """Return the angle whose tangent is x, in [-pi/2, pi/2]."""
    def atan2(self, y: Operand) -> Tensor:
        """Return the angle of the point (y, x), of which x is the height; the gradient at 0 is 0."""  # noqa: E501
    def sinh(self) -> Tensor:
        """Return the hyperbolic sine."""
    def cosh(self) -> Tensor:
        """Return the hyperbolic cosine."""
    def tanh(self) -> Tensor:
        """Return the hyperbolic tangent."""
    def asinh(self) -> Tensor:
        """Return the number whose hyperbolic sine is x."""
    def acosh(self) -> Tensor:
        """Return the number from 0 on whose hyperbolic cosine is x; NaN below 1."""
    def atanh(self) -> Tensor:
        """Return the number whose hyperbolic tangent is x; NaN beyond 1."""
    def sigmoid(self) -> Tensor:
        """Return 1 / (1 + exp(-x))."""
    def erf(self) -> Tensor:
        """Return the error function, 2 / sqrt(pi) times the integral of exp(-t * t) from 0 to x."""
    def erfc(self) -> Tensor:
        """Return 1 - erf(x), with all digits where it is small."""

    # rushlight/ops/matmul.py
    def matmul(self, right: Operand) -> Tensor:
        """Return the matrix product; a one-axis operand is a row on the left, a column on the right."""  # noqa: E501
    def __matmul__(self, right: Operand) -> Tensor:
        """Return the matrix product; a one-axis operand is a row on the left, a column on the right."""  # noqa: E501
    def __rmatmul__(self, left: Operand) -> Tensor:
        """Return `left @ right`, for a left operand that is no tensor."""

    # rushlight/ops/movement.py
    def reshape(self, *shape: Any) -> Tensor:
        """Return the same elements under another shape; one size may be -1."""
    def view(self, *shape: Any) -> Tensor:
        """Return the same elements under another shape; one size may be -1."""
    def flatten(self, start_axis: int = 0, end_axis: int = -1) -> Tensor:
        """Return `x` with the axes from `start_axis` to `end_axis`, both included, made one."""
    def permute(self, *order: Any) -> Tensor:
        """Return `x` with its axes in the given order."""
    def transpose(self, first: int = -2, second: int = -1) -> Tensor:
        """Return `x` with two axes exchanged, the last two unless named."""
    def broadcast_to(self, *shape: Any) -> Tensor:
        """Return `x` expanded up to a shape by NumPy's rule."""
    def expand(self, *shape: Any) -> Tensor:
        """Return `x` expanded up to a shape by NumPy's rule."""
    def squeeze(self, axis: int | None = None) -> Tensor:
        """Return `x` without an axis of size 1, or without all of them."""
    def unsqueeze(self, axis: int) -> Tensor:
        """Return `x` with a new axis of size 1."""

    # rushlight/ops/reduce.py
    def sum(self, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
        """Return the sum over `axis` (an int, several, or None for all); integers sum in int64."""
    def mean(self, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
        """Return the mean over `axis`; of no elements, NaN."""
    def var(self, axis: AxisLike = None, keepdims: bool = False, correction: int = 0) -> Tensor:
        """Return the mean squared distance from the mean; `correction=1` divides by n - 1."""
    def std(self, axis: AxisLike = None, keepdims: bool = False, correction: int = 0) -> Tensor:
        """Return the root of `var`; the gradient of 0 is 0, as in PyTorch."""
    def prod(self, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
        """Return the product over `axis` (an int, several, or None for all); integers in int64."""
    def norm(self, p: float = 2.0, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
        """Return (sum |x|^p)^(1/p) over `axis` (an int, several, or None for all)."""
    def max(self, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
        """Return the largest element over `axis`; equals share the gradient."""
    def min(self, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
        """Return the smallest element over `axis`; equals share the gradient."""
    def logsumexp(self, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
        """Return log(sum(exp(x))) over `axis`, without overflow."""
    def all(self, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
        """Return whether all elements over `axis` are true, or not 0; those of nothing are."""
    def any(self, axis: AxisLike = None, keepdims: bool = False) -> Tensor:
        """Return whether any element over `axis` is true, or not 0; of nothing none is."""
    def allclose(
        self,
        y: Operand,
        rtol: float = 1e-05,
        atol: float = 1e-08,
        equal_nan: bool = False,
    ) -> Tensor:
        """Return whether `isclose` holds everywhere, as one bool."""
    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Return the position (int64) of the largest element along `axis`, or of the flattened `x`."""  # noqa: E501
    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Return the position (int64) of the smallest element along `axis`, or of the flattened `x`."""  # noqa: E501

    # rushlight/ops/scan.py
    def cumsum(self, axis: int, reverse: bool = False) -> Tensor:
        """Return the sums along `axis` up to each place; integers and bools sum in int64."""
    def cumprod(self, axis: int, reverse: bool = False) -> Tensor:
        """Return the products along `axis` up to each place; integers and bools multiply in int64."""  # noqa: E501

    # rushlight/ops/sort.py
    def argsort(self, axis: int = -1, descending: bool = False) -> Tensor:
        """Return the positions (int64) along `axis` of the elements in rising order."""
    def sort(self, axis: int = -1, descending: bool = False) -> tuple[Tensor, Tensor]:
        """Return the elements in rising order along `axis`, and the positions (int64) they had."""
    def topk(self, k: int, axis: int = -1, largest: bool = True) -> tuple[Tensor, Tensor]:
        """Return the `k` largest elements along `axis`, the largest first, and their positions (int64)."""  # noqa: E501
    def median(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Return the middle element in order along `axis`, or of all; of two, the smaller."""
    def quantile(self, q: float, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Return the value below which a share `q` of the elements along `axis` lies, or of all."""
