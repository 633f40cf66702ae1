"""What a trace took for granted of the Python around it, and whether that is still so.

A trace reads plain Python values as if they never changed: a number in a closure, a setting of a
layer, a global. They are noted here, so that a function is traced anew when one has changed:

- the closure variables and globals that the function names, and those that the user's functions
  among them name;
- the attributes of layers, optimisers and schedules that take part, and of objects that the function
  names.

What changes inside of a list, a dict or an array is not noticed, nor what is reached in other ways,
such as an attribute of an attribute.
"""

import os
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from rushlight.core.errors import TraceError
from rushlight.core.source import PACKAGE, PROGRAMS
from rushlight.graph.ir import Graph, GraphValue
from rushlight.tensor import Tensor

PLAIN = (bool, int, float, complex, str, bytes, type(None))
MOST_FUNCTIONS = 100  # that are looked through

_KEPT = (*PLAIN, tuple, Tensor, FunctionType, BuiltinFunctionType, type)
_LIBRARIES = (PACKAGE, os.path.dirname(os.__file__) + os.sep)
_GONE = object()


class Guards:
    """What must still be so for a trace to be used."""

    def __init__(self) -> None:
        self._attributes: list[tuple[Any, str, Any]] = []  # owner, attribute, value
        self._items: list[tuple[dict[str, Any], str, Any]] = []  # mapping, key, value
        self._flags: list[tuple[Tensor, bool]] = []  # tensors, and whether each wants a gradient
        self._grads: list[tuple[Tensor, bool]] = []  # tensors, and whether each had one
        self._known: dict[int, Any] = {}  # what was noted, by its id, which it keeps alive

    def note_attribute(self, owner: Any, attribute: str, value: Any) -> None:
        """Note an attribute that was read, and those that the object has beside it."""
        if not any(one[0] is owner and one[1] == attribute for one in self._attributes):
            self._attributes.append((owner, attribute, value))
        self.note_object(owner)

    def note_object(self, owner: Any) -> None:
        """Note the plain attributes and the tensors of an object that takes part."""
        fields = getattr(owner, "__dict__", None)
        if self._is_new(owner) and isinstance(fields, dict):
            self._items += [(fields, k, v) for k, v in fields.items() if isinstance(v, _KEPT)]

    def note_function(self, function: Callable[..., Any]) -> None:
        """Note what a function takes from its closure, from its globals and from its object."""
        waiting: list[Any] = [function]
        while waiting and len(self._known) < MOST_FUNCTIONS:
            one = waiting.pop()
            if isinstance(one, MethodType):
                self.note_object(one.__self__)
                one = one.__func__
            if isinstance(one, FunctionType):
                if self._is_new(one):
                    waiting += self._note_names(one)
            elif not isinstance(one, (Tensor, ModuleType, type, *PLAIN, tuple, list, dict)):
                self.note_object(one)

    def _note_names(self, function: FunctionType) -> list[Any]:
        """Note the values behind a function's names, and return them."""
        values = []
        for cell in function.__closure__ or ():
            value = getattr(cell, "cell_contents", _GONE)
            self._attributes.append((cell, "cell_contents", value))
            values.append(value)
        if _is_users(function):
            names = dict.fromkeys(_names(function.__code__))
            for name in names.keys() & function.__globals__.keys():
                value = function.__globals__[name]
                if not isinstance(value, ModuleType):
                    self._items.append((function.__globals__, name, value))
                    values.append(value)
        return values

    def _is_new(self, one: Any) -> bool:
        new = id(one) not in self._known
        self._known[id(one)] = one
        return new

    def close(
        self, graph: Graph, flags: list[tuple[Tensor, bool]], grads: list[tuple[Tensor, bool]]
    ) -> None:
        """End the trace: what it changed itself is not looked at.

        Args:
            flags: captured tensors, and whether each requires a gradient.
            grads: those whose `.grad` was asked for, and whether there was one.

        Raises TraceError where a traced tensor was kept.
        """
        self._flags, self._grads = flags, grads
        for mapping, name, _ in self._items:
            _check_kept(graph, name, mapping.get(name))
        self._items = [one for one in self._items if _is_alike(one[0].get(one[1], _GONE), one[2])]
        self._attributes = [
            one for one in self._attributes if _is_alike(getattr(*one[:2], _GONE), one[2])
        ]
        self._known.clear()

    def broken(self) -> str | None:
        """Return what is no longer as it was, in words, or None where the trace can be used."""
        for tensor, wanted in self._flags:
            if tensor.requires_grad != wanted:
                return f"requires_grad of {tensor.name or 'a tensor'} is {tensor.requires_grad}"
        for tensor, held in self._grads:
            if (tensor._grad is not None) != held:
                return f"{tensor.name or 'a tensor'} {'lost its' if held else 'has a'} gradient"
        for position, (mapping, name, value) in enumerate(self._items):
            now = mapping.get(name, _GONE)
            if now is not value:
                if not _is_alike(now, value):
                    return _change(name, value, now)
                self._items[position] = mapping, name, now
        for owner, attribute, value in self._attributes:
            now = getattr(owner, attribute, _GONE)
            if now is not value and not _is_alike(now, value):
                return _change(attribute, value, now)
        return None


def _is_alike(now: Any, value: Any) -> bool:
    """Return whether two values mean the same to a trace: objects are compared by identity."""
    if now is value:
        return True
    if type(now) is not type(value):
        return False
    if isinstance(now, tuple):
        return len(now) == len(value) and all(map(_is_alike, now, value))
    return isinstance(now, PLAIN) and repr(now) == repr(value)  # 0.0 is equal to -0.0


def _change(name: str, value: Any, now: Any) -> str:
    if name in ("cell_contents", "_changes", "_contained"):
        return "a layer or a closure variable is another"
    texts = ["gone" if x is _GONE else f"{x!r:.40}" for x in (value, now)]
    return f"{name.lstrip('_')} was {texts[0]} and is {texts[1]}"


def _check_kept(graph: Graph, name: str, value: Any) -> None:
    """Raise if a traced tensor was put where the next call will look for it."""
    if isinstance(value, Tensor) and isinstance(value.data, GraphValue):
        if value.data.graph is graph:
            error = TraceError(
                f"{name} was set to a traced tensor, which has no value once {graph.name} returns",
                hint="return it; or make it a buffer and give that its values: tensor.assign(...)",
            )
            error.source = value.data.source
            raise error


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names that a function's code mentions, and the functions written inside of it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_users(function: FunctionType) -> bool:
    """Return whether a function is neither this package's nor a library's."""
    path = function.__code__.co_filename
    if path.startswith(PROGRAMS):
        return True
    return not path.startswith(_LIBRARIES) and "site-packages" not in path
