"""Norms: what they make of data, what they remember, and mistakes."""

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


def test_groups_of_channels_leave_with_mean_zero_and_variance_one():
    y = nn.GroupNorm(2, 4)(batch(5, 4, 6, 5)).numpy().reshape(5, 2, -1)
    np.testing.assert_allclose(y.mean(2), np.zeros((5, 2)), atol=1e-5)
    np.testing.assert_allclose(y.var(2), np.ones((5, 2)), rtol=1e-4)


def test_every_picture_leaves_instance_norm_with_mean_zero_and_variance_one():
    y = nn.InstanceNorm2d(4)(batch(5, 4, 6, 5)).numpy()
    np.testing.assert_allclose(y.mean((2, 3)), np.zeros((5, 4)), atol=1e-5)
    np.testing.assert_allclose(y.var((2, 3)), np.ones((5, 4)), rtol=1e-4)


def test_the_root_of_the_mean_square_becomes_one():
    y = nn.RMSNorm((6, 5))(batch(3, 6, 5)).numpy()
    np.testing.assert_allclose((y * y).mean((1, 2)), np.ones(3), rtol=1e-5)
    assert nn.RMSNorm(2)(rl.zeros(1, 2)).tolist() == [[0.0, 0.0]]


def test_norms_of_no_samples_give_none():
    for layer in (nn.GroupNorm(2, 4), nn.InstanceNorm1d(4), nn.RMSNorm(3), nn.LayerNorm(3)):
        assert layer(rl.zeros(0, 4, 3)).shape == (0, 4, 3)


def test_without_running_statistics_evaluation_uses_those_of_the_batch():
    layer, x = nn.BatchNorm(2, track_running_stats=False), batch(8, 2)
    assert list(layer.state_dict()) == ["weight", "bias"]
    np.testing.assert_array_equal(layer.eval()(x).numpy(), layer.train()(x).numpy())


def test_without_scale_there_is_nothing_to_train():
    for layer in (
        nn.BatchNorm(2, affine=False),
        nn.InstanceNorm2d(2),
        nn.GroupNorm(1, 2, affine=False),
        nn.LayerNorm(2, affine=False),
        nn.RMSNorm(2, affine=False),
        nn.LocalResponseNorm(2),
    ):
        assert not list(layer.parameters())
    assert [name for name, _ in nn.LayerNorm(2, bias=False).named_parameters()] == ["weight"]


OF_OTHER_RANKS = [
    (nn.BatchNorm1d(3), (2, 3, 4, 5), "batch_norm: the input should be (n, 3, [length]), it is"),
    (nn.BatchNorm2d(3), (2, 3), "batch_norm: the input should be (n, 3, height, width), it is"),
    (nn.BatchNorm3d(3), (2, 3, 4), "batch_norm: the input should be (n, 3, depth, height, width),"),
    (nn.InstanceNorm1d(3), (2, 3), "instance_norm: the input should be (n, 3, length), it is"),
    (nn.InstanceNorm2d(3), (2, 4, 5, 5), "instance_norm: the input should be (n, 3, height, wid"),
    (nn.InstanceNorm3d(3), (3,), "instance_norm: the input should be (n, 3, depth, height, width)"),
    (nn.InstanceNorm1d(3), (2, 3, 1), "instance_norm: one value a feature of a sample has no var"),
    (nn.GroupNorm(1, 3), (2, 4), "the input should be (n, 3, ...), it is (2, 4)"),
    (nn.RMSNorm(3), (2, 4), "rms_norm: the input should end in (3,), it is (2, 4)"),
    (nn.LayerNorm(3, affine=False), (2, 4), "layer_norm: the input should end in (3,), it is"),
    (nn.LocalResponseNorm(3), (2,), "local_response_norm: the input should be (n, channels, ...)"),
]


@pytest.mark.parametrize(("layer", "shape", "fact"), OF_OTHER_RANKS)
def test_an_input_of_another_shape_gets_a_clear_error(layer, shape, fact):
    with pytest.raises(rl.ShapeError) as caught:
        layer(rl.ones(*shape))
    assert str(caught.value).startswith(fact)
    assert caught.value.source.startswith("test_norm.py:")


@pytest.mark.parametrize(
    ("make", "fact"),
    [
        (lambda: nn.GroupNorm(2, 3), "GroupNorm: 3 channels do not make 2 groups of one size"),
        (lambda: nn.GroupNorm(0, 3), "GroupNorm: groups must be an int of at least 1, not 0"),
        (
            lambda: nn.functional.group_norm(rl.ones(2, 3), 2),
            "group_norm: 3 channels do not make 2",
        ),
        (
            lambda: nn.functional.group_norm(rl.ones(2), 1),
            "group_norm: the input should be (n, cha",
        ),
        (lambda: nn.RMSNorm(()), "RMSNorm: it needs at least one axis to normalise over"),
        (lambda: nn.RMSNorm(2, eps=-1.0), "RMSNorm: eps must be a finite number of at least 0"),
        (lambda: nn.LayerNorm(2, bias=3), "LayerNorm: bias is True or False, not 3"),
        (lambda: nn.BatchNorm(2, affine="no"), "BatchNorm: affine is True or False, not 'no'"),
        (lambda: nn.BatchNorm2d(2, momentum=2.0), "BatchNorm2d: momentum must be a finite number"),
        (lambda: nn.LocalResponseNorm(0), "LocalResponseNorm: size must be an int of at least 1"),
    ],
)
def test_a_norm_that_cannot_be_is_refused(make, fact):
    with pytest.raises(rl.RushlightError) as caught:
        make()
    assert str(caught.value).startswith(fact)
