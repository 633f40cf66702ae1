"""Where an element is read: indices as sums of loop indices, followed through views to memory."""

from dataclasses import dataclass

from rushlight.core.kernels import Reinterpret, Term, Terms, View, along
from rushlight.core.primitive import Spec
from rushlight.core.shapes import Shape
from rushlight.graph.ir import GraphValue, Node


@dataclass(frozen=True)
class Place:
    """An index along one axis: start, plus steps times axes of a loop, plus a C variable if any.

    The variable, an index that is data, counts `scale` times.
    """

    start: int = 0
    steps: tuple[tuple[int, int], ...] = ()
    variable: str | None = None
    scale: int = 1


Places = tuple[Place, ...]


def at(axis: int | None) -> Place:
    """Return the index that is the loop's own along an axis, or always 0."""
    return Place() if axis is None else Place(0, ((axis, 1),))


def substitute(terms: Terms, places: Places) -> Places:
    """Return where the terms lead when the space that they are over is itself at `places`.

    >>> substitute((Term(1, ((0, 2),)),), (Place(3, ((5, 1),)),))
    (Place(start=7, steps=((5, 2),), variable=None, scale=1),)
    """
    return tuple(_substitute(term, places) for term in terms)


def _substitute(term: Term, places: Places) -> Place:
    start, variable, scale = term.start, None, 1
    steps: dict[int, int] = {}
    for axis, step in term.steps:
        place = places[axis]
        start += step * place.start
        if place.variable is not None:
            variable, scale = place.variable, step * place.scale
        for loop_axis, stride in place.steps:
            steps[loop_axis] = steps.get(loop_axis, 0) + step * stride
    return Place(start, tuple(sorted((a, s) for a, s in steps.items() if s)), variable, scale)


def broadcast(places: Places, shape: Shape) -> Places:
    """Return where an operand of `shape` is read for a result of a pointwise op at `places`."""
    aligned = places[len(places) - len(shape) :]
    return tuple(
        Place() if size == 1 else place for place, size in zip(aligned, shape, strict=True)
    )


@dataclass(frozen=True)
class Ref:
    """A value as a view of another: where its elements stand in `root`, over its own axes."""

    root: GraphValue
    terms: Terms


class Views:
    """What every value of a graph is a view of.

    Permutations, slices, broadcasts and reshapes that only add or drop axes of size 1 are views;
    other reshapes are values of their own here, and views of memory later.
    """

    def __init__(self, nodes: list[Node]) -> None:
        self._refs: dict[GraphValue, Ref] = {}
        for node in nodes:
            terms = view_terms(node)
            if terms is not None:
                self._refs[node.outputs[0]] = self._through(node.inputs[0], terms)

    def _through(self, value: GraphValue, terms: Terms) -> Ref:
        inner = self.ref(value)
        places = tuple(Place(term.start, term.steps) for term in terms)
        found = substitute(inner.terms, places)
        return Ref(inner.root, tuple(Term(place.start, place.steps) for place in found))

    def ref(self, value: GraphValue) -> Ref:
        """Return what the value is a view of: itself, where it is none."""
        return self._refs.get(value) or Ref(value, identity(value.shape))

    def root(self, value: GraphValue) -> GraphValue:
        return self.ref(value).root

    def places(self, value: GraphValue, places: Places) -> tuple[GraphValue, Places]:
        """Return the root of a value and where an element of the value stands in it."""
        ref = self._refs.get(value)
        if ref is None:
            return value, broadcast(places, value.shape)
        return ref.root, substitute(ref.terms, places)


def identity(shape: Shape) -> Terms:
    """Return the terms of a whole array: along each axis, or always 0 where its size is 1."""
    return tuple(Term() if size == 1 else along(axis) for axis, size in enumerate(shape))


def view_terms(node: Node) -> Terms | None:
    """Return the terms by which a node's result is a view of its first input, if it is one."""
    record = lowered(node)
    if isinstance(record, View):
        return record.terms
    if isinstance(record, Reinterpret):
        return _of_unit_axes(node.inputs[0].spec, node.outputs[0].spec)
    return None


def lowered(node: Node) -> object:
    """Return the kernel record of a node, or None where its primitive has none."""
    return node.primitive.lower(*[x.spec for x in node.inputs], **node.params)


def _of_unit_axes(source: Spec, result: Spec) -> Terms | None:
    """Return the terms of a reshape that only adds or drops axes of size 1."""
    kept = [axis for axis, size in enumerate(result.shape) if size != 1]
    if [result.shape[axis] for axis in kept] != [size for size in source.shape if size != 1]:
        return None
    axes = iter(kept)
    return tuple(Term() if size == 1 else along(next(axes)) for size in source.shape)


def reshaped_strides(shape: Shape, strides: Shape, wanted: Shape) -> Shape | None:
    """Return the strides under which memory reads as `wanted` in row-major order, if there are any.

    >>> reshaped_strides((2, 3, 4), (12, 4, 1), (6, 4)), reshaped_strides((2, 3), (1, 2), (6,))
    ((4, 1), None)
    """
    groups = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    if 0 in shape:
        return (0,) * len(wanted)
    merged: list[tuple[int, int]] = []  # runs of axes that lie as one
    for size, stride in groups:
        if merged and merged[-1][1] == size * stride:
            merged[-1] = (merged[-1][0] * size, stride)
        else:
            merged.append((size, stride))
    found: list[int] = []
    left = list(reversed(merged))
    size, step = left.pop(0) if left else (1, 1)
    for count in reversed(wanted):
        if count == 1:
            found.append(0)
            continue
        if size == 1 and left:
            size, step = left.pop(0)
        if size % count:
            return None
        found.append(step)
        size, step = size // count, step * count
    return tuple(reversed(found))
