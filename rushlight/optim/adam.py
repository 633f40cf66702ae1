"""Adam and AdamW."""

from rushlight.optim.groups import Group, Setting, at_least, check_switch, two
from rushlight.optim.optimizer import Optimizer, Parameters, Rates
from rushlight.tensor import Tensor


class Adam(Optimizer):
    """Steps scaled by running moments of the gradient (Kingma and Ba 2015). As in PyTorch.

    Args:
        parameters: tensors to train, or groups of them.
        lr: learning rate.
        betas: how slowly the first and second moment move.
        eps: keeps the division finite.
        weight_decay: how much of the weight is added to its gradient.
        amsgrad: divide by the largest second moment so far (Reddi, Kale and Kumar 2018).
        maximize: go up instead of down.

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0], requires_grad=True)
    >>> Adam([w], lr=0.1).backward_step((w * w).sum())
    >>> round(w.item(), 6)
    0.9
    """

    decoupled = False  # whether decay shrinks the weight itself instead of joining the gradient
    count: Tensor
    betas = Setting(two(at_least(0.0, below=1.0)))
    eps = Setting(at_least(0.0))
    weight_decay = Setting(at_least(0.0))
    amsgrad = Setting(check_switch)

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        amsgrad: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            maximize=maximize,
        )

    def prepare(self, group: Group) -> None:
        self.need_count()
        self.moment("first", group)
        self.moment("second", group)
        if group.amsgrad:
            self.moment("largest", group)

    def rates(self, group: Group) -> Rates:
        """Return lr, and what corrects m and sqrt(v) for having begun at zero."""
        b1, b2 = group.betas
        return group.lr, group.lr / (1.0 - b1**self.count), (1.0 - b2**self.count) ** -0.5

    def update(
        self, group: Group, position: int, parameter: Tensor, g: Tensor, rates: Rates
    ) -> Tensor:
        lr, step_size, correction = rates
        b1, b2 = group.betas
        first, second = self.moments["first"][position], self.moments["second"][position]
        if group.weight_decay and self.decoupled:
            parameter = parameter - parameter * (lr * group.weight_decay)
        elif group.weight_decay:
            g = g + parameter * group.weight_decay
        m = first.assign(first * b1 + g * (1.0 - b1))
        v = second.assign(second * b2 + g * g * (1.0 - b2))
        if group.amsgrad:
            largest = self.moments["largest"][position]
            v = largest.assign(largest.maximum(v))
        change: Tensor = step_size * m / (v.sqrt() * correction + group.eps)
        return parameter - change


class AdamW(Adam):
    """Adam with decay that shrinks the weights themselves (Loshchilov and Hutter 2019).

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0], requires_grad=True)
    >>> AdamW([w], lr=0.1, weight_decay=0.5).backward_step((w * w).sum())
    >>> round(w.item(), 6)
    0.85
    """

    decoupled = True

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        *,
        amsgrad: bool = False,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            parameters, lr, betas, eps, weight_decay, amsgrad=amsgrad, maximize=maximize
        )
