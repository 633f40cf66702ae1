"""Ops made of primitives: softmax, linear and bilinear maps, normalisation."""

from collections.abc import Sequence
from typing import Any

from rushlight.core.bind import as_value, op
from rushlight.core.dtypes import float32
from rushlight.core.errors import ShapeError
from rushlight.core.primitive import method
from rushlight.core.shapes import normalize_axis, size_of
from rushlight.ops.matmul import matmul_t
from rushlight.ops.pointwise import cast
from rushlight.ops.reduce import mean, sum, var


@method("log_softmax")
@op
def log_softmax(x: Any, axis: int = -1) -> Any:
    """Return log(softmax(x)) along `axis`, without overflow.

    >>> import rushlight as rl
    >>> rl.tensor([0.0, 0.0]).log_softmax()
    tensor([-0.6931472, -0.6931472])
    """
    x = as_float(x)
    shifted = shifted_down(x, normalize_axis(axis, x.rank))
    return shifted - log_of_sum(shifted, axis)


def as_float(x: Any) -> Any:
    """Return a value that is a float: integers become float32."""
    x = as_value(x)
    return x if x.dtype.is_float else cast(x, float32)


def shifted_down(x: Any, axis: int) -> Any:
    """Return `x` less its largest element: beside a large one a logarithm would lose digits."""
    return x - x.max(axis, keepdims=True).detach() if x.shape[axis] else x


def log_of_sum(shifted: Any, axis: int) -> Any:
    """Return the logarithm of the sum of exp(shifted) along `axis`, which stays with size 1."""
    return sum(shifted.exp(), axis, keepdims=True).log()


@method("softmax")
@op
def softmax(x: Any, axis: int = -1) -> Any:
    """Return exp(x) scaled to sum to 1 along `axis`.

    >>> import rushlight as rl
    >>> rl.tensor([0.0, 0.0]).softmax()
    tensor([0.5, 0.5])
    """
    return log_softmax(x, axis).exp()


@op
def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """Return x @ weight.T + bias: (..., inputs) with weight (outputs, inputs) gives (..., outputs).

    >>> import rushlight as rl
    >>> rl.nn.functional.linear(rl.ones(2), rl.ones(3, 2))
    tensor([2., 2., 2.])
    """
    x, weight = as_value(x), as_value(weight)
    if weight.rank != 2:
        raise ShapeError(f"the weight should be (outputs, inputs), it is {weight.shape}")
    if x.shape[-1:] != weight.shape[1:]:
        size = f"its last axis is {x.shape[-1]}" if x.shape else "it is a scalar"
        flat = (*x.shape[:1], size_of(x.shape[1:]))
        hint = f"x.flatten(1) is {flat}" if flat[1:] == weight.shape[1:] else None
        raise ShapeError(f"the input should end in {weight.shape[1]} features; {size}", hint=hint)
    y = matmul_t(x, weight)
    return y if bias is None else y + bias


@op
def normalize(x: Any, axes: Sequence[int], eps: float) -> Any:
    """Return (x - mean) / sqrt(variance + eps), both taken over `axes`.

    >>> import rushlight as rl
    >>> rl.nn.functional.normalize(rl.tensor([1.0, 3.0]), (0,), 0.0)
    tensor([-1.,  1.])
    """
    centred = x - mean(x, axes, keepdims=True)
    return centred / (var(x, axes, keepdims=True) + eps).sqrt()


@op
def bilinear(left: Any, right: Any, weight: Any, bias: Any = None) -> Any:
    """Return left @ weight[k] @ right + bias[k] for each output k.

    (..., lefts) and (..., rights) with weight (outputs, lefts, rights) give (..., outputs).

    >>> import rushlight as rl
    >>> rl.nn.functional.bilinear(rl.ones(2), rl.ones(3), rl.ones(1, 2, 3))
    tensor([6.])
    """
    left, right, weight = as_value(left), as_value(right), as_value(weight)
    if weight.rank != 3:
        raise ShapeError(f"the weight should be (outputs, lefts, rights), it is {weight.shape}")
    outputs, lefts, rights = weight.shape
    for x, size, name in ((left, lefts, "left"), (right, rights, "right")):
        if x.shape[-1:] != (size,):
            raise ShapeError(f"the {name} input should end in {size} features, it is {x.shape}")
    if left.shape[:-1] != right.shape[:-1]:
        raise ShapeError(f"the inputs differ: {left.shape[:-1]} and {right.shape[:-1]} vectors")
    mapped = matmul_t(right, weight.reshape(outputs * lefts, rights))  # (..., outputs * lefts)
    mapped = mapped.reshape((*left.shape[:-1], outputs, lefts))
    y = sum(mapped * left.unsqueeze(-2), -1)
    return y if bias is None else y + bias
