"""Attention with its projections: queries, keys and values of many heads."""

import itertools
from typing import Any

from rushlight.core.errors import ModuleError, ShapeError, UsageError
from rushlight.creation import eye
from rushlight.nn.cache import LayerCache
from rushlight.nn.init import check_sizes, checked_flag, checked_number, xavier_uniform, zeros
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module, register
from rushlight.nn.positions import ALiBi, RotaryPositions
from rushlight.ops.attention import attention
from rushlight.ops.movement import concat, expanded
from rushlight.random import default_generator
from rushlight.tensor import Tensor, as_tensor


@register
class MultiHeadAttention(Module):
    """Attention of several heads, each with queries, keys and values of its own.

    (..., time, width) gives (..., time, width). Vaswani et al. 2017. Queries, keys and values come
    from one product.

    Args:
        width: numbers in the vector of a place.
        heads: of the queries; each has width / heads of the numbers.
        key_heads: of keys and values, each shared by neighbouring heads of queries (Ainslie et al.
            2023); as many as heads if None.
        memory: the width of another sequence that keys and values come from, for what is called
            cross-attention; None for places that look at each other.
        bias: whether the projections have one.
        dropout: share of the weights of attention that is dropped in training.
        causal: whether a place sees itself and those before it alone.
        positions: RotaryPositions(width // heads) or ALiBi(heads), if any.

    >>> import rushlight as rl
    >>> layer = MultiHeadAttention(8, heads=2)
    >>> layer(rl.ones(3, 5, 8)).shape, layer.weights(rl.ones(3, 5, 8)).shape
    ((3, 5, 8), (3, 2, 5, 5))
    >>> MultiHeadAttention(8, heads=2, memory=6)(rl.ones(5, 8), rl.ones(7, 6)).shape
    (5, 8)
    """

    def __init__(
        self,
        width: int,
        heads: int,
        key_heads: int | None = None,
        memory: int | None = None,
        bias: bool = True,
        dropout: float = 0.0,
        causal: bool = False,
        positions: Module | None = None,
    ) -> None:
        key_heads = heads if key_heads is None else key_heads
        check_sizes(width=width, heads=heads, key_heads=key_heads)
        if width % heads or heads % key_heads:
            fact = f"width {width}, heads {heads} and key_heads {key_heads}"
            hint = (
                "heads share the width evenly, and heads of keys are shared by as many heads each"
            )
            raise ModuleError(f"{fact} do not divide evenly, each by the next", hint=hint)
        self.heads = heads
        self.key_heads = key_heads
        self.size = width // heads
        self.memory = memory
        self.causal = checked_flag("causal", causal)
        _check_positions(positions, heads, self.size)
        if memory is not None and (causal or positions is not None):
            raise ModuleError("places of another sequence are not before or after one's own")
        keys = key_heads * self.size
        if memory is None:
            self.qkv = Linear(width, width + 2 * keys, bias, init="xavier_uniform")
        else:
            self.q = Linear(width, width, bias, init="xavier_uniform")
            self.kv = Linear(memory, 2 * keys, bias, init="zeros")
            self.kv.weight.assign(concat([xavier_uniform((keys, memory)) for _ in range(2)]))
        self.out = Linear(width, width, bias)
        if self.out.bias is not None:
            self.out.bias.assign(zeros(width))
        self.dropout = checked_number("dropout", dropout, 1.0)
        if self.dropout == 1.0:
            raise ModuleError("a dropout of 1 leaves nothing to be seen")
        self.positions = positions

    def forward(
        self,
        x: Any,
        memory: Any = None,
        *,
        mask: Any = None,
        lengths: Any = None,
        cache: LayerCache | None = None,
    ) -> Tensor:
        """Return what the places of `x` find where they look.

        Args:
            x: (..., time, width).
            memory: the other sequence, (..., places, memory width), for cross-attention.
            mask: which places are seen (bool), or what is added to the scores (float); broadcasts
                with (..., heads, time, places), so one for each text is (batch, 1, time, places).
            lengths: how many of the places are real, int (...), the others being padding.
            cache: keys and values of the places before, which those of `x` are appended to.
        """
        x = as_tensor(x)
        q, k, v = self._projected(x, memory, cache)
        options = {"mask": _checked_mask(mask, x), "lengths": lengths, **self._order(cache)}
        if self.dropout and self.training:
            options |= {"dropout": self.dropout, "state": default_generator.bits((4,))}
        y: Any = attention(q, k, v, **options)  # (..., heads, time, size)
        return self.out(y.swapaxes(-2, -3).reshape(x.shape))  # type: ignore[no-any-return]

    def weights(
        self, x: Any, memory: Any = None, *, mask: Any = None, lengths: Any = None
    ) -> Tensor:
        """Return how much each place looks at each, (..., heads, time, places); rows add up to 1.

        >>> import rushlight as rl
        >>> MultiHeadAttention(2, heads=1, causal=True).weights(rl.zeros(2, 2))
        tensor([[[1. , 0. ],
                 [0.5, 0.5]]], requires_grad=True)
        """
        x = as_tensor(x)
        q, k, _ = self._projected(x, memory, None)
        mask = _checked_mask(mask, x)
        places = k.shape[-2]
        each = expanded(eye(places, dtype=k.dtype), (*k.shape[:-1], places))
        return attention(q, k, each, mask=mask, lengths=lengths, **self._order(None))  # type: ignore[no-any-return]

    def _projected(self, x: Tensor, memory: Any, cache: LayerCache | None) -> tuple[Any, Any, Any]:
        """Return queries, keys and values, each (..., its heads, places, size)."""
        if self.memory is not None:
            if memory is None or cache is not None:
                raise UsageError("cross-attention takes a memory beside its input, and no cache")
            q = self._heads(self.q(x))
            k, v = self._parted(self._heads(self.kv(as_tensor(memory))), self.key_heads)
            return q, k, v
        if memory is not None:
            hint = "MultiHeadAttention(width, heads, memory=width) attends to another sequence"
            raise UsageError("self-attention takes no memory", hint=hint)
        if cache is not None and not isinstance(cache, LayerCache):
            hint = "one of the layers of a rl.nn.KVCache: cache.layers[0]"
            raise UsageError(f"its cache is a LayerCache, not {type(cache).__name__}", hint=hint)
        q, k, v = self._parted(self._heads(self.qkv(x)), self.heads, self.key_heads)
        if self.positions is not None:
            start: Any = 0 if cache is None else cache.position
            q, k = self.positions(q, start), self.positions(k, start)
        if cache is not None:
            if not self.causal:
                raise UsageError("only causal attention can go on from a cache")
            k, v = cache.append(k, v)
        return q, k, v

    def _heads(self, x: Any) -> Any:
        """Return (..., places, heads * size) as (..., heads, places, size)."""
        return x.reshape(*x.shape[:-1], x.shape[-1] // self.size, self.size).swapaxes(-2, -3)

    def _parted(self, x: Any, *heads: int) -> list[Any]:
        """Return the first heads, those that follow, and all the others."""
        ends = [0, *itertools.accumulate(heads), x.shape[-3]]
        return [x[..., a:b, :, :] for a, b in itertools.pairwise(ends)]

    def _order(self, cache: LayerCache | None) -> dict[str, Any]:
        """Return what attention is told of the places' order."""
        slopes = self.positions.slopes if isinstance(self.positions, ALiBi) else None
        start: Any = 0 if cache is None else cache.position
        return {"causal": self.causal, "start": start, "slopes": slopes}


def _check_positions(positions: Any, heads: int, size: int) -> None:
    if positions is None:
        return
    if not isinstance(positions, (RotaryPositions, ALiBi)):
        hint = "others are added to the input, before the first layer"
        kind = type(positions).__name__
        raise ModuleError(f"positions are RotaryPositions or ALiBi, not {kind}", hint=hint)
    fits = positions.slopes.shape[0] == heads if isinstance(positions, ALiBi) else True
    if not fits or (isinstance(positions, RotaryPositions) and positions.size != size):
        raise ModuleError(f"{positions!r} does not fit {heads} heads of {size} numbers")


def _checked_mask(mask: Any, x: Tensor) -> Any:
    """Return a mask, in which it must be clear which axis is that of the heads."""
    if mask is None:
        return None
    mask = as_tensor(mask)
    if 2 < mask.ndim != x.ndim + 1:
        fact = f"a mask of shape {mask.shape} for an input of shape {x.shape}: are there heads?"
        hint = "masks are (time, places) or (..., heads, time, places): mask.unsqueeze(-3)"
        raise ShapeError(fact, hint=hint)
    return mask
