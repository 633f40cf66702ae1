"""What all optimisers share: their parameters, and their state in tensors."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rushlight.core.advice import OPTIMIZER, advice
from rushlight.core.dtypes import DType
from rushlight.core.errors import GradientError, UsageError
from rushlight.core.mode import mode, no_grad
from rushlight.nn.state import State, load_state
from rushlight.optim.arguments import explained
from rushlight.optim.groups import (
    Group,
    Setting,
    as_groups,
    check_number,
    check_switch,
    number,
    rate_of,
    settings_of,
    trainable,
)
from rushlight.tensor import Tensor

Parameters = Iterable[Tensor] | Iterable[Mapping[str, Any]]
Rates = tuple[Tensor, ...]
Moment = dict[int, Tensor]  # by the parameter's position


class Optimizer(ABC):
    """Changes parameters by their gradients.

    The learning rates, the step count and the moments are tensors made when the optimiser is, so
    that a traced step carries them as state and a schedule needs no new trace. The numbers that
    the parameters of a group share are worked out in float64.

    Parameters that are to be trained otherwise come in groups, dicts of "params" and any setting
    of the optimiser. `optimizer.lr` and the other settings are then the first group's; a number
    given to `optimizer.lr`, or to a setting, is taken by every group. All parameters share one
    count of steps, also those that had no gradient in some of them.

    Args:
        parameters: float tensors that no op made, each once; or groups of them.
        lr: learning rate.
        settings: the others, for groups that have none of their own.

    >>> import rushlight as rl
    >>> weight, bias = rl.ones(2), rl.zeros(1)
    >>> groups = [{"params": [weight], "weight_decay": 0.1}, {"params": [bias], "lr": 0.01}]
    >>> optimizer = rl.optim.AdamW(groups, lr=0.001, weight_decay=0.0)
    >>> [(group.lr.item(), group.weight_decay) for group in optimizer.groups]
    [(0.001, 0.1), (0.01, 0.0)]
    """

    count: Tensor | None = None  # steps taken, for those that need to know
    maximize = Setting(check_switch)

    def __init_subclass__(cls) -> None:
        if "__init__" in cls.__dict__:
            cls.__init__ = explained(cls.__init__)  # type: ignore[method-assign]

    def __init__(self, parameters: Parameters, lr: float, **settings: Any) -> None:
        self._defaults = {"lr": lr, **settings}
        self.groups: tuple[Group, ...] = ()
        self.moments: dict[str, Moment] = {}
        for group in as_groups(parameters):
            self.add_group(group)

    def __getattr__(self, name: str) -> Any:
        more = advice(OPTIMIZER, name, [*vars(self), *dir(type(self))])
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{more}")

    @property
    def lr(self) -> Tensor:
        """The learning rate, of the first group where there are several."""
        return self.groups[0].lr

    @lr.setter
    def lr(self, value: Any) -> None:
        rate = rate_of(value)
        for group in self.groups:
            group.lr = rate

    @property
    def parameters(self) -> list[Tensor]:
        """All parameters, group by group."""
        return [parameter for group in self.groups for parameter in group.parameters]

    def add_group(self, group: Mapping[str, Any]) -> Group:
        """Train more parameters: a dict of "params" and of settings that are not the optimiser's.

        Raises:
            UsageError: the parameters or a setting are not good, or a name is no setting.
        """
        declared = settings_of(type(self))
        unknown = [name for name in group if name not in ("params", "lr", *declared)]
        if unknown or "params" not in group:
            fact = f"no setting is called {unknown[0]!r:.40}" if unknown else 'it has no "params"'
            names = ", ".join(["params", "lr", *declared])
            raise UsageError(f"group {len(self.groups)}: {fact}", hint=f"one may have {names}")
        before = self.parameters
        parameters = trainable(group["params"], before)
        values = self._defaults | dict(group)
        name = _rate_name(len(self.groups))
        lr = number(name, check_number("lr", values["lr"], low=0.0))
        made = Group(parameters, len(before), lr, declared, values)
        self.settle(made)
        self.groups += (made,)
        made.tell(self)
        return made

    def settle(self, group: Group) -> None:
        """Check the settings of a group that is new or has changed, and make what they need."""
        self.check(group)
        self.prepare(group)

    def check(self, group: Group) -> None:  # noqa: B027
        """Raise UsageError where settings of a group do not go together."""

    def prepare(self, group: Group) -> None:  # noqa: B027
        """Make the moments and counts that a group needs, where they are not there already."""

    def moment(self, name: str, group: Group, made: Any = np.zeros_like) -> None:
        """Make one tensor per parameter, of zeros and laid out like it, kept with the state."""
        held = self.moments.setdefault(name, {})
        for position, parameter in enumerate(group.parameters, group.first):
            if position not in held:
                held[position] = Tensor(made(parameter.numpy()))
                held[position].name = f"{name}.{position}"

    def need_count(self) -> None:
        """Count steps from now on."""
        if self.count is None:
            self.count = number("count", 0.0)

    def rates(self, group: Group) -> Rates:
        """Return the numbers that a group's parameters share in this step, as float64 scalars."""
        return (group.lr,)

    @abstractmethod
    def update(
        self, group: Group, position: int, parameter: Tensor, g: Tensor, rates: Rates
    ) -> Tensor:
        """Return the new values of a parameter, given its gradient and `rates` in its dtype."""

    def step(self) -> None:
        """Change every parameter that has a gradient.

        Raises:
            GradientError: none has one.
        """
        mode.evaluator.watch(self, "count", self.count)
        with no_grad():
            found = {id(parameter): parameter.grad for parameter in self.parameters}
            if all(g is None for g in found.values()):
                raise GradientError(
                    "no parameter has a gradient", hint="call loss.backward() first"
                )
            if self.count is not None:
                self.count.assign(self.count + 1.0)
            for group in self.groups:
                mode.evaluator.watch(group, "lr", group.lr)
                self._step(group, [found[id(parameter)] for parameter in group.parameters])

    def _step(self, group: Group, gradients: list[Tensor | None]) -> None:
        rates = self.rates(group)
        cast: dict[DType, Rates] = {}
        for index, (parameter, g) in enumerate(zip(group.parameters, gradients, strict=True)):
            if g is None:
                continue
            if parameter.dtype not in cast:
                cast[parameter.dtype] = tuple(rate.cast(parameter.dtype) for rate in rates)
            g = -g if group.maximize else g
            position = group.first + index
            parameter.assign(self.update(group, position, parameter, g, cast[parameter.dtype]))

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
        """Return the learning rates, the step count and the moments by name."""
        rates = [group.lr for group in self.groups]
        state = {_rate_name(position): lr for position, lr in enumerate(rates)}
        if self.count is not None:
            state["count"] = self.count
        for name, tensors in self.moments.items():
            state |= {f"{name}.{position}": tensor for position, tensor in tensors.items()}
        return state

    def load_state_dict(self, state: State) -> None:
        """Take over a saved state; nothing changes if anything is wrong.

        Raises:
            ModuleError: for missing or unexpected names, all of them listed.
            ShapeError, DTypeError: for a tensor that does not fit, named.
        """
        load_state(self.state_dict(), state, type(self).__name__)

    def __repr__(self) -> str:
        groups = f" in {len(self.groups)} groups" if len(self.groups) > 1 else ""
        count = f"{len(self.parameters)} parameters{groups}"
        return f"{type(self).__name__}({count}, lr={self.lr.item():g})"


def _rate_name(group: int) -> str:
    return f"lr.{group}" if group else "lr"
