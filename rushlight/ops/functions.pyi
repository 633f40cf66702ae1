# Written by scripts/generate.py from the registry; `make docs-generated` writes it anew.

from collections.abc import Sequence
from typing import Any

from rushlight.core.shapes import AxisLike
from rushlight.ops.methods import Operand
from rushlight.tensor import Tensor

def split(x: Operand, sizes: int | Sequence[int], axis: int = 0) -> tuple[Tensor, ...]:
    """Return `x` cut along `axis` into pieces of one size, the last may be smaller, or of several."""  # noqa: E501

def chunk(x: Operand, count: int, axis: int = 0) -> tuple[Tensor, ...]:
    """Return `x` cut along `axis` into at most `count` pieces, all of one size but the last."""

def unbind(x: Operand, axis: int = 0) -> tuple[Tensor, ...]:
    """Return the parts of `x` at each index along `axis`, without the axis."""

def flip(x: Operand, axis: AxisLike = None) -> Tensor:
    """Return `x` with its elements in reversed order along `axis`: one, several, or all for None."""  # noqa: E501

def roll(x: Operand, shifts: int | Sequence[int], axis: AxisLike = None) -> Tensor:
    """Return `x` with its elements moved along `axis`; those that leave come in at the other end."""  # noqa: E501

def pad(
    x: Operand,
    widths: Sequence[tuple[int, int]],
    mode: str = "constant",
    value: float = 0.0,
) -> Tensor:
    """Return `x` with more elements around it: (before, after) for each axis."""

def tril(x: Operand, diagonal: int = 0) -> Tensor:
    """Return `x` (..., rows, columns) with zeros above a diagonal: 1 is the one above the main."""

def triu(x: Operand, diagonal: int = 0) -> Tensor:
    """Return `x` (..., rows, columns) with zeros below a diagonal: 1 is the one above the main."""

