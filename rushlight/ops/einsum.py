"""Einstein sums: products over named axes, two operands at a time, each a matrix product."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from rushlight.core.bind import as_value, op
from rushlight.core.dtypes import promote
from rushlight.core.errors import ShapeError, UsageError
from rushlight.core.shapes import size_of
from rushlight.ops.arrange import diagonal
from rushlight.ops.matmul import matmul
from rushlight.ops.movement import permute, reshaped
from rushlight.ops.pointwise import cast
from rushlight.ops.reduce import sum as total

DOTS = "..."

Axes = tuple[str, ...]
Sizes = dict[str, int]


@op
def einsum(equation: str, *operands: Any) -> Any:
    """Return the sum of products that an equation names, such as "bij,bjk->bik" for x @ y.

    A letter stands for an axis. Letters that the result does not have are summed over; an operand
    that has one twice is read along its diagonal. `...` stands for axes that broadcast. Without
    `->` the result has the letters that occur once, in the order of the alphabet, after `...`.
    As in NumPy and PyTorch, an axis of size 1 broadcasts. Of more than two operands those two go
    first whose product is the least work.

    Args:
        equation: the letters of each operand, and of the result.
        operands: tensors, one for each part of the equation.

    >>> import rushlight as rl
    >>> x = rl.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> rl.einsum("ij,j->i", x, [1.0, 10.0]), rl.einsum("ii", x)
    (tensor([21., 43.]), tensor(5.))
    """
    values = [as_value(x) for x in operands]
    parts, result = _parse(equation, values)
    dtype = values[0].dtype
    for x in values[1:]:
        dtype = promote(dtype, x.dtype)
    terms = [_read_once(cast(x, dtype), part) for x, part in zip(values, parts, strict=True)]
    sizes = _sizes_of(terms)
    terms = [_without_units(term, sizes) for term in terms]
    while len(terms) > 1:
        one, other = _cheapest(terms, sizes)
        rest = [term for term in terms if term is not one and term is not other]
        needed = {*result, *(axis for term in rest for axis in term.axes)}
        terms = [*rest, _product(one, other, needed, sizes)]
    return _ordered(_summed(terms[0], result), result)


@dataclass(frozen=True, eq=False)
class _Term:
    """An operand, and the name of each of its axes."""

    value: Any
    axes: Axes


def _parse(equation: str, values: Sequence[Any]) -> tuple[list[Axes], Axes]:
    """Return the names of the axes of each operand, and of the result.

    The axes that `...` stands for are named by numbers, 0 for the last of them.
    """
    if not isinstance(equation, str):
        raise UsageError(f"the equation is text, not {equation!r}", hint='such as "ij,jk->ik"')
    left, arrow, right = equation.replace(" ", "").partition("->")
    texts = left.split(",")
    if len(texts) != len(values):
        raise UsageError(f"{equation!r} names {len(texts)} operands, {len(values)} are given")
    parts = [_axes(text, x, equation) for text, x in zip(texts, values, strict=True)]
    counts = Counter(axis for part in parts for axis in part)
    dots = tuple(sorted((axis for axis in counts if axis.isdigit()), key=int, reverse=True))
    if not arrow:
        letters = sorted(axis for axis, n in counts.items() if n == 1 and not axis.isdigit())
        return parts, (*dots, *letters)
    before, found, after = _pieces(right, equation)
    for letter, count in Counter(before + after).items():
        if count > 1:
            raise UsageError(f"the result of {equation!r} has {letter} twice")
        if letter not in counts:
            raise UsageError(f"the result of {equation!r} has {letter}, which no operand has")
    return parts, (*before, *(dots if found else ()), *after)


def _axes(text: str, x: Any, equation: str) -> Axes:
    """Return the names of an operand's axes."""
    before, found, after = _pieces(text, equation)
    spread = x.rank - len(before + after)
    if spread < 0 or (spread > 0 and not found):
        raise ShapeError(f"{text!r} names {len(before + after)} axes, the operand is {x.shape}")
    return (*before, *map(str, reversed(range(spread))), *after)


def _pieces(text: str, equation: str) -> tuple[str, str, str]:
    """Return the letters before `...`, the dots if there are any, and the letters after."""
    pieces = text.partition(DOTS)
    letters = pieces[0] + pieces[2]
    if letters and not (letters.isascii() and letters.isalpha()):
        fact = f"{equation!r} should be made of letters, commas, `...` once an operand, and one ->"
        raise UsageError(fact)
    return pieces


