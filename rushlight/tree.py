"""Trees of tensors: nested lists, tuples and dicts, taken apart and put together again."""

from collections.abc import Callable, Iterable
from typing import Any

from rushlight.tensor import Tensor


class Leaf:
    """Where a tensor stood in a tree."""

    def __repr__(self) -> str:
        return "*"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Leaf)

    def __hash__(self) -> int:
        return 0


LEAF = Leaf()


def flatten(tree: Any) -> tuple[list[Tensor], Any]:
    """Return the tensors of a tree in order, and the tree with a mark at each one's place.

    >>> from rushlight.tensor import tensor
    >>> flatten({"a": tensor(1.0), "b": [tensor(2.0), 3]})
    ([tensor(1.), tensor(2.)], {'a': *, 'b': [*, 3]})
    """
    leaves: list[Tensor] = []

    def note(tensor: Tensor) -> Leaf:
        leaves.append(tensor)
        return LEAF

    return leaves, _changed(tree, Tensor, note)


def unflatten(tree: Any, leaves: Iterable[Any]) -> Any:
    """Return the tree with the given tensors at the marks.

    >>> unflatten({"a": LEAF, "b": [LEAF, 3]}, [1, 2])
    {'a': 1, 'b': [2, 3]}
    """
    rest = iter(leaves)
    return _changed(tree, Leaf, lambda _: next(rest))


def detach(tree: Any) -> Any:
    """Return a tree whose tensors have no history: no gradient goes back to what made them.

    The state that a recurrent layer carries from one piece of a long sequence to the next is
    detached in between, so that backpropagation ends where the piece begins (Williams and Peng
    1990).

    >>> import rushlight as rl
    >>> x = rl.ones(2, requires_grad=True)
    >>> detach((x * 2, [x]))
    (tensor([2., 2.]), [tensor([1., 1.])])
    """
    leaves, form = flatten(tree)
    return unflatten(form, [x.detach() for x in leaves])


def _changed(part: Any, kind: type, change: Callable[[Any], Any]) -> Any:
    """Return a tree in which `change` was made of each part of a kind, in order.

    Not a function within the two above: one that calls itself would be kept by its own cell, and
    the tensors with it, until the garbage collector comes by.
    """
    if isinstance(part, kind):
        return change(part)
    if isinstance(part, dict):
        return {key: _changed(value, kind, change) for key, value in part.items()}
    if isinstance(part, (list, tuple)):
        parts = [_changed(value, kind, change) for value in part]
        return type(part)(*parts) if hasattr(part, "_fields") else type(part)(parts)
    return part
