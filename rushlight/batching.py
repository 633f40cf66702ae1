"""`vmap`: a function written for one item, made one for many at once.

While it runs, a tensor stands for each of the items; what holds them all is behind it, and each
primitive is applied to that. So there is no loop where the primitive knows a way without.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.autograd import record
from rushlight.core.bind import bind
from rushlight.core.dtypes import DType
from rushlight.core.errors import GradientError, ShapeError, TraceError, UsageError
from rushlight.core.mode import evaluating, mode
from rushlight.core.primitive import Array, Evaluator, Primitive
from rushlight.core.shapes import Shape, normalize_axis
from rushlight.ops.arrange import movedim
from rushlight.ops.movement import expanded, stack
from rushlight.tensor import Tensor
from rushlight.tree import flatten, unflatten

Axes = int | None | Sequence[int | None]


def vmap(function: Callable[..., Any], in_axes: Axes = 0, out_axes: int = 0) -> Callable[..., Any]:
    """Return a function that does for many items at once what `function` does for one.

    What is the same for all items, captured tensors among it, is not copied. Gradients go through
    it, and `rl.grad` within gives one for each item. Random numbers are the same for all items.
    What `function` decides by the shapes of an item is decided once; by values it cannot.

    Args:
        function: of trees (lists, tuples, dicts) of tensors; keywords are the same for all items.
        in_axes: along which axis of the tensors of each argument the items lie, None for an
            argument that is the same for all; one int is for all arguments.
        out_axes: along which axis of the results they are to lie.

    Raises:
        ShapeError: the arguments have different numbers of items.
        UsageError: no argument has items, or there are not as many axes as arguments.

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0, 10.0])
    >>> rl.vmap(lambda x: x @ w)(rl.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([21., 43.])
    >>> rl.vmap(rl.grad(lambda w, x: (x @ w) ** 2.0), in_axes=(None, 0))(w, rl.eye(2))
    tensor([[ 2.,  0.],
            [ 0., 20.]])
    """
    if not callable(function):
        raise UsageError(f"vmap takes a function, not {function!r:.60}")

    @functools.wraps(function)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, tree = flatten(args)
        axes = dict(enumerate(_axes_of_leaves(in_axes, args)))
        batches = {i: movedim(leaves[i], axis, 0) for i, axis in axes.items() if axis is not None}
        level = Batching(mode.evaluator, _count(list(batches.values())))
        items = [level.item(batches[i]) if i in batches else x for i, x in enumerate(leaves)]
        with evaluating(level):
            results, form = flatten(function(*unflatten(tree, items), **kwargs))
        return unflatten(form, [movedim(level.all_of(y), 0, out_axes) for y in results])

    return mapped


class Items:
    """What a tensor holds that stands for each of several: all of them, along a first axis."""

    __slots__ = ("all", "level")
    __array_ufunc__ = None  # NumPy must not take it for an object array
    what = "one of several"  # what it is printed as

    def __init__(self, all: Tensor, level: "Batching") -> None:
        self.all = all
        self.level = level

    @property
    def shape(self) -> Shape:
        return self.all.shape[1:]

    def __array__(self, *args: Any, **kwargs: Any) -> Array:
        raise TypeError("what stands for several arrays is none")

    def leaked(self) -> TraceError:
        """Return the error for a tensor that was kept longer than the call that made it."""
        return TraceError(
            "a tensor that stands for each item of a vmap is used after it",
            hint="return it from the function instead of keeping it in a variable",
        )


class Batching:
    """The evaluator that applies primitives to all items at once, by another evaluator."""

    def __init__(self, outer: Evaluator, count: int) -> None:
        self.outer = outer
        self.count = count

    def item(self, x: Tensor) -> Tensor:
        """Return the tensor that stands for each of those along the first axis of `x`."""
        made = Tensor.wrap(Items(x, self), x.dtype)
        made.requires_grad = x.requires_grad
        return made

    def all_of(self, x: Tensor) -> Tensor:
        """Return all that `x` stands for, along a new first axis."""
        found: Tensor = x.data.all if self._has(x) else expanded(x, (self.count, *x.shape))
        return found

    def _has(self, x: Tensor) -> bool:
        return isinstance(x.data, Items) and x.data.level is self

    def apply(self, primitive: Primitive, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        has = [self._has(x) for x in inputs]
        if not any(has):
            return self.outer.apply(primitive, inputs, params)
        primitive.rule(*[x.spec for x in inputs], **params)
        values = [x.data.all if own else x for x, own in zip(inputs, has, strict=True)]
        with evaluating(self.outer):
            made = primitive.batched(has, *values, **params)
            if made is None:
                made = self._one_by_one(primitive, has, values, params)
        several = tuple(map(self.item, made if primitive.outputs > 1 else (made,)))
        result = several if primitive.outputs > 1 else several[0]
        if mode.grad:
            for one in several:
                one.requires_grad = False
            record(primitive, inputs, params, result)
        return result

    def _one_by_one(
        self, primitive: Primitive, has: Sequence[bool], values: Sequence[Any], params: Any
    ) -> Any:
        pairs = list(zip(values, has, strict=True))
        made = [
            bind(primitive, *[x[i] if own else x for x, own in pairs], **params)
            for i in range(self.count)
        ]
        return tuple(map(stack, zip(*made, strict=True))) if primitive.outputs > 1 else stack(made)

    def constant(self, data: Any, dtype: DType | None) -> Any:
        return self.outer.constant(data, dtype)

    def alias(self, x: Tensor) -> Tensor:
        return Tensor.wrap(x.data, x._dtype) if self._has(x) else self.outer.alias(x)

    def detach(self, x: Tensor) -> Tensor:
        if not self._has(x):
            return self.outer.detach(x)  # type: ignore[no-any-return]
        with evaluating(self.outer):
            return self.item(x.data.all.detach())

    def assign(self, x: Tensor, value: Tensor) -> None:
        if self._has(x) or self._has(value):
            hint = "return the new values, and assign them outside"
            raise TraceError("within vmap a tensor cannot become one for each item", hint=hint)
        self.outer.assign(x, value)

    def get_grad(self, x: Tensor) -> Tensor | None:
        return x._grad if self._has(x) else self.outer.get_grad(x)

    def set_grad(self, x: Tensor, value: Tensor | None) -> None:
        if self._has(x):
            x._grad = value
            return
        if value is not None and self._has(value):
            hint = "take gradients with rl.grad inside, or go back from what vmap gives"
            raise GradientError("within vmap each item has a gradient of its own", hint=hint)
        self.outer.set_grad(x, value)

    def read(self, x: Tensor, what: str) -> Array:
        if self._has(x):
            hint = "use rl.where for a choice; return the tensor and read it outside"
            raise TraceError(f"{what} asks for one value, and each item of vmap has one", hint=hint)
        return self.outer.read(x, what)

    def watch(self, owner: Any, attribute: str, value: Any) -> None:
        self.outer.watch(owner, attribute, value)


def _axes_of_leaves(in_axes: Axes, args: tuple[Any, ...]) -> list[int | None]:
    """Return the axis of the items of each tensor in the arguments."""
    if in_axes is None or isinstance(in_axes, int):
        in_axes = [in_axes] * len(args)
    if len(in_axes) != len(args):
        raise UsageError(f"in_axes names {len(in_axes)} axes for {len(args)} arguments")
    found: list[int | None] = []
    for argument, axis in zip(args, in_axes, strict=True):
        leaves, _ = flatten(argument)
        found += [axis if axis is None else normalize_axis(axis, x.rank) for x in leaves]
    return found


def _count(batches: Sequence[Tensor]) -> int:
    """Return how many items there are, the same in all."""
    if not batches:
        raise UsageError("no argument has items", hint="in_axes says along which axis they lie")
    counts = sorted({x.shape[0] for x in batches})
    if len(counts) > 1:
        raise ShapeError(f"the arguments have {' and '.join(map(str, counts))} items")
    if counts == [0]:
        raise ShapeError("there are no items")
    return counts[0]
