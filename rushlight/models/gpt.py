"""GPT: a Transformer that tells what comes next in a text (Radford et al. 2018, 2019).

Each token of the text becomes a vector. In each block the places of the text first look at each
other, then each thinks for itself, and what comes of it is added to its vector. From the last
vector of a place come the scores of the token that follows.
"""

from typing import Any

from rushlight.core.errors import ShapeError
from rushlight.nn.attention import MultiHeadAttention
from rushlight.nn.cache import KVCache, LayerCache, check_cache
from rushlight.nn.containers import ModuleList
from rushlight.nn.dropout import Dropout
from rushlight.nn.embedding import Embedding, TiedLinear
from rushlight.nn.init import check_sizes, checked_flag, normal
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module, register
from rushlight.nn.norm import LayerNorm
from rushlight.nn.positions import LearnedPositions
from rushlight.nn.transformer import FeedForward
from rushlight.ops.losses import cross_entropy
from rushlight.tensor import Tensor, as_tensor

STD = 0.02  # of the first weights, as in GPT-2


@register
class GPT(Module):
    """Scores of the token after each place: ids (batch, time) give (batch, time, vocabulary).

    Args:
        vocabulary: how many tokens there are.
        layers: how many blocks come one after another.
        heads: of attention in each.
        width: numbers in the vector of a place.
        block: the most tokens that it looks back on.
        dropout: share of numbers dropped in training.
        tied: whether tokens go out by the vectors that they come in with.

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
        tied: bool = False,
    ) -> None:
        check_sizes(layers=layers)
        self.tokens = Embedding(vocabulary, width)
        self.positions = LearnedPositions(block, width)
        self.dropout = Dropout(dropout)
        self.blocks = ModuleList([Block(width, heads, dropout) for _ in range(layers)])
        self.norm = LayerNorm(width, bias=False)
        self.head: Module
        if checked_flag("tied", tied):
            self.head = TiedLinear(self.tokens)
        else:
            self.head = Linear(width, vocabulary, bias=False)
        self._begin(layers)

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return self.tokens.weight.shape[0]

    @property
    def block(self) -> int:
        """The most tokens that it looks back on."""
        return self.positions.length

    def forward(self, ids: Any, cache: KVCache | None = None) -> Tensor:
        """Return the scores of what follows.

        Args:
            ids: integers (batch, time), at most `block` of them; those of a cache count.
            cache: of the tokens before these, which are appended to it.
        """
        ids = as_tensor(ids)
        if ids.ndim != 2 or ids.shape[1] > self.block:
            raise ShapeError(f"the ids are (batch, up to {self.block}), not {ids.shape}")
        if cache is not None:
            check_cache(cache, len(self.blocks))
            if cache.length > self.block:
                raise ShapeError(f"a cache of {cache.length} tokens for a block of {self.block}")
        x = self.tokens(ids)  # (batch, time, width)
        x = self.positions(x, start=0 if cache is None else cache.position)
        x = self.dropout(x)
        kept = [None] * len(self.blocks) if cache is None else cache.layers
        for block, one in zip(self.blocks, kept, strict=True):
            x = block(x, one)
        if cache is not None:
            cache.advance(ids.shape[1])
        return self.head(self.norm(x))  # type: ignore[no-any-return]

    def loss(self, scores: Any, following: Any) -> Tensor:
        """Return the mean cross entropy of scores and the ids (batch, time) that really follow."""
        return cross_entropy(scores, following)  # type: ignore[no-any-return]

    def cache(self, batch: int = 1) -> KVCache:
        """Return an empty cache for so many texts side by side.

        >>> gpt = GPT(65, layers=2, heads=2, width=16, block=8)
        >>> cache = gpt.cache()
        >>> gpt([[1, 2, 3]], cache).shape, gpt([[4]], cache).shape, cache.position
        ((1, 3, 65), (1, 1, 65), tensor(4))
        """
        weight = self.tokens.weight
        attention: Any = self.blocks[0].attention
        layers, width = len(self.blocks), weight.shape[1]
        size = width // attention.heads
        return KVCache(layers, batch, attention.heads, self.block, size, weight.dtype)

    def _begin(self, layers: int) -> None:
        """Give the weights their first values.

        Those that write to the sum of all blocks begin smaller, for it not to grow with them.
        """
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                writes = name.endswith(("attention.out.weight", "thinking.leave.weight"))
                std = STD / (2 * layers) ** 0.5 if writes else STD
                weight.assign(normal(weight.shape, std=std))


class Block(Module):
    """A block of a GPT: (batch, time, width) gives (batch, time, width)."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        self.norm1 = LayerNorm(width, bias=False)
        self.attention = MultiHeadAttention(width, heads, bias=False, dropout=dropout, causal=True)
        self.norm2 = LayerNorm(width, bias=False)
        self.thinking = FeedForward(width, 4 * width, "gelu", bias=False)
        self.dropout = Dropout(dropout)

    def forward(self, x: Any, cache: LayerCache | None = None) -> Tensor:
        x = x + self.dropout(self.attention(self.norm1(x), cache=cache))
        return x + self.dropout(self.thinking(self.norm2(x)))  # type: ignore[no-any-return]
