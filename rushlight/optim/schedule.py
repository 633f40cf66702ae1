"""Learning-rate schedules: the rate as a function of the step count, both tensors."""

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.core.errors import UsageError
from rushlight.core.mode import mode, no_grad
from rushlight.nn.state import State, load_state
from rushlight.ops.elementwise import where
from rushlight.optim.arguments import explained
from rushlight.optim.groups import Group, check_number, check_steps, number
from rushlight.optim.optimizer import Optimizer
from rushlight.tensor import Tensor

Base = float | Tensor  # a group's own rate; in a composition it may be a float64 scalar


class Schedule(ABC):
    """Sets an optimiser's learning rates; call `step()` after each optimiser step (or epoch).

    Each group's rate follows from the one that it has when the schedule is made, its base. So to
    go on with saved training make the schedule first and load the optimiser's state then. A
    schedule that begins elsewhere than at the base, such as a warm-up, sets the rate when it is
    made. Schedules that are made one after the other, to be composed, have the same base.

    Attributes:
        bases: the rate that each group of the optimiser had.
        count: steps taken, a float64 scalar.
        schedules: those that it is composed of.
        watches: whether `observe` changes something.
    """

    watches = False
    schedules: "tuple[Schedule, ...]" = ()

    def __init_subclass__(cls) -> None:
        if "__init__" in cls.__dict__:
            cls.__init__ = explained(cls.__init__)  # type: ignore[method-assign]

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise UsageError(f"a schedule needs an optimiser, not {type(optimizer).__name__}")
        self.optimizer = optimizer
        self.bases = tuple(group.base() for group in optimizer.groups)
        self.count = number("schedule.count", 0.0)

    @abstractmethod
    def rate(self, count: Tensor, base: Base) -> Tensor:
        """Return the learning rate after `count` steps of a group that has `base`, in float64."""

    def begin(self) -> None:
        """Set the rates of before the first step, for schedules that do not begin at the base."""
        for group, base in self._pairs():
            group.begin(self.rate(self.count, base).item(), base)

    def step(self) -> None:
        """Count a step and set the rates.

        Raises:
            UsageError: the optimiser got another group since.
        """
        self._watch()
        with no_grad():
            self.count.assign(self.count + 1.0)
            self.set_rates()

    def set_rates(self) -> None:
        """Set the rates that belong to the count."""
        made: dict[float, Tensor] = {}
        for group, base in self._pairs():
            if base not in made:
                made[base] = self.rate(self.count, base)
            group.lr.assign(made[base])

    def observe(self, score: float) -> None:  # noqa: B027
        """Take notice of the loss of an epoch, which `fit` tells; most schedules do nothing."""

    def state_dict(self) -> dict[str, Tensor]:
        """Return the step count, and what else there is, by name."""
        return {"count": self.count}

    def load_state_dict(self, state: State) -> None:
        """Take over a saved state; nothing changes if anything is wrong."""
        load_state(self.state_dict(), state, type(self).__name__)

    def _watch(self) -> None:
        """Let a trace note the settings that it takes for granted."""
        mode.evaluator.watch(self, "count", self.count)
        for schedule in self.schedules:
            schedule._watch()

    def _pairs(self) -> list[tuple[Group, float]]:
        groups = self.optimizer.groups
        if len(groups) != len(self.bases):
            fact = f"the optimiser has {len(groups)} groups and had {len(self.bases)}"
            raise UsageError(fact, hint="make the schedule once all groups are there")
        return list(zip(groups, self.bases, strict=True))


class ConstantLR(Schedule):
    """The rate that the optimiser began with; before it, `factor` of that for some `steps`.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=0.5)
    >>> ConstantLR(optimizer).step()
    >>> optimizer.lr.item()
    0.5
    """

    def __init__(self, optimizer: Optimizer, factor: float = 1.0, steps: int = 0) -> None:
        super().__init__(optimizer)
        self.factor = check_number("factor", factor, low=0.0)
        self.steps = check_steps("steps", steps, low=0)
        if self.steps:
            self.begin()

    def rate(self, count: Tensor, base: Base) -> Tensor:
        kept: Tensor = count * 0.0 + base
        if not self.steps:
            return kept
        early: Tensor = where(count < float(self.steps), kept * self.factor, kept)
        return early


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
        self.size = check_steps("size", size)
        self.gamma = check_number("gamma", gamma, low=0.0)

    def rate(self, count: Tensor, base: Base) -> Tensor:
        scale: Tensor = self.gamma ** (count / float(self.size)).floor()
        return base * scale


