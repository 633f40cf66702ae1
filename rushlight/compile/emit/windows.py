"""Pooling: the C of windows that go over planes.

A unit is one row of a plane of the result. The batch and the channels are walked outside of the
columns or inside of them, as they lie in memory: inside, and adjacent, they fill the vectors.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from rushlight.compile.emit.text import Step, Text, offset, pointer
from rushlight.compile.records import KernelCode, Strided, Strides
from rushlight.core.dtypes import DType
from rushlight.core.kernels import Window
from rushlight.core.shapes import size_of

MOST_TAPS = 16  # that are written out one by one
MOST_IN_LINE = 4096  # elements of a local array
HEADERS = ("maths.h",)  # for INFINITY


def window_code(
    name: str, record: Window, inputs: Sequence[Strided], outputs: Sequence[Strided]
) -> KernelCode:
    """Return the C of a pooling; for "max" the second output, the taps, may be left out."""
    writer = _Writer(record, inputs, outputs)
    text = Text()
    with text.function(name, writer.parameters()):
        if writer.units:
            writer.write(text)
    return KernelCode(str(text), writer.units, headers=HEADERS)


class _Writer:
    """Writes one pooling: the windows of `plane` belong to the elements of `pooled`."""

    def __init__(
        self, record: Window, inputs: Sequence[Strided], outputs: Sequence[Strided]
    ) -> None:
        self.record = record
        self.inputs, self.outputs = inputs, outputs
        self.x, self.y = inputs[-1], outputs[0]
        taps = inputs[:-1] or outputs[1:]
        self.taps = taps[0] if taps else None
        self.spreads = record.kind in ("unsum", "unmax")
        self.plane, self.pooled = (self.y, self.x) if self.spreads else (self.x, self.y)
        self.height, self.width = self.plane.shape[2:]
        self.rows, self.columns = self.pooled.shape[2:]
        self.outer, self.inner = self._arrange()
        self.by_windows = not self.spreads or (record.kind == "unmax" and self._is_tiled())
        rows = self.rows if self.by_windows else self.height
        self.unit_axes = [*self.outer, ("row", rows)]
        empty = 0 in self.x.shape or 0 in self.y.shape
        self.units = 0 if empty else size_of(tuple(size for _, size in self.unit_axes))

    def _arrange(self) -> tuple[list[Step], list[Step]]:
        """Return the axes (names with sizes) outside and inside of the columns, as they lie."""
        strides = [abs(stride) for stride in self.plane.strides]
        named = [("n", 0), ("c", 1)]
        named.sort(key=lambda one: -strides[one[1]])
        column = strides[3] if self.width > 1 else strides[2]
        if self.width == self.height == 1:
            column = 0
        sized = [(name, self.plane.shape[axis], axis) for name, axis in named]
        outer = [(name, n) for name, n, axis in sized if n == 1 or strides[axis] >= column]
        inner = [(name, n) for name, n, axis in sized if n != 1 and strides[axis] < column]
        if size_of(tuple(n for _, n in inner)) > MOST_IN_LINE:
            outer, inner = [(name, n) for name, n, _ in sized], []
        return [one for one in outer if one[1] != 1], inner

    def parameters(self) -> list[str]:
        """Return the declarations of the pointers."""
        names = {id(self.x): "x", id(self.y): "y", id(self.taps): "taps"}
        found = [pointer(each, names[id(each)]) for each in self.inputs]
        return found + [pointer(each, names[id(each)], written=True) for each in self.outputs]

    def write(self, text: Text) -> None:
        """Write the body of the function."""
        with text.loop("unit", "last", "first"):
            text.indices("unit", self.unit_axes)
            if self.spreads and self.by_windows and self.taps:
                self._write_tiles(text, self.taps)
            elif self.spreads:
                self._write_spread(text)
            elif self._is_whole() and size_of(self.record.kernel) <= MOST_TAPS:
                self._write_whole(text)
            else:
                self._write_partly_inside(text)

    def _is_whole(self) -> bool:
        """Return whether every window is inside of its plane."""
        sizes = zip((self.height, self.width), (self.rows, self.columns), range(2), strict=True)
        for size, count, axis in sizes:
            reach = (self.record.kernel[axis] - 1) * self.record.dilation[axis] + 1
            if self.record.padding[axis] or (count - 1) * self.record.stride[axis] + reach > size:
                return False
        return True

    def _is_tiled(self) -> bool:
        """Return whether every place of the plane belongs to exactly one window."""
        record = self.record
        sides = zip(record.kernel, (self.rows, self.columns), strict=True)
        size = tuple(kernel * count for kernel, count in sides)
        whole = record.stride == record.kernel and size == (self.height, self.width)
        return whole and not any(record.padding) and record.dilation == (1, 1)

    def _where(self, strides: Strides, row: Step, column: Step) -> str:
        """Return the C of a place, its row and column each a variable and how many one step is."""
        steps = {"n": strides[0], "c": strides[1]}
        outer = [(name, steps[name]) for name, _ in self.outer]
        inner = [(name, steps[name]) for name, _ in self.inner]
        (i, down), (j, right) = row, column
        return offset(*outer, (i, down * strides[2]), (j, right * strides[3]), *inner)

    def _here(self, view: Strided) -> str:
        return self._where(view.strides, ("row", 1), ("column", 1))

    @contextmanager
    def _elements(self, text: Text, begin: str = "0", end: str = "") -> Iterator[None]:
        """Write loops over columns, and batch or channels where they lie inside of them."""
        with ExitStack() as loops:
            loops.enter_context(text.loop("column", end or self.columns, begin))
            loops.enter_context(self._inside(text))
            yield

    @contextmanager
    def _inside(self, text: Text) -> Iterator[None]:
        """Write loops over batch or channels where they lie inside of the columns."""
        with ExitStack() as loops:
            for name, size in self.inner:
                loops.enter_context(text.loop(name, size))
            yield

    def _line(self, text: Text, kind: str, name: str) -> str:
        """Declare a local number for each index inside of a column; return the C of one.

        Numbers of other widths than the elements' go through such arrays, in loops of their own:
        the compiler makes the widest vectors of loops that have one width.
        """
        if not self.inner:
            text.line(f"{kind} {name};")
            return name
        below = size_of(tuple(size for _, size in self.inner))
        text.line(f"{kind} {name}[{below}];")
        steps = []
        for axis, size in self.inner:
            below //= size
            steps.append((axis, below))
        return f"{name}[{offset(*steps)}]"

    # All windows inside: the elements of one are read side by side.

    def _write_whole(self, text: Text) -> None:
        strides, record = self.plane.strides, self.record
        kind = self.x.dtype.c
        taps = [(i, j) for i in range(record.kernel[0]) for j in range(record.kernel[1])]
        gaps = record.dilation
        reads = [i * gaps[0] * strides[2] + j * gaps[1] * strides[3] for i, j in taps]
        row, column = ("row", record.stride[0]), ("column", record.stride[1])
        window = f"const {kind} *window = x + {self._where(strides, row, column)};"
        if record.kind == "sum":
            with self._elements(text):
                text.line(window)
                total = " + ".join(f"window[{read}]" for read in reads)
                text.line(f"y[{self._here(self.y)}] = {total};")
            return
        with text.loop("column", self.columns):
            found = self._line(text, "int32_t", "found") if self.taps else ""
            with self._inside(text):
                text.line(window)
                self._write_largest(text, reads, found)
            if self.taps:
                with self._inside(text):
                    text.line(f"taps[{self._here(self.taps)}] = {found};")

    def _write_largest(self, text: Text, reads: Sequence[int], found: str) -> None:
        """Write the largest element of a window, and the number of its place into `found`."""
        kind, last = self.x.dtype.c, len(reads) - 1
        text.line(f"{kind} best = window[{reads[last]}];")
        if self.taps:
            text.line(f"int32_t tap = {last};")
        for number in reversed(range(last)):
            x, takes = f"x{number}", f"takes{number}"
            text.line(f"const {kind} {x} = window[{reads[number]}];")
            text.line(f"const int {takes} = {self._better(x, 'best')};")
            text.line(f"best = {takes} ? {x} : best;")
            if self.taps:
                text.line(f"tap = {takes} ? {number} : tap;")
        text.line(f"y[{self._here(self.y)}] = best;")
        if self.taps:
            text.line(f"{found} = tap;")

    def _better(self, x: str, best: str) -> str:
        """Return the C of whether an element takes the place of the best of those after it.

        From the last element to the first, an equal one and any NaN does. There are no jumps, for
        what wins cannot be foreseen.
        """
        return f"({x} >= {best}) | ({x} != {x})" if self.x.dtype.is_float else f"{x} >= {best}"

    # Windows that may reach over an edge: the result is gone over once for each place in a window.

    def _write_partly_inside(self, text: Text) -> None:
        record = self.record
        stride, padding, gap = record.stride[0], record.padding[0], record.dilation[0]
        text.line(f"const int64_t top = {offset(('row', stride), start=-padding)};")
        begin = f"top < 0 ? {_share('-top', gap)} : 0" if padding else "0"
        text.line(f"const int64_t begin = {begin};")
        text.line(f"const int64_t fits = {_share(f'{self.height} - top', gap)};")
        text.line(f"const int64_t end = fits < {record.kernel[0]} ? fits : {record.kernel[0]};")
        with self._elements(text):
            start = "0" if record.kind == "sum" else lowest(self.x.dtype)
            text.line(f"y[{self._here(self.y)}] = {start};")
        with text.block("for (int64_t down = end - 1; down >= begin; down--)"):
            if self.x.strides[2]:  # else there is one line alone
                line = "top + down" if gap == 1 else f"top + down * {gap}"
                text.line(f"const int64_t line = {line};")
            with self._columns_inside(text):
                element = f"x[{self._where(self.x.strides, ('line', 1), ('seen', 1))}]"
                self._write_next(text, element)

    def _write_next(self, text: Text, element: str) -> None:
        """Write how an element is taken into the result, which lies in memory meanwhile."""
        if self.record.kind == "sum":
            text.line(f"y[{self._here(self.y)}] += {element};")
            return
        kind = self.x.dtype.c
        text.line(f"const int64_t to = {self._here(self.y)};")
        text.line(f"const {kind} here = {element};")
        text.line(f"const {kind} best = y[to];")
        text.line(f"const int takes = {self._better('here', 'best')};")
        text.line("y[to] = takes ? here : best;")
        if self.taps:
            mark = self._here(self.taps)
            if mark == self._here(self.y):
                mark = "to"
            number = offset(("down", self.record.kernel[1]), ("right", 1))
            text.line(f"taps[{mark}] = takes ? {number} : taps[{mark}];")

    @contextmanager
    def _columns_inside(self, text: Text) -> Iterator[None]:
        """Write loops over the places in a window's row, and the columns that have them inside."""
        stride, gap = self.record.stride[1], self.record.dilation[1]
        last = self.record.kernel[1] - 1
        with text.block(f"for (int64_t right = {last}; right >= 0; right--)"):
            text.line(
                f"const int64_t shift = {offset(('right', gap), start=-self.record.padding[1])};"
            )
            text.line(f"const int64_t before = shift < 0 ? {_share('-shift', stride)} : 0;")
            text.line(f"const int64_t inside = {_share(f'{self.width} - shift', stride)};")
            text.line(f"const int64_t after = inside < {self.columns} ? inside : {self.columns};")
            with self._elements(text, "before", "after"):
                text.line(f"const int64_t seen = {offset(('column', stride))} + shift;")
                yield

    def _write_tiles(self, text: Text, taps: Strided) -> None:
        """Write a row of windows: the element where its tap is, and zero at the other places."""
        (height, width), strides = self.record.kernel, self.plane.strides
        kind = self.y.dtype.c
        with text.loop("column", self.columns):
            tap = self._line(text, "int32_t", "tap")
            g = self._line(text, kind, "g")
            for element, source, view in ((tap, "taps", taps), (g, "x", self.x)):
                with self._inside(text):
                    text.line(f"{element} = {source}[{self._here(view)}];")
            window = self._where(strides, ("row", height), ("column", width))
            for number in range(height * width):
                down, right = divmod(number, width)
                start = down * strides[2] + right * strides[3]
                to = f"{window} + {start}" if start else window
                with self._inside(text):
                    text.line(f"y[{to}] = {tap} == {number} ? {g} : 0;")

    def _write_spread(self, text: Text) -> None:
        """Write a row of a plane to which the windows that see it add, in row-major order."""
        record = self.record
        stride, padding = record.stride[0], record.padding[0]
        with self._elements(text, end=str(self.width)):
            text.line(f"y[{self._here(self.y)}] = 0;")
        with text.block(f"for (int64_t down = {record.kernel[0] - 1}; down >= 0; down--)"):
            reach = offset(("row", 1), ("down", -record.dilation[0]), start=padding)
            text.line(f"const int64_t reach = {reach};")
            text.line(f"const int64_t line = reach / {stride};")
            text.line(f"if (reach < 0 || reach % {stride} != 0 || line >= {self.rows})")
            text.line("    continue;")
            with self._columns_inside(text):
                there = self._where(self.y.strides, ("row", 1), ("seen", 1))
                element = self._where(self.x.strides, ("line", 1), ("column", 1))
                added = f"x[{element}]"
                if self.taps:
                    tap = f"taps[{self._where(self.taps.strides, ('line', 1), ('column', 1))}]"
                    number = offset(("down", record.kernel[1]), ("right", 1))
                    added = f"{tap} == {number} ? {added} : 0"
                text.line(f"y[{there}] += {added};")


def lowest(dtype: DType) -> str:
    """Return the C of the number that is not above any other of a dtype."""
    if dtype.is_float:
        return "-INFINITY"
    return "0" if dtype.kind == "uint" else f"{dtype.name.upper()}_MIN"


def _share(number: str, of: int) -> str:
    """Return the C of a number divided by a constant, rounded up."""
    return number if of == 1 else f"({number} + {of - 1}) / {of}"
