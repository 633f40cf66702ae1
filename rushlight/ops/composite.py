"""Ops made of primitives: softmax, losses, normalisation."""

from collections.abc import Sequence
from typing import Any

from rushlight.core.bind import as_value, bind, op
from rushlight.core.dtypes import float32
from rushlight.core.errors import DTypeError, ShapeError, UsageError
from rushlight.core.primitive import method
from rushlight.core.shapes import normalize_axis, size_of
from rushlight.ops.gather import gather_p
from rushlight.ops.matmul import matmul_t
from rushlight.ops.movement import reshaped
from rushlight.ops.pointwise import cast
from rushlight.ops.reduce import mean, sum, var

REDUCTIONS = ("mean", "sum", "none")


@method("log_softmax")
@op
def log_softmax(x: Any, axis: int = -1) -> Any:
    """Return log(softmax(x)) along `axis`, without overflow.

    >>> import rushlight as rl
    >>> rl.tensor([0.0, 0.0]).log_softmax()
    tensor([-0.6931472, -0.6931472])
    """
    x = as_value(x)
    x = x if x.dtype.is_float else cast(x, float32)
    shifted = _shifted(x, normalize_axis(axis, x.rank))
    return shifted - _log_of_sum(shifted, axis)


def _shifted(x: Any, axis: int) -> Any:
    """Return `x` less its largest element: beside a large one a logarithm would lose digits."""
    return x - x.max(axis, keepdims=True).detach() if x.shape[axis] else x


def _log_of_sum(shifted: Any, axis: int) -> Any:
    return sum(shifted.exp(), axis, keepdims=True).log()


@method("softmax")
@op
def softmax(x: Any, axis: int = -1) -> Any:
    """Return exp(x) scaled to sum to 1 along `axis`.

    >>> import rushlight as rl
    >>> rl.tensor([0.0, 0.0]).softmax()
    tensor([0.5, 0.5])
    """
    return log_softmax(x, axis).exp()


@op
def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """Return x @ weight.T + bias: (..., inputs) with weight (outputs, inputs) gives (..., outputs).

    >>> import rushlight as rl
    >>> rl.nn.functional.linear(rl.ones(2), rl.ones(3, 2))
    tensor([2., 2., 2.])
    """
    x, weight = as_value(x), as_value(weight)
    if weight.rank != 2:
        raise ShapeError(f"the weight should be (outputs, inputs), it is {weight.shape}")
    if x.shape[-1:] != weight.shape[1:]:
        size = f"its last axis is {x.shape[-1]}" if x.shape else "it is a scalar"
        flat = (*x.shape[:1], size_of(x.shape[1:]))
        hint = f"x.flatten(1) is {flat}" if flat[1:] == weight.shape[1:] else None
        raise ShapeError(f"the input should end in {weight.shape[1]} features; {size}", hint=hint)
    y = matmul_t(x, weight)
    return y if bias is None else y + bias


@op
def cross_entropy(logits: Any, labels: Any, reduction: str = "mean") -> Any:
    """Return -log softmax(logits)[label]: logits (..., classes), labels (...) integers.

    >>> import rushlight as rl
    >>> rl.nn.functional.cross_entropy(rl.tensor([[0.0, 0.0]]), rl.tensor([1]))
    tensor(0.6931472)
    """
    logits = as_value(logits)
    labels = _check_labels(logits, labels)
    shifted = _shifted(logits, logits.rank - 1)
    losses = _log_of_sum(shifted, -1) - _picked(shifted, labels)
    return _reduced(losses, labels.shape, reduction)


@op
def nll_loss(log_probabilities: Any, labels: Any, reduction: str = "mean") -> Any:
    """Return -log_probabilities[label]: log-probabilities (..., classes), labels (...) integers.

    >>> import rushlight as rl
    >>> rl.nn.functional.nll_loss(rl.tensor([[-0.5, -2.0]]), rl.tensor([1]))
    tensor(2.)
    """
    log_probabilities = as_value(log_probabilities)
    labels = _check_labels(log_probabilities, labels)
    picked = _picked(log_probabilities, labels)
    return _reduced(-picked, labels.shape, reduction)


@op
def mse_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """Return the squared difference of two tensors of one shape.

    >>> import rushlight as rl
    >>> rl.nn.functional.mse_loss(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 4.0]))
    tensor(2.)
    """
    prediction = _as_float(prediction)
    target = _as_float(as_value(target, prediction.dtype))
    if prediction.shape != target.shape:
        hint = None
        if prediction.shape == (*target.shape, 1):
            hint = "write prediction.squeeze(-1)"
        elif target.shape == (*prediction.shape, 1):
            hint = "write target.squeeze(-1)"
        fact = f"prediction {prediction.shape} and target {target.shape} differ"
        raise ShapeError(fact, hint=hint)
    difference = prediction - target
    return _reduced(difference * difference, prediction.shape, reduction)


@op
def normalize(x: Any, axes: Sequence[int], eps: float) -> Any:
    """Return (x - mean) / sqrt(variance + eps), both taken over `axes`.

    >>> import rushlight as rl
    >>> rl.nn.functional.normalize(rl.tensor([1.0, 3.0]), (0,), 0.0)
    tensor([-1.,  1.])
    """
    centred = x - mean(x, axes, keepdims=True)
    return centred / (var(x, axes, keepdims=True) + eps).sqrt()


def _as_float(x: Any) -> Any:
    x = as_value(x)
    return x if x.dtype.is_float else cast(x, float32)


def _check_labels(logits: Any, labels: Any) -> Any:
    labels = as_value(labels)
    if labels.dtype.is_float:
        raise DTypeError(f"labels are integers, not {labels.dtype}", hint='labels.cast("int64")')
    if not logits.shape or labels.shape != logits.shape[:-1]:
        fact = f"scores of shape {logits.shape} want labels of shape {logits.shape[:-1]}"
        column = labels.shape == (*logits.shape[:-1], 1)
        hint = "write labels.squeeze(-1)" if column else None
        raise ShapeError(f"{fact}, got {labels.shape}", hint=hint)
    return labels


def _picked(x: Any, labels: Any) -> Any:
    """Return the element of the last axis that each label names: (..., 1)."""
    return bind(gather_p, x, reshaped(labels, (*labels.shape, 1)), axis=len(labels.shape))


def _reduced(losses: Any, shape: tuple[int, ...], reduction: str) -> Any:
    if reduction == "none":
        return losses.reshape(shape)
    if reduction not in REDUCTIONS:
        raise UsageError(f"a loss is reduced by {', '.join(REDUCTIONS)}, not {reduction!r}")
    return mean(losses) if reduction == "mean" else sum(losses)
