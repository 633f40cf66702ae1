"""Adam and AdamW."""

from collections.abc import Iterable

from rushlight.core.mode import no_grad
from rushlight.optim.optimizer import Optimizer, check_number
from rushlight.tensor import Tensor


class Adam(Optimizer):
    """Steps scaled by running moments of the gradient (Kingma and Ba 2015). As in PyTorch.

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

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr)
        for name, beta in zip(("betas[0]", "betas[1]"), betas, strict=True):
            check_number(name, beta, low=0.0, below=1.0)
        check_number("eps", eps, low=0.0)
        check_number("weight_decay", weight_decay, low=0.0)
        self.betas = betas
        self.eps = eps
        self.weight_decay = weight_decay
        self.first = self.moment("first")
        self.second = self.moment("second")
        self.count = Tensor(0.0)
        self.count.name = "count"
        # The bias corrections 1 - beta^t, shared by all parameters of one step.
        self._corrections: tuple[Tensor, Tensor] | None = None

    def step(self) -> None:
        with no_grad():
            count = self.count + 1.0 if self.count is not None else Tensor(1.0)
            self._corrections = (1.0 - self.betas[0] ** count, 1.0 - self.betas[1] ** count)
        super().step()
        self._corrections = None

    def update(self, position: int, parameter: Tensor, g: Tensor) -> Tensor:
        if self.weight_decay and not self.decoupled:
            g = g + parameter * self.weight_decay
        (b1, b2), (c1, c2) = self.betas, self._corrections or (1.0, 1.0)
        m = self.first[position].assign(self.first[position] * b1 + g * (1.0 - b1))
        v = self.second[position].assign(self.second[position] * b2 + g * g * (1.0 - b2))
        if self.weight_decay and self.decoupled:
            parameter = parameter - parameter * (self.lr * self.weight_decay)
        step_size = self.lr / c1
        return parameter - step_size * m / ((v / c2).sqrt() + self.eps)


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
