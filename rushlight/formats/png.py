"""Read and write PNG pictures: every colour type, bit depth, filter and interlacing, strictly.

Source: Portable Network Graphics (PNG) Specification, third edition, W3C.
"""

import os
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from rushlight.core.errors import DTypeError, FormatError, ShapeError
from rushlight.formats.atomic import atomic_write, check_path

StrPath = str | os.PathLike[str]
Pixels = npt.NDArray[np.uint8]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_FILE_BYTES = 1 << 29
MAX_SIDE = 65_535
MAX_PIXELS = 100_000_000
MAX_CHUNKS = 200_000

_BAND_BYTES = 1 << 25  # rows are decoded in bands of about this size
_INFLATE_BYTES = 1 << 16  # zlib copies what it has not used yet, so it is fed in small pieces
_DEFLATE_RATIO = 1032  # zlib's largest possible ratio of output to input

_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_SAMPLES = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGBA: 4}
_DEPTHS = {
    _GREY: (1, 2, 4, 8, 16),
    _RGB: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _GREY_ALPHA: (8, 16),
    _RGBA: (8, 16),
}
_COLOUR_OF_CHANNELS = {1: _GREY, 2: _GREY_ALPHA, 3: _RGB, 4: _RGBA}

# First column, first row, column step and row step of each pass.
_ONE_PASS = ((0, 0, 1, 1),)
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool

    @property
    def pixel_bits(self) -> int:
        return self.depth * _SAMPLES[self.colour]

    def passes(self) -> Iterator[tuple[int, int, slice, slice]]:
        """Yield width, height, rows and columns of the picture's passes that are not empty."""
        for x, y, step_x, step_y in _ADAM7 if self.interlaced else _ONE_PASS:
            width = -(-(self.width - x) // step_x)
            height = -(-(self.height - y) // step_y)
            if width > 0 and height > 0:
                yield width, height, slice(y, None, step_y), slice(x, None, step_x)

    def row_bytes(self, width: int) -> int:
        return (width * self.pixel_bits + 7) // 8

    def raw_bytes(self) -> int:
        """Return the size of all passes, each row being a filter byte and samples."""
        return sum(height * (1 + self.row_bytes(width)) for width, height, *_ in self.passes())


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    offset: int
    body: memoryview


def read_file(path: StrPath, limit: int = MAX_FILE_BYTES) -> bytes:
    """Return the bytes of a regular file of at most `limit` bytes, never waiting for a pipe.

    Raises:
        FormatError: the file is missing, unreadable, too large, or no regular file.
    """
    check_path(path)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise FormatError(f"cannot be opened: {_reason(error)}", path=path) from None
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise FormatError("is a directory, not a file", path=path)
        if not stat.S_ISREG(status.st_mode):
            raise FormatError("is not a regular file", path=path)
        if status.st_size > limit:
            fact = f"has {status.st_size} bytes; at most {limit} are read"
            raise FormatError(fact, path=path)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(status.st_size)
    except OSError as error:
        raise FormatError(f"cannot be read: {_reason(error)}", path=path) from None
    finally:
        os.close(descriptor)


def _reason(error: OSError | ValueError) -> str:
    text = error.strerror if isinstance(error, OSError) else None
    return (text or str(error)).lower()


def read_png(path: StrPath) -> Pixels:
    """Return the picture as uint8 (height, width, channels).

    The channels are 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha). Fewer than 8 bits a
    sample are stretched to 0–255, of 16 bits the upper 8 are kept, a palette is looked up, and a
    tRNS chunk becomes an alpha channel.

    Raises:
        FormatError: the file is missing, no PNG, broken, or larger than the limits.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "dot.png")
    ...     write_png(path, np.array([[0, 255]], np.uint8))
    ...     read_png(path).tolist()
    [[[0], [255]]]
    """
    return decode_png(read_file(path), path)


def decode_png(data: bytes, path: StrPath | None = None) -> Pixels:
    """Return the picture in the bytes of a PNG file, as `read_png` does; `path` is for the errors.

    Raises:
        FormatError: the bytes are no PNG, broken, or larger than the limits.
    """
    if not data:
        raise FormatError("the file is empty, not a PNG picture", path=path)
    if not data.startswith(SIGNATURE):
        raise FormatError("not a PNG picture: the PNG signature is missing", path=path, offset=0)
    parts = _Parts(path)
    for chunk in _chunks(data, path):
        parts.add(chunk)
    header = parts.header
    stream = _Stream(parts.data, header.raw_bytes(), path)
    pixels = np.empty((header.height, header.width, parts.channels), np.uint8)
    for width, height, rows, columns in header.passes():
        _decode_pass(stream, parts, width, height, pixels[rows, columns])
    stream.finish()
    return pixels


def write_png(path: StrPath, pixels: Pixels) -> None:
    """Write a uint8 picture (height, width) or (height, width, 1–4 channels), all at once or not.

    Args:
        path: the file, replaced if it exists.
        pixels: 1 channel is grey, 2 are grey and alpha, 3 are RGB, 4 are RGB and alpha.

    Raises:
        DTypeError: the pixels are not uint8.
        ShapeError: the shape is another, or the picture is empty or larger than the limits.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "grey.png")
    ...     write_png(path, np.zeros((28, 28), np.uint8))
    ...     read_png(path).shape
    (28, 28, 1)
    """
    pixels = np.asarray(pixels)
    if pixels.dtype != np.uint8:
        raise DTypeError(f"a picture is written from uint8, not from {pixels.dtype}")
    shape = pixels.shape
    if pixels.ndim == 2:
        shape = (*shape, 1)
    if len(shape) != 3 or shape[2] not in _COLOUR_OF_CHANNELS:
        fact = f"a picture is (height, width) or (height, width, 1 to 4 channels), not {shape}"
        raise ShapeError(fact)
    height, width, channels = shape
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE and height * width <= MAX_PIXELS):
        fact = f"a picture of {width}x{height} is outside 1x1 to {MAX_PIXELS} pixels"
        raise ShapeError(fact)
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # a first byte of 0: no filter
    rows[:, 1:] = pixels.reshape(height, -1)
    colour = _COLOUR_OF_CHANNELS[channels]
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    data = zlib.compress(rows.data)

    def write(file: BinaryIO) -> None:
        file.write(SIGNATURE)
        for name, body in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b"")):
            file.write(struct.pack(">I", len(body)) + name + body)
            file.write(struct.pack(">I", zlib.crc32(body, zlib.crc32(name))))

    atomic_write(path, write)


