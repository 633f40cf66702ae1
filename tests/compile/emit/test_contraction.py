"""Contractions: every size is right, nothing else is touched, shares change nothing."""

import ctypes
import itertools
import platform
import random
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from rushlight.compile.emit.contraction import HEADERS, contraction_code
from rushlight.compile.loader import arena
from rushlight.compile.records import Axis, Epilogue, KernelCode, Nest, Operand
from rushlight.compile.sources import runtime
from rushlight.compile.toolchain import find_compiler
from rushlight.core.dtypes import DType, float32, float64, int32, int64
from rushlight.core.primitive import Array

HARNESS = Path(__file__).parent / "nests.c"
STRICT = ("-Wall", "-Wextra", "-Werror", "-Wno-unused-function")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
LAYOUTS = list(itertools.product((False, True), repeat=3))


@dataclass
class Case:
    name: str
    nest: Nest
    accumulate: bool = False


def product(
    rows: int, inner: int, columns: int, turned: Sequence[bool] = (False, False, False)
) -> Nest:
    """A product of matrices, each of left, right and out turned round in memory or not."""
    left = (1, max(1, rows)) if turned[0] else (inner, 1)
    right = (1, max(1, inner)) if turned[1] else (columns, 1)
    out = (1, max(1, rows)) if turned[2] else (columns, 1)
    return Nest(
        rows=(Axis(rows, left[0], 0, out[0]),),
        columns=(Axis(columns, 0, right[1], out[1]),),
        inner=(Axis(inner, left[1], right[0], 0),),
    )


def convolutions(images: int, size: int, depth: int, kernel: int, outs: int) -> list[Nest]:
    """A convolution of square images, channels innermost, and its gradients for x and weight."""
    n, h, c, k, o, p = images, size, depth, kernel, outs, size - kernel + 1
    forward = Nest(
        batch=(Axis(n, h * h * c, 0, p * p * o),),
        rows=(Axis(p, h * c, 0, p * o), Axis(p, c, 0, o)),
        columns=(Axis(o, 0, 1, 1),),
        inner=(Axis(k, h * c, k * c * o, 0), Axis(k, c, c * o, 0), Axis(c, 1, o, 0)),
    )
    to_x = Nest(
        batch=(Axis(n, p * p * o, 0, h * h * c),),
        rows=(Axis(p, p * o, 0, h * c), Axis(p, o, 0, c)),
        columns=(Axis(c, 0, o, 1),),
        inner=(Axis(o, 1, 1, 0),),
        taps=(Axis(k, 0, k * c * o, h * c), Axis(k, 0, c * o, c)),
    )
    to_weight = Nest(
        rows=(Axis(k, h * c, 0, k * c * o), Axis(k, c, 0, c * o), Axis(c, 1, 0, o)),
        columns=(Axis(o, 0, 1, 1),),
        inner=(Axis(n, h * h * c, p * p * o, 0), Axis(p, h * c, p * o, 0), Axis(p, c, o, 0)),
    )
    return [forward, to_x, to_weight]


def every_size() -> list[Case]:
    """Products in which each of rows, inner and columns takes every size from 0 to 130 once."""
    shuffled = random.Random(0)
    sizes = [shuffled.sample(range(131), 131) for _ in range(3)]
    layouts = itertools.cycle(LAYOUTS)
    return [
        Case(f"{m} x {k} x {n} {layout}", product(m, k, n, layout), at % 3 == 0)
        for at, (m, k, n, layout) in enumerate(zip(*sizes, layouts, strict=False))
    ]


def small_sizes() -> list[Case]:
    """All products of a few sizes that tend to go wrong."""
    sizes = itertools.product((1, 2, 5, 17), (0, 1, 16, 33), (1, 3, 10, 16, 31, 50))
    layouts = itertools.cycle(LAYOUTS)
    return [
        Case(f"{m} x {k} x {n} {layout}", product(m, k, n, layout), at % 2 == 0)
        for at, ((m, k, n), layout) in enumerate(zip(sizes, layouts, strict=False))
    ]


def all_convolutions() -> list[Case]:
    shapes = [
        (2, 8, 3, 3, 10),
        (1, 9, 1, 5, 32),
        (3, 6, 16, 2, 17),
        (2, 7, 5, 7, 4),
        (2, 6, 33, 1, 20),
    ]
    names = ("forward", "to x", "to weight")
    return [
        Case(f"convolution {shape} {name}", nest, name == "to weight")
        for shape in shapes
        for name, nest in zip(names, convolutions(*shape), strict=True)
    ]


