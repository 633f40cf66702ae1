"""Folders of files as data sets: a folder for each class, in which the files of the class lie."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import DataError, UsageError
from rushlight.data.dataset import Dataset
from rushlight.data.files import read_text
from rushlight.data.ink import Pixels
from rushlight.data.items import Items
from rushlight.data.pictures import averaging, read_picture
from rushlight.data.watch import watched
from rushlight.formats.atomic import check_path

StrPath = str | os.PathLike[str]
Size = int | tuple[int, int]

TEXTS = (".txt",)
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
MAX_SIDE = 65_535  # pixels
MAX_BYTES = 1 << 33  # of pictures in memory

_LUMA = np.array(
    [0.299, 0.587, 0.114], np.float32
)  # of red, green and blue: Recommendation ITU-R BT.601


class Texts(NamedTuple):
    """The texts of a folder, the class of each, int64 (n,), and the names of the classes."""

    texts: list[str]
    labels: NDArray[np.int64]
    names: tuple[str, ...]


def text_folder(path: StrPath, encoding: str = "utf-8") -> Texts:
    """Return the texts in a folder that has a folder for each class, with files *.txt.

    Classes, and the texts of each, come in the order of their names. Hidden files and those of
    other endings are left out.

    Raises DataError for a folder that is none, has no classes, or a class without texts;
    FormatError for a text that is too large or of another encoding.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, text in {"ham": "See you", "spam": "Win now"}.items():
    ...         Path(folder, name).mkdir()
    ...         _ = Path(folder, name, "1.txt").write_text(text)
    ...     text_folder(folder)
    Texts(texts=['See you', 'Win now'], labels=array([0, 1]), names=('ham', 'spam'))
    """
    names, files, labels = _listed(path, TEXTS)
    texts = [read_text(file, encoding) for file in watched(files, len(files), Path(path).name)]
    return Texts(texts, labels, names)


def image_folder(path: StrPath, size: Size | None = None, channels: int = 3) -> Dataset:
    """Return the pictures in a folder that has a folder for each class.

    They become uint8 (n, channels, height, width), the classes int64 (n,), whose names are the
    `labels` of the data set. PNG is read without more; JPEG, GIF, BMP, WebP and TIFF take pillow
    (`pip install rushlight[pictures]`). Classes, and the pictures of each, come in the order of
    their names. Hidden files and those of other endings are left out.

    Args:
        path: the folder.
        size: of each picture, height and width or one number for both, to which they are scaled
            by averaging; None where all have one size already.
        channels: 1 for grey, 3 for colours; what is transparent becomes white.

    Raises DataError for a folder that is none, has no classes, or a class without pictures, and for
    pictures of other sizes than the first; FormatError for a file that is broken or no picture.

    >>> import tempfile
    >>> from rushlight.formats.png import write_png
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cat", "dog"):
    ...         Path(folder, name).mkdir()
    ...         write_png(Path(folder, name, "1.png"), np.zeros((30, 40, 3), np.uint8))
    ...     dataset = image_folder(folder, size=16)
    >>> dataset, dataset.labels
    (Dataset(uint8 (2, 3, 16, 16), int64 (2,)), ('cat', 'dog'))
    """
    source, names = _pictures(path, size, channels)
    shape = source.picture(0).shape if size is None else (channels, *_as_sides(size))
    needed = len(source) * math.prod(shape)
    if needed > MAX_BYTES:
        fact = f"{os.fspath(path)}: {len(source)} pictures need {needed:,} bytes of memory"
        raise DataError(fact, hint="image_items reads them when they are asked for")
    pixels = np.empty((len(source), *shape), np.uint8)
    for number in watched(range(len(source)), len(source), Path(path).name):
        picture = source.picture(number)
        if picture.shape != shape:
            raise DataError(
                f"{source.files[number]}: {_sides(picture.shape)} pixels, but {source.files[0]} "
                f"has {_sides(shape)}",
                hint="size=(height, width) scales all of them",
            )
        pixels[number] = picture
    return Dataset(pixels, source.labels, labels=names)


def image_items(path: StrPath, size: Size, channels: int = 3) -> Items:
    """Return the pictures of `image_folder` as Items, each read when it is asked for.

    For more pictures than fit the memory; `DataLoader(..., prefetch=4)` reads ahead in threads.
    """
    source, names = _pictures(path, size, channels)
    return Items(source, labels=names)


class _Pictures:
    """The pictures in files: item i is a picture (channels, height, width) and its class."""

    def __init__(
        self,
        files: Sequence[str],
        labels: NDArray[np.int64],
        size: tuple[int, int] | None,
        channels: int,
    ) -> None:
        self.files = files
        self.labels = labels
        self.size = size
        self.channels = channels

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> tuple[Pixels, np.int64]:
        return self.picture(number), self.labels[number]

    def picture(self, number: int) -> Pixels:
        return fitted(read_picture(self.files[number]), self.size, self.channels)


def fitted(pixels: Pixels, size: tuple[int, int] | None, channels: int) -> Pixels:
    """Return a picture (height, width, 1 to 4) as `image_folder` does: (channels, height, width).

    >>> fitted(np.zeros((40, 30, 4), np.uint8), (2, 2), 1).tolist()  # transparent: white paper
    [[[255, 255], [255, 255]]]
    """
    pixels = _in_channels(pixels, channels)
    if size is not None and pixels.shape[1:] != size:
        down, across = (averaging(*sides) for sides in zip(pixels.shape[1:], size, strict=True))
        pixels = np.rint(down @ pixels.astype(np.float32) @ across.T).astype(np.uint8)
    return pixels


def _pictures(path: StrPath, size: Size | None, channels: int) -> tuple[_Pictures, tuple[str, ...]]:
    if channels not in (1, 3):
        raise UsageError(f"channels are 1 or 3, not {channels!r:.40}")
    sides = None if size is None else _as_sides(size)
    names, files, labels = _listed(path, PICTURES)
    return _Pictures(files, labels, sides, channels), names


def _as_sides(size: Any) -> tuple[int, int]:
    sides = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(sides) == 2 and all(type(side) is int and 0 < side <= MAX_SIDE for side in sides):
        return sides
    raise UsageError(f"size is a height and a width in pixels, not {size!r:.40}", hint="size=64")


def _in_channels(pixels: Pixels, channels: int) -> Pixels:
    """Return pixels (height, width, 1 to 4) as (channels, height, width), on white paper."""
    if pixels.shape[2] in (2, 4):
        opacity = pixels[..., -1:].astype(np.float32) / 255
        mixed = pixels[..., :-1] * opacity + 255 * (1 - opacity)
        pixels = np.rint(mixed).astype(np.uint8)
    if pixels.shape[2] == 3 and channels == 1:
        pixels = np.rint(pixels @ _LUMA).astype(np.uint8)[..., np.newaxis]
    if pixels.shape[2] == 1 and channels == 3:
        pixels = np.repeat(pixels, 3, axis=2)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _sides(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[2]}"


def _listed(
    path: StrPath, endings: tuple[str, ...]
) -> tuple[tuple[str, ...], list[str], NDArray[np.int64]]:
    """Return the names of the classes, all files in order, and the class of each."""
    names = [entry.name for entry in _entries(path) if _is_folder(entry)]
    if not names:
        raise DataError(f"{os.fspath(path)}: there are no folders of classes")
    files: list[str] = []
    labels: list[int] = []
    for number, name in enumerate(names):
        folder = os.path.join(path, name)
        found = [entry.path for entry in _entries(folder) if entry.name.lower().endswith(endings)]
        if not found:
            raise DataError(f"{folder}: there are no files {', '.join('*' + e for e in endings)}")
        files += found
        labels += [number] * len(found)
    return tuple(names), files, np.array(labels, np.int64)


def _entries(path: StrPath) -> list[os.DirEntry[str]]:
    """Return what lies in a folder and is not hidden, by name."""
    check_path(path)
    try:
        with os.scandir(os.fspath(path)) as entries:
            shown = [entry for entry in entries if not entry.name.startswith(".")]
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise DataError(f"{os.fspath(path)}: cannot be listed: {reason.lower()}") from None
    return sorted(shown, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder; raises DataError for a link that leads nowhere."""
    try:
        if entry.is_symlink():
            entry.stat()
        return entry.is_dir()
    except OSError as error:
        fact = f"{entry.path}: a link that leads nowhere: {(error.strerror or str(error)).lower()}"
        raise DataError(fact) from None
