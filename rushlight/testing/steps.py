"""The steps of random programs: each kind is drawn so that its result is tame and steady."""

from collections.abc import Callable
from typing import Any

import numpy as np

import rushlight.ops.methods  # noqa: F401 - for the methods of tensors
from rushlight.core.bind import bind
from rushlight.core.dtypes import (
    DType,
    bool_,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint32,
)
from rushlight.core.shapes import size_of
from rushlight.graph.loops import cond, scan
from rushlight.ops.conv import conv2d
from rushlight.ops.elementwise import bits_to_uniform, maximum, minimum, where
from rushlight.ops.gather import one_hot, take
from rushlight.ops.movement import concat, stack
from rushlight.ops.pool import avg_pool2d, max_pool2d
from rushlight.ops.random import random_bits_p
from rushlight.ops.scan import recurrence
from rushlight.tensor import Tensor
from rushlight.testing.draft import RANK, Draft, Kind, Step, Unsuited, fits, is_apart

WHOLE_DTYPES = (float32, float64, int64, int32, int16, int8, uint8, uint32, bool_)


def smooth(draft: Draft) -> Step:
    """An op of one float without kinks."""
    place = draft.choose(draft.is_float)
    functions: list[Callable[[Tensor], Tensor]] = [
        lambda x: x.tanh(),
        lambda x: x.sin(),
        lambda x: x.cos(),
        lambda x: x.sigmoid(),
        lambda x: (x * x + 0.5).sqrt(),
        lambda x: (x * x + 0.5).log(),
        lambda x: x.tanh().exp(),
        lambda x: x / (x * x + 1.0),
        lambda x: (x * x + 0.5) ** 0.7,
        lambda x: (x.sin() + 1.5) ** x.tanh(),
        lambda x: x.erf(),
        lambda x: x.softplus().log1p(),
        lambda x: x.atan2(x * x + 0.5),
    ]
    return Step(draft.pick.choice(functions), (place,))


def kinked(draft: Draft) -> Step:
    """An op of one number with a kink or a jump, away from it."""
    place = draft.choose(draft.is_number)
    whole = draft.whole[place]
    t = 0 if whole else draft.between(place)
    jumps: list[Callable[[Tensor], Tensor]] = [lambda x: x.sign() if whole else (x - t).sign()]
    kinks: list[Callable[[Tensor], Tensor]] = [lambda x: x.abs() if whole else (x - t).abs()]
    if draft.is_float(place):
        kinks += [lambda x: (x - t).relu(), lambda x: x.clip(t, t + 100.0)]
    jumps += [lambda x: x > t, lambda x: x <= t]
    function = draft.pick.choice([*jumps, *kinks, *kinks])
    return Step(function, (place,), whole or function in jumps)


def turned(draft: Draft) -> Step:
    """The opposite number, or the whole number next to one that is whole."""
    place = draft.choose(lambda p: draft.pool[p].dtype.kind in ("float", "int"))
    whole = draft.whole[place]
    names = ["floor", "ceil", "neg"] if whole and draft.is_float(place) else ["neg"]
    name = draft.pick.choice(names)
    return Step(lambda x: getattr(x, name)(), (place,), whole)


def with_number(draft: Draft) -> Step:
    """Arithmetic with a Python number."""
    place = draft.choose(draft.is_number)
    whole = draft.whole[place]
    numbers = [1, 2, 3, 0] if whole else [0.5, -1.5, 1.0, 2.0, 0.0, -0.0]
    n: Any = draft.pick.choice(numbers)
    functions: list[Callable[[Tensor], Tensor]] = [
        lambda x: x + n,
        lambda x: n - x,
        lambda x: x - n,
        lambda x: x * n,
        lambda x: -(-x * n) * 1,
    ]
    if draft.pool[place].dtype.kind == "uint":
        functions = [functions[0], functions[3]]
    return Step(draft.pick.choice(functions), (place,), whole)


def arithmetic(draft: Draft) -> Step:
    """Arithmetic of two numbers that broadcast together."""
    left = draft.choose(draft.is_number)
    right = draft.beside(left, draft.is_number)
    whole = draft.whole[left] and draft.whole[right]
    functions: list[Callable[..., Tensor]] = [
        lambda x, y: x + y,
        lambda x, y: x * y,
        lambda x, y: x * 0.5 / (y * y + 1.0),
    ]
    if "uint" not in (draft.pool[left].dtype.kind, draft.pool[right].dtype.kind):
        functions.append(lambda x, y: x - y)
    function = draft.pick.choice(functions)
    return Step(function, (left, right), whole and function is not functions[2])


