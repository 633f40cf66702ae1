"""What is settled of a contraction before its C is written, and the C that all kinds share."""

import re
from dataclasses import dataclass, replace
from math import ceil

from rushlight.compile.emit.depth import PARTIAL
from rushlight.compile.emit.nests import Dim, Form, count_of
from rushlight.compile.emit.pieces import INDENT, Moves, indented, loop, place
from rushlight.compile.emit.tiles import PANEL, Tiling
from rushlight.compile.records import Epilogue
from rushlight.core.dtypes import DType

DECLARATION = re.compile(r"const (?P<type>\w+) (?P<name>\w+) = .*;")
PANEL_NAME = "panel"  # what a packed panel is called; it lies in scratch
LINES_NAME = "lines"  # what the rows of a unit are called, where they are copied to scratch
ROW_NAMES = {1: ("row",), 2: ("line", "row")}  # loops over the rows of a tile
MARGIN = 84  # where lists are folded, which may be indented by as much as is left to 100


@dataclass(frozen=True)
class Parameter:
    """A parameter of the C functions: a pointer, or a value that the prologue computed."""

    name: str
    declaration: str


@dataclass(frozen=True)
class Kernel:
    """All that is settled of one contraction."""

    name: str
    title: str
    kind: str  # "tiled", "dots", "streamed" or "plain"
    form: Form
    tiling: Tiling
    packed: bool
    dtype: DType
    epilogue: Epilogue | None
    accumulate: bool
    parts: int = 1  # in how many parts sums are made
    lined: bool = False  # whether the rows of a unit are copied to scratch

    @property
    def pointers(self) -> list[Parameter]:
        """The pointers that the C function takes, in the order of its signature."""
        given = [("left", self.dtype, False), ("right", self.dtype, False)]
        if self.epilogue is None:
            given.append(("out", self.dtype, True))
        else:
            given += [(each.name, each.dtype, each.written) for each in self.epilogue.operands]
        return [
            Parameter(name, f"{'' if written else 'const '}{dtype.c} *{name}")
            for name, dtype, written in given
        ]

    @property
    def values(self) -> list[Parameter]:
        """The constants that the prologue declares."""
        found = []
        for line in self.epilogue.prologue if self.epilogue else ():
            match = DECLARATION.fullmatch(line)
            if match is None:
                raise ValueError(f"not the declaration of a constant: {line}")
            found.append(Parameter(match["name"], f"const {match['type']} {match['name']}"))
        return found

    @property
    def inside(self) -> list[Parameter]:
        """What the functions that make up the C function take."""
        lines = "" if self.epilogue is None else "\n".join(self.epilogue.lines)
        taken = []
        for each in self.pointers:
            if self.packed and each.name == self.form.wide:
                taken.append(Parameter(PANEL_NAME, f"const {self.dtype.c} *{PANEL_NAME}"))
            elif self.lined and each.name == self.form.thin:
                taken.append(Parameter(LINES_NAME, f"const {self.dtype.c} *{LINES_NAME}"))
            elif each.name in ("left", "right", "out") or re.search(rf"\b{each.name}\b", lines):
                taken.append(each)
        values = [each for each in self.values if re.search(rf"\b{each.name}\b", lines)]
        if self.parts > 1:
            values.append(Parameter(PARTIAL, f"float *{PARTIAL}"))
            values.append(Parameter("part", "const int64_t part"))
        return taken + values

    @property
    def source(self) -> str:
        """The pointer that vectors are read from."""
        return PANEL_NAME if self.packed else self.form.wide

    @property
    def factors(self) -> str:
        """The pointer that single elements are read from."""
        return LINES_NAME if self.lined else self.form.thin

    @property
    def row_names(self) -> tuple[str, ...]:
        return ROW_NAMES[len(self.tiling.rows)]

    @property
    def inner_names(self) -> tuple[str, ...]:
        if len(self.form.inner) == 1:
            return ("inner",)
        return tuple(f"inner{at}" for at in range(len(self.form.inner)))

    def row_moves(self, pointer: str) -> Moves:
        return moves(self.row_names, self.tiling.rows, pointer)

    def inner_moves(self, pointer: str) -> Moves:
        return moves(self.inner_names, self.form.inner, pointer)

    @property
    def planes(self) -> tuple[tuple[str, ...], tuple[Dim, ...]]:
        """Names and dims of the axes of rows, beside those that tiles lie on, that units part."""
        dims = () if self.form.taps else self.tiling.leading
        return tuple(f"plane{at}" for at in range(len(dims))), dims

    @property
    def whole(self) -> tuple[tuple[str, ...], tuple[Dim, ...]]:
        """Names and dims of the axes that every unit does all of: taps, whose windows overlap."""
        if not self.form.taps:
            return (), ()
        names = [f"tap{at}" for at in range(len(self.form.taps))]
        names += [f"plane{at}" for at in range(len(self.tiling.leading))]
        return tuple(names), self.form.taps + self.tiling.leading

    @property
    def ragged(self) -> bool:
        """Whether the last panel's columns fill no whole number of vectors on some target."""
        return self.form.width.size % PANEL != 0


def moves(names: tuple[str, ...], dims: tuple[Dim, ...], pointer: str) -> Moves:
    """Return how far indices along some axes, by name, move a pointer."""
    return [(name, dim.step(pointer)) for name, dim in zip(names, dims, strict=True)]


