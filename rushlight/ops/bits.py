"""The bits of integers: and, or, exclusive or, not, shifts; and the operators that bools share."""

from typing import Any

import numpy as np

from rushlight.core.bind import as_value
from rushlight.core.dtypes import bool_
from rushlight.core.primitive import Value, method
from rushlight.ops.elementwise import logical_and, logical_not, logical_or, logical_xor
from rushlight.ops.pointwise import Binary, binary, quiet, unary

INTEGERS = "int uint"

bitwise_and = binary(
    "bitwise_and",
    numpy=np.bitwise_and,
    c="{x} & {y}",
    kinds=INTEGERS,
    onnx="BitwiseAnd",
    doc="Return the bits that both integers have.",
)
bitwise_or = binary(
    "bitwise_or",
    numpy=np.bitwise_or,
    c="{x} | {y}",
    kinds=INTEGERS,
    onnx="BitwiseOr",
    doc="Return the bits that one of the integers has.",
)
bitwise_xor = binary(
    "bitwise_xor",
    numpy=np.bitwise_xor,
    c="{x} ^ {y}",
    kinds=INTEGERS,
    onnx="BitwiseXor",
    doc="Return the bits that one of the integers has, but not both.",
)
bitwise_not = unary(
    "bitwise_not",
    numpy=np.invert,
    c="~{x}",
    kinds=INTEGERS,
    onnx="BitwiseNot",
    doc="Return the bits that an integer has not.",
)
left_shift = binary(
    "left_shift",
    numpy=quiet(np.left_shift),
    operator="lshift",
    c="rl_left_shift({x}, {y})",
    kinds=INTEGERS,
    doc="Return x with its bits y places higher; 0 for a y below 0 or beyond them.",
)
right_shift = binary(
    "right_shift",
    numpy=quiet(np.right_shift),
    operator="rshift",
    c="rl_right_shift({x}, {y})",
    kinds=INTEGERS,
    doc="Return x with its bits y places lower; for a y below 0 or beyond them 0, or -1.",
)


@method("__and__")
def and_(x: Any, y: Any) -> Any:
    """Return `logical_and` of bools, `bitwise_and` of integers."""
    return _either(logical_and, bitwise_and, x, y)


@method("__or__")
def or_(x: Any, y: Any) -> Any:
    """Return `logical_or` of bools, `bitwise_or` of integers."""
    return _either(logical_or, bitwise_or, x, y)


@method("__xor__")
def xor(x: Any, y: Any) -> Any:
    """Return `logical_xor` of bools, `bitwise_xor` of integers."""
    return _either(logical_xor, bitwise_xor, x, y)


@method("__invert__")
def invert(x: Any) -> Any:
    """Return `logical_not` of bools, `bitwise_not` of integers."""
    return (logical_not if x.dtype is bool_ else bitwise_not)(x)


@method("__rand__")
def _reflected_and(x: Any, y: Any) -> Any:
    return and_(y, x)


@method("__ror__")
def _reflected_or(x: Any, y: Any) -> Any:
    return or_(y, x)


@method("__rxor__")
def _reflected_xor(x: Any, y: Any) -> Any:
    return xor(y, x)


def _either(of_bools: Binary, of_integers: Binary, x: Any, y: Any) -> Any:
    """Apply one op to two bools, the other to what is not."""
    are_bools = all((x if isinstance(x, Value) else as_value(x)).dtype is bool_ for x in (x, y))
    return (of_bools if are_bools else of_integers)(x, y)
