"""The idx files of MNIST and its kin: labelled pictures of bytes, and a strict reader of them.

Source of the format: http://yann.lecun.com/exdb/mnist
"""

import gzip
import os
import zlib
from dataclasses import dataclass
from io import BufferedIOBase

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import DataError, FormatError
from rushlight.data.files import DataFile, fetch, require_file

RANKS = {2049: 1, 2051: 3}  # magic numbers: labels, and images of (count, rows, columns)
MAX_BYTES = 1 << 30  # far above the 47 MB of the training images
MAX_RATIO = 1032  # deflate never shrinks more than this
CHUNK = 1 << 20  # bytes unpacked at a time, which `gzip` holds twice meanwhile

TRAIN, TEST = 60_000, 10_000  # pictures
CLASSES = 10


@dataclass(frozen=True)
class PictureSet:
    """Pictures of 28x28 pixels, 0 (paper) to 255 (ink), and labels 0 to 9, all uint8."""

    train_images: NDArray[np.uint8]  # (60000, 28, 28)
    train_labels: NDArray[np.uint8]  # (60000,)
    test_images: NDArray[np.uint8]  # (10000, 28, 28)
    test_labels: NDArray[np.uint8]  # (10000,)


def load_set(
    train_images: DataFile, train_labels: DataFile, test_images: DataFile, test_labels: DataFile
) -> PictureSet:
    """Return the pictures in four files, downloaded first where they must be.

    Raises DataError where one can neither be found nor downloaded, FormatError for a broken one,
    and for one of other sizes than those of MNIST.
    """
    return PictureSet(
        _read_images(train_images, TRAIN),
        _read_labels(train_labels, TRAIN),
        _read_images(test_images, TEST),
        _read_labels(test_labels, TEST),
    )


def read_idx(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Return the bytes of an idx file, plain or gzip: images (n, rows, columns) or labels (n,).

    Raises DataError for a file that cannot be opened and FormatError for one that is not exactly
    a header and the elements it announces.

    >>> from rushlight.data import mnist
    >>> read_idx(fetch(mnist.TEST_LABELS))[:5]
    array([7, 2, 1, 0, 4], dtype=uint8)
    """
    require_file(path)
    try:
        with open(path, "rb") as raw:
            room = os.fstat(raw.fileno()).st_size
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not packed:
                return _read_stream(raw, path, room)
            with gzip.GzipFile(fileobj=raw) as stream:
                return _read_stream(stream, path, MAX_RATIO * room)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FormatError(f"broken gzip data: {error}", path=path) from None
    except OSError as error:
        raise DataError(f"{os.fspath(path)}: cannot be read: {error.strerror or error}") from None


def _read_stream(
    stream: BufferedIOBase, path: str | os.PathLike[str], room: int
) -> NDArray[np.uint8]:
    """Read header and elements; `room` is the most bytes that the file can hold."""
    magic = int.from_bytes(_take(stream, 4, path, 0), "big")
    if magic not in RANKS:
        raise FormatError(
            f"magic number {magic} is neither 2051 (images) nor 2049 (labels)", path=path, offset=0
        )
    header = _take(stream, 4 * RANKS[magic], path, 4)
    shape = tuple(np.frombuffer(header, dtype=">u4").tolist())
    start = 4 + len(header)
    size = 1
    for extent in shape:
        size *= extent
    if size == 0 or size > MAX_BYTES:
        raise FormatError(f"shape {shape} is empty or unreasonably large", path=path, offset=4)
    if start + size > room:
        raise FormatError(
            f"shape {shape} needs more bytes than the file holds", path=path, offset=4
        )
    elements = np.empty(size, dtype=np.uint8)
    filled = 0
    while filled < size:
        got = stream.readinto(elements[filled : filled + CHUNK].data)
        if not got:
            raise FormatError(
                f"ends after {filled} of {size} elements", path=path, offset=start + filled
            )
        filled += got
    if stream.read(1):
        raise FormatError(f"bytes left over after {size} elements", path=path, offset=start + size)
    return elements.reshape(shape)


def _take(stream: BufferedIOBase, size: int, path: str | os.PathLike[str], offset: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise FormatError("header is cut short", path=path, offset=offset + len(data))
    return data


def _read_images(file: DataFile, count: int) -> NDArray[np.uint8]:
    path = fetch(file)
    images = read_idx(path)
    if images.shape != (count, 28, 28):
        raise FormatError(f"shape {images.shape} instead of {(count, 28, 28)}", path=path)
    return images


def _read_labels(file: DataFile, count: int) -> NDArray[np.uint8]:
    path = fetch(file)
    labels = read_idx(path)
    if labels.shape != (count,):
        raise FormatError(f"shape {labels.shape} instead of {(count,)}", path=path)
    wrong = np.flatnonzero(labels >= CLASSES)
    if wrong.size:
        raise FormatError(
            f"label {labels[wrong[0]]} is not one of 0 to {CLASSES - 1}",
            path=path,
            offset=8 + int(wrong[0]),
        )
    return labels
