"""RMSprop."""

from rushlight.optim.groups import Group, Setting, at_least, check_switch
from rushlight.optim.optimizer import Optimizer, Parameters, Rates
from rushlight.tensor import Tensor


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squared gradients. As in PyTorch.

    Tieleman and Hinton 2012, lecture 6e; `centered` is Graves 2013.

    Args:
        parameters: tensors to train, or groups of them.
        lr: learning rate.
        alpha: how slowly the mean of squares moves.
        eps: keeps the division finite.
        weight_decay: how much of the weight is added to its gradient.
        momentum: share of the last direction that is kept.
        centered: divide by the deviation from the mean gradient instead.
        maximize: go up instead of down.

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0], requires_grad=True)
    >>> RMSprop([w], lr=0.01).backward_step((w * w).sum())
    >>> round(w.item(), 6)
    0.9
    """

    alpha = Setting(at_least(0.0, below=1.0))
    eps = Setting(at_least(0.0))
    weight_decay = Setting(at_least(0.0))
    momentum = Setting(at_least(0.0))
    centered = Setting(check_switch)

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            maximize=maximize,
        )

    def prepare(self, group: Group) -> None:
        self.moment("square", group)
        if group.centered:
            self.moment("mean", group)
        if group.momentum:
            self.moment("velocity", group)

    def update(
        self, group: Group, position: int, parameter: Tensor, g: Tensor, rates: Rates
    ) -> Tensor:
        (lr,) = rates
        alpha: float = group.alpha
        if group.weight_decay:
            g = g + parameter * group.weight_decay
        square = self.moments["square"][position]
        square.assign(square * alpha + g * g * (1.0 - alpha))
        spread: Tensor = square
        if group.centered:
            mean = self.moments["mean"][position]
            mean.assign(mean * alpha + g * (1.0 - alpha))
            spread = square - mean * mean
        direction: Tensor = g / (spread.sqrt() + group.eps)
        if group.momentum:
            velocity = self.moments["velocity"][position]
            direction = velocity.assign(velocity * group.momentum + direction)
        return parameter - direction * lr
