import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.core.errors import FormatError
from rushlight.formats.png import SIGNATURE, decode_png, read_png
from tests.formats.png_encoder import (
    KINDS,
    PALETTE,
    RGB,
    RGBA,
    chunk,
    file_and_pixels,
    header,
    palette_chunk,
    png,
)

IHDR, IEND = header(), chunk(b"IEND")
RAW = b"\0\1\2\0\3\4"  # the rows of a 2x2 grey picture
IDAT = chunk(b"IDAT", zlib.compress(RAW))
GOOD = png(IHDR, IDAT, IEND)
PALETTE_HEADER = header(colour=PALETTE)


def with_data(body: bytes, head: bytes = IHDR, before: bytes = b"") -> bytes:
    return png(head, before, chunk(b"IDAT", body), IEND)


def stored(raw: bytes) -> bytes:
    return zlib.compress(raw, 0)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "an empty file": (b"", "empty"),
    "a text file": (b"Dear reader, this is no picture.\n", "signature"),
    "a JPEG": (b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(40), "signature"),
    "half a signature": (SIGNATURE[:4], "signature"),
    "a signature whose line ends were translated": (
        GOOD.replace(b"\r\n\x1a\n", b"\n\x1a\n"),
        "signature",
    ),
    "a signature alone": (SIGNATURE, "ends before its IEND"),
    "a MNG signature": (b"\x8aMNG" + GOOD[4:], "signature"),
    "a chunk length that passes the end": (
        png(struct.pack(">I", 14) + IHDR[4:]),
        "chunk IHDR says 14 bytes, but 13 are left",
    ),
    "a chunk length of four billion": (
        png(b"\xff\xff\xff\xff" + IHDR[4:], IDAT, IEND),
        "says 4294967295 bytes",
    ),
    "a chunk name with a digit": (png(IHDR, chunk(b"ID4T"), IEND), "not a chunk name"),
    "a chunk name that is not ASCII": (png(IHDR, chunk(b"\xc3\xa9at"), IEND), "not a chunk name"),
    "a wrong checksum": (GOOD[:-1] + b"\0", "chunk IEND is damaged"),
    "a wrong checksum in a chunk to skip": (
        png(IHDR, chunk(b"teXt", b"a")[:-1] + b"\0", IDAT, IEND),
        "chunk teXt is damaged",
    ),
    "no IHDR": (png(IDAT, IEND), "chunk IDAT where IHDR must be"),
    "IHDR in second place": (png(chunk(b"teXt"), IHDR, IDAT, IEND), "chunk teXt where IHDR"),
    "IEND alone": (png(IEND), "chunk IEND where IHDR must be"),
    "two IHDR": (png(IHDR, IHDR, IDAT, IEND), "a second IHDR"),
    "IHDR too short": (png(chunk(b"IHDR", bytes(12)), IDAT, IEND), "12 bytes instead of 13"),
    "IHDR too long": (png(chunk(b"IHDR", bytes(14)), IDAT, IEND), "14 bytes instead of 13"),
    "zero width": (png(header(width=0), IDAT, IEND), "empty: 0x2"),
    "zero height": (png(header(height=0), IDAT, IEND), "empty: 2x0"),
    "four billion columns": (png(header(width=2**32 - 1), IDAT, IEND), "too large"),
    "sides whose product overflows": (png(header(2**31, 2**31), IDAT, IEND), "too large"),
    "one column too many": (png(header(65_536, 1), IDAT, IEND), "too large: 65536x1"),
    "too many pixels": (png(header(10_001, 10_000), IDAT, IEND), "too large: 10001x10000"),
    "colour type 1": (png(header(colour=1), IDAT, IEND), "colour type 1 does not exist"),
    "colour type 255": (png(header(colour=255), IDAT, IEND), "colour type 255 does not exist"),
    "three bits a sample": (png(header(depth=3), IDAT, IEND), "with 3 bits"),
    "no bits a sample": (png(header(depth=0), IDAT, IEND), "with 0 bits"),
    "RGB of four bits": (png(header(depth=4, colour=RGB), IDAT, IEND), "with 4 bits"),
    "a palette of sixteen bits": (png(header(depth=16, colour=PALETTE), IDAT, IEND), "16 bits"),
    "another compression": (png(header(compression=1), IDAT, IEND), "unknown compression"),
    "another set of filters": (png(header(filtering=64), IDAT, IEND), "unknown compression"),
    "another interlacing": (png(header(interlace=2), IDAT, IEND), "unknown compression"),
    "an unknown chunk that is needed": (png(IHDR, chunk(b"ABCD"), IDAT, IEND), "chunk ABCD"),
    "a palette in a grey picture": (png(IHDR, palette_chunk(2), IDAT, IEND), "no palette"),
    "no palette": (png(PALETTE_HEADER, IDAT, IEND), "PLTE, the palette, is missing"),
    "an empty palette": (png(PALETTE_HEADER, chunk(b"PLTE"), IDAT, IEND), "0 bytes"),
    "a palette of four bytes": (png(PALETTE_HEADER, chunk(b"PLTE", b"1234"), IEND), "4 bytes"),
    "a palette of 257 colours": (png(PALETTE_HEADER, palette_chunk(257), IEND), "771 bytes"),
    "three colours for one bit": (
        png(header(depth=1, colour=PALETTE), palette_chunk(3), IDAT, IEND),
        "1 to 2 colours",
    ),
    "two palettes": (
        png(PALETTE_HEADER, palette_chunk(2), palette_chunk(2), IDAT, IEND),
        "a second PLTE",
    ),
    "a palette after the pixels": (
        png(header(colour=RGB), IDAT, palette_chunk(2), IEND),
        "PLTE comes after the pixels",
    ),
    "a palette index past the palette": (
        with_data(zlib.compress(RAW), PALETTE_HEADER, palette_chunk(4)),
        "palette index 4, but there are 4 colours",
    ),
    "transparency before the palette": (
        png(PALETTE_HEADER, chunk(b"tRNS", b"a"), palette_chunk(2), IDAT, IEND),
        "tRNS comes before the palette",
    ),
    "a palette after transparency": (
        png(header(colour=RGB), chunk(b"tRNS", bytes(6)), palette_chunk(2), IDAT, IEND),
        "PLTE comes after tRNS",
    ),
    "more transparency than colours": (
        png(PALETTE_HEADER, palette_chunk(2), chunk(b"tRNS", b"abc"), IDAT, IEND),
        "3 entries for 2 colours",
    ),
    "transparency of the wrong size": (png(IHDR, chunk(b"tRNS", b"a"), IDAT, IEND), "1 bytes"),
    "two transparencies": (
        png(IHDR, chunk(b"tRNS", b"ab"), chunk(b"tRNS", b"ab"), IDAT, IEND),
        "a second tRNS",
    ),
    "transparency after the pixels": (
        png(IHDR, IDAT, chunk(b"tRNS", b"ab"), IEND),
        "tRNS comes after the pixels",
    ),
    "transparency beside an alpha channel": (
        png(header(colour=RGBA), chunk(b"tRNS", bytes(6)), IDAT, IEND),
        "has an alpha channel",
    ),
    "no pixels": (png(IHDR, IEND), "no IDAT chunk"),
    "an empty IDAT": (png(IHDR, chunk(b"IDAT"), IEND), "0 bytes of data cannot hold 6"),
    "pixels in two places": (
        png(IHDR, IDAT, chunk(b"teXt"), IDAT, IEND),
        "do not follow each other",
    ),
    "IEND that is not empty": (png(IHDR, IDAT, chunk(b"IEND", b"!")), "IEND is not empty"),
    "no IEND": (png(IHDR, IDAT), "ends before its IEND"),
    "bytes after IEND": (GOOD + b"\0", "1 bytes follow the end of the picture"),
    "a second picture after the first": (GOOD + GOOD, "follow the end of the picture"),
    "pixels that are not compressed": (with_data(RAW), "damaged"),
    "pixels in a gzip frame": (
        with_data(b"\x1f\x8b\x08" + zlib.compress(RAW)),
        "damaged",
    ),
    "a preset dictionary": (with_data(b"\x78\xbb\0\0\0\1" + bytes(9)), "damaged"),
    "a stream that is cut short": (with_data(zlib.compress(RAW)[:-5]), "cut short"),
    "a stream without its checksum": (with_data(zlib.compress(RAW)[:-4]), "cut short"),
    "a stream with a wrong checksum": (with_data(stored(RAW)[:-4] + b"abcd"), "damaged"),
    "one byte too few": (with_data(stored(RAW[:-1])), "1 bytes are missing"),
    "one byte too many": (with_data(stored(RAW + b"\0")), "go on after the last pixel"),
    "bytes after the stream": (with_data(zlib.compress(RAW) + b"!"), "follow the end of the comp"),
    "a chunk after the stream": (
        png(IHDR, IDAT, chunk(b"IDAT", b"!"), IEND),
        "follow the end of the compressed",
    ),
    "two streams": (png(IHDR, IDAT, IDAT, IEND), "follow the end of the compressed"),
    "filter 5": (with_data(stored(b"\0\1\2\5\3\4")), "row 1 has the unknown filter 5"),
    "filter 255": (with_data(stored(b"\xff\1\2\0\3\4")), "row 0 has the unknown filter 255"),
    "an interlaced picture with rows for a plain one": (
        with_data(stored(RAW), header(interlace=1)),
        "1 bytes are missing",
    ),
    "a huge picture in a tiny file": (
        png(header(10_000, 10_000, 16, RGBA), IDAT, IEND),
        "cannot hold",
    ),
    "more chunks than any picture has": (
        png(IHDR, chunk(b"teXt") * 250_000, IDAT, IEND),
        "200000 chunks",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_broken_file_is_refused_with_its_name_and_the_reason(case: str, tmp_path: Path) -> None:
    data, reason = HOSTILE[case]
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    with pytest.raises(FormatError) as caught:
        read_png(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert reason in message
    assert "\n" not in message


def test_the_file_that_the_broken_ones_are_made_of_is_right() -> None:
    assert decode_png(GOOD).tolist() == [[[1], [2]], [[3], [4]]]


def test_the_place_of_the_damage_is_named() -> None:
    with pytest.raises(FormatError) as caught:
        decode_png(png(IHDR, IDAT[:-1] + b"\0", IEND))
    assert caught.value.offset == len(SIGNATURE) + len(IHDR)


def samples_of_all_kinds() -> list[bytes]:
    return [file_and_pixels(3, 5, d, c, kinds=[1, 4, 3], interlaced=d > 4)[0] for c, d in KINDS]


def test_a_file_cut_at_any_byte_is_refused() -> None:
    for data in samples_of_all_kinds():
        for length in range(len(data)):
            with pytest.raises(FormatError):
                decode_png(data[:length])


def test_a_file_with_any_one_bit_flipped_is_refused() -> None:
    data = file_and_pixels(3, 5, 4, PALETTE, kinds=[1, 4, 3])[0]
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            decode_png(bytes(flipped))


def bodies(data: bytes) -> list[tuple[bytes, bytes]]:
    parts, position = [], len(SIGNATURE)
    while position < len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        parts.append((name, data[position + 8 : position + 8 + length]))
        position += 12 + length
    return parts


def test_any_bit_flipped_under_a_right_checksum_gives_a_picture_or_a_refusal() -> None:
    refused = 0
    for data in samples_of_all_kinds():
        parts = bodies(data)
        for at, (name, body) in enumerate(parts):
            for bit in range(8 * len(body)):
                flipped = bytearray(body)
                flipped[bit // 8] ^= 1 << bit % 8
                new = [*parts[:at], (name, bytes(flipped)), *parts[at + 1 :]]
                try:
                    pixels = decode_png(png(*(chunk(*part) for part in new)))
                except FormatError:
                    refused += 1
                else:
                    assert pixels.ndim == 3
    assert refused > 1000


@given(data=st.binary(max_size=60), raw=st.booleans())
def test_any_bytes_as_pixels_give_a_picture_or_a_refusal(data: bytes, raw: bool) -> None:
    body = data if raw else zlib.compress(data)
    for colour, depth in KINDS:
        before = palette_chunk(2) if colour == PALETTE else b""
        for interlace in (0, 1):
            head = header(3, 4, depth, colour, interlace=interlace)
            try:
                pixels = decode_png(with_data(body, head, before))
            except FormatError:
                continue
            assert pixels.shape[:2] == (4, 3)


@given(data=st.binary(max_size=200))
def test_any_bytes_at_all_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        decode_png(data)
    with pytest.raises(FormatError):
        decode_png(SIGNATURE + data)


def zeros(count: int) -> bytes:
    """A zlib stream of so many MiB of zeros, which is a thousand times smaller."""
    deflate = zlib.compressobj(9)
    block = bytes(1 << 20)
    return b"".join(deflate.compress(block) for _ in range(count)) + deflate.flush()


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (header(1, 1), zeros(200)),
        (header(65_535, 1525, 16, RGBA), zlib.compress(b"\0" * 1000)),
        (header(65_535, 1525, 16, RGBA), b""),
    ],
    ids=["a small picture of 200 MiB", "a large picture of 1 kB", "a large picture of nothing"],
)
def test_a_bomb_takes_little_memory(head: bytes, body: bytes) -> None:
    data = with_data(body, head)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            decode_png(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20
