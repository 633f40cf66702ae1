"""What the command line writes: streams that take any text, and one line for what is wrong."""

import contextlib
import io
import os
import sys
from typing import TextIO, cast

from rushlight.core.errors import RushlightError

LONGEST = 1000  # characters of a line about what is wrong


def open_streams() -> None:
    """Open streams that are closed on nothing, and let none fail at a character it cannot hold."""
    if sys.stdin is None:
        sys.stdin = _nothing("r")
    if sys.stdout is None:
        sys.stdout = _nothing("w")
    if sys.stderr is None:
        sys.stderr = _nothing("w")
    wanted = (
        (sys.stdin, "surrogateescape"),  # as file names have it
        (sys.stdout, "replace"),
        (sys.stderr, "backslashreplace"),
    )
    for stream, errors in wanted:
        if isinstance(stream, io.TextIOWrapper) and stream.errors != errors:
            stream.reconfigure(errors=errors)


def _nothing(mode: str) -> TextIO:
    return cast(TextIO, open(os.devnull, mode, encoding="utf-8"))


def drop_unwritable() -> None:
    """Flush; drop what cannot be written, or the interpreter fails at it again when it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def complain(text: str, start: str = "") -> None:
    """Write one line to standard error, or nothing where even that is impossible."""
    if len(text) > LONGEST:
        text = text[:LONGEST] + "..."
    line = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    with contextlib.suppress(OSError):
        print(f"{start}rushlight: {line}", file=sys.stderr, flush=True)


def describe(error: RushlightError | OSError | MemoryError) -> str:
    """Return what is wrong, and what would work where that is known.

    >>> describe(FileNotFoundError(2, "No such file or directory", "notes.txt"))
    'notes.txt: no such file or directory'
    """
    if isinstance(error, RushlightError):
        place = f"{error.op}: " if error.op else ""
        hint = f" ({error.hint})" if error.hint else ""
        return f"{place}{error.fact}{hint}"
    if isinstance(error, MemoryError):
        return f"there is not enough memory: {error}" if str(error) else "out of memory"
    return f"{error.filename}: {reason(error)}" if error.filename else reason(error)


def reason(error: OSError) -> str:
    """Return what the system says of an error.

    >>> reason(FileNotFoundError(2, "No such file or directory", "notes.txt"))
    'no such file or directory'
    """
    return (error.strerror or str(error)).lower()
