"""What the C of attention is written with, whichever way it goes: operands by name, and options."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from rushlight.compile.emit.text import Step, Text, offset, pointer
from rushlight.compile.emit.tidy import without_unused
from rushlight.compile.records import KernelCode, Strided
from rushlight.core.dtypes import bool_
from rushlight.core.kernels import Attention
from rushlight.core.philox import BLOCK
from rushlight.core.shapes import Shape, size_of

FORWARD = ("q", "k", "v")
STRIP = 16  # RL_STRIP: copies of rows have widths that are multiples of it
BACKWARD = ("g", "q", "k", "v", "lse", "drift")


class HeadWriter(ABC):
    """Writes one kernel of attention; subclasses say what a unit does.

    In the C, `i0`, `i1`... are the leading axes, `head` is one of the queries, `group` one of keys.
    """

    def __init__(
        self, name: str, record: Attention, inputs: Sequence[Strided], outputs: Sequence[Strided]
    ) -> None:
        names = (*(BACKWARD if record.backward else FORWARD), *record.options)
        self.results = ("dq", "dk", "dv") if record.backward else ("out", "lse")
        self.operands = dict(zip((*names, *self.results), (*inputs, *outputs), strict=True))
        self.name = name
        self.record = record
        self.text = Text()
        self.scratch = 0
        q, k, v = (self.operands[one].shape for one in FORWARD)
        self.lead: Shape = q[:-3]
        self.heads: int = q[-3]
        self.groups: int = k[-3]
        self.share = self.heads // max(1, self.groups)
        self.queries: int = q[-2]
        self.keys: int = k[-2]
        self.size: int = q[-1]
        self.value_size: int = v[-1]
        self.kind = self.operands["q"].dtype.c

    def write(self) -> KernelCode:
        """Return the kernel."""
        axes = self.axes()
        units = size_of(tuple(size for _, size in axes))
        operands = self.operands.items()
        pointers = [pointer(x, one, written=one in self.results) for one, x in operands]
        whole = Text()
        with whole.function(self.name, pointers):
            if units:
                self._write_units(axes)
                (lines,) = without_unused(str(self.text).splitlines())
                for each in lines:
                    whole.line(each)
        return KernelCode(str(whole), units, self.scratch, headers=("attention.h",))

    def _write_units(self, axes: Sequence[tuple[str, int]]) -> None:
        if "state" in self.record.options:
            step = self.step("state", 0)
            words = ", ".join(f"state[{word * step}]" for word in range(4))
            self.text.line(f"const uint32_t key_and_number[4] = {{{words}}};")
        with self.text.loop("unit", "last", "first"):
            self.text.line("RL_ONE_BY_ONE;")
            self.text.indices("unit", axes)
            self.backward() if self.record.backward else self.forward()

    @abstractmethod
    def axes(self) -> list[tuple[str, int]]:
        """Return the axes that units count through."""

    @abstractmethod
    def forward(self) -> None:
        """Write what a unit of the means does."""

    @abstractmethod
    def backward(self) -> None:
        """Write what a unit of the gradients does."""

    @property
    def lead_axes(self) -> list[tuple[str, int]]:
        return [(f"i{axis}", size) for axis, size in enumerate(self.lead)]

    @property
    def factor(self) -> str:
        """The C of the factor of scores."""
        return self.number(self.record.scale)

    def number(self, value: float) -> str:
        """Return the C of a number of the dtype that is computed in."""
        return f"(({self.kind}){value!r})"

    def step(self, name: str, axis: int) -> int:
        """Return how far one step along an axis goes in an operand."""
        stride: int = self.operands[name].strides[axis]
        return stride

    def element(self, name: str, *indices: str) -> str:
        """Return the C of an element of what a unit has of an operand; indices of the last axes."""
        strides = self.operands[name].strides[len(self.operands[name].shape) - len(indices) :]
        return f"{name}_part[{offset(*zip(indices, strides, strict=True))}]"

    def part(self, name: str, *indices: str) -> None:
        """Write the pointer to what a unit has of an operand; indices of axes after the leading."""
        x = self.operands[name]
        names = [*(one for one, _ in self.lead_axes), *indices]
        steps: list[Step] = list(zip(names, x.strides, strict=False))
        kind = x.dtype.c if name in self.results else f"const {x.dtype.c}"
        self.text.line(f"{kind} *const {name}_part = {name} + {offset(*steps)};")

    def parts_of_options(self) -> None:
        """Write what a head's queries from the C variable `row` on have of the options."""
        options, line = self.record.options, self.text.line
        if "mask" in options:
            self.part("mask", "head", "row")
        if "slopes" in options:
            self.part("slopes", "head")
            self.part("start")
            line("const int64_t position = start_part[0] + row;")
        elif self.record.causal:
            self.part("start")
        if self.record.causal:  # far beyond all keys, or before them, counts as just there
            line(f"const int64_t begin = rl_clamp(start_part[0], {-self.queries}, {self.keys});")
        if "lengths" in options:
            self.part("lengths")
        if "state" in options:
            number = self._flat([*self.lead_axes, ("head", self.heads), ("row", self.queries)])
            line(f"const uint64_t blocks = (uint64_t)({number}) * {self.blocks};")

    @property
    def blocks(self) -> int:
        """How many blocks of random words a query's weights take."""
        return -(-self.keys // BLOCK)

    def _flat(self, axes: Sequence[tuple[str, int]]) -> str:
        """Return the C of the place in row-major order."""
        steps: list[Step] = []
        below = 1
        for name, size in reversed(axes):
            steps.append((name, below))
            below *= size
        return offset(*reversed(steps))

    def end_of_keys(self, rows: str) -> None:
        """Write how many keys the last of some queries sees."""
        text = str(self.keys)
        if "lengths" in self.record.options:
            text = f"rl_clamp(lengths_part[0], 0, {self.keys})"
        if self.record.causal:
            text = f"rl_clamp(begin + row + {rows}, 0, {text})"
        self.text.line(f"const int64_t end = {text};")

    def adjust(self, score: str, query: str, key: str) -> None:
        """Write what a score becomes by a mask and by distance, if by anything."""
        if "slopes" in self.record.options:
            self.text.line(f"const int64_t away = position + {query} - ({key});")
            distance = f"({self.kind})(away < 0 ? -away : away)"
            self.text.line(f"{score} -= slopes_part[0] * {distance};")
        if "mask" in self.record.options:
            mask = self.element("mask", query, f"({key})")
            if self.operands["mask"].dtype is bool_:
                self.text.line(f"{score} = {mask} ? {score} : -INFINITY;")
            else:
                self.text.line(f"{score} += {mask};")

    def space(self, name: str, count: int) -> None:
        """Write the declaration of some scratch memory."""
        start = f"(void *)(scratch + {self.scratch})" if self.scratch else "(void *)scratch"
        self.text.line(f"{self.kind} *const {name} = ({self.kind} *){start};")
        self.scratch += -(-count * self.operands["q"].dtype.itemsize // 64) * 64

    def fill(self, name: str, count: int, value: str = "0") -> None:
        """Write the loop that gives some scratch memory a value."""
        with self.text.loop("i", count):
            self.text.line(f"{name}[i] = {value};")
