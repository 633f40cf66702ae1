"""Functions of float: the bounds that the headers state, at every kind of float, as vector code."""

import ctypes
import functools
import math
import platform
import re

import numpy as np
import pytest

from rushlight.compile.sources import OF_SOME, runtime
from rushlight.core import erf as cody
from rushlight.core.dtypes import DTYPES
from rushlight.testing.compare import assert_identical

HEADERS = ["maths.h", *OF_SOME]
OTHERS = ["abs", "sign", "relu", "sqrt", "round", "trunc"]
INTEGERS = [dtype for dtype in DTYPES if dtype.kind in ("int", "uint")]
ODD = ["tanh", "erf", "sinh", "asin", "atan", "asinh", "atanh"]
STEP = 4799  # of all the bits that a float can have: 900,000 floats

BOUND = re.compile(r"/\* [^*]*?: within ([\d.]+) ulp[^/]*/\nRL_INLINE float rl_(\w+)_f32")
STATED = {name: float(bound) for bound, name in BOUND.findall(runtime(*HEADERS))}


def loop(name, into, of, text):
    """The C of a function that applies a text to every element of an array."""
    return (
        f"void {name}(long n, {into} *restrict y, const {of} *restrict a)\n"
        f"{{ for (long i = 0; i < n; i++) {{ {of} x = a[i]; y[i] = {text}; }} }}\n"
    )


def source():
    text = runtime(*HEADERS)
    for name in [*STATED, *OTHERS]:
        text += loop(f"{name}_all", "float", "float", f"rl_{name}(x)")
    text += loop("max_all", "float", "float", "rl_max(x, -x)")
    for dtype in INTEGERS:
        for of in ("float", "double"):
            text += loop(f"{of}_to_{dtype}", dtype.c, of, f"rl_to_{dtype}(x)")
    return text


def apply(library, name, x, storage):
    x = np.ascontiguousarray(x)
    y = np.empty(x.shape, storage)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (y, x)]
    getattr(library, name)(ctypes.c_long(x.size), *pointers)
    return y


@pytest.fixture(scope="module")
def built(builder):
    return functools.cache(lambda *flags: builder.library(source(), flags))


@functools.cache
def floats():
    """Floats of all kinds: denormals, infinities and NaN too, and more of the usual ones."""
    bits = np.arange(0, 1 << 32, STEP, dtype=np.uint64).astype(np.uint32)
    edges = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45], np.float32)
    near = np.concatenate([np.linspace(-20, 20, 100001), np.linspace(-105, 90, 100001)])
    return np.concatenate([bits.view(np.float32), edges, near.astype(np.float32)])


def sigmoid(x):
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1.0) / (1.0 + small)


EXACT = {
    "sigmoid": sigmoid,
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "erf": cody.erf,
    "erfc": cody.erfc,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
}


def ulps(got, exact):
    """How many steps between floats lie between a float and the exact result."""
    size = np.maximum(np.abs(exact), 2.0**-126)
    return np.abs(got.astype(np.float64) - exact) / 2.0 ** (np.floor(np.log2(size)) - 23)


@pytest.mark.parametrize("name", STATED)
def test_a_function_of_float_keeps_the_bound_that_its_comment_states(name, built, target):
    x = floats()
    with np.errstate(all="ignore"):
        exact = EXACT.get(name, getattr(np, name, None))(x.astype(np.float64))
        rounded = exact.astype(np.float32)
        got = apply(built(*target), f"{name}_all", x, np.float32)
        finite = np.isfinite(rounded)
        assert_identical(got[~finite], rounded[~finite], name)
        off = ulps(got[finite], exact[finite])
    worst = np.argmax(off)
    assert off[worst] <= STATED[name], (x[finite][worst], got[finite][worst], exact[finite][worst])
    assert off[worst] > STATED[name] / 2, "the comment could state less"


def test_angles_of_points_are_within_two_ulps(builder):
    text = runtime(*HEADERS) + (
        "void angles(long n, float *restrict out, const float *y, const float *x)\n"
        "{ for (long i = 0; i < n; i++) out[i] = rl_atan2(y[i], x[i]); }\n"
    )
    values = np.concatenate([floats()[::2003], np.linspace(-2, 2, 1001, dtype=np.float32)])
    y, x = (part.reshape(-1) for part in np.meshgrid(values, values))
    got = np.empty_like(x)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (got, y, x)]
    builder.library(text).angles(ctypes.c_long(x.size), *pointers)
    with np.errstate(all="ignore"):
        exact = np.arctan2(y.astype(np.float64), x.astype(np.float64))
        rounded = exact.astype(np.float32)
    assert_identical(np.isnan(got), np.isnan(rounded))
    assert_identical(np.signbit(got[rounded == 0]), np.signbit(rounded[rounded == 0]))
    some = ~np.isnan(rounded)
    assert ulps(got[some], exact[some]).max() <= 2.0


