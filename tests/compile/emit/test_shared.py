"""Kernels that differ in names only are one function; those that differ otherwise are not."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.testing.compare import assert_close

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((32, 64)).astype(np.float32)
WEIGHTS = [RANDOM.standard_normal((64, 64)).astype(np.float32) / 8 for _ in range(3)]

Layers = Callable[[Any, list[Any]], Any]


def layers(x: Any, weights: list[Any]) -> Any:
    for weight in weights:
        x = (x @ weight).tanh()
    return x


def scaled(x: Any, weights: list[Any]) -> Any:
    for number, weight in enumerate(weights):
        x = (x @ weight).tanh() * (1.0 + number)
    return x


def rows(x: Any, weights: list[Any]) -> Any:
    means = [(x * (weight - weight.mean(1, keepdims=True))[:32]).sum(0) for weight in weights]
    return means[0] - means[1] * means[2]


@pytest.mark.parametrize(("function", "products"), [(layers, 1), (scaled, 3), (rows, 0)])
def test_what_differs_in_names_alone_is_one_function(function: Layers, products: int) -> None:
    weights = [rl.tensor(weight) for weight in WEIGHTS]
    compiled = rl.compile(lambda x: function(x, weights))
    got = compiled(rl.tensor(X))
    assert_close(got.numpy(), function(rl.tensor(X), weights).numpy())
    assert len(re.findall(r"RL_INLINE void \w+_tile\(", compiled.source or "")) == products


def test_updates_of_weights_of_one_shape_are_one_function() -> None:
    model = rl.nn.Sequential(*(rl.nn.Linear(64, 64, bias=False) for _ in range(4)))
    adam = rl.optim.Adam(model.parameters(), lr=0.01)
    gradients = [rl.tensor(weight) for weight in (*WEIGHTS, WEIGHTS[0])]
    before = [weight.numpy().copy() for weight in model.parameters()]

    @rl.compile
    def update() -> None:
        for weight, gradient in zip(model.parameters(), gradients, strict=True):
            weight.grad = gradient
        adam.step()
        adam.zero_grad()

    update()
    assert (update.source or "").count("/* kernel_") == 2  # of the count, and of a weight
    for weight, old, gradient in zip(model.parameters(), before, gradients, strict=True):
        assert_close(weight.numpy(), old - 0.01 * np.sign(gradient.numpy()), rtol=1e-3, atol=1e-4)
