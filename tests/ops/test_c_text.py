"""The C of every pointwise primitive in every dtype that it takes, against its NumPy meaning."""

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rushlight.compile.sources import OF_SOME, runtime
from rushlight.core.dtypes import DTYPES, DType, bool_, float32, float64
from rushlight.core.primitive import PRIMITIVES, Array, Spec
from rushlight.ops.pointwise import Pointwise
from rushlight.testing.cases import cases
from rushlight.testing.compare import assert_close, assert_identical

OPS = [primitive for primitive in PRIMITIVES.values() if isinstance(primitive, Pointwise)]
PAIRS = [(op, dtype) for op in OPS for dtype in DTYPES if op.takes(dtype)]
OF_FLOATS = [(op, dtype) for op, dtype in PAIRS if dtype.is_float]
OF_OTHERS = [(op, dtype) for op, dtype in PAIRS if not dtype.is_float]
FLAGS = ["-std=gnu11", "-O2", "-ftree-vectorize", "-ffp-contract=fast", "-fno-math-errno"]
FLAGS += ["-fno-trapping-math", "-fwrapv", "-Wall", "-Wextra", "-Werror"]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 1e-40, 1e300, -1e300, np.inf, -np.inf, np.nan]

Apply = Callable[[Pointwise, DType, list[Array]], Array]


def operand_dtypes(op: Pointwise, dtype: DType) -> list[DType]:
    """The dtypes of the operands of an op on this dtype: a condition is bool."""
    return [bool_ if label == "condition" else dtype for label in op.labels]


def text(op: Pointwise, dtype: DType) -> str:
    """The op as a static function of one element, and a loop over arrays that calls it."""
    dtypes = operand_dtypes(op, dtype)
    record = op.lower(*[Spec((), one) for one in dtypes])
    pairs = list(zip(record.operands, dtypes, strict=True))
    result = (op.result or dtype).c
    parameters = ", ".join(f"{one.c} {name}" for name, one in pairs)
    pointers = ", ".join(f"const {one.c} *{name}" for name, one in pairs)
    elements = ", ".join(f"{name}[i]" for name in record.operands)
    body = record.text.format(**{name: name for name in record.operands})
    name = f"{op.name}_{dtype}"
    return (
        f"static {result} one_{name}({parameters}) {{ return {body}; }}\n"
        f"void all_{name}(long n, {result} *out, {pointers})\n"
        f"{{ for (long i = 0; i < n; i++) out[i] = one_{name}({elements}); }}\n"
    )


@pytest.fixture(scope="module")
def apply() -> Iterator[Apply]:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler on this machine, so the C of the primitives is not run")
    with tempfile.TemporaryDirectory() as folder:
        file, library = Path(folder, "ops.c"), Path(folder, "ops.so")
        source = runtime("maths.h", *OF_SOME) + "".join(text(op, dtype) for op, dtype in PAIRS)
        file.write_text(source, encoding="utf-8")
        command = [compiler, *FLAGS, "-shared", "-fPIC", "-o", library, file, "-lm"]
        built = subprocess.run(command, capture_output=True, text=True)
        assert built.returncode == 0, built.stderr
        loaded = ctypes.CDLL(str(library))

        def apply(op: Pointwise, dtype: DType, arrays: list[Array]) -> Array:
            same = [array.copy() for array in np.broadcast_arrays(*arrays)]
            out = np.empty(same[0].shape, (op.result or dtype).storage)
            pointers = [ctypes.c_void_p(array.ctypes.data) for array in (out, *same)]
            loaded[f"all_{op.name}_{dtype}"](ctypes.c_long(out.size), *pointers)
            return out

        yield apply


def grid(op: Pointwise, dtype: DType, values: Array) -> list[Array]:
    """Arrays in which each operand meets all of the values, together with all of the others."""
    dtypes = operand_dtypes(op, dtype)
    sides = [np.array([True, False]) if one is not dtype else values for one in dtypes]
    arrays = np.meshgrid(*sides)
    return [part.astype(one.storage) for part, one in zip(arrays, dtypes, strict=True)]


@pytest.mark.parametrize(("op", "dtype"), OF_FLOATS, ids=str)
def test_the_c_of_an_op_gives_what_numpy_gives(op: Pointwise, dtype: DType, apply: Apply) -> None:
    for case in cases(op, dtype):
        operands = [case.arrays[i] for i in case.operands]
        wanted = np.asarray(op.numpy(*operands))
        got = apply(op, dtype, operands)
        if dtype is float32 and wanted.dtype == np.float32:
            assert_close(got, wanted, rtol=op.ulps * 2.0**-23, atol=0.0, what=str(case))
        else:
            assert_close(got, wanted, what=str(case))


@pytest.mark.parametrize(("op", "dtype"), OF_FLOATS, ids=str)
def test_the_c_of_an_op_agrees_at_zeros_infinities_and_nan(
    op: Pointwise, dtype: DType, apply: Apply
) -> None:
    with np.errstate(all="ignore"):
        arrays = grid(op, dtype, np.array(SPECIAL).astype(dtype.storage))
        wanted = np.asarray(op.numpy(*arrays))
    tolerance = 1e-12 if dtype is float64 else op.ulps * 2.0**-23
    assert_close(apply(op, dtype, arrays), wanted, rtol=tolerance, atol=1e-44)


@pytest.mark.parametrize(("op", "dtype"), OF_OTHERS, ids=str)
def test_the_c_of_an_op_gives_the_same_integers_as_numpy(
    op: Pointwise, dtype: DType, apply: Apply
) -> None:
    values = np.array([False, True])
    if dtype is not bool_:
        limits = np.iinfo(dtype.storage)
        near = [-100, -7, -2, -1, 0, 1, 2, 3, 5, 100]
        edges = [limits.min, limits.min + 1, limits.max - 1, limits.max]
        values = np.array(edges + [x for x in near if x >= limits.min], dtype.storage)
    arrays = grid(op, dtype, values)
    if op.name == "pow" and dtype.kind == "int":
        arrays[1] &= limits.max  # NumPy raises for exponents below 0
    assert_identical(apply(op, dtype, arrays), np.asarray(op.numpy(*arrays)))


def test_an_integer_to_a_power_below_0_is_cut_to_a_whole_number(apply: Apply) -> None:
    for dtype in DTYPES:
        if dtype.kind == "int":
            x = np.array([2, -2, 0, 1, 1, -1, -1, -1], dtype.storage)
            y = np.array([-1, -2, -1, -1, -2, -1, -2, np.iinfo(dtype.storage).min], dtype.storage)
            wanted = np.array([0, 0, 0, 1, 1, -1, 1, 1], dtype.storage)
            (power,) = [op for op in OPS if op.name == "pow"]
            assert_identical(apply(power, dtype, [x, y]), wanted)


def test_every_pointwise_op_has_c() -> None:
    assert [op.name for op in OPS if not op.c] == []
    assert {float32, float64} >= {op.result for op in OPS if op.result not in (None, bool_)}
