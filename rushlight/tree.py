"""Trees of tensors: nested lists, tuples and dicts, taken apart and put together again."""

from collections.abc import Iterable
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

    def walk(part: Any) -> Any:
        if isinstance(part, Tensor):
            leaves.append(part)
            return LEAF
        if isinstance(part, dict):
            return {key: walk(value) for key, value in part.items()}
        if isinstance(part, tuple) and hasattr(part, "_fields"):
            return type(part)(*[walk(value) for value in part])
        if isinstance(part, (list, tuple)):
            return type(part)(walk(value) for value in part)
        return part

    return leaves, walk(tree)


def unflatten(tree: Any, leaves: Iterable[Any]) -> Any:
    """Return the tree with the given tensors at the marks.

    >>> unflatten({"a": LEAF, "b": [LEAF, 3]}, [1, 2])
    {'a': 1, 'b': [2, 3]}
    """
    rest = iter(leaves)

    def walk(part: Any) -> Any:
        if isinstance(part, Leaf):
            return next(rest)
        if isinstance(part, dict):
            return {key: walk(value) for key, value in part.items()}
        if isinstance(part, tuple) and hasattr(part, "_fields"):
            return type(part)(*[walk(value) for value in part])
        if isinstance(part, (list, tuple)):
            return type(part)(walk(value) for value in part)
        return part

    return walk(tree)
