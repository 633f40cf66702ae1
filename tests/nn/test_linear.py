"""The fully connected layer."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn


def test_it_multiplies_and_adds():
    layer = nn.Linear(2, 3)
    layer.weight.assign([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    layer.bias.assign([0.5, 0.0, -0.5])
    assert layer(rl.tensor([1.0, 10.0])).tolist() == [21.5, 43.0, 64.5]
    assert layer(rl.zeros(2, 0, 2)).shape == (2, 0, 3)


def test_integers_are_taken_as_floats():
    layer = nn.Linear(2, 1)
    np.testing.assert_array_equal(layer([[1, 2]]).numpy(), layer(rl.tensor([[1.0, 2.0]])).numpy())


MISTAKES = [
    (
        lambda: nn.Linear(784, 10)(rl.ones(5, 28, 28)),
        "linear: the input should end in 784 features; its last axis is 28",
        "x.flatten(1) is (5, 784)",
    ),
    (
        lambda: nn.Linear(3, 2)(rl.ones(3, 4)),
        "linear: the input should end in 3 features; its last axis is 4",
        None,
    ),
    (
        lambda: nn.Linear(3, 2)(rl.tensor(1.0)),
        "linear: the input should end in 3 features; it is a scalar",
        None,
    ),
    (lambda: nn.Linear(3.0, 2), "Linear: inputs must be an int of at least 1, not 3.0", None),
    (lambda: nn.Linear(3, True), "Linear: outputs must be an int of at least 1, not True", None),
    (
        lambda: nn.Linear(3, 2, init="xavier_unifrom"),
        "Linear: there is no initialiser 'xavier_unifrom'",
        "did you mean xavier_uniform?",
    ),
]


@pytest.mark.parametrize(("mistake", "fact", "hint"), MISTAKES, ids=[row[1] for row in MISTAKES])
def test_a_mistake_gets_a_clear_error(mistake, fact, hint):
    with pytest.raises(rl.RushlightError) as caught:
        mistake()
    assert str(caught.value).startswith(fact)
    assert caught.value.hint == hint
    assert caught.value.source.startswith("test_linear.py:")
