"""GPT: a Transformer that predicts the next token of a text (Radford et al. 2018, 2019)."""

from typing import Any

import rushlight.nn.functional as F
from rushlight.nn.activation import GELU
from rushlight.nn.attention import MultiHeadAttention
from rushlight.nn.containers import ModuleList, Sequential
from rushlight.nn.dropout import Dropout
from rushlight.nn.embedding import Embedding
from rushlight.nn.init import normal
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module, register
from rushlight.nn.norm import LayerNorm
from rushlight.tensor import Tensor

STD = 0.02  # of the first weights, as in GPT-2


@register
class Block(Module):
    """A layer of a GPT: (batch, time, width) gives (batch, time, width)."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        self.norm1 = LayerNorm(width, bias=False)
        self.attention = MultiHeadAttention(width, heads, bias=False, dropout=dropout, causal=True)
        self.norm2 = LayerNorm(width, bias=False)
        self.feed_forward = Sequential(
            Linear(width, 4 * width, bias=False),
            GELU(),
            Linear(4 * width, width, bias=False),
            Dropout(dropout),
        )

    def forward(self, x: Any) -> Tensor:
        x = x + self.attention(self.norm1(x))  # places look at each other
        return x + self.feed_forward(self.norm2(x))  # each thinks for itself


@register
class GPT(Module):
    """Scores of the token that follows each: ids (batch, time) to (batch, time, vocabulary).

    Args:
        vocabulary: how many tokens there are.
        layers: how many blocks, one after another.
        heads: of attention in each.
        width: numbers in the vector of a token.
        block: tokens in the longest text.
        dropout: share of numbers dropped in training.

    >>> import rushlight as rl
    >>> gpt = GPT(65, layers=2, heads=2, width=16, block=8)
    >>> gpt(rl.tensor([[1, 2, 3]])).shape
    (1, 3, 65)
    """

    def __init__(
        self,
        vocabulary: int,
        layers: int = 4,
        heads: int = 4,
        width: int = 128,
        block: int = 64,
        dropout: float = 0.0,
    ) -> None:
        self.block = block
        self.tokens = Embedding(vocabulary, width)
        self.positions = Embedding(block, width)
        self.dropout = Dropout(dropout)
        self.blocks = ModuleList([Block(width, heads, dropout) for _ in range(layers)])
        self.norm = LayerNorm(width, bias=False)
        self.head = Linear(width, vocabulary, bias=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                last = name.endswith(("attention.out.weight", "feed_forward.2.weight"))
                std = STD * (2 * layers) ** -0.5 if last else STD
                weight.assign(normal(weight.shape, std=std))

    def forward(self, ids: Any) -> Tensor:
        x: Any = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
        x = self.dropout(x)  # (batch, time, width)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))  # type: ignore[no-any-return]

    def loss(self, scores: Any, ids: Any) -> Tensor:
        """Return the mean cross entropy of scores (batch, time, vocabulary) for ids (batch, time)."""
        return F.cross_entropy(scores, ids)  # type: ignore[no-any-return]
