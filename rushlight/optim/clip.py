"""Gradient clipping."""

from collections.abc import Iterable

from rushlight.core.errors import GradientError
from rushlight.core.mode import no_grad
from rushlight.optim.optimizer import check_number
from rushlight.tensor import Tensor


def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float) -> Tensor:
    """Scale all gradients so that their common norm is at most `max_norm`; return the norm before.

    Pascanu, Mikolov and Bengio 2013; the same formula as PyTorch's `clip_grad_norm_`.

    >>> import rushlight as rl
    >>> w = rl.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w * 0.5).sum().backward()
    >>> clip_grad_norm([w], 1.0), w.grad
    (tensor(5.), tensor([0.59999985, 0.7999998 ]))
    """
    check_number("max_norm", max_norm, low=0.0)
    with no_grad():
        held = [p for p in parameters if p.grad is not None]
        if not held:
            raise GradientError("no parameter has a gradient", hint="call backward first")
        total: Tensor | None = None
        for p in held:
            square = (p.grad * p.grad).sum()
            total = square if total is None else total + square
        norm = total.sqrt()
        scale = (max_norm / (norm + 1e-6)).clip(high=1.0)
        for p in held:
            p.grad = p.grad * scale
    return norm
