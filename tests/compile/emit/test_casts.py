"""The C of a change of dtype, between any two of them, against NumPy."""

import ctypes
from typing import Any

import numpy as np
import pytest

from rushlight.core.dtypes import DTYPES, DType, bfloat16
from rushlight.core.kernels import Map
from rushlight.core.primitive import Array, Spec
from rushlight.ops.pointwise import cast_p

PAIRS = [(source, dtype) for source in DTYPES for dtype in DTYPES if source is not dtype]


def c_of_cast(source: DType, dtype: DType) -> str:
    record = cast_p.lower(Spec((), source), source=source, dtype=dtype)
    assert isinstance(record, Map)
    name = f"cast_{source}_{dtype}"
    signature = f"void {name}(const {source.c} *x, {dtype.c} *y, long count)"
    return (
        f'__attribute__((visibility("default"))) {signature};\n{signature}\n{{\n'
        "    for (long i = 0; i < count; i++)\n"
        f"        y[i] = {record.text.format(x='x[i]')};\n}}\n"
    )


def numbers(source: DType, dtype: DType) -> Array:
    """Numbers of a dtype, of which those that another dtype cannot hold are left out."""
    if source.kind == "bool":
        return np.array([False, True])
    if not source.is_float:
        ends = np.iinfo(source.storage)
        near = [ends.min, ends.min + 1, 0, 1, 2, 37, 100, ends.max - 1, ends.max]
        return np.array(near, source.storage)
    x = np.concatenate([np.linspace(-130.0, 130.0, 999), [0.0, -0.0, 0.1, 1e-7, 1e-40]])
    if dtype.is_float or dtype.kind == "bool":
        x = np.concatenate([x, [65503.9, 65519.9, 65520.0, 1e30, np.inf, -np.inf, np.nan]])
    else:
        ends = np.iinfo(dtype.storage)
        x = np.concatenate([x, [2.0**31 - 200, 2.0**62, -(2.0**62)]])
        x = x[(x > ends.min) & (x < ends.max)] if ends.min else x[(x >= 0) & (x < ends.max)]
    if source.is_half:
        wide = x.astype(np.float32)
        if source is bfloat16:
            return (wide.view(np.uint32) >> 16).astype(np.uint16)
        half = wide.astype(np.float16)
        return half[np.isfinite(half) | ~np.isfinite(wide)].view(np.uint16)
    return x.astype(source.storage)


@pytest.fixture(scope="module")
def library(compiled: Any) -> ctypes.CDLL:
    text = "".join(c_of_cast(*pair) for pair in PAIRS)
    return ctypes.CDLL(str(compiled(text, "rushlight.h", "maths.h", "half.h")))


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(("source", "dtype"), PAIRS, ids=[f"{a} to {b}" for a, b in PAIRS])
def test_a_cast_gives_the_bits_that_numpy_gives(
    source: DType, dtype: DType, library: ctypes.CDLL
) -> None:
    x = numbers(source, dtype)
    wanted = cast_p.numpy(x, source=source, dtype=dtype)
    got = np.empty(x.shape, dtype.storage)
    run = library[f"cast_{source}_{dtype}"]
    pointers = (ctypes.c_void_p(array.ctypes.data) for array in (x, got))
    run(*pointers, ctypes.c_long(x.size))
    np.testing.assert_array_equal(got, wanted)
