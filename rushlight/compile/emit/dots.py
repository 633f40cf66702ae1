"""Dots: few rows times columns that lie along the vectors themselves, so that nothing is packed."""

from rushlight.compile.emit.kernel import Kernel, function, over_elements, over_rows, row_shape
from rushlight.compile.emit.pieces import Moves, indented, loop, place
from rushlight.compile.emit.tiles import DOT_COLUMNS


def constants(kernel: Kernel) -> list[str]:
    """Return the sizes of a tile as C constants."""
    rows = zip(kernel.row_names, kernel.tiling.heights, strict=True)
    sizes = [f"{kernel.name}_{row}s = {height.text}," for row, height in rows]
    return ["enum {", *indented([*sizes, f"{kernel.name}_width = {DOT_COLUMNS},"]), "};", ""]


def tile(kernel: Kernel) -> list[str]:
    """Return the function that computes one tile: each sum is a vector of partial sums first."""
    row = "".join(f"[{name}]" for name in kernel.row_names)
    sizes = [f"const int64_t {name}s" for name in kernel.row_names]
    parameters = [each.declaration for each in kernel.inside] + sizes + ["const int64_t columns"]
    zeros = loop("column", DOT_COLUMNS, [f"sums{row}[column] = rl_splat(0);"], unroll=True)
    totals = [f"rl_total({', '.join([f'done{row}', f'sums{row}'])});"]
    body = [
        f"rl_vec sums{row_shape(kernel)}[{DOT_COLUMNS}];",
        *over_rows(kernel, zeros),
        *_products(kernel, row),
        f"float done{row_shape(kernel)}[{DOT_COLUMNS}];",
        *over_rows(kernel, totals),
        *_rest(kernel, row),
        *over_rows(kernel, over_elements(kernel, f"done{row}[column]", unroll=True)),
    ]
    return function(f"RL_INLINE void {kernel.name}_tile", parameters, body)


def _products(kernel: Kernel, row: str) -> list[str]:
    form, last = kernel.form, kernel.inner_names[-1]
    column: Moves = [("column", form.width.step(form.wide))]
    source = place(kernel.inner_moves(form.wide) + column)
    factor = place(kernel.row_moves(form.thin) + kernel.inner_moves(form.thin))
    each = [
        f"const rl_vec factor = rl_load({form.thin} + {factor});",
        *_over_columns([f"sums{row}[column] += factor * across[column];"]),
    ]
    body = [
        f"rl_vec across[{DOT_COLUMNS}];",
        *_over_columns([f"across[column] = rl_load({form.wide} + {source});"]),
        *over_rows(kernel, each),
    ]
    end = f"{last} + RL_LANES <= {form.inner[-1].size}"
    lines = [f"for (int64_t {last} = 0; {end}; {last} += RL_LANES) {{", *indented(body), "}"]
    return _outer(kernel, lines)


def _rest(kernel: Kernel, row: str) -> list[str]:
    """Return the loops over what fills no vector."""
    form, last = kernel.form, kernel.inner_names[-1]
    size = form.inner[-1].size
    if size % 16 == 0:
        return []
    column: Moves = [("column", form.width.step(form.wide))]
    source = f"{form.wide}[{place(kernel.inner_moves(form.wide) + column)}]"
    factor = place(kernel.row_moves(form.thin) + kernel.inner_moves(form.thin))
    body = over_rows(
        kernel, _over_columns([f"done{row}[column] += {form.thin}[{factor}] * {source};"])
    )
    start = f"{size} / RL_LANES * RL_LANES"
    head = f"for (int64_t {last} = {start}; {last} < {size}; {last}++)"
    return _outer(kernel, [head, *indented(body)])


def _outer(kernel: Kernel, body: list[str]) -> list[str]:
    outer = list(zip(kernel.inner_names, kernel.form.inner, strict=True))[:-1]
    for name, dim in reversed(outer):
        body = loop(name, dim.size, body)
    return body


def _over_columns(body: list[str]) -> list[str]:
    return loop("column", "columns", body, unroll=True)
