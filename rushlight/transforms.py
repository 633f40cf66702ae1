"""Functions from functions: `grad` and `value_and_grad`, and gradients of given tensors."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.autograd import gradients
from rushlight.core.bind import bind
from rushlight.core.errors import GradientError
from rushlight.core.mode import enable_grad, mode
from rushlight.ops.movement import reshape_p
from rushlight.tensor import Tensor, as_tensor


def value_and_grad(
    function: Callable[..., Any], argnums: int | Sequence[int] = 0
) -> Callable[..., Any]:
    """Return a function that gives the value of `function` and its gradient.

    Args:
        function: gives a scalar tensor.
        argnums: the argument, or the arguments, with respect to which.

    >>> import rushlight as rl
    >>> rl.value_and_grad(lambda x: (x * x).sum())(rl.tensor([1.0, 2.0]))
    (tensor(5.), tensor([2., 4.]))
    """
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(function)
    def both(*args: Any, **kwargs: Any) -> Any:
        recorded = mode.grad
        inputs = list(args)
        with enable_grad():
            for position in positions:
                inputs[position] = _own(as_tensor(args[position]), recorded)
            value = function(*inputs, **kwargs)
            wanted = [inputs[position] for position in positions]
            found = gradients([value], wanted, create_graph=recorded)
        grads = tuple(
            x.detach() * 0.0 if g is None else g for x, g in zip(wanted, found, strict=True)
        )
        outer = any(isinstance(x, Tensor) and x.requires_grad for x in args)
        value = value if outer and recorded else value.detach()
        return value, grads[0] if isinstance(argnums, int) else grads

    return both


def grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return a function that gives the gradient of `function`; it can be differentiated again.

    >>> import rushlight as rl
    >>> cube = lambda x: x * x * x
    >>> rl.grad(cube)(rl.tensor(2.0)), rl.grad(rl.grad(cube))(rl.tensor(2.0))
    (tensor(12.), tensor(12.))
    """
    both = value_and_grad(function, argnums)

    @functools.wraps(function)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def gradients_of(
    outputs: Tensor | Sequence[Tensor],
    inputs: Sequence[Tensor],
    grad_outputs: Sequence[Tensor] | None = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
) -> list[Tensor | None]:
    """Return the gradients of outputs with respect to inputs, without touching any `.grad`.

    >>> import rushlight as rl
    >>> x = rl.tensor(3.0, requires_grad=True)
    >>> rl.gradients_of(x * x, [x])
    [tensor(6.)]
    """
    roots = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    for x in inputs:
        if not x.requires_grad:
            raise GradientError("an input does not require a gradient", hint="use x.requires_grad_()")
    return gradients(
        roots, inputs, grad_outputs, create_graph=create_graph, retain_graph=retain_graph
    )


def _own(x: Tensor, linked: bool) -> Tensor:
    """Return a tensor of the values of `x` that only this differentiation knows."""
    source = x if x.requires_grad and linked else x.detach().requires_grad_()
    return bind(reshape_p, source, shape=source.shape)  # type: ignore[no-any-return]
