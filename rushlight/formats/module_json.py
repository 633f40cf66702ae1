"""Modules as plain JSON: the names of registered layers and what their constructors were given.

`{"module": "Linear", "arguments": {"inputs": 4, "outputs": 2, "bias": true}}`. Names are looked up
in the registry of layers; nothing is imported, and nothing but a registered constructor is called.
`{"same": 1}` is the module that was begun after one other, once more: an embedding inside of the
output layer that is tied to it.
"""

import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rushlight.core.dtypes import DType, float32
from rushlight.core.errors import FormatError, ModuleError, RushlightError, did_you_mean
from rushlight.core.lazy import load
from rushlight.core.mode import evaluating
from rushlight.formats.hollow import Hollow
from rushlight.formats.plain import brief, decode, encode, fields
from rushlight.formats.safetensors_header import shown
from rushlight.nn.module import REGISTRY, Module
from rushlight.tensor import Tensor

load("rushlight.models")  # which registers what a file may name beside layers

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def module_to_json(module: Module, where: str = "the model") -> dict[str, Any]:
    """Return how a module of registered layers is made, defaults written out.

    Raises:
        ModuleError: a layer is not registered, or was given something that JSON cannot say.

    >>> import rushlight as rl
    >>> module_to_json(rl.nn.Linear(4, outputs=2))
    {'module': 'Linear', 'arguments': {'inputs': 4, 'outputs': 2, 'bias': True, 'init': None}}
    """
    return _Writer().write(module, where)


def module_from_json(record: Any, elements: int, tensors: int, dtype: DType = float32) -> Module:
    """Build the module that `module_to_json` wrote, its tensors all zeros that take no memory.

    Args:
        record: the JSON, already read.
        elements: how many elements the file holds.
        tensors: how many tensors the file holds.
        dtype: of all its floats.

    Raises:
        FormatError: a class is unknown, an argument is missing, unknown or of the wrong type, or
            a constructor refuses.

    >>> module_from_json({"module": "ReLU", "arguments": {}}, 0, 0)
    ReLU()
    """
    with evaluating(Hollow(elements, tensors)):
        return _Reader().read(record, "the model").cast(dtype)


def difference(module: Module, rebuilt: Module) -> str | None:
    """Return in what a module differs from the one that its JSON gives; None if in nothing.

    The values of parameters and buffers may differ; their names, shapes and dtypes may not, nor
    the classes of the layers, nor any other attribute.

    >>> import rushlight as rl
    >>> difference(rl.nn.Dropout(0.5), rl.nn.Dropout(0.1))
    'p of the model is 0.5 by now, its constructor made it 0.1'
    """
    state = {id(x) for x in (*module.state_dict().values(), *rebuilt.state_dict().values())}
    return _layer_difference("", module, rebuilt, state, set()) or _state_difference(
        module, rebuilt
    )


def constructor(cls: type[Module]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a module's constructor by name, without `self`."""
    return dict(list(inspect.signature(cls.__init__).parameters.items())[1:])


class _Writer:
    """Writes modules, and of those that come again only which they are."""

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}

    def write(self, module: Any, where: str) -> dict[str, Any]:
        if not isinstance(module, Module):
            fact = f"{where} is of type {type(module).__name__}, which JSON cannot say"
            raise ModuleError(fact)
        if id(module) in self.numbers:
            return {"same": self.numbers[id(module)]}
        self.numbers[id(module)] = len(self.numbers)
        cls = type(module)
        if REGISTRY.get(cls.__name__) is not cls:
            raise ModuleError(f"{where} is of class {cls.__name__}, which is no registered layer")
        given = dict(module.arguments)
        for name, parameter in constructor(cls).items():
            if name not in given and parameter.default is not inspect.Parameter.empty:
                given[name] = parameter.default
        arguments = {
            name: encode(value, f"{where}.{name}", self.write) for name, value in given.items()
        }
        return {"module": cls.__name__, "arguments": arguments}


