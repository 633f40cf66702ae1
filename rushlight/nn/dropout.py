"""Dropout."""

from rushlight import random
from rushlight.core.errors import ModuleError
from rushlight.nn.module import Module, register
from rushlight.tensor import Tensor


@register
class Dropout(Module):
    """In training, zeros a share `p` of the elements and scales the rest by 1 / (1 - p).

    Srivastava et al. 2014. Random bits come from the default generator.

    >>> import rushlight as rl
    >>> Dropout(0.5).eval()(rl.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5) -> None:
        if not 0.0 <= p < 1.0:
            raise ModuleError(f"dropout takes a share of at least 0 and below 1, not {p!r}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        kept = random.default_generator.uniform(x.shape) >= self.p
        return x * (kept.cast(x.dtype) * (1.0 / (1.0 - self.p)))
