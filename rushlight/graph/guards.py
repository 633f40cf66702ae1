"""What a trace took for granted of the Python around it, and whether that is still so.

A trace reads plain Python values as if they never changed: a number in a closure, a setting of a
layer, a global. They are noted here, so that a function is traced anew when one has changed:

- the closure variables and globals that the function names, and those that the user's functions
  among them name;
- the attributes of layers, optimisers and schedules that take part, and what functions among them
  name; those that the function names of other objects.

What changes inside of a list, a dict or an array is not noticed, nor what is reached in other ways,
such as an attribute of an attribute.
"""

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from rushlight.core.errors import TraceError
from rushlight.core.primitive import Primitive
from rushlight.core.source import PACKAGE, PROGRAMS
from rushlight.graph.ir import Graph, GraphValue
from rushlight.tensor import Tensor

PLAIN = (bool, int, float, complex, str, bytes, type(None))
MOST_LOOKED_THROUGH = 200  # functions and methods

_FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType, functools.partial)
_SETTINGS = (*PLAIN, tuple, type, *_FUNCTIONS)
_LIBRARIES = (PACKAGE, os.path.dirname(os.__file__) + os.sep)
_CELL = "cell_contents"
_GONE = object()

Noted = tuple[Any, str, Any, str]  # a mapping or an owner, key or attribute, value, name


class Guards:
    """What must still be so for a trace to be used."""

    def __init__(self) -> None:
        self._items: list[Noted] = []  # of mappings
        self._attributes: list[Noted] = []
        self._flags: list[tuple[Tensor, bool]] = []  # tensors, and whether each wants a gradient
        self._grads: list[tuple[Tensor, bool]] = []  # tensors, and whether each had one
        self._seen: dict[Any, Any] = {}  # what was noted or looked through, while tracing
        self._looked_through = 0  # functions and methods

    def note_attribute(self, owner: Any, attribute: str, value: Any) -> None:
        """Note an attribute that was read, and the settings that the object has beside it."""
        if self._is_new((id(owner), attribute), owner):
            self._attributes.append((owner, attribute, value, attribute.strip("_")))
        fields = getattr(owner, "__dict__", None)
        if isinstance(fields, dict) and self._is_new(id(owner), owner):
            for value in self._note_items(fields, [k for k, v in fields.items() if _is_setting(v)]):
                if isinstance(value, _FUNCTIONS):
                    self.note_function(value)

    def note_function(self, function: Callable[..., Any]) -> None:
        """Note what a function takes from its closure, from globals and from the objects there."""
        waiting: list[tuple[Any, Iterable[str]]] = [(function, ["__call__"])]
        while waiting and self._looked_through < MOST_LOOKED_THROUGH:
            one, names = waiting.pop()
            if isinstance(one, MethodType) and isinstance(one.__func__, FunctionType):
                if self._is_new((id(one.__func__), id(one.__self__)), one):
                    self._looked_through += 1
                    inner = list(_names(one.__func__.__code__))
                    waiting += [(one.__self__, inner), (one.__func__, inner)]
            elif isinstance(one, FunctionType):
                if self._is_new(id(one), one):
                    self._looked_through += 1
                    inner = list(_names(one.__code__))
                    waiting += [(value, inner) for value in self._note_names(one, inner)]
            elif isinstance(one, functools.partial):
                waiting.append((one.func, names))
            elif not isinstance(one, (Tensor, type)):
                waiting += [(method, ()) for method in self._note_object(one, names)]

    def _note_names(self, function: FunctionType, names: Iterable[str]) -> list[Any]:
        """Note the values behind a function's names, and return them."""
        values = []
        cells = function.__closure__ or ()
        for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
            values.append(_read(cell, _CELL))
            if not _is_traced(values[-1]):  # by now: what a loop's body reads of the trace around
                self._attributes.append((cell, _CELL, values[-1], name))
        if _is_users(function):
            values += self._note_items(function.__globals__, names)
        return values

    def _note_object(self, owner: Any, names: Iterable[str]) -> list[MethodType]:
        """Note the attributes of an object that code names, and return its methods among them."""
        fields = getattr(owner, "__dict__", None)
        if not isinstance(fields, dict):
            return []
        self._note_items(fields, names)
        found = [getattr(type(owner), name, None) for name in names]
        return [MethodType(x, owner) for x in found if isinstance(x, FunctionType) and _is_users(x)]

    def _note_items(self, mapping: dict[str, Any], names: Iterable[str]) -> list[Any]:
        """Note what a mapping has under some names, and return it."""
        values = []
        for name in names:
            value = mapping.get(name, _GONE)
            if value is _GONE or isinstance(value, ModuleType):
                continue
            values.append(value)
            if self._is_new((id(mapping), name), mapping):
                self._items.append((mapping, name, value, name))
        return values

    def _is_new(self, key: Any, one: Any) -> bool:
        new = key not in self._seen
        self._seen[key] = one  # which keeps its id from being another's
        return new

    def close(
        self, graph: Graph, flags: list[tuple[Tensor, bool]], grads: list[tuple[Tensor, bool]]
    ) -> None:
        """End the trace: what it changed itself is not looked at.

        Args:
            graph: what was traced.
            flags: captured tensors, and whether each requires a gradient.
            grads: those whose `.grad` was asked for, and whether there was one.

        Raises TraceError where a traced tensor was kept.
        """
        self._flags, self._grads = flags, grads
        items = [(one, one[0].get(one[1], _GONE)) for one in self._items]
        attributes = [(one, _read(one[0], one[1])) for one in self._attributes]
        for (_, _, _, name), now in (*items, *attributes):
            _check_kept(graph, name, now)
        self._items = [one for one, now in items if _is_alike(now, one[2])]
        self._attributes = [one for one, now in attributes if _is_alike(now, one[2])]
        self._seen.clear()

    def broken(self) -> str | None:
        """Return what is no longer as it was, in words, or None where the trace can be used."""
        for tensor, wanted in self._flags:
            if tensor.requires_grad != wanted:
                verb = "requires" if tensor.requires_grad else "no longer requires"
                return f"{tensor.name or 'a tensor'} {verb} a gradient"
        for tensor, held in self._grads:
            if (tensor._grad is not None) != held:
                return f"{tensor.name or 'a tensor'} {'lost its' if held else 'has a'} gradient"
        for position, (mapping, key, value, name) in enumerate(self._items):
            now = mapping.get(key, _GONE)
            if now is not value:
                if not _is_alike(now, value):
                    return _change(name, value, now)
                self._items[position] = mapping, key, now, name
        try:
            for owner, attribute, value, name in self._attributes:
                now = getattr(owner, attribute, _GONE)
                if now is not value and not _is_alike(now, value):
                    return _change(name, value, now)
        except ValueError:
            return "a closure variable is gone"
        return None


