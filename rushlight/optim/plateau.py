"""A schedule that watches how training goes."""

import math

from rushlight.core.errors import UsageError
from rushlight.core.mode import no_grad
from rushlight.optim.groups import check_number, check_steps, check_switch, number
from rushlight.optim.optimizer import Optimizer
from rushlight.optim.schedule import Base, Schedule
from rushlight.tensor import Tensor


class PlateauLR(Schedule):
    """The rate times `factor` once the score has not become better for more than some epochs.

    PyTorch's `ReduceLROnPlateau`, without its `eps`. `fit` tells the schedule the validation (or
    training) loss of each epoch; a loop of one's own calls `observe`, outside of a traced step.

    Args:
        optimizer: whose rate is set.
        factor: below 1.
        patience: how many epochs in a row without a better score are borne.
        threshold: by how much a better score must be better.
        relative: whether that is a share of the best score.
        cooldown: epochs after a change that are not counted.
        low: the least that the rate becomes.
        maximize: whether a higher score is better.

    >>> import rushlight as rl
    >>> optimizer = rl.optim.SGD([rl.ones(1)], lr=1.0)
    >>> schedule = PlateauLR(optimizer, factor=0.5, patience=1)
    >>> for loss in [3.0, 2.0, 2.0, 2.0]:
    ...     schedule.observe(loss)
    >>> optimizer.lr.item()
    0.5
    """

    watches = True

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        relative: bool = True,
        cooldown: int = 0,
        low: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(optimizer)
        self.factor = check_number("factor", factor, low=0.0, below=1.0)
        self.patience = check_steps("patience", patience, low=0)
        self.threshold = check_number("threshold", threshold, low=0.0)
        self.relative = check_switch("relative", relative)
        self.cooldown = check_steps("cooldown", cooldown, low=0)
        self.low = check_number("low", low, low=0.0)
        self.maximize = check_switch("maximize", maximize)
        self.scale = number("schedule.scale", 1.0)
        self.best = number("schedule.best", -math.inf if maximize else math.inf)
        self.bad = number("schedule.bad", 0.0)  # epochs in a row
        self.cooling = number("schedule.cooling", 0.0)  # epochs that are left

    def rate(self, count: Tensor, base: Base) -> Tensor:
        rate: Tensor = (self.scale * base).maximum(self.low)
        return rate

    def observe(self, score: float) -> None:
        """Count an epoch as better or not, and lower the rates once too many were not.

        Raises:
            UsageError: the score is no number.
        """
        if isinstance(score, bool) or not isinstance(score, (int, float)):
            raise UsageError(f"a score is a number, not {score!r:.60}")
        with no_grad():
            better = self._is_better(score)
            bad = 0.0 if better else self.bad.item() + 1.0
            if better:
                self.best.assign(number("best", score))
            cooling = self.cooling.item()
            if cooling > 0.0:
                cooling, bad = cooling - 1.0, 0.0
            if bad > self.patience:
                self.scale.assign(self.scale * self.factor)
                cooling, bad = float(self.cooldown), 0.0
                self.set_rates()
            self.bad.assign(number("bad", bad))
            self.cooling.assign(number("cooling", cooling))

    def _is_better(self, score: float) -> bool:
        best = float(self.best.item())
        if not math.isfinite(best):
            return score > best if self.maximize else score < best
        margin = self.threshold * (best if self.relative else 1.0)
        return score > best + margin if self.maximize else score < best - margin

    def state_dict(self) -> dict[str, Tensor]:
        """Return the step count and what was observed."""
        parts = {"scale": self.scale, "best": self.best, "bad": self.bad, "cooling": self.cooling}
        return super().state_dict() | parts
