"""Transformers: layers in which places look at each other, then each thinks for itself."""

from collections.abc import Callable, Sequence
from typing import Any

from rushlight.core.errors import ModuleError, ShapeError, did_you_mean
from rushlight.nn.attention import MultiHeadAttention
from rushlight.nn.cache import KVCache, LayerCache, check_cache
from rushlight.nn.containers import ModuleList
from rushlight.nn.dropout import Dropout
from rushlight.nn.init import check_sizes, checked_flag
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module, register
from rushlight.nn.norm import LayerNorm
from rushlight.ops.activations import gelu, silu
from rushlight.ops.elementwise import relu
from rushlight.tensor import Tensor, as_tensor

ACTIVATIONS: dict[str, Callable[..., Any]] = {"relu": relu, "gelu": gelu, "silu": silu}
GATES: dict[str, Callable[..., Any]] = {
    "reglu": relu,
    "geglu": gelu,
    "swiglu": silu,
}


@register
class FeedForward(Module):
    """Two linear layers and a bend between them: (..., width) gives (..., width).

    With a gated activation the first layer makes two vectors, one of which, bent, is multiplied
    with the other (Shazeer 2020); both come from one product.

    Args:
        width: numbers in a vector.
        hidden: numbers between the layers; the usual 4 * width if None.
        activation: "relu", "gelu", "silu", or gated "reglu", "geglu", "swiglu".
        dropout: share of what is between the layers that is dropped in training.
        bias: whether the layers have one.

    >>> import rushlight as rl
    >>> FeedForward(8, hidden=20, activation="swiglu", bias=False)(rl.ones(3, 8)).shape
    (3, 8)
    """

    def __init__(
        self,
        width: int,
        hidden: int | None = None,
        activation: str = "relu",
        dropout: float = 0.0,
        bias: bool = True,
    ) -> None:
        hidden = 4 * width if hidden is None else hidden
        check_sizes(width=width, hidden=hidden)
        known = {**ACTIVATIONS, **GATES}
        if not isinstance(activation, str) or activation not in known:
            hint = did_you_mean(str(activation), known)
            raise ModuleError(f"there is no activation {activation!r:.40}", hint=hint)
        self.hidden = hidden
        self.activation = activation
        self.enter = Linear(width, 2 * hidden if activation in GATES else hidden, bias)
        self.dropout = Dropout(dropout)
        self.leave = Linear(hidden, width, bias)

    def forward(self, x: Any) -> Tensor:
        x = self.enter(x)
        if self.activation in GATES:
            gate, x = x[..., : self.hidden], x[..., self.hidden :]
            x = GATES[self.activation](gate) * x
        else:
            x = ACTIVATIONS[self.activation](x)
        return self.leave(self.dropout(x))  # type: ignore[no-any-return]


@register
class TransformerEncoderLayer(Module):
    """Self-attention, then a feed-forward block, each added to what it was given and normalised.

    (..., time, width) gives (..., time, width). Vaswani et al. 2017.

    Args:
        width: numbers in the vector of a place.
        heads: of attention.
        hidden: numbers inside of the feed-forward block.
        dropout: share of numbers dropped in training: of attention's weights, inside of the block,
            and of what is added.
        activation: of the feed-forward block, as for FeedForward.
        norm_first: whether what is given to attention and to the block is normalised, not the sums
            (Xiong et al. 2020): deep networks train more easily.
        bias: whether the layers inside have one.
        causal: whether a place sees itself and those before it alone.
        key_heads: as for MultiHeadAttention.
        positions: likewise.

    >>> import rushlight as rl
    >>> TransformerEncoderLayer(8, heads=2, hidden=16)(rl.ones(3, 5, 8)).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        norm_first: bool = False,
        bias: bool = True,
        causal: bool = False,
        key_heads: int | None = None,
        positions: Module | None = None,
    ) -> None:
        self.norm_first = checked_flag("norm_first", norm_first)
        self.attention = MultiHeadAttention(
            width, heads, key_heads, None, bias, dropout, causal, positions
        )
        self.feed_forward = FeedForward(width, hidden, activation, dropout, bias)
        self.norm1 = LayerNorm(width, bias=bias)
        self.norm2 = LayerNorm(width, bias=bias)
        self.dropout = Dropout(dropout)

    def forward(
        self, x: Any, *, mask: Any = None, lengths: Any = None, cache: LayerCache | None = None
    ) -> Tensor:
        """Return what has become of the places; the arguments are those of MultiHeadAttention."""
        seen = {"mask": mask, "lengths": lengths, "cache": cache}
        x = self._added(x, lambda y: self.attention(y, **seen), self.norm1)
        return self._added(x, self.feed_forward, self.norm2)  # type: ignore[no-any-return]

    def _added(self, x: Any, inner: Callable[[Any], Any], norm: LayerNorm) -> Any:
        return residual(x, inner, norm, self.dropout, self.norm_first)


@register
class TransformerDecoderLayer(Module):
    """Causal self-attention, attention to another sequence, and a feed-forward block.

    (..., time, width) and a memory (..., places, memory width) give (..., time, width). Vaswani et
    al. 2017.

    Args:
        width: numbers in the vector of a place.
        heads: of attention.
        hidden: numbers inside of the feed-forward block.
        dropout: as for TransformerEncoderLayer.
        activation: likewise.
        norm_first: likewise.
        bias: likewise.
        causal: whether a place sees itself and those before it alone.
        key_heads: as for MultiHeadAttention, of both.
        positions: as for MultiHeadAttention, of the places themselves.
        memory: the width of the other sequence; as wide if None.

    >>> import rushlight as rl
    >>> layer = TransformerDecoderLayer(8, heads=2, hidden=16)
    >>> layer(rl.ones(3, 5, 8), rl.ones(3, 7, 8)).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        norm_first: bool = False,
        bias: bool = True,
        causal: bool = True,
        key_heads: int | None = None,
        positions: Module | None = None,
        memory: int | None = None,
    ) -> None:
        self.norm_first = checked_flag("norm_first", norm_first)
        self.attention = MultiHeadAttention(
            width, heads, key_heads, None, bias, dropout, causal, positions
        )
        other = width if memory is None else memory
        self.cross = MultiHeadAttention(width, heads, key_heads, other, bias, dropout)
        self.feed_forward = FeedForward(width, hidden, activation, dropout, bias)
        self.norm1 = LayerNorm(width, bias=bias)
        self.norm2 = LayerNorm(width, bias=bias)
        self.norm3 = LayerNorm(width, bias=bias)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: Any,
        memory: Any,
        *,
        mask: Any = None,
        lengths: Any = None,
        memory_mask: Any = None,
        memory_lengths: Any = None,
        cache: LayerCache | None = None,
    ) -> Tensor:
        """Return what has become of the places.

        Args:
            x: (..., time, width).
            memory: the other sequence, (..., places, memory width).
            mask: which places of `x` are seen, as for MultiHeadAttention.
            lengths: how many of them are real.
            memory_mask: which places of the memory are seen.
            memory_lengths: how many of them are real.
            cache: keys and values of the places before.
        """
        own = {"mask": mask, "lengths": lengths, "cache": cache}
        other = {"mask": memory_mask, "lengths": memory_lengths}
        x = self._added(x, lambda y: self.attention(y, **own), self.norm1)
        x = self._added(x, lambda y: self.cross(y, memory, **other), self.norm2)
        return self._added(x, self.feed_forward, self.norm3)  # type: ignore[no-any-return]

    def _added(self, x: Any, inner: Callable[[Any], Any], norm: LayerNorm) -> Any:
        return residual(x, inner, norm, self.dropout, self.norm_first)


