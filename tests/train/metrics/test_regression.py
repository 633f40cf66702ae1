"""Measures of numbers, by hand-worked numbers and against scikit-learn."""

import math

import numpy as np
import pytest

import rushlight as rl

metrics = rl.metrics

BY_HAND = [
    (metrics.mean_absolute_error, 2.0),
    (metrics.mean_squared_error, 5.5),
    (metrics.root_mean_squared_error, math.sqrt(5.5)),
    (metrics.median_absolute_error, 1.5),
    (metrics.r2, 1 - 22 / 5),
]


@pytest.mark.parametrize(("metric", "wanted"), BY_HAND)
def test_errors_are_those_worked_out_by_hand(metric, wanted):
    assert metric([2.0, 1.0, 7.0, 6.0], rl.tensor([1, 2, 3, 4])) == pytest.approx(wanted)


def test_r2_of_targets_that_do_not_vary_is_one_or_nothing():
    assert metrics.r2([3.0, 3.0], [3.0, 3.0]) == 1.0
    assert metrics.r2([3.0, 4.0], [3.0, 3.0]) == 0.0


@pytest.mark.parametrize("metric", [metric for metric, _ in BY_HAND])
def test_what_are_no_numbers_of_one_shape_is_refused(metric):
    with pytest.raises(rl.ShapeError, match="numbers and targets of one shape") as caught:
        metric(np.zeros((3, 1)), np.zeros(3))
    assert caught.value.hint == "output.reshape(-1) drops an axis of one"
    with pytest.raises(rl.ShapeError, match="numbers and targets of one shape"):
        metric([], [])
    with pytest.raises(rl.DataError, match="NaN or infinite"):
        metric([1.0, math.nan], [1.0, 2.0])


def test_one_row_has_no_r2():
    with pytest.raises(rl.DataError, match="two rows or more"):
        metrics.r2([1.0], [1.0])


@pytest.mark.parametrize("shape", [(30,), (30, 3)])
def test_errors_are_those_of_scikit_learn(shape):
    sklearn = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    output, targets = random.normal(size=(2, *shape))
    for ours, theirs in [
        (metrics.mean_absolute_error, sklearn.mean_absolute_error),
        (metrics.mean_squared_error, sklearn.mean_squared_error),
        (metrics.median_absolute_error, sklearn.median_absolute_error),
        (metrics.r2, sklearn.r2_score),
    ]:
        assert ours(output, targets) == pytest.approx(theirs(targets, output), rel=1e-12)


def test_a_single_number_has_a_median():
    assert rl.metrics.median_absolute_error(3.0, 1.0) == 2.0


def test_numbers_whose_squares_are_no_floats_are_refused(recwarn):
    with pytest.raises(rl.DataError, match="too large to be squared"):
        rl.metrics.mean_squared_error([1e300, 1.0], [0.0, 1.0])
    assert rl.metrics.mean_squared_error([1e150, -1e150], [-1e150, 1e150]) < 4.1e300
    assert list(recwarn) == []
