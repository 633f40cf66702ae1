"""Functions from functions: `grad` and `value_and_grad`, and gradients of given tensors."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from rushlight.autograd import gradients, leaves_of
from rushlight.core.bind import bind
from rushlight.core.errors import DTypeError, GradientError, UsageError
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
        fresh = []  # leaves that only this differentiation knows
        with enable_grad():
            for position in positions:
                x = _argument(args, position)
                if not (recorded and x.requires_grad):
                    x = x.detach().requires_grad_()
                    fresh.append(x)
                # A node of its own, at which the sweep reads the gradient.
                inputs[position] = bind(reshape_p, x, shape=x.shape)
            value = _check_value(function(*inputs, **kwargs))
            wanted = [inputs[position] for position in positions]
            others = {id(x) for x in leaves_of([value])} - {id(x) for x in fresh}
            linked = recorded and bool(others)
            found = gradients([value], wanted, create_graph=linked, retain_graph=bool(others))
        grads = tuple(
            as_tensor(0.0, x.dtype).broadcast_to(x.shape) if g is None else g
            for x, g in zip(wanted, found, strict=True)
        )
        return value if linked else value.detach(), grads[0] if isinstance(argnums, int) else grads

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
            raise GradientError(
                "an input does not require a gradient", hint="use x.requires_grad_()"
            )
    return gradients(
        roots, inputs, grad_outputs, create_graph=create_graph, retain_graph=retain_graph
    )


def _argument(args: tuple[Any, ...], position: int) -> Tensor:
    if not -len(args) <= position < len(args):
        raise UsageError(f"there is no argument {position}: {len(args)} were given")
    return as_tensor(args[position])


def _check_value(value: Any) -> Tensor:
    if not isinstance(value, Tensor):
        raise DTypeError(f"the function gives {type(value).__name__}, not a scalar tensor")
    return value
