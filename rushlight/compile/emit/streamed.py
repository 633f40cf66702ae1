"""Streams: one row times a matrix, which is read once, in the order in which it lies.

Tiles would go down its columns, and come to another page of memory with each product. Here the
sums of many columns wait in the first cache, and a few rows of the matrix at a time add to them.
"""

from rushlight.compile.emit.kernel import Kernel, call, function, over_elements
from rushlight.compile.emit.nests import Form, count_of
from rushlight.compile.emit.pieces import Moves, indented, loop, place, shifted
from rushlight.compile.emit.tiles import STREAM_COLUMNS

TURN = 4  # rows of the matrix that are read side by side
SPAN = 2048  # columns whose sums the first cache holds, beside those rows
TILE_COLUMNS = 256  # so many one tile has, which then goes straight through memory, too
FEW_PRODUCTS = 64


def suits(form: Form) -> bool:
    """Return whether a form is one row times a matrix whose rows are contiguous."""
    return (
        count_of(form.batch + form.rows) == 1
        and not form.taps
        and len(form.inner) == 1
        and form.inner[0].size >= FEW_PRODUCTS
        and form.width.size > TILE_COLUMNS
        and form.width.step(form.wide) == 1
    )


def block(kernel: Kernel) -> list[str]:
    """Return the functions that add a few rows to sums, and that compute a span of columns."""
    return _turn(kernel) + _span(kernel)


def _turn(kernel: Kernel) -> list[str]:
    form = kernel.form
    source = [*kernel.inner_moves(form.wide), ("at", 1)]
    factor = place(kernel.inner_moves(form.thin))
    product = f"sum += {form.thin}[{factor}] * rl_load({shifted(form.wide, source)});"
    at = "rl_at(vec, columns)" if kernel.ragged else "vec * RL_LANES"
    each = [
        f"const int64_t at = {at};",
        "rl_vec sum = rl_load(sums + vec * RL_LANES);",
        *loop("inner", "inners", [product], unroll=True),
        "rl_store(sums + vec * RL_LANES, sum);",
    ]
    parameters = [f"const float *{form.thin}", f"const float *{form.wide}", "float *sums"]
    parameters += ["const int64_t inners", "const int64_t columns"]
    vectors = "const int64_t vectors = (columns + RL_LANES - 1) / RL_LANES;"
    body = [vectors, *loop("vec", "vectors", each)]
    return function(f"RL_INLINE void {kernel.name}_turn", parameters, body)


def _span(kernel: Kernel) -> list[str]:
    form, size = kernel.form, kernel.form.inner[0].size
    room = min(SPAN, -(-form.width.size // STREAM_COLUMNS) * STREAM_COLUMNS)
    aligned = "__attribute__((aligned(64)))"
    sums = [f"float sums[{room}] {aligned};"]
    if kernel.ragged:
        sums = [f"float room[RL_LANES + {room}] {aligned};", "float *const sums = room + RL_LANES;"]
    at = [shifted(name, kernel.inner_moves(name)) for name in (form.thin, form.wide)]

    def turn(count: int) -> list[str]:
        return call(f"{kernel.name}_turn", [*at, "sums", str(count), "columns"])

    whole = size // TURN * TURN
    body = [
        *sums,
        "const int64_t vectors = (columns + RL_LANES - 1) / RL_LANES;",
        *loop("vec", "vectors", ["rl_store(sums + vec * RL_LANES, rl_splat(0));"]),
        "int64_t inner = 0;",
        f"for (; inner < {whole}; inner += {TURN})",
        *indented(turn(TURN)),
        *(turn(size - whole) if size > whole else []),
        *(_last_vector() if kernel.ragged else []),
        *over_elements(kernel, "sums[column]"),
    ]
    parameters = [each.declaration for each in kernel.inside] + ["const int64_t columns"]
    return function(f"RL_INLINE void {kernel.name}_span", parameters, body)


def _last_vector() -> list[str]:
    """Return what puts the last vector, which began within the one before, in its place."""
    last = "sums + (vectors - 1) * RL_LANES"
    return [f"rl_store(sums + rl_at(vectors - 1, columns), rl_load({last}));"]


def spans(kernel: Kernel) -> list[str]:
    """Return the loop over spans of the columns of all units from `first` to `last`."""
    width = kernel.form.width
    arguments = []
    for each in kernel.inside:
        at: Moves = [("start", width.step(each.name))]
        arguments.append(shifted(each.name, at))
    end = f"last * {STREAM_COLUMNS}"
    if width.size % STREAM_COLUMNS:
        end = f"{end} < {width.size} ? {end} : {width.size}"
    first = f"int64_t start = first * {STREAM_COLUMNS}"
    return [
        f"const int64_t end = {end};",
        f"for ({first}; start < end; start += {SPAN}) {{",
        f"    const int64_t columns = start + {SPAN} < end ? {SPAN} : end - start;",
        *indented(call(f"{kernel.name}_span", [*arguments, "columns"])),
        "}",
    ]