def divided(draft: Draft) -> Step:
    """Quotients, remainders and bits of integers; by 0 they are 0."""

    def suits(place: int) -> bool:
        return draft.pool[place].dtype.kind in ("int", "uint") and draft.is_number(place)

    left = draft.choose(suits)
    right = draft.beside(left, suits)
    functions: list[Callable[..., Tensor]] = [
        lambda x, y: x // y,
        lambda x, y: x % y,
        lambda x, y: (x & y) | 1,
        lambda x, y: x ^ (y >> 1),
    ]
    return Step(draft.pick.choice(functions), (left, right), True)


def larger(draft: Draft) -> Step:
    """The larger or smaller of two numbers, which are apart unless they are whole."""
    left, right = _comparable(draft)
    function = draft.pick.choice([maximum, minimum])
    return Step(function, (left, right), draft.whole[left] and draft.whole[right])


def compared(draft: Draft) -> Step:
    """A comparison of two numbers, which are apart unless they are whole."""
    name = draft.pick.choice(["eq", "ne", "lt", "le", "gt", "ge"])
    return Step(lambda x, y: getattr(x, name)(y), _comparable(draft), True)


def _comparable(draft: Draft) -> tuple[int, int]:
    left = draft.choose(draft.is_number)
    right = draft.beside(left, draft.is_number)
    whole = draft.whole[left] and draft.whole[right]
    if not whole and not is_apart(draft.value(left) * 1.0 - draft.value(right)):
        raise Unsuited
    return left, right


def logical(draft: Draft) -> Step:
    """An op of bools."""
    left = draft.choose(draft.is_bool)
    right = draft.beside(left, draft.is_bool)
    functions: list[Callable[..., Tensor]] = [
        lambda x, y: x & y,
        lambda x, y: x | ~y,
        lambda x, y: x == y,
    ]
    return Step(draft.pick.choice(functions), (left, right), True)


def chosen(draft: Draft) -> Step:
    """A choice between two values, or a value and a number, by a bool."""
    condition = draft.choose(draft.is_bool)
    x = draft.beside(condition)
    y = draft.beside(condition, lambda p: fits(draft.pool[x].shape, draft.pool[p].shape))
    if draft.is_number(x) and draft.pick.random() < 0.3:
        return Step(lambda c, x: where(c, x, 0), (condition, x), draft.whole[x])
    return Step(where, (condition, x, y), draft.whole[x] and draft.whole[y])


def reshaped(draft: Draft) -> Step:
    """The same elements under another shape."""
    place = draft.choose()
    size, rank = draft.pool[place].size, draft.pool[place].ndim
    shape: list[int] = []
    while size > 1 and len(shape) < RANK - 1:
        divisors = [n for n in range(1, size + 1) if size % n == 0]
        shape.append(draft.pick.choice(divisors))
        size //= shape[-1]
    shape.append(size)
    axis = draft.pick.randint(0, rank)
    functions: list[Callable[[Tensor], Tensor]] = [
        lambda x: x.reshape(shape),
        lambda x: x.flatten(),
        lambda x: x.unsqueeze(axis),
        lambda x: x.reshape(shape).reshape(-1),
    ]
    return Step(draft.pick.choice(functions), (place,), draft.whole[place])


def permuted(draft: Draft) -> Step:
    """The axes in another order."""
    place = draft.choose(lambda p: draft.pool[p].ndim > 1)
    order = list(range(draft.pool[place].ndim))
    draft.pick.shuffle(order)
    return Step(lambda x: x.permute(order), (place,), draft.whole[place])


def sliced(draft: Draft) -> Step:
    """Part of a value, by ints and by slices of all steps."""
    place = draft.choose(draft.has_axes)
    index: list[Any] = []
    for size in draft.pool[place].shape:
        start, stop = sorted(draft.pick.choices(range(size + 1), k=2))
        choices: list[Any] = [slice(None), slice(None, None, -1), slice(start, stop)]
        choices += [slice(None, None, 2), slice(stop, start or None, -2), slice(0, 1)]
        choices += [draft.pick.randrange(-size, size)] if size else []
        index.append(draft.pick.choice(choices))
    if draft.pick.random() < 0.2:
        index.insert(draft.pick.randint(0, len(index)), None)
    return Step(lambda x: x[tuple(index)], (place,), draft.whole[place])


def padded(draft: Draft) -> Step:
    """A value with zeros around it."""
    place = draft.choose(draft.has_axes)
    widths = [(draft.pick.randrange(3), draft.pick.randrange(2)) for _ in draft.pool[place].shape]
    return Step(lambda x: x.pad(widths), (place,), draft.whole[place])


