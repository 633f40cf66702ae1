"""Finding the ink of a digit on a page: paper, noise, specks, shadows and what is left.

The paper is what the border of the picture shows, as a plane, so that light from one side does no
harm; the ink is what differs from it, darker, lighter or of another colour.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from rushlight.core.errors import DataError

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Plane = npt.NDArray[np.float64]  # (3, channels): the colour at the corner, a row on, a column on
Cell = TypeVar("Cell", np.bool_, np.float32, np.intp)

_COARSE_SIDE = 128  # pixels, where the digit is looked for
_FINE_SIDE = 512  # pixels, where its box is measured
_LEAST_FOR_SPECKS = 60  # pixels: in a smaller picture a single pixel may be ink
_LEAST_CONTRAST = 12.0  # of 255: less is a blank picture
_LEAST_OVER_NOISE = 5.0
_INK_LEVEL = 0.4  # of the full ink: as much is ink for certain
_EDGE_LEVEL = 0.15  # of the full ink: where its box ends


def find_ink(page: Pixels) -> tuple[Floats, bool]:
    """Return the digit's ink, 0 to 1 and cut to its box, and whether it is darker than the paper.

    It is looked for in a small copy of the page (height, width, channels), then cut out of the
    page itself.

    Raises:
        DataError: there is no ink.

    >>> page = np.full((40, 30, 1), 200, np.uint8)
    >>> page[10:30, 13:17] = 50
    >>> ink, is_dark = find_ink(page)
    >>> ink.shape, float(ink.min()), is_dark
    ((20, 4), 1.0, True)
    """
    coarse, step = _shrink(page, _COARSE_SIDE)
    plane, noise = _fit_paper(coarse), _noise(page)
    difference = coarse - _paper_at(plane, coarse.shape, 0, 0, 1)
    far = np.abs(difference).max(axis=2)
    full = _full_ink(far)
    if full < max(_LEAST_CONTRAST, _LEAST_OVER_NOISE * noise / step):
        raise _blank()
    digit = _main_pieces(far, far >= _INK_LEVEL * full)
    is_dark = bool(difference[digit].mean() < 0)
    return _cut_out(page, plane, noise, _with_soft_edge(digit), step), is_dark


def _cut_out(page: Pixels, plane: Plane, noise: float, near: Mask, step: int) -> Floats:
    """Return the ink that lies near the digit, as a mask of cells of step x step pixels says."""
    top, bottom, left, right = bounding_box(near)
    region = page[top * step : bottom * step, left * step : right * step]
    fine, fine_step = _shrink(region, _FINE_SIDE)
    fine -= _paper_at(plane, fine.shape, top, left, fine_step / step)
    rows = top + _cells(fine.shape[0], fine_step, step)
    columns = left + _cells(fine.shape[1], fine_step, step)
    far = _without_specks(np.abs(fine).max(axis=2)) * near[np.ix_(rows, columns)]
    full = _full_ink(far)
    if full < _LEAST_CONTRAST:
        raise _blank()
    least = min(max(1.0, 2 * noise / fine_step), full / 2)
    ink: Floats = np.clip((far - least) / (full - least), 0, 1)
    top, bottom, left, right = bounding_box(ink >= _EDGE_LEVEL)
    return ink[top:bottom, left:right]


def _blank() -> DataError:
    return DataError(
        "there is no digit to see: the picture is blank, or all noise",
        hint="write one digit in dark ink on light paper, or in light on dark",
    )


def _with_soft_edge(digit: Mask) -> Mask:
    """Return the mask widened by a twentieth of the digit's size, where its ink may still fade."""
    top, bottom, left, right = bounding_box(digit)
    for _ in range(1 + max(bottom - top, right - left) // 20):
        digit = spread(digit)
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


def _fit_paper(coarse: Floats) -> Plane:
    """Return the paper's colour over the picture, from its border.

    Three quarters of the border are believed: what lies farther from the plane may be ink.
    """
    height, width, channels = coarse.shape
    wide = 1 + max(height, width) // 16
    border = np.ones((height, width), np.bool_)
    border[wide:-wide, wide:-wide] = False
    places = _places(coarse.shape, 0, 0, 1)[border]
    colours = coarse[border].astype(np.float64)
    believed = np.ones(len(colours), np.bool_)
    plane: Plane = np.zeros((3, channels))
    for _ in range(4):
        plane = np.linalg.lstsq(places[believed], colours[believed])[0].astype(np.float64)
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


def _paper_at(plane: Plane, shape: tuple[int, ...], top: float, left: float, step: float) -> Floats:
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


def spread(cells: npt.NDArray[Cell]) -> npt.NDArray[Cell]:
    """Return the largest of each cell and its eight neighbours, for cells (rows, columns).

    >>> spread(np.array([[5, 0, 0, 1]]))
    array([[5, 5, 1, 1]])
    """
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
    low = _second(around, np.minimum, np.maximum)
    high = _second(around, np.maximum, np.minimum)
    return np.clip(far, low, high)


def _second(arrays: list[Floats], best: np.ufunc, worst: np.ufunc) -> Floats:
    """Return what comes second in each place: `best` picks the first of two, `worst` the other."""
    first, second = best(arrays[0], arrays[1]), worst(arrays[0], arrays[1])
    for array in arrays[2:]:
        second = best(second, worst(first, array))
        first = best(first, array)
    return np.asarray(second)


def bounding_box(mask: Mask) -> tuple[int, int, int, int]:
    """Return the top, bottom, left and right of what is set in a mask that is not empty.

    >>> bounding_box(np.array([[False, False, True], [False, True, True]]))
    (0, 2, 1, 3)
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _main_pieces(far: Floats, mask: Mask) -> Mask:
    """Return the mask without specks, and without what comes in from the edge of the picture."""
    pieces = _number_pieces(mask)
    weight = np.bincount(pieces.ravel(), weights=(far * mask).ravel())
    edge = np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])
    inner = weight.copy()
    inner[edge] = 0
    if inner.max() >= weight.max() / 5:
        weight = inner
    strong: Mask = (weight >= weight.max() / 10)[pieces] & mask
    return strong


def _number_pieces(mask: Mask) -> npt.NDArray[np.intp]:
    """Return a number above 0 for each cell that is set, the same for cells that touch."""
    numbers = np.arange(1, mask.size + 1).reshape(mask.shape) * mask
    while True:
        grown = spread(numbers) * mask
        # A number is also the place of a cell, which may already know of a larger one.
        grown = np.concatenate([[0], grown.ravel()])[grown]
        if np.array_equal(grown, numbers):
            return numbers
        numbers = grown
