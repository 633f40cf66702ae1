"""Reading and writing safetensors files: strict, mapped into memory, replaced as a whole.

Whatever is read here, the official library reads as well; the reverse does not hold, for it takes
files that its own description forbids. Format: https://github.com/huggingface/safetensors#format
"""

import contextlib
import mmap
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import DTypeError, FormatError, ShapeError, UsageError, did_you_mean
from rushlight.formats.atomic import atomic_write, check_path
from rushlight.formats.safetensors_header import (
    MAX_HEADER,
    STORAGE,
    build_header,
    check_max_header,
    parse_header,
    shown,
)

_NAMES_WORTH_A_HINT = 1000


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor as a file holds it: the format's dtype, the shape, the elements.

    F16 and BF16 are kept as the uint16 of their bits, all else as the NumPy dtype of that name.

    Raises:
        DTypeError: `dtype` is unknown, or does not go with the dtype of `array`.
        ShapeError: `shape` is not the shape of `array`.

    >>> StoredTensor("BF16", (2,), np.array([0x3F80, 0x4000], dtype=np.uint16)).dtype
    'BF16'
    """

    dtype: str
    shape: tuple[int, ...]
    array: NDArray[Any]

    def __post_init__(self) -> None:
        if self.dtype not in STORAGE:
            raise DTypeError(
                f"dtype {self.dtype!r} is not stored", hint=did_you_mean(self.dtype, STORAGE)
            )
        if self.array.dtype.newbyteorder("<") != STORAGE[self.dtype]:
            raise DTypeError(
                f"{self.dtype} is stored as {STORAGE[self.dtype].name}, not {self.array.dtype}"
            )
        if self.array.shape != self.shape:
            raise ShapeError(f"shape is {self.shape}, but the array has {self.array.shape}")

    @classmethod
    def of(cls, array: NDArray[Any]) -> Self:
        """Wrap a NumPy array under the dtype of the format that has its name.

        Raises:
            DTypeError: the format has no such dtype.

        >>> StoredTensor.of(np.zeros((2, 3), dtype=np.float16)).dtype
        'F16'
        """
        if array.dtype.newbyteorder("<") == np.dtype("<f2"):
            return cls("F16", array.shape, array.astype("=f2", copy=False).view(np.uint16))
        for dtype, storage in STORAGE.items():
            if dtype not in ("F16", "BF16") and array.dtype.newbyteorder("<") == storage:
                return cls(dtype, array.shape, array)
        raise DTypeError(f"{array.dtype} is no dtype of safetensors files")


class SafetensorsFile:
    """An open file: `tensor` gives a view into it, without a copy.

    On POSIX, replacing the file does no harm to the views; cutting it short in place would end the
    process, as with any mapped file. `close` and the end of a `with` block end the access; views
    taken earlier stay valid, and the last of them gives the memory back.
    """

    def __init__(
        self,
        content: bytes | mmap.mmap,
        path: str | os.PathLike[str] | None = None,
        max_header: int = MAX_HEADER,
    ) -> None:
        self._header = parse_header(content, path, max_header)
        self._content: bytes | mmap.mmap | None = content
        self._path = path

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tensors, in the order of the header."""
        return tuple(self._header.tensors)

    @property
    def metadata(self) -> dict[str, str]:
        """A copy of the texts that the file carries beside its tensors."""
        return dict(self._header.metadata)

    def tensor(self, name: str) -> StoredTensor:
        """Return the tensor called `name`, read-only, in the memory of the file.

        Elements that are not aligned in the file, and all on a big-endian machine, are copied.

        Raises:
            FormatError: no tensor has this name, the file is closed, or a BOOL is neither 0 nor 1.
        """
        if self._content is None:
            raise FormatError("the file is closed", path=self._path)
        entry = self._header.tensors.get(name)
        if entry is None:
            known = self.names[:_NAMES_WORTH_A_HINT]
            raise FormatError(
                f"no tensor {shown(name)}", path=self._path, hint=did_you_mean(name, known)
            )
        storage = STORAGE[entry.dtype]
        start = self._header.data_start + entry.begin
        raw = np.frombuffer(self._content, np.uint8, entry.end - entry.begin, start)
        if entry.dtype == "BOOL":
            self._check_bools(raw, name, start)
        array = raw.view(storage).reshape(entry.shape)
        if not array.flags.aligned or not array.dtype.isnative:
            array = array.astype(storage.newbyteorder("="))
            array.flags.writeable = False
        return StoredTensor(entry.dtype, entry.shape, array)

    def close(self) -> None:
        """End the access to the file; a second call does nothing."""
        content, self._content = self._content, None
        if isinstance(content, mmap.mmap):
            with contextlib.suppress(BufferError):  # views are left: the last one will close it
                content.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _check_bools(self, raw: NDArray[np.uint8], name: str, start: int) -> None:
        wrong = np.flatnonzero(raw > 1)
        if wrong.size:
            raise FormatError(
                f"tensor {shown(name)}: a BOOL is {raw[wrong[0]]}, neither 0 nor 1",
                path=self._path,
                offset=start + int(wrong[0]),
            )


