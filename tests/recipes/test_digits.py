"""The digit recipes reach their figures. The full trainings are marked long."""

import pytest

from rushlight.recipes import digits, digits_cnn, digits_dense, digits_linear


def test_one_linear_layer_stops_at_its_golden_epoch_with_its_golden_accuracy():
    facts = digits_linear.train(progress=False).facts
    assert abs(facts["epochs"] - 65) <= 1
    assert facts["test_accuracy"] == pytest.approx(0.9045, abs=0.0002)


def test_every_picture_is_used_once_an_epoch():
    model = digits.train(epochs=1, progress=False)
    assert model.facts["test_accuracy"] > 0.92


def test_a_few_steps_of_the_small_networks_learn():
    assert digits_dense.train(epochs=3, batch_size=500, progress=False).facts["test_accuracy"] > 0.6
    cnn = digits_cnn.train(epochs=1, small=True, progress=False).facts
    assert cnn["test_accuracy"] > 0.6
    assert cnn["validation_accuracy"] > 0.6


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("activation", "test", "train"), [("relu", 0.975, 0.985), ("sigmoid", 0.949, 0.953)]
)
def test_the_default_network_reaches_its_figures(activation, test, train):
    facts = digits.train(activation=activation, progress=False).facts
    assert facts["test_accuracy"] >= test - 0.002
    assert facts["train_accuracy"] >= train - 0.002


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_full_batches_of_adam_reach_their_figure():
    assert digits_dense.train(progress=False).facts["test_accuracy"] >= 0.86


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_convolutional_network_reaches_its_figures():
    assert digits_cnn.train(progress=False).facts["test_accuracy"] >= 0.99
    facts = digits_cnn.train(small=True, progress=False).facts
    assert facts["epochs"] == 49
    assert facts["validation_accuracy"] >= 0.976
