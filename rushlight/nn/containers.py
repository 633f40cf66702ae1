"""Layers one after another, in lists and dicts, and the layers that only rearrange."""

from collections.abc import (
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    Sequence,
    ValuesView,
)
from typing import Any, Self, overload

from rushlight.core.bind import op
from rushlight.core.errors import BoundsError, ModuleError, ShapeError, did_you_mean
from rushlight.core.mode import mode
from rushlight.core.shapes import as_shape, normalize_axis, size_of
from rushlight.nn.module import Module, register
from rushlight.tensor import Tensor, as_tensor


class _Numbered(Module):
    """Layers under the names 0, 1, 2, ..., which follow each other without a gap."""

    @property
    def arguments(self) -> dict[str, Any]:
        return {"layers": tuple(self)}

    def append(self, layer: Module) -> Self:
        """Add a layer at the end; return the container."""
        return self.insert(len(self), layer)

    def extend(self, layers: Iterable[Module]) -> Self:
        """Add layers at the end, all or none; return the container."""
        if not isinstance(layers, Iterable):
            fact = f"it takes a list of layers, not {type(layers).__name__}"
            raise ModuleError(fact, hint="write [layer], or [make() for _ in range(6)] for six")
        return self._renew([*self, *layers])

    def insert(self, position: int, layer: Module) -> Self:
        """Put a layer before the one at a position, as a list does; return the container."""
        layers: list[Any] = list(self)
        layers.insert(position, layer)
        return self._renew(layers)

    def pop(self, position: int = -1) -> Module:
        """Take a layer out, and return it."""
        layer = self._at(position)
        del self[position]
        return layer

    def _renew(self, layers: list[Any]) -> Self:
        """Hold these layers instead, unless one of them is none."""
        before = list(self)
        for position, layer in enumerate(layers):
            if not any(layer is one for one in before):
                _check_layer(self, f"layer {position}", layer)
        names = list(_layers_in(self))
        names += map(str, range(len(names), len(layers)))
        for name, layer in zip(names, layers, strict=False):
            if self.__dict__.get(name) is not layer:
                setattr(self, name, layer)
        for name in names[len(layers) :]:
            delattr(self, name)
        return self

    def _at(self, position: int) -> Module:
        layers = tuple(self)
        try:
            return layers[position]
        except IndexError:
            fact = f"there are {len(layers)} layers, and none at {position}"
            raise BoundsError(fact) from None

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Module]:
        return iter(_layers_in(self).values())

    def __setitem__(self, position: int, layer: Module) -> None:
        layers = list(self)
        self._at(position)
        layers[position] = layer
        self._renew(layers)

    def __delitem__(self, position: int | slice) -> None:
        layers = list(self)
        if not isinstance(position, slice):
            self._at(position)
        del layers[position]
        self._renew(layers)


@register
class Sequential(_Numbered):
    """Layers applied one after another: `Sequential(Linear(4, 2), ReLU())`.

    A position gives a layer, a slice a Sequential of the same layers. It grows and shrinks as a
    list does.

    >>> import rushlight as rl
    >>> net = Sequential(rl.nn.Linear(4, 2), rl.nn.ReLU())
    >>> net(rl.ones(1, 4)).shape, len(net), net[1]
    ((1, 2), 2, ReLU())
    """

    def __init__(self, *layers: Module) -> None:
        self.extend(layers)

    def forward(self, x: Any, *more: Any) -> Any:
        """Return what the last layer makes of it; the first one gets `more`, such as offsets."""
        for layer in self:
            x, more = layer(x, *more), ()
        return x

    def __getitem__(self, position: int | slice) -> Module:
        if isinstance(position, slice):
            return Sequential(*tuple(self)[position])
        return self._at(position)


@register
class ModuleList(_Numbered):
    """Layers in a list, which the module that holds it calls as it likes.

    A plain list does the same inside of a module; this one can also be an argument of a layer that
    a model file names.

    >>> import rushlight as rl
    >>> layers = ModuleList([rl.nn.Linear(4, 4) for _ in range(3)])
    >>> x = rl.ones(1, 4)
    >>> for layer in layers:
    ...     x = x + layer(x)
    >>> x.shape, len(layers), list(layers.state_dict())[:2]
    ((1, 4), 3, ['0.weight', '0.bias'])
    """

    def __init__(self, layers: Iterable[Module] = ()) -> None:
        self.extend(layers)

    @overload
    def __getitem__(self, position: int) -> Module: ...

    @overload
    def __getitem__(self, position: slice) -> "ModuleList": ...

    def __getitem__(self, position: int | slice) -> Module:
        if isinstance(position, slice):
            return ModuleList(tuple(self)[position])
        return self._at(position)


