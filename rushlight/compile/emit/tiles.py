"""How a product is cut: into tiles that divide its sizes, and into units of work."""

from dataclasses import dataclass
from math import ceil, lcm

from rushlight.compile.emit.nests import Dim, Form, count_of

PANEL = 16  # columns of a unit are a multiple of the widest vector
FEW_ROWS = 6  # so many of one axis fill no tile: the next axis helps
LINE = 16  # floats that a cache reads together
LARGE = 1 << 20  # bytes that the nearer caches do not hold
UNIT_PRODUCTS = 16384  # a unit has at least so many multiply-adds, where there are as many
DOT_COLUMNS = 4  # of a tile whose vectors lie along the columns
STREAM_COLUMNS = 64  # of a unit, where those that one thread does are done together

LATENCY = 4  # cycles until the sum of a multiply-add can be added to
WIDE_ROOM, NARROW_ROOM = 30, 15  # registers for the sums of a tile and a row of vectors
ENOUGH_UNITS = 12  # for some threads to share them well


@dataclass(frozen=True)
class Pace:
    """A kind of target: multiply-adds of vectors a cycle, and cycles more for each line read."""

    rate: int
    more: float


WIDE, NARROW = Pace(1, 0), Pace(2, 0.7)


@dataclass(frozen=True)
class Choice:
    """A number for targets with 32 vector registers, and one for those with 16."""

    wide: int
    narrow: int

    @property
    def text(self) -> str:
        if self.wide == self.narrow:
            return str(self.wide)
        return f"RL_REGISTERS == 32 ? {self.wide} : {self.narrow}"

    def leaves(self, size: int) -> bool:
        """Return whether some of `size` are left over, on either kind of target."""
        return size % self.wide != 0 or size % self.narrow != 0


@dataclass(frozen=True)
class Tiling:
    """How tiles lie on the rows and columns of a form."""

    vectors: Choice  # of a row of a tile
    panel: int  # columns of a unit, but for the last
    rows: tuple[Dim, ...]  # the axes that tiles lie on, one or two
    heights: tuple[Choice, ...]  # how many of each a tile has
    block: int  # indices of the first of them in a unit
    leading: tuple[Dim, ...]  # the other axes of rows
    widths: tuple[int, ...]  # columns of a tile: the numbers that they may be, by target
    rows_first: bool = False  # whether units that follow one another have the same rows

    @property
    def blocks(self) -> int:
        return ceil(self.rows[0].size / self.block)


def tiling_of(form: Form, kind: str) -> Tiling:
    """Return tiles that divide the sizes where possible, and fill the registers."""
    if kind == "streamed":
        one = Choice(1, 1)
        return Tiling(one, STREAM_COLUMNS, form.rows, (one,), 1, (), ())
    count = 1
    if len(form.rows) > 1 and form.rows[-1].size < FEW_ROWS:
        count = 2
    leading, rows = form.rows[:-count], form.rows[-count:]
    if kind == "dots":
        panel = 4 * DOT_COLUMNS
        heights = [1] * (count - 1) + [min(2, max(1, rows[-1].size))]
        tall = tuple(Choice(height, height) for height in heights)
        block = _block(form, rows, panel, tall)
        return Tiling(Choice(1, 1), panel, rows, tall, block, leading, (DOT_COLUMNS,))
    vectors = _vectors(count_of(rows), form.width.size)
    if count == 2 and vectors.wide < count_of(rows) <= WIDE_ROOM - 1 < 2 * count_of(rows):
        vectors = Choice(1, 2)  # so that one tile has all rows
    panel = PANEL * vectors.wide
    widths = (16 * vectors.wide, 8 * vectors.narrow, 4 * vectors.narrow, 4 * vectors.wide)
    others = count_of(form.batch + leading) * ceil(form.width.size / panel)
    tall = _heights(rows, vectors, others)
    block = _block(form, rows, panel, tall)
    rows_first = _is_scattered(form, rows)
    if rows_first:
        block = ceil(block / LINE) * LINE
    return Tiling(vectors, panel, rows, tall, block, leading, widths, rows_first)


