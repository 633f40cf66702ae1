"""Compiled objects in this process: their functions, and the call that these take."""

import ctypes
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rushlight.core.config import CACHE_DIR
from rushlight.core.errors import CompileError

ALIGNMENT = 64  # bytes: a cache line, and the widest vector

_libraries: dict[str, ctypes.CDLL] = {}


class Call(ctypes.Structure):
    """One run of a compiled graph: `rl_call` of runtime/rushlight.h, field by field."""

    _fields_ = (
        ("buffers", ctypes.c_void_p),
        ("arena", ctypes.c_void_p),
        ("threads", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("parallel", ctypes.c_void_p),
        ("failed", ctypes.c_int64),
        ("found", ctypes.c_int64),
    )


def load(path: Path) -> ctypes.CDLL:
    """Return the library at `path`, loaded once per process, with names that it alone sees.

    Raises CompileError where the system does not load it.
    """
    name = os.fspath(path)
    library = _libraries.get(name)
    if library is None:
        try:
            library = ctypes.CDLL(name, mode=os.RTLD_NOW | os.RTLD_LOCAL)
        except OSError as error:
            hint = f"set {CACHE_DIR} to a folder on a disk from which programs may run"
            raise CompileError(f"compiled code cannot be loaded: {error}", hint=hint) from None
        _libraries[name] = library
    return library


def function(library: ctypes.CDLL, name: str) -> Callable[[int], int]:
    """Return a C function that takes one address and returns an int64, without the GIL.

    Whoever calls it keeps alive what lies at that address. Raises CompileError for a name that
    the library does not have.
    """
    found = _symbol(library, name)
    found.restype = ctypes.c_int64
    found.argtypes = (ctypes.c_void_p,)
    called: Callable[[int], int] = found
    return called


def address(library: ctypes.CDLL, name: str) -> int:
    """Return where a function lies, for C that calls it.

    Raises CompileError for a name that the library does not have.
    """
    return int(ctypes.cast(_symbol(library, name), ctypes.c_void_p).value or 0)


def _symbol(library: ctypes.CDLL, name: str) -> Any:
    try:
        return library[name]  # a new object each time: its types belong to whoever asked
    except AttributeError:
        raise CompileError(f"compiled code has no function {name}") from None


def arena(size: int) -> npt.NDArray[np.uint8]:
    """Return `size` bytes of memory, not cleared, that begin at a multiple of 64.

    >>> arena(100).ctypes.data % 64, arena(100).size
    (0, 100)
    """
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start:][:size]  # in two steps: an empty slice would begin at 0


def addresses(arrays: list[npt.NDArray[Any]]) -> npt.NDArray[np.uintp]:
    """Return where the elements of arrays begin: what `rl_call` has as `buffers`.

    >>> x = np.zeros(3)
    >>> addresses([x, x]).tolist() == [x.ctypes.data, x.ctypes.data]
    True
    """
    return np.array([x.ctypes.data for x in arrays], np.uintp)