@pytest.mark.parametrize("name", ODD)
def test_an_odd_function_keeps_the_sign_of_zero_and_is_exactly_odd(name, built, target):
    x = np.concatenate([[0.0], np.geomspace(1e-45, 100.0, 10000)]).astype(np.float32)
    x = x[x <= 1] if name in ("asin", "atanh") else x  # beyond, they give NaN
    positive = apply(built(*target), f"{name}_all", x, np.float32)
    assert_identical(apply(built(*target), f"{name}_all", -x, np.float32), -positive)


@pytest.mark.parametrize("name", OTHERS)
def test_simple_functions_of_float_give_what_numpy_gives(name, built, target):
    x = floats()[::7]
    meaning = {"relu": lambda x: np.where(x < 0, np.float32(0), x), "round": np.rint}
    with np.errstate(all="ignore"):
        wanted = meaning.get(name, getattr(np, name, None))(x)
    np.testing.assert_array_equal(apply(built(*target), f"{name}_all", x, np.float32), wanted)


def cut(x, bits, signed):
    """The integer that x86 makes of a float: what does not fit becomes the least int."""
    narrow = bits < 32 or (bits == 32 and signed)
    width = 32 if narrow else 64
    fits = math.isfinite(x) and -(1 << (width - 1)) <= int(x) < 1 << (width - 1)
    whole = int(x) if fits else -(1 << (width - 1))
    if bits >= 32 and not signed:
        half = 1 << (bits - 1)
        fits = math.isfinite(x) and -half <= int(x) < 2 * half
        whole = int(x) if fits else 0 if x >= half else half
    whole %= 1 << bits
    return whole - (1 << bits) if signed and whole >> (bits - 1) else whole


@functools.cache
def edges(storage):
    """Numbers around all the limits, and what is no number."""
    powers = [2.0**n for n in (7, 8, 15, 16, 31, 32, 62, 63, 64, 100)]
    values = [0.0, 0.5, 0.99, 1.5, 2.5, 300.7, 40000.2, 3e9, 1e10, 1e19, np.inf, np.nan]
    values += [near for power in powers for near in (power - 1, power - 0.5, power, power + 1)]
    x = np.array([*values, *[-value for value in values]]).astype(storage)
    with np.errstate(invalid="ignore"):
        usual = floats()[::97].astype(storage)
        beside = [np.nextafter(x, storage(np.inf)), np.nextafter(x, storage(0))]
        return np.concatenate([x, *beside, usual])


@pytest.mark.parametrize("storage", [np.float32, np.float64])
@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_a_float_becomes_the_integer_that_x86_makes_of_it(dtype, storage, built, target):
    x = edges(storage)
    name = f"{'float' if storage is np.float32 else 'double'}_to_{dtype}"
    got = apply(built(*target), name, x, dtype.storage)
    wanted = [cut(value, 8 * dtype.itemsize, dtype.kind == "int") for value in x.tolist()]
    assert_identical(got, np.array(wanted, dtype.storage))


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="NumPy differs elsewhere")
@pytest.mark.parametrize("dtype", [d for d in INTEGERS if d.name != "uint32"], ids=str)
def test_a_float_becomes_the_integer_that_numpy_makes_of_it(dtype, built):
    for storage, name in ((np.float32, "float"), (np.float64, "double")):
        x = edges(storage)
        with np.errstate(invalid="ignore"):
            wanted = x.astype(dtype.storage)
        assert_identical(apply(built(), f"{name}_to_{dtype}", x, dtype.storage), wanted)


def test_casts_and_functions_are_clean_under_sanitizers(builder, sanitizer, run, tmp_path):
    run("every_float.c", flags=sanitizer)


def test_a_loop_over_floats_becomes_vector_code(builder):
    version = builder.run(["--version"]).stdout
    clang = "clang" in version
    report = ["-Rpass=loop-vectorize"] if clang else ["-fopt-info-vec", "-fvect-cost-model=dynamic"]
    file = builder.folder / "loops.c"
    includes = "".join(f'#include "{name}"\n' for name in HEADERS)
    loops = source().replace(runtime(*HEADERS), includes)
    file.write_text(loops, encoding="utf-8")
    native = ["-march=native"] if builder.can(["-march=native"]) else []
    built = builder.run([*native, *report, "-c", file, "-o", file.with_suffix(".o")])
    assert built.returncode == 0, built.stderr
    told = re.findall(r"loops\.c:(\d+):.*(?:loop vectorized|vectorized loop)", built.stderr)
    lines = loops.splitlines()
    scalar = [lines[i - 2] for i, line in enumerate(lines, 1) if "for (" in line]
    vector = {lines[int(number) - 2] for number in told}
    assert [line for line in scalar if line not in vector and "float *restrict a" in line] == []
