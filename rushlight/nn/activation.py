"""Activations as layers."""

from typing import Any

from rushlight.nn.module import Module, register
from rushlight.tensor import Tensor, as_tensor


@register
class ReLU(Module):
    """max(x, 0).

    >>> import rushlight as rl
    >>> ReLU()(rl.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, x: Any) -> Tensor:
        return as_tensor(x).relu()


@register
class Sigmoid(Module):
    """1 / (1 + exp(-x)).

    >>> import rushlight as rl
    >>> Sigmoid()(rl.tensor([0.0]))
    tensor([0.5])
    """

    def forward(self, x: Any) -> Tensor:
        return as_tensor(x).sigmoid()


@register
class Tanh(Module):
    """The hyperbolic tangent.

    >>> import rushlight as rl
    >>> Tanh()(rl.tensor([0.0]))
    tensor([0.])
    """

    def forward(self, x: Any) -> Tensor:
        return as_tensor(x).tanh()


@register
class Softmax(Module):
    """exp(x) scaled to sum to 1 along `axis`.

    >>> import rushlight as rl
    >>> Softmax()(rl.tensor([0.0, 0.0]))
    tensor([0.5, 0.5])
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Tensor:
        return as_tensor(x).softmax(self.axis)


@register
class LogSoftmax(Module):
    """log(softmax(x)) along `axis`, without overflow.

    >>> import rushlight as rl
    >>> LogSoftmax()(rl.tensor([0.0, 0.0]))
    tensor([-0.6931472, -0.6931472])
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Tensor:
        return as_tensor(x).log_softmax(self.axis)
