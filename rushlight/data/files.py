"""Where the files of data sets are: found on this machine, or downloaded and checked."""

import gzip
import hashlib
import io
import os
import urllib.parse
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from rushlight.core import config
from rushlight.core.errors import DataError, FormatError
from rushlight.data.decode import decode
from rushlight.data.download import download
from rushlight.data.part import Part
from rushlight.formats.atomic import atomic_write

# The data sets that lie beside the package in a checkout of the project.
CHECKOUT = Path(__file__).resolve().parents[2] / "data"
MAX_TEXT = 1 << 26  # bytes
# What a file may be larger than its content: line ends, an archive's own records.
SLACK = 1 << 16


class _WrongContent(DataError):
    """A file that came whole, and is not the one that was asked for."""


@dataclass(frozen=True)
class DataFile:
    """One file of a data set, and what must be in it.

    The content of a gzip file is what it decompresses to, that of a text file its text with LF
    line ends. The checksum is of the content, since mirrors pack it differently; or, where only
    that is published, of the file as it is packed. A mirror `https://host/archive.zip#member`
    stands for a member of an archive.

    >>> DataFile("tiny/x.txt", "text", 3, "900150983cd24fb0d6963f7d28e17f72", ()).name
    'tiny/x.txt'
    """

    name: str  # the path below a data folder, with forward slashes
    kind: Literal["gzip", "text"]
    size: int  # bytes of content
    md5: str  # of the content, or of the packed file
    mirrors: tuple[str, ...]
    md5_of: Literal["content", "packed"] = "content"


def find(file: DataFile) -> Path | None:
    """Return where the file lies on this machine, or None.

    Looked at in this order: RUSHLIGHT_DATA_DIR, the checkout's data folder, the cache folder. A
    file in the first two is the user's own, so its checksum is not compared.

    >>> find(DataFile("no/such.file", "text", 0, "", ())) is None
    True
    """
    chosen = config.data_dir()
    folders = [CHECKOUT, _downloads()] if chosen is None else [chosen, CHECKOUT, _downloads()]
    for folder in folders:
        path = folder / file.name
        if path.is_file():
            return path
    return None


def fetch(file: DataFile, timeout: float = 20.0) -> Path:
    """Return where the file lies, downloaded into the cache folder first if it must be.

    The mirrors are asked in order until one gives the right content; the file appears in the
    cache folder whole or not at all. What came before a connection broke is kept beside it, and
    the next call asks for the rest. Raises DataError that names what each mirror said, and
    where to put the file by hand. `timeout` is in seconds, for each wait.

    >>> fetch(DataFile("no/such.file", "text", 0, "", ()))
    Traceback (most recent call last):
    rushlight.DataError: no/such.file: not found here, and no mirror gave it
      hint: put the file at ...
    """
    found = find(file)
    if found is not None:
        return found
    target = _downloads() / file.name
    answers = []
    for mirror in file.mirrors:
        try:
            packed = _download(file, mirror, timeout, _part(target, mirror))
        except DataError as error:
            answers.append((mirror, error.fact))
        else:
            for one in file.mirrors:
                _part(target, one).discard()
            _place(packed, target)
            return target
    failure = DataError(
        f"{file.name}: not found here, and no mirror gave it",
        hint=f"put the file at {target}, or set {config.DATA_DIR} to a folder with {file.name}",
    )
    failure.operands = answers
    raise failure


def require_file(path: str | os.PathLike[str]) -> None:
    """Raise DataError unless there is an ordinary file at the path.

    >>> require_file("no-such.file")
    Traceback (most recent call last):
    rushlight.DataError: no-such.file: there is no such file
    """
    if not os.path.isfile(path):
        raise DataError(f"{os.fspath(path)}: there is no such file")


def read_text(path: str | os.PathLike[str], encoding: str = "utf-8") -> str:
    """Return the text of a file, with LF line ends.

    Raises DataError for a file that cannot be read, FormatError for one of another encoding or
    larger than 64 MB.

    >>> "def read_text" in read_text(__file__)
    True
    """
    require_file(path)
    try:
        with open(path, "rb") as stream:
            data = stream.read(MAX_TEXT + 1)
    except OSError as error:
        raise DataError(f"{os.fspath(path)}: cannot be read: {error.strerror or error}") from None
    if len(data) > MAX_TEXT:
        raise FormatError(f"more than {MAX_TEXT} bytes of text", path=path)
    return decode(data, encoding, path).replace("\r\n", "\n")


def _downloads() -> Path:
    return config.cache_dir() / "data"


def _part(target: Path, mirror: str) -> Part:
    """Return where the part of a file that came from a mirror is kept."""
    url = urllib.parse.urldefrag(mirror).url
    name = hashlib.md5(url.encode(), usedforsecurity=False).hexdigest()[:8]
    return Part(target.with_name(f"{target.name}.{name}.part"), url)


def _download(file: DataFile, mirror: str, timeout: float, part: Part) -> bytes:
    """Return the bytes of the file from one mirror; raises DataError unless they are right.

    If they are wrong, a part that they began with may be to blame, so they are fetched whole.
    """
    url, member = urllib.parse.urldefrag(mirror)
    limit = 2 * file.size + SLACK
    resumed = bool(part.load(limit))
    try:
        return _checked(file, download(url, limit, timeout, part=part), member)
    except _WrongContent:
        part.discard()
        if not resumed:
            raise
    try:
        return _checked(file, download(url, limit, timeout, part=part), member)
    except _WrongContent:
        part.discard()
        raise


def _checked(file: DataFile, packed: bytes, member: str) -> bytes:
    """Return the bytes of the file; raises _WrongContent unless they are what they must be."""
    if member:
        packed = _unzip(packed, member, limit=2 * file.size + SLACK)
    content = _gunzip(packed, file.size) if file.kind == "gzip" else packed.replace(b"\r\n", b"\n")
    if len(content) != file.size:
        size = "more" if len(content) > file.size else f"{len(content)}"
        raise _WrongContent(f"wrong content: {size} bytes instead of {file.size}")
    checked = content if file.md5_of == "content" else packed
    md5 = hashlib.md5(checked, usedforsecurity=False).hexdigest()
    if md5 != file.md5:
        raise _WrongContent(f"wrong content: MD5 {md5} instead of {file.md5}")
    return packed


def _gunzip(packed: bytes, size: int) -> bytes:
    """Return the content, or its first size + 1 bytes where there is more."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            return stream.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _WrongContent(f"wrong content: {error}") from None


def _unzip(packed: bytes, member: str, limit: int) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive, archive.open(member) as stream:
            return stream.read(limit)
    except KeyError:
        raise _WrongContent(f"the archive has no {member}") from None
    except Exception as error:  # zipfile promises no family of errors
        raise _WrongContent(f"wrong content: {error}") from None


def _place(packed: bytes, target: Path) -> None:
    def write(file: BinaryIO) -> None:
        file.write(packed)

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(target, write)
    except OSError as error:
        raise DataError(
            f"{target}: cannot be written: {error.strerror or error}",
            hint=f"set {config.CACHE_DIR} to a folder that can be written",
        ) from None