def with_batches() -> list[Case]:
    """Products with axes of batches that move some operands and not others, and with gaps."""
    shared = Nest(
        batch=(Axis(3, 40, 0, 60),),
        rows=(Axis(4, 10, 0, 15),),
        columns=(Axis(15, 0, 10, 1),),
        inner=(Axis(10, 1, 1, 0),),
    )
    grouped = Nest(
        batch=(Axis(2, 60, 0, 132), Axis(3, 20, 800, 44)),
        rows=(Axis(1, 1, 0, 1),),
        columns=(Axis(40, 0, 20, 1),),
        inner=(Axis(20, 1, 1, 0),),
    )
    heads = Nest(
        batch=(Axis(2, 7 * 96, 9 * 96, 4 * 7 * 9), Axis(4, 24, 24, 7 * 9)),
        rows=(Axis(7, 96, 0, 9),),
        columns=(Axis(9, 0, 96, 1),),
        inner=(Axis(24, 1, 1, 0),),
    )
    outer = Nest(
        batch=(Axis(5, 3, 2, 6),),
        rows=(Axis(3, 1, 0, 2),),
        columns=(Axis(2, 0, 1, 1),),
    )
    planes = Nest(
        rows=(Axis(3, 600, 0, 2000), Axis(4, 100, 0, 400), Axis(5, 20, 0, 70)),
        columns=(Axis(2, 0, 33, 35), Axis(33, 0, 1, 1)),
        inner=(Axis(20, 1, 66, 0),),
    )
    nests = {"shared": shared, "grouped": grouped, "heads": heads, "outer": outer, "planes": planes}
    return [
        Case(f"{name} {add}", nest, add) for name, nest in nests.items() for add in (False, True)
    ]


def streams() -> list[Case]:
    """Products of one row, or one column, and a matrix that is read row after row."""
    sizes = [(64, 257), (65, 300), (66, 320), (67, 511), (130, 512), (99, 2048), (64, 2049)]
    sizes += [(70, 2063), (68, 4100)]
    cases = []
    for inner, columns in sizes:
        for add in (False, True):
            cases.append(Case(f"1 x {inner} x {columns} {add}", product(1, inner, columns), add))
            turned = product(columns, inner, 1, (True, False, False))
            cases.append(Case(f"{columns} x {inner} x 1 {add}", turned, add))
    apart = Nest(columns=(Axis(300, 0, 1, 2),), inner=(Axis(70, 3, 310, 0),))
    return [*cases, Case("apart", apart), Case("apart, added", apart, True)]


def entry(name: str, case: Case, code: KernelCode) -> str:
    """A row of the table in C."""
    axes = [
        axis
        for group in (
            case.nest.batch,
            case.nest.rows,
            case.nest.columns,
            case.nest.inner,
            case.nest.taps,
        )
        for axis in group
    ]
    lists = (
        ", ".join(str(getattr(axis, field)) for axis in axes)
        for field in ("size", "left", "right", "out")
    )
    adds = int(case.accumulate or bool(case.nest.taps))
    return (
        f'{{"{case.name}", {name}, {code.units}, {code.scratch}, {adds}, {len(axes)}, '
        + ", ".join(f"{{{each}}}" for each in lists)
        + "},"
    )


def program(cases: Sequence[Case], dtype: DType) -> str:
    """A C program that runs all cases and says which are wrong."""
    texts, table = [], []
    for at, case in enumerate(cases):
        code = contraction_code(f"nest_{at}", case.nest, dtype, accumulate=case.accumulate)
        texts.append(code.text)
        table.append(entry(f"nest_{at}", case, code))
    main = "int main(void)\n{\n    return run_all(nests, (int)(sizeof nests / sizeof *nests));\n}\n"
    parts = [
        runtime("vec.h", "tiles.h"),
        f"#define number {dtype.c}",
        HARNESS.read_text("utf-8"),
        *texts,
        "static const struct nest nests[] = {",
        *table,
        "};",
        main,
    ]
    return "\n".join(parts)


