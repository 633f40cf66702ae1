"""Losses as layers."""

from typing import Any

from rushlight.core.errors import ModuleError, did_you_mean
from rushlight.nn.module import Module, register
from rushlight.ops.losses import REDUCTIONS, cross_entropy, mse_loss, nll_loss
from rushlight.tensor import Tensor


@register
class CrossEntropyLoss(Module):
    """-log softmax(scores)[label], averaged: scores (n, classes), labels (n,).

    >>> import rushlight as rl
    >>> CrossEntropyLoss()(rl.zeros(1, 2), rl.tensor([0]))
    tensor(0.6931472)
    """

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = _checked(reduction)

    def forward(self, scores: Any, labels: Any) -> Tensor:
        return cross_entropy(scores, labels, self.reduction)  # type: ignore[no-any-return]


@register
class NLLLoss(Module):
    """-log_probabilities[label], averaged: log-probabilities (n, classes), labels (n,).

    >>> import rushlight as rl
    >>> NLLLoss()(rl.tensor([[-0.5, -2.0]]), rl.tensor([1]))
    tensor(2.)
    """

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = _checked(reduction)

    def forward(self, log_probabilities: Any, labels: Any) -> Tensor:
        return nll_loss(log_probabilities, labels, self.reduction)  # type: ignore[no-any-return]


@register
class MSELoss(Module):
    """The mean squared difference of two tensors of one shape.

    >>> import rushlight as rl
    >>> MSELoss()(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = _checked(reduction)

    def forward(self, prediction: Any, target: Any) -> Tensor:
        return mse_loss(prediction, target, self.reduction)  # type: ignore[no-any-return]


def _checked(reduction: str) -> str:
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        hint = did_you_mean(str(reduction), REDUCTIONS)
        raise ModuleError(f"there is no reduction {reduction!r}", hint=hint)
    return reduction
