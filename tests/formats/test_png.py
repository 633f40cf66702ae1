import io
import itertools
import os
import struct
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rushlight.core.errors import DTypeError, FormatError, ShapeError
from rushlight.formats.png import MAX_FILE_BYTES, SIGNATURE, decode_png, read_png, write_png

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
KINDS = [
    *itertools.product([GREY], [1, 2, 4, 8, 16]),
    *itertools.product([PALETTE], [1, 2, 4, 8]),
    *itertools.product([RGB, GREY_ALPHA, RGBA], [8, 16]),
]
SIZES = [(1, 1), (1, 9), (9, 1), (2, 3), (5, 7), (19, 33)]  # height, width
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
ADAM7 += [(1, 0, 2, 1)]  # row, column, row step, column step


# A small encoder, one byte at a time as the specification says it: what the reader is held against.


def chunk(name: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def header(
    width: int = 2,
    height: int = 2,
    depth: int = 8,
    colour: int = GREY,
    compression: int = 0,
    filtering: int = 0,
    interlace: int = 0,
) -> bytes:
    fields = (width, height, depth, colour, compression, filtering, interlace)
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *fields))


def png(*chunks: bytes) -> bytes:
    return SIGNATURE + b"".join(chunks)


def predict(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 4:
        estimate = left + up - corner
        return min((left, up, corner), key=lambda value: abs(estimate - value))
    return [0, left, up, (left + up) // 2][kind]


def pack_row(samples: Iterable[int], depth: int) -> bytes:
    bits = "".join(format(sample, f"0{depth}b") for sample in samples)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def filter_rows(pixels: np.ndarray, depth: int, kinds: Iterable[int]) -> bytes:
    """Filtered rows of (height, width, samples), each row with the next kind of filter."""
    step = max(1, pixels.shape[2] * depth // 8)
    above = b""
    out = bytearray()
    for row, kind in zip(pixels, kinds, strict=False):
        line = pack_row(row.ravel().tolist(), depth)
        above = above or bytes(len(line))
        out.append(kind)
        for at, byte in enumerate(line):
            left = line[at - step] if at >= step else 0
            corner = above[at - step] if at >= step else 0
            out.append((byte - predict(kind, left, above[at], corner)) % 256)
        above = line
    return bytes(out)


def encode(
    pixels: np.ndarray,
    depth: int,
    colour: int,
    *,
    kinds: Iterable[int] = (0,),
    interlaced: bool = False,
    before: bytes = b"",
    idat: int = 1 << 20,
) -> bytes:
    """A PNG file of samples (height, width, samples), with chunks `before` the pixels."""
    kinds = itertools.cycle(kinds)
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    raw = b""
    for row, column, row_step, column_step in passes:
        part = pixels[row::row_step, column::column_step]
        if part.size:
            raw += filter_rows(part, depth, kinds)
    data = zlib.compress(raw)
    cuts = [chunk(b"IDAT", data[at : at + idat]) for at in range(0, len(data), idat)]
    height, width = pixels.shape[:2]
    head = header(width, height, depth, colour, interlace=int(interlaced))
    return png(head, before, *cuts, chunk(b"IEND"))


def some_samples(height: int, width: int, depth: int, colour: int, seed: int = 0) -> np.ndarray:
    """Half noise, half a smooth slope, so that all branches of the Paeth filter are met."""
    rng = np.random.default_rng([seed, height, width, depth, colour])
    shape = (height, width, SAMPLES[colour])
    most = (1 << depth) - 1
    noise = rng.integers(0, most + 1, shape)
    slope = np.add.outer(np.arange(height), np.arange(width))[:, :, np.newaxis] * (most / 60)
    smooth = np.broadcast_to(slope, shape).astype(np.int64) % (most + 1)
    return np.where(rng.random((height, 1, 1)) < 0.5, noise, smooth)


def to_eight_bits(samples: np.ndarray, depth: int) -> np.ndarray:
    return (samples >> 8 if depth == 16 else samples * 255 // ((1 << depth) - 1)).astype(np.uint8)


def some_palette(colours: int) -> np.ndarray:
    return np.random.default_rng(colours).integers(0, 256, (colours, 3), dtype=np.uint8)


def palette_chunk(colours: int) -> bytes:
    return chunk(b"PLTE", some_palette(colours).tobytes())


def file_and_pixels(
    height: int, width: int, depth: int, colour: int, **options: object
) -> tuple[bytes, np.ndarray]:
    """A file, and the uint8 picture that it must give."""
    samples = some_samples(height, width, depth, colour)
    if colour != PALETTE:
        return encode(samples, depth, colour, **options), to_eight_bits(samples, depth)
    colours = 1 << depth
    data = encode(samples, depth, colour, before=palette_chunk(colours), **options)
    return data, some_palette(colours)[samples[..., 0]]


# Reading what is right


@pytest.mark.parametrize("interlaced", [False, True], ids=["plain", "interlaced"])
@pytest.mark.parametrize(("colour", "depth"), KINDS)
def test_every_colour_type_and_depth_is_read(colour: int, depth: int, interlaced: bool) -> None:
    for height, width in SIZES:
        for kinds in ([0], [1], [2], [3], [4], [4, 3, 0, 2, 1, 4, 1, 3]):
            data, wanted = file_and_pixels(
                height, width, depth, colour, kinds=kinds, interlaced=interlaced
            )
            got = decode_png(data)
            assert got.dtype == np.uint8
            np.testing.assert_array_equal(got, wanted, err_msg=f"{height}x{width}, {kinds}")


@pytest.mark.parametrize("interlaced", [False, True], ids=["plain", "interlaced"])
@pytest.mark.parametrize(("colour", "depth"), KINDS)
def test_pillow_sees_the_same_picture(colour: int, depth: int, interlaced: bool) -> None:
    image = pytest.importorskip("PIL.Image", reason="pillow is the oracle here")
    for height, width in SIZES:
        data, _ = file_and_pixels(
            height, width, depth, colour, kinds=[1, 4, 2, 3, 0, 4], interlaced=interlaced
        )
        theirs = image.open(io.BytesIO(data))
        if theirs.mode == "I;16":
            wanted = np.asarray(theirs)[..., np.newaxis] >> 8
        elif theirs.mode in ("1", "L", "LA"):
            wanted = np.asarray(theirs.convert("LA"))[..., : SAMPLES[colour]]
        else:
            wanted = np.asarray(theirs.convert("RGBA"))[..., : 4 if colour == RGBA else 3]
        if (colour, depth) == (GREY_ALPHA, 16):  # which pillow reads as RGBA
            wanted = np.asarray(theirs.convert("RGBA"))[..., [0, 3]]
        np.testing.assert_array_equal(decode_png(data), wanted)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_what_pillow_writes_is_read(mode: str, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="pillow is the oracle here")
    slope = image.linear_gradient("L").resize((61, 47))
    colours = image.merge("RGBA", [slope, slope.rotate(90), slope.rotate(180), slope.rotate(45)])
    picture = slope.convert("I").point(lambda v: v * 257) if mode == "I;16" else colours
    picture = picture.convert("RGB" if mode == "P" else picture.mode).convert(mode)
    picture.save(tmp_path / "picture.png")
    got = read_png(tmp_path / "picture.png")
    if mode == "I;16":
        wanted = np.asarray(picture) >> 8
    else:
        wanted = np.asarray(picture.convert({"1": "L", "P": "RGB"}.get(mode, mode)))
    np.testing.assert_array_equal(got, wanted.reshape(got.shape))


def test_a_palette_with_transparency_gives_four_channels() -> None:
    samples = some_samples(6, 11, 4, PALETTE)
    alpha = np.full(16, 255, np.uint8)
    alpha[:3] = [0, 90, 200]
    before = palette_chunk(16) + chunk(b"tRNS", alpha[:3].tobytes())
    got = decode_png(encode(samples, 4, PALETTE, before=before))
    wanted = np.column_stack([some_palette(16), alpha])[samples[..., 0]]
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(("colour", "depth"), [(c, d) for c, d in KINDS if c in (GREY, RGB)])
def test_a_transparent_colour_gives_an_alpha_channel(colour: int, depth: int) -> None:
    samples = some_samples(9, 13, depth, colour)
    key = samples[4, 5]
    trns = chunk(b"tRNS", key.astype(">u2").tobytes())
    got = decode_png(encode(samples, depth, colour, before=trns))
    alpha = np.where((samples == key).all(axis=2, keepdims=True), 0, 255)
    assert np.count_nonzero(alpha == 0) > 0
    np.testing.assert_array_equal(got, np.dstack([to_eight_bits(samples, depth), alpha]))


def test_sixteen_bits_that_differ_below_the_eighth_are_not_all_transparent() -> None:
    samples = np.array([[[0x1200], [0x1234]]])
    got = decode_png(encode(samples, 16, GREY, before=chunk(b"tRNS", b"\x12\x34")))
    assert got.tolist() == [[[0x12, 255], [0x12, 0]]]


def test_pixels_in_many_chunks_even_of_one_byte_or_none_are_read() -> None:
    samples = some_samples(5, 7, 8, RGB)
    data = encode(samples, 8, RGB, kinds=[4], idat=1)
    data = data.replace(chunk(b"IEND"), chunk(b"IDAT") + chunk(b"IEND"))
    np.testing.assert_array_equal(decode_png(data), samples)


def test_chunks_that_a_reader_may_skip_are_skipped() -> None:
    samples = some_samples(5, 7, 8, RGB)
    before = chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"teXt", b"hello")
    suggested = chunk(b"PLTE", bytes(6))  # allowed in a colour picture, and of no use
    data = encode(samples, 8, RGB, before=before + suggested)
    data = data.replace(chunk(b"IEND"), chunk(b"tIME", bytes(7)) + chunk(b"IEND"))
    np.testing.assert_array_equal(decode_png(data), samples)


def test_a_photograph_that_takes_several_bands_is_read_as_pillow_reads_it() -> None:
    image = pytest.importorskip("PIL.Image", reason="pillow is the oracle here")
    height, width = 3000, 4000
    rng = np.random.default_rng(5)
    raw = rng.integers(0, 256, (height, 1 + 3 * width), dtype=np.uint8)
    raw[:, 0] = rng.integers(0, 5, height)
    body = zlib.compress(raw.tobytes(), level=0)
    data = png(header(width, height, 8, RGB), chunk(b"IDAT", body), chunk(b"IEND"))
    np.testing.assert_array_equal(decode_png(data), np.asarray(image.open(io.BytesIO(data))))


def test_rows_of_simple_filters_are_right_across_bands() -> None:
    height, width = 60_000, 700  # 42 MB: more than one band
    raw = np.ones((height, 1 + width), np.uint8)
    raw[:, 0] = 2
    data = png(
        header(width, height), chunk(b"IDAT", zlib.compress(raw.tobytes(), 1)), chunk(b"IEND")
    )
    column = np.arange(1, height + 1).astype(np.uint8)  # each row adds one to the row above
    np.testing.assert_array_equal(
        decode_png(data)[..., 0], np.broadcast_to(column[:, np.newaxis], (height, width))
    )


def test_a_symbolic_link_to_a_picture_is_followed(tmp_path: Path) -> None:
    write_png(tmp_path / "real.png", np.full((2, 3), 7, np.uint8))
    link = tmp_path / "link.png"
    try:
        link.symlink_to(tmp_path / "real.png")
    except OSError:
        pytest.skip("this system makes no symbolic links")
    np.testing.assert_array_equal(read_png(link), np.full((2, 3, 1), 7))


# Reading what is wrong

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
    "more chunks than any picture has": (png(IHDR, chunk(b"teXt") * 250_000, IDAT, IEND), "200000 chunks"),
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


# Paths that are no files


def make_missing(path: Path) -> None:
    assert not path.exists()


def make_directory(path: Path) -> None:
    path.mkdir()


def make_pipe(path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(path)


def make_dangling_link(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def make_looping_link(path: Path) -> None:
    path.symlink_to(path)


def make_link_to_zeros(path: Path) -> None:
    if not os.path.exists("/dev/zero"):
        pytest.skip("this system has no /dev/zero")
    path.symlink_to("/dev/zero")


def make_unreadable(path: Path) -> None:
    path.write_bytes(GOOD)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")


def make_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.write(GOOD)
        file.truncate(MAX_FILE_BYTES + 1)


@pytest.mark.skipif(sys.platform == "win32", reason="these are kinds of files of POSIX systems")
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_missing, "no such file"),
        (make_directory, "is a directory"),
        (make_pipe, "not a regular file"),
        (make_dangling_link, "no such file"),
        (make_looping_link, "cannot be opened"),
        (make_link_to_zeros, "not a regular file"),
        (make_unreadable, "permission denied"),
        (make_huge, "at most"),
    ],
)
def test_a_path_that_is_no_readable_file_is_refused(
    make: Callable[[Path], None], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "picture.png"
    make(path)
    with pytest.raises(FormatError, match=reason) as caught:
        read_png(path)
    assert str(path) in str(caught.value)


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(FormatError, match="cannot be opened"):
        read_png("a\0b.png")


# Writing


@given(
    pixels=hnp.arrays(
        np.uint8,
        st.one_of(
            hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
            st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4)),
        ),
    )
)
def test_what_is_written_is_read_again(
    pixels: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("png") / "picture.png"
    write_png(path, pixels)
    np.testing.assert_array_equal(read_png(path), pixels.reshape(*pixels.shape[:2], -1))


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_pillow_reads_what_is_written(channels: int, mode: str, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="pillow is the oracle here")
    pixels = np.random.default_rng(1).integers(0, 256, (40, 31, channels), dtype=np.uint8)
    write_png(tmp_path / "picture.png", pixels)
    theirs = image.open(tmp_path / "picture.png")
    assert theirs.mode == mode
    np.testing.assert_array_equal(np.asarray(theirs).reshape(pixels.shape), pixels)


def test_a_strided_view_is_written_as_it_looks(tmp_path: Path) -> None:
    pixels = np.arange(120, dtype=np.uint8).reshape(10, 12)[::-2, ::3]
    write_png(tmp_path / "view.png", pixels)
    np.testing.assert_array_equal(read_png(tmp_path / "view.png")[..., 0], pixels)


def test_only_bytes_are_written(tmp_path: Path) -> None:
    with pytest.raises(DTypeError, match="float32"):
        write_png(tmp_path / "no.png", np.zeros((2, 2), np.float32))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(), (3,), (0, 3), (3, 0), (2, 2, 0), (2, 2, 5), (1, 65_536)])
def test_only_pictures_are_written(shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="a picture"):
        write_png(tmp_path / "no.png", np.zeros(shape, np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        write_png(tmp_path / "nowhere" / "a.png", np.zeros((2, 2), np.uint8))
    assert list(tmp_path.iterdir()) == []
