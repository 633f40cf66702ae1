"""Attention with its projections: queries, keys and values of many heads."""

from typing import Any

from rushlight.core.errors import ModuleError
from rushlight.nn.dropout import Dropout
from rushlight.nn.init import check_sizes, checked_flag, zeros
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module, register
from rushlight.ops.attention import attention
from rushlight.tensor import Tensor, as_tensor


@register
class MultiHeadAttention(Module):
    """Attention of several heads, each with queries, keys and values of its own.

    (..., time, width) gives (..., time, width). Vaswani et al. 2017.

    Args:
        width: numbers in the vector of a place.
        heads: how many; each has width / heads of the numbers.
        bias: whether the projections have one.
        dropout: share of what comes out that is dropped in training.
        causal: whether a place sees itself and those before it alone.

    >>> import rushlight as rl
    >>> MultiHeadAttention(8, heads=2)(rl.ones(3, 5, 8)).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        width: int,
        heads: int,
        bias: bool = True,
        dropout: float = 0.0,
        causal: bool = False,
    ) -> None:
        check_sizes(width=width, heads=heads)
        if width % heads:
            raise ModuleError(f"width {width} is not shared evenly by {heads} heads")
        self.heads = heads
        self.causal = checked_flag("causal", causal)
        self.qkv = Linear(width, 3 * width, bias, init="xavier_uniform")
        self.out = Linear(width, width, bias)
        if self.out.bias is not None:
            self.out.bias.assign(zeros(width))
        self.dropout = Dropout(dropout)

    def forward(self, x: Any) -> Tensor:
        x = as_tensor(x)
        width = x.shape[-1]
        qkv: Any = self.qkv(x)  # (..., time, 3 width)
        q, k, v = (self._split(qkv[..., i * width : (i + 1) * width]) for i in range(3))
        y: Any = attention(q, k, v, causal=self.causal)  # (..., heads, time, size)
        return self.dropout(self.out(y.swapaxes(-2, -3).reshape(x.shape)))  # type: ignore[no-any-return]

    def _split(self, x: Any) -> Tensor:
        """Return (..., time, width) as (..., heads, time, size)."""
        parts = x.reshape(*x.shape[:-1], self.heads, x.shape[-1] // self.heads)
        return parts.swapaxes(-2, -3)  # type: ignore[no-any-return]
