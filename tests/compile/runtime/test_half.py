"""16-bit floats in C: the same bits as a cast in NumPy, for every one of them."""

import ctypes

import numpy as np
import pytest

from rushlight.compile.sources import runtime
from rushlight.core.dtypes import bfloat16, float16, float32, float64
from rushlight.ops.pointwise import cast_p

SOURCE = """
void widen_float16(long n, float *y, const uint16_t *x)
{ for (long i = 0; i < n; i++) y[i] = rl_float_from_f16(x[i]); }
void widen_bfloat16(long n, float *y, const uint16_t *x)
{ for (long i = 0; i < n; i++) y[i] = rl_float_from_bf16(x[i]); }
void float32_to_float16(long n, uint16_t *y, const float *x)
{ for (long i = 0; i < n; i++) y[i] = rl_f16_from_float(x[i]); }
void float32_to_bfloat16(long n, uint16_t *y, const float *x)
{ for (long i = 0; i < n; i++) y[i] = rl_bf16_from_float(x[i]); }
void float64_to_float16(long n, uint16_t *y, const double *x)
{ for (long i = 0; i < n; i++) y[i] = rl_f16_from_double(x[i]); }
"""
HALVES = np.arange(1 << 16, dtype=np.uint16)


@pytest.fixture
def apply(builder, target):
    library = builder.library(runtime("half.h") + SOURCE, target)

    def apply(name, x, storage):
        y = np.empty(x.shape, storage)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (y, x)]
        getattr(library, name)(ctypes.c_long(x.size), *pointers)
        return y

    return apply


def between():
    """Every finite half, what lies halfway to the next, and its neighbours: all the ties."""
    halves = HALVES[(HALVES & 0x7C00) != 0x7C00].view(np.float16).astype(np.float64)
    values = np.unique(halves)
    middles = (values[1:] + values[:-1]) / 2
    last = np.array([65519.99, 65520.0, 65520.01, 1e5, 1e300, np.inf])
    return np.concatenate([values, middles, last, -last, [0.0, -0.0, 1e-300, -1e-300]])


@pytest.mark.parametrize("dtype", [float16, bfloat16], ids=str)
def test_every_half_widens_to_the_same_bits(dtype, apply):
    wanted = cast_p.numpy(HALVES, source=dtype, dtype=float32)
    got = apply(f"widen_{dtype}", HALVES, np.float32)
    np.testing.assert_array_equal(got.view(np.uint32), wanted.view(np.uint32))


@pytest.mark.parametrize("dtype", [float16, bfloat16], ids=str)
def test_every_kind_of_float_narrows_to_the_same_bits(dtype, apply):
    x = np.arange(0, 1 << 32, 4093, dtype=np.uint64).astype(np.uint32).view(np.float32)
    wanted = cast_p.numpy(x, source=float32, dtype=dtype)
    np.testing.assert_array_equal(apply(f"float32_to_{dtype}", x, np.uint16), wanted)


def test_every_tie_of_a_bfloat16_goes_to_the_even_one(apply):
    upper = HALVES.astype(np.uint32) << 16
    x = np.concatenate([upper + low for low in (0, 1, 0x7FFF, 0x8000, 0x8001)]).astype(np.uint32)
    wanted = cast_p.numpy(x.view(np.float32), source=float32, dtype=bfloat16)
    np.testing.assert_array_equal(apply("float32_to_bfloat16", x, np.uint16), wanted)


def test_every_tie_of_a_float16_goes_to_the_even_one(apply):
    for source in (float32, float64):
        exact = between()
        with np.errstate(over="ignore"):
            x = exact.astype(source.storage)
        up, down = x.dtype.type(np.inf), x.dtype.type(-np.inf)
        x = np.concatenate([x, np.nextafter(x, up), np.nextafter(x, down)])
        wanted = cast_p.numpy(x, source=source, dtype=float16)
        np.testing.assert_array_equal(apply(f"{source}_to_float16", x, np.uint16), wanted)


def test_a_double_is_rounded_once(apply):
    # Just above a tie, by less than a float can tell.
    x = np.array([1 + 2.0**-11 + 2.0**-40, -1 - 2.0**-11 - 2.0**-40, 1 + 2.0**-11 - 2.0**-40])
    got = apply("float64_to_float16", x, np.uint16)
    assert got.tolist() == [0x3C01, 0xBC01, 0x3C00]


def test_nan_in_a_double_stays_nan(apply):
    x = np.array([np.nan, -np.nan])
    got = apply("float64_to_float16", x, np.uint16).view(np.float16)
    np.testing.assert_array_equal(np.isnan(got), [True, True])
