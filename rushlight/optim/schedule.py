"""Learning-rate schedules: the rate as a function of the step count, both tensors."""

import math
from abc import ABC, abstractmethod

from rushlight.core.errors import UsageError
from rushlight.core.mode import mode, no_grad
from rushlight.nn.state import State, load_state
from rushlight.optim.groups import check_number, number
from rushlight.optim.optimizer import Optimizer
from rushlight.tensor import Tensor


class Schedule(ABC):
    """Sets an optimiser's learning rate; call `step()` after each optimiser step (or epoch).

    It begins at the rate that the optimiser has when the schedule is made, so to go on with saved
    training make it first and load the optimiser's state then.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise UsageError(f"a schedule needs an optimiser, not {type(optimizer).__name__}")
        self.optimizer = optimizer
        self.base = float(optimizer.lr.item())
        self.count = number("schedule.count", 0.0)

    @abstractmethod
    def rate(self, count: Tensor) -> Tensor:
        """Return the learning rate after `count` steps, both float64."""

    def step(self) -> None:
        """Count a step and set the rate."""
        mode.evaluator.watch(self, "count", self.count)
        with no_grad():
            self.count.assign(self.count + 1.0)
            self.optimizer.lr.assign(self.rate(self.count))

    def state_dict(self) -> dict[str, Tensor]:
        """Return the step count."""
        return {"count": self.count}

    def load_state_dict(self, state: State) -> None:
        """Take over a saved step count; nothing changes if anything is wrong."""
        load_state(self.state_dict(), state, type(self).__name__)


class ConstantLR(Schedule):
    """The rate that the optimiser began with.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=0.5)
    >>> ConstantLR(optimizer).step()
    >>> optimizer.lr.item()
    0.5
    """

    def rate(self, count: Tensor) -> Tensor:
        return count * 0.0 + self.base


class StepLR(Schedule):
    """The rate times `gamma` after every `size` steps.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=0.5)
    >>> StepLR(optimizer, size=1, gamma=0.5).step()
    >>> optimizer.lr.item()
    0.25
    """

    def __init__(self, optimizer: Optimizer, size: int, gamma: float = 0.1) -> None:
        super().__init__(optimizer)
        _check_steps("size", size)
        self.size = size
        self.gamma = check_number("gamma", gamma, low=0.0)

    def rate(self, count: Tensor) -> Tensor:
        return self.base * self.gamma ** (count / float(self.size)).floor()


class ExponentialLR(Schedule):
    """The rate times `gamma` after every step.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=0.5)
    >>> ExponentialLR(optimizer, gamma=0.5).step()
    >>> optimizer.lr.item()
    0.25
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        super().__init__(optimizer)
        self.gamma = check_number("gamma", gamma, low=0.0)

    def rate(self, count: Tensor) -> Tensor:
        return self.base * self.gamma**count


class CosineLR(Schedule):
    """Half a cosine from the first rate down to `low` over `steps` (Loshchilov and Hutter 2017).

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=1.0)
    >>> schedule = CosineLR(optimizer, steps=2)
    >>> schedule.step()
    >>> round(optimizer.lr.item(), 6)
    0.5
    """

    def __init__(self, optimizer: Optimizer, steps: int, low: float = 0.0) -> None:
        super().__init__(optimizer)
        _check_steps("steps", steps)
        self.steps = steps
        self.low = check_number("low", low, low=0.0)

    def rate(self, count: Tensor) -> Tensor:
        angle = count.clip(high=float(self.steps)) * (math.pi / self.steps)
        return self.low + (self.base - self.low) * 0.5 * (angle.cos() + 1.0)


def _check_steps(name: str, steps: int) -> None:
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise UsageError(f"{name} must be an int of at least 1, not {steps!r}")
