"""Products and convolutions of the two digits networks, on one thread and on two.

What is measured is the C of one contraction, over and over on the same arrays, against the time
that its multiply-adds would take at the peak of the machine, and against NumPy and PyTorch.
"""

import ctypes
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.sides import THREADS, TORCH, Figures, Measure, Task, threads
from rushlight.compile.emit.contraction import contraction_code
from rushlight.compile.loader import Call, addresses, arena, function, load
from rushlight.compile.pool import pool
from rushlight.compile.records import Axis, Epilogue, Nest, Operand
from rushlight.compile.sources import runtime
from rushlight.compile.toolchain import build, find_compiler
from rushlight.core.dtypes import float32

Array = npt.NDArray[Any]
SECONDS = 0.02  # that each try of a measurement takes, about: short, so that some are undisturbed
TRIES = 25

RELU = Epilogue(
    (Operand("bias", float32, (0, 1)), Operand("h", float32, (-1, 1), written=True)),
    ("const float x = {acc} + {bias};", "{h} = x > 0 ? x : 0;"),
)
DESCENT = Epilogue(
    (Operand("w", float32, (-1, 1), written=True), Operand("rate", float32, (0, 0))),
    ("{w} = {w} - {acc} * lr;",),
    ("const float lr = rate[0];",),
)

SOURCE = """
typedef struct work {{
    rl_call *call;
    rl_barrier barrier;
}} work;

static void task(void *context, int thread, int threads)
{{
    work *all = context;
    void *const *b = all->call->buffers;
    char *scratch = all->call->arena + thread * (int64_t){scratch};
    const int64_t first = (int64_t){units} * thread / threads;
    const int64_t last = (int64_t){units} * (thread + 1) / threads;
    for (int64_t turn = 0; turn < *(int64_t *)b[{count}]; turn++) {{
        kernel({arguments}, scratch, first, last);
        rl_barrier_wait(&all->barrier, threads);
    }}
}}

__attribute__((visibility("default"))) int64_t run(rl_call *call);
int64_t run(rl_call *call)
{{
    work all = {{.call = call}};
    if (call->threads == 1)
        task(&all, 0, 1);
    else
        call->parallel(call->threads, task, &all);
    return 0;
}}
"""


@dataclass(frozen=True)
class Work:
    """A contraction, the shapes of what it reads and writes, and the same in NumPy or PyTorch."""

    nest: Nest
    shapes: tuple[tuple[int, ...], ...]
    rival: Callable[..., Any]  # of a library and the first two operands
    epilogue: Epilogue | None = None
    accumulate: bool = False
    convolution: bool = False

    @property
    def flops(self) -> int:
        nest = self.nest
        axes = nest.batch + nest.rows + nest.columns + nest.inner + nest.taps
        return 2 * prod(axis.size for axis in axes)


def product(
    rows: int, inner: int, columns: int, turned: str = "", epilogue: Epilogue | None = None
) -> Work:
    """Return a product of matrices, of which the left or the right one is turned in memory."""
    left, right = (inner, 1), (columns, 1)
    shapes = [(rows, inner), (inner, columns)]
    if turned == "left":
        left, shapes[0] = (1, rows), (inner, rows)
    if turned == "right":
        right, shapes[1] = (1, inner), (columns, inner)
    nest = Nest(
        rows=(Axis(rows, left[0], 0, columns),),
        columns=(Axis(columns, 0, right[1], 1),),
        inner=(Axis(inner, left[1], right[0], 0),),
    )
    more = [(rows, columns)]
    if epilogue is not None:
        operands = tuple(
            Operand(o.name, o.dtype, (columns, 1) if o.written else o.strides, o.written)
            for o in epilogue.operands
        )
        epilogue = Epilogue(operands, epilogue.lines, epilogue.prologue)
        more = [(rows, columns) if o.written else (columns,) for o in operands]
    return Work(nest, (*shapes, *more), partial(_multiply, turned), epilogue)


def _multiply(turned: str, library: Any, left: Any, right: Any) -> Any:
    return library.matmul(
        left.T if turned == "left" else left, right.T if turned == "right" else right
    )


def convolutions(n: int, size: int, depth: int, kernel: int, outs: int) -> dict[str, Work]:
    """Return a convolution of n square images, channels innermost, and its two gradients."""
    h, c, k, o, p = size, depth, kernel, outs, size - kernel + 1
    x, y, w = (n, h, h, c), (n, p, p, o), (k, k, c, o)
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
    shapes = {"forward": (x, w, y), "input gradient": (y, w, x), "weight gradient": (x, y, w)}
    nests = {"forward": forward, "input gradient": to_x, "weight gradient": to_weight}
    return {
        name: Work(nest, shapes[name], partial(_convolve, name, x), convolution=True)
        for name, nest in nests.items()
    }


def _convolve(what: str, x: tuple[int, ...], torch: Any, left: Any, right: Any) -> Any:
    """Do what PyTorch does with the same numbers, its images channels-last as ours are."""
    left = left.permute(0, 3, 1, 2)
    if what == "weight gradient":
        right = right.permute(0, 3, 1, 2)
        kernel = x[1] - right.shape[2] + 1
        shape = (right.shape[1], left.shape[1], kernel, kernel)
        return torch.nn.grad.conv2d_weight(left, shape, right)
    weight = right.permute(3, 2, 0, 1)
    if what == "forward":
        return torch.nn.functional.conv2d(left, weight)
    return torch.nn.grad.conv2d_input((x[0], x[3], x[1], x[2]), weight, left)


