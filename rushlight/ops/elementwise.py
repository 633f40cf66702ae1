"""Pointwise arithmetic, rounding, comparison and choice.

Adding a primitive is one call here; everything else derives from it.
"""

from typing import Any

import numpy as np

from rushlight.core.bind import as_value, bind, bind_checked, locate, op
from rushlight.core.dtypes import bool_, float32, float64
from rushlight.core.errors import RushlightError
from rushlight.core.primitive import method, register
from rushlight.ops.pointwise import Where, binary, cast, choose, quiet, unary

NUMBERS = "float int uint"

neg = unary(
    "neg",
    operator="neg",
    numpy=np.negative,
    c="-{x}",
    vjp=lambda g, _y, _x: -g,
    kinds="float int",
    onnx="Neg",
    doc="Return -x.",
)
abs_ = unary(
    "abs",
    operator="abs",
    numpy=np.abs,
    c="rl_abs({x})",
    vjp=lambda g, _y, x: g * x.sign(),
    kinds=NUMBERS,
    onnx="Abs",
    smooth=False,
    doc="Return |x|.",
)
sign = unary(
    "sign",
    numpy=np.sign,
    c="rl_sign({x})",
    vjp=lambda g, _y, _x: _none_of(g),
    kinds=NUMBERS,
    onnx="Sign",
    smooth=False,
    doc="Return -1, 0 or 1.",
)
floor = unary(
    "floor",
    numpy=np.floor,
    c="rl_floor({x})",
    vjp=lambda g, _y, _x: _none_of(g),
    onnx="Floor",
    smooth=False,
    doc="Return the largest whole number that is not above x.",
)
ceil = unary(
    "ceil",
    numpy=np.ceil,
    c="rl_ceil({x})",
    vjp=lambda g, _y, _x: _none_of(g),
    onnx="Ceil",
    smooth=False,
    doc="Return the smallest whole number that is not below x.",
)
round_ = unary(
    "round",
    numpy=np.rint,
    c="rl_round({x})",
    vjp=lambda g, _y, _x: _none_of(g),
    sample=(-1.95, 2.05),
    onnx="Round",
    smooth=False,
    doc="Return the nearest whole number, of two equally near the even one.",
)
trunc = unary(
    "trunc",
    numpy=np.trunc,
    c="rl_trunc({x})",
    vjp=lambda g, _y, _x: _none_of(g),
    smooth=False,
    doc="Return x without its fraction: the next whole number towards 0.",
)
frac = unary(
    "frac",
    numpy=quiet(lambda x: x - np.trunc(x)),
    c="{x} - rl_trunc({x})",
    vjp=lambda g, _y, _x: g,
    smooth=False,
    doc="Return the fraction of x, with its sign: x - trunc(x).",
)
square = unary(
    "square",
    numpy=np.square,
    c="{x} * {x}",
    vjp=lambda g, _y, x: g * (2.0 * x),
    kinds=NUMBERS,
    doc="Return x * x.",
)
reciprocal = unary(
    "reciprocal",
    numpy=quiet(lambda x: 1 / x),
    c="1 / {x}",
    vjp=lambda g, y, _x: -(g * y * y),
    sample=(0.5, 2.0),
    onnx="Reciprocal",
    cost=3,
    doc="Return 1 / x.",
)
relu = unary(
    "relu",
    numpy=lambda x: np.maximum(x, 0),
    c="rl_relu({x})",
    vjp=lambda g, y, _x: where(y > 0.0, g, 0.0),
    onnx="Relu",
    smooth=False,
    doc="Return x where it is positive, else 0; the gradient at 0 is 0.",
)
logical_not = unary(
    "logical_not",
    numpy=np.logical_not,
    c="!{x}",
    kinds="bool",
    result=bool_,
    onnx="Not",
    doc="Return the opposite of a bool.",
)
isnan = unary(
    "isnan",
    numpy=np.isnan,
    c="{x} != {x}",
    result=bool_,
    onnx="IsNaN",
    doc="Return whether x is no number (NaN).",
)
isinf = unary(
    "isinf",
    numpy=np.isinf,
    c="rl_abs({x}) == INFINITY",
    result=bool_,
    onnx="IsInf",
    doc="Return whether x is infinite.",
)
isfinite = unary(
    "isfinite",
    numpy=np.isfinite,
    c="rl_abs({x}) < INFINITY",
    result=bool_,
    doc="Return whether x is a number and not infinite.",
)
bits_to_uniform = unary(
    "bits_to_uniform",
    method=False,
    numpy=lambda x: (x >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24),
    c="({x} >> 8) * 0x1p-24f",
    kinds="uint",
    result=float32,
    doc="Return a float32 in [0, 1) for 32 random bits: their upper 24, exactly.",
)

