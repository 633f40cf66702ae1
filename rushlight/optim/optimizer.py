"""What all optimisers share: their parameters, and their state in tensors."""

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from rushlight.core.dtypes import DType
from rushlight.core.errors import DTypeError, GradientError, UsageError
from rushlight.core.mode import mode, no_grad
from rushlight.nn.module import Module
from rushlight.nn.state import State, load_state
from rushlight.tensor import Tensor

Rates = tuple[Tensor, ...]


class Optimizer(ABC):
    """Changes parameters by their gradients.

    The learning rate, the step count and the moments are tensors made when the optimiser is, so
    that a traced step carries them as state and a schedule needs no new trace. The numbers that
    all parameters share are worked out in float64.

    Args:
        parameters: float tensors that no op made, each once.
        lr: learning rate.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        self.parameters = _checked(parameters)
        self.lr = number("lr", check_number("lr", lr, low=0.0))
        self.moments: dict[str, list[Tensor]] = {}
        self.count: Tensor | None = None  # steps taken, for those that need to know

    def __setattr__(self, name: str, value: Any) -> None:
        """Take `optimizer.lr = 0.05` for what it means: a new value of the same tensor."""
        if name == "lr" and "lr" in vars(self) and not isinstance(value, Tensor):
            self.lr.assign(number("lr", check_number("lr", value, low=0.0)))
        else:
            super().__setattr__(name, value)

    def moment(self, name: str) -> list[Tensor]:
        """Make one tensor of zeros per parameter, laid out like it and kept with the state."""
        made = [Tensor(np.zeros_like(parameter.numpy())) for parameter in self.parameters]
        for position, tensor in enumerate(made):
            tensor.name = f"{name}.{position}"
        self.moments[name] = made
        return made

    def rates(self) -> Rates:
        """Return the numbers that all parameters share in this step, as float64 scalars."""
        return (self.lr,)

    @abstractmethod
    def update(self, position: int, parameter: Tensor, g: Tensor, rates: Rates) -> Tensor:
        """Return the new values of a parameter, given its gradient and `rates` in its dtype."""

    def step(self) -> None:
        """Change every parameter that has a gradient.

        Raises:
            GradientError: none has one.
        """
        mode.evaluator.watch(self, "count", self.count)
        with no_grad():
            found = [(i, p, p.grad) for i, p in enumerate(self.parameters)]
            held = [(i, p, g) for i, p, g in found if g is not None]
            if not held:
                raise GradientError(
                    "no parameter has a gradient", hint="call loss.backward() first"
                )
            if self.count is not None:
                self.count.assign(self.count + 1.0)
            rates = self.rates()
            cast: dict[DType, Rates] = {}
            for position, parameter, g in held:
                if parameter.dtype not in cast:
                    cast[parameter.dtype] = tuple(rate.cast(parameter.dtype) for rate in rates)
                new = self.update(position, parameter, g, cast[parameter.dtype])
                parameter.assign(new)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters:
            parameter.grad = None

    def backward_step(self, loss: Tensor) -> None:
        """Forget old gradients, go back from `loss` and step: a whole update in one call."""
        self.zero_grad()
        loss.backward()
        self.step()
        self.zero_grad()

    def state_dict(self) -> dict[str, Tensor]:
        """Return the learning rate, the step count and the moments by name."""
        state = {"lr": self.lr}
        if self.count is not None:
            state["count"] = self.count
        for name, tensors in self.moments.items():
            state |= {f"{name}.{position}": tensor for position, tensor in enumerate(tensors)}
        return state

    def load_state_dict(self, state: State) -> None:
        """Take over a saved state; nothing changes if anything is wrong.

        Raises:
            ModuleError: for missing or unexpected names, all of them listed.
            ShapeError, DTypeError: for a tensor that does not fit, named.
        """
        load_state(self.state_dict(), state, type(self).__name__)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.parameters)} parameters, lr={self.lr.item():g})"


def number(name: str, value: float) -> Tensor:
    """Return a float64 scalar that is part of a state."""
    made = Tensor(np.float64(value))
    made.name = name
    return made


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


def as_list(parameters: Any) -> list[Tensor]:
    """Return tensors given as any iterable as a list, or raise."""
    if isinstance(parameters, (Tensor, Module)):
        remedy = "[tensor]" if isinstance(parameters, Tensor) else "module.parameters()"
        fact = f"one {type(parameters).__name__} is no list of parameters"
        raise UsageError(fact, hint=f"give {remedy}")
    if not isinstance(parameters, Iterable):
        fact = f"{type(parameters).__name__} is no list of parameters"
        raise UsageError(fact, hint="give module.parameters()")
    listed = list(parameters)
    for position, parameter in enumerate(listed):
        if not isinstance(parameter, Tensor):
            kind = type(parameter).__name__
            raise UsageError(f"parameter {position} is no tensor but a {kind}")
    return listed


def _checked(parameters: Any) -> list[Tensor]:
    """Return the parameters as a list, each of which can be trained."""
    listed = as_list(parameters)
    if not listed:
        once = isinstance(parameters, Iterator)
        hint = "a generator gives them only once; make a list of them" if once else None
        raise UsageError("an optimiser needs at least one parameter", hint=hint)
    seen: dict[int, int] = {}
    for position, parameter in enumerate(listed):
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
