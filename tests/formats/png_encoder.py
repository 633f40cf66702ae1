"""A small PNG encoder, one byte at a time as the specification says it.

The reader is held against it, and it writes what no other encoder would.
"""

import itertools
import struct
import zlib
from collections.abc import Iterable

import numpy as np

from rushlight.formats.png import SIGNATURE

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
KINDS = [
    *itertools.product([GREY], [1, 2, 4, 8, 16]),
    *itertools.product([PALETTE], [1, 2, 4, 8]),
    *itertools.product([RGB, GREY_ALPHA, RGBA], [8, 16]),
]
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
ADAM7 += [(1, 0, 2, 1)]  # row, column, row step, column step


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
