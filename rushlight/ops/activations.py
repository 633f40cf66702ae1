"""Activations that are made of primitives; `relu`, `sigmoid` and `tanh` are primitives themselves.

At a kink the gradient is PyTorch's. What a function does not take to its end at large |x|, such as
an exponential, is worked out of a smaller number there, lest a gradient of 0 times infinity appear.
"""

import math
from typing import Any

from rushlight.core.bind import as_value, op
from rushlight.core.errors import ShapeError, UsageError
from rushlight.core.shapes import normalize_axis
from rushlight.ops.composite import as_float, softmax
from rushlight.ops.elementwise import where

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
TANH_IS_ONE = 12.0  # beyond it, the tanh in the approximation of GELU is 1 or -1


@op
def gelu(x: Any, approximate: str = "none") -> Any:
    """Return x times the chance that a standard normal number is below x.

    Hendrycks and Gimpel 2016. With `approximate="tanh"` their formula of a tanh is used.

    >>> import rushlight as rl
    >>> rl.nn.functional.gelu(rl.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.15865526,  0.        ,  0.8413447 ])
    """
    x = as_float(x)
    if approximate == "none":
        return x * ((x * math.sqrt(0.5)).erf() + 1.0) * 0.5
    if approximate != "tanh":
        raise UsageError(f'approximate is "none" or "tanh", not {approximate!r}')
    z = x.clip(-TANH_IS_ONE, TANH_IS_ONE)
    inner = (z + z * z * z * 0.044715) * math.sqrt(2.0 / math.pi)
    return x * (inner.tanh() + 1.0) * 0.5


@op
def silu(x: Any) -> Any:
    """Return x * sigmoid(x), which is also called swish (Elfwing et al. 2017).

    >>> import rushlight as rl
    >>> rl.nn.functional.silu(rl.tensor([0.0, 1.0]))
    tensor([0.       , 0.7310586])
    """
    x = as_float(x)
    return x * x.sigmoid()


@op
def mish(x: Any) -> Any:
    """Return x * tanh(softplus(x)) (Misra 2019).

    >>> import rushlight as rl
    >>> rl.nn.functional.mish(rl.tensor([0.0, 1.0]))
    tensor([0.       , 0.8650984])
    """
    x = as_float(x)
    return x * x.softplus().tanh()


@op
def hardsigmoid(x: Any) -> Any:
    """Return 0 below -3, 1 above 3, and the straight line x / 6 + 1 / 2 between them.

    >>> import rushlight as rl
    >>> rl.nn.functional.hardsigmoid(rl.tensor([-4.0, 0.0, 4.0]))
    tensor([0. , 0.5, 1. ])
    """
    return _between(as_float(x) + 3.0, 0.0, 6.0) * (1.0 / 6.0)


@op
def hardswish(x: Any) -> Any:
    """Return x * hardsigmoid(x) (Howard et al. 2019).

    >>> import rushlight as rl
    >>> rl.nn.functional.hardswish(rl.tensor([-4.0, 1.5, 4.0]))
    tensor([-0.   ,  1.125,  4.   ])
    """
    x = as_float(x)
    return x * hardsigmoid(x)


@op
def hardtanh(x: Any, low: float = -1.0, high: float = 1.0) -> Any:
    """Return x from `low` to `high`; at and beyond the limits the gradient is 0.

    >>> import rushlight as rl
    >>> rl.nn.functional.hardtanh(rl.tensor([-2.0, 0.5, 2.0]))
    tensor([-1. ,  0.5,  1. ])
    """
    if not low < high:
        raise UsageError(f"low {low!r} is not below high {high!r}")
    return _between(as_float(x), low, high)


@op
def relu6(x: Any) -> Any:
    """Return x from 0 to 6 (Krizhevsky 2010).

    >>> import rushlight as rl
    >>> rl.nn.functional.relu6(rl.tensor([-1.0, 3.0, 9.0]))
    tensor([0., 3., 6.])
    """
    return _between(as_float(x), 0.0, 6.0)


@op
def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """Return x where it is positive, else slope * x (Maas, Hannun and Ng 2013).

    >>> import rushlight as rl
    >>> rl.nn.functional.leaky_relu(rl.tensor([-2.0, 3.0]), 0.5)
    tensor([-1.,  3.])
    """
    x = as_float(x)
    return where(x > 0.0, x, x * slope)


@op
def prelu(x: Any, weight: Any) -> Any:
    """Return x where it is positive, else weight * x (He et al. 2015).

    Args:
        x: of any shape; channels are on axis 1.
        weight: one slope for all, (1,), or one for each channel, (channels,).

    >>> import rushlight as rl
    >>> rl.nn.functional.prelu(rl.tensor([[-2.0, -2.0]]), rl.tensor([0.5, 0.25]))
    tensor([[-1. , -0.5]])
    """
    x, weight = as_float(x), as_value(weight)
    if weight.shape != (1,):
        channels = x.shape[1:2]
        if weight.shape != channels:
            fact = f"the input should be (n, {weight.shape[0]}, ...), it is {x.shape}"
            raise ShapeError(fact if weight.rank == 1 else f"slopes are (n,), not {weight.shape}")
        weight = weight.reshape(channels + (1,) * (x.rank - 2))
    return where(x > 0.0, x, x * weight)


