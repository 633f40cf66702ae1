"""Activations as layers."""

import sys
from typing import Any, Literal

from rushlight.core.errors import ModuleError
from rushlight.nn.init import check_sizes, checked_number, constant
from rushlight.nn.module import Module, Parameter, register
from rushlight.ops import activations
from rushlight.tensor import Tensor, as_tensor

LEAST = -sys.float_info.max


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


@register
class SiLU(Module):
    """x * sigmoid(x), also called swish. Elfwing et al. 2017.

    >>> import rushlight as rl
    >>> SiLU()(rl.tensor([0.0, 1.0]))
    tensor([0.       , 0.7310586])
    """

    def forward(self, x: Any) -> Tensor:
        return activations.silu(x)  # type: ignore[no-any-return]


@register
class Mish(Module):
    """x * tanh(softplus(x)). Misra 2019.

    >>> import rushlight as rl
    >>> Mish()(rl.tensor([0.0, 1.0]))
    tensor([0.       , 0.8650984])
    """

    def forward(self, x: Any) -> Tensor:
        return activations.mish(x)  # type: ignore[no-any-return]


@register
class Hardswish(Module):
    """x * hardsigmoid(x). Howard et al. 2019.

    >>> import rushlight as rl
    >>> Hardswish()(rl.tensor([-4.0, 1.5, 4.0]))
    tensor([-0.   ,  1.125,  4.   ])
    """

    def forward(self, x: Any) -> Tensor:
        return activations.hardswish(x)  # type: ignore[no-any-return]


@register
class Hardsigmoid(Module):
    """0 below -3, 1 above 3, a straight line between.

    >>> import rushlight as rl
    >>> Hardsigmoid()(rl.tensor([-4.0, 0.0, 4.0]))
    tensor([0. , 0.5, 1. ])
    """

    def forward(self, x: Any) -> Tensor:
        return activations.hardsigmoid(x)  # type: ignore[no-any-return]


@register
class ReLU6(Module):
    """x from 0 to 6. Krizhevsky 2010.

    >>> import rushlight as rl
    >>> ReLU6()(rl.tensor([-1.0, 3.0, 9.0]))
    tensor([0., 3., 6.])
    """

    def forward(self, x: Any) -> Tensor:
        return activations.relu6(x)  # type: ignore[no-any-return]


@register
class SELU(Module):
    """ELU with the alpha and scale that keep mean 0 and variance 1. Klambauer et al. 2017.

    >>> import rushlight as rl
    >>> SELU()(rl.tensor([-1.0, 2.0]))
    tensor([-1.1113307,  2.101402 ])
    """

    def forward(self, x: Any) -> Tensor:
        return activations.selu(x)  # type: ignore[no-any-return]


@register
class Softsign(Module):
    """x / (1 + |x|).

    >>> import rushlight as rl
    >>> Softsign()(rl.tensor([-1.0, 3.0]))
    tensor([-0.5 ,  0.75])
    """

    def forward(self, x: Any) -> Tensor:
        return activations.softsign(x)  # type: ignore[no-any-return]


@register
class LogSigmoid(Module):
    """log(sigmoid(x)), without overflow.

    >>> import rushlight as rl
    >>> LogSigmoid()(rl.tensor([0.0, -200.0]))
    tensor([  -0.6931472, -200.       ])
    """

    def forward(self, x: Any) -> Tensor:
        return activations.logsigmoid(x)  # type: ignore[no-any-return]


@register
class Tanhshrink(Module):
    """x - tanh(x).

    >>> import rushlight as rl
    >>> Tanhshrink()(rl.tensor([0.0, 2.0]))
    tensor([0.       , 1.0359724])
    """

    def forward(self, x: Any) -> Tensor:
        return activations.tanhshrink(x)  # type: ignore[no-any-return]


@register
class GELU(Module):
    """x times the chance that a standard normal number is below x. Hendrycks and Gimpel 2016.

    Exact by the error function, or with `approximate="tanh"` by their formula.

    >>> import rushlight as rl
    >>> GELU()(rl.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.15865526,  0.        ,  0.8413447 ])
    """

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ModuleError(f'approximate is "none" or "tanh", not {approximate!r}')
        self.approximate = approximate

    def forward(self, x: Any) -> Tensor:
        return activations.gelu(x, self.approximate)  # type: ignore[no-any-return]


@register
class Hardtanh(Module):
    """x from `low` to `high`.

    >>> import rushlight as rl
    >>> Hardtanh()(rl.tensor([-2.0, 0.5, 2.0]))
    tensor([-1. ,  0.5,  1. ])
    """

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        self.low = checked_number("low", low, least=LEAST)
        self.high = checked_number("high", high, least=LEAST)
        if not self.low < self.high:
            raise ModuleError(f"low {low!r} is not below high {high!r}")

    def forward(self, x: Any) -> Tensor:
        return activations.hardtanh(x, self.low, self.high)  # type: ignore[no-any-return]


