"""Adam and AdamW."""

from collections.abc import Iterable

from rushlight.core.errors import UsageError
from rushlight.optim.optimizer import Optimizer, Rates, check_number, number
from rushlight.tensor import Tensor


class Adam(Optimizer):
    """Steps scaled by running moments of the gradient (Kingma and Ba 2015). As in PyTorch.

    All parameters share one count of steps, also those that had no gradient in some of them.

    Args:
        parameters: tensors to train.
        lr: learning rate.
        betas: how slowly the first and second moment move.
        eps: keeps the division finite.
        weight_decay: how much of the weight is added to its gradient.

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0], requires_grad=True)
    >>> Adam([w], lr=0.1).backward_step((w * w).sum())
    >>> round(w.item(), 6)
    0.9
    """

    decoupled = False  # whether decay shrinks the weight itself instead of joining the gradient
    count: Tensor

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr)
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise UsageError(f"betas must be two numbers, not {betas!r}")
        self.betas = (
            check_number("betas[0]", betas[0], low=0.0, below=1.0),
            check_number("betas[1]", betas[1], low=0.0, below=1.0),
        )
        self.eps = check_number("eps", eps, low=0.0)
        self.weight_decay = check_number("weight_decay", weight_decay, low=0.0)
        self.first = self.moment("first")
        self.second = self.moment("second")
        self.count = number("count", 0.0)

    def rates(self) -> Rates:
        """Return lr, and what corrects m and sqrt(v) for having begun at zero."""
        b1, b2 = self.betas
        return self.lr, self.lr / (1.0 - b1**self.count), (1.0 - b2**self.count) ** -0.5

    def update(self, position: int, parameter: Tensor, g: Tensor, rates: Rates) -> Tensor:
        lr, step_size, correction = rates
        b1, b2 = self.betas
        if self.weight_decay and self.decoupled:
            parameter = parameter - parameter * (lr * self.weight_decay)
        elif self.weight_decay:
            g = g + parameter * self.weight_decay
        m = self.first[position].assign(self.first[position] * b1 + g * (1.0 - b1))
        v = self.second[position].assign(self.second[position] * b2 + g * g * (1.0 - b2))
        return parameter - step_size * m / (v.sqrt() * correction + self.eps)


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
        parameters: Iterable[Tensor],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)
