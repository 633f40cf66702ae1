"""Where captured tensors lie while compiled code uses them.

Compiled code writes states in place. What others hold of a tensor's memory (a NumPy view, a
detached tensor, a call in another thread that reads it) must keep its values: memory is written
only while the tensor alone holds it, as reference counts tell. Where somebody else does, they keep
it, and the tensor moves to a new home.
"""

import itertools
import mmap
from collections.abc import Sequence
from contextlib import suppress
from sys import getrefcount
from typing import Any

import numpy as np

from rushlight.compile.loader import ALIGNMENT
from rushlight.compile.program import Slot
from rushlight.compile.turns import Turn
from rushlight.core.errors import TraceError
from rushlight.core.primitive import Array
from rushlight.core.shapes import size_of
from rushlight.tensor import Tensor

Order = tuple[int, ...]

# A weight and its moments are read side by side: at equal places in a page they would evict
# one another from the cache.
STAGGER, STAGGERED = 1088, 16  # bytes apart, and how many different places there are
HUGE_PAGE = 2 << 20  # bytes: caches and page tables serve such pages better than small ones
WORTH_ONE = HUGE_PAGE // 2  # bytes, of an array or left at its end, that such a page is used for

_numbers = itertools.count()
_staggered = itertools.count()


class Home:
    """Memory that holds a tensor's elements, with the axes in a certain order.

    Attributes:
        array: the elements, in the shape of the tensor.
        raw: the memory that `array` is a view of, where compiled code made it and may write it.
        pointer: where the elements begin.
        number: tells this home from all others, also from those that are gone.
    """

    __slots__ = ("array", "number", "order", "pointer", "raw")

    def __init__(self, array: Array, order: Order, raw: Array | None) -> None:
        self.array = array
        self.order = order
        self.raw = raw
        self.pointer: int = array.ctypes.data
        self.number = next(_numbers)

    def holders(self) -> tuple[int, int]:
        """Return how many hold the array, and the memory that it is a view of."""
        return getrefcount(self.array), getrefcount(self.raw)

    def is_alone(self) -> bool:
        """Return whether nobody but a tensor and this record holds the memory."""
        return getrefcount(self.array) == _ALONE[0] and getrefcount(self.raw) == _ALONE[1]

    def is_in(self, order: Order) -> bool:
        """Return whether the elements lie in an order: axes of one element do not count."""
        return self.order == order or lies_in(self.array, order)

    def __reduce__(self) -> Any:
        return type(None), ()  # of a pickled tensor; a pointer means nothing in another process


def new_home(shape: tuple[int, ...], order: Order, storage: Any) -> Home:
    """Return new memory for elements of a shape, not cleared, where vectors are read fastest."""
    size = size_of(shape) * np.dtype(storage).itemsize
    if hasattr(mmap, "MADV_HUGEPAGE") and size >= WORTH_ONE:
        raw, start = _huge_pages(size)
    else:
        raw = np.empty(size + ALIGNMENT, np.uint8)
        start = -raw.ctypes.data % ALIGNMENT
    elements = raw[start : start + size].view(storage)
    return Home(_shaped(elements, shape, order), order, raw)


def _huge_pages(size: int) -> tuple[Array, int]:
    """Return private memory, on huge pages if it can be, and where in it to begin."""
    huge = (size + HUGE_PAGE - WORTH_ONE) // HUGE_PAGE * HUGE_PAGE
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    memory = mmap.mmap(-1, max(size, huge) + HUGE_PAGE + STAGGER * STAGGERED, flags)
    raw = np.frombuffer(memory, np.uint8)
    start = -raw.ctypes.data % HUGE_PAGE
    with suppress(OSError):  # where the system has no huge pages
        memory.madvise(mmap.MADV_HUGEPAGE, start, huge)
    return raw, start + next(_staggered) % STAGGERED * STAGGER


def new_array(shape: tuple[int, ...], order: Order, storage: Any) -> tuple[Array, Array]:
    """Return new memory in an order of axes, and the array of a shape that views it."""
    raw = np.empty([shape[axis] for axis in order], storage)
    return raw, _shaped(raw, shape, order)


def _shaped(elements: Array, shape: tuple[int, ...], order: Order) -> Array:
    """Return the array of a shape whose elements lie in memory with its axes in `order`."""
    in_memory = elements.reshape([shape[axis] for axis in order])
    return in_memory.transpose([order.index(axis) for axis in range(len(order))])


def lies_in(array: Array, order: Order) -> bool:
    """Return whether an array's elements lie in an order of axes, without gaps."""
    return bool(array.transpose(order).flags.c_contiguous and array.flags.aligned)


def _count_holders_of_one() -> tuple[int, int]:
    """Return what `Home.holders` gives for memory that one tensor holds."""
    home = new_home((2, 3), (1, 0), np.float32)
    tensor = Tensor.wrap(home.array)
    counts = home.holders()
    del tensor
    return counts


