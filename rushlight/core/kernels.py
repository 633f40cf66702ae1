"""Kernel records: what a primitive says of how it is computed, as plain data that C is made from.

A primitive's `lower` returns one of these. All of them speak of elements at indices, never of
memory: which axis lies where is decided by the compiler.
"""

from dataclasses import dataclass
from typing import Any

from rushlight.core.shapes import size_of


@dataclass(frozen=True)
class Term:
    """The place along one axis of an operand: `start` plus steps times indices of the space.

    `steps` are pairs (axis of the space, step). No pair: always `start`.
    """

    start: int = 0
    steps: tuple[tuple[int, int], ...] = ()


Terms = tuple[Term, ...]  # one for each axis of an operand


def along(axis: int, step: int = 1, start: int = 0) -> Term:
    """Return the term that walks along one axis of the space.

    >>> along(2)
    Term(start=0, steps=((2, 1),))
    """
    return Term(start, ((axis, step),))


@dataclass(frozen=True)
class Map:
    """Each element is a C expression of the operands' elements at the same (broadcast) index.

    `text` has a placeholder for each operand, in the order of `operands`. `cost` is about how many
    additions take as long.
    """

    text: str
    operands: tuple[str, ...]
    cost: int = 1


@dataclass(frozen=True)
class View:
    """Each element is one of the operand's: the terms are over the axes of the result."""

    terms: Terms


@dataclass(frozen=True)
class Reinterpret:
    """The operand's elements in row-major order under the shape of the result."""


@dataclass(frozen=True)
class Fold:
    """A reduction over axes of the operand: acc = start; acc = combine(acc, x) ...; finish(acc).

    The texts have the placeholders {a} and {x}; `start` may be "{first}", the first element.
    """

    axes: tuple[int, ...]
    start: str
    combine: str
    finish: str = "{a}"


@dataclass(frozen=True)
class ArgFold:
    """The position along an axis of the first element that `better` ({x} than {a}) prefers."""

    axis: int
    better: str


@dataclass(frozen=True)
class Scan:
    """Along an axis each result from the one before: acc = first; acc = following; ...

    The operands have the shape of the result. Both texts have a placeholder for each operand's
    element at the place; `following` has {a} for the result before it. With `reverse` the last
    element of the axis comes first.
    """

    axis: int
    operands: tuple[str, ...]
    first: str
    following: str
    reverse: bool = False


@dataclass(frozen=True)
class Sort:
    """The positions along an axis of the operand's elements in rising order, equals as they come.

    NaN is above all numbers. With `descending` the largest comes first, equals still as they come.
    """

    axis: int
    descending: bool = False


@dataclass(frozen=True)
class Lookup:
    """Elements of a table (operand 0) at positions that are data (operand 1).

    Terms are over the axes of the result. Along `axis` of the table the position is the element of
    the indices; its term there is not used.
    """

    axis: int
    table: Terms
    indices: Terms


@dataclass(frozen=True)
class Deposit:
    """Updates (the last operand) added, in order, to zeros at positions that are data.

    The terms are over the axes of the updates: where in the indices (the operand before) the
    position stands, and where in the result the update goes, but along `axis`, where the position
    counts. With `based`, what they are added to, in place of zeros, comes first of three operands.
    """

    axis: int
    indices: Terms
    out: Terms
    based: bool = False


@dataclass(frozen=True)
class Join:
    """Zeros, or nothing, and in it each operand at its own window: terms over the operand's axes.

    `covered` says that the operands fill the whole result.
    """

    windows: tuple[Terms, ...]
    covered: bool


@dataclass(frozen=True)
class Contraction:
    """A sum of products over a space: out[...] += left[...] * right[...] for every index of it.

    Products of matrices and the three convolutions are all of this kind. Terms are over the axes of
    the space. Elements of `left` or `out` outside of their arrays (padding) count for nothing.
    Axes in `taps` move in `out` together with another axis, as a kernel's window does in the
    gradient of a convolution's input.
    """

    sizes: tuple[int, ...]
    left: Terms
    right: Terms
    out: Terms
    taps: tuple[int, ...] = ()

    @property
    def multiply_adds(self) -> int:
        return size_of(self.sizes)


@dataclass(frozen=True)
class Window:
    """Pooling: for each index of the result a fold over a window of the operand's plane.

    `kind` is "max", with the taps (numbers of places in a window) as a second result, or "sum";
    "unsum" adds each element to all places of its window, "unmax" to that of its tap, the taps
    being the first operand. Pairs are for height and width.
    """

    kind: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class Attention:
    """Weighted means of values, and the logarithms of the sums of weights; or their gradients.

    Operands are queries, keys and values; `backward` they have the gradient of the means before
    them, and behind them the logarithms and what is taken from the change of each score. The
    operands that `options` names follow. Axes are (..., heads, length, size). `multiply_adds` is
    how many there are if no key is hidden.
    """

    backward: bool
    multiply_adds: int
    scale: float
    causal: bool
    dropout: float
    options: tuple[str, ...]


@dataclass(frozen=True)
class Loop:
    """Turns of a body, whose first `carries` results are its first arguments of the next turn.

    The operands are, if `counted`, how many turns there are of at most `length`; then the carries
    before the first turn; then what has a row for each turn; then what the body captured. The
    results are the carries after the last turn, and the body's other results by turn. With
    `reverse` the last turn's row comes first.
    """

    body: Any  # a graph: its arguments are carries and rows, its states what it captured
    carries: int
    length: int
    reverse: bool
    counted: bool


@dataclass(frozen=True)
class While:
    """Turns of a body while a condition of its carries holds.

    The operands are the carries, then what the condition captured, then what the body captured.
    """

    condition: Any  # graphs of the carries
    body: Any


@dataclass(frozen=True)
class Branch:
    """What one of two bodies gives, by the first operand, a bool.

    Then come the operands of both, what the first captured, and what the second captured.
    """

    bodies: tuple[Any, Any]


@dataclass(frozen=True)
class RandomBits:
    """Philox bits of a state (operand 0), and the state that follows."""


Record = (
    Map
    | View
    | Reinterpret
    | Fold
    | ArgFold
    | Scan
    | Sort
    | Lookup
    | Deposit
    | Join
    | Contraction
    | Window
    | Attention
    | RandomBits
    | Loop
    | While
    | Branch
)
NESTED = (Loop, While, Branch)  # records of what has bodies
