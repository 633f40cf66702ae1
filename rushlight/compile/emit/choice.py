"""The choice of how to do a product, by an estimate of the cycles that each way takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from rushlight.compile.emit.nests import Form, count_of, tidied
from rushlight.compile.emit.packing import turned_axis
from rushlight.compile.emit.streamed import suits
from rushlight.core.dtypes import DType, float32

LANES = 16
PAGE = 1024  # floats: rows that are multiples of it apart share places in the caches
MANY_PAGES = 64
DEEP = 384  # rows of a panel, of which the nearest cache does not hold as many


@dataclass(frozen=True)
class Way:
    """A form, and how it is to be done."""

    kind: str
    form: Form
    packed: bool
    cycles: float


def best_way(form: Form, dtype: DType) -> Way:
    """Return the way of doing a contraction that should be quickest.

    With taps rows stay rows: the windows of units that part them would overlap.
    """
    forms = (form,) if form.taps else (form, form.exchanged())
    ways = [way for each in forms for way in _ways(tidied(each))]
    if dtype is not float32:
        ways = [way for way in ways if way.kind == "plain"]
    return min(ways, key=lambda way: way.cycles)


def _ways(form: Form) -> Iterator[Way]:
    wide, width = form.wide, form.width
    times = max(1, count_of(form.taps))
    rows, columns, inner = count_of(form.rows), width.size, count_of(form.inner)
    batch = count_of(form.batch)
    stores = batch * rows * columns * times * sum(_spread(form, name) for name in form.stored)
    vectors = ceil(columns / LANES)
    sums = batch * times * inner

    tiled = sums * vectors * max(rows, 4 / min(8, max(1, vectors))) + stores
    tiled += batch * times * ceil(rows / 8) * ceil(vectors / 2) * 40
    if width.step(wide) == 1 and columns >= LANES:
        far = 0.05 * tiled if _strays(form) else 0.0
        yield Way("tiled", form, False, tiled + far + _aliasing(form) * batch * times * vectors)
    yield Way("tiled", form, True, tiled + _packing(form))
    if suits(form):
        yield Way("streamed", form, False, 0.9 * sums * vectors + stores)

    last = form.inner[-1]
    if last.step(form.thin) == 1 and last.step(wide) == 1 and last.size >= LANES:
        outer = inner // last.size
        each = outer * (1.25 * (last.size // LANES) + last.size % LANES / 2) + 8
        yield Way("dots", form, False, batch * times * rows * columns * each + stores)

    if width.step(wide) == 1:
        plain = sums * rows * (3 * (columns // LANES) + max(4, columns % LANES) / 2)
    else:
        plain = sums * rows * max(4, columns)
    yield Way("plain", form, False, plain + stores)


def _spread(form: Form, name: str) -> float:
    """Return the cycles that storing an element takes."""
    return 0.1 if form.width.step(name) == 1 else 4.0


def _packing(form: Form) -> float:
    """Return the cycles that packing all columns takes."""
    wide, width = form.wide, form.width
    moving = [dim for dim in form.batch if dim.step(wide)]
    count = count_of(moving) * max(1, count_of(form.taps)) * count_of(form.inner) * width.size
    if width.step(wide) == 1:
        return 60 + 0.3 * count
    return 60 + (0.5 if turned_axis(form.inner, wide) else 2.0) * count


def _strays(form: Form) -> bool:
    """Return whether each product of a long sum reads lines of both operands that lie apart."""
    outer = form.inner[0]
    return outer.size > DEEP and outer.step(form.thin) > 1 and outer.step(form.wide) > 1


def _aliasing(form: Form) -> float:
    """Return the cycles for each row of 16 columns that rows in the same place of a cache cost."""
    dim = form.inner[-1]
    step = dim.step(form.wide)
    if step == 0 or dim.size < MANY_PAGES:
        return 0
    share = 1
    while share < PAGE and step % (2 * share) == 0:
        share *= 2
    if dim.size * share <= 256 * PAGE:
        return 0
    return count_of(form.inner) * count_of(form.rows)
