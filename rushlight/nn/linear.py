"""The fully connected layer."""

from typing import Any

from rushlight.nn import init
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

    Weights (outputs, inputs) and bias (outputs,) begin uniform in ±1/sqrt(inputs), as in PyTorch.

    >>> import rushlight as rl
    >>> Linear(3, 2)(rl.ones(4, 3)).shape
    (4, 2)
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        init.check_sizes(inputs=inputs, outputs=outputs)
        bound = inputs**-0.5
        self.weight = Parameter(init.uniform((outputs, inputs), -bound, bound))
        self.bias = Parameter(init.uniform((outputs,), -bound, bound)) if bias else None

    def forward(self, x: Any) -> Tensor:
        return linear(x, self.weight, self.bias)  # type: ignore[no-any-return]
