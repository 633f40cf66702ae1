"""Gradient clipping."""

import functools
import math
import operator
from collections.abc import Iterable

from rushlight.core.errors import GradientError
from rushlight.core.mode import no_grad
from rushlight.optim.groups import as_list, check_number, check_switch
from rushlight.tensor import Tensor


def clip_grad_norm(
    parameters: Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients so that their common norm is at most `max_norm`; return the norm before.

    Pascanu, Mikolov and Bengio 2013; the same formula as PyTorch's `clip_grad_norm_`.

    Args:
        parameters: tensors, of which those with a gradient count.
        max_norm: the most that the norm may be.
        norm_type: which norm: 2 is the length, 1 the sum, `math.inf` the largest.
        error_if_nonfinite: look at the norm; not in a traced step, which has no values yet.

    Raises:
        GradientError: no parameter has a gradient, or the norm is NaN or infinite and was to be
            looked at; no gradient has changed then.

    >>> import rushlight as rl
    >>> w = rl.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w * 0.5).sum().backward()
    >>> clip_grad_norm([w], 1.0), [round(g, 4) for g in w.grad.tolist()]
    (tensor(5.), [0.6, 0.8])
    """
    max_norm = check_number("max_norm", max_norm, low=0.0)
    if norm_type != math.inf:
        norm_type = check_number("norm_type", norm_type, low=1.0)
    check_switch("error_if_nonfinite", error_if_nonfinite)
    with no_grad():
        held = _held(parameters)
        norm = _norm([g for _, g in held], norm_type)
        if error_if_nonfinite and not math.isfinite(norm.item()):
            hint = "rl.detect_anomaly() names the first op that gave such a number"
            raise GradientError(f"the norm of the gradients is {norm.item()}", hint=hint)
        scale = (max_norm / (norm + 1e-6)).clip(high=1.0)
        for parameter, g in held:
            parameter.grad = g * scale.cast(g.dtype)
    return norm


def clip_grad_value(parameters: Iterable[Tensor], value: float) -> None:
    """Bring every element of all gradients between `-value` and `value`.

    The same as PyTorch's `clip_grad_value_`.

    Raises:
        GradientError: no parameter has a gradient.

    >>> import rushlight as rl
    >>> w = rl.tensor([3.0, -0.5], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> clip_grad_value([w], 2.0)
    >>> w.grad
    tensor([ 2., -1.])
    """
    value = check_number("value", value, low=0.0)
    with no_grad():
        for parameter, g in _held(parameters):
            parameter.grad = g.clip(-value, value)


def _held(parameters: Iterable[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Return the parameters that have a gradient, with it."""
    found = [(parameter, parameter.grad) for parameter in as_list(parameters)]
    held = [(parameter, g) for parameter, g in found if g is not None]
    if not held:
        raise GradientError("no parameter has a gradient", hint="call loss.backward() first")
    return held


def _norm(gradients: list[Tensor], kind: float) -> Tensor:
    """Return the norm of all gradients together."""
    if kind == math.inf:
        largest = [g.abs().max() for g in gradients if g.size]
        return functools.reduce(Tensor.maximum, largest) if largest else gradients[0].sum()
    if kind == 2.0:
        total = functools.reduce(operator.add, [(g * g).sum() for g in gradients])
        return total.sqrt()
    total = functools.reduce(operator.add, [(g.abs() ** kind).sum() for g in gradients])
    return total ** (1.0 / kind)
