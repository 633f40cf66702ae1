"""The gesture recipe: a net for a watch, tested on people that it never saw."""

import pytest

from rushlight.recipes import gesture


def test_a_short_training_is_already_ahead_of_each_sample_weighed_by_itself():
    facts = gesture.train(epochs=5, wearers=20, progress=False).facts
    linear = gesture.train(epochs=5, wearers=20, network="linear", progress=False).facts
    assert facts["test_accuracy"] > 0.85
    assert linear["test_accuracy"] < 0.75


def test_the_network_fits_on_a_watch():
    assert sum(parameter.size for parameter in gesture.build().parameters()) < 8192


def test_nobody_is_both_learnt_from_and_tested_on():
    assert min(gesture.TEST_WEARERS) > 1000


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(3))
def test_it_reaches_its_figure_on_people_that_it_never_saw(seed):
    assert gesture.train(seed=seed, progress=False).facts["test_accuracy"] >= 0.95
    linear = gesture.train(seed=seed, network="linear", progress=False).facts
    assert linear["test_accuracy"] <= 0.75