def spread(draft: Draft) -> Step:
    """A value broadcast along new axes and along those of size 1."""
    place = draft.choose()
    shape = [n if n != 1 else draft.pick.choice([1, 2, 5]) for n in draft.pool[place].shape]
    shape = [draft.pick.choice([1, 2, 3]) for _ in range(draft.pick.randrange(2))] + shape
    return Step(lambda x: x.broadcast_to(shape), (place,), draft.whole[place])


def joined(draft: Draft) -> Step:
    """Values one after another, or beside each other."""
    place = draft.choose()
    x = draft.pool[place]
    if x.ndim == 0 or draft.pick.random() < 0.3:
        same = draft.choose(lambda p: draft.pool[p].spec == x.spec)
        axis = draft.pick.randint(0, x.ndim)
        whole = draft.whole[place] and draft.whole[same]
        return Step(lambda *parts: stack(parts, axis), (place, same), whole)
    axis = draft.pick.randrange(x.ndim)

    def suits(other: int) -> bool:
        y = draft.pool[other]
        if y.dtype is not x.dtype or y.ndim != x.ndim:
            return False
        return all(axis == i or x.shape[i] == y.shape[i] for i in range(x.ndim))

    places = tuple(draft.choose(suits) for _ in range(draft.pick.randint(1, 3)))
    whole = all(draft.whole[p] for p in places)
    return Step(lambda *parts: concat(parts, axis), places, whole)


def swapped(draft: Draft) -> Step:
    """The two parts of a value, the other way round."""
    place = draft.choose(draft.has_axes)
    shape = draft.pool[place].shape
    axis = draft.pick.randrange(len(shape))
    at = draft.pick.randint(0, shape[axis])
    before = (slice(None),) * axis

    def parts(x: Tensor) -> Any:
        first, second = x[(*before, slice(None, at))], x[(*before, slice(at, None))]
        return concat([second, first], axis)

    return Step(parts, (place,), draft.whole[place])


def summed(draft: Draft) -> Step:
    """A smooth reduction over some axes."""
    place = draft.choose(draft.has_axes)
    axes = draft.axes(place) if draft.pick.random() < 0.8 else None
    keep = draft.pick.random() < 0.5
    name = draft.pick.choice(["sum", "sum", "mean", "var", "logsumexp"])
    axis = slice(None) if axes is None else list(axes)
    if name != "sum" and 0 in np.array(draft.pool[place].shape)[axis]:
        raise Unsuited  # their result would be NaN or infinite
    whole = draft.whole[place] and name == "sum"
    return Step(lambda x: getattr(x, name)(axes, keepdims=keep), (place,), whole)


def normalised(draft: Draft) -> Step:
    """A reduction and what is done with it to every element of the row."""
    place = draft.choose(lambda p: draft.is_float(p) and draft.has_axes(p))
    axis = draft.pick.randrange(draft.pool[place].ndim)
    functions: list[Callable[[Tensor], Tensor]] = [
        lambda x: x.softmax(axis),
        lambda x: x.log_softmax(axis),
        lambda x: x - x.mean(axis, keepdims=True),
        lambda x: x / (x.var(axis, keepdims=True) + 0.5).sqrt(),
    ]
    return Step(draft.pick.choice(functions), (place,))


def extreme(draft: Draft) -> Step:
    """The largest or smallest along axes, or its position; apart from the next unless whole."""
    place = draft.choose(lambda p: draft.is_number(p) and draft.has_axes(p))
    name = draft.pick.choice(["max", "min", "argmax", "argmin"])
    axes = draft.axes(place)
    axes = axes[:1] if name.startswith("arg") else axes
    _check_apart(draft, place, axes)
    keep = draft.pick.random() < 0.5
    axis: Any = axes[0] if name.startswith("arg") else axes
    whole = draft.whole[place] or name.startswith("arg")
    return Step(lambda x: getattr(x, name)(axis, keepdims=keep), (place,), whole)


def _check_apart(draft: Draft, place: int, axes: tuple[int, ...]) -> None:
    """Raise Unsuited where rough numbers along some axes are near to each other."""
    x = draft.value(place)
    if x.size and not draft.whole[place]:
        rest = [axis for axis in range(x.ndim) if axis not in axes]
        rows = x.transpose(*rest, *axes).reshape(*[x.shape[axis] for axis in rest], -1)
        if not is_apart(np.diff(np.sort(rows, axis=-1), axis=-1)):
            raise Unsuited