def _is_scattered(form: Form, rows: tuple[Dim, ...]) -> bool:
    """Return whether what the rows read is large, and lies in pieces of a few rows far apart.

    Then each piece had better be read once for all columns than all of it for each panel.
    """
    is_plain = len(form.rows) == len(form.inner) == 1 and not form.taps
    size = 4 * count_of(form.rows) * count_of(form.inner)
    return is_plain and rows[0].step(form.thin) == 1 and size > LARGE and form.width.size > PANEL


def _block(form: Form, rows: tuple[Dim, ...], panel: int, heights: tuple[Choice, ...]) -> int:
    """Return how many rows a unit has: whole tiles, and enough of them to be worth its while."""
    if form.taps:  # their windows overlap: one unit does all rows
        return max(1, rows[0].size)
    work = max(1, panel * count_of(form.inner) * count_of(rows[1:]))
    step = lcm(heights[0].wide, heights[0].narrow)
    block = min(step, rows[0].size)
    while block < rows[0].size and block * work < UNIT_PRODUCTS:
        block += step
    return max(1, block)


def _vectors(rows: int, columns: int) -> Choice:
    """Return how many vectors a row of a tile has: more where rows alone make too few sums."""
    if columns <= PANEL:
        return Choice(1, 2)
    if rows == 1 and columns > 8 * PANEL:
        return Choice(16, 8)
    if rows == 1 and columns > 4 * PANEL:
        return Choice(8, 8)
    if rows <= 2 and columns > 2 * PANEL:
        return Choice(4, 4)
    return Choice(2, 2)


def _heights(rows: tuple[Dim, ...], vectors: Choice, others: int) -> tuple[Choice, ...]:
    """Return how many of each axis of rows a tile has, where there are so many other units."""
    wide_room = (WIDE_ROOM - vectors.wide) // vectors.wide
    if len(rows) == 1:
        wide_room = min(16, wide_room)
    narrow_room = max(1, (NARROW_ROOM - vectors.narrow) // vectors.narrow)
    last = max(1, rows[-1].size)
    if len(rows) == 1:
        return (_height(last, wide_room, narrow_room, vectors, others),)
    first = max(1, rows[0].size)
    if last > narrow_room:
        across = _best(last, narrow_room, vectors.narrow, NARROW)
        narrow_room = 1
    else:
        across, narrow_room = last, narrow_room // last
    down = _height(first, max(1, wide_room // last), narrow_room, vectors, others)
    return down, Choice(last, across)


def _height(size: int, wide_room: int, narrow_room: int, vectors: Choice, others: int) -> Choice:
    """Return how many of `size` rows a tile has, such that there are enough whole units."""
    wide = _best(size, wide_room, vectors.wide, WIDE)
    narrow = _best(size, narrow_room, vectors.narrow, NARROW)
    if ceil(size / lcm(wide, narrow)) * others >= ENOUGH_UNITS or wide == size:
        return Choice(wide, narrow)
    wide = _best(size, wide_room, vectors.wide, WIDE, even=True)
    narrow = _best(size, narrow_room, vectors.narrow, NARROW, dividing=wide)
    return Choice(wide, narrow)


def _best(
    size: int, room: int, vectors: int, pace: Pace, even: bool = False, dividing: int = 0
) -> int:
    """Return the height of tiles that takes the fewest cycles for `size` rows."""

    def cycles(height: int) -> float:
        return max(height * vectors / pace.rate, LATENCY) + pace.more if height else 0

    def key(height: int) -> tuple[float, int]:  # low tiles read more for each product
        total = size // height * cycles(height) + cycles(size % height)
        return total, height - 8 if height >= 8 else 3 * (8 - height)

    heights = range(1, min(size, room) + 1)
    fitting = [height for height in heights if not even or height % 2 == 0]
    fitting = [height for height in fitting if dividing % height == 0]
    return min(fitting, key=key, default=1)