add = binary(
    "add",
    numpy=np.add,
    operator="add",
    c="{x} + {y}",
    vjp=(lambda g, _y, _a, _b: g, lambda g, _y, _a, _b: g),
    kinds=NUMBERS,
    onnx="Add",
    doc="Return x + y.",
)
sub = binary(
    "sub",
    numpy=np.subtract,
    operator="sub",
    c="{x} - {y}",
    vjp=(lambda g, _y, _a, _b: g, lambda g, _y, _a, _b: -g),
    kinds=NUMBERS,
    onnx="Sub",
    doc="Return x - y.",
)
mul = binary(
    "mul",
    numpy=np.multiply,
    operator="mul",
    c="{x} * {y}",
    vjp=(lambda g, _y, _a, b: g * b, lambda g, _y, a, _b: g * a),
    kinds=NUMBERS,
    onnx="Mul",
    doc="Return x * y.",
)
div = binary(
    "div",
    numpy=quiet(np.divide),
    operator="truediv",
    c="{x} / {y}",
    vjp=(lambda g, _y, _a, b: g / b, lambda g, y, _a, b: -(g * y / b)),
    sample=(0.5, 2.0),
    onnx="Div",
    cost=3,
    doc="Return x / y; integers become float32 first.",
)
floor_divide = binary(
    "floor_divide",
    numpy=quiet(np.floor_divide),
    operator="floordiv",
    c="rl_floor_divide({x}, {y})",
    vjp=(lambda g, _y, _a, _b: _none_of(g), lambda g, _y, _a, _b: _none_of(g)),
    sample=(0.5, 2.0),
    kinds=NUMBERS,
    smooth=False,
    cost=8,
    doc="Return x / y rounded down; of integers by 0, 0.",
)
remainder = binary(
    "remainder",
    numpy=quiet(np.remainder),
    operator="mod",
    c="rl_remainder({x}, {y})",
    vjp=(lambda g, _y, _a, _b: g, lambda g, _y, a, b: -(g * (a // b))),
    sample=(0.5, 2.0),
    kinds=NUMBERS,
    smooth=False,
    cost=8,
    doc="Return x - (x // y) * y, which has the sign of y; of integers by 0, 0.",
)
fmod = binary(
    "fmod",
    numpy=quiet(np.fmod),
    c="rl_fmod({x}, {y})",
    vjp=(lambda g, _y, _a, _b: g, lambda g, _y, a, b: -(g * (a / b).trunc())),
    sample=(0.5, 2.0),
    kinds=NUMBERS,
    smooth=False,
    cost=8,
    doc="Return x - trunc(x / y) * y, which has the sign of x; of integers by 0, 0.",
)
copysign = binary(
    "copysign",
    numpy=np.copysign,
    c="rl_copysign({x}, {y})",
    vjp=(lambda g, y, a, _b: g * (a.sign() * y.sign()), lambda g, _y, _a, _b: _none_of(g)),
    smooth=False,
    doc="Return |x| with the sign of y, also of -0.0.",
)
pow_ = binary(
    "pow",
    numpy=quiet(np.power),
    operator="pow",
    c="rl_pow({x}, {y})",
    vjp=(
        lambda g, _y, a, b: g * b * _lowered(a, b),
        lambda g, y, a, b: g * y * where((a == 0.0).logical_and(b >= 0.0), 1.0, a).log(),
    ),
    sample=(0.5, 2.0),
    kinds=NUMBERS,
    onnx="Pow",
    cost=8,
    doc="Return x to the power y.",
)
maximum = binary(
    "maximum",
    numpy=np.maximum,
    c="rl_max({x}, {y})",
    vjp=(lambda g, _y, a, b: g * _share(a, b), lambda g, _y, a, b: g * _share(b, a)),
    kinds=NUMBERS,
    onnx="Max",
    smooth=False,
    doc="Return the larger of x and y; where they are equal, each gets half of the gradient.",
)
minimum = binary(
    "minimum",
    numpy=np.minimum,
    c="rl_min({x}, {y})",
    vjp=(lambda g, _y, a, b: g * _share(b, a), lambda g, _y, a, b: g * _share(a, b)),
    kinds=NUMBERS,
    onnx="Min",
    smooth=False,
    doc="Return the smaller of x and y; where they are equal, each gets half of the gradient.",
)


def _comparison(name: str, ufunc: Any, symbol: str, onnx: str, words: str) -> Any:
    return binary(
        name,
        numpy=ufunc,
        operator=name,
        c=f"{{x}} {symbol} {{y}}",
        kinds=NUMBERS + " bool",
        result=bool_,
        onnx=onnx,
        doc=f"Return whether x is {words} y.",
    )


eq = _comparison("eq", np.equal, "==", "Equal", "equal to")
ne = _comparison("ne", np.not_equal, "!=", "NotEqual", "not equal to")
lt = _comparison("lt", np.less, "<", "Less", "less than")
le = _comparison("le", np.less_equal, "<=", "LessOrEqual", "at most")
gt = _comparison("gt", np.greater, ">", "Greater", "greater than")
ge = _comparison("ge", np.greater_equal, ">=", "GreaterOrEqual", "at least")

logical_and = binary(
    "logical_and",
    numpy=np.logical_and,
    c="{x} && {y}",
    kinds="bool",
    result=bool_,
    onnx="And",
    doc="Return whether both are true.",
)
logical_or = binary(
    "logical_or",
    numpy=np.logical_or,
    c="{x} || {y}",
    kinds="bool",
    result=bool_,
    onnx="Or",
    doc="Return whether one of them is true.",
)

logical_xor = binary(
    "logical_xor",
    numpy=np.logical_xor,
    c="{x} != {y}",
    kinds="bool",
    result=bool_,
    onnx="Xor",
    doc="Return whether one of them is true, but not both.",
)

where_p = register(
    Where(
        "where",
        numpy=choose,
        c="{condition} ? {x} : {y}",
        vjp=(
            lambda _g, _y, _c, _a, _b: None,
            lambda g, _y, c, _a, _b: where(c, g, 0.0),
            lambda g, _y, c, _a, _b: where(c, 0.0, g),
        ),
        kinds=NUMBERS + " bool",
        labels=("condition", "left", "right"),
        onnx="Where",
        doc="Return x where the condition holds, else y.",
    )
)


def where(condition: Any, x: Any, y: Any) -> Any:
    """Return `x` where the bool `condition` holds, else `y`; all three broadcast.

    >>> import rushlight as rl
    >>> rl.where(rl.tensor([True, False]), 1.0, 0.0)
    tensor([1., 0.])
    """
    try:
        condition = as_value(condition)
        left, right = add.align(x, y)
    except RushlightError as error:
        raise locate(error, "where", {"condition": condition, "left": x, "right": y}) from None
    fits = condition.dtype is bool_ and left.dtype is right.dtype and where_p.takes(left.dtype)
    apply = bind if fits else bind_checked
    return apply(where_p, condition, left, right)


@method("clip")
def clip(x: Any, low: float | None = None, high: float | None = None) -> Any:
    """Return x, with what is below `low` or above `high` replaced by it.

    >>> import rushlight as rl
    >>> rl.tensor([-2.0, 0.5, 3.0]).clip(-1, 1)
    tensor([-1. ,  0.5,  1. ])
    """
    if low is not None:
        x = where(x < low, low, x)
    return x if high is None else where(x > high, high, x)


@method("lerp")
@op
def lerp(x: Any, end: Any, weight: Any) -> Any:
    """Return x + weight * (end - x): x for a weight of 0, `end`, exactly, for one of 1.

    >>> import rushlight as rl
    >>> rl.tensor([0.0, 10.0]).lerp(rl.tensor([4.0, 20.0]), 0.25)
    tensor([ 1. , 12.5])
    """
    x = as_value(x)
    apart = end - x
    from_start, from_end = x + weight * apart, end - (1.0 - weight) * apart
    if isinstance(weight, (int, float)):
        return from_start if weight < 0.5 else from_end
    return where(as_value(weight) < 0.5, from_start, from_end)


@method("isclose")
@op
def isclose(x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """Return whether |x - y| is at most atol + rtol * |y|, or x is y; NaN is close to nothing.

    Args:
        x: numbers.
        y: what they should be.
        rtol: how far they may be from `y`, as a share of its size.
        atol: how far they may be from it beside.
        equal_nan: whether NaN is close to NaN.

    >>> import rushlight as rl
    >>> rl.tensor([1.0, 2.0]).isclose(rl.tensor([1.000001, 2.1]))
    tensor([ True, False])
    """
    x, y = sub.align(x, y)
    if not x.dtype.is_float:
        x, y = cast(x, float64), cast(y, float64)
    allowed = atol + rtol * abs_(y)
    same = eq(x, y)
    apart = abs_(where(same, 0.0, x) - where(same, 0.0, y))  # of equal infinities nothing
    close = logical_or(same, logical_and(apart <= allowed, isfinite(allowed)))
    return logical_or(close, logical_and(isnan(x), isnan(y))) if equal_nan else close


def _none_of(g: Any) -> Any:
    """Return zeros for a gradient, also where it is infinite or NaN."""
    return where(as_value(False), g, 0.0)


def _lowered(a: Any, b: Any) -> Any:
    """Return a to the power b - 1, and 0 where that is infinite and b 0: a number times 0."""
    lowered = a ** (b - 1.0)
    return where((b == 0.0).logical_and(lowered.isinf()), 0.0, lowered)


def _share(a: Any, b: Any) -> Any:
    """Return 1 where a > b, 1/2 where they are equal, 0 elsewhere."""
    return where(a > b, as_value(1.0, a.dtype), where(a == b, as_value(0.5, a.dtype), 0.0))
