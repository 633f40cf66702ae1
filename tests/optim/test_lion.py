"""Lion against the paper's algorithm 2, transcribed to NumPy."""

import numpy as np
import pytest

import rushlight as rl

CASES = [
    {"lr": 0.01},
    {"lr": 0.1, "betas": (0.5, 0.9)},
    {"lr": 0.05, "betas": (0.95, 0.98), "weight_decay": 0.3},
]


def gradient_of(w, step):
    return np.cos(w * (1.0 + step)) + 0.1 * w


def lion_of_the_paper(w, steps, lr, betas=(0.9, 0.99), weight_decay=0.0):
    m = np.zeros_like(w)
    for step in range(steps):
        g = gradient_of(w, step)
        c = betas[0] * m + (1 - betas[0]) * g
        w = w - lr * (np.sign(c) + weight_decay * w)
        m = betas[1] * m + (1 - betas[1]) * g
    return w


@pytest.mark.parametrize("options", CASES)
def test_lion_moves_weights_as_in_the_paper(options):
    begin = np.random.default_rng(0).standard_normal((3, 4))
    w = rl.tensor(begin, requires_grad=True)
    optimizer = rl.optim.Lion([w], **options)
    for step in range(20):
        w.grad = rl.tensor(gradient_of(w.numpy(), step))
        optimizer.step()
    np.testing.assert_allclose(w.numpy(), lion_of_the_paper(begin, 20, **options), rtol=1e-10)


def test_lion_goes_up_where_it_is_to_maximise():
    w = rl.tensor([1.0], requires_grad=True)
    rl.optim.Lion([w], lr=0.25, maximize=True).backward_step((w * w).sum())
    assert w.item() == 1.25
