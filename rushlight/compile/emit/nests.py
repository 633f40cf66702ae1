"""Nests as contractions are written: axes merged where memory allows, roles of operands settled."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rushlight.compile.records import Axis, Epilogue, Nest
from rushlight.core.shapes import size_of


@dataclass(frozen=True)
class Dim:
    """An axis: its size, and how far one step along it moves each pointer, by name."""

    size: int
    steps: Mapping[str, int]

    def step(self, pointer: str) -> int:
        return self.steps.get(pointer, 0)


@dataclass(frozen=True)
class Form:
    """A nest of which the elements of `wide` are read as vectors, those of `thin` one by one."""

    batch: tuple[Dim, ...]
    rows: tuple[Dim, ...]
    columns: tuple[Dim, ...]
    inner: tuple[Dim, ...]
    taps: tuple[Dim, ...]
    stored: tuple[str, ...]  # the pointers through which results are written
    thin: str = "left"
    wide: str = "right"

    @property
    def width(self) -> Dim:
        """The axis of columns along which vectors lie."""
        return self.columns[-1]

    def exchanged(self) -> "Form":
        """Return the same nest with rows as columns: the transposed product."""
        return replace(self, rows=self.columns, columns=self.rows, thin=self.wide, wide=self.thin)


def form_of(nest: Nest, epilogue: Epilogue | None) -> Form:
    """Return a nest as dims, with nothing merged or chosen yet."""
    operands = () if epilogue is None else epilogue.operands
    moving = [*nest.batch, *nest.rows, *nest.columns]
    dims = [
        _dim(axis, {operand.name: operand.strides[at] for operand in operands}, not operands)
        for at, axis in enumerate(moving)
    ]
    rows = len(nest.batch)
    columns = rows + len(nest.rows)
    return Form(
        batch=tuple(dims[:rows]),
        rows=tuple(dims[rows:columns]),
        columns=tuple(dims[columns:]),
        inner=tuple(_dim(axis, {}, False) for axis in nest.inner),
        taps=tuple(_dim(axis, {}, True) for axis in nest.taps),
        stored=tuple(operand.name for operand in operands if operand.written) or ("out",),
    )


def _dim(axis: Axis, extra: Mapping[str, int], with_out: bool) -> Dim:
    steps = {"left": axis.left, "right": axis.right, **extra}
    if with_out:
        steps["out"] = axis.out
    return Dim(axis.size, steps)


def tidied(form: Form) -> Form:
    """Return a form with a last row and a last column axis, and adjacent axes merged.

    Vectors lie along the column axis that suits `wide` and the results best.
    """
    columns = _merged(form.columns)
    best = max(columns, key=lambda dim: (_fits(dim, form), dim.size), default=Dim(1, {}))
    others = tuple(dim for dim in columns if dim is not best)
    rows = _merged(sorted(form.rows, key=lambda dim: -dim.step(form.stored[0])))
    return replace(
        form,
        batch=_merged(form.batch) + others,
        rows=rows or (Dim(1, {}),),
        columns=(best,),
        inner=_arranged(form),
        taps=tuple(dim for dim in form.taps if dim.size != 1),
    )


def _fits(dim: Dim, form: Form) -> int:
    """Return how many of the pointers that vectors want adjacent elements of have them."""
    return sum(dim.step(pointer) == 1 for pointer in (form.wide, *form.stored))


def _arranged(form: Form) -> tuple[Dim, ...]:
    """Return the inner axes in the order that leaves fewest, the given one where that does."""
    orders = [
        list(form.inner),
        sorted(form.inner, key=lambda dim: -dim.step(form.thin)),
        sorted(form.inner, key=lambda dim: -dim.step(form.wide)),
    ]
    return min((_merged(order) for order in orders), key=len) or (Dim(1, {}),)


def _merged(dims: Iterable[Dim]) -> tuple[Dim, ...]:
    """Return axes, outermost first, with those that lie as one made one, and no axis of size 1."""
    merged: list[Dim] = []
    for dim in dims:
        if dim.size == 1:
            continue
        if merged and _continues(merged[-1], dim):
            merged[-1] = Dim(merged[-1].size * dim.size, dim.steps)
        else:
            merged.append(dim)
    return tuple(merged)


def _continues(outer: Dim, inner: Dim) -> bool:
    names = outer.steps.keys() | inner.steps.keys()
    return all(outer.step(name) == inner.step(name) * inner.size for name in names)


def count_of(dims: Sequence[Dim]) -> int:
    """Return how many indices some axes have together."""
    return size_of(tuple(dim.size for dim in dims))
