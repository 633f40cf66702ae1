"""Dropout: of elements, of whole channels, and of whole words."""

from typing import Any

from rushlight.core.bind import op
from rushlight.core.errors import DTypeError, ModuleError, ShapeError
from rushlight.nn.module import Module, register
from rushlight.ops.activations import SELU_ALPHA, SELU_SCALE
from rushlight.ops.elementwise import where
from rushlight.random import default_generator
from rushlight.tensor import Tensor, as_tensor


@register
class Dropout(Module):
    """In training, zeros a share `p` of the elements and scales the rest by 1 / (1 - p).

    Srivastava et al. 2014. Random bits come from the default generator.

    >>> import rushlight as rl
    >>> Dropout(0.5).eval()(rl.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5) -> None:
        check_share(p)
        self.p = p

    def forward(self, x: Any) -> Tensor:
        return dropout(x, self.p, self.training)


class _ChannelDropout(Module):
    rank = 0  # of the input

    def __init__(self, p: float = 0.5) -> None:
        check_share(p)
        self.p = p

    def forward(self, x: Any) -> Tensor:
        x = as_tensor(x)
        if x.ndim != self.rank:
            fact = f"the input should have {self.rank} axes, (n, channels, ...), it is {x.shape}"
            raise ShapeError(fact)
        return channel_dropout(x, self.p, self.training)


@register
class Dropout1d(_ChannelDropout):
    """Dropout of whole channels: (n, channels, length).

    >>> import rushlight as rl
    >>> Dropout1d(0.5).eval()(rl.ones(1, 2, 3)).shape
    (1, 2, 3)
    """

    rank = 3


@register
class Dropout2d(_ChannelDropout):
    """Dropout of whole channels: (n, channels, height, width).

    Neighbours in a picture are alike, so single elements would hardly be missed. Tompson et al.
    2015.

    >>> import rushlight as rl
    >>> y = Dropout2d(0.5)(rl.ones(1, 8, 3, 3))
    >>> bool((y.mean((2, 3)) == y[:, :, 0, 0]).numpy().all())
    True
    """

    rank = 4


@register
class Dropout3d(_ChannelDropout):
    """Dropout of whole channels: (n, channels, depth, height, width).

    >>> import rushlight as rl
    >>> Dropout3d(0.5).eval()(rl.ones(1, 2, 3, 3, 3)).shape
    (1, 2, 3, 3, 3)
    """

    rank = 5


@register
class AlphaDropout(Module):
    """Dropout beside SELU, which keeps mean 0 and variance 1. Klambauer et al. 2017.

    >>> import rushlight as rl
    >>> AlphaDropout(0.5).eval()(rl.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5) -> None:
        check_share(p)
        self.p = p

    def forward(self, x: Any) -> Tensor:
        return alpha_dropout(x, self.p, self.training)


@register
class WordDropout(Module):
    """In training, replaces some of the ids of a text by that of the unknown word.

    So the unknown word is trained (Iyyer et al. 2015), and the network learns what to say of
    texts that it knows little or nothing of. Random bits come from the default generator.

    Args:
        words: share of the words that are hidden.
        sentences: share of the rows that are hidden altogether.
        unknown: the id of the unknown word.

    >>> import rushlight as rl
    >>> WordDropout(0.5).eval()(rl.tensor([[3, 1, 2]]))
    tensor([[3, 1, 2]])
    """

    def __init__(self, words: float, sentences: float = 0.0, unknown: int = 0) -> None:
        check_share(words, "words")
        check_share(sentences, "sentences")
        if not isinstance(unknown, int) or unknown < 0:
            raise ModuleError(f"unknown must be an int of at least 0, not {unknown!r}")
        self.words = words
        self.sentences = sentences
        self.unknown = unknown

    def forward(self, ids: Any) -> Tensor:
        ids = as_tensor(ids)
        if ids.dtype.is_float:
            hint = 'cast them: ids.cast("int64")'
            raise DTypeError(f"ids are integers, not {ids.dtype}", hint=hint)
        if not self.training:
            return ids  # type: ignore[no-any-return]
        hidden = default_generator.uniform(ids.shape) < self.words
        if self.sentences:
            rows = default_generator.uniform((*ids.shape[:-1], 1))
            hidden = hidden | (rows < self.sentences)
        return where(hidden, self.unknown, ids)  # type: ignore[no-any-return]


@op
def dropout(x: Any, p: float = 0.5, training: bool = True) -> Tensor:
    """Return `x` with a share `p` of its elements zero and the rest scaled by 1 / (1 - p).

    >>> import rushlight as rl
    >>> dropout(rl.ones(3), 0.5, training=False)
    tensor([1., 1., 1.])
    """
    x = _checked(x, p)
    if not training or p == 0.0:
        return x  # type: ignore[no-any-return]
    kept = default_generator.uniform(x.shape) >= p
    return _scaled(x, kept, p)


@op
def channel_dropout(x: Any, p: float = 0.5, training: bool = True) -> Tensor:
    """Return `x` (n, channels, ...) with a share `p` of its channels zero, the others scaled.

    >>> import rushlight as rl
    >>> channel_dropout(rl.ones(1, 2), 0.5, training=False)
    tensor([[1., 1.]])
    """
    x = _checked(x, p)
    if x.ndim < 2:
        raise ShapeError(f"the input should be (n, channels, ...), it is {x.shape}")
    if not training or p == 0.0:
        return x  # type: ignore[no-any-return]
    kept = default_generator.uniform(x.shape[:2] + (1,) * (x.ndim - 2)) >= p
    return _scaled(x, kept, p)


@op
def alpha_dropout(x: Any, p: float = 0.5, training: bool = True) -> Tensor:
    """Return `x` with a share `p` of its elements at SELU's lowest value, mean and variance kept.

    >>> import rushlight as rl
    >>> alpha_dropout(rl.ones(3), 0.5, training=False)
    tensor([1., 1., 1.])
    """
    x = _checked(x, p)
    if not training or p == 0.0:
        return x  # type: ignore[no-any-return]
    lowest = -SELU_ALPHA * SELU_SCALE
    scale = ((1.0 - p) * (1.0 + p * lowest * lowest)) ** -0.5
    kept = default_generator.uniform(x.shape) >= p
    return where(kept, x, lowest) * scale - scale * p * lowest  # type: ignore[no-any-return]


def _checked(x: Any, p: float) -> Tensor:
    check_share(p)
    x = as_tensor(x)
    if not x.dtype.is_float:
        raise DTypeError(f"it takes floats, not {x.dtype}", hint='cast them: x.cast("float32")')
    return x  # type: ignore[no-any-return]


def _scaled(x: Tensor, kept: Any, p: float) -> Tensor:
    return x * (kept.cast(x.dtype) * (1.0 / (1.0 - p)))  # type: ignore[no-any-return]


def check_share(share: Any, name: str = "p") -> None:
    """Raise unless a number is a share that can be dropped."""
    if not isinstance(share, (int, float)) or not 0.0 <= share < 1.0:
        raise ModuleError(f"{name} is a share of at least 0 and below 1, not {share!r}")
