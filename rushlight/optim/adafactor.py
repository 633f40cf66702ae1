"""Adafactor."""

from typing import Any

import numpy as np

from rushlight.core.errors import UsageError
from rushlight.core.primitive import Array
from rushlight.optim.groups import Group, Setting, at_least, check_number
from rushlight.optim.optimizer import Optimizer, Parameters, Rates
from rushlight.tensor import Tensor


def _check_decay(name: str, value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and -1e9 < value <= 0:
        return float(value)
    raise UsageError(f"{name} must be a number of at most 0, not {value!r}")


def _check_eps(name: str, value: Any) -> tuple[float | None, float]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise UsageError(f"{name} must be two numbers, the first may be None, not {value!r}")
    first = None if value[0] is None else check_number(f"{name}[0]", value[0], low=0.0)
    return first, check_number(f"{name}[1]", value[1], low=0.0)


class Adafactor(Optimizer):
    """Adam without a first moment, whose second is a product of rows and columns.

    Shazeer and Stern 2018, as `torch.optim.Adafactor` has it. A matrix of n by m keeps n + m
    numbers; of more axes, the last two are factored.

    Args:
        parameters: tensors to train, or groups of them.
        lr: the most that the relative step may be.
        beta2_decay: the power of the step count by which the second moment moves ever less.
        eps: the least root of the second moment (None for the dtype's smallest step above 1), and
            the least size that a parameter counts with.
        clip: the most that the root mean square of an update may be, before lr.
        weight_decay: how much the weights shrink, in proportion to lr.
        maximize: go up instead of down.

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0], requires_grad=True)
    >>> Adafactor([w], lr=0.1).backward_step((w * w).sum())
    >>> round(w.item(), 6)
    0.9
    """

    count: Tensor
    beta2_decay = Setting(_check_decay)
    eps = Setting(_check_eps)
    clip = Setting(at_least(1.0))
    weight_decay = Setting(at_least(0.0))

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 0.01,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        clip: float = 1.0,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr,
            beta2_decay=beta2_decay,
            eps=eps,
            clip=clip,
            weight_decay=weight_decay,
            maximize=maximize,
        )

    def prepare(self, group: Group) -> None:
        self.need_count()
        self.moment("rows", group, _zeros_of_rows)
        self.moment("columns", group, _zeros_of_columns)

    def rates(self, group: Group) -> Rates:
        """Return lr, the relative step, and how far the second moment moves."""
        return group.lr, group.lr.minimum(self.count**-0.5), self.count**group.beta2_decay

    def update(
        self, group: Group, position: int, parameter: Tensor, g: Tensor, rates: Rates
    ) -> Tensor:
        lr, relative, moves = rates
        low, least = group.eps
        if low is None:
            low = float(np.finfo(parameter.dtype.storage).eps)
        step_size: Tensor = _root_mean_square(parameter).maximum(least) * relative
        if group.weight_decay:
            parameter = parameter - parameter * (lr * group.weight_decay)
        rows = self.moments["rows"][position]
        square = g * g
        if g.ndim < 2:
            estimate = rows.assign(rows + (square - rows) * moves)
        else:
            columns = self.moments["columns"][position]
            rows.assign(rows + (square.mean(-1, keepdims=True) - rows) * moves)
            columns.assign(columns + (square.mean(-2, keepdims=True) - columns) * moves)
            estimate = rows * columns / rows.mean(-2, keepdims=True).maximum(low)
        change = g / estimate.maximum(low * low).sqrt()
        excess: Tensor = (_root_mean_square(change) / group.clip).maximum(1.0)
        return parameter - change * (step_size / excess)


def _root_mean_square(x: Tensor) -> Tensor:
    return ((x * x).sum() / float(max(1, x.size))).sqrt()


def _zeros_of_rows(values: Array) -> Array:
    return np.zeros((*values.shape[:-1], 1) if values.ndim > 1 else values.shape, values.dtype)


def _zeros_of_columns(values: Array) -> Array:
    shape = (*values.shape[:-2], 1, values.shape[-1]) if values.ndim > 1 else (0,)
    return np.zeros(shape, values.dtype)
