"""Attention by the name that it has in PyTorch, with random bits of the default generator."""

from typing import Any

from rushlight.core.bind import op
from rushlight.ops.attention import attention
from rushlight.random import default_generator
from rushlight.tensor import Tensor


@op
def scaled_dot_product_attention(
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    dropout: float = 0.0,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Return `attention` whose weights are dropped, if any, by bits of the default generator.

    It drops whenever `dropout` is not 0: a layer passes 0 unless it is being trained. Shapes and
    errors are those of `attention`, which has further options.

    >>> import rushlight as rl
    >>> q, k, v = rl.zeros(1, 2, 4), rl.zeros(1, 2, 4), rl.tensor([[[1.0], [3.0]]])
    >>> scaled_dot_product_attention(q, k, v)
    tensor([[[2.],
             [2.]]])
    """
    state = default_generator.bits((4,)) if dropout else None
    return attention(  # type: ignore[no-any-return]
        q, k, v, mask, dropout=dropout, state=state, causal=causal, scale=scale
    )
