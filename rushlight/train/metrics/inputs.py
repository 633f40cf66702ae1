"""What the metrics are given, as NumPy arrays that fit each other."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rushlight.core.errors import DataError, DTypeError, ShapeError
from rushlight.tensor import Tensor

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_LABELS = "iubU"  # the kinds of numbers, and texts, that name a class


def as_array(given: Any) -> Array:
    """Return a tensor, an array or a list as an array of numbers or texts."""
    if isinstance(given, Tensor):
        return given.cast("float32").numpy() if given.dtype.is_half else given.numpy()
    try:
        array = np.asarray(given)
    except ValueError:
        raise ShapeError("a list of lists of differing lengths is no array") from None
    if array.dtype.kind not in "iubfU":
        raise DTypeError(f"metrics take numbers and labels, not {array.dtype} from {given!r:.40}")
    return array


def are_labels(array: Array) -> bool:
    """Return whether an array has one class for each of n rows."""
    return array.ndim == 1 and array.dtype.kind in _LABELS


def are_scores(array: Array) -> bool:
    """Return whether an array has a number for each of n rows and at least one class."""
    return array.ndim == 2 and array.dtype.kind == "f" and array.shape[1] > 0


def mismatch(metric: str, takes: str, output: Array, labels: Array) -> ShapeError:
    """Return the error that says what a metric takes, and what it was given."""
    got = f"{output.dtype} {output.shape} and {labels.dtype} {labels.shape}"
    return ShapeError(f"{metric} takes {takes}, not {got}")


def scores_and_labels(metric: str, scores: Any, labels: Any) -> tuple[Floats, Array, Array]:
    """Return scores (n, classes), the labels as positions among the classes, and the classes.

    Scores of shape (n,) are those of the larger of two classes; they become one column. Classes
    that are integers are 0 up to the number of columns, others those found, sorted.
    """
    values, given = as_array(scores), as_array(labels)
    one = values.ndim == 1 and values.dtype.kind == "f"
    rows = are_labels(given) and len(values) == len(given) > 0
    if not ((one or are_scores(values)) and rows):
        takes = "scores (n, classes), or (n,) for two classes, and labels (n,)"
        raise mismatch(metric, takes, values, given)
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise DataError(f"{metric}: a score is NaN or infinite")
    columns = 2 if one else values.shape[1]
    classes = np.unique(given)
    if not one and given.dtype.kind in "iu":
        classes = np.arange(columns)
    elif len(classes) < columns == 2 and given.dtype.kind in "iub":
        classes = np.arange(2)
    if len(classes) != columns:
        raise DataError(f"{metric}: scores of {columns} classes, but labels of {len(classes)}")
    return values.reshape(len(given), -1), positions(given, classes), classes


def positions(labels: Array, classes: Array) -> npt.NDArray[np.intp]:
    """Return where each label stands among the classes.

    Raises:
        DataError: one of them is not there.
    """
    order = np.argsort(classes, kind="stable")
    found = np.minimum(np.searchsorted(classes, labels, sorter=order), len(classes) - 1)
    where = order[found]
    wrong = np.flatnonzero(classes[where] != labels)
    if len(wrong):
        among = ", ".join(str(one) for one in classes[:10].tolist())
        more = ", ..." if len(classes) > 10 else ""
        raise DataError(f"the label {labels[wrong[0]]} is not among the classes {among}{more}")
    return where
