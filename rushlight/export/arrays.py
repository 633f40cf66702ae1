"""Arrays of numbers as C, each number exactly."""

import textwrap

import numpy as np

from rushlight.compile.emit.body import literal
from rushlight.core.dtypes import DType, float32
from rushlight.core.primitive import Array
from rushlight.export.names import WIDTH


def array_text(declaration: str, array: Array, dtype: DType) -> str:
    """Return the definition of an array that holds the elements of another in row-major order.

    >>> print(array_text("const float x[2]", np.array([0.5, -2], np.float32), float32), end="")
    const float x[2] = {
        0.5f, -2.0f,
    };
    """
    numbers = _numbers(array.reshape(-1), dtype) or ["0"]
    body = textwrap.indent(_filled(numbers), "    ")
    return f"{declaration} = {{\n{body}\n}};\n"


def _numbers(flat: Array, dtype: DType) -> list[str]:
    if dtype is float32 and bool(np.isfinite(flat).all()):
        return [f"{number}f" for number in flat.astype(np.str_).tolist()]
    return [literal(number, dtype) for number in flat.tolist()]


def _filled(numbers: list[str]) -> str:
    """Return numbers with commas between, in lines that are not too long."""
    lines: list[list[str]] = [[]]
    length = 0
    for number in numbers:
        if length + len(number) + 2 > WIDTH - 4:
            lines.append([])
            length = 0
        lines[-1].append(number)
        length += len(number) + 2
    return "\n".join(", ".join(line) + "," for line in lines)


def in_order(array: Array, order: tuple[int, ...]) -> Array:
    """Return the elements of an array as memory holds them when its axes lie in an order."""
    laid: Array = np.ascontiguousarray(array.transpose(order))
    return laid
