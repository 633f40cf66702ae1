"""Stochastic gradient descent."""

from collections.abc import Iterable

from rushlight.core.errors import UsageError
from rushlight.optim.optimizer import Optimizer, Rates, check_number
from rushlight.tensor import Tensor


class SGD(Optimizer):
    """w <- w - lr * g, with momentum, Nesterov's variant and weight decay. Formulas as in PyTorch.

    Args:
        parameters: tensors to train.
        lr: learning rate.
        momentum: share of the last direction that is kept (Polyak 1964).
        weight_decay: how much of the weight is added to its gradient.
        nesterov: look ahead along the momentum (Sutskever et al. 2013).

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.5)
    >>> optimizer.backward_step((w * w).sum())
    >>> w
    tensor([0.], requires_grad=True)
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 0.001,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(parameters, lr)
        momentum = check_number("momentum", momentum, low=0.0)
        if nesterov and momentum == 0.0:
            raise UsageError("nesterov needs a momentum above 0")
        self.momentum = momentum
        self.weight_decay = check_number("weight_decay", weight_decay, low=0.0)
        self.nesterov = nesterov
        self.velocity = self.moment("velocity") if momentum else None

    def update(self, position: int, parameter: Tensor, g: Tensor, rates: Rates) -> Tensor:
        (lr,) = rates
        if self.weight_decay:
            g = g + parameter * self.weight_decay
        if self.velocity is not None:
            velocity = self.velocity[position]
            velocity.assign(velocity * self.momentum + g)
            g = g + velocity * self.momentum if self.nesterov else velocity
        return parameter - g * lr
