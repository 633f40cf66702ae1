"""Tables for people: what a classifier gets right, and what it takes for what."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core.errors import UsageError
from rushlight.train.metrics.classes import Counts, class_figures, confusions

LONGEST_NAME = 20  # characters, of a class in a table
MOST_PAIRS = 10  # of classes taken for one another, where the table does not fit


def classification_report(output: Any, labels: Any, names: Sequence[str] | None = None) -> str:
    """Return a table of precision, recall and F1 of each class, and how often it is there.

    Below are the accuracy and the means over the classes: plain, and weighted by their counts.

    Args:
        output: scores (n, classes) or answers (n,), as for `accuracy`.
        labels: (n,).
        names: of the classes, in the order of `confusion_matrix`; None for the labels themselves.

    Raises ShapeError as `accuracy` does, UsageError for another number of names.

    >>> print(classification_report([0, 1, 1, 1], [0, 0, 1, 1], names=["ham", "spam"]))
             precision    recall        f1     count
    ham         1.0000    0.5000    0.6667         2
    spam        0.6667    1.0000    0.8000         2
    <BLANKLINE>
    accuracy                        0.7500         4
    macro       0.8333    0.7500    0.7333         4
    weighted    0.8333    0.7500    0.7333         4
    """
    matrix, classes = confusions("classification_report", output, labels)
    return figures_table(matrix, class_names(classes.tolist(), names))


def confusion_table(matrix: Counts, names: Sequence[str], width: int = 80) -> str:
    """Return a confusion matrix as a table of what (row) was taken for what (column).

    Where it is wider than `width` characters, the most frequent confusions are listed instead.

    Raises:
        UsageError: the matrix is not square, or has another number of names.

    >>> print(confusion_table(np.array([[8, 1], [0, 3]]), ["ham", "spam"]))
           ham  spam
    ham      8     1
    spam     .     3
    """
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]
    if not square or len(names) != len(matrix):
        raise UsageError(f"a confusion matrix of {len(names)} names is no {matrix.shape}")
    shown = [shorten(name) for name in names]
    left = max(map(len, shown))
    cell = max(len(str(matrix.max(initial=0))), left) + 2
    if left + cell * len(shown) > width:
        return _most_confused(matrix, shown)
    lines = [" " * left + "".join(f"{name:>{cell}}" for name in shown)]
    for name, row in zip(shown, matrix.tolist(), strict=True):
        lines.append(f"{name:<{left}}" + "".join(f"{count or '.':>{cell}}" for count in row))
    return "\n".join(lines)


def figures_table(matrix: Counts, names: Sequence[str]) -> str:
    """Return the table of `classification_report` for a confusion matrix."""
    figures = class_figures(matrix)
    counts, total = matrix.sum(1), int(matrix.sum())
    left = max(map(len, [*map(shorten, names), "accuracy", "weighted"]))
    lines = [" " * left + "".join(f"{title:>10}" for title in [*figures, "count"])]
    for at, name in enumerate(names):
        lines.append(_line(shorten(name), left, [f[at] for f in figures.values()], counts[at]))
    share = float(np.trace(matrix) / total)
    lines += ["", f"{'accuracy':<{left}}{'':>20}{share:>10.4f}{total:>10,}"]
    for name, weights in (("macro", None), ("weighted", counts)):
        means = [float(np.average(f, weights=weights)) for f in figures.values()]
        lines.append(_line(name, left, means, total))
    return "\n".join(lines)


def class_names(classes: Sequence[Any], names: Sequence[str] | None) -> list[str]:
    """Return a name for each class: its own, or the label as text."""
    if names is None:
        return [str(one) for one in classes]
    if len(names) != len(classes):
        raise UsageError(f"{len(names)} names for {len(classes)} classes")
    return [str(name) for name in names]


def shorten(name: str) -> str:
    """Return a name as a table shows it.

    >>> shorten("a name that goes on and on")
    'a name that goes on…'
    """
    printable = "".join(char if char.isprintable() else "?" for char in name)
    return printable if len(printable) <= LONGEST_NAME else printable[: LONGEST_NAME - 1] + "…"


def _line(name: str, left: int, figures: Sequence[float], count: int) -> str:
    return f"{name:<{left}}" + "".join(f"{one:>10.4f}" for one in figures) + f"{count:>10,}"


def _most_confused(matrix: Counts, names: Sequence[str]) -> str:
    wrong = matrix * ~np.eye(len(matrix), dtype=bool)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = [(int(cell) // len(names), int(cell) % len(names)) for cell in order]
    lines = [
        f"{names[row]} taken for {names[column]}: {wrong[row, column]:,} of {matrix[row].sum():,}"
        for row, column in pairs
        if wrong[row, column]
    ]
    return "\n".join(lines or ["nothing was taken for anything else"])
