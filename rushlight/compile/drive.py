"""Many steps in one native call: programs one after another, each on its part of the data."""

import ctypes
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt

from rushlight.compile.native import Context, Native
from rushlight.compile.pool import pool
from rushlight.compile.turns import turn_of
from rushlight.core.errors import CompileError
from rushlight.core.primitive import Array

Int64s = npt.NDArray[np.int64]


class _Drive(ctypes.Structure):
    """`rl_drive` of runtime/drive.h, field by field."""

    _fields_ = (
        ("calls", ctypes.c_void_p),
        ("runs", ctypes.c_void_p),
        ("which", ctypes.c_void_p),
        ("moved", ctypes.c_int64),
        ("slots", ctypes.c_void_p),
        ("bases", ctypes.c_void_p),
        ("offsets", ctypes.c_void_p),
        ("first", ctypes.c_int64),
        ("last", ctypes.c_int64),
    )


class Drive:
    """Programs over the same states, whose arguments and results move from step to step.

    Args:
        natives: the programs; all take as many arguments and give as many results.
    """

    def __init__(self, natives: Sequence[Native]) -> None:
        self.natives = list(natives)
        self._contexts = [Context(native) for native in natives]
        self._calls = np.array([context.address for context in self._contexts], np.uintp)
        self._runs = np.array([native.address for native in natives], np.uintp)
        written = {id(x) for native in natives for x, _ in native.graph.updates}
        if written:
            for native in natives:
                native.states.expect_writes(written)
        self._turn = turn_of(*[native.graph for native in natives]) or nullcontext()
        self._slots = np.array([_moved_slots(native) for native in natives], np.int32)

    def run(self, which: npt.NDArray[np.int32], moved: Sequence[Any], offsets: Int64s) -> int:
        """Run a program for each element of `which`; return how many steps were done.

        Args:
            which: for each step the number of its program.
            moved: the arrays that hold the arguments, then those that take the results.
            offsets: for each step where in each of them its part begins, in bytes.

        A step in which an index is out of range changes nothing, and is the last.
        """
        offsets = np.ascontiguousarray(offsets, np.int64)
        which = np.ascontiguousarray(which, np.int32)
        bases = np.array([array.ctypes.data for array in moved], np.uintp)
        drive = _Drive(
            calls=self._calls.ctypes.data,
            runs=self._runs.ctypes.data,
            which=which.ctypes.data,
            moved=len(moved),
            slots=self._slots.ctypes.data,
            bases=bases.ctypes.data,
            offsets=offsets.ctypes.data,
            first=0,
            last=len(which),
        )
        with self._turn:
            held = self._bind_states()
            done = pool().drive(ctypes.addressof(drive))
            del held
            for native in self.natives:
                native.note_states()
        return int(done)

    def _bind_states(self) -> list[list[Array]]:
        """Point all programs at the states; return arrays to hold during the call.

        Binding one program may move a state of another, once.
        """
        for _ in range(2):
            before = [context.pointers.copy() for context in self._contexts]
            held = [context.bind_states() for context in self._contexts]
        for old, context in zip(before, self._contexts, strict=True):
            if not np.array_equal(old, context.pointers):
                raise CompileError("programs want the same states in different orders")
        return held


def _moved_slots(native: Native) -> list[int]:
    """Return which pointers of a call are those of its arguments and results, in order."""
    slots = native.program.slots
    arguments = {slot.index: i for i, slot in enumerate(slots) if slot.role == "argument"}
    results = {slot.index: i for i, slot in enumerate(slots) if slot.role == "result"}
    return [found[i] for found in (arguments, results) for i in sorted(found)]