_ALONE = _count_holders_of_one()


class State:
    """A captured tensor and the slot of a program for it.

    Args:
        written: whether a call changes it.
    """

    def __init__(self, tensor: Tensor, place: int, slot: Slot, written: bool) -> None:
        self.tensor = tensor
        self.place = place
        self.slot = slot
        self.written = written
        self._copy: Home | None = None  # for reading, in another order than the tensor lies in
        self._copied = (-1, -1)  # of which home, by its number, and as of when

    def settle(self) -> Home:
        """Return memory of the tensor in the order that the program wants, moving it if need be."""
        tensor, order = self.tensor, self.slot.order
        home: Home | None = tensor.home
        if home is not None and home.array is tensor.data:
            if not self.written:
                return home if home.is_in(order) else self._read_copy(home)
            if home.is_alone() and home.is_in(order):
                return home
        self._check()
        if not self.written and lies_in(tensor.data, order):
            tensor.home = Home(tensor.data, order, None)
        else:
            home = new_home(tensor.shape, order, self.slot.dtype.storage)
            home.array[...] = tensor.data
            tensor.data, tensor.home = home.array, home
        return tensor.home  # type: ignore[no-any-return]

    def _read_copy(self, home: Home) -> Home:
        """Return a copy in the order wanted: the tensor stays where another program wants it."""
        copy = self.fresh_copy(home)
        if copy is None:
            copy = new_home(self.tensor.shape, self.slot.order, self.slot.dtype.storage)
            copy.array[...] = home.array
            self._copy = copy
            self._copied = home.number, self.tensor.assigned_at
        return copy

    def fresh_copy(self, home: Home) -> Home | None:
        """Return the copy of what lies in a home, if there is one and it is still the same."""
        fresh = self._copied == (home.number, self.tensor.assigned_at)
        return self._copy if fresh else None

    def _check(self) -> None:
        """Raise if the tensor has become one of another shape or dtype."""
        tensor, slot = self.tensor, self.slot
        if tensor.shape != slot.shape or tensor.dtype is not slot.dtype:
            was, now = f"{slot.dtype} {slot.shape}", tensor.spec
            name = f" {tensor.name}" if tensor.name else ""
            raise TraceError(
                f"the captured tensor{name} was {was} when the function was traced, and is {now}",
                hint="compile the function again: rl.compile(function)",
            )


class States:
    """The captured tensors of a program, and where they were found to lie.

    Args:
        has_turn: whether whoever calls the program takes a turn for it, as it changes something.
    """

    def __init__(self, states: Sequence[State], has_turn: bool) -> None:
        self.has_turn = has_turn
        self._read = [state for state in states if not state.written]
        self._written = [state for state in states if state.written]
        self._pairs = [(state.tensor, state) for state in self._read]
        tensors = [state.tensor for state in self._read]
        self._moving = Turn(tensors, tensors)

    def __bool__(self) -> bool:
        return bool(self._read or self._written)

    def expect_writes(self, tensors: set[int]) -> None:
        """Take states, given by their ids, for written ones: by programs that run with this one."""
        states = [*self._read, *self._written]
        for state in states:
            state.written = state.written or id(state.tensor) in tensors
        self.__init__(states, has_turn=True)  # type: ignore[misc]

    def hold(self, found: list[int], pointers: Any) -> list[Array]:
        """Point a call at the states; return arrays to hold during the call.

        Args:
            found: the numbers of the homes to which the call points; empty at first.
            pointers: the buffers of the call.

        Whoever changes states has its turn. Whoever only reads them may come at any time: what it
        holds is left as it is by those who come later, and it waits for those who came before.
        """
        held = self._look(found) if found else None
        if held is not None and (self.has_turn or not self._moving.must_wait()):
            return held
        del held
        if self.has_turn:
            return self._settle(found, pointers)
        with self._moving:
            return self._settle(found, pointers)

    def _look(self, found: list[int]) -> list[Array] | None:
        """Return the arrays of the states that are read, or None where one has moved."""
        held = []
        numbers = iter(found)
        for tensor, state in self._pairs:
            home, number = tensor.home, next(numbers)
            if home.array is not tensor.data:
                return None
            if home.number != number:
                home = state.fresh_copy(home)
                if home is None or home.number != number:
                    return None
            held.append(home.array)
        for state, number in zip(self._written, numbers, strict=True):
            home = state.tensor.home
            if home.number != number or home.array is not state.tensor.data or not home.is_alone():
                return None
        return held

    def _settle(self, found: list[int], pointers: Any) -> list[Array]:
        """Point a call at the states, and move those that do not lie well."""
        homes = [state.settle() for state in (*self._read, *self._written)]
        found[:] = [home.number for home in homes]
        for state, home in zip((*self._read, *self._written), homes, strict=True):
            pointers[state.place] = home.pointer
        return [home.array for home in homes[: len(self._read)]]
