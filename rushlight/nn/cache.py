"""The keys and values of a text so far, so that its next token costs one token's work."""

from typing import Any

import numpy as np

from rushlight.core.bind import bind
from rushlight.core.dtypes import DTypeLike, as_dtype
from rushlight.core.errors import DTypeError, ModuleError, UsageError
from rushlight.core.mode import no_grad
from rushlight.creation import zeros
from rushlight.nn.init import check_sizes
from rushlight.ops.arrange import movedim
from rushlight.ops.elementwise import where
from rushlight.ops.gather import rows_added_p
from rushlight.tensor import Tensor, as_tensor


class KVCache:
    """The keys and values of each layer, for texts of up to `length` tokens.

    Its tensors have their full size from the beginning, and what is appended is written into them:
    so a compiled step that takes one token more is one graph, whatever the position.

    Args:
        layers: how many layers of attention.
        batch: how many texts side by side, all of one length.
        heads: of the keys in each layer.
        length: the most tokens.
        size: numbers in a key.
        dtype: of the keys and values.

    Attributes:
        layers: a LayerCache for each.
        position: how many tokens are in, an int64 scalar.
        fresh: how many of the tokens that are being appended are real, the others being padding
            behind them, an int64 scalar; None for all.

    >>> import rushlight as rl
    >>> layer = rl.nn.MultiHeadAttention(4, heads=2, causal=True)
    >>> cache, x = KVCache(layers=1, batch=1, heads=2, length=8, size=2), rl.randn(1, 3, 4)
    >>> first = layer(x[:, :2], cache=cache.layers[0])
    >>> cache.advance(2)
    >>> last = layer(x[:, 2:], cache=cache.layers[0])
    >>> abs(last - layer(x)[:, 2:]).max().item() < 1e-6
    True
    """

    def __init__(
        self,
        layers: int,
        batch: int,
        heads: int,
        length: int,
        size: int,
        dtype: DTypeLike = "float32",
    ) -> None:
        check_sizes(layers=layers, batch=batch, heads=heads, length=length, size=size)
        if not as_dtype(dtype).is_float:
            raise DTypeError(f"keys and values are floats, not {as_dtype(dtype)}")
        shape = (length, batch, heads, size)
        self.position = as_tensor(np.array(0))
        self.fresh: Tensor | None = None
        self.layers = [
            LayerCache(self, zeros(shape, dtype=dtype), zeros(shape, dtype=dtype))
            for _ in range(layers)
        ]

    def advance(self, count: int) -> None:
        """Count so many tokens as being in, or `fresh` of them, once all layers have them."""
        if isinstance(count, int) and count < 0:
            raise UsageError("tokens cannot be taken out of a cache", hint="clear() forgets all")
        self.position.assign(self.position + (count if self.fresh is None else self.fresh))

    @property
    def length(self) -> int:
        """The most tokens."""
        return self.layers[0].keys.shape[0]

    def clear(self) -> None:
        """Forget all tokens."""
        for tensor in (self.position, *(x for one in self.layers for x in (one.keys, one.values))):
            tensor.assign(zeros(tensor.shape, dtype=tensor.dtype))


def check_cache(cache: Any, layers: int) -> None:
    """Raise unless a cache is one for so many layers."""
    if not isinstance(cache, KVCache):
        raise UsageError(f"the cache is a KVCache, not {type(cache).__name__}")
    if len(cache.layers) != layers:
        raise ModuleError(f"there are {layers} layers, and a cache for {len(cache.layers)}")


class LayerCache:
    """The keys and values of one layer, each (length, batch, heads, size): zeros from position on.

    The positions stand first, so that what is appended are whole rows.
    """

    def __init__(self, cache: KVCache, keys: Tensor, values: Tensor) -> None:
        self.cache = cache
        self.keys = keys
        self.values = values

    @property
    def position(self) -> Tensor:
        """Where the next token goes."""
        return self.cache.position

    def append(self, k: Any, v: Any) -> tuple[Any, Any]:
        """Write new keys and values behind the others; return all, (batch, heads, length, size).

        What is in a cache has no history: no gradient goes back to earlier calls.

        Raises BoundsError where they are more than fit.
        """
        inside = as_tensor(np.arange(k.shape[-2]))
        places: Any = inside + self.position
        real = None if self.cache.fresh is None else inside < self.cache.fresh
        if real is not None:
            places = where(real, places, 0)
        with no_grad():
            for kept, new in ((self.keys, k), (self.values, v)):
                rows = movedim(new.detach(), -2, 0)  # (time, batch, heads, size)
                if real is not None:
                    rows = where(real.reshape(-1, 1, 1, 1), rows, 0.0)
                kept.assign(bind(rows_added_p, kept, places, rows))
        return movedim(self.keys, 0, -2), movedim(self.values, 0, -2)