# Chunks


def _chunks(data: bytes, path: StrPath | None) -> Iterator[_Chunk]:
    """Yield the chunks up to the end of the file, with lengths, names and checksums checked."""
    view = memoryview(data)
    position = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        left = len(data) - position - 12  # beside length, name and checksum
        if left < 0:
            raise FormatError("the file ends before its IEND chunk", path=path, offset=position)
        length, name = struct.unpack_from(">I4s", data, position)
        if not name.isalpha():
            raise FormatError(f"{name!r} is not a chunk name", path=path, offset=position + 4)
        if length > left:
            fact = f"chunk {name.decode()} says {length} bytes, but {left} are left"
            raise FormatError(fact, path=path, offset=position)
        end = position + 8 + length
        (checksum,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(view[position + 4 : end]) != checksum:
            fact = f"chunk {name.decode()} is damaged: its checksum differs"
            raise FormatError(fact, path=path, offset=position)
        yield _Chunk(name, position, view[position + 8 : end])
        position = end + 4
        if name == b"IEND":
            break
    else:
        raise FormatError(f"more than {MAX_CHUNKS} chunks", path=path, offset=position)
    if position != len(data):
        fact = f"{len(data) - position} bytes follow the end of the picture"
        raise FormatError(fact, path=path, offset=position)


class _Parts:
    """What the chunks of one file hold, checked as they are added."""

    header: _Header

    def __init__(self, path: StrPath | None) -> None:
        self.path = path
        self.palette: Pixels | None = None  # (colours, 3), or (colours, 4) with transparency
        self.key: npt.NDArray[np.uint16] | None = None  # the sample or samples that are see-through
        self.data: list[_Chunk] = []
        self._seen: set[bytes] = set()
        self._last = b""

    @property
    def channels(self) -> int:
        if self.palette is not None and self.header.colour == _PALETTE:
            return int(self.palette.shape[1])
        return _SAMPLES[self.header.colour] + (self.key is not None)

    def add(self, chunk: _Chunk) -> None:
        name = chunk.name
        text = name.decode()
        if (name == b"IHDR") != (not self._seen):
            self._refuse(f"chunk {text} where IHDR must be, or a second IHDR", chunk)
        if name in (b"PLTE", b"tRNS"):
            if name in self._seen:
                self._refuse(f"a second {text} chunk", chunk)
            if b"IDAT" in self._seen:
                self._refuse(f"chunk {text} comes after the pixels", chunk)
        if name == b"IHDR":
            self._add_header(chunk)
        elif name == b"PLTE":
            self._add_palette(chunk)
        elif name == b"tRNS":
            self._add_transparency(chunk)
        elif name == b"IDAT":
            self._add_data(chunk)
        elif name == b"IEND":
            if chunk.body:
                self._refuse("chunk IEND is not empty", chunk)
            if not self.data:
                self._refuse("no IDAT chunk: there are no pixels", chunk)
        elif text[0].isupper():
            self._refuse(f"chunk {text} is needed to read the picture, but unknown", chunk)
        self._seen.add(name)
        self._last = name

    def _refuse(self, fact: str, chunk: _Chunk) -> NoReturn:
        raise FormatError(fact, path=self.path, offset=chunk.offset)

    def _add_header(self, chunk: _Chunk) -> None:
        if len(chunk.body) != 13:
            self._refuse(f"chunk IHDR has {len(chunk.body)} bytes instead of 13", chunk)
        fields = struct.unpack(">IIBBBBB", chunk.body)
        width, height, depth, colour, compression, filtering, interlacing = fields
        if width == 0 or height == 0:
            self._refuse(f"the picture is empty: {width}x{height}", chunk)
        if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
            fact = f"the picture is too large: {width}x{height}; at most {MAX_PIXELS} pixels and"
            self._refuse(f"{fact} {MAX_SIDE} a side are read", chunk)
        if colour not in _DEPTHS:
            self._refuse(f"colour type {colour} does not exist", chunk)
        if depth not in _DEPTHS[colour]:
            self._refuse(f"colour type {colour} with {depth} bits a sample does not exist", chunk)
        if compression != 0 or filtering != 0 or interlacing > 1:
            methods = f"{compression}, {filtering}, {interlacing}"
            self._refuse(f"unknown compression, filter or interlace method: {methods}", chunk)
        self.header = _Header(width, height, depth, colour, interlacing == 1)

    def _add_palette(self, chunk: _Chunk) -> None:
        if self.header.colour in (_GREY, _GREY_ALPHA):
            self._refuse("a grey picture has no palette", chunk)
        if b"tRNS" in self._seen:
            self._refuse("chunk PLTE comes after tRNS", chunk)
        colours, rest = divmod(len(chunk.body), 3)
        most = 1 << self.header.depth if self.header.colour == _PALETTE else 256
        if rest or not 1 <= colours <= most:
            fact = f"the palette has {len(chunk.body)} bytes, not 3 for each of 1 to {most} colours"
            self._refuse(fact, chunk)
        self.palette = np.frombuffer(chunk.body, np.uint8).reshape(colours, 3)

    def _add_transparency(self, chunk: _Chunk) -> None:
        if self.header.colour in (_GREY_ALPHA, _RGBA):
            self._refuse("chunk tRNS in a picture that has an alpha channel", chunk)
        size = len(chunk.body)
        if self.header.colour == _PALETTE:
            if self.palette is None:
                self._refuse("chunk tRNS comes before the palette", chunk)
            colours = len(self.palette)
            if not 1 <= size <= colours:
                self._refuse(f"chunk tRNS has {size} entries for {colours} colours", chunk)
            alpha = np.full((colours, 1), 255, np.uint8)
            alpha[:size, 0] = np.frombuffer(chunk.body, np.uint8)
            self.palette = np.concatenate([self.palette, alpha], axis=1)
            return
        samples = _SAMPLES[self.header.colour]
        if size != 2 * samples:
            self._refuse(f"chunk tRNS has {size} bytes instead of {2 * samples}", chunk)
        self.key = np.frombuffer(chunk.body, ">u2").astype(np.uint16)

    def _add_data(self, chunk: _Chunk) -> None:
        if self.data and self._last != b"IDAT":
            self._refuse("the IDAT chunks do not follow each other", chunk)
        if self.header.colour == _PALETTE and self.palette is None:
            self._refuse("chunk PLTE, the palette, is missing", chunk)
        self.data.append(chunk)


# Rows


class _Stream:
    """The IDAT chunks as one stream that is decompressed only as far as it is asked for."""

    def __init__(self, chunks: list[_Chunk], size: int, path: StrPath | None) -> None:
        self._path = path
        self._offset = chunks[0].offset
        self._inflate = zlib.decompressobj()
        self._pieces = self._cut(chunks)
        self._unused = b""
        given = sum(len(chunk.body) for chunk in chunks)
        if size > given * _DEFLATE_RATIO:
            self._refuse(f"{given} bytes of data cannot hold {size} bytes of pixels")

    def _cut(self, chunks: list[_Chunk]) -> Iterator[memoryview]:
        for chunk in chunks:
            self._offset = chunk.offset
            for start in range(0, len(chunk.body), _INFLATE_BYTES):
                yield chunk.body[start : start + _INFLATE_BYTES]

    def _refuse(self, fact: str) -> NoReturn:
        raise FormatError(fact, path=self._path, offset=self._offset)

    def _read(self, size: int) -> bytes:
        """Return between 1 and `size` bytes, or none at the end of the stream."""
        while not self._inflate.eof:
            piece: bytes | memoryview = self._unused or next(self._pieces, b"")
            try:
                got = self._inflate.decompress(piece, size)
            except zlib.error as error:
                self._refuse(f"the compressed pixels are damaged: {error}")
            self._unused = self._inflate.unconsumed_tail
            if got:
                return got
            if not piece and not self._inflate.eof:
                self._refuse("the compressed pixels are cut short")
        return b""

    def fill(self, target: Pixels) -> None:
        """Write the next bytes of the stream into a flat array."""
        done = 0
        while done < target.size:
            got = self._read(target.size - done)
            if not got:
                missing = target.size - done
                self._refuse(f"the compressed pixels end too early: {missing} bytes are missing")
            target[done : done + len(got)] = np.frombuffer(got, np.uint8)
            done += len(got)

    def finish(self) -> None:
        """Check that the stream ends here, with its checksum, and that nothing follows."""
        if self._read(1):
            self._refuse("the compressed data go on after the last pixel")
        if self._inflate.unused_data or next(self._pieces, None) is not None:
            self._refuse("bytes follow the end of the compressed pixels")


def _decode_pass(stream: _Stream, parts: _Parts, width: int, height: int, target: Pixels) -> None:
    """Decode the next pass, of `width` times `height` pixels, into (height, width, channels)."""
    header = parts.header
    row_bytes = header.row_bytes(width)
    step = max(1, header.pixel_bits // 8)
    most = max(1, _BAND_BYTES // (1 + row_bytes))
    above = np.zeros(1 + row_bytes, np.uint8)
    for top in range(0, height, most):
        band = target[top : top + most]
        block = np.empty((1 + len(band), 1 + row_bytes), np.uint8)
        block[0] = above
        stream.fill(block[1:].reshape(-1))
        if block[:, 0].max() > 4:
            row = top + int(np.argmax(block[1:, 0] > 4))
            fact = f"row {row} has the unknown filter {block[1 + row - top, 0]}"
            raise FormatError(fact, path=parts.path)
        _unfilter(block, step)
        band[...] = _to_pixels(block[1:, 1:], width, parts)
        above = block[-1].copy()
        above[0] = 0


def _unfilter(block: Pixels, step: int) -> None:
    """Undo the filters in place; the first row is the one above, already without filter.

    Args:
        block: (rows, 1 + row bytes), the first column being the kinds of filter.
        step: bytes between a sample and the one that it was predicted from.
    """
    kinds = block[:, 0]
    if kinds.max() > 2:
        _unfilter_diagonally(block, step)
        return
    for row in np.flatnonzero(kinds).tolist():
        line = block[row, 1:]
        if kinds[row] == 1:
            pixels = line.reshape(-1, step)
            np.cumsum(pixels, axis=0, dtype=np.uint8, out=pixels)
        else:
            line += block[row - 1, 1:]


def _unfilter_diagonally(block: Pixels, step: int) -> None:
    """Undo any mixture of filters, one diagonal of the block at a time.

    A pixel needs the ones to its left, above, and above left. With row r held back by r pixels,
    all pixels of one diagonal can be done at once from the two diagonals before.
    """
    rows, columns = len(block), (block.shape[1] - 1) // step
    kinds = block[:, 0]
    of_left = np.array([0, 2, 0, 1, 0], np.int16)[kinds]
    of_up = np.array([0, 0, 2, 1, 0], np.int16)[kinds]
    is_paeth = kinds == 4
    # diagonals[d, byte, row] is column d - row; where that is outside the row it is never touched.
    diagonals = as_strided(
        block[:, 1:],
        shape=(rows + columns - 1, step, rows),
        strides=(step, 1, block.strides[0] - step),
    )
    now, before, earlier = (np.zeros((step, 1 + rows), np.int16) for _ in range(3))
    for d in range(rows + columns - 1):
        low, high = max(0, d - columns + 1), min(rows, d + 1)
        left = before[:, low + 1 : high + 1]
        up = before[:, low:high]
        corner = earlier[:, low:high]
        guess = (of_left[low:high] * left + of_up[low:high] * up) >> 1
        from_left, from_up = np.abs(up - corner), np.abs(left - corner)
        from_corner = np.abs(left + up - 2 * corner)
        paeth = np.where(from_up <= from_corner, up, corner)
        nearest_left = (from_left <= from_up) & (from_left <= from_corner)
        np.copyto(paeth, left, where=nearest_left)
        np.copyto(guess, paeth, where=is_paeth[low:high])
        line = diagonals[d, :, low:high]
        guess += line
        guess &= 255
        line[...] = guess
        now[:, low + 1 : high + 1] = guess
        now, before, earlier = earlier, now, before


def _to_pixels(rows: Pixels, width: int, parts: _Parts) -> Pixels:
    """Return uint8 (rows, width, channels) from the rows' bytes (rows, row bytes)."""
    header = parts.header
    samples = _to_samples(rows, width, header)
    if header.colour == _PALETTE and parts.palette is not None:
        index, colours = samples[..., 0], len(parts.palette)
        if index.max() >= colours:
            fact = f"a pixel has palette index {index.max()}, but there are {colours} colours"
            raise FormatError(fact, path=parts.path)
        return parts.palette[index]
    if header.depth == 16:
        pixels = (samples >> 8).astype(np.uint8)
    else:
        pixels = samples.astype(np.uint8) * np.uint8(255 // ((1 << header.depth) - 1))
    if parts.key is None:
        return pixels
    visible = np.any(samples != parts.key, axis=2, keepdims=True)
    return np.concatenate([pixels, visible * np.uint8(255)], axis=2)


def _to_samples(rows: Pixels, width: int, header: _Header) -> npt.NDArray[np.uint8 | np.uint16]:
    """Return the samples (rows, width, samples a pixel) at their own depth."""
    depth = header.depth
    if depth == 16:
        return rows.view(">u2").reshape(len(rows), width, -1).astype(np.uint16)
    if depth == 8:
        return rows.reshape(len(rows), width, -1)
    shifts = np.arange(8 - depth, -1, -depth, dtype=np.uint8)
    samples = (rows[:, :, np.newaxis] >> shifts) & np.uint8((1 << depth) - 1)
    return samples.reshape(len(rows), -1)[:, :width, np.newaxis]