@register
class ModuleDict(Module):
    """Layers by name, which the module that holds it calls as it likes.

    A plain dict does the same inside of a module; this one can also be an argument of a layer that
    a model file names. Names are those of attributes: without dots, and none of Module's own.

    >>> import rushlight as rl
    >>> heads = ModuleDict({"kind": rl.nn.Linear(4, 3), "age": rl.nn.Linear(4, 1)})
    >>> heads["age"](rl.ones(1, 4)).shape, list(heads), "name" in heads
    ((1, 1), ['kind', 'age'], False)
    """

    def __init__(self, layers: Mapping[str, Module] | None = None) -> None:
        self.update(layers or {})

    @property
    def arguments(self) -> dict[str, Any]:
        return {"layers": dict(self.items())} if len(self) else {}

    def update(self, layers: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Take layers in, all or none; those of known names take the place of the ones before."""
        try:
            given = dict(layers)
        except (TypeError, ValueError):
            fact = f"it takes a dict of layers, not {type(layers).__name__}"
            raise ModuleError(fact) from None
        for name, layer in given.items():
            free = isinstance(name, str) and name and "." not in name
            if not free or hasattr(type(self), name):
                hint = "names are texts without dots that no module has as an attribute"
                raise ModuleError(f"a layer cannot be called {name!r}", hint=hint)
            _check_layer(self, f"layer {name!r}", layer)
        for name, layer in given.items():
            setattr(self, name, layer)

    def pop(self, name: str) -> Module:
        """Take a layer out, and return it."""
        layer = self[name]
        delattr(self, name)
        return layer

    def clear(self) -> None:
        """Take all layers out."""
        for name in self.keys():
            delattr(self, name)

    def keys(self) -> KeysView[str]:
        """Return the names, in the order in which they came."""
        return _layers_in(self).keys()

    def values(self) -> ValuesView[Module]:
        """Return the layers."""
        return _layers_in(self).values()

    def items(self) -> ItemsView[str, Module]:
        """Return the pairs of name and layer."""
        return _layers_in(self).items()

    def __len__(self) -> int:
        return len(self.keys())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __getitem__(self, name: str) -> Module:
        layers = _layers_in(self)
        if name not in layers:
            hint = did_you_mean(str(name), layers)
            raise BoundsError(f"there is no layer {name!r}", hint=hint)
        return layers[name]

    def __setitem__(self, name: str, layer: Module) -> None:
        self.update({name: layer})

    def __delitem__(self, name: str) -> None:
        self.pop(name)


@register
class Flatten(Module):
    """Joins the axes from `start_axis` on into one: (n, channels, h, w) gives (n, features).

    >>> import rushlight as rl
    >>> Flatten()(rl.ones(2, 3, 4, 4)).shape
    (2, 48)
    """

    def __init__(self, start_axis: int = 1) -> None:
        self.start_axis = start_axis

    def forward(self, x: Any) -> Tensor:
        return as_tensor(x).flatten(self.start_axis)


@register
class Unflatten(Module):
    """Splits an axis into several: `Unflatten(1, (2, 3))` makes (n, 6) to (n, 2, 3).

    One of the sizes may be -1.

    >>> import rushlight as rl
    >>> Unflatten(1, (2, -1))(rl.ones(5, 6)).shape
    (5, 2, 3)
    """

    def __init__(self, axis: int, shape: Sequence[int]) -> None:
        self.axis = axis
        self.shape = as_shape(shape)

    def forward(self, x: Any) -> Tensor:
        return unflatten(x, self.axis, self.shape)


@register
class Identity(Module):
    """Gives back what it is given.

    >>> import rushlight as rl
    >>> Identity()(rl.ones(2))
    tensor([1., 1.])
    """

    def forward(self, x: Any) -> Any:
        return x


@op
def unflatten(x: Any, axis: int, shape: Sequence[int]) -> Tensor:
    """Return `x` with an axis split into several, of which one size may be -1.

    >>> import rushlight as rl
    >>> unflatten(rl.ones(6, 2), 0, (2, 3)).shape
    (2, 3, 2)
    """
    x = as_tensor(x)
    axis = normalize_axis(axis, x.ndim)
    sizes, size = as_shape(shape), x.shape[axis]
    known = size_of(tuple(one for one in sizes if one != -1))
    if sizes.count(-1) == 1 and known > 0 and size % known == 0:
        sizes = tuple(size // known if one == -1 else one for one in sizes)
    if size_of(sizes) != size or min(sizes, default=0) < 0:
        raise ShapeError(f"axis {axis} of size {size} does not split into {sizes}")
    return x.reshape((*x.shape[:axis], *sizes, *x.shape[axis + 1 :]))  # type: ignore[no-any-return]


def _layers_in(module: Module) -> dict[str, Module]:
    """Return the layers that a module has as attributes; a trace notes that there are no others."""
    mode.evaluator.watch(module, "_changes", module._changes)
    return {name: x for name, x in module.__dict__.items() if isinstance(x, Module)}


def _check_layer(container: Module, name: str, layer: Any) -> None:
    """Raise unless a layer can be put into a container."""
    kind = type(container).__name__
    if not isinstance(layer, Module):
        is_class = isinstance(layer, type)
        what = f"the class {layer.__name__}" if is_class else f"of type {type(layer).__name__}"
        raise ModuleError(f"{name} is {what}, no Module", hint=_remedy(layer, kind))
    if any(inside is container for inside in layer.modules()):
        raise ModuleError(f"{name} holds this {kind}, which would never end")


def _remedy(layer: Any, container: str) -> str | None:
    """Return what to write instead of what is no layer, where that is clear."""
    if isinstance(layer, type) and issubclass(layer, Module):
        return f"make one: {layer.__name__}()"
    if isinstance(layer, (list, tuple)) and container == "Sequential":
        return "give the layers one by one: Sequential(*layers)"
    if callable(layer):
        return "make it a Module with a forward method"
    return None
