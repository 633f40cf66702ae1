"""Measures of answers that are classes: accuracy, the confusion matrix, precision, recall, F1."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rushlight.core.errors import DataError, UsageError, did_you_mean
from rushlight.train.metrics.inputs import (
    Array,
    Floats,
    are_labels,
    are_scores,
    as_array,
    mismatch,
    positions,
)

Counts = npt.NDArray[np.int64]

AVERAGES = ("binary", "macro", "micro", "weighted")


def accuracy(output: Any, labels: Any) -> float:
    """Return the share of right answers.

    Args:
        output: scores (n, classes), of which the largest is the answer, the first among equals;
            or the answers themselves (n,), integers, bools or texts.
        labels: (n,), of the same kind as the answers; for scores the columns' numbers.

    Raises:
        ShapeError: the shapes or dtypes are others, or there are no rows.
        DataError: a score is NaN.

    >>> accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1])
    0.5
    >>> accuracy(["spam", "ham"], ["spam", "ham"])
    1.0
    """
    answers, wanted, _ = answers_and_labels("accuracy", output, labels)
    return float(np.mean(answers == wanted))


def confusion_matrix(output: Any, labels: Any, classes: Sequence[Any] | None = None) -> Counts:
    """Return how often each class (row) was taken for each class (column), int64 (c, c).

    Args:
        output: scores (n, classes) or answers (n,), as for `accuracy`.
        labels: (n,).
        classes: the classes in the order of the rows; None for the columns of the scores, or the
            sorted classes among answers and labels.

    Raises ShapeError as `accuracy` does, DataError for a label that is none of the classes.

    >>> confusion_matrix(["ham", "spam", "ham"], ["ham", "spam", "spam"]).tolist()
    [[1, 0], [1, 1]]
    """
    return confusions("confusion_matrix", output, labels, classes)[0]


def precision(
    output: Any, labels: Any, average: str | None = "binary", positive: Any = 1
) -> float | Floats:
    """Return the share of right answers among those that say a class.

    Where no answer says it, that is 0.

    Args:
        output: scores (n, classes) or answers (n,), as for `accuracy`.
        labels: (n,).
        average: "binary" for the class `positive` of two; "macro" for the mean over the classes,
            "weighted" by how often each is among the labels, "micro" for that of all answers
            together; None for an array with one number a class, in the order of
            `confusion_matrix`.
        positive: the class that "binary" is about.

    Raises ShapeError as `accuracy` does, UsageError for another average, or "binary" for more
    than two classes.

    >>> precision([1, 1, 0, 1], [1, 0, 0, 1])
    0.6666666666666666
    >>> precision([0, 1, 2, 2], [0, 1, 2, 1], average=None).tolist()
    [1.0, 1.0, 0.5]
    """
    return _averaged("precision", output, labels, average, positive)


def recall(
    output: Any, labels: Any, average: str | None = "binary", positive: Any = 1
) -> float | Floats:
    """Return the share of a class that was answered rightly; arguments as for `precision`.

    >>> recall([1, 0, 0, 1], [1, 1, 0, 1])
    0.6666666666666666
    """
    return _averaged("recall", output, labels, average, positive)


def f1(
    output: Any, labels: Any, average: str | None = "binary", positive: Any = 1
) -> float | Floats:
    """Return the harmonic mean of precision and recall; arguments as for `precision`.

    It is 0 where both are. "macro" is the mean of the classes' F1, not F1 of the mean precision
    and recall.

    >>> f1([1, 1, 0, 1], [1, 0, 0, 1])
    0.8
    """
    return _averaged("f1", output, labels, average, positive)


def answers_and_labels(metric: str, output: Any, labels: Any) -> tuple[Array, Array, int | None]:
    """Return answers (n,), labels (n,), and how many classes have scores, if there are scores.

    Raises:
        ShapeError: they are something else, or none.
        DataError: a score is NaN, which is no answer.
    """
    answers, wanted = as_array(output), as_array(labels)
    scored = are_scores(answers)
    good = are_labels(wanted) and len(answers.shape) and len(answers) == len(wanted) > 0
    if not (good and (scored or are_labels(answers))):
        takes = "scores (n, classes) or answers (n,), and integer or text labels (n,)"
        raise mismatch(metric, takes, answers, wanted)
    if scored and wanted.dtype.kind == "U":
        raise mismatch(metric, "texts as labels only where the answers are", answers, wanted)
    if not scored and (answers.dtype.kind == "U") != (wanted.dtype.kind == "U"):
        raise mismatch(metric, "answers and labels of one kind", answers, wanted)
    if scored and np.isnan(answers).any():
        raise DataError(f"{metric}: a score is NaN")
    columns = answers.shape[1] if scored else None
    return answers.argmax(1) if scored else answers, wanted, columns


def confusions(
    metric: str, output: Any, labels: Any, classes: Sequence[Any] | None = None
) -> tuple[Counts, Array]:
    """Return the confusion matrix, and the classes in its order."""
    answers, wanted, columns = answers_and_labels(metric, output, labels)
    if classes is not None:
        known = as_array(classes)
        if not are_labels(known) or len(np.unique(known)) != len(known) or not len(known):
            raise UsageError(f"classes are a list of different labels, not {classes!r:.60}")
    elif columns is not None:
        known = np.arange(columns)
    else:
        known = np.unique(np.concatenate([answers, wanted]))
    count = len(known)
    cells = positions(wanted, known) * count + positions(answers, known)
    matrix = np.bincount(cells, minlength=count * count).reshape(count, count)
    return matrix.astype(np.int64), known


def class_figures(matrix: Counts) -> dict[str, Floats]:
    """Return precision, recall and f1 of each class of a confusion matrix, float64 (c,)."""
    right = np.diag(matrix).astype(np.float64)
    said, there = matrix.sum(0), matrix.sum(1)
    return {
        "precision": _ratio(right, said),
        "recall": _ratio(right, there),
        "f1": _ratio(2 * right, said + there),
    }


def _ratio(part: Floats, whole: Counts) -> Floats:
    """Return the quotients, 0 where nothing is divided by nothing."""
    return part / np.maximum(whole, 1)


def _averaged(
    metric: str, output: Any, labels: Any, average: str | None, positive: Any
) -> float | Floats:
    matrix, classes = confusions(metric, output, labels)
    figures: Floats = class_figures(matrix)[metric]
    if average is None:
        return figures
    if average == "binary":
        return _of_class(metric, figures, classes, positive)
    if average == "micro":  # each wrong answer misses one class and is a false one of another
        return float(np.trace(matrix) / matrix.sum())
    if average in ("macro", "weighted"):
        weights = matrix.sum(1) if average == "weighted" else None
        return float(np.average(figures, weights=weights))
    hint = did_you_mean(str(average), AVERAGES)
    raise UsageError(f"there is no average {average!r:.40}", hint=hint)


def _of_class(metric: str, figures: Floats, classes: Array, positive: Any) -> float:
    if len(classes) > 2:
        raise UsageError(
            f"{metric} of {len(classes)} classes needs an average",
            hint='average="macro", or None for one number a class',
        )
    where = np.flatnonzero(classes == positive)
    if not len(where) and len(classes) == 2:
        raise UsageError(
            f"positive is {positive!r:.40}, but the classes are {classes[0]} and {classes[1]}"
        )
    return float(figures[where[0]]) if len(where) else 0.0
