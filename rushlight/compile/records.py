"""What lowering and emitting hand to each other: buffers, views of them, nests, and kernels' C."""

from dataclasses import dataclass, field

from rushlight.core.dtypes import DType
from rushlight.core.shapes import Shape, size_of

Strides = tuple[int, ...]  # in elements


@dataclass(eq=False)
class Buffer:
    """Memory for one value: its logical shape, and in which order its axes lie, outermost first."""

    name: str  # what the C calls it
    shape: Shape
    dtype: DType
    order: tuple[int, ...]
    role: str = "temporary"  # or "argument", "state", "gradient", "constant", "result"
    index: int = -1  # which argument, state, gradient, constant or result it is
    slot: int = -1  # its place in the call's buffers, where it is not a temporary or a table
    offset: int = -1  # its place in the arena in bytes, where it is one

    @property
    def size(self) -> int:
        return size_of(self.shape)

    @property
    def bytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def strides(self) -> Strides:
        """How far, in elements, one step along each logical axis goes."""
        strides = [0] * len(self.shape)
        step = 1
        for axis in reversed(self.order):
            strides[axis] = step
            step *= max(1, self.shape[axis])
        return tuple(strides)

    def view(self) -> "Strided":
        """Return the view of the whole."""
        return Strided(self, self.shape, self.strides)


@dataclass(frozen=True)
class Strided:
    """Elements of a buffer: at `offset` plus, for each axis, index times stride, in elements."""

    buffer: Buffer
    shape: Shape
    strides: Strides
    offset: int = 0

    @property
    def dtype(self) -> DType:
        return self.buffer.dtype


@dataclass(frozen=True)
class Axis:
    """An axis of a nest: its size, and how far one step along it moves in each operand."""

    size: int
    left: int
    right: int
    out: int


@dataclass(frozen=True)
class Nest:
    """A contraction over memory, its axes by what they do; outermost first in each group.

    `batch` moves in out and may move in both others; `rows` does not move in right, `columns` not
    in left; `inner` is summed, so does not move in out; `taps` is summed one index after another,
    each adding to a window of out that overlaps the last one's.
    """

    batch: tuple[Axis, ...] = ()
    rows: tuple[Axis, ...] = ()
    columns: tuple[Axis, ...] = ()
    inner: tuple[Axis, ...] = ()
    taps: tuple[Axis, ...] = ()


@dataclass(frozen=True)
class Operand:
    """What an epilogue reads or writes beside the sum: strides over batch, rows, columns axes."""

    name: str
    dtype: DType
    strides: Strides
    written: bool = False


@dataclass(frozen=True)
class Epilogue:
    """What is done with each element of a contraction when its sum is complete.

    `lines` are C statements for one element, with the placeholder {acc} for the sum and one, by
    name, for each operand's element. `prologue` are statements done once a call, with the pointers
    of the operands by their bare names.
    """

    operands: tuple[Operand, ...]
    lines: tuple[str, ...]
    prologue: tuple[str, ...] = ()


@dataclass(frozen=True)
class KernelCode:
    """The C of one kernel.

    `text` defines `static void NAME(pointers..., char *scratch, int64_t first, int64_t last)`: it
    does the units from `first` to before `last`; a unit's results depend on no other unit.
    """

    text: str
    units: int
    scratch: int = 0  # bytes of scratch that each thread needs, 64-byte aligned
    headers: tuple[str, ...] = field(default=())  # what it needs of the runtime, such as "vec.h"


@dataclass
class Emitted:
    """A kernel's C, and what it is called with: buffers with offsets, which of them it writes.

    After those come, where it wants them, scratch memory, then the units, then the call itself.
    """

    code: KernelCode
    operands: list[tuple[Buffer, int]]  # and where in the buffer, in elements
    written: set[Buffer]
    checks: bool = False
    scratch: bool = False
