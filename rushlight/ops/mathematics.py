"""Pointwise functions: exponentials and logarithms, roots, angles, the error function.

Adding a primitive is one call here; everything else derives from it.
"""

import math
from typing import Any

import numpy as np

from rushlight.core import erf as cody
from rushlight.ops.elementwise import where
from rushlight.ops.pointwise import binary, quiet, unary

LN2, LN10 = math.log(2.0), math.log(10.0)

exp = unary(
    "exp",
    numpy=quiet(np.exp),
    c="rl_exp({x})",
    vjp=lambda g, y, _x: g * y,
    onnx="Exp",
    cost=8,
    doc="Return e to the power x.",
)
exp2 = unary(
    "exp2",
    numpy=quiet(np.exp2),
    c="rl_exp2({x})",
    vjp=lambda g, y, _x: g * (y * LN2),
    cost=8,
    doc="Return 2 to the power x.",
)
expm1 = unary(
    "expm1",
    numpy=quiet(np.expm1),
    c="rl_expm1({x})",
    vjp=lambda g, y, _x: g * (y + 1.0),
    cost=8,
    doc="Return exp(x) - 1, with all digits where x is small.",
)
log = unary(
    "log",
    numpy=quiet(np.log),
    c="rl_log({x})",
    vjp=lambda g, _y, x: g / x,
    sample=(0.2, 4.0),
    onnx="Log",
    cost=8,
    doc="Return the natural logarithm: -inf at 0, NaN below.",
)
log2 = unary(
    "log2",
    numpy=quiet(np.log2),
    c="rl_log2({x})",
    vjp=lambda g, _y, x: g / (x * LN2),
    sample=(0.2, 4.0),
    cost=8,
    doc="Return the logarithm to base 2: -inf at 0, NaN below.",
)
log10 = unary(
    "log10",
    numpy=quiet(np.log10),
    c="rl_log10({x})",
    vjp=lambda g, _y, x: g / (x * LN10),
    sample=(0.2, 4.0),
    cost=8,
    doc="Return the logarithm to base 10: -inf at 0, NaN below.",
)
log1p = unary(
    "log1p",
    numpy=quiet(np.log1p),
    c="rl_log1p({x})",
    vjp=lambda g, _y, x: g / (x + 1.0),
    sample=(-0.8, 3.0),
    cost=8,
    doc="Return log(1 + x), with all digits where x is small.",
)
softplus = unary(
    "softplus",
    numpy=quiet(lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))),
    c="rl_softplus({x})",
    vjp=lambda g, _y, x: g * x.sigmoid(),
    onnx="Softplus",
    cost=8,
    doc="Return log(1 + exp(x)), without overflow.",
)
logaddexp = binary(
    "logaddexp",
    numpy=quiet(np.logaddexp),
    c="rl_logaddexp({x}, {y})",
    vjp=(
        lambda g, _y, a, b: g * _apart(a, b).sigmoid(),
        lambda g, _y, a, b: g * _apart(b, a).sigmoid(),
    ),
    sample=(0.0, 3.0),
    cost=16,
    doc="Return log(exp(x) + exp(y)), without overflow.",
)
xlogy = binary(
    "xlogy",
    numpy=quiet(lambda x, y: np.where((x == 0) & (y == y), x.dtype.type(0), x * np.log(y))),
    c="rl_xlogy({x}, {y})",
    vjp=(
        lambda g, _y, a, b: g.xlogy(where(_nothing(a, b), 1.0, b)),
        lambda g, _y, a, b: g * a / where(_nothing(a, b), 1.0, b),
    ),
    sample=(0.2, 4.0),
    cost=8,
    doc="Return x * log(y), which is 0 where x is 0, whatever y is but NaN.",
)
sqrt = unary(
    "sqrt",
    numpy=quiet(np.sqrt),
    c="rl_sqrt({x})",
    vjp=lambda g, y, _x: g * 0.5 / y,
    sample=(0.2, 4.0),
    onnx="Sqrt",
    cost=8,
    doc="Return the square root: NaN below 0.",
)
rsqrt = unary(
    "rsqrt",
    numpy=quiet(lambda x: 1 / np.sqrt(x)),
    c="1 / rl_sqrt({x})",
    vjp=lambda g, y, _x: g * (-0.5 * (y * y * y)),
    sample=(0.2, 4.0),
    cost=8,
    doc="Return 1 / sqrt(x): inf at 0, NaN below.",
)
hypot = binary(
    "hypot",
    numpy=quiet(np.hypot),
    c="rl_hypot({x}, {y})",
    vjp=(
        lambda g, y, a, _b: g * (a / where(y == 0.0, 1.0, y)),
        lambda g, y, _a, b: g * (b / where(y == 0.0, 1.0, y)),
    ),
    sample=(0.5, 2.0),
    cost=8,
    doc="Return sqrt(x * x + y * y), without overflow; the gradient at 0 is 0.",
)
sin = unary(
    "sin",
    numpy=quiet(np.sin),
    c="rl_sin({x})",
    vjp=lambda g, _y, x: g * x.cos(),
    onnx="Sin",
    cost=8,
    doc="Return the sine of x radians.",
)
cos = unary(
    "cos",
    numpy=quiet(np.cos),
    c="rl_cos({x})",
    vjp=lambda g, _y, x: -(g * x.sin()),
    onnx="Cos",
    cost=8,
    doc="Return the cosine of x radians.",
)
tan = unary(
    "tan",
    numpy=quiet(np.tan),
    c="rl_tan({x})",
    vjp=lambda g, y, _x: g * (y * y + 1.0),
    sample=(-1.2, 1.2),
    onnx="Tan",
    cost=8,
    doc="Return the tangent of x radians.",
)
asin = unary(
    "asin",
    numpy=quiet(np.arcsin),
    c="rl_asin({x})",
    vjp=lambda g, _y, x: g * (1.0 - x * x).rsqrt(),
    sample=(-0.8, 0.8),
    onnx="Asin",
    cost=8,
    doc="Return the angle whose sine is x, in [-pi/2, pi/2]; NaN beyond 1.",
)
acos = unary(
    "acos",
    numpy=quiet(np.arccos),
    c="rl_acos({x})",
    vjp=lambda g, _y, x: -(g * (1.0 - x * x).rsqrt()),
    sample=(-0.8, 0.8),
    onnx="Acos",
    cost=8,
    doc="Return the angle whose cosine is x, in [0, pi]; NaN beyond 1.",
)
atan = unary(
    "atan",
    numpy=np.arctan,
    c="rl_atan({x})",
    vjp=lambda g, _y, x: g / (x * x + 1.0),
    onnx="Atan",
    cost=8,
    doc="Return the angle whose tangent is x, in [-pi/2, pi/2].",
)
atan2 = binary(
    "atan2",
    numpy=quiet(np.arctan2),
    c="rl_atan2({x}, {y})",
    vjp=(
        lambda g, _y, a, b: g * (b / _square_of_length(a, b)),
        lambda g, _y, a, b: -(g * (a / _square_of_length(a, b))),
    ),
    sample=(0.5, 2.0),
    cost=16,
    doc="Return the angle of the point (y, x), of which x is the height; the gradient at 0 is 0.",
)
sinh = unary(
    "sinh",
    numpy=quiet(np.sinh),
    c="rl_sinh({x})",
    vjp=lambda g, _y, x: g * x.cosh(),
    onnx="Sinh",
    cost=8,
    doc="Return the hyperbolic sine.",
)
cosh = unary(
    "cosh",
    numpy=quiet(np.cosh),
    c="rl_cosh({x})",
    vjp=lambda g, _y, x: g * x.sinh(),
    onnx="Cosh",
    cost=8,
    doc="Return the hyperbolic cosine.",
)
tanh = unary(
    "tanh",
    numpy=np.tanh,
    c="rl_tanh({x})",
    vjp=lambda g, y, _x: g * (1.0 - y * y),
    onnx="Tanh",
    cost=8,
    doc="Return the hyperbolic tangent.",
)
asinh = unary(
    "asinh",
    numpy=np.arcsinh,
    c="rl_asinh({x})",
    vjp=lambda g, _y, x: g * (x * x + 1.0).rsqrt(),
    onnx="Asinh",
    cost=16,
    doc="Return the number whose hyperbolic sine is x.",
)
acosh = unary(
    "acosh",
    numpy=quiet(np.arccosh),
    c="rl_acosh({x})",
    vjp=lambda g, _y, x: g * (x * x - 1.0).rsqrt(),
    sample=(1.2, 4.0),
    onnx="Acosh",
    cost=16,
    doc="Return the number from 0 on whose hyperbolic cosine is x; NaN below 1.",
)
atanh = unary(
    "atanh",
    numpy=quiet(np.arctanh),
    c="rl_atanh({x})",
    vjp=lambda g, _y, x: g / (1.0 - x * x),
    sample=(-0.8, 0.8),
    onnx="Atanh",
    cost=16,
    doc="Return the number whose hyperbolic tangent is x; NaN beyond 1.",
)
sigmoid = unary(
    "sigmoid",
    numpy=quiet(lambda x: 1.0 / (1.0 + np.exp(-x))),
    c="rl_sigmoid({x})",
    vjp=lambda g, y, _x: g * (y * (1.0 - y)),
    onnx="Sigmoid",
    cost=8,
    doc="Return 1 / (1 + exp(-x)).",
)
erf = unary(
    "erf",
    numpy=cody.erf,
    c="rl_erf({x})",
    vjp=lambda g, _y, x: g * (-(x * x)).exp() * (2.0 / math.sqrt(math.pi)),
    onnx="Erf",
    cost=8,
    doc="Return the error function, 2 / sqrt(pi) times the integral of exp(-t * t) from 0 to x.",
)
erfc = unary(
    "erfc",
    numpy=cody.erfc,
    c="rl_erfc({x})",
    vjp=lambda g, _y, x: g * (-(x * x)).exp() * (-2.0 / math.sqrt(math.pi)),
    cost=16,
    doc="Return 1 - erf(x), with all digits where it is small.",
)


def _apart(a: Any, b: Any) -> Any:
    """Return a - b, and 0 for equal infinities."""
    return where((a == b).logical_and(a.isinf()), 0.0, a - b)


def _nothing(a: Any, b: Any) -> Any:
    """Return where a * log(b) is 0 and its gradients are too."""
    return (a == 0.0).logical_and(b <= 0.0)


def _square_of_length(a: Any, b: Any) -> Any:
    """Return a * a + b * b, and 1 where that is 0."""
    square = a * a + b * b
    return where(square == 0.0, 1.0, square)