def with_panel(form: Form, panel: int) -> Form:
    """Return the form with the steps of a packed panel: taps, inner axes, `panel` columns."""
    step = panel
    dims = []
    for dim in reversed(form.taps + form.inner):
        dims.append(Dim(dim.size, {**dim.steps, PANEL_NAME: step}))
        step *= dim.size
    dims.reverse()
    width = Dim(form.width.size, {**form.width.steps, PANEL_NAME: 1})
    taps = len(form.taps)
    return replace(form, taps=tuple(dims[:taps]), inner=tuple(dims[taps:]), columns=(width,))


def with_lines(form: Form, block: int) -> Form:
    """Return the form with the steps of the rows of a unit, copied side by side for each index."""
    (inner,) = form.inner
    rows = replace(form.rows[-1], steps={**form.rows[-1].steps, LINES_NAME: 1})
    inner = replace(inner, steps={**inner.steps, LINES_NAME: block})
    return replace(form, rows=(*form.rows[:-1], rows), inner=(inner,))


def element_lines(kernel: Kernel, value: str, column: str) -> list[str]:
    """Return the statements for one element, whose sum is `value`."""

    def at(pointer: str) -> str:
        step = kernel.form.width.step(pointer)
        return f"{pointer}[{place([*kernel.row_moves(pointer), (column, step)])}]"

    if kernel.epilogue is None:
        return [f"{at('out')} {'+=' if kernel.accumulate else '='} {value};"]
    elements = {each.name: at(each.name) for each in kernel.epilogue.operands}
    lines = [line.format(acc="acc", **elements) for line in kernel.epilogue.lines]
    return [f"const {kernel.dtype.c} acc = {value};", *lines]


def row_shape(kernel: Kernel) -> str:
    """Return the rows of a tile as the sizes of a C array."""
    return "".join(f"[{kernel.name}_{name}s]" for name in kernel.row_names)


def over_rows(kernel: Kernel, body: list[str], unroll: bool = True) -> list[str]:
    """Return loops over the rows of a tile around some lines."""
    for name in reversed(kernel.row_names):
        body = loop(name, f"{name}s", body, unroll)
    return body


def over_elements(kernel: Kernel, value: str, unroll: bool = False) -> list[str]:
    """Return the loop over columns that does what is done with each element."""
    lines = loop("column", "columns", element_lines(kernel, value, "column"), unroll)
    return lines if unroll else ["RL_APART", *lines]


def function(head: str, parameters: list[str], body: list[str]) -> list[str]:
    """Return a C function."""
    return [*folded(head, parameters, ")"), "{", *indented(body), "}", ""]


def call(name: str, arguments: list[str]) -> list[str]:
    """Return a call as a statement."""
    return folded(name, arguments, ");")


def folded(head: str, items: list[str], end: str) -> list[str]:
    """Return items in brackets, folded at the margin."""
    lines = []
    line = f"{head}({items[0]}"
    for item in items[1:]:
        if len(line) + len(item) + 4 > MARGIN:
            lines.append(line + ",")
            line = INDENT + item
        else:
            line += ", " + item
    return [*lines, line + end]


@dataclass(frozen=True)
class Unit:
    """How the number of a unit is taken apart: names, sizes, and how far each moves a pointer."""

    kernel: Kernel

    @property
    def parts(self) -> list[tuple[str, int, int, Dim]]:
        """Names, how many there are, how many indices each has, and the dim; outermost first."""
        form, tiling = self.kernel.form, self.kernel.tiling
        panels = ceil(form.width.size / tiling.panel)
        batch = [(f"batch{at}", dim.size, 1, dim) for at, dim in enumerate(form.batch)]
        start = ("start", panels, tiling.panel, form.width)
        rows = [(name, dim.size, 1, dim) for name, dim in zip(*self.kernel.planes, strict=True)]
        rows.append(("top", tiling.blocks, tiling.block, tiling.rows[0]))
        if tiling.rows_first:
            return [*batch, *rows, start]
        return [*batch, start, *rows]

    @property
    def count(self) -> int:
        total = 1
        for _, count, _, _ in self.parts:
            total *= count
        return total

    def declarations(self) -> list[str]:
        """Return the C that takes `unit` apart."""
        lines = []
        below = self.count
        above = 1
        for name, count, indices, _ in self.parts:
            if count == 1:
                continue
            below //= count
            number = "unit" if below == 1 else f"unit / {below}"
            if above > 1:
                number += f" % {count}"
            if indices > 1:
                number += f" * {indices}"
            lines.append(f"const int64_t {name} = {number};")
            above *= count
        return lines

    def moves(self, pointer: str) -> Moves:
        return [(name, dim.step(pointer)) for name, count, _, dim in self.parts if count > 1]


def bound(name: str, start: str, block: int, size: int) -> tuple[list[str], str]:
    """Return how many of `size` indices a unit has from `start` on: a declaration, and a name."""
    if size % block == 0 or size < block:
        return [], str(min(size, block))
    text = f"const int64_t {name} = {start} + {block} <= {size} ? {block} : {size} - {start};"
    return [text], name


def over(names: tuple[str, ...], dims: tuple[Dim, ...], body: list[str]) -> list[str]:
    """Return loops over whole axes around some lines."""
    for name, dim in reversed(list(zip(names, dims, strict=True))):
        body = loop(name, dim.size, body)
    return body


def panel_size(form: Form, panel: int) -> int:
    """Return how many elements a packed panel has."""
    return panel * count_of(form.inner) * count_of(form.taps)
