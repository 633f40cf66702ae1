"""Gradient clipping."""

import functools
import operator
from collections.abc import Iterable

from rushlight.core.errors import GradientError
from rushlight.core.mode import no_grad
from rushlight.optim.groups import as_list, check_number
from rushlight.tensor import Tensor


def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float) -> Tensor:
    """Scale all gradients so that their common norm is at most `max_norm`; return the norm before.

    Pascanu, Mikolov and Bengio 2013; the same formula as PyTorch's `clip_grad_norm_`.

    >>> import rushlight as rl
    >>> w = rl.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w * 0.5).sum().backward()
    >>> clip_grad_norm([w], 1.0), [round(g, 4) for g in w.grad.tolist()]
    (tensor(5.), [0.6, 0.8])
    """
    max_norm = check_number("max_norm", max_norm, low=0.0)
    listed = as_list(parameters)
    with no_grad():
        found = [(parameter, parameter.grad) for parameter in listed]
        held = [(parameter, g) for parameter, g in found if g is not None]
        if not held:
            raise GradientError("no parameter has a gradient", hint="call loss.backward() first")
        total = functools.reduce(operator.add, [(g * g).sum() for _, g in held])
        norm: Tensor = total.sqrt()
        scale = (max_norm / (norm + 1e-6)).clip(high=1.0)
        for parameter, g in held:
            parameter.grad = g * scale
    return norm
