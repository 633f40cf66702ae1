"""The plain-Python network learns, and its twin in tensors does the same."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.recipes import neuron
from rushlight.recipes.neuron import TASKS, NeuralNetwork, in_tensors, train_tensors


@pytest.mark.parametrize("sizes", [[2, 1], [2, 4, 1], [2, 3, 3, 1], [2, 5, 4, 3, 2, 1]])
def test_loops_and_tensors_give_the_same_weights_after_100_epochs(sizes):
    inputs, targets = TASKS["xor"]
    network = NeuralNetwork(sizes, seed=1)
    twin = in_tensors(network)
    plain = network.train(inputs, targets, epochs=100, lr=0.1)
    tensors = train_tensors(twin, inputs, targets, epochs=100, lr=0.1)
    np.testing.assert_allclose(tensors, plain, rtol=0, atol=1e-12)
    for name, tensor in in_tensors(network).state_dict().items():
        np.testing.assert_allclose(twin.state_dict()[name], tensor, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_it_learns_exclusive_or(seed):
    inputs, targets = TASKS["xor"]
    network = NeuralNetwork([2, 4, 1], seed)
    network.train(inputs, targets, epochs=1000, lr=0.05)
    answers = [network.forward(sample) for sample in inputs]
    np.testing.assert_allclose(answers, targets, atol=0.01)


def test_it_learns_a_small_regression():
    inputs, targets = TASKS["curve"]
    errors = NeuralNetwork([1, 4, 1], seed=0).train(inputs, targets, epochs=300, lr=0.05)
    assert errors[-1] < 1e-3 < errors[0]


def test_many_outputs_share_the_mean_of_their_squared_errors():
    network = NeuralNetwork([1, 2], seed=0)
    outputs = network.forward([1.0])
    error = network.learn([1.0], [0.0, 0.0], lr=0.0)
    assert error == pytest.approx((outputs[0] ** 2 + outputs[1] ** 2) / 2)


def test_a_hidden_layer_is_corrected_by_the_weights_before_they_move():
    """One step by hand: w2 and then w1, with the slope through the old w2."""
    network = NeuralNetwork([1, 1, 1], seed=3)
    first, second = network.layers[0].neurons[0], network.layers[1].neurons[0]
    w1, w2 = first.weights[0], second.weights[0]
    hidden = np.tanh(w1 * 2.0)
    slope = 2.0 * (w2 * hidden - 1.0)
    network.learn([2.0], [1.0], lr=0.1)
    assert second.weights[0] == pytest.approx(w2 - 0.1 * slope * hidden)
    assert first.weights[0] == pytest.approx(w1 - 0.1 * slope * w2 * (1 - hidden**2) * 2.0)


def test_epochs_are_printed_with_their_error(capsys):
    inputs, targets = TASKS["xor"]
    errors = NeuralNetwork([2, 2, 1]).train(inputs, targets, epochs=2, lr=0.1, every=1)
    printed = capsys.readouterr().out.splitlines()
    assert printed == [f"Epoch {k}: Error = {e:.6f}" for k, e in enumerate(errors, start=1)]


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda net: net.forward([1.0]), "a neuron of 2 inputs got 1"),
        (lambda net: net.learn([1.0, 2.0], [1.0, 1.0], 0.1), "1 outputs, but 2 targets"),
        (lambda net: net.train([[1.0, 2.0]], [], 1, 0.1), "1 inputs and 0 targets"),
        (lambda net: NeuralNetwork([2]), "two sizes or more"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(use, words):
    with pytest.raises(rl.RushlightError, match=words):
        use(NeuralNetwork([2, 1]))


def test_the_recipe_says_how_far_apart_both_end(capsys):
    run = neuron.train(epochs=100)
    assert run.facts["apart"] < 1e-12
    assert "Epoch 1: Error = " in capsys.readouterr().out