class _Reader:
    """Makes modules, those that come again once."""

    def __init__(self) -> None:
        self.made: list[Module | None] = []  # None for one that is being made

    def read(self, record: Any, where: str) -> Module:
        if isinstance(record, dict) and list(record) == ["same"]:
            return self._same(record["same"], where)
        name, given = fields(record, where, "module", "arguments")
        cls = _class(name, where)
        if not isinstance(given, dict):
            raise FormatError(f"{where}: its arguments are {brief(given)}, no object")
        number = len(self.made)
        self.made.append(None)
        arguments = {
            key: decode(value, f"{where}.{shown(key)[1:-1]}", self.read)
            for key, value in given.items()
        }
        bound = _bind(cls, arguments, where)
        try:
            module = cls(*bound.args, **bound.kwargs)
        except Exception as error:  # a constructor that is given nonsense may raise anything
            fact = error.fact if isinstance(error, RushlightError) else str(error)
            raise FormatError(
                f"{where}: {name} cannot be made: {fact or type(error).__name__}"
            ) from error
        self.made[number] = module
        return module

    def _same(self, number: Any, where: str) -> Module:
        known = type(number) is int and 0 <= number < len(self.made)
        module: Module | None = self.made[number] if known else None
        if module is None:
            raise FormatError(f"{where}: no module before it has the number {brief(number)}")
        return module


def _class(name: Any, where: str) -> type[Module]:
    """Return the registered class of a name."""
    if not isinstance(name, str) or name not in REGISTRY:
        hint = did_you_mean(name, REGISTRY) if isinstance(name, str) else None
        own = "a layer of your own must be registered before its model is loaded"
        raise FormatError(f"{where}: there is no layer {brief(name)}", hint=hint or own)
    return REGISTRY[name]


def _bind(cls: type[Module], given: dict[str, Any], where: str) -> inspect.BoundArguments:
    """Return the arguments in the order of the constructor, or say which does not fit."""
    known, hints = constructor(cls), _hints(cls)
    rest = next((n for n, p in known.items() if p.kind is inspect.Parameter.VAR_KEYWORD), None)
    arguments: dict[str, Any] = {}
    for name, parameter in known.items():
        if name in given and name != rest:
            _check_fits(cls, name, given[name], hints.get(name, Any), parameter, where)
            arguments[name] = given[name]
        elif parameter.default is inspect.Parameter.empty and parameter.kind not in _VARIADIC:
            raise FormatError(f"{where}: {cls.__name__} needs the argument {name}")
    more = {name: value for name, value in given.items() if name not in arguments}
    if more and rest is None:
        name = next(iter(more))
        hint = did_you_mean(name, known)
        raise FormatError(f"{where}: {cls.__name__} takes no argument {shown(name)}", hint=hint)
    if more and rest is not None:
        arguments[rest] = more
    parameters = list(known.values())
    return inspect.BoundArguments(inspect.Signature(parameters), arguments)


def _check_fits(
    cls: type[Module],
    name: str,
    value: Any,
    hint: Any,
    parameter: inspect.Parameter,
    where: str,
) -> None:
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        hint = tuple[hint, ...]
    if not fits(value, hint):
        wanted = inspect.formatannotation(hint, "collections.abc")
        kind = f"module {type(value).__name__}" if isinstance(value, Module) else brief(value)
        raise FormatError(f"{where}: argument {name} of {cls.__name__} is {kind}, not {wanted}")


