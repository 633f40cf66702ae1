"""Deposits: the C of updates that are added at positions that are data.

A unit owns part of the result, clears it and goes over the updates that may reach it, in order: so
no bit depends on how units are shared out.
"""

from collections.abc import Sequence
from contextlib import ExitStack

from rushlight.compile.emit.copies import Way, write_fill
from rushlight.compile.emit.text import Text, offset, pointer
from rushlight.compile.records import KernelCode, Strided
from rushlight.core.kernels import Deposit, Terms, along
from rushlight.core.shapes import size_of

LARGE = 1 << 16  # elements of a result of which each unit owns a range of positions
PARTS = 16


def deposit_code(
    name: str, record: Deposit, inputs: Sequence[Strided], out: Strided, node: int
) -> KernelCode:
    """Return the C of a deposit; `node` is the number that a position out of range is told by.

    Where what is added to lies in the memory of the result, the updates are added in place.
    """
    writer = _Writer(record, inputs, out, node)
    text = Text()
    with text.function(name, writer.parameters()):
        if writer.units:
            writer.write(text)
    return KernelCode(str(text), writer.units)


class _Writer:
    def __init__(self, record: Deposit, inputs: Sequence[Strided], out: Strided, node: int) -> None:
        self.record = record
        *base, self.indices, self.updates = inputs
        self.base = base[0] if base else None
        self.out = out
        self.node = node
        self.size = out.shape[record.axis]  # how many positions there are
        self.in_place = self.base is not None and self.base.buffer is out.buffer
        self.outer = self._outer_axes()
        units = size_of(tuple(out.shape[axis] for axis in self.outer))
        self.parts = 1
        if units == 1 and size_of(out.shape) >= LARGE:
            self.parts = min(PARTS, self.size)
        self.units = 0 if 0 in out.shape else units * self.parts

    def _outer_axes(self) -> list[int]:
        """Return the axes of the result that lie outside of the positions, and divide the work."""
        strides, axis = self.out.strides, self.record.axis
        found = [
            r
            for r, size in enumerate(self.out.shape)
            if r != axis
            and size > 1
            and abs(strides[r]) > abs(strides[axis])
            and self._driver(r) is not None
        ]
        return sorted(found, key=lambda r: -abs(strides[r]))

    def _driver(self, axis: int) -> int | None:
        """Return the axis of the updates that walks along an axis of the result by itself."""
        term = self.record.out[axis]
        for driver, size in enumerate(self.updates.shape):
            if axis != self.record.axis and term == along(driver) and size == self.out.shape[axis]:
                return driver
        return None

    def parameters(self) -> list[str]:
        """Return the declarations of the pointers."""
        alone = not self.in_place  # whether nothing else points to the result
        base = [] if self.base is None else [pointer(self.base, "base", restrict=alone)]
        pointers = [pointer(self.indices, "indices"), pointer(self.updates, "updates")]
        return [*base, *pointers, pointer(self.out, "out", written=True, restrict=alone)]

    def write(self, text: Text) -> None:
        """Write the body of the function."""
        with text.loop("unit", "last", "first"):
            if self.parts > 1:
                text.line(f"const int64_t low = unit * {self.size} / {self.parts};")
                text.line(f"const int64_t high = (unit + 1) * {self.size} / {self.parts};")
            named = [(self._variable(r), self.out.shape[r]) for r in self.outer]
            text.indices("unit", named)
            if not self.in_place:
                self._write_start(text)
            if 0 not in self.updates.shape:
                self._write_updates(text)

    def _variable(self, axis: int) -> str:
        """Return the C name of the index along an axis of the result: that of its driver."""
        return f"i{self._driver(axis)}"

    def _write_start(self, text: Text) -> None:
        """Write what the unit's part of the result holds before the first update."""
        steps = [(self._variable(r), self.out.strides[r]) for r in self.outer]
        base = [(self._variable(r), self.base.strides[r]) for r in self.outer] if self.base else []
        inside = [r for r in range(len(self.out.shape)) if r not in self.outer]
        with ExitStack() as loops:
            if self.parts > 1:
                inside.remove(self.record.axis)
                loops.enter_context(text.loop("position", "high", "low"))
                steps.append(("position", self.out.strides[self.record.axis]))
                if self.base:
                    base.append(("position", self.base.strides[self.record.axis]))
            else:
                loops.enter_context(text.block(""))
            text.line(f"{self.out.dtype.c} *to = out + {offset(*steps)};")
            if self.base:
                text.line(f"const {self.out.dtype.c} *from = base + {offset(*base)};")
            shape, strides = self.out.shape, self.out.strides
            source = self.base.strides if self.base else (0,) * len(shape)
            ways = [Way(shape[r], strides[r], source[r]) for r in inside]
            write_fill(text, "to", ways, "from" if self.base else None)

    def _write_updates(self, text: Text) -> None:
        """Write loops over the updates: what meets at one element comes in order."""
        owned = {self._driver(r) for r in self.outer}
        driven = [r for r in range(len(self.out.shape)) if self._driver(r) is not None]
        free = sorted(
            (r for r in driven if r not in self.outer), key=lambda r: -abs(self.out.strides[r])
        )
        drivers = [self._driver(r) for r in free]
        ordered = [a for a in range(len(self.updates.shape)) if a not in owned | set(drivers)]
        loops = [axis for axis in (*ordered, *drivers) if axis is not None]
        read = {axis for term in self.record.indices for axis, _ in term.steps}
        depth = max((i + 1 for i, axis in enumerate(loops) if axis in read), default=0)
        with ExitStack() as opened:
            for i in range(len(loops) + 1):
                if i == depth:
                    self._write_position(text)
                if i < len(loops):
                    size = self.updates.shape[loops[i]]
                    opened.enter_context(text.loop(f"i{loops[i]}", size))
            steps = [(f"i{a}", stride) for a, stride in enumerate(self.updates.strides)]
            text.line(f"out[{self._target()}] += updates[{offset(*steps)}];")

    def _write_position(self, text: Text) -> None:
        place = _place(self.record.indices, self.indices)
        text.line(f"const int64_t at = (int64_t)indices[{place}];")
        with text.block(f"if ((uint64_t)at >= {self.size})"):
            text.line(f"rl_fail(call, {self.node}, at);")
            text.line("continue;")
        if self.parts > 1:
            text.line("if (at < low || at >= high)")
            text.line("    continue;")

    def _target(self) -> str:
        found = [("at", self.out.strides[self.record.axis])]
        start = 0
        for r, term in enumerate(self.record.out):
            if r != self.record.axis:
                stride = self.out.strides[r]
                start += term.start * stride
                found += [(f"i{axis}", step * stride) for axis, step in term.steps]
        return offset(*found, start=start)


def _place(terms: Terms, view: Strided) -> str:
    """Return the C of where the terms lead in a view, over axes named i0, i1, ..."""
    pairs = list(zip(terms, view.strides, strict=True))
    steps = [(f"i{axis}", step * stride) for term, stride in pairs for axis, step in term.steps]
    return offset(*steps, start=sum(term.start * stride for term, stride in pairs))
