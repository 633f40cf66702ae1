"""Adagrad and Adadelta: steps scaled by what all gradients so far were."""

import numpy as np

from rushlight.core.primitive import Array
from rushlight.optim.groups import Group, Setting, at_least
from rushlight.optim.optimizer import Optimizer, Parameters, Rates
from rushlight.tensor import Tensor


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of squared gradients (Duchi, Hazan and Singer 2011).

    Formulas as in PyTorch.

    Args:
        parameters: tensors to train, or groups of them.
        lr: learning rate.
        lr_decay: by how much of itself the rate's divisor grows a step.
        weight_decay: how much of the weight is added to its gradient.
        initial: what the sums begin with.
        eps: keeps the division finite.
        maximize: go up instead of down.

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0], requires_grad=True)
    >>> Adagrad([w], lr=0.1).backward_step((w * w).sum())
    >>> round(w.item(), 6)
    0.9
    """

    count: Tensor
    lr_decay = Setting(at_least(0.0))
    weight_decay = Setting(at_least(0.0))
    initial = Setting(at_least(0.0))
    eps = Setting(at_least(0.0))

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 0.01,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial=initial,
            eps=eps,
            maximize=maximize,
        )

    def prepare(self, group: Group) -> None:
        def begin(values: Array) -> Array:
            return np.full_like(values, group.initial)

        self.moment("sum", group, begin)
        if group.lr_decay:
            self.need_count()

    def rates(self, group: Group) -> Rates:
        """Return lr, less of it from step to step."""
        if not group.lr_decay:
            return (group.lr,)
        return (group.lr / (1.0 + (self.count - 1.0) * group.lr_decay),)

    def update(
        self, group: Group, position: int, parameter: Tensor, g: Tensor, rates: Rates
    ) -> Tensor:
        (lr,) = rates
        if group.weight_decay:
            g = g + parameter * group.weight_decay
        total = self.moments["sum"][position]
        total.assign(total + g * g)
        change: Tensor = lr * g / (total.sqrt() + group.eps)
        return parameter - change


class Adadelta(Optimizer):
    """Steps as large as recent steps, relative to recent gradients (Zeiler 2012). As in PyTorch.

    Args:
        parameters: tensors to train, or groups of them.
        lr: what the steps are multiplied by.
        rho: how slowly the means of squares move.
        eps: keeps the division finite, and the first steps from being 0.
        weight_decay: how much of the weight is added to its gradient.
        maximize: go up instead of down.

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0], requires_grad=True)
    >>> Adadelta([w]).backward_step((w * w).sum())
    >>> round(w.item(), 4)
    0.9968
    """

    rho = Setting(at_least(0.0, below=1.0))
    eps = Setting(at_least(0.0))
    weight_decay = Setting(at_least(0.0))

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            parameters, lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize
        )

    def prepare(self, group: Group) -> None:
        self.moment("square", group)
        self.moment("change", group)

    def update(
        self, group: Group, position: int, parameter: Tensor, g: Tensor, rates: Rates
    ) -> Tensor:
        (lr,) = rates
        rho: float = group.rho
        eps: float = group.eps
        if group.weight_decay:
            g = g + parameter * group.weight_decay
        square, change = self.moments["square"][position], self.moments["change"][position]
        square.assign(square * rho + g * g * (1.0 - rho))
        delta = (change + eps).sqrt() / (square + eps).sqrt() * g
        change.assign(change * rho + delta * delta * (1.0 - rho))
        return parameter - delta * lr