def diagonal(x: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Return the diagonal of two axes of `x`, along a new last axis, as NumPy does."""

def movedim(x: Operand, source: int | Sequence[int], target: int | Sequence[int]) -> Tensor:
    """Return `x` with axes moved to other positions; the others keep their order."""

def swapaxes(x: Operand, first: int, second: int) -> Tensor:
    """Return `x` with two axes exchanged: `transpose` with both named."""

def repeat(x: Operand, *counts: Any) -> Tensor:
    """Return `x` as often as `counts` says along each axis, side by side, the last count last."""

def tile(x: Operand, *counts: Any) -> Tensor:
    """Return `x` as often as `counts` says along each axis, side by side, the last count last."""

def repeat_interleave(x: Operand, count: int, axis: int | None = None) -> Tensor:
    """Return `x` with each element along `axis` `count` times; for None all in row-major order."""

def bitwise_and(x: Operand, y: Operand) -> Tensor:
    """Return the bits that both integers have."""

def bitwise_or(x: Operand, y: Operand) -> Tensor:
    """Return the bits that one of the integers has."""

def bitwise_xor(x: Operand, y: Operand) -> Tensor:
    """Return the bits that one of the integers has, but not both."""

def bitwise_not(x: Operand) -> Tensor:
    """Return the bits that an integer has not."""

def left_shift(x: Operand, y: Operand) -> Tensor:
    """Return x with its bits y places higher; 0 for a y below 0 or beyond them."""

def right_shift(x: Operand, y: Operand) -> Tensor:
    """Return x with its bits y places lower; for a y below 0 or beyond them 0, or -1."""

def neg(x: Operand) -> Tensor:
    """Return -x."""

def abs(x: Operand) -> Tensor:
    """Return |x|."""

def sign(x: Operand) -> Tensor:
    """Return -1, 0 or 1."""

def floor(x: Operand) -> Tensor:
    """Return the largest whole number that is not above x."""

def ceil(x: Operand) -> Tensor:
    """Return the smallest whole number that is not below x."""

def round(x: Operand) -> Tensor:
    """Return the nearest whole number, of two equally near the even one."""

def trunc(x: Operand) -> Tensor:
    """Return x without its fraction: the next whole number towards 0."""

def frac(x: Operand) -> Tensor:
    """Return the fraction of x, with its sign: x - trunc(x)."""

def square(x: Operand) -> Tensor:
    """Return x * x."""

def reciprocal(x: Operand) -> Tensor:
    """Return 1 / x."""

def relu(x: Operand) -> Tensor:
    """Return x where it is positive, else 0; the gradient at 0 is 0."""

def logical_not(x: Operand) -> Tensor:
    """Return the opposite of a bool."""

def isnan(x: Operand) -> Tensor:
    """Return whether x is no number (NaN)."""

def isinf(x: Operand) -> Tensor:
    """Return whether x is infinite."""

def isfinite(x: Operand) -> Tensor:
    """Return whether x is a number and not infinite."""

def add(x: Operand, y: Operand) -> Tensor:
    """Return x + y."""

def sub(x: Operand, y: Operand) -> Tensor:
    """Return x - y."""

def mul(x: Operand, y: Operand) -> Tensor:
    """Return x * y."""

def div(x: Operand, y: Operand) -> Tensor:
    """Return x / y; integers become float32 first."""

def floor_divide(x: Operand, y: Operand) -> Tensor:
    """Return x / y rounded down; of integers by 0, 0."""

def remainder(x: Operand, y: Operand) -> Tensor:
    """Return x - (x // y) * y, which has the sign of y; of integers by 0, 0."""

def fmod(x: Operand, y: Operand) -> Tensor:
    """Return x - trunc(x / y) * y, which has the sign of x; of integers by 0, 0."""

def copysign(x: Operand, y: Operand) -> Tensor:
    """Return |x| with the sign of y, also of -0.0."""

def pow(x: Operand, y: Operand) -> Tensor:
    """Return x to the power y."""

def maximum(x: Operand, y: Operand) -> Tensor:
    """Return the larger of x and y; where they are equal, each gets half of the gradient."""

def minimum(x: Operand, y: Operand) -> Tensor:
    """Return the smaller of x and y; where they are equal, each gets half of the gradient."""

def eq(x: Operand, y: Operand) -> Tensor:
    """Return whether x is equal to y."""

def ne(x: Operand, y: Operand) -> Tensor:
    """Return whether x is not equal to y."""

def lt(x: Operand, y: Operand) -> Tensor:
    """Return whether x is less than y."""

def le(x: Operand, y: Operand) -> Tensor:
    """Return whether x is at most y."""

def gt(x: Operand, y: Operand) -> Tensor:
    """Return whether x is greater than y."""

def ge(x: Operand, y: Operand) -> Tensor:
    """Return whether x is at least y."""

def logical_and(x: Operand, y: Operand) -> Tensor:
    """Return whether both are true."""

def logical_or(x: Operand, y: Operand) -> Tensor:
    """Return whether one of them is true."""

def logical_xor(x: Operand, y: Operand) -> Tensor:
    """Return whether one of them is true, but not both."""

def clip(x: Operand, low: float | None = None, high: float | None = None) -> Tensor:
    """Return x, with what is below `low` or above `high` replaced by it."""

def lerp(x: Operand, end: Operand, weight: Operand) -> Tensor:
    """Return x + weight * (end - x): x for a weight of 0, `end`, exactly, for one of 1."""

def isclose(
    x: Operand,
    y: Operand,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> Tensor:
    """Return whether |x - y| is at most atol + rtol * |y|, or x is y; NaN is close to nothing."""

def exp(x: Operand) -> Tensor:
    """Return e to the power x."""

def exp2(x: Operand) -> Tensor:
    """Return 2 to the power x."""

def expm1(x: Operand) -> Tensor:
    """Return exp(x) - 1, with all digits where x is small."""

def log(x: Operand) -> Tensor:
    """Return the natural logarithm: -inf at 0, NaN below."""

def log2(x: Operand) -> Tensor:
    """Return the logarithm to base 2: -inf at 0, NaN below."""

def log10(x: Operand) -> Tensor:
    """Return the logarithm to base 10: -inf at 0, NaN below."""

def log1p(x: Operand) -> Tensor:
    """Return log(1 + x), with all digits where x is small."""

def softplus(x: Operand) -> Tensor:
    """Return log(1 + exp(x)), without overflow."""

def logaddexp(x: Operand, y: Operand) -> Tensor:
    """Return log(exp(x) + exp(y)), without overflow."""

def xlogy(x: Operand, y: Operand) -> Tensor:
    """Return x * log(y), which is 0 where x is 0, whatever y is but NaN."""

def sqrt(x: Operand) -> Tensor:
    """Return the square root: NaN below 0."""

def rsqrt(x: Operand) -> Tensor:
    """Return 1 / sqrt(x): inf at 0, NaN below."""

def hypot(x: Operand, y: Operand) -> Tensor:
    """Return sqrt(x * x + y * y), without overflow; the gradient at 0 is 0."""

def sin(x: Operand) -> Tensor:
    """Return the sine of x radians."""

def cos(x: Operand) -> Tensor:
    """Return the cosine of x radians."""

def tan(x: Operand) -> Tensor:
    """Return the tangent of x radians."""

def asin(x: Operand) -> Tensor:
    """Return the angle whose sine is x, in [-pi/2, pi/2]; NaN beyond 1."""

def acos(x: Operand) -> Tensor:
    """Return the angle whose cosine is x, in [0, pi]; NaN beyond 1."""

def atan(x: Operand) -> Tensor:
    """Return the angle whose tangent is x, in [-pi/2, pi/2]."""

def atan2(x: Operand, y: Operand) -> Tensor:
    """Return the angle of the point (y, x), of which x is the height; the gradient at 0 is 0."""

def sinh(x: Operand) -> Tensor:
    """Return the hyperbolic sine."""

def cosh(x: Operand) -> Tensor:
    """Return the hyperbolic cosine."""

def tanh(x: Operand) -> Tensor:
    """Return the hyperbolic tangent."""

def asinh(x: Operand) -> Tensor:
    """Return the number whose hyperbolic sine is x."""

def acosh(x: Operand) -> Tensor:
    """Return the number from 0 on whose hyperbolic cosine is x; NaN below 1."""

def atanh(x: Operand) -> Tensor:
    """Return the number whose hyperbolic tangent is x; NaN beyond 1."""

def sigmoid(x: Operand) -> Tensor:
    """Return 1 / (1 + exp(-x))."""

def erf(x: Operand) -> Tensor:
    """Return the error function, 2 / sqrt(pi) times the integral of exp(-t * t) from 0 to x."""

def erfc(x: Operand) -> Tensor:
    """Return 1 - erf(x), with all digits where it is small."""

def cumsum(x: Operand, axis: int, reverse: bool = False) -> Tensor:
    """Return the sums along `axis` up to each place; integers and bools sum in int64."""

def cumprod(x: Operand, axis: int, reverse: bool = False) -> Tensor:
    """Return the products along `axis` up to each place; integers and bools multiply in int64."""

def argsort(x: Operand, axis: int = -1, descending: bool = False) -> Tensor:
    """Return the positions (int64) along `axis` of the elements in rising order."""

def sort(x: Operand, axis: int = -1, descending: bool = False) -> tuple[Tensor, Tensor]:
    """Return the elements in rising order along `axis`, and the positions (int64) they had."""

def topk(x: Operand, k: int, axis: int = -1, largest: bool = True) -> tuple[Tensor, Tensor]:
    """Return the `k` largest elements along `axis`, the largest first, and their positions (int64)."""  # noqa: E501

def median(x: Operand, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the middle element in order along `axis`, or of all; of two, the smaller."""

def quantile(x: Operand, q: float, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the value below which a share `q` of the elements along `axis` lies, or of all."""
