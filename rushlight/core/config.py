"""Settings from the environment: no other module reads environment variables."""

import os
import shlex
from pathlib import Path

import platformdirs

from rushlight.core.errors import UsageError

DATA_DIR = "RUSHLIGHT_DATA_DIR"
CACHE_DIR = "RUSHLIGHT_CACHE_DIR"
THREADS = "RUSHLIGHT_THREADS"
COMPILER = "RUSHLIGHT_CC"

MOST_THREADS = 256  # as many as runtime/threads.c has room for


def data_dir() -> Path | None:
    """Return the folder of data sets that the user named in RUSHLIGHT_DATA_DIR, or None.

    Raises UsageError where the variable is set and no such folder exists.

    >>> data_dir() is None or data_dir().is_dir()
    True
    """
    folder = _folder(DATA_DIR)
    if folder is not None and not folder.is_dir():
        raise UsageError(f"{DATA_DIR} names {folder}, which is not a folder")
    return folder


def cache_dir() -> Path:
    """Return the folder for what can be made or downloaded again, whether or not it exists.

    This is RUSHLIGHT_CACHE_DIR where that is set, else the platform's own place, such as
    ~/.cache/rushlight.

    >>> cache_dir().is_absolute()
    True
    """
    return _folder(CACHE_DIR) or platformdirs.user_cache_path("rushlight", appauthor=False)


def threads() -> int | None:
    """Return the number of threads that the user set in RUSHLIGHT_THREADS, or None.

    Raises UsageError where the variable is set to anything but a number from 1 to 256.

    >>> threads() is None or threads() >= 1
    True
    """
    value = os.environ.get(THREADS, "").strip()
    if not value:
        return None
    if value.isascii() and value.isdecimal() and 1 <= int(value[:9]) <= MOST_THREADS:
        return int(value)
    raise UsageError(f"{THREADS} is a number from 1 to {MOST_THREADS}, not {value!r:.40}")


def compiler() -> list[str] | None:
    """Return the C compiler that the user set in RUSHLIGHT_CC, as a list of words, or None.

    It is the path of a program, or a command such as `clang` or `zig cc`. Raises UsageError where
    a quotation mark in it is never closed.

    >>> compiler() is None or len(compiler()) >= 1
    True
    """
    value = os.environ.get(COMPILER, "").strip()
    if not value:
        return None
    if os.path.isfile(value):
        return [value]
    try:
        return shlex.split(value)
    except ValueError:
        fact = f"{COMPILER} is no command: a quotation mark is not closed in {value!r:.80}"
        raise UsageError(fact) from None


def search_path() -> str:
    """Return where programs are looked for, as in PATH.

    >>> isinstance(search_path(), str)
    True
    """
    return os.environ.get("PATH", os.defpath)


def environment(**changes: str) -> dict[str, str]:
    """Return the variables that a child process gets: those of this one, and the changes.

    A compiler finds its assembler and linker by PATH, so there is one where this process has none.

    >>> environment(LC_ALL="C")["LC_ALL"]
    'C'
    """
    return {"PATH": search_path(), **os.environ, **changes}


def _folder(variable: str) -> Path | None:
    value = os.environ.get(variable, "")
    if not value:
        return None
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError:
        raise UsageError(f"{variable} names {value}, whose home folder is unknown") from None
