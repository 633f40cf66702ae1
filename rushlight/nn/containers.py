"""Layers one after another."""

from collections.abc import Iterator
from typing import Any

from rushlight.core.errors import ModuleError
from rushlight.nn.module import Module, register


@register
class Sequential(Module):
    """Layers applied one after another: `Sequential(Linear(4, 2), ReLU())`.

    >>> import rushlight as rl
    >>> net = Sequential(rl.nn.Linear(4, 2), rl.nn.ReLU())
    >>> net(rl.ones(1, 4)).shape, len(net)
    ((1, 2), 2)
    """

    def __init__(self, *layers: Module) -> None:
        for position, layer in enumerate(layers):
            if not isinstance(layer, Module):
                kind = type(layer).__name__
                raise ModuleError(f"layer {position} of Sequential is no Module but a {kind}")
            setattr(self, str(position), layer)

    def forward(self, x: Any) -> Any:
        for layer in self._modules.values():
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(list(self._modules.values()))

    def __getitem__(self, position: int) -> Module:
        layers: list[Module] = list(self._modules.values())
        return layers[position]
