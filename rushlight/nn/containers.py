"""Layers one after another, and the layers that only rearrange."""

from collections.abc import Iterator
from typing import Any

from rushlight.core.errors import BoundsError, ModuleError
from rushlight.nn.module import Module, register
from rushlight.tensor import Tensor, as_tensor


@register
class Sequential(Module):
    """Layers applied one after another: `Sequential(Linear(4, 2), ReLU())`.

    A position gives a layer, a slice a Sequential of the same layers.

    >>> import rushlight as rl
    >>> net = Sequential(rl.nn.Linear(4, 2), rl.nn.ReLU())
    >>> net(rl.ones(1, 4)).shape, len(net), net[1]
    ((1, 2), 2, ReLU())
    """

    def __init__(self, *layers: Module) -> None:
        for layer in layers:
            self.append(layer)

    @property
    def arguments(self) -> dict[str, Any]:
        return {"layers": tuple(self)}

    def append(self, layer: Module) -> "Sequential":
        """Add a layer at the end; return the container."""
        position = len(self)
        if not isinstance(layer, Module):
            is_class = isinstance(layer, type)
            kind = f"the class {layer.__name__}" if is_class else f"of type {type(layer).__name__}"
            raise ModuleError(f"layer {position} is {kind}, no Module", hint=_remedy(layer))
        if any(inside is self for inside in layer.modules()):
            raise ModuleError(f"layer {position} holds this Sequential, which would never end")
        setattr(self, str(position), layer)
        return self

    def forward(self, x: Any, *more: Any) -> Any:
        """Return what the last layer makes of it; the first one gets `more`, such as offsets."""
        for layer in self:
            x, more = layer(x, *more), ()
        return x

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Module]:
        return (value for value in list(self.__dict__.values()) if isinstance(value, Module))

    def __getitem__(self, position: int | slice) -> Module:
        layers = tuple(self)
        if isinstance(position, slice):
            return Sequential(*layers[position])
        try:
            return layers[position]
        except IndexError:
            fact = f"there are {len(layers)} layers, and none at {position}"
            raise BoundsError(fact) from None


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
class Identity(Module):
    """Gives back what it is given.

    >>> import rushlight as rl
    >>> Identity()(rl.ones(2))
    tensor([1., 1.])
    """

    def forward(self, x: Any) -> Any:
        return x


def _remedy(layer: Any) -> str | None:
    """Return what to write instead of what is no layer, where that is clear."""
    if isinstance(layer, type) and issubclass(layer, Module):
        return f"make one: {layer.__name__}()"
    if isinstance(layer, (list, tuple)):
        return "give the layers one by one: Sequential(*layers)"
    if callable(layer):
        return "make it a Module with a forward method"
    return None
