"""Pictures of digits: from a file to the 28x28 pixels of MNIST, and from pixels to the terminal.

Source of the layout: http://yann.lecun.com/exdb/mnist (the ink fits a box of 20x20 pixels, and its
centre of mass lies in the middle of 28x28).
"""

import io
import os
import re
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rushlight.core.errors import DataError, FormatError, UsageError
from rushlight.data.ink import Floats, Pixels, bounding_box, find_ink, spread
from rushlight.formats.png import SIGNATURE, decode_png, read_file

StrPath = str | os.PathLike[str]

LAYOUT = "\n\t"  # what a terminal may obey

# How the files of other kinds begin, under the names that pillow has for them.
_OTHER_KINDS = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "GIF": re.compile(rb"GIF8[79]a"),
    "BMP": re.compile(rb"BM.{4}\0{4}", re.DOTALL),
    "WEBP": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "TIFF": re.compile(rb"II\*\0|MM\0\*"),
}

_OPENING = threading.Lock()  # the filters of warnings are one for all threads

_NARROWEST, _WIDEST, _GAP = 14, 28, 2  # characters, of a digit in the terminal
_LIT = 0.4  # of full light: what is drawn as a block
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
_NEARLY_GREY = 16  # of 255
_LEAST_SIZE = 8  # pixels
_CLEAN = 16  # of 255: a border below it has no ink
_THIN, _WANTED_STROKE = 1.0, 1.6  # pixels of 28x28; one in 200 of MNIST's digits is below 1


@dataclass(frozen=True, slots=True)
class DigitPicture:
    """A digit as the networks know it, and what was done to the picture to get there.

    Args:
        pixels: uint8 (28, 28), light ink on dark.
        notes: what was done, one short sentence each.
    """

    pixels: Pixels
    notes: tuple[str, ...]


