"""Attention: the C of weighted means and of their gradients, tile by tile.

A unit of the means is a block of queries of one head; one of the gradients is all queries that
share a head of keys. Tiles of operands are copied to scratch memory, whatever their strides.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rushlight.compile.emit.heads import STRIP, HeadWriter
from rushlight.compile.emit.kernel import folded
from rushlight.compile.emit.queries import QueryWriter
from rushlight.compile.records import KernelCode, Strided
from rushlight.core.dtypes import float32
from rushlight.core.kernels import Attention
from rushlight.core.philox import least_kept

TILE = 64  # RL_TILE: queries and keys of a tile
FEW = 4  # queries of a head that are done one by one


def attention_code(
    name: str, record: Attention, inputs: Sequence[Strided], outputs: Sequence[Strided]
) -> KernelCode:
    """Return the C of attention, or of its gradients.

    Args:
        name: what its function is called.
        record: what is computed.
        inputs: the operands in memory, in the order of the record.
        outputs: means and logarithms, or gradients of queries, keys and values.
    """
    queries, size = outputs[0].shape[-2:]
    few = queries <= FEW and not record.backward
    tiled = outputs[0].dtype is float32 and not few and size > 0
    writer = TileWriter if tiled else QueryWriter
    return writer(name, record, inputs, outputs).write()


class TileWriter(HeadWriter):
    """Tiles of float32: many queries at once."""

    def axes(self) -> list[tuple[str, int]]:
        if self.record.backward:
            return [*self.lead_axes, ("group", self.groups)]
        return [*self.lead_axes, ("head", self.heads), ("block", self._blocks)]

    @property
    def _blocks(self) -> int:
        return -(-self.queries // TILE)

    @property
    def _width(self) -> int:
        return -(-self.size // STRIP) * STRIP

    @property
    def _value_width(self) -> int:
        return -(-self.value_size // STRIP) * STRIP

    def forward(self) -> None:
        group = "head" if self.share == 1 else f"head / {self.share}"
        self.text.line(f"const int64_t group = {group};")
        self.text.line(f"const int64_t row = {self._folded_block()} * {TILE};")
        self._count_rows()
        for name in ("q", "out", "lse"):
            self.part(name, "head", "row")
        for name in ("k", "v"):
            self.part(name, "group")
        self.parts_of_options()
        self._spaces_of_both()
        self.space("means", TILE * self._value_width)
        for one in ("top", "total", "fall"):
            self.space(one, TILE)
        self._turn("queries", "q", self.size)
        self._scale("queries", self.size * TILE)
        self.fill("means", TILE * self._value_width)
        self.fill("total", TILE)
        self.fill("top", TILE, "-INFINITY")
        self.end_of_keys("rows")
        with self._tiles():
            self._call("soften", "scores", "lanes", "count", "seen", "top", "total", "fall", "kept")
            with self.text.block("if (key > 0)"):
                self._call("shrink", "means", self._value_width, "fall", "rows")
            self._call("mix", "means", "scores", "values", self._value_width, *self._seen)
        self._call("close", "top", "total", "lanes")
        self._store("out", "means", self.value_size, self._value_width, "rows", " * total[i]")
        with self.text.loop("i", "rows"):
            self.text.line(f"{self.element('lse', 'i')} = top[i];")

    def backward(self) -> None:
        width, value_width = self._width, self._value_width
        padded = -(-self.keys // TILE) * TILE
        for name in ("k", "v", "dk", "dv"):
            self.part(name, "group")
        self._spaces_of_both()
        self.space("key_sums", padded * width)
        self.space("value_sums", padded * value_width)
        self.space("query_rows", TILE * width)
        self.space("gradients", self.value_size * TILE)
        self.space("gradient_rows", TILE * value_width)
        self.space("query_sums", TILE * width)
        self.space("changes", TILE * TILE)
        self.space("levels", TILE)
        self.space("drifts", TILE)
        self.fill("key_sums", padded * width)
        self.fill("value_sums", padded * value_width)
        with self.text.loop("sharer", self.share), self.text.loop("block", self._blocks):
            self._backward_of_block()
        self._store("dk", "key_sums", self.size, width, str(self.keys))
        self._store("dv", "value_sums", self.value_size, value_width, str(self.keys))

    def _backward_of_block(self) -> None:
        width, value_width = self._width, self._value_width
        self.text.line(f"const int64_t head = group * {self.share} + sharer;")
        self.text.line(f"const int64_t row = block * {TILE};")
        self._count_rows()
        for name in ("g", "q", "lse", "drift", "dq"):
            self.part(name, "head", "row")
        self.parts_of_options()
        self._turn("queries", "q", self.size)
        self._scale("queries", self.size * TILE)
        self._pack("query_rows", "q", self.size, width, "rows")
        self._scale("query_rows", TILE * width)
        self._turn("gradients", "g", self.value_size)
        self._pack("gradient_rows", "g", self.value_size, value_width, "rows")
        self.fill("query_sums", TILE * width)
        self.fill("levels", TILE, "INFINITY")  # of which queries that are not there have weight 0
        self.fill("drifts", TILE)
        with self.text.loop("i", "rows"):
            self.text.line(f"levels[i] = {self.element('lse', 'i')};")
            self.text.line(f"drifts[i] = {self.element('drift', 'i')};")
        self.end_of_keys("rows")
        with self._tiles():
            operands = ("changes", "values", value_width, "gradients", self.value_size)
            self._call("scores", *operands, *self._seen)
            self._call("recall", "scores", "changes", *self._seen, "levels", "drifts", "kept")
            self._call("mix", "query_sums", "changes", "keys", width, *self._seen)
            for sums, weights, rows, size in (
                ("key_sums", "changes", "query_rows", width),
                ("value_sums", "scores", "gradient_rows", value_width),
            ):
                seen = ("rows", "count", "seen")
                self._call("spread", f"{sums} + key * {size}", weights, rows, size, *seen)
        self._store("dq", "query_sums", self.size, width, "rows", f" * {self.factor}")

    def _folded_block(self) -> str:
        """Return the C of a block's number: the first, the last, the second... if those cost more.

        So neighbouring units, which a thread does, cost the same together.
        """
        if not self.record.causal or self._blocks < 3:
            return "block"
        return f"(block % 2 ? {self._blocks - 1} - block / 2 : block / 2)"

    def _count_rows(self) -> None:
        """Write how many queries a block has."""
        self.text.line(f"const int64_t rows = rl_clamp({self.queries} - row, 0, {TILE});")
        self.text.line(f"const int64_t lanes = rl_rounded(rows, {STRIP});")

    def _spaces_of_both(self) -> None:
        self.space("queries", self.size * TILE)
        self.space("keys", TILE * self._width)
        self.space("values", TILE * self._value_width)
        self.space("scores", TILE * TILE)
        if "state" in self.record.options:
            self.space("kept", TILE * TILE)
        else:
            self.text.line("const float *const kept = NULL;")

    @contextmanager
    def _tiles(self) -> Iterator[None]:
        """Write the loop over tiles of keys; with what is inside their scores are known."""
        with self.text.block(f"for (int64_t key = 0; key < end; key += {TILE})"):
            seen = "begin + row + 1 - key" if self.record.causal else "RL_TILE"
            self.text.line(f"const int64_t count = rl_clamp(end - key, 0, {TILE});")
            self.text.line(f"const int64_t seen = {seen};")
            self._pack("keys", "k", self.size, self._width, "count", "key")
            self._pack("values", "v", self.value_size, self._value_width, "count", "key")
            operands = ("scores", "keys", self._width, "queries", self.size)
            self._call("scores", *operands, *self._seen)
            if {"mask", "slopes"} & set(self.record.options):
                with self.text.loop("i", "count"), self.text.loop("lane", "rows"):
                    self.adjust("scores[i * RL_TILE + lane]", "lane", "key + i")
            if "state" in self.record.options:
                dropout = self.record.dropout
                factor = self.number(1.0 / (1.0 - dropout))
                words = ("key_and_number", f"blocks + (uint64_t)key / 4, {self.blocks}")
                self._call("keep", "kept", *words, *self._seen, f"{least_kept(dropout)}u", factor)
            yield

    @property
    def _seen(self) -> tuple[str, str, str]:
        return "lanes", "count", "seen"

    def _call(self, name: str, *arguments: str | int) -> None:
        for line in folded(f"rl_{name}", [str(one) for one in arguments], ");"):
            self.text.line(line)

    def _scale(self, name: str, count: int) -> None:
        with self.text.loop("i", count):
            self.text.line(f"{name}[i] *= {self.factor};")

    def _turn(self, name: str, source: str, size: int) -> None:
        """Write the copy of a block's queries that has them side by side."""
        row, column = self.step(source, -2), self.step(source, -1)
        to = (name, "lanes", TILE, f"{source}_part")
        if column == 1:
            self._call("turn_panel", *to, row, "rows", size)
        else:
            self._call("copy_panel", *to, row, column, "rows", size)

    def _pack(
        self, name: str, source: str, size: int, width: int, count: str, first: str = ""
    ) -> None:
        """Write the copy of rows one behind the other, from `first` on."""
        row, column = self.step(source, -2), self.step(source, -1)
        place = f"{source}_part" + (f" + {first} * {row}" if first else "")
        self._call("copy_panel", name, width, width, place, column, row, size, count)

    def _store(
        self, name: str, source: str, size: int, width: int, rows: str, times: str = ""
    ) -> None:
        with self.text.loop("i", rows), self.text.loop("c", size):
            self.text.line(f"{self.element(name, 'i', 'c')} = {source}[i * {width} + c]{times};")