def _read_once(x: Any, axes: Axes) -> _Term:
    """Return an operand with each axis named once: along the diagonal where one was twice."""
    for axis in dict.fromkeys(axes):
        while axes.count(axis) > 1:
            first = axes.index(axis)
            second = axes.index(axis, first + 1)
            if x.shape[first] != x.shape[second]:
                fact = f"{axis} is {x.shape[first]} and {x.shape[second]} in one operand"
                raise ShapeError(f"{fact}, {x.shape}")
            x = diagonal(x, 0, first, second)
            rest = [one for place, one in enumerate(axes) if place not in (first, second)]
            axes = (*rest, axis)
    return _Term(x, axes)


def _sizes_of(terms: Sequence[_Term]) -> Sizes:
    """Return the size of each axis, beside which 1 broadcasts."""
    sizes: Sizes = {}
    for term in terms:
        for axis, size in zip(term.axes, term.value.shape, strict=True):
            known = sizes.setdefault(axis, size)
            if known != size and 1 not in (known, size):
                name = f"axis {axis}" if not axis.isdigit() else f"axis {-1 - int(axis)} of `...`"
                raise ShapeError(f"{name} is {known} in one operand and {size} in another")
            sizes[axis] = size if known == 1 else known
    return sizes


def _without_units(term: _Term, sizes: Sizes) -> _Term:
    """Return an operand without the axes of size 1 that broadcast."""
    kept = tuple(
        (axis, size)
        for axis, size in zip(term.axes, term.value.shape, strict=True)
        if size == sizes[axis]
    )
    shape = tuple(size for _, size in kept)
    return _Term(reshaped(term.value, shape), tuple(axis for axis, _ in kept))


def _cheapest(terms: Sequence[_Term], sizes: Sizes) -> tuple[_Term, _Term]:
    """Return the two terms whose product takes the fewest multiplications, the first of equals."""

    def work(pair: tuple[_Term, _Term]) -> int:
        return size_of(tuple(sizes[axis] for axis in {*pair[0].axes, *pair[1].axes}))

    return min(combinations(terms, 2), key=work)


def _product(left: _Term, right: _Term, needed: set[str], sizes: Sizes) -> _Term:
    """Return the product of two terms, summed over the axes that nobody needs any more.

    It is a matrix product of (batch, rows, inner) and (batch, inner, columns), or where no axis of
    both is summed over, a product of elements.
    """
    left = _summed(left, needed | set(right.axes))
    right = _summed(right, needed | set(left.axes))
    both = [axis for axis in left.axes if axis in right.axes]
    batch = [axis for axis in both if axis in needed]
    inner = [axis for axis in both if axis not in needed]
    rows = [axis for axis in left.axes if axis not in both]
    columns = [axis for axis in right.axes if axis not in both]
    kept = (*batch, *rows, *columns)
    shape = tuple(sizes[axis] for axis in kept)
    if not inner:
        ones = (1,) * len(columns)
        one = _ordered(left, (*batch, *rows))
        one = reshaped(one, (*one.shape, *ones))
        other = _ordered(right, (*batch, *columns))
        split = len(batch)
        other = reshaped(other, (*other.shape[:split], *(1,) * len(rows), *other.shape[split:]))
        return _Term(one * other, kept)
    groups = [
        size_of(tuple(sizes[axis] for axis in some)) for some in (batch, rows, inner, columns)
    ]
    b, m, k, n = groups
    one = reshaped(_ordered(left, (*batch, *rows, *inner)), (b, m, k) if batch else (m, k))
    other = reshaped(_ordered(right, (*batch, *inner, *columns)), (b, k, n) if batch else (k, n))
    return _Term(reshaped(matmul(one, other), shape), kept)


def _summed(term: _Term, needed: Collection[str]) -> _Term:
    """Return a term summed over the axes that are not needed."""
    gone = tuple(place for place, axis in enumerate(term.axes) if axis not in needed)
    if not gone:
        return term
    return _Term(total(term.value, gone), tuple(axis for axis in term.axes if axis in needed))


def _ordered(term: _Term, axes: Axes) -> Any:
    """Return a term's value with its axes in another order."""
    order = tuple(map(term.axes.index, axes))
    return term.value if order == tuple(range(len(order))) else permute(term.value, order)
