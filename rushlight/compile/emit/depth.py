"""Depth: long sums in parts, each over so many images that what it reads stays in the cache.

A part adds to sums that wait in scratch; only the last goes on to the results. Each thread does all
parts of its own units in order, so the results do not depend on how many threads there are.
"""

from dataclasses import replace
from math import prod

from rushlight.compile.emit.nests import Dim, Form, count_of
from rushlight.compile.emit.tiles import PANEL, Tiling

CACHE = 384 * 1024  # bytes that the operands of a part may have
LONG = 256  # products that a part has at least
MANY_TILES = 8  # so many go over the same operands, or it is not worth it
PARTIAL = "partial"  # the pointer at the sums so far


def part_size(form: Form, tiling: Tiling) -> int:
    """Return how many indices of the outermost inner axis a part has: all, or a divisor."""
    outer = form.inner[0]
    sizes = [form.width.size, *(dim.size for dim in form.rows)]
    tile = PANEL * tiling.vectors.wide * prod(height.wide for height in tiling.heights)
    if form.taps or len(form.inner) < 2 or form.width.size % PANEL:
        return outer.size
    each = 4 * (abs(outer.step(form.thin)) + abs(outer.step(form.wide)))
    if outer.size * each <= CACHE or prod(sizes) < MANY_TILES * tile:
        return outer.size
    fitting = [
        size
        for size in range(1, outer.size + 1)
        if outer.size % size == 0
        and size * each <= CACHE
        and size * count_of(form.inner[1:]) >= LONG
    ]
    return max(fitting, default=outer.size)


def in_parts(form: Form, size: int) -> Form:
    """Return the form of one part, with the steps of the sums so far: all results, in order."""
    dims = []
    step = 1
    for dim in reversed(form.batch + form.rows + form.columns):
        dims.append(Dim(dim.size, {**dim.steps, PARTIAL: step}))
        step *= dim.size
    dims.reverse()
    batch, rows = len(form.batch), len(form.batch) + len(form.rows)
    return replace(
        form,
        batch=tuple(dims[:batch]),
        rows=tuple(dims[batch:rows]),
        columns=tuple(dims[rows:]),
        inner=(Dim(size, form.inner[0].steps), *form.inner[1:]),
    )


def partial_size(form: Form) -> int:
    """Return how many sums there are."""
    return count_of(form.batch + form.rows + form.columns)