def _read(owner: Any, attribute: str) -> Any:
    try:
        return getattr(owner, attribute, _GONE)
    except ValueError:  # an empty cell
        return _GONE


def _is_alike(now: Any, value: Any) -> bool:
    """Return whether two values mean the same to a trace: objects are compared by identity."""
    if now is value:
        return True
    if type(now) is not type(value):
        return False
    if isinstance(now, tuple):
        return len(now) == len(value) and all(map(_is_alike, now, value))
    if isinstance(now, MethodType):
        return bool(now == value)
    return isinstance(now, PLAIN) and repr(now) == repr(value)  # 0.0 is equal to -0.0


def _change(name: str, value: Any, now: Any) -> str:
    if all(isinstance(x, PLAIN) for x in (value, now)):
        return f"{name} was {value!r:.40} and is {now!r:.40}"
    return f"{name} is {'gone' if now is _GONE else 'another'}"


def _is_traced(value: Any) -> bool:
    return isinstance(value, Tensor) and isinstance(value.data, GraphValue)


def _check_kept(graph: Graph, name: str, value: Any) -> None:
    """Raise if a traced tensor was put where the next call will look for it."""
    if not _is_traced(value):
        return
    if value.data.graph is graph:
        error = TraceError(
            f"{name} was set to a traced tensor, which has no value once {graph.name} returns",
            hint="return it, or keep its values in a tensor made before: tensor.assign(values)",
        )
        error.source = value.data.source
        raise error


def _is_setting(value: Any) -> bool:
    """Return whether a value may be a setting; parameters are watched by layers themselves."""
    kind = type(value)
    return isinstance(value, _SETTINGS) or kind is Tensor or Primitive in kind.__mro__


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
