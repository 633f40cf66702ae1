"""The tables that people read."""

import numpy as np
import pytest

import rushlight as rl

metrics = rl.metrics

ANSWERS = [0, 0, 0, 1, 1, 0, 1]
LABELS = [0, 0, 0, 0, 1, 1, 2]


def test_the_report_has_the_figures_of_scikit_learns():
    sklearn = pytest.importorskip("sklearn.metrics")
    wanted = sklearn.classification_report(LABELS, ANSWERS, digits=4, zero_division=0)
    theirs = [line.split()[-4:] for line in wanted.splitlines() if line.strip()]
    ours = metrics.classification_report(ANSWERS, LABELS).splitlines()
    assert [line.split()[-4:] for line in ours[1:4]] == theirs[1:4]
    assert ours[5].split()[1:] == theirs[4][-2:]
    assert [line.split()[1:] for line in ours[6:]] == theirs[5:]


def test_classes_are_called_by_their_names():
    report = metrics.classification_report(ANSWERS, LABELS, names=["cat", "dog", "a\x1b[31m"])
    assert [line.split()[0] for line in report.splitlines()[1:4]] == ["cat", "dog", "a?[31m"]


def test_names_for_other_classes_are_refused():
    with pytest.raises(rl.UsageError, match="2 names for 3 classes"):
        metrics.classification_report(ANSWERS, LABELS, names=["cat", "dog"])


def test_a_confusion_table_that_is_too_wide_lists_what_was_confused_most():
    matrix = np.diag(np.full(30, 9))
    matrix[3, 8], matrix[4, 9] = 5, 7
    names = [f"class {number}" for number in range(30)]
    assert metrics.confusion_table(matrix, names, width=80).splitlines() == [
        "class 4 taken for class 9: 7 of 16",
        "class 3 taken for class 8: 5 of 14",
    ]
    assert metrics.confusion_table(np.diag(np.full(30, 9)), names, width=80) == (
        "nothing was taken for anything else"
    )


def test_the_columns_of_a_confusion_table_are_aligned():
    matrix = np.array([[1000, 2, 0], [0, 50, 1], [3, 0, 7]])
    table = metrics.confusion_table(matrix, ["a", "long name", "c"])
    lines = table.splitlines()
    assert {len(line) for line in lines} == {len(lines[0])}
    assert [line.split()[-3:] for line in lines[1:]] == [
        ["1000", "2", "."],
        [".", "50", "1"],
        ["3", ".", "7"],
    ]


def test_a_confusion_table_of_another_shape_is_refused():
    with pytest.raises(rl.UsageError, match="matrix of 2 names is no"):
        metrics.confusion_table(np.zeros((2, 3), int), ["a", "b"])