@register
class LeakyReLU(Module):
    """x where it is positive, else slope * x. Maas, Hannun and Ng 2013.

    >>> import rushlight as rl
    >>> LeakyReLU(0.5)(rl.tensor([-2.0, 3.0]))
    tensor([-1.,  3.])
    """

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = checked_number("slope", slope, least=LEAST)

    def forward(self, x: Any) -> Tensor:
        return activations.leaky_relu(x, self.slope)  # type: ignore[no-any-return]


@register
class PReLU(Module):
    """x where it is positive, else a slope that is trained times x. He et al. 2015.

    Args:
        features: 1 for one slope, or the size of axis 1 for one each.
        slope: where the slopes begin.

    >>> import rushlight as rl
    >>> PReLU(2)(rl.tensor([[-2.0, 4.0]]))
    tensor([[-0.5,  4. ]], requires_grad=True)
    """

    def __init__(self, features: int = 1, slope: float = 0.25) -> None:
        check_sizes(features=features)
        start = checked_number("slope", slope, least=LEAST)
        self.weight = Parameter(constant((features,), start))

    def forward(self, x: Any) -> Tensor:
        return activations.prelu(x, self.weight)  # type: ignore[no-any-return]


@register
class ELU(Module):
    """x where it is positive, else alpha * (exp(x) - 1). Clevert et al. 2015.

    >>> import rushlight as rl
    >>> ELU()(rl.tensor([-1.0, 2.0]))
    tensor([-0.63212055,  2.        ])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = checked_number("alpha", alpha, least=LEAST)

    def forward(self, x: Any) -> Tensor:
        return activations.elu(x, self.alpha)  # type: ignore[no-any-return]


@register
class CELU(Module):
    """x where it is positive, else alpha * (exp(x / alpha) - 1). Barron 2017.

    >>> import rushlight as rl
    >>> CELU()(rl.tensor([-1.0, 2.0]))
    tensor([-0.63212055,  2.        ])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = checked_number("alpha", alpha, least=LEAST)
        if self.alpha == 0.0:
            raise ModuleError("alpha must not be 0")

    def forward(self, x: Any) -> Tensor:
        return activations.celu(x, self.alpha)  # type: ignore[no-any-return]


@register
class Softplus(Module):
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x is above the threshold.

    >>> import rushlight as rl
    >>> Softplus()(rl.tensor([0.0, 30.0]))
    tensor([ 0.6931472, 30.       ])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta = checked_number("beta", beta, least=LEAST)
        if self.beta == 0.0:
            raise ModuleError("beta must not be 0")
        self.threshold = checked_number("threshold", threshold, least=LEAST)

    def forward(self, x: Any) -> Tensor:
        return activations.softplus(x, self.beta, self.threshold)  # type: ignore[no-any-return]


@register
class Softshrink(Module):
    """x moved towards 0 by `width`, and 0 where it is nearer than that.

    >>> import rushlight as rl
    >>> Softshrink()(rl.tensor([-2.0, 0.3, 2.0]))
    tensor([-1.5,  0. ,  1.5])
    """

    def __init__(self, width: float = 0.5) -> None:
        self.width = checked_number("width", width)

    def forward(self, x: Any) -> Tensor:
        return activations.softshrink(x, self.width)  # type: ignore[no-any-return]


@register
class Hardshrink(Module):
    """x, and 0 where |x| is at most `width`.

    >>> import rushlight as rl
    >>> Hardshrink()(rl.tensor([-2.0, 0.3, 2.0]))
    tensor([-2.,  0.,  2.])
    """

    def __init__(self, width: float = 0.5) -> None:
        self.width = checked_number("width", width)

    def forward(self, x: Any) -> Tensor:
        return activations.hardshrink(x, self.width)  # type: ignore[no-any-return]


@register
class Threshold(Module):
    """x, and `value` where x is at most `limit`.

    >>> import rushlight as rl
    >>> Threshold(1.0, 7.0)(rl.tensor([-2.0, 2.0]))
    tensor([7., 2.])
    """

    def __init__(self, limit: float, value: float) -> None:
        self.limit = checked_number("limit", limit, least=LEAST)
        self.value = checked_number("value", value, least=LEAST)

    def forward(self, x: Any) -> Tensor:
        return activations.threshold(x, self.limit, self.value)  # type: ignore[no-any-return]


@register
class Softmin(Module):
    """softmax(-x) along `axis`: the smallest gets the largest share.

    >>> import rushlight as rl
    >>> Softmin()(rl.tensor([0.0, 0.0]))
    tensor([0.5, 0.5])
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Tensor:
        return activations.softmin(x, self.axis)  # type: ignore[no-any-return]


@register
class GLU(Module):
    """The first half along `axis` times the sigmoid of the second half. Dauphin et al. 2016.

    >>> import rushlight as rl
    >>> GLU()(rl.tensor([4.0, 0.0]))
    tensor([2.])
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Tensor:
        return activations.glu(x, self.axis)  # type: ignore[no-any-return]
