"""Scans and sorts: the C of what goes along one axis in order.

Rows, which the other axes count, know nothing of each other. Where they lie side by side, a scan
does a block of them at once, which fill the vectors.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from rushlight.compile.emit.text import Text, offset, pointer
from rushlight.compile.records import KernelCode, Strided
from rushlight.core.dtypes import DType
from rushlight.core.kernels import Scan, Sort
from rushlight.core.shapes import size_of

BLOCK = 64  # rows that are done side by side
UNIT = 4096  # how many elements a unit has, at least
PAIR = 16  # bytes of an rl_pair


def scan_code(name: str, record: Scan, inputs: Sequence[Strided], out: Strided) -> KernelCode:
    """Return the C of a scan."""
    rows = _rows(out, record.axis)
    inner = _side_by_side(out, record.axis)
    counted = [(f"i{axis}", out.shape[axis]) for axis in rows if axis != inner]
    if inner is not None and out.shape[inner] > BLOCK:
        counted.append(("block", -(-out.shape[inner] // BLOCK)))
    text = Text()
    pointers = [pointer(x, each) for x, each in zip(inputs, record.operands, strict=True)]
    units = 0
    with text.function(name, [*pointers, pointer(out, "y", written=True)]):
        if 0 not in out.shape:
            width = 1 if inner is None else min(BLOCK, out.shape[inner])
            with _units(text, counted, out.shape[record.axis] * width) as units:
                text.line("RL_ONE_BY_ONE;")
                _write_scan(text, record, inputs, out, inner)
    return KernelCode(str(text), units)


@contextmanager
def _units(text: Text, counted: Sequence[tuple[str, int]], size: int) -> Iterator[int]:
    """Write a loop over rows, or blocks of them, of `size` elements; yield in how many units."""
    count = size_of(tuple(n for _, n in counted))
    grain = max(1, UNIT // size)
    begin, end = "first", "last"
    if grain > 1:
        begin, end = f"first * {grain}", "end"
        text.line(f"const int64_t end = last * {grain} < {count} ? last * {grain} : {count};")
    with text.loop("row", end, begin):
        text.indices("row", counted)
        yield -(-count // grain)


def _rows(out: Strided, axis: int) -> list[int]:
    """Return the axes beside one that have more than one element, as they lie."""
    found = [i for i, size in enumerate(out.shape) if i != axis and size > 1]
    return sorted(found, key=lambda i: -abs(out.strides[i]))


def _side_by_side(out: Strided, axis: int) -> int | None:
    """Return the axis along which neighbours in memory are of different rows, if there is one."""
    if out.shape[axis] == 1:
        return None
    return next((i for i in _rows(out, axis) if abs(out.strides[i]) == 1), None)


def _write_scan(
    text: Text, record: Scan, inputs: Sequence[Strided], out: Strided, inner: int | None
) -> None:
    """Write what a unit does: its first results, then each of the following from the one before."""
    size = out.shape[record.axis]
    if inner is None:
        text.line(f"{out.dtype.c} acc;")
    else:
        text.line(f"{out.dtype.c} acc[{min(out.shape[inner], BLOCK)}];")
        if out.shape[inner] > BLOCK:
            text.line(f"const int64_t begin = block * {BLOCK};")
            rest = f"{out.shape[inner]} - begin"
            text.line(f"const int64_t count = {rest} < {BLOCK} ? {rest} : {BLOCK};")
    with text.block(""):
        _write_results(text, record, inputs, out, inner, "0", record.first)
    if size > 1:
        with text.loop("step", size, 1):
            _write_results(text, record, inputs, out, inner, "step", record.following)


def _write_results(
    text: Text,
    record: Scan,
    inputs: Sequence[Strided],
    out: Strided,
    inner: int | None,
    step: str,
    formula: str,
) -> None:
    """Write the results of a step, which those of the next are made from."""
    place = step
    if record.reverse:
        last = out.shape[record.axis] - 1
        place = str(last) if step == "0" else f"{last} - {step}"
    if out.shape[record.axis] > 1:
        text.line(f"const int64_t i{record.axis} = {place};")
    names = zip(record.operands, inputs, strict=True)
    elements = {name: f"{name}[{_index(x)}]" for name, x in names}
    with ExitStack() as loops:
        acc = "acc"
        if inner is not None:
            acc = "acc[lane]"
            long = out.shape[inner] > BLOCK
            loops.enter_context(text.loop("lane", "count" if long else out.shape[inner]))
            text.line(f"const int64_t i{inner} = {'begin + lane' if long else 'lane'};")
        text.line(f"{acc} = {formula.format(a=acc, **elements)};")
        text.line(f"y[{_index(out)}] = {acc};")


def _index(x: Strided) -> str:
    pairs = zip(x.shape, x.strides, strict=True)
    return offset(*((f"i{axis}", stride) for axis, (size, stride) in enumerate(pairs) if size > 1))


def sort_code(name: str, record: Sort, x: Strided, out: Strided) -> KernelCode:
    """Return the C of a sort: numbers become keys with the same order, which the runtime sorts."""
    size = out.shape[record.axis]
    counted = [(f"i{axis}", out.shape[axis]) for axis in _rows(out, record.axis)]
    axis = f"i{record.axis}"
    text = Text()
    units = scratch = 0
    with text.function(name, [pointer(x, "x"), pointer(out, "y", written=True)]):
        if 0 not in out.shape:
            scratch = 2 * size * PAIR
            text.line("rl_pair *const pairs = (rl_pair *)(void *)scratch;")
            with _units(text, counted, size) as units:
                with text.loop(axis, size):
                    key = _key(f"x[{_index(x)}]", x.dtype)
                    text.line(f"pairs[{axis}].key = {'~' if record.descending else ''}{key};")
                    text.line(f"pairs[{axis}].place = {axis};")
                text.line(f"const rl_pair *const sorted = rl_sort(pairs, pairs + {size}, {size});")
                with text.loop(axis, size):
                    text.line(f"y[{_index(out)}] = sorted[{axis}].place;")
    return KernelCode(str(text), units, scratch, headers=("sort.h",))


def _key(element: str, dtype: DType) -> str:
    """Return the C of an unsigned number that is ordered as elements of a dtype are."""
    if dtype.is_float:
        return f"rl_key_of_{dtype.c}({element})"
    if dtype.kind == "int":
        return f"rl_key_of_int({element})"
    return f"(uint64_t){element}"
