"""The header of a safetensors file: a length, then JSON that says where each tensor lies.

The JSON has a fixed shape, so a small grammar reads it instead of a general parser. Nothing nests
deeper than the grammar does, nothing is built that the format has no place for, and every refusal
knows its byte. Format: https://github.com/huggingface/safetensors#format
"""

import json
import math
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
_SIZES = rb"(?:%b(?:%b%b){0,%d}+)?+" % (_INTEGER, _COMMA, _INTEGER, MAX_RANK - 1)
_DTYPE = rb'dtype"%b"([A-Z0-9_]++)"' % _COLON
_SHAPE = rb'shape"%b\[%b(%b)\]' % (_COLON, _SPACE, _SIZES)
_OFFSETS = rb'data_offsets"%b\[%b(%b%b%b)\]' % (_COLON, _SPACE, _INTEGER, _COMMA, _INTEGER)
_FIELD = rb'"(?:%b|%b|%b)%b' % (_DTYPE, _SHAPE, _OFFSETS, _SPACE)

_ENTRY_PATTERN = re.compile(rb"\{" + _SPACE + _COMMA.join([_FIELD] * 3) + rb"\}")
_ENTRY_WANTED = (
    f'{{"dtype": "...", "shape": [at most {MAX_RANK} sizes], "data_offsets": [begin, end]}}'
)
_KEY_PATTERN = re.compile(_STRING + _COLON)
_STRING_PATTERN = re.compile(_STRING)
_OPEN_PATTERN = re.compile(rb"\{" + _SPACE + rb"(\}?)")
_NEXT_PATTERN = re.compile(_SPACE + rb"(?:(" + _COMMA + rb")|\})")
_CONTROL_PATTERN = re.compile("[\x00-\x1f\x7f-\x9f]")


class Entry(NamedTuple):
    """One tensor of the header: its bytes are `begin` to `end` of the data after the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Header(NamedTuple):
    """What a header says: the tensors in its own order, and the metadata."""

    tensors: dict[str, Entry]
    metadata: dict[str, str]


def check_max_header(max_header: int) -> None:
    """Refuse a limit that the format does not know.

    Raises:
        UsageError: `max_header` is not from 2 to 100,000,000.
    """
    if not 2 <= max_header <= MAX_HEADER_OF_FORMAT:
        raise UsageError(
            f"max_header is {max_header:,}, not from 2 to {MAX_HEADER_OF_FORMAT:,} bytes"
        )


def parse_header(text: bytes, data_size: int, path: str | os.PathLike[str] | None = None) -> Header:
    """Read the JSON `text` of a header that `data_size` bytes of tensors follow.

    Raises:
        FormatError: the text is not exactly what the format allows, or the tensors do not cover
            the data exactly, each byte once.

    >>> parse_header(b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8).tensors
    {'w': Entry(dtype='F32', shape=(2,), begin=0, end=8)}
    """
    header = _Reader(text, path).header()
    _check_layout(header.tensors, data_size, LENGTH_SIZE + len(text), path)
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


class _Reader:
    """A position in the text of a header, and the grammar that moves it."""

    def __init__(self, text: bytes, path: str | os.PathLike[str] | None) -> None:
        self.text = text
        self.path = path
        self.position = 0

    def fail(self, fact: str, position: int) -> NoReturn:
        raise FormatError(fact, path=self.path, offset=LENGTH_SIZE + position)

    def take(self, pattern: re.Pattern[bytes], wanted: str) -> re.Match[bytes]:
        match = pattern.match(self.text, self.position)
        if match is None:
            self.refuse(wanted)
        self.position = match.end()
        return match

    def refuse(self, wanted: str) -> NoReturn:
        found = self.text[self.position : self.position + 90].decode(errors="replace")
        self.fail(
            f"expected {wanted}, found {shown(found, 80) if found else 'its end'}", self.position
        )

    def decode(self, match: re.Match[bytes]) -> str:
        """Return the string that is the first group of `match`, with a quote at either end."""
        start, end = match.span(1)
        try:
            if self.text.find(b"\\", start, end) < 0:
                return self.text[start:end].decode()
            start -= 1
            text: str = json.loads(self.text[start : end + 1].decode())
            text.encode()  # half a surrogate pair passes JSON but is no character
        except UnicodeDecodeError as error:
            self.fail("the header is not UTF-8", start + error.start)
        except ValueError:
            self.fail("the header: a backslash escape is not valid", start)
        return text

    def members(self, owner: str) -> Iterator[str]:
        """Yield each key of the object that begins here, with its value next to be taken."""
        if self.take(_OPEN_PATTERN, f"{{ of {owner}")[1]:
            return
        keys = set()
        more = True
        while more:
            match = self.take(_KEY_PATTERN, f'"name": in {owner}')
            key = self.decode(match)
            problem = "appears twice" if key in keys else _name_problem(key)
            if problem:
                self.fail(f"{owner}: {shown(key)} {problem}", match.start())
            keys.add(key)
            yield key
            more = self.take(_NEXT_PATTERN, f"a comma or }} in {owner}")[1] is not None

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
        if self.text[self.position :].strip(b" "):
            self.fail("something other than spaces follows the header", self.position)
        return Header(tensors, metadata)

    def metadata(self) -> dict[str, str]:
        metadata = {}
        for key in self.members(METADATA):
            metadata[key] = self.decode(self.take(_STRING_PATTERN, f"a string in {METADATA}"))
            if len(metadata) > MAX_ENTRIES:
                self.fail(f"more than {MAX_ENTRIES:,} entries in {METADATA}", self.position)
        return metadata

    def entry(self, name: str) -> Entry:
        start = self.position
        match = _ENTRY_PATTERN.match(self.text, start)
        if match is None:
            self.refuse(f"tensor {shown(name)} to be {_ENTRY_WANTED}")
        self.position = match.end()
        fields = {index % 3: text for index, text in enumerate(match.groups()) if text is not None}
        if len(fields) < 3:
            self.fail(f"tensor {shown(name)}: a field appears twice", start)
        dtype = fields[0].decode()
        if dtype not in STORAGE:
            known = ", ".join(STORAGE)
            self.fail(f"tensor {shown(name)}: dtype {shown(dtype)} is none of {known}", start)
        shape = tuple(map(int, fields[1].split(b","))) if fields[1] else ()
        begin, end = map(int, fields[2].split(b","))
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


def _check_layout(
    tensors: Mapping[str, Entry],
    data_size: int,
    data_start: int,
    path: str | os.PathLike[str] | None,
) -> None:
    """Refuse data with a gap, an overlap, an end before the last tensor's or one after it."""
    position = 0
    for name, entry in sorted(tensors.items(), key=lambda item: item[1][2:]):
        if entry.begin != position:
            kind = "overlaps the tensor before it" if entry.begin < position else "follows a gap"
            raise FormatError(
                f"tensor {shown(name)}: its data {kind}: it begins at {entry.begin:,}, not "
                f"{position:,} bytes after the header",
                path=path,
                offset=data_start + entry.begin,
            )
        position = entry.end
    if position > data_size:
        raise FormatError(
            f"file is cut short: the tensors take {position:,} bytes, {data_size:,} are here",
            path=path,
            offset=data_start + data_size,
        )
    if position < data_size:
        raise FormatError(
            f"{data_size - position:,} bytes follow the last tensor",
            path=path,
            offset=data_start + position,
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