class MultiStepLR(Schedule):
    """The rate times `gamma` when the count comes to each of the `milestones`.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=0.5)
    >>> MultiStepLR(optimizer, [1, 30], gamma=0.5).step()
    >>> optimizer.lr.item()
    0.25
    """

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        super().__init__(optimizer)
        self.milestones = check_milestones(milestones)
        self.gamma = check_number("gamma", gamma, low=0.0)

    def rate(self, count: Tensor, base: Base) -> Tensor:
        passed = [(count >= float(one)).cast("float64") for one in self.milestones]
        return base * self.gamma ** sum(passed, count * 0.0)


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

    def rate(self, count: Tensor, base: Base) -> Tensor:
        return base * self.gamma**count


class LinearLR(Schedule):
    """From a share of the rate to another in a straight line over `steps`: a warm-up by default.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=1.0)
    >>> schedule = LinearLR(optimizer, steps=2, start=0.5)
    >>> before = optimizer.lr.item()
    >>> schedule.step()
    >>> before, optimizer.lr.item()
    (0.5, 0.75)
    """

    def __init__(
        self, optimizer: Optimizer, steps: int = 5, start: float = 1.0 / 3.0, end: float = 1.0
    ) -> None:
        super().__init__(optimizer)
        self.steps = check_steps("steps", steps)
        self.start = check_number("start", start, low=0.0)
        self.end = check_number("end", end, low=0.0)
        self.begin()

    def rate(self, count: Tensor, base: Base) -> Tensor:
        passed = count.clip(high=float(self.steps)) / float(self.steps)
        return base * (self.start + (self.end - self.start) * passed)


class PolynomialLR(Schedule):
    """From the rate down to 0 over `steps`, as a power of what is left of them.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=1.0)
    >>> PolynomialLR(optimizer, steps=2, power=2.0).step()
    >>> optimizer.lr.item()
    0.25
    """

    def __init__(self, optimizer: Optimizer, steps: int = 5, power: float = 1.0) -> None:
        super().__init__(optimizer)
        self.steps = check_steps("steps", steps)
        self.power = check_number("power", power, low=0.0)

    def rate(self, count: Tensor, base: Base) -> Tensor:
        left = 1.0 - count.clip(high=float(self.steps)) / float(self.steps)
        return base * left**self.power


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
        self.steps = check_steps("steps", steps)
        self.low = check_number("low", low, low=0.0)

    def rate(self, count: Tensor, base: Base) -> Tensor:
        angle = count.clip(high=float(self.steps)) * (math.pi / self.steps)
        return self.low + (base - self.low) * 0.5 * (angle.cos() + 1.0)


class InverseSquareRootLR(Schedule):
    """Up to the rate in a straight line over `warmup` steps, then down as 1 / sqrt(step).

    Vaswani et al. 2017, also called Noam's; the optimiser's rate is the peak, where the paper has
    `size ** -0.5 * warmup ** -0.5`.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=1.0)
    >>> schedule = InverseSquareRootLR(optimizer, warmup=2)
    >>> rates = [optimizer.lr.item()]
    >>> for _ in range(7):
    ...     schedule.step()
    ...     rates.append(optimizer.lr.item())
    >>> rates[0], rates[1], rates[7]
    (0.5, 1.0, 0.5)
    """

    def __init__(self, optimizer: Optimizer, warmup: int) -> None:
        super().__init__(optimizer)
        self.warmup = check_steps("warmup", warmup)
        self.begin()

    def rate(self, count: Tensor, base: Base) -> Tensor:
        share = (count + 1.0) / float(self.warmup)
        return base * share.minimum(share**-0.5)


class LambdaLR(Schedule):
    """The rate times `factor(count)`; the count is a float64 scalar, and may be traced.

    Args:
        optimizer: whose rate is set.
        factor: of the count to a scalar, written with operators and ops on tensors.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=1.0)
    >>> LambdaLR(optimizer, lambda count: 1.0 / (1.0 + count)).step()
    >>> optimizer.lr.item()
    0.5
    """

    def __init__(self, optimizer: Optimizer, factor: Callable[[Tensor], Tensor]) -> None:
        super().__init__(optimizer)
        if not callable(factor):
            raise UsageError(f"factor is a function of the count, not {factor!r:.60}")
        self.factor = factor
        self.begin()

    def rate(self, count: Tensor, base: Base) -> Tensor:
        factor = self.factor(count)
        if not isinstance(factor, (numbers.Real, Tensor)) or np.shape(factor):
            raise UsageError(f"factor must return a number or a scalar tensor, not {factor!r:.60}")
        return factor * base + count * 0.0  # a number becomes a tensor


def check_milestones(milestones: Any) -> tuple[int, ...]:
    """Return step counts in order as a tuple, or raise."""
    if not isinstance(milestones, (list, tuple)) or not milestones:
        raise UsageError(f"milestones are a list of step counts, not {milestones!r:.60}")
    found = tuple(check_steps("a milestone", one) for one in milestones)
    if list(found) != sorted(found):
        raise UsageError(f"milestones must rise, unlike {list(found)}")
    return found
