"""Packing: columns that do not lie side by side are copied, in vectors, to a panel in scratch."""

from math import ceil, prod

from rushlight.compile.emit.kernel import (
    LINES_NAME,
    PANEL_NAME,
    Kernel,
    Unit,
    call,
    function,
    moves,
    over,
    panel_size,
)
from rushlight.compile.emit.nests import Dim
from rushlight.compile.emit.pieces import indented, place, shifted

LONG = 8  # so many adjacent elements of a column are worth turning a square of vectors


def turned_axis(inner: tuple[Dim, ...], wide: str) -> Dim | None:
    """Return the axis along which columns are contiguous, where there is one of some length."""
    return next((dim for dim in inner if dim.step(wide) == 1 and dim.size >= LONG), None)


def pack(kernel: Kernel) -> list[str]:
    """Return the function that packs one panel."""
    form, panel = kernel.form, kernel.tiling.panel
    dims = form.taps + form.inner
    step = form.width.step(form.wide)
    names = tuple(f"tap{at}" for at in range(len(form.taps))) + kernel.inner_names
    run = turned_axis(form.inner, form.wide) if step != 1 else None
    turned = run is not None
    run = run or form.inner[-1]
    at = next(i for i, dim in enumerate(dims) if dim is run)
    others, other_names = dims[:at] + dims[at + 1 :], names[:at] + names[at + 1 :]
    to = shifted(PANEL_NAME, moves(other_names, others, PANEL_NAME))
    source = shifted(form.wide, moves(other_names, others, form.wide))
    sizes = f"{panel}, {run.step(PANEL_NAME)}"
    if turned:
        copy = call("rl_turn_panel", [to, sizes, source, str(step), "columns", str(run.size)])
    else:
        pitch = str(run.step(form.wide))
        arguments = [to, sizes, source, str(step), pitch, "columns", str(run.size)]
        copy = call("rl_copy_panel", arguments)
    parameters = [f"float *{PANEL_NAME}", f"const float *{form.wide}", "int64_t columns"]
    return function(f"static void {kernel.name}_pack", parameters, over(other_names, others, copy))


def lines_size(kernel: Kernel) -> int:
    """Return how many bytes the rows of a unit take in scratch."""
    return (4 * kernel.tiling.block * kernel.form.inner[0].size + 63) // 64 * 64


def before_lines(kernel: Kernel) -> list[str]:
    """Return what is declared ahead of all units, where rows are copied."""
    panels = Keeping(kernel).scratch if kernel.packed else 0
    place = f"(scratch + {panels})" if panels else "scratch"
    return [f"float *const {LINES_NAME} = (float *){place};", "int64_t lined = -1;"]


def within_lines(kernel: Kernel, rows: str) -> list[str]:
    """Return what copies the rows of a unit unless they are there: units of the same follow on."""
    thin, (inner,) = kernel.form.thin, kernel.form.inner
    unit = Unit(kernel)
    source = shifted(thin, unit.moves(thin))
    block = str(kernel.tiling.block)
    pitch = str(inner.step(thin))
    arguments = [LINES_NAME, block, block, source, "1", pitch, rows, str(inner.size)]
    follow = ceil(kernel.form.width.size / kernel.tiling.panel)
    wanted = f"unit / {follow}" if follow > 1 else "unit"
    copy = call("rl_copy_panel", arguments)
    return [f"if (lined != {wanted}) {{", *indented([*copy, f"lined = {wanted};"]), "}"]


class Keeping:
    """Which panels a thread keeps, so that it packs each as seldom as it can."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.size = panel_size(kernel.form, kernel.tiling.panel)
        wide = kernel.form.wide
        parts = [part for part in Unit(kernel).parts if part[1] > 1]
        key = [part for part in parts if part[3].step(wide)]
        self.key = [(name, count, indices) for name, count, indices, _ in key]
        last = max((parts.index(part) for part in key), default=-1)
        self.count = prod(count for _, count, _ in self.key)
        self.all = self.count > 1 and any(part not in key for part in parts[:last])

    @property
    def scratch(self) -> int:
        """Bytes of scratch."""
        panels = self.count if self.all else 1
        return (4 * self.size * panels + 63) // 64 * 64

    def before(self) -> list[str]:
        """Return what is declared ahead of all units."""
        lines = [f"float *const panel{'s' if self.all else ''} = (float *)scratch;"]
        if self.count == 1:
            kernel, wide = self.kernel, self.kernel.form.wide
            pack_it = f"{kernel.name}_pack(panel, {wide}, {kernel.form.width.size});"
            return [*lines, "if (first < last)", *indented([pack_it])]
        if self.all:
            return [*lines, f"char packed[{self.count}] = {{0}};"]
        return [*lines, "int64_t packed = -1;"]

    def within(self, columns: str) -> list[str]:
        """Return what packs the panel of a unit unless it is there."""
        if self.count == 1:
            return []
        kernel, wide = self.kernel, self.kernel.form.wide
        source = shifted(wide, Unit(kernel).moves(wide))
        pack_it = f"{kernel.name}_pack(panel, {source}, {columns});"
        lines = [f"const int64_t wanted = {self._number()};"]
        if self.all:
            lines.append(f"float *const panel = panels + wanted * {self.size};")
            test, note = "!packed[wanted]", "packed[wanted] = 1;"
        else:
            test, note = "packed != wanted", "packed = wanted;"
        return [*lines, f"if ({test}) {{", *indented([pack_it, note]), "}"]

    def _number(self) -> str:
        step = self.count
        terms = []
        for name, count, indices in self.key:
            step //= count
            index = name if indices == 1 else f"{name} / {indices}"
            terms.append((index, step))
        return place(terms)
