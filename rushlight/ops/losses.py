"""Losses of labels and of numbers. Those of margins and of sequences have files of their own."""

import math
from collections.abc import Iterable
from typing import Any

from rushlight.core.bind import as_value, bind, op
from rushlight.core.errors import DTypeError, ShapeError, UsageError
from rushlight.ops.composite import as_float, log_of_sum, shifted_down
from rushlight.ops.elementwise import where
from rushlight.ops.gather import gather_p, take
from rushlight.ops.movement import reshaped
from rushlight.ops.pointwise import cast
from rushlight.ops.reduce import mean, sum

REDUCTIONS = ("mean", "sum", "none")
LEAST_LOG = -100.0  # of a probability, so that one wrong sample does not make a loss infinite


@op
def cross_entropy(
    logits: Any,
    labels: Any,
    reduction: str = "mean",
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Any:
    """Return -log softmax(logits)[label]: logits (..., classes), labels (...) integers.

    Labels may also be probabilities (..., classes): then -sum(p * log softmax(logits)).

    Args:
        logits: scores, the classes on the last axis.
        labels: integers, or probabilities of all classes.
        reduction: "mean", "sum" or "none".
        weight: how much each class counts, (classes,); a mean is weighted too.
        ignore_index: a label that does not count.
        label_smoothing: the share of each label that is spread over all classes evenly (Szegedy
            et al. 2016).

    >>> import rushlight as rl
    >>> rl.nn.functional.cross_entropy(rl.tensor([[0.0, 0.0]]), rl.tensor([1]))
    tensor(0.6931472)
    """
    logits, labels = as_value(logits), as_value(labels)
    if not 0.0 <= label_smoothing <= 1.0:
        raise UsageError(f"label_smoothing is a share from 0 to 1, not {label_smoothing!r}")
    soft = labels.dtype.is_float and logits.shape and labels.shape == logits.shape
    if not soft:
        labels = labels_of(logits, labels)
    elif ignore_index is not None:
        raise UsageError("ignore_index is for labels that are integers, these are probabilities")
    weight = class_weights(weight, logits)
    shifted = shifted_down(logits, logits.rank - 1)
    if soft:
        return _soft_cross_entropy(shifted, labels, reduction, weight, label_smoothing)
    labels, kept = _without(labels, ignore_index)
    log_sum = log_of_sum(shifted, -1)
    losses = log_sum - picked(shifted, labels)
    shares = shares_of(weight, labels)
    if shares is not None:
        losses = losses * shares
    if label_smoothing:
        each = log_sum - shifted if weight is None else (log_sum - shifted) * weight
        even = mean(each, -1, keepdims=True)
        losses = losses * (1.0 - label_smoothing) + even * label_smoothing
    return _of_labels(losses, labels.shape, reduction, shares, kept)


def _soft_cross_entropy(
    shifted: Any, probabilities: Any, reduction: str, weight: Any, smoothing: float
) -> Any:
    logs = shifted - log_of_sum(shifted, -1)
    if smoothing:
        even = smoothing / shifted.shape[-1] if shifted.shape[-1] else 0.0
        probabilities = probabilities * (1.0 - smoothing) + even
    each = logs * probabilities if weight is None else logs * probabilities * weight
    losses = -sum(each, -1)
    return reduced(losses, losses.shape, reduction)


@op
def nll_loss(
    log_probabilities: Any,
    labels: Any,
    reduction: str = "mean",
    weight: Any = None,
    ignore_index: int | None = None,
) -> Any:
    """Return -log_probabilities[label]: log-probabilities (..., classes), labels (...) integers.

    `weight` and `ignore_index` are those of `cross_entropy`.

    >>> import rushlight as rl
    >>> rl.nn.functional.nll_loss(rl.tensor([[-0.5, -2.0]]), rl.tensor([1]))
    tensor(2.)
    """
    log_probabilities = as_value(log_probabilities)
    labels = labels_of(log_probabilities, labels)
    weight = class_weights(weight, log_probabilities)
    labels, kept = _without(labels, ignore_index)
    losses = -picked(log_probabilities, labels)
    shares = shares_of(weight, labels)
    if shares is not None:
        losses = losses * shares
    return _of_labels(losses, labels.shape, reduction, shares, kept)


@op
def mse_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """Return the squared difference of two tensors of one shape.

    >>> import rushlight as rl
    >>> rl.nn.functional.mse_loss(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 4.0]))
    tensor(2.)
    """
    prediction, target = paired(prediction, target)
    difference = prediction - target
    return reduced(difference * difference, prediction.shape, reduction)


@op
def l1_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """Return the absolute difference of two tensors of one shape.

    >>> import rushlight as rl
    >>> rl.nn.functional.l1_loss(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 4.0]))
    tensor(1.)
    """
    prediction, target = paired(prediction, target)
    return reduced(abs(prediction - target), prediction.shape, reduction)


@op
def huber_loss(prediction: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Return half the square of differences up to `delta`, beyond it delta * (|d| - delta / 2).

    Huber 1964.

    >>> import rushlight as rl
    >>> rl.nn.functional.huber_loss(rl.tensor([0.5, 3.0]), rl.tensor([0.0, 0.0]), "none")
    tensor([0.125, 2.5  ])
    """
    if not delta > 0.0:
        raise UsageError(f"delta is above 0, not {delta!r}")
    prediction, target = paired(prediction, target)
    difference = prediction - target
    near = difference.clip(-delta, delta)
    return reduced(near * (difference - near * 0.5), prediction.shape, reduction)


@op
def smooth_l1_loss(prediction: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """Return the absolute difference less beta / 2, rounded to a parabola below `beta`.

    It is the Huber loss by `beta`, and the absolute difference for a `beta` of 0. Girshick 2015.

    >>> import rushlight as rl
    >>> rl.nn.functional.smooth_l1_loss(rl.tensor([0.5, 3.0]), rl.tensor([0.0, 0.0]), "none")
    tensor([0.125, 2.5  ])
    """
    if beta == 0.0:
        return l1_loss(prediction, target, reduction)
    if not beta > 0.0:
        raise UsageError(f"beta is at least 0, not {beta!r}")
    return huber_loss(prediction, target, reduction, beta) * (1.0 / beta)


@op
def binary_cross_entropy(
    probabilities: Any, target: Any, reduction: str = "mean", weight: Any = None
) -> Any:
    """Return -(target * log(p) + (1 - target) * log(1 - p)), a logarithm being at least -100.

    Args:
        probabilities: from 0 to 1, of any shape.
        target: 0, 1 or between, of the same shape.
        reduction: "mean", "sum" or "none".
        weight: how much each element counts; it broadcasts, and a mean is not divided by it.

    >>> import rushlight as rl
    >>> rl.nn.functional.binary_cross_entropy(rl.tensor([0.5, 1.0]), rl.tensor([1.0, 0.0]), "none")
    tensor([  0.6931472, 100.       ])
    """
    p, target = paired(probabilities, target)
    losses = -(target * _log(p) + (1.0 - target) * _log(1.0 - p))
    return _weighted(losses, p.shape, reduction, weight)


@op
def binary_cross_entropy_with_logits(
    logits: Any,
    target: Any,
    reduction: str = "mean",
    weight: Any = None,
    pos_weight: Any = None,
) -> Any:
    """Return the binary cross entropy of sigmoid(logits), without overflow.

    Args:
        logits: scores of any shape.
        target: 0, 1 or between, of the same shape.
        reduction: "mean", "sum" or "none".
        weight: how much each element counts; it broadcasts, and a mean is not divided by it.
        pos_weight: how much targets of 1 count; it broadcasts.

    >>> import rushlight as rl
    >>> rl.nn.functional.binary_cross_entropy_with_logits(rl.tensor([0.0]), rl.tensor([1.0]))
    tensor(0.6931472)
    """
    x, target = paired(logits, target)
    softplus = (-x).softplus()
    if pos_weight is not None:
        pos_weight = as_float(as_value(pos_weight, x.dtype))
        softplus = softplus * (1.0 + (pos_weight - 1.0) * target)
    return _weighted((1.0 - target) * x + softplus, x.shape, reduction, weight)


@op
def kl_div(logs: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """Return target * (log(target) - logs), whose sum is the divergence of Kullback and Leibler.

    Args:
        logs: logarithms of the probabilities that are compared.
        target: the true probabilities, of the same shape; 0 counts nothing.
        reduction: "mean" over all elements, "batchmean" (the sum by the size of the first axis,
            which is what the formula means), "sum" or "none".
        log_target: whether `target` holds logarithms.

    >>> import rushlight as rl
    >>> p = rl.tensor([[0.5, 0.5]])
    >>> rl.nn.functional.kl_div(p.log(), p, "batchmean")
    tensor(0.)
    """
    logs, target = paired(logs, target)
    p = target.exp() if log_target else target
    losses = (p * target if log_target else p.xlogy(p)) - p * logs
    if reduction != "batchmean":
        return reduced(losses, logs.shape, reduction)
    if not logs.shape:
        raise ShapeError("a scalar has no batch to take the mean over", hint='reduction="sum"')
    return sum(losses) / float(logs.shape[0])


@op
def poisson_nll_loss(
    prediction: Any,
    target: Any,
    reduction: str = "mean",
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
) -> Any:
    """Return the negative log likelihood of counts under Poisson's distribution.

    Args:
        prediction: the logarithm of the expected count, or the count itself.
        target: counts, of the same shape.
        reduction: "mean", "sum" or "none".
        log_input: whether `prediction` is a logarithm.
        full: add log(target!) by Stirling's formula, for targets above 1.
        eps: added to an expected count before its logarithm is taken.

    >>> import rushlight as rl
    >>> rl.nn.functional.poisson_nll_loss(rl.tensor([0.0]), rl.tensor([2.0]))
    tensor(1.)
    """
    x, target = paired(prediction, target)
    losses = x.exp() - target * x if log_input else x - target * (x + eps).log()
    if full:
        many = where(target > 1.0, target, 1.0)
        stirling = many * many.log() - many + (many * (2.0 * math.pi)).log() * 0.5
        losses = losses + where(target > 1.0, stirling, 0.0)
    return reduced(losses, x.shape, reduction)


@op
def gaussian_nll_loss(
    prediction: Any,
    target: Any,
    var: Any,
    reduction: str = "mean",
    full: bool = False,
    eps: float = 1e-6,
) -> Any:
    """Return the negative log likelihood of numbers under normal distributions.

    Args:
        prediction: means, of any shape.
        target: numbers, of the same shape.
        var: variances; they broadcast, so one a row is (..., 1). Nix and Weigend 1994.
        reduction: "mean", "sum" or "none".
        full: add the constant log(2 pi) / 2.
        eps: the least that counts as a variance, with no gradient below.

    >>> import rushlight as rl
    >>> rl.nn.functional.gaussian_nll_loss(rl.tensor([1.0]), rl.tensor([3.0]), rl.tensor([1.0]))
    tensor(2.)
    """
    x, target = paired(prediction, target)
    var = as_float(as_value(var, x.dtype))
    var = where(var < eps, eps, var)
    difference = x - target
    losses = (var.log() + difference * difference / var) * 0.5
    if losses.shape != x.shape:
        raise ShapeError(f"var {var.shape} does not broadcast to prediction {x.shape}")
    if full:
        losses = losses + 0.5 * math.log(2.0 * math.pi)
    return reduced(losses, x.shape, reduction)


@op
def l1_penalty(parameters: Iterable[Any]) -> Any:
    """Return the sum of the absolute values of all parameters, to be added to a loss.

    It drives weights to zero (Tibshirani 1996).

    >>> import rushlight as rl
    >>> model = rl.nn.Linear(2, 1)
    >>> def loss(output, target):
    ...     error = rl.nn.functional.mse_loss(output, target)
    ...     return error + 1e-4 * rl.nn.functional.l1_penalty(model.parameters())
    >>> loss(model(rl.ones(3, 2)), rl.zeros(3, 1)).shape
    ()
    """
    return _total([sum(abs(x)) for x in _values(parameters)])


@op
def l2_penalty(parameters: Iterable[Any]) -> Any:
    """Return the sum of the squares of all parameters, to be added to a loss.

    Its gradient is twice the weights: `0.5 * decay * l2_penalty(...)` does what plain SGD does with
    `weight_decay=decay`.

    >>> import rushlight as rl
    >>> rl.nn.functional.l2_penalty([rl.tensor([1.0, 2.0]), rl.tensor(3.0)])
    tensor(14.)
    """
    return _total([sum(x * x) for x in _values(parameters)])


def paired(prediction: Any, target: Any) -> tuple[Any, Any]:
    """Return both as floats, or raise unless they have one shape."""
    prediction = as_float(prediction)
    target = as_float(as_value(target, prediction.dtype))
    if prediction.shape == target.shape:
        return prediction, target
    hint = None
    if prediction.shape == (*target.shape, 1):
        hint = "write prediction.squeeze(-1)"
    elif target.shape == (*prediction.shape, 1):
        hint = "write target.squeeze(-1)"
    fact = f"prediction {prediction.shape} and target {target.shape} differ"
    raise ShapeError(fact, hint=hint)


def reduced(losses: Any, shape: tuple[int, ...], reduction: str) -> Any:
    """Return the mean or the sum of losses, or each in `shape`."""
    if reduction == "none":
        return losses.reshape(shape)
    if reduction not in REDUCTIONS:
        raise UsageError(f"a loss is reduced by {', '.join(REDUCTIONS)}, not {reduction!r}")
    return mean(losses) if reduction == "mean" else sum(losses)


def labels_of(logits: Any, labels: Any) -> Any:
    """Return labels (...) as a value, or raise unless they are integers that fit the scores."""
    labels = as_value(labels)
    if labels.dtype.is_float:
        raise DTypeError(f"labels are integers, not {labels.dtype}", hint='labels.cast("int64")')
    if not logits.shape or labels.shape != logits.shape[:-1]:
        fact = f"scores of shape {logits.shape} want labels of shape {logits.shape[:-1]}"
        column = labels.shape == (*logits.shape[:-1], 1)
        hint = "write labels.squeeze(-1)" if column else None
        if len(logits.shape) > 2 and labels.shape == (logits.shape[0], *logits.shape[2:]):
            hint = "the classes are on the last axis: write logits.movedim(1, -1)"
        raise ShapeError(f"{fact}, got {labels.shape}", hint=hint)
    return labels


def class_weights(weight: Any, scores: Any) -> Any:
    """Return the weight of each class in the dtype of the scores, or None."""
    if weight is None:
        return None
    weight = as_float(as_value(weight, scores.dtype))
    if weight.shape != scores.shape[-1:]:
        raise ShapeError(f"there are {scores.shape[-1:]} classes and {weight.shape} weights")
    return cast(weight, scores.dtype)


def shares_of(weight: Any, labels: Any) -> Any:
    """Return the weight of each label's class, (..., 1), or None."""
    return None if weight is None else reshaped(take(weight, labels), (*labels.shape, 1))


def picked(x: Any, labels: Any) -> Any:
    """Return the element of the last axis that each label names: (..., 1)."""
    return bind(gather_p, x, reshaped(labels, (*labels.shape, 1)), axis=len(labels.shape))


def _weighted(losses: Any, shape: tuple[int, ...], reduction: str, weight: Any) -> Any:
    if weight is not None:
        losses = losses * as_float(as_value(weight, losses.dtype))
        if losses.shape != shape:
            raise ShapeError(f"the weight does not broadcast to {shape}")
    return reduced(losses, shape, reduction)


def _log(p: Any) -> Any:
    """Return log(p), at least -100, where the gradient is 0."""
    least = p <= math.exp(LEAST_LOG)
    return where(least, LEAST_LOG, where(least, 1.0, p).log())


def _values(parameters: Any) -> list[Any]:
    if not isinstance(parameters, Iterable):
        fact = f"it takes parameters, one after another, not {type(parameters).__name__}"
        raise UsageError(fact, hint="model.parameters()")
    return [as_value(x) for x in parameters]


def _total(parts: list[Any]) -> Any:
    total = parts[0] if parts else as_value(0.0)
    for part in parts[1:]:
        total = total + part
    return total


def _without(labels: Any, ignore_index: int | None) -> tuple[Any, Any]:
    """Return labels that all name a class, and which of them count, (..., 1), or None for all."""
    if ignore_index is None:
        return labels, None
    kept = labels != ignore_index
    return where(kept, labels, 0), reshaped(kept, (*labels.shape, 1))


def _of_labels(losses: Any, shape: tuple[int, ...], reduction: str, shares: Any, kept: Any) -> Any:
    """Reduce the losses (..., 1) of labels; the mean is by what counts, and by how much."""
    if kept is not None:
        losses = where(kept, losses, 0.0)
    if reduction != "mean" or (shares is None and kept is None):
        return reduced(losses, shape, reduction)
    counts = as_value(1.0, losses.dtype) if shares is None else shares
    if kept is not None:
        counts = where(kept, counts, 0.0)
    return sum(losses) / sum(counts)