def read_digit(path: StrPath, size: int = 28) -> DigitPicture:
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
    >>> digit.pixels.shape
    (28, 28)
    >>> digit.notes
    ('dark on light: inverted', 'cut to the ink and centred', 'resized from 300x200')
    """
    try:
        return to_digit(read_picture(path), size)
    except DataError as error:
        raise DataError(f"{os.fspath(path)}: {error.fact}", hint=error.hint) from None


def read_picture(path: StrPath) -> Pixels:
    """Return any picture as uint8 (height, width, channels), the channels as in `read_png`.

    Raises:
        FormatError: the file is missing, broken or no picture.
        UsageError: the picture is no PNG, and pillow is not installed.

    >>> read_picture(__file__)
    Traceback (most recent call last):
    rushlight...FormatError: ...pictures.py: not a picture
      hint: PNG pictures can be read
    """
    data = read_file(path)
    if data.startswith(SIGNATURE):
        return decode_png(data, path)
    for kind, start in _OTHER_KINDS.items():
        if start.match(data):
            return _read_with_pillow(data, kind, path)
    fact = "the file is empty" if not data else "not a picture"
    raise FormatError(fact, path=path, hint="PNG pictures can be read")


def _read_with_pillow(data: bytes, kind: str, path: StrPath) -> Pixels:
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError:
        raise UsageError(
            f"{os.fspath(path)}: a {kind} picture takes pillow to read",
            hint="pip install rushlight[pictures], or save it as PNG",
        ) from None
    try:
        with _OPENING, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(data), formats=[kind])
        with opened as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGBA"))
    except UnidentifiedImageError:  # whose text names an object in memory
        raise FormatError(f"the {kind} picture is broken", path=path) from None
    except Exception as error:  # pillow promises no family of errors
        raise FormatError(f"the {kind} picture cannot be read: {error}", path=path) from None


def to_digit(pixels: Pixels, size: int = 28) -> DigitPicture:
    """Turn any picture of a digit, (height, width, channels), into what MNIST would show.

    The paper is what the border shows, be it dark or light, the ink is what differs from it.
    Specks, shadows and what touches the edge are left out; the ink is scaled so that its longer
    side has 20 of 28 pixels, and its centre of mass is put in the middle. A picture that already
    looks like this is left as it is.

    Raises:
        DataError: there is no digit to see.
        UsageError: `size` is too small.

    >>> corner = np.zeros((56, 56, 1), np.uint8)
    >>> corner[2:22, 2:8] = 255
    >>> to_digit(corner).notes
    ('cut to the ink and centred', 'resized from 56x56')
    """
    height, width, channels = pixels.shape
    if size < _LEAST_SIZE:
        raise UsageError(f"a digit of {size}x{size} pixels is too small; use {_LEAST_SIZE} or more")
    notes = []
    if channels in (2, 4) and pixels[..., -1].min() < 255:
        notes.append("transparent parts taken as paper")
    page = _without_alpha(pixels)
    if not notes and _looks_like_mnist(page, size):
        return DigitPicture(page[..., 0].copy(), (f"already light on dark in {size}x{size}",))
    ink, is_dark = find_ink(page)
    if not _is_grey(page):
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


def _is_grey(page: Pixels) -> bool:
    """Return whether the channels agree, but for what lossy compression does to them."""
    return int(np.max(page.max(axis=2) - page.min(axis=2))) <= _NEARLY_GREY


def _looks_like_mnist(page: Pixels, size: int) -> bool:
    if page.shape[:2] != (size, size) or not _is_grey(page):
        return False
    grey = page[..., 0]
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if border.max() >= _CLEAN or grey.max() < 128:
        return False
    middle = np.array(_centre_of_mass(grey.astype(np.float32)))
    return bool(np.abs(middle - size / 2).max() <= 1)


def _without_alpha(pixels: Pixels) -> Pixels:
    """Return (height, width, 1 or 3), with what is transparent taken as paper.

    Where more than half is transparent, the visible is the ink, and the paper is black or white,
    whichever differs more from it; else the paper is the visible colour that is met most.
    """
    channels = pixels.shape[2]
    if channels in (1, 3):
        return pixels
    colours, alpha = pixels[..., :-1], pixels[..., -1]
    if alpha.min() == 255:
        return colours
    step = 1 + max(alpha.shape) // 1024
    seen = alpha[::step, ::step] > 127
    visible = colours[::step, ::step][seen]
    paper = np.median(visible, axis=0) if len(visible) else np.zeros(channels - 1)
    if len(visible) < seen.size / 2:
        paper[:] = 0 if paper.mean() > 127 else 255
    weight = alpha[..., np.newaxis].astype(np.float32) / 255
    mixed = colours * weight + paper.astype(np.float32) * (1 - weight)
    return np.rint(mixed).astype(np.uint8)


# Making the ink look like MNIST's


def _thicken(ink: Floats, box: int) -> tuple[Floats, bool]:
    """Widen strokes that would nearly vanish when the ink is scaled into its box."""
    finer = 3
    fitted = _fit(ink, box * finer)
    mask = np.pad(fitted >= 0.5, 1)
    outline = np.count_nonzero(np.diff(mask, axis=0)) + np.count_nonzero(np.diff(mask, axis=1))
    stroke = 2 * np.count_nonzero(mask) / outline / finer
    if stroke >= _THIN:
        return ink, False
    reach = round((_WANTED_STROKE - stroke) / 2 * finer)
    wide = np.pad(fitted, reach)
    for _ in range(reach):
        wide = spread(wide)
    return wide, True


def _fit(ink: Floats, side: int) -> Floats:
    """Scale by area averaging so that the longer side is `side` and the strongest ink 1."""
    height, width = ink.shape
    longer = max(height, width)
    rows = averaging(height, max(1, round(height * side / longer)))
    columns = averaging(width, max(1, round(width * side / longer)))
    scaled = rows @ ink @ columns.T
    return np.asarray(scaled / scaled.max(), np.float32)


def averaging(count: int, wanted: int) -> Floats:
    """Return the matrix (wanted, count) that averages `count` values into `wanted` values.

    >>> averaging(4, 2).tolist()
    [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    edges = np.arange(wanted + 1) * (count / wanted)
    starts, ends = edges[:-1, np.newaxis], edges[1:, np.newaxis]
    places = np.arange(count)
    overlap = np.minimum(ends, places + 1) - np.maximum(starts, places)
    return np.asarray(np.maximum(overlap, 0) * (wanted / count), np.float32)


def _centre(ink: Floats, size: int) -> Pixels:
    """Put the ink's centre of mass in the middle of uint8 (size, size), or as near as it fits."""
    height, width = ink.shape
    row, column = _centre_of_mass(ink)
    top = min(max(round(size / 2 - row), 0), size - height)
    left = min(max(round(size / 2 - column), 0), size - width)
    pixels = np.zeros((size, size), np.uint8)
    pixels[top : top + height, left : left + width] = np.rint(ink * 255)
    return pixels


def _centre_of_mass(ink: Floats) -> tuple[float, float]:
    """Return the row and column around which the ink balances."""
    rows, columns = ink.sum(axis=1), ink.sum(axis=0)
    total = rows.sum()
    row = float(rows @ np.arange(len(rows)) / total)
    return row, float(columns @ np.arange(len(columns)) / total)


# Showing


def render_digits(
    images: Pixels, captions: Sequence[str], columns: int = 80, encoding: str | None = "utf-8"
) -> str:
    """Draw digits side by side in as many rows as they need, each with a line of text below.

    Args:
        images: uint8 (n, size, size), light on dark.
        captions: n texts, cut where they are wider than a digit.
        columns: the width of the terminal, in characters; a digit takes 14 to 28 of them.
        encoding: what the stream can take, `sys.stdout.encoding` say; where that has no block
            characters, ASCII ones are used.

    Raises:
        DataError: there are not as many captions as images, or the images are no such array.

    >>> ring = np.zeros((1, 28, 28), np.uint8)
    >>> ring[0, 4:24, 10:18] = 255
    >>> ring[0, 8:20, 13:15] = 0
    >>> print(render_digits(ring, ["a zero"], columns=14))
        ██████
        ██▀▀██
        ██  ██
        ██  ██
        ██  ██
        ██▄▄██
        ██████
        a zero
    """
    if images.ndim != 3 or images.dtype != np.uint8 or images.shape[1] != images.shape[2]:
        fact = f"digits are drawn from uint8 (n, size, size), not {images.dtype} {images.shape}"
        raise DataError(fact)
    if len(captions) != len(images):
        raise DataError(f"{len(images)} digits, but {len(captions)} captions")
    if not len(images):
        return ""
    most = max(1, (columns + _GAP) // (_NARROWEST + _GAP))
    rows = -(-len(images) // most)
    in_row = -(-len(images) // rows)
    width = (columns + _GAP) // in_row - _GAP
    width = min(max(width // 2 * 2, _NARROWEST), _WIDEST)
    draw = _draw_blocks if can_show("▀▄█", encoding) else _draw_ascii
    drawn = [draw(_fit_square(image, width)) for image in _without_margin(images)]
    lines = []
    for start in range(0, len(images), in_row):
        row = range(start, min(start + in_row, len(images)))
        texts = [printable(captions[at], encoding)[:width].center(width) for at in row]
        lines += [_side_by_side(parts) for parts in zip(*(drawn[at] for at in row), strict=True)]
        lines += [_side_by_side(texts), ""]
    return "\n".join(lines[:-1])


def render_bars(
    labels: Sequence[str],
    probabilities: npt.ArrayLike,
    width: int = 40,
    encoding: str | None = "utf-8",
) -> str:
    """Draw probabilities as horizontal bars, with a `>` before the largest.

    Args:
        labels: n names.
        probabilities: n numbers from 0 to 1.
        width: how many characters a bar of 100% has.
        encoding: what the stream can take, as for `render_digits`.

    Raises:
        DataError: the lengths differ, or a number is no probability.

    >>> print(render_bars(["spam", "ham"], [0.1, 0.9], width=10))
      spam   10.00%  █
    > ham    90.00%  █████████
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if values.shape != (len(labels),):
        raise DataError(f"{len(labels)} labels, but probabilities of shape {values.shape}")
    wrong = np.flatnonzero(~((values >= 0) & (values <= 1 + 1e-3)))
    if len(wrong):
        at = int(wrong[0])
        raise DataError(f"probability {at} is {values[at]:g}, which is not between 0 and 1")
    if not len(labels):
        return ""
    names = [printable(label, encoding) for label in labels]
    longest = max(len(name) for name in names)
    best = int(np.argmax(values))
    in_blocks = can_show("".join(_EIGHTHS), encoding)
    lines = []
    for at, (name, value) in enumerate(zip(names, values.tolist(), strict=True)):
        mark = ">" if at == best else " "
        bar = _bar(min(value, 1.0) * width, in_blocks)
        lines.append(f"{mark} {name:<{longest}}  {value:7.2%}  {bar}".rstrip())
    return "\n".join(lines)


def _bar(length: float, in_blocks: bool) -> str:
    if not in_blocks:
        return "#" * round(length)
    whole, eighths = divmod(round(length * 8), 8)
    return "█" * whole + _EIGHTHS[eighths]


def can_show(text: str, encoding: str | None) -> bool:
    """Return whether a stream of some encoding, or of none, takes a text.

    >>> can_show("█", "utf-8"), can_show("█", "latin-1")
    (True, False)
    """
    try:
        text.encode(encoding or "ascii")
    except LookupError:  # an encoding that Python does not know
        return text.isascii()
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str, encoding: str | None, keep: str = "") -> str:
    """Return the text with a `?` for what a terminal might obey, or its encoding has not.

    Characters in `keep` stay as they are.
    """
    return "".join(
        char if char in keep or (char.isprintable() and can_show(char, encoding)) else "?"
        for char in text
    )


def _without_margin(images: Pixels) -> Pixels:
    """Cut the margin off that is empty in all pictures."""
    inked = np.asarray((images >= 64).any(axis=0))
    if not inked.any():
        return images
    top, bottom, left, right = bounding_box(inked)
    size = len(inked)
    margin = min(top, left, size - bottom, size - right)
    return images[:, margin : size - margin, margin : size - margin]


def _fit_square(image: Pixels, side: int) -> Floats:
    """Return the picture with `side` rows and columns, 0 to 1."""
    matrix = averaging(len(image), side)
    return np.asarray(matrix @ image @ matrix.T / 255, np.float32)


def _draw_blocks(image: Floats) -> list[str]:
    """Return lines of half blocks, two rows of pixels in each."""
    lit = (image >= _LIT).astype(np.intp)
    return ["".join(" ▀▄█"[code] for code in row) for row in lit[::2] + 2 * lit[1::2]]


def _draw_ascii(image: Floats) -> list[str]:
    """Return lines of ASCII characters, denser where there is more light in two rows of pixels."""
    ramp = " .:-=+*#%@"
    grey = (image[::2] + image[1::2]) / 2
    codes = np.minimum(grey * len(ramp), len(ramp) - 1).astype(np.intp)
    return ["".join(ramp[code] for code in row) for row in codes]


def _side_by_side(parts: Sequence[str]) -> str:
    return (" " * _GAP).join(parts).rstrip()