def works(quick: bool) -> Mapping[str, Work]:
    images = 2 if quick else 32
    return {
        "128x784 @ 784x256, bias, ReLU": product(128, 784, 256, epilogue=RELU),
        "128x256 @ 256x64, bias, ReLU": product(128, 256, 64, epilogue=RELU),
        "128x64 @ 64x10, bias, ReLU": product(128, 64, 10, epilogue=RELU),
        "(128x784).T @ 128x256, SGD": product(784, 128, 256, "left", DESCENT),
        "(128x256).T @ 128x64, SGD": product(256, 128, 64, "left", DESCENT),
        "128x256 @ (784x256).T": product(128, 256, 784, "right"),
        "128x64 @ (256x64).T": product(128, 64, 256, "right"),
        "256x1024 @ 1024x1024": product(256, 1024, 1024),
        "1x784 @ 784x256, bias, ReLU": product(1, 784, 256, epilogue=RELU),
        **{
            f"5x5, 1 to 32, {k}": w
            for k, w in convolutions(images, 28, 1, 5, 32).items()
            if k != "input gradient"
        },
        **{f"5x5, 32 to 64, {k}": w for k, w in convolutions(images, 12, 32, 5, 64).items()},
    }


def ours(quick: bool) -> Figures:
    figures = {}
    for name, work in works(quick).items():
        run = compiled(work)
        for count in (1, THREADS):
            figures[figure(name, count)] = 1e6 * timed(partial(run, count), quick)
    return figures


def compiled(work: Work) -> Callable[[int, int], object]:
    """Return a function that runs some turns of a contraction on some threads."""
    code = contraction_code("kernel", work.nest, float32, work.epilogue, work.accumulate)
    count = len(work.shapes)
    text = runtime("barrier.h", *code.headers) + code.text
    text += SOURCE.format(
        scratch=code.scratch,
        units=code.units,
        count=count,
        arguments=", ".join(f"b[{at}]" for at in range(count)),
    )
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "kernel.c", Path(folder) / "kernel.so"
        source.write_text(text, "utf-8")
        build(find_compiler(), source, output)
        entry = function(load(output), "run")
    arrays = operands(work)
    scratch = arena(code.scratch * THREADS)
    turns = np.zeros(1, np.int64)
    buffers = addresses([*arrays, turns])

    def run(threads: int, many: int, kept: object = (arrays, scratch)) -> None:
        turns[0] = many
        call = Call(
            buffers=buffers.ctypes.data,
            arena=scratch.ctypes.data,
            threads=threads,
            parallel=pool().parallel,
        )
        entry(ctypes.addressof(call))

    return run


def operands(work: Work) -> list[Array]:
    """Return arrays of the shapes, with numbers so small that no descent runs away."""
    random = np.random.default_rng(0)
    arrays = []
    for shape in work.shapes:
        array = arena(4 * prod(shape)).view(np.float32).reshape(shape)
        array[...] = random.standard_normal(shape) * 1e-3
        arrays.append(array)
    return arrays


def timed(run: Callable[[int], object], quick: bool) -> float:
    """Return the seconds of a turn, the best of some tries."""
    turns = 1
    while True:
        started = time.perf_counter()
        run(turns)
        seconds = time.perf_counter() - started
        if quick or seconds > SECONDS / 4:
            break
        turns *= 2
    best = seconds
    for _ in range(1 if quick else TRIES):
        started = time.perf_counter()
        run(turns)
        best = min(best, time.perf_counter() - started)
    return best / turns


def rivals(quick: bool, library: str) -> Figures:
    """Return NumPy's or PyTorch's times: of the contraction alone, without what follows it."""
    module = import_module(library)
    count = threads()
    if library == "torch":
        module.set_num_threads(count)
    convert = module.from_numpy if library == "torch" else np.asarray
    figures = {}
    for name, work in works(quick).items():
        if work.convolution and library == "numpy":
            continue
        left, right = (convert(array) for array in operands(work)[:2])

        def run(turns: int, work: Work = work, left: Any = left, right: Any = right) -> None:
            for _ in range(turns):
                work.rival(module, left, right)

        figures[figure(name, count)] = 1e6 * timed(run, quick)
    return figures


def figure(name: str, count: int) -> str:
    return f"{name}, {count} thread{'s' * (count > 1)}"


def rival_name(library: str, count: int) -> str:
    return library if count == THREADS else figure(library, count)


def measures() -> tuple[Measure, ...]:
    found = []
    for count in (1, THREADS):
        for name, work in works(quick=False).items():
            libraries = (TORCH,) if work.convolution else ("NumPy", TORCH)
            others = tuple(rival_name(library, count) for library in libraries)
            title = figure(name, count)
            found.append(Measure(title, "µs", title, "ours", others, work.flops, count))
    return tuple(found)


TASK = Task(
    {
        "ours": ours,
        **{
            rival_name(name, count): partial(rivals, library=library)
            for name, library in (("NumPy", "numpy"), (TORCH, "torch"))
            for count in (1, THREADS)
        },
    },
    measures(),
    {rival_name(name, 1): 1 for name in ("NumPy", TORCH)},
)
