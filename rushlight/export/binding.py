"""Where a program's buffers come from in exported C: arguments, states, and arrays in the file."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.compile.program import Program, Slot, state_tensors
from rushlight.core.dtypes import DType
from rushlight.core.primitive import Array
from rushlight.export.arrays import in_order
from rushlight.export.names import harmless
from rushlight.graph.ir import Graph
from rushlight.nn.module import Module

Order = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Held:
    """An array that the C file holds: its name there, and its elements in an order of axes."""

    name: str
    about: str
    dtype: DType
    array: Array


class Store:
    """The arrays of a C file: parameters and constants, each once for each order of its axes."""

    def __init__(self, model: Module) -> None:
        named = (*model.named_parameters(), *model.named_buffers())
        self._names = {id(x): name for name, x in named}
        self._held: dict[tuple[int, Order], Held] = {}
        self._alive: list[Any] = []  # so that ids stay what they are

    @property
    def held(self) -> list[Held]:
        """All arrays, in the order in which they were asked for."""
        return list(self._held.values())

    def tensor(self, tensor: Any, order: Order) -> str:
        """Return the name of the array that holds a tensor's elements with its axes in an order."""
        array = np.asarray(tensor.data)
        return self._hold(tensor, array, tensor.dtype, order, self.name_of(tensor))

    def constant(self, array: Array, dtype: DType, order: Order) -> str:
        """Return the name of the array that holds a constant of a graph."""
        return self._hold(array, array, dtype, order, "a constant")

    def order_of(self, tensor: Any) -> Order | None:
        """Return an order of axes in which a tensor is in the file already, or None."""
        found = (order for owner, order in self._held if owner == id(tensor))
        return next(found, None)

    def name_of(self, tensor: Any) -> str:
        """Return what a tensor is called in the model, or else by who made it."""
        return self._names.get(id(tensor)) or tensor.name or "a state"

    def _hold(self, owner: Any, array: Array, dtype: DType, order: Order, name: str) -> str:
        key = (id(owner), order)
        if key not in self._held:
            self._alive.append(owner)
            about = harmless(f"{name}: {described(array.shape, dtype, order)}")
            own = f"weights_{len(self._held)}"
            self._held[key] = Held(own, about, dtype, in_order(array, order).copy())
        return self._held[key].name


def described(shape: tuple[int, ...], dtype: DType, order: Order) -> str:
    """Return what an array is, for people: its dtype, its shape, how its axes lie.

    >>> from rushlight.core.dtypes import float32
    >>> described((2, 3), float32, (1, 0))
    'float32 2 x 3, in memory by axes 1, 0'
    """
    text = f"{dtype.name} {' x '.join(map(str, shape)) or 'one number'}"
    if order != tuple(range(len(order))):
        text += f", in memory by axes {', '.join(map(str, order))}"
    return text


def bind_program(
    graph: Graph,
    program: Program,
    store: Store,
    given: Iterable[str],
    result: str,
    states: dict[int, str] | None = None,
) -> list[str]:
    """Return what each slot of a program is bound to, as C.

    Args:
        graph: what the program was made of.
        program: its C.
        store: takes the arrays that must be in the file.
        given: pointers to the arguments.
        result: the pointer to the result.
        states: pointers to states, by ids of their tensors; all others are in the file.
    """
    arguments, tensors = list(given), state_tensors(graph)

    def bound(slot: Slot) -> str:
        if slot.role == "argument":
            return arguments[slot.index]
        if slot.role == "result":
            return result
        if slot.role == "constant":
            return store.constant(graph.constants[slot.index][0], slot.dtype, slot.order)
        tensor = tensors[slot.index]
        if states is not None and id(tensor) in states:
            return states[id(tensor)]
        return store.tensor(tensor, slot.order)

    return [bound(slot) for slot in program.slots]
