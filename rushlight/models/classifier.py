"""A classifier of texts whose words look at each other before they are summed up."""

from typing import Any

from rushlight.creation import zeros
from rushlight.nn.attention import MultiHeadAttention
from rushlight.nn.dropout import WordDropout
from rushlight.nn.embedding import Embedding
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module, register
from rushlight.tensor import Tensor, as_tensor

PADDING = 0  # the id of what fills rows up, and of words that are not known


@register
class AttentionClassifier(Module):
    """Scores of classes for texts: ids (batch, words) give (batch, classes).

    Each word has a vector. To it is added what the word finds where it looks in the text, by
    self-attention (Vaswani et al. 2017). The sum of all words' vectors, over the square root of
    how many there are, goes through a linear layer.

    Id 0 is a word that is not known, or padding: it has no vector, and nobody looks at it. Vectors
    begin as zeros, so that a word of which training says little goes on saying little, and so does
    what attention adds to them.

    Args:
        vocabulary: how many ids there are.
        classes: how many scores.
        width: numbers in a word's vector.
        heads: of the attention.
        hidden: share of the words that are hidden in training, as if they were not known.
        dropout: share of what is found by attention that is dropped in training.

    >>> import rushlight as rl
    >>> AttentionClassifier(100, classes=2)(rl.tensor([[5, 7, 1], [9, 0, 0]])).shape
    (2, 2)
    """

    def __init__(
        self,
        vocabulary: int,
        classes: int,
        width: int = 16,
        heads: int = 1,
        hidden: float = 0.5,
        dropout: float = 0.0,
    ) -> None:
        self.hiding = WordDropout(hidden, unknown=PADDING)
        self.embedding = Embedding(vocabulary, width, init="zeros")
        self.attention = MultiHeadAttention(width, heads, dropout=dropout)
        self.attention.out.weight.assign(zeros(width, width))
        self.out = Linear(width, classes)

    def forward(self, ids: Any) -> Tensor:
        x, known = self._vectors(self.hiding(as_tensor(ids)))
        real = known.cast(x.dtype).unsqueeze(2)  # (batch, words, 1)
        found = self.attention(x, mask=_visible(known)) * real
        total = (x + found).sum(1) / real.sum(1).clip(1.0) ** 0.5  # (batch, width)
        return self.out(total)  # type: ignore[no-any-return]

    def looks(self, ids: Any) -> Tensor:
        """Return how much each word looks at each, (batch, heads, words, words).

        >>> import rushlight as rl
        >>> AttentionClassifier(100, classes=2).looks(rl.tensor([[5, 7, 0]])).tolist()[0][0][0]
        [0.5, 0.5, 0.0]
        """
        x, known = self._vectors(as_tensor(ids))
        return self.attention.weights(x, mask=_visible(known))

    def _vectors(self, ids: Tensor) -> tuple[Any, Any]:
        """Return the vectors of words, (batch, words, width), and which are known."""
        known: Any = ids != PADDING
        x = self.embedding(ids)
        return x * known.cast(x.dtype).unsqueeze(2), known


def _visible(known: Any) -> Any:
    """Return which words are seen, by all heads and from everywhere."""
    return known.unsqueeze(1).unsqueeze(1)
