"""Schedules that go up and down."""

import math
from itertools import pairwise

from rushlight.core.errors import UsageError
from rushlight.ops.elementwise import where
from rushlight.optim.groups import check_number, check_steps, check_switch
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.schedule import Base, Schedule
from rushlight.tensor import Tensor


class CosineRestartsLR(Schedule):
    """Half cosines from the rate down to `low`, one after the other (Loshchilov and Hutter 2017).

    Args:
        optimizer: whose rate is set.
        steps: of the first descent.
        growth: how many times as long as the one before each descent is, an int.
        low: the rate at the end of a descent.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=1.0)
    >>> schedule = CosineRestartsLR(optimizer, steps=2)
    >>> rates = []
    >>> for _ in range(4):
    ...     schedule.step()
    ...     rates.append(round(optimizer.lr.item(), 6))
    >>> rates
    [0.5, 1.0, 0.5, 1.0]
    """

    def __init__(self, optimizer: Optimizer, steps: int, growth: int = 1, low: float = 0.0) -> None:
        super().__init__(optimizer)
        self.steps = check_steps("steps", steps)
        self.growth = check_steps("growth", growth)
        self.low = check_number("low", low, low=0.0)

    def rate(self, count: Tensor, base: Base) -> Tensor:
        first, growth = float(self.steps), float(self.growth)
        if self.growth == 1:
            passed = count / first - (count / first).floor()
        else:
            # Half a step further than the count no restart is near, so that rounding does no harm.
            descents = ((count + 0.5) * ((growth - 1.0) / first) + 1.0).log() / math.log(growth)
            longer = growth ** descents.floor()
            passed = (count - (longer - 1.0) * (first / (growth - 1.0))) / (longer * first)
        return self.low + (base - self.low) * 0.5 * ((passed * math.pi).cos() + 1.0)


class OneCycleLR(Schedule):
    """Up to the rate and down to almost nothing, once (Smith and Topin 2018).

    As in PyTorch, whose `max_lr` is the optimiser's rate here, and without its cycle of momentum.

    Args:
        optimizer: whose rate is set.
        steps: in all.
        warm: the share of the steps that go up.
        shape: "cos" or "linear".
        start_divisor: the rate over the one at the beginning.
        end_divisor: the rate at the beginning over the one at the end.
        three_phase: go down to the beginning as quickly as it went up, then to the end.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=1.0)
    >>> schedule = OneCycleLR(optimizer, steps=10)
    >>> before = optimizer.lr.item()
    >>> for _ in range(2):
    ...     schedule.step()
    >>> round(before, 6), round(optimizer.lr.item(), 6)
    (0.04, 1.0)
    """

    def __init__(
        self,
        optimizer: Optimizer,
        steps: int,
        warm: float = 0.3,
        shape: str = "cos",
        start_divisor: float = 25.0,
        end_divisor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        super().__init__(optimizer)
        self.steps = check_steps("steps", steps)
        self.warm = check_number("warm", warm, low=0.0, below=1.0)
        if shape not in ("cos", "linear"):
            raise UsageError(f'shape must be "cos" or "linear", not {shape!r}')
        self.shape = shape
        self.start_divisor = check_number("start_divisor", start_divisor, low=1.0)
        self.end_divisor = check_number("end_divisor", end_divisor, low=1.0)
        self.three_phase = check_switch("three_phase", three_phase)
        if three_phase and warm * 2 * steps - 2 >= steps - 1:
            raise UsageError(f"with three phases warm must be below 0.5, not {warm}")
        self.begin()

    def rate(self, count: Tensor, base: Base) -> Tensor:
        low: Base = base / self.start_divisor
        top, end = self.warm * self.steps - 1.0, self.steps - 1.0
        turns: list[tuple[float, Base]] = [(0.0, low), (top, base), (end, low / self.end_divisor)]
        if self.three_phase:
            turns.insert(2, (2.0 * self.warm * self.steps - 2.0, low))
        result: Tensor = count * 0.0 + turns[-1][1]
        for (since, begin), (until, goal) in reversed(list(pairwise(turns))):
            if until > since:
                passed = (count - since) / (until - since)
                result = where(count <= until, self._between(begin, goal, passed), result)
        return result

    def _between(self, begin: Base, goal: Base, passed: Tensor) -> Tensor:
        if self.shape == "linear":
            return begin + (goal - begin) * passed
        return goal + (begin - goal) / 2.0 * ((passed * math.pi).cos() + 1.0)


class CyclicLR(Schedule):
    """From `low` to the rate and back, in straight lines, again and again (Smith 2017).

    As in PyTorch, whose `base_lr` is `low` and `max_lr` the optimiser's rate here, and without its
    cycle of momentum.

    Args:
        optimizer: whose rate is set.
        low: the rate at the bottom.
        up: steps up.
        down: steps down; as many as up if None.
        shape: "triangular"; "triangular2" for half the height each time; "exponential" for the
            height times `gamma` at each step.
        gamma: see there.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=1.0)
    >>> schedule = CyclicLR(optimizer, low=0.5, up=2)
    >>> rates = [optimizer.lr.item()]
    >>> for _ in range(4):
    ...     schedule.step()
    ...     rates.append(optimizer.lr.item())
    >>> rates
    [0.5, 0.75, 1.0, 0.75, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        low: float,
        up: int = 2000,
        down: int | None = None,
        shape: str = "triangular",
        gamma: float = 1.0,
    ) -> None:
        super().__init__(optimizer)
        self.low = check_number("low", low, low=0.0)
        self.up = check_steps("up", up)
        self.down = self.up if down is None else check_steps("down", down)
        shapes = ("triangular", "triangular2", "exponential")
        if shape not in shapes:
            raise UsageError(f"shape must be one of {', '.join(shapes)}, not {shape!r}")
        self.shape = shape
        self.gamma = check_number("gamma", gamma, low=0.0)
        self.begin()

    def rate(self, count: Tensor, base: Base) -> Tensor:
        whole = float(self.up + self.down)
        cycle = (count / whole).floor()
        step = count - cycle * whole
        rising = step / float(self.up)
        height = where(step <= float(self.up), rising, (whole - step) / float(self.down))
        if self.shape == "triangular2":
            height = height * 0.5**cycle
        elif self.shape == "exponential":
            height = height * self.gamma**count
        rate: Tensor = self.low + (base - self.low) * height
        return rate