def ordered(draft: Draft) -> Step:
    """The elements along an axis in order, or their positions; apart unless whole."""
    place = draft.choose(lambda p: draft.is_number(p) and draft.has_axes(p))
    axis, down = draft.pick.randrange(draft.pool[place].ndim), draft.pick.random() < 0.5
    _check_apart(draft, place, (axis,))
    if draft.pick.random() < 0.5:
        return Step(lambda x: x.argsort(axis, down), (place,), True)
    return Step(lambda x: x.sort(axis, down)[0], (place,), draft.whole[place])


def scanned(draft: Draft) -> Step:
    """Sums and products up to each place along an axis, or the product of all."""
    place = draft.choose(lambda p: draft.is_float(p) and draft.has_axes(p))
    axis, back = draft.pick.randrange(draft.pool[place].ndim), draft.pick.random() < 0.5
    functions: list[Callable[[Tensor], Tensor]] = [
        lambda x: x.cumsum(axis, back),
        lambda x: x.tanh().cumprod(axis, back),
        lambda x: recurrence(x.tanh(), x, axis, back),
        lambda x: x.sin().prod(axis),
    ]
    function = draft.pick.choice(functions)
    return Step(function, (place,), draft.whole[place] and function is functions[0])


def multiplied(draft: Draft) -> Step:
    """A matrix product: with a fixed matrix, with another value turned round, or of two rows."""
    place = draft.choose(lambda p: draft.is_float(p) and draft.has_axes(p))
    x = draft.pool[place]
    inner = x.shape[-1]

    def suits(other: int) -> bool:
        y = draft.pool[other]
        return draft.is_float(other) and y.ndim > 1 and y.shape[-1] == inner

    if draft.pick.random() < 0.5:
        other = draft.choose(suits)
        whole = draft.whole[place] and draft.whole[other]
        functions: list[Callable[..., Tensor]] = [
            lambda x, y: x @ y.transpose(-1, -2),
            lambda x, y: y @ x.transpose(-1, -2) if x.ndim > 1 else y @ x,
        ]
        return Step(draft.pick.choice(functions), (place, other), whole)
    columns = draft.pick.choice([1, 2, 3, 8, 16, 19])
    scale = 1.0 / max(1.0, inner**0.5)
    numbers = [[draft.pick.uniform(-scale, scale) for _ in range(columns)] for _ in range(inner)]
    matrix = np.array(numbers).reshape(inner, columns).astype(x.dtype.storage)
    return Step(lambda x: x @ Tensor(matrix), (place,))


def taken(draft: Draft) -> Step:
    """Rows by their numbers, which are given or computed."""
    table = draft.choose(lambda p: draft.has_axes(p) and draft.pool[p].shape[0] > 0)
    size = draft.pool[table].shape[0]
    whole = draft.whole[table]
    if draft.pick.random() < 0.6:
        indices = draft.choose(lambda p: draft.is_index(p, size))
        if draft.pick.random() < 0.3:
            return Step(lambda x, i: x[i], (table, indices), whole)
        return Step(take, (table, indices), whole)
    numbers = np.array([draft.pick.randrange(size) for _ in range(draft.pick.randrange(5))], int)
    return Step(lambda x: take(x, numbers), (table,), whole)


def gathered(draft: Draft) -> Step:
    """Elements along an axis by their numbers, and elements added at such places."""
    place = draft.choose(draft.has_axes)
    x = draft.pool[place]
    axis = draft.pick.randrange(x.ndim)
    shape = [n if i != axis else draft.pick.randint(1, 4) for i, n in enumerate(x.shape)]
    if x.shape[axis] == 0:
        raise Unsuited
    flat = [draft.pick.randrange(x.shape[axis]) for _ in range(size_of(tuple(shape)))]
    indices = np.array(flat, np.int64).reshape(shape)
    if x.dtype is bool_ or draft.pick.random() < 0.6:
        return Step(lambda x: x.gather(axis, indices), (place,), draft.whole[place])
    return Step(
        lambda x: x.scatter_add(axis, indices, x.gather(axis, indices)),
        (place,),
        draft.whole[place],
    )


def recast(draft: Draft) -> Step:
    """Another dtype: any that has the numbers, for whole ones."""
    place = draft.choose()
    if not draft.whole[place]:
        dtype = draft.pick.choice([float32, float64])
        return Step(lambda x: x.cast(dtype), (place,))
    low, high = (f(draft.value(place).astype(np.int64), initial=0) for f in (np.min, np.max))
    kind: DType = draft.pick.choice(WHOLE_DTYPES)
    if not kind.is_float and kind is not bool_:
        limits = np.iinfo(kind.storage)
        if low < limits.min or high > limits.max:
            raise Unsuited
    return Step(lambda x: x.cast(kind), (place,), True)


