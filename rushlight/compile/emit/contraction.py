"""Contractions: the C of products of matrices, of convolutions and of their gradients.

A unit of work is a panel of columns by a block of rows, cut into tiles whose sums stay in
registers. Which operand lies along the vectors and how tiles divide the sizes is settled before a
line is written.
"""

from dataclasses import replace

from rushlight.compile.emit import dots, plain, streamed, tiled
from rushlight.compile.emit.choice import best_way
from rushlight.compile.emit.depth import PARTIAL, in_parts, part_size, partial_size
from rushlight.compile.emit.kernel import (
    LINES_NAME,
    PANEL_NAME,
    Kernel,
    Unit,
    bound,
    function,
    moves,
    over,
    with_lines,
    with_panel,
)
from rushlight.compile.emit.nests import form_of
from rushlight.compile.emit.packing import (
    Keeping,
    before_lines,
    lines_size,
    pack,
    within_lines,
)
from rushlight.compile.emit.pieces import indented, loop
from rushlight.compile.emit.strips import over_columns, strips
from rushlight.compile.emit.tiles import tiling_of
from rushlight.compile.records import Axis, Epilogue, KernelCode, Nest
from rushlight.core.dtypes import DType

HEADERS = ("vec.h", "tiles.h")


def contraction_code(
    name: str,
    nest: Nest,
    dtype: DType,
    epilogue: Epilogue | None = None,
    accumulate: bool = False,
) -> KernelCode:
    """Return the C of a contraction.

    Without an epilogue `out` becomes the sums, or has them added with `accumulate`, and with taps
    in any case. With one, its lines do all that is done with them, and there is no `out`.
    """
    kernel = _settled(name, nest, dtype, epilogue, accumulate)
    lines = [f"/* {kernel.title} */"]
    if Unit(kernel).count == 0:
        return KernelCode("\n".join(lines + _nothing(kernel)), 0)
    if kernel.kind == "plain":
        lines += plain.block(kernel)
    elif kernel.kind == "streamed":
        lines += streamed.block(kernel)
    else:
        kind = tiled if kernel.kind == "tiled" else dots
        lines += kind.constants(kernel) + kind.tile(kernel) + strips(kernel)
    if kernel.packed:
        lines += pack(kernel)
    lines += _main(kernel)
    scratch = Keeping(kernel).scratch if kernel.packed else 0
    if kernel.parts > 1:
        scratch = 4 * partial_size(kernel.form)
    if kernel.lined:
        scratch += lines_size(kernel)
    return KernelCode("\n".join(lines), Unit(kernel).count, scratch, HEADERS)


def _settled(
    name: str, nest: Nest, dtype: DType, epilogue: Epilogue | None, accumulate: bool
) -> Kernel:
    way = best_way(form_of(nest, epilogue), dtype)
    form = way.form
    tiling = tiling_of(form, way.kind)
    parts = 1
    if way.packed:
        form = with_panel(form, tiling.panel)
    elif way.kind == "tiled":
        size = part_size(form, tiling)
        parts = form.inner[0].size // max(1, size)
    if parts > 1:
        form = in_parts(form, size)
        tiling = replace(
            tiling, rows=form.rows[-len(tiling.rows) :], leading=form.rows[: -len(tiling.rows)]
        )
    lined = tiling.rows_first and way.kind == "tiled"
    if lined:
        form = with_lines(form, tiling.block)
        tiling = replace(tiling, rows=form.rows[-len(tiling.rows) :])
    adding = accumulate or bool(nest.taps)
    title = title_of(nest) + (", rows and columns exchanged" if form.thin == "right" else "")
    return Kernel(
        name, title, way.kind, form, tiling, way.packed, dtype, epilogue, adding, parts, lined
    )


def title_of(nest: Nest) -> str:
    """Return what a nest is in words: the sizes of its axes."""

    def sizes(axes: tuple[Axis, ...]) -> str:
        return " x ".join(str(axis.size) for axis in axes) or "1"

    parts = [f"rows {sizes(nest.rows)}, columns {sizes(nest.columns)}, sums of {sizes(nest.inner)}"]
    if nest.batch:
        parts.insert(0, f"batch {sizes(nest.batch)}")
    if nest.taps:
        parts.append(f"taps {sizes(nest.taps)}")
    return ", ".join(parts)


def _nothing(kernel: Kernel) -> list[str]:
    """Return the function for no results at all."""
    unused = [each.name for each in kernel.pointers] + ["scratch", "first", "last"]
    return function(_head(kernel), _parameters(kernel), [f"(void){name};" for name in unused])


def _head(kernel: Kernel) -> str:
    return f"static void {kernel.name}"


def _parameters(kernel: Kernel) -> list[str]:
    pointers = [each.declaration for each in kernel.pointers]
    return [*pointers, "char *scratch", "int64_t first", "int64_t last"]


def _main(kernel: Kernel) -> list[str]:
    """Return the function that does units."""
    form, tiling, unit = kernel.form, kernel.tiling, Unit(kernel)
    body = [*(kernel.epilogue.prologue if kernel.epilogue else ())]
    if kernel.kind == "streamed":
        body += ["(void)scratch;", *streamed.spans(kernel)]
        return function(_head(kernel), _parameters(kernel), body)
    row_lines, rows = bound(f"{kernel.row_names[0]}s", "top", tiling.block, tiling.rows[0].size)
    column_lines, columns = bound("columns", "start", tiling.panel, form.width.size)
    inside = ["RL_ONE_BY_ONE;", *unit.declarations(), *column_lines, *row_lines]
    if kernel.packed:
        keeping = Keeping(kernel)
        body += keeping.before()
        inside += keeping.within(columns)
    elif kernel.parts > 1:
        body.append(f"float *const {PARTIAL} = (float *)scratch;")
    elif not kernel.lined:
        body.append("(void)scratch;")
    if kernel.lined:
        body += before_lines(kernel)
        inside += within_lines(kernel, rows)
    names, dims = kernel.whole
    at = {
        each.name: [] if each.name in (PANEL_NAME, LINES_NAME) else unit.moves(each.name)
        for each in kernel.inside
    }
    at = {pointer: at[pointer] + moves(names, dims, pointer) for pointer in at}
    if kernel.parts > 1:
        outer = form.inner[0]
        for pointer in (form.thin, form.wide):
            at[pointer].append(("part", outer.size * outer.step(pointer)))
    work = plain.whole if kernel.kind == "plain" else over_columns
    inside += over(names, dims, work(kernel, at, rows, columns))
    head = "for (int64_t unit = first; unit < last; unit++) {"
    units = [head, *indented(inside), "}"]
    body += loop("part", kernel.parts, units) if kernel.parts > 1 else units
    return function(_head(kernel), _parameters(kernel), body)
