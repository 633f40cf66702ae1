"""Which generator of C this is: part of the key under which compiled code is kept."""

import functools
import os
from collections.abc import Iterator

from rushlight._version import __version__
from rushlight.compile.cache import digest
from rushlight.core.source import PACKAGE

PARTS = ("core", "ops", "graph", "compile")  # the packages that C depends on
KINDS = (".py", ".h", ".c")


@functools.cache
def generator() -> str:
    """Return what tells this generator of C from others: its version, and its files' dates."""
    parts = [__version__]
    for part in PARTS:
        parts += sorted(_files(os.path.join(PACKAGE, part)))
    return digest(*parts)


def _files(folder: str) -> Iterator[str]:
    """Yield the path, size and date of each source file in a folder."""
    try:
        items = list(os.scandir(folder))
    except OSError:  # where the package is no folder, the version must do
        return
    for item in items:
        if item.is_dir():
            yield from _files(item.path)
        elif item.name.endswith(KINDS):
            status = item.stat()
            yield f"{item.path} {status.st_size} {status.st_mtime_ns}"