def load_file(path: str | os.PathLike[str], *, max_header: int = MAX_HEADER) -> SafetensorsFile:
    """Open a safetensors file.

    Only the header is read, and checked in full; at most `max_header` bytes of it.

    Raises:
        FormatError: the file is missing, unreadable, no regular file, or breaks a rule of the
            format; the error says which and at which byte.
        UsageError: `path` is no path, or `max_header` is above 100,000,000.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_file(f"{folder}/a.safetensors", {"w": StoredTensor.of(np.arange(3.0))})
    ...     with load_file(f"{folder}/a.safetensors") as file:
    ...         print(file.names, file.tensor("w").array)
    ('w',) [0. 1. 2.]
    """
    check_max_header(max_header)
    check_path(path)
    content = _map(path)
    try:
        return SafetensorsFile(content, path, max_header)
    except FormatError:
        content.close()
        raise


def load_bytes(content: bytes, *, max_header: int = MAX_HEADER) -> SafetensorsFile:
    """Read the bytes of a safetensors file that are in memory already.

    Raises:
        FormatError: they break a rule of the format.
        UsageError: `max_header` is above 100,000,000.

    >>> load_bytes(bytes([2, 0, 0, 0, 0, 0, 0, 0]) + b"{}").names
    ()
    """
    check_max_header(max_header)
    return SafetensorsFile(content, max_header=max_header)


def save_file(
    path: str | os.PathLike[str],
    tensors: Mapping[str, StoredTensor],
    metadata: Mapping[str, str] | None = None,
    *,
    max_header: int = MAX_HEADER,
) -> None:
    """Write a safetensors file: the whole new one takes the place of the old one, or none does.

    Arrays may have any strides and byte order. All is checked by the reader's own limits before
    the disk is touched.

    Raises:
        FormatError: a name or the metadata is something that `load_file` refuses, or the file
            cannot be written; an old file is untouched then.
        UsageError: `path` is no path, a value no `StoredTensor`, or `max_header` is above
            100,000,000.
    """
    check_max_header(max_header)
    check_path(path)
    for name, tensor in tensors.items():
        if not isinstance(tensor, StoredTensor):
            raise UsageError(
                f"tensor {name!r:.60} is a {type(tensor).__name__}, not a StoredTensor",
                hint="StoredTensor.of wraps a NumPy array",
            )
    layout = {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}
    header, order = build_header(layout, metadata or {}, path, max_header)

    def write(file: BinaryIO) -> None:
        file.write(header)
        for name in order:
            file.write(_little_endian(tensors[name]))

    try:
        atomic_write(path, write)
    except OSError as error:
        raise FormatError(f"cannot be written: {error.strerror or error}", path=path) from error


def _little_endian(tensor: StoredTensor) -> memoryview:
    array = np.ascontiguousarray(tensor.array, dtype=STORAGE[tensor.dtype])
    return array.reshape(-1).view(np.uint8).data


def _map(path: str | os.PathLike[str]) -> mmap.mmap:
    """Map a file for reading; a folder, a pipe or a device is refused before it can block."""
    try:
        _check_regular(os.stat(path), path)
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
        flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(path, flags)
        try:
            _check_regular(os.fstat(descriptor), path)  # it may be another file by now
            return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise FormatError("no such file", path=path) from error
    except PermissionError as error:
        raise FormatError("permission to read it is denied", path=path) from error
    except FormatError:
        raise
    except (OSError, ValueError, OverflowError) as error:
        raise FormatError(f"cannot be read: {error}", path=path) from error


def _check_regular(status: os.stat_result, path: str | os.PathLike[str]) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise FormatError("is a folder, not a file", path=path)
    if not stat.S_ISREG(status.st_mode):
        raise FormatError("is a pipe, a socket or a device, not a file", path=path)
    if status.st_size == 0:
        raise FormatError("the file is empty", path=path)
