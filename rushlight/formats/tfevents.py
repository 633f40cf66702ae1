"""TensorBoard's event files: records with checksums, each of which holds a message of numbers.

A record is the length of its data (uint64), a checksum of that, the data, and a checksum of it,
all little-endian: TFRecord. The data is an `Event` in the wire format of protocol buffers, of
which a few fields are written here.

Source: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto,
tensorflow/core/framework/summary.proto; RFC 3720, appendix B.4 (CRC-32C).
"""

import os
import struct
from collections.abc import Mapping

from rushlight.core.errors import FormatError
from rushlight.formats.png import read_file

VERSION = "brain.Event:2"
_POLYNOMIAL = 0x82F63B78  # of Castagnoli, bits reversed
_MASK = 0xA282EAD8
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of some bytes.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """Return some data as a record of an event file.

    >>> len(record(b"12345"))
    21
    """
    length = struct.pack("<Q", len(data))
    return length + _checksum(length) + data + _checksum(data)


def version_event(wall_time: float) -> bytes:
    """Return the event that a file begins with.

    Args:
        wall_time: seconds since 1970.
    """
    return _event(wall_time, 0) + _field(3, VERSION.encode())


def start_event(wall_time: float, step: int) -> bytes:
    """Return the event that says: what earlier files have of this step and later ones is void."""
    return _event(wall_time, step) + _field(7, _key(1, _VARINT) + _varint(1))


def scalars_event(wall_time: float, step: int, scalars: Mapping[str, float]) -> bytes:
    """Return the event that holds numbers by name, each as float32.

    Args:
        wall_time: seconds since 1970.
        step: such as the number of an epoch.
        scalars: the numbers; one beyond float32 becomes infinite, as does its curve.

    >>> scalars_event(0.0, 1, {"loss": 0.5}).hex()
    '09000000000000000010012a0d0a0b0a046c6f7373150000003f'
    """
    values = b""
    for name, number in scalars.items():
        value = _field(1, name.encode("utf-8", "replace"))
        values += _field(1, value + _key(2, _FIXED32) + _float32(number))
    return _event(wall_time, step) + _field(5, values)


def read_records(path: str | os.PathLike[str]) -> list[bytes]:
    """Return the data of each record in an event file.

    Raises:
        FormatError: the file is missing, cut short, or a checksum is wrong.
    """
    content = read_file(path)
    records, start = [], 0
    while start < len(content):
        length = content[start : start + 8]
        size = int.from_bytes(length, "little")
        end = start + 12 + size
        if len(content) < end + 4:
            raise FormatError("the last record is cut short", path=path, offset=start)
        data = content[start + 12 : end]
        good = content[start + 8 : start + 12] == _checksum(length)
        if not good or content[end : end + 4] != _checksum(data):
            raise FormatError("the checksum of a record is wrong", path=path, offset=start)
        records.append(data)
        start = end + 4
    return records


def _checksum(data: bytes) -> bytes:
    """Return the masked checksum: that of data which itself has checksums would be weak."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF)


def _event(wall_time: float, step: int) -> bytes:
    """Return the fields that all events have; 0 is what a missing step means."""
    when = _key(1, _FIXED64) + struct.pack("<d", wall_time)
    return when + (_key(2, _VARINT) + _varint(step) if step else b"")


def _field(number: int, data: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(data)) + data


def _key(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _float32(number: float) -> bytes:
    try:
        return struct.pack("<f", number)
    except OverflowError:
        return struct.pack("<f", float("inf") if number > 0 else float("-inf"))
