"""Batch norm and layer norm: what they make of data, and what they remember."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn


def batch(*shape, seed=0):
    values = np.random.default_rng(seed).normal(3.0, 2.0, shape)
    return rl.tensor(values.astype(np.float32))


def test_a_batch_leaves_with_mean_zero_and_variance_one():
    y = nn.BatchNorm(4)(batch(50, 4, 6, 5)).numpy()
    np.testing.assert_allclose(y.mean((0, 2, 3)), np.zeros(4), atol=1e-5)
    np.testing.assert_allclose(y.var((0, 2, 3)), np.ones(4), rtol=1e-4)


def test_running_statistics_move_towards_those_of_the_batches():
    layer = nn.BatchNorm(2, momentum=0.25)
    x = batch(8, 2)
    layer(x)
    mean, var = x.numpy().mean(0), x.numpy().var(0, ddof=1)
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.25 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.numpy(), 0.75 + 0.25 * var, rtol=1e-5)


def test_evaluation_uses_the_running_statistics_and_leaves_them():
    layer = nn.BatchNorm(2).eval()
    layer.running_mean.assign([1.0, 2.0])
    layer.running_var.assign([4.0, 0.25])
    y = layer(rl.tensor([[3.0, 3.0]]))
    np.testing.assert_allclose(y.numpy(), [[1.0, 2.0]], rtol=1e-4)
    assert layer.running_mean.tolist() == [1.0, 2.0]


def test_running_statistics_are_no_part_of_the_gradient():
    layer = nn.BatchNorm(2)
    x = batch(8, 2).requires_grad_()
    layer(x).sum().backward()
    assert not layer.running_mean.requires_grad
    assert layer.running_mean.is_leaf


def test_each_sample_leaves_layer_norm_with_mean_zero_and_variance_one():
    y = nn.LayerNorm((6, 5))(batch(50, 4, 6, 5)).numpy()
    np.testing.assert_allclose(y.mean((2, 3)), np.zeros((50, 4)), atol=1e-5)
    np.testing.assert_allclose(y.var((2, 3)), np.ones((50, 4)), rtol=1e-4)


MISTAKES = [
    (
        lambda: nn.BatchNorm(3)(rl.ones(2, 4)),
        "batch_norm: the input should be (n, 3, ...), it is (2, 4)",
        None,
    ),
    (lambda: nn.BatchNorm(3)(rl.ones(3)), "batch_norm: the input should be (n, 3, ...), it", None),
    (
        lambda: nn.BatchNorm(3)(rl.ones(2, 8, 9, 3)),
        "batch_norm: the input should be (n, 3, ...), it is (2, 8, 9, 3)",
        "x.permute(0, 3, 1, 2) is (2, 3, 8, 9)",
    ),
    (
        lambda: nn.BatchNorm(3)(rl.ones(1, 3)),
        "batch_norm: one value a feature has no variance to train on",
        "use a larger batch, or model.eval()",
    ),
    (
        lambda: nn.LayerNorm(3)(rl.ones(2, 4)),
        "layer_norm: the input should end in (3,), it is (2, 4)",
        None,
    ),
    (lambda: nn.LayerNorm((2, 3))(rl.ones(3)), "layer_norm: the input should end in (2, 3)", None),
    (lambda: nn.BatchNorm(0), "BatchNorm: features must be an int of at least 1, not 0", None),
    (lambda: nn.LayerNorm(()), "LayerNorm: it needs at least one axis", None),
    (lambda: nn.LayerNorm((2, 0)), "LayerNorm: axis 1 must be an int of at least 1, not 0", None),
    (lambda: nn.LayerNorm("3"), "LayerNorm: a shape is made of ints, not '3'", None),
]


@pytest.mark.parametrize(("mistake", "fact", "hint"), MISTAKES, ids=[row[1] for row in MISTAKES])
def test_a_mistake_gets_a_clear_error(mistake, fact, hint):
    with pytest.raises(rl.RushlightError) as caught:
        mistake()
    assert str(caught.value).startswith(fact)
    assert caught.value.hint == hint
    assert caught.value.source.startswith("test_norm.py:")


@pytest.mark.parametrize("training", [True, False])
def test_a_batch_of_float64_keeps_the_statistics_in_their_dtype(training):
    layer, x = nn.BatchNorm(3).train(training), batch(8, 3)
    wide = layer(rl.tensor(x.numpy().astype(np.float64)))
    assert wide.dtype.name == "float64"
    assert layer.running_mean.dtype.name == layer.running_var.dtype.name == "float32"
    same = nn.BatchNorm(3).train(training)
    np.testing.assert_allclose(wide.numpy(), same(x).numpy(), atol=1e-5)
    np.testing.assert_allclose(layer.running_var.numpy(), same.running_var.numpy(), rtol=1e-5)


@pytest.mark.parametrize("wrong", ["a", [], -1.0, float("nan"), float("inf"), 10**400, True])
def test_numbers_that_cannot_be_are_refused(wrong):
    for make in (
        lambda: nn.BatchNorm(2, eps=wrong),
        lambda: nn.BatchNorm(2, momentum=wrong),
        lambda: nn.LayerNorm(2, eps=wrong),
    ):
        with pytest.raises(rl.ModuleError, match="must be a finite number"):
            make()
    with pytest.raises(rl.ModuleError, match="momentum must be a finite number of 0 to 1, not 2"):
        nn.BatchNorm(2, momentum=2)