def build(text: str, to: Path, *flags: str) -> Path:
    source = to.with_suffix(".c")
    source.write_text(text, "utf-8")
    command = [*find_compiler().command, "-std=gnu11", "-ffp-contract=fast", *STRICT, *flags]
    built = subprocess.run(
        [*command, str(source), "-o", str(to), "-lm"], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    return to


def run(cases: Sequence[Case], folder: Path, *flags: str, dtype: DType = float32) -> None:
    """Build and run the cases, and fail with what the program says of those that are wrong."""
    built = build(program(cases, dtype), folder / "nests", *flags)
    done = subprocess.run([str(built)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{len(cases)} nests, 0 failures\n"), done.stderr


def targets() -> dict[str, tuple[str, ...]]:
    """The kinds of vectors that this machine has, by the flags for them."""
    found: dict[str, tuple[str, ...]] = {"plain": (), "tuned": find_compiler().tuning}
    if platform.machine() in ("x86_64", "AMD64"):
        found["no AVX-512"] = ("-march=native", "-mno-avx512f")
    return found


@pytest.mark.parametrize(
    "cases", [every_size, small_sizes, all_convolutions, with_batches, streams]
)
def test_every_size_is_right_and_stays_within_its_arrays(
    cases: Callable[[], list[Case]], tmp_path: Path
) -> None:
    run(cases(), tmp_path, "-O0", *find_compiler().tuning, *SANITIZERS)


@pytest.mark.parametrize("target", targets())
def test_each_width_of_vectors_gives_the_same(target: str, tmp_path: Path) -> None:
    cases = every_size()[::5] + small_sizes()[::3] + all_convolutions() + with_batches()
    cases += streams()
    run(cases, tmp_path, "-O2", *targets()[target])


@pytest.mark.parametrize("dtype", [float64, int64], ids=str)
def test_other_dtypes_are_plain_loops(dtype: DType, tmp_path: Path) -> None:
    cases = every_size()[::8] + small_sizes()[::2] + all_convolutions() + with_batches()
    run(cases, tmp_path, "-O2", dtype=dtype)


@pytest.mark.long
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_every_size_in_every_layout(layout: tuple[bool, bool, bool], tmp_path: Path) -> None:
    sizes = [*range(1, 131)]
    cases = [
        Case(f"{shape} {layout}", product(*shape, layout), accumulate=size % 2 == 0)
        for size in sizes
        for shape in ((size, 17, 33), (13, size, 40), (21, 9, size))
    ]
    run(cases, tmp_path, "-O1", *find_compiler().tuning, *SANITIZERS)


@dataclass
class Built:
    """A contraction as a function of this process."""

    library: ctypes.CDLL
    code: KernelCode

    def __call__(self, *arrays: Array, shares: int = 1) -> None:
        scratch = arena(self.code.scratch)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in (*arrays, scratch)]
        for share in range(shares):
            first = share * self.code.units // shares
            last = (share + 1) * self.code.units // shares
            self.library.run(*pointers, ctypes.c_int64(first), ctypes.c_int64(last))


@pytest.fixture
def built(compiled: Callable[..., Path]) -> Callable[..., Built]:
    """Return a function that compiles a contraction as the compiler does."""

    def make(nest: Nest, epilogue: Epilogue | None = None, pointers: int = 3) -> Built:
        code = contraction_code("kernel", nest, float32, epilogue)
        types = ", ".join(f"void *p{at}" for at in range(pointers))
        names = ", ".join(f"p{at}" for at in range(pointers))
        text = (
            f'{code.text}\n__attribute__((visibility("default")))\n'
            f"void run({types}, char *scratch, int64_t first, int64_t last);\n"
            f"void run({types}, char *scratch, int64_t first, int64_t last)\n"
            f"{{\n    kernel({names}, scratch, first, last);\n}}\n"
        )
        return Built(ctypes.CDLL(str(compiled(text, *HEADERS))), code)

    return make


def normal(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "turned"),
    [
        ((100, 70, 200), False),
        ((100, 70, 200), True),
        ((1, 300, 90), True),
        ((90, 300, 1), False),
        ((1, 70, 4100), False),
        ((1, 67, 300), False),
        ((1, 64, 321), False),
    ],
)
def test_the_bits_are_the_same_however_units_are_shared_out(
    shape: tuple[int, int, int], turned: bool, built: Callable[..., Built]
) -> None:
    m, k, n = shape
    left, right = normal(m, k), normal(*((n, k) if turned else (k, n)))
    multiply = built(product(m, k, n, (False, turned, False)))
    results = []
    for shares in (1, 2, 3, 4):
        out = np.full((m, n), np.nan, np.float32)
        multiply(left, right, out, shares=shares)
        results.append(out)
    expected = left.astype(np.float64) @ (right.T if turned else right)
    np.testing.assert_allclose(results[0], expected, rtol=1e-4, atol=1e-4)
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


@pytest.mark.parametrize("columns", [1, 3, 10, 16, 37, 64, 300])
@pytest.mark.parametrize("rows", [1, 2, 9, 24])
@pytest.mark.parametrize("turned", [False, True])
def test_an_epilogue_sees_each_sum_once_with_its_operands(
    rows: int, columns: int, turned: bool, built: Callable[..., Built]
) -> None:
    inner = 70
    left, right = normal(rows, inner), normal(*((columns, inner) if turned else (inner, columns)))
    weight, bias, scale = normal(rows, columns), normal(columns), normal(rows)
    rate, seen = np.array([0.5], np.float32), np.zeros((columns, rows), np.int32)
    epilogue = Epilogue(
        (
            Operand("weight", float32, (columns, 1), written=True),
            Operand("rate", float32, (0, 0)),
            Operand("bias", float32, (0, 1)),
            Operand("scale", float32, (1, 0)),
            Operand("seen", int32, (1, rows), written=True),
        ),
        ("const float y = ({acc} + {bias}) * {scale};", "{weight} -= step * y;", "{seen} += 1;"),
        ("const float step = rate[0];",),
    )
    expected = weight - 0.5 * (left @ (right.T if turned else right) + bias) * scale[:, None]
    finish = built(product(rows, inner, columns, (False, turned, False)), epilogue, 7)
    finish(left, right, weight, rate, bias, scale, seen, shares=2)
    np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(seen, np.ones_like(seen))


def windows(x: Array, kernel: int) -> Array:
    """Return x (n, h, h, c) as its windows: (n, p, p, kernel, kernel, c)."""
    found = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (1, 2))
    return found.transpose(0, 1, 2, 4, 5, 3)


