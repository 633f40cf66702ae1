"""Pictures of digits: from a file to the 28x28 pixels of MNIST, and from pixels to the terminal.

Source of the layout: http://yann.lecun.com/exdb/mnist (the ink fits a box of 20x20 pixels, and its
centre of mass lies in the middle of 28x28).
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rushlight.core.errors import DataError, FormatError, UsageError
from rushlight.formats.png import MAX_PIXELS, SIGNATURE, decode_png, read_file

Path = str | os.PathLike[str]
Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

# How the files of other kinds begin, and what pillow calls them.
_OTHER_KINDS = {
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"RIFF": "WEBP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}

_COARSE_SIDE = 128  # pixels, where the digit is looked for
_FINE_SIDE = 1024  # pixels, where its box is measured
_LEAST_CONTRAST = 12.0  # of 255: less is a blank picture
_NOISE_FACTOR = 5.0  # nor is ink what is not so many times stronger than the noise
_CLEAN = 16  # of 255: a border below it has no ink
_THIN, _WANTED_STROKE = 1.2, 1.8  # pixels of 28x28; half of MNIST's strokes have 1.66 to 2.36


@dataclass(frozen=True, slots=True)
class DigitPicture:
    """A digit as the networks know it, and what was done to the picture to get there.

    Args:
        pixels: uint8 (28, 28), light ink on dark.
        notes: what was done, one short sentence each.
    """

    pixels: Pixels
    notes: tuple[str, ...]


def read_digit(path: Path, size: int = 28) -> DigitPicture:
    """Read a picture of a digit, of any size and colours, as MNIST would show it.

    Raises:
        FormatError: the file is missing, broken or no picture.
        DataError: there is no digit to see.
        UsageError: the picture is no PNG, and pillow is not installed.

    >>> import tempfile
    >>> from rushlight.formats.png import write_png
    >>> page = np.full((200, 300), 255, np.uint8)
    >>> page[50:150, 140:160] = 0  # a one in ink on paper
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "one.png")
    ...     write_png(path, page)
    ...     digit = read_digit(path)
    >>> digit.pixels.shape, digit.notes
    ((28, 28), ('dark on light: inverted', 'cut to the ink and centred', 'resized from 300x200'))
    """
    try:
        return to_digit(read_picture(path), size)
    except DataError as error:
        raise DataError(f"{os.fspath(path)}: {error.fact}", hint=error.hint) from None


def read_picture(path: Path) -> Pixels:
    """Return any picture as uint8 (height, width, channels), the channels as in `read_png`.

    Raises:
        FormatError: the file is missing, broken or no picture.
        UsageError: the picture is no PNG, and pillow is not installed.
    """
    data = read_file(path)
    if data.startswith(SIGNATURE):
        return decode_png(data, path)
    for start, kind in _OTHER_KINDS.items():
        if data.startswith(start):
            return _read_with_pillow(path, kind)
    fact = "the file is empty" if not data else "not a picture"
    raise FormatError(fact, path=path, hint="PNG pictures can be read")


def _read_with_pillow(data: bytes, kind: str, path: Path) -> Pixels:
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise UsageError(
            f"{os.fspath(path)}: a {kind} picture takes pillow to read",
            hint="pip install rushlight[pictures], or save it as PNG",
        ) from None
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            if image.width * image.height > MAX_PIXELS:
                fact = f"the picture is too large: {image.width}x{image.height}"
                raise FormatError(fact, path=path)
            upright = ImageOps.exif_transpose(image)
            return np.asarray(upright.convert("RGBA"))
    except RushlightError:
        raise
    except Exception as error:  # pillow promises no family of errors
        raise FormatError(f"the {kind} picture is broken: {error}", path=path) from None


def to_digit(pixels: Pixels, size: int = 28) -> DigitPicture:
    """Turn any picture of a digit, (height, width, channels), into what MNIST would show.

    The paper is what the border shows, be it dark or light, the ink is what differs from it.
    Specks, shadows and what touches the edge are left out; the ink is scaled so that its longer
    side has 20 of 28 pixels, and its centre of mass is put in the middle. A picture that already
    looks like this is left as it is.

    Raises:
        DataError: there is no digit to see.
    """
    height, width, channels = pixels.shape
    if _looks_like_mnist(pixels, size):
        return DigitPicture(pixels[..., 0].copy(), (f"already light on dark in {size}x{size}",))
    notes = []
    if channels in (2, 4) and pixels[..., -1].min() < 255:
        notes.append("transparent parts taken as paper")
    page = _without_alpha(pixels)
    ink, is_dark = _find_ink(page)
    if page.shape[2] == 3 and not _is_grey(page):
        notes.append("colours turned to grey")
    if is_dark:
        notes.append("dark on light: inverted")
    box = round(size * 20 / 28)
    ink, thickened = _thicken(ink, box)
    if thickened:
        notes.append("thin strokes thickened")
    notes.append("cut to the ink and centred")
    if (height, width) != (size, size):
        notes.append(f"resized from {width}x{height}")
    return DigitPicture(_centre(_fit(ink, box), size), tuple(notes))


def _is_grey(pixels: Pixels) -> bool:
    colours = pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., :1]
    return bool(np.all(colours == colours[..., :1]))


def _looks_like_mnist(pixels: Pixels, size: int) -> bool:
    if pixels.shape[:2] != (size, size) or pixels.shape[2] in (2, 4) or not _is_grey(pixels):
        return False
    grey = pixels[..., 0]
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    inked = np.count_nonzero(grey >= 128)
    return bool(border.max() < _CLEAN and 0 < inked < grey.size / 2)


def _without_alpha(pixels: Pixels) -> Pixels:
    """Return (height, width, 1 or 3), with what is transparent taken as paper.

    Where more than half is transparent, the visible is the ink, and the paper is black or white,
    whichever differs more from it; else the paper is the visible colour that is met most.
    """
    channels = pixels.shape[2]
    if channels in (1, 3):
        return pixels
    colours, alpha = pixels[..., :-1], pixels[..., -1]
    visible = colours[alpha > 127]
    if alpha.min() == 255 or not visible.size:
        return colours
    paper = np.median(visible, axis=0)
    if len(visible) < alpha.size / 2:
        paper[:] = 0 if paper.mean() > 127 else 255
    weight = alpha[..., np.newaxis].astype(np.float32) / 255
    mixed = colours * weight + paper.astype(np.float32) * (1 - weight)
    return np.rint(mixed).astype(np.uint8)
