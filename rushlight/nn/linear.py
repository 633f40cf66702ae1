"""The fully connected layer."""

from typing import Any

from rushlight.nn.init import check_sizes, weight_and_bias
from rushlight.nn.module import Module, Parameter, register
from rushlight.ops.composite import linear
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
