"""Loops: the C of kernels that work element by element, row by row or column by column."""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from rushlight.compile.access import Places
from rushlight.compile.emit.body import CALL, COLUMN, ROW, Body, Coefficients, axis_name, sum_text
from rushlight.compile.emit.folds import LANES, Accumulator
from rushlight.compile.emit.kernel import folded
from rushlight.compile.emit.tidy import NAME, without_unused
from rushlight.compile.fuse import Fuser
from rushlight.compile.records import Buffer, Emitted, KernelCode, Strided
from rushlight.compile.soft import Kernel, fold_places
from rushlight.core.kernels import ArgFold, Fold, Record
from rushlight.core.shapes import size_of
from rushlight.graph.ir import GraphValue

UNIT = 4096  # how many elements a unit has, at least
TOGETHER = 64  # rows that a compiler may do at once: units of fewer forbid that, lest bits differ
LONG = 32  # columns of a row that is summed in lanes
BLOCK = 64  # columns that are summed at a time


class LoopWriter:
    """Writes one kernel of loops as a C function."""

    def __init__(
        self,
        name: str,
        fuser: Fuser,
        kernel: Kernel,
        memory: Mapping[GraphValue, Strided],
        unit: int = UNIT,
    ) -> None:
        self.name = name
        self.unit = unit
        self.fuser = fuser
        self.kernel = kernel
        self.memory = memory
        self.sizes = list(kernel.sizes)
        self.dropped: set[int] = set()
        self.buffers: dict[Buffer, bool] = {}  # -> whether it is written
        self.lines: list[str] = []
        self.depth = 1
        self._accesses: list[dict[int, int]] = []
        self.stages = fuser.stages(kernel)
        self._arrange()

    # What the kernel is made of

    def is_fold(self, value: GraphValue) -> bool:
        return self.fuser.is_fold(value)

    def _record(self, value: GraphValue) -> Record:
        return self.fuser.records[self.fuser.producer[value]]

    def _columns(self, value: GraphValue) -> bool:
        """Return whether a def has an element for each column."""
        places = self.kernel.place[value]
        return any(axis in self.kernel.folded for place in places for axis, _ in place.steps)

    # How its loops are arranged

    def _arrange(self) -> None:
        """Order the axes as they lie in memory, and make one of those that lie as one."""
        raw = self._dry_run()
        folded = set(self.kernel.folded)
        order = sorted(range(len(self.sizes)), key=self._stride_key, reverse=True)
        self.rows = [axis for axis in order if axis not in folded]
        self.columns = [axis for axis in order if axis in folded]
        for group in (self.rows, self.columns):
            for place in range(len(group) - 2, -1, -1):
                outer, inner = group[place], group[place + 1]
                if not {outer, inner} & raw and self._lie_as_one(outer, inner):
                    self.sizes[inner] *= self.sizes[outer]
                    self.dropped.add(outer)
                    group.remove(outer)
        self.by_columns = self._is_columnwise()

    def _dry_run(self) -> set[int]:
        def read(strided: Strided, found: Coefficients) -> str:
            self._accesses.append(dict(found[1]))
            return "0"

        body = Body(self.fuser, self.kernel, self.memory, read, set())
        for value in self.kernel.defs:
            if value in self.memory:
                strided = self.memory[value]
                self._accesses.insert(
                    0, dict(body.coefficients(strided, self.kernel.place[value])[1])
                )
            if self.is_fold(value):
                body.value(*self._fold_operand(value))
                body.know(value, self.kernel.place[value], "0", ROW)
            else:
                body.define(value)
        return body.raw

    def _stride_key(self, axis: int) -> tuple[int, int]:
        for access in self._accesses:
            if axis in access:
                return abs(access[axis]), -axis
        return 0, -axis

    def _lie_as_one(self, outer: int, inner: int) -> bool:
        return all(
            access.get(outer, 0) == self.sizes[inner] * access.get(inner, 0)
            for access in self._accesses
        )

    def _is_columnwise(self) -> bool:
        """Return whether sums run down the columns of memory, many side by side."""
        if not self.columns or not self.rows:
            return False
        if any(self.stages[v] if self.is_fold(v) else self._columns(v) for v in self.kernel.defs):
            return False
        if any(isinstance(self._record(v), ArgFold) for v in self.kernel.defs):
            return False
        last, column = self.rows[-1], self.columns[-1]
        reads = [access for access in self._accesses if column in access]
        return bool(reads) and all(
            abs(access.get(last, 0)) <= 1 and abs(access[column]) > 1 for access in reads
        )

    def _fold_operand(self, value: GraphValue) -> tuple[GraphValue, Places]:
        node = self.fuser.producer[value]
        places = fold_places(node, self._fold(value), self.kernel.place[value], self.kernel)
        return node.inputs[0], places

    def _fold(self, value: GraphValue) -> Fold | ArgFold:
        return cast(Fold | ArgFold, self._record(value))

    # Writing

    def write(self) -> Emitted:
        """Return the C of the kernel."""
        if self.by_columns:
            units = self._write_by_columns()
        elif self.columns:
            units = self._write_rows()
        else:
            units = self._write_elements()
        checks = self.body.checks
        constants = [f"    {line}" for line in self.body.lines[CALL]]
        constants, lines = without_unused(constants, self.lines)
        body = [*constants, "", *lines] if constants else lines
        names = set(NAME.findall("\n".join(body)))
        buffers = {b: written for b, written in self.buffers.items() if b.name in names}
        parameters = [
            f"{'' if written else 'const '}{buffer.dtype.c} *restrict {buffer.name}"
            for buffer, written in buffers.items()
        ]
        parameters += ["int64_t first", "int64_t last"] + ["rl_call *call"] * checks
        head = folded(f"static void {self.name}", parameters, ")")
        text = "\n".join([*head, "{", *body, "}", ""])
        operands = [(buffer, 0) for buffer in buffers]
        written = {buffer for buffer, changed in buffers.items() if changed}
        return Emitted(KernelCode(text, units), operands, written, checks)

    def _begin_body(self, inner: set[int]) -> None:
        self.body = Body(self.fuser, self.kernel, self.memory, self._read, inner)

    def _read(self, strided: Strided, found: Coefficients) -> str:
        self.buffers.setdefault(strided.buffer, False)
        return f"{strided.buffer.name}[{self._index(found)}]"

    def _index(self, found: Coefficients) -> str:
        offset, steps, variables = found
        kept = tuple((axis, step) for axis, step in steps if axis not in self.dropped)
        return sum_text(offset, kept, variables)

    def _store(self, value: GraphValue, text: str, level: int) -> None:
        if value not in self.memory:
            return
        strided = self.memory[value]
        self.buffers[strided.buffer] = True
        found = self.body.coefficients(strided, self.kernel.place[value])
        target = f"{strided.buffer.name}[{self._index(found)}]"
        self.body.statement(level, f"{target} = {text};")
        self.body.store(value)

    def _out(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def _open(self, line: str) -> None:
        self._out(line + " {")
        self.depth += 1

    def _close(self, count: int = 1) -> None:
        for _ in range(count):
            self.depth -= 1
            self._out("}")

    def _flush(self, level: int) -> None:
        for line in self.body.lines[level]:
            self._out(line)
        self.body.lines[level].clear()

    def _loop(self, axis: int, begin: str = "0", end: str | None = None) -> None:
        i = axis_name(axis)
        self._open(f"for (int64_t {i} = {begin}; {i} < {end or self.sizes[axis]}; {i}++)")

    def _open_rows(self, rows: list[int], inner: int) -> int:
        """Open the loop over the rows of the units; return how many units there are."""
        count = size_of(tuple(self.sizes[axis] for axis in rows))
        if not rows:
            self._open("if (first < last)")
            return 1
        grain = max(1, self.unit // max(1, inner))
        if grain >= TOGETHER:
            grain = grain // TOGETHER * TOGETHER
        units = -(-count // grain)
        i = axis_name(rows[0]) if len(rows) == 1 else "row"
        begin = "first" if grain == 1 else f"first * {grain}"
        if grain == 1:
            end = "last"
        else:
            end = "end"
            last = f"last * {grain}"
            whole = count % grain == 0
            text = last if whole else f"last * {grain} < {count} ? last * {grain} : {count}"
            self._out(f"const int64_t end = {text};")
        self._open(f"for (int64_t {i} = {begin}; {i} < {end}; {i}++)")
        if grain < TOGETHER:
            self._out("RL_ONE_BY_ONE;")
        if len(rows) > 1:
            self._decode("row", rows)
        return units

    def _decode(self, name: str, axes: list[int]) -> None:
        """Write the indices along axes that a number counts through."""
        below = 1
        for axis in reversed(axes):
            text = name if below == 1 else f"{name} / {below}"
            if axis != axes[0]:
                text = f"{text} % {self.sizes[axis]}"
            self._out(f"const int64_t {axis_name(axis)} = {text};")
            below *= self.sizes[axis]

    def _write_elements(self) -> int:
        """Write a kernel without folds: every element on its own."""
        inner = self.rows[-1] if self.rows else None
        self._begin_body(set() if inner is None else {inner})
        for value in self.kernel.defs:
            text, _ = self.body.define(value)
            inside = any(axis == inner for p in self.kernel.place[value] for axis, _ in p.steps)
            self._store(value, text, COLUMN if inside else ROW)
        if inner is None:
            self._open("if (first < last)")
            self._flush(ROW)
            self._close()
            return 1
        outer = self.rows[:-1]
        if outer:
            units = self._open_rows(outer, self.sizes[inner])
            self._flush(ROW)
            self._loop(inner)
        else:
            units = self._open_rows([inner], 1)
            row_lines = [line for line in self.body.lines[ROW]]
            self.body.lines[ROW].clear()
            self.body.lines[0].extend(row_lines)
        self._flush(COLUMN)
        self._close(2 if outer else 1)
        return units

    def _write_rows(self) -> int:
        """Write a kernel whose folds run along rows: stage by stage, several loops over a row."""
        self._begin_body(set(self.columns))
        width = size_of(tuple(self.sizes[axis] for axis in self.columns))
        units = self._open_rows(self.rows, width)
        for stage in range(max(self.stages.values()) + 1):
            self._write_stage([v for v in self.kernel.defs if self.stages[v] == stage], stage)
        self._flush(ROW)
        self._close()
        return units

    def _write_stage(self, values: list[GraphValue], stage: int) -> None:
        body, accumulators = self.body, []
        inside = []
        for value in values:
            if self.is_fold(value) or self._columns(value):
                inside.append(value)
            else:
                text, _ = body.define(value)
                self._store(value, text, ROW)
        for value in inside:
            if self.is_fold(value):
                accumulators.append(self._begin_fold(value))
            else:
                text, level = body.define(value)
                self._store(value, text, COLUMN)
                if level == COLUMN:  # else it is one number for the row, and known later too
                    self._keep_for_later(value, text, stage)
        if not inside:
            return
        lanes = bool(accumulators) and self._in_lanes(accumulators)
        for fold in accumulators:
            x, _ = body.value(*self._fold_operand(fold.value))
            fold.add(body, x, self.columns[-1], "_lanes[lane]" if lanes else "")
        self._flush(ROW)
        self._write_inner(accumulators, lanes)
        for fold in accumulators:
            self._end_fold(fold)
        body.forget(COLUMN)

    def _write_inner(self, folds: list[Accumulator], lanes: bool) -> None:
        """Write the loops over the columns, with what is in the body's innermost lines."""
        for fold in folds:
            for line in fold.declaration(lanes):
                self._out(line)
        for axis in self.columns[:-1]:
            self._loop(axis)
        last = self.columns[-1]
        lines = list(self.body.lines[COLUMN])
        self.body.lines[COLUMN].clear()
        size = self.sizes[last]
        if lanes:
            whole = size // LANES * LANES
            self._open(f"for (int64_t base = 0; base < {whole}; base += {LANES})")
            self._open(f"for (int64_t lane = 0; lane < {LANES}; lane++)")
            self._out(f"const int64_t {axis_name(last)} = base + lane;")
            self._write_lines(lines)
            self._close(2)
            if whole < size:
                self._open(f"for (int64_t lane = 0; lane < {size - whole}; lane++)")
                self._out(f"const int64_t {axis_name(last)} = {whole} + lane;")
                self._write_lines(lines)
                self._close()
        else:
            self._loop(last)
            if folds and self._reads_backwards():
                self._out("RL_ONE_BY_ONE;")  # gcc 12 gets sums over reversed pairs wrong
            self._write_lines(lines)
            self._close()
        self._close(len(self.columns) - 1)
        for fold in folds:
            for line in fold.together(lanes):
                self._out(line)

    def _reads_backwards(self) -> bool:
        return any(step < 0 for access in self._accesses for step in access.values())

    def _write_lines(self, lines: list[str]) -> None:
        for line in lines:
            self._out(line)

    def _in_lanes(self, folds: list[Accumulator]) -> bool:
        return self.sizes[self.columns[-1]] >= LONG and all(
            isinstance(fold.record, Fold) and fold.value.dtype.is_float for fold in folds
        )

    def _begin_fold(self, value: GraphValue) -> Accumulator:
        node = self.fuser.producer[value]
        record = self._fold(value)
        operand, places = self._fold_operand(value)
        first = "0"
        if isinstance(record, ArgFold) or "{first}" in record.start:
            folded = set(self.kernel.folded)
            start = tuple(
                replace(p, steps=tuple((a, s) for a, s in p.steps if a not in folded))
                for p in places
            )
            first, _ = self.body.value(operand, start)
        return Accumulator(value, record, operand, first, self.body.name(node.primitive.name))

    def _end_fold(self, fold: Accumulator) -> None:
        text = fold.finished()
        if text != fold.name:
            name = self.body.name(fold.name)
            self.body.statement(ROW, f"const {fold.value.dtype.c} {name} = {text};")
            text = name
        self.body.know(fold.value, self.kernel.place[fold.value], text, ROW)
        self._store(fold.value, text, ROW)

    def _keep_for_later(self, value: GraphValue, text: str, stage: int) -> None:
        """Keep a row of a def that a later stage reads and that is not in memory."""
        later = any(
            self.stages[other] > stage and value in self.fuser.local_operands(other, self.kernel)
            for other in self.kernel.defs
        )
        if value in self.memory or not later:
            return
        width = size_of(tuple(self.sizes[axis] for axis in self.columns))
        array = self.body.name("row")
        self.body.statement(ROW, f"{value.dtype.c} {array}[{width}];")
        steps, below = [], 1
        for axis in reversed(self.columns):
            steps.append((axis, below))
            below *= self.sizes[axis]
        element = f"{array}[{sum_text(0, tuple(reversed(steps)))}]"
        self.body.statement(COLUMN, f"{element} = {text};")
        self.body.stand_in(value, element)

    def _write_by_columns(self) -> int:
        """Write sums down the columns: a block of columns at a time, over all rows of memory."""
        last = self.rows[-1]
        size = self.sizes[last]
        blocks = -(-size // BLOCK)
        outer = self.rows[:-1]
        self._begin_body({last})
        self._open("for (int64_t unit = first; unit < last; unit++)")
        self._out("RL_ONE_BY_ONE;")
        if outer and blocks > 1:
            self._out(f"const int64_t row = unit / {blocks};")
        begin = "0" if blocks == 1 else "begin"
        if blocks > 1:
            block = "unit" if not outer else f"(unit % {blocks})"
            self._out(f"const int64_t begin = {block} * {BLOCK};")
        if outer:
            self._decode("unit" if blocks == 1 else "row", outer)
        count = str(min(size, BLOCK))
        if blocks > 1 and size % BLOCK:
            self._out(f"const int64_t count = {size} - begin < {BLOCK} ? {size} - begin : {BLOCK};")
            count = "count"
        folds = [self._begin_fold(v) for v in self.kernel.defs if self.is_fold(v)]
        self._begin_column_sums(folds, begin, count)
        self._write_column_sums(folds, begin, count)
        self._write_column_ends(folds, begin, count)
        self._close()
        return size_of(tuple(self.sizes[axis] for axis in outer)) * blocks

    def _open_lanes(self, begin: str, count: str) -> None:
        self._open(f"for (int64_t lane = 0; lane < {count}; lane++)")
        index = "lane" if begin == "0" else f"{begin} + lane"
        self._out(f"const int64_t {axis_name(self.rows[-1])} = {index};")

    def _begin_column_sums(self, folds: list[Accumulator], begin: str, count: str) -> None:
        """Write the sums of a block and what they start from."""
        for fold in folds:
            width = min(self.sizes[self.rows[-1]], BLOCK)
            self._out(f"{fold.value.dtype.c} {fold.name}[{width}];")
        self._flush(ROW)
        if self.body.lines[COLUMN]:
            self._open_lanes(begin, count)
        else:
            self._open(f"for (int64_t lane = 0; lane < {count}; lane++)")
        self._flush(COLUMN)
        for fold in folds:
            self._out(f"{fold.name}[lane] = {fold.start()};")
        self._close()
        self.body.forget(ROW)

    def _write_column_sums(self, folds: list[Accumulator], begin: str, count: str) -> None:
        for fold in folds:
            x, _ = self.body.value(*self._fold_operand(fold.value))
            fold.add(self.body, x, self.rows[-1], "[lane]")
        for axis in self.columns:
            self._loop(axis)
        self._out("RL_ONE_BY_ONE;")  # else gcc may gather rows, to add them up one by one
        self._flush(ROW)
        self._open_lanes(begin, count)
        self._flush(COLUMN)
        self._close(1 + len(self.columns))

    def _write_column_ends(self, folds: list[Accumulator], begin: str, count: str) -> None:
        body = self.body
        body.forget(ROW)
        for fold in folds:
            body.know(fold.value, self.kernel.place[fold.value], fold.finished("[lane]"), COLUMN)
        for value in self.kernel.defs:
            text, _ = (
                body.value(value, self.kernel.place[value])
                if self.is_fold(value)
                else body.define(value)
            )
            self._store(value, text, COLUMN)
        self._flush(ROW)
        self._open_lanes(begin, count)
        self._flush(COLUMN)
        self._close()