class _Stack(Module):
    """Layers one after another, and perhaps a norm behind them."""

    def __init__(self, layers: Sequence[Module], norm: Module | None = None) -> None:
        if not layers:
            raise ModuleError("there are no layers")
        if norm is not None and not isinstance(norm, Module):
            raise ModuleError(f"norm is a layer, not {norm!r:.40}", hint="rl.nn.LayerNorm(width)")
        self.layers = ModuleList(layers)
        self.norm = norm

    def _run(self, x: Any, memory: tuple[Any, ...], cache: Any, **seen: Any) -> Tensor:
        x = as_tensor(x)
        if x.ndim < 2:
            raise ShapeError(f"the input is (..., time, width), not {x.shape}")
        if cache is not None:
            check_cache(cache, len(self.layers))
        time = x.shape[-2]
        for place, layer in enumerate(self.layers):
            kept = None if cache is None else cache.layers[place]
            x = layer(x, *memory, cache=kept, **seen)
        if cache is not None:
            cache.advance(time)
        return x if self.norm is None else self.norm(x)  # type: ignore[no-any-return]


@register
class TransformerEncoder(_Stack):
    """Encoder layers one after another: (..., time, width) gives (..., time, width).

    Args:
        layers: a list of TransformerEncoderLayer.
        norm: what comes behind them; with `norm_first` the sum is normalised nowhere else.

    >>> import rushlight as rl
    >>> layers = [TransformerEncoderLayer(8, heads=2, hidden=16) for _ in range(2)]
    >>> TransformerEncoder(layers)(rl.ones(3, 5, 8), lengths=rl.tensor([5, 4, 1])).shape
    (3, 5, 8)
    """

    def forward(
        self, x: Any, *, mask: Any = None, lengths: Any = None, cache: KVCache | None = None
    ) -> Tensor:
        return self._run(x, (), cache, mask=mask, lengths=lengths)


@register
class TransformerDecoder(_Stack):
    """Decoder layers one after another: (..., time, width) gives (..., time, width).

    Args:
        layers: a list of TransformerDecoderLayer.
        norm: what comes behind them.

    >>> import rushlight as rl
    >>> decoder = TransformerDecoder([TransformerDecoderLayer(8, heads=2, hidden=16)])
    >>> decoder(rl.ones(3, 5, 8), rl.ones(3, 7, 8)).shape
    (3, 5, 8)
    """

    def forward(
        self,
        x: Any,
        memory: Any,
        *,
        mask: Any = None,
        lengths: Any = None,
        memory_mask: Any = None,
        memory_lengths: Any = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        other = {"memory_mask": memory_mask, "memory_lengths": memory_lengths}
        return self._run(x, (memory,), cache, mask=mask, lengths=lengths, **other)


def residual(
    x: Any, inner: Callable[[Any], Any], norm: Module, dropout: Module, norm_first: bool
) -> Any:
    """Return `x` with what `inner` makes of it added, and the one or the other normalised."""
    if norm_first:
        return x + dropout(inner(norm(x)))
    return norm(x + dropout(inner(x)))
