"""Rprop."""

from typing import Any

import numpy as np

from rushlight.core.errors import UsageError
from rushlight.core.primitive import Array
from rushlight.ops.elementwise import where
from rushlight.optim.groups import Group, Setting, at_least, two
from rushlight.optim.optimizer import Optimizer, Parameters, Rates
from rushlight.tensor import Tensor


def _check_etas(name: str, value: Any) -> tuple[float, float]:
    down, up = two(at_least(0.0))(name, value)
    if not 0.0 < down < 1.0 < up:
        raise UsageError(f"{name} must be a number below 1 and one above, not {value!r}")
    return down, up


class Rprop(Optimizer):
    """A step size for each weight, by how often its gradient's sign changes. As in PyTorch.

    Riedmiller and Braun 1993. For gradients of all data at once, not of small batches.

    Args:
        parameters: tensors to train, or groups of them.
        lr: the first step size; later changes of it change nothing.
        etas: what a step is multiplied by after the sign changed, and after it did not.
        step_sizes: the smallest and the largest step.
        maximize: go up instead of down.

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0], requires_grad=True)
    >>> Rprop([w], lr=0.25).backward_step((w * w).sum())
    >>> w
    tensor([0.75], requires_grad=True)
    """

    etas = Setting(_check_etas)
    step_sizes = Setting(two(at_least(0.0)))

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 0.01,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(parameters, lr, etas=etas, step_sizes=step_sizes, maximize=maximize)

    def prepare(self, group: Group) -> None:
        first_step = group.lr.item()

        def begin(values: Array) -> Array:
            return np.full_like(values, first_step)

        self.moment("previous", group)
        self.moment("size", group, begin)

    def update(
        self, group: Group, position: int, parameter: Tensor, g: Tensor, rates: Rates
    ) -> Tensor:
        down, up = group.etas
        low, high = group.step_sizes
        previous, size = self.moments["previous"][position], self.moments["size"][position]
        agreement = g * previous
        changed = where(agreement > 0.0, size * up, where(agreement < 0.0, size * down, size))
        size.assign(changed.clip(low, high))
        g = where(agreement < 0.0, 0.0, g)
        previous.assign(g)
        return parameter - g.sign() * size
