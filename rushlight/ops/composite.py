"""Ops made of primitives: softmax, losses, normalisation."""

from typing import Any

from rushlight.core.bind import as_value, op
from rushlight.core.primitive import method
from rushlight.core.shapes import normalize_axis
from rushlight.ops.reduce import logsumexp


@method("log_softmax")
@op
def log_softmax(x: Any, axis: int = -1) -> Any:
    """Return log(softmax(x)) along `axis`, without overflow.

    >>> import rushlight as rl
    >>> rl.tensor([0.0, 0.0]).log_softmax()
    tensor([-0.6931472, -0.6931472])
    """
    axis = normalize_axis(axis, as_value(x).rank)
    return x - logsumexp(x, axis, keepdims=True)


@method("softmax")
@op
def softmax(x: Any, axis: int = -1) -> Any:
    """Return exp(x) scaled to sum to 1 along `axis`.

    >>> import rushlight as rl
    >>> rl.tensor([0.0, 0.0]).softmax()
    tensor([0.5, 0.5])
    """
    return log_softmax(x, axis).exp()
