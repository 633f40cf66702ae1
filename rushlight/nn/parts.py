"""What a module's attributes hold, and what its constructor was given."""

import inspect
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from rushlight.core.errors import ModuleError
from rushlight.tensor import Tensor


class Parts(tuple[Any, ...]):
    """Objects that are compared by identity."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Parts) or len(self) != len(other):
            return False
        return all(map(operator.is_, self, other))


def held(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of what is in an attribute, through lists, tuples and dicts."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from held(f"{path}.{key}", one)
    elif isinstance(value, (list, tuple)):
        for position, one in enumerate(value):
            yield from held(f"{path}.{position}", one)
    else:
        yield path, value


def bound(
    signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return a constructor's arguments by name, `*args` under its own name, `**kwargs` merged."""
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        texts = [str(one.replace(annotation=one.empty)) for one in signature.parameters.values()]
        name = type(args[0]).__name__
        raise ModuleError(str(error), hint=f"{name}({', '.join(texts[1:])})") from None
    arguments: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            arguments.update(value)
        else:
            arguments[name] = value.item() if isinstance(value, np.generic) else value
    return arguments


def brief(value: Any) -> str:
    """Return a value as text of one short line."""
    if isinstance(value, Tensor):
        return str(value.spec)
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    return repr(value)
