"""The header of a safetensors file: a length, then JSON that says where each tensor lies.

The JSON has a fixed shape, so a small grammar reads it instead of a general parser. Nothing nests
deeper than the grammar does, nothing is built that the format has no place for, and every refusal
knows its byte. Format: https://github.com/huggingface/safetensors#format
"""

import json
import math
import mmap
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

import numpy as np

from rushlight.core.errors import FormatError, UsageError

STORAGE: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<u2"),
    "BF16": np.dtype("<u2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
"""How the elements of each dtype of the format lie in the file."""

MAX_HEADER = 16 * 1024**2  # bytes; the most that a caller may ask for is the format's own limit
MAX_HEADER_OF_FORMAT = 100_000_000
MAX_ENTRIES = 100_000  # of tensors, and of metadata
MAX_NAME = 1024  # bytes of UTF-8
MAX_RANK = 8
MAX_BYTES = 2**63 - 1  # NumPy counts the bytes of an array in 63 bits, zero sizes left out
LENGTH_SIZE = 8  # bytes of the little-endian number before the JSON
METADATA = "__metadata__"

_SPACE = rb"[ \t\r\n]*+"
_COLON = _SPACE + rb":" + _SPACE
_COMMA = rb"," + _SPACE
_STRING = rb'"((?:[^"\\\x00-\x1f]++|\\[^\x00-\x1f])*+)"'
_INTEGER = rb"(?:0|[1-9][0-9]{0,19}+)" + _SPACE
# Without possessive groups, which before Python 3.11.4 take back half of what they matched.
_SIZES = rb"(?:%b(?:%b%b){0,%d})?" % (_INTEGER, _COMMA, _INTEGER, MAX_RANK - 1)
_DTYPE = rb'dtype"%b"([A-Z0-9_]++)"' % _COLON
_SHAPE = rb'shape"%b(\[%b%b\])' % (_COLON, _SPACE, _SIZES)
_OFFSETS = rb'data_offsets"%b(\[%b%b%b%b\])' % (_COLON, _SPACE, _INTEGER, _COMMA, _INTEGER)
_FIELD = rb'"(?:%b|%b|%b)%b' % (_DTYPE, _SHAPE, _OFFSETS, _SPACE)
_KEY = _STRING + _COLON

_FIRST_PATTERN = re.compile(rb"\{%b(?:%b|\})" % (_SPACE, _KEY))
_NEXT_PATTERN = re.compile(rb"%b(?:%b%b|\})" % (_SPACE, _COMMA, _KEY))
_STRING_PATTERN = re.compile(_STRING)
_ENTRY_PATTERN = re.compile(rb"\{" + _SPACE + _COMMA.join([_FIELD] * 3) + rb"\}")
_ENTRY_WANTED = (
    f'{{"dtype": "...", "shape": [at most {MAX_RANK} sizes], "data_offsets": [begin, end]}}'
)
_NUMBER_PATTERN = re.compile(rb"[0-9]++")
_TRAILER_PATTERN = re.compile(rb" *+\Z")
_CONTROL_PATTERN = re.compile("[\x00-\x1f\x7f-\x9f]")


class Entry(NamedTuple):
    """One tensor of the header: its bytes are `begin` to `end` of the data after the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Header(NamedTuple):
    """What a header says: the tensors in its own order, the metadata, where the data begins."""

    tensors: dict[str, Entry]
    metadata: dict[str, str]
    data_start: int


def check_max_header(max_header: int) -> None:
    """Refuse a limit that the format does not know.

    Raises:
        UsageError: `max_header` is not from 2 to 100,000,000.
    """
    if not 2 <= max_header <= MAX_HEADER_OF_FORMAT:
        raise UsageError(
            f"max_header is {max_header:,}, not from 2 to {MAX_HEADER_OF_FORMAT:,} bytes"
        )


def parse_header(
    content: bytes | mmap.mmap,
    path: str | os.PathLike[str] | None = None,
    max_header: int = MAX_HEADER,
) -> Header:
    r"""Read the header of a whole file, and nothing after it.

    Raises:
        FormatError: the header is not exactly what the format allows, takes more than
            `max_header` bytes, or its tensors do not cover the data exactly, each byte once.

    >>> parse_header(b'\x02\0\0\0\0\0\0\0{}')
    Header(tensors={}, metadata={}, data_start=10)
    """
    end = LENGTH_SIZE + _header_length(content, path, max_header)
    reader = _Reader(content, LENGTH_SIZE, end, path)
    header = reader.header()
    _check_layout(header, len(content) - end, path)
    return header


def build_header(
    tensors: Mapping[str, tuple[str, tuple[int, ...]]],
    metadata: Mapping[str, str],
    path: str | os.PathLike[str] | None = None,
    max_header: int = MAX_HEADER,
) -> tuple[bytes, list[str]]:
    r"""Return the length and JSON for `tensors` (dtype and shape), and the order of their data.

    The header keeps the order of the mapping. The data begins at a multiple of 8 bytes and goes
    from wide elements to narrow ones, so that every tensor is aligned to its element.

    Raises:
        FormatError: a name, a shape or the metadata is something that `parse_header` refuses.

    >>> build_header({"w": ("F32", (2,))}, {})
    (b'8\x00...{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  ', ['w'])
    """
    _check_metadata(metadata, path)
    _check_tensors(tensors, path)
    order = sorted(tensors, key=lambda name: -STORAGE[tensors[name][0]].itemsize)
    offsets = {}
    end = 0
    for name in order:
        begin, end = end, end + byte_count(*tensors[name])
        offsets[name] = [begin, end]
    content: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    for name, (dtype, shape) in tensors.items():
        content[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets[name]}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > max_header:
        raise FormatError(
            f"the header takes {len(text):,} bytes, more than {max_header:,}", path=path
        )
    return len(text).to_bytes(LENGTH_SIZE, "little") + text, order


def shown(name: str, limit: int = 40) -> str:
    r"""Return `name` in quotes for a message: short, on one line, nothing that a terminal obeys.

    >>> shown("a\x1b[2J" + 100 * "b")
    "'a\\x1b[2Jbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb...'"
    """
    return repr(name if len(name) <= limit else name[:limit] + "...")


def _header_length(
    content: bytes | mmap.mmap, path: str | os.PathLike[str] | None, max_header: int
) -> int:
    if len(content) < LENGTH_SIZE:
        raise FormatError(
            f"file is cut short: {len(content)} bytes cannot hold the length of the header",
            path=path,
            offset=len(content),
        )
    length = int.from_bytes(content[:LENGTH_SIZE], "little")
    room = len(content) - LENGTH_SIZE
    if length > room:
        raise FormatError(
            f"no safetensors file, or cut short: the header would take {length:,} bytes, "
            f"{room:,} are left",
            path=path,
            offset=0,
        )
    if length > max_header:
        allowed = length <= MAX_HEADER_OF_FORMAT
        raise FormatError(
            f"the header takes {length:,} bytes, more than {max_header:,}",
            path=path,
            offset=0,
            hint=f"max_header={length} would allow it" if allowed else None,
        )
    return length


class _Reader:
    """A position in a file, up to the end of its header, and the grammar that moves it."""

    def __init__(
        self,
        content: bytes | mmap.mmap,
        position: int,
        end: int,
        path: str | os.PathLike[str] | None,
    ) -> None:
        self.content = content
        self.position = position
        self.end = end
        self.path = path

    def fail(self, fact: str, position: int) -> NoReturn:
        raise FormatError(fact, path=self.path, offset=position)

    def take(self, pattern: re.Pattern[bytes], wanted: str) -> re.Match[bytes]:
        match = pattern.match(self.content, self.position, self.end)
        if match is None:
            self.refuse(wanted)
        self.position = match.end()
        return match

    def refuse(self, wanted: str) -> NoReturn:
        end = min(self.end, self.position + 90)
        found = self.content[self.position : end].decode(errors="replace")
        self.fail(
            f"expected {wanted}, found {shown(found, 80) if found else 'its end'}", self.position
        )

    def decode(self, match: re.Match[bytes]) -> str:
        """Return the string that is the first group of `match`, with a quote at either end."""
        start, end = match.span(1)
        escaped = self.content.find(b"\\", start, end) >= 0
        if escaped:
            start, end = start - 1, end + 1  # JSON's own decoder wants the quotes as well
        try:
            text = str(memoryview(self.content)[start:end], "utf-8")
            if escaped:
                text = json.loads(text)
                text.encode()  # half a surrogate pair passes JSON but is no character
        except UnicodeDecodeError as error:
            self.fail("the header is not UTF-8", start + error.start)
        except ValueError:
            self.fail("the header: a backslash escape is not valid", start)
        return text

    def members(self, owner: str) -> Iterator[str]:
        """Yield each key of the object that begins here, with its value next to be taken."""
        match = self.take(_FIRST_PATTERN, f'{{"name": or {{}} in {owner}')
        keys = set()
        while match[1] is not None:
            key = self.decode(match)
            problem = "appears twice" if key in keys else _name_problem(key)
            if problem:
                self.fail(f"{owner}: name {shown(key)} {problem}", match.start(1) - 1)
            keys.add(key)
            yield key
            match = self.take(_NEXT_PATTERN, f',"name": or }} in {owner}')

    def header(self) -> Header:
        tensors: dict[str, Entry] = {}
        metadata: dict[str, str] = {}
        for name in self.members("the header"):
            if name == METADATA:
                metadata = self.metadata()
            else:
                tensors[name] = self.entry(name)
            if len(tensors) > MAX_ENTRIES:
                self.fail(f"more than {MAX_ENTRIES:,} tensors", self.position)
        self.take(_TRAILER_PATTERN, "nothing but spaces after the header")
        return Header(tensors, metadata, self.end)

    def metadata(self) -> dict[str, str]:
        metadata = {}
        for key in self.members(METADATA):
            metadata[key] = self.decode(self.take(_STRING_PATTERN, f"a string in {METADATA}"))
            if len(metadata) > MAX_ENTRIES:
                self.fail(f"more than {MAX_ENTRIES:,} entries in {METADATA}", self.position)
        return metadata

    def entry(self, name: str) -> Entry:
        start = self.position
        match = _ENTRY_PATTERN.match(self.content, start, self.end)
        if match is None:
            self.refuse(f"tensor {shown(name)} to be {_ENTRY_WANTED}")
        self.position = match.end()
        dtype1, shape1, offsets1, dtype2, shape2, offsets2, dtype3, shape3, offsets3 = (
            match.groups()
        )
        name_of_dtype = dtype1 or dtype2 or dtype3
        sizes = shape1 or shape2 or shape3
        offsets = offsets1 or offsets2 or offsets3
        if not (name_of_dtype and sizes and offsets):
            self.fail(f"tensor {shown(name)}: a field appears twice", start)
        dtype = name_of_dtype.decode()
        if dtype not in STORAGE:
            known = ", ".join(STORAGE)
            self.fail(f"tensor {shown(name)}: dtype {shown(dtype)} is none of {known}", start)
        shape = tuple(map(int, _NUMBER_PATTERN.findall(sizes)))
        begin, end = map(int, _NUMBER_PATTERN.findall(offsets))
        count = byte_count(dtype, shape)
        if end - begin != count:
            self.fail(
                f"tensor {shown(name)}: {dtype} {list(shape)} takes {count:,} bytes, "
                f"but its data_offsets are [{begin}, {end}]",
                start,
            )
        if count == 0 and byte_count(dtype, tuple(filter(None, shape))) > MAX_BYTES:
            self.fail(f"tensor {shown(name)}: shape {list(shape)} is too large", start)
        return Entry(dtype, shape, begin, end)


def _check_layout(header: Header, data_size: int, path: str | os.PathLike[str] | None) -> None:
    """Refuse data with a gap, an overlap, an end before the last tensor's or one after it."""
    position = 0
    for name, entry in sorted(header.tensors.items(), key=lambda item: item[1][2:]):
        if entry.begin != position:
            kind = "overlaps the tensor before it" if entry.begin < position else "follows a gap"
            raise FormatError(
                f"tensor {shown(name)}: its data {kind}: it begins at {entry.begin:,}, not "
                f"{position:,} bytes after the header",
                path=path,
                offset=header.data_start + entry.begin,
            )
        position = entry.end
    if position > data_size:
        raise FormatError(
            f"file is cut short: the tensors take {position:,} bytes, {data_size:,} are here",
            path=path,
            offset=header.data_start + data_size,
        )
    if position < data_size:
        raise FormatError(
            f"{data_size - position:,} bytes follow the last tensor",
            path=path,
            offset=header.data_start + position,
        )


def _check_metadata(metadata: Mapping[str, str], path: str | os.PathLike[str] | None) -> None:
    if len(metadata) > MAX_ENTRIES:
        raise FormatError(f"more than {MAX_ENTRIES:,} entries of metadata", path=path)
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise FormatError(
                f"metadata {key!r:.60} must be a string with a string as value", path=path
            )
        problem = _name_problem(key)
        if problem:
            raise FormatError(f"metadata key {shown(key)} {problem}", path=path)
        if not _is_unicode(value):
            raise FormatError(f"metadata {shown(key)} has half a surrogate pair", path=path)


def _check_tensors(
    tensors: Mapping[str, tuple[str, tuple[int, ...]]], path: str | os.PathLike[str] | None
) -> None:
    if len(tensors) > MAX_ENTRIES:
        raise FormatError(f"more than {MAX_ENTRIES:,} tensors", path=path)
    for name, (_, shape) in tensors.items():
        if not isinstance(name, str):
            raise FormatError(f"tensor name {name!r:.60} is not a string", path=path)
        problem = "is the format's own word" if name == METADATA else _name_problem(name)
        if problem:
            raise FormatError(f"tensor name {shown(name)} {problem}", path=path)
        if len(shape) > MAX_RANK:
            raise FormatError(
                f"tensor {shown(name)} has {len(shape)} axes, more than {MAX_RANK}", path=path
            )


def _name_problem(name: str) -> str | None:
    if not name:
        return "is empty"
    if not _is_unicode(name):
        return "has half a surrogate pair"
    if len(name.encode()) > MAX_NAME:
        return f"is longer than {MAX_NAME:,} bytes"
    if _CONTROL_PATTERN.search(name):
        return "has a control character"
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def byte_count(dtype: str, shape: tuple[int, ...]) -> int:
    """Return the bytes that a tensor takes in the file."""
    return STORAGE[dtype].itemsize * math.prod(shape)
