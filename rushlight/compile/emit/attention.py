"""Attention: the C of weighted means and of their gradients, tile by tile.

A unit of the means is a block of queries of one head; one of the gradients is all queries that
share a head of keys. Tiles of operands are copied to scratch memory, whatever their strides.
"""

from collections.abc import Sequence
from contextlib import contextmanager

from rushlight.compile.emit.text import Text, offset, pointer
from rushlight.compile.records import KernelCode, Strided
from rushlight.core.kernels import Attention
from rushlight.core.shapes import size_of

TILE = 64  # RL_TILE: queries and keys of a tile
STRIP = 16  # widths are multiples of it
FORWARD = ("q", "k", "v")
BACKWARD = ("g", "q", "k", "v", "lse", "drift")


def attention_code(
    name: str, record: Attention, inputs: Sequence[Strided], outputs: Sequence[Strided]
) -> KernelCode:
    """Return the C of attention, or of its gradients."""
    names = (*(BACKWARD if record.backward else FORWARD), *record.options)
    results = ("dq", "dk", "dv") if record.backward else ("out", "sums")
    operands = dict(zip((*names, *results), (*inputs, *outputs), strict=True))
    return _Writer(name, record, operands, results).write()


class _Writer:
    """Writes one kernel."""

    def __init__(
        self, name: str, record: Attention, operands: dict[str, Strided], results: Sequence[str]
    ) -> None:
        self.name = name
        self.record = record
        self.operands = operands
        self.results = results
        self.text = Text()
        self.scratch = 0
        q, k, v = (operands[one].shape for one in FORWARD)
        self.lead, self.heads, self.groups = q[:-3], q[-3], k[-3]
        self.queries, self.keys = q[-2], k[-2]
        self.size, self.value_size = q[-1], v[-1]
        self.width, self.value_width = _rounded(self.size), _rounded(self.value_size)

    def write(self) -> KernelCode:
        """Return the kernel."""
        pointers = [
            pointer(x, name, written=name in self.results) for name, x in self.operands.items()
        ]
        with self.text.function(self.name, pointers):
            units = self._backward() if self.record.backward else self._forward()
        return KernelCode(str(self.text), units, self.scratch, headers=("attention.h",))

    def _forward(self) -> int:
        blocks = -(-self.queries // TILE)
        axes = [*self._lead_axes(), ("head", self.heads), ("block", blocks)]
        line = self.text.line
        with self.text.loop("unit", "last", "first"):
            self.text.indices("unit", axes)
            if self.heads != self.groups:
                line(f"const int64_t group = head / {self.heads // self.groups};")
            line(f"const int64_t row = block * {TILE};")
            self._block("block")
            for name in ("q", "out", "sums"):
                self._part(name, ("head", 1), ("row", 1))
            for name in ("k", "v"):
                self._part(name, (self._group, 1))
            self._space("queries", self.size * TILE)
            self._space("keys", TILE * self.width)
            self._space("values", TILE * self.value_width)
            self._space("scores", TILE * TILE)
            self._space("means", TILE * self.value_width)
            for one in ("top", "total", "fall"):
                self._space(one, TILE)
            self._turn("queries", "q", self.size)
            self._scale("queries", self.size * TILE)
            self._fill("means", TILE * self.value_width, "0")
            self._fill("total", TILE, "0")
            self._fill("top", TILE, "-INFINITY")
            self._last()
            with self._tiles():
                self._pack("keys", "k", self.size, self.width, "key")
                line(f"rl_scores(scores, keys, {self.width}, queries, {self.size}, lanes, count, seen);")
                line("rl_soften(scores, lanes, count, seen, top, total, fall);")
                with self.text.block("if (key > 0)"):
                    line(f"rl_shrink(means, {self.value_width}, fall, rows);")
                self._pack("values", "v", self.value_size, self.value_width, "key")
                line(f"rl_mix(means, scores, values, {self.value_width}, lanes, count, seen);")
            line("rl_close(top, total, lanes);")
            self._store("out", "means", self.value_size, self.value_width, "rows", " * total[i]")
            with self.text.loop("i", "rows"):
                line(f"sums_part[{offset(('i', self._step('sums', -1)))}] = top[i];")
        return _count(axes)

    def _backward(self) -> int:
        axes = [*self._lead_axes(), ("group", self.groups)]
        share = self.heads // max(1, self.groups)
        blocks = -(-self.queries // TILE)
        tiles = -(-self.keys // TILE)
        line = self.text.line
        with self.text.loop("unit", "last", "first"):
            self.text.indices("unit", axes)
            for name in ("k", "v", "dk", "dv"):
                self._part(name, ("group", 1))
            self._space("key_sums", tiles * TILE * self.width)
            self._space("value_sums", tiles * TILE * self.value_width)
            self._space("queries", self.size * TILE)
            self._space("query_rows", TILE * self.width)
            self._space("gradients", self.value_size * TILE)
            self._space("gradient_rows", TILE * self.value_width)
            self._space("query_sums", TILE * self.width)
            self._space("keys", TILE * self.width)
            self._space("values", TILE * self.value_width)
            self._space("scores", TILE * TILE)
            self._space("changes", TILE * TILE)
            self._space("levels", TILE)
            self._space("drifts", TILE)
            self._fill("key_sums", tiles * TILE * self.width, "0")
            self._fill("value_sums", tiles * TILE * self.value_width, "0")
            with self.text.loop("block", share * blocks):
                self.text.indices("block", [("sharer", share), ("number", blocks)])
                line(f"const int64_t head = group * {share} + sharer;")
                line(f"const int64_t row = number * {TILE};")
                self._block("number")
                for name in ("g", "q", "lse", "drift", "dq"):
                    self._part(name, ("head", 1), ("row", 1))
                self._turn("queries", "q", self.size)
                self._scale("queries", self.size * TILE)
                self._pack("query_rows", "q", self.size, self.width)
                self._scale("query_rows", TILE * self.width)
                self._turn("gradients", "g", self.value_size)
                self._pack("gradient_rows", "g", self.value_size, self.value_width)
                self._fill("query_sums", TILE * self.width, "0")
                self._fill("levels", TILE, "INFINITY")
                self._fill("drifts", TILE, "0")
                with self.text.loop("i", "rows"):
                    line(f"levels[i] = lse_part[{offset(('i', self._step('lse', -1)))}];")
                    line(f"drifts[i] = drift_part[{offset(('i', self._step('drift', -1)))}];")
                self._last()
                with self._tiles():
                    self._pack("keys", "k", self.size, self.width, "key")
                    self._pack("values", "v", self.value_size, self.value_width, "key")
                    line(f"rl_scores(scores, keys, {self.width}, queries, {self.size}, lanes, count, seen);")
                    line(
                        f"rl_scores(changes, values, {self.value_width}, gradients, {self.value_size}, lanes, count, seen);"
                    )
                    line("rl_recall(scores, changes, lanes, count, seen, levels, drifts, NULL);")
                    line(f"rl_mix(query_sums, changes, keys, {self.width}, lanes, count, seen);")
                    line(
                        f"rl_spread(key_sums + key * {self.width}, changes, query_rows, {self.width}, rows, count, seen);"
                    )
                    line(
                        f"rl_spread(value_sums + key * {self.value_width}, scores, gradient_rows, {self.value_width}, rows, count, seen);"
                    )
                self._store("dq", "query_sums", self.size, self.width, "rows", f" * {self._factor}")
            self._store("dk", "key_sums", self.size, self.width, str(self.keys))
            self._store("dv", "value_sums", self.value_size, self.value_width, str(self.keys))
        return _count(axes)

    @property
    def _factor(self) -> str:
        return f"{self.record.scale!r}f"

    @property
    def _group(self) -> str:
        return "head" if self.heads == self.groups else "group"

    def _lead_axes(self) -> list[tuple[str, int]]:
        return [(f"i{axis}", size) for axis, size in enumerate(self.lead)]

    def _step(self, name: str, axis: int) -> int:
        return self.operands[name].strides[axis]

    def _part(self, name: str, *more: tuple[str, int]) -> None:
        """Write the pointer to what a unit has of an operand."""
        x = self.operands[name]
        steps = [(f"i{axis}", x.strides[axis]) for axis in range(len(self.lead))]
        names = [one for one, _ in more]
        steps += [
            (one, x.strides[len(self.lead) + position]) for position, one in enumerate(names)
        ]
        kind = x.dtype.c if name in self.results else f"const {x.dtype.c}"
        self.text.line(f"{kind} *const {name}_part = {name} + {offset(*steps)};")

    def _block(self, number: str) -> None:
        """Write how many queries a block has."""
        rest = f"{self.queries} - row"
        self.text.line(f"const int64_t rows = {rest} < {TILE} ? {rest} : {TILE};")
        self.text.line(f"const int64_t lanes = rl_rounded(rows, {STRIP});")

    def _space(self, name: str, count: int) -> None:
        """Write the declaration of some scratch memory."""
        self.text.line(f"float *const {name} = (float *)(void *)(scratch + {self.scratch});")
        self.scratch += -(-count * 4 // 64) * 64

    def _fill(self, name: str, count: int, value: str) -> None:
        with self.text.loop("i", count):
            self.text.line(f"{name}[i] = {value};")

    def _scale(self, name: str, count: int) -> None:
        with self.text.loop("i", count):
            self.text.line(f"{name}[i] *= {self._factor};")

    def _turn(self, name: str, source: str, size: int) -> None:
        """Write the copy of a block's rows that has them side by side."""
        row, column = self._step(source, -2), self._step(source, -1)
        if column == 1:
            call = f"rl_turn_panel({name}, lanes, {TILE}, {source}_part, {row}, rows, {size});"
        else:
            call = f"rl_copy_panel({name}, lanes, {TILE}, {source}_part, {row}, {column}, rows, {size});"
        self.text.line(call)

    def _pack(self, name: str, source: str, size: int, width: int, first: str = "") -> None:
        """Write the copy of rows one behind the other."""
        row, column = self._step(source, -2), self._step(source, -1)
        place = f"{source}_part + {first} * {row}" if first else f"{source}_part"
        count = "count" if first else "rows"
        self.text.line(
            f"rl_copy_panel({name}, {width}, {width}, {place}, {column}, {row}, {size}, {count});"
        )

    def _store(
        self, name: str, source: str, size: int, width: int, rows: str, times: str = ""
    ) -> None:
        with self.text.loop("i", rows), self.text.loop("c", size):
            place = offset(("i", self._step(name, -2)), ("c", self._step(name, -1)))
            self.text.line(f"{name}_part[{place}] = {source}[i * {width} + c]{times};")

    def _last(self) -> None:
        """Write how many keys the last query of a block sees."""
        if self.record.causal:
            steps = [(f"i{axis}", self._step("start", axis)) for axis in range(len(self.lead))]
            self.text.line(
                f"const int64_t begin = rl_clamp(start[{offset(*steps)}], {-self.queries}, {self.keys});"
            )
            self.text.line(f"const int64_t end = rl_clamp(begin + row + rows, 0, {self.keys});")
        else:
            self.text.line(f"const int64_t end = {self.keys};")

    def _tiles(self):
        @contextmanager
        def inside():
            with self.text.block(f"for (int64_t key = 0; key < end; key += {TILE})"):
                self.text.line(f"const int64_t count = end - key < {TILE} ? end - key : {TILE};")
                seen = "begin + row + 1 - key" if self.record.causal else str(TILE)
                self.text.line(f"const int64_t seen = {seen};")
                yield

        return inside()


def _rounded(size: int) -> int:
    return -(-size // STRIP) * STRIP


def _count(axes: Sequence[tuple[str, int]]) -> int:
    return size_of(tuple(size for _, size in axes))
