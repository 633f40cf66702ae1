"""Measures of scores, by hand-worked numbers and against scikit-learn."""

import math

import numpy as np
import pytest

import rushlight as rl

metrics = rl.metrics

SCORES = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.3, 0.4, 0.3]])


@pytest.mark.parametrize(("k", "wanted"), [(1, 1 / 3), (2, 2 / 3), (3, 1.0), (9, 1.0)])
def test_a_label_among_the_k_largest_counts(k, wanted):
    assert metrics.top_k_accuracy(SCORES, [1, 0, 1], k) == wanted


def test_the_first_of_equal_scores_is_the_larger_guess():
    scores = [[1.0, 1.0, 1.0]] * 3
    assert metrics.top_k_accuracy(scores, [0, 1, 2], k=1) == 1 / 3
    assert metrics.top_k_accuracy(scores, [0, 1, 2], k=2) == 2 / 3


def test_the_area_counts_pairs_and_half_of_ties():
    # pairs of a positive (0.5, 0.9) and a negative (0.1, 0.5): three won, one tied
    assert metrics.roc_auc([0.5, 0.9, 0.1, 0.5], [1, 1, 0, 0]) == 3.5 / 4
    assert metrics.roc_auc([0.7, 0.7, 0.7], [1, 0, 1]) == 0.5
    assert metrics.roc_auc([0.9, 0.1], [0, 1]) == 0.0


def test_two_columns_of_scores_are_one_ranking():
    logits = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
    labels = np.arange(30) % 2
    shares = rl.tensor(logits).softmax()
    assert metrics.roc_auc(logits, labels) == metrics.roc_auc(shares, labels)
    assert metrics.roc_auc(shares.numpy()[:, 1], labels) == metrics.roc_auc(shares, labels)


def test_average_precision_is_worked_out_at_each_threshold():
    # falling: right, wrong, right: (1/1 + 2/3) / 2
    assert metrics.average_precision([0.9, 0.5, 0.2], [1, 0, 1]) == pytest.approx(5 / 6)
    # all at one threshold: the share of the class
    assert metrics.average_precision([0.5, 0.5, 0.5, 0.5], [1, 0, 0, 0]) == 0.25


def test_the_log_loss_is_that_of_the_labels_probabilities():
    shares = [[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]]
    assert metrics.log_loss(shares, [1, 1]) == pytest.approx(math.log(4) / 2)
    assert metrics.log_loss([0.75, 0.25], [1, 0]) == pytest.approx(-math.log(0.75))


def test_a_label_of_no_probability_costs_much_but_not_infinitely():
    assert metrics.log_loss([[1.0, 0.0]], [1]) == pytest.approx(-math.log(np.finfo(float).eps))


def test_the_log_loss_of_a_softmax_is_the_cross_entropy():
    logits = rl.tensor(np.random.default_rng(0).normal(size=(20, 5)))
    labels = np.arange(20) % 5
    loss = rl.nn.functional.cross_entropy(logits, rl.tensor(labels)).item()
    assert metrics.log_loss(logits.softmax(), labels) == pytest.approx(loss, rel=1e-12)
    assert metrics.perplexity(logits, labels) == pytest.approx(math.exp(loss), rel=1e-12)


def test_perplexity_takes_positions_of_many_texts():
    assert metrics.perplexity(np.zeros((2, 3, 7)), np.zeros((2, 3), int)) == pytest.approx(7)
    assert metrics.perplexity([[1e4, 0.0]], [1]) == math.inf


REFUSED = [
    (lambda: metrics.roc_auc([0.1, 0.2], [1, 1]), "no item is 0"),
    (lambda: metrics.roc_auc(SCORES, [0, 1, 1]), "no item is 2"),
    (lambda: metrics.roc_auc([0.1, math.nan], [0, 1]), "NaN or infinite"),
    (lambda: metrics.roc_auc([0.1, 0.2, 0.3], [0, 1, 2]), "scores of 2 classes, but labels of 3"),
    (lambda: metrics.roc_auc(SCORES, [0, 1, 2], "micro"), "no average 'micro'"),
    (lambda: metrics.roc_auc([1, 2], [0, 1]), "roc_auc takes scores"),
    (lambda: metrics.roc_auc([], []), "roc_auc takes scores"),
    (lambda: metrics.log_loss([[2.0, 1.0]], [0]), "log_loss takes probabilities"),
    (lambda: metrics.log_loss([[0.2, 0.3]], [0]), "log_loss takes probabilities"),
    (lambda: metrics.top_k_accuracy(SCORES, [0, 1, 2], 0), "k is an int of at least 1"),
    (lambda: metrics.top_k_accuracy([0.1, 0.2], [0, 1]), "top_k_accuracy takes scores"),
    (lambda: metrics.perplexity(np.zeros((2, 3)), [0]), "perplexity takes scores"),
    (lambda: metrics.perplexity(np.zeros((1, 3)), [3]), "label 3 is not among the classes"),
]


@pytest.mark.parametrize(("ask", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_be_measured_is_explained(ask, message):
    with pytest.raises(rl.RushlightError, match=message):
        ask()


@pytest.mark.parametrize("seed", range(5))
def test_rankings_of_two_classes_are_those_of_scikit_learn(seed):
    sklearn = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(seed)
    scores = np.round(random.random(60), 1)  # with ties
    labels = random.integers(0, 2, 60)
    assert metrics.roc_auc(scores, labels) == pytest.approx(sklearn.roc_auc_score(labels, scores))
    assert metrics.average_precision(scores, labels) == pytest.approx(
        sklearn.average_precision_score(labels, scores)
    )
    assert metrics.log_loss(scores, labels) == pytest.approx(sklearn.log_loss(labels, scores))


@pytest.mark.parametrize("average", ["macro", "weighted", None])
def test_rankings_of_many_classes_are_those_of_scikit_learn(average):
    sklearn = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(1)
    shares = random.dirichlet(np.ones(4), 80)
    labels = np.concatenate([np.arange(4), random.integers(0, 4, 76)])
    wanted = sklearn.roc_auc_score(labels, shares, multi_class="ovr", average=average)
    np.testing.assert_allclose(metrics.roc_auc(shares, labels, average), wanted, rtol=1e-12)
    wanted = sklearn.average_precision_score(np.eye(4)[labels], shares, average=average)
    np.testing.assert_allclose(metrics.average_precision(shares, labels, average), wanted)
    assert metrics.top_k_accuracy(shares, labels, 2) == sklearn.top_k_accuracy_score(
        labels, shares, k=2
    )
    assert metrics.log_loss(shares, labels) == pytest.approx(sklearn.log_loss(labels, shares))


def test_scores_of_no_classes_have_no_perplexity():
    with pytest.raises(rl.ShapeError, match="perplexity takes scores"):
        rl.metrics.perplexity(np.zeros((2, 0)), [0, 0])
