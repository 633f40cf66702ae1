"""Stochastic gradient descent."""

from rushlight.core.errors import UsageError
from rushlight.optim.groups import Group, Setting, at_least, check_switch
from rushlight.optim.optimizer import Optimizer, Parameters, Rates
from rushlight.tensor import Tensor


class SGD(Optimizer):
    """w <- w - lr * g, with momentum, Nesterov's variant and weight decay. Formulas as in PyTorch.

    Args:
        parameters: tensors to train, or groups of them.
        lr: learning rate.
        momentum: share of the last direction that is kept (Polyak 1964).
        weight_decay: how much of the weight is added to its gradient.
        nesterov: look ahead along the momentum (Sutskever et al. 2013).
        dampening: how much of the gradient the momentum leaves out, after the first step.
        maximize: go up instead of down.

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.5)
    >>> optimizer.backward_step((w * w).sum())
    >>> w
    tensor([0.], requires_grad=True)
    """

    momentum = Setting(at_least(0.0))
    dampening = Setting(at_least(0.0))
    weight_decay = Setting(at_least(0.0))
    nesterov = Setting(check_switch)

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 0.001,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        dampening: float = 0.0,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
        )

    def check(self, group: Group) -> None:
        if group.nesterov and group.momentum == 0.0:
            raise UsageError("nesterov needs a momentum above 0")
        if group.nesterov and group.dampening:
            raise UsageError("nesterov goes with no dampening")

    def prepare(self, group: Group) -> None:
        if group.momentum:
            self.moment("velocity", group)
        if group.momentum and group.dampening:
            self.need_count()

    def rates(self, group: Group) -> Rates:
        """Return lr and, with dampening, the share of the gradient that joins the momentum."""
        if not (group.momentum and group.dampening and self.count is not None):
            return (group.lr,)
        return group.lr, 1.0 - (self.count > 1.0).cast("float64") * group.dampening

    def update(
        self, group: Group, position: int, parameter: Tensor, g: Tensor, rates: Rates
    ) -> Tensor:
        lr, *share = rates
        if group.weight_decay:
            g = g + parameter * group.weight_decay
        if group.momentum:
            velocity = self.moments["velocity"][position]
            added = g * share[0] if share else g
            velocity.assign(velocity * group.momentum + added)
            g = g + velocity * group.momentum if group.nesterov else velocity
        return parameter - g * lr
