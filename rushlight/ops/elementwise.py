"""The pointwise primitives. Adding one is one call here; everything else derives from it."""

from typing import Any

import numpy as np

from rushlight.core.bind import as_value, bind, bind_checked, locate
from rushlight.core.dtypes import bool_, float32
from rushlight.core.errors import RushlightError
from rushlight.core.primitive import method, register
from rushlight.ops.pointwise import Where, binary, choose, quiet, unary

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
    vjp=lambda g, _y, _x: g * 0.0,
    kinds=NUMBERS,
    onnx="Sign",
    smooth=False,
    doc="Return -1, 0 or 1.",
)
floor = unary(
    "floor",
    numpy=np.floor,
    c="rl_floor({x})",
    vjp=lambda g, _y, _x: g * 0.0,
    onnx="Floor",
    smooth=False,
    doc="Return the largest whole number that is not above x.",
)
ceil = unary(
    "ceil",
    numpy=np.ceil,
    c="rl_ceil({x})",
    vjp=lambda g, _y, _x: g * 0.0,
    onnx="Ceil",
    smooth=False,
    doc="Return the smallest whole number that is not below x.",
)
exp = unary(
    "exp",
    numpy=quiet(np.exp),
    c="rl_exp({x})",
    vjp=lambda g, y, _x: g * y,
    onnx="Exp",
    doc="Return e to the power x.",
)
log = unary(
    "log",
    numpy=quiet(np.log),
    c="rl_log({x})",
    vjp=lambda g, _y, x: g / x,
    sample=(0.2, 4.0),
    onnx="Log",
    doc="Return the natural logarithm: -inf at 0, NaN below.",
)
sqrt = unary(
    "sqrt",
    numpy=quiet(np.sqrt),
    c="rl_sqrt({x})",
    vjp=lambda g, y, _x: g * 0.5 / y,
    sample=(0.2, 4.0),
    onnx="Sqrt",
    doc="Return the square root: NaN below 0.",
)
sin = unary(
    "sin",
    numpy=quiet(np.sin),
    c="rl_sin({x})",
    vjp=lambda g, _y, x: g * x.cos(),
    onnx="Sin",
    doc="Return the sine of x radians.",
)
cos = unary(
    "cos",
    numpy=quiet(np.cos),
    c="rl_cos({x})",
    vjp=lambda g, _y, x: -(g * x.sin()),
    onnx="Cos",
    doc="Return the cosine of x radians.",
)
tanh = unary(
    "tanh",
    numpy=np.tanh,
    c="rl_tanh({x})",
    vjp=lambda g, y, _x: g * (1.0 - y * y),
    onnx="Tanh",
    doc="Return the hyperbolic tangent.",
)
sigmoid = unary(
    "sigmoid",
    numpy=quiet(lambda x: 1.0 / (1.0 + np.exp(-x))),
    c="rl_sigmoid({x})",
    vjp=lambda g, y, _x: g * (y * (1.0 - y)),
    onnx="Sigmoid",
    doc="Return 1 / (1 + exp(-x)).",
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
    operator="invert",
    numpy=np.logical_not,
    c="!{x}",
    kinds="bool",
    result=bool_,
    onnx="Not",
    doc="Return the opposite of a bool.",
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
    doc="Return x / y; integers become float32 first.",
)
pow_ = binary(
    "pow",
    numpy=quiet(np.power),
    operator="pow",
    c="rl_pow({x}, {y})",
    vjp=(
        lambda g, _y, a, b: g * b * _lowered(a, b),
        lambda g, y, a, _b: g * y * where(a == 0.0, 1.0, a).log(),
    ),
    sample=(0.5, 2.0),
    kinds=NUMBERS,
    onnx="Pow",
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
    operator="and",
    c="{x} && {y}",
    kinds="bool",
    result=bool_,
    onnx="And",
    doc="Return whether both are true.",
)
logical_or = binary(
    "logical_or",
    numpy=np.logical_or,
    operator="or",
    c="{x} || {y}",
    kinds="bool",
    result=bool_,
    onnx="Or",
    doc="Return whether one of them is true.",
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


def _lowered(a: Any, b: Any) -> Any:
    """Return a to the power b - 1, and 0 for 0 to the power 0, whose derivative is 0."""
    return where((a == 0.0).logical_and(b == 0.0), 0.0, a ** (b - 1.0))


def _share(a: Any, b: Any) -> Any:
    """Return 1 where a > b, 1/2 where they are equal, 0 elsewhere."""
    return where(a > b, as_value(1.0, a.dtype), where(a == b, as_value(0.5, a.dtype), 0.0))
