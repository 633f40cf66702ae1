"""What each primitive lowers to means what its NumPy does, worked out slowly from the record."""

import itertools
from functools import singledispatch
from typing import Any

import numpy as np
import pytest

from rushlight.core.dtypes import as_dtype
from rushlight.core.kernels import (
    ArgFold,
    Attention,
    Contraction,
    Deposit,
    Fold,
    Join,
    Lookup,
    Map,
    RandomBits,
    Record,
    Reinterpret,
    Scan,
    Sort,
    Terms,
    View,
    Window,
)
from rushlight.core.philox import philox4x32
from rushlight.core.primitive import PRIMITIVES, Array, Spec
from rushlight.core.shapes import Shape
from rushlight.testing.cases import all_cases
from rushlight.testing.compare import assert_close

MADE_OF_OTHERS = ["logsumexp"]  # a pass replaces these before anything is lowered

PAIRS = [
    (case, case.primitive.lower(*case.specs(), **case.params))
    for case in all_cases()
    if case.layout == "plain"
]
STRUCTURED = [(case, record) for case, record in PAIRS if not isinstance(record, Map | None)]
MAPS = [(case, record) for case, record in PAIRS if isinstance(record, Map)]


def spec_of(x: Array) -> Spec:
    return Spec(x.shape, as_dtype(x.dtype))


def test_every_primitive_lowers_but_those_made_of_others() -> None:
    assert sorted({case.primitive.name for case, one in PAIRS if one is None}) == MADE_OF_OTHERS
    assert {case.primitive.name for case, _ in PAIRS} == set(PRIMITIVES)


@pytest.mark.parametrize(("case", "record"), STRUCTURED, ids=[str(case) for case, _ in STRUCTURED])
def test_a_record_means_what_numpy_does(case: Any, record: Record) -> None:
    arrays = [case.arrays[i] for i in case.operands]
    wanted = case.primitive.numpy(*arrays, **case.params)
    specs = case.primitive.rule(*case.specs(), **case.params)
    several = isinstance(specs, tuple)
    got = evaluate(record, arrays, list(specs) if several else [specs])
    for one, other in zip(got, wanted if several else (wanted,), strict=True):
        assert_close(one, np.asarray(other), rtol=1e-5)


@pytest.mark.parametrize(("case", "record"), MAPS, ids=[str(case) for case, _ in MAPS])
def test_a_map_has_a_placeholder_for_each_operand(case: Any, record: Map) -> None:
    assert len(record.operands) == len(case.operands)
    assert [name for name in record.operands if f"{{{name}}}" not in record.text] == []


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin"])
def test_the_folds_of_extremes_find_nan_and_the_first_of_them(name: str) -> None:
    primitive = PRIMITIVES[name]
    x = np.array([[1.0, np.nan, 3.0, np.nan], [np.nan, 0.0, 5.0, 9.0], [2.0, 1.0, 2.0, 1.0]])
    axes: dict[str, Any] = {"axis": 1} if name.startswith("arg") else {"axes": (1,)}
    record = primitive.lower(spec_of(x), **axes, keepdims=False)
    assert record is not None
    wanted = primitive.numpy(x, **axes, keepdims=False)
    (got,) = evaluate(record, [x], [spec_of(wanted)])
    np.testing.assert_array_equal(got, wanted)


def test_the_fold_of_a_mean_of_nothing_gives_nan() -> None:
    x = np.zeros((2, 0), np.float32)
    record = PRIMITIVES["mean"].lower(spec_of(x), axes=(1,), keepdims=False)
    assert record is not None
    (got,) = evaluate(record, [x], [spec_of(x[:, :0].sum(axis=1))])
    np.testing.assert_array_equal(got, np.full(2, np.nan, np.float32))


# What records mean, in NumPy.


@singledispatch
def evaluate(record: Any, inputs: list[Array], specs: list[Spec]) -> list[Array]:
    """The results, of the given specs, that a record says of inputs."""
    raise NotImplementedError(type(record))


def places(terms: Terms, sizes: Shape) -> tuple[Array, ...]:
    """For each axis of an operand its index at every point of a space."""
    grid = np.indices(sizes)
    return tuple(
        sum((step * grid[axis] for axis, step in term.steps), np.full(sizes, term.start))
        for term in terms
    )


def inside(at: tuple[Array, ...], shape: Shape, sizes: Shape) -> Array:
    fine = np.ones(sizes, bool)
    for index, size in zip(at, shape, strict=True):
        fine &= (index >= 0) & (index < size)
    return fine


def calculate(text: str, **names: Any) -> Any:
    """Evaluate an expression of C, of the few kinds that folds are made of."""
    python = text.replace("||", "or").replace("&&", "and").format(**{name: name for name in names})
    if python[-1:] == "f":  # of a number
        python = python[:-1]
    known = {"__builtins__": {}, "NAN": np.nan, "rl_max": np.maximum, "rl_min": np.minimum}
    return eval(python, known, names)


