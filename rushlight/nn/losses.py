"""Losses as layers: `reduction` is "mean", "sum", or "none" for the loss of each sample."""

import sys
from collections.abc import Sequence
from typing import Any

from rushlight.core.dtypes import float32
from rushlight.core.errors import DTypeError, ModuleError, did_you_mean
from rushlight.nn.init import checked_flag, checked_norm, checked_number
from rushlight.nn.module import Module, register
from rushlight.nn.parts import brief
from rushlight.ops import ctc, losses, margins
from rushlight.ops.losses import REDUCTIONS
from rushlight.tensor import Tensor, tensor

Weights = Sequence[float] | Tensor | None


class _Weighted(Module):
    """A loss with weights, which are buffers and, in a model file, lists of numbers as well."""

    @property
    def arguments(self) -> dict[str, Any]:
        return {**super().arguments, **{name: x.tolist() for name, x in self.named_buffers()}}

    def _keep(self, name: str, weight: Any) -> None:
        if weight is None:
            setattr(self, name, None)
            return
        given = weight.detach() if isinstance(weight, Tensor) else tensor(weight, float32)
        if not given.dtype.is_float:
            raise DTypeError(f"{name} is made of floats, not {given.dtype}")
        self.buffer(name, tensor(given))


@register
class CrossEntropyLoss(_Weighted):
    """-log softmax(scores)[label], averaged: scores (n, classes), labels (n,).

    Labels may also be probabilities (n, classes).

    Args:
        reduction: "mean", "sum" or "none".
        weight: how much each class counts; a mean is weighted too.
        ignore_index: a label that does not count.
        label_smoothing: the share of each label that is spread over all classes evenly.

    >>> import rushlight as rl
    >>> CrossEntropyLoss()(rl.zeros(1, 2), rl.tensor([0]))
    tensor(0.6931472)
    """

    def __init__(
        self,
        reduction: str = "mean",
        weight: Weights = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        self.reduction = _checked(reduction)
        self._keep("weight", weight)
        self.ignore_index = _checked_label("ignore_index", ignore_index)
        self.label_smoothing = checked_number("label_smoothing", label_smoothing, most=1.0)

    def forward(self, scores: Any, labels: Any) -> Tensor:
        loss: Tensor = losses.cross_entropy(
            scores, labels, self.reduction, self.weight, self.ignore_index, self.label_smoothing
        )
        return loss


@register
class NLLLoss(_Weighted):
    """-log_probabilities[label], averaged: log-probabilities (n, classes), labels (n,).

    Args:
        reduction: "mean", "sum" or "none".
        weight: how much each class counts; a mean is weighted too.
        ignore_index: a label that does not count.

    >>> import rushlight as rl
    >>> NLLLoss()(rl.tensor([[-0.5, -2.0]]), rl.tensor([1]))
    tensor(2.)
    """

    def __init__(
        self, reduction: str = "mean", weight: Weights = None, ignore_index: int | None = None
    ) -> None:
        self.reduction = _checked(reduction)
        self._keep("weight", weight)
        self.ignore_index = _checked_label("ignore_index", ignore_index)

    def forward(self, log_probabilities: Any, labels: Any) -> Tensor:
        loss: Tensor = losses.nll_loss(
            log_probabilities, labels, self.reduction, self.weight, self.ignore_index
        )
        return loss


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
        loss: Tensor = losses.mse_loss(prediction, target, self.reduction)
        return loss


@register
class L1Loss(Module):
    """The mean absolute difference of two tensors of one shape.

    >>> import rushlight as rl
    >>> L1Loss()(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 4.0]))
    tensor(1.)
    """

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = _checked(reduction)

    def forward(self, prediction: Any, target: Any) -> Tensor:
        loss: Tensor = losses.l1_loss(prediction, target, self.reduction)
        return loss


@register
class SmoothL1Loss(Module):
    """The absolute difference less beta / 2, rounded to a parabola below `beta`. Girshick 2015.

    >>> import rushlight as rl
    >>> SmoothL1Loss()(rl.tensor([0.5]), rl.tensor([0.0]))
    tensor(0.125)
    """

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        self.reduction = _checked(reduction)
        self.beta = checked_number("beta", beta)

    def forward(self, prediction: Any, target: Any) -> Tensor:
        loss: Tensor = losses.smooth_l1_loss(prediction, target, self.reduction, self.beta)
        return loss


@register
class HuberLoss(Module):
    """Half the square of differences up to `delta`, a straight line beyond. Huber 1964.

    >>> import rushlight as rl
    >>> HuberLoss(delta=2.0)(rl.tensor([5.0]), rl.tensor([0.0]))
    tensor(8.)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        self.reduction = _checked(reduction)
        self.delta = checked_number("delta", delta)
        if self.delta == 0.0:
            raise ModuleError("delta must be above 0")

    def forward(self, prediction: Any, target: Any) -> Tensor:
        loss: Tensor = losses.huber_loss(prediction, target, self.reduction, self.delta)
        return loss


@register
class BCELoss(_Weighted):
    """The binary cross entropy of probabilities, for targets of 0 and 1 or between.

    Args:
        reduction: "mean", "sum" or "none".
        weight: how much each element counts; it broadcasts, and a mean is not divided by it.

    >>> import rushlight as rl
    >>> BCELoss()(rl.tensor([0.5]), rl.tensor([1.0]))
    tensor(0.6931472)
    """

    def __init__(self, reduction: str = "mean", weight: Any = None) -> None:
        self.reduction = _checked(reduction)
        self._keep("weight", weight)

    def forward(self, probabilities: Any, target: Any) -> Tensor:
        loss: Tensor = losses.binary_cross_entropy(
            probabilities, target, self.reduction, self.weight
        )
        return loss


@register
class BCEWithLogitsLoss(_Weighted):
    """The binary cross entropy of sigmoid(scores), without overflow.

    Args:
        reduction: "mean", "sum" or "none".
        weight: how much each element counts; it broadcasts, and a mean is not divided by it.
        pos_weight: how much targets of 1 count; it broadcasts.

    >>> import rushlight as rl
    >>> BCEWithLogitsLoss()(rl.tensor([0.0]), rl.tensor([1.0]))
    tensor(0.6931472)
    """

    def __init__(self, reduction: str = "mean", weight: Any = None, pos_weight: Any = None) -> None:
        self.reduction = _checked(reduction)
        self._keep("weight", weight)
        self._keep("pos_weight", pos_weight)

    def forward(self, scores: Any, target: Any) -> Tensor:
        loss: Tensor = losses.binary_cross_entropy_with_logits(
            scores, target, self.reduction, self.weight, self.pos_weight
        )
        return loss


@register
class KLDivLoss(Module):
    """target * (log(target) - logs), for log-probabilities and probabilities of one shape.

    Args:
        reduction: "mean" of all elements, "batchmean" (the sum by the size of the first axis, which
            is the divergence of Kullback and Leibler), "sum" or "none".
        log_target: whether the target holds logarithms.

    >>> import rushlight as rl
    >>> KLDivLoss("batchmean")(rl.tensor([[0.5, 0.5]]).log(), rl.tensor([[0.5, 0.5]]))
    tensor(0.)
    """

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        self.reduction = _checked(reduction, (*REDUCTIONS, "batchmean"))
        self.log_target = checked_flag("log_target", log_target)

    def forward(self, logs: Any, target: Any) -> Tensor:
        loss: Tensor = losses.kl_div(logs, target, self.reduction, self.log_target)
        return loss


@register
class PoissonNLLLoss(Module):
    """The negative log likelihood of counts under Poisson's distribution.

    Args:
        reduction: "mean", "sum" or "none".
        log_input: whether a prediction is the logarithm of the expected count, or the count.
        full: add log(target!) by Stirling's formula, for targets above 1.
        eps: added to an expected count before its logarithm is taken.

    >>> import rushlight as rl
    >>> PoissonNLLLoss()(rl.tensor([0.0]), rl.tensor([2.0]))
    tensor(1.)
    """

    def __init__(
        self, reduction: str = "mean", log_input: bool = True, full: bool = False, eps: float = 1e-8
    ) -> None:
        self.reduction = _checked(reduction)
        self.log_input = checked_flag("log_input", log_input)
        self.full = checked_flag("full", full)
        self.eps = checked_number("eps", eps)

    def forward(self, prediction: Any, target: Any) -> Tensor:
        loss: Tensor = losses.poisson_nll_loss(
            prediction, target, self.reduction, self.log_input, self.full, self.eps
        )
        return loss


@register
class GaussianNLLLoss(Module):
    """The negative log likelihood of numbers under normal distributions. Nix and Weigend 1994.

    Args:
        reduction: "mean", "sum" or "none".
        full: add the constant log(2 pi) / 2.
        eps: the least that counts as a variance.

    >>> import rushlight as rl
    >>> GaussianNLLLoss()(rl.tensor([1.0]), rl.tensor([3.0]), rl.tensor([1.0]))
    tensor(2.)
    """

    def __init__(self, reduction: str = "mean", full: bool = False, eps: float = 1e-6) -> None:
        self.reduction = _checked(reduction)
        self.full = checked_flag("full", full)
        self.eps = checked_number("eps", eps)

    def forward(self, prediction: Any, target: Any, var: Any) -> Tensor:
        loss: Tensor = losses.gaussian_nll_loss(
            prediction, target, var, self.reduction, self.full, self.eps
        )
        return loss


@register
class HingeEmbeddingLoss(Module):
    """The distance of what belongs together (1), and what others (-1) lack of the margin.

    >>> import rushlight as rl
    >>> HingeEmbeddingLoss()(rl.tensor([0.25, 0.25]), rl.tensor([1.0, -1.0]))
    tensor(0.5)
    """

    def __init__(self, reduction: str = "mean", margin: float = 1.0) -> None:
        self.reduction = _checked(reduction)
        self.margin = checked_number("margin", margin, least=-sys.float_info.max)

    def forward(self, distances: Any, target: Any) -> Tensor:
        loss: Tensor = margins.hinge_embedding_loss(distances, target, self.reduction, self.margin)
        return loss


@register
class SoftMarginLoss(Module):
    """log(1 + exp(-target * prediction)) for targets of 1 and -1.

    >>> import rushlight as rl
    >>> SoftMarginLoss()(rl.tensor([0.0]), rl.tensor([-1.0]))
    tensor(0.6931472)
    """

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = _checked(reduction)

    def forward(self, prediction: Any, target: Any) -> Tensor:
        loss: Tensor = margins.soft_margin_loss(prediction, target, self.reduction)
        return loss


@register
class MarginRankingLoss(Module):
    """What the first lacks of being above the second by the margin; below where the target is -1.

    >>> import rushlight as rl
    >>> MarginRankingLoss()(rl.tensor([1.0]), rl.tensor([3.0]), rl.tensor([1.0]))
    tensor(2.)
    """

    def __init__(self, reduction: str = "mean", margin: float = 0.0) -> None:
        self.reduction = _checked(reduction)
        self.margin = checked_number("margin", margin, least=-sys.float_info.max)

    def forward(self, first: Any, second: Any, target: Any) -> Tensor:
        loss: Tensor = margins.margin_ranking_loss(
            first, second, target, self.reduction, self.margin
        )
        return loss


@register
class MultiMarginLoss(_Weighted):
    """What the label's score lacks of being the margin above each other: (n, classes), (n,).

    Args:
        reduction: "mean", "sum" or "none".
        p: the power to which a lack counts, 1 or 2.
        margin: how far the label's score should be above the others.
        weight: how much each class counts; a mean is not divided by it.

    >>> import rushlight as rl
    >>> MultiMarginLoss()(rl.tensor([[0.5, 0.0]]), rl.tensor([0]))
    tensor(0.25)
    """

    def __init__(
        self, reduction: str = "mean", p: int = 1, margin: float = 1.0, weight: Weights = None
    ) -> None:
        self.reduction = _checked(reduction)
        if p not in (1, 2):
            raise ModuleError(f"p is 1 or 2, not {p!r}")
        self.p = p
        self.margin = checked_number("margin", margin, least=-sys.float_info.max)
        self._keep("weight", weight)

    def forward(self, scores: Any, labels: Any) -> Tensor:
        loss: Tensor = margins.multi_margin_loss(
            scores, labels, self.reduction, self.p, self.margin, self.weight
        )
        return loss


@register
class CosineEmbeddingLoss(Module):
    """1 - cosine where the target is 1, and what the cosine exceeds the margin by at -1.

    >>> import rushlight as rl
    >>> CosineEmbeddingLoss()(rl.tensor([[1.0, 0.0]]), rl.tensor([[0.0, 1.0]]), rl.tensor([1]))
    tensor(1.)
    """

    def __init__(self, reduction: str = "mean", margin: float = 0.0) -> None:
        self.reduction = _checked(reduction)
        self.margin = checked_number("margin", margin, least=-sys.float_info.max)

    def forward(self, left: Any, right: Any, target: Any) -> Tensor:
        loss: Tensor = margins.cosine_embedding_loss(
            left, right, target, self.reduction, self.margin
        )
        return loss


@register
class TripletMarginLoss(Module):
    """What a negative lacks of being farther from its anchor than a positive by a margin.

    Args:
        reduction: "mean", "sum" or "none".
        margin: by how much.
        p: of the norm that the distance is, from 1 on; it may be infinite.
        eps: added to differences.
        swap: take the distance of positive and negative where it is the smaller one.

    >>> import rushlight as rl
    >>> TripletMarginLoss(p=1.0, eps=0.0)(rl.zeros(1, 2), rl.ones(1, 2), rl.ones(1, 2) * 1.25)
    tensor(0.5)
    """

    def __init__(
        self,
        reduction: str = "mean",
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
    ) -> None:
        self.reduction = _checked(reduction)
        self.margin = checked_number("margin", margin, least=-sys.float_info.max)
        self.p = checked_norm(p)
        self.eps = checked_number("eps", eps)
        self.swap = checked_flag("swap", swap)

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Tensor:
        loss: Tensor = margins.triplet_margin_loss(
            anchor, positive, negative, self.reduction, self.margin, self.p, self.eps, self.swap
        )
        return loss


@register
class CTCLoss(Module):
    """-log of the chance of a target over all its alignments with the input. Graves et al. 2006.

    Takes log-probabilities (times, n, classes), targets (n, longest), and the lengths of both (n,).

    Args:
        reduction: "mean" (of each loss by its target's length), "sum" or "none".
        blank: the class that stands for none.
        zero_infinity: count a target that is too long for its input as 0.

    >>> import rushlight as rl
    >>> CTCLoss()(rl.zeros(2, 1, 2).log_softmax(), [[1]], [2], [1])
    tensor(0.2876821)
    """

    def __init__(
        self, reduction: str = "mean", blank: int = 0, zero_infinity: bool = False
    ) -> None:
        self.reduction = _checked(reduction)
        self.blank = _checked_label("blank", blank)
        self.zero_infinity = checked_flag("zero_infinity", zero_infinity)

    def forward(
        self, log_probabilities: Any, targets: Any, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        loss: Tensor = ctc.ctc_loss(
            log_probabilities,
            targets,
            input_lengths,
            target_lengths,
            self.reduction,
            self.blank,
            self.zero_infinity,
        )
        return loss


def _checked(reduction: Any, known: Sequence[str] = REDUCTIONS) -> str:
    if not isinstance(reduction, str) or reduction not in known:
        if not isinstance(reduction, str):
            fact = f"a reduction is a word, not {brief(reduction)}"
            raise ModuleError(fact, hint="all else goes by its name, such as weight=")
        hint = did_you_mean(reduction, known)
        raise ModuleError(f"there is no reduction {reduction!r}", hint=hint)
    return reduction


def _checked_label(name: str, label: int | None) -> Any:
    if label is not None and (not isinstance(label, int) or isinstance(label, bool)):
        raise ModuleError(f"{name} is an int, not {label!r}")
    return label
