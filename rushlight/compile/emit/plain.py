"""Plain: one sum after another, for other dtypes and for what is too small for more."""

from rushlight.compile.emit.kernel import Kernel, call, function, over_elements
from rushlight.compile.emit.pieces import Moves, loop, place, shifted
from rushlight.compile.emit.tiles import PANEL


def block(kernel: Kernel) -> list[str]:
    """Return the function that computes the rows and columns of a unit."""
    form, c = kernel.form, kernel.dtype.c
    panel = min(kernel.tiling.panel, form.width.size)
    unroll = form.width.size <= PANEL
    source = [*kernel.inner_moves(form.wide), ("column", form.width.step(form.wide))]
    factor = kernel.row_moves(form.thin) + kernel.inner_moves(form.thin)
    product = f"sums[column] += factor * {form.wide}[{place(source)}];"
    sums = [
        f"const {c} factor = {form.thin}[{place(factor)}];",
        *loop("column", "columns", [product], unroll),
    ]
    for name, dim in reversed(list(zip(kernel.inner_names, form.inner, strict=True))):
        sums = loop(name, dim.size, sums)
    body = [
        f"{c} sums[{max(1, panel)}];",
        *loop("column", "columns", ["sums[column] = 0;"], unroll),
        *sums,
        *over_elements(kernel, "sums[column]", unroll),
    ]
    dims = list(zip(kernel.row_names, kernel.tiling.rows, strict=True))
    for level, (name, dim) in reversed(list(enumerate(dims))):
        body = loop(name, f"{name}s" if level == 0 else dim.size, body)
    parameters = [each.declaration for each in kernel.inside]
    parameters += [f"const int64_t {kernel.row_names[0]}s", "const int64_t columns"]
    return function(f"RL_INLINE void {kernel.name}_block", parameters, body)


def whole(kernel: Kernel, at: dict[str, Moves], rows: str, columns: str) -> list[str]:
    """Return the call that does a unit, whose pointers lie `at`."""
    arguments = [shifted(each.name, at.get(each.name, [])) for each in kernel.inside]
    return call(f"{kernel.name}_block", [*arguments, rows, columns])