@evaluate.register
def _(record: View, inputs: list[Array], specs: list[Spec]) -> list[Array]:
    at = places(record.terms, specs[0].shape)
    assert inside(at, inputs[0].shape, specs[0].shape).all()
    return [np.broadcast_to(inputs[0][at], specs[0].shape)]


@evaluate.register
def _(record: Reinterpret, inputs: list[Array], specs: list[Spec]) -> list[Array]:
    return [inputs[0].reshape(specs[0].shape)]


@evaluate.register
def _(record: Fold, inputs: list[Array], specs: list[Spec]) -> list[Array]:
    (x,) = inputs
    kept = [axis for axis in range(x.ndim) if axis not in record.axes]
    length = int(np.prod([x.shape[axis] for axis in record.axes]))
    rows = x.transpose(*kept, *record.axes).reshape(*specs[0].shape, length)
    out = np.empty(specs[0].shape, x.dtype)
    for place in np.ndindex(out.shape):
        row = rows[place]
        a = row[0] if record.start == "{first}" else x.dtype.type(calculate(record.start))
        for element in row[1:] if record.start == "{first}" else row:
            a = calculate(record.combine, a=a, x=element)
        out[place] = calculate(record.finish, a=a)
    return [out]


@evaluate.register
def _(record: ArgFold, inputs: list[Array], specs: list[Spec]) -> list[Array]:
    length = inputs[0].shape[record.axis]
    rows = np.moveaxis(inputs[0], record.axis, -1).reshape(*specs[0].shape, length)
    out = np.zeros(specs[0].shape, np.int64)
    for place in np.ndindex(out.shape):
        row = rows[place]
        for position in range(len(row)):
            if calculate(record.better, x=row[position], a=row[out[place]]):
                out[place] = position
    return [out]


@evaluate.register
def _(record: Scan, inputs: list[Array], specs: list[Spec]) -> list[Array]:
    out = np.empty(specs[0].shape, inputs[0].dtype)
    steps = [np.moveaxis(x, record.axis, 0)[:: -1 if record.reverse else 1] for x in (*inputs, out)]
    *operands, results = steps
    before = None
    for i in range(len(results)):
        elements = {name: x[i] for name, x in zip(record.operands, operands, strict=True)}
        text = record.first if before is None else record.following
        results[i] = before = calculate(text, a=before, **elements)
    return [out]


@evaluate.register
def _(record: Sort, inputs: list[Array], specs: list[Spec]) -> list[Array]:
    rows = np.moveaxis(inputs[0], record.axis, -1)
    out = np.empty(rows.shape, np.int64)
    for place in np.ndindex(rows.shape[:-1]):
        keys = [(x != x, 0 if x != x else x) for x in rows[place].tolist()]
        out[place] = sorted(range(len(keys)), key=keys.__getitem__)
        if record.descending:  # Python keeps equals in their order, turned or not
            out[place] = sorted(range(len(keys)), key=keys.__getitem__, reverse=True)
    return [np.moveaxis(out, -1, record.axis)]


@evaluate.register
def _(record: Lookup, inputs: list[Array], specs: list[Spec]) -> list[Array]:
    table, indices = inputs
    at = list(places(record.table, specs[0].shape))
    at[record.axis] = indices[places(record.indices, specs[0].shape)]
    return [np.asarray(table[tuple(at)])]


@evaluate.register
def _(record: Deposit, inputs: list[Array], specs: list[Spec]) -> list[Array]:
    *base, indices, updates = inputs
    assert len(base) == record.based
    out = base[0].copy() if base else np.zeros(specs[0].shape, updates.dtype)
    at = list(places(record.out, updates.shape))
    at[record.axis] = indices[places(record.indices, updates.shape)]
    np.add.at(out, tuple(at), updates)
    return [out]


@evaluate.register
def _(record: Join, inputs: list[Array], specs: list[Spec]) -> list[Array]:
    out = np.zeros(specs[0].shape, inputs[0].dtype)
    touched = np.zeros(out.shape, bool)
    for window, x in zip(record.windows, inputs, strict=True):
        at = places(window, x.shape)
        assert inside(at, out.shape, x.shape).all()
        assert not touched[at].any()
        out[at] = x
        touched[at] = True
    assert touched.all() == record.covered
    return [out]


@evaluate.register
def _(record: Contraction, inputs: list[Array], specs: list[Spec]) -> list[Array]:
    left, right = inputs
    sizes = record.sizes
    out = np.zeros(specs[0].shape, left.dtype)
    at_left, at_right, at_out = (
        places(terms, sizes) for terms in (record.left, record.right, record.out)
    )
    assert inside(at_right, right.shape, sizes).all()  # only the others have padding
    fine = inside(at_left, left.shape, sizes) & inside(at_out, out.shape, sizes)
    if not record.taps:
        assert inside(at_out, out.shape, sizes).all()
    at_left, at_right, at_out = (
        tuple(index[fine] for index in at) for at in (at_left, at_right, at_out)
    )
    np.add.at(out, at_out, left[at_left] * right[at_right])
    return [out]


