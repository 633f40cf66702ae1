"""The movement primitives: the same elements in another arrangement."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from rushlight.core.bind import as_value, bind, bind_checked, op
from rushlight.core.errors import DTypeError, ShapeError
from rushlight.core.kernels import Join, Reinterpret, Term, Terms, View, along
from rushlight.core.primitive import Primitive, Sample, Spec, method, register
from rushlight.core.shapes import Shape, as_shape, broadcast_shapes, normalize_axis, size_of


class Movement(Primitive):
    """An op whose gradient moves elements back and reads none of them."""

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return ()


class Reshape(Movement):
    """The same elements in row-major order under another shape."""

    name = "reshape"
    onnx = "Reshape"

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        (x,), shape = specs, params["shape"]
        if size_of(x.shape) != size_of(shape):
            raise ShapeError(f"{size_of(x.shape)} elements do not fill the shape {shape}")
        return Spec(shape, x.dtype)

    def numpy(self, x: Any, *, shape: Shape) -> Any:
        return x.reshape(shape)

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        return bind(self, g, shape=inputs[0].shape)

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        (x,) = inputs
        return bind(self, x, shape=(x.shape[0], *params["shape"]))

    def lower(self, *specs: Spec, **params: Any) -> Reinterpret:
        return Reinterpret()

    def samples(self) -> list[Sample]:
        return [
            Sample(((2, 3),), {"shape": (3, 2)}),
            Sample(((),), {"shape": (1, 1)}),
            Sample(((0, 3),), {"shape": (0,)}),
            Sample(((4, 1, 2),), {"shape": (8,)}),
            Sample(((1,),), {"shape": ()}),
        ]


class Permute(Movement):
    """The axes in another order."""

    name = "permute"
    onnx = "Transpose"

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        (x,), order = specs, params["order"]
        if sorted(order) != list(range(len(x.shape))):
            raise ShapeError(f"{order} is not an order of the {len(x.shape)} axes")
        return Spec(tuple(x.shape[axis] for axis in order), x.dtype)

    def numpy(self, x: Any, *, order: Shape) -> Any:
        return x.transpose(order)

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        order = params["order"]
        return bind(self, g, order=tuple(map(order.index, range(len(order)))))

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        return bind(self, *inputs, order=(0, *(axis + 1 for axis in params["order"])))

    def lower(self, *specs: Spec, **params: Any) -> View:
        order = params["order"]
        return View(tuple(along(order.index(axis)) for axis in range(len(order))))

    def samples(self) -> list[Sample]:
        return [
            Sample(((2, 3),), {"order": (1, 0)}),
            Sample(((2, 3, 4),), {"order": (2, 0, 1)}),
            Sample(((),), {"order": ()}),
            Sample(((0, 3),), {"order": (1, 0)}),
            Sample(((1, 2, 1, 3),), {"order": (0, 3, 2, 1)}),
        ]


class Broadcast(Movement):
    """Axes of size 1, and new axes on the left, expanded up to a shape."""

    name = "broadcast_to"
    onnx = "Expand"

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        (x,), shape = specs, params["shape"]
        if any(size < 0 for size in shape):
            raise ShapeError(f"sizes cannot be negative: {shape}")
        if broadcast_shapes(x.shape, shape) != shape:
            raise ShapeError(f"{x.shape} does not broadcast to {shape}")
        return Spec(shape, x.dtype)

    def numpy(self, x: Any, *, shape: Shape) -> Any:
        if size_of(shape) > 4096:
            return np.broadcast_to(x, shape)
        out = np.empty(shape, x.dtype)  # quicker than NumPy's view where it is small
        out[...] = x
        return out

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        shape = inputs[0].shape
        extra = len(g.shape) - len(shape)
        axes = tuple(range(extra)) + tuple(
            extra + axis for axis, size in enumerate(shape) if size == 1
        )
        return reshaped(g.sum(axes), shape) if axes else g

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        (x,), shape = inputs, params["shape"]
        x = reshaped(x, (x.shape[0], *(1,) * (len(shape) + 1 - x.rank), *x.shape[1:]))
        return expanded(x, (x.shape[0], *shape))

    def lower(self, *specs: Spec, **params: Any) -> View:
        shape = specs[0].shape
        extra = len(params["shape"]) - len(shape)
        return View(
            tuple(Term() if size == 1 else along(extra + axis) for axis, size in enumerate(shape))
        )

    def samples(self) -> list[Sample]:
        return [
            Sample(((3,),), {"shape": (2, 3)}),
            Sample(((),), {"shape": (2, 2)}),
            Sample(((2, 1),), {"shape": (2, 4)}),
            Sample(((1, 3),), {"shape": (0, 3)}),
            Sample(((2, 1, 3),), {"shape": (4, 2, 5, 3)}),
        ]


class Slice(Movement):
    """Every `step`-th element from `start`, `count` of them, along each axis."""

    name = "slice"
    onnx = "Slice"

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        (x,) = specs
        _check_window(x.shape, params["start"], params["count"], params["step"])
        return Spec(params["count"], x.dtype)

    def numpy(self, x: Any, *, start: Shape, count: Shape, step: Shape) -> Any:
        return x[_window(start, count, step)]

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        start, step = params["start"], params["step"]
        return bind(place_p, g, shape=inputs[0].shape, start=start, step=step)

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        (x,) = inputs
        start, count, step = (0, *params["start"]), (x.shape[0], *params["count"]), params["step"]
        return bind(self, x, start=start, count=count, step=(1, *step))

    def lower(self, *specs: Spec, **params: Any) -> View:
        return View(_window_terms(params["start"], params["step"]))

    def samples(self) -> list[Sample]:
        rows = [
            ((5,), (1,), (2,), (2,)),
            ((5,), (4,), (3,), (-2,)),
            ((3, 4), (0, 1), (3, 2), (1, 2)),
            ((3, 4), (2, 0), (0, 4), (1, 1)),
            ((), (), (), ()),
        ]
        return [Sample((s,), {"start": a, "count": n, "step": d}) for s, a, n, d in rows]


class Place(Movement):
    """Zeros everywhere but where `slice` with the same window would read: there, the input."""

    name = "place"

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        (x,) = specs
        _check_window(params["shape"], params["start"], x.shape, params["step"])
        return Spec(params["shape"], x.dtype)

    def numpy(self, x: Any, *, shape: Shape, start: Shape, step: Shape) -> Any:
        out = np.zeros(shape, x.dtype)
        out[_window(start, x.shape, step)] = x
        return out

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        count = inputs[0].shape
        return bind(slice_p, g, start=params["start"], count=count, step=params["step"])

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        (x,) = inputs
        shape, start, step = (x.shape[0], *params["shape"]), (0, *params["start"]), params["step"]
        return bind(self, x, shape=shape, start=start, step=(1, *step))

    def lower(self, *specs: Spec, **params: Any) -> Join:
        terms = _window_terms(params["start"], params["step"])
        return Join((terms,), covered=size_of(specs[0].shape) == size_of(params["shape"]))

    def samples(self) -> list[Sample]:
        rows = [
            ((2,), (5,), (1,), (2,)),
            ((3,), (5,), (4,), (-2,)),
            ((3, 2), (3, 4), (0, 1), (1, 2)),
            ((0, 4), (3, 4), (2, 0), (1, 1)),
            ((), (), (), ()),
        ]
        return [Sample((s,), {"shape": n, "start": a, "step": d}) for s, n, a, d in rows]


class Concat(Movement):
    """Tensors one after another along an axis."""

    name = "concat"
    onnx = "Concat"

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        axis, first = params["axis"], specs[0]
        for spec in specs[1:]:
            if spec.dtype is not first.dtype:
                raise DTypeError(f"dtypes differ: {first.dtype} and {spec.dtype}")
            if _without(spec.shape, axis) != _without(first.shape, axis):
                raise ShapeError(f"{first.shape} and {spec.shape} differ outside of axis {axis}")
        total = sum(spec.shape[axis] for spec in specs)
        return Spec((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype)

    def numpy(self, *arrays: Any, axis: int) -> Any:
        return np.concatenate(arrays, axis)

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        axis = params["axis"]
        start = [0] * len(g.shape)
        start[axis] = sum(x.shape[axis] for x in inputs[:wrt])
        ones = (1,) * len(start)
        return bind(slice_p, g, start=tuple(start), count=inputs[wrt].shape, step=ones)

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        return along_axis(self, has, inputs, **params)

    def lower(self, *specs: Spec, **params: Any) -> Join:
        windows, rank = [], len(specs[0].shape)
        start = [0] * rank
        for spec in specs:
            windows.append(_window_terms(tuple(start), (1,) * rank))
            start[params["axis"]] += spec.shape[params["axis"]]
        return Join(tuple(windows), covered=True)

    def samples(self) -> list[Sample]:
        return [
            Sample(((2, 3), (1, 3)), {"axis": 0}),
            Sample(((2, 3), (2, 1), (2, 2)), {"axis": 1}),
            Sample(((3,),), {"axis": 0}),
            Sample(((0, 2), (2, 2)), {"axis": 0}),
            Sample(((1, 2, 3), (1, 2, 3)), {"axis": 2}),
        ]


reshape_p = register(Reshape())
permute_p = register(Permute())
broadcast_p = register(Broadcast())
slice_p = register(Slice())
place_p = register(Place())
concat_p = register(Concat())


def reshaped(x: Any, shape: Shape) -> Any:
    """`reshape` for rules, which know that the elements fill the shape."""
    return x if x.shape == shape else bind(reshape_p, x, shape=shape)


def expanded(x: Any, shape: Shape) -> Any:
    """`broadcast_to` for rules, which know that the shapes agree."""
    return x if x.shape == shape else bind(broadcast_p, x, shape=shape)


def each(has: Sequence[bool], inputs: Sequence[Any]) -> list[Any]:
    """Return operands all with a first axis of items, those without as often as there are items."""
    count = next(x.shape[0] for x, own in zip(inputs, has, strict=True) if own)
    pairs = zip(inputs, has, strict=True)
    return [x if own else expanded(x, (count, *x.shape)) for x, own in pairs]


def along_axis(
    primitive: Primitive, has: Sequence[bool], inputs: Sequence[Any], **params: Any
) -> Any:
    """Return what a primitive that works along an `axis` gives for many items at once."""
    params["axis"] += 1
    return bind(primitive, *each(has, inputs), **params)


def in_one_batch(
    primitive: Primitive,
    has: Sequence[bool],
    inputs: Sequence[Any],
    shared: Sequence[Any],
    params: dict[str, Any],
) -> Any:
    """Return what a primitive of batches gives for many: one batch of all, taken apart again."""
    batches = each(has[: len(inputs)], inputs)
    items, size = batches[0].shape[:2]
    joined = [reshaped(x, (items * size, *x.shape[2:])) for x in batches]
    made = bind(primitive, *joined, *shared, **params)
    results = made if isinstance(made, tuple) else (made,)
    apart = tuple(reshaped(y, (items, size, *y.shape[1:])) for y in results)
    return apart if isinstance(made, tuple) else apart[0]


def part(x: Any, axis: int, start: int, count: int) -> Any:
    """Return `count` elements along an axis from `start` on, for rules, which know they are there.

    >>> import rushlight as rl
    >>> part(rl.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    shape = x.shape
    if count == shape[axis]:
        return x
    counts = (*shape[:axis], count, *shape[axis + 1 :])
    begin = tuple(start if one == axis and count else 0 for one in range(len(shape)))
    return bind(slice_p, x, start=begin, count=counts, step=(1,) * len(shape))


def turned(x: Any) -> Any:
    """`transpose` of the last two axes for rules, which know that there are two."""
    rank = len(x.shape)
    return bind(permute_p, x, order=(*range(rank - 2), rank - 1, rank - 2))


@method("reshape", "view")
@op
def reshape(x: Any, *shape: Any) -> Any:
    """Return the same elements under another shape; one size may be -1.

    >>> import rushlight as rl
    >>> rl.arange(6).reshape(2, -1).shape
    (2, 3)
    """
    wanted = as_shape(shape[0] if len(shape) == 1 else shape)
    if -1 in wanted:
        known = size_of(tuple(size for size in wanted if size != -1))
        if wanted.count(-1) > 1 or (known == 0 or size_of(x.shape) % known):
            fact = f"{size_of(x.shape)} elements do not fill the shape {wanted}"
            raise ShapeError(fact, hint="one size may be -1; the others must divide the elements")
        wanted = tuple(size_of(x.shape) // known if size == -1 else size for size in wanted)
    if wanted and min(wanted) < 0:
        raise ShapeError(f"sizes cannot be negative: {wanted}")
    return x if x.shape == wanted else bind(reshape_p, x, shape=wanted)


@method("flatten")
@op
def flatten(x: Any, start_axis: int = 0, end_axis: int = -1) -> Any:
    """Return `x` with the axes from `start_axis` to `end_axis`, both included, made one.

    >>> import rushlight as rl
    >>> rl.zeros(2, 3, 4).flatten(1).shape, rl.zeros(2, 3, 4).flatten(0, 1).shape
    ((2, 12), (6, 4))
    """
    if x.rank == 0:
        return x.reshape(1)
    first, last = normalize_axis(start_axis, x.rank), normalize_axis(end_axis, x.rank)
    if last < first:
        raise ShapeError(f"axis {end_axis} comes before axis {start_axis}")
    return reshape(x, (*x.shape[:first], size_of(x.shape[first : last + 1]), *x.shape[last + 1 :]))


@method("permute")
@op
def permute(x: Any, *order: Any) -> Any:
    """Return `x` with its axes in the given order.

    >>> import rushlight as rl
    >>> rl.zeros(2, 3, 4).permute(2, 0, 1).shape
    (4, 2, 3)
    """
    axes = as_shape(order[0] if len(order) == 1 else order)
    return bind(permute_p, x, order=tuple(normalize_axis(axis, x.rank) for axis in axes))


@method("transpose")
@op
def transpose(x: Any, first: int = -2, second: int = -1) -> Any:
    """Return `x` with two axes exchanged, the last two unless named.

    >>> import rushlight as rl
    >>> rl.zeros(2, 3, 4).transpose(0, 1).shape
    (3, 2, 4)
    """
    order = list(range(x.rank))
    i, j = normalize_axis(first, x.rank), normalize_axis(second, x.rank)
    order[i], order[j] = j, i
    return bind(permute_p, x, order=tuple(order))


@method("broadcast_to", "expand")
@op
def broadcast_to(x: Any, *shape: Any) -> Any:
    """Return `x` expanded up to a shape by NumPy's rule.

    >>> import rushlight as rl
    >>> rl.tensor([1.0, 2.0]).broadcast_to(2, 2)
    tensor([[1., 2.],
            [1., 2.]])
    """
    wanted = as_shape(shape[0] if len(shape) == 1 else shape)
    if x.shape == wanted:
        return x
    if len(wanted) < x.rank:
        raise ShapeError(f"{x.shape} does not broadcast to {wanted}")
    return bind(broadcast_p, x, shape=wanted)


@method("squeeze")
@op
def squeeze(x: Any, axis: int | None = None) -> Any:
    """Return `x` without an axis of size 1, or without all of them.

    >>> import rushlight as rl
    >>> rl.zeros(2, 1, 1).squeeze(1).shape, rl.zeros(2, 1, 1).squeeze().shape
    ((2, 1), (2,))
    """
    if axis is None:
        return reshape(x, tuple(size for size in x.shape if size != 1))
    axis = normalize_axis(axis, x.rank)
    if x.shape[axis] != 1:
        raise ShapeError(f"axis {axis} has size {x.shape[axis]}, not 1")
    return reshape(x, _without(x.shape, axis))


@method("unsqueeze")
@op
def unsqueeze(x: Any, axis: int) -> Any:
    """Return `x` with a new axis of size 1.

    >>> import rushlight as rl
    >>> rl.zeros(2).unsqueeze(-1).shape
    (2, 1)
    """
    axis = normalize_axis(axis, x.rank + 1)
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


@op
def concat(tensors: Sequence[Any], axis: int = 0) -> Any:
    """Return tensors one after another along an axis.

    >>> import rushlight as rl
    >>> rl.concat([rl.zeros(2, 3), rl.zeros(1, 3)]).shape
    (3, 3)
    """
    values = [as_value(x) for x in tensors]
    if not values:
        raise ShapeError("there is nothing to concatenate")
    return bind_checked(concat_p, *values, axis=normalize_axis(axis, values[0].rank))


@op
def stack(tensors: Sequence[Any], axis: int = 0) -> Any:
    """Return tensors of one shape beside each other along a new axis.

    >>> import rushlight as rl
    >>> rl.stack([rl.zeros(3), rl.ones(3)], axis=1).shape
    (3, 2)
    """
    return concat([unsqueeze(as_value(x), axis) for x in tensors], axis)


def _window(start: Shape, count: Shape, step: Shape) -> tuple[slice, ...]:
    slices = []
    for first, n, d in zip(start, count, step, strict=True):
        stop = first + n * d
        slices.append(slice(first, stop if stop >= 0 else None, d) if n else slice(0, 0))
    return tuple(slices)


def _window_terms(start: Shape, step: Shape) -> Terms:
    """Return the places that every `step`-th element from `start` has, axis by axis."""
    pairs = zip(start, step, strict=True)
    return tuple(along(axis, d, first) for axis, (first, d) in enumerate(pairs))


def _check_window(shape: Shape, start: Shape, count: Shape, step: Shape) -> None:
    for size, first, n, d in zip(shape, start, count, step, strict=True):
        last = first + (n - 1) * d
        if d == 0 or n < 0 or (n > 0 and not (0 <= first < size and 0 <= last < size)):
            raise ShapeError(f"{n} elements from {first} by {d} are not inside an axis of {size}")


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])
