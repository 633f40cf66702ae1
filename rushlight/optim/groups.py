"""Groups of parameters, and the settings that each group may have otherwise."""

import math
import numbers
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar, overload

import numpy as np

from rushlight.core.errors import DTypeError, UsageError
from rushlight.nn.module import Module
from rushlight.tensor import Tensor

T = TypeVar("T")
Check = Callable[[str, Any], T]  # of a name and a value; returns the value to keep, or raises


class Setting(Generic[T]):
    """A number or switch of an optimiser, declared in its class; it says what values are good.

    Asked of the optimiser, it is the first group's; given to the optimiser, every group takes it.
    """

    def __init__(self, check: Check[T]) -> None:
        self.check = check
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, optimizer: None, owner: type) -> "Setting[T]": ...

    @overload
    def __get__(self, optimizer: Any, owner: type) -> T: ...

    def __get__(self, optimizer: Any, owner: type) -> Any:
        return self if optimizer is None else getattr(optimizer.groups[0], self.name)

    def __set__(self, optimizer: Any, value: Any) -> None:
        before = [getattr(group, self.name) for group in optimizer.groups]
        try:
            for group in optimizer.groups:
                setattr(group, self.name, value)
        except UsageError:
            for group, held in zip(optimizer.groups, before, strict=True):
                setattr(group, self.name, held)
            raise


class Group:
    """Parameters that are trained alike: their learning rate, a tensor, and other settings.

    Attributes:
        parameters: the tensors.
        first: the position of the first of them among all that the optimiser has.
        others: the settings, by the names that the optimiser has for them.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=0.5, momentum=0.9)
    >>> group = optimizer.groups[0]
    >>> group.lr = 0.25
    >>> group
    Group(1 parameters, lr=0.25, momentum=0.9, dampening=0.0, weight_decay=0.0, \
nesterov=False, maximize=False)
    """

    def __init__(
        self,
        parameters: list[Tensor],
        first: int,
        lr: Tensor,
        settings: Mapping[str, Setting[Any]],
        values: Mapping[str, Any],
    ) -> None:
        self._settings = settings
        self._changed: Callable[[Group], object] = _nothing
        self.parameters = tuple(parameters)
        self.first = first
        self._lr = lr
        self._begun = math.nan, math.nan
        for name in settings:
            setattr(self, name, values[name])

    @property
    def lr(self) -> Tensor:
        """The learning rate, a float64 scalar; a number assigned to it becomes its value."""
        return self._lr

    @lr.setter
    def lr(self, value: Any) -> None:
        self._lr.assign(rate_of(value))

    def begin(self, rate: float, base: float) -> None:
        """Set the rate that a schedule begins with, which is not its base."""
        self.lr = rate
        self._begun = rate, base

    def base(self) -> float:
        """Return the rate that a schedule made now scales: not one that another has begun with."""
        rate = float(self.lr.item())
        return self._begun[1] if rate == self._begun[0] else rate

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_settings" or name not in self._settings:
            super().__setattr__(name, value)
            return
        before = vars(self).get(name)
        super().__setattr__(name, self._settings[name].check(name, value))
        try:
            self._changed(self)
        except UsageError:
            super().__setattr__(name, before)
            raise

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"a group of this optimiser has no setting {name!r}")

    def settings(self) -> dict[str, Any]:
        """Return the settings by name, without the learning rate."""
        return {name: getattr(self, name) for name in self._settings}

    def __repr__(self) -> str:
        settings = [f"{name}={value!r}" for name, value in self.settings().items()]
        parts = [f"{len(self.parameters)} parameters", f"lr={self.lr.item():g}", *settings]
        return f"Group({', '.join(parts)})"

    def tell(self, optimizer: Any) -> None:
        """Let the optimiser see to what a changed setting needs, from now on."""
        known = weakref.ref(optimizer)  # which may be gone by then

        def changed(group: Group) -> None:
            one = known()
            if one is not None:
                one.settle(group)

        self._changed = changed


def _nothing(group: Group) -> None:
    """Nobody is to be told yet."""


def settings_of(kind: type) -> dict[str, Setting[Any]]:
    """Return the settings that an optimiser's class and those above it declare, by name."""
    fields = [field for one in kind.__mro__ for field in vars(one).items()]
    return {name: field for name, field in fields if isinstance(field, Setting)}