def fits(value: Any, hint: Any) -> bool:
    """Return whether a value read from a file is of an annotated type; unknown types take all.

    >>> fits(3, int | None), fits(True, int), fits((1, "2"), Sequence[int]), fits(1, float)
    (True, False, False, True)
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is None or hint is type(None):
        return value is None
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is typing.Literal:
        return any(type(value) is type(one) and value == one for one in inner)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str) or (isinstance(hint, type) and issubclass(hint, Module)):
        return isinstance(value, hint)
    if origin in (list, tuple, Sequence) or hint in (list, tuple, Sequence):
        return isinstance(value, tuple) and _items_fit(value, origin is tuple, inner)
    if origin in (dict, Mapping):
        return isinstance(value, dict) and all(fits(one, inner[1]) for one in value.values())
    return True


def _items_fit(value: tuple[Any, ...], fixed: bool, inner: tuple[Any, ...]) -> bool:
    if not inner:
        return True
    if fixed and inner[-1] is not Ellipsis:
        return len(value) == len(inner) and all(map(fits, value, inner))
    return all(fits(one, inner[0]) for one in value)


def _hints(cls: type[Module]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls.__init__)
    except (NameError, TypeError):  # an annotation that cannot be looked up is not checked
        return {}


def _layer_difference(
    path: str, ours: Module, theirs: Module, state: set[int], seen: set[tuple[int, int]]
) -> str | None:
    """Compare two modules and what is inside; a pair in `seen` is being compared already."""
    name = path or "the model"
    if (id(ours), id(theirs)) in seen:
        return None
    seen.add((id(ours), id(theirs)))
    if type(ours) is not type(theirs):
        made = type(theirs).__name__
        return f"{name} is of class {type(ours).__name__} by now, its constructor made it {made}"
    found = _attribute_difference(name, ours.__dict__, theirs.__dict__, state)
    if found:
        return found
    children = dict(theirs.named_children())
    for key, child in ours.named_children():
        inside = f"{path}.{key}" if path else key
        found = _layer_difference(inside, child, children[key], state, seen)
        if found:
            return found
    return None


def _attribute_difference(
    path: str, mine: dict[str, Any], made: dict[str, Any], state: set[int]
) -> str | None:
    for name in {**mine, **made}:
        if name not in made:
            return f"{name} of {path} was added after the model was made"
        if name not in mine:
            return f"{name} of {path} was taken away after the model was made"
        if not _same(mine[name], made[name], state):
            now, then = _describe(mine[name]), _describe(made[name])
            more = "" if now == then else f" {now} by now, its constructor made it {then}"
            return f"{name} of {path} is{more or ' not what its constructor makes'}"
    return None


def _state_difference(ours: Module, theirs: Module) -> str | None:
    for kind in ("named_parameters", "named_buffers"):
        mine = {name: tensor.spec for name, tensor in getattr(ours, kind)()}
        made = {name: tensor.spec for name, tensor in getattr(theirs, kind)()}
        for name in {**mine, **made}:
            if name not in mine:
                return f"{name} is shared, or was taken away after the model was made"
            if name not in made:
                return f"{name} was added after the model was made"
            if mine[name] != made[name]:
                return f"{name} is {mine[name]} by now, its constructor made it {made[name]}"
    return None


def _same(one: Any, other: Any, state: set[int]) -> bool:
    """Return whether two attributes mean the same.

    Modules, and tensors whose id is in `state`, are compared elsewhere. Objects that cannot be
    compared must be of one class.
    """
    one, other = (x.item() if isinstance(x, np.generic) else x for x in (one, other))
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(_same(a, b, state) for a, b in pairs)
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same(one[key], other[key], state) for key in one)
    if isinstance(one, Module) and isinstance(other, Module):
        return True
    if type(one) is not type(other):
        return False
    if id(one) in state and id(other) in state:
        return True
    if isinstance(one, Tensor):
        return bool(one.spec == other.spec and one.data.tobytes() == other.data.tobytes())
    if isinstance(one, np.ndarray):
        same_kind = one.dtype == other.dtype and one.shape == other.shape
        return bool(same_kind and one.tobytes() == other.tobytes())
    if one is None or isinstance(one, (bool, int, float, str, DType)):
        return repr(one) == repr(other)
    return getattr(one, "__qualname__", None) == getattr(other, "__qualname__", None)


def _describe(value: Any) -> str:
    return f"a {value.spec} tensor" if isinstance(value, Tensor) else brief(value)
