"""Dropout: of elements, and of whole words."""

from typing import Any

from rushlight.core.bind import op
from rushlight.core.errors import DTypeError, ModuleError
from rushlight.nn.module import Module, register
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
        _check_share(p)
        self.p = p

    def forward(self, x: Any) -> Tensor:
        return dropout(x, self.p, self.training)


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
        _check_share(words, "words")
        _check_share(sentences, "sentences")
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
    _check_share(p)
    x = as_tensor(x)
    if not x.dtype.is_float:
        raise DTypeError(f"it takes floats, not {x.dtype}", hint='cast them: x.cast("float32")')
    if not training or p == 0.0:
        return x  # type: ignore[no-any-return]
    kept = default_generator.uniform(x.shape) >= p
    return x * (kept.cast(x.dtype) * (1.0 / (1.0 - p)))  # type: ignore[no-any-return]


def _check_share(share: Any, name: str = "p") -> None:
    if not isinstance(share, (int, float)) or not 0.0 <= share < 1.0:
        raise ModuleError(f"{name} is a share of at least 0 and below 1, not {share!r}")