def hot(draft: Draft) -> Step:
    """1 at an index, 0 elsewhere."""
    place = draft.choose(lambda p: draft.is_index(p, 6))
    return Step(lambda x: one_hot(x, 6), (place,), True)


def drawn(draft: Draft) -> Step:
    """Random numbers, which move the random state on, beside a value."""
    place = draft.choose(draft.is_float)

    def function(state: Tensor, x: Tensor) -> Tensor:
        bits, following = bind(random_bits_p, state, shape=x.shape)
        state.assign(following)
        shifted: Tensor = x + bits_to_uniform(bits).cast(x.dtype)
        return shifted

    return Step(function, (draft.hidden, place))


def counted(draft: Draft) -> Step:
    """A new content for a state, and a value read from it."""
    state = draft.hidden - draft.pick.choice([1, 2])
    place = draft.choose(lambda p: draft.whole[p] and draft.is_number(p) and p != state)
    dtype = draft.pool[state].dtype

    def function(state: Tensor, x: Tensor) -> Tensor:
        state.assign(state + x.sum().cast(dtype))
        return state * 1

    return Step(function, (state, place), True)


def windows(draft: Draft) -> Step:
    """A convolution, with part of the images as its weight, or a pool, of a value as images."""
    kind = draft.pick.choice(["conv", "conv", "average", "max", "max"])

    def suits(place: int) -> bool:
        fine = draft.whole[place] if kind == "max" else draft.is_float(place)
        return fine and draft.is_number(place) and draft.pool[place].size >= 4

    place = draft.choose(suits)
    size, shape = draft.pool[place].size, [1, 1]
    for axis in range(2):
        shape[axis] = draft.pick.choice([n for n in (1, 2, 3) if size % n == 0])
        size //= shape[axis]
    height = draft.pick.choice([n for n in range(1, size + 1) if size % n == 0])
    images = (*shape, height, size // height)
    side, padding = draft.pick.choice([1, 2, 3]), draft.pick.choice([0, 1])
    if kind == "conv":
        return Step(lambda x: _convolved(x.reshape(images), side, padding), (place,))
    if kind == "average":
        return Step(lambda x: avg_pool2d(x.reshape(images), 2), (place,))
    return Step(lambda x: max_pool2d(x.reshape(images), 2, stride=side), (place,), True)


def _convolved(images: Tensor, side: int, padding: int) -> Tensor:
    result: Tensor = conv2d(images, images[:2, :, :side, :side].tanh(), padding=padding)
    return result


def looped(draft: Draft) -> Step:
    """The results of a loop over the rows of a value, whose body captures another."""
    place = draft.choose(lambda p: draft.is_float(p) and draft.pool[p].ndim in (1, 2, 3))
    rows = draft.pool[place]
    other = draft.choose(lambda p: draft.is_float(p) and fits(rows.shape[1:], draft.pool[p].shape))
    reverse, chooses = draft.pick.random() < 0.5, draft.pick.random() < 0.3

    def function(xs: Tensor, held: Tensor) -> Tensor:
        def turn(state: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
            new = (state * 0.5 + (x + held.mean().cast(x.dtype)).sin()).tanh()
            if chooses:
                new = cond(step.cast(bool_), lambda: new * x, lambda: new)
            return new, (new * held.cast(x.dtype)).tanh()

        step = held.mean() * 0.0 + 1.0
        start = (xs.sum(0) * 0.1).tanh()
        last, made = scan(turn, start, xs, reverse=reverse)
        result: Tensor = made + last.mean()
        return result

    return Step(function, (place, other))


KINDS: dict[Kind, int] = {  # with how often each is drawn
    smooth: 6,
    kinked: 5,
    turned: 1,
    with_number: 3,
    arithmetic: 7,
    divided: 2,
    larger: 2,
    compared: 2,
    logical: 2,
    chosen: 3,
    reshaped: 2,
    permuted: 3,
    sliced: 4,
    padded: 2,
    spread: 2,
    joined: 3,
    swapped: 5,
    summed: 4,
    normalised: 2,
    extreme: 3,
    ordered: 1,
    scanned: 2,
    multiplied: 4,
    taken: 3,
    gathered: 2,
    recast: 3,
    hot: 1,
    drawn: 1,
    counted: 1,
    looped: 3,
    windows: 6,
}
