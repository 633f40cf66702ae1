"""Measures of classes, by hand-worked numbers and against scikit-learn."""

import numpy as np
import pytest

import rushlight as rl

metrics = rl.metrics


def test_accuracy_is_the_share_of_labels_with_the_largest_score():
    scores = rl.tensor([[1.0, 2.0, 0.0], [3.0, 2.0, 1.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    assert metrics.accuracy(scores, rl.tensor([1, 0, 0, 1])) == 0.75


def test_the_first_of_equal_scores_counts():
    assert metrics.accuracy(rl.tensor([[1.0, 1.0]]), rl.tensor([0])) == 1.0
    assert metrics.accuracy(rl.tensor([[1.0, 1.0]]), rl.tensor([1])) == 0.0


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64"])
def test_labels_are_integers_of_any_kind(dtype):
    assert (
        metrics.accuracy(rl.tensor([[0.0, 1.0], [0.0, 1.0]]), rl.tensor([1, 0], dtype=dtype)) == 0.5
    )


@pytest.mark.parametrize(
    ("scores", "labels"),
    [
        (rl.zeros(2, 3), rl.zeros(2)),
        (rl.zeros(2, 3), rl.zeros(3, dtype="int64")),
        (rl.zeros(2), rl.zeros(2, dtype="int64")),
        (rl.zeros(0, 3), rl.zeros(0, dtype="int64")),
        (rl.zeros(2, 0), rl.zeros(2, dtype="int64")),
        (rl.zeros(2, 3, dtype="int64"), rl.zeros(2, dtype="int64")),
    ],
    ids=["float labels", "lengths", "no classes axis", "no rows", "no classes", "integer scores"],
)
def test_accuracy_of_anything_else_is_refused(scores, labels):
    with pytest.raises(rl.ShapeError, match="accuracy takes scores"):
        metrics.accuracy(scores, labels)


@pytest.mark.parametrize("kind", [list, np.array, rl.tensor], ids=["lists", "arrays", "tensors"])
def test_answers_come_as_lists_arrays_and_tensors(kind):
    assert metrics.accuracy(kind([1, 0, 2, 2]), kind([1, 1, 2, 0])) == 0.5


def test_scores_of_half_precision_are_read_as_numbers():
    scores = rl.tensor([[0.25, 0.5], [0.75, 0.5]], dtype="bfloat16")
    assert metrics.accuracy(scores, [1, 1]) == 0.5


def test_the_rows_of_a_confusion_matrix_are_the_labels():
    matrix = metrics.confusion_matrix([0, 2, 1, 1, 0], [0, 1, 1, 2, 2])
    np.testing.assert_array_equal(matrix, [[1, 0, 0], [0, 1, 1], [1, 1, 0]])


def test_a_confusion_matrix_has_a_row_for_each_column_of_scores():
    matrix = metrics.confusion_matrix([[0.1, 0.9, 0.0]], [0])
    np.testing.assert_array_equal(matrix, [[0, 1, 0], [0, 0, 0], [0, 0, 0]])


def test_the_classes_may_be_put_in_another_order():
    matrix = metrics.confusion_matrix(["a", "b"], ["a", "a"], classes=["c", "b", "a"])
    np.testing.assert_array_equal(matrix, [[0, 0, 0], [0, 0, 0], [0, 1, 1]])


# Four of class 0 (three found), two of class 1 (one found, one false), one of class 2 (missed).
ANSWERS = [0, 0, 0, 1, 1, 0, 1]
LABELS = [0, 0, 0, 0, 1, 1, 2]
BY_HAND = [
    (metrics.precision, None, [3 / 4, 1 / 3, 0]),
    (metrics.recall, None, [3 / 4, 1 / 2, 0]),
    (metrics.f1, None, [3 / 4, 2 / 5, 0]),
    (metrics.precision, "macro", (3 / 4 + 1 / 3) / 3),
    (metrics.recall, "macro", (3 / 4 + 1 / 2) / 3),
    (metrics.f1, "macro", (3 / 4 + 2 / 5) / 3),
    (metrics.precision, "weighted", (4 * 3 / 4 + 2 / 3) / 7),
    (metrics.recall, "weighted", 4 / 7),
    (metrics.f1, "weighted", (4 * 3 / 4 + 2 * 2 / 5) / 7),
    (metrics.precision, "micro", 4 / 7),
    (metrics.recall, "micro", 4 / 7),
    (metrics.f1, "micro", 4 / 7),
]


@pytest.mark.parametrize(("metric", "average", "wanted"), BY_HAND)
def test_figures_are_those_worked_out_by_hand(metric, average, wanted):
    np.testing.assert_allclose(metric(ANSWERS, LABELS, average), wanted, rtol=1e-15)


@pytest.mark.parametrize("metric", [metrics.precision, metrics.recall, metrics.f1])
def test_binary_figures_are_about_the_positive_class(metric):
    each = metric(["ham", "spam", "spam"], ["ham", "ham", "spam"], average=None)
    for name, wanted in zip(["ham", "spam"], each, strict=True):
        got = metric(["ham", "spam", "spam"], ["ham", "ham", "spam"], positive=name)
        assert got == wanted


@pytest.mark.parametrize("metric", [metrics.precision, metrics.recall, metrics.f1])
def test_figures_without_anything_to_divide_by_are_zero(metric):
    assert metric([0, 0], [0, 0]) == 0.0  # the class 1 is neither there nor said
    assert metric([0, 0], [0, 1]) == 0.0  # never said
    assert metric([0, 1], [0, 0]) == 0.0  # never there
    assert metric([1, 1], [1, 1]) == 1.0


REFUSED = [
    (lambda: metrics.precision([0, 1, 2], [0, 1, 2]), "3 classes needs an average"),
    (lambda: metrics.precision([0, 1], [0, 1], "binary", 7), "the classes are 0 and 1"),
    (lambda: metrics.f1([0, 1], [0, 1], "makro"), "there is no average 'makro'"),
    (lambda: metrics.accuracy([0.2, 0.7], [0, 1]), "not float64 .2,. and int64 .2,."),
    (lambda: metrics.accuracy(["a"], [1]), "answers and labels of one kind"),
    (lambda: metrics.accuracy([[0.1, 0.9]], ["a"]), "texts as labels only where"),
    (lambda: metrics.accuracy(5, 5), "accuracy takes scores"),
    (lambda: metrics.accuracy([object()], [1]), "metrics take numbers and labels"),
    (lambda: metrics.accuracy([[1], [1, 2]], [1, 2]), "differing lengths"),
    (lambda: metrics.confusion_matrix([0], [3], classes=[0, 1]), "label 3 is not among"),
    (lambda: metrics.confusion_matrix([[0.1, 0.9]], [2]), "label 2 is not among the classes 0, 1"),
    (lambda: metrics.confusion_matrix([0], [0], classes=[0, 0]), "a list of different labels"),
]


@pytest.mark.parametrize(("ask", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_be_measured_is_explained(ask, message):
    with pytest.raises(rl.RushlightError, match=message):
        ask()


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_scikit_learn(classes, seed):
    sklearn = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(seed)
    answers = random.integers(0, classes, 40)
    labels = np.where(random.random(40) < 0.5, answers, random.integers(0, classes, 40))
    np.testing.assert_array_equal(
        metrics.confusion_matrix(answers, labels), sklearn.confusion_matrix(labels, answers)
    )
    assert metrics.accuracy(answers, labels) == sklearn.accuracy_score(labels, answers)
    for average in [None, "macro", "micro", "weighted", *(["binary"] if classes == 2 else [])]:
        wanted = sklearn.precision_recall_fscore_support(
            labels, answers, average=average, zero_division=0
        )
        own = [metrics.precision, metrics.recall, metrics.f1]
        for metric, value in zip(own, wanted[:3], strict=True):
            np.testing.assert_allclose(metric(answers, labels, average), value, rtol=1e-12)


def test_a_score_that_is_nan_is_no_answer():
    """Its place is what argmax gives, so a network that answers NaN was often right."""
    scores = [[np.nan, np.nan], [1.0, 0.0]]
    for metric in (rl.metrics.accuracy, rl.metrics.confusion_matrix, rl.metrics.f1):
        with pytest.raises(rl.DataError, match="a score is NaN"):
            metric(scores, [0, 0])
