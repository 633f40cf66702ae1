"""Relatives of Adam: Adamax, NAdam and RAdam."""

from rushlight.ops.elementwise import where
from rushlight.optim.groups import Group, Setting, at_least, check_switch, number, two
from rushlight.optim.optimizer import Optimizer, Parameters, Rates
from rushlight.tensor import Tensor


class Adamax(Optimizer):
    """Adam with the largest of recent gradients in place of the second moment. As in PyTorch.

    Kingma and Ba 2015, section 7.1.

    Args:
        parameters: tensors to train, or groups of them.
        lr: learning rate.
        betas: how slowly the first moment moves, and the largest gradient falls.
        eps: keeps the division finite.
        weight_decay: how much of the weight is added to its gradient.
        maximize: go up instead of down.

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0], requires_grad=True)
    >>> Adamax([w], lr=0.1).backward_step((w * w).sum())
    >>> round(w.item(), 6)
    0.9
    """

    count: Tensor
    betas = Setting(two(at_least(0.0, below=1.0)))
    eps = Setting(at_least(0.0))
    weight_decay = Setting(at_least(0.0))

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 0.002,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize
        )

    def prepare(self, group: Group) -> None:
        self.need_count()
        self.moment("first", group)
        self.moment("largest", group)

    def rates(self, group: Group) -> Rates:
        """Return lr, corrected for m having begun at zero."""
        return (group.lr / (1.0 - group.betas[0] ** self.count),)

    def update(
        self, group: Group, position: int, parameter: Tensor, g: Tensor, rates: Rates
    ) -> Tensor:
        (step_size,) = rates
        b1, b2 = group.betas
        if group.weight_decay:
            g = g + parameter * group.weight_decay
        first, largest = self.moments["first"][position], self.moments["largest"][position]
        m = first.assign(first * b1 + g * (1.0 - b1))
        u = largest.assign((largest * b2).maximum(g.abs() + group.eps))
        return parameter - step_size * m / u


class _WithDecoupling(Optimizer):
    """Optimisers with Adam's moments whose decay may shrink the weights themselves."""

    count: Tensor
    betas = Setting(two(at_least(0.0, below=1.0)))
    eps = Setting(at_least(0.0))
    weight_decay = Setting(at_least(0.0))
    decoupled = Setting(check_switch)

    def prepare(self, group: Group) -> None:
        self.need_count()
        self.moment("first", group)
        self.moment("second", group)

    def _decayed(
        self, group: Group, parameter: Tensor, g: Tensor, lr: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the weights and their gradient after the decay."""
        if group.weight_decay and group.decoupled:
            return parameter - parameter * (lr * group.weight_decay), g
        if group.weight_decay:
            return parameter, g + parameter * group.weight_decay
        return parameter, g

    def _moved(self, group: Group, position: int, g: Tensor) -> tuple[Tensor, Tensor]:
        """Return the two moments after this gradient."""
        b1, b2 = group.betas
        first, second = self.moments["first"][position], self.moments["second"][position]
        m = first.assign(first * b1 + g * (1.0 - b1))
        return m, second.assign(second * b2 + g * g * (1.0 - b2))


class NAdam(_WithDecoupling):
    """Adam that looks ahead along its momentum, as Nesterov does (Dozat 2016). As in PyTorch.

    Args:
        parameters: tensors to train, or groups of them.
        lr: learning rate.
        betas: how slowly the first and second moment move.
        eps: keeps the division finite.
        weight_decay: how much of the weight is added to its gradient.
        momentum_decay: how quickly the momentum comes up to its full share.
        decoupled: let decay shrink the weights themselves, as in AdamW.
        maximize: go up instead of down.

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0], requires_grad=True)
    >>> NAdam([w], lr=0.1).backward_step((w * w).sum())
    >>> round(w.item(), 4)
    0.8944
    """

    momentum_decay = Setting(at_least(0.0))

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 0.002,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 0.004,
        decoupled: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            momentum_decay=momentum_decay,
            decoupled=decoupled,
            maximize=maximize,
        )

    def prepare(self, group: Group) -> None:
        super().prepare(group)
        products = self.moments.setdefault("product", {})
        products.setdefault(group.first, number(f"product.{group.first}", 1.0))

    def rates(self, group: Group) -> Rates:
        """Return lr, what g and m are multiplied by, and what corrects sqrt(v)."""
        b1, b2 = group.betas
        mu, next_mu = (
            b1 * (1.0 - 0.5 * 0.96 ** (count * group.momentum_decay))
            for count in (self.count, self.count + 1.0)
        )
        product = self.moments["product"][group.first]
        product.assign(product * mu)
        of_gradient = group.lr * (1.0 - mu) / (1.0 - product)
        of_moment = group.lr * next_mu / (1.0 - product * next_mu)
        return group.lr, of_gradient, of_moment, (1.0 - b2**self.count) ** -0.5

    def update(
        self, group: Group, position: int, parameter: Tensor, g: Tensor, rates: Rates
    ) -> Tensor:
        lr, of_gradient, of_moment, correction = rates
        parameter, g = self._decayed(group, parameter, g, lr)
        m, v = self._moved(group, position, g)
        change: Tensor = (of_gradient * g + of_moment * m) / (v.sqrt() * correction + group.eps)
        return parameter - change


class RAdam(_WithDecoupling):
    """Adam whose first steps are plain momentum, until v is known well enough. As in PyTorch.

    Liu et al. 2020.

    Args:
        parameters: tensors to train, or groups of them.
        lr: learning rate.
        betas: how slowly the first and second moment move.
        eps: keeps the division finite.
        weight_decay: how much of the weight is added to its gradient.
        decoupled: let decay shrink the weights themselves, as in AdamW.
        maximize: go up instead of down.

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0], requires_grad=True)
    >>> RAdam([w], lr=0.1).backward_step((w * w).sum())
    >>> round(w.item(), 6)
    0.8
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            decoupled=decoupled,
            maximize=maximize,
        )

    def rates(self, group: Group) -> Rates:
        """Return lr, lr corrected for m, the share of 1 / sqrt(v), and whether v counts yet."""
        b1, b2 = group.betas
        decayed = b2**self.count
        longest = 2.0 / (1.0 - b2) - 1.0
        length = longest - 2.0 * self.count * decayed / (1.0 - decayed)
        known = length.maximum(5.0)
        rectified = (known - 4.0) * (known - 2.0) * longest
        rectified = rectified / (known * ((longest - 4.0) * (longest - 2.0)))
        counts = (length > 5.0).cast("float64")
        share = (rectified * (1.0 - decayed)).sqrt() * counts
        return group.lr, group.lr / (1.0 - b1**self.count), share, counts

    def update(
        self, group: Group, position: int, parameter: Tensor, g: Tensor, rates: Rates
    ) -> Tensor:
        lr, step_size, share, counts = rates
        parameter, g = self._decayed(group, parameter, g, lr)
        m, v = self._moved(group, position, g)
        scale: Tensor = where(counts > 0.0, share / (v.sqrt() + group.eps), 1.0)
        return parameter - step_size * m * scale