@op
def elu(x: Any, alpha: float = 1.0) -> Any:
    """Return x where it is positive, else alpha * (exp(x) - 1) (Clevert et al. 2015).

    >>> import rushlight as rl
    >>> rl.nn.functional.elu(rl.tensor([-1.0, 2.0]))
    tensor([-0.63212055,  2.        ])
    """
    x = as_float(x)
    return where(x > 0.0, x, where(x > 0.0, 0.0, x).expm1() * alpha)


@op
def selu(x: Any) -> Any:
    """Return ELU with the alpha and the scale that keep mean 0 and variance 1.

    Klambauer et al. 2017.

    >>> import rushlight as rl
    >>> rl.nn.functional.selu(rl.tensor([-1.0, 2.0]))
    tensor([-1.1113307,  2.101402 ])
    """
    return elu(x, SELU_ALPHA) * SELU_SCALE


@op
def celu(x: Any, alpha: float = 1.0) -> Any:
    """Return x where it is positive, else alpha * (exp(x / alpha) - 1) (Barron 2017).

    >>> import rushlight as rl
    >>> rl.nn.functional.celu(rl.tensor([-1.0, 2.0]))
    tensor([-0.63212055,  2.        ])
    """
    if alpha == 0.0:
        raise UsageError("alpha must not be 0")
    x = as_float(x)
    return where(x > 0.0, x, (where(x > 0.0, 0.0, x) * (1.0 / alpha)).expm1() * alpha)


@op
def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """Return log(1 + exp(beta * x)) / beta, and x itself where beta * x is above the threshold.

    >>> import rushlight as rl
    >>> rl.nn.functional.softplus(rl.tensor([0.0, 30.0]))
    tensor([ 0.6931472, 30.       ])
    """
    if beta == 0.0:
        raise UsageError("beta must not be 0")
    x = as_float(x)
    scaled = x * beta
    return where(scaled > threshold, x, scaled.softplus() * (1.0 / beta))


@op
def logsigmoid(x: Any) -> Any:
    """Return log(sigmoid(x)), without overflow.

    >>> import rushlight as rl
    >>> rl.nn.functional.logsigmoid(rl.tensor([0.0, -200.0]))
    tensor([  -0.6931472, -200.       ])
    """
    return -(-as_float(x)).softplus()


@op
def softsign(x: Any) -> Any:
    """Return x / (1 + |x|).

    >>> import rushlight as rl
    >>> rl.nn.functional.softsign(rl.tensor([-1.0, 3.0]))
    tensor([-0.5 ,  0.75])
    """
    x = as_float(x)
    return x / (abs(x) + 1.0)


@op
def softmin(x: Any, axis: int = -1) -> Any:
    """Return softmax(-x): the smallest gets the largest share.

    >>> import rushlight as rl
    >>> rl.nn.functional.softmin(rl.tensor([0.0, 0.0]))
    tensor([0.5, 0.5])
    """
    return softmax(-as_float(x), axis)


@op
def tanhshrink(x: Any) -> Any:
    """Return x - tanh(x).

    >>> import rushlight as rl
    >>> rl.nn.functional.tanhshrink(rl.tensor([0.0, 2.0]))
    tensor([0.       , 1.0359724])
    """
    x = as_float(x)
    return x - x.tanh()


@op
def softshrink(x: Any, width: float = 0.5) -> Any:
    """Return x moved towards 0 by `width`, and 0 where it is nearer than that.

    >>> import rushlight as rl
    >>> rl.nn.functional.softshrink(rl.tensor([-2.0, 0.3, 2.0]))
    tensor([-1.5,  0. ,  1.5])
    """
    if not width >= 0.0:
        raise UsageError(f"width is at least 0, not {width!r}")
    x = as_float(x)
    return where(x > width, x - width, where(x >= -width, 0.0, x + width))


@op
def hardshrink(x: Any, width: float = 0.5) -> Any:
    """Return x, and 0 where |x| is at most `width`.

    >>> import rushlight as rl
    >>> rl.nn.functional.hardshrink(rl.tensor([-2.0, 0.3, 2.0]))
    tensor([-2.,  0.,  2.])
    """
    x = as_float(x)
    return where(abs(x) <= width, 0.0, x)


@op
def threshold(x: Any, limit: float, value: float) -> Any:
    """Return x, and `value` where x is at most `limit`.

    >>> import rushlight as rl
    >>> rl.nn.functional.threshold(rl.tensor([-2.0, 2.0]), 1.0, 7.0)
    tensor([7., 2.])
    """
    x = as_float(x)
    return where(x <= limit, value, x)


@op
def glu(x: Any, axis: int = -1) -> Any:
    """Return the first half of `x` along `axis` times the sigmoid of the second half.

    Dauphin et al. 2016.

    >>> import rushlight as rl
    >>> rl.nn.functional.glu(rl.tensor([4.0, 0.0]))
    tensor([2.])
    """
    x = as_float(x)
    axis = normalize_axis(axis, x.rank)
    half, odd = divmod(x.shape[axis], 2)
    if odd:
        raise ShapeError(f"axis {axis} of size {x.shape[axis]} has no halves")
    before = (slice(None),) * axis
    return x[(*before, slice(half))] * x[(*before, slice(half, None))].sigmoid()


def _between(x: Any, low: float, high: float) -> Any:
    """Return x within limits, at which the gradient is 0 already."""
    return where(x <= low, low, where(x >= high, high, x))