def rate_of(value: Any) -> Tensor:
    """Return a learning rate given as a number or a scalar tensor as a float64 scalar."""
    if isinstance(value, Tensor):
        if value.shape:
            raise UsageError(f"lr must be one number, not a tensor of shape {value.shape}")
        return value.cast("float64")
    return number("lr", check_number("lr", value, low=0.0))


def number(name: str, value: float) -> Tensor:
    """Return a float64 scalar that is part of a state."""
    made = Tensor(np.float64(value))
    made.name = name
    return made


# What values are good


def check_number(name: str, value: Any, low: float, below: float | None = None) -> float:
    """Return a finite number of at least `low`, and below `below`, as a float, or raise."""
    try:
        real = isinstance(value, numbers.Real) and not isinstance(value, bool)
        checked = float(value) if real else math.nan
    except OverflowError:
        raise UsageError(f"{name} is too large for a float") from None
    if not low <= checked < (math.inf if below is None else below):
        limit = "" if below is None else f" and below {below:g}"
        raise UsageError(f"{name} must be a number of at least {low:g}{limit}, not {value!r}")
    return checked


def at_least(low: float, below: float | None = None) -> Check[float]:
    """Return the check of a finite number of at least `low`, and below `below`."""

    def check(name: str, value: Any) -> float:
        return check_number(name, value, low, below)

    return check


def two(one: Check[float], other: Check[float] | None = None) -> Check[tuple[float, float]]:
    """Return the check of a pair of numbers."""

    def check(name: str, value: Any) -> tuple[float, float]:
        if not isinstance(value, (tuple, list)) or len(value) != 2:
            raise UsageError(f"{name} must be two numbers, not {value!r}")
        return one(f"{name}[0]", value[0]), (other or one)(f"{name}[1]", value[1])

    return check


def check_switch(name: str, value: Any) -> bool:
    """Return a bool, or raise."""
    if not isinstance(value, bool):
        raise UsageError(f"{name} must be True or False, not {value!r}")
    return value


def check_steps(name: str, steps: Any, low: int = 1) -> int:
    """Return an int of at least `low`, or raise."""
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < low:
        raise UsageError(f"{name} must be an int of at least {low}, not {steps!r}")
    return steps


# Which parameters are good


def as_list(parameters: Any) -> list[Tensor]:
    """Return tensors given as any iterable as a list, or raise."""
    listed = _listed(parameters)
    for position, parameter in enumerate(listed):
        if not isinstance(parameter, Tensor):
            kind = type(parameter).__name__
            raise UsageError(f"parameter {position} is no tensor but a {kind}")
    return listed


def as_groups(parameters: Any) -> list[Mapping[str, Any]]:
    """Return parameters as groups of settings; what is no list of groups is one group."""
    listed = _listed(parameters)
    if listed and all(isinstance(one, Mapping) for one in listed):
        return listed
    once = isinstance(parameters, Iterator) and not listed
    return [{"params": parameters if once else listed}]


def trainable(parameters: Any, before: list[Tensor]) -> list[Tensor]:
    """Return parameters as a list, each of which can be trained and is new."""
    listed = as_list(parameters)
    if not listed:
        once = isinstance(parameters, Iterator)
        hint = "a generator gives them only once; make a list of them" if once else None
        raise UsageError("at least one parameter is needed", hint=hint)
    seen = {id(parameter): position for position, parameter in enumerate(before)}
    for position, parameter in enumerate(listed, len(before)):
        if not parameter.dtype.is_float or parameter.dtype.is_half:
            fact = f"parameter {position} is {parameter.dtype}, which cannot be trained"
            raise DTypeError(fact, hint='cast it to "float32" first')
        if not parameter.is_leaf:
            fact = f"parameter {position} was computed, so it gets no gradient of its own"
            raise UsageError(fact, hint="start from x.detach().requires_grad_()")
        if id(parameter) in seen:
            fact = f"parameters {seen[id(parameter)]} and {position} are the same tensor"
            raise UsageError(fact, hint="give each once, or it moves twice a step")
        seen[id(parameter)] = position
    return listed


def _listed(parameters: Any) -> list[Any]:
    if isinstance(parameters, (Tensor, Module)):
        remedy = "[tensor]" if isinstance(parameters, Tensor) else "module.parameters()"
        fact = f"one {type(parameters).__name__} is no list of parameters"
        raise UsageError(fact, hint=f"give {remedy}")
    if not isinstance(parameters, Iterable) or isinstance(parameters, Mapping):
        fact = f"{type(parameters).__name__} is no list of parameters"
        raise UsageError(fact, hint="give module.parameters()")
    return list(parameters)
