"""Measures of scores: how well they rank the classes, and how probable they make the labels."""

from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.core.errors import DataError, UsageError, did_you_mean
from rushlight.train.metrics.inputs import (
    Array,
    Floats,
    are_scores,
    as_array,
    mismatch,
    scores_and_labels,
)

_SUM_TOLERANCE = 1e-3  # of the probabilities of a row


def top_k_accuracy(scores: Any, labels: Any, k: int = 5) -> float:
    """Return the share of rows whose label is among the `k` largest scores.

    Of equal scores the first counts as larger, so that k = 1 is `accuracy`.

    Args:
        scores: (n, classes).
        labels: integers (n,), the columns' numbers.
        k: how many guesses a row has.

    Raises ShapeError for other shapes, UsageError for a k below 1, DataError for NaN.

    >>> top_k_accuracy([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], [1, 0], k=2)
    0.5
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise UsageError(f"k is an int of at least 1, not {k!r:.40}")
    values, columns, _ = _scored("top_k_accuracy", scores, labels)
    own = np.take_along_axis(values, columns[:, None], axis=1)
    before = np.arange(values.shape[1]) < columns[:, None]
    rank = ((values > own) | ((values == own) & before)).sum(1)
    return float(np.mean(rank < k))


def roc_auc(scores: Any, labels: Any, average: str | None = "macro") -> float | Floats:
    """Return the area under the ROC curve: how probably a class outranks the others.

    That is the share of pairs, one item of the class and one of the rest, in which the first has
    the larger score; of equal scores half a pair counts (the Mann-Whitney U statistic). 0.5 is
    chance. For more than two classes it is worked out for each against the rest.

    Args:
        scores: (n,), of the larger of two classes; or (n, classes). Two columns are compared by
            their difference. More are ranked each by itself, so give probabilities:
            `output.softmax()`.
        labels: (n,).
        average: of more than two classes, "macro", or "weighted" by how often each is there;
            None for one number a class.

    Raises ShapeError for other shapes, DataError where a class, or all but one, has no items.

    >>> roc_auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    return _one_by_one("roc_auc", _auc, scores, labels, average)


def average_precision(scores: Any, labels: Any, average: str | None = "macro") -> float | Floats:
    """Return the mean precision over the thresholds, weighted by the gain in recall at each.

    Arguments and errors as for `roc_auc`.

    >>> round(average_precision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 4)
    0.8333
    """
    return _one_by_one("average_precision", _average_precision, scores, labels, average)


def log_loss(probabilities: Any, labels: Any) -> float:
    """Return the mean of -log p, where p is what a row gives its label; also: cross entropy.

    Probabilities of 0 count as the smallest step of their dtype.

    Args:
        probabilities: (n, classes), or (n,) for the larger of two classes.
        labels: (n,).

    Raises ShapeError for other shapes, DataError for what is no probability.

    >>> round(log_loss([[0.9, 0.1], [0.2, 0.8]], [0, 1]), 4)
    0.1643
    """
    dtype = as_array(probabilities).dtype
    values, columns, classes = scores_and_labels("log_loss", probabilities, labels)
    if values.shape[1] == 1 < len(classes):
        values = np.concatenate([1 - values, values], axis=1)
    sums = values.sum(1)
    if values.min() < 0 or values.max() > 1 or np.abs(sums - 1).max() > _SUM_TOLERANCE:
        raise DataError(
            "log_loss takes probabilities, which are 0 to 1 and add up to 1 in each row",
            hint="output.softmax() makes them of scores",
        )
    own = np.take_along_axis(values, columns[:, None], axis=1)
    least = float(np.finfo(dtype).eps)
    return float(-np.log(np.clip(own, least, 1 - least)).mean())


def perplexity(scores: Any, labels: Any) -> float:
    """Return e to the mean cross entropy: among how many classes a model is undecided.

    Args:
        scores: (..., classes) before the softmax, such as what a language model gives at each
            position.
        labels: integers (...).

    Raises ShapeError for other shapes, DataError for NaN or a label without a score.

    >>> round(perplexity([[2.0, 2.0, 2.0, 2.0]], [3]), 6)
    4.0
    """
    values, wanted = as_array(scores), as_array(labels)
    if values.size and values.shape[:-1] == wanted.shape:
        values, wanted = values.reshape(-1, values.shape[-1]), wanted.reshape(-1)
    rows, columns, _ = _scored("perplexity", values, wanted)
    shifted = rows - rows.max(1, keepdims=True)
    own = np.take_along_axis(shifted, columns[:, None], axis=1)[:, 0]
    with np.errstate(over="ignore"):
        return float(np.exp(np.mean(np.log(np.exp(shifted).sum(1)) - own)))


def _scored(metric: str, scores: Any, labels: Any) -> tuple[Floats, Array, Array]:
    """Return scores and labels where each row has a score for each class, by its number."""
    values, wanted = as_array(scores), as_array(labels)
    if not are_scores(values) or wanted.dtype.kind not in "iu":
        raise mismatch(metric, "scores (n, classes) and integer labels (n,)", values, wanted)
    return scores_and_labels(metric, values, wanted)


def _one_by_one(
    metric: str,
    measure: Callable[[Floats, Array], float],
    scores: Any,
    labels: Any,
    average: str | None,
) -> float | Floats:
    """Return a measure of two classes, or of each of more against the rest."""
    values, columns, classes = scores_and_labels(metric, scores, labels)
    counts = np.bincount(columns, minlength=len(classes))
    for name, count in zip(classes.tolist(), counts.tolist(), strict=True):
        if count in (0, len(columns)):
            there = "every item" if count else "no item"
            raise DataError(f"{metric} compares a class with the rest, but {there} is {name!r}")
    if len(classes) == 2:
        rising = values[:, 0] if values.shape[1] == 1 else values[:, 1] - values[:, 0]
        return measure(rising, columns == 1)
    figures = np.array([measure(values[:, c], columns == c) for c in range(len(classes))])
    if average is None:
        return figures
    if average not in ("macro", "weighted"):
        hint = did_you_mean(str(average), ("macro", "weighted"))
        raise UsageError(f"{metric} has no average {average!r:.40}", hint=hint)
    return float(np.average(figures, weights=counts if average == "weighted" else None))


def _auc(scores: Floats, positive: Array) -> float:
    _, group, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[group]  # the mean of those that share a score
    count = int(positive.sum())
    rest = len(scores) - count
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * rest))


def _average_precision(scores: Floats, positive: Array) -> float:
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    ends = np.append(np.flatnonzero(falling[1:] != falling[:-1]), len(falling) - 1)
    right = np.cumsum(positive[order])[ends]
    gains = np.diff(right, prepend=0) / right[-1]
    return float(np.sum(gains * right / (ends + 1)))
