"""Averaged SGD."""

from rushlight.optim.groups import Group, Setting, at_least
from rushlight.optim.optimizer import Optimizer, Parameters, Rates
from rushlight.tensor import Tensor


class ASGD(Optimizer):
    """SGD with a falling rate, and the average of the weights beside (Polyak and Juditsky 1992).

    As in PyTorch; the averages are `moments["average"]`, by the parameter's position. For averages
    with any optimiser there are `EMA` and `SWA`.

    Args:
        parameters: tensors to train, or groups of them.
        lr: learning rate.
        lambd: how quickly the rate falls, and the weights shrink.
        alpha: the power by which the rate falls.
        t0: the step at which averaging begins.
        weight_decay: how much of the weight is added to its gradient.
        maximize: go up instead of down.

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0], requires_grad=True)
    >>> ASGD([w], lr=0.25, lambd=0.0).backward_step((w * w).sum())
    >>> w
    tensor([0.5], requires_grad=True)
    """

    count: Tensor
    lambd = Setting(at_least(0.0))
    alpha = Setting(at_least(0.0))
    t0 = Setting(at_least(0.0))
    weight_decay = Setting(at_least(0.0))

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 0.01,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr,
            lambd=lambd,
            alpha=alpha,
            t0=t0,
            weight_decay=weight_decay,
            maximize=maximize,
        )

    def prepare(self, group: Group) -> None:
        self.need_count()
        self.moment("average", group)

    def rates(self, group: Group) -> Rates:
        """Return the rate of this step, and the share of the weights that the average takes."""
        before = self.count - 1.0
        rate = group.lr / (1.0 + group.lr * before * group.lambd) ** group.alpha
        return rate, 1.0 / (before - group.t0).maximum(1.0)

    def update(
        self, group: Group, position: int, parameter: Tensor, g: Tensor, rates: Rates
    ) -> Tensor:
        rate, share = rates
        if group.weight_decay:
            g = g + parameter * group.weight_decay
        new: Tensor = parameter - parameter * (rate * group.lambd) - g * rate
        average = self.moments["average"][position]
        average.assign(average * (1.0 - share) + new * share)
        return new
