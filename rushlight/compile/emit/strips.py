"""Strips: how tiles are laid over the rows and columns of a unit, left-overs included."""

from rushlight.compile.emit.kernel import Kernel, call, function
from rushlight.compile.emit.pieces import Moves, indented, shifted


def strips(kernel: Kernel) -> list[str]:
    """Return the functions that lay tiles over the rows of a unit, the innermost axis first."""
    text: list[str] = []
    callee = f"{kernel.name}_tile"
    for level in reversed(range(len(kernel.row_names))):
        own = f"{kernel.name}_{'strip' if level == 0 else 'line'}"
        text += _strip(kernel, level, own, callee)
        callee = own
    return text


def _strip(kernel: Kernel, level: int, own: str, callee: str) -> list[str]:
    names = kernel.row_names
    name, dim, height = names[level], kernel.tiling.rows[level], kernel.tiling.heights[level]
    step = f"{kernel.name}_{name}s"
    outer = [f"{each}s" for each in names[:level]]
    sizes = [*outer, *([f"{name}s"] if level == 0 else []), "columns"]
    end = f"{name}s" if level == 0 else str(dim.size)
    at = [shifted(each.name, [(name, dim.step(each.name))]) for each in kernel.inside]

    def tile(count: str) -> list[str]:
        return indented(call(callee, [*at, *outer, count, "columns"]))

    lines = [f"int64_t {name} = 0;", f"for (; {name} + {step} <= {end}; {name} += {step})"]
    lines += tile(step)
    if height.leaves(dim.size):
        lines += [f"if ({name} < {end})", *tile(f"{dim.size} % {step}")]
    parameters = [each.declaration for each in kernel.inside]
    parameters += [f"const int64_t {each}" for each in sizes]
    return function(f"RL_INLINE void {own}", parameters, lines)


def over_columns(kernel: Kernel, at: dict[str, Moves], rows: str, columns: str) -> list[str]:
    """Return the calls that lay strips over the columns of a unit, whose pointers lie `at`."""
    width, step = kernel.form.width, f"{kernel.name}_width"
    arguments = [
        shifted(each.name, [*at.get(each.name, []), ("column", width.step(each.name))])
        for each in kernel.inside
    ]

    def strip(count: str) -> list[str]:
        return indented(call(f"{kernel.name}_strip", [*arguments, rows, count]))

    lines = ["int64_t column = 0;", f"for (; column + {step} <= {columns}; column += {step})"]
    lines += strip(step)
    if any(width.size % each for each in kernel.tiling.widths):
        lines += [f"if (column < {columns})", *strip(f"{width.size} % {step}")]
    return lines
