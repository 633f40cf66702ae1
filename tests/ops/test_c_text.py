"""The C of every pointwise primitive, compiled with double precision, against its NumPy meaning."""

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rushlight.core.dtypes import DType, bool_, float32, float64, uint32
from rushlight.core.primitive import PRIMITIVES, Array
from rushlight.ops.pointwise import Pointwise
from rushlight.testing.cases import cases
from rushlight.testing.compare import assert_close

OPS = [primitive for primitive in PRIMITIVES.values() if isinstance(primitive, Pointwise)]
FLAGS = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 1e300, -1e300, np.inf, -np.inf, np.nan]

Apply = Callable[[Pointwise, list[Array]], Array]


def operand_dtypes(op: Pointwise) -> tuple[DType, ...]:
    names = ["condition"] if "{condition}" in op.c else []
    names += [name for name in "xy" if f"{{{name}}}" in op.c]
    takes = float64 if "float" in op.kinds else uint32 if "uint" in op.kinds else bool_
    return tuple(bool_ if name == "condition" else takes for name in names)


def source(op: Pointwise) -> str:
    """The op as a static function of one element, and a loop over arrays that calls it."""
    dtypes = operand_dtypes(op)
    names = ["condition", "x", "y"] if len(dtypes) == 3 else ["x", "y"][: len(dtypes)]
    pairs = list(zip(names, dtypes, strict=True))
    result = (op.result or dtypes[-1]).c
    parameters = ", ".join(f"{dtype.c} {name}" for name, dtype in pairs)
    pointers = ", ".join(f"const {dtype.c} *{name}" for name, dtype in pairs)
    elements = ", ".join(f"{name}[i]" for name in names)
    text = op.c.format(**{name: name for name in names})
    return (
        f"static {result} one_{op.name}({parameters}) {{ return {text}; }}\n"
        f"void all_{op.name}(long n, {result} *out, {pointers})\n"
        f"{{ for (long i = 0; i < n; i++) out[i] = one_{op.name}({elements}); }}\n"
    )


@pytest.fixture(scope="module")
def apply() -> Iterator[Apply]:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler on this machine, so the C of the primitives is not run")
    with tempfile.TemporaryDirectory() as folder:
        file, library = Path(folder, "ops.c"), Path(folder, "ops.so")
        text = "#include <math.h>\n#include <stdint.h>\n" + "".join(map(source, OPS))
        file.write_text(text, encoding="utf-8")
        command = [compiler, *FLAGS, "-shared", "-fPIC", "-o", library, file, "-lm"]
        built = subprocess.run(command, capture_output=True, text=True)
        assert built.returncode == 0, built.stderr
        loaded = ctypes.CDLL(str(library))

        def apply(op: Pointwise, arrays: list[Array]) -> Array:
            same = np.broadcast_arrays(*arrays)
            same = [array.copy() for array in same]
            out = np.empty(same[0].shape, (op.result or operand_dtypes(op)[-1]).storage)
            pointers = [ctypes.c_void_p(array.ctypes.data) for array in (out, *same)]
            loaded[f"all_{op.name}"](ctypes.c_long(out.size), *pointers)
            return out

        yield apply


@pytest.mark.parametrize("op", OPS, ids=str)
def test_the_c_of_an_op_gives_what_numpy_gives(op: Pointwise, apply: Apply) -> None:
    for case in cases(op, float64):
        wanted = op.numpy(*[case.arrays[i] for i in case.operands])
        got = apply(op, [case.arrays[i] for i in case.operands])
        assert_close(got, np.asarray(wanted), what=str(case))


@pytest.mark.parametrize("op", [op for op in OPS if "float" in op.kinds], ids=str)
def test_the_c_of_an_op_agrees_at_zeros_infinities_and_nan(op: Pointwise, apply: Apply) -> None:
    dtypes = operand_dtypes(op)
    values = [np.array([1.0, 0.0]) if dtype is bool_ else np.array(SPECIAL) for dtype in dtypes]
    grid = np.meshgrid(*values)
    arrays = [part.astype(dtype.storage) for part, dtype in zip(grid, dtypes, strict=True)]
    with np.errstate(all="ignore"):
        wanted = np.asarray(op.numpy(*arrays))
    assert_close(apply(op, arrays), wanted, rtol=1e-12, atol=1e-12)


def test_every_pointwise_op_has_c() -> None:
    assert [op.name for op in OPS if not op.c] == []
    assert {float32, float64} >= {op.result for op in OPS if op.result not in (None, bool_)}
