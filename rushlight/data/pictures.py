"""Pictures of digits: from a file to the 28x28 pixels of MNIST, and from pixels to the terminal.

Source of the layout: http://yann.lecun.com/exdb/mnist (the ink fits a box of 20x20 pixels, and its
centre of mass lies in the middle of 28x28).
"""

import io
import os
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from rushlight.core.errors import DataError, FormatError, RushlightError, UsageError
from rushlight.formats.png import MAX_PIXELS, SIGNATURE, decode_png, read_file

Path = str | os.PathLike[str]
Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
_Cell = TypeVar("_Cell", bound=np.generic)

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
_FINE_SIDE = 512  # pixels, where its box is measured
_LEAST_FOR_SPECKS = 60  # pixels: in a smaller picture a single pixel may be ink
_LEAST_CONTRAST = 12.0  # of 255: less is a blank picture
_LEAST_OVER_NOISE = 5.0
_INK_LEVEL = 0.4  # of the full ink: as much is ink for certain
_EDGE_LEVEL = 0.15  # of the full ink: where its box ends
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
            return _read_with_pillow(data, kind, path)
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


# Finding the ink


def _find_ink(page: Pixels) -> tuple[Floats, bool]:
    """Return the digit's ink, 0 to 1 and cut to its box, and whether it is darker than the paper.

    It is looked for in a small copy of the page, then cut out of the page itself.
    """
    coarse, step = _shrink(page, _COARSE_SIDE)
    paper = _fit_paper(coarse)
    difference = coarse - _paper_at(paper, coarse.shape, 0, 0, 1)
    far = np.abs(difference).max(axis=2)
    full, noise = _full_ink(far), _noise(page)
    if full < max(_LEAST_CONTRAST, _LEAST_OVER_NOISE * noise / step):
        raise DataError(
            "there is no digit to see: the picture is blank",
            hint="one digit in dark ink on light paper, or light on dark",
        )
    digit = _main_pieces(far, far >= _INK_LEVEL * full)
    is_dark = bool(difference[digit].mean() < 0)
    near = _with_soft_edge(digit)
    top, bottom, left, right = _box(near)
    region = page[top * step : bottom * step, left * step : right * step]
    fine, fine_step = _shrink(region, _FINE_SIDE)
    rows = _cells(len(fine), fine_step, step) + top
    columns = _cells(fine.shape[1], fine_step, step) + left
    fine -= _paper_at(paper, fine.shape, top, left, fine_step / step)
    far = _without_specks(np.abs(fine).max(axis=2)) * near[np.ix_(rows, columns)]
    full, least = _full_ink(far), max(1.0, 2 * noise / fine_step)
    ink = np.clip((far - least) / max(full - least, 1.0), 0, 1)
    top, bottom, left, right = _box(ink >= _EDGE_LEVEL)
    return ink[top:bottom, left:right], is_dark


