"""Writing a file so that it is always whole: the old one or the new one, never a part.

The bytes go to a temporary file beside the target, are flushed to the disk, and take the target's
name in one step. A process that is killed leaves the old file and a temporary one, which a later
save into the same folder removes.
"""

import contextlib
import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from rushlight.core.errors import UsageError

_TEMP_NAME = re.compile(r"\.rushlight-[0-9]+-[0-9a-f]{16}\.tmp")


def check_path(path: Any) -> None:
    """Raise UsageError unless `path` is text or a `pathlib.Path`: an int would be a descriptor."""
    if not isinstance(path, (str, os.PathLike)):
        raise UsageError(f"a path is a text or a Path, not {path!r:.60}")


def atomic_write(path: str | os.PathLike[str], write: Callable[[BinaryIO], None]) -> None:
    """Replace the file at `path` by what `write` puts into the file object that it is given.

    A new file gets the mode that the umask leaves, an old one keeps its mode; a symbolic link
    stays, and the file that it leads to is replaced. Temporary files that killed processes left
    in the folder more than an hour ago are removed.

    Raises:
        OSError: a step failed (also where `path` is read-only, or no regular file). The old file
            is untouched then, and no temporary file is left.
        Exception: whatever `write` raises, with the same guarantee.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     target = Path(folder, "note.txt")
    ...     atomic_write(target, lambda file: print(file.write(b"whole")))
    ...     target.read_bytes()
    5
    b'whole'
    """
    target = _resolve(path)
    mode = _replaceable_mode(target)
    clean_stale_temps(target.parent)
    temp = target.with_name(f".rushlight-{os.getpid()}-{secrets.token_hex(8)}.tmp")
    descriptor = _create(temp, 0o666 if mode is None else mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                os.chmod(temp, mode)
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temp, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temp.unlink()
        if isinstance(error, OSError):
            error.filename = error.filename or os.fspath(path)
        raise
    _sync_folder(target.parent)


def append(path: str | os.PathLike[str], data: bytes) -> None:
    """Add bytes to the end of a file, which is made if there is none: all of them, or none.

    Raises:
        OSError: they cannot be written, for want of room say.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "log.txt")
    ...     append(path, b"one, ")
    ...     append(path, b"two")
    ...     path.read_text()
    'one, two'
    """
    with open(path, "ab", buffering=0) as file:
        written = 0
        try:
            while written < len(data):  # a disk that gets full takes a part at first
                written += file.write(data[written:])
        except OSError as error:
            if written:
                file.truncate(file.tell() - written)
            error.filename = error.filename or os.fspath(path)
            raise


def clean_stale_temps(folder: str | os.PathLike[str], older_than_s: float = 3600) -> None:
    """Remove the temporary files of `atomic_write` in `folder` that have not grown for so long.

    What cannot be removed or listed is left alone.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     temp = Path(folder, ".rushlight-1-0123456789abcdef.tmp")
    ...     temp.touch()
    ...     clean_stale_temps(folder)
    ...     temp.exists()
    ...     clean_stale_temps(folder, older_than_s=-1)
    ...     temp.exists()
    True
    False
    """
    newest = time.time() - older_than_s
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _TEMP_NAME.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < newest:
                        os.unlink(entry.path)


def _resolve(path: str | os.PathLike[str]) -> Path:
    """Follow symbolic links to the file that is to be replaced."""
    try:
        target = Path(os.path.realpath(path))
    except ValueError as error:  # a NUL byte, or characters that no file name can have
        raise OSError(errno.EINVAL, f"unusable file name: {error}") from error
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "No such folder", str(target.parent))
    return target


def _replaceable_mode(target: Path) -> int | None:
    """Return the permission bits of the file that is to be replaced, None where there is none."""
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file", str(target))
    if not status.st_mode & 0o222:
        raise PermissionError(errno.EACCES, "The file is read-only", str(target))
    return stat.S_IMODE(status.st_mode) & 0o777


def _create(temp: Path, mode: int) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    return os.open(temp, flags, mode)


def _sync_folder(folder: Path) -> None:
    """Ask the disk to keep the new name.

    A refusal is no error: not all file systems can do it, and the new file is in place, whole.
    """
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
