"""Schedules made of schedules."""

from collections.abc import Sequence

from rushlight.core.errors import UsageError
from rushlight.core.mode import no_grad
from rushlight.ops.elementwise import where
from rushlight.optim.groups import check_steps
from rushlight.optim.schedule import Base, LinearLR, Schedule, check_milestones
from rushlight.tensor import Tensor


class _Composed(Schedule):
    """A schedule whose rate comes from others of the same optimiser, which are not stepped."""

    def __init__(self, schedules: Sequence[Schedule]) -> None:
        listed = list(schedules) if isinstance(schedules, (list, tuple)) else []
        if not listed or not all(isinstance(one, Schedule) for one in listed):
            raise UsageError(f"a composition needs a list of schedules, not {schedules!r:.60}")
        if any(one.optimizer is not listed[0].optimizer for one in listed):
            raise UsageError("schedules of different optimisers cannot be composed")
        if any(one.bases != listed[0].bases for one in listed):
            fact = "the schedules do not begin with the same rates"
            raise UsageError(fact, hint="make them one after the other, before any step")
        super().__init__(listed[0].optimizer)
        self.bases = listed[0].bases
        self.schedules = tuple(listed)
        self.watches = any(one.watches for one in listed)

    def _watching(self) -> tuple[Schedule, ...]:
        """Return the schedules that are told the score."""
        return self.schedules

    def observe(self, score: float) -> None:
        """Tell the schedules of the score, and set the rates that follow."""
        if self.watches:
            for schedule in self._watching():
                schedule.observe(score)
            with no_grad():
                self.set_rates()

    def state_dict(self) -> dict[str, Tensor]:
        """Return the step count, and what else the schedules know."""
        state = super().state_dict()
        for position, schedule in enumerate(self.schedules):
            inner = schedule.state_dict().items()
            state |= {f"{position}.{name}": x for name, x in inner if x is not schedule.count}
        return state


class SequentialLR(_Composed):
    """One schedule after the other; each counts from its milestone on.

    Args:
        schedules: of one optimiser, made one after the other.
        milestones: the counts at which the second and the later ones begin.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=1.0)
    >>> parts = [LinearLR(optimizer, steps=2, start=0.5), rl.optim.ExponentialLR(optimizer, 0.5)]
    >>> schedule = SequentialLR(parts, milestones=[2])
    >>> rates = [optimizer.lr.item()]
    >>> for _ in range(4):
    ...     schedule.step()
    ...     rates.append(optimizer.lr.item())
    >>> rates
    [0.5, 0.75, 1.0, 0.5, 0.25]
    """

    def __init__(self, schedules: Sequence[Schedule], milestones: Sequence[int]) -> None:
        self.milestones = check_milestones(milestones)
        super().__init__(schedules)
        if len(self.milestones) != len(self.schedules) - 1:
            fact = f"{len(self.schedules)} schedules need {len(self.schedules) - 1} milestones"
            raise UsageError(f"{fact}, not {len(self.milestones)}")
        self.begin()

    def rate(self, count: Tensor, base: Base) -> Tensor:
        result: Tensor = self.schedules[0].rate(count, base)
        for schedule, milestone in zip(self.schedules[1:], self.milestones, strict=False):
            since = (count - float(milestone)).maximum(0.0)
            result = where(count >= float(milestone), schedule.rate(since, base), result)
        return result

    def _watching(self) -> tuple[Schedule, ...]:
        count = self.count.item()
        return (self.schedules[sum(count >= milestone for milestone in self.milestones)],)


class ChainedLR(_Composed):
    """All schedules at once: each takes the rate of the one before for its base.

    For those that multiply the rate, that is the product of what they multiply it by.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=1.0)
    >>> parts = [rl.optim.StepLR(optimizer, 2), rl.optim.ExponentialLR(optimizer, 0.5)]
    >>> schedule = ChainedLR(parts)
    >>> for _ in range(2):
    ...     schedule.step()
    >>> round(optimizer.lr.item(), 6)
    0.025
    """

    def __init__(self, schedules: Sequence[Schedule]) -> None:
        super().__init__(schedules)
        self.begin()

    def rate(self, count: Tensor, base: Base) -> Tensor:
        rate = self.schedules[0].rate(count, base)
        for schedule in self.schedules[1:]:
            rate = schedule.rate(count, rate)
        return rate


def warmup(schedule: Schedule, steps: int) -> SequentialLR:
    """Return a schedule that comes up to the rate in equal steps, and goes on with another one.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=1.0)
    >>> schedule = warmup(rl.optim.CosineLR(optimizer, steps=100), steps=3)
    >>> rates = [optimizer.lr.item()]
    >>> for _ in range(3):
    ...     schedule.step()
    ...     rates.append(optimizer.lr.item())
    >>> rates
    [0.25, 0.5, 0.75, 1.0]
    """
    if not isinstance(schedule, Schedule):
        raise UsageError(f"warmup needs a schedule to go on with, not {type(schedule).__name__}")
    rising = LinearLR(schedule.optimizer, steps, start=1.0 / (check_steps("steps", steps) + 1))
    return SequentialLR([rising, schedule], [steps])
