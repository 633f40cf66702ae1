"""Why a network answered a text as it did: what each of its tokens added, and who was looked at."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rushlight.autograd import gradients
from rushlight.core.errors import UsageError
from rushlight.core.mode import enable_grad, no_grad
from rushlight.data.codec import Codec
from rushlight.nn.attention import MultiHeadAttention
from rushlight.nn.module import Module
from rushlight.tensor import Tensor
from rushlight.train.evaluate import undisturbed

MOST_LOOKING = 2048  # tokens; of a longer text, the time to tell the attention would be too long

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reason:
    """What a word, or another token, has to do with an answer.

    Attributes:
        text: the word as the network reads it; of a run, with spaces between its words.
        score: what it adds to the score of the label above the mean of the others'; below 0, it
            speaks against the label.
        known: whether it was seen in training.
        attention: the share of all attention that it got; None where the network has none, and in
            a text of more than 2048 tokens.
    """

    text: str
    score: float
    known: bool = True
    attention: float | None = None


@dataclass(frozen=True)
class Explanation:
    """What decided about a text.

    Attributes:
        tokens: what was looked up, in that order: words, then runs of them if there are any.
        words: the words in the order of the text; of a run, each has an equal part.
        rest: what the label's score has beside the sum of the tokens' scores: the bias, and in a
            network that is not linear, what no token has alone.
    """

    tokens: tuple[Reason, ...]
    words: tuple[Reason, ...]
    rest: float


class Reasons(NamedTuple):
    """What speaks for a label, token by token, as arrays.

    Attributes:
        scores: gradient times input of each token, (tokens,).
        rest: what the score of the label has beside the sum of these.
        attention: the share of all attention that each token got, (tokens,); None where no layer
            of the network attends from tokens to tokens, and for more than 2048 tokens.
    """

    scores: Floats
    rest: float
    attention: Floats | None


def explain(model: Module, tokenizer: Codec, text: str, label: int) -> Explanation:
    """Return what in a text speaks for a label, as `reasons` finds it for the tokens.

    Raises UsageError for a network in which no table has vectors for the ids.

    >>> import rushlight as rl
    >>> words = rl.data.Vocabulary(["free", "lunch"])
    >>> bag = rl.nn.EmbeddingBag(3, 2, mode="sum")
    >>> _ = bag.weight.assign([[0.0, 0.0], [0.0, 2.0], [1.0, 0.0]])
    >>> [(word.text, word.score) for word in explain(bag, words, "Free lunch!", label=1).words]
    [('free', 2.0), ('lunch', -1.0)]
    """
    ids = tokenizer.encode(text).tolist()
    words, spans = tokenizer.spans(text)
    found = reasons(model, ids, label)
    attention = [None] * len(ids) if found.attention is None else found.attention.tolist()
    tokens = tuple(
        Reason(_read(tokenizer, token, words, span), score, not tokenizer.is_unknown(token), share)
        for token, span, score, share in zip(
            ids, spans, found.scores.tolist(), attention, strict=True
        )
    )
    return Explanation(tokens, _of_words(words, spans, tokens), found.rest)


def _read(tokenizer: Codec, token: int, words: list[str], span: range) -> str:
    """Return a token as the network reads it, or the words that it does not know."""
    if tokenizer.is_unknown(token):
        return " ".join(words[place] for place in span)
    return tokenizer.decode([token])


def _of_words(
    words: list[str], spans: list[range], tokens: tuple[Reason, ...]
) -> tuple[Reason, ...]:
    """Return the words with equal parts of the tokens that are made of them."""
    score, attention = [0.0] * len(words), [0.0] * len(words)
    known = [False] * len(words)
    for span, token in zip(spans, tokens, strict=True):
        for place in span:
            score[place] += token.score / len(span)
            attention[place] += (token.attention or 0.0) / len(span)
            known[place] |= token.known
    attends = any(token.attention is not None for token in tokens)
    return tuple(
        Reason(word, score[place], known[place], attention[place] if attends else None)
        for place, word in enumerate(words)
    )


def reasons(model: Module, ids: Any, label: int) -> Reasons:
    """Return what each token of a text adds to a label's score above the mean of the others'.

    A token adds the gradient of that score with respect to its vector, times the vector (Denil et
    al. 2014, Shrikumar et al. 2016). Where all is linear, this is exactly what it adds, and the
    rest is the bias. In other networks it is what it adds as long as little changes.

    Args:
        model: of ids (1, tokens) to scores (1, labels). It looks the ids up in tables.
        ids: of the tokens, integers (tokens,).
        label: the number of the label.

    Raises UsageError for a network in which no table has vectors for the ids.

    >>> import rushlight as rl
    >>> bag = rl.nn.EmbeddingBag(3, 2, mode="sum")
    >>> _ = bag.weight.assign([[0.0, 0.0], [0.0, 2.0], [1.0, 0.0]])
    >>> reasons(bag, [1, 2, 1], label=1).scores
    array([ 2., -1.,  2.])
    """
    given = np.asarray(ids, np.int64)
    seen: list[Floats] = []
    watching = _watching(model, seen) if len(given) <= MOST_LOOKING else nullcontext()
    with undisturbed(model), _wanting(model), watching, enable_grad():
        outputs = model(Tensor.wrap(given[np.newaxis]))
        count = outputs.shape[-1]
        against = np.full(count, -1.0 / max(1, count - 1))
        against[label] = 1.0
        score = (outputs[0] * Tensor.wrap(against.astype(outputs.dtype.storage))).sum()
        vectors = _vectors(score, given)
        if not vectors:
            raise UsageError("the network looks no token up in a table, so none has a part in it")
        found = gradients([score], vectors)
    parts = [_product(g, x) for g, x in zip(found, vectors, strict=True)]
    scores: Floats = np.sum(parts, axis=0)
    fitting = [one for one in seen if one.shape == given.shape]
    attention: Floats | None = np.mean(fitting, axis=0) if fitting else None
    return Reasons(scores, float(score.item() - scores.sum()), attention)


def _product(gradient: Any, vectors: Any) -> Floats:
    """Return gradient times input of each token."""
    if gradient is None:
        return np.zeros(vectors.shape[-2])
    product = gradient.numpy().astype(np.float64) * vectors.numpy()
    found: Floats = product.sum(-1).reshape(-1)
    return found


def _vectors(score: Any, ids: NDArray[np.int64]) -> list[Any]:
    """Return the results of all lookups of these ids that a score depends on."""
    found: dict[int, Any] = {}
    waiting, known = [score], set()
    while waiting:
        x = waiting.pop()
        node = x.node
        if node is None or (node, x.output_index) in known:
            continue
        known.add((node, x.output_index))
        inputs: Sequence[Any] = node.inputs or ()
        if node.primitive.name == "take" and np.array_equal(inputs[1].numpy().reshape(-1), ids):
            found[id(node)] = x
        waiting += [one for one in inputs if one.requires_grad]
    return list(found.values())


@contextmanager
def _wanting(model: Module) -> Iterator[None]:
    """Let gradients go through frozen parameters too, for a block."""
    frozen = [one for one in model.parameters() if not one.requires_grad]
    for parameter in frozen:
        parameter.requires_grad = True
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad = False


@contextmanager
def _watching(model: Module, seen: list[Floats]) -> Iterator[None]:
    """Note the attention that each place gets in each layer, for a block."""
    with ExitStack() as hooks:
        for layer in model.modules():
            if isinstance(layer, MultiHeadAttention):
                hooks.enter_context(
                    layer.register_forward_hook(partial(_note, seen), with_kwargs=True)
                )
        yield


def _note(
    seen: list[Floats], layer: MultiHeadAttention, inputs: Any, options: Any, _output: Any
) -> None:
    visible = {name: options.get(name) for name in ("mask", "lengths")}
    with no_grad():
        weights = layer.weights(*inputs, **visible).numpy()  # (..., heads, time, places)
    seen.append(weights.astype(np.float64).reshape(-1, weights.shape[-1]).mean(0))