def _with_soft_edge(digit: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the mask widened by a twentieth of the digit's size, where its ink may still fade."""
    top, bottom, left, right = _box(digit)
    for _ in range(1 + max(bottom - top, right - left) // 20):
        digit = _spread(digit)
    return digit


def _shrink(pixels: Pixels, side: int) -> tuple[Floats, int]:
    """Average blocks of step x step pixels, so that no side is longer than `side`."""
    height, width = pixels.shape[:2]
    step = -(-max(height, width) // side)
    rows, columns = np.arange(0, height, step), np.arange(0, width, step)
    sums = np.add.reduceat(pixels, rows, axis=0, dtype=np.uint32)
    sums = np.add.reduceat(sums, columns, axis=1)
    heights = np.diff(rows, append=height)[:, np.newaxis, np.newaxis]
    widths = np.diff(columns, append=width)[:, np.newaxis]
    return (sums / (heights * widths)).astype(np.float32), step


def _cells(count: int, step: int, coarse_step: int) -> npt.NDArray[np.intp]:
    """Return in which coarse row or column of a region its fine ones lie."""
    return (2 * np.arange(count) + 1) * step // (2 * coarse_step)


def _fit_paper(coarse: Floats) -> npt.NDArray[np.float64]:
    """Return the paper's colour as a plane over the picture, (3, channels), from its border.

    Three quarters of the border are believed: what lies farther from the plane may be ink.
    """
    height, width, channels = coarse.shape
    wide = 1 + max(height, width) // 16
    border = np.ones((height, width), np.bool_)
    border[wide:-wide, wide:-wide] = False
    places = _places(coarse.shape, 0, 0, 1)[border]
    colours = coarse[border].astype(np.float64)
    believed = np.ones(len(colours), np.bool_)
    plane = np.zeros((3, channels))
    for _ in range(4):
        plane = np.linalg.lstsq(places[believed], colours[believed], rcond=None)[0]
        errors = np.abs(colours - places @ plane).max(axis=1)
        believed = errors <= np.quantile(errors, 0.75)
    return plane


def _places(
    shape: tuple[int, ...], top: float, left: float, step: float
) -> npt.NDArray[np.float64]:
    """Return 1, y and x of each pixel, (height, width, 3), in coarse pixels."""
    places = np.ones((*shape[:2], 3))
    places[..., 1] = top + (np.arange(shape[0]) + 0.5)[:, np.newaxis] * step
    places[..., 2] = left + (np.arange(shape[1]) + 0.5) * step
    return places


def _paper_at(
    plane: npt.NDArray[np.float64], shape: tuple[int, ...], top: float, left: float, step: float
) -> Floats:
    return (_places(shape, top, left, step) @ plane).astype(np.float32)


def _noise(page: Pixels) -> float:
    """Return the standard deviation of the noise, from the median step between neighbours."""
    sample = page[:: 1 + len(page) // 1024].astype(np.int16)
    if sample.shape[1] < 2:
        return 0.0
    return float(np.median(np.abs(np.diff(sample, axis=1)))) * 1.4826 / 2**0.5


def _full_ink(far: Floats) -> float:
    """Return the strength of full ink: its ninth decile where there is most of it."""
    padded = np.pad(far, 1)
    across = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    around = across[:-2] + across[1:-1] + across[2:]
    return float(np.quantile(far[around >= around.max() / 2], 0.9))


def _spread(cells: npt.NDArray[_Cell]) -> npt.NDArray[_Cell]:
    """Return the largest of each cell and its eight neighbours."""
    padded = np.pad(cells, 1)
    across = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    return np.maximum(np.maximum(across[:-2], across[1:-1]), across[2:])


def _without_specks(far: Floats) -> Floats:
    """Return the picture with no pixel above, or below, all but one of its eight neighbours."""
    if min(far.shape) < _LEAST_FOR_SPECKS:
        return far
    height, width = far.shape
    padded = np.pad(far, 1, mode="edge")
    around = [
        padded[row : row + height, column : column + width]
        for row in range(3)
        for column in range(3)
        if (row, column) != (1, 1)
    ]
    ranked = np.partition(np.stack(around), (1, 6), axis=0)
    return np.clip(far, ranked[1], ranked[6])


def _box(mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return the top, bottom, left and right of what is set."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _main_pieces(far: Floats, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the mask without specks, and without what comes in from the edge of the picture."""
    pieces = _number_pieces(mask)
    weight = np.bincount(pieces.ravel(), weights=(far * mask).ravel())
    edge = np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])
    inner = weight.copy()
    inner[edge] = 0
    if inner.max() >= weight.max() / 5:
        weight = inner
    return (weight >= weight.max() / 10)[pieces] & mask


def _number_pieces(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return a number above 0 for each cell that is set, the same for cells that touch."""
    numbers = np.arange(1, mask.size + 1).reshape(mask.shape) * mask
    while True:
        grown = _spread(numbers) * mask
        # A number is also the place of a cell, which may already know of a larger one.
        grown = np.concatenate([[0], grown.ravel()])[grown]
        if np.array_equal(grown, numbers):
            return numbers
        numbers = grown


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
        wide = _spread(wide)
    return wide, True


def _fit(ink: Floats, side: int) -> Floats:
    """Scale by area averaging so that the longer side is `side` and the strongest ink 1."""
    height, width = ink.shape
    longer = max(height, width)
    rows = _averaging(height, max(1, round(height * side / longer)))
    columns = _averaging(width, max(1, round(width * side / longer)))
    scaled = rows @ ink @ columns.T
    return scaled / scaled.max()


def _averaging(count: int, wanted: int) -> Floats:
    """Return the matrix (wanted, count) that averages `count` values into `wanted` values."""
    edges = np.arange(wanted + 1) * (count / wanted)
    starts, ends = edges[:-1, np.newaxis], edges[1:, np.newaxis]
    places = np.arange(count)
    overlap = np.minimum(ends, places + 1) - np.maximum(starts, places)
    return (np.maximum(overlap, 0) * (wanted / count)).astype(np.float32)


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