@pytest.mark.parametrize("with_epilogue", [False, True])
def test_sums_over_many_images_are_made_in_parts(
    with_epilogue: bool, built: Callable[..., Built]
) -> None:
    images, size, depth, kernel, outs = 24, 12, 32, 3, 64
    nest = convolutions(images, size, depth, kernel, outs)[2]
    x, g = normal(images, size, size, depth), normal(images, size - 2, size - 2, outs)
    start = normal(kernel, kernel, depth, outs)
    epilogue = Epilogue(
        (Operand("w", float32, (kernel * depth * outs, depth * outs, outs, 1), written=True),),
        ("{w} -= {acc};",),
    )
    sum_up = built(nest, epilogue if with_epilogue else None)
    assert "part < 2" in sum_up.code.text
    total = np.einsum("nyxijc,nyxo->ijco", windows(x, kernel), g, dtype=np.float64)
    results = []
    for shares in (1, 2, 3, 4):
        results.append(start.copy())
        sum_up(x, g, results[-1], shares=shares)
    expected = start - total if with_epilogue else total
    np.testing.assert_allclose(results[0], expected, rtol=1e-4, atol=1e-3)
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


def test_nothing_to_sum_is_zero_for_an_epilogue_too(built: Callable[..., Built]) -> None:
    epilogue = Epilogue((Operand("y", float32, (20, 1), written=True),), ("{y} = {acc} + 1;",))
    y = np.zeros((5, 20), np.float32)
    built(product(5, 0, 20), epilogue)(np.zeros(0), np.zeros(0), y)
    np.testing.assert_array_equal(y, np.ones_like(y))


@pytest.mark.parametrize("nest", [product(1, 64, 257), product(300, 64, 1, (True, False, False))])
def test_one_row_goes_through_a_large_matrix_row_after_row(nest: Nest) -> None:
    text = contraction_code("forward", nest, float32).text
    assert "start < end; start += 2048" in text
    assert text.count("\n") < 50


def test_a_prologue_declares_constants_and_nothing_else() -> None:
    epilogue = Epilogue((Operand("y", float32, (4, 1), True),), ("{y} = {acc};",), ("y[0] = 1;",))
    with pytest.raises(ValueError, match=r"not the declaration of a constant: y\[0\] = 1;"):
        contraction_code("kernel", product(4, 4, 4), float32, epilogue)


def test_the_text_is_short_and_says_what_it_does() -> None:
    text = contraction_code("forward", product(128, 784, 256), float32).text
    assert text.startswith("/* rows 128, columns 256, sums of 784 */\n")
    assert "out" in text.splitlines()[-1] or text.endswith("}\n")
    assert text.count("\n") < 70
    assert max(map(len, text.splitlines())) <= 100
