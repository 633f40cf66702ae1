"""What nodes that are worked out element by element read, and where; and what a kernel is."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from rushlight.compile.access import Place, Places, at, broadcast, substitute
from rushlight.core.kernels import ArgFold, Contraction, Deposit, Fold, Lookup, Map, Record, Term
from rushlight.core.shapes import size_of
from rushlight.graph.ir import GraphValue, Node


@dataclass(eq=False)
class Kernel:
    """Loops over `sizes`; in `folded` are the axes that some def sums over.

    `place` says for each def where along the axes its element stands. A kernel around a structured
    op (`node`) computes that first; what else it defines is its epilogue.
    """

    sizes: list[int]
    place: dict[GraphValue, Places]
    folded: tuple[int, ...] = ()
    node: Node | None = None
    record: Record | None = None
    kept: set[GraphValue] = field(default_factory=set)  # the defs that need memory

    @property
    def defs(self) -> list[GraphValue]:
        return list(self.place)

    @property
    def rows(self) -> list[int]:
        """The axes that no def sums over."""
        return [axis for axis in range(len(self.sizes)) if axis not in self.folded]

    @property
    def is_loop(self) -> bool:
        return self.node is None

    @property
    def op(self) -> Node:
        """The structured op that the kernel is around."""
        if self.node is None:
            raise TypeError("a kernel of loops is around no op")
        return self.node


def takes_epilogue(node: Node, record: Record | None) -> bool:
    """Return whether a structured op knows when an element is complete, so that more may follow."""
    return isinstance(record, Contraction) and not adds_up(node, record)


def adds_up(node: Node, record: Contraction) -> bool:
    """Return whether a product is added to zeros, piece by piece.

    So it is where windows overlap, or leave out elements of the result.
    """
    for term, size in zip(record.out, node.outputs[0].shape, strict=True):
        long = [(axis, step) for axis, step in term.steps if record.sizes[axis] != 1]
        if size == 1 and not long:
            continue
        if len(long) != 1 or long[0][1] != 1 or record.sizes[long[0][0]] != size or term.start:
            return True
    return False


def is_choice(record: Deposit, node: Node) -> bool:
    """Return whether at most one update can reach each element, so that it is found by comparing.

    That is so where updates have one position along the axis for all others that lead elsewhere.
    """
    updates = node.inputs[1]
    if record.based or any(term.start for term in record.out):
        return False
    out = node.outputs[0]
    reached = [axis for axis in range(len(updates.shape)) if updates.shape[axis] != 1]
    places = [_only(term) for i, term in enumerate(record.out) if i != record.axis]
    whole = all(
        out.shape[i] == 1
        or (_only(term) is not None and updates.shape[_only(term)] == out.shape[i])  # type: ignore[index]
        for i, term in enumerate(record.out)
        if i != record.axis
    )
    return whole and all(axis in places for axis in reached) and size_of(updates.shape) > 0


def _only(term: Term) -> int | None:
    return term.steps[0][0] if len(term.steps) == 1 and term.steps[0][1] == 1 else None


def choice_places(node: Node, record: Deposit, places: Places) -> Places:
    """Return where the update that may reach an element of a choice stands among the updates."""
    found = [Place()] * len(node.inputs[1].shape)
    for i, term in enumerate(record.out):
        axis = _only(term)
        if i != record.axis and axis is not None:
            found[axis] = places[i]
    return tuple(found)


def operand_places(
    node: Node, record: Record, places: Places, kernel: Kernel
) -> Iterator[tuple[GraphValue, Places]]:
    """Yield the operands of a soft node, and where each is read for an element at `places`."""
    if isinstance(record, Map):
        for x in node.inputs:
            yield x, broadcast(places, x.shape)
    elif isinstance(record, (Fold, ArgFold)):
        yield node.inputs[0], fold_places(node, record, places, kernel)
    elif isinstance(record, Lookup):
        table, indices = node.inputs
        yield indices, substitute(record.indices, places)
        found = list(substitute(record.table, places))
        found[record.axis] = Place(variable="any")
        yield table, tuple(found)
    elif isinstance(record, Deposit):
        there = choice_places(node, record, places)
        yield node.inputs[0], substitute(record.indices, there)
        yield node.inputs[1], there


def fold_axes(record: Fold | ArgFold) -> tuple[int, ...]:
    """Return the axes of the operand that a fold is over."""
    return record.axes if isinstance(record, Fold) else (record.axis,)


def fold_places(node: Node, record: Fold | ArgFold, places: Places, kernel: Kernel) -> Places:
    """Return where the operand of a fold is read: along folded axes at those of the kernel."""
    x, axes = node.inputs[0], fold_axes(record)
    keeps = len(node.outputs[0].shape) == len(x.shape)
    kept = iter(places)
    folded = iter(kernel.folded)
    found = []
    for axis, size in enumerate(x.shape):
        if axis in axes:
            if keeps:
                next(kept)
            found.append(Place() if size == 1 else at(next(folded)))
        else:
            place = next(kept)
            found.append(Place() if size == 1 else place)
    return tuple(found)
