"""A line search that ends where the strong Wolfe conditions hold (Nocedal and Wright, 3.5)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FALL = 1e-4  # share of the first slope by which the loss must fall
FLATTER = 0.9  # share of the first slope that the last may have


@dataclass(frozen=True)
class Point:
    """A place on the line.

    Attributes:
        length: how far along the direction.
        loss: the loss there.
        gradient: of the loss.
        slope: the loss's derivative by the length.
    """

    length: float
    loss: float
    gradient: npt.NDArray[np.float64]
    slope: float


def line_search(
    at: Callable[[float], Point],
    here: Point,
    length: float,
    widest: float,
    tolerance: float,
    most: int,
) -> tuple[Point, int]:
    """Return a point where the loss is lower and flatter, and how often `at` was asked.

    Args:
        at: evaluates a point.
        here: the beginning, whose slope is below 0.
        length: of the first try.
        widest: the largest element of the direction.
        tolerance: the change of an element that is too small to look closer.
        most: how often to go on trying.
    """
    low, high, tries = _bracket(at, here, length, most)
    if high is None:
        return low, tries + 1
    return _zoom(at, here, (low, high), widest, tolerance, tries, most)


def _bracket(
    at: Callable[[float], Point], here: Point, length: float, most: int
) -> tuple[Point, Point | None, int]:
    """Go further until a good point is passed; return the points around it, or the good point."""
    last, new = here, at(length)
    for tries in range(most):
        if _is_too_high(here, new) or (tries > 1 and new.loss >= last.loss):
            return last, new, tries
        if abs(new.slope) <= -FLATTER * here.slope:
            return new, None, tries
        if new.slope >= 0.0:
            return last, new, tries
        step = new.length - last.length
        bounds = (new.length + 0.01 * step, new.length * 10.0)
        last, new = new, at(_lowest(last, new, bounds))
    return here, new, most


def _zoom(
    at: Callable[[float], Point],
    here: Point,
    around: tuple[Point, Point],
    widest: float,
    tolerance: float,
    tries: int,
    most: int,
) -> tuple[Point, int]:
    """Narrow two points down to a good one; return the lower, and how often `at` was asked."""
    low, high = around if around[0].loss <= around[1].loss else around[::-1]
    stuck = False
    while tries < most and abs(high.length - low.length) * widest >= tolerance:
        left, right = sorted((low, high), key=lambda point: point.length)
        length = _lowest(left, right, (left.length, right.length))
        margin = 0.1 * (right.length - left.length)
        near = min(right.length - length, length - left.length) < margin
        if near and (stuck or not left.length < length < right.length):
            nearer_right = abs(length - right.length) < abs(length - left.length)
            length = right.length - margin if nearer_right else left.length + margin
            near = False
        stuck = near
        new = at(length)
        tries += 1
        if _is_too_high(here, new) or new.loss >= low.loss:
            low, high = (low, new) if low.loss <= new.loss else (new, low)
            continue
        if abs(new.slope) <= -FLATTER * here.slope:
            return new, tries + 1
        if new.slope * (high.length - low.length) >= 0.0:
            high = low
        low = new
    return low, tries + 1


def _is_too_high(here: Point, new: Point) -> bool:
    return new.loss > here.loss + FALL * new.length * here.slope


def _lowest(one: Point, other: Point, bounds: tuple[float, float]) -> float:
    """Return where the cubic through two points and their slopes is lowest, within bounds."""
    left, right = sorted((one, other), key=lambda point: point.length)
    low, high = bounds
    if left.length == right.length:
        return (low + high) / 2.0
    d1 = left.slope + right.slope - 3.0 * (left.loss - right.loss) / (left.length - right.length)
    square = d1 * d1 - left.slope * right.slope
    divisor = right.slope - left.slope + 2.0 * math.sqrt(max(0.0, square))
    if not square >= 0.0 or divisor == 0.0:
        return (low + high) / 2.0
    share = (right.slope + math.sqrt(square) - d1) / divisor
    return min(max(right.length - (right.length - left.length) * share, low), high)
