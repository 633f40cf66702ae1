"""A recurrent network that tells what comes next in a text.

Each token becomes a vector, a recurrent layer carries what it makes of them along the text, and
from its output at a place come the scores of the token that follows.
"""

from typing import Any

from rushlight.core.errors import ModuleError, UsageError, did_you_mean
from rushlight.core.mode import no_grad
from rushlight.creation import zeros
from rushlight.nn.dropout import Dropout
from rushlight.nn.embedding import Embedding
from rushlight.nn.init import check_sizes
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module, register
from rushlight.nn.recurrent import GRU, LSTM, RNN
from rushlight.ops.losses import cross_entropy
from rushlight.tensor import Tensor
from rushlight.tree import flatten

KINDS: dict[str, Any] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


class CarriedState:
    """What a recurrent network has made of texts so far, kept from call to call.

    Attributes:
        state: as the layer takes and gives it; its tensors are assigned to.
        fresh: how many of the tokens of the next call are real, the others being padding behind
            them, an int64 scalar; None for all.
    """

    def __init__(self, state: Any) -> None:
        self.state = state
        self.fresh: Tensor | None = None

    def advance(self, state: Any) -> None:
        """Take the state after more tokens, without its history."""
        with no_grad():
            for kept, new in zip(flatten(self.state)[0], flatten(state)[0], strict=True):
                kept.assign(new.detach())

    def clear(self) -> None:
        """Forget all tokens."""
        for tensor in flatten(self.state)[0]:
            tensor.assign(zeros(tensor.shape, dtype=tensor.dtype))


@register
class RecurrentLM(Module):
    """Scores of the token after each place: ids (batch, time) give (batch, time, vocabulary).

    Args:
        vocabulary: how many tokens there are.
        width: numbers in the vector of a token.
        hidden: numbers in the state of a layer.
        layers: how many recurrent layers come one after another.
        kind: of these, "lstm", "gru" or "rnn".
        dropout: share of the numbers dropped in training: of the vectors, between the layers, and
            of what the last one gives.

    >>> import rushlight as rl
    >>> model = RecurrentLM(65, width=4, hidden=8)
    >>> model(rl.tensor([[1, 2, 3]])).shape
    (1, 3, 65)
    """

    block = 4096  # tokens; a text that gets longer is read anew from the middle on

    def __init__(
        self,
        vocabulary: int,
        width: int = 64,
        hidden: int = 256,
        layers: int = 1,
        kind: str = "lstm",
        dropout: float = 0.0,
    ) -> None:
        if not isinstance(kind, str) or kind not in KINDS:
            raise ModuleError(f"there is no kind {kind!r}", hint=did_you_mean(str(kind), KINDS))
        check_sizes(layers=layers)
        self.tokens = Embedding(vocabulary, width)
        self.dropout = Dropout(dropout)
        between = dropout if layers > 1 else 0.0
        self.memory: RNN | LSTM | GRU = KINDS[kind](width, hidden, layers, dropout=between)
        self.scores = Linear(hidden, vocabulary)

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return self.tokens.weight.shape[0]

    def forward(self, ids: Any, cache: CarriedState | None = None) -> Tensor:
        """Return the scores of what follows.

        Args:
            ids: integers (batch, time).
            cache: the state before these, which then is that after them.
        """
        x = self.dropout(self.tokens(ids))
        if cache is None:
            x, _ = self.memory(x)
        else:
            if not isinstance(cache, CarriedState):
                hint = "model.cache() makes one"
                raise UsageError(
                    f"the cache is a CarriedState, not {type(cache).__name__}", hint=hint
                )
            fresh = cache.fresh
            lengths = None if fresh is None else fresh.broadcast_to(x.shape[0])
            x, state = self.memory(x, cache.state, lengths)
            cache.advance(state)
        return self.scores(self.dropout(x))  # type: ignore[no-any-return]

    def loss(self, scores: Any, following: Any) -> Tensor:
        """Return the mean cross entropy of scores and the ids (batch, time) that really follow."""
        return cross_entropy(scores, following)  # type: ignore[no-any-return]

    def cache(self, batch: int = 1) -> CarriedState:
        """Return the state before the first token, for so many texts side by side.

        >>> model = RecurrentLM(65, width=4, hidden=8)
        >>> cache = model.cache()
        >>> scores = model([[1, 2]], cache)
        >>> last = model([[3]], cache)
        >>> (last - model([[1, 2, 3]])[:, 2:]).abs().max().item() < 1e-6
        True
        """
        return CarriedState(self.memory.zero_state(batch))