def window(record: Window, place: tuple[int, ...], size: Shape) -> list[tuple[int, int]]:
    """The places in a plane that the window at a place of the result sees, in order."""
    sides = []
    for axis in range(2):
        first = place[axis] * record.stride[axis] - record.padding[axis]
        steps = (first + tap * record.dilation[axis] for tap in range(record.kernel[axis]))
        sides.append([at for at in steps if 0 <= at < size[axis]])
    return list(itertools.product(*sides))


def tap(record: Window, place: tuple[int, ...], row: int, column: int) -> int:
    """The number of a place of the plane among those of the window at a place of the result."""
    down, right = (
        (at - place[axis] * record.stride[axis] + record.padding[axis]) // record.dilation[axis]
        for axis, at in enumerate((row, column))
    )
    return down * record.kernel[1] + right


@evaluate.register
def _(record: Window, inputs: list[Array], specs: list[Spec]) -> list[Array]:
    x = inputs[-1]
    out = [np.zeros(spec.shape, spec.dtype.storage) for spec in specs]
    pooled, plane = (x, out[0]) if record.kind in ("unsum", "unmax") else (out[0], x)
    for n, c, *at in np.ndindex(pooled.shape):
        for row, column in window(record, tuple(at), plane.shape[2:]):
            if record.kind == "unmax":
                taken = tap(record, tuple(at), row, column) == inputs[0][n, c, *at]
                out[0][n, c, row, column] += x[n, c, *at] * taken
            elif record.kind == "sum":
                out[0][n, c, *at] += x[n, c, row, column]
            elif record.kind == "unsum":
                out[0][n, c, row, column] += x[n, c, *at]
        if record.kind == "max":
            seen = window(record, tuple(at), plane.shape[2:])
            best = int(np.argmax([x[n, c, row, column] for row, column in seen]))
            out[0][n, c, *at] = x[n, c, *seen[best]]
            out[1][n, c, *at] = tap(record, tuple(at), *seen[best])
    return out


@evaluate.register
def _(record: Attention, inputs: list[Array], specs: list[Spec]) -> list[Array]:
    """Query by query, and all of its weights at once."""
    g, q, k, v, lse, drift = inputs[:6] if record.backward else (None, *inputs[:3], None, None)
    given = dict(zip(record.options, inputs[6 if record.backward else 3 :], strict=True))
    out = [np.zeros(spec.shape, spec.dtype.storage) for spec in specs]
    keys, place = k.shape[-2], np.arange(k.shape[-2])
    for *lead, head, row in np.ndindex(q.shape[:-1]):
        at, shared = (*lead, head, row), (*lead, head * k.shape[-3] // q.shape[-3])
        scores = k[shared] @ q[at] * record.scale
        position = given["start"][*lead] + row if "start" in given else 0
        if "slopes" in given:
            scores = scores - given["slopes"][*lead, head] * abs(position - place)
        hidden = place > position if record.causal else np.zeros(keys, bool)
        if "lengths" in given:
            hidden = hidden | (place >= given["lengths"][*lead])
        if "mask" in given and given["mask"].dtype == bool:
            hidden = hidden | ~given["mask"][at]
        elif "mask" in given:
            scores = scores + given["mask"][at]
        weights = np.where(hidden, 0, np.exp(scores))
        kept = np.ones(keys)
        if "state" in given:
            number = int(np.ravel_multi_index(at, q.shape[:-1])) * -(-keys // 4) * 4
            words = random_bits(given["state"], number + keys)[number:]
            kept = (words >= record.dropout * 2**32) / (1 - record.dropout)
        if not record.backward:
            total = weights.sum() if weights.any() else 1
            out[0][at], out[1][at] = (weights * kept) @ v[shared] / total, np.log(total)
            continue
        weights = weights / np.exp(lse[at])
        changes = weights * (v[shared] @ g[at] * kept - drift[at]) * record.scale
        out[0][at] = changes @ k[shared]
        out[1][shared] += np.outer(changes, q[at])
        out[2][shared] += np.outer(weights * kept, g[at])
    return out


def random_bits(state: Array, count: int) -> Array:
    first, second, low, high = map(int, state)
    blocks = [((high << 32 | low) + i) % (1 << 64) for i in range(-(-count // 4))]
    counters = np.array([[b & 0xFFFFFFFF, b >> 32, 0, 0] for b in blocks], np.uint32)
    return philox4x32(counters.reshape(-1, 4), (first, second)).reshape(-1)[:count]


@evaluate.register
def _(record: RandomBits, inputs: list[Array], specs: list[Spec]) -> list[Array]:
    first, second, low, high = map(int, inputs[0])
    count = int(np.prod(specs[0].shape))
    following = ((high << 32 | low) - (-count // 4)) % (1 << 64)
    bits = random_bits(inputs[0], count).reshape(specs[0].shape)
    return [bits, np.array([first, second, following & 0xFFFFFFFF, following >> 32], np.uint32)]
