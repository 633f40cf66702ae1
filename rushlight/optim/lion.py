"""Lion."""

from rushlight.optim.groups import Group, Setting, at_least, two
from rushlight.optim.optimizer import Optimizer, Parameters, Rates
from rushlight.tensor import Tensor


class Lion(Optimizer):
    """Steps of one size in each weight, by the sign of a mean of gradients (Chen et al. 2023).

    The paper's algorithm 2. It wants a rate 3 to 10 times lower than AdamW, and as much more decay.

    Args:
        parameters: tensors to train, or groups of them.
        lr: learning rate.
        betas: how much of the mean is in the direction, and how slowly the mean moves.
        weight_decay: how much the weights shrink, in proportion to lr.
        maximize: go up instead of down.

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0, -3.0], requires_grad=True)
    >>> Lion([w], lr=0.25).backward_step((w * w).sum())
    >>> w
    tensor([ 0.75, -2.75], requires_grad=True)
    """

    betas = Setting(two(at_least(0.0, below=1.0)))
    weight_decay = Setting(at_least(0.0))

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, weight_decay=weight_decay, maximize=maximize)

    def prepare(self, group: Group) -> None:
        self.moment("mean", group)

    def update(
        self, group: Group, position: int, parameter: Tensor, g: Tensor, rates: Rates
    ) -> Tensor:
        (lr,) = rates
        b1, b2 = group.betas
        mean = self.moments["mean"][position]
        direction: Tensor = (mean * b1 + g * (1.0 - b1)).sign()
        if group.weight_decay:
            direction = direction + parameter * group.weight_decay
        mean.assign(mean * b2 + g * (1.0 - b2))
        return parameter - direction * lr
