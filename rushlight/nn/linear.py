"""Layers that are linear in each of their inputs, and how near vectors are."""

from typing import Any

from rushlight.nn.init import (
    check_sizes,
    checked_flag,
    checked_norm,
    checked_number,
    uniform,
    weight_and_bias,
)
from rushlight.nn.module import Module, Parameter, register
from rushlight.ops.composite import bilinear, linear
from rushlight.ops.margins import cosine_similarity, pairwise_distance
from rushlight.tensor import Tensor


@register
class Linear(Module):
    """y = x @ weight.T + bias: (..., inputs) gives (..., outputs).

    Args:
        inputs: size of the last axis before.
        outputs: size of the last axis after.
        bias: whether there is one.
        init: name of an initialiser for the weights (outputs, inputs), with which the bias begins
            at zero; without one both begin uniform in ±1/sqrt(inputs), as in PyTorch.

    >>> import rushlight as rl
    >>> Linear(3, 2)(rl.ones(4, 3)).shape
    (4, 2)
    """

    def __init__(
        self, inputs: int, outputs: int, bias: bool = True, init: str | None = None
    ) -> None:
        check_sizes(inputs=inputs, outputs=outputs)
        weight, start = weight_and_bias((outputs, inputs), init)
        self.weight = Parameter(weight)
        self.bias = Parameter(start) if bias else None

    def forward(self, x: Any) -> Tensor:
        return linear(x, self.weight, self.bias)  # type: ignore[no-any-return]


@register
class Bilinear(Module):
    """y[k] = left @ weight[k] @ right + bias[k].

    (..., lefts) and (..., rights) give (..., outputs).

    Args:
        lefts: size of the last axis of the first input.
        rights: size of the last axis of the second.
        outputs: size of the last axis after.
        bias: whether there is one. All begin uniform in ±1/sqrt(lefts), as in PyTorch.

    >>> import rushlight as rl
    >>> Bilinear(3, 2, 4)(rl.ones(5, 3), rl.ones(5, 2)).shape
    (5, 4)
    """

    def __init__(self, lefts: int, rights: int, outputs: int, bias: bool = True) -> None:
        check_sizes(lefts=lefts, rights=rights, outputs=outputs)
        bound = lefts**-0.5
        self.weight = Parameter(uniform((outputs, lefts, rights), -bound, bound))
        self.bias = Parameter(uniform((outputs,), -bound, bound)) if bias else None

    def forward(self, left: Any, right: Any) -> Tensor:
        return bilinear(left, right, self.weight, self.bias)  # type: ignore[no-any-return]


@register
class CosineSimilarity(Module):
    """The cosine of the angle between vectors along an axis.

    >>> import rushlight as rl
    >>> CosineSimilarity()(rl.tensor([[3.0, 0.0]]), rl.tensor([[2.0, 0.0]]))
    tensor([1.])
    """

    def __init__(self, axis: int = 1, eps: float = 1e-8) -> None:
        self.axis = axis
        self.eps = checked_number("eps", eps)

    def forward(self, left: Any, right: Any) -> Tensor:
        return cosine_similarity(left, right, self.axis, self.eps)  # type: ignore[no-any-return]


@register
class PairwiseDistance(Module):
    """The p-norm of the difference of two inputs over the last axis.

    >>> import rushlight as rl
    >>> PairwiseDistance(p=1.0)(rl.tensor([[3.0, 0.0]]), rl.tensor([[0.0, 4.0]]))
    tensor([7.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False) -> None:
        self.p = checked_norm(p)
        self.eps = checked_number("eps", eps)
        self.keepdims = checked_flag("keepdims", keepdims)

    def forward(self, left: Any, right: Any) -> Tensor:
        distance: Tensor = pairwise_distance(left, right, self.p, self.eps, self.keepdims)
        return distance
